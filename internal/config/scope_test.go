package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// plain is a file, or a part of it, as JSON sees it.
type plain = map[string]any

// The law of scopes: what holds for a resource is the base with the settings
// and rules of every scope that matches laid over it, in order. Here it is
// applied to plain maps, by other means than the package's own.

func overlay(base, over plain) plain {
	result := maps.Clone(base)
	for key, value := range over {
		if key == "lifecycle" || key == "encryption" {
			section, _ := base[key].(plain)
			value = overlay(section, value.(plain))
		}
		result[key] = value
	}
	return result
}

func overlayRules(base, over plain) plain {
	result := maps.Clone(base)
	for id, setting := range over {
		before, _ := base[id].(plain)
		if before == nil {
			before = plain{}
		}
		result[id] = overlay(before, setting.(plain))
	}
	return result
}

func naiveMatch(match plain, r Resource) bool {
	for criterion, value := range map[string]string{"accounts": r.Account, "regions": r.Region, "repositories": r.Repository} {
		if globs, given := match[criterion]; given && (value == "" || !naiveGlobs(globs, value)) {
			return false
		}
	}
	tags, given := match["tags"].(plain)
	if given && r.Repository == "" {
		return false
	}
	for key, globs := range tags {
		if value, ok := r.Tags[key]; !ok || !naiveGlobs(globs, value) {
			return false
		}
	}
	return true
}

func naiveGlobs(globs any, value string) bool {
	for _, glob := range globs.([]string) {
		if naiveGlob(glob, value) {
			return true
		}
	}
	return false
}

func naiveGlob(glob, value string) bool {
	pattern := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(glob))
	return regexp.MustCompile("^(?s:" + pattern + ")$").MatchString(value)
}

func drawSettings(t *rapid.T) plain {
	choices := []plain{
		{"trusted_accounts": plain{"111122223333": "a"}},
		{"trusted_accounts": plain{}},
		{"reader_accounts": []string{"111122223333"}},
		{"release_tags": "^r"},
		{"tag_pattern": "^[a-z]+$"},
		{"vulnerabilities": plain{"low": 3}},
		{"lifecycle": plain{"required": false}},
		{"lifecycle": plain{"untagged": false, "max_days": 9}},
		{"lifecycle": plain{"dev_tags": []string{"pr-*"}, "max_days": 3}},
		{"required_tags": plain{"env": []string{"prod"}}},
		{"encryption": plain{"type": "KMS"}},
		{"encryption": plain{"kms_keys": []string{"arn:aws:kms:eu-west-1:111122223333:key/1"}}},
		{"immutable": "all"},
		{"scan_on_push": false},
	}
	settings := plain{}
	for _, choice := range rapid.SliceOfN(rapid.SampledFrom(choices), 1, 4).Draw(t, "settings") {
		maps.Copy(settings, choice)
	}
	return settings
}

func drawRules(t *rapid.T) plain {
	setting := rapid.SampledFrom([]plain{{"enabled": true}, {"enabled": false}, {"severity": "low"}, {"enabled": true, "severity": "critical"}})
	rules := plain{}
	for id, s := range rapid.MapOfN(rapid.SampledFrom([]string{"a", "b"}), setting, 0, 2).Draw(t, "rules") {
		rules[id] = s
	}
	return rules
}

func drawMatch(t *rapid.T) plain {
	globs := func(of ...string) *rapid.Generator[[]string] {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(of), 1, 2, rapid.ID[string])
	}
	match := plain{}
	for _, criterion := range rapid.SliceOfN(rapid.SampledFrom([]string{"accounts", "regions", "repositories", "tags"}), 1, 4).Draw(t, "criteria") {
		switch criterion {
		case "accounts":
			match[criterion] = globs("1*", "111122223333", "?11122223333", "*").Draw(t, criterion)
		case "regions":
			match[criterion] = globs("eu-*", "*-1", "us-east-1").Draw(t, criterion)
		case "repositories":
			match[criterion] = globs("team/*", "*api", "team/?pi", "*").Draw(t, criterion)
		case "tags":
			match[criterion] = plain{rapid.SampledFrom([]string{"env", "tier"}).Draw(t, "tag"): globs("prod*", "*", "", "d?v").Draw(t, "values")}
		}
	}
	return match
}

