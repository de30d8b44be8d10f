# METADATA
# title: Images are no larger than allowed
# description: >-
#   Compares the compressed size of each container image with limits.image_bytes of the configuration, which limits
#   nothing until it is set. The images of an index are judged one by one and the index is not, because AWS gives as
#   its size that of the largest.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageDetail.html
#     description: The size of an image
# custom:
#   id: image-oversized
#   severity: low
#   scope: image
#   needs: [images]
#   why: >-
#     A large image is slow to pull just when a node has to be replaced, and costs storage and transfer every time.
#     What makes it large is mostly what it does not need: build tools, caches, data.
#   remediation: >-
#     Build in stages and copy only what runs into the last one, on a small base image. The limit stands under
#     limits.image_bytes in ecraudit.yaml.
package ecraudit.rules.image_oversized

import data.ecraudit.lib.amounts

deny contains finding if {
	limit > 0
	some image in input.images
	image.size_bytes > limit
	image.kind == "image"
	finding := object.union(tagged(image), {
		"digest": image.digest,
		"message": sprintf("the image%s has %s, and %s are allowed", [
			origin(image),
			amounts.size(image.size_bytes),
			amounts.size(limit),
		]),
	})
}

limit := input.config.limits.image_bytes

tagged(image) := {"tag": min(image.tags)} if {
	image.tags[0]
} else := {}

origin(image) := sprintf(" in the index %s", [min(image.inherited_tags)]) if {
	not image.tags[0]
	image.inherited_tags[0]
} else := ""
