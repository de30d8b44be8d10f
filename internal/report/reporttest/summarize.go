// Package reporttest completes runs that tests of other packages make up, so that
// they can be read back as the reports of an audit are.
package reporttest

import (
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Summarize is the summary of an audit that fails on high and finds this.
func Summarize(run report.Run, findings []finding.Finding, gaps int) report.Summary {
	s := report.Summary{
		Findings: len(findings), Gaps: gaps, FailOn: finding.High.String(), Complete: run.Complete,
		BySeverity: map[string]report.Counts{}, ByRule: map[string]report.Counts{},
	}
	for _, t := range run.Targets {
		if t.Status != snapshot.StatusSkipped {
			s.Targets++
		}
		s.Repositories += t.Repositories
		s.Images += t.Images
	}
	for i := range findings {
		f := &findings[i]
		count(s.BySeverity, f.Severity.String(), f.Status)
		count(s.ByRule, f.Rule, f.Status)
		switch {
		case f.Severity < finding.High || f.Change == finding.Known:
		case f.Status == finding.Fail:
			s.Failing++
		case f.Status == finding.Unknown:
			s.Undecided++
		}
	}
	switch {
	case s.Failing > 0:
		s.ExitCode = 2
	case !s.Complete || s.Undecided > 0:
		s.ExitCode = 3
	}
	return s
}

func count(by map[string]report.Counts, name string, status finding.Status) {
	counts := by[name]
	counts.Add(status, 1)
	by[name] = counts
}
