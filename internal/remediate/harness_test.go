package remediate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecraudit/ecraudit/internal/audit"
	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/collect"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/remediate"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

const (
	management = "111122223333"
	team       = "222233334444"
	production = "444455556666"
	stranger   = "999988887777"
	region     = "eu-west-1"

	readRole = "ecraudit-reader"
	fixRole  = "ecraudit-fixer"
)

// settings demand something of every kind.
const settings = `
reader_accounts: ["` + production + `"]
tag_pattern: '^([0-9]+\.[0-9]+\.[0-9]+|git[a-z]+_[0-9a-z]+|team-.*)$'
required_tags: {team: [platform]}
lifecycle: {untagged: true, dev_tags: ["gitsha_*"]}
rules: {image-unused: on, image-not-scanned: on}
`

// world is a simulated organization in which every kind of change is needed.
type world struct {
	t      testing.TB
	org    *awssim.Organization
	server *awssim.Server
	config string
	// endpoint is something before the server; the server itself when empty.
	endpoint string
	rules    []string // files and folders of rules beside the default ones
	now      time.Time
	judge    *evaluate.Engine // made when it is first needed
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return serve(t, everyKind(oncePolled), awssim.Options{})
}

// How often AWS is asked for a preview until it is ready.
const (
	oncePolled = 1
	notPolled  = -1 // a run in which nothing waits
)

func worldOf(t testing.TB, org *awssim.Organization) *world {
	t.Helper()
	return serve(t, org, awssim.Options{AnySignature: true})
}

// serve is a world with an organization of the test's own.
func serve(t testing.TB, org *awssim.Organization, o awssim.Options) *world {
	t.Helper()
	server := awssim.Start(org, o)
	t.Cleanup(server.Close)
	return &world{t: t, org: org, server: server, config: settings, now: awssim.Epoch}
}

// newOrganization has two accounts without repositories.
func newOrganization() *awssim.Organization {
	return organizationOf(awssim.OrganizationOptions{ID: "o-a1b2c3d4e5", ManagementAccount: management, IgnorePulls: true})
}

// everyKind is an organization of two accounts whose registries need every kind
// of change, each in the forms that are hard.
func everyKind(polls int) *awssim.Organization {
	org := organizationOf(awssim.OrganizationOptions{ID: "o-a1b2c3d4e5", ManagementAccount: management, IgnorePulls: true, PreviewPolls: polls})
	plantTeam(org.Account(team).Registry(region))
	plantProduction(org.Account(production).Registry(region))
	return org
}

func organizationOf(o awssim.OrganizationOptions) *awssim.Organization {
	org := awssim.NewOrganization(o)
	addMembers(org)
	org.Account(production).Registry(region) // so that merely reading it does not show
	return org
}

// addMembers adds the two accounts with the roles that read and fix.
func addMembers(org *awssim.Organization) {
	reader := awssim.Role{Name: readRole, Allowed: []string{"ecr:Describe*", "ecr:Get*", "ecr:List*", "ecr:BatchGet*", "inspector2:List*"}}
	fixer := awssim.Role{Name: fixRole, Allowed: fixerActions()}
	org.AddAccount(awssim.Account{ID: team, Name: "team", Roles: []awssim.Role{reader, fixer}})
	org.AddAccount(awssim.Account{ID: production, Name: "production", Roles: []awssim.Role{reader, fixer}})
}

// fixerActions are exactly those that the table of permissions gives.
func fixerActions() (actions []string) {
	for _, kind := range remediate.AllKinds() {
		for _, p := range remediate.Permissions(kind) {
			actions = append(actions, p.Action)
		}
	}
	slices.Sort(actions)
	return slices.Compact(actions)
}

func statement(sid, principal, actions string) string {
	return fmt.Sprintf(`{"Sid":%q,"Effect":"Allow","Principal":%s,"Action":[%s]}`, sid, principal, actions)
}

const (
	pull    = `"ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:BatchCheckLayerAvailability"`
	readers = `{"AWS":"arn:aws:iam::` + production + `:root"}`
)

