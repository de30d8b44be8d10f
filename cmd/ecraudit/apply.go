package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/collect"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/remediate"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// writeFlags say as whom AWS is written to, with whose consent, and when to stop.
type writeFlags struct {
	flags *pflag.FlagSet // to tell which come from variables

	yes            bool
	journal        string
	wait           time.Duration
	fixRole        string
	maxErrors      int
	forcePolicy    bool
	previewTimeout time.Duration
}

func (f *writeFlags) add(flags *pflag.FlagSet) {
	f.flags = flags
	flags.BoolVar(&f.yes, "yes", false, "do not ask; needed where there is no terminal to ask at")
	f.addJournal(flags)
	flags.DurationVar(&f.wait, "wait", 0, "how long (`DURATION`) to wait for another run that uses the journal")
	flags.StringVar(&f.fixRole, "fix-role-name", "", "`NAME` of the role to assume for changes in every account but the caller's own, or the hub role's if there is one (default: that of --role-name)")
	flags.IntVar(&f.maxErrors, "max-errors", 10, "start no more changes after this `NUMBER` of them failed; 0 is no limit")
	flags.BoolVar(&f.forcePolicy, "force-policy", false, "put policies that lock the caller out of changing them again")
}

func (f *writeFlags) addJournal(flags *pflag.FlagSet) {
	flags.StringVar(&f.journal, "journal", "", "`FOLDER` of the journal (default: ecraudit/journal in the user's folder for state, $XDG_STATE_HOME or ~/.local/state)")
}

// applyFlags are those of a command that applies plans.
type applyFlags struct {
	writeFlags
	maxChanges int
	maxAge     time.Duration
	allow      []string
}

func (f *applyFlags) add(flags *pflag.FlagSet) {
	f.writeFlags.add(flags)
	flags.IntVar(&f.maxChanges, "max-changes", 100, "apply nothing where there are more changes than this `NUMBER`")
	flags.StringSliceVar(&f.allow, "allow", nil, "what lifecycle policies may expire although it should be kept (`NAMES`): expire-more, expire-releases, expire-recent")
	flags.DurationVar(&f.previewTimeout, "preview-timeout", remediate.DefaultPreviewTimeout, "how long (`DURATION`) to wait for AWS's preview of a lifecycle policy")
}

func (f *applyFlags) check() error {
	for _, name := range f.allow {
		if err := oneOf("--allow", name, allowanceNames()); err != nil {
			return err
		}
	}
	switch {
	case f.maxChanges < 1:
		return fmt.Errorf("--max-changes %d: use a number of at least 1", f.maxChanges)
	case f.previewTimeout <= 0:
		return fmt.Errorf("--preview-timeout %s: use a duration such as 5m", f.previewTimeout)
	case f.maxAge < 0:
		return fmt.Errorf("--max-age %s: use a duration such as 24h", f.maxAge)
	}
	return f.writeFlags.check()
}

func (f *writeFlags) check() error {
	switch {
	case f.maxErrors < 0:
		return fmt.Errorf("--max-errors %d: use a number, or 0 for no limit", f.maxErrors)
	case f.wait < 0:
		return fmt.Errorf("--wait %s: use a duration such as 10m", f.wait)
	}
	return nil
}

func allowanceNames() (names []string) {
	for _, a := range remediate.Allowances() {
		names = append(names, string(a))
	}
	return names
}

const applyExitCodes = `Exit codes:
  0  everything was applied, or nothing was to be done
  1  usage or internal error; without a terminal and --yes nothing is changed
  2  changes are left: skipped, refused, failed, declined, or not to be mended`

