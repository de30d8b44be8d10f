package access

import (
	"cmp"
	"slices"
	"strings"
)

// maxPolicy is twice what ECR accepts as the text of a policy.
const maxPolicy = 20480

// Analyze tells who can do what with the repository that the context and the
// documents describe.
func Analyze(docs Documents, ctx Context) Analysis {
	return analyze(docs, &ctx, false)
}

// analyze takes the repository for one of many where all that the registry has
// are asked about.
func analyze(docs Documents, ctx *Context, all bool) Analysis {
	statements, problems := parse(docs, ctx)
	result := judge(statements, docs, ctx, all)
	if len(problems) > 0 {
		result.Problems, result.Exposure = problems, ExposureUnknown
	}
	return result
}

// judge takes the documents for these statements.
func judge(statements []*statement, docs Documents, ctx *Context, all bool) Analysis {
	w := newWorld(ctx, statements)
	w.allRepositories = all
	result := Analysis{Grants: make([]Grant, 0, 2*len(w.allows))}
	for _, s := range w.allows {
		result.Grants = w.grants(s, result.Grants)
	}
	if docs.RegistryUnread != "" {
		result.Grants = append(result.Grants, unread(docs))
	}
	slices.SortStableFunc(result.Grants, compareGrants)
	result.Grants = slices.CompactFunc(result.Grants, func(a, b Grant) bool {
		return compareGrants(a, b) == 0 && slices.Equal(a.Conditions, b.Conditions)
	})
	result.Exposure = exposure(result)
	return result
}

func parse(docs Documents, ctx *Context) (statements []*statement, problems []string) {
	for _, d := range []struct {
		text  string
		from  source
		scope string
	}{{docs.RepositoryPolicy, repositoryPolicy, ""}, {docs.RegistryPolicy, registryPolicy, docs.RegistryScope}} {
		switch {
		case d.text == "":
		case len(d.text) > maxPolicy:
			problems = append(problems, string(d.from)+": "+tooLong(d.text))
		default:
			p := parsePolicy(d.text, d.from, d.scope, ctx)
			statements = append(statements, p.statements...)
			for _, problem := range p.problems {
				problems = append(problems, string(d.from)+": "+problem)
			}
		}
	}
	return statements, problems
}

func compareGrants(a, b Grant) int {
	return cmp.Or(
		-cmp.Compare(rankOf(a.Widest), rankOf(b.Widest)),
		cmp.Compare(a.Source, b.Source),
		cmp.Compare(a.Statement, b.Statement),
		cmp.Compare(a.Principal, b.Principal),
		cmp.Compare(a.Exposure, b.Exposure),
		slices.Compare(a.Actions, b.Actions),
		cmp.Compare(a.Reason, b.Reason),
	)
}

func rankOf(e Exposure) rank { return rank(max(0, slices.Index(exposures[:], e))) }

// exposure is the widest of the grants, unless one that cannot be decided may
// be wider.
func exposure(a Analysis) Exposure {
	if len(a.Problems) > 0 {
		return ExposureUnknown
	}
	sure, widest := own, own
	for _, g := range a.Grants {
		widest = max(widest, rankOf(g.Widest))
		if g.Exposure != ExposureUnknown {
			sure = max(sure, rankOf(g.Exposure))
		}
	}
	if widest > sure {
		return ExposureUnknown
	}
	return exposures[sure]
}

// unread stands for a registry policy that could not be read.
func unread(docs Documents) Grant {
	set := registryActions
	if docs.RegistryScope == "V1" {
		set = replicaActions
	}
	g := Grant{
		Principal: "whoever the registry policy names", Kind: "everyone", Exposure: ExposureUnknown, Widest: ExposurePublic,
		Reason: "the registry policy could not be read: " + docs.RegistryUnread, Source: string(registryPolicy), Conditions: []string{},
	}
	g.can(set, registryActions)
	return g
}

// can fills in what the grant is for.
func (g *Grant) can(set, all actionSet) {
	g.Abilities, g.Actions = set.abilities(), set.names(all)
	if len(g.Abilities) > 0 {
		g.Level = g.Abilities[len(g.Abilities)-1]
	}
}

