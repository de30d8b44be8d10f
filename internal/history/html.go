package history

import (
	"embed"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/report"
)

//go:embed html
var htmlAssets embed.FS

// htmlContent is what the template of the page shows.
type htmlContent struct {
	Headline, Tone, Lead string
	Banners              []htmlBanner
	Facts                []htmlFact
	Change               string // of what fails, since the first run
	Open                 *openDrawing
	Changes              *changesDrawing
	Levels               []htmlLevel
	Runs, EarlierRuns    []htmlRun // the last first
	Discovered           bool      // something was
	Incomplete           bool      // a run is
	Times                []htmlTime
	TimesNote            string
	Repositories         []htmlRepository
	RepositoriesOf       string
	Longest              []htmlOpen
	Left                 []Left
	Damaged              bool
}

type htmlBanner struct{ Tone, Title, Text, Link, LinkText string }

type htmlFact struct{ Name, Value string }

// htmlLevel is what is open of one severity, or unknown.
type htmlLevel struct {
	Name, Area, First, Last, Change, Most string
}

type htmlRun struct {
	*Point

	When    string
	Sum     int   // of what fails
	Numbers []int // of the columns
}

type htmlTime struct {
	TimeToFix

	Name, Mean, Median, MeanOpen, OldestOpen string
	FixedPart, OpenPart                      string // of the longest of all, in hundredths
}

type htmlRepository struct {
	Name, Where string
	Weight      int
	Severities  []htmlCell
	Unknown     int
	Days        string
}

type htmlCell struct {
	Severity string
	Count    int
}

type htmlOpen struct {
	*Open

	Name, Where, Image, Days, First, Last string
}

// writeHTML writes one page for a browser. It needs no script.
func (t *Trends) writeHTML(w io.Writer) error {
	assets, err := fs.Sub(htmlAssets, "html")
	if err != nil {
		return err // never: it is part of the program
	}
	first, last := t.Points[0], t.Points[len(t.Points)-1]
	return report.WritePageOf(w, fmt.Sprintf("ecraudit history of %s, %s to %s", t.Folder, date(first.Clock), date(last.Clock)), assets, t.content())
}

func (t *Trends) content() *htmlContent {
	c := &htmlContent{
		Banners: t.banners(), Facts: t.facts(), Open: t.drawOpen(), Changes: t.drawChanges(), Levels: t.levels(),
		Times: t.times(), TimesNote: t.timesNote(), Repositories: t.worst(), Longest: t.longest(), Left: t.LeftAside, Damaged: t.Damaged(),
	}
	c.Headline, c.Tone = t.headline()
	c.Lead = t.lead()
	if len(t.Points) > 1 {
		change := t.Points[len(t.Points)-1].Failing() - t.Points[0].Failing()
		c.Change = signed(change)
		if change == 0 {
			c.Change = "±0"
		}
	}
	c.Discovered = slices.ContainsFunc(t.Points, func(p Point) bool { return p.Discovered > 0 })
	c.Incomplete = t.incomplete() > 0
	for i := range t.Points {
		p := &t.Points[len(t.Points)-1-i]
		run := htmlRun{Point: p, When: p.Clock.Format("2006-01-02 15:04"), Sum: p.Failing()}
		run.Numbers = append(levelsOf(p), p.Discovered, p.New, p.Reopened, p.Fixed, p.Waived, p.NotSeen)
		if i < shownRuns {
			c.Runs = append(c.Runs, run)
		} else {
			c.EarlierRuns = append(c.EarlierRuns, run)
		}
	}
	c.RepositoriesOf = fmt.Sprintf("%s of %s with something open", report.Number(len(t.Repositories)), report.Number(t.OpenPlaces))
	return c
}

// headline is where things stand, in few words. Nothing is called clean of which
// something is not known.
func (t *Trends) headline() (headline, tone string) {
	last := &t.Points[len(t.Points)-1]
	unsure := !last.Complete || last.NotSeen > 0 || t.Damaged()
	switch n := last.Failing(); {
	case n > 0:
		return report.Count(n, "failing finding is", "failing findings are") + " open", "fail"
	case last.Unknown() > 0:
		return report.Count(last.Unknown(), "verdict is", "verdicts are") + " unknown", "unknown"
	case unsure:
		return "Nothing is known to be open", "unknown"
	}
	return "Nothing is open", "clean"
}

func (t *Trends) lead() string {
	first, last := &t.Points[0], &t.Points[len(t.Points)-1]
	said := fmt.Sprintf("After %s, %s", report.Count(len(t.Points), "run", "runs"), date(first.Clock))
	if date(first.Clock) != date(last.Clock) {
		said += " to " + date(last.Clock)
	}
	if len(t.Points) > 1 {
		said += "; " + report.Number(first.Failing()) + " failed at the beginning"
	}
	said += "."
	if n := last.Unknown(); n > 0 && last.Failing() > 0 {
		said += " " + report.Count(n, "verdict is", "verdicts are") + " unknown."
	}
	if n := last.NotSeen; n > 0 {
		said += " " + report.Count(n, "of the open ones was", "of the open ones were") + " not seen by the last run: open as far as is known."
	}
	return said
}

// incomplete is how many runs are not complete.
func (t *Trends) incomplete() (n int) {
	for i := range t.Points {
		if !t.Points[i].Complete {
			n++
		}
	}
	return n
}

