package lifecycle

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ecraudit/ecraudit/internal/tagpattern"
)

const (
	releases = `^v?[0-9]+\.[0-9]+\.[0-9]+$` // the default of the configuration
	forever  = `"countType":"imageCountMoreThan","countNumber":1000000`
)

func pushed(days int) string {
	return fmt.Sprintf(`"countType":"sinceImagePushed","countUnit":"days","countNumber":%d`, days)
}

// keepRules are rules that keep releases, with ascending priorities.
func keepRules(priority int, wildcards ...string) []string {
	rules := make([]string, len(wildcards))
	for i, wildcard := range wildcards {
		rules[i] = ruleText(priority+i, patterns(wildcard)+","+forever, expire)
	}
	return rules
}

var numbered = []string{"v*.*.*", "0*.*.*", "1*.*.*", "2*.*.*", "3*.*.*", "4*.*.*", "5*.*.*", "6*.*.*", "7*.*.*", "8*.*.*", "9*.*.*"}

// given is a policy, which may be none.
func given(t testing.TB, rules []string) *Policy {
	t.Helper()
	if rules == nil {
		return nil
	}
	return mustParse(t, rules...)
}

func TestMeet(t *testing.T) {
	dev := Demand{DevTags: []string{"gitsha_*", "gitpr_*"}}
	spare := Demand{DevTags: dev.DevTags, Releases: releases}
	tests := []struct {
		name   string
		rules  []string // nil is no policy
		demand Demand
		want   []string
	}{
		{"from nothing", nil, Demand{Untagged: true}, []string{ruleText(1, untagged+","+pushed(30), expire)}},
		{"within days", nil, Demand{Untagged: true, MaxDays: 7}, []string{ruleText(1, untagged+","+pushed7, expire)}},
		{
			"a rule for each pattern", nil, dev,
			[]string{ruleText(1, patterns("gitsha_*")+","+pushed(30), expire), ruleText(2, patterns("gitpr_*")+","+pushed(30), expire)},
		},
		{
			"patterns that others make superfluous", nil, Demand{DevTags: []string{"gitsha_*", "git*", "git*"}},
			[]string{ruleText(1, patterns("git*")+","+pushed(30), expire)},
		},
		{
			"releases are kept", nil, spare,
			slices.Concat(keepRules(1, numbered...), []string{ruleText(12, patterns("gitsha_*")+","+pushed(30), expire), ruleText(13, patterns("gitpr_*")+","+pushed(30), expire)}),
		},
		{
			"after given rules", []string{ruleText(5, prefixes("gitsha_")+","+pushed7, expire), ruleText(9, prefixes("x")+","+newest5, archive)}, Demand{Untagged: true, DevTags: dev.DevTags},
			[]string{ruleText(5, prefixes("gitsha_")+","+pushed7, expire), ruleText(9, prefixes("x")+","+newest5, archive), ruleText(10, untagged+","+pushed(30), expire), ruleText(11, patterns("gitpr_*")+","+pushed(30), expire)},
		},
		{
			"a given rule governs releases", []string{ruleText(1, prefixes("v")+","+newest5, expire)}, spare,
			slices.Concat([]string{ruleText(1, prefixes("v")+","+newest5, expire)}, keepRules(2, numbered[1:]...),
				[]string{ruleText(12, patterns("gitsha_*")+","+pushed(30), expire), ruleText(13, patterns("gitpr_*")+","+pushed(30), expire)}),
		},
		{
			"given rules govern all releases", []string{ruleText(1, patterns("*.*.*")+","+newest5, archive)}, Demand{DevTags: []string{"pr-1"}, Releases: releases},
			[]string{ruleText(1, patterns("*.*.*")+","+newest5, archive), ruleText(2, patterns("pr-1")+","+pushed(30), expire)},
		},
		{
			"before a rule for every image", []string{ruleText(1, prefixes("x")+","+newest5, expire), ruleText(9, anyTag+","+pushed(90), expire)}, Demand{Untagged: true, MaxDays: 30},
			[]string{ruleText(1, prefixes("x")+","+newest5, expire), ruleText(2, untagged+","+pushed(30), expire), ruleText(9, anyTag+","+pushed(90), expire)},
		},
		{
			"no room before it", []string{ruleText(1, anyTag+","+pushed(90), expire), ruleText(2, prefixes("x")+","+shelved, expire)}, Demand{Untagged: true, MaxDays: 30},
			[]string{ruleText(1, untagged+","+pushed(30), expire), ruleText(2, anyTag+","+pushed(90), expire), ruleText(3, prefixes("x")+","+shelved, expire)},
		},
		{
			"it keeps expiring releases", []string{ruleText(1, anyTag+","+pushed(90), expire)}, Demand{DevTags: []string{"pr-*"}, MaxDays: 90, Releases: releases},
			[]string{ruleText(1, anyTag+","+pushed(90), expire)},
		},
		{
			"after a rule for every archived image", []string{ruleText(4, anyTag+","+shelved, expire)}, Demand{Untagged: true},
			[]string{ruleText(4, anyTag+","+shelved, expire), ruleText(5, untagged+","+pushed(30), expire)},
		},
		{
			"after the highest priority there is", []string{ruleText(7, prefixes("x")+","+newest5, expire), ruleText(2147483647, prefixes("y")+","+newest5, expire)}, Demand{Untagged: true},
			[]string{ruleText(1, prefixes("x")+","+newest5, expire), ruleText(2, prefixes("y")+","+newest5, expire), ruleText(3, untagged+","+pushed(30), expire)},
		},
		{
			"archived and then expired", []string{ruleText(1, untagged+","+pulled30, archive), ruleText(2, anyTag+","+shelved, expire)}, Demand{Untagged: true, MaxDays: 120},
			[]string{ruleText(1, untagged+","+pulled30, archive), ruleText(2, anyTag+","+shelved, expire)},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := given(t, tt.rules)
			before := cmp.Diff(p, nil)
			got, words, err := Meet(p, tt.demand)
			if err != nil {
				t.Fatal(err)
			}
			got = withoutDescriptions(got)
			if diff := cmp.Diff(mustParse(t, tt.want...), got); diff != "" {
				t.Errorf("%s\n%q", diff, words)
			}
			if cmp.Diff(p, nil) != before {
				t.Error("the given policy was changed")
			}
			if unchanged := cmp.Equal(p, got); unchanged != (len(words) == 0) {
				t.Errorf("words: %q", words)
			}
		})
	}
}

