package access_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecraudit/ecraudit/internal/access"
)

// TestContexts asks the same of worlds of which less is known.
func TestContexts(t *testing.T) {
	inOrganization := everyoneWhen(`"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`)
	toStranger := policyOf(allow(`{"AWS":"999988887777"}`, ""))
	noMembers := known()
	noMembers.Members = nil
	nothing := access.Context{Account: ownAccount}
	alone := access.Context{Account: ownAccount, NoOrganization: true}
	cases := []struct {
		name   string
		ctx    access.Context
		policy string
		want   access.Exposure
		grants []string
	}{
		{"own organization without members", noMembers, inOrganization, access.ExposureInside, nil},
		{"an account without members", noMembers, toStranger, access.ExposureUnknown, []string{"account 999988887777: unknown up to outside, pull"}},
		{"a trusted account without members", noMembers, policyOf(allow(`{"AWS":"777788889999"}`, "")), access.ExposureUnknown, []string{"account 777788889999: unknown up to trusted, pull"}},
		{"an account of the organization without members", noMembers, policyOf(allow(`{"AWS":"999988887777"}`, when(`"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`))), access.ExposureInside, nil},
		{"an account of another organization without members", noMembers, policyOf(allow(`{"AWS":"999988887777"}`, when(`"StringEquals":{"aws:PrincipalOrgID":"o-zzzzzzzzzz"}`))), access.ExposureOutside, nil},
		{"own account without members", noMembers, policyOf(allow(`{"AWS":"111122223333"}`, "")), access.ExposureOwn, nil},
		{"everyone without members", noMembers, policyOf(allow(`"*"`, "")), access.ExposurePublic, nil},
		{"accounts by pattern without members", noMembers, everyoneWhen(`"StringLike":{"aws:PrincipalAccount":"9999*"}`), access.ExposureOutside, nil},
		{"service without members", noMembers, policyOf(allow(lambda, when(`"StringEquals":{"aws:SourceAccount":"999988887777"}`))), access.ExposureUnknown, nil},

		{"an organization, own unknown", nothing, inOrganization, access.ExposureUnknown, []string{"organization o-a1b2c3d4e5: unknown up to outside, pull", "account 111122223333: own, pull"}},
		{"not an organization, own unknown", nothing, everyoneWhen(`"StringNotEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`), access.ExposurePublic, nil},
		{"own organization by variable, own unknown", nothing, everyoneWhen(`"StringEquals":{"aws:PrincipalOrgID":"${aws:ResourceOrgID}"}`), access.ExposureInside, nil},
		{"an account, own unknown", nothing, toStranger, access.ExposureUnknown, nil},
		{"own account, own unknown", nothing, everyoneWhen(`"StringEquals":{"aws:PrincipalAccount":"111122223333"}`), access.ExposureOwn, nil},
		{"own account in an organization, own unknown", nothing, everyoneWhen(`"StringEquals":{"aws:PrincipalAccount":"111122223333","aws:PrincipalOrgID":"o-a1b2c3d4e5"}`), access.ExposureOwn, nil},
		{"everyone, own unknown", nothing, policyOf(allow(`"*"`, "")), access.ExposurePublic, nil},

		{"an organization, alone", alone, inOrganization, access.ExposureOutside, nil},
		{"an account, alone", alone, toStranger, access.ExposureOutside, nil},
		{"own account, alone", alone, policyOf(allow(`{"AWS":"111122223333"}`, "")), access.ExposureOwn, nil},
		{"nothing known at all", access.Context{}, toStranger, access.ExposureUnknown, nil},
		{"nothing known at all, everyone", access.Context{}, policyOf(allow(`"*"`, "")), access.ExposurePublic, nil},
		{"another partition", access.Context{Partition: "aws-cn", Account: ownAccount, NoOrganization: true}, policyOf(allow(`{"AWS":"arn:aws-cn:iam::111122223333:root"}`, "")), access.ExposureOwn, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := access.Analyze(access.Documents{RepositoryPolicy: c.policy}, c.ctx)
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

func TestOutsideAccountIsCertainWhereTheOrganizationIsNot(t *testing.T) {
	ctx := known()
	ctx.Members = nil
	got := access.Analyze(access.Documents{RepositoryPolicy: policyOf(allow(`{"AWS":"999988887777"}`, ""))}, ctx).Grants[0]
	if !got.OutsideAccount || got.OutsideOrganization {
		t.Errorf("the grant is %+v", got)
	}
}

func TestRegistryPolicy(t *testing.T) {
	replicate := func(resource string) string {
		return policyOf(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999988887777:root"},"Action":["ecr:ReplicateImage","ecr:CreateRepository"],"Resource":` + resource)
	}
	pull := policyOf(`"Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage","Resource":"*"`)
	open := policyOf(allow(`"*"`, ""))
	noPull := policyOf(`"Effect":"Deny","Principal":"*","Action":"ecr:*","Resource":"*"`)
	cases := []struct {
		name   string
		docs   access.Documents
		want   access.Exposure
		grants []string
	}{
		{"replication", access.Documents{RegistryPolicy: replicate(`"arn:aws:ecr:eu-west-1:111122223333:repository/*"`), RegistryScope: "V1"}, access.ExposureOutside, []string{"account 999988887777: outside, push administer"}},
		{"replication, scope unknown", access.Documents{RegistryPolicy: replicate(`"arn:aws:ecr:eu-west-1:111122223333:repository/t*/ap?"`)}, access.ExposureOutside, nil},
		{"replication of others", access.Documents{RegistryPolicy: replicate(`["arn:aws:ecr:eu-west-1:111122223333:repository/other*"]`), RegistryScope: "V2"}, access.ExposureOwn, []string{}},
		{"replication elsewhere", access.Documents{RegistryPolicy: replicate(`"arn:aws:ecr:us-east-1:111122223333:repository/*"`), RegistryScope: "V2"}, access.ExposureOwn, []string{}},
		{"replication by variable", access.Documents{RegistryPolicy: replicate(`"arn:aws:ecr:eu-west-1:111122223333:repository/${aws:PrincipalAccount}/*"`), RegistryScope: "V2"}, access.ExposureUnknown, nil},
		{"pulling, V1", access.Documents{RegistryPolicy: pull, RegistryScope: "V1"}, access.ExposureOwn, []string{}},
		{"pulling, V2", access.Documents{RegistryPolicy: pull, RegistryScope: "V2"}, access.ExposurePublic, []string{"everyone: public, pull"}},
		{"pulling, scope unknown", access.Documents{RegistryPolicy: pull}, access.ExposureUnknown, []string{"everyone: unknown up to public, pull"}},
		{"denying, V1", access.Documents{RepositoryPolicy: open, RegistryPolicy: noPull, RegistryScope: "V1"}, access.ExposurePublic, nil},
		{"denying, V2", access.Documents{RepositoryPolicy: open, RegistryPolicy: noPull, RegistryScope: "V2"}, access.ExposureOwn, []string{}},
		{"denying, scope unknown", access.Documents{RepositoryPolicy: open, RegistryPolicy: noPull}, access.ExposurePublic, nil},
		{"registry settings", access.Documents{RegistryPolicy: policyOf(`"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":["ecr:PutRegistryPolicy","ecr:GetAuthorizationToken"],"Resource":"*"`), RegistryScope: "V2"}, access.ExposureInside, []string{"account 444455556666: inside, administer"}},
		{"registry settings on repositories", access.Documents{RegistryPolicy: policyOf(`"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"ecr:PutRegistryPolicy","Resource":"arn:aws:ecr:*:*:repository/*"`), RegistryScope: "V2"}, access.ExposureOwn, []string{}},
		{"no resource", access.Documents{RegistryPolicy: open, RegistryScope: "V2"}, access.ExposureUnknown, nil},
		{"all resources but the repository", access.Documents{RegistryPolicy: policyOf(`"Effect":"Allow","Principal":"*","Action":"ecr:PutImage","NotResource":"arn:aws:ecr:*:*:repository/team/*"`), RegistryScope: "V2"}, access.ExposureOwn, []string{}},
		{"all resources but another", access.Documents{RegistryPolicy: policyOf(`"Effect":"Allow","Principal":"*","Action":"ecr:PutImage","NotResource":"arn:aws:ecr:*:*:repository/x"`), RegistryScope: "V2"}, access.ExposurePublic, nil},
		{"unread", access.Documents{RegistryUnread: "access denied"}, access.ExposureUnknown, []string{"whoever the registry policy names: unknown up to public, read pull push delete administer"}},
		{"unread, V1", access.Documents{RegistryUnread: "access denied", RegistryScope: "V1"}, access.ExposureUnknown, []string{"whoever the registry policy names: unknown up to public, push administer"}},
		{"unread, but public anyway", access.Documents{RepositoryPolicy: open, RegistryUnread: "access denied"}, access.ExposurePublic, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := access.Analyze(c.docs, known())
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

func TestCanPull(t *testing.T) {
	both := func(principal, rest string) string { return policyOf(allow(principal, rest)) }
	one := func(action string) string {
		return `"Effect":"Allow","Principal":{"AWS":"999988887777"},"Action":"ecr:` + action + `"`
	}
	noMembers := known()
	noMembers.Members = nil
	cases := []struct {
		name    string
		docs    access.Documents
		ctx     access.Context
		account string
		want    string
	}{
		{"no policy", access.Documents{}, known(), stranger, "no"},
		{"own account, no policy", access.Documents{}, known(), ownAccount, "yes"},
		{"own account, denied", access.Documents{RepositoryPolicy: policyOf(deny(`"*"`, ""))}, known(), ownAccount, "no"},
		{"named", access.Documents{RepositoryPolicy: both(`{"AWS":"999988887777"}`, "")}, known(), stranger, "yes"},
		{"another is named", access.Documents{RepositoryPolicy: both(`{"AWS":"444455556666"}`, "")}, known(), stranger, "no"},
		{"everyone", access.Documents{RepositoryPolicy: both(`"*"`, "")}, known(), stranger, "yes"},
		{"a role", access.Documents{RepositoryPolicy: both(`{"AWS":"arn:aws:iam::999988887777:role/ci"}`, "")}, known(), stranger, "yes"},
		{"one action of two", access.Documents{RepositoryPolicy: policyOf(one("BatchGetImage"))}, known(), stranger, "no"},
		{"two statements", access.Documents{RepositoryPolicy: policyOf(one("BatchGetImage"), one("GetDownload*"))}, known(), stranger, "yes"},
		{"two roles with an action each", access.Documents{RepositoryPolicy: policyOf(
			`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999988887777:role/a"},"Action":"ecr:BatchGetImage"`,
			`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999988887777:role/b"},"Action":"ecr:GetDownloadUrlForLayer"`)}, known(), stranger, "no"},
		{"a statement in each policy", access.Documents{RepositoryPolicy: policyOf(one("BatchGetImage")), RegistryPolicy: policyOf(one("GetDownloadUrlForLayer") + `,"Resource":"*"`), RegistryScope: "V2"}, known(), stranger, "yes"},
		{"a registry policy without force", access.Documents{RepositoryPolicy: policyOf(one("BatchGetImage")), RegistryPolicy: policyOf(one("GetDownloadUrlForLayer") + `,"Resource":"*"`), RegistryScope: "V1"}, known(), stranger, "no"},
		{"organization", access.Documents{RepositoryPolicy: everyoneWhen(`"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`)}, known(), member, "yes"},
		{"organization, stranger", access.Documents{RepositoryPolicy: everyoneWhen(`"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`)}, known(), stranger, "no"},
		{"organization, members unknown", access.Documents{RepositoryPolicy: everyoneWhen(`"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`)}, noMembers, stranger, "unknown"},
		{"denied", access.Documents{RepositoryPolicy: policyOf(allow(`"*"`, ""), deny(`{"AWS":"999988887777"}`, ""))}, known(), stranger, "no"},
		{"perhaps denied", access.Documents{RepositoryPolicy: policyOf(allow(`"*"`, ""), deny(`"*"`, when(`"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}`)))}, known(), stranger, "unknown"},
		{"perhaps denied by an unknown key", access.Documents{RepositoryPolicy: policyOf(allow(`"*"`, ""), deny(`"*"`, when(`"StringEquals":{"example:Key":"a"}`)))}, known(), stranger, "unknown"},
		{"denied without TLS", access.Documents{RepositoryPolicy: policyOf(allow(`"*"`, ""), deny(`"*"`, when(`"Bool":{"aws:SecureTransport":"false"}`)))}, known(), stranger, "yes"},
		{"another is denied", access.Documents{RepositoryPolicy: policyOf(allow(`"*"`, ""), deny(`{"AWS":"444455556666"}`, ""))}, known(), stranger, "yes"},
		{"a role is denied", access.Documents{RepositoryPolicy: policyOf(allow(`"*"`, ""), deny(`{"AWS":"arn:aws:iam::999988887777:role/x"}`, ""))}, known(), stranger, "yes"},
		{"under a condition", access.Documents{RepositoryPolicy: both(`"*"`, when(`"StringEquals":{"aws:SourceVpce":"vpce-1"}`))}, known(), stranger, "unknown"},
		{"with a tag", access.Documents{RepositoryPolicy: both(`"*"`, when(`"StringEquals":{"aws:PrincipalTag/a":"b"}`))}, known(), stranger, "unknown"},
		{"with TLS", access.Documents{RepositoryPolicy: both(`"*"`, when(`"Bool":{"aws:SecureTransport":"true"}`))}, known(), stranger, "yes"},
		{"invalid", access.Documents{RepositoryPolicy: "{"}, known(), stranger, "unknown"},
		{"registry policy unread", access.Documents{RegistryUnread: "denied"}, known(), stranger, "unknown"},
		{"registry policy unread, V1", access.Documents{RegistryUnread: "denied", RegistryScope: "V1"}, known(), stranger, "no"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := access.CanPull(c.docs, c.ctx, c.account)
			if got.Answer != c.want || got.Reason == "" && got.Answer != "yes" {
				t.Errorf("CanPull is %+v, want %s", got, c.want)
			}
		})
	}
}

func TestInert(t *testing.T) {
	policy := policyOf(
		`"Sid":"Article","Effect":"Allow","Principal":"*","Action":["ecr:GetAuthorizationToken","ecr:BatchGetImage","ECR:get*token","ecr:*"]`,
		`"Effect":"Allow","Principal":"*","Action":["s3:GetObject","BatchGetImage","ecr:BatchGetImages","ecr:Put*Policy","ecr:PutRegistryPolicy","ecr:ReplicateImage"]`,
		`"Effect":"Deny","Principal":"*","Action":"ecr:GetAuthorizationToken"`,
		`"Effect":"Allow","Principal":"*","NotAction":"ecr:GetAuthorizationToken"`,
	)
	want := []access.InertAction{
		{"Article", "ecr:GetAuthorizationToken", "it acts on no repository: only an identity policy can grant it"},
		{"Article", "ECR:get*token", "it acts on no repository: only an identity policy can grant it"},
		{"#2", "s3:GetObject", "it belongs to another service, s3"},
		{"#2", "BatchGetImage", "it does not say which service it belongs to, as in ecr:BatchGetImage"},
		{"#2", "ecr:BatchGetImages", "ECR knows no such action"},
		{"#2", "ecr:PutRegistryPolicy", "it acts on the registry as a whole, not on a repository"},
		{"#2", "ecr:ReplicateImage", "ECR decides it by the registry policy"},
	}
	if diff := cmp.Diff(want, access.Inert(policy)); diff != "" {
		t.Errorf("Inert (-want +got):\n%s", diff)
	}
}

func TestGrantInFull(t *testing.T) {
	policy := policyOf(
		`"Sid":"Readers","Effect":"Allow","Principal":{"AWS":"777788889999"},"Action":["ecr:BatchGetImage","ecr:describeimages"]`+
			when(`"IpAddress":{"AWS:SourceIP":["10.0.0.0/8"]},"StringEqualsIfExists":{"aws:PrincipalTag/Team":["b","a"]}`),
		deny(`"*"`, when(`"Bool":{"aws:SecureTransport":"false"}`)),
	)
	got := access.Analyze(access.Documents{RepositoryPolicy: policy}, known())
	want := []access.Grant{{
		Principal: "account 777788889999", Kind: "account", Account: vendor, Exposure: access.ExposureTrusted, Widest: access.ExposureTrusted,
		Abilities: []string{"read", "pull"}, Level: "pull", Actions: []string{"ecr:BatchGetImage", "ecr:DescribeImages"},
		Conditions: []string{"aws:PrincipalTag/team = a, b, or absent", "aws:SourceIp in 10.0.0.0/8", "unless aws:SecureTransport = false (denied by #2)"},
		Statement:  "Readers", Source: "repository-policy", OutsideAccount: true, Trusted: "Scanner Inc.",
	}}
	if diff := cmp.Diff(want, got.Grants); diff != "" {
		t.Errorf("grants (-want +got):\n%s", diff)
	}
}

func TestHostileTextIsCarriedAsData(t *testing.T) {
	policy := policyOf(`"Sid":"a\u001b[31m\u202e","Effect":"Allow","Principal":{"Service":"x\u0007\n"},"Action":"ecr:*"`)
	got := access.Analyze(access.Documents{RepositoryPolicy: policy}, known())
	if len(got.Grants) != 1 || got.Grants[0].Statement != "a\x1b[31m\u202e" || got.Grants[0].Principal != "service x\a\n" {
		t.Errorf("the analysis is %+v", got)
	}
}

// A Deny that names more than can be told apart takes nothing away, and does
// not make the rest undecidable.
func TestCrowdOfDenied(t *testing.T) {
	crowd := policyOf(
		allow(`"*"`, when(`"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`)),
		deny(`"*"`, when(`"StringLike":{"aws:PrincipalArn":["`+strings.Join(numbered(400, "arn:aws:iam::*:role/a%d*b"), `","`)+`"]}`)),
		deny(`{"AWS":"444455556666"}`, ""),
	)
	got := access.Analyze(access.Documents{RepositoryPolicy: crowd}, known())
	if diff := cmp.Diff([]string{"organization o-a1b2c3d4e5: inside, pull"}, brief(got.Grants)); diff != "" {
		t.Errorf("grants (-want +got):\n%s", diff)
	}
	if verdict := access.CanPull(access.Documents{RepositoryPolicy: crowd}, known(), ownAccount); verdict.Answer != "unknown" {
		t.Errorf("CanPull is %+v although a Deny was left out", verdict)
	}
}
