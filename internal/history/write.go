package history

import (
	_ "embed" // for the schema
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/report"
)

//go:embed schema/history.v1.json
var schemaJSON []byte

// SchemaJSON returns the JSON Schema (draft 2020-12) of the document of trends.
func SchemaJSON() []byte { return slices.Clone(schemaJSON) }

// Formats are those in which trends can be written, the default first.
func Formats() []string { return []string{"table", "csv", "json", "html"} }

// Write writes the trends in one of the formats. All lists every run in the
// table.
func (t *Trends) Write(w io.Writer, format string, o report.Options) error {
	switch format {
	case "json":
		return t.writeJSON(w)
	case "csv":
		return t.writeCSV(w)
	case "html":
		return t.writeHTML(w)
	}
	return t.writeTable(w, o)
}

func (t *Trends) writeJSON(w io.Writer) error {
	doc := report.NewDocument(w)
	doc.Member("schema", Schema)
	doc.Member("folder", t.Folder)
	doc.Member("organizations", t.Organizations)
	array(doc, "points", t.Points)
	array(doc, "time_to_fix", t.TimeToFix)
	doc.Member("open_places", t.OpenPlaces)
	array(doc, "repositories", t.Repositories)
	array(doc, "longest_open", t.LongestOpen)
	array(doc, "left_aside", t.LeftAside)
	return doc.End()
}

func array[T any](doc *report.Document, name string, elements []T) {
	doc.Array(name, func(yield func(any) bool) {
		for i := range elements {
			if !yield(&elements[i]) {
				return
			}
		}
	})
}

// csvColumns are the header. New columns are added at the end.
var csvColumns = []string{
	"clock", "file", "complete", "targets", "critical", "high", "medium", "low", "info", "unknown", "not_seen",
	"discovered", "new", "reopened", "fixed", "waived",
}

// writeCSV writes a row for each run: what was open after it, and what changed.
func (t *Trends) writeCSV(w io.Writer) error {
	sheet := report.NewSheet(w)
	if err := sheet.Row(csvColumns...); err != nil {
		return err
	}
	for i := range t.Points {
		p := &t.Points[i]
		cells := []string{p.Clock.Format(time.RFC3339), p.File, strconv.FormatBool(p.Complete), strconv.Itoa(p.Targets)}
		for _, severity := range finding.Severities() {
			cells = append(cells, strconv.Itoa(p.Of(severity).Fail))
		}
		for _, n := range []int{p.Unknown(), p.NotSeen, p.Discovered, p.New, p.Reopened, p.Fixed, p.Waived} {
			cells = append(cells, strconv.Itoa(n))
		}
		if err := sheet.Row(cells...); err != nil {
			return err
		}
	}
	return sheet.Flush()
}

// bars are the heights of a chart of one line. Nothing is the lowest.
const bars = "▁▂▃▄▅▆▇█"

// chart draws values in at most so many columns, from nothing to the largest of
// them. Of more values, each column shows the last of those that share it.
func chart(values []int, columns int) string {
	heights := []rune(bars)
	columns = min(columns, len(values))
	largest := max(1, slices.Max(values))
	var b strings.Builder
	for column := range columns {
		value := values[(column+1)*len(values)/columns-1]
		height := (value*(len(heights)-1) + largest - 1) / largest // more than nothing is seen
		b.WriteRune(heights[height])
	}
	return b.String()
}

// writeTable writes for people.
func (t *Trends) writeTable(w io.Writer, o report.Options) error {
	p := report.NewPage(w, o)
	first, last := t.Points[0], t.Points[len(t.Points)-1]
	p.Line(2, report.Span{Text: t.Folder, Style: report.Bold}, report.Span{
		Text: fmt.Sprintf(": %s, %s to %s", report.Count(len(t.Points), "report", "reports"), date(first.Clock), date(last.Clock)),
	})
	for _, doubt := range t.doubts() {
		p.Line(2, report.Span{Text: "! ", Style: report.Purple}, report.Span{Text: doubt})
	}
	p.Blank()
	t.tableOfOpen(p)
	p.Blank()
	t.tableOfRuns(p, o.All)
	p.Blank()
	t.tableOfTimes(p)
	t.tableOfRepositories(p)
	t.tableOfLongest(p)
	t.tableOfLeft(p)
	p.Blank()
	p.Line(0, t.outcome()...)
	return p.Flush()
}

func date(t time.Time) string { return t.Format("2006-01-02") }

