package ecraudit.rules.image_unused_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.image_unused as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "pulled lately, however old",
		"input": images([object.union(build, {"last_pulled_at": ago(180)})]),
	},
	{
		"note": "never pulled, in full",
		"input": images([build]),
		"deny": ["the image was pushed 400 days ago, and no pull of it was ever recorded"],
		"findings": [{
			"message": "the image was pushed 400 days ago, and no pull of it was ever recorded",
			"digest": expect.digest("a"),
			"tag": "gitsha_0a1b2c3",
			"fix": {"action": "archive_image", "digest": expect.digest("a")},
		}],
	},
	{
		"note": "pulled long ago, and without a tag",
		"input": images([object.union(build, {"tags": [], "last_pulled_at": ago(181)})]),
		"deny": ["the image was pushed 400 days ago, and it was last pulled 181 days ago"],
		"findings": [{
			"message": "the image was pushed 400 days ago, and it was last pulled 181 days ago",
			"digest": expect.digest("a"),
			"fix": {"action": "archive_image", "digest": expect.digest("a")},
		}],
	},
	{
		"note": "a new image has time",
		"input": images([object.union(build, {"pushed_at": ago(180)})]),
	},
	{
		"note": "restored from the archive lately",
		"input": images([object.union(build, {"last_activated_at": ago(3)})]),
	},
	{
		"note": "restored, and not used for long since",
		"input": images([object.union(build, {"last_activated_at": ago(200)})]),
		"deny": ["the image was pushed 400 days ago, and no pull of it was ever recorded"],
	},
	{
		"note": "in the archive, or on its way back",
		"input": images([
			object.union(build, {"status": "ARCHIVED"}),
			object.union(build, {"digest": expect.digest("b"), "status": "ACTIVATING"}),
		]),
	},
	{
		"note": "a release, and an image with a protected tag",
		"input": images([
			object.union(build, {"tags": ["1.0.0"], "release_tags": ["1.0.0"]}),
			object.union(build, {"digest": expect.digest("b"), "protected": true}),
		]),
	},
	{
		"note": "an index and its images stay together",
		"input": images([
			object.union(build, {"kind": "index"}),
			object.union(build, {"digest": expect.digest("b"), "parents": [expect.digest("a")]}),
		]),
	},
	{
		"note": "signed",
		"input": images([object.union(build, {"signatures": [expect.digest("c")]})]),
	},
	{
		"note": "charts, and what describes another image",
		"input": images([
			object.union(build, {"kind": "artifact"}),
			object.union(build, {"digest": expect.digest("b"), "kind": "signature"}),
			object.union(build, {"digest": expect.digest("c"), "kind": "sbom"}),
			object.union(build, {"digest": expect.digest("d"), "kind": "attestation"}),
			object.union(build, {"digest": expect.digest("e"), "subject": expect.digest("a")}),
		]),
	},
	{
		"note": "nobody knows when it was pushed",
		"input": images([
			object.remove(build, ["pushed_at"]),
			object.union(
				object.remove(build, ["pushed_at"]),
				{"digest": expect.digest("b"), "last_pulled_at": ago(300)},
			),
			object.union(
				object.remove(build, ["pushed_at"]),
				{"digest": expect.digest("c"), "last_pulled_at": ago(1)},
			),
		]),
		"unknown": [
			"it is not known when the image was pushed, and no pull of it was ever recorded",
			"it is not known when the image was pushed, and it was last pulled 300 days ago",
		],
	},
	{
		"note": "they may belong to an index that was not read",
		"input": object.union(
			images([
				build,
				object.union(build, {"digest": expect.digest("b"), "tags": []}),
				object.remove(object.union(build, {"digest": expect.digest("c")}), ["pushed_at"]),
			]),
			{"repository": {"stats": {"unread_indexes": 2}}},
		),
		"unknown": ["some images seem unused, but 2 indexes that may refer to them were not read"],
	},
	{
		"note": "an index was not read, and everything is new",
		"input": object.union(
			images([object.union(build, {"pushed_at": ago(1)})]),
			{"repository": {"stats": {"unread_indexes": 2}}},
		),
	},
]

now := 1800000000000000000

ago(days) := now - (days * 86400000000000)

images(list) := {
	"now": now,
	"config": {"ages": {"unused_days": 180}},
	"repository": {"stats": {"unread_indexes": 0}},
	"images": list,
}

build := {
	"digest": expect.digest("a"),
	"kind": "image",
	"status": "ACTIVE",
	"subject": "",
	"tags": ["gitsha_0a1b2c3", "gitsha_latest"],
	"release_tags": [],
	"inherited_tags": [],
	"parents": [],
	"signatures": [],
	"protected": false,
	"pushed_at": ago(400),
}
