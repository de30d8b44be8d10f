package remediate_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/remediate"
)

// drifts are what somebody else may do, for every kind of change: in a repository
// of everyKind, to what that change is about.
var drifts = map[remediate.Kind]struct {
	account, repository string
	meddle              func(*awssim.Registry, *awssim.LiveRepository)
	words               string
}{
	remediate.KindPolicy: {team, "policy/public", func(_ *awssim.Registry, r *awssim.LiveRepository) {
		r.SetPolicy(policy(statement("Theirs", readers, `"ecr:ListImages"`), statement("Open", `"*"`, pull)))
	}, "the repository policy is not what was seen"},
	remediate.KindScanning: {production, "", func(registry *awssim.Registry, _ *awssim.LiveRepository) {
		registry.SetScanning(awssim.Scanning{ScanType: "BASIC", Rules: []awssim.ScanningRule{{ScanFrequency: "SCAN_ON_PUSH", RepositoryFilters: []awssim.Filter{{Filter: "theirs"}}}}})
	}, "the registry's scanning configuration is not what was seen"},
	remediate.KindMutability: {team, "mutability/excluded", func(_ *awssim.Registry, r *awssim.LiveRepository) {
		r.Change(func(about *awssim.Repository) {
			about.TagMutability, about.TagExclusions = "IMMUTABLE_WITH_EXCLUSION", []awssim.Filter{{Filter: "theirs*", FilterType: "WILDCARD"}}
		})
	}, "the tag mutability is not what was seen"},
	remediate.KindTags: {team, "tags/other", func(_ *awssim.Registry, r *awssim.LiveRepository) {
		r.Change(func(about *awssim.Repository) { about.Tags = map[string]string{"team": "theirs", "kept": "yes"} })
	}, "the resource tag team is not what was seen"},
	remediate.KindTemplate: {production, "", func(registry *awssim.Registry, _ *awssim.LiveRepository) {
		registry.AddCreationTemplate(awssim.CreationTemplate{Prefix: "ROOT", AppliedFor: []string{"CREATE_ON_PUSH"}, Description: "theirs"})
	}, "the creation template ROOT is not what was seen"},
	remediate.KindUntag: {team, "untag/last", func(_ *awssim.Registry, r *awssim.LiveRepository) {
		i, _ := r.Image("gitsha_1")
		r.Tag(i.Digest, "Stray")
	}, "Stray"},
	remediate.KindArchive: {team, "archive/unused", func(_ *awssim.Registry, r *awssim.LiveRepository) {
		i, _ := r.Image("gitbuild_1")
		r.ChangeImage(i.Digest, func(i *awssim.Image) { i.LastPulledAt = awssim.Epoch })
	}, "the image was pulled since"},
	remediate.KindLifecycle: {team, "lifecycle/anded", func(_ *awssim.Registry, r *awssim.LiveRepository) {
		r.SetLifecycle(lifecycleOf(`"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":500`))
	}, "the lifecycle policy is not what was seen"},
}

// meddle has somebody change one thing, and returns what they made of it.
func (w *world) meddle(kind remediate.Kind) (read func() string) {
	d := drifts[kind]
	registry := w.org.Account(d.account).Registry(region)
	r := registry.Repository(d.repository)
	d.meddle(registry, r)
	return func() string {
		if r == nil {
			s := registry.State()
			return jsonOf(w.t, s.Scanning) + "\n" + jsonOf(w.t, s.CreationTemplates)
		}
		return jsonOf(w.t, r.Describe())
	}
}

// is reports whether a result is about what a kind's drift touches.
func is(kind remediate.Kind, r remediate.Result) bool {
	return r.Kind == kind && r.Account == drifts[kind].account && r.Repository == drifts[kind].repository
}

// What is not as the plan saw it is left alone, and said; the rest is done.
func TestDriftBeforeApply(t *testing.T) {
	plan := newWorld(t).plan(remediate.Filter{}) // the same for every world of this kind
	for _, kind := range slices.Sorted(maps.Keys(drifts)) {
		t.Run(string(kind), func(t *testing.T) {
			w, j := newWorld(t), newJournal(t)
			read := w.meddle(kind)
			theirs, before := read(), w.state()
			s := w.apply(j, plan)
			skipped := 0
			for _, r := range s.Results {
				switch {
				case is(kind, r) && r.Outcome == remediate.Skipped && strings.Contains(r.Reason, drifts[kind].words):
					skipped++
				case r.Outcome != remediate.Applied:
					t.Errorf("%s: %s: %s: %s", r.Where(), r.Kind, r.Outcome, r.Reason)
				}
			}
			if skipped != 1 {
				t.Errorf("%d were skipped", skipped)
			}
			if kind != remediate.KindTemplate && kind != remediate.KindScanning { // the registry has others of both
				same(t, "what somebody did", theirs, read())
			}
			clean(t, w.undo(j, s.Run))
			same(t, "undone", before, w.state())
		})
	}
}

// What somebody changed after the apply is left alone by the undo, and said; the
// rest is undone.
func TestDriftBeforeUndo(t *testing.T) {
	plan := newWorld(t).plan(remediate.Filter{})
	for _, kind := range slices.Sorted(maps.Keys(drifts)) {
		if kind == remediate.KindArchive {
			continue // an image is archived or not: there is no third state
		}
		t.Run(string(kind), func(t *testing.T) {
			w, j := newWorld(t), newJournal(t)
			s := w.apply(j, plan)
			clean(t, s)
			read := w.meddle(kind)
			theirs := read()
			undone := w.undo(j, s.Run)
			left := 0
			for _, r := range undone.Results {
				switch {
				case is(kind, r) && r.Outcome == remediate.Skipped && strings.Contains(r.Reason, drifts[kind].words):
					left++
				case r.Outcome != remediate.Applied && r.Outcome != remediate.Already:
					t.Errorf("%s: %s: %s: %s", r.Where(), r.Kind, r.Outcome, r.Reason)
				}
			}
			if left != 1 {
				t.Errorf("%d were left", left)
			}
			if drifts[kind].repository != "" {
				same(t, "what somebody did", theirs, read())
			}
			// Everything else is as it was.
			fresh := newWorld(t)
			d := drifts[kind]
			for _, account := range []string{team, production} {
				was, now := fresh.org.Account(account).Registry(region).State(), w.org.Account(account).Registry(region).State()
				for i := range was.Repositories {
					if name := was.Repositories[i].Name; account != d.account || name != d.repository {
						same(t, name, jsonOf(t, bare(was.Repositories[i])), jsonOf(t, bare(now.Repositories[i])))
					}
				}
				same(t, "the registry policy", was.Policy, now.Policy)
			}
		})
	}
}

// bare is a repository without what cannot be taken back.
func bare(r awssim.Repository) awssim.Repository {
	for i := range r.Images {
		image := &r.Images[i]
		image.Scan, image.LastArchivedAt, image.LastActivatedAt = nil, r.CreatedAt, r.CreatedAt
		if image.Status == "ACTIVATING" {
			image.Status = "ACTIVE"
		}
	}
	return r
}
