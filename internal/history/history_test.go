package history

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/mattn/go-runewidth"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/report/reporttest"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const (
	platform = "222233334444"
	payments = "444455556666"
	region   = "eu-west-1"
)

var begin = time.Date(2026, 7, 1, 8, 0, 0, 0, time.UTC)

// run is a report in the making.
type run struct {
	report.Run
	findings []finding.Finding
	gaps     []snapshot.Gap
}

// on is a run of some day that read some accounts.
func on(day int, accounts ...string) *run {
	r := &run{Run: report.Run{
		Version: "0.1.0", RulesDigest: "sha256:" + strings.Repeat("5e", 32), OrganizationID: "o-a1b2c3d4e5",
		Clock: begin.Add(time.Duration(day) * 24 * time.Hour), Complete: true,
		Rules: []finding.Rule{
			{ID: "encryption", Severity: finding.Low, Scope: finding.ScopeRepository},
			{ID: "external-push", Severity: finding.Critical, Scope: finding.ScopeRepository, Needs: []string{"policy"}},
			{ID: "replica-parity", Severity: finding.Medium, Scope: finding.ScopeOrganization},
			{ID: "scan-on-push", Severity: finding.High, Scope: finding.ScopeRepository, Needs: []string{"scanning"}},
		},
	}}
	for _, account := range accounts {
		r.Targets = append(r.Targets, report.Target{Account: account, Region: region, Status: snapshot.StatusComplete})
	}
	return r
}

// found adds a finding of a rule on a repository, or on the organization where
// the account is empty.
func (r *run) found(rule, account, repository string) *finding.Finding {
	sum := sha256.Sum256([]byte(rule + account + repository))
	f := finding.Finding{Fingerprint: hex.EncodeToString(sum[:16]), Rule: rule, Status: finding.Fail, Account: account, Repository: repository, Message: "it fails"}
	if account != "" {
		f.Region = region
	}
	for _, known := range r.Rules {
		if known.ID == rule {
			f.Severity = known.Severity
		}
	}
	r.findings = append(r.findings, f)
	return &r.findings[len(r.findings)-1]
}

func (r *run) gap(account, repository string, need snapshot.Need) *run {
	r.gaps = append(r.gaps, snapshot.Gap{
		Target:     snapshot.Target{Partition: "aws", Account: account, Region: region},
		Repository: repository, Need: need, Code: "AccessDenied", Message: "denied",
	})
	r.Complete = false
	for i := range r.Targets {
		if r.Targets[i].Account == account {
			r.Targets[i].Status = snapshot.StatusPartial
		}
	}
	return r
}

