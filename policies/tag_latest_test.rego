package ecraudit.rules.tag_latest_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.tag_latest as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "no tag is forbidden",
		"input": images(["latest"], [tagged(expect.digest("a"), ["latest-1.0", "v1.0.0"]), tagged(expect.digest("b"), [])]),
	},
	{
		"note": "latest, in full",
		"input": images(["latest"], [tagged(expect.digest("a"), ["latest", "v1.0.0"])]),
		"deny": ["the tag latest is forbidden"],
		"findings": [{
			"message": "the tag latest is forbidden",
			"digest": expect.digest("a"),
			"tag": "latest",
			"fix": {"action": "untag_image", "digest": expect.digest("a"), "tag": "latest"},
		}],
	},
	{
		"note": "wildcards match the whole tag, dots among the rest, and each tag is one finding",
		"input": images(["*-SNAPSHOT", "*snap*", "1*-SNAPSHOT"], [
			object.union(tagged(expect.digest("a"), ["1.0.2-SNAPSHOT", "v1"]), {"kind": "index"}),
			tagged(expect.digest("b"), ["2.0-SNAPSHOT", "2.0-SNAPSHOT-1"]),
		]),
		"deny": [
			"the tag 1.0.2-SNAPSHOT is forbidden by *-SNAPSHOT",
			"the tag 2.0-SNAPSHOT is forbidden by *-SNAPSHOT",
		],
	},
	{
		"note": "everything is forbidden, but tools find their own by tags",
		"input": images(["*"], [
			object.union(tagged(expect.digest("a"), [concat("", ["sha256-", hex])]), {"kind": "index"}),
			tagged(expect.digest("b"), ["ecraudit-quarantine-0123456789ab"]),
		]),
	},
	{
		"note": "no fix touches a protected tag",
		"input": object.union(images(["*"], [tagged(expect.digest("a"), ["v1.0.0"])]), {"config": {"protected_tags": "^v"}}),
		"deny": ["the tag v1.0.0 is forbidden by *"],
		"findings": [{"message": "the tag v1.0.0 is forbidden by *", "digest": expect.digest("a"), "tag": "v1.0.0"}],
	},
	{
		"note": "nothing is forbidden",
		"input": images([], [tagged(expect.digest("a"), ["latest"])]),
	},
	{
		"note": "what is no container image may be tagged otherwise",
		"input": images(["latest"], [
			object.union(tagged(expect.digest("a"), ["latest"]), {"kind": "artifact"}),
			object.union(tagged(expect.digest("b"), ["latest"]), {"kind": "signature"}),
			object.union(tagged(expect.digest("c"), ["latest"]), {"kind": "sbom"}),
			object.union(tagged(expect.digest("d"), ["latest"]), {"kind": "attestation"}),
		]),
	},
	{
		"note": "upstream names the tags of a cache",
		"input": object.union(images(["latest"], [tagged(expect.digest("a"), ["latest"])]), {"repository": {"cached": true}}),
	},
	{
		"note": "nobody knows whether it is a cache, which is said once for the repository",
		"input": object.remove(
			images(["latest"], [tagged(expect.digest("a"), ["latest"]), tagged(expect.digest("b"), ["latest"])]),
			["repository"],
		),
		"unknown": ["some tags are forbidden, except in a pull-through cache, whose rules could not be read"],
	},
	{
		"note": "nobody knows whether it is a cache, and either way it is as it should be",
		"input": object.remove(images(["latest"], [tagged(expect.digest("a"), ["v1"])]), ["repository"]),
	},
]

hex := "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

images(forbidden, list) := {
	"config": {"forbidden_tags": forbidden, "protected_tags": `^v?[0-9]+\.[0-9]+\.[0-9]+$`},
	"repository": {"cached": false},
	"images": list,
}

tagged(digest, tags) := {"digest": digest, "tags": tags, "kind": "image"}
