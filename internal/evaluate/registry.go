package evaluate

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ecraudit/ecraudit/internal/access"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// registryTerm builds what rules see of a registry.
func (e *Engine) registryTerm(r *snapshot.Registry) *ast.Term {
	settings := e.config.For(e.accounts.Target(r.Target))
	read := func(n snapshot.Need) bool { return e.needs[n] && r.Gap(n) == nil }
	var o object
	o.text("account", r.Account)
	o.text("account_name", r.AccountName)
	o.text("region", r.Region)
	o.text("partition", r.Partition)
	if read(snapshot.NeedRegistryPolicy) {
		e.registryAccess(&o, r, settings)
	}
	if r.Scanning != nil && read(snapshot.NeedRegistryScanning) {
		o.set("scanning", scanningTerm(r.Scanning))
	}
	if read(snapshot.NeedReplication) {
		o.set("replication", list(r.Replication, func(rule snapshot.ReplicationRule) *ast.Term {
			return e.replicationTerm(rule, r.Account, settings)
		}))
	}
	if read(snapshot.NeedPullThroughCache) {
		o.set("pull_through_cache", list(r.PullThroughCache, cacheRuleTerm))
	}
	if read(snapshot.NeedCreationTemplates) {
		o.set("creation_templates", list(r.CreationTemplates, func(t snapshot.CreationTemplate) *ast.Term {
			return e.templateTerm(t, r.Target, settings)
		}))
	}
	if read(snapshot.NeedAccountSettings) {
		o.set("settings", textMap(r.Settings))
	}
	return o.term()
}

// registryAccess adds who can use the registry as such.
func (e *Engine) registryAccess(o *object, r *snapshot.Registry, settings *config.Effective) {
	analysis := inScope(access.AnalyzeRegistry(r.Policy, e.accessContext(r.Target, "", settings)), r.Settings["REGISTRY_POLICY_SCOPE"])
	var policy object
	policy.flag("present", r.Policy != "")
	policy.text("text", r.Policy)
	policy.texts("problems", analysis.Problems)
	o.set("policy", policy.term())
	o.text("exposure", string(analysis.Exposure))
	o.set("access", list(analysis.Grants, grantTerm))
}

// replicationActions are what a registry policy of every scope grants.
var replicationActions = []string{"ecr:BatchImportUpstreamImage", "ecr:CreateRepository", "ecr:ReplicateImage"}

// inScope takes from grants what a policy of the scope V1 does not grant, and
// doubts it where the scope is not known.
func inScope(a access.Analysis, scope string) access.Analysis {
	if scope == "V2" {
		return a
	}
	kept := make([]access.Grant, 0, len(a.Grants))
	for _, g := range a.Grants {
		always := g.Actions
		if !slices.Equal(g.Actions, []string{"ecr:*"}) {
			always = filter(g.Actions, func(action string) bool { return slices.Contains(replicationActions, action) })
		}
		switch {
		case len(always) == 0 && scope == "V1":
			continue
		case len(always) == 0:
			g.Exposure, g.OutsideOrganization, g.OutsideAccount = access.ExposureUnknown, false, false
			g.Reason = "it is not known whether the registry policy grants this: its scope was not read"
		}
		kept = append(kept, g)
	}
	a.Grants = kept
	a.Exposure = widest(a)
	return a
}

// reaches orders exposures, the narrowest first.
var reaches = []access.Exposure{access.ExposureOwn, access.ExposureInside, access.ExposureTrusted, access.ExposureOutside, access.ExposurePublic}

// widest is the widest exposure of the grants; unknown where one that is not
// decided could be wider, or a document was not understood.
func widest(a access.Analysis) access.Exposure {
	sure, perhaps := 0, 0
	for _, g := range a.Grants {
		sure = max(sure, slices.Index(reaches, g.Exposure))
		perhaps = max(perhaps, slices.Index(reaches, g.Widest))
	}
	if perhaps > sure || len(a.Problems) > 0 && sure < len(reaches)-1 {
		return access.ExposureUnknown
	}
	return reaches[sure]
}

func scanningTerm(s *snapshot.RegistryScanning) *ast.Term {
	var o object
	o.text("type", s.Type)
	o.set("rules", list(s.Rules, func(rule snapshot.ScanningRule) *ast.Term {
		var o object
		o.text("frequency", rule.Frequency)
		o.texts("filters", rule.Filters)
		return o.term()
	}))
	o.set("every_repository", scansEverything(s).term())
	return o.term()
}

