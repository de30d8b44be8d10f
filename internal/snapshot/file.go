package snapshot

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
)

// The snapshot file is NDJSON inside zstd: a header with the targets, then for
// each target its registry and its repositories, each followed by its images
// in pages, and last a record with counts and the SHA-256 of all lines before
// it. What ends without that record is truncated; what does not agree with it
// was altered.
const (
	FileSchema  = "ecraudit.snapshot/v1"
	fileVersion = 1
	imagesPage  = 1000
	fileWindow  = 1 << 20 // bytes that compression looks back: more takes memory and gains little
)

// Header opens a snapshot file.
type Header struct {
	Schema       string         `json:"schema"`
	Version      int            `json:"version"`
	Tool         string         `json:"tool"` // the version of ecraudit that wrote it
	Clock        time.Time      `json:"clock"`
	Needs        []Need         `json:"needs"`
	Organization Organization   `json:"organization"`
	Interrupted  bool           `json:"interrupted,omitempty"`
	AllRegions   bool           `json:"all_regions,omitempty"` // all that each account has enabled were asked for
	Targets      []TargetResult `json:"targets"`
}

// trailer closes a snapshot file.
type trailer struct {
	Records      int    `json:"records"`
	Repositories int    `json:"repositories"`
	Images       int    `json:"images"`
	Digest       string `json:"digest"` // "sha256:<64 hex>" of the lines before
}

// record is one line of the file; exactly one field is set.
type record struct {
	Header     *Header     `json:"header,omitempty"`
	Registry   *Registry   `json:"registry,omitempty"`
	Repository *Repository `json:"repository,omitempty"`
	Images     []Image     `json:"images,omitempty"`
	End        *trailer    `json:"end,omitempty"`
}

// Writer collects a snapshot and writes it when all of it is there. It is the
// sink of a collection: its methods may be called from many goroutines.
type Writer struct {
	spool   *Spool
	encoder *zstd.Encoder // for chunks
	mu      sync.Mutex
	header  Header
}

// NewWriter starts a snapshot. Close must be called.
func NewWriter(header Header) (*Writer, error) {
	spool, err := NewSpool()
	if err != nil {
		return nil, err
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(fileWindow))
	if err != nil {
		return nil, errors.Join(err, spool.Close())
	}
	header.Schema, header.Version = FileSchema, fileVersion
	return &Writer{spool: spool, encoder: encoder, header: header}, nil
}

// Begin notes the organization.
func (w *Writer) Begin(o Organization) error {
	w.header.Organization = o
	return nil
}

// Registry keeps a registry.
func (w *Writer) Registry(_ context.Context, r *Registry) error {
	return w.put(r.Target, "", record{Registry: r})
}

// Repository keeps a repository and its images.
func (w *Writer) Repository(_ context.Context, _ *Registry, r *Repository) error {
	records := []record{{Repository: r}}
	for page := range slices.Chunk(r.Images, imagesPage) {
		records = append(records, record{Images: page})
	}
	return w.put(r.Target, r.Name, records...)
}

func (w *Writer) put(target Target, repository string, records ...record) error {
	var lines bytes.Buffer
	for _, r := range records {
		if err := writeLine(&lines, r); err != nil {
			return err
		}
	}
	return w.spool.Put(target, repository, w.encoder.EncodeAll(lines.Bytes(), nil))
}

// Done notes how a target ended.
func (w *Writer) Done(t TargetResult) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.header.Targets = append(w.header.Targets, t)
	return nil
}

// Write writes the whole file. interrupted says that the collection was.
func (w *Writer) Write(to io.Writer, interrupted bool) error {
	w.header.Interrupted = interrupted
	slices.SortFunc(w.header.Targets, func(a, b TargetResult) int { return a.Target.Compare(b.Target) })
	compressed, err := zstd.NewWriter(to, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(fileWindow))
	if err != nil {
		return err
	}
	lines := &lineCounter{to: compressed, hash: sha256.New()}
	if err := writeLine(lines, record{Header: &w.header}); err != nil {
		return err
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer decoder.Close()
	var buffer []byte
	err = w.spool.Each(func(_ Target, _ string, data []byte) error {
		buffer, err = decoder.DecodeAll(data, buffer[:0])
		if err == nil {
			_, err = lines.Write(buffer)
		}
		return err
	})
	if err != nil {
		return err
	}
	end := trailer{Records: lines.n, Digest: lines.digest()}
	for _, t := range w.header.Targets {
		end.Repositories += t.Repositories
		end.Images += t.Images
	}
	return errors.Join(writeLine(compressed, record{End: &end}), compressed.Close())
}

// Close removes what Writer keeps on disk.
func (w *Writer) Close() error { return w.spool.Close() }

func writeLine(to io.Writer, r record) error {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encoding a snapshot: %w", err)
	}
	_, err = to.Write(append(line, '\n'))
	return err
}

// lineCounter counts and hashes the lines that pass through it.
type lineCounter struct {
	to   io.Writer
	hash hash.Hash
	n    int
}

func (l *lineCounter) Write(p []byte) (int, error) {
	l.hash.Write(p)
	l.n += bytes.Count(p, []byte{'\n'})
	return l.to.Write(p)
}

