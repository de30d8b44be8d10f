package history

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ecraudit/ecraudit/internal/change"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Read makes trends of the reports in a folder, whatever their names; it does
// not look into folders of it. limit is how many repositories and findings are
// listed. A folder without any report is an error.
func Read(ctx context.Context, folder string, limit int) (*Trends, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; name a folder of reports that ecraudit audit --format json wrote", folder, snapshot.Cause(err))
	}
	b := newBuilder(folder)
	runs := b.choose(entries)
	// Reports are read several at once, and taken into account in order.
	for batch := range slices.Chunk(runs, runtime.GOMAXPROCS(0)) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var group errgroup.Group
		for i := range batch {
			group.Go(func() error {
				batch[i].read(folder)
				return nil
			})
		}
		_ = group.Wait() // what fails is left aside
		for i := range batch {
			b.takeRun(&batch[i])
		}
	}
	if len(b.points) == 0 {
		return nil, fmt.Errorf("%s: there is no report that can be used%s; write some with ecraudit audit -o FILE.json", folder, b.firstLeft())
	}
	return b.trends(limit), nil
}

// savedRun is a run with the files that it was saved in. The first that is whole
// counts.
type savedRun struct {
	clock  time.Time
	files  []string
	whole  *contents
	broken []Left
}

// read reads the first file that is whole.
func (r *savedRun) read(folder string) {
	for _, name := range r.files {
		c, err := readReport(filepath.Join(folder, name))
		if err == nil {
			r.whole = c
			return
		}
		r.broken = append(r.broken, left(name, err, true))
	}
}

// takeRun takes a run into account, and says which of its files do not count.
func (b *builder) takeRun(r *savedRun) {
	b.left = append(b.left, r.broken...)
	if r.whole == nil {
		return
	}
	b.take(r.whole)
	for _, name := range r.files[len(r.broken)+1:] {
		b.left = append(b.left, left(name, fmt.Errorf("it is of the same run as %s", r.whole.name), false))
	}
	r.whole = nil
}

// choose finds the runs that the files of a folder are of, by clock and name.
func (b *builder) choose(entries []fs.DirEntry) []savedRun {
	byRun := map[[sha256.Size]byte]*savedRun{}
	for _, entry := range entries {
		if isTemporary(entry.Name()) {
			continue
		}
		run, id, err := look(b.folder, entry)
		if err != nil {
			b.left = append(b.left, left(entry.Name(), err, isDamage(err)))
			continue
		}
		if byRun[id] == nil {
			byRun[id] = &savedRun{clock: run.Clock}
		}
		byRun[id].files = append(byRun[id].files, entry.Name())
	}
	runs := make([]savedRun, 0, len(byRun))
	for _, r := range byRun {
		runs = append(runs, *r)
	}
	slices.SortFunc(runs, func(x, y savedRun) int { return cmp.Or(x.clock.Compare(y.clock), cmp.Compare(x.files[0], y.files[0])) })
	return runs
}

// isTemporary tells a report that is being written, as by the command at hand.
func isTemporary(name string) bool {
	return strings.HasPrefix(name, ".ecraudit-") && strings.HasSuffix(name, ".tmp")
}

// look reads as much of a file as says which run it is of. The id is the same
// for every file that a run was saved in.
func look(folder string, entry fs.DirEntry) (run *report.Run, id [sha256.Size]byte, err error) {
	path := filepath.Join(folder, entry.Name())
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, id, snapshot.Cause(err)
	case info.IsDir():
		return nil, id, errors.New("it is a folder")
	case !info.Mode().IsRegular():
		return nil, id, errors.New("it is no regular file")
	case info.Size() == 0:
		return nil, id, errors.New("it is empty")
	}
	in, err := os.Open(path)
	if err != nil {
		return nil, id, snapshot.Cause(err)
	}
	defer in.Close()
	var h header
	if err := report.Replay(in, &h); !errors.Is(err, errEnough) {
		return nil, id, &unreadableError{err}
	}
	if h.run.Clock.IsZero() {
		return nil, id, errors.New("its run has no clock")
	}
	encoded, err := json.Marshal(h.run)
	if err != nil {
		return nil, id, err
	}
	return &h.run, sha256.Sum256(encoded), change.RefuseFiltered(&h.run)
}

// unreadableError is that a file cannot be read as a report.
type unreadableError struct{ error }

func (e *unreadableError) Unwrap() error { return e.error }

// isDamage tells a report that cannot be read from what is none.
func isDamage(err error) bool {
	_, unreadable := errors.AsType[*unreadableError](err)
	_, none := errors.AsType[*report.NotAReportError](err)
	return unreadable && !none
}

var errEnough = errors.New("the rest is not needed yet")

// header keeps the run of a report and ends reading.
type header struct {
	contents
}

func (h *header) Begin(run report.Run) error {
	h.run = run
	return errEnough
}

// contents is a report without its texts.
type contents struct {
	name     string
	run      report.Run
	findings []finding.Finding
	gaps     []snapshot.Gap
}

func readReport(path string) (*contents, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, snapshot.Cause(err)
	}
	defer in.Close()
	c := &contents{name: filepath.Base(path)}
	if err := report.Replay(in, c); err != nil {
		return nil, err
	}
	return c, c.check()
}

func (c *contents) Begin(run report.Run) error {
	c.run = run
	return nil
}

func (c *contents) Finding(f finding.Finding) error {
	f.Message, f.Remediation, f.RepositoryARN, f.Fix = "", "", "", nil
	c.findings = append(c.findings, f)
	return nil
}

func (c *contents) Gap(g snapshot.Gap) error {
	g.Message = ""
	c.gaps = append(c.gaps, g)
	return nil
}

func (*contents) End(report.Summary) error { return nil }

// check returns an error where a report cannot be one that an audit wrote.
func (c *contents) check() error {
	seen := make(map[change.Fingerprint]bool, len(c.findings))
	for i := range c.findings {
		fingerprint, err := change.ParseFingerprint(c.findings[i].Fingerprint)
		if err != nil {
			return err
		}
		if seen[fingerprint] || c.findings[i].Rule == "" {
			return fmt.Errorf("another program rewrote it: the finding %s is there twice, or has no rule", fingerprint)
		}
		seen[fingerprint] = true
	}
	return nil
}
