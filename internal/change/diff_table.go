package change

import (
	"fmt"
	"io"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/report"
)

// writeTable writes for people: what is compared, what is not the same in both,
// the counts, the changes of each kind, and the outcome.
func (d *Diff) writeTable(w io.Writer, o report.Options) error {
	p := report.NewPage(w, o)
	heading(p, "old", &d.Old)
	heading(p, "new", &d.New)
	if d.Query != "" {
		p.Line(0, report.Span{Text: "Only findings that match: " + d.Query})
	}
	for _, note := range d.notes() {
		p.Line(2, report.Span{Text: "! ", Style: report.Purple}, report.Span{Text: note})
	}
	p.Blank()
	d.counts(p)
	for _, kind := range Kinds() {
		if items := d.items(kind, o.All); len(items) > 0 {
			p.Blank()
			section(p, kind, len(d.of(kind)), items)
		}
	}
	p.Blank()
	style := report.Plain
	switch {
	case d.Summary.Failing > 0:
		style = report.Alarm
	case d.Summary.ExitCode == ExitClean && d.Summary.Complete:
		style = report.Green
	}
	p.Line(0, report.Span{Text: d.outcome(), Style: style}, report.Span{Text: " " + d.exit() + " (--fail-on " + d.Summary.FailOn + ")."})
	return p.Flush()
}

func heading(p *report.Page, which string, s *Source) {
	text := fmt.Sprintf(": %s, %s, %s", moment(s), report.Count(s.Targets, "target", "targets"), report.Count(s.Findings, "finding", "findings"))
	if !s.Complete {
		text += ", NOT complete"
	}
	p.Line(5, report.Span{Text: which + "  ", Style: report.Dim}, report.Span{Text: s.Name, Style: report.Bold}, report.Span{Text: text})
}

// counts is a line for each kind that there is, and always what is new, worse
// and fixed.
func (d *Diff) counts(p *report.Page) {
	const label, column = 9, 9
	cells := []report.Span{{Text: strings.Repeat(" ", label)}}
	for _, s := range severities {
		cells = append(cells, report.Span{Text: fmt.Sprintf("%*s", column, strings.ToUpper(s.String())), Style: report.Dim})
	}
	p.Line(0, append(cells, report.Span{Text: fmt.Sprintf("%*s", column, "ALL"), Style: report.Dim})...)
	for _, kind := range Kinds() {
		totals := d.Totals[kind]
		if totals.Sum() == 0 && kind != New && kind != Worsened && kind != Fixed {
			continue
		}
		cells := []report.Span{{Text: fmt.Sprintf("%-*s", label, titles[kind].word)}}
		for _, s := range severities {
			cells = append(cells, report.Span{Text: fmt.Sprintf("%*s", column, dotted(totals.Of(s)))})
		}
		p.Line(0, append(cells, report.Span{Text: fmt.Sprintf("%*s", column, dotted(totals.Sum())), Style: report.Bold})...)
	}
}

// dotted is a number; nothing is a dot, so that the eye finds what is there.
func dotted(n int) string {
	if n == 0 {
		return "·"
	}
	return report.Number(n)
}

func section(p *report.Page, kind Kind, total int, items []item) {
	title := titles[kind]
	heading := []report.Span{{Text: title.heading, Style: report.Bold}, {Text: "  " + report.Number(total)}}
	if title.hint != "" {
		heading = append(heading, report.Span{Text: ": " + title.hint, Style: report.Dim})
	}
	p.Line(0, heading...)
	for _, i := range items {
		if kind == NotSeen && i.count > 1 {
			p.Line(6, report.Span{Text: "? ", Style: report.Purple}, report.Span{Text: (&Place{i.first.Account, i.first.Region, ""}).String(), Style: report.Dim},
				report.Span{Text: ": " + i.what + ": " + i.first.Why})
			continue
		}
		one(p, &i)
	}
}

// one writes an item: severity, rule, place, what changed, message.
func one(p *report.Page, i *item) {
	e := i.first
	mark := report.Span{Text: "  "}
	if e.Status == finding.Unknown || e.Change == NotSeen {
		mark = report.Span{Text: "? ", Style: report.Purple}
	}
	spans := []report.Span{
		mark,
		{Text: fmt.Sprintf("%-8s ", strings.ToUpper(e.Severity.String())), Style: report.SeverityStyle(e.Severity)},
		{Text: e.Rule, Style: report.Bold},
		{Text: " " + e.Place().String(), Style: report.Dim},
	}
	for _, text := range []string{i.what, e.turn(), e.Message, e.Why} {
		if text != "" {
			spans = append(spans, report.Span{Text: ": " + text})
		}
	}
	p.Line(11, spans...)
}
