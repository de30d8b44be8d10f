package access

import (
	"slices"
	"strings"
)

// AnalyzeRegistry tells who can do what by the policy of a registry, in any of
// its repositories and with the registry itself. The policy is taken for one of
// scope V2, which grants every action of ECR; of one of scope V1 only
// ecr:ReplicateImage, ecr:BatchImportUpstreamImage and ecr:CreateRepository
// have effect. The context's Repository is not used. A grant that is not for
// all repositories says in its conditions for which.
func AnalyzeRegistry(policy string, c Context) Analysis {
	docs := Documents{RegistryPolicy: policy, RegistryScope: "V2"}
	result := Analysis{Grants: []Grant{}}
	for _, name := range repositoriesOf(policy) {
		c.Repository = name
		one := analyze(docs, &c, true)
		result.Problems = one.Problems
		result.Grants = append(result.Grants, one.Grants...)
	}
	result.Grants = condense(result.Grants)
	result.Exposure = exposure(result)
	return result
}

// mostRepositories bounds the kinds of repositories that are told apart.
const mostRepositories = 32

// repositoriesOf returns names that stand for the kinds of repositories that
// the policy's resources tell apart: of two names that the same resources
// match it returns one. Where there are too many it returns no name, and then
// it is undecided what a resource that names repositories holds.
func repositoriesOf(policy string) []string {
	patterns := repositoryPatterns(policy)
	names := append([]string{filler}, instances(patterns)...)
	var kinds []string
	var list []string
	for _, name := range names {
		if name == "" {
			continue
		}
		kind := make([]byte, len(patterns))
		for i, p := range patterns {
			kind[i] = '0' + byte(truthOf(p.match(name, false)))
		}
		if !slices.Contains(kinds, string(kind)) {
			kinds, list = append(kinds, string(kind)), append(list, name)
		}
		if len(list) > mostRepositories {
			return []string{""}
		}
	}
	return list
}

// repositoryPatterns are the patterns of repository names in the resources.
func repositoryPatterns(policy string) (patterns []glob) {
	statements, _ := Statements(policy)
	for _, s := range statements {
		for _, resource := range s.Resources {
			p := repositoryPattern(resource)
			same := func(q glob) bool { return slices.Equal(p, q) }
			if !p.everything() && !slices.ContainsFunc(patterns, same) {
				patterns = append(patterns, p)
			}
		}
	}
	return patterns
}

// repositoryPattern is what a resource demands of a repository's name: the
// part behind "repository/", of which a run may stand for the beginning.
func repositoryPattern(resource string) glob {
	if _, name, found := strings.Cut(resource, ":repository/"); found {
		return wildcards(name)
	}
	g := wildcards(resource)
	parts := g.cut()
	last := parts[len(parts)-1]
	if i := slices.Index(last, anyRun); i >= 0 {
		return last[i:]
	}
	return g
}

// where tells in words of which resources a statement speaks, "" for all.
func (s *statement) where() string {
	switch {
	case s.notResource:
		return "resource not like " + strings.Join(s.resources, ", ")
	case len(s.resources) == 0 || slices.Contains(s.resources, "*"):
		return ""
	default:
		return "resource like " + strings.Join(s.resources, ", ")
	}
}

// condense sorts the grants and leaves out those that another one includes.
func condense(grants []Grant) []Grant {
	slices.SortStableFunc(grants, compareGrants)
	var list []Grant
	for i, g := range grants {
		includes := func(other Grant) bool { return other.includes(&g) }
		if !slices.ContainsFunc(list, includes) && !slices.ContainsFunc(grants[i+1:], func(other Grant) bool { return includes(other) && !g.includes(&other) }) {
			list = append(list, g)
		}
	}
	return slices.Clip(append([]Grant{}, list...))
}

// includes reports whether the grant is the other one, or the same for more
// actions.
func (g *Grant) includes(other *Grant) bool {
	same := g.Principal == other.Principal && g.Kind == other.Kind && g.Account == other.Account && g.Exposure == other.Exposure &&
		g.Widest == other.Widest && g.Reason == other.Reason && g.Statement == other.Statement && g.Source == other.Source &&
		slices.Equal(g.Conditions, other.Conditions)
	if !same {
		return false
	}
	return !slices.ContainsFunc(other.Actions, func(name string) bool {
		return !slices.Contains(g.Actions, name) && !slices.Contains(g.Actions, "ecr:*")
	})
}
