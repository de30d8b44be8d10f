package report

import (
	"encoding/csv"
	"encoding/json"
	"io"
)

// Document writes one JSON object in the manner of the json format: a member on
// each line, and so the elements of its arrays; and no character that a
// terminal would obey or hide. Its first error sticks, and End returns it.
type Document struct {
	list list
	any  bool // a member was written
	err  error
}

// NewDocument begins a document that is written to w.
func NewDocument(w io.Writer) *Document {
	d := &Document{list: newList(w)}
	d.list.out.text("{")
	return d
}

// Member writes a member whose value is any but an array of many elements.
func (d *Document) Member(name string, value any) {
	body, err := d.list.enc.encode(value)
	if err != nil {
		d.fail(err)
		return
	}
	if len(body) > 0 && (body[0] == '{' || body[0] == '[') {
		body = spread(nil, body)
	}
	d.name(name)
	d.list.out.bytes(body)
}

// Array writes a member that is an array of what elements yields.
func (d *Document) Array(name string, elements func(yield func(any) bool)) {
	d.name(name)
	d.list.out.text("[")
	elements(func(element any) bool {
		d.fail(d.list.element(jsonIndent, element))
		return d.err == nil
	})
	d.list.end("  ")
}

func (d *Document) name(name string) {
	if d.any {
		d.list.out.text(",")
	}
	d.any = true
	quoted, _ := json.Marshal(name) // a string always has an encoding
	d.list.out.text("\n  " + string(quoted) + ": ")
}

func (d *Document) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// End writes the rest.
func (d *Document) End() error {
	d.list.out.text("\n}\n")
	d.fail(d.list.out.flush())
	return d.err
}

// Sheet writes RFC 4180 in the manner of the csv format: no cell that a
// spreadsheet could take for a formula, and no character that a terminal would
// obey.
type Sheet struct {
	out output
	csv *csv.Writer
}

// NewSheet begins a sheet that is written to w.
func NewSheet(w io.Writer) *Sheet {
	s := &Sheet{out: newOutput(w)}
	s.csv = csv.NewWriter(s.out.w) // which uses the buffer of out
	s.csv.UseCRLF = true
	return s
}

// Row writes a row.
func (s *Sheet) Row(cells ...string) error {
	safe := make([]string, len(cells))
	for i, cell := range cells {
		safe[i] = defuse(shown(cell))
	}
	return s.csv.Write(safe)
}

// Flush writes what is buffered. The error is a *WriteError.
func (s *Sheet) Flush() error { return s.out.flush() }

// MarkdownText shows foreign text on one line of Markdown, where it stays text.
// It must not begin a line.
func MarkdownText(text string) string { return markdownText(text) }

// MarkdownCode shows foreign text that is a name as code.
func MarkdownCode(text string) string { return markdownCode(text) }

// MarkdownRow is a line of a table. Its cells are Markdown.
func MarkdownRow(cells ...string) string { return markdownRow(cells...) }
