package lifecycle

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ecraudit/ecraudit/internal/tagpattern"
)

// maxShields is how many rules may be spent on keeping releases, of the 50 that
// a policy can have. The ten digits and a letter before them take eleven.
const maxShields = 12

// shieldCount is how many images a rule keeps that is there to keep all. AWS
// documents no largest number. This one is ten times the images that a
// repository can have by default (100,000), and other people's policies have it.
const shieldCount = 1_000_000

// keeping is a rule that selects images and keeps them all. No later rule acts
// on them.
func keeping(wildcard string) Rule {
	return Rule{
		Priority:    1,
		Description: "ecraudit: keep releases " + wildcard,
		Selection: Selection{
			TagStatus: Tagged, TagPatterns: []string{wildcard}, StorageClass: Standard,
			CountType: ImageCountMoreThan, CountNumber: shieldCount,
		},
		Action: Action{Type: Expire},
	}
}

func (r Rule) keepsAll() bool { return !r.Selection.days() && r.Selection.CountNumber == shieldCount }

func keepingWords(rules []Rule) string {
	first, last := rules[0].Priority, rules[len(rules)-1].Priority
	var wildcards []string
	for _, r := range rules {
		wildcards = append(wildcards, r.Selection.TagPatterns...)
	}
	subject := fmt.Sprintf("the rule with priority %d keeps", first)
	if first != last {
		subject = fmt.Sprintf("the rules with priorities %d to %d keep", first, last)
	}
	return fmt.Sprintf("added: %s images with a tag matching %s, so that a release does not expire for a development tag that it carries as well",
		subject, quoted(wildcards, ", "))
}

// shield finds the wildcards of rules that keep releases, and the development
// tags whose rules these spare releases from. Of the others it notes why
// releases are exposed to theirs.
func (m *meeting) shield(development []string) (spared, keep []string, err error) {
	if m.demand.Releases == "" || len(development) == 0 {
		return nil, nil, nil
	}
	s, err := m.shielding()
	if err != nil {
		return nil, nil, err
	}
	if _, open := s.openTag(); !open {
		return development, nil, nil
	}
	for _, wildcard := range development {
		if reason := s.excuse(wildcard, m.after); reason != "" {
			m.exposed = append(m.exposed, fmt.Sprintf("images that carry a release tag beside one matching %q would expire too: %s", wildcard, reason))
			continue
		}
		s.rivals = append(s.rivals, wildcard)
	}
	if len(s.rivals) == 0 {
		return nil, nil, nil
	}
	return s.rivals, s.fewest(), nil
}

func (m *meeting) shielding() (*shielding, error) {
	release, err := tagpattern.Regexp(m.demand.Releases)
	if err != nil {
		return nil, unreadableReleases(err)
	}
	expression, err := syntax.Parse(m.demand.Releases, syntax.Perl)
	if err != nil {
		return nil, unreadableReleases(err)
	}
	s := &shielding{release: release, expression: expression.Simplify(), effort: newEffort()}
	for _, r := range m.before {
		if r.Selection.TagStatus == Tagged && r.Selection.StorageClass == Standard {
			s.governed = append(s.governed, compileEntries(r.Selection))
		}
	}
	return s, nil
}

func unreadableReleases(err error) error {
	return &ConflictError{Reason: fmt.Sprintf("the pattern of release tags cannot be read, so that releases could not be spared: %v", err)}
}

// shielding is the search for wildcards that match every release tag and no
// tag that a rival matches.
type shielding struct {
	release    tagpattern.Pattern
	expression *syntax.Regexp         // of the same tags
	rivals     []string               // wildcards of development tags, so far
	governed   [][]tagpattern.Pattern // tag lists of given rules, which decide first
	backwards  bool                   // tell tags apart by their ends where both ends would do
	effort     *effort
}

// openTag finds a release tag that matches the patterns and that no given rule
// governs. One that cannot be ruled out counts as found.
func (s *shielding) openTag(patterns ...tagpattern.Pattern) (tag string, found bool) {
	tags, found, err := s.effort.findImage([][]tagpattern.Pattern{append(patterns, s.release)}, s.governed)
	if !found || err != nil {
		return "", err != nil
	}
	return tags[0], true
}