func (t *Trends) doubts() (doubts []string) {
	if len(t.Organizations) > 1 {
		doubts = append(doubts, "The reports are of several organizations: "+strings.Join(t.Organizations, ", ")+".")
	}
	if n := t.incomplete(); n > 0 {
		doubts = append(doubts, report.Count(n, "report is", "reports are")+" NOT complete: what was not read stays as it was.")
	}
	if n := len(t.LeftAside); n > 0 {
		doubts = append(doubts, report.Count(n, "file was", "files were")+" left aside: see below.")
	}
	return doubts
}

// columns writes cells right-aligned in columns, after a label.
func columns(p *report.Page, label report.Span, labelWidth, width int, style report.Style, cells ...string) {
	label.Text += strings.Repeat(" ", max(0, labelWidth-report.DisplayWidth(label.Text)))
	var text strings.Builder
	for _, cell := range cells {
		fmt.Fprintf(&text, "%*s", width, cell)
	}
	p.Line(0, label, report.Span{Text: text.String(), Style: style})
}

const labelWidth = 10 // of the names of severities, and what else begins a row

// tableOfOpen shows what is open at the beginning and the end, with a chart of
// the time between.
func (t *Trends) tableOfOpen(p *report.Page) {
	const width = 8
	columns(p, report.Span{Text: "OPEN", Style: report.Bold}, labelWidth, width, report.Dim, "FIRST", "LAST", "CHANGE", "MOST")
	row := func(label report.Span, of func(*Point) int) {
		values := make([]int, len(t.Points))
		for i := range t.Points {
			values[i] = of(&t.Points[i])
		}
		first, last := values[0], values[len(values)-1]
		label.Text += strings.Repeat(" ", labelWidth-len(label.Text))
		text := fmt.Sprintf("%*s%*s%*s%*s  ", width, dotted(first), width, dotted(last), width, signed(last-first), width, dotted(slices.Max(values)))
		p.Line(0, label, report.Span{Text: text}, report.Span{Text: chart(values, p.Width()-labelWidth-4*width-2), Style: label.Style})
	}
	for _, severity := range finding.Severities() {
		row(report.Span{Text: severity.String(), Style: report.SeverityStyle(severity)}, func(p *Point) int { return p.Of(severity).Fail })
	}
	row(report.Span{Text: "unknown", Style: report.Purple}, (*Point).Unknown)
	row(report.Span{Text: "not seen"}, func(p *Point) int { return p.NotSeen })
}

func signed(n int) string {
	switch {
	case n == 0:
		return "·"
	case n > 0:
		return "+" + report.Number(n)
	}
	return report.Number(n)
}

func dotted(n int) string {
	if n == 0 {
		return "·"
	}
	return report.Number(n)
}

const shownRuns = 20

// tableOfRuns has a line for each of the last runs, or of all.
func (t *Trends) tableOfRuns(p *report.Page, all bool) {
	const label, width = 18, 9
	columns(p, report.Span{Text: "RUNS", Style: report.Bold}, label, width, report.Dim, "FAILING", "UNKNOWN", "NEW", "REOPENED", "FIXED", "NOT SEEN")
	points := t.Points
	if left := len(points) - shownRuns; left > 0 && !all {
		points = points[left:]
		p.Line(0, report.Span{Text: "… " + report.Count(left, "run", "runs") + " before; --all lists them", Style: report.Dim})
	}
	for i := range points {
		at := &points[i]
		mark := "  "
		if !at.Complete {
			mark = "! "
		}
		found := dotted(at.New)
		if at.Discovered > 0 {
			found += "*"
		}
		columns(p, report.Span{Text: mark + at.Clock.Format("2006-01-02 15:04")}, label, width, report.Plain,
			dotted(at.Failing()), dotted(at.Unknown()), found, dotted(at.Reopened), dotted(at.Fixed), dotted(at.NotSeen))
	}
	if t.marks(points) != "" {
		p.Line(2, report.Span{Text: t.marks(points), Style: report.Dim})
	}
}

// marks explains the marks that occur.
func (*Trends) marks(points []Point) string {
	var marks []string
	if slices.ContainsFunc(points, func(p Point) bool { return p.Discovered > 0 }) {
		marks = append(marks, "* and more where no run had looked before")
	}
	if slices.ContainsFunc(points, func(p Point) bool { return !p.Complete }) {
		marks = append(marks, "! not complete")
	}
	return strings.Join(marks, "; ")
}

