package report

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// workflowCommand is a line as the runner of GitHub Actions reads it.
type workflowCommand struct{ name, title, message string }

// inAFile is where an annotation stands that is about a file.
var inAFile = regexp.MustCompile(`,file=[^,:]+,line=[1-9][0-9]*$`)

// workflowCommands reads lines of commands that have a title, and a file if they are
// about a waiver, and nothing else.
func workflowCommands(t *testing.T, out []byte) []workflowCommand {
	t.Helper()
	unescape := strings.NewReplacer("%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%")
	var commands []workflowCommand
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.Contains(line, "##[") {
			t.Errorf("a command of the old form: %q", line)
		}
		info, data, found := strings.Cut(strings.TrimPrefix(line, "::"), "::")
		name, properties, _ := strings.Cut(info, " ")
		if strings.Contains(properties, unmatchedCheck) {
			properties = inAFile.ReplaceAllString(properties, "")
		}
		title, ok := strings.CutPrefix(properties, "title=")
		if !strings.HasPrefix(line, "::") || !found || !ok || strings.ContainsAny(title, ",:") {
			t.Fatalf("not a command with a title: %q", line)
		}
		commands = append(commands, workflowCommand{name, unescape.Replace(title), unescape.Replace(data)})
	}
	return commands
}

func ofKind(commands []workflowCommand, name string) []workflowCommand {
	var some []workflowCommand
	for _, c := range commands {
		if c.name == name {
			some = append(some, c)
		}
	}
	return some
}

// Waivers that excuse nothing take no room from findings.
func TestGitHubWaivers(t *testing.T) {
	s := waivers()
	warned := func() []workflowCommand {
		return ofKind(workflowCommands(t, written(t, "github", s, Options{})), "warning")
	}
	if all := warned(); len(all) != 3 || all[0].title != "ecraudit: waiver-unmatched" || !strings.HasPrefix(all[0].message, "Warning: the waiver waivers.yaml:14 excuses nothing: ") {
		t.Errorf("%+v", all)
	}
	for i := range 12 {
		s.found(fmt.Sprintf("111122223333/eu-west-1/unknown/%d", i), "encryption", fmt.Sprint("cannot tell ", i)).Status = finding.Unknown
		if i == 7 {
			if all := warned(); len(all) != maxAnnotations || !strings.Contains(all[9].title, unmatchedCheck) {
				t.Errorf("with room for two: %+v", all)
			}
		}
	}
	if all := warned(); len(all) != maxAnnotations || strings.Contains(all[9].title, unmatchedCheck) {
		t.Errorf("without room: %+v", all)
	}
}

func TestGitHubFitsItsLimits(t *testing.T) {
	all := scripts()
	all["long"] = long(5_000)
	long := clean()
	long.found("111122223333/eu-west-1/a", "scan-on-push", strings.Repeat("🚀", 5_000))
	long.findings[0].Rule = strings.Repeat("rule ", 100)
	all["long text"] = long
	for name, s := range all {
		commands := workflowCommands(t, written(t, "github", s, Options{}))
		if n := len(ofKind(commands, "error")) + len(ofKind(commands, "warning")) + len(ofKind(commands, "notice")); n != len(commands) {
			t.Errorf("%s has commands that are no annotations: %v", name, commands)
		}
		for _, kind := range []string{"error", "warning", "notice"} {
			if n := len(ofKind(commands, kind)); n > 10 {
				t.Errorf("%s has %d of %s", name, n, kind)
			}
		}
		for _, c := range commands {
			if title, message := len(utf16.Encode([]rune(c.title))), len(utf16.Encode([]rune(c.message))); title > 255 || message > 4096 {
				t.Errorf("%s: title of %d and message of %d: %s", name, title, message, c.title)
			}
		}
	}
}

func TestGitHubKinds(t *testing.T) {
	cases := []struct {
		severity finding.Severity
		status   finding.Status
		want     string
	}{
		{finding.Critical, finding.Fail, "error"},
		{finding.High, finding.Fail, "error"},
		{finding.Medium, finding.Fail, "warning"},
		{finding.Low, finding.Fail, "notice"},
		{finding.Info, finding.Fail, "notice"},
		{finding.Critical, finding.Unknown, "warning"},
		{finding.Info, finding.Unknown, "warning"},
	}
	for _, c := range cases {
		s := clean()
		f := s.found("111122223333/eu-west-1/a", "scan-on-push", "why")
		f.Severity, f.Status, f.Remediation = c.severity, c.status, ""
		s.run.Rules = nil
		unknown := ""
		if c.status == finding.Unknown {
			unknown = "unknown: "
		}
		want := workflowCommand{c.want, c.severity.String() + ": scan-on-push", "111122223333/eu-west-1/a (management): " + unknown + "why."}
		got := workflowCommands(t, written(t, "github", s, Options{}))
		if len(got) != 2 || got[0] != want {
			t.Errorf("%s %s: %q, want %q and the outcome", c.severity, c.status, got, want)
		}
	}
}

