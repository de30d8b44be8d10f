package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// documentFlags say how a result is written that has formats of its own.
type documentFlags struct {
	formats []string // the default first
	format  string
	outputs []string

	flags *pflag.FlagSet // to tell whether a format was asked for
}

func (f *documentFlags) add(command *cobra.Command, formats []string) {
	f.formats, f.flags = formats, command.Flags()
	f.flags.StringVar(&f.format, "format", formats[0], "`FORMAT`: "+strings.Join(formats, ", "))
	f.flags.StringArrayVarP(&f.outputs, "output", "o", nil, "`FILE` to write to, instead of standard output; its name ends as its format does, or write FORMAT=FILE; give it again for more files")
	complete(command, "format", formats)
}

// endings are how the names of files end that are in a format.
var endings = map[string]string{".txt": "table", ".json": "json", ".md": "markdown", ".csv": "csv", ".html": "html"}

func (f *documentFlags) check() error {
	if err := oneOf("--format", f.format, f.formats); err != nil {
		return err
	}
	if f.flags.Changed("format") && len(f.outputs) > 1 {
		return fmt.Errorf("--format means nothing with several outputs: write --output %s=FILE for the one that it is meant for", f.format)
	}
	for i, output := range f.outputs {
		format, path, err := f.split(output)
		if err != nil {
			return err
		}
		if f.flags.Changed("format") && format != f.format {
			return fmt.Errorf("--format %s and --output %s do not agree: leave one of them out", f.format, output)
		}
		for _, other := range f.outputs[:i] {
			if _, to, _ := f.split(other); to == path {
				return fmt.Errorf("--output %s: the file is given twice", output)
			}
		}
	}
	return nil
}

// split finds the format of an output: the one that it names, that of --format,
// or that of its ending.
func (f *documentFlags) split(output string) (format, path string, err error) {
	if name, rest, named := strings.Cut(output, "="); named && !strings.ContainsAny(name, `/\.`) {
		if err := oneOf("--output", name, f.formats); err != nil {
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
	for ending, format := range endings {
		if strings.HasSuffix(strings.ToLower(output), ending) && slices.Contains(f.formats, format) {
			return format, output, nil
		}
	}
	if len(f.outputs) == 1 || output == "-" {
		return f.format, output, nil
	}
	return "", "", fmt.Errorf("--output %s: the name does not tell the format: write FORMAT=%s, with one of %s", output, output, strings.Join(f.formats, ", "))
}

// documents are the outputs that a result is written to.
type documents []written

type written struct {
	output
	format string
}

// open opens every output, before anything is done that would be wasted.
func (f *documentFlags) open(s streams) (opened documents, err error) {
	outputs := f.outputs
	if len(outputs) == 0 {
		outputs = []string{f.format + "=-"}
	}
	for _, name := range outputs {
		format, path, err := f.split(name)
		if err != nil {
			opened.abort()
			return nil, err
		}
		out, err := openOutput(path, s.out)
		if err != nil {
			opened.abort()
			return nil, err
		}
		opened = append(opened, written{out, format})
	}
	return opened, nil
}

// write writes to all of them. One that fails does not stop the others.
func (d documents) write(write func(w io.Writer, format string, standard bool) error) error {
	var failures []error
	for _, one := range d {
		_, standard := one.output.(stream)
		err := write(one, one.format, standard)
		if err == nil {
			err = one.Commit()
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// shown tells whether a table goes to standard output.
func (d documents) shown() bool {
	return slices.ContainsFunc(d, func(one written) bool {
		_, standard := one.output.(stream)
		return standard && one.format == "table"
	})
}

// abort releases what is not written.
func (d documents) abort() {
	for _, one := range d {
		one.Abort()
	}
}
