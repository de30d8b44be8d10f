package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/ecraudit/ecraudit/internal/change"
)

// diffFlags are the flags of a comparison of two reports.
type diffFlags struct {
	documentFlags
	queryFlag
	all             bool
	failOn          string
	allowIncomplete bool
}

func newDiff(s streams) *cobra.Command {
	var f diffFlags
	command := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Compare two saved reports: what is new, worse, fixed, or not seen",
		Long: `Compares the findings of two reports that audits wrote as JSON or NDJSON, by
fingerprint. One of the two may be -, which is standard input.

A finding that is gone counts as fixed only where the new run judged its place
again. Else it was not seen: its rule was not active, or something was not read.

Exit codes:
  0  nothing that fails at or above --fail-on is new or worse, and all was seen
  1  usage or internal error, or a report is damaged, cut off or filtered
  2  something that fails at or above --fail-on is new or worse
  3  nothing of that, but incomplete: the new run has gaps, a finding that is gone
     was not judged again, or a new verdict at or above --fail-on is unknown
     (--allow-incomplete makes it 0)`,
		Example: `  ecraudit diff before.json after.json
  ecraudit diff before.json after.json --all --fail-on medium
  ecraudit diff before.json after.json --query 'repository=team-a/* and severity>=medium'
  ecraudit diff before.json after.json -o diff.json -o comment.md
  ecraudit diff before.json after.json --format markdown --allow-incomplete`,
		Args: func(command *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fmt.Errorf("%s takes two reports, the older one first: name files that ecraudit audit --format json wrote", command.CommandPath())
			}
			if args[0] == "-" && args[1] == "-" {
				return errors.New("only one of the reports can be read from standard input: name the file of the other")
			}
			return nil
		},
		RunE: func(command *cobra.Command, args []string) error {
			return f.run(args[0], args[1], command.InOrStdin(), s)
		},
	}
	f.documentFlags.add(command, change.Formats())
	flags := command.Flags()
	f.queryFlag.add(flags)
	flags.BoolVar(&f.all, "all", false, "list what is still there as well, and every image")
	flags.StringVar(&f.failOn, "fail-on", "high", "lowest `SEVERITY` of new and worsened findings that makes the exit code 2: critical, high, medium, low, info or none")
	flags.BoolVar(&f.allowIncomplete, "allow-incomplete", false, "exit with 0 even when something was not seen or could not be told")
	complete(command, "fail-on", failOnNames())
	return command
}

func (f *diffFlags) run(oldPath, newPath string, stdin io.Reader, s streams) error {
	if err := f.check(); err != nil {
		return err
	}
	if err := f.parse(); err != nil {
		return err
	}
	if err := oneOf("--fail-on", f.failOn, failOnNames()); err != nil {
		return err
	}
	if err := f.spare(oldPath, newPath); err != nil {
		return err
	}
	older, err := openReport(oldPath, stdin)
	if err != nil {
		return err
	}
	defer older.Close()
	newer, err := openReport(newPath, stdin)
	if err != nil {
		return err
	}
	defer newer.Close()
	to, err := f.open(s)
	if err != nil {
		return err
	}
	defer to.abort()
	diff, err := change.Reports(older, newer, change.DiffOptions{
		OldName: oldPath, NewName: newPath, FailOn: f.failOn, AllowIncomplete: f.allowIncomplete, All: f.all, Query: f.query,
	})
	if err != nil {
		return err
	}
	for _, idle := range diff.Idle {
		messagesOf(s.err).warn("--query: " + idle)
	}
	err = to.write(func(w io.Writer, format string, standard bool) error {
		terminal := s.out
		if !standard {
			terminal = nil
		}
		o := tableOptions(terminal)
		o.All = f.all
		return diff.Write(w, format, o)
	})
	return verdict(diff.Summary.ExitCode, err)
}
