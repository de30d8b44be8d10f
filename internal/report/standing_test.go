package report

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	gojunit "github.com/joshdk/go-junit"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// standings is a run with a finding for each change and each waiver, in as many
// repositories.
func standings() script {
	s := clean()
	s.run.Baseline = &Baseline{Name: "accepted.txt", Findings: 4}
	s.changes = &Changes{New: 2, Worsened: 2, Known: 3, Fixed: 1, NotSeen: 1}
	add := func(repository string, status finding.Status, change finding.Change) *finding.Finding {
		f := s.found("111122223333/eu-west-1/"+repository, "encryption", "bad")
		f.Severity, f.Status, f.Change = finding.High, status, change
		return f
	}
	add("a-new", finding.Fail, finding.New)
	add("b-new-unknown", finding.Unknown, finding.New)
	add("c-worse", finding.Fail, finding.Worsened)
	add("d-worse-unknown", finding.Unknown, finding.Worsened)
	add("e-known", finding.Fail, finding.Known)
	add("f-known-unknown", finding.Unknown, finding.Known)
	add("g-waived", finding.Waived, finding.Known).Waiver = &finding.Waiver{Verdict: finding.Fail, Reason: "it moves", Owner: "web", Ticket: "T-1", Until: "2027-01-31"}
	add("h-waived-unknown", finding.Waived, finding.New).Waiver = &finding.Waiver{Verdict: finding.Unknown, Reason: "it moves"}
	return s
}

func repositoryOf(path string) string { return path[strings.LastIndex(path, "/")+1:] }

