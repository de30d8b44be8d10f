# METADATA
# title: Repositories are used
# description: >-
#   Looks for repositories with images of which none was pushed or pulled within ages.unused_days; a push by
#   replication counts. AWS records a pull within a day, but not what runs from an image that was pulled long ago.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageDetail.html
#     description: When an image was pushed and last pulled
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/archive_restore_image.html
#     description: Archiving images
# custom:
#   id: repository-unused
#   severity: low
#   scope: repository
#   needs: [images]
#   why: >-
#     What nobody uses is paid for, is patched by nobody, and can still be deployed with all its vulnerabilities. It
#     is also where a push would be noticed last.
#   remediation: >-
#     Make sure that nothing long-lived still runs from these images, such as a Lambda function or an instance. Then
#     archive them, or delete the repository where it was created.
#   frameworks:
#     nist-800-190: [4.2.2]
package ecraudit.rules.repository_unused

import data.ecraudit.lib.amounts

deny contains {"message": message} if {
	input.repository.stats.last_pushed_at < limit
	not pulled_lately
	message := sprintf("no image was pushed for %d days or %s; there are %d of them%s", [
		amounts.days(input.now, input.repository.stats.last_pushed_at),
		pulled,
		input.repository.stats.images,
		cost,
	])
}

unknown contains {"message": message} if {
	input.repository.stats.images > 0
	not input.repository.stats.last_pushed_at
	not pulled_lately
	message := sprintf("no image was %s, and it is not known when one was last pushed", [pulled])
}

pulled_lately if input.repository.stats.last_pulled_at >= limit

limit := amounts.before(input.now, input.config.ages.unused_days)

default pulled := "ever recorded as pulled"

pulled := sprintf("pulled for %d days", [amounts.days(input.now, input.repository.stats.last_pulled_at)])

default cost := ""

cost := sprintf(", which cost up to %s a month", [price]) if {
	input.repository.cost.monthly > 0
	price := amounts.money(input.repository.cost.monthly, input.config.prices.currency)
}
