package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// content returns what the folder holds, by name.
func content(t *testing.T, folder string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for _, e := range entries {
		if target, err := os.Readlink(filepath.Join(folder, e.Name())); err == nil {
			files[e.Name()] = "-> " + target
			continue
		}
		body, _ := os.ReadFile(filepath.Join(folder, e.Name()))
		files[e.Name()] = string(body)
	}
	return files
}

func create(t *testing.T, path string) *File {
	t.Helper()
	f, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFile(t *testing.T) {
	write := func(t *testing.T, path, body string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	link := func(t *testing.T, target, path string) {
		t.Helper()
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
	}
	cases := map[string]struct {
		prepare func(t *testing.T, dir string)
		want    map[string]string // after Commit
	}{
		"new":            {func(*testing.T, string) {}, map[string]string{"out": "new"}},
		"existing":       {func(t *testing.T, dir string) { write(t, dir+"/out", "old", 0o644) }, map[string]string{"out": "new"}},
		"link":           {func(t *testing.T, dir string) { write(t, dir+"/real", "old", 0o644); link(t, "real", dir+"/out") }, map[string]string{"real": "new", "out": "-> real"}},
		"dangling link":  {func(t *testing.T, dir string) { link(t, "real", dir+"/out") }, map[string]string{"real": "new", "out": "-> real"}},
		"link to a link": {func(t *testing.T, dir string) { link(t, "real", dir+"/b"); link(t, "b", dir+"/out") }, map[string]string{"real": "new", "b": "-> real", "out": "-> b"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c.prepare(t, dir)
			before := content(t, dir)

			f := create(t, dir+"/out")
			put(t, f, "new")
			f.Abort()
			if diff := cmp.Diff(before, content(t, dir)); diff != "" {
				t.Errorf("Abort left something (-before +after):\n%s", diff)
			}

			f = create(t, dir+"/out")
			put(t, f, "new")
			if got, err := os.ReadFile(dir + "/out"); string(got) != before["out"] && err == nil && !strings.HasPrefix(before["out"], "->") {
				t.Errorf("the destination holds %q before Commit", got)
			}
			if err := f.Commit(); err != nil {
				t.Fatal(err)
			}
			f.Abort() // as deferred calls do
			if diff := cmp.Diff(c.want, content(t, dir)); diff != "" {
				t.Errorf("after Commit (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFileMode(t *testing.T) {
	old := syscall.Umask(0o027)
	defer syscall.Umask(old)
	dir := t.TempDir()
	existing := filepath.Join(dir, "existing")
	if err := os.WriteFile(existing, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(existing, 0o666); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{existing: 0o666, filepath.Join(dir, "new"): 0o640} {
		if err := create(t, path).Commit(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode() != want {
			t.Errorf("%s has mode %v (%v), want %v", filepath.Base(path), info.Mode(), err, want)
		}
	}
}

func TestFileWritesDirectly(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	read := make(chan string)
	go func() {
		body, _ := os.ReadFile(fifo)
		read <- string(body)
	}()
	f := create(t, fifo)
	put(t, f, "through the pipe")
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := <-read; got != "through the pipe" {
		t.Errorf("the pipe carried %q", got)
	}
	if info, err := os.Lstat(fifo); err != nil || info.Mode().Type() != os.ModeNamedPipe {
		t.Errorf("the pipe became %v (%v)", info, err)
	}

	f = create(t, os.DevNull)
	put(t, f, "gone")
	if err := f.Commit(); err != nil {
		t.Error(err)
	}

	// An open file of this process, which /dev/fd names, is not replaced.
	open, err := os.Create(filepath.Join(dir, "open"))
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	put(t, open, "before, ")
	f = create(t, fmt.Sprintf("/dev/fd/%d", open.Fd()))
	put(t, f, "after")
	if err := f.Commit(); err != nil {
		t.Error(err)
	}
	if got, _ := os.ReadFile(open.Name()); string(got) != "before, after" {
		t.Errorf("the open file holds %q", got)
	}
}

func TestCreateErrors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("loop", filepath.Join(dir, "loop")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir:                 "it is a folder; name a file in it",
		dir + "/none/out":   fmt.Sprintf("no such file or directory; the folder %s/none does not exist: create it or write elsewhere with -o", dir),
		file + "/out":       fmt.Sprintf("not a directory; look at the folder %s or write elsewhere with -o", file),
		"/sys/kernel/out":   "; allow writing in the folder /sys/kernel or write elsewhere with -o", // even for root
		dir + "/loop":       "symbolic links",
		dir + "/a\x1b[2J/o": `a\x1b[2J does not exist`,
	} {
		f, err := Create(path)
		if err == nil {
			f.Abort()
		}
		if err == nil || !strings.Contains(err.Error(), "creating "+Printable(path)) || !strings.Contains(err.Error(), want) {
			t.Errorf("Create(%q): %v, want %q", path, err, want)
		}
	}
	if diff := cmp.Diff(2, len(content(t, dir))); diff != "" {
		t.Errorf("something was left behind: %v", content(t, dir))
	}
}

// A full disk, a reader that went away and a closed file end each format with
// an error that names the place and the remedy.
func TestWriteErrors(t *testing.T) {
	gone, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	defer pipe.Close()
	closed, err := os.Create(filepath.Join(t.TempDir(), "closed"))
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for _, format := range Formats() {
		for _, c := range []struct {
			w     io.Writer
			cause error
			want  string
		}{
			{create(t, "/dev/full"), syscall.ENOSPC, "writing /dev/full: no space left on device; free space or write elsewhere with -o"},
			{pipe, syscall.EPIPE, "writing |1: broken pipe; the program that read the report stopped early: let it read to the end or write a file with -o"},
			{closed, os.ErrClosed, "writing " + closed.Name() + ": file already closed; the output was closed early: write a file with -o"},
			{failingWriter{}, io.ErrShortWrite, "writing the report: short write"},
		} {
			h, _ := New(format, c.w, Options{})
			err := typical().play(h)
			var we *WriteError
			if !errors.As(err, &we) || !errors.Is(err, c.cause) || err.Error() != c.want {
				t.Errorf("%s: %v, want %s", format, err, c.want)
			}
		}
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestCommitAfterFailedWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := create(t, path)
	f.f.Close() // as a disk that vanishes
	if _, err := io.WriteString(f, "new"); err == nil {
		t.Error("the write succeeds")
	}
	for range 2 {
		if err := f.Commit(); err == nil || !strings.HasPrefix(err.Error(), "writing "+path) {
			t.Errorf("Commit: %v", err)
		}
	}
	if diff := cmp.Diff(map[string]string{"out": "old"}, content(t, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The table's temporary file is gone when the run is over, however it ends.
func TestSpillLeavesNothing(t *testing.T) {
	s := long(3000)
	for name, end := range map[string]func(h Handler) error{
		"End":   s.play,
		"Close": func(h Handler) error { _ = h.Begin(s.run); _ = h.Finding(s.findings[0]); return Close(h) },
		"failed": func(h Handler) error {
			h.(*table).out.w.Reset(failingWriter{})
			if s.play(h) == nil {
				return errors.New("no error")
			}
			return nil
		},
	} {
		dir := t.TempDir()
		t.Setenv("TMPDIR", dir)
		h, _ := New("table", io.Discard, Options{All: true})
		if err := end(h); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if left := content(t, dir); len(left) > 0 {
			t.Errorf("%s leaves %d files", name, len(left))
		}
	}
}

func TestSpillErrors(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "none"))
	h, _ := New("table", io.Discard, Options{All: true})
	err := long(3000).play(h)
	if err == nil || !strings.Contains(err.Error(), "creating a temporary file in") || !strings.Contains(err.Error(), "set TMPDIR") {
		t.Errorf("without a folder for temporary files: %v", err)
	}
}

// What comes back from the temporary file is what went in, section by section.
func TestSpillKeepsOrder(t *testing.T) {
	s := long(5000)
	var out bytes.Buffer
	h, _ := New("table", &out, Options{All: true})
	if err := s.play(h); err != nil {
		t.Fatal(err)
	}
	if h.(*table).findings.(*sections).spill.size == 0 {
		t.Fatal("nothing was spilled")
	}
	for _, rule := range s.run.Rules {
		_, section, _ := strings.Cut(out.String(), "  "+rule.ID+": ")
		section, _, _ = strings.Cut(section, "\n\n")
		next := 0
		for line := range strings.Lines(section) {
			if _, message, ok := strings.Cut(line, ": finding "); ok {
				var n int
				if _, err := fmt.Sscanf(message, "%d", &n); err != nil {
					t.Fatal(err)
				}
				if n < next {
					t.Fatalf("%s: finding %d comes after %d", rule.ID, n, next)
				}
				next = n
			}
		}
		if next == 0 {
			t.Errorf("%s: no findings", rule.ID)
		}
	}
}

func put(t *testing.T, w io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		t.Error(err)
	}
}
