package ecraudit.rules.release_unsigned_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.release_unsigned as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "a signed release",
		"input": images([object.union(release, {"signatures": ["sha256:s"]})]),
	},
	{
		"note": "a release that is not signed, in full",
		"input": images([object.union(release, {"release_tags": ["v1.0.0", "1.0.0"]})]),
		"deny": ["the release is not signed"],
		"findings": [{"message": "the release is not signed", "digest": "sha256:a", "tag": "1.0.0"}],
	},
	{
		"note": "what is no release need not be signed",
		"input": images([object.union(release, {"tags": ["pr-7"], "release_tags": []})]),
	},
	{
		"note": "signatures, SBOMs, attestations and charts are not judged",
		"input": images([
			object.union(release, {"kind": "signature"}),
			object.union(release, {"kind": "sbom"}),
			object.union(release, {"kind": "attestation"}),
			object.union(release, {"kind": "artifact"}),
		]),
	},
	{
		"note": "an index that is signed itself",
		"input": images([
			object.union(index, {"signatures": ["sha256:s"]}),
			object.union(part("sha256:amd"), {"signatures": ["sha256:s"]}),
			object.union(part("sha256:arm"), {"signatures": ["sha256:s"]}),
		]),
	},
	{
		"note": "an index all of whose images are signed, though its attestation is not",
		"input": images([
			index,
			object.union(part("sha256:amd"), {"signatures": ["sha256:s"]}),
			object.union(part("sha256:arm"), {"signatures": ["sha256:t"]}),
			object.union(part("sha256:att"), {"kind": "attestation"}),
		]),
	},
	{
		"note": "an index of which no image is signed is one finding",
		"input": images([index, part("sha256:amd"), part("sha256:arm")]),
		"deny": [incomplete],
		"findings": [{"message": incomplete, "digest": "sha256:i", "tag": "v1.0.0"}],
	},
	{
		"note": "one image of an index is not signed",
		"input": images([index, object.union(part("sha256:amd"), {"signatures": ["sha256:s"]}), part("sha256:arm")]),
		"deny": [incomplete],
	},
	{
		"note": "an image of several indexes, one of which is a release",
		"input": images([object.union(part("sha256:amd"), {
			"inherited_tags": ["pr-7", "v1.0.0"],
			"parents": ["sha256:i", "sha256:j"],
		})]),
		"deny": [incomplete],
		"findings": [{"message": incomplete, "digest": "sha256:amd", "tag": "v1.0.0"}],
	},
	{
		"note": "an image of several indexes that is a release itself is one finding",
		"input": images([object.union(release, {
			"inherited_tags": ["v1.0.0", "v1.0.1"],
			"parents": ["sha256:i", "sha256:j"],
		})]),
		"deny": ["the release is not signed"],
	},
	{
		"note": "an image of an index that is no release",
		"input": images([object.union(part("sha256:amd"), {"inherited_tags": ["pr-7"]})]),
	},
	{
		"note": "an index without images has only itself to be signed",
		"input": images([object.union(
			index,
			{"children": [{"digest": "sha256:att", "attestation": true, "present": true}]},
		)]),
		"deny": ["the release is not signed"],
	},
	{
		"note": "the images of an index are not known",
		"input": images([object.remove(index, ["children"])]),
		"unknown": ["cannot tell whether the release is signed: it is not signed as a whole, and its manifest was not read"],
		"findings": [{
			"message": concat(" ", [
				"cannot tell whether the release is signed:",
				"it is not signed as a whole, and its manifest was not read",
			]),
			"digest": "sha256:i",
			"tag": "v1.0.0",
		}],
	},
	{
		"note": "nothing is known of signatures",
		"input": images([object.remove(release, ["signatures"])]),
		"unknown": ["cannot tell whether the release is signed: its signatures are not known"],
	},
	{
		"note": "what a cache holds is signed upstream or not at all",
		"input": object.union(images([release]), {"repository": {"cached": true}}),
	},
	{
		"note": "nobody knows whether it is a cache, which is said once for the repository",
		"input": object.remove(images([release, object.union(release, {"digest": "sha256:b"})]), ["repository"]),
		"unknown": [concat(" ", [
			"some releases are not signed, which counts only outside of a pull-through cache;",
			"its rules could not be read",
		])],
	},
]

incomplete := "the release is signed neither as a whole nor in each of its images"

images(list) := {
	"config": {"release_tags": "^v?[0-9.]+$"},
	"repository": {"cached": false},
	"images": list,
}

release := {
	"digest": "sha256:a",
	"kind": "image",
	"tags": ["v1.0.0"],
	"release_tags": ["v1.0.0"],
	"inherited_tags": [],
	"parents": [],
	"signatures": [],
}

index := object.union(release, {
	"digest": "sha256:i",
	"kind": "index",
	"children": [
		{"digest": "sha256:amd", "platform": "linux/amd64", "attestation": false, "present": true},
		{"digest": "sha256:arm", "platform": "linux/arm64", "attestation": false, "present": true},
		{"digest": "sha256:att", "platform": "unknown/unknown", "attestation": true, "present": true},
	],
})

part(digest) := object.union(release, {
	"digest": digest,
	"tags": [],
	"release_tags": [],
	"inherited_tags": ["v1.0.0"],
	"parents": ["sha256:i"],
})
