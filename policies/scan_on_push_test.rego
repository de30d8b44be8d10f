package ecraudit.rules.scan_on_push_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.scan_on_push as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "pushes are scanned",
		"input": scanned("SCAN_ON_PUSH", true),
	},
	{
		"note": "the registry scans although the repository's own flag is off",
		"input": object.union(scanned("SCAN_ON_PUSH", true), {"repository": {"scan_on_push": false}}),
	},
	{
		"note": "scanning is continuous",
		"input": scanned("CONTINUOUS_SCAN", false),
	},
	{
		"note": "AWS says that it scans pushes, by whatever name",
		"input": scanned("SCAN_ALWAYS", true),
	},
	{
		"note": "nobody demands it",
		"input": object.union(scanned("MANUAL", false), {"config": {"scan_on_push": false}}),
	},
	{
		"note": "only on demand",
		"input": object.union(scanned("MANUAL", false), {"repository": {"scan_on_push": false}}),
		"deny": ["pushed images are not scanned, only on demand; the registry's scanning is BASIC"],
		"findings": [{
			"message": "pushed images are not scanned, only on demand; the registry's scanning is BASIC",
			"fix": {"action": "set_scanning", "scan_on_push": true},
		}],
	},
	{
		"note": "the repository's own flag is on, and decides nothing",
		"input": object.union(scanned("MANUAL", false), {"registry": {"scanning": {"type": "ENHANCED"}}}),
		"deny": [concat("", [
			"pushed images are not scanned, only on demand; the registry's scanning is ENHANCED; ",
			"the repository's own scan-on-push flag is on, but the registry's configuration decides",
		])],
	},
	{
		"note": "the registry's configuration could not be read",
		"input": object.union({"registry": {}}, object.remove(scanned("MANUAL", false), ["registry"])),
		"deny": [concat("", [
			"pushed images are not scanned, only on demand; ",
			"the repository's own scan-on-push flag is on, but the registry's configuration decides",
		])],
	},
	{
		"note": "a frequency that is not known",
		"input": scanned("WEEKLY", false),
		"unknown": [`cannot tell whether pushed images are scanned: AWS gives "WEEKLY" as scan frequency`],
	},
	{
		"note": "AWS says nothing of this repository",
		"input": {"config": {"scan_on_push": true}, "repository": {"scan_on_push": true}},
		"unknown": [`cannot tell whether pushed images are scanned: AWS gives "" as scan frequency`],
	},
]

scanned(frequency, on_push) := {
	"config": {"scan_on_push": true},
	"registry": {"scanning": {"type": "BASIC", "rules": []}},
	"repository": {
		"scan_on_push": true,
		"scanning": {"frequency": frequency, "scan_on_push": on_push, "filters": []},
	},
}
