package lifecycle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ecraudit/ecraudit/internal/tagpattern"
)

// The limits of PutLifecyclePolicy.
const (
	maxCharacters = 30720
	maxRules      = 50
	maxWildcards  = 4 // in one pattern
)

// minArchiveDays is how long an image stays in the archive at least.
const minArchiveDays = 90

// InvalidError says that PutLifecyclePolicy would refuse a document, and all
// the reasons for it. Each names its place: `rule 2 (priority 10): countUnit is
// missing: …`, where rules are counted from 1 as they stand in the document.
type InvalidError struct {
	Violations []string
}

func (e *InvalidError) Error() string {
	return "invalid lifecycle policy: " + strings.Join(e.Violations, "; ")
}

// Parse reads and validates a lifecycle policy as PutLifecyclePolicy does. The
// error is an [*InvalidError]. What AWS's documentation only suggests is not
// refused: see [Policy.Doubts].
func Parse(text string) (*Policy, error) {
	p := parser{}
	p.document(text)
	if len(p.violations) > 0 {
		return nil, &InvalidError{Violations: p.violations}
	}
	policy := &Policy{}
	for _, r := range p.rules {
		policy.Rules = append(policy.Rules, r.rule)
	}
	sortRules(policy.Rules)
	return policy, nil
}

// parser collects rules and violations. It goes on after a violation, and does
// not report twice what follows from the same mistake.
type parser struct {
	rules      []parsedRule
	violations []string
}

// parsedRule is a rule as far as it could be read.
type parsedRule struct {
	rule  Rule
	place string
}

func (p *parser) violate(place, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	if place != "" {
		message = place + ": " + message
	}
	p.violations = append(p.violations, message)
}

func (p *parser) document(text string) {
	if n := utf8.RuneCountInString(text); n > maxCharacters {
		p.violate("", "the document has %d characters, %d are allowed", n, maxCharacters)
		return
	}
	if err := wellFormed(text); err != nil {
		p.violate("", "not a JSON document: %v", err)
		return
	}
	o, ok := p.object("", "the document", json.RawMessage(text))
	if !ok {
		return
	}
	p.only("", o, "rules")
	raw, ok := o["rules"]
	if !ok {
		p.violate("", "rules is missing")
		return
	}
	var rules []json.RawMessage
	if kindOf(raw) != "an array" || json.Unmarshal(raw, &rules) != nil {
		p.violate("", "rules must be an array, not %s", kindOf(raw))
		return
	}
	if len(rules) == 0 {
		p.violate("", "rules is empty: a policy has at least one rule")
	}
	if len(rules) > maxRules {
		p.violate("", "the policy has %d rules, %d are allowed", len(rules), maxRules)
		rules = rules[:maxRules]
	}
	for i, raw := range rules {
		p.rule(i+1, raw)
	}
	p.compareRules()
}

// wellFormed checks that text is one JSON value in UTF-8.
func wellFormed(text string) error {
	if !utf8.ValidString(text) {
		return errors.New("it is not UTF-8 text")
	}
	d := json.NewDecoder(strings.NewReader(text))
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return errors.New("it ends too early")
		}
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			read := text[:min(syntax.Offset, int64(len(text)))]
			return fmt.Errorf("line %d: %w", 1+strings.Count(read, "\n"), err)
		}
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows after its end")
	}
	return nil
}

func (p *parser) rule(number int, raw json.RawMessage) {
	place := fmt.Sprintf("rule %d", number)
	o, ok := p.object(place, "it", raw)
	if !ok {
		return
	}
	var r Rule
	if r.Priority, ok = p.positive(place, o, "rulePriority"); ok {
		place = fmt.Sprintf("%s (priority %d)", place, r.Priority)
	}
	p.only(place, o, "rulePriority", "description", "selection", "action")
	if _, there := o["description"]; there {
		r.Description, _ = p.text(place, o, "description")
	}
	if raw, ok := p.required(place, o, "selection"); ok {
		r.Selection = p.selection(place, raw)
	}
	if raw, ok := p.required(place, o, "action"); ok {
		r.Action = p.action(place, raw)
	}
	if r.Action.Type == Transition && r.Selection.StorageClass == Archive {
		p.violate(place, "an archived image cannot be archived again: the action of a rule with storageClass %q must be %q", Archive, Expire)
	}
	p.rules = append(p.rules, parsedRule{rule: r, place: place})
}

