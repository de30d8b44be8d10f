package ecraudit.rules.trusted_account_unused_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.trusted_account_unused as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "nobody is trusted",
		"input": run({}, read(1, []), [registry([], [], [])]),
	},
	{
		"note": "a repository policy names the account",
		"input": run(acme, read(2, ["777788889999"]), [registry([], [], [])]),
	},
	{
		"note": "a registry policy names the account",
		"input": run(acme, read(1, []), [registry([{"account": "777788889999", "widest": "trusted"}], [], [])]),
	},
	{
		"note": "images are replicated to the account",
		"input": run(acme, read(1, []), [registry([], [{"destinations": [{"account": "777788889999"}]}], [])]),
	},
	{
		"note": "nothing names the account",
		"input": run(acme, read(2, ["666677778888"]), [registry([], [], [])]),
		"deny": [unused],
		"findings": [{"message": unused, "key": "777788889999"}],
	},
	{
		"note": "an account without a name, and one that is used",
		"input": run({"777788889999": "", "666677778888": "Beta"}, read(1, ["666677778888"]), [registry([], [], [])]),
		"deny": ["the trusted account 777788889999 is named by no policy and no replication rule of 1 repositories"],
	},
	{
		"note": "vendors are not judged",
		"input": {
			"config": {"trusted_accounts": {}, "vendor_accounts": {"777788889999": "Acme"}},
			"policies": read(1, []),
			"registries": [registry([], [], [])],
		},
	},
	{
		"note": "no repository was looked at",
		"input": run(acme, read(0, []), [registry([], [], [])]),
		"unknown": [concat(" ", [undecided, "no repository was looked at"])],
	},
	{
		"note": "policies were not read",
		"input": run(acme, {"read": 1, "unread": 1, "trusted": []}, [{"account": "111122223333"}]),
		"unknown": [concat(" ", [undecided, concat("; ", [
			"some creation templates were not read",
			"some registry policy was not read",
			"some replication rules were not read",
			"some repository policy was not read",
		])])],
	},
	{
		"note": "a policy that was not read does not matter to an account that is needed",
		"input": run(acme, {"read": 1, "unread": 1, "trusted": ["777788889999"]}, [{"account": "111122223333"}]),
	},
	{
		"note": "a registry policy may name it among others",
		"input": run(acme, read(1, []), [registry([{"account": "", "widest": "trusted"}], [], [])]),
		"unknown": [concat(" ", [undecided, "a registry policy may name it"])],
	},
	{
		"note": "the policy of a creation template may name it",
		"input": run(acme, read(1, []), [registry([], [], [{"exposure": "trusted"}])]),
		"unknown": [concat(" ", [undecided, "the policy of a creation template may name it"])],
	},
]

acme := {"777788889999": "Acme"}

unused := "the trusted account 777788889999 (Acme) is named by no policy and no replication rule of 2 repositories"

undecided := "cannot tell whether the trusted account 777788889999 (Acme) is needed:"

read(count, trusted) := {"read": count, "unread": 0, "trusted": trusted}

registry(access, replication, templates) := {
	"account": "111122223333",
	"access": access,
	"replication": replication,
	"creation_templates": templates,
}

run(trusted, policies, registries) := {
	"config": {"trusted_accounts": trusted, "vendor_accounts": {}},
	"policies": policies,
	"registries": registries,
}
