package awsapi

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// bucket is AWS's side: a limit with a burst.
type bucket struct {
	perSecond, burst, tokens float64
	filled                   time.Time
}

func (b *bucket) take(now time.Time) bool {
	b.tokens = min(b.burst, b.tokens+now.Sub(b.filled).Seconds()*b.perSecond)
	b.filled = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// demandFor calls through a limiter as fast as it allows for some time, and
// returns the calls that were answered and throttled after the first seconds.
func demandFor(t *testing.T, perSecond, burst float64, period time.Duration) (answered, throttled int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter()
		start := time.Now()
		aws := &bucket{perSecond: perSecond, burst: burst, tokens: burst, filled: start}
		var mu sync.Mutex
		var group sync.WaitGroup
		for range 64 {
			group.Go(func() {
				for time.Since(start) < period {
					if l.wait(t.Context()) != nil {
						return
					}
					called := time.Now()
					time.Sleep(20 * time.Millisecond)
					mu.Lock()
					ok := aws.take(time.Now())
					if settled := time.Since(start) > 3*time.Second; settled && ok {
						answered++
					} else if settled {
						throttled++
					}
					mu.Unlock()
					if ok {
						l.succeeded(time.Now())
						continue
					}
					l.throttled(called, time.Now())
					time.Sleep(50 * time.Millisecond)
				}
			})
		}
		group.Wait()
	})
	return answered, throttled
}

// Whatever limit AWS has from 5 calls a second on, it is nearly used up, and
// seldom run into.
func TestLimiterFindsTheRate(t *testing.T) {
	for _, perSecond := range []float64{5, 20, 100, 500} {
		const period = 63 * time.Second
		answered, throttled := demandFor(t, perSecond, 2*perSecond, period)
		if least := 0.85 * perSecond * 60; float64(answered) < least {
			t.Errorf("of %g calls a second, %d were answered in a minute, fewer than %g", perSecond, answered, least)
		}
		if share := float64(throttled) / float64(answered+throttled); share > 0.05 {
			t.Errorf("of %g calls a second, %.1f%% were throttled", perSecond, 100*share)
		}
	}
}

func TestLimiterIsUnlimitedAtFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter()
		start := time.Now()
		for range 10_000 {
			if err := l.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			l.succeeded(time.Now())
		}
		if waited := time.Since(start); waited > 0 {
			t.Errorf("waited %s without any throttle", waited)
		}
	})
}
