package access

import (
	"fmt"
	"slices"
	"strings"
)

// source names the document that a statement stands in.
type source string

const (
	repositoryPolicy source = "repository-policy"
	registryPolicy   source = "registry-policy"
)

// statement is one statement of a policy, compiled. An element that AWS would
// not accept, or that is not understood, makes it doubtful: such an Allow may
// grant, such a Deny surely denies nothing.
type statement struct {
	name   string // Sid, or "#2" for the second
	source source
	deny   bool

	principals   []principal
	notPrincipal bool
	named        []string // the actions as written
	notAction    bool
	resources    []string // as written
	notResource  bool
	actions      actionSet // what it surely speaks of
	maybe        actionSet // what it may speak of besides
	maybeDoubt   string    // why that cannot be told
	tests        []*test   // all must hold
	doubt        string    // why all of it is doubtful, "" when it is not
}

// personal reports whether the statement may distinguish the principals of an
// account.
func (s *statement) personal() bool {
	for i := range s.principals {
		switch s.principals[i].kind {
		case role, user, session, federated:
			return true
		}
	}
	return slices.ContainsFunc(s.tests, (*test).personal)
}

// tellsServices reports whether the statement may distinguish services that a
// wildcard lets in.
func (s *statement) tellsServices() bool {
	if (s.deny || s.notPrincipal) && s.namesService() {
		return true
	}
	return slices.ContainsFunc(s.tests, func(t *test) bool { return t.class == serviceNameKey || t.class == sourceARNKey || t.variable })
}

// policy is a parsed document.
type policy struct {
	statements []*statement
	problems   []string
}

// reader parses one policy for one repository.
type reader struct {
	source    source
	ctx       *Context
	scope     string // of the registry policy
	variables bool   // version 2012-10-17 knows policy variables
	problems  []string
}

func parsePolicy(text string, from source, scope string, ctx *Context) policy {
	r := &reader{source: from, scope: scope, ctx: ctx}
	root, err := parseJSON(text)
	if err != nil {
		r.problem("%v", err)
		return policy{problems: r.problems}
	}
	return r.policy(root)
}

func (r *reader) policy(root node) policy {
	if root.kind != '{' {
		r.problem("it is not a JSON object")
		return policy{problems: r.problems}
	}
	var statements []node
	r.version(root)
	for _, item := range root.items {
		switch name := item.name; {
		case name == "Version", name == "Id":
		case name == "Statement" && item.kind == '[':
			statements = item.items
		case name == "Statement":
			statements = []node{item}
		default:
			r.problem("unknown element %q", name)
		}
	}
	if root.member("Statement") < 0 {
		r.problem("it has no Statement")
	}
	p := policy{}
	for i, n := range statements {
		if n.kind != '{' {
			r.problem("statement #%d is not an object", i+1)
			continue
		}
		p.statements = append(p.statements, r.statement(n, i+1))
	}
	p.problems = r.problems
	return p
}

func (r *reader) problem(format string, args ...any) {
	r.problems = append(r.problems, fmt.Sprintf(format, args...))
}

func (r *reader) version(root node) {
	at := root.member("Version")
	if at < 0 {
		return
	}
	switch text := root.items[at].text; text {
	case "2012-10-17":
		r.variables = true
	case "2008-10-17":
	default:
		r.problem("unknown version %q", text)
	}
}

func (r *reader) statement(n node, number int) *statement {
	s := &statement{source: r.source}
	if at := n.member("Sid"); at >= 0 {
		s.name = n.items[at].text
	}
	if s.name == "" {
		s.name = fmt.Sprintf("#%d", number)
	}
	spoken, sure := actionSet(0), resources{repository: yes, registry: yes}
	for _, item := range n.items {
		if err := r.element(s, item, &spoken, &sure); err != nil {
			r.problem("statement %s: %s: %v", s.name, item.name, err)
			s.doubt = fmt.Sprintf("its %s is not valid: %v", item.name, err)
		}
	}
	r.complete(s, n)
	r.assign(s, spoken, sure)
	return s
}

// complete notes what AWS demands of a statement and what is not there.
func (r *reader) complete(s *statement, n node) {
	seen := func(name string) bool { return n.member(name) >= 0 }
	for _, pair := range [][2]string{{"Principal", "NotPrincipal"}, {"Action", "NotAction"}} {
		if seen(pair[0]) == seen(pair[1]) {
			r.problem("statement %s: it needs one of %s and %s", s.name, pair[0], pair[1])
			s.doubt = fmt.Sprintf("AWS demands one of %s and %s", pair[0], pair[1])
		}
	}
	if seen("Resource") && seen("NotResource") || r.source == registryPolicy && !seen("Resource") && !seen("NotResource") {
		r.problem("statement %s: it needs one of Resource and NotResource", s.name)
		s.doubt = "AWS demands one of Resource and NotResource"
	}
	if !seen("Effect") {
		r.problem("statement %s: it has no Effect", s.name)
		s.doubt = "it has no Effect"
	}
}

