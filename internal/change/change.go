// Package change knows how two sets of findings compare: what is new, what is
// worse, and what is gone.
//
// A finding is the same as one of earlier where the fingerprints are the same,
// whatever its message, its place in the report or the version of its rule.
// What is gone is fixed only where it was judged again: its rule was active,
// its place was read, and nothing that the rule looks at was missing. Else it
// is not seen, and nobody knows. In doubt it is not seen.
//
// [Known] is the findings of earlier, of a report or of a [Baseline]. A
// [Comparison] holds a run against them, finding by finding. Held in memory are
// a few words for each finding that is known, never the findings of the run.
package change

import (
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// Kind says what became of a finding.
type Kind string

// The kinds, in the order in which they are shown.
const (
	New      Kind = "new"      // it was not there
	Worsened Kind = "worsened" // it is more severe, or certain where it was unknown, or its waiver ended
	Improved Kind = "improved" // it is less severe
	Waived   Kind = "waived"   // it is there, but somebody is excused
	Fixed    Kind = "fixed"    // its place was judged again, and it is not there
	NotSeen  Kind = "not_seen" // it is not there, but its place was not judged again
	Still    Kind = "still"    // it is as it was
)

var kinds = [...]Kind{New, Worsened, Improved, Waived, Fixed, NotSeen, Still}

// Kinds returns all kinds, in the order in which they are shown.
func Kinds() []Kind { return kinds[:] }

func (k Kind) order() int { return slices.Index(kinds[:], k) }

// Verdict is what matters of a finding when it is compared.
type Verdict struct {
	Severity finding.Severity `json:"severity"`
	Status   finding.Status   `json:"status"`
}

// kindOf compares a finding with what it was; was is nil where it was not.
//
// A verdict that was certain and is unknown is no improvement: it may be as bad
// as it was.
func kindOf(was *Verdict, is Verdict) Kind {
	switch {
	case is.Status == finding.Waived:
		return Waived
	case was == nil:
		return New
	case was.Status == finding.Waived,
		is.Severity > was.Severity,
		is.Status == finding.Fail && was.Status == finding.Unknown:
		return Worsened
	case is.Severity < was.Severity && is.Status == was.Status:
		return Improved
	}
	return Still
}

// Mark is what a report says of a finding that compares so with a baseline: a
// waived one is neither new nor known.
func (k Kind) Mark() finding.Change {
	switch k {
	case New:
		return finding.New
	case Worsened:
		return finding.Worsened
	case Improved, Still:
		return finding.Known
	}
	return ""
}

// Fingerprint identifies a finding across runs.
type Fingerprint [16]byte

// ParseFingerprint reads the 32 hexadecimal digits that reports have.
func ParseFingerprint(text string) (f Fingerprint, err error) {
	if len(text) != hex.EncodedLen(len(f)) {
		return f, fmt.Errorf("%q is no fingerprint: it has 32 hexadecimal digits", text)
	}
	if _, err := hex.Decode(f[:], []byte(text)); err != nil {
		return f, fmt.Errorf("%q is no fingerprint: it has 32 hexadecimal digits", text)
	}
	return f, nil
}

func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// Target is an account in a region.
type Target struct {
	Account string `json:"account"`
	Region  string `json:"region"`
}

func (t Target) String() string {
	if t.Region == "" {
		return t.Account
	}
	return t.Account + "/" + t.Region
}

// Place is what a finding is on. All of it is empty for the organization, and
// the repository is for a registry.
type Place struct {
	Account    string
	Region     string
	Repository string
}

// PlaceOf is the place of a finding.
func PlaceOf(f *finding.Finding) Place { return Place{f.Account, f.Region, f.Repository} }

func (p Place) String() string {
	text := p.Account
	if text == "" {
		text = "organization"
	}
	if p.Region != "" {
		text += "/" + p.Region
	}
	if p.Repository != "" {
		text += "/" + p.Repository
	}
	return text
}
