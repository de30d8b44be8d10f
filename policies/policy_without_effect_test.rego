package ecraudit.rules.policy_without_effect_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.policy_without_effect as rule

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
		"note": "every action has an effect",
		"input": judged([statement("Pull", "Allow", [])]),
	},
	{
		"note": "the token, which many policies have",
		"input": judged([statement("Pull", "Allow", ["ecr:GetAuthorizationToken"])]),
		"deny": ["statement Pull grants nothing by ecr:GetAuthorizationToken (only an identity policy decides it)"],
		"findings": [{
			"message": "statement Pull grants nothing by ecr:GetAuthorizationToken (only an identity policy decides it)",
			"key": "Pull",
		}],
	},
	{
		"note": "several, in any case of letters",
		"input": judged([statement("#2", "Allow", ["ecr:getAuthorizationToken", "s3:GetObject", "ecr:PullImage"])]),
		"deny": [concat("", [
			"statement #2 grants nothing by ecr:getAuthorizationToken (only an identity policy decides it), ",
			"s3:GetObject (it is no action of ECR), ecr:PullImage (ECR has no such action on a repository)",
		])],
	},
	{
		"note": "an action of the registry",
		"input": judged([statement("Copy", "Allow", ["ecr:ReplicateImage"])]),
		"deny": ["statement Copy grants nothing by ecr:ReplicateImage (the registry policy decides it)"],
	},
	{
		"note": "a Deny that denies nothing",
		"input": judged([statement("Stop", "Deny", ["ecr:GetAuthorizationToken"])]),
		"deny": ["statement Stop denies nothing by ecr:GetAuthorizationToken (only an identity policy decides it)"],
	},
	{
		"note": "AWS documents that a repository policy can let somebody fill a pull-through cache",
		"input": judged([statement("Cache", "Allow", ["ecr:BatchImportUpstreamImage"])]),
	},
	{
		"note": "two statements",
		"input": judged([statement("A", "Allow", ["s3:GetObject"]), statement("B", "Allow", ["ecr:CreateRepository"])]),
		"deny": [
			"statement A grants nothing by s3:GetObject (it is no action of ECR)",
			"statement B grants nothing by ecr:CreateRepository (the registry policy decides it)",
		],
	},
	{
		"note": "the policy is no policy",
		"input": {"repository": {"policy": {
			"statements": [],
			"problems": ["repository-policy: it is not one JSON document"],
		}}},
		"unknown": ["cannot tell what the policy says: it is not one JSON document"],
	},
	{
		"note": "only the registry policy is not understood",
		"input": {"repository": {"policy": {"statements": [], "problems": ["registry-policy: it has no Statement"]}}},
	},
]

statement(id, effect, inert) := {
	"id": id,
	"effect": effect,
	"actions": array.concat(["ecr:BatchGetImage"], inert),
	"inert": inert,
}

judged(statements) := {"repository": {"policy": {"statements": statements, "problems": []}}}