func (p *parser) selection(place string, raw json.RawMessage) Selection {
	o, ok := p.object(place, "selection", raw)
	if !ok {
		return Selection{}
	}
	p.only(place, o, "tagStatus", "tagPrefixList", "tagPatternList", "storageClass", "countType", "countUnit", "countNumber")
	var s Selection
	s.TagStatus = p.oneOf(place, o, "tagStatus", Tagged, Untagged, AnyTag)
	s.TagPrefixes = p.list(place, o, "tagPrefixList")
	s.TagPatterns = p.list(place, o, "tagPatternList")
	p.tagLists(place, o, s)
	s.CountType = p.oneOf(place, o, "countType", ImageCountMoreThan, SinceImagePushed, SinceImagePulled, SinceImageTransitioned)
	s.CountNumber, _ = p.positive(place, o, "countNumber")
	p.countUnit(place, o, s)
	s.StorageClass = Standard
	if _, there := o["storageClass"]; there {
		s.StorageClass = p.oneOf(place, o, "storageClass", Standard, Archive)
	}
	p.storageClass(place, s)
	return s
}

func (p *parser) tagLists(place string, o object, s Selection) {
	_, prefixes := o["tagPrefixList"]
	_, patterns := o["tagPatternList"]
	switch {
	case (s.TagStatus == Untagged || s.TagStatus == AnyTag) && (prefixes || patterns):
		p.violate(place, "tagPrefixList and tagPatternList go only with tagStatus %q, not with %q", Tagged, s.TagStatus)
	case prefixes && patterns:
		p.violate(place, "tagPrefixList and tagPatternList exclude each other")
	case s.TagStatus == Tagged && !prefixes && !patterns:
		p.violate(place, "tagStatus %q needs tagPrefixList or tagPatternList; the pattern \"*\" selects every tagged image", Tagged)
	}
	for _, pattern := range s.TagPatterns {
		if n := strings.Count(pattern, "*"); n > maxWildcards {
			p.violate(place, "the pattern %q has %d wildcards, %d are allowed", pattern, n, maxWildcards)
		}
	}
}

func (p *parser) countUnit(place string, o object, s Selection) {
	_, there := o["countUnit"]
	switch {
	case s.CountType == "" || !there && !s.days():
	case !there:
		p.violate(place, `countUnit is missing: countType %q needs "days"`, s.CountType)
	case !s.days():
		p.violate(place, "countUnit does not go with countType %q", s.CountType)
	default:
		p.oneOf(place, o, "countUnit", "days")
	}
}

func (p *parser) storageClass(place string, s Selection) {
	if s.CountType == "" || s.StorageClass == "" {
		return
	}
	if transitioned := s.CountType == SinceImageTransitioned; transitioned != (s.StorageClass == Archive) {
		p.violate(place, "countType %q does not go with storageClass %q: %q, and only it, goes with %q",
			s.CountType, s.StorageClass, SinceImageTransitioned, Archive)
	}
}

func (p *parser) action(place string, raw json.RawMessage) Action {
	o, ok := p.object(place, "action", raw)
	if !ok {
		return Action{}
	}
	p.only(place, o, "type", "targetStorageClass")
	a := Action{Type: p.oneOf(place, o, "type", Expire, Transition)}
	_, there := o["targetStorageClass"]
	switch {
	case a.Type == Transition && there:
		p.oneOf(place, o, "targetStorageClass", Archive)
	case a.Type == Transition:
		p.violate(place, "targetStorageClass is missing: the action %q needs %q", Transition, Archive)
	case a.Type == Expire && there:
		p.violate(place, "targetStorageClass does not go with the action %q", Expire)
	}
	return a
}

// compareRules checks what no rule breaks alone. Rules of different storage
// classes do not meet.
func (p *parser) compareRules() {
	for i, r := range p.rules {
		for _, earlier := range p.rules[:i] {
			p.compare(earlier, r)
		}
	}
	for _, class := range []string{Standard, Archive} {
		p.anyIsLast(class)
	}
}

func (p *parser) compare(earlier, r parsedRule) {
	a, b := earlier.rule.Selection, r.rule.Selection
	if earlier.rule.Priority == r.rule.Priority && r.rule.Priority > 0 {
		p.violate(r.place, "%s has the same rulePriority", earlier.place)
	}
	if a.StorageClass != b.StorageClass || a.TagStatus != b.TagStatus {
		return
	}
	if b.TagStatus == Untagged {
		p.violate(r.place, "%s selects untagged images already, and only one rule of a storage class may", earlier.place)
	}
	if sameSet(a.TagPrefixes, b.TagPrefixes) {
		p.violate(r.place, "%s has the same set of tag prefixes", earlier.place)
	}
	if sameSet(a.TagPatterns, b.TagPatterns) {
		p.violate(r.place, "%s has the same set of tag patterns", earlier.place)
	}
}

func (p *parser) anyIsLast(class string) {
	for _, r := range p.rules {
		if r.rule.Selection.TagStatus != AnyTag || r.rule.Selection.StorageClass != class || r.rule.Priority == 0 {
			continue
		}
		for _, other := range p.rules {
			if other.rule.Selection.StorageClass == class && other.rule.Priority > r.rule.Priority {
				p.violate(r.place, "a rule with tagStatus %q must have the highest rulePriority of its storage class, but that of %s is higher", AnyTag, other.place)
				break
			}
		}
	}
}

