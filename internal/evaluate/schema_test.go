package evaluate

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
	"github.com/ecraudit/ecraudit/policies"
)

const richConfig = `
trusted_accounts: {"777788889999": Partner}
vendor_accounts: {"888899990000": Vendor}
reader_accounts: ["444455556666"]
retention: [{name: builds, tags: '^b-', keep_newest: 1}]
lifecycle: {dev_tags: ["b-*"]}
required_tags: [team]
vulnerabilities: {critical: 0, high: 0, medium: 0, low: 0, informational: 0, undefined: 0, untriaged: 0}
prices: {regions: {eu-west-1: 0.2}}
`

const richLifecycle = `{"rules":[
 {"rulePriority":1,"selection":{"tagStatus":"tagged","tagPatternList":["1*","b-*"],"countType":"sinceImagePushed","countUnit":"days","countNumber":1},"action":{"type":"expire"}},
 {"rulePriority":2,"selection":{"tagStatus":"tagged","tagPrefixList":["b-"],"countType":"imageCountMoreThan","countNumber":1},"action":{"type":"expire"}},
 {"rulePriority":3,"selection":{"tagStatus":"tagged","tagPrefixList":["b-x"],"countType":"imageCountMoreThan","countNumber":1},"action":{"type":"expire"}}]}`

const richPolicy = `{"Version":"2012-10-17","Statement":[{"Sid":"All","Effect":"Allow","Principal":{"AWS":["777788889999","444455556666"],"Service":"lambda.amazonaws.com"},"Action":["ecr:*","ecr:GetAuthorizationToken"],"Condition":{"Bool":{"aws:SecureTransport":"true"}}},"?"]}`

// rich is a registry and a repository that have something of everything.
func rich(now time.Time) (*snapshot.Registry, *snapshot.Repository) {
	target := snapshot.Target{Partition: "aws", Account: "111122223333", Region: "eu-west-1"}
	policy := strings.Replace(richPolicy, `,"?"`, "", 1)
	reg := &snapshot.Registry{
		Target: target, AccountName: "platform", Policy: strings.ReplaceAll(policy, `"Condition"`, `"Resource":"*","Condition"`),
		Scanning:    &snapshot.RegistryScanning{Type: "BASIC", Rules: []snapshot.ScanningRule{{Frequency: "SCAN_ON_PUSH", Filters: []string{"team/*"}}}},
		Replication: []snapshot.ReplicationRule{{Destinations: []snapshot.ReplicationDestination{{Account: "999988887777", Region: "eu-west-1"}}, Prefixes: []string{"team/"}}},
		PullThroughCache: []snapshot.PullThroughCacheRule{{
			Prefix: "hub", Upstream: "docker-hub", UpstreamURL: "registry-1.docker.io", UpstreamPrefix: "library", CredentialARN: "arn:x", CustomRoleARN: "arn:y",
		}},
		CreationTemplates: []snapshot.CreationTemplate{{
			Prefix: "team", AppliedFor: []string{"CREATE_ON_PUSH"}, Mutability: snapshot.Mutability{Setting: "MUTABLE"},
			Encryption: snapshot.Encryption{Type: "KMS", KMSKey: "arn:k"}, Policy: policy, Lifecycle: "{}", Tags: map[string]string{"team": "a"},
		}},
		Settings: map[string]string{"REGISTRY_POLICY_SCOPE": "V2"},
	}
	r := &snapshot.Repository{
		Target: target, Name: "team/api", ARN: target.RepositoryARN("team/api"), URI: "uri", CreatedAt: now.AddDate(-1, 0, 0),
		Mutability: snapshot.Mutability{Setting: "IMMUTABLE_WITH_EXCLUSION", Exclusions: []string{"b-*"}}, Encryption: snapshot.Encryption{Type: "KMS", KMSKey: "arn:k"},
		ScanOnPush: true, Policy: richPolicy, Lifecycle: richLifecycle, Tags: map[string]string{"team": "a"},
		Scanning: &snapshot.EffectiveScanning{Frequency: "SCAN_ON_PUSH", ScanOnPush: true, Filters: []string{"team/*"}},
	}
	old := now.AddDate(0, 0, -300)
	scan := func(status string) *snapshot.Scan {
		return &snapshot.Scan{Status: status, Source: "ecr:DescribeImages", CompletedAt: old, Counts: map[string]int{"HIGH": 1}}
	}
	add := func(i snapshot.Image) {
		i.Status, i.SizeBytes, i.PushedAt, i.LastPulledAt, i.LastActivatedAt = "ACTIVE", 5<<30, old, old, old
		i.MediaType, i.ArtifactType = "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.config.v1+json"
		r.Images = append(r.Images, i)
	}
	digest := func(c string) string { return "sha256:" + strings.Repeat(c, 64) }
	add(snapshot.Image{Digest: digest("1"), Kind: snapshot.KindIndex, Tags: []string{"1.0.0", "b-1"}, Children: []snapshot.Child{{Digest: digest("2"), Platform: "linux/amd64"}, {Digest: digest("3"), Platform: "x"}}})
	add(snapshot.Image{Digest: digest("2"), Kind: snapshot.KindImage, Scan: scan("COMPLETE")})
	add(snapshot.Image{Digest: digest("4"), Kind: snapshot.KindImage, Tags: []string{"b-2"}, Scan: scan("PENDING")})
	add(snapshot.Image{Digest: digest("5"), Kind: snapshot.KindSignature, Subject: digest("1")})
	add(snapshot.Image{Digest: digest("6"), Kind: snapshot.KindSBOM, Subject: digest("1")})
	add(snapshot.Image{Digest: digest("7"), Kind: snapshot.KindAttestation, Subject: digest("1")})
	add(snapshot.Image{Digest: digest("8"), Kind: snapshot.KindImage})
	return reg, r
}

