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
	whole := Analyze(docs, ctx)
	undenied := whole
	if slices.ContainsFunc(statements, func(s *statement) bool { return s.deny }) {
		undenied = analyzeOnly(docs, &ctx, func(_ int, s *statement) bool { return !s.deny })
	}
	list := make([]Explanation, len(statements))
	denies := 0
	for i, s := range statements {
		e := Explanation{Statement: s.name, Source: string(s.source), Effect: "Allow"}
		if !s.deny {
			e.Grants = grantsOf(whole, s)
			e.Inert = s.inert()
			e.Nothing = s.grantsNothing(e.Grants, grantsOf(undenied, s))
			list[i] = e
			continue
		}
		e.Effect = "Deny"
		if denies++; denies > mostDenies {
			e.Nothing = "there are too many Deny statements to tell what each of them takes back"
		} else {
			e.denies(s, whole, analyzeOnly(docs, &ctx, func(j int, _ *statement) bool { return j != i }))
			alone := func() Analysis {
				return analyzeOnly(docs, &ctx, func(j int, other *statement) bool { return !other.deny || j == i })
			}
			if e.Nothing == deniesWhatNobodyGrants && !sameGrants(alone(), undenied) {
				e.Nothing = "another statement denies it too"
			}
		}
		list[i] = e
	}
	return list
}

// analyzeOnly leaves statements out.
func analyzeOnly(docs Documents, ctx *Context, keep func(int, *statement) bool) Analysis {
	statements, _ := parse(docs, ctx)
	kept := make([]*statement, 0, len(statements))
	for i, s := range statements {
		if keep(i, s) {
			kept = append(kept, s)
		}
	}
	return judge(kept, docs, ctx, false)
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

// denies compares what there is with what there would be without the Deny.
func (e *Explanation) denies(s *statement, with, without Analysis) {
	for _, g := range without.Grants {
		at := slices.IndexFunc(with.Grants, func(other Grant) bool { return other.about(&g) })
		if at < 0 || !slices.Equal(with.Grants[at].Actions, g.Actions) {
			e.Grants = append(e.Grants, g)
		} else if !slices.Equal(with.Grants[at].Conditions, g.Conditions) {
			e.Narrows = true
		}
	}
	if len(e.Grants) == 0 && !e.Narrows {
		e.Nothing = s.deniesNothing()
	}
}

// about reports whether the grant is by the same statement to the same
// principals.
func (g *Grant) about(other *Grant) bool {
	return g.Statement == other.Statement && g.Source == other.Source && g.Principal == other.Principal &&
		g.Exposure == other.Exposure && g.Widest == other.Widest
}

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
	return deniesWhatNobodyGrants
}

const deniesWhatNobodyGrants = "no statement grants what it denies"

func sameGrants(a, b Analysis) bool {
	return slices.EqualFunc(a.Grants, b.Grants, func(x, y Grant) bool {
		return compareGrants(x, y) == 0 && slices.Equal(x.Conditions, y.Conditions)
	})
}
