package access

import (
	"fmt"
	"slices"
	"strings"
)

// Admit sees to it that the accounts have the abilities by a statement of that
// Sid, beside those that it admits already; where the statement of that Sid is
// another kind of statement, by one with a Sid derived from it. There may be no
// policy yet. A RefusedError names the statement that denies it to an account,
// or says that the document is the registry policy, in which no account is
// admitted: it would be to every repository.
func (e *Editor) Admit(sid string, accounts, abilities []string) error {
	wanted, err := actionsOf(abilities)
	if err == nil {
		err = e.admissible(sid, accounts, abilities)
	}
	if err != nil {
		return err
	}
	wanted &= repositoryActions
	next, words := e.admitted(sid, accounts, abilities, wanted)
	if err := fits(next); err != nil {
		return err
	}
	for _, account := range accounts {
		if err := e.letsIn(next, account, wanted, abilities); err != nil {
			return err
		}
	}
	if words != "" {
		e.now, e.words = next, append(slices.Clip(e.words), words)
	}
	return nil
}

func (e *Editor) admissible(sid string, accounts, abilities []string) error {
	switch {
	case e.source != repositoryPolicy:
		return &RefusedError{"a statement of the registry policy would let the accounts into every repository", "admit them in the policy of each repository"}
	case sid == lambdaStatement:
		return errLambda
	case sid == "" || alphanumeric(sid) != sid:
		return fmt.Errorf("%q is no Sid: it takes letters and digits only", sid)
	case len(accounts) == 0 || len(abilities) == 0:
		return fmt.Errorf("statement %s would let nobody do anything", sid)
	}
	for _, account := range accounts {
		if !isAccount(account) {
			return fmt.Errorf("%q is no account id of 12 digits", account)
		}
	}
	return nil
}

// admitted has the accounts in the statement, and says in words what that
// changes, "" if nothing.
func (e *Editor) admitted(sid string, accounts, abilities []string, wanted actionSet) (draft, string) {
	if c, there := e.admitting(sid, wanted); there {
		extended, added := e.extended(c, accounts)
		if len(added) == 0 {
			return e.now, ""
		}
		return e.now.replaced(c.id, extended), fmt.Sprintf("let %s %s by statement %s as well", accountWords(added), enumerated(abilities), c.id)
	}
	sid = e.freeSid(sid)
	n := object(
		named("Sid", textNode(sid)),
		named("Effect", textNode("Allow")),
		named("Principal", object(named("AWS", texts(e.roots(accounts))))),
		named("Action", texts(wanted.names(allActions))),
	)
	return e.now.appended(clause{sid, sid, n}), fmt.Sprintf("added statement %s, which lets %s %s", sid, accountWords(slices.Compact(slices.Sorted(slices.Values(accounts)))), enumerated(abilities))
}

// admitting finds the statement that admits others already.
func (e *Editor) admitting(sid string, wanted actionSet) (found clause, there bool) {
	for _, c := range e.now.clauses {
		if c.derivedFrom(sid) && c.admitsBy(wanted) && (!there || c.id == sid) {
			found, there = c, true
		}
	}
	return found, there
}

// derivedFrom reports whether the clause has the Sid, or one that was derived
// from it when another statement had it.
func (c clause) derivedFrom(sid string) bool {
	rest, ok := strings.CutPrefix(c.node.textOf("Sid"), sid)
	return ok && strings.Trim(rest, "0123456789") == ""
}

// admitsBy reports whether the clause lets those whom it names, by their ids or
// ARNs, use these actions and no others, and asks nothing more of them.
func (c clause) admitsBy(wanted actionSet) bool {
	if len(c.node.items) != len("SEPA") || c.node.textOf("Effect") != "Allow" {
		return false
	}
	principal, action := c.node.member("Principal"), c.node.member("Action")
	if principal < 0 || action < 0 {
		return false
	}
	aws := c.node.items[principal]
	if aws.kind != '{' || len(aws.items) != 1 || aws.items[0].name != "AWS" {
		return false
	}
	if list, err := aws.items[0].texts(); err != nil || slices.Contains(list, "*") {
		return false
	}
	patterns, err := c.node.items[action].texts()
	return err == nil && actionsNamed(strings.Join(patterns, " "))&repositoryActions == wanted
}

