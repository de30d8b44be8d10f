package ecraudit.rules.pull_through_cache_upstream_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.pull_through_cache_upstream as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "the default allows any",
		"input": cached([], [caching("hub", "registry-1.docker.io"), caching("odd", "")]),
	},
	{
		"note": "nothing is cached",
		"input": cached(["public.ecr.aws"], []),
	},
	{
		"note": "on the list, as it stands and by wildcard",
		"input": cached(
			["public.ecr.aws", "*.azurecr.io", "*.dkr.ecr.*.amazonaws.com"],
			[
				caching("ecr-public", "public.ecr.aws"),
				caching("azure", "acme.azurecr.io"),
				caching("golden", "444455556666.dkr.ecr.eu-west-1.amazonaws.com"),
			],
		),
	},
	{
		"note": "with a scheme and in capitals it is the same address",
		"input": cached(["public.ecr.aws"], [caching("ecr-public", "https://Public.ECR.aws/")]),
	},
	{
		"note": "not on the list",
		"input": cached(["public.ecr.aws"], [caching("aws", "public.ecr.aws"), caching("hub", "registry-1.docker.io")]),
		"deny": [message],
		"findings": [{"message": message, "key": "hub"}],
	},
	{
		"note": "an address that only ends like one on the list",
		"input": cached(["quay.io"], [caching("quay", "evil-quay.io")]),
		"deny": ["the pull-through cache rule quay caches evil-quay.io, which is not on the list of upstream registries"],
	},
	{
		"note": "no address",
		"input": cached(["public.ecr.aws"], [caching("odd", "")]),
		"unknown": ["cannot tell what the pull-through cache rule odd caches: it has no address"],
	},
]

message := concat("", [
	"the pull-through cache rule hub caches registry-1.docker.io, ",
	"which is not on the list of upstream registries",
])

caching(prefix, url) := {"prefix": prefix, "upstream_url": url}

cached(upstreams, rules) := {
	"config": {"pull_through_cache": {"upstreams": upstreams}},
	"registry": {"pull_through_cache": rules},
}
