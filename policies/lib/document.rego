# METADATA
# description: What is not understood of a repository policy as a document.
package ecraudit.lib.document

# unclear says why the statements of a repository policy may not be all that it
# says. It is undefined where the document was understood.
unclear(repository) := sprintf("cannot tell what the policy says: %s", [concat("; ", flaws)]) if {
	flaws := problems(repository)
	count(flaws) > 0
}

# problems are those of the repository policy; the registry policy that holds for
# the repository as well is judged in the registry.
problems(repository) := [trim_prefix(problem, "repository-policy: ") |
	some problem in repository.policy.problems
	not startswith(problem, "registry-policy: ")
]
