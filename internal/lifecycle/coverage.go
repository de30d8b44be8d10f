package lifecycle

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/ecraudit/ecraudit/internal/tagpattern"
)

// The answers of Coverage and Reach.
const (
	Yes     = "yes"
	No      = "no"
	Unknown = "unknown" // it could not be decided; never take it for Yes
)

// Coverage says whether a policy in the long run expires every image of a
// kind. An image that is archived counts as expired when a rule for the archive
// then expires it.
type Coverage struct {
	Answer string `json:"answer"`
	// Example is a tag that is never expired. Empty unless the answer is No
	// and the question was about tags.
	Example string `json:"example"`
	// Rule is the priority of the rule that governs the example, or when the
	// answer is Yes, of the one with the weakest limits; 0 when there is none.
	Rule int `json:"rule"`
	// MaxDays and MaxCount are the weakest limits among the governing rules
	// when the answer is Yes; 0 when no rule limits in this way. Days in
	// standard storage and in the archive are added up. After sinceImagePulled
	// they count from the last pull.
	MaxDays  int    `json:"max_days"`
	MaxCount int    `json:"max_count"`
	Reason   string `json:"reason"`
}

// CoversTag answers for all images that carry exactly one tag, any tag of the
// pattern: does the policy expire them all in the long run? The answer is
// exact, found by a search through all tags rather than by trying some. It is
// Unknown when no tag matches the pattern, or when pattern and policy together
// are too complex.
func (p *Policy) CoversTag(pattern tagpattern.Pattern) Coverage {
	q := newQuestion(p, pattern)
	tag, found, err := q.search(true)
	if errors.Is(err, tagpattern.ErrTooComplex) {
		if tag, found, err = q.search(false); err == nil && !found {
			q.findFates()
		}
	}
	switch {
	case err != nil:
		return Coverage{Answer: Unknown, Reason: err.Error()}
	case found:
		return p.escape(tag)
	case len(q.fates) == 0:
		return Coverage{Answer: Unknown, Reason: fmt.Sprintf("no tag can match the %q", pattern.String())}
	default:
		return p.coverage(q.fates)
	}
}

// CoversUntagged answers for images without a tag. Children of an index, which
// usually carry none, stay as long as the index does whatever the answer.
func (p *Policy) CoversUntagged() Coverage {
	selector := newSelector(p)
	f := p.fate(selector.rules(nil, false), selector.rules(nil, true))
	if p.expires(f) {
		return p.coverage(map[fate]bool{f: true})
	}
	c := Coverage{Answer: No, Reason: "no rule selects images without a tag"}
	if f.standard >= 0 {
		c.Rule, c.Reason = p.Rules[f.standard].Priority, p.archivedForever(f)
	}
	return c
}

// fate is what happens to an image in the long run: the rule that governs it,
// and if that archives it, the one that governs it in the archive. Rules are
// named by their place; -1 is none.
type fate struct{ standard, archive int }

// fate of an image that these rules select in standard storage and in the
// archive.
func (p *Policy) fate(standard, archive ruleSet) fate {
	f := fate{standard: standard.first(), archive: -1}
	if f.standard >= 0 && p.Rules[f.standard].Action.Type == Transition {
		f.archive = archive.first()
	}
	return f
}

func (p *Policy) expires(f fate) bool {
	return f.standard >= 0 && (p.Rules[f.standard].Action.Type == Expire || f.archive >= 0)
}

// question is one search for a tag of a pattern that is never expired. The
// patterns searched are the asked one, and then all entries of the rules.
type question struct {
	policy   *Policy
	patterns []tagpattern.Pattern
	first    []int         // rule → its first entry among the patterns; the rule after it begins where they end
	fates    map[fate]bool // met so far
	learning bool
}

func newQuestion(p *Policy, pattern tagpattern.Pattern) *question {
	q := &question{policy: p, patterns: []tagpattern.Pattern{pattern}, fates: map[fate]bool{}}
	for _, r := range p.Rules {
		q.first = append(q.first, len(q.patterns))
		q.patterns = append(q.patterns, compileEntries(r.Selection)...)
	}
	q.first = append(q.first, len(q.patterns))
	return q
}

