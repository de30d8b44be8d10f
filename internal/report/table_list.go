package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// Columns returns the names of what a list of findings can show and be sorted
// by.
func Columns() []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return names
}

// DefaultColumns returns those that a list has where none are named.
func DefaultColumns() []string { return []string{"severity", "status", "rule", "resource", "message"} }

// DefaultSort returns what a list is sorted by where nothing is named.
func DefaultSort() []string { return []string{"-severity", "status"} }

// column is one column of a list.
type column struct {
	name string
	// rigid columns are never broken, as long as there is room for the others.
	rigid bool
	text  func(*table, *finding.Finding) string // as it is
	order func(*finding.Finding) string         // to sort by, where it is not the text
	style func(*finding.Finding) style          // nil is plain
	url   func(*table, *finding.Finding) string // nil leads nowhere
}

var columns = []column{
	{
		name: "severity", rigid: true, text: func(_ *table, f *finding.Finding) string { return f.Severity.String() },
		order: func(f *finding.Finding) string { return string(rune('0' + f.Severity)) },
		style: func(f *finding.Finding) style { return severityStyle(f.Severity) },
	},
	{
		name: "status", rigid: true, text: func(_ *table, f *finding.Finding) string { return string(f.Status) },
		order: func(f *finding.Finding) string { return string(rune('0' + rank(finding.Statuses(), f.Status))) },
		style: func(f *finding.Finding) style { return statusStyles[f.Status] },
	},
	{
		name: "change", rigid: true, text: func(_ *table, f *finding.Finding) string { return string(f.Change) },
		order: func(f *finding.Finding) string { return string(rune('0' + rank(changeOrder, f.Change))) },
		style: func(f *finding.Finding) style { return boldIf(f.Change == finding.New || f.Change == finding.Worsened) },
	},
	{
		name: "rule", text: func(_ *table, f *finding.Finding) string { return f.Rule },
		url: func(t *table, f *finding.Finding) string {
			rule := t.rule(f.Rule)
			return t.ruleURL(&rule)
		},
	},
	{name: "account", rigid: true, text: func(_ *table, f *finding.Finding) string { return f.Account }},
	{name: "account_name", text: func(t *table, f *finding.Finding) string { return t.names[f.Account] }},
	{name: "region", rigid: true, text: func(_ *table, f *finding.Finding) string { return f.Region }},
	{name: "repository", text: func(_ *table, f *finding.Finding) string { return f.Repository }, url: repositoryURL},
	{
		name: "resource", url: repositoryURL,
		text: func(_ *table, f *finding.Finding) string {
			return resource{account: f.Account, region: f.Region, repository: f.Repository}.name()
		},
	},
	{name: "image", text: func(_ *table, f *finding.Finding) string { return imageName(f) }},
	{name: "digest", text: func(_ *table, f *finding.Finding) string { return f.Digest }},
	{name: "tag", text: func(_ *table, f *finding.Finding) string { return f.Tag }},
	{name: "message", text: func(_ *table, f *finding.Finding) string { return f.Message }},
	{name: "remediation", text: func(t *table, f *finding.Finding) string { return cmp.Or(f.Remediation, t.rule(f.Rule).Remediation) }},
	{name: "waiver", text: func(_ *table, f *finding.Finding) string { return waiverText(f.Waiver) }},
	{name: "fingerprint", rigid: true, text: func(_ *table, f *finding.Finding) string { return f.Fingerprint }},
}

var statusStyles = map[finding.Status]style{finding.Unknown: purple, finding.Waived: dim}

func repositoryURL(_ *table, f *finding.Finding) string {
	return consoleURL(f.Account, f.Region, f.Repository)
}

// waiverText is "until 2027-01-31 by OWNER (TICKET): why".
func waiverText(w *finding.Waiver) string {
	if w == nil {
		return ""
	}
	text := strings.TrimSpace(strings.TrimPrefix(waived(w), "waived"))
	if text != "" && w.Reason != "" {
		text += ": "
	}
	return text + w.Reason
}

func columnNamed(name string) *column {
	for i := range columns {
		if columns[i].name == name {
			return &columns[i]
		}
	}
	return nil
}

// checkList returns an error where a column to show or to sort by does not
// exist.
func checkList(shown, sort []string) error {
	for _, name := range slices.Concat(shown, sort) {
		if columnNamed(strings.TrimPrefix(name, "-")) == nil {
			return fmt.Errorf("there is no column %q: use some of %s", name, strings.Join(Columns(), ", "))
		}
	}
	return nil
}

// findingsList shows findings as rows. How wide columns must be is known only
// after the last one, and so is their order.
type findingsList struct {
	*table
	columns []*column
	sort    []*column
	sorter  *sorter
	wanted  []int // cells, of each column
	rows    int
	breaker typesetter // of cells
}

