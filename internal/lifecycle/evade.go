package lifecycle

import (
	"slices"

	"github.com/ecraudit/ecraudit/internal/tagpattern"
)

// maxEffort bounds the work for one question about a policy, in combinations of
// automaton states, and with it the time: a few seconds. What people write takes
// a hundredth of it.
const maxEffort = 500_000

// effort is what is left of it.
type effort struct{ left int }

func newEffort() *effort { return &effort{left: maxEffort} }

// quest is the search for an image: a set of tags in which every wanted list
// has one tag that all of its patterns match, and no feared list has a tag for
// each of its patterns. Feared are the tag lists of the rules that would govern
// the image first.
//
// An image escapes a list when one entry of it, whichever, matches none of its
// tags. So the quest chooses an entry of each list to avoid, and looks for tags
// that match none of the chosen ones. More tags than the wanted ones could only
// do harm.
type quest struct {
	wanted  [][]tagpattern.Pattern
	feared  [][]tagpattern.Pattern
	avoided []tagpattern.Pattern
	tags    []string // one for each wanted list
	effort  *effort
}

// findImage returns the tags of such an image, one for each wanted list. The
// error is [tagpattern.ErrTooComplex].
func (e *effort) findImage(wanted, feared [][]tagpattern.Pattern) (tags []string, found bool, err error) {
	q := &quest{wanted: wanted, feared: slices.Clone(feared), tags: make([]string, len(wanted)), effort: e}
	slices.SortStableFunc(q.feared, func(a, b []tagpattern.Pattern) int { return len(a) - len(b) }) // no choice comes first
	for i := range wanted {
		if found, err := q.retag(i); !found || err != nil {
			return nil, false, err
		}
	}
	found, err = q.escape(0)
	return q.tags, found, err
}

// escape avoids the feared lists from number on.
func (q *quest) escape(number int) (found bool, err error) {
	if number == len(q.feared) {
		return true, nil
	}
	entries := q.feared[number]
	for _, entry := range q.easiestFirst(entries) {
		tags, avoided := slices.Clone(q.tags), len(q.avoided)
		found, err := q.avoid(entry)
		if found && err == nil {
			found, err = q.escape(number + 1)
		}
		if found || err != nil {
			return found, err
		}
		q.tags, q.avoided = tags, q.avoided[:avoided]
	}
	return false, nil
}

// easiestFirst puts those entries first that the tags avoid already.
func (q *quest) easiestFirst(entries []tagpattern.Pattern) []tagpattern.Pattern {
	if len(entries) == 1 {
		return entries
	}
	var free, others []tagpattern.Pattern
	for _, e := range entries {
		if slices.ContainsFunc(q.tags, e.Match) {
			others = append(others, e)
		} else {
			free = append(free, e)
		}
	}
	return append(free, others...)
}

// avoid replaces the tags that match an entry.
func (q *quest) avoid(entry tagpattern.Pattern) (found bool, err error) {
	q.avoided = append(q.avoided, entry)
	for i, tag := range q.tags {
		if !entry.Match(tag) {
			continue
		}
		if found, err := q.retag(i); !found || err != nil {
			return false, err
		}
	}
	return true, nil
}

// retag finds a tag for a wanted list that matches nothing of what is avoided.
func (q *quest) retag(number int) (found bool, err error) {
	wanted := q.wanted[number]
	patterns, n := slices.Concat(wanted, q.avoided), len(wanted)
	right := func(matches []bool) bool {
		q.effort.left--
		return !slices.Contains(matches[:n], false) && !slices.Contains(matches[n:], true)
	}
	hopeless := func(outlooks []tagpattern.Outlook) bool {
		return q.effort.left <= 0 || slices.Contains(outlooks[:n], tagpattern.Never) || slices.Contains(outlooks[n:], tagpattern.Always)
	}
	tag, found, err := tagpattern.SearchPruned(patterns, right, hopeless)
	switch {
	case found:
		q.tags[number] = tag
	case q.effort.left <= 0:
		return false, tagpattern.ErrTooComplex
	}
	return found, err
}

// oneTagMatchesAll reports whether a single tag can match all patterns. When it
// cannot be decided, one is assumed to.
func oneTagMatchesAll(patterns []tagpattern.Pattern) bool {
	_, found, err := newEffort().findImage([][]tagpattern.Pattern{patterns}, nil)
	return found || err != nil
}

// apart wants a tag for each pattern.
func apart(patterns []tagpattern.Pattern) [][]tagpattern.Pattern {
	lists := make([][]tagpattern.Pattern, len(patterns))
	for i, p := range patterns {
		lists[i] = []tagpattern.Pattern{p}
	}
	return lists
}

// findTagged is findImage for an image with at least one tag that matches each
// pattern. One that a single tag makes is preferred.
func (e *effort) findTagged(patterns []tagpattern.Pattern, feared [][]tagpattern.Pattern) (tags []string, found bool, err error) {
	if len(patterns) > 1 {
		tags, found, err = e.findImage([][]tagpattern.Pattern{patterns}, feared)
		if found && err == nil {
			return slices.Repeat(tags, len(patterns)), true, nil
		}
	}
	return e.findImage(apart(patterns), feared)
}

// covers reports whether every tag that narrow matches is matched by wide too.
func covers(wide, narrow tagpattern.Pattern) bool {
	_, covered, err := tagpattern.Covers([]tagpattern.Pattern{wide}, narrow)
	return covered && err == nil
}
