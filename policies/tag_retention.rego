# METADATA
# title: Tags stay no longer than their class is kept
# description: >-
#   Looks at the tags that belong to a class of the retention in the configuration, and at how many images, or for how
#   many days, that class keeps. A tag fails when its class does not keep it, its image was not pulled within
#   ages.in_use_days, and neither the image nor an index that refers to it is protected; without retention in the
#   configuration nothing is demanded.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
#     description: Lifecycle policies, which work on images and not on tags
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html
#     description: Removing a tag, which deletes the image with its last one
# custom:
#   id: tag-retention
#   severity: low
#   scope: image
#   images: tagged
#   needs: [images]
#   why: >-
#     Tags of branches, pull requests and builds pile up, and each of them keeps its image from expiring as untagged.
#     ECR's lifecycle policies cannot keep the newest of each branch, nor spare what is in use.
#   remediation: >-
#     Take the tag off the image, giving the image another tag first if it is its last one, and let the lifecycle
#     policy expire what is left untagged. The classes stand under retention in ecraudit.yaml.
#   frameworks:
#     nist-800-190: [4.2.2]
package ecraudit.rules.tag_retention

import data.ecraudit.lib.amounts
import data.ecraudit.lib.tags

deny contains finding if {
	some image in input.images
	some verdict in image.retention
	verdict.keep == false
	image.kind in {"image", "index"}
	image.protected == false
	not in_use(image)
	not tags.named_by_tools(verdict.tag)
	finding := {
		"digest": image.digest,
		"tag": verdict.tag,
		"message": sprintf("the tag %s need not be kept (%s): %s", [verdict.tag, class(verdict), verdict.reason]),
		"fix": {"action": "untag_image", "digest": image.digest, "tag": verdict.tag},
	}
}

unknown contains {"message": message} if {
	input.config.retention[0]
	some image in input.images
	image.tags[0]
	image.kind in {"image", "index"}
	not decided(image)
	message := "cannot tell of every tag whether it is to be kept: its class, or what protects its image, is not known"
}

decided(image) if {
	is_array(image.retention)
	is_boolean(image.protected)
}

in_use(image) if image.last_pulled_at >= amounts.before(input.now, input.config.ages.in_use_days)

class(verdict) := sprintf("class %s", [verdict.class]) if object.get(verdict, "group", "") == ""

class(verdict) := sprintf("class %s, %s", [verdict.class, verdict.group]) if verdict.group != ""
