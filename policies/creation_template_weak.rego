# METADATA
# title: Creation templates make repositories that pass the audit
# description: >-
#   Looks at each repository creation template, and whether the repositories that it makes would be as ecraudit.yaml
#   demands: the mutability of tags, the lifecycle policy and its baseline, who has access, encryption and resource
#   tags. Tags of templates that only serve pull-through caches may be mutable, because AWS has to refresh them.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-creation-templates.html
#     description: Repository creation templates
# custom:
#   id: creation-template-weak
#   severity: medium
#   scope: registry
#   needs: [creation-templates]
#   why: >-
#     A template repeats its mistake in every repository that it makes, and of these the encryption can never be
#     changed. To mend the template is one change; to mend what it made is one for each repository.
#   remediation: >-
#     Correct the creation template, which holds for repositories to come, then mend those that it has made already:
#     the findings on the repositories say which.
#   frameworks:
#     nist-800-53: [CM-2, CM-6]
package ecraudit.rules.creation_template_weak

import data.ecraudit.lib.baseline
import data.ecraudit.lib.encryption
import data.ecraudit.lib.resource_tags

deny contains finding if {
	some template in input.registry.creation_templates
	some aspect, flaw in flaws(template)
	finding := object.union(
		{
			"message": sprintf("with the creation template %s, %s", [template.prefix, flaw]),
			"key": sprintf("%s|%s", [template.prefix, aspect]),
		},
		{"fix": fix | fix := fixes(template)[aspect]},
	)
}

unknown contains finding if {
	some template in input.registry.creation_templates
	some aspect, doubt in doubts(template)
	finding := {
		"message": sprintf("%s (creation template %s)", [doubt, template.prefix]),
		"key": sprintf("%s|%s", [template.prefix, aspect]),
	}
}

# flaws are what is wrong with new repositories, by aspect.
flaws(template) := object.union_n([
	mutability(template, "no"),
	missing_lifecycle(template),
	invalid_lifecycle(template),
	unmet(template),
	reach(template),
	weak_encryption(template),
	untagged(template),
])

# fixes are what would mend flaws, by aspect. Whom a template should let in, and
# how it should encrypt, is for people to say; what an invalid policy meant, too.
fixes(template) := object.union_n([
	{"mutability": {
		"action": "set_tag_mutability",
		"template": template.prefix,
		"mutability": "IMMUTABLE",
		"tags": input.config.immutable,
	}},
	{aspect: {"action": "put_lifecycle_policy", "template": template.prefix, "baseline": true} |
		count(template.lifecycle_problems) == 0
		some demand in template.lifecycle_baseline
		some aspect in ["lifecycle", demand.what]
	},
	{tag(key): {"action": "tag_resource", "template": template.prefix, "tags": {key: allowed[0]}} |
		some key, allowed in input.config.required_tags
		count(allowed) == 1
	},
])

doubts(template) := object.union_n([
	mutability(template, "unknown"),
	{demand.what: baseline.doubt(demand) |
		lifecycle_judged(template)
		some demand in template.lifecycle_baseline
	},
	{"exposure": "cannot tell whom the resource policy lets in" | template.exposure == "unknown"},
	{"encryption": doubt | some doubt in encryption.doubts(template.encryption, input.config.encryption)},
])

mutability(template, answer) := {"mutability": sprintf(says[answer], [subject, template[must_be_immutable].reason]) |
	template[must_be_immutable].answer == answer
	not only_caches(template)
}

says := {
	"no": "%s can be moved: %s",
	"unknown": "cannot tell whether %s can be moved: %s",
}

must_be_immutable := "release_tags" if input.config.immutable == "release"

must_be_immutable := "all_tags" if input.config.immutable == "all"

subject := "release tags" if input.config.immutable == "release"

subject := "tags" if input.config.immutable == "all"

only_caches(template) if {
	every purpose in template.applied_for { purpose == "PULL_THROUGH_CACHE" }
}

missing_lifecycle(template) := {"lifecycle": "there is no lifecycle policy" |
	input.config.lifecycle.required
	not template.has_lifecycle
}

invalid_lifecycle(template) := {"lifecycle": sprintf("the lifecycle policy is invalid: %s", [problems]) |
	problems := concat("; ", template.lifecycle_problems)
	problems != ""
}

unmet(template) := {demand.what: shortfall |
	lifecycle_judged(template)
	some demand in template.lifecycle_baseline
	some shortfall in baseline.shortfalls(demand, input.config.lifecycle.max_days)
}

lifecycle_judged(template) if {
	template.has_lifecycle
	count(template.lifecycle_problems) == 0
}

lifecycle_judged(template) if {
	not template.has_lifecycle
	not input.config.lifecycle.required
}

reach(template) := {"exposure": text |
	some exposure, text in reaches
	exposure == template.exposure
}

reaches := {
	"public": "the resource policy lets everyone in",
	"outside": "the resource policy lets in somebody outside the organization",
}

weak_encryption(template) := {"encryption": flaw |
	some flaw in encryption.flaws(template.encryption, input.config.encryption)
}

untagged(template) := {tag(key): flaw |
	some key, allowed in input.config.required_tags
	some flaw in resource_tags.flaws(template.tags, key, allowed)
}

tag(key) := sprintf("tag %s", [key])
