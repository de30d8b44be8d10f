package ecraudit.rules.registry_scanning_basic_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.registry_scanning_basic as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "enhanced scanning",
		"input": {"registry": {"scanning": {"type": "ENHANCED", "rules": []}}},
	},
	{
		"note": "basic scanning",
		"input": {"registry": {"scanning": {"type": "BASIC", "rules": []}}},
		"deny": [basic],
		"findings": [{"message": basic}],
	},
	{
		"note": "a scanner that is not known",
		"input": {"registry": {"scanning": {"type": "DEEP", "rules": []}}},
		"unknown": [`cannot tell how images are scanned: AWS gives "DEEP" as scan type`],
	},
	{
		"note": "AWS names no scanner",
		"input": {"registry": {"scanning": {"rules": []}}},
		"unknown": [`cannot tell how images are scanned: AWS gives "" as scan type`],
	},
]

basic := concat("", [
	"scanning is basic: packages of programming languages are not looked at, ",
	"and images are not scanned again when new vulnerabilities become known",
])
