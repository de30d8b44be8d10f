package access

import "slices"

// split parts a statement in two: what concerns the principal, and the rest.
type split struct {
	rest  *node // nil where nothing is left
	taken node
}

// principals returns the Principal element, and how many entries its lists have
// together.
func (c clause) principals() (n node, count int) {
	at := c.node.member("Principal")
	if at < 0 {
		return node{}, 0
	}
	n = c.node.items[at]
	if n.kind != '{' {
		return n, len(n.entries())
	}
	for _, list := range n.items {
		count += len(list.entries())
	}
	return n, count
}

// withPrincipals keeps the entries of the Principal element that are wanted.
func (c clause) withPrincipals(keep func(i int) bool) (result clause, there bool) {
	n, count := c.principals()
	if count == 0 {
		return c, false
	}
	if n.kind != '{' {
		n, there = n.filtered(keep)
	} else {
		lists, at := n.items, 0
		n.items = nil
		for _, list := range lists {
			first := at
			at += len(list.entries())
			if list, some := list.filtered(func(i int) bool { return keep(first + i) }); some {
				n.items = append(n.items, list)
			}
		}
		there = len(n.items) > 0
	}
	c.node = c.node.with("Principal", n)
	return c, there
}

// namesDeleted reports whether an Allow names the id of somebody who is gone.
func (c clause) namesDeleted(id string) bool {
	return isUniqueID(id) && c.node.textOf("Effect") == "Allow" && len(c.entriesNamed(id)) > 0
}

func (c clause) entriesNamed(text string) (places []int) {
	n, _ := c.principals()
	lists, at := []node{n}, 0
	if n.kind == '{' {
		lists = n.items
	}
	for _, list := range lists {
		for _, entry := range list.entries() {
			if entry.text == text {
				places = append(places, at)
			}
			at++
		}
	}
	return places
}

// place is where the values of a condition key stand.
type place struct{ operator, key int }

// lists are the places of values that say who: of those that let more pass the
// more they are.
func (c clause) lists() (places []place) {
	at := c.node.member("Condition")
	if at < 0 {
		return nil
	}
	r := &reader{ctx: &Context{}}
	for i, keys := range c.node.items[at].items {
		for j, values := range keys.items {
			t := r.test(keys.name, values.name, nil)
			if t.positive() && t.family <= arnFamily && t.class.namesWho() && len(values.entries()) > 1 {
				places = append(places, place{i, j})
			}
		}
	}
	return places
}

func (class keyClass) namesWho() bool {
	switch class {
	case orgIDKey, orgPathsKey, accountKey, arnKey, userIDKey, userNameKey, serviceNameKey,
		sourceAccountKey, sourceOrgIDKey, sourceOrgPathsKey, sourceARNKey:
		return true
	default:
		return false
	}
}

func (c clause) values(at place) node {
	return c.node.items[c.node.member("Condition")].items[at.operator].items[at.key]
}

func (c clause) withValues(at place, keep func(i int) bool) (result clause, there bool) {
	condition := c.node.items[c.node.member("Condition")]
	keys := condition.items[at.operator]
	values := keys.items[at.key]
	kept, there := values.filtered(keep)
	keys = keys.with(values.name, kept)
	c.node = c.node.with("Condition", condition.with(keys.name, keys))
	return c, there
}

// byEntries takes out the entries that the principal gets the grant by.
func (p *proof) byEntries() []split {
	culprits := p.culpritEntries()
	rest, there := p.clause.withPrincipals(notIn(culprits))
	if len(culprits) == 0 || !there {
		return nil
	}
	taken, _ := p.clause.withPrincipals(in(culprits))
	return []split{{&rest.node, taken.node}}
}

func (p *proof) culpritEntries() []int {
	if p.clause.namesDeleted(p.principal) {
		return p.clause.entriesNamed(p.principal)
	}
	_, count := p.clause.principals()
	return culprits(upTo(count), func(some []int) bool {
		c, there := p.clause.withPrincipals(in(some))
		return there && p.gives(c)
	})
}

// gives reports whether a form of the clause gives the principal something.
func (p *proof) gives(form clause) bool {
	next := p.editor.now.replaced(p.clause.id, form)
	for _, grants := range p.editor.grantsBy(next, form.origin) {
		if slices.ContainsFunc(grants, func(g Grant) bool { return g.Statement == form.id && g.Principal == p.principal }) {
			return true
		}
	}
	return false
}

// byValues takes out the values of a condition that the principal meets.
func (p *proof) byValues() []split {
	return p.byValuesOf(p.clause, func(taken clause) clause { return taken })
}

// byValuesOf does so in a clause that lacks some entries already, which are
// given back to what is taken out.
func (p *proof) byValuesOf(c clause, back func(clause) clause) (splits []split) {
	for _, at := range c.lists() {
		met := culprits(upTo(len(c.values(at).entries())), func(some []int) bool {
			form, _ := c.withValues(at, in(some))
			return p.gives(form)
		})
		rest, there := c.withValues(at, notIn(met))
		if len(met) == 0 || !there {
			continue
		}
		taken, _ := c.withValues(at, in(met))
		splits = append(splits, split{&rest.node, back(taken).node})
	}
	return splits
}

// byBoth takes out the entries that name the principal alone, and of the others
// the values of a condition that it meets.
func (p *proof) byBoth() []split {
	entries := p.culpritEntries()
	var alone []int
	for _, i := range entries {
		if form, _ := p.clause.withPrincipals(in([]int{i})); p.givesNobodyElse(form) {
			alone = append(alone, i)
		}
	}
	without, there := p.clause.withPrincipals(notIn(alone))
	if len(alone) == 0 || !there {
		return nil
	}
	return p.byValuesOf(without, func(taken clause) clause {
		all, _ := p.clause.withPrincipals(in(entries))
		all.node = all.node.with("Condition", taken.node.items[taken.node.member("Condition")])
		return all
	})
}

func (p *proof) givesNobodyElse(form clause) bool {
	next := p.editor.now.replaced(p.clause.id, form)
	for _, grants := range p.editor.grantsBy(next, form.origin) {
		if slices.ContainsFunc(grants, func(g Grant) bool { return g.Statement == form.id && g.Principal != p.principal }) {
			return false
		}
	}
	return true
}

// asWhole takes the statement.
func (p *proof) asWhole() []split { return []split{{nil, p.clause.node}} }

// culprits finds those of the indexes because of which something is so, where
// it is so if it is for one of them alone.
func culprits(all []int, so func([]int) bool) []int {
	switch {
	case len(all) == 0 || !so(all):
		return nil
	case len(all) == 1:
		return all
	}
	half := len(all) / 2
	return slices.Concat(culprits(all[:half], so), culprits(all[half:], so))
}

func upTo(count int) []int {
	list := make([]int, count)
	for i := range list {
		list[i] = i
	}
	return list
}

func in(list []int) func(int) bool { return func(i int) bool { return slices.Contains(list, i) } }

func notIn(list []int) func(int) bool { return func(i int) bool { return !slices.Contains(list, i) } }
