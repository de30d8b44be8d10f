# METADATA
# title: AWS services act only for those whom the policy names
# description: >-
#   Looks at the access that AWS services have by the repository policy. It fails where no condition on
#   aws:SourceAccount, aws:SourceArn, aws:SourceOrgID or aws:SourceOrgPaths pins for whom the service acts; whether
#   those who are pinned should have access is left to access-outside-organization.
# related_resources:
#   - ref: https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
#     description: The confused deputy problem
#   - ref: https://docs.aws.amazon.com/lambda/latest/dg/images-create.html
#     description: The statement that AWS Lambda needs for images
# custom:
#   id: confused-deputy
#   severity: high
#   scope: repository
#   needs: [policy]
#   uses: [registry-policy, account-settings]
#   why: >-
#     A service acts for every customer of AWS. Where nothing says for whom it may act here, a stranger can have it pull
#     images that the stranger could not pull alone.
#   remediation: >-
#     Add a condition with aws:SourceAccount, aws:SourceArn or aws:SourceOrgID to the statement. AWS Lambda gives both
#     the first and the second; leave its statement LambdaECRImageRetrievalPolicy in place, or functions fail.
#   frameworks:
#     nist-800-53: [AC-3, AC-4]
#     nist-800-190: [4.2.3]
package ecraudit.rules.confused_deputy

import data.ecraudit.lib.access

deny contains finding if {
	some grant in unpinned
	grant.exposure in {"outside", "public"}
	finding := {
		"message": sprintf("%s, whoever it acts for", [access.describe(grant)]),
		"key": access.key(grant),
	}
}

unknown contains finding if {
	some grant in unpinned
	grant.exposure == "unknown"
	finding := {
		"message": access.suspect(grant, sprintf("%s on behalf of a stranger", [grant.principal])),
		"key": access.key(grant),
	}
}

unknown contains finding if {
	finding := {"message": access.unread(input.repository), "key": "unread"}
}

# A service that is pinned is "service x for account y". The registry policy is
# shared by all repositories, so registry-policy-open says it once.
unpinned contains grant if {
	some grant in input.repository.access
	grant.kind == "service"
	grant.source == "repository-policy"
	not contains(grant.principal, " for ")
}