func (l *lineCounter) digest() string { return "sha256:" + hex.EncodeToString(l.hash.Sum(nil)) }

// Handler receives what a snapshot file holds, in the file's order.
type Handler interface {
	Registry(context.Context, *Registry) error
	Repository(context.Context, *Registry, *Repository) error
}

// Reader reads a snapshot file.
type Reader struct {
	Header  Header
	name    string
	lines   *bufio.Reader
	decoder *zstd.Decoder
	hash    hash.Hash
	read    trailer // counted so far
}

// What can be wrong with a snapshot file. Errors of this package wrap one of
// these; the message names the file.
var (
	ErrNotSnapshot = errors.New("is not a snapshot of ecraudit")
	ErrNewer       = errors.New("was written by a newer ecraudit")
	ErrTruncated   = errors.New("ends too early")
	ErrAltered     = errors.New("was altered after it was written")
)

// NewReader reads the header. name is for error messages.
func NewReader(from io.Reader, name string) (*Reader, error) {
	decoder, err := zstd.NewReader(from, zstd.WithDecoderMaxMemory(maxDecoderMemory))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	r := &Reader{name: name, decoder: decoder, lines: bufio.NewReaderSize(decoder, 1<<20), hash: sha256.New()}
	var probe struct {
		Header *struct {
			Schema  string `json:"schema"`
			Version int    `json:"version"`
		} `json:"header"`
	}
	line, err := r.lines.ReadBytes('\n')
	if err != nil || json.Unmarshal(line, &probe) != nil || probe.Header == nil || probe.Header.Schema != FileSchema && probe.Header.Version == 0 {
		decoder.Close()
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, r.fail(ErrTruncated, "in its first line; collect it again with ecraudit snapshot")
		}
		return nil, r.fail(ErrNotSnapshot, "make one with: ecraudit snapshot -o FILE")
	}
	if probe.Header.Version > fileVersion {
		decoder.Close()
		return nil, r.fail(ErrNewer, fmt.Sprintf("its format is version %d, this program reads up to %d: use a newer ecraudit", probe.Header.Version, fileVersion))
	}
	var first record
	if err := json.Unmarshal(line, &first); err != nil {
		decoder.Close()
		return nil, r.fail(ErrAltered, err.Error())
	}
	r.hash.Write(line)
	r.read.Records = 1
	r.Header = *first.Header
	return r, nil
}

const maxDecoderMemory = 1 << 30

func (r *Reader) fail(kind error, detail string) error {
	return fmt.Errorf("%s %w: %s", r.name, kind, detail)
}

// Close frees the decoder.
func (r *Reader) Close() { r.decoder.Close() }

// Read hands everything to the handler and makes sure that the file is whole.
// An error about the file wraps one of the errors above; it can come after
// everything was handed on.
func (r *Reader) Read(ctx context.Context, h Handler) error {
	var registry *Registry
	var repository *Repository
	flush := func() error {
		if repository == nil {
			return nil
		}
		done := repository
		repository = nil
		r.read.Repositories++
		r.read.Images += len(done.Images)
		return h.Repository(ctx, registry, done)
	}
	for {
		next, err := r.next()
		if err != nil {
			return err
		}
		switch {
		case next.Images != nil && repository != nil:
			repository.Images = append(repository.Images, next.Images...)
			continue
		case next.Registry != nil:
			if err := errors.Join(flush(), ctx.Err()); err != nil {
				return err
			}
			registry = next.Registry
			err = h.Registry(ctx, registry)
		case next.Repository != nil && registry != nil && registry.Target == next.Repository.Target:
			err = errors.Join(flush(), ctx.Err())
			repository = next.Repository
		case next.End != nil:
			return errors.Join(flush(), r.checkEnd(*next.End))
		default:
			return r.fail(ErrAltered, fmt.Sprintf("line %d stands where it cannot", r.read.Records))
		}
		if err != nil {
			return err
		}
	}
}

// next reads a record. The end record is not part of the digest.
func (r *Reader) next() (record, error) {
	line, err := r.lines.ReadBytes('\n')
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return record{}, r.fail(ErrTruncated, fmt.Sprintf("after line %d; copy it again, or collect it again with ecraudit snapshot", r.read.Records))
	case err != nil:
		return record{}, r.fail(ErrAltered, fmt.Sprintf("after line %d: %v", r.read.Records, err))
	}
	var next record
	if err := json.Unmarshal(line, &next); err != nil {
		return record{}, r.fail(ErrAltered, fmt.Sprintf("line %d: %v", r.read.Records+1, err))
	}
	if next.End == nil {
		r.hash.Write(line)
		r.read.Records++
	}
	return next, nil
}

func (r *Reader) checkEnd(end trailer) error {
	r.read.Digest = "sha256:" + hex.EncodeToString(r.hash.Sum(nil))
	if r.read != end {
		return r.fail(ErrAltered, "its contents and its closing record do not agree; collect it again with ecraudit snapshot")
	}
	if _, err := r.lines.ReadByte(); err != io.EOF {
		return r.fail(ErrAltered, "something follows its closing record")
	}
	return nil
}
