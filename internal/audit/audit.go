// Package audit is the flow of a run: what a collection or a snapshot file
// hands on is judged at once, the findings are kept on disk, and at the end
// all of them are told to report handlers in one order.
//
// Counters are all that is held of a repository once it was judged, so memory
// does not grow with the number of repositories or findings. Nothing here
// assumes that the run saw the whole organization.
package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/portrait"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Exit codes of an audit. A usage or internal error is 1.
const (
	ExitClean      = 0
	ExitFindings   = 2 // something at or above the severity to fail on
	ExitIncomplete = 3 // nothing to fail on, but something could not be read or decided
)

// FailNever stands for no severity to fail on.
const FailNever = "none"

// Options say when an audit fails.
type Options struct {
	Version         string // of ecraudit
	FailOn          string // a severity's name, or FailNever
	AllowIncomplete bool
}

// Watcher is told what was found on each registry and repository while it is
// still in hand, from many goroutines at once. An error ends the run.
type Watcher interface {
	Registry(context.Context, *snapshot.Registry, []finding.Finding) error
	Repository(context.Context, *snapshot.Registry, *snapshot.Repository, []finding.Finding) error
}

// Audit is one run under way. It is the sink of a collection and the handler
// of a snapshot file: its methods may be called from many goroutines.
type Audit struct {
	engine   *evaluate.Engine
	watcher  Watcher // may be nil
	findings *snapshot.Spool
	gaps     *snapshot.Spool
	details  *snapshot.Spool           // nil where nobody wants any
	worst    *report.WorstRepositories // whose details are told; nil where those of all are
	stopped  atomic.Bool               // something was not judged because the run was stopped
	baseline *baseline                 // what findings are compared with; nil without one

	allRegions bool // all regions were to be read that accounts have enabled

	mu           sync.Mutex
	organization snapshot.Organization
	targets      []snapshot.TargetResult
	counts       map[countKey]int
	spooledGaps  int
	firstGap     *snapshot.Gap
}

type countKey struct {
	rule     string
	severity finding.Severity
	status   finding.Status
	known    bool // by the baseline, so that it decides nothing
}

// New starts a run. Close must be called.
func New(engine *evaluate.Engine) (*Audit, error) {
	findings, err := snapshot.NewSpool()
	if err != nil {
		return nil, err
	}
	gaps, err := snapshot.NewSpool()
	if err != nil {
		return nil, errors.Join(err, findings.Close())
	}
	return &Audit{engine: engine, findings: findings, gaps: gaps, counts: map[countKey]int{}}, nil
}

// Watch has a watcher told what is found from now on.
func (a *Audit) Watch(w Watcher) { a.watcher = w }

// Portray has what there is to see of repositories told beside their findings: of
// all, or only of the worst. It is made of what is judged: nothing more is
// collected for it.
func (a *Audit) Portray(all bool) error {
	details, err := snapshot.NewSpool()
	a.details = details
	if !all {
		a.worst = report.NewWorstRepositories()
	}
	return err
}

// Close removes what the run keeps on disk.
func (a *Audit) Close() error {
	err := errors.Join(a.findings.Close(), a.gaps.Close())
	if a.details != nil {
		err = errors.Join(err, a.details.Close())
	}
	return err
}

// Begin notes the organization, before anything is judged.
func (a *Audit) Begin(organization snapshot.Organization) error {
	a.organization = organization
	a.engine.Begin(organization)
	return nil
}

// Registry judges a registry.
func (a *Audit) Registry(ctx context.Context, r *snapshot.Registry) error {
	findings, err := a.engine.Registry(ctx, r)
	if err != nil {
		return a.noteStop(err)
	}
	if a.watcher != nil {
		if err := a.watcher.Registry(ctx, r, findings); err != nil {
			return a.noteStop(err)
		}
	}
	return a.keep(r.Target, "", findings, r.Gaps)
}

// Repository judges a repository and its images.
func (a *Audit) Repository(ctx context.Context, reg *snapshot.Registry, r *snapshot.Repository) error {
	findings, err := a.judge(ctx, reg, r)
	if err != nil {
		return a.noteStop(err)
	}
	if a.watcher != nil {
		if err := a.watcher.Repository(ctx, reg, r, findings); err != nil {
			return a.noteStop(err)
		}
	}
	return a.keep(r.Target, r.Name, findings, r.Gaps)
}

