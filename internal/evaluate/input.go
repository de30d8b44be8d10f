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
func (e *Engine) repositoryTerm(v *view) *ast.Term {
	reg, r, settings := v.registry, v.repository, v.settings
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
	if v.access != nil {
		accessFields(&o, v)
	}
	if read(snapshot.NeedLifecycle) {
		e.lifecycleFields(&o, v)
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
		e.imageFields(&o, v)
	}
	return o.term()
}

// imageFields adds sums over the images and what they cost.
func (e *Engine) imageFields(o *object, v *view) {
	s := e.sums(v)
	o.set("stats", s.term(len(v.repository.Images), e.needs[snapshot.NeedImageGraph]))
	var cost object
	cost.amount("monthly", s.monthly)
	cost.amount("unused_monthly", s.unusedMonthly)
	if v.preview != nil {
		cost.amount("freed_monthly", v.preview.freedMonthly(v.repository, v.settings.Settings.Prices))
	}
	o.set("cost", cost.term())
}

// accessFields adds who can do what.
func accessFields(o *object, v *view) {
	r, settings, analysis := v.repository, v.settings, &v.access.Analysis
	var policy object
	policy.flag("present", r.Policy != "")
	policy.text("text", r.Policy)
	policy.texts("problems", analysis.Problems)
	statements, _ := access.Statements(r.Policy) // what is wrong stands in problems
	policy.set("statements", list(statements, statementTerm))
	o.set("policy", policy.term())
	o.text("exposure", string(analysis.Exposure))
	o.set("access", list(analysis.Grants, grantTerm))

	readers := slices.DeleteFunc(slices.Clone(settings.Settings.ReaderAccounts), func(account string) bool { return account == r.Account })
	o.set("readers", list(readers, func(account string) *ast.Term {
		verdict := access.CanPull(v.access.documents, v.access.context, account)
		var reader object
		reader.text("account", account)
		reader.text("answer", verdict.Answer)
		reader.text("reason", verdict.Reason)
		return reader.term()
	}))
}

// accessContext is where a repository stands, or with an empty name the registry.
func (e *Engine) accessContext(target snapshot.Target, repository string, settings *config.Effective) access.Context {
	return access.Context{
		Partition: target.Partition, Account: target.Account, Region: target.Region, Repository: repository,
		OrganizationID: e.organization.ID, NoOrganization: e.organization.None,
		Members: e.members, Trusted: settings.Settings.TrustedAccounts, Vendors: settings.Settings.VendorAccounts,
	}
}

func statementTerm(s access.Statement) *ast.Term {
	var o object
	o.text("id", s.ID)
	o.text("effect", s.Effect)
	o.texts("actions", s.Actions)
	o.flag("not_action", s.NotAction)
	o.texts("inert", s.Inert)
	o.texts("wildcards", s.Wildcards)
	o.set("principals", list(s.Principals, func(p access.StatementPrincipal) *ast.Term {
		var o object
		o.text("type", p.Type)
		o.text("value", p.Value)
		o.text("kind", p.Kind)
		o.text("account", p.Account)
		return o.term()
	}))
	o.flag("not_principal", s.NotPrincipal)
	o.texts("conditions", s.Conditions)
	return o.term()
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
