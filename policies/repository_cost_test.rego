package ecraudit.rules.repository_cost_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.repository_cost as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "as much as allowed",
		"input": costs(25, {"monthly": 25, "unused_monthly": 20, "freed_monthly": 10}),
	},
	{
		"note": "nothing is limited",
		"input": costs(0, {"monthly": 99999}),
	},
	{
		"note": "too much, in full",
		"input": costs(25, {"monthly": 40.056, "unused_monthly": 20, "freed_monthly": 0.5}),
		"deny": [concat("", [
			"storage costs up to 40.06 USD a month, and 25.00 USD are allowed; ",
			"20.00 USD of that is not used; the lifecycle policy frees 0.50 USD of it now",
		])],
		"findings": [{"message": concat("", [
			"storage costs up to 40.06 USD a month, and 25.00 USD are allowed; ",
			"20.00 USD of that is not used; the lifecycle policy frees 0.50 USD of it now",
		])}],
	},
	{
		"note": "everything is used, and nothing is freed",
		"input": costs(0.5, {"monthly": 1, "unused_monthly": 0, "freed_monthly": 0}),
		"deny": ["storage costs up to 1.00 USD a month, and 0.50 USD are allowed"],
	},
	{
		"note": "the lifecycle policy was not read",
		"input": costs(25, {"monthly": 26, "unused_monthly": 1}),
		"deny": ["storage costs up to 26.00 USD a month, and 25.00 USD are allowed; 1.00 USD of that is not used"],
	},
	{
		"note": "an empty repository costs nothing",
		"input": costs(25, {"monthly": 0, "unused_monthly": 0, "freed_monthly": 0}),
	},
	{
		"note": "no price is known",
		"input": costs(25, {}),
		"unknown": ["cannot tell what the storage costs: no price of it is known"],
	},
]

costs(limit, cost) := {
	"config": {"limits": {"monthly_cost": limit}, "prices": {"currency": "USD"}},
	"repository": {"cost": cost},
}
