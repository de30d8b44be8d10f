package remediate

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Journal is a folder with a file for each run that wrote to AWS. A file is
// NDJSON that is only ever appended to. Each line holds a record and a checksum
// over it and everything before it, so a line that was altered or taken out
// shows; a last line that a crash tore is recognized and left out.
type Journal struct{ dir string }

// JournalIn is the journal in a folder, to be read; one that is not there is
// empty.
func JournalIn(dir string) *Journal { return &Journal{dir} }

// OpenJournal opens the folder to write to it, and makes it where there is none.
// What it holds is for its owner only: policies tell who has access.
func OpenJournal(dir string) (*Journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the journal %s: %w; name another folder with --journal", dir, snapshot.Cause(err))
	}
	return &Journal{dir}, nil
}

// RunKind says what a run did.
type RunKind string

// The kinds of runs.
const (
	RunApply   RunKind = "apply"
	RunUndo    RunKind = "undo"
	RunRestore RunKind = "restore"
	RunPurge   RunKind = "purge"
)

// RunHead is the first record of a run.
type RunHead struct {
	ID           string  `json:"id"`
	Kind         RunKind `json:"kind"`
	Version      string  `json:"version"` // of ecraudit
	Plan         string  `json:"plan,omitempty"`
	Organization string  `json:"organization,omitempty"`
	Partition    string  `json:"partition,omitempty"`
	Caller       string  `json:"caller"` // ARN
	Undoes       string  `json:"undoes,omitempty"`
	Changes      int     `json:"changes"`
}

// intent is what is about to be written: enough to undo it.
type intent struct {
	Change string `json:"change"`
	Kind   Kind   `json:"kind"`
	snapshot.Target
	Repository string       `json:"repository,omitempty"`
	Summary    []string     `json:"summary"`
	Step       Step         `json:"step"` // from what was really there
	Expected   *expectation `json:"expected,omitempty"`
}

// expectation is what a plan said that a lifecycle policy expires. It is in the
// journal so that whoever puts that policy again, by undoing an undo, has AWS's
// preview held against it again.
type expectation struct {
	Policy string  `json:"policy"` // its text
	Expiry *Expiry `json:"expiry"`
}

// record is one line of a run's file. Exactly one of its fields is set.
type record struct {
	At     time.Time `json:"at"`
	Begin  *RunHead  `json:"begin,omitempty"`
	Intent *intent   `json:"intent,omitempty"`
	Result *Result   `json:"result,omitempty"`
	End    *Tally    `json:"end,omitempty"`
}

type line struct {
	Record json.RawMessage `json:"record"`
	Sum    string          `json:"sum"`
}

// encode is the line as it stands in the file. A line that reads the same but
// is written otherwise was altered.
func (l line) encode() []byte {
	return fmt.Appendf(nil, `{"record":%s,"sum":"%s"}`+"\n", l.Record, l.Sum)
}

// chain is the checksum of a record after those before it.
func chain(before string, record []byte) string {
	sum := sha256.Sum256(append([]byte(before), record...))
	return hex.EncodeToString(sum[:16])
}

// Lock keeps other processes from writing to AWS with this journal at the same
// time. It waits as long as it is told to.
func (j *Journal) Lock(ctx context.Context, wait time.Duration) (release func(), err error) {
	path := filepath.Join(j.dir, "lock")
	lock := flock.New(path, flock.SetPermissions(0o600))
	bounded, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	locked, err := lock.TryLock()
	if err == nil && !locked && wait > 0 {
		const pause = 100 * time.Millisecond
		locked, err = lock.TryLockContext(bounded, pause)
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil && !errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("locking the journal %s: %w; name another folder with --journal", j.dir, snapshot.Cause(err))
	case !locked:
		return nil, fmt.Errorf("another run is using the journal %s: wait for it to end (--wait 10m), or name another folder with --journal", j.dir)
	}
	return func() { _ = lock.Close() }, nil
}

// begin starts the file of a new run.
func (j *Journal) begin(head RunHead, now time.Time) (*runLog, error) {
	head.ID = now.UTC().Format("20060102T150405Z") + "-" + strings.ToLower(rand.Text()[:6])
	path := filepath.Join(j.dir, head.ID+runSuffix)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("writing the journal %s: %w; name another folder with --journal", j.dir, snapshot.Cause(err))
	}
	l := &runLog{head: head, path: path, file: file}
	if err := errors.Join(l.write(record{Begin: &head}), syncFolder(j.dir)); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return l, nil
}

