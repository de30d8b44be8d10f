package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The kinds of Insight.
const (
	Shadowed          = "shadowed"           // higher rules keep every image that the rule selects from it
	NeverActs         = "never-acts"         // no tag can match the rule's list
	AndOfTags         = "and-of-tags"        // the rule asks for several tags on one image where alternatives were meant
	ExpiresReleases   = "expires-releases"   // the rule expires images that carry a release tag
	ExpiresActive     = "expires-active"     // the rule expires or archives images that were pulled lately
	ExpiresEverything = "expires-everything" // nothing would be left but children of indexes
	OnlyChildren      = "only-children"      // the rule for untagged images finds only children of indexes
	NeverExpires      = "never-expires"      // nothing is acted on although images pile up
)

// maxExamples is how many digests an Insight names.
const maxExamples = 5

// Insight is something about a policy, or about what it does to the images of a
// repository, that its author has probably not meant.
type Insight struct {
	Kind     string   `json:"kind"`     // one of the constants above
	Priority int      `json:"priority"` // of the rule; 0 for the policy as a whole
	Digests  []string `json:"digests,omitempty"`
	Count    int      `json:"count"`   // of the images concerned, of which Digests names at most a handful
	Message  string   `json:"message"` // text from the policy is quoted
	Advice   string   `json:"advice"`
}

// InsightOptions say what matters to the asker. Zero values ask for nothing.
type InsightOptions struct {
	Release      func(tag string) bool // tells the tags of releases
	ActiveWithin time.Duration         // an image that was pulled so long ago, or later, is in use
	PilingUp     int                   // the number of images from which on a repository needs cleaning
}

// Insights simulates the policy and says what is strange about it: first rule
// by rule, then of the whole. Without images it says what can be said of the
// policy alone.
func (p *Policy) Insights(images []Image, at time.Time, o InsightOptions) []Insight {
	s := study{policy: p, images: images, at: at, options: o, result: p.Simulate(images, at)}
	s.assign()
	for i, inspection := range p.Inspect() {
		s.structure(i, inspection)
		s.releases(i)
		s.active(i)
		s.children(i)
	}
	s.everything()
	s.nothing()
	return s.found
}

// study is a policy with what it does to images.
type study struct {
	policy   *Policy
	images   []Image
	at       time.Time
	options  InsightOptions
	result   Result
	governed [][]int // rule → images that it governs, by digest
	found    []Insight
}

func (s *study) assign() {
	place := map[int]int{}
	for i, r := range s.policy.Rules {
		place[r.Priority] = i
	}
	s.governed = make([][]int, len(s.policy.Rules))
	for i, result := range s.result.Images {
		if result.Effect != Ungoverned {
			rule := place[result.Rule]
			s.governed[rule] = append(s.governed[rule], i)
		}
	}
}

func (s *study) report(kind string, priority int, images []int, message, advice string) {
	s.found = append(s.found, Insight{
		Kind: kind, Priority: priority, Digests: s.examples(images), Count: len(images), Message: message, Advice: advice,
	})
}

// examples are the first few digests.
func (s *study) examples(images []int) []string {
	digests := make([]string, len(images))
	for i, image := range images {
		digests[i] = s.images[image].Digest
	}
	slices.Sort(digests)
	return digests[:min(len(digests), maxExamples)]
}

// structure is what a rule's inspection says.
func (s *study) structure(rule int, inspection RuleInspection) {
	r := s.policy.Rules[rule]
	switch {
	case len(inspection.ShadowedBy) > 0:
		s.found = append(s.found, Insight{
			Kind: Shadowed, Priority: r.Priority, Count: s.result.Rules[rule].Selected,
			Message: fmt.Sprintf("the %s can never act: %s", r.name(), inspection.Reason),
			Advice:  "give it a lower priority number than the rules that keep its images from it, or remove it",
		})
	case inspection.Acts == No:
		s.found = append(s.found, Insight{
			Kind: NeverActs, Priority: r.Priority,
			Message: fmt.Sprintf("the %s can never act: %s", r.name(), inspection.Reason),
			Advice:  "correct its tag list, or remove it",
		})
	case r.needsSeveralTags():
		s.conjunction(rule)
	}
}

// conjunction reports a rule that asks for several tags at once, unless images
// are tagged just so: some have a tag of each entry, and none has a few.
func (s *study) conjunction(rule int) {
	r := s.policy.Rules[rule]
	entries := compileEntries(r.Selection)
	var partly []int
	for i, image := range s.images {
		matched := 0
		for _, e := range entries {
			if slices.ContainsFunc(image.Tags, e.Match) {
				matched++
			}
		}
		if matched > 0 && matched < len(entries) {
			partly = append(partly, i)
		}
	}
	selected := s.result.Rules[rule].Selected
	if selected > 0 && len(partly) == 0 {
		return
	}
	message := fmt.Sprintf("the %s selects only images that carry a tag of each of %s, because the entries of a tag list are ANDed",
		r.name(), quoted(r.Selection.entries(), ", "))
	switch {
	case len(partly) > 0:
		message += fmt.Sprintf("; it selects %s, and misses %d with some of these tags", count(selected, "image"), len(partly))
	case len(s.images) > 0:
		message += fmt.Sprintf("; it selects none of the %s", count(len(s.images), "image"))
	}
	s.report(AndOfTags, r.Priority, partly, message, "make it one rule for each entry of the list")
}

