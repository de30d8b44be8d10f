package lifecycle

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ecraudit/ecraudit/internal/tagpattern"
)

// RuleInspection is what can be said of a rule without looking at images.
type RuleInspection struct {
	Priority int `json:"priority"`
	// Acts is Yes when an image can be pushed that the rule comes to act on, No
	// when none can, and Unknown when that could not be decided.
	Acts string `json:"acts"`
	// Reason says why the rule cannot act, or why that is unknown. Of a rule
	// that can act it says what may surprise, if anything.
	Reason string `json:"reason,omitempty"`
	// ShadowedBy are the priorities of higher rules that together keep every
	// image that the rule selects from it. None of them could be left out,
	// unless the policy is too complex to find that out.
	ShadowedBy []int `json:"shadowed_by,omitempty"`
	// Words is the rule in one plain sentence. Text from the policy is quoted.
	Words string `json:"words"`
}

// Inspect says of each rule, in order, whether it can ever act. The answer is
// exact over all sets of tags that an image can carry: a rule acts on an image
// only where no higher rule of its storage class selects the image.
func (p *Policy) Inspect() []RuleInspection {
	inspections, effort := make([]RuleInspection, len(p.Rules)), newEffort()
	for i := range p.Rules {
		inspections[i] = p.inspect(i, effort)
	}
	return inspections
}

func (p *Policy) inspect(rule int, effort *effort) RuleInspection {
	r := p.Rules[rule]
	inspection := RuleInspection{Priority: r.Priority, Words: r.sentence()}
	higher := p.higher(rule)
	free, err := p.free(rule, higher, effort)
	by := p.one(rule, higher, free)
	switch {
	case free:
		inspection.Acts, inspection.Reason = Yes, p.caution(rule)
	case r.selectsNothing():
		inspection.Acts, inspection.Reason = No, r.nothingSelected()
	case len(by) == 0 && err != nil:
		inspection.Acts, inspection.Reason = Unknown, "it could not be decided which images the higher rules leave to it: "+err.Error()
	default:
		if len(by) == 0 {
			by = p.fewest(rule, higher, effort)
		}
		inspection.Acts, inspection.ShadowedBy = No, p.priorities(by)
		inspection.Reason = p.shadow(by)
	}
	return inspection
}

// higher are the rules of the same storage class that act before a rule.
func (p *Policy) higher(rule int) []int {
	var higher []int
	for i := range rule {
		if p.Rules[i].Selection.StorageClass == p.Rules[rule].Selection.StorageClass {
			higher = append(higher, i)
		}
	}
	return higher
}

// free reports whether an image exists that the rule selects and none of the
// others does.
func (p *Policy) free(rule int, others []int, effort *effort) (bool, error) {
	switch p.Rules[rule].Selection.TagStatus {
	case Untagged:
		return !slices.ContainsFunc(others, p.takesUntagged), nil
	case AnyTag:
		if !slices.ContainsFunc(others, p.takesUntagged) {
			return true, nil
		}
	}
	_, found, err := p.freeTags(p.Rules[rule].wanted(), others, effort)
	return found, err
}

func (p *Policy) takesUntagged(rule int) bool { return p.Rules[rule].Selection.TagStatus != Tagged }

// freeTags finds the tags of an image that has one for each pattern, and that
// none of the rules selects.
func (p *Policy) freeTags(patterns []tagpattern.Pattern, rules []int, effort *effort) (tags []string, found bool, err error) {
	var feared [][]tagpattern.Pattern
	for _, i := range rules {
		switch p.Rules[i].Selection.TagStatus {
		case AnyTag:
			return nil, false, nil
		case Tagged:
			feared = append(feared, compileEntries(p.Rules[i].Selection))
		}
	}
	return effort.findTagged(patterns, feared)
}

// wanted are the patterns that a tagged image must match for the rule.
func (r Rule) wanted() []tagpattern.Pattern {
	if r.Selection.TagStatus == AnyTag {
		return []tagpattern.Pattern{tagpattern.Any()}
	}
	return compileEntries(r.Selection)
}

