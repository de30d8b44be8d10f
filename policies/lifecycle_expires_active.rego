# METADATA
# title: No lifecycle policy takes images in use
# description: >-
#   Simulates the policy over the images, and looks for those that it would expire or archive now although they were
#   pulled within ages.in_use_days, and for policies that would leave no image at all. Children of indexes stay as long
#   as their index, and are not counted.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
#     description: How lifecycle policies are evaluated
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_StartLifecyclePolicyPreview.html
#     description: AWS's own preview
# custom:
#   id: lifecycle-expires-active
#   severity: high
#   scope: repository
#   needs: [lifecycle, images]
#   uses: [image-graph]
#   why: >-
#     An image that was pulled lately probably runs. Once it is gone or in the archive, what runs it cannot start again
#     on another machine.
#   remediation: >-
#     Put a rule before it that keeps the newest of these images by number, or count from the last pull, which the count
#     type sinceImagePulled does for the archive. Do it soon: images that match go within a day.
package ecraudit.rules.lifecycle_expires_active

deny contains finding if {
	some insight in input.repository.lifecycle_preview.insights
	insight.kind == "expires-active"
	finding := {"message": insight.message, "key": sprintf("rule %d", [insight.priority])}
}

deny contains finding if {
	some insight in input.repository.lifecycle_preview.insights
	insight.kind == "expires-everything"
	finding := {"message": insight.message, "key": "everything"}
}

unknown contains {"message": message} if {
	input.repository.lifecycle_preview.undecided > 0
	message := sprintf(
		"cannot tell whether the policy would take %d images, which may be children of indexes that could not be read",
		[input.repository.lifecycle_preview.undecided],
	)
}

unknown contains {"message": message} if {
	input.repository.lifecycle.valid
	not input.repository.lifecycle_preview
	message := "cannot tell what the policy does to the images: they could not be read"
}
