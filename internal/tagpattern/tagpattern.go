// Package tagpattern treats image tags as languages: it decides whether two
// patterns can match the same tag, whether some patterns together match every
// tag that another one matches, and gives a tag that shows it.
//
// A tag is what Amazon ECR accepts as one: a letter, digit or underscore, then
// up to 127 letters, digits, underscores, dots and hyphens, all ASCII (API
// reference, PutImage; the same as in the OCI distribution specification).
// Patterns come in the spellings that ECR and the configuration use: a regular
// expression, a wildcard, a prefix, a tag itself.
//
// Answers are exact, not sampled. Each pattern becomes a finite automaton over
// the 65 letters that tags are made of, and [Search] walks through the product
// of these automata, breadth first. What it finds is therefore the shortest
// such tag, and among the shortest the first in the order 0-9 a-z A-Z _ . -,
// the same in every run. Letters that no pattern tells apart are tried as one.
package tagpattern

import (
	"errors"
	"regexp"
	"strings"
	"sync"
)

// MaxLength is the number of characters that a tag can have.
const MaxLength = 128

// ErrTooComplex means that an answer would need more states than Search is
// willing to visit. The question is then undecided: treat it as unknown.
var ErrTooComplex = errors.New("the tag patterns are too complex to compare")

// Valid reports whether ECR accepts tag as an image tag.
func Valid(tag string) bool {
	if tag == "" || len(tag) > MaxLength || !canStart(tag[0]) {
		return false
	}
	for i := range len(tag) {
		if !strings.Contains(alphabet, tag[i:i+1]) {
			return false
		}
	}
	return true
}

// Pattern is a set of tags. The zero Pattern matches nothing. Patterns are
// immutable and can be used by several goroutines.
type Pattern struct {
	text  string
	match func(tag string) bool
	// compile gives the pattern's automaton, made when it is first needed.
	compile func() (*automaton, error)
}

// Any matches every tag.
func Any() Pattern {
	return newPattern("any tag", "", func(string) bool { return true })
}

// Regexp matches the tags in which the regular expression finds a match, as
// [regexp.MatchString] does: unanchored, unless the expression says ^ or $. The
// error is that of [regexp.Compile].
func Regexp(expr string) (Pattern, error) {
	re, err := regexp.Compile(expr)
	if err != nil {
		return Pattern{}, err
	}
	return newPattern("regexp "+expr, expr, re.MatchString), nil
}

// Wildcard matches as ECR's tagPatternList and mutability exclusion filters
// do: the whole tag, where * stands for zero or more characters and everything
// else for itself.
func Wildcard(pattern string) Pattern {
	segments := strings.Split(pattern, "*")
	quoted := make([]string, len(segments))
	for i, s := range segments {
		quoted[i] = regexp.QuoteMeta(s)
	}
	match := func(tag string) bool { return matchSegments(segments, tag) }
	return newPattern("wildcard "+pattern, "^"+strings.Join(quoted, ".*")+"$", match)
}

// Prefix matches the tags that begin with prefix, as ECR's tagPrefixList does.
// A * in it stands for itself, and so matches no tag.
func Prefix(prefix string) Pattern {
	match := func(tag string) bool { return strings.HasPrefix(tag, prefix) }
	return newPattern("prefix "+prefix, "^"+regexp.QuoteMeta(prefix), match)
}

// Literal matches one tag.
func Literal(tag string) Pattern {
	match := func(t string) bool { return t == tag }
	return newPattern("tag "+tag, "^"+regexp.QuoteMeta(tag)+"$", match)
}

func newPattern(text, expr string, match func(string) bool) Pattern {
	compile := sync.OnceValues(func() (*automaton, error) { return compile(expr) })
	return Pattern{text: text, match: match, compile: compile}
}

// Match reports whether the tag is in the set. It does not check that the tag
// is a valid one.
func (p Pattern) Match(tag string) bool { return p.match != nil && p.match(tag) }

// String says which kind of pattern it is and how it was written, for example
// "wildcard v*". The text is as foreign as its source: quote it before it is
// shown.
func (p Pattern) String() string {
	if p.text == "" {
		return "no tag"
	}
	return p.text
}

// automaton of the pattern; that of the zero Pattern accepts nothing.
func (p Pattern) automaton() (*automaton, error) {
	if p.compile == nil {
		return compile(`$.`)
	}
	return p.compile()
}

// matchSegments matches a wildcard that was split at its asterisks. Taking the
// first place where a segment fits is enough, because an asterisk can take
// whatever is left over.
func matchSegments(segments []string, tag string) bool {
	first, last := segments[0], segments[len(segments)-1]
	if len(segments) == 1 {
		return tag == first
	}
	if len(tag) < len(first)+len(last) || !strings.HasPrefix(tag, first) || !strings.HasSuffix(tag, last) {
		return false
	}
	rest := tag[len(first) : len(tag)-len(last)]
	for _, s := range segments[1 : len(segments)-1] {
		i := strings.Index(rest, s)
		if i < 0 {
			return false
		}
		rest = rest[i+len(s):]
	}
	return true
}
