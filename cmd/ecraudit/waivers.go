package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// waiversFlags say which waivers are listed, and how.
type waiversFlags struct {
	ruleFlags
	report   string
	format   string
	expiring int
}

// exitEnded is the exit code where a waiver that is listed has ended, or ends
// within the days of --expiring.
const exitEnded = 2

var waiversFormats = []string{"table", "json", "csv"}

func newWaivers(s streams) *cobra.Command {
	var f waiversFlags
	command := &cobra.Command{
		Use:   "waivers",
		Short: "List the waivers with the days that are left, those that ended first",
		Long: `Lists the waivers of the configuration and of the files of waivers that it reads,
those that ended first, then those that end next. With --report also how many
findings each excuses, by a report that was made with the same files, and how many
resource tags excuse. It asks nothing of AWS.

Exit codes:
  0  no waiver has ended, and with --expiring none ends within so many days
  1  usage or internal error
  2  some have ended or, with --expiring, end within so many days`,
		Example: `  ecraudit waivers
  ecraudit waivers --expiring 30 --format csv
  ecraudit waivers --report report.json`,
		Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			switch asked := given(command.Flags(), "expiring"); {
			case !asked:
				f.expiring = -1
			case f.expiring < 0:
				return fmt.Errorf("--expiring %d: use a number of days from 0", f.expiring)
			}
			return f.run(command.Context(), s)
		},
	}
	flags := command.Flags()
	f.ruleFlags.addFiles(flags)
	flags.StringVar(&f.report, "report", "", "count what each excuses in this report `FILE`, which ecraudit audit -o report.json wrote")
	flags.StringVar(&f.format, "format", "table", "`FORMAT`: table, json or csv")
	flags.IntVar(&f.expiring, "expiring", 0, "only those that have ended or end within this `NUMBER` of days")
	complete(command, "format", waiversFormats)
	return command
}

// listedWaiver is a waiver as it is listed.
type listedWaiver struct {
	DaysLeft   int      `json:"days_left"` // 0 on its last day, negative once it has ended
	Until      string   `json:"until"`
	Source     string   `json:"source"`
	Rules      []string `json:"rules"`
	Where      string   `json:"where"`
	Owner      string   `json:"owner"`
	Ticket     string   `json:"ticket,omitempty"`
	Reason     string   `json:"reason"`
	ApprovedBy string   `json:"approved_by,omitempty"`
	ApprovedOn string   `json:"approved_on,omitempty"`
	Findings   *int     `json:"findings,omitempty"` // that it excuses in the report; absent without one
}

func (f *waiversFlags) run(ctx context.Context, s streams) error {
	if err := oneOf("--format", f.format, waiversFormats); err != nil {
		return err
	}
	c, _, err := f.load(ctx, s)
	if err != nil {
		return err
	}
	warnOfIdleWaivers(c, s)
	var count *waivedCount
	if f.report != "" {
		count = &waivedCount{bySource: map[string]int{}}
		if err := replayFile(f.report, s, count); err != nil {
			return err
		}
		if !count.sameFiles(c.WaiverFiles) {
			return fmt.Errorf("%s was made with other waivers than those that hold now, so that its counts are not theirs: audit again", f.report)
		}
		if count.query != "" {
			messagesOf(s.err).warn("the report has only the findings that match " + report.Printable(count.query) + ": others are not counted")
		}
	}
	listed := f.list(c, s.clock(), count)
	if err := f.show(listed, count, s); err != nil {
		return err
	}
	if slices.ContainsFunc(listed, func(w listedWaiver) bool { return w.DaysLeft < 0 || w.DaysLeft <= f.expiring }) {
		return exit(exitEnded)
	}
	return nil
}

func (f *waiversFlags) list(c *config.Config, today time.Time, count *waivedCount) []listedWaiver {
	listed := []listedWaiver{}
	for i := range c.Waivers {
		w := &c.Waivers[i]
		one := listedWaiver{
			DaysLeft: w.DaysLeft(today), Until: config.Day(w.Until), Source: w.Place().String(), Rules: w.Rules, Where: w.Where(),
			Owner: w.Owner, Ticket: w.Ticket, Reason: w.Reason, ApprovedBy: w.ApprovedBy,
		}
		if w.Approved() {
			one.ApprovedOn = config.Day(w.ApprovedOn)
		}
		if f.expiring >= 0 && one.DaysLeft > f.expiring {
			continue
		}
		if count != nil {
			n := count.bySource[config.Place{Path: count.pathThen(c.WaiverFiles, w.Place().Path), Line: w.Place().Line}.String()]
			one.Findings = &n
		}
		listed = append(listed, one)
	}
	slices.SortStableFunc(listed, func(a, b listedWaiver) int { return cmp.Compare(a.DaysLeft, b.DaysLeft) })
	return listed
}

