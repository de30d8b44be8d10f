package remediate_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/remediate"
)

// holds reports whether what a change wants is there, by what the organization
// holds and not by what the engine reads: each aspect is as in an organization
// to which the plan was applied undisturbed.
func (w *world) holds(c *remediate.Change, applied awssim.State) bool {
	w.t.Helper()
	now := w.org.State()
	for _, s := range c.Steps {
		if s.Aspect == remediate.ImageScan {
			if !w.scanned(c, s.Name) {
				return false
			}
		} else if look(now, c, s) != look(applied, c, s) {
			return false
		}
	}
	return true
}

// look is an aspect in a state of the organization.
func look(state awssim.State, c *remediate.Change, s remediate.Step) string {
	at := slices.IndexFunc(state.Registries, func(r awssim.RegistryState) bool { return r.Account == c.Account && r.Region == c.Region })
	registry := state.Registries[at]
	switch s.Aspect {
	case remediate.RegistryPolicy:
		return registry.Policy
	case remediate.RegistryScanning:
		return text(registry.Scanning)
	case remediate.CreationTemplate:
		at := slices.IndexFunc(registry.CreationTemplates, func(t awssim.CreationTemplate) bool { return t.Prefix == s.Name })
		template := registry.CreationTemplates[at]
		template.UpdatedAt = time.Time{}
		return text(template)
	}
	at = slices.IndexFunc(registry.Repositories, func(r awssim.Repository) bool { return r.Name == c.Repository })
	r := registry.Repositories[at]
	switch s.Aspect {
	case remediate.RepositoryPolicy:
		return r.Policy
	case remediate.LifecyclePolicy:
		return r.Lifecycle
	case remediate.ScanOnPush:
		return fmt.Sprint(r.ScanOnPush)
	case remediate.TagMutability:
		return text([]any{r.TagMutability, r.TagExclusions})
	case remediate.ResourceTag:
		return r.Tags[s.Name]
	case remediate.ImageTag:
		for _, image := range r.Images {
			if slices.Contains(image.Tags, s.Name) {
				return image.Digest
			}
		}
		return ""
	case remediate.StorageClass:
		for _, image := range r.Images {
			if image.Digest == s.Name {
				return image.Status
			}
		}
	}
	panic("no such aspect: " + s.Aspect)
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// scanned asks AWS whether a scan was started at the simulation's one instant.
func (w *world) scanned(c *remediate.Change, digest string) bool {
	client := ecr.NewFromConfig(w.server.Config(c.Account, c.Region))
	out, err := client.DescribeImageScanFindings(w.t.Context(), &ecr.DescribeImageScanFindingsInput{
		RepositoryName: &c.Repository, ImageId: &ecrtypes.ImageIdentifier{ImageDigest: &digest},
	})
	return err == nil && (out.ImageScanStatus.Status == ecrtypes.ScanStatusInProgress ||
		out.ImageScanFindings != nil && out.ImageScanFindings.ImageScanCompletedAt.Equal(awssim.Epoch))
}

// truthful holds what was reported of a run against what AWS holds.
func (w *world) truthful(p *remediate.Plan, s *remediate.Summary, applied awssim.State) {
	w.t.Helper()
	if len(s.Results) != len(p.Changes) {
		w.t.Errorf("%d results of %d changes", len(s.Results), len(p.Changes))
	}
	for _, r := range s.Results {
		at := slices.IndexFunc(p.Changes, func(c remediate.Change) bool { return c.ID == r.Change })
		there := w.holds(&p.Changes[at], applied)
		done := r.Outcome == remediate.Applied || r.Outcome == remediate.Already
		unsure := strings.Contains(r.Reason, "could not be read")
		if done && !there || !done && there && !unsure {
			w.t.Errorf("%s: %s: reported as %s (%s), but there: %t", r.Where(), r.Kind, r.Outcome, r.Reason, there)
		}
	}
}

// trial is a plan, and what an undisturbed apply of it makes.
type trial struct {
	plan          *remediate.Plan
	before, after string
	applied       awssim.State
	writes        int
	patience      time.Duration // 0 is the usual one
}

func newTrial(t *testing.T) (trial trial) {
	t.Helper()
	t.Run("undisturbed", func(t *testing.T) {
		w, j := worldOf(t, everyKind(notPolled)), newJournal(t)
		trial.before = w.state()
		trial.plan = w.plan(remediate.Filter{})
		w.server.ResetCalls()
		clean(t, w.apply(j, trial.plan))
		trial.writes = w.server.Calls().Writes().Calls
		trial.after, trial.applied = w.state(), w.org.State()
	})
	return trial
}

// suffer applies the plan under faults and checks that what is reported is true
// and can be taken back.
func (trial trial) suffer(t *testing.T, places int, faults ...awssim.Fault) (*world, *remediate.Summary) {
	t.Helper()
	w, j := worldOf(t, everyKind(notPolled)), newJournal(t)
	o := w.options(j, places)
	o.Patience = cmp.Or(trial.patience, o.Patience)
	for _, f := range faults {
		w.server.Faults().Add(f)
	}
	s, err := remediate.Apply(context.Background(), o, trial.plan, trial.plan.Changes)
	if err != nil {
		t.Fatal(err)
	}
	w.server.Faults().Clear()
	w.truthful(trial.plan, s, trial.applied)
	if s.Tally.Left() == 0 {
		same(t, "applied", trial.after, w.state())
	}
	clean(t, w.undo(j, s.Run))
	same(t, "undone", trial.before, w.state())
	return w, s
}

// An answer that is lost after any one write had its effect changes nothing.
func TestEveryAnswerLost(t *testing.T) {
	trial := newTrial(t)
	for n := range trial.writes {
		t.Run(fmt.Sprintf("write_%d", n+1), func(t *testing.T) {
			_, s := trial.suffer(t, 1, awssim.Fault{Kind: awssim.ResetAfter, Writes: true, After: n, First: 1})
			clean(t, s)
		})
	}
}

// Under faults a run ends, and says what is true.
func TestFaults(t *testing.T) {
	trial := newTrial(t)
	for _, writes := range []bool{false, true} {
		where := map[bool]string{false: "all", true: "writes"}[writes]
		for _, kind := range []awssim.FaultKind{awssim.Throttle, awssim.ServerError, awssim.Reset, awssim.ResetAfter, awssim.Truncate} {
			t.Run(fmt.Sprintf("%s_%s_once", where, kind), func(t *testing.T) {
				_, s := trial.suffer(t, 8, awssim.Fault{Kind: kind, Writes: writes, PerTarget: true, First: 1, Bytes: 1})
				clean(t, s)
			})
		}
		for seed := range uint64(6) {
			t.Run(fmt.Sprintf("%s_mixed_%d", where, seed), func(t *testing.T) {
				var mixture []awssim.Fault
				for i, kind := range []awssim.FaultKind{awssim.ServerError, awssim.Reset, awssim.ResetAfter, awssim.Truncate} {
					mixture = append(mixture, awssim.Fault{Kind: kind, Writes: writes, Probability: 0.08, Seed: 10*seed + uint64(i), Bytes: 3})
				}
				trial.suffer(t, 8, mixture...)
			})
		}
	}
	trial.patience = 100 * time.Millisecond
	for _, kind := range []awssim.FaultKind{awssim.ServerError, awssim.Reset, awssim.ResetAfter, awssim.Truncate} {
		t.Run(fmt.Sprintf("writes_%s_always", kind), func(t *testing.T) {
			trial.suffer(t, 8, awssim.Fault{Kind: kind, Writes: true, Bytes: 1})
		})
	}
}

// Where one operation is denied, what takes it fails and names the permission;
// the rest is applied.
func TestEveryWriteDenied(t *testing.T) {
	trial := newTrial(t)
	var operations []string
	for _, kind := range remediate.Kinds() {
		for _, p := range remediate.Permissions(kind) {
			if p.Writes && !slices.Contains(operations, p.Action) {
				operations = append(operations, p.Action)
			}
		}
	}
	for _, operation := range operations {
		t.Run(operation, func(t *testing.T) {
			w, s := trial.suffer(t, 8, awssim.Fault{Kind: awssim.Denied, Operation: operation})
			if used := w.server.Calls().Of(operation).Calls > 0; !used {
				clean(t, s)
			}
			for _, r := range s.Results {
				if r.Outcome == remediate.Applied {
					continue
				}
				takes := slices.Contains(remediate.Permissions(r.Kind), remediate.Permission{Kind: r.Kind, Action: operation, Writes: true})
				if !takes || r.Outcome != remediate.Failed || !strings.Contains(r.Reason, "the role needs "+operation) {
					t.Errorf("%s: %s: %s: %s", r.Where(), r.Kind, r.Outcome, r.Reason)
				}
			}
		})
	}
}

// An image that lost its other tags at the very moment is parked, also where
// the answer that tells so was lost.
func TestImageGoneWithItsTag(t *testing.T) {
	for _, lost := range []bool{false, true} {
		t.Run(fmt.Sprintf("answer_lost_%t", lost), func(t *testing.T) {
			w, j := worldOf(t, everyKind(notPolled)), newJournal(t)
			p := w.plan(remediate.Filter{})
			at := slices.IndexFunc(p.Changes, func(c remediate.Change) bool {
				return c.Repository == "untag/several" && c.Image != nil && slices.Contains(c.Image.Tags, "Stray")
			})
			c := p.Changes[at]
			o := w.options(j, 1)
			taking := awssim.Fault{Kind: awssim.Latency, Operation: "ecr:BatchDeleteImage", First: 1, Do: func() {
				var others []ecrtypes.ImageIdentifier
				for _, tag := range c.Image.Tags {
					if tag != c.Steps[0].Name {
						others = append(others, ecrtypes.ImageIdentifier{ImageTag: &tag})
					}
				}
				_, err := ecr.NewFromConfig(w.server.Config(team, region)).BatchDeleteImage(t.Context(), &ecr.BatchDeleteImageInput{RepositoryName: &c.Repository, ImageIds: others})
				if err != nil {
					t.Error(err)
				}
			}}
			w.server.Faults().Add(taking)
			if lost {
				w.server.Faults().Add(awssim.Fault{Kind: awssim.ResetAfter, Operation: "ecr:BatchDeleteImage", First: 1})
				w.server.Faults().Add(awssim.Fault{Kind: awssim.ServerError, Operation: "ecr:PutImage", First: 1})
				w.server.Faults().Add(awssim.Fault{Kind: awssim.ResetAfter, Operation: "ecr:PutImage", First: 1})
			}
			s, err := remediate.Apply(context.Background(), o, p, []remediate.Change{c})
			if err != nil {
				t.Fatal(err)
			}
			if r := s.Results[0]; r.Outcome != remediate.Refused || !strings.Contains(r.Reason, "it is parked as ecraudit-quarantine-") {
				t.Errorf("%s: %s", r.Outcome, r.Reason)
			}
			out, err := ecr.NewFromConfig(w.server.Config(team, region)).DescribeImages(t.Context(), &ecr.DescribeImagesInput{
				RepositoryName: &c.Repository, ImageIds: []ecrtypes.ImageIdentifier{{ImageDigest: &c.Image.Digest}},
			})
			if err != nil || len(out.ImageDetails) != 1 {
				t.Fatalf("the image is lost: %v", err)
			}
		})
	}
}

// Planning only reads.
func TestPlanningOnlyReads(t *testing.T) {
	w := newWorld(t)
	w.server.ReadOnly()
	if p := w.plan(remediate.Filter{}); len(p.Changes) == 0 {
		t.Error("nothing was planned")
	}
	if n := w.server.Calls().Writes(); n.Calls > 0 {
		t.Errorf("writing calls: %+v", n)
	}
}

// A run that is interrupted at any write finishes the change under way, and no
// other.
func TestInterrupt(t *testing.T) {
	trial := newTrial(t)
	for n := range trial.writes {
		t.Run(fmt.Sprintf("write_%d", n+1), func(t *testing.T) {
			w, j := worldOf(t, everyKind(notPolled)), newJournal(t)
			o := w.options(j, 1)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w.server.Faults().Add(awssim.Fault{Kind: awssim.Latency, Writes: true, After: n, First: 1, Do: cancel})
			s, err := remediate.Apply(ctx, o, trial.plan, trial.plan.Changes)
			if err != nil {
				t.Fatal(err)
			}
			w.truthful(trial.plan, s, trial.applied)
			last := slices.IndexFunc(s.Results, func(r remediate.Result) bool { return r.Outcome == remediate.NotTried })
			for i, r := range s.Results {
				want, why := remediate.Applied, ""
				if last >= 0 && i >= last {
					want, why = remediate.NotTried, "the run was interrupted"
				}
				if r.Outcome != want || r.Reason != why {
					t.Errorf("%s: %s: %s: %s", r.Where(), r.Kind, r.Outcome, r.Reason)
				}
			}
			if n == 0 && last != 1 {
				t.Errorf("%d changes were applied after an interrupt at the first write", last)
			}
			clean(t, w.undo(j, s.Run))
			same(t, "undone", trial.before, w.state())
		})
	}
}

// After as many failures as are allowed no other change is started.
func TestMaxErrors(t *testing.T) {
	trial := newTrial(t)
	w, j := worldOf(t, everyKind(notPolled)), newJournal(t)
	o := w.options(j, 1)
	o.MaxErrors = 2
	w.server.Faults().Add(awssim.Fault{Kind: awssim.Denied, Operation: "ecr:SetRepositoryPolicy"})
	s, err := remediate.Apply(context.Background(), o, trial.plan, trial.plan.Changes)
	if err != nil {
		t.Fatal(err)
	}
	w.truthful(trial.plan, s, trial.applied)
	if s.Tally[remediate.Failed] != 2 || s.Tally[remediate.NotTried] == 0 {
		t.Errorf("%v", s.Tally)
	}
	failed := 0
	for _, r := range s.Results {
		if (failed == 2) != (r.Outcome == remediate.NotTried) {
			t.Errorf("%s: %s: %s: %s after %d failures", r.Where(), r.Kind, r.Outcome, r.Reason, failed)
		}
		if r.Outcome == remediate.Failed {
			failed++
		}
	}
}
