package ecraudit.rules.policy_undecidable_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.policy_undecidable as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	expect.same(case, denied, set())
}

cases := [
	{
		"note": "no policy",
		"input": judged([], []),
	},
	{
		"note": "statements that can be decided",
		"input": judged([grant("Everyone", "everyone", "public", ""), grant("Own", "account 111122223333", "own", "")], []),
	},
	{
		"note": "a network does not say who calls",
		"input": judged([grant("Net", "everyone", "unknown", network)], []),
		"deny": [sprintf("whom statement Net lets in is undecided: %s", [network])],
		"findings": [{
			"message": sprintf("whom statement Net lets in is undecided: %s", [network]),
			"key": "Net",
		}],
	},
	{
		"note": "two principals of one statement are one finding, with each reason once",
		"input": judged(
			[
				grant("#1", "arn:aws:iam::*:role/a", "unknown", "AWS accepts no wildcard inside a principal"),
				grant("#1", "arn:aws:iam::*:role/b", "unknown", "AWS accepts no wildcard inside a principal"),
				grant("#1", "79a5", "unknown", "the account cannot be told from a canonical user id"),
			],
			[],
		),
		"deny": [concat("", [
			"whom statement #1 lets in is undecided: AWS accepts no wildcard inside a principal; ",
			"the account cannot be told from a canonical user id",
		])],
	},
	{
		"note": "only the accounts of the organization are not known: the other rules say it",
		"input": judged([member], []),
	},
	{
		"note": "the accounts of the organization are not known, and the operator neither",
		"input": judged([member, grant("Members", "everyone", "unknown", "the operator StringMagic is not known")], []),
		"deny": ["whom statement Members lets in is undecided: the operator StringMagic is not known"],
	},
	{
		"note": "the registry policy is no document of this repository",
		"input": judged(
			[object.union(grant("", "whoever it names", "unknown", "it could not be read"), {"source": "registry-policy"})],
			["registry-policy: statement #1: it has no Effect"],
		),
	},
	{
		"note": "a document that is not understood, and what comes of it, is one finding",
		"input": judged(
			[grant("#1", "everyone", "unknown", "it has no Effect")],
			["repository-policy: statement #1: it has no Effect", "repository-policy: unknown version \"2020\""],
		),
		"deny": [`the policy is not understood: statement #1: it has no Effect; unknown version "2020"`],
		"findings": [{
			"message": `the policy is not understood: statement #1: it has no Effect; unknown version "2020"`,
			"key": "document",
		}],
	},
]

network := "it cannot be told who calls where aws:SourceVpce = vpce-1"

member := grant(
	"Members",
	"account 444455556666",
	"unknown",
	"it is not known whether account 444455556666 belongs to the organization",
)

grant(statement, principal, exposure, reason) := {
	"principal": principal,
	"exposure": exposure,
	"reason": reason,
	"statement": statement,
	"source": "repository-policy",
}

judged(access, problems) := {"repository": {"policy": {"present": true, "problems": problems}, "access": access}}
