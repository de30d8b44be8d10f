package lifecycle

import (
	"cmp"
	"encoding/binary"
	"runtime"
	"slices"
	"strings"
	"sync"
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
	// UndecidedDigests, sorted, are the images of which it cannot be said
	// whether they would be acted on: untagged ones that may be children of an
	// index whose manifest was not read, and those without a time that the
	// rule needs. They are in neither list.
	UndecidedDigests []string `json:"undecided"`
	// FreedBytes is the size of the expired images. Layers that images share
	// are counted for each of them, so it is an upper bound. An index counts
	// nothing: what AWS gives as its size is that of its largest child, which
	// outlives it.
	FreedBytes    int64 `json:"bytes"`
	ArchivedBytes int64 `json:"-"` // the same for the archived images
	Undecided     int   `json:"-"` // the number of UndecidedDigests
	// Images is what happens to each image, in the order in which the images
	// were given.
	Images []ImageResult `json:"-"`
}

// RuleResult is one rule's part. Selected is the sum of the other counts.
type RuleResult struct {
	Priority         int   `json:"priority"`
	Selected         int   `json:"selected"`            // images matched by tags and storage class
	Acted            int   `json:"acted"`               // expired or archived by this rule
	KeptByHigherRule int   `json:"kept_by_higher_rule"` // governed by an earlier rule, acted on or not
	KeptByIndex      int   `json:"kept_by_index"`       // beyond the limit, but a child of an index
	Young            int   `json:"young"`               // within the number or the age
	Undecided        int   `json:"-"`
	Bytes            int64 `json:"-"` // of the images acted on, as in Result
}

// ImageResult is what one evaluation does to one image, and by which rule.
type ImageResult struct {
	Rule    int // priority of the rule that governs the image; 0 when none selects it
	Effect  Effect
	InIndex bool // an index of the repository refers to it
}

// Effect is what a policy does to an image.
type Effect uint8

// The effects.
const (
	Ungoverned  Effect = iota // no rule selects the image
	Young                     // within the number or the age of its rule
	KeptByIndex               // beyond the limit of its rule, but a child of an index
	Undecided                 // see Result.UndecidedDigests
	Expires
	Archives
)

func (e Effect) String() string {
	return [...]string{"no rule selects it", "young", "kept by an index", "undecided", "expires", "archived"}[e]
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
	sortDigests(s.result.Expired)
	sortDigests(s.result.Archived)
	sortDigests(s.result.UndecidedDigests)
	s.result.Undecided = len(s.result.UndecidedDigests)
	return s.result
}

// sortDigests is slices.Sort for what are mostly SHA-256 digests: their first
// eight digits nearly always tell which comes first.
func sortDigests(digests []string) {
	const algorithm, digits = "sha256:", 8
	type keyed struct {
		key    uint64
		digest string
	}
	list := make([]keyed, len(digests))
	for i, digest := range digests {
		if len(digest) < len(algorithm)+digits || !strings.HasPrefix(digest, algorithm) {
			slices.Sort(digests)
			return
		}
		list[i] = keyed{binary.BigEndian.Uint64([]byte(digest[len(algorithm):][:digits])), digest}
	}
	slices.SortFunc(list, func(a, b keyed) int {
		if a.key != b.key {
			return cmp.Compare(a.key, b.key)
		}
		return strings.Compare(a.digest, b.digest)
	})
	for i := range list {
		digests[i] = list[i].digest
	}
}

// simulation is one evaluation.
type simulation struct {
	policy  *Policy
	images  []Image
	at      time.Time
	parents parents
	result  Result

	atNanoseconds int64 // since 1970

	// By image:
	selected []ruleSet // the rules that select it
	held     []holders
	age      []age
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
		policy: p, images: images, at: at, atNanoseconds: at.UnixNano(), parents: findParents(images),
		selected: make([]ruleSet, len(images)), held: make([]holders, len(images)), place: make([]int32, len(images)),
		age:  make([]age, len(images)),
		cuts: make([]cut, len(p.Rules)),
		result: Result{
			Rules: make([]RuleResult, len(p.Rules)), Images: make([]ImageResult, len(images)),
			Expired: []string{}, Archived: []string{}, UndecidedDigests: []string{},
		},
	}
	for i, r := range p.Rules {
		s.result.Rules[i].Priority = r.Priority
	}
	s.look()
	return s
}

// imagesAtOnce is how many images are worth a goroutine.
const imagesAtOnce = 20_000

// look notes what depends on one image alone. In a large repository that is
// most of the work, and all of the waiting for memory.
func (s *simulation) look() {
	workers := min(runtime.GOMAXPROCS(0), 1+len(s.images)/imagesAtOnce)
	var group sync.WaitGroup
	for worker := range workers {
		from, end := worker*len(s.images)/workers, (worker+1)*len(s.images)/workers
		group.Go(func() { s.lookAt(from, end) })
	}
	group.Wait()
}

func (s *simulation) lookAt(from, end int) {
	selector := newSelector(s.policy)
	for i := from; i < end; i++ {
		s.selected[i] = selector.rules(s.images[i].Tags, s.images[i].Status == statusArchived)
		s.held[i] = s.parents.of(s.images[i].Digest)
		s.age[i] = s.ageOf(i)
	}
}