func withoutDescriptions(p *Policy) *Policy {
	bare := &Policy{}
	for _, r := range p.Rules {
		r.Description = ""
		bare.Rules = append(bare.Rules, r)
	}
	return bare
}

func TestMeetNothing(t *testing.T) {
	if p, words, err := Meet(nil, Demand{Releases: releases}); p != nil || words != nil || err != nil {
		t.Errorf("got %v, %q, %v", p, words, err)
	}
}

func TestMeetArticle(t *testing.T) {
	article, err := Parse(articlePolicy)
	if err != nil {
		t.Fatal(err)
	}
	met, words, err := Meet(article, Demand{Untagged: true, DevTags: []string{"gitsha_*", "gitbranch_*", "gitpr_*"}, Releases: releases})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`added: the rule with priority 14 expires images with a tag matching "gitsha_*" that were pushed more than 30 days ago`,
		`added: the rule with priority 15 expires images with a tag matching "gitbranch_*" that were pushed more than 30 days ago`,
		`added: the rule with priority 16 expires images with a tag matching "gitpr_*" that were pushed more than 30 days ago`,
		`added: the rules with priorities 3 to 13 keep images with a tag matching ` + quoted(numbered, ", ") + `, so that a release does not expire for a development tag that it carries as well`,
	}
	if diff := cmp.Diff(want, words); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(article.Rules, met.Rules[:2]); diff != "" {
		t.Error(diff)
	}
	if got := met.Rules[13].Description; got != "ecraudit: expire gitsha_* images after 30 days" {
		t.Error(got)
	}
	result := met.Simulate([]Image{
		image("build", 31, "gitsha_abc"), image("young", 29, "gitsha_abd"), image("release", 400, "gitsha_abe", "v1.2.3"),
		image("older release", 900, "1.2.2", "gitpr_7"), image("all three", 8, "gitsha_1", "gitbranch_1", "gitpr_1"), image("other", 900, "latest"),
	}, now)
	if diff := cmp.Diff([]string{"all three", "build"}, result.Expired); diff != "" {
		t.Error(diff)
	}
}