// search looks for a tag that is never expired. With learning, it goes on
// until every fate that a tag of the pattern can have was met.
func (q *question) search(learning bool) (tag string, found bool, err error) {
	q.learning = learning
	return tagpattern.SearchPruned(q.patterns, q.escapes, q.settled)
}

func (q *question) escapes(matches []bool) bool {
	if !matches[0] {
		return false
	}
	f := q.fate(matches)
	q.fates[f] = true
	return !q.policy.expires(f)
}

func (q *question) fate(matches []bool) fate {
	var standard, archive ruleSet
	for i, r := range q.policy.Rules {
		if !q.selects(i, matches) {
			continue
		}
		if r.Selection.StorageClass == Archive {
			archive |= 1 << i
		} else {
			standard |= 1 << i
		}
	}
	return q.policy.fate(standard, archive)
}

func (q *question) selects(rule int, matches []bool) bool {
	if q.policy.Rules[rule].Selection.TagStatus == Untagged {
		return false
	}
	return !slices.Contains(matches[q.first[rule]:q.first[rule+1]], false)
}

// outlook is what a rule will say of every tag that continues the letters read
// so far.
func (q *question) outlook(rule int, outlooks []tagpattern.Outlook) tagpattern.Outlook {
	entries := outlooks[q.first[rule]:q.first[rule+1]]
	switch {
	case q.policy.Rules[rule].Selection.TagStatus == Untagged, slices.Contains(entries, tagpattern.Never):
		return tagpattern.Never
	case slices.Contains(entries, tagpattern.Open):
		return tagpattern.Open
	default:
		return tagpattern.Always
	}
}

// settled reports whether nothing is left to find behind the letters read so
// far: every fate still possible is one that expires, and when learning, one
// that was met before.
func (q *question) settled(outlooks []tagpattern.Outlook) bool {
	if outlooks[0] == tagpattern.Never {
		return true
	}
	return q.eachGoverning(Standard, outlooks, func(rule int) bool {
		if q.policy.Rules[rule].Action.Type == Expire {
			return q.known(fate{standard: rule, archive: -1})
		}
		return q.eachGoverning(Archive, outlooks, func(later int) bool {
			return q.known(fate{standard: rule, archive: later})
		})
	})
}

func (q *question) known(f fate) bool { return !q.learning || q.fates[f] }

// eachGoverning reports whether some rule of the storage class is sure to
// govern, and ok holds for all that can.
func (q *question) eachGoverning(class string, outlooks []tagpattern.Outlook, ok func(rule int) bool) bool {
	for rule, r := range q.policy.Rules {
		if r.Selection.StorageClass != class {
			continue
		}
		outlook := q.outlook(rule, outlooks)
		if outlook != tagpattern.Never && !ok(rule) {
			return false
		}
		if outlook == tagpattern.Always {
			return true
		}
	}
	return false
}

// findFates finds the fates that tags of the pattern can have by a search for
// each. It takes longer than learning all at once, but stays within bounds where
// many rules look for something anywhere in the tag. A fate for which even that
// is too much counts as possible: the limits are then upper bounds.
func (q *question) findFates() {
	for i, r := range q.policy.Rules {
		switch {
		case r.Selection.StorageClass == Archive:
		case r.Action.Type == Expire:
			q.findFate(fate{standard: i, archive: -1})
		default:
			for j, later := range q.policy.Rules {
				if later.Selection.StorageClass == Archive {
					q.findFate(fate{standard: i, archive: j})
				}
			}
		}
	}
}

// findFate searches for one fate, with only the rules that have a say in it.
func (q *question) findFate(f fate) {
	concerned, target := &Policy{}, fate{standard: -1, archive: -1}
	for i, r := range q.policy.Rules {
		archived := r.Selection.StorageClass == Archive
		if archived && i > f.archive || !archived && i > f.standard {
			continue
		}
		if i == f.standard {
			target.standard = len(concerned.Rules)
		}
		if i == f.archive {
			target.archive = len(concerned.Rules)
		}
		concerned.Rules = append(concerned.Rules, r)
	}
	if newQuestion(concerned, q.patterns[0]).possible(target) {
		q.fates[f] = true
	}
}

