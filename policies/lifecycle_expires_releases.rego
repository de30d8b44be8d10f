# METADATA
# title: No lifecycle policy expires releases by accident
# description: >-
#   Looks for images with a release tag that the policy would expire now, or once they are old enough although the rule
#   was not written for releases. Where there are releases, it also looks for rules that expire each of them some days
#   after its push, or as soon as enough other images are there; keeping the newest releases only is taken as meant.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
#     description: How lifecycle policies are evaluated
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_examples.html
#     description: Examples of lifecycle policies
# custom:
#   id: lifecycle-expires-releases
#   severity: high
#   scope: repository
#   needs: [lifecycle]
#   uses: [images, image-graph]
#   why: >-
#     An expired image is gone: what runs it cannot start again on another machine, and there is nothing to roll back
#     to. Age counts from the push, so an image that was built long ago and got its release tag yesterday is old today.
#   remediation: >-
#     Put a rule for release tags before the others, by the number of images to keep: the first rule that selects an
#     image is the only one that may act on it. Look at the preview before the policy is put in place.
#   frameworks:
#     nist-800-53: [CM-2]
package ecraudit.rules.lifecycle_expires_releases

deny contains finding if {
	some insight in found
	finding := {"message": insight.message, "key": sprintf("rule %d", [insight.priority])}
}

# Nothing would expire now, but the policy does not spare releases.
deny contains finding if {
	count(found) == 0
	some releases_end in ends
	finding := {
		"message": sprintf("the rule with priority %d expires releases, too: an image tagged only %s goes %s", [
			ending.priority,
			reached.example,
			releases_end,
		]),
		"key": sprintf("rule %d", [ending.priority]),
	}
}

unknown contains {"message": message} if {
	input.repository.lifecycle.valid
	not decided
	count(found) == 0
	message := sprintf("cannot tell whether the policy expires releases%s", [doubt])
}

unknown contains {"message": message} if {
	expires
	not input.repository.lifecycle_preview
	message := sprintf(
		"the policy can expire releases (%s); whether it does cannot be told, because the images could not be read",
		[reached.reason],
	)
}

reached := input.repository.lifecycle.release_tags

decided if reached.answer in {"yes", "no"}

expires if {
	reached.answer == "yes"
	reached.action == "expire"
}

# found are the rules that expire images with a release tag. One that expires what
# was not pulled for long is feared only for what it would take now.
found contains insight if {
	some insight in input.repository.lifecycle_preview.insights
	insight.kind == "expires-releases"
	not idle(insight.priority)
}

idle(priority) if {
	some rule in input.repository.lifecycle.rules
	rule.priority == priority
	rule.count_type == "sinceImagePulled"
	some result in input.repository.lifecycle_preview.rules
	result.priority == priority
	result.acted == 0
}

# ending is the rule that decides about a release without any other tag.
ending := rule if {
	expires
	input.repository.stats.releases > 0
	priority := min([rule.priority |
		some rule in input.repository.lifecycle.rules
		rule.count_type != "sinceImageTransitioned"
		not rule.storage_class == "archive"
		selects(rule, reached.example)
	])
	some rule in input.repository.lifecycle.rules
	rule.priority == priority
	rule.action == "expire"
}

ends contains sprintf("%d days after its push, in use or not", [ending.count]) if {
	ending.count_type == "sinceImagePushed"
}

# A number that only releases use up is one of releases to keep.
ends contains sprintf("as soon as %d newer images of any kind are there", [ending.count]) if {
	ending.count_type == "imageCountMoreThan"
	takes_any(ending)
	others > 0
}

others := (input.repository.stats.tagged - input.repository.stats.releases) + input.repository.stats.untagged

selects(rule, tag) if {
	rule.tag_status != "untagged"
	every prefix in rule.tag_prefixes { startswith(tag, prefix) }
	every pattern in rule.tag_patterns { matches(pattern, tag) }
}

# A pattern with a character that no tag can have matches none.
matches(pattern, tag) if {
	regex.match(`^[A-Za-z0-9_.*-]*$`, pattern)
	regex.match(sprintf("^%s$", [replace(replace(pattern, ".", `\.`), "*", ".*")]), tag)
}

takes_any(rule) if rule.tag_status == "any"

takes_any(rule) if {
	rule.tag_status == "tagged"
	every entry in array.concat(rule.tag_prefixes, rule.tag_patterns) { entry in {"", "*"} }
}

default doubt := ""

doubt := sprintf(": %s", [reached.reason])
