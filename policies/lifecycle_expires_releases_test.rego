package ecraudit.rules.lifecycle_expires_releases_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.lifecycle_expires_releases as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "there is no policy",
		"input": {"repository": {"lifecycle": {
			"present": false,
			"valid": false,
			"rules": [],
			"release_tags": {"answer": "no", "example": "", "reason": "there is no valid lifecycle policy"},
		}}},
	},
	{
		"note": "no rule can come to act on a release",
		"input": simulated([builds], no_reach, []),
	},
	{
		"note": "images with a release tag would expire",
		"input": simulated([builds], reach(2), [expires_releases]),
		"deny": ["the rule with priority 2 expires 3 images with a release tag"],
		"findings": [{
			"message": "the rule with priority 2 expires 3 images with a release tag",
			"key": "rule 2",
		}],
	},
	{
		"note": "each rule that does is a finding",
		"input": simulated([builds, newest], reach(2), [
			expires_releases,
			object.union(expires_releases, {
				"priority": 9,
				"message": "the rule with priority 9 will expire 1 image with a release tag once it is old enough",
			}),
		]),
		"deny": [
			"the rule with priority 2 expires 3 images with a release tag",
			"the rule with priority 9 will expire 1 image with a release tag once it is old enough",
		],
	},
	{
		"note": "other insights are not for this rule",
		"input": simulated([builds], reach(2), [object.union(expires_releases, {"kind": "expires-active"})]),
	},
	{
		"note": "a rule for builds could take a release that still has its build's tag, but there is none",
		"input": simulated([builds], reach(2), []),
	},
	{
		"note": "other images push the releases out of the newest few",
		"input": simulated([builds, newest], reach(2), []),
		"deny": [concat("", [
			"the rule with priority 9 expires releases, too: ",
			"an image tagged only v0.0.0 goes as soon as 30 newer images of any kind are there",
		])],
		"findings": [{
			"message": concat("", [
				"the rule with priority 9 expires releases, too: ",
				"an image tagged only v0.0.0 goes as soon as 30 newer images of any kind are there",
			]),
			"key": "rule 9",
		}],
	},
	{
		"note": "the newest of any tag are no better",
		"input": simulated([tagged(9, "imageCountMoreThan", 30, ["*"])], reach(9), []),
		"deny": [concat("", [
			"the rule with priority 9 expires releases, too: ",
			"an image tagged only v0.0.0 goes as soon as 30 newer images of any kind are there",
		])],
	},
	{
		"note": "the repository holds nothing but releases, of which the newest are kept",
		"input": object.union(
			simulated([newest], reach(9), []),
			{"repository": {"stats": {"tagged": 5, "releases": 5, "untagged": 0}}},
		),
	},
	{
		"note": "the repository holds no releases",
		"input": object.union(simulated([newest], reach(9), []), {"repository": {"stats": {"releases": 0}}}),
	},
	{
		"note": "the newest releases are kept by a rule of their own, before the others",
		"input": simulated([tagged(1, "imageCountMoreThan", 50, ["v*.*.*"]), newest], reach(1), []),
	},
	{
		"note": "a rule before it that only looks as if it kept releases",
		"input": simulated([tagged(1, "imageCountMoreThan", 50, ["release-*"]), newest], reach(9), []),
		"deny": [concat("", [
			"the rule with priority 9 expires releases, too: ",
			"an image tagged only v0.0.0 goes as soon as 30 newer images of any kind are there",
		])],
	},
	{
		"note": "a list that asks for several tags keeps no release that has one of them",
		"input": simulated([tagged(1, "imageCountMoreThan", 50, ["v*", "stable"]), newest], reach(9), []),
		"deny": [concat("", [
			"the rule with priority 9 expires releases, too: ",
			"an image tagged only v0.0.0 goes as soon as 30 newer images of any kind are there",
		])],
	},
	{
		"note": "a pattern with characters that no tag has keeps none",
		"input": simulated([tagged(1, "imageCountMoreThan", 50, ["v[0-9]*"]), newest], reach(9), []),
		"deny": [concat("", [
			"the rule with priority 9 expires releases, too: ",
			"an image tagged only v0.0.0 goes as soon as 30 newer images of any kind are there",
		])],
	},
	{
		"note": "every release goes some days after its push",
		"input": simulated([tagged(1, "sinceImagePushed", 90, ["v*"])], reach(1), []),
		"deny": [concat("", [
			"the rule with priority 1 expires releases, too: ",
			"an image tagged only v0.0.0 goes 90 days after its push, in use or not",
		])],
	},
	{
		"note": "releases that nobody pulls go",
		"input": simulated([tagged(1, "sinceImagePulled", 365, ["v*"])], reach(1), []),
	},
	{
		"note": "what nobody pulled for long goes one day, whatever its tag, and nothing goes now",
		"input": simulated([idle], reach(9), [object.union(expires_releases, {"priority": 9})]),
	},
	{
		"note": "and something goes now",
		"input": object.union(simulated([idle], reach(9), [object.union(expires_releases, {"priority": 9})]), {"repository": {
			"lifecycle_preview": {"rules": [{"priority": 9, "selected": 12, "acted": 3}]},
		}}),
		"deny": ["the rule with priority 2 expires 3 images with a release tag"],
	},
	{
		"note": "releases are archived, and can be restored",
		"input": simulated(
			[object.union(newest, {"action": "transition"})],
			object.union(reach(9), {"action": "transition"}),
			[],
		),
	},
	{
		"note": "it cannot be decided",
		"input": simulated([builds], {"answer": "unknown", "reason": "the patterns are too complex"}, []),
		"unknown": ["cannot tell whether the policy expires releases: the patterns are too complex"],
	},
	{
		"note": "it cannot be decided for all, but some would expire",
		"input": simulated([builds], {"answer": "unknown", "reason": "too complex"}, [expires_releases]),
		"deny": ["the rule with priority 2 expires 3 images with a release tag"],
	},
	{
		"note": "nothing is said of releases",
		"input": {"repository": {"lifecycle": {"present": true, "valid": true, "rules": []}, "lifecycle_preview": {}}},
		"unknown": ["cannot tell whether the policy expires releases"],
	},
	{
		"note": "the images could not be read, and no release can expire",
		"input": unread(no_reach),
	},
	{
		"note": "the images could not be read, and a release could expire",
		"input": unread(reach(2)),
		"unknown": [concat("", [
			"the policy can expire releases (an image tagged v0.0.0 is governed by the rule with priority 2); ",
			"whether it does cannot be told, because the images could not be read",
		])],
	},
]

