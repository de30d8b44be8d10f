package remediate_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/remediate"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// carryOut applies a plan with options of the test's own.
func (w *world) carryOut(p *remediate.Plan, set func(*remediate.Options)) *remediate.Summary {
	w.t.Helper()
	o := w.options(newJournal(w.t), 4)
	set(&o)
	s, err := remediate.Apply(context.Background(), o, p, p.Changes)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// without is a repository that lacks a lifecycle policy, with images.
func without(images ...awssim.Image) func(*awssim.Repository) {
	return func(r *awssim.Repository) {
		r.Lifecycle = ""
		with(images...)(r)
	}
}

// old is an image that the baseline would expire.
func old(seed string, tags ...string) awssim.Image {
	i := image("app", seed, 90, tags...)
	i.LastPulledAt = i.PushedAt
	return i
}

func only(kinds ...string) remediate.Filter { return remediate.Filter{Rules: kinds} }

// AWS's preview is held against what the plan says, and against what should be
// kept, and each exception can be allowed.
func TestLifecycleGuard(t *testing.T) {
	plain := old("plain")
	prefixed := lifecycleOf(`"tagStatus":"tagged","tagPrefixList":["gitsha_","1."],"countType":"sinceImagePushed","countUnit":"days","countNumber":30`)
	for name, c := range map[string]struct {
		repository func(*awssim.Repository)
		meddle     func(*awssim.LiveRepository)
		allow      remediate.Allowance
		words      string
	}{
		"an image was pushed since": {without(plain), func(r *awssim.LiveRepository) { r.AddImage(old("pushed", "gitsha_77")) }, remediate.AllowMore, "1 image that the plan does not list"},
		"an image lost its tags since": {without(old("lost", "gitsha_1", "keep")), func(r *awssim.LiveRepository) {
			i, _ := r.Image("keep")
			r.RemoveImage(i.Digest)
			i.Tags = nil
			r.AddImage(i)
			r.AddImage(old("another"))
		}, remediate.AllowMore, "that the plan does not list"},
		"a planned image was pulled since": {without(plain), func(r *awssim.LiveRepository) {
			r.ChangeImage(plain.Digest, func(i *awssim.Image) { i.LastPulledAt = awssim.Epoch })
		}, remediate.AllowRecent, "pulled within 30 days"},
		"a release, by a repaired policy": {func(r *awssim.Repository) {
			r.Lifecycle = prefixed
			with(old("release", "1.0.0"))(r)
		}, func(*awssim.LiveRepository) {}, remediate.AllowReleases, "with a protected tag"},
	} {
		t.Run(name, func(t *testing.T) {
			w, r := newRepository(t, c.repository)
			plan := w.plan(only("lifecycle-missing", "lifecycle-ineffective"))
			if len(plan.Changes) != 1 || plan.Changes[0].Expiry == nil {
				t.Fatalf("%+v", plan.Changes)
			}
			c.meddle(r)
			before := w.state()
			s := w.carryOut(plan, func(*remediate.Options) {})
			ends(t, s, remediate.Refused, "AWS would expire", c.words, "--allow "+string(c.allow))
			same(t, "nothing was changed", before, w.state())
			for _, other := range remediate.Allowances() {
				if other != c.allow {
					ends(t, w.carryOut(plan, func(o *remediate.Options) { o.Allow = []remediate.Allowance{other} }), remediate.Refused)
				}
			}
			ends(t, w.carryOut(plan, func(o *remediate.Options) { o.Allow = []remediate.Allowance{c.allow} }), remediate.Applied)
		})
	}
}

// Time alone may make an image expire that the plan does not list.
func TestLifecycleGuardAsImagesAge(t *testing.T) {
	young := image("app", "young", 29)
	young.LastPulledAt = young.PushedAt
	w, _ := newRepository(t, without(young))
	plan := w.plan(only("lifecycle-missing"))
	w.org.Advance(20 * time.Hour)
	w.now = w.now.Add(20 * time.Hour)
	ends(t, w.carryOut(plan, func(*remediate.Options) {}), remediate.Applied)
	clean(t, w.carryOut(plan, func(*remediate.Options) {}))

	w, _ = newRepository(t, without(young))
	plan = w.plan(only("lifecycle-missing"))
	w.org.Advance(48 * time.Hour)
	w.now = w.now.Add(48 * time.Hour)
	ends(t, w.carryOut(plan, func(*remediate.Options) {}), remediate.Refused, "1 image that the plan does not list")
}

// Whoever puts a lifecycle policy again, by undoing an undo, has it compared
// with AWS's preview again.
func TestRedoIsGuarded(t *testing.T) {
	w, r := newRepository(t, without(old("plain")))
	j := newJournal(t)
	applied := w.apply(j, w.plan(only("lifecycle-missing")))
	ends(t, applied, remediate.Applied)
	undone := w.undo(j, applied.Run)
	ends(t, undone, remediate.Applied)
	redone := w.undo(j, undone.Run)
	ends(t, redone, remediate.Applied)
	again := w.undo(j, redone.Run)
	ends(t, again, remediate.Applied)
	r.AddImage(old("pushed", "gitsha_77"))
	ends(t, w.undo(j, again.Run), remediate.Refused, "AWS would expire", "1 image that the plan does not list")
}

// pollsWorld is a world in which a preview is ready after some polls.
func pollsWorld(t *testing.T, polls int) (*world, *awssim.LiveRepository) {
	t.Helper()
	org := awssim.NewOrganization(awssim.OrganizationOptions{ID: "o-a1b2c3d4e5", ManagementAccount: management, IgnorePulls: true, PreviewPolls: polls})
	addMembers(org)
	r := org.Account(team).Registry(region).AddRepository(sound("app", without(old("plain"))))
	return serve(t, org, awssim.Options{}), r
}

func TestPreviewThatIsNeverReady(t *testing.T) {
	w, _ := pollsWorld(t, 1_000_000)
	plan := w.plan(only("lifecycle-missing"))
	before := w.state()
	s := w.carryOut(plan, func(o *remediate.Options) { o.PreviewTimeout = 300 * time.Millisecond })
	ends(t, s, remediate.Refused, "was not ready after 300ms", "--preview-timeout")
	same(t, "nothing was changed", before, w.state())
}

func TestPreviewOfSomebodyElse(t *testing.T) {
	w, r := pollsWorld(t, 2)
	plan := w.plan(only("lifecycle-missing"))
	c := w.client()
	text := lifecycleOf(`"tagStatus":"any","countType":"imageCountMoreThan","countNumber":1`)
	c.startPreview("app", text)
	remove := w.server.Faults().Add(awssim.Fault{Kind: awssim.Latency, Operation: "ecr:StartLifecyclePolicyPreview", First: 1, Do: func() {
		go func() { // somebody else polls theirs
			for range 3 {
				time.Sleep(20 * time.Millisecond)
				c.getPreview("app")
			}
		}()
	}})
	defer remove()
	ends(t, w.carryOut(plan, func(*remediate.Options) {}), remediate.Applied)
	if r.Describe().Lifecycle == "" {
		t.Error("there is no policy")
	}

	// One that is started in between gives the results of another policy.
	w, _ = pollsWorld(t, -1)
	plan = w.plan(only("lifecycle-missing"))
	c = w.client()
	w.server.Faults().Add(awssim.Fault{Kind: awssim.Latency, Operation: "ecr:GetLifecyclePolicyPreview", First: 1, Do: func() { c.startPreview("app", text) }})
	before := w.state()
	ends(t, w.carryOut(plan, func(*remediate.Options) {}), remediate.Failed, "is of another policy")
	same(t, "nothing was changed", before, w.state())
}

// A merged policy keeps the rules that are there, as they are.
func TestMergedLifecycle(t *testing.T) {
	ours := `"tagStatus":"tagged","tagPrefixList":["tmp"],"countType":"imageCountMoreThan","countNumber":3`
	w, r := newRepository(t, func(r *awssim.Repository) { r.Lifecycle = lifecycleOf(ours) })
	s := w.apply(newJournal(t), w.plan(only("lifecycle-baseline", "lifecycle-missing")))
	ends(t, s, remediate.Applied)
	merged := r.Describe().Lifecycle
	for _, kept := range []string{`"rulePriority":5`, `"description":"ours"`, `"tmp"`} {
		if !strings.Contains(strings.ReplaceAll(strings.ReplaceAll(merged, " ", ""), "\n", ""), kept) {
			t.Errorf("the merged policy lacks %s:\n%s", kept, merged)
		}
	}
	for i := range 5 { // what the old one would do, the merged one does
		r.AddImage(image("app", fmt.Sprint("tmp", i), 40+i, fmt.Sprint("tmp", i)))
	}
	expired, _ := r.RunLifecycle()
	if len(expired) != 2 {
		t.Errorf("the merged policy expires %v", expired)
	}
}

// The statement that AWS Lambda writes stays, even beside what is wrong.
func TestLambdaStatementStays(t *testing.T) {
	w, r := newRepository(t, func(r *awssim.Repository) {
		r.Policy = policy(strings.Replace(lambdaStatement, `,"Condition":{"StringLike":{"aws:sourceArn":"arn:aws:lambda:`+region+`:`+team+`:function:*"}}`, "", 1), statement("Open", `"*"`, pull), statement("Readers", readers, pull))
	})
	w.apply(newJournal(t), w.plan(remediate.Filter{}))
	text := r.Describe().Policy
	if !strings.Contains(text, "LambdaECRImageRetrievalPolicy") || strings.Contains(text, "Open") {
		t.Error(text)
	}
}

// A policy of which nothing is left is deleted.
func TestEmptyPolicyIsDeleted(t *testing.T) {
	w, r := newRepository(t, func(r *awssim.Repository) { r.Policy = policy(statement("Open", `"*"`, pull)) })
	w.config = strings.Replace(settings, `["`+production+`"]`, "[]", 1)
	plan := w.plan(remediate.Filter{})
	recorded := w.record()
	j := newJournal(t)
	before := w.state()
	s := w.apply(j, plan)
	ends(t, s, remediate.Applied)
	if calls := recorded.of("DeleteRepositoryPolicy", "SetRepositoryPolicy"); len(calls) != 1 || !strings.HasPrefix(calls[0], "DeleteRepositoryPolicy ") {
		t.Errorf("%q", calls)
	}
	if r.Describe().Policy != "" {
		t.Error(r.Describe().Policy)
	}
	if plan.Changes[0].Risk != remediate.RiskReview || len(plan.Changes[0].Loses) == 0 {
		t.Errorf("%+v", plan.Changes[0])
	}
	clean(t, w.undo(j, s.Run))
	same(t, "undone", before, w.state())
}

// A policy that would lock the caller out is put only where that is asked for.
func TestPolicyThatLocksOut(t *testing.T) {
	w, r := newRepository(t, nil)
	from := r.Describe().Policy
	to := policy(statement("Readers", readers, pull), `{"Sid":"Shut","Effect":"Deny","Principal":"*","Action":"ecr:SetRepositoryPolicy"}`)
	c := remediate.Change{
		ID: "0123456789ab", Kind: remediate.KindPolicy, Target: snapshot.Target{Partition: "aws", Account: team, Region: region}, Repository: "app", Summary: []string{"shut"},
		Steps: []remediate.Step{{Aspect: remediate.RepositoryPolicy, From: remediate.State{Document: from}, To: remediate.State{Document: to}}},
	}
	plan := &remediate.Plan{Changes: []remediate.Change{c}}
	recorded := w.record()
	ends(t, w.carryOut(plan, func(*remediate.Options) {}), remediate.Refused, "--force-policy")
	if r.Describe().Policy != from {
		t.Error("it was put all the same")
	}
	ends(t, w.carryOut(plan, func(o *remediate.Options) { o.ForcePolicy = true }), remediate.Applied)
	calls := recorded.of("SetRepositoryPolicy")
	if len(calls) != 2 || strings.Contains(calls[0], `"force":true`) || !strings.Contains(calls[1], `"force":true`) {
		t.Errorf("%q", calls)
	}
}

// Two findings on one document become one change, and readers are added to the
// statement that is there for them.
func TestOneChangeOfAPolicy(t *testing.T) {
	w, r := newRepository(t, func(r *awssim.Repository) {
		r.Policy = policy(statement("EcrauditReaders", `{"AWS":["arn:aws:iam::`+production+`:root"]}`, pull), statement("Open", `"*"`, pull), statement("Push", `{"AWS":"`+stranger+`"}`, `"ecr:PutImage"`))
	})
	w.config = strings.Replace(settings, `["`+production+`"]`, `["`+production+`", "`+management+`"]`, 1)
	plan := w.plan(remediate.Filter{})
	if len(plan.Changes) != 1 || len(plan.Changes[0].Why) < 3 || len(plan.Changes[0].Steps) != 1 {
		t.Fatalf("%+v", plan.Changes)
	}
	recorded := w.record()
	ends(t, w.apply(newJournal(t), plan), remediate.Applied)
	if calls := recorded.of("SetRepositoryPolicy"); len(calls) != 1 {
		t.Errorf("%q", calls)
	}
	text := r.Describe().Policy
	if strings.Count(text, "EcrauditReaders") != 1 || !strings.Contains(text, management) || !strings.Contains(text, production) || strings.Contains(text, "Open") || strings.Contains(text, stranger) {
		t.Error(text)
	}
}

// A document that AWS only wrote anew is the one that was seen; one that means
// something else is not.
func TestPolicyChangedSince(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(string) string
		outcome remediate.Outcome
	}{
		"in form": {canonical, remediate.Applied},
		"in meaning": {func(s string) string {
			return strings.Replace(s, `"ecr:BatchGetImage",`, `"ecr:BatchGetImage","ecr:ListImages",`, 1)
		}, remediate.Skipped},
	} {
		t.Run(name, func(t *testing.T) {
			w, r := newRepository(t, func(r *awssim.Repository) {
				r.Policy = policy(statement("Readers", `{"AWS":["`+production+`"]}`, pull), statement("Open", `{"AWS":["*"]}`, pull))
			})
			plan := w.plan(remediate.Filter{})
			text := c.change(r.Describe().Policy)
			if text == r.Describe().Policy {
				t.Fatal("nothing was changed")
			}
			r.SetPolicy(text)
			ends(t, w.apply(newJournal(t), plan), c.outcome)
			if kept := r.Describe().Policy == text; kept != (c.outcome == remediate.Skipped) {
				t.Errorf("it is now %s", r.Describe().Policy)
			}
		})
	}
}

