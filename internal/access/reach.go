package access

import "slices"

// found is what a statement lets a caller do, by how certain that is.
type found struct {
	by      [certain + 1]actionSet
	reasons [certain + 1]string
	unless  []*statement // the Deny statements that hold for some of the requests
}

func (f *found) all() actionSet { return f.by[narrowed] | f.by[doubtful] | f.by[certain] }

func (f *found) add(set actionSet, how certainty, reason string) {
	if set == 0 || how == never {
		return
	}
	f.by[how] |= set
	if f.reasons[how] == "" {
		f.reasons[how] = reason
	}
}

// merge keeps for each action the surest way.
func (f *found) merge(g found) {
	for how := narrowed; how <= certain; how++ {
		f.add(g.by[how], how, g.reasons[how])
	}
	f.by[doubtful] &^= f.by[certain]
	f.by[narrowed] &^= f.by[certain] | f.by[doubtful]
	for _, s := range g.unless {
		if !slices.Contains(f.unless, s) {
			f.unless = append(f.unless, s)
		}
	}
}

func (f found) without(set actionSet) found {
	for how := range f.by {
		f.by[how] &^= set
	}
	return f
}

// question is how strictly reach answers. The strict one is asked where a
// promise is made: there a Deny that may hold does, and a condition that
// somebody must meet is not met by itself.
type question struct {
	world  *world
	strict bool
}

// admits evaluates an Allow's tests for the caller: not at all, or perhaps,
// with the tests that depend on free keys.
func (s *statement) admits(c *caller) (free []*test, doubt string, ok bool) {
	for _, t := range s.tests {
		result, open := t.on(c)
		switch {
		case open:
			free = append(free, t)
		case result == no:
			return nil, "", false
		case result == maybe && doubt == "":
			doubt = t.doubt()
		}
	}
	return free, doubt, true
}

func (t *test) doubt() string {
	if t.broken != "" {
		return t.broken
	}
	return "it cannot be decided whether " + t.words()
}

// reach tells what the statement lets the caller do after every Deny.
func (q question) reach(s *statement, c *caller, doubt string) (f found) {
	free, why, ok := s.admits(c)
	if !ok || s.excepts(c) {
		return f
	}
	for _, reason := range []string{s.doubt, why} {
		if doubt == "" {
			doubt = reason
		}
	}
	left, partial := q.denied(c, s.actions|s.maybe, &f)
	for _, piece := range partition(left, partial) {
		how, reason := q.decide(c, free, piece)
		if doubt != "" {
			how, reason = min(how, doubtful), doubt
		}
		f.add(piece.actions&s.actions, how, reason)
		if s.maybeDoubt != "" {
			f.add(piece.actions&s.maybe&^s.actions, min(how, doubtful), s.maybeDoubt)
		}
	}
	return f
}

// refusal is what a Deny means to a caller.
type refusal struct {
	statement *statement
	sure      bool    // it holds for all of the caller's requests
	doubt     bool    // it cannot be told whether it holds for any
	tests     []*test // else it holds for those of which all of these hold
}

// refusals returns the Deny statements that concern the caller. No Allow
// changes them.
func (c *caller) refusals() []refusal {
	if c.refused != nil {
		return c.refused
	}
	c.refused = []refusal{}
	for _, d := range c.world.denies {
		covers := d.covers(c)
		if covers == no {
			continue
		}
		free, doubt, ok := d.admits(c)
		if !ok {
			continue
		}
		r := refusal{statement: d, tests: free}
		r.doubt = covers == maybe || d.doubt != "" || doubt != ""
		r.sure = !r.doubt && len(free) == 0
		c.refused = append(c.refused, r)
	}
	return c.refused
}

// denied takes away what is surely denied to the caller, and returns the Deny
// statements that depend on more than who calls.
func (q question) denied(c *caller, set actionSet, f *found) (actionSet, []refusal) {
	for _, r := range c.refusals() {
		if r.sure {
			set &^= r.statement.actions
		}
	}
	var partial []refusal
	for _, r := range c.refusals() {
		hits := r.statement.actions & set
		switch {
		case r.sure:
		case q.strict && (hits|r.statement.maybe&set) != 0 && (r.doubt || !met(r.tests)):
			partial = append(partial, refusal{statement: r.statement, doubt: true})
		case r.doubt || hits == 0:
		default:
			partial = append(partial, r)
			f.unless = append(f.unless, r.statement)
		}
	}
	return set, partial
}

