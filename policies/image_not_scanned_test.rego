package ecraudit.rules.image_not_scanned_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.image_not_scanned as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "no images",
		"input": images([]),
	},
	{
		"note": "scanned images, with and without a release tag",
		"input": images([scan(expect.digest("a"), "clean"), release("findings")]),
	},
	{
		"note": "never scanned",
		"input": images([scan(expect.digest("a"), "not scanned")]),
		"deny": ["the image was never scanned"],
		"findings": [{
			"message": "the image was never scanned",
			"digest": expect.digest("a"),
			"fix": {"action": "start_scan", "digest": expect.digest("a")},
		}],
	},
	{
		"note": "releases are container images, too",
		"input": images([release("not scanned")]),
		"deny": ["the release was never scanned"],
		"findings": [{
			"message": "the release was never scanned",
			"digest": expect.digest("b"),
			"tag": "1.2.3",
			"fix": {"action": "start_scan", "digest": expect.digest("b")},
		}],
	},
	{
		"note": "enhanced scanning cannot be started by hand, and leaves the repository out",
		"input": object.union(images([scan(expect.digest("a"), "not scanned")]), {
			"registry": {"scanning": {"type": "ENHANCED"}},
			"repository": {"scanning": {"frequency": "MANUAL"}},
		}),
		"deny": ["the image was never scanned; images of this repository are scanned only on demand"],
		"findings": [{
			"message": "the image was never scanned; images of this repository are scanned only on demand",
			"digest": expect.digest("a"),
		}],
	},
	{
		"note": "an image of an index was not scanned, which is said once for the index",
		"input": images([
			object.union(scan(expect.digest("a"), "not scanned"), {
				"kind": "index",
				"vulnerabilities": {"reason": "its image for linux/arm64: it was never scanned"},
			}),
			object.union(scan(expect.digest("b"), "not scanned"), {"tags": [], "parents": [expect.digest("a")]}),
		]),
		"deny": ["the image is not scanned in full: its image for linux/arm64: it was never scanned"],
	},
	{
		"note": "an untagged image",
		"input": images([object.union(scan(expect.digest("a"), "not scanned"), {"tags": []})]),
		"deny": ["the image was never scanned"],
	},
	{
		"note": "archived images cannot be scanned",
		"input": images([
			object.union(scan(expect.digest("a"), "not scanned"), {"status": "ARCHIVED"}),
			object.union(scan(expect.digest("b"), "unknown"), {"status": "ARCHIVED"}),
		]),
	},
	{
		"note": "other states are for other rules to say",
		"input": images([
			scan(expect.digest("a"), "pending"),
			scan(expect.digest("b"), "failed"),
			scan(expect.digest("c"), "unsupported"),
			scan(expect.digest("d"), "expired"),
		]),
	},
	{
		"note": "it is not known",
		"input": images([
			scan(expect.digest("a"), "unknown"),
			object.remove(scan(expect.digest("b"), "unknown"), ["vulnerabilities"]),
		]),
		"unknown": [
			"cannot tell whether the image was scanned: the scan is unknown",
			"cannot tell whether the image was scanned: nothing was asked about it",
		],
	},
	{
		"note": "signatures, SBOMs, attestations and charts are not scanned",
		"input": images([object.remove(object.union(scan(digest, "unknown"), {"kind": kind}), ["vulnerabilities"]) |
			some digest, kind in {
				"sha256:b": "signature",
				"sha256:c": "sbom",
				"sha256:d": "attestation",
				"sha256:e": "artifact",
			}
		]),
	},
]

images(list) := {
	"registry": {"scanning": {"type": "BASIC"}},
	"repository": {"scanning": {"frequency": "SCAN_ON_PUSH"}},
	"images": list,
}

scan(digest, word) := {
	"digest": digest,
	"tags": ["build-7"],
	"release_tags": [],
	"inherited_tags": [],
	"parents": [],
	"kind": "image",
	"status": "ACTIVE",
	"vulnerabilities": {"state": "unknown", "reason": sprintf("the scan is %s", [word]), "scan": word},
}

release(word) := object.union(scan(expect.digest("b"), word), {"tags": ["1.2.3"], "release_tags": ["1.2.3"]})
