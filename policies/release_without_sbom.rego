# METADATA
# title: Releases have an SBOM
# description: >-
#   Looks for SBOMs that lie beside a release in its repository; an index has one if it is of the index itself or if
#   each of its images has one, a pull-through cache is exempt, and where there are only attestations an SBOM may be
#   in one, so that the answer is unknown. It is off by default, because many keep SBOMs elsewhere: turn it on with
#   release-without-sbom: on under rules in ecraudit.yaml, which costs one call for each 100 image indexes.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ListImageReferrers.html
#     description: Referrers of an image, SBOMs among them
#   - ref: https://docs.aws.amazon.com/inspector/latest/user/sbom-export.html
#     description: Exporting SBOMs with Amazon Inspector
# custom:
#   id: release-without-sbom
#   severity: low
#   scope: image
#   needs: [images, image-graph]
#   uses: [pull-through-cache]
#   why: >-
#     When a vulnerability becomes known, an SBOM answers which releases contain the component, without pulling any.
#     It also tells those who run the image what they run.
#   remediation: >-
#     Make an SBOM in the build and push it as a referrer of the image, in SPDX or CycloneDX, for instance with syft
#     and oras. Do so for each image of an index.
#   enabled: false
#   frameworks:
#     nist-800-53: [CM-8, SR-4]
#     pci-dss-4.0: [6.3.2]
package ecraudit.rules.release_without_sbom

import data.ecraudit.lib.releases

deny contains finding if {
	input.repository.cached == false
	some finding in lacking
}

unknown contains {"message": message} if {
	not cached_known
	count(lacking) > 0
	message := concat(" ", [
		"some releases have no SBOM, which counts only outside of a pull-through cache;",
		"its rules could not be read",
	])
}

unknown contains finding if {
	not input.repository.cached
	some image in input.images
	image.sboms == []
	attested(image)
	some release in releases.decided_by(image, input.config.release_tags)
	finding := object.union(release, only_attestations)
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
		"message": sprintf("cannot tell whether the release has an SBOM: %s", [reason]),
	}
}

lacking contains finding if {
	some image in input.images
	image.sboms == []
	image.attestations == []
	some release in releases.decided_by(image, input.config.release_tags)
	not attested(image)
	finding := object.union(release, {"message": message(image, release)})
}

attested(image) if image.attestations[0]

attested(image) if {
	some child in image.children
	child.attestation
}

# The key keeps this apart from what another image of the same index lacks surely.
only_attestations := {
	"key": "attestations",
	"message": "cannot tell whether the release has an SBOM: it has attestations only, and an SBOM may be in one",
}

message(image, release) := "the release has no SBOM" if {
	release.digest == image.digest
	image.release_tags[0]
} else := "there is an SBOM neither of the release as a whole nor of each of its images"

undecided(image) := "what lies beside it is not known" if {
	not known(image)
} else := "there is none of it as a whole, and its manifest was not read" if {
	image.sboms == []
	image.attestations == []
	releases.unread(image)
}

known(image) if {
	is_array(image.sboms)
	is_array(image.attestations)
}

cached_known if is_boolean(input.repository.cached)
