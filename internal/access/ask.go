package access

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Answer tells whether one principal can do something in a repository, as far
// as resource policies decide it.
type Answer struct {
	Answer     string   `json:"answer"`     // yes, no or unknown
	Reason     string   `json:"reason"`     // what the answer rests on
	Statement  string   `json:"statement"`  // the one that grants or denies it, "" when there is none
	Source     string   `json:"source"`     // the policy in which the statement stands, "" without one
	Conditions []string `json:"conditions"` // under which the statement grants it, in words
}

// Wish is what a principal would like to do.
type Wish struct {
	who     principal
	actions actionSet
	every   bool // it takes all of the actions, otherwise one is enough
}

// pullActions and pushActions are what docker pull and docker push take.
const (
	pullActions = "ecr:BatchGetImage ecr:GetDownloadUrlForLayer"
	pushActions = "ecr:BatchCheckLayerAvailability ecr:InitiateLayerUpload ecr:UploadLayerPart ecr:CompleteLayerUpload ecr:PutImage"
)

// NewWish reads a principal (the ARN of a role, user, session or account, or an
// account id) and what it would like to do: read, pull, push, delete,
// administer, or an action or pattern of actions such as ecr:PutImage. To pull
// or push takes all the actions that docker uses for it; of the other
// abilities and of a pattern any one action is enough.
func NewWish(who, what string) (Wish, error) {
	r := &reader{ctx: &Context{}}
	p := r.awsPrincipal(who)
	switch p.kind {
	case account, role, user, session, federated:
	default:
		return Wish{}, fmt.Errorf("%q is no principal: give the ARN of a role, a user or a session, such as arn:aws:iam::111122223333:role/build, or an account id", who)
	}
	w := Wish{who: p}
	switch what {
	case "pull":
		w.actions, w.every = actionsNamed(pullActions), true
	case "push":
		w.actions, w.every = actionsNamed(pushActions), true
	default:
		w.actions = actionsFor(what)
	}
	if w.actions == 0 {
		return Wish{}, fmt.Errorf("%q is neither read, pull, push, delete or administer nor an action of ECR such as ecr:PutImage", what)
	}
	return w, nil
}

func actionsNamed(list string) (set actionSet) {
	for name := range strings.FieldsSeq(list) {
		set |= matchActions(name)
	}
	return set
}

// actionsFor are the actions of an ability, or those that a pattern matches.
func actionsFor(what string) actionSet {
	if i := slices.Index(abilityNames[:], what); i >= 0 {
		return actionsOfAbilities[i] & (repositoryActions | replicaActions)
	}
	return matchActions(what) & registryActions
}

// Account is the account of the principal.
func (w Wish) Account() string { return w.who.account }

// way is how a principal comes to an action.
type way struct {
	how    certainty
	reason string
	by     *statement
	direct bool // the statement speaks of the principal, not of its account
}

// Ask tells whether the wish comes true in the repository. In the repository's
// own account, a principal's identity policies can grant what no resource
// policy does; in another account they must grant it too.
func Ask(docs Documents, ctx Context, wish Wish) Answer {
	statements, problems := parse(docs, &ctx)
	if len(problems) > 0 {
		return Answer{Answer: "unknown", Reason: problems[0]}
	}
	identity := &statement{principals: []principal{{kind: everyone}}, actions: registryActions}
	w := newWorld(&ctx, statements, wish.who.account)
	if w.crowded || w.unheeded {
		return Answer{Answer: "unknown", Reason: crowdReason}
	}
	var answers []Answer
	for i := range w.scopes {
		if s := &w.scopes[i]; s.account == wish.who.account && (s.kind == ownScope || s.kind == namedScope) {
			answers = append(answers, w.ask(s, wish, identity))
		}
	}
	return combined(answers, docs)
}

// combined is the answer where it is not known which of several holds.
func combined(answers []Answer, docs Documents) Answer {
	first := answers[0]
	for _, a := range answers {
		if a.Answer != first.Answer {
			return Answer{Answer: "unknown", Reason: "it is not known to which organization the account belongs"}
		}
	}
	if unread := docs.RegistryUnread; unread != "" && docs.RegistryScope != "V1" && first.Answer != "unknown" {
		return Answer{Answer: "unknown", Reason: "the registry policy could not be read: " + unread}
	}
	return first
}

