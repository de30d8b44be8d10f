package change

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/query"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Schema names the document of a diff and its version.
const Schema = "ecraudit.diff/v1"

// Diff is how two reports compare.
type Diff struct {
	Old         Source
	New         Source
	Query       string   // what findings had to match; empty where all count
	Idle        []string // what in the query is about nothing in either run
	Hidden      int      // new and worsened findings that do not match the query
	Differences Differences
	// Entries are ordered by kind, then worst first, rule and place. What is
	// still there is only counted, unless all was asked for.
	Entries []Entry
	Totals  map[Kind]Totals // of the kinds that there are
	Summary Summary
}

// Totals counts findings by severity.
type Totals [len(severities)]int

var severities = [...]finding.Severity{finding.Critical, finding.High, finding.Medium, finding.Low, finding.Info}

// Of is the count of one severity.
func (t Totals) Of(s finding.Severity) int { return t[finding.Critical-s] }

// Sum is the count of all.
func (t Totals) Sum() (sum int) {
	for _, n := range t {
		sum += n
	}
	return sum
}

// Entry is what became of one finding. It is as the new report has it, or as
// the old one where it is gone.
type Entry struct {
	Change      Kind             `json:"change"`
	Fingerprint string           `json:"fingerprint"`
	Rule        string           `json:"rule"`
	Severity    finding.Severity `json:"severity"`
	Status      finding.Status   `json:"status"`
	Account     string           `json:"account"`
	Region      string           `json:"region"`
	Repository  string           `json:"repository,omitempty"`
	Digest      string           `json:"digest,omitempty"`
	Tag         string           `json:"tag,omitempty"`
	Message     string           `json:"message,omitempty"` // none of a finding that is gone
	Was         *Verdict         `json:"was,omitempty"`     // in the old report, where both have it
	Why         string           `json:"why,omitempty"`     // it was not seen
}

func entryOf(kind Kind, f *finding.Finding) Entry {
	return Entry{
		Change: kind, Fingerprint: f.Fingerprint, Rule: f.Rule, Severity: f.Severity, Status: f.Status,
		Account: f.Account, Region: f.Region, Repository: f.Repository, Digest: f.Digest, Tag: f.Tag, Message: f.Message,
	}
}

// Place is where the finding is.
func (e *Entry) Place() Place { return Place{e.Account, e.Region, e.Repository} }

// Summary is the totals of a diff.
type Summary struct {
	New       int    `json:"new"`
	Worsened  int    `json:"worsened"`
	Improved  int    `json:"improved"`
	Waived    int    `json:"waived"`
	Fixed     int    `json:"fixed"`
	NotSeen   int    `json:"not_seen"`
	Still     int    `json:"still"`
	FailOn    string `json:"fail_on"`
	Failing   int    `json:"failing"`   // new or worsened, with status fail, at or above FailOn
	Undecided int    `json:"undecided"` // new or worsened, with status unknown, at or above FailOn
	Complete  bool   `json:"complete"`  // the new run read everything, and every finding that is gone was judged again
	ExitCode  int    `json:"exit_code"`
}

// Exit codes of a diff. A usage or internal error is 1.
const (
	ExitClean      = 0
	ExitFindings   = 2 // something that fails is new or worse
	ExitIncomplete = 3 // nothing of that, but something was not seen or could not be told
)

// DiffOptions say what a diff is about, and when it fails.
type DiffOptions struct {
	OldName, NewName string
	FailOn           string // a severity's name; any other text is never
	AllowIncomplete  bool
	All              bool // list what is still there, too
	// Query chooses what is listed and counted; nil is all. What decides the
	// exit code stays that of all.
	Query *query.Query
}

// Reports compares two reports that were saved as JSON or NDJSON. Of the old
// one it holds a few words for each finding, and of the new one those that
// changed.
func Reports(older, newer io.Reader, o DiffOptions) (*Diff, error) {
	known, oldRun, err := load(older, o.Query)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.OldName, err)
	}
	d := &differ{
		DiffOptions: o, comparison: known.Compare(), found: map[Fingerprint]bool{},
		diff: &Diff{Old: sourceOf(o.OldName, oldRun), Totals: map[Kind]Totals{}},
	}
	if o.Query != nil {
		d.diff.Query = o.Query.String()
		d.idle = o.Query.Idle(report.QueryContext(*oldRun))
	}
	d.diff.Old.Findings = known.Len()
	if err := report.Replay(newer, d); err != nil {
		return nil, fmt.Errorf("%s: %w", o.NewName, err)
	}
	d.diff.Differences = differencesOf(oldRun, &d.run)
	d.finish()
	return d.diff, nil
}

