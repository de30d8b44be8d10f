package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/query"
	"github.com/ecraudit/ecraudit/internal/report"
)

// runArgs executes a command line that has spaces in its words. The summary line,
// which has tests of its own, is left out.
func (w *world) runArgs(args ...string) result {
	w.t.Helper()
	var out, err bytes.Buffer
	code := run(w.t.Context(), args, streams{out: &out, err: &err})
	return result{code, out.String(), regexp.MustCompile(`(?m)^ecraudit: summary .*\n`).ReplaceAllString(err.String(), "")}
}

// saved audits the demonstration once: a snapshot of it and its whole report.
func saved(t *testing.T) (w *world, whole document) {
	t.Helper()
	w = demoWorld(t)
	w.works("snapshot -o org.snapshot" + orgFlags)
	w.works("audit --snapshot org.snapshot --details -o report.json -o report.ndjson")
	return w, w.decode(result{code: 2, out: fileText(t, "report.json")})
}

// A query filters every output of a run and of a saved report alike, and leaves
// alone how the run ended.
func TestQuery(t *testing.T) {
	w, whole := saved(t)
	const audited = 3 // of the queries; each takes as long as an audit
	for i, text := range []string{
		"severity>=high", "not severity>=high", "account=platform", "account!=platform", "rule=access-*,repository-public and status=fail",
		"status=unknown", "scope=image", "control=AC-*", `fix!=""`, `repository=""`, `message="*can push*" or region=us-*`, "severity>critical",
	} {
		q, err := query.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		q = q.In(report.QueryContext(whole.Run))
		var want []finding.Finding
		for _, f := range whole.Findings {
			if q.Match(&f) {
				want = append(want, f)
			}
		}
		of := func(r result) document {
			t.Helper()
			if r.err != "" {
				t.Errorf("%s: %s", text, r.err)
			}
			return w.decode(r)
		}
		reported := w.runArgs("report", "report.ndjson", "--format", "json", "--query", text)
		reported.code = 2 // which the report says, and not the command
		documents := []document{of(reported)}
		if i < audited {
			documents = append(documents, of(w.runArgs("audit", "--snapshot", "org.snapshot", "--format", "json", "--query", text)))
		}
		for _, d := range documents {
			if diff := cmp.Diff(want, d.Findings, cmp.Transformer("empty", func(f []finding.Finding) []finding.Finding { return slices.Clip(append([]finding.Finding{}, f...)) })); diff != "" {
				t.Errorf("%s (-want +got):\n%s", text, diff)
			}
			if d.Run.Query != text || d.Summary.Findings != len(want) || len(d.Gaps) != len(whole.Gaps) {
				t.Errorf("%s: query %q, %d findings for %d, %d gaps for %d", text, d.Run.Query, d.Summary.Findings, len(want), len(d.Gaps), len(whole.Gaps))
			}
			s := d.Summary
			s.Findings, s.BySeverity, s.ByRule = whole.Summary.Findings, whole.Summary.BySeverity, whole.Summary.ByRule
			if diff := cmp.Diff(whole.Summary, s); diff != "" {
				t.Errorf("%s changes the summary:\n%s", text, diff)
			}
		}
	}
}

// What a saved report is filtered to is what an audit with the same query
// writes, in every format; and a filtered report is filtered again by both.
func TestQueryInEveryFormat(t *testing.T) {
	w, _ := saved(t)
	const both = "severity>=high and account=platform"
	w.runArgs("audit", "--snapshot", "org.snapshot", "--query", "severity>=high", "--details", "-o", "high.json")
	line := []string{"audit", "--snapshot", "org.snapshot", "--query", both, "--details"}
	for _, format := range report.Formats() {
		line = append(line, "-o", format+"=of."+format)
	}
	if r := w.runArgs(line...); r.code != 2 {
		t.Fatalf("exit code %d: %s", r.code, r.err)
	}
	for _, format := range report.Formats() {
		audited := fileText(t, "of."+format)
		for _, turned := range []result{
			w.runArgs("report", "report.json", "--query", both, "--format", format),
			w.runArgs("report", "high.json", "--query", "account=platform", "--format", format),
		} {
			if diff := cmp.Diff(audited, turned.out); diff != "" || turned.code != 0 {
				t.Errorf("%s of a saved report, exit code %d (-audited +turned):\n%s", format, turned.code, diff)
			}
		}
	}
}