// met reports whether the tests are those that every request by an honest
// client fails, as in a Deny of requests without TLS.
func met(tests []*test) bool {
	for _, t := range tests {
		if t.key == "aws:SecureTransport" && t.holds([]string{"true"}, nil) == no {
			return true
		}
	}
	return false
}

// portion is a set of actions to which the same refusals apply.
type portion struct {
	actions  actionSet
	refusals []refusal
}

func partition(set actionSet, partial []refusal) []portion {
	portions := []portion{{actions: set}}
	for _, r := range partial {
		acts := r.statement.actions
		if r.doubt {
			acts |= r.statement.maybe
		}
		for i := range portions {
			p := &portions[i]
			hit := p.actions & acts
			if hit == 0 {
				continue
			}
			rest := portion{actions: p.actions &^ hit}
			if rest.actions != 0 {
				p.refusals = slices.Clip(p.refusals) // what one appends is not the other's
				rest.refusals = p.refusals
			}
			p.actions, p.refusals = hit, append(p.refusals, r)
			if rest.actions != 0 {
				portions = append(portions, rest)
			}
		}
	}
	return portions
}

// decision is an answer that holds for every caller with the same free tests
// and the same refusals.
type decision struct {
	strict   bool
	free     []*test
	refusals []refusal
	how      certainty
	reason   string
}

func (d *decision) isFor(strict bool, free []*test, refusals []refusal) bool {
	same := func(a, b refusal) bool {
		return a.statement == b.statement && a.doubt == b.doubt && slices.Equal(a.tests, b.tests)
	}
	return d.strict == strict && slices.Equal(d.free, free) && slices.EqualFunc(d.refusals, refusals, same)
}

// decide looks whether some request of the caller passes. One caller after the
// other asks the same, so the last answer is kept.
func (q question) decide(c *caller, free []*test, p portion) (certainty, string) {
	if p.actions == 0 {
		return never, ""
	}
	if last := c.world.decided; last != nil && last.isFor(q.strict, free, p.refusals) {
		return last.how, last.reason
	}
	how, reason := q.search(c, free, p)
	asksCaller := func(r refusal) bool { return slices.ContainsFunc(r.tests, (*test).asksCaller) }
	if !slices.ContainsFunc(free, (*test).asksCaller) && !slices.ContainsFunc(p.refusals, asksCaller) {
		c.world.decided = &decision{q.strict, free, p.refusals, how, reason}
	}
	return how, reason
}

func (q question) search(c *caller, free []*test, p portion) (certainty, string) {
	s := search{caller: c, effort: &c.world.effort}
	how := s.start(free)
	for _, r := range p.refusals {
		if r.doubt {
			return min(how, doubtful), "statement " + r.statement.name + " may deny it"
		}
		s.denies = append(s.denies, r.tests)
	}
	how = s.run(0, how)
	if q.strict && how == certain {
		for _, t := range free {
			if t.key != "aws:SecureTransport" {
				return doubtful, "only where " + t.words()
			}
		}
	}
	return how, reasonOf(how, free, p.refusals)
}

// reasonOf names what keeps an answer from being certain.
func reasonOf(how certainty, free []*test, refusals []refusal) string {
	if how == certain || how == never {
		return ""
	}
	free = slices.Clone(free)
	for _, r := range refusals {
		free = append(free, r.tests...)
	}
	reason := "too many conditions to decide"
	for _, t := range free {
		switch {
		case t.broken != "":
			return t.broken
		case how == narrowed && (t.class == networkKey || t.class == addressKey):
			return "it cannot be told who calls where " + t.words()
		case how == narrowed && (t.class == userIDKey || t.class == sourceARNKey || t.class == ownARNKey):
			return "it cannot be told whose it is: " + t.words()
		case how == doubtful && decidedByNobody(t.class):
			return "it cannot be decided whether " + t.words()
		case how == doubtful:
			reason = "it cannot be decided whether " + t.words()
		}
	}
	return reason
}
