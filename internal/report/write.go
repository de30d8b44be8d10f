package report

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// WriteError says which output could not be written, why, and what to do. The
// cause is there for errors.Is: syscall.ENOSPC for a full disk, syscall.EPIPE
// when the reader of a pipe has gone, os.ErrClosed.
type WriteError struct {
	Place string // a path, or "standard output", or "the report"
	Err   error
}

func (e *WriteError) Error() string {
	return fmt.Sprintf("writing %s: %v%s", Printable(e.Place), bareError(e.Err), remedy(e.Err))
}

func (e *WriteError) Unwrap() error { return e.Err }

// bareError strips the operation and path that the os package adds: the place
// is named already.
func bareError(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	if le, ok := errors.AsType[*os.LinkError](err); ok {
		return le.Err
	}
	if se, ok := errors.AsType[*os.SyscallError](err); ok {
		return se.Err
	}
	return err
}

func remedy(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "; free space or write elsewhere with -o"
	case errors.Is(err, syscall.EFBIG):
		return "; the file is larger than allowed here: write elsewhere with -o"
	case errors.Is(err, syscall.EPIPE):
		return "; the program that read the report stopped early: let it read to the end or write a file with -o"
	case errors.Is(err, fs.ErrClosed):
		return "; the output was closed early: write a file with -o"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return "; allow writing there or write elsewhere with -o"
	}
	return ""
}

// output buffers what a handler writes. The first error sticks, and what is
// written after it is dropped, so that a group of writes is checked once.
type output struct{ w *bufio.Writer }

func newOutput(w io.Writer) output {
	return output{bufio.NewWriterSize(placed{w}, 64<<10)}
}

func (o output) text(s string) { _, _ = o.w.WriteString(s) }

func (o output) bytes(b []byte) { _, _ = o.w.Write(b) }

// err returns the first error.
func (o output) err() error {
	_, err := o.w.Write(nil)
	return err
}

func (o output) flush() error { return o.w.Flush() }

// placed gives write errors their place, unless they have one.
type placed struct{ w io.Writer }

func (p placed) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	if err == nil {
		return n, nil
	}
	if _, ok := errors.AsType[*WriteError](err); ok {
		return n, err
	}
	place := "the report"
	if f, ok := p.w.(*os.File); ok {
		place = f.Name()
		if f == os.Stdout {
			place = "standard output"
		}
	}
	return n, &WriteError{Place: place, Err: err}
}
