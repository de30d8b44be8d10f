package lifecycle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// Text is the policy as indented JSON, as PutLifecyclePolicy takes it. Parsing
// it gives an equal policy.
func (p *Policy) Text() string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(p.document()); err != nil {
		panic(err) // strings and numbers can always be encoded
	}
	return b.String()
}

// Repair returns a policy that does what the rules were evidently meant to do,
// and in words what is different. Where nothing is to be repaired, the policy is
// nil; words there are then about what could not be. Repaired are:
//
//   - A list of several entries that no single tag can match. It was meant as
//     alternatives, but entries are ANDed: it becomes a rule for each entry.
//   - An asterisk in a tag prefix, which no tag can have: it was meant as a
//     wildcard, and becomes a pattern.
//
// What the repaired policy expires, the original one may have kept: simulate it
// first. It obeys the constraints of PutLifecyclePolicy, and its other rules
// keep their order.
func (p *Policy) Repair() (repaired *Policy, words []string) {
	r := repair{count: len(p.Rules), taken: map[string]int{}}
	for _, rule := range p.Rules {
		if !rule.hasWildcardPrefix() && !rule.needsSeveralTags() {
			r.taken[rule.listKey()] = rule.Priority
		}
	}
	for _, rule := range p.Rules {
		r.add(rule)
	}
	if !r.changed {
		return nil, r.words
	}
	repaired = &Policy{Rules: r.rules}
	repaired.renumber()
	if text, err := json.Marshal(repaired); err != nil || utf8.RuneCount(text) > maxCharacters {
		return nil, []string{fmt.Sprintf("a policy that does what was meant would be longer than the %d characters that are allowed", maxCharacters)}
	}
	return repaired, r.words
}

// repair collects the rules of a repaired policy.
type repair struct {
	rules   []Rule
	words   []string
	changed bool
	count   int            // of rules, with those still to be added
	taken   map[string]int // listKey → priority of the rule that has the list
}

func (r *repair) say(format string, args ...any) {
	r.words = append(r.words, fmt.Sprintf(format, args...))
}

func (r *repair) keep(rule Rule) { r.rules = append(r.rules, rule) }

// add adds what becomes of a rule.
func (r *repair) add(rule Rule) {
	if rule.hasWildcardPrefix() {
		wild := rule.withPatterns()
		if owner, there := r.taken[wild.listKey()]; there {
			r.say("the %s has asterisks in its prefixes, where they stand for themselves; as patterns they would be those of the rule with priority %d, so it stays as it is", rule.name(), owner)
			r.keep(rule)
			return
		}
		r.say("the %s had asterisks in its prefixes, where they stand for themselves and match no tag; they are patterns now", rule.name())
		r.changed, rule = true, wild
	}
	if rule.needsSeveralTags() {
		r.split(rule)
		return
	}
	r.taken[rule.listKey()] = rule.Priority
	r.keep(rule)
}

// split adds a rule for each entry of a list.
func (r *repair) split(rule Rule) {
	var parts []Rule
	var others []string
	for _, entry := range rule.alternatives() {
		part := rule.only(entry)
		if owner, there := r.taken[part.listKey()]; there {
			others = append(others, fmt.Sprintf("%q is already the list of the rule with priority %d, which stays the only one", entry, owner))
			continue
		}
		parts = append(parts, part)
	}
	if r.count+len(parts)-1 > maxRules {
		r.say("the %s selects only images that carry a tag of each of %s; it should be a rule for each, but a policy can have %d", rule.name(), quoted(rule.Selection.entries(), ", "), maxRules)
		r.keep(rule)
		return
	}
	for _, part := range parts {
		r.taken[part.listKey()] = rule.Priority
		r.keep(part)
	}
	r.count, r.changed = r.count+len(parts)-1, true
	r.say("the %s selected only images that carry a tag of each of %s; now there is a rule for each of them", rule.name(), quoted(rule.Selection.entries(), ", "))
	r.words = append(r.words, others...)
	if !rule.Selection.days() {
		r.say("each of these rules keeps the newest %d of its own images, where one limit was for all", rule.Selection.CountNumber)
	}
}

// listKey is the same for rules that PutLifecyclePolicy would not take beside
// one another.
func (r Rule) listKey() string {
	s := r.Selection
	return fmt.Sprintf("%s %s %t %q", s.StorageClass, s.TagStatus, len(s.TagPrefixes) > 0, slices.Compact(slices.Sorted(slices.Values(s.entries()))))
}

// hasWildcardPrefix reports whether a prefix holds an asterisk, and the prefixes
// can be written as patterns.
func (r Rule) hasWildcardPrefix() bool {
	tooMany := func(pattern string) bool { return strings.Count(pattern, "*") > maxWildcards }
	return strings.Contains(strings.Join(r.Selection.TagPrefixes, ""), "*") && !slices.ContainsFunc(r.withPatterns().Selection.TagPatterns, tooMany)
}

// withPatterns is the rule with its prefixes as patterns, where an asterisk is
// a wildcard.
func (r Rule) withPatterns() Rule {
	var patterns []string
	for _, prefix := range r.Selection.TagPrefixes {
		patterns = append(patterns, strings.TrimRight(prefix, "*")+"*")
	}
	r.Selection.TagPrefixes, r.Selection.TagPatterns = nil, patterns
	return r
}

// alternatives are the entries of a tag list without those that another one
// makes superfluous once they are alternatives.
func (r Rule) alternatives() []string {
	patterns, entries := compileEntries(r.Selection), r.Selection.entries()
	var kept []string
	for i, entry := range entries {
		superfluous := slices.Contains(entries[:i], entry)
		for j, wide := range patterns {
			if entries[j] != entry && covers(wide, patterns[i]) && (j < i || !covers(patterns[i], wide)) {
				superfluous = true
			}
		}
		if !superfluous {
			kept = append(kept, entry)
		}
	}
	return kept
}

// only is the rule for one entry of its list.
func (r Rule) only(entry string) Rule {
	if len(r.Selection.TagPatterns) > 0 {
		r.Selection.TagPatterns = []string{entry}
	} else {
		r.Selection.TagPrefixes = []string{entry}
	}
	return r
}

// renumber makes the priorities ascend. Those that do already stay.
func (p *Policy) renumber() {
	for i := range p.Rules {
		if i > 0 {
			p.Rules[i].Priority = max(p.Rules[i].Priority, p.Rules[i-1].Priority+1)
		}
	}
	if last := p.Rules[len(p.Rules)-1].Priority; last <= math.MaxInt32 {
		return
	}
	for i := range p.Rules {
		p.Rules[i].Priority = i + 1
	}
}
