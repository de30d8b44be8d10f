package access

import (
	"fmt"
	"slices"
	"strings"
)

// Statements returns the statements of a policy of a repository or registry,
// and what is wrong with the document. Statements that AWS would not accept are
// among them, as far as they can be read.
func Statements(policy string) ([]Statement, []string) {
	if len(policy) > maxPolicy {
		return nil, []string{tooLong(policy)}
	}
	p := parsePolicy(policy, repositoryPolicy, "", &Context{})
	list := make([]Statement, len(p.statements))
	for i, s := range p.statements {
		list[i] = s.public()
	}
	return list, p.problems
}

func tooLong(policy string) string {
	return fmt.Sprintf("it has %d bytes, more than ECR accepts", len(policy))
}

func (s *statement) public() Statement {
	p := Statement{
		ID: s.name, Effect: "Allow",
		Actions: orNone(s.named), NotAction: s.notAction, Inert: []string{}, Wildcards: []string{},
		Principals: []StatementPrincipal{}, NotPrincipal: s.notPrincipal,
		Resources: orNone(s.resources), NotResource: s.notResource, Conditions: []string{},
	}
	if s.deny {
		p.Effect = "Deny"
	}
	for _, pattern := range s.named {
		if !s.notAction && inert(pattern) != "" {
			p.Inert = append(p.Inert, pattern)
		}
		if strings.ContainsAny(pattern, "*?") && matchActions(pattern) != 0 {
			p.Wildcards = append(p.Wildcards, pattern)
		}
	}
	for i := range s.principals {
		if named := &s.principals[i]; named.element != "" {
			p.Principals = append(p.Principals, StatementPrincipal{named.element, named.text, principalKindNames[named.kind], named.account})
		}
	}
	for _, t := range s.tests {
		p.Conditions = append(p.Conditions, t.words())
	}
	slices.Sort(p.Conditions)
	return p
}

func orNone(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
