package lifecycle

import (
	"slices"
	"time"
)

// Timeline is what a policy does to the images of a repository in the days to
// come, as long as nothing is pushed, pulled, tagged or restored.
type Timeline struct {
	Due   []Due     // by day, and then in the order of the rules
	Until time.Time // the last evaluation
	// Stay is how many images no evaluation acts on, and Undecided of how many
	// the last one cannot say. An image that is archived and later expired is
	// twice in Due, and in neither.
	Stay, Undecided int
}

// Due is what one rule acts on in one evaluation.
type Due struct {
	At     time.Time // of the evaluation
	Rule   int       // its priority
	Action string    // Expire or Transition
	Images int
	Bytes  int64    // as Result counts them
	Tags   []string // of these images, the first five in the order of the alphabet
}

// maxDueTags is how many tags a Due names.
const maxDueTags = 5

// Timeline evaluates the policy now, and then once a day for a number of days,
// each time the images that the evaluations before have left. ECR promises to
// act within 24 hours after an image is due; so it is told at the first
// evaluation after that moment.
//
// The result is that of a [Policy.Simulate] each day. But an image is looked at
// again only where something can have changed for it. Its age passes a limit
// once. A number of images is never exceeded by more than now, since images
// only leave the standard storage that such rules are for. And what is kept by
// an index, or may be, is free when the index goes.
func (p *Policy) Timeline(images []Image, at time.Time, days int) Timeline {
	c := &course{
		simulation: newSimulation(p, images, at), selector: newSelector(p), due: make([][]int32, days+1), moved: map[int32]bool{},
		cutOn: make([]int, len(p.Rules)), timeline: Timeline{Until: at.Add(time.Duration(days) * day), Stay: len(images)},
	}
	c.youngestFirst = c.order()
	acting := c.first()
	for ; c.day < days; c.day++ {
		c.act(acting)
		acting = c.next(c.day + 1)
	}
	c.countUndecided()
	c.act(acting)
	return c.timeline
}

// course is a simulation that goes on.
type course struct {
	*simulation
	selector      *selector
	youngestFirst []age
	day           int            // of the evaluation, counted from now
	due           [][]int32      // by day, the images that are past the age of their rule for the first time
	freed         []int32        // the images that the next evaluation has to look at again
	moved         map[int32]bool // archived on the way
	cutOn         []int          // by rule, the day of its cut
	children      map[string]*child
	timeline      Timeline
}

// child is what indexes refer to.
type child struct {
	image             int32 // -1 where the repository does not hold it
	standard, archive int   // how many indexes that are left refer to it, by where they are
}

// first evaluates all images, and returns those that are acted on.
func (c *course) first() (acting []int32) {
	for i := range c.images {
		c.evaluate(i)
		switch c.result.Images[i].Effect {
		case Expires, Archives:
			acting = append(acting, int32(i))
		case Young:
			c.await(i)
		default:
		}
	}
	return acting
}

// await notes when an image passes the age of its rule, if it has one.
func (c *course) await(image int) {
	rule := &c.policy.Rules[c.selected[image].first()].Selection
	switch rule.CountType {
	case SinceImagePushed:
		c.awaitAge(image, c.since(&c.images[image]), rule.CountNumber)
	case SinceImagePulled:
		c.awaitAge(image, c.lastUse(&c.images[image]), rule.CountNumber)
	case SinceImageTransitioned:
		c.awaitAge(image, c.images[image].LastArchivedAt, rule.CountNumber)
	}
}

func (c *course) awaitAge(image int, since time.Time, number int) {
	age := c.at.Sub(since)
	whole, rest := int(age/day), age%day
	if rest < 0 {
		whole, rest = whole-1, rest+day
	}
	on := number - whole
	if rest == 0 {
		on++ // ages are compared strictly
	}
	c.awaitDay(image, on)
}

func (c *course) awaitDay(image, on int) {
	if on < len(c.due) {
		c.due[on] = append(c.due[on], int32(image))
	}
}

// next evaluates the images for which something can have changed until a day,
// and returns those that are acted on.
func (c *course) next(on int) (acting []int32) {
	freed := c.freed
	c.freed = nil
	for _, image := range c.due[on] {
		acting = c.decide(acting, image, on)
	}
	for _, image := range freed {
		if e := c.result.Images[image].Effect; e == KeptByIndex || e == Undecided {
			acting = c.decide(acting, image, on)
		}
	}
	return acting
}

func (c *course) decide(acting []int32, image int32, on int) []int32 {
	rule := c.selected[image].first()
	effect := c.effect(rule, int(image), c.limitOn(on, rule, int(image)))
	c.result.Images[image].Effect = effect
	if effect == Expires || effect == Archives {
		acting = append(acting, image)
	}
	return acting
}

