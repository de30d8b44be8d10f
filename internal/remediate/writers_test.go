package remediate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/remediate"
)

func jsonOf(t testing.TB, v any) string {
	t.Helper()
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// writer is somebody who changes one thing of a repository once, at some moment
// of the apply, and then relies on it.
type writer struct {
	name string
	// reads and writes are the calls that look at the same document and put it;
	// none where a write by somebody else in between loses nothing.
	reads, writes string
	write         func(client, *awssim.LiveRepository)
	holds         func(*awssim.LiveRepository) bool
}

func writers() []writer {
	theirs := policy(statement("Theirs", readers, `"ecr:ListImages"`))
	lasting := lifecycleOf(`"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":700`)
	pushed := func(r *awssim.LiveRepository) awssim.Image {
		return awssim.BuildImage(awssim.ImageOptions{Seed: "theirs" + r.Name()})
	}
	return []writer{
		{"policy", "GetRepositoryPolicy", "SetRepositoryPolicy", func(c client, r *awssim.LiveRepository) { c.setPolicy(r.Name(), theirs) }, func(r *awssim.LiveRepository) bool { return r.Describe().Policy == theirs }},
		{"lifecycle", "GetLifecyclePolicy", "PutLifecyclePolicy", func(c client, r *awssim.LiveRepository) { c.putLifecycle(r.Name(), lasting) }, func(r *awssim.LiveRepository) bool { return r.Describe().Lifecycle == lasting }},
		{"resource tag", "ListTagsForResource", "TagResource", func(c client, r *awssim.LiveRepository) { c.tagResource(r.ARN(), "team", "theirs") }, func(r *awssim.LiveRepository) bool { return r.Describe().Tags["team"] == "theirs" }},
		{"push", "", "", func(c client, r *awssim.LiveRepository) { c.push(r.Name(), pushed(r).Manifest, "gitsha_theirs") }, func(r *awssim.LiveRepository) bool {
			i, there := r.Image("gitsha_theirs")
			return there && i.Digest == pushed(r).Digest
		}},
		{"retag", "", "", func(c client, r *awssim.LiveRepository) {
			i, _ := r.Image("gitsha_1")
			c.push(r.Name(), i.Manifest, "Stray")
		}, func(r *awssim.LiveRepository) bool {
			i, _ := r.Image("gitsha_1")
			tagged, there := r.Image("Stray")
			return there && tagged.Digest == i.Digest
		}},
	}
}

// raced reports whether the writer wrote to a repository between a look at the
// same document and its write. ECR has no conditional write, so that is lost, and
// nothing can be done about it but to keep the two close together.
func (o writer) raced(calls []string, repository string) bool {
	began, ended, looked := -1, len(calls), -1
	for i, c := range calls {
		operation, body, _ := strings.Cut(c, " ")
		if !strings.Contains(body, `"`+repository+`"`) && !strings.Contains(body, "repository/"+repository+`"`) {
			continue
		}
		switch operation {
		case "began":
			began = i
		case "ended":
			ended = i
		case o.reads:
			looked = i
		case o.writes:
			if o.writes != "" && began >= 0 && looked < ended {
				return true
			}
		}
	}
	return false
}

// untidy is a repository in which everything is wrong that writers write.
func untidy(r *awssim.Repository) {
	r.Policy, r.Lifecycle, r.Tags, r.TagMutability = policy(statement("Open", `"*"`, pull)), "", nil, "MUTABLE"
	r.Images = append(r.Images, image(r.Name, "stray", 3, "Stray", "Other"))
}

// untidyRules find that.
var untidyRules = only("tag-convention", "readers-missing", "repository-public", "lifecycle-missing", "required-tags")

// newUntidy is a world of such repositories, in which tags can be moved and
// previews are ready at once.
func newUntidy(t *testing.T, names ...string) *world {
	t.Helper()
	org := awssim.NewOrganization(awssim.OrganizationOptions{ID: "o-a1b2c3d4e5", ManagementAccount: management, IgnorePulls: true, PreviewPolls: -1})
	addMembers(org)
	for _, name := range names {
		org.Account(team).Registry(region).AddRepository(sound(name, untidy))
	}
	w := serve(t, org, awssim.Options{})
	w.config += "immutable: none\n"
	return w
}

// Repositories are mended while somebody writes to them: what was written stays.
func TestConcurrentWriters(t *testing.T) {
	all := writers()
	var names []string
	for n := range 40 {
		names = append(names, fmt.Sprintf("app%d", n))
	}
	for round := range 2 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			random := rand.New(rand.NewPCG(uint64(round), 7))
			w, j := newUntidy(t, names...), newJournal(t)
			plan := w.plan(untidyRules)
			before := w.org.State()
			recorded := w.record()
			somebody := w.client()
			var group sync.WaitGroup
			for n, name := range names {
				one, r := all[n%len(all)], w.org.Account(team).Registry(region).Repository(name)
				pause := time.Duration(random.IntN(600)) * time.Millisecond
				group.Go(func() {
					time.Sleep(pause)
					recorded.mark(`began "` + name + `"`)
					one.write(somebody, r)
					recorded.mark(`ended "` + name + `"`)
				})
			}
			s, err := remediate.Apply(context.Background(), w.options(j, 8), plan, plan.Changes)
			if err != nil {
				t.Fatal(err)
			}
			group.Wait()
			held := func(when string) {
				lost := 0
				for n, name := range names {
					one, r := all[n%len(all)], w.org.Account(team).Registry(region).Repository(name)
					if !one.holds(r) && one.raced(recorded.all(), name) {
						lost++
					} else if !one.holds(r) {
						t.Errorf("%s: after the %s, what somebody wrote (%s) is lost: %s", name, when, one.name, jsonOf(t, r.Describe()))
					}
				}
				if lost > len(names)/10 {
					t.Errorf("%d writes fell between a look and a write", lost)
				}
				law{world: w}.keepsImages(before, w.org.State(), nil)
			}
			held("apply")
			left := 0
			for _, r := range s.Results {
				switch r.Outcome {
				case remediate.Applied, remediate.Already:
				case remediate.Skipped, remediate.Refused:
					left++
				default:
					t.Errorf("%s: %s: %s: %s", r.Where(), r.Kind, r.Outcome, r.Reason)
				}
			}
			if left == 0 || left > len(names) {
				t.Errorf("%d of %d changes were left to somebody else", left, len(s.Results))
			}
			w.undo(j, s.Run)
			held("undo")
		})
	}
}

