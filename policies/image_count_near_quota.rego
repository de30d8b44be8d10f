# METADATA
# title: Repositories are not close to the quota of images
# description: >-
#   Compares the number of images with the part of the quota that may be used, limits.images_percent of limits.images.
#   The quota counts every manifest: children of indexes, signatures and SBOMs, too.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html
#     description: Service quotas
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
#     description: Lifecycle policies
# custom:
#   id: image-count-near-quota
#   severity: medium
#   scope: repository
#   needs: [images]
#   why: >-
#     A full repository refuses every push, and that happens in the middle of a release as well as at any other time.
#     Raising the quota takes a request to AWS, and time.
#   remediation: >-
#     Let lifecycle rules expire what is not needed, or ask AWS for a higher quota of images per repository and write it
#     under limits in ecraudit.yaml.
package ecraudit.rules.image_count_near_quota

deny contains {"message": message} if {
	quota := input.config.limits.images
	quota > 0
	images := input.repository.stats.images
	images * 100 > quota * percent
	message := sprintf(
		"there are %d images, %d%% of the quota of %d (%d%% allowed)",
		[images, floor((images * 100) / quota), quota, percent],
	)
}

# 0 accepts all of the quota.
default percent := 100

percent := input.config.limits.images_percent if input.config.limits.images_percent > 0
