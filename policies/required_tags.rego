# METADATA
# title: Repositories carry the required resource tags
# description: >-
#   Resource tags say who owns a repository, what it is for and who pays. A finding without an owner stays open, and a
#   permission that depends on a tag does not work where the tag is missing.
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
#   remediation: >-
#     Tag the repository with the missing key or an allowed value, best where it is created: in its template, stack or
#     module. What is required stands under required_tags in ecraudit.yaml.
#   frameworks:
#     nist-800-53: [CM-8]
package ecraudit.rules.required_tags

deny contains finding if {
	some key, allowed in input.config.required_tags
	some flaw in flaws(key, allowed)
	finding := object.union({"message": flaw, "key": key}, fix(key, allowed))
}

flaws(key, allowed) := {sprintf("the resource tag %s is missing%s", [key, choice(allowed)])} if {
	not has(key)
} else := {sprintf("the resource tag %s is empty", [key])} if {
	allowed == []
	input.repository.tags[key] == ""
} else := {sprintf("the resource tag %s is %q%s", [key, input.repository.tags[key], choice(allowed)])} if {
	allowed != []
	not input.repository.tags[key] in allowed
} else := set()

has(key) if is_string(input.repository.tags[key])

choice([]) := ""

choice(allowed) := sprintf("; it must be %s", [allowed[0]]) if count(allowed) == 1

choice(allowed) := sprintf("; it must be one of %s", [concat(", ", allowed)]) if count(allowed) > 1

# Only a single allowed value says what the tag should be.
fix(key, allowed) := {"fix": {"action": "tag_resource", "tags": {key: allowed[0]}}} if {
	count(allowed) == 1
} else := {}
