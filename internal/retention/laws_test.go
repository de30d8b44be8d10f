package retention_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ecraudit/ecraudit/internal/retention"
)

var patterns = []string{`^[ab]`, `^([ab])`, `^(.)(.)`, `1$`, `^(a+)|b`, `.`, `^$`}

func drawClasses(t *rapid.T) (classes []retention.Class) {
	for i := range rapid.IntRange(0, 4).Draw(t, "classes") {
		c := class(fmt.Sprint("class", i), rapid.SampledFrom(patterns).Draw(t, "tags"), rapid.IntRange(0, 4).Draw(t, "newest"), rapid.IntRange(0, 4).Draw(t, "days"))
		if rapid.Bool().Draw(t, "excludes") {
			c.Exclude = regexp.MustCompile(rapid.SampledFrom(patterns).Draw(t, "exclude"))
		}
		classes = append(classes, c)
	}
	return classes
}

func drawPush(t *rapid.T) time.Time {
	if rapid.IntRange(0, 9).Draw(t, "unknown push") == 0 {
		return time.Time{}
	}
	return ago(float64(rapid.IntRange(-2, 12).Draw(t, "half days ago")) / 2)
}

// drawImages gives each image tags of its own, told apart by a suffix that no
// pattern looks at.
func drawImages(t *rapid.T) (images []retention.Image) {
	for i := range rapid.IntRange(0, 12).Draw(t, "images") {
		image := retention.Image{Digest: fmt.Sprintf("sha256:%02d", i), PushedAt: drawPush(t)}
		stems := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "aa", "b", "ab", "c", "v"}), 0, 4, rapid.ID[string]).Draw(t, "stems")
		for _, stem := range stems {
			image.Tags = append(image.Tags, fmt.Sprintf("%s_%02d_%d", stem, i, rapid.IntRange(0, 1).Draw(t, "end")))
		}
		if rapid.IntRange(0, 5).Draw(t, "in use") == 0 {
			image.InUse = "it runs"
		}
		image.Protected = rapid.IntRange(0, 5).Draw(t, "protected") == 0
		images = append(images, image)
	}
	return images
}

// law checks a law of any classes and images.
func law(t *testing.T, check func(t *rapid.T, classes []retention.Class, images []retention.Image)) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) { check(t, drawClasses(t), drawImages(t)) })
}

// kept are the tags that stay, of those about which is decided.
func kept(decisions map[string][]retention.Decision) map[string]bool {
	tags := map[string]bool{}
	for _, of := range decisions {
		for _, d := range of {
			tags[d.Tag] = d.Keep
		}
	}
	return tags
}

// atLeast demands that what stayed before stays.
func atLeast(t *rapid.T, before, after map[string]bool) {
	for tag, stays := range before {
		if stays && !after[tag] {
			t.Errorf("%s stayed, and no longer does", tag)
		}
	}
}

func TestOrderDoesNotMatter(t *testing.T) {
	law(t, func(t *rapid.T, classes []retention.Class, images []retention.Image) {
		want := retention.Decide(classes, images, now)
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		shuffled := slices.Clone(images)
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		for i := range shuffled {
			tags := slices.Clone(shuffled[i].Tags)
			random.Shuffle(len(tags), func(i, j int) { tags[i], tags[j] = tags[j], tags[i] })
			shuffled[i].Tags = tags
		}
		if diff := cmp.Diff(want, retention.Decide(classes, shuffled, now)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestKeepingMoreNeverDrops(t *testing.T) {
	law(t, func(t *rapid.T, classes []retention.Class, images []retention.Image) {
		before := kept(retention.Decide(classes, images, now))
		for i := range classes {
			classes[i].KeepNewest += rapid.IntRange(0, 3).Draw(t, "more images")
			classes[i].KeepDays += rapid.IntRange(0, 3).Draw(t, "more days")
		}
		atLeast(t, before, kept(retention.Decide(classes, images, now)))
	})
}

func TestTimeOnlyTakesAway(t *testing.T) {
	law(t, func(t *rapid.T, classes []retention.Class, images []retention.Image) {
		later := now.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "hours")) * time.Hour)
		atLeast(t, kept(retention.Decide(classes, images, later)), kept(retention.Decide(classes, images, now)))
	})
}

// A new image may push others out, never back in; one that is older than all
// others, or of unknown age, changes nothing for them.
func TestAnotherImage(t *testing.T) {
	law(t, func(t *rapid.T, classes []retention.Class, images []retention.Image) {
		if len(images) == 0 {
			t.Skip("nothing to add")
		}
		at := rapid.IntRange(0, len(images)-1).Draw(t, "added")
		added, fewer := images[at], slices.Delete(slices.Clone(images), at, at+1)
		before := kept(retention.Decide(classes, fewer, now))
		after := kept(retention.Decide(classes, images, now))
		for _, tag := range added.Tags {
			delete(after, tag)
		}
		atLeast(t, after, before)
		for _, push := range []time.Time{ago(1000), {}, now.Add(time.Hour)} {
			images[at].PushedAt = push
			after := kept(retention.Decide(classes, images, now))
			for _, tag := range added.Tags {
				delete(after, tag)
			}
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("an image pushed at %s changes others: %s", push, diff)
			}
		}
	})
}

