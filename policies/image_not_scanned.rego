# METADATA
# title: Every container image was scanned
# description: >-
#   Looks for container images that the scanner has never seen, whatever their tags; an index stands for its images, and
#   the archive is left out. Off by default: turned on under rules in ecraudit.yaml, it takes a call of
#   DescribeImageScanFindings for every container image, and it takes in what release-unscanned says of releases.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning.html
#     description: Image scanning
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_StartImageScan.html
#     description: Starting a basic scan by hand
# custom:
#   id: image-not-scanned
#   severity: medium
#   scope: image
#   needs: [images, scan-findings]
#   uses: [registry-scanning, scanning]
#   enabled: false
#   why: >-
#     What is in the registry can be pulled and run, with or without a release tag. Nobody knows what is in an image
#     that was never scanned.
#   remediation: >-
#     Where scanning is basic, start a scan of the image, and scan on push from now on. Where it is enhanced, add a
#     filter that matches the repository. Let lifecycle rules expire what nobody runs.
#   frameworks:
#     cis-eks-1.5: [5.1.1]
#     nist-800-53: [RA-5]
#     nist-800-190: [4.1.1]
package ecraudit.rules.image_not_scanned

import data.ecraudit.lib.scans

deny contains finding if {
	some image in input.images
	scans.never(image)
	scans.judged(image)
	finding := object.union_n([
		{"message": sprintf("%s %s%s", [scans.subject(image), unscanned(image), cause])},
		scans.place(image),
		scans.again(image, input.registry),
	])
}

unknown contains finding if {
	some image in input.images
	undecided(image)
	image.status != "ARCHIVED"
	scans.judged(image)
	finding := object.union(
		{"message": sprintf("cannot tell whether %s was scanned: %s", [scans.subject(image), scans.reason(image)])},
		scans.place(image),
	)
}

undecided(image) if not image.vulnerabilities.scan

undecided(image) if image.vulnerabilities.scan == "unknown"

unscanned(image) := "was never scanned" if image.kind == "image"

unscanned(image) := sprintf("is not scanned in full: %s", [scans.reason(image)]) if image.kind == "index"

default cause := ""

cause := "; images of this repository are scanned only on demand" if input.repository.scanning.frequency == "MANUAL"
