package awsapi

import (
	"context"
	"math"
	"sync"
	"time"
)

// limiter finds and keeps the rate at which AWS answers one operation of one
// account in one region. It does not slow anything down until AWS throttles;
// then it falls below the rate that AWS let through just before and
// grows again along a cubic curve: quickly back to that rate, slowly around
// it, quickly again when nothing is throttled there (the shape that CUBIC gave
// to TCP).
//
// A new limiter is unlimited.
type limiter struct {
	turn      chan struct{} // held by the one call that waits for its start
	mu        sync.Mutex
	rate      float64   // calls per second; 0 is unlimited
	plateau   float64   // the rate that AWS let through before the last cut
	cutAt     time.Time // when the rate was cut last
	next      time.Time // when the next call may start
	successes [limiterSlots]int
	slot      int64 // the newest slot of successes, in limiterSlot units
}

const (
	limiterWindow  = 2 * time.Second
	limiterSlots   = 20
	limiterSlot    = limiterWindow / limiterSlots
	limiterFirst   = 10.0              // calls per second after the first throttle, at the least
	limiterFloor   = 1.0               // calls per second that are always tried
	limiterCut     = 0.8               // what is left of the plateau after a throttle
	limiterRecover = 3.0               // seconds until the plateau is reached again
	limiterPause   = limiterWindow / 4 // between two cuts
)

func newLimiter() *limiter { return &limiter{turn: make(chan struct{}, 1)} }

// wait blocks until the next call may start, or ctx ends. Calls queue for one
// turn, so that only the first of them waits at a rate that may be outdated.
func (l *limiter) wait(ctx context.Context) error {
	if l.unlimited() {
		return ctx.Err()
	}
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return sleep(ctx, l.reserve(time.Now()))
}

func (l *limiter) unlimited() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rate == 0
}

// reserve takes the next free start time and returns how far away it is.
func (l *limiter) reserve(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rate == 0 {
		return 0
	}
	if l.next.Before(now) {
		l.next = now
	}
	delay := l.next.Sub(now)
	l.next = l.next.Add(l.interval())
	return delay
}

func (l *limiter) interval() time.Duration {
	return time.Duration(float64(time.Second) / l.rate)
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// succeeded counts an answer and lets the rate grow.
func (l *limiter) succeeded(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.advance(now)
	l.successes[l.slot%limiterSlots]++
	if l.rate == 0 {
		return
	}
	since := now.Sub(l.cutAt).Seconds() - limiterRecover
	curve := l.plateau * (1 - limiterCut) / math.Pow(limiterRecover, 3)
	l.rate = math.Max(l.rate, l.plateau+curve*math.Pow(since, 3))
}

// throttled cuts the rate. A call that started before the last cut says
// nothing about the rate since.
func (l *limiter) throttled(started, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rate > 0 && (started.Before(l.cutAt) || now.Sub(l.cutAt) < limiterPause) {
		return
	}
	l.advance(now)
	answered := 0
	for _, n := range l.successes {
		answered += n
	}
	l.plateau = float64(answered) / limiterWindow.Seconds()
	if l.rate == 0 {
		l.plateau = math.Max(l.plateau, limiterFirst)
	} else {
		l.plateau = math.Max(limiterFloor, math.Min(l.plateau, l.rate))
	}
	l.rate = math.Max(limiterFloor, l.plateau*limiterCut)
	l.cutAt = now
	l.next = now.Add(l.interval())
}

// advance moves the window of counted successes up to now.
func (l *limiter) advance(now time.Time) {
	slot := now.UnixNano() / int64(limiterSlot)
	if slot-l.slot >= limiterSlots {
		l.successes = [limiterSlots]int{}
		l.slot = slot
	}
	for l.slot < slot {
		l.slot++
		l.successes[l.slot%limiterSlots] = 0
	}
}
