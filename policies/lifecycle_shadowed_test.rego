package ecraudit.rules.lifecycle_shadowed_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.lifecycle_shadowed as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "no policy",
		"input": {"repository": {"lifecycle": {"present": false, "valid": false, "rules": []}}},
	},
	{
		"note": "every rule has images of its own",
		"input": policy([rule_like(1, "yes", []), rule_like(2, "yes", [])]),
	},
	{
		"note": "a rule that selects nothing is not shadowed",
		"input": policy([rule_like(1, "no", [])]),
	},
	{
		"note": "one rule takes all",
		"input": policy([rule_like(1, "yes", []), rule_like(2, "no", [1])]),
		"deny": ["the rule with priority 2 can never act: the rule with priority 1 selects every image first"],
		"findings": [{
			"message": "the rule with priority 2 can never act: the rule with priority 1 selects every image first",
			"key": "rule 2",
		}],
	},
	{
		"note": "two rules take all between them, and each shadowed rule is a finding",
		"input": policy([
			rule_like(1, "yes", []),
			rule_like(2, "yes", []),
			rule_like(5, "no", [1, 2]),
			rule_like(7, "no", [1]),
		]),
		"deny": [
			"the rule with priority 5 can never act: the rules with priorities 1, 2 select every image first",
			"the rule with priority 7 can never act: the rule with priority 1 selects every image first",
		],
	},
	{
		"note": "it cannot be decided",
		"input": policy([object.union(rule_like(3, "unknown", []), {"acts_reason": "the patterns are too complex"})]),
		"unknown": ["cannot tell whether the rule with priority 3 can act: the patterns are too complex"],
		"findings": [{
			"message": "cannot tell whether the rule with priority 3 can act: the patterns are too complex",
			"key": "rule 3",
		}],
	},
	{
		"note": "nothing is said of a rule",
		"input": policy([{"priority": 4, "tag_status": "untagged"}]),
		"unknown": ["cannot tell whether the rule with priority 4 can act"],
	},
]

policy(rules) := {"repository": {"lifecycle": {"present": true, "valid": true, "rules": rules}}}

rule_like(priority, acts, by) := {"priority": priority, "acts": acts, "acts_reason": "", "shadowed_by": by}