// richInput is what rules of every scope see of it together.
func richInput(t *testing.T) any {
	t.Helper()
	rules, err := LoadRules(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range rules.All {
		rule.Optional = false
	}
	rules.All[0].Scope = finding.ScopeOrganization // whichever: so that the table is kept
	c, err := config.Parse("ecraudit.yaml", []byte(richConfig))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	e, err := New(rules, c, Options{Clock: now})
	if err != nil {
		t.Fatal(err)
	}
	for _, need := range slices.Concat(snapshot.RegistryNeeds(), snapshot.RepositoryNeeds(), snapshot.ImageNeeds()) {
		e.needs[need] = true
	}
	e.previews = true
	e.Begin(snapshot.Organization{ID: "o-a1b2c3d4e5", Accounts: []snapshot.Account{{ID: "111122223333"}}})
	reg, r := rich(now)
	v := e.view(reg, r)
	e.table.addRegistry(e, reg)
	e.table.addRepository(e, v)
	j := &judgement{engine: e, target: r.Target, repository: r, settings: v.settings, gap: r.Gap}
	input, err := j.base(e.registryValue(reg))
	if err != nil {
		t.Fatal(err)
	}
	input.set("repository", e.repositoryTerm(v))
	builder := e.newImageTerms(v)
	input.set("images", list(r.Images, func(i snapshot.Image) *ast.Term { return builder.build(&i).term }))
	replica := *r
	replica.Target = snapshot.Target{Partition: r.Partition, Account: reg.Replication[0].Destinations[0].Account, Region: reg.Replication[0].Destinations[0].Region}
	replica.Mutability = snapshot.Mutability{Setting: "MUTABLE"}
	e.table.addRepository(e, e.view(reg, &replica))
	e.table.fill(&input, true, e.needs)
	value, err := ast.JSON(ast.NewObject(input...))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// TestInputFollowsItsSchema checks both ways: that rules see nothing that the
// schema does not describe, and everything that it does.
func TestInputFollowsItsSchema(t *testing.T) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(policies.InputSchema))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("input.json", document); err != nil {
		t.Fatal(err)
	}
	input := richInput(t)
	encoded, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiler.MustCompile("input.json").Validate(decoded); err != nil {
		t.Error(err)
	}
	built := map[string]bool{}
	paths("", decoded, built)
	described := map[string]bool{}
	schemaPaths("", document.(map[string]any), described)
	for _, path := range slices.Sorted(maps.Keys(described)) {
		if !built[path] {
			t.Errorf("the schema describes %s, which no rule would see", path)
		}
	}
}

// paths notes the fields of a value: "images.tags".
func paths(at string, value any, into map[string]bool) {
	switch value := value.(type) {
	case map[string]any:
		for key, field := range value {
			into[at+"."+key] = true
			paths(at+"."+key, field, into)
		}
	case []any:
		for _, item := range value {
			paths(at, item, into)
		}
	}
}

func schemaPaths(at string, schema map[string]any, into map[string]bool) {
	if items, ok := schema["items"].(map[string]any); ok {
		schemaPaths(at, items, into)
	}
	properties, _ := schema["properties"].(map[string]any)
	for key, field := range properties {
		into[at+"."+key] = true
		schemaPaths(at+"."+key, field.(map[string]any), into)
	}
}
