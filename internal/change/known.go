package change

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Known is findings of earlier: as much of each as it takes to compare it with
// one of later. Each has a number, from 0 in the order in which they came.
type Known struct {
	Organization string // the id; empty where it is not known

	numbers map[Fingerprint]int
	records []record
	rules   names[string]
	places  names[Place]
	read    map[Target]bool // what the findings come from
}

// record is a finding that is known.
type record struct {
	fingerprint Fingerprint
	rule, place int32
	severity    int8
	status      int8
	digest, tag string
	unwanted    bool // it does not match what a diff is about
}

// NewKnown returns no findings.
func NewKnown() *Known {
	return &Known{
		numbers: map[Fingerprint]int{}, rules: newNames[string](), places: newNames[Place](), read: map[Target]bool{},
	}
}

// Len is how many findings there are.
func (k *Known) Len() int { return len(k.records) }

// Find returns the number of a finding.
func (k *Known) Find(f Fingerprint) (number int, known bool) {
	number, known = k.numbers[f]
	return number, known
}

// Finding is what is held of a finding: all but its texts.
func (k *Known) Finding(number int) finding.Finding {
	r := &k.records[number]
	place := k.places.list[r.place]
	return finding.Finding{
		Fingerprint: r.fingerprint.String(), Rule: k.rules.list[r.rule],
		Severity: finding.Severity(r.severity), Status: finding.Statuses()[r.status],
		Account: place.Account, Region: place.Region, Repository: place.Repository, Digest: r.digest, Tag: r.tag,
	}
}

// Place is where a finding is.
func (k *Known) Place(number int) Place { return k.places.list[k.records[number].place] }

// Verdict is what is compared of a finding.
func (k *Known) Verdict(number int) Verdict {
	r := &k.records[number]
	return Verdict{finding.Severity(r.severity), finding.Statuses()[r.status]}
}

// Targets are the accounts and regions that the findings come from, in order.
func (k *Known) Targets() []Target { return slices.SortedFunc(maps.Keys(k.read), compareTargets) }

func compareTargets(a, b Target) int {
	return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Region, b.Region))
}

// Came notes the targets of a run that were read, whole or in part.
func (k *Known) Came(run report.Run) {
	for _, target := range ReadBy(&run) {
		k.read[target] = true
	}
	k.Organization = cmp.Or(k.Organization, run.OrganizationID)
}

// ReadBy are the targets that a run read, whole or in part.
func ReadBy(run *report.Run) (targets []Target) {
	for _, t := range run.Targets {
		if wasRead(t.Status) {
			targets = append(targets, Target{t.Account, t.Region})
		}
	}
	return targets
}

func wasRead(status snapshot.Status) bool {
	return status == snapshot.StatusComplete || status == snapshot.StatusPartial
}

// Add adds a finding and returns its number. The error is that its fingerprint
// is none, or known already, or that it has no rule.
func (k *Known) Add(f *finding.Finding) (number int, err error) {
	fingerprint, err := ParseFingerprint(f.Fingerprint)
	if err != nil {
		return 0, fmt.Errorf("a finding of rule %s: %w", f.Rule, err)
	}
	if _, twice := k.numbers[fingerprint]; twice {
		return 0, fmt.Errorf("the finding %s is there twice", fingerprint)
	}
	if f.Rule == "" {
		return 0, fmt.Errorf("the finding %s has no rule", fingerprint)
	}
	number = len(k.records)
	k.numbers[fingerprint] = number
	k.records = append(k.records, record{
		fingerprint: fingerprint, rule: k.rules.number(f.Rule), place: k.places.number(PlaceOf(f)), digest: f.Digest, tag: f.Tag,
	})
	k.Renew(number, Verdict{f.Severity, f.Status})
	return number, nil
}

// Renew gives a finding another verdict.
func (k *Known) Renew(number int, v Verdict) {
	k.records[number].severity = int8(v.Severity)
	k.records[number].status = int8(slices.Index(finding.Statuses(), v.Status))
}

// names gives numbers to what occurs many times.
type names[T comparable] struct {
	list    []T
	numbers map[T]int32
}

func newNames[T comparable]() names[T] { return names[T]{numbers: map[T]int32{}} }

func (n *names[T]) number(name T) int32 {
	number, known := n.numbers[name]
	if !known {
		number = int32(len(n.list))
		n.numbers[name] = number
		n.list = append(n.list, name)
	}
	return number
}
