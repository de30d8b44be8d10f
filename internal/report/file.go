package report

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// File is an output that appears whole or not at all: it is written beside its
// destination under a temporary name, and Commit renames it. Write and Commit
// return a *WriteError.
type File struct {
	path string   // as the user wrote it, for messages
	dest string   // what Commit replaces; empty when written directly
	f    *os.File // nil after Commit or Abort
	err  error    // the first failed write
}

// Create opens path for writing. The file at path stays as it is until
// Commit. A symbolic link stays one: the file that it leads to is replaced.
// What exists and is no regular file (a device, a pipe, /dev/stdout) is
// written directly. The error names the path and what to do, and is returned
// before anything is done that a longer run would waste.
func Create(path string) (*File, error) {
	if path == os.DevNull || isStdout(path) {
		return createDirect(path)
	}
	dest, err := resolveLinks(path)
	if err != nil {
		return nil, createError(path, err)
	}
	info, err := os.Stat(dest)
	switch {
	case err == nil && info.IsDir():
		return nil, fmt.Errorf("creating %s: it is a folder; name a file in it", Printable(path))
	case err == nil && (!info.Mode().IsRegular() || isDescriptor(dest)):
		return createDirect(path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, createError(path, err)
	}
	mode, existing := fs.FileMode(0o666), err == nil
	if existing {
		// Whoever forbade writing to the file did not mean its replacement either.
		probe, err := os.OpenFile(dest, os.O_WRONLY, 0)
		if err != nil {
			return nil, createError(path, err)
		}
		_ = probe.Close()
		mode = info.Mode().Perm()
	}
	f, err := createBeside(dest, mode)
	if err != nil {
		return nil, createError(path, err)
	}
	if existing {
		_ = f.Chmod(mode) // what the umask took away; a file system without modes is fine too
	}
	return &File{path: path, dest: dest, f: f}, nil
}

func createDirect(path string) (*File, error) {
	if isStdout(path) {
		// Opening /dev/stdout anew would write at the start of a redirected file.
		return &File{path: path, f: os.Stdout}, nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, createError(path, err)
	}
	return &File{path: path, f: f}, nil
}

func isStdout(path string) bool {
	return path == "/dev/stdout" || path == "/dev/fd/1" || path == "/proc/self/fd/1"
}

// isDescriptor tells paths that name an open file of this process, which may
// be a regular file and still must not be replaced.
func isDescriptor(path string) bool {
	return strings.HasPrefix(path, "/dev/fd/") || strings.HasPrefix(path, "/proc/")
}

// resolveLinks follows path to what it finally names, which need not exist.
func resolveLinks(path string) (string, error) {
	const tooMany = 40
	for range tooMany {
		target, err := os.Readlink(path)
		if err != nil || isDescriptor(path) {
			return path, nil //nolint:nilerr // not a link, or nothing there: that is the answer
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	return "", fmt.Errorf("more than %d symbolic links", tooMany)
}

// createBeside creates a new hidden file in the folder of dest. It does not
// use os.CreateTemp, whose files ignore the umask.
func createBeside(dest string, mode fs.FileMode) (*os.File, error) {
	for {
		name := filepath.Join(filepath.Dir(dest), fmt.Sprintf(".ecraudit-%08x.tmp", rand.Uint32()))
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}

func createError(path string, err error) error {
	folder := Printable(filepath.Dir(path))
	advice := ""
	switch {
	case errors.Is(err, fs.ErrNotExist):
		advice = fmt.Sprintf("; the folder %s does not exist: create it or write elsewhere with -o", folder)
	case errors.Is(err, fs.ErrPermission):
		advice = fmt.Sprintf("; allow writing in the folder %s or write elsewhere with -o", folder)
	default:
		if advice = remedy(err); advice == "" {
			advice = fmt.Sprintf("; look at the folder %s or write elsewhere with -o", folder)
		}
	}
	return fmt.Errorf("creating %s: %w%s", Printable(path), bareError(err), advice)
}

// Write writes to the temporary file, or to the destination when that is
// written directly.
func (f *File) Write(b []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	if f.f == nil {
		return 0, &WriteError{f.path, fs.ErrClosed}
	}
	n, err := f.f.Write(b)
	if err != nil {
		f.err = &WriteError{f.path, err}
	}
	return n, f.err
}

// Commit makes what was written the file at the path. When it fails, or a
// write failed before, the destination is as it was and nothing is left
// behind.
func (f *File) Commit() error {
	if f.err == nil && f.f == nil {
		f.err = fs.ErrClosed
	}
	if f.err == nil {
		f.err = f.finish()
	}
	if f.err != nil {
		f.Abort()
		if _, ok := errors.AsType[*WriteError](f.err); !ok {
			f.err = &WriteError{f.path, f.err}
		}
		return f.err
	}
	f.f = nil
	return nil
}

func (f *File) finish() error {
	if f.dest == "" {
		if f.f == os.Stdout {
			return nil
		}
		return f.f.Close()
	}
	if err := f.f.Sync(); err != nil {
		return err
	}
	if err := f.f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.f.Name(), f.dest); err != nil {
		return err
	}
	// The rename itself should survive a power cut; not every file system can
	// promise that, and the file is there either way.
	if folder, err := os.Open(filepath.Dir(f.dest)); err == nil {
		_ = folder.Sync()
		_ = folder.Close()
	}
	return nil
}

// Abort removes what was written, and does nothing after Commit, so that it
// can be deferred. What was written directly to a device or pipe stays there.
func (f *File) Abort() {
	if f.f == nil {
		return
	}
	if f.f != os.Stdout {
		_ = f.f.Close()
	}
	if f.dest != "" {
		_ = os.Remove(f.f.Name())
	}
	f.f = nil
}
