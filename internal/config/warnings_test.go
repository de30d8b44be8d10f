package config

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/ecraudit/ecraudit/internal/snapshot"
)

func lines(warnings []Warning) string {
	var all []string
	for _, w := range warnings {
		all = append(all, w.String())
	}
	return strings.Join(all, "\n")
}

func TestOverridden(t *testing.T) {
	for _, c := range []struct{ name, first, second, want string }{
		{"by the same match", "{match: {regions: eu-*}, settings: {immutable: all}}", "{match: {regions: eu-*}, settings: {immutable: none}}",
			"e.yaml:2: the scope has no effect: later scopes say everything again wherever it holds; put it after them, or remove it"},
		{"in part", "{match: {regions: eu-west-1, accounts: '1*'}, settings: {immutable: all, scan_on_push: off}}", "{match: {regions: eu-*}, settings: {immutable: none}}",
			"e.yaml:2: immutable has no effect: e.yaml:3 sets it again wherever this scope holds"},
		{"a rule", "{match: {tags: {a: x, b: y}}, rules: {a: off}}", "{match: {tags: {a: '*'}}, rules: {a: on}}",
			"e.yaml:2: the scope has no effect: later scopes say everything again wherever it holds; put it after them, or remove it"},
		{"a rule's severity is left", "{match: {tags: {a: x}}, rules: {a: {enabled: off, severity: low}}}", "{match: {tags: {a: '*'}}, rules: {a: on}}", ""},
		{"not elsewhere", "{match: {regions: eu-*}, settings: {immutable: all}}", "{match: {regions: eu-west-1}, settings: {immutable: none}}", ""},
		{"not by what asks more", "{match: {regions: eu-*}, settings: {immutable: all}}", "{match: {regions: eu-*, accounts: '1*'}, settings: {immutable: none}}", ""},
		{"not by one character", "{match: {repositories: 'a*'}, settings: {immutable: all}}", "{match: {repositories: 'a?'}, settings: {immutable: none}}", ""},
		{"by every account", "{match: {regions: eu-*}, settings: {immutable: all}}", "{match: {accounts: ['*']}, settings: {immutable: none}}",
			"e.yaml:2: the scope has no effect: later scopes say everything again wherever it holds; put it after them, or remove it"},
		{"by every region", "{match: {account_tags: {a: x}}, settings: {immutable: all}}", "{match: {regions: ['us-*', '*'], account_tags: {a: '*'}}, settings: {immutable: none}}",
			"e.yaml:2: the scope has no effect: later scopes say everything again wherever it holds; put it after them, or remove it"},
		{"by every region of an account", "{match: {accounts: '2*', tags: {a: x}}, settings: {immutable: all}}", "{match: {regions: ['us-*', '**'], repositories: '*'}, settings: {immutable: none}}",
			"e.yaml:2: the scope has no effect: later scopes say everything again wherever it holds; put it after them, or remove it"},
		{"not by every repository", "{match: {regions: eu-*}, settings: {immutable: all}}", "{match: {repositories: '*'}, settings: {immutable: none}}", ""},
		{"not by every name", "{match: {regions: eu-*}, settings: {immutable: all}}", "{match: {account_names: '*'}, settings: {immutable: none}}", ""},
		{"by age", "{match: {created_after: 2026-02-01, created_before: 2026-03-01}, rules: {a: off}}", "{match: {created_after: 2026-01-01}, rules: {a: on}}",
			"e.yaml:2: the scope has no effect: later scopes say everything again wherever it holds; put it after them, or remove it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config, err := Parse("e.yaml", []byte("scopes:\n  - "+c.first+"\n  - "+c.second+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			equal(t, lines(config.Overridden()), c.want)
		})
	}
}

// What covers holds wherever the other does.
func TestCoversIsSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := parseFile(t, plain{}, plain{}, []plain{
			{"match": drawMatch(t), "settings": plain{"immutable": "all"}}, {"match": drawMatch(t), "settings": plain{"immutable": "none"}},
		})
		if !c.Scopes[1].covers(&c.Scopes[0]) {
			return
		}
		for range 40 {
			r := drawResource(t)
			if organization := r.Account == "" && r.Region == "" && r.Repository == ""; !organization && (r.Account == "" || r.Region == "") {
				continue // there is no such resource
			}
			if may := c.HoldsIn(r); may[0] && !may[1] {
				t.Fatalf("%+v", r)
			}
		}
	})
}

