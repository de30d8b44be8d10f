// Package awsapi makes calls to AWS: with whose credentials, at which rate, and
// what it means when one fails.
//
// A [Session] knows whose the ambient credentials are and enters other accounts
// by a role. [Call] makes one call in one of the places of a [Budget], which all
// calls of a run share, and retries what may pass. [Once] makes one attempt and
// leaves it to the caller what to do next: writes must look before they are
// repeated, because an answer that was lost does not mean that nothing happened.
//
// [Classify], [Code], [Permission], [Missing] and [Reason] say what to do about an error,
// and what to tell people.
package awsapi

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// Budget is what all calls of a run share: the places in which they are made,
// the counters that progress shows, and the patience with what fails.
type Budget struct {
	places      *semaphore.Weighted
	concurrency int           // the number of places
	patience    time.Duration // how long an operation may fail before it is given up
	callTimeout time.Duration // for one attempt
	log         *slog.Logger
	stats       *Stats
}

// Pace says how fast calls are made and how long they are tried.
type Pace struct {
	Concurrency int           // calls at once
	Patience    time.Duration // how long an operation may fail before it is given up
	CallTimeout time.Duration // for one attempt of one call
	Log         *slog.Logger
	Stats       *Stats
}

// The defaults of a Pace.
const (
	DefaultConcurrency = 64
	DefaultPatience    = 30 * time.Second
	DefaultCallTimeout = 30 * time.Second
)

// Stats counts calls. It may be read at any time.
type Stats struct {
	Calls, Throttles, Retries atomic.Int64
}

// NewBudget returns a budget of which nothing is in use.
func NewBudget(p Pace) *Budget {
	return &Budget{places: semaphore.NewWeighted(int64(p.Concurrency)), concurrency: p.Concurrency, patience: p.Patience, callTimeout: p.CallTimeout, log: p.Log, stats: p.Stats}
}

// slowCall is how long a call may take before it is logged.
const slowCall = 5 * time.Second

// Caller makes the calls of one account in one region. Each operation has a
// limiter and a patience of its own: what one of them suffers, no other feels.
type Caller struct {
	*Budget
	Where      string // for the log: "111122223333/eu-west-1", or who asks
	refresh    func() // forgets cached credentials after AWS called them expired
	mu         sync.Mutex
	operations map[string]*operation
}

// operation is the state of one operation of one account in one region.
type operation struct {
	limiter   *limiter
	mu        sync.Mutex
	answered  bool      // it has given an answer, be it a refusal
	failing   time.Time // when it began to fail; zero while it succeeds
	faulty    bool      // since then it has given nothing but faults
	probed    time.Time // when it was tried last after it was given up
	lastError error
}

// Caller returns a caller whose limits nobody else shares. refresh may be nil.
func (b *Budget) Caller(where string, refresh func()) *Caller {
	return &Caller{Budget: b, Where: where, refresh: refresh, operations: map[string]*operation{}}
}

// about is what the log says about a call: what was called, and where.
func (c *Caller) about(operation string) []any {
	account, region, both := strings.Cut(c.Where, "/")
	if !both {
		return []any{"operation", operation, "at", c.Where}
	}
	return []any{"operation", operation, "account", account, "region", region}
}

func (c *Caller) operation(name string) *operation {
	c.mu.Lock()
	defer c.mu.Unlock()
	op := c.operations[name]
	if op == nil {
		op = &operation{limiter: newLimiter()}
		c.operations[name] = op
	}
	return op
}

const (
	backoffFirst   = 50 * time.Millisecond
	backoffLongest = 5 * time.Second
	probeInterval  = 5 * time.Second // between two tries of an operation that was given up
	// faultShare is the part of the patience that there is with an operation that has
	// never answered but with faults. Of the default that is 5 s, somewhat more than
	// the SDK's three attempts take: what AWS has for an outage of moments. What
	// answered before may be waited for.
	faultShare = 6
)

// Call makes one AWS call, named as in an IAM policy ("ecr:DescribeImages"),
// and retries what may pass: throttling at the rate that AWS allows, faults
// and lost connections with jitter. An operation that has only failed for as
// long as the budget's patience is given up, and with it all that waits for
// it; from then on it is tried now and then. Of one that has never answered but
// with faults there is less to hope for: it is given up after a part of that
// time. The error is the last attempt's.
func Call[T any](ctx context.Context, c *Caller, name string, attempt func(context.Context) (T, error)) (T, error) {
	op := c.operation(name)
	refreshed := false
	for n := 0; ; n++ {
		answer, err := once(ctx, c, op, name, attempt)
		if err == nil {
			return answer, nil
		}
		if ctx.Err() != nil {
			return answer, ctx.Err()
		}
		class := Classify(err)
		if class == Expired && !refreshed && c.refresh != nil {
			refreshed = true
			c.refresh()
			continue
		}
		if class != Throttled && class != Transient {
			return answer, err
		}
		if op.givenUp(time.Now(), c.patience) {
			return answer, err
		}
		c.stats.Retries.Add(1)
		c.log.With(c.about(name)...).Info("retrying", "attempt", n+1, "reason", Code(err))
		if sleep(ctx, backoff(n)) != nil {
			return answer, ctx.Err()
		}
	}
}

