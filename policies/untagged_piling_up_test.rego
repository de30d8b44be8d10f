package ecraudit.rules.untagged_piling_up_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.untagged_piling_up as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "no untagged images",
		"input": repository({"untagged": 0, "untagged_bytes": 0}, [expiring]),
	},
	{
		"note": "a few, and new ones",
		"input": repository({"untagged": 12, "oldest_untagged_at": before(10)}, []),
	},
	{
		"note": "as many as are allowed",
		"input": repository({"untagged": 100, "oldest_untagged_at": before(10)}, [expiring]),
	},
	{
		"note": "more than are allowed, although a rule takes them",
		"input": repository({"untagged": 101, "untagged_bytes": 1048577, "oldest_untagged_at": before(10)}, [expiring]),
		"deny": ["there are 101 (2 MB) untagged images (100 allowed)"],
		"findings": [{"message": "there are 101 (2 MB) untagged images (100 allowed)"}],
	},
	{
		"note": "more than are allowed, and no rule takes them",
		"input": repository({"untagged": 101, "oldest_untagged_at": before(400)}, []),
		"deny": ["there are 101 untagged images (100 allowed), and no lifecycle rule takes them"],
		"findings": [{
			"message": "there are 101 untagged images (100 allowed), and no lifecycle rule takes them",
			"fix": {"action": "put_lifecycle_policy", "baseline": true},
		}],
	},
	{
		"note": "more than are allowed, but indexes that may refer to them were not read",
		"input": repository({"untagged": 101, "unread_indexes": 2, "oldest_untagged_at": before(10)}, [expiring]),
		"unknown": ["there are 101 untagged images, but 2 indexes that may refer to them were not read"],
	},
	{
		"note": "any number is allowed",
		"input": object.union(
			repository({"untagged": 5000, "oldest_untagged_at": before(10)}, [expiring]),
			{"config": {"limits": {"untagged_images": 0}}},
		),
	},
	{
		"note": "old ones that no rule takes",
		"input": repository({"untagged": 3, "untagged_bytes": 314572800, "oldest_untagged_at": before(400)}, [builds]),
		"deny": ["no lifecycle rule takes the 3 (300 MB) untagged images, the oldest of which is 400 days old"],
		"findings": [{
			"message": "no lifecycle rule takes the 3 (300 MB) untagged images, the oldest of which is 400 days old",
			"fix": {"action": "put_lifecycle_policy", "baseline": true},
		}],
	},
	{
		"note": "the baseline does not demand that they go",
		"input": object.union(
			repository({"untagged": 3, "oldest_untagged_at": before(400)}, []),
			{"config": {"lifecycle": {"untagged": false}}},
		),
		"deny": ["no lifecycle rule takes the 3 untagged images, the oldest of which is 400 days old"],
		"findings": [{
			"message": "no lifecycle rule takes the 3 untagged images, the oldest of which is 400 days old",
		}],
	},
	{
		"note": "old ones that a rule keeps on purpose",
		"input": repository({"untagged": 3, "oldest_untagged_at": before(400)}, [expiring]),
	},
	{
		"note": "a rule for any image takes untagged ones, too",
		"input": repository(
			{"untagged": 3, "oldest_untagged_at": before(400)},
			[object.union(expiring, {"tag_status": "any"})],
		),
	},
	{
		"note": "a rule that can never act takes none, and neither does the archive",
		"input": repository({"untagged": 3, "oldest_untagged_at": before(400)}, [
			object.union(expiring, {"acts": "no"}),
			object.union(expiring, {"action": "transition"}),
		]),
		"deny": ["no lifecycle rule takes the 3 untagged images, the oldest of which is 400 days old"],
	},
	{
		"note": "just as old as may be",
		"input": repository({"untagged": 3, "oldest_untagged_at": before(180)}, []),
	},
	{
		"note": "old ones, and the lifecycle policy could not be read",
		"input": unread({"untagged": 3, "oldest_untagged_at": before(400)}),
		"unknown": [concat("", [
			"there are untagged images, the oldest of which is 400 days old; ",
			"whether a lifecycle rule takes them is not known",
		])],
	},
	{
		"note": "too many, whatever the lifecycle policy says",
		"input": unread({"untagged": 300, "oldest_untagged_at": before(400)}),
		"deny": ["there are 300 untagged images (100 allowed)"],
	},
	{
		"note": "an invalid lifecycle policy may take them or not",
		"input": object.union(
			repository({"untagged": 3, "oldest_untagged_at": before(400)}, []),
			{"repository": {"lifecycle": {"present": true, "valid": false}}},
		),
		"unknown": [concat("", [
			"there are untagged images, the oldest of which is 400 days old; ",
			"what an invalid lifecycle policy takes is not known",
		])],
	},
]

now := 1700000000000000000

before(days) := now - (days * 86400000000000)

repository(stats, rules) := object.union(unread(stats), {"repository": {"lifecycle": {
	"present": count(rules) > 0,
	"valid": count(rules) > 0,
	"rules": rules,
}}})

unread(stats) := {
	"now": now,
	"config": {
		"limits": {"untagged_images": 100},
		"ages": {"unused_days": 180},
		"lifecycle": {"untagged": true},
	},
	"repository": {"stats": stats},
}

expiring := {"priority": 1, "tag_status": "untagged", "action": "expire", "acts": "yes"}

builds := {"priority": 2, "tag_status": "tagged", "tag_prefixes": ["build-"], "action": "expire", "acts": "yes"}
