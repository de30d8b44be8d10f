package portrait

import (
	"cmp"
	"slices"

	"github.com/ecraudit/ecraudit/internal/access"
	"github.com/ecraudit/ecraudit/internal/report"
)

const mostGrants = 50

// widestFirst is the order of exposures. What cannot be decided may be as wide
// as anything, but is not known to be.
func widestFirst() []access.Exposure {
	return []access.Exposure{
		access.ExposurePublic, access.ExposureOutside, access.ExposureUnknown, access.ExposureTrusted, access.ExposureInside, access.ExposureOwn,
	}
}

func drawAccess(policy string, analysis *access.Analysis) *report.DetailAccess {
	order := widestFirst()
	grants := slices.Clone(analysis.Grants)
	slices.SortStableFunc(grants, func(a, b access.Grant) int {
		return cmp.Compare(slices.Index(order, a.Exposure), slices.Index(order, b.Exposure))
	})
	shown := grants[:min(len(grants), mostGrants)]
	return &report.DetailAccess{
		Exposure: analysis.Exposure, Grants: shown, Omitted: len(grants) - len(shown), Problems: analysis.Problems, Policy: policy,
	}
}