simulated(rules, release_tags, insights) := {"repository": {
	"lifecycle": {"present": true, "valid": true, "rules": rules, "release_tags": release_tags},
	"lifecycle_preview": {
		"insights": insights,
		"rules": [{"priority": rule.priority, "selected": 12, "acted": 0} | some rule in rules],
	},
	"stats": {"images": 40, "tagged": 30, "releases": 5, "untagged": 3},
}}

unread(release_tags) := {"repository": {"lifecycle": {
	"present": true,
	"valid": true,
	"rules": [builds, newest],
	"release_tags": release_tags,
}}}

no_reach := {"answer": "no", "example": "", "rule": 0, "action": "", "reason": "no rule can come to act on a release"}

reach(priority) := {
	"answer": "yes",
	"example": "v0.0.0",
	"rule": priority,
	"action": "expire",
	"reason": sprintf("an image tagged v0.0.0 is governed by the rule with priority %d", [priority]),
}

builds := {
	"priority": 2,
	"tag_status": "tagged",
	"tag_prefixes": ["build-"],
	"tag_patterns": [],
	"count_type": "sinceImagePushed",
	"count": 14,
	"action": "expire",
}

newest := object.union(builds, {
	"priority": 9,
	"tag_status": "any",
	"tag_prefixes": [],
	"count_type": "imageCountMoreThan",
	"count": 30,
})

idle := object.union(newest, {"count_type": "sinceImagePulled", "count": 180})

tagged(priority, count_type, number, patterns) := object.union(builds, {
	"priority": priority,
	"tag_prefixes": [],
	"tag_patterns": patterns,
	"count_type": count_type,
	"count": number,
})

expires_releases := {
	"kind": "expires-releases",
	"priority": 2,
	"count": 3,
	"message": "the rule with priority 2 expires 3 images with a release tag",
}
