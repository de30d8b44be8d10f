package report

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
)

// spill keeps text that must be shown later, by section: the tail of each
// section in memory, the rest in one temporary file, which exists only once
// a section is longer than a chunk. What is held in memory is a chunk for each
// section and a few bytes for each chunk in the file.
type spill struct {
	file   *os.File
	size   int64
	buffer []byte // of copy
}

// chunkSize is how much of a section is held in memory before it is written
// out, in bytes.
const chunkSize = 32 << 10

// spilled is the text of one section.
type spilled struct {
	tail   []byte
	chunks []chunk
}

type chunk struct {
	offset int64
	length int64
}

// settle moves the tail of a section to the file if it has grown long.
func (s *spill) settle(section *spilled) error {
	if len(section.tail) < chunkSize {
		return nil
	}
	return s.store(section)
}

// store moves the tail of a section to the file.
func (s *spill) store(section *spilled) error {
	if len(section.tail) == 0 {
		return nil
	}
	if err := s.open(); err != nil {
		return err
	}
	n, err := s.file.WriteAt(section.tail, s.size)
	if err != nil {
		return fmt.Errorf("keeping findings in the temporary file %s: %w; free space or set TMPDIR to a folder with more", s.file.Name(), bareError(err))
	}
	section.chunks = append(section.chunks, chunk{s.size, int64(n)})
	s.size += int64(n)
	section.tail = section.tail[:0]
	return nil
}

func (s *spill) open() error {
	if s.file != nil {
		return nil
	}
	file, err := os.CreateTemp("", "ecraudit-*")
	if err != nil {
		return fmt.Errorf("creating a temporary file in %s: %w; set TMPDIR to a folder that can be written", os.TempDir(), bareError(err))
	}
	// Where an open file can be removed nothing stays behind, however the
	// process ends; elsewhere Close removes it.
	_ = os.Remove(file.Name())
	s.file = file
	return nil
}

// join appends the text of a section, which has ended, to another.
func (s *spill) join(to, ended *spilled) error {
	if len(ended.chunks) > 0 {
		if err := s.store(to); err != nil {
			return err
		}
		to.chunks = append(to.chunks, ended.chunks...)
	}
	to.tail = append(to.tail, ended.tail...)
	return s.settle(to)
}

// reader reads the text of a section.
func (s *spill) reader(section *spilled) io.Reader {
	readers := make([]io.Reader, 0, len(section.chunks)+1)
	for _, c := range section.chunks {
		readers = append(readers, io.NewSectionReader(s.file, c.offset, c.length))
	}
	return io.MultiReader(append(readers, bytes.NewReader(section.tail))...)
}

// copy writes the text of a section to w.
func (s *spill) copy(w io.Writer, section *spilled) error {
	for _, c := range section.chunks {
		s.buffer = slices.Grow(s.buffer[:0], int(c.length))[:c.length]
		if _, err := s.file.ReadAt(s.buffer, c.offset); err != nil {
			return fmt.Errorf("reading the temporary file %s back: %w", s.file.Name(), bareError(err))
		}
		if _, err := w.Write(s.buffer); err != nil {
			return err
		}
	}
	_, err := w.Write(section.tail)
	return err
}

// Close removes the temporary file, if there is one.
func (s *spill) Close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	_ = os.Remove(s.file.Name())
	s.file = nil
	return err
}
