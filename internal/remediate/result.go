package remediate

import (
	"context"
	"errors"
	"fmt"

	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Outcome is how a change ended.
type Outcome string

// The outcomes.
const (
	Applied  Outcome = "applied"
	Already  Outcome = "already"   // nothing had to be done
	Skipped  Outcome = "skipped"   // what is there is not what was seen
	Refused  Outcome = "refused"   // it would do harm, or AWS does not allow it
	Failed   Outcome = "failed"    // an error; part of it may have been done
	NotTried Outcome = "not tried" // the run was stopped before
)

// Outcomes returns all outcomes, best first.
func Outcomes() []Outcome { return []Outcome{Applied, Already, Skipped, Refused, Failed, NotTried} }

// Result says how one change ended, and why so.
type Result struct {
	Change string `json:"change"`
	Kind   Kind   `json:"kind"`
	snapshot.Target
	Repository string   `json:"repository,omitempty"`
	Summary    []string `json:"summary"`
	Outcome    Outcome  `json:"outcome"`
	Reason     string   `json:"reason,omitempty"`
}

// Where is the place of the change: "111122223333/eu-west-1/team/api".
func (r Result) Where() string {
	c := Change{Target: r.Target, Repository: r.Repository}
	return c.Where()
}

// Tally counts results by outcome.
type Tally map[Outcome]int

func (t *Tally) add(r Result) {
	if *t == nil {
		*t = Tally{}
	}
	(*t)[r.Outcome]++
}

// Left is how many changes are not in place.
func (t Tally) Left() int { return t[Skipped] + t[Refused] + t[Failed] + t[NotTried] }

// driftError says that something is not as it was seen.
type driftError struct{ reason string }

func (e *driftError) Error() string { return e.reason }

func drifted(format string, args ...any) error { return &driftError{fmt.Sprintf(format, args...)} }

// mishapError says what came of a write that met somebody else's at the same
// moment. Nothing is tried after it, and what is there does not speak against it.
type mishapError struct {
	outcome Outcome // Refused where all was put back, Failed where something is lost
	reason  string
}

func (e *mishapError) Error() string { return e.reason }

func mishap(how Outcome, format string, args ...any) error {
	return &mishapError{how, fmt.Sprintf(format, args...)}
}

func isMishap(err error) bool {
	_, ok := errors.AsType[*mishapError](err)
	return ok
}

// outcome is how an error ends a change.
func outcome(err error) (Outcome, string) {
	var drift *driftError
	var met *mishapError
	var gone *ecrtypes.RepositoryNotFoundException
	var refusal *Refusal
	switch {
	case errors.As(err, &drift):
		return Skipped, drift.reason
	case errors.As(err, &met):
		return met.outcome, met.reason
	case errors.As(err, &gone):
		return Skipped, "the repository is no longer there"
	case errors.Is(err, errImageGone):
		return Skipped, errImageGone.Reason
	case errors.As(err, &refusal):
		return Refused, refusal.Error()
	case awsapi.APICode(err) != "":
		return Failed, fmt.Sprintf("%s: %s", awsapi.APICode(err), reasonOf(err))
	}
	return Failed, reasonOf(err)
}

// reasonOf is an error without what the SDK wraps around it, but with what was
// added to it here.
func reasonOf(err error) string {
	if awsapi.APICode(err) == "" && !errors.Is(err, context.DeadlineExceeded) {
		return awsapi.Plain(err)
	}
	if permission := awsapi.Missing("", err); permission != "" {
		return awsapi.Reason(err) + "; the role needs " + permission
	}
	return awsapi.Reason(err)
}
