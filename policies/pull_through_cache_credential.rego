# METADATA
# title: Pull-through cache rules have the credentials that they need
# description: >-
#   Looks at pull-through cache rules whose upstream registry asks for a login: that there is a secret, in the account
#   and region of the rule and under a name that begins with ecr-pullthroughcache/, or a role for a registry of
#   another account. What the secret holds is not looked at.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-creating-rule.html
#     description: What a rule and its secret must look like
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-private.html
#     description: Roles for upstream registries of other accounts
# custom:
#   id: pull-through-cache-credential
#   severity: medium
#   scope: registry
#   needs: [pull-through-cache]
#   why: >-
#     Without credentials that ECR can read, nothing new is cached: pulls of images that are not there yet fail, and
#     those that are there grow old. That shows when a node needs an image, not when the rule is made.
#   remediation: >-
#     Store the credentials in AWS Secrets Manager, in the account and region of the rule and under a name that begins
#     with ecr-pullthroughcache/, and give the rule that secret. Give a rule for a private registry of another account
#     a role instead.
package ecraudit.rules.pull_through_cache_credential

deny contains {"message": message, "key": rule.prefix} if {
	some rule in input.registry.pull_through_cache
	wrong := flaws(rule)
	count(wrong) > 0
	message := sprintf("the pull-through cache rule %s for %s %s", [rule.prefix, place(rule), concat(", and ", wrong)])
}

unknown contains {"message": message, "key": rule.prefix} if {
	some rule in input.registry.pull_through_cache
	rule.credential_arn == ""
	rule.custom_role_arn == ""
	not kind(rule) in known
	message := sprintf("cannot tell whether the pull-through cache rule %s needs credentials: %q is not known", [
		rule.prefix,
		place(rule),
	])
}

unknown contains {"message": message, "key": rule.prefix} if {
	some rule in input.registry.pull_through_cache
	rule.credential_arn != ""
	not is_secret(rule.credential_arn)
	message := sprintf("cannot tell whether the pull-through cache rule %s can log in: %q is no secret's ARN", [
		rule.prefix,
		rule.credential_arn,
	])
}

unknown contains {"message": message, "key": rule.prefix} if {
	some rule in input.registry.pull_through_cache
	kind(rule) == "ecr"
	not owner(rule)
	message := sprintf("cannot tell whose registry the pull-through cache rule %s caches: %q names no account", [
		rule.prefix,
		rule.upstream_url,
	])
}

# Kinds of upstream registries, as AWS has them.
known := (open_to_all | asking) | {"ecr"}

open_to_all := {"ecr-public", "quay", "k8s"}

asking := {
	"docker-hub",
	"github-container-registry",
	"gitlab-container-registry",
	"azure-container-registry",
	"chainguard",
}

# Rules from before AWS asked for the kind may have only the address.
kind(rule) := rule.upstream if rule.upstream != ""

kind(rule) := kind_of(rule.upstream_url) if rule.upstream == ""

default kind_of(_) := ""

kind_of(address) := name if {
	some suffix, name in kinds
	endswith(address, suffix)
}

kind_of(address) := "ecr" if contains(address, ".dkr.ecr.")

kinds := {
	"public.ecr.aws": "ecr-public",
	"quay.io": "quay",
	"registry.k8s.io": "k8s",
	"registry-1.docker.io": "docker-hub",
	"ghcr.io": "github-container-registry",
	"registry.gitlab.com": "gitlab-container-registry",
	".azurecr.io": "azure-container-registry",
	"cgr.dev": "chainguard",
}

place(rule) := rule.upstream_url if rule.upstream_url != ""

place(rule) := rule.upstream if rule.upstream_url == ""

flaws(rule) := ["has no secret, without which the registry lets nobody in"] if {
	kind(rule) in asking
	rule.credential_arn == ""
}

flaws(rule) := ["has no role, without which the other account lets nobody in"] if {
	kind(rule) == "ecr"
	rule.custom_role_arn == ""
	owner(rule) != input.registry.account
}

flaws(rule) := misplacements(rule.credential_arn) if is_secret(rule.credential_arn)

# owner is the account of a private registry.
owner(rule) := regex.find_n(`^[0-9]{12}`, rule.upstream_url, 1)[0]

is_secret(arn) if regex.match(`^arn:[a-z-]+:secretsmanager:[^:]+:[0-9]{12}:secret:.`, arn)

# arn:aws:secretsmanager:eu-west-1:111122223333:secret:ecr-pullthroughcache/name-Ab1Cd2
misplacements(arn) := [flaw |
	parts := split(arn, ":")
	some flaw in [
		misplaced("region", parts[3], input.registry.region),
		misplaced("account", parts[4], input.registry.account),
		misnamed(concat(":", array.slice(parts, 6, count(parts)))),
	]
	flaw != ""
]

misplaced(what, found, wanted) := sprintf("has a secret of %s %s instead of %s", [what, found, wanted]) if {
	found != wanted
} else := ""

misnamed(name) := "" if {
	startswith(name, "ecr-pullthroughcache/")
} else := sprintf("has the secret %s, whose name does not begin with ecr-pullthroughcache/", [name])
