package main

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// scoped turns every rule off, and one on where a match holds.
const scoped = `
scopes:
  - match: {repositories: "*"}
    rules: {ALL: off}
  - match: MATCH
    settings: {repository_names: ^never$}
    rules: {repository-naming: on}
`

// onlyNaming is a configuration in which repository names are wrong where match holds.
func (w *world) onlyNaming(match string) {
	w.t.Helper()
	var off []string
	for line := range strings.Lines(w.works("rules").out) {
		if id, _, _ := strings.Cut(line, " "); id != "ID" && id != "repository-naming" {
			off = append(off, id+": off")
		}
	}
	text := strings.Replace(strings.TrimSpace(scoped), "ALL: off", strings.Join(off, ", "), 1)
	w.write("ecraudit.yaml", "rules: {"+strings.Join(off, ", ")+"}\n"+strings.Replace(text, "MATCH", match, 1)+"\n")
}

// named are the accounts in which the rule finds something, by status.
func (d document) named(status finding.Status) (accounts []string) {
	for _, f := range d.Findings {
		if f.Rule == "repository-naming" && f.Status == status {
			accounts = append(accounts, f.Account)
		}
	}
	slices.Sort(accounts)
	return slices.Compact(accounts)
}

// Scopes hold by what AWS Organizations says of accounts, and an audit of a
// snapshot sees the same as one of AWS.
func TestScopesByAccount(t *testing.T) {
	for match, want := range map[string][]string{
		`{account_names: "pay*"}`:                                     {awssim.DemoPayments},
		`{ous: [workloads/production]}`:                               {awssim.DemoProduction},
		`{ous: ["work*"]}`:                                            {awssim.DemoPlatform, awssim.DemoPayments, awssim.DemoProduction},
		`{account_tags: {stage: prod}}`:                               {awssim.DemoPayments, awssim.DemoProduction},
		`{account_tags: {stage: prod}, repositories: "ops/*"}`:        {awssim.DemoProduction},
		`{encryption: KMS, account_names: ["*"]}`:                     {awssim.DemoPayments},
		`{created_before: 2001-01-01}`:                                nil,
		`{created_after: 2001-01-01, ous: [workloads/production]}`:    {awssim.DemoProduction},
		`{account_tags: {stage: prod}, ous: [nowhere], regions: "*"}`: nil,
	} {
		t.Run(match, func(t *testing.T) {
			w := demoWorld(t)
			w.onlyNaming(match)
			got := w.audit(orgFlags)
			slices.Sort(want)
			if !slices.Equal(got.named(finding.Fail), want) || len(got.named(finding.Unknown)) > 0 {
				t.Errorf("found in %v, not known in %v; want %v", got.named(finding.Fail), got.named(finding.Unknown), want)
			}
			w.works("snapshot -o s.snapshot --allow-incomplete" + orgFlags)
			if again := w.audit("--snapshot s.snapshot"); !slices.Equal(again.named(finding.Fail), want) {
				t.Errorf("in the snapshot it is found in %v", again.named(finding.Fail))
			}
		})
	}
}

// Where what decides cannot be read, nothing is known, and it is said why.
func TestScopesThatCannotBeDecided(t *testing.T) {
	for operation, c := range map[string]struct {
		match string
		need  snapshot.Need
	}{
		"organizations:ListTagsForResource":              {`{account_tags: {stage: prod}}`, snapshot.NeedAccountTags},
		"organizations:ListOrganizationalUnitsForParent": {`{ous: [workloads/production]}`, snapshot.NeedUnitNames},
		"organizations:ListAccounts":                     {`{account_names: payments}`, snapshot.NeedAccounts},
		"ecr:ListTagsForResource":                        {`{tags: {team: "*"}}`, snapshot.NeedTags},
	} {
		t.Run(operation, func(t *testing.T) {
			w := demoWorld(t)
			w.onlyNaming(c.match)
			w.server.Faults().Add(awssim.Fault{Kind: awssim.Denied, Operation: operation})
			d := w.audit(" --role-name ecraudit-reader --fail-on medium --regions eu-west-1 --accounts " + awssim.DemoPayments)
			if len(d.named(finding.Fail)) > 0 || len(d.named(finding.Unknown)) == 0 || d.Run.Complete {
				t.Errorf("complete: %v, fail: %v, unknown: %v", d.Run.Complete, d.named(finding.Fail), d.named(finding.Unknown))
			}
			for _, f := range d.Findings {
				if !strings.HasPrefix(f.Message, "which settings hold depends on ") {
					t.Errorf("%s: %s", f.Rule, f.Message)
				}
			}
			if !slices.ContainsFunc(d.Gaps, func(g snapshot.Gap) bool { return g.Need == c.need }) {
				t.Errorf("there is no gap of %s: %+v", c.need, d.Gaps)
			}
		})
	}
}

// What no scope asks about is not asked of AWS, and nothing is asked twice.
func TestScopesAskAWSForWhatTheyNeed(t *testing.T) {
	calls := func(w *world, operation string) int { return w.server.Calls().Of(operation).Calls }
	for match, want := range map[string][2]int{
		`{accounts: "1*"}`:                   {0, 0},
		`{account_names: "pay*"}`:            {0, 0},
		`{ous: [ou-ab12-11111111]}`:          {0, 0},
		`{ous: [workloads]}`:                 {2, 0}, // of the root and of workloads
		`{account_tags: {stage: "*"}}`:       {0, 5},
		`{ous: [a], account_tags: {b: "c"}}`: {2, 5},
	} {
		t.Run(match, func(t *testing.T) {
			w := demoWorld(t)
			w.onlyNaming(match)
			w.server.ResetCalls()
			w.works("audit" + orgFlags)
			got := [2]int{calls(w, "organizations:ListOrganizationalUnitsForParent"), calls(w, "organizations:ListTagsForResource")}
			if got != want {
				t.Errorf("%v calls, want %v", got, want)
			}
		})
	}
}

// Where fixes are not allowed nothing is planned, and the plan says why.
func TestFixesThatAreNotAllowed(t *testing.T) {
	w := demoWorld(t)
	count := func() (changes int, reasons []string) {
		var plan struct {
			Changes []struct{ Region, Kind string }
			Left    []struct{ Region, Reason string }
		}
		w.decodeJSON("plan --format json"+orgFlags, &plan)
		for _, c := range plan.Changes {
			if c.Region == "us-east-1" {
				changes++
			}
		}
		for _, l := range plan.Left {
			if strings.Contains(l.Reason, "does not allow") {
				reasons = append(reasons, l.Reason)
			}
		}
		return changes, reasons
	}
	before, reasons := count()
	if before == 0 || len(reasons) > 0 {
		t.Fatalf("%d changes in us-east-1; %v", before, reasons)
	}
	deny := "  - match: {regions: us-east-1}\n    settings: {fixes: deny}\n"
	w.write("ecraudit.yaml", string(demoConfig)+deny)
	after, reasons := count()
	if after != 0 || len(reasons) < before {
		t.Errorf("%d changes are left, %d findings are said not to be mended", after, len(reasons))
	}
	line := strings.Count(string(demoConfig), "\n") + 2
	for _, reason := range reasons {
		if !strings.Contains(reason, "here (fixes, ecraudit.yaml:"+strconv.Itoa(line)+")") {
			t.Errorf("%s", reason)
		}
	}
	w.write("ecraudit.yaml", string(demoConfig)+strings.Replace(deny, "deny", "[set_tag_mutability]", 1))
	if some, _ := count(); some == 0 || some >= before {
		t.Errorf("%d of %d changes are planned where one action is allowed", some, before)
	}
}
