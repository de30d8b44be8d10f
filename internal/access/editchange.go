package access

import (
	"fmt"
	"slices"
	"strings"
)

// Lost tells who can do less than with the document as it was, by all
// statements of both policies together: "everyone can no longer pull". Where it
// cannot be decided whether they could before, they "may no longer be able to".
// Whoever can still do it, but only under conditions, has lost it as well.
func (e *Editor) Lost() []string {
	return sentences(e.surplus(e.was, e.now), "can no longer", "may no longer be able to")
}

// Gained likewise tells who can do more.
func (e *Editor) Gained() []string {
	return sentences(e.surplus(e.now, e.was), "can now", "may now be able to")
}

// advantage is what somebody can do with one draft and not with another.
type advantage struct {
	Grant
	abilities []string // that they have, or else
	actions   []string // while they have others of the same abilities in any case
}

func sentences(advantages []advantage, can, may string) []string {
	list := []string{}
	for _, a := range advantages {
		verb := can
		if a.Reason == perhaps {
			verb = may
		}
		what := enumerated(a.abilities)
		if len(a.actions) > 0 {
			what = "use " + enumerated(shortened(a.actions))
		}
		list = append(list, a.Principal+" "+verb+" "+what)
	}
	slices.SortFunc(list, strings.Compare)
	return slices.Compact(list)
}

// shortened names some of many actions.
func shortened(actions []string) []string {
	const shown = 4
	if len(actions) <= shown {
		return actions
	}
	return append(slices.Clone(actions[:shown]), fmt.Sprintf("%d more", len(actions)-shown))
}

// perhaps is the reason of a grant that nobody reads.
const perhaps = "it cannot be decided"

// surplus is what people can do with one draft and not with the other.
func (e *Editor) surplus(more, less draft) (list []advantage) {
	for i := range e.views {
		v := &e.views[i]
		x, y := e.statements(v, more), e.statements(v, less)
		c := comparison{world: e.world(v, x, y), more: allows(v.others, x), less: allows(v.others, y), source: e.source}
		for _, g := range c.grants((*comparison).abilities) {
			list = append(list, advantage{Grant: g, abilities: g.Abilities})
		}
		for _, g := range c.grants((*comparison).actions) {
			list = append(list, advantage{Grant: g, actions: g.Actions})
		}
	}
	return list
}

func allows(lists ...[]*statement) []*statement {
	return slices.DeleteFunc(slices.Concat(lists...), func(s *statement) bool { return s.deny })
}

// comparison compares what the callers of one world get by two sets of
// statements.
type comparison struct {
	world      *world
	more, less []*statement
	source     source
}

// grants words what the callers have ahead as if a statement granted it.
func (c *comparison) grants(ahead func(*comparison, *caller) found) []Grant {
	if c.world.crowded {
		return nil // then only statements are added, and nobody can be told apart
	}
	everybody := &statement{source: c.source, principals: []principal{{kind: everyone}}, actions: registryActions}
	c.world.tellsServices = true
	b := &builder{
		question: question{world: c.world}, world: c.world, statement: everybody, personal: true,
		instead: func(who *caller) found { return ahead(c, who) },
	}
	b.wildcard(&everybody.principals[0])
	return b.grants
}

// ahead is what the caller can do, or can do more surely, by the one set of
// statements, and what it can do in any case.
func (c *comparison) ahead(who *caller) (surely, perhaps, anyway actionSet) {
	q := question{world: c.world}
	x, y := q.given(c.more, who), q.given(c.less, who)
	surely = x.by[certain] &^ y.by[certain]
	return surely, x.all() &^ y.all() &^ surely, y.all()
}

// abilities are the actions of those abilities of which the caller otherwise
// has none at all.
func (c *comparison) abilities(who *caller) (f found) {
	surely, maybe, anyway := c.ahead(who)
	for _, set := range actionsOfAbilities {
		if anyway&set == 0 {
			f.add(surely&set, certain, "")
			f.add(maybe&set, doubtful, perhaps)
		}
	}
	return f
}

// actions are those of the other abilities.
func (c *comparison) actions(who *caller) (f found) {
	surely, maybe, anyway := c.ahead(who)
	for _, set := range actionsOfAbilities {
		if anyway&set != 0 {
			f.add(surely&set, certain, "")
			f.add(maybe&set, doubtful, perhaps)
		}
	}
	return f
}
