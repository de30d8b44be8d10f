// Package retention decides which tags of a repository stay.
//
// A lifecycle policy of ECR cannot say what people want to say of tags: it
// selects by prefixes and wildcards, without exceptions, counts all branches
// together, and expires an image with all of its tags. Here the unit is the
// tag. A [Class] is a regular expression over tags with an exception; what the
// expression's groups capture makes groups of their own, so that one class
// keeps the newest of every branch. A tag that is in no class stays.
//
// In doubt a tag stays: one whose image is in use, carries a protected tag, or
// was pushed nobody knows when. Nothing here takes a tag off. Who does must
// know that ECR deletes an image together with its last tag.
//
// Times are compared in days of 24 hours. Everything is pure: time comes in as
// a value, nothing is read.
package retention

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

const day = 24 * time.Hour

// Class is a kind of tag and how long tags of it stay.
type Class struct {
	Name string
	// Tags matches the tags of the class. What its groups capture, joined with
	// "/", which no tag holds, is the group of a tag.
	Tags *regexp.Regexp
	// Exclude matches tags that are not in the class nevertheless, but may be
	// in a later one. Nil excludes nothing.
	Exclude *regexp.Regexp
	// KeepNewest is how many images of each group stay, those that were pushed
	// last. KeepDays is how many days tags stay after their image was pushed.
	// Either is enough for a tag to stay. With 0 in both nothing stays for its
	// age.
	KeepNewest, KeepDays int
}

// Image is an image of a repository with its tags. Digests are unique, and a
// tag is on one image only, as ECR has it.
type Image struct {
	Digest    string
	Tags      []string
	PushedAt  time.Time // zero when unknown
	InUse     string    // why it is in use, as a sentence without its end; empty when it is not
	Protected bool      // it carries a tag that protects all of its tags
}

// Decision says whether a tag stays, and why.
type Decision struct {
	Tag   string
	Class string // name of the first class that the tag is in
	Group string // what the class's groups captured; empty when it has none
	Keep  bool
	// Rank is the place of the tag's image in its group, 1 for the one pushed
	// last; 0 when it has none, because its time of push is unknown or later
	// than the decision.
	Rank   int
	Reason string // a sentence without its end
}

// Decide returns the decisions about each image's tags, by digest and in order
// of the tags. Tags that are in no class have none, and an image without
// decisions is not in the result.
//
//   - An image counts once in a group, however many of its tags are in it:
//     these stay or go together.
//   - Images pushed at the same moment are ordered by digest, the smaller
//     counting as the younger.
//   - An image that is in use or protected has its place in its groups as any
//     other.
//   - An image whose time of push is zero, or later than at, keeps its tags and
//     takes no other image's place.
//   - A tag of an image that was pushed exactly KeepDays ago stays.
//
// The result does not depend on the order of images and tags. It does depend
// on that of the classes: the first that a tag is in decides about it.
func Decide(classes []Class, images []Image, at time.Time) map[string][]Decision {
	groups := assign(classes, images)
	decisions := make(map[string][]Decision, len(images))
	for key, members := range groups {
		decider := decider{class: &classes[key.class], group: key.group, at: at}
		rank(members, at)
		for i := range members {
			digest := members[i].image.Digest
			decisions[digest] = append(decisions[digest], decider.decide(&members[i])...)
		}
	}
	for _, of := range decisions {
		slices.SortFunc(of, func(a, b Decision) int { return strings.Compare(a.Tag, b.Tag) })
	}
	return decisions
}

// groupKey tells the groups of all classes apart.
type groupKey struct {
	class int
	group string
}

// member is an image in a group.
type member struct {
	image *Image
	tags  []string // those of the image that are in the group
	rank  int
}

// assign puts every tag that is in a class into its group.
func assign(classes []Class, images []Image) map[groupKey][]member {
	groups := map[groupKey][]member{}
	for i := range images {
		image := &images[i]
		for _, tag := range image.Tags {
			key, ok := groupOf(classes, tag)
			if !ok {
				continue
			}
			members := groups[key]
			if last := len(members) - 1; last >= 0 && members[last].image == image {
				members[last].tags = append(members[last].tags, tag)
				continue
			}
			groups[key] = append(members, member{image: image, tags: []string{tag}})
		}
	}
	return groups
}

