// Package history turns the reports of many runs into trends: what is open over
// time, how long it takes to fix things, and where it is worst.
//
// A finding is open from the first report that has it until the first that
// judged its place again and does not. What a report did not judge stays as it
// was, so reports of different accounts add up, and a run with gaps fixes
// nothing. A waived finding is not open.
//
// Reports are read one after the other in the order of their clocks. Held in
// memory are a few words for each fingerprint that ever was, and the findings
// of the reports at hand, without their texts.
package history

import (
	"time"

	"github.com/ecraudit/ecraudit/internal/change"
	"github.com/ecraudit/ecraudit/internal/finding"
)

// Schema names the document of trends and its version.
const Schema = "ecraudit.history/v1"

// Trends is what many runs tell together.
type Trends struct {
	Folder        string       `json:"folder"`
	Organizations []string     `json:"organizations"` // of the runs; more than one is a doubt
	Points        []Point      `json:"points"`        // by clock, at least one
	TimeToFix     []TimeToFix  `json:"time_to_fix"`   // of each severity, worst first
	Repositories  []Repository `json:"repositories"`  // the worst first, at most as many as asked for
	LongestOpen   []Open       `json:"longest_open"`  // the oldest first, at most as many as asked for
	OpenPlaces    int          `json:"open_places"`   // how many repositories have an open finding
	LeftAside     []Left       `json:"left_aside"`    // files of the folder that are not in the trends
}

// Point is one run.
type Point struct {
	Clock    time.Time `json:"clock"`
	File     string    `json:"file"`
	Complete bool      `json:"complete"`
	Targets  int       `json:"targets"` // that were read, whole or in part
	// Open is what was open after the run, by severity; every severity is there.
	Open map[string]Counts `json:"open"`
	// NotSeen is how many of these the run did not judge: they are open as far as
	// is known.
	NotSeen int `json:"not_seen"`
	// Discovered are findings where no run had looked before, by account, region
	// and rule; all of the first run are.
	Discovered int `json:"discovered"`
	New        int `json:"new"`      // findings where a run had looked before, and found nothing
	Reopened   int `json:"reopened"` // findings that were fixed or waived before
	Fixed      int `json:"fixed"`    // findings that were open, and whose place was judged again
	Waived     int `json:"waived"`   // findings that are excused after the run
}

// Counts is how many open findings of each status there are.
type Counts struct {
	Fail    int `json:"fail"`
	Unknown int `json:"unknown"`
}

// Of is what was open at a severity.
func (p *Point) Of(s finding.Severity) Counts { return p.Open[s.String()] }

// Failing is how many failing findings were open.
func (p *Point) Failing() (n int) {
	for _, c := range p.Open {
		n += c.Fail
	}
	return n
}

// Unknown is how many open findings were unknown.
func (p *Point) Unknown() (n int) {
	for _, c := range p.Open {
		n += c.Unknown
	}
	return n
}

// TimeToFix is how long findings that fail were or are open. Times are days,
// from the first report that has a finding to the first that judged its place
// again and does not have it. One that was open in the first report that looked
// is older than that: of those the time is the least that it can be.
type TimeToFix struct {
	Severity   finding.Severity `json:"severity"`
	Fixed      int              `json:"fixed"`
	AtLeast    int              `json:"at_least"` // of the fixed: those of which only the least time is known
	MeanDays   *float64         `json:"mean_days"`
	MedianDays *float64         `json:"median_days"`
	Open       int              `json:"open"` // not fixed yet, so in none of the times above
	MeanAge    *float64         `json:"open_mean_age_days"`
	OldestAge  *float64         `json:"open_oldest_age_days"`
}

// Repository is what is open in one place: a repository, or a registry or the
// organization where its names are empty.
type Repository struct {
	Account    string            `json:"account"`
	Region     string            `json:"region"`
	Repository string            `json:"repository,omitempty"`
	Weight     int               `json:"weight"` // of the failing findings: see Weights
	Open       map[string]Counts `json:"open"`
	OldestAge  float64           `json:"oldest_age_days"`
}

// Place is where the findings are.
func (r *Repository) Place() change.Place {
	return change.Place{Account: r.Account, Region: r.Region, Repository: r.Repository}
}

// Fail is how many findings of a severity fail there.
func (r *Repository) Fail(s finding.Severity) int { return r.Open[s.String()].Fail }

// Unknown is how many findings are unknown there.
func (r *Repository) Unknown() (n int) {
	for _, c := range r.Open {
		n += c.Unknown
	}
	return n
}

// Open is a failing finding that is not fixed.
type Open struct {
	Fingerprint string           `json:"fingerprint"`
	Rule        string           `json:"rule"`
	Severity    finding.Severity `json:"severity"`
	Account     string           `json:"account"`
	Region      string           `json:"region"`
	Repository  string           `json:"repository,omitempty"`
	Digest      string           `json:"digest,omitempty"`
	Tag         string           `json:"tag,omitempty"`
	Since       time.Time        `json:"since"`     // the first report that has it
	LastSeen    time.Time        `json:"last_seen"` // the last report that has it
	AtLeast     bool             `json:"at_least"`  // it was there when the first report looked
	AgeDays     float64          `json:"age_days"`
}

// Place is where the finding is.
func (o *Open) Place() change.Place {
	return change.Place{Account: o.Account, Region: o.Region, Repository: o.Repository}
}

// Left is a file that is not in the trends.
type Left struct {
	File string `json:"file"`
	Why  string `json:"why"`
	// Damaged says that it is a report, so that something is missing.
	Damaged bool `json:"damaged"`
}

// Damaged tells whether a report could not be used.
func (t *Trends) Damaged() bool {
	for _, l := range t.LeftAside {
		if l.Damaged {
			return true
		}
	}
	return false
}

// Weights are what a failing finding of each severity weighs where repositories
// are compared: two of one severity are one of the next.
func Weights() map[finding.Severity]int {
	return map[finding.Severity]int{finding.Critical: 16, finding.High: 8, finding.Medium: 4, finding.Low: 2, finding.Info: 1}
}
