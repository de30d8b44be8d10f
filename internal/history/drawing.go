package history

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/report"
)

// Drawings are as wide as the window lets them be, and as high as said here in
// pixels. So what they hold is placed across in hundredths of the width, and
// down in pixels. Shapes that are no rectangles are drawn in a square of 1000 by
// 1000 that is stretched.
const (
	drawnHeight = 220
	drawnTop    = 18 // above it, for marks
	tickHeight  = 5
	datesBelow  = 20 // where the dates stand below it
	datesHeight = 26
	square      = 1000.0
)

// openDrawing is what was open over time, the severities on top of each other.
type openDrawing struct {
	Top, Height, Bottom       int
	Tick, DateLine, AllHeight int
	Layers                    []layer
	Seen                      string // the points of the line of what the runs saw, if not all was
	Lines                     []gridLine
	Dates                     []dateMark
	Runs                      []runMark
	Said                      string
}

type layer struct{ Look, Name, Shape string }

type gridLine struct{ Down, Text string }

// dateMark is a date below a drawing. On a phone there is room for three.
type dateMark struct {
	Across, Anchor, Text string
	Wide                 bool
}

// runMark is where a run stands in a drawing, with the strip around it that
// tells of it.
type runMark struct {
	Across, From, Width string
	Complete            bool
	Said                string
}

func across(part float64) string { return strconv.FormatFloat(100*part, 'f', 2, 64) + "%" }

// place is where a run stands between the first and the last, from 0 to 1.
func (t *Trends) place(i int) float64 {
	first, last := t.Points[0].Clock, t.Points[len(t.Points)-1].Clock
	if span := last.Sub(first); span > 0 {
		return float64(t.Points[i].Clock.Sub(first)) / float64(span)
	}
	return float64(i) / float64(max(1, len(t.Points)-1))
}

// levelsOf are what is drawn of a point, the lowest first.
func levelsOf(p *Point) (levels []int) {
	for _, severity := range finding.Severities() {
		levels = append(levels, p.Of(severity).Fail)
	}
	return append(levels, p.Unknown())
}

func levelNames() []string { return append(finding.SeverityNames(), "unknown") }

// drawOpen draws what was open. A single run draws nothing.
func (t *Trends) drawOpen() *openDrawing {
	if len(t.Points) < 2 {
		return nil
	}
	most := 0
	for i := range t.Points {
		most = max(most, t.Points[i].Failing()+t.Points[i].Unknown())
	}
	d := &openDrawing{Top: drawnTop, Height: drawnHeight, Bottom: drawnTop + drawnHeight}
	d.Tick, d.DateLine, d.AllHeight = d.Bottom+tickHeight, d.Bottom+datesBelow, d.Bottom+datesHeight
	highest := d.grid(most)
	below := make([]int, len(t.Points))
	for i, name := range levelNames() {
		above := slices.Clone(below)
		for at := range t.Points {
			above[at] += levelsOf(&t.Points[at])[i]
		}
		if !slices.Equal(above, below) {
			forth, back := t.line(above, highest), t.line(below, highest)
			slices.Reverse(back)
			d.Layers = append(d.Layers, layer{Look: name, Name: name, Shape: strings.Join(append(forth, back...), " ")})
		}
		below = above
	}
	if t.overlooked() {
		seen := make([]int, len(t.Points))
		for i := range t.Points {
			seen[i] = below[i] - t.Points[i].NotSeen
		}
		d.Seen = strings.Join(t.line(seen, highest), " ")
	}
	d.Dates = t.dates()
	d.Runs = t.runMarks()
	d.Said = t.saidOfOpen()
	return d
}

// overlooked tells whether a run did not judge all that was open.
func (t *Trends) overlooked() bool {
	return slices.ContainsFunc(t.Points, func(p Point) bool { return p.NotSeen > 0 })
}

