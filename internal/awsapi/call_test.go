package awsapi

import (
	"context"
	"log/slog"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// How long an operation costs that only fails, by how it does.
func TestPatience(t *testing.T) {
	fault, throttle, refused := answered(500, api("ServerException")), answered(400, api("ThrottlingException")), error(syscall.ECONNREFUSED)
	page := answered(500, api("UnknownError"))
	for name, test := range map[string]struct {
		answers     []error // of which the last goes on
		least, most time.Duration
	}{
		"faults":                           {[]error{fault}, 5 * time.Second, 11 * time.Second},
		"pages that are not AWS's":         {[]error{page}, 5 * time.Second, 11 * time.Second},
		"faults after an answer":           {[]error{nil, fault}, 30 * time.Second, 36 * time.Second},
		"faults after a refusal":           {[]error{answered(400, api("AccessDeniedException")), fault}, 30 * time.Second, 36 * time.Second},
		"throttles":                        {[]error{throttle}, 30 * time.Second, 36 * time.Second},
		"no connection":                    {[]error{refused}, 30 * time.Second, 36 * time.Second},
		"faults among others":              {[]error{throttle, fault}, 30 * time.Second, 36 * time.Second},
		"what does not go away by waiting": {[]error{answered(501, api("InternalFailure"))}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := NewBudget(Pace{Concurrency: 1, Patience: DefaultPatience, CallTimeout: DefaultCallTimeout, Log: slog.New(slog.DiscardHandler), Stats: &Stats{}})
				caller := b.Caller("111122223333/eu-west-1", nil)
				n := 0
				attempt := func(context.Context) (struct{}, error) {
					err := test.answers[min(n, len(test.answers)-1)]
					n++
					return struct{}{}, err
				}
				for range test.answers[1:] {
					if class := Classify(test.answers[n]); class == Final {
						_, _ = Call(t.Context(), caller, "ecr:DescribeImages", attempt)
					}
				}
				began := time.Now()
				_, err := Call(t.Context(), caller, "ecr:DescribeImages", attempt)
				if took := time.Since(began); err == nil || took < test.least || took > test.most {
					t.Errorf("it took %s and %d attempts: %v", took, n, err)
				}
				began = time.Now()
				_, next := Call(t.Context(), caller, "ecr:DescribeImages", attempt)
				if time.Since(began) > 0 || IsGivenUp(next) != (test.most > 0) || Classify(next) != Classify(err) || next.Error() != err.Error() {
					t.Errorf("the next call took %s: given up %v: %v", time.Since(began), IsGivenUp(next), next)
				}
			})
		})
	}
}
