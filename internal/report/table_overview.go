package report

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// The narrowest columns in which titles and rules are readable. With less,
// titles are left to the headings of the sections.
const (
	minTitle = 20
	minRule  = 27 // the longest of the default rules
)

// columnGap is how many spaces keep columns apart.
const columnGap = 2

// overview writes a line for each rule and severity that found something.
func (t *table) overview(sections []*section) error {
	if len(sections) == 0 {
		return nil
	}
	t.out.text("\n")
	header := []string{"SEVERITY", "RULE", "FAIL", "UNKNOWN", "TITLE"}
	var rows [][]string
	for _, s := range sections {
		rows = append(rows, []string{
			s.key.severity.String(), Printable(s.key.rule), counter(s.fail), counter(s.unknown), Printable(s.rule.Title),
		})
	}
	t.fit(header, rows)
	if last := len(header) - 1; header[last] == "" {
		header = header[:last]
		for i := range rows {
			rows[i] = rows[i][:last]
		}
	}
	for i, s := range sections {
		severity := &rows[i][0]
		*severity = string(t.paint(nil, *severity, severityStyle(s.key.severity)))
	}
	return t.render(header, rows)
}

// fit makes the rules and titles as narrow as the width demands: a title is
// elided, because the heading of the section has all of it, and a rule is
// broken. Without room for titles their column is emptied.
func (t *table) fit(header []string, rows [][]string) {
	const ruleColumn, titleColumn = 1, 4
	room, rule := t.width, 0
	for i, h := range header[:titleColumn] {
		width := displayWidth(h)
		for _, row := range rows {
			width = max(width, displayWidth(row[i]))
		}
		if i == ruleColumn {
			rule = width
		} else {
			room -= width + columnGap
		}
	}
	title := max(room-columnGap-rule, minTitle)
	if rule = min(rule, room-columnGap-title); rule < minRule {
		header[titleColumn], rule = "", room
	}
	for _, row := range rows {
		row[ruleColumn] = broken(row[ruleColumn], rule)
		row[titleColumn] = elided(row[titleColumn], title)
	}
}

// counter shows none as a dot, so that the eye finds the others.
func counter(n int) string {
	if n == 0 {
		return "·"
	}
	return number(n)
}

func (t *table) render(header []string, rows [][]string) error {
	var buf bytes.Buffer
	spaces := tw.CellPadding{Global: tw.Padding{Right: strings.Repeat(" ", columnGap), Overwrite: true}}
	spaces.PerColumn = make([]tw.Padding, len(header))
	for i := range header[1:] {
		spaces.PerColumn[i] = spaces.Global
	}
	spaces.PerColumn[len(header)-1] = tw.Padding{Overwrite: true}
	columns := tw.CellAlignment{PerColumn: []tw.Align{tw.AlignLeft, tw.AlignLeft, tw.AlignRight, tw.AlignRight, tw.AlignLeft}}
	asIs := tw.CellFormatting{AutoWrap: tw.WrapNone, AutoFormat: tw.Off}
	grid := tablewriter.NewTable(&buf,
		tablewriter.WithEastAsian(tw.Off), // as runeWidth measures, whatever the locale
		tablewriter.WithConfig(tablewriter.Config{
			Header: tw.CellConfig{Formatting: asIs, Padding: spaces, Alignment: columns},
			Row:    tw.CellConfig{Formatting: asIs, Padding: spaces, Alignment: columns},
		}),
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders: tw.BorderNone,
			Symbols: tw.NewSymbols(tw.StyleLight),
			Settings: tw.Settings{
				Separators: tw.Separators{BetweenColumns: tw.Off, BetweenRows: tw.Off},
				Lines:      tw.Lines{ShowHeaderLine: tw.On, ShowTop: tw.Off, ShowBottom: tw.Off, ShowFooterLine: tw.Off},
			},
		})),
	)
	grid.Header(header)
	if err := grid.Bulk(rows); err != nil {
		return fmt.Errorf("laying out the overview: %w", err)
	}
	if err := grid.Render(); err != nil {
		return fmt.Errorf("laying out the overview: %w", err)
	}
	for line := range strings.Lines(buf.String()) {
		t.out.text(strings.TrimRight(line, " \n") + "\n")
	}
	return nil
}
