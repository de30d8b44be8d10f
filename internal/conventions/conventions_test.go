package conventions

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

func everything() snapshot.Needs {
	needs := snapshot.Needs{}
	for _, n := range Needs() {
		needs[n] = true
	}
	return needs
}

const pull = `{"Version":"2012-10-17","Statement":[{"Sid":"Readers","Effect":"Allow","Principal":{"AWS":[%s]},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:BatchCheckLayerAvailability"]}]}`

func surveyOf(t testing.TB, collected snapshot.Needs, o snapshot.Organization, repositories ...*snapshot.Repository) Proposal {
	t.Helper()
	s := New(collected)
	if err := s.Begin(o); err != nil {
		t.Fatal(err)
	}
	for _, r := range repositories {
		if err := s.Repository(context.Background(), &snapshot.Registry{Target: r.Target, Settings: map[string]string{"REGISTRY_POLICY_SCOPE": "V2"}}, r); err != nil {
			t.Fatal(err)
		}
	}
	return s.Propose()
}

func repository(i int, principals string, tags map[string]string, images ...string) *snapshot.Repository {
	target := snapshot.Target{Partition: "aws", Account: "111122223333", Region: "eu-west-1"}
	name := fmt.Sprintf("team/r%d", i)
	r := &snapshot.Repository{Target: target, Name: name, ARN: target.RepositoryARN(name), Encryption: snapshot.Encryption{Type: "KMS"}, Tags: tags}
	if principals != "" {
		r.Policy = fmt.Sprintf(pull, principals)
	}
	for j, tag := range images {
		r.Images = append(r.Images, snapshot.Image{Digest: fmt.Sprintf("sha256:%064d", j), Kind: snapshot.KindImage, Tags: []string{tag}})
	}
	return r
}

var organization = snapshot.Organization{ID: "o-a1b2c3d4e5", Accounts: []snapshot.Account{
	{ID: "111122223333", State: "ACTIVE"}, {ID: "444455556666", State: "ACTIVE", Name: "prod"}, {ID: "555566667777", State: "ACTIVE"},
}}

func has(t *testing.T, p Proposal, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !strings.Contains("\n"+p.Text, "\n"+want) {
			t.Errorf("it lacks %q:\n%s", want, p.Text)
		}
	}
}

func TestPropose(t *testing.T) {
	var all []*snapshot.Repository
	for i := range 10 {
		readers := `"arn:aws:iam::444455556666:root"`
		if i < 4 {
			readers += `,"arn:aws:iam::555566667777:root","arn:aws:iam::999900001111:root"`
		}
		tags := map[string]string{"team": "a"}
		if i < 6 {
			tags["stage"] = "prod"
		}
		all = append(all, repository(i, readers, tags, "2026-01-31", "pr-17", "nightly-20260131", fmt.Sprintf("x%d-1", i)))
	}
	p := surveyOf(t, everything(), organization, all...)
	has(t, p,
		`organization: {id: "o-a1b2c3d4e5"}`,
		`reader_accounts:`+"\n"+`  - "444455556666" # "prod", can pull in 10 of 10 repositories`,
		`# reader_accounts:`+"\n"+`#   - "555566667777" # can pull in 4 of 10 repositories`,
		`#   "999900001111": whose is it? # has access to 4 of 10 repositories`,
		`release_tags: '^20[0-9]{2}`, "# Dates such as 2026.01.31 are in 10 of 10 repositories.",
		`  dev_tags: ["pr-*"]`, `#   dev_tags: ["pr-*", "nightly-*"]`,
		`required_tags:`+"\n"+`  - "team" # on 10 of 10 repositories`, `#   - "stage" # on 6 of 10 repositories`,
		`encryption: {type: KMS}`,
	)
	c, err := config.Parse("ecraudit.yaml", []byte(p.Text))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Settings.TrustedAccounts)+len(c.Settings.VendorAccounts) > 0 {
		t.Error("somebody outside is trusted")
	}
	if len(p.Guesses) != 6 {
		t.Errorf("%d guesses: %q", len(p.Guesses), p.Guesses)
	}
}

// Few repositories demand nothing, and what was not read is said.
func TestProposeLittle(t *testing.T) {
	few := repository(1, `"arn:aws:iam::444455556666:root"`, map[string]string{"team": "a"}, "release-1")
	if p := surveyOf(t, everything(), snapshot.Organization{}, few, few); len(p.Guesses) > 0 {
		t.Errorf("%q", p.Guesses)
	}
	p := surveyOf(t, snapshot.Needs{}, snapshot.Organization{}, few)
	has(t, p, "# Policies were not collected: nothing is guessed here.", "# Images were not collected", "# Resource tags were not collected")
	denied := *few
	denied.Gaps = []snapshot.Gap{{Need: snapshot.NeedTags}, {Need: snapshot.NeedPolicy}}
	has(t, surveyOf(t, everything(), snapshot.Organization{}, &denied), "# Resource tags of no repository could be read", "# Policies of no repository could be read")
	has(t, surveyOf(t, everything(), snapshot.Organization{}, &denied, few), "# Resource tags of 1 repository could not be read.")
	has(t, surveyOf(t, everything(), snapshot.Organization{}), "# ecraudit.yaml, as ecraudit init proposes it for 0 repositories.")
}

// Whatever AWS says, the file is a configuration, trusts nobody, and is plain text.
func TestProposeIsAlwaysAConfiguration(t *testing.T) {
	hostile := []string{"a\nrules: {encryption: off}", "\x1b[2J", "'", `"`, "#", ": ", "\u2028x", "\u0085", "é", "%s%d", "{{", "- x", "aws:cloudformation:stack-name", strings.Repeat("k", 500)}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.SampledFrom(hostile), rapid.String())
		o := snapshot.Organization{ID: text.Draw(t, "id"), Accounts: []snapshot.Account{{ID: "444455556666", State: "ACTIVE", Name: text.Draw(t, "name")}}}
		tag, value, imageTag := text.Draw(t, "key"), text.Draw(t, "value"), text.Draw(t, "tag")
		s := New(everything())
		_ = s.Begin(o)
		for i := range 8 {
			r := repository(i, `"arn:aws:iam::444455556666:root"`, map[string]string{tag: value}, imageTag, imageTag+"-1234567")
			r.Encryption.Type, r.Mutability.Setting = text.Draw(t, "encryption"), text.Draw(t, "mutability")
			_ = s.Repository(context.Background(), &snapshot.Registry{Target: r.Target}, r)
		}
		p := s.Propose()
		c, err := config.Parse("ecraudit.yaml", []byte(p.Text))
		if err != nil {
			t.Fatalf("%v\n%s", err, p.Text)
		}
		if len(c.Rules)+len(c.Scopes)+len(c.Settings.TrustedAccounts) > 0 {
			t.Fatalf("it says more than it should:\n%s", p.Text)
		}
		for _, r := range p.Text {
			if r > '~' || r < ' ' && r != '\n' {
				t.Fatalf("%q in\n%s", r, p.Text)
			}
		}
	})
}
