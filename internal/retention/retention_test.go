package retention_test

import (
	"fmt"
	"math"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecraudit/ecraudit/internal/retention"
)

var now = time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)

func ago(days float64) time.Time { return now.Add(-time.Duration(days * 24 * float64(time.Hour))) }

func class(name, tags string, newest, days int) retention.Class {
	return retention.Class{Name: name, Tags: regexp.MustCompile(tags), KeepNewest: newest, KeepDays: days}
}

func except(c retention.Class, tags string) retention.Class {
	c.Exclude = regexp.MustCompile(tags)
	return c
}

func image(digest string, pushed time.Time, tags ...string) retention.Image {
	return retention.Image{Digest: digest, Tags: tags, PushedAt: pushed}
}

// shown is a decision as "tag class(group) #rank keep|drop: reason".
func shown(decisions map[string][]retention.Decision) map[string][]string {
	all := map[string][]string{}
	for digest, of := range decisions {
		for _, d := range of {
			verdict := "drop"
			if d.Keep {
				verdict = "keep"
			}
			all[digest] = append(all[digest], fmt.Sprintf("%s %s(%s) #%d %s: %s", d.Tag, d.Class, d.Group, d.Rank, verdict, d.Reason))
		}
	}
	return all
}

func TestDecide(t *testing.T) {
	inUse := image("a", ago(99), "dev-1")
	inUse.InUse = "pulled 2 days ago"
	protected := image("a", ago(99), "1.2.3", "dev-1")
	protected.Protected = true
	for _, c := range []struct {
		name    string
		classes []retention.Class
		images  []retention.Image
		want    map[string][]string
	}{
		{
			name:    "newest",
			classes: []retention.Class{class("dev", "^dev-", 2, 0)},
			images:  []retention.Image{image("a", ago(3), "dev-1"), image("b", ago(2), "dev-2"), image("c", ago(1), "dev-3")},
			want: map[string][]string{
				"a": {"dev-1 dev() #3 drop: number 3, beyond the newest 2"},
				"b": {"dev-2 dev() #2 keep: number 2 of the newest 2 that stay"},
				"c": {"dev-3 dev() #1 keep: number 1 of the newest 2 that stay"},
			},
		},
		{
			name:    "days, to the nanosecond",
			classes: []retention.Class{class("dev", "^dev-", 0, 7)},
			images:  []retention.Image{image("a", ago(7).Add(-1), "dev-1"), image("b", ago(7), "dev-2"), image("c", ago(1), "dev-3"), image("d", now, "dev-4")},
			want: map[string][]string{
				"a": {"dev-1 dev() #4 drop: pushed more than 7 days ago"},
				"b": {"dev-2 dev() #3 keep: pushed 7 days ago, and tags stay for 7 days"},
				"c": {"dev-3 dev() #2 keep: pushed 1 day ago, and tags stay for 7 days"},
				"d": {"dev-4 dev() #1 keep: pushed 0 days ago, and tags stay for 7 days"},
			},
		},
		{
			name:    "number or days, whichever keeps",
			classes: []retention.Class{class("dev", "^dev-", 1, 7)},
			images:  []retention.Image{image("a", ago(9), "dev-1"), image("b", ago(5), "dev-2"), image("c", ago(1), "dev-3")},
			want: map[string][]string{
				"a": {"dev-1 dev() #3 drop: number 3, beyond the newest 1, and pushed more than 7 days ago"},
				"b": {"dev-2 dev() #2 keep: pushed 5 days ago, and tags stay for 7 days"},
				"c": {"dev-3 dev() #1 keep: number 1 of the newest 1 that stay"},
			},
		},
		{
			name:    "a tag of no class stays, and so has no decision",
			classes: []retention.Class{class("dev", "^dev-", 0, 0)},
			images:  []retention.Image{image("a", ago(9), "dev-1", "v1"), image("b", ago(9), "v2"), image("c", ago(9))},
			want:    map[string][]string{"a": {"dev-1 dev() #1 drop: tags of this class do not stay for their age"}},
		},
		{
			name:    "the first class counts, and an excluded tag goes on to the next",
			classes: []retention.Class{except(class("dev", "^dev-", 0, 0), "-keep$"), class("rest", ".", 1, 0)},
			images:  []retention.Image{image("a", ago(9), "dev-1", "dev-1-keep")},
			want: map[string][]string{"a": {
				"dev-1 dev() #1 drop: tags of this class do not stay for their age",
				"dev-1-keep rest() #1 keep: number 1 of the newest 1 that stay",
			}},
		},
		{
			name:    "each branch keeps its newest",
			classes: []retention.Class{class("branches", "^(.+)-[0-9]+$", 1, 0)},
			images:  []retention.Image{image("a", ago(3), "main-1"), image("b", ago(2), "main-2"), image("c", ago(9), "fix-a-1")},
			want: map[string][]string{
				"a": {"main-1 branches(main) #2 drop: number 2, beyond the newest 1"},
				"b": {"main-2 branches(main) #1 keep: number 1 of the newest 1 that stay"},
				"c": {"fix-a-1 branches(fix-a) #1 keep: number 1 of the newest 1 that stay"},
			},
		},
		{
			name:    "several groups, one of them empty",
			classes: []retention.Class{class("c", "^([a-z]+)_([a-z]*)(x)?[0-9]$", 1, 0)},
			images:  []retention.Image{image("a", ago(3), "m_s1"), image("b", ago(2), "m_1"), image("c", ago(1), "ms_1")},
			want: map[string][]string{
				"a": {"m_s1 c(m/s/) #1 keep: number 1 of the newest 1 that stay"},
				"b": {"m_1 c(m//) #1 keep: number 1 of the newest 1 that stay"},
				"c": {"ms_1 c(ms//) #1 keep: number 1 of the newest 1 that stay"},
			},
		},
		{
			name:    "two tags of a class on one image count once, and go together",
			classes: []retention.Class{class("dev", "^dev-", 2, 0)},
			images:  []retention.Image{image("a", ago(3), "dev-2", "dev-1"), image("b", ago(2), "dev-4", "dev-3"), image("c", ago(1), "dev-5", "dev-6")},
			want: map[string][]string{
				"a": {"dev-1 dev() #3 drop: number 3, beyond the newest 2", "dev-2 dev() #3 drop: number 3, beyond the newest 2"},
				"b": {"dev-3 dev() #2 keep: number 2 of the newest 2 that stay", "dev-4 dev() #2 keep: number 2 of the newest 2 that stay"},
				"c": {"dev-5 dev() #1 keep: number 1 of the newest 2 that stay", "dev-6 dev() #1 keep: number 1 of the newest 2 that stay"},
			},
		},
		{
			name:    "tags of one image may fare differently in different groups",
			classes: []retention.Class{class("c", "^(.)", 1, 0)},
			images:  []retention.Image{image("a", ago(3), "x1", "y1"), image("b", ago(2), "x2")},
			want: map[string][]string{
				"a": {"x1 c(x) #2 drop: number 2, beyond the newest 1", "y1 c(y) #1 keep: number 1 of the newest 1 that stay"},
				"b": {"x2 c(x) #1 keep: number 1 of the newest 1 that stay"},
			},
		},
		{
			name:    "pushed at the same moment",
			classes: []retention.Class{class("dev", "^dev-", 1, 0)},
			images:  []retention.Image{image("b", ago(1), "dev-2"), image("a", ago(1), "dev-1")},
			want: map[string][]string{
				"a": {"dev-1 dev() #1 keep: number 1 of the newest 1 that stay"},
				"b": {"dev-2 dev() #2 drop: number 2, beyond the newest 1"},
			},
		},
		{
			name:    "unknown and future times of push keep, and take no place",
			classes: []retention.Class{class("dev", "^dev-", 1, 0)},
			images:  []retention.Image{image("a", time.Time{}, "dev-1"), image("b", now.Add(1), "dev-2"), image("c", ago(800), "dev-3")},
			want: map[string][]string{
				"a": {"dev-1 dev() #0 keep: it is not known when its image was pushed"},
				"b": {"dev-2 dev() #0 keep: its image was pushed after the moment of the decision"},
				"c": {"dev-3 dev() #1 keep: number 1 of the newest 1 that stay"},
			},
		},
		{
			name:    "in use, in a class that keeps nothing",
			classes: []retention.Class{class("dev", "^dev-", 0, 0)},
			images:  []retention.Image{inUse},
			want:    map[string][]string{"a": {"dev-1 dev() #1 keep: its image is in use: pulled 2 days ago"}},
		},
		{
			name:    "a protected tag protects its neighbours",
			classes: []retention.Class{class("dev", "^dev-", 0, 0)},
			images:  []retention.Image{protected},
			want:    map[string][]string{"a": {"dev-1 dev() #1 keep: its image carries a protected tag"}},
		},
		{
			name:    "an image in use has its place",
			classes: []retention.Class{class("dev", "^dev-", 1, 0)},
			images:  []retention.Image{inUse, image("b", ago(100), "dev-2")},
			want: map[string][]string{
				"a": {"dev-1 dev() #1 keep: its image is in use: pulled 2 days ago"},
				"b": {"dev-2 dev() #2 drop: number 2, beyond the newest 1"},
			},
		},
		{
			name:    "more days than a duration holds",
			classes: []retention.Class{class("dev", "^dev-", 0, math.MaxInt)},
			images:  []retention.Image{image("a", ago(10000), "dev-1")},
			want:    map[string][]string{"a": {fmt.Sprintf("dev-1 dev() #1 keep: pushed 10000 days ago, and tags stay for %d days", math.MaxInt)}},
		},
		{name: "no class", images: []retention.Image{image("a", ago(1), "v1")}, want: map[string][]string{}},
		{name: "no image", classes: []retention.Class{class("dev", ".", 0, 0)}, want: map[string][]string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, shown(retention.Decide(c.classes, c.images, now))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func BenchmarkDecide(b *testing.B) {
	classes := []retention.Class{
		except(class("releases", `^v?([0-9]+)\.[0-9]+\.[0-9]+$`, 20, 365), `-rc`),
		class("pull requests", `^gitpr_[0-9]+$`, 0, 14),
		class("branches", `^([a-z0-9-]+)-[0-9]+$`, 10, 30),
		class("commits", `^gitsha_[0-9a-f]{7,40}$`, 50, 14),
	}
	images := make([]retention.Image, 100_000)
	for i := range images {
		images[i] = image(fmt.Sprintf("sha256:%064x", i*7919), ago(float64(i)/100),
			fmt.Sprintf("gitsha_%040x", i), fmt.Sprintf("branch-%d-%d", i%500, i))
	}
	b.ReportAllocs()
	for b.Loop() {
		if len(retention.Decide(classes, images, now)) != len(images) {
			b.Fatal("some image was not decided about")
		}
	}
}
