# METADATA
# title: Every release was scanned
# description: >-
#   Looks for releases that the scanner has never seen; an index counts as such if any of its images does. Images in
#   the archive are left out, because they cannot be scanned, and a scan under way counts as one.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning.html
#     description: Image scanning
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_StartImageScan.html
#     description: Starting a basic scan by hand
# custom:
#   id: release-unscanned
#   severity: high
#   scope: image
#   images: releases
#   needs: [images, release-scan-findings]
#   uses: [registry-scanning, scanning]
#   why: >-
#     Nobody knows what is in a release that was never scanned, and it is what runs. Releases that were pushed before
#     scanning was turned on stay unscanned until somebody asks for it.
#   remediation: >-
#     Where scanning is basic, start a scan of the image, and scan on push from now on. Where it is enhanced, add a
#     filter that matches the repository; the scanner then takes up what was pushed lately, and older images are pushed
#     again.
#   frameworks:
#     prowler: [ecr_repositories_scan_vulnerabilities_in_latest_image]
#     cis-eks-1.5: [5.1.1]
#     nist-800-53: [RA-5]
#     nist-800-190: [4.1.1]
package ecraudit.rules.release_unscanned

import data.ecraudit.lib.scans

deny contains finding if {
	some image in input.images
	image.release_tags[0]
	image.kind in judged
	scans.never(image)
	finding := object.union_n([
		{"message": sprintf("the release %s%s", [unscanned(image), cause])},
		scans.place(image),
		scans.again(image, input.registry),
	])
}

# Where vulnerabilities are limited, release-vulnerabilities says so.
unknown contains finding if {
	not limited
	some image in input.images
	image.release_tags[0]
	image.kind in judged
	undecided(image)
	finding := object.union(
		{"message": sprintf("cannot tell whether the release was scanned: %s", [scans.reason(image)])},
		scans.place(image),
	)
}

judged := {"image", "index"}

limited if some _ in input.config.vulnerabilities

undecided(image) if not image.vulnerabilities.scan

undecided(image) if image.vulnerabilities.scan == "unknown"

unscanned(image) := "was never scanned" if image.kind == "image"

unscanned(image) := sprintf("is not scanned in full: %s", [scans.reason(image)]) if image.kind == "index"

default cause := ""

cause := "; images of this repository are scanned only on demand" if input.repository.scanning.frequency == "MANUAL"
