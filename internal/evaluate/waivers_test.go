package evaluate

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

func waivingEngine(tb testing.TB, waivers string) *Engine {
	tb.Helper()
	c, err := config.Parse("ecraudit.yaml", []byte("rules: {image-not-scanned: on}\n"+waivers))
	if err != nil {
		tb.Fatal(err)
	}
	rules, err := LoadRules(nil)
	if err != nil {
		tb.Fatal(err)
	}
	engine, err := New(rules, c, Options{Clock: time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)})
	if err != nil {
		tb.Fatal(err)
	}
	engine.Begin(snapshot.Organization{Accounts: []snapshot.Account{{
		ID: "111122223333", State: "ACTIVE", Name: "team-prod", Path: "o-a/r-ab12/ou-ab12-11111111/", Units: []string{"Workloads"}, Tags: map[string]string{},
	}}})
	return engine
}

// Which images are excused does not depend on the pages in which rules see them,
// and what is imagined is not counted.
func TestWaiversOfImages(t *testing.T) {
	const some = "gitsha_00001*"
	engine := waivingEngine(t, "waivers:\n  - {rule: image-not-scanned, match: {image_tags: '"+some+"'}, reason: r, owner: o, until: 2026-12-31}\n")
	reg, r := benchRepository(2*pageSize + 100)
	tags := map[string][]string{}
	for _, image := range r.Images {
		tags[image.Digest] = image.Tags
	}
	if _, err := engine.Imagine(t.Context(), reg, r); err != nil {
		t.Fatal(err)
	}
	if engine.Waivers()[0].Findings != 0 {
		t.Error("what was imagined is counted")
	}
	findings, err := engine.Repository(t.Context(), reg, r)
	if err != nil {
		t.Fatal(err)
	}
	waived, open := 0, 0
	for _, f := range findings {
		if f.Rule != "image-not-scanned" {
			continue
		}
		meant := slices.ContainsFunc(tags[f.Digest], func(tag string) bool { return strings.HasPrefix(tag, strings.TrimSuffix(some, "*")) })
		if meant != (f.Status == finding.Waived) {
			t.Errorf("%s with %v is %s", f.Digest, tags[f.Digest], f.Status)
		}
		if meant {
			waived++
		} else {
			open++
		}
	}
	if waived == 0 || open == 0 || engine.Waivers()[0].Findings != waived {
		t.Errorf("%d are excused, %d counted, %d not excused", waived, engine.Waivers()[0].Findings, open)
	}
}

// BenchmarkWaiving excuses the findings of a repository with as many waivers as a
// large organization may have, and says what part that is of judging a repository
// of ten images with the default rules.
func BenchmarkWaiving(b *testing.B) {
	const repositories, waivers = 20_000, 250
	var text strings.Builder
	text.WriteString("waivers:\n")
	rules := []string{"required-tags", "encryption", "lifecycle-missing", "scan-on-push", "image-not-scanned"}
	for i := range waivers {
		fmt.Fprintf(&text, "  - {rule: [%s, %s], match: {account_names: ['*-prod', 'p%d'], regions: ['eu-*'], repositories: ['team-%d/*', '*-%d'], image_tags: 'x%d*'}, reason: r, owner: o, until: 2026-12-31}\n",
			rules[i%len(rules)], rules[(i+1)%len(rules)], i, i, i, i)
		fmt.Fprintf(&text, "  - {rule: external-push, fingerprint: %032x, reason: r, owner: o, until: 2026-12-31}\n", i)
	}
	engine := waivingEngine(b, text.String())
	reg, r := benchRepository(10)
	findings, err := engine.Repository(b.Context(), reg, r)
	if err != nil {
		b.Fatal(err)
	}
	for range 3 { // what is compiled and kept once is not what a repository costs
		if _, err := engine.Repository(b.Context(), reg, r); err != nil {
			b.Fatal(err)
		}
	}
	began := time.Now()
	const judged = 20
	for range judged {
		if _, err := engine.Repository(b.Context(), reg, r); err != nil {
			b.Fatal(err)
		}
	}
	one := time.Since(began) / judged
	resource := engine.accounts.Repository(r)
	j := &judgement{engine: engine, target: r.Target, repository: r, settings: engine.config.For(resource)}
	for b.Loop() {
		for range repositories {
			j.waive(findings, resource, true)
		}
	}
	waiving := b.Elapsed() / time.Duration(b.N*repositories)
	b.ReportMetric(float64(len(findings)), "findings")
	b.ReportMetric(float64(waiving.Nanoseconds()), "ns/repository")
	b.ReportMetric(100*float64(waiving)/float64(one), "%-of-evaluation")
}
