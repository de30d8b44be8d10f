package remediate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/ecraudit/ecraudit/internal/access"
	"github.com/ecraudit/ecraudit/internal/audit"
	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/lifecycle"
	"github.com/ecraudit/ecraudit/internal/remediate"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// check is one case of a law: it fails as rapid wants it, and has the test's
// environment.
type check struct {
	testing.TB
	rt *rapid.T
}

func (check) Helper()                        {}
func (c check) Error(args ...any)            { c.rt.Error(args...) }
func (c check) Errorf(f string, args ...any) { c.rt.Errorf(f, args...) }
func (c check) Fatal(args ...any)            { c.rt.Fatal(args...) }
func (c check) Fatalf(f string, args ...any) { c.rt.Fatalf(f, args...) }
func (c check) FailNow()                     { c.rt.FailNow() }
func (c check) Failed() bool                 { return c.rt.Failed() }
func (c check) Logf(f string, args ...any)   { c.rt.Logf(f, args...) }
func (c check) Cleanup(f func())             { c.rt.Cleanup(f) }
func (c check) TempDir() string {
	dir, err := os.MkdirTemp("", "laws")
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// configurations that laws hold under.
var configurations = []string{
	settings,
	settings + "immutable: all\nforbidden_tags: [latest]\nprotect: [\"keep*\"]\n",
	strings.Replace(settings, `["`+production+`"]`, `["`+production+`", "`+management+`"]`, 1) + "immutable: none\nprotected_tags: '^(prod-.*|[0-9.]+)$'\nscan_on_push: false\n",
}

// protectedTags are the tags that no fix may touch, by configuration.
var protectedTags = []*regexp.Regexp{
	regexp.MustCompile(`^v?[0-9]+\.[0-9]+\.[0-9]+$`),
	regexp.MustCompile(`^v?[0-9]+\.[0-9]+\.[0-9]+$|^keep`),
	regexp.MustCompile(`^(prod-.*|[0-9.]+)$`),
}

// readersOf are the accounts that must be able to pull, by configuration.
var readersOf = [][]string{{production}, {production}, {production, management}}

// Whatever the organization is and whatever part of the plan is carried out.
func TestLaws(t *testing.T) {
	engines := make([]*evaluate.Engine, len(configurations)) // they are slow to make
	rapid.Check(t, func(rt *rapid.T) {
		tb := check{t, rt}
		which := rapid.IntRange(0, len(configurations)-1).Draw(rt, "configuration")
		reformat := rapid.Bool().Draw(rt, "reformat")
		org := randomOrganization(rt, reformat)
		w := &world{t: tb, org: org, config: configurations[which], judge: engines[which], now: awssim.Epoch}
		w.server = awssim.Start(org, awssim.Options{ShortPages: rapid.Bool().Draw(rt, "short pages")})
		tb.Cleanup(w.server.Close)
		engines[which] = w.engine()

		law := law{world: w, protected: protectedTags[which], readers: readersOf[which], reformat: reformat}
		law.check(rt)
	})
}

type law struct {
	*world
	protected *regexp.Regexp
	readers   []string
	reformat  bool
}

func (l law) check(rt *rapid.T) {
	seen := &recorder{}
	l.collect(seen)
	plan := l.planOf(remediate.Filter{}, seen.replay)
	if rapid.IntRange(0, 2).Draw(rt, "again") == 0 {
		l.isDeterministic(rt, seen, plan)
	}

	chosen, all := plan.Changes, rapid.Bool().Draw(rt, "all")
	if !all {
		chosen = nil
		for i := range plan.Changes {
			if rapid.Bool().Draw(rt, plan.Changes[i].ID) {
				chosen = append(chosen, plan.Changes[i])
			}
		}
	}
	before, text := l.org.State(), l.text()
	j := newJournal(l.t)
	o := l.options(j, 4)
	if all {
		o.Allow = remediate.Allowances()
	}
	s, err := remediate.Apply(context.Background(), o, plan, chosen)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, r := range s.Results {
		if r.Outcome != remediate.Applied && r.Outcome != remediate.Refused {
			l.t.Errorf("%s: %s: %v: %s: %s", r.Where(), r.Kind, r.Summary, r.Outcome, r.Reason)
		}
	}
	after := l.org.State()
	l.keepsImages(before, after, chosen)
	l.keepsProtectedTags(before, after)
	l.admitsOnlyReaders(before, after)
	if all {
		clean(l.t, s)
		l.converges(plan)
	}
	if s.Run == "" {
		return
	}
	if all && rapid.Bool().Draw(rt, "a day passes") {
		l.keepsParked()
		return
	}
	clean(l.t, l.undo(j, s.Run))
	same(l.t, "undone", text, l.text())
	l.keepsImages(before, l.org.State(), nil)
}

// isDeterministic holds that the order in which repositories are collected makes
// no difference to the plan.
func (l law) isDeterministic(rt *rapid.T, seen *recorder, plan *remediate.Plan) {
	slices.SortFunc(seen.repositories, func(a, b seenRepository) int { return strings.Compare(a.String(), b.String()) })
	seen.repositories = rapid.Permutation(seen.repositories).Draw(rt, "order")
	if other := l.planOf(remediate.Filter{}, seen.replay); !bytes.Equal(written(l.t, plan), written(l.t, other)) {
		l.t.Fatalf("the plan depends on the order in which repositories are collected:\n%s\n%s", written(l.t, plan), written(l.t, other))
	}
}

// text is what AWS holds, with documents in one form where AWS rewrites them.
func (l law) text() string {
	if !l.reformat {
		return l.state()
	}
	for _, registry := range l.org.State().Registries {
		live := l.org.Account(registry.Account).Registry(registry.Region)
		live.SetPolicy(canonical(registry.Policy))
		for _, r := range registry.Repositories {
			live.Repository(r.Name).SetPolicy(canonical(r.Policy))
			if policy, err := lifecycle.Parse(r.Lifecycle); err == nil {
				live.Repository(r.Name).SetLifecycle(policy.Text())
			}
		}
	}
	return l.state()
}

// canonical is a policy with account ids as AWS may write them, one value where
// there is one, and keys in order.
func canonical(text string) string {
	var document any
	if json.Unmarshal([]byte(text), &document) != nil {
		return text
	}
	out, _ := json.Marshal(simplest(document))
	return string(out)
}

var plainAccount = regexp.MustCompile(`^[0-9]{12}$`)

func simplest(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key := range v {
			v[key] = simplest(v[key])
		}
	case []any:
		for i := range v {
			v[i] = simplest(v[i])
		}
		if len(v) == 1 {
			return v[0]
		}
	case string:
		if plainAccount.MatchString(v) {
			return "arn:aws:iam::" + v + ":root"
		}
	}
	return v
}

