package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// sectionKey orders the report: findings of one rule are apart where the
// configuration gives them different severities.
type sectionKey struct {
	severity finding.Severity
	rule     string
}

// section is the findings of one rule at one severity, typeset, but for those
// that may still become one line with the next ones.
type section struct {
	key           sectionKey
	rule          finding.Rule
	fail, unknown int
	text          spilled
	gathering     gathering
}

// add counts the finding and typesets it, now or with those that follow.
func (t *table) add(s *section, f *finding.Finding) {
	if f.Status == finding.Unknown {
		s.unknown++
	} else {
		s.fail++
	}
	if t.all {
		t.entry(s, single(f))
		return
	}
	s.gathering.add(f, func(e entry) { t.entry(s, e) })
}

func (t *table) flush(s *section) {
	s.gathering.flush(func(e entry) { t.entry(s, e) })
}

// entry typesets one item of a section: "place: what: message".
func (t *table) entry(s *section, e entry) {
	f := e.first
	gutter := span{"  ", plain}
	place := t.place(f.Account, f.Region, f.Repository)
	if e.account {
		place = t.place(f.Account, "", "")
	}
	spans := slices.Concat(place, []span{{": ", dim}})
	if e.what != "" {
		spans = append(spans, span{e.what + ": ", plain})
	}
	if f.Status == finding.Unknown {
		gutter = span{"? ", purple}
		spans = append(spans, span{"unknown: ", purple})
	}
	spans = append(spans, span{Printable(f.Message), plain})
	s.text.tail = t.paragraph(s.text.tail, gutter, 6, spans...)
	if f.Remediation != "" && f.Remediation != s.rule.Remediation {
		s.text.tail = t.paragraph(s.text.tail, span{"      Fix: ", dim}, 11, span{Printable(f.Remediation), plain})
	}
}

// place names a repository, or without one a registry or account: first the
// path, which is one word that a search finds.
func (t *table) place(account, region, repository string) []span {
	path := Printable(cmp.Or(account, "organization"))
	if region != "" {
		path += "/" + Printable(region)
	}
	if repository != "" {
		path += "/"
	}
	spans := []span{{path, dim}, {Printable(repository), bold}}
	if name := t.names[account]; name != "" {
		spans = append(spans, span{" (" + name + ")", dim})
	}
	return spans
}

// heading writes the lines above the findings of a section.
func (t *table) heading(s *section) {
	var counts []string
	if s.fail > 0 {
		counts = append(counts, number(s.fail)+" fail")
	}
	if s.unknown > 0 {
		counts = append(counts, number(s.unknown)+" unknown")
	}
	t.write(span{}, 4,
		span{strings.ToUpper(s.key.severity.String()), severityStyle(s.key.severity)},
		span{"  ", plain},
		span{Printable(s.key.rule), bold},
		span{": " + strings.Join(counts, ", "), plain})
	if controls := t.controls(s.rule); len(controls) > 0 {
		t.write(span{}, 0, span{Printable(t.run.Framework + ": " + strings.Join(controls, ", ")), dim})
	}
	if s.rule.Title != "" {
		t.write(span{}, 0, span{Printable(s.rule.Title), plain})
	}
	if s.rule.Remediation != "" {
		t.write(span{"Fix: ", dim}, 5, span{Printable(s.rule.Remediation), plain})
	}
}