// ask answers for the account in one scope: the best answer of the principal,
// or where the account is asked about, of anybody in it.
func (w *world) ask(s *scope, wish Wish, identity *statement) Answer {
	callers := w.callers(s)
	if wish.who.kind != account {
		callers = []caller{w.caller(s, identityOf(&wish.who))}
	}
	best := Answer{}
	rank := []string{"", "no", "unknown", "yes"}
	for i := range callers {
		a := (question{world: w, strict: true}).answer(&callers[i], wish, identity)
		if slices.Index(rank, a.Answer) > slices.Index(rank, best.Answer) {
			best = a
		}
	}
	return best
}

func (q question) answer(c *caller, wish Wish, identity *statement) Answer {
	granted := q.chosen(wish, func(x actionSet) way { return q.granted(c, x) })
	if c.scope.kind == ownScope && (granted.how != certain || !granted.direct) {
		return q.atHome(c, wish, granted, identity)
	}
	a := Answer{Conditions: granted.conditions()}
	switch granted.how {
	case certain:
		a.Answer, a.Reason = "yes", "if its identity policies allow it too"
		if c.scope.kind == ownScope {
			a.Reason = "the statement suffices in the repository's own account"
		}
	case never:
		return q.refused(c, wish)
	default:
		a.Answer, a.Reason = "unknown", granted.reason
	}
	if granted.by != nil {
		a.Statement, a.Source = granted.by.name, string(granted.by.source)
	}
	return a
}

// atHome answers in the repository's own account, where identity policies grant
// what no statement does, and a Deny takes that back.
func (q question) atHome(c *caller, wish Wish, granted way, identity *statement) Answer {
	left := q.chosen(wish, func(x actionSet) way {
		f := q.reach(identity, c, "")
		return f.best(x)
	})
	switch {
	case left.how == never:
		return q.refused(c, wish)
	case granted.how != never && granted.direct:
		return Answer{Answer: "unknown", Reason: granted.reason, Statement: granted.by.name, Source: string(granted.by.source), Conditions: granted.conditions()}
	case left.how == certain:
		return Answer{Answer: "unknown", Reason: "no statement denies it: in the repository's own account its identity policies decide"}
	default:
		return Answer{Answer: "unknown", Reason: left.reason}
	}
}

// refused says why nothing grants it.
func (question) refused(c *caller, wish Wish) Answer {
	for _, r := range c.refusals() {
		if r.sure && r.statement.actions&wish.actions != 0 {
			return Answer{Answer: "no", Reason: "a statement denies it", Statement: r.statement.name, Source: string(r.statement.source)}
		}
	}
	return Answer{Answer: "no", Reason: "no statement allows it"}
}

// chosen is the way to the action that matters: the least sure one where all
// are needed, the surest one otherwise.
func (question) chosen(wish Wish, to func(actionSet) way) way {
	var chosen way
	for rest, first := wish.actions, true; rest != 0; rest, first = rest&(rest-1), false {
		one := to(rest &^ (rest - 1))
		if first || wish.every && one.how < chosen.how || !wish.every && one.betters(chosen) {
			chosen = one
		}
	}
	return chosen
}

func (w way) betters(other way) bool {
	return w.how > other.how || w.how == other.how && w.direct && !other.direct
}

func (w way) conditions() []string {
	if w.by == nil {
		return nil
	}
	words := make([]string, len(w.by.tests))
	for i, t := range w.by.tests {
		words[i] = t.words()
	}
	slices.Sort(words)
	return words
}

// granted is the surest way to one action that the statements give.
func (q question) granted(c *caller, x actionSet) (best way) {
	for _, s := range q.world.allows {
		if (s.actions|s.maybe)&x == 0 {
			continue
		}
		for i := range s.principals {
			p := &s.principals[i]
			covers := p.covers(c)
			if s.notPrincipal {
				covers = yes
			}
			if covers == no {
				continue
			}
			f := q.reach(s, c, p.uncertain(covers))
			one := f.best(x)
			one.by, one.direct = s, p.kind != account || s.notPrincipal
			if one.how != never && one.betters(best) {
				best = one
			}
		}
	}
	return best
}

// best is how surely one action was found, and why not more surely.
func (f *found) best(x actionSet) way {
	for how := certain; how > never; how-- {
		if f.by[how]&x != 0 {
			return way{how: how, reason: cmp.Or(f.reasons[how], "it cannot be decided")}
		}
	}
	return way{}
}
