package collect

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// budget is what all calls of a run share: the places in which they are made,
// the counters that progress shows, and the patience with what fails.
type budget struct {
	places      *semaphore.Weighted
	patience    time.Duration // how long an operation may fail before it is given up
	callTimeout time.Duration // for one attempt
	log         *slog.Logger
	stats       *Stats
}

// Stats counts what a run has done so far. It may be read at any time.
type Stats struct {
	Targets, TargetsDone   atomic.Int64
	Repositories, Images   atomic.Int64
	RepositoriesListed     atomic.Int64
	Calls, Throttles, Gaps atomic.Int64
	Retries                atomic.Int64
}

// slowCall is how long a call may take before it is logged.
const slowCall = 5 * time.Second

// caller makes the calls of one account in one region. Each operation has a
// limiter and a patience of its own: what one of them suffers, no other feels.
type caller struct {
	*budget
	where      string // for the log: "111122223333/eu-west-1"
	refresh    func() // forgets cached credentials after AWS called them expired
	mu         sync.Mutex
	operations map[string]*operation
}

// operation is the state of one operation of one account in one region.
type operation struct {
	limiter   *limiter
	mu        sync.Mutex
	failing   time.Time // when it began to fail; zero while it succeeds
	probed    time.Time // when it was tried last after it was given up
	lastError error
}

func (b *budget) caller(where string, refresh func()) *caller {
	return &caller{budget: b, where: where, refresh: refresh, operations: map[string]*operation{}}
}

func (c *caller) operation(name string) *operation {
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
)

// call makes one AWS call, named as in an IAM policy ("ecr:DescribeImages"),
// and retries what may pass: throttling at the rate that AWS allows, faults
// and lost connections with jitter. An operation that has only failed for as
// long as the budget's patience is given up, and with it all that waits for
// it; from then on it is tried now and then. The error is the last attempt's.
func call[T any](ctx context.Context, c *caller, name string, attempt func(context.Context) (T, error)) (T, error) {
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
		class := classify(err)
		if class == classExpired && !refreshed && c.refresh != nil {
			refreshed = true
			c.refresh()
			continue
		}
		if class != classThrottled && class != classTransient {
			return answer, err
		}
		if op.givenUp(time.Now(), c.patience) {
			return answer, err
		}
		c.stats.Retries.Add(1)
		c.log.Info("retrying", "call", name, "at", c.where, "attempt", n+1, "reason", errorCode(err))
		if sleep(ctx, backoff(n)) != nil {
			return answer, ctx.Err()
		}
	}
}

// eachPage calls AWS for one page after the other. fetch gets the token of its
// page, nil for the first, and returns that of the next; what it notes of a
// page it must note last, because it is called again after a failure.
func eachPage(ctx context.Context, c *caller, name string, fetch func(ctx context.Context, token *string) (next *string, err error)) error {
	var token *string
	for {
		next, err := call(ctx, c, name, func(ctx context.Context) (*string, error) { return fetch(ctx, token) })
		switch {
		case err != nil:
			return err
		case next == nil || *next == "":
			return nil
		case again(token, next):
			return errEndless
		}
		token = next
	}
}

// again reports whether a page leads to itself.
func again(token, next *string) bool {
	return token != nil && next != nil && *token == *next && *next != ""
}

// once makes one attempt, in one place of the budget.
func once[T any](ctx context.Context, c *caller, op *operation, name string, attempt func(context.Context) (T, error)) (answer T, err error) {
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
		c.log.Info("slow call", "call", name, "at", c.where, "took", took.Round(time.Millisecond))
	}
	if err != nil && ctx.Err() == nil && bounded.Err() != nil {
		err = errCallTimeout
	}
	op.record(err, started, now, c.stats)
	return answer, err
}

// record tells the operation how an attempt ended. An answer that says no is
// an answer.
func (op *operation) record(err error, started, now time.Time, stats *Stats) {
	class := classify(err)
	if class == classThrottled {
		stats.Throttles.Add(1)
		op.limiter.throttled(started, now)
	} else if class != classTransient {
		op.limiter.succeeded(now)
	}
	op.mu.Lock()
	defer op.mu.Unlock()
	if class != classThrottled && class != classTransient {
		op.failing = time.Time{}
		return
	}
	op.lastError = err
	if op.failing.IsZero() {
		op.failing = now
	}
}

// givenUp reports whether the operation has only failed for too long.
func (op *operation) givenUp(now time.Time, patience time.Duration) bool {
	op.mu.Lock()
	defer op.mu.Unlock()
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
		return op.lastError
	}
	op.probed = now
	return nil
}

// backoff is a random time up to the n-th exponential step (full jitter).
func backoff(n int) time.Duration {
	step := min(backoffLongest, backoffFirst<<min(n, 20))
	return time.Duration(rand.Int64N(int64(step))) + time.Millisecond
}

var (
	errCallTimeout = errors.New("no answer in time")
	errEndless     = errors.New("AWS gives the same page again and again")
)
