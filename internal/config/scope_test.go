package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
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
	values := map[string]string{
		"accounts": r.Account, "account_names": r.Owner.Name, "regions": r.Region, "repositories": r.Repository, "encryption": r.Encryption,
	}
	for criterion, value := range values {
		if globs, given := match[criterion]; given && (value == "" || !naiveGlobs(globs, value)) {
			return false
		}
	}
	for criterion, has := range map[string]map[string]string{"tags": r.Tags, "account_tags": r.Owner.Tags} {
		tags, _ := match[criterion].(plain)
		for key, globs := range tags {
			if value, ok := has[key]; !ok || !naiveGlobs(globs, value) {
				return false
			}
		}
	}
	return naiveUnits(match["ous"], r.Owner) && naiveAge(match, r)
}

func naiveUnits(units any, o *Owner) bool {
	if units == nil {
		return true
	}
	for _, of := range append(slices.Clone(o.UnitPaths), o.Units...) {
		if naiveGlobs(units, of) {
			return true
		}
	}
	return false
}

func naiveAge(match plain, r Resource) bool {
	day := r.CreatedAt.Format(time.DateOnly)
	after, since := match["created_after"].(string)
	before, until := match["created_before"].(string)
	return (!since || r.Repository != "" && day >= after) && (!until || r.Repository != "" && day < before)
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

var criteria = []string{"accounts", "account_names", "ous", "account_tags", "regions", "repositories", "tags", "encryption", "created_after", "created_before"}

func drawMatch(t *rapid.T) plain {
	globs := func(of ...string) *rapid.Generator[[]string] {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(of), 1, 2, rapid.ID[string])
	}
	match := plain{}
	for _, criterion := range rapid.SliceOfN(rapid.SampledFrom(criteria), 1, 4).Draw(t, "criteria") {
		switch criterion {
		case "accounts":
			match[criterion] = globs("1*", "111122223333", "?11122223333", "*").Draw(t, criterion)
		case "regions":
			match[criterion] = globs("eu-*", "*-1", "us-east-1").Draw(t, criterion)
		case "repositories":
			match[criterion] = globs("team/*", "*api", "team/?pi", "*").Draw(t, criterion)
		case "account_names":
			match[criterion] = globs("prod*", "*", "?rod-1").Draw(t, criterion)
		case "ous":
			match[criterion] = globs("ou-ab12-11111111", "r-ab12", "Work*", "Workloads/Prod", "*").Draw(t, criterion)
		case "encryption":
			match[criterion] = globs("AES256", "KMS").Draw(t, criterion)
		case "created_after", "created_before":
			limits := map[string][]string{"created_after": {"2026-01-01", "2026-01-03"}, "created_before": {"2026-01-04", "2026-01-05"}}
			match[criterion] = rapid.SampledFrom(limits[criterion]).Draw(t, criterion)
		case "tags", "account_tags":
			match[criterion] = plain{rapid.SampledFrom([]string{"env", "tier"}).Draw(t, "tag"): globs("prod*", "*", "", "d?v").Draw(t, "values")}
		}
	}
	return match
}

// drawResource draws a resource of which everything is known.
func drawResource(t *rapid.T) Resource {
	tags := func(of string) map[string]string {
		return rapid.MapOf(rapid.SampledFrom([]string{"env", "tier"}), rapid.SampledFrom([]string{"", "prod-eu", "dev"})).Draw(t, of)
	}
	r := Resource{
		Account: rapid.SampledFrom([]string{"", "111122223333", "211122223333"}).Draw(t, "account"),
		Region:  rapid.SampledFrom([]string{"", "eu-west-1", "us-east-1"}).Draw(t, "region"),
		Owner:   &Owner{},
	}
	if r.Account != "" {
		r.Owner = &Owner{
			Name:  rapid.SampledFrom([]string{"prod-1", "dev"}).Draw(t, "name"),
			Units: []string{"r-ab12", "ou-ab12-11111111"}, UnitPaths: []string{"Workloads"}, Tags: tags("account tags"),
		}
		if rapid.Bool().Draw(t, "deep") {
			r.Owner.Units, r.Owner.UnitPaths = append(r.Owner.Units, "ou-ab12-22222222"), append(r.Owner.UnitPaths, "Workloads/Prod")
		}
	}
	if r.Repository = rapid.SampledFrom([]string{"", "team/api", "web", "team/a/pi"}).Draw(t, "repository"); r.Repository != "" {
		r.Tags = tags("tags")
		r.Encryption = rapid.SampledFrom(encryptionTypes()).Draw(t, "encryption")
		r.CreatedAt = time.Date(2026, 1, rapid.IntRange(1, 6).Draw(t, "day"), 0, 0, 0, 0, time.UTC)
	}
	return r
}

