# METADATA
# title: Lifecycle policies have an effect
# description: >-
#   Looks for rules that can never act because no tag matches them, for rules that select nothing because they ask for
#   several tags on one image, and for policies that expire nothing while as many images as limits.untagged_images pile
#   up that no rule selects. A rule for untagged images that finds only children of indexes may have nothing to do.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
#     description: How lifecycle policies are evaluated
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_examples.html
#     description: Examples of lifecycle policies
# custom:
#   id: lifecycle-ineffective
#   severity: medium
#   scope: repository
#   needs: [lifecycle]
#   uses: [images, image-graph]
#   why: >-
#     A lifecycle policy is put in place once and then trusted. One that does nothing looks the same as one that works,
#     until the bill or the quota tells.
#   remediation: >-
#     Give each kind of tag a rule of its own: the entries of a tag list must all match the same image. Wildcards belong
#     into tagPatternList. Look at the preview before the policy is put in place: images that match expire within a day.
#   frameworks:
#     nist-800-190: [4.2.2]
package ecraudit.rules.lifecycle_ineffective

# What other rules keep from a rule is for lifecycle-shadowed to say.
deny contains finding if {
	some rule in policy.rules
	useless(rule)
	finding := object.union(
		{
			"message": sprintf("the rule with priority %d can never act: %s", [rule.priority, rule.acts_reason]),
			"key": key(rule.priority),
		},
		mend(asks_for_asterisk(rule)),
	)
}

deny contains finding if {
	some insight in preview.insights
	misses(insight)
	finding := object.union(
		{"message": insight.message, "key": key(insight.priority)},
		mend(true),
	)
}

# Where a rule is found wanting, images pile up because of it.
deny contains finding if {
	count(wanting) == 0
	some insight in preview.insights
	insight.kind == "never-expires"
	piled_up := insight.count - within_numbers
	piled_up - tolerated >= input.config.limits.untagged_images
	finding := {
		"message": sprintf(
			"the policy expires nothing now, and no rule selects %d of the %d images%s",
			[piled_up, input.repository.stats.images, only_children],
		),
		"key": "policy",
	}
}

unknown contains {"message": message} if {
	policy.valid
	not preview
	message := "cannot tell what the policy does to the images: they could not be read"
}

policy := input.repository.lifecycle

preview := input.repository.lifecycle_preview

useless(rule) if {
	rule.acts == "no"
	not rule.shadowed_by[0]
}

misses(insight) if {
	insight.kind == "and-of-tags"
	insight.count > 0
	not insight.priority in selective
}

wanting contains rule.priority if {
	some rule in policy.rules
	useless(rule)
}

wanting contains insight.priority if {
	some insight in preview.insights
	misses(insight)
}

key(priority) := sprintf("rule %d", [priority])

# mend is the fix where the policy can be repaired, and that is the reason.
mend(true) := {"fix": {"action": "put_lifecycle_policy", "repair": true}} if policy.repair.needed

mend(true) := {} if not policy.repair.needed

mend(false) := {}

# An asterisk in a prefix stands for itself, which no tag can have.
default asks_for_asterisk(_) := false

asks_for_asterisk(rule) if {
	some prefix in rule.tag_prefixes
	contains(prefix, "*")
}

selective contains rule.priority if {
	some rule in preview.rules
	rule.selected > 0
}

# Images within the number of a rule are kept on purpose: more of them would expire.
within_numbers := sum([result.young |
	some rule in policy.rules
	rule.count_type == "imageCountMoreThan"
	some result in preview.rules
	result.priority == rule.priority
])

# Releases are kept on purpose too, each with its signature, SBOM and attestation.
tolerated := input.repository.stats.releases * 4

default only_children := ""

only_children := sprintf("; all that rule %s finds is children of indexes", [concat(", ", numbers)]) if {
	numbers := [sprintf("%d", [insight.priority]) |
		some insight in preview.insights
		insight.kind == "only-children"
	]
	count(numbers) > 0
}