// limitOn compares an image with the limit of its rule on a day. The image was
// beyond it before, or is since that day.
func (c *course) limitOn(on, rule, image int) verdict {
	selection := &c.policy.Rules[rule].Selection
	if !selection.days() {
		if c.cutOn[rule] != on {
			c.cuts[rule], c.cutOn[rule] = c.cut(rule, selection.CountNumber, c.youngestFirst), on
		}
		return c.cuts[rule].verdict(c.place[image], c.place[image] < c.timeless)
	}
	if !c.moved[int32(image)] && c.limit(rule, image) == undecided {
		return undecided
	}
	return beyond
}

// act has images expired and archived.
func (c *course) act(acting []int32) {
	dues := make([]*Due, len(c.policy.Rules))
	for _, image := range acting {
		rule := c.selected[image].first()
		if dues[rule] == nil {
			r := &c.policy.Rules[rule]
			dues[rule] = &Due{At: c.at.Add(time.Duration(c.day) * day), Rule: r.Priority, Action: r.Action.Type}
		}
		dues[rule].add(&c.images[image])
		if !c.moved[image] {
			c.timeline.Stay--
		}
		if c.result.Images[image].Effect == Archives {
			c.archive(image)
		} else {
			c.expire(image)
		}
	}
	for _, due := range dues {
		if due != nil {
			c.timeline.Due = append(c.timeline.Due, *due)
		}
	}
}

func (d *Due) add(image *Image) {
	d.Images++
	d.Bytes += image.ownBytes()
	for _, tag := range image.Tags {
		if len(d.Tags) == maxDueTags && tag >= d.Tags[maxDueTags-1] {
			continue
		}
		at, _ := slices.BinarySearch(d.Tags, tag)
		d.Tags = slices.Insert(d.Tags, at, tag)
		d.Tags = d.Tags[:min(len(d.Tags), maxDueTags)]
	}
}

func (c *course) expire(image int32) {
	c.selected[image] = 0
	i := &c.images[image]
	if !i.Index {
		return
	}
	archived := c.isArchived(image)
	for _, digest := range i.Children {
		held := c.child(digest)
		if archived {
			held.archive--
		} else {
			held.standard--
		}
		c.free(held)
	}
	if i.Children == nil {
		c.forgetUnread(i.Digest)
	}
}

func (c *course) archive(image int32) {
	i := &c.images[image]
	if i.Index {
		for _, digest := range i.Children {
			held := c.child(digest)
			held.standard--
			held.archive++
			c.free(held)
		}
	}
	c.moved[image] = true
	c.selected[image] = c.selector.rules(i.Tags, true)
	c.result.Images[image].Effect = Ungoverned
	if rule := c.selected[image].first(); rule >= 0 {
		c.result.Images[image].Effect = Young
		c.awaitDay(int(image), c.day+c.policy.Rules[rule].Selection.CountNumber+1)
	}
}

func (c *course) isArchived(image int32) bool {
	return c.moved[image] || c.images[image].Status == statusArchived
}

// free notes which indexes are left that refer to an image.
func (c *course) free(held *child) {
	if held.image >= 0 {
		c.held[held.image] = holders{standard: held.standard > 0, archive: held.archive > 0}
		c.freed = append(c.freed, held.image)
	}
}

// forgetUnread takes an index off those of which it is not known what they
// refer to.
func (c *course) forgetUnread(digest string) {
	c.parents.unread = slices.DeleteFunc(c.parents.unread, func(unread string) bool { return unread == digest })
	if len(c.parents.unread) > 1 {
		return
	}
	for i := range c.images {
		if c.result.Images[i].Effect == Undecided {
			c.freed = append(c.freed, int32(i))
		}
	}
}

// child finds what indexes refer to, once one of them goes.
func (c *course) child(digest string) *child {
	if c.children == nil {
		c.findChildren()
	}
	return c.children[digest]
}

func (c *course) findChildren() {
	c.children = map[string]*child{}
	for i := range c.images {
		if !c.images[i].Index {
			continue
		}
		for _, digest := range c.images[i].Children {
			held := c.children[digest]
			if held == nil {
				held = &child{image: -1}
				c.children[digest] = held
			}
			if c.isArchived(int32(i)) {
				held.archive++
			} else {
				held.standard++
			}
		}
	}
	for i := range c.images {
		if c.held[i].any() {
			c.children[c.images[i].Digest].image = int32(i)
		}
	}
}

// countUndecided looks again at what was undecided before the last evaluation
// acts: a rule with a number may have become sure.
func (c *course) countUndecided() {
	for i := range c.images {
		if c.result.Images[i].Effect != Undecided {
			continue
		}
		rule := c.selected[i].first()
		if c.effect(rule, i, c.limitOn(c.day, rule, i)) == Undecided {
			c.timeline.Undecided++
			if !c.moved[int32(i)] {
				c.timeline.Stay--
			}
		}
	}
}
