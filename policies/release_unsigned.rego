# METADATA
# title: Releases are signed
# description: >-
#   Looks for signatures that lie beside a release in its repository, as referrers or under the tags that cosign gives
#   them; an index is signed if it is signed itself or all its images are, and a pull-through cache is exempt. It does
#   not verify signatures. It is off by default, because not everyone signs: turn it on with release-unsigned: on
#   under rules in ecraudit.yaml, which costs one call for each 100 image indexes.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/managed-signing.html
#     description: Managed signing
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ListImageReferrers.html
#     description: Referrers of an image, signatures among them
# custom:
#   id: release-unsigned
#   severity: medium
#   scope: image
#   needs: [images, image-graph]
#   uses: [pull-through-cache]
#   why: >-
#     A signature tells whether an image comes from the pipeline that should have built it. Without one, whatever lies
#     behind the tag has to be believed, and admission control has nothing to check.
#   remediation: >-
#     Sign releases where they are built, with a signing configuration of the registry, AWS Signer or cosign, and let
#     the cluster admit only what is signed. Sign the index of a release for several platforms, with its images.
#   enabled: false
#   frameworks:
#     nist-800-53: [CM-14, SI-7]
#     nist-800-190: [4.1.5]
package ecraudit.rules.release_unsigned

import data.ecraudit.lib.releases

deny contains finding if {
	input.repository.cached == false
	some finding in unsigned
}

unknown contains {"message": message} if {
	not cached_known
	count(unsigned) > 0
	message := concat(" ", [
		"some releases are not signed, which counts only outside of a pull-through cache;",
		"its rules could not be read",
	])
}

unknown contains finding if {
	not input.repository.cached
	some image in input.images
	image.release_tags[0]
	image.kind in {"image", "index"}
	reason := undecided(image)
	finding := {
		"digest": image.digest,
		"tag": min(image.release_tags),
		"message": sprintf("cannot tell whether the release is signed: %s", [reason]),
	}
}

unsigned contains finding if {
	some image in input.images
	image.signatures == []
	some release in releases.decided_by(image, input.config.release_tags)
	finding := object.union(release, {"message": message(image, release)})
}

message(image, release) := "the release is not signed" if {
	release.digest == image.digest
	image.release_tags[0]
} else := "the release is signed neither as a whole nor in each of its images"

undecided(image) := "its signatures are not known" if {
	not image.signatures
} else := "it is not signed as a whole, and its manifest was not read" if {
	image.signatures == []
	releases.unread(image)
}

cached_known if is_boolean(input.repository.cached)