// CanPull tells whether principals of the account can pull: whether
// ecr:BatchGetImage and ecr:GetDownloadUrlForLayer are both allowed to some
// principal there, and not even possibly denied. In the repository's own
// account identity policies suffice, so there only a Deny matters.
func CanPull(docs Documents, ctx Context, account string) Verdict {
	statements, problems := parse(docs, &ctx)
	if len(problems) > 0 {
		return Verdict{"unknown", problems[0]}
	}
	if account == ctx.Account {
		statements = append(statements, &statement{name: "identity policies", principals: []principal{{kind: everyone}}, actions: repositoryActions})
	}
	w := newWorld(&ctx, statements, account)
	if w.crowded || w.unheeded {
		return Verdict{"unknown", crowdReason}
	}
	q := question{world: w, strict: true}
	answers := map[*scope]answer{}
	for i := range w.scopes {
		s := &w.scopes[i]
		if s.account != account || s.kind != ownScope && s.kind != namedScope {
			continue
		}
		callers := w.callers(s)
		for j := range callers {
			answers[s] = answers[s].or(q.pulls(&callers[j]))
		}
	}
	return verdict(answers, docs)
}

// answer is how surely a caller can pull, and why not more surely.
type answer struct {
	how    certainty
	reason string
}

func (a answer) or(b answer) answer {
	if b.how > a.how || a == (answer{}) {
		return b
	}
	return a
}

// given is what the statements let the caller do, all of them together.
func (q question) given(allows []*statement, c *caller) (f found) {
	for _, s := range allows {
		for i := range s.principals {
			p := &s.principals[i]
			covers := p.covers(c)
			if s.notPrincipal {
				covers = yes
			}
			if covers != no {
				g := q.reach(s, c, p.uncertain(covers))
				f.merge(&g)
			}
			if s.notPrincipal {
				break
			}
		}
	}
	return f
}

func (q question) pulls(c *caller) answer {
	f := q.given(q.world.allows, c)
	const both = 2
	result := answer{how: certain}
	for _, x := range [both]actionSet{batchGetImage, getDownloadURL} {
		how, reason := never, "no statement lets it use "+x.names(allActions)[0]
		for h := vague; h <= certain; h++ {
			if f.by[h]&x != 0 {
				how, reason = h, f.reasons[h]
			}
		}
		if how < result.how {
			result = answer{how, reason}
		}
	}
	return result
}

func (p *principal) uncertain(covers truth) string {
	if covers == maybe {
		return cmp.Or(p.doubt, "it cannot be told whether it is "+p.text)
	}
	return p.doubt
}

func verdict(answers map[*scope]answer, docs Documents) Verdict {
	worst, best, reasons := certain, never, []string{}
	for _, a := range answers {
		worst, best = min(worst, a.how), max(best, a.how)
		if a.reason != "" {
			reasons = append(reasons, a.reason)
		}
	}
	slices.Sort(reasons)
	reason := strings.Join(slices.Compact(reasons), "; ")
	unread := docs.RegistryUnread != "" && docs.RegistryScope != "V1"
	switch {
	case unread:
		return Verdict{"unknown", "the registry policy could not be read: " + docs.RegistryUnread}
	case worst == certain && best == certain:
		return Verdict{"yes", ""}
	case best == never:
		return Verdict{"no", reason}
	case reason == "":
		reason = "it is not known to which organization the account belongs"
		fallthrough
	default:
		return Verdict{"unknown", reason}
	}
}

// Inert lists the actions that the Allow statements of a repository policy
// name and that grant nothing there.
func Inert(policy string) []InertAction {
	p := parsePolicy(policy, repositoryPolicy, "", &Context{})
	var list []InertAction
	for _, s := range p.statements {
		list = append(list, s.inert()...)
	}
	return list
}

func inert(pattern string) string {
	set := matchActions(pattern)
	prefix, _, found := strings.Cut(strings.ToLower(pattern), ":")
	switch {
	case set&repositoryActions != 0:
		return ""
	case !found:
		return "it does not say which service it belongs to, as in ecr:BatchGetImage"
	case set == 0 && prefix != "ecr" && !strings.ContainsAny(prefix, "*?"):
		return "it belongs to another service, " + prefix
	case set == 0:
		return "ECR knows no such action"
	case set&^actionsWhere(func(a action) bool { return a.level == onNothing }) == 0:
		return "it acts on no repository: only an identity policy can grant it"
	case set&replicaActions != 0:
		return "ECR decides it by the registry policy"
	default:
		return "it acts on the registry as a whole, not on a repository"
	}
}
