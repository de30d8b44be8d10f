package remediate_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/remediate"
)

// newRepository is a world with one repository, in which nothing is wrong but
// what f makes so.
func newRepository(t *testing.T, f func(*awssim.Repository)) (*world, *awssim.LiveRepository) {
	t.Helper()
	org := newOrganization()
	r := org.Account(team).Registry(region).AddRepository(sound("app", f))
	return serve(t, org, awssim.Options{}), r
}

// with adds images to a repository.
func with(images ...awssim.Image) func(*awssim.Repository) {
	return func(r *awssim.Repository) { r.Images = append(r.Images, images...) }
}

// parkedAs is the tag under which an image is parked at the world's time.
func (w *world) parkedAs(i awssim.Image) string {
	return "ecraudit-quarantine-" + w.now.Format("20060102") + "-" + strings.TrimPrefix(i.Digest, "sha256:")[:12]
}

// hasTags fails unless an image is there with exactly these tags.
func hasTags(t *testing.T, r *awssim.LiveRepository, i awssim.Image, tags ...string) {
	t.Helper()
	held, there := r.Image(i.Digest)
	slices.Sort(tags)
	if !there || !slices.Equal(held.Tags, tags) {
		t.Errorf("the image %s is there: %v, with the tags %v, not %v", i.Digest, there, held.Tags, tags)
	}
}

// ends fails unless the only change ended so, for a reason that holds the words.
func ends(t *testing.T, s *remediate.Summary, outcome remediate.Outcome, words ...string) {
	t.Helper()
	if len(s.Results) != 1 {
		t.Fatalf("%d results: %+v", len(s.Results), s.Results)
	}
	r := s.Results[0]
	if r.Outcome != outcome {
		t.Errorf("%s: %s, not %s: %s", r.Summary, r.Outcome, outcome, r.Reason)
	}
	for _, w := range words {
		if !strings.Contains(r.Reason, w) {
			t.Errorf("the reason %q does not say %q", r.Reason, w)
		}
	}
}

// leaves fails unless the plan changes nothing and says why, in the words.
func leaves(t *testing.T, p *remediate.Plan, words ...string) {
	t.Helper()
	for _, c := range p.Changes {
		t.Errorf("the plan changes %s: %v", c.Kind, c.Summary)
	}
	var text strings.Builder
	for _, l := range p.Left {
		text.WriteString(l.Rule + ": " + l.Reason + ": " + strings.Join(l.Steps, " ") + "\n")
	}
	for _, w := range words {
		if !strings.Contains(text.String(), w) {
			t.Errorf("what is left does not say %q:\n%s", w, text.String())
		}
	}
}

// tape is the calls that reach AWS, with their bodies.
type tape struct {
	mu    sync.Mutex
	calls []string
}

// record puts a tape before the server.
func (w *world) record() *tape {
	recorded := &tape{}
	proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		recorded.mu.Lock()
		recorded.calls = append(recorded.calls, operation+" "+string(body))
		recorded.mu.Unlock()
		w.server.ServeHTTP(rw, r)
	}))
	w.t.Cleanup(proxy.Close)
	w.endpoint = proxy.URL
	return recorded
}

// mark puts a line of somebody else's between the calls.
func (r *tape) mark(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, line)
}

// all are the calls so far.
func (r *tape) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}

// of are the calls of operations, in their order.
func (r *tape) of(operations ...string) (calls []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.calls {
		if operation, _, _ := strings.Cut(c, " "); slices.Contains(operations, operation) {
			calls = append(calls, c)
		}
	}
	return calls
}

// An image that loses its last tag is parked first, by the same bytes, and no
// call names what is to go by its digest.
func TestLastTagParksFirst(t *testing.T) {
	stray := image("app", "stray", 3, "Stray", "Other")
	w, r := newRepository(t, with(stray))
	recorded := w.record()
	j := newJournal(t)
	s := w.apply(j, w.plan(remediate.Filter{}))
	ends(t, s, remediate.Applied)
	hasTags(t, r, stray, w.parkedAs(stray))
	calls := recorded.of("PutImage", "BatchDeleteImage")
	if len(calls) != 3 || !strings.HasPrefix(calls[0], "PutImage ") || !strings.Contains(calls[0], w.parkedAs(stray)) {
		t.Fatalf("the calls are %q", calls)
	}
	for _, c := range calls[1:] {
		if !strings.HasPrefix(c, "BatchDeleteImage ") || strings.Contains(c, "imageDigest") || strings.Contains(c, "sha256:") {
			t.Errorf("a tag is taken away by %q", c)
		}
	}
	clean(t, w.undo(j, s.Run))
	hasTags(t, r, stray, "Other", "Stray")
}

