package ecraudit.rules.archived_release_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.archived_release as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	expect.same(case, denied, set())
}

cases := [
	{
		"note": "a release that can be pulled",
		"input": images([object.union(release, {"status": "ACTIVE"})]),
	},
	{
		"note": "an archived release, in full",
		"input": images([release]),
		"deny": ["the release is archived and cannot be pulled until it is restored"],
		"findings": [{
			"message": "the release is archived and cannot be pulled until it is restored",
			"digest": "sha256:a",
			"tag": "1.0.0",
		}],
	},
	{
		"note": "an archived index, with the pull that was its last",
		"input": images([object.union(release, {"kind": "index", "last_pulled_at": now - 1100000000000000})]),
		"deny": ["the release is archived and cannot be pulled until it is restored; it was last pulled 12 days ago"],
	},
	{
		"note": "a release that is being restored",
		"input": images([object.union(release, {"status": "ACTIVATING"})]),
	},
	{
		"note": "what is no release may be archived, and so may the images of an archived index, which is judged itself",
		"input": images([
			object.union(release, {"tags": ["pr-7"], "release_tags": []}),
			object.union(release, {"tags": [], "release_tags": [], "inherited_tags": ["1.0.0"]}),
		]),
	},
	{
		"note": "signatures and charts are not judged",
		"input": images([object.union(release, {"kind": "signature"}), object.union(release, {"kind": "artifact"})]),
	},
]

now := 1800000000000000000

images(list) := {"now": now, "images": list}

release := {
	"digest": "sha256:a",
	"kind": "image",
	"status": "ARCHIVED",
	"tags": ["1.0.0", "v1.0.0"],
	"release_tags": ["1.0.0", "v1.0.0"],
	"inherited_tags": [],
}
