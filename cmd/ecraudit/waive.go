package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aymanbagabas/go-udiff"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecraudit/ecraudit/internal/audit"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// waiveFlags say what is excused, why, and where that is written.
type waiveFlags struct {
	ruleFlags
	until, reason, owner, ticket string
	approvedBy, approvedOn       string
	report, snapshot, file       string
}

func newWaive(s streams) *cobra.Command {
	var f waiveFlags
	command := &cobra.Command{
		Use:   "waive FINGERPRINT",
		Short: "Excuse a finding until a day: add a waiver to waivers.yaml",
		Long: `Finds a finding by its fingerprint, or by at least 8 hexadecimal digits that only
one begins with, in a report that an audit wrote as JSON or NDJSON, or in a
snapshot, and adds a waiver for it. Everything else in the file stays as it is, byte
for byte. What was written is shown as a difference.

The file is that of --file; or else waivers.yaml beside the configuration file, or
the configuration file itself where its waivers stand in it.

Exit codes:
  0  the waiver was added
  1  usage or internal error, no such finding, or it has a waiver already`,
		Example: `  ecraudit waive 4c1f0b2a --report report.json --until 2027-03-31 --reason 'moves to a private registry in March' --owner team-a
  ecraudit waive 9e2d71c4 --snapshot org.snapshot --until 2027-03-31 --reason 'moves in March' --owner team-a --ticket OPS-12`,
		Args: func(command *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("%s takes one fingerprint: ecraudit report report.json --columns fingerprint,rule,resource lists them", command.CommandPath())
			}
			return nil
		},
		RunE: func(command *cobra.Command, args []string) error {
			return f.run(command.Context(), args[0], command.Flags(), s)
		},
	}
	flags := command.Flags()
	f.ruleFlags.addFiles(flags)
	flags.StringVar(&f.until, "until", "", "the last `DAY` on which the finding is excused, such as 2027-03-31")
	flags.StringVar(&f.reason, "reason", "", "why it may be as it is (`TEXT`)")
	flags.StringVar(&f.owner, "owner", "", "who answers for it (`NAME`)")
	flags.StringVar(&f.ticket, "ticket", "", "where it is discussed (`ID`)")
	flags.StringVar(&f.approvedBy, "approved-by", "", "who approved it (`NAME`)")
	flags.StringVar(&f.approvedOn, "approved-on", "", "the `DAY` of the approval (default: today, with --approved-by)")
	flags.StringVar(&f.report, "report", "", "find the finding in this report `FILE`")
	flags.StringVar(&f.snapshot, "snapshot", "", "find the finding in this snapshot `FILE`")
	flags.StringVar(&f.file, "file", "", "`FILE` to add the waiver to")
	return command
}

var fingerprintPrefix = regexp.MustCompile(`^[0-9a-f]{8,32}$`)

func (f *waiveFlags) check(prefix string) error {
	var missing []string
	for _, flag := range []struct{ name, value string }{{"--until", f.until}, {"--reason", f.reason}, {"--owner", f.owner}} {
		if flag.value == "" {
			missing = append(missing, flag.name)
		}
	}
	switch {
	case !fingerprintPrefix.MatchString(prefix):
		return fmt.Errorf("%q is not a fingerprint: give its 32 hexadecimal digits in small letters, or the first 8 or more", prefix)
	case len(missing) > 0:
		return fmt.Errorf("%s missing: a waiver says until when it holds, why, and who answers for it", strings.Join(missing, ", "))
	case f.report == "" && f.snapshot == "":
		return errors.New("say where the finding is: --report with a report that ecraudit audit -o report.json wrote, or --snapshot")
	case f.report != "" && f.snapshot != "":
		return errors.New("give one of --report and --snapshot")
	case f.approvedOn != "" && f.approvedBy == "":
		return errors.New("--approved-on means nothing without --approved-by")
	}
	return nil
}

func (f *waiveFlags) run(ctx context.Context, prefix string, flags *pflag.FlagSet, s streams) error {
	if err := f.check(prefix); err != nil {
		return err
	}
	waiver, err := f.waiver(flags, s.clock())
	if err != nil {
		return err
	}
	c, rules, err := f.load(ctx, s)
	if err != nil {
		return err
	}
	found, err := f.find(ctx, prefix, c, rules, s)
	if err != nil {
		return err
	}
	waiver.Rules, waiver.Fingerprint = []string{found.Rule}, found.Fingerprint
	if why := c.Waiving.TooFar(waiver.Until, s.clock()); why != "" {
		return fmt.Errorf("--until %s", why)
	}
	if err := waivable(c, &found.Finding, waiver); err != nil {
		return err
	}
	if f.report != "" {
		if err := waivedSince(c, found, s); err != nil {
			return err
		}
	}
	if c.Waiving.TakesApproval(found.Severity) && !waiver.Approved() {
		return fmt.Errorf("the finding is %s, which nobody may excuse without approval (waiving.approval): give --approved-by", found.Severity)
	}
	return f.write(ctx, c, rules, waiver, &found.Finding, s)
}

