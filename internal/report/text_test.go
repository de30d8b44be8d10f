package report

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestPrintable(t *testing.T) {
	cases := map[string]struct{ in, want string }{
		"plain":            {"team/api: 12 > 3, über 漢字 🚀", "team/api: 12 > 3, über 漢字 🚀"},
		"escape sequence":  {"\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`},
		"hyperlink":        {"\x1b]8;;http://x\x07", `\x1b]8;;http://x\x07`},
		"lines":            {"a\r\nb\tc\vd\x00", `a\r\nb\tc\x0bd\x00`},
		"line separators":  {"a\u2028b\u2029c\u0085d", `a\u2028b\u2029c\u0085d`},
		"DEL and C1":       {"\x7f\u009b", `\x7f\u009b`},
		"bidi":             {"a\u202eb\u2066c\u061cd", `a\u202eb\u2066c\u061cd`},
		"invisible":        {"a\u200bb\u00adc\ufeffd\u3164e\U000e0041", `a\u200bb\u00adc\ufeffd\u3164e\U000e0041`},
		"other spaces":     {"a\u00a0b\u3000c", `a\u00a0b\u3000c`},
		"invalid bytes":    {"a\xffb\xed\xa0\x80", `a\xffb\xed\xa0\x80`},
		"replacement":      {"a\ufffdb", "a\ufffdb"},
		"private use":      {"\ue0b0", `\ue0b0`},
		"combining":        {"e\u0301", "e\u0301"},
		"combining tower":  {"e\u0301\u0301\u0301\u0301\u0301", "e\u0301\u0301\u0301" + `\u0301\u0301`},
		"combining first":  {"\u0301e", `\u0301e`},
		"emoji selector":   {"❤\ufe0f a\ufe0f", "❤\ufe0f " + `a\ufe0f`},
		"joined emoji":     {"👩\u200d🚀", `👩\u200d🚀`},
		"backslashes stay": {`^v?\d+$`, `^v?\d+$`},
	}
	for name, c := range cases {
		if diff := cmp.Diff(c.want, Printable(c.in)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Printable text has nothing left to escape, and is one valid line.
func FuzzPrintable(f *testing.F) {
	for _, finding := range hostile().findings {
		f.Add(finding.Message)
	}
	f.Fuzz(func(t *testing.T, text string) {
		once := Printable(text)
		if !utf8.ValidString(once) || strings.ContainsAny(once, "\n\r\x1b\x7f") {
			t.Errorf("Printable(%q) = %q", text, once)
		}
		if again := Printable(once); again != once {
			t.Errorf("Printable(%q) = %q, and again %q", text, once, again)
		}
	})
}

// However text is broken, no line is wider than it may be and no character is
// lost but spaces at the breaks.
func TestParagraphKeepsAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.OneOf(
			rapid.String(),
			rapid.StringMatching(`[a-z/_.:-]{0,120}`),
			rapid.StringMatching(`[漢字🚀❤️e\x{301} ]{0,60}`),
		)).Draw(t, "words")
		text := Printable(strings.Join(words, " "))
		width := rapid.IntRange(16, 120).Draw(t, "width")
		hang := rapid.IntRange(0, 12).Draw(t, "hang")
		ts := typesetter{width: width}
		half := len(text) / 2
		for half > 0 && !utf8.RuneStart(text[half]) {
			half--
		}
		out := string(ts.paragraph(nil, span{"? ", plain}, hang, span{text[:half], bold}, span{text[half:], dim}))
		for line := range strings.Lines(out) {
			if got := displayWidth(strings.TrimSuffix(line, "\n")); got > width {
				t.Fatalf("a line takes %d of %d cells: %q", got, width, line)
			}
		}
		spaceless := strings.NewReplacer(" ", "", "\n", "")
		if got, want := spaceless.Replace(out), spaceless.Replace("? "+text); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

func TestBreaking(t *testing.T) {
	cases := map[string]struct {
		text string
		want []string
	}{
		"at spaces":        {"one two three four five", []string{"one two three", "four five"}},
		"at separators":    {"team/service/component", []string{"team/service/", "component"}},
		"long word last":   {"a b team/service/component", []string{"a b team/", "service/", "component"}},
		"anywhere":         {"abcdefghijklmnopqrstuvwxyz", []string{"abcdefghijklmno", "pqrstuvwxyz"}},
		"not after little": {"a/bcdefghijklmnopqrstuvwxyz", []string{"a/bcdefghijklmn", "opqrstuvwxyz"}},
		"wide":             {"漢字漢字漢字漢字漢字", []string{"漢字漢字漢字漢", "字漢字"}},
		"exact":            {"exactly fifteen", []string{"exactly fifteen"}},
		"empty":            {"", []string{""}},
	}
	for name, c := range cases {
		if diff := cmp.Diff(c.want, strings.Split(broken(c.text, 15), "\n")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestElided(t *testing.T) {
	for text, want := range map[string]string{
		"short": "short", "exactly 10": "exactly 10", "exactly 10+": "exactly 1…", "漢字漢字漢字": "漢字漢字…", "spaces at the end": "spaces at…",
	} {
		if got := elided(text, 10); got != want {
			t.Errorf("elided(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestNumber(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := number(n); got != want {
			t.Errorf("number(%d) = %s, want %s", n, got, want)
		}
	}
}
