package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
	"github.com/ecraudit/ecraudit/internal/workbench"
)

type rulesRunFlags struct {
	ruleFlags
	conductFlags
	snapshot, repository, account, region string
	explain, input                        bool
	format                                string
}

func newRulesRun(s streams) *cobra.Command {
	var f rulesRunFlags
	command := &cobra.Command{
		Use:   "run ID",
		Short: "Run one rule over a snapshot, and show what it saw and why it answered so",
		Long: `Run one rule over a snapshot, resource by resource, as an audit does. --explain says
of each expression of the rule whether it held, and why not. --input prints what the
rule saw as JSON, for the Rego playground, opa eval and conftest; of several pages
or resources an array.

A rule that is on nowhere is run everywhere; where the configuration turns it off,
that is said. What it finds does not change the exit code.`,
		Example: `  ecraudit rules run scan-on-push --snapshot org.snapshot
  ecraudit rules run tag-immutability --snapshot org.snapshot --repository 'payments/*' --explain
  ecraudit rules run repository-public --snapshot org.snapshot --repository payments/vulnerable --input`,
		Args: exactlyOne("the id of a rule, such as scan-on-push"),
		RunE: func(command *cobra.Command, args []string) error {
			return f.run(command.Context(), args[0], s)
		},
	}
	flags := command.Flags()
	f.addFiles(flags)
	f.conductFlags.add(flags)
	flags.StringVar(&f.snapshot, "snapshot", "", "the snapshot `FILE` to look at")
	flags.StringVar(&f.repository, "repository", "", "only repositories whose names match (`GLOB`)")
	flags.StringVar(&f.account, "account", "", "only in the account of this `ID`")
	flags.StringVar(&f.region, "region", "", "only in the region of this `NAME`")
	flags.BoolVar(&f.explain, "explain", false, "say of each expression whether it held, and why not")
	flags.BoolVar(&f.input, "input", false, "print what the rule saw, as JSON")
	flags.StringVar(&f.format, "format", "table", "`FORMAT`: table or json")
	complete(command, "format", []string{"table", "json"})
	return command
}

func (f *rulesRunFlags) run(ctx context.Context, id string, s streams) error {
	matches, err := f.check()
	if err != nil {
		return err
	}
	c, rules, err := f.load(ctx, s)
	if err != nil {
		return err
	}
	if err := inRego(rules, id); err != nil {
		return err
	}
	if scope := rules.Rule(id).Scope; f.repository != "" && (scope == finding.ScopeRegistry || scope == finding.ScopeOrganization) {
		return fmt.Errorf("--repository means nothing for %s, whose scope is %s", id, scope)
	}
	saved, err := openSnapshot(f.snapshot)
	if err != nil {
		return err
	}
	defer saved.Close()
	if !c.MayRun(id, true) {
		return fmt.Errorf("%s is off everywhere: %s says so; remove that to run it", id, offAt(c, id))
	}
	if !c.MayRun(id, !rules.Rule(id).Optional) {
		rules = rules.On(id)
	}
	engine, err := saved.engine(c, rules, f.conductFlags)
	if err != nil {
		return err
	}
	w := &ruleWatcher{engine: engine, rule: rules.Rule(id), flags: f, matches: matches}
	sights, err := w.look(ctx, saved)
	if err != nil {
		return err
	}
	if len(sights) == 0 {
		return fmt.Errorf("%s looks at nothing in %s: no %s there is meant by --repository, --account and --region", id, f.snapshot, w.subject())
	}
	return f.show(ctx, s, engine, w.rule, sights)
}

func offAt(c *config.Config, id string) string {
	for _, place := range slices.Backward(c.RulePlaces(id)) {
		if place.Value == "off" {
			return place.At.String()
		}
	}
	return "the configuration"
}

// check returns the test for repositories.
func (f *rulesRunFlags) check() (func(string) bool, error) {
	if err := errors.Join(oneOf("--format", f.format, []string{"table", "json"}), f.conductFlags.check()); err != nil {
		return nil, err
	}
	switch {
	case f.snapshot == "":
		return nil, errors.New("--snapshot is missing: make one with ecraudit snapshot -o FILE")
	case f.input && (f.explain || f.format == "json"):
		return nil, errors.New("--input prints the input and nothing else: leave --explain and --format out")
	case f.repository == "":
		return func(string) bool { return true }, nil
	}
	matches, err := config.Glob(f.repository)
	if err != nil {
		return nil, fmt.Errorf("--repository: %w", err)
	}
	return matches, nil
}

