package ecraudit.rules.encryption_test

import data.ecraudit.lib.expect_test as expect
import data.ecraudit.rules.encryption as rule

test_cases[case.note] if {
	some case in cases
	denied := rule.deny with input as case.input
	undecided := rule.unknown with input as case.input
	expect.same(case, denied, undecided)
}

cases := [
	{
		"note": "the default is enough",
		"input": encrypted("AES256", "", "AES256", []),
	},
	{
		"note": "more than is demanded",
		"input": encrypted("KMS_DSSE", own_key, "KMS", []),
	},
	{
		"note": "one of the demanded keys",
		"input": encrypted("KMS", own_key, "KMS", [other_key, own_key]),
	},
	{
		"note": "weaker than demanded",
		"input": encrypted("AES256", "", "KMS", []),
		"deny": [sprintf("the encryption is AES256, and KMS is demanded%s", [advice])],
		"findings": [{"message": sprintf("the encryption is AES256, and KMS is demanded%s", [advice])}],
	},
	{
		"note": "one layer where two are demanded",
		"input": encrypted("KMS", own_key, "KMS_DSSE", []),
		"deny": [sprintf("the encryption is KMS, and KMS_DSSE is demanded%s", [advice])],
	},
	{
		"note": "a list of keys demands a key, whatever the type says",
		"input": encrypted("AES256", "", "AES256", [own_key]),
		"deny": [sprintf("the encryption is AES256, and KMS is demanded%s", [advice])],
	},
	{
		"note": "another key",
		"input": encrypted("KMS", other_key, "KMS", [own_key]),
		"deny": [sprintf("the key is %s, which is none of those demanded%s", [other_key, advice])],
	},
	{
		"note": "weaker, and with another key, is one finding",
		"input": encrypted("KMS", other_key, "KMS_DSSE", [own_key]),
		"deny": [sprintf("the encryption is KMS, and KMS_DSSE is demanded%s", [advice])],
	},
	{
		"note": "a creation template makes more like it",
		"input": object.union(encrypted("AES256", "", "KMS", []), templated("AES256", "")),
		"deny": [sprintf(
			"the encryption is AES256, and KMS is demanded%s; the creation template team makes more like it",
			[advice],
		)],
	},
	{
		"note": "the creation template has been mended",
		"input": object.union(encrypted("AES256", "", "KMS", []), templated("KMS", own_key)),
		"deny": [sprintf("the encryption is AES256, and KMS is demanded%s", [advice])],
	},
	{
		"note": "an encryption that is not known",
		"input": encrypted("QUANTUM", "", "AES256", []),
		"unknown": [`cannot tell whether the encryption is strong enough: "QUANTUM" is not known`],
	},
	{
		"note": "nothing is said of the encryption",
		"input": {"config": {"encryption": {"type": "AES256", "kms_keys": []}}, "repository": {"name": "team/api"}},
		"unknown": [`cannot tell whether the encryption is strong enough: "" is not known`],
	},
	{
		"note": "an alias could be that of a demanded key",
		"input": encrypted("KMS", "arn:aws:kms:eu-west-1:111122223333:alias/ecr", "KMS", [own_key]),
		"unknown": [concat("", [
			"cannot tell whether the key is one of those demanded: ",
			`"arn:aws:kms:eu-west-1:111122223333:alias/ecr" is not the ARN of a key`,
		])],
	},
	{
		"note": "AWS does not say which key",
		"input": encrypted("KMS", "", "KMS", [own_key]),
		"unknown": [`cannot tell whether the key is one of those demanded: "" is not the ARN of a key`],
	},
]

advice := "; that cannot be changed in place: copy the images to a new repository"

own_key := "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

other_key := "arn:aws:kms:eu-west-1:111122223333:key/99999999-12ab-34cd-56ef-1234567890ab"

encrypted(type, key, demanded, keys) := {
	"config": {"encryption": {"type": demanded, "kms_keys": keys}},
	"registry": {"creation_templates": []},
	"repository": {
		"name": "team/api",
		"cached": false,
		"template": "",
		"encryption": {"type": type, "kms_key": key},
	},
}

templated(type, key) := {
	"registry": {"creation_templates": [{
		"prefix": "team",
		"applied_for": ["REPLICATION"],
		"encryption": {"type": type, "kms_key": key},
	}]},
	"repository": {"template": "team"},
}