// The worst are shown, wherever they are in the run, and the last line counts
// the others.
func TestGitHubShowsTheWorst(t *testing.T) {
	s := clean()
	for i := range 50 {
		s.found(fmt.Sprintf("111122223333/eu-west-1/a-%02d", i), "scan-on-push", "high")
		s.found(fmt.Sprintf("111122223333/eu-west-1/a-%02d", i), "encryption", "low")
	}
	for i := range 7 {
		s.found(fmt.Sprintf("555566667777/us-east-1/z-%d", i), "repository-public", "critical")
	}
	commands := workflowCommands(t, written(t, "github", s, Options{}))
	var got []string
	for _, c := range commands {
		place, _, _ := strings.Cut(c.message, " (")
		got = append(got, c.name+" "+c.title+" "+place[strings.LastIndex(place, "/")+1:])
	}
	var want []string
	for i := range 7 {
		want = append(want, fmt.Sprintf("error critical: repository-public z-%d", i))
	}
	for i := range 3 {
		want = append(want, fmt.Sprintf("error high: scan-on-push a-%02d", i))
	}
	for i := range 9 {
		want = append(want, fmt.Sprintf("notice low: encryption a-%02d", i))
	}
	if diff := cmp.Diff(want, got[:len(got)-1]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	last := commands[len(commands)-1]
	if want := "107 findings: 7 critical, 50 high, 50 low. Everything was read. 88 findings are not shown here"; !strings.HasPrefix(last.message, want) {
		t.Errorf("the last line is %q, want %q", last.message, want)
	}
}

// An incomplete run says so first, even where all places are taken, and as a
// warning only when the user allows it.
func TestGitHubIncomplete(t *testing.T) {
	for name, s := range incompletes() {
		for _, findings := range []int{0, 1_000} {
			s.findings = long(findings).findings
			commands := workflowCommands(t, written(t, "github", s, Options{}))
			first, last := commands[0], commands[len(commands)-1]
			if first.title != "ecraudit: NOT COMPLETE" || !strings.Contains(first.message, "NOT complete") {
				t.Errorf("%s, %d findings: the first line is %q", name, findings, first)
			}
			if !strings.Contains(last.message, "NOT complete") || strings.Contains(last.message, "Everything was read") {
				t.Errorf("%s, %d findings: the last line is %q", name, findings, last)
			}
			for _, kind := range []string{"error", "warning", "notice"} {
				if n := len(ofKind(commands, kind)); n > 10 {
					t.Errorf("%s: %d of %s", name, n, kind)
				}
			}
		}
	}
	for code, want := range map[int]string{0: "warning", 2: "error", 3: "error"} {
		var b strings.Builder
		h := newGitHub(&b)
		s := partial().summary()
		s.ExitCode = code
		if err := h.End(s); err != nil {
			t.Fatal(err)
		}
		if first := workflowCommands(t, []byte(b.String()))[0]; first.name != want || first.title != "ecraudit: NOT COMPLETE" {
			t.Errorf("exit code %d: %q, want %s", code, first, want)
		}
	}
}

// Text that looks like commands, or like the escapes of commands, is shown.
func TestGitHubHostileText(t *testing.T) {
	texts := []string{
		"::set-output name=a::b", "x\n::error::y", "x\r\n::add-mask::y", "x\u2028::debug::y", "##[set-env name=PATH]evil", "x ##[error]y",
		"%0A::warning::y", "%250A", "100%", ",title=evil::y", "::stop-commands::token", "#" + "#[group]", "#%23[error]",
	}
	for _, text := range texts {
		s := clean()
		f := s.found("111122223333/eu-west-1/"+text, "scan-on-push", text)
		f.Rule, f.Remediation, f.Digest, f.Tag = text, text, digest(1), text
		s.run.Targets[0].AccountName, s.run.Targets[1].AccountName = text, text
		commands := workflowCommands(t, written(t, "github", s, Options{}))
		shown := strings.ReplaceAll(Printable(text), "##[", `##\[`)
		if want := "high: " + shown; len(commands) != 2 || commands[0].title != want {
			t.Errorf("%q: %q", text, commands)
		}
		for _, want := range []string{"111122223333/eu-west-1/" + shown, "(" + shown + ")", shown + "@sha256", ": " + shown + ". Fix: " + shown} {
			if !strings.Contains(commands[0].message, want) {
				t.Errorf("no %q in %q", want, commands[0].message)
			}
		}
	}
}
