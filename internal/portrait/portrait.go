// Package portrait draws what there is to see of a repository beside its
// findings: who can do what with it, what its lifecycle policy will do, how its
// images belong together, what they cost.
//
// It judges nothing and reads nothing. All comes from what the engine judged by,
// so that a portrait never costs a call and never says another thing than a
// finding. Its lists have an end, whatever the repository.
package portrait

import (
	"time"

	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/report"
)

// Draw makes the portrait of a repository at the moment that it was judged. The
// findings are those on it.
func Draw(e *evaluate.Evidence, findings []finding.Finding, at time.Time) report.Detail {
	r := e.Repository
	d := report.Detail{
		Account: r.Account, Region: r.Region, Repository: r.Name, URI: r.URI, CreatedAt: r.CreatedAt.UTC(),
		Mutability: r.Mutability, Encryption: r.Encryption, ScanOnPush: r.ScanOnPush, Scanning: e.Scanning, Tags: e.Tags,
	}
	if e.Access != nil {
		d.Access = drawAccess(r.Policy, e.Access)
	}
	if e.Lifecycle != nil {
		d.Lifecycle = drawLifecycle(e, at)
	}
	if e.Images != nil {
		d.Images = drawImages(r, e.Images, findings)
		d.Cost = drawCost(e.Images)
	}
	return d
}

func drawCost(e *evaluate.ImageEvidence) *report.DetailCost {
	return &report.DetailCost{Currency: e.Settings.Settings.Prices.Currency, Monthly: e.Monthly, Unused: e.UnusedMonthly, Freed: e.FreedMonthly}
}
