# METADATA
# title: Container images have no more vulnerabilities than allowed
# description: >-
#   Compares what the scanner found in every container image with the limits, of an index the worst of its images; the
#   archive is left out. Off by default: turned on under rules in ecraudit.yaml, it takes a call of
#   DescribeImageScanFindings for every container image, and release-vulnerabilities can be turned off beside it.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning.html
#     description: Image scanning
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImageScanFindings.html
#     description: Scan findings and scan statuses
# custom:
#   id: image-vulnerabilities
#   severity: medium
#   scope: image
#   needs: [images, scan-findings]
#   enabled: false
#   why: >-
#     Images without a release tag run too: in tests, in previews, and where somebody deploys by digest. An old image in
#     the registry stays within reach of whoever can pull.
#   remediation: >-
#     Rebuild the image on a mended base, or let a lifecycle rule expire it. The limits stand under vulnerabilities in
#     ecraudit.yaml, and a scope there can have limits of its own.
#   frameworks:
#     nist-800-53: [RA-5, SI-2]
#     nist-800-190: [4.1.1]
#     pci-dss-4.0: [6.3.3]
package ecraudit.rules.image_vulnerabilities

import data.ecraudit.lib.scans

deny contains finding if {
	some image in input.images
	image.status != "ARCHIVED"
	excess := scans.excess(image, input.config.vulnerabilities)
	scans.judged(image)
	finding := object.union(
		{"message": sprintf("%s has too many vulnerabilities: %s", [scans.subject(image), concat(", ", excess)])},
		scans.place(image),
	)
}

unknown contains finding if {
	limited
	some image in input.images
	not image.vulnerabilities.state == "scanned"
	image.status != "ARCHIVED"
	scans.judged(image)
	not said_elsewhere(image)
	not scans.excess(image, input.config.vulnerabilities)
	finding := object.union(
		{"message": sprintf("the vulnerabilities of %s are not known: %s", [scans.subject(image), scans.reason(image)])},
		scans.place(image),
	)
}

limited if some _ in input.config.vulnerabilities

# scan-failed and scan-stale say these.
said_elsewhere(image) if scans.failed(image)

said_elsewhere(image) if scans.expired(image)
