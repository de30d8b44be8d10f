package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/report"
)

// logged is what a JSON log says, one object a line.
type logged []map[string]any

func (w *world) logged(text string) (lines logged) {
	w.t.Helper()
	for line := range strings.Lines(text) {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			w.t.Errorf("no JSON object on a line of its own: %q", line)
			continue
		}
		if _, err := time.Parse(time.RFC3339Nano, object["time"].(string)); err != nil {
			w.t.Errorf("%v: %s", err, line)
		}
		if !slices.Contains([]any{"INFO", "WARN", "ERROR"}, object["level"]) || object["msg"] == "" || object["msg"] == nil {
			w.t.Errorf("no level or message: %s", line)
		}
		if strings.ContainsAny(line, "\x1b\u009b\u202e") {
			w.t.Errorf("text that a terminal obeys: %q", line)
		}
		lines = append(lines, object)
	}
	return lines
}

// saying are the lines whose message has some text.
func (l logged) saying(text string) (found logged) {
	for _, line := range l {
		if strings.Contains(line["msg"].(string), text) {
			found = append(found, line)
		}
	}
	return found
}

// Whatever goes to standard error is JSON.
func TestLogInJSON(t *testing.T) {
	w := fewRules(t, "repository-public", "scan-on-push", "encryption", "lifecycle-missing")
	w.write("hostile\x1b[31m.yaml", "x: 1\n")
	for i, c := range []struct {
		name, line, answer string
		prepare            func(*world)
		code               int
		says, level        string // a message, and how grave it is
		about              map[string]any
	}{
		{name: "retries", line: "audit -v" + orgFlags, code: 2, says: "retrying", level: "INFO", about: map[string]any{"operation": "ecr:GetLifecyclePolicy", "account": awssim.DemoPayments, "region": "eu-west-1"},
			prepare: func(w *world) {
				w.server.Faults().Add(awssim.Fault{Kind: awssim.ServerError, Account: awssim.DemoPayments, Region: "eu-west-1", Operation: "ecr:GetLifecyclePolicy", First: 1})
			}},
		{name: "progress", line: "audit --progress" + orgFlags, code: 2, says: "0/0 targets", level: "INFO", about: map[string]any{"targets_done": 0.0}},
		{name: "collection", line: "snapshot -o org.snapshot" + orgFlags, code: 3, says: "collected", level: "WARN", about: map[string]any{"gaps": 1.0}},
		{name: "demonstration", line: "demo", code: 0, says: "simulated organization", level: "INFO"},
		{name: "what was not read", line: "quarantine list" + orgFlags, code: 3, says: "not read: " + awssim.DemoLegacy, level: "WARN", about: map[string]any{"account": awssim.DemoLegacy, "operation": "sts:AssumeRole", "code": "AccessDenied"}},
		{name: "what was not read about access", line: "access --principal 444455556666" + orgFlags, code: 3, says: "not read: " + awssim.DemoLegacy, level: "WARN"},
		{name: "what is not known of costs", line: "cost --format csv" + orgFlags, code: 3, says: "not known: " + awssim.DemoLegacy, level: "WARN", about: map[string]any{"account": awssim.DemoLegacy}},
		{name: "an incomplete plan", line: "plan --only encryption" + orgFlags, code: 3, says: "the plan is incomplete", level: "WARN"},
		{name: "a question that is declined", line: "audit --fix --only scan-on-push" + orgFlags + fixFlagsOfDemo, answer: "no\n", code: 2, says: "Only yes is taken for yes:", level: "INFO"},
		{name: "a plan beside a report", line: "audit --fix --yes --format json --only scan-on-push" + orgFlags + fixFlagsOfDemo, code: 2, says: "Not everything could be read: what is missing is not in the plan. ecraudit audit says what and why.", level: "INFO"},
		{name: "a misspelt flag", line: "audit --orgg", code: 1, says: "unknown flag --orgg", level: "ERROR", about: map[string]any{"exit_code": 1.0}},
		{name: "a misspelt command", line: "audti", code: 1, says: `"audti" is not one of`, level: "ERROR"},
		{name: "a bad value", line: "audit --fail-on hihg", code: 1, says: `did you mean "high"`, level: "ERROR"},
		{name: "text that is hostile", line: "audit --config hostile\x1b[31m.yaml", code: 1, says: `hostile\x1b[31m.yaml`, level: "ERROR"},
		{name: "several problems", line: "apply nowhere.json --max-errors -1 --concurrency 0", code: 1, says: "--concurrency 0", level: "ERROR"},
		{name: "a call that fails", line: "audit", code: 1, says: "asking AWS for the caller's identity", level: "ERROR", about: map[string]any{"exit_code": 1.0},
			prepare: func(w *world) {
				w.server.Faults().Add(awssim.Fault{Kind: awssim.Denied, Operation: "sts:GetCallerIdentity"})
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			defer w.server.Faults().Clear()
			if c.prepare != nil {
				c.prepare(w)
			}
			line, s := "--log-format json "+c.line, streams{in: strings.NewReader(c.answer), asks: c.answer != ""}
			if i%2 == 1 {
				line, s.environ = c.line, []string{"ECRAUDIT_LOG_FORMAT=json"}
			}
			r := w.with(line, s)
			if r.code != c.code {
				t.Errorf("exit code %d, not %d: %s", r.code, c.code, r.err)
			}
			lines := w.logged(r.err).saying(c.says)
			if len(lines) == 0 {
				t.Fatalf("nothing says %q:\n%s", c.says, r.err)
			}
			if lines[0]["level"] != c.level {
				t.Errorf("level %s, not %s", lines[0]["level"], c.level)
			}
			for key, value := range c.about {
				if lines[0][key] != value {
					t.Errorf("%s is %v, not %v", key, lines[0][key], value)
				}
			}
		})
	}
}

