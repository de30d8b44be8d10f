package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	opa "github.com/open-policy-agent/opa/v1/version"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecraudit/ecraudit/internal/audit"
	"github.com/ecraudit/ecraudit/internal/collect"
	"github.com/ecraudit/ecraudit/internal/doctor"
	"github.com/ecraudit/ecraudit/internal/remediate"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// doctorFlags say what is meant to be done, and how the answer is written.
type doctorFlags struct {
	extentFlags
	format, output  string
	timeout         time.Duration
	allowIncomplete bool
}

func newDoctor(s streams) *cobra.Command {
	var f doctorFlags
	command := &cobra.Command{
		Use:   "doctor",
		Short: "Check that a run can read everything, and say what to do where it cannot",
		Long: `Checks credentials, the clock, endpoints, the organization, the role in every
account, regions, and the permissions that the active rules take, and says what to
do about each thing that is not in place. With --fix it checks the role that makes
changes too. It asks AWS by a few small calls for each account, none of which
changes anything. What cannot be tried without writing is said not to be checked.

Exit codes:
  0  everything is in place
  1  usage or internal error
  2  something is not in place
  3  nothing is known to be wrong, but something could not be checked
     (--allow-incomplete makes it 0)`,
		Example: `  ecraudit doctor
  ecraudit doctor --org --role-name ecraudit-reader --regions all
  ecraudit doctor --org --role-name ecraudit-reader --regions eu-west-1 --fix tags,scanning --allow-incomplete
  ecraudit doctor --org --role-name ecraudit-reader --regions all --format json -o doctor.json`,
		Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error { return f.run(command.Context(), command.Flags(), s) },
	}
	f.extentFlags.add(command)
	flags := command.Flags()
	f.addCredentials(flags)
	f.addCalls(flags)
	flags.DurationVar(&f.timeout, "timeout", 5*time.Minute, "how long (`DURATION`) all of it may take; what is not checked by then is said so")
	flags.BoolVar(&f.allowIncomplete, "allow-incomplete", false, "exit code 0 although something could not be checked")
	flags.StringVar(&f.format, "format", "table", "`FORMAT`: table or json")
	flags.StringVarP(&f.output, "output", "o", "-", "`FILE` to write; - is standard output")
	complete(command, "format", []string{"table", "json"})
	return command
}

func (f *doctorFlags) check() error {
	if f.timeout <= 0 {
		return fmt.Errorf("--timeout %s: use a duration such as 5m", f.timeout)
	}
	return errors.Join(oneOf("--format", f.format, []string{"table", "json"}), f.targetFlags.check(), f.checkFixRole(), collect.CheckSelection(f.options.Selection, f.options.Roles))
}

func (f *doctorFlags) run(ctx context.Context, flags *pflag.FlagSet, s streams) error {
	if err := f.check(); err != nil {
		return err
	}
	kinds, err := f.kinds(flags, s)
	if err != nil {
		return err
	}
	to, err := openOutput(f.output, s.out)
	if err != nil {
		return err
	}
	defer to.Abort()
	bounded, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	found := f.examine(bounded, flags, kinds, s)
	if err := ctx.Err(); err != nil {
		return err
	}
	if f.format == "json" {
		err = writeJSON(to, found)
	} else {
		err = showDiagnosis(newSheet(s), found).writeTo(to)
	}
	if err := errors.Join(err, to.Commit()); err != nil {
		return err
	}
	return verdict(found.Summary.ExitCode, nil)
}

// diagnosis is what the doctor found, as it is written.
type diagnosis struct {
	Schema  string           `json:"schema"`
	Checks  []doctor.Check   `json:"checks"`
	Summary diagnosisSummary `json:"summary"`
}

type diagnosisSummary struct {
	OK         int   `json:"ok"`
	Failed     int   `json:"failed"`
	NotChecked int   `json:"not_checked"`
	Calls      int64 `json:"calls"`
	// MostCalls is the largest number of calls that were made in one account.
	MostCalls int `json:"most_calls_in_an_account"`
	ExitCode  int `json:"exit_code"`
}

