package access

import (
	"slices"
	"strings"
)

// piece is a set of principals that a grant can name.
type piece struct {
	principal, kind, account string
	low, high                rank
	person                   bool // it names single principals
	anyone                   bool // it stands for strangers whom nothing names
}

// grants tells whom the statement lets in.
func (w *world) grants(s *statement) []Grant {
	if s.actions|s.maybe == 0 {
		return nil
	}
	b := &builder{world: w, statement: s, question: question{world: w}, personal: w.personal || s.personal()}
	if w.crowded || len(s.principals)*len(w.scopes) > mostCallers && s.namesService() {
		b.crowd()
		return b.grants
	}
	if s.notPrincipal {
		b.wildcard(&principal{kind: everyone})
		return b.grants
	}
	for i := range s.principals {
		p := &s.principals[i]
		switch {
		case p.kind == deleted:
			b.deleted(p)
		case p.kind == service:
			b.service(p.name, "service "+p.text)
		case p.account != "":
			b.account(p)
		default:
			b.wildcard(p)
		}
	}
	return b.grants
}

// builder collects the grants of one statement.
type builder struct {
	question
	world     *world
	statement *statement
	personal  bool // principals of one account may fare differently
	grants    []Grant
}

func (b *builder) emit(p piece, f found) {
	for how := certain; how > never; how-- {
		low, high, reason := p.low, p.high, f.reasons[how]
		sure := how == certain
		switch {
		case how == narrowed && p.anyone:
			high = outside // not everyone, but it cannot be told who
		case how == narrowed:
			sure, reason = true, "" // of those named, the ones on a network
		case how == certain && low < high:
			sure, reason = false, "it is not known whether "+p.principal+" belongs to the organization"
		}
		if high == own {
			sure, reason = true, ""
		}
		b.grant(p, f, f.by[how], exposureIn(sure, low, high), high, reason)
	}
}

func exposureIn(sure bool, low, high rank) Exposure {
	if sure && low == high {
		return exposures[high]
	}
	return ExposureUnknown
}

func (b *builder) grant(p piece, f found, set actionSet, e Exposure, widest rank, reason string) {
	s := b.statement
	if set == 0 {
		return
	}
	g := Grant{
		Principal: p.principal, Kind: p.kind, Account: p.account,
		Exposure: e, Widest: exposures[widest], Reason: reason,
		Conditions: b.conditions(p, f), Statement: s.name, Source: string(s.source),
	}
	if e == ExposureUnknown && reason == "" {
		g.Reason = "it cannot be decided whom it reaches"
	}
	all := repositoryActions
	if s.source == registryPolicy {
		all = registryActions
	}
	g.can(set, all)
	g.OutsideOrganization = e == ExposurePublic || e == ExposureOutside
	g.OutsideAccount = e != ExposureOwn && e != ExposureUnknown || e == ExposureUnknown && p.low > own && f.by[certain]&set != 0
	g.Trusted = b.world.ctx.Trusted[p.account]
	b.grants = append(b.grants, g)
}