// waiver is what the flags say.
func (f *waiveFlags) waiver(flags *pflag.FlagSet, today time.Time) (*config.Waiver, error) {
	w := &config.Waiver{}
	texts := map[string]string{}
	for _, name := range []string{"reason", "owner", "ticket", "approved-by"} {
		if given(flags, name) {
			texts[name] = flags.Lookup(name).Value.String()
		}
	}
	if err := w.Add(texts); err != nil {
		return nil, err
	}
	var err error
	if w.Until, err = dayOf("--until", f.until); err != nil {
		return nil, err
	}
	if w.Expired(today) {
		return nil, fmt.Errorf("--until %s is in the past: today is %s in UTC, and a waiver must hold for a while", f.until, config.Day(config.DayOf(today)))
	}
	if w.ApprovedBy == "" {
		return w, nil
	}
	w.ApprovedOn = config.DayOf(today)
	if f.approvedOn != "" {
		w.ApprovedOn, err = dayOf("--approved-on", f.approvedOn)
	}
	if err == nil && w.ApprovedOn.After(config.DayOf(today)) {
		err = fmt.Errorf("--approved-on %s is still to come: write the day on which it was approved", f.approvedOn)
	}
	return w, err
}

func dayOf(flag, text string) (time.Time, error) {
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %q is not a day: write one such as 2027-03-31", flag, text)
	}
	return day, nil
}

// waivable refuses what is excused, or cannot be.
func waivable(c *config.Config, found *finding.Finding, w *config.Waiver) error {
	for i := range c.Waivers {
		if known := &c.Waivers[i]; known.Fingerprint == w.Fingerprint {
			return fmt.Errorf("%s has a waiver for this finding, until %s: change it there", known.Place(), config.Day(known.Until))
		}
	}
	switch {
	case found.Rule == finding.WaiverExpired || found.Rule == finding.WaiverInvalid:
		return fmt.Errorf("findings of %s cannot be waived: they say what is wrong with a waiver; mend that one (%s)", found.Rule, report.Printable(found.Message))
	case found.Status == finding.Waived && isPlace.MatchString(found.Waiver.Source) && !stands(c, found.Waiver.Source):
		return fmt.Errorf("the report was made with a waiver at %s, which is not there now: audit again, and give that report", report.Printable(found.Waiver.Source))
	case found.Status == finding.Waived:
		return alreadyWaived(cmp.Or(found.Waiver.Until, "some day"), cmp.Or(found.Waiver.Source, "another"))
	}
	return nil
}

// waivedSince refuses a finding that the configuration excuses by now, which a report
// of before does not say, and warns where the report does not tell.
func waivedSince(c *config.Config, found *reported, s streams) error {
	surely, perhaps := c.WaiversOfFinding(&found.Finding, found.accountName, s.clock())
	if surely != nil {
		return alreadyWaived(config.Day(surely.Until), surely.Place().String())
	}
	for _, w := range perhaps {
		messagesOf(s.err).warn(report.Printable(fmt.Sprintf("the finding may be waived until %s already, by %s: that depends on %s; --snapshot instead of --report tells", config.Day(w.Until), w.Place(), w.DependsOn)))
	}
	return nil
}

func alreadyWaived(until, source string) error {
	return fmt.Errorf("the finding is waived until %s already, by %s: change that waiver", until, report.Printable(source))
}

// isPlace is the form of where a waiver stands in a file.
var isPlace = regexp.MustCompile(`:[0-9]+$`)

func stands(c *config.Config, place string) bool {
	return slices.ContainsFunc(c.Waivers, func(w config.Waiver) bool { return w.Place().String() == place })
}

// find looks for the only finding whose fingerprint begins so.
func (f *waiveFlags) find(ctx context.Context, prefix string, c *config.Config, rules *evaluate.Rules, s streams) (*reported, error) {
	m := &matching{prefix: prefix}
	from := cmp.Or(f.report, f.snapshot)
	var err error
	if f.report != "" {
		err = replayFile(f.report, s, m)
	} else {
		err = judgeSnapshot(ctx, f.snapshot, c, rules, m)
	}
	switch {
	case err != nil:
		return nil, err
	case len(m.found) == 1:
		return &reported{m.found[0], m.accountNames[m.found[0].Account]}, nil
	case len(m.found) > 1:
		return nil, fmt.Errorf("%d findings in %s have fingerprints that begin with %s: give more digits", len(m.found), from, prefix)
	case m.filtered:
		return nil, fmt.Errorf("no finding in %s has a fingerprint that begins with %s, but the report has only findings that match a query: look in the whole one", from, prefix)
	}
	return nil, fmt.Errorf("no finding in %s has a fingerprint that begins with %s: ecraudit report FILE --columns fingerprint,rule,resource lists them", from, prefix)
}

// reported is a finding, with the name of its account where that is known.
type reported struct {
	finding.Finding
	accountName string
}

