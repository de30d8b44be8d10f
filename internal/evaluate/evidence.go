package evaluate

import (
	"context"
	"maps"

	"github.com/ecraudit/ecraudit/internal/access"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/imagegraph"
	"github.com/ecraudit/ecraudit/internal/lifecycle"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Evidence is what is known of a repository when it is judged. A part is nil
// where a document for it could not be read, or where no active rule asks for
// one, so that it was not collected. Access and Images are nil as well where it
// cannot be told which settings hold.
type Evidence struct {
	Repository *snapshot.Repository
	ImagesRead bool
	Scanning   *snapshot.EffectiveScanning
	Tags       map[string]string
	Access     *access.Analysis
	Lifecycle  *LifecycleEvidence
	Images     *ImageEvidence
}

// LifecycleEvidence is a lifecycle policy, or that there is none.
type LifecycleEvidence struct {
	Policy   *lifecycle.Policy // nil where there is none, or none that is valid
	Problems []string          // why it is not valid
	// Images are those of the repository, where there is a policy for them, and
	// Insights what is strange about what it does to them.
	Images   []lifecycle.Image
	Insights []lifecycle.Insight
}

// ImageEvidence is what was found out about the images of a repository.
type ImageEvidence struct {
	Graph    *imagegraph.Graph
	Settings *config.Effective
	Bytes    int64 // of all of them; an index counts nothing
	Scans    bool  // whether scan results were asked for, of releases at least
	// What storing the images costs in a month, in the currency of the settings:
	// all of them, those that were not used for long, and those that the
	// lifecycle policy would expire now, which is nil where it is not known.
	Monthly, UnusedMonthly float64
	FreedMonthly           *float64
}

// Examine judges a repository as Repository does, and hands out what it judged
// by.
func (e *Engine) Examine(ctx context.Context, reg *snapshot.Registry, r *snapshot.Repository) ([]finding.Finding, *Evidence, error) {
	v := e.view(reg, r)
	findings, err := e.judge(ctx, v, false)
	if err != nil {
		return nil, nil, err
	}
	return findings, e.evidence(v), nil
}

func (e *Engine) evidence(v *view) *Evidence {
	r := v.repository
	read := func(n snapshot.Need) bool { return e.needs[n] && r.Gap(n) == nil }
	evidence := &Evidence{Repository: r, ImagesRead: read(snapshot.NeedImages)}
	if read(snapshot.NeedScanning) {
		evidence.Scanning = r.Scanning
	}
	if read(snapshot.NeedTags) {
		evidence.Tags = map[string]string{}
		maps.Copy(evidence.Tags, r.Tags)
	}
	settled := v.undecided == ""
	p := v.preview
	if read(snapshot.NeedLifecycle) {
		if p == nil && evidence.ImagesRead {
			p = e.foresee(r, v.settings)
		}
		evidence.Lifecycle = e.lifecycleEvidence(v, p, settled)
	}
	if settled && v.access != nil {
		evidence.Access = &v.access.Analysis
	}
	if settled && evidence.ImagesRead {
		evidence.Images = e.imageEvidence(v, p)
	}
	return evidence
}

func (e *Engine) lifecycleEvidence(v *view, p *preview, settled bool) *LifecycleEvidence {
	known := e.lifecycle(v.repository.Lifecycle, v.settings)
	evidence := &LifecycleEvidence{Policy: known.policy, Problems: known.problems}
	if p != nil {
		evidence.Images = p.images
	}
	if p != nil && settled {
		evidence.Insights = p.insights
	}
	return evidence
}

func (e *Engine) imageEvidence(v *view, p *preview) *ImageEvidence {
	s := e.sums(v)
	evidence := &ImageEvidence{
		Graph: v.graph, Settings: v.settings, Bytes: s.bytes, Scans: e.needs[snapshot.NeedScanFindings] || e.needs[snapshot.NeedReleaseScanFindings],
		Monthly: hundredthsOfCents(s.monthly), UnusedMonthly: hundredthsOfCents(s.unusedMonthly),
	}
	if p != nil && (p.policy != nil || v.repository.Lifecycle == "") {
		freed := hundredthsOfCents(p.freedMonthly(v.repository, v.settings.Settings.Prices))
		evidence.FreedMonthly = &freed
	}
	return evidence
}
