package access_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ecraudit/ecraudit/internal/access"
)

func inRegistry(principal, actions, resource string) string {
	return `"Effect":"Allow","Principal":` + principal + `,"Action":` + actions + `,"Resource":` + resource
}

func TestAnalyzeRegistry(t *testing.T) {
	const replication = `["ecr:ReplicateImage","ecr:CreateRepository"]`
	const all, teams = `"arn:aws:ecr:eu-west-1:111122223333:repository/*"`, `"arn:aws:ecr:eu-west-1:111122223333:repository/team/*"`
	source := `{"AWS":"arn:aws:iam::999988887777:root"}`
	cases := []policyCase{
		{"no policy", "", access.ExposureOwn, []string{}},
		{"replication", policyOf(inRegistry(source, replication, all)), access.ExposureOutside, []string{"account 999988887777: outside, push administer"}},
		{"replication of some", policyOf(inRegistry(source, replication, teams)), access.ExposureOutside, []string{"account 999988887777: outside, push administer"}},
		{"replication from the organization", policyOf(inRegistry(`{"AWS":"444455556666"}`, replication, all)), access.ExposureInside, nil},
		{"replication elsewhere", policyOf(inRegistry(source, replication, `"arn:aws:ecr:us-east-1:111122223333:repository/*"`)), access.ExposureOwn, []string{}},
		{"import by everyone", policyOf(inRegistry(`"*"`, `"ecr:BatchImportUpstreamImage"`, `"*"`)), access.ExposurePublic, []string{"everyone: public, push"}},
		{"everything", policyOf(inRegistry(`{"AWS":"444455556666"}`, `"ecr:*"`, `"*"`)), access.ExposureInside, []string{"account 444455556666: inside, read pull push delete administer"}},
		{"registry settings", policyOf(inRegistry(source, `"ecr:PutRegistryPolicy"`, `"*"`)), access.ExposureOutside, []string{"account 999988887777: outside, administer"}},
		{"registry settings on repositories", policyOf(inRegistry(source, `"ecr:PutRegistryPolicy"`, all)), access.ExposureOwn, []string{}},
		{"denied where granted", policyOf(inRegistry(source, replication, teams), `"Effect":"Deny","Principal":"*","Action":"ecr:*","Resource":`+teams), access.ExposureOwn, []string{}},
		{"denied in part", policyOf(inRegistry(source, replication, all), `"Effect":"Deny","Principal":"*","Action":"ecr:*","Resource":`+teams), access.ExposureOutside, []string{"account 999988887777: outside, push administer"}},
		{"denied elsewhere", policyOf(inRegistry(source, replication, teams), `"Effect":"Deny","Principal":"*","Action":"ecr:*","NotResource":`+teams), access.ExposureOutside, nil},
		{"fewer actions in some", policyOf(inRegistry(source, replication, all), `"Effect":"Deny","Principal":"*","Action":"ecr:CreateRepository","Resource":`+teams), access.ExposureOutside, []string{"account 999988887777: outside, push administer"}},
		{"resource by variable", policyOf(inRegistry(source, replication, `"arn:aws:ecr:eu-west-1:111122223333:repository/${aws:PrincipalAccount}/*"`)), access.ExposureUnknown, nil},
		{"no resource", policyOf(allow(`"*"`, "")), access.ExposureUnknown, nil},
		{"not JSON", "{", access.ExposureUnknown, []string{}},
		{"too many resources", policyOf(inRegistry(source, replication, `["`+strings.Join(numbered(40, "arn:aws:ecr:eu-west-1:111122223333:repository/t%d"), `","`)+`"]`)), access.ExposureUnknown, nil},
	}
	ctx := known()
	ctx.Repository = ""
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := access.AnalyzeRegistry(c.policy, ctx)
			if got.Exposure != c.want {
				t.Errorf("exposure is %s, want %s: %q %v", got.Exposure, c.want, brief(got.Grants), got.Problems)
			}
			if c.grants != nil {
				if diff := cmp.Diff(c.grants, brief(got.Grants)); diff != "" {
					t.Errorf("grants (-want +got):\n%s", diff)
				}
			}
			checkShape(t, got)
		})
	}
}

func TestRegistryGrantsSayForWhichRepositories(t *testing.T) {
	policy := policyOf(inRegistry(`{"AWS":"444455556666"}`, `"ecr:ReplicateImage"`, `"arn:aws:ecr:eu-west-1:111122223333:repository/team/*"`))
	got := access.AnalyzeRegistry(policy, known())
	want := []string{"resource like arn:aws:ecr:eu-west-1:111122223333:repository/team/*"}
	if len(got.Grants) != 1 || !cmp.Equal(want, got.Grants[0].Conditions) {
		t.Errorf("the grants are %+v", got.Grants)
	}
	if got = access.Analyze(access.Documents{RegistryPolicy: policy, RegistryScope: "V2"}, known()); len(got.Grants) != 1 || len(got.Grants[0].Conditions) > 0 {
		t.Errorf("of one repository the grants are %+v", got.Grants)
	}
}

// What any one repository gives away, the registry gives away.
func TestLawRegistryIsAsWideAsItsRepositories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		for i := range p.Statement {
			where := rapid.SampledFrom([]string{"*", "arn:aws:ecr:*:*:repository/*", "arn:aws:ecr:*:*:repository/team/*", "arn:aws:ecr:*:*:repository/*api", "arn:aws:ecr:*:*:repository/team/api", "*/web", "arn:aws:ecr:us-east-1:*"}).Draw(t, "resource")
			if rapid.IntRange(0, 5).Draw(t, "not resource") == 0 {
				p.Statement[i].NotResource = []string{where}
			} else {
				p.Statement[i].Resource = []string{where}
			}
		}
		ctx := drawContext(t)
		whole := access.AnalyzeRegistry(p.text(), ctx)
		widestAny := 0
		for _, name := range []string{"team/api", "team/web", "team/other/api", "api", "other", "x/web"} {
			ctx.Repository = name
			one := access.Analyze(access.Documents{RegistryPolicy: p.text(), RegistryScope: "V2"}, ctx)
			_, widest := bounds(one)
			widestAny = max(widestAny, widest)
		}
		if sure, widest := bounds(whole); widest < widestAny || sure > widestAny {
			t.Fatalf("%s: a repository is open up to %d, the registry surely to %d and at most to %d:\n%q", p.text(), widestAny, sure, widest, brief(whole.Grants))
		}
	})
}
