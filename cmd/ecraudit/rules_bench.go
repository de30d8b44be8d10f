package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/workbench"
)

func newRulesBench(s streams) *cobra.Command {
	var f ruleFlags
	var conduct conductFlags
	var snapshotPath, format string
	command := &cobra.Command{
		Use:   "bench",
		Short: "Measure what each active rule costs, the dearest first",
		Long: `Measure what each active rule costs, in microseconds for each image, repository or
registry, the dearest first. What is judged is a snapshot, or a built-in
organization of 10 repositories of 1,000 images each.

Each rule is evaluated alone by OPA, several times, and the shortest time counts.`,
		Example: `  ecraudit rules bench
  ecraudit rules bench --snapshot org.snapshot --rules my-rules --format json`,
		Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := errors.Join(oneOf("--format", format, []string{"table", "json"}), conduct.check()); err != nil {
				return err
			}
			c, rules, err := f.load(command.Context(), s)
			if err != nil {
				return err
			}
			costs, err := measure(command.Context(), c, rules, snapshotPath, conduct)
			if err != nil {
				return err
			}
			if format == "json" {
				return writeJSON(s.out, costs)
			}
			return showCosts(newSheet(s), costs, conduct.ruleTimeout).writeTo(s.out)
		},
	}
	flags := command.Flags()
	f.addFiles(flags)
	conduct.add(flags)
	flags.StringVar(&snapshotPath, "snapshot", "", "judge this snapshot `FILE` instead of the built-in organization")
	flags.StringVar(&format, "format", "table", "`FORMAT`: table or json")
	complete(command, "format", []string{"table", "json"})
	return command
}

func measure(ctx context.Context, c *config.Config, rules *evaluate.Rules, snapshotPath string, conduct conductFlags) (workbench.Costs, error) {
	if snapshotPath == "" {
		engine, err := evaluate.New(rules, c, conduct.judgingAt(workbench.SyntheticClock))
		if err != nil {
			return workbench.Costs{}, err
		}
		engine.Begin(workbench.SyntheticOrganization())
		meter := evaluate.NewMeter(engine)
		return costsOf(ctx, engine, meter, workbench.Synthesize(ctx, meter))
	}
	saved, err := openSnapshot(snapshotPath)
	if err != nil {
		return workbench.Costs{}, err
	}
	defer saved.Close()
	engine, err := saved.engine(c, rules, conduct)
	if err != nil {
		return workbench.Costs{}, err
	}
	engine.Begin(saved.Header.Organization)
	meter := evaluate.NewMeter(engine)
	return costsOf(ctx, engine, meter, saved.Read(ctx, meter))
}

func costsOf(ctx context.Context, engine *evaluate.Engine, meter *evaluate.Meter, err error) (workbench.Costs, error) {
	measured, finishErr := meter.Finish(ctx)
	if err := errors.Join(err, finishErr); err != nil {
		return workbench.Costs{}, err
	}
	return workbench.Bench(measured, engine.Rules()), nil
}

func showCosts(p *sheet, c workbench.Costs, limit time.Duration) *sheet {
	width := len("RULE")
	for _, rule := range c.Rules {
		width = max(width, len(rule.Rule))
	}
	p.show(fmt.Sprintf("%-*s  %6s  %9s  %s", width, "RULE", "SHARE", "µs", "FOR EACH"))
	for _, rule := range c.Rules {
		p.show(fmt.Sprintf("%-*s  %5.1f%%  %9.2f  %s", width, rule.Rule, rule.Share, rule.Each, rule.Scope))
	}
	for _, rule := range c.Rules {
		if rule.TooSlow > 0 {
			p.gap()
			p.say("", "", "%s took longer than %s %s: --rule-timeout. After three times a rule is measured no further, and an audit does not run it any more.", rule.Rule, limit, plural(rule.TooSlow, "time", "times"))
		}
	}
	p.gap()
	p.say("", "", "%s, %s, %s.", plural(c.Registries, "registry", "registries"), plural(c.Repositories, "repository", "repositories"), plural(c.Images, "image", "images"))
	each, what := float64(max(c.Images, 1)), string(finding.ScopeImage)
	if c.Images == 0 {
		each, what = float64(max(c.Repositories, 1)), string(finding.ScopeRepository)
	}
	p.say("", "", "An audit takes %.1f µs for each %s with all rules at once. Building what rules see takes %.1f of that; the rules alone, one by one in bare OPA, take %.1f.",
		c.AuditMicros/each, what, c.InputsMicros/each, c.OPAMicros/each)
	return p
}
