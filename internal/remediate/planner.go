package remediate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ecraudit/ecraudit/internal/access"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/imagegraph"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Judge says what is wrong with a registry or repository as it would be, and
// what holds there. It is pure: nothing is asked of AWS.
type Judge interface {
	Imagine(context.Context, *snapshot.Registry, *snapshot.Repository) ([]finding.Finding, error)
	ImagineRegistry(context.Context, *snapshot.Registry) ([]finding.Finding, error)
	Access(*snapshot.Registry, *snapshot.Repository) (access.Documents, access.Context)
	Settings(*snapshot.Registry, *snapshot.Repository) *config.Effective
}

// PlanOptions say what a plan is made for.
type PlanOptions struct {
	Clock     time.Time      // when what is judged was collected
	Collected snapshot.Needs // what was asked for; the rest is not known
	Filter    Filter         // which findings to mend
	// OwnRules are the ids of rules that are no default ones, and whether they have
	// fixes.
	OwnRules map[string]bool
}

// Needs are the documents that planning looks at beside what rules need.
func Needs() []snapshot.Need {
	return []snapshot.Need{snapshot.NeedLifecycle, snapshot.NeedImages, snapshot.NeedImageGraph, snapshot.NeedRegistryScanning, snapshot.NeedPullThroughCache}
}

// Planner turns findings into a plan. It drafts each registry and repository as
// it should be, and has the draft judged again: what mending one finding brings
// up is mended in the same change, so that a plan made after the apply is empty.
//
// Its methods may be called from many goroutines. It keeps nothing of a
// repository but its changes.
type Planner struct {
	judge Judge
	PlanOptions

	mu         sync.Mutex
	changes    []Change
	left       []Left
	registries map[snapshot.Target]*registryDraft
}

// NewPlanner returns a planner without changes.
func NewPlanner(judge Judge, o PlanOptions) *Planner {
	return &Planner{judge: judge, PlanOptions: o, registries: map[snapshot.Target]*registryDraft{}}
}

// rounds is how often a draft is judged again before what is still found is
// left.
const rounds = 6

// Registry takes note of what is to be mended in a registry. It is drafted at
// the end, because findings on its repositories ask for changes of it, too.
func (p *Planner) Registry(_ context.Context, reg *snapshot.Registry, findings []finding.Finding) error {
	d := p.registry(reg)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range findings {
		switch {
		case p.mends(f):
			d.findings = append(d.findings, f)
		case p.concerns(f):
			p.leaveByHand(f, reg.Target)
			if p.Filter.Repository == nil {
				p.leaveUnfixed(f, reg.Target, p.judge.Settings(reg, nil))
			}
		default:
			p.leaveWaived(f, reg.Target)
		}
	}
	return nil
}

// Repository drafts a repository. Its error is that the draft could not be
// judged.
func (p *Planner) Repository(ctx context.Context, reg *snapshot.Registry, r *snapshot.Repository, findings []finding.Finding) error {
	if p.Filter.Repository != nil && !p.Filter.Repository(r.Name) {
		return nil
	}
	for _, f := range findings {
		if f.Fix == nil && p.concerns(f) {
			p.leaveByHand(f, r.Target)
		}
		p.leaveWaived(f, r.Target)
	}
	if !slices.ContainsFunc(findings, p.mends) {
		p.leaveAllUnfixed(findings, reg, r)
		return nil
	}
	d := p.draft(reg, r)
	for range rounds {
		progress, err := d.mend(findings)
		if err != nil {
			return err
		}
		if !progress {
			break
		}
		if findings, err = p.judge.Imagine(ctx, reg, d.after); err != nil {
			return err
		}
	}
	d.leavePersistent(findings)
	p.leaveAllUnfixed(findings, reg, r) // those that no fix of another finding mends
	return d.finish()
}

// mends reports whether a finding is one that the plan should mend and that
// says how.
func (p *Planner) mends(f finding.Finding) bool { return f.Fix != nil && p.concerns(f) }

func (p *Planner) concerns(f finding.Finding) bool {
	return f.Status == finding.Fail && p.chooses(f.Rule)
}

// chooses reports whether the findings of a rule are to be mended.
func (p *Planner) chooses(rule string) bool {
	return len(p.Filter.Rules) == 0 || slices.Contains(p.Filter.Rules, rule)
}