// With --quiet there is nothing on standard error but what goes wrong.
func TestQuiet(t *testing.T) {
	w := fewRules(t, "repository-public", "scan-on-push")
	w.expect("snapshot -o org.snapshot"+orgFlags, 3)
	for i, c := range []struct {
		line string
		code int
		err  string
	}{
		{"audit --snapshot org.snapshot -o report.json", 2, ""},
		{"audit --snapshot org.snapshot --format json --log-format json", 2, ""},
		{"audit" + orgFlags, 2, ""},
		{"demo", 0, ""},
		{"plan --snapshot org.snapshot -o plan.json", 2, ""},
		{"snapshot -o sound.snapshot", 0, ""},
		{"apply plan.json --only scan-on-push --yes --max-age 9999h" + fixFlagsOfDemo, 0, ""},
		{"snapshot -o partial.snapshot" + orgFlags, 3, "ecraudit: collected 68 repositories and 0 images, gaps: 1\n"},
		{"audit --fail-on hihg", 1, "ecraudit: --fail-on: \"hihg\" is not one of critical, high, medium, low, info, none; did you mean \"high\"?\n"},
		{"audit --verbose", 1, "ecraudit: --quiet and --verbose contradict each other: leave one of them out\n"},
		{"audit --progress", 1, "ecraudit: --quiet and --progress contradict each other: leave one of them out\n"},
	} {
		quiet := []string{" --quiet", " -q"}[i%2]
		if r := w.expect(c.line+quiet, c.code); r.err != c.err {
			t.Errorf("ecraudit %s%s: %q", c.line, quiet, r.err)
		}
	}
	if r := w.expect("undo --last --yes -q"+fixFlagsOfDemo, 0); r.err != "" {
		t.Errorf("undo: %q", r.err)
	}
	both := w.under("audit", "ECRAUDIT_QUIET=1", "ECRAUDIT_VERBOSE=1")
	if both.code != 1 || !strings.Contains(both.err, "ECRAUDIT_QUIET and ECRAUDIT_VERBOSE contradict each other") {
		t.Errorf("exit code %d: %s", both.code, both.err)
	}
	if r := w.under("audit -q"+orgFlags, "ECRAUDIT_VERBOSE=1", "ECRAUDIT_PROGRESS=1"); r.code != 2 || r.err != "" {
		t.Errorf("a flag and variables that contradict it: exit code %d: %s", r.code, r.err)
	}
}

// summaryOf is the last line of standard error, in either format.
func (w *world) summaryOf(r result) map[string]string {
	w.t.Helper()
	lines := strings.Split(strings.TrimSuffix(r.err, "\n"), "\n")
	last := lines[len(lines)-1]
	fields := map[string]string{}
	if strings.HasPrefix(last, "{") {
		object := w.logged(last)[0]
		for key, value := range object {
			text, err := json.Marshal(value)
			if err != nil {
				w.t.Fatal(err)
			}
			if key != "time" && key != "level" && key != "msg" {
				fields[key] = strings.Trim(strings.ReplaceAll(string(text), `","`, ","), `[]"`)
			}
		}
		return fields
	}
	text, ours := strings.CutPrefix(last, "ecraudit: summary ")
	if !ours {
		w.t.Fatalf("the last line is no summary:\n%s", r.err)
	}
	for _, field := range regexp.MustCompile(`([a-z_]+)=("(?:[^"\\]|\\.)*"|\S*)`).FindAllStringSubmatch(text, -1) {
		value := field[2]
		if unquoted, err := strconv.Unquote(value); err == nil {
			value = unquoted
		}
		fields[field[1]] = value
	}
	return fields
}

