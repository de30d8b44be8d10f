package report

import (
	"math"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// A score says how much of what was judged is in order, from 0 to 100. A rule's
// share is how many of the things it judges (repositories; for rules about
// registries these, for rules about the organization that) have no finding of
// it that fails or is unknown; those that are excused by a waiver count for
// nothing. The score is the mean of the shares, weighted by the severity of the
// rules.
//
// What was not read has no part in it, so where something was not the score is
// only an upper bound, and where nothing was there is none.
type score struct {
	passed, weight float64
	AtMost         bool // something was not read
}

// scoreWeights are how much a rule of each severity weighs. One of severity
// info asks for attention, not for change.
var scoreWeights = [...]float64{finding.Info: 0, finding.Low: 1, finding.Medium: 2, finding.High: 4, finding.Critical: 8}

// Known reports whether there was anything to score.
func (s score) Known() bool { return s.weight > 0 }

// Percent is from 0 to 100.
func (s score) Percent() percent { return percentOf(s.passed / s.weight) }

// percent is rounded down to a tenth, so that 100 says that nothing is missing.
type percent float64

func percentOf(part float64) percent {
	const slack = 1e-9 // of adding up
	return percent(math.Floor(1000*part+slack) / 10)
}

func (s *score) add(severity finding.Severity, of share) {
	if passed, known := of.passed(); known {
		s.passed += scoreWeights[severity] * passed
		s.weight += scoreWeights[severity]
	}
}

// share is how many things a rule judged, and with which results.
type share struct {
	things, open, excused int
}

// passed is the part that is in order, from 0 to 1, unless there is nothing.
func (s share) passed() (part float64, known bool) {
	judged := max(s.things, s.open+s.excused) - s.excused
	if judged == 0 {
		return 0, false
	}
	return float64(judged-s.open) / float64(judged), true
}

func (s share) plus(t share) share {
	return share{s.things + t.things, s.open + t.open, s.excused + t.excused}
}

// scoring counts, account by account, what the rules have found. It holds
// counters for each account and rule, but none for a repository.
type scoring struct {
	rules    []finding.Rule
	accounts []*accountTally // by account, those of the run's targets first
	index    map[string]*accountTally
	here     *accountTally // whose findings are coming
	series   map[string]*placeTally
	byRule   map[string]share
	regions  map[[2]string]int // repositories by account and region
}

// accountTally is what was found in one account; its id is empty for findings
// on the organization.
type accountTally struct {
	Account                        string
	Name                           string
	Targets, Read, Partial, Failed int // targets that were skipped are in none of them
	Repositories                   int
	Counts                         [len(scoreWeights)]Counts // by severity
	Score                          score
}

// placeTally counts the places in which a rule found something.
type placeTally struct {
	share
	region, repository string
	began              bool
	isOpen, isExcused  bool // at this place
}

func newScoring(run Run) *scoring {
	s := &scoring{
		rules: run.Rules, index: make(map[string]*accountTally), series: make(map[string]*placeTally),
		byRule: make(map[string]share), regions: make(map[[2]string]int),
	}
	for _, target := range run.Targets {
		a := s.account(target.Account)
		a.Name = target.AccountName
		s.regions[[2]string{target.Account, target.Region}] = target.Repositories
		a.Repositories += target.Repositories
		switch target.Status {
		case snapshot.StatusSkipped:
			continue
		case snapshot.StatusFailed:
			a.Failed++
		case snapshot.StatusPartial:
			a.Partial++
			a.Read++
		default:
			a.Read++
		}
		a.Targets++
	}
	return s
}

func (s *scoring) account(id string) *accountTally {
	a := s.index[id]
	if a == nil {
		a = &accountTally{Account: id}
		s.index[id] = a
		s.accounts = append(s.accounts, a)
	}
	return a
}

// add counts a finding. They come ordered by account and place.
func (s *scoring) add(f *finding.Finding) {
	if s.here == nil || s.here.Account != f.Account {
		s.leave()
		s.here = s.account(f.Account)
	}
	s.here.Counts[f.Severity].Add(f.Status, 1)
	tally := s.series[f.Rule]
	if tally == nil {
		tally = &placeTally{}
		s.series[f.Rule] = tally
	}
	tally.add(f, max(1, s.repositoriesOf(f)))
}

// repositoriesOf is how many repositories a finding of a rule about
// repositories concerns that names none: all of the place.
func (s *scoring) repositoriesOf(f *finding.Finding) int {
	if f.Repository != "" {
		return 1
	}
	for i := range s.rules {
		if s.rules[i].ID == f.Rule && (s.rules[i].Scope == finding.ScopeRepository || s.rules[i].Scope == finding.ScopeImage) {
			return s.regions[[2]string{f.Account, f.Region}]
		}
	}
	return 1
}

func (t *placeTally) add(f *finding.Finding, things int) {
	if !t.began || t.region != f.Region || t.repository != f.Repository {
		t.began, t.region, t.repository = true, f.Region, f.Repository
		t.isOpen, t.isExcused = false, false
	}
	switch open := f.Status != finding.Waived; {
	case open && !t.isOpen:
		t.isOpen = true
		t.open += things
		if t.isExcused {
			t.excused -= things
		}
	case !open && !t.isOpen && !t.isExcused:
		t.isExcused = true
		t.excused += things
	}
}

// leave ends the account whose findings have come.
func (s *scoring) leave() {
	if s.here == nil {
		return
	}
	for _, rule := range s.rules {
		found := s.of(s.here, rule)
		s.byRule[rule.ID] = s.byRule[rule.ID].plus(share{open: found.open, excused: found.excused})
		s.here.Score.add(rule.Severity, found)
	}
	s.here = nil
	clear(s.series)
}

// of is the share of a rule in the account whose findings have come.
func (s *scoring) of(a *accountTally, rule finding.Rule) share {
	var found share
	if tally := s.series[rule.ID]; tally != nil {
		found = tally.share
	}
	switch {
	case a.Read == 0 && a.Account != "":
		// What is found in an account that was not read is about its not being read.
	case rule.Scope == finding.ScopeRegistry:
		found.things = a.Read
	case rule.Scope == finding.ScopeRepository, rule.Scope == finding.ScopeImage:
		found.things = a.Repositories
	}
	return found
}

// end closes the last account and scores those without findings.
func (s *scoring) end() {
	s.leave()
	for _, a := range s.accounts {
		if !a.Score.Known() && a.Read > 0 {
			s.here = a
			s.leave()
		}
		a.Score.AtMost = a.Failed+a.Partial > 0
	}
}

// ofRule is the share of a rule in the whole run.
func (s *scoring) ofRule(rule finding.Rule) share {
	found := s.byRule[rule.ID]
	for _, a := range s.accounts {
		switch rule.Scope {
		case finding.ScopeRegistry:
			found.things += a.Read
		case finding.ScopeRepository, finding.ScopeImage:
			found.things += a.Repositories
		}
	}
	if rule.Scope == finding.ScopeOrganization {
		found.things = 1
	}
	return found
}

// whole is the score of the run.
func (s *scoring) whole(atMost bool) score {
	total := score{AtMost: atMost}
	for _, rule := range s.rules {
		total.add(rule.Severity, s.ofRule(rule))
	}
	return total
}
