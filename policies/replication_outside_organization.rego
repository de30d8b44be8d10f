# METADATA
# title: Images are replicated only within the organization
# description: >-
#   Looks at the destinations of the registry's replication rules, and whose accounts they are. It fails for those
#   that belong neither to the organization nor to the trusted accounts.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html
#     description: Private image replication
# custom:
#   id: replication-outside-organization
#   severity: high
#   scope: registry
#   needs: [replication]
#   why: >-
#     Replication copies every image that matches, as soon as it is pushed, into a registry that somebody else owns.
#     What arrived there stays, whatever becomes of the rule or of the image.
#   remediation: >-
#     Remove the destination from the replication configuration, and ask the owner of the other registry to delete
#     what was copied. If it is meant, name the account under trusted_accounts in ecraudit.yaml.
#   frameworks:
#     nist-800-53: [AC-4]
#     nist-800-190: [4.2.3]
package ecraudit.rules.replication_outside_organization

deny contains finding if {
	some place, names in replicated.outside
	finding := {
		"message": sprintf("images of %s are replicated to %s, outside the organization", [words(names), place]),
		"key": place,
	}
}

unknown contains finding if {
	some place, names in replicated.unknown
	finding := {
		"message": sprintf(
			"images of %s are replicated to %s, and the accounts of the organization are not known",
			[words(names), place],
		),
		"key": place,
	}
}

# replicated has the beginnings of repository names by exposure and registry;
# an empty one stands for all.
replicated[destination.exposure][place] contains name if {
	some rule in input.registry.replication
	some destination in rule.destinations
	place := sprintf("%s/%s", [destination.account, destination.region])
	some name in beginnings(rule)
}

beginnings(rule) := [""] if count(rule.prefixes) == 0

beginnings(rule) := rule.prefixes if count(rule.prefixes) > 0

words(names) := "all repositories" if "" in names

words(names) := sprintf("repositories that begin with %s", [concat(", ", sort(names))]) if not "" in names
