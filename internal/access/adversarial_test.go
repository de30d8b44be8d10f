package access

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// adversarial are policies as large as ECR accepts, made to be slow.
var adversarial = map[string]string{
	"accounts":                  fill(func(i int) string { return pullBy(fmt.Sprintf(`{"AWS":"%012d"}`, i)) }),
	"accounts in one statement": document(pullBy(`{"AWS":` + jsonList(1300, "%012d") + `}`)),
	"roles":                     fill(func(i int) string { return pullBy(fmt.Sprintf(`{"AWS":"arn:aws:iam::%012d:role/r%d"}`, i, i)) }),
	"patterns of roles":         document(everyoneIf("ArnLike", "aws:PrincipalArn", jsonList(400, "arn:aws:iam::*:role/a%d*b*c"))),
	"patterns of roles in many accounts": document(
		everyoneIf("StringLike", "aws:PrincipalArn", jsonList(150, "arn:aws:iam::*:role/a%d*b")),
		pullBy(`{"AWS":`+jsonList(700, "%012d")+`}`)),
	"a pattern of roles in each account": document(everyoneIf("ArnLike", "aws:PrincipalArn", jsonList(400, "arn:aws:iam::%012[1]d:role/a%[1]d*b"))),
	"patterns of paths":                  document(everyoneIf("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", jsonList(500, "o-*%[1]d/r-%[1]d*/ou-*"))),
	"paths":                              document(everyoneIf("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", jsonList(500, "o-a%[1]d/r-%[1]d/ou-*"))),
	"paths of few organizations":         document(everyoneIf("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", jsonList(600, "o-*/r-%d*/ou-*"))),
	"patterns of organizations":          document(everyoneIf("StringLike", "aws:PrincipalOrgID", jsonList(900, "o-*%d*"))),
	"organizations and accounts":         document(everyoneIf("StringLike", "aws:PrincipalOrgID", jsonList(700, "o-%d")), pullBy(`{"AWS":`+jsonList(600, "%012d")+`}`)),
	"organizations and roles": document(everyoneIf("StringLike", "aws:PrincipalOrgID", jsonList(700, "o-%d")),
		everyoneIf("ArnLike", "aws:PrincipalArn", jsonList(200, "arn:aws:iam::*:role/a%d*"))),
	"patterns of accounts": document(everyoneIf("StringLike", "aws:PrincipalAccount", jsonList(1500, "*%d*"))),
	"patterns of tags": document(`"Effect":"Allow","Principal":"*","Action":"*","Condition":{"StringNotLike":{"aws:PrincipalTag/x":` + jsonList(1000, "*%d*") +
		`},"StringLike":{"aws:PrincipalTag/x":` + jsonList(500, "*%d*") + `}}`),
	"addresses": document(everyoneIf("IpAddress", "aws:SourceIp", jsonList(900, "2001:%d::/48"))),
	"services":  document(pullBy(`{"Service":` + jsonList(700, "s%d.amazonaws.com") + `}`)),
	"services for many": document(`"Effect":"Allow","Principal":{"Service":` + jsonList(300, "s%d.amazonaws.com") +
		`},"Action":"*","Condition":{"StringLike":{"aws:SourceAccount":` + jsonList(500, "%012d") + `}}`),
	"stars":             document(everyoneIf("StringLike", "aws:PrincipalArn", `"`+strings.Repeat("*a", 9000)+`"`)),
	"one star too many": document(everyoneIf("StringLike", "aws:PrincipalTag/x", `"`+strings.Repeat("*a", 4000)+`"`), denyIf("StringLike", "aws:PrincipalTag/x", `"`+strings.Repeat("a*", 4000)+`b"`)),
	"denies of tags": fill(func(i int) string {
		if i == 0 {
			return pullBy(`"*"`)
		}
		return fmt.Sprintf(`"Effect":"Deny","Principal":"*","Action":"*","Condition":{"StringEquals":{"aws:PrincipalTag/a%d":"x","aws:RequestTag/b%d":"y"}}`, i%40, i)
	}),
	"denies of actions": fill(func(i int) string {
		if i == 0 {
			return `"Effect":"Allow","Principal":"*","Action":"*"`
		}
		return fmt.Sprintf(`"Effect":"Deny","Principal":"*","Action":"ecr:%s","Condition":{"StringEquals":{"aws:PrincipalTag/a%d":"x"}}`, actions[i%len(actions)].name, i)
	}),
	"roles and denies": fill(func(i int) string {
		if i%2 == 0 {
			return pullBy(fmt.Sprintf(`{"AWS":"arn:aws:iam::%012d:role/r%d"}`, i, i))
		}
		return fmt.Sprintf(`"Effect":"Deny","Principal":"*","Action":"*","Condition":{"StringLike":{"aws:PrincipalTag/x":"*%d*"},"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/*%d"}}`, i, i)
	}),
	"everyone and denies": fill(func(i int) string {
		if i%2 == 0 {
			return everyoneIf("StringLike", "aws:PrincipalTag/x", fmt.Sprintf(`"%d*"`, i))
		}
		return denyIf("StringLike", fmt.Sprintf("aws:PrincipalTag/x%d", i%7), fmt.Sprintf(`"*%d*"`, i))
	}),
	"everything": fill(func(i int) string {
		return everyoneIf("StringLike", [...]string{"aws:PrincipalOrgID", "aws:PrincipalAccount", "aws:PrincipalArn", "aws:username", "aws:SourceAccount"}[i%5],
			fmt.Sprintf([...]string{`"o-%d*"`, `"%d*"`, `"arn:aws:iam::*:role/%d*"`, `"*u%d"`, `"%012d"`}[i%5], i))
	}),
}

