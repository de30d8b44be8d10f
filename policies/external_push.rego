# METADATA
# title: Only the own account can push, delete and administer
# description: >-
#   Looks at whom the repository's policy and the registry policy let push, delete or administer, after conditions and
#   every Deny. It fails for whoever is not of the own account; replication between registries of the organization and
#   trusted accounts passes.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policies.html
#     description: Private repository policies
#   - ref: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
#     description: Actions of Amazon ECR
# custom:
#   id: external-push
#   severity: critical
#   scope: repository
#   needs: [policy]
#   uses: [registry-policy, account-settings]
#   why: >-
#     Whoever can push decides what runs wherever the image is pulled, and whoever can delete or administer can take
#     it away or open the repository further. Other accounts, even of the same organization, seldom need more than to
#     pull.
#   remediation: >-
#     Leave other accounts only the actions that pulling takes, and let them push through a role of the account that
#     owns the repository.
#   frameworks:
#     cis-eks-1.5: [5.1.2, 5.1.3]
#     nist-800-53: [AC-3, AC-6, CM-5, SI-7]
#     nist-800-190: [4.2.3]
#     pci-dss-4.0: [7.2.2]
package ecraudit.rules.external_push

import data.ecraudit.lib.access

deny contains finding if {
	some grant in input.repository.access
	grant.outside_account
	some ability in grant.abilities
	ability in changing
	not only_replicates(grant)
	finding := {
		"message": access.describe(grant),
		"key": access.key(grant),
		"fix": mended(grant),
	}
}

unknown contains finding if {
	some grant in input.repository.access
	grant.exposure == "unknown"
	not grant.outside_account
	some ability in grant.abilities
	ability in changing
	not only_replicates(grant)
	finding := {
		"message": access.suspect(grant, "somebody outside the account"),
		"key": access.key(grant),
	}
}

unknown contains finding if {
	finding := {"message": access.unread(input.repository), "key": "unread"}
}

changing := {"push", "delete", "administer"}

# Replication between registries of one organization is how images get from account to account by design.
only_replicates(grant) if {
	grant.source == "registry-policy"
	grant.widest in {"own", "inside", "trusted"}
	every action in grant.actions { action in {"ecr:ReplicateImage", "ecr:CreateRepository"} }
}

# Accounts of the organization and trusted ones may go on pulling. The others
# should have no access at all, which the other rules on access say as well.
mended(grant) := {
	"action": "set_policy_statement",
	"source": grant.source,
	"statement": grant.statement,
	"principal": grant.principal,
	"abilities": harmless(grant),
} if {
	keeps(grant)
}

mended(grant) := access.removal(grant) if not keeps(grant)

keeps(grant) if {
	grant.exposure in {"inside", "trusted"}
	count(harmless(grant)) > 0
}

harmless(grant) := [ability | some ability in grant.abilities; not ability in changing]
