# METADATA
# title: Repositories are encrypted as demanded
# description: >-
#   A KMS key of one's own decides who can read the layers, leaves a trail of each use and can be revoked. Encryption is
#   fixed when a repository is created, so the wrong one is cheapest to mend early.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/encryption-at-rest.html
#     description: Encryption at rest
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-creation-templates.html
#     description: Repository creation templates
#   - ref: https://docs.aws.amazon.com/securityhub/latest/userguide/ecr-controls.html#ecr-5
#     description: Security Hub control ECR.5
# custom:
#   id: encryption
#   severity: medium
#   scope: repository
#   needs: []
#   uses: [creation-templates, pull-through-cache]
#   remediation: >-
#     Create a repository with the demanded encryption, copy the images with their tags into it, move policies and
#     deployments over, and only then delete the old one. Correct the creation template first, if one made it.
#   frameworks:
#     security-hub: [ECR.5]
#     nist-800-53: [SC-13, SC-28]
package ecraudit.rules.encryption

import data.ecraudit.lib.templates

deny contains {"message": message} if {
	some flaw in flaws(input.repository.encryption)
	message := sprintf("%s; that cannot be changed in place: copy the images to a new repository%s", [flaw, origin])
}

unknown contains {"message": message} if {
	not strength[input.repository.encryption.type]
	message := sprintf("cannot tell whether the encryption is strong enough: %q is not known", [kind])
}

unknown contains {"message": message} if {
	key_matters(input.repository.encryption)
	not is_key_arn(input.repository.encryption.kms_key)
	message := sprintf("cannot tell whether the key is one of those demanded: %q is not the ARN of a key", [key])
}

# strength orders the types of encryption.
strength := {"AES256": 1, "KMS": 2, "KMS_DSSE": 3}

# flaws is empty for an encryption that is as demanded or cannot be judged.
flaws(encryption) := {sprintf("the encryption is %s, and %s is demanded", [encryption.type, demanded])} if {
	strength[encryption.type] < strength[demanded]
} else := {sprintf("the key is %s, which is none of those demanded", [encryption.kms_key])} if {
	key_matters(encryption)
	is_key_arn(encryption.kms_key)
} else := set()

# A list of keys demands KMS, whatever the type says.
demanded := "KMS" if {
	input.config.encryption.type == "AES256"
	count(input.config.encryption.kms_keys) > 0
} else := input.config.encryption.type

key_matters(encryption) if {
	count(input.config.encryption.kms_keys) > 0
	strength[encryption.type] >= strength[demanded]
	not encryption.kms_key in input.config.encryption.kms_keys
}

is_key_arn(text) if regex.match(`^arn:[a-z-]+:kms:[^:]+:[0-9]{12}:key/.`, text)

default kind := ""

kind := input.repository.encryption.type

default key := ""

key := input.repository.encryption.kms_key

default origin := ""

origin := sprintf("; the creation template %s makes more like it", [template.prefix]) if {
	template := templates.behind(input.repository, input.registry)
	count(flaws(template.encryption)) > 0
}
