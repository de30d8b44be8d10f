package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecraudit/ecraudit/internal/audit"
	"github.com/ecraudit/ecraudit/internal/collect"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/remediate"
	"github.com/ecraudit/ecraudit/internal/report"
)

const fixExitCodes = `

With --fix:
  0  everything was applied, and nothing is left at or above --fail-on
  2  changes are left, or findings at or above --fail-on that no change mends
  3  as above`

// fixFlags are those of an audit that mends what it finds.
type fixFlags struct {
	fix bool
	applyFlags
	choiceFlags
}

func (f *fixFlags) add(command *cobra.Command) {
	flags := command.Flags()
	flags.BoolVar(&f.fix, "fix", false, "mend what is found: plan, show the plan, ask, and apply it")
	f.choiceFlags.add(flags)
	f.applyFlags.add(flags)
	complete(command, "allow", allowanceNames())
	complete(command, "max-risk", riskNames())
}

// check refuses flags of fixing where nothing is to be fixed.
func (f *fixFlags) check(flags *pflag.FlagSet) error {
	if f.fix {
		return f.applyFlags.check()
	}
	mending := pflag.NewFlagSet("", pflag.ContinueOnError)
	(&choiceFlags{}).add(mending)
	(&applyFlags{}).add(mending)
	var names []string
	mending.VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
	return refuse(flags, "without --fix", names...)
}

// mend audits AWS, reports, and mends what can be.
func (f *auditFlags) mend(ctx context.Context, c *config.Config, rules *evaluate.Rules, engine *evaluate.Engine, s streams) (int, error) {
	filter, err := f.filter(rules.IDs())
	if err != nil {
		return 0, err
	}
	if !f.yes && !s.asks {
		return 0, fmt.Errorf("--fix: %w", errNobodyToAsk)
	}
	to, err := f.open(s)
	if err != nil {
		return 0, err
	}
	defer to.abort()
	a, err := audit.New(engine)
	if err != nil {
		return 0, err
	}
	defer a.Close()
	if err := to.portray(a, f.details); err != nil {
		return 0, err
	}
	p := newPlanning(engine, filter, nil)
	a.Watch(p.planner)
	f.compare(a)
	a.SeesAllRegions(f.allRegions())
	options := f.collectOptions(c, engine, s.err)
	options.Needs = p.needs
	runErr := f.collect(ctx, options, a, s.err)
	if err := errors.Join(runErr, ctx.Err()); err != nil {
		return 0, err // what was half read is not mended
	}
	plan, err := p.finish(ctx, a)
	if err != nil {
		return 0, err
	}
	unmended := &unmended{Handler: f.filtered(to.handler(), s), planned: plannedFindings(plan), failOn: f.failOn}
	if _, err := f.report(ctx, a, to, unmended, false, s); err != nil {
		return 0, err
	}
	f.warn(a, messagesOf(s.err))
	tellTroubles(engine, messagesOf(s.err))
	warnOfNeedlessWaivers(engine, messagesOf(s.err))
	if to.onStdout() {
		s.out = s.err // standard output has a report for programs
	}
	return f.applyAll(ctx, c, plan, filter, s, unmended)
}

// applyAll applies the plan of an audit, and returns how all of it ended.
func (f *auditFlags) applyAll(ctx context.Context, c *config.Config, plan *remediate.Plan, filter remediate.Filter, s streams, unmended *unmended) (int, error) {
	w := &writer{streams: s, writeFlags: &f.writeFlags, targetFlags: &f.targetFlags, protected: protectedBy(c)}
	if err := w.open(ctx, f.targetFlags.options.Regions); err != nil {
		return 0, err
	}
	id, err := collect.OrganizationID(ctx, w.session, w.budget, configured(c.Organization))
	if err != nil {
		return 0, err
	}
	if err := plan.CheckOrganization(id, w.session.Partition); err != nil {
		return 0, err
	}
	if _, err := fmt.Fprintln(s.out); err != nil {
		return 0, err
	}
	err = f.applyFlags.apply(ctx, w, plan, filter)
	var code exit
	switch {
	case errors.As(err, &code):
		return int(code), nil
	case err != nil:
		return 0, err
	case unmended.count > 0:
		return exitChanges, nil
	case unmended.undecided && !f.allowIncomplete:
		return audit.ExitIncomplete, nil
	}
	return audit.ExitClean, nil
}

// plannedFindings are the fingerprints of the findings that a plan mends.
func plannedFindings(p *remediate.Plan) map[string]bool {
	planned := map[string]bool{}
	for _, c := range p.Changes {
		for _, why := range c.Why {
			planned[why.Fingerprint] = true
		}
	}
	return planned
}

// unmended counts the findings at or above the severity to fail on that no
// change mends and no baseline knows, while they are reported.
type unmended struct {
	report.Handler
	planned map[string]bool
	failOn  string
	count   int
	// undecided says that something could not be read, or at or above that
	// severity not be told: no change mends that.
	undecided bool
}

// End notes whether the audit was complete.
func (u *unmended) End(s report.Summary) error {
	u.undecided = !s.Complete || s.Undecided > 0
	return u.Handler.End(s)
}

// Finding counts and passes on.
func (u *unmended) Finding(f finding.Finding) error {
	threshold, err := finding.ParseSeverity(u.failOn)
	if err == nil && f.Status == finding.Fail && f.Change != finding.Known && f.Severity >= threshold && !u.planned[f.Fingerprint] {
		u.count++
	}
	return u.Handler.Finding(f)
}

// Detail passes on.
func (u *unmended) Detail(d report.Detail) error { return report.TellDetail(u.Handler, d) }
