// Package collect reads the ECR registries of an organization from AWS.
//
// [Run] finds out which targets (accounts and regions) there are, enters each
// account with a role, and reads what the caller's needs ask for, nothing
// else and nothing twice. It hands each registry and each repository to a
// [Sink] as soon as that one is complete and keeps none of them, so its
// memory does not grow with their number.
//
// Everything that could not be read becomes a [snapshot.Gap] beside what
// could. Only what makes the whole run meaningless is an error: no
// credentials, an organization that cannot be listed, a selection that selects
// nothing.
//
// All calls share one budget of concurrency; each operation of each account in
// each region has its own rate, found by being throttled and kept below that.
package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/sync/errgroup"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Options says what to collect, as whom, and how fast.
type Options struct {
	Profile   string // of the shared AWS configuration; "" is the default
	Roles     awsapi.Roles
	Selection Selection
	Regions   []string // names, or awsapi.AllRegions; none is the ambient region
	Needs     snapshot.Needs
	// Organization is what the configuration says of the organization. It
	// stands in for what AWS Organizations does not tell.
	Organization snapshot.Organization
	// ReleaseTag returns the test for release tags that holds for a repository.
	ReleaseTag func(*snapshot.Repository) func(tag string) bool

	Concurrency int           // calls at once
	Patience    time.Duration // how long an operation may fail before it becomes a gap
	CallTimeout time.Duration // for one attempt of one call
	Log         *slog.Logger
	Stats       *Stats
}

// Stats counts what a run has done so far. It may be read at any time.
type Stats struct {
	awsapi.Stats
	Targets, TargetsDone atomic.Int64
	Repositories, Images atomic.Int64
	RepositoriesListed   atomic.Int64
	Gaps                 atomic.Int64
}

// Sink receives what is collected. Begin comes first and alone; then Registry
// and Repository are called from many goroutines at once: a target's registry
// before its repositories, its repositories in any order, and Done after the
// last of them. What a Sink is given it may keep. An error ends the run.
type Sink interface {
	Begin(snapshot.Organization) error
	Registry(context.Context, *snapshot.Registry) error
	Repository(context.Context, *snapshot.Registry, *snapshot.Repository) error
	Done(snapshot.TargetResult) error
}

// Run collects the selected targets into the sink. When ctx ends, what was
// complete has been handed on, each unfinished target is Done with a gap, and
// Run returns nil: the results say that they are partial.
func Run(ctx context.Context, o Options, sink Sink) error {
	if err := o.Selection.check(o.Roles); err != nil {
		return err
	}
	b := awsapi.NewBudget(awsapi.Pace{Concurrency: o.Concurrency, Patience: o.Patience, CallTimeout: o.CallTimeout, Log: o.Log, Stats: &o.Stats.Stats})
	session, err := awsapi.Open(ctx, b, awsapi.Identity{Profile: o.Profile, Roles: o.Roles, Regions: o.Regions})
	if err != nil {
		return err
	}
	if err := CheckRegions(ctx, session, b, o.Regions); err != nil {
		return err
	}
	directory := newDirectory(session, b)
	organization, err := directory.organization(ctx, o.Organization)
	if err != nil {
		return err
	}
	plan, err := o.Selection.resolve(ctx, session, directory, organization)
	if err != nil {
		return err
	}
	if err := directory.acquaint(ctx, &organization, active(plan), o.Needs); err != nil {
		return err
	}
	acquainted(plan, organization, o.Needs)
	if err := sink.Begin(organization); err != nil {
		return err
	}
	run := &run{Options: o, budget: b, session: session, sink: sink, gate: newGate(inHand * o.Concurrency)}
	return run.accounts(ctx, plan)
}

// Organization reads what is known of the organization, and of the selected
// accounts what the needs ask for, and nothing of ECR.
func Organization(ctx context.Context, o Options) (snapshot.Organization, error) {
	if err := o.Selection.check(o.Roles); err != nil {
		return snapshot.Organization{}, err
	}
	b := awsapi.NewBudget(awsapi.Pace{Concurrency: o.Concurrency, Patience: o.Patience, CallTimeout: o.CallTimeout, Log: o.Log, Stats: &o.Stats.Stats})
	session, err := awsapi.Open(ctx, b, awsapi.Identity{Profile: o.Profile, Roles: o.Roles, Regions: o.Regions})
	if err != nil {
		return snapshot.Organization{}, err
	}
	directory := newDirectory(session, b)
	organization, err := directory.organization(ctx, o.Organization)
	if err != nil {
		return organization, err
	}
	ids, err := o.Selection.ids(ctx, session, directory, organization)
	if err != nil {
		return organization, err
	}
	return organization, directory.acquaint(ctx, &organization, ids, o.Needs)
}

