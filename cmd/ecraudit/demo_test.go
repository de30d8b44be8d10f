package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/finding"
)

// place is where the demonstration has something planted: a repository, or with
// an account a registry. The zero place is the organization.
type place struct{ account, region, repository string }

func repository(name string) place { return place{repository: name} }

// plantings are, for each rule, what it must find in the demonstration and the
// sound twin of which it must say nothing. A rule of the organization has no
// twin but silence about what is alike.
var plantings = map[string]struct{ defect, twin place }{
	"access-outside-organization": {repository("access/partner"), repository("access/vendor")},
	"encryption":                  {repository("payments/weak-encryption"), repository("payments/patched")},
	"external-push":               {repository("access/push-from-payments"), repository("access/sound")},
	"lifecycle-baseline":          {repository("lifecycle/tags-anded"), repository("lifecycle/sound")},
	"lifecycle-missing":           {repository("lifecycle/none"), repository("lifecycle/sound")},
	"readers-missing":             {repository("access/no-readers"), repository("access/sound")},
	"release-vulnerabilities":     {repository("payments/multi-arch-vulnerable"), repository("payments/multi-arch-sound")},
	"repository-public":           {repository("access/stringlike-star"), repository("access/organization-only")},
	"required-tags":               {repository("settings/nobodys"), repository("settings/sound")},
	"scan-on-push":                {repository("tools/flag-says-scanned"), repository("settings/sound")},
	"tag-convention":              {repository("payments/odd-tag"), repository("hub/library/nginx")},
	"tag-immutability":            {repository("settings/exclusion-hits-releases"), repository("settings/exclusion-spares-releases")},

	"policy-undecidable":               {repository("access/undecidable"), repository("access/sound")},
	"policy-wildcard-actions":          {repository("access/wildcard-actions"), repository("access/sound")},
	"policy-without-effect":            {repository("access/token-in-policy"), repository("access/sound")},
	"policy-deleted-principal":         {repository("access/deleted-principal"), repository("access/sound")},
	"policy-not-principal":             {repository("access/not-principal"), repository("access/organization-only")},
	"confused-deputy":                  {repository("access/lambda-of-anyone"), repository("access/lambda")},
	"trusted-account-unused":           {place{}, place{}},
	"registry-policy-open":             {place{account: "444455556666", region: "us-east-1"}, place{account: "444455556666", region: "eu-west-1"}},
	"replication-outside-organization": {place{account: "222233334444", region: "eu-west-1"}, place{account: "333344445555", region: "eu-west-1"}},
	"pull-through-cache-upstream":      {place{account: "222233334444", region: "us-east-1"}, place{account: "111122223333", region: "us-east-1"}},
	"pull-through-cache-credential":    {place{account: "222233334444", region: "us-east-1"}, place{account: "111122223333", region: "us-east-1"}},
	"creation-template-missing":        {place{account: "222233334444", region: "us-east-1"}, place{account: "111122223333", region: "us-east-1"}},
	"creation-template-weak":           {place{account: "222233334444", region: "us-east-1"}, place{account: "111122223333", region: "us-east-1"}},

	"lifecycle-invalid":          {repository("lifecycle/invalid"), repository("lifecycle/sound")},
	"lifecycle-ineffective":      {repository("lifecycle/tags-anded"), repository("lifecycle/sound")},
	"lifecycle-shadowed":         {repository("lifecycle/shadowed"), repository("lifecycle/sound")},
	"lifecycle-expires-releases": {repository("lifecycle/expires-releases"), repository("lifecycle/sound")},
	"lifecycle-expires-active":   {repository("lifecycle/expires-active"), repository("lifecycle/sound")},
	"untagged-piling-up":         {repository("lifecycle/untagged-pile"), repository("lifecycle/sound")},
	"image-count-near-quota":     {repository("lifecycle/near-quota"), repository("lifecycle/far-from-quota")},

	"registry-scanning-basic": {place{account: "222233334444", region: "us-east-1"}, place{account: "444455556666", region: "us-east-1"}},
	"scan-filter-gap":         {place{account: "222233334444", region: "us-east-1"}, place{account: "222233334444", region: "eu-west-1"}},
	"image-not-scanned":       {repository("payments/never-scanned"), repository("payments/patched")},
	"scan-failed":             {repository("payments/scan-failed"), repository("payments/scan-fresh")},
	"scan-stale":              {repository("payments/scan-stale"), repository("payments/scan-fresh")},
	"image-vulnerabilities":   {repository("payments/vulnerable"), repository("payments/patched")},
	"release-unscanned":       {repository("payments/never-scanned"), repository("payments/patched")},

	"release-mutable":         {repository("settings/mutable"), repository("settings/sound")},
	"immutability-exclusions": {repository("settings/exclusion-hits-releases"), repository("settings/exclusion-spares-releases")},
	"tag-latest":              {repository("integrity/latest"), repository("integrity/sound")},
	"release-unsigned":        {repository("integrity/unsigned"), repository("integrity/sound")},
	"release-without-sbom":    {repository("integrity/without-sbom"), repository("integrity/sound")},
	"broken-index":            {repository("integrity/broken-index"), repository("integrity/sound")},
	"single-architecture":     {repository("integrity/one-platform"), repository("integrity/sound")},

	"tag-retention":        {repository("hygiene/old-pull-requests"), repository("hygiene/sound")},
	"repository-empty":     {repository("hygiene/empty"), repository("hygiene/sound")},
	"repository-unused":    {repository("hygiene/unused"), repository("hygiene/sound")},
	"release-never-pulled": {repository("hygiene/never-pulled"), repository("hygiene/sound")},
	"image-unused":         {repository("hygiene/unused-build"), repository("hygiene/old-build")},
	"image-oversized":      {repository("hygiene/oversized"), repository("hygiene/sound")},
	"repository-naming":    {repository("scratchpad"), repository("hygiene/sound")},
	"kms-key":              {repository("payments/weak-encryption"), repository("payments/patched")},
	"repository-cost":      {repository("hygiene/expensive"), repository("hygiene/sound")},
	"archived-release":     {repository("hygiene/archived-release"), repository("hygiene/sound")},
	"replica-parity":       {place{}, place{}},
}

