package ecraudit.rules.confused_deputy_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.confused_deputy as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "no policy",
		"input": granted("own", []),
	},
	{
		"note": "what Lambda writes for functions of the own account",
		"input": granted("own", [object.union(lambda, {
			"principal": "service lambda.amazonaws.com for account 111122223333",
			"account": "111122223333",
			"exposure": "own",
			"widest": "own",
			"abilities": ["read", "pull", "administer"],
			"conditions": ["aws:SourceArn like arn:aws:lambda:eu-west-1:111122223333:function:*"],
			"statement": "LambdaECRImageRetrievalPolicy",
		})]),
	},
	{
		"note": "for the organization",
		"input": granted("inside", [object.union(lambda, {
			"principal": "service lambda.amazonaws.com for organization o-a1b2c3d4e5",
			"exposure": "inside",
			"widest": "inside",
		})]),
	},
	{
		"note": "for an account outside: access-outside-organization says it",
		"input": granted("outside", [object.union(lambda, {
			"principal": "service lambda.amazonaws.com for account 999988887777",
			"account": "999988887777",
		})]),
	},
	{
		"note": "no service",
		"input": granted("outside", [object.union(lambda, {"principal": "account 999988887777", "kind": "account"})]),
	},
	{
		"note": "the registry policy: registry-policy-open says it once",
		"input": granted("outside", [object.union(lambda, {"source": "registry-policy"})]),
	},
	{
		"note": "for whomever",
		"input": granted("outside", [lambda]),
		"deny": [for_whomever],
		"findings": [{"message": for_whomever, "key": "repository-policy|Lambda|service lambda.amazonaws.com"}],
	},
	{
		"note": "any service, with a condition that pins nothing",
		"input": granted("outside", [object.union(lambda, {
			"principal": "any service",
			"conditions": ["aws:PrincipalIsAWSService = true"],
			"statement": "#1",
		})]),
		"deny": [concat("", [
			"any service can pull ",
			"(statement #1 of the repository policy, if aws:PrincipalIsAWSService = true), whoever it acts for",
		])],
	},
	{
		"note": "a bucket's ARN does not say whose it is",
		"input": granted("unknown", [object.union(lambda, {
			"exposure": "unknown",
			"reason": "it cannot be told whose it is: aws:SourceArn like arn:aws:s3:::bucket",
			"conditions": ["aws:SourceArn like arn:aws:s3:::bucket"],
		})]),
		"unknown": [concat("", [
			"service lambda.amazonaws.com on behalf of a stranger may be able to pull ",
			"(statement Lambda of the repository policy, if aws:SourceArn like arn:aws:s3:::bucket): ",
			"it cannot be told whose it is: aws:SourceArn like arn:aws:s3:::bucket",
		])],
	},
	{
		"note": "the policy is no policy",
		"input": {"repository": {
			"policy": {"problems": ["repository-policy: it is not one JSON document"]},
			"exposure": "unknown",
			"access": [],
		}},
		"unknown": ["cannot tell who has access: repository-policy: it is not one JSON document"],
	},
]

for_whomever := "service lambda.amazonaws.com can pull (statement Lambda of the repository policy), whoever it acts for"

lambda := {
	"principal": "service lambda.amazonaws.com",
	"kind": "service",
	"account": "",
	"exposure": "outside",
	"widest": "outside",
	"reason": "",
	"abilities": ["pull"],
	"conditions": [],
	"statement": "Lambda",
	"source": "repository-policy",
}

granted(exposure, access) := {"repository": {
	"policy": {"problems": []},
	"exposure": exposure,
	"access": access,
}}
