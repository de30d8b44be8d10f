package lifecycle

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ecraudit/ecraudit/internal/tagpattern"
)

// Reach says whether a policy can ever act on an image that carries a tag of a
// kind.
type Reach struct {
	Answer string `json:"answer"` // Yes, No or Unknown
	// Example is a tag of the kind on such an image, and With the other tags
	// that the image must carry for it; none where Example alone is enough.
	// Empty unless the answer is Yes.
	Example string   `json:"example,omitempty"`
	With    []string `json:"with,omitempty"`
	// Rule is the priority of the first rule that expires such an image, or
	// where none does, of the first that archives one; Action is what it does.
	Rule   int    `json:"rule,omitempty"`
	Action string `json:"action,omitempty"` // Expire or Transition
	Reason string `json:"reason"`
}

// ReachesTag answers for all images that carry a tag of the pattern, whatever
// other tags they carry: can the policy ever expire or archive one? A release
// that still has the tag of its build is reached by the rule for builds, unless
// a higher rule selects it for its release tag. The answer is exact over all
// sets of tags. It is Unknown when no tag matches the pattern, or when pattern
// and policy together are too complex.
//
// Only the order of rules protects an image, never its youth: age counts from
// the push, so that an image that was pushed long ago and got its release tag
// yesterday is as old as its push.
func (p *Policy) ReachesTag(pattern tagpattern.Pattern) Reach {
	effort := newEffort()
	if _, found, err := effort.findTagged([]tagpattern.Pattern{pattern}, nil); err != nil || !found {
		return Reach{Answer: Unknown, Reason: noSuchTag(pattern, err)}
	}
	var doubt error
	for _, action := range []string{Expire, Transition} {
		for i, r := range p.Rules {
			if r.Action.Type != action || r.Selection.TagStatus == Untagged {
				continue
			}
			wanted := append([]tagpattern.Pattern{pattern}, compileEntries(r.Selection)...)
			switch tags, found, err := p.freeTags(wanted, p.higher(i), effort); {
			case err != nil:
				doubt = err
			case found:
				return p.reached(i, tags)
			}
		}
	}
	if doubt != nil {
		return Reach{Answer: Unknown, Reason: doubt.Error()}
	}
	return Reach{Answer: No, Reason: fmt.Sprintf("no rule can come to act on an image with a tag of the %q", pattern.String())}
}

func noSuchTag(pattern tagpattern.Pattern, err error) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("no tag can match the %q", pattern.String())
}

// reached is the answer Yes for an image with these tags, of which the first is
// the one that was asked for.
func (p *Policy) reached(rule int, tags []string) Reach {
	r := p.Rules[rule]
	reach := Reach{Answer: Yes, Example: tags[0], With: r.needed(tags), Rule: r.Priority, Action: r.Action.Type}
	reach.Reason = fmt.Sprintf("an image tagged %s is governed by the %s, which %s", quoted(append([]string{reach.Example}, reach.With...), " and "), r.name(), r.effect())
	switch {
	case r.Selection.StorageClass == Archive:
		reach.Reason = strings.Replace(reach.Reason, "an image", "an archived image", 1)
	case r.Selection.CountType == SinceImagePulled:
		reach.Reason += "; one that was never pulled is as old as its push, however new its tag is"
	default:
		reach.Reason += "; its age counts from the push, however new its tag is"
	}
	return reach
}

// needed are those of an image's tags without which, beside the first, the rule
// would not select it.
func (r Rule) needed(tags []string) []string {
	needed := slices.Clone(tags)
	for i := len(needed) - 1; i > 0; i-- {
		if without := slices.Delete(slices.Clone(needed), i, i+1); r.selectsTags(without) {
			needed = without
		}
	}
	if len(needed) == 1 {
		return nil
	}
	return needed[1:]
}

// selectsTags reports whether the rule selects an image with these tags.
func (r Rule) selectsTags(tags []string) bool {
	for _, e := range compileEntries(r.Selection) {
		if !slices.ContainsFunc(tags, e.Match) {
			return false
		}
	}
	return true
}
