# METADATA
# description: Words for who can do what, shared by the rules on access.
package ecraudit.lib.access

# describe says whom a grant lets do what, where it stands, and what it takes.
describe(grant) := sprintf("%s can %s (%s%s)", [
	grant.principal,
	enumerate(grant.abilities),
	place(grant),
	limits(grant.conditions),
])

# suspect says the same of a grant of which somebody cannot tell whom it reaches.
suspect(grant, reached) := sprintf("%s may be able to %s (%s%s): %s", [
	reached,
	enumerate(grant.abilities),
	place(grant),
	limits(grant.conditions),
	grant.reason,
])

# key tells the grants of a repository apart.
key(grant) := concat("|", [grant.source, grant.statement, grant.principal])

# removal is the fix that takes from one principal what one statement gives it.
removal(grant) := {
	"action": "remove_policy_statement",
	"source": grant.source,
	"statement": grant.statement,
	"principal": grant.principal,
}

# unread says why some access is not known at all. It is undefined where every
# policy was understood; what a single grant leaves open stands in that grant.
unread(repository) := sprintf("cannot tell who has access: %s", [concat("; ", repository.policy.problems)]) if {
	count(repository.policy.problems) > 0
}

unread(repository) := "cannot tell who has access: a policy that may give some could not be read" if {
	repository.exposure == "unknown"
	count(repository.policy.problems) == 0
	every grant in repository.access { grant.exposure != "unknown" }
}

# enumerate joins words the way people do.
enumerate(words) := words[0] if count(words) == 1

enumerate(words) := sprintf("%s and %s", [concat(", ", array.slice(words, 0, last)), words[last]]) if {
	last := count(words) - 1
	last > 0
}

place(grant) := sprintf("statement %s of the %s", [grant.statement, replace(grant.source, "-", " ")])

limits([]) := ""

limits(conditions) := sprintf(", if %s", [concat(" and ", conditions)]) if count(conditions) > 0
