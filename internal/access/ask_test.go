package access_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/ecraudit/ecraudit/internal/access"
)

func TestAsk(t *testing.T) {
	const (
		ownRole      = "arn:aws:iam::111122223333:role/ci"
		memberRole   = "arn:aws:iam::444455556666:role/ci"
		strangerRole = "arn:aws:iam::999988887777:role/ci"
		session      = "arn:aws:sts::999988887777:assumed-role/ci/build"
	)
	pullBy := func(principal, rest string) access.Documents {
		return access.Documents{RepositoryPolicy: policyOf(`"Sid":"Pull",` + allow(principal, rest))}
	}
	pushPart := access.Documents{RepositoryPolicy: policyOf(`"Sid":"Put","Effect":"Allow","Principal":"*","Action":"ecr:PutImage"`)}
	noMembers := known()
	noMembers.Members = nil
	denied := access.Documents{RepositoryPolicy: policyOf(`"Sid":"Pull",`+allow(`"*"`, ""), `"Sid":"No",`+deny(`{"AWS":"`+strangerRole+`"}`, ""))}
	for _, c := range []struct {
		name, who, what string
		docs            access.Documents
		ctx             access.Context
		want, reason    string
		statement       string
	}{
		{"nothing allows it", strangerRole, "pull", access.Documents{}, known(), "no", "no statement allows it", ""},
		{"the role is named", strangerRole, "pull", pullBy(`{"AWS":"`+strangerRole+`"}`, ""), known(), "yes", "identity policies", "Pull"},
		{"its account is named", strangerRole, "pull", pullBy(`{"AWS":"999988887777"}`, ""), known(), "yes", "identity policies", "Pull"},
		{"another role is named", strangerRole, "pull", pullBy(`{"AWS":"arn:aws:iam::999988887777:role/other"}`, ""), known(), "no", "no statement allows it", ""},
		{"an account of which a role is named", stranger, "pull", pullBy(`{"AWS":"`+strangerRole+`"}`, ""), known(), "yes", "", "Pull"},
		{"a role of a session", strangerRole, "pull", pullBy(`{"AWS":"`+session+`"}`, ""), known(), "unknown", "cannot be told whether it is", "Pull"},
		{"the session", session, "pull", pullBy(`{"AWS":"`+session+`"}`, ""), known(), "yes", "", "Pull"},
		{"a session of the role", session, "pull", pullBy(`{"AWS":"`+strangerRole+`"}`, ""), known(), "yes", "", "Pull"},
		{"a session of a role with a path", session, "pull", pullBy(`{"AWS":"arn:aws:iam::999988887777:role/a/ci"}`, ""), known(), "yes", "", "Pull"},
		{"a session of another role", session, "pull", pullBy(`{"AWS":"arn:aws:iam::999988887777:role/a-ci"}`, ""), known(), "no", "", ""},
		{"everyone", strangerRole, "pull", pullBy(`"*"`, ""), known(), "yes", "", "Pull"},
		{"everyone but it", strangerRole, "pull", denied, known(), "no", "a statement denies it", "No"},
		{"everyone but another", memberRole, "pull", denied, known(), "yes", "", "Pull"},
		{"the organization", memberRole, "pull", pullBy(`"*"`, when(`"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`)), known(), "yes", "", "Pull"},
		{"another organization", strangerRole, "pull", pullBy(`"*"`, when(`"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`)), known(), "no", "", ""},
		{"perhaps the organization", strangerRole, "pull", pullBy(`"*"`, when(`"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`)), noMembers, "unknown", "which organization", ""},
		{"by its name", strangerRole, "pull", pullBy(`"*"`, when(`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/c*"}`)), known(), "yes", "", "Pull"},
		{"from a network", strangerRole, "pull", pullBy(`"*"`, when(`"StringEquals":{"aws:SourceVpce":"vpce-1"}`)), known(), "unknown", "aws:SourceVpce = vpce-1", "Pull"},
		{"with a tag", strangerRole, "pull", pullBy(`"*"`, when(`"StringEquals":{"aws:PrincipalTag/a":"b"}`)), known(), "unknown", "only where aws:PrincipalTag/a = b", "Pull"},

		{"own, nothing allows it", ownRole, "pull", access.Documents{}, known(), "unknown", "identity policies decide", ""},
		{"own, the account is named", ownRole, "pull", pullBy(`{"AWS":"111122223333"}`, ""), known(), "unknown", "identity policies decide", ""},
		{"own, the role is named", ownRole, "pull", pullBy(`{"AWS":"`+ownRole+`"}`, ""), known(), "yes", "suffices", "Pull"},
		{"own, denied", ownRole, "pull", access.Documents{RepositoryPolicy: policyOf(`"Sid":"No",` + deny(`"*"`, ""))}, known(), "no", "denies", "No"},

		{"one action of push", strangerRole, "push", pushPart, known(), "no", "no statement allows it", ""},
		{"that action", strangerRole, "ecr:putimage", pushPart, known(), "yes", "", "Put"},
		{"any action like it", strangerRole, "ecr:Put*", pushPart, known(), "yes", "", "Put"},
		{"one action of administering", strangerRole, "administer", access.Documents{RepositoryPolicy: policyOf(`"Sid":"Tag","Effect":"Allow","Principal":"*","Action":"ecr:TagResource"`)}, known(), "yes", "", "Tag"},
		{"an action of the registry policy", strangerRole, "ecr:ReplicateImage", access.Documents{RegistryPolicy: policyOf(`"Sid":"R",` + inRegistry(`{"AWS":"999988887777"}`, `"ecr:ReplicateImage"`, `"*"`)), RegistryScope: "V1"}, known(), "yes", "", "R"},

		{"not JSON", strangerRole, "pull", access.Documents{RepositoryPolicy: "{"}, known(), "unknown", "not one JSON document", ""},
		{"the registry policy is unread", strangerRole, "pull", access.Documents{RegistryUnread: "denied"}, known(), "unknown", "could not be read: denied", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			wish, err := access.NewWish(c.who, c.what)
			if err != nil {
				t.Fatal(err)
			}
			got := access.Ask(c.docs, c.ctx, wish)
			if got.Answer != c.want || !strings.Contains(got.Reason, c.reason) || got.Statement != c.statement || got.Reason == "" {
				t.Errorf("the answer is %+v, want %s because of %q and %q", got, c.want, c.reason, c.statement)
			}
		})
	}
}