func TestMeetConflicts(t *testing.T) {
	const change = ". What it does is not changed here: change that rule"
	tests := []struct {
		name   string
		rules  []string
		demand Demand
		rule   int
		want   string
	}{
		{
			"untagged images too late", []string{ruleText(3, untagged+","+pushed(90), expire)}, Demand{Untagged: true, MaxDays: 30}, 3,
			"images without a tag should expire within 30 days, but the rule with priority 3 decides about them: it expires images pushed more than 90 days ago" + change + " by hand",
		},
		{
			"untagged images by number", []string{ruleText(3, untagged+","+newest5, expire)}, Demand{Untagged: true, MaxDays: 1}, 3,
			"images without a tag should expire within 1 day, but the rule with priority 3 decides about them: it expires all but the newest 5" + change + " by hand",
		},
		{
			"untagged images archived forever", []string{ruleText(3, untagged+","+pulled30, archive)}, Demand{Untagged: true}, 3,
			"images without a tag should expire, but the rule with priority 3 decides about them: it archives images not pulled for more than 30 days, and no rule expires them in the archive" + change + " by hand",
		},
		{
			"a wider rule is too late", []string{ruleText(1, prefixes("x")+","+newest5, expire), ruleText(2, patterns("git*")+","+pushed(90), expire)}, Demand{DevTags: []string{"gitsha_*"}, MaxDays: 30}, 2,
			`images with a tag matching "gitsha_*" should expire within 30 days, but the rule with priority 2 decides about some or all of them: it expires images pushed more than 90 days ago` + change + ", or put one for these images before it, by hand",
		},
		{
			"a rule for some is too late, another counts", []string{ruleText(1, prefixes("gitsha_0")+","+newest5, expire), ruleText(2, prefixes("gitsha_1")+","+pushed7, expire)}, Demand{DevTags: []string{"gitsha_*"}, MaxDays: 30}, 1,
			`images with a tag matching "gitsha_*" should expire within 30 days, but the rule with priority 1 decides about some or all of them: it expires all but the newest 5` + change + ", or put one for these images before it, by hand",
		},
		{
			"a rule for every image that counts", []string{ruleText(9, anyTag+","+newest5, expire)}, Demand{DevTags: []string{"pr-*"}, MaxDays: 30}, 9,
			`a rule for images with a tag matching "pr-*" must stand before the rule with priority 9, which selects every image, and would take from it images that it treats otherwise: it expires all but the newest 5. Let that rule go by days since the push, or add the other one by hand if that is what you want`,
		},
		{
			"one that archives", []string{ruleText(9, anyTag+","+pulled30, archive)}, Demand{Untagged: true}, 9,
			`a rule for images without a tag must stand before the rule with priority 9, which selects every image, and would take from it images that it treats otherwise: it archives images not pulled for more than 30 days. Let that rule go by days since the push, or add the other one by hand if that is what you want`,
		},
		{
			"a pattern that matches no tag", nil, Demand{DevTags: []string{"-*"}}, 0,
			`it cannot be decided whether images with a tag matching "-*" expire (no tag can match the "wildcard -*"): simplify the patterns, or write the policy by hand`,
		},
		{
			"a pattern with too many asterisks", nil, Demand{DevTags: []string{"a*b*c*d*e*"}}, 0,
			`with the rules that are missing (1) it would be an invalid lifecycle policy: rule 1 (priority 1): the pattern "a*b*c*d*e*" has 5 wildcards, 4 are allowed. Remove by hand what is no longer needed, or ask for less`,
		},
		{
			"releases that cannot be read", nil, Demand{DevTags: []string{"pr-*"}, Releases: "("}, 0,
			"the pattern of release tags cannot be read, so that releases could not be spared: error parsing regexp: missing closing ): `(`",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			met, words, err := Meet(given(t, tt.rules), tt.demand)
			conflict, ok := errors.AsType[*ConflictError](err)
			if !ok {
				t.Fatalf("got %v, %q, %v", met, words, err)
			}
			if diff := cmp.Diff(&ConflictError{Rule: tt.rule, Reason: tt.want}, conflict); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMeetWithinLimits(t *testing.T) {
	var rules []string
	for i := range 49 {
		rules = append(rules, ruleText(i+1, prefixes(fmt.Sprintf("p%02d", i))+","+pushed7, expire))
	}
	if met, _, err := Meet(mustParse(t, rules...), Demand{Untagged: true}); err != nil || len(met.Rules) != 50 {
		t.Error(err)
	}
	_, _, err := Meet(mustParse(t, rules...), Demand{Untagged: true, DevTags: []string{"x*"}, Releases: releases})
	if err == nil || !strings.Contains(err.Error(), "the policy has 62 rules, 50 are allowed") {
		t.Error(err)
	}
	long := fmt.Sprintf(`{"rulePriority":1,"description":%q,"selection":{%s,%s},"action":%s}`, strings.Repeat("x", 30000), prefixes("x"), pushed7, expire)
	_, _, err = Meet(mustParse(t, long), Demand{DevTags: []string{"a", "b"}})
	if err == nil || !strings.Contains(err.Error(), "30720 are allowed") {
		t.Error(err)
	}
}

// TestMeetSpares asks for rules that keep releases, in the order in which they
// are added.
func TestMeetSpares(t *testing.T) {
	digits := func(format string) []string {
		var list []string
		for i := range 10 {
			list = append(list, fmt.Sprintf(format, i))
		}
		return list
	}
	const many = "it would take more than 12 ECR wildcards to match all release tags and none of the others"
	tests := []struct {
		name     string
		releases string
		dev      []string
		want     []string
		exposed  []string
	}{
		{"a letter before", `^v[0-9]+\.[0-9]+$`, []string{"pr-*"}, []string{"v*.*"}, nil},
		{"groups", `^v(([0-9]+)(\.[0-9]+){2})$`, []string{"pr-*"}, []string{"v*.*.*"}, nil},
		{"no anchors", `-rc`, []string{"latest"}, []string{"*-rc*"}, nil},
		{"told apart by their ends", `[0-9]$`, []string{"*-dev"}, digits("*%d"), nil},
		{"a list", `^(latest|stable-[0-9]+)$`, []string{"dev*"}, []string{"latest", "stable-*"}, nil},
		{"words", `^(prod|stage)$`, []string{"*dev*", "pr-*"}, []string{"prod", "stage"}, nil},
		{"upper and lower case", `(?i)^rel-`, []string{"pr-*"}, []string{"R*", "r*"}, nil},
		{"more asterisks than ECR takes", `^v[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+-[a-z]+-x$`, []string{"pr-*"}, []string{"v*.*.*.*-x"}, nil},
		{"only those that are in danger", `^(git|v)[0-9]+$`, []string{"gitsha_*"}, append(digits("git%d*"), "v*"), nil},
		{"a class with too many letters", `^[a-z]+$`, []string{"pr-*"}, nil, []string{
			`images that carry a release tag beside one matching "pr-*" would expire too: ` + many}},
		{"one kind of several", `^[0-9]+\.[0-9]+$`, []string{"*-SNAPSHOT", "dev*"}, digits("*.*%d"), []string{
			`images that carry a release tag beside one matching "dev*" would expire too: ` + many}},
		{"a release that is a development image", `^v[0-9]+$`, []string{"dev-*", "v1*"}, []string{"v*"}, []string{
			`images that carry a release tag beside one matching "v1*" would expire too: release tags such as "v1" match it themselves`}},
		{"no release at all", `^/$`, []string{"pr-*"}, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			met, words, err := Meet(nil, Demand{DevTags: tt.dev, Releases: tt.releases})
			if err != nil {
				t.Fatal(err)
			}
			var got, exposed []string
			for _, r := range met.Rules {
				if r.keepsAll() {
					got = append(got, r.Selection.TagPatterns...)
				}
			}
			for _, w := range words {
				if !strings.HasPrefix(w, "added: ") {
					exposed = append(exposed, w)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.exposed, exposed); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A rule for every image expires releases. One that keeps them would change
// what it does.
func TestMeetKeepsExpiringReleases(t *testing.T) {
	p := mustParse(t, ruleText(1, anyTag+","+pushed(90), expire))
	met, words, err := Meet(p, Demand{DevTags: []string{"pr-*"}, MaxDays: 7, Releases: releases})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`added: the rule with priority 1 expires images with a tag matching "pr-*" that were pushed more than 7 days ago`,
		`images that carry a release tag beside one matching "pr-*" would expire too: the rule for every image expires releases as well, and one that keeps them would change that`,
		`priorities changed, though not the order of the rules: 1 is now 2`,
	}
	if diff := cmp.Diff(want, words); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(mustParse(t, ruleText(1, patterns("pr-*")+","+pushed7, expire), ruleText(2, anyTag+","+pushed(90), expire)), withoutDescriptions(met)); diff != "" {
		t.Error(diff)
	}
}

func drawDemand(t *rapid.T) Demand {
	return Demand{
		Untagged: rapid.Bool().Draw(t, "untagged"),
		DevTags:  rapid.SliceOfN(rapid.SampledFrom([]string{"a*", "*b", "ab", "*c*", "b*c", "c*", "a*a"}), 0, 3).Draw(t, "dev"),
		MaxDays:  rapid.IntRange(0, 7).Draw(t, "days"),
		Releases: rapid.SampledFrom([]string{"", "^b+$", "^[ab]c", "c$", "^a(b|cc)?$", "^[bc]{2,3}$"}).Draw(t, "releases"),
	}
}

// withLast often adds a rule for every image, most of which Meet can stand
// before.
func withLast(t *rapid.T, p *Policy) *Policy {
	if slices.ContainsFunc(p.Rules, Rule.selectsAll) || rapid.Bool().Draw(t, "no last rule") {
		return p
	}
	last := Rule{Priority: 9, Action: Action{Type: Expire}}
	last.Selection = Selection{TagStatus: AnyTag, StorageClass: Standard, CountType: SinceImagePushed, CountNumber: rapid.IntRange(1, 8).Draw(t, "last")}
	if rapid.IntRange(0, 3).Draw(t, "archives") == 0 {
		last.Action.Type = Transition
	}
	return &Policy{Rules: append(slices.Clone(p.Rules), last)}
}

func TestMeetLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p *Policy
		if rapid.IntRange(0, 5).Draw(t, "none") > 0 {
			p = withLast(t, drawPolicy(t))
		}
		d := drawDemand(t)
		met, words, err := Meet(p, d)
		if err != nil {
			if _, ok := errors.AsType[*ConflictError](err); !ok || met != nil {
				t.Fatalf("got %v, %v", met, err)
			}
			return
		}
		if met == nil {
			if p != nil || d.Untagged || len(d.DevTags) > 0 {
				t.Fatal("no policy")
			}
			return
		}
		again, err := Parse(met.Text())
		if err != nil || cmp.Diff(met, again) != "" {
			t.Fatalf("%v: %s", err, met.Text())
		}
		for _, g := range d.goals() {
			if c := g.coverage(met); !d.metBy(c) {
				t.Fatalf("%s: %+v\n%s", g.images(), c, met.Text())
			}
		}
		if same, more, err := Meet(met, d); same != met || more != nil || err != nil {
			t.Fatalf("once more: %q, %v", more, err)
		}
		if (met == p) != (len(words) == 0) {
			t.Fatalf("words: %q", words)
		}
		checkUndisturbed(t, p, met)
		checkSpared(t, met, words, d)
	})
}

// checkUndisturbed compares what two policies do to images: the second does all
// that the first does, and its rules do the same.
func checkUndisturbed(t *rapid.T, p, met *Policy) {
	t.Helper()
	if p == nil {
		p = &Policy{}
	}
	rules := map[int]Rule{} // by their priority in p, as they are in met
	next := 0
	for _, r := range met.Rules {
		if next < len(p.Rules) && r.Selection.equal(p.Rules[next].Selection) && r.Description == p.Rules[next].Description {
			rules[p.Rules[next].Priority] = r
			next++
		}
	}
	if next < len(p.Rules) {
		t.Fatalf("rules are missing or in another order: %s", met.Text())
	}
	images := drawImages(t)
	before, after := p.Simulate(images, now), met.Simulate(images, now)
	for i := range images {
		was, is := before.Images[i], after.Images[i]
		if was.Effect == Expires && is.Effect != Expires {
			t.Fatalf("%+v would expire no more", images[i])
		}
		if was.Effect == Archives && is.Effect != Archives {
			t.Fatalf("%+v would be archived no more", images[i])
		}
		kept, ok := rules[was.Rule]
		if ok && !kept.selectsAll() && (is.Rule != kept.Priority || is.Effect != was.Effect) {
			t.Fatalf("%+v: %+v, was %+v", images[i], is, was)
		}
	}
}

// checkSpared looks at images with a release tag and one or two others: where no
// words warn of it, added rules expire none.
func checkSpared(t *rapid.T, met *Policy, words []string, d Demand) {
	t.Helper()
	if d.Releases == "" || slices.ContainsFunc(words, func(w string) bool { return strings.Contains(w, "would expire too") }) {
		return
	}
	release := mustTagRegexp(t, d.Releases)
	selector := newSelector(met)
	for _, tags := range tagSets(tagKinds(met, release)) {
		if !slices.ContainsFunc(tags, release.Match) {
			continue
		}
		if first := selector.rules(tags, false).first(); first >= 0 && strings.HasPrefix(met.Rules[first].Description, "ecraudit: expire ") {
			t.Fatalf("%q expire: %s", tags, met.Text())
		}
	}
}

func mustTagRegexp(t *rapid.T, expr string) tagpattern.Pattern {
	t.Helper()
	p, err := tagpattern.Regexp(expr)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