func TestSARIFStandings(t *testing.T) {
	var got []string
	for _, r := range readSARIF(t, written(t, "sarif", standings(), Options{})).Runs[0].Results {
		if r.Suppressions == nil {
			t.Errorf("%s has no suppressions, not even none", r.Message.Text)
		}
		line := []string{repositoryOf(r.Properties.Repository), r.Level, r.BaselineState, r.Message.Text}
		for _, s := range r.Suppressions {
			line = append(line, s.Kind, s.Status, s.Justification, s.Properties.Until)
		}
		got = append(got, strings.Join(line, "|"))
	}
	want := []string{ // what may decide comes first, what is waived last
		"a-new|error|new|bad",
		"c-worse|error|updated|Worse than in the baseline: bad",
		"b-new-unknown|none|new|Unknown: bad",
		"d-worse-unknown|none|updated|Worse than in the baseline, unknown: bad",
		"e-known|error|unchanged|Known since the baseline: bad",
		"f-known-unknown|none|unchanged|Known since the baseline, unknown: bad",
		"g-waived|error|unchanged|Waived until 2027-01-31: bad. Reason: it moves (owner web, ticket T-1)" +
			"|external|accepted|Waived until 2027-01-31: it moves (owner web, ticket T-1)|2027-01-31",
		"h-waived-unknown|none|new|Waived, unknown: bad. Reason: it moves|external|accepted|Waived: it moves|",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}

// Where there is a baseline every result has a state, those that are no findings
// included: a result without one would have to be the same in all.
func TestSARIFBaselineStates(t *testing.T) {
	s := standings()
	s.run.Complete, s.run.Query = false, "rule=*"
	for _, r := range readSARIF(t, written(t, "sarif", s, Options{})).Runs[0].Results {
		if r.BaselineState == "" {
			t.Errorf("%s has no state", r.Message.Text)
		}
	}
	s.run.Baseline = nil
	for _, r := range readSARIF(t, written(t, "sarif", typical(), Options{})).Runs[0].Results {
		if r.BaselineState != "" {
			t.Errorf("%s has the state %s without a baseline", r.Message.Text, r.BaselineState)
		}
	}
}

func TestGitLabStandings(t *testing.T) {
	var got []string
	for _, issue := range readCodeQuality(t, written(t, "gitlab-codequality", standings(), Options{})) {
		got = append(got, strings.Join([]string{repositoryOf(issue.Location.Path), issue.Severity, issue.Description}, "|"))
	}
	want := []string{
		"a-new|critical|bad",
		"b-new-unknown|critical|Unknown: bad",
		"c-worse|critical|Worse than in the baseline: bad",
		"d-worse-unknown|critical|Worse than in the baseline, unknown: bad",
		"e-known|critical|Known since the baseline: bad",
		"f-known-unknown|critical|Known since the baseline, unknown: bad",
		"g-waived|info|Waived until 2027-01-31: bad. Reason: it moves (owner web, ticket T-1)",
		"h-waived-unknown|info|Waived, unknown: bad. Reason: it moves",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("issues (-want +got):\n%s", diff)
	}
	got = nil
	for _, v := range readGitLabSecurity(t, written(t, "gitlab-security", standings(), Options{})).Vulnerabilities {
		name, _, _ := strings.Cut(v.Name, ":")
		got = append(got, strings.Join([]string{repositoryOf(v.Location.File), v.Severity, name}, "|"))
		if strings.HasPrefix(name, "Waived") != strings.Contains(v.Description, "Reason: it moves") {
			t.Errorf("%s: %s", v.Name, v.Description)
		}
	}
	want = []string{
		"a-new|High|Violated", "c-worse|High|Violated", "b-new-unknown|Unknown|Unknown", "d-worse-unknown|Unknown|Unknown",
		"e-known|High|Violated", "f-known-unknown|Unknown|Unknown", "g-waived|Info|Waived", "h-waived-unknown|Info|Waived",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("vulnerabilities (-want +got):\n%s", diff)
	}
}

// Only what is new or worse may fail a build.
func TestJUnitStandings(t *testing.T) {
	var got []string
	for _, suite := range suitesOf(t, standings()) {
		for _, test := range suite.Tests {
			if suite.Name != "ecraudit.encryption" {
				continue
			}
			message := test.Message
			if test.Error != nil {
				message = problem(t, test).Message
			}
			got = append(got, strings.Join([]string{repositoryOf(test.Name), string(test.Status), message}, "|"))
		}
	}
	want := []string{
		"a-new|failed|bad", "b-new-unknown|error|bad", "c-worse|failed|bad", "d-worse-unknown|error|bad",
		"e-known|skipped|known since the baseline: bad",
		"f-known-unknown|skipped|known since the baseline, unknown: bad",
		"g-waived|skipped|waived until 2027-01-31: it moves (owner web, ticket T-1)",
		"h-waived-unknown|skipped|waived, unknown: it moves",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cases (-want +got):\n%s", diff)
	}
}

// What is waived in a place does not hide what is not, nor the other way round.
func TestJUnitCaseOfSeveralStandings(t *testing.T) {
	s := standings()
	for i := range s.findings {
		s.findings[i].Repository = "same"
	}
	for _, suite := range suitesOf(t, s) {
		if suite.Name != "ecraudit.encryption" {
			continue
		}
		if len(suite.Tests) != 1 || suite.Tests[0].Status != gojunit.StatusFailed {
			t.Fatalf("not one case that failed: %+v", suite.Tests)
		}
		text := problem(t, suite.Tests[0]).Body
		for _, f := range s.findings {
			if !strings.Contains(text, f.Fingerprint) {
				t.Errorf("lacks the finding %s: %s", f.Fingerprint, text)
			}
		}
	}
}

// What decides nothing is a notice, and comes last.
func TestGitHubStandings(t *testing.T) {
	var got []string
	commands := workflowCommands(t, written(t, "github", standings(), Options{}))
	for _, c := range commands[:len(commands)-1] {
		place, _, _ := strings.Cut(c.message, " ")
		got = append(got, c.name+" "+repositoryOf(place))
	}
	want := []string{
		"error a-new", "error c-worse", "warning b-new-unknown", "warning d-worse-unknown",
		"notice e-known", "notice f-known-unknown", "notice g-waived", "notice h-waived-unknown",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	s := standings()
	for range 20 {
		s.found("111122223333/eu-west-1/low", "tag-convention", "bad").Change = finding.New
	}
	for _, c := range workflowCommands(t, written(t, "github", s, Options{})) {
		if strings.Contains(c.message, "waived until") || strings.Contains(c.message, "known since") {
			t.Errorf("takes the room of a finding that may decide: %s", c.message)
		}
	}
}

// Findings that are excused for different reasons share no entry.
func TestDifferentWaiversAreDifferentEntries(t *testing.T) {
	s := clean()
	for i := range 6 {
		f := s.found("111122223333/eu-west-1/a", "release-vulnerabilities", "bad")
		f.Digest = digest(i)
		if i > 1 {
			f.Status, f.Waiver = finding.Waived, &finding.Waiver{Verdict: finding.Fail, Reason: []string{"first", "second"}[i%2]}
		}
	}
	for format, marker := range map[string]string{"github": "2 images (", "markdown": "2 images ("} {
		out := string(written(t, format, s, Options{}))
		if n := strings.Count(out, marker); n != 3 || !strings.Contains(out, "first") || !strings.Contains(out, "second") {
			t.Errorf("%s has %d entries and not one of what fails and one of each waiver:\n%s", format, n, out)
		}
	}
}

func TestPrometheusStandings(t *testing.T) {
	samples := samplesOf(t, standings())
	for id, want := range map[string]float64{
		"ecraudit_findings|encryption|high|fail|111122223333|eu-west-1":    3,
		"ecraudit_findings|encryption|high|unknown|111122223333|eu-west-1": 3,
		"ecraudit_findings|encryption|high|waived|111122223333|eu-west-1":  2,
		"ecraudit_findings_since_baseline|new":                             2,
		"ecraudit_findings_since_baseline|worsened":                        2,
		"ecraudit_findings_since_baseline|known":                           3,
		"ecraudit_findings_since_baseline|fixed":                           1,
		"ecraudit_findings_since_baseline|not_seen":                        1,
		"ecraudit_filtered": 0,
	} {
		if got, ok := samples[id]; !ok || got != want {
			t.Errorf("%s is %v (there: %v), want %v", id, got, ok, want)
		}
	}
}

func TestCSVStandings(t *testing.T) {
	rows := rowsOf(t, standings())
	first := slices.Index(csvColumns, "change")
	want := map[string][]string{
		"a-new":            {"new", "", "", "", "", "", ""},
		"f-known-unknown":  {"known", "", "", "", "", "", ""},
		"g-waived":         {"known", "fail", "it moves", "web", "T-1", "2027-01-31", ""},
		"h-waived-unknown": {"new", "unknown", "it moves", "", "", "", ""},
	}
	for _, row := range rows {
		if cells, ok := want[row[6]]; ok {
			if diff := cmp.Diff(cells, row[first:]); diff != "" {
				t.Errorf("%s (-want +got):\n%s", row[6], diff)
			}
			delete(want, row[6])
		}
	}
	if len(want) > 0 {
		t.Errorf("no rows for %v", want)
	}
}

// Every format for people says what changed since the baseline.
func TestChangesAreTold(t *testing.T) {
	const want = "Since the baseline accepted.txt: 2 new, 2 worsened, 3 known; 1 fixed, 1 not seen again, nor judged."
	for _, format := range []string{"github", "markdown", "csv", "junit"} {
		if out := strings.ReplaceAll(string(written(t, format, standings(), Options{})), "`", ""); !strings.Contains(out, want) {
			t.Errorf("%s lacks %q:\n%s", format, want, out)
		}
	}
}

// A report that a query emptied does not look like one of a run that found
// nothing, nor like one of a whole run.
func TestFilteredNeverLooksWhole(t *testing.T) {
	s := clean()
	s.run.Query = "rule=tag-*"
	s.hidden = typical().findings
	const statement = "Only findings that match rule=tag-* are shown."
	for _, format := range []string{"sarif", "github", "gitlab-codequality", "gitlab-security", "markdown", "csv", "junit"} {
		out := strings.ReplaceAll(string(written(t, format, s, Options{})), "`", "")
		out = strings.ReplaceAll(out, `\\`, "") // of Markdown in JSON
		if !strings.Contains(out, statement) {
			t.Errorf("%s does not say that it is filtered:\n%s", format, out)
		}
		if out = string(written(t, format, clean(), Options{})); strings.Contains(out, "Only findings") {
			t.Errorf("%s says that a whole report is filtered:\n%s", format, out)
		}
	}
	run := readSARIF(t, written(t, "sarif", s, Options{})).Runs[0]
	if len(run.Results) != 1 || run.Results[0].RuleID != filteredCheck || len(run.Invocations[0].ToolExecutionNotifications) != 1 || run.Invocations[0].ExitCode != 2 {
		t.Errorf("looks clean in SARIF: %+v", run)
	}
	if issues := readCodeQuality(t, written(t, "gitlab-codequality", s, Options{})); len(issues) != 1 {
		t.Errorf("looks clean as code quality: %+v", issues)
	}
	report := readGitLabSecurity(t, written(t, "gitlab-security", s, Options{}))
	if len(report.Vulnerabilities) != 1 || len(report.Scan.Messages) != 1 {
		t.Errorf("looks clean in a security report: %+v", report)
	}
	for _, suite := range suitesOf(t, s) {
		for _, test := range suite.Tests {
			if test.Status == gojunit.StatusPassed && test.Name != "coverage: everything was read" {
				t.Errorf("the case %s passes", test.Name)
			}
		}
	}
	if rows := rowsOf(t, s); rows[len(rows)-2][1] != csvFiltered {
		t.Errorf("no row says that it is filtered: %q", rows)
	}
	if samples := samplesOf(t, s); samples["ecraudit_filtered"] != 1 || samples["ecraudit_exit_code"] != 2 {
		t.Errorf("looks clean to Prometheus: %v", samples)
	}
	if out := string(written(t, "markdown", s, Options{})); !strings.HasPrefix(out, markdownMarker+"\n## ecraudit: 19 findings fail") {
		t.Errorf("the headline is not that of the whole run: %.200s", out)
	}
	s.hidden = nil
	if out := string(written(t, "markdown", s, Options{})); !strings.Contains(out, "## ecraudit: no findings match the query\n") {
		t.Errorf("the headline is that of a clean run: %.200s", out)
	}
}