// keepsImages holds that no image is gone, and that what could be pulled by its
// digest still can, unless it was archived.
func (l law) keepsImages(before, after awssim.State, changes []remediate.Change) {
	archived := map[string]bool{}
	for _, c := range changes {
		if c.Kind == remediate.KindArchive {
			archived[c.Where()+c.Image.Digest] = true
		}
	}
	now := map[string]awssim.Image{}
	eachImage(after, func(where string, i awssim.Image) { now[where+i.Digest] = i })
	eachImage(before, func(where string, i awssim.Image) {
		image, there := now[where+i.Digest]
		switch {
		case !there:
			l.t.Errorf("%s: the image %s with the tags %v is gone", where, i.Digest, i.Tags)
		case image.Manifest != i.Manifest:
			l.t.Errorf("%s: the manifest of %s is another", where, i.Digest)
		case i.Status == "ACTIVE" && image.Status == "ARCHIVED" && !archived[where+i.Digest]:
			l.t.Errorf("%s: the image %s was archived", where, i.Digest)
		}
	})
}

func (l law) keepsProtectedTags(before, after awssim.State) {
	now := map[string]string{}
	eachImage(after, func(where string, i awssim.Image) {
		for _, tag := range i.Tags {
			now[where+" "+tag] = i.Digest
		}
	})
	eachImage(before, func(where string, i awssim.Image) {
		for _, tag := range i.Tags {
			tool := strings.HasPrefix(tag, "sha256-")
			if (tool || l.protected.MatchString(tag)) && now[where+" "+tag] != i.Digest {
				l.t.Errorf("%s: the protected tag %s points to %q", where, tag, now[where+" "+tag])
			}
		}
	})
}

