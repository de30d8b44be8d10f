# METADATA
# description: What is known of the scan of an image, shared by the rules on scans and vulnerabilities.
package ecraudit.lib.scans

# judged are the container images of which a rule speaks. The images of an
# index are judged through the index, unless one has a release tag of its own.
judged(image) if {
	image.kind in {"image", "index"}
	stands_alone(image)
}

stands_alone(image) if image.release_tags[0]

stands_alone(image) if not image.parents[0]

# never is an image that could have been scanned and was not.
never(image) if {
	image.vulnerabilities.scan == "not scanned"
	image.status == "ACTIVE"
}

failed(image) if image.vulnerabilities.scan in {"failed", "unsupported"}

# expired is an image that is too old for the scanner. One in the archive is not:
# it cannot be pulled either.
expired(image) if {
	image.vulnerabilities.scan == "expired"
	not image.vulnerabilities.status == "IMAGE_ARCHIVED"
	image.status == "ACTIVE"
}

# excess is what surely is over the limits. What some images of an index have it
# has at the least, whatever is not known of the others.
excess(image, limits) := over if {
	sure(image)
	over := [text |
		some severity in ["critical", "high", "medium", "low", "informational", "undefined", "untriaged"]
		found := image.vulnerabilities[severity]
		found > limits[severity]
		text := sprintf("%d %s (%d allowed)", [found, severity, limits[severity]])
	]
	count(over) > 0
}

sure(image) if image.vulnerabilities.state == "scanned"

sure(image) if image.kind == "index"

# reason says why vulnerabilities are not known.
reason(image) := image.vulnerabilities.reason

reason(image) := "nothing was asked about it" if not image.vulnerabilities

# place is where a finding on an image belongs.
place(image) := {"digest": image.digest, "tag": min(image.release_tags)} if image.release_tags[0]

place(image) := {"digest": image.digest} if not image.release_tags[0]

subject(image) := "the release" if image.release_tags[0]

subject(image) := "the image" if not image.release_tags[0]

# again is the fix that scans an image. Only basic scanning can be started by
# hand, and only of images in standard storage.
again(image, registry) := {"fix": {"action": "start_scan", "digest": image.digest}} if {
	image.status == "ACTIVE"
	registry.scanning.type == "BASIC"
} else := {}
