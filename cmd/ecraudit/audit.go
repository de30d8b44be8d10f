package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecraudit/ecraudit/internal/audit"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/report"
)

// auditFlags are the flags of an audit.
type auditFlags struct {
	ruleFlags
	conductFlags
	targetFlags
	reportFlags
	baselineFlags
	snapshot string
	fixFlags
}

// reportFlags say how results are shown and when they fail.
type reportFlags struct {
	outputFlags
	details         bool
	failOn          string
	allowIncomplete bool
}

func (f *reportFlags) add(flags *pflag.FlagSet) {
	f.outputFlags.add(flags)
	flags.BoolVar(&f.details, "details", false, "also write what there is to see of each repository (who can pull, lifecycle, images, cost) into "+strings.Join(report.DetailFormats(), " and "))
	flags.StringVar(&f.failOn, "fail-on", "high", "lowest `SEVERITY` that makes the exit code 2: critical, high, medium, low, info or none")
	flags.BoolVar(&f.allowIncomplete, "allow-incomplete", false, "exit with 0 even when something could not be read or decided")
}

func (f *reportFlags) check() error {
	if err := f.outputFlags.check(); err != nil {
		return err
	}
	if f.details && !slices.ContainsFunc(f.formats(), report.CarriesDetails) {
		return fmt.Errorf("--details: no output has a place for details: write one more as %s, such as -o report.json", strings.Join(report.DetailFormats(), " or "))
	}
	return oneOf("--fail-on", f.failOn, failOnNames())
}

func newAudit(s streams) *cobra.Command {
	var f auditFlags
	command := &cobra.Command{
		Use:   "audit",
		Short: "Judge registries, repositories and images with the rules",
		Long: `Collects what the active rules need from AWS, or reads it from a snapshot, and
reports what the rules find. It only reads, unless --fix is given: then it plans
what would mend the findings, shows it, asks, and applies it.

` + exitCodes + fixExitCodes,
		Example: `  ecraudit audit
  ecraudit audit --org --role-name ecraudit-reader --regions all
  ecraudit audit --org --role-name ecraudit-reader --regions all --fail-on high --format json -o report.json
  ecraudit audit --accounts 111122223333,444455556666 --role-name ecraudit-reader --regions eu-west-1,us-east-1
  ecraudit audit --ou ou-ab12-11111111 --exclude-accounts 444455556666 --role-name ecraudit-reader
  ecraudit audit --snapshot org.snapshot
  ecraudit audit --snapshot org.snapshot --query 'severity>=high and account=payments' --group-by repository
  ecraudit audit --snapshot org.snapshot --details -o report.json
  ecraudit audit --snapshot org.snapshot --baseline ecraudit.baseline
  ecraudit audit --org --role-name ecraudit-reader --fix --fix-role-name ecraudit-fixer --max-risk safe --yes`,
		Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			return runAudit(command.Context(), &f, command.Flags(), s)
		},
	}
	f.ruleFlags.add(command.Flags())
	f.conductFlags.add(command.Flags())
	f.targetFlags.add(command.Flags())
	f.reportFlags.add(command.Flags())
	f.baselineFlags.add(command.Flags())
	command.Flags().StringVar(&f.snapshot, "snapshot", "", "judge this snapshot `FILE` instead of asking AWS")
	f.fixFlags.add(command)
	complete(command, "format", report.Formats())
	f.tableFlags.complete(command)
	complete(command, "fail-on", failOnNames())
	return command
}

// awsFlags are those that mean nothing where a snapshot is judged.
var awsFlags = []string{
	"org", "ou", "accounts", "exclude-accounts", "regions", "role-name", "external-id", "session-name", "hub-role-arn",
	"profile", "concurrency", "retry-for", "call-timeout",
}

func refuseAWSFlags(flags *pflag.FlagSet) error {
	return refuse(flags, "with --snapshot: what was collected is in the file", awsFlags...)
}

func (f *auditFlags) refuseWithSnapshot(flags *pflag.FlagSet, s streams) error {
	if variable := variableBehind(flags.Lookup("fix")); f.fix && variable != "" {
		messagesOf(s.err).warn(variable + " is left aside: what is found in a snapshot is mended with ecraudit plan --snapshot FILE -o PLAN and ecraudit apply")
	}
	return errors.Join(
		refuse(flags, "with --snapshot: make a plan with ecraudit plan --snapshot FILE -o PLAN, and apply that", "fix"),
		refuseAWSFlags(flags),
	)
}

