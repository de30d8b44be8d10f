package change

import (
	"maps"
	"slices"

	"github.com/ecraudit/ecraudit/internal/report"
)

// Differences is what is not the same in two runs, so that what changed between
// them may have another reason than the registries.
type Differences struct {
	OldIsNewer       bool     `json:"old_is_newer,omitempty"` // by the clocks of the runs
	Organization     bool     `json:"organization,omitempty"`
	Framework        bool     `json:"framework,omitempty"`
	RulesDigest      bool     `json:"rules_digest,omitempty"`
	Version          bool     `json:"version,omitempty"`
	OldIncomplete    bool     `json:"old_incomplete,omitempty"` // so what is new may be old
	TargetsOnlyInOld []Target `json:"targets_only_in_old"`      // read then, and not now
	TargetsOnlyInNew []Target `json:"targets_only_in_new"`      // read now, and not then
	RulesOnlyInOld   []string `json:"rules_only_in_old"`
	RulesOnlyInNew   []string `json:"rules_only_in_new"`
}

func differencesOf(older, newer *report.Run) Differences {
	d := Differences{
		OldIsNewer:    older.Clock.After(newer.Clock),
		Organization:  older.OrganizationID != "" && newer.OrganizationID != "" && older.OrganizationID != newer.OrganizationID,
		Framework:     older.Framework != newer.Framework,
		RulesDigest:   older.RulesDigest != newer.RulesDigest,
		Version:       older.Version != newer.Version,
		OldIncomplete: !older.Complete || older.Interrupted,
	}
	before, now := readTargets(older), readTargets(newer)
	d.TargetsOnlyInOld, d.TargetsOnlyInNew = without(before, now), without(now, before)
	slices.SortFunc(d.TargetsOnlyInOld, compareTargets)
	slices.SortFunc(d.TargetsOnlyInNew, compareTargets)
	were, are := ruleIDs(older), ruleIDs(newer)
	d.RulesOnlyInOld, d.RulesOnlyInNew = without(were, are), without(are, were)
	slices.Sort(d.RulesOnlyInOld)
	slices.Sort(d.RulesOnlyInNew)
	return d
}

func readTargets(run *report.Run) map[Target]bool {
	read := map[Target]bool{}
	for _, target := range ReadBy(run) {
		read[target] = true
	}
	return read
}

func ruleIDs(run *report.Run) map[string]bool {
	ids := map[string]bool{}
	for i := range run.Rules {
		ids[run.Rules[i].ID] = true
	}
	return ids
}

// without are the keys of one set that are not in another; never nil.
func without[K comparable](set, other map[K]bool) []K {
	left := []K{}
	for key := range maps.Keys(set) {
		if !other[key] {
			left = append(left, key)
		}
	}
	return left
}
