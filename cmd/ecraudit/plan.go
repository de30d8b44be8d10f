package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecraudit/ecraudit/internal/audit"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/remediate"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// choiceFlags choose among changes.
type choiceFlags struct {
	only       []string
	repository string
	maxRisk    string
}

func (f *choiceFlags) add(flags *pflag.FlagSet) {
	flags.StringSliceVar(&f.only, "only", nil, "only mend what these rules find (`IDS`)")
	f.addRepository(flags)
	flags.StringVar(&f.maxRisk, "max-risk", "", "no change of a higher `RISK` than this: safe, review or destructive")
}

func (f *choiceFlags) addRepository(flags *pflag.FlagSet) {
	flags.StringVar(&f.repository, "repository", "", "only the repositories whose names match this `GLOB`; nothing of registries then")
}

// filter is the choice; known are the rules that there are.
func (f *choiceFlags) filter(known []string) (remediate.Filter, error) {
	filter := remediate.Filter{Rules: f.only, MaxRisk: remediate.Risk(f.maxRisk)}
	for _, id := range f.only {
		if !slices.Contains(known, id) {
			hint := "ecraudit rules lists them"
			if nearest, ok := config.Nearest(id, known); ok {
				hint = fmt.Sprintf("did you mean %q?", nearest)
			}
			return filter, fmt.Errorf("--only: there is no rule %q: %s", id, hint)
		}
	}
	if f.maxRisk != "" {
		if err := oneOf("--max-risk", f.maxRisk, riskNames()); err != nil {
			return filter, err
		}
	}
	if f.repository != "" {
		matches, err := config.Glob(f.repository)
		if err != nil {
			return filter, fmt.Errorf("--repository: %w", err)
		}
		filter.Repository = matches
	}
	return filter, nil
}

func riskNames() (names []string) {
	for _, r := range remediate.Risks() {
		names = append(names, string(r))
	}
	return names
}

// planFlags are the flags of a plan.
type planFlags struct {
	ruleFlags
	conductFlags
	targetFlags
	choiceFlags
	snapshot        string
	output          string
	format          string
	allowIncomplete bool
}

// exitChanges is the exit code where something is to be changed, or was left.
const exitChanges = 2

func newPlan(s streams) *cobra.Command {
	var f planFlags
	command := &cobra.Command{
		Use:   "plan",
		Short: "Say what would be changed to mend what the rules find",
		Long: `Audits and turns the findings into a plan: what would change, why, who would lose
access and what would expire. It only reads. ecraudit apply carries out exactly
what the file that -o writes says; ecraudit show shows it again.

Exit codes:
  0  nothing is to be changed
  1  usage or internal error
  2  there are changes
  3  no changes, but incomplete: something could not be read
     (--allow-incomplete makes it 0)`,
		Example: `  ecraudit plan
  ecraudit plan --org --role-name ecraudit-reader --regions all -o plan.json
  ecraudit plan --snapshot org.snapshot -o plan.json
  ecraudit plan --only lifecycle-missing,required-tags --repository 'team/*' --max-risk review`,
		Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := f.check(command.Flags()); err != nil {
				return err
			}
			return f.run(command.Context(), s)
		},
	}
	flags := command.Flags()
	f.ruleFlags.add(flags)
	f.conductFlags.add(flags)
	f.targetFlags.add(flags)
	f.choiceFlags.add(flags)
	flags.StringVar(&f.snapshot, "snapshot", "", "plan from this snapshot `FILE` instead of asking AWS")
	flags.StringVarP(&f.output, "output", "o", "", "`FILE` to write the plan to, for ecraudit apply")
	flags.StringVar(&f.format, "format", "text", "`FORMAT` in which the plan is shown: text or json")
	flags.BoolVar(&f.allowIncomplete, "allow-incomplete", false, "exit with 0 even when something could not be read")
	complete(command, "format", planFormats())
	complete(command, "max-risk", riskNames())
	return command
}

func planFormats() []string { return []string{"text", "json"} }

func (f *planFlags) check(flags *pflag.FlagSet) error {
	if err := oneOf("--format", f.format, planFormats()); err != nil {
		return err
	}
	if f.snapshot != "" {
		if err := refuseAWSFlags(flags); err != nil {
			return err
		}
	}
	return errors.Join(f.conductFlags.check(), f.targetFlags.check())
}

func (f *planFlags) run(ctx context.Context, s streams) error {
	summary := messagesOf(s.err).summary
	summary.beginReading()
	out, err := openOutput(f.output, io.Discard)
	if err != nil {
		return err
	}
	defer out.Abort()
	plan, found, err := f.plan(ctx, s)
	if err != nil {
		return err
	}
	summary.read(found)
	summary.planned(plan)
	if f.output != "" {
		if _, err := plan.WriteTo(out); err != nil {
			return fmt.Errorf("writing %s: %w", f.output, snapshot.Cause(err))
		}
		if err := out.Commit(); err != nil {
			return err
		}
		summary.outputs = []string{f.output}
	}
	if f.format == "json" {
		_, err = plan.WriteTo(s.out)
	} else {
		err = showPlan(s, plan)
	}
	if err != nil {
		return err
	}
	switch {
	case len(plan.Changes) > 0:
		return exit(exitChanges)
	case !found.Complete && !f.allowIncomplete:
		messagesOf(s.err).warn(fmt.Sprintf("the plan is incomplete: something could not be read (%s); ecraudit audit says what and why", plural(found.Gaps, "gap", "gaps")), slog.Int("gaps", found.Gaps))
		return exit(audit.ExitIncomplete)
	}
	return nil
}