func groupOf(classes []Class, tag string) (key groupKey, ok bool) {
	for i := range classes {
		class := &classes[i]
		if class.Exclude != nil && class.Exclude.MatchString(tag) {
			continue
		}
		if group, in := class.group(tag); in {
			return groupKey{i, group}, true
		}
	}
	return groupKey{}, false
}

// group returns what the class's groups capture of a tag that it matches.
func (c *Class) group(tag string) (group string, in bool) {
	if c.Tags.NumSubexp() == 0 {
		return "", c.Tags.MatchString(tag)
	}
	found := c.Tags.FindStringSubmatchIndex(tag)
	if found == nil {
		return "", false
	}
	for i := 2; i < len(found); i += 2 {
		captured := ""
		if found[i] >= 0 {
			captured = tag[found[i]:found[i+1]]
		}
		if i == 2 {
			group = captured // a part of the tag, without a copy
		} else {
			group += "/" + captured
		}
	}
	return group, true
}

// dated reports whether it is known how old the image is.
func (i *Image) dated(at time.Time) bool { return !i.PushedAt.IsZero() && !i.PushedAt.After(at) }

// rank gives the images of a group their places.
func rank(members []member, at time.Time) {
	slices.SortFunc(members, func(a, b member) int {
		return cmp.Or(b.image.PushedAt.Compare(a.image.PushedAt), strings.Compare(a.image.Digest, b.image.Digest))
	})
	place := 0
	for i := range members {
		if members[i].image.dated(at) {
			place++
			members[i].rank = place
		}
	}
}

// decider decides about the tags of one group.
type decider struct {
	class *Class
	group string
	at    time.Time
}

func (d *decider) decide(m *member) []Decision {
	keep, reason := d.verdict(m)
	decisions := make([]Decision, len(m.tags))
	for i, tag := range m.tags {
		decisions[i] = Decision{Tag: tag, Class: d.class.Name, Group: d.group, Keep: keep, Rank: m.rank, Reason: reason}
	}
	return decisions
}

func (d *decider) verdict(m *member) (keep bool, reason string) {
	switch {
	case m.image.Protected:
		return true, "its image carries a protected tag"
	case m.image.InUse != "":
		return true, "its image is in use: " + m.image.InUse
	case m.image.PushedAt.IsZero():
		return true, "it is not known when its image was pushed"
	case m.rank == 0:
		return true, "its image was pushed after the moment of the decision"
	case m.rank <= d.class.KeepNewest:
		return true, fmt.Sprintf("number %d of the newest %d that stay", m.rank, d.class.KeepNewest)
	}
	if age := d.at.Sub(m.image.PushedAt); d.young(age) {
		return true, fmt.Sprintf("pushed %s ago, and tags stay for %s", days(int(age/day)), days(d.class.KeepDays))
	}
	return false, d.tooOld(m.rank)
}

// young reports whether an age is within the days of the class.
func (d *decider) young(age time.Duration) bool {
	whole := int(age / day) // KeepDays × day could overflow
	return d.class.KeepDays > 0 && (whole < d.class.KeepDays || whole == d.class.KeepDays && age%day == 0)
}

func (d *decider) tooOld(rank int) string {
	byRank, byAge := d.class.KeepNewest > 0, d.class.KeepDays > 0
	switch {
	case byRank && byAge:
		return d.beyondNewest(rank) + ", and " + d.beyondDays()
	case byRank:
		return d.beyondNewest(rank)
	case byAge:
		return d.beyondDays()
	default:
		return "tags of this class do not stay for their age"
	}
}

func (d *decider) beyondNewest(rank int) string {
	return fmt.Sprintf("number %d, beyond the newest %d", rank, d.class.KeepNewest)
}

func (d *decider) beyondDays() string { return "pushed more than " + days(d.class.KeepDays) + " ago" }

func days(n int) string {
	if n == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}
