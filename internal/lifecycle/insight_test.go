package lifecycle

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func isRelease(tag string) bool { return strings.HasPrefix(tag, "v") }

func (i Image) pulled(daysAgo float64) Image {
	i.LastPulledAt = ago(daysAgo)
	return i
}

func TestInsights(t *testing.T) {
	options := InsightOptions{Release: isRelease, ActiveWithin: 30 * day, PilingUp: 3}
	const protect = "put a rule for release tags before it, with a limit that releases may have: the first rule that selects an image is the only one that acts on it"
	tests := []struct {
		name   string
		rules  []string
		images []Image
		want   []Insight
	}{
		{"nothing strange", []string{ruleText(1, prefixes("v")+","+newest5, expire), ruleText(2, anyTag+","+pushed7, expire)}, []Image{image("a", 1, "v1"), image("b", 9, "dev"), image("c", 1, "dev")}, nil},
		{
			"shadowed", []string{ruleText(1, prefixes("d")+","+newest5, expire), ruleText(2, prefixes("dev")+","+pushed7, expire)}, []Image{image("a", 9, "dev")},
			[]Insight{{
				Kind: Shadowed, Priority: 2, Count: 1,
				Message: "the rule with priority 2 can never act: every image that it selects is selected by the rule with priority 1 too, and the first rule that selects an image is the only one that may act on it",
				Advice:  "give it a lower priority number than the rules that keep its images from it, or remove it",
			}},
		},
		{
			"never acts", []string{ruleText(1, prefixes("dev*")+","+pushed7, expire)}, []Image{image("a", 9, "dev")},
			[]Insight{{
				Kind: NeverActs, Priority: 1,
				Message: `the rule with priority 1 can never act: no tag that ECR accepts matches "dev*": in tagPrefixList an asterisk stands for itself, wildcards belong in tagPatternList`,
				Advice:  "correct its tag list, or remove it",
			}},
		},
		{
			"alternatives that are ANDed", []string{ruleText(1, prefixes("sha-", "pr-")+","+pushed7, expire)}, []Image{image("a", 9, "sha-1"), image("b", 9, "sha-2", "pr-2"), image("c", 9, "pr-1"), image("d", 9)},
			[]Insight{{
				Kind: AndOfTags, Priority: 1, Count: 2, Digests: []string{"a", "c"},
				Message: `the rule with priority 1 selects only images that carry a tag of each of "sha-", "pr-", because the entries of a tag list are ANDed; it selects 1 image, and misses 2 with some of these tags`,
				Advice:  "make it one rule for each entry of the list",
			}},
		},
		{"images are tagged just so", []string{ruleText(1, prefixes("sha-", "pr-")+","+pushed7, expire)}, []Image{image("a", 9, "sha-1", "pr-1"), image("b", 1, "x")}, nil},
		{
			"without images", []string{ruleText(1, prefixes("sha-", "pr-")+","+pushed7, expire)}, nil,
			[]Insight{{
				Kind: AndOfTags, Priority: 1, Digests: []string{},
				Message: `the rule with priority 1 selects only images that carry a tag of each of "sha-", "pr-", because the entries of a tag list are ANDed`,
				Advice:  "make it one rule for each entry of the list",
			}},
		},
		{
			"built long ago, promoted yesterday", []string{ruleText(1, prefixes("sha-")+","+pushed7, expire)}, []Image{image("a", 90, "sha-1", "v1"), image("b", 1, "sha-2", "v2"), image("c", 1, "sha-3")},
			[]Insight{{
				Kind: ExpiresReleases, Priority: 1, Count: 2, Digests: []string{"a", "b"},
				Message: "the rule with priority 1 expires 1 image with a release tag, and will expire 1 more once it is old enough; age counts from the push, not from the day when the release tag came", Advice: protect,
			}},
		},
		{
			"releases that are still young", []string{ruleText(1, anyTag+","+pushed7, expire)}, []Image{image("a", 3, "v1"), image("b", 1, "v2")},
			[]Insight{{
				Kind: ExpiresReleases, Priority: 1, Count: 2, Digests: []string{"a", "b"},
				Message: "the rule with priority 1 will expire 2 images with a release tag once they are old enough; age counts from the push, not from the day when the release tag came", Advice: protect,
			}},
		},
		{"a rule that speaks of young releases", []string{ruleText(1, prefixes("v")+","+pushed7, expire)}, []Image{image("a", 3, "v1")}, nil},
		{
			"in use", []string{ruleText(1, prefixes("dev")+","+pushed7, expire), ruleText(2, prefixes("main")+","+pushed7, archive)}, []Image{image("a", 90, "dev").pulled(30), image("b", 90, "dev").pulled(31), image("c", 90, "main").pulled(1), image("d", 1, "x")},
			[]Insight{
				{
					Kind: ExpiresActive, Priority: 1, Count: 1, Digests: []string{"a"},
					Message: "the rule with priority 1 expires 1 image pulled within the last 30 days", Advice: "put a rule that keeps what is in use before it",
				},
				{
					Kind: ExpiresActive, Priority: 2, Count: 1, Digests: []string{"c"},
					Message: "the rule with priority 2 archives 1 image pulled within the last 30 days; an archived image cannot be pulled until it is restored", Advice: "archive by countType sinceImagePulled",
				},
			},
		},
		{
			"only children", []string{ruleText(1, untagged+","+pushed7, expire)}, []Image{image("index", 90, "x").index("amd", "arm"), image("amd", 90), image("arm", 1)},
			[]Insight{{
				Kind: OnlyChildren, Priority: 1, Count: 2, Digests: []string{"amd", "arm"},
				Message: "all that the rule with priority 1 selects is 2 images that an index refers to: the parts of multi-architecture images, which it cannot expire while the index exists",
				Advice:  "nothing is wasted there: limit the indexes by their tags, and their children go with them",
			}},
		},
		{
			"children that an archived index does not keep from the archive", []string{ruleText(1, untagged+","+pushed7, archive)},
			[]Image{image("index", 90, "x").index("amd").archived(10), image("amd", 90)}, nil,
		},
		{"children not known", []string{ruleText(1, untagged+","+pushed7, expire)}, []Image{image("index", 90, "x").with(func(i *Image) { i.Index = true }), image("amd", 90)}, nil},
		{
			"everything", []string{ruleText(1, anyTag+","+pushed7, expire)}, []Image{image("index", 90, "x").index("amd"), image("amd", 90), image("old", 80)},
			[]Insight{{
				Kind: ExpiresEverything, Priority: 1, Count: 2, Digests: []string{"index", "old"},
				Message: "the rule with priority 1 expires every image of the repository (2)", Advice: "keep the newest few with countType imageCountMoreThan in a rule before it",
			}},
		},
		{
			"everything, by two rules", []string{ruleText(1, prefixes("x")+","+pushed7, expire), ruleText(2, anyTag+","+pushed7, expire)}, []Image{image("a", 90, "x"), image("b", 90)},
			[]Insight{{
				Kind: ExpiresEverything, Count: 2, Digests: []string{"a", "b"},
				Message: "the policy expires every image of the repository (2)", Advice: "keep the newest few with countType imageCountMoreThan in a rule before it",
			}},
		},
		{
			"piling up", []string{ruleText(1, prefixes("dev-")+","+pushed7, expire), ruleText(2, untagged+","+newest5, expire)}, []Image{image("a", 90, "x"), image("b", 90, "x2"), image("c", 90), image("d", 1, "dev-1")},
			[]Insight{{
				Kind: NeverExpires, Count: 3, Digests: []string{"a", "b", "c"},
				Message: "the policy expires nothing, and keeps 3 of the 4 images of the repository for ever", Advice: "add a rule for the tags of these images",
			}},
		},
		{"images that only need to grow older", []string{ruleText(1, anyTag+","+pushed7, expire)}, []Image{image("a", 1), image("b", 2), image("c", 3), image("d", 4)}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, mustParse(t, tt.rules...).Insights(tt.images, now, options)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestInsightsAsNothing(t *testing.T) {
	p := mustParse(t, ruleText(1, anyTag+","+pushed7, expire))
	images := []Image{image("a", 90, "v1").pulled(1), image("b", 1)}
	if got := p.Insights(images, now, InsightOptions{}); len(got) != 0 {
		t.Errorf("got %+v although nothing was asked", got)
	}
}

// TestInsightLaws holds insights against the simulation.
func TestInsightLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, images := drawPolicy(t), drawImages(t)
		result := p.Simulate(images, now)
		for _, i := range p.Insights(images, now, InsightOptions{Release: func(tag string) bool { return strings.Contains(tag, "a") }, ActiveWithin: 3 * day, PilingUp: 2}) {
			if len(i.Digests) > maxExamples || len(i.Digests) > i.Count || i.Message == "" || i.Advice == "" {
				t.Fatalf("%+v", i)
			}
			for _, digest := range i.Digests {
				acted := slices.Contains(result.Expired, digest) || slices.Contains(result.Archived, digest)
				if (i.Kind == ExpiresActive || i.Kind == ExpiresEverything) && !acted || (i.Kind == NeverExpires || i.Kind == OnlyChildren) && acted {
					t.Fatalf("%+v, but %+v", i, result)
				}
			}
			if i.Kind == NeverExpires && len(result.Expired) > 0 || i.Kind == ExpiresEverything && i.Count != len(result.Expired) {
				t.Fatalf("%+v, but %+v", i, result)
			}
		}
	})
}

func TestDays(t *testing.T) {
	for d, want := range map[time.Duration]string{30 * day: "30 days", day: "1 day", 3 * time.Hour: "3 hours", 36 * time.Hour: "2 days"} {
		if got := days(d); got != want {
			t.Errorf("%s: got %q, want %q", d, got, want)
		}
	}
}

// BenchmarkInsights is what a repository of a usual size costs an audit.
func BenchmarkInsights(b *testing.B) {
	p := mustParse(b, ruleText(1, prefixes("gitsha_")+","+pushed7, expire), ruleText(2, prefixes("gitpr_")+","+pushed7, expire), ruleText(3, untagged+","+newest5, expire))
	images := benchmarkImages(100)
	for b.Loop() {
		p.Insights(images, now, InsightOptions{Release: isRelease, ActiveWithin: 30 * day, PilingUp: 100})
	}
}