// judge finds what is wrong with a repository, and keeps its portrait.
func (a *Audit) judge(ctx context.Context, reg *snapshot.Registry, r *snapshot.Repository) ([]finding.Finding, error) {
	if a.details == nil {
		return a.engine.Repository(ctx, reg, r)
	}
	findings, evidence, err := a.engine.Examine(ctx, reg, r)
	if err != nil {
		return nil, err
	}
	if a.worst != nil && !a.worst.Offer(r.Account, r.Region, r.Name, findings) {
		return findings, nil
	}
	detail := portrait.Draw(evidence, findings, a.engine.Clock())
	return findings, put(a.details, r.Target, r.Name, []report.Detail{detail})
}

// Done notes how a target ended.
func (a *Audit) Done(t snapshot.TargetResult) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.targets = append(a.targets, t)
	return nil
}

func (a *Audit) noteStop(err error) error {
	if errors.Is(err, context.Canceled) {
		a.stopped.Store(true)
	}
	return err
}

// keep puts results on disk and counts them.
func (a *Audit) keep(target snapshot.Target, repository string, findings []finding.Finding, gaps []snapshot.Gap) error {
	if err := a.baseline.mark(findings, gaps); err != nil {
		return err
	}
	if err := putFindings(a.findings, target, repository, findings); err != nil {
		return err
	}
	if err := put(a.gaps, target, repository, gaps); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.count(findings)
	a.spooledGaps += len(gaps)
	if len(gaps) > 0 && a.firstGap == nil {
		a.firstGap = &gaps[0]
	}
	return nil
}

func (a *Audit) count(findings []finding.Finding) {
	for _, f := range findings {
		a.counts[countKey{f.Rule, f.Severity, f.Status, f.Change == finding.Known}]++
	}
}

// putFindings spools findings as one chunk.
func putFindings(spool *snapshot.Spool, target snapshot.Target, repository string, findings []finding.Finding) error {
	if len(findings) == 0 {
		return nil
	}
	var chunk []byte
	for i := range findings {
		chunk = appendKept(chunk, &findings[i])
	}
	return spool.Put(target, repository, chunk)
}

// put spools records as one chunk, a line each.
func put[T any](spool *snapshot.Spool, target snapshot.Target, repository string, records []T) error {
	if len(records) == 0 {
		return nil
	}
	var chunk bytes.Buffer
	encoder := json.NewEncoder(&chunk)
	encoder.SetEscapeHTML(false)
	for _, r := range records {
		if err := encoder.Encode(r); err != nil {
			return fmt.Errorf("keeping results of %s: %w", target, err)
		}
	}
	return spool.Put(target, repository, chunk.Bytes())
}

// each reads the records of a chunk back.
func each[T any](chunk []byte, f func(T) error) error {
	for line := range bytes.Lines(chunk) {
		var record T
		if err := json.Unmarshal(line, &record); err != nil {
			return fmt.Errorf("reading kept results back: %w", err)
		}
		if err := f(record); err != nil {
			return err
		}
	}
	return nil
}

// Organization is the one that was told at the beginning.
func (a *Audit) Organization() snapshot.Organization { return a.organization }

// Complete reports whether everything was read, as far as is known before the
// end.
func (a *Audit) Complete() bool { return !a.stopped.Load() && a.anyGap() == nil }

// Finish judges the organization as a whole and tells everything to the
// handler. interrupted says that the run was stopped before its end. The exit
// code is also in the summary that the handler gets.
func (a *Audit) Finish(ctx context.Context, handler report.Handler, o Options, interrupted bool) (exitCode int, err error) {
	slices.SortFunc(a.targets, func(x, y snapshot.TargetResult) int { return x.Target.Compare(y.Target) })
	interrupted = interrupted || a.stopped.Load()
	gap := a.anyGap()
	organization, err := a.engine.Organization(ctx, gap)
	if err != nil {
		return 0, err
	}
	if err := a.baseline.mark(organization, nil); err != nil {
		return 0, err
	}
	a.count(organization)
	run := a.describe(o, interrupted)
	summary := a.summarize(o, run)
	summary.Changes = a.baseline.changes(run, a.targets)
	summary.Waivers = a.waivers(run)
	if err := handler.Begin(run); err != nil {
		return 0, err
	}
	for _, f := range organization {
		if err := handler.Finding(f); err != nil {
			return 0, err
		}
	}
	err = a.findings.Each(func(_ snapshot.Target, _ string, chunk []byte) error { return eachKept(chunk, handler.Finding) })
	if err != nil {
		return 0, err
	}
	if err := a.tellGaps(handler); err != nil {
		return 0, err
	}
	if err := a.tellDetails(handler); err != nil {
		return 0, err
	}
	return summary.ExitCode, handler.End(summary)
}

