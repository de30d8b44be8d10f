package access_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecraudit/ecraudit/internal/access"
)

// told is an explanation in a line.
func told(e access.Explanation) string {
	line := e.Effect + " " + e.Statement + ": " + strings.Join(brief(e.Grants), "; ")
	if e.Narrows {
		line += " narrows"
	}
	if e.Nothing != "" {
		line += "nothing, " + e.Nothing
	}
	for _, i := range e.Inert {
		line += fmt.Sprintf(" (%s: %s)", i.Action, i.Reason)
	}
	return line
}

func TestExplain(t *testing.T) {
	const inert = "it acts on no repository: only an identity policy can grant it"
	for _, c := range []struct {
		name   string
		policy string
		want   []string
	}{
		{"a grant", policyOf(allow(`"*"`, "")), []string{"Allow #1: everyone: public, pull"}},
		{"a token", policyOf(`"Effect":"Allow","Principal":"*","Action":"ecr:GetAuthorizationToken"`),
			[]string{"Allow #1: nothing, no action that it names can be granted here (ecr:GetAuthorizationToken: " + inert + ")"}},
		{"no action left", policyOf(`"Effect":"Allow","Principal":"*","NotAction":"*"`), []string{"Allow #1: nothing, it leaves no action that this policy could grant"}},
		{"conditions that contradict", policyOf(allow(`"*"`, when(`"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"},"Null":{"aws:PrincipalOrgID":"true"}`))),
			[]string{"Allow #1: nothing, nobody can meet its conditions"}},
		{"taken back", policyOf(allow(`"*"`, ""), deny(`"*"`, "")),
			[]string{"Allow #1: nothing, all that it would grant is denied", "Deny #2: everyone: public, pull"}},
		{"taken back from strangers", policyOf(allow(`"*"`, ""), deny(`"*"`, when(`"StringNotEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`))),
			[]string{"Allow #1: organization o-a1b2c3d4e5: inside, pull", "Deny #2: everyone: public, pull"}},
		{"taken back twice", policyOf(allow(`{"AWS":"999988887777"}`, ""), deny(`"*"`, ""), deny(`{"AWS":"999988887777"}`, "")),
			[]string{"Allow #1: nothing, all that it would grant is denied", "Deny #2: nothing, another statement denies it too", "Deny #3: nothing, another statement denies it too"}},
		{"without TLS", policyOf(allow(`"*"`, ""), deny(`"*"`, when(`"Bool":{"aws:SecureTransport":"false"}`))),
			[]string{"Allow #1: everyone: public, pull", "Deny #2:  narrows"}},
		{"undecided", policyOf(allow(`"*"`, ""), deny(`"*"`, when(`"StringMatches":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`))),
			[]string{"Allow #1: everyone: public, pull", "Deny #2: nothing, the operator StringMatches is not known"}},
		{"beside the point", policyOf(allow(`"*"`, ""), `"Effect":"Deny","Principal":"*","Action":"ecr:DeleteRepository"`),
			[]string{"Allow #1: everyone: public, pull", "Deny #2: nothing, no statement grants what it denies"}},
		{"deleted", policyOf(allow(`{"AWS":"AROAEXAMPLEEXAMPLE123"}`, "")), []string{"Allow #1: AROAEXAMPLEEXAMPLE123: own, pull"}},
		{"not JSON", "{", []string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := []string{}
			for _, e := range access.Explain(access.Documents{RepositoryPolicy: c.policy}, known()) {
				got = append(got, told(e))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