// banners are what nobody may overlook.
func (t *Trends) banners() (banners []htmlBanner) {
	alarm := func(title, text string) {
		banners = append(banners, htmlBanner{Tone: "alarm", Title: title, Text: text})
	}
	damaged := 0
	for _, l := range t.LeftAside {
		if l.Damaged {
			damaged++
		}
	}
	if damaged > 0 {
		alarm("NOT COMPLETE", report.Count(damaged, "report", "reports")+" could not be used, and what is in there is missing here: see what was left aside.")
	}
	if n := t.incomplete(); n > 0 {
		text := fmt.Sprintf("%s of %s: what was not read stays as it was, and is not known to be fixed.", report.Number(n), report.Count(len(t.Points), "run", "runs"))
		if !t.Points[len(t.Points)-1].Complete {
			text += " The last run is one of them."
		}
		alarm("NOT COMPLETE", text)
	}
	if len(t.Organizations) > 1 {
		alarm("Several organizations", "The reports are of "+report.Printable(strings.Join(t.Organizations, ", "))+".")
	}
	if n := len(t.LeftAside) - damaged; n > 0 {
		banners = append(banners, htmlBanner{Tone: "notice", Title: "Left aside", Text: report.Count(n, "file is", "files are") + " not in the trends: see the end of the page."})
	}
	return banners
}

func (t *Trends) facts() []htmlFact {
	first, last := &t.Points[0], &t.Points[len(t.Points)-1]
	runs := report.Number(len(t.Points)) + ", all complete"
	if n := t.incomplete(); n > 0 {
		runs = fmt.Sprintf("%s, %s NOT complete", report.Number(len(t.Points)), report.Number(n))
	}
	facts := []htmlFact{
		{"Folder", report.Printable(t.Folder)},
		{"Runs", runs},
		{"First run", first.Clock.Format("2006-01-02 15:04 UTC")},
		{"Last run", last.Clock.Format("2006-01-02 15:04 UTC")},
		{"Read by the last run", report.Count(last.Targets, "account and region", "accounts and regions")},
	}
	if len(t.Organizations) == 1 {
		facts = append(facts, htmlFact{"Organization", report.Printable(t.Organizations[0])})
	}
	return facts
}

// levels are lines for each severity, for what is unknown, and for what was not
// seen.
func (t *Trends) levels() (levels []htmlLevel) {
	row := func(name string, of func(*Point) int) {
		values := make([]int, len(t.Points))
		for i := range t.Points {
			values[i] = of(&t.Points[i])
		}
		first, last := values[0], values[len(values)-1]
		levels = append(levels, htmlLevel{name, t.drawLevel(values), report.Number(first), report.Number(last), signed(last - first), report.Number(slices.Max(values))})
	}
	for i, name := range levelNames() {
		row(name, func(p *Point) int { return levelsOf(p)[i] })
	}
	if t.overlooked() {
		row("not seen", func(p *Point) int { return p.NotSeen })
	}
	return levels
}

// times says how long findings that fail are open.
func (t *Trends) times() (times []htmlTime) {
	longest := 0.0
	for _, of := range t.TimeToFix {
		for _, days := range []*float64{of.MeanDays, of.MeanAge} {
			if days != nil {
				longest = max(longest, *days)
			}
		}
	}
	part := func(days *float64) string {
		if days == nil || *days == 0 {
			return ""
		}
		return strconv.FormatFloat(max(0.5, 100**days/longest), 'f', 1, 64)
	}
	for _, of := range t.TimeToFix {
		times = append(times, htmlTime{
			TimeToFix: of, Name: of.Severity.String(), Mean: inDays(of.MeanDays), Median: inDays(of.MedianDays),
			MeanOpen: inDays(of.MeanAge), OldestOpen: inDays(of.OldestAge), FixedPart: part(of.MeanDays), OpenPart: part(of.MeanAge),
		})
	}
	return times
}

// timesNote says of how many times only the least is known.
func (t *Trends) timesNote() string {
	atLeast := 0
	for _, of := range t.TimeToFix {
		atLeast += of.AtLeast
	}
	if atLeast == 0 {
		return ""
	}
	return "≥: of the fixed, " + report.Count(atLeast, "was", "were") + " there when the first run looked, so that only the least time is known."
}

// whereOf names a place by what is in it and where that is.
func whereOf(account, region, repository string) (name, where string) {
	switch {
	case account == "":
		return "the organization", ""
	case repository == "":
		return "the registry", account + " " + region
	}
	return repository, account + " " + region
}

func (t *Trends) worst() (worst []htmlRepository) {
	for i := range t.Repositories {
		r := &t.Repositories[i]
		row := htmlRepository{Weight: r.Weight, Unknown: r.Unknown(), Days: strconv.FormatFloat(r.OldestAge, 'f', 0, 64)}
		row.Name, row.Where = whereOf(r.Account, r.Region, r.Repository)
		for _, severity := range finding.Severities() {
			row.Severities = append(row.Severities, htmlCell{severity.String(), r.Fail(severity)})
		}
		worst = append(worst, row)
	}
	return worst
}

func (t *Trends) longest() (longest []htmlOpen) {
	for i := range t.LongestOpen {
		o := &t.LongestOpen[i]
		row := htmlOpen{
			Open: o, Image: report.ImageName(o.Digest, o.Tag), Days: strconv.FormatFloat(o.AgeDays, 'f', 0, 64),
			First: date(o.Since), Last: date(o.LastSeen),
		}
		row.Name, row.Where = whereOf(o.Account, o.Region, o.Repository)
		longest = append(longest, row)
	}
	return longest
}
