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
// It is made for many images: an entry is tried only on tags with the first and
// last characters that it asks for.
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
	last    byte // the last character of a tag that it matches; 0 if it may be any
	alone   bool // the list has no other element
	matched int  // the last image with a tag that it matches
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
		number := int32(len(s.entries))
		s.entries = append(s.entries, entry{pattern: pattern, rule: rule, alone: len(patterns) == 1})
		text := selection.entries()[i]
		if text != "" && len(selection.TagPatterns) > 0 && !strings.HasSuffix(text, "*") {
			s.entries[number].last = text[len(text)-1]
		}
		if text != "" && text[0] != '*' {
			s.byFirst[text[0]] = append(s.byFirst[text[0]], number)
			continue
		}
		for c := range s.byFirst {
			s.byFirst[c] = append(s.byFirst[c], number)
		}
	}
	if len(patterns) > 1 {
		s.lists = append(s.lists, tagList{rule: rule, first: first, end: len(s.entries)})
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
		if e.last != 0 && e.last != tag[len(tag)-1] || !e.pattern.Match(tag) {
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
