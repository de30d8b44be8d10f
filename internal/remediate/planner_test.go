package remediate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/remediate"
)

// A plan only reads, and an apply of nothing does not even write a journal.
func TestPlanOnlyReads(t *testing.T) {
	w := newWorld(t)
	end := w.server.ReadOnly()
	plan := w.plan(remediate.Filter{})
	end()
	if n := w.server.Calls().Writes(); n.Calls != 0 {
		t.Errorf("%d calls write", n.Calls)
	}
	plan.Changes = nil
	j := newJournal(t)
	s := w.apply(j, plan)
	if runs, _, err := j.Runs(); s.Run != "" || len(s.Results) != 0 || len(runs) != 0 || err != nil {
		t.Errorf("%+v: %v: %v", s, runs, err)
	}
}

// What cannot be mended in place is said so, with what a person would do.
func TestLeftByHand(t *testing.T) {
	w, _ := newRepository(t, nil)
	registry := w.org.Account(team).Registry(region)
	registry.SetReplication(awssim.ReplicationRule{Destinations: []awssim.ReplicationDestination{{Region: region, RegistryID: stranger}}})
	w.config += "encryption: {type: KMS}\n"
	plan := w.plan(remediate.Filter{})
	leaves(t, plan, "encryption is fixed when a repository is created", "Copy the images by digest", "replication is only reported")
	for _, l := range plan.Left {
		if (l.Rule == "encryption" || strings.HasPrefix(l.Rule, "replication")) && len(l.Steps) < 3 {
			t.Errorf("%s: %v", l.Rule, l.Steps)
		}
	}
}

// What could not be read is not mended.
func TestPlanWithGaps(t *testing.T) {
	for operation, c := range map[string]struct {
		repository func(*awssim.Repository)
		kind       remediate.Kind
	}{
		"ecr:GetRepositoryPolicy":              {func(r *awssim.Repository) { r.Policy = policy(statement("Open", `"*"`, pull)) }, remediate.KindPolicy},
		"ecr:GetLifecyclePolicy":               {with(image("app", "stray", 3, "Stray")), remediate.KindUntag},
		"ecr:DescribeImages":                   {without(), remediate.KindLifecycle},
		"ecr:GetRegistryScanningConfiguration": {func(r *awssim.Repository) { r.ScanOnPush = false }, remediate.KindScanning},
	} {
		t.Run(operation, func(t *testing.T) {
			w, _ := newRepository(t, c.repository)
			if p := w.plan(remediate.Filter{}); !slices.ContainsFunc(p.Changes, func(change remediate.Change) bool { return change.Kind == c.kind }) {
				t.Fatalf("there is nothing to mend: %+v", p.Changes)
			}
			w.server.Faults().Add(awssim.Fault{Kind: awssim.Denied, Operation: operation})
			p := w.plan(remediate.Filter{})
			for _, change := range p.Changes {
				if change.Kind == c.kind {
					t.Errorf("it is mended all the same: %+v", change)
				}
			}
			if p.Complete {
				t.Error("the plan counts as complete")
			}
		})
	}
}

// An image that is untagged and archived in one run has both taken back.
func TestUntagAndArchive(t *testing.T) {
	idle := image("app", "idle", 400, "Stray")
	idle.LastPulledAt = awssim.Epoch.AddDate(-1, 0, 0)
	w, r := newRepository(t, with(idle))
	j := newJournal(t)
	before := w.state()
	plan := w.plan(remediate.Filter{})
	if len(plan.Changes) != 2 {
		t.Fatalf("%s", written(t, plan))
	}
	s := w.apply(j, plan)
	clean(t, s)
	if i, _ := r.Image(idle.Digest); i.Status != "ARCHIVED" || !slices.Equal(i.Tags, []string{w.parkedAs(idle)}) {
		t.Errorf("%+v", i)
	}
	if again := w.plan(remediate.Filter{}); len(again.Changes) != 0 {
		t.Errorf("%+v", again.Changes)
	}
	clean(t, w.undo(j, s.Run))
	same(t, "undone", before, w.state())
}

// Either of the two can be carried out without the other.
func TestArchiveWithoutUntag(t *testing.T) {
	idle := image("app", "idle", 400, "Stray")
	idle.LastPulledAt = awssim.Epoch.AddDate(-1, 0, 0)
	w, r := newRepository(t, with(idle))
	plan := w.plan(remediate.Filter{})
	plan.Changes, _ = plan.Choose(only("image-unused"))
	ends(t, w.apply(newJournal(t), plan), remediate.Applied)
	hasTags(t, r, idle, "Stray")

	w, r = newRepository(t, with(idle))
	plan = w.plan(only("image-unused"))
	r.Tag(idle.Digest, "gitsha_new")
	ends(t, w.apply(newJournal(t), plan), remediate.Skipped, "the tag gitsha_new now")
}

// One document is read and written as a whole: everything that is wrong with it
// is one change, whatever the rules say.
func TestOneChangeOfADocument(t *testing.T) {
	w := newWorld(t)
	type subject struct{ where, kind, name string }
	seen := map[subject]string{}
	for _, c := range w.plan(remediate.Filter{}).Changes {
		for _, s := range c.Steps {
			key := subject{c.Where(), string(s.Aspect), s.Name}
			if other := seen[key]; other != "" {
				t.Errorf("%s: two changes write %s %s", c.Where(), s.Aspect, s.Name)
			}
			seen[key] = c.ID
		}
		if c.Kind != remediate.KindUntag && len(c.Why) == 0 {
			t.Errorf("%s: %s mends nothing", c.Where(), c.Kind)
		}
	}
}

// A repository that is made anew between the plan and the apply is another one.
func TestRepositoryMadeAnew(t *testing.T) {
	w, r := newRepository(t, func(r *awssim.Repository) {
		r.Policy = policy(statement("Open", `"*"`, pull))
		with(image("app", "stray", 3, "Stray"))(r)
	})
	plan := w.plan(remediate.Filter{})
	registry := w.org.Account(team).Registry(region)
	registry.RemoveRepository(r.Name())
	registry.AddRepository(awssim.Repository{Name: "app", Tags: map[string]string{"team": "platform"}})
	before := w.state()
	s := w.apply(newJournal(t), plan)
	if s.Tally[remediate.Skipped] != len(plan.Changes) {
		t.Errorf("%+v", s.Results)
	}
	same(t, "nothing was changed", before, w.state())
}
