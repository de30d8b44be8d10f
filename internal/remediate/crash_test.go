package remediate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/remediate"
)

// death is where a process is killed: before or after the effect of a call.
type death struct {
	call  int // counted from 1, whatever service it is to
	after bool
}

func (d death) String() string {
	if d.after {
		return fmt.Sprintf("after_call_%d", d.call)
	}
	return fmt.Sprintf("before_call_%d", d.call)
}

func (d death) fault() awssim.Fault {
	if d.after {
		return awssim.Fault{Kind: awssim.ResetAfter, After: d.call - 1, First: 1}
	}
	return awssim.Fault{Kind: awssim.Reset, After: d.call - 1, First: 1}
}

// deaths are all places at which a run of so many calls can be killed: the whole
// of them, and every ninth with -short or under the race detector, which has
// nothing to find in processes that make one call after the other.
func deaths(calls int) (all []death) {
	step := 1
	if testing.Short() || underRace {
		step = 9
	}
	for n := 1; n <= calls; n += step {
		all = append(all, death{n, false}, death{n, true})
	}
	return all
}

// writePlan plans for everyKind and stores the plan. The environment is set in a
// subtest, so that those beside it can be parallel.
func writePlan(t *testing.T) (name string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "plan.json")
	t.Run("plan", func(t *testing.T) {
		file, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if _, err := newWorld(t).plan(remediate.Filter{}).WriteTo(file); err != nil {
			t.Fatal(err)
		}
	})
	return name
}

// undisturbed is an apply that nothing happens to, and its undo.
type undisturbed struct {
	before, after    string
	calls, undoCalls int
}

// rehearse carries out an errand and takes it back.
func rehearse(t *testing.T, polls int, apply errand) (u undisturbed) {
	t.Helper()
	w := worldOf(t, everyKind(polls))
	u.before = w.state()
	s := w.send(apply)
	clean(t, s)
	u.after, u.calls = w.state(), w.server.Calls().Total().Calls
	if s.Tally[remediate.Applied] == 0 || u.after == u.before {
		t.Fatal("nothing was applied")
	}
	w.server.ResetCalls()
	clean(t, w.send(errand{Deed: "undo", Journal: apply.Journal, Run: s.Run, Places: 1}))
	u.undoCalls = w.server.Calls().Total().Calls
	same(t, "undone", u.before, w.state())
	return u
}

// A process that is killed before or after any call of an apply can be undone,
// and its plan can be applied again.
func TestCrashOfApply(t *testing.T) {
	plan := writePlan(t)
	for _, test := range []struct {
		name  string
		kind  remediate.Kind
		polls int
	}{
		{"every_kind", "", notPolled},
		{"previews", remediate.KindLifecycle, oncePolled},
	} {
		t.Run(test.name, func(t *testing.T) {
			apply := errand{Deed: "apply", Plan: plan, Kind: test.kind, Places: 1}
			try := apply
			try.Journal = t.TempDir()
			u := rehearse(t, test.polls, try)
			t.Logf("%d calls", u.calls)
			for _, d := range deaths(u.calls) {
				t.Run(d.String(), func(t *testing.T) {
					t.Parallel()
					undoAfter(t, worldOf(t, everyKind(test.polls)), apply, d, u)
					applyAfter(t, worldOf(t, everyKind(test.polls)), apply, d, u)
				})
			}
		})
	}
}

// undoAfter kills an apply and takes back what it did.
func undoAfter(t *testing.T, w *world, apply errand, d death, u undisturbed) {
	t.Helper()
	apply.Journal = t.TempDir()
	w.sendToDie(apply, d.fault())
	for _, run := range runsIn(t, apply.Journal) {
		clean(t, w.send(errand{Deed: "undo", Journal: apply.Journal, Run: run.ID, Places: 1}))
	}
	same(t, "undone after a crash", u.before, w.state())
}

// applyAfter kills an apply and applies the same plan again.
func applyAfter(t *testing.T, w *world, apply errand, d death, u undisturbed) {
	t.Helper()
	apply.Journal = t.TempDir()
	w.sendToDie(apply, d.fault())
	clean(t, w.send(apply))
	same(t, "applied again after a crash", u.after, w.state())
}

// An undo that is killed before or after any call can be repeated.
func TestCrashOfUndo(t *testing.T) {
	plan := writePlan(t)
	apply := errand{Deed: "apply", Plan: plan, Journal: t.TempDir(), Places: 1}
	u := rehearse(t, notPolled, apply)
	t.Logf("%d calls", u.undoCalls)
	t.Run("every_kind", func(t *testing.T) {
		for _, d := range deaths(u.undoCalls) {
			t.Run(d.String(), func(t *testing.T) {
				t.Parallel()
				w, mine := worldOf(t, everyKind(notPolled)), apply
				mine.Journal = t.TempDir()
				applied := w.send(mine)
				clean(t, applied)
				undo := errand{Deed: "undo", Journal: mine.Journal, Run: applied.Run, Places: 1}
				w.sendToDie(undo, d.fault())
				clean(t, w.send(undo))
				same(t, "undone again after a crash", u.before, w.state())
			})
		}
	})
}

// Where both an apply and its undo crash, both can be undone, newest first.
func TestCrashOfBoth(t *testing.T) {
	plan := writePlan(t)
	u := rehearse(t, notPolled, errand{Deed: "apply", Plan: plan, Journal: t.TempDir(), Places: 1})
	t.Run("every_kind", func(t *testing.T) {
		for _, part := range []int{4, 3, 2} {
			t.Run(fmt.Sprintf("at_1_of_%d", part), func(t *testing.T) {
				t.Parallel()
				w := worldOf(t, everyKind(notPolled))
				dir := t.TempDir()
				w.sendToDie(errand{Deed: "apply", Plan: plan, Journal: dir, Places: 1}, death{u.calls - u.calls/part, true}.fault())
				crashed := w.state()
				applied := runsIn(t, dir)[0]
				undo := errand{Deed: "undo", Journal: dir, Run: applied.ID, Places: 1}
				w.sendToDie(undo, death{u.undoCalls / part, true}.fault())
				w.org.Advance(time.Hour) // until archived images are restored
				undone := runsIn(t, dir)[0]
				if undone.Undoes != applied.ID || undone.Ended {
					t.Fatalf("the newest run is %+v", undone.RunHead)
				}
				clean(t, w.send(errand{Deed: "undo", Journal: dir, Run: undone.ID, Places: 1}))
				same(t, "the undo undone", crashed, w.state())
				clean(t, w.send(undo))
				same(t, "undone", u.before, w.state())
			})
		}
	})
}

// runsIn are the runs of a journal, newest first, of which none is damaged.
func runsIn(t *testing.T, dir string) []*remediate.Run {
	t.Helper()
	j, err := remediate.OpenJournal(dir)
	if err != nil {
		t.Fatal(err)
	}
	runs, damaged, err := j.Runs()
	if err != nil || len(damaged) > 0 {
		t.Fatal(err, damaged)
	}
	return runs
}
