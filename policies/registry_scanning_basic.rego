# METADATA
# title: Registries use enhanced scanning
# description: >-
#   Looks at the scanner that the registry's scanning configuration names. Off by default, because basic scanning may be
#   enough and is free, while Amazon Inspector charges for enhanced scanning by image; turn it on under rules in
#   ecraudit.yaml. It costs no calls.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning.html
#     description: Basic and enhanced scanning
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning-enhanced.html
#     description: Enhanced scanning
# custom:
#   id: registry-scanning-basic
#   severity: low
#   scope: registry
#   needs: [registry-scanning]
#   enabled: false
#   why: >-
#     Basic scanning knows packages of operating systems only, and tells how things stood when an image was scanned.
#     Enhanced scanning also knows packages of programming languages, and looks again when new vulnerabilities become
#     known.
#   remediation: >-
#     Set the scan type of the registry's scanning configuration to ENHANCED, with rules for the repositories that
#     matter. Earlier results of basic scanning are not there any more after that.
#   frameworks:
#     prowler: [ecr_registry_enhanced_scanning_enabled]
#     nist-800-53: [RA-5]
#     nist-800-190: [4.1.1]
package ecraudit.rules.registry_scanning_basic

deny contains {"message": message} if {
	scanner == "BASIC"
	message := concat("", [
		"scanning is basic: packages of programming languages are not looked at, ",
		"and images are not scanned again when new vulnerabilities become known",
	])
}

unknown contains {"message": message} if {
	not scanner in {"BASIC", "ENHANCED"}
	message := sprintf("cannot tell how images are scanned: AWS gives %q as scan type", [scanner])
}

default scanner := ""

scanner := input.registry.scanning.type