// ruleWatcher has one rule look at what a snapshot has.
type ruleWatcher struct {
	engine  *evaluate.Engine
	rule    *evaluate.Rule
	flags   *rulesRunFlags
	matches func(string) bool
	sights  []evaluate.Sight
	gap     *snapshot.Gap
}

// subject is what the rule judges, in words.
func (w *ruleWatcher) subject() string {
	if w.rule.Scope == finding.ScopeRegistry {
		return "registry"
	}
	return "repository"
}

func (w *ruleWatcher) look(ctx context.Context, saved *snapshotFile) ([]evaluate.Sight, error) {
	w.engine.Begin(saved.Header.Organization)
	for _, t := range saved.Header.Targets {
		w.note(t.Gaps)
	}
	if err := saved.Read(ctx, w); err != nil {
		return nil, err
	}
	overall, err := w.engine.WatchOrganization(ctx, w.rule.ID, w.gap)
	if err != nil {
		return nil, err
	}
	sights := slices.Concat(w.sights, overall)
	slices.SortStableFunc(sights, func(a, b evaluate.Sight) int {
		return cmp.Or(a.Target.Compare(b.Target), cmp.Compare(a.Repository, b.Repository))
	})
	return sights, nil
}

func (w *ruleWatcher) note(gaps []snapshot.Gap) {
	if w.gap == nil && len(gaps) > 0 {
		w.gap = &gaps[0]
	}
}

// meant reports whether the flags mean a place. A rule on the organization sees
// all of it.
func (w *ruleWatcher) meant(t snapshot.Target) bool {
	f := w.flags
	return w.rule.Scope == finding.ScopeOrganization || (f.account == "" || f.account == t.Account) && (f.region == "" || f.region == t.Region)
}

// Registry is told of each registry by the snapshot.
func (w *ruleWatcher) Registry(ctx context.Context, r *snapshot.Registry) error {
	w.note(r.Gaps)
	if !w.meant(r.Target) {
		return nil
	}
	return w.watch(ctx, r, nil)
}

// Repository is told of each repository by the snapshot.
func (w *ruleWatcher) Repository(ctx context.Context, reg *snapshot.Registry, r *snapshot.Repository) error {
	w.note(r.Gaps)
	if !w.meant(r.Target) || w.rule.Scope != finding.ScopeOrganization && !w.matches(r.Name) {
		return nil
	}
	return w.watch(ctx, reg, r)
}

func (w *ruleWatcher) watch(ctx context.Context, reg *snapshot.Registry, r *snapshot.Repository) error {
	sights, err := w.engine.Watch(ctx, w.rule.ID, reg, r)
	w.sights = append(w.sights, sights...)
	return err
}

func (f *rulesRunFlags) show(ctx context.Context, s streams, engine *evaluate.Engine, rule *evaluate.Rule, sights []evaluate.Sight) error {
	if f.input {
		return showInputs(s, sights)
	}
	runs, err := f.runsOf(ctx, engine, rule, sights)
	if err != nil {
		return err
	}
	if f.format == "json" {
		return writeJSON(s.out, runs)
	}
	return showRuleRuns(newSheet(s), rule, runs).writeTo(s.out)
}

// showInputs prints the only input, or all of them in an array.
func showInputs(s streams, sights []evaluate.Sight) error {
	var inputs []json.RawMessage
	for _, sight := range sights {
		if sight.Input == nil {
			continue
		}
		text, err := evaluate.JSON(sight.Input)
		if err != nil {
			return err
		}
		inputs = append(inputs, text)
	}
	switch len(inputs) {
	case 0:
		return errors.New("the rule saw nothing: it is off there, no image is one that it is about, or a document that it needs was not read; without --input it is said which")
	case 1:
		return writeJSON(s.out, inputs[0])
	}
	return writeJSON(s.out, inputs)
}

// ruleRun is what a rule said of one resource.
type ruleRun struct {
	Account    string             `json:"account,omitempty"`
	Region     string             `json:"region,omitempty"`
	Repository string             `json:"repository,omitempty"`
	Images     int                `json:"images,omitempty"`
	Verdict    string             `json:"verdict"` // pass, fail, unknown, off
	Why        string             `json:"why,omitempty"`
	Findings   []finding.Finding  `json:"findings"`
	Trace      []workbench.Clause `json:"trace,omitempty"`
}

