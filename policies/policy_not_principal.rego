# METADATA
# title: No statement allows everyone but a few
# description: >-
#   Looks for statements of the repository policy that combine Allow with NotPrincipal, which lets in everyone except
#   those that it names. NotPrincipal with Deny is sound and passes.
# related_resources:
#   - ref: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
#     description: The NotPrincipal element
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policies.html
#     description: Private repository policies
# custom:
#   id: policy-not-principal
#   severity: high
#   scope: repository
#   needs: [policy]
#   why: >-
#     A list of those who are kept out is a list of those who are let in for every account that is not on it, and
#     there are new ones every day. The statement often reads as the opposite of what it does.
#   remediation: >-
#     Name those who need access under Principal. To keep somebody out, add a statement with Deny beside it.
#   frameworks:
#     cis-eks-1.5: [5.1.2]
#     nist-800-53: [AC-3, AC-6]
#     nist-800-190: [4.2.3]
#     pci-dss-4.0: [7.2.2]
package ecraudit.rules.policy_not_principal

import data.ecraudit.lib.access
import data.ecraudit.lib.document

deny contains {"message": message, "key": statement.id} if {
	some statement in input.repository.policy.statements
	statement.effect == "Allow"
	statement.not_principal
	message := sprintf("statement %s allows everyone except %s%s", [
		statement.id,
		concat(", ", [principal.value | some principal in statement.principals]),
		access.limits(statement.conditions),
	])
}

unknown contains {"message": document.unclear(input.repository), "key": "document"}
