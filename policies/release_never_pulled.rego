# METADATA
# title: Releases are pulled
# description: >-
#   Looks for releases, not archived, that were pushed longer ago than ages.unused_days and of which no pull was ever
#   recorded. It is off by default, because replicas for disaster recovery are meant not to be pulled: turn it on with
#   release-never-pulled: on under rules in ecraudit.yaml, for the repositories where it makes sense; it costs no
#   calls.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageDetail.html
#     description: When an image was pushed and last pulled
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/archive_restore_image.html
#     description: Archiving images
# custom:
#   id: release-never-pulled
#   severity: info
#   scope: image
#   images: releases
#   needs: [images]
#   why: >-
#     A release that nobody ever pulled was never deployed, and probably never will be. Releases are kept longest, so
#     it costs most and is the last to go.
#   remediation: >-
#     Archive the release, or delete it if nothing refers to it. Where many releases are never pulled, release less
#     often or build only what is deployed.
#   enabled: false
#   frameworks:
#     nist-800-190: [4.2.2]
package ecraudit.rules.release_never_pulled

import data.ecraudit.lib.amounts

deny contains finding if {
	some image in never_pulled
	image.pushed_at < limit
	finding := {
		"digest": image.digest,
		"tag": min(image.release_tags),
		"message": sprintf("the release was pushed %d days ago, and no pull of it was ever recorded", [days(image)]),
	}
}

unknown contains finding if {
	some image in never_pulled
	not image.pushed_at
	finding := {
		"digest": image.digest,
		"tag": min(image.release_tags),
		"message": "no pull of the release was ever recorded, and it is not known when it was pushed",
	}
}

never_pulled contains image if {
	some image in input.images
	image.release_tags[0]
	not image.last_pulled_at
	image.kind in {"image", "index"}
	not image.status == "ARCHIVED"
}

limit := amounts.before(input.now, input.config.ages.unused_days)

days(image) := amounts.days(input.now, image.pushed_at)
