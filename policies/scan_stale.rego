# METADATA
# title: Scan results are up to date
# description: >-
#   Looks for images in use whose last scan is older than ages.scan_days, where scanning is not continuous, and for
#   images that have become too old for the scanner. In use is what was pulled within ages.in_use_days; an index is as
#   stale as the oldest scan of its images.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning.html
#     description: Image scanning
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_StartImageScan.html
#     description: Starting a basic scan by hand
#   - ref: https://docs.aws.amazon.com/inspector/latest/user/scanning-ecr.html
#     description: Enhanced scanning, and how long images are scanned again
# custom:
#   id: scan-stale
#   severity: medium
#   scope: image
#   images: scanned
#   needs: [images, release-scan-findings]
#   uses: [registry-scanning, scanning]
#   why: >-
#     The image does not change, but what is known of it does: vulnerabilities are found in software that was sound when
#     it was scanned. A scan on push tells how things stood on that day.
#   remediation: >-
#     Start a scan again where scanning is basic, every month if images run that long, or turn on enhanced scanning with
#     CONTINUOUS_SCAN. Where the scanner has given the image up, lengthen the re-scan duration in Amazon Inspector, or
#     build and release the image anew.
#   frameworks:
#     nist-800-53: [RA-5]
#     nist-800-190: [4.1.1]
package ecraudit.rules.scan_stale

import data.ecraudit.lib.scans

deny contains finding if {
	some image in input.images
	image.vulnerabilities.scan == "expired"
	scans.expired(image)
	scans.judged(image)
	finding := object.union(
		{"message": sprintf("%s is no longer scanned: %s", [scans.subject(image), scans.reason(image)])},
		scans.place(image),
	)
}

deny contains finding if {
	frequency != "CONTINUOUS_SCAN"
	some image in input.images
	image.vulnerabilities.state == "scanned"
	age := outdated(image)
	finding := object.union_n([
		{"message": sprintf(
			"the scan result of %s is %d days old (%d allowed)",
			[scans.subject(image), age, input.config.ages.scan_days],
		)},
		scans.place(image),
		scans.again(image, input.registry),
	])
}

unknown contains finding if {
	not frequency
	some image in input.images
	image.vulnerabilities.state == "scanned"
	age := outdated(image)
	finding := object.union(
		{"message": sprintf(
			"the scan result of %s is %d days old, which is right only where scanning is continuous; %s",
			[scans.subject(image), age, "how the repository is scanned is not known"],
		)},
		scans.place(image),
	)
}

unknown contains finding if {
	not continuous
	demanded
	some image in input.images
	image.vulnerabilities.state == "scanned"
	not image.vulnerabilities.scanned_at
	in_use(image)
	scanned_once(image)
	finding := object.union(
		{"message": sprintf("cannot tell how old the scan result of %s is: AWS gives no time", [scans.subject(image)])},
		scans.place(image),
	)
}

day := 86400000000000

demanded if input.config.ages.scan_days > 0

frequency := input.repository.scanning.frequency

continuous if frequency == "CONTINUOUS_SCAN"

# outdated is the age in days of a scan result that is too old.
outdated(image) := floor(age / day) if {
	demanded
	age := input.now - image.vulnerabilities.scanned_at
	age > input.config.ages.scan_days * day
	in_use(image)
	scanned_once(image)
}

in_use(image) if input.now - image.last_pulled_at <= input.config.ages.in_use_days * day

# ACTIVE is the status of images that are scanned continuously.
scanned_once(image) if {
	not image.vulnerabilities.status == "ACTIVE"
	scans.judged(image)
}
