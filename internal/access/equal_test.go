package access_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ecraudit/ecraudit/internal/access"
)

func TestEqualPolicy(t *testing.T) {
	pull := func(principal string) string { return policyOf(allow(principal, "")) }
	under := func(condition string) string { return policyOf(allow(`"*"`, when(condition))) }
	a, b := `"Sid":"A",`+allow(`"*"`, ""), `"Sid":"B",`+allow(`"*"`, "")
	cases := []struct {
		name, a, b string
		want       bool
	}{
		{"no policy", "", "", true},
		{"a policy and none", pull(`"*"`), "", false},
		{"white space", pull(`"*"`), " \n" + pull(`"*"`) + "\n", true},
		{"a list of one principal", pull(`{"AWS":["444455556666"]}`), pull(`{"AWS":"444455556666"}`), true},
		{"an id and a root ARN", pull(`{"AWS":"444455556666"}`), pull(`{"AWS":"arn:aws:iam::444455556666:root"}`), true},
		{"an id and a root ARN in China", pull(`{"AWS":"444455556666"}`), pull(`{"AWS":"arn:aws-cn:iam::444455556666:root"}`), true},
		{"root ARNs of two partitions", pull(`{"AWS":"arn:aws:iam::444455556666:root"}`), pull(`{"AWS":"arn:aws-cn:iam::444455556666:root"}`), false},
		{"an id and a role", pull(`{"AWS":"444455556666"}`), pull(`{"AWS":"arn:aws:iam::444455556666:role/x"}`), false},
		{"an id and a root ARN in a condition", under(`"ArnLike":{"aws:PrincipalArn":"444455556666"}`), under(`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::444455556666:root"}`), false},
		{"an account twice", pull(`{"AWS":["444455556666","arn:aws:iam::444455556666:root"]}`), pull(`{"AWS":"444455556666"}`), true},
		{"order of principals", pull(`{"AWS":["444455556666","999988887777"]}`), pull(`{"AWS":["999988887777","444455556666"]}`), true},
		{"a principal more", pull(`{"AWS":["444455556666","999988887777"]}`), pull(`{"AWS":["444455556666"]}`), false},
		{"another kind of principal", pull(`{"AWS":"*"}`), pull(`{"Service":"*"}`), false},
		{"everyone", pull(`"*"`), pull(`{"AWS":"*"}`), true},
		{"an account without a kind is no principal", pull(`"444455556666"`), pull(`{"AWS":"444455556666"}`), false},
		{"order of actions", policyOf(`"Action":["ecr:A","ecr:B"]`), policyOf(`"Action":["ecr:B","ecr:A"]`), true},
		{"case of actions", policyOf(`"Action":"ecr:PutImage"`), policyOf(`"Action":["ECR:putimage"]`), true},
		{"Action and NotAction", policyOf(`"Action":"ecr:PutImage"`), policyOf(`"NotAction":"ecr:PutImage"`), false},
		{"resources", policyOf(`"Resource":["a","b"]`), policyOf(`"Resource":["b","a"]`), true},
		{"case of resources", policyOf(`"Resource":"a"`), policyOf(`"Resource":"A"`), false},
		{"order of members", policyOf(`"Effect":"Deny","Sid":"A"`), policyOf(`"Sid":"A","Effect":"Deny"`), true},
		{"effects", policyOf(`"Effect":"Deny"`), policyOf(`"Effect":"Allow"`), false},
		{"values of a condition", under(`"StringEquals":{"aws:PrincipalOrgID":["o-a","o-b"]}`), under(`"StringEquals":{"aws:PrincipalOrgID":["o-b","o-a"]}`), true},
		{"other values", under(`"StringEquals":{"aws:PrincipalOrgID":["o-a","o-b"]}`), under(`"StringEquals":{"aws:PrincipalOrgID":["o-b"]}`), false},
		{"case of keys and operators", under(`"stringequals":{"AWS:principalorgid":"o-a"}`), under(`"StringEquals":{"aws:PrincipalOrgID":"o-a"}`), true},
		{"case of values", under(`"StringEquals":{"aws:PrincipalOrgID":"o-a"}`), under(`"StringEquals":{"aws:PrincipalOrgID":"o-A"}`), false},
		{"a flag as text", under(`"Bool":{"aws:SecureTransport":true}`), under(`"Bool":{"aws:SecureTransport":"true"}`), true},
		{"an empty condition", policyOf(allow(`"*"`, when(``))), pull(`"*"`), true},
		{"a condition that is none", policyOf(allow(`"*"`, `,"Condition":[]`)), pull(`"*"`), false},
		{"a condition more", under(`"Bool":{"aws:SecureTransport":true}`), pull(`"*"`), false},
		{"no Sid", policyOf(a), pull(`"*"`), false},
		{"an empty Sid", policyOf(`"Sid":"",` + allow(`"*"`, "")), pull(`"*"`), true},
		{"order of statements", policyOf(a, b), policyOf(b, a), true},
		{"a statement twice", policyOf(allow(`"*"`, ""), allow(`"*"`, "")), pull(`"*"`), false},
		{"a statement without a list", `{"Version":"2012-10-17","Statement":{` + a + `}}`, policyOf(a), true},
		{"versions", `{"Version":"2008-10-17","Statement":[]}`, `{"Version":"2012-10-17","Statement":[]}`, false},
		{"the version that holds without one", `{"Version":"2008-10-17","Statement":[]}`, `{"Statement":[]}`, true},
		{"an id", `{"Id":"x","Statement":[]}`, `{"Statement":[]}`, false},
		{"no JSON", "{", "{", true},
		{"no JSON and other", "{", "{ ", false},
		{"a name twice", `{"Id":"x","Id":"x"}`, `{"Id":"x","Id":"x"} `, false},
		{"other JSON", "[1,\"a\"]", `[1, "a"]`, true},
		{"null and nothing", `{"Statement":null}`, `{"Statement":[]}`, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if access.EqualPolicy(c.a, c.b) != c.want || access.EqualPolicy(c.b, c.a) != c.want {
				t.Errorf("%s\n%s\nare they equal? want %t", c.a, c.b, c.want)
			}
		})
	}
}