// forget draws what of a resource is not known, and takes it away.
func forget(t *rapid.T, r Resource) Resource {
	unknown := map[Criterion]string{}
	for _, c := range rapid.SliceOfN(rapid.SampledFrom(Criteria()), 1, 5).Draw(t, "unknown") {
		unknown[c] = "it is not known"
	}
	r.Unknown = unknown
	owner := *r.Owner
	if rapid.Bool().Draw(t, "without names of units") && len(owner.UnitPaths) > 0 {
		owner.UnitPaths, owner.UnitPathsUnknown = nil, "they are not known"
	}
	r.Owner = &owner
	return r
}

// What is decided is right, whatever is not known.
func TestUnknownIsNotGuessed(t *testing.T) {
	decided, undecided := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		var scopes []plain
		for range rapid.IntRange(1, 5).Draw(t, "scopes") {
			scopes = append(scopes, plain{"match": drawMatch(t), "settings": drawSettings(t), "rules": drawRules(t)})
		}
		c := parseFile(t, plain{}, plain{}, scopes)
		for range 10 {
			whole := drawResource(t)
			if why := c.Undecided(whole); why != "" {
				t.Fatalf("of %+v everything is known, but %s", whole, why)
			}
			part := forget(t, whole)
			if c.Undecided(part) != "" {
				undecided++
				protected := c.For(whole).ProtectedTagsRegexp()
				for _, tag := range []string{"1.0.0", "r1", "x"} {
					if protected.MatchString(tag) && !c.ProtectedWherever(part).MatchString(tag) {
						t.Fatalf("%s is protected, but no longer once something is not known", tag)
					}
				}
				continue
			}
			decided++
			if c.For(part) != c.For(whole) {
				t.Fatalf("decided without %v, but wrongly: %+v", part.Unknown, whole)
			}
		}
	})
	if decided == 0 || undecided == 0 {
		t.Errorf("%d decided, %d undecided", decided, undecided)
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
		if got, want := matchGlob(glob, text), naiveGlob(glob, text); got != want || compileGlob(glob)(text) != want {
			t.Fatalf("matchGlob(%q, %q) = %v, compiled %v", glob, text, got, compileGlob(glob)(text))
		}
	})
}

// everythingHolds is a resource for which the scope of everything holds.
var everythingHolds = Resource{
	Account: "111122223333", Region: "eu-west-1", Repository: "team/api", Tags: map[string]string{"env": "prod", "tier": "gold"},
	Encryption: "KMS", CreatedAt: time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC),
	Owner: &Owner{Name: "prod-1", Units: []string{"r-ab12", "ou-ab12-11111111"}, UnitPaths: []string{"Workloads"}, Tags: map[string]string{"stage": "prod"}},
}