func newApply(s streams) *cobra.Command {
	var f struct {
		applyFlags
		targetFlags
		choiceFlags
		configFlag
	}
	command := &cobra.Command{
		Use:   "apply PLAN",
		Short: "Carry out a plan",
		Long: `Shows the plan, asks, and carries it out. Each thing is read again before it is
changed; where it is not what the plan saw, it is left alone. Everything that is
overwritten is in the journal first, and ecraudit undo brings it back.

` + applyExitCodes,
		Example: `  ecraudit apply plan.json
  ecraudit apply plan.json --fix-role-name ecraudit-fixer --max-risk safe --yes
  ecraudit apply plan.json --only repository-public --repository 'team/*' --yes`,
		Args: onePlan,
		RunE: func(command *cobra.Command, args []string) error {
			if err := errors.Join(f.applyFlags.check(), f.targetFlags.check()); err != nil {
				return err
			}
			messagesOf(s.err).summary.beginWriting()
			plan, err := readPlan(args[0])
			if err != nil {
				return err
			}
			if err := plan.CheckAge(s.clock(), f.maxAge); err != nil {
				return err
			}
			rules, err := evaluate.LoadRules(nil)
			if err != nil {
				return err
			}
			filter, err := f.filter(slices.Concat(rules.IDs(), planRules(plan)))
			if err != nil {
				return err
			}
			c, err := f.configFlag.load(command.Context(), messagesOf(s.err))
			if err != nil {
				return err
			}
			w := writer{streams: s, writeFlags: &f.writeFlags, targetFlags: &f.targetFlags, protected: protectedBy(c)}
			if err := w.open(command.Context(), planRegions(plan.Changes)); err != nil {
				return err
			}
			id, err := collect.OrganizationID(command.Context(), w.session, w.budget, configured(c.Organization))
			if err != nil {
				return err
			}
			if err := plan.CheckOrganization(id, w.session.Partition); err != nil {
				return err
			}
			return f.applyFlags.apply(command.Context(), &w, plan, filter)
		},
	}
	flags := command.Flags()
	f.choiceFlags.add(flags)
	f.applyFlags.add(flags)
	flags.DurationVar(&f.maxAge, "max-age", 24*time.Hour, "refuse a plan that is older than this `DURATION`")
	f.configFlag.add(flags)
	f.targetFlags.addCredentials(flags)
	f.targetFlags.addPace(flags)
	complete(command, "allow", allowanceNames())
	complete(command, "max-risk", riskNames())
	return command
}

// planRules are the rules of a plan, which may have been made with others.
func planRules(p *remediate.Plan) (ids []string) {
	for _, c := range p.Changes {
		for _, why := range c.Why {
			ids = append(ids, why.Rule)
		}
	}
	return ids
}

func planRegions(changes []remediate.Change) (regions []string) {
	for _, c := range changes {
		regions = append(regions, c.Region)
	}
	slices.Sort(regions)
	return slices.Compact(regions)
}

// apply shows those changes of a plan that are chosen, asks, and carries them
// out.
func (f *applyFlags) apply(ctx context.Context, w *writer, plan *remediate.Plan, filter remediate.Filter) error {
	chosen, others := plan.Choose(filter)
	messagesOf(w.err).summary.written(len(chosen), len(plan.Left), nil)
	shown := *plan
	shown.Changes = chosen
	if err := showPlan(w.streams, &shown); err != nil {
		return err
	}
	if len(others) > 0 {
		messagesOf(w.err).note("not chosen from the plan: " + plural(len(others), "change", "changes"))
	}
	switch {
	case len(chosen) == 0 && len(plan.Left) == 0:
		return nil
	case len(chosen) == 0:
		return exit(exitChanges)
	case len(chosen) > f.maxChanges:
		return fmt.Errorf("nothing was changed: there are %d changes, and --max-changes is %d: choose with --only, --repository and --max-risk, or raise it", len(chosen), f.maxChanges)
	}
	if _, err := journalFolder(f.journal); err != nil {
		return err
	}
	if err := w.consent(ctx, question(chosen)+w.identity(chosen)); err != nil {
		return err
	}
	o := w.options()
	o.Protected = w.protected
	for _, name := range f.allow {
		o.Allow = append(o.Allow, remediate.Allowance(name))
	}
	return w.write(ctx, o, len(chosen), len(plan.Left), func(ctx context.Context, o remediate.Options) (*remediate.Summary, error) {
		return remediate.Apply(ctx, o, plan, chosen)
	})
}

// question is what a person is asked before changes are made.
func question(changes []remediate.Change) string {
	if changes[0].Kind == remediate.KindPurge {
		return fmt.Sprintf("Delete %s for good?", plural(len(changes), "image", "images"))
	}
	return "Apply " + planSummary(changes, 0) + "?"
}

