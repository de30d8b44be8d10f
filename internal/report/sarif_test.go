package report

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	gosarif "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// sarifSchema is the schema of OASIS for SARIF 2.1.0. The module go-sarif
// carries it, but as a constant that only its own validator can reach, and
// that one validates what it has decoded, not what was written. So the
// constant is read from the module's source.
func sarifSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	const pkg = "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	folder, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", pkg).Output()
	if err != nil {
		t.Fatalf("looking for %s: %v", pkg, err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(folder)), "schema.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	constant, ok := file.Scope.Lookup("schema").Decl.(*ast.ValueSpec)
	if !ok {
		t.Fatal("go-sarif no longer declares its schema as a constant")
	}
	text, err := strconv.Unquote(constant.Values[0].(*ast.BasicLit).Value)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if title := doc.(map[string]any)["title"]; title != "Static Analysis Results Format (SARIF) Version 2.1.0 JSON Schema" {
		t.Fatalf("this is another schema: %v", title)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("sarif.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestSARIFFollowsTheSchema(t *testing.T) {
	schema := sarifSchema(t)
	all := scripts()
	all["every field"], all["nothing"], all["many"] = everyField(), script{}, long(200)
	for name, s := range all {
		out := written(t, "sarif", s, Options{})
		if err := check(t, schema, out); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		// A library that others read SARIF with must know every field, too.
		var report gosarif.Report
		dec := json.NewDecoder(bytes.NewReader(out))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&report); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	spoiled := bytes.Replace(written(t, "sarif", typical(), Options{}), []byte(`"level":"error"`), []byte(`"level":"fatal"`), 1)
	if check(t, schema, spoiled) == nil {
		t.Error("the schema accepts a level that does not exist")
	}
}

// sarifLog is what GitHub reads of SARIF, and what it leaves.
type sarifLog struct {
	Runs []struct {
		Tool struct {
			Driver struct {
				Rules         []sarifRule
				Notifications []sarifReference
			}
		}
		Results     []sarifResult
		Invocations []struct {
			ToolExecutionNotifications []sarifNotification
			ExecutionSuccessful        bool
			ExitCode                   int
		}
	}
}

func readSARIF(t *testing.T, out []byte) sarifLog {
	t.Helper()
	var log sarifLog
	if err := json.Unmarshal(out, &log); err != nil {
		t.Fatal(err)
	}
	if len(log.Runs) != 1 || len(log.Runs[0].Invocations) != 1 {
		t.Fatalf("not one run with one invocation:\n%s", out)
	}
	return log
}

// GitHub demands more than the schema does, and refuses what exceeds its limits.
func TestSARIFSuitsGitHub(t *testing.T) {
	all := scripts()
	all["every field"], all["nothing"] = everyField(), script{}
	controls := clean()
	controls.run.Rules[0].Title = strings.Repeat("ü", 2000)
	controls.run.Rules[0].Links = []string{"javascript:alert(1)", "https://example.com/a b", "https://example.com/ok"}
	for i := range 50 {
		controls.run.Rules[0].Frameworks["cis"] = append(controls.run.Rules[0].Frameworks["cis"], strconv.Itoa(i))
	}
	all["controls"] = controls
	for name, s := range all {
		run := readSARIF(t, written(t, "sarif", s, Options{})).Runs[0]
		rules := run.Tool.Driver.Rules
		for _, r := range rules {
			short, full := []rune(r.ShortDescription.Text), []rune(r.FullDescription.Text)
			if r.ID == "" || len(short) == 0 || len(full) == 0 || r.Help.Text == "" || len(short) > 1024 || len(full) > 1024 || len([]rune(r.Name)) > 255 {
				t.Errorf("%s: rule %q lacks a text, or has too long a one", name, r.ID)
			}
			if tags, _ := r.Properties["tags"].([]any); len(tags) == 0 || len(tags) > 20 {
				t.Errorf("%s: rule %q has %d tags", name, r.ID, len(tags))
			}
		}
		seen := make(map[string]bool)
		for _, r := range run.Results {
			id := r.PartialFingerprints.GitHub
			if r.Message.Text == "" || len(r.Locations) != 1 || id == "" || seen[id] {
				t.Errorf("%s: result %+v lacks a text, a location or a fingerprint of its own", name, r)
			}
			seen[id] = true
			if r.RuleIndex == nil || rules[*r.RuleIndex].ID != r.RuleID {
				t.Errorf("%s: the index of rule %q leads elsewhere", name, r.RuleID)
			}
			for _, l := range r.Locations {
				uri := l.Physical.Artifact.URI
				if !strings.HasPrefix(uri, "ecr/") || strings.Contains(uri, "//") || l.Physical.Region.StartLine != 1 {
					t.Errorf("%s: location %+v", name, l)
				}
			}
			if strings.Contains(r.Message.Text, "](") {
				t.Errorf("%s: a message has a link: %s", name, r.Message.Text)
			}
		}
		for _, n := range run.Invocations[0].ToolExecutionNotifications {
			if !slices.Contains(run.Tool.Driver.Notifications, n.Descriptor) {
				t.Errorf("%s: notification %q is not described", name, n.Descriptor.ID)
			}
		}
	}
	rule := readSARIF(t, written(t, "sarif", controls, Options{})).Runs[0].Tool.Driver.Rules[0]
	if rule.HelpURI != "https://example.com/ok" || rule.Properties["security-severity"] != "9.5" {
		t.Errorf("helpUri %q, properties %v", rule.HelpURI, rule.Properties)
	}
}

// What people and machines are told of each severity and status.
func TestSARIFVerdicts(t *testing.T) {
	s := script{run: newRun()}
	for _, severity := range []finding.Severity{finding.Info, finding.Low, finding.Medium, finding.High, finding.Critical} {
		for _, status := range []finding.Status{finding.Unknown, finding.Fail} {
			f := s.found("111122223333/eu-west-1/team/api", "encryption", "bad")
			f.Severity, f.Status = severity, status
		}
	}
	var got []string
	for _, r := range readSARIF(t, written(t, "sarif", s, Options{})).Runs[0].Results {
		got = append(got, strings.Join([]string{r.Properties.Severity, r.Properties.Status, r.Level, r.Kind, r.Message.Text}, " "))
	}
	want := []string{
		"critical fail error  bad", "critical unknown none open Unknown: bad",
		"high fail error  bad", "high unknown none open Unknown: bad",
		"medium fail warning  bad", "medium unknown none open Unknown: bad",
		"low fail note  bad", "low unknown none open Unknown: bad",
		"info fail note  bad", "info unknown none open Unknown: bad",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}

// Of too many results the worst are written, and it is said how many more there are.
func TestTooManyResults(t *testing.T) {
	s := script{run: newRun()}
	for i := range 40 {
		f := s.found("111122223333/eu-west-1/team/api", "encryption", fmt.Sprintf("finding %d", i))
		f.Severity = finding.Severity(i % 5)
	}
	for _, complete := range []bool{true, false} {
		s.run.Complete = complete
		var out bytes.Buffer
		h := newSARIF(&out)
		h.worst.limit = 12
		if err := s.play(h); err != nil {
			t.Fatal(err)
		}
		run := readSARIF(t, out.Bytes()).Runs[0]
		if len(run.Results) != 12 {
			t.Errorf("%d results, want the limit of 12", len(run.Results))
		}
		critical := 0
		for _, r := range run.Results {
			if r.Properties != nil && r.Properties.Severity == "critical" {
				critical++
			}
		}
		leftOut := "28 findings are left out"
		if !complete {
			leftOut = "29 findings are left out"
		}
		if critical != 8 || !strings.Contains(out.String(), leftOut) {
			t.Errorf("%d of 8 critical results, or no %q:\n%s", critical, leftOut, out.String())
		}
		if err := check(t, sarifSchema(t), out.Bytes()); err != nil {
			t.Error(err)
		}

		out.Reset()
		g := newGitLabSecurity(&out)
		g.worst.limit = 12
		if err := s.play(g); err != nil {
			t.Fatal(err)
		}
		if report := readGitLabSecurity(t, out.Bytes()); len(report.Vulnerabilities) != 12 || !strings.Contains(out.String(), leftOut) {
			t.Errorf("%d vulnerabilities, or no %q", len(report.Vulnerabilities), leftOut)
		}
	}
	out := string(written(t, "sarif", long(6_000), Options{}))
	if !strings.Contains(out, "GitHub shows 5,000 of these 6,000 results.") {
		t.Error("it is not said that GitHub shows fewer results")
	}
}

// A fingerprint and a path stay when anything else about a finding changes,
// and a finding may be of a rule that the run does not list.
func TestAlertsKeepTheirIdentity(t *testing.T) {
	identity := func(s script) []string {
		var ids []string
		for _, r := range readSARIF(t, written(t, "sarif", s, Options{})).Runs[0].Results {
			ids = append(ids, r.RuleID+" "+r.PartialFingerprints.Own+" "+r.Locations[0].Physical.Artifact.URI)
		}
		slices.Sort(ids)
		return ids
	}
	before, after := typical(), typical()
	after.run.Version, after.run.Rules = "9.9.9", after.run.Rules[:3]
	for i := range after.findings {
		f := &after.findings[i]
		f.Message, f.Severity, f.Remediation = "other words", finding.Info, "do it otherwise"
	}
	if diff := cmp.Diff(identity(before), identity(after)); diff != "" {
		t.Errorf("identity (-before +after):\n%s", diff)
	}
}

// GitHub refuses what is too large when compressed: the mildest results and the
// last gaps give way, and are counted.
func TestSARIFFitsWhenCompressed(t *testing.T) {
	const room = 2_000_000
	noise := rand.NewChaCha8([32]byte{})
	incompressible := func(n int) string {
		text := make([]byte, n)
		_, _ = noise.Read(text)
		return base64.StdEncoding.EncodeToString(text)
	}
	s := script{run: newRun()}
	const findings, gaps = 6_000, 3_000
	for i := range findings {
		f := s.found("111122223333/eu-west-1/team/api", "encryption", incompressible(600))
		f.Severity = finding.Severity(i % 5)
	}
	for range gaps {
		s.gaps = append(s.gaps, snapshot.Gap{Code: incompressible(600)})
	}
	for name, s := range map[string]script{"findings": {run: s.run, findings: s.findings}, "gaps": {run: s.run, gaps: s.gaps}, "both": s} {
		var out, compressed bytes.Buffer
		h := newSARIF(&out)
		h.room = room
		if err := s.play(h); err != nil {
			t.Fatal(err)
		}
		w := gzip.NewWriter(&compressed)
		if _, err := w.Write(out.Bytes()); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if n := compressed.Len(); n > room || n < room*8/10 {
			t.Errorf("%s: %d bytes compressed where there is room for %d", name, n, room)
		}
		run := readSARIF(t, out.Bytes()).Runs[0]
		results := len(run.Results)
		for _, r := range run.Results {
			if r.RuleID == incompleteCheck {
				results--
			} else if r.Properties.Severity == "info" {
				t.Errorf("%s: a mild result is there, where worse ones were left out", name)
				break
			}
		}
		notRead := 0
		for _, n := range run.Invocations[0].ToolExecutionNotifications {
			if n.Properties != nil {
				notRead++
			}
		}
		for _, statement := range []string{
			count(len(s.findings)-results, "finding is", "findings are") + " left out, the least severe: GitHub refuses files over 10 MB compressed.",
			count(len(s.gaps)-notRead, "gap is", "gaps are") + " left out: GitHub refuses files over 10 MB compressed.",
		} {
			if said := strings.Contains(out.String(), statement); said == strings.HasPrefix(statement, "0 ") {
				t.Errorf("%s: %q is said: %v", name, statement, said)
			}
		}
		if err := check(t, sarifSchema(t), out.Bytes()); err != nil {
			t.Error(err)
		}
	}
	if out := string(written(t, "sarif", long(6_000), Options{})); strings.Contains(out, "10 MB") {
		t.Error("something is left out that would fit")
	}
}
