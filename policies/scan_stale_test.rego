package ecraudit.rules.scan_stale_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.scan_stale as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "scanned lately",
		"input": images([scanned(10)]),
	},
	{
		"note": "just as old as may be",
		"input": images([scanned(30)]),
	},
	{
		"note": "scanned long ago, and in use",
		"input": images([scanned(45)]),
		"deny": ["the scan result of the release is 45 days old (30 allowed)"],
		"findings": [{
			"message": "the scan result of the release is 45 days old (30 allowed)",
			"digest": expect.digest("a"),
			"tag": "1.2.3",
			"fix": {"action": "start_scan", "digest": expect.digest("a")},
		}],
	},
	{
		"note": "enhanced scanning on push cannot be started by hand",
		"input": object.union(images([scanned(45)]), {"registry": {"scanning": {"type": "ENHANCED"}}}),
		"deny": ["the scan result of the release is 45 days old (30 allowed)"],
		"findings": [{
			"message": "the scan result of the release is 45 days old (30 allowed)",
			"digest": expect.digest("a"),
			"tag": "1.2.3",
		}],
	},
	{
		"note": "scanned long ago, and not pulled for long",
		"input": images([object.union(scanned(45), {"last_pulled_at": before(31)})]),
	},
	{
		"note": "scanned long ago, and never pulled",
		"input": images([object.remove(scanned(45), ["last_pulled_at"])]),
	},
	{
		"note": "scanning is continuous",
		"input": object.union(images([scanned(45)]), {"repository": {"scanning": {"frequency": "CONTINUOUS_SCAN"}}}),
	},
	{
		"note": "the image is scanned continuously, whatever is said of the repository",
		"input": object.union(
			images([object.union(scanned(45), {"vulnerabilities": {"status": "ACTIVE"}})]),
			{"repository": {"scanning": {"frequency": "SCAN_ON_PUSH"}}},
		),
	},
	{
		"note": "how the repository is scanned could not be read",
		"input": object.union(object.remove(images([scanned(45), other(10)]), ["repository"]), {"repository": {}}),
		"unknown": [concat("", [
			"the scan result of the release is 45 days old, which is right only where scanning is continuous; ",
			"how the repository is scanned is not known",
		])],
		"findings": [{
			"message": concat("", [
				"the scan result of the release is 45 days old, which is right only where scanning is continuous; ",
				"how the repository is scanned is not known",
			]),
			"digest": expect.digest("a"),
			"tag": "1.2.3",
		}],
	},
	{
		"note": "nobody knows when it was scanned",
		"input": images([object.union(
			object.remove(scanned(45), ["vulnerabilities"]),
			{"vulnerabilities": {"state": "scanned", "scan": "clean", "status": "COMPLETE"}},
		)]),
		"unknown": ["cannot tell how old the scan result of the release is: AWS gives no time"],
	},
	{
		"note": "any age is allowed",
		"input": object.union(images([scanned(900)]), {"config": {"ages": {"scan_days": 0}}}),
	},
	{
		"note": "images that are no releases count where their scans are known",
		"input": images([other(45)]),
		"deny": ["the scan result of the image is 45 days old (30 allowed)"],
		"findings": [{
			"message": "the scan result of the image is 45 days old (30 allowed)",
			"digest": expect.digest("b"),
			"fix": {"action": "start_scan", "digest": expect.digest("b")},
		}],
	},
	{
		"note": "an index has the oldest scan of its images, and they are not judged again",
		"input": images([
			object.union(scanned(45), {"kind": "index"}),
			object.union(other(45), {"parents": [expect.digest("a")], "inherited_tags": ["1.2.3"]}),
		]),
		"deny": ["the scan result of the release is 45 days old (30 allowed)"],
	},
	{
		"note": "archived images cannot be scanned",
		"input": images([object.union(expired, {"status": "ARCHIVED"})]),
	},
	{
		"note": "an index of which one image is archived",
		"input": images([object.union(expired, {"kind": "index", "vulnerabilities": {"status": "IMAGE_ARCHIVED"}})]),
	},
	{
		"note": "the scanner has given it up, in use or not, also where scanning is continuous",
		"input": object.union(
			images([object.remove(expired, ["last_pulled_at"])]),
			{"repository": {"scanning": {"frequency": "CONTINUOUS_SCAN"}}},
		),
		"deny": ["the release is no longer scanned: it is too old to be scanned still"],
		"findings": [{
			"message": "the release is no longer scanned: it is too old to be scanned still",
			"digest": expect.digest("a"),
			"tag": "1.2.3",
		}],
	},
	{
		"note": "nothing was asked about it",
		"input": images([object.remove(scanned(45), ["vulnerabilities"])]),
	},
	{
		"note": "what has no result has no old one",
		"input": images([object.union(scanned(45), {"vulnerabilities": {"state": "unknown", "scan": "pending"}})]),
	},
	{
		"note": "a chart has no scan",
		"input": images([object.union(scanned(45), {"kind": "artifact"})]),
	},
]

now := 1700000000000000000

before(days) := now - (days * 86400000000000)

images(list) := {
	"now": now,
	"config": {"ages": {"scan_days": 30, "in_use_days": 30}},
	"registry": {"scanning": {"type": "BASIC"}},
	"repository": {"scanning": {"frequency": "SCAN_ON_PUSH"}},
	"images": list,
}

scanned(days) := {
	"digest": expect.digest("a"),
	"tags": ["1.2.3"],
	"release_tags": ["1.2.3"],
	"inherited_tags": [],
	"parents": [],
	"kind": "image",
	"status": "ACTIVE",
	"last_pulled_at": before(2),
	"vulnerabilities": {"state": "scanned", "scan": "clean", "status": "COMPLETE", "scanned_at": before(days)},
}

other(days) := object.union(scanned(days), {"digest": expect.digest("b"), "tags": ["build-7"], "release_tags": []})

expired := object.union(scanned(400), {"vulnerabilities": {
	"state": "unknown",
	"scan": "expired",
	"status": "SCAN_ELIGIBILITY_EXPIRED",
	"reason": "it is too old to be scanned still",
}})
