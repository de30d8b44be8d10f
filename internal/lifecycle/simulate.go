package lifecycle

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// day is what countUnit "days" counts in.
const day = 24 * time.Hour

// The statuses of an image that matter here. Every other status is that of an
// image in standard storage.
const (
	statusArchived   = "ARCHIVED"
	statusActivating = "ACTIVATING"
)

// Image is one image of a repository, as DescribeImages tells of it. Digests
// are unique in a repository. A zero time is one that is not known, or of
// something that never happened.
type Image struct {
	Digest          string
	Tags            []string
	PushedAt        time.Time
	LastPulledAt    time.Time
	LastActivatedAt time.Time // when it was last restored from the archive
	LastArchivedAt  time.Time
	SizeBytes       int64
	Status          string // ACTIVE, ARCHIVED or ACTIVATING
	Index           bool   // an image index (manifest list)
	// Children are the digests that an index refers to. Nil when the manifest
	// was not read, empty when it was and refers to nothing.
	Children []string
}

// Result is what one evaluation of a policy does to a repository. Images are
// acted on by one rule at most.
type Result struct {
	Rules    []RuleResult `json:"rules"`    // in the order of the policy
	Expired  []string     `json:"expired"`  // digests, sorted
	Archived []string     `json:"archived"` // digests, sorted
	// FreedBytes is the size of the expired images. Layers that images share
	// are counted for each of them, so it is an upper bound. An index counts
	// nothing: what AWS gives as its size is that of its largest child, which
	// outlives it.
	FreedBytes    int64 `json:"bytes"`
	ArchivedBytes int64 `json:"archived_bytes"` // the same for the archived images
	// Undecided is the number of images of which it cannot be said whether
	// they would be acted on: untagged ones that may be children of an index
	// whose manifest was not read, and those without a time that the rule
	// needs. They are in neither list.
	Undecided int `json:"undecided"`
}

// RuleResult is one rule's part. Selected is the sum of the other counts.
type RuleResult struct {
	Priority         int   `json:"priority"`
	Selected         int   `json:"selected"`            // images matched by tags and storage class
	Acted            int   `json:"acted"`               // expired or archived by this rule
	KeptByHigherRule int   `json:"kept_by_higher_rule"` // governed by an earlier rule, acted on or not
	KeptYoung        int   `json:"kept_young"`          // within the number or the age
	KeptByIndex      int   `json:"kept_by_index"`       // beyond the limit, but a child of an index
	Undecided        int   `json:"undecided"`
	Bytes            int64 `json:"bytes"` // of the images acted on, as in Result
}

// Simulate evaluates the policy once, at the given time, as ECR does: every
// rule first marks the images that it selects, all rules at once and blind to
// one another; then each image is governed by the first rule that selected it,
// and that rule acts if the image is beyond its limit. Selected images count
// towards a rule's number whoever governs them.
//
//   - Times are compared in 24-hour days, and strictly: an image pushed exactly
//     N days ago is not older than N days.
//   - A restored image is as old as its restoration. One that is just being
//     restored (ACTIVATING) is in standard storage, and the youngest.
//   - Images of the same moment are ordered by digest, the smaller counting as
//     the younger. What AWS does is not documented.
//   - A child of an index is not expired while the index exists, and not
//     archived until the index is. An index that expires frees its children for
//     the next evaluation, within a day, not for this one: AWS promises no
//     order within one evaluation, and so nothing is reported that may not
//     happen. The child counts towards its rule's number all the same.
//
// The result does not depend on the order of the images.
func (p *Policy) Simulate(images []Image, at time.Time) Result {
	s := newSimulation(p, images, at)
	s.order()
	for i := range images {
		s.evaluate(i)
	}
	slices.Sort(s.result.Expired)
	slices.Sort(s.result.Archived)
	return s.result
}

// simulation is one evaluation.
type simulation struct {
	policy  *Policy
	images  []Image
	at      time.Time
	parents parents
	result  Result

	// By image:
	selected []ruleSet // the rules that select it
	held     []holders
	place    []int32 // in the order in which rules with a number see it, youngest first
	timeless int32   // the images in the first places have no time: they may be of any age

	cuts []cut // by rule
}

// cut is where the limit of a rule with a number lies in the order of images.
type cut struct {
	undecided int32 // from here on, images without a time decide
	beyond    int32 // from here on, images are beyond the number in any case
	timeless  bool  // the images without a time may be beyond the number
}

func newSimulation(p *Policy, images []Image, at time.Time) *simulation {
	s := &simulation{
		policy: p, images: images, at: at, parents: findParents(images),
		selected: make([]ruleSet, len(images)), held: make([]holders, len(images)), place: make([]int32, len(images)),
		cuts:   make([]cut, len(p.Rules)),
		result: Result{Rules: make([]RuleResult, len(p.Rules)), Expired: []string{}, Archived: []string{}},
	}
	for i, r := range p.Rules {
		s.result.Rules[i].Priority = r.Priority
	}
	selector := newSelector(p)
	for i := range images {
		s.selected[i] = selector.rules(images[i].Tags, images[i].Status == statusArchived)
		s.held[i] = s.parents.holds[images[i].Digest]
	}
	return s
}

// age is an image with the moment from which its age counts.
type age struct {
	since int64 // Unix nanoseconds
	image int32
	known bool
}

