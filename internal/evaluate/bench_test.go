package evaluate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

const benchImages = 1000

func benchEngine(tb testing.TB) *Engine {
	tb.Helper()
	c, err := config.Parse("ecraudit.yaml", []byte("tag_pattern: '^(v?[0-9.]+|gitsha_[0-9a-f]+)$'\n"))
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
	engine.Begin(snapshot.Organization{ID: "o-a1b2c3d4e5", Accounts: []snapshot.Account{{ID: "111122223333"}}})
	return engine
}

func benchRepository(images int) (*snapshot.Registry, *snapshot.Repository) {
	target := snapshot.Target{Partition: "aws", Account: "111122223333", Region: "eu-west-1"}
	r := &snapshot.Repository{
		Target: target, Name: "team/api", ARN: target.RepositoryARN("team/api"),
		Mutability: snapshot.Mutability{Setting: "IMMUTABLE"}, Encryption: snapshot.Encryption{Type: "AES256"},
		Lifecycle: `{"rules":[{"rulePriority":1,"selection":{"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":7},"action":{"type":"expire"}}]}`,
		Scanning:  &snapshot.EffectiveScanning{Frequency: "SCAN_ON_PUSH", ScanOnPush: true},
	}
	for i := range images {
		image := snapshot.Image{
			Digest: fmt.Sprintf("sha256:%064x", i), Tags: []string{fmt.Sprintf("gitsha_%07x", i)}, Kind: snapshot.KindImage, Status: "ACTIVE",
			MediaType: "application/vnd.oci.image.manifest.v1+json", SizeBytes: 50 << 20, PushedAt: time.Date(2026, 9, 1, 0, i, 0, 0, time.UTC),
		}
		if i%10 == 0 {
			image.Tags = append(image.Tags, fmt.Sprintf("1.0.%d", i))
			image.Scan = &snapshot.Scan{Status: "COMPLETE", Counts: map[string]int{"LOW": 3}}
		}
		r.Images = append(r.Images, image)
	}
	return &snapshot.Registry{Target: target, Settings: map[string]string{"REGISTRY_POLICY_SCOPE": "V2"}, Scanning: &snapshot.RegistryScanning{Type: "BASIC"}}, r
}

// BenchmarkRepository judges a repository of a thousand images with the
// default rules: building the input, evaluating, reading the answers.
func BenchmarkRepository(b *testing.B) {
	engine := benchEngine(b)
	reg, r := benchRepository(benchImages)
	for b.Loop() {
		if _, err := engine.Repository(b.Context(), reg, r); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/benchImages, "µs/image")
}

// BenchmarkBareOPA is the yardstick: the same queries on the same values, made
// beforehand, with the answers thrown away.
func BenchmarkBareOPA(b *testing.B) {
	engine := benchEngine(b)
	reg, r := benchRepository(benchImages)
	queries := readyQueries(b, engine, reg, r)
	for b.Loop() {
		for _, q := range queries {
			if _, err := q.prepared.Eval(context.Background(), rego.EvalParsedInput(q.input)); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/benchImages, "µs/image")
}

// BenchmarkImageRules is what each image rule adds to an evaluation.
func BenchmarkImageRules(b *testing.B) {
	engine := benchEngine(b)
	reg, r := benchRepository(benchImages)
	all := engine.rules
	for _, rule := range all {
		if rule.Scope != finding.ScopeImage {
			continue
		}
		b.Run(rule.ID, func(b *testing.B) {
			engine.rules = []*Rule{rule}
			queries := readyQueries(b, engine, reg, r)[1:]
			for b.Loop() {
				for _, q := range queries {
					if _, err := q.prepared.Eval(context.Background(), rego.EvalParsedInput(q.input)); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchImages, "ns/image")
		})
	}
}

type readyQuery struct {
	prepared rego.PreparedEvalQuery
	input    ast.Value
}

func readyQueries(b *testing.B, engine *Engine, reg *snapshot.Registry, r *snapshot.Repository) []readyQuery {
	b.Helper()
	v := engine.view(reg, r)
	j := &judgement{engine: engine, target: r.Target, repository: r, settings: v.settings, gap: r.Gap}
	base, err := j.base(engine.registryValue(reg))
	if err != nil {
		b.Fatal(err)
	}
	base.set("repository", engine.repositoryTerm(v))
	prepare := func(rules []*Rule, input object) readyQuery {
		prepared, err := engine.prepare(b.Context(), rules)
		if err != nil {
			b.Fatal(err)
		}
		return readyQuery{prepared, ast.NewObject(input...)}
	}
	queries := []readyQuery{prepare(engine.rulesOf(finding.ScopeRepository), base)}
	builder := engine.newImageTerms(v)
	for page := range slices.Chunk(r.Images, pageSize) {
		built := make([]builtImage, len(page))
		for i := range page {
			built[i] = builder.build(&page[i])
		}
		for selection, rules := range engine.imageRules() {
			if terms := selection.of(built); len(terms) > 0 {
				queries = append(queries, prepare(rules, withImages(base, terms)))
			}
		}
	}
	return queries
}

// BenchmarkScoping finds out which settings hold for the repositories of a large
// organization, with many scopes that ask about everything, and what part that is
// of judging a repository of ten images with the default rules.
func BenchmarkScoping(b *testing.B) {
	const repositories, scopes = 20_000, 25
	var text strings.Builder
	text.WriteString("scopes:\n")
	for i := range scopes {
		fmt.Fprintf(&text, "  - {match: {account_names: ['*-prod', 'p%d'], ous: ['Work*'], regions: ['eu-*'], repositories: ['team/*', '*-%d'], tags: {env: ['prod*', 'p%d']}, created_after: 2020-01-01}, settings: {limits: {images: %d}}}\n", i, i, i, i+1)
	}
	c, err := config.Parse("ecraudit.yaml", []byte(text.String()))
	if err != nil {
		b.Fatal(err)
	}
	accounts := config.NewAccounts(snapshot.Organization{Accounts: []snapshot.Account{{
		ID: "111122223333", State: "ACTIVE", Name: "team-prod", Path: "o-a/r-ab12/ou-ab12-11111111/", Units: []string{"Workloads"}, Tags: map[string]string{},
	}}})
	reg, r := benchRepository(10)
	r.CreatedAt, r.Tags = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), map[string]string{"env": "prod"}
	engine := benchEngine(b)
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
	for b.Loop() {
		for range repositories {
			c.Decide(accounts.Repository(r))
		}
	}
	scoping := b.Elapsed() / time.Duration(b.N*repositories)
	b.ReportMetric(float64(scoping.Nanoseconds()), "ns/repository")
	b.ReportMetric(100*float64(scoping)/float64(one), "%-of-evaluation")
}
