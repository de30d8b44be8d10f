package access_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecraudit/ecraudit/internal/access"
)

const (
	inRepository = "repository-policy"
	inARegistry  = "registry-policy"
)

func editing(t *testing.T, docs access.Documents, ctx access.Context, source string) *access.Editor {
	t.Helper()
	e, err := access.Edit(docs, ctx, source)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func compact(t *testing.T, text string) string {
	t.Helper()
	if text == "" {
		return ""
	}
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return b.String()
}

// pullBy are the statements of tables below, in short.
func pullBy(sid, principal, rest string) string {
	return fmt.Sprintf(`"Sid":%q,`, sid) + allow(principal, rest)
}

const (
	onlyPull    = `["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]`
	wholePull   = `["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]`
	deletedRole = "AROAEXAMPLEEXAMPLE123"
)

func TestTakeAway(t *testing.T) {
	member2 := `"Sid":"Keep",` + allow(`{"AWS":"444455556666"}`, "")
	noTLS := `"Sid":"Tls",` + deny(`"*"`, when(`"Bool":{"aws:SecureTransport":"false"}`))
	orgs := func(values string) string { return when(`"StringEquals":{"aws:PrincipalOrgID":` + values + `}`) }
	cases := []struct {
		name, policy, statement, principal string
		want                               string // "" where nothing is left
		words, lost                        []string
	}{
		{
			"the only principal", policyOf(pullBy("Extra", `{"AWS":"999988887777"}`, ""), member2), "Extra", "account 999988887777",
			policyOf(member2), []string{"removed statement Extra"}, []string{"account 999988887777 can no longer pull"},
		},
		{
			"the only statement", policyOf(pullBy("Extra", `{"AWS":"999988887777"}`, "")), "Extra", "account 999988887777",
			"", []string{"removed statement Extra"}, []string{"account 999988887777 can no longer pull"},
		},
		{
			"one of several", policyOf(pullBy("Pull", `{"AWS":["444455556666","999988887777","111122223333"]}`, "")), "Pull", "account 999988887777",
			policyOf(pullBy("Pull", `{"AWS":["444455556666","111122223333"]}`, "")),
			[]string{"took account 999988887777 out of statement Pull"}, []string{"account 999988887777 can no longer pull"},
		},
		{
			"an account by id and by root", policyOf(pullBy("Pull", `{"AWS":["999988887777","444455556666","arn:aws:iam::999988887777:root"]}`, "")), "Pull", "account 999988887777",
			policyOf(pullBy("Pull", `{"AWS":["444455556666"]}`, "")), []string{"took account 999988887777 out of statement Pull"}, nil,
		},
		{
			"a role of an account that stays", policyOf(pullBy("Pull", `{"AWS":["arn:aws:iam::999988887777:role/x","999988887777"]}`, "")), "Pull", "arn:aws:iam::999988887777:role/x",
			policyOf(pullBy("Pull", `{"AWS":["999988887777"]}`, "")), nil, []string{},
		},
		{
			"everyone", policyOf(pullBy("Open", `"*"`, ""), member2), "Open", "everyone",
			policyOf(member2), []string{"removed statement Open"},
			[]string{"everyone except account 444455556666 can no longer pull"},
		},
		{
			"everyone beside an account", policyOf(pullBy("Open", `{"AWS":["*","444455556666"]}`, "")), "Open", "everyone",
			policyOf(pullBy("Open", `{"AWS":["444455556666"]}`, "")), []string{"took everyone out of statement Open"}, nil,
		},
		{
			"everyone beside a service", policyOf(pullBy("Open", `{"AWS":"*","Service":"lambda.amazonaws.com"}`, "")), "Open", "everyone",
			policyOf(pullBy("Open", `{"Service":"lambda.amazonaws.com"}`, "")), nil, nil,
		},
		{
			"a service beside an account", policyOf(pullBy("Mixed", `{"Service":["lambda.amazonaws.com","codebuild.amazonaws.com"],"AWS":"444455556666"}`, "")), "Mixed", "service lambda.amazonaws.com",
			policyOf(pullBy("Mixed", `{"Service":["codebuild.amazonaws.com"],"AWS":"444455556666"}`, "")), nil, []string{"service lambda.amazonaws.com can no longer pull"},
		},
		{
			"a service for an account", policyOf(pullBy("Functions", lambda, when(`"StringEquals":{"aws:SourceAccount":["444455556666","999988887777"]}`))), "Functions", "service lambda.amazonaws.com for account 999988887777",
			policyOf(pullBy("Functions", lambda, when(`"StringEquals":{"aws:SourceAccount":["444455556666"]}`))),
			[]string{"took service lambda.amazonaws.com for account 999988887777 out of statement Functions"}, []string{"service lambda.amazonaws.com for account 999988887777 can no longer pull"},
		},
		{
			"one of two organizations", policyOf(pullBy("Orgs", `"*"`, orgs(`["o-zzzzzzzzzz","o-a1b2c3d4e5"]`))), "Orgs", "organization o-zzzzzzzzzz",
			policyOf(pullBy("Orgs", `"*"`, orgs(`["o-a1b2c3d4e5"]`))), []string{"took organization o-zzzzzzzzzz out of statement Orgs"}, []string{"organization o-zzzzzzzzzz can no longer pull"},
		},
		{
			"one of one organization", policyOf(pullBy("Org", `"*"`, orgs(`"o-zzzzzzzzzz"`)), member2), "Org", "organization o-zzzzzzzzzz",
			policyOf(member2), []string{"removed statement Org"}, nil,
		},
		{
			"everyone by a wildcard beside an organization", policyOf(pullBy("Orgs", `"*"`, when(`"StringLike":{"aws:PrincipalOrgID":["*","o-a1b2c3d4e5"]}`))), "Orgs", "everyone",
			policyOf(pullBy("Orgs", `"*"`, when(`"StringLike":{"aws:PrincipalOrgID":["o-a1b2c3d4e5"]}`))), nil, nil,
		},
		{
			"one of two accounts in a condition", policyOf(pullBy("Accounts", `"*"`, when(`"StringEquals":{"aws:PrincipalAccount":["444455556666","999988887777"]}`))), "Accounts", "account 999988887777",
			policyOf(pullBy("Accounts", `"*"`, when(`"StringEquals":{"aws:PrincipalAccount":["444455556666"]}`))), nil, []string{"account 999988887777 can no longer pull"},
		},
		{
			"an account by its entry and in a condition", policyOf(pullBy("Accounts", `{"AWS":["*","999988887777"]}`, when(`"StringEquals":{"aws:PrincipalAccount":["444455556666","999988887777"]}`))), "Accounts", "account 999988887777",
			policyOf(pullBy("Accounts", `{"AWS":["*","999988887777"]}`, when(`"StringEquals":{"aws:PrincipalAccount":["444455556666"]}`))), nil, nil,
		},
		{
			"one of two roles in a condition", policyOf(pullBy("Roles", `"*"`, when(`"ArnLike":{"aws:PrincipalArn":["arn:aws:iam::444455556666:role/x","arn:aws:iam::999988887777:role/x"]}`))), "Roles", "arn:aws:iam::999988887777:role/x",
			policyOf(pullBy("Roles", `"*"`, when(`"ArnLike":{"aws:PrincipalArn":["arn:aws:iam::444455556666:role/x"]}`))), nil, []string{"arn:aws:iam::999988887777:role/x can no longer pull"},
		},
		{
			"a deleted role", policyOf(pullBy("Old", `{"AWS":["`+deletedRole+`","444455556666"]}`, "")), "Old", deletedRole,
			policyOf(pullBy("Old", `{"AWS":["444455556666"]}`, "")), []string{"took " + deletedRole + " out of statement Old"}, []string{},
		},
		{
			"a deleted role that was granted nothing", policyOf(`"Sid":"Old","Effect":"Allow","Principal":{"AWS":["` + deletedRole + `","444455556666"]},"Action":"ecr:GetAuthorizationToken"`), "Old", deletedRole,
			policyOf(`"Sid":"Old","Effect":"Allow","Principal":{"AWS":["444455556666"]},"Action":"ecr:GetAuthorizationToken"`), nil, []string{},
		},
		{
			"a deleted role alone", policyOf(pullBy("Old", `{"AWS":"`+deletedRole+`"}`, "")), "Old", deletedRole,
			"", []string{"removed statement Old"}, []string{},
		},
		{
			"a deleted role in a Deny", policyOf(`"Sid":"Old",` + deny(`{"AWS":"`+deletedRole+`"}`, "")), "Old", deletedRole,
			policyOf(`"Sid":"Old",` + deny(`{"AWS":"`+deletedRole+`"}`, "")), []string{}, []string{},
		},
		{
			"a statement without a list", `{"Statement":{` + pullBy("One", `{"AWS":["999988887777","444455556666"]}`, "") + `},"Version":"2012-10-17"}`, "One", "account 999988887777",
			`{"Statement":{` + pullBy("One", `{"AWS":["444455556666"]}`, "") + `},"Version":"2012-10-17"}`, nil, nil,
		},
		{
			"everyone but those named", policyOf(`"Sid":"Not","Effect":"Allow","NotPrincipal":{"AWS":"999988887777"},"Action":"ecr:BatchGetImage"`, member2), "Not", "everyone except account 999988887777",
			policyOf(member2), []string{"removed statement Not"}, nil,
		},
		{
			"a Deny stays", policyOf(pullBy("Open", `"*"`, ""), noTLS), "Open", "everyone",
			policyOf(noTLS), nil, nil,
		},
		{
			"another way in", policyOf(pullBy("Open", `"*"`, ""), pullBy("Extra", `{"AWS":"999988887777"}`, "")), "Extra", "account 999988887777",
			policyOf(pullBy("Open", `"*"`, "")), nil, []string{},
		},
		{"no such principal", policyOf(member2), "Keep", "account 999988887777", policyOf(member2), []string{}, []string{}},
		{"no such statement", policyOf(member2), "Other", "account 444455556666", policyOf(member2), []string{}, []string{}},
		{"a Deny is named", policyOf(member2, noTLS), "Tls", "everyone", policyOf(member2, noTLS), []string{}, []string{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := editing(t, access.Documents{RepositoryPolicy: c.policy}, known(), inRepository)
			if err := e.TakeAway(c.statement, c.principal); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, compact(t, e.Text())); diff != "" {
				t.Errorf("the policy (-want +got):\n%s", diff)
			}
			checkChange(t, e, c.words, c.lost, []string{})
		})
	}
}

