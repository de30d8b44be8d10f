package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// recount counts the findings of a saved report as its summary does, so that one
// which somebody altered by hand does not pass for what was found.
type recount struct {
	bySeverity, byRule map[string]Counts
	open               map[finding.Severity]Counts // that are neither waived nor known
	changes            Changes
}

func newRecount() recount {
	return recount{bySeverity: map[string]Counts{}, byRule: map[string]Counts{}, open: map[finding.Severity]Counts{}}
}

func (t *recount) add(f *finding.Finding) {
	countOne(t.bySeverity, f.Severity.String(), f.Status)
	countOne(t.byRule, f.Rule, f.Status)
	switch f.Change {
	case finding.New:
		t.changes.New++
	case finding.Worsened:
		t.changes.Worsened++
	case finding.Known:
		t.changes.Known++
	}
	if standingOf(f) == standingOpen {
		c := t.open[f.Severity]
		c.Add(f.Status, 1)
		t.open[f.Severity] = c
	}
}

// deciding are the findings that decide how an audit ends that fails on a severity.
func (t *recount) deciding(failOn string) (all Counts, err error) {
	if failOn == failOnNone {
		return all, nil
	}
	threshold, err := finding.ParseSeverity(failOn)
	for severity, c := range t.open {
		if severity >= threshold {
			all.Fail += c.Fail
			all.Unknown += c.Unknown
		}
	}
	return all, err
}

// failOnNone is the severity to fail on where nothing is to fail.
const failOnNone = "none"

// disagreement names the first thing in which a summary is not that of the run and
// of the findings that were counted; empty where there is none.
func (t *recount) disagreement(run *Run, s *Summary) string {
	for _, check := range []func(*Run, *Summary) string{t.ofCounts, t.ofTargets, t.ofDecision, t.ofChanges, ofExitCode} {
		if found := check(run, s); found != "" {
			return found
		}
	}
	return ""
}

// ofCounts compares what is counted by severity and by rule. A name without
// findings may be missing.
func (t *recount) ofCounts(_ *Run, s *Summary) string {
	for _, by := range []struct {
		field         string
		says, counted map[string]Counts
	}{{"by_severity", s.BySeverity, t.bySeverity}, {"by_rule", s.ByRule, t.byRule}} {
		names := slices.Concat(slices.Collect(maps.Keys(by.says)), slices.Collect(maps.Keys(by.counted)))
		slices.Sort(names)
		for _, name := range names {
			if says, counted := by.says[name], by.counted[name]; says != counted {
				return fmt.Sprintf("summary.%s says of %s %s, and there are %s", by.field, shown(name), says.words(), counted.words())
			}
		}
	}
	return ""
}

func (c Counts) words() string {
	return fmt.Sprintf("%d fail, %d unknown and %d waived", c.Fail, c.Unknown, c.Waived)
}

// ofTargets compares what is said to have been read.
func (*recount) ofTargets(run *Run, s *Summary) string {
	targets, repositories, images := 0, 0, 0
	for i := range run.Targets {
		if run.Targets[i].Status != snapshot.StatusSkipped {
			targets++
		}
		repositories += run.Targets[i].Repositories
		images += run.Targets[i].Images
	}
	return firstDifference(
		difference{"targets", s.Targets, targets, "of run.targets"},
		difference{"repositories", s.Repositories, repositories, "in run.targets"},
		difference{"images", s.Images, images, "in run.targets"},
	)
}

// ofDecision compares what decides the exit code. It is that of the whole run where
// a query left findings out, and undecided may be more, as it counts rules that
// failed, too.
func (t *recount) ofDecision(run *Run, s *Summary) string {
	counted, err := t.deciding(s.FailOn)
	switch {
	case err != nil:
		return "summary.fail_on: " + err.Error()
	case run.Query == "" && s.Failing != counted.Fail, s.Failing < counted.Fail:
		return difference{"failing", s.Failing, counted.Fail, "at or above " + s.FailOn}.words()
	case s.Undecided < counted.Unknown:
		return difference{"undecided", s.Undecided, counted.Unknown, "at or above " + s.FailOn}.words()
	}
	return ""
}

// ofChanges compares what is said to have changed since the baseline.
func (t *recount) ofChanges(run *Run, s *Summary) string {
	says := Changes{}
	if s.Changes != nil {
		says = *s.Changes
	}
	if run.Query != "" {
		return ""
	}
	return firstDifference(
		difference{"changes.new", says.New, t.changes.New, "with the change new"},
		difference{"changes.worsened", says.Worsened, t.changes.Worsened, "with the change worsened"},
		difference{"changes.known", says.Known, t.changes.Known, "with the change known"},
	)
}

// ofExitCode compares the exit code with what it follows from. That incomplete
// runs were allowed is not in a report, so that 0 may stand where 3 would.
func ofExitCode(run *Run, s *Summary) string {
	const clean, findings, incomplete = 0, 2, 3
	allowed := []int{clean}
	switch {
	case s.Failing > 0:
		allowed = []int{findings}
	case run.Interrupted:
		allowed = []int{incomplete}
	case !s.Complete || s.Undecided > 0:
		allowed = []int{incomplete, clean}
	}
	if slices.Contains(allowed, s.ExitCode) {
		return ""
	}
	codes := make([]string, len(allowed))
	for i, code := range allowed {
		codes[i] = fmt.Sprint(code)
	}
	return fmt.Sprintf("summary.exit_code says %d, and it follows from the rest that it was %s", s.ExitCode, strings.Join(codes, " or "))
}

// difference is a number of the summary and what was counted.
type difference struct {
	field         string
	says, counted int
	of            string // what was counted
}

func (d difference) words() string {
	return fmt.Sprintf("summary.%s says %d, and there are %d %s", d.field, d.says, d.counted, d.of)
}

func firstDifference(all ...difference) string {
	for _, d := range all {
		if d.says != d.counted {
			return d.words()
		}
	}
	return ""
}