func TestRegistryPolicy(t *testing.T) {
	org := newOrganization()
	registry := org.Account(team).Registry(region)
	registry.SetPolicy(registryPolicyOf(team, stranger))
	w, j := serve(t, org, awssim.Options{}), newJournal(t)
	before := w.state()
	plan := w.plan(remediate.Filter{})
	s := w.apply(j, plan)
	ends(t, s, remediate.Applied)
	if text := registry.State().Policy; strings.Contains(text, stranger) || !strings.Contains(text, management) {
		t.Error(text)
	}
	clean(t, w.undo(j, s.Run))
	same(t, "undone", before, w.state())

	// Changes of a registry are for all its repositories: --repository leaves them.
	filter := remediate.Filter{Repository: func(string) bool { return true }}
	if chosen := w.plan(filter).Changes; len(chosen) > 0 {
		t.Errorf("%+v", chosen)
	}
	registry.SetPolicy(registryPolicyOf(team, "123123123123"))
	ends(t, w.apply(j, plan), remediate.Skipped, "the registry policy is not what was seen")
}

// A repository is added to the rule that is there; the other rules and filters
// stay.
func TestScanningRules(t *testing.T) {
	for name, c := range map[string]struct {
		scanning awssim.Scanning
		want     [][]string // frequency and filters of each rule
	}{
		"beside filters": {
			awssim.Scanning{ScanType: "BASIC", Rules: []awssim.ScanningRule{{ScanFrequency: "SCAN_ON_PUSH", RepositoryFilters: []awssim.Filter{{Filter: "lib/*"}}}, {ScanFrequency: "MANUAL", RepositoryFilters: []awssim.Filter{{Filter: "hand"}}}}},
			[][]string{{"SCAN_ON_PUSH", "lib/*", "app"}, {"MANUAL", "hand"}},
		},
		"beside a rule by hand": {
			awssim.Scanning{ScanType: "BASIC", Rules: []awssim.ScanningRule{{ScanFrequency: "MANUAL", RepositoryFilters: []awssim.Filter{{Filter: "*"}}}}},
			[][]string{{"MANUAL", "*"}, {"SCAN_ON_PUSH", "app"}},
		},
		"of enhanced scanning": {
			awssim.Scanning{ScanType: "ENHANCED", Rules: []awssim.ScanningRule{{ScanFrequency: "CONTINUOUS_SCAN", RepositoryFilters: []awssim.Filter{{Filter: "lib/*"}}}}},
			[][]string{{"CONTINUOUS_SCAN", "lib/*"}, {"SCAN_ON_PUSH", "app"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := newRepository(t, nil)
			registry := w.org.Account(team).Registry(region)
			registry.SetScanning(c.scanning)
			j := newJournal(t)
			before := w.state()
			plan := w.plan(only("scan-on-push"))
			s := w.apply(j, plan)
			ends(t, s, remediate.Applied)
			var got [][]string
			for _, rule := range registry.State().Scanning.Rules {
				one := []string{rule.ScanFrequency}
				for _, f := range rule.RepositoryFilters {
					one = append(one, f.Filter)
				}
				got = append(got, one)
			}
			if !slices.EqualFunc(got, c.want, slices.Equal[[]string]) {
				t.Errorf("the rules are %v, not %v", got, c.want)
			}
			if again := w.plan(only("scan-on-push")); len(again.Changes) > 0 {
				t.Errorf("%+v", again.Changes)
			}
			clean(t, w.undo(j, s.Run))
			same(t, "undone", before, w.state())
		})
	}
}

// A rule of the scanning configuration has at most 100 filters.
func TestScanningRuleIsFull(t *testing.T) {
	w, _ := newRepository(t, nil)
	registry := w.org.Account(team).Registry(region)
	registry.AddRepository(sound("lib", nil))
	full := awssim.ScanningRule{ScanFrequency: "SCAN_ON_PUSH"}
	for i := range 99 {
		full.RepositoryFilters = append(full.RepositoryFilters, awssim.Filter{Filter: fmt.Sprintf("other%d", i)})
	}
	registry.SetScanning(awssim.Scanning{ScanType: "BASIC", Rules: []awssim.ScanningRule{full}})
	plan := w.plan(only("scan-on-push"))
	ends(t, w.apply(newJournal(t), plan), remediate.Applied)
	plan.Changes = nil
	leaves(t, plan, "100 filters, the most that AWS takes")
}

// Filters of immutability stay where they let no tag be moved that must not.
func TestMutabilityExclusions(t *testing.T) {
	for name, c := range map[string]struct {
		setting    string
		exclusions []string
		settings   string
		want       string
		kept       []string
	}{
		"a filter that takes in releases":   {"IMMUTABLE_WITH_EXCLUSION", []string{"1.*", "tmp*"}, "", "IMMUTABLE_WITH_EXCLUSION", []string{"tmp*"}},
		"only one that does":                {"IMMUTABLE_WITH_EXCLUSION", []string{"*"}, "", "IMMUTABLE", nil},
		"where all tags must be immutable":  {"IMMUTABLE_WITH_EXCLUSION", []string{"tmp*"}, "immutable: all\n", "IMMUTABLE", nil},
		"mutable":                           {"MUTABLE", nil, "", "IMMUTABLE", nil},
		"mutable but for tags of no moment": {"MUTABLE_WITH_EXCLUSION", []string{"tmp*"}, "", "IMMUTABLE", nil},
	} {
		t.Run(name, func(t *testing.T) {
			w, r := newRepository(t, func(r *awssim.Repository) {
				r.TagMutability = c.setting
				for _, f := range c.exclusions {
					r.TagExclusions = append(r.TagExclusions, awssim.Filter{Filter: f})
				}
			})
			w.config += c.settings
			j := newJournal(t)
			before := w.state()
			s := w.apply(j, w.plan(only("tag-immutability", "immutability-exclusions", "release-mutable")))
			ends(t, s, remediate.Applied)
			var kept []string
			for _, f := range r.Describe().TagExclusions {
				kept = append(kept, f.Filter)
			}
			if r.Describe().TagMutability != c.want || !slices.Equal(kept, c.kept) {
				t.Errorf("%s %v", r.Describe().TagMutability, kept)
			}
			clean(t, w.undo(j, s.Run))
			same(t, "undone", before, w.state())
		})
	}
}

// What AWS scans, and how often.
func TestStartScan(t *testing.T) {
	fresh := image("app", "fresh", 30, "gitsha_2")
	fresh.Scan = &awssim.Scan{Status: "FAILED", CompletedAt: awssim.Epoch.Add(-23 * time.Hour)}
	stale := image("app", "stale", 30, "gitsha_3")
	stale.Scan = &awssim.Scan{Status: "FAILED", CompletedAt: awssim.Epoch.Add(-25 * time.Hour)}
	never := image("app", "never", 30, "gitsha_4")
	never.Scan = nil
	rules := only("scan-failed", "image-not-scanned")

	w, _ := newRepository(t, with(fresh, stale, never))
	// AWS does not say when a scan failed, so its limit shows only when it is met.
	s := w.apply(newJournal(t), w.plan(rules))
	if s.Tally[remediate.Applied] != 2 || s.Tally[remediate.Refused] != 1 {
		t.Errorf("%v: %+v", s.Tally, s.Results)
	}
	for _, r := range s.Results {
		if r.Outcome == remediate.Refused && !strings.Contains(r.Reason, "once in 24 hours") {
			t.Error(r.Reason)
		}
	}

	// Somebody starts a scan between the plan and the apply.
	w, r := newRepository(t, with(never))
	plan := w.plan(rules)
	r.ChangeImage(never.Digest, func(i *awssim.Image) { i.Scan = &awssim.Scan{Status: "COMPLETE", CompletedAt: awssim.Epoch} })
	before := w.state()
	s = w.apply(newJournal(t), plan)
	if len(s.Results) != 1 || s.Results[0].Outcome == remediate.Applied {
		t.Errorf("%+v", s.Results)
	}
	same(t, "nothing was changed", before, w.state())

	// AWS's own daily limit.
	w, _ = newRepository(t, with(never))
	plan = w.plan(rules)
	w.client().startScan("app", never.Digest)
	clean(t, w.apply(newJournal(t), plan))

	w, _ = newRepository(t, with(never))
	w.org.Account(team).Registry(region).SetScanning(awssim.Scanning{ScanType: "ENHANCED", Rules: []awssim.ScanningRule{{ScanFrequency: "SCAN_ON_PUSH", RepositoryFilters: []awssim.Filter{{Filter: "*"}}}}})
	for _, c := range w.plan(rules).Changes {
		t.Errorf("enhanced scanning is told to scan: %v", c.Summary)
	}
}
