package workbench

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// probe is what a new rule looks at in one document: something that is easy to
// see, so that its author only has to say what they really want.
type probe struct {
	scope    finding.Scope   // of what it looks at
	need     snapshot.Need   // empty for what is always there
	also     []snapshot.Need // that the field takes as well
	title    string          // of a rule that looks at this alone
	fails    string          // Rego: it is wrong
	message  string          // Rego: the message
	doubt    string          // Rego: it cannot be told
	why      string          // that it cannot
	sound    string          // Rego: the part of the input of a case that passes
	wrong    string          // the same of one that fails
	unclear  string          // the same of one that cannot tell
	failText string          // the message of the case that fails
}

// probes has what new rules can look at. The first of a scope is what a rule of
// this scope looks at where no needs are asked for.
func probes() []probe {
	return []probe{
		{
			scope: finding.ScopeRegistry, need: snapshot.NeedRegistryScanning, title: "Registries use enhanced scanning",
			fails: `input.registry.scanning.type == "BASIC"`, message: `"the registry's scanning is basic"`, failText: "the registry's scanning is basic",
			doubt: `not input.registry.scanning.type in {"BASIC", "ENHANCED"}`, why: "cannot tell: the type of scanning is not known",
			sound: `{"registry": {"scanning": {"type": "ENHANCED"}}}`, wrong: `{"registry": {"scanning": {"type": "BASIC"}}}`, unclear: `{"registry": {"scanning": {"type": ""}}}`,
		},
		{
			scope: finding.ScopeRegistry, need: snapshot.NeedRegistryPolicy, title: "Registries have a registry policy",
			fails: `input.registry.policy.present == false`, message: `"the registry has no registry policy"`, failText: "the registry has no registry policy",
			doubt: `not input.registry.policy`, why: "cannot tell: the registry policy is not known",
			sound: `{"registry": {"policy": {"present": true}}}`, wrong: `{"registry": {"policy": {"present": false}}}`, unclear: `{"registry": {}}`,
		},
		{
			scope: finding.ScopeRegistry, need: snapshot.NeedReplication, title: "Registries are replicated",
			fails: `count(input.registry.replication) == 0`, message: `"the registry is not replicated"`, failText: "the registry is not replicated",
			doubt: `not input.registry.replication`, why: "cannot tell: the replication is not known",
			sound: `{"registry": {"replication": [{"destinations": [], "prefixes": []}]}}`, wrong: `{"registry": {"replication": []}}`, unclear: `{"registry": {}}`,
		},
		{
			scope: finding.ScopeRegistry, need: snapshot.NeedPullThroughCache, title: "Registries cache no upstream registries",
			fails: `count(input.registry.pull_through_cache) > 0`, message: `sprintf("%d upstream registries are cached", [count(input.registry.pull_through_cache)])`, failText: "1 upstream registries are cached",
			doubt: `not input.registry.pull_through_cache`, why: "cannot tell: the pull-through cache rules are not known",
			sound: `{"registry": {"pull_through_cache": []}}`, wrong: `{"registry": {"pull_through_cache": [{"prefix": "docker-hub"}]}}`, unclear: `{"registry": {}}`,
		},
		{
			scope: finding.ScopeRegistry, need: snapshot.NeedCreationTemplates, title: "Registries have repository creation templates",
			fails: `count(input.registry.creation_templates) == 0`, message: `"the registry has no repository creation template"`, failText: "the registry has no repository creation template",
			doubt: `not input.registry.creation_templates`, why: "cannot tell: the repository creation templates are not known",
			sound: `{"registry": {"creation_templates": [{"prefix": "ROOT"}]}}`, wrong: `{"registry": {"creation_templates": []}}`, unclear: `{"registry": {}}`,
		},
		{
			scope: finding.ScopeRegistry, need: snapshot.NeedAccountSettings, title: "Registry policies have scope V2",
			fails: `input.registry.settings.REGISTRY_POLICY_SCOPE == "V1"`, message: `"the registry policy has scope V1"`, failText: "the registry policy has scope V1",
			doubt: `not input.registry.settings.REGISTRY_POLICY_SCOPE`, why: "cannot tell: the scope of the registry policy is not known",
			sound: `{"registry": {"settings": {"REGISTRY_POLICY_SCOPE": "V2"}}}`, wrong: `{"registry": {"settings": {"REGISTRY_POLICY_SCOPE": "V1"}}}`, unclear: `{"registry": {"settings": {}}}`,
		},
		{
			scope: finding.ScopeRepository, title: "Tags are immutable",
			fails: `input.repository.mutability.setting == "MUTABLE"`, message: `sprintf("the tags of %s are mutable", [input.repository.name])`, failText: "the tags of team/api are mutable",
			doubt: `not startswith(input.repository.mutability.setting, "MUTABLE")
	not startswith(input.repository.mutability.setting, "IMMUTABLE")`, why: "cannot tell: the tag mutability is not known",
			sound:   `{"repository": {"name": "team/api", "mutability": {"setting": "IMMUTABLE"}}}`,
			wrong:   `{"repository": {"name": "team/api", "mutability": {"setting": "MUTABLE"}}}`,
			unclear: `{"repository": {"name": "team/api", "mutability": {"setting": ""}}}`,
		},
		{
			scope: finding.ScopeRepository, need: snapshot.NeedPolicy, title: "Repositories are not open to everyone",
			fails: `input.repository.exposure == "public"`, message: `"everyone has access to the repository"`, failText: "everyone has access to the repository",
			doubt: `input.repository.exposure == "unknown"`, why: "cannot tell who has access to the repository",
			sound: `{"repository": {"exposure": "own"}}`, wrong: `{"repository": {"exposure": "public"}}`, unclear: `{"repository": {"exposure": "unknown"}}`,
		},
		{
			scope: finding.ScopeRepository, need: snapshot.NeedLifecycle, title: "Repositories have a lifecycle policy",
			fails: `input.repository.lifecycle.present == false`, message: `"the repository has no lifecycle policy"`, failText: "the repository has no lifecycle policy",
			doubt: `not input.repository.lifecycle`, why: "cannot tell: the lifecycle policy is not known",
			sound: `{"repository": {"lifecycle": {"present": true}}}`, wrong: `{"repository": {"lifecycle": {"present": false}}}`, unclear: `{"repository": {}}`,
		},
		{
			scope: finding.ScopeRepository, need: snapshot.NeedTags, title: "Repositories say whose they are",
			fails: `object.get(input.repository.tags, "owner", "") == ""`, message: `"the repository has no resource tag owner"`, failText: "the repository has no resource tag owner",
			doubt: `not input.repository.tags`, why: "cannot tell: the resource tags are not known",
			sound: `{"repository": {"tags": {"owner": "team"}}}`, wrong: `{"repository": {"tags": {}}}`, unclear: `{"repository": {}}`,
		},
		{
			scope: finding.ScopeRepository, need: snapshot.NeedScanning, title: "Images are scanned without being asked for",
			fails: `input.repository.scanning.frequency == "MANUAL"`, message: `"images are scanned on demand only"`, failText: "images are scanned on demand only",
			doubt: `not input.repository.scanning.frequency in {"MANUAL", "SCAN_ON_PUSH", "CONTINUOUS_SCAN"}`, why: "cannot tell: the scan frequency is not known",
			sound: `{"repository": {"scanning": {"frequency": "SCAN_ON_PUSH"}}}`, wrong: `{"repository": {"scanning": {"frequency": "MANUAL"}}}`, unclear: `{"repository": {"scanning": {"frequency": ""}}}`,
		},
		{
			scope: finding.ScopeRepository, need: snapshot.NeedImages, title: "Repositories have images",
			fails: `input.repository.stats.images == 0`, message: `"the repository has no images"`, failText: "the repository has no images",
			doubt: `not input.repository.stats.images`, why: "cannot tell: the number of images is not known",
			sound: `{"repository": {"stats": {"images": 3}}}`, wrong: `{"repository": {"stats": {"images": 0}}}`, unclear: `{"repository": {"stats": {}}}`,
		},
		{
			scope: finding.ScopeRepository, need: snapshot.NeedImageGraph, also: []snapshot.Need{snapshot.NeedImages}, title: "Releases are there for arm64",
			fails: `not "linux/arm64" in input.repository.stats.platforms
	input.repository.stats.unread_indexes == 0`, message: `"no release is for linux/arm64"`, failText: "no release is for linux/arm64",
			doubt: `input.repository.stats.unread_indexes > 0`, why: "cannot tell: some indexes were not read",
			sound: `{"repository": {"stats": {"platforms": ["linux/arm64"], "unread_indexes": 0}}}`, wrong: `{"repository": {"stats": {"platforms": ["linux/amd64"], "unread_indexes": 0}}}`, unclear: `{"repository": {"stats": {"platforms": [], "unread_indexes": 1}}}`,
		},
		{
			scope: finding.ScopeImage, need: snapshot.NeedImages, title: "Images are younger than a year",
			fails: `image.pushed_at < input.now - ((365 * 24) * 3600000000000)`, message: `"the image was pushed more than a year ago"`, failText: "the image was pushed more than a year ago",
			doubt: `not image.pushed_at`, why: "cannot tell: it is not known when the image was pushed",
			sound: `{"pushed_at": 1790000000000000000}`, wrong: `{"pushed_at": 1700000000000000000}`, unclear: `{}`,
		},
		{
			scope: finding.ScopeImage, need: snapshot.NeedImageGraph, title: "Indexes have images for arm64",
			fails: `image.kind == "index"
	not "linux/arm64" in image.platforms
	input.repository.stats.unread_indexes == 0`, message: `"the index has no image for linux/arm64"`, failText: "the index has no image for linux/arm64",
			doubt: `image.kind == "index"
	input.repository.stats.unread_indexes > 0`, why: "cannot tell: some indexes were not read",
			sound: `{"kind": "index", "platforms": ["linux/arm64"]}`, wrong: `{"kind": "index", "platforms": ["linux/amd64"]}`, unclear: ``,
		},
		{
			scope: finding.ScopeImage, need: snapshot.NeedReleaseScanFindings, title: "Releases have no critical vulnerabilities",
			fails: `image.vulnerabilities.critical > 0`, message: `sprintf("the image has %d critical vulnerabilities", [image.vulnerabilities.critical])`, failText: "the image has 2 critical vulnerabilities",
			doubt: `image.vulnerabilities.state == "unknown"`, why: "cannot tell: the vulnerabilities of the image are not known",
			sound: `{"vulnerabilities": {"state": "scanned", "critical": 0}}`, wrong: `{"vulnerabilities": {"state": "scanned", "critical": 2}}`, unclear: `{"vulnerabilities": {"state": "unknown"}}`,
		},
		{
			scope: finding.ScopeImage, need: snapshot.NeedScanFindings, title: "Images have no critical vulnerabilities",
			fails: `image.vulnerabilities.critical > 0`, message: `sprintf("the image has %d critical vulnerabilities", [image.vulnerabilities.critical])`, failText: "the image has 2 critical vulnerabilities",
			doubt: `image.vulnerabilities.state == "unknown"`, why: "cannot tell: the vulnerabilities of the image are not known",
			sound: `{"vulnerabilities": {"state": "scanned", "critical": 0}}`, wrong: `{"vulnerabilities": {"state": "scanned", "critical": 2}}`, unclear: `{"vulnerabilities": {"state": "unknown"}}`,
		},
		{
			scope: finding.ScopeOrganization, title: "Tags are immutable everywhere",
			fails: `repository.mutability == "MUTABLE"`, message: `sprintf("the tags of %s are mutable", [repository.arn])`, failText: "the tags of " + caseARN + " are mutable",
			doubt: `not startswith(repository.mutability, "MUTABLE")
	not startswith(repository.mutability, "IMMUTABLE")`, why: "cannot tell: the tag mutability of a repository is not known",
			sound: `{"mutability": "IMMUTABLE"}`, wrong: `{"mutability": "MUTABLE"}`, unclear: `{"mutability": ""}`,
		},
		{
			scope: finding.ScopeOrganization, need: snapshot.NeedTags, title: "Repositories say whose they are, everywhere",
			fails: `object.get(repository.tags, "owner", "") == ""`, message: `sprintf("%s has no resource tag owner", [repository.arn])`, failText: caseARN + " has no resource tag owner",
			doubt: `not repository.tags`, why: "cannot tell: the resource tags of a repository are not known",
			sound: `{"tags": {"owner": "team"}}`, wrong: `{"tags": {}}`, unclear: `{}`,
		},
		{
			scope: finding.ScopeOrganization, need: snapshot.NeedPolicy, title: "No repository of the organization is open to everyone",
			fails: `repository.exposure == "public"`, message: `sprintf("everyone has access to %s", [repository.arn])`, failText: "everyone has access to " + caseARN,
			doubt: `repository.exposure == "unknown"`, why: "cannot tell who has access to a repository",
			sound: `{"exposure": "own"}`, wrong: `{"exposure": "public"}`, unclear: `{"exposure": "unknown"}`,
		},
		{
			scope: finding.ScopeOrganization, need: snapshot.NeedLifecycle, title: "Every repository of the organization has a lifecycle policy",
			fails: `repository.has_lifecycle == false`, message: `sprintf("%s has no lifecycle policy", [repository.arn])`, failText: caseARN + " has no lifecycle policy",
			doubt: `object.get(repository, "has_lifecycle", null) == null`, why: "cannot tell: the lifecycle policy of a repository is not known",
			sound: `{"has_lifecycle": true}`, wrong: `{"has_lifecycle": false}`, unclear: `{}`,
		},
		{
			scope: finding.ScopeOrganization, need: snapshot.NeedImages, title: "Every repository of the organization has releases",
			fails: `repository.releases.count == 0`, message: `sprintf("%s has no release", [repository.arn])`, failText: caseARN + " has no release",
			doubt: `not repository.releases`, why: "cannot tell: the releases of a repository are not known",
			sound: `{"releases": {"count": 3}}`, wrong: `{"releases": {"count": 0}}`, unclear: `{}`,
		},
		{
			scope: finding.ScopeOrganization, need: snapshot.NeedScanning, title: "Images are scanned everywhere without being asked for",
			fails: `repository.scan_frequency == "MANUAL"`, message: `sprintf("images of %s are scanned on demand only", [repository.arn])`, failText: "images of " + caseARN + " are scanned on demand only",
			doubt: `not repository.scan_frequency in {"MANUAL", "SCAN_ON_PUSH", "CONTINUOUS_SCAN"}`, why: "cannot tell: the scan frequency of a repository is not known",
			sound: `{"scan_frequency": "SCAN_ON_PUSH"}`, wrong: `{"scan_frequency": "MANUAL"}`, unclear: `{"scan_frequency": ""}`,
		},
	}
}