func TestUseProtectsOneImageAndNoOther(t *testing.T) {
	law(t, func(t *rapid.T, classes []retention.Class, images []retention.Image) {
		before := retention.Decide(classes, images, now)
		for i := range images {
			used := slices.Clone(images)
			used[i].InUse = "it runs"
			used[i].Protected = used[i].Protected || i%2 == 0
			after := retention.Decide(classes, used, now)
			for _, d := range after[images[i].Digest] {
				if !d.Keep {
					t.Errorf("%s goes, though its image is in use", d.Tag)
				}
			}
			after[images[i].Digest] = before[images[i].Digest]
			if before[images[i].Digest] == nil {
				delete(after, images[i].Digest)
			}
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("the use of %s changes others: %s", images[i].Digest, diff)
			}
		}
	})
}

// Once the tags that go are off, deciding again takes nothing more off.
func TestDecidingAgainTakesNothingMore(t *testing.T) {
	law(t, func(t *rapid.T, classes []retention.Class, images []retention.Image) {
		stays := kept(retention.Decide(classes, images, now))
		for i := range images {
			images[i].Tags = slices.DeleteFunc(images[i].Tags, func(tag string) bool {
				keep, decided := stays[tag]
				return decided && !keep
			})
		}
		for tag, stays := range kept(retention.Decide(classes, images, now)) {
			if !stays {
				t.Errorf("%s goes only the second time", tag)
			}
		}
	})
}

// The same, told image by image and tag by tag, without groups or sorting.
func TestDecideAgreesWithNaive(t *testing.T) {
	law(t, func(t *rapid.T, classes []retention.Class, images []retention.Image) {
		decisions := retention.Decide(classes, images, now)
		for _, image := range images {
			decided := map[string]retention.Decision{}
			for _, d := range decisions[image.Digest] {
				decided[d.Tag] = d
			}
			for _, tag := range image.Tags {
				d, ok := decided[tag]
				c, captured := naiveClass(classes, tag)
				if ok != (c != nil) {
					t.Fatalf("%s: decided %t, in a class %t", tag, ok, c != nil)
				}
				if !ok {
					continue
				}
				rank := naiveRank(classes, images, image, c, captured)
				keep := image.InUse != "" || image.Protected || image.PushedAt.IsZero() || image.PushedAt.After(now) ||
					rank <= c.KeepNewest || c.KeepDays > 0 && !now.AddDate(0, 0, -c.KeepDays).After(image.PushedAt)
				if d.Class != c.Name || d.Keep != keep || d.Rank != rank || d.Reason == "" {
					t.Errorf("%s: got %+v, want class %s, rank %d, keep %t", tag, d, c.Name, rank, keep)
				}
			}
			if len(decided) != len(decisions[image.Digest]) {
				t.Errorf("%s: a tag is decided about twice", image.Digest)
			}
		}
	})
}

func naiveClass(classes []retention.Class, tag string) (of *retention.Class, captured []string) {
	for i, c := range classes {
		if m := c.Tags.FindStringSubmatch(tag); m != nil && (c.Exclude == nil || !c.Exclude.MatchString(tag)) {
			return &classes[i], m[1:]
		}
	}
	return nil, nil
}

// naiveRank is 1 more than the images of known age in the group that are
// younger.
func naiveRank(classes []retention.Class, images []retention.Image, of retention.Image, class *retention.Class, captured []string) int {
	unknown := func(i retention.Image) bool { return i.PushedAt.IsZero() || i.PushedAt.After(now) }
	if unknown(of) {
		return 0
	}
	younger := 0
	for _, other := range images {
		inGroup := slices.ContainsFunc(other.Tags, func(tag string) bool {
			c, also := naiveClass(classes, tag)
			return c == class && slices.Equal(also, captured)
		})
		if inGroup && !unknown(other) && (other.PushedAt.After(of.PushedAt) || other.PushedAt.Equal(of.PushedAt) && other.Digest < of.Digest) {
			younger++
		}
	}
	return younger + 1
}

// In every group as many images stay for their rank as the class says, as long
// as there are so many of known age.
func TestNumberKept(t *testing.T) {
	law(t, func(t *rapid.T, classes []retention.Class, images []retention.Image) {
		type group struct{ class, group string }
		byRank, ranked := map[group]map[int]string{}, map[group]int{}
		for digest, of := range retention.Decide(classes, images, now) {
			for _, d := range of {
				g := group{d.Class, d.Group}
				if byRank[g] == nil {
					byRank[g] = map[int]string{}
				}
				if holder := byRank[g][d.Rank]; d.Rank > 0 && holder != "" && holder != digest {
					t.Errorf("%s and %s share a place", holder, digest)
				}
				if d.Rank > 0 {
					byRank[g][d.Rank] = digest
					ranked[g] = max(ranked[g], d.Rank)
				}
			}
		}
		for g, last := range ranked {
			if len(byRank[g]) != last {
				t.Errorf("%v: %d images have places up to %d", g, len(byRank[g]), last)
			}
		}
	})
}
