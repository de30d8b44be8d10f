package change

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/report"
)

// The marker is the first line: a bot finds its own comment by it.
const diffMarker = "<!-- ecraudit diff -->"

// The room in a comment, as for the report in Markdown.
const (
	markdownRoom = 60_000 // bytes, of everything
	maxListed    = 50     // items of a kind
)

// writeMarkdown writes a comment for a merge request: the outcome, what is not
// the same in both runs, the counts, and the changes of each kind behind a
// fold. What has no room is counted.
func (d *Diff) writeMarkdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString(diffMarker + "\n## ecraudit diff: " + d.headline() + "\n\n")
	fmt.Fprintf(&b, "%s %s (%s).\n\n", d.outcome(), d.exit(), report.MarkdownCode("--fail-on "+d.Summary.FailOn))
	for _, s := range []struct {
		which string
		*Source
	}{{"Old", &d.Old}, {"New", &d.New}} {
		complete := ""
		if !s.Complete {
			complete = ", **NOT complete**"
		}
		fmt.Fprintf(&b, "- %s: %s, %s, %s, %s%s\n", s.which, report.MarkdownCode(s.Name), moment(s.Source),
			report.Count(s.Targets, "target", "targets"), report.Count(s.Findings, "finding", "findings"), complete)
	}
	if d.Query != "" {
		b.WriteString("- Only findings that match " + report.MarkdownCode(d.Query) + "\n")
	}
	for _, note := range d.notes() {
		b.WriteString("- **Mind**: " + report.MarkdownText(note) + "\n")
	}
	b.WriteString("\n" + d.markdownCounts())
	for _, kind := range Kinds() {
		items := d.items(kind, false)
		if len(items) == 0 {
			continue
		}
		b.WriteString(markdownSection(kind, len(d.of(kind)), items, markdownRoom-b.Len()))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (d *Diff) headline() string {
	var parts []string
	for _, kind := range []Kind{New, Worsened, Fixed, NotSeen} {
		if n := d.Totals[kind].Sum(); n > 0 {
			parts = append(parts, report.Number(n)+" "+titles[kind].word)
		}
	}
	text := cmp.Or(strings.Join(parts, ", "), "no change")
	if d.Query == "" {
		return text
	}
	text += " in what matches the query"
	if d.Hidden > 0 {
		text += "; " + report.Number(d.Hidden) + " other new or worse"
	}
	return text
}

func (d *Diff) markdownCounts() string {
	head, line := []string{""}, []string{"---"}
	for _, s := range severities {
		head, line = append(head, s.String()), append(line, "---:")
	}
	text := report.MarkdownRow(append(head, "all")...) + report.MarkdownRow(append(line, "---:")...)
	for _, kind := range Kinds() {
		cells := []string{titles[kind].word}
		for _, s := range severities {
			cells = append(cells, report.Number(d.Totals[kind].Of(s)))
		}
		text += report.MarkdownRow(append(cells, report.Number(d.Totals[kind].Sum()))...)
	}
	return text
}

// markdownSection is the changes of one kind in at most so many bytes.
func markdownSection(kind Kind, total int, items []item, room int) string {
	const reserved = 500 // bytes, for the other sections' headings and what is left out
	var b strings.Builder
	fmt.Fprintf(&b, "\n<details>\n<summary>%s: %s</summary>\n\n", titles[kind].word, report.Number(total))
	shown := 0
	for n, i := range items {
		line := markdownItem(&i)
		if n == maxListed || b.Len()+len(line)+reserved > room {
			break
		}
		b.WriteString(line)
		shown += i.count
	}
	if left := total - shown; left > 0 {
		b.WriteString("- and " + report.Count(left, "more", "more") + "\n")
	}
	return b.String() + "\n</details>\n"
}

func markdownItem(i *item) string {
	e := i.first
	if e.Change == NotSeen && i.count > 1 {
		return "- " + report.MarkdownCode(Place{e.Account, e.Region, ""}.String()) + ": " + i.what + ": " + report.MarkdownText(e.Why) + "\n"
	}
	text := "- " + e.Severity.String() + " " + report.MarkdownCode(e.Rule) + " " + report.MarkdownCode(e.Place().String())
	if e.Status == finding.Unknown {
		text += " **unknown**"
	}
	for _, part := range []string{i.what, e.turn(), e.Message, e.Why} {
		if part != "" {
			text += ": " + report.MarkdownText(part)
		}
	}
	return text + "\n"
}