// conditions tells what remains to be met, beside what the principal says.
func (b *builder) conditions(p piece, f found) []string {
	list := []string{}
	for _, t := range b.statement.tests {
		switch t.class {
		case orgIDKey, orgPathsKey, accountKey, isServiceKey, serviceNameKey, sourceAccountKey, sourceOrgIDKey,
			sourceOrgPathsKey, resourceAccountKey, resourceOrgIDKey, resourceOrgPathsKey:
			if p.kind != "everyone" && t.broken == "" {
				continue
			}
		case arnKey:
			if p.person && t.broken == "" {
				continue
			}
		}
		list = append(list, t.words())
	}
	for _, d := range f.unless {
		words := make([]string, 0, len(d.tests))
		for _, t := range d.tests {
			words = append(words, t.words())
		}
		slices.Sort(words)
		list = append(list, "unless "+strings.Join(words, " and ")+" (denied by "+d.name+")")
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (s *statement) namesService() bool {
	return slices.ContainsFunc(s.principals, func(p principal) bool { return p.kind == service })
}

// crowd stands for whomever a statement names in documents that name too many.
func (b *builder) crowd() {
	f := found{}
	f.add(b.statement.actions|b.statement.maybe, doubtful, "the documents name too many principals to tell them apart")
	b.emit(piece{principal: "everyone", kind: "everyone", low: public, high: public}, f)
}

// deleted lists an entry that lets nobody in.
func (b *builder) deleted(p *principal) {
	f := found{}
	f.add(b.statement.actions|b.statement.maybe, certain, "")
	b.emit(piece{principal: p.text, kind: "deleted"}, f)
}

// account lists an entry that names an account, or somebody in one.
func (b *builder) account(p *principal) {
	pc := piece{principal: p.text, kind: principalKindNames[p.kind], account: p.account, person: p.kind != account}
	if p.kind == account {
		pc.principal = "account " + p.account
	}
	var f found
	for i := range b.world.scopes {
		s := &b.world.scopes[i]
		if s.account != p.account || s.kind != ownScope && s.kind != namedScope {
			continue
		}
		if g := b.entry(p, s); g.all() != 0 {
			pc.reaches(s, f.all() == 0)
			f.merge(g)
		}
	}
	b.emit(pc, f)
}

// reaches adds a scope to the piece. The scopes of a named account are guesses
// at its organization, of which one is true; those of a class all have members.
func (p *piece) reaches(s *scope, first bool) {
	switch {
	case first:
		p.low, p.high = s.low, s.high
	case s.kind == namedScope:
		p.low, p.high = min(p.low, s.low), max(p.high, s.high)
	default:
		p.low, p.high = max(p.low, s.low), max(p.high, s.high)
	}
}

// entry tells what an entry lets its principals in the scope do.
func (b *builder) entry(p *principal, s *scope) (f found) {
	if p.kind != account && p.doubt == "" {
		return b.reach(b.statement, b.world.caller(s, identityOf(p)), "")
	}
	for _, c := range b.distinct(s) {
		f.merge(b.reach(b.statement, c, p.doubt))
	}
	return f
}

// distinct returns the callers of the scope that may fare differently.
func (b *builder) distinct(s *scope) []*caller {
	if b.personal {
		return s.callers
	}
	return s.callers[:min(1, len(s.callers))]
}

// service lists a service, by whom it acts for. Without a condition on that it
// acts for every customer of AWS who asks it to: for somebody outside.
func (b *builder) service(name, title string) {
	scopes := make([]found, len(b.world.scopes))
	for i := range scopes {
		scopes[i] = b.reach(b.statement, &caller{scope: &b.world.scopes[i], service: name, world: b.world}, "")
	}
	covered := b.strangers(scopes, piece{principal: title, kind: "service", low: outside, high: outside})
	f := b.reach(b.statement, &caller{scope: &b.world.sourceless, service: name, world: b.world}, "")
	f.add(f.by[certain], doubtful, "the condition also passes where the service does not say for whom it acts")
	f.by[certain] = 0
	b.emit(piece{principal: title, kind: "service", low: outside, high: outside, anyone: true}, f.without(covered))
	b.rest(scopes, covered, func(p piece) piece {
		p.principal, p.kind = title+" for "+p.principal, "service"
		return p
	})
}

// strangers lists what everybody can do, and returns it.
func (b *builder) strangers(scopes []found, p piece) actionSet {
	var f found
	p.anyone = true
	for i, g := range scopes {
		if b.world.scopes[i].kind == strangerScope {
			f.merge(g)
		}
	}
	b.emit(p, f)
	return f.all()
}

// wildcard lists an entry that names no account.
func (b *builder) wildcard(p *principal) {
	scopes, people, sure := b.admitted(p.doubt)
	if !sure && p.kind == everyone {
		b.services()
	}
	if scopes == nil {
		return
	}
	top := piece{principal: b.everyone(scopes, people), kind: principalKindNames[p.kind], low: public, high: public}
	name := func(pc piece) piece { return pc }
	if p.kind != everyone {
		top.principal = p.text
		name = func(pc piece) piece {
			pc.principal, pc.kind = p.text, top.kind
			return pc
		}
	}
	if p.kind == canonical {
		top.low, top.high = outside, outside
	}
	covered := b.strangers(scopes, top)
	b.people(scopes, people, b.rest(scopes, covered, name), name)
}

// admission is what somebody in an account can do, where not everybody can.
type admission struct {
	caller *caller
	found  found
}

// admitted evaluates the statement for everybody who is no service. Of the
// named accounts it tells apart what everybody in them can do and what only
// some can. Both are nil when the statement by itself lets none of them in, and
// it is not sure when it lets in only those of whom the organization is guessed.
func (b *builder) admitted(doubt string) (scopes []found, people []admission, sure bool) {
	scopes = make([]found, len(b.world.scopes))
	reached := false
	for i := range b.world.scopes {
		s := &b.world.scopes[i]
		single := s.kind == ownScope || s.kind == namedScope
		for _, c := range b.distinct(s) {
			if _, _, ok := b.statement.admits(c); !ok {
				continue
			}
			reached, sure = true, sure || !b.world.guesses(s)
			f := b.reach(b.statement, c, doubt)
			if single && !c.who.generic {
				people = append(people, admission{c, f})
				continue
			}
			scopes[i].merge(f)
		}
	}
	if !reached {
		return nil, nil, false
	}
	return scopes, people, sure
}

// services lists a wildcard that only services meet, because a condition asks
// for what only they have. Of other wildcards services are left out: a service
// needs somebody to act for, and those are listed.
func (b *builder) services() {
	first := len(b.grants)
	b.service(filler+".amazonaws.com", "any service")
	anybody := b.grants[first:len(b.grants):len(b.grants)]
	names := slices.Clone(b.world.services)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		before := len(b.grants)
		b.service(name, "service "+name)
		if sameBut(anybody, b.grants[before:]) {
			b.grants = b.grants[:before]
		}
	}
}

// sameBut compares grants but for whom they are for.
func sameBut(a, b []Grant) bool {
	return slices.EqualFunc(a, b, func(x, y Grant) bool {
		x.Principal = y.Principal
		return compareGrants(x, y) == 0 && x.Account == y.Account
	})
}

// everyone words who a wildcard is for.
func (b *builder) everyone(scopes []found, people []admission) string {
	var left []string
	if b.statement.notPrincipal {
		for i := range b.statement.principals {
			p := &b.statement.principals[i]
			if p.kind == account {
				left = append(left, "account "+p.account)
			} else {
				left = append(left, p.text)
			}
		}
	} else {
		left = b.world.leftOut(scopes, people)
	}
	if len(left) == 0 {
		return "everyone"
	}
	slices.Sort(left)
	return "everyone except " + strings.Join(slices.Compact(left), ", ")
}

// leftOut lists the named accounts in which nobody is let in.
func (w *world) leftOut(scopes []found, people []admission) []string {
	reached := map[string]bool{}
	for i := range w.scopes {
		if s := &w.scopes[i]; s.kind == ownScope || s.kind == namedScope {
			reached[s.account] = reached[s.account] || scopes[i].all() != 0
		}
	}
	for _, a := range people {
		reached[a.caller.scope.account] = reached[a.caller.scope.account] || a.found.all() != 0
	}
	delete(reached, "") // the own account, where it is not known
	var left []string
	for id, is := range reached {
		if !is {
			left = append(left, "account "+id)
		}
	}
	return left
}

// groups collects what several scopes let the same piece do.
type groups struct {
	pieces []piece
	founds []found
}

func (g *groups) add(p piece, s *scope, f found) {
	if f.all() == 0 {
		return
	}
	for i := range g.pieces {
		if g.pieces[i].principal == p.principal {
			g.pieces[i].reaches(s, false)
			g.founds[i].merge(f)
			return
		}
	}
	p.reaches(s, true)
	g.pieces, g.founds = append(g.pieces, p), append(g.founds, f)
}

// rest lists organizations and accounts, as far as they can do more than
// everybody can. It returns what is listed of a scope's organization by then.
func (b *builder) rest(scopes []found, covered actionSet, name func(piece) piece) (listed func(*scope) actionSet) {
	homes := map[string][]int{} // the scopes that are listed, by organization
	listed = func(s *scope) actionSet {
		set := covered
		for _, i := range homes[s.home] {
			if b.world.scopes[i].holds(s) {
				set |= scopes[i].all()
			}
		}
		return set
	}
	var g groups
	for i := range scopes {
		s := &b.world.scopes[i]
		if s.kind != memberScope && s.kind != orgScope || scopes[i].all() == 0 {
			continue
		}
		g.add(name(piece{principal: s.label, kind: "organization"}), s, scopes[i].without(listed(s)))
		homes[s.home] = append(homes[s.home], i)
	}
	for i := range scopes {
		s := &b.world.scopes[i]
		if scopes[i].all() == 0 {
			continue
		}
		f := scopes[i].without(listed(s))
		switch s.kind {
		case patternScope:
			g.add(name(piece{principal: "accounts " + s.label, kind: "account"}), s, f)
		case ownScope, namedScope:
			g.add(name(piece{principal: "account " + s.account, kind: "account", account: s.account}), s, f)
		}
	}
	for i := range g.pieces {
		b.emit(g.pieces[i], g.founds[i])
	}
	return listed
}

// people lists single principals of named accounts, as far as they can do more
// than their whole account can.
func (b *builder) people(scopes []found, people []admission, covered func(*scope) actionSet, name func(piece) piece) {
	var g groups
	for _, a := range people {
		s, who := a.caller.scope, a.caller.who
		p := piece{kind: who.kind(), account: s.account, person: true}
		switch {
		case who.session != "":
			p.principal, p.kind = who.session, "session"
		case p.kind == "root":
			p.principal, p.kind = "arn:"+b.world.partition+":iam::"+s.account+":root", "user"
		case p.kind == "federated-user":
			p.principal, p.kind = "arn:"+b.world.partition+":sts::"+s.account+":"+who.label, "federated"
		default:
			p.principal = "arn:" + b.world.partition + ":iam::" + s.account + ":" + who.label
		}
		g.add(name(p), s, a.found.without(covered(s)|scopes[s.at].all()))
	}
	for i := range g.pieces {
		b.emit(g.pieces[i], g.founds[i])
	}
}
