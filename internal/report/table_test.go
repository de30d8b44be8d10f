package report

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"pgregory.net/rapid"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/query"
)

// compared is a run with waivers and with a baseline, of which something was
// not judged again.
func compared() script {
	s := typical()
	s.run.Baseline = &Baseline{Name: "known.json", Findings: 96}
	s.changes = &Changes{New: 3, Worsened: 1, Known: len(s.findings) - 4, Fixed: 4, NotSeen: 2}
	for i := range s.findings {
		s.findings[i].Change = finding.Known
	}
	for i, change := range map[int]finding.Change{3: finding.New, 5: finding.New, 6: finding.New, 80: finding.Worsened} {
		s.findings[i].Change = change
	}
	waive := func(w finding.Waiver, from, to int) {
		for i := from; i < to; i++ {
			w := w
			w.Verdict = s.findings[i].Status
			s.findings[i].Status, s.findings[i].Waiver = finding.Waived, &w
		}
	}
	waive(finding.Waiver{Until: "2027-01-31", Owner: "team-web", Ticket: "SEC-1204", Reason: "The shop moves to the new base image in January."}, 10, 16)
	waive(finding.Waiver{Until: "2026-12-24", Owner: "team-pay", Reason: "The scanner does not know the format."}, 84, 88)
	waive(finding.Waiver{Reason: "Accepted."}, len(s.findings)-1, len(s.findings))
	waive(finding.Waiver{Reason: " "}, 0, 1)
	return s
}

// queried plays a script through a query.
func queried(s script, text string) script {
	q, err := query.Parse(text)
	if err != nil {
		panic(err)
	}
	kept := &kept{}
	if err := s.play(Only(q, kept, func(string) {})); err != nil {
		panic(err)
	}
	return script{run: kept.run, findings: kept.findings, gaps: s.gaps, changes: s.changes, failOn: s.failOn, summarized: &kept.summary}
}

func listing(columns string) Options { return Options{Columns: strings.Split(columns, ",")} }

func (o Options) at(width int) Options {
	o.Width = width
	return o
}

// tables are the tables with a golden file at three widths.
func tables() map[string]struct {
	script  script
	options Options
} {
	type one = struct {
		script  script
		options Options
	}
	return map[string]one{
		"compared":      {compared(), Options{}},
		"by-repository": {compared(), Options{GroupBy: "repository"}},
		"by-account":    {compared(), Options{GroupBy: "account"}},
		"by-severity":   {compared(), Options{GroupBy: "severity"}},
		"columns":       {compared(), listing("severity,status,change,rule,account,region,repository,image,message")},
		"sort":          {typical(), Options{Sort: []string{"rule", "-message"}, Limit: 10}},
		"limit":         {typical(), Options{Limit: 5}},
		"limit-groups":  {typical(), Options{Limit: 3, GroupBy: "account"}},
		"query":         {queried(compared(), "status=fail and not change=known"), Options{}},
		"query-none":    {queried(typical(), "repository=none"), Options{}},
		"query-partial": {queried(partial(), "repository=none"), Options{}},
		"links":         {typical(), Options{Links: true, RulePage: RulePage, Limit: 5}},
	}
}

