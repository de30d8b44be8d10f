package access_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecraudit/ecraudit/internal/access"
)

func numbered(n int, format string) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(format, i)
	}
	return list
}

func TestStatements(t *testing.T) {
	policy := policyOf(
		`"Sid":"Article","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::999988887777:role/ci","AROAEXAMPLEEXAMPLE123",111122223333],"Service":"Lambda.amazonaws.com"},`+
			`"Action":["ecr:GetAuthorizationToken","ecr:BatchGetImage","ecr:Describe*","s3:*"],"Condition":{"StringLike":{"aws:sourcearn":["b","a"]},"Bool":{"aws:SecureTransport":true}}`,
		`"Effect":"Deny","NotPrincipal":"*","NotAction":"ecr:Put*","NotResource":"arn:aws:ecr:*:*:repository/x"`,
		`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::*:root","Federated":"arn:aws:iam::111122223333:saml-provider/idp","CanonicalUser":"79a5","Odd":"x"},"Action":"*","Resource":"*"`,
	)
	want := []access.Statement{
		{
			ID: "Article", Effect: "Allow", Actions: []string{"ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:Describe*", "s3:*"},
			Inert: []string{"ecr:GetAuthorizationToken", "s3:*"}, Wildcards: []string{"ecr:Describe*"},
			Principals: []access.StatementPrincipal{
				{"AWS", "arn:aws:iam::999988887777:role/ci", "role", "999988887777"}, {"AWS", "AROAEXAMPLEEXAMPLE123", "deleted", ""},
				{"AWS", "111122223333", "account", "111122223333"}, {"Service", "Lambda.amazonaws.com", "service", ""},
			},
			Resources: []string{}, Conditions: []string{"aws:SecureTransport = true", "aws:SourceArn like a, b"},
		},
		{
			ID: "#2", Effect: "Deny", Actions: []string{"ecr:Put*"}, NotAction: true, Inert: []string{}, Wildcards: []string{"ecr:Put*"},
			Principals: []access.StatementPrincipal{{"*", "*", "everyone", ""}}, NotPrincipal: true,
			Resources: []string{"arn:aws:ecr:*:*:repository/x"}, NotResource: true, Conditions: []string{},
		},
		{
			ID: "#3", Effect: "Allow", Actions: []string{"*"}, Inert: []string{}, Wildcards: []string{"*"},
			Principals: []access.StatementPrincipal{
				{"AWS", "arn:aws:iam::*:root", "everyone", ""}, {"Federated", "arn:aws:iam::111122223333:saml-provider/idp", "federated", "111122223333"},
				{"CanonicalUser", "79a5", "canonical", ""}, {"Odd", "x", "everyone", ""},
			},
			Resources: []string{"*"}, Conditions: []string{},
		},
	}
	got, problems := access.Statements(policy)
	if diff := cmp.Diff(want, got); diff != "" || len(problems) > 0 {
		t.Errorf("Statements (-want +got):\n%s\n%q", diff, problems)
	}
}

func TestStatementsOfOddDocuments(t *testing.T) {
	for name, c := range map[string]struct {
		policy, problem string
		statements      int
	}{
		"empty":                    {"", "it is not one JSON document", 0},
		"not an object":            {"[]", "it is not a JSON object", 0},
		"no statement":             {"{}", "it has no Statement", 0},
		"null":                     {`{"Statement":null}`, "statement #1 is not an object", 0},
		"one object":               {`{"Statement":{` + allow(`"*"`, "") + `}}`, "", 1},
		"an empty object":          {`{"Statement":{}}`, "statement #1: it needs one of Principal and NotPrincipal", 1},
		"a number for a principal": {policyOf(allow(`7`, "")), "", 1},
		"null for everything":      {`{"Statement":{"Sid":null,"Effect":null,"Principal":null,"Action":null,"Resource":null,"Condition":null}}`, "statement #1: Sid: it is not a text", 1},
		"an unknown effect":        {policyOf(`"Effect":"allow","Principal":"*","Action":"ecr:*"`), "statement #1: Effect: it is neither Allow nor Deny", 1},
		"too long":                 {policyOf(allow(`"*"`, "")) + strings.Repeat(" ", 1<<20), "it has 1048709 bytes, more than ECR accepts", 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, problems := access.Statements(c.policy)
			if len(got) != c.statements || strings.Contains(strings.Join(problems, "\n"), c.problem) != (c.problem != "") && len(problems) > 0 || c.problem != "" && len(problems) == 0 {
				t.Errorf("%+v %q", got, problems)
			}
		})
	}
}

func TestVendorsAreTrusted(t *testing.T) {
	ctx := known()
	ctx.Trusted, ctx.Vendors = nil, map[string]string{vendor: "Scanner Inc.", stranger: ""}
	got := access.Analyze(access.Documents{RepositoryPolicy: policyOf(allow(`{"AWS":["`+vendor+`","`+stranger+`"]}`, ""))}, ctx)
	if got.Exposure != access.ExposureTrusted || len(got.Grants) != 2 || got.Grants[0].Trusted != "vendor Scanner Inc." || got.Grants[1].Trusted != "vendor "+stranger {
		t.Errorf("the analysis is %+v", got)
	}
}