// Every default rule finds what is planted for it, and nothing in the twin.
func TestDemoHasEveryDefect(t *testing.T) {
	rules, err := evaluate.LoadRules(nil)
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Findings []finding.Finding `json:"findings"`
	}
	r := demoWorld(t).run("demo --format json")
	if err := json.Unmarshal([]byte(r.out), &report); err != nil {
		t.Fatal(err)
	}
	at := func(rule string, p place) bool {
		return slices.ContainsFunc(report.Findings, func(f finding.Finding) bool {
			sure := f.Status == finding.Fail || rule == "trusted-account-unused" // one account is not read
			return sure && f.Rule == rule && f.Repository == p.repository && (p.account == "" || f.Account == p.account && f.Region == p.region)
		})
	}
	for _, rule := range rules.All {
		planted, known := plantings[rule.ID]
		switch {
		case !known:
			t.Errorf("nothing is planted for %s", rule.ID)
		case !at(rule.ID, planted.defect):
			t.Errorf("%s does not find %+v", rule.ID, planted.defect)
		case planted.twin != planted.defect && at(rule.ID, planted.twin):
			t.Errorf("%s finds something in the sound twin %+v", rule.ID, planted.twin)
		}
	}
	sound := []string{"access/sound", "lifecycle/sound", "settings/sound", "integrity/sound", "hygiene/sound", "payments/ledger", "ops/runbook"}
	for _, f := range report.Findings {
		if slices.Contains(sound, f.Repository) {
			t.Errorf("%s is sound, but %s says %q", f.Repository, f.Rule, f.Message)
		}
	}
	// Replicas that are alike, and trusted accounts that are used, are not mentioned.
	for _, f := range report.Findings {
		if f.Rule == "replica-parity" && strings.Contains(f.Message, "replicated/sound") || f.Rule == "trusted-account-unused" && strings.Contains(f.Message, "777788889999") {
			t.Errorf("%s finds %s", f.Rule, f.Message)
		}
	}
	if len(plantings) != len(rules.All) {
		t.Errorf("there are %d plantings for %d rules", len(plantings), len(rules.All))
	}
}
