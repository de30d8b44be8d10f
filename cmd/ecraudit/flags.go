package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/collect"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
	"github.com/ecraudit/ecraudit/internal/workbench"
)

// ruleFlags say which rules run, with which settings.
type ruleFlags struct {
	sourceFlags
	config    string
	framework string
}

func (f *ruleFlags) add(flags *pflag.FlagSet) {
	f.addFiles(flags)
	flags.StringVar(&f.framework, "framework", "", "only the rules that answer to this catalogue of controls (`NAME`, such as security-hub), those that are off by default too")
}

// addFiles adds the flags that say which files are read.
func (f *ruleFlags) addFiles(flags *pflag.FlagSet) {
	flags.StringVar(&f.config, "config", "", "configuration `FILE` (default: ecraudit.yaml in the working directory, if there is one)")
	f.sourceFlags.add(flags)
}

// load reads the configuration and the rules, and checks them against each other
// and the day.
func (f *ruleFlags) load(ctx context.Context, s streams) (*config.Config, *evaluate.Rules, error) {
	c, rules, err := f.sourceFlags.load(ctx, f.configPath(), messagesOf(s.err))
	if err != nil {
		return nil, nil, err
	}
	if err := disagreement(c, rules, s.clock()); err != nil || f.framework == "" {
		return c, rules, err
	}
	if err := oneOf("--framework", f.framework, rules.Frameworks()); err != nil {
		return nil, nil, err
	}
	return c, rules.OfFramework(f.framework), nil
}

// loadWithCases is load for those who look at cases, too.
func (f *ruleFlags) loadWithCases(ctx context.Context, s streams, chosen func(*evaluate.Rule) bool) (*config.Config, *workbench.Library, error) {
	c, library, err := f.sourceFlags.loadWithCases(ctx, f.configPath(), messagesOf(s.err), chosen)
	if err != nil {
		return nil, nil, err
	}
	return c, library, disagreement(c, library.Rules, s.clock())
}

// disagreement is what the configuration says that does not go with the rules or
// the day.
func disagreement(c *config.Config, rules *evaluate.Rules, today time.Time) error {
	return errors.Join(c.ValidateRules(rules.IDs()), c.CheckWaivers(today, ruleDefaults(rules)))
}

func ruleDefaults(rules *evaluate.Rules) []config.RuleDefault {
	listed := rules.Listed()
	defaults := make([]config.RuleDefault, len(listed))
	for i, rule := range listed {
		defaults[i] = config.RuleDefault{ID: rule.ID, Judges: rule.Scope, Enabled: !rule.Optional, Severity: rule.Severity}
	}
	return defaults
}

// configPath is the file that the configuration comes from, or "" where the
// defaults hold.
func (f *ruleFlags) configPath() string { return configPath(f.config) }

func configPath(given string) string {
	if given != "" {
		return given
	}
	path, _ := config.Find(".")
	return path
}

// targetFlags say what to collect, as whom and how fast.
type targetFlags struct {
	options  collect.Options
	progress bool
	verbose  bool
}

func (f *targetFlags) add(flags *pflag.FlagSet) {
	f.addSelection(flags)
	f.addCredentials(flags)
	f.addPace(flags)
}

func (f *targetFlags) addSelection(flags *pflag.FlagSet) {
	o := &f.options
	flags.BoolVar(&o.Selection.Organization, "org", false, "every active account of the organization")
	flags.StringSliceVar(&o.Selection.Units, "ou", nil, "every active account in these organizational units (`IDS`) and below")
	flags.StringSliceVar(&o.Selection.Accounts, "accounts", nil, "these accounts (`IDS`)")
	flags.StringSliceVar(&o.Selection.Exclude, "exclude-accounts", nil, "never these accounts (`IDS`)")
	flags.StringSliceVar(&o.Regions, "regions", nil, "`NAMES` of regions, or all: those that each account has enabled (default: the ambient region)")
}