// differ receives the new report.
type differ struct {
	DiffOptions
	comparison *Comparison
	found      map[Fingerprint]bool // that are not in the old report
	run        report.Run
	idle       []string // of the query, in the old report
	diff       *Diff
}

func (d *differ) Begin(run report.Run) error {
	d.run = run
	d.comparison.Run(run)
	d.diff.New = sourceOf(d.NewName, &run)
	if d.Query != nil {
		context := report.QueryContext(run)
		d.diff.Idle = slices.DeleteFunc(d.Query.Idle(context), func(idle string) bool { return !slices.Contains(d.idle, idle) })
		d.Query = d.Query.In(context)
	}
	return RefuseFiltered(&run)
}

func (d *differ) Finding(f finding.Finding) error {
	d.diff.New.Findings++
	if err := d.refuseTwice(&f); err != nil {
		return err
	}
	kind, was, err := d.comparison.Finding(&f)
	if err != nil {
		return fmt.Errorf("reading the report: another program rewrote it: %w; use the file as ecraudit wrote it", err)
	}
	entry := entryOf(kind, &f)
	entry.Was = was
	d.decide(&entry)
	switch {
	case d.Query == nil || d.Query.Match(&f):
		d.add(&entry)
	case kind == New || kind == Worsened:
		d.diff.Hidden++
	}
	return nil
}

// refuseTwice keeps a finding from being counted twice.
func (d *differ) refuseTwice(f *finding.Finding) error {
	fingerprint, err := ParseFingerprint(f.Fingerprint)
	if err != nil {
		return nil //nolint:nilerr // the comparison says so
	}
	number, known := d.comparison.known.Find(fingerprint)
	if d.found[fingerprint] || known && d.comparison.seen[number] {
		return fmt.Errorf("reading the report: another program rewrote it: the finding %s is there twice; use the file as ecraudit wrote it", fingerprint)
	}
	if !known {
		d.found[fingerprint] = true
	}
	return nil
}

func (d *differ) Gap(g snapshot.Gap) error {
	d.comparison.Gap(&g)
	return nil
}

func (*differ) End(report.Summary) error { return nil }

func (d *differ) add(e *Entry) {
	totals := d.diff.Totals[e.Change]
	totals[finding.Critical-e.Severity]++
	d.diff.Totals[e.Change] = totals
	switch {
	case d.All:
	case e.Change == Still, e.Change == Waived && e.Was != nil && e.Was.Status == finding.Waived:
		return
	}
	d.diff.Entries = append(d.diff.Entries, *e)
}

// decide counts what decides the exit code.
func (d *differ) decide(e *Entry) {
	threshold, err := finding.ParseSeverity(d.FailOn)
	if err != nil || e.Severity < threshold || e.Change != New && e.Change != Worsened {
		return
	}
	if e.Status == finding.Fail {
		d.diff.Summary.Failing++
	} else {
		d.diff.Summary.Undecided++
	}
}

// finish adds what is gone, and sums up.
func (d *differ) finish() {
	known := d.comparison.known
	unseen := 0
	d.comparison.Gone(func(number int, why string) {
		kind := Fixed
		if why != "" {
			kind = NotSeen
			unseen++
		}
		if known.records[number].unwanted {
			return
		}
		f := known.Finding(number)
		entry := entryOf(kind, &f)
		entry.Why = why
		d.add(&entry)
	})
	slices.SortFunc(d.diff.Entries, compareEntries)
	s, totals := &d.diff.Summary, d.diff.Totals
	s.New, s.Worsened, s.Improved, s.Waived = totals[New].Sum(), totals[Worsened].Sum(), totals[Improved].Sum(), totals[Waived].Sum()
	s.Fixed, s.NotSeen, s.Still = totals[Fixed].Sum(), totals[NotSeen].Sum(), totals[Still].Sum()
	s.FailOn = d.FailOn
	s.Complete = d.run.Complete && !d.run.Interrupted && unseen == 0
	s.ExitCode = d.exitCode()
}

func (d *differ) exitCode() int {
	s := &d.diff.Summary
	switch {
	case s.Failing > 0:
		return ExitFindings
	case d.run.Interrupted:
		return ExitIncomplete
	case d.AllowIncomplete:
		return ExitClean
	case !s.Complete || s.Undecided > 0:
		return ExitIncomplete
	}
	return ExitClean
}

func compareEntries(a, b Entry) int {
	return cmp.Or(
		cmp.Compare(a.Change.order(), b.Change.order()),
		cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Rule, b.Rule), comparePlaces(a.Place(), b.Place()),
		cmp.Compare(a.Digest, b.Digest), cmp.Compare(a.Tag, b.Tag), cmp.Compare(a.Fingerprint, b.Fingerprint))
}

func comparePlaces(a, b Place) int {
	return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Region, b.Region), cmp.Compare(a.Repository, b.Repository))
}
