package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/mattn/go-runewidth"
	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"github.com/ecraudit/ecraudit/internal/cost"
	"github.com/ecraudit/ecraudit/internal/report"
)

const (
	defaultWidth = 80
	minNames     = 24 // the narrowest column in which names are readable
)

func (r *costReport) writeTable(to io.Writer) error {
	width := cmp.Or(r.width, defaultWidth)
	var text strings.Builder
	fmt.Fprintf(&text, "%s, %s, priced in %s a month.\nAn upper bound: layers that images share are counted for each of them.\n",
		r.where(), r.at.Format("2006-01-02 15:04 UTC"), report.Printable(r.Currency))
	if r.Total.Repositories > 0 {
		text.WriteString("\n")
		header, rows := r.cells()
		foldFirst(header, rows, width)
		if err := renderColumns(&text, header, rows); err != nil {
			return err
		}
		text.WriteString("\n" + r.legend(rows))
	}
	if len(r.gaps) > 0 {
		text.WriteString("\nNOT KNOWN, and missing above:\n")
	}
	for _, gap := range r.gaps {
		text.WriteString(strings.Join(folded("? "+gap.String(), width, "      "), "\n") + "\n")
	}
	_, err := io.WriteString(to, text.String())
	return err
}

// where says what the amounts are of.
func (r *costReport) where() string {
	text := plural(r.Total.Repositories, "repository", "repositories")
	if len(r.targets) == 1 {
		return text + " of " + report.Printable(r.targets[0].String())
	}
	return text
}

// name is the first cell of a row. Where all repositories are in one place, the
// headline says where.
func (r *costReport) name(row *cost.Row) string {
	if len(r.targets) == 1 {
		return report.Printable(row.Name)
	}
	return report.Printable(row.String())
}

// cells are the table's texts. The header and the cells of numbers are at most
// nine characters wide, until billions.
func (r *costReport) cells() (header []string, rows [][]string) {
	header = []string{report.Printable(strings.ToUpper(string(r.by))), "IMAGES", "GB", "COST", "FREES", "UNUSED"}
	for _, row := range r.Rows {
		rows = append(rows, costCells(r.name(row), row))
	}
	if r.Others != nil {
		rows = append(rows, costCells(r.othersName(), r.Others))
	}
	return header, append(rows, costCells("total", &r.Total))
}

func costCells(name string, row *cost.Row) []string {
	images, size, monthly := withCommas(strconv.Itoa(row.Images)), twoDecimals(float64(row.All.Bytes())/cost.Gigabyte), twoDecimals(row.All.Monthly())
	cells := []string{
		images, size, monthly,
		atLeast(twoDecimals(row.Frees.Monthly()), row.UnknownFrees.Bytes() > 0),
		atLeast(twoDecimals(row.Unused.Monthly()), row.UnknownUnused.Bytes() > 0),
	}
	for i := range cells {
		cells[i] = atLeast(cells[i], row.Unread > 0)
	}
	return append([]string{name}, cells...)
}

const nothing = "·" // so that the eye finds what is there

// twoDecimals shows gigabytes or money.
func twoDecimals(of float64) string {
	switch {
	case of == 0:
		return nothing
	case of < 0.005:
		return "<0.01"
	default:
		return withCommas(strconv.FormatFloat(of, 'f', 2, 64))
	}
}

// atLeast marks what is not known in full.
func atLeast(text string, incomplete bool) string {
	switch {
	case !incomplete || strings.HasPrefix(text, "≥") || text == "?":
		return text
	case text == nothing || text == "0":
		return "?"
	case text == "<0.01":
		return "≥0.00"
	default:
		return "≥" + text
	}
}

// withCommas puts commas into a number.
func withCommas(number string) string {
	whole, fraction, there := strings.Cut(number, ".")
	for at := len(whole) - 3; at > 0; at -= 3 {
		whole = whole[:at] + "," + whole[at:]
	}
	if there {
		whole += "." + fraction
	}
	return whole
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return withCommas(strconv.Itoa(n)) + " " + many
}

// legend explains the columns, and the signs that occur in them.
func (r *costReport) legend(rows [][]string) string {
	text := "GB      2^30 bytes\nFREES   cost of what lifecycle policies would expire now\nUNUSED  cost of images neither pushed nor pulled for " + r.unusedFor() + "\n"
	for _, row := range rows {
		if strings.ContainsAny(strings.Join(row[1:], ""), "≥?") {
			return text + "≥ ?     at least, or unknown: something could not be told\n"
		}
	}
	return text
}