// order puts the images in order, youngest first and those without a time
// before them, and finds the cuts of the rules with a number.
func (s *simulation) order() {
	ages := make([]age, len(s.images))
	for i := range s.images {
		if t := s.since(&s.images[i]); t.IsZero() {
			s.timeless++
		} else {
			ages[i] = age{since: t.UnixNano(), known: true}
		}
		ages[i].image = int32(i)
	}
	slices.SortFunc(ages, func(a, b age) int {
		switch {
		case a.known != b.known && b.known:
			return -1
		case a.known != b.known:
			return 1
		case a.since != b.since:
			return cmp.Compare(b.since, a.since)
		}
		return strings.Compare(s.images[a.image].Digest, s.images[b.image].Digest)
	})
	for place, a := range ages {
		s.place[a.image] = int32(place)
	}
	for i, r := range s.policy.Rules {
		if !r.Selection.days() {
			s.cuts[i] = s.cut(i, r.Selection.CountNumber, ages)
		}
	}
}

func (s *simulation) cut(rule, number int, ages []age) cut {
	end := int32(len(ages))
	c := cut{undecided: end, beyond: end}
	timeless, known := 0, 0
	for place, a := range ages {
		switch {
		case !s.selected[a.image].has(rule):
			continue
		case !a.known:
			timeless++
			continue
		}
		if timeless+known >= number {
			c.undecided = min(c.undecided, int32(place))
		}
		if known >= number {
			c.beyond = int32(place)
			break
		}
		known++
	}
	c.timeless = c.beyond < end || timeless+known > number
	return c
}

// since is the moment from which an image's age counts.
func (s *simulation) since(image *Image) time.Time {
	switch {
	case image.Status == statusActivating:
		return s.at
	case !image.LastActivatedAt.IsZero():
		return image.LastActivatedAt
	default:
		return image.PushedAt
	}
}

// lastUse is the moment from which sinceImagePulled counts.
func (s *simulation) lastUse(image *Image) time.Time {
	since := s.since(image)
	restored := image.Status == statusActivating || !image.LastActivatedAt.IsZero()
	if image.LastPulledAt.IsZero() || restored && !image.LastPulledAt.After(since) {
		return since
	}
	return image.LastPulledAt
}

func (s *simulation) evaluate(image int) {
	set := s.selected[image]
	if set == 0 {
		return
	}
	governing := set.first()
	for rule := range set.all() {
		r := &s.result.Rules[rule]
		r.Selected++
		if rule != governing {
			r.KeptByHigherRule++
		}
	}
	s.govern(governing, image)
}

// verdict is what a limit says of an image.
type verdict uint8

const (
	within verdict = iota
	beyond
	undecided
)

// govern lets a rule decide about an image that it governs.
func (s *simulation) govern(rule, image int) {
	r, action := &s.result.Rules[rule], s.policy.Rules[rule].Action.Type
	switch limit := s.limit(rule, image); {
	case limit == within:
		r.KeptYoung++
	case s.held[image].from(action):
		r.KeptByIndex++
	case limit == undecided || s.parents.mayHold(&s.images[image]):
		r.Undecided++
		s.result.Undecided++
	default:
		r.Acted++
		s.act(r, &s.images[image], action)
	}
}

func (s *simulation) act(r *RuleResult, image *Image, action string) {
	size := image.SizeBytes
	if image.Index {
		size = 0
	}
	r.Bytes += size
	if action == Transition {
		s.result.Archived = append(s.result.Archived, image.Digest)
		s.result.ArchivedBytes += size
		return
	}
	s.result.Expired = append(s.result.Expired, image.Digest)
	s.result.FreedBytes += size
}

// limit compares an image with the limit of a rule that selects it.
func (s *simulation) limit(rule, number int) verdict {
	image, selection := &s.images[number], &s.policy.Rules[rule].Selection
	switch selection.CountType {
	case SinceImagePushed:
		return s.older(s.since(image), selection.CountNumber)
	case SinceImagePulled:
		return s.older(s.lastUse(image), selection.CountNumber)
	case SinceImageTransitioned:
		return s.older(image.LastArchivedAt, selection.CountNumber)
	default:
		return s.cuts[rule].verdict(s.place[number], s.place[number] < s.timeless)
	}
}

func (s *simulation) older(since time.Time, days int) verdict {
	if since.IsZero() {
		return undecided
	}
	age := s.at.Sub(since)
	if whole := int(age / day); whole > days || whole == days && age%day > 0 {
		return beyond
	}
	return within
}

func (c cut) verdict(place int32, timeless bool) verdict {
	switch {
	case timeless && c.timeless || !timeless && c.undecided <= place && place < c.beyond:
		return undecided
	case timeless || place < c.undecided:
		return within
	default:
		return beyond
	}
}

// parents knows which images are held by an index.
type parents struct {
	holds  map[string]holders // by the digest of a child
	unread []string           // the indexes whose children are not known
}

// holders says in which storage classes an image has indexes that refer to it.
type holders struct{ standard, archive bool }

func findParents(images []Image) parents {
	p := parents{holds: map[string]holders{}}
	for i := range images {
		image := &images[i]
		if !image.Index {
			continue
		}
		if image.Children == nil {
			p.unread = append(p.unread, image.Digest)
		}
		for _, child := range image.Children {
			h := p.holds[child]
			if image.Status == statusArchived {
				h.archive = true
			} else {
				h.standard = true
			}
			p.holds[child] = h
		}
	}
	return p
}

// from reports whether the image is kept from an action. The guide says
// "without the manifest list being deleted or archived first"; an archived
// index can be restored, and so still holds its children's lives.
func (h holders) from(action string) bool {
	return h.standard || h.archive && action == Expire
}

// mayHold reports whether the image may be the child of an index whose
// children are not known. Children carry no tag, save where somebody tagged
// them by hand: a tagged image is taken for nobody's child.
func (p parents) mayHold(image *Image) bool {
	if len(image.Tags) > 0 {
		return false
	}
	others := len(p.unread)
	if others == 1 && p.unread[0] == image.Digest { // an index is not its own child
		others = 0
	}
	return others > 0
}
