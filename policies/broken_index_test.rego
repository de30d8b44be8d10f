package ecraudit.rules.broken_index_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.broken_index as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "every image is there",
		"input": images([index([amd, arm])]),
	},
	{
		"note": "an image is missing, in full",
		"input": images([index([amd, object.union(arm, missing)])]),
		"deny": ["the index cannot be pulled for every platform: sha256:arm for linux/arm64 is not in the repository"],
		"findings": [{
			"message": concat(" ", [
				"the index cannot be pulled for every platform:",
				"sha256:arm for linux/arm64 is not in the repository",
			]),
			"digest": "sha256:i",
			"tag": "1.0.0",
		}],
	},
	{
		"note": "several are missing or archived, which is one finding",
		"input": images([index([
			object.union(amd, {"status": "ARCHIVED"}),
			object.union(arm, missing),
			{"digest": "sha256:x", "platform": "", "attestation": false, "present": false, "status": ""},
		])]),
		"deny": [concat("", [
			"the index cannot be pulled for every platform: sha256:arm for linux/arm64 is not in the repository, ",
			"sha256:x is not in the repository, sha256:amd for linux/amd64 is archived",
		])],
	},
	{
		"note": "an index without tags is found by its digest",
		"input": images([object.union(index([object.union(amd, missing)]), {"tags": []})]),
		"deny": ["the index cannot be pulled for every platform: sha256:amd for linux/amd64 is not in the repository"],
		"findings": [{
			"message": concat(" ", [
				"the index cannot be pulled for every platform:",
				"sha256:amd for linux/amd64 is not in the repository",
			]),
			"digest": "sha256:i",
		}],
	},
	{
		"note": "an image that is being restored will soon be there",
		"input": images([index([object.union(amd, {"status": "ACTIVATING"})])]),
	},
	{
		"note": "an index is archived with its images",
		"input": images([
			object.union(index([object.union(amd, {"status": "ARCHIVED"})]), {"status": "ARCHIVED"}),
			object.remove(object.union(index([]), {"status": "ARCHIVED", "digest": "sha256:j"}), ["children"]),
		]),
	},
	{
		"note": "without an attestation an image can still be pulled",
		"input": images([index([amd, object.union(missing, {"digest": "sha256:att", "attestation": true})])]),
	},
	{
		"note": "a manifest was not read",
		"input": images([object.remove(index([]), ["children"])]),
		"unknown": ["cannot tell what the index refers to: its manifest was not read"],
		"findings": [{
			"message": "cannot tell what the index refers to: its manifest was not read",
			"digest": "sha256:i",
			"tag": "1.0.0",
		}],
	},
	{
		"note": "an image refers to no others",
		"input": images([object.remove(object.union(index([]), {"kind": "image"}), ["children"])]),
	},
	{
		"note": "a cache holds what was pulled",
		"input": object.union(images([index([amd, object.union(arm, missing)])]), {"repository": {"cached": true}}),
	},
	{
		"note": "nobody knows whether it is a cache, which is said once for the repository",
		"input": object.remove(
			images([
				index([object.union(arm, missing)]),
				object.union(index([object.union(amd, missing)]), {"digest": "sha256:j"}),
			]),
			["repository"],
		),
		"unknown": [concat(" ", [
			"some indexes refer to images that cannot be pulled, which is right only in a pull-through cache;",
			"its rules could not be read",
		])],
	},
]

missing := {"present": false, "status": ""}

amd := {
	"digest": "sha256:amd",
	"platform": "linux/amd64",
	"attestation": false,
	"present": true,
	"status": "ACTIVE",
}

arm := object.union(amd, {"digest": "sha256:arm", "platform": "linux/arm64"})

images(list) := {"repository": {"cached": false}, "images": list}

index(children) := {
	"digest": "sha256:i",
	"kind": "index",
	"status": "ACTIVE",
	"tags": ["1.0.0", "v1.0.0"],
	"children": children,
}
