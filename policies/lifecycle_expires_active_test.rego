package ecraudit.rules.lifecycle_expires_active_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.lifecycle_expires_active as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "nothing in use is taken",
		"input": simulated([], 0),
	},
	{
		"note": "there is no policy",
		"input": {"repository": {"lifecycle": {"present": false, "valid": false}}},
	},
	{
		"note": "images in use are taken, and each rule that does is a finding",
		"input": simulated([active(1), active(3)], 0),
		"deny": [
			"the rule with priority 1 expires 2 images pulled within the last 30 days",
			"the rule with priority 3 expires 2 images pulled within the last 30 days",
		],
		"findings": [
			{"message": "the rule with priority 1 expires 2 images pulled within the last 30 days", "key": "rule 1"},
			{"message": "the rule with priority 3 expires 2 images pulled within the last 30 days", "key": "rule 3"},
		],
	},
	{
		"note": "every image is taken",
		"input": simulated([everything], 0),
		"deny": ["the rule with priority 1 expires every image of the repository (12)"],
		"findings": [{
			"message": "the rule with priority 1 expires every image of the repository (12)",
			"key": "everything",
		}],
	},
	{
		"note": "every image is taken, and some are in use",
		"input": simulated([active(1), everything], 0),
		"deny": [
			"the rule with priority 1 expires 2 images pulled within the last 30 days",
			"the rule with priority 1 expires every image of the repository (12)",
		],
	},
	{
		"note": "other insights are not for this rule",
		"input": simulated([object.union(active(1), {"kind": "expires-releases"})], 0),
	},
	{
		"note": "some may be children of indexes that could not be read",
		"input": simulated([], 7),
		"unknown": [concat("", [
			"cannot tell whether the policy would take 7 images, ",
			"which may be children of indexes that could not be read",
		])],
	},
	{
		"note": "the policy was not simulated",
		"input": {"repository": {"lifecycle": {"present": true, "valid": true}}},
		"unknown": ["cannot tell what the policy does to the images: they could not be read"],
	},
]

simulated(insights, undecided) := {"repository": {
	"lifecycle": {"present": true, "valid": true},
	"lifecycle_preview": {"expires": 12, "undecided": undecided, "insights": insights},
}}

active(priority) := {
	"kind": "expires-active",
	"priority": priority,
	"count": 2,
	"message": sprintf("the rule with priority %d expires 2 images pulled within the last 30 days", [priority]),
}

everything := {
	"kind": "expires-everything",
	"priority": 1,
	"count": 12,
	"message": "the rule with priority 1 expires every image of the repository (12)",
}