// scansEverything decides whether every repository name is matched by a rule
// that scans. A filter without * matches the names that contain it.
func scansEverything(s *snapshot.RegistryScanning) decision {
	var filters []string
	for _, rule := range s.Rules {
		if rule.Frequency != "MANUAL" {
			filters = append(filters, rule.Filters...)
		}
	}
	matched := func(name string) bool {
		return slices.ContainsFunc(filters, func(filter string) bool {
			if !strings.Contains(filter, "*") {
				filter = "*" + filter + "*"
			}
			return wildcardMatches(filter, name)
		})
	}
	all := func(filter string) bool { return filter != "" && strings.Trim(filter, "*") == "" }
	switch {
	case slices.ContainsFunc(filters, all):
		return decision{"yes", "", "a filter matches every name"}
	case len(filters) == 0:
		return decision{"no", "new-repository", "no rule scans anything by itself"}
	}
	for name := range probableNames() {
		if !matched(name) {
			return decision{"no", name, "no filter matches it"}
		}
	}
	return decision{"unknown", "", "no name was found that the filters leave out"}
}

// probableNames yields names of repositories: one that people would choose,
// then all of two letters, the shortest that AWS accepts.
func probableNames() func(yield func(string) bool) {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	return func(yield func(string) bool) {
		if !yield("new-repository") {
			return
		}
		for _, first := range letters {
			for _, second := range letters {
				if !yield(string(first) + string(second)) {
					return
				}
			}
		}
	}
}

func (e *Engine) replicationTerm(rule snapshot.ReplicationRule, own string, settings *config.Effective) *ast.Term {
	var o object
	o.set("destinations", list(rule.Destinations, func(d snapshot.ReplicationDestination) *ast.Term {
		return e.destinationTerm(d, own, settings)
	}))
	o.texts("prefixes", rule.Prefixes)
	return o.term()
}

// destinationTerm is a registry that images are replicated to, with how far
// that is: own, inside, trusted, outside or unknown.
func (e *Engine) destinationTerm(d snapshot.ReplicationDestination, own string, settings *config.Effective) *ast.Term {
	var o object
	o.text("account", d.Account)
	o.text("region", d.Region)
	o.text("exposure", string(e.whose(d.Account, own, settings)))
	return o.term()
}

func cacheRuleTerm(rule snapshot.PullThroughCacheRule) *ast.Term {
	var o object
	o.text("prefix", rule.Prefix)
	o.text("upstream", rule.Upstream)
	o.text("upstream_url", rule.UpstreamURL)
	o.text("upstream_prefix", rule.UpstreamPrefix)
	o.text("credential_arn", rule.CredentialARN)
	o.text("custom_role_arn", rule.CustomRoleARN)
	return o.term()
}

// templateTerm describes the repositories that a creation template makes.
func (e *Engine) templateTerm(template snapshot.CreationTemplate, target snapshot.Target, settings *config.Effective) *ast.Term {
	var o object
	o.text("prefix", template.Prefix)
	o.texts("applied_for", template.AppliedFor)
	o.text("mutability", template.Mutability.Setting)
	release, all := immutableTags(template.Mutability, settings)
	o.set("release_tags", release.term())
	o.set("all_tags", all.term())
	o.set("encryption", encryptionTerm(template.Encryption))
	o.flag("has_policy", template.Policy != "")
	analysis := access.Analyze(access.Documents{RepositoryPolicy: template.Policy}, e.accessContext(target, templateExample(template.Prefix), settings))
	o.text("exposure", string(analysis.Exposure))
	o.flag("has_lifecycle", template.Lifecycle != "")
	policy, problems := parseLifecycle(template.Lifecycle)
	o.texts("lifecycle_problems", problems)
	o.set("lifecycle_baseline", list(e.baseline(policy, template.Lifecycle, settings), baseline.term))
	o.set("tags", textMap(template.Tags))
	return o.term()
}

// templateExample is the name of a repository that a template would make.
func templateExample(prefix string) string {
	if prefix == "ROOT" {
		return "new-repository"
	}
	return strings.TrimSuffix(prefix, "/") + "/new-repository"
}
