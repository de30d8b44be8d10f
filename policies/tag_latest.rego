# METADATA
# title: No image carries a forbidden tag
# description: >-
#   Compares the tags of container images with the wildcards of forbidden_tags in the configuration, which forbid
#   latest unless they are changed; upstream names the tags of a pull-through cache, so that is exempt. It is off by
#   default, because some want such a tag beside others: turn it on with tag-latest: on under rules in ecraudit.yaml,
#   which costs no calls.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html
#     description: Image tag mutability
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache.html
#     description: Pull-through cache
# custom:
#   id: tag-latest
#   severity: low
#   scope: image
#   images: tagged
#   needs: [images]
#   uses: [pull-through-cache]
#   why: >-
#     A tag such as latest says nothing about what it names, and names something else after each push. Two machines
#     that run it may run different images, and nobody can roll back to what it was.
#   remediation: >-
#     Give images tags of their own, such as a version or a commit, deploy these or digests, and remove the tag once
#     nothing pulls by it. What is forbidden stands under forbidden_tags in ecraudit.yaml.
#   enabled: false
#   frameworks:
#     nist-800-53: [CM-2]
#     nist-800-190: [4.2.2]
package ecraudit.rules.tag_latest

import data.ecraudit.lib.tags

deny contains finding if {
	input.repository.cached == false
	some stray in strays
	finding := object.union(
		{
			"digest": stray.digest,
			"tag": stray.tag,
			"message": sprintf("the tag %s is forbidden%s", [stray.tag, by(stray)]),
		},
		fix(stray),
	)
}

unknown contains {"message": message} if {
	not cached_known
	count(strays) > 0
	message := "some tags are forbidden, except in a pull-through cache, whose rules could not be read"
}

strays contains {"digest": image.digest, "tag": tag, "pattern": patterns[0]} if {
	some image in input.images
	image.tags[0]
	image.kind in {"image", "index"}
	some tag in image.tags
	patterns := [pattern | some pattern in input.config.forbidden_tags; glob.match(pattern, null, tag)]
	patterns[0]
	not tags.named_by_tools(tag)
}

by(stray) := "" if stray.pattern == stray.tag

by(stray) := sprintf(" by %s", [stray.pattern]) if stray.pattern != stray.tag

# No fix touches a protected tag.
fix(stray) := {} if {
	regex.match(input.config.protected_tags, stray.tag)
} else := {"fix": {"action": "untag_image", "digest": stray.digest, "tag": stray.tag}}

cached_known if is_boolean(input.repository.cached)
