package ecraudit.rules.release_never_pulled_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.release_never_pulled as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "pulled once, however long ago",
		"input": images([object.union(release, {"last_pulled_at": ago(300)})]),
	},
	{
		"note": "never pulled, in full",
		"input": images([release]),
		"deny": ["the release was pushed 400 days ago, and no pull of it was ever recorded"],
		"findings": [{
			"message": "the release was pushed 400 days ago, and no pull of it was ever recorded",
			"digest": "sha256:a",
			"tag": "1.0.0",
		}],
	},
	{
		"note": "a new release has time",
		"input": images([object.union(release, {"pushed_at": ago(180)})]),
	},
	{
		"note": "an index is a release, and its images are not releases of their own",
		"input": images([
			object.union(release, {"kind": "index"}),
			object.union(release, {"digest": "sha256:b", "tags": [], "release_tags": [], "inherited_tags": ["1.0.0"]}),
		]),
		"deny": ["the release was pushed 400 days ago, and no pull of it was ever recorded"],
	},
	{
		"note": "charts and signatures are not judged, and what is archived is out of the way",
		"input": images([
			object.union(release, {"kind": "artifact"}),
			object.union(release, {"kind": "signature"}),
			object.union(release, {"status": "ARCHIVED"}),
		]),
	},
	{
		"note": "nobody knows when it was pushed",
		"input": images([object.remove(release, ["pushed_at"])]),
		"unknown": ["no pull of the release was ever recorded, and it is not known when it was pushed"],
	},
]

now := 1800000000000000000

ago(days) := now - (days * 86400000000000)

images(list) := {"now": now, "config": {"ages": {"unused_days": 180}}, "images": list}

release := {
	"digest": "sha256:a",
	"kind": "image",
	"status": "ACTIVE",
	"tags": ["1.0.0", "v1.0.0"],
	"release_tags": ["1.0.0", "v1.0.0"],
	"inherited_tags": [],
	"pushed_at": ago(400),
}
