package report

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// The same repositories are chosen whatever order they come in, those that fail
// worst before those that only come first.
func TestWorstRepositoriesInAnyOrder(t *testing.T) {
	found := map[string][]finding.Finding{}
	var names []string
	for i := range 3 * htmlMaxDetails {
		name := fmt.Sprintf("team/%05d", i)
		names = append(names, name)
		switch {
		case i%7 == 6:
			found[name] = []finding.Finding{{Severity: finding.Critical, Status: finding.Fail}}
		case i%3 == 0:
			found[name] = []finding.Finding{{Severity: finding.Low, Status: finding.Fail}, {Severity: finding.High, Status: finding.Unknown}}
		}
	}
	choose := func() map[[3]string]bool {
		worst := NewWorstRepositories()
		for _, name := range names {
			offered := worst.Offer("111122223333", "eu-west-1", name, found[name])
			if !offered && worst.Places()[[3]string{"111122223333", "eu-west-1", name}] {
				t.Fatalf("%s is chosen though it was refused", name)
			}
		}
		return worst.Places()
	}
	want := choose()
	if len(want) != htmlMaxDetails {
		t.Fatalf("%d are chosen, not %d", len(want), htmlMaxDetails)
	}
	for name, findings := range found {
		if findings[0].Severity == finding.Critical && !want[[3]string{"111122223333", "eu-west-1", name}] {
			t.Errorf("%s fails worst and is not chosen", name)
		}
	}
	for range 5 {
		rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		if diff := cmp.Diff(want, choose()); diff != "" {
			t.Fatalf("another order (-before +now):\n%s", diff)
		}
	}
}