// However an audit ends, the last line says how.
func TestSummaryLineOfAnAudit(t *testing.T) {
	w := fewRules(t, "repository-public", "scan-on-push", "encryption", "lifecycle-missing")
	w.expect("snapshot -o org.snapshot"+orgFlags, 3)
	want := func(name string, r result, code int, fields map[string]string) {
		t.Helper()
		if r.code != code {
			t.Errorf("%s: exit code %d, not %d: %s", name, r.code, code, r.err)
		}
		got := w.summaryOf(r)
		fields["exit_code"] = strconv.Itoa(code)
		for key, value := range fields {
			if there, is := got[key]; there != value || !is {
				t.Errorf("%s: %s is %q, not %q", name, key, there, value)
			}
		}
	}
	const audit = "audit --snapshot org.snapshot"
	d := w.audit("--snapshot org.snapshot")
	counts := map[string]string{
		"command": "audit", "complete": "false", "interrupted": "false", "fail_on": "high", "calls": "0", "outputs": "r e.json,s.sarif",
		"targets": strconv.Itoa(d.Summary.Targets), "repositories": strconv.Itoa(d.Summary.Repositories), "images": strconv.Itoa(d.Summary.Images),
		"findings": strconv.Itoa(d.Summary.Findings), "gaps": strconv.Itoa(d.Summary.Gaps),
		"failing": strconv.Itoa(d.Summary.Failing), "undecided": strconv.Itoa(d.Summary.Undecided),
	}
	sum := report.Counts{}
	for _, name := range finding.SeverityNames() {
		counts[name] = strconv.Itoa(d.Summary.BySeverity[name].Fail)
		sum.Fail += d.Summary.BySeverity[name].Fail
		sum.Unknown += d.Summary.BySeverity[name].Unknown
	}
	counts["fail"], counts["unknown"] = strconv.Itoa(sum.Fail), strconv.Itoa(sum.Unknown)
	files := audit + ` -o 'r e.json' -o s.sarif`
	text := w.expect(files, 2)
	want("reports in files", text, 2, counts)
	asJSON := w.expect(files+" --log-format json", 2)
	want("as JSON", asJSON, 2, counts)
	one, other := w.summaryOf(text), w.summaryOf(asJSON)
	one["duration_ms"] = other["duration_ms"]
	if diff := cmp.Diff(one, other); diff != "" {
		t.Errorf("the two formats differ: %s", diff)
	}

	want("a report on standard output", w.expect(audit, 2), 2, map[string]string{"outputs": "-"})
	want("nothing to fail on", w.expect(audit+" --fail-on none", 3), 3, map[string]string{"complete": "false", "failing": "0", "fail_on": "none"})
	want("nothing wrong", w.expect("audit --fail-on none", 0), 0, map[string]string{"complete": "true", "gaps": "0"})
	want("no AWS", w.expect("audit --hub-role-arn hub", 1), 1, map[string]string{"complete": "false", "outputs": ""})
	want("an output that cannot be made", w.expect(audit+" -o nowhere/r.json", 1), 1, map[string]string{"complete": "false", "outputs": ""})
	if _, told := w.summaryOf(w.expect("audit --hub-role-arn hub", 1))["findings"]; told {
		t.Error("it counts findings that nobody looked for")
	}

	var messages bytes.Buffer
	code := run(t.Context(), strings.Fields(audit+" -o report.json -o ndjson=-"), streams{out: fullDisk{}, err: &messages})
	want("an output that fails late", result{code, "", messages.String()}, 1, map[string]string{"outputs": "report.json", "findings": counts["findings"], "complete": "false"})

	fixed := w.expect("audit --fix --yes --only scan-on-push"+orgFlags+fixFlagsOfDemo, 2)
	after := w.decode(w.expect("audit --format json"+orgFlags, 2))
	want("fixing", fixed, 2, map[string]string{"changes": "1", "applied": "1", "failed": "0", "findings": strconv.Itoa(after.Summary.Findings + 1)})

	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	want("interrupted", w.runContext(ctx, audit), 3, map[string]string{"interrupted": "true", "complete": "false"})
	want("interrupted before there is a plan", w.runContext(ctx, "plan --snapshot org.snapshot"), 1, map[string]string{"interrupted": "true", "complete": "false", "command": "plan"})
}