// writer writes to AWS, after asking, with a journal.
type writer struct {
	streams
	*writeFlags
	*targetFlags
	session *awsapi.Session
	budget  *awsapi.Budget
	stats   awsapi.Stats
	// protected is the pattern of tags that the configuration protects; nil where
	// there is none to ask.
	protected func(snapshot.Target, string) *regexp.Regexp
}

// protectedBy asks a configuration which tags are protected in a repository. What
// scopes ask beside its place is not read again; whichever of them hold, what they
// protect is protected.
func protectedBy(c *config.Config) func(snapshot.Target, string) *regexp.Regexp {
	return func(t snapshot.Target, repository string) *regexp.Regexp {
		unread := map[config.Criterion]string{}
		for _, criterion := range config.Criteria() {
			unread[criterion] = "it is not looked up again"
		}
		delete(unread, config.ByAccount)
		delete(unread, config.ByRegion)
		delete(unread, config.ByRepository)
		return c.ProtectedWherever(config.Resource{Account: t.Account, Region: t.Region, Repository: repository, Unknown: unread})
	}
}

// identity says as whom the accounts are written to.
func (w *writer) identity(changes []remediate.Change) string {
	own, others := false, false
	for i := range changes {
		if w.session.Owns(changes[i].Account) {
			own = true
		} else {
			others = true
		}
	}
	var as []string
	if others {
		as = append(as, "as the role "+w.role())
	}
	if own {
		as = append(as, "in "+w.session.Account+" as "+w.session.Caller)
	}
	return " It is done " + strings.Join(as, ", and ") + "."
}

// role is the name of the role that changes are made with.
func (w *writer) role() string { return cmp.Or(w.fixRole, w.targetFlags.options.Roles.Name) }

// open finds out whose credentials there are.
func (w *writer) open(ctx context.Context, regions []string) error {
	o := &w.targetFlags.options
	roles := o.Roles
	roles.Name = w.role()
	if err := roles.Check(); err != nil {
		return err
	}
	w.budget = awsapi.NewBudget(awsapi.Pace{Concurrency: o.Concurrency, Patience: o.Patience, CallTimeout: o.CallTimeout, Log: w.log(w.err), Stats: &w.stats})
	summary := messagesOf(w.err).summary
	summary.calls = append(summary.calls, &w.stats)
	session, err := awsapi.Open(ctx, w.budget, awsapi.Identity{Profile: o.Profile, Roles: roles, Regions: regions})
	w.session = session
	return err
}

var errNobodyToAsk = errors.New("nothing was changed: there is no terminal to ask at; --yes goes on without asking")

// consent asks whether to go on. Whoever does not answer yes has said no.
func (w *writer) consent(ctx context.Context, question string) error {
	m := messagesOf(w.err)
	sayWeighty(w.flags, m)
	if w.yes {
		return nil
	}
	if !w.asks {
		return errNobodyToAsk
	}
	m.ask(question + " Only yes is taken for yes:")
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(w.in).ReadString('\n') // no answer is no
		answer <- strings.TrimSpace(line)
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(w.err, "\nNothing was changed.")
		return ctx.Err()
	case text := <-answer:
		if text == "yes" {
			return nil
		}
	}
	fmt.Fprintln(w.err, "Nothing was changed.")
	return exit(exitChanges)
}

func (w *writer) openJournal() (*remediate.Journal, error) {
	dir, err := journalFolder(w.journal)
	if err != nil {
		return nil, err
	}
	return remediate.OpenJournal(dir)
}

// journalFolder is where the journal is, unless a flag says otherwise.
func journalFolder(flag string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	if state := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "ecraudit", "journal"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("there is no home folder for the journal (%w): name a folder with --journal", err)
	}
	return filepath.Join(home, ".local", "state", "ecraudit", "journal"), nil
}

// placesPerCall is how many repositories are worked on for each call at once.
const placesPerCall = 2

func (w *writer) options() remediate.Options {
	o := &w.targetFlags.options
	return remediate.Options{
		Session: w.session, Budget: w.budget, Version: version, Now: w.clock(),
		Places: placesPerCall * o.Concurrency, Patience: o.Patience, MaxErrors: w.maxErrors,
		ForcePolicy: w.forcePolicy, PreviewTimeout: w.previewTimeout,
	}
}

