# METADATA
# title: Lifecycle policies expire what they should
# description: >-
#   Works out what the lifecycle policy does to untagged images and to the development tags under lifecycle in
#   ecraudit.yaml, with the order in which AWS applies rules. It fails where some of them would never expire, or not
#   within lifecycle.max_days.
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
#   why: >-
#     A lifecycle policy can look right and expire next to nothing, because a list of tags must match all at once or a
#     rule with a lower number keeps the image. Then storage is paid for and old vulnerabilities stay within reach,
#     although everybody believes that they go.
#   remediation: >-
#     Add a rule that expires these images, with one tag pattern a rule, and look at the preview before it is put in
#     place. What should expire stands under lifecycle in ecraudit.yaml.
#   frameworks:
#     nist-800-190: [4.2.2]
package ecraudit.rules.lifecycle_baseline

import data.ecraudit.lib.baseline

# An invalid policy is for lifecycle-invalid to say.
deny contains finding if {
	judged
	some demand in input.repository.lifecycle_baseline
	some shortfall in baseline.shortfalls(demand, input.config.lifecycle.max_days)
	finding := {
		"message": shortfall,
		"key": demand.what,
		"fix": {"action": "put_lifecycle_policy", "baseline": true},
	}
}

unknown contains finding if {
	some demand in input.repository.lifecycle_baseline
	finding := {"message": baseline.doubt(demand), "key": demand.what}
}

judged if input.repository.lifecycle.valid

# Where a policy is required, lifecycle-missing says that there is none.
judged if {
	not input.repository.lifecycle.present
	not input.config.lifecycle.required
}