// A usage error has no summary: nothing was begun.
func TestNoSummaryLine(t *testing.T) {
	w := demoWorld(t)
	for _, line := range []string{"audit --fail-on hihg", "rules", "version", "audit --help", "journal"} {
		if r := w.run(line); strings.Contains(r.err+r.out, "ecraudit: summary") {
			t.Errorf("ecraudit %s: %s", line, r.err)
		}
	}
}

func TestSummaryLineOfOtherCommands(t *testing.T) {
	w := fewRules(t, "repository-public", "scan-on-push")
	for _, c := range []struct {
		line string
		code int
		want map[string]string
	}{
		{"snapshot -o org.snapshot" + orgFlags, 3, map[string]string{"command": "snapshot", "complete": "false", "gaps": "1", "repositories": "68", "outputs": "org.snapshot"}},
		{"plan -o plan.json" + orgFlags, 2, map[string]string{"command": "plan", "complete": "false", "outputs": "plan.json"}},
		{"plan --only scan-on-push" + orgFlags, 2, map[string]string{"changes": "1", "safe": "1", "review": "0", "destructive": "0", "outputs": ""}},
		{"apply plan.json --only scan-on-push" + fixFlagsOfDemo, 1, map[string]string{"command": "apply", "changes": "1", "applied": "0"}},
		{"apply plan.json --only scan-on-push --yes" + fixFlagsOfDemo, 0, map[string]string{"command": "apply", "changes": "1", "applied": "1"}},
		{"undo --last --yes" + fixFlagsOfDemo, 0, map[string]string{"command": "undo", "changes": "1", "applied": "1"}},
		{"demo", 0, map[string]string{"command": "demo", "complete": "false", "failing": "17"}},
	} {
		got := w.summaryOf(w.expect(c.line, c.code))
		c.want["exit_code"] = strconv.Itoa(c.code)
		for key, value := range c.want {
			if got[key] != value {
				t.Errorf("ecraudit %s: %s is %q, not %q", c.line, key, got[key], value)
			}
		}
		if _, reads := got["complete"]; reads != slices.Contains([]string{"audit", "plan", "snapshot", "demo"}, got["command"]) {
			t.Errorf("ecraudit %s: complete is %q", c.line, got["complete"])
		}
	}
}

// A report that cannot be written does not take the last word from standard
// error, and neither does one whose name is hostile.
func TestSummaryLineWithHostileNames(t *testing.T) {
	demoWorld(t)
	name := "a\x1b[2J\n\u202e.json"
	for _, format := range []string{"text", "json"} {
		var messages bytes.Buffer
		code := run(t.Context(), []string{"audit", "--log-format", format, "-o", name}, streams{out: &messages, err: &messages})
		if code == exitError || strings.ContainsAny(messages.String(), "\x1b\u202e") || strings.Count(messages.String(), "\n") != 1 {
			t.Errorf("exit code %d: %q", code, messages.String())
		}
	}
	if _, err := os.Stat(name); errors.Is(err, os.ErrNotExist) {
		t.Error("there is no report")
	}
}

// The documented keys are those that there are.
func TestDocumentedSummary(t *testing.T) {
	w := fewRules(t, "scan-on-push")
	there := map[string]bool{}
	if r := w.run("audit -o before.json" + orgFlags); r.code != 2 {
		t.Fatalf("exit code %d", r.code)
	}
	if r := w.run("baseline before.json -o ecraudit.baseline"); r.code != 0 {
		t.Fatalf("exit code %d", r.code)
	}
	for _, line := range []string{"audit --baseline ecraudit.baseline --query severity>=info -o report.json" + orgFlags, "plan -o plan.json" + orgFlags, "apply plan.json --only scan-on-push --yes" + fixFlagsOfDemo} {
		for key := range w.summaryOf(w.answer(line, "")) {
			there[key] = true
		}
	}
	documented := map[string]bool{}
	for _, row := range tableBetween(t, "docs/ci.md", "summary") {
		for _, key := range span.FindAllStringSubmatch(row[0], -1) {
			documented[key[1]] = true
		}
	}
	if diff := cmp.Diff(there, documented); diff != "" {
		t.Errorf("docs/ci.md (-there +documented):\n%s", diff)
	}
}

// Every variable that the documentation names exists.
func TestDocumentedVariables(t *testing.T) {
	root := allCommands()[0]
	for _, p := range pages(t) {
		for _, name := range regexp.MustCompile(`ECRAUDIT_[A-Z_]+[A-Z]`).FindAllString(p.text, -1) {
			if err := (environment{name: "x"}).unknown(root); err != nil {
				t.Errorf("%s: %v", p.name, err)
			}
		}
	}
}