// sameSet reports whether two lists, not both empty, have the same elements.
func sameSet(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return len(a) > 0 && slices.Equal(slices.Compact(a), slices.Compact(b))
}

// object is a JSON object with its values still to be read. encoding/json's own
// mapping to structs would take "RulePriority" for "rulePriority", and null for
// anything; AWS takes neither.
type object map[string]json.RawMessage

func (p *parser) object(place, what string, raw json.RawMessage) (object, bool) {
	var o object
	if kindOf(raw) != "an object" || json.Unmarshal(raw, &o) != nil {
		p.violate(place, "%s must be an object, not %s", what, kindOf(raw))
		return nil, false
	}
	return o, true
}

// only reports the fields that are not known here.
func (p *parser) only(place string, o object, known ...string) {
	var unknown []string
	for key := range o {
		if !slices.Contains(known, key) {
			unknown = append(unknown, key)
		}
	}
	slices.Sort(unknown)
	for _, key := range unknown {
		p.violate(place, "unknown field %.60q; the fields here are %s", key, strings.Join(known, ", "))
	}
}

func (p *parser) required(place string, o object, key string) (json.RawMessage, bool) {
	raw, ok := o[key]
	if !ok {
		p.violate(place, "%s is missing", key)
	}
	return raw, ok
}

func (p *parser) text(place string, o object, key string) (string, bool) {
	raw, ok := p.required(place, o, key)
	if !ok {
		return "", false
	}
	var s string
	if kindOf(raw) != "a string" || json.Unmarshal(raw, &s) != nil {
		p.violate(place, "%s must be a string, not %s", key, kindOf(raw))
		return "", false
	}
	return s, true
}

func (p *parser) oneOf(place string, o object, key string, values ...string) string {
	s, ok := p.text(place, o, key)
	if !ok {
		return ""
	}
	if !slices.Contains(values, s) {
		p.violate(place, "%s is %.60q; it must be %s", key, s, strings.Join(values, " or "))
		return ""
	}
	return s
}

func (p *parser) positive(place string, o object, key string) (int, bool) {
	raw, ok := p.required(place, o, key)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(string(raw), 10, 32)
	if err != nil || n < 1 {
		found := kindOf(raw)
		if found == "a number" {
			found = string(raw[:min(len(raw), 30)])
		}
		p.violate(place, "%s must be a positive integer, not %s", key, found)
		return 0, false
	}
	return int(n), true
}

// list reads a tag list. An empty entry is refused: as a prefix it would match
// every tag, as a pattern none.
func (p *parser) list(place string, o object, key string) []string {
	raw, ok := o[key]
	if !ok {
		return nil
	}
	var items []json.RawMessage
	if kindOf(raw) != "an array" || json.Unmarshal(raw, &items) != nil {
		p.violate(place, "%s must be an array, not %s", key, kindOf(raw))
		return nil
	}
	if len(items) == 0 {
		p.violate(place, "%s is empty", key)
	}
	var list []string
	for _, item := range items {
		var s string
		switch {
		case kindOf(item) != "a string" || json.Unmarshal(item, &s) != nil:
			p.violate(place, "%s must hold strings, not %s", key, kindOf(item))
		case s == "":
			p.violate(place, "%s has an empty entry", key)
		default:
			list = append(list, s)
		}
	}
	return list
}

// kindOf says what a well-formed JSON value is.
func kindOf(raw json.RawMessage) string {
	switch raw = bytes.TrimSpace(raw); raw[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	default:
		return "a number"
	}
}

// Doubts says what is questionable about a valid policy: what the user guide
// suggests that ECR does not support, without saying that it is refused.
func (p *Policy) Doubts() []string {
	var doubts []string
	for _, r := range p.Rules {
		doubt := func(format string, args ...any) {
			doubts = append(doubts, r.name()+": "+fmt.Sprintf(format, args...))
		}
		s := r.Selection
		if s.CountType == SinceImagePulled && r.Action.Type == Expire {
			doubt("the user guide describes %s for archiving images only, not for expiring them", SinceImagePulled)
		}
		if s.StorageClass == Archive && s.CountNumber < minArchiveDays {
			doubt("archived images stay at least %d days; a policy cannot delete them after %d", minArchiveDays, s.CountNumber)
		}
	}
	return doubts
}

// compileEntries are the patterns of a selection's tag list.
func compileEntries(s Selection) []tagpattern.Pattern {
	patterns := make([]tagpattern.Pattern, 0, len(s.entries()))
	for _, e := range s.TagPrefixes {
		patterns = append(patterns, tagpattern.Prefix(e))
	}
	for _, e := range s.TagPatterns {
		patterns = append(patterns, tagpattern.Wildcard(e))
	}
	return patterns
}
