package ecraudit.rules.tag_immutability_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.tag_immutability as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "tags are immutable",
		"input": sound,
	},
	{
		"note": "only release tags need be immutable, and latest is none",
		"input": object.union(sound, excluding_latest),
	},
	{
		"note": "every tag must be immutable, and latest is not",
		"input": object.union(sound, object.union(excluding_latest, {"config": {"immutable": "all"}})),
		"deny": [`tags can be moved: the exclusion filter "latest" lets "latest" be moved`],
		"findings": [{
			"message": `tags can be moved: the exclusion filter "latest" lets "latest" be moved`,
			"fix": {"action": "set_tag_mutability", "mutability": "IMMUTABLE", "tags": "all"},
		}],
	},
	{
		"note": "tags are mutable",
		"input": object.union(sound, mutable),
		"deny": ["release tags can be moved: tags are mutable"],
		"findings": [{
			"message": "release tags can be moved: tags are mutable",
			"fix": {"action": "set_tag_mutability", "mutability": "IMMUTABLE", "tags": "release"},
		}],
	},
	{
		"note": "an exclusion filter matches release tags",
		"input": object.union(sound, {"repository": {"mutability": {
			"setting": "IMMUTABLE_WITH_EXCLUSION",
			"exclusions": ["v*"],
			"release_tags": {
				"answer": "no",
				"example": "v0.0.0",
				"reason": `the exclusion filter "v*" lets "v0.0.0" be moved`,
			},
		}}}),
		"deny": [`release tags can be moved: the exclusion filter "v*" lets "v0.0.0" be moved`],
	},
	{
		"note": "mutable, but the filters protect every release tag",
		"input": object.union(sound, {"repository": {"mutability": {
			"setting": "MUTABLE_WITH_EXCLUSION",
			"exclusions": ["*.*.*"],
			"release_tags": {"answer": "yes", "example": "", "reason": "the filters protect every such tag"},
		}}}),
	},
	{
		"note": "nobody demands it",
		"input": object.union(sound, object.union(mutable, {"config": {"immutable": "none"}})),
	},
	{
		"note": "the tags of a cache have to move",
		"input": object.union(sound, object.union(mutable, {"repository": {"cached": true}})),
	},
	{
		"note": "a cache is exempt from what cannot be decided, too",
		"input": object.union(sound, object.union(undecided_tags, {"repository": {"cached": true}})),
	},
	{
		"note": "nobody knows whether it is a cache",
		"input": object.union({"config": sound.config}, mutable),
		"unknown": [concat(" ", [
			"release tags can be moved (tags are mutable), which is right only in a pull-through cache;",
			"its rules could not be read",
		])],
	},
	{
		"note": "nobody knows whether it is a cache, and either way it is as it should be",
		"input": {"config": sound.config, "repository": {"mutability": sound.repository.mutability}},
	},
	{
		"note": "a setting that is not known",
		"input": object.union(sound, undecided_tags),
		"unknown": ["cannot tell whether release tags can be moved: the tag mutability FROZEN is not known"],
	},
]

sound := {
	"config": {"immutable": "release"},
	"repository": {
		"cached": false,
		"mutability": {
			"setting": "IMMUTABLE",
			"exclusions": [],
			"release_tags": {"answer": "yes", "example": "", "reason": "tags are immutable"},
			"all_tags": {"answer": "yes", "example": "", "reason": "tags are immutable"},
		},
	},
}

excluding_latest := {"repository": {"mutability": {
	"setting": "IMMUTABLE_WITH_EXCLUSION",
	"exclusions": ["latest"],
	"all_tags": {
		"answer": "no",
		"example": "latest",
		"reason": `the exclusion filter "latest" lets "latest" be moved`,
	},
}}}

mutable := {"repository": {"mutability": {
	"setting": "MUTABLE",
	"release_tags": {"answer": "no", "example": "", "reason": "tags are mutable"},
	"all_tags": {"answer": "no", "example": "", "reason": "tags are mutable"},
}}}

undecided_tags := {"repository": {"mutability": {
	"setting": "FROZEN",
	"release_tags": {"answer": "unknown", "example": "", "reason": "the tag mutability FROZEN is not known"},
	"all_tags": {"answer": "unknown", "example": "", "reason": "the tag mutability FROZEN is not known"},
}}}
