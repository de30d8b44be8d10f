// Package evaluate runs Rego rules over a snapshot and returns findings.
//
// Evaluation is pure: the same snapshot, rules, configuration and clock give
// the same findings, without network, environment or time of day. Rules see
// one document, described by policies/schema/input.v1.json; whatever is hard to
// know stands in it as data.
//
// A rule answers in three values. It denies, it says that it cannot tell, or it
// is silent and the resource passes. Where a document that it needs could not
// be read it is not run, and the engine says in its place that it cannot tell.
package evaluate

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"

	"github.com/ecraudit/ecraudit/internal/access"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Options are what evaluation depends on beside rules and configuration.
type Options struct {
	Clock     time.Time     // what rules see as input.now
	TimeLimit time.Duration // for one evaluation; zero is DefaultTimeLimit
	// MemoryLimit is by how many bytes the program may grow in one evaluation; zero
	// is 2 GiB, or half of GOMEMLIMIT where that is less.
	MemoryLimit uint64
}

// DefaultTimeLimit is how long one evaluation of a repository, or of a page of
// its images, may take.
const DefaultTimeLimit = 10 * time.Second

// pageSize is how many images a rule sees at once.
const pageSize = 500

// Engine judges registries and repositories. Once Begin has been called it can
// be used by many goroutines.
type Engine struct {
	options  Options
	config   *config.Config
	rules    []*Rule // those that may run somewhere
	chosenBy string  // the framework that rules were chosen by
	digest   string
	needs    snapshot.Needs
	previews bool // some rule sees what lifecycle policies would do
	compiler *ast.Compiler
	data     storage.Store        // what rules find below data beside modules
	sources  []finding.RuleSource // where rules come from that are not part of ecraudit

	organization     snapshot.Organization
	accounts         *config.Accounts
	organizationTerm *ast.Term
	members          map[string]string
	now              *ast.Term

	queries    sync.Map // query text → *query
	settings   sync.Map // *config.Effective → *ast.Term
	registries sync.Map // *snapshot.Registry → *ast.Term
	mutability sync.Map // → *ast.Term
	baselines  sync.Map // → []baseline
	lifecycles sync.Map // → *lifecycleKnowledge
	classes    sync.Map // *config.Effective → []retention.Class
	failures   atomic.Int64
	conducts   map[string]*conduct    // by rule id
	solitude   chan struct{}          // held while a rule is evaluated alone
	timings    atomic.Int64           // how often rules were timed one by one
	doubted    atomic.Pointer[string] // why it is not known which settings hold somewhere
	table      table
	waiving    *waiving // nil where there is no waiver

	readsRepositories bool // some rule of scope organization may look at every repository
}

// New compiles the rules that the configuration leaves on.
func New(rules *Rules, c *config.Config, o Options) (*Engine, error) {
	if o.TimeLimit == 0 {
		o.TimeLimit = DefaultTimeLimit
	}
	if o.MemoryLimit == 0 {
		o.MemoryLimit = memoryLimit()
	}
	e := &Engine{options: o, conducts: map[string]*conduct{}, solitude: make(chan struct{}, 1), config: c, digest: rules.digest, chosenBy: rules.Framework, needs: snapshot.Needs{}, now: number(o.Clock.UnixNano())}
	waives := len(c.Waivers) > 0 || c.MayWaiveByTags()
	if waives {
		e.waiving = newWaiving(c, rules, o.Clock)
	}
	for _, rule := range rules.Listed() {
		if c.MayRun(rule.ID, !rule.Optional) && (waives || !rule.engine) {
			e.rules = append(e.rules, rule)
			e.conducts[rule.ID] = &conduct{}
		}
	}
	for _, rule := range e.rules {
		needs := slices.Concat(rule.Needs, rule.Uses)
		for _, need := range needs {
			e.needs[need] = true
			if slices.Contains(snapshot.ImageNeeds(), need) {
				e.needs[snapshot.NeedImages] = true
			}
		}
		e.previews = e.previews || slices.Contains(needs, snapshot.NeedLifecycle) && slices.Contains(needs, snapshot.NeedImages)
	}
	for _, need := range c.Needs() {
		e.needs[need] = true
	}
	e.readsRepositories = slices.ContainsFunc(rules.library, readsRepositories) ||
		slices.ContainsFunc(e.rulesOf(finding.ScopeOrganization), func(r *Rule) bool { return readsRepositories(r.module) })
	e.sources = rules.Sources
	e.data = rules.Data()
	var err error
	e.compiler, err = rules.compile(e.rules)
	return e, err
}

// Needs are the documents that must be collected for the active rules, and to know
// which settings hold.
func (e *Engine) Needs() snapshot.Needs { return e.needs }

// Digest identifies the rules: "sha256:<64 hex>" of their sources.
func (e *Engine) Digest() string { return e.digest }

// ConfigSources are the files of the configuration, the one that was loaded last.
func (e *Engine) ConfigSources() []finding.Source { return e.config.Sources }

// RuleSources are where rules come from that are not part of ecraudit.
func (e *Engine) RuleSources() []finding.RuleSource { return e.sources }