func (r *reader) element(s *statement, n node, spoken *actionSet, where *resources) (err error) {
	switch n.name {
	case "Sid":
		if n.kind != '"' {
			return fmt.Errorf("it is not a text")
		}
	case "Effect":
		if n.kind != '"' || n.text != "Allow" && n.text != "Deny" {
			return fmt.Errorf("it is neither Allow nor Deny")
		}
		s.deny = n.text == "Deny"
	case "Principal", "NotPrincipal":
		s.notPrincipal = n.name == "NotPrincipal"
		s.principals, err = r.principals(n)
	case "Action", "NotAction":
		s.notAction = n.name == "NotAction"
		*spoken, err = s.spokenActions(n)
	case "Resource", "NotResource":
		s.notResource = n.name == "NotResource"
		*where, err = r.holds(s, n)
	case "Condition":
		s.tests, err = r.conditions(n)
	default:
		return fmt.Errorf("unknown element")
	}
	return err
}

func (s *statement) spokenActions(n node) (actionSet, error) {
	patterns, err := n.texts()
	if err != nil {
		return 0, err
	}
	s.named = patterns
	if len(patterns) == 0 {
		return 0, fmt.Errorf("the list is empty")
	}
	var set actionSet
	for _, p := range patterns {
		set |= matchActions(p)
	}
	if s.notAction {
		return allActions &^ set, nil
	}
	return set, nil
}

// assign keeps of the actions spoken of those that this kind of policy
// decides, and sorts them by whether the statement's resources surely hold the
// repository (or the registry, for actions on the registry as a whole).
func (r *reader) assign(s *statement, spoken actionSet, where resources) {
	if r.source == repositoryPolicy {
		spoken &= repositoryActions
	} else {
		spoken &= registryActions
		if r.scope == "V1" {
			spoken &= replicaActions
		}
	}
	onRepository, onRegistry := spoken&^registryWide, spoken&registryWide
	s.actions = where.repository.pick(onRepository, yes) | where.registry.pick(onRegistry, yes)
	s.maybe = where.repository.pick(onRepository, maybe) | where.registry.pick(onRegistry, maybe)
	if s.maybe != 0 {
		s.maybeDoubt = "it cannot be told whether its Resource is this repository"
	}
	if r.source == registryPolicy && r.scope != "V1" && r.scope != "V2" {
		rest := s.actions &^ replicaActions
		s.actions, s.maybe = s.actions&^rest, s.maybe|rest
		if rest != 0 {
			s.maybeDoubt = "the scope of the registry policy (V1 or V2) is not known"
		}
	}
}

// resources says whether a statement's resources hold this repository and the
// registry as a whole.
type resources struct{ repository, registry truth }

func (t truth) pick(set actionSet, want truth) actionSet {
	if t == want {
		return set
	}
	return 0
}

// holds reads Resource and NotResource. A repository policy belongs to one
// repository: ECR's examples have no Resource there, and what a Resource that
// names something else would do is not documented. So one that surely holds
// the repository changes nothing, and any other leaves the statement in doubt.
func (r *reader) holds(s *statement, n node) (resources, error) {
	patterns, err := n.texts()
	if err != nil {
		return resources{maybe, maybe}, err
	}
	s.resources = patterns
	res := resources{no, no}
	for _, p := range patterns {
		res.repository = res.repository.or(r.holdsRepository(p))
		if strings.Trim(p, "*") == "" && p != "" {
			res.registry = yes
		} else if strings.HasPrefix(strings.TrimLeft(p, "*"), "${") { // an ARN never is the registry as a whole
			res.registry = res.registry.or(maybe)
		}
	}
	if s.notResource {
		res = resources{res.repository.not(), res.registry.not()}
	}
	if r.source == repositoryPolicy && res.repository != yes {
		res.repository = maybe
	}
	return res, nil
}

// holdsRepository matches a resource pattern against the repository's ARN,
// of which the context may leave parts unknown.
func (r *reader) holdsRepository(pattern string) truth {
	if r.variables && strings.Contains(pattern, "${") {
		return maybe
	}
	g := wildcards(pattern)
	c := r.ctx
	if c.Partition != "" && c.Region != "" && c.Account != "" && c.Repository != "" {
		arn := "arn:" + c.Partition + ":ecr:" + c.Region + ":" + c.Account + ":repository/" + c.Repository
		return truthOf(g.match(arn, false))
	}
	if g.everything() {
		return yes
	}
	parts := g.cut()
	if len(parts) < 6 {
		return maybe
	}
	result := truthOf(parts[0].match("arn", false)).and(truthOf(parts[2].match("ecr", false)))
	for i, known := range map[int]string{1: c.Partition, 3: c.Region, 4: c.Account} {
		result = result.and(matchUnknown(parts[i], known, known))
	}
	return result.and(matchUnknown(parts[5], c.Repository, "repository/"+c.Repository))
}

func matchUnknown(g glob, known, text string) truth {
	if known != "" {
		return truthOf(g.match(text, false))
	}
	if g.everything() {
		return yes
	}
	return maybe
}
