package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
	"github.com/ecraudit/ecraudit/policies"
)

// demoSnapshot is the demonstration with a snapshot of it.
func demoSnapshot(t *testing.T) *world {
	t.Helper()
	w := demoWorld(t)
	w.snapshot("org.snapshot")
	return w
}

func (w *world) runRule(line string) []ruleRun {
	w.t.Helper()
	var runs []ruleRun
	w.decodeJSON("rules run --snapshot org.snapshot --format json "+line, &runs)
	return runs
}

// What a rule says when it is run alone is what it says in an audit, fingerprints
// and all, and it can be explained.
func TestRulesRunFindsWhatAuditsFind(t *testing.T) {
	w := demoSnapshot(t)
	audited := map[string][]finding.Finding{}
	for _, f := range w.audit("--snapshot org.snapshot").Findings {
		audited[f.Rule] = append(audited[f.Rule], f)
	}
	rules, err := evaluate.LoadRules(nil)
	if err != nil {
		t.Fatal(err)
	}
	byFingerprint := func(a, b finding.Finding) int { return strings.Compare(a.Fingerprint, b.Fingerprint) }
	traced := 0
	for _, rule := range rules.All {
		var found []finding.Finding
		r := w.run("rules run " + rule.ID + " --snapshot org.snapshot --format json --explain")
		if strings.Contains(r.err, "was collected without") || strings.Contains(r.err, "is off everywhere") {
			continue // the demonstration does not have it on
		}
		var runs []ruleRun
		if err := json.Unmarshal([]byte(r.out), &runs); err != nil {
			t.Fatalf("%s: %v\n%s", rule.ID, err, r.err)
		}
		for _, run := range runs {
			found = append(found, run.Findings...)
			traced += len(run.Trace)
			if strings.Contains(run.Why, "error") {
				t.Errorf("%s is not explained: %s", rule.ID, run.Why)
			}
		}
		if strings.Contains(r.out, ast.LocalVarPrefix) {
			t.Errorf("%s is explained in words of the compiler", rule.ID)
		}
		if len(audited[rule.ID]) == 0 && rule.Optional {
			continue // it is off in the audit
		}
		slices.SortFunc(found, byFingerprint)
		slices.SortFunc(audited[rule.ID], byFingerprint)
		if diff := gocmp.Diff(audited[rule.ID], found, gocmp.Comparer(sameJSON)); diff != "" {
			t.Errorf("%s: the audit (-) and rules run (+) differ:\n%s", rule.ID, diff)
		}
	}
	if traced == 0 {
		t.Error("nothing was explained")
	}
}

func sameJSON(a, b json.RawMessage) bool {
	var first, second bytes.Buffer
	return len(a) == len(b) || json.Compact(&first, a) == nil && json.Compact(&second, b) == nil && bytes.Equal(first.Bytes(), second.Bytes())
}

// What --input prints is an input by the schema, with which bare OPA comes to the
// same answer.
func TestRulesRunInput(t *testing.T) {
	w := demoSnapshot(t)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(policies.InputSchema))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("input.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("input.json")
	if err != nil {
		t.Fatal(err)
	}
	for line, scope := range map[string]string{
		"scan-on-push --repository tools/flag-says-scanned":                 "repository",
		"release-vulnerabilities --repository payments/vulnerable":          "image",
		"registry-scanning-basic --account 111122223333 --region eu-west-1": "registry",
		"replica-parity": "organization",
		"untagged-piling-up --repository payments/ledger --account 333344445555 --region us-east-1": "repository",
	} {
		id, _, _ := strings.Cut(line, " ")
		text := w.works("rules run --snapshot org.snapshot --input " + line).out
		input, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(input); err != nil {
			t.Errorf("%s (%s): %v", id, scope, err)
		}
		want := []string{}
		for _, run := range w.runRule(line) {
			for _, f := range run.Findings {
				if f.Status == finding.Fail {
					want = append(want, f.Message)
				}
			}
		}
		if got := w.bareOPA(id, text); !slices.Equal(got, want) {
			t.Errorf("%s: bare OPA says %q, the engine %q", id, got, want)
		}
	}
	var several []json.RawMessage
	w.decodeJSON("rules run scan-on-push --snapshot org.snapshot --input --repository payments/*", &several)
	if len(several) < 2 {
		t.Errorf("%d inputs of several repositories", len(several))
	}
}

// bareOPA are the messages of deny, as opa eval gives them.
func (w *world) bareOPA(id, input string) []string {
	w.t.Helper()
	value, err := ast.ValueFromReader(strings.NewReader(input))
	if err != nil {
		w.t.Fatal(err)
	}
	results, err := rego.New(
		rego.Query("[finding.message | some finding in data.ecraudit.rules."+strings.ReplaceAll(id, "-", "_")+".deny]"), rego.ParsedInput(value),
		rego.Load([]string{filepath.Join(root, "policies")}, nil), // with all that is there, as opa eval does
	).Eval(w.t.Context())
	if err != nil || len(results) != 1 {
		w.t.Fatal(len(results), err)
	}
	messages := []string{}
	for _, message := range results[0].Expressions[0].Value.([]any) {
		messages = append(messages, message.(string))
	}
	return messages
}

