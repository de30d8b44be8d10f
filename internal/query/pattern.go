package query

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// pattern is a value of a condition: its characters as they are written, and each
// folded so that case does not count; in both, wildcards.
type pattern struct{ written, folded []rune }

// The wildcards of a pattern.
const (
	anyText      rune = -1 // any characters, or none
	anyCharacter rune = -2
)

// fold is the same for characters that differ only in case.
func fold(r rune) rune {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	least := r
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		least = min(least, other)
	}
	return unicode.ToLower(least)
}

func (p *pattern) add(r rune) {
	p.written = append(p.written, r)
	p.folded = append(p.folded, fold(r))
}

// addWildcard leaves one out that would change nothing.
func (p *pattern) addWildcard(r rune) {
	if last := len(p.written) - 1; r == anyText && last >= 0 && p.written[last] == anyText {
		return
	}
	p.written = append(p.written, r)
	p.folded = append(p.folded, r)
}

// match reports whether the pattern matches the whole text. After a wildcard
// that fits anything it tries the shortest fit first, and never comes back to
// one before the last: what that fitted is as good as any other.
func (p *pattern) match(text string) bool {
	at, read := 0, 0       // in the pattern and in the text
	resume, from := -1, -1 // in the pattern after the last anyText, and in the text where it ends
	for read < len(text) {
		r, size := utf8.DecodeRuneInString(text[read:])
		switch {
		case at < len(p.folded) && p.folded[at] == anyText:
			at++
			resume, from = at, read
		case at < len(p.folded) && (p.folded[at] == anyCharacter || p.folded[at] == fold(r)):
			at++
			read += size
		case resume >= 0:
			_, size := utf8.DecodeRuneInString(text[from:])
			from += size
			at, read = resume, from
		default:
			return false
		}
	}
	for at < len(p.folded) && p.folded[at] == anyText {
		at++
	}
	return at == len(p.folded)
}

func (p *pattern) isEmpty() bool { return len(p.written) == 0 }

// plain is the pattern without its wildcards.
func (p *pattern) plain() string {
	var b strings.Builder
	for _, r := range p.written {
		if r >= 0 {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// append writes the pattern as a value that is read as the same.
func (p *pattern) append(text []byte) []byte {
	begin := len(text)
	bare := !p.isEmpty() && !isOperator(p.written[0])
	for _, r := range p.written {
		switch {
		case r == anyText:
			text = append(text, '*')
		case r == anyCharacter:
			text = append(text, '?')
		case r == '*' || r == '?' || r == '\\' || r == '"':
			text = append(text, '\\', byte(r))
		default:
			text = utf8.AppendRune(text, r)
		}
		bare = bare && !endsWord(r)
	}
	value := string(text[begin:])
	if bare && !isKeyword(value) {
		return text
	}
	return append(append(append(text[:begin], '"'), value...), '"')
}

// endsWord reports whether a character is no part of a value without quotes.
func endsWord(r rune) bool {
	return unicode.IsSpace(r) || strings.ContainsRune(`(),"'`, r)
}

func isOperator(r rune) bool { return r == '=' || r == '!' || r == '<' || r == '>' }

func isKeyword(word string) bool {
	return strings.EqualFold(word, "and") || strings.EqualFold(word, "or") || strings.EqualFold(word, "not")
}
