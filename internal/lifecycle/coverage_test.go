package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ecraudit/ecraudit/internal/tagpattern"
)

func mustRegexp(t testing.TB, expr string) tagpattern.Pattern {
	t.Helper()
	p, err := tagpattern.Regexp(expr)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCoversTag(t *testing.T) {
	pushed := func(days int) string { return strings.Replace(pushed7, "7", fmt.Sprint(days), 1) }
	newest := func(n int) string { return strings.Replace(newest5, "5", fmt.Sprint(n), 1) }
	var infixes []string
	for i := range 40 {
		infixes = append(infixes, ruleText(i+1, patterns(fmt.Sprintf("*-k%02d*", i))+","+pushed(i+1), expire))
	}
	tests := []struct {
		name    string
		rules   []string
		pattern tagpattern.Pattern
		want    Coverage
	}{
		{
			"one rule", []string{ruleText(3, prefixes("dev-")+","+pushed(7), expire)}, tagpattern.Wildcard("dev-*"),
			Coverage{Answer: Yes, Rule: 3, MaxDays: 7, Reason: "the rule with priority 3 expires images pushed more than 7 days ago"},
		},
		{
			"by number", []string{ruleText(3, prefixes("dev-")+","+newest(5), expire)}, tagpattern.Wildcard("dev-*"),
			Coverage{Answer: Yes, Rule: 3, MaxCount: 5, Reason: "the rule with priority 3 expires all but the newest 5"},
		},
		{
			"a rule for each prefix", []string{
				ruleText(1, prefixes("gitsha_")+","+pushed(7), expire), ruleText(2, prefixes("gitbranch_")+","+pushed(9), expire), ruleText(3, prefixes("gitpr_")+","+newest(5), expire),
			}, mustRegexp(t, `^git(sha|branch|pr)_`),
			Coverage{Answer: Yes, Rule: 2, MaxDays: 9, MaxCount: 5, Reason: "the rule with priority 2 expires images pushed more than 9 days ago; other rules expire the rest, none with a weaker limit of that kind"},
		},
		{
			"an ANDed list", []string{ruleText(1, prefixes("gitsha_", "gitbranch_")+","+pushed(7), expire)}, tagpattern.Wildcard("gitsha_*"),
			Coverage{Answer: No, Example: "gitsha_", Reason: `no rule selects an image whose only tag is "gitsha_"; the rule with priority 1 asks for a tag for each entry of its list ("gitsha_", "gitbranch_") on the same image: one rule for each entry does what was probably meant`},
		},
		{
			"an ANDed list that one tag satisfies", []string{ruleText(1, patterns("dev-*", "*-tmp")+","+pushed(7), expire)}, mustRegexp(t, `^dev-.*-tmp$`),
			Coverage{Answer: Yes, Rule: 1, MaxDays: 7, Reason: "the rule with priority 1 expires images pushed more than 7 days ago"},
		},
		{
			"a gap between prefixes", []string{ruleText(1, prefixes("dev-a")+","+pushed(7), expire)}, tagpattern.Prefix("dev-"),
			Coverage{Answer: No, Example: "dev-", Reason: `no rule selects an image whose only tag is "dev-"`},
		},
		{
			"only untagged", []string{ruleText(1, untagged+","+pushed(7), expire)}, tagpattern.Prefix("dev"),
			Coverage{Answer: No, Example: "dev", Reason: `no rule selects an image whose only tag is "dev"`},
		},
		{
			"archived for ever", []string{ruleText(1, prefixes("dev")+","+pulled30, archive), ruleText(2, anyTag+","+pushed(7), expire)}, tagpattern.Prefix("dev"),
			Coverage{Answer: No, Example: "dev", Rule: 1, Reason: "the rule with priority 1 archives images not pulled for more than 30 days, and no rule expires them in the archive"},
		},
		{
			"archived, then expired", []string{ruleText(1, prefixes("dev")+","+pulled30, archive), ruleText(2, anyTag+","+shelved, expire)}, tagpattern.Prefix("dev"),
			Coverage{Answer: Yes, Rule: 1, MaxDays: 120, Reason: "the rule with priority 1 archives images not pulled for more than 30 days, then the rule with priority 2 expires images archived more than 90 days ago"},
		},
		{
			"some expired in the archive", []string{ruleText(1, prefixes("dev")+","+pulled30, archive), ruleText(2, prefixes("dev-")+","+shelved, expire)}, tagpattern.Prefix("dev"),
			Coverage{Answer: No, Example: "dev", Rule: 1, Reason: "the rule with priority 1 archives images not pulled for more than 30 days, and no rule expires them in the archive"},
		},
		{
			"a keeper before a sweeper still expires at last", []string{ruleText(1, prefixes("v")+","+newest(999), expire), ruleText(2, anyTag+","+pushed(7), expire)}, mustRegexp(t, `^v?\d+\.\d+\.\d+$`),
			Coverage{Answer: Yes, Rule: 2, MaxDays: 7, MaxCount: 999, Reason: "the rule with priority 2 expires images pushed more than 7 days ago; other rules expire the rest, none with a weaker limit of that kind"},
		},
		{
			"a shadowed rule limits nothing", []string{ruleText(1, patterns("*dev*")+","+pushed(7), expire), ruleText(2, prefixes("dev-")+","+pushed(500), expire)}, tagpattern.Prefix("dev"),
			Coverage{Answer: Yes, Rule: 1, MaxDays: 7, Reason: "the rule with priority 1 expires images pushed more than 7 days ago"},
		},
		{
			"no such tag", []string{ruleText(1, anyTag+","+pushed(7), expire)}, tagpattern.Wildcard("feature/*"),
			Coverage{Answer: Unknown, Reason: `no tag can match the "wildcard feature/*"`},
		},
		{
			"many infixes, one of them is asked for", infixes, tagpattern.Wildcard("*-k07*"),
			Coverage{Answer: Yes, Rule: 8, MaxDays: 8, Reason: "the rule with priority 8 expires images pushed more than 8 days ago; other rules expire the rest, none with a weaker limit of that kind"},
		},
		{
			"many infixes, none of them is asked for", infixes, tagpattern.Wildcard("main-*"),
			Coverage{Answer: No, Example: "main-", Reason: `no rule selects an image whose only tag is "main-"`},
		},
		{
			"too complex", []string{ruleText(1, anyTag+","+pushed(7), expire)}, mustRegexp(t, `(a|b)*a(a|b){20}c`),
			Coverage{Answer: Unknown, Reason: `the tag patterns are too complex to compare: "regexp (a|b)*a(a|b){20}c"`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, mustParse(t, tt.rules...).CoversTag(tt.pattern)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCoversUntagged(t *testing.T) {
	tests := []struct {
		name  string
		rules []string
		want  Coverage
	}{
		{"untagged rule", []string{ruleText(2, untagged+","+newest5, expire)}, Coverage{Answer: Yes, Rule: 2, MaxCount: 5, Reason: "the rule with priority 2 expires all but the newest 5"}},
		{"any rule", []string{ruleText(2, anyTag+","+pushed7, expire)}, Coverage{Answer: Yes, Rule: 2, MaxDays: 7, Reason: "the rule with priority 2 expires images pushed more than 7 days ago"}},
		{"only tagged", []string{ruleText(2, patterns("*")+","+pushed7, expire)}, Coverage{Answer: No, Reason: "no rule selects images without a tag"}},
		{"archived for ever", []string{ruleText(2, untagged+","+pulled30, archive), ruleText(3, patterns("*")+","+shelved, expire)}, Coverage{Answer: No, Rule: 2, Reason: "the rule with priority 2 archives images not pulled for more than 30 days, and no rule expires them in the archive"}},
		{"archived, then expired", []string{ruleText(2, untagged+","+newest5, archive), ruleText(3, anyTag+","+shelved, expire)}, Coverage{Answer: Yes, Rule: 2, MaxDays: 90, MaxCount: 5, Reason: "the rule with priority 2 archives all but the newest 5, then the rule with priority 3 expires images archived more than 90 days ago"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, mustParse(t, tt.rules...).CoversUntagged()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// livesForEver asks Simulate: an image with one tag, older than every limit and
// followed by more images of its kind than any number keeps, first in standard
// storage and then, if it was archived, in the archive.
func livesForEver(p *Policy, tag string) bool {
	at := now.AddDate(30, 0, 0)
	images := []Image{image("old", 1, tag)}
	for i := range 20 {
		images = append(images, Image{Digest: fmt.Sprint("new", i), Tags: []string{tag}, PushedAt: at, Status: "ACTIVE"})
	}
	result := p.Simulate(images, at)
	if slices.Contains(result.Archived, "old") {
		result = p.Simulate([]Image{image("old", 1, tag).archived(0)}, at)
	}
	return !slices.Contains(result.Expired, "old")
}

func TestCoversTagAgreesWithSimulate(t *testing.T) {
	var tags []string
	for _, a := range []string{"", "a", "b", "c", "x"} {
		for _, b := range []string{"", "a", "b", "c", "x"} {
			for _, c := range []string{"a", "b", "c", "x"} {
				tags = append(tags, a+b+c)
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		asked := rapid.SampledFrom([]tagpattern.Pattern{
			tagpattern.Any(), tagpattern.Prefix("a"), tagpattern.Wildcard("*b"), tagpattern.Wildcard("a*c"), tagpattern.Literal("ab"),
		}).Draw(t, "pattern")
		c := p.CoversTag(asked)
		if c.Answer == No && (!asked.Match(c.Example) || !livesForEver(p, c.Example)) {
			t.Fatalf("%q is no example of a tag of %s that is never expired", c.Example, asked)
		}
		for _, tag := range tags {
			if c.Answer == Yes && asked.Match(tag) && livesForEver(p, tag) {
				t.Fatalf("%q is never expired: %+v", tag, c)
			}
		}
		if c.Answer == Unknown {
			t.Fatalf("undecided: %+v", c)
		}
	})
}

// TestCoversTagLimits compares the limits with those of the rules that govern
// short tags, which here are all the kinds there are.
func TestCoversTagLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		c := p.CoversTag(tagpattern.Any())
		if c.Answer != Yes {
			return
		}
		var days, count int
		selector := newSelector(p)
		for _, a := range []string{"", "a", "b", "c", "x"} {
			for _, b := range []string{"", "a", "ab", "c", "x"} {
				for _, end := range []string{"a", "b", "c", "x"} {
					tag := []string{a + b + end}
					l := p.limits(p.fate(selector.rules(tag, false), selector.rules(tag, true)))
					days, count = max(days, l.days), max(count, l.count)
				}
			}
		}
		if c.MaxDays != days || c.MaxCount != count {
			t.Fatalf("got %d days and %d images, want %d and %d", c.MaxDays, c.MaxCount, days, count)
		}
	})
}

// TestFatesAgree compares the two ways to learn which rules govern.
func TestFatesAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		asked := rapid.SampledFrom([]tagpattern.Pattern{tagpattern.Any(), tagpattern.Wildcard("*b"), tagpattern.Literal("ab")}).Draw(t, "pattern")
		together, apart := newQuestion(p, asked), newQuestion(p, asked)
		if _, found, err := together.search(true); found || err != nil {
			return
		}
		apart.findFates()
		if diff := cmp.Diff(together.fates, apart.fates, cmp.AllowUnexported(fate{})); diff != "" {
			t.Fatal(diff)
		}
	})
}

func BenchmarkCoversTag(b *testing.B) {
	article, err := Parse(articlePolicy)
	if err != nil {
		b.Fatal(err)
	}
	release := mustRegexp(b, `^v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)
	b.Run("article", func(b *testing.B) {
		for b.Loop() {
			article.CoversTag(tagpattern.Wildcard("gitsha_*"))
		}
	})
	b.Run("fifty rules", func(b *testing.B) {
		p := benchmarkPolicy(b)
		for b.Loop() {
			p.CoversTag(release)
		}
	})
}
