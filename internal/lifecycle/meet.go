package lifecycle

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/ecraudit/ecraudit/internal/tagpattern"
)

// Demand is the least that a policy must do in the long run.
type Demand struct {
	Untagged bool     // untagged images expire
	DevTags  []string // ECR wildcards of tags whose images expire
	MaxDays  int      // the longest time in days until they do; 0 means that any limit will do
	// Releases is the RE2 pattern of the tags whose images must be spared by
	// rules that are added; empty spares none.
	Releases string
}

// usualDays is the age at which added rules expire images where the demand
// leaves it open.
const usualDays = 30

func (d Demand) days() int {
	if d.MaxDays > 0 {
		return d.MaxDays
	}
	return usualDays
}

func (d Demand) metBy(c Coverage) bool {
	return c.Answer == Yes && (d.MaxDays <= 0 || c.MaxCount == 0 && c.MaxDays <= d.MaxDays)
}

func (d Demand) within() string {
	if d.MaxDays <= 0 {
		return ""
	}
	return " within " + countDays(d.MaxDays)
}

func countDays(n int) string {
	if n == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}

// ConflictError says that a demand cannot be met without a change to what a
// policy already does. That is for people to decide: show them the reason, which
// says what they can do.
type ConflictError struct {
	Rule   int // priority of the rule in the way; 0 where it is not a single one
	Reason string
}

func (e *ConflictError) Error() string {
	return "the lifecycle policy cannot be completed: " + e.Reason
}

// Meet returns a policy that meets the demand: the given one with rules added,
// or a new one where p is nil. The words say what was added; there are none, and
// the policy is p itself, where it meets the demand already. The error is a
// [*ConflictError].
//
// The given rules go on doing what they do to the same images. They keep their
// order, and act before the added ones. Only a rule for every image, which AWS
// wants last, comes after them: they may take images from it that it would have
// expired by the same measure, and no earlier.
//
// A release often carries the tag of its build as well, by which a rule for
// development images would expire it. So rules that keep releases come before
// those. Where no such rule can do that for a kind of development image, the
// words say so.
func Meet(p *Policy, d Demand) (met *Policy, words []string, err error) {
	m := newMeeting(p, d)
	missing, err := m.missing()
	if err != nil {
		return nil, nil, err
	}
	if len(missing) == 0 {
		return p, nil, nil
	}
	if err := m.findConflict(missing); err != nil {
		return nil, nil, err
	}
	if err := m.add(missing); err != nil {
		return nil, nil, err
	}
	met = m.policy()
	if err := m.verify(met); err != nil {
		return nil, nil, err
	}
	return met, m.words(met), nil
}

// meeting is the work on one policy and demand.
type meeting struct {
	demand  Demand
	before  []Rule // given rules that act before the added ones
	after   []Rule // the given rule for every image of standard storage and what follows it, if there is one
	added   []Rule
	exposed []string // about releases that added rules may expire
}

func newMeeting(p *Policy, d Demand) *meeting {
	m := &meeting{demand: d}
	if p == nil {
		return m
	}
	m.before = p.Rules
	if last := slices.IndexFunc(p.Rules, Rule.selectsAll); last >= 0 {
		m.before, m.after = p.Rules[:last], p.Rules[last:]
	}
	return m
}

// selectsAll reports whether a rule selects every image of standard storage.
func (r Rule) selectsAll() bool {
	return r.Selection.TagStatus == AnyTag && r.Selection.StorageClass == Standard
}

// policy is the given rules with the added ones in their place.
func (m *meeting) policy() *Policy {
	p := &Policy{Rules: slices.Concat(m.before, m.added, m.after)}
	p.renumber()
	return p
}

// goal is one thing that a demand asks for, with the rule that does it.
type goal struct {
	rule     Rule
	coverage func(*Policy) Coverage
}

func (g goal) images() string { return g.rule.Selection.images() }

func (d Demand) goals() []goal {
	var goals []goal
	if d.Untagged {
		goals = append(goals, goal{d.expiring("untagged", Selection{TagStatus: Untagged}), (*Policy).CoversUntagged})
	}
	for _, tag := range d.DevTags {
		pattern := tagpattern.Wildcard(tag)
		goals = append(goals, goal{
			d.expiringTag(tag),
			func(p *Policy) Coverage { return p.CoversTag(pattern) },
		})
	}
	return goals
}

// expiring is the rule that expires a kind of image.
func (d Demand) expiring(kind string, s Selection) Rule {
	s.StorageClass, s.CountType, s.CountNumber = Standard, SinceImagePushed, d.days()
	return Rule{
		Priority:    1, // the least there is, for renumber
		Description: fmt.Sprintf("ecraudit: expire %s images after %s", kind, countDays(d.days())),
		Selection:   s,
		Action:      Action{Type: Expire},
	}
}

func (d Demand) expiringTag(wildcard string) Rule {
	return d.expiring(wildcard, Selection{TagStatus: Tagged, TagPatterns: []string{wildcard}})
}

// missing are the goals that the given policy does not reach.
func (m *meeting) missing() ([]goal, error) {
	given := &Policy{Rules: slices.Concat(m.before, m.after)}
	var missing []goal
	for _, g := range m.demand.goals() {
		switch c := g.coverage(given); {
		case c.Answer == Unknown:
			return nil, unclear(g, c)
		case !m.demand.metBy(c):
			missing = append(missing, g)
		}
	}
	return missing, nil
}