// age is an image with the moment from which its age counts.
type age struct {
	since int64 // Unix nanoseconds
	image int32
	known bool
}

func (s *simulation) ageOf(image int) age {
	t := s.since(&s.images[image])
	if t.IsZero() {
		return age{image: int32(image)}
	}
	return age{since: t.UnixNano(), image: int32(image), known: true}
}

// order puts the images in order, youngest first and those without a time
// before them, and finds the cuts of the rules with a number.
func (s *simulation) order() (youngestFirst []age) {
	ages := slices.Clone(s.age)
	for _, a := range ages {
		if !a.known {
			s.timeless++
		}
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
	return ages
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
		s.result.Images[image].InIndex = s.held[image].any()
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
func (s *simulation) govern(rule, number int) {
	r, image := &s.result.Rules[rule], &s.images[number]
	effect := s.effect(rule, number, s.limit(rule, number))
	s.result.Images[number] = ImageResult{Rule: r.Priority, Effect: effect, InIndex: s.held[number].any()}
	switch effect {
	case Young:
		r.Young++
	case KeptByIndex:
		r.KeptByIndex++
	case Undecided:
		r.Undecided++
		s.result.UndecidedDigests = append(s.result.UndecidedDigests, image.Digest)
	default:
		r.Acted++
		s.act(r, image, effect)
	}
}

func (s *simulation) effect(rule, image int, limit verdict) Effect {
	action := s.policy.Rules[rule].Action.Type
	switch {
	case limit == within:
		return Young
	case s.held[image].from(action):
		return KeptByIndex
	case limit == undecided || s.parents.mayHold(&s.images[image]):
		return Undecided
	case action == Transition:
		return Archives
	default:
		return Expires
	}
}

func (s *simulation) act(r *RuleResult, image *Image, effect Effect) {
	size := image.ownBytes()
	r.Bytes += size
	if effect == Archives {
		s.result.Archived = append(s.result.Archived, image.Digest)
		s.result.ArchivedBytes += size
		return
	}
	s.result.Expired = append(s.result.Expired, image.Digest)
	s.result.FreedBytes += size
}

// ownBytes is what goes with the image, as [Result.FreedBytes] counts it.
func (i *Image) ownBytes() int64 {
	if i.Index {
		return 0
	}
	return i.SizeBytes
}

// limit compares an image with the limit of a rule that selects it.
func (s *simulation) limit(rule, number int) verdict {
	image, selection := &s.images[number], &s.policy.Rules[rule].Selection
	switch selection.CountType {
	case SinceImagePushed:
		return s.aged(s.age[number], selection.CountNumber)
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
	return exceeds(s.at.Sub(since), days)
}

// aged is older for an image whose age was taken already.
func (s *simulation) aged(a age, days int) verdict {
	if !a.known {
		return undecided
	}
	return exceeds(time.Duration(s.atNanoseconds-a.since), days)
}

func exceeds(age time.Duration, days int) verdict {
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
	ends   endings            // of these digests
	unread []string           // the indexes whose children are not known
}

// holders says in which storage classes an image has indexes that refer to it.
type holders struct{ standard, archive bool }

func findParents(images []Image) parents {
	p := parents{holds: map[string]holders{}, ends: endings{}}
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
			p.ends.add(child)
		}
	}
	return p
}

// of are the holders of an image. Most images have none, and are seen not to
// without a look into the map.
func (p *parents) of(digest string) holders {
	if !p.ends.mayHave(digest) {
		return holders{}
	}
	return p.holds[digest]
}

// endings is which last characters occur in a set of digests, told apart by a
// hash.
type endings [1 << 10]uint64

func (e *endings) add(digest string) {
	word, bit := ending(digest)
	e[word] |= bit
}

func (e *endings) mayHave(digest string) bool {
	word, bit := ending(digest)
	return e[word]&bit != 0
}

func ending(digest string) (word int, bit uint64) {
	const characters, prime = 6, 16777619 // the prime is that of FNV
	hash := uint32(2166136261)
	for i := max(0, len(digest)-characters); i < len(digest); i++ {
		hash = (hash ^ uint32(digest[i])) * prime
	}
	return int(hash >> 22), 1 << (hash >> 16 & 63)
}

// from reports whether the image is kept from an action. The guide says
// "without the manifest list being deleted or archived first"; an archived
// index can be restored, and so still holds its children's lives.
func (h holders) from(action string) bool {
	return h.standard || h.archive && action == Expire
}

func (h holders) any() bool { return h.standard || h.archive }

// mayHold reports whether the image may be the child of an index whose
// children are not known. Children carry no tag, save where somebody tagged
// them by hand: a tagged image is taken for nobody's child.
func (p *parents) mayHold(image *Image) bool {
	if len(p.unread) == 0 || len(image.Tags) > 0 {
		return false
	}
	others := len(p.unread)
	if others == 1 && p.unread[0] == image.Digest { // an index is not its own child
		others = 0
	}
	return others > 0
}
