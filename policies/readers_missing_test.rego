package ecraudit.rules.readers_missing_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.readers_missing as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "no readers are demanded",
		"input": readers([]),
	},
	{
		"note": "the reader can pull",
		"input": readers([{"account": "444455556666", "answer": "yes", "reason": "statement Pull"}]),
	},
	{
		"note": "a reader cannot pull",
		"input": readers([
			{"account": "444455556666", "answer": "no", "reason": "no statement lets it"},
			{"account": "777788889999", "answer": "yes", "reason": "statement Pull"},
		]),
		"deny": ["444455556666 cannot pull: no statement lets it"],
		"findings": [{
			"message": "444455556666 cannot pull: no statement lets it",
			"key": "444455556666",
			"fix": {
				"action": "set_policy_statement",
				"source": "repository-policy",
				"statement": "EcrauditReaders",
				"accounts": ["444455556666"],
				"abilities": ["pull"],
			},
		}],
	},
	{
		"note": "each reader that cannot pull is a finding of its own",
		"input": readers([
			{"account": "444455556666", "answer": "no", "reason": "no statement lets it"},
			{"account": "777788889999", "answer": "no", "reason": "statement Deny denies it"},
		]),
		"deny": [
			"444455556666 cannot pull: no statement lets it",
			"777788889999 cannot pull: statement Deny denies it",
		],
	},
	{
		"note": "it cannot be told",
		"input": readers([{"account": "444455556666", "answer": "unknown", "reason": "aws:PrincipalTag decides"}]),
		"unknown": ["cannot tell whether 444455556666 can pull: aws:PrincipalTag decides"],
	},
]

readers(list) := {"repository": {"readers": list}}
