# METADATA
# title: Other accounts get the actions that they need by name
# description: >-
#   Looks at statements of the repository policy that allow actions by a wildcard such as ecr:*, or by NotAction, to
#   somebody outside the own account. It fails where a wildcard gives, after every Deny, an action that neither pulls
#   nor reads.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policy-examples.html
#     description: Private repository policy examples
#   - ref: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
#     description: Actions of Amazon ECR
# custom:
#   id: policy-wildcard-actions
#   severity: medium
#   scope: repository
#   needs: [policy]
#   uses: [registry-policy, account-settings]
#   why: >-
#     A wildcard gives more than its author had in mind: ecr:* deletes the repository and rewrites its policy, and so
#     does every action that AWS adds later. What another account can do should stand in the policy to be read.
#   remediation: >-
#     Replace the wildcard by the actions that are needed; to pull these are ecr:BatchGetImage,
#     ecr:GetDownloadUrlForLayer and ecr:BatchCheckLayerAvailability.
#   frameworks:
#     cis-eks-1.5: [5.1.2]
#     nist-800-53: [AC-3, AC-6]
#     nist-800-190: [4.2.3]
#     pci-dss-4.0: [7.2.2]
package ecraudit.rules.policy_wildcard_actions

import data.ecraudit.lib.access

deny contains finding if {
	some [statement, grant] in pairs
	grant.outside_account
	gifts := surplus(statement, grant)
	count(gifts) > 0
	finding := object.union(
		{
			"message": sprintf("%s in statement %s lets %s do more than pull: %s", [
				written(statement),
				statement.id,
				grant.principal,
				listed(gifts),
			]),
			"key": access.key(grant),
		},
		fix(statement, grant),
	)
}

unknown contains finding if {
	some [statement, grant] in pairs
	grant.exposure == "unknown"
	not grant.outside_account
	gifts := surplus(statement, grant)
	count(gifts) > 0
	finding := {
		"message": sprintf("%s in statement %s may let somebody outside the account do more than pull: %s (%s)", [
			written(statement),
			statement.id,
			listed(gifts),
			grant.reason,
		]),
		"key": access.key(grant),
	}
}

unknown contains finding if {
	finding := {"message": access.unread(input.repository), "key": "unread"}
}

pairs contains [statement, grant] if {
	some statement in input.repository.policy.statements
	statement.effect == "Allow"
	sweeping(statement)
	some grant in input.repository.access
	grant.statement == statement.id
	grant.source == "repository-policy"
}

sweeping(statement) if count(statement.wildcards) > 0

sweeping(statement) if statement.not_action

# surplus is what the wildcards give beyond pulling and reading.
surplus(statement, grant) := [action |
	some action in grant.actions
	not harmless(action)
	swept(statement, action)
]

harmless(action) if regex.match(`^ecr:(BatchCheck|BatchGet|Describe|Get|List)`, action)

swept(statement, _) if statement.not_action

swept(_, "ecr:*")

swept(statement, action) if {
	some pattern in statement.wildcards
	glob.match(lower(pattern), null, lower(action))
}

written(statement) := concat(", ", statement.wildcards) if not statement.not_action

written(statement) := sprintf("NotAction %s", [concat(", ", statement.actions)]) if statement.not_action

listed(["ecr:*"]) := "every action"

listed(actions) := access.enumerate(actions) if {
	actions != ["ecr:*"]
	count(actions) <= shown
}

listed(actions) := sprintf("%s and %d more", [concat(", ", array.slice(actions, 0, shown)), more]) if {
	more := count(actions) - shown
	more > 0
}

shown := 4

# Who may have access keeps what is harmless. Who should have none is left to
# the rules that say so, and what an action gives by its name to external-push.
fix(statement, grant) := {"fix": {
	"action": "set_policy_statement",
	"source": grant.source,
	"statement": grant.statement,
	"principal": grant.principal,
	"abilities": kept(grant),
}} if {
	grant.exposure in {"inside", "trusted"}
	count(kept(grant)) > 0
	not names_more(statement)
} else := {}

kept(grant) := [ability | some ability in grant.abilities; ability in {"read", "pull"}]

names_more(statement) if {
	not statement.not_action
	some action in statement.actions
	not action in statement.wildcards
	not action in statement.inert
	not harmless(action)
}