// A query that matches nothing looks neither clean nor complete.
func TestQueryThatMatchesNothing(t *testing.T) {
	w, whole := saved(t)
	r := w.runArgs("audit", "--snapshot", "org.snapshot", "--query", "rule=repository-pubilc or account=plattform")
	for _, want := range []string{
		"Only findings that match rule=repository-pubilc or account=plattform are shown.", "No findings match the query", "NOT complete: 1 gap.",
		fmt.Sprintf("Exit code 2 (--fail-on high), that of the whole run, in which %d findings that fail and %d unknown count for it.", whole.Summary.Failing, whole.Summary.Undecided),
	} {
		if !strings.Contains(strings.Join(strings.Fields(r.out), " "), want) {
			t.Errorf("no %q in\n%s", want, r.out)
		}
	}
	want := "ecraudit: --query: no rule of this run is repository-pubilc; did you mean repository-public?\n" +
		"ecraudit: --query: no account of this run is plattform; did you mean platform?\n"
	if r.code != 2 || r.err != want {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
}

// What fails is mended whether or not a query shows it.
func TestFixIsNotFiltered(t *testing.T) {
	w := demoWorld(t)
	r := w.runArgs(strings.Fields("audit --regions eu-west-1 --query rule=none-of-them --fix --yes --max-risk safe --accounts 222233334444 --role-name ecraudit-reader --fix-role-name ecraudit-fixer")...)
	if !strings.Contains(r.out, "No findings match the query") || !strings.Contains(r.out, "applied") {
		t.Errorf("exit code %d:\n%s%s", r.code, r.out, r.err)
	}
}

// Flags that cannot be meant are refused before anything is read.
func TestTableFlagsThatCannotBeMeant(t *testing.T) {
	w, _ := saved(t)
	for want, args := range map[string][]string{
		"--query: at character 10: no severity is hgih; use one of critical, high, medium, low, info; did you mean high?\necraudit:   severity=hgih\necraudit:            ^\n": {"--query", "severity=hgih"},
		"--query: at character 1: the query is empty":                             {"--query", ""},
		`--query: at character 1: there is no field "\x1b[31mred"`:                {"--query", "\x1b[31mred=1"},
		`--group-by: "repo" is not one of rule, repository, account, severity`:    {"--group-by", "repo"},
		`--columns: "rules" is not one of severity, status, change, rule`:         {"--columns", "severity,rules"},
		"--columns: rule is named twice":                                          {"--columns", "rule,rule"},
		"--columns: name at least one of severity":                                {"--columns", ""},
		`--sort: "sevrity" is not one of`:                                         {"--sort", "-sevrity"},
		"--sort: rule is named twice":                                             {"--sort", "rule,-rule"},
		"--limit -1: use a number from 1, or 0 for all":                           {"--limit", "-1"},
		"--group-by and --columns do not go together: a list has no groups":       {"--group-by", "account", "--columns", "rule"},
		"--group-by and --sort do not go together":                                {"--group-by", "rule", "--sort", "rule"},
		"--all and --sort do not go together: a list has a row for every finding": {"--all", "--sort", "rule"},
		"--limit is about the table, and there is none":                           {"--limit", "3", "--format", "json"},
		"--columns is about the table, and there is none":                         {"--columns", "rule", "-o", "x.csv", "-o", "x.json"},
		"--all is about the table, and there is none: leave it out, or write a":   {"--all", "-o", "x.json"},
		"--group-by is about the table, and there is none":                        {"--group-by", "rule", "--format", "sarif"},
		"--sort is about the table, and there is none":                            {"--sort", "rule", "-o", "x.ndjson"},
	} {
		for _, command := range [][]string{{"report", "none.json"}, {"audit", "--snapshot", "none.snapshot"}} {
			r := w.runArgs(append(slices.Clone(command), args...)...)
			if r.code != 1 || !strings.Contains(r.err, want) || r.out != "" {
				t.Errorf("%s %q: exit code %d: %s", command[0], args, r.code, r.err)
			}
		}
	}
	if r := w.run("report report.json -o x.json -o table=x.txt --limit 3"); r.code != 0 {
		t.Errorf("with one table of two outputs: %s", r.err)
	}
	if r := w.run("demo --serve --limit 3"); r.code != 1 || !strings.Contains(r.err, "--limit means nothing with --serve") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
}

// Views of the demonstration as they are shown, at three widths.
func TestTableViews(t *testing.T) {
	w := demoWorld(t)
	w.works("demo -o report.json") // which has a clock of its own
	for name, args := range map[string][]string{
		"by-repository": {"--group-by", "repository", "--limit", "4"},
		"by-account":    {"--group-by", "account", "--query", "severity>=high"},
		"columns":       {"--columns", "severity,status,rule,repository,message", "--query", "severity>=high and not status=waived"},
		"sorted":        {"--sort", "account,region,-severity", "--columns", "account_name,region,severity,rule,image", "--limit", "20"},
	} {
		for _, columns := range []string{"40", "80", "200"} {
			t.Setenv("COLUMNS", columns)
			r := w.runArgs(append([]string{"report", "report.json"}, args...)...)
			if r.code != 0 || r.err != "" {
				t.Errorf("%s: exit code %d: %s", name, r.code, r.err)
			}
			golden(t, "view-"+name+"-"+columns+".table", r.out)
		}
	}
}

// Links are written where they are demanded, and lead to where a default rule and
// a repository are; never into a file.
func TestLinksOnDemand(t *testing.T) {
	w, _ := saved(t)
	t.Setenv("FORCE_HYPERLINK", "1")
	r := w.run("report report.json --query rule=external-push -o table=- -o file.txt")
	for _, want := range []string{
		"\x1b]8;;https://github.com/ecraudit/ecraudit/blob/main/docs/rules/external-push.md\x1b\\external-push\x1b]8;;\x1b\\",
		"\x1b]8;;https://eu-west-1.console.aws.amazon.com/ecr/repositories/private/222233334444/access/push-from-payments?region=eu-west-1\x1b\\",
	} {
		if !strings.Contains(r.out, want) {
			t.Errorf("no %q in\n%q", want, r.out)
		}
	}
	if text := fileText(t, "file.txt"); strings.Contains(text, "\x1b") {
		t.Errorf("there are escapes in the file:\n%q", text)
	}
	t.Setenv("FORCE_HYPERLINK", "0")
	if r := w.run("report report.json"); strings.Contains(r.out, "\x1b") {
		t.Errorf("there are escapes:\n%q", r.out)
	}
}

func TestRulePage(t *testing.T) {
	if page := rulePage("scan-on-push"); page != report.RulePage("scan-on-push") {
		t.Errorf("the page of a default rule is %q", page)
	}
	if _, err := os.Stat(filepath.Join(root, "docs", "rules", "scan-on-push.md")); err != nil {
		t.Error(err)
	}
	for _, id := range []string{"my-own", "scan_on_push", "../embed", "lib/tags", "", "scan-on-push_test"} {
		if page := rulePage(id); page != "" {
			t.Errorf("%s, which is no default rule, has the page %s", id, page)
		}
	}
}

func TestShowsLinks(t *testing.T) {
	for line, want := range map[string]bool{
		"":                                   false,
		"TERM=xterm-256color":                false,
		"VTE_VERSION=7600":                   true,
		"VTE_VERSION=5000":                   false,
		"VTE_VERSION=7600 TERM=dumb":         false,
		"VTE_VERSION=7600 CI=true":           false,
		"VTE_VERSION=7600 TMUX=/tmp/x,1,0":   false,
		"VTE_VERSION=7600 STY=1.pts":         false,
		"VTE_VERSION=7600 NO_COLOR=1":        true, // which is about colours
		"VTE_VERSION=7600 FORCE_HYPERLINK=0": false,
		"TERM_PROGRAM=tmux TERM_PROGRAM_VERSION=3.4 TMUX=/tmp/x": true,
		"TERM_PROGRAM=tmux TERM_PROGRAM_VERSION=3.5a":            true,
		"TERM_PROGRAM=tmux TERM_PROGRAM_VERSION=3.3a":            false,
		"TERM_PROGRAM=tmux TERM_PROGRAM_VERSION=next":            false,
		"TERM_PROGRAM=iTerm.app TERM_PROGRAM_VERSION=3.4.19":     true,
		"TERM_PROGRAM=iTerm.app TERM_PROGRAM_VERSION=3.0.15":     false,
		"TERM_PROGRAM=vscode TERM_PROGRAM_VERSION=1.104.2":       true,
		"TERM_PROGRAM=vscode TERM_PROGRAM_VERSION=1.71.0":        false,
		"TERM_PROGRAM=Apple_Terminal TERM_PROGRAM_VERSION=455":   false,
		"TERM_PROGRAM=WezTerm":                                   true,
		"TERM_PROGRAM=ghostty":                                   true,
		"KONSOLE_VERSION=230805":                                 true,
		"KONSOLE_VERSION=180400":                                 false,
		"WT_SESSION=2a1b":                                        true,
		"TERM=xterm-kitty":                                       true,
		"TERM=foot":                                              true,
		"TERM=alacritty":                                         true,
	} {
		environment := map[string]string{}
		for setting := range strings.FieldsSeq(line) {
			name, value, _ := strings.Cut(setting, "=")
			environment[name] = value
		}
		getenv := func(name string) string { return environment[name] }
		if got := showsLinks(true, getenv); got != want {
			t.Errorf("%q: %v", line, got)
		}
		if showsLinks(false, getenv) {
			t.Errorf("%q: links without a terminal", line)
		}
	}
	if !showsLinks(false, func(name string) string { return map[string]string{"FORCE_HYPERLINK": "1"}[name] }) {
		t.Error("FORCE_HYPERLINK does not force")
	}
}
