package access

import (
	"slices"
	"strings"
)

// Explanation is what one statement does among the others.
type Explanation struct {
	Statement string        // Sid, or "#2" for the second statement
	Source    string        // repository-policy or registry-policy
	Effect    string        // Allow or Deny
	Grants    []Grant       // of an Allow what it grants, of a Deny what there would be without it
	Narrows   bool          // a Deny adds conditions to what others grant
	Nothing   string        // why it does nothing, "" when it does something
	Inert     []InertAction // actions of an Allow that grant nothing in a repository policy
}

// mostDenies is how many Deny statements are tried for what they take back.
const mostDenies = 20

// Explain tells of each statement what it does: what an Allow grants, what a
// Deny takes back, and why one does nothing. Statements come in the order of
// the documents.
func Explain(docs Documents, ctx Context) []Explanation {
	statements, _ := parse(docs, &ctx)
	x := explainer{docs: docs, ctx: &ctx, whole: Analyze(docs, ctx)}
	x.undenied = x.without(func(_ int, s *statement) bool { return s.deny })
	list := make([]Explanation, len(statements))
	for i, s := range statements {
		if s.deny {
			list[i] = x.deny(i, s)
		} else {
			list[i] = x.allow(s)
		}
	}
	return list
}

// explainer knows what the documents grant, and what they would without any
// Deny.
type explainer struct {
	docs            Documents
	ctx             *Context
	whole, undenied Analysis
	denies          int // explained so far
}

// without analyzes the documents without some of their statements.
func (x *explainer) without(left func(int, *statement) bool) Analysis {
	statements, _ := parse(x.docs, x.ctx)
	kept := make([]*statement, 0, len(statements))
	for i, s := range statements {
		if !left(i, s) {
			kept = append(kept, s)
		}
	}
	return judge(kept, x.docs, x.ctx, false)
}

func (x *explainer) allow(s *statement) Explanation {
	grants := grantsOf(x.whole, s)
	return Explanation{
		Statement: s.name, Source: string(s.source), Effect: "Allow", Grants: grants, Inert: s.inert(),
		Nothing: s.grantsNothing(grants, grantsOf(x.undenied, s)),
	}
}

func (x *explainer) deny(at int, s *statement) Explanation {
	e := Explanation{Statement: s.name, Source: string(s.source), Effect: "Deny"}
	if x.denies++; x.denies > mostDenies {
		e.Nothing = "there are too many Deny statements to tell what each of them takes back"
		return e
	}
	e.compare(x.whole, x.without(func(i int, _ *statement) bool { return i == at }))
	if len(e.Grants) > 0 || e.Narrows {
		return e
	}
	e.Nothing = s.deniesNothing()
	if e.Nothing == "" {
		e.Nothing = "no statement grants what it denies"
		alone := x.without(func(i int, other *statement) bool { return other.deny && i != at })
		if !sameGrants(alone, x.undenied) {
			e.Nothing = "another statement denies it too"
		}
	}
	return e
}

func grantsOf(a Analysis, s *statement) (list []Grant) {
	for _, g := range a.Grants {
		if g.Statement == s.name && g.Source == string(s.source) {
			list = append(list, g)
		}
	}
	return list
}

func (s *statement) grantsNothing(granted, undenied []Grant) string {
	switch {
	case len(granted) > 0:
		return ""
	case s.actions|s.maybe == 0 && s.notAction:
		return "it leaves no action that this policy could grant"
	case s.actions|s.maybe == 0:
		return "no action that it names can be granted here"
	case len(undenied) > 0:
		return "all that it would grant is denied"
	default:
		return "nobody can meet its conditions"
	}
}

// inert lists the actions of an Allow in a repository policy that grant nothing.
func (s *statement) inert() (list []InertAction) {
	if s.deny || s.notAction || s.source != repositoryPolicy {
		return nil
	}
	for _, name := range s.named {
		if reason := inert(name); reason != "" {
			list = append(list, InertAction{s.name, name, reason})
		}
	}
	return list
}

// compare lists what there would be without the Deny.
func (e *Explanation) compare(with, without Analysis) {
	for _, g := range without.Grants {
		at := slices.IndexFunc(with.Grants, func(other Grant) bool { return other.about(&g) })
		if at < 0 || !slices.Equal(with.Grants[at].Actions, g.Actions) {
			e.Grants = append(e.Grants, g)
		} else if !slices.Equal(with.Grants[at].Conditions, g.Conditions) {
			e.Narrows = true
		}
	}
}

// about reports whether the grant is by the same statement to the same
// principals.
func (g *Grant) about(other *Grant) bool {
	return g.Statement == other.Statement && g.Source == other.Source && g.Principal == other.Principal &&
		g.Exposure == other.Exposure && g.Widest == other.Widest
}

// deniesNothing says why a Deny surely covers nobody, "" where it does.
func (s *statement) deniesNothing() string {
	if s.doubt != "" {
		return s.doubt
	}
	for i := range s.principals {
		if p := &s.principals[i]; p.doubt != "" {
			return strings.TrimSpace(p.text + ": " + p.doubt)
		}
	}
	for _, t := range s.tests {
		if t.broken != "" {
			return t.broken
		}
		if decidedByNobody(t.class) {
			return t.doubt()
		}
	}
	return ""
}

func sameGrants(a, b Analysis) bool {
	return slices.EqualFunc(a.Grants, b.Grants, func(x, y Grant) bool {
		return compareGrants(x, y) == 0 && slices.Equal(x.Conditions, y.Conditions)
	})
}