// asAWS writes a value that stands under a key as AWS may.
func asAWS(t *rapid.T, value any, key string) any {
	some := func() bool { return rapid.Bool().Draw(t, "rewritten") }
	switch v := value.(type) {
	case string:
		if key == "AWS" && len(v) == len(ownAccount) && some() {
			return "arn:aws:iam::" + v + ":root"
		}
		if strings.HasSuffix(key, "Principal") && some() {
			return map[string]any{"AWS": "*"}
		}
	case []any:
		for i := range v {
			v[i] = asAWS(t, v[i], key)
		}
		v = rapid.Permutation(v).Draw(t, "order")
		if len(v) == 1 && some() {
			return v[0]
		}
		return v
	case map[string]any:
		for k := range v {
			v[k] = asAWS(t, v[k], k)
		}
	}
	return value
}

func TestLawEqualPolicyKnowsWhatAWSRewrote(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, ctx := drawCrowded(t), drawContext(t)
		var document any
		if err := json.Unmarshal([]byte(p.text()), &document); err != nil {
			t.Fatal(err)
		}
		text, err := json.MarshalIndent(asAWS(t, document, ""), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if !access.EqualPolicy(p.text(), p.text()) || !access.EqualPolicy(p.text(), string(text)) || !access.EqualPolicy(string(text), p.text()) {
			t.Fatalf("%s\n%s\nare not equal", p.text(), text)
		}
		was, is := analyze(p, ctx), access.Analyze(access.Documents{RepositoryPolicy: string(text)}, ctx)
		if diff := cmp.Diff(was.Exposure, is.Exposure); diff != "" {
			t.Fatalf("%s\n%s\nare equal (-first +second):\n%s", p.text(), text, diff)
		}
	})
}

// What one statement more or less grants tells policies apart.
func TestLawPoliciesThatGrantOtherThingsAreNotEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, q, ctx := drawCrowded(t), drawCrowded(t), drawContext(t)
		if rapid.Bool().Draw(t, "alike") {
			q = naivePolicy{p.Version, slices.Clone(p.Statement)}
			q.Statement[0].Principal = drawCrowded(t).Statement[0].Principal
		}
		if !access.EqualPolicy(p.text(), q.text()) {
			return
		}
		if diff := cmp.Diff(brief(analyze(p, ctx).Grants), brief(analyze(q, ctx).Grants)); diff != "" {
			t.Fatalf("%s\n%s\nare equal (-first +second):\n%s", p.text(), q.text(), diff)
		}
	})
}

func FuzzEqualPolicy(f *testing.F) {
	f.Add(policyOf(allow(`"*"`, "")), policyOf(allow(`{"AWS":["*"]}`, "")))
	f.Add(`{"Statement":{"Principal":{"AWS":[1,null]},"Action":{},"Condition":{"A":{"b":{}},"C":[]}}}`, `[]`)
	f.Add(`"x"`, "{")
	f.Fuzz(func(t *testing.T, a, b string) {
		if !access.EqualPolicy(a, a) || !access.EqualPolicy(b, b) {
			t.Error("a policy is not equal to itself")
		}
		if access.EqualPolicy(a, b) != access.EqualPolicy(b, a) {
			t.Error("they are equal only one way round")
		}
	})
}

// FuzzEdit takes whatever is granted away.
func FuzzEdit(f *testing.F) {
	for _, table := range [][]policyCase{openCases, serviceCases, denyCases, documentCases} {
		for _, c := range table {
			f.Add(c.policy)
		}
	}
	f.Fuzz(func(t *testing.T, policy string) {
		docs := access.Documents{RepositoryPolicy: policy}
		e, err := access.Edit(docs, known(), inRepository)
		if err != nil {
			return
		}
		const enough = 4
		grants := access.Analyze(docs, known()).Grants
		for _, g := range grants[:min(len(grants), enough)] {
			if err := e.TakeAway(g.Statement, g.Principal); err != nil {
				continue
			}
			for _, left := range access.Analyze(access.Documents{RepositoryPolicy: e.Text()}, known()).Grants {
				if !strings.HasPrefix(g.Statement, "#") && left.Statement == g.Statement && left.Principal == g.Principal {
					t.Errorf("%s became %s, which still grants %q", policy, e.Text(), brief([]access.Grant{left}))
				}
			}
		}
		if e.Text() == "" {
			return
		}
		if _, err := access.Edit(access.Documents{RepositoryPolicy: e.Text()}, known(), inRepository); err != nil {
			t.Errorf("%s became %s: %v", policy, e.Text(), err)
		}
		if gained := e.Gained(); len(gained) > 0 {
			t.Errorf("%s became %s: %q", policy, e.Text(), gained)
		}
	})
}
