package evaluate

import (
	"regexp"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// graph is how the images of a repository refer to each other, as far as the
// indexes were read. Tags and use are inherited downwards, vulnerabilities
// upwards.
type graph struct {
	byDigest map[string]*snapshot.Image   // nil where no index was read
	parents  map[string][]*snapshot.Image // by the child's digest
}

func newGraph(images []snapshot.Image) *graph {
	g := &graph{parents: map[string][]*snapshot.Image{}}
	for i := range images {
		for _, child := range images[i].Children {
			g.parents[child.Digest] = append(g.parents[child.Digest], &images[i])
		}
	}
	if len(g.parents) > 0 {
		g.byDigest = make(map[string]*snapshot.Image, len(images))
		for i := range images {
			g.byDigest[images[i].Digest] = &images[i]
		}
	}
	return g
}

// lastPull is the newest pull of the image or of an index that refers to it.
func (g *graph) lastPull(i *snapshot.Image) time.Time {
	last := i.LastPulledAt
	for _, parent := range g.parents[i.Digest] {
		if parent.LastPulledAt.After(last) {
			last = parent.LastPulledAt
		}
	}
	return last
}

// scan is the image's own scan or, of an index, the worst of its children's:
// for each severity the count of the child that has most. Where a child is
// unknown so is the whole, but what the others have is surely there.
func (g *graph) scan(i *snapshot.Image) (scan *snapshot.Scan, unknown string) {
	if i.Kind != snapshot.KindIndex {
		return i.Scan, unknownScan(i.Scan)
	}
	if i.Children == nil {
		return nil, "the manifest of this index was not read, so its images are not known"
	}
	worst := &snapshot.Scan{Status: "COMPLETE"}
	for _, child := range i.Children {
		if child.Attestation {
			continue
		}
		image := g.byDigest[child.Digest]
		if image == nil {
			unknown = "the index refers to " + child.Digest + ", which is not in the repository"
			continue
		}
		of, why := g.scan(image)
		if why != "" {
			unknown = strings.TrimSpace("its image for "+child.Platform) + ": " + why
			if of != nil {
				worst.Status = of.Status
			}
			continue
		}
		if worst.Counts == nil {
			worst.Counts = map[string]int{}
		}
		for severity, n := range of.Counts {
			worst.Counts[severity] = max(worst.Counts[severity], n)
		}
	}
	if worst.Counts == nil && unknown == "" {
		unknown = "the index refers to no container image"
	}
	return worst, unknown
}

// scanReasons say why a status tells nothing about vulnerabilities.
var scanReasons = map[string]string{
	snapshot.ScanNotScanned:    "it was never scanned",
	snapshot.ScanUnread:        "its scan result could not be read",
	"IN_PROGRESS":              "its scan is still in progress",
	"PENDING":                  "its scan is pending",
	"FAILED":                   "its scan failed",
	"UNSUPPORTED_IMAGE":        "the scanner does not support this image",
	"SCAN_ELIGIBILITY_EXPIRED": "it is too old to be scanned still, so its last result is out of date",
	"FINDINGS_UNAVAILABLE":     "its findings are not available",
	"LIMIT_EXCEEDED":           "a limit of the scanner was exceeded",
	"IMAGE_ARCHIVED":           "it is archived, and archived images are not scanned",
}

func unknownScan(s *snapshot.Scan) string {
	switch {
	case s == nil:
		return "nothing was asked about its vulnerabilities"
	case s.Status == "COMPLETE" || s.Status == "ACTIVE":
		if s.Counts == nil {
			return "AWS gives its scan as " + s.Status + ", but no result"
		}
		return ""
	}
	why := scanReasons[s.Status]
	if why == "" {
		why = "its scan status is " + s.Status
	}
	if s.Description != "" {
		why += " (" + s.Description + ")"
	}
	return why
}

var severities = []string{"critical", "high", "medium", "low", "informational", "undefined", "untriaged"}

func (g *graph) vulnerabilities(i *snapshot.Image) *ast.Term {
	scan, unknown := g.scan(i)
	state, status := "scanned", ""
	if unknown != "" {
		state = "unknown"
	}
	if scan != nil {
		status = scan.Status
	}
	var o object
	o.text("state", state)
	o.text("reason", unknown)
	o.text("status", status)
	if scan != nil && scan.Counts != nil && (unknown == "" || i.Kind == snapshot.KindIndex) {
		for _, severity := range severities {
			o.number(severity, int64(scan.Counts[strings.ToUpper(severity)]))
		}
	}
	return o.term()
}

// The keys of an image's object, built once because images are many.
var (
	keyDigest        = ast.StringTerm("digest")
	keyTags          = ast.StringTerm("tags")
	keyReleaseTags   = ast.StringTerm("release_tags")
	keyInheritedTags = ast.StringTerm("inherited_tags")
	keyKind          = ast.StringTerm("kind")
	keyMediaType     = ast.StringTerm("media_type")
	keyArtifactType  = ast.StringTerm("artifact_type")
	keyStatus        = ast.StringTerm("status")
	keySize          = ast.StringTerm("size_bytes")
	keyPushed        = ast.StringTerm("pushed_at")
	keyPulled        = ast.StringTerm("last_pulled_at")
	keySubject       = ast.StringTerm("subject")
	keyParents       = ast.StringTerm("parents")
)

// imageTerms builds what rules see of images.
type imageTerms struct {
	engine  *Engine
	graph   *graph
	release *regexp.Regexp
	words   map[string]*ast.Term // of the few values that repeat from image to image
}

func (t *imageTerms) word(text string) *ast.Term {
	term := t.words[text]
	if term == nil {
		term = ast.StringTerm(text)
		t.words[text] = term
	}
	return term
}

func (t *imageTerms) term(i *snapshot.Image) *ast.Term {
	releaseTags := filter(i.Tags, t.release.MatchString)
	var inherited, parents []string
	for _, parent := range t.graph.parents[i.Digest] {
		inherited = append(inherited, parent.Tags...)
		parents = append(parents, parent.Digest)
	}
	o := make(object, 0, 16)
	o = append(o,
		[2]*ast.Term{keyDigest, ast.StringTerm(i.Digest)},
		[2]*ast.Term{keyTags, texts(i.Tags)},
		[2]*ast.Term{keyReleaseTags, texts(releaseTags)},
		[2]*ast.Term{keyInheritedTags, texts(inherited)},
		[2]*ast.Term{keyParents, texts(parents)},
		[2]*ast.Term{keyKind, t.word(string(i.Kind))},
		[2]*ast.Term{keyMediaType, t.word(i.MediaType)},
		[2]*ast.Term{keyArtifactType, t.word(i.ArtifactType)},
		[2]*ast.Term{keyStatus, t.word(i.Status)},
		[2]*ast.Term{keySubject, t.word(i.Subject)},
		[2]*ast.Term{keySize, number(i.SizeBytes)},
	)
	if !i.PushedAt.IsZero() {
		o = append(o, [2]*ast.Term{keyPushed, number(i.PushedAt.UnixNano())})
	}
	if pulled := t.graph.lastPull(i); !pulled.IsZero() {
		o = append(o, [2]*ast.Term{keyPulled, number(pulled.UnixNano())})
	}
	if i.Children != nil {
		o.set("children", list(i.Children, func(c snapshot.Child) *ast.Term { return childTerm(c, t.graph) }))
	}
	if t.engine.asksScan(i, releaseTags) {
		o.set("vulnerabilities", t.graph.vulnerabilities(i))
	}
	return o.term()
}

// asksScan reports whether the scan of an image was to be collected.
func (e *Engine) asksScan(i *snapshot.Image, releaseTags []string) bool {
	if i.Kind != snapshot.KindImage && i.Kind != snapshot.KindIndex {
		return false
	}
	return i.Scan != nil || e.needs[snapshot.NeedScanFindings] || e.needs[snapshot.NeedReleaseScanFindings] && len(releaseTags) > 0
}

func childTerm(c snapshot.Child, g *graph) *ast.Term {
	var o object
	o.text("digest", c.Digest)
	o.text("platform", c.Platform)
	o.flag("attestation", c.Attestation)
	o.flag("present", g.byDigest[c.Digest] != nil)
	return o.term()
}

// statsTerm sums up the images of a repository.
func statsTerm(images []snapshot.Image, g *graph) *ast.Term {
	var tagged, untagged, indexes, bytes int64
	var pushed, pulled time.Time
	for i := range images {
		image := &images[i]
		if len(image.Tags) > 0 {
			tagged++
		} else if len(g.parents[image.Digest]) == 0 {
			untagged++
		}
		if image.Kind == snapshot.KindIndex {
			indexes++
		} else {
			bytes += image.SizeBytes
		}
		if image.PushedAt.After(pushed) {
			pushed = image.PushedAt
		}
		if image.LastPulledAt.After(pulled) {
			pulled = image.LastPulledAt
		}
	}
	var o object
	o.number("images", int64(len(images)))
	o.number("tagged", tagged)
	o.number("untagged", untagged)
	o.number("indexes", indexes)
	o.number("bytes", bytes)
	o.moment("last_pushed_at", pushed)
	o.moment("last_pulled_at", pulled)
	return o.term()
}

func filter(values []string, keep func(string) bool) (kept []string) {
	for _, v := range values {
		if keep(v) {
			kept = append(kept, v)
		}
	}
	return kept
}
