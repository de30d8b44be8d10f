package report

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// A style is how a span of text looks where colours are allowed, and where it
// leads to where links are: the address of so many of the typesetter's, or
// none.
type style uint16

// The styles. Only colours that every terminal maps to its own theme are used.
const (
	plain style = iota
	bold
	dim
	red
	alarm
	yellow
	blue
	purple
	green
)

const (
	lookBits = 8
	looks    = 1<<lookBits - 1
	maxLinks = 1<<(16-lookBits) - 1
)

// look is the style without its link.
func (s style) look() style { return s & looks }

// sgr returns the escape sequence that begins the look of the style.
func (s style) sgr() string {
	return [...]string{
		bold: "\x1b[1m", dim: "\x1b[2m", red: "\x1b[31m", alarm: "\x1b[1;31m", yellow: "\x1b[33m",
		blue: "\x1b[34m", purple: "\x1b[35m", green: "\x1b[32m",
	}[s.look()]
}

// span is text of one style. The text is Printable.
type span struct {
	text  string
	style style
}

// typesetter breaks text into lines of at most width display cells.
type typesetter struct {
	width int
	color bool
	links bool     // whether text may be a link
	urls  []string // that the styles of the paragraph at hand lead to
	text  []byte   // of the paragraph at hand
	cells []cell   // that the text consists of
}

// cell is a character with the marks on it: what is never broken. Its text
// begins where that of the cell before ends.
type cell struct {
	end   int32 // in the text
	width int16
	style style
	kind  cellKind
}

// cellKind is what a character means for breaking lines.
type cellKind uint8

const (
	inner cellKind = iota
	space
	separator // long words may be broken after it
)

// paragraph appends spans to dst as lines that each end in a newline. The
// first begins with the gutter, the others with as many spaces as hang says.
// Lines are broken at spaces; a word that does not fit on a line of its own
// is broken after a separator in it, or else anywhere, but never shortened.
func (t *typesetter) paragraph(dst []byte, gutter span, hang int, spans ...span) []byte {
	t.split(spans)
	room := t.width - displayWidth(gutter.text)
	dst = t.paint(dst, gutter.text, gutter.style)
	for from := 0; ; {
		end, next := t.breakLine(from, room, t.width-hang)
		dst = t.line(dst, from, end)
		if next == len(t.cells) {
			t.urls = t.urls[:0]
			return dst
		}
		from, room = next, t.width-hang
		dst = append(dst, strings.Repeat(" ", hang)...)
	}
}

// broken breaks text into lines of at most width cells.
func broken(text string, width int) string {
	t := typesetter{width: width}
	return strings.TrimSuffix(string(t.paragraph(nil, span{}, 0, span{text, plain})), "\n")
}

// elided shortens text to one line of at most width cells. An ellipsis stands
// for what is missing, which must be shown in full elsewhere.
func elided(text string, width int) string {
	if displayWidth(text) <= width {
		return text
	}
	end, room := 0, width-1
	for {
		size, w := nextCell(text[end:])
		if room -= w; room < 0 {
			return strings.TrimRight(text[:end], " ") + "…"
		}
		end += size
	}
}

func (t *typesetter) split(spans []span) {
	t.text, t.cells = t.text[:0], t.cells[:0]
	for _, s := range spans {
		for rest := s.text; rest != ""; {
			if n := plainCells(rest); n > 0 {
				begin := len(t.text)
				t.text = append(t.text, rest[:n]...)
				for i := range n {
					t.cells = append(t.cells, cell{int32(begin + i + 1), 1, s.style, asciiKinds[rest[i]]})
				}
				rest = rest[n:]
				continue
			}
			size, width := nextCell(rest)
			t.text = append(t.text, rest[:size]...)
			t.cells = append(t.cells, cell{int32(len(t.text)), int16(width), s.style, kindOf(rest[:size])})
			rest = rest[size:]
		}
	}
}

// plainCells is how many of the first bytes are a cell each: ASCII that no mark
// follows.
func plainCells(text string) int {
	n := 0
	for n < len(text) && text[n] < utf8.RuneSelf {
		n++
	}
	if n < len(text) && n > 0 {
		n-- // what follows may be a mark on it
	}
	return n
}

func kindOf(cell string) cellKind {
	if len(cell) == 1 {
		return asciiKinds[cell[0]]
	}
	return inner
}

var asciiKinds = func() (kinds [utf8.RuneSelf]cellKind) {
	kinds[' '] = space
	for _, c := range "/-_.:,;=@&?" {
		kinds[c] = separator
	}
	return kinds
}()

// breakLine returns where the line that begins at from ends when it has room
// for so many cells, and where the next one, with room for full, begins.
func (t *typesetter) breakLine(from, room, full int) (end, next int) {
	used, lastSpace, lastSeparator := 0, -1, -1
	for i := from; i < len(t.cells); i++ {
		c := t.cells[i]
		used += int(c.width)
		if c.kind == space {
			lastSpace = i // fits, or is dropped at the end of the line
			continue
		}
		if used > room {
			switch {
			case lastSpace >= 0 && (lastSeparator < lastSpace || t.wordWidth(lastSpace+1) <= full):
				return t.around(from, lastSpace)
			case lastSeparator >= 0:
				return lastSeparator + 1, lastSeparator + 1
			}
			i = max(i, from+1) // a line holds something, however narrow
			return i, i
		}
		if c.kind == separator && used > room/2 {
			lastSeparator = i // not so early that the line is nearly empty
		}
	}
	return t.around(from, len(t.cells))
}