// Framework is the catalogue of controls that rules were chosen by, or empty.
func (e *Engine) Framework() string { return e.chosenBy }

// Clock is the moment that rules judge by.
func (e *Engine) Clock() time.Time { return e.options.Clock }

// Failures is how often a rule failed and gave no verdict, so far.
func (e *Engine) Failures() int { return int(e.failures.Load()) }

// OwnRules are the ids of active rules that are no default ones, and whether they
// have fixes.
func (e *Engine) OwnRules() map[string]bool {
	own := map[string]bool{}
	for _, rule := range e.rules {
		if rule.Source != "" {
			own[rule.ID] = len(rule.Fixes()) > 0
		}
	}
	return own
}

// Rules describes the active rules, by id, with configured severities.
func (e *Engine) Rules() []finding.Rule {
	everywhere := e.config.For(config.Resource{})
	described := make([]finding.Rule, len(e.rules))
	for i, rule := range e.rules {
		described[i] = rule.Rule
		described[i].Severity = everywhere.Severity(rule.ID, rule.Severity)
	}
	return described
}

// Begin tells the engine the organization, before anything is judged.
func (e *Engine) Begin(organization snapshot.Organization) {
	e.organization = organization
	e.accounts = config.NewAccounts(organization)
	e.organizationTerm = organizationTerm(organization)
	if organization.Accounts == nil {
		return
	}
	e.members = map[string]string{}
	for _, account := range organization.Accounts {
		e.members[account.ID] = account.Path
	}
}

// ReleaseTag returns the test for release tags that holds for a repository.
func (e *Engine) ReleaseTag(r *snapshot.Repository) func(string) bool {
	return e.config.For(e.accounts.Repository(r)).ReleaseTagsRegexp().MatchString
}

// Registry judges a registry. The error is that ctx ended.
func (e *Engine) Registry(ctx context.Context, r *snapshot.Registry) ([]finding.Finding, error) {
	e.table.addRegistry(e, r)
	return e.registry(ctx, r, false)
}

// ImagineRegistry judges a registry as it would be.
func (e *Engine) ImagineRegistry(ctx context.Context, r *snapshot.Registry) ([]finding.Finding, error) {
	defer e.registries.Delete(r)
	return e.registry(ctx, r, true)
}

func (e *Engine) registry(ctx context.Context, r *snapshot.Registry, imagined bool) ([]finding.Finding, error) {
	resource := e.accounts.Target(r.Target)
	settings, undecided := e.config.Decide(resource)
	j := &judgement{engine: e, target: r.Target, settings: settings, gap: r.Gap}
	if undecided != "" {
		j.undecided(undecided, resource, finding.ScopeRegistry)
		return j.waive(j.finish(), resource, !imagined), nil
	}
	base, err := j.base(e.registryValue(r))
	if err != nil {
		return nil, err
	}
	if err := j.run(ctx, e.rulesOf(finding.ScopeRegistry), base); err != nil {
		return nil, err
	}
	return j.waive(j.finish(), resource, !imagined), nil
}

// Repository judges a repository and its images. The error is that ctx ended.
func (e *Engine) Repository(ctx context.Context, reg *snapshot.Registry, r *snapshot.Repository) ([]finding.Finding, error) {
	return e.repository(ctx, reg, r, false)
}

// Imagine judges a repository as it would be. It is not counted as one of the
// organization's.
func (e *Engine) Imagine(ctx context.Context, reg *snapshot.Registry, r *snapshot.Repository) ([]finding.Finding, error) {
	return e.repository(ctx, reg, r, true)
}

func (e *Engine) repository(ctx context.Context, reg *snapshot.Registry, r *snapshot.Repository, imagined bool) ([]finding.Finding, error) {
	return e.judge(ctx, e.view(reg, r), imagined)
}

func (e *Engine) judge(ctx context.Context, v *view, imagined bool) ([]finding.Finding, error) {
	j := e.judgementOf(v)
	if !imagined {
		e.table.addRepository(e, v)
	}
	if v.undecided != "" {
		j.undecided(v.undecided, v.resource, finding.ScopeRepository, finding.ScopeImage)
		return j.waive(j.finish(), v.resource, !imagined), nil
	}
	base, err := j.repositoryInput(v)
	if err != nil {
		return nil, err
	}
	if err := j.run(ctx, e.rulesOf(finding.ScopeRepository), base); err != nil {
		return nil, err
	}
	for rules, input := range e.imageInputs(base, v) {
		if err := j.run(ctx, rules, input); err != nil {
			return nil, err
		}
	}
	return j.waive(j.finish(), v.resource, !imagined), nil
}

// judgementOf begins to judge a repository.
func (e *Engine) judgementOf(v *view) *judgement {
	reg, r := v.registry, v.repository
	return &judgement{engine: e, target: r.Target, repository: r, settings: v.settings, gap: func(n snapshot.Need) *snapshot.Gap {
		if gap := r.Gap(n); gap != nil {
			return gap
		}
		return reg.Gap(n)
	}}
}

