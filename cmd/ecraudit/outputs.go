package main

import (
	"cmp"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/ecraudit/ecraudit/internal/audit"
	"github.com/ecraudit/ecraudit/internal/report"
)

// outputFlags say what of a report is written, in which formats, and where to.
type outputFlags struct {
	formatFlags
	tableFlags
	queryFlag
}

func (f *outputFlags) add(flags *pflag.FlagSet) {
	f.formatFlags.add(flags, report.Formats(), report.Endings(), report.FormatOf)
	f.tableFlags.add(flags)
	f.queryFlag.add(flags)
}

func (f *outputFlags) check() error {
	if err := f.formatFlags.check(); err != nil {
		return err
	}
	if err := f.queryFlag.parse(); err != nil {
		return err
	}
	return f.tableFlags.check(f.flags, f.formats())
}

// destination is one report that is being written.
type destination struct {
	report.Handler
	output
	format  string
	path    string
	details bool // it is told details
	whole   bool
	there   bool // it is where it should be
}

// Detail passes on what was asked for.
func (d *destination) Detail(detail report.Detail) error {
	if !d.details {
		return nil
	}
	return report.TellDetail(d.Handler, detail)
}

// End notes that the report is whole.
func (d *destination) End(s report.Summary) error {
	if err := d.Handler.End(s); err != nil {
		return err
	}
	d.whole = true
	return nil
}

// destinations are all the reports of a run.
type destinations []*destination

// open opens every output, before anything is done that a longer run would
// waste.
func (f *outputFlags) open(s streams) (opened destinations, err error) {
	for _, name := range f.destined() {
		format, path, err := f.split(name)
		if err == nil {
			err = opened.add(f, format, path, s)
		}
		if err != nil {
			opened.abort()
			return nil, err
		}
	}
	return opened, nil
}

func (d *destinations) add(f *outputFlags, format, path string, s streams) error {
	out, err := openOutput(path, s.out)
	if err != nil {
		return err
	}
	handler, err := report.New(format, out, f.options(path, s.out))
	if err != nil {
		out.Abort()
		return err
	}
	*d = append(*d, &destination{Handler: handler, output: out, format: format, path: path})
	return nil
}

// handler tells a run to all of them.
func (d destinations) handler() report.Handler {
	handlers := make([]report.Handler, len(d))
	for i := range d {
		handlers[i] = d[i]
	}
	return report.Tee(handlers...)
}

// askForDetails decides which of them are told details: those whose format asks
// for them by itself, and where all are to have them, all that have a place for
// them. It reports whether there is any.
func (d destinations) askForDetails(all bool) (asked bool) {
	for _, one := range d {
		one.details = all && report.CarriesDetails(one.format) || report.WantsDetails(one.format)
		asked = asked || one.details
	}
	return asked
}

// portray has an audit gather details where one of them is told some.
func (d destinations) portray(a *audit.Audit, all bool) error {
	if !d.askForDetails(all) {
		return nil
	}
	return a.Portray(all)
}

// commit has those reports appear that are whole.
func (d destinations) commit() error {
	var failures []error
	for _, one := range d {
		if one.whole {
			err := one.Commit()
			one.there = err == nil
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// abort releases what is not committed.
func (d destinations) abort() {
	for _, one := range d {
		_ = report.Close(one.Handler)
		one.Abort()
	}
}

// onStdout reports whether standard output gets a report for programs.
func (d destinations) onStdout() bool {
	return slices.ContainsFunc(d, func(one *destination) bool {
		_, standard := one.output.(stream)
		return standard && one.format != "table"
	})
}

// output is where a report goes: a file that appears when it is whole, or a
// stream.
type output interface {
	io.Writer
	Commit() error
	Abort()
}

type stream struct{ io.Writer }

func (stream) Commit() error { return nil }
func (stream) Abort()        {}

func openOutput(path string, stdout io.Writer) (output, error) {
	if path == "" || path == "-" {
		return stream{stdout}, nil
	}
	file, err := report.Create(path)
	if err != nil {
		return nil, err
	}
	return file, nil
}

func (f *outputFlags) options(path string, stdout io.Writer) report.Options {
	if path != "" && path != "-" {
		stdout = nil
	}
	o := tableOptions(stdout)
	f.apply(&o)
	return o
}

// tableOptions fit a table to the terminal that it is shown on, if it is.
func tableOptions(stdout io.Writer) report.Options {
	var o report.Options
	if columns, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil {
		o.Width = columns
	}
	if m, isErr := stdout.(*messages); isErr {
		if m.inJSON() {
			return report.Options{Width: unfolded}
		}
		stdout = m.to
	}
	columns, terminal := terminalWidth(stdout)
	if stdout != nil && showsLinks(terminal, os.Getenv) {
		o.Links, o.RulePage = true, rulePage
	}
	if !terminal {
		return o
	}
	o.Width = cmp.Or(columns, o.Width)
	o.Color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return o
}

// terminalWidth reports whether output goes to a terminal, and how many columns
// that has; 0 where it does not say.
func terminalWidth(out io.Writer) (columns int, terminal bool) {
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return 0, false
	}
	columns, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0, true
	}
	return max(columns, 0), true
}
