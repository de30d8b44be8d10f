package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/ecraudit/ecraudit/internal/report"
)

// outputFlags say in which formats a report is written, and where to.
type outputFlags struct {
	format  string
	outputs []string
	all     bool

	flags *pflag.FlagSet // to tell whether a format was asked for
}

func (f *outputFlags) add(flags *pflag.FlagSet) {
	f.flags = flags
	flags.StringVar(&f.format, "format", "table", "`FORMAT` of the report: "+strings.Join(report.Formats(), ", "))
	flags.StringArrayVarP(&f.outputs, "output", "o", nil, "`FILE` to write the report to, instead of standard output; its name ends as its format does, or write FORMAT=FILE; give it again for more files")
	flags.BoolVar(&f.all, "all", false, "list every image finding in the table")
}

func (f *outputFlags) check() error {
	if err := oneOf("--format", f.format, report.Formats()); err != nil {
		return err
	}
	if f.flags.Changed("format") && len(f.outputs) > 1 {
		return fmt.Errorf("--format means nothing with several outputs: write --output %s=FILE for the one that it is meant for", f.format)
	}
	seen := map[string]bool{}
	for _, output := range f.outputs {
		format, path, err := f.split(output)
		if err != nil {
			return err
		}
		if f.flags.Changed("format") && format != f.format {
			return f.contradicted(output)
		}
		// On a command line it is plain to see which is meant.
		if told, known := report.FormatOf(path); known && told != format && variableBehind(f.flags.Lookup("output")) != "" && !strings.HasPrefix(output, format+"=") {
			return f.contradicted(output)
		}
		if path = filepath.Clean(path); seen[path] {
			return fmt.Errorf("--output %s: the file is given twice", output)
		}
		seen[path] = true
	}
	return nil
}

// formats are those of all outputs, which were checked.
func (f *outputFlags) formats() (formats []string) {
	if len(f.outputs) == 0 {
		return []string{f.format}
	}
	for _, output := range f.outputs {
		format, _, _ := f.split(output)
		formats = append(formats, format)
	}
	return formats
}

func (f *outputFlags) contradicted(output string) error {
	return fmt.Errorf("--format %s and --output %s do not agree: leave one of them out", f.format, output)
}

// split finds the format of an output: the one that it names, the one of --format
// where there is one output, or else that of its extension.
func (f *outputFlags) split(output string) (format, path string, err error) {
	if name, rest, named := strings.Cut(output, "="); named && !strings.ContainsAny(name, `/\.`) {
		if err := oneOf("--output", name, report.Formats()); err != nil {
			return "", "", fmt.Errorf("%w; write FORMAT=FILE, or ./%s for a file of that name", err, output)
		}
		if rest == "" {
			return "", "", fmt.Errorf("--output %s: the file is missing: write %s=FILE", output, name)
		}
		return name, rest, nil
	}
	if f.flags.Changed("format") {
		return f.format, output, nil
	}
	if format, known := report.FormatOf(output); known {
		return format, output, nil
	}
	if len(f.outputs) == 1 || output == "-" {
		return f.format, output, nil
	}
	return "", "", fmt.Errorf("--output %s: the name does not tell the format: write FORMAT=%s, with one of %s", output, output, strings.Join(report.Formats(), ", "))
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
	outputs := f.outputs
	if len(outputs) == 0 {
		outputs = []string{f.format + "=-"}
	}
	for _, name := range outputs {
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
	o.All = f.all
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
	file, ok := stdout.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return o
	}
	if columns, _, err := term.GetSize(int(file.Fd())); err == nil && columns > 0 {
		o.Width = columns
	}
	o.Color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return o
}
