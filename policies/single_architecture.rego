# METADATA
# title: Releases are built for every platform that most releases have
# description: >-
#   Compares the platforms of each release index with those that most release indexes of the repository have; a
#   release that is no index is not compared, and a pull-through cache is exempt. It is off by default, because a
#   platform may be added or given up on purpose: turn it on with single-architecture: on under rules in
#   ecraudit.yaml, which costs one call for each 100 image indexes.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/docker-push-multi-architecture-image.html
#     description: Images for several architectures
# custom:
#   id: single-architecture
#   severity: low
#   scope: image
#   images: indexes
#   needs: [images, image-graph]
#   uses: [pull-through-cache]
#   why: >-
#     Whoever runs a platform takes it for granted that the next release has it too. One that lacks it does not start
#     there, which shows in the middle of a deployment.
#   remediation: >-
#     Build the release for the missing platforms and push an index of all of them, as a new release where tags are
#     immutable. Let the pipeline fail when a platform was not built.
#   enabled: false
#   frameworks:
#     nist-800-53: [CM-2]
package ecraudit.rules.single_architecture

deny contains finding if {
	input.repository.cached == false
	some finding in incomplete
}

unknown contains {"message": message} if {
	not cached_known
	count(incomplete) > 0
	message := concat(" ", [
		"some releases lack platforms, which counts only outside of a pull-through cache;",
		"its rules could not be read",
	])
}

unknown contains finding if {
	not input.repository.cached
	some image in input.images
	image.kind == "index"
	image.release_tags[0]
	not image.platforms
	finding := {
		"digest": image.digest,
		"tag": min(image.release_tags),
		"message": "cannot tell which platforms the release has: its manifest was not read",
	}
}

incomplete contains finding if {
	count(common) > 0
	some image in input.images
	image.kind == "index"
	image.release_tags[0]
	missing := common - {usual(platform) | some platform in image.platforms}
	count(missing) > 0
	is_array(image.platforms)
	finding := {
		"digest": image.digest,
		"tag": min(image.release_tags),
		"message": sprintf("the release lacks %s, which most releases have", [concat(", ", missing)]),
	}
}

common := {name |
	some platform in input.repository.stats.platforms
	name := usual(platform)
	not startswith(name, "unknown")
}

# Some tools write the variant that every image of an architecture has, and some do not.
usual(platform) := trim_suffix(platform, "/v8") if {
	endswith(platform, "/arm64/v8")
} else := trim_suffix(platform, "/v1") if {
	endswith(platform, "/amd64/v1")
} else := platform

cached_known if is_boolean(input.repository.cached)
