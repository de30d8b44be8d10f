package lifecycle

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ecraudit/ecraudit/internal/tagpattern"
)

func TestReachesTag(t *testing.T) {
	release := mustRegexp(t, `^v\d+\.\d+\.\d+$`)
	const pushedAge = "; its age counts from the push, however new its tag is"
	tests := []struct {
		name  string
		rules []string
		want  Reach
	}{
		{
			"a rule for every image", []string{ruleText(2, anyTag+","+pushed7, expire)},
			Reach{Answer: Yes, Example: "v0.0.0", Rule: 2, Action: Expire, Reason: `an image tagged "v0.0.0" is governed by the rule with priority 2, which expires images pushed more than 7 days ago` + pushedAge},
		},
		{
			"a release that still has the tag of its build", []string{ruleText(1, prefixes("gitsha_")+","+pushed7, expire), ruleText(2, untagged+","+newest5, expire)},
			Reach{Answer: Yes, Example: "v0.0.0", With: []string{"gitsha_"}, Rule: 1, Action: Expire, Reason: `an image tagged "v0.0.0" and "gitsha_" is governed by the rule with priority 1, which expires images pushed more than 7 days ago` + pushedAge},
		},
		{
			"the same, kept by a higher rule that only archives", []string{ruleText(1, patterns("v*.*.*")+","+pulled30, archive), ruleText(2, prefixes("gitsha_")+","+pushed7, expire)},
			Reach{Answer: Yes, Example: "v0.0.0", Rule: 1, Action: Transition, Reason: `an image tagged "v0.0.0" is governed by the rule with priority 1, which archives images not pulled for more than 30 days; one that was never pulled is as old as its push, however new its tag is`},
		},
		{
			"expiring weighs more than archiving", []string{ruleText(1, patterns("v*.*.*")+","+pulled30, archive), ruleText(2, anyTag+","+shelved, expire)},
			Reach{Answer: Yes, Example: "v0.0.0", Rule: 2, Action: Expire, Reason: `an archived image tagged "v0.0.0" is governed by the rule with priority 2, which expires images archived more than 90 days ago`},
		},
		{
			"only untagged images", []string{ruleText(1, untagged+","+pushed7, expire)},
			Reach{Answer: No, Reason: "no rule can come to act on an image with a tag of the \"regexp ^v\\\\d+\\\\.\\\\d+\\\\.\\\\d+$\""},
		},
		{
			"a list of several entries that leaves out none", []string{ruleText(1, prefixes("v", "build-")+","+newest5, archive), ruleText(2, prefixes("build-")+","+pushed7, expire)},
			Reach{Answer: Yes, Example: "v0.0.0", With: []string{"build-"}, Rule: 1, Action: Transition, Reason: `an image tagged "v0.0.0" and "build-" is governed by the rule with priority 1, which archives all but the newest 5` + pushedAge},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, mustParse(t, tt.rules...).ReachesTag(release)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReachesTagUnknown(t *testing.T) {
	p := mustParse(t, ruleText(1, anyTag+","+pushed7, expire))
	for _, pattern := range []tagpattern.Pattern{tagpattern.Wildcard("feature/*"), {}, mustRegexp(t, `(a|b)*a(a|b){20}c`)} {
		if got := p.ReachesTag(pattern); got.Answer != Unknown || got.Reason == "" {
			t.Errorf("%s: %+v", pattern, got)
		}
	}
}

func TestReachesTagAgreesWithEveryImage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		for _, r := range p.Rules {
			if len(r.Selection.entries()) > 2 {
				t.Skip("images of this test have three tags")
			}
		}
		asked := rapid.SampledFrom([]tagpattern.Pattern{
			tagpattern.Any(), tagpattern.Prefix("a"), tagpattern.Wildcard("*b"), tagpattern.Wildcard("a*c"), tagpattern.Literal("ab"), tagpattern.Literal("xx"),
		}).Draw(t, "pattern")
		sets := slices.DeleteFunc(tagSets(tagKinds(p, asked)), func(tags []string) bool { return !slices.ContainsFunc(tags, asked.Match) })
		first := map[string]int{} // action → the first rule that governs one
		for rule := range governedBySome(p, sets) {
			if rule < 0 {
				continue
			}
			if action := p.Rules[rule].Action.Type; first[action] == 0 || p.Rules[rule].Priority < first[action] {
				first[action] = p.Rules[rule].Priority
			}
		}
		reach := p.ReachesTag(asked)
		want := Reach{Answer: No}
		for _, action := range []string{Transition, Expire} {
			if first[action] > 0 {
				want = Reach{Answer: Yes, Action: action, Rule: first[action]}
			}
		}
		if got := (Reach{Answer: reach.Answer, Action: reach.Action, Rule: reach.Rule}); cmp.Diff(want, got) != "" {
			t.Fatalf("got %+v, want %+v", reach, want)
		}
		if reach.Answer == Yes {
			checkReach(t, p, asked, reach)
		}
	})
}

// checkReach asks Simulate: an image with the tags of the example, older than
// every limit and followed by more images than any number keeps.
func checkReach(t *rapid.T, p *Policy, asked tagpattern.Pattern, reach Reach) {
	t.Helper()
	if !asked.Match(reach.Example) {
		t.Fatalf("%q is no tag of the %s", reach.Example, asked)
	}
	at := now.AddDate(30, 0, 0)
	tags := append([]string{reach.Example}, reach.With...)
	images := []Image{{Digest: "old", Tags: tags, PushedAt: now, LastArchivedAt: now}}
	for i := range 20 {
		images = append(images, Image{Digest: "new" + string(rune('a'+i)), Tags: tags, PushedAt: at.Add(-time.Hour), LastArchivedAt: at.Add(-time.Hour)})
	}
	archivedRule := slices.ContainsFunc(p.Rules, func(r Rule) bool { return r.Priority == reach.Rule && r.Selection.StorageClass == Archive })
	for i := range images {
		images[i].Status = map[bool]string{true: "ARCHIVED", false: "ACTIVE"}[archivedRule]
	}
	got := p.Simulate(images, at).Images[0]
	want := ImageResult{Rule: reach.Rule, Effect: map[string]Effect{Expire: Expires, Transition: Archives}[reach.Action]}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%+v: %s", reach, diff)
	}
}

func BenchmarkReachesTag(b *testing.B) {
	p := benchmarkPolicy(b)
	release := mustRegexp(b, `^v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)
	for b.Loop() {
		p.ReachesTag(release)
	}
}
