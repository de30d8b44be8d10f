package lifecycle

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ecraudit/ecraudit/internal/tagpattern"
)

func TestInspect(t *testing.T) {
	const first = ", and the first rule that selects an image is the only one that may act on it"
	tests := []struct {
		name  string
		rules []string
		want  []RuleInspection // Words are not compared
	}{
		{
			"nothing strange", []string{ruleText(1, prefixes("v")+","+newest5, expire), ruleText(2, untagged+","+pushed7, expire), ruleText(3, anyTag+","+pushed7, expire)},
			[]RuleInspection{{Priority: 1, Acts: Yes}, {Priority: 2, Acts: Yes}, {Priority: 3, Acts: Yes}},
		},
		{
			"the classic mistake", []string{ruleText(1, prefixes("gitsha_", "gitbranch_", "gitpr_")+","+pushed7, expire)},
			[]RuleInspection{{Priority: 1, Acts: Yes, Reason: `it selects only images that carry a tag of each of "gitsha_", "gitbranch_", "gitpr_", because the entries of a tag list are ANDed; an image with one of them is not selected`}},
		},
		{
			"one tag can match both entries", []string{ruleText(1, patterns("dev-*", "*-tmp")+","+pushed7, expire)},
			[]RuleInspection{{Priority: 1, Acts: Yes}},
		},
		{
			"a longer prefix after a shorter one", []string{ruleText(4, prefixes("v")+","+newest5, expire), ruleText(7, prefixes("v1")+","+pushed7, expire)},
			[]RuleInspection{{Priority: 4, Acts: Yes}, {Priority: 7, Acts: No, ShadowedBy: []int{4}, Reason: "every image that it selects is selected by the rule with priority 4 too" + first}},
		},
		{
			"more entries after fewer", []string{ruleText(1, prefixes("a")+","+newest5, expire), ruleText(2, prefixes("b", "a")+","+pushed7, expire)},
			[]RuleInspection{{Priority: 1, Acts: Yes}, {Priority: 2, Acts: No, ShadowedBy: []int{1}, Reason: "every image that it selects is selected by the rule with priority 1 too" + first}},
		},
		{
			"fewer entries after more", []string{ruleText(1, prefixes("b", "a")+","+newest5, expire), ruleText(2, prefixes("a")+","+pushed7, expire)},
			[]RuleInspection{{Priority: 1, Acts: Yes, Reason: `it selects only images that carry a tag of each of "b", "a", because the entries of a tag list are ANDed; an image with one of them is not selected`}, {Priority: 2, Acts: Yes}},
		},
		{
			"several rules together", []string{ruleText(1, untagged+","+newest5, expire), ruleText(2, prefixes("x")+","+newest5, expire), ruleText(3, patterns("*")+","+newest5, expire), ruleText(4, anyTag+","+pushed7, expire)},
			[]RuleInspection{{Priority: 1, Acts: Yes}, {Priority: 2, Acts: Yes}, {Priority: 3, Acts: Yes}, {Priority: 4, Acts: No, ShadowedBy: []int{1, 3}, Reason: "every image that it selects is selected by one of the rules with priorities 1 and 3 too" + first}},
		},
		{
			"the same selection in the two spellings", []string{ruleText(1, patterns("v*")+","+newest5, expire), ruleText(2, prefixes("v")+","+pushed7, expire)},
			[]RuleInspection{{Priority: 1, Acts: Yes}, {Priority: 2, Acts: No, ShadowedBy: []int{1}, Reason: "every image that it selects is selected by the rule with priority 1 too" + first}},
		},
		{
			"an asterisk in a prefix", []string{ruleText(1, prefixes("v*")+","+newest5, expire)},
			[]RuleInspection{{Priority: 1, Acts: No, Reason: `no tag that ECR accepts matches "v*": in tagPrefixList an asterisk stands for itself, wildcards belong in tagPatternList`}},
		},
		{
			"a character that no tag has", []string{ruleText(1, patterns("feature/*", "a*")+","+newest5, expire)},
			[]RuleInspection{{Priority: 1, Acts: No, Reason: `no tag that ECR accepts matches "feature/*"`}},
		},
		{
			"storage classes do not meet", []string{ruleText(1, anyTag+","+pulled30, archive), ruleText(2, prefixes("a")+","+shelved, expire), ruleText(3, prefixes("ab")+","+shelved, expire)},
			[]RuleInspection{{Priority: 1, Acts: Yes}, {Priority: 2, Acts: Yes}, {Priority: 3, Acts: No, ShadowedBy: []int{2}, Reason: "every image that it selects is selected by the rule with priority 2 too" + first}},
		},
		{
			"nothing comes into the archive", []string{ruleText(1, anyTag+","+shelved, expire)},
			[]RuleInspection{{Priority: 1, Acts: Yes, Reason: "no rule of the policy archives images, so it acts only on those that were archived by hand"}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := mustParse(t, tt.rules...).Inspect()
			for i := range got {
				got[i].Words = ""
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestInspectWords(t *testing.T) {
	got := mustParse(t, ruleText(1, prefixes("a", "b")+","+pushed7, expire), ruleText(2, anyTag+","+pulled30, archive)).Inspect()
	want := []string{
		`Expires images that have, all at once, a tag starting with "a" and one starting with "b" that were pushed more than 7 days ago.`,
		`Archives images with or without a tag that were not pulled for more than 30 days.`,
	}
	if diff := cmp.Diff(want, []string{got[0].Words, got[1].Words}); diff != "" {
		t.Error(diff)
	}
}

// crowded has many patterns whose combinations cannot all be tried, before and
// after a pattern that covers the last one.
func crowded(t testing.TB) *Policy {
	t.Helper()
	var rules []string
	for i := range 40 {
		rules = append(rules, ruleText(i+1, patterns(fmt.Sprintf("*a%02d*b%02d*", i, i))+","+newest5, expire))
	}
	return mustParse(t, append(rules, ruleText(41, patterns("*x*")+","+pushed7, expire), ruleText(42, patterns("*xy*")+","+pushed7, expire))...)
}

func TestInspectCrowded(t *testing.T) {
	got := crowded(t).Inspect()
	if got[40].Acts != Yes || got[41].Acts != No || !slices.Equal(got[41].ShadowedBy, []int{41}) {
		t.Errorf("got %+v", got[40:])
	}
}

func TestEffortEnds(t *testing.T) {
	p, effort := crowded(t), &effort{left: 20}
	if free, err := p.free(41, p.higher(41), effort); free || !errors.Is(err, tagpattern.ErrTooComplex) {
		t.Errorf("got %v, %v", free, err)
	}
	if _, found, err := effort.findTagged([]tagpattern.Pattern{tagpattern.Prefix("long")}, nil); found || !errors.Is(err, tagpattern.ErrTooComplex) {
		t.Errorf("got %v, %v although nothing was left", found, err)
	}
}

// tagKinds are tags of which no two match the same entries of a policy, and the
// pattern beside it; every kind of tag of up to four of the letters is there.
func tagKinds(p *Policy, beside tagpattern.Pattern) []string {
	var entries []tagpattern.Pattern
	for _, r := range p.Rules {
		entries = append(entries, compileEntries(r.Selection)...)
	}
	kinds := map[string]string{}
	letters := []string{"", "a", "b", "c", "x"}
	for _, a := range letters[1:] {
		for _, b := range letters {
			for _, c := range letters {
				for _, d := range letters {
					tag := a + b + c + d
					kind := fmt.Sprint(beside.Match(tag))
					for _, e := range entries {
						kind += fmt.Sprint(e.Match(tag))
					}
					kinds[kind] = tag
				}
			}
		}
	}
	var tags []string
	for _, tag := range kinds {
		tags = append(tags, tag)
	}
	slices.Sort(tags)
	return tags
}

// tagSets are all images with up to three tags of these, and one without.
func tagSets(tags []string) [][]string {
	sets := [][]string{nil}
	for i, a := range tags {
		sets = append(sets, []string{a})
		for j, b := range tags[:i] {
			sets = append(sets, []string{a, b})
			for _, c := range tags[:j] {
				sets = append(sets, []string{a, b, c})
			}
		}
	}
	return sets
}

// governedBySome tells which rules govern some image of these.
func governedBySome(p *Policy, sets [][]string) map[int]bool {
	governs := map[int]bool{}
	selector := newSelector(p)
	for _, tags := range sets {
		for _, archived := range []bool{false, true} {
			governs[selector.rules(tags, archived).first()] = true
		}
	}
	return governs
}

func drawShortLists(t *rapid.T) *Policy {
	p := drawPolicy(t)
	for _, r := range p.Rules {
		if len(r.Selection.entries()) > 3 {
			t.Skip("images of this test have three tags")
		}
	}
	return p
}

func TestInspectAgreesWithEveryImage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawShortLists(t)
		governs := governedBySome(p, tagSets(tagKinds(p, tagpattern.Any())))
		for i, inspection := range p.Inspect() {
			if want := map[bool]string{true: Yes, false: No}[governs[i]]; inspection.Acts != want {
				t.Fatalf("rule %d: got %+v, want %s", inspection.Priority, inspection, want)
			}
			if inspection.Acts == No {
				checkShadow(t, p, i, inspection.ShadowedBy)
			}
		}
	})
}

// checkShadow leaves out all rules but those that are said to shadow one, and
// then each of these in turn.
func checkShadow(t *rapid.T, p *Policy, rule int, by []int) {
	t.Helper()
	acts := func(left func(priority int) bool) string {
		few := &Policy{}
		for _, r := range p.Rules[:rule] {
			if slices.Contains(by, r.Priority) && left(r.Priority) {
				few.Rules = append(few.Rules, r)
			}
		}
		few.Rules = append(few.Rules, p.Rules[rule])
		return few.Inspect()[len(few.Rules)-1].Acts
	}
	if got := acts(func(int) bool { return true }); got != No {
		t.Fatalf("rules %v do not shadow the rule with priority %d", by, p.Rules[rule].Priority)
	}
	for _, one := range by {
		if got := acts(func(priority int) bool { return priority != one }); got != Yes {
			t.Fatalf("without rule %d, rules %v still shadow the rule with priority %d", one, by, p.Rules[rule].Priority)
		}
	}
}

func BenchmarkInspect(b *testing.B) {
	p := benchmarkPolicy(b)
	for b.Loop() {
		p.Inspect()
	}
}
