# METADATA
# description: Releases of several images, for rules on what each of these images must have.
package ecraudit.lib.releases

# decided_by are the releases, by digest and tag, that lack something because
# this image lacks it, itself and of the indexes that refer to it: the release
# that it is, and the release that it is a part of. An index is no such image,
# for it has what all of its images have.
decided_by(image, pattern) := own(image) | whole(image, pattern)

# unread is an index of which nobody knows what its images have.
unread(image) if {
	image.kind == "index"
	image.release_tags[0]
	not image.children
}

own(image) := {{"digest": image.digest, "tag": min(image.release_tags)}} if {
	image.release_tags[0]
	single(image)
} else := set()

single(image) if image.kind == "image"

single(image) if {
	image.kind == "index"
	image.children
	every child in image.children { not is_part(child) }
}

is_part(child) if {
	child.present
	not child.attestation
}

whole(image, pattern) := {{"digest": digest, "tag": min(tags)}} if {
	image.parents[0]
	image.kind in {"image", "index"}
	tags := [tag | some tag in image.inherited_tags; regex.match(pattern, tag)]
	tags[0]
	digest := named(image)
} else := set()

# named is the index. Of several, nobody knows which has the tag.
named(image) := image.parents[0] if count(image.parents) == 1

named(image) := image.digest if {
	count(image.parents) > 1
	not image.release_tags[0]
}
