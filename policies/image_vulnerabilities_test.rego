package ecraudit.rules.image_vulnerabilities_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.image_vulnerabilities as rule

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
		"note": "a sound image",
		"input": images([found("sha256:a", {"critical": 0, "high": 0, "medium": 50})]),
	},
	{
		"note": "as many as are allowed",
		"input": object.union(
			images([found("sha256:a", {"high": 2})]),
			{"config": {"vulnerabilities": {"critical": 0, "high": 2}}},
		),
	},
	{
		"note": "too many",
		"input": images([found("sha256:a", {"critical": 1, "high": 3, "medium": 5})]),
		"deny": ["the image has too many vulnerabilities: 1 critical (0 allowed), 3 high (0 allowed)"],
		"findings": [{
			"message": "the image has too many vulnerabilities: 1 critical (0 allowed), 3 high (0 allowed)",
			"digest": "sha256:a",
		}],
	},
	{
		"note": "releases are container images, too",
		"input": images([object.union(found("sha256:a", {"high": 1}), {"tags": ["1.2.3"], "release_tags": ["1.2.3"]})]),
		"deny": ["the release has too many vulnerabilities: 1 high (0 allowed)"],
		"findings": [{
			"message": "the release has too many vulnerabilities: 1 high (0 allowed)",
			"digest": "sha256:a",
			"tag": "1.2.3",
		}],
	},
	{
		"note": "an index has the vulnerabilities of its worst image, and its images are not judged again",
		"input": images([
			object.union(found("sha256:a", {"critical": 2}), {"kind": "index"}),
			object.union(found("sha256:b", {"critical": 2}), {"tags": [], "parents": ["sha256:a"]}),
		]),
		"deny": ["the image has too many vulnerabilities: 2 critical (0 allowed)"],
	},
	{
		"note": "one image of an index is not known, but another has surely too many",
		"input": images([object.union(unscanned("sha256:a", "pending"), {
			"kind": "index",
			"vulnerabilities": {"critical": 2},
		})]),
		"deny": ["the image has too many vulnerabilities: 2 critical (0 allowed)"],
	},
	{
		"note": "never scanned is not sound",
		"input": images([
			unscanned("sha256:a", "not scanned"),
			unscanned("sha256:b", "pending"),
			object.remove(unscanned("sha256:c", "unknown"), ["vulnerabilities"]),
		]),
		"unknown": [
			"the vulnerabilities of the image are not known: the scan is not scanned",
			"the vulnerabilities of the image are not known: the scan is pending",
			"the vulnerabilities of the image are not known: nothing was asked about it",
		],
	},
	{
		"note": "scans that failed or are out of date are for other rules to say",
		"input": images([
			unscanned("sha256:a", "failed"),
			unscanned("sha256:b", "unsupported"),
			unscanned("sha256:c", "expired"),
		]),
	},
	{
		"note": "archived images cannot be pulled",
		"input": images([
			object.union(found("sha256:a", {"critical": 9}), {"status": "ARCHIVED"}),
			object.union(unscanned("sha256:b", "expired"), {"status": "ARCHIVED"}),
		]),
	},
	{
		"note": "no limits, no questions",
		"input": {
			"config": {"vulnerabilities": {}},
			"images": [unscanned("sha256:a", "not scanned"), found("sha256:b", {"critical": 9})],
		},
	},
	{
		"note": "signatures, SBOMs, attestations and charts have no vulnerabilities",
		"input": images([object.union(found(digest, {"critical": 9}), {"kind": kind}) |
			some digest, kind in {
				"sha256:b": "signature",
				"sha256:c": "sbom",
				"sha256:d": "attestation",
				"sha256:e": "artifact",
			}
		]),
	},
]

images(list) := {"config": {"vulnerabilities": {"critical": 0, "high": 0}}, "images": list}

image := {
	"tags": ["build-7"],
	"release_tags": [],
	"inherited_tags": [],
	"parents": [],
	"kind": "image",
	"status": "ACTIVE",
}

found(digest, counts) := object.union(image, {
	"digest": digest,
	"vulnerabilities": object.union({"state": "scanned", "reason": "", "scan": "findings"}, counts),
})

unscanned(digest, word) := object.union(image, {
	"digest": digest,
	"vulnerabilities": {"state": "unknown", "reason": sprintf("the scan is %s", [word]), "scan": word},
})
