package tagpattern

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func mustRegexp(t testing.TB, expr string) Pattern {
	t.Helper()
	p, err := Regexp(expr)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestValid(t *testing.T) {
	for tag, want := range map[string]bool{
		"v1.2.3": true, "_": true, "A-b_c.d": true, strings.Repeat("x", 128): true,
		"": false, ".a": false, "-a": false, "a/b": false, "a b": false, "ä": false, "a\n": false, "a:b": false,
		strings.Repeat("x", 129): false,
	} {
		if got := Valid(tag); got != want {
			t.Errorf("Valid(%q) = %v", tag, got)
		}
	}
}

func TestMatch(t *testing.T) {
	tests := []struct {
		pattern Pattern
		yes, no []string
	}{
		{Any(), []string{"a", "latest"}, nil},
		{Pattern{}, nil, []string{"a", ""}},
		{Literal("latest"), []string{"latest"}, []string{"lates", "latest1", "xlatest"}},
		{Prefix("prod"), []string{"prod", "prod1", "production"}, []string{"pro", "xprod", "Prod"}},
		{Prefix("p*"), []string{"p*"}, []string{"p", "prod"}},
		{Wildcard("prod"), []string{"prod"}, []string{"prod1", "xprod"}},
		{Wildcard("prod*"), []string{"prod", "prod1"}, []string{"xprod"}},
		{Wildcard("*prod"), []string{"prod", "1prod"}, []string{"prodx"}},
		{Wildcard("*prod*"), []string{"prod", "repo-production"}, []string{"pro", "pr.od"}},
		{Wildcard("a*a"), []string{"aa", "aba", "aaa"}, []string{"a", "ab"}},
		{Wildcard("*ab*ab*"), []string{"abab", "xabyabz"}, []string{"ab", "aba", "abxa"}},
		{Wildcard("*ab*b"), []string{"abb", "ab-b"}, []string{"ab"}},
		{Wildcard("**"), []string{"a"}, nil},
		{Wildcard("v1.0"), []string{"v1.0"}, []string{"v1x0"}},
		{mustRegexp(t, "rc"), []string{"rc", "v1-rc2"}, []string{"r-c"}},
		{mustRegexp(t, `^v\d+\.\d+\.\d+$`), []string{"v1.2.3"}, []string{"v1.2", "v1.2.3-rc1", "xv1.2.3"}},
		{mustRegexp(t, `(?i)^release`), []string{"Release-1", "RELEASE"}, []string{"a-release"}},
	}
	for _, tt := range tests {
		for _, tag := range tt.yes {
			if !tt.pattern.Match(tag) {
				t.Errorf("%s does not match %q", tt.pattern, tag)
			}
		}
		for _, tag := range tt.no {
			if tt.pattern.Match(tag) {
				t.Errorf("%s matches %q", tt.pattern, tag)
			}
		}
	}
}

func TestRegexpError(t *testing.T) {
	if _, err := Regexp("v("); err == nil {
		t.Error("an unclosed parenthesis was accepted")
	}
}

func TestString(t *testing.T) {
	for want, p := range map[string]Pattern{
		"any tag": Any(), "regexp ^v": mustRegexp(t, "^v"), "wildcard v*": Wildcard("v*"),
		"prefix v": Prefix("v"), "tag v": Literal("v"), "no tag": {},
	} {
		if p.String() != want {
			t.Errorf("got %q, want %q", p.String(), want)
		}
	}
}

func TestSearchFindsTheFirstOfTheShortest(t *testing.T) {
	tests := []struct {
		name    string
		pattern Pattern
		want    string // "" for none
	}{
		{"any", Any(), "0"},
		{"nothing", Pattern{}, ""},
		{"prefix", Prefix("gitsha_"), "gitsha_"},
		{"literal", Literal("latest"), "latest"},
		{"wildcard in the middle", Wildcard("a*b*c"), "abc"},
		{"leading wildcard that cannot start a tag", Wildcard("*-dev"), "0-dev"},
		{"wildcard with a character that no tag has", Wildcard("feature/*"), ""},
		{"prefix with a literal asterisk", Prefix("v*"), ""},
		{"empty prefix", Prefix(""), "0"},
		{"empty wildcard", Wildcard(""), ""},
		{"starts with a dot", Prefix(".hidden"), ""},
		{"semver", mustRegexp(t, `^v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`), "0.0.0"},
		{"folded case", mustRegexp(t, `(?i)^RC$`), "rc"},
		{"folded case beyond ASCII", mustRegexp(t, `(?i)^\x{212A}$`), "k"}, // the Kelvin sign
		{"unanchored", mustRegexp(t, `rc`), "rc"},
		{"empty expression", mustRegexp(t, ``), "0"},
		{"only the empty text", mustRegexp(t, `^$`), ""},
		{"contradiction", mustRegexp(t, `a^b`), ""},
		{"end of line is end of text", mustRegexp(t, `(?m)^a$`), "a"},
		{"beginning of line is beginning of text", mustRegexp(t, `(?m)a.*^b`), ""},
		{"word boundary", mustRegexp(t, `a\b.`), "a."},
		{"no word boundary", mustRegexp(t, `^-?a\B.$`), "a0"},
		{"boundary at the end", mustRegexp(t, `^\w\B\w\b$`), "00"},
		{"boundary at the beginning", mustRegexp(t, `\bx`), "x"},
		{"assertions in a row", mustRegexp(t, `a(?:\b$|\bq)`), "a"},
		{"letters come before punctuation", mustRegexp(t, `^[^0-9a-z_]{2}$`), "AA"},
		{"longest tag", mustRegexp(t, `^x{128}$`), strings.Repeat("x", 128)},
		{"longer than a tag", mustRegexp(t, `^x{129}$`), ""},
		{"longer than a tag in two parts", Wildcard(strings.Repeat("a", 70) + "*" + strings.Repeat("b", 70)), ""},
		{"negated class", mustRegexp(t, `^[^a-zA-Z0-9]+$`), "_"},
		{"unicode class", mustRegexp(t, `^\p{Lu}$`), "A"},
		{"unicode only", mustRegexp(t, `^ü`), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, found, err := Search([]Pattern{tt.pattern}, func(m []bool) bool { return m[0] })
			if err != nil || got != tt.want || found != (tt.want != "") {
				t.Errorf("got %q, %v, %v; want %q", got, found, err, tt.want)
			}
		})
	}
}

