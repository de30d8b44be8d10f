package remediate

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/ecraudit/ecraudit/internal/access"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// registryDraft gathers what is to be mended in a registry: found on itself, or
// on its repositories.
type registryDraft struct {
	planner *Planner
	before  *snapshot.Registry

	mu       sync.Mutex
	findings []finding.Finding // with fixes of the registry policy or of templates
	scans    []repositoryScan
}

// repositoryScan is a repository that the registry's rules should scan.
type repositoryScan struct {
	finding finding.Finding
	name    string
}

// registry is the draft of a registry.
func (p *Planner) registry(reg *snapshot.Registry) *registryDraft {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := p.registries[reg.Target]
	if d == nil {
		d = &registryDraft{planner: p, before: reg}
		p.registries[reg.Target] = d
	}
	return d
}

func (d *registryDraft) edit(f finding.Finding) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.findings = append(d.findings, f)
}

func (d *registryDraft) scan(f finding.Finding, repository string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.scans = append(d.scans, repositoryScan{f, repository})
}

// topicOf is what a change of the registry is about: its policy, or a template.
type registryTopic struct {
	kind   Kind
	prefix string
}

// finish drafts the registry, and has the draft judged again as that of a
// repository.
func (d *registryDraft) finish(ctx context.Context) error {
	if d.planner.Filter.Repository != nil {
		d.leaveAll()
		return nil
	}
	slices.SortFunc(d.findings, func(a, b finding.Finding) int { return cmp.Compare(a.Fingerprint, b.Fingerprint) })
	after := *d.before
	after.CreationTemplates = slices.Clone(after.CreationTemplates)
	changes := map[registryTopic]*Change{}
	seen := map[string]bool{}
	findings := d.findings
	for range rounds {
		progress, err := d.mend(&after, findings, seen, changes)
		if err != nil {
			return err
		}
		if !progress {
			break
		}
		if findings, err = d.planner.judge.ImagineRegistry(ctx, &after); err != nil {
			return err
		}
	}
	d.finishPolicy(&after, changes[registryTopic{KindPolicy, ""}])
	d.finishTemplates(&after, changes)
	return d.finishScanning()
}

// leaveAll leaves what only a change of the registry would mend of the
// repositories that were chosen.
func (d *registryDraft) leaveAll() {
	const reason = "it takes a change of the registry, which is for all its repositories, and --repository leaves registries alone"
	for _, s := range d.scans {
		d.planner.leave(s.finding, d.before.Target, reason)
	}
	for _, f := range d.findings {
		if f.Repository != "" {
			d.planner.leave(f, d.before.Target, reason)
		}
	}
}

// mend changes the draft for every finding that is new.
func (d *registryDraft) mend(after *snapshot.Registry, findings []finding.Finding, seen map[string]bool, changes map[registryTopic]*Change) (progress bool, err error) {
	var editor *access.Editor
	for _, f := range findings {
		if !d.planner.mends(f) || seen[f.Fingerprint] {
			continue
		}
		seen[f.Fingerprint], progress = true, true
		fix, err := finding.ParseFix(f.Fix)
		if err != nil {
			return false, err
		}
		if err := allowed(fix, d.planner.judge.Settings(d.before, nil)); err != nil {
			if err := d.planner.leaveRefused(f, d.before.Target, err); err != nil {
				return false, err
			}
			continue
		}
		var about registryTopic
		var words []string
		if fix.Source == "registry-policy" {
			editor, words, err = d.mendPolicy(after, editor, fix)
			about = registryTopic{KindPolicy, ""}
		} else {
			words, err = d.mendTemplate(after, fix)
			about = registryTopic{KindTemplate, fix.Template}
		}
		if err != nil {
			if err := d.planner.leaveRefused(f, d.before.Target, err); err != nil {
				return false, err
			}
			continue
		}
		d.note(changes, about, f, words)
	}
	if editor != nil {
		after.Policy = editor.Text()
	}
	return progress, nil
}

func (d *registryDraft) note(changes map[registryTopic]*Change, about registryTopic, f finding.Finding, words []string) {
	c := changes[about]
	if c == nil {
		c = &Change{Kind: about.kind, Target: d.before.Target, AccountName: d.before.AccountName, Risk: RiskSafe}
		changes[about] = c
	}
	c.Why = append(c.Why, whyOf(f))
	for _, w := range words {
		if !slices.Contains(c.Summary, w) {
			c.Summary = append(c.Summary, w)
		}
	}
}

