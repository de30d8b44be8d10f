package tagpattern

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// maxSearchStates bounds the automaton states that one search visits, counted
// over all patterns, and with it the time and memory that it takes: less than a
// second and 50 MB.
const maxSearchStates = 1_000_000

// Search looks for a tag for which accept answers true when told which of the
// patterns match it. The tag is the shortest such tag, and the first of these
// in the order 0-9 a-z A-Z _ . -. When found is false there is none: every
// valid tag was covered.
//
// accept is called once for each combination of states in which a tag can end,
// and must depend on matches only. The slice is reused: accept must not keep
// it. The error is [ErrTooComplex] when too many states would be visited.
func Search(patterns []Pattern, accept func(matches []bool) bool) (tag string, found bool, err error) {
	return SearchPruned(patterns, accept, func([]Outlook) bool { return false })
}

// SearchPruned is Search for questions that are often settled early: hopeless
// is told what is already certain about every tag that continues the letters
// read so far, and answers true when accept would refuse them all. With it,
// many patterns that each look for something anywhere in the tag stay within
// bounds. It too must not keep the slice.
func SearchPruned(patterns []Pattern, accept func(matches []bool) bool, hopeless func([]Outlook) bool) (tag string, found bool, err error) {
	s := searcher{
		accept: accept, hopeless: hopeless,
		matches: make([]bool, len(patterns)), outlooks: make([]Outlook, len(patterns)),
		seen: map[string]struct{}{}, key: make([]byte, 2*len(patterns)),
	}
	for _, p := range patterns {
		a, err := p.automaton()
		if err != nil {
			return "", false, fmt.Errorf("%w: %.100q", err, p.String())
		}
		s.automata = append(s.automata, a)
	}
	s.classify()
	return s.run()
}

// Overlap looks for a tag that both patterns match.
func Overlap(a, b Pattern) (witness string, overlap bool, err error) {
	both := func(m []bool) bool { return m[0] && m[1] }
	hopeless := func(o []Outlook) bool { return o[0] == Never || o[1] == Never }
	return SearchPruned([]Pattern{a, b}, both, hopeless)
}

// Covers reports whether every tag that narrow matches is matched by at least
// one of wide, and otherwise gives one that is not.
func Covers(wide []Pattern, narrow Pattern) (counterexample string, covered bool, err error) {
	patterns := append([]Pattern{narrow}, wide...)
	missed := func(m []bool) bool { return m[0] && !slices.Contains(m[1:], true) }
	hopeless := func(o []Outlook) bool { return o[0] == Never || slices.Contains(o[1:], Always) }
	tag, found, err := SearchPruned(patterns, missed, hopeless)
	return tag, !found && err == nil, err
}

// searcher walks through the product of automata. A node of the walk is a
// vector of states, one for each automaton.
type searcher struct {
	automata []*automaton
	accept   func([]bool) bool
	hopeless func([]Outlook) bool
	matches  []bool
	outlooks []Outlook

	letters []letter
	vectors []uint16 // the vectors of the nodes that await expansion, or were
	from    []origin // of the same nodes
	seen    map[string]struct{}
	key     []byte
}

// letter stands for a class of letters that no automaton tells apart.
type letter struct {
	first   byte
	classes []uint8 // its class in each automaton
}

// origin is how a node was first reached.
type origin struct {
	node   int32 // its predecessor; -1 for the root
	letter byte
}

// classify finds the letters that no automaton tells apart. Those that cannot
// begin a tag are kept apart from those that can.
func (s *searcher) classify() {
	var classes partition
	classes, n := classes.split(1, func(r rune) bool { return canStart(byte(r)) })
	for _, a := range s.automata {
		var keys [len(alphabet)]int
		for i := range keys {
			keys[i] = int(classes[i])*a.classes + int(a.class[i])
		}
		classes, n = number(keys[:], n*a.classes)
	}
	s.letters = make([]letter, 0, n)
	for i := range len(alphabet) {
		if int(classes[i]) != len(s.letters) {
			continue
		}
		l := letter{first: alphabet[i], classes: make([]uint8, len(s.automata))}
		for j, a := range s.automata {
			l.classes[j] = a.class[i]
		}
		s.letters = append(s.letters, l)
	}
}

// run walks breadth first. A vector is expanded only where it is first
// reached: later, it has the same future with less length left.
func (s *searcher) run() (tag string, found bool, err error) {
	s.vectors = make([]uint16, len(s.automata)) // the root: every automaton at its start
	s.from = []origin{{node: -1}}
	first, last := 0, 1
	for range MaxLength {
		for node := first; node < last; node++ {
			for i := range s.letters {
				if node == 0 && !canStart(s.letters[i].first) {
					continue
				}
				if s.step(node, &s.letters[i]) {
					return s.tag(), true, nil
				}
			}
			if len(s.seen)*len(s.automata) > maxSearchStates {
				return "", false, ErrTooComplex
			}
		}
		first, last = last, len(s.from)
	}
	return "", false, nil
}

// step reads a letter at a node. It reports whether the tag that ends there is
// accepted; the new node is then the last one.
func (s *searcher) step(node int, l *letter) bool {
	from := s.vectors[node*len(s.automata):][:len(s.automata)]
	for i, a := range s.automata {
		to := a.next[int(from[i])*a.classes+int(l.classes[i])]
		binary.LittleEndian.PutUint16(s.key[2*i:], to)
	}
	if _, ok := s.seen[string(s.key)]; ok {
		return false
	}
	s.seen[string(s.key)] = struct{}{}
	for i, a := range s.automata {
		to := binary.LittleEndian.Uint16(s.key[2*i:])
		s.vectors = append(s.vectors, to)
		s.matches[i], s.outlooks[i] = a.accept[to], a.outlook[to]
	}
	s.from = append(s.from, origin{node: int32(node), letter: l.first})
	if s.accept(s.matches) {
		return true
	}
	if s.hopeless(s.outlooks) {
		s.vectors = s.vectors[:len(s.vectors)-len(s.automata)]
		s.from = s.from[:len(s.from)-1]
	}
	return false
}

// tag is the letters on the way to the last node.
func (s *searcher) tag() string {
	var tag []byte
	for node := int32(len(s.from) - 1); s.from[node].node >= 0; node = s.from[node].node {
		tag = append(tag, s.from[node].letter)
	}
	slices.Reverse(tag)
	return string(tag)
}
