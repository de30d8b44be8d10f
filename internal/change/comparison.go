package change

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Comparison holds one run against findings that are known. It is told all of
// the run, in any order, and then says what is gone. Its methods must not be
// called at once.
type Comparison struct {
	known *Known
	seen  []bool // by number

	run     report.Run
	needs   map[string]snapshot.Needs // of the active rules
	targets map[Target]report.Target
	gaps    map[Place][]snapshot.Need
	gapped  map[Target]bool // has a gap anywhere
	// undecided is where a rule that knows something could not tell, with the
	// digests that it could not tell of; the empty one is the whole place.
	undecided map[ruleIn]map[string]bool
}

type ruleIn struct{ rule, place int32 }

// Compare begins a comparison with what is known. Findings that are added later
// are not part of it.
func (k *Known) Compare() *Comparison {
	return &Comparison{
		known: k, seen: make([]bool, len(k.records)), gaps: map[Place][]snapshot.Need{}, gapped: map[Target]bool{},
		undecided: map[ruleIn]map[string]bool{},
	}
}

// Finding compares a finding of the run. was is nil where it is not known.
func (c *Comparison) Finding(f *finding.Finding) (kind Kind, was *Verdict, err error) {
	c.noteUndecided(f)
	fingerprint, err := ParseFingerprint(f.Fingerprint)
	if err != nil {
		return "", nil, fmt.Errorf("a finding of rule %s: %w", f.Rule, err)
	}
	if number, known := c.known.numbers[fingerprint]; known && number < len(c.seen) {
		c.seen[number] = true
		verdict := c.known.Verdict(number)
		was = &verdict
	}
	return kindOf(was, Verdict{f.Severity, f.Status}), was, nil
}

// noteUndecided notes that a rule could not tell, where it once found something.
// What it finds there may be hidden then.
func (c *Comparison) noteUndecided(f *finding.Finding) {
	if f.Status != finding.Unknown && (f.Waiver == nil || f.Waiver.Verdict != finding.Unknown) {
		return
	}
	rule, knownRule := c.known.rules.numbers[f.Rule]
	place, knownPlace := c.known.places.numbers[PlaceOf(f)]
	if !knownRule || !knownPlace {
		return
	}
	at := ruleIn{rule, place}
	if c.undecided[at] == nil {
		c.undecided[at] = map[string]bool{}
	}
	c.undecided[at][f.Digest] = true
}

// Gap notes that something was not read.
func (c *Comparison) Gap(g *snapshot.Gap) {
	at := Place{g.Account, g.Region, g.Repository}
	c.gapped[Target{g.Account, g.Region}] = true
	if _, known := c.known.places.numbers[at]; !known && g.Repository != "" {
		return // nothing is known of the repository
	}
	if !slices.Contains(c.gaps[at], g.Need) {
		c.gaps[at] = append(c.gaps[at], g.Need)
	}
}

// Run notes what ran, and which targets were read.
func (c *Comparison) Run(run report.Run) {
	c.run = run
	c.needs = make(map[string]snapshot.Needs, len(run.Rules))
	for i := range run.Rules {
		c.needs[run.Rules[i].ID] = looksAt(&run.Rules[i])
	}
	c.targets = make(map[Target]report.Target, len(run.Targets))
	for _, t := range run.Targets {
		at := Target{t.Account, t.Region}
		if before, twice := c.targets[at]; !twice || wasRead(before.Status) {
			c.targets[at] = t // of two, the one that was not read counts
		}
	}
}

// looksAt is every document that can change what a rule finds.
func looksAt(rule *finding.Rule) snapshot.Needs {
	all := snapshot.Needs{snapshot.NeedRepositories: true}
	for _, need := range slices.Concat(rule.Needs, rule.Uses) {
		all[snapshot.Need(need)] = true
	}
	if all[snapshot.NeedScanFindings] || all[snapshot.NeedReleaseScanFindings] {
		all[snapshot.NeedImageGraph] = true // vulnerabilities of an index are those of its children
	}
	if all[snapshot.NeedImageGraph] || rule.Scope == finding.ScopeImage {
		all[snapshot.NeedImages] = true
	}
	return all
}

