package report

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// unread is whatever says that a run has not seen everything. Only where
// nothing does may a format look clean.
type unread struct {
	incomplete, interrupted bool
	failed                  []Target
	partial, gaps           int
}

func unreadOf(run Run) unread {
	u := unread{incomplete: !run.Complete, interrupted: run.Interrupted}
	for _, target := range run.Targets {
		switch target.Status {
		case snapshot.StatusFailed:
			u.failed = append(u.failed, target)
		case snapshot.StatusPartial:
			u.partial++
		}
	}
	return u
}

// end takes in what the summary says.
func (u *unread) end(s Summary) {
	u.incomplete = u.incomplete || !s.Complete
	u.gaps = max(u.gaps, s.Gaps)
}

// any reports whether something was not read.
func (u *unread) any() bool {
	return u.incomplete || u.interrupted || len(u.failed) > 0 || u.partial > 0 || u.gaps > 0
}

// reasons says in short what was not read: "3 gaps", "2 targets failed",
// "interrupted". There are none where everything was.
func (u *unread) reasons() []string {
	var reasons []string
	if u.gaps > 0 {
		reasons = append(reasons, count(u.gaps, "gap", "gaps"))
	}
	if n := len(u.failed); n > 0 {
		reasons = append(reasons, count(n, "target", "targets")+" failed")
	}
	if u.partial > 0 {
		reasons = append(reasons, count(u.partial, "target", "targets")+" read in part")
	}
	if u.interrupted {
		reasons = append(reasons, "interrupted")
	}
	if len(reasons) == 0 && u.incomplete {
		reasons = append(reasons, "something was not read")
	}
	return reasons
}

// unreadAfter is that of a run that has ended. gaps is how many were handed to
// the format.
func unreadAfter(run Run, s Summary, gaps int) unread {
	u := unreadOf(run)
	u.gaps = gaps
	u.end(s)
	return u
}

// String says what it means for someone who sees the results only.
func (u *unread) String() string {
	var why []string
	if u.interrupted {
		why = append(why, "it was interrupted")
	}
	if n := len(u.failed); n > 0 {
		why = append(why, "of "+count(n, "target", "targets")+" nothing could be read")
	}
	if u.partial > 0 {
		why = append(why, count(u.partial, "target", "targets")+" could be read only in part")
	}
	if len(why) == 0 {
		why = append(why, "something was not read")
	}
	return "The audit is NOT complete: " + strings.Join(why, ", ") + ". A finding that is not here may only not have been seen."
}

// failure says of a target that nothing of it was read.
func failure(t *Target) string {
	return shown("Not read: anything of " + resource{account: t.Account, region: t.Region}.name() + ": " + cmp.Or(t.Reason, "no reason given"))
}

// The check that stands for an audit that is not complete, where a service
// shows results only.
const (
	incompleteCheck       = "audit-incomplete"
	incompleteTitle       = "The audit is not complete"
	incompleteDescription = "What an audit cannot read it cannot judge: findings may be missing, and those that are gone may not be mended."
	incompleteRemedy      = "Grant what the gaps of the report name, or audit again where the run was interrupted or throttled."
)

// totals says how much was looked at and found, and what the run ended with.
func totals(s Summary) string {
	text := count(s.Targets, "target", "targets") + ", " +
		count(s.Repositories, "repository", "repositories") + ", " +
		count(s.Images, "image", "images") + ". " +
		count(s.Findings, "finding", "findings") + ", " + count(s.Gaps, "gap", "gaps") + ". " +
		fmt.Sprintf("Exit code %d", s.ExitCode)
	if s.FailOn != "" {
		text += " (--fail-on " + s.FailOn + ")"
	}
	return text + "."
}

// gapMessage says what could not be read and why, on one line.
func gapMessage(g snapshot.Gap) string {
	text := cmp.Or(string(g.Need), "something") + " could not be read: "
	if g.Operation != "" {
		text += g.Operation + ": "
	}
	return text + gapCause(&g)
}