// checkChange compares what an Editor tells of its changes; nil is not compared.
func checkChange(t *testing.T, e *access.Editor, words, lost, gained []string) {
	t.Helper()
	for _, c := range []struct {
		name      string
		want, got []string
	}{{"words", words, append([]string{}, e.Words()...)}, {"lost", lost, e.Lost()}, {"gained", gained, e.Gained()}} {
		if diff := cmp.Diff(c.want, c.got); c.want != nil && diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestLimit(t *testing.T) {
	all := func(sid, principal, actions, rest string) string {
		return fmt.Sprintf(`"Sid":%q,"Effect":"Allow","Principal":%s,"Action":%s%s`, sid, principal, actions, rest)
	}
	tls := when(`"Bool":{"aws:SecureTransport":"true"}`)
	cases := []struct {
		name, policy, statement, principal string
		abilities                          []string
		want                               string
		words                              []string
	}{
		{
			"ecr:* of an only principal", policyOf(all("Team", `{"AWS":"444455556666"}`, `"ecr:*"`, tls)), "Team", "account 444455556666", []string{"pull"},
			policyOf(all("Team", `{"AWS":"444455556666"}`, wholePull, tls)), []string{"left account 444455556666 by statement Team only what it takes to pull"},
		},
		{
			"some actions of an only principal", policyOf(all("Team", `{"AWS":"444455556666"}`, `["ecr:PutImage","ecr:GetDownloadUrlForLayer","ecr:batchgetimage"]`, "")), "Team", "account 444455556666", []string{"read", "pull"},
			policyOf(all("Team", `{"AWS":"444455556666"}`, onlyPull, "")), nil,
		},
		{
			"one of several", policyOf(all("Team", `{"AWS":["444455556666","111122223333"]}`, `"ecr:*"`, tls), pullBy("Last", `{"AWS":"444455556666"}`, "")), "Team", "account 444455556666", []string{"pull"},
			policyOf(all("Team", `{"AWS":["111122223333"]}`, `"ecr:*"`, tls), all("TeamLimited", `{"AWS":["444455556666"]}`, wholePull, tls), pullBy("Last", `{"AWS":"444455556666"}`, "")),
			[]string{"moved account 444455556666 from statement Team to statement TeamLimited, which allows only what it takes to pull"},
		},
		{
			"the derived Sid is taken", policyOf(all("Team", `{"AWS":["444455556666","111122223333"]}`, `"ecr:Put*"`, ""), pullBy("TeamLimited", `{"AWS":"444455556666"}`, "")), "Team", "account 444455556666", []string{"push"},
			policyOf(all("Team", `{"AWS":["111122223333"]}`, `"ecr:Put*"`, ""), all("TeamLimited2", `{"AWS":["444455556666"]}`, `["ecr:PutImage"]`, ""), pullBy("TeamLimited", `{"AWS":"444455556666"}`, "")), nil,
		},
		{
			"without a Sid", `{"Statement":[{"Effect":"Allow","Principal":{"AWS":["444455556666","777788889999"]},"Action":"ecr:*"}]}`, "#1", "account 777788889999", []string{"read"},
			"", []string{"moved account 777788889999 from statement #1 to statement Limited, which allows only what it takes to read"},
		},
		{
			"one of two organizations", policyOf(all("Orgs", `"*"`, `["ecr:BatchGetImage","ecr:PutImage"]`, when(`"StringEquals":{"aws:PrincipalOrgID":["o-a1b2c3d4e5","o-zzzzzzzzzz"]}`))), "Orgs", "organization o-a1b2c3d4e5", []string{"pull"},
			policyOf(all("Orgs", `"*"`, `["ecr:BatchGetImage","ecr:PutImage"]`, when(`"StringEquals":{"aws:PrincipalOrgID":["o-zzzzzzzzzz"]}`)), all("OrgsLimited", `"*"`, `["ecr:BatchGetImage"]`, when(`"StringEquals":{"aws:PrincipalOrgID":["o-a1b2c3d4e5"]}`))), nil,
		},
		{
			"NotAction", policyOf(`"Sid":"Rest","Effect":"Allow","Principal":{"AWS":"444455556666"},"NotAction":"ecr:Delete*"`), "Rest", "account 444455556666", []string{"pull"},
			policyOf(`"Sid":"Rest","Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":` + wholePull), nil,
		},
		{
			"NotPrincipal", policyOf(`"Sid":"Not","Effect":"Allow","NotPrincipal":{"AWS":"999988887777"},"Action":"ecr:*"`), "Not", "everyone except account 999988887777", []string{"pull"},
			policyOf(`"Sid":"Not","Effect":"Allow","NotPrincipal":{"AWS":"999988887777"},"Action":` + wholePull), nil,
		},
		{
			"everyone", policyOf(all("Open", `"*"`, `"ecr:*"`, "")), "Open", "everyone", []string{"pull"},
			policyOf(all("Open", `"*"`, wholePull, "")), nil,
		},
		{
			"nothing is left", policyOf(all("Team", `{"AWS":["444455556666","111122223333"]}`, `"ecr:PutImage"`, "")), "Team", "account 444455556666", []string{"pull"},
			policyOf(all("Team", `{"AWS":["111122223333"]}`, `"ecr:PutImage"`, "")), []string{"took account 444455556666 out of statement Team"},
		},
		{"it has no more", policyOf(pullBy("Pull", `{"AWS":"444455556666"}`, "")), "Pull", "account 444455556666", []string{"read", "pull"}, policyOf(pullBy("Pull", `{"AWS":"444455556666"}`, "")), []string{}},
		{"no such grant", policyOf(pullBy("Pull", `{"AWS":"444455556666"}`, "")), "Pull", "everyone", []string{"read"}, policyOf(pullBy("Pull", `{"AWS":"444455556666"}`, "")), []string{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := editing(t, access.Documents{RepositoryPolicy: c.policy}, known(), inRepository)
			if err := e.Limit(c.statement, c.principal, c.abilities); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, compact(t, e.Text())); c.want != "" && diff != "" {
				t.Errorf("the policy (-want +got):\n%s", diff)
			}
			checkChange(t, e, c.words, nil, []string{})
		})
	}
	e := editing(t, access.Documents{}, known(), inRepository)
	if err := e.Limit("A", "everyone", []string{"dance"}); err == nil {
		t.Error("there is no such ability")
	}
}

func TestLostSaysWhatIsLost(t *testing.T) {
	e := editing(t, access.Documents{RepositoryPolicy: policyOf(
		`"Sid":"All","Effect":"Allow","Principal":{"AWS":"999988887777"},"Action":"ecr:*"`,
		`"Sid":"Some","Effect":"Allow","Principal":{"AWS":"999988887777"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:DescribeImages"]`,
		pullBy("Unsure", `{"AWS":"444455556666"}`, when(`"StringEquals":{"example:Key":"a"}`)),
	)}, known(), inRepository)
	for _, err := range []error{e.Limit("All", "account 999988887777", []string{"read"}), e.Limit("All", "account 999988887777", []string{"pull"}), e.TakeAway("Unsure", "account 444455556666")} {
		if err != nil {
			t.Error(err)
		}
	}
	checkChange(t, e, nil, []string{
		"account 444455556666 may no longer be able to pull",
		"account 999988887777 can no longer push, delete and administer",
		"account 999988887777 can no longer use ecr:BatchCheckLayerAvailability, ecr:BatchGetRepositoryScanningConfiguration, ecr:DescribeImageReplicationStatus, ecr:DescribeImageScanFindings and 8 more",
	}, []string{})
}

// Statements without a Sid keep their number however many are removed, and what
// was split from a statement goes by its name.
func TestEditsFollowOneAnother(t *testing.T) {
	first, second, third := allow(`{"AWS":"999988887777"}`, ""), allow(`{"AWS":"444455556666"}`, ""), allow(`{"AWS":["777788889999","123123123123"]}`, "")
	e := editing(t, access.Documents{RepositoryPolicy: policyOf(first, second, third)}, known(), inRepository)
	must := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	must(e.TakeAway("#1", "account 999988887777"))
	must(e.TakeAway("#3", "account 123123123123"))
	want := policyOf(second, allow(`{"AWS":["777788889999"]}`, ""))
	if diff := cmp.Diff(want, compact(t, e.Text())); diff != "" {
		t.Errorf("the policy (-want +got):\n%s", diff)
	}

	e = editing(t, access.Documents{RepositoryPolicy: policyOf(`"Sid":"Team","Effect":"Allow","Principal":{"AWS":["444455556666","111122223333"]},"Action":"ecr:*"`)}, known(), inRepository)
	must(e.Limit("Team", "account 444455556666", []string{"pull", "push"}))
	must(e.Limit("Team", "account 444455556666", []string{"read", "pull"}))
	want = policyOf(`"Sid":"Team","Effect":"Allow","Principal":{"AWS":["111122223333"]},"Action":"ecr:*"`, `"Sid":"TeamLimited","Effect":"Allow","Principal":{"AWS":["444455556666"]},"Action":`+wholePull)
	if diff := cmp.Diff(want, compact(t, e.Text())); diff != "" {
		t.Errorf("the policy limited twice (-want +got):\n%s", diff)
	}
	must(e.TakeAway("Team", "account 444455556666"))
	want = policyOf(`"Sid":"Team","Effect":"Allow","Principal":{"AWS":["111122223333"]},"Action":"ecr:*"`)
	if diff := cmp.Diff(want, compact(t, e.Text())); diff != "" {
		t.Errorf("the policy after all (-want +got):\n%s", diff)
	}
}

// A grant is named by the words that it had before anything was changed, also
// where the same grant would have other words now.
func TestWordsAreThoseOfTheDocumentAsItWas(t *testing.T) {
	docs := access.Documents{RepositoryPolicy: policyOf(
		pullBy("One", `{"AWS":"999988887777"}`, ""),
		pullBy("Rest", `"*"`, when(`"StringNotLike":{"aws:PrincipalAccount":"9999*"}`)),
	)}
	e := editing(t, docs, known(), inRepository)
	if err := e.TakeAway("One", "account 999988887777"); err != nil {
		t.Fatal(err)
	}
	if err := e.TakeAway("Rest", "everyone except account 999988887777"); err != nil {
		t.Fatal(err)
	}
	if e.Text() != "" {
		t.Errorf("left is %s", e.Text())
	}
}

func TestAdmit(t *testing.T) {
	readers := func(principal, actions string) string {
		return `"Sid":"Readers","Effect":"Allow","Principal":` + principal + `,"Action":` + actions
	}
	roots := func(ids ...string) string {
		return `{"AWS":["arn:aws:iam::` + strings.Join(ids, `:root","arn:aws:iam::`) + `:root"]}`
	}
	added := func(sid, ids string) string {
		return `"Sid":"` + sid + `","Effect":"Allow","Principal":` + ids + `,"Action":` + wholePull
	}
	cases := []struct {
		name, policy string
		accounts     []string
		want         string
		words        []string
	}{
		{"no policy", "", []string{stranger, member, stranger}, policyOf(added("Readers", roots(member, stranger))), []string{"added statement Readers, which lets accounts 444455556666 and 999988887777 pull"}},
		{"by root ARN", policyOf(readers(`{"AWS":"arn:aws:iam::444455556666:root"}`, wholePull)), []string{stranger}, policyOf(readers(roots(member, stranger), wholePull)), []string{"let account 999988887777 pull by statement Readers as well"}},
		{"by id", policyOf(readers(`{"AWS":["444455556666"]}`, wholePull)), []string{stranger}, policyOf(readers(`{"AWS":["444455556666","999988887777"]}`, wholePull)), nil},
		{"beside a role", policyOf(readers(`{"AWS":["arn:aws:iam::444455556666:role/x"]}`, wholePull)), []string{stranger}, policyOf(readers(`{"AWS":["arn:aws:iam::444455556666:role/x","arn:aws:iam::999988887777:root"]}`, wholePull)), nil},
		{"there already", policyOf(readers(`{"AWS":"999988887777"}`, wholePull)), []string{stranger}, policyOf(readers(`{"AWS":"999988887777"}`, wholePull)), []string{}},
		{"actions of another ability", policyOf(readers(`{"AWS":"444455556666"}`, `"ecr:*"`)), []string{stranger}, policyOf(readers(`{"AWS":"444455556666"}`, `"ecr:*"`), added("Readers2", roots(stranger))), nil},
		{"derived before", policyOf(readers(`{"AWS":"444455556666"}`, `"ecr:*"`), added("Readers2", roots(member))), []string{stranger}, policyOf(readers(`{"AWS":"444455556666"}`, `"ecr:*"`), added("Readers2", roots(member, stranger))), nil},
		{"under a condition", policyOf(readers(`{"AWS":"444455556666"}`, wholePull) + when(`"StringEquals":{"aws:SourceVpce":"vpce-1"}`)), []string{stranger}, policyOf(readers(`{"AWS":"444455556666"}`, wholePull)+when(`"StringEquals":{"aws:SourceVpce":"vpce-1"}`), added("Readers2", roots(stranger))), nil},
		{"a Deny of that Sid", policyOf(`"Sid":"Readers",` + deny(`{"AWS":"444455556666"}`, "")), []string{stranger}, policyOf(`"Sid":"Readers",`+deny(`{"AWS":"444455556666"}`, ""), added("Readers2", roots(stranger))), nil},
		{"everyone is in it", policyOf(readers(`{"AWS":"*"}`, wholePull)), []string{stranger}, policyOf(readers(`{"AWS":"*"}`, wholePull), added("Readers2", roots(stranger))), nil},
		{"a statement without a list", `{"Statement":{` + readers(`{"Service":"lambda.amazonaws.com"}`, wholePull) + `}}`, []string{stranger}, `{"Statement":[{` + readers(`{"Service":"lambda.amazonaws.com"}`, wholePull) + `},{` + added("Readers2", roots(stranger)) + `}]}`, nil},
		{"with TLS", policyOf(deny(`"*"`, when(`"Bool":{"aws:SecureTransport":"false"}`))), []string{stranger}, policyOf(deny(`"*"`, when(`"Bool":{"aws:SecureTransport":"false"}`)), added("Readers", roots(stranger))), nil},
		{"the own account", "", []string{ownAccount}, policyOf(added("Readers", roots(ownAccount))), nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := editing(t, access.Documents{RepositoryPolicy: c.policy}, known(), inRepository)
			for range 2 {
				if err := e.Admit("Readers", c.accounts, []string{"pull"}); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(c.want, compact(t, e.Text())); diff != "" {
				t.Errorf("the policy (-want +got):\n%s", diff)
			}
			for _, account := range c.accounts {
				if v := access.CanPull(access.Documents{RepositoryPolicy: e.Text()}, known(), account); v.Answer != "yes" {
					t.Errorf("CanPull of %s is %+v", account, v)
				}
			}
			checkChange(t, e, c.words, []string{}, nil)
		})
	}
}

func TestAdmitInAnotherPartition(t *testing.T) {
	ctx := access.Context{Partition: "aws-cn", Account: ownAccount, Region: "cn-north-1", Repository: "a"}
	e := editing(t, access.Documents{}, ctx, inRepository)
	if err := e.Admit("Builders", []string{stranger}, []string{"read", "pull", "push"}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(e.Text(), `"arn:aws-cn:iam::999988887777:root"`) || strings.Contains(e.Text(), "ReplicateImage") {
		t.Errorf("the policy is %s", e.Text())
	}
	checkChange(t, e, nil, []string{}, []string{"account 999988887777 can now read, pull and push"})
}

func TestEditRegistryPolicy(t *testing.T) {
	const replication, teams = `["ecr:ReplicateImage","ecr:CreateRepository"]`, `"arn:aws:ecr:eu-west-1:111122223333:repository/team/*"`
	sources := `{"AWS":["arn:aws:iam::444455556666:root","arn:aws:iam::999988887777:root"]}`
	policy := policyOf(`"Sid":"Replicas",`+inRegistry(sources, replication, teams), `"Sid":"All",`+inRegistry(sources, `"ecr:*"`, `"*"`))
	for _, repository := range []string{"", "team/api", "other"} {
		t.Run("of "+repository, func(t *testing.T) {
			ctx := known()
			ctx.Repository = repository
			e := editing(t, access.Documents{RegistryPolicy: policy, RegistryScope: "V2", RepositoryPolicy: policyOf(allow(`"*"`, ""))}, ctx, inARegistry)
			if err := e.TakeAway("Replicas", "account 999988887777"); err != nil {
				t.Fatal(err)
			}
			if err := e.Limit("All", "account 444455556666", []string{"pull"}); err != nil {
				t.Fatal(err)
			}
			want := policyOf(
				`"Sid":"Replicas",`+inRegistry(`{"AWS":["arn:aws:iam::444455556666:root"]}`, replication, teams),
				`"Sid":"All",`+inRegistry(`{"AWS":["arn:aws:iam::999988887777:root"]}`, `"ecr:*"`, `"*"`),
				`"Sid":"AllLimited",`+inRegistry(`{"AWS":["arn:aws:iam::444455556666:root"]}`, wholePull, `"*"`),
			)
			if diff := cmp.Diff(want, compact(t, e.Text())); diff != "" {
				t.Errorf("the policy (-want +got):\n%s", diff)
			}
			if lost := e.Lost(); len(lost) == 0 {
				t.Error("account 444455556666 lost nothing")
			}
		})
	}
}

func TestRefused(t *testing.T) {
	ctx := known()
	take := func(statement, principal string) func(*access.Editor) error {
		return func(e *access.Editor) error { return e.TakeAway(statement, principal) }
	}
	limit := func(statement, principal string) func(*access.Editor) error {
		return func(e *access.Editor) error { return e.Limit(statement, principal, []string{"read"}) }
	}
	admit := func(accounts ...string) func(*access.Editor) error {
		return func(e *access.Editor) error { return e.Admit("Readers", accounts, []string{"pull"}) }
	}
	written := policyOf(pullBy("LambdaECRImageRetrievalPolicy", lambda, ""))
	perimeter := policyOf(pullBy("Open", `"*"`, ""), `"Sid":"Perimeter",`+deny(`"*"`, when(`"StringNotEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"},"BoolIfExists":{"aws:PrincipalIsAWSService":"false"}`)))
	cases := []struct {
		name   string
		docs   access.Documents
		edit   func(*access.Editor) error
		reason string
	}{
		{"the statement of AWS Lambda", access.Documents{RepositoryPolicy: written}, take("LambdaECRImageRetrievalPolicy", "service lambda.amazonaws.com"), "AWS Lambda wrote statement LambdaECRImageRetrievalPolicy"},
		{"the statement of AWS Lambda, limited", access.Documents{RepositoryPolicy: written}, limit("LambdaECRImageRetrievalPolicy", "service lambda.amazonaws.com"), "AWS Lambda wrote"},
		{"others by the same entry", access.Documents{RepositoryPolicy: perimeter}, take("Open", "any service"), "cannot be changed for any service alone: organization o-a1b2c3d4e5 would lose"},
		{"others limited by the same entry", access.Documents{RepositoryPolicy: perimeter}, limit("Open", "any service"), "cannot be changed for any service alone"},
		{"too many to tell apart", access.Documents{RepositoryPolicy: policyOf(`"Sid":"Crowd",` + allow(`"*"`, when(`"StringLike":{"aws:PrincipalArn":["`+strings.Join(numbered(300, "arn:aws:iam::*:role/a%d*b"), `","`)+`"]}`)))}, take("Crowd", "everyone"), "too many principals"},
		{"admitted though denied", access.Documents{RepositoryPolicy: policyOf(`"Sid":"No",` + deny(`{"AWS":"999988887777"}`, ""))}, admit(stranger), "account 999988887777 could still not surely pull: statement No of the repository policy denies it"},
		{"admitted though the registry denies", access.Documents{RegistryPolicy: policyOf(`"Effect":"Deny","Principal":"*","Action":"ecr:*","Resource":"*"`), RegistryScope: "V2"}, admit(stranger), "statement #1 of the registry policy denies it"},
		{"admitted though perhaps denied", access.Documents{RepositoryPolicy: policyOf(deny(`"*"`, when(`"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}`)))}, admit(member), "statement #1 of the repository policy denies it"},
		{"admitted though the registry policy is unread", access.Documents{RegistryUnread: "access denied"}, admit(member), "the registry policy could not be read"},
		{"too many are admitted", access.Documents{}, admit(numbered(400, "1%011d")...), "and ECR accepts 10240"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := editing(t, c.docs, ctx, inRepository)
			err := c.edit(e)
			refused, ok := errors.AsType[*access.RefusedError](err)
			if !ok || !strings.Contains(refused.Reason, c.reason) || refused.Remedy == "" {
				t.Errorf("the error is %v", err)
			}
			if e.Text() != c.docs.RepositoryPolicy || len(e.Words()) > 0 {
				t.Errorf("it was changed nevertheless: %v", e.Words())
			}
		})
	}
}

func TestEditRefusesWhatItDoesNotUnderstand(t *testing.T) {
	ok := allow(`"*"`, "")
	cases := []struct{ name, source, policy, reason string }{
		{"no JSON", inRepository, "{", "it is not one JSON document"},
		{"an unknown element", inRepository, policyOf(ok + `,"Note":"x"`), "unknown element"},
		{"a name twice", inRepository, policyOf(ok + `,"Effect":"Deny"`), "stands twice"},
		{"a Sid twice", inRepository, policyOf(`"Sid":"A",`+ok, `"Sid":"A",`+ok), "two of its statements are named A"},
		{"a Sid like a number", inRepository, policyOf(`"Sid":"#2",`+ok, ok), "two of its statements are named #2"},
		{"no UTF-8", inRepository, policyOf(`"Sid":"` + "\xff" + `",` + ok), "UTF-8"},
		{"too long", inRepository, policyOf(ok) + strings.Repeat(" ", 20480), "more than ECR accepts"},
		{"no Resource in the registry policy", inARegistry, policyOf(ok), "Resource"},
		{"another document", "lifecycle-policy", policyOf(ok), "neither"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := access.Edit(access.Documents{RepositoryPolicy: c.policy, RegistryPolicy: c.policy}, known(), c.source)
			if err == nil || !strings.Contains(err.Error(), c.reason) {
				t.Errorf("the error is %v", err)
			}
		})
	}
	if _, err := access.Edit(access.Documents{RegistryUnread: "denied"}, known(), inARegistry); err == nil {
		t.Error("what could not be read cannot be edited")
	}
}

