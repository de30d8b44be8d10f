package remediate_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/remediate"
)

// parked lists what is parked, with the tags that the journal says were taken.
func (w *world) parked(j *remediate.Journal) (list []remediate.Parked) {
	w.t.Helper()
	seen := &recorder{}
	w.collect(seen)
	taken, err := j.TakenTags()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range seen.repositories {
		for _, p := range remediate.ParkedIn(r.registry, r.Repository) {
			p.Had = taken[p.Key()]
			list = append(list, p)
		}
	}
	return list
}

func (w *world) pass(d time.Duration) {
	w.org.Advance(d)
	w.now = w.now.Add(d)
}

const day = 24 * time.Hour

func TestParkedAndRestored(t *testing.T) {
	stray := image("app", "stray", 3, "Stray", "Other")
	w, r := newRepository(t, with(stray))
	j := newJournal(t)
	before := w.state()
	applied := w.apply(j, w.plan(remediate.Filter{}))
	clean(t, applied)

	list := w.parked(j)
	if len(list) != 1 || list[0].Digest != stray.Digest || !slices.Equal(list[0].Had, []string{"Other", "Stray"}) || list[0].AccountName != "team" ||
		!list[0].ParkedOn.Equal(awssim.Epoch.Truncate(day)) || !slices.Equal(list[0].Tags, []string{w.parkedAs(stray)}) {
		t.Fatalf("%+v", list)
	}
	undone := w.undo(j, applied.Run)
	if list := w.parked(j); len(list) != 0 {
		t.Errorf("%+v", list)
	}
	if taken, _ := j.TakenTags(); len(taken[list[0].Key()]) != 0 {
		t.Errorf("after the undo, %v count as taken", taken)
	}
	clean(t, w.undo(j, undone.Run))
	list = w.parked(j)
	if len(list) != 1 || !slices.Equal(list[0].Had, []string{"Other", "Stray"}) {
		t.Fatalf("after the redo: %+v", list)
	}

	plan, err := remediate.RestorePlan(list[0], list[0].Had, remediate.Plan{Version: "test", Clock: w.now, Organization: w.org.ID()})
	if err != nil {
		t.Fatal(err)
	}
	parkedState := w.state()
	restored := w.apply(j, plan)
	ends(t, restored, remediate.Applied)
	hasTags(t, r, stray, "Other", "Stray")
	same(t, "restored", before, w.state())
	if taken, _ := j.TakenTags(); len(taken[list[0].Key()]) != 0 {
		t.Errorf("after the restore, %v count as taken", taken)
	}
	ends(t, w.apply(j, plan), remediate.Already)
	clean(t, w.undo(j, restored.Run))
	same(t, "the restore undone", parkedState, w.state())
	if run, err := j.Read(restored.Run); err != nil || run.Kind != remediate.RunRestore {
		t.Errorf("%+v: %v", run, err)
	}
}

// A tag that is on another image by now stays there, and the image stays parked.
func TestRestoreOfATagInUse(t *testing.T) {
	stray, next := image("app", "stray", 3, "Stray"), image("app", "next", 0, "gitsha_5")
	w, r := newRepository(t, with(stray, next))
	j := newJournal(t)
	clean(t, w.apply(j, w.plan(remediate.Filter{})))
	r.Tag(next.Digest, "Stray")
	list := w.parked(j)
	plan, err := remediate.RestorePlan(list[0], list[0].Had, remediate.Plan{Version: "test", Clock: w.now})
	if err != nil {
		t.Fatal(err)
	}
	ends(t, w.apply(j, plan), remediate.Skipped, "the tag Stray")
	hasTags(t, r, stray, w.parkedAs(stray))
	hasTags(t, r, next, "Stray", "gitsha_5")
	if _, err := remediate.RestorePlan(list[0], nil, remediate.Plan{}); err == nil || !strings.Contains(err.Error(), "--tag") {
		t.Errorf("%v", err)
	}
}

// purge plans to delete what was parked more than 30 days ago.
func (w *world) purge(j *remediate.Journal) *remediate.Plan {
	return remediate.PurgePlan(w.parked(j), w.now.Add(-30*day), remediate.Plan{Version: "test", Clock: w.now, Organization: w.org.ID()})
}

