package ecraudit.rules.repository_public_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.repository_public as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "nobody but the own account",
		"input": granted("own", []),
	},
	{
		"note": "the organization may pull",
		"input": granted("inside", [pull]),
	},
	{
		"note": "outside, but not everyone: access-outside-organization says it",
		"input": granted("outside", [object.union(pull, {
			"principal": "account 999988887777",
			"kind": "account",
			"account": "999988887777",
			"exposure": "outside",
			"widest": "outside",
			"outside_organization": true,
			"outside_account": true,
		})]),
	},
	{
		"note": "everyone may pull",
		"input": granted("public", [public]),
		"deny": ["everyone can read and pull (statement Pull of the repository policy)"],
		"findings": [{
			"message": "everyone can read and pull (statement Pull of the repository policy)",
			"key": "repository-policy|Pull|everyone",
			"fix": {
				"action": "remove_policy_statement",
				"source": "repository-policy",
				"statement": "Pull",
				"principal": "everyone",
			},
		}],
	},
	{
		"note": "by the registry policy, with conditions that pin nobody",
		"input": granted("public", [object.union(public, {
			"source": "registry-policy",
			"statement": "#2",
			"abilities": ["read", "pull", "push"],
			"conditions": ["aws:SecureTransport is true", "aws:PrincipalOrgID is like *"],
		})]),
		"deny": [concat("", [
			"everyone can read, pull and push (statement #2 of the registry policy, ",
			"if aws:SecureTransport is true and aws:PrincipalOrgID is like *)",
		])],
	},
	{
		"note": "two statements are two findings",
		"input": granted("public", [public, object.union(public, {"statement": "More"})]),
		"deny": [
			"everyone can read and pull (statement Pull of the repository policy)",
			"everyone can read and pull (statement More of the repository policy)",
		],
	},
	{
		"note": "it may be everyone",
		"input": granted("unknown", [undecided_grant]),
		"unknown": [concat("", [
			"everyone may be able to read and pull (statement Pull of the repository policy): ",
			"the operator IpAddress is given 0.0.0.0/1",
		])],
	},
	{
		"note": "nobody knows how far it reaches",
		"input": granted("unknown", [object.union(undecided_grant, {"widest": "unknown"})]),
		"unknown": [concat("", [
			"everyone may be able to read and pull (statement Pull of the repository policy): ",
			"the operator IpAddress is given 0.0.0.0/1",
		])],
	},
	{
		"note": "undecided, but never everyone",
		"input": granted("unknown", [object.union(undecided_grant, {"widest": "outside"})]),
	},
	{
		"note": "the policy is no policy",
		"input": {"repository": {
			"policy": {"present": true, "text": "{", "problems": ["the document ends too early", "no Statement"]},
			"exposure": "unknown",
			"access": [],
		}},
		"unknown": ["cannot tell who has access: the document ends too early; no Statement"],
		"findings": [{
			"message": "cannot tell who has access: the document ends too early; no Statement",
			"key": "unread",
		}],
	},
	{
		"note": "the registry policy could not be read",
		"input": granted("unknown", [pull]),
		"unknown": ["cannot tell who has access: a policy that may give some could not be read"],
	},
]

granted(exposure, access) := {"repository": {
	"policy": {"present": true, "text": "{}", "problems": []},
	"exposure": exposure,
	"access": access,
}}

pull := {
	"principal": "the organization o-a1b2c3d4e5",
	"kind": "organization",
	"account": "",
	"exposure": "inside",
	"widest": "inside",
	"reason": "",
	"abilities": ["read", "pull"],
	"level": "pull",
	"conditions": [],
	"statement": "Pull",
	"source": "repository-policy",
	"outside_organization": false,
	"outside_account": true,
	"trusted": "",
}

public := object.union(pull, {
	"principal": "everyone",
	"kind": "everyone",
	"exposure": "public",
	"widest": "public",
	"outside_organization": true,
})

undecided_grant := object.union(public, {
	"exposure": "unknown",
	"reason": "the operator IpAddress is given 0.0.0.0/1",
	"outside_organization": false,
})