func TestWishesThatMeanNothing(t *testing.T) {
	for _, c := range [][2]string{
		{"", "pull"}, {"*", "pull"}, {"arn:aws:iam::*:role/x", "pull"}, {"lambda.amazonaws.com", "pull"}, {"AROAEXAMPLEEXAMPLE123", "pull"},
		{stranger, ""}, {stranger, "fly"}, {stranger, "PutImage"}, {stranger, "s3:GetObject"}, {stranger, "ecr:GetAuthorizationToken"},
	} {
		if wish, err := access.NewWish(c[0], c[1]); err == nil {
			t.Errorf("%q: %+v", c, wish)
		}
	}
}

// Who can surely do something is among those who are said to be able to, and
// nobody else is said to be refused.
func TestLawAnswersAgreeWithTheAnalysis(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, ctx := drawPolicy(t), drawContext(t)
		who := rapid.SampledFrom([]string{member, stranger, vendor, "arn:aws:iam::" + stranger + ":role/x", "arn:aws:iam::" + member + ":user/bob"}).Draw(t, "who")
		action := rapid.SampledFrom(askedActions).Draw(t, "action")
		wish, err := access.NewWish(who, action)
		if err != nil {
			t.Fatal(err)
		}
		docs := access.Documents{RepositoryPolicy: p.text()}
		answer := access.Ask(docs, ctx, wish)
		widest := -1
		for _, g := range access.Analyze(docs, ctx).Grants {
			if g.Kind != "deleted" && allowsAction(g, action) {
				widest = max(widest, order[g.Widest])
			}
		}
		if answer.Answer == "yes" && widest < 1 {
			t.Fatalf("%s lets %s use %s (%+v), but the analysis lists nobody of another account", p.text(), who, action, answer)
		}
	})
}

func allowsAction(g access.Grant, action string) bool {
	for _, a := range g.Actions {
		if a == action || a == "ecr:*" {
			return true
		}
	}
	return false
}