// add keeps a change.
func (p *Planner) add(c Change) {
	c.identify()
	slices.SortFunc(c.Why, func(a, b Why) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changes = append(p.changes, c)
}

// leave notes that a finding is not mended, and why.
func (p *Planner) leave(f finding.Finding, at snapshot.Target, reason string, steps ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left = append(p.left, Left{
		Why: whyOf(f), Target: at, Repository: f.Repository, Digest: f.Digest, Tag: f.Tag, Reason: reason, Steps: steps,
	})
}

// leaveRefused leaves a finding where the error is a refusal to mend it, and
// returns any other error.
func (p *Planner) leaveRefused(f finding.Finding, at snapshot.Target, err error) error {
	refusal, refused := errors.AsType[*Refusal](err)
	if !refused {
		return err
	}
	var steps []string
	if refusal.Remedy != "" {
		steps = []string{refusal.Remedy}
	}
	p.leave(f, at, refusal.Reason, steps...)
	return nil
}

func whyOf(f finding.Finding) Why {
	return Why{Fingerprint: f.Fingerprint, Rule: f.Rule, Severity: f.Severity, Message: f.Message}
}

// byHand are the rules whose findings cannot be mended in place, and what a
// person would do.
var byHand = map[string]struct {
	reason string
	steps  []string
}{
	"encryption": {"encryption is fixed when a repository is created", reencrypt},
	"kms-key":    {"encryption is fixed when a repository is created", reencrypt},
	"replication-outside-organization": {"replication is only reported: to change it decides where images are", []string{
		"Find out who relies on the replicas.",
		"Take the destination out of the registry's replication rules (PutReplicationConfiguration replaces all rules).",
		"Have the replicas deleted in the other account; replication does not take them back.",
	}},
}

var reencrypt = []string{
	"Create a repository of another name with the encryption that is demanded, and copy policy, lifecycle policy, settings and tags.",
	"Copy the images by digest, with their tags and what describes them, for example with crane copy or oras cp --recursive.",
	"Point pushes and deployments to it, and wait until nothing pulls from the old one.",
	"Delete the old repository; where the name must stay, create it anew and copy back.",
}

func (p *Planner) leaveByHand(f finding.Finding, at snapshot.Target) {
	if hand, known := byHand[f.Rule]; known {
		p.leave(f, at, hand.reason, hand.steps...)
	}
}

// leaveWaived leaves what could be mended and is excused.
func (p *Planner) leaveWaived(f finding.Finding, at snapshot.Target) {
	if f.Status != finding.Waived || f.Waiver.Verdict != finding.Fail || f.Fix == nil || !p.chooses(f.Rule) {
		return
	}
	p.leave(f, at, fmt.Sprintf("it is waived until %s (%s): %s", f.Waiver.Until, f.Waiver.Source, f.Waiver.Reason))
}

// Finish drafts the registries and returns the plan. complete says that
// everything could be read.
func (p *Planner) Finish(ctx context.Context, head Plan) (*Plan, error) {
	targets := make([]snapshot.Target, 0, len(p.registries))
	for target := range p.registries {
		targets = append(targets, target)
	}
	slices.SortFunc(targets, snapshot.Target.Compare)
	for _, target := range targets {
		if err := p.registries[target].finish(ctx); err != nil {
			return nil, err
		}
		head.Partition = cmp.Or(head.Partition, target.Partition)
	}
	plan := head
	plan.Schema, plan.Clock, plan.Changes, plan.Left = Schema, p.Clock, p.changes, p.left
	if p.Filter.MaxRisk != "" {
		chosen, others := plan.Choose(Filter{MaxRisk: p.Filter.MaxRisk})
		plan.Changes, plan.NotChosen = chosen, len(others)
	}
	plan.finish()
	return &plan, nil
}

// draft is a repository as it should be.
type draft struct {
	*Planner
	registry      *snapshot.Registry
	before, after *snapshot.Repository
	settings      *config.Effective
	graph         func() *imagegraph.Graph // of the images as they were collected
	editor        *access.Editor           // of the repository policy, in this round

	seen  map[string]bool // fingerprints that were dealt with
	fixed map[string]bool // those that this draft should have mended
	notes map[topic]*note
}

// topic is what becomes one change.
type topic struct {
	kind   Kind
	digest string
}

// note is what is known of a change before it is made.
type note struct {
	why   []Why
	words []string
	by    []finding.Finding
}

func (p *Planner) draft(reg *snapshot.Registry, r *snapshot.Repository) *draft {
	after := *r
	after.Images = slices.Clone(r.Images)
	return &draft{
		Planner: p, registry: reg, before: r, after: &after, settings: p.judge.Settings(reg, r),
		graph: sync.OnceValue(func() *imagegraph.Graph { return imagegraph.New(r.Images) }),
		seen:  map[string]bool{}, fixed: map[string]bool{}, notes: map[topic]*note{},
	}
}

// mend changes the draft for every finding that is new. It reports whether there
// was one.
func (d *draft) mend(findings []finding.Finding) (progress bool, err error) {
	for _, f := range inOrder(findings) {
		if !d.mends(f) || d.seen[f.Fingerprint] {
			continue
		}
		d.seen[f.Fingerprint], progress = true, true
		if err := d.leaveRefused(f, d.before.Target, d.mendOne(f)); err != nil {
			return false, err
		}
	}
	if d.editor != nil {
		d.after.Policy = d.editor.Text()
		d.editor = nil
	}
	return progress, nil
}

// inOrder puts findings in the order in which they are mended. To repair a
// lifecycle policy comes first: what was meant may then meet the baseline as it
// is. To archive images comes last: an archived one cannot lose its tags.
func inOrder(findings []finding.Finding) []finding.Finding {
	var turns [3][]finding.Finding
	for _, f := range findings {
		at := turn(f)
		turns[at] = append(turns[at], f)
	}
	return slices.Concat(turns[:]...)
}

func turn(f finding.Finding) int {
	fix, err := finding.ParseFix(f.Fix)
	switch {
	case err == nil && fix.Repair:
		return 0
	case err == nil && fix.Action == finding.ArchiveImage:
		return 2
	}
	return 1
}

func (d *draft) mendOne(f finding.Finding) error {
	fix, err := finding.ParseFix(f.Fix)
	if err != nil {
		return err
	}
	// What the draft becomes may belong to another scope.
	if err := errors.Join(allowed(fix, d.settings), allowed(fix, d.judge.Settings(d.registry, d.after))); err != nil {
		return err
	}
	switch fix.Action {
	case finding.SetPolicyStatement, finding.RemovePolicyStatement:
		return d.mendPolicy(f, fix)
	case finding.PutLifecyclePolicy:
		return d.mendLifecycle(f, fix)
	case finding.SetScanning:
		return d.mendScanning(f)
	case finding.SetTagMutability:
		return d.mendMutability(f, fix)
	case finding.TagResource:
		return d.mendTags(f, fix)
	case finding.UntagImage:
		return d.mendTag(f, fix)
	case finding.ArchiveImage:
		return d.mendUse(f, fix)
	case finding.StartScan:
		return d.mendScan(f, fix)
	}
	return refuse("", "this version does not know the fix %s", fix.Action)
}

// allowed refuses a fix that the configuration does not allow.
func allowed(fix finding.Fix, settings *config.Effective) error {
	if settings.AllowsFix(fix.Action) {
		return nil
	}
	return refuse("mend it by hand, or allow it in fixes of the configuration",
		"the configuration does not allow %s here (fixes, %s)", fix.Action, settings.Origin("fixes"))
}

// note keeps that a change mends a finding, and how.
func (d *draft) note(f finding.Finding, kind Kind, digest string, words ...string) {
	d.fixed[f.Fingerprint] = true
	n := d.notes[topic{kind, digest}]
	if n == nil {
		n = &note{}
		d.notes[topic{kind, digest}] = n
	}
	n.why = append(n.why, whyOf(f))
	n.by = append(n.by, f)
	for _, w := range words {
		if !slices.Contains(n.words, w) {
			n.words = append(n.words, w)
		}
	}
}

// leavePersistent leaves what is still found although it should be mended.
func (d *draft) leavePersistent(findings []finding.Finding) {
	for _, f := range findings {
		if f.Status == finding.Fail && d.fixed[f.Fingerprint] {
			d.leave(f, d.before.Target, "what the fix changes does not mend it")
		}
	}
}

// needs refuses where a document is not known.
func (d *draft) needs(what string, documents ...snapshot.Need) error {
	for _, n := range documents {
		if !d.Collected[n] {
			return refuse("collect it with: ecraudit plan, or a snapshot of a configuration that needs it", "%s: %s was not collected", what, n)
		}
		gap := d.before.Gap(n)
		if gap == nil {
			gap = d.registry.Gap(n)
		}
		if gap != nil {
			return refuse("", "%s: %s could not be read (%s: %s)", what, n, gap.Code, gap.Message)
		}
	}
	return nil
}

// finish makes changes of what the draft differs in.
func (d *draft) finish() error {
	d.unparkable()
	for _, changeOf := range []func() (*Change, error){d.policyChange, d.scanningChange, d.mutabilityChange, d.tagsChange, d.lifecycleChange} {
		c, err := changeOf()
		if err != nil {
			return err
		}
		if c != nil {
			d.add(*c)
		}
	}
	for i := range d.after.Images {
		for _, c := range d.imageChanges(i) {
			d.add(c)
		}
	}
	return nil
}

// change begins a change of the draft; nil where no finding asked for it.
func (d *draft) change(kind Kind, digest string) *Change {
	n := d.notes[topic{kind, digest}]
	if n == nil {
		return nil
	}
	return &Change{
		Kind: kind, Target: d.before.Target, AccountName: d.registry.AccountName, Repository: d.before.Name,
		Summary: n.words, Why: n.why, Risk: RiskSafe,
	}
}
