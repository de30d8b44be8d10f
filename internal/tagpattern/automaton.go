package tagpattern

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
	"strings"
)

// alphabet is every character of a tag, in the order in which Search prefers
// them. The last startless of them cannot begin a tag.
const (
	alphabet  = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.-"
	startless = 2
)

// maxAutomatonStates bounds the automaton of one pattern. Only expressions
// with large counted repetitions inside alternatives come near.
const maxAutomatonStates = 4096

func canStart(letter byte) bool {
	i := strings.IndexByte(alphabet, letter)
	return i >= 0 && i < len(alphabet)-startless
}

// Outlook is what a pattern will say of every tag that continues the letters
// read so far.
type Outlook uint8

// The outlooks.
const (
	Open   Outlook = iota // it depends on what follows
	Always                // it matches, whatever follows
	Never                 // it does not match, whatever follows
)

// partition sorts the letters of the alphabet (by their index) into classes
// numbered from 0 in the order of their first letters.
type partition [len(alphabet)]uint8

// automaton is a complete deterministic automaton. State 0 is the start. States
// from which everything is accepted are one state, and so are those from which
// nothing is.
type automaton struct {
	class   partition
	classes int
	next    []uint16 // [state*classes+class]
	accept  []bool   // whether the pattern matches a tag that ends here
	outlook []Outlook
}

// builder makes an automaton from the program that regexp/syntax compiles an
// expression to, by the subset construction. A state is the set of
// instructions at which the program may stand, after everything that needs no
// look at the next letter was followed.
type builder struct {
	prog     *syntax.Prog
	class    partition
	classes  int
	letters  []rune // the first letter of each class
	boundary bool   // the program looks at word boundaries

	states []subset
	ids    map[string]uint16
	next   []uint16
	accept []bool

	mark    []uint32 // instruction → last round in which it was visited
	round   uint32
	scratch subset
}

// subset is one state: instructions in ascending order, and the kind of letter
// before them as a representative: -1 for the beginning of the text, 'a' for a
// word character, '-' for another one.
type subset struct {
	pcs     []uint32
	prev    rune
	matched bool // the program has matched already; pcs no longer matter
}

func compile(expr string) (*automaton, error) {
	parsed, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, err
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, err
	}
	b := &builder{prog: prog, ids: map[string]uint16{}, mark: make([]uint32, len(prog.Inst))}
	b.classify()
	if err := b.explore(); err != nil {
		return nil, err
	}
	a := &automaton{class: b.class, classes: b.classes, next: b.next, accept: b.accept}
	a.foresee()
	return a, nil
}

// classify finds the letters that the program cannot tell apart.
func (b *builder) classify() {
	b.classes = 1
	for i := range b.prog.Inst {
		inst := &b.prog.Inst[i]
		switch inst.Op {
		case syntax.InstRune, syntax.InstRune1:
			b.class, b.classes = b.class.split(b.classes, inst.MatchRune)
		case syntax.InstEmptyWidth:
			if op := syntax.EmptyOp(inst.Arg); op&(syntax.EmptyWordBoundary|syntax.EmptyNoWordBoundary) != 0 {
				b.boundary = true
			}
		}
	}
	if b.boundary {
		b.class, b.classes = b.class.split(b.classes, syntax.IsWordChar)
	}
	b.letters = make([]rune, 0, b.classes)
	for i, letter := range alphabet {
		if int(b.class[i]) == len(b.letters) {
			b.letters = append(b.letters, letter)
		}
	}
}

// split refines a partition so that a class holds either only letters with the
// property or only letters without.
func (p partition) split(classes int, has func(rune) bool) (partition, int) {
	var keys [len(alphabet)]int
	for i, letter := range alphabet {
		keys[i] = int(p[i]) * 2
		if has(letter) {
			keys[i]++
		}
	}
	return number(keys[:], classes*2)
}

// number makes a partition of the letters with equal keys below limit.
func number(keys []int, limit int) (p partition, classes int) {
	class := make([]int, limit) // 0 is none yet
	for i, key := range keys {
		if class[key] == 0 {
			classes++
			class[key] = classes
		}
		p[i] = uint8(class[key] - 1)
	}
	return p, classes
}

// explore makes all states that can be reached, with their transitions.
func (b *builder) explore() error {
	b.begin(-1)
	b.add(uint32(b.prog.Start))
	if _, err := b.intern(); err != nil {
		return err
	}
	for s := 0; s < len(b.states); s++ { //nolint:intrange // the list grows meanwhile
		b.accept = append(b.accept, b.acceptsAtEnd(b.states[s]))
		for _, letter := range b.letters {
			b.step(b.states[s], letter)
			to, err := b.intern()
			if err != nil {
				return err
			}
			b.next = append(b.next, to)
		}
	}
	return nil
}

// begin starts a new subset in b.scratch.
func (b *builder) begin(prev rune) {
	b.round++
	b.scratch = subset{pcs: b.scratch.pcs[:0], prev: prev}
}

