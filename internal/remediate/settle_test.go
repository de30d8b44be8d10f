package remediate_test

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/remediate"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// two are repositories that need one change each.
func two(t *testing.T) *world {
	t.Helper()
	org := newOrganization()
	for _, name := range []string{"one/app", "two/app"} {
		org.Account(team).Registry(region).AddRepository(sound(name, func(r *awssim.Repository) { r.Tags = nil }))
	}
	return serve(t, org, awssim.Options{})
}

func (w *world) undoOf(j *remediate.Journal, id, repository string) *remediate.Summary {
	w.t.Helper()
	run, err := j.Read(id)
	if err != nil {
		w.t.Fatal(err)
	}
	var f remediate.Filter
	if repository != "" {
		f.Repository = func(name string) bool { return strings.HasPrefix(name, repository) }
	}
	s, err := remediate.Undo(context.Background(), w.options(j, 1), run, f)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// last is the run that undo --last takes, and how much of it is in force.
func last(t *testing.T, j *remediate.Journal) (id string, inForce int) {
	t.Helper()
	run, err := j.Last()
	if err != nil {
		return "", 0
	}
	return run.ID, run.InForce()
}

// What is still in force of a run decides whether it can be undone: part of it,
// all of it after an undo that was skipped, and all of it again after an undo of
// the undo.
func TestWhatIsInForce(t *testing.T) {
	w, j := two(t), newJournal(t)
	plan := w.plan(only("required-tags"))
	applied := w.apply(j, plan)
	check := func(what, id string, n int) {
		t.Helper()
		if gotID, got := last(t, j); gotID != id || got != n {
			t.Errorf("%s: the last run is %q with %d changes in force, want %q with %d", what, gotID, got, id, n)
		}
	}
	check("applied", applied.Run, 2)
	w.undoOf(j, applied.Run, "one")
	check("one undone", applied.Run, 1)

	r := w.org.Account(team).Registry(region).Repository("two/app")
	r.Change(func(r *awssim.Repository) { r.Tags = map[string]string{"team": "somebody"} })
	ends(t, w.undoOf(j, applied.Run, "two"), remediate.Skipped)
	check("the other left alone", applied.Run, 1)
	r.Change(func(r *awssim.Repository) { r.Tags = map[string]string{"team": "platform"} })
	undone := w.undoOf(j, applied.Run, "")
	check("all undone", "", 0)
	w.undoOf(j, undone.Run, "")
	check("one put in force again", applied.Run, 1)
}

// A run that failed does not stand in the way of those before it for ever.
func TestLastAfterAFailure(t *testing.T) {
	w, j := two(t), newJournal(t)
	applied := w.apply(j, w.plan(remediate.Filter{Rules: []string{"required-tags"}, Repository: func(n string) bool { return n == "one/app" }}))
	deny := w.server.Faults().Add(awssim.Fault{Kind: awssim.Denied, Operation: "ecr:TagResource"})
	failed := w.apply(j, w.plan(only("required-tags")))
	deny()
	ends(t, failed, remediate.Failed)
	ends(t, w.undoOf(j, failed.Run, ""), remediate.Already)
	if id, _ := last(t, j); id != applied.Run {
		t.Errorf("the last run is %q, want %q", id, applied.Run)
	}
}

// No more changes fail than --max-errors says where all fail from the beginning,
// however many could be made at once.
func TestMaxErrorsHolds(t *testing.T) {
	org := newOrganization()
	const repositories, most = 40, 5
	for i := range repositories {
		org.Account(team).Registry(region).AddRepository(sound("app"+string(rune('a'+i%26))+string(rune('a'+i/26)), func(r *awssim.Repository) { r.Tags = nil }))
	}
	w, j := serve(t, org, awssim.Options{}), newJournal(t)
	plan := w.plan(only("required-tags"))
	w.server.Faults().Add(awssim.Fault{Kind: awssim.Denied, Operation: "ecr:TagResource"})
	o := w.options(j, 32)
	o.MaxErrors = most
	s, err := remediate.Apply(context.Background(), o, plan, plan.Changes)
	if err != nil {
		t.Fatal(err)
	}
	if s.Tally[remediate.Failed] != most || s.Tally[remediate.NotTried] != repositories-most {
		t.Errorf("%v", s.Tally)
	}
}

// A restore that failed has not given the tags back.
func TestTakenTagsAfterAFailedRestore(t *testing.T) {
	w, r := newRepository(t, with(image("app", "stray", 3, "Stray")))
	j := newJournal(t)
	ends(t, w.apply(j, w.plan(only("tag-convention"))), remediate.Applied)
	stray := r.Describe().Images
	parked := remediate.ParkedIn(nil, &snapshot.Repository{Target: snapshot.Target{Partition: "aws", Account: team, Region: region}, Name: r.Name(), Images: imagesOf(stray)})
	if len(parked) != 1 {
		t.Fatalf("%d parked", len(parked))
	}
	restore, err := remediate.RestorePlan(parked[0], []string{"Stray"}, remediate.Plan{})
	if err != nil {
		t.Fatal(err)
	}
	deny := w.server.Faults().Add(awssim.Fault{Kind: awssim.Denied, Operation: "ecr:PutImage"})
	ends(t, w.apply(j, restore), remediate.Failed)
	deny()
	taken, err := j.TakenTags()
	if err != nil || len(taken[parked[0].Key()]) != 1 {
		t.Errorf("taken: %v, %v", taken, err)
	}
	ends(t, w.apply(j, restore), remediate.Applied)
	if taken, _ := j.TakenTags(); len(taken[parked[0].Key()]) != 0 {
		t.Errorf("still taken: %v", taken)
	}
}

func imagesOf(images []awssim.Image) (list []snapshot.Image) {
	for _, i := range images {
		list = append(list, snapshot.Image{Digest: i.Digest, Tags: i.Tags})
	}
	return list
}

// Tags that the configuration protects by now are left, although the plan was
// made before it did.
func TestProtectedSinceThePlan(t *testing.T) {
	w, r := newRepository(t, with(image("app", "stray", 3, "Stray")))
	plan := w.plan(only("tag-convention"))
	o := w.options(newJournal(t), 1)
	o.Protected = func(snapshot.Target, string) *regexp.Regexp { return regexp.MustCompile("^Str") }
	s, err := remediate.Apply(context.Background(), o, plan, plan.Changes)
	if err != nil {
		t.Fatal(err)
	}
	ends(t, s, remediate.Refused, "the tag Stray is protected")
	if _, there := r.Image("Stray"); !there {
		t.Error("the tag is gone")
	}
}

// A key that stands twice in a plan may read differently to a person.
func TestPlanWithARepeatedKey(t *testing.T) {
	w, _ := newRepository(t, with(image("app", "stray", 3, "Stray")))
	var text strings.Builder
	if _, err := w.plan(only("tag-convention")).WriteTo(&text); err != nil {
		t.Fatal(err)
	}
	twice := strings.Replace(text.String(), `"risk": "review"`, `"risk": "safe", "risk": "review"`, 1)
	if _, err := remediate.ReadPlan(strings.NewReader(twice), "plan.json"); err == nil || !strings.Contains(err.Error(), `it has "risk" twice`) {
		t.Errorf("a plan with a repeated key: %v", err)
	}
}
