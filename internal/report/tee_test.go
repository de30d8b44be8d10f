package report

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// failing fails after some writes.
type failing struct{ left int }

var errFull = errors.New("full")

func (f *failing) Write(b []byte) (int, error) {
	if f.left--; f.left < 0 {
		return 0, errFull
	}
	return len(b), nil
}

// Every handler gets the run that it would get alone, whatever the others do.
func TestTee(t *testing.T) {
	all := scripts()
	long := long(2*teeBatch + 7)
	for range 3 {
		long.gaps = append(long.gaps, slices.Repeat(partial().gaps, teeBatch/20)...)
	}
	long.details = everyField().details
	all["long"] = long
	for name, s := range all {
		for failAfter := range 3 {
			var outputs []*bytes.Buffer
			var handlers []Handler
			for _, format := range Formats() {
				out := &bytes.Buffer{}
				h, err := New(format, out, Options{})
				if err != nil {
					t.Fatal(err)
				}
				broken, err := New(format, &failing{failAfter}, Options{})
				if err != nil {
					t.Fatal(err)
				}
				outputs, handlers = append(outputs, out), append(handlers, broken, h)
			}
			err := s.play(Tee(handlers...))
			if failAfter == 0 && !errors.Is(err, errFull) {
				t.Errorf("%s: no error of an output that failed: %v", name, err)
			}
			for i, format := range Formats() {
				if !bytes.Equal(outputs[i].Bytes(), written(t, format, s, Options{})) {
					t.Errorf("%s: %s differs from what it is alone", name, format)
				}
			}
		}
	}
}

func TestTeeOfFailures(t *testing.T) {
	h, err := New("json", &failing{}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := scripts()["typical"].play(Tee(h)); !errors.Is(err, errFull) {
		t.Errorf("all outputs failed: %v", err)
	}
}

// rejecting is a handler that takes so many findings.
type rejecting struct {
	Handler
	left, told int
}

func (r *rejecting) Finding(f finding.Finding) error {
	r.told++
	if r.left--; r.left < 0 {
		return errFull
	}
	return r.Handler.Finding(f)
}

// A handler that fails is told nothing more, and a run is not gone through in
// vain when all have.
func TestTeeStopsSoon(t *testing.T) {
	s := long(10 * teeBatch)
	handlers := []*rejecting{{left: 3}, {left: teeBatch + 5}}
	for _, h := range handlers {
		h.Handler = newNDJSON(&bytes.Buffer{})
	}
	tee := Tee(handlers[0], handlers[1])
	if err := tee.Begin(s.run); err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, f := range s.findings {
		if err := tee.Finding(f); err != nil {
			if !errors.Is(err, errFull) {
				t.Error(err)
			}
			break
		}
		told++
	}
	if handlers[0].told != 4 || handlers[1].told != teeBatch+6 || told > 3*teeBatch {
		t.Errorf("%d and %d findings were told, and %d were taken", handlers[0].told, handlers[1].told, told)
	}
}

// What a run that ends early leaves in the tee is dropped, and nothing goes on
// in the background.
func TestTeeWithoutEnd(t *testing.T) {
	s := long(teeBatch + 10)
	handlers := []*rejecting{{left: 1 << 20}, {left: 1 << 20}}
	for _, h := range handlers {
		h.Handler = newSARIF(&bytes.Buffer{})
	}
	tee := Tee(handlers[0], handlers[1])
	if err := tee.Begin(s.run); err != nil {
		t.Fatal(err)
	}
	for _, f := range s.findings {
		if err := tee.Finding(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := Close(tee); err != nil {
		t.Fatal(err)
	}
	for _, h := range handlers {
		if h.told != teeBatch {
			t.Errorf("%d findings were told", h.told)
		}
	}
}

func TestTeeKeepsWrongOrderWrong(t *testing.T) {
	s := typical()
	tee := Tee(newJSON(&bytes.Buffer{}), newJSON(&bytes.Buffer{}))
	if err := tee.Begin(s.run); err != nil {
		t.Fatal(err)
	}
	if err := tee.Gap(partial().gaps[0]); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(tee.Finding(s.findings[0]), tee.End(s.summary())); !errors.Is(err, errOrder) {
		t.Errorf("a finding after a gap: %v", err)
	}
}
