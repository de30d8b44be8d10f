package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/mattn/go-runewidth"

	"github.com/ecraudit/ecraudit/internal/lifecycle"
	"github.com/ecraudit/ecraudit/internal/report"
)

// sheet is text for people, with nothing in it that a terminal would obey.
type sheet struct {
	text  strings.Builder
	width int // of paragraphs
	rows  int // of the lines of a table, which programs read one by one in a pipe
}

func newSheet(s streams) *sheet {
	p := &sheet{width: cmp.Or(tableOptions(s.out).Width, defaultWidth), rows: unfolded}
	if _, terminal := terminalWidth(s.out); terminal {
		p.rows = p.width
	}
	return p
}

// row adds a line of a table, of which the last cell is folded where it must be:
// below itself, or in the right half where it begins further right.
func (p *sheet) row(lead, last string) {
	hang := strings.Repeat(" ", min(runewidth.StringWidth(report.Printable(lead)), p.rows/2))
	for _, line := range folded(report.Printable(lead+last), p.rows, hang) {
		p.text.WriteString(line + "\n")
	}
}

// say adds a paragraph whose lines all begin with the indent, after a mark on
// the first.
func (p *sheet) say(indent, mark, format string, args ...any) {
	hang := indent + strings.Repeat(" ", len(mark))
	for _, line := range folded(report.Printable(indent+mark+fmt.Sprintf(format, args...)), p.width, hang) {
		p.text.WriteString(line + "\n")
	}
}

// command adds a command to be pasted, which is never folded, behind what it is for.
// Where the line is too narrow for both it stands below.
func (p *sheet) command(indent, purpose, command string) {
	line := indent + purpose + " " + command
	if runewidth.StringWidth(line) > p.width {
		line = indent + purpose + "\n" + indent + command
	}
	p.show(line)
}

func (p *sheet) gap() { p.text.WriteString("\n") }

// show adds a document line by line as it is.
func (p *sheet) show(document string) {
	for line := range strings.Lines(document) {
		p.text.WriteString(report.Printable(strings.TrimRight(line, "\n")) + "\n")
	}
}

func (p *sheet) writeTo(w io.Writer) error {
	if _, err := io.WriteString(w, p.text.String()); err != nil {
		return fmt.Errorf("showing the result: %w", err)
	}
	return nil
}

// closing adds the policy that does what was meant, if there is one, and what
// the policy to be used may do to releases.
func (p *sheet) closing(policy *lifecycle.Policy, releases string) {
	repaired, words := policy.Repair()
	if repaired == nil {
		p.remark("Note: the policy is not fully repaired: ", strings.Join(words, "; "))
		p.remark("Note: ", releaseNote(policy, releases))
		return
	}
	p.gap()
	p.say("", "", "This policy does what was probably meant:")
	for _, word := range words {
		p.say("", "- ", "%s", word)
	}
	p.gap()
	p.show(repaired.Text())
	p.gap()
	p.say("", "", "It expires more than the one above. Put it into a file and see first what it would do: ecraudit lifecycle simulate REPOSITORY --policy FILE")
	p.remark("Mind: ", releaseNote(repaired, releases))
}

func (p *sheet) remark(mark, text string) {
	if text == "" {
		return
	}
	p.gap()
	p.say("", "", "%s%s", mark, text)
}

// sizeText shows bytes in a unit that people read.
func sizeText(bytes int64) string {
	for _, unit := range []struct {
		name  string
		bytes int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if bytes >= unit.bytes {
			return fmt.Sprintf("%.1f %s", float64(bytes)/float64(unit.bytes), unit.name)
		}
	}
	return plural(int(bytes), "byte", "bytes")
}
