package evaluate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
)

// What a rule may do to a run before it is not run any more.
const (
	// timeoutsInARow and timeoutsInAll are how often a rule may take longer than
	// the time limit. Without them, one slow rule would take the time limit for
	// each of 20,000 repositories.
	timeoutsInARow = 3
	timeoutsInAll  = 10
	// stopGrace is how long a rule that is told to stop may take for it. One that
	// does not stop by then goes on behind our back.
	stopGrace = time.Second
	// defaultMemoryLimit is by how many bytes the program may grow while a rule is
	// evaluated.
	defaultMemoryLimit = 2 << 30
	memorySampling     = 100 * time.Millisecond
	// slowPart is the part of the time limit from which on rules are timed one by
	// one, to tell which is slow; slowTimings is how often that is done.
	slowPart    = 10
	slowTimings = 3
)

// Why an evaluation ended without an answer.
var (
	errTimeout     = errors.New("it took too long")
	errUnstoppable = errors.New("it did not stop when it was told to")
	errMemory      = errors.New("it took too much memory")
)

// memoryLimit is half of what the Go runtime is told to stay below (GOMEMLIMIT)
// where that is less than the default.
func memoryLimit() uint64 {
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		return min(defaultMemoryLimit, uint64(limit)/2)
	}
	return defaultMemoryLimit
}

// conduct is how a rule behaved in this run.
type conduct struct {
	mu       sync.Mutex
	failed   bool // at some time, and so is evaluated apart from the others
	timeouts int
	inARow   int
	ended    string // why it is not run any more; empty while it is
	slowest  time.Duration
	where    string // it was that slow
}

// evaluatedApart reports whether the rule may make others fail, and whether it
// may do so by taking their time.
func (c *conduct) evaluatedApart() (apart, slow bool, ended string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed, c.timeouts > 0, c.ended
}

// note records how an evaluation of this rule alone ended.
func (c *conduct) note(where string, took, limit time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if took > c.slowest {
		c.slowest, c.where = took, where
	}
	c.failed = c.failed || err != nil
	switch {
	case errors.Is(err, errMemory):
		c.ended = err.Error()
	case errors.Is(err, errUnstoppable):
		c.timeouts++
		c.ended = fmt.Sprintf("it took longer than %s, and did not stop when it was told to", limit)
	case errors.Is(err, errTimeout):
		c.timeouts++
		c.inARow++
		if c.inARow >= timeoutsInARow || c.timeouts >= timeoutsInAll {
			c.ended = fmt.Sprintf("it took longer than %s %d times", limit, c.timeouts)
		}
	default:
		c.inARow = 0
	}
}

// Trouble is what a rule did that its author should know.
type Trouble struct {
	Rule     string
	Slowest  time.Duration // of one evaluation of this rule alone
	Where    string        // that was: a registry or repository
	Timeouts int           // how often it took longer than the limit
	Ended    string        // why it was not run any more; empty where it was
}

// Troubles are the rules that were slow or not run to the end, by id.
func (e *Engine) Troubles() (all []Trouble) {
	for _, rule := range e.rules {
		c := e.conducts[rule.ID]
		c.mu.Lock()
		t := Trouble{Rule: rule.ID, Slowest: c.slowest, Where: c.where, Timeouts: c.timeouts, Ended: c.ended}
		c.mu.Unlock()
		if t.Ended != "" || t.Timeouts > 0 || t.Slowest >= e.slow() {
			all = append(all, t)
		}
	}
	return all
}

// TimeLimit is how long one evaluation may take.
func (e *Engine) TimeLimit() time.Duration { return e.options.TimeLimit }

func (e *Engine) slow() time.Duration { return e.options.TimeLimit / slowPart }

// alone waits until no other rule is evaluated by itself, so that the clock
// measures the rule and not the crowd.
func (e *Engine) alone(ctx context.Context) (release func(), err error) {
	select {
	case e.solitude <- struct{}{}:
		return func() { <-e.solitude }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// outcome is how an evaluation ended.
type outcome struct {
	results rego.ResultSet
	err     error
}

// answerOf evaluates a query. It returns within the time limit and a grace,
// whatever the rules do: evaluation stops when it is told to, but functions of
// OPA need not, and what does not stop is left behind.
func (e *Engine) answerOf(ctx context.Context, query rego.PreparedEvalQuery, input ast.Value) (rego.ResultSet, error) {
	limited, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan outcome, 1)
	beside(func() {
		var o outcome
		defer func() {
			if p := recover(); p != nil {
				o = outcome{err: fmt.Errorf("it panicked: %v", p)}
			}
			done <- o
		}()
		o.results, o.err = query.Eval(limited, rego.EvalParsedInput(input))
	})
	limit := time.NewTimer(e.options.TimeLimit)
	defer limit.Stop()
	sample := time.NewTicker(memorySampling)
	defer sample.Stop()
	var before uint64
	for {
		select {
		case o := <-done:
			return o.results, reason(ctx, limited, o.err)
		case <-ctx.Done():
			return stopped(ctx, limited, done)
		case <-limit.C:
			cancel(fmt.Errorf("%w: no answer within %s", errTimeout, e.options.TimeLimit))
			return stopped(ctx, limited, done)
		case <-sample.C:
			now := heapBytes()
			if before == 0 {
				before = now
			}
			if now > before+e.options.MemoryLimit {
				cancel(fmt.Errorf("%w: more than %d MiB in one evaluation", errMemory, e.options.MemoryLimit>>20))
				return stopped(ctx, limited, done)
			}
		}
	}
}

// tasks go to goroutines that wait for one.
var tasks = make(chan func())

// idleGoroutine is how long a goroutine waits for the next task.
const idleGoroutine = time.Second

// beside runs a task in a goroutine of its own, if possible in one that ran another
// before: evaluations recur deeply, and to grow the stack for each anew takes a
// tenth of their time.
func beside(task func()) {
	select {
	case tasks <- task:
		return
	default:
	}
	go func() {
		idle := time.NewTimer(idleGoroutine)
		for {
			task()
			idle.Reset(idleGoroutine)
			select {
			case task = <-tasks:
			case <-idle.C:
				return
			}
		}
	}()
}

// stopped waits for an evaluation that was told to stop.
func stopped(ctx, limited context.Context, done <-chan outcome) (rego.ResultSet, error) {
	grace := time.NewTimer(stopGrace)
	defer grace.Stop()
	select {
	case o := <-done:
		return o.results, reason(ctx, limited, o.err)
	case <-grace.C:
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, fmt.Errorf("%w: %w", errUnstoppable, context.Cause(limited))
}

// reason is why an evaluation failed: what it was stopped for, or what it says.
func reason(ctx, limited context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		return context.Cause(limited)
	}
	return oneLine(err)
}

// heapBytes is how much memory objects take, including those that are not needed
// any more.
func heapBytes() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
