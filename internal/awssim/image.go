package awssim

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// Image describes an image: a manifest of any kind, with its tags and what AWS knows about it.
type Image struct {
	Digest string   // of Manifest; made up when there is neither
	Tags   []string `json:",omitempty"`
	// Manifest is the exact text. BatchGetImage makes one up for images without, which then does not hash to the digest.
	Manifest  string `json:",omitempty"`
	MediaType string // of the manifest
	// ArtifactType is what DescribeImages tells as artifactMediaType: the manifest's artifactType, or its config's media type.
	ArtifactType string    `json:",omitempty"`
	Subject      string    `json:",omitempty"` // digest of the image that this one refers to
	Children     []string  `json:",omitempty"` // digests that an index refers to
	Size         int64     // bytes; of an index, that of its largest child
	Status       string    // ACTIVE (when empty), ARCHIVED or ACTIVATING
	PushedAt     time.Time // now when zero
	// LastPulledAt, LastArchivedAt and LastActivatedAt are absent when zero.
	LastPulledAt, LastArchivedAt, LastActivatedAt time.Time
	// Scan is the last scan's result; nil when the image was never scanned.
	Scan *Scan `json:",omitempty"`
	// NextScan is what a scan will find that is yet to be started; nothing when nil.
	NextScan *Scan `json:",omitempty"`
}

// Scan is the state and the result of a vulnerability scan.
type Scan struct {
	Status      string // COMPLETE when empty; see the ECR API for the others
	Description string `json:",omitempty"`
	CompletedAt time.Time
	// Counts are the findings by severity. When there are no Findings, as many are made up; when empty, they are counted from Findings.
	Counts   map[string]int32 `json:",omitempty"`
	Findings []Finding        `json:",omitempty"`
}

// Finding is one vulnerability of one package.
type Finding struct {
	Name, Severity            string // "CVE-2026-1234"; CRITICAL, HIGH, MEDIUM, LOW, INFORMATIONAL, UNDEFINED or UNTRIAGED
	Package, Version, FixedIn string
	Description, URI          string
	ExploitAvailable          bool
}

func (i *Image) clone() Image {
	c := *i
	c.Tags, c.Children = slices.Clone(i.Tags), slices.Clone(i.Children)
	c.Scan, c.NextScan = i.Scan.clone(), i.NextScan.clone()
	return c
}

func (s *Scan) clone() *Scan {
	if s == nil {
		return nil
	}
	c := *s
	c.Counts, c.Findings = maps.Clone(s.Counts), slices.Clone(s.Findings)
	return &c
}

// completed is the image with everything filled in that it leaves out.
func (i Image) completed(now time.Time) Image {
	i = i.clone()
	if i.Manifest != "" {
		i.Digest = cmp.Or(i.Digest, digestOf(i.Manifest))
		i = i.read()
	}
	i.MediaType = cmp.Or(i.MediaType, MediaTypeImage)
	i.Status = cmp.Or(i.Status, "ACTIVE")
	if i.PushedAt.IsZero() {
		i.PushedAt = now
	}
	if i.Scan != nil {
		i.Scan = i.Scan.completed(i.PushedAt)
	}
	slices.Sort(i.Tags)
	return i
}

// read fills in what the manifest tells, as far as it can be parsed and the description does not say otherwise.
func (i Image) read() Image {
	var m manifest
	if json.Unmarshal([]byte(i.Manifest), &m) != nil {
		return i
	}
	i.MediaType = cmp.Or(i.MediaType, m.MediaType)
	i.ArtifactType = cmp.Or(i.ArtifactType, m.artifactType())
	i.Subject = cmp.Or(i.Subject, m.subject())
	if i.Children == nil {
		i.Children = m.children()
	}
	i.Size = cmp.Or(i.Size, m.size())
	return i
}

// completed is the scan with its status, its time and its counts filled in.
func (s *Scan) completed(pushed time.Time) *Scan {
	s = s.clone()
	s.Status = cmp.Or(s.Status, "COMPLETE")
	if s.CompletedAt.IsZero() {
		s.CompletedAt = pushed.Add(time.Minute)
	}
	if len(s.Counts) == 0 && len(s.Findings) > 0 {
		s.Counts = map[string]int32{}
		for _, f := range s.Findings {
			s.Counts[f.Severity]++
		}
	}
	return s
}
