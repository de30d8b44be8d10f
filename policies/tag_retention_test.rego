package ecraudit.rules.tag_retention_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.tag_retention as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "the tag is kept",
		"input": images([tagged(expect.digest("a"), [object.union(verdict("pr-1"), {"keep": true})])]),
	},
	{
		"note": "tags of no class are kept",
		"input": images([object.union(tagged(expect.digest("a"), []), {"tags": ["v1.0.0"]})]),
	},
	{
		"note": "a tag that need not be kept, in full",
		"input": images([tagged(expect.digest("a"), [verdict("pr-1")])]),
		"deny": ["the tag pr-1 need not be kept (class pull requests): not among the newest 3"],
		"findings": [{
			"message": "the tag pr-1 need not be kept (class pull requests): not among the newest 3",
			"digest": expect.digest("a"),
			"tag": "pr-1",
			"fix": {"action": "untag_image", "digest": expect.digest("a"), "tag": "pr-1"},
		}],
	},
	{
		"note": "each tag is judged for itself, by what groups capture",
		"input": images([
			tagged(expect.digest("a"), [verdict("pr-1"), object.union(verdict("pr-2"), {"keep": true})]),
			object.union(
				tagged(expect.digest("b"), [object.union(verdict("pr-1-7"), {"group": "pr-1"}), verdict("pr-3")]),
				{"kind": "index"},
			),
		]),
		"deny": [
			"the tag pr-1 need not be kept (class pull requests): not among the newest 3",
			"the tag pr-1-7 need not be kept (class pull requests, pr-1): not among the newest 3",
			"the tag pr-3 need not be kept (class pull requests): not among the newest 3",
		],
	},
	{
		"note": "an image that is in use keeps its tags",
		"input": images([object.union(tagged(expect.digest("a"), [verdict("pr-1")]), {"last_pulled_at": now - (30 * day)})]),
	},
	{
		"note": "an image that is no longer in use does not",
		"input": images([object.union(tagged(expect.digest("a"), [verdict("pr-1")]), {"last_pulled_at": now - (31 * day)})]),
		"deny": ["the tag pr-1 need not be kept (class pull requests): not among the newest 3"],
	},
	{
		"note": "a protected image keeps its tags",
		"input": images([object.union(tagged(expect.digest("a"), [verdict("pr-1")]), {"protected": true})]),
	},
	{
		"note": "what is no container image is found by its tag",
		"input": images([
			object.union(tagged(expect.digest("a"), [verdict("pr-1")]), {"kind": "signature"}),
			object.union(tagged(expect.digest("b"), [verdict("pr-1")]), {"kind": "artifact"}),
			object.union(tagged(expect.digest("c"), [verdict(referrers)]), {"kind": "index"}),
			tagged(expect.digest("d"), [verdict("ecraudit-quarantine-0123456789ab")]),
		]),
	},
	{
		"note": "nothing is demanded",
		"input": object.union(
			images([object.remove(tagged(expect.digest("a"), [verdict("pr-1")]), ["retention"])]),
			{"config": {"retention": []}},
		),
	},
	{
		"note": "nobody knows which tags are kept",
		"input": images([
			object.remove(tagged(expect.digest("a"), [verdict("pr-1")]), ["retention"]),
			object.remove(tagged(expect.digest("b"), [verdict("pr-1")]), ["protected"]),
		]),
		"unknown": [concat(" ", [
			"cannot tell of every tag whether it is to be kept:",
			"its class, or what protects its image, is not known",
		])],
	},
]

referrers := "sha256-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

now := 1800000000000000000

day := 86400000000000

images(list) := {
	"now": now,
	"config": {
		"ages": {"in_use_days": 30},
		"retention": [{"name": "pull requests", "tags": "^pr-", "exclude": "", "keep_newest": 3, "keep_days": 0}],
	},
	"images": list,
}

tagged(digest, verdicts) := {
	"digest": digest,
	"kind": "image",
	"tags": [v.tag | some v in verdicts],
	"protected": false,
	"retention": verdicts,
}

verdict(tag) := {
	"tag": tag,
	"class": "pull requests",
	"group": "",
	"keep": false,
	"rank": 4,
	"reason": "not among the newest 3",
}