// keepsParked holds that lifecycle policies, the old and the new ones, do not
// expire what is parked.
func (l law) keepsParked() {
	for _, registry := range l.org.State().Registries {
		for _, r := range registry.Repositories {
			live := l.org.Account(registry.Account).Registry(registry.Region).Repository(r.Name)
			live.RunLifecycle()
			for _, i := range r.Images {
				if _, there := live.Image(i.Digest); len(i.Tags) == 1 && strings.HasPrefix(i.Tags[0], "ecraudit-quarantine-") && !there {
					l.t.Errorf("%s: the image that was parked as %s has expired:\n%s", r.Name, i.Tags[0], r.Lifecycle)
				}
			}
		}
	}
}

func eachImage(s awssim.State, f func(where string, i awssim.Image)) {
	for _, registry := range s.Registries {
		for _, r := range registry.Repositories {
			for _, i := range r.Images {
				f(path.Join(registry.Account, registry.Region, r.Name), i)
			}
		}
	}
}

// admitsOnlyReaders holds that nobody can do more than before, but for the
// accounts that the configuration wants to be able to pull.
func (l law) admitsOnlyReaders(before, after awssim.State) {
	was := map[string]string{}
	for _, registry := range before.Registries {
		for _, r := range registry.Repositories {
			was[path.Join(registry.Account, r.Name)] = r.Policy
		}
	}
	pulls := []string{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"}
	for _, registry := range after.Registries {
		for _, r := range registry.Repositories {
			where := path.Join(registry.Account, r.Name)
			for _, account := range []string{team, production, management, stranger, "123456789012"} {
				for _, action := range append(pulls, "ecr:PutImage", "ecr:DescribeImages", "ecr:BatchDeleteImage", "ecr:SetRepositoryPolicy") {
					wanted := slices.Contains(l.readers, account) && slices.Contains(pulls, action)
					if !wanted && lets(r.Policy, account, action) && !lets(was[where], account, action) {
						l.t.Errorf("%s: %s has gained %s:\n%s\n%s", where, account, action, was[where], r.Policy)
					}
				}
			}
		}
	}
}

// lets evaluates a policy in the plainest way: the statements of
// randomPolicy, with no regard to conditions.
func lets(text, account, action string) bool {
	var document struct {
		Statement []struct {
			Effect            string
			Principal, Action any
		}
	}
	var single struct{ Statement any }
	if json.Unmarshal([]byte(text), &single) == nil {
		if one, ok := single.Statement.(map[string]any); ok {
			listed, _ := json.Marshal(map[string]any{"Statement": []any{one}})
			text = string(listed)
		}
	}
	_ = json.Unmarshal([]byte(text), &document)
	allowed := false
	for _, s := range document.Statement {
		named := slices.ContainsFunc(values(s.Principal), func(p string) bool { return p == "*" || strings.Contains(p, account) })
		covered := slices.ContainsFunc(values(s.Action), func(a string) bool {
			matches, _ := path.Match(strings.ToLower(a), strings.ToLower(action))
			return matches
		})
		if named && covered {
			if s.Effect == "Deny" {
				return false
			}
			allowed = true
		}
	}
	return allowed
}

// values are the strings of a principal or of a list of actions.
func values(v any) (list []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, one := range v {
			list = append(list, values(one)...)
		}
	case map[string]any:
		return values(v["AWS"])
	}
	return list
}