func unclear(g goal, c Coverage) error {
	return &ConflictError{Reason: fmt.Sprintf("it cannot be decided whether %s expire (%s): simplify the patterns, or write the policy by hand", g.images(), c.Reason)}
}

// findConflict finds a given rule that is in the way of a goal.
func (m *meeting) findConflict(missing []goal) error {
	for _, g := range missing {
		if err := m.obstacle(g); err != nil {
			return err
		}
	}
	if len(m.after) == 0 {
		return nil
	}
	last := m.after[0]
	if last.Action.Type == Expire && last.Selection.CountType == SinceImagePushed && last.Selection.CountNumber >= m.demand.days() {
		return nil
	}
	return &ConflictError{Rule: last.Priority, Reason: fmt.Sprintf(
		"a rule for %s must stand before the %s, which selects every image, and would take from it images that it treats otherwise: it %s. Let that rule go by days since the push, or add the other one by hand if that is what you want",
		missing[0].images(), last.name(), last.effect())}
}

// obstacle finds the given rule that does too little to images of a goal, and
// stands before any rule that can be added: the first with which the goal is
// out of reach.
func (m *meeting) obstacle(g goal) error {
	var standard, archived []Rule
	for _, r := range slices.Concat(m.before, m.after) {
		switch {
		case r.Selection.StorageClass == Archive:
			archived = append(archived, r)
		case !r.selectsAll():
			standard = append(standard, r)
		}
	}
	withFirst := func(n int) Coverage {
		return g.coverage(&Policy{Rules: slices.Concat(archived, standard[:n], []Rule{g.rule})})
	}
	if m.demand.metBy(withFirst(len(standard))) {
		return nil
	}
	n := sort.Search(len(standard), func(n int) bool { return !m.demand.metBy(withFirst(n)) })
	c := withFirst(n)
	if n == 0 || c.Answer == Unknown {
		return unclear(g, c)
	}
	return m.inTheWay(standard[n-1], g, c)
}

func (m *meeting) inTheWay(r Rule, g goal, c Coverage) error {
	effect := r.effect()
	if c.Answer == No {
		effect += ", and no rule expires them in the archive"
	}
	some, advice := "some or all of them", "change that rule, or put one for these images before it, by hand"
	if r.Selection.TagStatus == Untagged {
		some, advice = "them", "change that rule by hand"
	}
	return &ConflictError{Rule: r.Priority, Reason: fmt.Sprintf("%s should expire%s, but the %s decides about %s: it %s. What it does is not changed here: %s",
		g.images(), m.demand.within(), r.name(), some, effect, advice)}
}

// add makes the rules that reach the missing goals.
func (m *meeting) add(missing []goal) error {
	byTag := Rule{}
	for _, g := range missing {
		if g.rule.Selection.TagStatus == Untagged {
			m.added = append(m.added, g.rule)
		} else {
			byTag.Selection.TagPatterns = append(byTag.Selection.TagPatterns, g.rule.Selection.TagPatterns...)
		}
	}
	development := byTag.alternatives()
	spared, keep, err := m.shield(development)
	if err != nil {
		return err
	}
	for _, wildcard := range development {
		if !slices.Contains(spared, wildcard) {
			m.added = append(m.added, m.demand.expiringTag(wildcard))
		}
	}
	for _, wildcard := range keep {
		m.added = append(m.added, keeping(wildcard))
	}
	for _, wildcard := range spared {
		m.added = append(m.added, m.demand.expiringTag(wildcard))
	}
	return nil
}

// verify checks the result as AWS will, and that it reaches every goal.
func (m *meeting) verify(met *Policy) error {
	if _, err := Parse(met.Text()); err != nil {
		return &ConflictError{Reason: fmt.Sprintf("with the rules that are missing (%d) it would be an %v. Remove by hand what is no longer needed, or ask for less", len(m.added), err)}
	}
	for _, g := range m.demand.goals() {
		if c := g.coverage(met); !m.demand.metBy(c) {
			return unclear(g, c)
		}
	}
	return nil
}

// words say what was added to the given rules.
func (m *meeting) words(met *Policy) []string {
	var words []string
	var keeping []Rule
	for _, r := range met.Rules[len(m.before):][:len(m.added)] {
		if r.keepsAll() {
			keeping = append(keeping, r)
			continue
		}
		words = append(words, fmt.Sprintf("added: the %s %s %s", r.name(), r.verb(), r.object()))
	}
	if len(keeping) > 0 {
		words = append(words, keepingWords(keeping))
	}
	words = append(words, m.exposed...)
	return append(words, m.renumbered(met)...)
}

// renumbered says which given rules have another priority.
func (m *meeting) renumbered(met *Policy) []string {
	var moves []string
	for i, r := range slices.Concat(m.before, m.after) {
		place := i
		if i >= len(m.before) {
			place += len(m.added)
		}
		if now := met.Rules[place].Priority; now != r.Priority {
			moves = append(moves, fmt.Sprintf("%d is now %d", r.Priority, now))
		}
	}
	if len(moves) == 0 {
		return nil
	}
	return []string{"priorities changed, though not the order of the rules: " + strings.Join(moves, ", ")}
}
