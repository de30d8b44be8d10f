package report

import (
	"github.com/ecraudit/ecraudit/internal/snapshot"

	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/mattn/go-runewidth"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// written plays a script into the named format.
func written(t testing.TB, format string, s script, o Options) []byte {
	t.Helper()
	var buf bytes.Buffer
	h, err := New(format, &buf, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.play(h); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestGolden(t *testing.T) {
	cases := []struct {
		file, format, script string
		options              Options
	}{
		{"typical-120.table", "table", "typical", Options{Width: 120}},
		{"typical-60.table", "table", "typical", Options{Width: 60}},
		{"typical-all.table", "table", "typical", Options{All: true}},
		{"typical-color.table", "table", "typical", Options{Color: true}},
	}
	for name := range scripts() {
		for _, format := range Formats() {
			c := cases[0]
			c.file, c.format, c.script, c.options = name+"."+format, format, name, Options{}
			cases = append(cases, c)
		}
	}
	for _, c := range cases {
		t.Run(c.file, func(t *testing.T) {
			got := goldenForm(c.format, written(t, c.format, scripts()[c.script], c.options))
			path := filepath.Join("testdata", c.file)
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("%s differs (-want +got); -update rewrites it:\n%s", path, diff)
			}
		})
	}
}

func TestSameRunSameBytes(t *testing.T) {
	for name := range scripts() {
		for _, format := range Formats() {
			first := written(t, format, scripts()[name], Options{})
			if again := written(t, format, scripts()[name], Options{}); !bytes.Equal(first, again) {
				t.Errorf("%s of %s differs between two runs", format, name)
			}
		}
	}
}

// No format may pass on a character that a terminal obeys, hides or reorders
// by, nor break its UTF-8.
func TestOutputIsHarmless(t *testing.T) {
	for name := range scripts() {
		for _, format := range Formats() {
			out := written(t, format, scripts()[name], Options{})
			if format == "csv" {
				out = bytes.ReplaceAll(out, []byte("\r\n"), []byte("\n")) // as RFC 4180 ends lines
			}
			if !utf8.Valid(out) {
				t.Errorf("%s of %s is not valid UTF-8", format, name)
			}
			for _, r := range string(out) {
				if r != '\n' && !isEmojiSelector(r) && (!unicode.IsPrint(r) || unicode.Is(unicode.Cf, r)) {
					t.Fatalf("%s of %s contains %U", format, name, r)
				}
			}
		}
	}
}

func TestTableFitsItsWidth(t *testing.T) {
	wide := &runewidth.Condition{StrictEmojiNeutral: true}
	for name, s := range scripts() {
		for _, width := range []int{40, 60, 80, 100, 120, 200} {
			for _, all := range []bool{false, true} {
				out := written(t, "table", s, Options{Width: width, All: all})
				for line := range strings.Lines(string(out)) {
					line = strings.TrimSuffix(line, "\n")
					// Three measures: ours and two that count emoji differently.
					got := max(displayWidth(line), wide.StringWidth(line), twwidth.WidthNoCache(line))
					if got > width {
						t.Errorf("%s at %d columns: a line takes %d: %q", name, width, got, line)
					}
					if strings.TrimRight(line, " ") != line {
						t.Errorf("%s at %d columns: a line ends in spaces: %q", name, width, line)
					}
				}
			}
		}
	}
}

func TestTableWidths(t *testing.T) {
	s := typical()
	if got := written(t, "table", s, Options{}); !bytes.Equal(got, written(t, "table", s, Options{Width: 80})) {
		t.Error("width 0 is not 80 columns")
	}
	if got := written(t, "table", s, Options{Width: 3}); !bytes.Equal(got, written(t, "table", s, Options{Width: 40})) {
		t.Error("a width below 40 is not 40 columns")
	}
}

// Colours are the only difference that Color makes, and they stay within
// their line, so that a pager or grep shows each line right.
func TestColorOnlyColors(t *testing.T) {
	sgr := regexp.MustCompile(`\x1b\[[0-9;]*m`)
	for name, s := range scripts() {
		colored := string(written(t, "table", s, Options{Color: true}))
		if !strings.Contains(colored, "\x1b[") {
			t.Errorf("%s has no colours", name)
		}
		if diff := cmp.Diff(string(written(t, "table", s, Options{})), sgr.ReplaceAllString(colored, "")); diff != "" {
			t.Errorf("%s without its colours differs (-plain +colored):\n%s", name, diff)
		}
		for line := range strings.Lines(colored) {
			codes := sgr.FindAllString(line, -1)
			if len(codes) > 0 && codes[len(codes)-1] != "\x1b[0m" {
				t.Errorf("%s leaves a colour on at the end of %q", name, line)
			}
		}
	}
}

// Nothing that was found is left out or cut off when everything is listed.
func TestTableIsWhole(t *testing.T) {
	spaceless := func(text string) string { return strings.Join(strings.Fields(text), "") }
	for name, s := range scripts() {
		for _, width := range []int{40, 80, 200} {
			out := spaceless(string(written(t, "table", s, Options{Width: width, All: true})))
			for _, f := range s.findings {
				item := f.Account + "/" + f.Region
				if f.Repository != "" {
					item += "/" + Printable(f.Repository)
				}
				if !strings.Contains(out, spaceless(item)) || !strings.Contains(out, spaceless(Printable(f.Message))) {
					t.Errorf("%s at %d columns lacks %q: %q", name, width, item, f.Message)
				}
			}
			for _, r := range s.run.Rules {
				if counts := s.summary().ByRule[r.ID]; counts != (Counts{}) && !strings.Contains(out, spaceless(Printable(r.Title))) {
					t.Errorf("%s at %d columns lacks the title %q", name, width, r.Title)
				}
			}
		}
	}
}

// incompletes are the ways in which a run tells that something was not read.
func incompletes() map[string]script {
	all := make(map[string]script)
	for name, spoil := range map[string]func(*script){
		"gap":              func(s *script) { s.gaps = partial().gaps[:1] },
		"run not complete": func(s *script) { s.run.Complete = false },
		"interrupted":      func(s *script) { s.run.Interrupted = true },
		"target failed":    func(s *script) { s.run.Targets[0].Status = snapshot.StatusFailed },
		"target partial":   func(s *script) { s.run.Targets[0].Status = snapshot.StatusPartial },
	} {
		s := clean()
		spoil(&s)
		all[name] = s
	}
	return all
}

// Whatever says that something was not read, the table says so too.
func TestIncompleteNeverLooksClean(t *testing.T) {
	for name, s := range incompletes() {
		out := string(written(t, "table", s, Options{Width: 120, Color: true}))
		if !strings.Contains(out, "NOT complete") || strings.Contains(out, "Everything was read") || strings.Contains(out, green.sgr()) {
			t.Errorf("%s looks clean:\n%s", name, out)
		}
	}
	if out := string(written(t, "table", clean(), Options{Width: 120})); !strings.Contains(out, "Everything was read") {
		t.Errorf("a clean run does not say so:\n%s", out)
	}
	empty := script{run: Run{Complete: true}}
	if out := string(written(t, "table", empty, Options{Width: 120})); !strings.Contains(out, "There is no repository") {
		t.Errorf("a run without repositories does not say so:\n%s", out)
	}
}

func TestTableCollapses(t *testing.T) {
	s := partial()
	s.gaps = slices.Repeat(s.gaps[:1], 10_000)
	out := string(written(t, "table", s, Options{Width: 200}))
	for _, want := range []string{
		"444455556666 (payments): 23 repositories, e.g. eu-west-1/payments/service-0000: unknown:",
		"ecr:GetRepositoryPolicy: AccessDeniedException, 10,000 times, e.g. eu-west-1/payments/service-0000; the role needs ecr:GetRepositoryPolicy",
		"and 4 more",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if lines := strings.Count(out, "\n"); lines > 30 {
		t.Errorf("%d lines for equal gaps and findings:\n%s", lines, out)
	}
}

func TestUnknownFormat(t *testing.T) {
	cases := map[string]string{
		"jsn":    "; did you mean json?",
		"JSON":   "; did you mean json?",
		"tabel":  "; did you mean table?",
		"jnuit":  "; did you mean junit?",
		"githib": "; did you mean github?",
		"excel":  "",
		"":       "",
	}
	for name, hint := range cases {
		want := fmt.Sprintf("unknown format %q: use one of %s%s", name, strings.Join(Formats(), ", "), hint)
		if _, err := New(name, nil, Options{}); err == nil || err.Error() != want {
			t.Errorf("New(%q): %v, want %s", name, err, want)
		}
	}
}