// converges holds that a plan made after the apply of a whole one is empty, and
// leaves no more than that one did, but for what scans brought up.
func (l law) converges(plan *remediate.Plan) {
	left := map[string]bool{}
	for _, one := range plan.Left {
		left[one.Fingerprint] = true
	}
	again := l.plan(remediate.Filter{})
	for _, c := range again.Changes {
		l.t.Errorf("a second plan: %s: %s: %v: mends %v: %+v", c.Where(), c.Kind, c.Summary, c.Why, c.Steps)
	}
	for _, one := range again.Left {
		if !left[one.Fingerprint] && !strings.Contains(one.Rule, "scan") {
			l.t.Errorf("a second plan leaves more: %s/%s: %s: %s: %s", one.Target, one.Repository, one.Rule, one.Message, one.Reason)
		}
	}
}

func written(t testing.TB, p *remediate.Plan) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := p.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// recorder keeps what is collected, to hand it on in any order.
type recorder struct {
	mu           sync.Mutex
	organization snapshot.Organization
	registries   []*snapshot.Registry
	repositories []seenRepository
	targets      []snapshot.TargetResult
}

type seenRepository struct {
	registry *snapshot.Registry
	*snapshot.Repository
}

func (r seenRepository) String() string { return r.Target.String() + "/" + r.Name }

func (r *recorder) Begin(o snapshot.Organization) error {
	r.organization = o
	return nil
}

func (r *recorder) Registry(_ context.Context, reg *snapshot.Registry) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.registries = append(r.registries, reg)
	return nil
}

func (r *recorder) Repository(_ context.Context, reg *snapshot.Registry, repository *snapshot.Repository) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.repositories = append(r.repositories, seenRepository{reg, repository})
	return nil
}

func (r *recorder) Done(t snapshot.TargetResult) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.targets = append(r.targets, t)
	return nil
}

