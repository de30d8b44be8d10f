# METADATA
# title: Untagged images do not pile up
# description: >-
#   Counts the untagged images against limits.untagged_images, and looks for some that are older than ages.unused_days
#   where no lifecycle rule takes them. Children of multi-architecture images, and what describes another image, are
#   not waste although they carry no tag.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
#     description: Lifecycle policies
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/docker-push-multi-architecture-image.html
#     description: Multi-architecture images
# custom:
#   id: untagged-piling-up
#   severity: low
#   scope: repository
#   needs: [images]
#   uses: [image-graph, lifecycle]
#   why: >-
#     An image loses its tag when the next one is pushed under it, and then it is paid for and found by nobody. It keeps
#     old vulnerabilities within reach of whoever deploys by digest.
#   remediation: >-
#     Add a lifecycle rule that expires untagged images some days after their push, and look at its preview first. How
#     many are too many stands under limits in ecraudit.yaml.
#   frameworks:
#     nist-800-190: [4.2.2]
package ecraudit.rules.untagged_piling_up

deny contains finding if {
	too_many
	not perhaps_children
	finding := object.union(
		{"message": sprintf("there are %s untagged images (%d allowed)%s", [
			amount,
			input.config.limits.untagged_images,
			neglect,
		])},
		fix,
	)
}

deny contains finding if {
	not too_many
	forgotten
	neglected
	finding := object.union(
		{"message": sprintf("no lifecycle rule takes the %s untagged images, the oldest of which is %d days old", [
			amount,
			age,
		])},
		fix,
	)
}

unknown contains {"message": message} if {
	too_many
	perhaps_children
	message := sprintf("there are %s untagged images, but %d indexes that may refer to them were not read", [
		amount,
		stats.unread_indexes,
	])
}

unknown contains {"message": message} if {
	not too_many
	forgotten
	not input.repository.lifecycle
	message := sprintf(
		"there are untagged images, the oldest of which is %d days old; whether a lifecycle rule takes them is not known",
		[age],
	)
}

unknown contains {"message": message} if {
	not too_many
	forgotten
	invalid
	message := sprintf(
		"there are untagged images, the oldest of which is %d days old; what an invalid lifecycle policy takes is not known",
		[age],
	)
}

stats := input.repository.stats

too_many if {
	input.config.limits.untagged_images > 0
	stats.untagged > input.config.limits.untagged_images
}

# Images of an index that was not read look untagged.
perhaps_children if stats.unread_indexes > 0

age := floor((input.now - stats.oldest_untagged_at) / 86400000000000)

forgotten if age > input.config.ages.unused_days

invalid if {
	input.repository.lifecycle.present
	not input.repository.lifecycle.valid
}

neglected if {
	input.repository.lifecycle
	not invalid
	not taken
}

taken if {
	some rule in input.repository.lifecycle.rules
	rule.action == "expire"
	rule.tag_status in {"untagged", "any"}
	rule.acts != "no"
}

amount := sprintf("%d", [stats.untagged]) if not stats.untagged_bytes

amount := sprintf("%d (%d MB)", [stats.untagged, ceil(stats.untagged_bytes / 1048576)]) if stats.untagged_bytes

default neglect := ""

neglect := ", and no lifecycle rule takes them" if neglected

# What the configuration does not demand, the baseline does not do.
default fix := {}

fix := {"fix": {"action": "put_lifecycle_policy", "baseline": true}} if {
	neglected
	input.config.lifecycle.untagged
}