// grid lays lines at round numbers, and returns what the height of the drawing
// stands for.
func (d *openDrawing) grid(most int) (highest int) {
	highest = max(1, most)
	step := roundStep(highest)
	for n := 0; n <= highest; n += step {
		d.Lines = append(d.Lines, gridLine{strconv.FormatFloat(drawnTop+drawnHeight*(1-float64(n)/float64(highest)), 'f', 1, 64), report.Number(n)})
	}
	return highest
}

// roundStep is the least of 1, 2, 5, 10, 20, … of which five are enough.
func roundStep(most int) int {
	for ten := 1; ; ten *= 10 {
		for _, step := range []int{ten, 2 * ten, 5 * ten} {
			if 5*step >= most {
				return step
			}
		}
	}
}

// line is the points of a line through values, in the square.
func (t *Trends) line(values []int, highest int) (points []string) {
	for i, value := range values {
		points = append(points, fmt.Sprintf("%.1f,%.1f", square*t.place(i), square*(1-float64(value)/float64(highest))))
	}
	return points
}

const dateMarks = 4 // between which the time is divided

// dates are marks at even distances, by the minute where all is of two days.
func (t *Trends) dates() (marks []dateMark) {
	first, last := t.Points[0].Clock, t.Points[len(t.Points)-1].Clock
	span := last.Sub(first)
	layout := time.DateOnly
	if span < 48*time.Hour {
		layout = "01-02 15:04"
	}
	for i := range dateMarks + 1 {
		if span == 0 && i > 0 {
			break
		}
		anchor := "middle"
		switch i {
		case 0:
			anchor = "start"
		case dateMarks:
			anchor = "end"
		}
		at := first.Add(span / dateMarks * time.Duration(i))
		marks = append(marks, dateMark{across(float64(i) / dateMarks), anchor, at.Format(layout), i%2 == 1})
	}
	return marks
}

// runMarks are strips that touch each other halfway between two runs.
func (t *Trends) runMarks() (marks []runMark) {
	from := 0.0
	for i := range t.Points {
		p := &t.Points[i]
		at, to := t.place(i), 1.0
		if i+1 < len(t.Points) {
			to = (at + t.place(i+1)) / 2
		}
		marks = append(marks, runMark{across(at), across(from), across(to - from), p.Complete, saidOf(p)})
		from = to
	}
	return marks
}

// saidOf says what was open after a run.
func saidOf(p *Point) string {
	said := []string{p.Clock.Format("2006-01-02 15:04 UTC") + ": " + report.Number(p.Failing()) + " failing"}
	for i, n := range levelsOf(p) {
		if n > 0 {
			said = append(said, report.Number(n)+" "+levelNames()[i])
		}
	}
	if p.NotSeen > 0 {
		said = append(said, report.Number(p.NotSeen)+" not seen")
	}
	if !p.Complete {
		said = append(said, "NOT complete")
	}
	return strings.Join(said, ", ")
}

func (t *Trends) saidOfOpen() string {
	first, last := &t.Points[0], &t.Points[len(t.Points)-1]
	said := "At the beginning, " + saidOf(first) + ". At the end, " + saidOf(last) + "."
	if n := t.incomplete(); n > 0 {
		said += " " + report.Count(n, "run is", "runs are") + " NOT complete, and marked."
	}
	return said + " The table of runs has all numbers."
}

// changesDrawing is what came and went with each run: up what is new or back,
// down what is fixed.
type changesDrawing struct {
	Top, Height, Zero   int
	DateLine, AllHeight int
	Columns             []column
	First, Last         string
	Most, Fewest        string // beside the highest and the lowest column
	Of                  int    // how many runs a column is of
	Said                string
}

// column is one run, or some that follow each other.
type column struct {
	From, Width, Middle   string
	StripFrom, StripWidth string
	New, Reopened, Fixed  int // in pixels
	ReopenedTop, NewTop   int
	Mark                  string // * and ! as in the table
	NotComplete           bool
	Said                  string
}

const (
	shownColumns   = 120
	changesHeight  = 170
	widestColumn   = 0.06
	columnOfAStrip = 0.7
)