// What happens to tags, by what the image is.
func TestUntag(t *testing.T) {
	stray := image("app", "stray", 3, "Stray")
	several := image("app", "stray", 3, "Stray", "gitsha_2")
	child, other := image("app", "amd", 3, "Stray"), image("app", "arm", 3)
	index := awssim.BuildIndex(child, other)
	index.Tags, index.PushedAt = []string{"gitsha_9"}, awssim.Epoch.AddDate(0, 0, -3)
	release := image("app", "release", 3, "Stray", "1.2.3")
	signature := awssim.CosignSignature(stray)
	for name, c := range map[string]struct {
		repository func(*awssim.Repository)
		image      awssim.Image
		tags       []string // none is parked
		kept       []awssim.Image
	}{
		"its last":          {with(stray), stray, nil, nil},
		"one of several":    {with(several), several, []string{"gitsha_2"}, nil},
		"beside a release":  {with(release), release, []string{"1.2.3"}, nil},
		"of a child":        {with(child, other, index), child, nil, []awssim.Image{other, index}},
		"of a signed image": {with(stray, signature), stray, nil, []awssim.Image{signature}},
		"in a mutable one": {func(r *awssim.Repository) {
			r.TagMutability = "MUTABLE_WITH_EXCLUSION"
			r.TagExclusions = []awssim.Filter{{Filter: "*"}}
			with(stray)(r)
		}, stray, nil, nil},
		"without a lifecycle":  {func(r *awssim.Repository) { with(stray)(r) }, stray, nil, nil},
		"of a Docker manifest": {with(dockerImage("Stray")), dockerImage("Stray"), nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w, r := newRepository(t, c.repository)
			before := w.state()
			j := newJournal(t)
			s := w.apply(j, w.plan(remediate.Filter{Rules: []string{"tag-convention"}}))
			clean(t, s)
			tags := c.tags
			if tags == nil {
				tags = []string{w.parkedAs(c.image)}
			}
			hasTags(t, r, c.image, tags...)
			for _, i := range c.kept {
				hasTags(t, r, i, i.Tags...)
			}
			clean(t, w.undo(j, s.Run))
			same(t, "undone", before, w.state())
		})
	}
}

func dockerImage(tags ...string) awssim.Image {
	i := awssim.BuildImage(awssim.ImageOptions{Seed: "docker", Docker: true})
	i.Tags, i.PushedAt, i.LastPulledAt = tags, awssim.Epoch.AddDate(0, 0, -3), awssim.Epoch.AddDate(0, 0, -1)
	i.Scan = &awssim.Scan{CompletedAt: awssim.Epoch.AddDate(0, 0, -2)}
	return i
}

// greedy is a rule that asks for every tag to be taken away.
const greedy = `# METADATA
# title: No tag at all
# custom:
#   id: no-tags
#   severity: low
#   scope: image
#   needs: [images]
#   why: Tests.
#   remediation: None.
package ecraudit.rules.no_tags

deny contains finding if {
	some image in input.images
	some tag in image.tags
	finding := {
		"digest": image.digest,
		"tag": tag,
		"message": "there is a tag",
		"fix": {"action": "untag_image", "digest": image.digest, "tag": tag},
	}
}
`