func (r *costReport) unusedFor() string {
	if len(r.UnusedDays) == 1 {
		return plural(r.UnusedDays[0], "day", "days")
	}
	return fmt.Sprintf("%d to %d days, as configured", r.UnusedDays[0], r.UnusedDays[len(r.UnusedDays)-1])
}

// foldFirst breaks the first column so that the table fits the width.
func foldFirst(header []string, rows [][]string, width int) {
	room := max(width-widthOfOthers(header, rows), minNames)
	for _, row := range rows {
		row[0] = strings.Join(folded(row[0], room, "  "), "\n")
	}
}

// widthOfOthers is what all columns but the first take, with the gaps before
// them.
func widthOfOthers(header []string, rows [][]string) (sum int) {
	const gap = 2
	for column := 1; column < len(header); column++ {
		widest := runewidth.StringWidth(header[column])
		for _, row := range rows {
			for line := range strings.Lines(row[column]) {
				widest = max(widest, runewidth.StringWidth(strings.TrimSuffix(line, "\n")))
			}
		}
		sum += widest + gap
	}
	return sum
}

// folded breaks text into lines of at most width cells, at spaces or after
// separators where it can, all but the first with an indent.
func folded(text string, width int, indent string) (lines []string) {
	for prefix := ""; ; prefix = indent {
		end := lineEnd(text, width-runewidth.StringWidth(prefix))
		lines = append(lines, prefix+strings.TrimRight(text[:end], " "))
		text = strings.TrimLeft(text[end:], " ")
		if text == "" {
			return lines
		}
	}
}

// lineEnd is how many bytes of text go on a line: up to a space, unless that
// leaves more than half of the line empty, or after a separator.
func lineEnd(text string, width int) int {
	used, space, separator := 0, 0, 0
	for at, c := range text {
		used += runewidth.RuneWidth(c)
		switch {
		case c == ' ':
			space = at
		case used > width && at > 0:
			if space < width/2 && separator > space {
				return separator
			}
			return cmp.Or(space, at)
		case strings.ContainsRune("/-_.:,", c):
			separator = at + 1
		}
	}
	return len(text)
}

// renderColumns lays out a table whose first column is text and whose others
// are numbers.
func renderColumns(to io.Writer, header []string, rows [][]string) error {
	alignment := slices.Repeat([]tw.Align{tw.AlignRight}, len(header))
	alignment[0] = tw.AlignLeft
	return renderAligned(to, header, rows, alignment)
}

// renderAligned lays out a table with two spaces between its columns and a line
// below its header.
func renderAligned(to io.Writer, header []string, rows [][]string, alignment []tw.Align) error {
	var text bytes.Buffer
	cell := tw.CellConfig{
		Formatting: tw.CellFormatting{AutoWrap: tw.WrapNone, AutoFormat: tw.Off},
		Padding:    tw.CellPadding{Global: tw.Padding{Right: "  ", Overwrite: true}},
		Alignment:  tw.CellAlignment{PerColumn: alignment},
	}
	cell.Padding.PerColumn = make([]tw.Padding, len(header))
	for i := range header[1:] {
		cell.Padding.PerColumn[i] = cell.Padding.Global
	}
	cell.Padding.PerColumn[len(header)-1] = tw.Padding{Overwrite: true}
	table := tablewriter.NewTable(&text,
		tablewriter.WithEastAsian(tw.Off),
		tablewriter.WithConfig(tablewriter.Config{Header: cell, Row: cell}),
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders: tw.BorderNone, Symbols: tw.NewSymbols(tw.StyleLight),
			Settings: tw.Settings{
				Separators: tw.Separators{BetweenColumns: tw.Off, BetweenRows: tw.Off},
				Lines:      tw.Lines{ShowHeaderLine: tw.On, ShowTop: tw.Off, ShowBottom: tw.Off, ShowFooterLine: tw.Off},
			},
		})))
	table.Header(header)
	if err := table.Bulk(rows); err != nil {
		return err
	}
	if err := table.Render(); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		if _, err := fmt.Fprintln(to, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}
