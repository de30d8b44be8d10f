package audit

import (
	"context"
	"errors"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Snapshot judges a snapshot file as if it were collected now, with as many
// repositories at once as there are processors.
func (a *Audit) Snapshot(ctx context.Context, file *snapshot.Reader) error {
	if err := a.Begin(file.Header.Organization); err != nil {
		return err
	}
	a.allRegions = file.Header.AllRegions
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	readErr := file.Read(groupCtx, &parallel{Audit: a, group: group, ctx: groupCtx})
	if err := errors.Join(group.Wait(), readErr); err != nil {
		return err
	}
	for _, t := range file.Header.Targets {
		if err := a.Done(t); err != nil {
			return err
		}
	}
	return nil
}

// parallel judges repositories in the background.
type parallel struct {
	*Audit
	group *errgroup.Group
	ctx   context.Context //nolint:containedctx // of the group, for its own goroutines
}

func (p *parallel) Repository(_ context.Context, reg *snapshot.Registry, r *snapshot.Repository) error {
	p.group.Go(func() error { return p.Audit.Repository(p.ctx, reg, r) })
	return p.ctx.Err()
}
