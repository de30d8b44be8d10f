package report

import (
	"cmp"
	"io"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// Page writes text for people in the manner of the table: it fits the width,
// has colours where they are allowed, and shows foreign text as text. Its first
// error sticks, and Flush returns it.
type Page struct {
	set typesetter
	out output
	buf []byte
}

// Span is foreign text in one style.
type Span struct {
	Text  string
	Style Style
}

// Style is how a span looks where colours are allowed.
type Style uint8

// The styles of spans.
const (
	Plain  = Style(plain)
	Bold   = Style(bold)
	Dim    = Style(dim)
	Red    = Style(red)
	Alarm  = Style(alarm)
	Purple = Style(purple)
	Green  = Style(green)
)

// SeverityStyle is the style by which the table shows a severity.
func SeverityStyle(s finding.Severity) Style { return Style(severityStyle(s)) }

// NewPage returns a page that is written to w.
func NewPage(w io.Writer, o Options) *Page {
	width := cmp.Or(o.Width, defaultWidth)
	return &Page{set: typesetter{width: max(width, minWidth), color: o.Color}, out: newOutput(w)}
}

// Width is how many display columns the page has.
func (p *Page) Width() int { return p.set.width }

// Line writes a paragraph. Lines after the first are indented by hang columns.
func (p *Page) Line(hang int, spans ...Span) {
	shown := make([]span, len(spans))
	for i, s := range spans {
		shown[i] = span{Printable(s.Text), style(s.Style)}
	}
	p.buf = p.set.paragraph(p.buf[:0], span{}, hang, shown...)
	p.out.bytes(p.buf)
}

// Blank writes an empty line.
func (p *Page) Blank() { p.out.text("\n") }

// Flush writes what is buffered. The error is a *WriteError.
func (p *Page) Flush() error { return p.out.flush() }

// DisplayWidth is how many display columns a text takes when it is shown.
func DisplayWidth(text string) int { return displayWidth(Printable(text)) }

// Number writes n with its thousands apart: 1,312.
func Number(n int) string { return number(n) }

// Count writes how many there are of what: "1 image", "2 images".
func Count(n int, singular, plural string) string { return count(n, singular, plural) }

// ImageName names an image as short as it can be told apart: by the tag, if
// there is one, and the first digits of the digest.
func ImageName(digest, tag string) string {
	return imageName(&finding.Finding{Digest: digest, Tag: tag})
}
