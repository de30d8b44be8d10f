package cost

import (
	"regexp"
	"slices"
	"time"

	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/imagegraph"
	"github.com/ecraudit/ecraudit/internal/lifecycle"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

const day = 24 * time.Hour

// answer is yes, no, or that it cannot be known.
type answer uint8

const (
	no answer = iota
	yes
	unknown
)

// appraisal is what is known of one repository's images.
type appraisal struct {
	rates       Rates
	releaseTags *regexp.Regexp
	at          time.Time
	unusedDays  int // 0 when nobody wants to know
	images      []snapshot.Image
	graph       *imagegraph.Graph
	unreadIndex bool      // an index's manifest was not read, so that any untagged image may be its child
	expires     []answer  // by image, what the lifecycle policy would do now
	uses        usage     // when images were last pushed or pulled
	since       time.Time // what was not used since then is unused
}

func appraise(r *snapshot.Repository, settings *config.Effective, at time.Time, unusedDays int) (a *appraisal, problem error) {
	a = &appraisal{
		rates: RatesIn(r.Region, settings.Settings.Prices), releaseTags: settings.ReleaseTagsRegexp(),
		at: at, unusedDays: unusedDays, since: at.Add(-time.Duration(unusedDays) * day),
		images: r.Images, graph: imagegraph.New(r.Images),
	}
	for i := range r.Images {
		a.unreadIndex = a.unreadIndex || r.Images[i].Kind == snapshot.KindIndex && r.Images[i].Children == nil
	}
	a.uses = lastUses(r.Images, a.graph)
	a.expires, problem = expiries(r, at)
	return a, problem
}

// expiries says which images the repository's lifecycle policy would expire
// now. The error is that it is no valid policy.
func expiries(r *snapshot.Repository, at time.Time) ([]answer, error) {
	if r.Gap(snapshot.NeedLifecycle) != nil {
		return slices.Repeat([]answer{unknown}, len(r.Images)), nil
	}
	answers := make([]answer, len(r.Images))
	if r.Lifecycle == "" {
		return answers, nil
	}
	policy, err := lifecycle.Parse(r.Lifecycle)
	if err != nil {
		return slices.Repeat([]answer{unknown}, len(r.Images)), err
	}
	for i, result := range policy.Simulate(lifecycleImages(r.Images), at).Images {
		switch result.Effect {
		case lifecycle.Expires:
			answers[i] = yes
		case lifecycle.Undecided:
			answers[i] = unknown
		default: // the image stays
		}
	}
	return answers, nil
}

func lifecycleImages(images []snapshot.Image) []lifecycle.Image {
	converted := make([]lifecycle.Image, len(images))
	for i := range images {
		image := &images[i]
		converted[i] = lifecycle.Image{
			Digest: image.Digest, Tags: image.Tags, PushedAt: image.PushedAt, LastPulledAt: image.LastPulledAt,
			LastActivatedAt: image.LastActivatedAt, LastArchivedAt: image.LastArchivedAt,
			SizeBytes: image.SizeBytes, Status: image.Status, Index: image.Kind == snapshot.KindIndex,
		}
		if image.Children != nil {
			converted[i].Children = make([]string, len(image.Children))
			for j, child := range image.Children {
				converted[i].Children[j] = child.Digest
			}
		}
	}
	return converted
}

// usage is when an image was last pushed, restored or pulled, itself or as a
// part of an index, by digest. What describes an image is used with it.
type usage map[string]time.Time

func lastUses(images []snapshot.Image, graph *imagegraph.Graph) usage {
	uses := make(usage, len(images))
	for i := range images {
		uses.inherit(&images[i], graph)
	}
	for i := range images {
		for _, referrer := range graph.Referrers(&images[i]) {
			uses[referrer.Digest] = latest(uses[referrer.Digest], uses[images[i].Digest])
		}
	}
	return uses
}

// inherit notes and returns the last use of an image. Each image is looked at
// once, however indexes are nested.
func (u usage) inherit(i *snapshot.Image, graph *imagegraph.Graph) time.Time {
	if last, known := u[i.Digest]; known {
		return last
	}
	last := latest(i.PushedAt, i.LastActivatedAt, i.LastPulledAt)
	u[i.Digest] = last // for indexes that refer to themselves in the end
	for _, index := range graph.Parents(i) {
		last = latest(last, u.inherit(index, graph))
	}
	u[i.Digest] = last
	return last
}

func latest(times ...time.Time) (last time.Time) {
	for _, t := range times {
		if t.After(last) {
			last = t
		}
	}
	return last
}

// unused says whether an image was not used for the days.
func (a *appraisal) unused(i *snapshot.Image) answer {
	switch last := a.uses[i.Digest]; {
	case a.unusedDays == 0 || last.After(a.since):
		return no
	case i.PushedAt.IsZero() || a.mayBeChild(i):
		return unknown
	default:
		return yes
	}
}

// mayBeChild reports whether an image may be the child of an index that could
// not be read. Children carry no tag, as a rule.
func (a *appraisal) mayBeChild(i *snapshot.Image) bool {
	return a.unreadIndex && len(i.Tags) == 0 && i.Kind != snapshot.KindIndex && len(a.graph.Parents(i)) == 0
}

// The tag classes.
const (
	classRelease    = "release"
	classOtherTags  = "other tags"
	classUntagged   = "untagged"
	classChild      = "child of an index"
	classArtifact   = "artifact"
	classChildMaybe = "untagged or child of an index" // where an index could not be read
)

func (a *appraisal) tagClass(i *snapshot.Image) string {
	switch {
	case i.Kind != snapshot.KindImage && i.Kind != snapshot.KindIndex:
		return classArtifact
	case a.released(i):
		return classRelease
	case len(i.Tags) > 0:
		return classOtherTags
	case len(a.graph.Parents(i)) > 0:
		return classChild
	case a.mayBeChild(i):
		return classChildMaybe
	default:
		return classUntagged
	}
}

func (a *appraisal) released(i *snapshot.Image) bool {
	return slices.ContainsFunc(i.Tags, a.releaseTags.MatchString)
}

// ageClasses are by how many days ago an image was pushed, at least.
var ageClasses = []struct {
	days int
	name string
}{
	{365, "365 days and more"},
	{180, "180 to 365 days"},
	{90, "90 to 180 days"},
	{30, "30 to 90 days"},
}

func (a *appraisal) ageClass(i *snapshot.Image) string {
	if i.PushedAt.IsZero() {
		return unknownName
	}
	for _, class := range ageClasses {
		if a.at.Sub(i.PushedAt) >= time.Duration(class.days)*day {
			return class.name
		}
	}
	return "under 30 days"
}
