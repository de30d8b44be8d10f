package report

import (
	"maps"
	"slices"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/query"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Only hands a run on to h without the findings that do not match the query.
//
// The run says so in its Query, and the counts of findings in the summary are
// those of what is left. All else stays that of the whole run: gaps, details,
// changes since the baseline, what decides the exit code, and the exit code. So
// nothing that fails is mended by not looking at it.
//
// warn is told what in the query is about nothing in the run, before anything
// is handed on.
func Only(q *query.Query, h Handler, warn func(string)) Handler {
	return &only{next: h, query: q, warn: warn}
}

type only struct {
	next  Handler
	query *query.Query
	warn  func(string)

	findings   int
	bySeverity map[string]Counts
	byRule     map[string]Counts
}

func (o *only) Begin(run Run) error {
	context := QueryContext(run)
	for _, idle := range o.query.Idle(context) {
		o.warn(idle)
	}
	run.Query = andQuery(run.Query, o.query)
	o.query = o.query.In(context)
	o.bySeverity, o.byRule = map[string]Counts{}, map[string]Counts{}
	return o.next.Begin(run)
}

// andQuery adds a query to the one that a report was filtered by before.
func andQuery(before string, q *query.Query) string {
	if before == "" {
		return q.String()
	}
	if first, err := query.Parse(before); err == nil {
		return query.And(first, q).String()
	}
	return "(" + before + ") and (" + q.String() + ")" // by another version, which has more words
}

func (o *only) Finding(f finding.Finding) error {
	if !o.query.Match(&f) {
		return nil
	}
	o.findings++
	countOne(o.bySeverity, f.Severity.String(), f.Status)
	countOne(o.byRule, f.Rule, f.Status)
	return o.next.Finding(f)
}

func countOne(counts map[string]Counts, name string, status finding.Status) {
	c := counts[name]
	c.Add(status, 1)
	counts[name] = c
}

func (o *only) Gap(g snapshot.Gap) error { return o.next.Gap(g) }

func (o *only) Detail(d Detail) error { return TellDetail(o.next, d) }

func (o *only) End(s Summary) error {
	s.Findings = o.findings
	s.BySeverity = recounted(s.BySeverity, o.bySeverity)
	s.ByRule = recounted(s.ByRule, o.byRule)
	return o.next.End(s)
}

// recounted has the names of the counts before, with what was counted.
func recounted(before, counted map[string]Counts) map[string]Counts {
	all := make(map[string]Counts, len(before))
	for name := range before {
		all[name] = Counts{}
	}
	maps.Copy(all, counted)
	return all
}

func (o *only) Close() error { return Close(o.next) }

// QueryContext is what a run knows that a query can ask for.
func QueryContext(run Run) query.Context {
	c := query.Context{Accounts: map[string]string{}, Rules: run.Rules, Baseline: run.Baseline != nil}
	for _, target := range run.Targets {
		if c.Accounts[target.Account] == "" {
			c.Accounts[target.Account] = target.AccountName
		}
		if target.Region != "" {
			c.Regions = append(c.Regions, target.Region)
		}
	}
	slices.Sort(c.Regions)
	c.Regions = slices.Compact(c.Regions)
	return c
}
