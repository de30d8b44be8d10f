# METADATA
# title: Pushed images are scanned
# description: >-
#   Looks at the scan frequency that AWS reports for the repository, which the registry's scanning configuration
#   decides. The flag of the repository may be on while nothing is scanned, or off while everything is, so it does not
#   count.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning.html
#     description: Image scanning
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchGetRepositoryScanningConfiguration.html
#     description: The scanning configuration that holds for a repository
#   - ref: https://docs.aws.amazon.com/securityhub/latest/userguide/ecr-controls.html#ecr-1
#     description: Security Hub control ECR.1
# custom:
#   id: scan-on-push
#   severity: high
#   scope: repository
#   needs: [scanning]
#   uses: [registry-scanning]
#   why: >-
#     An image that is scanned when it is pushed shows its known vulnerabilities before it runs anywhere. Without
#     that, they are found when somebody thinks of looking.
#   remediation: >-
#     Add a rule to the registry's scanning configuration whose filter matches the repository, with the frequency
#     SCAN_ON_PUSH, or CONTINUOUS_SCAN where scanning is enhanced.
#   frameworks:
#     aws-config: [ecr-private-image-scanning-enabled]
#     cis-eks-1.5: [5.1.1]
#     security-hub: [ECR.1]
#     prowler: [ecr_repositories_scan_images_on_push_enabled, ecr_registry_scan_images_on_push_enabled]
#     nist-800-53: [RA-5]
#     nist-800-190: [4.1.1]
#     pci-dss-4.0: [6.3.1]
package ecraudit.rules.scan_on_push

deny contains finding if {
	unprotected
	input.repository.scanning.frequency == "MANUAL"
	finding := {
		"message": sprintf("pushed images are not scanned, only on demand%s%s", [scanner, contradiction]),
		"fix": {"action": "set_scanning", "scan_on_push": true},
	}
}

unknown contains {"message": message} if {
	unprotected
	not frequency in {"MANUAL", "SCAN_ON_PUSH", "CONTINUOUS_SCAN"}
	message := sprintf("cannot tell whether pushed images are scanned: AWS gives %q as scan frequency", [frequency])
}

unprotected if {
	input.config.scan_on_push
	not input.repository.scanning.scan_on_push
}

default frequency := ""

frequency := input.repository.scanning.frequency

default scanner := ""

scanner := sprintf("; the registry's scanning is %s", [input.registry.scanning.type])

default contradiction := ""

contradiction := "; the repository's own scan-on-push flag is on, but the registry's configuration decides" if {
	input.repository.scan_on_push
}
