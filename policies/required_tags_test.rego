package ecraudit.rules.required_tags_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.required_tags as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	expect.same(case, denied, set())
}

cases := [
	{
		"note": "nothing is required",
		"input": tagged({}, {}),
	},
	{
		"note": "every tag is there",
		"input": tagged({"owner": [], "env": ["dev", "prod"]}, {"owner": "team-a", "env": "prod", "more": ""}),
	},
	{
		"note": "a tag is missing that may have any value",
		"input": tagged({"owner": []}, {"Owner": "keys have a case"}),
		"deny": ["the resource tag owner is missing"],
		"findings": [{"message": "the resource tag owner is missing", "key": "owner"}],
	},
	{
		"note": "an empty value says nothing",
		"input": tagged({"owner": []}, {"owner": ""}),
		"deny": ["the resource tag owner is empty"],
	},
	{
		"note": "an empty value is right where it is allowed",
		"input": tagged({"public": [""]}, {"public": ""}),
	},
	{
		"note": "a value that is not allowed",
		"input": tagged({"env": ["dev", "prod"]}, {"env": "Prod"}),
		"deny": [`the resource tag env is "Prod"; it must be one of dev, prod`],
	},
	{
		"note": "one finding a key, with a fix where the value is determined",
		"input": tagged({"owner": [], "env": ["dev", "prod"], "cost-center": ["42"]}, {}),
		"deny": [
			"the resource tag owner is missing",
			"the resource tag env is missing; it must be one of dev, prod",
			"the resource tag cost-center is missing; it must be 42",
		],
		"findings": [
			{"message": "the resource tag owner is missing", "key": "owner"},
			{"message": "the resource tag env is missing; it must be one of dev, prod", "key": "env"},
			{
				"message": "the resource tag cost-center is missing; it must be 42",
				"key": "cost-center",
				"fix": {"action": "tag_resource", "tags": {"cost-center": "42"}},
			},
		],
	},
]

tagged(required, tags) := {
	"config": {"required_tags": required},
	"repository": {"tags": tags},
}
