# METADATA
# title: Each release tag stays with its image
# description: >-
#   Looks at each release tag that there is and asks whether it can be moved to another image, given the repository's
#   tag mutability and its exclusion filters; a pull-through cache is exempt, because its tags have to move. It is off
#   by default, because tag-immutability says the same of the repository as a whole: turn it on with release-mutable:
#   on under rules in ecraudit.yaml, which costs no calls, to have each tag named.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html
#     description: Image tag mutability and its exclusion filters
# custom:
#   id: release-mutable
#   severity: medium
#   scope: image
#   images: releases
#   needs: [images]
#   uses: [pull-through-cache]
#   why: >-
#     Whoever can push can put another image behind a release tag that is movable, and deployments that pull by tag
#     take it. Nothing shows afterwards that the release was once another image.
#   remediation: >-
#     Make the repository's tags immutable, with exclusion filters only for tags that are meant to move. Deploy by
#     digest until then.
#   enabled: false
#   frameworks:
#     nist-800-53: [CM-2, SI-7]
package ecraudit.rules.release_mutable

deny contains finding if {
	input.repository.cached == false
	some release in movable
	finding := {
		"digest": release.digest,
		"tag": release.tag,
		"message": sprintf("the release tag %s can be moved to another image: tags are %s", [release.tag, setting]),
		"fix": {"action": "set_tag_mutability", "mutability": "IMMUTABLE", "tags": "release"},
	}
}

unknown contains {"message": message} if {
	not cached_known
	count(movable) > 0
	message := concat(" ", [
		"some release tags can be moved, which is right only in a pull-through cache;",
		"its rules could not be read",
	])
}

unknown contains {"message": message} if {
	not input.repository.cached
	some image in input.images
	is_release(image)
	not decided(image)
	message := sprintf("cannot tell whether release tags can be moved: tags are %s", [setting])
}

movable contains {"digest": image.digest, "tag": tag} if {
	some image in input.images
	image.mutable_tags[0]
	is_release(image)
	decided(image)
	some tag in image.mutable_tags
	tag in image.release_tags
}

is_release(image) if {
	image.release_tags[0]
	image.kind in {"image", "index"}
}

decided(image) if {
	is_array(image.mutable_tags)
	input.repository.mutability.setting in {
		"MUTABLE",
		"IMMUTABLE",
		"MUTABLE_WITH_EXCLUSION",
		"IMMUTABLE_WITH_EXCLUSION",
	}
}

cached_known if is_boolean(input.repository.cached)

setting := sprintf("%s (%s)", [input.repository.mutability.setting, concat(", ", exclusions)]) if {
	exclusions := input.repository.mutability.exclusions
	count(exclusions) > 0
} else := input.repository.mutability.setting