func runAudit(ctx context.Context, f *auditFlags, flags *pflag.FlagSet, s streams) error {
	if f.snapshot != "" {
		if err := f.refuseWithSnapshot(flags, s); err != nil {
			return err
		}
	}
	if err := f.reportFlags.check(); err != nil {
		return err
	}
	if err := errors.Join(f.conductFlags.check(), f.targetFlags.check()); err != nil {
		return err
	}
	if err := f.fixFlags.check(flags); err != nil {
		return err
	}
	if err := f.spare(f.snapshot, f.baseline, f.configPath()); err != nil {
		return err
	}
	if err := f.baselineFlags.read(); err != nil {
		return err
	}
	messagesOf(s.err).summary.beginReading()
	if f.snapshot == "" {
		code, err := f.auditAWS(ctx, s)
		return verdict(code, err)
	}
	code, err := f.auditSnapshot(ctx, s)
	return verdict(code, err)
}

func verdict(code int, err error) error {
	if err != nil || code == audit.ExitClean {
		return err
	}
	return exit(code)
}

// loadSpared is load, and refuses to write over a file that was read for it.
func (f *auditFlags) loadSpared(ctx context.Context, s streams) (*config.Config, *evaluate.Rules, error) {
	c, rules, err := f.load(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	read := slices.Clone(c.Files)
	for _, file := range c.WaiverFiles {
		read = append(read, file.Path)
	}
	warnOfIdleWaivers(c, s)
	return c, rules, f.spare(read...)
}

// auditAWS collects and judges at once.
func (f *auditFlags) auditAWS(ctx context.Context, s streams) (int, error) {
	c, rules, err := f.loadSpared(ctx, s)
	if err != nil {
		return 0, err
	}
	engine, err := evaluate.New(rules, c, f.judgingAt(s.clock()))
	if err != nil {
		return 0, err
	}
	if f.fix {
		return f.mend(ctx, c, rules, engine, s)
	}
	return f.judge(ctx, engine, s, &f.baselineFlags, func(a *audit.Audit) error {
		a.SeesAllRegions(f.allRegions())
		return f.collect(ctx, f.collectOptions(c, engine, s.err), a, s.err)
	})
}

// auditSnapshot judges what was collected before.
func (f *auditFlags) auditSnapshot(ctx context.Context, s streams) (int, error) {
	c, rules, err := f.loadSpared(ctx, s)
	if err != nil {
		return 0, err
	}
	saved, err := openSnapshot(f.snapshot)
	if err != nil {
		return 0, err
	}
	defer saved.Close()
	engine, err := saved.engine(c, rules, f.conductFlags)
	if err != nil {
		return 0, err
	}
	return f.judge(ctx, engine, s, &f.baselineFlags, func(a *audit.Audit) error {
		return a.Snapshot(ctx, saved.Reader)
	})
}

// judge runs an audit from any source and writes its report.
func (f *reportFlags) judge(ctx context.Context, engine *evaluate.Engine, s streams, known *baselineFlags, source func(*audit.Audit) error) (code int, err error) {
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
	known.compare(a)
	sourceErr := source(a)
	interrupted := ctx.Err() != nil
	if sourceErr != nil && !interrupted {
		return 0, sourceErr
	}
	code, err = f.report(ctx, a, to, f.filtered(to.handler(), s), interrupted, s)
	if err == nil {
		known.warn(a, messagesOf(s.err))
		tellTroubles(engine, messagesOf(s.err))
		warnOfNeedlessWaivers(engine, messagesOf(s.err))
	}
	return code, err
}

// report tells an audit to a handler, and has the reports appear that are whole.
func (f *reportFlags) report(ctx context.Context, a *audit.Audit, to destinations, handler report.Handler, interrupted bool, s streams) (code int, err error) {
	summary := messagesOf(s.err).summary
	handler = report.Tee(handler, summary, &waiverWarnings{messages: messagesOf(s.err)})
	options := audit.Options{Version: version, FailOn: f.failOn, AllowIncomplete: f.allowIncomplete}
	code, err = a.Finish(context.WithoutCancel(ctx), handler, options, interrupted)
	err = errors.Join(err, to.commit())
	summary.outputs = to.written()
	return code, err
}