func TestSearchWithoutPatterns(t *testing.T) {
	tag, found, err := Search(nil, func([]bool) bool { return true })
	if tag != "0" || !found || err != nil {
		t.Errorf("got %q, %v, %v", tag, found, err)
	}
	if _, found, _ := Search(nil, func([]bool) bool { return false }); found {
		t.Error("found a tag that was refused")
	}
}

func TestOverlap(t *testing.T) {
	tests := []struct {
		a, b Pattern
		want string
	}{
		{Prefix("git"), Prefix("gitsha_"), "gitsha_"},
		{Prefix("gitsha_"), Prefix("gitpr_"), ""},
		{Wildcard("*-rc*"), mustRegexp(t, `^v\d+`), "v0-rc"},
		{Wildcard("*dev"), Wildcard("dev*"), "dev"},
		{Literal("latest"), mustRegexp(t, `^v`), ""},
		{Any(), Literal("x"), "x"},
		{Wildcard("*a"), Wildcard("*b"), ""},
	}
	for _, tt := range tests {
		got, overlap, err := Overlap(tt.a, tt.b)
		if err != nil || got != tt.want || overlap != (tt.want != "") {
			t.Errorf("Overlap(%s, %s) = %q, %v, %v; want %q", tt.a, tt.b, got, overlap, err, tt.want)
		}
	}
}

func TestCovers(t *testing.T) {
	git := []Pattern{Prefix("gitsha_"), Prefix("gitbranch_"), Prefix("gitpr_")}
	tests := []struct {
		name   string
		wide   []Pattern
		narrow Pattern
		want   string // a counterexample; "" when covered
	}{
		{"prefix by itself", git, Wildcard("gitsha_*"), ""},
		{"one prefix is missing", git[:2], mustRegexp(t, `^git(sha|branch|pr)_`), "gitpr_"},
		{"alternatives", git, mustRegexp(t, `^git(sha|branch|pr)_`), ""},
		{"digits by ten prefixes", digits(), mustRegexp(t, `^\d`), ""},
		{"digits and more", digits(), Any(), "a"},
		{"by nothing", nil, Prefix("a"), "a"},
		{"nothing", nil, Prefix("/"), ""},
		{"many infixes", infixes(40), Wildcard("*-k07*"), ""},
		{"many infixes, none of them", infixes(40), Wildcard("x*"), "x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, covered, err := Covers(tt.wide, tt.narrow)
			if err != nil || got != tt.want || covered != (tt.want == "") {
				t.Errorf("got %q, %v, %v; want %q", got, covered, err, tt.want)
			}
		})
	}
}

