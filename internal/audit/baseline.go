package audit

import (
	"fmt"
	"sync"

	"github.com/ecraudit/ecraudit/internal/change"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// baseline marks findings by what was known before. Without one, which is nil,
// nothing is marked.
type baseline struct {
	name  string
	known *change.Known

	mu         sync.Mutex
	comparison *change.Comparison
	counts     report.Changes
	run        report.Run
}

// Compare has the findings from now on compared with those of a baseline, by
// its name. What it knows decides no exit code.
func (a *Audit) Compare(known *change.Known, name string) {
	a.baseline = &baseline{name: name, known: known, comparison: known.Compare()}
}

// mark says of each finding how it compares.
func (b *baseline) mark(findings []finding.Finding, gaps []snapshot.Gap) error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range findings {
		kind, _, err := b.comparison.Finding(&findings[i])
		if err != nil {
			return err
		}
		findings[i].Change = kind.Mark()
		switch findings[i].Change {
		case finding.New:
			b.counts.New++
		case finding.Worsened:
			b.counts.Worsened++
		case finding.Known:
			b.counts.Known++
		}
	}
	for i := range gaps {
		b.comparison.Gap(&gaps[i])
	}
	return nil
}

func (b *baseline) describe() *report.Baseline {
	if b == nil {
		return nil
	}
	return &report.Baseline{Name: b.name, Findings: b.known.Len()}
}

// changes sums up, once all findings are marked.
func (b *baseline) changes(run report.Run, targets []snapshot.TargetResult) *report.Changes {
	if b == nil {
		return nil
	}
	b.run = run
	b.comparison.Run(run)
	for _, t := range targets {
		for i := range t.Gaps {
			b.comparison.Gap(&t.Gaps[i])
		}
	}
	b.comparison.Gone(func(_ int, why string) {
		if why == "" {
			b.counts.Fixed++
		} else {
			b.counts.NotSeen++
		}
	})
	counts := b.counts
	return &counts
}

// BaselineDoubts says what makes the baseline look like that of something else,
// once the audit has finished.
func (a *Audit) BaselineDoubts() (doubts []string) {
	b := a.baseline
	if b == nil {
		return nil
	}
	if id := b.run.OrganizationID; id != "" && b.known.Organization != "" && id != b.known.Organization {
		doubts = append(doubts, fmt.Sprintf("it is of the organization %s, and this audit is of %s", b.known.Organization, id))
	}
	if b.known.Len() > 0 && b.counts.New > 0 && b.counts.Known+b.counts.Worsened == 0 {
		doubts = append(doubts, "none of the findings is known by it: is it the baseline of these accounts?")
	}
	return doubts
}
