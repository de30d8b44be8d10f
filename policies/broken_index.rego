# METADATA
# title: Every image that an index refers to can be pulled
# description: >-
#   Looks at the images that an index refers to, for each platform, and asks whether they are in the repository and
#   not archived; what is attested about them does not count, nor does an index that is archived itself. A
#   pull-through cache is exempt, because it holds only the platforms that were pulled.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/docker-push-multi-architecture-image.html
#     description: Images for several architectures
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/archive_restore_image.html
#     description: Archived images
# custom:
#   id: broken-index
#   severity: medium
#   scope: image
#   images: indexes
#   needs: [images, image-graph]
#   uses: [pull-through-cache]
#   why: >-
#     The tag is there and works for those whose platform is whole, so nobody notices. On the other platforms the pull
#     fails, when a node is replaced or the first machine of that kind is started.
#   remediation: >-
#     Restore the archived images, or push the missing ones again by the same digest: build and push the release once
#     more, under a new tag where tags are immutable. Keep lifecycle rules from archiving images of an index.
#   frameworks:
#     nist-800-53: [SI-7]
package ecraudit.rules.broken_index

deny contains finding if {
	input.repository.cached == false
	some finding in broken
}

unknown contains {"message": message} if {
	not cached_known
	count(broken) > 0
	message := concat(" ", [
		"some indexes refer to images that cannot be pulled, which is right only in a pull-through cache;",
		"its rules could not be read",
	])
}

unknown contains finding if {
	not input.repository.cached
	some image in input.images
	image.kind == "index"
	not image.children
	not image.status == "ARCHIVED"
	finding := object.union(tagged(image), {"message": "cannot tell what the index refers to: its manifest was not read"})
}

broken contains finding if {
	some image in input.images
	image.kind == "index"
	not image.status == "ARCHIVED"
	missing := [child | some child in image.children; child.present == false; not child.attestation]
	archived := [child | some child in image.children; child.status == "ARCHIVED"; not child.attestation]
	count(missing) + count(archived) > 0
	flaws := array.concat(
		[sprintf("%s is not in the repository", [named(child)]) | some child in missing],
		[sprintf("%s is archived", [named(child)]) | some child in archived],
	)
	finding := object.union(
		tagged(image),
		{"message": sprintf("the index cannot be pulled for every platform: %s", [concat(", ", flaws)])},
	)
}

named(child) := sprintf("%s for %s", [child.digest, child.platform]) if {
	child.platform != ""
} else := child.digest

tagged(image) := {"digest": image.digest, "tag": min(image.tags)} if {
	image.tags[0]
} else := {"digest": image.digest}

cached_known if is_boolean(input.repository.cached)
