package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// htmlFixed is what all pages have in common: the hashes, the style and the
// script. Golden files are without it, so that they change only where what is
// said of a run does.
var htmlFixed = regexp.MustCompile(`(?s)'sha256-[^']*'|(<style>).*?(</style>)|(<script type="module">).*?(</script>)`)

// goldenForm is what a golden file has of a report.
func goldenForm(format string, report []byte) []byte {
	if format != "html" {
		return report
	}
	return htmlFixed.ReplaceAll(report, []byte("$1$2$3…$4"))
}

// The policy of the page lets its own style and script in, and nothing else.
func TestHTMLPolicy(t *testing.T) {
	page := string(written(t, "html", hostileDetails(), Options{}))
	policy := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy" content="([^"]*)">`).FindStringSubmatch(page)
	if policy == nil {
		t.Fatal("the page has no policy")
	}
	hash := func(part string) string {
		sum := sha256.Sum256([]byte(part))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	_, style, _ := strings.Cut(page, "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	_, script, _ := strings.Cut(page, `<script type="module">`)
	script, _, _ = strings.Cut(script, "</script>")
	want := "default-src 'none'; script-src " + hash(script) + "; style-src " + hash(style) + "; img-src data:; base-uri 'none'; form-action 'none'"
	if policy[1] != want {
		t.Errorf("the policy is %s, not %s", policy[1], want)
	}
	if n := strings.Count(page, "<script"); n != 6 {
		t.Errorf("the page has %d scripts and blocks of data, not 6", n)
	}
}

// The page's own code builds elements from text only, and asks nothing of a
// network.
func TestHTMLAssetsAreSafe(t *testing.T) {
	forbidden := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\bfetch\(|XMLHttpRequest|sendBeacon|localStorage|sessionStorage|import\(|https?://\S+`)
	harmless := regexp.MustCompile(`^(http://www\.w3\.org/2000/svg|https://www\.w3\.org/WAI/)`)
	err := fs.WalkDir(htmlAssets, "html", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := htmlAssets.ReadFile(path)
		if err != nil {
			return err
		}
		for _, found := range forbidden.FindAllString(string(text), -1) {
			if !harmless.MatchString(found) {
				t.Errorf("%s has %s", path, found)
			}
		}
		if strings.HasSuffix(path, ".tmpl") && regexp.MustCompile(`\s(style|on\w+)=`).Match(text) {
			t.Errorf("%s has a style or a handler in an attribute, which the policy forbids", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Without a script the page says what matters most.
func TestHTMLWithoutScript(t *testing.T) {
	for name, s := range incompletes() {
		out := string(written(t, "html", s, Options{}))
		if !strings.Contains(out, "NOT COMPLETE") || strings.Contains(out, "Everything that was to be read was read") || strings.Contains(out, `class="verdict clean"`) {
			t.Errorf("%s looks clean", name)
		}
	}
	out := string(written(t, "html", clean(), Options{}))
	if strings.Contains(out, "NOT COMPLETE") || !strings.Contains(out, "Everything that was to be read was read") || !strings.Contains(out, `class="verdict clean"`) {
		t.Error("a clean run does not look clean")
	}
	s := clean()
	s.run.Query = "severity=critical"
	if out := string(written(t, "html", s, Options{})); !strings.Contains(out, "Only findings that match severity=critical") || !strings.Contains(out, "no score") {
		t.Error("a filtered report does not say so, or has a score")
	}
	s = clean()
	s.run.OrganizationUnread = "access denied"
	if out := string(written(t, "html", s, Options{})); !strings.Contains(out, "The organization is not known in full") || strings.Contains(out, "Everything that was to be read was read") {
		t.Error("a run without the organization does not say so")
	}
	out = string(written(t, "html", detailed(), Options{}))
	for _, want := range []string{"<noscript>", "findings fail at or above high", "≤", "baseline.txt", "in part", "ecr:GetRepositoryPolicy"} {
		if !strings.Contains(out, want) {
			t.Errorf("the overview lacks %q", want)
		}
	}
}

// What has no room is counted where it is missing.
func TestHTMLLimits(t *testing.T) {
	s := long(htmlMaxFindings + 7)
	s.gaps = slices.Repeat(partial().gaps[:1], htmlMaxGaps+3)
	for i := range htmlMaxDetails + 5 {
		f := s.findings[len(s.findings)-1-5*i]
		s.details = append(s.details, detailOf(f.Account, f.Region, f.Repository))
	}
	out := string(written(t, "html", s, Options{}))
	for _, want := range []string{
		"50,000 of 50,007 findings are listed, the worst first. The 7 left out",
		`"listed":50000,"left_out":7,"gaps_left_out":3,`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q", want)
		}
	}
	if n := strings.Count(out, "\n{\"place\":"); n > htmlMaxDetails {
		t.Errorf("%d details are written", n)
	}
}

// Of details those of the worst repositories are written, and of others as many
// as there is room for.
func TestHTMLChoosesDetails(t *testing.T) {
	s := typical()
	for i := range htmlMaxDetails {
		s.details = append(s.details, detailOf("111122223333", "eu-west-1", fmt.Sprintf("quiet-%04d", i)))
	}
	s.details = append(s.details, landing(), shop())
	out := written(t, "html", s, Options{})
	for _, repository := range []string{"web/landing", "web/shop", "quiet-0000"} {
		if !bytes.Contains(out, []byte(`,"`+repository+`"],"detail"`)) {
			t.Errorf("no detail of %s", repository)
		}
	}
	found := make(map[[3]string]bool)
	for _, f := range s.findings {
		if f.Repository != "" {
			found[[3]string{f.Account, f.Region, f.Repository}] = true
		}
	}
	quiet := bytes.Count(out, []byte(`"quiet-0`)) / 2
	if want := htmlMaxDetails - len(found); quiet != want {
		t.Errorf("%d details of repositories without findings, not %d", quiet, want)
	}
}

func TestScore(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*script)
		want   percent
		atMost bool
	}{
		"clean": {func(*script) {}, 100, false},
		"a critical finding in 1 of 441 repositories": {func(s *script) {
			s.found("222233334444/eu-west-1/a", "repository-public", "everyone")
		}, percentOf(1 - 8.0/43/441), false},
		"twice in the same repository is once": {func(s *script) {
			s.found("222233334444/eu-west-1/a", "repository-public", "everyone")
			s.found("222233334444/eu-west-1/a", "repository-public", "again")
		}, percentOf(1 - 8.0/43/441), false},
		"unknown is no better": {func(s *script) {
			s.found("222233334444/eu-west-1/a", "repository-public", "unknown").Status = finding.Unknown
		}, percentOf(1 - 8.0/43/441), false},
		"all repositories of a place, where it names none": {func(s *script) {
			s.found("222233334444/eu-west-1", "repository-public", "the rule failed").Status = finding.Unknown
		}, percentOf(1 - 8.0*17/43/441), false},
		"excused counts neither way": {func(s *script) {
			s.found("222233334444/eu-west-1/a", "repository-public", "everyone").Status = finding.Waived
		}, 100, false},
		"excused and open is open": {func(s *script) {
			s.found("222233334444/eu-west-1/a", "repository-public", "everyone").Status = finding.Waived
			s.found("222233334444/eu-west-1/a", "repository-public", "everyone")
		}, percentOf(1 - 8.0/43/441), false},
		"what was not read makes it a bound": {func(s *script) { s.run.Targets[0].Status = snapshot.StatusPartial }, 100, true},
	} {
		s := clean()
		c.change(&s)
		got := scored(s)
		if got.Percent() != c.want || got.AtMost != c.atMost {
			t.Errorf("%s: %v, at most %v", name, got.Percent(), got.AtMost)
		}
	}
}

func scored(s script) score {
	scoring := newScoring(s.run)
	for i := range s.findings {
		scoring.add(&s.findings[i])
	}
	scoring.end()
	unread := unreadAfter(s.run, s.summary(), len(s.gaps))
	return scoring.whole(unread.any())
}

// htmlColors are the pairs of the style sheet that text is written with: what
// stands on what.
var htmlColors = [][2]string{
	{"ink", "paper"}, {"ink", "card"}, {"ink", "sunk"}, {"soft", "paper"}, {"soft", "card"}, {"soft", "sunk"}, {"link", "card"}, {"link", "paper"}, {"link", "sunk"},
	{"alarm", "card"}, {"alarm", "alarm-paper"}, {"notice", "notice-paper"}, {"notice", "card"}, {"clean", "card"}, {"card", "accent"}, {"unknown", "card"},
	{"critical", "critical-paper"}, {"high", "high-paper"}, {"medium", "medium-paper"}, {"low", "low-paper"}, {"info", "info-paper"},
	{"unknown", "unknown-paper"}, {"waived", "waived-paper"},
}

// htmlShapes are those that shapes are drawn with, which have to be told from
// what is behind them.
var htmlShapes = [][2]string{
	{"fail-fill", "card"}, {"unknown-fill", "card"}, {"waived-fill", "card"}, {"passed-fill", "card"}, {"medium-fill", "card"}, {"own-fill", "card"}, {"inside-fill", "card"},
	{"trusted-fill", "card"}, {"outside-fill", "card"}, {"public-fill", "card"}, {"edge", "card"}, {"edge", "paper"}, {"accent", "card"}, {"accent", "paper"},
}

func TestHTMLColorsContrast(t *testing.T) {
	colors := make(map[string][2]string)
	for _, c := range regexp.MustCompile(`--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)`).FindAllStringSubmatch(htmlAsset("page.css"), -1) {
		colors[c[1]] = [2]string{c[2], c[3]}
	}
	check := func(pairs [][2]string, least float64) {
		for _, pair := range pairs {
			for i, scheme := range []string{"light", "dark"} {
				on, behind := colors[pair[0]][i], colors[pair[1]][i]
				if got := contrast(t, on, behind); got < least {
					t.Errorf("%s: %s on %s has a contrast of %.2f, less than %.1f", scheme, pair[0], pair[1], got, least)
				}
			}
		}
	}
	check(htmlColors, 4.5)
	check(htmlShapes, 3)
}

// contrast is that of WCAG 2.2.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	luminance := func(color string) float64 {
		sum := 0.0
		for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
			n, err := strconv.ParseUint(color[1+2*i:3+2*i], 16, 8)
			if err != nil {
				t.Fatal(err)
			}
			c := float64(n) / 255
			if c <= 0.04045 {
				c /= 12.92
			} else {
				c = math.Pow((c+0.055)/1.055, 2.4)
			}
			sum += weight * c
		}
		return sum
	}
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}
