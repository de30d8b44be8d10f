package ecraudit.rules.lifecycle_ineffective_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.lifecycle_ineffective as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "every rule can act",
		"input": simulated([untagged, builds], []),
	},
	{
		"note": "there is no policy",
		"input": {"repository": {
			"lifecycle": {"present": false, "valid": false, "rules": []},
			"stats": {"images": 900, "releases": 0},
		}},
	},
	{
		"note": "an asterisk in a prefix matches no tag, and can be repaired",
		"input": repairable(simulated(
			[object.union(builds, {
				"tag_prefixes": ["build-*"],
				"acts": "no",
				"acts_reason": `no tag that ECR accepts matches "build-*": wildcards belong in tagPatternList`,
			})],
			[],
		)),
		"deny": [concat("", [
			`the rule with priority 2 can never act: no tag that ECR accepts matches "build-*": `,
			"wildcards belong in tagPatternList",
		])],
		"findings": [{
			"message": concat("", [
				`the rule with priority 2 can never act: no tag that ECR accepts matches "build-*": `,
				"wildcards belong in tagPatternList",
			]),
			"key": "rule 2",
			"fix": {"action": "put_lifecycle_policy", "repair": true},
		}],
	},
	{
		"note": "a prefix that no tag can have, which repairing something else does not mend",
		"input": repairable(simulated(
			[object.union(builds, {
				"tag_prefixes": ["feature/"],
				"acts": "no",
				"acts_reason": `no tag that ECR accepts matches "feature/"`,
			})],
			[],
		)),
		"deny": [`the rule with priority 2 can never act: no tag that ECR accepts matches "feature/"`],
		"findings": [{
			"message": `the rule with priority 2 can never act: no tag that ECR accepts matches "feature/"`,
			"key": "rule 2",
		}],
	},
	{
		"note": "a shadowed rule is for lifecycle-shadowed to say",
		"input": simulated([untagged, object.union(builds, {"acts": "no", "shadowed_by": [1]})], []),
	},
	{
		"note": "a rule asks for a tag of each prefix, and there are images with one of them",
		"input": repairable(simulated([article], [and_of_tags])),
		"deny": [and_of_tags.message],
		"findings": [{
			"message": and_of_tags.message,
			"key": "rule 1",
			"fix": {"action": "put_lifecycle_policy", "repair": true},
		}],
	},
	{
		"note": "such a rule that cannot be repaired",
		"input": simulated([article], [and_of_tags]),
		"deny": [and_of_tags.message],
		"findings": [{"message": and_of_tags.message, "key": "rule 1"}],
	},
	{
		"note": "a rule that finds images with all of its tags may be meant so",
		"input": object.union(repairable(simulated([article], [and_of_tags])), {"repository": {
			"lifecycle_preview": {"rules": [{"priority": 1, "selected": 12, "acted": 0, "young": 12}]},
		}}),
	},
	{
		"note": "no image yet that tells how tags are used",
		"input": repairable(simulated([article], [object.union(and_of_tags, {"count": 0})])),
	},
	{
		"note": "images pile up that no rule selects",
		"input": simulated([untagged], [never_expires]),
		"deny": ["the policy expires nothing now, and no rule selects 480 of the 500 images"],
		"findings": [{
			"message": "the policy expires nothing now, and no rule selects 480 of the 500 images",
			"key": "policy",
		}],
	},
	{
		"note": "and the only rule finds nothing but children of indexes",
		"input": simulated([untagged], [never_expires, only_children]),
		"deny": [concat("", [
			"the policy expires nothing now, and no rule selects 480 of the 500 images; ",
			"all that rule 1 finds is children of indexes",
		])],
	},
	{
		"note": "images pile up because of a rule that asks for several tags, which is said once",
		"input": simulated([article], [and_of_tags, never_expires]),
		"deny": [and_of_tags.message],
	},
	{
		"note": "children of indexes are all there is without a tag, as it should be",
		"input": simulated([untagged, builds], [only_children]),
	},
	{
		"note": "releases with what describes them are kept on purpose",
		"input": object.union(simulated([untagged], [never_expires]), {"repository": {"stats": {"releases": 100}}}),
	},
	{
		"note": "images within the number of a rule are kept on purpose",
		"input": object.union(simulated([untagged, newest], [never_expires]), {"repository": {
			"lifecycle_preview": {"rules": [
				{"priority": 1, "selected": 20, "acted": 0, "young": 20},
				{"priority": 9, "selected": 470, "acted": 0, "young": 470},
			]},
		}}),
	},
	{
		"note": "the images could not be read, and nothing is wrong with the rules as such",
		"input": {"config": {"limits": {"untagged_images": 100}}, "repository": {"lifecycle": stored([article])}},
		"unknown": ["cannot tell what the policy does to the images: they could not be read"],
	},
	{
		"note": "the images could not be read, but one rule is surely useless",
		"input": {
			"config": {"limits": {"untagged_images": 100}},
			"repository": {"lifecycle": stored([object.union(builds, {"acts": "no", "acts_reason": "no tag matches"})])},
		},
		"deny": ["the rule with priority 2 can never act: no tag matches"],
		"unknown": ["cannot tell what the policy does to the images: they could not be read"],
	},
	{
		"note": "an invalid policy is for lifecycle-invalid to say",
		"input": {"repository": {"lifecycle": {"present": true, "valid": false, "problems": ["no rules"], "rules": []}}},
	},
]

simulated(rules, insights) := {
	"config": {"limits": {"untagged_images": 100}},
	"repository": {
		"lifecycle": stored(rules),
		"lifecycle_preview": {"expires": 0, "archives": 0, "undecided": 0, "rules": [], "insights": insights},
		"stats": {"images": 500, "releases": 20},
	},
}

stored(rules) := {"present": true, "valid": true, "problems": [], "rules": rules, "repair": {"needed": false}}

repairable(document) := object.union(document, {"repository": {"lifecycle": {"repair": {"needed": true}}}})

untagged := {
	"priority": 1,
	"tag_status": "untagged",
	"tag_prefixes": [],
	"tag_patterns": [],
	"count_type": "sinceImagePushed",
	"count": 14,
	"action": "expire",
	"acts": "yes",
	"acts_reason": "",
	"shadowed_by": [],
}

builds := object.union(untagged, {"priority": 2, "tag_status": "tagged", "tag_prefixes": ["build-"]})

newest := object.union(untagged, {"priority": 9, "tag_status": "any", "count_type": "imageCountMoreThan", "count": 600})

article := object.union(untagged, {"tag_status": "tagged", "tag_prefixes": ["gitsha_", "gitbranch_", "gitpr_"]})

and_of_tags := {
	"kind": "and-of-tags",
	"priority": 1,
	"count": 240,
	"message": concat("", [
		`the rule with priority 1 selects only images that carry a tag of each of "gitsha_", "gitbranch_", "gitpr_"; `,
		"it selects 0 images, and misses 240 with some of these tags",
	]),
}

never_expires := {
	"kind": "never-expires",
	"priority": 0,
	"count": 480,
	"message": "the policy expires nothing, and keeps 480 of the 500 images of the repository for ever",
}

only_children := {"kind": "only-children", "priority": 1, "count": 20, "message": "all that rule 1 selects is children"}