func TestPurge(t *testing.T) {
	stray := image("app", "stray", 3, "Stray")
	w, r := newRepository(t, with(stray))
	j := newJournal(t)
	clean(t, w.apply(j, w.plan(remediate.Filter{})))
	w.pass(20 * day)
	if p := w.purge(j); len(p.Changes) != 0 {
		t.Errorf("%+v", p.Changes)
	}
	w.pass(20 * day)
	plan := w.purge(j)
	if len(plan.Changes) != 1 || plan.Changes[0].Risk != remediate.RiskDestructive {
		t.Fatalf("%+v", plan.Changes)
	}
	recorded := w.record()
	others := len(r.Describe().Images)
	s := w.apply(j, plan)
	ends(t, s, remediate.Applied)
	if _, there := r.Image(stray.Digest); there || len(r.Describe().Images) != others-1 {
		t.Errorf("there are %+v", r.Describe().Images)
	}
	for _, c := range recorded.of("BatchDeleteImage") {
		if strings.Contains(c, "sha256:") || !strings.Contains(c, "ecraudit-quarantine-") {
			t.Errorf("an image is deleted by %q", c)
		}
	}
	run, err := j.Read(s.Run)
	if err != nil || run.Kind != remediate.RunPurge {
		t.Fatalf("%+v: %v", run, err)
	}
	if _, err := remediate.Undo(context.Background(), w.options(j, 1), run, remediate.Filter{}); err == nil || !strings.Contains(err.Error(), "cannot be brought back") {
		t.Errorf("%v", err)
	}
	ends(t, w.apply(j, plan), remediate.Skipped, "the image is no longer there")
}

// What is in use again is not purged, whether that shows in the plan or only
// later.
func TestPurgeOfWhatIsUsed(t *testing.T) {
	stray := image("app", "stray", 3, "Stray")
	for name, c := range map[string]struct {
		use   func(*world, *awssim.LiveRepository)
		words string
	}{
		"it got a tag": {func(_ *world, r *awssim.LiveRepository) { r.Tag(stray.Digest, "gitsha_9") }, "the image has the tag gitsha_9"},
		"it was pulled": {func(w *world, r *awssim.LiveRepository) {
			r.ChangeImage(stray.Digest, func(i *awssim.Image) { i.LastPulledAt = w.now.Add(-day) })
		}, "after it was parked"},
		"it lost its quarantine tag": {func(_ *world, r *awssim.LiveRepository) {
			i, _ := r.Image(stray.Digest)
			r.RemoveImage(i.Digest)
			i.Tags = nil
			r.AddImage(i)
		}, "the image is not parked"},
	} {
		t.Run(name, func(t *testing.T) {
			w, r := newRepository(t, with(stray))
			j := newJournal(t)
			clean(t, w.apply(j, w.plan(remediate.Filter{})))
			w.pass(40 * day)
			plan := w.purge(j)
			c.use(w, r)
			before := w.state()
			ends(t, w.apply(j, plan), remediate.Skipped, c.words)
			same(t, "nothing was changed", before, w.state())
			if again := w.purge(j); len(again.Changes) != 0 {
				t.Errorf("%+v", again.Changes)
			}
		})
	}
}

// A tag that somebody gives the image at the last moment keeps it.
func TestPurgeAtTheLastMoment(t *testing.T) {
	stray := image("app", "stray", 3, "Stray")
	w, r := newRepository(t, with(stray))
	j := newJournal(t)
	clean(t, w.apply(j, w.plan(remediate.Filter{})))
	w.pass(40 * day)
	plan := w.purge(j)
	w.server.Faults().Add(awssim.Fault{Kind: awssim.Latency, Operation: "ecr:BatchDeleteImage", First: 1, Do: func() { r.Tag(stray.Digest, "gitsha_9") }})
	s := w.apply(j, plan)
	if s.Tally[remediate.Applied] != 0 {
		t.Errorf("%+v", s.Results)
	}
	hasTags(t, r, stray, "gitsha_9")
}

// AWS does not delete an image to which an index refers.
func TestPurgeOfAChild(t *testing.T) {
	child, other := image("app", "amd", 3, "Stray"), image("app", "arm", 3)
	index := awssim.BuildIndex(child, other)
	index.Tags, index.PushedAt = []string{"gitsha_9"}, awssim.Epoch.AddDate(0, 0, -3)
	w, r := newRepository(t, with(child, other, index))
	j := newJournal(t)
	clean(t, w.apply(j, w.plan(only("tag-convention"))))
	w.pass(40 * day)
	ends(t, w.apply(j, w.purge(j)), remediate.Refused, "ImageReferencedByManifestList")
	hasTags(t, r, child, "ecraudit-quarantine-20261001-"+strings.TrimPrefix(child.Digest, "sha256:")[:12])
}