// add puts an instruction into b.scratch, following those that neither read a
// letter nor look at one.
func (b *builder) add(pc uint32) {
	if b.mark[pc] == b.round {
		return
	}
	b.mark[pc] = b.round
	inst := &b.prog.Inst[pc]
	switch inst.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		b.add(inst.Out)
		b.add(inst.Arg)
	case syntax.InstNop, syntax.InstCapture:
		b.add(inst.Out)
	case syntax.InstMatch:
		b.scratch.matched = true
	case syntax.InstEmptyWidth:
		// A tag has no line breaks: what has begun does not begin again.
		beginning := syntax.EmptyOp(inst.Arg)&(syntax.EmptyBeginText|syntax.EmptyBeginLine) != 0
		if !beginning || b.scratch.prev == -1 {
			b.scratch.pcs = append(b.scratch.pcs, pc)
		}
	case syntax.InstFail:
	default:
		b.scratch.pcs = append(b.scratch.pcs, pc)
	}
}

// step puts into b.scratch the state after reading a letter in state from.
func (b *builder) step(from subset, letter rune) {
	pcs, matched := b.resolve(from, letter)
	b.begin(b.kind(letter))
	if matched {
		b.scratch.matched = true
		return
	}
	for _, pc := range pcs {
		if inst := &b.prog.Inst[pc]; reads(inst, letter) {
			b.add(inst.Out)
		}
	}
	b.add(uint32(b.prog.Start)) // a match may begin anywhere
}

func (b *builder) acceptsAtEnd(s subset) bool {
	_, matched := b.resolve(s, -1)
	return matched
}

// resolve follows the assertions of a state that hold when letter, or the end
// of the text (-1), comes next.
func (b *builder) resolve(s subset, letter rune) (pcs []uint32, matched bool) {
	if s.matched {
		return nil, true
	}
	holds := syntax.EmptyOpContext(s.prev, letter)
	b.begin(s.prev)
	b.scratch.pcs = append(b.scratch.pcs, s.pcs...)
	for _, pc := range s.pcs {
		b.mark[pc] = b.round
	}
	for i := 0; i < len(b.scratch.pcs); i++ { //nolint:intrange // the list grows meanwhile
		inst := &b.prog.Inst[b.scratch.pcs[i]]
		if inst.Op == syntax.InstEmptyWidth && syntax.EmptyOp(inst.Arg)&^holds == 0 {
			b.add(inst.Out)
		}
	}
	return slices.Clone(b.scratch.pcs), b.scratch.matched
}

func reads(inst *syntax.Inst, letter rune) bool {
	switch inst.Op {
	case syntax.InstRune, syntax.InstRune1:
		return inst.MatchRune(letter)
	case syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		return true
	default:
		return false
	}
}

// kind is the representative of a letter as the one before, see subset.
func (b *builder) kind(letter rune) rune {
	if b.boundary && !syntax.IsWordChar(letter) {
		return '-'
	}
	return 'a'
}

// intern gives the number of the state in b.scratch, which may be a new one.
func (b *builder) intern() (uint16, error) {
	s := b.scratch
	slices.Sort(s.pcs)
	if s.matched {
		s.pcs, s.prev = nil, 0
	}
	key := make([]byte, 0, 4*len(s.pcs)+8)
	key = binary.LittleEndian.AppendUint32(key, uint32(s.prev))
	for _, pc := range s.pcs {
		key = binary.LittleEndian.AppendUint32(key, pc)
	}
	if id, ok := b.ids[string(key)]; ok {
		return id, nil
	}
	if len(b.states) == maxAutomatonStates {
		return 0, ErrTooComplex
	}
	id := uint16(len(b.states))
	b.ids[string(key)] = id
	s.pcs = slices.Clone(s.pcs)
	b.states = append(b.states, s)
	return id, nil
}

// foresee computes the outlook of each state, and leads all transitions to
// states with the same final outlook to one of them.
func (a *automaton) foresee() {
	accepting := a.reaching(func(s int) bool { return a.accept[s] })
	rejecting := a.reaching(func(s int) bool { return !a.accept[s] })
	a.outlook = make([]Outlook, len(a.accept))
	final := [3]int{Open: -1, Always: -1, Never: -1}
	for s := range a.outlook {
		switch {
		case !rejecting[s]:
			a.outlook[s] = Always
		case !accepting[s]:
			a.outlook[s] = Never
		}
		if o := a.outlook[s]; o != Open && final[o] < 0 {
			final[o] = s
		}
	}
	for i, to := range a.next {
		if o := a.outlook[to]; o != Open {
			a.next[i] = uint16(final[o])
		}
	}
}

// reaching tells from which states one with the property can be reached.
func (a *automaton) reaching(has func(state int) bool) []bool {
	before := make([][]uint16, len(a.accept))
	for i, to := range a.next {
		before[to] = append(before[to], uint16(i/a.classes))
	}
	reached := make([]bool, len(a.accept))
	var todo []int
	for s := range reached {
		if has(s) {
			reached[s] = true
			todo = append(todo, s)
		}
	}
	for len(todo) > 0 {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, from := range before[s] {
			if !reached[from] {
				reached[from] = true
				todo = append(todo, int(from))
			}
		}
	}
	return reached
}