// excuse is why no rules may keep releases from the one for another
// development tag.
func (s *shielding) excuse(wildcard string, after []Rule) string {
	if len(after) > 0 {
		return "the rule for every image expires releases as well, and one that keeps them would change that"
	}
	if tag, found := s.openTag(tagpattern.Wildcard(wildcard)); tag != "" {
		return fmt.Sprintf("release tags such as %q match it themselves", tag)
	} else if found {
		return s.despair()
	}
	more := *s
	more.rivals = append(slices.Clone(s.rivals), wildcard)
	if len(more.fewest()) == 0 {
		return s.despair()
	}
	return ""
}

// despair is why no wildcards were found.
func (s *shielding) despair() string {
	if s.effort.left <= 0 {
		return tagpattern.ErrTooComplex.Error()
	}
	return fmt.Sprintf("it would take more than %d ECR wildcards to match all release tags and none of the others", maxShields)
}

// fewest tells releases apart by how their tags begin and by how they end, and
// takes what needs fewer wildcards. There are none when neither will do.
func (s *shielding) fewest() []string {
	var fewest []string
	for _, s.backwards = range []bool{false, true} {
		wildcards := s.prune(s.search())
		if len(wildcards) > 0 && s.covered(wildcards) && (fewest == nil || len(wildcards) < len(fewest)) {
			fewest = wildcards
		}
	}
	return fewest
}

// search refines the one wildcard that matches everything until none matches a
// tag of a rival.
func (s *shielding) search() []string {
	const maxSteps = 20 * maxShields
	todo := []sketch{flatten(s.expression)}
	var wildcards []string
	for range maxSteps {
		if len(todo) == 0 {
			return wildcards
		}
		if len(todo)+len(wildcards) > maxShields {
			return nil
		}
		next := todo[0]
		wildcard := next.wildcard()
		rival := s.rival(wildcard)
		if rival == "" {
			wildcards, todo = append(wildcards, wildcard), todo[1:]
			continue
		}
		finer, ok := next.refine(s.atEnd(rival))
		if !ok {
			return nil
		}
		todo = append(s.needed(finer), todo[1:]...)
	}
	return nil
}

// rival is one that a tag can match beside this wildcard.
func (s *shielding) rival(wildcard string) string {
	for _, rival := range s.rivals {
		if _, overlap, err := tagpattern.Overlap(tagpattern.Wildcard(wildcard), tagpattern.Wildcard(rival)); overlap || err != nil {
			return rival
		}
	}
	return ""
}

// atEnd reports whether tags are to be told from the rival's by their ends.
func (s *shielding) atEnd(rival string) bool {
	begins, ends := !strings.HasPrefix(rival, "*"), !strings.HasSuffix(rival, "*")
	if begins == ends {
		return s.backwards
	}
	return ends
}

func (s *shielding) needed(sketches []sketch) []sketch {
	return slices.DeleteFunc(sketches, func(k sketch) bool {
		_, open := s.openTag(tagpattern.Wildcard(k.wildcard()))
		return !open
	})
}

// prune leaves out wildcards whose releases the others keep.
func (s *shielding) prune(wildcards []string) []string {
	for i := range slices.Backward(wildcards) {
		if others := slices.Delete(slices.Clone(wildcards), i, i+1); s.covered(others) {
			wildcards = others
		}
	}
	return wildcards
}

// covered reports whether the wildcards match every release tag that no given
// rule governs.
func (s *shielding) covered(wildcards []string) bool {
	with := *s
	with.governed = slices.Clone(s.governed)
	for _, wildcard := range wildcards {
		with.governed = append(with.governed, []tagpattern.Pattern{tagpattern.Wildcard(wildcard)})
	}
	_, open := with.openTag()
	return !open
}

// sketch is a regular expression in parts, one after the other. A wildcard
// shows its literals, and an asterisk for everything else: it matches every tag
// that the expression matches, and more.
type sketch []*syntax.Regexp

// flatten takes parts apart that are no more than a sequence of others.
func flatten(parts ...*syntax.Regexp) sketch {
	var flat sketch
	for _, part := range parts {
		if part.Op == syntax.OpCapture || part.Op == syntax.OpConcat {
			flat = append(flat, flatten(part.Sub...)...)
		} else {
			flat = append(flat, part)
		}
	}
	return flat
}