func TestForIsCheap(t *testing.T) {
	c := parse(t, everything+strings.Repeat("  - {match: {repositories: ['team/*', 'x*y*z'], tags: {env: 'p*'}}, rules: {a: off}}\n", 40))
	r := everythingHolds
	c.For(r)
	if n := testing.AllocsPerRun(100, func() { c.For(r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestForFromManyGoroutines(t *testing.T) {
	c := parse(t, everything)
	r := everythingHolds
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

func TestUndecided(t *testing.T) {
	c := parse(t, "scopes: [{match: {regions: 'eu-*', tags: {env: prod}}, rules: {a: on, b: off}}]")
	equal(t, c.Needs(), []snapshot.Need{snapshot.NeedTags})
	unread := map[Criterion]string{ByTag: "tags could not be read (Denied: no)"}
	api := Resource{Region: "eu-west-1", Repository: "api", Unknown: unread}
	equal(t, c.Undecided(api), "which settings hold depends on resource tags; cannot tell: tags could not be read (Denied: no)")
	equal(t, c.Undecided(Resource{Region: "us-east-1", Repository: "api", Unknown: unread}), "")
	equal(t, c.Undecided(Resource{Region: "eu-west-1"}), "")
	for id, want := range map[string]bool{"a": true, "b": false, "c": false} {
		equal(t, id+fmt.Sprint(c.MayRunFor(api, id, false)), id+fmt.Sprint(want))
	}

	without := parse(t, "scopes: [{match: {regions: 'eu-*'}, rules: {a: off}}]")
	equal(t, len(without.Needs()), 0)
	equal(t, without.Undecided(api), "")
}

func TestWhatIsKnownOfAccounts(t *testing.T) {
	c := parse(t, `scopes:
  - {match: {account_names: "prod-*"}, rules: {a: off}}
  - {match: {ous: [ou-ab12-11111111, "Workloads/Prod*"]}, rules: {b: off}}
  - {match: {account_tags: {stage: prod}}, rules: {c: off}}
`)
	equal(t, c.Needs(), []snapshot.Need{snapshot.NeedAccounts, snapshot.NeedUnitNames, snapshot.NeedAccountTags})
	const id = "111122223333"
	listed := snapshot.Account{ID: "999988887777", State: "ACTIVE", Name: "other", Path: "o-a/r-ab12/", Tags: map[string]string{}}
	denied := snapshot.Gap{Need: snapshot.NeedAccountTags, Code: "AccessDenied", Message: "no", Permission: "organizations:ListTagsForResource"}
	for _, test := range []struct {
		name    string
		o       snapshot.Organization
		off     string // the rules that surely are
		unknown string
	}{
		{"everything is known", snapshot.Organization{Accounts: []snapshot.Account{{
			ID: id, State: "ACTIVE", Name: "prod-1", Path: "o-a/r-ab12/ou-ab12-99999999/ou-ab12-22222222/", Units: []string{"Workloads", "Production"},
			Tags: map[string]string{"stage": "prod"},
		}}}, "abc", ""},
		{"in the root", snapshot.Organization{Accounts: []snapshot.Account{{
			ID: id, State: "ACTIVE", Name: "dev", Path: "o-a/r-ab12/", Units: []string{}, Tags: map[string]string{},
		}}}, "", ""},
		{"the names of units were not read, but the id is enough", snapshot.Organization{Accounts: []snapshot.Account{{
			ID: id, State: "ACTIVE", Name: "dev", Path: "o-a/r-ab12/ou-ab12-11111111/", Tags: map[string]string{},
		}}}, "b", ""},
		{"the names of units were not read", snapshot.Organization{Accounts: []snapshot.Account{{
			ID: id, State: "ACTIVE", Name: "dev", Path: "o-a/r-ab12/ou-ab12-22222222/", Tags: map[string]string{},
		}}}, "", "organizational units; cannot tell: it was not collected"},
		{"tags could not be read", snapshot.Organization{Accounts: []snapshot.Account{{
			ID: id, State: "ACTIVE", Name: "dev", Path: "o-a/r-ab12/", Gaps: []snapshot.Gap{denied},
		}}}, "", "account tags; cannot tell: account tags could not be read (AccessDenied: no); the caller needs organizations:ListTagsForResource"},
		{"accounts could not be listed", snapshot.Organization{Unread: "organizations:ListAccounts: denied"}, "",
			"account names; cannot tell: the accounts could not be listed (organizations:ListAccounts: denied)"},
		{"only the configuration knows it", snapshot.Organization{Accounts: []snapshot.Account{{ID: id}}}, "", "account names; cannot tell: it was not collected"},
		{"it is none of the organization's", snapshot.Organization{Accounts: []snapshot.Account{listed}}, "",
			"account names; cannot tell: AWS Organizations does not list the account"},
		{"there is no organization", snapshot.Organization{None: true}, "",
			"account names; cannot tell: the account belongs to no organization that would know its name"},
		{"nothing was asked", snapshot.Organization{}, "", "account names; cannot tell: AWS Organizations was not asked"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := NewAccounts(test.o).Target(snapshot.Target{Account: id, Region: "eu-west-1"})
			off := ""
			for _, rule := range []string{"a", "b", "c"} {
				if !c.For(r).Enabled(rule, true) {
					off += rule
				}
			}
			equal(t, off, test.off)
			equal(t, strings.TrimPrefix(c.Undecided(r), "which settings hold depends on "), test.unknown)
		})
	}
	equal(t, c.Undecided((*Accounts)(nil).Target(snapshot.Target{Account: id})),
		"which settings hold depends on account names; cannot tell: nothing is known of the account")
	equal(t, c.Undecided(Resource{}), "")
}

func TestFixes(t *testing.T) {
	for text, want := range map[string]bool{"allow": true, "deny": false, "[start_scan]": true, "[tag_resource]": false, "[]": false} {
		e := parse(t, "fixes: "+text).For(Resource{})
		equal(t, text+fmt.Sprint(e.AllowsFix(finding.StartScan)), text+fmt.Sprint(want))
	}
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

// BenchmarkFor scopes one repository with as many scopes as a large organization
// may have, none of which is decided by its first criterion.
func BenchmarkFor(b *testing.B) {
	for _, scopes := range []int{1, 10, 100} {
		b.Run(fmt.Sprint(scopes, " scopes"), func(b *testing.B) {
			var text strings.Builder
			text.WriteString("scopes:\n")
			for i := range scopes {
				fmt.Fprintf(&text, "  - {match: {accounts: ['1111*'], ous: ['Work*'], regions: ['eu-*'], repositories: ['team/*', '*-%d'], tags: {env: ['prod*', 'p%d']}}, rules: {a: off}}\n", i, i)
			}
			c := parse(b, text.String())
			for b.Loop() {
				c.For(everythingHolds)
			}
		})
	}
}
