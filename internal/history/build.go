package history

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/ecraudit/ecraudit/internal/change"
	"github.com/ecraudit/ecraudit/internal/finding"
)

// builder takes reports into account, one after the other.
type builder struct {
	folder string
	points []Point
	left   []Left

	known         *change.Known
	lives         []life // of the known findings, by number
	looked        map[looked]bool
	organizations []string
	read          map[int32][]change.Target // by points that found something on the organization
	fixed         map[finding.Severity][]fix
}

// life is what is known of when a finding was open.
type life struct {
	since, seen int32 // the points that first and last had it
	state       state
	discovered  bool // it was there when the first run looked
}

type state int8

const (
	open state = iota
	waived
	closed
)

// looked is where some run had a rule look at a target.
type looked struct {
	change.Target
	rule string
}

// fix is that a failing finding was fixed.
type fix struct {
	after   time.Duration
	atLeast bool
}

func newBuilder(folder string) *builder {
	return &builder{folder: folder, known: change.NewKnown(), looked: map[looked]bool{}, read: map[int32][]change.Target{}, fixed: map[finding.Severity][]fix{}}
}

func left(name string, err error, damaged bool) Left {
	return Left{name, strings.TrimPrefix(err.Error(), "reading the report: "), damaged}
}

// firstLeft says of one file why it was left aside.
func (b *builder) firstLeft() string {
	if len(b.left) == 0 {
		return ", and no other file either"
	}
	return " (" + b.left[0].File + ": " + b.left[0].Why + ")"
}

// take takes a report into account that was checked.
func (b *builder) take(c *contents) {
	point := Point{Clock: c.run.Clock.UTC(), File: c.name, Complete: c.run.Complete && !c.run.Interrupted}
	comparison := b.known.Compare()
	comparison.Run(c.run)
	for i := range c.gaps {
		comparison.Gap(&c.gaps[i])
	}
	before := b.known.Len()
	for i := range c.findings {
		b.found(&c.findings[i], comparison, &point)
	}
	for number := range before {
		if !comparison.Seen(number) {
			b.missed(number, comparison, &point)
		}
	}
	if id := c.run.OrganizationID; id != "" && !slices.Contains(b.organizations, id) {
		b.organizations = append(b.organizations, id)
	}
	targets := change.ReadBy(&c.run)
	for _, target := range targets {
		b.look(target, c.run.Rules)
	}
	point.Targets = len(targets)
	if slices.ContainsFunc(c.findings, func(f finding.Finding) bool { return f.Account == "" }) {
		b.read[int32(len(b.points))] = targets
	}
	b.look(change.Target{}, c.run.Rules) // the organization
	point.Open = b.open()
	b.points = append(b.points, point)
}

func (b *builder) look(target change.Target, rules []finding.Rule) {
	for i := range rules {
		b.looked[looked{target, rules[i].ID}] = true
	}
}

// found notes a finding of the run that becomes the next point.
func (b *builder) found(f *finding.Finding, comparison *change.Comparison, point *Point) {
	_, _, _ = comparison.Finding(f)                          // it was checked
	fingerprint, _ := change.ParseFingerprint(f.Fingerprint) // as well
	now := int32(len(b.points))
	becomes := open
	if f.Status == finding.Waived {
		becomes = waived
		point.Waived++
	}
	number, known := b.known.Find(fingerprint)
	if !known {
		_, _ = b.known.Add(f) // it is not known, and was checked
		l := life{since: now, seen: now, state: becomes, discovered: !b.looked[looked{change.Target{Account: f.Account, Region: f.Region}, f.Rule}]}
		b.lives = append(b.lives, l)
		l.count(point)
		return
	}
	l := &b.lives[number]
	b.known.Renew(number, change.Verdict{Severity: f.Severity, Status: f.Status})
	if becomes == open && l.state != open {
		point.Reopened++
	}
	if l.state == closed {
		l.since, l.discovered = now, false
	}
	l.seen, l.state = now, becomes
}

// count counts a finding that no run had before.
func (l *life) count(point *Point) {
	switch {
	case l.state != open:
	case l.discovered:
		point.Discovered++
	default:
		point.New++
	}
}

// missed notes that a finding is not in the run that becomes the next point.
func (b *builder) missed(number int, comparison *change.Comparison, point *Point) {
	l := &b.lives[number]
	if l.state == closed {
		return
	}
	if comparison.UnjudgedSince(number, func() []change.Target { return b.read[l.seen] }) != "" {
		if l.state == open {
			point.NotSeen++
		}
		return
	}
	if l.state == open {
		point.Fixed++
		if v := b.known.Verdict(number); v.Status == finding.Fail {
			b.fixed[v.Severity] = append(b.fixed[v.Severity], fix{point.Clock.Sub(b.points[l.since].Clock), l.discovered})
		}
	}
	l.state = closed
}

// noCounts is no open finding of any severity.
func noCounts() map[string]Counts {
	counts := make(map[string]Counts)
	for _, name := range finding.SeverityNames() {
		counts[name] = Counts{}
	}
	return counts
}

