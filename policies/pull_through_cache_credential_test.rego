package ecraudit.rules.pull_through_cache_credential_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.pull_through_cache_credential as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "nothing is cached",
		"input": cached([]),
	},
	{
		"note": "registries that let everybody in",
		"input": cached([
			caching("ecr-public", "ecr-public", "public.ecr.aws", "", ""),
			caching("quay", "quay", "quay.io", "", ""),
			caching("k8s", "", "registry.k8s.io", "", ""),
			caching("own", "", "111122223333.dkr.ecr.us-east-1.amazonaws.com", "", ""),
		]),
	},
	{
		"note": "a secret as it should be",
		"input": cached([caching("hub", "docker-hub", "registry-1.docker.io", secret, "")]),
	},
	{
		"note": "the own registry of another region",
		"input": cached([caching("golden", "ecr", "111122223333.dkr.ecr.us-east-1.amazonaws.com", "", "")]),
	},
	{
		"note": "the registry of another account, with a role",
		"input": cached([caching("golden", "ecr", "444455556666.dkr.ecr.eu-west-1.amazonaws.com", "", role)]),
	},
	{
		"note": "no secret",
		"input": cached([caching("hub", "docker-hub", "registry-1.docker.io", "", "")]),
		"deny": [no_secret],
		"findings": [{"message": no_secret, "key": "hub"}],
	},
	{
		"note": "no secret, and the kind follows from the address",
		"input": cached([caching("ghcr", "", "ghcr.io", "", ""), caching("acme", "", "acme.azurecr.io", "", "")]),
		"deny": [
			"the pull-through cache rule ghcr for ghcr.io has no secret, without which the registry lets nobody in",
			"the pull-through cache rule acme for acme.azurecr.io has no secret, without which the registry lets nobody in",
		],
	},
	{
		"note": "the registry of another account, without a role",
		"input": cached([caching("golden", "ecr", "444455556666.dkr.ecr.eu-west-1.amazonaws.com", "", "")]),
		"deny": [concat("", [
			"the pull-through cache rule golden for 444455556666.dkr.ecr.eu-west-1.amazonaws.com ",
			"has no role, without which the other account lets nobody in",
		])],
	},
	{
		"note": "a secret of another region and account under another name",
		"input": cached([caching(
			"hub",
			"docker-hub",
			"registry-1.docker.io",
			"arn:aws:secretsmanager:us-east-1:444455556666:secret:docker/hub-Ab1Cd2",
			"",
		)]),
		"deny": [concat("", [
			"the pull-through cache rule hub for registry-1.docker.io ",
			"has a secret of region us-east-1 instead of eu-west-1, and ",
			"has a secret of account 444455556666 instead of 111122223333, and ",
			"has the secret docker/hub-Ab1Cd2, whose name does not begin with ecr-pullthroughcache/",
		])],
	},
	{
		"note": "a secret that is none",
		"input": cached([caching("hub", "docker-hub", "registry-1.docker.io", "ecr-pullthroughcache/hub", "")]),
		"unknown": [concat("", [
			"cannot tell whether the pull-through cache rule hub can log in: ",
			`"ecr-pullthroughcache/hub" is no secret's ARN`,
		])],
	},
	{
		"note": "a kind of registry that is not known",
		"input": cached([caching("new", "acme-hub", "hub.example.com", "", "")]),
		"unknown": [`cannot tell whether the pull-through cache rule new needs credentials: "hub.example.com" is not known`],
	},
	{
		"note": "a private registry without an account",
		"input": cached([caching("golden", "ecr", "registry.example.com", "", "")]),
		"unknown": [concat("", [
			"cannot tell whose registry the pull-through cache rule golden caches: ",
			`"registry.example.com" names no account`,
		])],
	},
]

secret := "arn:aws:secretsmanager:eu-west-1:111122223333:secret:ecr-pullthroughcache/hub-Ab1Cd2"

role := "arn:aws:iam::111122223333:role/cache"

no_secret := concat("", [
	"the pull-through cache rule hub for registry-1.docker.io ",
	"has no secret, without which the registry lets nobody in",
])

caching(prefix, upstream, url, credential, custom_role) := {
	"prefix": prefix,
	"upstream": upstream,
	"upstream_url": url,
	"credential_arn": credential,
	"custom_role_arn": custom_role,
}

cached(rules) := {"registry": {
	"account": "111122223333",
	"region": "eu-west-1",
	"pull_through_cache": rules,
}}
