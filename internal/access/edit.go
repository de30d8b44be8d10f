package access

import (
	"fmt"
	"slices"
	"strings"
)

// Editor changes a policy of a repository or registry. Statements and
// principals are named as the grants of the policy as it was name them, however
// much was changed since.
//
// An edit is looked for and then proved: of the changes that come into
// question, the least invasive one is made after which the analysis finds that
// the principal has no more than it should by the statement, that whoever else
// the statement names has what it had, and that nobody has more. What is not
// changed stays as it is written, and in its place; no Deny is ever changed. An
// edit that returns an error has changed nothing.
type Editor struct {
	source source
	docs   Documents // as they were
	ctx    Context
	text   string // of the document as it was
	was    draft
	now    draft
	views  []view
	words  []string
}

// RefusedError says why a policy cannot be edited as asked. Nothing was
// changed; a person should do what Remedy says.
type RefusedError struct {
	Reason string
	Remedy string
}

// Error tells both.
func (e *RefusedError) Error() string { return e.Reason + "; " + e.Remedy }

// Edit begins to change one of the documents, the repository-policy or the
// registry-policy. Where there is no repository policy one can be begun. It
// returns a RefusedError where the document cannot be read or has problems.
func Edit(docs Documents, ctx Context, document string) (*Editor, error) {
	e := &Editor{source: source(document), docs: docs, ctx: ctx}
	switch e.source {
	case repositoryPolicy:
		e.text = docs.RepositoryPolicy
	case registryPolicy:
		e.text = docs.RegistryPolicy
	default:
		return nil, fmt.Errorf("%q is neither %s nor %s", document, repositoryPolicy, registryPolicy)
	}
	if e.source == registryPolicy && docs.RegistryUnread != "" {
		return nil, &RefusedError{"the registry policy could not be read: " + docs.RegistryUnread, "let it be read first"}
	}
	if problem := e.read(); problem != "" {
		return nil, &RefusedError{
			fmt.Sprintf("the %s is not understood: %s", e.source.words(), problem),
			"correct the document by hand first",
		}
	}
	e.now = e.was
	e.views = e.viewsOf()
	return e, nil
}

// read reads the document, and returns why it cannot be edited.
func (e *Editor) read() (problem string) {
	if len(e.text) > maxPolicy {
		return tooLong(e.text)
	}
	text := e.text
	if text == "" {
		text = emptyRoot
	}
	if p := parsePolicy(text, e.source, "", &e.ctx); len(p.problems) > 0 {
		return strings.Join(p.problems, "; ")
	}
	var err error
	if e.was, err = readDraft(text); err != nil {
		return err.Error()
	}
	return ""
}

func (s source) words() string { return strings.ReplaceAll(string(s), "-", " ") }

// Text is the document as it is now, "" when no statement is left: then the
// policy as a whole is to be deleted. It is the text that was given, to the
// letter, as long as nothing was changed.
func (e *Editor) Text() string {
	if len(e.words) == 0 {
		return e.text
	}
	return e.now.text()
}

// Words tell what was changed, in the order in which it was.
func (e *Editor) Words() []string { return slices.Clone(e.words) }

// TakeAway takes from the principal of a grant what the statement gives it.
// Others keep what they get by it; a statement that names nobody else goes. It
// is no error if there is no such grant, or no longer. A RefusedError says that
// the principal cannot be told apart from others, or that AWS Lambda keeps the
// statement.
func (e *Editor) TakeAway(statement, principal string) error {
	return e.limit(statement, principal, 0)
}

// Limit leaves the principal of a grant only what the abilities (read, pull,
// push, delete, administer) take, as far as it has it by the statement. Others
// keep what they have; where there are any, the principal gets a statement of
// its own. For errors see TakeAway.
func (e *Editor) Limit(statement, principal string, abilities []string) error {
	wanted, err := actionsOf(abilities)
	if err != nil {
		return err
	}
	return e.limit(statement, principal, wanted)
}

func actionsOf(abilities []string) (set actionSet, err error) {
	for _, name := range abilities {
		i := slices.Index(abilityNames[:], name)
		if i < 0 {
			return 0, fmt.Errorf("%q is none of %s", name, strings.Join(abilityNames[:], ", "))
		}
		set |= actionsOfAbilities[i]
	}
	return set, nil
}

// limit also goes through what was split from the statement before.
func (e *Editor) limit(statement, principal string, wanted actionSet) error {
	was, words := e.now, e.words
	for _, c := range was.clauses {
		if c.origin != statement {
			continue
		}
		if err := e.limitClause(c, principal, wanted); err != nil {
			e.now, e.words = was, words
			return err
		}
	}
	return nil
}

