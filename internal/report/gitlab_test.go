package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// No Go module or npm package ships GitLab's schemas. The checks here are what
// they demand: app/validators/json_schemas/codeclimate.json and
// lib/gitlab/ci/parsers/security/validators/schemas/15.0.7/sast-report-format.json
// in https://gitlab.com/gitlab-org/gitlab. Unknown fields, which the schemas
// allow, are mistakes here.

func strictly(t *testing.T, out []byte, v any) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(out))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		t.Fatalf("%v in:\n%s", err, out)
	}
	if dec.More() {
		t.Fatal("something follows the document")
	}
}

func readCodeQuality(t *testing.T, out []byte) []codeQualityIssue {
	t.Helper()
	var issues []codeQualityIssue
	strictly(t, out, &issues)
	return issues
}

type gitlabReport struct {
	Version         string                `json:"version"`
	Vulnerabilities []gitlabVulnerability `json:"vulnerabilities"`
	Scan            struct {
		Messages  []gitlabMessage `json:"messages"`
		Analyzer  gitlabScanner   `json:"analyzer"`
		Scanner   gitlabScanner   `json:"scanner"`
		Type      string          `json:"type"`
		StartTime string          `json:"start_time"`
		EndTime   string          `json:"end_time"`
		Status    string          `json:"status"`
	} `json:"scan"`
}

func readGitLabSecurity(t *testing.T, out []byte) gitlabReport {
	t.Helper()
	var report gitlabReport
	strictly(t, out, &report)
	return report
}

func TestCodeQualityIsValid(t *testing.T) {
	all := scripts()
	all["every field"], all["nothing"] = everyField(), script{}
	for name, s := range all {
		out := written(t, "gitlab-codequality", s, Options{})
		issues := readCodeQuality(t, out)
		if issues == nil {
			t.Errorf("%s is no array: %s", name, out)
		}
		seen := make(map[string]bool)
		for _, issue := range issues {
			if issue.Description == "" || issue.CheckName == "" || issue.Fingerprint == "" {
				t.Errorf("%s: a field of %+v is empty", name, issue)
			}
			if !slices.Contains([]string{"info", "minor", "major", "critical", "blocker"}, issue.Severity) {
				t.Errorf("%s: severity %q", name, issue.Severity)
			}
			if issue.CheckName == unmatchedCheck { // it stands in a file that is there
				if !filepath.IsLocal(issue.Location.Path) || issue.Location.Lines.Begin < 1 || unprintable(issue.Location.Path) >= 0 {
					t.Errorf("%s: location %+v", name, issue.Location)
				}
			} else {
				checkPath(t, name, issue.Location.Path)
				if issue.Location.Lines.Begin != 1 {
					t.Errorf("%s: line %d", name, issue.Location.Lines.Begin)
				}
			}
			if seen[issue.Fingerprint] {
				t.Errorf("%s: two issues have the fingerprint %s", name, issue.Fingerprint)
			}
			seen[issue.Fingerprint] = true
		}
		if want := len(s.findings) + len(s.gaps); len(issues) < want {
			t.Errorf("%s: %d issues for %d findings and gaps", name, len(issues), want)
		}
	}
}

// checkPath checks that a path stays below its folder and is shown in full.
func checkPath(t *testing.T, name, path string) {
	t.Helper()
	for i, part := range strings.Split(path, "/") {
		if part == "" || part == "." || part == ".." || Printable(part) != part || i == 0 && part != "ecr" {
			t.Errorf("%s: path %q", name, path)
		}
	}
}