// A rule of the user's may ask for anything: protected tags, those by which tools
// find signatures, and parked images stay as they are.
func TestGreedyRule(t *testing.T) {
	release := image("app", "release", 3, "1.2.3")
	kept := image("app", "kept", 3, "prod-7")
	signature := awssim.CosignSignature(release)
	fallback := awssim.BuildArtifact(awssim.MediaTypeSPDX, "referrers")
	fallback.Tags = []string{strings.Replace(release.Digest, ":", "-", 1)}
	parked := image("app", "parked", 3)
	w, r := newRepository(t, nil)
	parked.Tags = []string{w.parkedAs(parked)}
	for _, i := range []awssim.Image{release, kept, signature, fallback, parked} {
		r.AddImage(i)
	}
	w.config += "protect: [\"prod-*\"]\n"
	w.rules = []string{filepath.Join(t.TempDir(), "no_tags.rego")}
	if err := os.WriteFile(w.rules[0], []byte(greedy), 0o600); err != nil {
		t.Fatal(err)
	}
	plan := w.plan(remediate.Filter{Rules: []string{"no-tags"}})
	if len(plan.Changes) != 1 || !slices.Contains(plan.Changes[0].Summary, "take the tag gitsha_1 away") {
		t.Errorf("the plan changes %+v", plan.Changes)
	}
	plan.Changes = nil
	leaves(t, plan, "the tag 1.2.3 is protected", "the tag prod-7 is protected", ".sig", fallback.Tags[0], "ecraudit quarantine restore")
}

// What a plan leaves alone because an untagged image would be lost.
func TestUntagIsLeft(t *testing.T) {
	stray := image("app", "stray", 3, "Stray")
	archived := image("app", "stray", 3, "Stray")
	archived.Status = "ARCHIVED"
	for name, c := range map[string]struct {
		repository func(*awssim.Repository)
		words      []string
	}{
		"archived": {with(archived), []string{"the image is archived"}},
		"a lifecycle rule for any image": {func(r *awssim.Repository) {
			r.Lifecycle = lifecycleOf(`"tagStatus":"any","countType":"imageCountMoreThan","countNumber":9`)
			with(stray)(r)
		}, []string{"the lifecycle rule with priority 5", "ecraudit-quarantine-"}},
		"a lifecycle rule for such tags": {func(r *awssim.Repository) {
			r.Lifecycle = lifecycleOf(`"tagStatus":"tagged","tagPatternList":["*quarantine*"],"countType":"sinceImagePushed","countUnit":"days","countNumber":90`)
			with(stray)(r)
		}, []string{"the lifecycle rule with priority 5"}},
		"an invalid lifecycle policy": {func(r *awssim.Repository) {
			r.Lifecycle = `{"rules":[{"rulePriority":1}]}`
			with(stray)(r)
		}, []string{"the lifecycle policy is not understood"}},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := newRepository(t, c.repository)
			leaves(t, w.plan(remediate.Filter{Rules: []string{"tag-convention"}}), c.words...)
		})
	}
}

// What somebody does between the plan and the apply.
func TestUntagAfterDrift(t *testing.T) {
	stray := image("app", "stray", 3, "Stray")
	two := image("app", "stray", 3, "Stray", "Other")
	next := image("app", "next", 0, "gitsha_5")
	catching := lifecycleOf(`"tagStatus":"any","countType":"imageCountMoreThan","countNumber":9`)
	for name, c := range map[string]struct {
		image   awssim.Image
		meddle  func(*world, *awssim.LiveRepository)
		outcome remediate.Outcome
		reason  string
		tags    []string // of the image, afterwards
	}{
		"the tag moved":         {stray, func(_ *world, r *awssim.LiveRepository) { r.Tag(next.Digest, "Stray") }, remediate.Skipped, "the tag Stray is on another image", nil},
		"one of two tags moved": {two, func(_ *world, r *awssim.LiveRepository) { r.Tag(next.Digest, "Stray") }, remediate.Skipped, "the tag Stray is on another image", []string{"Other"}},
		"another tag came":      {stray, func(_ *world, r *awssim.LiveRepository) { r.Tag(stray.Digest, "gitsha_6") }, remediate.Skipped, "somebody changed them since", []string{"Stray", "gitsha_6"}},
		"a protected tag came":  {stray, func(_ *world, r *awssim.LiveRepository) { r.Tag(stray.Digest, "2.0.0") }, remediate.Skipped, "somebody changed them since", []string{"2.0.0", "Stray"}},
		"the image was archived": {stray, func(_ *world, r *awssim.LiveRepository) {
			r.ChangeImage(stray.Digest, func(i *awssim.Image) { i.Status = "ARCHIVED" })
		}, remediate.Refused, "the image is archived", []string{"Stray"}},
		"the policy now catches":  {stray, func(_ *world, r *awssim.LiveRepository) { r.SetLifecycle(catching) }, remediate.Refused, "the lifecycle rule with priority 5", []string{"Stray"}},
		"another is parked there": {stray, func(w *world, r *awssim.LiveRepository) { r.Tag(next.Digest, w.parkedAs(stray)) }, remediate.Refused, "another image is parked as", []string{"Stray"}},
		"it is parked already":    {stray, func(w *world, r *awssim.LiveRepository) { r.Tag(stray.Digest, w.parkedAs(stray)) }, remediate.Applied, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			w, r := newRepository(t, with(c.image, next))
			plan := w.plan(remediate.Filter{})
			c.meddle(w, r)
			before := w.state()
			s := w.apply(newJournal(t), plan)
			ends(t, s, c.outcome, c.reason)
			if c.outcome == remediate.Applied {
				hasTags(t, r, c.image, w.parkedAs(c.image))
				return
			}
			hasTags(t, r, c.image, c.tags...)
			same(t, "nothing was changed", before, w.state())
		})
	}
}

