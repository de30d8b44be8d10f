package report

import (
	"bufio"
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// row is a finding in a list: what it is sorted by, and its cells.
type row struct {
	keys  []string
	cells []listCell
}

// listCell is the text in one column of a row.
type listCell struct {
	text string // Printable
	look style
	url  string // that the text leads to, or empty
}

// sorter puts rows in order, however many there are: those that do not fit into
// memory are sorted part by part, each of which goes to a temporary file, and
// merged at the end. Rows that are equal stay in the order they came in.
type sorter struct {
	descending []bool // for each key
	limit      int    // of rows that are asked for at the end; 0 is all
	room       int    // bytes of rows that are held
	held       []row
	size       int // bytes, of held
	spill      spill
	parts      []spilled
}

// heldRows is how much of the rows is held in memory, in bytes.
const heldRows = 4 << 20

func newSorter(descending []bool, limit int) *sorter {
	return &sorter{descending: descending, limit: limit, room: heldRows}
}

func (s *sorter) compare(a, b row) int {
	for i, descending := range s.descending {
		order := cmp.Compare(a.keys[i], b.keys[i])
		if descending {
			order = -order
		}
		if order != 0 {
			return order
		}
	}
	return 0
}

func (s *sorter) add(r row) error {
	s.held = append(s.held, r)
	if s.size += r.size(); s.size < s.room {
		return nil
	}
	s.sortHeld()
	if s.size < s.room/2 {
		return nil // the limit left room for more
	}
	return s.part()
}

// sortHeld sorts the rows in memory, and forgets those that the limit leaves
// out.
func (s *sorter) sortHeld() {
	slices.SortStableFunc(s.held, s.compare)
	if s.limit == 0 || len(s.held) <= s.limit {
		return
	}
	for _, r := range s.held[s.limit:] {
		s.size -= r.size()
	}
	clear(s.held[s.limit:])
	s.held = s.held[:s.limit]
}

// part writes the rows in memory, which are sorted, to the file.
func (s *sorter) part() error {
	var text spilled
	for _, r := range s.held {
		text.tail = r.append(text.tail)
		if err := s.spill.settle(&text); err != nil {
			return err
		}
	}
	if err := s.spill.store(&text); err != nil {
		return err
	}
	text.tail = nil
	s.parts = append(s.parts, text)
	clear(s.held)
	s.held, s.size = s.held[:0], 0
	return nil
}

// each hands over the rows in order, as many as the limit says.
func (s *sorter) each(show func(row) error) error {
	s.sortHeld()
	m := merge{sorter: s}
	for i := range s.parts {
		if err := m.open(&partReader{part: i, in: bufio.NewReaderSize(s.spill.reader(&s.parts[i]), 16<<10)}); err != nil {
			return err
		}
	}
	if err := m.open(&partReader{part: len(s.parts), held: s.held}); err != nil {
		return err
	}
	for shown := 0; len(m.parts) > 0 && (s.limit == 0 || shown < s.limit); shown++ {
		if err := show(m.parts[0].first); err != nil {
			return err
		}
		if err := m.advance(); err != nil {
			return err
		}
	}
	return nil
}

// Close removes the temporary file.
func (s *sorter) Close() error { return s.spill.Close() }

// merge has the parts that are not at their end, the one with the next row
// first.
type merge struct {
	sorter *sorter
	parts  []*partReader
}

// partReader reads the rows of one part, from a file or memory.
type partReader struct {
	part  int // in the order in which the parts came
	in    *bufio.Reader
	held  []row
	first row
}

func (m *merge) open(p *partReader) error {
	more, err := p.next()
	if more {
		heap.Push(m, p)
	}
	return err
}

func (m *merge) advance() error {
	more, err := m.parts[0].next()
	if more {
		heap.Fix(m, 0)
	} else {
		heap.Pop(m)
	}
	return err
}

func (p *partReader) next() (more bool, err error) {
	if p.in == nil {
		if len(p.held) == 0 {
			return false, nil
		}
		p.first, p.held = p.held[0], p.held[1:]
		return true, nil
	}
	if _, err := p.in.Peek(1); errors.Is(err, io.EOF) {
		return false, nil
	}
	if p.first, err = readRow(p.in); err != nil {
		return false, fmt.Errorf("reading kept findings back: %w", err)
	}
	return true, nil
}

func (m *merge) Len() int { return len(m.parts) }

func (m *merge) Less(i, j int) bool {
	a, b := m.parts[i], m.parts[j]
	return cmp.Or(m.sorter.compare(a.first, b.first), cmp.Compare(a.part, b.part)) < 0
}

func (m *merge) Swap(i, j int) { m.parts[i], m.parts[j] = m.parts[j], m.parts[i] }

func (m *merge) Push(part any) { m.parts = append(m.parts, part.(*partReader)) }

func (m *merge) Pop() any {
	last := m.parts[len(m.parts)-1]
	m.parts = m.parts[:len(m.parts)-1]
	return last
}

// size is about how much memory a row takes, in bytes.
func (r row) size() int {
	const each = 48 // of a cell beside its texts
	n := 2 * each
	for _, key := range r.keys {
		n += each/2 + len(key)
	}
	for _, c := range r.cells {
		n += each + len(c.text) + len(c.url)
	}
	return n
}

// append writes a row so that readRow reads it.
func (r row) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(r.keys)))
	for _, key := range r.keys {
		dst = appendLengthAndText(dst, key)
	}
	dst = binary.AppendUvarint(dst, uint64(len(r.cells)))
	for _, c := range r.cells {
		dst = binary.AppendUvarint(dst, uint64(c.look))
		dst = appendLengthAndText(appendLengthAndText(dst, c.text), c.url)
	}
	return dst
}

func appendLengthAndText(dst []byte, text string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}

func readRow(in *bufio.Reader) (row, error) {
	d := rowDecoder{in: in}
	r := row{keys: make([]string, d.number())}
	for i := range r.keys {
		r.keys[i] = d.text()
	}
	r.cells = make([]listCell, d.number())
	for i := range r.cells {
		look := style(d.number())
		r.cells[i] = listCell{look: look, text: d.text(), url: d.text()}
	}
	return r, d.err
}

// rowDecoder reads the parts of a row until one fails.
type rowDecoder struct {
	in  *bufio.Reader
	err error
}

func (d *rowDecoder) number() uint64 {
	if d.err != nil {
		return 0
	}
	var n uint64
	n, d.err = binary.ReadUvarint(d.in)
	if d.err != nil {
		return 0
	}
	return n
}

func (d *rowDecoder) text() string {
	text := make([]byte, d.number())
	if d.err == nil {
		_, d.err = io.ReadFull(d.in, text)
	}
	return string(text)
}