func drawResource(t *rapid.T) Resource {
	return Resource{
		Account:    rapid.SampledFrom([]string{"", "111122223333", "211122223333"}).Draw(t, "account"),
		Region:     rapid.SampledFrom([]string{"", "eu-west-1", "us-east-1"}).Draw(t, "region"),
		Repository: rapid.SampledFrom([]string{"", "team/api", "web", "team/a/pi"}).Draw(t, "repository"),
		Tags: rapid.MapOf(rapid.SampledFrom([]string{"env", "tier"}),
			rapid.SampledFrom([]string{"", "prod-eu", "dev"})).Draw(t, "tags"),
	}
}

func TestForIsTheScopesLaidOverTheBase(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var scopes []plain
		for range rapid.IntRange(0, 12).Draw(t, "scopes") {
			scopes = append(scopes, plain{"match": drawMatch(t), "settings": drawSettings(t), "rules": drawRules(t)})
		}
		file := drawSettings(t)
		baseRules := drawRules(t)
		var base plain
		if err := json.Unmarshal([]byte(defaultSettings), &base); err != nil {
			t.Fatal(err)
		}
		base = overlay(base, file)
		c := parseFile(t, file, baseRules, scopes)

		seen := map[string]*Effective{}
		for range 10 {
			r := drawResource(t)
			settings, rules, held := base, baseRules, ""
			for i, scope := range scopes {
				if naiveMatch(scope["match"].(plain), r) {
					held += fmt.Sprint(i, " ")
					settings = overlay(settings, scope["settings"].(plain))
					rules = overlayRules(rules, scope["rules"].(plain))
				}
			}
			e := c.For(r)
			if diff := cmp.Diff(generic(t, settings), generic(t, e.Settings)); diff != "" {
				t.Fatalf("settings of %+v: -naive +For:\n%s", r, diff)
			}
			for _, id := range []string{"a", "b", "c"} {
				want, _ := rules[id].(plain)
				if diff := cmp.Diff(ruleSetting(t, want), e.Rule(id)); diff != "" {
					t.Fatalf("rule %s of %+v: -naive +For:\n%s", id, r, diff)
				}
			}
			if before := seen[held]; before != nil && before != e {
				t.Fatalf("scopes %s: another pointer", held)
			}
			seen[held] = e
		}
	})
}

func parseFile(t *rapid.T, settings, rules plain, scopes []plain) *Config {
	file := maps.Clone(settings)
	file["rules"], file["scopes"] = rules, scopes
	text, err := json.Marshal(file) // JSON is YAML
	if err != nil {
		t.Fatal(err)
	}
	c, err := Parse("e.yaml", text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return c
}

// generic is a value as JSON gives it back.
func generic(t *rapid.T, value any) any {
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var result any
	if err := json.Unmarshal(text, &result); err != nil {
		t.Fatal(err)
	}
	return result
}

func ruleSetting(t *rapid.T, from plain) RuleSetting {
	var s RuleSetting
	if on, ok := from["enabled"].(bool); ok {
		s.Enabled = &on
	}
	if name, ok := from["severity"].(string); ok {
		severity, err := finding.ParseSeverity(name)
		if err != nil {
			t.Fatal(err)
		}
		s.Severity = &severity
	}
	return s
}

func TestGlobs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		glob := rapid.StringOfN(rapid.RuneFrom([]rune("ab/é*?")), 0, 8, -1).Draw(t, "glob")
		text := rapid.StringOfN(rapid.RuneFrom([]rune("ab/é")), 0, 8, -1).Draw(t, "text")
		if got, want := matchGlob(glob, text), naiveGlob(glob, text); got != want {
			t.Fatalf("matchGlob(%q, %q) = %v", glob, text, got)
		}
	})
}

