# METADATA
# title: No repository is open to everyone
# description: >-
#   Looks at whom the repository's policy and the registry policy let in, after conditions and every Deny. It fails
#   where a statement lets in the principals of every AWS account; a wildcard that a condition pins to somebody
#   passes.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policies.html
#     description: Private repository policies
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/security_iam_id-based-policy-examples.html
#     description: Policy examples
# custom:
#   id: repository-public
#   severity: critical
#   scope: repository
#   needs: [policy]
#   uses: [registry-policy, account-settings]
#   why: >-
#     A policy that lets everyone in lets any AWS account in the world read, pull or even replace images. Images carry
#     source code, configuration and often secrets, and nobody notices who takes them.
#   remediation: >-
#     Name the accounts that need access in the statement, or pin it to the organization with aws:PrincipalOrgID. Remove
#     the statement if nobody outside needs it.
#   frameworks:
#     cis-eks-1.5: [5.1.2]
#     prowler: [ecr_repositories_not_publicly_accessible]
#     nist-800-53: [AC-3, AC-6, SC-7]
#     nist-800-190: [4.2.3]
#     pci-dss-4.0: [7.2.2]
package ecraudit.rules.repository_public

import data.ecraudit.lib.access

deny contains finding if {
	some grant in input.repository.access
	grant.exposure == "public"
	finding := {
		"message": access.describe(grant),
		"key": access.key(grant),
		"fix": access.removal(grant),
	}
}

unknown contains finding if {
	some grant in input.repository.access
	grant.exposure == "unknown"
	grant.widest in {"public", "unknown"}
	finding := {
		"message": access.suspect(grant, "everyone"),
		"key": access.key(grant),
	}
}

unknown contains finding if {
	finding := {"message": access.unread(input.repository), "key": "unread"}
}
