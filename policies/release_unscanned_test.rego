package ecraudit.rules.release_unscanned_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.release_unscanned as rule

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
		"note": "scanned, with and without findings",
		"input": images([scan(expect.digest("a"), "clean"), scan(expect.digest("b"), "findings")]),
	},
	{
		"note": "never scanned",
		"input": images([scan(expect.digest("a"), "not scanned")]),
		"deny": ["the release was never scanned"],
		"findings": [{
			"message": "the release was never scanned",
			"digest": expect.digest("a"),
			"tag": "1.2.3",
			"fix": {"action": "start_scan", "digest": expect.digest("a")},
		}],
	},
	{
		"note": "never scanned, because nobody asked",
		"input": object.union(
			images([scan(expect.digest("a"), "not scanned")]),
			{"repository": {"scanning": {"frequency": "MANUAL"}}},
		),
		"deny": ["the release was never scanned; images of this repository are scanned only on demand"],
	},
	{
		"note": "enhanced scanning cannot be started by hand",
		"input": object.union(
			images([scan(expect.digest("a"), "not scanned")]),
			{"registry": {"scanning": {"type": "ENHANCED"}}},
		),
		"deny": ["the release was never scanned"],
		"findings": [{"message": "the release was never scanned", "digest": expect.digest("a"), "tag": "1.2.3"}],
	},
	{
		"note": "how the registry and the repository are scanned could not be read",
		"input": object.union(
			object.remove(images([scan(expect.digest("a"), "not scanned")]), ["registry", "repository"]),
			{"registry": {}},
		),
		"deny": ["the release was never scanned"],
		"findings": [{"message": "the release was never scanned", "digest": expect.digest("a"), "tag": "1.2.3"}],
	},
	{
		"note": "an image of an index was not scanned, which is said once for the index",
		"input": images([
			object.union(scan(expect.digest("a"), "not scanned"), {
				"kind": "index",
				"vulnerabilities": {"reason": "its image for linux/arm64: it was never scanned"},
			}),
			object.union(scan(expect.digest("b"), "not scanned"), {
				"tags": [],
				"release_tags": [],
				"inherited_tags": ["1.2.3"],
				"parents": [expect.digest("a")],
			}),
		]),
		"deny": ["the release is not scanned in full: its image for linux/arm64: it was never scanned"],
		"findings": [{
			"message": "the release is not scanned in full: its image for linux/arm64: it was never scanned",
			"digest": expect.digest("a"),
			"tag": "1.2.3",
			"fix": {"action": "start_scan", "digest": expect.digest("a")},
		}],
	},
	{
		"note": "archived releases cannot be scanned",
		"input": images([object.union(scan(expect.digest("a"), "not scanned"), {"status": "ARCHIVED"})]),
	},
	{
		"note": "a scan under way",
		"input": images([scan(expect.digest("a"), "pending")]),
	},
	{
		"note": "a scan that failed is for scan-failed to say",
		"input": images([scan(expect.digest("a"), "failed"), scan(expect.digest("b"), "unsupported")]),
	},
	{
		"note": "an image that is no release",
		"input": images([object.union(scan(expect.digest("a"), "not scanned"), {"tags": ["pr-7"], "release_tags": []})]),
	},
	{
		"note": "signatures, SBOMs, attestations and charts are not scanned, whatever their tags",
		"input": images([object.union(scan(digest, "not scanned"), {"kind": kind}) |
			some digest, kind in {
				"sha256:b": "signature",
				"sha256:c": "sbom",
				"sha256:d": "attestation",
				"sha256:e": "artifact",
			}
		]),
	},
	{
		"note": "what is not known is for release-vulnerabilities to say",
		"input": images([unasked, scan(expect.digest("b"), "unknown")]),
	},
	{
		"note": "unless no vulnerabilities are limited",
		"input": object.union(
			object.remove(images([unasked, scan(expect.digest("b"), "unknown"), scan(expect.digest("c"), "clean")]), ["config"]),
			{"config": {"vulnerabilities": {}}},
		),
		"unknown": [
			"cannot tell whether the release was scanned: nothing was asked about it",
			"cannot tell whether the release was scanned: the scan is unknown",
		],
		"findings": [
			{
				"message": "cannot tell whether the release was scanned: nothing was asked about it",
				"digest": expect.digest("a"),
				"tag": "1.2.3",
			},
			{
				"message": "cannot tell whether the release was scanned: the scan is unknown",
				"digest": expect.digest("b"),
				"tag": "1.2.3",
			},
		],
	},
]

images(list) := {
	"config": {"vulnerabilities": {"critical": 0, "high": 0}},
	"registry": {"scanning": {"type": "BASIC"}},
	"repository": {"scanning": {"frequency": "SCAN_ON_PUSH"}},
	"images": list,
}

scan(digest, word) := object.union(unasked, {
	"digest": digest,
	"vulnerabilities": {"state": "unknown", "reason": sprintf("the scan is %s", [word]), "scan": word},
})

unasked := {
	"digest": expect.digest("a"),
	"tags": ["1.2.3", "v1.2.3"],
	"release_tags": ["1.2.3", "v1.2.3"],
	"inherited_tags": [],
	"parents": [],
	"kind": "image",
	"status": "ACTIVE",
}
