package ecraudit.rules.lifecycle_missing_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.lifecycle_missing as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	expect.same(case, denied, set())
}

cases := [
	{
		"note": "there is a policy",
		"input": sound,
	},
	{
		"note": "an invalid policy is one: lifecycle-baseline says what is wrong",
		"input": object.union(sound, {"repository": {"lifecycle": {"valid": false, "problems": ["no rules"]}}}),
	},
	{
		"note": "there is a policy, and no baseline",
		"input": object.union(sound, {"config": {"lifecycle": {"untagged": false}}}),
	},
	{
		"note": "none is required",
		"input": object.union(none, {"config": {"lifecycle": {"required": false}}}),
	},
	{
		"note": "there is none",
		"input": none,
		"deny": ["there is no lifecycle policy"],
		"findings": [{
			"message": "there is no lifecycle policy",
			"fix": {"action": "put_lifecycle_policy", "baseline": true},
		}],
	},
	{
		"note": "a baseline of dev tags alone is one",
		"input": object.union(none, {"config": {"lifecycle": {"untagged": false, "dev_tags": ["pr-*"]}}}),
		"deny": ["there is no lifecycle policy"],
		"findings": [{
			"message": "there is no lifecycle policy",
			"fix": {"action": "put_lifecycle_policy", "baseline": true},
		}],
	},
	{
		"note": "nothing says what the policy should do",
		"input": object.union(none, {"config": {"lifecycle": {"untagged": false}}}),
		"deny": ["there is no lifecycle policy"],
		"findings": [{"message": "there is no lifecycle policy"}],
	},
	{
		"note": "a creation template makes more of them, written with the slash at its end",
		"input": object.union(none, templated("team/", ["CREATE_ON_PUSH"], false)),
		"deny": ["there is no lifecycle policy; the creation template team/ makes more repositories without one"],
	},
	{
		"note": "the creation template has a policy for new repositories",
		"input": object.union(none, templated("team/", ["CREATE_ON_PUSH"], true)),
		"deny": ["there is no lifecycle policy"],
	},
	{
		"note": "the creation template is for caches, and the repository is none",
		"input": object.union(none, templated("team/", ["PULL_THROUGH_CACHE"], false)),
		"deny": ["there is no lifecycle policy"],
	},
	{
		"note": "the creation template is for caches, and the repository is one",
		"input": object.union(
			object.union(none, templated("team/", ["PULL_THROUGH_CACHE"], false)),
			{"repository": {"cached": true}},
		),
		"deny": ["there is no lifecycle policy; the creation template team/ makes more repositories without one"],
	},
	{
		"note": "the creation template is for pushes, and the repository is a cache",
		"input": object.union(
			object.union(none, templated("team/", ["CREATE_ON_PUSH"], false)),
			{"repository": {"cached": true}},
		),
		"deny": ["there is no lifecycle policy"],
	},
	{
		"note": "creation templates could not be read",
		"input": {"config": none.config, "repository": {"lifecycle": none.repository.lifecycle}, "registry": {}},
		"deny": ["there is no lifecycle policy"],
	},
]

sound := {
	"config": {"lifecycle": {"required": true, "untagged": true, "dev_tags": [], "max_days": 0}},
	"registry": {"creation_templates": []},
	"repository": {
		"name": "team/api",
		"cached": false,
		"template": "",
		"lifecycle": {"present": true, "valid": true, "problems": [], "text": "{}"},
	},
}

none := object.union(sound, {"repository": {"lifecycle": {"present": false, "valid": false, "text": ""}}})

templated(prefix, applied_for, has_lifecycle) := {
	"registry": {"creation_templates": [
		{"prefix": "ROOT", "applied_for": ["CREATE_ON_PUSH", "PULL_THROUGH_CACHE"], "has_lifecycle": false},
		{"prefix": prefix, "applied_for": applied_for, "has_lifecycle": has_lifecycle},
	]},
	"repository": {"template": trim_suffix(prefix, "/")},
}
