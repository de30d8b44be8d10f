# METADATA
# title: Images are encrypted with a customer managed key
# description: >-
#   Asks of each repository whether its KMS key is a customer's: one that encryption.kms_keys of the configuration
#   lists is, and so is one of another account; AWS's answer does not tell other keys from the AWS managed aws/ecr, so
#   they are unknown. It is off by default, because not everyone has to manage keys: turn it on with kms-key: on under
#   rules in ecraudit.yaml, which costs no calls.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/encryption-at-rest.html
#     description: Encryption at rest
#   - ref: https://docs.aws.amazon.com/securityhub/latest/userguide/ecr-controls.html#ecr-5
#     description: Security Hub control ECR.5
# custom:
#   id: kms-key
#   severity: medium
#   scope: repository
#   needs: []
#   why: >-
#     The policy of a customer managed key decides who can read the layers, whatever the repository's policy says, and
#     the key can be disabled. Neither can be done with AES256 or with the key that AWS manages.
#   remediation: >-
#     Create a repository with a customer managed key, copy the images with their tags into it, move policies and
#     deployments over, and only then delete the old one. List accepted keys under encryption.kms_keys in
#     ecraudit.yaml.
#   enabled: false
#   frameworks:
#     prowler: [ecr_repository_encrypted_with_cmk]
#     aws-config: [ecr-repository-cmk-encryption-enabled]
#     security-hub: [ECR.5]
#     nist-800-53: [SC-12, SC-13, SC-28]
package ecraudit.rules.kms_key

deny contains {"message": message} if {
	some flaw in flaws
	message := sprintf("%s; that cannot be changed in place: copy the images to a new repository", [flaw])
}

unknown contains {"message": message} if {
	not encryption.type in {"AES256", "KMS", "KMS_DSSE"}
	message := sprintf("cannot tell whose key it is: the encryption %q is not known", [encryption.type])
}

unknown contains {"message": message} if {
	with_kms
	not is_key_arn
	not aws_managed
	message := sprintf("cannot tell whose key it is: %q is not the ARN of a key", [key])
}

unknown contains {"message": message} if {
	with_kms
	is_key_arn
	accepted == []
	owner == input.registry.account
	message := concat("", [
		sprintf("cannot tell whether %s is a customer managed key: AWS's answer does not ", [key]),
		"tell it from the AWS managed key aws/ecr; list it under encryption.kms_keys of the configuration if it is one",
	])
}

flaws contains "the encryption is AES256, which has no key of the customer's" if encryption.type == "AES256"

flaws contains "the key is aws/ecr, which AWS manages" if aws_managed

flaws contains sprintf("the key %s is none of those that encryption.kms_keys lists", [key]) if {
	with_kms
	is_key_arn
	accepted[0]
	not key in accepted
}

encryption := input.repository.encryption

with_kms if encryption.type in {"KMS", "KMS_DSSE"}

aws_managed if {
	with_kms
	endswith(key, ":alias/aws/ecr")
}

default key := ""

key := encryption.kms_key

is_key_arn if regex.match(`^arn:[a-z-]+:kms:[^:]+:[0-9]{12}:key/.`, key)

owner := split(key, ":")[4]

accepted := input.config.encryption.kms_keys
