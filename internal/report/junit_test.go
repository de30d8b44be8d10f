package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	gojunit "github.com/joshdk/go-junit"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// suitesOf reads a report as CI systems do.
func suitesOf(t *testing.T, s script) []gojunit.Suite {
	t.Helper()
	suites, err := gojunit.Ingest(written(t, "junit", s, Options{}))
	if err != nil {
		t.Fatal(err)
	}
	return suites
}

// problem is the failure or error of a case.
func problem(t *testing.T, test gojunit.Test) gojunit.Error {
	t.Helper()
	e, ok := errors.AsType[gojunit.Error](test.Error)
	if !ok {
		t.Fatalf("%s has neither failure nor error: %v", test.Name, test.Error)
	}
	return e
}

// junitTotals are the totals as attributes say them.
type junitTotals struct {
	Name     string `xml:"name,attr"`
	Tests    int    `xml:"tests,attr"`
	Failures int    `xml:"failures,attr"`
	Errors   int    `xml:"errors,attr"`
	Skipped  int    `xml:"skipped,attr"`
}

// The totals in attributes are those that a reader counts, at each level.
func TestJUnitSums(t *testing.T) {
	all := scripts()
	all["every field"] = everyField()
	all["no run"] = script{}
	for name, s := range all {
		var root struct {
			junitTotals
			Suites []junitTotals `xml:"testsuite"`
		}
		if err := xml.Unmarshal(written(t, "junit", s, Options{}), &root); err != nil {
			t.Fatal(err)
		}
		var counted []junitTotals
		sum := junitTotals{Name: "ecraudit"}
		for _, suite := range suitesOf(t, s) {
			suite.Aggregate()
			counted = append(counted, junitTotals{suite.Name, suite.Totals.Tests, suite.Totals.Failed, suite.Totals.Error, suite.Totals.Skipped})
			sum.Tests += suite.Totals.Tests
			sum.Failures += suite.Totals.Failed
			sum.Errors += suite.Totals.Error
			if suite.Totals.Tests == 0 {
				t.Errorf("%s: the suite %s has no case", name, suite.Name)
			}
		}
		if diff := cmp.Diff(sum, root.junitTotals); diff != "" {
			t.Errorf("%s: totals of the root (-counted +written):\n%s", name, diff)
		}
		if diff := cmp.Diff(counted, root.Suites); diff != "" {
			t.Errorf("%s: totals of suites (-counted +written):\n%s", name, diff)
		}
	}
}

// junitSchema is what the Jenkins xUnit plugin's junit-10.xsd allows in each
// element: attributes, those that it requires, and elements.
var junitSchema = map[string]struct{ attributes, required, elements []string }{
	"":           {elements: []string{"testsuites"}},
	"testsuites": {[]string{"name", "time", "tests", "failures", "errors"}, nil, []string{"testsuite"}},
	"testsuite": {
		[]string{"name", "tests", "failures", "errors", "group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"},
		[]string{"name", "tests", "failures", "errors"}, []string{"testsuite", "properties", "testcase", "system-out", "system-err"},
	},
	"properties": {nil, nil, []string{"property"}},
	"property":   {[]string{"name", "value"}, []string{"name", "value"}, nil},
	"testcase":   {[]string{"name", "time", "classname", "group"}, []string{"name"}, []string{"skipped", "error", "failure", "system-out", "system-err"}},
	"failure":    {[]string{"type", "message"}, nil, nil},
	"error":      {[]string{"type", "message"}, nil, nil},
	"skipped":    {[]string{"type", "message"}, nil, nil},
	"system-out": {},
}

func TestJUnitFollowsTheSchema(t *testing.T) {
	for name, s := range scripts() {
		out := written(t, "junit", s, Options{})
		dec := xml.NewDecoder(bytes.NewReader(out))
		path := []string{""}
		for {
			token, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			parent := path[len(path)-1]
			switch token := token.(type) {
			case xml.StartElement:
				element := token.Name.Local
				if !slices.Contains(junitSchema[parent].elements, element) {
					t.Errorf("%s: %s holds %s", name, parent, element)
				}
				var attributes []string
				for _, a := range token.Attr {
					attributes = append(attributes, a.Name.Local)
					if !slices.Contains(junitSchema[element].attributes, a.Name.Local) {
						t.Errorf("%s: %s has the attribute %s", name, element, a.Name.Local)
					}
				}
				for _, required := range junitSchema[element].required {
					if !slices.Contains(attributes, required) {
						t.Errorf("%s: %s lacks the attribute %s", name, element, required)
					}
				}
				path = append(path, element)
			case xml.EndElement:
				path = path[:len(path)-1]
			case xml.CharData:
				mixed := slices.Contains([]string{"failure", "error", "skipped", "system-out"}, parent)
				if !mixed && len(bytes.TrimSpace(token)) > 0 {
					t.Errorf("%s: %s has the text %q", name, parent, token)
				}
			}
		}
		if bytes.Contains(out, []byte("]]>")) {
			t.Errorf("%s contains ]]>", name)
		}
	}
}

// A case is known by its class and its name: GitLab drops others of the same.
func TestJUnitNamesDiffer(t *testing.T) {
	for _, name := range []string{"typical", "empty", "partial"} {
		seen := make(map[string]bool)
		for _, suite := range suitesOf(t, scripts()[name]) {
			for _, test := range suite.Tests {
				if test.Classname != suite.Name {
					t.Errorf("%s: a case of class %s in the suite %s", name, test.Classname, suite.Name)
				}
				if id := test.Classname + " " + test.Name; seen[id] {
					t.Errorf("%s: two cases are %s", name, id)
				} else {
					seen[id] = true
				}
			}
		}
	}
}

