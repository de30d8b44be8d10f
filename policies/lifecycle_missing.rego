# METADATA
# title: Every repository has a lifecycle policy
# description: >-
#   Looks at whether the repository has a lifecycle policy, where lifecycle.required in ecraudit.yaml demands one.
#   What the policy does is left to lifecycle-baseline.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
#     description: Lifecycle policies
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-creation-templates.html
#     description: Repository creation templates
#   - ref: https://docs.aws.amazon.com/securityhub/latest/userguide/ecr-controls.html#ecr-3
#     description: Security Hub control ECR.3
# custom:
#   id: lifecycle-missing
#   severity: medium
#   scope: repository
#   needs: [lifecycle]
#   uses: [creation-templates, pull-through-cache]
#   why: >-
#     Without a lifecycle policy images are kept for ever, and paid for. Old images also keep old vulnerabilities
#     within reach of whoever deploys by tag or digest.
#   remediation: >-
#     Give the repository a lifecycle policy, and look at its preview first: images that match expire within a day. Put
#     a policy into the creation template too, if one makes such repositories.
#   frameworks:
#     aws-config: [ecr-private-lifecycle-policy-configured]
#     security-hub: [ECR.3]
#     prowler: [ecr_repositories_lifecycle_policy_enabled]
#     nist-800-190: [4.2.2]
package ecraudit.rules.lifecycle_missing

import data.ecraudit.lib.templates

deny contains {"message": sprintf("there is no lifecycle policy%s", [origin]), "fix": fix} if {
	missing
	demands_something
}

# Where the baseline demands nothing, what the policy should say is not known.
deny contains {"message": sprintf("there is no lifecycle policy%s", [origin])} if {
	missing
	not demands_something
}

fix := {"action": "put_lifecycle_policy", "baseline": true}

missing if {
	input.config.lifecycle.required
	not input.repository.lifecycle.present
}

demands_something if input.config.lifecycle.untagged

demands_something if count(input.config.lifecycle.dev_tags) > 0

default origin := ""

origin := sprintf("; the creation template %s makes more repositories without one", [template.prefix]) if {
	template := templates.behind(input.repository, input.registry)
	not template.has_lifecycle
}