func (r *recorder) replay(a *audit.Audit) {
	ctx := context.Background()
	must(a.Begin(r.organization))
	for _, reg := range r.registries {
		must(a.Registry(ctx, reg))
	}
	for _, repository := range r.repositories {
		must(a.Repository(ctx, repository.registry, repository.Repository))
	}
	for _, target := range r.targets {
		must(a.Done(target))
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// randomOrganization is a small one, in which anything may be wrong.
func randomOrganization(rt *rapid.T, reformat bool) *awssim.Organization {
	org := awssim.NewOrganization(awssim.OrganizationOptions{
		ID: "o-a1b2c3d4e5", ManagementAccount: management, IgnorePulls: true, Reformat: reformat, PreviewPolls: -1,
	})
	addMembers(org)
	for i, account := range []string{team, production} {
		r := org.Account(account).Registry(region)
		randomRegistry(rt, r, account)
		for n := range rapid.IntRange(1-i, 2).Draw(rt, "repositories") {
			r.AddRepository(randomRepository(rt, fmt.Sprintf("%s/r%d", rapid.SampledFrom([]string{"app", "scanned"}).Draw(rt, "prefix"), n)))
		}
	}
	return org
}

func randomRegistry(rt *rapid.T, r *awssim.Registry, account string) {
	r.SetScanning(rapid.SampledFrom([]awssim.Scanning{
		{ScanType: "BASIC"},
		{ScanType: "BASIC", Rules: []awssim.ScanningRule{{ScanFrequency: "SCAN_ON_PUSH", RepositoryFilters: []awssim.Filter{{Filter: "scanned/*"}}}}},
		{ScanType: "BASIC", Rules: []awssim.ScanningRule{{ScanFrequency: "MANUAL", RepositoryFilters: []awssim.Filter{{Filter: "*"}}}}},
		{ScanType: "ENHANCED", Rules: []awssim.ScanningRule{{ScanFrequency: "CONTINUOUS_SCAN", RepositoryFilters: []awssim.Filter{{Filter: "scanned/*"}}}}},
	}).Draw(rt, "scanning"))
	if rapid.Bool().Draw(rt, "registry policy") {
		r.SetPolicy(registryPolicyOf(account, stranger))
	}
	if rapid.Bool().Draw(rt, "template") {
		r.AddCreationTemplate(awssim.CreationTemplate{
			Prefix: "ROOT", AppliedFor: []string{"CREATE_ON_PUSH"}, Description: rapid.SampledFrom([]string{"", "ours"}).Draw(rt, "description"),
			TagMutability:   rapid.SampledFrom([]string{"MUTABLE", "IMMUTABLE"}).Draw(rt, "mutability"),
			LifecyclePolicy: rapid.SampledFrom([]string{"", soundLifecycle}).Draw(rt, "lifecycle"),
			ResourceTags:    rapid.SampledFrom([]map[string]string{nil, {"kept": "yes"}, {"team": "nobody"}}).Draw(rt, "tags"),
		})
	}
}

func registryPolicyOf(account, whom string) string {
	return `{"Version":"2012-10-17","Statement":[{"Sid":"Replicas","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::` + management + `:root","arn:aws:iam::` + whom + `:root"]},` +
		`"Action":["ecr:ReplicateImage"],"Resource":"arn:aws:ecr:` + region + `:` + account + `:repository/*"}]}`
}

const lambdaStatement = `{"Sid":"LambdaECRImageRetrievalPolicy","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],` +
	`"Condition":{"StringLike":{"aws:sourceArn":"arn:aws:lambda:` + region + `:` + team + `:function:*"}}}`

// randomPolicy is a policy of some statements, or none.
func randomPolicy(rt *rapid.T) string {
	pool := []string{
		statement("Readers", readers, pull),
		statement("Open", `"*"`, pull),
		statement("OpenToo", `{"AWS":"*"}`, `"ecr:*"`),
		statement("Team", `{"AWS":["`+production+`","`+stranger+`"]}`, pull),
		statement("", `{"AWS":["arn:aws:iam::`+stranger+`:role/ci"]}`, `"ecr:PutImage","ecr:BatchGetImage"`),
		statement("All", readers, `"ecr:*"`),
		statement("Push", `{"AWS":"`+production+`"}`, pull+`,"ecr:PutImage","ecr:InitiateLayerUpload","ecr:UploadLayerPart","ecr:CompleteLayerUpload"`),
		statement("Gone", `{"AWS":["AIDAQWERTYUIOPASDFGH","arn:aws:iam::`+production+`:root"]}`, pull),
		statement("EcrauditReaders", `{"AWS":"arn:aws:iam::`+management+`:root"}`, pull),
		`{"Sid":"Guard","Effect":"Deny","Principal":"*","Action":"ecr:DeleteRepository"}`,
		lambdaStatement,
	}
	chosen := rapid.SliceOfNDistinct(rapid.SampledFrom(pool), 0, 4, rapid.ID[string]).Draw(rt, "statements")
	if len(chosen) == 0 {
		return ""
	}
	return policy(chosen...)
}

// lifecyclePolicies are of all sorts: none, sound, missing half, ineffective,
// one that would expire what is parked, invalid.
var lifecyclePolicies = []string{
	"", soundLifecycle,
	lifecycleOf(`"tagStatus":"tagged","tagPrefixList":["tmp"],"countType":"imageCountMoreThan","countNumber":3`),
	strings.Replace(soundLifecycle, `"tagPatternList":["gitsha_*"]`, `"tagPrefixList":["gitsha_","gitpr_"]`, 1),
	lifecycleOf(`"tagStatus":"any","countType":"imageCountMoreThan","countNumber":2`),
	lifecycleOf(`"tagStatus":"tagged","tagPatternList":["ecraudit-*"],"countType":"sinceImagePushed","countUnit":"days","countNumber":1`),
	`{"rules":[{"rulePriority":1}]}`,
}

func lifecycleOf(selection string) string {
	return `{"rules":[{"rulePriority":5,"description":"ours","selection":{` + selection + `},"action":{"type":"expire"}}]}`
}

func randomRepository(rt *rapid.T, name string) awssim.Repository {
	r := awssim.Repository{
		Name: name, CreatedAt: awssim.Epoch.AddDate(0, -20, 0), Policy: randomPolicy(rt),
		ScanOnPush:    rapid.Bool().Draw(rt, "scan on push"),
		Lifecycle:     rapid.SampledFrom(lifecyclePolicies).Draw(rt, "lifecycle"),
		TagMutability: rapid.SampledFrom([]string{"MUTABLE", "IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION", "MUTABLE_WITH_EXCLUSION"}).Draw(rt, "mutability"),
		Tags:          rapid.SampledFrom([]map[string]string{nil, {"kept": "yes"}, {"team": "nobody"}, {"team": "platform"}}).Draw(rt, "tags"),
	}
	if strings.HasSuffix(r.TagMutability, "EXCLUSION") {
		r.TagExclusions = rapid.SampledFrom([][]awssim.Filter{{{Filter: "1.*"}, {Filter: "git*"}}, {{Filter: "tmp*"}}, {{Filter: "*"}}}).Draw(rt, "exclusions")
	}
	free := []string{"Stray", "Other", "latest", "tmp", "prod-1", "keep", "gitsha_1", "gitsha_2", "gitpr_1", "1.0.0", "2.0.0", "team-a"}
	for n := range rapid.IntRange(0, 4).Draw(rt, "images") {
		i := awssim.BuildImage(awssim.ImageOptions{Seed: fmt.Sprint(name, n), Docker: rapid.Bool().Draw(rt, "docker")})
		if rapid.IntRange(0, 3).Draw(rt, "index") == 0 && len(r.Images) > 0 {
			i = awssim.BuildIndex(r.Images...)
		}
		for range rapid.IntRange(0, 3).Draw(rt, "tagged") {
			if len(free) > 0 {
				at := rapid.IntRange(0, len(free)-1).Draw(rt, "tag")
				i.Tags = append(i.Tags, free[at])
				free = slices.Delete(free, at, at+1)
			}
		}
		r.Images = append(r.Images, aged(rt, i))
		if rapid.IntRange(0, 3).Draw(rt, "signed") == 0 {
			r.Images = append(r.Images, aged(rt, awssim.CosignSignature(i)))
		}
	}
	r.Images = slices.CompactFunc(r.Images, func(a, b awssim.Image) bool { return a.Digest == b.Digest })
	return r
}

// aged gives an image a history.
func aged(rt *rapid.T, i awssim.Image) awssim.Image {
	i.PushedAt = awssim.Epoch.AddDate(0, 0, -rapid.SampledFrom([]int{1, 20, 40, 400}).Draw(rt, "pushed"))
	if days := rapid.SampledFrom([]int{-1, 0, 30, 300}).Draw(rt, "pulled"); days >= 0 {
		i.LastPulledAt = awssim.Epoch.AddDate(0, 0, -days)
	}
	i.Scan = rapid.SampledFrom([]*awssim.Scan{
		nil, {CompletedAt: awssim.Epoch.AddDate(0, 0, -2)}, {CompletedAt: awssim.Epoch.Add(-time.Hour)}, {Status: "FAILED", CompletedAt: awssim.Epoch.AddDate(0, 0, -20)},
	}).Draw(rt, "scan")
	if rapid.IntRange(0, 5).Draw(rt, "archived") == 0 {
		i.Status, i.LastArchivedAt = "ARCHIVED", i.PushedAt
	}
	return i
}

// A policy in the form of canonical means what it meant.
func TestCanonical(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := randomPolicy(rt)
		if !access.EqualPolicy(text, canonical(text)) {
			rt.Errorf("%s\n%s", text, canonical(text))
		}
	})
}
