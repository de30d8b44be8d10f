package access_test

import (
	"testing"
	"time"

	"github.com/ecraudit/ecraudit/internal/access"
)

// FuzzAnalyze checks that no text panics or hangs, and that every answer keeps
// its shape.
func FuzzAnalyze(f *testing.F) {
	for _, table := range [][]policyCase{principalCases, actionCases, pinCases, openCases, serviceCases, denyCases, documentCases} {
		for _, c := range table {
			f.Add(c.policy, "o-a1b2c3d4e5", "V2")
		}
	}
	f.Add(`{"Statement":{"Effect":"Allow","Principal":{"AWS":[1,true,null]},"Action":[],"Condition":{"Null":{"":[]},"ForAnyValue:":{"x":1}}}}`, "", "")
	f.Add(policyOf(allow(`"*"`, when(`"StringLike":{"aws:PrincipalArn":"${aws:username}${","aws:userid":"${ , 'x'}","aws:PrincipalOrgPaths":"*/*//*"}`))), "o-", "V1")
	f.Add(policyOf(allow(`"*"`, when(`"IpAddress":{"aws:SourceIp":["::ffff:1.2.3.4/97","255.255.255.255/32","ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"]}`))), "x", "V3")
	f.Fuzz(func(t *testing.T, policy, organization, scope string) {
		begin := time.Now()
		for _, ctx := range []access.Context{known(), {}, {Account: ownAccount, OrganizationID: organization}} {
			docs := access.Documents{RepositoryPolicy: policy, RegistryPolicy: policy, RegistryScope: scope}
			checkShape(t, access.Analyze(docs, ctx))
			if v := access.CanPull(docs, ctx, stranger); v.Answer != "yes" && v.Reason == "" {
				t.Errorf("no reason in %+v", v)
			}
			checkShape(t, access.AnalyzeRegistry(policy, ctx))
			access.Inert(policy)
			access.Statements(policy)
		}
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// BenchmarkAnalyze analyzes a policy of ten statements as organizations have
// them: at most 100 µs.
func BenchmarkAnalyze(b *testing.B) {
	docs := access.Documents{RegistryScope: "V2", RepositoryPolicy: policyOf(
		`"Sid":"Organization",`+allow(`"*"`, when(`"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`)),
		`"Sid":"Vendor",`+allow(`{"AWS":"arn:aws:iam::777788889999:root"}`, ""),
		`"Sid":"Partners",`+allow(`{"AWS":["arn:aws:iam::999988887777:role/deploy","arn:aws:iam::999988887776:role/deploy"]}`, ""),
		`"Sid":"Builders","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/ci"},"Action":["ecr:BatchGetImage","ecr:PutImage","ecr:InitiateLayerUpload","ecr:UploadLayerPart","ecr:CompleteLayerUpload","ecr:BatchCheckLayerAvailability"]`,
		`"Sid":"LambdaECRImageRetrievalPolicy",`+allow(lambda, when(`"StringLike":{"aws:sourceArn":"arn:aws:lambda:eu-west-1:111122223333:function:*"}`)),
		`"Sid":"LambdaElsewhere",`+allow(lambda, when(`"ArnLike":{"aws:SourceArn":"arn:aws:lambda:eu-west-1:444455556666:function:*"}`)),
		`"Sid":"Unit",`+allow(`"*"`, when(`"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-a1b2c3d4e5/r-ab12/ou-ab12-22222222/*"}`)),
		`"Sid":"Readers","Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":["ecr:Describe*","ecr:List*","ecr:GetLifecyclePolicy"]`,
		`"Sid":"Tls",`+deny(`"*"`, when(`"Bool":{"aws:SecureTransport":"false"}`)),
		`"Sid":"Perimeter",`+deny(`"*"`, when(`"StringNotEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5","aws:PrincipalAccount":["777788889999","999988887777"]},"BoolIfExists":{"aws:PrincipalIsAWSService":"false"}`)),
	)}
	ctx := known()
	b.ReportAllocs()
	for b.Loop() {
		access.Analyze(docs, ctx)
	}
}
