package ecraudit.rules.scan_filter_gap_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.scan_filter_gap as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "every repository is scanned",
		"input": scanning([on_push(["*"])], "yes", ""),
	},
	{
		"note": "the filters leave names out",
		"input": scanning([on_push(["team-a/*", "team-b/*"])], "no", "new-repository"),
		"deny": [concat("", [
			"images of a new repository such as new-repository would not be scanned: ",
			"the filters are team-a/*, team-b/*",
		])],
		"findings": [{"message": concat("", [
			"images of a new repository such as new-repository would not be scanned: ",
			"the filters are team-a/*, team-b/*",
		])}],
	},
	{
		"note": "continuous scanning has filters, too, and those of manual scanning scan nothing",
		"input": scanning(
			[
				{"frequency": "CONTINUOUS_SCAN", "filters": ["prod/*"]},
				{"frequency": "MANUAL", "filters": ["*"]},
				on_push(["prod/*", "test/*"]),
			],
			"no",
			"new-repository",
		),
		"deny": [concat("", [
			"images of a new repository such as new-repository would not be scanned: ",
			"the filters are prod/*, test/*",
		])],
	},
	{
		"note": "a registry as AWS makes it, where nothing is scanned, has no filters",
		"input": scanning([], "no", "new-repository"),
	},
	{
		"note": "nothing is scanned but on demand",
		"input": scanning([{"frequency": "MANUAL", "filters": ["*"]}], "no", "new-repository"),
	},
	{
		"note": "nobody demands that images are scanned",
		"input": object.union(
			scanning([on_push(["team-a/*"])], "no", "new-repository"),
			{"config": {"scan_on_push": false}},
		),
	},
	{
		"note": "it cannot be decided",
		"input": scanning([on_push(["*a*", "*b*"])], "unknown", ""),
		"unknown": ["cannot tell whether new repositories are scanned: why it is so"],
	},
	{
		"note": "nothing is said of new repositories",
		"input": {
			"config": {"scan_on_push": true},
			"registry": {"scanning": {"type": "BASIC", "rules": [on_push(["team-a/*"])]}},
		},
		"unknown": ["cannot tell whether new repositories are scanned"],
	},
]

on_push(filters) := {"frequency": "SCAN_ON_PUSH", "filters": filters}

scanning(rules, answer, example) := {
	"config": {"scan_on_push": true},
	"registry": {"scanning": {
		"type": "BASIC",
		"rules": rules,
		"every_repository": {"answer": answer, "example": example, "reason": "why it is so"},
	}},
}
