package ecraudit.rules.creation_template_weak_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.creation_template_weak as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "no template",
		"input": judged({}, []),
	},
	{
		"note": "as demanded",
		"input": judged({}, [sound]),
	},
	{
		"note": "release tags that can be moved",
		"input": judged({}, [object.union(sound, {"release_tags": movable})]),
		"deny": ["with the creation template team, release tags can be moved: the setting is MUTABLE"],
		"findings": [{
			"message": "with the creation template team, release tags can be moved: the setting is MUTABLE",
			"key": "team|mutability",
			"fix": {"action": "set_tag_mutability", "template": "team", "mutability": "IMMUTABLE", "tags": "release"},
		}],
	},
	{
		"note": "all tags must be immutable",
		"input": judged({"immutable": "all"}, [object.union(sound, {"all_tags": movable})]),
		"deny": ["with the creation template team, tags can be moved: the setting is MUTABLE"],
		"findings": [{
			"message": "with the creation template team, tags can be moved: the setting is MUTABLE",
			"key": "team|mutability",
			"fix": {"action": "set_tag_mutability", "template": "team", "mutability": "IMMUTABLE", "tags": "all"},
		}],
	},
	{
		"note": "no tag must be immutable",
		"input": judged({"immutable": "none"}, [object.union(sound, {"release_tags": movable, "all_tags": movable})]),
	},
	{
		"note": "tags of a cache have to move",
		"input": judged({}, [object.union(sound, {"applied_for": ["PULL_THROUGH_CACHE"], "release_tags": movable})]),
	},
	{
		"note": "whether tags can be moved is not known",
		"input": judged({}, [object.union(sound, {"release_tags": {"answer": "unknown", "reason": "too wide"}})]),
		"unknown": ["cannot tell whether release tags can be moved: too wide (creation template team)"],
	},
	{
		"note": "no lifecycle policy, and the baseline says so as well",
		"input": judged({}, [object.union(sound, {
			"has_lifecycle": false,
			"lifecycle_baseline": [object.union(untagged, {"expires": "no", "reason": "there is no policy"})],
		})]),
		"deny": ["with the creation template team, there is no lifecycle policy"],
		"findings": [{
			"message": "with the creation template team, there is no lifecycle policy",
			"key": "team|lifecycle",
			"fix": {"action": "put_lifecycle_policy", "template": "team", "baseline": true},
		}],
	},
	{
		"note": "no lifecycle policy, and the baseline does not say what it should be",
		"input": judged({}, [object.union(sound, {"has_lifecycle": false, "lifecycle_baseline": []})]),
		"deny": ["with the creation template team, there is no lifecycle policy"],
		"findings": [{
			"message": "with the creation template team, there is no lifecycle policy",
			"key": "team|lifecycle",
		}],
	},
	{
		"note": "no lifecycle policy where none is required",
		"input": judged({"lifecycle": {"required": false, "max_days": 0}}, [object.union(sound, {
			"has_lifecycle": false,
			"lifecycle_baseline": [object.union(untagged, {"expires": "no", "reason": "there is no policy"})],
		})]),
		"deny": ["with the creation template team, untagged images do not all expire: there is no policy"],
		"findings": [{
			"message": "with the creation template team, untagged images do not all expire: there is no policy",
			"key": "team|untagged images",
			"fix": {"action": "put_lifecycle_policy", "template": "team", "baseline": true},
		}],
	},
	{
		"note": "an invalid lifecycle policy",
		"input": judged({}, [object.union(sound, {
			"lifecycle_problems": ["rule 1: countNumber must be positive"],
			"lifecycle_baseline": [object.union(untagged, {"expires": "no", "reason": "the policy is invalid"})],
		})]),
		"deny": ["with the creation template team, the lifecycle policy is invalid: rule 1: countNumber must be positive"],
		"findings": [{
			"message": "with the creation template team, the lifecycle policy is invalid: rule 1: countNumber must be positive",
			"key": "team|lifecycle",
		}],
	},
	{
		"note": "a baseline that is not met, met too late, and not decided",
		"input": judged({"lifecycle": {"required": true, "max_days": 14}}, [object.union(sound, {"lifecycle_baseline": [
			object.union(untagged, {"within_days": false, "reason": "rule 1 lets them live for 30 days"}),
			{"what": "pr-*", "untagged": false, "expires": "no", "within_days": false, "reason": "no rule selects them"},
			{"what": "br-*", "untagged": false, "expires": "unknown", "within_days": false, "reason": "too many rules"},
		]})]),
		"deny": [
			concat("", [
				"with the creation template team, untagged images do not all expire within 14 days: ",
				"rule 1 lets them live for 30 days",
			]),
			"with the creation template team, images tagged pr-* do not all expire: no rule selects them",
		],
		"unknown": ["cannot tell whether images tagged br-* expire: too many rules (creation template team)"],
	},
	{
		"note": "a policy that is open",
		"input": judged({}, [
			object.union(sound, {"exposure": "public"}),
			object.union(sound, {"prefix": "ROOT", "exposure": "outside"}),
		]),
		"deny": [
			"with the creation template team, the resource policy lets everyone in",
			"with the creation template ROOT, the resource policy lets in somebody outside the organization",
		],
		"findings": [
			{
				"message": "with the creation template team, the resource policy lets everyone in",
				"key": "team|exposure",
			},
			{
				"message": "with the creation template ROOT, the resource policy lets in somebody outside the organization",
				"key": "ROOT|exposure",
			},
		],
	},
	{
		"note": "a policy for the organization and for trusted accounts",
		"input": judged({}, [
			object.union(sound, {"exposure": "inside"}),
			object.union(sound, {"prefix": "ROOT", "exposure": "trusted"}),
		]),
	},
	{
		"note": "a policy that cannot be decided",
		"input": judged({}, [object.union(sound, {"exposure": "unknown"})]),
		"unknown": ["cannot tell whom the resource policy lets in (creation template team)"],
	},
	{
		"note": "encryption that is too weak",
		"input": judged({"encryption": {"type": "KMS", "kms_keys": []}}, [sound]),
		"deny": ["with the creation template team, the encryption is AES256, and KMS is demanded"],
		"findings": [{
			"message": "with the creation template team, the encryption is AES256, and KMS is demanded",
			"key": "team|encryption",
		}],
	},
	{
		"note": "a key of which AWS does not say which",
		"input": judged({"encryption": {"type": "KMS", "kms_keys": ["arn:aws:kms:eu-west-1:111122223333:key/1234abcd"]}}, [
			object.union(sound, {"encryption": {"type": "KMS", "kms_key": ""}}),
		]),
		"unknown": [concat("", [
			`cannot tell whether the key is one of those demanded: "" is not the ARN of a key `,
			"(creation template team)",
		])],
	},
	{
		"note": "resource tags that are missing or wrong",
		"input": judged(
			{"required_tags": {"owner": [], "stage": ["dev", "prod"]}},
			[object.union(sound, {"tags": {"stage": "test"}})],
		),
		"deny": [
			"with the creation template team, the resource tag owner is missing",
			`with the creation template team, the resource tag stage is "test"; it must be one of dev, prod`,
		],
	},
	{
		"note": "only a single allowed value says what the tag should be",
		"input": judged(
			{"required_tags": {"owner": ["platform"], "stage": ["dev", "prod"]}},
			[object.union(sound, {"prefix": "ROOT", "tags": {"owner": ""}})],
		),
		"deny": [
			`with the creation template ROOT, the resource tag owner is ""; it must be platform`,
			"with the creation template ROOT, the resource tag stage is missing; it must be one of dev, prod",
		],
		"findings": [
			{
				"message": `with the creation template ROOT, the resource tag owner is ""; it must be platform`,
				"key": "ROOT|tag owner",
				"fix": {"action": "tag_resource", "template": "ROOT", "tags": {"owner": "platform"}},
			},
			{
				"message": "with the creation template ROOT, the resource tag stage is missing; it must be one of dev, prod",
				"key": "ROOT|tag stage",
			},
		],
	},
	{
		"note": "resource tags as required",
		"input": judged({"required_tags": {"owner": []}}, [object.union(sound, {"tags": {"owner": "team"}})]),
	},
]

movable := {"answer": "no", "reason": "the setting is MUTABLE"}

untagged := {"what": "untagged images", "untagged": true, "expires": "yes", "within_days": true, "reason": ""}

sound := {
	"prefix": "team",
	"applied_for": ["REPLICATION", "CREATE_ON_PUSH"],
	"release_tags": {"answer": "yes", "reason": ""},
	"all_tags": {"answer": "yes", "reason": ""},
	"encryption": {"type": "AES256", "kms_key": ""},
	"exposure": "own",
	"has_lifecycle": true,
	"lifecycle_problems": [],
	"lifecycle_baseline": [untagged],
	"tags": {},
}

judged(demands, templates) := {
	"config": object.union(
		{
			"immutable": "release",
			"lifecycle": {"required": true, "max_days": 0},
			"encryption": {"type": "AES256", "kms_keys": []},
			"required_tags": {},
		},
		demands,
	),
	"registry": {"creation_templates": templates},
}
