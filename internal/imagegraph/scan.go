package imagegraph

import (
	"cmp"
	"strings"
	"time"

	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// State is the state of an image's scan in words.
type State string

// The states of a scan. Only with the first two are vulnerabilities known.
const (
	Clean       State = "clean"    // scanned, and nothing found
	Findings    State = "findings" // scanned, and something found
	Pending     State = "pending"  // asked for, or under way
	Failed      State = "failed"
	Unsupported State = "unsupported" // the scanner does not know such images
	Expired     State = "expired"     // the last result is no longer kept up
	NotScanned  State = "not scanned"
	Unknown     State = "unknown" // it could not be read, or was not asked for
)

// Scan is what is known of the vulnerabilities of an image, of an index that of
// its images: for each severity the count of the image that has most.
type Scan struct {
	State  State
	Reason string // why vulnerabilities are not known; empty where they are
	Status string // AWS's status, or one of ours; empty when nothing was asked
	// Counts is by severity as AWS writes it. Of an index whose State says that
	// not all is known, it has those of the images that are; nil where none is.
	Counts    map[string]int
	Source    string    // the operation that told it: "ecr:DescribeImages"
	ScannedAt time.Time // of an index the oldest of its images'; zero when unknown
}

// Known reports whether the vulnerabilities are known in full.
func (s Scan) Known() bool { return s.State == Clean || s.State == Findings }

// states tells what a status of AWS means where it is no result.
var states = map[string]struct {
	state State
	words string
}{
	snapshot.ScanNotScanned:    {NotScanned, "it was never scanned"},
	snapshot.ScanUnread:        {Unknown, "its scan result could not be read"},
	"IN_PROGRESS":              {Pending, "its scan is still in progress"},
	"PENDING":                  {Pending, "its scan is pending"},
	"FAILED":                   {Failed, "its scan failed"},
	"UNSUPPORTED_IMAGE":        {Unsupported, "the scanner does not support this image"},
	"SCAN_ELIGIBILITY_EXPIRED": {Expired, "it is too old to be scanned still, so its last result is out of date"},
	"FINDINGS_UNAVAILABLE":     {Unknown, "its findings are not available"},
	"LIMIT_EXCEEDED":           {Failed, "a limit of the scanner was exceeded"},
	"IMAGE_ARCHIVED":           {Expired, "it is archived, and archived images are not scanned"},
}

// Indexes are followed into indexes so deep, and to so many images in all. No
// index that anybody builds comes near.
const (
	nesting    = 8
	mostImages = 10_000
)

// Scan returns what is known of an image's vulnerabilities.
func (g *Graph) Scan(i *snapshot.Image) Scan {
	left := mostImages
	return g.scan(i, nesting, &left)
}

func (g *Graph) scan(i *snapshot.Image, depth int, left *int) Scan {
	if *left--; depth == 0 || *left < 0 {
		return Scan{State: Unknown, Reason: "its indexes refer to each other without end"}
	}
	if i.Kind != snapshot.KindIndex {
		return single(i.Scan)
	}
	if i.Children == nil {
		return Scan{State: Unknown, Reason: "the manifest of this index was not read, so its images are not known"}
	}
	return g.worst(i, depth, left)
}

func single(s *snapshot.Scan) Scan {
	if s == nil {
		return Scan{State: Unknown, Reason: "nothing was asked about its vulnerabilities"}
	}
	scan := Scan{Status: s.Status, Source: s.Source, ScannedAt: s.CompletedAt}
	if s.Status != "COMPLETE" && s.Status != "ACTIVE" {
		known := states[s.Status]
		scan.State, scan.Reason = cmp.Or(known.state, Unknown), cmp.Or(known.words, "its scan status is "+s.Status)
		if s.Description != "" {
			scan.Reason += " (" + s.Description + ")"
		}
		return scan
	}
	if s.Counts == nil {
		scan.State, scan.Reason = Unknown, "AWS gives its scan as "+s.Status+", but no result"
		return scan
	}
	scan.State, scan.Counts = Clean, s.Counts
	for _, n := range s.Counts {
		if n > 0 {
			scan.State = Findings
		}
	}
	return scan
}

// worst sums up the scans of an index's images. Where one is not known neither
// is the whole, but what the others have is surely there.
func (g *Graph) worst(index *snapshot.Image, depth int, left *int) Scan {
	whole := Scan{Status: "COMPLETE", State: Clean}
	images := 0
	for _, child := range index.Children {
		if child.Attestation {
			continue
		}
		images++
		image := g.byDigest[child.Digest]
		if image == nil {
			whole.doubt(Scan{State: Unknown, Reason: "the index refers to " + child.Digest + ", which is not in the repository"})
			continue
		}
		scan := g.scan(image, depth-1, left)
		if !scan.Known() {
			scan.Reason = strings.TrimSpace("its image for "+child.Platform) + ": " + scan.Reason
			whole.doubt(scan)
			continue
		}
		whole.add(scan)
	}
	if images == 0 {
		whole.doubt(Scan{State: Unknown, Reason: "the index refers to no container image"})
	}
	return whole
}

// doubt notes an image whose vulnerabilities are not known.
func (s *Scan) doubt(of Scan) {
	s.State, s.Reason = of.State, of.Reason
	if of.Status != "" {
		s.Status = of.Status
	}
	s.Source = cmp.Or(s.Source, of.Source)
}

// add notes an image whose vulnerabilities are known.
func (s *Scan) add(of Scan) {
	if s.Counts == nil {
		s.Counts = map[string]int{}
	}
	for severity, n := range of.Counts {
		s.Counts[severity] = max(s.Counts[severity], n)
	}
	if of.State == Findings && s.State == Clean {
		s.State = Findings
	}
	s.Source = cmp.Or(s.Source, of.Source)
	if !of.ScannedAt.IsZero() && (s.ScannedAt.IsZero() || of.ScannedAt.Before(s.ScannedAt)) {
		s.ScannedAt = of.ScannedAt
	}
}
