# METADATA
# title: Replicated repositories are alike
# description: >-
#   Follows the replication rules of each registry to the repositories of the same name in their destinations, where
#   these are part of the run, and compares tag mutability, type of encryption, lifecycle policy, exposure and
#   releases. Repositories that are not replicated pass, and so do destinations that do not exist yet.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html
#     description: Private image replication
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-creation-templates.html
#     description: Repository creation templates, which also make what replication creates
# custom:
#   id: replica-parity
#   severity: low
#   scope: organization
#   needs: []
#   uses: [replication, policy, lifecycle, images]
#   why: >-
#     Replication copies images and none of the settings, so a replica is what ECR makes by default: mutable, without
#     policies. A region that takes over then runs what others could change, or lacks what was released.
#   remediation: >-
#     Give the replica the settings of its source, and the destination a creation template for REPLICATION so that the
#     next one has them from the start. Only images pushed after replication was set up are copied: push earlier
#     releases to the destination once.
#   frameworks:
#     nist-800-53: [CM-2, CP-10]
package ecraudit.rules.replica_parity

deny contains {"key": key(pair), "message": message} if {
	some [pair, found] in compared
	found[0]
	message := sprintf("%s, and differs: %s", [replicated(pair), concat("; ", found)])
}

unknown contains {"key": key(pair), "message": message} if {
	some [pair, []] in compared
	gaps := [what | some what in aspects; undecided(what, pair.left, pair.right)]
	gaps[0]
	message := sprintf("%s, and whether they differ in %s is not known", [replicated(pair), concat(", ", gaps)])
}

unknown contains {"key": home, "message": message} if {
	some registry in input.registries
	not registry.replication
	registry.repositories > 0
	home := place(registry)
	message := sprintf("cannot tell what %s replicates: its replication rules could not be read", [home])
}

# compared has each pair with that in which it surely differs.
compared contains [pair, found] if {
	some pair in input.replicas
	found := [text | some what in aspects; text := difference(what, pair.left, pair.right)]
}

key(pair) := concat("|", [address(pair.left), address(pair.right)])

address(row) := concat("/", [row.account, row.region, row.name])

place(row) := concat("/", [row.account, row.region])

replicated(pair) := sprintf("%s is replicated between %s and %s", [
	pair.left.name,
	place(pair.left),
	place(pair.right),
])

aspects := ["tag mutability", "encryption", "lifecycle policy", "exposure", "releases"]

difference("tag mutability", left, right) := sprintf("tags are %s and %s", [left.mutability, right.mutability]) if {
	left.mutability != right.mutability
}

# Exclusion filters make a difference to the same setting.
difference("tag mutability", left, right) := sprintf("release tags are immutable only in %s", [place(immutable)]) if {
	left.mutability == right.mutability
	some immutable in [left, right]
	immutable.release_tags_immutable == "yes"
	some other in [left, right]
	other.release_tags_immutable == "no"
}

difference("encryption", left, right) := sprintf("the encryption is %s and %s", [
	left.encryption,
	right.encryption,
]) if {
	left.encryption != right.encryption
}

difference("lifecycle policy", left, right) := "the lifecycle policies do not mean the same" if {
	left.lifecycle_digest != right.lifecycle_digest
	not "" in {left.lifecycle_digest, right.lifecycle_digest}
}

difference("lifecycle policy", left, right) := sprintf("only %s has a lifecycle policy", [place(one)]) if {
	some one in [left, right]
	one.lifecycle_digest != ""
	some other in [left, right]
	other.lifecycle_digest == ""
}

difference("exposure", left, right) := sprintf("the exposure is %s and %s", [left.exposure, right.exposure]) if {
	left.exposure != right.exposure
	not "unknown" in {left.exposure, right.exposure}
}

difference("releases", left, right) := sprintf("there are %d and %d release tags", [
	left.releases.count,
	right.releases.count,
]) if {
	left.releases.count != right.releases.count
}

difference("releases", left, right) := "the same release tags do not point to the same images" if {
	left.releases.count == right.releases.count
	left.releases.digest != right.releases.digest
}

undecided(what, left, right) if {
	some row in [left, right]
	unread(what, row)
}

unread("tag mutability", row) if row.release_tags_immutable == "unknown"

unread("lifecycle policy", row) if not row.lifecycle_digest

unread("exposure", row) if not row.exposure

unread("exposure", row) if row.exposure == "unknown"

unread("releases", row) if not row.releases
