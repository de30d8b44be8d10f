# METADATA
# title: Releases have no more vulnerabilities than allowed
# description: >-
#   A release is what runs, so a known vulnerability in it is one in production. An image that was not scanned, or whose
#   scan did not finish, is not known to be sound, and is never taken for it.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning.html
#     description: Image scanning
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImageScanFindings.html
#     description: Scan findings and scan statuses
# custom:
#   id: release-vulnerabilities
#   severity: high
#   scope: image
#   needs: [images, release-scan-findings]
#   uses: [registry-scanning]
#   remediation: >-
#     Rebuild the image on a mended base, release it under a new tag and deploy that. Where the image was never scanned,
#     scan it first. The limits stand under vulnerabilities in ecraudit.yaml.
#   frameworks:
#     prowler: [ecr_repositories_scan_vulnerabilities_in_latest_image]
#     nist-800-53: [RA-5, SI-2]
package ecraudit.rules.release_vulnerabilities

# The images of an index are judged through the index, which has the worst of them.
deny contains finding if {
	some image in input.images
	image.release_tags[0]
	image.kind in judged
	excess := surely_over(image)
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
	not surely_over(image)
	finding := object.union(
		{
			"digest": image.digest,
			"tag": min(image.release_tags),
			"message": sprintf("the vulnerabilities of the release are not known: %s", [reason(image)]),
		},
		fix(image),
	)
}

judged := {"image", "index"}

limited if some _ in input.config.vulnerabilities

over_limit(vulnerabilities) := [excess |
	some severity in ["critical", "high", "medium", "low", "informational", "undefined", "untriaged"]
	limit := input.config.vulnerabilities[severity]
	found := vulnerabilities[severity]
	found > limit
	excess := sprintf("%d %s (%d allowed)", [found, severity, limit])
]

# surely_over is what exceeds a limit beyond doubt. What some images of an index
# have it has at the least, whatever is not known of the others.
surely_over(image) := excess if {
	sure(image)
	excess := over_limit(image.vulnerabilities)
	count(excess) > 0
}

sure(image) if image.vulnerabilities.state == "scanned"

sure(image) if image.kind == "index"

reason(image) := image.vulnerabilities.reason

reason(image) := "nothing was asked about them" if not image.vulnerabilities

# Only basic scanning can be started by hand, and only of images in standard storage.
fix(image) := {"fix": {"action": "start_scan", "digest": image.digest}} if {
	image.vulnerabilities.status == "NOT_SCANNED"
	image.status == "ACTIVE"
	input.registry.scanning.type == "BASIC"
} else := {}