// caseARN is the repository of the cases of a new rule.
const caseARN = "arn:aws:ecr:eu-west-1:111122223333:repository/team/api"

// probesOf are those that a rule of the scope can have, those of the scope itself
// first. Repositories are seen with their registry, and images with both.
func probesOf(scope finding.Scope) []probe {
	of := func(s finding.Scope) []probe {
		return slices.DeleteFunc(probes(), func(p probe) bool { return p.scope != s })
	}
	switch scope {
	case finding.ScopeRepository:
		return slices.Concat(of(scope), of(finding.ScopeRegistry))
	case finding.ScopeImage:
		return slices.Concat(of(scope), of(finding.ScopeRepository), of(finding.ScopeRegistry))
	case finding.ScopeOrganization:
		all := of(scope)
		for _, p := range of(finding.ScopeRegistry) {
			all = append(all, p.inOrganization())
		}
		return all
	}
	return of(scope)
}

// inOrganization is a probe of a registry as one of many, which its message has to
// name.
func (p probe) inOrganization() probe {
	one := func(rego string) string { return strings.ReplaceAll(rego, "input.registry.", "registry.") }
	row := func(part string) string {
		return strings.TrimSuffix(strings.TrimPrefix(part, `{"registry": `), "}")
	}
	p.fails, p.doubt = one(p.fails), one(p.doubt)
	if text, isPlain := strings.CutPrefix(p.message, `"`); isPlain {
		p.message = fmt.Sprintf(`sprintf("%%s/%%s: %s, [registry.account, registry.region])`, text)
	} else {
		p.message = fmt.Sprintf(`sprintf("%%s/%%s: %%s", [registry.account, registry.region, %s])`, one(p.message))
	}
	p.failText = caseRegistry + ": " + p.failText
	p.sound, p.wrong, p.unclear = row(p.sound), row(p.wrong), row(p.unclear)
	return p
}

// caseRegistry is the registry of caseARN.
const caseRegistry = "111122223333/eu-west-1"
