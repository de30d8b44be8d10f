package access_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ecraudit/ecraudit/internal/access"
)

// The pools are small, so that statements meet one another.
var (
	principalPool = []any{
		"*", "*", map[string][]string{"AWS": {"*"}}, map[string][]string{"AWS": {stranger}}, map[string][]string{"AWS": {member, vendor}},
		map[string][]string{"AWS": {ownAccount}}, map[string][]string{"AWS": {"arn:aws:iam::" + stranger + ":root"}},
		map[string][]string{"AWS": {"arn:aws:iam::" + stranger + ":role/x"}}, map[string][]string{"AWS": {"arn:aws:iam::" + member + ":user/bob", ownAccount}},
		map[string][]string{"Service": {"lambda.amazonaws.com"}}, map[string][]string{"AWS": {vendor}, "Service": {"lambda.amazonaws.com", "codebuild.amazonaws.com"}},
		map[string][]string{"AWS": {"AROAEXAMPLEEXAMPLE123"}},
	}
	actionPool = [][]string{
		{"ecr:BatchGetImage"}, {"ecr:*"}, {"*"}, {"ecr:Put*"}, {"ecr:BatchGetImage", "ecr:PutImage"}, {"ECR:batchgetimage"}, {"ecr:Describe*"}, {"ecr:GetAuthorizationToken"},
	}
	askedActions = []string{"ecr:BatchGetImage", "ecr:PutImage", "ecr:DescribeImages", "ecr:DeleteRepository"}
	keyPool      = map[string][]string{
		"aws:PrincipalOrgID":         {ownOrgID, "o-zzzzzzzzzz", "*", "o-*", "${aws:ResourceOrgID}", "o-z*"},
		"aws:PrincipalOrgPaths":      {ownOrgID + "/*", memberPath + "*", memberPath, "o-zzzzzzzzzz/*", "o-*/r-ab12/*", "*"},
		"aws:PrincipalAccount":       {ownAccount, member, stranger, "*", "9999*", "44*", "${aws:ResourceAccount}", "????????????"},
		"aws:PrincipalArn":           {"arn:aws:iam::" + stranger + ":role/x", "arn:aws:iam::*:role/x", "arn:aws:iam::" + member + ":*", "arn:aws:iam::" + ownAccount + ":role/*", "*", "arn:aws:iam::*:user/b*", "arn:aws:iam::" + stranger + ":root"},
		"aws:PrincipalType":          {"User", "AssumedRole", "Account"},
		"aws:username":               {"bob", "b*", "*"},
		"aws:PrincipalIsAWSService":  {"true", "false"},
		"aws:PrincipalTag/team":      {"a", "b", "a*", "*"},
		"aws:SecureTransport":        {"true", "false"},
		"aws:MultiFactorAuthPresent": {"true", "false"},
		"aws:SourceVpce":             {"vpce-1", "vpce-*"},
		"aws:SourceIp":               {"203.0.113.0/24", "0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1"},
		"aws:SourceAccount":          {ownAccount, stranger, "*", "${aws:PrincipalAccount}"},
		"aws:SourceArn":              {"arn:aws:lambda:eu-west-1:" + ownAccount + ":function:*", "arn:aws:lambda:*:" + stranger + ":function:f", "arn:aws:lambda:*:*:function:f", "*"},
		"aws:SourceOrgID":            {ownOrgID, "o-zzzzzzzzzz", "*"},
		"aws:MultiFactorAuthAge":     {"300", "0"},
		"aws:CurrentTime":            {"2020-01-01T00:00:00Z", "1800000000"},
		"example:Key":                {"a", "*"},
	}
	keyNames        = slices.Sorted(maps.Keys(keyPool))
	stringOperators = []string{"StringEquals", "StringLike", "StringNotEquals", "StringNotLike", "StringEqualsIfExists", "StringLikeIfExists", "StringNotEqualsIfExists", "ForAnyValue:StringLike", "ForAllValues:StringLike", "ForAnyValue:StringNotEquals", "ForAllValues:StringNotLike", "StringEqualsIgnoreCase"}
	arnOperators    = []string{"ArnLike", "ArnEquals", "ArnNotLike", "ArnLikeIfExists", "ArnNotEqualsIfExists", "StringLike", "StringEquals", "StringNotLike"}
)

