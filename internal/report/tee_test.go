package report

import (
	"bytes"
	"errors"
	"testing"
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
	for name, s := range scripts() {
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