// Each finding is in the case of its rule and repository, which fails if any
// of them does.
func TestJUnitHoldsFindings(t *testing.T) {
	for _, name := range []string{"typical", "partial"} {
		s := scripts()[name]
		cases := make(map[string]gojunit.Test)
		for _, suite := range suitesOf(t, s) {
			for _, test := range suite.Tests {
				cases[test.Name] = test
			}
		}
		for _, f := range s.findings {
			id := f.Rule + ": " + strings.TrimSuffix(f.Account+"/"+f.Region+"/"+f.Repository, "/")
			test, ok := cases[id]
			if !ok || test.Error == nil {
				t.Errorf("%s: no failing case %q", name, id)
				continue
			}
			text := problem(t, test).Body
			for _, want := range []string{f.Message, f.Fingerprint, f.Digest, f.Tag, f.Remediation, f.Severity.String()} {
				if !strings.Contains(text, want) {
					t.Errorf("%s: %s lacks %q:\n%s", name, id, want, text)
				}
			}
			if f.Status == finding.Fail && test.Status != gojunit.StatusFailed {
				t.Errorf("%s: %s is %s", name, id, test.Status)
			}
		}
	}
}

func TestJUnitStatuses(t *testing.T) {
	s := clean()
	const a, b = "111122223333/eu-west-1/a", "111122223333/eu-west-1/b"
	s.found(a, "tag-convention", "not known").Status = finding.Unknown
	s.found(a, "tag-convention", "first").Severity = finding.Info
	s.found(a, "tag-convention", "second").Severity = finding.Medium
	s.found(b, "tag-convention", "not known").Status = finding.Unknown
	s.found(b, "not-active", "of a rule that the run does not list")
	got := make(map[string]string)
	for _, suite := range suitesOf(t, s) {
		for _, test := range suite.Tests {
			got[test.Name] = string(test.Status)
			if test.Error != nil {
				e := problem(t, test)
				got[test.Name] = fmt.Sprintf("%s %s: %s", test.Status, e.Type, e.Message)
			}
		}
	}
	want := map[string]string{
		"tag-convention: " + a:          "failed medium: first (and 1 more)",
		"tag-convention: " + b:          "error unknown: not known",
		"not-active: " + b:              "failed info: of a rule that the run does not list",
		"coverage: everything was read": "passed",
	}
	for _, r := range s.run.Rules {
		if r.ID != "tag-convention" {
			want[r.ID+": no findings"] = "passed"
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cases (-want +got):\n%s", diff)
	}
}

func TestJUnitLinesAreBounded(t *testing.T) {
	s := clean()
	for i := range 10_000 {
		s.found("111122223333/eu-west-1/a", "tag-convention", fmt.Sprintf("tag %d", i))
	}
	out := string(written(t, "junit", s, Options{}))
	if !strings.Contains(out, `message="tag 0 (and 9,999 more)"`) || !strings.Contains(out, "and 9,900 more, which the formats json, ndjson and csv list") {
		t.Error("what is left out is not counted")
	}
	if len(out) > 64<<10 {
		t.Errorf("%d bytes for one case", len(out))
	}
}

func TestJUnitIncompleteHasErrors(t *testing.T) {
	for name, s := range incompletes() {
		suites := suitesOf(t, s)
		suites[0].Aggregate()
		if suites[0].Name != "ecraudit.coverage" || suites[0].Totals.Error == 0 {
			t.Errorf("%s: the first suite is %s with %d errors", name, suites[0].Name, suites[0].Totals.Error)
		}
		for _, suite := range suites[1:] {
			for _, test := range suite.Tests {
				if test.Error == nil && !strings.Contains(test.SystemOut, "NOT complete") {
					t.Errorf("%s: %s passes without a word", name, test.Name)
				}
			}
		}
	}
	for _, suite := range suitesOf(t, clean()) {
		suite.Aggregate()
		if suite.Totals.Passed != suite.Totals.Tests {
			t.Errorf("a clean run: %s does not pass", suite.Name)
		}
	}
}

// A target that failed is one error, with the gaps of its place if it has any.
func TestJUnitFailedTargets(t *testing.T) {
	s := clean()
	s.run.Targets[0].Status, s.run.Targets[0].Reason = snapshot.StatusFailed, "no role"
	s.run.Targets[1].Status = snapshot.StatusFailed
	first := s.run.Targets[0]
	s.gaps = []snapshot.Gap{{Target: snapshot.Target{Account: first.Account, Region: first.Region}, Code: "AccessDenied"}}
	var got []string
	for _, test := range suitesOf(t, s)[0].Tests {
		e := problem(t, test)
		got = append(got, test.Name+" | "+e.Type+" | "+e.Message)
	}
	want := []string{
		"coverage: 111122223333/eu-west-1 | AccessDenied | no role (and 1 more)",
		"coverage: 111122223333/us-east-1 | failed | nothing could be read: no reason given",
		"coverage: everything was read | incomplete | NOT complete: 1 gap, 2 targets failed",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cases of the coverage (-want +got):\n%s", diff)
	}
}