// extended names the accounts in the way in which the clause names others.
func (e *Editor) extended(c clause, accounts []string) (extended clause, added []string) {
	principal := c.node.items[c.node.member("Principal")]
	list := slices.Clone(principal.items[0].entries())
	var known []string
	byID := false
	for _, entry := range list {
		root, isRoot := rootOf(entry.text)
		known = append(known, entry.text, root.account)
		byID = byID || isAccount(entry.text) && !isRoot
	}
	for _, account := range accounts {
		if slices.Contains(known, account) {
			continue
		}
		text := account
		if !byID {
			text = e.root(account)
		}
		known, added = append(known, account), append(added, account)
		list = append(list, textNode(text))
	}
	aws := named("AWS", node{kind: '[', items: list})
	c.node = c.node.with("Principal", principal.with("AWS", aws))
	return c, added
}

func (e *Editor) roots(accounts []string) (list []string) {
	for _, account := range slices.Compact(slices.Sorted(slices.Values(accounts))) {
		list = append(list, e.root(account))
	}
	return list
}

func (e *Editor) root(account string) string {
	partition := e.ctx.Partition
	if partition == "" {
		partition = "aws"
	}
	return "arn:" + partition + ":iam::" + account + ":root"
}

func accountWords(accounts []string) string {
	if len(accounts) == 1 {
		return "account " + accounts[0]
	}
	return "accounts " + enumerated(accounts)
}

// letsIn returns why an account would not be let in although a statement names
// it: nil if it is.
func (e *Editor) letsIn(d draft, account string, wanted actionSet, abilities []string) error {
	v := &e.views[0]
	statements := slices.Concat(v.others, e.statements(v, d))
	w := newWorld(&v.ctx, statements, account)
	if w.crowded || w.unheeded {
		return &RefusedError{crowdReason, "edit the policy by hand"}
	}
	q := question{world: w, strict: true}
	for i := range w.scopes {
		s := &w.scopes[i]
		if s.account != account || s.kind != ownScope && s.kind != namedScope {
			continue
		}
		callers := w.callers(s)
		if !q.someone(callers, wanted) {
			return hindered(account, abilities, callers, wanted)
		}
	}
	return e.letsPull(d, account, wanted)
}

// letsPull asks the same in the way in which rules ask it, which heeds a
// registry policy that could not be read.
func (e *Editor) letsPull(d draft, account string, wanted actionSet) error {
	docs := e.docs
	docs.RepositoryPolicy = d.text()
	if wanted&batchGetImage == 0 {
		return nil
	}
	if v := CanPull(docs, e.ctx, account); v.Answer != "yes" {
		return &RefusedError{
			fmt.Sprintf("it could not be told whether account %s can pull then: %s", account, v.Reason),
			"mend that first",
		}
	}
	return nil
}

// someone reports whether one of the callers surely can use all of the actions.
func (q question) someone(callers []caller, wanted actionSet) bool {
	for i := range callers {
		f := q.given(q.world.allows, &callers[i])
		if wanted&^f.by[certain] == 0 {
			return true
		}
	}
	return false
}

// hindered names the first Deny that concerns somebody in the account.
func hindered(account string, abilities []string, callers []caller, wanted actionSet) error {
	reason := fmt.Sprintf("account %s could still not surely %s", account, enumerated(abilities))
	for i := range callers {
		for _, r := range callers[i].refusals() {
			if (r.statement.actions|r.statement.maybe)&wanted != 0 {
				return &RefusedError{
					fmt.Sprintf("%s: statement %s of the %s denies it", reason, r.statement.name, r.statement.source.words()),
					"make an exception for the account in that statement, or remove it",
				}
			}
		}
	}
	return &RefusedError{reason, "look at the policies of the repository and the registry by hand"}
}