func TestUntagOfWhatIsGone(t *testing.T) {
	stray := image("app", "stray", 3, "Stray")
	w, r := newRepository(t, with(stray))
	plan := w.plan(remediate.Filter{})
	r.RemoveImage(stray.Digest)
	ends(t, w.apply(newJournal(t), plan), remediate.Skipped, "the image is no longer there")
	w.org.Account(team).Registry(region).RemoveRepository("app")
	ends(t, w.apply(newJournal(t), plan), remediate.Skipped, "the repository is no longer there")
}

// A manifest that is not the image's could not be put back.
func TestManifestWithoutItsDigest(t *testing.T) {
	broken := image("app", "broken", 3, "Stray")
	broken.Manifest = ""
	w, r := newRepository(t, with(broken))
	s := w.apply(newJournal(t), w.plan(remediate.Filter{}))
	ends(t, s, remediate.Refused, "does not have its digest")
	hasTags(t, r, broken, "Stray")
}

// Somebody moves the tag between the last look and the call that takes it away.
func TestTagMovedAtTheLastMoment(t *testing.T) {
	stray := image("app", "stray", 3, "Stray")
	next := image("app", "next", 0, "gitsha_5")
	w, r := newRepository(t, with(stray, next))
	r.Change(func(r *awssim.Repository) { r.TagMutability = "MUTABLE" })
	plan := w.plan(remediate.Filter{Rules: []string{"tag-convention"}})
	w.server.Faults().Add(awssim.Fault{Kind: awssim.Latency, Operation: "ecr:BatchDeleteImage", First: 1, Do: func() { r.Tag(next.Digest, "Stray") }})
	j := newJournal(t)
	s := w.apply(j, plan)
	ends(t, s, remediate.Refused, "moved to "+next.Digest, "is there again")
	hasTags(t, r, next, "Stray", "gitsha_5")
	hasTags(t, r, stray, w.parkedAs(stray))

	// The undo finds the tag where somebody put it, and leaves the image parked
	// rather than without a tag.
	undone := w.undo(j, s.Run)
	if undone.Tally.Left() != 1 {
		t.Errorf("%+v", undone.Results)
	}
	hasTags(t, r, next, "Stray", "gitsha_5")
	hasTags(t, r, stray, w.parkedAs(stray))
}

// This cannot be helped: AWS deletes by tag whatever image the tag is on, and an
// image that has no other tag goes with it. A condition on the digest is not
// documented. All that can be done is to say so.
func TestOnlyTagOfAnotherImage(t *testing.T) {
	stray := image("app", "stray", 3, "Stray")
	next := image("app", "next", 0)
	w, r := newRepository(t, with(stray, next))
	plan := w.plan(remediate.Filter{Rules: []string{"tag-convention"}})
	w.server.Faults().Add(awssim.Fault{Kind: awssim.Latency, Operation: "ecr:BatchDeleteImage", First: 1, Do: func() { r.Tag(next.Digest, "Stray") }})
	s := w.apply(newJournal(t), plan)
	ends(t, s, remediate.Failed, "moved to "+next.Digest, "could not be put back", "push it again")
	hasTags(t, r, stray, w.parkedAs(stray))
}

