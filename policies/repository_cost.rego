# METADATA
# title: The storage of a repository costs no more than allowed
# description: >-
#   Compares what the images of a repository cost in a month, by the prices of the configuration, with
#   limits.monthly_cost, which limits nothing until it is set. The cost is an upper bound, because layers that images
#   share are counted for each of them.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
#     description: Lifecycle policies
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/archive_restore_image.html
#     description: Archiving images
# custom:
#   id: repository-cost
#   severity: low
#   scope: repository
#   needs: [images]
#   uses: [lifecycle]
#   why: >-
#     Storage grows with each build and shrinks only when somebody sees to it. One forgotten pipeline can cost more
#     than all the images that run.
#   remediation: >-
#     Expire what is not used with a lifecycle policy, or archive it, and look at its preview first. The limit stands
#     under limits.monthly_cost in ecraudit.yaml, and the prices under prices.
package ecraudit.rules.repository_cost

import data.ecraudit.lib.amounts

deny contains {"message": message} if {
	limit > 0
	cost.monthly > limit
	message := sprintf("storage costs up to %s a month, and %s are allowed%s%s", [
		money(cost.monthly),
		money(limit),
		unused,
		freed,
	])
}

unknown contains {"message": message} if {
	limit > 0
	not cost.monthly
	message := "cannot tell what the storage costs: no price of it is known"
}

limit := input.config.limits.monthly_cost

cost := input.repository.cost

default unused := ""

unused := sprintf("; %s of that is not used", [money(cost.unused_monthly)]) if cost.unused_monthly > 0

default freed := ""

freed := sprintf("; the lifecycle policy frees %s of it now", [money(cost.freed_monthly)]) if cost.freed_monthly > 0

money(amount) := amounts.money(amount, input.config.prices.currency)
