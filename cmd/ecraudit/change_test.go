package main

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/change"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/history"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/report/reporttest"
)

// changeWorld is the demonstration with its snapshot, and its report.
func changeWorld(t *testing.T) *world {
	t.Helper()
	w := demoWorld(t)
	w.works("snapshot -o org.snapshot" + orgFlags)
	w.works("audit --snapshot org.snapshot -o report.json -o report.ndjson")
	return w
}

// edited writes a report as it would be if something had changed.
func (w *world) edited(name string, edit func(*document)) {
	w.t.Helper()
	var d document
	if err := json.Unmarshal([]byte(fileText(w.t, "report.json")), &d); err != nil {
		w.t.Fatal(err)
	}
	edit(&d)
	out, err := os.Create(name)
	if err != nil {
		w.t.Fatal(err)
	}
	defer out.Close()
	h, err := report.New("json", out, report.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := h.Begin(d.Run); err != nil {
		w.t.Fatal(err)
	}
	for _, f := range d.Findings {
		if err := h.Finding(f); err != nil {
			w.t.Fatal(err)
		}
	}
	for _, g := range d.Gaps {
		if err := h.Gap(g); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := h.End(reporttest.Summarize(d.Run, d.Findings, len(d.Gaps))); err != nil {
		w.t.Fatal(err)
	}
}

func dropRule(rule string) func(*document) {
	return func(d *document) {
		d.Findings = slices.DeleteFunc(d.Findings, func(f finding.Finding) bool { return f.Rule == rule })
	}
}

// What was edited by hand says what disagrees, whichever command reads it.
func TestAlteredReports(t *testing.T) {
	w := changeWorld(t)
	failing := regexp.MustCompile(`"severity":"critical",("[a-z_]+":"[^"]*",)*"status":"fail"|"status":"fail",("[a-z_]+":"[^"]*",)*"severity":"critical"`)
	text := fileText(t, "report.json")
	first := failing.FindString(text)
	w.write("milder.json", strings.Replace(text, first, strings.Replace(first, "critical", "low", 1), 1))
	w.write("clean.json", regexp.MustCompile(`"exit_code": ?2`).ReplaceAllString(text, `"exit_code":0`))
	for _, c := range []struct{ command, want string }{
		{"report milder.json", "ecraudit: milder.json: reading the report: it was altered: summary.by_severity says of critical 4 fail, 1 unknown and 0 waived, and there are 3 fail, 1 unknown and 0 waived"},
		{"report clean.json", "summary.exit_code says 0, and it follows from the rest that it was 2"},
		{"diff milder.json report.json", "milder.json: reading the report: it was altered: summary.by_severity"},
		{"diff report.json clean.json", "clean.json: reading the report: it was altered: summary.exit_code"},
		{"baseline milder.json -o known.txt", "milder.json: reading the report: it was altered: summary.by_severity"},
	} {
		if r := w.run(c.command); r.code != exitError || !strings.Contains(r.err, c.want) || r.out != "" {
			t.Errorf("%s: exit code %d: %s%s", c.command, r.code, r.err, r.out)
		}
	}
}

// The command compares, tells, and ends as it says.
func TestDiffCommand(t *testing.T) {
	w := changeWorld(t)
	w.edited("fewer.json", dropRule("repository-public"))

	same := w.run("diff report.json report.ndjson")
	if same.code != 3 || !strings.Contains(same.out, "Nothing is new or worse") || !strings.Contains(same.out, "NOT complete") {
		t.Errorf("a report and itself: exit code %d\n%s%s", same.code, same.out, same.err)
	}
	if r := w.run("diff report.json report.ndjson --allow-incomplete"); r.code != 0 {
		t.Errorf("--allow-incomplete: exit code %d", r.code)
	}
	fixed := w.run("diff report.json fewer.json --allow-incomplete")
	if fixed.code != 0 || !strings.Contains(fixed.out, "FIXED OR GONE  3") {
		t.Errorf("something fixed: exit code %d\n%s", fixed.code, fixed.out)
	}
	worse := w.run("diff fewer.json report.json")
	if worse.code != 2 || !strings.Contains(worse.out, "NEW  3") {
		t.Errorf("something new: exit code %d\n%s", worse.code, worse.out)
	}
	if r := w.run("diff fewer.json report.json --fail-on none --allow-incomplete"); r.code != 0 {
		t.Errorf("--fail-on none: exit code %d", r.code)
	}
	var out, messages bytes.Buffer
	code := run(t.Context(), []string{"diff", "-", "report.json"}, streams{in: strings.NewReader(fileText(t, "fewer.json")), out: &out, err: &messages})
	if code != 2 || !strings.Contains(out.String(), "old  -:") {
		t.Errorf("from standard input: exit code %d\n%s%s", code, out.String(), messages.String())
	}
	if r := w.run("diff fewer.json report.json -o d.json -o d.md -o table=-"); r.code != 2 || r.out != worse.out {
		t.Errorf("several outputs: exit code %d\n%s%s", r.code, r.out, r.err)
	}
	if begins := fileText(t, "d.md"); !strings.HasPrefix(begins, "<!-- ecraudit diff -->") {
		t.Errorf("d.md begins with %.40q", begins)
	}
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(change.DiffSchemaJSON()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("diff.json", schema); err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(fileText(t, "d.json")))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiler.MustCompile("diff.json").Validate(value); err != nil {
		t.Error(err)
	}
}

// baselineOf makes a baseline of a report.
func (w *world) baselineOf(name string) {
	w.t.Helper()
	if r := w.run("baseline " + name + " -o ecraudit.baseline"); r.code != 0 {
		w.t.Fatalf("exit code %d: %s", r.code, r.err)
	}
}

// An audit with its own baseline finds what it found, and all of it is known.
func TestBaselineOfTheSameRun(t *testing.T) {
	w := changeWorld(t)
	before := w.audit("--snapshot org.snapshot")
	w.baselineOf("report.ndjson")
	for _, source := range []string{"--snapshot org.snapshot", orgFlags} {
		d := w.audit(source + " --baseline ecraudit.baseline")
		if d.Summary.ExitCode != 3 || d.Summary.Failing != 0 || d.Summary.Undecided != 0 {
			t.Errorf("%s: exit code %d, %d failing, %d undecided", source, d.Summary.ExitCode, d.Summary.Failing, d.Summary.Undecided)
		}
		want := report.Changes{Known: len(before.Findings)}
		if diff := cmp.Diff(&want, d.Summary.Changes); diff != "" {
			t.Errorf("%s: changes (-want +got):\n%s", source, diff)
		}
		if diff := cmp.Diff(&report.Baseline{Name: "ecraudit.baseline", Findings: len(before.Findings)}, d.Run.Baseline); diff != "" {
			t.Errorf("%s: baseline (-want +got):\n%s", source, diff)
		}
		for i := range d.Findings {
			if d.Findings[i].Change != finding.Known {
				t.Errorf("%s: %s is %q", source, d.Findings[i].Fingerprint, d.Findings[i].Change)
			}
			d.Findings[i].Change = ""
		}
		if diff := cmp.Diff(before.Findings, d.Findings); diff != "" {
			t.Errorf("%s: the findings differ:\n%s", source, diff)
		}
	}
	if r := w.run("audit --snapshot org.snapshot --baseline ecraudit.baseline --allow-incomplete --format json"); r.code != 0 {
		t.Errorf("exit code %d", r.code)
	}
}

// What the baseline does not know decides the exit code.
func TestBaselineAndNewFindings(t *testing.T) {
	w := changeWorld(t)
	public, medium := "3215f1df04fcdb3f7cdfa080e1547910", ""
	w.edited("fewer.json", func(d *document) {
		d.Findings = slices.DeleteFunc(d.Findings, func(f finding.Finding) bool { return f.Fingerprint == public })
		for i := range d.Findings {
			if f := &d.Findings[i]; f.Severity == finding.Medium && f.Status == finding.Fail && medium == "" {
				medium, f.Severity = f.Fingerprint, finding.Info
			}
		}
		gone := d.Findings[0]
		gone.Fingerprint, gone.Account, gone.Region, gone.Repository, gone.Rule = strings.Repeat("a", 32), awssim.DemoPlatform, "eu-west-1", "was/here", "encryption"
		elsewhere := gone
		elsewhere.Fingerprint, elsewhere.Region = strings.Repeat("b", 32), "ap-south-1"
		d.Findings = append(d.Findings, gone, elsewhere)
	})
	w.baselineOf("fewer.json")
	d := w.audit("--snapshot org.snapshot --baseline ecraudit.baseline")
	if d.Summary.ExitCode != 2 || d.Summary.Failing != 1 {
		t.Errorf("exit code %d, %d failing", d.Summary.ExitCode, d.Summary.Failing)
	}
	if c := d.Summary.Changes; c.New != 1 || c.Worsened != 1 || c.Fixed != 1 || c.NotSeen != 1 || c.Known != len(d.Findings)-2 {
		t.Errorf("changes: %+v", *c)
	}
	for _, f := range d.Findings {
		want := finding.Known
		switch f.Fingerprint {
		case public:
			want = finding.New
		case medium:
			want = finding.Worsened
		}
		if f.Change != want {
			t.Errorf("%s is %s", f.Fingerprint, f.Change)
		}
	}
	if d := w.audit("--snapshot org.snapshot --baseline ecraudit.baseline --fail-on medium"); d.Summary.Failing != 2 {
		t.Errorf("%d failing at or above medium", d.Summary.Failing)
	}
}

// A rule that fails to run is not passed over, though the baseline knows that it did.
func TestBaselineAndRuleThatFails(t *testing.T) {
	w := demoWorld(t)
	w.write("r/broken.rego", goodRule("broken", "[]", `to_number(input.repository.name) > 0`))
	w.works("audit -o report.json --rules r --role-name ecraudit-reader --accounts " + awssim.DemoPlatform)
	w.baselineOf("report.json")
	d := w.audit("--rules r --role-name ecraudit-reader --baseline ecraudit.baseline --accounts " + awssim.DemoPlatform)
	if d.Summary.ExitCode != 3 || d.Summary.Undecided == 0 {
		t.Errorf("exit code %d, %d undecided", d.Summary.ExitCode, d.Summary.Undecided)
	}
}

// A baseline of something else is taken, but said.
func TestBaselineOfSomethingElse(t *testing.T) {
	w := changeWorld(t)
	w.write("other.baseline", "# ecraudit.baseline/v1\norganization o-other\n"+strings.Repeat("c", 32)+" low fail encryption 999900001111/eu-west-1/x\n")
	r := w.run("audit --snapshot org.snapshot --format json --baseline other.baseline")
	if r.code != 2 || !strings.Contains(r.err, "o-other") || !strings.Contains(r.err, "none of the findings is known") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
}

// Findings that are known are mended all the same.
func TestFixWithBaseline(t *testing.T) {
	w := demoWorld(t)
	const where = " --regions us-east-1 --role-name ecraudit-reader --accounts " + awssim.DemoPlatform
	w.works("audit -o report.json" + where)
	w.baselineOf("report.json")
	mutable := func() int { return len(w.audit(where).ofRule("tag-immutability")) }
	if mutable() == 0 {
		t.Fatal("there is nothing to mend")
	}
	r := w.expect("audit --fix --yes --only tag-immutability --baseline ecraudit.baseline -o after.json"+where+fixFlagsOfDemo, 0)
	if n := mutable(); n > 0 {
		t.Errorf("%d findings that are known were not mended\n%s", n, r.out)
	}
}

func (d document) ofRule(rule string) (found []finding.Finding) {
	for _, f := range d.Findings {
		if f.Rule == rule {
			found = append(found, f)
		}
	}
	return found
}

func TestBaselineShrinks(t *testing.T) {
	w := changeWorld(t)
	w.baselineOf("report.json")
	before := fileText(t, "ecraudit.baseline")
	w.edited("fewer.json", dropRule("repository-public"))
	r := w.run("baseline fewer.json --shrink ecraudit.baseline -o ecraudit.baseline")
	if r.code != 0 || !strings.Contains(r.err, "3 fixed and taken out") || !strings.Contains(r.err, "NOT complete") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	after := fileText(t, "ecraudit.baseline")
	for line := range strings.Lines(before) {
		if gone := !strings.Contains(after, line); gone != strings.Contains(line, "repository-public") {
			t.Errorf("taken out: %t: %s", gone, line)
		}
	}
	r = w.run("baseline report.json --shrink ecraudit.baseline -o ecraudit.baseline")
	if r.code != 0 || !strings.Contains(r.err, "3 new or worse and not taken in") || fileText(t, "ecraudit.baseline") != after {
		t.Errorf("it grew: exit code %d: %s", r.code, r.err)
	}
	r = w.run("baseline report.json --update ecraudit.baseline")
	if r.code != 0 || r.out != before || !strings.Contains(r.err, "3 new") {
		t.Errorf("exit code %d: %s\n%s", r.code, r.err, cmp.Diff(before, r.out))
	}
}

// A baseline that cannot be read is told before anything is asked of AWS.
func TestBaselineThatCannotBeRead(t *testing.T) {
	w := demoWorld(t)
	w.write("conflict.baseline", "# ecraudit.baseline/v1\n<<<<<<< HEAD\n")
	for line, want := range map[string]string{
		"audit --baseline nowhere.baseline":  "nowhere.baseline",
		"audit --baseline conflict.baseline": "conflict.baseline: line 2: a merge left a conflict",
		"audit --baseline ecraudit.yaml":     "no baseline",
	} {
		r := w.run(line + orgFlags)
		if r.code != 1 || !strings.Contains(r.err, want) || !strings.Contains(r.err, "ecraudit baseline REPORT") && !strings.Contains(r.err, "merge=union") {
			t.Errorf("%s: exit code %d: %s", line, r.code, r.err)
		}
	}
	if calls := w.server.Calls().Total().Calls; calls > 0 {
		t.Errorf("%d calls were made", calls)
	}
}

func TestHistoryCommand(t *testing.T) {
	w := changeWorld(t)
	if err := os.Mkdir("reports", 0o755); err != nil {
		t.Fatal(err)
	}
	w.edited("reports/b.json", dropRule("repository-public"))
	w.edited("reports/a.json", func(d *document) { d.Run.Clock = d.Run.Clock.Add(-24 * time.Hour) })
	w.write("reports/notes.txt", "notes")
	r := w.run("history reports")
	if r.code != 0 || r.err != "" {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	for _, want := range []string{"reports: 2 reports", "2 reports are NOT complete", "LEFT ASIDE  1", "notes.txt: ", "WORST REPOSITORIES"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("no %q in\n%s", want, r.out)
		}
	}
	r = w.run("history reports -o reports/trends.json -o trends.csv --limit 3")
	if r.code != 0 || r.out != "" || !strings.Contains(r.err, "left aside: notes.txt") {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	var trends history.Trends
	if err := json.Unmarshal([]byte(fileText(t, "reports/trends.json")), &trends); err != nil {
		t.Fatal(err)
	}
	if len(trends.Points) != 2 || trends.Points[1].Fixed != 3 || len(trends.Repositories) != 3 {
		t.Errorf("%+v", trends)
	}
	if rows := strings.Count(fileText(t, "trends.csv"), "\r\n"); rows != 3 {
		t.Errorf("%d rows", rows)
	}
	r = w.run("history reports -o trends.html --limit 3")
	if page := fileText(t, "trends.html"); r.code != 0 || r.out != "" || strings.Count(page, "<tr><th scope=\"row\">") < 10 || !strings.Contains(page, "2 of 2 runs") || !strings.Contains(page, "notes.txt") {
		t.Errorf("as HTML: exit code %d: %s", r.code, r.err)
	} else if same := w.run("history reports --format html --limit 3"); same.out != page {
		t.Error("on standard output the page is another")
	}
	w.write("reports/same.json", fileText(t, "report.json")[:90_000])
	if r := w.run("history reports"); r.code != 0 || !strings.Contains(r.out, "same.json") {
		t.Errorf("a damaged copy of a run that is there: exit code %d: %s", r.code, r.out)
	}
	w.write("reports/c.json", fileText(t, "reports/a.json")[:2000])
	if r := w.run("history reports --format json"); r.code != 3 || !strings.Contains(r.err, "c.json: it is truncated") {
		t.Errorf("a damaged report: exit code %d: %s", r.code, r.err)
	}
}
