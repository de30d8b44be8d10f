package evaluate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

func TestUnlikeReplicas(t *testing.T) {
	ireland := snapshot.Target{Account: "111122223333", Region: "eu-west-1"}
	virginia := snapshot.Target{Account: "444455556666", Region: "us-east-1"}
	to := func(target snapshot.Target, prefixes ...string) []snapshot.ReplicationRule {
		elsewhere := snapshot.ReplicationDestination{Account: "999900001111", Region: "us-east-1"}
		return []snapshot.ReplicationRule{{Destinations: []snapshot.ReplicationDestination{elsewhere, {Account: target.Account, Region: target.Region}}, Prefixes: prefixes}}
	}
	row := func(target snapshot.Target, name, mutability string) repositoryRow {
		return repositoryRow{
			target: target, name: name, mutability: mutability, releaseTags: "yes",
			access: &rowAccess{exposure: "own"}, lifecycle: &rowLifecycle{}, releases: &rowReleases{},
		}
	}
	source, like, unlike := row(ireland, "team/api", "IMMUTABLE"), row(virginia, "team/api", "IMMUTABLE"), row(virginia, "team/api", "MUTABLE")
	unread, undecided := row(virginia, "team/api", "IMMUTABLE"), row(virginia, "team/api", "IMMUTABLE")
	unread.lifecycle, undecided.access = nil, &rowAccess{exposure: "unknown"}
	const pair = "111122223333/eu-west-1/team/api|444455556666/us-east-1/team/api"
	for _, c := range []struct {
		name        string
		there, back []snapshot.ReplicationRule
		rows        []repositoryRow
		want        []string
	}{
		{name: "surely alike", there: to(virginia), rows: []repositoryRow{source, like}},
		{name: "unlike", there: to(virginia), rows: []repositoryRow{unlike, source}, want: []string{pair}},
		{name: "a part was not read", there: to(virginia), rows: []repositoryRow{source, unread}, want: []string{pair}},
		{name: "a part is not decided", there: to(virginia), rows: []repositoryRow{source, undecided}, want: []string{pair}},
		{name: "replicated both ways, and once", there: to(virginia), back: to(ireland), rows: []repositoryRow{source, unlike}, want: []string{pair}},
		{name: "the order does not depend on the direction", back: to(ireland), rows: []repositoryRow{source, unlike}, want: []string{pair}},
		{name: "a prefix is no folder", there: to(virginia, "other/", "te"), rows: []repositoryRow{source, unlike}, want: []string{pair}},
		{name: "a prefix of something else", there: to(virginia, "other/"), rows: []repositoryRow{source, unlike}},
		{name: "not replicated", rows: []repositoryRow{source, unlike}},
		{name: "replicated to itself", there: to(ireland), rows: []repositoryRow{source, unlike}},
		{name: "the replica is not there", there: to(virginia), rows: []repositoryRow{source, row(virginia, "team/web", "MUTABLE")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var o object
			table := table{repositories: c.rows, registries: []registryRow{
				{target: virginia, term: o.term(), replication: c.back}, {target: ireland, term: o.term(), replication: c.there},
			}}
			table.fill(&o, false, snapshot.Needs{})
			var got []string
			for _, p := range table.unlikeReplicas() {
				got = append(got, p.left.address()+"|"+p.right.address())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The rows of all repositories are made for rules that may look at them, in
// whichever way, and for no others.
func TestReadsRepositories(t *testing.T) {
	for body, want := range map[string]bool{
		`deny if input.policies.unread > 0`:                        false,
		`deny if { some r in input.registries; r.repositories }`:   false,
		`deny if input["replicas"][0].left.repositories`:           false,
		`repositories := {"repositories": input.policies.trusted}`: false,
		`deny if count(input.repositories) > 0`:                    true,
		`deny if input["repositories"]`:                            true,
		`deny if { some field; input[field] }`:                     true,
		`deny if input.policies[input.repositories[0].name]`:       true,
		`everything := input`:                                      true,
		`deny if walk(input, [["repositories"], _])`:               true,
		`deny if object.get(input, "repositories", [])`:            true,
	} {
		if got := readsRepositories(ast.MustParseModule("package p\n\n" + body)); got != want {
			t.Errorf("%s: %v", body, got)
		}
	}
	if !readsRepositories(ast.MustParseModule("package p\n\nimport input as seen\n\ndeny if seen.repositories")) {
		t.Error("an import of the input is not seen")
	}
	if !readsRepositories(ast.MustParseModule("package p\n\nimport input.repositories as rows\n\ndeny if rows")) {
		t.Error("an import of the rows is not seen")
	}
}

// The default rules cost nothing for each repository at the end of a run.
func TestDefaultRulesReadNoRows(t *testing.T) {
	rules, err := LoadRules(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, library := range rules.library {
		if readsRepositories(library) {
			t.Errorf("%s reads all repositories", packageName(library))
		}
	}
	for _, rule := range rules.All {
		if rule.Scope == finding.ScopeOrganization && readsRepositories(rule.module) {
			t.Errorf("%s reads all repositories", rule.ID)
		}
	}
}
