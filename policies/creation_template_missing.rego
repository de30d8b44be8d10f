# METADATA
# title: A creation template applies to every repository that ECR creates
# description: >-
#   Looks at the prefix of each pull-through cache rule, and at the repositories that the registry policy lets others
#   replicate into the registry, and whether a creation template for that purpose applies to their names. Replication
#   between regions of one account needs no policy and is not seen here.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-creation-templates.html
#     description: Repository creation templates
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry-permissions.html
#     description: Private registry permissions
# custom:
#   id: creation-template-missing
#   severity: low
#   scope: registry
#   needs: [pull-through-cache, creation-templates]
#   uses: [registry-policy, account-settings]
#   why: >-
#     A repository that ECR creates without a template has ECR's defaults: no lifecycle policy, no resource tags, tags
#     that can be moved, no key of one's own. Encryption cannot be changed afterwards, and the rest has to be mended
#     one by one.
#   remediation: >-
#     Create a repository creation template for the prefix, or one with the prefix ROOT for all that have none, and
#     apply it to PULL_THROUGH_CACHE and REPLICATION as needed.
#   frameworks:
#     nist-800-53: [CM-2, CM-6]
package ecraudit.rules.creation_template_missing

import data.ecraudit.lib.access

deny contains finding if {
	some rule in input.registry.pull_through_cache
	applicable(beginning(rule), "PULL_THROUGH_CACHE") == "no"
	finding := {
		"message": sprintf("no creation template applies to what the pull-through cache rule %s creates", [rule.prefix]),
		"key": sprintf("pull-through-cache|%s", [rule.prefix]),
	}
}

deny contains finding if {
	some grant in replicating
	uncovered := [start | some start in starts(grant); applicable(start, "REPLICATION") == "no"]
	count(uncovered) > 0
	finding := {
		"message": sprintf("%s can replicate new repositories into the registry, and no creation template applies to %s", [
			grant.principal,
			names(uncovered),
		]),
		"key": access.key(grant),
	}
}

unknown contains finding if {
	some rule in input.registry.pull_through_cache
	applicable(beginning(rule), "PULL_THROUGH_CACHE") == "unknown"
	finding := {
		"message": sprintf(
			"cannot tell which creation template applies to what the pull-through cache rule %s creates: %s",
			[rule.prefix, undocumented],
		),
		"key": sprintf("pull-through-cache|%s", [rule.prefix]),
	}
}

unknown contains finding if {
	some grant in replicating
	doubtful := [start | some start in starts(grant); applicable(start, "REPLICATION") == "unknown"]
	count(doubtful) > 0
	finding := {
		"message": sprintf("cannot tell which creation template applies to what %s replicates into the registry: %s", [
			grant.principal,
			undocumented,
		]),
		"key": sprintf("%s|unknown", [access.key(grant)]),
	}
}

unknown contains finding if {
	not understood
	applicable("", "REPLICATION") != "yes"
	finding := {
		"message": "cannot tell who can replicate repositories into the registry: its policy could not be read",
		"key": "replication",
	}
}

undocumented := "AWS does not document whether a template for another purpose keeps a less specific one from it"

understood if count(input.registry.policy.problems) == 0

# Whoever may replicate makes new repositories only if ecr:CreateRepository is granted, too.
replicating contains grant if {
	some grant in input.registry.access
	gives(grant, "ecr:ReplicateImage")
	some other in input.registry.access
	other.principal == grant.principal
	gives(other, "ecr:CreateRepository")
}

gives(grant, action) if action in grant.actions

gives(grant, _) if "ecr:*" in grant.actions

# starts are the beginnings of the names that a grant is for, "" for any name.
starts(grant) := [""] if not limited(grant)

starts(grant) := [beginning_of(resource) |
	some condition in grant.conditions
	startswith(condition, "resource like ")
	some resource in split(trim_prefix(condition, "resource like "), ", ")
] if {
	limited(grant)
}

# arn:aws:ecr:eu-west-1:111122223333:repository/team/* stands for names that begin with team/.
default beginning_of(_) := ""

beginning_of(resource) := regex.replace(split(resource, ":repository/")[1], `[*?].*$`, "")

limited(grant) if {
	some condition in grant.conditions
	startswith(condition, "resource like ")
}

names(beginnings) := "any name" if "" in beginnings

names(beginnings) := sprintf("names that begin with %s", [access.enumerate(beginnings)]) if not "" in beginnings

beginning(rule) := "" if rule.prefix == "ROOT"

beginning(rule) := sprintf("%s/", [trim_suffix(rule.prefix, "/")]) if rule.prefix != "ROOT"

# applicable says whether a template for the purpose applies to all names that
# begin so. Of several that match, AWS takes the most specific.
default applicable(_, _) := "no"

applicable(start, purpose) := "yes" if {
	specific := max([weight(template) | some template in matching(start)])
	some template in matching(start)
	weight(template) == specific
	purpose in template.applied_for
} else := "unknown" if {
	some template in matching(start)
	purpose in template.applied_for
}

matching(start) := [template | some template in input.registry.creation_templates; matches(template, start)]

matches(template, _) if template.prefix == "ROOT"

matches(template, start) if {
	template.prefix != "ROOT"
	startswith(start, sprintf("%s/", [trim_suffix(template.prefix, "/")]))
}

weight(template) := 0 if template.prefix == "ROOT"

weight(template) := count(trim_suffix(template.prefix, "/")) if template.prefix != "ROOT"
