# METADATA
# title: No exclusion filter undoes the immutability of tags
# description: >-
#   Looks at the exclusion filters of repositories whose tags are immutable. A filter that matches every tag fails
#   and, unless the configuration asks for no immutable tags, one that matches a release tag; a pull-through cache is
#   exempt, because its tags have to move.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html
#     description: Image tag mutability and its exclusion filters
# custom:
#   id: immutability-exclusions
#   severity: medium
#   scope: repository
#   needs: []
#   uses: [pull-through-cache]
#   why: >-
#     A repository that is listed as immutable is trusted to be so, by people and by checks that read the setting
#     alone. A filter that is too wide takes that back without a word.
#   remediation: >-
#     Narrow the exclusion filters to the tags that are meant to move, such as latest, and remove those that match
#     release tags.
#   frameworks:
#     nist-800-53: [CM-2, SI-7]
package ecraudit.rules.immutability_exclusions

deny contains finding if {
	input.repository.cached == false
	finding := {
		"message": flaw,
		"fix": {"action": "set_tag_mutability", "mutability": "IMMUTABLE", "tags": demanded},
	}
}

unknown contains {"message": message} if {
	not cached_known
	message := sprintf("%s; that is right only in a pull-through cache, whose rules could not be read", [flaw])
}

unknown contains {"message": message} if {
	not input.repository.cached
	not flaw
	excluding
	release_tags.answer == "unknown"
	message := sprintf("cannot tell whether an exclusion filter matches release tags: %s", [release_tags.reason])
}

unknown contains {"message": message} if {
	not input.repository.cached
	count(mutability.exclusions) > 0
	not mutability.setting in {"MUTABLE", "IMMUTABLE", "MUTABLE_WITH_EXCLUSION", "IMMUTABLE_WITH_EXCLUSION"}
	message := sprintf("cannot tell what the exclusion filters do: tags are %s", [mutability.setting])
}

flaw := sprintf("the exclusion filter %q matches every tag, so none is immutable", [filter]) if {
	mutability.setting == "IMMUTABLE_WITH_EXCLUSION"
	filter := min([wide | some wide in mutability.exclusions; regex.match(`^\*+$`, wide)])
} else := sprintf("release tags are not immutable after all: %s", [release_tags.reason]) if {
	excluding
	release_tags.answer == "no"
}

excluding if {
	input.config.immutable != "none"
	mutability.setting == "IMMUTABLE_WITH_EXCLUSION"
}

mutability := input.repository.mutability

release_tags := mutability.release_tags

default demanded := "release"

demanded := "all" if input.config.immutable == "all"

cached_known if is_boolean(input.repository.cached)
