package remediate

import (
	"context"
)

// Apply carries out changes of a plan. What is already in place is left; what is
// not as the plan saw it is skipped. Its error is that the journal could not be
// written: then nothing more was started.
func Apply(ctx context.Context, o Options, p *Plan, changes []Change) (*Summary, error) {
	jobs := make([]job, len(changes))
	for i := range changes {
		jobs[i] = o.jobOf(&changes[i])
	}
	kind := RunApply
	if len(changes) > 0 {
		switch changes[0].Kind {
		case KindPurge:
			kind = RunPurge
		case KindRestore:
			kind = RunRestore
		}
	}
	return o.run(ctx, RunHead{Kind: kind, Plan: p.Digest, Organization: p.Organization, Partition: p.Partition}, jobs)
}

func (o Options) jobOf(c *Change) job {
	j := job{
		Result: Result{Change: c.ID, Kind: c.Kind, Target: c.Target, Repository: c.Repository, Summary: c.Summary},
		steps:  append([]Step(nil), c.Steps...),
	}
	switch c.Kind {
	case KindUntag:
		j.guard = func(ctx context.Context, at *place, j *job) error { return guardUntag(ctx, at, c, j) }
	case KindRestore:
		j.guard = completeManifests
	case KindArchive:
		j.guard = func(ctx context.Context, at *place, _ *job) error { return guardArchive(ctx, at, c) }
	case KindLifecycle:
		j.expected = &expectation{Policy: c.Steps[0].To.Document, Expiry: c.Expiry}
		j.guard = o.guardLifecycle
	case KindPurge:
		j.guard = func(ctx context.Context, at *place, j *job) error { return guardPurge(ctx, at, c, j) }
	}
	return j
}
