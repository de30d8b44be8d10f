# METADATA
# description: Whether resource tags are as the configuration demands, of repositories and of templates for them.
package ecraudit.lib.resource_tags

# flaws is empty where the tag is there with an allowed value.
flaws(tags, key, allowed) := {sprintf("the resource tag %s is missing%s", [key, choice(allowed)])} if {
	not has(tags, key)
} else := {sprintf("the resource tag %s is empty", [key])} if {
	allowed == []
	tags[key] == ""
} else := {sprintf("the resource tag %s is %q%s", [key, tags[key], choice(allowed)])} if {
	allowed != []
	not tags[key] in allowed
} else := set()

has(tags, key) if is_string(tags[key])

choice([]) := ""

choice(allowed) := sprintf("; it must be %s", [allowed[0]]) if count(allowed) == 1

choice(allowed) := sprintf("; it must be one of %s", [concat(", ", allowed)]) if count(allowed) > 1
