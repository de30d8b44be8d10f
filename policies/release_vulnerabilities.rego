# METADATA
# title: Releases have no more vulnerabilities than allowed
# description: >-
#   Compares what the scanner found in each release with the limits, of an index the worst of its images. An image
#   whose vulnerabilities are not known is never taken for sound: what was not scanned, could not be, or no longer is,
#   fails release-unscanned, scan-failed or scan-stale, and this rule cannot tell of the rest.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning.html
#     description: Image scanning
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImageScanFindings.html
#     description: Scan findings and scan statuses
# custom:
#   id: release-vulnerabilities
#   severity: high
#   scope: image
#   images: releases
#   needs: [images, release-scan-findings]
#   why: >-
#     A release is what runs, so a known vulnerability in it is one in production. Attackers read the same lists as the
#     scanner does.
#   remediation: >-
#     Rebuild the image on a mended base, release it under a new tag and deploy that. The limits stand under
#     vulnerabilities in ecraudit.yaml.
#   frameworks:
#     prowler: [ecr_repositories_scan_vulnerabilities_in_latest_image]
#     nist-800-53: [RA-5, SI-2]
#     nist-800-190: [4.1.1]
#     cis-eks-1.5: [5.1.1]
#     pci-dss-4.0: [6.3.1, 6.3.3]
package ecraudit.rules.release_vulnerabilities

import data.ecraudit.lib.scans

# The images of an index are judged through the index, which has the worst of them.
deny contains finding if {
	some image in input.images
	image.release_tags[0]
	image.kind in judged
	excess := scans.excess(image, input.config.vulnerabilities)
	finding := {
		"digest": image.digest,
		"tag": min(image.release_tags),
		"message": sprintf("the release has too many vulnerabilities: %s", [concat(", ", excess)]),
	}
}

unknown contains finding if {
	limited
	some image in input.images
	image.release_tags[0]
	image.kind in judged
	not image.vulnerabilities.state == "scanned"
	not said_elsewhere(image)
	not scans.excess(image, input.config.vulnerabilities)
	finding := {
		"digest": image.digest,
		"tag": min(image.release_tags),
		"message": sprintf("the vulnerabilities of the release are not known: %s", [scans.reason(image)]),
	}
}

judged := {"image", "index"}

limited if some _ in input.config.vulnerabilities

# release-unscanned, scan-failed and scan-stale say these.
said_elsewhere(image) if scans.never(image)

said_elsewhere(image) if scans.failed(image)

said_elsewhere(image) if scans.expired(image)
