package collect

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// One account cannot hold all the places.
func TestGateIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(32)
		for range 32 {
			if err := g.enter(t.Context(), "greedy"); err != nil {
				t.Fatal(err)
			}
		}
		full, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := g.enter(full, "greedy"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a 33rd place of 32: %v", err)
		}
		for range 16 {
			if err := g.enter(t.Context(), "modest"); err != nil {
				t.Fatal(err)
			}
		}
		for range 20 {
			g.leave("greedy")
		}
		if len(g.wanted) > 0 || g.held["greedy"] != 12 || g.held["modest"] != 16 {
			t.Errorf("held %v, wanted %v", g.held, g.wanted)
		}
	})
}
