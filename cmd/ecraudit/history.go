package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/ecraudit/ecraudit/internal/change"
	"github.com/ecraudit/ecraudit/internal/history"
	"github.com/ecraudit/ecraudit/internal/report"
)

// historyFlags are the flags of trends.
type historyFlags struct {
	documentFlags
	all   bool
	limit int
}

// listedInHistory is how many repositories and findings are listed where nothing
// else is said.
const listedInHistory = 10

func newHistory(s streams) *cobra.Command {
	var f historyFlags
	command := &cobra.Command{
		Use:   "history DIR",
		Short: "Trends over the reports in a folder",
		Long: `Reads every report in a folder that an audit wrote as JSON or NDJSON, whatever its
name, in the order of the clocks of the runs, and shows what was open over time,
what was new and fixed, how long it takes to fix things, which repositories are
worst, and what has been open longest. Files that are no reports are left aside,
and named.

Exit codes:
  0  trends were made of all reports in the folder
  1  usage or internal error, or there is no report in the folder
  3  trends were made, but a report is damaged and not in them`,
		Example: `  ecraudit history reports
  ecraudit history reports --all --limit 30
  ecraudit history reports -o trends.html
  ecraudit history reports -o trends.csv -o trends.json
  ecraudit history reports --format csv`,
		Args: func(command *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("%s takes one folder: name the one that has your reports", command.CommandPath())
			}
			return nil
		},
		RunE: func(command *cobra.Command, args []string) error {
			return f.run(command.Context(), args[0], s)
		},
	}
	f.documentFlags.add(command, history.Formats())
	command.Flags().BoolVar(&f.all, "all", false, "list every run in the table")
	command.Flags().IntVar(&f.limit, "limit", listedInHistory, "`NUMBER` of worst repositories, and of findings that are open longest, to list")
	return command
}

func (f *historyFlags) run(ctx context.Context, folder string, s streams) error {
	if err := f.check(); err != nil {
		return err
	}
	if f.limit < 0 {
		return fmt.Errorf("--limit %d: use a number of rows, or 0 for none", f.limit)
	}
	to, err := f.open(s)
	if err != nil {
		return err
	}
	defer to.abort()
	trends, err := history.Read(ctx, folder, f.limit)
	if err != nil {
		return err
	}
	for _, l := range trends.LeftAside {
		if to.shown() {
			break // the table says it
		}
		messagesOf(s.err).warn(fmt.Sprintf("left aside: %s: %s", l.File, l.Why))
	}
	code := change.ExitClean
	if trends.Damaged() {
		code = change.ExitIncomplete
	}
	err = to.write(func(w io.Writer, format string, standard bool) error {
		return trends.Write(w, format, f.pageOptions(standard, s))
	})
	return verdict(code, err)
}

func (f *historyFlags) pageOptions(standard bool, s streams) report.Options {
	var terminal io.Writer
	if standard {
		terminal = s.out
	}
	o := tableOptions(terminal)
	o.All = f.all
	return o
}
