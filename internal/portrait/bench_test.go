package portrait

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

func benchEngine(b *testing.B) *evaluate.Engine {
	b.Helper()
	rules, err := evaluate.LoadRules(nil)
	if err != nil {
		b.Fatal(err)
	}
	engine, err := evaluate.New(rules, config.Default(), evaluate.Options{Clock: now})
	if err != nil {
		b.Fatal(err)
	}
	engine.Begin(snapshot.Organization{ID: "o-a1b2c3d4e5", Accounts: []snapshot.Account{{ID: "111122223333"}}})
	return engine
}

// benchRepository has an image for each quarter of an hour, some of them parts
// of an index, so that its lifecycle policy acts each day.
func benchRepository(images int) (*snapshot.Registry, *snapshot.Repository) {
	target := snapshot.Target{Partition: "aws", Account: "111122223333", Region: "eu-west-1"}
	const rule = `{"rulePriority":%d,"selection":{"tagStatus":"%s","countType":"%s,"countNumber":%d},"action":{"type":"expire"}}`
	r := &snapshot.Repository{
		Target: target, Name: "team/api", ARN: target.RepositoryARN("team/api"),
		Mutability: snapshot.Mutability{Setting: "MUTABLE"}, Encryption: snapshot.Encryption{Type: "AES256"},
		Policy: `{"Version":"2012-10-17","Statement":[{"Sid":"Partner","Effect":"Allow","Principal":{"AWS":"999988887777"},"Action":"ecr:BatchGetImage"}]}`,
		Lifecycle: `{"rules":[` + fmt.Sprintf(rule, 1, "untagged", `sinceImagePushed","countUnit":"days"`, 60) + "," +
			fmt.Sprintf(rule, 2, "any", `sinceImagePushed","countUnit":"days"`, 120) + `]}`,
	}
	for i := range images {
		image := snapshot.Image{
			Digest: fmt.Sprintf("sha256:%064x", i), Tags: []string{fmt.Sprintf("gitsha_%07x", i)}, Kind: snapshot.KindImage, Status: "ACTIVE",
			MediaType: "application/vnd.oci.image.manifest.v1+json", SizeBytes: 50 << 20, PushedAt: now.Add(-time.Duration(i%10_000) * 15 * time.Minute),
		}
		switch i % 10 {
		case 0:
			image.Tags = []string{fmt.Sprintf("1.0.%d", i)}
			image.Scan = &snapshot.Scan{Status: "COMPLETE", Counts: map[string]int{"HIGH": 3, "LOW": 1}}
		case 1:
			image.Kind = snapshot.KindIndex
			image.Children = []snapshot.Child{{Digest: fmt.Sprintf("sha256:%064x", i+1), Platform: "linux/amd64"}, {Digest: fmt.Sprintf("sha256:%064x", i+2), Platform: "linux/arm64"}}
		case 2, 3:
			image.Tags = nil
		}
		r.Images = append(r.Images, image)
	}
	return &snapshot.Registry{Target: target, Settings: map[string]string{"REGISTRY_POLICY_SCOPE": "V2"}, Scanning: &snapshot.RegistryScanning{Type: "BASIC"}}, r
}

// BenchmarkDraw judges a repository without details, and then with all that
// details take: drawn, written to the spool's form, read back and written again.
func BenchmarkDraw(b *testing.B) {
	for _, images := range []int{100, 1_000, 200_000} {
		engine := benchEngine(b)
		reg, r := benchRepository(images)
		b.Run(fmt.Sprintf("images=%d/without", images), func(b *testing.B) {
			for b.Loop() {
				if _, err := engine.Repository(b.Context(), reg, r); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("images=%d/with", images), func(b *testing.B) {
			for b.Loop() {
				findings, evidence, err := engine.Examine(b.Context(), reg, r)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(keep(b, Draw(evidence, findings, now))), "bytes")
			}
		})
	}
}

// keep does what becomes of a detail, and returns its size.
func keep(b *testing.B, drawn report.Detail) int {
	b.Helper()
	spooled, err := json.Marshal(drawn)
	if err != nil {
		b.Fatal(err)
	}
	var back report.Detail
	if err := json.Unmarshal(spooled, &back); err != nil {
		b.Fatal(err)
	}
	written, err := json.Marshal(back)
	if err != nil {
		b.Fatal(err)
	}
	return len(written)
}
