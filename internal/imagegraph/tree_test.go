package imagegraph

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ecraudit/ecraudit/internal/snapshot"
)

func digests(images []*snapshot.Image) []string {
	list := make([]string, len(images))
	for i, image := range images {
		list[i] = image.Digest
	}
	return list
}

func TestTree(t *testing.T) {
	images := release()
	images[6].PushedAt = late
	g := New(images)
	for name, c := range map[string]struct{ got, want any }{
		"roots, the newest first":    {digests(g.Roots()), []string{hex("f"), hex("1")}},
		"parts of an index":          {g.Parts(&images[0]), []Part{{hex("a"), "linux/amd64"}, {hex("b"), "linux/arm64"}, {hex("c"), "unknown/unknown"}, {hex("d"), ""}}},
		"parts of an image":          {g.Parts(&images[1]), []Part{{hex("e"), ""}}},
		"no parts":                   {g.Parts(&images[6]), []Part(nil)},
		"owner of a child":           {digests(g.Owners(&images[1])), []string{hex("1")}},
		"owner of a signature":       {digests(g.Owners(&images[4])), []string{hex("1")}},
		"owner of a root":            {digests(g.Owners(&images[0])), []string{}},
		"root of a child's SBOM":     {g.Root(&images[5]).Digest, hex("1")},
		"root of a root":             {g.Root(&images[6]).Digest, hex("f")},
		"root of a circle":           {New(circle(1)).Root(&circle(1)[0]).Digest, "0"},
		"platform of a child":        {g.Platform(&images[2]), "linux/arm64"},
		"platform of a root":         {g.Platform(&images[0]), ""},
		"nothing missing":            {g.Missing(&images[5]), ""},
		"its subject is not there":   {New(images[5:6]).Missing(&images[5]), hex("a")},
		"so it is a root":            {digests(New(images[5:6]).Roots()), []string{hex("e")}},
		"an index of itself is too":  {digests(New(circle(1)).Roots()), []string{"0"}},
		"the newest of a circle":     {digests(New(circle(3)).Roots()), []string{"2"}},
		"an image without relations": {digests(New(images[6:]).Roots()), []string{hex("f")}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

// circle are indexes of which each refers to the next.
func circle(n int) []snapshot.Image {
	images := make([]snapshot.Image, n)
	for i := range images {
		images[i] = snapshot.Image{
			Digest: fmt.Sprint(i), Kind: snapshot.KindIndex, PushedAt: early.Add(time.Duration(i) * time.Hour), Children: []snapshot.Child{{Digest: fmt.Sprint((i + 1) % n)}},
		}
	}
	return images
}

// Every image can be reached from the roots, and what has no owner is one.
func TestLawRootsLeadToAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		images := make([]snapshot.Image, rapid.IntRange(0, 9).Draw(t, "images"))
		digest := rapid.Map(rapid.IntRange(0, 11), func(n int) string { return fmt.Sprint(n) })
		for i := range images {
			images[i] = snapshot.Image{Digest: fmt.Sprint(i), Kind: snapshot.KindIndex, PushedAt: early.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "pushed")) * time.Hour)}
			for _, child := range rapid.SliceOfN(digest, 0, 3).Draw(t, "children") {
				images[i].Children = append(images[i].Children, snapshot.Child{Digest: child})
			}
			if rapid.Bool().Draw(t, "describes") {
				images[i].Subject = digest.Draw(t, "subject")
			}
		}
		g := New(images)
		roots := g.Roots()
		reached := map[string]bool{}
		for _, root := range roots {
			g.Reach(root.Digest, reached)
		}
		for i := range images {
			if !reached[images[i].Digest] {
				t.Fatalf("%s is reached from no root", images[i].Digest)
			}
			if len(g.Owners(&images[i])) == 0 && !slices.Contains(roots, &images[i]) {
				t.Fatalf("%s has no owner and is no root", images[i].Digest)
			}
		}
	})
}