func TestGitLabSecurityIsValid(t *testing.T) {
	webAddress := regexp.MustCompile(`^https?://.+`)
	all := scripts()
	all["every field"], all["nothing"] = everyField(), script{}
	for name, s := range all {
		report := readGitLabSecurity(t, written(t, "gitlab-security", s, Options{}))
		if report.Vulnerabilities == nil || report.Scan.Messages == nil || !regexp.MustCompile(`^15\.0\.\d+$`).MatchString(report.Version) {
			t.Errorf("%s: version %q, or an array is missing", name, report.Version)
		}
		for _, v := range report.Vulnerabilities {
			if v.ID == "" || v.Name == "" || len([]rune(v.Name)) > 255 || v.Description == "" || len([]rune(v.Solution)) > 7000 || len(v.Identifiers) == 0 {
				t.Errorf("%s: a field of %+v is missing or too long", name, v)
			}
			if !slices.Contains([]string{"Info", "Unknown", "Low", "Medium", "High", "Critical"}, v.Severity) {
				t.Errorf("%s: severity %q", name, v.Severity)
			}
			for _, id := range v.Identifiers {
				if id.Type == "" || id.Name == "" || id.Value == "" || id.URL != "" && !webAddress.MatchString(id.URL) {
					t.Errorf("%s: identifier %+v", name, id)
				}
			}
			for _, link := range v.Links {
				if !webAddress.MatchString(link.URL) {
					t.Errorf("%s: link %q", name, link.URL)
				}
			}
			checkPath(t, name, v.Location.File)
			if v.Tracking.Type != "source" || v.Tracking.Items[0].Signatures[0].Value != v.ID {
				t.Errorf("%s: tracking %+v", name, v.Tracking)
			}
		}
		scan := report.Scan
		for _, m := range scan.Messages {
			if m.Value == "" || !slices.Contains([]string{"info", "warn", "fatal"}, m.Level) {
				t.Errorf("%s: message %+v", name, m)
			}
		}
		for _, scanner := range []gitlabScanner{scan.Analyzer, scan.Scanner} {
			if scanner.ID == "" || scanner.Name == "" || scanner.Version == "" || scanner.Vendor["name"] == "" || !webAddress.MatchString(scanner.URL) {
				t.Errorf("%s: scanner %+v", name, scanner)
			}
		}
		for _, moment := range []string{scan.StartTime, scan.EndTime} {
			if clock, err := time.Parse("2006-01-02T15:04:05", moment); err != nil || !clock.Equal(s.run.Clock.Truncate(time.Second)) {
				t.Errorf("%s: time %q", name, moment)
			}
		}
		if scan.Type != "sast" || scan.Status != "success" && scan.Status != "failure" {
			t.Errorf("%s: type %q, status %q", name, scan.Type, scan.Status)
		}
	}
}

func TestGitLabSeverities(t *testing.T) {
	s := script{run: newRun()}
	for _, severity := range finding.Severities() {
		s.found("111122223333/eu-west-1/team/api", "encryption", "bad").Severity = severity
	}
	f := s.found("111122223333/eu-west-1/team/api", "external-push", "the policy could not be read")
	f.Status = finding.Unknown
	var quality, security []string
	for _, issue := range readCodeQuality(t, written(t, "gitlab-codequality", s, Options{})) {
		quality = append(quality, issue.Severity+" "+issue.Description)
	}
	for _, v := range readGitLabSecurity(t, written(t, "gitlab-security", s, Options{})).Vulnerabilities {
		security = append(security, v.Severity)
	}
	if diff := cmp.Diff([]string{"blocker bad", "critical bad", "major bad", "minor bad", "info bad", "blocker Unknown: the policy could not be read"}, quality[:6]); diff != "" {
		t.Errorf("code quality (-want +got):\n%s", diff)
	}
	if got := strings.Join(security, " "); !strings.HasSuffix(got, "Critical Unknown High Medium Low Info") {
		t.Errorf("security: %s", got)
	}
}