// tellGaps tells the gaps of each target: of the whole, of its registry, of
// its repositories.
func (a *Audit) tellGaps(handler report.Handler) error {
	for _, t := range a.targets {
		for _, gap := range t.Gaps {
			if err := handler.Gap(gap); err != nil {
				return err
			}
		}
		err := a.gaps.EachOf(t.Target, func(_ string, chunk []byte) error { return each(chunk, handler.Gap) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *Audit) tellDetails(handler report.Handler) error {
	if a.details == nil {
		return nil
	}
	var told map[[3]string]bool
	if a.worst != nil {
		told = a.worst.Places()
	}
	return a.details.Each(func(t snapshot.Target, repository string, chunk []byte) error {
		if told != nil && !told[[3]string{t.Account, t.Region, repository}] {
			return nil // worse ones came after it
		}
		return each(chunk, func(d report.Detail) error { return report.TellDetail(handler, d) })
	})
}

// anyGap is one of the gaps, or nil when there is none.
func (a *Audit) anyGap() *snapshot.Gap {
	for _, t := range a.targets {
		if len(t.Gaps) > 0 {
			return &t.Gaps[0]
		}
	}
	return a.firstGap
}

func (a *Audit) describe(o Options, interrupted bool) report.Run {
	run := report.Run{
		Schema: report.Schema, Version: o.Version, RulesDigest: a.engine.Digest(), RuleSources: a.engine.RuleSources(), ConfigSources: a.engine.ConfigSources(), Clock: a.engine.Clock(),
		OrganizationID: a.organization.ID, OrganizationUnread: a.organization.Unread, Framework: a.engine.Framework(),
		Complete: !interrupted && a.anyGap() == nil, Interrupted: interrupted,
		Baseline: a.baseline.describe(), Targets: make([]report.Target, len(a.targets)), Rules: a.engine.Rules(),
	}
	for i, t := range a.targets {
		run.Targets[i] = report.Target{
			Account: t.Account, AccountName: t.AccountName, Region: t.Region, Status: t.Status, Reason: t.Reason,
			Repositories: t.Repositories, Images: t.Images,
		}
	}
	return run
}

func (a *Audit) summarize(o Options, run report.Run) report.Summary {
	s := report.Summary{
		Gaps: a.spooledGaps, BySeverity: map[string]report.Counts{}, ByRule: map[string]report.Counts{},
		FailOn: o.FailOn, Complete: run.Complete,
	}
	for _, name := range finding.SeverityNames() {
		s.BySeverity[name] = report.Counts{}
	}
	for _, rule := range run.Rules {
		s.ByRule[rule.ID] = report.Counts{}
	}
	for _, t := range a.targets {
		s.Gaps += len(t.Gaps)
		if t.Status != snapshot.StatusSkipped {
			s.Targets++
		}
		s.Repositories += t.Repositories
		s.Images += t.Images
	}
	threshold, err := finding.ParseSeverity(o.FailOn)
	failNever := err != nil
	for key, n := range a.counts {
		s.Findings += n
		count(s.BySeverity, key.severity.String(), key.status, n)
		count(s.ByRule, key.rule, key.status, n)
		switch {
		case failNever || key.severity < threshold || key.status == finding.Waived || key.known:
		case key.status == finding.Fail:
			s.Failing += n
		default:
			s.Undecided += n
		}
	}
	s.Undecided = max(s.Undecided, a.engine.Failures()) // a rule that fails is never passed over
	s.ExitCode = exitCode(s, o.AllowIncomplete, run.Interrupted)
	return s
}

func count(by map[string]report.Counts, name string, status finding.Status, n int) {
	counts := by[name]
	counts.Add(status, n)
	by[name] = counts
}

// exitCode decides how the run ends. What was interrupted is never clean,
// whatever the user allowed.
func exitCode(s report.Summary, allowIncomplete, interrupted bool) int {
	switch {
	case s.Failing > 0:
		return ExitFindings
	case interrupted:
		return ExitIncomplete
	case allowIncomplete:
		return ExitClean
	case !s.Complete || s.Undecided > 0:
		return ExitIncomplete
	}
	return ExitClean
}
