package access

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// glob is a pattern in the way of IAM: literal characters, any run of
// characters, any one character. Wildcards are values of their own, so that a
// literal star (from ${*}, or in an operator that knows no wildcards) is never
// taken for one.
type glob []rune

const (
	anyRun rune = -1 // "*"
	anyOne rune = -2 // "?"
)

func wildcards(text string) glob {
	g := make(glob, 0, len(text))
	for _, r := range text {
		switch r {
		case '*':
			r = anyRun
		case '?':
			r = anyOne
		}
		g = append(g, r)
	}
	return g
}

func literal(text string) glob { return glob([]rune(text)) }

// fixed reports whether the pattern has no wildcard.
func (g glob) fixed() bool {
	for _, r := range g {
		if r < 0 {
			return false
		}
	}
	return true
}

// everything reports whether the pattern matches every string.
func (g glob) everything() bool {
	for _, r := range g {
		if r != anyRun {
			return false
		}
	}
	return len(g) > 0
}

// match compares in time proportional to the product of the lengths at worst.
func (g glob) match(text string, fold bool) bool {
	star, resume := -1, 0
	i, at := 0, 0
	for at < len(text) {
		r, size := utf8.DecodeRuneInString(text[at:])
		switch {
		case i < len(g) && g[i] == anyRun:
			star, resume = i, at
			i++
		case i < len(g) && (g[i] == anyOne || g[i] == r || fold && g[i] >= 0 && unicode.ToLower(g[i]) == unicode.ToLower(r)):
			i++
			at += size
		case star >= 0:
			_, step := utf8.DecodeRuneInString(text[resume:])
			resume += step
			i, at = star+1, resume
		default:
			return false
		}
	}
	for i < len(g) && g[i] == anyRun {
		i++
	}
	return i == len(g)
}

// fill replaces every run by the given text and every single wildcard by one
// of its characters, which makes a string that the pattern matches.
func (g glob) fill(with string, one rune) string {
	var b strings.Builder
	b.Grow(len(g) + len(with))
	g.fillInto(&b, with, one)
	return b.String()
}

func (g glob) fillInto(b *strings.Builder, with string, one rune) {
	for _, r := range g {
		switch r {
		case anyRun:
			b.WriteString(with)
		case anyOne:
			b.WriteRune(one)
		default:
			b.WriteRune(r)
		}
	}
}

// head is the pattern up to its first run, tail what follows its last one.
func (g glob) head() glob {
	for i, r := range g {
		if r == anyRun {
			return g[:i]
		}
	}
	return g
}

func (g glob) tail() glob {
	for i, r := range slices.Backward(g) {
		if r == anyRun {
			return g[i+1:]
		}
	}
	return g
}

// arnParts is how many parts an ARN has; the last may have colons of its own.
const arnParts = 6

// cut splits the pattern at its colons into the parts of an ARN.
func (g glob) cut() []glob {
	parts := make([]glob, 0, arnParts)
	from := 0
	for i, r := range g {
		if r == ':' && len(parts) < arnParts-1 {
			parts = append(parts, g[from:i])
			from = i + 1
		}
	}
	return append(parts, g[from:])
}

// account is the account that a pattern of ARNs names, "" where it names none.
func (g glob) account() string {
	if parts := g.cut(); len(parts) == arnParts && parts[4].fixed() {
		return parts[4].String()
	}
	return ""
}

func (g glob) String() string {
	var b strings.Builder
	b.Grow(len(g))
	for _, r := range g {
		switch r {
		case anyRun:
			b.WriteByte('*')
		case anyOne:
			b.WriteByte('?')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// filler is what stands where a pattern leaves the text open. It is unlike
// anything that people write into policies.
const filler = "9q7zfill"

// instances returns strings that stand for the classes which the patterns
// divide all strings into: each pattern with its runs empty and filled, and
// for each two patterns a string that begins as one and ends as the other.
func instances(patterns []glob) []string {
	var list []string
	for _, p := range patterns {
		list = append(list, p.fill(filler, 'q'))
		if !p.fixed() {
			list = append(list, p.fill("", 'q'))
		}
	}
	const most = 12 // bounds the square
	if len(patterns) > most {
		patterns = patterns[:most]
	}
	for i, p := range patterns {
		for j, q := range patterns {
			if i != j && !p.fixed() && !q.fixed() {
				list = append(list, p.head().fill("", 'q')+filler+q.tail().fill("", 'q'))
			}
		}
	}
	return list
}
