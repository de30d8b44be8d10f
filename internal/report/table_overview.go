package report

import (
	"slices"
	"strings"
)

// The narrowest columns in which titles and names are readable. With less,
// titles are left to the headings of the groups, and marks stand for words.
const (
	minTitle    = 20
	minRule     = 27 // the longest of the default rules
	minName     = 12
	maxOverview = 20 // rows; of rules there are never so many that it matters
)

// overview writes a line for each group.
func (s *sections) overview(groups []*group) {
	if len(groups) == 0 {
		return
	}
	listed := groups
	if s.grouping.name != "rule" && !s.all {
		listed = groups[:min(len(groups), maxOverview)]
	}
	o := s.overviewOf(listed)
	if s.grouping.name != "severity" {
		o.fit(s.width)
	}
	s.out.text("\n")
	s.grid(o.header, o.rows)
	if more := len(groups) - len(listed); more > 0 {
		s.write(span{}, 0, span{"and " + count(more, "more "+s.grouping.singular, "more "+s.grouping.plural) + "; --all lists them here, too.", plain})
	}
}

// overview is the cells of an overview: the severity, the name of a group unless
// it is the severity, its counts, and a title where groups have one.
type overview struct {
	header []gridCell
	rows   [][]gridCell
	titles bool
}

const nameColumn = 1

func (s *sections) overviewOf(groups []*group) *overview {
	counts := s.countColumns(groups)
	o := &overview{header: []gridCell{textCell("SEVERITY")}, titles: s.grouping.name == "rule"}
	if s.grouping.name != "severity" {
		o.header = append(o.header, textCell(strings.ToUpper(s.grouping.name)))
	}
	for _, c := range counts {
		o.header = append(o.header, gridCell{lines: []string{c.header}, right: true})
	}
	if o.titles {
		o.header = append(o.header, textCell("TITLE"))
	}
	for _, g := range groups {
		severity := textCell(g.tally.severity().String())
		severity.look = severityStyle(g.tally.severity())
		cells := []gridCell{severity}
		if s.grouping.name != "severity" {
			cells = append(cells, s.nameCell(g))
		}
		for _, c := range counts {
			cells = append(cells, numberCell(c.of(&g.tally)))
		}
		if o.titles {
			cells = append(cells, textCell(Printable(s.rule(g.key.rule).Title)))
		}
		o.rows = append(o.rows, cells)
	}
	return o
}

// countColumn is a column of numbers.
type countColumn struct {
	header string
	of     func(*tally) int
}

// countColumns are those that the run has something for.
func (s *sections) countColumns(groups []*group) []countColumn {
	columns := []countColumn{
		{"FAIL", func(c *tally) int { return c.fail }},
		{"UNKNOWN", func(c *tally) int { return c.unknown }},
	}
	if slices.ContainsFunc(groups, func(g *group) bool { return g.tally.waived > 0 }) {
		columns = append(columns, countColumn{"WAIVED", func(c *tally) int { return c.waived }})
	}
	if s.run.Baseline != nil {
		columns = append(columns, countColumn{"NEW", func(c *tally) int { return c.changed }})
	}
	return columns
}

// nameCell names a group in one line.
func (s *sections) nameCell(g *group) gridCell {
	if s.grouping.name == "rule" {
		rule := s.rule(g.key.rule)
		cell := textCell(Printable(g.key.rule))
		cell.url = s.ruleURL(&rule)
		return cell
	}
	cell := textCell(unstyled(s.place(g.key.account, g.key.region, g.key.repository)))
	s.urls = s.urls[:0]
	if s.links {
		cell.url = consoleURL(g.key.account, g.key.region, g.key.repository)
	}
	return cell
}

// fit makes names and titles as narrow as the width demands: a title is
// elided, because the heading of the group has all of it, and a name is
// broken. Without room for titles their column is left out, and without room
// for names the marks of findings stand for the words above the counts.
func (o *overview) fit(width int) {
	last := len(o.header)
	if o.titles {
		last--
	}
	name := columnWidths(o.header, o.rows)[nameColumn]
	room := width - o.width(last) + name // for the name, and for the title with its gap
	if o.titles {
		title := max(room-columnGap-name, minTitle)
		if name = min(name, room-columnGap-title); name >= minRule {
			o.breakNames(name)
			for _, row := range o.rows {
				row[last] = textCell(elided(row[last].lines[0], title))
			}
			return
		}
		o.header = o.header[:last]
		for i := range o.rows {
			o.rows[i] = o.rows[i][:last]
		}
	}
	if room < minName {
		before := o.width(last)
		for i := range o.header {
			if mark := markOf[o.header[i].lines[0]]; mark != "" {
				o.header[i].lines = []string{mark}
			}
		}
		room += before - o.width(last)
	}
	o.breakNames(max(room, 1))
}

// markOf are the marks of findings, by the words that they stand for.
var markOf = map[string]string{"UNKNOWN": "?", "WAIVED": "~"}

// width is how many cells the first columns take, with the gaps between them.
func (o *overview) width(columns int) int {
	total := columnGap * (columns - 1)
	for _, width := range columnWidths(o.header, o.rows)[:columns] {
		total += width
	}
	return total
}

func (o *overview) breakNames(width int) {
	for _, row := range o.rows {
		row[nameColumn].lines = strings.Split(broken(row[nameColumn].lines[0], width), "\n")
	}
}
