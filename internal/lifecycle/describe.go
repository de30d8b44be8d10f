package lifecycle

import (
	"fmt"
	"strconv"
	"strings"
)

// Describe says in plain words what each rule does, one line a rule, in the
// order in which they act. Text from the policy is quoted, so that it can be
// shown on a terminal.
func (p *Policy) Describe() []string {
	lines := make([]string, 0, len(p.Rules))
	for _, r := range p.Rules {
		line := fmt.Sprintf("priority %d: %s %s", r.Priority, r.verb(), r.object())
		if r.Description != "" {
			line += " — " + strconv.Quote(r.Description)
		}
		lines = append(lines, line)
	}
	return lines
}

// name is how a rule is spoken of. Priorities are unique, and they are what
// AWS shows.
func (r Rule) name() string { return fmt.Sprintf("rule with priority %d", r.Priority) }

// deed is what a rule does, without saying which tags it selects.
func (r Rule) deed() string { return r.name() + " " + r.effect() }

func (r Rule) effect() string {
	s := r.Selection
	if !s.days() {
		return fmt.Sprintf("%s all but the newest %d", r.verb(), s.CountNumber)
	}
	return fmt.Sprintf("%s images %s", r.verb(), s.age())
}

func (r Rule) verb() string {
	if r.Action.Type == Transition {
		return "archives"
	}
	return "expires"
}

// object is what a rule expires or archives.
func (r Rule) object() string {
	s := r.Selection
	if !s.days() {
		return fmt.Sprintf("all but the newest %d %s", s.CountNumber, s.images())
	}
	return fmt.Sprintf("%s that were %s", s.images(), s.age())
}

func (s Selection) age() string {
	days := "day"
	if s.CountNumber != 1 {
		days = "days"
	}
	switch s.CountType {
	case SinceImagePulled:
		return fmt.Sprintf("not pulled for more than %d %s", s.CountNumber, days)
	case SinceImageTransitioned:
		return fmt.Sprintf("archived more than %d %s ago", s.CountNumber, days)
	default:
		return fmt.Sprintf("pushed more than %d %s ago", s.CountNumber, days)
	}
}

// images is which images a rule selects.
func (s Selection) images() string {
	noun := "images"
	if s.StorageClass == Archive {
		noun = "archived images"
	}
	switch s.TagStatus {
	case Untagged:
		return noun + " without a tag"
	case AnyTag:
		return noun + " with or without a tag"
	}
	kind := "starting with"
	if len(s.TagPatterns) > 0 {
		kind = "matching"
	}
	entries := s.entries()
	if len(entries) == 1 {
		return fmt.Sprintf("%s with a tag %s %q", noun, kind, entries[0])
	}
	return fmt.Sprintf("%s that have, all at once, a tag %s %s", noun, kind, quoted(entries, " and one "+kind+" "))
}

func quoted(list []string, separator string) string {
	quotes := make([]string, len(list))
	for i, s := range list {
		quotes[i] = strconv.Quote(s)
	}
	return strings.Join(quotes, separator)
}
