# METADATA
# title: The registry policy lets nobody in from outside the organization
# description: >-
#   Looks at who can use the registry by its policy: replicate images into it, create repositories, import from
#   upstream registries, or whatever else it grants. It fails for everyone outside the organization who is not a
#   trusted account.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry-permissions.html
#     description: Private registry permissions
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html
#     description: Private image replication
# custom:
#   id: registry-policy-open
#   severity: high
#   scope: registry
#   needs: [registry-policy]
#   uses: [account-settings]
#   why: >-
#     One statement of the registry policy holds for every repository, those to come included. Whoever may replicate
#     or create repositories puts images where the organization's own deployments look for them.
#   remediation: >-
#     Remove the principal from the statement, or pin the statement to the organization with aws:PrincipalOrgID. If
#     the access is meant, name the account under trusted_accounts in ecraudit.yaml.
#   frameworks:
#     cis-eks-1.5: [5.1.2]
#     nist-800-53: [AC-3, AC-4, AC-6]
#     nist-800-190: [4.2.3]
#     pci-dss-4.0: [7.2.2]
package ecraudit.rules.registry_policy_open

import data.ecraudit.lib.access

deny contains finding if {
	some grant in input.registry.access
	grant.outside_organization
	finding := {
		"message": sprintf("%s%s", [access.describe(grant), exactly(grant.actions)]),
		"key": access.key(grant),
		"fix": access.removal(grant),
	}
}

unknown contains finding if {
	some grant in input.registry.access
	grant.exposure == "unknown"
	grant.widest in {"outside", "public", "unknown"}
	not grant.outside_organization
	finding := {
		"message": access.suspect(grant, "somebody outside the organization"),
		"key": access.key(grant),
	}
}

unknown contains finding if {
	finding := {"message": access.unread(input.registry), "key": "unread"}
}

# What a registry policy grants is mostly two or three actions, which say more
# than their abilities.
default exactly(_) := ""

exactly(actions) := sprintf(": %s", [access.enumerate(actions)]) if count(actions) in {1, 2, 3}