// syncFolder makes a new file's name last.
func syncFolder(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) {
		return err
	}
	return nil
}

// runLog is the file of a run under way. Records of several changes that come at
// the same time share one sync to the disk.
type runLog struct {
	head RunHead
	path string
	file *os.File

	mu      sync.Mutex
	sum     string
	pending bytes.Buffer
	batch   *batch
	syncing bool
	intents int
	failed  error // the first error; nothing is written after it
}

type batch struct {
	done chan struct{}
	err  error
}

// write appends a record, and returns when it is on the disk.
func (l *runLog) write(r record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.add(r); err != nil {
		return err
	}
	if l.batch == nil {
		l.batch = &batch{done: make(chan struct{})}
	}
	mine := l.batch
	if l.syncing {
		l.mu.Unlock()
		<-mine.done
		l.mu.Lock()
		return mine.err
	}
	l.syncing = true
	for l.batch != nil {
		l.sync()
	}
	l.syncing = false
	return mine.err
}

// note appends a record that a crash of the machine may lose, though not one of
// the process: how something ended, which undo finds out anyway.
func (l *runLog) note(r record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.add(r); err != nil {
		return err
	}
	if !l.syncing {
		l.flush()
	}
	return l.failed
}

// add puts a record after those before it. The lock must be held, here and
// below.
func (l *runLog) add(r record) error {
	r.At = time.Now().UTC()
	text, err := encodeLine(r)
	if err != nil {
		return err
	}
	if r.Intent != nil {
		l.intents++
	}
	l.sum = chain(l.sum, text)
	l.pending.Write(line{text, l.sum}.encode())
	return nil
}

// sync brings what is pending to the disk for a batch, with the lock given up
// while the disk works.
func (l *runLog) sync() {
	now := l.batch
	l.batch = nil
	l.flush()
	if l.failed == nil {
		l.mu.Unlock()
		err := l.file.Sync()
		l.mu.Lock()
		l.fail(err)
	}
	now.err = l.failed
	close(now.done)
	l.flush() // what was noted meanwhile
}

// flush writes what is pending to the file.
func (l *runLog) flush() {
	if l.failed == nil && l.pending.Len() > 0 {
		_, err := l.file.Write(l.pending.Bytes())
		l.fail(err)
	}
	l.pending.Reset()
}

// fail keeps the first error.
func (l *runLog) fail(err error) {
	if err != nil && l.failed == nil {
		l.failed = fmt.Errorf("writing the journal %s: %w", l.path, snapshot.Cause(err))
	}
}

func encodeLine(r record) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func (l *runLog) close() error { return l.file.Close() }

const runSuffix = ".ndjson"

