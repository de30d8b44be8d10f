# METADATA
# title: Lifecycle policies expire what they should
# description: >-
#   A lifecycle policy can look right and expire next to nothing, because a list of tags must match all at once or a
#   rule with a lower number keeps the image. This looks at what the policy does to the images that should go.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
#     description: How lifecycle policies are evaluated
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_examples.html
#     description: Examples of lifecycle policies
# custom:
#   id: lifecycle-baseline
#   severity: medium
#   scope: repository
#   needs: [lifecycle]
#   remediation: >-
#     Add a rule that expires these images, with one tag pattern a rule, and look at the preview before it is put in
#     place. What should expire stands under lifecycle in ecraudit.yaml.
package ecraudit.rules.lifecycle_baseline

deny contains finding if {
	input.repository.lifecycle.present
	not input.repository.lifecycle.valid
	finding := {
		"message": sprintf("invalid: %s", [concat("; ", input.repository.lifecycle.problems)]),
		"key": "invalid",
	}
}

deny contains finding if {
	judged
	some demand in input.repository.lifecycle_baseline
	some shortfall in shortfalls(demand)
	finding := {
		"message": shortfall,
		"key": demand.what,
		"fix": {"action": "put_lifecycle_policy", "baseline": true},
	}
}

unknown contains finding if {
	some demand in input.repository.lifecycle_baseline
	demand.expires == "unknown"
	finding := {
		"message": sprintf("cannot tell whether %s expire: %s", [subject(demand), demand.reason]),
		"key": demand.what,
	}
}

judged if input.repository.lifecycle.valid

# Where a policy is required, lifecycle-missing says that there is none.
judged if {
	not input.repository.lifecycle.present
	not input.config.lifecycle.required
}

shortfalls(demand) := {sprintf("%s do not all expire: %s", [subject(demand), demand.reason])} if {
	demand.expires == "no"
}

shortfalls(demand) := {sprintf(
	"%s do not all expire within %d days: %s",
	[subject(demand), input.config.lifecycle.max_days, demand.reason],
)} if {
	demand.expires == "yes"
	not demand.within_days
}

subject(demand) := demand.what if demand.untagged

subject(demand) := sprintf("images tagged %s", [demand.what]) if not demand.untagged