func (d *registryDraft) mendPolicy(after *snapshot.Registry, editor *access.Editor, fix finding.Fix) (*access.Editor, []string, error) {
	if gap := d.before.Gap(snapshot.NeedRegistryPolicy); gap != nil {
		return editor, nil, refuse("", "the registry policy could not be read (%s: %s)", gap.Code, gap.Message)
	}
	if editor == nil {
		documents, about := d.planner.judge.Access(after, nil)
		var err error
		if editor, err = access.Edit(documents, about, "registry-policy"); err != nil {
			return nil, nil, refusalOf(err)
		}
	}
	before := len(editor.Words())
	if err := edit(editor, fix); err != nil {
		return editor, nil, refusalOf(err)
	}
	return editor, editor.Words()[before:], nil
}

func (d *registryDraft) finishPolicy(after *snapshot.Registry, c *Change) {
	if c == nil || access.EqualPolicy(d.before.Policy, after.Policy) {
		return
	}
	c.Steps = []Step{{Aspect: RegistryPolicy, From: State{Document: d.before.Policy}, To: State{Document: after.Policy}}}
	then, about := d.planner.judge.Access(d.before, nil)
	now, _ := d.planner.judge.Access(after, nil)
	c.reach(then, now, about, "registry-policy")
	d.planner.add(*c)
}

// mendTemplate changes a creation template.
func (d *registryDraft) mendTemplate(after *snapshot.Registry, fix finding.Fix) ([]string, error) {
	at := slices.IndexFunc(after.CreationTemplates, func(t snapshot.CreationTemplate) bool { return t.Prefix == fix.Template })
	if at < 0 {
		return nil, refuse("", "there is no creation template %s", fix.Template)
	}
	settings := d.planner.judge.Settings(d.before, nil)
	template := &after.CreationTemplates[at]
	switch fix.Action {
	case finding.SetTagMutability:
		pattern, err := immutableTags(fix.ImmutableTags, settings)
		if err != nil {
			return nil, err
		}
		changed, words, err := immutable(template.Mutability, pattern)
		if err == nil {
			template.Mutability = changed
		}
		return []string{words}, err
	case finding.PutLifecyclePolicy:
		text, words, err := mendedLifecycle(template.Lifecycle, fix, settings)
		if err == nil {
			template.Lifecycle = text
		}
		return words, err
	case finding.TagResource:
		template.Tags = maps.Clone(template.Tags)
		if template.Tags == nil {
			template.Tags = map[string]string{}
		}
		maps.Copy(template.Tags, fix.ResourceTags)
		return []string{"set the resource tags " + strings.Join(slices.Sorted(maps.Keys(fix.ResourceTags)), ", ")}, nil
	}
	return nil, refuse("", "%s does not fit a creation template", fix.Action)
}

func (d *registryDraft) finishTemplates(after *snapshot.Registry, changes map[registryTopic]*Change) {
	for i := range after.CreationTemplates {
		from, to := d.before.CreationTemplates[i], after.CreationTemplates[i]
		c := changes[registryTopic{KindTemplate, to.Prefix}]
		if c == nil || (creationTemplate{}).same(State{Template: &from}, State{Template: &to}) {
			continue
		}
		c.Steps = []Step{{Aspect: CreationTemplate, Name: to.Prefix, From: State{Template: &from}, To: State{Template: &to}}}
		c.Notes = []string{"a template is for repositories to come: those that are there stay as they are"}
		if !sameLifecycle(from.Lifecycle, to.Lifecycle) || !sameMutability(from.Mutability, to.Mutability) {
			c.Risk = RiskReview
		}
		d.planner.add(*c)
	}
}

// finishScanning adds the repositories that should be scanned to the registry's
// rules, in one change, because the call replaces them all.
func (d *registryDraft) finishScanning() error {
	if len(d.scans) == 0 {
		return nil
	}
	slices.SortFunc(d.scans, func(a, b repositoryScan) int { return cmp.Compare(a.name, b.name) })
	after := *d.before.Scanning
	c := &Change{Kind: KindScanning, Target: d.before.Target, AccountName: d.before.AccountName, Risk: RiskSafe}
	settings := d.planner.judge.Settings(d.before, nil)
	for _, s := range d.scans {
		next, err := after, allowed(finding.Fix{Action: finding.SetScanning}, settings)
		if err == nil {
			next, err = withRepository(after, s.name)
		}
		if err != nil {
			if err := d.planner.leaveRefused(s.finding, d.before.Target, err); err != nil {
				return err
			}
			continue
		}
		after = next
		c.Summary = append(c.Summary, "scan "+s.name+" when images are pushed")
		c.Why = append(c.Why, whyOf(s.finding))
	}
	if (registryScanning{}).same(State{Scanning: d.before.Scanning}, State{Scanning: &after}) {
		return nil
	}
	c.Steps = []Step{{Aspect: RegistryScanning, From: State{Scanning: d.before.Scanning}, To: State{Scanning: &after}}}
	d.planner.add(*c)
	return nil
}
