package report

import (
	"cmp"
	"container/heap"
	"slices"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// repositoryTally is what was found in one repository.
type repositoryTally struct {
	Account, Region, Repository string

	Counts [len(scoreWeights)]Counts // by severity
}

func (r *repositoryTally) at(f *finding.Finding) bool {
	return r.Repository == f.Repository && r.Region == f.Region && r.Account == f.Account
}

// open reports whether somebody is not excused.
func (r *repositoryTally) open() bool {
	return slices.ContainsFunc(r.Counts[:], func(c Counts) bool { return c.Fail+c.Unknown > 0 })
}

// compare orders repositories, the worst first and equal ones by name.
func (r *repositoryTally) compare(other *repositoryTally) int {
	for _, severity := range finding.Severities() {
		if order := cmp.Compare(other.Counts[severity].Fail, r.Counts[severity].Fail); order != 0 {
			return order
		}
	}
	for _, severity := range finding.Severities() {
		if order := cmp.Compare(other.Counts[severity].Unknown, r.Counts[severity].Unknown); order != 0 {
			return order
		}
	}
	return cmp.Or(cmp.Compare(r.Account, other.Account), cmp.Compare(r.Region, other.Region), cmp.Compare(r.Repository, other.Repository))
}

// worstRepositories keeps those repositories that have the worst findings.
type worstRepositories struct {
	limit int
	here  repositoryTally // whose findings are coming
	kept  repositoryHeap
}

func (w *worstRepositories) add(f *finding.Finding) {
	if !w.here.at(f) {
		w.leave()
		w.here = repositoryTally{Account: f.Account, Region: f.Region, Repository: f.Repository}
	}
	w.here.Counts[f.Severity].Add(f.Status, 1)
}

func (w *worstRepositories) leave() {
	if w.here.Repository == "" {
		return
	}
	heap.Push(&w.kept, w.here)
	if len(w.kept) > w.limit {
		heap.Pop(&w.kept)
	}
	w.here = repositoryTally{}
}

// sorted returns those that are kept, the worst first.
func (w *worstRepositories) sorted() []repositoryTally {
	w.leave()
	return slices.SortedFunc(slices.Values(w.kept), func(a, b repositoryTally) int { return a.compare(&b) })
}

// repositoryHeap has the mildest at its top.
type repositoryHeap []repositoryTally

func (h repositoryHeap) Len() int           { return len(h) }
func (h repositoryHeap) Less(i, j int) bool { return h[i].compare(&h[j]) > 0 }
func (h repositoryHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *repositoryHeap) Push(x any)        { *h = append(*h, x.(repositoryTally)) }

func (h *repositoryHeap) Pop() any {
	last := len(*h) - 1
	mildest := (*h)[last]
	*h = (*h)[:last]
	return mildest
}
