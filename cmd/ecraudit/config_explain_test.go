package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/finding"
)

// What is said of rules on registries and the organization is what an audit applies.
func TestConfigExplainsRegistryAndOrganizationRulesAsTheyAreApplied(t *testing.T) {
	const trusted = "trusted_accounts: {\"999988887777\": unused}\n"
	for match, want := range map[string]struct {
		registryBy, organizationBy []string // the scope that does not hold
		scanning                   bool
	}{
		`repositories: ["access/*"]`:             {[]string{"ecraudit.yaml:3"}, []string{"ecraudit.yaml:3"}, false},
		`accounts: "2222*"`:                      {[]string{}, []string{"ecraudit.yaml:3"}, true},
		`regions: eu-west-1, tags: {team: core}`: {[]string{"ecraudit.yaml:3"}, []string{"ecraudit.yaml:3"}, false},
		`accounts: "3333*"`:                      {[]string{}, []string{}, false},
	} {
		t.Run(match, func(t *testing.T) {
			w := newWorld(t, awssim.Demo())
			w.write("ecraudit.yaml", trusted+"scopes:\n  - match: {"+match+"}\n    rules: {registry-scanning-basic: on, trusted-account-unused: {severity: critical}}\n")
			var e explainedRules
			w.decodeJSON("config explain access/public --account 222233334444 --region eu-west-1 --assume tags.team=core --format json", &e)
			scanning, unused := e.rule("registry-scanning-basic"), e.rule("trusted-account-unused")
			if scanning.Judges != finding.ScopeRegistry || scanning.Enabled != want.scanning || !slices.Equal(scanning.NotBy, want.registryBy) {
				t.Errorf("%+v", scanning)
			}
			if unused.Judges != finding.ScopeOrganization || unused.Severity != "low" || unused.SeverityAt != "default" || !slices.Equal(unused.NotBy, want.organizationBy) {
				t.Errorf("%+v", unused)
			}
			found := map[string]finding.Severity{}
			for _, f := range w.audit(orgFlags).Findings {
				if f.Account == "222233334444" || f.Rule == "trusted-account-unused" {
					found[f.Rule] = f.Severity
				}
			}
			if _, scanned := found["registry-scanning-basic"]; scanned != want.scanning || found["trusted-account-unused"].String() != unused.Severity {
				t.Errorf("an audit finds %v", found)
			}
			text := w.works("config explain access/public --account 222233334444 --region eu-west-1 --assume tags.team=core").out
			if says := strings.Contains(text, "judges the registry; the scope ecraudit.yaml:3 does not hold for it"); says != (len(want.registryBy) > 0) {
				t.Error(text)
			}
			if says := strings.Contains(text, "judges the organization; the scope ecraudit.yaml:3 does not hold for it"); says != (len(want.organizationBy) > 0) {
				t.Error(text)
			}
		})
	}
}

type explainedRule struct {
	ID, Severity string
	Judges       finding.Scope
	Enabled      bool
	SeverityAt   string   `json:"severity_at"`
	NotBy        []string `json:"not_by"`
}

type explainedRules struct{ Rules []explainedRule }

func (e explainedRules) rule(id string) explainedRule {
	return e.Rules[slices.IndexFunc(e.Rules, func(r explainedRule) bool { return r.ID == id })]
}

// In a terminal nothing is wider than it, and nothing is lost.
func TestConfigExplainFitsTheTerminal(t *testing.T) {
	c, err := config.Parse("company/configuration/ecraudit.yaml", []byte(`
trusted_accounts: {"999988887777": "the company that does payments for us", "999988887776": "the company that scans for us"}
scopes:
  - match: {ous: [Workloads], repositories: ["payments/*", "orders/*", "warehouse/*", "returns/*", "catalogue/*", "search/*"]}
    rules: {encryption: off}
`))
	if err != nil {
		t.Fatal(err)
	}
	resource, err := (&explainFlags{}).assumed("payments/api")
	if err != nil {
		t.Fatal(err)
	}
	rules := []config.RuleDefault{{ID: "replication-outside-organization", Enabled: true, Severity: finding.High}, {ID: "encryption", Enabled: true, Severity: finding.High}}
	e := explained{
		Repository: "payments/api", Files: []string{c.Path}, Explanation: c.Explain(resource, rules),
		Waivers: []config.HoldingWaiver{{Verdict: "holds", Reason: strings.Repeat("it is mended soon ", 20)}},
	}
	piped := newSheet(streams{})
	e.show(piped)
	for _, columns := range []int{200, 80, 50} {
		p := &sheet{rows: columns}
		e.show(p)
		for line := range strings.Lines(p.text.String()) {
			if runewidth.StringWidth(strings.TrimSuffix(line, "\n")) > columns {
				t.Errorf("%d columns: %s", columns, line)
			}
		}
		if words := strings.Join(strings.Fields(p.text.String()), ""); words != strings.Join(strings.Fields(piped.text.String()), "") {
			t.Errorf("something is lost in %d columns:\n%s", columns, p.text.String())
		}
	}
	if !strings.Contains(piped.text.String(), `{"999988887776":"the company that scans for us","999988887777":"the company that does payments for us"}  (company/`) {
		t.Errorf("a line is folded in a pipe:\n%s", piped.text.String())
	}
}

