# METADATA
# title: Only the organization and trusted accounts have access
# description: >-
#   Whoever can read or pull from outside the organization takes images to where its controls and its logs do not
#   reach. Such access is often left over from a project or a vendor, and stays until somebody looks.
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
#   uses: [registry-policy, account-settings, replication]
#   remediation: >-
#     Remove the principal from the statement, or pin the statement to the organization with aws:PrincipalOrgID. If the
#     access is meant, name the account under trusted_accounts in ecraudit.yaml.
#   frameworks:
#     nist-800-53: [AC-3, AC-4, AC-6]
package ecraudit.rules.access_outside_organization

import data.ecraudit.lib.access

# What is open to everyone is also open to the outside; repository-public says it.
deny contains finding if {
	some grant in input.repository.access
	grant.outside_organization
	grant.exposure != "public"
	finding := {
		"message": access.describe(grant),
		"key": access.key(grant),
		"fix": access.removal(grant),
	}
}

# Replication hands over every image that matches, which is more than access.
deny contains finding if {
	some replica in input.repository.replicas
	replica.exposure == "outside"
	finding := {
		"message": sprintf("images are replicated to %s/%s, outside the organization", [replica.account, replica.region]),
		"key": sprintf("replica %s/%s", [replica.account, replica.region]),
	}
}

unknown contains finding if {
	some replica in input.repository.replicas
	replica.exposure == "unknown"
	finding := {
		"message": sprintf(
			"images are replicated to %s/%s, and the accounts of the organization are not known",
			[replica.account, replica.region],
		),
		"key": sprintf("replica %s/%s", [replica.account, replica.region]),
	}
}

unknown contains finding if {
	not input.repository.replicas
	finding := {
		"message": "cannot tell whether images are replicated to the outside: replication could not be read",
		"key": "replication",
	}
}

# What may be open to everyone is left to repository-public, too.
unknown contains finding if {
	some grant in input.repository.access
	grant.exposure == "unknown"
	grant.widest == "outside"
	not grant.outside_organization
	finding := {
		"message": access.suspect(grant, "somebody outside the organization"),
		"key": access.key(grant),
	}
}

unknown contains finding if {
	finding := {"message": access.unread(input.repository), "key": "unread"}
}
