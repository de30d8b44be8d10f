package report

import (
	"io"
	"slices"
	"time"

	"github.com/ecraudit/ecraudit/internal/access"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Detail is what there is to see of one repository beside its findings: the
// material of its page in the HTML report. Its lists are cut where a repository
// is unusually large, and say by how much. What was not collected, or could not
// be read, is nil; a gap of the repository says why.
//
// A detail is evidence for people, never a verdict.
type Detail struct {
	Account    string    `json:"account"`
	Region     string    `json:"region"`
	Repository string    `json:"repository"`
	URI        string    `json:"uri"`
	CreatedAt  time.Time `json:"created_at"`

	Mutability snapshot.Mutability         `json:"mutability"`
	Encryption snapshot.Encryption         `json:"encryption"`
	ScanOnPush bool                        `json:"scan_on_push"`       // the repository's own flag, which may decide nothing
	Scanning   *snapshot.EffectiveScanning `json:"scanning,omitempty"` // what AWS says it does
	Tags       map[string]string           `json:"tags,omitzero"`      // of the resource; empty where it has none

	Access    *DetailAccess    `json:"access,omitempty"`
	Lifecycle *DetailLifecycle `json:"lifecycle,omitempty"`
	Images    *DetailImages    `json:"images,omitempty"`
	Cost      *DetailCost      `json:"cost,omitempty"`
}

// DetailAccess is who can do what with a repository.
type DetailAccess struct {
	Exposure access.Exposure `json:"exposure"`
	Grants   []access.Grant  `json:"grants"` // the widest first
	Omitted  int             `json:"omitted,omitempty"`
	Problems []string        `json:"problems,omitempty"` // why a document is no valid policy
	Policy   string          `json:"policy,omitempty"`   // as AWS gave it; empty when there is none
}

// DetailLifecycle is what a lifecycle policy does in time, as long as nothing
// is pushed or pulled.
type DetailLifecycle struct {
	Present  bool     `json:"present"`
	Problems []string `json:"problems,omitempty"` // why the policy is not valid, and what is questionable about it
	Rules    []string `json:"rules,omitempty"`    // what each does, in words, in the order in which they act
	// Timeline is what the rules act on, by the day of it; those that are due
	// now come first.
	Timeline []DetailDue `json:"timeline,omitempty"`
	// Horizon is the last day that the timeline looks at. It is zero where there is
	// no timeline: the images were not read, or the policy is not valid.
	Horizon time.Time `json:"horizon,omitzero"`
	// Stay is how many images nothing happens to by the horizon, and Undecided of
	// how many it cannot be said.
	Stay      int `json:"stay"`
	Undecided int `json:"undecided,omitempty"`
}

// DetailDue is what one rule of a lifecycle policy acts on at one day. Where
// that would be more than 120 for a repository, several days are put together,
// and At is the first of them.
type DetailDue struct {
	At     time.Time `json:"at"`     // the moment of the run for what is due now; otherwise so many days later
	Rule   int       `json:"rule"`   // its priority
	Action string    `json:"action"` // expire or archive
	Images int       `json:"images"`
	Bytes  int64     `json:"bytes"`
	Tags   []string  `json:"tags,omitempty"` // some of those that go, at most five
}

// DetailImages is the graph of a repository's images.
type DetailImages struct {
	Total   int           `json:"total"`
	Bytes   int64         `json:"bytes"`
	Shown   []DetailImage `json:"shown"` // those with findings first, then the newest, each with all that belongs to it
	Omitted int           `json:"omitted,omitempty"`
}

// DetailImage is one image and what it refers to.
type DetailImage struct {
	Digest   string        `json:"digest"`
	Tags     []string      `json:"tags,omitempty"` // at most twenty
	Kind     snapshot.Kind `json:"kind"`
	Platform string        `json:"platform,omitempty"` // that an index gives it
	Status   string        `json:"status"`             // ACTIVE, ARCHIVED or ACTIVATING
	Bytes    int64         `json:"bytes"`
	PushedAt time.Time     `json:"pushed_at,omitzero"`
	PulledAt time.Time     `json:"pulled_at,omitzero"` // the newest pull of it or of what it is used by
	// Children are the digests that an index refers to, there or not, at most a
	// hundred; Subject is the digest of the image that this one describes.
	Children []string `json:"children,omitempty"`
	Subject  string   `json:"subject,omitempty"`
	Release  bool     `json:"release,omitempty"` // it has a tag of a release
	// Scan is the state of its scan in words, or why vulnerabilities are not
	// known; Vulnerabilities are counted by AWS's severities, without those of
	// which there are none. Beside a reason they are those that are surely there.
	Scan            string         `json:"scan,omitempty"`
	Vulnerabilities map[string]int `json:"vulnerabilities,omitempty"`
}

// DetailCost is what storing a repository's images costs in a month: upper
// bounds, since layers that images share are counted for each.
type DetailCost struct {
	Currency string   `json:"currency"`
	Monthly  float64  `json:"monthly"`
	Unused   float64  `json:"unused"`          // the part of images that nobody pushed or pulled for long
	Freed    *float64 `json:"freed,omitempty"` // the part that the lifecycle policy would expire now; nil where that is not known
}

// DetailHandler is a [Handler] that is told details.
type DetailHandler interface {
	Detail(Detail) error
}

// TellDetail tells h the detail if it wants details.
func TellDetail(h Handler, d Detail) error {
	if details, ok := h.(DetailHandler); ok {
		return details.Detail(d)
	}
	return nil
}

// CarriesDetails reports whether a format has a place for details.
func CarriesDetails(format string) bool { return slices.Contains(DetailFormats(), format) }

// DetailFormats are the names of the formats that have a place for details.
func DetailFormats() (names []string) {
	for _, f := range formats() {
		h := f.open(io.Discard, Options{})
		if _, carries := h.(DetailHandler); carries {
			names = append(names, f.name)
		}
		_ = Close(h) // nothing was written
	}
	return names
}

// WantsDetails reports whether a format is not whole without details, so that
// they are gathered for it without being asked for.
func WantsDetails(format string) bool { return format == "html" }
