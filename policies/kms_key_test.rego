package ecraudit.rules.kms_key_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.kms_key as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "one of the accepted keys",
		"input": encrypted("KMS", own_key, [other_key, own_key]),
	},
	{
		"note": "a key of another account is a customer's",
		"input": encrypted("KMS_DSSE", other_key, []),
	},
	{
		"note": "AES256, in full",
		"input": encrypted("AES256", "", []),
		"deny": [sprintf("the encryption is AES256, which has no key of the customer's%s", [advice])],
		"findings": [{"message": sprintf("the encryption is AES256, which has no key of the customer's%s", [advice])}],
	},
	{
		"note": "the key that AWS manages, by its name",
		"input": encrypted("KMS", "arn:aws:kms:eu-west-1:111122223333:alias/aws/ecr", []),
		"deny": [sprintf("the key is aws/ecr, which AWS manages%s", [advice])],
	},
	{
		"note": "none of the accepted keys, though a customer's",
		"input": encrypted("KMS", other_key, [own_key]),
		"deny": [sprintf("the key %s is none of those that encryption.kms_keys lists%s", [other_key, advice])],
	},
	{
		"note": "a key of the same account may be aws/ecr",
		"input": encrypted("KMS", own_key, []),
		"unknown": [concat("", [
			sprintf("cannot tell whether %s is a customer managed key: AWS's answer does not ", [own_key]),
			"tell it from the AWS managed key aws/ecr; list it under encryption.kms_keys of the configuration if it is one",
		])],
	},
	{
		"note": "an alias could be that of any key",
		"input": encrypted("KMS", "arn:aws:kms:eu-west-1:111122223333:alias/images", [own_key]),
		"unknown": [concat(" ", [
			`cannot tell whose key it is: "arn:aws:kms:eu-west-1:111122223333:alias/images"`,
			"is not the ARN of a key",
		])],
	},
	{
		"note": "AWS does not say which key",
		"input": encrypted("KMS", "", []),
		"unknown": [`cannot tell whose key it is: "" is not the ARN of a key`],
	},
	{
		"note": "an encryption that is not known",
		"input": encrypted("QUANTUM", own_key, [own_key]),
		"unknown": [`cannot tell whose key it is: the encryption "QUANTUM" is not known`],
	},
]

own_key := "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

other_key := "arn:aws:kms:eu-west-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab"

advice := "; that cannot be changed in place: copy the images to a new repository"

encrypted(type, key, accepted) := {
	"config": {"encryption": {"kms_keys": accepted}},
	"registry": {"account": "111122223333"},
	"repository": {"encryption": {"type": type, "kms_key": key}},
}
