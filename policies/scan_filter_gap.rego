# METADATA
# title: Scanning filters leave no new repository out
# description: >-
#   Looks at the filters of a registry that scans some repositories, and asks whether a repository with another name,
#   which need not exist yet, would be left out. The repositories that exist are judged by scan-on-push, and a registry
#   that scans nothing by itself has no filters to judge.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning-filters.html
#     description: Filters of the scanning configuration
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutRegistryScanningConfiguration.html
#     description: The registry's scanning configuration
# custom:
#   id: scan-filter-gap
#   severity: low
#   scope: registry
#   needs: [registry-scanning]
#   why: >-
#     Whoever creates a repository rarely thinks of the scanning filters of its registry. Its images are then not
#     scanned until somebody notices.
#   remediation: >-
#     Add the filter * to a rule with the frequency SCAN_ON_PUSH. Where repositories are left out on purpose, turn this
#     rule off for that account in a scope of ecraudit.yaml.
#   frameworks:
#     prowler: [ecr_registry_scan_images_on_push_enabled]
#     cis-eks-1.5: [5.1.1]
#     nist-800-53: [RA-5]
package ecraudit.rules.scan_filter_gap

deny contains {"message": message} if {
	judged
	verdict.answer == "no"
	message := sprintf(
		"images of a new repository such as %s would not be scanned: the filters are %s",
		[verdict.example, concat(", ", filters)],
	)
}

unknown contains {"message": message} if {
	judged
	not decided
	message := sprintf("cannot tell whether new repositories are scanned%s", [reason])
}

verdict := input.registry.scanning.every_repository

decided if verdict.answer in {"yes", "no"}

# Without a rule that scans, scan-on-push says it of each repository.
judged if {
	input.config.scan_on_push
	count(filters) > 0
}

filters contains filter if {
	some rule in input.registry.scanning.rules
	rule.frequency != "MANUAL"
	some filter in rule.filters
}

default reason := ""

reason := sprintf(": %s", [verdict.reason])