func (q *question) possible(f fate) bool {
	has := func(matches []bool) bool { return matches[0] && q.fate(matches) == f }
	hopeless := func(outlooks []tagpattern.Outlook) bool {
		return outlooks[0] == tagpattern.Never || !q.mayGovern(f.standard, outlooks) ||
			f.archive >= 0 && !q.mayGovern(f.archive, outlooks)
	}
	_, found, err := tagpattern.SearchPruned(q.patterns, has, hopeless)
	return found || err != nil
}

func (q *question) mayGovern(rule int, outlooks []tagpattern.Outlook) bool {
	for earlier := range rule {
		sameClass := q.policy.Rules[earlier].Selection.StorageClass == q.policy.Rules[rule].Selection.StorageClass
		if sameClass && q.outlook(earlier, outlooks) == tagpattern.Always {
			return false
		}
	}
	return q.outlook(rule, outlooks) != tagpattern.Never
}

// limits of a fate that expires.
type limits struct {
	fate        fate
	days, count int
}

func (p *Policy) limits(f fate) limits {
	l := limits{fate: f}
	for _, rule := range []int{f.standard, f.archive} {
		switch {
		case rule < 0:
		case p.Rules[rule].Selection.days():
			l.days += p.Rules[rule].Selection.CountNumber
		default:
			l.count = p.Rules[rule].Selection.CountNumber
		}
	}
	return l
}

// coverage is the answer Yes for images with these fates.
func (p *Policy) coverage(fates map[fate]bool) Coverage {
	c := Coverage{Answer: Yes}
	var all []limits
	for f := range fates {
		l := p.limits(f)
		all = append(all, l)
		c.MaxDays, c.MaxCount = max(c.MaxDays, l.days), max(c.MaxCount, l.count)
	}
	weakest := slices.MinFunc(all, func(a, b limits) int {
		return cmp.Or(cmp.Compare(b.days, a.days), cmp.Compare(b.count, a.count),
			cmp.Compare(a.fate.standard, b.fate.standard), cmp.Compare(a.fate.archive, b.fate.archive))
	}).fate
	c.Rule = p.Rules[weakest.standard].Priority
	c.Reason = "the " + p.Rules[weakest.standard].deed()
	if weakest.archive >= 0 {
		c.Reason += ", then the " + p.Rules[weakest.archive].deed()
	}
	if len(all) > 1 {
		c.Reason += "; other rules expire the rest, none with a weaker limit of that kind"
	}
	return c
}

// escape is the answer No, for a tag that is never expired.
func (p *Policy) escape(tag string) Coverage {
	selector := newSelector(p)
	f := p.fate(selector.rules([]string{tag}, false), selector.rules([]string{tag}, true))
	c := Coverage{Answer: No, Example: tag}
	if f.standard >= 0 {
		c.Rule, c.Reason = p.Rules[f.standard].Priority, p.archivedForever(f)
		return c
	}
	c.Reason = fmt.Sprintf("no rule selects an image whose only tag is %q", tag)
	for _, r := range p.Rules {
		if r.Selection.StorageClass == Standard && r.matchesInPart(tag) {
			c.Reason += fmt.Sprintf("; the %s asks for a tag for each entry of its list (%s) on the same image: one rule for each entry does what was probably meant",
				r.name(), quoted(r.Selection.entries(), ", "))
			break
		}
	}
	return c
}

// matchesInPart reports whether a tag matches some entries of a rule's list and
// not others: the sign of a list that was meant as alternatives.
func (r Rule) matchesInPart(tag string) bool {
	var matched, missed bool
	for _, entry := range compileEntries(r.Selection) {
		if entry.Match(tag) {
			matched = true
		} else {
			missed = true
		}
	}
	return matched && missed
}

func (p *Policy) archivedForever(f fate) string {
	return "the " + p.Rules[f.standard].deed() + ", and no rule expires them in the archive"
}