func (k sketch) wildcard() string {
	const begin, end = "^", "$" // no tag has these
	var b strings.Builder
	for _, part := range k {
		switch {
		case part.Op == syntax.OpBeginText || part.Op == syntax.OpBeginLine:
			b.WriteString(begin)
		case part.Op == syntax.OpEndText || part.Op == syntax.OpEndLine:
			b.WriteString(end)
		case vague(part):
			b.WriteString("*")
		case part.Op == syntax.OpLiteral:
			b.WriteString(string(part.Rune))
		}
	}
	text := b.String()
	if !strings.HasPrefix(text, begin) {
		text = "*" + text
	}
	if !strings.HasSuffix(text, end) {
		text += "*"
	}
	return fewAsterisks(strings.NewReplacer(begin, "", end, "").Replace(text))
}

// fewAsterisks makes a pattern wider until it has no more asterisks than ECR
// takes.
func fewAsterisks(pattern string) string {
	for strings.Contains(pattern, "**") {
		pattern = strings.ReplaceAll(pattern, "**", "*")
	}
	pieces := strings.Split(pattern, "*")
	if last := len(pieces) - 1; last > maxWildcards {
		pieces = slices.Delete(pieces, maxWildcards, last)
	}
	return strings.Join(pieces, "*")
}

// vague reports whether a wildcard has an asterisk for a part.
func vague(part *syntax.Regexp) bool {
	return !empty(part) && (part.Op != syntax.OpLiteral || folds(part))
}

func folds(part *syntax.Regexp) bool { return part.Flags&syntax.FoldCase != 0 }

// empty reports whether a part takes no letters of a tag.
func empty(part *syntax.Regexp) bool {
	switch part.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return true
	}
	return false
}

// refine looks closer at the first part that the wildcard has an asterisk for,
// or at the last. The result are sketches that together match what this one
// does.
func (k sketch) refine(atEnd bool) (finer []sketch, ok bool) {
	at := -1
	for i, part := range k {
		if vague(part) && (at < 0 || atEnd) {
			at = i
		}
	}
	if at < 0 {
		return nil, false
	}
	meanings, ok := alternatives(k[at], atEnd)
	for _, meaning := range meanings {
		finer = append(finer, slices.Concat(k[:at], flatten(meaning...), k[at+1:]))
	}
	return finer, ok
}

// alternatives are what a part of a regular expression stands for. The ones of
// a repetition show its first element, or its last.
func alternatives(part *syntax.Regexp, atEnd bool) ([]sketch, bool) {
	switch part.Op {
	case syntax.OpAlternate:
		var each []sketch
		for _, sub := range part.Sub {
			each = append(each, sketch{sub})
		}
		return each, true
	case syntax.OpQuest:
		return []sketch{part.Sub, {}}, true
	case syntax.OpPlus:
		return []sketch{repetition(part.Sub[0], atEnd)}, true
	case syntax.OpStar:
		return []sketch{repetition(part.Sub[0], atEnd), {}}, true
	case syntax.OpLiteral, syntax.OpCharClass:
		return letters(part)
	}
	return nil, part.Op == syntax.OpNoMatch
}

// repetition is one element with any number of others.
func repetition(element *syntax.Regexp, atEnd bool) sketch {
	more := &syntax.Regexp{Op: syntax.OpStar, Sub: []*syntax.Regexp{element}}
	if atEnd {
		return sketch{more, element}
	}
	return sketch{element, more}
}

// letters are the letters of a tag that a class has, or the spellings of a
// literal in which the case makes no difference, letter by letter.
func letters(part *syntax.Regexp) ([]sketch, bool) {
	if part.Op == syntax.OpLiteral && len(part.Rune) > 1 {
		var each sketch
		for _, r := range part.Rune {
			each = append(each, &syntax.Regexp{Op: syntax.OpLiteral, Flags: part.Flags, Rune: []rune{r}})
		}
		return []sketch{each}, true
	}
	var each []sketch
	for letter := range rune(utf8.RuneSelf) {
		if has(part, letter) && tagpattern.Valid("_"+string(letter)) {
			each = append(each, sketch{{Op: syntax.OpLiteral, Rune: []rune{letter}}})
		}
	}
	return each, len(each) <= maxShields
}

// has reports whether a class, or a literal of one letter, matches a letter.
func has(part *syntax.Regexp, letter rune) bool {
	if part.Op == syntax.OpLiteral {
		return strings.EqualFold(string(part.Rune), string(letter))
	}
	for i := 0; i < len(part.Rune); i += 2 {
		if part.Rune[i] <= letter && letter <= part.Rune[i+1] {
			return true
		}
	}
	return false
}
