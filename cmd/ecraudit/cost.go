package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecraudit/ecraudit/internal/audit"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/cost"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// costFlags are the flags of the cost table.
type costFlags struct {
	surveyFlags
	by              string
	unusedDays      int
	limit           int
	format          string
	allowIncomplete bool
}

// costRows is how many rows a table shows where nothing else is said.
const costRows = 30

var costFormats = []string{"table", "json", "csv"}

func newCost(s streams) *cobra.Command {
	var f costFlags
	command := &cobra.Command{
		Use:   "cost",
		Short: "What the storage of images costs, and what could be saved",
		Long: `Sums up what images cost in a month by repository, by the value of a resource
tag, by account, region, age or kind of tag, with the part that lifecycle
policies would free now and the part that nobody used for long.

Amounts are upper bounds: layers that images share are counted for each of them.

Exit codes:
  0  everything was read
  1  usage or internal error
  3  something could not be read, and is missing in the amounts
     (--allow-incomplete makes it 0)`,
		Example: `  ecraudit cost
  ecraudit cost --org --role-name ecraudit-reader --regions all --by tag:team
  ecraudit cost --by age --unused-days 90
  ecraudit cost --org --role-name ecraudit-reader --format csv > cost.csv`,
		Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := f.checkCost(command); err != nil {
				return err
			}
			return f.run(command.Context(), s)
		},
	}
	flags := command.Flags()
	f.surveyFlags.add(flags)
	flags.StringVar(&f.by, "by", string(cost.ByRepository), "what to sum up `BY`: repository, tag:KEY, account, region, age or tag-class")
	flags.IntVar(&f.unusedDays, "unused-days", 0, "`NUMBER` of days without push and pull after which an image is unused (default: ages.unused_days of the configuration)")
	flags.IntVar(&f.limit, "limit", 0, "`NUMBER` of rows to show, the others as one; 0 shows all (default: 30 in a table, all in json and csv)")
	flags.StringVar(&f.format, "format", "table", "`FORMAT`: table, json or csv")
	flags.BoolVar(&f.allowIncomplete, "allow-incomplete", false, "exit with 0 even when something could not be read")
	complete(command, "by", cost.Groupings())
	complete(command, "format", costFormats)
	return command
}

// checkCost refuses flags that cannot be meant, and completes the limit.
func (f *costFlags) checkCost(command *cobra.Command) error {
	if err := f.check(command); err != nil {
		return err
	}
	if err := oneOf("--format", f.format, costFormats); err != nil {
		return err
	}
	switch key, byTag := cost.By(f.by).TagKey(); {
	case byTag && key == "":
		return fmt.Errorf("--by %s: the key of the tag is missing: write it as in --by tag:team", f.by)
	case !byTag && !slices.Contains(cost.Groupings(), f.by):
		return oneOf("--by", f.by, append(cost.Groupings(), "tag:KEY"))
	case given(command.Flags(), "unused-days") && f.unusedDays < 1:
		return fmt.Errorf("--unused-days %d: use a number of days from 1", f.unusedDays)
	case f.limit < 0:
		return fmt.Errorf("--limit %d: use a number of rows from 1, or 0 for all", f.limit)
	case f.format == "table" && !given(command.Flags(), "limit"):
		f.limit = costRows
	}
	return nil
}

func (f *costFlags) run(ctx context.Context, s streams) error {
	c, err := f.load(ctx, messagesOf(s.err))
	if err != nil {
		return err
	}
	needs := cost.By(f.by).Needs()
	needs = append(needs, c.Needs()...)
	at := f.moment()
	sink := &costSink{
		config: c, unread: newUnread(needs), targets: map[snapshot.Target]bool{},
		tally: cost.NewTally(cost.Options{By: cost.By(f.by), At: at, UnusedDays: f.unusedDays, Limit: f.limit}),
	}
	if err := f.visit(ctx, c, needs, s, sink); err != nil {
		return err
	}
	result, err := sink.tally.Result()
	if err != nil {
		return err
	}
	if result.Currency == "" { // there is no repository
		result.Currency = c.Settings.Prices.Currency
	}
	shown := costReport{
		Result: result, by: cost.By(f.by), at: at, gaps: sink.unread.sorted(),
		targets: slices.SortedFunc(maps.Keys(sink.targets), snapshot.Target.Compare), width: tableOptions(s.out).Width,
	}
	if err := shown.write(f.format, s); err != nil {
		return fmt.Errorf("showing the costs: %w", err)
	}
	if len(shown.gaps) > 0 && !f.allowIncomplete {
		return exit(audit.ExitIncomplete)
	}
	return nil
}

// moment is when ages count from: now, or the time of the snapshot. Of a
// snapshot that cannot be read it is zero; the visit will say why.
func (f *costFlags) moment() time.Time {
	if f.snapshot == "" {
		return time.Now().UTC()
	}
	reader, err := openSnapshot(f.snapshot)
	if err != nil {
		return time.Time{}
	}
	defer reader.Close()
	return reader.Header.Clock
}

// costSink adds up what is collected.
type costSink struct {
	config   *config.Config
	accounts *config.Accounts
	tally    *cost.Tally
	unread   *unread

	mu      sync.Mutex
	targets map[snapshot.Target]bool // that have repositories
}

func (k *costSink) Begin(o snapshot.Organization) error {
	k.accounts = config.NewAccounts(o)
	return nil
}

func (*costSink) Registry(context.Context, *snapshot.Registry) error { return nil }

func (k *costSink) Repository(_ context.Context, _ *snapshot.Registry, r *snapshot.Repository) error {
	k.unread.add(r.Gaps)
	resource := k.accounts.Repository(r)
	if why := k.config.Undecided(resource); why != "" && r.Gap(snapshot.NeedTags) == nil {
		k.unread.add([]snapshot.Gap{undecidedGap(r, why)})
	}
	if err := k.tally.Add(r, k.config.For(resource)); err != nil {
		k.unread.add([]snapshot.Gap{{Target: r.Target, Repository: r.Name, Need: snapshot.NeedLifecycle, Code: "InvalidPolicy", Message: err.Error()}})
	}
	return nil
}

func (k *costSink) Done(t snapshot.TargetResult) error {
	k.unread.add(t.Gaps)
	if t.Repositories > 0 {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.targets[t.Target] = true
	}
	return nil
}
