package workbench

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Costs is what judging costs, and each rule's part in it.
type Costs struct {
	Registries   int         `json:"registries"`
	Repositories int         `json:"repositories"`
	Images       int         `json:"images"`
	Rules        []RuleCosts `json:"rules"` // the dearest first
	// Micros of an audit in all: OPA is the sum of the rules, each evaluated
	// alone; Inputs is what building what they see takes.
	AuditMicros  float64 `json:"audit_micros"`
	OPAMicros    float64 `json:"opa_micros"`
	InputsMicros float64 `json:"inputs_micros"`
}

// RuleCosts is what one rule costs.
type RuleCosts struct {
	Rule   string        `json:"rule"`
	Scope  finding.Scope `json:"scope"`
	Micros float64       `json:"micros"` // in all
	Each   float64       `json:"each"`   // for each of what the scope judges: an image, a repository, …
	Share  float64       `json:"share"`  // of all rules, in percent
	// TooSlow is how often it took longer than the time limit. After three times it
	// is measured no further.
	TooSlow int `json:"too_slow,omitempty"`
}

// Of counts what rules of a scope judge.
func (c *Costs) of(scope finding.Scope) int {
	switch scope {
	case finding.ScopeImage:
		return c.Images
	case finding.ScopeRepository:
		return c.Repositories
	case finding.ScopeRegistry:
		return c.Registries
	}
	return 1
}

// Bench sums up a measurement.
func Bench(m evaluate.Measurement, rules []finding.Rule) Costs {
	c := Costs{
		Registries: m.Registries, Repositories: m.Repositories, Images: m.Images, Rules: []RuleCosts{},
		AuditMicros: micros(m.Judging), InputsMicros: micros(m.Building),
	}
	for _, took := range m.Rules {
		c.OPAMicros += micros(took)
	}
	for _, rule := range rules {
		took, measured := m.Rules[rule.ID]
		if !measured {
			continue
		}
		cost := RuleCosts{Rule: rule.ID, Scope: rule.Scope, Micros: micros(took), TooSlow: m.TooSlow[rule.ID]}
		cost.Each = cost.Micros / float64(max(c.of(rule.Scope), 1))
		if c.OPAMicros > 0 {
			cost.Share = 100 * cost.Micros / c.OPAMicros
		}
		c.Rules = append(c.Rules, cost)
	}
	slices.SortStableFunc(c.Rules, func(a, b RuleCosts) int {
		return cmp.Or(cmp.Compare(b.Micros, a.Micros), cmp.Compare(a.Rule, b.Rule))
	})
	return c
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// What the synthetic organization has: enough for the time of a page to be that
// of its images.
const (
	syntheticRepositories = 10
	syntheticImages       = 1000 // of each repository
)

// SyntheticClock is when the synthetic organization was collected.
var SyntheticClock = time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)

// SyntheticOrganization is the organization of [Synthesize].
func SyntheticOrganization() snapshot.Organization {
	return snapshot.Organization{ID: "o-a1b2c3d4e5", Accounts: []snapshot.Account{{ID: "111122223333", State: "ACTIVE", Path: "o-a1b2c3d4e5/r-ab12/"}}}
}

// Synthesize hands a registry with repositories of many images to a handler:
// builds, releases for two platforms with their signatures, caches, and some
// images that nobody has pulled.
func Synthesize(ctx context.Context, h snapshot.Handler) error {
	target := snapshot.Target{Partition: "aws", Account: "111122223333", Region: "eu-west-1"}
	registry := &snapshot.Registry{Target: target, Settings: map[string]string{"REGISTRY_POLICY_SCOPE": "V2"}, Scanning: &snapshot.RegistryScanning{Type: "BASIC"}}
	if err := h.Registry(ctx, registry); err != nil {
		return err
	}
	for n := range syntheticRepositories {
		name := fmt.Sprintf("team-%d/api", n)
		r := &snapshot.Repository{
			Target: target, Name: name, ARN: target.RepositoryARN(name), URI: "111122223333.dkr.ecr.eu-west-1.amazonaws.com/" + name, CreatedAt: SyntheticClock.AddDate(-2, 0, 0),
			Mutability: snapshot.Mutability{Setting: "IMMUTABLE"}, Encryption: snapshot.Encryption{Type: "AES256"},
			Policy:    `{"Version":"2012-10-17","Statement":[{"Sid":"pull","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}]}`,
			Lifecycle: `{"rules":[{"rulePriority":1,"selection":{"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":7},"action":{"type":"expire"}}]}`,
			Tags:      map[string]string{"team": "api"},
			Scanning:  &snapshot.EffectiveScanning{Frequency: "SCAN_ON_PUSH", ScanOnPush: true},
			Images:    syntheticImagesOf(n),
		}
		if err := h.Repository(ctx, registry, r); err != nil {
			return err
		}
	}
	return nil
}

func syntheticImagesOf(repository int) []snapshot.Image {
	digest := func(i int) string { return fmt.Sprintf("sha256:%08x%056x", repository, i) }
	images := make([]snapshot.Image, 0, syntheticImages)
	for i := range syntheticImages {
		image := snapshot.Image{
			Digest: digest(i), Kind: snapshot.KindImage, Status: "ACTIVE", MediaType: "application/vnd.oci.image.manifest.v1+json",
			SizeBytes: 50 << 20, PushedAt: SyntheticClock.AddDate(0, 0, -i%400), Scan: &snapshot.Scan{Status: "COMPLETE", CompletedAt: SyntheticClock.AddDate(0, 0, -1), Source: "ecr:DescribeImages", Counts: map[string]int{"LOW": 3}},
		}
		if i%2 == 0 {
			image.LastPulledAt = image.PushedAt.AddDate(0, 0, 1)
		}
		switch i % 20 {
		case 0: // a release for two platforms
			image.Kind, image.MediaType = snapshot.KindIndex, "application/vnd.oci.image.index.v1+json"
			image.Tags, image.Scan = []string{fmt.Sprintf("1.%d.0", i/20)}, nil
			image.Children = []snapshot.Child{{Digest: digest(i + 1), Platform: "linux/amd64"}, {Digest: digest(i + 2), Platform: "linux/arm64"}}
		case 1, 2: // its images
		case 3: // its signature
			image.Kind, image.Subject, image.ArtifactType, image.Scan = snapshot.KindSignature, digest(i-3), "application/vnd.dev.cosign.artifact.sig.v1+json", nil
		case 4: // an untagged leftover
		default: // a build
			image.Tags = []string{fmt.Sprintf("gitsha_%07x", i)}
		}
		images = append(images, image)
	}
	return images
}
