package ecraudit.rules.image_count_near_quota_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.image_count_near_quota as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := set()
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "far from the quota",
		"input": images(300, 20000, 80),
	},
	{
		"note": "as many as may be",
		"input": images(16000, 20000, 80),
	},
	{
		"note": "one more",
		"input": images(16001, 20000, 80),
		"deny": ["there are 16001 images, 80% of the quota of 20000 (80% allowed)"],
		"findings": [{"message": "there are 16001 images, 80% of the quota of 20000 (80% allowed)"}],
	},
	{
		"note": "full",
		"input": images(20000, 20000, 80),
		"deny": ["there are 20000 images, 100% of the quota of 20000 (80% allowed)"],
	},
	{
		"note": "AWS raised the quota, and the configuration says so",
		"input": images(20000, 50000, 80),
	},
	{
		"note": "all of the quota may be used",
		"input": images(20000, 20000, 0),
	},
	{
		"note": "no quota",
		"input": images(90000, 0, 80),
	},
]

images(number, quota, percent) := {
	"config": {"limits": {"images": quota, "images_percent": percent}},
	"repository": {"stats": {"images": number}},
}