func (f *rulesRunFlags) runsOf(ctx context.Context, engine *evaluate.Engine, rule *evaluate.Rule, sights []evaluate.Sight) ([]ruleRun, error) {
	runs := make([]ruleRun, len(sights))
	var tooSlow *workbench.TooSlowError
	for i, sight := range sights {
		run := ruleRun{Account: sight.Target.Account, Region: sight.Target.Region, Repository: sight.Repository, Images: sight.Images, Findings: sight.Findings}
		run.Verdict, run.Why = verdictOf(rule, sight)
		if run.Findings == nil {
			run.Findings = []finding.Finding{}
		}
		switch {
		case !f.explain || sight.Input == nil:
		case tooSlow != nil: // each would take as long
			run.Why = fmt.Sprintf("not explained: one before %s", tooSlow)
		default:
			trace, err := workbench.Explain(ctx, engine, rule, sight.Input)
			if err != nil {
				run.Why = strings.Join(strings.Fields(err.Error()), " ") // the finding has the same
				tooSlow, _ = errors.AsType[*workbench.TooSlowError](err)
			}
			run.Trace = trace
		}
		runs[i] = run
	}
	return runs, ctx.Err()
}

func verdictOf(rule *evaluate.Rule, sight evaluate.Sight) (verdict, why string) {
	has := func(status finding.Status) bool {
		return slices.ContainsFunc(sight.Findings, func(f finding.Finding) bool { return f.Status == status })
	}
	switch {
	case sight.Off:
		if sight.Place == (config.Place{}) {
			return "off", "off by default, and turned on elsewhere"
		}
		return "off", "off here: " + sight.Place.String()
	case has(finding.Fail):
		return "fail", ""
	case has(finding.Unknown):
		return "unknown", ""
	case sight.Input == nil:
		return "pass", fmt.Sprintf("not run: no image is one of those that it is about (%s)", rule.Images)
	}
	return "pass", ""
}

func (r *ruleRun) place() string {
	if r.Account == "" {
		return "the organization"
	}
	place := r.Account + "/" + r.Region
	if r.Repository != "" {
		place += " " + r.Repository
	}
	if r.Images > 0 {
		place += fmt.Sprintf(" (%s)", plural(r.Images, "image", "images"))
	}
	return place
}

func showRuleRuns(p *sheet, rule *evaluate.Rule, runs []ruleRun) *sheet {
	counts := map[string]int{}
	for i := range runs {
		run := &runs[i]
		counts[run.Verdict]++
		p.say("", strings.ToUpper(run.Verdict)+" ", "%s", run.place())
		if run.Why != "" {
			p.say("  ", "", "%s", run.Why)
		}
		for _, f := range run.Findings {
			p.say("  ", "", "%s: %s%s", f.Status, f.Message, imageOf(f))
		}
		for _, clause := range run.Trace {
			showClause(p, clause)
		}
	}
	p.gap()
	p.say("", "", "%s: %d fail, %d unknown, %d pass, %d off.", rule.ID, counts["fail"], counts["unknown"], counts["pass"], counts["off"])
	return p
}

func imageOf(f finding.Finding) string {
	switch {
	case f.Digest != "" && f.Tag != "":
		return fmt.Sprintf(" (%s, %s)", f.Tag, shortDigests([]string{f.Digest})[0])
	case f.Digest != "":
		return fmt.Sprintf(" (%s)", shortDigests([]string{f.Digest})[0])
	}
	return ""
}

// showClause shows one body, with how often each expression held where that is
// not always once.
func showClause(p *sheet, c workbench.Clause) {
	outcome := "does not hold"
	switch {
	case c.Held == 1 && c.Tried == 1:
		outcome = "holds"
	case c.Held > 0:
		outcome = fmt.Sprintf("holds %s", plural(c.Held, "time", "times"))
	}
	p.say("  ", "", "%s (%s:%d) %s", c.Name, c.File, c.Line, outcome)
	for _, step := range c.Steps {
		p.say("    ", stepMark(step), "%d: %s%s", step.Line, step.Text, stepWords(step))
	}
}

func stepMark(s workbench.Step) string {
	switch {
	case !s.Reached():
		return "·  "
	case s.Held > 0:
		return "✓  "
	}
	return "✗  "
}

func stepWords(s workbench.Step) string {
	words := ""
	switch {
	case !s.Reached():
		return " (not reached)"
	case s.Held > 0 && s.Failed > 0:
		words = fmt.Sprintf(" (held %s, not %s)", plural(s.Held, "time", "times"), plural(s.Failed, "time", "times"))
	case s.Held > 1:
		words = fmt.Sprintf(" (held %s)", plural(s.Held, "time", "times"))
	case s.Failed > 1:
		words = fmt.Sprintf(" (not, %s)", plural(s.Failed, "time", "times"))
	}
	if s.Failed == 0 || s.Why == "" {
		return words
	}
	if s.Failed > 1 || s.Held > 0 {
		return words + ": once " + s.Why
	}
	return words + ": " + s.Why
}
