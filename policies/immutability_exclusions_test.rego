package ecraudit.rules.immutability_exclusions_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.immutability_exclusions as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "immutable without exceptions",
		"input": excluding("release", "IMMUTABLE", [], "yes"),
	},
	{
		"note": "latest is meant to move",
		"input": excluding("release", "IMMUTABLE_WITH_EXCLUSION", ["latest"], "yes"),
	},
	{
		"note": "a filter matches every tag",
		"input": excluding("release", "IMMUTABLE_WITH_EXCLUSION", ["latest", "*"], "no"),
		"deny": [`the exclusion filter "*" matches every tag, so none is immutable`],
		"findings": [{
			"message": `the exclusion filter "*" matches every tag, so none is immutable`,
			"fix": {"action": "set_tag_mutability", "mutability": "IMMUTABLE", "tags": "release"},
		}],
	},
	{
		"note": "two filters that match every tag are one finding, though nobody asks for immutable tags",
		"input": excluding("none", "IMMUTABLE_WITH_EXCLUSION", ["***", "**"], "no"),
		"deny": [`the exclusion filter "**" matches every tag, so none is immutable`],
	},
	{
		"note": "a filter matches release tags, where all tags should be immutable",
		"input": excluding("all", "IMMUTABLE_WITH_EXCLUSION", ["v*"], "no"),
		"deny": [sprintf("release tags are not immutable after all: %s", [reason])],
		"findings": [{
			"message": sprintf("release tags are not immutable after all: %s", [reason]),
			"fix": {"action": "set_tag_mutability", "mutability": "IMMUTABLE", "tags": "all"},
		}],
	},
	{
		"note": "a filter matches release tags, and nobody asks for immutable ones",
		"input": excluding("none", "IMMUTABLE_WITH_EXCLUSION", ["v*"], "no"),
	},
	{
		"note": "tags that are mutable have no immutability to undo, and filters that protect all of them do good",
		"input": excluding("release", "MUTABLE_WITH_EXCLUSION", ["*"], "yes"),
	},
	{
		"note": "the tags of a cache have to move",
		"input": object.union(
			excluding("release", "IMMUTABLE_WITH_EXCLUSION", ["*"], "no"),
			{"repository": {"cached": true}},
		),
	},
	{
		"note": "nobody knows whether it is a cache",
		"input": uncached(excluding("release", "IMMUTABLE_WITH_EXCLUSION", ["*"], "no")),
		"unknown": [concat("; ", [
			`the exclusion filter "*" matches every tag, so none is immutable`,
			"that is right only in a pull-through cache, whose rules could not be read",
		])],
	},
	{
		"note": "nobody knows whether it is a cache, and either way it is as it should be",
		"input": uncached(excluding("release", "IMMUTABLE_WITH_EXCLUSION", ["latest"], "yes")),
	},
	{
		"note": "whether a filter matches cannot be decided",
		"input": excluding("release", "IMMUTABLE_WITH_EXCLUSION", ["v*"], "unknown"),
		"unknown": [sprintf("cannot tell whether an exclusion filter matches release tags: %s", [reason])],
	},
	{
		"note": "a filter that matches everything matches what cannot be decided, too",
		"input": excluding("release", "IMMUTABLE_WITH_EXCLUSION", ["*"], "unknown"),
		"deny": [`the exclusion filter "*" matches every tag, so none is immutable`],
	},
	{
		"note": "filters of a setting that is not known",
		"input": excluding("release", "FROZEN", ["latest"], "unknown"),
		"unknown": ["cannot tell what the exclusion filters do: tags are FROZEN"],
	},
]

reason := `the exclusion filter "v*" lets "v0.0.0" be moved`

excluding(immutable, setting, filters, answer) := {
	"config": {"immutable": immutable},
	"repository": {
		"cached": false,
		"mutability": {
			"setting": setting,
			"exclusions": filters,
			"release_tags": {"answer": answer, "example": "v0.0.0", "reason": reason},
		},
	},
}

uncached(case) := object.union(
	object.remove(case, ["repository"]),
	{"repository": object.remove(case.repository, ["cached"])},
)
