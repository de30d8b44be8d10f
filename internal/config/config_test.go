package config

import (
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ecraudit/ecraudit/internal/finding"
)

var update = flag.Bool("update", false, "rewrite ../../docs/configuration.md")

// parse reads a configuration that is right.
func parse(t testing.TB, text string) *Config {
	t.Helper()
	c, err := Parse("conf/ecraudit.yaml", []byte(text))
	if err != nil {
		t.Fatalf("Parse: %v\n%s", err, text)
	}
	return c
}

func equal(t testing.TB, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Config{}, Scope{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func toJSON(t testing.TB, value any) string {
	t.Helper()
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const defaultSettings = `{
  "trusted_accounts": {},
  "vendor_accounts": {},
  "reader_accounts": [],
  "release_tags": "^v?[0-9]+\\.[0-9]+\\.[0-9]+$",
  "protected_tags": "",
  "protect": [],
  "forbidden_tags": [
    "latest"
  ],
  "tag_pattern": "",
  "vulnerabilities": {
    "critical": 0,
    "high": 0
  },
  "lifecycle": {
    "required": true,
    "untagged": true,
    "dev_tags": [],
    "max_days": 0
  },
  "required_tags": {},
  "encryption": {
    "type": "AES256",
    "kms_keys": []
  },
  "immutable": "release",
  "scan_on_push": true,
  "repository_names": "",
  "ages": {
    "in_use_days": 30,
    "unused_days": 180,
    "empty_days": 30,
    "scan_days": 30
  },
  "limits": {
    "images": 20000,
    "images_percent": 80,
    "untagged_images": 100,
    "image_bytes": 0,
    "monthly_cost": 0
  },
  "pull_through_cache": {
    "upstreams": []
  },
  "retention": [],
  "prices": {
    "currency": "USD",
    "standard": 0.1,
    "archive": 0.1,
    "regions": {}
  },
  "fixes": [
    "set_policy_statement",
    "remove_policy_statement",
    "put_lifecycle_policy",
    "set_scanning",
    "set_tag_mutability",
    "tag_resource",
    "untag_image",
    "archive_image",
    "start_scan"
  ]
}`

func TestDefaultSettingsAsRulesSeeThem(t *testing.T) {
	equal(t, toJSON(t, Default().Settings), defaultSettings)
	equal(t, toJSON(t, Default().For(Resource{}).Settings), defaultSettings)
}

func TestNothingConfiguredIsTheDefault(t *testing.T) {
	for name, text := range map[string]string{
		"empty":             "",
		"comment":           "# nothing yet\n",
		"byte order mark":   "\uFEFF",
		"document start":    "---\n",
		"null":              "~\n",
		"empty mapping":     "{}\n",
		"sections left out": "organization:\nrules:\nrule_paths:\nlifecycle:\nencryption:\nscopes:\n",
	} {
		t.Run(name, func(t *testing.T) {
			want := Default()
			want.Path, want.Files = "conf/ecraudit.yaml", []string{"conf/ecraudit.yaml"}
			equal(t, parse(t, text), want)
		})
	}
}

const everything = `
organization:
  id: o-a1b2c3d4e5
  accounts: ["111122223333", 012345678901]
rules:
  tag-convention: off
  required-tags: on
  scan-on-push: False
  encryption: {enabled: true, severity: low}
rule_paths: [my-rules/, ../shared/rule.rego, /etc/rules, packs/a.tar.gz//rules, "oci://r.example/rules@sha256:aa"]
rule_keys: [keys/platform.pem]
trusted_accounts: {"777788889999": Acme scanner, 222233334444: }
vendor_accounts: {"888899990000": Acme}
reader_accounts: [444455556666]
release_tags: '^release-'
protected_tags: '^keep-'
protect: [prod-*]
forbidden_tags: [latest, "*-snapshot"]
tag_pattern: '^[a-z]'
vulnerabilities: {critical: 0, untriaged: 12}
lifecycle:
  required: false
  untagged: off
  dev_tags: ["pr-*", dev]
  max_days: 30
required_tags: {owner: , env: [prod, dev], cost: 7}
encryption:
  type: KMS
  kms_keys: ["arn:aws:kms:eu-west-1:111122223333:key/mrk-1234abcd"]
immutable: all
scan_on_push: false
repository_names: '^[a-z]+/'
ages: {in_use_days: 1, unused_days: 2, empty_days: 3, scan_days: 4}
limits: {images: 100, images_percent: 50, untagged_images: 7, image_bytes: 2GiB, monthly_cost: 12.5}
pull_through_cache: {upstreams: [public.ecr.aws, "*.example.com"]}
retention:
  - {name: branches, tags: '^br-(.*)-', exclude: '^br-main-', keep_newest: 3, keep_days: 14}
  - {name: pulls, tags: '^pr-', keep_days: 7}
prices: {currency: EUR, standard: 0.09, archive: 0.05, regions: {eu-central-1: 0.11}}
fixes: [start_scan, tag_resource]
scopes:
  - match:
      accounts: ["1111*"]
      account_names: "prod-*"
      ous: [ou-ab12-11111111, Workloads/Prod]
      account_tags: {stage: prod}
      regions: "eu-*"
      repositories: ["team/*"]
      tags: {env: "prod*", tier: [gold, silver]}
      encryption: [KMS, KMS_DSSE]
      created_after: 2026-01-31
      created_before: 2026-02-01T12:00:00+01:00
    settings:
      lifecycle: {max_days: 7}
      reader_accounts: []
    rules:
      tag-convention: {severity: critical}
`

func TestEveryKey(t *testing.T) {
	yes, no, low, critical := true, false, finding.Low, finding.Critical
	want := &Config{
		Path:         "conf/ecraudit.yaml",
		Files:        []string{"conf/ecraudit.yaml"},
		Organization: Organization{ID: "o-a1b2c3d4e5", Accounts: []string{"111122223333", "012345678901"}},
		Rules: map[string]RuleSetting{
			"tag-convention": {Enabled: &no},
			"required-tags":  {Enabled: &yes},
			"scan-on-push":   {Enabled: &no},
			"encryption":     {Enabled: &yes, Severity: &low},
		},
		RulePaths: []string{filepath.Join("conf", "my-rules"), filepath.Join("shared", "rule.rego"), "/etc/rules", "conf/packs/a.tar.gz//rules", "oci://r.example/rules@sha256:aa"},
		RuleKeys:  []string{filepath.Join("conf", "keys", "platform.pem")},
		Settings: Settings{
			TrustedAccounts: map[string]string{"777788889999": "Acme scanner", "222233334444": ""},
			VendorAccounts:  map[string]string{"888899990000": "Acme"},
			ProtectedTags:   "^keep-",
			Protect:         []string{"prod-*"},
			ForbiddenTags:   []string{"latest", "*-snapshot"},
			ReaderAccounts:  []string{"444455556666"},
			ReleaseTags:     "^release-",
			TagPattern:      "^[a-z]",
			Vulnerabilities: map[string]int{"critical": 0, "untriaged": 12},
			Lifecycle:       Lifecycle{DevTags: []string{"pr-*", "dev"}, MaxDays: 30},
			RequiredTags:    map[string][]string{"owner": {}, "env": {"prod", "dev"}, "cost": {"7"}},
			Encryption:      Encryption{Type: "KMS", KMSKeys: []string{"arn:aws:kms:eu-west-1:111122223333:key/mrk-1234abcd"}},
			Immutable:       "all",
			RepositoryNames: "^[a-z]+/",
			Ages:            Ages{InUseDays: 1, UnusedDays: 2, EmptyDays: 3, ScanDays: 4},
			Limits:          Limits{Images: 100, ImagesPercent: 50, UntaggedImages: 7, ImageBytes: 2 << 30, MonthlyCost: 12.5},

			PullThroughCache: PullThroughCache{Upstreams: []string{"public.ecr.aws", "*.example.com"}},
			Retention: []RetentionClass{
				{Name: "branches", Tags: "^br-(.*)-", Exclude: "^br-main-", KeepNewest: 3, KeepDays: 14},
				{Name: "pulls", Tags: "^pr-", KeepDays: 7},
			},
			Prices: Prices{Currency: "EUR", Standard: 0.09, Archive: 0.05, Regions: map[string]float64{"eu-central-1": 0.11}},
			Fixes:  []string{"start_scan", "tag_resource"},
		},
		Scopes: []Scope{{
			Match: Match{
				Accounts: []string{"1111*"}, AccountNames: []string{"prod-*"}, Units: []string{"ou-ab12-11111111", "Workloads/Prod"},
				AccountTags: map[string][]string{"stage": {"prod"}}, Regions: []string{"eu-*"}, Repositories: []string{"team/*"},
				Tags: map[string][]string{"env": {"prod*"}, "tier": {"gold", "silver"}}, Encryption: []string{"KMS", "KMS_DSSE"},
				CreatedAfter: time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC), CreatedBefore: time.Date(2026, 2, 1, 11, 0, 0, 0, time.UTC),
			},
			Settings: Settings{Lifecycle: Lifecycle{MaxDays: 7}, ReaderAccounts: []string{}},
			Named:    []string{"lifecycle.max_days", "reader_accounts"},
			Rules:    map[string]RuleSetting{"tag-convention": {Severity: &critical}},
		}},
		Waiving: Waiving{MaxDays: 365},
	}
	equal(t, parse(t, everything), want)
}

func TestOtherForms(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       func(*Settings)
	}{
		{"trusted accounts as a list", `trusted_accounts: [777788889999]`,
			func(s *Settings) { s.TrustedAccounts = map[string]string{"777788889999": ""} }},
		{"required tags as a list", `required_tags: [owner, "team:name"]`,
			func(s *Settings) { s.RequiredTags = map[string][]string{"owner": {}, "team:name": {}} }},
		{"no vulnerability is limited", `vulnerabilities: {}`,
			func(s *Settings) { s.Vulnerabilities = map[string]int{} }},
		{"part of a section leaves the rest", `lifecycle: {untagged: false}`,
			func(s *Settings) { s.Lifecycle.Untagged = false }},
		{"an anchor and its alias", `{reader_accounts: &ids [111122223333], trusted_accounts: *ids}`,
			func(s *Settings) {
				s.ReaderAccounts = []string{"111122223333"}
				s.TrustedAccounts = map[string]string{"111122223333": ""}
			}},
		{"an alias as a key", `{immutable: &i none, required_tags: {*i : x}}`,
			func(s *Settings) { s.Immutable, s.RequiredTags = "none", map[string][]string{"none": {"x"}} }},
		{"a tag that says what it is anyway", `tag_pattern: !!str 7`,
			func(s *Settings) { s.TagPattern = "7" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := Default().Settings
			c.want(&want)
			equal(t, parse(t, c.text).Settings, want)
		})
	}
}

func TestMergeKeys(t *testing.T) {
	c := parse(t, `
scopes:
  - match: {regions: eu-west-1}
    settings: &strict {immutable: all, lifecycle: {max_days: 7}}
  - match: {regions: eu-west-2}
    settings: &stricter {<<: *strict, scan_on_push: true}
  - match: {regions: eu-west-3}
    settings: {immutable: none, <<: [*stricter, {immutable: release, encryption: {type: KMS}}]}
`)
	for region, want := range map[string]string{
		"eu-west-1": "all 7 AES256", "eu-west-2": "all 7 AES256", "eu-west-3": "none 7 KMS",
	} {
		s := c.For(Resource{Region: region}).Settings
		got := strings.Join([]string{s.Immutable, toJSON(t, s.Lifecycle.MaxDays), s.Encryption.Type}, " ")
		equal(t, region+" "+got, region+" "+want)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ecraudit.yaml")
	write(t, path, "rule_paths: [rules]\n")
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, c.Path, path)
	equal(t, c.RulePaths, []string{filepath.Join(dir, "rules")})
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestLoadNamesWhatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	huge := filepath.Join(dir, "huge.yaml")
	write(t, huge, strings.Repeat("# comment\n", maxSize/10+1))
	for _, c := range []struct{ name, path, want string }{
		{"no such file", filepath.Join(dir, "none.yaml"), "reading configuration DIR/none.yaml: no such file or directory: check the path, or leave it out to use the defaults"},
		{"a directory", dir, "reading configuration DIR: is a directory: name the file in it, such as ecraudit.yaml"},
		{"too large", huge, "DIR/huge.yaml: larger than 1048576 bytes, which no configuration is: check the path"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(c.path)
			if err == nil {
				t.Fatal("no error")
			}
			equal(t, strings.ReplaceAll(err.Error(), dir, "DIR"), c.want)
		})
	}
	if _, err := Load(filepath.Join(dir, "none.yaml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v does not wrap fs.ErrNotExist", err)
	}
}

