# METADATA
# description: Whether encryption is as the configuration demands, of repositories and of templates for them.
package ecraudit.lib.encryption

# flaws is empty for an encryption that is as demanded or cannot be judged.
flaws(encryption, wanted) := {sprintf("the encryption is %s, and %s is demanded", [encryption.type, least])} if {
	least := demanded(wanted)
	strength[encryption.type] < strength[least]
} else := {sprintf("the key is %s, which is none of those demanded", [key(encryption)])} if {
	key_matters(encryption, wanted)
	is_key_arn(key(encryption))
} else := set()

# doubts says why it cannot be judged.
doubts(encryption, wanted) := {sprintf(
	"cannot tell whether the encryption is strong enough: %q is not known",
	[type],
)} if {
	type := object.get(encryption, "type", "")
	not strength[type]
} else := {sprintf("cannot tell whether the key is one of those demanded: %q is not the ARN of a key", [id])} if {
	key_matters(encryption, wanted)
	id := key(encryption)
	not is_key_arn(id)
} else := set()

# strength orders the types of encryption.
strength := {"AES256": 1, "KMS": 2, "KMS_DSSE": 3}

# A list of keys demands KMS, whatever the type says.
demanded(wanted) := "KMS" if {
	wanted.type == "AES256"
	count(wanted.kms_keys) > 0
} else := wanted.type

key(encryption) := object.get(encryption, "kms_key", "")

key_matters(encryption, wanted) if {
	count(wanted.kms_keys) > 0
	strength[encryption.type] >= strength[demanded(wanted)]
	not key(encryption) in wanted.kms_keys
}

is_key_arn(text) if regex.match(`^arn:[a-z-]+:kms:[^:]+:[0-9]{12}:key/.`, text)