// examine looks at what is here, and then at AWS.
func (f *doctorFlags) examine(ctx context.Context, flags *pflag.FlagSet, kinds []remediate.Kind, s streams) diagnosis {
	checks := []doctor.Check{{
		Area: doctor.Versions, Subject: "ecraudit", Status: doctor.OK,
		Detail: strings.TrimSpace(versionText()) + ", OPA " + opa.Version + ", " + report.Schema + ", " + snapshot.FileSchema,
	}}
	o := doctor.Options{Options: f.options}
	o.Stats, o.Log = &collect.Stats{}, f.log(s.err)
	o.Permissions = permissionsFor(flags, s)
	if len(kinds) > 0 {
		o.FixRole = f.fixRole
		o.Looking, o.Writing = looksAndWrites(kinds)
	}
	c, engine, err := f.engineFor(ctx, s)
	if err != nil {
		checks = append(checks, doctor.Check{
			Area: doctor.Configuration, Subject: f.source(), Status: doctor.Failed, Detail: err.Error(),
			Next: "correct what the message names: ecraudit config validate and ecraudit rules look at the same",
		})
		o.RulesUnknown = true
		o.Extent = collect.Extent{Others: f.others()}
	} else {
		checks = append(checks, doctor.Check{
			Area: doctor.Configuration, Subject: f.source(), Status: doctor.OK, Detail: plural(len(engine.Rules()), "rule is", "rules are") + " active",
		})
		o.Extent, o.Options.Organization = f.extent(engine, kinds), configured(c.Organization)
	}
	found := doctor.Examine(ctx, o)
	d := diagnosis{Schema: "ecraudit.doctor/v1", Checks: append(checks, found.Checks...)}
	d.Summary = diagnosisSummary{Calls: o.Stats.Calls.Load(), MostCalls: found.MostCalls}
	d.sum(f.allowIncomplete)
	return d
}

// permissionsFor is ecraudit permissions with the flags of a run that it has, too.
func permissionsFor(flags *pflag.FlagSet, s streams) doctor.PermissionsFor {
	taken := newPermissions(s).Flags()
	same := flagsAsGiven(flags, func(name string) bool {
		return taken.Lookup(name) != nil && name != "format" && name != "output"
	})
	return func(more ...string) string {
		return strings.Join(slices.Concat([]string{"ecraudit permissions"}, same, more), " ")
	}
}

// source is where the configuration comes from.
func (f *doctorFlags) source() string {
	if path := f.configPath(); path != "" {
		return path
	}
	return "defaults"
}

// looksAndWrites are the IAM actions of changes of these kinds.
func looksAndWrites(kinds []remediate.Kind) (looks, writes []string) {
	for _, k := range kinds {
		for _, p := range remediate.Permissions(k) {
			if p.Writes {
				writes = append(writes, p.Action)
			} else {
				looks = append(looks, p.Action)
			}
		}
	}
	slices.Sort(looks)
	slices.Sort(writes)
	looks, writes = slices.Compact(looks), slices.Compact(writes)
	return looks, slices.DeleteFunc(writes, func(a string) bool { return slices.Contains(looks, a) })
}

// sum counts, and decides on the exit code.
func (d *diagnosis) sum(allowIncomplete bool) {
	for _, c := range d.Checks {
		switch c.Status {
		case doctor.OK:
			d.Summary.OK++
		case doctor.Failed:
			d.Summary.Failed++
		case doctor.NotChecked:
			d.Summary.NotChecked++
		}
	}
	switch {
	case d.Summary.Failed > 0:
		d.Summary.ExitCode = audit.ExitFindings
	case d.Summary.NotChecked > 0 && !allowIncomplete:
		d.Summary.ExitCode = audit.ExitIncomplete
	}
}

// showDiagnosis lists the checks for people.
func showDiagnosis(p *sheet, d diagnosis) *sheet {
	for _, c := range d.Checks {
		begin := fmt.Sprintf("%-11s  %-13s  ", c.Status, c.Area)
		p.say("", begin, "%s: %s", c.Subject, c.Detail)
		if c.Next != "" {
			sayNext, document, _ := strings.Cut(c.Next, "\n")
			p.say(strings.Repeat(" ", len(begin)), "→ ", "%s", sayNext)
			p.show(document) // to be pasted
		}
	}
	sum := d.Summary
	p.gap()
	p.say("", "", "%d ok, %d failed, %d not checked; %s, at most %d in one account",
		sum.OK, sum.Failed, sum.NotChecked, plural(int(sum.Calls), "call", "calls"), sum.MostCalls)
	return p
}
