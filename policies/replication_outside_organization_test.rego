package ecraudit.rules.replication_outside_organization_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.replication_outside_organization as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "no replication",
		"input": replicated([]),
	},
	{
		"note": "within the organization and to a trusted account",
		"input": replicated([copying(
			[],
			[
				destination("111122223333", "eu-central-1", "own"),
				destination("444455556666", "eu-west-1", "inside"),
				destination("777788889999", "eu-west-1", "trusted"),
			],
		)]),
	},
	{
		"note": "everything to a stranger",
		"input": replicated([copying([], [stranger])]),
		"deny": ["images of all repositories are replicated to 999988887777/us-east-1, outside the organization"],
		"findings": [{
			"message": "images of all repositories are replicated to 999988887777/us-east-1, outside the organization",
			"key": "999988887777/us-east-1",
		}],
	},
	{
		"note": "some by two rules to the same stranger are one finding",
		"input": replicated([copying(["team/", "base/"], [stranger]), copying(["team/"], [stranger])]),
		"deny": [concat("", [
			"images of repositories that begin with base/, team/ are replicated to 999988887777/us-east-1, ",
			"outside the organization",
		])],
	},
	{
		"note": "to two regions of a stranger",
		"input": replicated([copying([], [stranger, destination("999988887777", "us-west-2", "outside")])]),
		"deny": [
			"images of all repositories are replicated to 999988887777/us-east-1, outside the organization",
			"images of all repositories are replicated to 999988887777/us-west-2, outside the organization",
		],
	},
	{
		"note": "the accounts of the organization are not known",
		"input": replicated([copying(["team/"], [destination("444455556666", "eu-west-1", "unknown")])]),
		"unknown": [concat("", [
			"images of repositories that begin with team/ are replicated to 444455556666/eu-west-1, ",
			"and the accounts of the organization are not known",
		])],
	},
]

stranger := destination("999988887777", "us-east-1", "outside")

destination(account, region, exposure) := {"account": account, "region": region, "exposure": exposure}

copying(prefixes, destinations) := {"prefixes": prefixes, "destinations": destinations}

replicated(rules) := {"registry": {"replication": rules}}