func TestUnreadableFileHasARemedy(t *testing.T) {
	equal(t, remedy(&fs.PathError{Op: "open", Path: "x", Err: fs.ErrPermission}), ": make it readable for the user that runs ecraudit")
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	find := func(want string) {
		t.Helper()
		path, ok := Find(dir)
		equal(t, ok, want != "")
		equal(t, strings.TrimPrefix(path, dir+string(filepath.Separator)), want)
	}
	find("")
	write(t, filepath.Join(dir, "ecraudit.yml"), "")
	find("ecraudit.yml")
	// What is there but cannot be read must not be passed over.
	if err := os.Symlink("missing", filepath.Join(dir, "ecraudit.yaml")); err != nil {
		t.Fatal(err)
	}
	find("ecraudit.yaml")
}

func TestValidateRules(t *testing.T) {
	c := parse(t, `
rules: {encription: on, encryption: on}
scopes:
  - match: {regions: "*"}
    rules:
      encryption: off
      zzz: off
`)
	err := c.ValidateRules([]string{"encryption", "required-tags"})
	if err == nil {
		t.Fatal("no error")
	}
	equal(t, err.Error(), `conf/ecraudit.yaml:2:9: unknown rule "encription": did you mean "encryption"?
conf/ecraudit.yaml:7:7: unknown rule "zzz": ecraudit rules lists them`)
	equal(t, c.ValidateRules([]string{"encription", "encryption", "zzz"}), nil)
}

func TestMistakesAreErrorsWithAPlace(t *testing.T) {
	_, err := Parse("f.yaml", []byte("immutable: alll\nscan_on_push: 2\n"))
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("%T joins nothing", err)
	}
	var places [][2]int
	for _, err := range joined.Unwrap() {
		e, ok := errors.AsType[*Error](err)
		if !ok {
			t.Fatalf("%T is no *Error", err)
		}
		places = append(places, [2]int{e.Line, e.Column})
	}
	equal(t, places, [][2]int{{1, 12}, {2, 15}})
}