func operatorsFor(key string) []string {
	switch key {
	case "aws:PrincipalArn", "aws:SourceArn":
		return arnOperators
	case "aws:MultiFactorAuthAge":
		return []string{"NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals", "NumericEquals", "NumericNotEquals", "NumericLessThanIfExists", "NumericEqualsIfExists"}
	case "aws:CurrentTime":
		return []string{"DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals", "DateEquals", "DateNotEquals", "DateGreaterThanIfExists"}
	case "aws:SourceIp":
		return []string{"IpAddress", "NotIpAddress", "IpAddressIfExists"}
	case "aws:SecureTransport", "aws:MultiFactorAuthPresent", "aws:PrincipalIsAWSService":
		return []string{"Bool", "BoolIfExists"}
	default:
		return stringOperators
	}
}

func drawStatement(t *rapid.T, effect string) naiveStatement {
	s := naiveStatement{Effect: effect}
	principal := rapid.SampledFrom(principalPool).Draw(t, "principal")
	if rapid.IntRange(0, 9).Draw(t, "not principal") == 0 && principal != "*" {
		s.NotPrincipal = principal
	} else {
		s.Principal = principal
	}
	actions := rapid.SampledFrom(actionPool).Draw(t, "actions")
	if rapid.IntRange(0, 9).Draw(t, "not action") == 0 {
		s.NotAction = actions
	} else {
		s.Action = actions
	}
	for range rapid.IntRange(0, 3).Draw(t, "conditions") {
		key := rapid.SampledFrom(keyNames).Draw(t, "key")
		operator, values := "Null", []string{rapid.SampledFrom([]string{"true", "false"}).Draw(t, "null")}
		if rapid.IntRange(0, 7).Draw(t, "operator kind") > 0 {
			operator = rapid.SampledFrom(operatorsFor(key)).Draw(t, "operator")
			values = rapid.SliceOfNDistinct(rapid.SampledFrom(keyPool[key]), 1, 2, rapid.ID).Draw(t, "values")
		}
		if s.Condition == nil {
			s.Condition = map[string]conditions{}
		}
		if s.Condition[operator] == nil {
			s.Condition[operator] = conditions{}
		}
		s.Condition[operator][key] = values
	}
	return s
}

func drawPolicy(t *rapid.T) naivePolicy {
	p := naivePolicy{Version: rapid.SampledFrom([]string{"2012-10-17", "2012-10-17", "2008-10-17"}).Draw(t, "version")}
	for i := range rapid.IntRange(1, 4).Draw(t, "statements") {
		effect := "Allow"
		if i > 0 {
			effect = rapid.SampledFrom([]string{"Allow", "Deny", "Deny"}).Draw(t, "effect")
		}
		p.Statement = append(p.Statement, drawStatement(t, effect))
	}
	for i := range p.Statement {
		p.Statement[i].Sid = string(rune('A' + i))
	}
	return p
}

func drawContext(t *rapid.T) access.Context {
	ctx := known()
	switch rapid.IntRange(0, 4).Draw(t, "knowledge") {
	case 0:
		ctx.Members = nil
	case 1:
		ctx.Members, ctx.OrganizationID = nil, ""
	}
	return ctx
}

var order = map[access.Exposure]int{access.ExposureOwn: 0, access.ExposureInside: 1, access.ExposureTrusted: 2, access.ExposureOutside: 3, access.ExposurePublic: 4}

// bounds are the widest exposure that is certain and the widest that may be.
func bounds(a access.Analysis) (sure, widest int) {
	for _, g := range a.Grants {
		widest = max(widest, order[g.Widest])
		if g.Exposure != access.ExposureUnknown {
			sure = max(sure, order[g.Exposure])
		}
	}
	return sure, widest
}

// narrower reports whether the second analysis says less than the first:
// a smaller bound, or a smaller exposure although it is certain.
func narrower(before, after access.Analysis) bool {
	_, widest := bounds(before)
	sureAfter, widestAfter := bounds(after)
	if widestAfter < widest {
		return true
	}
	return before.Exposure != access.ExposureUnknown && after.Exposure != access.ExposureUnknown && sureAfter < order[before.Exposure]
}