// one is the first higher rule that alone leaves nothing to a rule, if there is
// one and the rule is not free. That is decided even where all the higher rules
// together are too complex.
func (p *Policy) one(rule int, higher []int, free bool) []int {
	for i := 0; i < len(higher) && !free; i++ {
		if alone := higher[i : i+1]; p.shadowed(rule, alone, newEffort()) {
			return alone
		}
	}
	return nil
}

// fewest are higher rules that together leave nothing to a rule, so few that
// none can be left out.
func (p *Policy) fewest(rule int, higher []int, effort *effort) []int {
	fewest := higher
	for _, i := range higher {
		without := slices.DeleteFunc(slices.Clone(fewest), func(j int) bool { return i == j })
		if p.shadowed(rule, without, effort) {
			fewest = without
		}
	}
	return fewest
}

func (p *Policy) shadowed(rule int, by []int, effort *effort) bool {
	free, err := p.free(rule, by, effort)
	return !free && err == nil
}

func (p *Policy) priorities(rules []int) []int {
	list := make([]int, len(rules))
	for i, rule := range rules {
		list[i] = p.Rules[rule].Priority
	}
	return list
}

func (p *Policy) shadow(by []int) string {
	if len(by) == 1 {
		return fmt.Sprintf("every image that it selects is selected by the %s too, and the first rule that selects an image is the only one that may act on it", p.Rules[by[0]].name())
	}
	return fmt.Sprintf("every image that it selects is selected by one of the rules with priorities %s too, and the first rule that selects an image is the only one that may act on it", enumerate(p.priorities(by)))
}

// selectsNothing reports whether an entry of the tag list matches no tag that
// ECR accepts.
func (r Rule) selectsNothing() bool { return len(r.deadEntries()) > 0 }

func (r Rule) deadEntries() []string {
	var dead []string
	for i, e := range compileEntries(r.Selection) {
		if !oneTagMatchesAll([]tagpattern.Pattern{e}) {
			dead = append(dead, r.Selection.entries()[i])
		}
	}
	return dead
}

func (r Rule) nothingSelected() string {
	reason := "no tag that ECR accepts matches " + quoted(r.deadEntries(), " or ")
	if len(r.Selection.TagPrefixes) > 0 && strings.Contains(strings.Join(r.deadEntries(), ""), "*") {
		return reason + ": in tagPrefixList an asterisk stands for itself, wildcards belong in tagPatternList"
	}
	return reason
}

// needsSeveralTags reports whether no single tag matches every entry of the
// rule's list, although each is matched by some tag: the sign of a list that
// was meant as alternatives.
func (r Rule) needsSeveralTags() bool {
	entries := compileEntries(r.Selection)
	return len(entries) > 1 && !r.selectsNothing() && !oneTagMatchesAll(entries)
}

// caution is what may surprise about a rule that can act.
func (p *Policy) caution(rule int) string {
	r := p.Rules[rule]
	switch {
	case r.needsSeveralTags():
		return fmt.Sprintf("it selects only images that carry a tag of each of %s, because the entries of a tag list are ANDed; an image with one of them is not selected", quoted(r.Selection.entries(), ", "))
	case r.Selection.StorageClass == Archive && !p.archives():
		return "no rule of the policy archives images, so it acts only on those that were archived by hand"
	}
	return ""
}

func (p *Policy) archives() bool {
	return slices.ContainsFunc(p.Rules, func(r Rule) bool { return r.Action.Type == Transition })
}

// sentence is the rule in plain words.
func (r Rule) sentence() string {
	text := r.verb() + " " + r.object()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// enumerate writes "1, 2 and 3".
func enumerate[T any](list []T) string {
	var b strings.Builder
	for i, item := range list {
		switch {
		case i > 0 && i == len(list)-1:
			b.WriteString(" and ")
		case i > 0:
			b.WriteString(", ")
		}
		fmt.Fprint(&b, item)
	}
	return b.String()
}
