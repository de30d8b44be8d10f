package ecraudit.rules.scan_failed_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.scan_failed as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := set()
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "scans with results",
		"input": images([release("clean"), object.union(release("findings"), {"digest": expect.digest("b")})]),
	},
	{
		"note": "a scan that failed",
		"input": images([release("failed")]),
		"deny": ["there is no scan result of the release: its scan is failed"],
		"findings": [{
			"message": "there is no scan result of the release: its scan is failed",
			"digest": expect.digest("a"),
			"tag": "1.2.3",
			"fix": {"action": "start_scan", "digest": expect.digest("a")},
		}],
	},
	{
		"note": "an image that the scanner does not support stays so",
		"input": images([release("unsupported")]),
		"deny": ["there is no scan result of the release: its scan is unsupported"],
		"findings": [{
			"message": "there is no scan result of the release: its scan is unsupported",
			"digest": expect.digest("a"),
			"tag": "1.2.3",
		}],
	},
	{
		"note": "enhanced scanning cannot be started by hand",
		"input": object.union(images([release("failed")]), {"registry": {"scanning": {"type": "ENHANCED"}}}),
		"deny": ["there is no scan result of the release: its scan is failed"],
		"findings": [{
			"message": "there is no scan result of the release: its scan is failed",
			"digest": expect.digest("a"),
			"tag": "1.2.3",
		}],
	},
	{
		"note": "an image of an index, which is said once for the index",
		"input": images([
			object.union(release("failed"), {
				"kind": "index",
				"vulnerabilities": {"reason": "its image for linux/arm64: its scan failed"},
			}),
			object.union(build("failed"), {"parents": [expect.digest("a")], "inherited_tags": ["1.2.3"]}),
		]),
		"deny": ["there is no scan result of the release: its image for linux/arm64: its scan failed"],
	},
	{
		"note": "an image of an index that is a release of its own",
		"input": images([object.union(release("failed"), {"parents": [expect.digest("c")]})]),
		"deny": ["there is no scan result of the release: its scan is failed"],
	},
	{
		"note": "images that are no releases count where their scans are known",
		"input": images([build("failed")]),
		"deny": ["there is no scan result of the image: its scan is failed"],
		"findings": [{
			"message": "there is no scan result of the image: its scan is failed",
			"digest": expect.digest("b"),
			"fix": {"action": "start_scan", "digest": expect.digest("b")},
		}],
	},
	{
		"note": "nothing was asked about it",
		"input": images([object.remove(build("failed"), ["vulnerabilities"])]),
	},
	{
		"note": "other states are for other rules to say",
		"input": images([
			release("not scanned"),
			object.union(release("expired"), {"digest": expect.digest("b")}),
			object.union(release("pending"), {"digest": expect.digest("c")}),
			object.union(release("unknown"), {"digest": expect.digest("d")}),
		]),
	},
	{
		"note": "signatures and charts are no container images",
		"input": images([
			object.union(release("unsupported"), {"kind": "signature"}),
			object.union(release("unsupported"), {"digest": expect.digest("b"), "kind": "artifact"}),
		]),
	},
]

images(list) := {"registry": {"scanning": {"type": "BASIC"}}, "images": list}

release(word) := {
	"digest": expect.digest("a"),
	"tags": ["1.2.3"],
	"release_tags": ["1.2.3"],
	"inherited_tags": [],
	"parents": [],
	"kind": "image",
	"status": "ACTIVE",
	"vulnerabilities": {"state": "unknown", "reason": sprintf("its scan is %s", [word]), "scan": word},
}

build(word) := object.union(release(word), {"digest": expect.digest("b"), "tags": ["build-7"], "release_tags": []})
