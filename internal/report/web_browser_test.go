package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/history"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/report/reporttest"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// A saga is what some repositories go through in weekly reports: most of what
// is found gets fixed, some comes anew, and some runs have gaps.
type saga struct {
	weeks      int
	incomplete func(week int) bool
	name       func(repository int) string
}

func ordinary(weeks int) saga {
	teams := []string{"payments", "web", "data-platform", "identity"}
	services := []string{"ledger", "landing", "shop", "session-store", "etl/orders", "report-writer", "gateway", "a-service-with-a-name-that-is-long-enough-to-be-broken"}
	return saga{
		weeks: weeks, incomplete: func(week int) bool { return week == 4 || week == 9 },
		name: func(i int) string { return teams[i%len(teams)] + "/" + services[i%len(services)] },
	}
}

// tricky has names that try to be more than text.
func tricky() saga {
	texts := []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</title></svg><b>`, "\x1b[2J", "a\u202eb", "{{.}}", `' onmouseover='alert(1)`, strings.Repeat("漢", 90), strings.Repeat("w", 240), "bad\xff",
	}
	return saga{weeks: 3, incomplete: func(week int) bool { return week == 2 }, name: func(i int) string { return texts[i%len(texts)] }}
}

func (s saga) trends(t *testing.T) *history.Trends {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "reports")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	chance := rand.New(rand.NewPCG(1, 2))
	open := make(map[int]bool)
	for week := range s.weeks {
		for i := range 150 {
			switch {
			case week == 0:
				open[i] = chance.IntN(3) > 0
			case open[i]:
				open[i] = chance.IntN(8) > 0
			default:
				open[i] = chance.IntN(20) == 0
			}
		}
		s.save(t, folder, week, open)
	}
	for name, text := range map[string]string{"notes.txt": "notes", `<b onclick="alert(1)">.json`: "[]", "cut.json": `{"schema": "ecraudit.report/v1", "run": {`} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	trends, err := history.Read(t.Context(), folder, 10)
	if err != nil {
		t.Fatal(err)
	}
	trends.Folder = s.name(0)
	return trends
}

// save writes the report of a week.
func (s saga) save(t *testing.T, folder string, week int, open map[int]bool) {
	t.Helper()
	rules := []finding.Rule{
		{ID: "repository-public", Severity: finding.Critical}, {ID: "scan-on-push", Severity: finding.High}, {ID: "lifecycle-policy", Severity: finding.Medium},
		{ID: "tag-immutability", Severity: finding.Medium}, {ID: "encryption", Severity: finding.Low}, {ID: "required-tags", Severity: finding.Low}, {ID: "tag-convention", Severity: finding.Info},
	}
	accounts := []string{"222233334444", "444455556666"}
	run := report.Run{OrganizationID: "o-a1b2c3d4e5", Clock: time.Date(2026, 1, 5, 6, 30, 0, 0, time.UTC).AddDate(0, 0, 7*week), Complete: !s.incomplete(week), Rules: rules}
	for i := range run.Rules {
		run.Rules[i].Scope = finding.ScopeRepository
	}
	for i, account := range accounts {
		target := report.Target{Account: account, Region: "eu-west-1", Status: snapshot.StatusComplete}
		if i == 1 && s.incomplete(week) {
			target.Status = snapshot.StatusFailed
		}
		run.Targets = append(run.Targets, target)
	}
	out, err := os.Create(filepath.Join(folder, fmt.Sprintf("%s.json", run.Clock.Format(time.DateOnly))))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	h, err := report.New("json", out, report.Options{})
	if err != nil {
		t.Fatal(err)
	}
	tell := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	tell(h.Begin(run))
	var findings []finding.Finding
	for i := range 150 {
		account := accounts[i%7%2]
		if !open[i] || run.Targets[i%7%2].Status == snapshot.StatusFailed {
			continue
		}
		rule := rules[(i*i+i/7)%len(rules)]
		sum := sha256.Sum256(fmt.Append(nil, i))
		f := finding.Finding{
			Fingerprint: hex.EncodeToString(sum[:16]), Rule: rule.ID, Severity: rule.Severity, Status: finding.Fail,
			Account: account, Region: "eu-west-1", Repository: s.name(i), Message: "it fails",
		}
		if i%9 == 0 {
			f.Status = finding.Unknown
		}
		if i%5 == 0 {
			f.Tag = s.name(i + 1)
		}
		tell(h.Finding(f))
		findings = append(findings, f)
	}
	tell(h.End(reporttest.Summarize(run, findings, 0)))
}

func pageOf(t *testing.T, trends *history.Trends) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := trends.Write(&b, "html", report.Options{}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func sagas() map[string]saga {
	one, all := ordinary(1), ordinary(30)
	one.incomplete = func(int) bool { return false }
	all.incomplete = func(int) bool { return true }
	return map[string]saga{"ordinary": ordinary(12), "many": ordinary(130), "one": one, "never complete": all, "tricky": tricky()}
}

// The page of trends loads without an error, a breach of its policy or a
// request, fits every window, and can be read in both schemes.
func TestTrendsPages(t *testing.T) {
	for name, s := range sagas() {
		t.Run(name, func(t *testing.T) {
			page := pageOf(t, s.trends(t))
			v := report.VisitPage(t, page)
			for _, scheme := range []string{"light", "dark"} {
				v.Colors(scheme)
				v.Open("")
				v.Number(`(() => { document.querySelectorAll("details").forEach((one) => { one.open = true; }); return 0; })()`)
				for _, window := range report.Windows {
					v.Size(window[0], window[1])
					if wide := v.Number("document.documentElement.scrollWidth"); wide > window[0] {
						t.Errorf("it is %d pixels wide in a window of %d", wide, window[0])
					}
				}
				if weak := v.Texts(report.WeakTexts); len(weak) > 0 {
					t.Errorf("%s: %s", scheme, strings.Join(weak, "\n"))
				}
				v.Check()
			}
			v.Size(794, 1123) // a sheet of A4
			v.Media("print")
			if wide := v.Number("document.documentElement.scrollWidth"); wide > 794 {
				t.Errorf("it is %d pixels wide on a sheet of 794", wide)
			}
			v.Media("")
			if n := v.Count("h1"); n != 1 {
				t.Errorf("%d main headings", n)
			}
			if n := v.Count(".truncated, nav"); n > 0 {
				t.Errorf("%d elements of pages that are cut short, or have views", n)
			}
			inert := v.Texts(`Array.from(document.querySelectorAll("script:not([type=module]), iframe, img, object, embed, b, form, base, [onerror], [onclick], [onmouseover], [style]"), (one) => one.outerHTML.slice(0, 200))`)
			if len(inert) > 0 {
				t.Errorf("there are elements that nobody put there: %q", inert)
			}
		})
	}
}