// What is written between the look and the write of the same document is lost at
// AWS, which has no conditional write; between any other two calls nothing is.
// Each call before which somebody may write is tried.
func TestWriterBetweenCalls(t *testing.T) {
	plan := newUntidy(t, "app").plan(untidyRules) // the same for every such world
	for _, one := range writers() {
		t.Run(one.name, func(t *testing.T) {
			for after, wrote := 0, true; wrote; after++ {
				wrote = false
				w := newUntidy(t, "app")
				r := w.org.Account(team).Registry(region).Repository("app")
				before := w.org.State()
				raced := false
				somebody := w.client()
				recorded := w.record()
				w.server.Faults().Add(awssim.Fault{Kind: awssim.Latency, Operation: "ecr:*", Account: team, After: after, First: 1, Do: func() {
					wrote = true
					calls := recorded.all()
					last, _, _ := strings.Cut(calls[len(calls)-1], " ")
					raced = one.writes == last
					one.write(somebody, r)
				}})
				s := w.apply(newJournal(t), plan)
				if wrote && one.holds(r) == raced {
					t.Errorf("before call %d, in the race %v: %s: %+v", after, raced, jsonOf(t, r.Describe()), s.Results)
				}
				law{world: w}.keepsImages(before, w.org.State(), nil)
			}
		})
	}
}