// Selected is an account that was selected, or why it is skipped.
type Selected struct{ ID, Name, Skip string }

// Accounts reads what is known of the organization, which accounts the selection
// selects, sorted by id, and what the needs ask of one of them, which is furthest
// down in the organization: what can be read of that one can be of all.
func Accounts(ctx context.Context, session *awsapi.Session, b *awsapi.Budget, o Options) (snapshot.Organization, []Selected, error) {
	directory := newDirectory(session, b)
	organization, err := directory.organization(ctx, o.Organization)
	if err != nil {
		return organization, nil, err
	}
	plan, err := o.Selection.resolve(ctx, session, directory, organization)
	if err != nil {
		return organization, nil, err
	}
	deepest := slices.MaxFunc(active(plan), func(a, b string) int {
		x, y := findAccount(organization, a), findAccount(organization, b)
		return cmp.Compare(len(x.UnitIDs()), len(y.UnitIDs()))
	})
	if err := directory.acquaint(ctx, &organization, []string{deepest}, o.Needs); err != nil {
		return organization, nil, err
	}
	selected := make([]Selected, len(plan))
	for i, account := range plan {
		selected[i] = Selected{account.ID, account.Name, account.Skip}
	}
	return organization, selected, nil
}

// EnabledRegions are the regions that an account has enabled, sorted.
func EnabledRegions(ctx context.Context, s *awsapi.Session, c *awsapi.Caller, provider aws.CredentialsProvider) ([]string, error) {
	return enabledRegions(ctx, s, c, provider)
}

// inHand is how many repositories may be in hand for each call at once. A
// repository is in hand for several calls, one after the other or at once.
const inHand = 2

// openAccounts is how many accounts are worked on at once. Each has an
// overhead of its own; more would not make better use of the budget.
const openAccounts = 64

// run is one collection under way.
type run struct {
	Options
	budget  *awsapi.Budget
	session *awsapi.Session
	sink    Sink
	gate    *gate
}

// accounts works through the selected accounts.
func (r *run) accounts(ctx context.Context, plan []accountPlan) error {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(openAccounts)
	for _, account := range plan {
		group.Go(func() error { return r.account(groupCtx, account) })
	}
	return group.Wait()
}

// account enters one account and works through its regions.
func (r *run) account(ctx context.Context, plan accountPlan) error {
	whole := snapshot.Target{Partition: r.session.Partition, Account: plan.ID}
	if plan.Skip != "" {
		return r.sink.Done(snapshot.TargetResult{Target: whole, AccountName: plan.Name, Status: snapshot.StatusSkipped, Reason: plan.Skip})
	}
	provider := r.session.CredentialsOf(plan.ID)
	caller := r.budget.Caller(plan.ID, awsapi.Refresher(provider))
	if err := r.session.Enter(ctx, caller, plan.ID, provider); err != nil {
		return r.failed(whole, plan, opAssumeRole, err)
	}
	regions := slices.Compact(slices.Sorted(slices.Values(r.Regions)))
	if len(regions) == 0 {
		regions = []string{r.session.Config.Region}
	}
	if slices.Contains(regions, awsapi.AllRegions) {
		enabled, err := enabledRegions(ctx, r.session, caller, provider)
		if err != nil {
			return r.failed(whole, plan, opDescribeRegions, err)
		}
		regions = enabled
	}
	r.Stats.Targets.Add(int64(len(regions)))
	group, groupCtx := errgroup.WithContext(ctx)
	for _, region := range regions {
		target := whole
		target.Region = region
		group.Go(func() error { return r.target(groupCtx, target, plan, provider) })
	}
	return group.Wait()
}

// failed reports an account of which nothing could be read.
func (r *run) failed(target snapshot.Target, plan accountPlan, o operation, err error) error {
	g := gap(target, "", snapshot.NeedRepositories, o, err)
	why := "the regions that it has enabled could not be listed"
	if o == opAssumeRole {
		why = "its role could not be assumed"
		g.Permission = "" // what is missing is not in the role
		g.Message = fmt.Sprintf("assuming %s: %s; %s", r.session.RoleARN(plan.ID), g.Message, r.session.Advice())
	}
	r.Stats.Gaps.Add(1)
	return r.sink.Done(snapshot.TargetResult{Target: target, AccountName: plan.Name, Status: snapshot.StatusFailed, Reason: why, Gaps: []snapshot.Gap{g}})
}

// stopped reports whether an error only says that the run was stopped.
func stopped(err error) bool { return errors.Is(err, context.Canceled) }