func (r *run) save(tb testing.TB, path string) {
	tb.Helper()
	out, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer out.Close()
	format := "json"
	if strings.HasSuffix(path, ".ndjson") {
		format = "ndjson"
	}
	h, err := report.New(format, out, report.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tell := func(err error) {
		if err != nil {
			tb.Fatal(err)
		}
	}
	tell(h.Begin(r.Run))
	for _, f := range r.findings {
		tell(h.Finding(f))
	}
	for _, g := range r.gaps {
		tell(h.Gap(g))
	}
	tell(h.End(reporttest.Summarize(r.Run, r.findings, len(r.gaps))))
}

func saved(tb testing.TB, runs ...*run) (folder string) {
	tb.Helper()
	folder = tb.TempDir()
	for i, r := range runs {
		r.save(tb, filepath.Join(folder, fmt.Sprintf("%04d.json", i)))
	}
	return folder
}

func read(tb testing.TB, folder string) *Trends {
	tb.Helper()
	t, err := Read(tb.Context(), folder, 10)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// story is what happens to findings over some weeks.
func story() []*run {
	var runs []*run
	next := func(day int, accounts ...string) *run {
		r := on(day, accounts...)
		runs = append(runs, r)
		return r
	}
	r := next(0, platform) // all is discovered
	r.found("external-push", platform, "web")
	r.found("encryption", platform, "web")
	r.found("encryption", platform, "api")
	r.found("scan-on-push", platform, "web").Status = finding.Unknown
	r.found("replica-parity", "", "")

	r = next(4, platform) // one is fixed, one is new, one is certain
	r.found("encryption", platform, "web")
	r.found("encryption", platform, "api")
	r.found("scan-on-push", platform, "web")
	r.found("scan-on-push", platform, "api")
	r.found("replica-parity", "", "")

	r = next(6, platform).gap(platform, "web", snapshot.NeedScanning) // one is not seen, one is fixed
	r.found("encryption", platform, "web")
	r.found("scan-on-push", platform, "api")
	r.found("replica-parity", "", "")

	r = next(8, payments) // of another account: nothing of the first is judged
	r.found("external-push", payments, "ledger")

	r = next(10, platform, payments) // one comes back, one is waived, the organization is mended
	r.found("external-push", platform, "web")
	f := r.found("scan-on-push", platform, "web")
	f.Status, f.Waiver = finding.Waived, &finding.Waiver{Verdict: finding.Fail, Reason: "agreed"}
	r.found("encryption", platform, "web")
	r.found("external-push", payments, "ledger")

	r = next(20, platform, payments) // the waiver ended
	r.found("external-push", platform, "web")
	r.found("scan-on-push", platform, "web")
	return runs
}

func TestStory(t *testing.T) {
	trends := read(t, saved(t, story()...))
	type change struct{ failing, unknown, notSeen, discovered, new, reopened, fixed, waived int }
	var got []change
	for _, p := range trends.Points {
		got = append(got, change{p.Failing(), p.Unknown(), p.NotSeen, p.Discovered, p.New, p.Reopened, p.Fixed, p.Waived})
	}
	want := []change{
		{failing: 4, unknown: 1, discovered: 5},
		{failing: 5, new: 1, fixed: 1},
		{failing: 4, notSeen: 1, fixed: 1},
		{failing: 5, notSeen: 4, discovered: 1},
		{failing: 3, reopened: 1, fixed: 2, waived: 1},
		{failing: 2, reopened: 1, fixed: 2},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(change{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	times := map[finding.Severity]TimeToFix{}
	for _, of := range trends.TimeToFix {
		times[of.Severity] = of
	}
	for severity, want := range map[finding.Severity]TimeToFix{
		// web: 0 to 4, and ledger: 8 to 20; web again is open since 10
		finding.Critical: {Severity: finding.Critical, Fixed: 2, AtLeast: 2, MeanDays: new(8.0), MedianDays: new(8.0), Open: 1, MeanAge: new(10.0), OldestAge: new(10.0)},
		// api: 4 to 10; web is open since 0, though it was waived
		finding.High: {Severity: finding.High, Fixed: 1, MeanDays: new(6.0), MedianDays: new(6.0), Open: 1, MeanAge: new(20.0), OldestAge: new(20.0)},
		// the organization: 0 to 10
		finding.Medium: {Severity: finding.Medium, Fixed: 1, AtLeast: 1, MeanDays: new(10.0), MedianDays: new(10.0)},
		// api: 0 to 6, web: 0 to 20
		finding.Low:  {Severity: finding.Low, Fixed: 2, AtLeast: 2, MeanDays: new(13.0), MedianDays: new(13.0)},
		finding.Info: {Severity: finding.Info},
	} {
		if diff := cmp.Diff(want, times[severity]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", severity, diff)
		}
	}
}

// htmlFixed is what every page has, of which golden files are without.
var htmlFixed = regexp.MustCompile(`(?s)'sha256-[^']*'|(<style>).*?(</style>)|(<script type="module">).*?(</script>)`)

func TestGolden(t *testing.T) {
	folder := saved(t, story()...)
	if err := os.WriteFile(filepath.Join(folder, "README.md"), []byte("no report"), 0o600); err != nil {
		t.Fatal(err)
	}
	trends := read(t, folder)
	trends.Folder = "reports"
	for _, format := range Formats() {
		var b bytes.Buffer
		if err := trends.Write(&b, format, report.Options{}); err != nil {
			t.Fatal(err)
		}
		got := b.Bytes()
		if format == "html" {
			got = htmlFixed.ReplaceAll(got, []byte("$1$2$3…$4"))
		}
		path := filepath.Join("testdata", "story."+format)
		if *update {
			if err := os.WriteFile(path, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (-want +got; -update rewrites it):\n%s", path, diff)
		}
	}
}

// random is runs of chance: some accounts, some findings, some gaps.
func random(r *rand.Rand, runs int, whole bool) (all []*run) {
	for day := range runs {
		accounts := []string{platform, payments}
		if !whole && r.IntN(3) == 0 {
			accounts = accounts[r.IntN(2):][:1]
		}
		next := on(day, accounts...)
		for i := range 12 {
			account := []string{platform, payments}[i%2]
			if !slices.Contains(accounts, account) || r.IntN(2) == 0 {
				continue
			}
			f := next.found(next.Rules[[]int{0, 1, 3}[i%3]].ID, account, fmt.Sprint("r", i))
			switch r.IntN(6) {
			case 0:
				f.Status = finding.Unknown
			case 1:
				f.Status, f.Waiver = finding.Waived, &finding.Waiver{Verdict: finding.Fail, Reason: "agreed"}
			}
		}
		if !whole && r.IntN(3) == 0 {
			next.gap(accounts[0], fmt.Sprint("r", r.IntN(12)), snapshot.NeedPolicy)
		}
		all = append(all, next)
	}
	return all
}

func (p *Point) sum() int { return p.Failing() + p.Unknown() }

// The laws of trends, on runs of chance.
func TestLaws(t *testing.T) {
	for seed := range uint64(60) {
		whole := seed%2 == 0
		runs := random(rand.New(rand.NewPCG(seed, 1)), 8, whole)
		trends := read(t, saved(t, runs...))
		ever := map[string]bool{}
		for i, p := range trends.Points {
			found := 0
			for _, f := range runs[i].findings {
				if f.Status != finding.Waived {
					found++
				}
				ever[f.Fingerprint] = true
			}
			if p.sum() != found+p.NotSeen {
				t.Errorf("seed %d: %d are open after run %d, of which it found %d and did not see %d", seed, p.sum(), i, found, p.NotSeen)
			}
			if whole && p.NotSeen > 0 {
				t.Errorf("seed %d: whole runs have not seen %d", seed, p.NotSeen)
			}
		}
		fixed, open := 0, 0
		for _, of := range trends.TimeToFix {
			fixed += of.Fixed
			open += of.Open
		}
		if last := trends.Points[len(trends.Points)-1]; open != last.Failing() {
			t.Errorf("seed %d: %d failing, of which %d have an age", seed, last.Failing(), open)
		}
		total := 0
		for _, p := range trends.Points {
			total += p.Fixed
		}
		if fixed > total {
			t.Errorf("seed %d: %d times of %d that were fixed", seed, fixed, total)
		}
	}
}

// Trends depend on clocks, not on names, order or format, and a run that was
// saved twice counts once.
func TestNamesDoNotCount(t *testing.T) {
	runs := story()
	want := read(t, saved(t, runs...))
	folder := t.TempDir()
	for i, r := range runs {
		r.save(t, filepath.Join(folder, fmt.Sprintf("%c.ndjson", 'z'-i)))
		r.save(t, filepath.Join(folder, fmt.Sprintf("same-%d.json", i)))
	}
	got := read(t, folder)
	if len(got.LeftAside) != len(runs) || !strings.Contains(got.LeftAside[0].Why, "same run as") {
		t.Errorf("left aside: %v", got.LeftAside)
	}
	for _, trends := range []*Trends{want, got} {
		trends.Folder, trends.LeftAside = "", nil
		for i := range trends.Points {
			trends.Points[i].File = ""
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-by clock +by name):\n%s", diff)
	}
}

func TestLeftAside(t *testing.T) {
	folder := saved(t, story()...)
	write := func(name string, text []byte) {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := os.ReadFile(filepath.Join(folder, "0001.json"))
	if err != nil {
		t.Fatal(err)
	}
	write("0000-cut.json", whole[:len(whole)-200]) // comes before the whole one
	write("empty.json", nil)
	write("notes.txt", []byte("notes"))
	write("list.json", []byte(`["a"]`))
	write("v2.json", []byte(`{"schema": "ecraudit.report/v2"}`))
	write("head.json", whole[:200])
	write(".ecraudit-0123.tmp", []byte(`{`))
	if err := os.Mkdir(filepath.Join(folder, "old"), 0o700); err != nil {
		t.Fatal(err)
	}
	filtered, timeless, twice := on(30, platform), on(31, platform), on(32, platform)
	filtered.Query, timeless.Clock = "severity=critical", time.Time{}
	twice.found("encryption", platform, "web")
	twice.findings = append(twice.findings, twice.findings[0])
	filtered.save(t, filepath.Join(folder, "filtered.json"))
	timeless.save(t, filepath.Join(folder, "timeless.json"))
	twice.save(t, filepath.Join(folder, "twice.json"))

	trends := read(t, folder)
	if len(trends.Points) != len(story()) || trends.Points[1].File != "0001.json" {
		t.Errorf("%d points", len(trends.Points))
	}
	want := map[string]string{
		"0000-cut.json": "truncated", "empty.json": "empty", "notes.txt": "no report", "list.json": "no report", "v2.json": "v2", "head.json": "truncated",
		"old": "folder", "filtered.json": "severity=critical", "timeless.json": "clock", "twice.json": "twice",
	}
	for _, l := range trends.LeftAside {
		if want[l.File] == "" || !strings.Contains(l.Why, want[l.File]) {
			t.Errorf("%s: %s", l.File, l.Why)
		}
		if damaged := slices.Contains([]string{"0000-cut.json", "twice.json", "v2.json", "head.json"}, l.File); l.Damaged != damaged {
			t.Errorf("%s is damaged: %t", l.File, l.Damaged)
		}
		delete(want, l.File)
	}
	if len(want) > 0 {
		t.Errorf("not said to be left aside: %v", want)
	}
	var b bytes.Buffer
	if err := trends.Write(&b, "table", report.Options{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "LEFT ASIDE  10") || !strings.Contains(b.String(), "NOT complete") {
		t.Errorf("the table looks whole:\n%s", b.String())
	}
}

func TestNoReports(t *testing.T) {
	empty := t.TempDir()
	if _, err := Read(t.Context(), empty, 1); err == nil || !strings.Contains(err.Error(), "no report") {
		t.Errorf("%v", err)
	}
	if _, err := Read(t.Context(), filepath.Join(empty, "nowhere"), 1); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(filepath.Join(empty, "x.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(t.Context(), empty, 1); err == nil || !strings.Contains(err.Error(), "x.json") {
		t.Errorf("%v", err)
	}
}

// hostile is runs whose texts try to be more than text.
func hostile() (runs []*run) {
	texts := []string{"\x1b[2J", "a\u202eb", "<script>", "=cmd()", "line\nbreak\r", "\x00\u0085", "bad\xff", strings.Repeat("漢", 90)}
	for day := range 30 {
		r := on(day, platform)
		r.OrganizationID = texts[day%len(texts)]
		for i, text := range texts {
			r.found("encryption", platform, text).Tag = text
			f := r.found("external-push", text, text)
			f.Region, f.Digest = text, text
			if i%3 == day%3 {
				r.gap(text, text, snapshot.NeedPolicy)
			}
		}
		runs = append(runs, r)
	}
	return runs
}

// Whatever the reports hold, every format is valid and harmless.
func TestFormatsAreHarmless(t *testing.T) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(SchemaJSON()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, runs := range map[string][]*run{"story": story(), "hostile": hostile(), "one": {on(0, platform)}, "gaps": random(rand.New(rand.NewPCG(7, 7)), 40, false)} {
		folder := saved(t, runs...)
		if err := os.Rename(filepath.Join(folder, "0000.json"), filepath.Join(folder, "=1+1.json")); err != nil {
			t.Fatal(err)
		}
		trends := read(t, folder)
		for _, format := range Formats() {
			for _, all := range []bool{false, true} {
				var b bytes.Buffer
				if err := trends.Write(&b, format, report.Options{All: all}); err != nil {
					t.Fatal(err)
				}
				out := strings.ReplaceAll(b.String(), "\r\n", "\n")
				for _, r := range out {
					if r != '\n' && (!unicode.IsPrint(r) || unicode.Is(unicode.Cf, r)) {
						t.Fatalf("%s of %s contains %U", format, name, r)
					}
				}
				switch format {
				case "json":
					value, err := jsonschema.UnmarshalJSON(strings.NewReader(out))
					if err != nil {
						t.Fatal(err)
					}
					if err := schema.Validate(value); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				case "csv":
					rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
					if err != nil || len(rows) != len(runs)+1 || rows[1][1] != "'=1+1.json" {
						t.Errorf("%s: %d rows, %v, %q", name, len(rows), err, rows[1])
					}
				case "html":
					if strings.Contains(out, "<script>") {
						t.Errorf("%s: a name became markup", name)
					}
					if name == "hostile" && !strings.Contains(out, "&lt;script&gt;") {
						t.Error("a name is missing")
					}
				case "table":
					for line := range strings.Lines(out) {
						if w := runewidth.StringWidth(strings.TrimSuffix(line, "\n")); w > 80 {
							t.Errorf("%s: a line takes %d columns: %q", name, w, line)
						}
					}
				}
			}
		}
	}
}

// In the page nothing looks better than it is known to be.
func TestHTMLIsHonest(t *testing.T) {
	page := func(edit func(folder string), runs ...*run) string {
		folder := saved(t, runs...)
		if edit != nil {
			edit(folder)
		}
		var b bytes.Buffer
		if err := read(t, folder).Write(&b, "html", report.Options{}); err != nil {
			t.Fatal(err)
		}
		_, body, _ := strings.Cut(b.String(), "<main")
		banners, _, _ := strings.Cut(b.String(), "<main")
		_, banners, _ = strings.Cut(banners, "</header>")
		return banners + body
	}
	found := func() *run {
		r := on(0, platform)
		r.found("external-push", platform, "web")
		return r
	}
	unknown := on(1, platform)
	unknown.found("scan-on-push", platform, "web").Status = finding.Unknown
	other := on(1, platform)
	other.OrganizationID = "o-other"
	cut := func(folder string) {
		if err := os.WriteFile(filepath.Join(folder, "cut.json"), []byte(`{"schema": "ecraudit.report/v1", "run": {`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		page       string
		has, lacks []string
	}{
		"clean":          {page(nil, found(), on(1, platform)), []string{"Nothing is open", `verdict clean`, "2, all complete", "-1<small> failing"}, []string{"NOT"}},
		"one run":        {page(nil, found()), []string{"1 failing finding is open", "One run makes no trend"}, []string{"<polygon", "since the first run", "NOT"}},
		"last with gaps": {page(nil, on(0, platform), on(1, platform).gap(platform, "web", snapshot.NeedPolicy)), []string{"Nothing is known to be open", "NOT COMPLETE", "The last run is one of them", `class="incomplete"`, "NOT complete</span>"}, []string{"verdict clean", "Nothing is open"}},
		"not seen":       {page(nil, found(), on(1, payments)), []string{"1 failing finding is open", "not seen by the last run", `class="seen"`}, []string{"verdict clean"}},
		"unknown":        {page(nil, found(), unknown), []string{"1 verdict is unknown", "verdict unknown"}, []string{"verdict clean"}},
		"damaged":        {page(cut, found(), on(1, platform)), []string{"NOT COMPLETE", "1 report could not be used", "cut.json", "damaged", "Nothing is known to be open"}, []string{"verdict clean"}},
		"organizations":  {page(nil, found(), other), []string{"Several organizations", "o-other"}, nil},
		"at one moment":  {page(nil, on(1, platform), on(1, payments), on(1, platform, payments)), []string{"3, all complete"}, []string{"NaN", "+Inf"}},
		"nothing at all": {page(nil, on(0, platform), on(1, platform)), []string{"Nothing is open", "±0"}, []string{"NaN", "+Inf", "<polygon", "Worst repositories", "Open longest"}},
	} {
		for _, text := range c.has {
			if !strings.Contains(c.page, text) {
				t.Errorf("%s: no %q", name, text)
			}
		}
		for _, text := range c.lacks {
			if strings.Contains(c.page, text) {
				t.Errorf("%s: there is %q", name, text)
			}
		}
	}
}

// Of many runs a column is the sum of some, and every run is in the table.
func TestHTMLOfManyRuns(t *testing.T) {
	const runs = 250
	var all []*run
	for day := range runs {
		r := on(day, platform)
		if day%2 == 0 {
			r.found("encryption", platform, "web")
		}
		all = append(all, r)
	}
	trends := read(t, saved(t, all...))
	d := trends.drawChanges()
	if len(d.Columns) > shownColumns || d.Of != 3 || !strings.Contains(d.Said, "0 new, 124 reopened and 125 fixed") {
		t.Errorf("%d columns of %d runs: %s", len(d.Columns), d.Of, d.Said)
	}
	c := trends.content()
	if len(c.Runs) != shownRuns || len(c.Runs)+len(c.EarlierRuns) != runs || c.Runs[0].File != "0249.json" || c.EarlierRuns[len(c.EarlierRuns)-1].File != "0000.json" {
		t.Errorf("%d and %d runs", len(c.Runs), len(c.EarlierRuns))
	}
}

func TestRoundStep(t *testing.T) {
	for most, want := range map[int]int{1: 1, 5: 1, 6: 2, 11: 5, 26: 10, 108: 50, 1000: 200, 123_456: 50_000} {
		if got := roundStep(most); got != want {
			t.Errorf("of %d: %d, not %d", most, got, want)
		}
	}
}

func TestChart(t *testing.T) {
	for _, c := range []struct {
		values  []int
		columns int
		want    string
	}{
		{[]int{0, 0}, 10, "▁▁"},
		{[]int{0, 1, 1000}, 10, "▁▂█"},
		{[]int{8, 4, 2, 1, 0}, 10, "█▅▃▂▁"},
		{[]int{1, 2, 3, 4, 5, 6, 7, 8}, 4, "▃▅▇█"},
	} {
		if got := chart(c.values, c.columns); got != c.want {
			t.Errorf("%v in %d columns: %s, not %s", c.values, c.columns, got, c.want)
		}
	}
}

// Two runs at one moment, of accounts that are apart, add up.
func TestShards(t *testing.T) {
	one, other := on(1, platform), on(1, payments)
	one.found("encryption", platform, "a")
	other.found("encryption", payments, "b")
	trends := read(t, saved(t, one, other))
	if n := len(trends.Points); n != 2 || trends.Points[1].Failing() != 2 || trends.Points[1].NotSeen != 1 {
		t.Errorf("%+v", trends.Points)
	}
}

// The document holds what Read found.
func TestDocument(t *testing.T) {
	trends := read(t, saved(t, story()...))
	var b bytes.Buffer
	if err := trends.Write(&b, "json", report.Options{}); err != nil {
		t.Fatal(err)
	}
	var got Trends
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(trends, &got); diff != "" {
		t.Errorf("(-trends +document):\n%s", diff)
	}
}

// BenchmarkRead reads ten reports of 100,000 findings each, of which a tenth
// changes from one to the next.
func BenchmarkRead(b *testing.B) {
	const findings, reports = 100_000, 10
	folder := b.TempDir()
	for day := range reports {
		r := on(day, platform)
		for i := range findings {
			if (i+day)%10 > 0 {
				r.found(r.Rules[[]int{0, 1, 3}[i%3]].ID, platform, fmt.Sprintf("team-%02d/service-%05d", i%37, i))
			}
		}
		r.save(b, filepath.Join(folder, fmt.Sprint(day, ".json")))
	}
	b.ReportAllocs()
	for b.Loop() {
		trends := read(b, folder)
		b.ReportMetric(float64(trends.Points[reports-1].sum()), "open")
	}
	var before, after runtime.MemStats
	builder := newBuilder(folder)
	runtime.GC()
	runtime.ReadMemStats(&before)
	entries, _ := os.ReadDir(folder)
	runs := builder.choose(entries)
	for i := range runs {
		runs[i].read(folder)
		builder.takeRun(&runs[i])
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(builder)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(builder.known.Len()), "bytes-held/fingerprint")
}
