package ecraudit.rules.release_mutable_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.release_mutable as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "release tags are immutable, and latest is meant to move",
		"input": images("IMMUTABLE_WITH_EXCLUSION", ["latest"], [release("sha256:a", ["latest"])]),
	},
	{
		"note": "a release tag can be moved, in full",
		"input": images("MUTABLE", [], [release("sha256:a", ["latest", "v1.0.0"])]),
		"deny": ["the release tag v1.0.0 can be moved to another image: tags are MUTABLE"],
		"findings": [{
			"digest": "sha256:a",
			"tag": "v1.0.0",
			"message": "the release tag v1.0.0 can be moved to another image: tags are MUTABLE",
			"fix": {"action": "set_tag_mutability", "mutability": "IMMUTABLE", "tags": "release"},
		}],
	},
	{
		"note": "each tag of each release is a finding, of indexes too",
		"input": images("IMMUTABLE_WITH_EXCLUSION", ["v1*", "1*"], [
			object.union(release("sha256:a", ["1.0.0", "v1.0.0"]), {"release_tags": ["1.0.0", "v1.0.0"]}),
			object.union(release("sha256:b", ["v1.0.0"]), {"kind": "index"}),
		]),
		"deny": [
			"the release tag 1.0.0 can be moved to another image: tags are IMMUTABLE_WITH_EXCLUSION (v1*, 1*)",
			"the release tag v1.0.0 can be moved to another image: tags are IMMUTABLE_WITH_EXCLUSION (v1*, 1*)",
		],
	},
	{
		"note": "signatures, SBOMs, attestations and charts are no releases of images",
		"input": images("MUTABLE", [], [
			object.union(release("sha256:a", ["v1.0.0"]), {"kind": "signature"}),
			object.union(release("sha256:b", ["v1.0.0"]), {"kind": "sbom"}),
			object.union(release("sha256:c", ["v1.0.0"]), {"kind": "attestation"}),
			object.union(release("sha256:d", ["v1.0.0"]), {"kind": "artifact"}),
		]),
	},
	{
		"note": "the tags of a cache have to move",
		"input": object.union(images("MUTABLE", [], [release("sha256:a", ["v1.0.0"])]), {"repository": {"cached": true}}),
	},
	{
		"note": "nobody knows whether it is a cache, which is said once for the repository",
		"input": uncached(images("MUTABLE", [], [release("sha256:a", ["v1.0.0"]), release("sha256:b", ["v1.0.0"])])),
		"unknown": [concat(" ", [
			"some release tags can be moved, which is right only in a pull-through cache;",
			"its rules could not be read",
		])],
	},
	{
		"note": "nobody knows whether it is a cache, and either way it is as it should be",
		"input": uncached(images("IMMUTABLE", [], [release("sha256:a", [])])),
	},
	{
		"note": "a setting that is not known",
		"input": images("FROZEN", [], [release("sha256:a", []), release("sha256:b", ["v1.0.0"])]),
		"unknown": ["cannot tell whether release tags can be moved: tags are FROZEN"],
	},
	{
		"note": "nothing is known of the tags",
		"input": images("MUTABLE", [], [object.remove(release("sha256:a", []), ["mutable_tags"])]),
		"unknown": ["cannot tell whether release tags can be moved: tags are MUTABLE"],
	},
]

images(setting, exclusions, list) := {
	"repository": {"cached": false, "mutability": {"setting": setting, "exclusions": exclusions}},
	"images": list,
}

uncached(case) := object.union(
	object.remove(case, ["repository"]),
	{"repository": object.remove(case.repository, ["cached"])},
)

release(digest, mutable) := {
	"digest": digest,
	"kind": "image",
	"tags": ["latest", "v1.0.0"],
	"release_tags": ["v1.0.0"],
	"mutable_tags": mutable,
}
