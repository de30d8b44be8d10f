package ecraudit.rules.repository_naming_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.repository_naming as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "the name follows the convention",
		"input": named("^team-[a-z]+/[a-z-]+$", "team-a/web-api"),
	},
	{
		"note": "the name does not, in full",
		"input": named("^team-[a-z]+/[a-z-]+$", "test"),
		"deny": ["the name test does not follow the convention ^team-[a-z]+/[a-z-]+$"],
		"findings": [{"message": "the name test does not follow the convention ^team-[a-z]+/[a-z-]+$"}],
	},
	{
		"note": "a pattern that is not anchored may match anywhere",
		"input": named("team", "old/team/api"),
	},
	{
		"note": "there is no convention",
		"input": named("", "Anything"),
	},
	{
		"note": "the repositories of a cache are named by its rule",
		"input": object.union(named("^team-", "docker-hub/library/nginx"), {"repository": {"cached": true}}),
	},
	{
		"note": "nobody knows whether it is a cache",
		"input": {"config": {"repository_names": "^team-"}, "repository": {"name": "test"}},
		"unknown": [concat("", [
			"the name test does not follow the convention ^team-, ",
			"which is right only in a pull-through cache; its rules could not be read",
		])],
	},
	{
		"note": "nobody knows whether it is a cache, and either way it is as it should be",
		"input": {"config": {"repository_names": "^team-"}, "repository": {"name": "team-a"}},
	},
]

named(pattern, name) := {
	"config": {"repository_names": pattern},
	"repository": {"cached": false, "name": name},
}