func digits() (ps []Pattern) {
	for d := range 10 {
		ps = append(ps, Prefix(fmt.Sprint(d)))
	}
	return ps
}

func infixes(n int) (ps []Pattern) {
	for i := range n {
		ps = append(ps, Wildcard(fmt.Sprintf("*-k%02d*", i)))
	}
	return ps
}

func TestTooComplex(t *testing.T) {
	t.Run("product", func(t *testing.T) {
		_, _, err := Search(infixes(40), func([]bool) bool { return false })
		if !errors.Is(err, ErrTooComplex) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("one pattern", func(t *testing.T) {
		p := mustRegexp(t, `(a|b)*a(a|b){20}c`)
		_, _, err := Overlap(p, Any())
		if !errors.Is(err, ErrTooComplex) {
			t.Errorf("got %v", err)
		}
	})
}

// shortTags are all valid tags of at most three of the given letters.
func shortTags(letters string) []string {
	level, all := []string{""}, []string(nil)
	for range 3 {
		var next []string
		for _, prefix := range level {
			for _, letter := range letters {
				if tag := prefix + string(letter); Valid(tag) {
					next = append(next, tag)
				}
			}
		}
		level, all = next, append(all, next...)
	}
	return all
}

// drawExpr draws an expression over few letters, so that matches are frequent.
func drawExpr(t *rapid.T, depth int) string {
	atoms := []string{"a", "b", "-", `\.`, ".", "[ab]", "[^a]", "(?i:A)", "^", "$", `\b`, `\B`, `\w`, ""}
	if depth == 0 {
		return rapid.SampledFrom(atoms).Draw(t, "atom")
	}
	x, y := func() string { return drawExpr(t, depth-1) }, func() string { return drawExpr(t, depth-1) }
	switch rapid.IntRange(0, 5).Draw(t, "operator") {
	case 0:
		return "(?:" + x() + "|" + y() + ")"
	case 1:
		return "(" + x() + ")" + rapid.SampledFrom([]string{"*", "+", "?", "{2}", "{1,3}", "*?"}).Draw(t, "repeat")
	case 2:
		return rapid.SampledFrom(atoms).Draw(t, "atom")
	default:
		return x() + y()
	}
}

func drawPattern(t *rapid.T) Pattern {
	text := rapid.StringMatching(`[ab.-]{0,3}`)
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0:
		return Prefix(text.Draw(t, "prefix"))
	case 1:
		return Literal(text.Draw(t, "tag"))
	case 2:
		return Wildcard(rapid.StringMatching(`[ab.*-]{0,5}`).Draw(t, "wildcard"))
	default:
		p, err := Regexp(drawExpr(t, 3))
		if err != nil {
			t.Skip(err)
		}
		return p
	}
}

// run follows a tag through an automaton.
func (a *automaton) run(tag string) bool {
	state := 0
	for i := range len(tag) {
		state = int(a.next[state*a.classes+int(a.class[strings.IndexByte(alphabet, tag[i])])])
	}
	return a.accept[state]
}

func TestAutomatonAgreesWithRegexp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		expr := drawExpr(t, 4)
		re, err := regexp.Compile(expr)
		if err != nil {
			t.Skip(err)
		}
		a, err := compile(expr)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			tag := rapid.StringMatching(`[abA0_.-]{0,8}`).Draw(t, "tag")
			if got, want := a.run(tag), re.MatchString(tag); got != want {
				t.Fatalf("%q on %q: automaton says %v, regexp says %v", expr, tag, got, want)
			}
		}
	})
}

func TestAutomatonAgreesWithMatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPattern(t)
		a, err := p.automaton()
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			tag := rapid.StringMatching(`[ab0_.-]{0,8}`).Draw(t, "tag")
			if got, want := a.run(tag), p.Match(tag); got != want {
				t.Fatalf("%s on %q: automaton says %v, Match says %v", p, tag, got, want)
			}
		}
	})
}

