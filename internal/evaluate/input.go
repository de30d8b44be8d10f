package evaluate

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ecraudit/ecraudit/internal/access"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// The builders below follow policies/schema/input.v1.json, which describes
// each field. A document that was not read is left out.

func registryTerm(r *snapshot.Registry, read func(snapshot.Need) bool) *ast.Term {
	var o object
	o.text("account", r.Account)
	o.text("account_name", r.AccountName)
	o.text("region", r.Region)
	o.text("partition", r.Partition)
	if read(snapshot.NeedRegistryPolicy) {
		var policy object
		policy.flag("present", r.Policy != "")
		policy.text("text", r.Policy)
		o.set("policy", policy.term())
	}
	if s := r.Scanning; s != nil && read(snapshot.NeedRegistryScanning) {
		var scanning object
		scanning.text("type", s.Type)
		scanning.set("rules", list(s.Rules, func(rule snapshot.ScanningRule) *ast.Term {
			var o object
			o.text("frequency", rule.Frequency)
			o.texts("filters", rule.Filters)
			return o.term()
		}))
		o.set("scanning", scanning.term())
	}
	if read(snapshot.NeedReplication) {
		o.set("replication", list(r.Replication, replicationTerm))
	}
	if read(snapshot.NeedPullThroughCache) {
		o.set("pull_through_cache", list(r.PullThroughCache, cacheRuleTerm))
	}
	if read(snapshot.NeedCreationTemplates) {
		o.set("creation_templates", list(r.CreationTemplates, templateTerm))
	}
	if read(snapshot.NeedAccountSettings) {
		o.set("settings", textMap(r.Settings))
	}
	return o.term()
}

func replicationTerm(rule snapshot.ReplicationRule) *ast.Term {
	var o object
	o.set("destinations", list(rule.Destinations, func(d snapshot.ReplicationDestination) *ast.Term {
		var o object
		o.text("account", d.Account)
		o.text("region", d.Region)
		return o.term()
	}))
	o.texts("prefixes", rule.Prefixes)
	return o.term()
}

func cacheRuleTerm(rule snapshot.PullThroughCacheRule) *ast.Term {
	var o object
	o.text("prefix", rule.Prefix)
	o.text("upstream", rule.Upstream)
	o.text("upstream_url", rule.UpstreamURL)
	o.text("upstream_prefix", rule.UpstreamPrefix)
	o.text("credential_arn", rule.CredentialARN)
	return o.term()
}

func templateTerm(template snapshot.CreationTemplate) *ast.Term {
	var o object
	o.text("prefix", template.Prefix)
	o.texts("applied_for", template.AppliedFor)
	o.text("mutability", template.Mutability.Setting)
	o.set("encryption", encryptionTerm(template.Encryption))
	o.flag("has_policy", template.Policy != "")
	o.flag("has_lifecycle", template.Lifecycle != "")
	o.set("tags", textMap(template.Tags))
	return o.term()
}

func encryptionTerm(e snapshot.Encryption) *ast.Term {
	var o object
	o.text("type", e.Type)
	o.text("kms_key", e.KMSKey)
	return o.term()
}

func organizationTerm(organization snapshot.Organization) *ast.Term {
	var o object
	o.text("id", organization.ID)
	o.flag("none", organization.None)
	o.flag("members_known", organization.Accounts != nil)
	return o.term()
}

