# METADATA
# title: Every action in a repository policy has an effect there
# description: >-
#   Looks for actions in the repository policy that act on no repository, that ECR does not know or that belong to
#   another service, such as ecr:GetAuthorizationToken. They do no harm; they only do nothing.
# related_resources:
#   - ref: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
#     description: Actions of Amazon ECR and the resources that they act on
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html
#     description: Private registry authentication
# custom:
#   id: policy-without-effect
#   severity: info
#   scope: repository
#   needs: [policy]
#   why: >-
#     Who reads the policy believes that somebody has a permission which they do not have, or that something is denied
#     which is not. A misspelt action is found here before a deployment fails on it.
#   remediation: >-
#     Take the action out of the statement, or correct its name. Whoever logs in to the registry needs
#     ecr:GetAuthorizationToken in the identity policy of the role or user; actions on the registry belong into its
#     own policy.
package ecraudit.rules.policy_without_effect

import data.ecraudit.lib.document

deny contains {"message": message, "key": statement.id} if {
	some statement in input.repository.policy.statements
	notes := [sprintf("%s (%s)", [action, reason(lower(action))]) |
		some action in statement.inert
		not contested(action)
	]
	count(notes) > 0
	message := sprintf("statement %s %s nothing by %s", [statement.id, does[statement.effect], concat(", ", notes)])
}

unknown contains {"message": document.unclear(input.repository), "key": "document"}

does := {"Allow": "grants", "Deny": "denies"}

# AWS documents of this one that a repository policy can grant it, too.
contested(action) if lower(action) == "ecr:batchimportupstreamimage"

reason("ecr:getauthorizationtoken") := "only an identity policy decides it"

reason(action) := "the registry policy decides it" if action in {"ecr:createrepository", "ecr:replicateimage"}

reason(action) := "it is no action of ECR" if not startswith(action, "ecr:")

reason(action) := "ECR has no such action on a repository" if {
	startswith(action, "ecr:")
	not action in {"ecr:getauthorizationtoken", "ecr:createrepository", "ecr:replicateimage"}
}
