# METADATA
# title: No repository stays empty
# description: >-
#   Looks for repositories without a single image that were created longer ago than ages.empty_days. A pull-through
#   cache is exempt, because it fills again with the next pull; since when a repository has been empty AWS does not
#   say.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-delete.html
#     description: Deleting a repository
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-creation-templates.html
#     description: Repository creation templates, which make a repository with its first push
# custom:
#   id: repository-empty
#   severity: info
#   scope: repository
#   needs: [images]
#   uses: [pull-through-cache]
#   why: >-
#     An empty repository is left over from an attempt, a move or a service that is gone. Its policy and its name go
#     on to let somebody push where nobody looks.
#   remediation: >-
#     Delete the repository where it was created, in its stack or module, or fill it. One that replication fills needs
#     images at its source; one that waits for its first push can be left to a creation template.
package ecraudit.rules.repository_empty

import data.ecraudit.lib.amounts

deny contains {"message": message} if {
	input.repository.cached == false
	old
	age := amounts.days(input.now, input.repository.created_at)
	message := sprintf("there is no image, and the repository was created %d days ago", [age])
}

unknown contains {"message": message} if {
	old
	not cached_known
	message := "there is no image, which is right only in a pull-through cache; its rules could not be read"
}

unknown contains {"message": message} if {
	empty
	not input.repository.cached
	not input.repository.created_at
	message := "there is no image, and it is not known when the repository was created"
}

old if {
	empty
	input.repository.created_at < amounts.before(input.now, input.config.ages.empty_days)
}

empty if input.repository.stats.images == 0

cached_known if is_boolean(input.repository.cached)
