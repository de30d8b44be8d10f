package ecraudit.rules.registry_policy_open_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.registry_policy_open as rule

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
		"note": "replication from the organization and from a trusted account",
		"input": granted("trusted", [
			object.union(stranger, {"exposure": "inside", "widest": "inside", "outside_organization": false}),
			object.union(stranger, {"exposure": "trusted", "widest": "trusted", "outside_organization": false}),
		]),
	},
	{
		"note": "replication from outside",
		"input": granted("outside", [stranger]),
		"deny": [message],
		"findings": [{
			"message": message,
			"key": "registry-policy|Replication|account 999988887777",
			"fix": {
				"action": "remove_policy_statement",
				"source": "registry-policy",
				"statement": "Replication",
				"principal": "account 999988887777",
			},
		}],
	},
	{
		"note": "everything for everyone",
		"input": granted("public", [object.union(stranger, {
			"principal": "everyone",
			"kind": "everyone",
			"exposure": "public",
			"widest": "public",
			"abilities": ["read", "pull", "push", "delete", "administer"],
			"actions": ["ecr:*"],
			"conditions": [],
		})]),
		"deny": [concat("", [
			"everyone can read, pull, push, delete and administer ",
			"(statement Replication of the registry policy): ecr:*",
		])],
	},
	{
		"note": "more actions than one reads",
		"input": granted("outside", [object.union(stranger, {
			"abilities": ["pull"],
			"actions": [
				"ecr:BatchCheckLayerAvailability",
				"ecr:BatchGetImage",
				"ecr:DescribeImages",
				"ecr:GetDownloadUrlForLayer",
			],
			"conditions": [],
		})]),
		"deny": ["account 999988887777 can pull (statement Replication of the registry policy)"],
	},
	{
		"note": "surely outside, perhaps everyone",
		"input": granted("unknown", [object.union(stranger, {"exposure": "unknown", "widest": "public", "conditions": []})]),
		"deny": [concat("", [
			"account 999988887777 can push and administer (statement Replication of the registry policy): ",
			"ecr:CreateRepository and ecr:ReplicateImage",
		])],
	},
	{
		"note": "perhaps outside",
		"input": granted("unknown", [object.union(stranger, maybe)]),
		"unknown": [concat("", [
			"somebody outside the organization may be able to push and administer ",
			"(statement Replication of the registry policy): the accounts of the organization are not known",
		])],
	},
	{
		"note": "undecided among members and trusted accounts",
		"input": granted("unknown", [object.union(stranger, object.union(maybe, {"widest": "trusted"}))]),
	},
	{
		"note": "the policy is no policy",
		"input": {"registry": {
			"policy": {"present": true, "problems": ["registry-policy: it is not one JSON document"]},
			"exposure": "unknown",
			"access": [],
		}},
		"unknown": ["cannot tell who has access: registry-policy: it is not one JSON document"],
	},
]

message := concat("", [
	"account 999988887777 can push and administer (statement Replication of the registry policy, ",
	"if resource like arn:aws:ecr:eu-west-1:111122223333:repository/team/*): ",
	"ecr:CreateRepository and ecr:ReplicateImage",
])

stranger := {
	"principal": "account 999988887777",
	"kind": "account",
	"account": "999988887777",
	"exposure": "outside",
	"widest": "outside",
	"reason": "",
	"abilities": ["push", "administer"],
	"actions": ["ecr:CreateRepository", "ecr:ReplicateImage"],
	"conditions": ["resource like arn:aws:ecr:eu-west-1:111122223333:repository/team/*"],
	"statement": "Replication",
	"source": "registry-policy",
	"outside_organization": true,
}

maybe := {
	"exposure": "unknown",
	"widest": "outside",
	"reason": "the accounts of the organization are not known",
	"conditions": [],
	"outside_organization": false,
}

granted(exposure, access) := {"registry": {
	"policy": {"present": true, "problems": []},
	"exposure": exposure,
	"access": access,
}}