func TestForIsCheap(t *testing.T) {
	c := parse(t, everything+strings.Repeat("  - {match: {repositories: ['team/*', 'x*y*z'], tags: {env: 'p*'}}, rules: {a: off}}\n", 40))
	r := Resource{Account: "111122223333", Region: "eu-west-1", Repository: "team/api", Tags: map[string]string{"env": "prod"}}
	c.For(r)
	if n := testing.AllocsPerRun(100, func() { c.For(r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestForFromManyGoroutines(t *testing.T) {
	c := parse(t, everything)
	r := Resource{Account: "111122223333", Region: "eu-west-1", Repository: "team/api", Tags: map[string]string{"env": "prod", "tier": "gold"}}
	results := make([]*Effective, 8)
	var group sync.WaitGroup
	for i := range results {
		group.Go(func() { results[i] = c.For(r) })
	}
	group.Wait()
	for _, e := range results {
		equal(t, e == results[0], true)
	}
	equal(t, results[0].Settings.Lifecycle.MaxDays, 7)
	equal(t, results[0] == c.For(Resource{}), false)
}

func TestEffective(t *testing.T) {
	c := parse(t, everything)
	base := c.For(Resource{})
	equal(t, base.Enabled("tag-convention", true), false)
	equal(t, base.Enabled("encryption", true), true)
	equal(t, base.Enabled("never-mentioned", true), true)
	equal(t, base.Enabled("never-mentioned", false), false)
	equal(t, base.Severity("encryption", finding.High), finding.Low)
	equal(t, base.Severity("never-mentioned", finding.High), finding.High)
	equal(t, base.ReleaseTagsRegexp().String(), "^release-")
	equal(t, base.TagPatternRegexp().String(), "^[a-z]")
	equal(t, Default().For(Resource{}).TagPatternRegexp() == nil, true)
	equal(t, Default().For(Resource{}).ReleaseTagsRegexp().MatchString("v1.2.3"), true)
}

func TestTagsDecide(t *testing.T) {
	c := parse(t, "scopes: [{match: {regions: 'eu-*', tags: {env: prod}}, rules: {a: off}}]")
	equal(t, c.NeedsTags(), true)
	equal(t, c.TagsDecide(Resource{Region: "eu-west-1", Repository: "api"}), true)
	equal(t, c.TagsDecide(Resource{Region: "us-east-1", Repository: "api"}), false)
	equal(t, c.TagsDecide(Resource{Region: "eu-west-1"}), false)

	without := parse(t, "scopes: [{match: {regions: 'eu-*'}, rules: {a: off}}]")
	equal(t, without.NeedsTags(), false)
	equal(t, without.TagsDecide(Resource{Region: "eu-west-1", Repository: "api"}), false)
}

func TestMayRun(t *testing.T) {
	c := parse(t, `
rules: {off-everywhere: off, on-in-a-scope: off, severity-in-a-scope: off, on: on}
scopes:
  - match: {regions: "*"}
    rules: {on-in-a-scope: on, severity-in-a-scope: {severity: low}, on: off}
`)
	for id, want := range map[string]bool{
		"off-everywhere": false, "on-in-a-scope": true, "severity-in-a-scope": false, "on": true, "never-mentioned": true, "optional": false,
	} {
		equal(t, id+fmt.Sprint(c.MayRun(id, id != "optional")), id+fmt.Sprint(want))
	}
}

func BenchmarkFor(b *testing.B) {
	c := parse(b, everything)
	r := Resource{Account: "111122223333", Region: "eu-west-1", Repository: "team/api", Tags: map[string]string{"env": "prod", "tier": "gold"}}
	for b.Loop() {
		c.For(r)
	}
}
