# METADATA
# title: Release tags cannot be moved
# description: >-
#   Works out from the mutability setting and its exclusion filters whether any tag that matches release_tags in
#   ecraudit.yaml could be moved, or any tag at all where immutable is set to all. Repositories of a pull-through
#   cache pass, because AWS has to refresh their tags.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html
#     description: Image tag mutability and its exclusion filters
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache.html
#     description: Pull-through cache
#   - ref: https://docs.aws.amazon.com/securityhub/latest/userguide/ecr-controls.html#ecr-2
#     description: Security Hub control ECR.2
# custom:
#   id: tag-immutability
#   severity: medium
#   scope: repository
#   needs: []
#   uses: [pull-through-cache]
#   why: >-
#     A tag that can be moved may name another image tomorrow than the one that was tested today. Immutable tags make
#     a release what it was when it was released, whoever can push.
#   remediation: >-
#     Make the repository's tags immutable. Exclusion filters can keep tags movable that are meant to move, such as
#     latest, as long as none of them matches a release tag.
#   frameworks:
#     aws-config: [ecr-private-tag-immutability-enabled]
#     security-hub: [ECR.2]
#     prowler: [ecr_repositories_tag_immutability]
#     nist-800-53: [CM-2, SI-7]
#     nist-800-190: [4.2.2]
package ecraudit.rules.tag_immutability

# AWS cannot refresh immutable tags, so those of a pull-through cache must move.
deny contains finding if {
	verdict.answer == "no"
	input.repository.cached == false
	finding := {
		"message": sprintf("%s can be moved: %s", [subject, verdict.reason]),
		"fix": {"action": "set_tag_mutability", "mutability": "IMMUTABLE", "tags": input.config.immutable},
	}
}

unknown contains {"message": message} if {
	verdict.answer == "unknown"
	not input.repository.cached
	message := sprintf("cannot tell whether %s can be moved: %s", [subject, verdict.reason])
}

unknown contains {"message": message} if {
	verdict.answer == "no"
	not cached_known
	message := sprintf(
		"%s can be moved (%s), which is right only in a pull-through cache; its rules could not be read",
		[subject, verdict.reason],
	)
}

verdict := input.repository.mutability.release_tags if input.config.immutable == "release"

verdict := input.repository.mutability.all_tags if input.config.immutable == "all"

subject := "release tags" if input.config.immutable == "release"

subject := "tags" if input.config.immutable == "all"

cached_known if is_boolean(input.repository.cached)
