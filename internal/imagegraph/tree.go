package imagegraph

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Part is what belongs to an image. The repository need not hold it.
type Part struct {
	Digest   string
	Platform string // that an index gives it
}

// Parts are what belongs to an image: the images of an index in the order that
// it gives them, and then what describes the image, by kind and the newest first.
func (g *Graph) Parts(i *snapshot.Image) []Part {
	referrers := g.referrers[i.Digest]
	if len(i.Children) == 0 && len(referrers) == 0 {
		return nil
	}
	parts := make([]Part, 0, len(i.Children)+len(referrers))
	for _, child := range i.Children {
		parts = append(parts, Part{child.Digest, child.Platform})
	}
	describing := slices.Clone(referrers)
	slices.SortFunc(describing, func(a, b *snapshot.Image) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), newestFirst(a, b)) })
	for _, referrer := range describing {
		parts = append(parts, Part{Digest: referrer.Digest})
	}
	return parts
}

// Owners are the images that an image belongs to: the indexes that refer to it,
// as far as they were read, and those of the images that it describes that the
// repository holds.
func (g *Graph) Owners(i *snapshot.Image) []*snapshot.Image {
	owners := g.parents[i.Digest]
	if len(g.referrers) == 0 {
		return owners
	}
	owners = slices.Clip(owners)
	for _, subject := range Subjects(i) {
		if image := g.byDigest[subject]; image != nil {
			owners = append(owners, image)
		}
	}
	return owners
}

// Root is an image that belongs to no other and leads to the image: the newest
// of its owners, and so on. The image itself is one that belongs to no other.
func (g *Graph) Root(i *snapshot.Image) *snapshot.Image {
	passed := map[string]bool{}
	for {
		owners := g.Owners(i)
		if len(owners) == 0 || passed[i.Digest] {
			return i
		}
		passed[i.Digest] = true
		i = slices.MinFunc(owners, newestFirst)
	}
}

// Platform is what the newest index that refers to an image gives it.
func (g *Graph) Platform(i *snapshot.Image) string {
	indexes := g.parents[i.Digest]
	if len(indexes) == 0 {
		return ""
	}
	for _, child := range slices.MinFunc(indexes, newestFirst).Children {
		if child.Digest == i.Digest {
			return child.Platform
		}
	}
	return ""
}

// Missing returns the digest of the image that an image describes and that the
// repository does not hold, or nothing.
func (g *Graph) Missing(i *snapshot.Image) string {
	for _, subject := range Subjects(i) {
		if g.byDigest[subject] == nil {
			return subject
		}
	}
	return ""
}

// Roots are the images that belong to no other, the newest first. Where images
// belong to each other in a circle that nothing else leads to, the newest of
// them is one.
func (g *Graph) Roots() (roots []*snapshot.Image) {
	var owned []*snapshot.Image
	for i := range g.images {
		if image := &g.images[i]; len(g.Owners(image)) > 0 {
			owned = append(owned, image)
		} else {
			roots = append(roots, image)
		}
	}
	if len(owned) > 0 {
		roots = append(roots, g.unreached(owned, roots)...)
	}
	slices.SortFunc(roots, newestFirst)
	return roots
}

// unreached are those images that none of the roots leads to, one for all that
// it leads to itself.
func (g *Graph) unreached(owned, roots []*snapshot.Image) (more []*snapshot.Image) {
	reached := map[string]bool{}
	for _, root := range roots {
		for _, part := range g.Parts(root) {
			g.Reach(part.Digest, reached)
		}
	}
	owned = slices.DeleteFunc(owned, func(i *snapshot.Image) bool { return reached[i.Digest] })
	slices.SortFunc(owned, newestFirst)
	for _, image := range owned {
		if !reached[image.Digest] {
			more = append(more, image)
			g.Reach(image.Digest, reached)
		}
	}
	return more
}

// Reach notes a digest and everything that belongs to its image.
func (g *Graph) Reach(digest string, reached map[string]bool) {
	if reached[digest] {
		return
	}
	reached[digest] = true
	image := g.byDigest[digest]
	if image == nil {
		return
	}
	for _, part := range g.Parts(image) {
		g.Reach(part.Digest, reached)
	}
}

func newestFirst(a, b *snapshot.Image) int {
	return cmp.Or(b.PushedAt.Compare(a.PushedAt), strings.Compare(a.Digest, b.Digest))
}
