# METADATA
# title: Scans of images succeed
# description: >-
#   Looks for scans that failed and for images that the scanner does not support, among the images whose scan is known;
#   an index fails if any of its images does. These are the releases and their images, and every container image where a
#   rule that takes all scan findings is on.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning-troubleshooting.html
#     description: Troubleshooting image scanning
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImageScanFindings.html
#     description: Scan findings and scan statuses
# custom:
#   id: scan-failed
#   severity: high
#   scope: image
#   images: scanned
#   needs: [images, release-scan-findings]
#   uses: [registry-scanning]
#   why: >-
#     A scan without a result looks like one without findings to whoever counts findings. What is in the image is as
#     unknown as if scanning were off.
#   remediation: >-
#     Start a failed scan again where scanning is basic. An image that the scanner does not support, such as one without
#     a distribution's package database, takes enhanced scanning or a scanner in the pipeline that builds it; a scope of
#     ecraudit.yaml can turn the rule off for such repositories.
#   frameworks:
#     prowler: [ecr_repositories_scan_vulnerabilities_in_latest_image]
#     cis-eks-1.5: [5.1.1]
#     nist-800-53: [RA-5]
#     nist-800-190: [4.1.1]
package ecraudit.rules.scan_failed

import data.ecraudit.lib.scans

deny contains finding if {
	some image in input.images
	image.vulnerabilities.state == "unknown"
	scans.failed(image)
	scans.judged(image)
	finding := object.union_n([
		{"message": sprintf("there is no scan result of %s: %s", [scans.subject(image), scans.reason(image)])},
		scans.place(image),
		fix(image),
	])
}

# An image that is not supported stays so.
fix(image) := scans.again(image, input.registry) if image.vulnerabilities.scan == "failed"

fix(image) := {} if image.vulnerabilities.scan == "unsupported"