func document(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[{` + strings.Join(statements, "},{") + `}]}`
}

// fill adds statements as long as ECR accepts the policy.
func fill(statement func(i int) string) string {
	var list []string
	for size := len(document()); ; {
		s := statement(len(list))
		if size += len(s) + len("},{"); size > maxPolicy {
			return document(list...)
		}
		list = append(list, s)
	}
}

func pullBy(principal string) string {
	return `"Effect":"Allow","Principal":` + principal + `,"Action":"ecr:BatchGetImage"`
}

func everyoneIf(operator, key, values string) string {
	return fmt.Sprintf(`"Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage","Condition":{%q:{%q:%s}}`, operator, key, values)
}

func denyIf(operator, key, values string) string {
	return fmt.Sprintf(`"Effect":"Deny","Principal":"*","Action":"*","Condition":{%q:{%q:%s}}`, operator, key, values)
}

// jsonList writes n texts that differ in a number.
func jsonList(n int, format string) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(format, i)
	}
	return `["` + strings.Join(list, `","`) + `"]`
}

// A policy that is made to be slow is answered soon all the same, if need be
// with unknown.
func TestAdversarialPoliciesEndSoon(t *testing.T) {
	const most = 5 * time.Second // a tenth of a second where nothing else runs and no race detector does
	for name, policy := range adversarial {
		t.Run(name, func(t *testing.T) {
			docs := Documents{RepositoryPolicy: policy}
			ctx := Context{Partition: "aws", Account: "111122223333", Region: "eu-west-1", Repository: "team/api", OrganizationID: "o-home"}
			begin := time.Now()
			got := Analyze(docs, ctx)
			CanPull(docs, ctx, "555566667777")
			Statements(policy)
			took := time.Since(begin)
			t.Logf("%v for %d bytes: %s, %d grants", took, len(policy), got.Exposure, len(got.Grants))
			if len(got.Problems) > 0 {
				t.Errorf("the policy is not valid: %q", got.Problems)
			}
			if took > most {
				t.Errorf("it took %v, more than %v", took, most)
			}
		})
	}
}
