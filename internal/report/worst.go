package report

import (
	"bytes"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// worst keeps results until the last has come, to write them worst first and
// no more than a service takes: by severity, in each those that may decide how
// the audit ends before those that the baseline has, in each those that fail
// before those that are unknown, in each in the order they came. What is waived
// comes last, by severity.
type worst struct {
	limit    int // of results
	sections [(worstKinds + 1) * int(finding.Critical+1)]worstSection
	spill    spill
}

// worstKinds is into how many sections what is not waived is divided for each
// severity.
const worstKinds = 4

// worstSection is the results of one severity and status, a line each. It
// keeps no more than can be written; the others it only counts.
type worstSection struct {
	count int
	text  spilled
}

// room is where to append the result of a finding, JSON on one line with a
// newline, now that it is counted; or nil if there are too many that come before
// it. settle is to be called after that.
func (o *worst) room(f *finding.Finding) *spilled {
	place := worstKinds * int(finding.Critical-f.Severity)
	if f.Status == finding.Unknown {
		place++
	}
	switch standingOf(f) {
	case standingOpen:
	case standingKnown:
		place += 2
	case standingWaived:
		place = worstKinds*int(finding.Critical+1) + int(finding.Critical-f.Severity)
	}
	o.sections[place].count++
	before := 0
	for i := range o.sections[:place+1] {
		before += o.sections[i].count
	}
	if before > o.limit {
		return nil
	}
	return &o.sections[place].text
}

// settle keeps what was appended.
func (o *worst) settle(text *spilled) error { return o.spill.settle(text) }

// write writes as elements of a list as many results as make the list as long
// as the limit, and returns how many are left out.
// It stops early where full, if there is one, says so before a result.
func (o *worst) write(l *list, indent string, full func() bool) (leftOut int, err error) {
	lines := elements{list: l, indent: indent, room: o.limit - l.items, full: full}
	all := l.items
	for i := range o.sections {
		s := &o.sections[i]
		all += s.count
		if err := o.spill.copy(&lines, &s.text); err != nil {
			return 0, err
		}
		s.text = spilled{}
	}
	return all - l.items, o.Close()
}

// Close removes the temporary file.
func (o *worst) Close() error { return o.spill.Close() }

// elements writes lines as elements of a list, until there is no room.
type elements struct {
	list   *list
	indent string
	room   int
	full   func() bool // whether there is no room, whatever room says; may be nil
	within bool        // a line that goes on
}

func (e *elements) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 && e.room > 0 {
		if !e.within {
			if e.full != nil && e.full() {
				e.room = 0
				break
			}
			e.list.separate(e.indent)
			e.within = true
		}
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			e.list.out.bytes(b)
			break
		}
		e.list.out.bytes(b[:end])
		b = b[end+1:]
		e.within = false
		e.room--
	}
	return n, e.list.out.err()
}

// leftOutStatement says that results are left out, and what the service refuses.
func leftOutStatement(n int, service, refused string) string {
	return count(n, "finding is", "findings are") + " left out, the least severe: " + service + " refuses " + refused + ". The json format has all."
}
