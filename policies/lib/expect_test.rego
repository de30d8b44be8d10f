# METADATA
# description: >-
#   Compares what a rule says of a case with what the case expects: deny and unknown list messages, and findings, where
#   it is given, the findings of both kinds in full.
package ecraudit.lib.expect_test

same(case, denied, undecided) if {
	agree(case, "deny", messages(denied), expected(case, "deny"))
	agree(case, "unknown", messages(undecided), expected(case, "unknown"))
	findings := denied | undecided
	agree(case, "findings", findings, {f | some f in object.get(case, "findings", findings)})
}

expected(case, kind) := {message | some message in object.get(case, kind, [])}

messages(findings) := {finding.message | some finding in findings}

agree(_, _, got, want) if got == want

agree(case, kind, got, want) if {
	got != want
	print(case.note, kind, "more than expected:", got - want, "missing:", want - got)
	false
}

# digest is one in full, which fixes must name, from one of its digits.
digest(digit) := concat("", array.concat(["sha256:"], [digit | some _ in numbers.range(1, 64)]))
