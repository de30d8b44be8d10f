package remediate_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/ecraudit/ecraudit/internal/remediate"
)

// A plan of every kind is applied, leaves nothing to plan, and is undone.
func TestApplyAndUndo(t *testing.T) {
	w, j := newWorld(t), newJournal(t)
	before := w.state()
	plan := w.plan(remediate.Filter{})
	same(t, "planning changes nothing", before, w.state())
	for _, kind := range remediate.Kinds() {
		if !slices.ContainsFunc(plan.Changes, func(c remediate.Change) bool { return c.Kind == kind }) {
			t.Errorf("the plan has no change of the kind %s", kind)
		}
	}
	applied := w.apply(j, plan)
	clean(t, applied)
	after := w.state()
	if after == before {
		t.Fatal("nothing was changed")
	}

	again := w.plan(remediate.Filter{})
	for _, c := range again.Changes {
		t.Errorf("a second plan: %s: %s: %v: mends %v", c.Where(), c.Kind, c.Summary, c.Why)
	}
	repeated := w.apply(j, plan)
	clean(t, repeated)
	if repeated.Tally[remediate.Applied] > 0 {
		t.Errorf("applied again: %v", repeated.Tally)
	}
	same(t, "a second apply changes nothing", after, w.state())

	undone := w.undo(j, applied.Run)
	clean(t, undone)
	same(t, "undone", before, w.state())
	clean(t, w.undo(j, applied.Run))
	same(t, "undone twice", before, w.state())
	w.org.Advance(time.Hour) // until archived images are restored
	clean(t, w.undo(j, undone.Run))
	same(t, "the undo undone", after, w.state())
}

// The same organization gives the same plan, byte for byte.
func TestPlanIsDeterministic(t *testing.T) {
	var first []byte
	for range 3 {
		var b bytes.Buffer
		if _, err := newWorld(t).plan(remediate.Filter{}).WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = b.Bytes()
		}
		if !bytes.Equal(first, b.Bytes()) {
			t.Fatal("two plans of the same organization differ")
		}
	}
}
