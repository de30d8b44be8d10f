# METADATA
# description: Repository creation templates, which make new repositories like the one that is judged.
package ecraudit.lib.templates

# behind is the creation template that would make the repository today. It is
# undefined where none would, and where the templates could not be read.
behind(repository, registry) := template if {
	some template in registry.creation_templates
	trim_suffix(template.prefix, "/") == repository.template
	applies(template, repository)
}

# A template for cached repositories says nothing about the others.
applies(template, repository) if {
	repository.cached
	"PULL_THROUGH_CACHE" in template.applied_for
}

applies(template, repository) if {
	not repository.cached
	some way in template.applied_for
	way != "PULL_THROUGH_CACHE"
}
