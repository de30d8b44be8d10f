package ecraudit.rules.access_outside_organization_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.access_outside_organization as rule

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
		"note": "a service that acts for a stranger's account",
		"input": granted("outside", [object.union(vendor, {
			"kind": "service",
			"principal": "lambda.amazonaws.com for account 999988887777",
		})]),
		"deny": ["lambda.amazonaws.com for account 999988887777 can pull (statement Vendor of the repository policy)"],
	},
	{
		"note": "a service that acts for anybody is left to confused-deputy",
		"input": granted("outside", [object.union(vendor, {
			"kind": "service",
			"principal": "lambda.amazonaws.com",
			"account": "",
		})]),
	},
	{
		"note": "but not where the registry policy lets it in",
		"input": granted("outside", [object.union(vendor, {
			"kind": "service",
			"principal": "lambda.amazonaws.com",
			"account": "",
			"source": "registry-policy",
		})]),
		"deny": ["lambda.amazonaws.com can pull (statement Vendor of the registry policy)"],
	},
	{
		"note": "a trusted account",
		"input": granted("trusted", [object.union(vendor, {
			"exposure": "trusted",
			"widest": "trusted",
			"outside_organization": false,
			"trusted": "Acme scanner",
		})]),
	},
	{
		"note": "an account of the organization",
		"input": granted("inside", [object.union(vendor, {
			"exposure": "inside",
			"widest": "inside",
			"outside_organization": false,
		})]),
	},
	{
		"note": "everyone: repository-public says it",
		"input": granted("public", [object.union(vendor, {"exposure": "public", "widest": "public"})]),
	},
	{
		"note": "an account outside",
		"input": granted("outside", [vendor]),
		"deny": ["account 999988887777 can pull (statement Vendor of the repository policy)"],
		"findings": [{
			"message": "account 999988887777 can pull (statement Vendor of the repository policy)",
			"key": "repository-policy|Vendor|account 999988887777",
			"fix": {
				"action": "remove_policy_statement",
				"source": "repository-policy",
				"statement": "Vendor",
				"principal": "account 999988887777",
			},
		}],
	},
	{
		"note": "two principals of one statement, one with a condition left",
		"input": granted("outside", [
			vendor,
			object.union(vendor, {
				"principal": "arn:aws:iam::111100001111:role/ci",
				"kind": "role",
				"account": "111100001111",
				"conditions": ["aws:SourceVpce is vpce-1a2b3c4d"],
			}),
		]),
		"deny": [
			"account 999988887777 can pull (statement Vendor of the repository policy)",
			concat("", [
				"arn:aws:iam::111100001111:role/ci can pull ",
				"(statement Vendor of the repository policy, if aws:SourceVpce is vpce-1a2b3c4d)",
			]),
		],
	},
	{
		"note": "surely outside, perhaps everyone",
		"input": granted("unknown", [object.union(vendor, {
			"exposure": "unknown",
			"widest": "public",
			"reason": "aws:SourceIp is not understood",
		})]),
		"deny": ["account 999988887777 can pull (statement Vendor of the repository policy)"],
	},
	{
		"note": "surely outside, though nobody knows how far",
		"input": granted("unknown", [object.union(vendor, {"exposure": "unknown", "reason": "two organizations"})]),
		"deny": ["account 999988887777 can pull (statement Vendor of the repository policy)"],
	},
	{
		"note": "perhaps outside",
		"input": granted("unknown", [object.union(vendor, maybe)]),
		"unknown": [concat("", [
			"somebody outside the organization may be able to pull (statement Vendor of the repository policy): ",
			"the accounts of the organization are not known",
		])],
	},
	{
		"note": "perhaps everyone: repository-public says it",
		"input": granted("unknown", [object.union(vendor, object.union(maybe, {"widest": "public"}))]),
	},
	{
		"note": "undecided among members and trusted accounts",
		"input": granted("unknown", [object.union(vendor, object.union(maybe, {"widest": "trusted"}))]),
	},
	{
		"note": "the policy is no policy",
		"input": {"repository": {
			"policy": {"present": true, "text": "{", "problems": ["the document ends too early"]},
			"exposure": "unknown",
			"access": [],
		}},
		"unknown": ["cannot tell who has access: the document ends too early"],
	},
]

granted(exposure, access) := {"repository": {
	"policy": {"present": true, "text": "{}", "problems": []},
	"exposure": exposure,
	"access": access,
}}

vendor := {
	"principal": "account 999988887777",
	"kind": "account",
	"account": "999988887777",
	"exposure": "outside",
	"widest": "outside",
	"reason": "",
	"abilities": ["pull"],
	"level": "pull",
	"conditions": [],
	"statement": "Vendor",
	"source": "repository-policy",
	"outside_organization": true,
	"outside_account": true,
	"trusted": "",
}

maybe := {
	"exposure": "unknown",
	"widest": "outside",
	"reason": "the accounts of the organization are not known",
	"outside_organization": false,
}
