# METADATA
# title: No lifecycle rule is shadowed by others
# description: >-
#   Looks for rules that can never act because rules with lower priority numbers select every image first. The answer is
#   exact over all tags that an image could carry, whatever images there are.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
#     description: How lifecycle policies are evaluated
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_examples.html
#     description: Examples of lifecycle policies
# custom:
#   id: lifecycle-shadowed
#   severity: low
#   scope: repository
#   needs: [lifecycle]
#   why: >-
#     The first rule that selects an image is the only one that may act on it, even if it keeps the image for ever. The
#     author of a later rule believes in a limit that does not exist.
#   remediation: >-
#     Give the rule a lower priority number than those that keep its images from it, or remove it. Look at the preview
#     before the policy is put in place: images that match expire within a day.
package ecraudit.rules.lifecycle_shadowed

deny contains finding if {
	some rule in input.repository.lifecycle.rules
	rule.shadowed_by[0]
	finding := {
		"message": sprintf("the rule with priority %d can never act: %s", [rule.priority, because(rule.shadowed_by)]),
		"key": key(rule.priority),
	}
}

unknown contains finding if {
	some rule in input.repository.lifecycle.rules
	not rule.shadowed_by[0]
	not decided(rule)
	finding := {
		"message": sprintf("cannot tell whether the rule with priority %d can act%s", [rule.priority, doubt(rule)]),
		"key": key(rule.priority),
	}
}

decided(rule) if rule.acts in {"yes", "no"}

key(priority) := sprintf("rule %d", [priority])

because([one]) := sprintf("the rule with priority %d selects every image first", [one])

because(several) := sprintf("the rules with priorities %s select every image first", [concat(", ", numbers)]) if {
	count(several) > 1
	numbers := [sprintf("%d", [priority]) | some priority in several]
}

default doubt(_) := ""

doubt(rule) := sprintf(": %s", [rule.acts_reason])