// plan audits AWS or a snapshot, and plans for what is found.
func (f *planFlags) plan(ctx context.Context, s streams) (*remediate.Plan, report.Summary, error) {
	c, rules, err := f.load(ctx, s)
	if err != nil {
		return nil, report.Summary{}, err
	}
	filter, err := f.filter(rules.IDs())
	if err != nil {
		return nil, report.Summary{}, err
	}
	if f.snapshot != "" {
		return f.planSnapshot(ctx, c, rules, filter, messagesOf(s.err))
	}
	engine, err := evaluate.New(rules, c, f.judgingAt(s.clock()))
	if err != nil {
		return nil, report.Summary{}, err
	}
	defer tellTroubles(engine, messagesOf(s.err))
	p := newPlanning(engine, filter, nil)
	return p.run(ctx, func(a *audit.Audit) error {
		options := f.collectOptions(c, engine, s.err)
		options.Needs = p.needs
		return f.collect(ctx, options, a, s.err)
	})
}

func (f *planFlags) planSnapshot(ctx context.Context, c *config.Config, rules *evaluate.Rules, filter remediate.Filter, m *messages) (*remediate.Plan, report.Summary, error) {
	saved, err := openSnapshot(f.snapshot)
	if err != nil {
		return nil, report.Summary{}, err
	}
	defer saved.Close()
	engine, err := saved.engine(c, rules, f.conductFlags)
	if err != nil {
		return nil, report.Summary{}, err
	}
	defer tellTroubles(engine, m)
	return newPlanning(engine, filter, saved.collected()).run(ctx, func(a *audit.Audit) error { return a.Snapshot(ctx, saved.Reader) })
}

// planning is an audit whose findings become a plan.
type planning struct {
	engine  *evaluate.Engine
	planner *remediate.Planner
	needs   snapshot.Needs // to be collected
	summary report.Summary
}

// newPlanning plans for what an engine finds. What was collected is nil where
// that is still to be done.
func newPlanning(engine *evaluate.Engine, filter remediate.Filter, collected snapshot.Needs) *planning {
	if collected == nil {
		collected = maps.Clone(engine.Needs())
		for _, n := range remediate.Needs() {
			collected[n] = true
		}
	}
	return &planning{
		engine: engine, needs: collected,
		planner: remediate.NewPlanner(engine, remediate.PlanOptions{Clock: engine.Clock(), Collected: collected, Filter: filter, OwnRules: engine.OwnRules()}),
	}
}

// run audits without a report.
func (p *planning) run(ctx context.Context, source func(*audit.Audit) error) (*remediate.Plan, report.Summary, error) {
	a, err := audit.New(p.engine)
	if err != nil {
		return nil, p.summary, err
	}
	defer a.Close()
	a.Watch(p.planner)
	if err := source(a); err != nil {
		return nil, p.summary, err
	}
	if ctx.Err() != nil {
		return nil, p.summary, ctx.Err() // half of a plan is none
	}
	plan, err := p.finish(ctx, a)
	if err != nil {
		return nil, p.summary, err
	}
	_, err = a.Finish(ctx, p, audit.Options{Version: version, FailOn: audit.FailNever}, false)
	return plan, p.summary, err
}

// finish makes the plan of what was found.
func (p *planning) finish(ctx context.Context, a *audit.Audit) (*remediate.Plan, error) {
	return p.planner.Finish(ctx, remediate.Plan{
		Version: version, Organization: a.Organization().ID, RulesDigest: p.engine.Digest(), Complete: a.Complete(),
	})
}

// A planning is told the report only for its summary.

// Begin is told what ran.
func (*planning) Begin(report.Run) error { return nil }

// Finding is told a finding.
func (*planning) Finding(finding.Finding) error { return nil }

// Gap is told what could not be read.
func (*planning) Gap(snapshot.Gap) error { return nil }

// End is told the totals.
func (p *planning) End(s report.Summary) error {
	p.summary = s
	return nil
}

func newShow(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "show PLAN",
		Short: "Show a plan: documents as differences, images as a list",
		Long: `Shows what a plan would change, repository by repository. A plan that was altered
after it was made is refused. It asks nothing of AWS.`,
		Example: "  ecraudit show plan.json",
		Args:    onePlan,
		RunE: func(_ *cobra.Command, args []string) error {
			plan, err := readPlan(args[0])
			if err != nil {
				return err
			}
			return showPlan(s, plan)
		},
	}
}

func onePlan(command *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%s takes one plan: name the file that ecraudit plan -o wrote", command.CommandPath())
	}
	return nil
}

func readPlan(path string) (*remediate.Plan, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; make a plan with: ecraudit plan -o FILE", path, snapshot.Cause(err))
	}
	defer file.Close()
	return remediate.ReadPlan(file, cmp.Or(path, "the plan"))
}
