package snapshot

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
)

// Spool keeps the results of targets out of memory until all targets are
// finished, and gives them back in order. Results come in any order and are
// many; what is held of each is its name and where it lies in a temporary file.
//
// Put may be called from many goroutines; Each after the last Put.
type Spool struct {
	mu     sync.Mutex
	file   *os.File
	end    int64
	chunks map[Target][]chunk
	failed error
}

type chunk struct {
	repository string // "" for the registry, which comes first
	offset     int64
	length     int
}

// NewSpool creates an empty spool in the folder for temporary files. Its errors
// name the folder.
func NewSpool() (*Spool, error) {
	file, err := os.CreateTemp("", "ecraudit-spool-*")
	if err != nil {
		return nil, fmt.Errorf("creating a temporary file: %w; set TMPDIR to a folder that can be written", err)
	}
	return &Spool{file: file, chunks: map[Target][]chunk{}}, nil
}

// Put keeps data for a repository of the target, or for its registry where
// the name is empty. After an error every later Put fails with it.
func (s *Spool) Put(target Target, repository string, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	if _, err := s.file.WriteAt(data, s.end); err != nil {
		s.failed = fmt.Errorf("writing the temporary file %s: %w; free space, or set TMPDIR to a larger disk", s.file.Name(), Cause(err))
		return s.failed
	}
	s.chunks[target] = append(s.chunks[target], chunk{repository, s.end, len(data)})
	s.end += int64(len(data))
	return nil
}

// Each calls f with every chunk: targets by account and region, in each the
// registry first, then the repositories by name. f must not keep the data.
func (s *Spool) Each(f func(target Target, repository string, data []byte) error) error {
	for _, target := range s.targets() {
		if err := s.EachOf(target, func(repository string, data []byte) error { return f(target, repository, data) }); err != nil {
			return err
		}
	}
	return nil
}

// EachOf is Each for one target.
func (s *Spool) EachOf(target Target, f func(repository string, data []byte) error) error {
	chunks := s.chunks[target]
	slices.SortStableFunc(chunks, func(a, b chunk) int { return cmp.Compare(a.repository, b.repository) })
	var buffer []byte
	for _, c := range chunks {
		buffer = slices.Grow(buffer[:0], c.length)[:c.length]
		if _, err := s.file.ReadAt(buffer, c.offset); err != nil {
			return fmt.Errorf("reading the temporary file %s back: %w", s.file.Name(), Cause(err))
		}
		if err := f(c.repository, buffer); err != nil {
			return err
		}
	}
	return nil
}

func (s *Spool) targets() []Target {
	targets := make([]Target, 0, len(s.chunks))
	for target := range s.chunks {
		targets = append(targets, target)
	}
	slices.SortFunc(targets, Target.Compare)
	return targets
}

// Close removes the file.
func (s *Spool) Close() error {
	return errors.Join(s.file.Close(), os.Remove(s.file.Name()))
}

// Cause drops the operation and path that errors of package os repeat.
func Cause(err error) error {
	if path := (*os.PathError)(nil); errors.As(err, &path) {
		return path.Err
	}
	return err
}
