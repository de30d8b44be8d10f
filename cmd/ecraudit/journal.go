package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ecraudit/ecraudit/internal/remediate"
	"github.com/ecraudit/ecraudit/internal/report"
)

func newJournal(s streams) *cobra.Command {
	var f struct {
		writeFlags
		format string
	}
	command := &cobra.Command{
		Use:   "journal [RUN]",
		Short: "List the runs that wrote to AWS, or what one of them did",
		Long: `Lists the runs of the journal, newest first, or the changes of one run and how they
ended. It asks nothing of AWS.`,
		Example: `  ecraudit journal
  ecraudit journal 20261125T131502Z-k3x9qp`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := oneOf("--format", f.format, planFormats()); err != nil {
				return err
			}
			dir, err := journalFolder(f.journal)
			if err != nil {
				return err
			}
			journal := remediate.JournalIn(dir)
			if len(args) == 0 {
				return showRuns(s, journal, f.format)
			}
			run, err := journal.Read(args[0])
			if err != nil {
				return err
			}
			return showRun(s, run, f.format)
		},
	}
	f.addJournal(command.Flags())
	command.Flags().StringVar(&f.format, "format", "text", "`FORMAT`: text or json")
	complete(command, "format", planFormats())
	return command
}

// shownRun is a run in JSON.
type shownRun struct {
	remediate.RunHead
	At       string             `json:"at"`
	Ended    bool               `json:"ended"`
	Torn     bool               `json:"torn"`
	UndoneBy string             `json:"undone_by,omitempty"`
	Tally    remediate.Tally    `json:"tally"`
	Results  []remediate.Result `json:"results,omitempty"`
}

func shown(r *remediate.Run, results bool) shownRun {
	out := shownRun{RunHead: r.RunHead, At: r.At.Format("2006-01-02T15:04:05Z07:00"), Ended: r.Ended, Torn: r.Torn, UndoneBy: r.UndoneBy, Tally: r.Tally}
	if results {
		out.Results = r.Results
	}
	return out
}

func showRuns(s streams, journal *remediate.Journal, format string) error {
	runs, damaged, err := journal.Runs()
	if err != nil {
		return err
	}
	for _, err := range damaged {
		fmt.Fprintf(s.err, "ecraudit: %s\n", report.Printable(err.Error()))
	}
	if format == "json" {
		list := []shownRun{}
		for _, r := range runs {
			list = append(list, shown(r, false))
		}
		return writeJSON(s.out, list)
	}
	p := newSheet(s)
	if len(runs) == 0 && len(damaged) == 0 {
		p.say("", "", "There are no runs.")
	}
	for _, r := range runs {
		p.say("", "", "%s  %s  %s%s", r.ID, r.Kind, tallyText(r.Tally), runRemarks(r))
	}
	if err := p.writeTo(s.out); err != nil {
		return err
	}
	if len(damaged) > 0 {
		return exit(exitError)
	}
	return nil
}

// runRemarks says what is special about a run.
func runRemarks(r *remediate.Run) string {
	var remarks []string
	if r.Undoes != "" {
		remarks = append(remarks, "undid "+r.Undoes)
	}
	switch {
	case r.UndoneBy == "":
	case r.InForce() == 0:
		remarks = append(remarks, "undone by "+r.UndoneBy)
	default:
		remarks = append(remarks, fmt.Sprintf("%s still in force after %s", plural(r.InForce(), "change is", "changes are"), r.UndoneBy))
	}
	if open := len(r.Unfinished()); open > 0 {
		remarks = append(remarks, "it is not known how "+plural(open, "change", "changes")+" ended")
	}
	if !r.Ended {
		remarks = append(remarks, "did not end: it crashed, or is still running")
	}
	if len(remarks) == 0 {
		return ""
	}
	return " (" + strings.Join(remarks, "; ") + ")"
}

func showRun(s streams, r *remediate.Run, format string) error {
	if format == "json" {
		return writeJSON(s.out, shown(r, true))
	}
	p := newSheet(s)
	p.say("", "", "Run %s: %s at %s by %s%s", r.ID, r.Kind, r.At.Format("2006-01-02 15:04:05 UTC"), r.Caller, runRemarks(r))
	if r.Plan != "" {
		p.say("", "", "Plan %s, %s", shortDigest(r.Plan), plural(r.Changes, "change", "changes"))
	}
	if r.Torn {
		p.say("", "", "The last line is incomplete: it was being written when the run crashed, before anything else was changed.")
	}
	p.gap()
	for _, one := range sortedResults(r.Results) {
		p.result(r.Kind, one)
	}
	for _, one := range r.Unfinished() {
		p.say("", "open      ", "%s: %s: %s: it is not known how this ended; ecraudit undo looks", one.Where(), one.Kind, joined(one.Summary))
	}
	p.gap()
	p.say("", "", "%s", tallyText(r.Tally))
	return p.writeTo(s.out)
}

func joined(words []string) string { return strings.Join(words, "; ") }