// tableOfTimes shows how long findings that fail are open.
func (t *Trends) tableOfTimes(p *report.Page) {
	const width = 9
	columns(p, report.Span{Text: "DAYS OPEN", Style: report.Bold}, labelWidth, width, report.Dim, "FIXED", "MEAN", "MEDIAN", "OPEN", "MEAN AGE", "OLDEST")
	atLeast := 0
	for _, of := range t.TimeToFix {
		atLeast += of.AtLeast
		columns(p, report.Span{Text: of.Severity.String(), Style: report.SeverityStyle(of.Severity)}, labelWidth, width, report.Plain,
			dotted(of.Fixed), inDays(of.MeanDays), inDays(of.MedianDays), dotted(of.Open), inDays(of.MeanAge), inDays(of.OldestAge))
	}
	if atLeast > 0 {
		p.Line(0, report.Span{Style: report.Dim, Text: "Of the fixed, " + report.Count(atLeast, "was", "were") +
			" there when the first run looked: older than is known. Those still open are in no mean of the fixed."})
	}
}

func inDays(days *float64) string {
	if days == nil {
		return "·"
	}
	return strconv.FormatFloat(*days, 'f', 1, 64)
}

func (t *Trends) tableOfRepositories(p *report.Page) {
	if len(t.Repositories) == 0 {
		return
	}
	const label, width = 7, 5
	p.Blank()
	p.Line(0, report.Span{Text: "WORST REPOSITORIES", Style: report.Bold}, report.Span{Text: fmt.Sprintf("  %d of %s with something open", len(t.Repositories), report.Number(t.OpenPlaces)), Style: report.Dim})
	header := []string{"CRIT", "HIGH", "MED", "LOW", "INFO", "UNKN", "DAYS"}
	columns(p, report.Span{Text: "WEIGHT", Style: report.Dim}, label, width, report.Dim, header...)
	for i := range t.Repositories {
		r := &t.Repositories[i]
		var cells strings.Builder
		fmt.Fprintf(&cells, "%-*s", label, report.Number(r.Weight))
		for _, severity := range finding.Severities() {
			fmt.Fprintf(&cells, "%*s", width, dotted(r.Fail(severity)))
		}
		fmt.Fprintf(&cells, "%*s%*.0f  ", width, dotted(r.Unknown()), width, r.OldestAge)
		p.Line(2, report.Span{Text: cells.String()}, report.Span{Text: r.Place().String(), Style: report.Bold})
	}
}

func (t *Trends) tableOfLongest(p *report.Page) {
	if len(t.LongestOpen) == 0 {
		return
	}
	p.Blank()
	p.Line(0, report.Span{Text: "LONGEST OPEN", Style: report.Bold})
	for i := range t.LongestOpen {
		o := &t.LongestOpen[i]
		age := fmt.Sprintf("%.0f d", o.AgeDays)
		if o.AtLeast {
			age = "≥ " + age
		}
		spans := []report.Span{
			{Text: fmt.Sprintf("%9s  ", age)},
			{Text: fmt.Sprintf("%-8s ", strings.ToUpper(o.Severity.String())), Style: report.SeverityStyle(o.Severity)},
			{Text: o.Rule, Style: report.Bold},
			{Text: " " + o.Place().String(), Style: report.Dim},
		}
		if image := report.ImageName(o.Digest, o.Tag); image != "" {
			spans = append(spans, report.Span{Text: ": " + image})
		}
		p.Line(20, spans...)
	}
}

func (t *Trends) tableOfLeft(p *report.Page) {
	if len(t.LeftAside) == 0 {
		return
	}
	p.Blank()
	p.Line(0, report.Span{Text: "LEFT ASIDE", Style: report.Bold}, report.Span{Text: "  " + report.Number(len(t.LeftAside)) + ": not in the trends", Style: report.Dim})
	for _, l := range t.LeftAside {
		mark := report.Span{Text: "  "}
		if l.Damaged {
			mark = report.Span{Text: "! ", Style: report.Alarm}
		}
		p.Line(6, mark, report.Span{Text: l.File, Style: report.Bold}, report.Span{Text: ": " + l.Why})
	}
}

func (t *Trends) outcome() []report.Span {
	first, last := &t.Points[0], &t.Points[len(t.Points)-1]
	text := report.Count(last.Failing(), "failing finding is", "failing findings are") + " open"
	if len(t.Points) > 1 {
		text += ", " + report.Number(first.Failing()) + " at the beginning"
	}
	if n := last.Unknown(); n > 0 {
		text += "; " + report.Number(n) + " unknown"
	}
	if n := last.NotSeen; n > 0 {
		text += ". " + report.Count(n, "of the open ones was", "of the open ones were") + " not seen by the last run"
	}
	spans := []report.Span{{Text: text + "."}}
	if t.Damaged() {
		spans = append(spans, report.Span{Text: " NOT complete: a report could not be used.", Style: report.Alarm})
	}
	return spans
}
