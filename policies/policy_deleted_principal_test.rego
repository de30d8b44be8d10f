package ecraudit.rules.policy_deleted_principal_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.policy_deleted_principal as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "no policy",
		"input": judged([]),
	},
	{
		"note": "principals that exist",
		"input": judged([statement("Pull", "Allow", false, [role])]),
	},
	{
		"note": "a deleted role beside one that exists",
		"input": judged([statement("Pull", "Allow", false, [role, deleted("AROAEXAMPLEEXAMPLE123")])]),
		"deny": [gets_nothing],
		"findings": [{
			"message": gets_nothing,
			"key": "Pull|AROAEXAMPLEEXAMPLE123",
			"fix": {
				"action": "remove_policy_statement",
				"source": "repository-policy",
				"statement": "Pull",
				"principal": "AROAEXAMPLEEXAMPLE123",
			},
		}],
	},
	{
		"note": "a deleted user and something else, of one statement",
		"input": judged([statement(
			"#1",
			"Allow",
			false,
			[deleted("AIDAEXAMPLEEXAMPLE456"), deleted("ANPAEXAMPLEEXAMPLE789")],
		)]),
		"deny": [
			"statement #1 names AIDAEXAMPLEEXAMPLE456, the id of a deleted user: nobody gets anything by it",
			"statement #1 names ANPAEXAMPLEEXAMPLE789, the id of a deleted principal: nobody gets anything by it",
		],
	},
	{
		"note": "a Deny that stops nobody any more has no fix",
		"input": judged([statement("Stop", "Deny", false, [deleted("AROAEXAMPLEEXAMPLE123")])]),
		"deny": [stops_nobody],
		"findings": [{"message": stops_nobody, "key": "Stop|AROAEXAMPLEEXAMPLE123"}],
	},
	{
		"note": "an exception for nobody",
		"input": judged([statement("All", "Deny", true, [deleted("AROAEXAMPLEEXAMPLE123"), role])]),
		"deny": ["statement All names AROAEXAMPLEEXAMPLE123, the id of a deleted role: nobody is excepted by it"],
	},
	{
		"note": "the policy is no policy",
		"input": {"repository": {"policy": {
			"statements": [],
			"problems": ["repository-policy: it is not one JSON document"],
		}}},
		"unknown": ["cannot tell what the policy says: it is not one JSON document"],
	},
]

gets_nothing := "statement Pull names AROAEXAMPLEEXAMPLE123, the id of a deleted role: nobody gets anything by it"

stops_nobody := concat("", [
	"statement Stop names AROAEXAMPLEEXAMPLE123, the id of a deleted role: ",
	"nobody is denied anything by it, nor would be a new one of the same name",
])

role := {"type": "AWS", "value": "arn:aws:iam::444455556666:role/ci", "kind": "role", "account": "444455556666"}

deleted(id) := {"type": "AWS", "value": id, "kind": "deleted", "account": ""}

statement(id, effect, not_principal, principals) := {
	"id": id,
	"effect": effect,
	"principals": principals,
	"not_principal": not_principal,
}

judged(statements) := {"repository": {"policy": {"statements": statements, "problems": []}}}
