package report

import (
	"slices"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// control is what was found against one control of a framework.
type control struct {
	name                  string
	fail, unknown, waived int
	rules                 []string
}

// verdict is pass only where everything was read.
func (c *control) verdict(complete bool) string {
	switch {
	case c.fail > 0:
		return "fail"
	case c.unknown > 0 || !complete:
		return "unknown"
	case c.waived > 0:
		return "waived"
	}
	return "pass"
}

// controlsOverview writes a line for each control of the framework that a rule
// answers to, also for those against which nothing was found; but not where a
// query may have left something out.
func (s *sections) controlsOverview([]*group) {
	controls := s.sumControls()
	if s.run.Query != "" {
		controls = slices.DeleteFunc(controls, func(c *control) bool { return c.fail+c.unknown+c.waived == 0 })
	}
	if len(controls) == 0 {
		return
	}
	s.out.text("\n")
	complete := s.complete()
	anyWaived := slices.ContainsFunc(controls, func(c *control) bool { return c.waived > 0 })
	header := []gridCell{textCell("CONTROL"), textCell("VERDICT"), textCell("FAIL"), textCell("UNKNOWN")}
	if anyWaived {
		header = append(header, textCell("WAIVED"))
	}
	header = append(header, textCell("RULES"))
	rows := make([][]gridCell, len(controls))
	for i, c := range controls {
		verdict := textCell(c.verdict(complete))
		verdict.look = verdictStyles[c.verdict(complete)]
		rows[i] = []gridCell{textCell(Printable(c.name)), verdict, numberCell(c.fail), numberCell(c.unknown)}
		if anyWaived {
			rows[i] = append(rows[i], numberCell(c.waived))
		}
		rows[i] = append(rows[i], textCell(Printable(strings.Join(c.rules, ", "))))
	}
	s.elideLast(header, rows)
	s.grid(header, rows)
}

// elideLast makes the last column as narrow as the width demands.
func (t *table) elideLast(header []gridCell, rows [][]gridCell) {
	last := len(header) - 1
	room := t.width - columnGap*last
	for _, width := range columnWidths(header, rows)[:last] {
		room -= width
	}
	for _, row := range rows {
		row[last] = textCell(elided(row[last].lines[0], max(room, minTitle)))
	}
}

var verdictStyles = map[string]style{"fail": red, "unknown": purple, "pass": green}

func (s *sections) sumControls() []*control {
	byName := map[string]*control{}
	for _, rule := range s.run.Rules {
		for _, name := range s.controls(rule) {
			if byName[name] == nil {
				byName[name] = &control{name: name}
			}
			byName[name].rules = append(byName[name].rules, rule.ID)
		}
	}
	for id, found := range s.byRule {
		for _, name := range s.controls(s.rule(id)) {
			byName[name].fail += found.fail
			byName[name].unknown += found.unknown
			byName[name].waived += found.waived
		}
	}
	controls := make([]*control, 0, len(byName))
	for _, c := range byName {
		controls = append(controls, c)
	}
	slices.SortFunc(controls, func(a, b *control) int { return finding.CompareControls(a.name, b.name) })
	return controls
}
