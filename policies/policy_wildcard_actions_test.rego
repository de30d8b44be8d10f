package ecraudit.rules.policy_wildcard_actions_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.policy_wildcard_actions as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "no policy",
		"input": judged([], []),
	},
	{
		"note": "what pulling takes, by name",
		"input": judged(
			[allowing(["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], [])],
			[granting(["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], ["pull"])],
		),
	},
	{
		"note": "everything by name is external-push's matter",
		"input": judged([allowing(["ecr:PutImage"], [])], [granting(["ecr:PutImage"], ["push"])]),
	},
	{
		"note": "wildcards that only read and pull",
		"input": judged(
			[allowing(["ecr:Describe*", "ecr:BatchGet*"], ["ecr:Describe*", "ecr:BatchGet*"])],
			[granting(["ecr:BatchGetImage", "ecr:DescribeImages"], ["read", "pull"])],
		),
	},
	{
		"note": "a wildcard that reads beside an action that pushes",
		"input": judged(
			[allowing(["ecr:Describe*", "ecr:PutImage"], ["ecr:Describe*"])],
			[granting(["ecr:DescribeImages", "ecr:PutImage"], ["read", "push"])],
		),
	},
	{
		"note": "the own account",
		"input": judged([everything], [object.union(
			granting(["ecr:*"], every_ability),
			{"principal": "account 111122223333", "exposure": "own", "outside_account": false},
		)]),
	},
	{
		"note": "a deleted principal gets nothing",
		"input": judged([everything], [object.union(
			granting(["ecr:*"], every_ability),
			{"principal": "AROAEXAMPLEEXAMPLE123", "kind": "deleted", "exposure": "own", "outside_account": false},
		)]),
	},
	{
		"note": "a Deny takes back all but pulling",
		"input": judged(
			[everything],
			[granting(["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], ["pull"])],
		),
	},
	{
		"note": "everything",
		"input": judged([everything], [granting(["ecr:*"], every_ability)]),
		"deny": ["ecr:* in statement Partner lets account 444455556666 do more than pull: every action"],
		"findings": [{
			"message": "ecr:* in statement Partner lets account 444455556666 do more than pull: every action",
			"key": "repository-policy|Partner|account 444455556666",
			"fix": {
				"action": "set_policy_statement",
				"source": "repository-policy",
				"statement": "Partner",
				"principal": "account 444455556666",
				"abilities": ["read", "pull"],
			},
		}],
	},
	{
		"note": "who should have no access gets no fix",
		"input": judged([everything], [object.union(granting(["ecr:*"], every_ability), {"exposure": "outside"})]),
		"deny": ["ecr:* in statement Partner lets account 444455556666 do more than pull: every action"],
		"findings": [{
			"message": "ecr:* in statement Partner lets account 444455556666 do more than pull: every action",
			"key": "repository-policy|Partner|account 444455556666",
		}],
	},
	{
		"note": "ecr:Batch* deletes, in any case of letters",
		"input": judged(
			[allowing(["ECR:batch*", "ecr:GetDownloadUrlForLayer"], ["ECR:batch*"])],
			[granting(["ecr:BatchDeleteImage", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], ["pull", "delete"])],
		),
		"deny": ["ECR:batch* in statement Partner lets account 444455556666 do more than pull: ecr:BatchDeleteImage"],
	},
	{
		"note": "an action that pushes by its name is not taken away",
		"input": judged(
			[allowing(["ecr:Batch*", "ecr:PutImage", "ecr:GetAuthorizationToken"], ["ecr:Batch*"])],
			[granting(["ecr:BatchDeleteImage", "ecr:BatchGetImage", "ecr:PutImage"], ["pull", "push", "delete"])],
		),
		"deny": ["ecr:Batch* in statement Partner lets account 444455556666 do more than pull: ecr:BatchDeleteImage"],
		"findings": [{
			"message": "ecr:Batch* in statement Partner lets account 444455556666 do more than pull: ecr:BatchDeleteImage",
			"key": "repository-policy|Partner|account 444455556666",
		}],
	},
	{
		"note": "all but one action",
		"input": judged(
			[object.union(allowing(["ecr:DeleteRepository"], []), {"not_action": true})],
			[granting(
				[
					"ecr:BatchDeleteImage",
					"ecr:BatchGetImage",
					"ecr:PutImage",
					"ecr:PutLifecyclePolicy",
					"ecr:SetRepositoryPolicy",
					"ecr:TagResource",
					"ecr:UntagResource",
				],
				["pull", "push", "delete", "administer"],
			)],
		),
		"deny": [concat("", [
			"NotAction ecr:DeleteRepository in statement Partner lets account 444455556666 do more than pull: ",
			"ecr:BatchDeleteImage, ecr:PutImage, ecr:PutLifecyclePolicy, ecr:SetRepositoryPolicy and 2 more",
		])],
	},
	{
		"note": "a Deny with a wildcard",
		"input": judged([object.union(everything, {"effect": "Deny"})], []),
	},
	{
		"note": "the same Sid in the registry policy is another statement",
		"input": judged([everything], [object.union(granting(["ecr:*"], every_ability), {"source": "registry-policy"})]),
	},
	{
		"note": "surely outside the account, perhaps outside the organization",
		"input": judged([everything], [object.union(granting(["ecr:*"], every_ability), undecided)]),
		"deny": ["ecr:* in statement Partner lets account 444455556666 do more than pull: every action"],
	},
	{
		"note": "perhaps outside the account",
		"input": judged([everything], [object.union(
			granting(["ecr:*"], every_ability),
			object.union(undecided, {"outside_account": false}),
		)]),
		"unknown": [concat("", [
			"ecr:* in statement Partner may let somebody outside the account do more than pull: every action ",
			"(it cannot be decided)",
		])],
	},
	{
		"note": "the policy is no policy",
		"input": {"repository": {
			"policy": {"statements": [], "problems": ["repository-policy: it is not one JSON document"]},
			"exposure": "unknown",
			"access": [],
		}},
		"unknown": ["cannot tell who has access: repository-policy: it is not one JSON document"],
	},
]

everything := allowing(["ecr:*"], ["ecr:*"])

every_ability := ["read", "pull", "push", "delete", "administer"]

undecided := {"exposure": "unknown", "reason": "it cannot be decided"}

allowing(actions, wildcards) := {
	"id": "Partner",
	"effect": "Allow",
	"actions": actions,
	"not_action": false,
	"inert": [action | some action in actions; action == "ecr:GetAuthorizationToken"],
	"wildcards": wildcards,
}

granting(actions, abilities) := {
	"principal": "account 444455556666",
	"kind": "account",
	"exposure": "inside",
	"widest": "inside",
	"reason": "",
	"abilities": abilities,
	"actions": actions,
	"conditions": [],
	"statement": "Partner",
	"source": "repository-policy",
	"outside_account": true,
}

judged(statements, access) := {"repository": {
	"policy": {"statements": statements, "problems": []},
	"exposure": "inside",
	"access": access,
}}