// matching keeps the findings whose fingerprints begin with some digits.
type matching struct {
	prefix       string
	found        []finding.Finding
	filtered     bool
	accountNames map[string]string // by id
}

// Begin notes whether some findings are left out, and how accounts are called.
func (m *matching) Begin(run report.Run) error {
	m.filtered, m.accountNames = run.Query != "", map[string]string{}
	for _, target := range run.Targets {
		m.accountNames[target.Account] = target.AccountName
	}
	return nil
}

// Finding keeps those that match.
func (m *matching) Finding(f finding.Finding) error {
	if strings.HasPrefix(f.Fingerprint, m.prefix) {
		m.found = append(m.found, f)
	}
	return nil
}

// Gap is told what could not be read.
func (*matching) Gap(snapshot.Gap) error { return nil }

// End is told the totals.
func (*matching) End(report.Summary) error { return nil }

// replayFile tells a saved report to a handler.
func replayFile(path string, s streams, h report.Handler) error {
	in, err := openReport(path, s.in)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := report.Replay(in, h); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// judgeSnapshot tells the audit of a snapshot to a handler.
func judgeSnapshot(ctx context.Context, path string, c *config.Config, rules *evaluate.Rules, h report.Handler) error {
	saved, err := openSnapshot(path)
	if err != nil {
		return err
	}
	defer saved.Close()
	engine, err := saved.engine(c, rules, conductFlags{})
	if err != nil {
		return err
	}
	a, err := audit.New(engine)
	if err != nil {
		return err
	}
	defer a.Close()
	if err := a.Snapshot(ctx, saved.Reader); err != nil {
		return err
	}
	_, err = a.Finish(ctx, h, audit.Options{Version: version, FailOn: audit.FailNever}, false)
	return err
}

// destination is the file that the waiver goes to.
func (f *waiveFlags) destination(c *config.Config) string {
	if f.file != "" {
		return f.file
	}
	folder := filepath.Dir(cmp.Or(c.Path, "ecraudit.yaml"))
	if beside, there := config.FindWaivers(folder); there {
		return beside
	}
	inConfig := slices.ContainsFunc(c.WaiverFiles, func(w config.WaiverFile) bool { return w.Path == c.Path })
	if inConfig {
		return c.Path
	}
	return filepath.Join(folder, config.WaiversName)
}

// write adds the waiver, once the configuration is known to be good with it.
func (f *waiveFlags) write(ctx context.Context, c *config.Config, rules *evaluate.Rules, w *config.Waiver, found *finding.Finding, s streams) error {
	path := f.destination(c)
	before, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading %s: %w", path, snapshot.Cause(err))
	}
	after, line, err := config.AddWaiver(path, before, w, aboutFinding(found))
	if err != nil {
		return err
	}
	l, err := newLibrary(f.keys)
	if err != nil {
		return err
	}
	imagined, err := config.Imagine(c.Path, l.packs(ctx), path, after)
	if err == nil {
		err = disagreement(imagined, rules, s.clock())
	}
	if err != nil {
		return fmt.Errorf("nothing was written, because it would be refused: %w", err)
	}
	if len(imagined.Waivers) != len(c.Waivers)+1 {
		return fmt.Errorf("%s is not read by %s: name it there under waiver_files, or leave --file out", path, cmp.Or(c.Path, "ecraudit without an ecraudit.yaml"))
	}
	to, err := report.Create(path)
	if err != nil {
		return err
	}
	defer to.Abort()
	if _, err := to.Write(after); err != nil {
		return fmt.Errorf("writing %s: %w", path, snapshot.Cause(err))
	}
	if err := to.Commit(); err != nil {
		return err
	}
	difference := strings.TrimSuffix(udiff.Unified(path, path, string(before), string(after)), "\n")
	for text := range strings.SplitSeq(difference, "\n") {
		if _, err := fmt.Fprintln(s.out, report.Printable(text)); err != nil {
			return err
		}
	}
	messagesOf(s.err).note(fmt.Sprintf("the waiver is %s:%d, and holds until %s", path, line, config.Day(w.Until)))
	if found.Status == finding.Unknown {
		messagesOf(s.err).warn("the rule could not tell in that report; the waiver excuses the finding also once it can, and finds that it fails")
	}
	return nil
}

// aboutFinding is a comment that tells people which finding a fingerprint is.
func aboutFinding(f *finding.Finding) string {
	where := strings.Trim(f.Account+"/"+f.Region+"/"+f.Repository, "/")
	for _, more := range []struct{ lead, text string }{{"@", f.Digest}, {":", f.Tag}} {
		if more.text != "" {
			where += more.lead + more.text
		}
	}
	const longest = 200
	text := strings.Join(strings.Fields(fmt.Sprintf("%s, %s: %s", f.Severity, cmp.Or(where, "the organization"), f.Message)), " ")
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest]) + "…"
	}
	return report.Printable(text)
}
