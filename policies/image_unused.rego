# METADATA
# title: Images that nobody pulls are archived
# description: >-
#   Looks for container images that were neither pushed nor pulled, nor restored from the archive, within
#   ages.unused_days. Releases, images with a protected tag, signed ones and the images of an index are left out. It is
#   off by default, because replicas for disaster recovery are meant not to be pulled: turn it on with image-unused: on
#   under rules in ecraudit.yaml, for the repositories where it makes sense.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/archive_restore_image.html
#     description: Archiving images
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageDetail.html
#     description: When an image was pushed and last pulled
# custom:
#   id: image-unused
#   severity: info
#   scope: image
#   needs: [images, image-graph]
#   why: >-
#     An image that nobody pulls is paid for like one in use, and gathers vulnerabilities that a deployment by mistake
#     would run. In the archive it costs less, cannot be pulled, and is still there.
#   remediation: >-
#     Make sure that nothing long-lived still runs from the image, such as a Lambda function or an instance, because AWS
#     does not record that. Then archive it: it can be restored within some twenty minutes, and is paid for at least 90
#     days. Let a lifecycle rule expire what nobody will ever need.
#   enabled: false
#   frameworks:
#     nist-800-190: [4.2.2]
package ecraudit.rules.image_unused

import data.ecraudit.lib.amounts

deny contains finding if {
	not perhaps_children
	some image in idle
	image.pushed_at < limit
	finding := object.union(
		{
			"message": sprintf("the image was pushed %d days ago, and %s", [days(image.pushed_at), last_pull(image)]),
			"fix": {"action": "archive_image", "digest": image.digest},
		},
		place(image),
	)
}

unknown contains finding if {
	not perhaps_children
	some image in idle
	not image.pushed_at
	finding := object.union(
		{"message": sprintf("it is not known when the image was pushed, and %s", [last_pull(image)])},
		place(image),
	)
}

unknown contains {"message": message} if {
	perhaps_children
	some image in idle
	not pushed_lately(image)
	message := sprintf("some images seem unused, but %d indexes that may refer to them were not read", [unread])
}

# idle are the images that may be archived, and were surely not used lately but
# for their push. A restored image counts as new, or it would go back at once.
idle contains image if {
	some image in input.images
	image.kind == "image"
	image.status == "ACTIVE"
	image.subject == ""
	image.protected == false
	not image.release_tags[0]
	not image.parents[0]
	not image.signatures[0]
	not used_lately(image)
}

pushed_lately(image) if image.pushed_at >= limit

used_lately(image) if image.last_pulled_at >= limit

used_lately(image) if image.last_activated_at >= limit

# Archiving an image of an index breaks the index.
perhaps_children if unread > 0

unread := input.repository.stats.unread_indexes

place(image) := {"digest": image.digest, "tag": image.tags[0]} if image.tags[0]

place(image) := {"digest": image.digest} if not image.tags[0]

last_pull(image) := sprintf("it was last pulled %d days ago", [days(image.last_pulled_at)]) if image.last_pulled_at

last_pull(image) := "no pull of it was ever recorded" if not image.last_pulled_at

limit := amounts.before(input.now, input.config.ages.unused_days)

days(moment) := amounts.days(input.now, moment)