func newFindingsList(t *table, names, sort []string) *findingsList {
	if len(names) == 0 {
		names = DefaultColumns()
	}
	if len(sort) == 0 {
		sort = DefaultSort()
	}
	l := &findingsList{table: t}
	for _, name := range names {
		c := columnNamed(name)
		l.columns = append(l.columns, c)
		l.wanted = append(l.wanted, len(c.name))
	}
	descending := make([]bool, len(sort))
	for i, name := range sort {
		name, descending[i] = strings.CutPrefix(name, "-")
		l.sort = append(l.sort, columnNamed(name))
	}
	l.sorter = newSorter(descending, t.limit)
	return l
}

func (l *findingsList) add(f *finding.Finding) error {
	r := row{keys: make([]string, len(l.sort)), cells: make([]listCell, len(l.columns))}
	for i, c := range l.sort {
		if c.order != nil {
			r.keys[i] = c.order(f)
		} else {
			r.keys[i] = c.text(l.table, f)
		}
	}
	for i, c := range l.columns {
		r.cells[i] = l.cell(c, f)
		l.wanted[i] = max(l.wanted[i], displayWidth(r.cells[i].text))
	}
	l.rows++
	return l.sorter.add(r)
}

func (l *findingsList) cell(c *column, f *finding.Finding) listCell {
	cell := listCell{text: Printable(c.text(l.table, f))}
	if c.style != nil {
		cell.look = c.style(f)
	}
	if f.Change == finding.Known || f.Status == finding.Waived {
		cell.look = dim
	}
	if l.links && c.url != nil {
		cell.url = c.url(l.table, f)
	}
	return cell
}

// show writes the rows: in columns, or where these have no room each as a block
// of lines.
func (l *findingsList) show() (shown int, err error) {
	if l.rows == 0 {
		return 0, nil
	}
	widths, fits := l.layout()
	write := l.block
	if fits {
		write = func(r row) { l.line(r, widths) }
		l.out.text("\n")
		l.gridHeader(l.header(), widths)
	}
	err = l.sorter.each(func(r row) error {
		shown++
		write(r)
		return l.out.err()
	})
	return shown, err
}

// Close removes the temporary file.
func (l *findingsList) Close() error { return l.sorter.Close() }

const (
	minColumn = 12  // the narrowest that a column is made that can be broken
	longText  = 200 // more than this is no reason for more room
)

// layout shares the width out among the columns.
func (l *findingsList) layout() (widths []int, fits bool) {
	least := slices.Clone(l.wanted)
	for i, c := range l.columns {
		if !c.rigid {
			least[i] = min(l.wanted[i], max(minColumn, len(c.name)))
		}
	}
	return shares(l.width-columnGap*(len(l.columns)-1), l.wanted, least)
}

// shares are the widths of columns that want so much and take at least so little.
// What can be broken gets what the others leave, by the square root of how long its
// longest text is: the longest gets the most, and the others stay readable.
func shares(room int, wanted, least []int) (widths []int, fits bool) {
	widths = slices.Clone(least)
	for _, width := range widths {
		room -= width
	}
	for ; room > 0; room-- {
		tightest, most := -1, 0.0
		for i := range widths {
			length := float64(min(wanted[i], longText))
			if need := length / float64(widths[i]*widths[i]); widths[i] < wanted[i] && need > most {
				tightest, most = i, need
			}
		}
		if tightest < 0 {
			break
		}
		widths[tightest]++
	}
	return widths, room >= 0
}

// header are the names of the columns.
func (l *findingsList) header() []gridCell {
	cells := make([]gridCell, len(l.columns))
	for i, c := range l.columns {
		cells[i] = textCell(strings.ToUpper(c.name))
	}
	return cells
}

// line writes a row in columns. A cell that is broken goes on in the lines
// below.
func (l *findingsList) line(r row, widths []int) {
	cells := make([]gridCell, len(r.cells))
	for i, c := range r.cells {
		cells[i] = gridCell{lines: l.broken(c.text, widths[i]), look: c.look, url: c.url}
	}
	l.gridRow(cells, widths)
}

// broken breaks the text of a cell.
func (l *findingsList) broken(text string, width int) []string { return l.breaker.cell(text, width) }

// cell breaks the text of a cell. Where there is room the lines after the first
// are indented, so that the next row is seen to begin.
func (t *typesetter) cell(text string, width int) []string {
	const roomy = 20
	if displayWidth(text) <= width {
		return []string{strings.TrimRight(text, " ")}
	}
	hang := 0
	if width >= roomy {
		hang = 2
	}
	t.width = width
	return strings.Split(strings.TrimSuffix(string(t.paragraph(nil, span{}, hang, span{text, plain})), "\n"), "\n")
}

// block writes a row as lines that each name their column.
func (l *findingsList) block(r row) {
	l.out.text("\n")
	for i, c := range r.cells {
		if strings.TrimSpace(c.text) == "" {
			continue
		}
		l.write(span{l.columns[i].name + ": ", dim}, 4, span{c.text, l.linked(c.look, c.url)})
	}
}