// EachPage calls AWS for one page after the other. fetch gets the token of its
// page, nil for the first, and returns that of the next; what it notes of a
// page it must note last, because it is called again after a failure.
func EachPage(ctx context.Context, c *Caller, name string, fetch func(ctx context.Context, token *string) (next *string, err error)) error {
	var token *string
	for {
		next, err := Call(ctx, c, name, func(ctx context.Context) (*string, error) { return fetch(ctx, token) })
		switch {
		case err != nil:
			return err
		case next == nil || *next == "":
			return nil
		case Again(token, next):
			return ErrEndless
		}
		token = next
	}
}

// Again reports whether a page leads to itself.
func Again(token, next *string) bool {
	return token != nil && next != nil && *token == *next && *next != ""
}

// Once makes one attempt of a call, at the rate that AWS allows.
func Once[T any](ctx context.Context, c *Caller, name string, attempt func(context.Context) (T, error)) (T, error) {
	return once(ctx, c, c.operation(name), name, attempt)
}

// Renew forgets cached credentials after AWS called them expired.
func (c *Caller) Renew() {
	if c.refresh != nil {
		c.refresh()
	}
}

// Backoff waits a random time before the n-th repetition, counted from 0. Its
// error is that ctx ended.
func Backoff(ctx context.Context, n int) error { return sleep(ctx, backoff(n)) }

// once makes one attempt, in one place of the budget.
func once[T any](ctx context.Context, c *Caller, op *operation, name string, attempt func(context.Context) (T, error)) (answer T, err error) {
	if err := op.refusal(time.Now(), c.patience); err != nil {
		return answer, err
	}
	if err := op.limiter.wait(ctx); err != nil {
		return answer, err
	}
	if err := c.places.Acquire(ctx, 1); err != nil {
		return answer, err
	}
	defer c.places.Release(1)
	c.stats.Calls.Add(1)
	started := time.Now()
	bounded, cancel := context.WithTimeout(ctx, c.callTimeout)
	defer cancel()
	answer, err = attempt(bounded)
	now := time.Now()
	if took := now.Sub(started); took > slowCall {
		c.log.With(c.about(name)...).Info("slow call", "took", took.Round(time.Millisecond))
	}
	if err != nil && ctx.Err() == nil && bounded.Err() != nil {
		err = ErrCallTimeout
	}
	op.record(err, started, now, c.stats)
	return answer, err
}

// record tells the operation how an attempt ended. An answer that says no is
// an answer.
func (op *operation) record(err error, started, now time.Time, stats *Stats) {
	class := Classify(err)
	if class == Throttled {
		stats.Throttles.Add(1)
		op.limiter.throttled(started, now)
	} else if class != Transient {
		op.limiter.succeeded(now)
	}
	op.mu.Lock()
	defer op.mu.Unlock()
	if class != Throttled && class != Transient {
		op.answered, op.failing = true, time.Time{}
		return
	}
	op.lastError = err
	fault := class == Transient && isFault(err)
	if op.failing.IsZero() {
		op.failing, op.faulty = now, true
	}
	op.faulty = op.faulty && fault
}

// givenUp reports whether the operation has only failed for too long.
func (op *operation) givenUp(now time.Time, patience time.Duration) bool {
	op.mu.Lock()
	defer op.mu.Unlock()
	if op.faulty && !op.answered {
		patience /= faultShare
	}
	return !op.failing.IsZero() && now.Sub(op.failing) >= patience
}

// refusal is why a call should not even be tried, or nil: the operation was
// given up, and has been tried a moment ago with this error.
func (op *operation) refusal(now time.Time, patience time.Duration) error {
	if !op.givenUp(now, patience) {
		return nil
	}
	op.mu.Lock()
	defer op.mu.Unlock()
	if now.Sub(op.probed) < probeInterval {
		return &givenUpError{op.lastError}
	}
	op.probed = now
	return nil
}

// givenUpError is the last error of an operation that was given up, for a call
// that was not even made.
type givenUpError struct{ error }

func (e *givenUpError) Unwrap() error { return e.error }

// IsGivenUp reports that a call was not made, because the operation was given up.
func IsGivenUp(err error) bool {
	_, givenUp := errors.AsType[*givenUpError](err)
	return givenUp
}

// backoff is a random time up to the n-th exponential step (full jitter).
func backoff(n int) time.Duration {
	step := min(backoffLongest, backoffFirst<<min(n, 20))
	return time.Duration(rand.Int64N(int64(step))) + time.Millisecond
}

// What is not AWS's error: it gave no answer to an attempt in time, or its pages
// have no end.
var (
	ErrCallTimeout = errors.New("no answer in time")
	ErrEndless     = errors.New("AWS gives the same page again and again")
)