func policy(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

const soundLifecycle = `{"rules":[{"rulePriority":1,"selection":{"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":14},"action":{"type":"expire"}},` +
	`{"rulePriority":2,"selection":{"tagStatus":"tagged","tagPatternList":["gitsha_*"],"countType":"sinceImagePushed","countUnit":"days","countNumber":30},"action":{"type":"expire"}}]}`

// sound is a repository in which nothing is wrong, before f changes it.
func sound(name string, f func(*awssim.Repository)) awssim.Repository {
	r := awssim.Repository{
		Name: name, TagMutability: "IMMUTABLE", ScanOnPush: true, Policy: policy(statement("Readers", readers, pull)),
		Lifecycle: soundLifecycle, Tags: map[string]string{"team": "platform"}, CreatedAt: awssim.Epoch.AddDate(0, -2, 0),
		Images: []awssim.Image{image(name, "1", 3, "gitsha_1")},
	}
	if f != nil {
		f(&r)
	}
	return r
}

// image is scanned, was pushed some days ago and pulled yesterday.
func image(name, seed string, days int, tags ...string) awssim.Image {
	i := awssim.BuildImage(awssim.ImageOptions{Seed: name + seed})
	i.Tags, i.PushedAt, i.LastPulledAt = tags, awssim.Epoch.AddDate(0, 0, -days), awssim.Epoch.AddDate(0, 0, -1)
	i.Scan = &awssim.Scan{CompletedAt: awssim.Epoch.AddDate(0, 0, -2)}
	return i
}

// plantTeam fills a registry whose scanning is decided by repositories' flags.
func plantTeam(r *awssim.Registry) {
	add := func(name string, f func(*awssim.Repository)) { r.AddRepository(sound(name, f)) }
	add("sound/all", nil)
	add("policy/public", func(r *awssim.Repository) {
		r.Policy = policy(statement("Readers", readers, pull), statement("Open", `"*"`, pull), `{"Sid":"Guard","Effect":"Deny","Principal":"*","Action":"ecr:DeleteRepository"}`)
	})
	add("policy/only-public", func(r *awssim.Repository) { r.Policy = policy(statement("Open", `"*"`, pull)) })
	add("policy/partner-among-others", func(r *awssim.Repository) {
		r.Policy = policy(statement("Team", `{"AWS":["`+production+`","`+stranger+`"]}`, pull))
	})
	add("policy/push", func(r *awssim.Repository) { r.Policy = policy(statement("All", readers, `"ecr:*"`)) })
	add("policy/none", func(r *awssim.Repository) { r.Policy = "" })
	add("lifecycle/none", func(r *awssim.Repository) {
		r.Lifecycle = ""
		old := image(r.Name, "old", 90)
		old.LastPulledAt = old.PushedAt
		r.Images = append(r.Images, old, image(r.Name, "release", 90, "1.0.0", "gitsha_release"))
	})
	add("lifecycle/partial", func(r *awssim.Repository) {
		r.Lifecycle = `{"rules":[{"rulePriority":5,"description":"ours","selection":{"tagStatus":"tagged","tagPrefixList":["tmp"],"countType":"imageCountMoreThan","countNumber":3},"action":{"type":"expire"}}]}`
	})
	add("lifecycle/anded", func(r *awssim.Repository) {
		r.Lifecycle = strings.Replace(soundLifecycle, `"tagPatternList":["gitsha_*"]`, `"tagPrefixList":["gitsha_","gitpr_"]`, 1)
	})
	add("scanning/off", func(r *awssim.Repository) { r.ScanOnPush = false })
	add("mutability/mutable", func(r *awssim.Repository) { r.TagMutability = "MUTABLE" })
	add("mutability/excluded", func(r *awssim.Repository) {
		r.TagMutability, r.TagExclusions = "IMMUTABLE_WITH_EXCLUSION", []awssim.Filter{{Filter: "1.*"}, {Filter: "git*"}}
	})
	add("tags/none", func(r *awssim.Repository) { r.Tags = nil })
	add("tags/other", func(r *awssim.Repository) { r.Tags = map[string]string{"team": "nobody", "kept": "yes"} })
	add("untag/last", func(r *awssim.Repository) { r.Images = append(r.Images, image(r.Name, "stray", 3, "Stray")) })
	add("untag/several", func(r *awssim.Repository) {
		r.Images = append(r.Images, image(r.Name, "stray", 3, "Stray", "Other", "gitsha_2"), image(r.Name, "two", 3, "X", "Y"))
	})
	add("untag/index", func(r *awssim.Repository) {
		child, other := image(r.Name, "amd", 3, "Child"), image(r.Name, "arm", 3)
		index := awssim.BuildIndex(child, other)
		index.Tags, index.PushedAt = []string{"Index"}, awssim.Epoch.AddDate(0, 0, -3)
		signature := awssim.CosignSignature(index)
		signature.PushedAt = index.PushedAt
		r.Images = append(r.Images, child, other, index, signature)
	})
	add("archive/unused", func(r *awssim.Repository) {
		old := image(r.Name, "old", 400, "gitbuild_1")
		old.LastPulledAt = awssim.Epoch.AddDate(-1, 0, 0)
		r.Images = append(r.Images, old)
	})
	add("scan/never", func(r *awssim.Repository) {
		r.Images[0].Scan = nil
		failed := image(r.Name, "failed", 30, "gitsha_3")
		failed.Scan = &awssim.Scan{Status: "FAILED", CompletedAt: awssim.Epoch.AddDate(0, 0, -20)}
		r.Images = append(r.Images, failed)
	})
}

// plantProduction fills a registry that has scanning rules, a policy that lets a
// stranger in, and weak creation templates.
func plantProduction(r *awssim.Registry) {
	r.SetScanning(awssim.Scanning{ScanType: "BASIC", Rules: []awssim.ScanningRule{
		{ScanFrequency: "SCAN_ON_PUSH", RepositoryFilters: []awssim.Filter{{Filter: "scanned/*"}}},
		{ScanFrequency: "MANUAL", RepositoryFilters: []awssim.Filter{{Filter: "by-hand"}}},
	}})
	r.SetPolicy(`{"Version":"2012-10-17","Statement":[` +
		`{"Sid":"Known","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + team + `:root"},"Action":["ecr:ReplicateImage"],"Resource":"arn:aws:ecr:` + region + `:` + production + `:repository/*"},` +
		`{"Sid":"Unknown","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + stranger + `:root"},"Action":["ecr:ReplicateImage"],"Resource":"arn:aws:ecr:` + region + `:` + production + `:repository/*"}]}`)
	r.AddCreationTemplate(awssim.CreationTemplate{Prefix: "ROOT", AppliedFor: []string{"CREATE_ON_PUSH"}, TagMutability: "MUTABLE", Description: "ours"})
	r.AddCreationTemplate(awssim.CreationTemplate{
		Prefix: "team", AppliedFor: []string{"CREATE_ON_PUSH", "REPLICATION"}, TagMutability: "MUTABLE", LifecyclePolicy: soundLifecycle,
		RepositoryPolicy: policy(statement("Readers", readers, pull)), ResourceTags: map[string]string{"kept": "yes"},
	})
	own := func(r *awssim.Repository) { r.Policy = "" }
	r.AddRepository(sound("scanned/already", own))
	r.AddRepository(sound("left/out", own))
	r.AddRepository(sound("left/out-too", own))
}

// pace is that of a run which is not to wait for long.
func pace(concurrency int) *awsapi.Budget {
	return awsapi.NewBudget(awsapi.Pace{
		Concurrency: concurrency, Patience: time.Second, CallTimeout: 5 * time.Second, Log: slog.New(slog.DiscardHandler), Stats: &awsapi.Stats{},
	})
}

// engine judges by the world's rules and configuration, at its time.
func (w *world) engine() *evaluate.Engine {
	w.t.Helper()
	if w.judge != nil && w.judge.Clock().Equal(w.now) {
		return w.judge
	}
	c, err := config.Parse("ecraudit.yaml", []byte(w.config))
	if err != nil {
		w.t.Fatal(err)
	}
	rules, err := evaluate.LoadRules(w.rules)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.judge, err = evaluate.New(rules, c, evaluate.Options{Clock: w.now}); err != nil {
		w.t.Fatal(err)
	}
	return w.judge
}

// needs are those of rules and of planning.
func (w *world) needs() snapshot.Needs {
	needs := maps.Clone(w.engine().Needs())
	for _, n := range remediate.Needs() {
		needs[n] = true
	}
	return needs
}

// collect reads the organization as the reading role.
func (w *world) collect(sink collect.Sink) {
	w.t.Helper()
	w.environment()
	err := collect.Run(context.Background(), collect.Options{
		Roles: awsapi.Roles{Name: readRole}, Selection: collect.Selection{Organization: true, Exclude: []string{management}}, Needs: w.needs(), ReleaseTag: w.engine().ReleaseTag,
		Concurrency: 16, Patience: time.Second, CallTimeout: 5 * time.Second, Log: slog.New(slog.DiscardHandler), Stats: &collect.Stats{},
	}, sink)
	if err != nil {
		w.t.Fatal(err)
	}
}

// plan audits as the reading role and plans.
func (w *world) plan(filter remediate.Filter) *remediate.Plan {
	w.t.Helper()
	return w.planOf(filter, func(a *audit.Audit) { w.collect(a) })
}

// planOf plans what an audit is fed with.
func (w *world) planOf(filter remediate.Filter, feed func(*audit.Audit)) *remediate.Plan {
	w.t.Helper()
	planner := remediate.NewPlanner(w.engine(), remediate.PlanOptions{Clock: w.now, Collected: w.needs(), Filter: filter})
	a, err := audit.New(w.engine())
	if err != nil {
		w.t.Fatal(err)
	}
	defer a.Close()
	a.Watch(planner)
	feed(a)
	p, err := planner.Finish(context.Background(), remediate.Plan{Version: "test", Organization: a.Organization().ID, Complete: a.Complete()})
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// environment makes the management account's administrator the caller.
func (w *world) environment() {
	for _, setting := range w.server.Environment(management, region) {
		name, value, _ := strings.Cut(setting, "=")
		if name == "AWS_ENDPOINT_URL" && w.endpoint != "" {
			value = w.endpoint
		}
		if t, ok := w.t.(interface{ Setenv(name, value string) }); ok {
			t.Setenv(name, value)
		}
	}
}

// options are those of a run as the fixing role, one call after the other unless
// more are asked for.
func (w *world) options(journal *remediate.Journal, concurrency int) remediate.Options {
	w.t.Helper()
	w.environment()
	o, err := openOptions(w.t.Context(), journal, concurrency)
	if err != nil {
		w.t.Fatal(err)
	}
	o.Now = w.now
	return o
}

// openOptions are options for the caller whom the environment names.
func openOptions(ctx context.Context, journal *remediate.Journal, concurrency int) (remediate.Options, error) {
	budget := pace(concurrency)
	session, err := awsapi.Open(ctx, budget, awsapi.Identity{Roles: awsapi.Roles{Name: fixRole}, Regions: []string{region}})
	if err != nil {
		return remediate.Options{}, err
	}
	return remediate.Options{
		Session: session, Budget: budget, Journal: journal, Version: "test", Now: awssim.Epoch,
		Places: concurrency, Patience: 3 * time.Second, PreviewTimeout: 10 * time.Second,
	}, nil
}

func newJournal(t testing.TB) *remediate.Journal {
	t.Helper()
	j, err := remediate.OpenJournal(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// apply carries out a whole plan and returns how it went.
func (w *world) apply(j *remediate.Journal, p *remediate.Plan) *remediate.Summary {
	w.t.Helper()
	s, err := remediate.Apply(context.Background(), w.options(j, 8), p, p.Changes)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// undo takes a run back.
func (w *world) undo(j *remediate.Journal, id string) *remediate.Summary {
	w.t.Helper()
	run, err := j.Read(id)
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := remediate.Undo(context.Background(), w.options(j, 8), run, remediate.Filter{})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// clean fails for every result that is neither applied nor in place already.
func clean(t testing.TB, s *remediate.Summary) {
	t.Helper()
	for _, r := range s.Results {
		if r.Outcome != remediate.Applied && r.Outcome != remediate.Already {
			t.Errorf("%s: %s: %v: %s: %s", r.Where(), r.Kind, r.Summary, r.Outcome, r.Reason)
		}
	}
}

// state is what AWS holds, in full, less what no call can take back: results of
// scans, and when something was last changed.
func (w *world) state() string {
	w.t.Helper()
	s := w.org.State()
	for i := range s.Registries {
		for j := range s.Registries[i].CreationTemplates {
			s.Registries[i].CreationTemplates[j].UpdatedAt = time.Time{}
		}
		for j := range s.Registries[i].Repositories {
			images := s.Registries[i].Repositories[j].Images
			for k := range images {
				images[k].Scan, images[k].NextScan = nil, nil
				images[k].LastArchivedAt, images[k].LastActivatedAt = time.Time{}, time.Time{}
				if images[k].Status == "ACTIVATING" {
					images[k].Status = "ACTIVE"
				}
			}
		}
	}
	text, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

func same(t testing.TB, what, want, got string) {
	t.Helper()
	if want != got {
		t.Errorf("%s (-want +got):\n%s", what, cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")))
	}
}