// write carries something out while nobody else uses the journal, tells how each
// change ends, and sums up.
func (w *writer) write(ctx context.Context, o remediate.Options, changes, left int, do func(context.Context, remediate.Options) (*remediate.Summary, error)) error {
	journal, err := w.openJournal()
	if err != nil {
		return err
	}
	release, err := journal.Lock(ctx, w.wait)
	if err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	defer release()
	var ended, failed atomic.Int64
	stop := w.showLine(w.err, func(elapsed time.Duration) (string, []slog.Attr) {
		done, bad, calls := ended.Load(), failed.Load(), w.stats.Calls.Load()
		return fmt.Sprintf("%d/%d changes, %d failed, %d calls, %s", done, changes, bad, calls, elapsed.Round(time.Second)),
			[]slog.Attr{slog.Int64("changes_done", done), slog.Int("changes", changes), slog.Int64("failed", bad), slog.Int64("calls", calls)}
	})
	o.Journal = journal
	o.Report = func(r remediate.Result) {
		ended.Add(1)
		if r.Outcome == remediate.Failed {
			failed.Add(1)
		}
	}
	summary, err := do(ctx, o)
	stop()
	if summary != nil {
		messagesOf(w.err).summary.written(changes, left, summary.Tally)
		w.showResults(summary, left)
	}
	switch {
	case err != nil:
		return fmt.Errorf("%w: what was not journaled was not changed", err)
	case summary.Tally.Left()+left > 0:
		return exit(exitChanges)
	}
	return nil
}

// showResults tells how changes ended, those that are not in place last.
func (w *writer) showResults(summary *remediate.Summary, left int) {
	p := newSheet(w.streams)
	p.gap()
	results := sortedResults(summary.Results)
	for _, o := range remediate.Outcomes() {
		for _, r := range results {
			if r.Outcome == o {
				p.result(summary.Kind, r)
			}
		}
	}
	p.gap()
	p.say("", "", "%s", tallyText(summary.Tally))
	if left > 0 {
		p.say("", "", "%s cannot be mended: see NOT MENDED above.", plural(left, "finding", "findings"))
	}
	if summary.Run != "" {
		p.say("", "", "Journal: run %s", summary.Run)
	}
	if summary.Wrote && summary.Kind != remediate.RunPurge {
		p.say("", "", "To take it back:")
		p.show("  " + w.undoLine(summary.Run) + "\n")
	}
	_ = p.writeTo(w.out) // the exit code says the same
}

// undoLine is the command that takes a run back.
func (w *writer) undoLine(run string) string {
	line := "ecraudit undo " + run
	if role := w.role(); role != "" {
		line += " --fix-role-name " + shellWord(role)
	}
	if w.journal != "" {
		line += " --journal " + shellWord(w.journal)
	}
	sameCaller := flagsAsGiven(w.flags, func(name string) bool {
		return name == "profile" || name == "hub-role-arn" || name == "external-id" || name == "session-name"
	})
	return strings.Join(append([]string{line}, sameCaller...), " ")
}

func sortedResults(results []remediate.Result) []remediate.Result {
	sorted := slices.Clone(results)
	slices.SortStableFunc(sorted, func(a, b remediate.Result) int {
		return cmp.Or(strings.Compare(a.Where(), b.Where()), strings.Compare(a.Change, b.Change))
	})
	return sorted
}

func (p *sheet) result(of remediate.RunKind, r remediate.Result) {
	deed := strings.Join(r.Summary, "; ")
	if of == remediate.RunUndo {
		deed = "take back: " + deed
	}
	p.say("", fmt.Sprintf("%-9s ", r.Outcome), "%s: %s: %s", r.Where(), r.Kind, deed)
	if r.Reason != "" {
		p.say("          ", "", "%s", r.Reason)
	}
}

// tallyText is "12 changes: 10 applied, 2 skipped".
func tallyText(t remediate.Tally) string {
	var parts []string
	total := 0
	for _, o := range remediate.Outcomes() {
		if n := t[o]; n > 0 {
			total += n
			parts = append(parts, fmt.Sprintf("%d %s", n, outcomeWords(o)))
		}
	}
	if total == 0 {
		return "No changes."
	}
	return plural(total, "change", "changes") + ": " + strings.Join(parts, ", ")
}

func outcomeWords(o remediate.Outcome) string {
	if o == remediate.Already {
		return "in place already"
	}
	return string(o)
}
