package lifecycle

import (
	"iter"
	"math/bits"
	"strings"

	"github.com/ecraudit/ecraudit/internal/tagpattern"
)

// ruleSet is a set of rules by their place in the policy, of which there are
// at most 50.
type ruleSet uint64

func (s ruleSet) has(rule int) bool { return s&(1<<rule) != 0 }

// first is the rule that acts first, or -1.
func (s ruleSet) first() int {
	if s == 0 {
		return -1
	}
	return bits.TrailingZeros64(uint64(s))
}

// all yields the rules in the order of the policy.
func (s ruleSet) all() iter.Seq[int] {
	return func(yield func(int) bool) {
		for left := s; left != 0; left &= left - 1 {
			if !yield(bits.TrailingZeros64(uint64(left))) {
				return
			}
		}
	}
}

// selector finds the rules that select an image by its tags and storage class.
// It is made for many images: an entry is tried only on tags with the first
// character that it asks for, and mostly decided by how the tag begins and ends.
type selector struct {
	archive  ruleSet // rules for archived images; the others are for standard storage
	any      ruleSet
	untagged ruleSet
	entries  []entry
	byFirst  [256][]int32 // first character of a tag → the entries that may match it
	lists    []tagList    // of rules with more than one entry
	image    int          // number of calls of rules so far
}

// entry is one element of a rule's tag list.
type entry struct {
	pattern tagpattern.Pattern
	rule    int
	head    string // how each tag that it matches begins
	tail    string // and how it ends, without overlap
	inner   bool   // more than head and tail decides
	alone   bool   // the list has no other element
	matched int    // the last image with a tag that it matches
}

// newEntry takes an entry of the rule's tag list as it was written.
func newEntry(rule int, text string, pattern tagpattern.Pattern, isPrefix bool) entry {
	if isPrefix {
		return entry{rule: rule, pattern: pattern, head: text}
	}
	head, rest, wild := strings.Cut(text, "*")
	if !wild {
		return entry{rule: rule, pattern: pattern, head: text, inner: true}
	}
	tail := rest[strings.LastIndexByte(rest, '*')+1:]
	return entry{rule: rule, pattern: pattern, head: head, tail: tail, inner: tail != rest}
}

func (e *entry) matches(tag string) bool {
	return len(tag) >= len(e.head)+len(e.tail) && strings.HasPrefix(tag, e.head) && strings.HasSuffix(tag, e.tail) &&
		(!e.inner || e.pattern.Match(tag))
}

// tagList is where the entries of a rule stand.
type tagList struct{ rule, first, end int }

func newSelector(p *Policy) *selector {
	s := &selector{}
	for i, r := range p.Rules {
		if r.Selection.StorageClass == Archive {
			s.archive |= 1 << i
		}
		switch r.Selection.TagStatus {
		case AnyTag:
			s.any |= 1 << i
		case Untagged:
			s.untagged |= 1 << i
		default:
			s.addList(i, r.Selection)
		}
	}
	return s
}

func (s *selector) addList(rule int, selection Selection) {
	patterns, first := compileEntries(selection), len(s.entries)
	for i, pattern := range patterns {
		e := newEntry(rule, selection.entries()[i], pattern, len(selection.TagPrefixes) > 0)
		e.alone = len(patterns) == 1
		s.add(e)
	}
	if len(patterns) > 1 {
		s.lists = append(s.lists, tagList{rule: rule, first: first, end: len(s.entries)})
	}
}

func (s *selector) add(e entry) {
	number := int32(len(s.entries))
	s.entries = append(s.entries, e)
	if e.head != "" {
		s.byFirst[e.head[0]] = append(s.byFirst[e.head[0]], number)
		return
	}
	for c := range s.byFirst {
		s.byFirst[c] = append(s.byFirst[c], number)
	}
}

// rules are those that select an image.
func (s *selector) rules(tags []string, archived bool) ruleSet {
	s.image++
	set := s.any
	if len(tags) == 0 {
		set |= s.untagged
	}
	for _, tag := range tags {
		set |= s.match(tag)
	}
	for _, list := range s.lists {
		if len(tags) > 0 && s.allMatched(list) {
			set |= 1 << list.rule
		}
	}
	if archived {
		return set & s.archive
	}
	return set &^ s.archive
}

// match notes the entries that a tag matches, and gives the rules that need
// nothing else.
func (s *selector) match(tag string) (set ruleSet) {
	if tag == "" {
		return 0
	}
	for _, number := range s.byFirst[tag[0]] {
		e := &s.entries[number]
		if !e.matches(tag) {
			continue
		}
		e.matched = s.image
		if e.alone {
			set |= 1 << e.rule
		}
	}
	return set
}

func (s *selector) allMatched(list tagList) bool {
	for _, e := range s.entries[list.first:list.end] {
		if e.matched != s.image {
			return false
		}
	}
	return true
}
