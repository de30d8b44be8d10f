package collect

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"golang.org/x/sync/errgroup"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// reader reads one target.
type reader struct {
	*run
	snapshot.Target
	caller *awsapi.Caller
	ecr    *ecr.Client

	registry      *snapshot.Registry
	registryReady chan struct{}

	repositories, images, gaps atomic.Int64
	unfinished                 atomic.Bool // the run was stopped before all of it was read
}

// target collects one target and reports how that ended.
func (r *run) target(ctx context.Context, target snapshot.Target, plan accountPlan, provider aws.CredentialsProvider) error {
	t := &reader{
		run:    r,
		caller: r.budget.Caller(target.String(), awsapi.Refresher(provider)),
		Target: target,
		ecr: ecr.NewFromConfig(r.session.Config, func(o *ecr.Options) {
			o.Region = target.Region
			o.Credentials = provider
		}),
		registry:      &snapshot.Registry{Target: target, AccountName: plan.Name},
		registryReady: make(chan struct{}),
	}
	listing, err := t.read(ctx)
	if err != nil && !stopped(err) {
		return err
	}
	r.Stats.TargetsDone.Add(1)
	return r.sink.Done(t.result(plan, listing))
}

// read collects the registry and its repositories. It returns why the listing
// of repositories ended early, if it did.
func (t *reader) read(ctx context.Context) (listing *snapshot.Gap, err error) {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(t.registryReady)
		return t.readRegistry(ctx)
	})
	group.Go(func() error {
		listErr := t.readRepositories(ctx, group)
		if listErr != nil && !stopped(listErr) {
			g := gap(t.Target, "", snapshot.NeedRepositories, opDescribeRepositories, listErr)
			listing = &g
		}
		return nil
	})
	err = group.Wait()
	return listing, err
}

// result sums a target up.
func (t *reader) result(plan accountPlan, listing *snapshot.Gap) snapshot.TargetResult {
	result := snapshot.TargetResult{
		Target: t.Target, AccountName: plan.Name, Status: snapshot.StatusComplete,
		Repositories: int(t.repositories.Load()), Images: int(t.images.Load()),
	}
	if listing == nil && t.unfinished.Load() {
		g := gap(t.Target, "", snapshot.NeedRepositories, "", context.Canceled)
		listing = &g
	}
	result.Gaps = plan.gapsIn(t.Target)
	t.Stats.Gaps.Add(int64(len(result.Gaps)))
	if t.gaps.Load() > 0 || len(result.Gaps) > 0 {
		result.Status = snapshot.StatusPartial
	}
	if listing != nil {
		t.Stats.Gaps.Add(1)
		result.Gaps = append(result.Gaps, *listing)
		result.Reason = whyUnfinished(listing)
		result.Status = snapshot.StatusPartial
		if result.Repositories == 0 {
			result.Status = snapshot.StatusFailed
		}
	}
	return result
}

// whyUnfinished says in short what the gap says in full.
func whyUnfinished(listing *snapshot.Gap) string {
	switch {
	case listing.Code == awsapi.CodeInterrupted:
		return "the run was interrupted"
	case awsapi.IsUnrecognized(listing.Code):
		return "the region is probably not enabled for this account"
	}
	return "its repositories could not be listed"
}

// missed turns an error into a gap, unless the run was stopped: then what is
// in hand is not handed on at all.
func (t *reader) missed(repository string, need snapshot.Need, o operation, err error) (snapshot.Gap, error) {
	if stopped(err) {
		return snapshot.Gap{}, err
	}
	t.gaps.Add(1)
	t.Stats.Gaps.Add(1)
	return gap(t.Target, repository, need, o, err), nil
}

// listPage is how many repositories are described in one call, the most that
// AWS gives; scanningBatch is how many names the scanning configuration is
// asked for in one call.
const (
	listPage      = 1000
	scanningBatch = 25
)

// readRepositories lists the registry page by page and starts reading each
// repository in the group, as many at once as the gate lets in.
func (t *reader) readRepositories(ctx context.Context, group *errgroup.Group) error {
	var token *string
	for {
		page, err := ask(ctx, t.caller, opDescribeRepositories, func(ctx context.Context) (*ecr.DescribeRepositoriesOutput, error) {
			return t.ecr.DescribeRepositories(ctx, t.listing(token))
		})
		if none := (*ecrtypes.RepositoryNotFoundException)(nil); t.Selection.Repository != "" && errors.As(err, &none) {
			return nil
		}
		if err == nil && awsapi.Again(token, page.NextToken) {
			err = awsapi.ErrEndless
		}
		if err != nil {
			t.unfinished.Store(true)
			return err
		}
		t.Stats.RepositoriesListed.Add(int64(len(page.Repositories)))
		for batch := range slices.Chunk(page.Repositories, scanningBatch) {
			if err := t.startBatch(ctx, group, batch); err != nil {
				t.unfinished.Store(true)
				return err
			}
		}
		if token = page.NextToken; aws.ToString(token) == "" {
			return nil
		}
	}
}

// listing asks for a page of all repositories, or for the one that is read.
func (t *reader) listing(token *string) *ecr.DescribeRepositoriesInput {
	if name := t.Selection.Repository; name != "" {
		return &ecr.DescribeRepositoriesInput{RepositoryNames: []string{name}}
	}
	return &ecr.DescribeRepositoriesInput{MaxResults: aws.Int32(listPage), NextToken: token}
}

// startBatch starts reading the repositories whose effective scanning is
// asked for together.
func (t *reader) startBatch(ctx context.Context, group *errgroup.Group, batch []ecrtypes.Repository) error {
	scanning := func() (*scanningBatchAnswer, error) { return nil, nil }
	if t.Needs[snapshot.NeedScanning] {
		scanning = sync.OnceValues(func() (*scanningBatchAnswer, error) { return t.batchScanning(ctx, batch) })
	}
	for i := range batch {
		if err := t.gate.enter(ctx, t.Account); err != nil {
			return err
		}
		group.Go(func() error {
			defer t.gate.leave(t.Account)
			return t.oneRepository(ctx, &repositoryReader{reader: t, repository: describe(t.Target, &batch[i]), scanning: scanning})
		})
	}
	return nil
}

// oneRepository reads a repository and hands it on, once the registry has
// been. A repository that was deleted meanwhile is as if it never was.
func (t *reader) oneRepository(ctx context.Context, r *repositoryReader) error {
	repository := r.repository
	err := r.readRepository(ctx)
	if errors.Is(err, errDeleted) {
		t.Log.Info("deleted during the run", "account", t.Account, "region", t.Region, "repository", repository.Name)
		return nil
	}
	if err == nil {
		select {
		case <-t.registryReady:
			err = t.sink.Repository(ctx, t.registry, repository)
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if err != nil {
		if stopped(err) {
			t.unfinished.Store(true)
		}
		return err
	}
	t.repositories.Add(1)
	t.images.Add(int64(len(repository.Images)))
	t.Stats.Repositories.Add(1)
	t.Stats.Images.Add(int64(len(repository.Images)))
	return nil
}
