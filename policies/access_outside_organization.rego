# METADATA
# title: Only the organization and trusted accounts have access
# description: >-
#   Looks at whom the repository's policy and the registry policy let in, after conditions and every Deny, and fails
#   for whoever belongs neither to the organization nor to the trusted and vendor accounts of ecraudit.yaml. Access for
#   everyone is left to repository-public, services that act for anybody to confused-deputy, and replication to
#   replication-outside-organization.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policy-examples.html
#     description: Private repository policy examples
#   - ref: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
#     description: Condition keys, among them aws:PrincipalOrgID
# custom:
#   id: access-outside-organization
#   severity: high
#   scope: repository
#   needs: [policy]
#   uses: [registry-policy, account-settings]
#   why: >-
#     Whoever can read or pull from outside the organization takes images to where its controls and its logs do not
#     reach. Such access is often left over from a project or a vendor, and stays until somebody looks.
#   remediation: >-
#     Remove the principal from the statement, or pin the statement to the organization with aws:PrincipalOrgID. If the
#     access is meant, name the account under trusted_accounts in ecraudit.yaml.
#   frameworks:
#     cis-eks-1.5: [5.1.2]
#     nist-800-53: [AC-3, AC-4, AC-6]
#     nist-800-190: [4.2.3]
#     pci-dss-4.0: [7.2.2]
package ecraudit.rules.access_outside_organization

import data.ecraudit.lib.access

# What is open to everyone is also open to the outside; repository-public says it.
deny contains finding if {
	some grant in input.repository.access
	grant.outside_organization
	grant.exposure != "public"
	not left_to_confused_deputy(grant)
	finding := {
		"message": access.describe(grant),
		"key": access.key(grant),
		"fix": access.removal(grant),
	}
}

# What may be open to everyone is left to repository-public, too.
unknown contains finding if {
	some grant in input.repository.access
	grant.exposure == "unknown"
	grant.widest == "outside"
	not grant.outside_organization
	not left_to_confused_deputy(grant)
	finding := {
		"message": access.suspect(grant, "somebody outside the organization"),
		"key": access.key(grant),
	}
}

unknown contains finding if {
	finding := {"message": access.unread(input.repository), "key": "unread"}
}

# A service that acts for one account is "service x for account y".
left_to_confused_deputy(grant) if {
	grant.kind == "service"
	grant.source == "repository-policy"
	not contains(grant.principal, " for ")
}