func TestUnknownRegions(t *testing.T) {
	c, err := Parse("e.yaml", []byte(`scopes:
  - {match: {regions: ["eu-*", eu-wset-1, mars-1]}, rules: {a: off}}
waivers:
  - {rule: a, match: {regions: ["us-esat-?"]}, reason: r, owner: o, until: 2027-01-31}
`))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, lines(c.UnknownRegions([]string{"eu-west-1", "us-east-1"})), `e.yaml:2: match.regions: this version knows no region "eu-wset-1": did you mean "eu-west-1"?
e.yaml:2: match.regions: this version knows no region "mars-1": if it is no newer one, nothing matches
e.yaml:4: match.regions: this version knows no region "us-esat-?": did you mean "us-east-1"?`)
}

func TestUnmatched(t *testing.T) {
	c, err := Parse("e.yaml", []byte(`scopes:
  - {match: {accounts: ["111122223333", "999*"]}, rules: {a: off}}
  - {match: {account_names: ["prod-*", "pord-*"], ous: [Workloads, Worklaods]}, rules: {a: off}}
  - {match: {account_tags: {stage: prod, stge: prod}}, rules: {a: off}}
`))
	if err != nil {
		t.Fatal(err)
	}
	o := snapshot.Organization{Accounts: []snapshot.Account{{
		ID: "111122223333", State: "ACTIVE", Name: "prod-1", Path: "o-a/r-ab12/ou-ab12-11111111/", Units: []string{"Workloads"}, Tags: map[string]string{"stage": "prod"},
	}}}
	equal(t, lines(c.Unmatched(o)), `e.yaml:2: match.accounts: no account of the organization has "999*"
e.yaml:3: match.account_names: no account of the organization has "pord-*"
e.yaml:3: match.ous: no account of the organization has "Worklaods"
e.yaml:4: match.account_tags: no account of the organization has "stge=prod"`)
	equal(t, lines(c.Unmatched(snapshot.Organization{Accounts: []snapshot.Account{{ID: "1"}}})), `e.yaml:3: match.account_names: not checked: AWS Organizations was not asked
e.yaml:3: match.ous: not checked: AWS Organizations was not asked
e.yaml:4: match.account_tags: not checked: AWS Organizations was not asked`)
	equal(t, len(c.Unmatched(snapshot.Organization{None: true})), 1) // of names, which a lone account has none of
	o.Accounts[0].Tags, o.Accounts[0].Units = nil, nil               // what was not read matches nothing for sure
	equal(t, lines(c.Unmatched(o)), `e.yaml:2: match.accounts: no account of the organization has "999*"
e.yaml:3: match.account_names: no account of the organization has "pord-*"
e.yaml:3: match.ous: not checked whether an account has "Workloads", which depends on organizational units; cannot tell: it was not collected
e.yaml:3: match.ous: not checked whether an account has "Worklaods", which depends on organizational units; cannot tell: it was not collected
e.yaml:4: match.account_tags: not checked whether an account has "stage=prod", which depends on account tags; cannot tell: it was not collected
e.yaml:4: match.account_tags: not checked whether an account has "stge=prod", which depends on account tags; cannot tell: it was not collected`)
}

func TestWaiversOutOfPlace(t *testing.T) {
	c, err := Parse("e.yaml", []byte(`waivers:
  - {rule: [repo, registry], match: {repositories: "a/*"}, reason: r, owner: o, until: 2027-01-31}
  - {rule: registry, match: {regions: eu-west-1}, reason: r, owner: o, until: 2027-01-31}
  - {rule: registry, match: {image_tags: v1}, reason: r, owner: o, until: 2027-01-31}
  - {rule: org, match: {accounts: "*"}, reason: r, owner: o, until: 2027-01-31}
  - {rule: org, fingerprint: 00000000000000000000000000000001, reason: r, owner: o, until: 2027-01-31}
  - {rule: [image, repo], match: {repositories: "a/*", digests: "sha256:*"}, reason: r, owner: o, until: 2027-01-31}
`))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, c.For(Resource{}) != nil && c.CompileWaivers().Of(3, &Resource{}) == HoldsNot, true)
	equal(t, lines(c.OutOfPlace(map[string]string{"registry": "registry", "org": "organization", "repo": "repository", "image": "image"})),
		`e.yaml:2: the waiver excuses no finding of registry: the rule judges a registry as a whole, which its match does not hold for; match by accounts and regions
e.yaml:4: the waiver excuses no finding of registry: the rule judges a registry as a whole, which its match does not hold for; match by accounts and regions
e.yaml:5: the waiver excuses no finding of org: the rule judges the organization as a whole, which its match does not hold for; name the finding by its fingerprint alone
e.yaml:7: the waiver excuses no finding of repo: the rule judges a repository as a whole, which its match does not hold for; match by repositories, without digests and image_tags`)
}

func TestDaysLeftFarAway(t *testing.T) {
	c := parse(t, "waiving: {max_days: 0}\nwaivers: [{rule: a, match: {regions: x}, reason: r, owner: o, until: 9999-12-31}]\n")
	equal(t, c.Waivers[0].DaysLeft(inJanuary), 2912428)
}