func TestAdmitDemandsSense(t *testing.T) {
	e := editing(t, access.Documents{}, known(), inRepository)
	for name, err := range map[string]error{
		"ability":   e.Admit("A", []string{member}, []string{"dance"}),
		"account":   e.Admit("A", []string{"4444"}, []string{"pull"}),
		"accounts":  e.Admit("A", nil, []string{"pull"}),
		"abilities": e.Admit("A", []string{member}, nil),
		"Sid":       e.Admit("A-B", []string{member}, []string{"pull"}),
		"lambda":    e.Admit("LambdaECRImageRetrievalPolicy", []string{member}, []string{"pull"}),
	} {
		if err == nil {
			t.Errorf("%s: there is no error", name)
		}
	}
	registry := editing(t, access.Documents{}, known(), inARegistry)
	if err := registry.Admit("A", []string{member}, []string{"pull"}); err == nil {
		t.Error("the registry policy admits nobody")
	}
}

// A policy of the greatest length is edited while a person waits.
func TestEditLargePolicy(t *testing.T) {
	ids := numbered(500, "1%011d")
	for name, policy := range map[string]string{
		"entries": policyOf(pullBy("Pull", `{"AWS":["`+strings.Join(ids, `","`)+`"]}`, "")),
		"values":  policyOf(pullBy("Pull", `"*"`, when(`"StringEquals":{"aws:PrincipalAccount":["`+strings.Join(ids, `","`)+`"]}`))),
	} {
		t.Run(name, func(t *testing.T) {
			e := editing(t, access.Documents{RepositoryPolicy: policy}, known(), inRepository)
			begin := time.Now()
			if err := e.TakeAway("Pull", "account "+ids[70]); err != nil {
				t.Fatal(err)
			}
			checkChange(t, e, []string{"took account " + ids[70] + " out of statement Pull"}, []string{"account " + ids[70] + " can no longer pull"}, []string{})
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
			if len(e.Text()) > 10240 {
				t.Errorf("the text has %d characters", len(e.Text()))
			}
		})
	}
}

