package config

import (
	"time"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// PerhapsWaived is a waiver of which it is not known whether it excuses a finding.
type PerhapsWaived struct {
	*Waiver
	DependsOn string
}

// WaiversOfFinding are the waivers in force on the day of a moment that excuse a
// finding, as far as the finding itself tells: it names neither tags nor
// organizational units. surely is the one that holds longest of those that do, or nil.
// accountName is empty where it is not known. Waivers by fingerprint are left out.
func (c *Config) WaiversOfFinding(f *finding.Finding, accountName string, today time.Time) (surely *Waiver, perhaps []PerhapsWaived) {
	compiled, r := c.CompileWaivers(), toldBy(f, accountName)
	compiled.For(f, func(i int) {
		w := compiled.At(i)
		unapproved := c.Waiving.TakesApproval(f.Severity) && !w.Approved()
		if w.Fingerprint != "" || w.Expired(today) || unapproved {
			return
		}
		verdict, dependsOn := compiled.ofFinding(i, f, &r)
		switch {
		case verdict == HoldsUnsure:
			perhaps = append(perhaps, PerhapsWaived{w, dependsOn})
		case verdict == HoldsSurely && (surely == nil || w.Until.After(surely.Until)):
			surely = w
		}
	})
	return surely, perhaps
}

// ofFinding says whether a waiver is for a finding on an image of which only the
// finding is known.
func (w *Waivers) ofFinding(i int, f *finding.Finding, r *Resource) (verdict Holds, dependsOn string) {
	tagsAsked := false
	ofImage := w.OfImage(i, f, func(string) []string {
		tagsAsked = true
		return nil
	})
	verdict = w.Of(i, r)
	switch {
	case verdict == HoldsNot || !ofImage && !tagsAsked:
		return HoldsNot, ""
	case tagsAsked:
		return HoldsUnsure, "the tags of the image; cannot tell: " + notInFindings
	case verdict == HoldsUnsure:
		return HoldsUnsure, w.Doubt(i, r)
	}
	return HoldsSurely, ""
}

// notInFindings is why something is not known of a finding's resource.
const notInFindings = "a finding does not name them"

// toldBy is what a finding tells of the resource that it is on.
func toldBy(f *finding.Finding, accountName string) Resource {
	const oneNotInFindings = "a finding does not name it"
	owner := &Owner{Name: accountName, Unknown: map[Criterion]string{ByUnit: notInFindings, ByAccountTag: notInFindings}}
	if accountName == "" {
		owner.Unknown[ByAccountName] = oneNotInFindings
	}
	r := Resource{Account: f.Account, Region: f.Region, Repository: f.Repository, Owner: owner}
	if f.Repository != "" {
		r.Unknown = map[Criterion]string{ByTag: notInFindings, ByEncryption: oneNotInFindings, ByAge: oneNotInFindings}
	}
	return r
}
