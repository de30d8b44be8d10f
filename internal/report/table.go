package report

import (
	"cmp"
	"fmt"
	"io"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// The widths that the table adapts to, in display cells.
const (
	defaultWidth = 80
	minWidth     = 40
)

// table writes the report for people: what ran, the findings, what could not be
// read, and the outcome. The findings are an overview and a section for each
// rule, or for what else they are grouped by; or a list with a row for each.
type table struct {
	typesetter
	gist
	out      output
	all      bool
	limit    int // of entries or rows; 0 is all
	rulePage func(id string) string

	findings shownFindings
	buf      []byte // of the paragraph at hand
}

// shownFindings is how the findings are shown. What it holds is released by
// Close.
type shownFindings interface {
	add(*finding.Finding) error
	// show writes all that was added, and returns how many findings are in what
	// the limit left room for.
	show() (shown int, err error)
	Close() error
}

func newTable(w io.Writer, o Options) *table {
	width := cmp.Or(o.Width, defaultWidth)
	t := &table{
		typesetter: typesetter{width: max(width, minWidth), color: o.Color, links: o.Links},
		out:        newOutput(w),
		all:        o.All,
		limit:      o.Limit,
		rulePage:   o.RulePage,
	}
	if len(o.Columns) > 0 || len(o.Sort) > 0 {
		t.findings = newFindingsList(t, o.Columns, o.Sort)
	} else {
		t.findings = newSections(t, o.GroupBy)
	}
	return t
}

// Begin writes what was audited.
func (t *table) Begin(run Run) error {
	t.know(run)
	title := []span{{"ecraudit", bold}, {" " + Printable(run.Version) + ", " + count(len(run.Rules), "rule", "rules"), plain}}
	if run.OrganizationID != "" {
		title = append(title, span{", organization " + Printable(run.OrganizationID), plain})
	}
	if !run.Clock.IsZero() {
		title = append(title, span{", " + run.Clock.UTC().Format("2006-01-02 15:04 UTC"), dim})
	}
	t.write(span{}, 0, title...)
	t.write(span{}, 0, span{t.audited(), plain})
	if run.OrganizationUnread != "" {
		t.write(span{}, 0, span{"The organization is not known in full, and what depends on it neither: ", bold}, span{Printable(run.OrganizationUnread), plain})
	}
	if filtered := filteredStatement(run); filtered != "" {
		t.write(span{}, 0, span{filtered, bold})
	}
	return t.out.err()
}

// Finding keeps the finding as it will be shown.
func (t *table) Finding(f finding.Finding) error { return t.findings.add(&f) }

// Gap counts the gap with those of its kind.
func (t *table) Gap(g snapshot.Gap) error {
	t.gaps.add(g)
	return nil
}

// End writes everything that waited for the last finding.
func (t *table) End(s Summary) error {
	defer func() { _ = t.Close() }()
	shown, err := t.findings.show()
	if err != nil {
		return err
	}
	if more := s.Findings - shown; t.limit > 0 && more > 0 {
		t.out.text("\n")
		t.write(span{}, 0, span{count(more, "more finding is", "more findings are") + " not shown", bold},
			span{": raise --limit, which is " + number(t.limit) + " here (0 shows all), or ask for fewer with --query.", plain})
	}
	t.notRead()
	t.waivers(s.Waivers)
	t.origins()
	t.out.text("\n")
	if s.Changes != nil {
		t.write(span{}, 0, t.sinceBaseline(s.Changes)...)
	}
	t.outcome(s)
	return t.out.flush()
}

// Close removes the temporary file of a run that does not come to its End.
func (t *table) Close() error { return t.findings.Close() }

// write typesets a paragraph and writes it.
func (t *table) write(gutter span, hang int, spans ...span) {
	t.buf = t.paragraph(t.buf[:0], gutter, hang, spans...)
	t.out.bytes(t.buf)
}

func severityStyle(s finding.Severity) style {
	switch s {
	case finding.Critical:
		return alarm
	case finding.High:
		return red
	case finding.Medium:
		return yellow
	case finding.Low:
		return blue
	default:
		return dim
	}
}

// outcome writes the last line. A run with anything unread never looks clean,
// and neither does one that fails for what a query leaves out.
func (t *table) outcome(s Summary) {
	complete := s.Complete && t.complete()
	spans := append(t.found(s, complete), t.coverage(s, complete)...)
	code := fmt.Sprintf("Exit code %d", s.ExitCode)
	if s.FailOn != "" {
		code += " (--fail-on " + Printable(s.FailOn) + ")"
	}
	if t.run.Query != "" {
		code += ", that of the whole run"
		if s.FailOn != "none" {
			code += fmt.Sprintf(", in which %s that %s and %s unknown count for it",
				count(s.Failing, "finding", "findings"), cmp.Or(map[int]string{1: "fails"}[s.Failing], "fail"), number(s.Undecided))
		}
	}
	t.write(span{}, 0, append(spans, span{code + ".", plain})...)
}

// ruleURL is where a rule's id leads to.
func (t *table) ruleURL(rule *finding.Rule) string {
	if t.rulePage != nil {
		if url := t.rulePage(rule.ID); url != "" {
			return url
		}
	}
	if links := webLinks(rule.Links); len(links) > 0 {
		return links[0]
	}
	return ""
}
