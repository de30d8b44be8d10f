package main

import (
	"errors"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// documentFlags say how a result is written that has formats of its own.
type documentFlags struct{ formatFlags }

func (f *documentFlags) add(command *cobra.Command, formats []string) {
	var told []string
	for _, ending := range slices.Sorted(maps.Keys(endings)) {
		if slices.Contains(formats, endings[ending]) {
			told = append(told, ending)
		}
	}
	f.formatFlags.add(command.Flags(), formats, told, func(file string) (string, bool) {
		ending := strings.ToLower(filepath.Ext(file))
		return endings[ending], slices.Contains(told, ending)
	})
	complete(command, "format", formats)
}

// endings are how the names of files end that are in a format.
var endings = map[string]string{".txt": "table", ".json": "json", ".md": "markdown", ".csv": "csv", ".html": "html"}

// documents are the outputs that a result is written to.
type documents []written

type written struct {
	output
	format string
}

// open opens every output, before anything is done that would be wasted.
func (f *documentFlags) open(s streams) (opened documents, err error) {
	for _, name := range f.destined() {
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