// open is what is open by now.
func (b *builder) open() map[string]Counts {
	var counts [finding.Critical + 1]Counts
	for number := range b.lives {
		if b.lives[number].state == open {
			v := b.known.Verdict(number)
			counts[v.Severity].add(v.Status)
		}
	}
	named := noCounts()
	for severity, c := range counts {
		named[finding.Severity(severity).String()] = c
	}
	return named
}

func (c *Counts) add(status finding.Status) {
	if status == finding.Fail {
		c.Fail++
	} else {
		c.Unknown++
	}
}

// trends sums up.
func (b *builder) trends(limit int) *Trends {
	slices.SortFunc(b.left, func(x, y Left) int { return cmp.Compare(x.File, y.File) })
	slices.Sort(b.organizations)
	t := &Trends{
		Folder: b.folder, Organizations: orEmpty(b.organizations), Points: b.points, TimeToFix: b.timeToFix(),
		LongestOpen: orEmpty(b.longestOpen(limit)), LeftAside: orEmpty(b.left),
	}
	places := b.places()
	t.OpenPlaces = len(places)
	t.Repositories = orEmpty(places[:min(limit, len(places))])
	return t
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// age is how old a finding was when the last report was made, in days.
func (b *builder) age(l *life) float64 {
	return days(b.points[len(b.points)-1].Clock.Sub(b.points[l.since].Clock))
}

// days is a duration in days, to the hundredth.
func days(d time.Duration) float64 { return float64(d.Round(864*time.Second)/(864*time.Second)) / 100 }

// failing yields the open findings that fail.
func (b *builder) failing(yield func(number int, severity finding.Severity)) {
	for number := range b.lives {
		if v := b.known.Verdict(number); b.lives[number].state == open && v.Status == finding.Fail {
			yield(number, v.Severity)
		}
	}
}

func (b *builder) timeToFix() []TimeToFix {
	ages := map[finding.Severity][]float64{}
	b.failing(func(number int, severity finding.Severity) {
		ages[severity] = append(ages[severity], b.age(&b.lives[number]))
	})
	var all []TimeToFix
	for _, severity := range finding.Severities() {
		t := TimeToFix{Severity: severity, Fixed: len(b.fixed[severity]), Open: len(ages[severity])}
		var times []float64
		for _, f := range b.fixed[severity] {
			times = append(times, days(f.after))
			if f.atLeast {
				t.AtLeast++
			}
		}
		t.MeanDays, t.MedianDays = mean(times), median(times)
		t.MeanAge = mean(ages[severity])
		if len(ages[severity]) > 0 {
			t.OldestAge = new(slices.Max(ages[severity]))
		}
		all = append(all, t)
	}
	return all
}

func mean(values []float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return new(hundredths(sum / float64(len(values))))
}

func median(values []float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return new(sorted[middle])
	}
	return new(hundredths((sorted[middle-1] + sorted[middle]) / 2))
}

func hundredths(v float64) float64 { return float64(int64(v*100+0.5)) / 100 }

// places is what is open in each place, the worst first.
func (b *builder) places() []Repository {
	weights := Weights()
	byPlace := map[change.Place]*Repository{}
	for number := range b.lives {
		l := &b.lives[number]
		if l.state != open {
			continue
		}
		place, v := b.known.Place(number), b.known.Verdict(number)
		r := byPlace[place]
		if r == nil {
			r = &Repository{Account: place.Account, Region: place.Region, Repository: place.Repository, Open: map[string]Counts{}}
			byPlace[place] = r
		}
		c := r.Open[v.Severity.String()]
		c.add(v.Status)
		r.Open[v.Severity.String()] = c
		if v.Status == finding.Fail {
			r.Weight += weights[v.Severity]
		}
		r.OldestAge = max(r.OldestAge, b.age(l))
	}
	all := make([]Repository, 0, len(byPlace))
	for _, r := range byPlace {
		all = append(all, *r)
	}
	slices.SortFunc(all, func(x, y Repository) int {
		return cmp.Or(cmp.Compare(y.Weight, x.Weight), cmp.Compare(y.Unknown(), x.Unknown()), cmp.Compare(y.OldestAge, x.OldestAge),
			cmp.Compare(x.Account, y.Account), cmp.Compare(x.Region, y.Region), cmp.Compare(x.Repository, y.Repository))
	})
	return all
}

// longestOpen are failing findings that are open, the oldest first.
func (b *builder) longestOpen(limit int) (oldest []Open) {
	var numbers []int
	b.failing(func(number int, _ finding.Severity) { numbers = append(numbers, number) })
	slices.SortFunc(numbers, func(i, j int) int {
		return cmp.Or(cmp.Compare(b.lives[i].since, b.lives[j].since), cmp.Compare(b.known.Verdict(j).Severity, b.known.Verdict(i).Severity), cmp.Compare(i, j))
	})
	for _, number := range numbers[:min(limit, len(numbers))] {
		f, l := b.known.Finding(number), &b.lives[number]
		oldest = append(oldest, Open{
			Fingerprint: f.Fingerprint, Rule: f.Rule, Severity: f.Severity, Account: f.Account, Region: f.Region, Repository: f.Repository,
			Digest: f.Digest, Tag: f.Tag, Since: b.points[l.since].Clock, LastSeen: b.points[l.seen].Clock, AtLeast: l.discovered, AgeDays: b.age(l),
		})
	}
	return oldest
}
