// Package imagegraph knows how the images of one repository refer to each
// other: indexes to the images for each platform, signatures, SBOMs and
// attestations to what they describe.
//
// Along these references images inherit. Tags and use go down from an index to
// its images, vulnerabilities go up from the images to their index, and what
// describes an index describes its images. A graph holds for as much as was
// read: the children of an index are known where its manifest was read.
package imagegraph

import (
	"regexp"
	"slices"
	"time"

	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Graph is the graph of one repository's images. It refers to them and must
// not outlive changes to them.
type Graph struct {
	images    []snapshot.Image
	byDigest  map[string]*snapshot.Image   // nil where nothing refers to anything
	parents   map[string][]*snapshot.Image // indexes, by the digest of a child
	referrers map[string][]*snapshot.Image // what describes an image, by that image's digest
}

// New builds the graph of the images of a repository.
func New(images []snapshot.Image) *Graph {
	g := &Graph{images: images, parents: map[string][]*snapshot.Image{}, referrers: map[string][]*snapshot.Image{}}
	for i := range images {
		image := &images[i]
		for _, child := range image.Children {
			g.parents[child.Digest] = append(g.parents[child.Digest], image)
		}
		for _, subject := range Subjects(image) {
			g.referrers[subject] = append(g.referrers[subject], image)
		}
	}
	if len(g.parents) > 0 || len(g.referrers) > 0 {
		g.byDigest = make(map[string]*snapshot.Image, len(images))
		for i := range images {
			g.byDigest[images[i].Digest] = &images[i]
		}
	}
	return g
}

// cosignTag names, in cosign's convention, the image that is described.
var cosignTag = regexp.MustCompile(`^sha256-([0-9a-f]{64})\.(?:sig|att|sbom)$`)

// Subjects are the digests of the images that an image describes: by its subject,
// or by a tag as cosign gives it.
func Subjects(i *snapshot.Image) (digests []string) {
	if i.Subject != "" {
		digests = append(digests, i.Subject)
	}
	if i.Kind == snapshot.KindImage || i.Kind == snapshot.KindIndex {
		return digests
	}
	for _, tag := range i.Tags {
		if m := cosignTag.FindStringSubmatch(tag); len(m) == 2 && !slices.Contains(digests, "sha256:"+m[1]) {
			digests = append(digests, "sha256:"+m[1])
		}
	}
	return digests
}

// Image returns the image of a digest that another refers to, or nil where the
// repository does not hold it.
func (g *Graph) Image(digest string) *snapshot.Image { return g.byDigest[digest] }

// Parents returns the indexes that refer to an image, as far as they were read.
func (g *Graph) Parents(i *snapshot.Image) []*snapshot.Image { return g.parents[i.Digest] }

// Referrers returns the images that describe an image itself.
func (g *Graph) Referrers(i *snapshot.Image) []*snapshot.Image { return g.referrers[i.Digest] }

// LastPull is the newest recorded pull of an image, of an index that refers to
// it, or of an image that it refers to, or zero. Whoever runs an image of an
// index by its digest uses the index.
func (g *Graph) LastPull(i *snapshot.Image) time.Time {
	last := i.LastPulledAt
	for _, parent := range g.parents[i.Digest] {
		last = later(last, parent.LastPulledAt)
	}
	for _, child := range i.Children {
		if image := g.byDigest[child.Digest]; image != nil {
			last = later(last, image.LastPulledAt)
		}
	}
	return last
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Waste reports whether an image carries no tag, and no index that was read
// refers to it, and it describes no image that is there.
func (g *Graph) Waste(i *snapshot.Image) bool {
	return len(i.Tags) == 0 && len(g.parents[i.Digest]) == 0 && i.Subject == ""
}

// Describing returns the digests of the images of a kind that describe an
// image: its own, those of the indexes that refer to it, and, of an index of
// which each image has such, those. They are sorted.
func (g *Graph) Describing(i *snapshot.Image, kind snapshot.Kind) []string {
	if len(g.referrers) == 0 && len(g.parents) == 0 {
		return nil
	}
	found := g.own(i, kind)
	for _, parent := range g.parents[i.Digest] {
		found = append(found, g.own(parent, kind)...)
	}
	if len(found) == 0 && i.Kind == snapshot.KindIndex {
		found = g.ofEachChild(i, kind)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// own are the digests of what describes an image directly. BuildKit puts
// attestations into the index itself.
func (g *Graph) own(i *snapshot.Image, kind snapshot.Kind) (digests []string) {
	for _, referrer := range g.referrers[i.Digest] {
		if referrer.Kind == kind {
			digests = append(digests, referrer.Digest)
		}
	}
	if kind != snapshot.KindAttestation {
		return digests
	}
	for _, child := range i.Children {
		if child.Attestation {
			digests = append(digests, child.Digest)
		}
	}
	return digests
}

func (g *Graph) ofEachChild(index *snapshot.Image, kind snapshot.Kind) (digests []string) {
	for _, child := range index.Children {
		image := g.byDigest[child.Digest]
		if child.Attestation || image == nil {
			continue
		}
		own := g.own(image, kind)
		if len(own) == 0 {
			return nil
		}
		digests = append(digests, own...)
	}
	return digests
}

// Platforms are the platforms of an index's images, sorted.
func Platforms(index *snapshot.Image) (platforms []string) {
	for _, child := range index.Children {
		if !child.Attestation && child.Platform != "" && child.Platform != "unknown/unknown" {
			platforms = append(platforms, child.Platform)
		}
	}
	slices.Sort(platforms)
	return slices.Compact(platforms)
}

// UsualPlatforms are the platforms that more than half of the indexes have
// that keep selects and whose manifests were read.
func (g *Graph) UsualPlatforms(keep func(*snapshot.Image) bool) (platforms []string) {
	indexes, having := 0, map[string]int{}
	for i := range g.images {
		image := &g.images[i]
		if image.Kind != snapshot.KindIndex || image.Children == nil || !keep(image) {
			continue
		}
		indexes++
		for _, platform := range Platforms(image) {
			having[platform]++
		}
	}
	for platform, n := range having {
		if 2*n > indexes {
			platforms = append(platforms, platform)
		}
	}
	slices.Sort(platforms)
	return platforms
}
