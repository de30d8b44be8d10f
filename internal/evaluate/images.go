package evaluate

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ecraudit/ecraudit/internal/imagegraph"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

var severities = []string{"critical", "high", "medium", "low", "informational", "undefined", "untriaged"}

func vulnerabilitiesTerm(scan imagegraph.Scan) *ast.Term {
	state := "scanned"
	if !scan.Known() {
		state = "unknown"
	}
	var o object
	o.text("state", state)
	o.text("reason", scan.Reason)
	o.text("status", scan.Status)
	o.text("scan", string(scan.State))
	o.text("source", scan.Source)
	o.moment("scanned_at", scan.ScannedAt)
	if scan.Counts != nil {
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
	keyMutableTags   = ast.StringTerm("mutable_tags")
	keyProtected     = ast.StringTerm("protected")
	keyKind          = ast.StringTerm("kind")
	keyMediaType     = ast.StringTerm("media_type")
	keyArtifactType  = ast.StringTerm("artifact_type")
	keyStatus        = ast.StringTerm("status")
	keySize          = ast.StringTerm("size_bytes")
	keyPushed        = ast.StringTerm("pushed_at")
	keyPulled        = ast.StringTerm("last_pulled_at")
	keyActivated     = ast.StringTerm("last_activated_at")
	keySubject       = ast.StringTerm("subject")
	keyParents       = ast.StringTerm("parents")
	keySignatures    = ast.StringTerm("signatures")
	keySBOMs         = ast.StringTerm("sboms")
	keyAttestations  = ast.StringTerm("attestations")
)

// imageTerms builds what rules see of the images of one repository.
type imageTerms struct {
	engine    *Engine
	graph     *imagegraph.Graph
	release   *regexp.Regexp
	protected *regexp.Regexp
	movable   func(tag string) bool // nil where that is not known
	retention map[string]*ast.Term  // by digest; nil where the configuration has none
	words     map[string]*ast.Term  // of the few values that repeat from image to image
}

func (e *Engine) newImageTerms(v *view) *imageTerms {
	return &imageTerms{
		engine: e, graph: v.graph, words: map[string]*ast.Term{},
		release: v.settings.ReleaseTagsRegexp(), protected: v.settings.ProtectedTagsRegexp(),
		movable: movable(v.repository.Mutability), retention: e.retention(v),
	}
}

func (t *imageTerms) word(text string) *ast.Term {
	term := t.words[text]
	if term == nil {
		term = ast.StringTerm(text)
		t.words[text] = term
	}
	return term
}

// build makes an image's term, and notes what selections ask.
func (t *imageTerms) build(i *snapshot.Image) builtImage {
	releaseTags := filter(i.Tags, t.release.MatchString)
	var inherited, parents []string
	for _, parent := range t.graph.Parents(i) {
		inherited = append(inherited, parent.Tags...)
		parents = append(parents, parent.Digest)
	}
	tags := texts(i.Tags)
	o := make(object, 0, 24)
	o = append(o,
		[2]*ast.Term{keyDigest, ast.StringTerm(i.Digest)},
		[2]*ast.Term{keyTags, tags},
		[2]*ast.Term{keyReleaseTags, texts(releaseTags)},
		[2]*ast.Term{keyInheritedTags, texts(inherited)},
		[2]*ast.Term{keyParents, texts(parents)},
		[2]*ast.Term{keyProtected, ast.InternedTerm(matchesAny(t.protected, i.Tags) || matchesAny(t.protected, inherited))},
		[2]*ast.Term{keyKind, t.word(string(i.Kind))},
		[2]*ast.Term{keyMediaType, t.word(i.MediaType)},
		[2]*ast.Term{keyArtifactType, t.word(i.ArtifactType)},
		[2]*ast.Term{keyStatus, t.word(i.Status)},
		[2]*ast.Term{keySubject, t.word(i.Subject)},
		[2]*ast.Term{keySize, number(i.SizeBytes)},
		[2]*ast.Term{keySignatures, texts(t.graph.Describing(i, snapshot.KindSignature))},
		[2]*ast.Term{keySBOMs, texts(t.graph.Describing(i, snapshot.KindSBOM))},
		[2]*ast.Term{keyAttestations, texts(t.graph.Describing(i, snapshot.KindAttestation))},
	)
	if t.movable != nil {
		o = append(o, [2]*ast.Term{keyMutableTags, texts(filter(i.Tags, t.movable))})
	}
	if !i.PushedAt.IsZero() {
		o = append(o, [2]*ast.Term{keyPushed, number(i.PushedAt.UnixNano())})
	}
	if pulled := t.graph.LastPull(i); !pulled.IsZero() {
		o = append(o, [2]*ast.Term{keyPulled, number(pulled.UnixNano())})
	}
	if !i.LastActivatedAt.IsZero() {
		o = append(o, [2]*ast.Term{keyActivated, number(i.LastActivatedAt.UnixNano())})
	}
	if i.Children != nil {
		o.set("children", list(i.Children, func(c snapshot.Child) *ast.Term { return childTerm(c, t.graph) }))
		o.texts("platforms", imagegraph.Platforms(i))
	}
	scanned := t.engine.asksScan(i, releaseTags)
	if scanned {
		o.set("vulnerabilities", vulnerabilitiesTerm(t.graph.Scan(i)))
	}
	if t.retention != nil {
		decisions := t.retention[i.Digest]
		if decisions == nil {
			decisions = noTexts
		}
		o.set("retention", decisions)
	}
	return builtImage{
		term: o.term(), tagged: len(i.Tags) > 0, release: len(releaseTags) > 0,
		index: i.Kind == snapshot.KindIndex, scanned: scanned,
	}
}

// asksScan reports whether the scan of an image was to be collected.
func (e *Engine) asksScan(i *snapshot.Image, releaseTags []string) bool {
	if i.Kind != snapshot.KindImage && i.Kind != snapshot.KindIndex {
		return false
	}
	return i.Scan != nil || e.needs[snapshot.NeedScanFindings] || e.needs[snapshot.NeedReleaseScanFindings] && len(releaseTags) > 0
}

func childTerm(c snapshot.Child, g *imagegraph.Graph) *ast.Term {
	image := g.Image(c.Digest)
	status := ""
	if image != nil {
		status = image.Status
	}
	var o object
	o.text("digest", c.Digest)
	o.text("platform", c.Platform)
	o.flag("attestation", c.Attestation)
	o.flag("present", image != nil)
	o.text("status", status)
	return o.term()
}

// movable returns the test for tags that can be moved to another image, or nil
// where the setting is not known.
func movable(m snapshot.Mutability) func(tag string) bool {
	excluded := func(tag string) bool {
		for _, filter := range m.Exclusions {
			if wildcardMatches(filter, tag) {
				return true
			}
		}
		return false
	}
	switch m.Setting {
	case "MUTABLE":
		return func(string) bool { return true }
	case "IMMUTABLE":
		return func(string) bool { return false }
	case "MUTABLE_WITH_EXCLUSION":
		return func(tag string) bool { return !excluded(tag) }
	case "IMMUTABLE_WITH_EXCLUSION":
		return excluded
	}
	return nil
}

// wildcardMatches reports whether a wildcard, in which * stands for any
// characters, matches the whole text.
func wildcardMatches(wildcard, text string) bool {
	parts := strings.Split(wildcard, "*")
	if len(parts) == 1 {
		return wildcard == text
	}
	rest, ok := strings.CutPrefix(text, parts[0])
	if !ok {
		return false
	}
	last := len(parts) - 1
	for _, part := range parts[1:last] {
		_, after, found := strings.Cut(rest, part)
		if !found {
			return false
		}
		rest = after
	}
	return strings.HasSuffix(rest, parts[last])
}

func matchesAny(pattern *regexp.Regexp, tags []string) bool {
	return slices.ContainsFunc(tags, pattern.MatchString)
}

// statusArchived is that of images that cannot be pulled until they are restored.
const statusArchived = "ARCHIVED"

// stats are sums over the images of a repository.
type stats struct {
	tagged, untagged, indexes, unread, releases, archived, unused int64
	bytes, untaggedBytes, unusedBytes                             int64
	lastPushed, lastPulled, oldestUntagged                        time.Time
	monthly, unusedMonthly                                        float64
	platforms                                                     []string
}

// sums are the sums over the images, made once.
func (e *Engine) sums(v *view) *stats {
	if v.stats == nil {
		s := e.sum(v)
		v.stats = &s
	}
	return v.stats
}

// sum goes over the images once.
func (e *Engine) sum(v *view) stats {
	r, settings, g := v.repository, v.settings, v.graph
	var s stats
	unusedBefore := e.options.Clock.AddDate(0, 0, -settings.Settings.Ages.UnusedDays)
	release := settings.ReleaseTagsRegexp()
	isRelease := func(i *snapshot.Image) bool { return matchesAny(release, i.Tags) }
	for i := range r.Images {
		image := &r.Images[i]
		s.lastPushed, s.lastPulled = later(s.lastPushed, image.PushedAt), later(s.lastPulled, image.LastPulledAt)
		if isRelease(image) {
			s.releases++
		}
		if image.Status == statusArchived {
			s.archived++
		}
		switch {
		case len(image.Tags) > 0:
			s.tagged++
		case g.Waste(image):
			s.addUntagged(image)
		}
		if image.Kind == snapshot.KindIndex {
			s.indexes++
			if image.Children == nil {
				s.unread++
			}
			continue
		}
		s.bytes += image.SizeBytes
		monthly := settings.Settings.Prices.Monthly(r.Region, image.SizeBytes, image.Status == statusArchived)
		s.monthly += monthly
		if image.Kind == snapshot.KindImage && unused(image, g, unusedBefore) {
			s.unused++
			s.unusedBytes += image.SizeBytes
			s.unusedMonthly += monthly
		}
	}
	s.platforms = g.UsualPlatforms(isRelease)
	return s
}

func (s *stats) addUntagged(i *snapshot.Image) {
	s.untagged++
	if i.Kind != snapshot.KindIndex {
		s.untaggedBytes += i.SizeBytes
	}
	if s.oldestUntagged.IsZero() || !i.PushedAt.IsZero() && i.PushedAt.Before(s.oldestUntagged) {
		s.oldestUntagged = i.PushedAt
	}
}

// unused reports whether an image was surely neither pushed nor pulled since.
func unused(i *snapshot.Image, g *imagegraph.Graph, since time.Time) bool {
	return !i.PushedAt.IsZero() && i.PushedAt.Before(since) && g.LastPull(i).Before(since)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (s *stats) term(images int, graphRead bool) *ast.Term {
	var o object
	o.number("images", int64(images))
	o.number("tagged", s.tagged)
	o.number("untagged", s.untagged)
	o.number("untagged_bytes", s.untaggedBytes)
	o.moment("oldest_untagged_at", s.oldestUntagged)
	o.number("indexes", s.indexes)
	o.number("releases", s.releases)
	o.number("archived", s.archived)
	o.number("unused", s.unused)
	o.number("unused_bytes", s.unusedBytes)
	o.number("bytes", s.bytes)
	o.moment("last_pushed_at", s.lastPushed)
	o.moment("last_pulled_at", s.lastPulled)
	if graphRead {
		o.texts("platforms", s.platforms)
		o.number("unread_indexes", s.unread)
	}
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
