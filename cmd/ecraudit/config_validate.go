package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/collect"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// validateFlags say what a configuration is held against.
type validateFlags struct {
	targetFlags
	files    ruleFlags
	snapshot string
}

func newConfigValidate(s streams) *cobra.Command {
	var f validateFlags
	command := &cobra.Command{
		Use:   "validate [FILE]",
		Short: "Check a configuration and the files that it extends",
		Long: `Reports all mistakes of a configuration file, of those that it extends and of the
ids of rules at once, and warns of what is allowed but hardly meant: scopes that
later ones override, rules that a scope can never run, waivers that have ended,
that another makes needless or whose rules are off, regions that nobody knows, and,
with --org or --snapshot, scopes and waivers that match no account or no repository,
or of which what was collected cannot tell.

The file can also be given by --config, as to other commands. Without either it is
ecraudit.yaml in the working directory.

Exit codes:
  0  the configuration can be used, perhaps with warnings
  1  it has mistakes, or could not be read`,
		Example: `  ecraudit config validate
  ecraudit config validate ecraudit.yaml --snapshot org.snapshot
  ecraudit config validate --org`,
		Args: func(command *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("%s takes one file: %q is one too many", command.CommandPath(), args[1])
			}
			return nil
		},
		RunE: func(command *cobra.Command, args []string) error {
			if f.snapshot != "" {
				if err := refuseAWSFlags(command.Flags()); err != nil {
					return err
				}
			}
			if err := f.check(); err != nil {
				return err
			}
			path, err := f.path(args, command.Flags())
			if err != nil {
				return err
			}
			return f.run(command.Context(), path, s)
		},
	}
	flags := command.Flags()
	f.files.addFiles(flags)
	flags.StringVar(&f.snapshot, "snapshot", "", "hold the scopes against this snapshot `FILE`")
	flags.BoolVar(&f.options.Selection.Organization, "org", false, "hold the scopes against the accounts of the organization")
	f.addCredentials(flags)
	f.addPace(flags)
	return command
}

// path is the file that is checked. One that is named on the command line goes before
// what a variable says about all commands.
func (f *validateFlags) path(args []string, flags *pflag.FlagSet) (string, error) {
	if len(args) > 0 {
		if onCommandLine(flags, "config") && args[0] != f.files.config && !sameFile(args[0], f.files.config) {
			return "", fmt.Errorf("--config %s and %s are two files: give one of them", f.files.config, args[0])
		}
		return args[0], nil
	}
	if f.files.config != "" {
		return f.files.config, nil
	}
	for _, find := range []func(string) (string, bool){config.Find, config.FindWaivers} { // an audit takes a file of waivers alone, too
		if path, found := find("."); found {
			return path, nil
		}
	}
	return "", errors.New("there is no ecraudit.yaml in the working directory: name the file, or write one with: ecraudit init")
}

func (f *validateFlags) run(ctx context.Context, path string, s streams) error {
	c, rules, err := f.review(ctx, path, s)
	if err != nil {
		return err
	}
	warnings := slices.Concat(c.Overridden(), neverRun(c, rules), c.EndedWaivers(s.clock()), c.Idle(s.clock()), idleWaivers(c, rules), c.UnknownRegions(awsapi.KnownRegions()))
	found, err := f.against(ctx, c)
	if err != nil {
		return err
	}
	for _, w := range slices.Concat(warnings, found) {
		if _, err := fmt.Fprintf(s.out, "warning: %s\n", report.Printable(w.String())); err != nil {
			return err
		}
	}
	total := len(warnings) + len(found)
	waivers := ""
	if len(c.Waivers) > 0 {
		waivers = plural(len(c.Waivers), "waiver", "waivers") + ", "
	}
	_, err = fmt.Fprintf(s.out, "%s is valid: %s, %s, %s%s\n", report.Printable(c.Path),
		plural(len(c.Files), "file", "files"), plural(len(c.Scopes), "scope", "scopes"), waivers, plural(total, "warning", "warnings"))
	return err
}

// review reads the configuration, and reports all mistakes of files and ids of
// rules at once.
func (f *validateFlags) review(ctx context.Context, path string, s streams) (*config.Config, *evaluate.Rules, error) {
	l, err := newLibrary(f.files.keys)
	if err != nil {
		return nil, nil, err
	}
	if err := alone(path); err != nil {
		return nil, nil, err
	}
	c, err := config.ReviewWith(path, l.packs(ctx))
	rules, ruleErr := l.rules(ctx, c, slices.Concat(c.RulePaths, f.files.rules))
	if ruleErr != nil {
		return nil, nil, errors.Join(err, ruleErr)
	}
	l.tellDoubts(messagesOf(s.err))
	return c, rules, errors.Join(err, disagreement(c, rules, s.clock()))
}