// knownNeeds are those of which it is known what they matter for.
var knownNeeds = func() snapshot.Needs {
	known := snapshot.Needs{snapshot.NeedRepositories: true}
	for _, need := range slices.Concat(snapshot.RegistryNeeds(), snapshot.RepositoryNeeds(), snapshot.ImageNeeds()) {
		known[need] = true
	}
	return known
}()

// Gone calls f with the number of each finding that is known and was not found
// again, in order. why is empty where it is fixed, and else why it was not
// judged again.
func (c *Comparison) Gone(f func(number int, why string)) {
	for number, seen := range c.seen {
		if !seen {
			f(number, c.Unjudged(number))
		}
	}
}

// Seen tells whether a finding that is known was found again.
func (c *Comparison) Seen(number int) bool { return c.seen[number] }

// Unjudged is why a finding that is known and was not found again was not
// judged again either, or empty where it is fixed.
func (c *Comparison) Unjudged(number int) string { return c.UnjudgedSince(number, c.known.Targets) }

// UnjudgedSince is Unjudged where the finding was found by a run that read the
// targets that before returns: those decide whether the organization as a whole
// was judged again.
func (c *Comparison) UnjudgedSince(number int, before func() []Target) string {
	r := &c.known.records[number]
	rule, place := c.known.rules.list[r.rule], c.known.places.list[r.place]
	needs, active := c.needs[rule]
	switch {
	case c.run.Interrupted:
		return "the run was interrupted"
	case !active:
		return "the rule " + rule + " was not active"
	case place.Account == "":
		return c.unreadOrganization(before())
	case !c.run.Complete && c.unexplained():
		return "something was not read"
	}
	if why := c.unreadTarget(Target{place.Account, place.Region}); why != "" {
		return why
	}
	if need, missing := c.missing(place, needs); missing {
		return spoken(need) + " could not be read"
	}
	if digests := c.undecided[ruleIn{r.rule, r.place}]; digests[""] || digests[r.digest] || r.digest == "" && len(digests) > 0 {
		return "the rule could not tell"
	}
	return ""
}

// unexplained tells a run that says that it is not complete, but not why.
func (c *Comparison) unexplained() bool {
	return len(c.gapped) == 0 && !slices.ContainsFunc(c.run.Targets, func(t report.Target) bool {
		return t.Status == snapshot.StatusFailed || t.Status == snapshot.StatusPartial
	})
}

// unreadOrganization is why the organization as a whole was not judged: all
// that was read before must have been read again, without a gap.
func (c *Comparison) unreadOrganization(before []Target) string {
	const whole = ", and the rule looks at the organization as a whole"
	if !c.run.Complete || len(c.gapped) > 0 {
		return "something was not read" + whole
	}
	for _, target := range before {
		if c.unreadTarget(target) != "" {
			return target.String() + " was not read" + whole
		}
	}
	return ""
}

// unreadTarget is why nothing of a target can be taken for judged.
func (c *Comparison) unreadTarget(target Target) string {
	found, there := c.targets[target]
	if !there {
		found, there = c.targets[Target{Account: target.Account}]
	}
	reason := ""
	if found.Reason != "" {
		reason = ": " + found.Reason
	}
	switch {
	case !there:
		return target.String() + " was not part of the run"
	case found.Status == snapshot.StatusSkipped:
		return target.String() + " was left out" + reason
	case found.Status == snapshot.StatusPartial && !c.gapped[target] && !c.gapped[Target{Account: target.Account}]:
		return target.String() + " was read only in part" + reason
	case !wasRead(found.Status):
		return target.String() + " could not be read" + reason
	}
	return ""
}

// missing is one of the needs that could not be read where they matter for a
// place: there, of its registry, or of its account.
func (c *Comparison) missing(place Place, needs snapshot.Needs) (need snapshot.Need, missing bool) {
	for _, need := range slices.Concat(c.gaps[place], c.gaps[Place{place.Account, place.Region, ""}]) {
		if needs[need] || !knownNeeds[need] {
			return need, true
		}
	}
	if gaps := c.gaps[Place{Account: place.Account}]; len(gaps) > 0 {
		return gaps[0], true // whatever it is, it may hide what there is in a region
	}
	return "", false
}

func spoken(need snapshot.Need) string {
	return strings.ReplaceAll(cmp.Or(string(need), "something"), "-", " ")
}