// repositoryTerm builds what rules see of a repository. What takes tested Go
// to know (who can do what, what a lifecycle policy does) stands in it as data.
func (e *Engine) repositoryTerm(reg *snapshot.Registry, r *snapshot.Repository, settings *config.Effective, g *graph) *ast.Term {
	read := func(n snapshot.Need) bool { return e.needs[n] && r.Gap(n) == nil }
	readRegistry := func(n snapshot.Need) bool { return e.needs[n] && reg.Gap(n) == nil }
	var o object
	o.text("name", r.Name)
	o.text("arn", r.ARN)
	o.text("uri", r.URI)
	o.moment("created_at", r.CreatedAt)
	o.set("mutability", e.mutabilityTerm(r.Mutability, settings))
	o.set("encryption", encryptionTerm(r.Encryption))
	o.flag("scan_on_push", r.ScanOnPush)
	if readRegistry(snapshot.NeedPullThroughCache) {
		o.flag("cached", isCached(reg, r.Name))
	}
	if readRegistry(snapshot.NeedCreationTemplates) {
		o.text("template", templateFor(reg, r.Name))
	}
	if readRegistry(snapshot.NeedReplication) {
		o.set("replicas", e.replicas(reg, r, settings))
	}
	if read(snapshot.NeedPolicy) {
		e.accessFields(&o, reg, r, settings)
	}
	if read(snapshot.NeedLifecycle) {
		e.lifecycleFields(&o, r, settings)
	}
	if read(snapshot.NeedTags) {
		o.set("tags", textMap(r.Tags))
	}
	if s := r.Scanning; s != nil && read(snapshot.NeedScanning) {
		var scanning object
		scanning.text("frequency", s.Frequency)
		scanning.flag("scan_on_push", s.ScanOnPush)
		scanning.texts("filters", s.Filters)
		o.set("scanning", scanning.term())
	}
	if read(snapshot.NeedImages) {
		o.set("stats", statsTerm(r.Images, g))
	}
	return o.term()
}

// accessFields adds who can do what.
func (e *Engine) accessFields(o *object, reg *snapshot.Registry, r *snapshot.Repository, settings *config.Effective) {
	documents := access.Documents{RepositoryPolicy: r.Policy}
	if gap := reg.Gap(snapshot.NeedRegistryPolicy); gap != nil {
		documents.RegistryUnread = gap.Code + ": " + gap.Message
	}
	if e.needs[snapshot.NeedRegistryPolicy] {
		documents.RegistryPolicy = reg.Policy
		documents.RegistryScope = reg.Settings["REGISTRY_POLICY_SCOPE"]
	}
	context := e.accessContext(r, settings)
	analysis := access.Analyze(documents, context)
	var policy object
	policy.flag("present", r.Policy != "")
	policy.text("text", r.Policy)
	policy.texts("problems", analysis.Problems)
	o.set("policy", policy.term())
	o.text("exposure", string(analysis.Exposure))
	o.set("access", list(analysis.Grants, grantTerm))

	readers := slices.DeleteFunc(slices.Clone(settings.Settings.ReaderAccounts), func(account string) bool { return account == r.Account })
	o.set("readers", list(readers, func(account string) *ast.Term {
		verdict := access.CanPull(documents, context, account)
		var reader object
		reader.text("account", account)
		reader.text("answer", verdict.Answer)
		reader.text("reason", verdict.Reason)
		return reader.term()
	}))
}

func (e *Engine) accessContext(r *snapshot.Repository, settings *config.Effective) access.Context {
	return access.Context{
		Partition: r.Partition, Account: r.Account, Region: r.Region, Repository: r.Name,
		OrganizationID: e.organization.ID, NoOrganization: e.organization.None,
		Members: e.members, Trusted: settings.Settings.TrustedAccounts,
	}
}

func grantTerm(g access.Grant) *ast.Term {
	var o object
	o.text("principal", g.Principal)
	o.text("kind", g.Kind)
	o.text("account", g.Account)
	o.text("exposure", string(g.Exposure))
	o.text("widest", string(g.Widest))
	o.text("reason", g.Reason)
	o.texts("abilities", g.Abilities)
	o.text("level", g.Level)
	o.texts("actions", g.Actions)
	o.texts("conditions", g.Conditions)
	o.text("statement", g.Statement)
	o.text("source", g.Source)
	o.flag("outside_organization", g.OutsideOrganization)
	o.flag("outside_account", g.OutsideAccount)
	o.text("trusted", g.Trusted)
	return o.term()
}
