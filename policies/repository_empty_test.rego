package ecraudit.rules.repository_empty_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.repository_empty as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "there is an image",
		"input": repository(1, 400),
	},
	{
		"note": "a new repository may wait for its first push",
		"input": repository(0, 30),
	},
	{
		"note": "empty, in full",
		"input": repository(0, 31),
		"deny": ["there is no image, and the repository was created 31 days ago"],
		"findings": [{"message": "there is no image, and the repository was created 31 days ago"}],
	},
	{
		"note": "a cache fills again",
		"input": object.union(repository(0, 400), {"repository": {"cached": true}}),
	},
	{
		"note": "nobody knows whether it is a cache",
		"input": without("cached", repository(0, 400)),
		"unknown": ["there is no image, which is right only in a pull-through cache; its rules could not be read"],
	},
	{
		"note": "nobody knows whether it is a cache, and either way it is as it should be",
		"input": without("cached", repository(0, 3)),
	},
	{
		"note": "nobody knows when it was created",
		"input": without("created_at", repository(0, 400)),
		"unknown": ["there is no image, and it is not known when the repository was created"],
	},
]

now := 1800000000000000000

repository(images, days) := {
	"now": now,
	"config": {"ages": {"empty_days": 30}},
	"repository": {"cached": false, "created_at": now - (days * 86400000000000), "stats": {"images": images}},
}

without(field, case) := object.union(
	object.remove(case, ["repository"]),
	{"repository": object.remove(case.repository, [field])},
)
