package awssim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// CallKey names what is counted: an operation ("ecr:DescribeImages") called by an account in a region.
type CallKey struct{ Account, Region, Operation string }

// Count says how often an operation was called, how many of these were throttled or failed otherwise, and how many were left without an
// answer, whether they took effect or not.
type Count struct{ Calls, Throttled, Failed, Lost int }

func (n Count) plus(m Count) Count {
	return Count{n.Calls + m.Calls, n.Throttled + m.Throttled, n.Failed + m.Failed, n.Lost + m.Lost}
}

// Calls counts the calls that a server has got.
type Calls map[CallKey]Count

// Total sums all counts.
func (c Calls) Total() Count { return c.Of("*") }

// Of sums the counts of the operations that match a glob, such as "ecr:Describe*".
func (c Calls) Of(operation string) Count { return c.For("*", "*", operation) }

// For sums the counts whose account, region and operation match the globs.
func (c Calls) For(account, region, operation string) Count {
	var sum Count
	for key, n := range c {
		if globMatch(account, key.Account) && globMatch(region, key.Region) && globFold(operation, key.Operation) {
			sum = sum.plus(n)
		}
	}
	return sum
}

// Writes sums the counts of the operations that change state.
func (c Calls) Writes() Count {
	var sum Count
	for key, n := range c {
		service, name, _ := strings.Cut(key.Operation, ":")
		if services()[service].operations[name].writes {
			sum = sum.plus(n)
		}
	}
	return sum
}

// ByOperation sums over accounts and regions.
func (c Calls) ByOperation() map[string]Count {
	sums := map[string]Count{}
	for key, n := range c {
		sums[key.Operation] = sums[key.Operation].plus(n)
	}
	return sums
}

// String is a line for each key, in order.
func (c Calls) String() string {
	keys := slices.SortedFunc(maps.Keys(c), func(a, b CallKey) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Region, b.Region), cmp.Compare(a.Operation, b.Operation))
	})
	var b strings.Builder
	for _, k := range keys {
		n := c[k]
		fmt.Fprintf(&b, "%s %s %s: %d", k.Account, k.Region, k.Operation, n.Calls)
		if n.Throttled+n.Failed+n.Lost > 0 {
			fmt.Fprintf(&b, " (%d throttled, %d failed, %d lost)", n.Throttled, n.Failed, n.Lost)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// callCounter guards the counts of a server.
type callCounter struct {
	mu     sync.Mutex
	counts Calls
}

func (n *callCounter) add(c *call, err error, lost bool) {
	key := CallKey{Region: c.region, Operation: c.name()}
	if c.caller.account != nil {
		key.Account = c.caller.account.id
	}
	one := Count{Calls: 1}
	if e := asAPIError(err); e != nil && e.code == c.codes().throttled {
		one.Throttled = 1
	} else if e != nil {
		one.Failed = 1
	}
	if lost {
		one.Lost = 1
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.counts == nil {
		n.counts = Calls{}
	}
	n.counts[key] = n.counts[key].plus(one)
}

// Calls returns what has been counted since the start or the last ResetCalls.
func (s *Server) Calls() Calls {
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	return maps.Clone(s.calls.counts)
}

// ResetCalls begins to count anew.
func (s *Server) ResetCalls() {
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	s.calls.counts = nil
}