func TestTextIsStable(t *testing.T) {
	policy := `{"Id":"<é & \u00e9>","Version":"2012-10-17","Statement":[{"Sid":"Keep","Condition":{"NumericLessThan":{"aws:MultiFactorAuthAge":3.0e2},"Bool":{"aws:SecureTransport":true}},"Action":["ecr:BatchGetImage","ecr:BatchGetImage"],"Principal":{"AWS":["999988887777",
 "444455556666"]},"Effect":"Allow"}]}`
	e := editing(t, access.Documents{RepositoryPolicy: policy}, known(), inRepository)
	if e.Text() != policy {
		t.Errorf("without a change the text is %s", e.Text())
	}
	if err := e.TakeAway("Keep", "account 999988887777"); err != nil {
		t.Fatal(err)
	}
	want := `{
  "Id": "<é & é>",
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "Keep",
      "Condition": {
        "NumericLessThan": {
          "aws:MultiFactorAuthAge": 3.0e2
        },
        "Bool": {
          "aws:SecureTransport": true
        }
      },
      "Action": [
        "ecr:BatchGetImage",
        "ecr:BatchGetImage"
      ],
      "Principal": {
        "AWS": [
          "444455556666"
        ]
      },
      "Effect": "Allow"
    }
  ]
}`
	if diff := cmp.Diff(want, e.Text()); diff != "" {
		t.Errorf("the text (-want +got):\n%s", diff)
	}
}
