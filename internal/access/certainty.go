package access

import "slices"

// certainty says how surely a caller is let in, least surely first.
type certainty int

const (
	never    certainty = iota
	vague              // narrowed and doubtful at once
	narrowed           // only from a network, or with an id, of which nobody can tell whose it is
	doubtful           // it depends on what cannot be decided
	certain
	certainties // how many there are
)

// and is how surely a caller is let in where two things must hold.
func (c certainty) and(other certainty) certainty {
	low, high := min(c, other), max(c, other)
	if low == narrowed && high == doubtful {
		return vague
	}
	return low
}

// levels are actions by how surely they are allowed.
type levels [certainties]actionSet

func (l *levels) all() actionSet { return l[vague] | l[narrowed] | l[doubtful] | l[certain] }

// atLeast are the actions that are allowed so surely, or more. Of a network and
// a doubt neither is surer.
func (l *levels) atLeast(how certainty) actionSet {
	set := l[certain]
	switch how {
	case narrowed:
		set |= l[narrowed]
	case doubtful, vague:
		set = l.all()
	}
	return set
}

func (l *levels) union(other *levels) {
	for how := range l {
		l[how] |= other[how]
	}
}

// found is what a statement lets a caller do, by how certain that is.
type found struct {
	by      levels
	reasons [certainties]string
	unless  []*statement // the Deny statements that hold for some of the requests
}

func (f *found) all() actionSet { return f.by.all() }

func (f *found) add(set actionSet, how certainty, reason string) {
	if set == 0 || how == never {
		return
	}
	f.by[how] |= set
	if f.reasons[how] == "" {
		f.reasons[how] = reason
	}
}

// merge keeps for each action the surest ways.
func (f *found) merge(g *found) {
	if g.all() == 0 {
		return
	}
	for how := vague; how <= certain; how++ {
		f.add(g.by[how], how, g.reasons[how])
	}
	f.by[narrowed] &^= f.by[certain]
	f.by[doubtful] &^= f.by[certain]
	f.by[vague] &^= f.by[certain] | f.by[doubtful] | f.by[narrowed]
	for _, s := range g.unless {
		if !slices.Contains(f.unless, s) {
			f.unless = append(f.unless, s)
		}
	}
}

// without leaves out what is listed as surely already.
func (f found) without(listed *levels) found {
	for how := vague; how <= certain; how++ {
		f.by[how] &^= listed.atLeast(how)
	}
	return f
}
