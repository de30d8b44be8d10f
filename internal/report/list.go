package report

import (
	"errors"
	"io"
)

// list writes the array of a JSON document that is open, an element on each
// line so that two documents compare well.
type list struct {
	out   output
	enc   *encoder
	items int // written to the array
}

func newList(w io.Writer) list { return list{out: newOutput(w), enc: newEncoder()} }

func (l *list) element(indent string, v any) error {
	body, err := l.enc.encode(v)
	if err != nil {
		return err
	}
	return l.add(indent, body)
}

// add writes an element that is JSON already.
func (l *list) add(indent string, body []byte) error {
	l.separate(indent)
	l.out.bytes(body)
	return l.out.err()
}

// separate begins the line of an element.
func (l *list) separate(indent string) {
	if l.items > 0 {
		l.out.text(",")
	}
	l.items++
	l.out.text("\n" + indent)
}

func (l *list) end(indent string) {
	if l.items > 0 {
		l.out.text("\n" + indent)
	}
	l.items = 0
	l.out.text("]")
}

// stage is the part of a run that a document has come to.
type stage int

const (
	stageStart stage = iota
	stageFindings
	stageGaps
	stageDetails
	stageDone
)

var errOrder = errors.New("report: a run is Begin, findings, gaps, details, End in this order")

func (s *stage) begin() error {
	if *s != stageStart {
		return errOrder
	}
	*s = stageFindings
	return nil
}

// finding returns an error where no finding may come.
func (s *stage) finding() error {
	if *s != stageFindings {
		return errOrder
	}
	return nil
}

// gap goes on to the gaps, and reports whether the findings end by that. What
// comes after the gaps goes through it too, for there may be none.
func (s *stage) gap() (first bool, err error) {
	if *s != stageFindings && *s != stageGaps {
		return false, errOrder
	}
	first = *s == stageFindings
	*s = stageGaps
	return first, nil
}
