package report

import (
	"cmp"
	"container/heap"
	"slices"
	"sync"

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

func (r *repositoryTally) place() [3]string { return [3]string{r.Account, r.Region, r.Repository} }

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
	w.offer(w.here)
	w.here = repositoryTally{}
}

// offer keeps a repository as long as there are no worse ones for all the room
// that there is, and reports whether there are not so far.
func (w *worstRepositories) offer(r repositoryTally) bool {
	heap.Push(&w.kept, r)
	if len(w.kept) <= w.limit {
		return true
	}
	mildest, _ := heap.Pop(&w.kept).(repositoryTally)
	return mildest.place() != r.place()
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

// WorstRepositories chooses those repositories whose details a page shows: those
// with the worst findings, whatever order they come in. It may be used by many
// goroutines.
type WorstRepositories struct {
	mu    sync.Mutex
	worst worstRepositories
}

// NewWorstRepositories chooses as many as the HTML report has room for.
func NewWorstRepositories() *WorstRepositories {
	return &WorstRepositories{worst: worstRepositories{limit: htmlMaxDetails}}
}

// Offer notes what was found in a repository, and reports whether it is among
// the worst so far.
func (w *WorstRepositories) Offer(account, region, repository string, findings []finding.Finding) bool {
	tally := repositoryTally{Account: account, Region: region, Repository: repository}
	for i := range findings {
		tally.Counts[findings[i].Severity].Add(findings[i].Status, 1)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.worst.offer(tally)
}

// Places are the chosen ones, by account, region and name.
func (w *WorstRepositories) Places() map[[3]string]bool {
	places := make(map[[3]string]bool, len(w.worst.kept))
	for i := range w.worst.kept {
		places[w.worst.kept[i].place()] = true
	}
	return places
}
