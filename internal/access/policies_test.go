package access_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecraudit/ecraudit/internal/access"
)

const (
	ownAccount = "111122223333"
	member     = "444455556666"
	vendor     = "777788889999"
	stranger   = "999988887777"
	ownOrgID   = "o-a1b2c3d4e5"
	ownPath    = ownOrgID + "/r-ab12/ou-ab12-11111111/"
	memberPath = ownOrgID + "/r-ab12/ou-ab12-22222222/"
)

func known() access.Context {
	return access.Context{
		Partition: "aws", Account: ownAccount, Region: "eu-west-1", Repository: "team/api", OrganizationID: ownOrgID,
		Members: map[string]string{ownAccount: ownPath, member: memberPath},
		Trusted: map[string]string{vendor: "Scanner Inc."},
	}
}

// policyOf wraps statements given without their braces.
func policyOf(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[{` + strings.Join(statements, "},{") + "}]}"
}

func allow(principal, rest string) string {
	return fmt.Sprintf(`"Effect":"Allow","Principal":%s,"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]%s`, principal, rest)
}

func deny(principal, rest string) string {
	return fmt.Sprintf(`"Effect":"Deny","Principal":%s,"Action":"ecr:*"%s`, principal, rest)
}

func when(condition string) string { return `,"Condition":{` + condition + `}` }

func everyoneWhen(condition string) string { return policyOf(allow(`"*"`, when(condition))) }

func openUnless(condition string) string {
	return policyOf(allow(`"*"`, ""), deny(`"*"`, when(condition)))
}

// brief tells grants in a line each.
func brief(grants []access.Grant) []string {
	list := []string{}
	for _, g := range grants {
		exposure := string(g.Exposure)
		if g.Exposure == access.ExposureUnknown {
			exposure = "unknown up to " + string(g.Widest)
		}
		list = append(list, fmt.Sprintf("%s: %s, %s", g.Principal, exposure, strings.Join(g.Abilities, " ")))
	}
	return list
}

const lambda = `{"Service":"lambda.amazonaws.com"}`

type policyCase struct {
	name, policy string
	want         access.Exposure
	grants       []string // not compared when nil
}

var principalCases = []policyCase{
	{"no statement", `{"Version":"2012-10-17","Statement":[]}`, access.ExposureOwn, []string{}},
	{"star", policyOf(allow(`"*"`, "")), access.ExposurePublic, []string{"everyone: public, pull"}},
	{"AWS star", policyOf(allow(`{"AWS":"*"}`, "")), access.ExposurePublic, []string{"everyone: public, pull"}},
	{"AWS list of star", policyOf(allow(`{"AWS":["*"]}`, "")), access.ExposurePublic, []string{"everyone: public, pull"}},
	{"list of star", policyOf(allow(`["*"]`, "")), access.ExposurePublic, nil},
	{"star among accounts", policyOf(allow(`{"AWS":["111122223333","*"]}`, "")), access.ExposurePublic, nil},
	{"one statement without a list", `{"Version":"2012-10-17","Statement":{` + allow(`"*"`, "") + `}}`, access.ExposurePublic, nil},
	{"old version", `{"Version":"2008-10-17","Statement":{` + allow(`"*"`, "") + `}}`, access.ExposurePublic, nil},
	{"no version", `{"Statement":{` + allow(`"*"`, "") + `}}`, access.ExposurePublic, nil},
	{"byte order mark", "\ufeff" + policyOf(allow(`"*"`, "")), access.ExposurePublic, nil},
	{"own account", policyOf(allow(`{"AWS":"111122223333"}`, "")), access.ExposureOwn, []string{"account 111122223333: own, pull"}},
	{"own role", policyOf(allow(`{"AWS":"arn:aws:iam::111122223333:role/ci"}`, "")), access.ExposureOwn, []string{"arn:aws:iam::111122223333:role/ci: own, pull"}},
	{"member root", policyOf(allow(`{"AWS":"arn:aws:iam::444455556666:root"}`, "")), access.ExposureInside, []string{"account 444455556666: inside, pull"}},
	{"stranger by id", policyOf(allow(`{"AWS":"999988887777"}`, "")), access.ExposureOutside, []string{"account 999988887777: outside, pull"}},
	{"stranger by number", policyOf(allow(`{"AWS":999988887777}`, "")), access.ExposureOutside, nil},
	{"stranger's user", policyOf(allow(`{"AWS":"arn:aws:iam::999988887777:user/a/b"}`, "")), access.ExposureOutside, []string{"arn:aws:iam::999988887777:user/a/b: outside, pull"}},
	{"stranger's session", policyOf(allow(`{"AWS":"arn:aws:sts::999988887777:assumed-role/ci/build"}`, "")), access.ExposureOutside, []string{"arn:aws:sts::999988887777:assumed-role/ci/build: outside, pull"}},
	{"stranger's federated user", policyOf(allow(`{"AWS":"arn:aws:sts::999988887777:federated-user/bob"}`, "")), access.ExposureOutside, nil},
	{"trusted account", policyOf(allow(`{"AWS":"777788889999"}`, "")), access.ExposureTrusted, []string{"account 777788889999: trusted, pull"}},
	{"deleted role", policyOf(allow(`{"AWS":"AROAEXAMPLEEXAMPLE123"}`, "")), access.ExposureOwn, []string{"AROAEXAMPLEEXAMPLE123: own, pull"}},
	{"wildcard in an ARN", policyOf(allow(`{"AWS":"arn:aws:iam::*:root"}`, "")), access.ExposureUnknown, []string{"arn:aws:iam::*:root: unknown up to public, pull"}},
	{"wildcard in a role", policyOf(allow(`{"AWS":"arn:aws:iam::999988887777:role/*"}`, "")), access.ExposureUnknown, nil},
	{"wildcard in an ARN, organization", policyOf(allow(`{"AWS":"arn:aws:iam::*:root"}`, when(`"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`))), access.ExposureUnknown, []string{"arn:aws:iam::*:root: unknown up to inside, pull"}},
	{"principal of China", policyOf(allow(`{"AWS":"arn:aws-cn:iam::111122223333:root"}`, "")), access.ExposureUnknown, nil},
	{"account of 11 digits", policyOf(allow(`{"AWS":"11112222333"}`, "")), access.ExposureUnknown, nil},
	{"group", policyOf(allow(`{"AWS":"arn:aws:iam::999988887777:group/x"}`, "")), access.ExposureUnknown, nil},
	{"unknown kind of principal", policyOf(allow(`{"Everyone":"*"}`, "")), access.ExposureUnknown, nil},
	{"canonical user", policyOf(allow(`{"CanonicalUser":"79a59df900b949e55d96a1e698fb"}`, "")), access.ExposureUnknown, []string{"79a59df900b949e55d96a1e698fb: unknown up to outside, pull"}},
	{"web identity", policyOf(allow(`{"Federated":"accounts.google.com"}`, "")), access.ExposureUnknown, []string{"accounts.google.com: unknown up to public, pull"}},
	{"own identity provider", policyOf(allow(`{"Federated":"arn:aws:iam::111122223333:saml-provider/idp"}`, "")), access.ExposureOwn, nil},
	{"stranger's identity provider", policyOf(allow(`{"Federated":"arn:aws:iam::999988887777:saml-provider/idp"}`, "")), access.ExposureUnknown, []string{"arn:aws:iam::999988887777:saml-provider/idp: unknown up to outside, pull"}},
	{"everyone but one", policyOf(`"Effect":"Allow","NotPrincipal":{"AWS":"999988887777"},"Action":"ecr:BatchGetImage"`), access.ExposurePublic, []string{"everyone except account 999988887777: public, pull"}},
	{"everyone but one, inside", policyOf(`"Effect":"Allow","NotPrincipal":{"AWS":"444455556666"},"Action":"ecr:BatchGetImage"` + when(`"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`)), access.ExposureInside, []string{"organization o-a1b2c3d4e5: inside, pull"}},
}

var actionCases = []policyCase{
	{"any case", policyOf(`"Effect":"Allow","Principal":"*","Action":"ECR:batchgetIMAGE"`), access.ExposurePublic, []string{"everyone: public, pull"}},
	{"all actions", policyOf(`"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"*"`), access.ExposureInside, []string{"account 444455556666: inside, read pull push delete administer"}},
	{"question marks", policyOf(`"Effect":"Allow","Principal":"*","Action":"ecr:Put?mage"`), access.ExposurePublic, []string{"everyone: public, push"}},
	{"token only", policyOf(`"Effect":"Allow","Principal":"*","Action":"ecr:GetAuthorizationToken"`), access.ExposureOwn, []string{}},
	{"nothing of ECR", policyOf(`"Effect":"Allow","Principal":"*","Action":["s3:*","ecr-public:*","BatchGetImage","ecr:BatchGetImages"]`), access.ExposureOwn, []string{}},
	{"registry actions", policyOf(`"Effect":"Allow","Principal":"*","Action":["ecr:PutRegistryPolicy","ecr:ReplicateImage","ecr:CreateRepository"]`), access.ExposureOwn, []string{}},
	{"all but reading", policyOf(`"Effect":"Allow","Principal":"*","NotAction":["ecr:Describe*","ecr:List*","ecr:Get*","ecr:BatchGet*","ecr:BatchCheck*"]`), access.ExposurePublic, []string{"everyone: public, push delete administer"}},
	{"all but all", policyOf(`"Effect":"Allow","Principal":"*","NotAction":"*"`), access.ExposureOwn, []string{}},
	{"all but another service", policyOf(`"Effect":"Allow","Principal":"*","NotAction":"s3:*"`), access.ExposurePublic, []string{"everyone: public, read pull push delete administer"}},
}

var pinCases = []policyCase{
	{"own organization", everyoneWhen(`"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`), access.ExposureInside, []string{"organization o-a1b2c3d4e5: inside, pull"}},
	{"key in another case", everyoneWhen(`"stringequals":{"AWS:principalORGid":["o-a1b2c3d4e5"]}`), access.ExposureInside, nil},
	{"own organization, like", everyoneWhen(`"StringLike":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`), access.ExposureInside, nil},
	{"another organization", everyoneWhen(`"StringEquals":{"aws:PrincipalOrgID":"o-zzzzzzzzzz"}`), access.ExposureOutside, []string{"organization o-zzzzzzzzzz: outside, pull"}},
	{"two organizations", everyoneWhen(`"StringEquals":{"aws:PrincipalOrgID":["o-zzzzzzzzzz","o-a1b2c3d4e5"]}`), access.ExposureOutside, []string{"organization o-zzzzzzzzzz: outside, pull", "organization o-a1b2c3d4e5: inside, pull"}},
	{"any organization", everyoneWhen(`"StringLike":{"aws:PrincipalOrgID":"o-*"}`), access.ExposurePublic, nil},
	{"star pins nothing", everyoneWhen(`"StringLike":{"aws:PrincipalOrgID":"*"}`), access.ExposurePublic, nil},
	{"literal star", everyoneWhen(`"StringEquals":{"aws:PrincipalOrgID":["o-a1b2c3d4e5","*"]}`), access.ExposureInside, []string{"organization o-a1b2c3d4e5: inside, pull"}},
	{"only a literal star", everyoneWhen(`"StringEquals":{"aws:PrincipalOrgID":"*"}`), access.ExposureOwn, []string{}},
	{"organization if it exists", everyoneWhen(`"StringEqualsIfExists":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`), access.ExposurePublic, nil},
	{"not the organization", everyoneWhen(`"StringNotEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`), access.ExposurePublic, nil},
	{"for all values", everyoneWhen(`"ForAllValues:StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`), access.ExposurePublic, nil},
	{"for any value", everyoneWhen(`"ForAnyValue:StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`), access.ExposureInside, nil},
	{"no organization", everyoneWhen(`"Null":{"aws:PrincipalOrgID":"true"}`), access.ExposurePublic, nil},
	{"some organization", everyoneWhen(`"Null":{"aws:PrincipalOrgID":false}`), access.ExposurePublic, nil},
	{"for all values, but there", everyoneWhen(`"ForAllValues:StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"},"Null":{"aws:PrincipalOrgID":"false"}`), access.ExposureInside, nil},
	{"two organizations at once", everyoneWhen(`"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"},"StringLike":{"aws:PrincipalOrgID":"o-z*"}`), access.ExposureOwn, []string{}},
	{"the organization and not", everyoneWhen(`"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"},"StringNotEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`), access.ExposureOwn, []string{}},
	{"stranger of the organization", policyOf(allow(`{"AWS":"999988887777"}`, when(`"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`))), access.ExposureOwn, []string{}},
	{"own path", everyoneWhen(`"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-a1b2c3d4e5/r-ab12/ou-ab12-22222222/*"}`), access.ExposureInside, []string{"organization path o-a1b2c3d4e5/r-ab12/ou-ab12-22222222/*: inside, pull"}},
	{"own root", everyoneWhen(`"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-a1b2c3d4e5/*"}`), access.ExposureInside, nil},
	{"another's path", everyoneWhen(`"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":["o-a1b2c3d4e5/*","o-zzzzzzzzzz/r-1/*"]}`), access.ExposureOutside, nil},
	{"a path of any organization", everyoneWhen(`"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-*/r-ab12/*"}`), access.ExposurePublic, nil},
	{"a path over slashes", everyoneWhen(`"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-*ou-ab12-22222222/*"}`), access.ExposurePublic, nil},
	{"paths, all values", everyoneWhen(`"ForAllValues:StringLike":{"aws:PrincipalOrgPaths":"o-a1b2c3d4e5/*"}`), access.ExposurePublic, nil},
	{"another path for a member", policyOf(allow(`{"AWS":"444455556666"}`, when(`"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/*"}`))), access.ExposureOwn, []string{}},
	{"own account by condition", everyoneWhen(`"StringEquals":{"aws:PrincipalAccount":"111122223333"}`), access.ExposureOwn, []string{"account 111122223333: own, pull"}},
	{"accounts by condition", everyoneWhen(`"StringEquals":{"aws:PrincipalAccount":["111122223333","444455556666","777788889999"]}`), access.ExposureTrusted, []string{"account 777788889999: trusted, pull", "account 444455556666: inside, pull", "account 111122223333: own, pull"}},
	{"account if it exists", everyoneWhen(`"StringEqualsIfExists":{"aws:PrincipalAccount":"444455556666"}`), access.ExposureInside, nil},
	{"accounts by pattern", everyoneWhen(`"StringLike":{"aws:PrincipalAccount":"9999*"}`), access.ExposureOutside, []string{"accounts 9999*: outside, pull"}},
	{"account written as a pattern", everyoneWhen(`"StringLike":{"aws:PrincipalAccount":"444455556666*"}`), access.ExposureInside, nil},
	{"twelve question marks", everyoneWhen(`"StringLike":{"aws:PrincipalAccount":"????????????"}`), access.ExposurePublic, nil},
	{"all accounts in ten patterns", everyoneWhen(`"StringLike":{"aws:PrincipalAccount":["0*","1*","2*","3*","4*","5*","6*","7*","8*","9*"]}`), access.ExposurePublic, nil},
	{"role of any account", everyoneWhen(`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/x"}`), access.ExposurePublic, nil},
	{"role of any member", everyoneWhen(`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/x"},"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`), access.ExposureInside, []string{"organization o-a1b2c3d4e5: inside, pull"}},
	{"role of a member", everyoneWhen(`"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::444455556666:role/x*"}`), access.ExposureInside, []string{"arn:aws:iam::444455556666:role/x*: inside, pull"}},
	{"role of a stranger", everyoneWhen(`"StringLike":{"aws:PrincipalArn":"arn:aws:iam::999988887777:role/x"}`), access.ExposureOutside, []string{"arn:aws:iam::999988887777:role/x: outside, pull"}},
	{"any principal of an account", everyoneWhen(`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::444455556666:*"}`), access.ExposureInside, []string{"account 444455556666: inside, pull"}},
	{"literal wildcard in an ARN", everyoneWhen(`"StringEquals":{"aws:PrincipalArn":"arn:aws:iam::999988887777:role/*"}`), access.ExposureOwn, []string{}},
	{"account as part of a name", everyoneWhen(`"StringLike":{"aws:PrincipalArn":"*111122223333*"}`), access.ExposurePublic, nil},
	{"a run over colons, in text", everyoneWhen(`"StringLike":{"aws:PrincipalArn":"arn:*:iam::111122223333:role/ci"}`), access.ExposurePublic, nil}, // role/x:iam::111122223333:role/ci
	{"a run within a part of an ARN", everyoneWhen(`"ArnLike":{"aws:PrincipalArn":"arn:*:iam::111122223333:role/ci"}`), access.ExposureOwn, nil},
	{"two patterns of one ARN", everyoneWhen(`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::999988887777:role/a*"},"StringLike":{"aws:PrincipalArn":"*b"}`), access.ExposureOutside, nil},
	{"an ARN cut short", everyoneWhen(`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*"}`), access.ExposureUnknown, nil},
	{"organization by variable", everyoneWhen(`"StringEquals":{"aws:PrincipalOrgID":"${aws:ResourceOrgID}"}`), access.ExposureInside, nil},
	{"account by variable", everyoneWhen(`"StringEquals":{"aws:PrincipalAccount":"${aws:ResourceAccount}"}`), access.ExposureOwn, nil},
	{"a variable of itself", everyoneWhen(`"StringEquals":{"aws:PrincipalAccount":"${aws:PrincipalAccount}"}`), access.ExposurePublic, nil},
	{"a variable in the old version", `{"Version":"2008-10-17","Statement":{` + allow(`"*"`, when(`"StringEquals":{"aws:PrincipalAccount":"${aws:PrincipalAccount}"}`)) + `}}`, access.ExposureOwn, []string{}},
	{"a star that is a character", everyoneWhen(`"StringLike":{"aws:PrincipalOrgID":"${*}"}`), access.ExposureOwn, []string{}},
	{"a default", everyoneWhen(`"StringLike":{"aws:PrincipalAccount":"${aws:SourceAccount, '444455556666'}"}`), access.ExposureInside, nil},
}

var openCases = []policyCase{
	{"tag", everyoneWhen(`"StringEquals":{"aws:PrincipalTag/team":"a"}`), access.ExposurePublic, nil},
	{"two tags at once", everyoneWhen(`"StringEquals":{"aws:PrincipalTag/team":"a"},"StringLike":{"aws:PrincipalTag/team":"b*"}`), access.ExposureOwn, []string{}},
	{"TLS", everyoneWhen(`"Bool":{"aws:SecureTransport":true}`), access.ExposurePublic, nil},
	{"MFA", everyoneWhen(`"Bool":{"aws:MultiFactorAuthPresent":"true"},"NumericLessThan":{"aws:MultiFactorAuthAge":300}`), access.ExposurePublic, nil},
	{"a past date", everyoneWhen(`"DateLessThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}`), access.ExposurePublic, nil},
	{"an empty time", everyoneWhen(`"DateLessThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"},"DateGreaterThan":{"aws:CurrentTime":"2021-01-01T00:00:00Z"}`), access.ExposureOwn, []string{}},
	{"a negative age", everyoneWhen(`"NumericLessThan":{"aws:MultiFactorAuthAge":0}`), access.ExposureOwn, []string{}},
	{"user name", everyoneWhen(`"StringEquals":{"aws:username":"bob"}`), access.ExposurePublic, nil},
	{"kind of principal", everyoneWhen(`"StringEquals":{"aws:PrincipalType":"AssumedRole"}`), access.ExposurePublic, nil},
	{"user id", everyoneWhen(`"StringLike":{"aws:userid":"AROAEXAMPLEEXAMPLE123:*"}`), access.ExposureUnknown, []string{"everyone: unknown up to outside, pull"}},
	{"session name", everyoneWhen(`"StringLike":{"aws:userid":"*:build"}`), access.ExposurePublic, nil},
	{"unknown key", everyoneWhen(`"StringEquals":{"example:Key":"a"}`), access.ExposureUnknown, []string{"everyone: unknown up to public, pull"}},
	{"unknown key in the organization", everyoneWhen(`"StringEquals":{"example:Key":"a","aws:PrincipalOrgID":"o-a1b2c3d4e5"}`), access.ExposureUnknown, []string{"organization o-a1b2c3d4e5: unknown up to inside, pull"}},
	{"tag of the repository", everyoneWhen(`"StringEquals":{"aws:ResourceTag/public":"yes"}`), access.ExposureUnknown, nil},
	{"unknown operator", everyoneWhen(`"StringMatches":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`), access.ExposureUnknown, nil},
	{"no values", everyoneWhen(`"StringEquals":{"aws:PrincipalOrgID":[]}`), access.ExposureUnknown, nil},
	{"a number that is none", everyoneWhen(`"NumericEquals":{"aws:MultiFactorAuthAge":"x"}`), access.ExposureUnknown, nil},

	{"VPC endpoint", everyoneWhen(`"StringEquals":{"aws:SourceVpce":"vpce-1a2b3c"}`), access.ExposureUnknown, []string{"everyone: unknown up to outside, pull"}},
	{"any VPC endpoint", everyoneWhen(`"StringLike":{"aws:SourceVpce":"vpce-*"}`), access.ExposurePublic, nil},
	{"not a VPC endpoint", everyoneWhen(`"StringNotEquals":{"aws:SourceVpce":"vpce-1a2b3c"}`), access.ExposurePublic, nil},
	{"VPC endpoint in the organization", everyoneWhen(`"StringEquals":{"aws:SourceVpce":"vpce-1a2b3c","aws:PrincipalOrgID":"o-a1b2c3d4e5"}`), access.ExposureInside, nil},
	{"addresses", everyoneWhen(`"IpAddress":{"aws:SourceIp":["203.0.113.0/24","2001:db8::/48"]}`), access.ExposureUnknown, []string{"everyone: unknown up to outside, pull"}},
	{"whole internet", everyoneWhen(`"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}`), access.ExposurePublic, nil},
	{"whole internet of version 6", everyoneWhen(`"IpAddress":{"aws:SourceIp":"::/0"}`), access.ExposurePublic, nil},
	{"internet in two halves", everyoneWhen(`"IpAddress":{"aws:SourceIp":["0.0.0.0/1","128.0.0.0/1"]}`), access.ExposurePublic, nil},
	{"all but a few addresses", everyoneWhen(`"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}`), access.ExposurePublic, nil},
	{"addresses if any", everyoneWhen(`"IpAddressIfExists":{"aws:SourceIp":"203.0.113.0/24"}`), access.ExposurePublic, nil},
	{"VPC endpoint and an unknown key", everyoneWhen(`"StringEquals":{"aws:SourceVpce":"vpce-1a2b3c","example:Key":"a"}`), access.ExposureUnknown, []string{"everyone: unknown up to outside, pull"}},
	{"VPC endpoint and an unknown key, an account", policyOf(allow(`{"AWS":"999988887777"}`, when(`"StringEquals":{"aws:SourceVpce":"vpce-1a2b3c","example:Key":"a"}`))), access.ExposureUnknown, []string{"account 999988887777: unknown up to outside, pull"}},
	{"everyone perhaps, the organization surely", everyoneWhen(`"StringEquals":{"aws:PrincipalOrgID":["o-a1b2c3d4e5","${example:Key}"]}`), access.ExposureUnknown, []string{"everyone: unknown up to public, pull", "organization o-a1b2c3d4e5: inside, pull"}},
	{"a wide and a narrow range", everyoneWhen(`"IpAddress":{"aws:SourceIp":"0.0.0.0/0"},"IpAddressIfExists":{"aws:SourceIp":"203.0.113.7"}`), access.ExposureUnknown, nil},
}

var serviceCases = []policyCase{
	{"service for anybody", policyOf(allow(lambda, "")), access.ExposureOutside, []string{"service lambda.amazonaws.com: outside, pull"}},
	{"service for the own account", policyOf(allow(lambda, when(`"StringEquals":{"aws:SourceAccount":"111122223333"}`))), access.ExposureOwn, []string{"service lambda.amazonaws.com for account 111122223333: own, pull"}},
	{"service for a member", policyOf(allow(lambda, when(`"StringEquals":{"AWS:SourceAccount":"444455556666"}`))), access.ExposureInside, nil},
	{"service for a stranger", policyOf(allow(lambda, when(`"ArnLike":{"aws:SourceArn":"arn:aws:lambda:*:999988887777:function:*"}`))), access.ExposureOutside, []string{"service lambda.amazonaws.com for account 999988887777: outside, pull"}},
	{"service for a trusted account", policyOf(allow(lambda, when(`"ArnLike":{"aws:SourceArn":"arn:aws:lambda:*:777788889999:function:*"}`))), access.ExposureTrusted, nil},
	{"service for any function", policyOf(allow(lambda, when(`"ArnLike":{"aws:SourceArn":"arn:aws:lambda:*:*:function:*"}`))), access.ExposureOutside, nil},
	{"service for any function, like", policyOf(allow(lambda, when(`"StringLike":{"aws:SourceArn":"arn:aws:lambda:*"}`))), access.ExposureOutside, nil},
	{"service for the organization", policyOf(allow(lambda, when(`"StringEquals":{"aws:SourceOrgID":"o-a1b2c3d4e5"}`))), access.ExposureInside, []string{"service lambda.amazonaws.com for organization o-a1b2c3d4e5: inside, pull"}},
	{"service for a path", policyOf(allow(lambda, when(`"ForAnyValue:StringLike":{"aws:SourceOrgPaths":"o-a1b2c3d4e5/*"}`))), access.ExposureInside, nil},
	{"service for the own account if it says so", policyOf(allow(lambda, when(`"StringEqualsIfExists":{"aws:SourceAccount":"111122223333"}`))), access.ExposureUnknown, nil},
	{"service with a condition that it cannot meet", policyOf(allow(lambda, when(`"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`))), access.ExposureOwn, []string{}},
	{"service and bucket", policyOf(allow(lambda, when(`"ArnLike":{"aws:SourceArn":"arn:aws:s3:::bucket"}`))), access.ExposureUnknown, []string{"service lambda.amazonaws.com: unknown up to outside, pull"}},
	{"wildcard for services of the own account", everyoneWhen(`"StringEquals":{"aws:SourceAccount":"111122223333"}`), access.ExposureOwn, nil},
	{"wildcard for any service", everyoneWhen(`"Bool":{"aws:PrincipalIsAWSService":"true"}`), access.ExposureOutside, []string{"any service: outside, pull"}},
	{"wildcard for one service", everyoneWhen(`"StringEquals":{"aws:PrincipalServiceName":"lambda.amazonaws.com"}`), access.ExposureOutside, []string{"service lambda.amazonaws.com: outside, pull"}},
	{
		"what Lambda writes", policyOf(`"Sid":"LambdaECRImageRetrievalPolicy","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},
			"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:SetRepositoryPolicy","ecr:DeleteRepositoryPolicy","ecr:GetRepositoryPolicy"],
			"Condition":{"StringLike":{"aws:sourceArn":"arn:aws:lambda:eu-west-1:111122223333:function:*"}}`),
		access.ExposureOwn, []string{"service lambda.amazonaws.com for account 111122223333: own, read pull administer"},
	},
}

// perimeter is how AWS advises to deny strangers: services are left to others.
const perimeter = `"StringNotEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"},"BoolIfExists":{"aws:PrincipalIsAWSService":"false"}`

var denyCases = []policyCase{
	{"all denied", policyOf(allow(`"*"`, ""), deny(`"*"`, "")), access.ExposureOwn, []string{}},
	{"strangers denied", openUnless(`"StringNotEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`), access.ExposureInside, []string{"organization o-a1b2c3d4e5: inside, pull"}},
	{"strangers denied if they are in one", openUnless(`"StringNotEqualsIfExists":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`), access.ExposureInside, nil},
	{"all but services denied", openUnless(`"Bool":{"aws:PrincipalIsAWSService":"false"}`), access.ExposureOutside, []string{"any service: outside, pull"}},
	{"strangers denied, services not", openUnless(perimeter), access.ExposureOutside, []string{"any service: outside, pull", "organization o-a1b2c3d4e5: inside, pull"}},
	{"strangers denied, and services for them", policyOf(allow(`"*"`, ""), deny(`"*"`, when(perimeter)), deny(`"*"`, when(`"StringNotEquals":{"aws:SourceOrgID":"o-a1b2c3d4e5"},"BoolIfExists":{"aws:PrincipalIsAWSService":"true"}`))), access.ExposureInside, []string{"organization o-a1b2c3d4e5: inside, pull"}},
	{"pushing denied to all but services", policyOf(`"Effect":"Allow","Principal":"*","Action":["ecr:BatchGetImage","ecr:PutImage"]`, `"Effect":"Deny","Principal":"*","Action":"ecr:Put*"`+when(`"Bool":{"aws:PrincipalIsAWSService":"false"}`)), access.ExposurePublic, []string{"everyone: public, pull", "any service: outside, push"}},
	{"only those in an organization denied", openUnless(`"StringNotEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"},"Null":{"aws:PrincipalOrgID":"false"}`), access.ExposurePublic, nil},
	{"strangers denied in two statements", policyOf(allow(`"*"`, ""), deny(`"*"`, when(`"Null":{"aws:PrincipalOrgID":"true"}`)), deny(`"*"`, when(`"StringNotEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"},"Null":{"aws:PrincipalOrgID":"false"}`))), access.ExposureInside, nil},
	{"strangers denied by path", openUnless(`"ForAllValues:StringNotLike":{"aws:PrincipalOrgPaths":"o-a1b2c3d4e5/*"}`), access.ExposureInside, nil},
	{"accounts denied", openUnless(`"StringNotEquals":{"aws:PrincipalAccount":["111122223333","444455556666"]}`), access.ExposureInside, []string{"account 444455556666: inside, pull", "account 111122223333: own, pull"}},
	{"others denied by ARN", openUnless(`"ArnNotLike":{"aws:PrincipalArn":["arn:aws:iam::111122223333:role/ci","arn:aws:iam::999988887777:role/x"]}`), access.ExposureOutside, []string{"arn:aws:iam::999988887777:role/x: outside, pull", "arn:aws:iam::111122223333:role/ci: own, pull"}},
	{"others denied by name", policyOf(allow(`"*"`, ""), `"Effect":"Deny","NotPrincipal":{"AWS":["444455556666","arn:aws:iam::444455556666:root"]},"Action":"*"`), access.ExposureInside, []string{"account 444455556666: inside, pull"}},
	{"others denied by an invalid name", policyOf(allow(`"*"`, ""), `"Effect":"Deny","NotPrincipal":{"AWS":["arn:aws:iam::*:role/x"]},"Action":"*"`), access.ExposurePublic, nil},
	{"one denied", policyOf(allow(`"*"`, ""), deny(`{"AWS":"999988887777"}`, "")), access.ExposurePublic, []string{"everyone except account 999988887777: public, pull"}},
	{"the one denied", policyOf(allow(`{"AWS":["999988887777","444455556666"]}`, ""), deny(`{"AWS":"999988887777"}`, "")), access.ExposureInside, []string{"account 444455556666: inside, pull"}},
	{"a role of it denied", policyOf(allow(`{"AWS":"999988887777"}`, ""), deny(`{"AWS":"arn:aws:iam::999988887777:role/x"}`, "")), access.ExposureOutside, nil},
	{"a deleted one denied", policyOf(allow(`"*"`, ""), deny(`{"AWS":"AIDAEXAMPLEEXAMPLE123"}`, "")), access.ExposurePublic, nil},
	{"requests without TLS denied", openUnless(`"Bool":{"aws:SecureTransport":"false"}`), access.ExposurePublic, nil},
	{"a few addresses denied", openUnless(`"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}`), access.ExposurePublic, nil},
	{"all but a few addresses denied", openUnless(`"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}`), access.ExposureUnknown, nil},
	{"an unknown key denied", openUnless(`"StringEquals":{"example:Key":"a"}`), access.ExposurePublic, nil},
	{"an unknown operator denied", openUnless(`"StringMatches":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`), access.ExposurePublic, nil},
	{"pushing denied to strangers", policyOf(`"Effect":"Allow","Principal":"*","Action":["ecr:BatchGetImage","ecr:PutImage"]`, `"Effect":"Deny","Principal":"*","Action":"ecr:Put*"`+when(`"StringNotEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`)), access.ExposurePublic, []string{"everyone: public, pull", "organization o-a1b2c3d4e5: inside, push"}},
	{"all but pulling denied", policyOf(`"Effect":"Allow","Principal":"*","Action":"ecr:*"`, `"Effect":"Deny","Principal":"*","NotAction":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]`), access.ExposurePublic, []string{"everyone: public, pull"}},
	{"service for strangers denied", policyOf(allow(lambda, ""), deny(lambda, when(`"StringNotEquals":{"aws:SourceAccount":"111122223333"}`))), access.ExposureOwn, nil},
	{"tags that cannot all be had", policyOf(allow(`"*"`, when(`"StringEquals":{"aws:PrincipalTag/team":"a"}`)), deny(`"*"`, when(`"StringLike":{"aws:PrincipalTag/team":"a*"}`))), access.ExposureOwn, []string{}},
}

var documentCases = []policyCase{
	{"own resource", policyOf(allow(`"*"`, `,"Resource":"arn:aws:ecr:eu-west-1:111122223333:repository/team/*"`)), access.ExposurePublic, nil},
	{"another resource", policyOf(allow(`"*"`, `,"Resource":"arn:aws:ecr:eu-west-1:111122223333:repository/other"`)), access.ExposureUnknown, nil},
	{"another resource denied", policyOf(allow(`"*"`, ""), deny(`"*"`, `,"Resource":"arn:aws:ecr:eu-west-1:111122223333:repository/other"`)), access.ExposurePublic, nil},
	{"not JSON", `{"Statement":`, access.ExposureUnknown, []string{}},
	{"not an object", `[]`, access.ExposureUnknown, []string{}},
	{"trailing data", policyOf(allow(`{"AWS":"111122223333"}`, "")) + "{}", access.ExposureUnknown, []string{}},
	{"a member twice", `{"Statement":[],"Statement":[]}`, access.ExposureUnknown, []string{}},
	{"an effect in another case", policyOf(`"Effect":"allow","Principal":{"AWS":"111122223333"},"Action":"ecr:*"`), access.ExposureUnknown, nil},
	{"an unknown element", policyOf(allow(`{"AWS":"111122223333"}`, `,"Extra":1`)), access.ExposureUnknown, nil},
	{"no principal", policyOf(`"Effect":"Allow","Action":"ecr:*"`), access.ExposureUnknown, nil},
	{"no action", policyOf(`"Effect":"Allow","Principal":{"AWS":"111122223333"}`), access.ExposureUnknown, nil},
	{"an unknown version", `{"Version":"2020-01-01","Statement":[]}`, access.ExposureUnknown, nil},
	{"a statement that is none", `{"Statement":["x"]}`, access.ExposureUnknown, nil},
	{"too long", `{"Id":"` + strings.Repeat("x", 20480) + `","Statement":[]}`, access.ExposureUnknown, nil},
	{"too deep", strings.Repeat(`{"Statement":`, 30) + "[]" + strings.Repeat("}", 30), access.ExposureUnknown, nil},
}

func TestAnalyze(t *testing.T) {
	for _, table := range [][]policyCase{principalCases, actionCases, pinCases, openCases, serviceCases, denyCases, documentCases} {
		for _, c := range table {
			t.Run(c.name, func(t *testing.T) {
				got := access.Analyze(access.Documents{RepositoryPolicy: c.policy}, known())
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
}

// checkShape checks what holds for every analysis.
func checkShape(t interface{ Errorf(string, ...any) }, a access.Analysis) {
	if a.Grants == nil {
		t.Errorf("grants are nil")
	}
	for _, g := range a.Grants {
		sure := g.Exposure != access.ExposureUnknown
		if sure != (g.Reason == "") || sure && g.Widest != g.Exposure || g.Widest == access.ExposureUnknown {
			t.Errorf("a grant is neither certain nor explained: %+v", g)
		}
		if len(g.Abilities) == 0 || g.Level != g.Abilities[len(g.Abilities)-1] || len(g.Actions) == 0 || g.Conditions == nil {
			t.Errorf("a grant is not complete: %+v", g)
		}
		if g.OutsideOrganization && !g.OutsideAccount || g.OutsideOrganization != (g.Exposure == access.ExposurePublic || g.Exposure == access.ExposureOutside) {
			t.Errorf("a grant contradicts itself: %+v", g)
		}
	}
}