// Whatever says that something was not read, a service shows something, and
// what it knows of failure says so.
func TestServicesNeverShowIncompleteAsClean(t *testing.T) {
	cases := map[string]func(*script){
		"gap":              func(s *script) { s.gaps = partial().gaps[:1] },
		"run not complete": func(s *script) { s.run.Complete = false },
		"interrupted":      func(s *script) { s.run.Interrupted = true },
		"target failed":    func(s *script) { s.run.Targets[0].Status = snapshot.StatusFailed },
		"target partial":   func(s *script) { s.run.Targets[0].Status = snapshot.StatusPartial },
	}
	for name, spoil := range cases {
		s := clean()
		spoil(&s)
		run := readSARIF(t, written(t, "sarif", s, Options{})).Runs[0]
		if run.Invocations[0].ExecutionSuccessful || len(run.Invocations[0].ToolExecutionNotifications) == 0 || len(run.Results) == 0 || run.Results[0].Level != "error" {
			t.Errorf("%s looks clean in SARIF: %+v", name, run)
		}
		if issues := readCodeQuality(t, written(t, "gitlab-codequality", s, Options{})); len(issues) == 0 {
			t.Errorf("%s looks clean as code quality", name)
		}
		report := readGitLabSecurity(t, written(t, "gitlab-security", s, Options{}))
		if report.Scan.Status != "failure" || len(report.Scan.Messages) == 0 || len(report.Vulnerabilities) == 0 {
			t.Errorf("%s looks clean in a security report: %+v", name, report)
		}
	}
	s := clean()
	run := readSARIF(t, written(t, "sarif", s, Options{})).Runs[0]
	if !run.Invocations[0].ExecutionSuccessful || len(run.Invocations[0].ToolExecutionNotifications) > 0 || len(run.Results) > 0 {
		t.Errorf("a clean run does not look it in SARIF: %+v", run)
	}
	if issues := readCodeQuality(t, written(t, "gitlab-codequality", s, Options{})); len(issues) > 0 {
		t.Errorf("a clean run has issues: %+v", issues)
	}
	if report := readGitLabSecurity(t, written(t, "gitlab-security", s, Options{})); report.Scan.Status != "success" || len(report.Vulnerabilities)+len(report.Scan.Messages) > 0 {
		t.Errorf("a clean run does not look it in a security report: %+v", report)
	}
	s.run.OrganizationUnread = "access denied"
	for _, format := range []string{"sarif", "gitlab-codequality", "gitlab-security"} {
		if out := string(written(t, format, s, Options{})); !strings.Contains(out, "access denied") {
			t.Errorf("%s does not say that the organization is not known:\n%s", format, out)
		}
	}
}

// Text of others is no markup where a service renders Markdown.
func TestInertMarkdown(t *testing.T) {
	cases := map[string]string{
		"plain, as it is: 1.2.3": "plain, as it is: 1.2.3",
		"<img src=x>":            `\<img src=x\>`,
		"[a](http://b)":          `\[a\]\(http://b\)`,
		"**b** `c` |d|":          "\\*\\*b\\*\\* \\`c\\` \\|d\\|",
		"- item":                 `\- item`,
		"    code\n# head":       "code\n\\# head",
		"@all #1 !2 &amp;":       `\@all \#1 \!2 \&amp;`,
		"\x1b[2J\u202e":          `\\x1b\[2J\\u202e`,
		"bad \xff":               "bad \ufffd",
	}
	for text, want := range cases {
		if got := inertMarkdown(text); got != want {
			t.Errorf("inertMarkdown(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestResources(t *testing.T) {
	cases := []struct {
		resource        resource
		name, path, uri string
	}{
		{resource{}, "organization", "ecr/organization", "ecr/organization"},
		{resource{account: "1", region: "r"}, "1/r", "ecr/1/r", "ecr/1/r"},
		{resource{"1", "r", "a/b", "sha256:c", "v1"}, "1/r/a/b@sha256:c:v1", "ecr/1/r/a/b", "ecr/1/r/a/b"},
		{resource{"1", "r", "../..//x", "", ""}, "1/r/../..//x", "ecr/1/r/_/_/_/x", "ecr/1/r/_/_/_/x"},
		{resource{"1", "r", "a b\n?#%", "", "v1"}, "1/r/a b\n?#%:v1", `ecr/1/r/a b\n?#%`, "ecr/1/r/a%20b%5Cn%3F%23%25"},
	}
	for _, c := range cases {
		if got := fmt.Sprintf("%s %s %s", c.resource.name(), c.resource.path(), c.resource.uri()); got != c.name+" "+c.path+" "+c.uri {
			t.Errorf("%+v is %s", c.resource, got)
		}
	}
}

func TestServiceHandlersRefuseWrongOrder(t *testing.T) {
	for _, format := range []string{"sarif", "gitlab-codequality", "gitlab-security"} {
		h, _ := New(format, &bytes.Buffer{}, Options{})
		if h.Finding(finding.Finding{}) == nil || h.Gap(snapshot.Gap{}) == nil || h.End(Summary{}) == nil {
			t.Errorf("%s: something before the run is accepted", format)
		}
		_ = h.Begin(Run{})
		_ = h.Gap(snapshot.Gap{})
		if h.Begin(Run{}) == nil || h.Finding(finding.Finding{}) == nil {
			t.Errorf("%s: a finding after a gap is accepted", format)
		}
		_ = h.End(Summary{})
		if h.Gap(snapshot.Gap{}) == nil || h.End(Summary{}) == nil {
			t.Errorf("%s: something after the end is accepted", format)
		}
	}
}
