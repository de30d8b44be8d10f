package ecraudit.rules.external_push_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.external_push as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "others may pull",
		"input": granted("inside", [object.union(member, {"abilities": ["read", "pull"], "level": "pull"})]),
	},
	{
		"note": "the statement that Lambda writes for functions of the own account lets nobody else in",
		"input": granted("own", [object.union(member, {
			"principal": "lambda.amazonaws.com",
			"kind": "service",
			"account": "",
			"exposure": "own",
			"widest": "own",
			"abilities": ["read", "pull", "administer"],
			"level": "administer",
			"statement": "LambdaECRImageRetrievalPolicy",
			"outside_account": false,
		})]),
	},
	{
		"note": "an account of the organization may push, and keeps what pulling takes",
		"input": granted("inside", [member]),
		"deny": ["account 444455556666 can read, pull and push (statement Ci of the repository policy)"],
		"findings": [{
			"message": "account 444455556666 can read, pull and push (statement Ci of the repository policy)",
			"key": "repository-policy|Ci|account 444455556666",
			"fix": {
				"action": "set_policy_statement",
				"source": "repository-policy",
				"statement": "Ci",
				"principal": "account 444455556666",
				"abilities": ["read", "pull"],
			},
		}],
	},
	{
		"note": "an account of the organization replicates into the registry",
		"input": granted("inside", [object.union(member, {
			"source": "registry-policy",
			"abilities": ["push"],
			"actions": ["ecr:CreateRepository", "ecr:ReplicateImage"],
		})]),
	},
	{
		"note": "an account outside replicates into the registry",
		"input": granted("outside", [object.union(member, {
			"exposure": "outside",
			"widest": "outside",
			"source": "registry-policy",
			"abilities": ["push"],
			"actions": ["ecr:ReplicateImage"],
		})]),
		"deny": ["account 444455556666 can push (statement Ci of the registry policy)"],
	},
	{
		"note": "a trusted account may delete and nothing else, so nothing is left of the statement",
		"input": granted("trusted", [object.union(member, {
			"exposure": "trusted",
			"widest": "trusted",
			"abilities": ["delete"],
			"trusted": "Acme",
		})]),
		"deny": ["account 444455556666 can delete (statement Ci of the repository policy)"],
		"findings": [{
			"message": "account 444455556666 can delete (statement Ci of the repository policy)",
			"key": "repository-policy|Ci|account 444455556666",
			"fix": removal,
		}],
	},
	{
		"note": "somebody outside may administer, who should not even pull",
		"input": granted("outside", [object.union(member, {
			"exposure": "outside",
			"widest": "outside",
			"abilities": ["pull", "administer"],
			"outside_organization": true,
		})]),
		"deny": ["account 444455556666 can pull and administer (statement Ci of the repository policy)"],
		"findings": [{
			"message": "account 444455556666 can pull and administer (statement Ci of the repository policy)",
			"key": "repository-policy|Ci|account 444455556666",
			"fix": removal,
		}],
	},
	{
		"note": "everyone may push",
		"input": granted("public", [object.union(member, {
			"principal": "everyone",
			"exposure": "public",
			"widest": "public",
			"outside_organization": true,
		})]),
		"deny": ["everyone can read, pull and push (statement Ci of the repository policy)"],
	},
	{
		"note": "surely another account, whosever it is",
		"input": granted("unknown", [object.union(member, {
			"exposure": "unknown",
			"widest": "outside",
			"reason": "the accounts of the organization are not known",
		})]),
		"deny": ["account 444455556666 can read, pull and push (statement Ci of the repository policy)"],
	},
	{
		"note": "perhaps another account",
		"input": granted("unknown", [object.union(member, {
			"principal": "lambda.amazonaws.com",
			"kind": "service",
			"exposure": "unknown",
			"widest": "outside",
			"reason": "aws:SourceArn has a variable",
			"outside_account": false,
		})]),
		"unknown": [concat("", [
			"somebody outside the account may be able to read, pull and push ",
			"(statement Ci of the repository policy): aws:SourceArn has a variable",
		])],
	},
	{
		"note": "perhaps another account, but it may only pull",
		"input": granted("unknown", [object.union(member, {
			"exposure": "unknown",
			"widest": "public",
			"reason": "aws:SourceArn has a variable",
			"abilities": ["pull"],
			"outside_account": false,
		})]),
	},
	{
		"note": "the registry policy could not be read",
		"input": granted("unknown", []),
		"unknown": ["cannot tell who has access: a policy that may give some could not be read"],
	},
]

removal := {
	"action": "remove_policy_statement",
	"source": "repository-policy",
	"statement": "Ci",
	"principal": "account 444455556666",
}

granted(exposure, access) := {"repository": {
	"policy": {"present": true, "text": "{}", "problems": []},
	"exposure": exposure,
	"access": access,
}}

member := {
	"principal": "account 444455556666",
	"kind": "account",
	"account": "444455556666",
	"exposure": "inside",
	"widest": "inside",
	"reason": "",
	"abilities": ["read", "pull", "push"],
	"level": "push",
	"conditions": [],
	"statement": "Ci",
	"source": "repository-policy",
	"outside_organization": false,
	"outside_account": true,
	"trusted": "",
}
