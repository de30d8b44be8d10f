package report

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Options are how a report is shown. Only the table heeds them.
type Options struct {
	Width int  // display columns; 0 means 80, and fewer than 40 mean 40
	Color bool // whether escape sequences for colours may be written
	All   bool // list each image finding instead of one line for a repository

	// GroupBy is what findings are grouped by, one of Groupings; empty is by rule.
	GroupBy string
	// Columns are what a list of findings shows that is written instead of groups,
	// of those of Columns; Sort is what it is sorted by, each a column after a
	// minus where the last come first. Where one of them is empty, and not both,
	// it is that of DefaultColumns or DefaultSort.
	Columns, Sort []string
	Limit         int // how many entries or rows are shown at most; 0 is all

	Links bool // whether escape sequences for hyperlinks may be written
	// RulePage is the address of a page about a rule, empty where there is none;
	// nil knows none.
	RulePage func(id string) string
}

// A format is one way to write a report.
type format struct {
	name       string
	extensions []string // of the files that are usually in it
	open       func(io.Writer, Options) Handler
}

// formats is the one list of formats: New, help, completion and error
// messages all read it.
func formats() []format {
	return []format{
		{"table", []string{".txt"}, func(w io.Writer, o Options) Handler { return newTable(w, o) }},
		{"json", []string{".json"}, func(w io.Writer, _ Options) Handler { return newJSON(w) }},
		{"ndjson", []string{".ndjson", ".jsonl"}, func(w io.Writer, _ Options) Handler { return newNDJSON(w) }},
		{"sarif", []string{".sarif"}, func(w io.Writer, _ Options) Handler { return newSARIF(w) }},
		{"github", nil, func(w io.Writer, _ Options) Handler { return newGitHub(w) }},
		{"gitlab-codequality", []string{"gl-code-quality-report.json"}, func(w io.Writer, _ Options) Handler { return newCodeQuality(w) }},
		{"gitlab-security", []string{"gl-sast-report.json"}, func(w io.Writer, _ Options) Handler { return newGitLabSecurity(w) }},
		{"markdown", []string{".md"}, func(w io.Writer, _ Options) Handler { return newMarkdown(w) }},
		{"csv", []string{".csv"}, func(w io.Writer, _ Options) Handler { return newCSV(w) }},
		{"junit", []string{".xml"}, func(w io.Writer, _ Options) Handler { return newJUnit(w) }},
		{"html", []string{".html", ".htm"}, func(w io.Writer, _ Options) Handler { return newHTML(w) }},
		{"prometheus", []string{".prom"}, func(w io.Writer, _ Options) Handler { return newPrometheus(w) }},
	}
}

// Formats returns the names of the formats that New knows, the default first.
func Formats() []string {
	var names []string
	for _, f := range formats() {
		names = append(names, f.name)
	}
	return names
}

// Endings are how the names of files end that tell their format.
func Endings() (all []string) {
	for _, f := range formats() {
		all = append(all, f.extensions...)
	}
	return all
}

// FormatOf is the format that a file's name tells by how it ends.
func FormatOf(name string) (format string, known bool) {
	longest := 0
	for _, f := range formats() {
		for _, extension := range f.extensions {
			if len(extension) > longest && strings.HasSuffix(strings.ToLower(name), extension) {
				format, longest = f.name, len(extension)
			}
		}
	}
	return format, longest > 0
}

// New returns the handler that writes a run to w in the named format. Writes
// are buffered; the handler's End flushes them, and neither it nor Close
// closes w. An unknown format is an error that names the valid ones.
//
// A handler's error from writing to w is a *WriteError.
func New(name string, w io.Writer, o Options) (Handler, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	for _, f := range formats() {
		if f.name == name {
			return f.open(w, o), nil
		}
	}
	message := fmt.Sprintf("unknown format %q: use one of %s", name, strings.Join(Formats(), ", "))
	if near := nearest(name, Formats()); near != "" {
		message += fmt.Sprintf("; did you mean %s?", near)
	}
	return nil, errors.New(message)
}

// check refuses what the table does not know.
func (o Options) check() error {
	if o.GroupBy != "" && !slices.Contains(Groupings(), o.GroupBy) {
		return fmt.Errorf("findings cannot be grouped by %q: use one of %s", o.GroupBy, strings.Join(Groupings(), ", "))
	}
	return checkList(o.Columns, o.Sort)
}

// Close releases what h holds outside memory, such as a temporary file. It is
// needed only for a run that ends without End, and harmless after it.
func Close(h Handler) error {
	if c, ok := h.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// nearest returns the candidate that takes the fewest edits to write instead
// of name, or "" when none is near enough to be what was meant.
func nearest(name string, candidates []string) string {
	best, fewest := "", 3
	for _, c := range candidates {
		if d := edits(strings.ToLower(name), c); d < fewest && d < len(c) {
			best, fewest = c, d
		}
	}
	return best
}

// edits counts the insertions, deletions and replacements that turn a into b.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
