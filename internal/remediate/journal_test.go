package remediate_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/remediate"
)

// few are changes of a plan that take few calls: one that parks an image.
func few(w *world) (*remediate.Plan, []remediate.Change) {
	p := w.plan(remediate.Filter{Repository: func(name string) bool { return name == "untag/last" }})
	return p, p.Changes
}

// fileOf is the file of a run.
func fileOf(t testing.TB, dir, id string) (path string, text []byte) {
	t.Helper()
	path = filepath.Join(dir, id+".ndjson")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, text
}

// journalWith is a new journal that holds one run of this text.
func journalWith(t testing.TB, id string, text []byte) *remediate.Journal {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, id+".ndjson"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	j, err := remediate.OpenJournal(dir)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// A crash may cut a journal off anywhere in what it wrote last. What is whole is
// read and can be undone.
func TestTornJournal(t *testing.T) {
	w, dir := newWorld(t), t.TempDir()
	j, err := remediate.OpenJournal(dir)
	if err != nil {
		t.Fatal(err)
	}
	before := w.state()
	p, changes := few(w)
	o := w.options(j, 1)
	var text []byte
	for cut := 0; ; cut++ {
		s, err := remediate.Apply(context.Background(), o, p, changes)
		if err != nil {
			t.Fatal(err)
		}
		clean(t, s)
		_, text = fileOf(t, dir, s.Run)
		lines := bytes.SplitAfter(text, []byte("\n"))
		lastTwo := len(lines[len(lines)-2]) + len(lines[len(lines)-3]) // after the last there is nothing
		if cut > lastTwo {
			return
		}
		left := text[:len(text)-cut]
		o.Journal = journalWith(t, s.Run, left)
		run, err := o.Journal.Read(s.Run)
		if err != nil {
			t.Fatalf("cut by %d: %v", cut, err)
		}
		if torn := !bytes.HasSuffix(left, []byte("\n")); run.Torn != torn || run.Ended != (cut == 0) {
			t.Fatalf("cut by %d: torn %t, ended %t", cut, run.Torn, run.Ended)
		}
		undone, err := remediate.Undo(context.Background(), o, run, remediate.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		clean(t, undone)
		same(t, fmt.Sprintf("undone from a journal cut by %d", cut), before, w.state())
		o.Journal = j
	}
}

// A crash may also tear the record of what was about to be written: then it was
// not written.
func TestTornIntent(t *testing.T) {
	w, dir := newWorld(t), t.TempDir()
	j, err := remediate.OpenJournal(dir)
	if err != nil {
		t.Fatal(err)
	}
	p, changes := few(w)
	o := w.options(j, 1)
	remove := w.server.Faults().Add(awssim.Fault{Kind: awssim.Denied, Operation: "ecr:BatchDeleteImage"})
	s, err := remediate.Apply(context.Background(), o, p, changes)
	if err != nil {
		t.Fatal(err)
	}
	remove()
	if s.Tally[remediate.Failed] != 1 {
		t.Fatalf("%v", s.Tally)
	}
	_, text := fileOf(t, dir, s.Run)
	lines := bytes.SplitAfter(text, []byte("\n"))
	at := slices.IndexFunc(lines, func(l []byte) bool { return bytes.Contains(l, []byte(`"failed"`)) })
	upTo := bytes.Join(lines[:at], nil)
	for cut := range len(lines[at-1]) + 1 {
		o.Journal = journalWith(t, s.Run, upTo[:len(upTo)-cut])
		run, err := o.Journal.Read(s.Run)
		if err != nil {
			t.Fatalf("cut by %d: %v", cut, err)
		}
		if run.Ended || run.Torn != (cut > 0 && cut < len(lines[at-1])) {
			t.Fatalf("cut by %d: torn %t, ended %t", cut, run.Torn, run.Ended)
		}
	}
}

// What was altered anywhere but at the end is refused, with its place.
func TestDamagedJournal(t *testing.T) {
	w, dir := newWorld(t), t.TempDir()
	j, err := remediate.OpenJournal(dir)
	if err != nil {
		t.Fatal(err)
	}
	p, changes := few(w)
	s, err := remediate.Apply(context.Background(), w.options(j, 1), p, changes)
	if err != nil {
		t.Fatal(err)
	}
	path, text := fileOf(t, dir, s.Run)
	lines := bytes.SplitAfter(text, []byte("\n"))
	whole := len(lines) - 1 // after the last there is nothing
	refused := func(what string, damaged []byte, line int) {
		t.Helper()
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := j.Read(s.Run)
		if err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("%s:%d: ", path, line)) {
			t.Fatalf("%s: %v", what, err)
		}
	}
	for n := range whole - 1 {
		refused(fmt.Sprintf("without line %d", n+1), bytes.Join(slices.Delete(slices.Clone(lines), n, n+1), nil), n+1)
	}
	line := 1
	for at := range len(text) - len(lines[whole-1]) - len(lines[whole-2]) {
		for _, bit := range []byte{1, 0x20} { // another letter; the other case of it
			damaged := slices.Clone(text)
			damaged[at] ^= bit
			refused(fmt.Sprintf("with bit %#x of byte %d flipped", bit, at), damaged, line)
		}
		if text[at] == '\n' {
			line++
		}
	}
	if err := os.WriteFile(path, []byte("{}\n"+string(text)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, damaged, err := j.Runs(); err != nil || len(damaged) != 1 {
		t.Errorf("listing the runs: %v, %v", damaged, err)
	}
}

// Whatever is in the file of a run, reading it does not panic.
func FuzzReadRun(f *testing.F) {
	const id = "20261001T120000Z-abcdef"
	dir := f.TempDir()
	j, err := remediate.OpenJournal(dir)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(""))
	f.Add([]byte(`{"record":{"at":"2026-10-01T12:00:00Z","begin":{"id":"x"}},"sum":"00"}` + "\n"))
	f.Add([]byte(`{"record":null,"sum":""}` + "\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(filepath.Join(dir, id+".ndjson"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		run, err := j.Read(id)
		if err == nil {
			remediate.Undoes(run, remediate.Filter{})
			run.Unfinished()
		}
	})
}

// A journal is for its owner only: policies tell who has access.
func TestJournalIsPrivate(t *testing.T) {
	w, dir := newWorld(t), filepath.Join(t.TempDir(), "a", "journal")
	j, err := remediate.OpenJournal(dir)
	if err != nil {
		t.Fatal(err)
	}
	release, err := j.Lock(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	p, changes := few(w)
	if _, err := remediate.Apply(context.Background(), w.options(j, 1), p, changes); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 { // the run, and the lock
		t.Fatal(entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v", info.Mode(), err)
	}
}

// One run at a time uses a journal, whichever process it is in.
func TestLock(t *testing.T) {
	holders := map[string]func(t *testing.T, w *world, dir string) (release func()){
		"this process": func(t *testing.T, _ *world, dir string) func() {
			j, err := remediate.OpenJournal(dir)
			if err != nil {
				t.Fatal(err)
			}
			release, err := j.Lock(t.Context(), 0)
			if err != nil {
				t.Fatal(err)
			}
			return release
		},
		"another process": func(t *testing.T, w *world, dir string) func() {
			child := w.command(errand{Deed: "lock", Journal: dir})
			in, inErr := child.StdinPipe()
			out, outErr := child.StdoutPipe()
			if err := errors.Join(inErr, outErr, child.Start()); err != nil {
				t.Fatal(err)
			}
			if line, err := bufio.NewReader(out).ReadString('\n'); line != "locked\n" {
				t.Fatal(line, err)
			}
			return func() {
				if err := errors.Join(in.Close(), child.Wait()); err != nil {
					t.Error(err)
				}
			}
		},
	}
	for name, hold := range holders {
		t.Run(name, func(t *testing.T) {
			w, dir := newWorld(t), t.TempDir()
			j, err := remediate.OpenJournal(dir)
			if err != nil {
				t.Fatal(err)
			}
			release := hold(t, w, dir)
			if _, err := j.Lock(t.Context(), 0); err == nil || !strings.Contains(err.Error(), "another run is using the journal "+dir) {
				t.Errorf("a second lock: %v", err)
			}
			stopped, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := j.Lock(stopped, time.Minute); !errors.Is(err, context.Canceled) {
				t.Errorf("waiting without an end: %v", err)
			}
			waited := make(chan error)
			go func() {
				again, err := j.Lock(t.Context(), time.Minute)
				if err == nil {
					again()
				}
				waited <- err
			}()
			release()
			if err := <-waited; err != nil {
				t.Errorf("after the other has ended: %v", err)
			}
		})
	}
}
