package ecraudit.rules.release_vulnerabilities_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.release_vulnerabilities as rule

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
		"note": "a sound release",
		"input": images([release]),
	},
	{
		"note": "what has no limit does not count",
		"input": images([found({"medium": 50, "low": 500, "undefined": 7})]),
	},
	{
		"note": "as many as are allowed",
		"input": object.union(images([found({"high": 2})]), {"config": {"vulnerabilities": {"high": 2}}}),
	},
	{
		"note": "too many",
		"input": images([found({"critical": 1, "high": 3, "medium": 5})]),
		"deny": ["the release has too many vulnerabilities: 1 critical (0 allowed), 3 high (0 allowed)"],
		"findings": [{
			"message": "the release has too many vulnerabilities: 1 critical (0 allowed), 3 high (0 allowed)",
			"digest": "sha256:a",
			"tag": "1.2.3",
		}],
	},
	{
		"note": "an index has the vulnerabilities of its worst image, and its images are not judged again",
		"input": images([
			object.union(found({"critical": 2}), {"kind": "index", "tags": ["v2.0.0"], "release_tags": ["v2.0.0"]}),
			object.union(found({"critical": 2}), {
				"digest": "sha256:b",
				"tags": [],
				"release_tags": [],
				"inherited_tags": ["v2.0.0"],
				"parents": ["sha256:a"],
			}),
		]),
		"deny": ["the release has too many vulnerabilities: 2 critical (0 allowed)"],
	},
	{
		"note": "one image of an index is not known, but another has surely too many",
		"input": images([object.union(found({"critical": 2}), {
			"kind": "index",
			"vulnerabilities": {"state": "unknown", "reason": "its image for linux/arm64: its scan failed", "critical": 2},
		})]),
		"deny": ["the release has too many vulnerabilities: 2 critical (0 allowed)"],
	},
	{
		"note": "one image of an index is not known, and the others are sound",
		"input": images([object.union(found({"critical": 0}), {
			"kind": "index",
			"vulnerabilities": {"state": "unknown", "reason": "its image for linux/arm64: its scan failed", "critical": 0},
		})]),
		"unknown": ["the vulnerabilities of the release are not known: its image for linux/arm64: its scan failed"],
	},
	{
		"note": "an image that is no release",
		"input": images([object.union(found({"critical": 9}), {"tags": ["pr-7"], "release_tags": []})]),
	},
	{
		"note": "signatures, SBOMs, attestations and charts have no vulnerabilities, whatever their tags",
		"input": images([
			object.union(unasked, {"digest": "sha256:b", "kind": "signature"}),
			object.union(unasked, {"digest": "sha256:c", "kind": "sbom"}),
			object.union(unasked, {"digest": "sha256:d", "kind": "attestation"}),
			object.union(unasked, {"digest": "sha256:e", "kind": "artifact"}),
			object.union(found({"critical": 9}), {"digest": "sha256:f", "kind": "artifact"}),
		]),
	},
	{
		"note": "a scan that has no result yet",
		"input": images([pending]),
		"unknown": ["the vulnerabilities of the release are not known: its scan is still in progress"],
		"findings": [{
			"message": "the vulnerabilities of the release are not known: its scan is still in progress",
			"digest": "sha256:a",
			"tag": "1.2.3",
		}],
	},
	{
		"note": "what was never scanned, failed or is out of date is for other rules to say",
		"input": images([
			scan("sha256:b", "not scanned"),
			scan("sha256:c", "failed"),
			scan("sha256:d", "unsupported"),
			scan("sha256:e", "expired"),
		]),
	},
	{
		"note": "an image of an index was never scanned, but another has surely too many",
		"input": images([object.union(scan("sha256:a", "not scanned"), {
			"kind": "index",
			"vulnerabilities": {"critical": 2},
		})]),
		"deny": ["the release has too many vulnerabilities: 2 critical (0 allowed)"],
	},
	{
		"note": "archived releases are not for other rules to say",
		"input": images([
			object.union(scan("sha256:b", "not scanned"), {"status": "ARCHIVED"}),
			object.union(scan("sha256:c", "expired"), {"status": "ARCHIVED"}),
		]),
		"unknown": [
			"the vulnerabilities of the release are not known: the scan is not scanned",
			"the vulnerabilities of the release are not known: the scan is expired",
		],
	},
	{
		"note": "an index of which one image is archived",
		"input": images([object.union(scan("sha256:a", "expired"), {
			"kind": "index",
			"vulnerabilities": {"status": "IMAGE_ARCHIVED"},
		})]),
		"unknown": ["the vulnerabilities of the release are not known: the scan is expired"],
	},
	{
		"note": "nothing was asked about it",
		"input": images([unasked]),
		"unknown": ["the vulnerabilities of the release are not known: nothing was asked about it"],
	},
	{
		"note": "no limits, no questions",
		"input": {
			"config": {"vulnerabilities": {}},
			"images": [pending, unasked, found({"critical": 9})],
		},
	},
	{
		"note": "several images are as many findings, whichever page they are on",
		"input": images([
			found({"high": 1}),
			object.union(found({"high": 1}), {
				"digest": "sha256:b",
				"tags": ["1.2.4", "1.2", "stable"],
				"release_tags": ["1.2.4"],
			}),
			object.union(pending, {"digest": "sha256:c"}),
			object.union(release, {"digest": "sha256:d"}),
		]),
		"deny": ["the release has too many vulnerabilities: 1 high (0 allowed)"],
		"unknown": ["the vulnerabilities of the release are not known: its scan is still in progress"],
		"findings": [
			{
				"message": "the release has too many vulnerabilities: 1 high (0 allowed)",
				"digest": "sha256:a",
				"tag": "1.2.3",
			},
			{
				"message": "the release has too many vulnerabilities: 1 high (0 allowed)",
				"digest": "sha256:b",
				"tag": "1.2.4",
			},
			{
				"message": "the vulnerabilities of the release are not known: its scan is still in progress",
				"digest": "sha256:c",
				"tag": "1.2.3",
			},
		],
	},
]

images(list) := {
	"config": {"vulnerabilities": {"critical": 0, "high": 0}},
	"images": list,
}

unasked := {
	"digest": "sha256:a",
	"tags": ["1.2.3", "v1.2.3"],
	"release_tags": ["1.2.3", "v1.2.3"],
	"inherited_tags": [],
	"parents": [],
	"kind": "image",
	"status": "ACTIVE",
}

release := object.union(unasked, {"vulnerabilities": {
	"state": "scanned",
	"reason": "",
	"status": "COMPLETE",
	"critical": 0,
	"high": 0,
	"medium": 0,
	"low": 0,
	"informational": 0,
	"undefined": 0,
	"untriaged": 0,
}})

found(counts) := object.union(release, {"vulnerabilities": counts})

pending := object.union(unasked, {"vulnerabilities": {
	"state": "unknown",
	"reason": "its scan is still in progress",
	"status": "IN_PROGRESS",
	"scan": "pending",
}})

scan(digest, word) := object.union(unasked, {
	"digest": digest,
	"vulnerabilities": {"state": "unknown", "reason": sprintf("the scan is %s", [word]), "scan": word},
})