// releases reports images with a release tag that a rule expires, or that it
// will expire once they are old enough although its tag list does not speak of
// releases.
func (s *study) releases(rule int) {
	r := s.policy.Rules[rule]
	if s.options.Release == nil || r.Action.Type != Expire {
		return
	}
	var concerned []int
	later := 0
	for _, i := range s.governed[rule] {
		tags := s.releaseTags(i)
		switch {
		case len(tags) == 0:
		case s.result.Images[i].Effect == Expires:
			concerned = append(concerned, i)
		case s.result.Images[i].Effect == Young && r.Selection.days() && !r.speaksOf(tags):
			concerned = append(concerned, i)
			later++
		}
	}
	if len(concerned) == 0 {
		return
	}
	now := len(concerned) - later
	message := fmt.Sprintf("the %s expires %s with a release tag", r.name(), count(now, "image"))
	switch {
	case now == 0:
		message = fmt.Sprintf("the %s will expire %s with a release tag once %s old enough", r.name(), count(later, "image"), theyAre(later))
	case later > 0:
		message += fmt.Sprintf(", and will expire %d more once %s old enough", later, theyAre(later))
	}
	if r.Selection.CountType != SinceImageTransitioned {
		message += "; age counts from the push, not from the day when the release tag came"
	}
	s.report(ExpiresReleases, r.Priority, concerned, message,
		"put a rule for release tags before it, with a limit that releases may have: the first rule that selects an image is the only one that acts on it")
}

func (s *study) releaseTags(image int) []string {
	var tags []string
	for _, tag := range s.images[image].Tags {
		if s.options.Release(tag) {
			tags = append(tags, tag)
		}
	}
	return tags
}

// speaksOf reports whether an entry of the rule's list matches one of the tags.
func (r Rule) speaksOf(tags []string) bool {
	for _, e := range compileEntries(r.Selection) {
		if slices.ContainsFunc(tags, e.Match) {
			return true
		}
	}
	return false
}

// active reports images in use that a rule acts on.
func (s *study) active(rule int) {
	if s.options.ActiveWithin <= 0 {
		return
	}
	var concerned []int
	for _, i := range s.governed[rule] {
		effect, pulled := s.result.Images[i].Effect, s.images[i].LastPulledAt
		if (effect == Expires || effect == Archives) && !pulled.IsZero() && s.at.Sub(pulled) <= s.options.ActiveWithin {
			concerned = append(concerned, i)
		}
	}
	if len(concerned) == 0 {
		return
	}
	r := s.policy.Rules[rule]
	message := fmt.Sprintf("the %s %s %s pulled within the last %s", r.name(), r.verb(), count(len(concerned), "image"), days(s.options.ActiveWithin))
	advice := "put a rule that keeps what is in use before it"
	if r.Action.Type == Transition {
		message += "; an archived image cannot be pulled until it is restored"
		advice = "archive by countType sinceImagePulled"
	}
	s.report(ExpiresActive, r.Priority, concerned, message, advice)
}

// children reports a rule for untagged images that finds only children of
// indexes, which it cannot expire.
func (s *study) children(rule int) {
	r := s.policy.Rules[rule]
	governed := s.governed[rule]
	if r.Selection.TagStatus != Untagged || len(governed) == 0 {
		return
	}
	for _, i := range governed {
		image := s.result.Images[i]
		// An archived index keeps its children from being expired, not archived.
		if !image.InIndex || r.Action.Type == Transition && image.Effect != KeptByIndex {
			return
		}
	}
	s.report(OnlyChildren, r.Priority, governed,
		fmt.Sprintf("all that the %s selects is %s an index refers to: the parts of multi-architecture images, which it cannot %s while the index exists",
			r.name(), childrenThat(len(governed)), strings.TrimSuffix(r.verb(), "s")),
		"nothing is wasted there: limit the indexes by their tags, and their children go with them")
}

// everything reports a policy that leaves nothing.
func (s *study) everything() {
	var expired []int
	for i, result := range s.result.Images {
		switch {
		case result.Effect == Expires:
			expired = append(expired, i)
		case result.Effect != Undecided && !result.InIndex:
			return
		}
	}
	if len(expired) == 0 {
		return
	}
	priority, what := 0, "the policy"
	if rule := s.result.Images[expired[0]].Rule; !slices.ContainsFunc(expired, func(i int) bool { return s.result.Images[i].Rule != rule }) {
		priority, what = rule, fmt.Sprintf("the rule with priority %d", rule)
	}
	s.report(ExpiresEverything, priority, expired,
		fmt.Sprintf("%s expires every image of the repository (%d)", what, len(expired)),
		"keep the newest few with countType imageCountMoreThan in a rule before it")
}

// nothing reports a policy that lets images pile up. Images that only need to
// grow older, and children, which go with their index, do not count.
func (s *study) nothing() {
	if s.options.PilingUp <= 0 || len(s.result.Expired)+len(s.result.Archived) > 0 {
		return
	}
	aging := map[int]bool{}
	for _, r := range s.policy.Rules {
		aging[r.Priority] = r.Selection.days()
	}
	var kept []int
	for i, result := range s.result.Images {
		if result.Effect == Ungoverned && !result.InIndex || result.Effect == Young && !aging[result.Rule] {
			kept = append(kept, i)
		}
	}
	if len(kept) < s.options.PilingUp {
		return
	}
	s.report(NeverExpires, 0, kept,
		fmt.Sprintf("the policy expires nothing, and keeps %d of the %s of the repository for ever", len(kept), count(len(s.images), "image")),
		"add a rule for the tags of these images")
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func childrenThat(n int) string {
	if n == 1 {
		return "1 image that"
	}
	return fmt.Sprintf("%d images that", n)
}

func theyAre(n int) string {
	if n == 1 {
		return "it is"
	}
	return "they are"
}

// days writes a duration in days of 24 hours, or in hours below one.
func days(d time.Duration) string {
	if d < day {
		return count(int(d.Round(time.Hour)/time.Hour), "hour")
	}
	return count(int(d.Round(day)/day), "day")
}
