# METADATA
# title: Repositories carry the required resource tags
# description: >-
#   Compares the resource tags of the repository with required_tags in ecraudit.yaml. It fails for a tag that is
#   missing or empty, or has a value that is not among those allowed.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-using-tags.html
#     description: Tagging a private repository
#   - ref: https://docs.aws.amazon.com/securityhub/latest/userguide/ecr-controls.html#ecr-4
#     description: Security Hub control ECR.4, which asks it of public repositories
# custom:
#   id: required-tags
#   severity: low
#   scope: repository
#   needs: [tags]
#   why: >-
#     Resource tags say who owns a repository, what it is for and who pays. A finding without an owner stays open, and
#     a permission that depends on a tag does not work where the tag is missing.
#   remediation: >-
#     Tag the repository with the missing key or an allowed value, best where it is created: in its template, stack or
#     module. What is required stands under required_tags in ecraudit.yaml.
#   frameworks:
#     aws-config: [ecr-repository-tagged]
#     nist-800-53: [CM-8]
package ecraudit.rules.required_tags

import data.ecraudit.lib.resource_tags

deny contains finding if {
	some key, allowed in input.config.required_tags
	some flaw in resource_tags.flaws(input.repository.tags, key, allowed)
	finding := object.union({"message": flaw, "key": key}, fix(key, allowed))
}

# Only a single allowed value says what the tag should be.
fix(key, allowed) := {"fix": {"action": "tag_resource", "tags": {key: allowed[0]}}} if {
	count(allowed) == 1
} else := {}
