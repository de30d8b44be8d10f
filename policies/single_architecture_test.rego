package ecraudit.rules.single_architecture_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.single_architecture as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "as most releases, or more",
		"input": images(["linux/amd64", "linux/arm64"], [
			release("sha256:a", ["linux/amd64", "linux/arm64"]),
			release("sha256:b", ["linux/amd64", "linux/arm64", "linux/s390x"]),
		]),
	},
	{
		"note": "a release lacks a platform, in full",
		"input": images(["linux/amd64", "linux/arm64"], [release("sha256:a", ["linux/amd64"])]),
		"deny": ["the release lacks linux/arm64, which most releases have"],
		"findings": [{
			"message": "the release lacks linux/arm64, which most releases have",
			"digest": "sha256:a",
			"tag": "1.0.0",
		}],
	},
	{
		"note": "a release lacks every platform",
		"input": images(["linux/arm64", "linux/amd64"], [release("sha256:a", ["windows/amd64"])]),
		"deny": ["the release lacks linux/amd64, linux/arm64, which most releases have"],
	},
	{
		"note": "a variant that goes without saying",
		"input": images(["linux/amd64", "linux/arm64/v8"], [
			release("sha256:a", ["linux/amd64/v1", "linux/arm64"]),
			release("sha256:b", ["linux/amd64", "linux/arm64/v8"]),
		]),
	},
	{
		"note": "a variant that does not",
		"input": images(["linux/arm/v7"], [release("sha256:a", ["linux/arm/v6"])]),
		"deny": ["the release lacks linux/arm/v7, which most releases have"],
	},
	{
		"note": "what is no release, or no index",
		"input": images(["linux/amd64", "linux/arm64"], [
			object.union(release("sha256:a", ["linux/amd64"]), {"release_tags": []}),
			object.union(release("sha256:b", []), {"kind": "image"}),
			object.union(release("sha256:c", []), {"kind": "artifact"}),
		]),
	},
	{
		"note": "there are too few releases to compare with",
		"input": images([], [release("sha256:a", ["linux/amd64"])]),
	},
	{
		"note": "a manifest was not read",
		"input": images(["linux/amd64"], [object.remove(release("sha256:a", []), ["platforms"])]),
		"unknown": ["cannot tell which platforms the release has: its manifest was not read"],
		"findings": [{
			"message": "cannot tell which platforms the release has: its manifest was not read",
			"digest": "sha256:a",
			"tag": "1.0.0",
		}],
	},
	{
		"note": "upstream decides for which platforms it builds",
		"input": object.union(
			images(["linux/amd64", "linux/arm64"], [release("sha256:a", ["linux/amd64"])]),
			{"repository": {"cached": true}},
		),
	},
	{
		"note": "nobody knows whether it is a cache, which is said once for the repository",
		"input": {
			"repository": {"stats": {"platforms": ["linux/amd64", "linux/arm64"]}},
			"images": [release("sha256:a", ["linux/amd64"]), release("sha256:b", ["linux/arm64"])],
		},
		"unknown": [concat(" ", [
			"some releases lack platforms, which counts only outside of a pull-through cache;",
			"its rules could not be read",
		])],
	},
]

images(common, list) := {
	"repository": {"cached": false, "stats": {"platforms": common}},
	"images": list,
}

release(digest, platforms) := {
	"digest": digest,
	"kind": "index",
	"tags": ["1.0.0", "v1.0.0"],
	"release_tags": ["1.0.0", "v1.0.0"],
	"platforms": platforms,
}