func TestGoldenTables(t *testing.T) {
	for name, table := range tables() {
		for _, width := range []int{40, 80, 200} {
			file := fmt.Sprintf("table-%s-%d.table", name, width)
			t.Run(file, func(t *testing.T) {
				got := written(t, "table", table.script, table.options.at(width))
				path := filepath.Join("testdata", file)
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
}

// shapes are options of the table that differ in how it is laid out.
func shapes() map[string]Options {
	all := map[string]Options{"all": {All: true}, "wide list": listing(strings.Join(Columns(), ",")), "list": {Sort: []string{"message"}}}
	for _, by := range Groupings() {
		all["by "+by] = Options{GroupBy: by}
		all["all by "+by] = Options{GroupBy: by, All: true}
		all["limited by "+by] = Options{GroupBy: by, Limit: 2}
	}
	for _, name := range Columns() {
		all["only "+name] = listing(name)
	}
	return all
}

// Every shape of the table, of every run, fits its width, with links and
// colours as well as without, which are all that these add.
func TestShapesFitTheirWidth(t *testing.T) {
	for name, s := range map[string]script{"hostile": hostile(), "partial": partial(), "compared": compared()} {
		for shape, o := range shapes() {
			for _, width := range []int{40, 100} {
				bare := string(written(t, "table", s, o.at(width)))
				for line := range strings.Lines(bare) {
					line = strings.TrimSuffix(line, "\n")
					if got := displayWidth(line); got > width {
						t.Errorf("%s, %s at %d columns: a line takes %d: %q", name, shape, width, got, line)
					}
					if strings.TrimRight(line, " ") != line {
						t.Errorf("%s, %s at %d columns: a line ends in spaces: %q", name, shape, width, line)
					}
				}
				decorated := o.at(width)
				decorated.Color, decorated.Links, decorated.RulePage = true, true, RulePage
				escapes := twwidth.Filter()
				if diff := cmp.Diff(bare, escapes.ReplaceAllString(string(written(t, "table", s, decorated)), "")); diff != "" {
					t.Errorf("%s, %s at %d columns: colours and links change more than themselves:\n%s", name, shape, width, diff)
				}
			}
		}
	}
}

// Whatever the shape, no incomplete run looks clean, and a query or a limit does
// not hide that findings fail.
func TestNoShapeLooksClean(t *testing.T) {
	for shape, o := range shapes() {
		for name, s := range incompletes() {
			out := string(written(t, "table", s, o.at(120)))
			if !strings.Contains(out, "NOT complete") || strings.Contains(out, "Everything was read") {
				t.Errorf("%s, %s looks clean:\n%s", name, shape, out)
			}
		}
		o.Color = true
		out := string(written(t, "table", queried(typical(), "repository=none"), o.at(200)))
		for _, want := range []string{"Only findings that match repository=none are shown.", "No findings match the query", "Exit code 2", "that of the whole run, in which 19 findings that fail and 6 unknown"} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in:\n%s", shape, want, out)
			}
		}
		if strings.Contains(out, green.sgr()) {
			t.Errorf("%s looks clean:\n%s", shape, out)
		}
	}
}

// A limit says exactly how many findings it leaves out.
func TestLimitCounts(t *testing.T) {
	s := compared()
	for _, by := range Groupings() {
		for limit := 1; limit < 12; limit++ {
			out := string(written(t, "table", s, Options{GroupBy: by, Limit: limit, All: true, Width: 200}))
			shown := 0
			for _, f := range s.findings {
				// Of those with equal messages in one place as many are shown as there are lines.
				shown += strings.Count(out, Printable(f.Message)) / sameMessage(s, f.Message)
			}
			if want := fmt.Sprintf("%d more findings are not shown", len(s.findings)-limit); !strings.Contains(out, want) {
				t.Errorf("by %s, limit %d: no %q in\n%s", by, limit, want, out)
			}
		}
	}
	whole := string(written(t, "table", s, Options{Limit: len(s.findings)}))
	if strings.Contains(whole, "not shown") || whole != string(written(t, "table", s, Options{})) {
		t.Errorf("a limit that leaves nothing out changes the table:\n%s", whole)
	}
	one := string(written(t, "table", s, Options{Limit: 1, Columns: []string{"severity"}}))
	if want := fmt.Sprintf("%d more findings are not shown", len(s.findings)-1); !strings.Contains(one, want) {
		t.Errorf("no %q in\n%s", want, one)
	}
}

func sameMessage(s script, message string) (n int) {
	for _, f := range s.findings {
		if f.Message == message {
			n++
		}
	}
	return n
}

// Rows are in order, the equal ones as they came, however many parts they were
// sorted in, and as many as the limit says.
func TestSorter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 300).Draw(t, "rows")
		limit := rapid.IntRange(0, 40).Draw(t, "limit")
		descending := []bool{rapid.Bool().Draw(t, "first"), rapid.Bool().Draw(t, "second")}
		s := newSorter(descending, limit)
		s.room = rapid.IntRange(1, 8000).Draw(t, "room")
		defer s.Close()
		random := rand.New(rand.NewPCG(uint64(n), 1))
		var all []row
		for i := range n {
			r := row{keys: []string{fmt.Sprint(random.IntN(4)), strings.Repeat("é\x00", random.IntN(3))}, cells: []listCell{
				{text: fmt.Sprint(i), look: alarm, url: "https://x"}, {},
			}}
			all = append(all, r)
			if err := s.add(r); err != nil {
				t.Fatal(err)
			}
		}
		slices.SortStableFunc(all, s.compare)
		if limit > 0 {
			all = all[:min(limit, n)]
		}
		var got []row
		if err := s.each(func(r row) error {
			got = append(got, r)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(all, got, cmp.AllowUnexported(row{}, listCell{})); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

// A list is as long as there are findings, and does not need memory for them.
func TestListIsFlat(t *testing.T) {
	const slack = 256 << 10
	o := Options{Sort: []string{"message", "rule"}}
	small, large := held(t, long(40_000), "table", o), held(t, long(80_000), "table", o)
	if large > small+heldRows+slack {
		t.Errorf("%d KiB are held after 40,000 findings and %d KiB after 80,000", small>>10, large>>10)
	}
	s := long(20_000)
	out := string(written(t, "table", s, Options{Sort: []string{"-message"}, Columns: []string{"message"}, Width: 200}))
	var messages []string
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "finding ") {
			messages = append(messages, line)
		}
	}
	if len(messages) != len(s.findings) || !slices.IsSortedFunc(messages, func(a, b string) int { return strings.Compare(b, a) }) {
		t.Errorf("%d of %d rows, or not in order", len(messages), len(s.findings))
	}
}

// Columns are sorted by what they mean where that is not their text.
func TestSortByMeaning(t *testing.T) {
	s := compared()
	for column, order := range map[string][]string{
		"severity": {"info", "low", "medium", "high", "critical"}, "status": {"fail", "unknown", "waived"}, "change": {"new", "worsened", "known"},
	} {
		out := string(written(t, "table", s, Options{Columns: []string{column}, Sort: []string{column}}))
		_, rows, _ := strings.Cut(out, "─\n")
		rows, _, _ = strings.Cut(rows, "\n\n")
		if got := slices.Compact(strings.Split(rows, "\n")); !slices.Equal(got, order) {
			t.Errorf("%s: %q", column, got)
		}
	}
}

// Findings stay apart that differ in status, waiver or change.
func TestGatheringKeepsApart(t *testing.T) {
	out := string(written(t, "table", compared(), Options{Width: 200}))
	for _, want := range []string{
		"  222233334444/us-east-1/web/shop (prod-web): 2 images, e.g. 1.12.0@sha256:96a296d224f2…: new: 12 critical",
		"  222233334444/us-east-1/web/shop (prod-web): 4 images, e.g. 1.10.0@sha256:99be5efb88ca…: known: 10 critical",
		"~ 222233334444/us-east-1/web/shop (prod-web): 6 images, e.g. ",
		"known: waived until 2027-01-31 by team-web (SEC-1204): ",
		"known: waived until 2026-12-24 by team-pay: unknown: never scanned",
		"      Why: The scanner does not know the format.",
		"Since the baseline known.json: 3 new, 1 worsened, 85 known, 4 fixed, 2 not seen again, for they were not judged this time.",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}

var hyperlink = regexp.MustCompile("\x1b\\]8;;([^\x1b]*)\x1b\\\\([^\x1b]*)\x1b\\]8;;\x1b\\\\")

// Links lead where they should, end on the line that they begin on, and hostile
// names do not get out of them.
func TestLinks(t *testing.T) {
	for name, s := range map[string]script{"hostile": hostile(), "typical": typical()} {
		for shape, o := range shapes() {
			o.Links, o.RulePage = true, RulePage
			out := string(written(t, "table", s, o))
			for line := range strings.Lines(hyperlink.ReplaceAllString(out, "$2")) {
				if strings.Contains(line, "\x1b") {
					t.Errorf("%s, %s: an escape is left in %q", name, shape, line)
				}
			}
			for _, found := range hyperlink.FindAllStringSubmatch(out, -1) {
				u, err := url.Parse(found[1])
				if err != nil || u.Scheme != "https" || u.Host != "github.com" && !strings.HasSuffix(u.Host, ".console.aws.amazon.com") && u.Host != "docs.aws.amazon.com" {
					t.Errorf("%s, %s: a link to %q: %v", name, shape, found[1], err)
				}
			}
		}
	}
	out := string(written(t, "table", typical(), Options{Links: true, RulePage: RulePage, Width: 120}))
	for _, want := range []string{
		"\x1b]8;;https://eu-west-1.console.aws.amazon.com/ecr/repositories/private/222233334444/web/landing?region=eu-west-1\x1b\\web/landing\x1b]8;;\x1b\\ (prod-web)",
		"HIGH  \x1b]8;;https://github.com/ecraudit/ecraudit/blob/main/docs/rules/scan-on-push.md\x1b\\scan-on-push\x1b]8;;\x1b\\: 2 fail",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%q", want, out)
		}
	}
}

func TestConsoleURL(t *testing.T) {
	for place, want := range map[[3]string]string{
		{"111122223333", "eu-west-1", "team/api"}:      "https://eu-west-1.console.aws.amazon.com/ecr/repositories/private/111122223333/team/api?region=eu-west-1",
		{"111122223333", "cn-north-1", "a"}:            "https://cn-north-1.console.amazonaws.cn/ecr/repositories/private/111122223333/a?region=cn-north-1",
		{"111122223333", "us-gov-west-1", "a"}:         "https://us-gov-west-1.console.amazonaws-us-gov.com/ecr/repositories/private/111122223333/a?region=us-gov-west-1",
		{"111122223333", "us-iso-east-1", "a"}:         "",
		{"111122223333", "eu-west-1", ""}:              "",
		{"1111", "eu-west-1", "a"}:                     "",
		{"111122223333", "evil.example/", "a"}:         "",
		{"111122223333", "eu-west-1", "a\x1b\\b ?#é"}:  "https://eu-west-1.console.aws.amazon.com/ecr/repositories/private/111122223333/a%1B%5Cb%20%3F%23%C3%A9?region=eu-west-1",
		{"111122223333", "eu-west-1", "../../../evil"}: "",
		{"111122223333", "eu-west-1", "//evil"}:        "",
	} {
		if got := consoleURL(place[0], place[1], place[2]); got != want {
			t.Errorf("%q: %s, want %s", place, got, want)
		}
	}
}

// What a format cannot know is an error that names what it can.
func TestUnknownTableOptions(t *testing.T) {
	for want, o := range map[string]Options{
		"use one of rule, repository, account, severity":      {GroupBy: "team"},
		"use some of severity, status, change, rule, account": {Columns: []string{"severity", "colour"}},
		`there is no column "-size"`:                          {Sort: []string{"-size"}},
	} {
		if _, err := New("table", &bytes.Buffer{}, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func BenchmarkTableShapes(b *testing.B) {
	const findings = 100_000
	s := long(findings)
	for name, o := range map[string]Options{
		"by-repository": {GroupBy: "repository"},
		"by-account":    {GroupBy: "account"},
		"list":          {Sort: []string{"message"}},
		"list-limit":    {Sort: []string{"message"}, Limit: 20},
	} {
		b.Run(name, func(b *testing.B) { benchmark(b, s, "table", o) })
	}
}
