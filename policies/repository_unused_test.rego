package ecraudit.rules.repository_unused_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.repository_unused as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "pushed lately",
		"input": used({"images": 3, "last_pushed_at": ago(180), "last_pulled_at": ago(400)}),
	},
	{
		"note": "pulled lately",
		"input": used({"images": 3, "last_pushed_at": ago(400), "last_pulled_at": ago(180)}),
	},
	{
		"note": "neither, in full",
		"input": used({"images": 3, "last_pushed_at": ago(400), "last_pulled_at": ago(181)}),
		"deny": ["no image was pushed for 400 days or pulled for 181 days; there are 3 of them"],
		"findings": [{"message": "no image was pushed for 400 days or pulled for 181 days; there are 3 of them"}],
	},
	{
		"note": "never pulled, and it has a price",
		"input": object.union(
			used({"images": 3, "last_pushed_at": ago(200)}),
			{"config": {"prices": {"currency": "USD"}}, "repository": {"cost": {"monthly": 12}}},
		),
		"deny": [concat("", [
			"no image was pushed for 200 days or ever recorded as pulled; ",
			"there are 3 of them, which cost up to 12.00 USD a month",
		])],
	},
	{
		"note": "an empty repository has nothing that could be used",
		"input": used({"images": 0}),
	},
	{
		"note": "nobody knows when it was pushed",
		"input": used({"images": 3, "last_pulled_at": ago(200)}),
		"unknown": ["no image was pulled for 200 days, and it is not known when one was last pushed"],
	},
	{
		"note": "nobody knows when it was pushed, but it was pulled lately",
		"input": used({"images": 3, "last_pulled_at": ago(2)}),
	},
]

now := 1800000000000000000

ago(days) := now - (days * 86400000000000)

used(stats) := {
	"now": now,
	"config": {"ages": {"unused_days": 180}},
	"repository": {"stats": stats},
}
