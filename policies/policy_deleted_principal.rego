# METADATA
# title: No repository policy names a principal that was deleted
# description: >-
#   Looks for the unique ids, such as AROA… of roles and AIDA… of users, that AWS writes into a policy in place of a
#   principal which no longer exists. It looks at what is allowed, at what is denied and at exceptions.
# related_resources:
#   - ref: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
#     description: The Principal element, and what becomes of deleted principals
#   - ref: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
#     description: Unique identifiers and their prefixes
# custom:
#   id: policy-deleted-principal
#   severity: low
#   scope: repository
#   needs: [policy]
#   why: >-
#     A role that is created again under the old name is somebody else for AWS: it gets nothing by the statement, and
#     a Deny no longer stops it. Deployments fail by the first, and the second goes unnoticed.
#   remediation: >-
#     Remove the id, or name the role or user that took its place by its ARN.
#   frameworks:
#     nist-800-53: [AC-2]
package ecraudit.rules.policy_deleted_principal

import data.ecraudit.lib.document

deny contains finding if {
	some statement in input.repository.policy.statements
	some principal in statement.principals
	principal.kind == "deleted"
	finding := object.union(
		{
			"message": sprintf("statement %s names %s, the id of a deleted %s: %s", [
				statement.id,
				principal.value,
				object.get(entities, substring(principal.value, 0, 4), "principal"),
				consequence(statement),
			]),
			"key": sprintf("%s|%s", [statement.id, principal.value]),
		},
		fix(statement, principal),
	)
}

unknown contains {"message": document.unclear(input.repository), "key": "document"}

entities := {"AROA": "role", "AIDA": "user", "AGPA": "group"}

consequence(statement) := "nobody is excepted by it" if statement.not_principal

consequence(statement) := "nobody gets anything by it" if {
	statement.effect == "Allow"
	not statement.not_principal
}

consequence(statement) := "nobody is denied anything by it, nor would be a new one of the same name" if {
	statement.effect == "Deny"
	not statement.not_principal
}

# Whom a Deny was meant to stop must be found out first.
fix(statement, principal) := {"fix": {
	"action": "remove_policy_statement",
	"source": "repository-policy",
	"statement": statement.id,
	"principal": principal.value,
}} if {
	statement.effect == "Allow"
	not statement.not_principal
} else := {}
