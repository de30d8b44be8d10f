# METADATA
# title: Lifecycle policies are valid
# description: >-
#   Reads the stored lifecycle policy by the constraints that AWS puts on new ones, and names what breaks them. Policies
#   from before a constraint existed are still there, and what they do today is not documented.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
#     description: Lifecycle policies
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutLifecyclePolicy.html
#     description: Putting a lifecycle policy in place
# custom:
#   id: lifecycle-invalid
#   severity: medium
#   scope: repository
#   needs: [lifecycle]
#   why: >-
#     Whoever applies such a policy again, to this repository or to another, is refused. Until then nobody can say which
#     images it expires.
#   remediation: >-
#     Correct the policy, look at its preview, and put it in place again: images that match expire within a day.
package ecraudit.rules.lifecycle_invalid

deny contains {"message": message} if {
	input.repository.lifecycle.present
	not input.repository.lifecycle.valid
	message := sprintf(
		"AWS would not take this lifecycle policy today: %s",
		[concat("; ", input.repository.lifecycle.problems)],
	)
}
