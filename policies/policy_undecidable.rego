# METADATA
# title: Who a repository policy lets in can be decided
# description: >-
#   Looks at each statement of the repository policy of which the evaluation of access cannot tell whom it lets in,
#   and at documents that are not understood. Where only the accounts of the organization are unknown it is silent,
#   because the policy is not at fault.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policies.html
#     description: Private repository policies
#   - ref: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
#     description: Condition keys that every service knows
# custom:
#   id: policy-undecidable
#   severity: low
#   scope: repository
#   needs: [policy]
#   uses: [registry-policy, account-settings]
#   why: >-
#     A policy of which nobody can say whom it lets in cannot be reviewed, and nobody notices when it lets in too
#     many. Every other rule on access can only answer "unknown" for it.
#   remediation: >-
#     Name the accounts, roles or users in the statement's Principal, or pin it to the organization with
#     aws:PrincipalOrgID; a network condition can stand beside that, but does not say who calls. Correct an element,
#     operator or condition key that IAM does not know.
#   frameworks:
#     nist-800-53: [AC-3]
#     nist-800-190: [4.2.3]
package ecraudit.rules.policy_undecidable

import data.ecraudit.lib.document

deny contains finding if {
	count(problems) > 0
	finding := {
		"message": sprintf("the policy is not understood: %s", [concat("; ", problems)]),
		"key": "document",
	}
}

# What is wrong with a statement makes its reach undecided, too: one finding is enough.
deny contains finding if {
	count(problems) == 0
	some statement, why in reasons
	finding := {
		"message": sprintf("whom statement %s lets in is undecided: %s", [statement, concat("; ", sort(why))]),
		"key": statement,
	}
}

problems := document.problems(input.repository)

reasons[grant.statement] contains grant.reason if {
	some grant in input.repository.access
	grant.exposure == "unknown"
	grant.source == "repository-policy"
	not members_unknown(grant)
}

members_unknown(grant) if {
	grant.reason == sprintf("it is not known whether %s belongs to the organization", [grant.principal])
}
