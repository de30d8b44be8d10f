package ecraudit.rules.replica_parity_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.replica_parity as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "no pair differs",
		"input": run([]),
	},
	{
		"note": "every difference is named in one finding, in full",
		"input": run([replica({
			"mutability": "MUTABLE",
			"release_tags_immutable": "no",
			"encryption": "AES256",
			"lifecycle_digest": "",
			"exposure": "public",
			"releases": {"count": 3, "digest": "c"},
		})]),
		"deny": [everything],
		"findings": [{
			"message": everything,
			"key": "111122223333/eu-west-1/team/api|444455556666/us-east-1/team/api",
		}],
	},
	{
		"note": "differences that numbers and settings do not show",
		"input": run([replica({
			"release_tags_immutable": "no",
			"lifecycle_digest": "other",
			"releases": {"count": 4, "digest": "c"},
		})]),
		"deny": [concat("", [
			between,
			"release tags are immutable only in 111122223333/eu-west-1; the lifecycle policies do not mean the same; ",
			"the same release tags do not point to the same images",
		])],
	},
	{
		"note": "a part was not read, and the rest is alike",
		"input": run([object.remove(replica({}), ["lifecycle_digest", "exposure", "releases"])]),
		"unknown": [concat("", [
			"team/api is replicated between 111122223333/eu-west-1 and 444455556666/us-east-1, ",
			"and whether they differ in lifecycle policy, exposure, releases is not known",
		])],
	},
	{
		"note": "a part was not read, and the rest differs",
		"input": run([replica({"exposure": "unknown", "encryption": "AES256"})]),
		"deny": [concat("", [between, "the encryption is KMS and AES256"])],
	},
	{
		"note": "settings that cannot be decided",
		"input": {"registries": [], "replicas": [{
			"left": object.union(source, {"mutability": "FROZEN", "release_tags_immutable": "unknown"}),
			"right": replica({"mutability": "FROZEN", "release_tags_immutable": "unknown"}),
		}]},
		"unknown": [concat("", [
			"team/api is replicated between 111122223333/eu-west-1 and 444455556666/us-east-1, ",
			"and whether they differ in tag mutability is not known",
		])],
	},
	{
		"note": "the replication of a registry was not read, which matters where it has repositories",
		"input": {
			"registries": [
				{"account": "111122223333", "region": "eu-west-1", "repositories": 1},
				{"account": "111122223333", "region": "eu-west-2", "repositories": 0},
			],
			"replicas": [],
		},
		"unknown": [concat(" ", [
			"cannot tell what 111122223333/eu-west-1 replicates:",
			"its replication rules could not be read",
		])],
		"findings": [{
			"message": concat(" ", [
				"cannot tell what 111122223333/eu-west-1 replicates:",
				"its replication rules could not be read",
			]),
			"key": "111122223333/eu-west-1",
		}],
	},
]

between := concat("", [
	"team/api is replicated between 111122223333/eu-west-1 and 444455556666/us-east-1, ",
	"and differs: ",
])

everything := concat("", [
	between,
	"tags are IMMUTABLE and MUTABLE; the encryption is KMS and AES256; ",
	"only 111122223333/eu-west-1 has a lifecycle policy; the exposure is inside and public; ",
	"there are 4 and 3 release tags",
])

run(replicas) := {
	"registries": [{"account": "111122223333", "region": "eu-west-1", "replication": [], "repositories": 1}],
	"replicas": [{"left": source, "right": replica} | some replica in replicas],
}

source := {
	"account": "111122223333",
	"region": "eu-west-1",
	"name": "team/api",
	"mutability": "IMMUTABLE",
	"release_tags_immutable": "yes",
	"encryption": "KMS",
	"lifecycle_digest": "abc",
	"exposure": "inside",
	"releases": {"count": 4, "digest": "d"},
}

replica(different) := object.union(
	object.union(source, {"account": "444455556666", "region": "us-east-1"}),
	different,
)
