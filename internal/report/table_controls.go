package report

import (
	"slices"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// control is what was found against one control of a framework.
type control struct {
	name          string
	fail, unknown int
	rules         []string
}

// verdict is pass only where everything was read.
func (c *control) verdict(complete bool) string {
	switch {
	case c.fail > 0:
		return "fail"
	case c.unknown > 0 || !complete:
		return "unknown"
	}
	return "pass"
}

// controlsOverview writes a line for each control of the framework that a rule
// answers to, also for those against which nothing was found.
func (t *table) controlsOverview(sections []*section) error {
	controls := t.sumControls(sections)
	if len(controls) == 0 {
		return nil
	}
	t.out.text("\n")
	complete := t.complete()
	header := []string{"CONTROL", "VERDICT", "FAIL", "UNKNOWN", "RULES"}
	rows := make([][]string, len(controls))
	for i, c := range controls {
		rows[i] = []string{Printable(c.name), c.verdict(complete), counter(c.fail), counter(c.unknown), Printable(strings.Join(c.rules, ", "))}
	}
	t.fitLast(header, rows)
	for i, c := range controls {
		if look := verdictStyles[c.verdict(complete)]; look != plain {
			rows[i][1] = string(t.paint(nil, rows[i][1], look))
		}
	}
	return t.render(header, rows)
}

// fitLast makes the last column as narrow as the width demands.
func (t *table) fitLast(header []string, rows [][]string) {
	last := len(header) - 1
	room := t.width
	for i, h := range header[:last] {
		width := displayWidth(h)
		for _, row := range rows {
			width = max(width, displayWidth(row[i]))
		}
		room -= width + columnGap
	}
	for _, row := range rows {
		row[last] = elided(row[last], max(room, minTitle))
	}
}

var verdictStyles = map[string]style{"fail": red, "unknown": purple, "pass": green}

func (t *table) sumControls(sections []*section) []*control {
	byName := map[string]*control{}
	for _, rule := range t.run.Rules {
		for _, name := range t.controls(rule) {
			if byName[name] == nil {
				byName[name] = &control{name: name}
			}
			byName[name].rules = append(byName[name].rules, rule.ID)
		}
	}
	for _, s := range sections {
		for _, name := range t.controls(s.rule) {
			byName[name].fail += s.fail
			byName[name].unknown += s.unknown
		}
	}
	controls := make([]*control, 0, len(byName))
	for _, c := range byName {
		controls = append(controls, c)
	}
	slices.SortFunc(controls, func(a, b *control) int { return finding.CompareControls(a.name, b.name) })
	return controls
}