var runForm = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-[a-z0-9]{6}$`)

// Run is a run as the journal tells it.
type Run struct {
	RunHead
	At       time.Time
	Results  []Result
	Tally    Tally
	Ended    bool   // false when it was interrupted, or is still running
	Torn     bool   // the last line is incomplete: it was being written at a crash
	UndoneBy string // the newest run that undid it, or some of it; empty when none did

	intents []intent
	inForce map[string]bool // by change; only known to [Journal.Runs]
}

// Wrote reports whether the run may have written to AWS.
func (r *Run) Wrote() bool { return len(r.intents) > 0 }

// Unfinished are the changes that were begun and of which no result is known,
// because the run crashed.
func (r *Run) Unfinished() (open []Result) {
	known := map[string]bool{}
	for _, one := range r.Results {
		known[one.Change] = true
	}
	for _, i := range r.intents {
		if !known[i.Change] {
			known[i.Change] = true
			open = append(open, Result{Change: i.Change, Kind: i.Kind, Target: i.Target, Repository: i.Repository, Summary: i.Summary})
		}
	}
	return open
}

// Read reads one run. The error says what to do about a run that does not exist
// or is damaged.
func (j *Journal) Read(id string) (*Run, error) {
	if !runForm.MatchString(id) {
		return nil, fmt.Errorf("%q is not the id of a run: ecraudit journal lists them", id)
	}
	path := filepath.Join(j.dir, id+runSuffix)
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file: take it out of the journal", path)
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the journal %s has no run %s: ecraudit journal lists them", j.dir, id)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the journal %s: %w", j.dir, snapshot.Cause(err))
	}
	defer file.Close()
	run, err := readRun(file, path)
	if err == nil && run.ID != id {
		return nil, fmt.Errorf("%s is a copy of the run %s: take it out of the journal", path, run.ID)
	}
	return run, err
}

func readRun(r io.Reader, path string) (*Run, error) {
	run := &Run{}
	reader := bufio.NewReader(r)
	sum := ""
	for n := 1; ; n++ {
		text, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			run.Torn = len(text) > 0
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, snapshot.Cause(err))
		}
		var l line
		whole := json.Unmarshal(text, &l) == nil && bytes.Equal(text, l.encode())
		if !whole {
			if _, err := reader.Peek(1); errors.Is(err, io.EOF) {
				run.Torn = true
				break
			}
		}
		if !whole || chain(sum, l.Record) != l.Sum {
			return nil, fmt.Errorf("%s:%d: the journal was altered or damaged: its checksum is wrong", path, n)
		}
		sum = l.Sum
		if err := run.add(l.Record); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
	}
	if run.ID == "" {
		return nil, fmt.Errorf("%s: there is no whole record in it: the run wrote nothing", path)
	}
	return run, nil
}

func (r *Run) add(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var one record
	if err := decoder.Decode(&one); err != nil {
		return fmt.Errorf("a record of another version of ecraudit: %w", err)
	}
	switch {
	case one.Begin != nil:
		r.RunHead, r.At = *one.Begin, one.At
	case one.Intent != nil:
		r.intents = append(r.intents, *one.Intent)
	case one.Result != nil:
		r.Results = append(r.Results, *one.Result)
		r.Tally.add(*one.Result)
	case one.End != nil:
		r.Ended = true
	}
	return nil
}

// Runs lists the runs, newest first. A run whose file is damaged is an error of
// its own and does not hide the others.
func (j *Journal) Runs() (runs []*Run, damaged []error, err error) {
	entries, err := os.ReadDir(j.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("reading the journal %s: %w", j.dir, snapshot.Cause(err))
	}
	for _, entry := range entries {
		id, isRun := strings.CutSuffix(entry.Name(), runSuffix)
		if !isRun || !runForm.MatchString(id) {
			continue
		}
		run, err := j.Read(id)
		if err != nil {
			damaged = append(damaged, err)
			continue
		}
		runs = append(runs, run)
	}
	slices.SortFunc(runs, func(a, b *Run) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.ID, a.ID)) })
	settle(runs)
	return runs, damaged, nil
}

// settle finds out, from the oldest run to the newest, which changes of each run
// are in force: an undo takes back what it applied or found taken back already,
// and an undo of that undo puts it in force again.
func settle(newestFirst []*Run) {
	byID := map[string]*Run{}
	for _, run := range slices.Backward(newestFirst) {
		byID[run.ID] = run
		run.inForce = map[string]bool{}
		for _, i := range run.intents {
			run.inForce[i.Change] = run.Kind != RunUndo
		}
		first, undone := run.first(byID)
		if first == nil || run.Kind != RunUndo {
			continue
		}
		for _, r := range run.Results {
			if _, wrote := first.inForce[r.Change]; wrote && (r.Outcome == Applied || r.Outcome == Already) {
				first.inForce[r.Change] = !undone
			}
		}
		first.UndoneBy = ""
		if undone {
			first.UndoneBy = run.ID
		}
	}
}

// first is the run at the beginning of a chain of undos, and whether the run
// takes it back rather than puts it in force again.
func (r *Run) first(byID map[string]*Run) (first *Run, undone bool) {
	for first = r; first != nil && first.Kind == RunUndo; first = byID[first.Undoes] {
		undone = !undone
	}
	return first, undone
}

// InForce is how many changes of the run were not taken back.
func (r *Run) InForce() (n int) {
	for _, is := range r.inForce {
		if is {
			n++
		}
	}
	return n
}

// Last is the newest run of which something can be undone: one that is no undo
// itself, and of which some changes are in force.
func (j *Journal) Last() (*Run, error) {
	runs, damaged, err := j.Runs()
	if err != nil {
		return nil, err
	}
	for _, run := range runs {
		if run.Kind != RunUndo && run.Kind != RunPurge && run.InForce() > 0 {
			return run, nil
		}
	}
	return nil, errors.Join(append(damaged, fmt.Errorf("the journal %s has no run that could be undone", j.dir))...)
}