func (f *targetFlags) addCredentials(flags *pflag.FlagSet) {
	o := &f.options
	flags.StringVar(&o.Roles.Name, "role-name", "", "`NAME` of the role to assume in every account but the caller's own, or the hub role's if there is one")
	flags.StringVar(&o.Roles.ExternalID, "external-id", "", "external `ID` that the role demands")
	flags.StringVar(&o.Roles.SessionName, "session-name", "", "`NAME` of the role sessions (default: ecraudit)")
	flags.StringVar(&o.Roles.HubARN, "hub-role-arn", "", "`ARN` of a role to assume first; the other roles are assumed from it")
	flags.StringVar(&o.Profile, "profile", "", "`NAME` of the profile in the shared AWS configuration")
}

func (f *targetFlags) addPace(flags *pflag.FlagSet) {
	f.addCalls(flags)
	flags.BoolVar(&f.progress, "progress", false, "show progress even where standard error is no terminal")
}

// addCalls adds what holds for each call.
func (f *targetFlags) addCalls(flags *pflag.FlagSet) {
	o := &f.options
	flags.IntVar(&o.Concurrency, "concurrency", awsapi.DefaultConcurrency, "`NUMBER` of AWS calls at once")
	flags.DurationVar(&o.Patience, "retry-for", awsapi.DefaultPatience, "how long (`DURATION`) an operation that only fails is retried before it becomes a gap")
	flags.DurationVar(&o.CallTimeout, "call-timeout", awsapi.DefaultCallTimeout, "how long (`DURATION`) to wait for one answer of AWS")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "log each slow or retried call to standard error")
}

// allRegions reports whether all regions are collected that accounts have enabled.
func (f *targetFlags) allRegions() bool { return slices.Contains(f.options.Regions, awsapi.AllRegions) }

// check refuses numbers that cannot be meant.
func (f *targetFlags) check() error {
	o := f.options
	switch {
	case o.Concurrency < 1 || o.Concurrency > 1000:
		return fmt.Errorf("--concurrency %d: use a number from 1 to 1000", o.Concurrency)
	case o.Patience < 0:
		return fmt.Errorf("--retry-for %s: use a duration such as 30s, or 0s for no retry", o.Patience)
	case o.CallTimeout < time.Millisecond:
		return fmt.Errorf("--call-timeout %s: use a duration such as 30s", o.CallTimeout)
	}
	return nil
}

// collectOptions completes the options for an engine's needs.
func (f *targetFlags) collectOptions(c *config.Config, engine *evaluate.Engine, stderr io.Writer) collect.Options {
	o := f.options
	o.Needs, o.ReleaseTag = engine.Needs(), engine.ReleaseTag
	o.Organization = configured(c.Organization)
	o.Stats = &collect.Stats{}
	o.Log = f.log(stderr)
	return o
}

// collect collects, and tells on standard error how far it is.
func (f *targetFlags) collect(ctx context.Context, o collect.Options, sink collect.Sink, stderr io.Writer) error {
	summary := messagesOf(stderr).summary
	summary.calls = append(summary.calls, &o.Stats.Stats)
	stop := f.showProgress(stderr, o.Stats)
	defer stop()
	return collect.Run(ctx, o, sink)
}

func (f *targetFlags) log(stderr io.Writer) *slog.Logger {
	if f.verbose {
		return messagesOf(stderr).calls()
	}
	return slog.New(slog.DiscardHandler)
}

func configured(o config.Organization) snapshot.Organization {
	known := snapshot.Organization{ID: o.ID}
	for _, id := range o.Accounts {
		known.Accounts = append(known.Accounts, snapshot.Account{ID: id})
	}
	slices.SortFunc(known.Accounts, func(a, b snapshot.Account) int { return strings.Compare(a.ID, b.ID) })
	return known
}

// oneOf returns an error that names the nearest valid value.
func oneOf(flag, value string, valid []string) error {
	if slices.Contains(valid, value) {
		return nil
	}
	hint := ""
	if nearest, ok := config.Nearest(value, valid); ok {
		hint = fmt.Sprintf("; did you mean %q?", nearest)
	}
	return fmt.Errorf("%s: %q is not one of %s%s", flag, value, strings.Join(valid, ", "), hint)
}

func failOnNames() []string { return append(finding.SeverityNames(), "none") }

func flagNames(command *cobra.Command) (names []string) {
	command.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}

// complete offers fixed values for a flag on the shell's command line.
func complete(command *cobra.Command, flag string, values []string) {
	err := command.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic(err) // a flag that does not exist
	}
}
