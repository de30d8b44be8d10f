// Package lifecycle reads ECR lifecycle policies and computes what they do: to
// the images of a repository at a given moment ([Policy.Simulate]), and in the
// long run to every image that could be pushed ([Policy.CoversTag]).
//
// A policy is a list of rules. Each rule selects images of one storage class by
// their tags, sets a limit (a number of images or an age in days of 24 hours),
// and expires or archives what lies beyond. Two things surprise people, and
// most tools:
//
//   - The entries of a tag list are ANDed: a rule with three prefixes selects
//     only images that carry a tag of each.
//   - The first rule whose tag selection matches an image governs it. No later
//     rule acts on it, even when the first one keeps it forever.
//
// The source of every constraint and of the order of evaluation is the Amazon
// ECR user guide ("Lifecycle policy properties", "Lifecycle policy evaluation
// rules", "Archiving an image") and the API reference (PutLifecyclePolicy).
// Where these leave something open, the comment beside the code says what was
// decided. Everything is pure: time comes in as a value, nothing is read.
package lifecycle

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
)

// The values of tagStatus.
const (
	Tagged   = "tagged"
	Untagged = "untagged"
	AnyTag   = "any"
)

// The values of storageClass.
const (
	Standard = "standard"
	Archive  = "archive"
)

// The values of countType.
const (
	ImageCountMoreThan     = "imageCountMoreThan"
	SinceImagePushed       = "sinceImagePushed"
	SinceImagePulled       = "sinceImagePulled"
	SinceImageTransitioned = "sinceImageTransitioned"
)

// The types of action.
const (
	Expire     = "expire"
	Transition = "transition"
)

// Policy is a valid lifecycle policy. Make one with [Parse]. It is marshaled to
// JSON as PutLifecyclePolicy takes it, and must not be changed while in use.
type Policy struct {
	Rules []Rule // in ascending order of Priority, which is the order in which they act
}

// Rule selects images and acts on those beyond a limit.
type Rule struct {
	Priority    int
	Description string // foreign text
	Selection   Selection
	Action      Action
}

// Selection is which images a rule looks at, and which of these it keeps.
type Selection struct {
	TagStatus string // Tagged, Untagged or AnyTag
	// TagPrefixes and TagPatterns are ANDed: an image is selected when every
	// entry matches at least one of its tags. Exactly one of them is there
	// when TagStatus is Tagged, and none otherwise.
	TagPrefixes  []string
	TagPatterns  []string // * stands for zero or more characters
	StorageClass string   // Standard or Archive; never empty
	CountType    string
	CountNumber  int // images for ImageCountMoreThan, otherwise days
}

// Action is what happens to the selected images that are beyond the limit.
type Action struct {
	Type string // Expire, or Transition to the archive
}

// days reports whether the limit is an age rather than a number of images.
func (s Selection) days() bool { return s.CountType != ImageCountMoreThan }

// entries are the tag list of the selection, of either kind.
func (s Selection) entries() []string {
	if len(s.TagPatterns) > 0 {
		return s.TagPatterns
	}
	return s.TagPrefixes
}

// The document as AWS writes it.
type (
	document struct {
		Rules []ruleDocument `json:"rules"`
	}
	ruleDocument struct {
		Priority    int               `json:"rulePriority"`
		Description string            `json:"description,omitempty"`
		Selection   selectionDocument `json:"selection"`
		Action      actionDocument    `json:"action"`
	}
	selectionDocument struct {
		TagStatus    string   `json:"tagStatus"`
		TagPrefixes  []string `json:"tagPrefixList,omitempty"`
		TagPatterns  []string `json:"tagPatternList,omitempty"`
		StorageClass string   `json:"storageClass,omitempty"`
		CountType    string   `json:"countType"`
		CountUnit    string   `json:"countUnit,omitempty"`
		CountNumber  int      `json:"countNumber"`
	}
	actionDocument struct {
		Type   string `json:"type"`
		Target string `json:"targetStorageClass,omitempty"`
	}
)

// MarshalJSON writes the policy as PutLifecyclePolicy takes it. Parsing the
// result gives a policy that is [Equal].
func (p *Policy) MarshalJSON() ([]byte, error) { return json.Marshal(p.document()) }

func (p *Policy) document() document {
	d := document{Rules: []ruleDocument{}}
	for _, r := range p.Rules {
		d.Rules = append(d.Rules, r.document())
	}
	return d
}

func (r Rule) document() ruleDocument {
	s := selectionDocument{
		TagStatus: r.Selection.TagStatus, TagPrefixes: r.Selection.TagPrefixes, TagPatterns: r.Selection.TagPatterns,
		CountType: r.Selection.CountType, CountNumber: r.Selection.CountNumber,
	}
	if r.Selection.days() {
		s.CountUnit = "days"
	}
	if r.Selection.StorageClass == Archive { // the default is left out, as most people do
		s.StorageClass = Archive
	}
	a := actionDocument{Type: r.Action.Type}
	if r.Action.Type == Transition {
		a.Target = Archive
	}
	return ruleDocument{Priority: r.Priority, Description: r.Description, Selection: s, Action: a}
}

// Equal reports whether two policies mean the same: the same rules in the same
// order. Descriptions, the numbers of the priorities, the order and repetition
// of list entries, and the two ways to write a prefix ("v" in a prefix list,
// "v*" in a pattern list) make no difference. Nil is no policy.
func Equal(a, b *Policy) bool {
	if a == nil || b == nil {
		return a == b
	}
	return slices.EqualFunc(a.Rules, b.Rules, func(x, y Rule) bool {
		return x.Action == y.Action && x.Selection.equal(y.Selection)
	})
}

func (s Selection) equal(o Selection) bool {
	return s.TagStatus == o.TagStatus && s.StorageClass == o.StorageClass &&
		s.CountType == o.CountType && s.CountNumber == o.CountNumber &&
		slices.Equal(s.canonicalEntries(), o.canonicalEntries())
}

// canonicalEntries is the tag list as a sorted set of patterns. A prefix that
// holds an asterisk, which no tag does, stays what it is.
func (s Selection) canonicalEntries() []string {
	var entries []string
	for _, p := range s.TagPrefixes {
		if strings.Contains(p, "*") {
			entries = append(entries, "prefix "+p)
		} else {
			entries = append(entries, p+"*")
		}
	}
	for _, p := range s.TagPatterns {
		for strings.Contains(p, "**") {
			p = strings.ReplaceAll(p, "**", "*")
		}
		entries = append(entries, p)
	}
	slices.Sort(entries)
	return slices.Compact(entries)
}

func sortRules(rules []Rule) {
	slices.SortStableFunc(rules, func(a, b Rule) int { return cmp.Compare(a.Priority, b.Priority) })
}
