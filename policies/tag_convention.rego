# METADATA
# title: Tags follow the convention
# description: >-
#   Matches every tag of container images with tag_pattern in ecraudit.yaml; an empty pattern, which is the default,
#   demands nothing. Tags of pull-through caches and those that signing tools set are left out.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html
#     description: Image tag mutability
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
#     description: Lifecycle policies, which select images by tag
# custom:
#   id: tag-convention
#   severity: low
#   scope: image
#   needs: [images]
#   uses: [pull-through-cache]
#   why: >-
#     Tags that follow one convention tell people and tools what an image is: a release, a branch, a commit. A tag
#     outside of it is matched by no lifecycle rule, no immutability filter and no deployment.
#   remediation: >-
#     Give the image a tag that follows the convention and remove the other one. Mend the pipeline that pushed it, or
#     tag_pattern in ecraudit.yaml if the tag is meant.
#   frameworks:
#     nist-800-53: [CM-2]
package ecraudit.rules.tag_convention

deny contains finding if {
	input.repository.cached == false
	some stray in strays
	finding := {
		"digest": stray.digest,
		"tag": stray.tag,
		"message": sprintf("the tag %s does not follow the convention %s", [stray.tag, input.config.tag_pattern]),
		"fix": {"action": "untag_image", "digest": stray.digest, "tag": stray.tag},
	}
}

# Upstream names the tags of a pull-through cache. That it is none must be known.
unknown contains {"message": message} if {
	not cached_known
	count(strays) > 0
	message := concat(" ", [
		"some tags do not follow the convention, which is right only in a pull-through cache;",
		"its rules could not be read",
	])
}

cached_known if is_boolean(input.repository.cached)

strays contains {"digest": image.digest, "tag": tag} if {
	input.config.tag_pattern != ""
	some image in input.images
	image.kind in {"image", "index"}
	some tag in image.tags
	not regex.match(input.config.tag_pattern, tag)
	not named_by_tools(tag)
}

# Signatures, attestations and SBOMs are found by their tags, as is the index of
# an image's referrers where the registry has no API for them.
named_by_tools(tag) if regex.match(`^sha256-[0-9a-f]{64}(\.(sig|att|sbom))?$`, tag)

named_by_tools(tag) if startswith(tag, "ecraudit-quarantine-")