// Somebody takes the other tags away just before the last one goes, and the image
// goes with it: it is put back, whether AWS's answer arrives or not.
func TestOtherTagsTakenAtTheLastMoment(t *testing.T) {
	for _, kind := range []awssim.FaultKind{awssim.Latency, awssim.ResetAfter} {
		t.Run(string(kind), func(t *testing.T) {
			both := image("app", "both", 3, "Stray", "gitsha_2")
			w, r := newRepository(t, with(both))
			plan := w.plan(remediate.Filter{})
			w.server.Faults().Add(awssim.Fault{Kind: awssim.Latency, Operation: "ecr:BatchDeleteImage", First: 1, Do: func() {
				other := image("app", "other", 0, "gitsha_2") // takes the tag over
				r.AddImage(other)
			}})
			if kind == awssim.ResetAfter {
				w.server.Faults().Add(awssim.Fault{Kind: kind, Operation: "ecr:BatchDeleteImage", First: 1})
			}
			j := newJournal(t)
			s := w.apply(j, plan)
			ends(t, s, remediate.Refused, "taken away meanwhile", "parked as "+w.parkedAs(both))
			hasTags(t, r, both, w.parkedAs(both))
			if undone := w.undo(j, s.Run); undone.Tally.Left() != 0 {
				t.Errorf("%+v", undone.Results)
			}
			hasTags(t, r, both, "Stray", w.parkedAs(both))
		})
	}
}

// A plan that is applied the day after parks under the day that it names, and a
// second apply has nothing to do.
func TestApplyOnALaterDay(t *testing.T) {
	stray := image("app", "stray", 3, "Stray")
	w, r := newRepository(t, with(stray))
	plan := w.plan(remediate.Filter{})
	tag := w.parkedAs(stray)
	w.org.Advance(26 * time.Hour)
	w.now = w.now.Add(26 * time.Hour)
	j := newJournal(t)
	ends(t, w.apply(j, plan), remediate.Applied)
	hasTags(t, r, stray, tag)
	ends(t, w.apply(j, plan), remediate.Already)
	hasTags(t, r, stray, tag)
	if again := w.plan(remediate.Filter{}); len(again.Changes) > 0 {
		t.Errorf("%+v", again.Changes)
	}
}

// A plan that was made again the day after an apply was cut short does not park
// twice.
func TestParkedTheDayBefore(t *testing.T) {
	stray := image("app", "stray", 3, "Stray")
	w, r := newRepository(t, with(stray))
	old := w.parkedAs(stray)
	r.Tag(stray.Digest, old)
	w.org.Advance(26 * time.Hour)
	w.now = w.now.Add(26 * time.Hour)
	clean(t, w.apply(newJournal(t), w.plan(remediate.Filter{})))
	hasTags(t, r, stray, old)
}

// The filter of a run keeps the changes of other repositories for later.
func TestUndoOfOneRepository(t *testing.T) {
	w, r := newRepository(t, with(image("app", "stray", 3, "Stray")))
	lib := w.org.Account(team).Registry(region).AddRepository(sound("lib", with(image("lib", "stray", 3, "Stray"))))
	j := newJournal(t)
	s := w.apply(j, w.plan(remediate.Filter{}))
	clean(t, s)
	run, err := j.Read(s.Run)
	if err != nil {
		t.Fatal(err)
	}
	undone, err := remediate.Undo(context.Background(), w.options(j, 2), run, remediate.Filter{Repository: func(name string) bool { return name == "lib" }})
	if err != nil {
		t.Fatal(err)
	}
	ends(t, undone, remediate.Applied)
	hasTags(t, lib, image("lib", "stray", 3), "Stray")
	hasTags(t, r, image("app", "stray", 3), w.parkedAs(image("app", "stray", 3)))
}