// around drops the spaces at a break.
func (t *typesetter) around(from, at int) (end, next int) {
	end, next = at, at
	for end > from && t.cells[end-1].kind == space {
		end--
	}
	for next < len(t.cells) && t.cells[next].kind == space {
		next++
	}
	return end, next
}

func (t *typesetter) wordWidth(from int) int {
	width := 0
	for _, c := range t.cells[from:] {
		if c.kind == space {
			break
		}
		width += int(c.width)
	}
	return width
}

// line appends the cells of one line, the neighbours of one style together.
func (t *typesetter) line(dst []byte, from, end int) []byte {
	for from < end {
		n := from + 1
		for n < end && t.cells[n].style == t.cells[from].style {
			n++
		}
		dst = t.begin(dst, t.cells[from].style)
		dst = append(dst, t.text[t.start(from):t.start(n)]...)
		dst = t.end(dst, t.cells[from].style)
		from = n
	}
	return append(dst, '\n')
}

// start is where the text of a cell begins.
func (t *typesetter) start(i int) int32 {
	if i == 0 {
		return 0
	}
	return t.cells[i-1].end
}

func (t *typesetter) paint(dst []byte, text string, s style) []byte {
	dst = t.begin(dst, s)
	dst = append(dst, text...)
	return t.end(dst, s)
}

func (t *typesetter) begin(dst []byte, s style) []byte {
	if url := t.url(s); url != "" {
		dst = append(append(append(dst, "\x1b]8;;"...), url...), "\x1b\\"...)
	}
	if !t.color || s.look() == plain {
		return dst
	}
	return append(dst, s.sgr()...)
}

func (t *typesetter) end(dst []byte, s style) []byte {
	if t.color && s.look() != plain {
		dst = append(dst, "\x1b[0m"...)
	}
	if t.url(s) != "" {
		dst = append(dst, "\x1b]8;;\x1b\\"...)
	}
	return dst
}

// linked is a style of the next paragraph that leads to an address, where links
// are allowed. One that could end the escape sequence around it, or is longer
// than terminals take, is left out.
func (t *typesetter) linked(look style, url string) style {
	const maxURL = 2000 // bytes; VTE takes 2083
	if !t.links || url == "" || len(url) > maxURL || len(t.urls) == maxLinks {
		return look
	}
	for i := range len(url) {
		if url[i] <= ' ' || url[i] > '~' {
			return look
		}
	}
	t.urls = append(t.urls, url)
	return look | style(len(t.urls))<<lookBits
}

// url is what a style leads to.
func (t *typesetter) url(s style) string {
	if n := int(s >> lookBits); n > 0 {
		return t.urls[n-1]
	}
	return ""
}

// nextCell returns the length in bytes and the width of the first cell of
// Printable text.
func nextCell(text string) (size, width int) {
	if text[0] < utf8.RuneSelf && (len(text) == 1 || text[1] < utf8.RuneSelf) {
		return 1, 1
	}
	r, size := utf8.DecodeRuneInString(text)
	width = runeWidth(r)
	for size < len(text) {
		mark, n := utf8.DecodeRuneInString(text[size:])
		if !unicode.Is(unicode.M, mark) {
			break
		}
		width += runeWidth(mark)
		if isEmojiSelector(mark) {
			width = 2
		}
		size += n
	}
	return size, width
}

// runeWidth is how many cells a terminal gives r at most. The locale does not
// count, so that a report is the same everywhere; a sequence of emoji counts
// as its parts, which is what a terminal shows that cannot join them.
func runeWidth(r rune) int {
	if unicode.Is(unicode.Regional_Indicator, r) {
		return 2 // half of a flag, drawn as a wide letter
	}
	return (&runewidth.Condition{StrictEmojiNeutral: true}).RuneWidth(r)
}

// displayWidth is how many cells Printable text takes.
func displayWidth(text string) int {
	width := 0
	for text != "" {
		size, w := nextCell(text)
		width += w
		text = text[size:]
	}
	return width
}

// number writes n with its thousands apart: 1,312.
func number(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// count writes how many there are of what: "1 image", "2 images".
func count(n int, singular, plural string) string {
	if n == 1 {
		return "1 " + singular
	}
	return number(n) + " " + plural
}

// shortened cuts text to at most limit UTF-16 units, which are as many as its
// characters or more. The last is an ellipsis where something is missing.
func shortened(text string, limit int) string {
	if len(text) <= limit {
		return text // no character has more units than bytes
	}
	units, cut := 0, 0 // cut leaves room for an ellipsis
	for i, r := range text {
		if units < limit {
			cut = i
		}
		if units += utf16.RuneLen(r); units > limit {
			return text[:cut] + "…"
		}
	}
	return text
}
