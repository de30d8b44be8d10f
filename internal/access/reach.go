package access

import "slices"

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
	left, partial := q.denied(c, s.actions|s.maybe)
	f.unless = q.world.interned(partial)
	for _, piece := range q.world.divide(left, partial) {
		how, reason := q.decide(c, free, piece)
		if doubt != "" {
			how, reason = how.and(doubtful), doubt
		}
		f.add(piece.actions&s.actions, how, reason)
		if s.maybeDoubt != "" {
			f.add(piece.actions&s.maybe&^s.actions, how.and(doubtful), s.maybeDoubt)
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
func (q question) denied(c *caller, set actionSet) (actionSet, []refusal) {
	for _, r := range c.refusals() {
		if r.sure {
			set &^= r.statement.actions
		}
	}
	partial := q.world.partial[:0]
	for _, r := range c.refusals() {
		hits := r.statement.actions & set
		switch {
		case r.sure:
		case q.strict && (hits|r.statement.maybe&set) != 0 && (r.doubt || !met(r.tests)):
			partial = append(partial, refusal{statement: r.statement, doubt: true})
		case r.doubt || hits == 0:
		default:
			partial = append(partial, r)
		}
	}
	q.world.partial = partial
	return set, partial
}

// interned returns the statements of the refusals that are not in doubt. Most
// callers have the same, so the last answer is kept.
func (w *world) interned(partial []refusal) []*statement {
	same, at := true, 0
	for i := range partial {
		if !partial[i].doubt {
			same = same && at < len(w.unless) && w.unless[at] == partial[i].statement
			at++
		}
	}
	if same && at == len(w.unless) {
		return w.unless
	}
	w.unless = nil
	for i := range partial {
		if !partial[i].doubt {
			w.unless = append(w.unless, partial[i].statement)
		}
	}
	w.unless = slices.Clip(w.unless)
	return w.unless
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

// actions are those that are refused.
func (r refusal) actions() actionSet {
	if r.doubt {
		return r.statement.actions | r.statement.maybe
	}
	return r.statement.actions
}

// portion is a set of actions to which the same refusals apply.
type portion struct {
	actions  actionSet
	refusals []refusal
}

// divide cuts the set into portions. The list is good until the next call.
func (w *world) divide(set actionSet, partial []refusal) []portion {
	portions := append(w.portions[:0], portion{actions: set}) //nolint:gocritic // the list is kept for the next call below
	if !slices.ContainsFunc(partial, func(r refusal) bool { return set&^r.actions() != 0 }) {
		portions[0].refusals, partial = partial, nil
	}
	for _, r := range partial {
		acts := r.actions()
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
	w.portions = portions
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
	how, reason := q.passes(c, free, p)
	asksCaller := func(r refusal) bool { return slices.ContainsFunc(r.tests, (*test).asksCaller) }
	if !slices.ContainsFunc(free, (*test).asksCaller) && !slices.ContainsFunc(p.refusals, asksCaller) {
		c.world.decided = &decision{q.strict, free, slices.Clone(p.refusals), how, reason}
	}
	return how, reason
}

// passes searches for a request that does.
func (q question) passes(c *caller, free []*test, p portion) (certainty, string) {
	s := search{caller: c, effort: &c.world.effort}
	how := s.start(free)
	for _, r := range p.refusals {
		if r.doubt {
			return how.and(doubtful), "statement " + r.statement.name + " may deny it"
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
		case how != narrowed && decidedByNobody(t.class):
			return "it cannot be decided whether " + t.words()
		case how != narrowed:
			reason = "it cannot be decided whether " + t.words()
		}
	}
	return reason
}
