package ecraudit.rules.creation_template_missing_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.creation_template_missing as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "nothing creates repositories",
		"input": registry([], [], []),
	},
	{
		"note": "a template for the prefix",
		"input": registry(["docker-hub"], [template("docker-hub/", ["PULL_THROUGH_CACHE"])], []),
	},
	{
		"note": "a template for the namespace above",
		"input": registry(["cache/docker-hub"], [template("cache", ["PULL_THROUGH_CACHE"])], []),
	},
	{
		"note": "a template for everything",
		"input": registry(
			["docker-hub", "ROOT"],
			[template("ROOT", ["PULL_THROUGH_CACHE", "REPLICATION"])],
			[replicates("Copy", "")],
		),
	},
	{
		"note": "no template",
		"input": registry(["docker-hub"], [], []),
		"deny": ["no creation template applies to what the pull-through cache rule docker-hub creates"],
		"findings": [{
			"message": "no creation template applies to what the pull-through cache rule docker-hub creates",
			"key": "pull-through-cache|docker-hub",
		}],
	},
	{
		"note": "a template for another purpose, one for a longer prefix, one that only begins alike",
		"input": registry(
			["docker"],
			[
				template("docker", ["REPLICATION"]),
				template("docker/library", ["PULL_THROUGH_CACHE"]),
				template("dock", ["PULL_THROUGH_CACHE"]),
			],
			[],
		),
		"deny": ["no creation template applies to what the pull-through cache rule docker creates"],
	},
	{
		"note": "a cache for every name",
		"input": registry(["ROOT"], [template("team", ["PULL_THROUGH_CACHE"])], []),
		"deny": ["no creation template applies to what the pull-through cache rule ROOT creates"],
	},
	{
		"note": "a more specific template for another purpose",
		"input": registry(
			["docker-hub"],
			[template("docker-hub", ["REPLICATION"]), template("ROOT", ["PULL_THROUGH_CACHE"])],
			[],
		),
		"unknown": [concat("", [
			"cannot tell which creation template applies to what the pull-through cache rule docker-hub creates: ",
			undocumented,
		])],
	},
	{
		"note": "replication of any name",
		"input": registry([], [template("team", ["REPLICATION"])], [replicates("Copy", "")]),
		"deny": [any_name],
		"findings": [{"message": any_name, "key": "registry-policy|Copy|account 444455556666"}],
	},
	{
		"note": "replication of names that have a template",
		"input": registry(
			[],
			[template("team", ["REPLICATION"])],
			[replicates("Copy", "resource like arn:aws:ecr:eu-west-1:111122223333:repository/team/*")],
		),
	},
	{
		"note": "replication of some names that have none",
		"input": registry([], [template("team", ["REPLICATION"])], [replicates("Copy", concat(", ", [
			"resource like arn:aws:ecr:eu-west-1:111122223333:repository/team/*",
			"arn:aws:ecr:eu-west-1:111122223333:repository/team-b/*",
			"arn:aws:ecr:eu-west-1:111122223333:repository/base",
		]))]),
		"deny": [concat("", [
			"account 444455556666 can replicate new repositories into the registry, ",
			"and no creation template applies to names that begin with team-b/ and base",
		])],
	},
	{
		"note": "replication of everything in the registry, and all but some",
		"input": registry([], [template("team", ["REPLICATION"])], [
			replicates("A", "resource like arn:aws:ecr:eu-west-1:111122223333:*"),
			object.union(
				replicates("B", "resource not like arn:aws:ecr:eu-west-1:111122223333:repository/team/*"),
				{"principal": "account 555566667777"},
			),
		]),
		"deny": [
			any_name,
			concat("", [
				"account 555566667777 can replicate new repositories into the registry, ",
				"and no creation template applies to any name",
			]),
		],
	},
	{
		"note": "replication into repositories that are there already",
		"input": registry([], [], [object.union(replicates("Copy", ""), {"actions": ["ecr:ReplicateImage"]})]),
	},
	{
		"note": "ecr:CreateRepository by another statement, and everything",
		"input": registry([], [], [
			object.union(replicates("Copy", ""), {"actions": ["ecr:ReplicateImage"]}),
			object.union(replicates("Create", ""), {"actions": ["ecr:CreateRepository"]}),
			object.union(replicates("All", ""), {"actions": ["ecr:*"], "principal": "account 555566667777"}),
		]),
		"deny": [
			any_name,
			concat("", [
				"account 555566667777 can replicate new repositories into the registry, ",
				"and no creation template applies to any name",
			]),
		],
	},
	{
		"note": "a more specific template for another purpose, of replication",
		"input": registry(
			[],
			[template("team", ["PULL_THROUGH_CACHE"]), template("ROOT", ["REPLICATION"])],
			[replicates("Copy", "resource like arn:aws:ecr:eu-west-1:111122223333:repository/team/*")],
		),
		"unknown": [concat("", [
			"cannot tell which creation template applies to what account 444455556666 replicates into the registry: ",
			undocumented,
		])],
	},
	{
		"note": "the registry policy could not be read",
		"input": {"registry": {"pull_through_cache": [], "creation_templates": [template("team", ["REPLICATION"])]}},
		"unknown": ["cannot tell who can replicate repositories into the registry: its policy could not be read"],
	},
	{
		"note": "the registry policy could not be read, and there is a template for all",
		"input": {"registry": {"pull_through_cache": [], "creation_templates": [template("ROOT", ["REPLICATION"])]}},
	},
]

undocumented := "AWS does not document whether a template for another purpose keeps a less specific one from it"

any_name := concat("", [
	"account 444455556666 can replicate new repositories into the registry, ",
	"and no creation template applies to any name",
])

template(prefix, purposes) := {"prefix": prefix, "applied_for": purposes}

replicates(statement, condition) := {
	"principal": "account 444455556666",
	"actions": ["ecr:CreateRepository", "ecr:ReplicateImage"],
	"conditions": [text | some text in [condition]; text != ""],
	"statement": statement,
	"source": "registry-policy",
}

registry(prefixes, templates, access) := {"registry": {
	"pull_through_cache": [{"prefix": prefix} | some prefix in prefixes],
	"creation_templates": templates,
	"policy": {"problems": []},
	"access": access,
}}
