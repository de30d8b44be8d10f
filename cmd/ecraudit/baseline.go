package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecraudit/ecraudit/internal/audit"
	"github.com/ecraudit/ecraudit/internal/change"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

func newBaseline(s streams) *cobra.Command {
	var output, shrink, renew string
	command := &cobra.Command{
		Use:   "baseline REPORT",
		Short: "Write a baseline: the findings that are known, so that an audit fails on new ones only",
		Long: `Writes the findings of a report that an audit wrote as JSON or NDJSON as a
baseline, a text file with a line for each, made for version control. An audit
with --baseline FILE then fails only on what is new or worse. A report of - is
read from standard input.

Waived findings are left out: they count again when their waiver ends.

With --shrink FILE nothing is added: what is fixed or waived is taken out of the
baseline, what is less severe is lowered, and what was not seen stays. With
--update FILE what is new or worse is taken in as well.

Exit codes:
  0  the baseline was written
  1  usage or internal error, or the report is damaged, cut off or filtered`,
		Example: `  ecraudit baseline report.json -o ecraudit.baseline
  ecraudit baseline report.json --shrink ecraudit.baseline -o ecraudit.baseline
  ecraudit baseline report.json --update ecraudit.baseline -o ecraudit.baseline`,
		Args: func(command *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("%s takes one report: name the file that ecraudit audit --format json wrote", command.CommandPath())
			}
			return nil
		},
		RunE: func(command *cobra.Command, args []string) error {
			if shrink != "" && renew != "" {
				return errors.New("--shrink and --update contradict each other: --shrink adds nothing, --update does")
			}
			return takeBaseline(args[0], shrink+renew, output, shrink != "", command.InOrStdin(), s)
		},
	}
	flags := command.Flags()
	flags.StringVarP(&output, "output", "o", "", "`FILE` to write the baseline to, instead of standard output")
	flags.StringVar(&shrink, "shrink", "", "take out of this baseline `FILE` what is fixed, and add nothing")
	flags.StringVar(&renew, "update", "", "take out of this baseline `FILE` what is fixed, and add what is new")
	return command
}

func takeBaseline(path, follows, output string, shrink bool, stdin io.Reader, s streams) error {
	var before *change.Known
	if follows != "" {
		var err error
		if before, err = readBaseline(follows); err != nil {
			return err
		}
	}
	in, err := openReport(path, stdin)
	if err != nil {
		return err
	}
	defer in.Close()
	to, err := openOutput(output, s.out)
	if err != nil {
		return err
	}
	defer to.Abort()
	taken, err := change.Take(path, in, before, shrink)
	if err != nil {
		return err
	}
	if err := change.WriteBaseline(to, taken.Known); err != nil {
		return fmt.Errorf("writing the baseline: %w", err)
	}
	if err := to.Commit(); err != nil {
		return err
	}
	for _, line := range takenText(taken, before != nil, shrink) {
		messagesOf(s.err).note(line)
	}
	return nil
}

// takenText says what is in a baseline, and what is not.
func takenText(t *change.Taken, revised, shrink bool) (lines []string) {
	lines = append(lines, "The baseline knows "+plural(t.Known.Len(), "finding", "findings")+".")
	if r := t.Revision; revised {
		said := func(n int, what string) string { return fmt.Sprintf("%d %s", n, what) }
		parts := []string{said(r.Fixed, "fixed and taken out"), said(r.Waived, "waived and taken out"), said(r.Lowered, "lowered"), said(r.NotSeen, "not seen and kept")}
		if shrink {
			parts = append(parts, said(r.Refused, "new or worse and not taken in"))
		} else {
			parts = append(parts, said(r.Added, "new"), said(r.Raised, "raised"))
		}
		lines = append(lines, "Of the baseline before: "+strings.Join(parts, ", ")+".")
	}
	if t.Waived > 0 {
		lines = append(lines, plural(t.Waived, "waived finding is", "waived findings are")+" not in it.")
	}
	if !t.Source.Complete {
		lines = append(lines, "The report is NOT complete: what was not read is not in the baseline, and will be new when it is read.")
	}
	return lines
}

// readBaseline reads a baseline from its file.
func readBaseline(path string) (*change.Known, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("baseline %s: %w; write one with: ecraudit baseline REPORT -o FILE", path, snapshot.Cause(err))
	}
	defer file.Close()
	known, err := change.ReadBaseline(file)
	if err != nil {
		return nil, fmt.Errorf("baseline %s: %w", path, err)
	}
	return known, nil
}

// baselineFlags say what findings of an audit are held against.
type baselineFlags struct {
	baseline string
	known    *change.Known // what was read of it
}

func (f *baselineFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.baseline, "baseline", "", "`FILE` of findings that are known: only new and worsened ones decide the exit code")
}

// read reads the baseline before anything is done that its mistakes would waste.
func (f *baselineFlags) read() (err error) {
	if f.baseline != "" {
		f.known, err = readBaseline(f.baseline)
	}
	return err
}

// compare has an audit hold its findings against the baseline, if there is one.
func (f *baselineFlags) compare(a *audit.Audit) {
	if f.known != nil {
		a.Compare(f.known, filepath.Base(f.baseline))
	}
}

// warn says what makes a baseline look like that of something else.
func (f *baselineFlags) warn(a *audit.Audit, m *messages) {
	if f.known == nil {
		return
	}
	for _, text := range a.BaselineDoubts() {
		m.warn(fmt.Sprintf("--baseline %s: %s", f.baseline, text))
	}
}