func (f *waiversFlags) show(listed []listedWaiver, count *waivedCount, s streams) error {
	switch f.format {
	case "json":
		return writeJSON(s.out, listed)
	case "csv":
		return writeWaiversCSV(s.out, listed)
	}
	p := newSheet(s)
	f.showList(p, listed)
	if count != nil && count.byTags > 0 {
		p.gap()
		p.row("", fmt.Sprintf("Resource tags excuse %s.", plural(count.byTags, "finding", "findings")))
	}
	return p.writeTo(s.out)
}

func (f *waiversFlags) showList(p *sheet, listed []listedWaiver) {
	const indent = "    "
	if len(listed) == 0 {
		p.row("", fmt.Sprintf("There are no waivers%s.", map[bool]string{true: " that have ended or end by then"}[f.expiring >= 0]))
	}
	for i, w := range listed {
		if i > 0 {
			p.gap()
		}
		p.row(w.left()+"  ", strings.Join(w.Rules, ", ")+"  "+w.Source)
		p.row(indent, "Where: "+w.Where)
		p.row(indent, "Owner: "+w.Owner+ifAny(", ticket ", w.Ticket)+ifAny(", approved by ", w.ApprovedBy)+ifAny(" on ", w.ApprovedOn))
		p.row(indent, "Why: "+w.Reason)
		if w.Findings != nil {
			p.row(indent, fmt.Sprintf("Excuses %s.", plural(*w.Findings, "finding", "findings")))
		}
	}
}

// left says how long a waiver holds.
func (w *listedWaiver) left() string {
	switch {
	case w.DaysLeft < 0:
		return fmt.Sprintf("ENDED %s ago, on %s", plural(-w.DaysLeft, "day", "days"), w.Until)
	case w.DaysLeft == 0:
		return "ends today, " + w.Until
	}
	return fmt.Sprintf("%s left, until %s", plural(w.DaysLeft, "day", "days"), w.Until)
}

func ifAny(lead, text string) string {
	if text == "" {
		return ""
	}
	return lead + text
}

func writeWaiversCSV(out io.Writer, listed []listedWaiver) error {
	sheet := report.NewSheet(out)
	rows := [][]string{{"days_left", "days_over", "until", "source", "rules", "where", "owner", "ticket", "reason", "approved_by", "approved_on", "findings"}}
	for _, w := range listed {
		findings := ""
		if w.Findings != nil {
			findings = strconv.Itoa(*w.Findings)
		}
		left, over := strconv.Itoa(w.DaysLeft), ""
		if w.DaysLeft < 0 {
			left, over = "", strconv.Itoa(-w.DaysLeft)
		}
		rows = append(rows, []string{
			left, over, w.Until, w.Source, strings.Join(w.Rules, " "), w.Where, w.Owner, w.Ticket, w.Reason, w.ApprovedBy, w.ApprovedOn, findings,
		})
	}
	for _, row := range rows {
		if err := sheet.Row(row...); err != nil {
			return err
		}
	}
	return sheet.Flush()
}

// waivedCount counts the findings of a report that are waived.
type waivedCount struct {
	bySource map[string]int
	byTags   int
	query    string
	applied  *report.Waivers
}

// Begin notes what the report was filtered by.
func (c *waivedCount) Begin(run report.Run) error {
	c.query = run.Query
	return nil
}

// Finding counts.
func (c *waivedCount) Finding(f finding.Finding) error {
	switch {
	case f.Waiver == nil:
	case f.Waiver.ByTag():
		c.byTags++
	default:
		c.bySource[f.Waiver.Source]++
	}
	return nil
}

// Gap is told what could not be read.
func (*waivedCount) Gap(snapshot.Gap) error { return nil }

// End notes the waivers that were applied.
func (c *waivedCount) End(s report.Summary) error {
	c.applied = s.Waivers
	return nil
}

// pathThen is the path that a file had for the report.
func (c *waivedCount) pathThen(now []config.WaiverFile, path string) string {
	i := slices.IndexFunc(now, func(file config.WaiverFile) bool { return file.Path == path })
	return c.applied.Files[i].Path
}

// sameFiles reports whether the report was made with these files.
func (c *waivedCount) sameFiles(now []config.WaiverFile) bool {
	var then []string
	if c.applied != nil {
		for _, file := range c.applied.Files {
			then = append(then, file.SHA256)
		}
	}
	var sums []string
	for _, file := range now {
		sums = append(sums, file.SHA256)
	}
	return slices.Equal(then, sums)
}
