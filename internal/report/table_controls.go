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
	s.breakControls(header, rows)
	s.grid(header, rows)
}

// breakControls makes the names of controls and rules as narrow as the width
// demands. A list of rules is broken between them as long as there is room for the
// longest. Where that is not narrow enough, marks stand for the words above the
// counts.
func (t *table) breakControls(header []gridCell, rows [][]gridCell) {
	longest := 0
	for _, row := range rows {
		for rule := range strings.SplitSeq(row[len(row)-1].lines[0], " ") {
			longest = max(longest, displayWidth(rule))
		}
	}
	widths, fits := controlWidths(t.width, header, rows, longest)
	if !fits {
		for i := range header {
			if mark := markOf[header[i].lines[0]]; mark != "" {
				header[i] = textCell(mark)
			}
		}
		widths, _ = controlWidths(t.width, header, rows, minColumn)
	}
	var breaker typesetter
	for _, row := range rows {
		for _, i := range []int{0, len(header) - 1} {
			row[i].lines = breaker.cell(row[i].lines[0], widths[i])
		}
	}
}

// controlWidths are the widths of the columns where that of rules takes at least so
// much.
func controlWidths(width int, header []gridCell, rows [][]gridCell, rules int) (widths []int, fits bool) {
	wanted := columnWidths(header, rows)
	least := slices.Clone(wanted)
	last := len(header) - 1
	least[0], least[last] = min(wanted[0], minColumn), min(wanted[last], rules)
	return shares(width-columnGap*last, wanted, least)
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
