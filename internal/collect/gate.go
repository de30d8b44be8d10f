package collect

import (
	"context"
	"sync"
)

// gate bounds how many repositories are in hand at once, and with them the
// memory of a run. The places are shared out evenly among the accounts that
// want one, so that an account which AWS throttles cannot hold them all. An
// account always gets a few.
type gate struct {
	mu     sync.Mutex
	places int
	held   map[string]int // by account, with an entry while it holds or wants one
	wanted map[string]int
	freed  chan struct{} // closed and replaced whenever a place may have become free
}

const gateLeast = 8

func newGate(places int) *gate {
	return &gate{places: places, held: map[string]int{}, wanted: map[string]int{}, freed: make(chan struct{})}
}

// enter waits for a place for the account.
func (g *gate) enter(ctx context.Context, account string) error {
	g.mu.Lock()
	g.wanted[account]++
	defer func() {
		g.wanted[account]--
		g.forget(account)
		g.mu.Unlock()
	}()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if g.held[account] < max(gateLeast, g.places/g.active()) {
			g.held[account]++
			return nil
		}
		freed := g.freed
		g.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
		}
		g.mu.Lock()
	}
}

// leave gives a place back.
func (g *gate) leave(account string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held[account]--
	g.forget(account)
	close(g.freed)
	g.freed = make(chan struct{})
}

func (g *gate) active() int {
	active := len(g.held)
	for account, n := range g.wanted {
		if n > 0 && g.held[account] == 0 {
			active++
		}
	}
	return active
}

func (g *gate) forget(account string) {
	if g.held[account] == 0 {
		delete(g.held, account)
	}
	if g.wanted[account] == 0 {
		delete(g.wanted, account)
	}
}