func TestSearchAgreesWithBruteForce(t *testing.T) {
	tags := shortTags("0ab.-")
	rapid.Check(t, func(t *rapid.T) {
		patterns := []Pattern{drawPattern(t), drawPattern(t), drawPattern(t)}
		truth := rapid.SliceOfN(rapid.Bool(), 8, 8).Draw(t, "wanted")
		accept := func(m []bool) bool {
			i := 0
			for _, b := range m {
				i *= 2
				if b {
					i++
				}
			}
			return truth[i]
		}
		vector := func(tag string) (m []bool) {
			for _, p := range patterns {
				m = append(m, p.Match(tag))
			}
			return m
		}
		tag, found, err := Search(patterns, accept)
		if err != nil {
			t.Fatal(err)
		}
		if found && (!Valid(tag) || !accept(vector(tag))) {
			t.Fatalf("witness %q does not satisfy the question", tag)
		}
		for _, short := range tags {
			if accept(vector(short)) && (!found || len(tag) > len(short) || len(tag) == len(short) && order(short) < order(tag)) {
				t.Fatalf("found %q (%v), but %q comes before it", tag, found, short)
			}
		}
	})
}

// order makes strings compare in the order of the alphabet.
func order(tag string) string {
	return string(slices.Collect(func(yield func(rune) bool) {
		for i := range len(tag) {
			if !yield(rune('!' + strings.IndexByte(alphabet, tag[i]))) {
				return
			}
		}
	}))
}

func TestOverlapAndCoversAgreeWithBruteForce(t *testing.T) {
	tags := shortTags("0ab.-")
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := drawPattern(t), drawPattern(t), drawPattern(t)
		witness, overlap, err := Overlap(a, b)
		if err != nil {
			t.Fatal(err)
		}
		if overlap && !(a.Match(witness) && b.Match(witness)) {
			t.Fatalf("%q is no witness for the overlap of %s and %s", witness, a, b)
		}
		example, covered, err := Covers([]Pattern{a, b}, c)
		if err != nil {
			t.Fatal(err)
		}
		if !covered && (!c.Match(example) || a.Match(example) || b.Match(example)) {
			t.Fatalf("%q is no counterexample to %s and %s covering %s", example, a, b, c)
		}
		for _, tag := range tags {
			if !overlap && a.Match(tag) && b.Match(tag) {
				t.Fatalf("%s and %s overlap at %q", a, b, tag)
			}
			if covered && c.Match(tag) && !a.Match(tag) && !b.Match(tag) {
				t.Fatalf("%s and %s do not cover %q of %s", a, b, tag, c)
			}
		}
	})
}

func FuzzRegexp(f *testing.F) {
	for _, expr := range []string{`^v?\d+\.\d+\.\d+$`, `(?i)release|rc\b`, `a{3,5}|[^b]*?$`, `\Bx|(?m)^`} {
		f.Add(expr, "v1.2.3")
	}
	f.Fuzz(func(t *testing.T, expr, tag string) {
		p, err := Regexp(expr)
		if err != nil || !Valid(tag) {
			return
		}
		a, err := p.automaton()
		if err != nil {
			return
		}
		if a.run(tag) != p.Match(tag) {
			t.Errorf("%q on %q: automaton and regexp disagree", expr, tag)
		}
	})
}

func BenchmarkSearch(b *testing.B) {
	patterns := []Pattern{
		mustRegexp(b, `^v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`), Prefix("gitsha_"), Prefix("gitbranch_"), Prefix("gitpr_"),
		Wildcard("*-dev"), Wildcard("release-*-rc*"), Literal("latest"),
	}
	none := func([]bool) bool { return false }
	b.Run("warm", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := Search(patterns, none); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("with compilation", func(b *testing.B) {
		for b.Loop() {
			re, _ := Regexp(`^v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)
			if _, _, err := Covers([]Pattern{Prefix("v"), Wildcard("*.*"), Wildcard("release-*")}, re); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	for _, p := range []Pattern{Prefix("release-"), Wildcard("*-dev"), Wildcard("*-sha-*")} {
		b.Run(p.String(), func(b *testing.B) {
			for b.Loop() {
				p.Match("feature-1234-sha-0123456789abcdef")
			}
		})
	}
}
