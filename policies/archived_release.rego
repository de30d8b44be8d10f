# METADATA
# title: No release is archived
# description: >-
#   Looks for images and indexes that carry a release tag and are in the archive. One that is being restored passes,
#   as do archived images that are no release.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/archive_restore_image.html
#     description: Archiving and restoring images
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
#     description: Lifecycle policies, which can archive images
# custom:
#   id: archived-release
#   severity: low
#   scope: image
#   images: releases
#   needs: [images]
#   why: >-
#     An archived release is listed like any other, and pulling it fails as if it were not there. That shows when it
#     is needed at once: in a rollback, or when a node is replaced.
#   remediation: >-
#     Restore the release if anything may still run it, which takes about twenty minutes, and keep lifecycle rules
#     from archiving its tags. Where old releases are archived on purpose, turn this rule off or narrow release_tags.
#   frameworks:
#     nist-800-53: [CP-10]
package ecraudit.rules.archived_release

import data.ecraudit.lib.amounts

deny contains finding if {
	some image in input.images
	image.status == "ARCHIVED"
	image.release_tags[0]
	image.kind in {"image", "index"}
	finding := {
		"digest": image.digest,
		"tag": min(image.release_tags),
		"message": sprintf("the release is archived and cannot be pulled until it is restored%s", [last_use(image)]),
	}
}

last_use(image) := sprintf("; it was last pulled %d days ago", [amounts.days(input.now, image.last_pulled_at)]) if {
	image.last_pulled_at
} else := ""
