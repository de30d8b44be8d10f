package ecraudit.rules.lifecycle_baseline_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.lifecycle_baseline as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "everything expires",
		"input": judged([untagged, pull_requests]),
	},
	{
		"note": "nothing is demanded",
		"input": judged([]),
	},
	{
		"note": "untagged images stay",
		"input": judged([
			object.union(untagged, {
				"expires": "no",
				"within_days": false,
				"reason": "no rule selects images without a tag",
			}),
			pull_requests,
		]),
		"deny": ["untagged images do not all expire: no rule selects images without a tag"],
		"findings": [{
			"message": "untagged images do not all expire: no rule selects images without a tag",
			"key": "untagged images",
			"fix": {"action": "put_lifecycle_policy", "baseline": true},
		}],
	},
	{
		"note": "one rule with a list of prefixes expires next to nothing",
		"input": judged([object.union(pull_requests, {
			"expires": "no",
			"within_days": false,
			"example": "pr-1",
			"reason": "the rule 1 asks for a tag for each entry of its list",
		})]),
		"deny": ["images tagged pr-* do not all expire: the rule 1 asks for a tag for each entry of its list"],
	},
	{
		"note": "they expire too late",
		"input": object.union(
			judged([object.union(untagged, {"within_days": false, "reason": "rule 1 expires them after 90 days"})]),
			{"config": {"lifecycle": {"max_days": 30}}},
		),
		"deny": ["untagged images do not all expire within 30 days: rule 1 expires them after 90 days"],
	},
	{
		"note": "there is no policy: lifecycle-missing says it",
		"input": absent(true),
	},
	{
		"note": "there is no policy, and none is required, but something must expire",
		"input": absent(false),
		"deny": ["untagged images do not all expire: there is no valid lifecycle policy"],
	},
	{
		"note": "the policy is invalid: lifecycle-invalid says it",
		"input": object.union(
			judged([object.union(untagged, {"expires": "no", "reason": "there is no valid lifecycle policy"})]),
			{"repository": {"lifecycle": {"valid": false, "problems": ["rule 1 has no selection", "priority 1 twice"]}}},
		),
	},
	{
		"note": "it cannot be told",
		"input": judged([object.union(pull_requests, {
			"expires": "unknown",
			"within_days": false,
			"reason": "the patterns are too complex",
		})]),
		"unknown": ["cannot tell whether images tagged pr-* expire: the patterns are too complex"],
	},
]

judged(demands) := {
	"config": {"lifecycle": {"required": true, "untagged": true, "dev_tags": ["pr-*"], "max_days": 0}},
	"repository": {
		"lifecycle": {"present": true, "valid": true, "problems": [], "text": "{}"},
		"lifecycle_baseline": demands,
	},
}

absent(required) := object.union(
	judged([object.union(untagged, {
		"expires": "no",
		"within_days": false,
		"reason": "there is no valid lifecycle policy",
	})]),
	{
		"config": {"lifecycle": {"required": required}},
		"repository": {"lifecycle": {"present": false, "valid": false, "text": ""}},
	},
)

untagged := {
	"what": "untagged images",
	"untagged": true,
	"expires": "yes",
	"within_days": true,
	"example": "",
	"reason": "rule 1 expires them after 14 days",
}

pull_requests := {
	"what": "pr-*",
	"untagged": false,
	"expires": "yes",
	"within_days": true,
	"example": "",
	"reason": "rule 2 expires them after 14 days",
}