func (e *Editor) limitClause(c clause, principal string, wanted actionSet) error {
	p := &proof{editor: e, clause: c, principal: principal, before: e.grantsBy(e.now, c.origin)}
	had := p.had()
	if had&^wanted == 0 && (wanted != 0 || !c.namesDeleted(principal)) {
		return nil
	}
	if err := p.refusal(); err != nil {
		return err
	}
	p.left = had & wanted
	for _, candidates := range []func() []split{p.byEntries, p.byValues, p.byBoth, p.asWhole} {
		for _, s := range candidates() {
			next := e.apply(c, s, p.left)
			if !p.holds(next) {
				continue
			}
			if err := fits(next); err != nil {
				return err
			}
			words := p.told(s, next)
			e.now, e.words = next, append(slices.Clip(e.words), words)
			return nil
		}
	}
	return p.inseparable()
}

// lambdaStatement is the Sid of the statement that AWS Lambda writes.
const lambdaStatement = "LambdaECRImageRetrievalPolicy"

var errLambda = &RefusedError{
	"AWS Lambda wrote statement " + lambdaStatement + ", and without it functions fail to start from images of the repository",
	"leave it, or remove the functions first",
}

// refusal says why the clause must not be changed at all.
func (p *proof) refusal() error {
	if p.clause.id == lambdaStatement {
		return errLambda
	}
	for _, grants := range p.before {
		if slices.ContainsFunc(grants, func(g Grant) bool { return g.Reason == crowdReason }) {
			return &RefusedError{crowdReason, "edit the policy by hand"}
		}
	}
	return nil
}

func (p *proof) inseparable() error {
	others := p.others()
	if len(others) == 0 {
		others = []string{"others"}
	}
	return &RefusedError{
		fmt.Sprintf("statement %s of the %s cannot be changed for %s alone: %s would lose what it gives them", p.clause.id, p.editor.source.words(), p.principal, enumerated(others)),
		"give those who should keep it a statement of their own by hand",
	}
}

func fits(d draft) error {
	if n := len(d.text()); n > mostCharacters {
		return &RefusedError{
			fmt.Sprintf("the policy would have %d characters, and ECR accepts %d", n, mostCharacters),
			"shorten it by hand first, for instance by naming an organization instead of its accounts",
		}
	}
	return nil
}

// apply makes the split: what is taken out goes, or stays as a statement for
// the actions that are left.
func (e *Editor) apply(c clause, s split, left actionSet) draft {
	var parts []clause
	if s.rest != nil {
		parts = append(parts, clause{c.id, c.origin, *s.rest})
	}
	if left != 0 {
		limited := clause{c.id, c.origin, s.taken.allowing(left)}
		if s.rest != nil {
			limited.id = e.freeSid(c.node.textOf("Sid") + "Limited")
			limited.node = limited.node.withSid(limited.id)
		}
		parts = append(parts, limited)
	}
	return e.now.replaced(c.id, parts...)
}

// allowing is the statement for just these actions, which it names.
func (n node) allowing(set actionSet) node {
	list := texts(set.names(allActions))
	at := n.member("NotAction")
	if at < 0 {
		return n.with("Action", list)
	}
	n.items = slices.Clone(n.items)
	n.items[at] = named("Action", list)
	return n
}

func (n node) withSid(sid string) node {
	if n.member("Sid") >= 0 {
		return n.with("Sid", textNode(sid))
	}
	n.items = slices.Concat([]node{named("Sid", textNode(sid))}, n.items)
	return n
}

// freeSid derives a Sid that no statement has or had.
func (e *Editor) freeSid(base string) string {
	base = alphanumeric(base)
	for n, sid := 2, base; ; n++ {
		if e.now.find(sid) < 0 && e.was.find(sid) < 0 {
			return sid
		}
		sid = fmt.Sprintf("%s%d", base, n)
	}
}

// alphanumeric leaves out what AWS does not take in a Sid.
func alphanumeric(text string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' && r < 'A' || r > 'Z' && r < 'a' || r > 'z' {
			return -1
		}
		return r
	}, text)
}

func (p *proof) told(s split, next draft) string {
	id, abilities := p.clause.id, enumerated(p.left.abilities())
	switch {
	case p.left == 0 && s.rest == nil:
		return "removed statement " + id
	case p.left == 0:
		return fmt.Sprintf("took %s out of statement %s", p.principal, id)
	case s.rest == nil:
		return fmt.Sprintf("left %s by statement %s only what it takes to %s", p.principal, id, abilities)
	default:
		own := next.clauses[next.find(id)+1].id
		return fmt.Sprintf("moved %s from statement %s to statement %s, which allows only what it takes to %s", p.principal, id, own, abilities)
	}
}

// enumerated joins words the way people do.
func enumerated(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