func analyze(p naivePolicy, ctx access.Context) access.Analysis {
	return access.Analyze(access.Documents{RepositoryPolicy: p.text()}, ctx)
}

func with(p naivePolicy, s naiveStatement) naivePolicy {
	s.Sid = "Z"
	return naivePolicy{p.Version, append(slices.Clone(p.Statement), s)}
}

func TestLawAddingADenyNeverWidens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, ctx := drawPolicy(t), drawContext(t)
		q := with(p, drawStatement(t, "Deny"))
		if before, after := analyze(p, ctx), analyze(q, ctx); narrower(after, before) {
			t.Fatalf("%s is %s %q\nbut %s is %s %q", p.text(), before.Exposure, brief(before.Grants), q.text(), after.Exposure, brief(after.Grants))
		}
	})
}

func TestLawAddingAnAllowNeverNarrows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, ctx := drawPolicy(t), drawContext(t)
		q := with(p, drawStatement(t, "Allow"))
		if before, after := analyze(p, ctx), analyze(q, ctx); narrower(before, after) {
			t.Fatalf("%s is %s %q\nbut %s is %s %q", p.text(), before.Exposure, brief(before.Grants), q.text(), after.Exposure, brief(after.Grants))
		}
	})
}

func TestLawWideningAnAllowNeverNarrows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, ctx := drawPolicy(t), drawContext(t)
		q := naivePolicy{p.Version, slices.Clone(p.Statement)}
		s := &q.Statement[0]
		switch rapid.IntRange(0, 2).Draw(t, "what") {
		case 0:
			s.Principal, s.NotPrincipal = "*", nil
		case 1:
			s.Action, s.NotAction = []string{"ecr:*"}, nil
		case 2:
			s.Condition = nil
		}
		before, after := analyze(p, ctx), analyze(q, ctx)
		if narrower(before, after) {
			t.Fatalf("%s is %s %q\nbut %s is %s %q", p.text(), before.Exposure, brief(before.Grants), q.text(), after.Exposure, brief(after.Grants))
		}
	})
}

// The resources of a registry policy that hold the repository, and wider ones.
func TestLawWideningAResourceNeverNarrows(t *testing.T) {
	resources := []string{
		"arn:aws:ecr:eu-west-1:111122223333:repository/other", "arn:aws:ecr:eu-west-1:111122223333:repository/${aws:PrincipalAccount}",
		"arn:aws:ecr:eu-west-1:111122223333:repository/team/api", "arn:aws:ecr:eu-west-1:111122223333:repository/team/*", "arn:aws:ecr:*:*:repository/*", "*",
	}
	rapid.Check(t, func(t *rapid.T) {
		p, ctx := drawPolicy(t), drawContext(t)
		for i := range p.Statement {
			p.Statement[i].Resource = []string{rapid.SampledFrom(resources).Draw(t, "resource")}
		}
		q := naivePolicy{p.Version, slices.Clone(p.Statement)}
		q.Statement[0].Resource = []string{rapid.SampledFrom(resources).Draw(t, "wider")}
		if slices.Index(resources, q.Statement[0].Resource[0]) < slices.Index(resources, p.Statement[0].Resource[0]) {
			p, q = q, p
		}
		scope := rapid.SampledFrom([]string{"V1", "V2", ""}).Draw(t, "scope")
		before := access.Analyze(access.Documents{RegistryPolicy: p.text(), RegistryScope: scope}, ctx)
		after := access.Analyze(access.Documents{RegistryPolicy: q.text(), RegistryScope: scope}, ctx)
		if narrower(before, after) {
			t.Fatalf("%s is %s %q\nbut %s is %s %q", p.text(), before.Exposure, brief(before.Grants), q.text(), after.Exposure, brief(after.Grants))
		}
	})
}

func TestLawOrderAndCaseDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, ctx := drawPolicy(t), drawContext(t)
		q := naivePolicy{Version: p.Version}
		for _, s := range rapid.Permutation(p.Statement).Draw(t, "order") {
			s.Principal, s.NotPrincipal = reversed(s.Principal), reversed(s.NotPrincipal)
			s.Action, s.NotAction = turned(s.Action), turned(s.NotAction)
			condition := map[string]conditions{}
			for operator, keys := range s.Condition {
				condition[operator] = conditions{}
				for key, values := range keys {
					values = slices.Clone(values)
					slices.Reverse(values)
					condition[operator][strings.ToUpper(key)] = values
				}
			}
			s.Condition = condition
			q.Statement = append(q.Statement, s)
		}
		before, after := analyze(p, ctx), analyze(q, ctx)
		if diff := cmp.Diff(before, after); diff != "" {
			t.Fatalf("%s\n%s\ndiffer (-before +after):\n%s", p.text(), q.text(), diff)
		}
	})
}

// reversed turns the lists of a principal element.
func reversed(principal any) any {
	lists, ok := principal.(map[string][]string)
	if !ok {
		return principal
	}
	turned := map[string][]string{}
	for kind, list := range lists {
		turned[kind] = slices.Clone(list)
		slices.Reverse(turned[kind])
	}
	return turned
}

func turned(list []string) []string {
	list = slices.Clone(list)
	slices.Reverse(list)
	for i := range list {
		list[i] = strings.ToUpper(list[i])
	}
	return list
}

// someone is a principal that the naive evaluator is asked about.
type someone struct {
	account, entity, service, source string
	home                             [2]string // organization and path
	rank                             int
}

// newcomer is an account of the organization that nobody names.
const newcomer = "101010101010"

// homes are the organizations and paths that an account may be in, as far as
// the analysis is told.
var homes = func() map[string][][2]string {
	foreign := [][2]string{{}, {"o-zzzzzzzzzz", "o-zzzzzzzzzz/r-ab12/"}, {"o-zzzzzzzzzz", "o-zzzzzzzzzz/r-1/ou-1/"}, {"o-yyyyyyyyyy", "o-yyyyyyyyyy/r-ab12/ou-1/"}, {"o-yyyyyyyyyy", "o-yyyyyyyyyy/r-1/"}, {"o-zz99999999", "o-zz99999999/r-1/"}}
	return map[string][][2]string{
		ownAccount: {{ownOrgID, ownPath}}, member: {{ownOrgID, memberPath}}, newcomer: {{ownOrgID, ownOrgID + "/r-ab12/ou-ab12-33333333/"}},
		vendor: foreign, stranger: foreign, "123123123123": foreign, "999900001111": foreign, "444400001111": foreign,
	}
}()

func everybody() []someone {
	ranks := map[string]int{ownAccount: 0, member: 1, newcomer: 1, vendor: 2}
	var list []someone
	for _, account := range slices.Sorted(maps.Keys(homes)) {
		rank, ok := ranks[account]
		if !ok {
			rank = 3
		}
		for _, home := range homes[account] {
			for _, entity := range []string{"role/x", "role/y", "user/bob", "user/ben", "user/eve", "root", "federated-user/eve"} {
				list = append(list, someone{account: account, entity: entity, home: home, rank: rank})
			}
			for _, service := range []string{"lambda.amazonaws.com", "codebuild.amazonaws.com", "other.amazonaws.com"} {
				list = append(list, someone{service: service, source: account, home: home, rank: rank})
			}
		}
	}
	return list
}