// In a terminal the list of waivers is as wide as that at most.
func TestWaiversFitTheTerminal(t *testing.T) {
	listed := []listedWaiver{{
		DaysLeft: 100, Until: "2027-01-31", Source: "company/configuration/waivers.yaml:12", Rules: []string{"replication-outside-organization", "encryption"},
		Where: strings.Repeat("account 111122223333, ", 10), Owner: "the team of payments", Reason: strings.Repeat("it is mended soon ", 20),
	}}
	for _, columns := range []int{200, 80, 50} {
		p := &sheet{rows: columns}
		(&waiversFlags{}).showList(p, listed)
		for line := range strings.Lines(p.text.String()) {
			if runewidth.StringWidth(strings.TrimSuffix(line, "\n")) > columns {
				t.Errorf("%d columns: %s", columns, line)
			}
		}
	}
}

// What scopes ask that a snapshot does not have is neither passed over nor guessed.
func TestConfigAgainstASnapshotThatLacksWhatScopesAsk(t *testing.T) {
	w := newWorld(t, awssim.Demo())
	w.write("ecraudit.yaml", "rules: {required-tags: off}\n") // the one that reads tags
	w.works("snapshot -o s.snapshot --allow-incomplete" + orgFlags)
	w.write("u.yaml", `rules: {required-tags: off}
scopes:
  - match: {ous: [Workload]}
    rules: {encryption: off}
  - match: {account_tags: {stage: prd}}
    settings: {immutable: all}
  - match: {tags: {env: prod}}
    settings: {fixes: deny}
waivers:
  - {rule: encryption, match: {tags: {env: dev}}, reason: because, owner: somebody, until: `+time.Now().AddDate(0, 0, 30).Format(time.DateOnly)+`}
`)
	out := w.works("config validate u.yaml --snapshot s.snapshot").out
	for _, want := range []string{
		`warning: u.yaml:3: match.ous: not checked whether an account has "Workload", which depends on organizational units; cannot tell: it was not collected`,
		`warning: u.yaml:5: match.account_tags: not checked whether an account has "stage=prd", which depends on account tags; cannot tell: it was not collected`,
		"warning: u.yaml:7: match.tags: not checked: the snapshot was collected without the tags of repositories; collect it again with this configuration",
		"warning: u.yaml:10: match.tags: not checked",
	} {
		if !strings.Contains(out, want+"\n") && !strings.Contains(out, want+":") {
			t.Errorf("there is no\n%s\nin\n%s", want, out)
		}
	}
	if strings.Contains(out, "holds for nothing") {
		t.Error(out)
	}
	out = w.works("config explain access/public --config u.yaml --snapshot s.snapshot").out
	for _, want := range []string{
		"depends        u.yaml:3  on organizational units; cannot tell: it was not collected\n",
		"depends        u.yaml:5  on account tags; cannot tell: it was not collected\n",
		"depends        u.yaml:7  on resource tags; cannot tell: it was not collected\n",
		"or all (u.yaml:6), if the scope u.yaml:5 holds\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("there is no\n%s\nin\n%s", want, out)
		}
	}
	w.refuses("lifecycle explain access/public --config u.yaml --snapshot s.snapshot", "s.snapshot was collected without tags, which the scopes and waivers of the configuration need: collect it again with the same --config, or ask AWS")
}
