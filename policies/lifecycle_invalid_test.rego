package ecraudit.rules.lifecycle_invalid_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.lifecycle_invalid as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := set()
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "a valid policy",
		"input": stored({"present": true, "valid": true, "problems": []}),
	},
	{
		"note": "no policy: lifecycle-missing says it, where one is required",
		"input": stored({"present": false, "valid": false, "problems": [], "text": ""}),
	},
	{
		"note": "a policy that breaks a constraint",
		"input": stored({"present": true, "valid": false, "problems": ["rule 2: countNumber must be greater than 0"]}),
		"deny": ["AWS would not take this lifecycle policy today: rule 2: countNumber must be greater than 0"],
		"findings": [{
			"message": "AWS would not take this lifecycle policy today: rule 2: countNumber must be greater than 0",
		}],
	},
	{
		"note": "everything that is wrong is said at once",
		"input": stored({"present": true, "valid": false, "problems": ["priority 1 twice", "rule 3 has no selection"]}),
		"deny": ["AWS would not take this lifecycle policy today: priority 1 twice; rule 3 has no selection"],
	},
]

stored(policy) := {"repository": {"lifecycle": policy}}
