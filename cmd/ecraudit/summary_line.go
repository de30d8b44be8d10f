package main

import (
	"bytes"
	"cmp"
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/collect"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/remediate"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// summaryLine is the last line on standard error: how a command ended, for
// programs. A command that has one begins it before it does anything, and tells
// it what becomes known; what never became known is not in it.
//
// It is a [report.Handler], so that it is told what reports are told.
type summaryLine struct {
	command     string
	begun       bool // false where a command has no such line
	reads       bool // whether it matters that everything was read
	interrupted bool
	complete    bool // everything was read
	totals      []slog.Attr
	changes     []slog.Attr
	query       string   // that findings had to match to be written; empty where all are
	outputs     []string // that were written; "-" is standard output
	calls       []*awsapi.Stats
}

// beginReading has a command end with a summary line that says whether
// everything was read.
func (l *summaryLine) beginReading() { l.begun, l.reads = true, true }

// beginWriting has a command end with a summary line.
func (l *summaryLine) beginWriting() { l.begun = true }

// Begin is told whether the run was stopped.
func (l *summaryLine) Begin(r report.Run) error {
	l.interrupted = r.Interrupted
	return nil
}

// Finding is told a finding.
func (*summaryLine) Finding(finding.Finding) error { return nil }

// Gap is told what could not be read.
func (*summaryLine) Gap(snapshot.Gap) error { return nil }

// End is told the totals. A key for each of them stands here.
func (l *summaryLine) End(s report.Summary) error {
	l.read(s)
	l.totals = append(l.totals,
		slog.String("fail_on", s.FailOn),
		slog.Int("failing", s.Failing),
		slog.Int("undecided", s.Undecided),
	)
	return nil
}

// read notes what was read and found, without a verdict.
func (l *summaryLine) read(s report.Summary) {
	l.complete = s.Complete
	var all report.Counts
	var failing []slog.Attr
	for _, name := range finding.SeverityNames() {
		all.Fail += s.BySeverity[name].Fail
		all.Unknown += s.BySeverity[name].Unknown
		all.Waived += s.BySeverity[name].Waived
		failing = append(failing, slog.Int(name, s.BySeverity[name].Fail))
	}
	l.totals = append([]slog.Attr{
		slog.Int("targets", s.Targets),
		slog.Int("repositories", s.Repositories),
		slog.Int("images", s.Images),
		slog.Int("gaps", s.Gaps),
		slog.Int("findings", s.Findings),
		slog.Int("fail", all.Fail),
		slog.Int("unknown", all.Unknown),
		slog.Int("waived", all.Waived),
	}, failing...)
	if c := s.Changes; c != nil {
		l.totals = append(l.totals, slog.Int("new", c.New), slog.Int("worsened", c.Worsened), slog.Int("known", c.Known), slog.Int("fixed", c.Fixed), slog.Int("not_seen", c.NotSeen))
	}
}

// collected notes what was read and not judged.
func (l *summaryLine) collected(stats *collect.Stats, interrupted bool) {
	l.interrupted, l.complete = interrupted, !interrupted && stats.Gaps.Load() == 0
	l.totals = []slog.Attr{
		slog.Int64("repositories", stats.Repositories.Load()),
		slog.Int64("images", stats.Images.Load()),
		slog.Int64("gaps", stats.Gaps.Load()),
	}
}

// planned notes what a plan would change.
func (l *summaryLine) planned(p *remediate.Plan) {
	risks := map[remediate.Risk]int{}
	for i := range p.Changes {
		risks[p.Changes[i].Risk]++
	}
	l.changes = []slog.Attr{slog.Int("changes", len(p.Changes))}
	for _, risk := range remediate.Risks() {
		l.changes = append(l.changes, slog.Int(string(risk), risks[risk]))
	}
	l.changes = append(l.changes, slog.Int("not_mended", len(p.Left)), slog.Int("not_chosen", p.NotChosen))
}

// written notes how changes ended. Those that were never begun have no outcome.
func (l *summaryLine) written(changes, left int, t remediate.Tally) {
	l.changes = []slog.Attr{slog.Int("changes", changes)}
	for _, outcome := range remediate.Outcomes() {
		l.changes = append(l.changes, slog.Int(strings.ReplaceAll(string(outcome), " ", "_"), t[outcome]))
	}
	l.changes = append(l.changes, slog.Int("not_mended", left))
}

// written are the outputs that are where they should be.
func (d destinations) written() (outputs []string) {
	for _, one := range d {
		if one.there {
			outputs = append(outputs, cmp.Or(one.path, "-"))
		}
	}
	return outputs
}

// fields are what the line says, in the order in which it says it.
func (l *summaryLine) fields(code int, took time.Duration) []slog.Attr {
	fields := []slog.Attr{slog.String("command", l.command), slog.Int("exit_code", code), slog.Bool("interrupted", l.interrupted)}
	if l.reads {
		fields = append(fields, slog.Bool("complete", l.complete))
	}
	fields = append(append(fields, l.totals...), l.changes...)
	if l.query != "" {
		fields = append(fields, slog.String("query", l.query))
	}
	var calls int64
	for _, stats := range l.calls {
		calls += stats.Calls.Load()
	}
	return append(fields, slog.Int64("calls", calls), slog.Int64("duration_ms", took.Milliseconds()))
}

// sumUp writes the summary line, where the command has one and somebody may be
// reading it: a person at a terminal has the report.
func (m *messages) sumUp(code int, took time.Duration) {
	l := m.summary
	if !l.begun || m.quiet || m.terminal && !m.inJSON() {
		return
	}
	fields := l.fields(code, took)
	if m.inJSON() {
		outputs := make([]string, len(l.outputs))
		for i, output := range l.outputs {
			outputs[i] = report.Printable(output)
		}
		m.object(slog.LevelInfo, "summary", append(fields, slog.Any("outputs", outputs))...)
		return
	}
	m.print("ecraudit: summary %s\n", logfmt(append(fields, slog.String("outputs", strings.Join(l.outputs, ",")))))
}

// logfmt writes fields as key=value, with what has spaces in it in quotes.
func logfmt(fields []slog.Attr) string {
	var line bytes.Buffer
	handler := slog.NewTextHandler(&line, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch a.Key {
		case slog.TimeKey, slog.LevelKey, slog.MessageKey:
			return slog.Attr{}
		}
		return a
	}})
	slog.New(handler).LogAttrs(context.Background(), slog.LevelInfo, "", fields...)
	return strings.TrimSuffix(line.String(), "\n")
}
