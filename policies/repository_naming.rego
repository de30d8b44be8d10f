# METADATA
# title: Repositories are named by the convention
# description: >-
#   Compares the name of each repository with the pattern repository_names of the configuration, which demands nothing
#   until it is set. A pull-through cache is exempt, because its rule and upstream name its repositories.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-create.html
#     description: Creating a repository, and what its name may be
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache.html
#     description: Pull-through cache
# custom:
#   id: repository-naming
#   severity: low
#   scope: repository
#   needs: []
#   uses: [pull-through-cache]
#   why: >-
#     Permissions, replication, scanning and creation templates select repositories by their names. A repository
#     outside of the convention gets none of them, or those of another team.
#   remediation: >-
#     Create a repository with a name that follows the convention, copy the images with their tags into it, move
#     deployments over, and then delete the old one: names cannot be changed. The pattern stands under
#     repository_names in ecraudit.yaml.
#   frameworks:
#     nist-800-53: [CM-2]
package ecraudit.rules.repository_naming

deny contains {"message": stray} if input.repository.cached == false

unknown contains {"message": message} if {
	not cached_known
	message := sprintf("%s, which is right only in a pull-through cache; its rules could not be read", [stray])
}

stray := sprintf("the name %s does not follow the convention %s", [name, pattern]) if {
	pattern != ""
	not regex.match(pattern, name)
}

pattern := input.config.repository_names

name := input.repository.name

cached_known if is_boolean(input.repository.cached)
