// Package query is a small language that tells which findings somebody wants
// to see:
//
//	severity>=high and not repository=sandbox/*
//
// A condition compares a field of a finding with values: = and != match
// patterns, in which * stands for any characters and ? for one, against the
// whole text; severities are also compared by <, <=, > and >=. Several values
// after commas are alternatives. Conditions are joined by and, or and not, in
// which not binds closest and or least, and by parentheses. Case never counts.
//
// A query only chooses what is shown. It never decides what is a finding.
package query

import (
	"slices"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// Query is a parsed query. It is never changed, and may be used from many
// goroutines.
type Query struct{ root node }

// node is a part of a query.
type node interface {
	match(*finding.Finding) bool
	// in is the node as it matches in a run.
	in(Context) node
	// append writes the node where only parts that bind at least so closely may
	// stand without parentheses.
	append(text []byte, binds binding) []byte
	// walk visits the conditions.
	walk(func(*condition))
}

// binding is how closely an operator binds what it joins.
type binding int

const (
	bindsOr binding = iota
	bindsAnd
	bindsNot
)

// Match reports whether the finding is one of those that the query asks for.
// What is not in a finding, which is the names of accounts and the controls and
// scopes of rules, is known only to a query that In returned.
func (q *Query) Match(f *finding.Finding) bool { return q.root.match(f) }

// String is a text that Parse makes the same query of.
func (q *Query) String() string { return string(q.root.append(nil, bindsOr)) }

// And is the query for what all of the queries ask for. There must be one.
func And(queries ...*Query) *Query {
	terms := make([]node, len(queries))
	for i, q := range queries {
		terms[i] = q.root
	}
	return &Query{joined(false, terms)}
}

// Context is what a query can ask for that is not in the findings themselves.
type Context struct {
	Accounts map[string]string // the names of the run's accounts by their ids; a name may be empty
	Regions  []string
	Rules    []finding.Rule // the active ones
	Baseline bool           // findings were compared with one
}

// In is the query as it matches findings of a run.
func (q *Query) In(c Context) *Query { return &Query{q.root.in(c)} }

// junction is several terms, of which all or either must match.
type junction struct {
	either bool // any of the terms is enough
	terms  []node
}

// joined is the junction of terms, without junctions of its own kind in it.
func joined(either bool, terms []node) node {
	var flat []node
	for _, term := range terms {
		if inner, ok := term.(*junction); ok && inner.either == either {
			flat = append(flat, inner.terms...)
		} else {
			flat = append(flat, term)
		}
	}
	if len(flat) == 1 {
		return flat[0]
	}
	return &junction{either, flat}
}

func (j *junction) match(f *finding.Finding) bool {
	for _, term := range j.terms {
		if term.match(f) == j.either {
			return j.either
		}
	}
	return !j.either
}

func (j *junction) in(c Context) node {
	terms := make([]node, len(j.terms))
	for i, term := range j.terms {
		terms[i] = term.in(c)
	}
	return &junction{j.either, terms}
}

func (j *junction) append(text []byte, binds binding) []byte {
	word, own := " and ", bindsAnd
	if j.either {
		word, own = " or ", bindsOr
	}
	if own < binds {
		text = append(text, '(')
	}
	for i, term := range j.terms {
		if i > 0 {
			text = append(text, word...)
		}
		text = term.append(text, own+1)
	}
	if own < binds {
		return append(text, ')')
	}
	return text
}

func (j *junction) walk(visit func(*condition)) {
	for _, term := range j.terms {
		term.walk(visit)
	}
}

// negation matches what its term does not.
type negation struct{ term node }

func (n *negation) match(f *finding.Finding) bool { return !n.term.match(f) }

func (n *negation) in(c Context) node { return &negation{n.term.in(c)} }

func (n *negation) append(text []byte, _ binding) []byte {
	return n.term.append(append(text, "not "...), bindsNot)
}

func (n *negation) walk(visit func(*condition)) { n.term.walk(visit) }

// condition compares one field with values.
type condition struct {
	field    *field
	operator operator
	values   []pattern

	// severities are those that match, where the field is the severity.
	severities [finding.Critical + 1]bool
	// known are the accounts whose names match, or what is known of each rule,
	// where the field is about more than a finding has.
	known map[string]bool
}

// operator compares.
type operator string

const (
	equal        operator = "="
	different    operator = "!="
	atLeast      operator = ">="
	above        operator = ">"
	atMost       operator = "<="
	below        operator = "<"
	noOperator   operator = ""
	operatorHelp          = "= and !=, for severity also <, <=, > and >="
)

func (c *condition) match(f *finding.Finding) bool {
	return c.is(f) != (c.operator == different)
}

// is reports whether the field has one of the values.
func (c *condition) is(f *finding.Finding) bool {
	switch c.field.kind {
	case severityField:
		return c.severities[f.Severity]
	case accountField:
		return c.known[f.Account] || c.anyMatches(f.Account)
	case ruleField:
		matches, known := c.known[f.Rule]
		return matches || !known && c.anyMatches("")
	}
	return c.anyMatches(c.field.of(f))
}

func (c *condition) anyMatches(text string) bool {
	for i := range c.values {
		if c.values[i].match(text) {
			return true
		}
	}
	return false
}

func (c *condition) in(run Context) node {
	bound := *c
	bound.known = map[string]bool{}
	switch c.field.kind {
	case accountField:
		for id, name := range run.Accounts {
			if name != "" && c.anyMatches(name) {
				bound.known[id] = true
			}
		}
	case ruleField:
		for i := range run.Rules {
			rule := &run.Rules[i]
			texts := c.field.ofRule(rule)
			bound.known[rule.ID] = slices.ContainsFunc(texts, c.anyMatches) || len(texts) == 0 && c.anyMatches("")
		}
	}
	return &bound
}

func (c *condition) append(text []byte, _ binding) []byte {
	text = append(append(text, c.field.name...), c.operator...)
	for i := range c.values {
		if i > 0 {
			text = append(text, ',')
		}
		text = c.values[i].append(text)
	}
	return text
}

func (c *condition) walk(visit func(*condition)) { visit(c) }

// decide fills in the severities that match.
func (c *condition) decide() {
	for _, severity := range finding.Severities() {
		c.severities[severity] = c.compare(severity)
	}
}

func (c *condition) compare(severity finding.Severity) bool {
	if c.operator == equal || c.operator == different {
		return c.anyMatches(severity.String())
	}
	for _, bound := range finding.Severities() {
		if !c.values[0].match(bound.String()) {
			continue
		}
		switch c.operator {
		case atLeast:
			return severity >= bound
		case above:
			return severity > bound
		case atMost:
			return severity <= bound
		case below:
			return severity < bound
		}
	}
	return false
}
