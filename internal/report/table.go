package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// The widths that the table adapts to, in display cells.
const (
	defaultWidth = 80
	minWidth     = 40
)

// table writes the report for people: what ran, a line for each rule and
// severity, the findings of each rule, what could not be read, and the
// outcome.
//
// Findings come by repository and are shown by rule. Each is typeset when it
// comes, into the section of its rule and severity, so that at the end
// sections only have to be copied in order.
type table struct {
	typesetter
	gist
	out output
	all bool

	sections map[sectionKey]*section
	spill    spill
	buf      []byte // of the paragraph at hand
}

func newTable(w io.Writer, o Options) *table {
	width := cmp.Or(o.Width, defaultWidth)
	return &table{
		typesetter: typesetter{width: max(width, minWidth), color: o.Color},
		out:        newOutput(w),
		all:        o.All,
		sections:   make(map[sectionKey]*section),
	}
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
	return t.out.err()
}

// Finding typesets the finding into its section.
func (t *table) Finding(f finding.Finding) error {
	key := sectionKey{f.Severity, f.Rule}
	s := t.sections[key]
	if s == nil {
		s = &section{key: key, rule: t.rule(f.Rule)}
		t.sections[key] = s
	}
	t.add(s, &f)
	return t.spill.settle(&s.text)
}

// Gap counts the gap with those of its kind.
func (t *table) Gap(g snapshot.Gap) error {
	t.gaps.add(g)
	return nil
}

// End writes everything that waited for the last finding.
func (t *table) End(s Summary) error {
	defer func() { _ = t.Close() }()
	sections := t.ordered()
	overview := t.overview
	if t.run.Framework != "" {
		overview = t.controlsOverview
	}
	if err := overview(sections); err != nil {
		return err
	}
	for _, section := range sections {
		t.out.text("\n")
		t.heading(section)
		if err := t.spill.copy(t.out.w, &section.text); err != nil {
			return err
		}
	}
	t.notRead()
	t.out.text("\n")
	t.outcome(s)
	return t.out.flush()
}

// Close removes the temporary file of a run that does not come to its End.
func (t *table) Close() error { return t.spill.Close() }

// ordered closes the sections and returns them worst first.
func (t *table) ordered() []*section {
	var sections []*section
	for _, s := range t.sections {
		t.flush(s)
		sections = append(sections, s)
	}
	slices.SortFunc(sections, func(a, b *section) int {
		return cmp.Or(
			slices.Compare(t.controls(a.rule), t.controls(b.rule)),
			cmp.Compare(b.key.severity, a.key.severity),
			cmp.Compare(b.fail, a.fail),
			cmp.Compare(b.unknown, a.unknown),
			cmp.Compare(a.key.rule, b.key.rule))
	})
	return sections
}

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

// outcome writes the last line. A run with anything unread never looks clean.
func (t *table) outcome(s Summary) {
	complete := s.Complete && t.complete()
	spans := append(verdict(s, complete), t.coverage(s, complete)...)
	code := fmt.Sprintf("Exit code %d", s.ExitCode)
	if s.FailOn != "" {
		code += " (--fail-on " + Printable(s.FailOn) + ")"
	}
	t.write(span{}, 0, append(spans, span{code + ".", plain})...)
}
