package remediate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Undo restores what a run found, newest change first. What somebody changed
// since is left alone; what is as it was already stays. It is a run of its own
// with a journal, so it can be undone, too.
func Undo(ctx context.Context, o Options, r *Run, f Filter) (*Summary, error) {
	if r.Kind == RunPurge {
		return nil, fmt.Errorf("run %s purged images from the quarantine: AWS has deleted them, and they cannot be brought back", r.ID)
	}
	jobs := undoing(r, f)
	for i := range jobs {
		if jobs[i].expected != nil {
			jobs[i].guard = o.guardLifecycle
		}
	}
	return o.run(ctx, RunHead{Kind: RunUndo, Undoes: r.ID, Plan: r.Plan, Organization: r.Organization, Partition: r.Partition}, jobs)
}

// Undoes lists what undoing a run would restore, in the order in which it would.
func Undoes(r *Run, f Filter) []Result {
	var results []Result
	for _, j := range undoing(r, f) {
		results = append(results, j.Result)
	}
	return results
}

// undoing turns the steps of a run around.
func undoing(r *Run, f Filter) []job {
	var jobs []job
	at := map[string]int{}
	for _, i := range slices.Backward(r.intents) {
		if f.Repository != nil && (i.Repository == "" || !f.Repository(i.Repository)) {
			continue
		}
		n, known := at[i.Change]
		if !known {
			n = len(jobs)
			at[i.Change] = n
			jobs = append(jobs, job{
				Result:   Result{Change: i.Change, Kind: i.Kind, Target: i.Target, Repository: i.Repository, Summary: i.Summary},
				expected: i.Expected, persist: true,
			})
		}
		if i.Step.Aspect == ImageScan { // cannot be taken back, and does no harm
			continue
		}
		jobs[n].steps = append(jobs[n].steps, i.Step.inverse())
	}
	slices.SortStableFunc(jobs, func(a, b job) int {
		return cmp.Or(a.Target.Compare(b.Target), cmp.Compare(a.Repository, b.Repository))
	})
	return jobs
}
