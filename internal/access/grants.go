package access

import (
	"cmp"
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

// grants adds to the list whom the statement lets in.
func (w *world) grants(s *statement, list []Grant) []Grant {
	if s.actions|s.maybe == 0 {
		return list
	}
	b := &builder{grants: list, world: w, statement: s, question: question{world: w}, personal: w.personal || s.personal()}
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
			b.service(p.name, "service "+p.text, newListing(w))
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

	// instead tells what a caller is let do where that is not asked of the
	// statement.
	instead func(*caller) found
}

// lets tells what the caller is let do.
func (b *builder) lets(c *caller, doubt string) found {
	if b.instead != nil {
		return b.instead(c)
	}
	return b.reach(b.statement, c, doubt)
}

func (b *builder) emit(p piece, f found) {
	if p.anyone {
		f.by[narrowed] &^= f.by[doubtful]
	} else {
		f.by[doubtful] &^= f.by[narrowed]
	}
	for how := certain; how > never; how-- {
		high := p.high
		if p.anyone && (how == narrowed || how == vague) {
			high = outside // not everyone, but it cannot be told who
		}
		sure := how == certain || how == narrowed && !p.anyone // of those named, the ones on a network
		g := Grant{Exposure: exposures[high], Widest: exposures[high], OutsideAccount: sure && p.low > own}
		switch {
		case high == own || sure && p.low == high:
		case sure:
			g.Exposure, g.Reason = ExposureUnknown, "it is not known whether "+p.principal+" belongs to the organization"
		default:
			g.Exposure, g.Reason = ExposureUnknown, cmp.Or(f.reasons[how], "it cannot be decided whom it reaches")
		}
		b.grant(g, p, &f, f.by[how])
	}
}

// grant completes what is granted, and lists it.
func (b *builder) grant(g Grant, p piece, f *found, set actionSet) {
	s := b.statement
	if set == 0 {
		return
	}
	g.Principal, g.Kind, g.Account = p.principal, p.kind, p.account
	g.Statement, g.Source = s.name, string(s.source)
	g.Conditions = b.conditions(p, f)
	all := repositoryActions
	if s.source == registryPolicy {
		all = registryActions
	}
	g.can(set, all)
	g.OutsideOrganization = g.Exposure == ExposurePublic || g.Exposure == ExposureOutside
	g.Trusted, _ = b.world.ctx.trust(p.account)
	b.grants = append(b.grants, g)
}

// conditions tells what remains to be met, beside what the principal says.
func (b *builder) conditions(p piece, f *found) []string {
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
	if where := b.statement.where(); where != "" && b.world.allRepositories {
		list = append(list, where)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (s *statement) namesService() bool {
	return slices.ContainsFunc(s.principals, func(p principal) bool { return p.kind == service })
}

const crowdReason = "the documents name too many principals to tell them apart"

// crowd stands for whomever a statement names in documents that name too many.
func (b *builder) crowd() {
	f := found{}
	f.add(b.statement.actions|b.statement.maybe, doubtful, crowdReason)
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
			f.merge(&g)
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
		c := b.world.caller(s, identityOf(p))
		return b.lets(&c, "")
	}
	callers := b.distinct(s)
	for i := range callers {
		g := b.lets(&callers[i], p.doubt)
		f.merge(&g)
	}
	return f
}

// distinct returns the callers of the scope that may fare differently.
func (b *builder) distinct(s *scope) []caller {
	if b.personal {
		return b.world.callers(s)
	}
	return b.world.nobody(s)
}

// service lists a service, by whom it acts for, as far as it can do more than
// those can themselves. Without a condition on whom it acts for it does so for
// every customer of AWS who asks it to: for somebody outside.
func (b *builder) service(name, title string, listed *listing) {
	callers := b.world.serving(name)
	var scopes []found
	for i := range b.world.scopes {
		f := b.lets(&callers[i], "")
		if f.all() == 0 {
			continue
		}
		if scopes == nil {
			scopes = b.world.emptyFounds()
		}
		scopes[i] = f.without(listed.of(&b.world.scopes[i]))
	}
	top := piece{principal: title, kind: "service", low: outside, high: outside, anyone: true}
	own := newListing(b.world)
	b.strangers(scopes, top, own)
	f := b.lets(&callers[len(b.world.scopes)], "").without(&listed.everyone)
	f.add(f.by[certain], doubtful, "the condition also passes where the service does not say for whom it acts")
	f.by[certain] = 0
	b.emit(top, f.without(&own.everyone))
	b.rest(scopes, own, func(p piece) piece {
		p.principal, p.kind = title+" for "+p.principal, "service"
		return p
	})
}

// strangers lists what everybody can do.
func (b *builder) strangers(scopes []found, p piece, listed *listing) {
	var f found
	p.anyone = true
	for i := range scopes {
		if b.world.scopes[i].kind == strangerScope {
			f.merge(&scopes[i])
		}
	}
	b.emit(p, f)
	listed.everyone = f.by
}

// wildcard lists an entry that names no account. It also stands for services.
func (b *builder) wildcard(p *principal) {
	listed := newListing(b.world)
	if scopes, people := b.admitted(p.doubt); scopes != nil {
		b.everybody(p, scopes, people, listed)
	}
	if p.kind == everyone && (b.statement.actions|b.statement.maybe)&^listed.everyone[certain] != 0 {
		b.services(listed)
	}
}

// everybody lists whom a wildcard lets in, services aside.
func (b *builder) everybody(p *principal, scopes []found, people []admission, listed *listing) {
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
	b.strangers(scopes, top, listed)
	b.rest(scopes, listed, name)
	b.people(people, listed, name)
}

// admission is what somebody in an account can do, where not everybody can.
type admission struct {
	caller *caller
	found  found
}

// admitted evaluates the statement for everybody who is no service. Of the
// named accounts it tells apart what everybody in them can do and what only
// some can. Both are nil when the statement by itself lets none of them in.
func (b *builder) admitted(doubt string) (scopes []found, people []admission) {
	for i := range b.world.scopes {
		s := &b.world.scopes[i]
		single := s.kind == ownScope || s.kind == namedScope
		callers := b.distinct(s)
		for j := range callers {
			c := &callers[j]
			if _, _, ok := b.statement.admits(c); !ok {
				continue
			}
			if scopes == nil {
				scopes = b.world.emptyFounds()
			}
			f := b.lets(c, doubt)
			if single && !c.who.generic {
				people = append(people, admission{c, f})
				continue
			}
			scopes[i].merge(&f)
		}
	}
	return scopes, people
}

// services lists the services that a wildcard lets in, as far as they can do
// more than those for whom they act: any service, and those that are named
// somewhere where they differ from it.
func (b *builder) services(listed *listing) {
	first := len(b.grants)
	b.service(filler+".amazonaws.com", "any service", listed)
	anybody := b.grants[first:len(b.grants):len(b.grants)]
	if !b.world.tellsServices {
		return
	}
	for _, name := range b.world.services {
		before := len(b.grants)
		b.service(name, "service "+name, listed)
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
			g.founds[i].merge(&f)
			return
		}
	}
	p.reaches(s, true)
	g.pieces, g.founds = append(g.pieces, p), append(g.founds, f)
}

// listing is what is listed already: what everyone can do, and what those of
// each scope can.
type listing struct {
	world    *world
	everyone levels
	scopes   []levels // nil where nothing is listed
}

func newListing(w *world) *listing { return &listing{world: w} }

// of is what is listed for whoever is in the scope.
func (l *listing) of(s *scope) *levels {
	set := l.everyone
	if l.scopes == nil {
		return &set
	}
	set.union(&l.scopes[s.at])
	for _, i := range l.world.homes[s.home] {
		if l.world.scopes[i].holds(s) {
			set.union(&l.scopes[i])
		}
	}
	return &set
}

// rest lists organizations, then accounts, as far as they can do more than is
// listed.
func (b *builder) rest(scopes []found, listed *listing, name func(piece) piece) {
	var g groups
	list := func(i int, p piece) {
		s := &b.world.scopes[i]
		g.add(name(p), s, scopes[i].without(listed.of(s)))
		if listed.scopes == nil {
			listed.scopes = make([]levels, len(scopes))
		}
		listed.scopes[i] = scopes[i].by
	}
	for i := range scopes {
		if s := &b.world.scopes[i]; scopes[i].all() != 0 && (s.kind == memberScope || s.kind == orgScope) {
			list(i, piece{principal: s.label, kind: "organization"})
		}
	}
	for i := range scopes {
		s := &b.world.scopes[i]
		switch {
		case scopes[i].all() == 0:
		case s.kind == patternScope:
			list(i, piece{principal: "accounts " + s.label, kind: "account"})
		case s.kind == ownScope, s.kind == namedScope:
			list(i, piece{principal: "account " + s.account, kind: "account", account: s.account})
		}
	}
	for i := range g.pieces {
		b.emit(g.pieces[i], g.founds[i])
	}
}

// people lists single principals of named accounts, as far as they can do more
// than their whole account can.
func (b *builder) people(people []admission, listed *listing, name func(piece) piece) {
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
		g.add(name(p), s, a.found.without(listed.of(s)))
	}
	for i := range g.pieces {
		b.emit(g.pieces[i], g.founds[i])
	}
}
