package report

import "strings"

// columnGap is how many spaces keep columns apart.
const columnGap = 2

// gridCell is a cell of a table in columns, broken into lines.
type gridCell struct {
	lines []string // Printable
	look  style
	url   string // that the text leads to, or empty
	right bool   // whether the text stands at the right of its column
}

// numberCell shows none as a dot, so that the eye finds the others.
func numberCell(n int) gridCell {
	text := "·"
	if n != 0 {
		text = number(n)
	}
	return gridCell{lines: []string{text}, right: true}
}

func textCell(text string) gridCell { return gridCell{lines: []string{text}} }

// width is how many cells of a terminal it takes.
func (c *gridCell) width() int {
	width := 0
	for _, line := range c.lines {
		width = max(width, displayWidth(line))
	}
	return width
}

// grid writes a header, a line below it, and rows, each column as wide as it
// needs.
func (t *table) grid(header []gridCell, rows [][]gridCell) {
	widths := columnWidths(header, rows)
	t.gridHeader(header, widths)
	for _, row := range rows {
		t.gridRow(row, widths)
	}
}

func columnWidths(header []gridCell, rows [][]gridCell) []int {
	widths := make([]int, len(header))
	for i := range header {
		widths[i] = header[i].width()
		for _, row := range rows {
			widths[i] = max(widths[i], row[i].width())
		}
	}
	return widths
}

func (t *table) gridHeader(header []gridCell, widths []int) {
	t.gridRow(header, widths)
	total := columnGap * (len(widths) - 1)
	for _, width := range widths {
		total += width
	}
	t.out.text(strings.Repeat("─", total) + "\n")
}

// gridRow writes a row, without spaces at the ends of its lines.
func (t *table) gridRow(cells []gridCell, widths []int) {
	height := 1
	for i := range cells {
		height = max(height, len(cells[i].lines))
	}
	for n := range height {
		t.buf = t.buf[:0]
		column, printed := 0, 0 // cells: where the column begins, and what is printed
		for i := range cells {
			c := &cells[i]
			if n < len(c.lines) && c.lines[n] != "" {
				at, width := column, displayWidth(c.lines[n])
				if c.right {
					at += widths[i] - width
				}
				t.buf = append(t.buf, strings.Repeat(" ", at-printed)...)
				t.buf = t.paint(t.buf, c.lines[n], t.linked(c.look, c.url))
				t.urls = t.urls[:0]
				printed = at + width
			}
			column += widths[i] + columnGap
		}
		t.buf = append(t.buf, '\n')
		t.out.bytes(t.buf)
	}
}