// repositoryInput is what rules of scope repository see.
func (j *judgement) repositoryInput(v *view) (object, error) {
	base, err := j.base(j.engine.registryValue(v.registry))
	if err != nil {
		return nil, err
	}
	base.set("repository", j.engine.repositoryTerm(v))
	return base, nil
}

// imageInputs yields what image rules see, page by page, with the rules that
// see it.
func (e *Engine) imageInputs(base object, v *view) iter.Seq2[[]*Rule, object] {
	return func(yield func([]*Rule, object) bool) {
		images := v.repository.Images
		if len(images) == 0 { // what cannot be told is said without a page, too
			yield(e.rulesOf(finding.ScopeImage), withImages(base, nil))
			return
		}
		builder := e.newImageTerms(v)
		for page := range slices.Chunk(images, pageSize) {
			built := make([]builtImage, len(page))
			for i := range page {
				built[i] = builder.build(&page[i])
			}
			for selection, rules := range e.imageRules() {
				terms := selection.of(built)
				if len(terms) > 0 && !yield(rules, withImages(base, terms)) {
					return
				}
			}
		}
	}
}

// rulesOf are the rules of a scope.
func (e *Engine) rulesOf(scope finding.Scope) []*Rule {
	return slices.DeleteFunc(slices.Clone(e.rules), func(r *Rule) bool { return r.Scope != scope || r.engine })
}

// imageRules yields the image rules by the images that they are about.
func (e *Engine) imageRules() iter.Seq2[Selection, []*Rule] {
	return func(yield func(Selection, []*Rule) bool) {
		for _, selection := range Selections() {
			rules := slices.DeleteFunc(e.rulesOf(finding.ScopeImage), func(r *Rule) bool { return r.Images != selection })
			if len(rules) > 0 && !yield(selection, rules) {
				return
			}
		}
	}
}

// Access is what decides who can reach a repository, and what is known around
// it; of the registry alone where r is nil.
func (e *Engine) Access(reg *snapshot.Registry, r *snapshot.Repository) (access.Documents, access.Context) {
	documents := access.Documents{RegistryPolicy: reg.Policy, RegistryScope: reg.Settings["REGISTRY_POLICY_SCOPE"]}
	if gap := reg.Gap(snapshot.NeedRegistryPolicy); gap != nil {
		documents.RegistryUnread = gap.Code + ": " + gap.Message
	}
	if r == nil {
		return documents, e.accessContext(reg.Target, "", e.config.For(e.accounts.Target(reg.Target)))
	}
	documents.RepositoryPolicy = r.Policy
	return documents, e.accessContext(r.Target, r.Name, e.config.For(e.accounts.Repository(r)))
}

// Settings are those that hold for a repository, or for the registry where r is
// nil.
func (e *Engine) Settings(reg *snapshot.Registry, r *snapshot.Repository) *config.Effective {
	if r == nil {
		return e.config.For(e.accounts.Target(reg.Target))
	}
	return e.config.For(e.accounts.Repository(r))
}

func withImages(base object, images []*ast.Term) object {
	input := slices.Clone(base)
	input.set("images", ast.ArrayTerm(images...))
	return input
}

// registryValue builds a registry's value once.
func (e *Engine) registryValue(r *snapshot.Registry) *ast.Term {
	if known, ok := e.registries.Load(r); ok {
		return known.(*ast.Term)
	}
	term := e.registryTerm(r)
	e.registries.Store(r, term)
	return term
}

// settingsTerm builds the value of settings once.
func (e *Engine) settingsTerm(s *config.Effective) (*ast.Term, error) {
	if known, ok := e.settings.Load(s); ok {
		return known.(*ast.Term), nil
	}
	settings := s.Settings
	settings.ProtectedTags = s.ProtectedTagsRegexp().String()
	term, err := generic(settings)
	if err == nil {
		e.settings.Store(s, term)
	}
	return term, err
}

// query is a prepared query over some rules of one scope.
type query struct {
	once     sync.Once
	prepared rego.PreparedEvalQuery
	err      error
}

// prepare returns the query that evaluates the rules, compiled once. Its
// answer maps rule ids to what they deny and what they cannot tell.
func (e *Engine) prepare(ctx context.Context, rules []*Rule) (rego.PreparedEvalQuery, error) {
	var text strings.Builder
	text.WriteString("answer := {")
	for i, rule := range rules {
		if i > 0 {
			text.WriteString(", ")
		}
		fmt.Fprintf(&text, "%q: {\"deny\": data.%s.%s.deny", rule.ID, rulePackage, rule.name)
		if rule.unknown {
			fmt.Fprintf(&text, ", \"unknown\": data.%s.%s.unknown", rulePackage, rule.name)
		}
		text.WriteString("}")
	}
	text.WriteString("}")
	value, _ := e.queries.LoadOrStore(text.String(), &query{})
	q := value.(*query)
	q.once.Do(func() {
		q.prepared, q.err = rego.New(rego.Query(text.String()), rego.Compiler(e.compiler), rego.StrictBuiltinErrors(true), rego.Store(e.data)).PrepareForEval(context.WithoutCancel(ctx))
	})
	return q.prepared, q.err
}
