# METADATA
# title: The accounts that must pull can pull
# description: >-
#   Evaluates for each account under reader_accounts in ecraudit.yaml whether the policies let it pull, after
#   conditions and every Deny. It is unknown where a condition leaves it open; identity policies of the other account
#   are not looked at.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policy-examples.html
#     description: Private repository policy examples
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/ECR_on_EKS.html
#     description: Permissions that pulling takes
# custom:
#   id: readers-missing
#   severity: medium
#   scope: repository
#   needs: [policy]
#   uses: [registry-policy, account-settings]
#   why: >-
#     Deployments in other accounts fail when an image cannot be pulled, often at night and when a node is replaced.
#     An account that the configuration names as a reader should be able to pull before it has to.
#   remediation: >-
#     Let the account pull in a statement of the repository policy: ecr:BatchGetImage, ecr:GetDownloadUrlForLayer and
#     ecr:BatchCheckLayerAvailability. A statement that denies it has to go first.
package ecraudit.rules.readers_missing

deny contains finding if {
	some reader in input.repository.readers
	reader.answer == "no"
	finding := {
		"message": sprintf("%s cannot pull: %s", [reader.account, reader.reason]),
		"key": reader.account,
		"fix": {
			"action": "set_policy_statement",
			"source": "repository-policy",
			"statement": "EcrauditReaders",
			"accounts": [reader.account],
			"abilities": ["pull"],
		},
	}
}

unknown contains finding if {
	some reader in input.repository.readers
	reader.answer == "unknown"
	finding := {
		"message": sprintf("cannot tell whether %s can pull: %s", [reader.account, reader.reason]),
		"key": reader.account,
	}
}