// The trace in words: what held, what did not, and what was there instead.
func TestRulesRunExplain(t *testing.T) {
	w := demoSnapshot(t)
	digests := regexp.MustCompile(`sha256:\s*[0-9a-f]{12,64}`)
	var all strings.Builder
	for _, line := range []string{
		"scan-on-push --repository tools/flag-says-scanned",
		"tag-immutability --repository payments/ledger --region us-east-1",
		"image-unused --repository payments/multi-arch-sound",
		"replica-parity",
	} {
		all.WriteString("$ ecraudit rules run " + line + " --explain\n" + digests.ReplaceAllString(w.works("rules run --snapshot org.snapshot --explain "+line).out, "sha256:…") + "\n")
	}
	golden(t, "rules_run_explain.txt", all.String())
	if strings.Contains(all.String(), "\x1b") {
		t.Error("there are escapes in what is no terminal")
	}
}

// A document that was not read makes the rule unknown, with the reason.
func TestRulesRunWithGaps(t *testing.T) {
	w := demoWorld(t)
	w.write("r/x.rego", strings.Replace(goodRule("x", "[images]", `input.repository.stats.images > 100000`), "severity: low", "severity: high", 1))
	if r := w.run("snapshot -o org.snapshot --rules r" + orgFlags); r.code == exitError {
		t.Fatal(r.err)
	}
	want := []string{}
	for _, f := range w.audit("--snapshot org.snapshot --rules r").Findings {
		if f.Rule == "x" {
			want = append(want, string(f.Status)+" "+f.Message)
		}
	}
	got := []string{}
	for _, run := range w.runRule("x --rules r") {
		for _, f := range run.Findings {
			if run.Verdict != "unknown" {
				t.Errorf("%s is %s", run.Repository, run.Verdict)
			}
			got = append(got, string(f.Status)+" "+f.Message)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("rules run says %q, the audit %q", got, want)
	}
}

// Rules that are off are run where the configuration does not say otherwise.
func TestRulesRunOff(t *testing.T) {
	w := demoSnapshot(t)
	w.write("ecraudit.yaml", "scopes:\n  - match: {repositories: 'payments/*'}\n    rules: {repository-empty: off}\n")
	verdicts := map[string]int{}
	for _, run := range w.runRule("repository-empty") {
		if off := strings.HasPrefix(run.Repository, "payments/"); off != (run.Verdict == "off") || off && run.Why != "off here: ecraudit.yaml:3" {
			t.Errorf("%s is %s: %s", run.Repository, run.Verdict, run.Why)
		}
		verdicts[run.Verdict]++
	}
	if verdicts["off"] == 0 || len(verdicts) < 2 {
		t.Error(verdicts)
	}
	for line, want := range map[string]string{
		"rules run scan-on-push": "--snapshot is missing",
		"rules run":              "the id of a rule",
		"rules run scan-on-psh --snapshot org.snapshot":                          `did you mean "scan-on-push"`,
		"rules run scan-on-push --snapshot nowhere":                              "nowhere",
		"rules run scan-on-push --snapshot org.snapshot --repository A":          "cannot match a repository name",
		"rules run scan-on-push --snapshot org.snapshot --repository nothing":    "looks at nothing",
		"rules run scan-on-push --snapshot org.snapshot --input --explain":       "--input prints the input and nothing else",
		"rules run scan-on-push --snapshot org.snapshot --format xml":            `"xml"`,
		"rules run encryption --snapshot org.snapshot --config off.yaml":         "encryption is off everywhere: off.yaml:1",
		"rules run tag-retention --snapshot org.snapshot --repository a --input": "looks at nothing",
		"rules show scan-on-psh":                                                 `did you mean "scan-on-push"`,
		"rules show":                                                             "the id of a rule",
	} {
		w.write("off.yaml", "rules: {encryption: off}\n")
		if r := w.run(line); r.code != exitError || !strings.Contains(r.err, want) {
			t.Errorf("%s: exit code %d: %s", line, r.code, r.err)
		}
	}
}

func TestRulesShow(t *testing.T) {
	w := demoWorld(t)
	w.write("ecraudit.yaml", "rules: {release-unsigned: {severity: critical}}\nscopes:\n  - match: {regions: eu-west-1}\n    rules: {release-unsigned: off}\n")
	r := w.works("rules show release-unsigned")
	golden(t, "rules_show.txt", r.out)
	var shown struct {
		ID, Source string
		Cases      int
		Configured []struct{ At, Scope, Value string }
	}
	w.decodeJSON("rules show release-unsigned --format json", &shown)
	if shown.ID != "release-unsigned" || len(shown.Configured) != 2 || shown.Configured[1].At != "ecraudit.yaml:4" || shown.Cases == 0 || shown.Source == "" {
		t.Errorf("%+v", shown)
	}
	for _, width := range []string{"40", "120"} {
		t.Setenv("COLUMNS", width)
		text, _, _ := strings.Cut(w.works("rules show scan-on-push").out, "LINKS")
		if widest := widestLine(text); width == "40" && widest > 60 || width == "120" && widest < 90 {
			t.Errorf("with %s columns the widest line has %d", width, widest)
		}
	}
}

// The command that rules show names runs the cases of that rule.
func TestRulesShowNamesTheCommandOfItsCases(t *testing.T) {
	w := demoWorld(t)
	w.works("rules new own-rule --scope repository --dir my-rules")
	w.works("rules new other-rule --scope repository --dir more-rules")
	w.opaBuild("packed.tar.gz", map[string]string{"own_rule.rego": w.read("my-rules/own_rule.rego"), "own_rule_test.rego": w.read("my-rules/own_rule_test.rego")}, nil)
	w.write("elsewhere/own.yaml", "rule_paths: [../my-rules]\n")
	for _, flags := range []string{
		"scan-on-push", "own-rule --rules my-rules", "own-rule --rules my-rules/own_rule.rego", "own-rule --rules packed.tar.gz",
		"own-rule --config elsewhere/own.yaml", "other-rule --rules my-rules,more-rules", "own-rule --rules my-rules,more-rules",
	} {
		said := w.works("rules show " + flags).out
		_, after, found := strings.Cut(strings.ReplaceAll(said, ":\n ", ":"), ": ecraudit rules test ")
		command, _, _ := strings.Cut(after, "\n")
		if !found {
			t.Errorf("%s: no command in %s", flags, said)
			continue
		}
		var report struct{ Rules []struct{ Rule string } }
		w.decodeJSON("rules test "+command+" --format json", &report)
		if id, _, _ := strings.Cut(flags, " "); len(report.Rules) != 1 || report.Rules[0].Rule != id {
			t.Errorf("%s: %s tests %+v", flags, command, report.Rules)
		}
	}
}

func widestLine(text string) (widest int) {
	for line := range strings.Lines(text) {
		widest = max(widest, len([]rune(line)))
	}
	return widest
}

// The calls that rules show names are those of the documentation, which is
// tested against the program.
func TestCallsOfNeeds(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "collecting.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "<!-- needs -->")
	documented := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|.*\\| (`.*) \\|$").FindAllStringSubmatch(table, -1) {
		for _, call := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[2], -1) {
			documented[row[1]] = append(documented[row[1]], call[1])
		}
	}
	named := map[string][]string{}
	for need := range documented {
		named[need] = callsOf(snapshot.Need(need))
		slices.Sort(named[need])
		slices.Sort(documented[need])
	}
	if len(documented) == 0 {
		t.Error("docs/collecting.md has no table of needs")
	}
	if diff := gocmp.Diff(documented, named); diff != "" {
		t.Errorf("docs/collecting.md (-) and rules show (+) differ:\n%s", diff)
	}
}

// conftest asks the package main for messages as conftest does; tools/conftest
// runs the program itself.
func (w *world) conftest(line string) {
	w.t.Helper()
	args := strings.Fields(line)
	var folders []string
	for len(args) > 2 && args[0] == "--policy" {
		folder := args[1]
		if folder == "policies" { // of the repository
			folder = filepath.Join(root, folder)
		}
		folders, args = append(folders, folder), args[2:]
	}
	value, err := ast.ValueFromReader(strings.NewReader(w.read(args[0])))
	if err != nil {
		w.t.Fatal(err)
	}
	noRego := func(path string, info os.FileInfo, _ int) bool {
		return !info.IsDir() && !strings.HasSuffix(path, ".rego")
	}
	for _, set := range []string{"deny", "warn"} {
		results, err := rego.New(rego.Query("data.main."+set), rego.ParsedInput(value), rego.Load(folders, noRego)).Eval(w.t.Context())
		if err != nil || len(results) != 1 {
			w.t.Fatalf("conftest test %s: %d results, %v", line, len(results), err)
		}
		messages := results[0].Expressions[0].Value.([]any)
		for _, message := range messages {
			if _, isText := message.(string); !isText {
				w.t.Errorf("conftest test %s: %v is no message", line, message)
			}
		}
		if set == "deny" && len(messages) == 0 {
			w.t.Errorf("conftest test %s finds nothing", line)
		}
	}
}

// What tools/conftest tests conftest with is what rules run prints, at another
// time.
func TestConftestInputs(t *testing.T) {
	w := demoSnapshot(t)
	moments := regexp.MustCompile(`\b[0-9]{19}\b`)
	for file, repository := range map[string]string{"conftest_fail.json": "tools/flag-says-scanned", "conftest_pass.json": "payments/scan-*"} {
		printed := w.works("rules run scan-on-push --snapshot org.snapshot --input --repository " + repository).out
		golden(t, file, moments.ReplaceAllString(printed, "1795000000000000000"))
	}
}
