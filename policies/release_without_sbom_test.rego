package ecraudit.rules.release_without_sbom_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.release_without_sbom as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "a release with an SBOM",
		"input": images([object.union(release, {"sboms": ["sha256:s"]})]),
	},
	{
		"note": "a release without one, in full",
		"input": images([release]),
		"deny": ["the release has no SBOM"],
		"findings": [{"message": "the release has no SBOM", "digest": "sha256:a", "tag": "v1.0.0"}],
	},
	{
		"note": "what is no release needs none, and neither does what is no container image",
		"input": images([
			object.union(release, {"release_tags": []}),
			object.union(release, {"kind": "sbom"}),
			object.union(release, {"kind": "artifact"}),
		]),
	},
	{
		"note": "an SBOM may be in an attestation",
		"input": images([object.union(release, {"attestations": ["sha256:t"]})]),
		"unknown": [attested],
		"findings": [{"message": attested, "digest": "sha256:a", "tag": "v1.0.0", "key": "attestations"}],
	},
	{
		"note": "beside an SBOM, attestations do not matter",
		"input": images([object.union(release, {"sboms": ["sha256:s"], "attestations": ["sha256:t"]})]),
	},
	{
		"note": "each image of an index has an SBOM",
		"input": images([
			index([]),
			object.union(part("sha256:amd"), {"sboms": ["sha256:s"]}),
			object.union(part("sha256:arm"), {"sboms": ["sha256:t"]}),
		]),
	},
	{
		"note": "one image of an index has none",
		"input": images([index([]), object.union(part("sha256:amd"), {"sboms": ["sha256:s"]}), part("sha256:arm")]),
		"deny": [incomplete],
		"findings": [{"message": incomplete, "digest": "sha256:i", "tag": "v1.0.0"}],
	},
	{
		"note": "one image of an index has none, and another an attestation",
		"input": images([
			index([]),
			object.union(part("sha256:amd"), {"attestations": ["sha256:t"]}),
			part("sha256:arm"),
		]),
		"deny": [incomplete],
		"unknown": [attested],
	},
	{
		"note": "BuildKit attests its images in the index",
		"input": images([
			object.union(
				index([{"digest": "sha256:t", "platform": "unknown/unknown", "attestation": true, "present": true}]),
				{"attestations": ["sha256:t"]},
			),
			object.union(part("sha256:amd"), {"attestations": ["sha256:t"]}),
			object.union(part("sha256:arm"), {"attestations": ["sha256:t"]}),
		]),
		"unknown": [attested],
		"findings": [{"message": attested, "digest": "sha256:i", "tag": "v1.0.0", "key": "attestations"}],
	},
	{
		"note": "an index that holds attestations only",
		"input": images([object.union(
			index([]),
			{"children": [{"digest": "sha256:t", "attestation": true, "present": true}]},
		)]),
		"unknown": [attested],
	},
	{
		"note": "the images of an index are not known",
		"input": images([object.remove(index([]), ["children"])]),
		"unknown": [concat(" ", [
			"cannot tell whether the release has an SBOM:",
			"there is none of it as a whole, and its manifest was not read",
		])],
	},
	{
		"note": "nothing is known of referrers",
		"input": images([object.remove(release, ["sboms"])]),
		"unknown": ["cannot tell whether the release has an SBOM: what lies beside it is not known"],
	},
	{
		"note": "what a cache holds has its SBOM upstream",
		"input": object.union(
			images([release, object.union(release, {"digest": "sha256:b", "attestations": ["sha256:t"]})]),
			{"repository": {"cached": true}},
		),
	},
	{
		"note": "nobody knows whether it is a cache, which is said once for the repository",
		"input": object.remove(images([release, object.union(release, {"digest": "sha256:b"})]), ["repository"]),
		"unknown": [concat(" ", [
			"some releases have no SBOM, which counts only outside of a pull-through cache;",
			"its rules could not be read",
		])],
	},
]

attested := "cannot tell whether the release has an SBOM: it has attestations only, and an SBOM may be in one"

incomplete := "there is an SBOM neither of the release as a whole nor of each of its images"

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
	"sboms": [],
	"attestations": [],
}

index(more) := object.union(release, {
	"digest": "sha256:i",
	"kind": "index",
	"children": array.concat(
		[
			{"digest": "sha256:amd", "platform": "linux/amd64", "attestation": false, "present": true},
			{"digest": "sha256:arm", "platform": "linux/arm64", "attestation": false, "present": true},
		],
		more,
	),
})

part(digest) := object.union(release, {
	"digest": digest,
	"tags": [],
	"release_tags": [],
	"inherited_tags": ["v1.0.0"],
	"parents": ["sha256:i"],
})
