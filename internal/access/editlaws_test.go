package access_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ecraudit/ecraudit/internal/access"
)

var (
	entryPool   = []string{"*", ownAccount, member, stranger, "arn:aws:iam::" + stranger + ":root", "arn:aws:iam::" + stranger + ":role/x", "arn:aws:iam::" + member + ":user/bob", deletedRole}
	servicePool = []string{"lambda.amazonaws.com", "codebuild.amazonaws.com"}
	whoPool     = []string{"aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:PrincipalAccount", "aws:PrincipalArn", "aws:SourceAccount"}
)

// drawCrowded draws a policy whose statements name several, which is what makes
// an edit hard.
func drawCrowded(t *rapid.T) naivePolicy {
	p := drawPolicy(t)
	for i := range p.Statement {
		s := &p.Statement[i]
		if s.Principal == nil || rapid.Bool().Draw(t, "as it is") {
			continue
		}
		lists := map[string][]string{"AWS": rapid.SliceOfNDistinct(rapid.SampledFrom(entryPool), 1, 3, rapid.ID).Draw(t, "entries")}
		if rapid.IntRange(0, 3).Draw(t, "services") == 0 {
			lists["Service"] = rapid.SliceOfNDistinct(rapid.SampledFrom(servicePool), 1, 2, rapid.ID).Draw(t, "named services")
		}
		s.Principal, s.Condition = lists, nil
		if rapid.Bool().Draw(t, "conditional") {
			key := rapid.SampledFrom(whoPool).Draw(t, "who")
			values := rapid.SliceOfNDistinct(rapid.SampledFrom(keyPool[key]), 1, 3, rapid.ID).Draw(t, "values of who")
			s.Condition = map[string]conditions{rapid.SampledFrom(operatorsFor(key)).Draw(t, "operator of who"): {key: values}}
		}
	}
	return p
}

// reread is the policy of a text, which is as naive as the one drawn.
func reread(t *rapid.T, version, text string) naivePolicy {
	p := naivePolicy{Version: version}
	if text == "" {
		return p
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	for i := range p.Statement {
		s := &p.Statement[i]
		s.Principal, s.NotPrincipal = typed(s.Principal), typed(s.NotPrincipal)
	}
	return p
}

func typed(principal any) any {
	lists, ok := principal.(map[string]any)
	if !ok {
		return principal
	}
	result := map[string][]string{}
	for kind, list := range lists {
		for _, entry := range list.([]any) {
			result[kind] = append(result[kind], entry.(string))
		}
	}
	return result
}

// edit is one edit of a random grant.
type edit struct {
	policy naivePolicy
	ctx    access.Context
	before access.Analysis
	grant  access.Grant
	editor *access.Editor
}

func drawEdit(t *rapid.T) edit {
	x := edit{policy: drawCrowded(t), ctx: drawContext(t)}
	x.before = analyze(x.policy, x.ctx)
	if len(x.before.Grants) == 0 {
		t.Skip("there is nothing to take away")
	}
	x.grant = rapid.SampledFrom(x.before.Grants).Draw(t, "grant")
	var err error
	if x.editor, err = access.Edit(access.Documents{RepositoryPolicy: x.policy.text()}, x.ctx, inRepository); err != nil {
		t.Fatal(err)
	}
	return x
}

// done reports whether the edit was made; one that was refused made none.
func (x edit) done(t *rapid.T, err error) bool {
	if err == nil {
		return true
	}
	if _, ok := errors.AsType[*access.RefusedError](err); !ok {
		t.Fatal(err)
	}
	if x.editor.Text() != x.policy.text() || len(x.editor.Words()) > 0 {
		t.Fatalf("it was refused and done: %v", x.editor.Words())
	}
	return false
}

func (x edit) after() access.Analysis {
	return access.Analyze(access.Documents{RepositoryPolicy: x.editor.Text()}, x.ctx)
}

// of are the grants to the principal by what became of the statement.
func (x edit) of(grants []access.Grant) (list []access.Grant) {
	for _, g := range grants {
		if g.Principal == x.grant.Principal && strings.TrimRight(strings.TrimSuffix(g.Statement, "Limited"), "23") == x.grant.Statement {
			list = append(list, g)
		}
	}
	return list
}

// check looks at what holds of every edit: what it does not concern stays, and
// nobody gains.
func (x edit) check(t *rapid.T) {
	text := x.editor.Text()
	after := map[string]string{}
	for _, s := range reread(t, x.policy.Version, text).Statement {
		after[s.Sid] = naivePolicy{Statement: []naiveStatement{s}}.text()
	}
	for _, s := range x.policy.Statement {
		was := naivePolicy{Statement: []naiveStatement{s}}.text()
		if (s.Sid != x.grant.Statement || s.Effect == "Deny") && after[s.Sid] != was {
			t.Fatalf("statement %s was changed: from %s to %s", s.Sid, was, after[s.Sid])
		}
	}
	if gained := x.editor.Gained(); len(gained) > 0 {
		t.Fatalf("%s became %s: %q", x.policy.text(), text, gained)
	}
	x.checkNaively(t)
}

// checkNaively asks the evaluator that shares no code: whoever gets in now got
// in before, and where an account was named, nobody of another lost anything.
func (x edit) checkNaively(t *rapid.T) {
	after := reread(t, x.policy.Version, x.editor.Text())
	text := strings.ToLower(x.policy.text())
	bystander := func(w someone) bool {
		return x.grant.Account != "" && x.grant.Kind != "service" && (w.service != "" || w.account != x.grant.Account)
	}
	for _, w := range everybody() {
		requests := w.requests(func(key string) bool { return strings.Contains(text, key) })
		if len(requests) > fewRequests {
			return
		}
		for _, r := range requests {
			for _, action := range askedActions {
				could, can := x.policy.allows(r, action), after.allows(r, action)
				if can && !could {
					t.Fatalf("%s became %s\nand %+v can %s", x.policy.text(), x.editor.Text(), r, action)
				}
				if could && !can && bystander(w) {
					t.Fatalf("%s became %s\nfor %s, and %+v can no longer %s", x.policy.text(), x.editor.Text(), x.grant.Principal, r, action)
				}
			}
		}
	}
}

// fewRequests is how many requests of one principal are tried after each edit.
const fewRequests = 40

func TestLawTakeAway(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := drawEdit(t)
		if !x.done(t, x.editor.TakeAway(x.grant.Statement, x.grant.Principal)) {
			return
		}
		if left := x.of(x.after().Grants); len(left) > 0 {
			t.Fatalf("%s became %s, which grants %q", x.policy.text(), x.editor.Text(), brief(left))
		}
		x.check(t)
		text, words := x.editor.Text(), x.editor.Words()
		if len(words) == 0 {
			t.Fatal("nothing was done")
		}
		if err := x.editor.TakeAway(x.grant.Statement, x.grant.Principal); err != nil || x.editor.Text() != text || len(x.editor.Words()) != len(words) {
			t.Fatalf("done again it is %s: %v", x.editor.Text(), err)
		}
	})
}

func TestLawLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := drawEdit(t)
		abilities := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"read", "pull", "push", "delete", "administer"}), 1, 2, rapid.ID).Draw(t, "abilities")
		if !x.done(t, x.editor.Limit(x.grant.Statement, x.grant.Principal, abilities)) {
			return
		}
		had, has := map[string]bool{}, map[string]bool{}
		for _, g := range x.of(x.before.Grants) {
			for _, a := range g.Abilities {
				had[a] = slices.Contains(abilities, a)
			}
		}
		maps.DeleteFunc(had, func(_ string, wanted bool) bool { return !wanted })
		for _, g := range x.of(x.after().Grants) {
			for _, a := range g.Abilities {
				has[a] = true
			}
		}
		if diff := cmp.Diff(had, has); diff != "" {
			t.Fatalf("%s became %s\nand the abilities of %s are (-want +got):\n%s", x.policy.text(), x.editor.Text(), x.grant.Principal, diff)
		}
		x.check(t)
	})
}

// Most edits that a policy gives reason for can be made.
func TestLawFewEditsAreRefused(t *testing.T) {
	all, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		x := drawEdit(t)
		all++
		if !x.done(t, x.editor.TakeAway(x.grant.Statement, x.grant.Principal)) {
			refused++
		}
	})
	if refused*4 > all {
		t.Errorf("%d of %d edits were refused", refused, all)
	}
	t.Logf("%d of %d edits were refused", refused, all)
}

func TestLawAdmit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, ctx := drawCrowded(t), drawContext(t)
		e, err := access.Edit(access.Documents{RepositoryPolicy: p.text()}, ctx, inRepository)
		if err != nil {
			t.Fatal(err)
		}
		account := rapid.SampledFrom([]string{ownAccount, member, vendor, stranger}).Draw(t, "account")
		x := edit{policy: p, ctx: ctx, editor: e}
		if !x.done(t, e.Admit("A", []string{account}, []string{"pull"})) {
			return
		}
		if v := access.CanPull(access.Documents{RepositoryPolicy: e.Text()}, ctx, account); v.Answer != "yes" {
			t.Fatalf("%s became %s, and CanPull is %+v", p.text(), e.Text(), v)
		}
		if lost := e.Lost(); len(lost) > 0 {
			t.Fatalf("%s became %s: %q", p.text(), e.Text(), lost)
		}
		text := e.Text()
		if err := e.Admit("A", []string{account}, []string{"pull"}); err != nil || e.Text() != text {
			t.Fatalf("done again it is %s: %v", e.Text(), err)
		}
	})
}
