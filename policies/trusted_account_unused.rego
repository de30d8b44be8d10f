# METADATA
# title: Every trusted account is still needed
# description: >-
#   Looks at the accounts under trusted_accounts in ecraudit.yaml, and whether a policy of any repository or registry
#   of the run names them or a replication rule sends images to them. Vendors under vendor_accounts are not judged.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policy-examples.html
#     description: Private repository policy examples
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html
#     description: Private image replication
# custom:
#   id: trusted-account-unused
#   severity: low
#   scope: organization
#   needs: [policy, registry-policy, replication, creation-templates]
#   uses: [account-settings]
#   why: >-
#     Every rule on access lets a trusted account pass. One that nobody needs any more is an exception that waits for
#     its next use, and nobody is asked when it comes.
#   remediation: >-
#     Remove the account from trusted_accounts in ecraudit.yaml. Keep it only if the run left out accounts, regions or
#     repositories that need it.
#   frameworks:
#     nist-800-53: [AC-2, AC-6]
#     pci-dss-4.0: [7.2.4]
package ecraudit.rules.trusted_account_unused

deny contains finding if {
	count(doubts) == 0
	some account in unused
	finding := {
		"message": sprintf("the trusted account %s is named by no policy and no replication rule of %d repositories", [
			titled(account),
			input.policies.read,
		]),
		"key": account,
	}
}

unknown contains finding if {
	count(doubts) > 0
	some account in unused
	finding := {
		"message": sprintf("cannot tell whether the trusted account %s is needed: %s", [
			titled(account),
			concat("; ", sort(doubts)),
		]),
		"key": account,
	}
}

unused contains account if {
	some account, _ in input.config.trusted_accounts
	not account in needed
}

needed contains account if some account in input.policies.trusted

needed contains grant.account if {
	some registry in input.registries
	some grant in registry.access
}

needed contains destination.account if {
	some registry in input.registries
	some rule in registry.replication
	some destination in rule.destinations
}

doubts contains "no repository was looked at" if input.policies.read + input.policies.unread == 0

doubts contains "some repository policy was not read" if input.policies.unread > 0

doubts contains "some registry policy was not read" if {
	some registry in input.registries
	not registry.access
}

# A grant to several accounts does not say which.
doubts contains "a registry policy may name it" if {
	some registry in input.registries
	some grant in registry.access
	grant.account == ""
	grant.widest in {"trusted", "unknown"}
}

doubts contains "some replication rules were not read" if {
	some registry in input.registries
	not registry.replication
}

doubts contains "some creation templates were not read" if {
	some registry in input.registries
	not registry.creation_templates
}

# How far the policy of a template reaches is known, but not to whom.
doubts contains "the policy of a creation template may name it" if {
	some registry in input.registries
	some template in registry.creation_templates
	template.exposure in {"trusted", "unknown"}
}

titled(account) := account if input.config.trusted_accounts[account] in {"", account}

titled(account) := sprintf("%s (%s)", [account, name]) if {
	name := input.config.trusted_accounts[account]
	not name in {"", account}
}
