package change

import (
	"fmt"
	"io"
	"time"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/query"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Source says which run findings come from.
type Source struct {
	Name           string    `json:"name"` // of the file, as it was given
	Version        string    `json:"version"`
	RulesDigest    string    `json:"rules_digest"`
	Clock          time.Time `json:"clock"`
	OrganizationID string    `json:"organization_id"`
	Framework      string    `json:"framework,omitempty"`
	Complete       bool      `json:"complete"`
	Interrupted    bool      `json:"interrupted,omitempty"`
	Targets        int       `json:"targets"` // that were read, whole or in part
	Findings       int       `json:"findings"`
}

func sourceOf(name string, run *report.Run) Source {
	return Source{
		Name: name, Version: run.Version, RulesDigest: run.RulesDigest, Clock: run.Clock.UTC(), OrganizationID: run.OrganizationID,
		Framework: run.Framework, Complete: run.Complete, Interrupted: run.Interrupted, Targets: len(ReadBy(run)),
	}
}

// RefuseFiltered returns an error for a report that holds only some of what was
// found: what is not in it may be there.
func RefuseFiltered(run *report.Run) error {
	if run.Query == "" {
		return nil
	}
	return fmt.Errorf("the report holds only findings that match the query %q, so what is not in it may be there: use a report of all findings", run.Query)
}

// loader reads a report into what is known.
type loader struct {
	known *Known
	query *query.Query // nil matches all
	run   report.Run
}

func (l *loader) Begin(run report.Run) error {
	l.run = run
	l.known.Came(run)
	if l.query != nil {
		l.query = l.query.In(report.QueryContext(run))
	}
	return RefuseFiltered(&run)
}

func (l *loader) Finding(f finding.Finding) error {
	number, err := l.known.Add(&f)
	if err != nil {
		return fmt.Errorf("reading the report: another program rewrote it: %w; use the file as ecraudit wrote it", err)
	}
	if l.query != nil && !l.query.Match(&f) {
		l.known.records[number].unwanted = true
	}
	return nil
}

func (*loader) Gap(snapshot.Gap) error { return nil }

func (*loader) End(report.Summary) error { return nil }

// load reads a report that was saved as JSON or NDJSON.
func load(r io.Reader, q *query.Query) (*Known, *report.Run, error) {
	l := &loader{known: NewKnown(), query: q}
	if err := report.Replay(r, l); err != nil {
		return nil, nil, err
	}
	return l.known, &l.run, nil
}
