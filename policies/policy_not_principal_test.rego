package ecraudit.rules.policy_not_principal_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.policy_not_principal as rule

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
		"note": "an Allow with Principal",
		"input": judged([statement("Pull", "Allow", false, [])]),
	},
	{
		"note": "a Deny with NotPrincipal",
		"input": judged([statement("Only", "Deny", true, [])]),
	},
	{
		"note": "an Allow with NotPrincipal",
		"input": judged([statement("Open", "Allow", true, [])]),
		"deny": ["statement Open allows everyone except 444455556666"],
		"findings": [{"message": "statement Open allows everyone except 444455556666", "key": "Open"}],
	},
	{
		"note": "a condition does not make it sound",
		"input": judged([statement("#2", "Allow", true, ["aws:PrincipalOrgID = o-a1b2c3d4e5"])]),
		"deny": ["statement #2 allows everyone except 444455556666, if aws:PrincipalOrgID = o-a1b2c3d4e5"],
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

statement(id, effect, not_principal, conditions) := {
	"id": id,
	"effect": effect,
	"principals": [{"type": "AWS", "value": "444455556666", "kind": "account", "account": "444455556666"}],
	"not_principal": not_principal,
	"conditions": conditions,
}

judged(statements) := {"repository": {"policy": {"statements": statements, "problems": []}}}
