package access

import "slices"

// view is one way in which the grants of the document are asked for: with the
// documents of a repository, or with each kind of repository of the registry.
type view struct {
	ctx    Context
	scope  string       // of the registry policy
	others []*statement // of the other document
	all    bool         // the repository stands for others
}

// viewsOf are those in which rules see the grants of the document.
func (e *Editor) viewsOf() (views []view) {
	if e.source == repositoryPolicy || e.ctx.Repository != "" {
		v := view{ctx: e.ctx, scope: e.docs.RegistryScope}
		other := e.docs
		if e.source == repositoryPolicy {
			other.RepositoryPolicy = ""
		} else {
			other.RegistryPolicy = ""
		}
		v.others, _ = parse(other, &v.ctx)
		views = append(views, v)
	}
	if e.source == repositoryPolicy {
		return views
	}
	for _, name := range repositoriesOf(e.text) {
		v := view{ctx: e.ctx, scope: "V2", all: true}
		v.ctx.Repository = name
		views = append(views, v)
	}
	return views
}

// statements compiles the draft for the view. They are named as in the document
// as it was.
func (e *Editor) statements(v *view, d draft) []*statement {
	r := &reader{source: e.source, scope: v.scope, ctx: &v.ctx}
	r.version(d.root)
	list := make([]*statement, len(d.clauses))
	for i, c := range d.clauses {
		list[i] = r.statement(c.node, i+1)
		list[i].name = c.id
	}
	return list
}

// world holds whomever the document names or named, so that what does not
// change has the same name before and after. All of the statements are in it,
// the Deny statements once, as they never change.
func (e *Editor) world(v *view, drafts ...[]*statement) *world {
	statements := slices.Clone(v.others)
	for i, list := range append(drafts, e.statements(v, e.was)) {
		for _, s := range list {
			if !s.deny || i == 0 {
				statements = append(statements, s)
			}
		}
	}
	w := newWorld(&v.ctx, statements)
	w.allRepositories = v.all
	return w
}

// grantsBy are the grants in each view by what became of one statement.
func (e *Editor) grantsBy(d draft, origin string) [][]Grant {
	grants := make([][]Grant, len(e.views))
	for i := range e.views {
		statements := e.statements(&e.views[i], d)
		w := e.world(&e.views[i], statements)
		for at, s := range statements {
			if d.clauses[at].origin == origin && !s.deny {
				grants[i] = w.grants(s, grants[i])
			}
		}
	}
	return grants
}

// plainGrantsBy are the same where the document as it was is forgotten.
func (e *Editor) plainGrantsBy(d draft, origin string) [][]Grant {
	forgetful := *e
	forgetful.was = draft{root: e.was.root}
	return forgetful.grantsBy(d, origin)
}

// proof tells whether a change does to a principal of a statement what was
// asked for, and nothing else.
type proof struct {
	editor    *Editor
	clause    clause
	principal string
	before    [][]Grant // by what became of the statement, in each view
	left      actionSet // what the principal may still do by it
}

// set is what the grant is for.
func (g *Grant) set() (set actionSet) {
	if slices.Equal(g.Actions, []string{"ecr:*"}) {
		if g.Source == string(registryPolicy) {
			return registryActions
		}
		return repositoryActions
	}
	for _, name := range g.Actions {
		set |= matchActions(name)
	}
	return set
}

// had is what the principal can do by the clause.
func (p *proof) had() (set actionSet) {
	for _, grants := range p.before {
		for i := range grants {
			if g := &grants[i]; g.Statement == p.clause.id && g.Principal == p.principal {
				set |= g.set()
			}
		}
	}
	return set
}

// others are those who also get something by the clause.
func (p *proof) others() (names []string) {
	for _, grants := range p.before {
		for _, g := range grants {
			if g.Statement == p.clause.id && g.Principal != p.principal && !slices.Contains(names, g.Principal) {
				names = append(names, g.Principal)
			}
		}
	}
	return names
}

func (p *proof) holds(next draft) bool {
	e, origin := p.editor, p.clause.origin
	after := e.grantsBy(next, origin)
	for i := range after {
		if !p.leavesRight(after[i], next) || !p.othersKeep(p.before[i], after[i], next) {
			return false
		}
	}
	for _, grants := range e.plainGrantsBy(next, origin) {
		if !p.leavesRight(grants, next) {
			return false
		}
	}
	return len(e.surplus(next, e.now)) == 0
}

// leavesRight reports whether the principal has no more than it should. It has
// by the statement that is its own now, if there is one, what is left.
func (p *proof) leavesRight(after []Grant, next draft) bool {
	for i := range after {
		g := &after[i]
		if p.concerns(g, next) && g.Principal == p.principal && g.set()&^p.left != 0 {
			return false
		}
	}
	return true
}

// concerns reports whether the grant is by the clause or by what this change
// split from it.
func (p *proof) concerns(g *Grant, next draft) bool {
	return g.Statement == p.clause.id || p.editor.now.find(g.Statement) < 0 && next.find(g.Statement) >= 0
}

// othersKeep reports whether whoever else a grant names has one as good. The
// principal keeps what is left to it in the same way. Grants that a wider one
// hid may come to light.
func (p *proof) othersKeep(before, after []Grant, next draft) bool {
	for i := range before {
		g := &before[i]
		if g.Statement != p.clause.id {
			continue
		}
		due := g.set()
		if g.Principal == p.principal {
			due &= p.left
		}
		for j := range after {
			a := &after[j]
			if p.concerns(a, next) && a.Principal == g.Principal && a.Exposure == g.Exposure && a.Widest == g.Widest {
				due &^= a.set()
			}
		}
		if due != 0 {
			return false
		}
	}
	return true
}
