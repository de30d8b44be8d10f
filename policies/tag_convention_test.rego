package ecraudit.rules.tag_convention_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.tag_convention as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "tags follow the convention",
		"input": images([tagged(expect.digest("a"), ["pr-12", "v1.0.0"])]),
	},
	{
		"note": "there is no convention",
		"input": object.union(images([tagged(expect.digest("a"), ["Anything"])]), {"config": {"tag_pattern": ""}}),
	},
	{
		"note": "untagged images have nothing to follow",
		"input": images([tagged(expect.digest("a"), [])]),
	},
	{
		"note": "each tag that does not is a finding",
		"input": images([
			tagged(expect.digest("a"), ["final", "v1.0.0", "v1.0.0-final"]),
			object.union(tagged(expect.digest("b"), ["latest"]), {"kind": "index"}),
		]),
		"deny": [
			"the tag final does not follow the convention ^(v[0-9.]+|pr-[0-9]+)$",
			"the tag v1.0.0-final does not follow the convention ^(v[0-9.]+|pr-[0-9]+)$",
			"the tag latest does not follow the convention ^(v[0-9.]+|pr-[0-9]+)$",
		],
	},
	{
		"note": "a finding in full",
		"input": images([tagged(expect.digest("a"), ["latest"])]),
		"deny": ["the tag latest does not follow the convention ^(v[0-9.]+|pr-[0-9]+)$"],
		"findings": [{
			"message": "the tag latest does not follow the convention ^(v[0-9.]+|pr-[0-9]+)$",
			"digest": expect.digest("a"),
			"tag": "latest",
			"fix": {"action": "untag_image", "digest": expect.digest("a"), "tag": "latest"},
		}],
	},
	{
		"note": "a pattern that is not anchored may match anywhere",
		"input": object.union(images([tagged(expect.digest("a"), ["my-v1", "V1"])]), {"config": {"tag_pattern": "v[0-9]"}}),
		"deny": ["the tag V1 does not follow the convention v[0-9]"],
	},
	{
		"note": "cosign's tags are found by their names, and so are those of referrers",
		"input": images([
			tagged(expect.digest("a"), [concat("", [sha, ".sig"]), concat("", [sha, ".att"]), concat("", [sha, ".sbom"])]),
			object.union(tagged(expect.digest("b"), [sha]), {"kind": "index"}),
		]),
	},
	{
		"note": "a tag that only begins like one of cosign's",
		"input": images([tagged(expect.digest("a"), ["sha256-abc.sig"])]),
		"deny": ["the tag sha256-abc.sig does not follow the convention ^(v[0-9.]+|pr-[0-9]+)$"],
	},
	{
		"note": "what is no container image may be tagged otherwise",
		"input": images([
			object.union(tagged(expect.digest("a"), ["chart"]), {"kind": "artifact"}),
			object.union(tagged(expect.digest("b"), ["chart"]), {"kind": "signature"}),
			object.union(tagged(expect.digest("c"), ["chart"]), {"kind": "sbom"}),
			object.union(tagged(expect.digest("d"), ["chart"]), {"kind": "attestation"}),
		]),
	},
	{
		"note": "images that ecraudit parked keep their quarantine tag",
		"input": images([tagged(expect.digest("a"), ["ecraudit-quarantine-0123456789ab"])]),
	},
	{
		"note": "upstream names the tags of a cache",
		"input": object.union(images([tagged(expect.digest("a"), ["latest"])]), {"repository": {"cached": true}}),
	},
	{
		"note": "nobody knows whether it is a cache, which is said once for the repository",
		"input": object.remove(
			images([
				tagged(expect.digest("a"), ["latest"]),
				tagged(expect.digest("b"), ["final"]),
				tagged(expect.digest("c"), ["v1"]),
			]),
			["repository"],
		),
		"unknown": [concat("", [
			"some tags do not follow the convention, which is right only in a pull-through cache; ",
			"its rules could not be read",
		])],
	},
	{
		"note": "nobody knows whether it is a cache, and either way it is as it should be",
		"input": object.remove(images([tagged(expect.digest("a"), ["v1"])]), ["repository"]),
	},
]

sha := "sha256-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

images(list) := {
	"config": {"tag_pattern": "^(v[0-9.]+|pr-[0-9]+)$"},
	"repository": {"cached": false},
	"images": list,
}

tagged(digest, tags) := {"digest": digest, "tags": tags, "kind": "image"}
