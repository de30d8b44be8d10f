package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable returns text as it can be shown to a person on one line of a
// terminal: whatever would move the cursor, start an escape sequence, reorder
// its neighbours, be invisible or pile up is written as a visible escape (\n,
// \x1b, \u202e), and a byte that is no UTF-8 as \xff. It is for eyes: a
// backslash that was there stays as it is, so the result is not always
// reversible.
func Printable(text string) string {
	i := unprintable(text)
	if i < 0 {
		return text
	}
	var b strings.Builder
	b.Grow(len(text) + 16)
	b.WriteString(text[:i])
	var last rune // the rune written before, to judge marks by
	marks := 0
	if i > 0 {
		last, _ = utf8.DecodeLastRuneInString(text[:i])
	}
	for i < len(text) {
		r, size := utf8.DecodeRuneInString(text[i:])
		if unicode.Is(unicode.M, r) {
			marks++
		} else {
			marks = 0
		}
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
			r = 'x'
		case showable(r) && marks <= maxMarks && (marks == 0 || last != 0),
			isEmojiSelector(r) && unicode.IsSymbol(last):
			b.WriteString(text[i : i+size])
		default:
			b.WriteString(escapeRune(r))
			r = 'x'
		}
		last = r
		i += size
	}
	return b.String()
}

// shown is Printable of the text as the JSON formats keep it, where U+FFFD
// stands for each byte that is no UTF-8. So a format gives the same bytes from
// an audit and from its saved report.
func shown(text string) string {
	if unprintable(text) < 0 {
		return text
	}
	return Printable(wellFormed(text))
}

// wellFormed replaces every byte that is no UTF-8, as encoding/json does.
func wellFormed(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	return string([]rune(text))
}

// maxMarks is how many combining marks one character may carry; more are not
// writing but a tower over the lines above.
const maxMarks = 3

// unprintable returns the index of the first byte that Printable must look at
// closely, or -1. Nearly all text has none.
func unprintable(text string) int {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= 0x7f {
			return i
		}
	}
	return -1
}

// showable reports whether r has a shape of its own that stays in its place.
func showable(r rune) bool {
	return unicode.IsPrint(r) && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// isEmojiSelector tells the selectors that choose between the text and the
// emoji shape of the symbol before.
func isEmojiSelector(r rune) bool { return r == '\ufe0e' || r == '\ufe0f' }

func escapeRune(r rune) string {
	switch {
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r == '\t':
		return `\t`
	case r < 0x80:
		return fmt.Sprintf(`\x%02x`, r)
	case r < 0x10000:
		return fmt.Sprintf(`\u%04x`, r)
	default:
		return fmt.Sprintf(`\U%08x`, r)
	}
}
