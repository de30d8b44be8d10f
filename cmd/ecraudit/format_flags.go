package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
)

// formatFlags say in which formats a result is written, and where to.
type formatFlags struct {
	known    []string                                      // the formats, the default first
	endings  []string                                      // of names of files that tell their format
	formatOf func(file string) (format string, known bool) // by the name of a file
	format   string
	outputs  []string

	flags *pflag.FlagSet // to tell whether a format was asked for
}

func (f *formatFlags) add(flags *pflag.FlagSet, known, endings []string, formatOf func(string) (string, bool)) {
	f.known, f.endings, f.formatOf, f.flags = known, endings, formatOf, flags
	flags.StringVar(&f.format, "format", known[0], "`FORMAT`: "+strings.Join(known, ", "))
	flags.StringArrayVarP(&f.outputs, "output", "o", nil, "`FILE` to write to, instead of standard output; its name ends as its format does, or write FORMAT=FILE; give it again for more files")
}

// asked reports whether the command line asks for one format.
func (f *formatFlags) asked() bool { return onCommandLine(f.flags, "format") }

func (f *formatFlags) check() error {
	if err := oneOf("--format", f.format, f.known); err != nil {
		return err
	}
	if f.asked() && len(f.outputs) > 1 {
		return fmt.Errorf("--format means nothing with several outputs: write --output %s=FILE for the one that it is meant for", f.format)
	}
	seen := map[string]bool{}
	for _, output := range f.outputs {
		format, path, err := f.split(output)
		if err != nil {
			return err
		}
		if f.contradicts(output, format, path) {
			return fmt.Errorf("--format %s and --output %s do not agree: leave one of them out", f.format, output)
		}
		if path = filepath.Clean(path); seen[path] {
			return fmt.Errorf("--output %s: the file is given twice", output)
		}
		seen[path] = true
	}
	return nil
}

// contradicts reports whether an output is to be in another format than the one
// that was asked for. Where the output comes from a variable, the ending of its
// name counts as well: on a command line it is plain to see which is meant.
func (f *formatFlags) contradicts(output, format, path string) bool {
	if f.asked() && format != f.format {
		return true
	}
	if variableBehind(f.flags.Lookup("output")) == "" || strings.HasPrefix(output, format+"=") {
		return false
	}
	told, known := f.formatOf(path)
	return known && told != format
}

// formats are those of all outputs, which were checked.
func (f *formatFlags) formats() (formats []string) {
	for _, output := range f.destined() {
		format, _, _ := f.split(output)
		formats = append(formats, format)
	}
	return formats
}

// destined are the outputs, of which standard output is the only one where none
// is given.
func (f *formatFlags) destined() []string {
	if len(f.outputs) == 0 {
		return []string{f.format + "=-"}
	}
	return f.outputs
}

// split finds the format of an output: the one that it names, the one of --format
// where there is one output, or else that of its ending. Standard output has the
// default.
func (f *formatFlags) split(output string) (format, path string, err error) {
	if name, rest, named := strings.Cut(output, "="); named && !strings.ContainsAny(name, `/\.`) {
		if err := oneOf("--output", name, f.known); err != nil {
			return "", "", fmt.Errorf("%w; write FORMAT=FILE, or ./%s for a file of that name", err, output)
		}
		if rest == "" {
			return "", "", fmt.Errorf("--output %s: the file is missing: write %s=FILE", output, name)
		}
		return name, rest, nil
	}
	if f.asked() {
		return f.format, output, nil
	}
	if format, known := f.formatOf(output); known {
		return format, output, nil
	}
	if output == "-" {
		return f.format, output, nil
	}
	return "", "", fmt.Errorf("--output %s: the name does not tell the format: end it with %s, or write FORMAT=%s, with one of %s",
		output, strings.Join(f.endings, ", "), output, strings.Join(f.known, ", "))
}

// spare refuses outputs that are files which the command reads: what is read
// would be lost. Empty names and standard input are none.
func (f *formatFlags) spare(inputs ...string) error {
	for _, output := range f.destined() {
		_, path, err := f.split(output)
		if err != nil {
			return err
		}
		for _, input := range inputs {
			if sameFile(path, input) {
				return fmt.Errorf("--output %s: the command reads this file, and what is in it would be lost: write to another", output)
			}
		}
	}
	return nil
}

// sameFile reports whether two names are those of one file that is there.
func sameFile(a, b string) bool {
	if a == "" || a == "-" || b == "" || b == "-" {
		return false
	}
	one, err := os.Stat(a)
	if err != nil || !one.Mode().IsRegular() {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}
