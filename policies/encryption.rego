# METADATA
# title: Repositories are encrypted as demanded
# description: >-
#   Compares the encryption of the repository with the type and the keys under encryption in ecraudit.yaml, of which
#   AES256 is the weakest and KMS_DSSE the strongest. It is unknown where AWS does not say which key is used.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/encryption-at-rest.html
#     description: Encryption at rest
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-creation-templates.html
#     description: Repository creation templates
# custom:
#   id: encryption
#   severity: medium
#   scope: repository
#   needs: []
#   uses: [creation-templates, pull-through-cache]
#   why: >-
#     A KMS key of one's own decides who can read the layers, leaves a trail of each use and can be revoked.
#     Encryption is fixed when a repository is created, so the wrong one is cheapest to mend early.
#   remediation: >-
#     Create a repository with the demanded encryption, copy the images with their tags into it, move policies and
#     deployments over, and only then delete the old one. Correct the creation template first, if one made it.
#   frameworks:
#     nist-800-53: [SC-13, SC-28]
package ecraudit.rules.encryption

import data.ecraudit.lib.encryption
import data.ecraudit.lib.templates

deny contains {"message": message} if {
	some flaw in encryption.flaws(stated, input.config.encryption)
	message := sprintf("%s; that cannot be changed in place: copy the images to a new repository%s", [flaw, origin])
}

unknown contains {"message": doubt} if {
	some doubt in encryption.doubts(stated, input.config.encryption)
}

default stated := {}

stated := input.repository.encryption

default origin := ""

origin := sprintf("; the creation template %s makes more like it", [template.prefix]) if {
	template := templates.behind(input.repository, input.registry)
	count(encryption.flaws(template.encryption, input.config.encryption)) > 0
}