// drawChanges draws what came and went. A single run draws nothing.
func (t *Trends) drawChanges() *changesDrawing {
	if len(t.Points) < 2 {
		return nil
	}
	of := (len(t.Points) + shownColumns - 1) / shownColumns
	var sums []Point
	var said []string
	d := &changesDrawing{Of: of, First: date(t.Points[0].Clock), Last: date(t.Points[len(t.Points)-1].Clock)}
	up, down, fresh, reopened := 0, 0, 0, 0
	for points := range slices.Chunk(t.Points, of) {
		sum := sumOf(points)
		sums, said = append(sums, sum), append(said, saidOfChanges(points, &sum))
		up, down = max(up, sum.New+sum.Reopened), max(down, sum.Fixed)
		fresh += sum.New
		reopened += sum.Reopened
	}
	scale := float64(changesHeight) / float64(max(1, up+down))
	d.Zero = drawnTop + int(scale*float64(up)+0.5)
	if up+down == 0 {
		d.Zero = drawnTop + changesHeight
	}
	d.Top, d.Height = drawnTop, drawnTop+changesHeight
	d.DateLine, d.AllHeight = d.Height+datesBelow, d.Height+datesHeight
	if up > 0 {
		d.Most = report.Number(up)
	}
	if down > 0 {
		d.Fewest = report.Number(down)
	}
	strip := 1 / float64(len(sums))
	width := min(strip*columnOfAStrip, widestColumn)
	high := func(n int) int {
		if n == 0 {
			return 0
		}
		return max(2, int(scale*float64(n)+0.5))
	}
	fixed := 0
	for i := range sums {
		s := &sums[i]
		fixed += s.Fixed
		middle := strip * (float64(i) + 0.5)
		c := column{
			From: across(middle - width/2), Width: across(width), Middle: across(middle), StripFrom: across(strip * float64(i)), StripWidth: across(strip),
			New: high(s.New), Reopened: high(s.Reopened), Fixed: high(s.Fixed), Mark: markOf(s), NotComplete: !s.Complete, Said: said[i],
		}
		c.ReopenedTop = d.Zero - c.Reopened
		c.NewTop = c.ReopenedTop - c.New
		d.Columns = append(d.Columns, c)
	}
	d.Said = fmt.Sprintf("In all, %s new, %s reopened and %s fixed. The table of runs has all numbers.", report.Number(fresh), report.Number(reopened), report.Number(fixed))
	return d
}

func markOf(sum *Point) (mark string) {
	if !sum.Complete {
		mark = "!"
	}
	if sum.Discovered > 0 {
		mark += "*"
	}
	return mark
}

// sumOf is what came and went with all of the points; it is complete where all
// of them are.
func sumOf(points []Point) Point {
	sum := Point{Complete: true}
	for i := range points {
		p := &points[i]
		sum.Discovered += p.Discovered
		sum.New += p.New
		sum.Reopened += p.Reopened
		sum.Fixed += p.Fixed
		sum.Complete = sum.Complete && p.Complete
	}
	return sum
}

func saidOfChanges(points []Point, sum *Point) string {
	said := points[0].Clock.Format("2006-01-02 15:04 UTC")
	if len(points) > 1 {
		said += " to " + points[len(points)-1].Clock.Format("2006-01-02 15:04 UTC")
	}
	said += fmt.Sprintf(": %s new, %s reopened, %s fixed", report.Number(sum.New), report.Number(sum.Reopened), report.Number(sum.Fixed))
	if sum.Discovered > 0 {
		said += ", " + report.Number(sum.Discovered) + " where no run had looked before"
	}
	if !sum.Complete {
		said += ", NOT complete"
	}
	return said
}

// drawLevel draws the values of one severity alone, from nothing to the most of
// them.
func (t *Trends) drawLevel(values []int) (area string) {
	most := slices.Max(values)
	if len(values) < 2 || most == 0 {
		return ""
	}
	points := append([]string{"0,1000"}, t.line(values, most)...)
	return strings.Join(append(points, "1000,1000"), " ")
}
