# METADATA
# title: Only approved upstream registries are cached
# description: >-
#   Looks at the address of the upstream registry in each pull-through cache rule, and whether
#   pull_through_cache.upstreams in ecraudit.yaml lists it. An empty list, which is the default, allows any.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache.html
#     description: Pull-through cache
# custom:
#   id: pull-through-cache-upstream
#   severity: medium
#   scope: registry
#   needs: [pull-through-cache]
#   why: >-
#     A pull-through cache makes any image of a foreign registry look like one of the organization's own, to people
#     and to admission controls that allow its registry. Which sources that may be is a decision, not an accident.
#   remediation: >-
#     Delete the pull-through cache rule, after deployments no longer use its prefix, or add the address to
#     pull_through_cache.upstreams in ecraudit.yaml.
#   frameworks:
#     cis-eks-1.5: [5.1.4]
#     nist-800-53: [CM-7, SR-3]
#     nist-800-190: [4.1.5]
package ecraudit.rules.pull_through_cache_upstream

deny contains {"message": message, "key": rule.prefix} if {
	some rule in judged
	host := address(rule)
	host != ""
	not allowed(host)
	message := sprintf("the pull-through cache rule %s caches %s, which is not on the list of upstream registries", [
		rule.prefix,
		host,
	])
}

unknown contains {"message": message, "key": rule.prefix} if {
	some rule in judged
	address(rule) == ""
	message := sprintf("cannot tell what the pull-through cache rule %s caches: it has no address", [rule.prefix])
}

judged contains rule if {
	count(input.config.pull_through_cache.upstreams) > 0
	some rule in input.registry.pull_through_cache
}

address(rule) := trim_suffix(regex.replace(lower(rule.upstream_url), `^https?://`, ""), "/")

allowed(host) if {
	some pattern in input.config.pull_through_cache.upstreams
	glob.match(pattern, null, host)
}