// requests are the requests that the principal can make, as far as the pools
// tell them apart and the policy asks.
func (w someone) requests(asked func(key string) bool) []request {
	keys := map[string]string{"aws:resourceaccount": ownAccount, "aws:resourceorgid": ownOrgID, "aws:principalisawsservice": "false"}
	free := map[string][]string{
		"example:key": {"", "a", "b", "*"}, "aws:sourcevpce": {"", "vpce-1", "vpce-2", "vpce-*"}, "aws:sourceip": {"", "203.0.113.5", "8.8.8.8", "198.51.100.9", "2600::1"}, "aws:securetransport": {"true", "false"},
		"aws:currenttime": {"1500000000", "1577836800", "1600000000", "1800000000", "1900000000"},
	}
	set := func(key, value string) {
		if value != "" {
			keys[key] = value
		}
	}
	home := w.home
	if w.service != "" {
		keys["aws:principalisawsservice"] = "true"
		keys["aws:principalaccount"] = "internal"
		free["aws:principalarn"], free["aws:principaltype"] = []string{"", "arn:aws:iam::internal:x"}, []string{"", "internal"}
		keys["aws:sourceaccount"] = w.source
		set("aws:sourceorgid", home[0])
		free["aws:sourcearn"] = []string{"", "arn:aws:lambda:eu-west-1:" + w.source + ":function:f", "arn:aws:lambda:eu-west-1:" + w.source + ":function:g", "arn:aws:lambda:eu-west-1:" + w.source + ":function:*"}
	} else {
		keys["aws:principalaccount"], keys["aws:principalarn"] = w.account, "arn:aws:iam::"+w.account+":"+w.entity
		set("aws:principalorgid", home[0])
		set("aws:principalorgpaths", home[1])
		kind, name, _ := strings.Cut(w.entity, "/")
		keys["aws:principaltype"] = map[string]string{"role": "AssumedRole", "user": "User", "root": "Account", "federated-user": "FederatedUser"}[kind]
		if kind == "federated-user" {
			keys["aws:principalarn"] = "arn:aws:sts::" + w.account + ":" + w.entity
		}
		if kind == "user" {
			keys["aws:username"] = name
		}
		free["aws:principaltag/team"] = []string{"", "a", "b", "ab", "a*", "*", "A"}
		free["aws:multifactorauthpresent"] = []string{"", "true", "false"}
		free["aws:multifactorauthage"] = []string{"", "0", "5", "300", "5000"}
	}
	list := []map[string]string{keys}
	for _, key := range slices.Sorted(maps.Keys(free)) {
		if !asked(key) {
			continue
		}
		var next []map[string]string
		for _, base := range list {
			for _, value := range free[key] {
				one := maps.Clone(base)
				if value != "" {
					one[key] = value
				}
				next = append(next, one)
			}
		}
		list = next
	}
	requests := make([]request, len(list))
	for i, keys := range list {
		requests[i] = request{account: w.account, entity: w.entity, service: w.service, keys: keys}
	}
	return requests
}

// TestNaive compares the analysis with an evaluation of every request there is
// in a small world. Whatever passes must have been reported, and where
// everything is known, whatever is reported as certain must pass for somebody.
func TestNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, ctx := drawPolicy(t), drawContext(t)
		got := analyze(p, ctx)
		people := map[someone][]request{}
		text := strings.ToLower(p.text())
		for _, w := range everybody() {
			people[w] = w.requests(func(key string) bool { return strings.Contains(text, key) })
			if len(people[w]) > mostRequests {
				t.Skip("the world is too large to try every request")
			}
		}
		for _, action := range askedActions {
			reach := -1
			for w, requests := range people {
				if w.rank > reach && slices.ContainsFunc(requests, func(r request) bool { return p.allows(r, action) }) {
					reach = w.rank
				}
			}
			checkReach(t, p, got, action, reach, ctx.Members != nil)
		}
	})
}

// mostRequests bounds how many requests of one principal are tried.
const mostRequests = 600

func checkReach(t *rapid.T, p naivePolicy, got access.Analysis, action string, reach int, everythingKnown bool) {
	sure, widest := -1, -1
	for _, g := range got.Grants {
		if g.Kind == "deleted" || !slices.Contains(g.Actions, action) && !slices.Contains(g.Actions, "ecr:*") {
			continue
		}
		widest = max(widest, order[g.Widest])
		if g.Exposure != access.ExposureUnknown {
			sure = max(sure, min(order[g.Exposure], 3))
		}
	}
	if reach > widest {
		t.Fatalf("%s lets somebody of rank %d use %s, but reported is\n%q", p.text(), reach, action, brief(got.Grants))
	}
	if everythingKnown && sure > max(reach, 0) {
		t.Fatalf("%s lets nobody beyond rank %d use %s, but reported is\n%q", p.text(), reach, action, brief(got.Grants))
	}
}