// idleWaivers warns of waivers of rules that run nowhere.
func idleWaivers(c *config.Config, rules *evaluate.Rules) []config.Warning {
	running := map[string]bool{}
	for _, rule := range rules.Listed() {
		running[rule.ID] = c.MayRun(rule.ID, !rule.Optional)
	}
	return c.WaiveNothing(func(id string) bool { return running[id] })
}

// neverRun warns of rules in scopes and waivers that hold for nothing that the rules
// judge.
func neverRun(c *config.Config, rules *evaluate.Rules) []config.Warning {
	judges := map[string]string{}
	for _, rule := range rules.All {
		judges[rule.ID] = string(rule.Scope)
	}
	return c.OutOfPlace(judges)
}

// against holds the scopes against an organization or a snapshot.
func (f *validateFlags) against(ctx context.Context, c *config.Config) ([]config.Warning, error) {
	switch {
	case f.snapshot != "":
		saved, err := openSnapshot(f.snapshot)
		if err != nil {
			return nil, err
		}
		used := &scopeUse{config: c, waivers: c.CompileWaivers(), collected: saved.collected()}
		saved.Close()
		if _, err := readSnapshot(ctx, c, f.snapshot, nil, used); err != nil {
			return nil, err
		}
		return used.warnings(), nil
	case f.options.Selection.Organization:
		options := withDefaults(f.options, c, c.Needs(), &placedSink{})
		organization, err := collect.Organization(ctx, options)
		return c.Unmatched(organization), err
	}
	return nil, nil
}

// scopeUse notes for what scopes and waivers may hold.
type scopeUse struct {
	config       *config.Config
	organization snapshot.Organization
	accounts     *config.Accounts
	waivers      *config.Waivers
	collected    snapshot.Needs

	mu     sync.Mutex
	used   []bool
	waived []bool // whether each waiver may be for something
}

func (u *scopeUse) Begin(o snapshot.Organization) error {
	u.organization, u.accounts = o, config.NewAccounts(o)
	u.used, u.waived = make([]bool, len(u.config.Scopes)), make([]bool, len(u.config.Waivers))
	return nil
}

func (u *scopeUse) Registry(_ context.Context, r *snapshot.Registry) error {
	u.note(u.accounts.Target(r.Target))
	return nil
}

func (u *scopeUse) Repository(_ context.Context, _ *snapshot.Registry, r *snapshot.Repository) error {
	u.note(u.accounts.Repository(r))
	return nil
}

func (*scopeUse) Done(snapshot.TargetResult) error { return nil }

func (u *scopeUse) note(r config.Resource) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for i, may := range u.config.HoldsIn(r) {
		u.used[i] = u.used[i] || may
	}
	for i, may := range u.waivers.In(r) {
		u.waived[i] = u.waived[i] || may
	}
}

func (u *scopeUse) warnings() []config.Warning {
	warnings := u.config.Unmatched(u.organization)
	for i, used := range u.used {
		warnings = u.idle(warnings, u.config.Scopes[i].Place(), used, &u.config.Scopes[i].Match, "the scope holds for nothing in the snapshot")
	}
	for i, used := range u.waived {
		warnings = u.idle(warnings, u.config.Waivers[i].Place(), used, &u.config.Waivers[i].Match, "the waiver is for nothing in the snapshot")
	}
	return warnings
}

// idle warns of what is used for nothing. Without tags it is not known of what asks for
// them.
func (u *scopeUse) idle(warnings []config.Warning, at config.Place, used bool, match *config.Match, message string) []config.Warning {
	switch {
	case len(match.Tags) > 0 && !u.collected[snapshot.NeedTags]:
		message = "match.tags: not checked: the snapshot was collected without the tags of repositories; collect it again with this configuration"
	case used:
		return warnings
	}
	return append(warnings, config.Warning{At: at, Message: message})
}

func newConfigSchema(s streams) *cobra.Command {
	var f sourceFlags
	var waivers bool
	command := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the configuration file, for editors",
		Long: `Prints the JSON Schema of ecraudit.yaml, or with --waivers that of waivers.yaml,
with the ids of the default rules and of those of --rules, so that editors complete
and check the file.`,
		Example: `  ecraudit config schema > ecraudit.schema.json
  ecraudit config schema --waivers > waivers.schema.json
  ecraudit config schema --rules my-rules/`,
		Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			_, rules, err := f.load(command.Context(), "", messagesOf(s.err))
			if err != nil {
				return err
			}
			listed := rules.Listed()
			known := make([]config.KnownRule, len(listed))
			for i, rule := range listed {
				known[i] = config.KnownRule{ID: rule.ID, Title: strings.TrimSpace(rule.Title)}
			}
			schema := config.Schema(known)
			if waivers {
				schema = config.WaiversSchema(known)
			}
			_, err = s.out.Write(schema)
			return err
		},
	}
	f.add(command.Flags())
	command.Flags().BoolVar(&waivers, "waivers", false, "the schema of waivers.yaml instead")
	return command
}
