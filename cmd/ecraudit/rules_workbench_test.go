package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"

	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
	"github.com/ecraudit/ecraudit/internal/workbench"
)

// newRuleLines are the command lines that write every kind of new rule.
var newRuleLines = map[string]string{
	"a-registry":         "--scope registry",
	"registry-documents": "--scope registry --needs registry-scanning,registry-policy,replication,pull-through-cache,creation-templates,account-settings",
	"a-repository":       "--scope repository --severity critical",
	"documents":          "--scope repository --needs policy,lifecycle,tags,scanning,images,image-graph,registry-policy,replication,registry-scanning,pull-through-cache,creation-templates,account-settings",
	"an-image":           "--scope image",
	"image-documents":    "--scope image --needs images,image-graph,release-scan-findings",
	"image-scans":        "--scope image --needs scan-findings",
	"an-organization":    "--scope organization",
	"organization-table": "--scope organization --needs tags,policy,lifecycle,scanning,images,registry-policy,pull-through-cache",
	"image-in-all":       "--scope image --needs images,image-graph,scan-findings,policy,tags,registry-scanning",
}

// What rules new writes loads, is formatted, passes its cases and the linter,
// and judges an organization, at once.
func TestNewRulesWork(t *testing.T) {
	w := demoWorld(t)
	for id, flags := range newRuleLines {
		r := w.run("rules new " + id + " " + flags)
		if r.code != 0 || !strings.Contains(r.out, "my-rules/"+id+".md") || !strings.Contains(r.out, "Next:") {
			t.Fatalf("rules new %s: exit code %d\n%s%s", id, r.code, r.out, r.err)
		}
	}
	sources, err := filepath.Glob("my-rules/*.rego")
	if err != nil || len(sources) != 2*len(newRuleLines) {
		t.Fatalf("%d files: %v", len(sources), err)
	}
	compiler := ast.NewCompiler().WithStrict(true)
	modules := map[string]*ast.Module{}
	for _, path := range sources {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		formatted, err := format.SourceWithOpts(path, text, format.Opts{RegoVersion: ast.RegoV1})
		if err != nil || !bytes.Equal(formatted, text) {
			t.Errorf("%s is not as opa fmt writes it: %v", path, err)
		}
		modules[path] = ast.MustParseModuleWithOpts(string(text), ast.ParserOptions{RegoVersion: ast.RegoV1})
	}
	if compiler.Compile(modules); compiler.Failed() {
		t.Errorf("opa check --strict: %v", compiler.Errors)
	}
	w.opaTest("my-rules")
	var report workbench.TestReport
	w.decodeJSON("rules test my-rules --min-coverage 100 --format json", &report)
	if report.Failed > 0 || len(report.Rules) != len(newRuleLines) || report.Coverage < 100 {
		t.Errorf("%d failed of %d rules, %v%% covered", report.Failed, len(report.Rules), report.Coverage)
	}
	if r := w.run("rules lint my-rules"); r.code != 0 || !strings.Contains(r.out, "0 errors and 20 warnings in 10 rules.") || strings.Count(r.out, "still says what rules new") == 0 {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	audited := w.audit("--rules my-rules" + orgFlags)
	for id := range newRuleLines {
		if _, ran := audited.Summary.ByRule[id]; !ran {
			t.Errorf("the audit does not have %s", id)
		}
	}
}

// Which documents rules of a scope see something of is the same for the schema of the
// input, for rules new, for the linter and in the documentation.
func TestNeedsOfScopesAgree(t *testing.T) {
	visible, err := evaluate.NeedsByScope()
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for _, row := range tableBetween(t, "docs/rules.md", "needs of scopes") {
		documented[row[0]] = row[1]
	}
	w := demoWorld(t)
	written := 0
	for _, scope := range finding.Scopes() {
		var names []string
		for _, need := range snapshot.AllNeeds() {
			id := fmt.Sprintf("%s-%s", scope, need)
			w.write("one/x.rego", strings.Replace(goodRule("x", fmt.Sprintf("[%s]", need), "input.now < 0"), "scope: repository", "scope: "+string(scope), 1))
			linted := w.run("rules lint one --format json")
			made := w.run(fmt.Sprintf("rules new %s --scope %s --needs %s", id, scope, need))
			sees := slices.Contains(visible[scope], need)
			if (made.code == 0) != sees {
				t.Errorf("%s sees %s: %t, but rules new:\n%s", scope, need, sees, made.err)
			}
			switch {
			case sees:
				written++
				names = append(names, "`"+string(need)+"`")
			case !strings.Contains(linted.out, fmt.Sprintf("the rule declares %s, and looks at nothing of it", need)),
				!strings.Contains(made.err, fmt.Sprintf("rules of scope %s see nothing of %q", scope, need)):
				t.Errorf("%s sees nothing of %s, but\n%s%s", scope, need, linted.out, made.err)
			}
		}
		if want, got := strings.Join(names, ", "), documented["`"+string(scope)+"`"]; got != want {
			t.Errorf("docs/rules.md: %s has %s, want %s", scope, got, want)
		}
	}
	var report workbench.TestReport
	w.decodeJSON("rules test my-rules --min-coverage 100 --format json", &report)
	if report.Failed > 0 || len(report.Rules) != written || report.Coverage < 100 {
		t.Errorf("%d failed of %d rules, %v%% covered", report.Failed, len(report.Rules), report.Coverage)
	}
	var problems []workbench.Problem
	w.decodeJSON("rules lint my-rules --format json", &problems)
	for _, p := range problems {
		if !strings.Contains(p.Message, "still says what rules new wrote") {
			t.Errorf("%+v", p)
		}
	}
}

// What rules new writes is a rule that people read.
func TestNewRuleText(t *testing.T) {
	w := demoWorld(t)
	r := w.run("rules new owner-tag --scope repository --needs tags --title Owned")
	golden(t, "rules_new.txt", r.out)
	var all strings.Builder
	for _, name := range []string{"owner_tag.rego", "owner_tag_test.rego", "owner-tag.md"} {
		text, err := os.ReadFile(filepath.Join("my-rules", name))
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString("=== " + name + "\n" + string(text))
	}
	golden(t, "rules_new_files.txt", all.String())
	if again := w.run("rules new owner-tag --scope repository"); again.code != exitError || !strings.Contains(again.err, "already that of my-rules/owner_tag.rego") {
		t.Errorf("exit code %d: %s", again.code, again.err)
	}
}

func TestNewRulesAreRefused(t *testing.T) {
	for _, c := range []struct {
		name, line string
		want       []string
	}{
		{"no id", "rules new --scope image", []string{"id of the new rule", "missing"}},
		{"two ids", "rules new a b --scope image", []string{`"b" is one too many`}},
		{"malformed id", "rules new Owner_Tag --scope image", []string{`"Owner_Tag"`, "lower case"}},
		{"path as id", "rules new ../x --scope image", []string{`"../x"`, "lower case"}},
		{"word of Rego", "rules new default --scope image", []string{`"default"`, "word of Rego"}},
		{"id of cases", "rules new owner-test --scope image", []string{"_test.rego", "-test"}},
		{"default rule", "rules new encryption --scope image", []string{`"encryption"`, "policies/encryption.rego"}},
		{"rule of --rules", "rules new one --scope image --rules more-rules", []string{`"one"`, "more-rules/one.rego"}},
		{"rule of the configuration", "rules new one --scope image", []string{`"one"`, "more-rules/one.rego"}},
		{"page that is there", "rules new two --scope image", []string{"my-rules/two.md", "nothing is overwritten"}},
		{"folder of the name", "rules new three --scope image", []string{"my-rules/three.rego", "nothing is overwritten"}},
		{"no scope", "rules new x", []string{"--scope", "organization, registry, repository, image"}},
		{"unknown scope", "rules new x --scope repo", []string{`"repo"`}},
		{"unknown severity", "rules new x --scope image --severity hihg", []string{`did you mean "high"`}},
		{"unknown need", "rules new x --scope repository --needs tag", []string{`did you mean "tags"`}},
		{"need of another scope", "rules new x --scope registry --needs policy", []string{`rules of scope registry see nothing of "policy"`, "use any of registry-policy, "}},
		{"scans twice", "rules new x --scope image --needs scan-findings,release-scan-findings", []string{"give one of them"}},
		{"folder that is a file", "rules new x --scope image --dir ecraudit.yaml", []string{"ecraudit.yaml"}},
		{"unknown command", "rules tset", []string{`"tset" is not one of`, `did you mean "test"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := demoWorld(t)
			w.write("more-rules/one.rego", goodRule("one", "[]", "true"))
			w.write("my-rules/two.md", "mine")
			if err := os.Mkdir("my-rules/three.rego", 0o755); err != nil {
				t.Fatal(err)
			}
			if c.name == "rule of the configuration" {
				w.write("ecraudit.yaml", "rule_paths: [more-rules]\n")
			}
			before := w.files()
			r := w.run(c.line)
			if r.code != exitError {
				t.Errorf("exit code %d\n%s", r.code, r.out)
			}
			for _, want := range c.want {
				if !strings.Contains(r.err, want) {
					t.Errorf("the message has no %q:\n%s", want, r.err)
				}
			}
			if after := w.files(); after != before {
				t.Errorf("something was written: %s, before %s", after, before)
			}
		})
	}
}

// files are the names of all files in the working directory.
func (w *world) files() string {
	w.t.Helper()
	var names []string
	err := filepath.WalkDir(".", func(path string, _ os.DirEntry, err error) error {
		names = append(names, path)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Join(names, " ")
}

// milliseconds are what differs from run to run.
var milliseconds = regexp.MustCompile(`%  +[0-9]+|in [0-9.]+ s`)

func untimed(text string) string {
	return milliseconds.ReplaceAllStringFunc(text, func(m string) string {
		return regexp.MustCompile(`[0-9.]+`).ReplaceAllStringFunc(m, func(n string) string { return strings.Repeat("#", min(len(n), 1)) })
	})
}

const failingRule = `package ecraudit.rules.x_test

import data.ecraudit.rules.x as rule

test_it_passes if {
	count(rule.deny) == 0 with input as {"repository": {"name": "bad"}}
}

test_message if {
	rule.deny == {{"message": "lost"}} with input as {"repository": {"name": "bad"}}
}

test_works if rule.deny with input as {"repository": {"name": "bad"}}

test_absent if {
	some finding in rule.deny with input as {"repository": {"name": "good"}}
	finding.message == "x"
}

test_prints if {
	print("the name is", "bad")
	1 == 2
}

todo_test_later if true

test_table[case.note] if {
	some case in [{"note": "one", "n": 1}, {"note": "two", "n": 5}]
	case.n == count(rule.deny) with input as {"repository": {"name": "bad"}}
}
`

// A case that fails says which expression did not hold, and what is there
// instead.
func TestRulesTest(t *testing.T) {
	w := demoWorld(t)
	w.write("r/x.rego", goodRule("x", "[]", `input.repository.name == "bad"`)+"\nunused if input.repository.name == \"other\"\n")
	w.write("r/x_test.rego", failingRule)
	w.write("r/y.rego", goodRule("y", "[]", `input.repository.name == "bad"`))
	r := w.run("rules test r")
	if r.code != 2 || r.err != "" {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	golden(t, "rules_test.txt", untimed(r.out))

	var report workbench.TestReport
	r = w.run("rules test r --format json --run test_works")
	if err := json.Unmarshal([]byte(r.out), &report); err != nil || r.code != 0 || report.Passed != 1 || report.Failed != 0 {
		t.Errorf("exit code %d, %v\n%s", r.code, err, r.out)
	}
	if r = w.run("rules test r --run nothing_has_this_name"); r.code != exitError || !strings.Contains(r.err, "no case has such a name") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	for line, want := range map[string]string{
		"rules test --run (":                  "--run",
		"rules test --min-coverage 101":       "from 0 to 100",
		"rules test --format junit":           `"junit"`,
		"rules test nowhere":                  "nowhere",
		"rules lint nowhere":                  "nowhere",
		"rules lint --format sarif":           `"sarif"`,
		"rules test r --rules r/nothing.rego": "r/nothing.rego",
	} {
		if r := w.run(line); r.code != exitError || !strings.Contains(r.err, want) {
			t.Errorf("%s: exit code %d: %s", line, r.code, r.err)
		}
	}
}

// Cases reach nothing outside, as rules do not.
func TestRulesTestSandbox(t *testing.T) {
	w := demoWorld(t)
	w.write("r/x.rego", goodRule("x", "[]", `input.repository.name == "bad"`))
	w.write("r/x_test.rego", "package ecraudit.rules.x_test\n\nimport data.ecraudit.rules.x as rule\n\ntest_it if {\n\trule.deny with input as http.send({\"method\": \"get\", \"url\": \"http://127.0.0.1:1\"}).body\n}\n")
	if r := w.run("rules test r"); r.code != exitError || !strings.Contains(r.err, "r/x_test.rego:6") || !strings.Contains(r.err, "http.send") {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
}

// Too little coverage fails, and says of which rule.
func TestRulesTestCoverage(t *testing.T) {
	w := demoWorld(t)
	w.works("rules new owner --scope repository --needs tags")
	text, err := os.ReadFile("my-rules/owner.rego")
	if err != nil {
		t.Fatal(err)
	}
	w.write("my-rules/owner.rego", string(text)+"\nnobody_asks if input.repository.name == \"x\"\n")
	if r := w.run("rules test my-rules/owner.rego"); r.code != 0 || !strings.Contains(r.out, "lines 28") {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	r := w.run("rules test my-rules --min-coverage 95")
	if r.code != 2 || !strings.Contains(r.out, "FAILED:") || !strings.Contains(r.out, "of owner covered, less than --min-coverage") {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
}

// imageRule is an image rule with cases of two images.
func imageRule(body string) (rule, cases string) {
	rule = strings.Replace(goodRule("x", "[images]", "BODY"), "scope: repository", "scope: image", 1)
	rule = strings.Replace(rule, "deny contains {\"message\": \"found\"} if {\n\tBODY\n}", body, 1)
	cases = "package ecraudit.rules.x_test\n\nimport data.ecraudit.rules.x as rule\n\ntest_two if {\n\tcount(rule.deny) >= 0 with input as {\"images\": [{\"digest\": \"a\", \"size_bytes\": 1}, {\"digest\": \"b\", \"size_bytes\": 2}]}\n}\n"
	return rule, cases
}

// An image rule whose answer depends on the page fails.
func TestRulesTestPages(t *testing.T) {
	w := demoWorld(t)
	for name, body := range map[string]string{
		"the largest": "deny contains {\"message\": \"large\", \"digest\": image.digest} if {\n\tsome image in input.images\n\timage.size_bytes == max([i.size_bytes | some i in input.images])\n}",
		"how many":    "deny contains {\"message\": \"many\"} if count(input.images) > 1",
	} {
		rule, cases := imageRule(body)
		w.write("r/x.rego", rule)
		w.write("r/x_test.rego", cases)
		if r := w.run("rules test r"); r.code != 2 || !strings.Contains(r.out, "FAIL x: page independence") || !strings.Contains(r.out, "which images share a page") {
			t.Errorf("%s: exit code %d\n%s%s", name, r.code, r.out, r.err)
		}
	}
	rule, cases := imageRule("deny contains {\"message\": \"large\", \"digest\": image.digest} if {\n\tsome image in input.images\n\timage.size_bytes > 1\n}")
	w.write("r/x.rego", rule)
	w.write("r/x_test.rego", cases)
	if r := w.run("rules test r"); r.code != 0 {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	w.write("r/x.rego", strings.Replace(rule, "#   needs:", "#   images: indexes\n#   needs:", 1))
	if r := w.run("rules test r"); r.code != 2 || !strings.Contains(r.out, "custom.images is indexes, but the rule speaks of others") {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
}

// Each lint finds its mistake, says where, and can be ignored.
func TestRulesLint(t *testing.T) {
	good, cases := imageRule("deny contains {\"message\": \"large\", \"digest\": image.digest} if {\n\tsome image in input.images\n\timage.size_bytes > 1\n}")
	ofRepository := goodRule("x", "[tags]", `input.repository.tags.a == "b"`)
	repositoryCases := "package ecraudit.rules.x_test\n\nimport data.ecraudit.rules.x as rule\n\ntest_it if rule.deny with input as {\"repository\": {\"name\": \"a\", \"tags\": {\"a\": \"b\"}}}\n"
	replaced := func(text, from, to string) string {
		if !strings.Contains(text, from) {
			t.Fatalf("there is no %q", from)
		}
		return strings.Replace(text, from, to, 1)
	}
	for _, c := range []struct {
		lint, at    string
		rule, cases string
	}{
		{"load", "r/x.rego:12:1", replaced(ofRepository, ".tags.a", ".tgas.a"), repositoryCases},
		{"missing-description", "r/x.rego:4:3", replaced(ofRepository, "# description: It is here to be loaded.\n", "# authors: [team]\n"), repositoryCases},
		{"missing-remediation", "r/x.rego:4:3", ofRepository, repositoryCases},
		{"title-full-stop", "r/x.rego:2:3", replaced(ofRepository, "title: A rule", "title: A rule."), repositoryCases},
		{"missing-cases", "r/x.rego:9:1", ofRepository, ""},
		{"missing-case", "r/x.rego:9:1", ofRepository, repositoryCases},
		{"missing-page", "r/x.rego:9:1", ofRepository, repositoryCases},
		{"unused-need", "r/x.rego:8:5", replaced(ofRepository, "[tags]", "[tags, lifecycle]"), repositoryCases},
		{"silent-without", "r/x.rego:8:5", replaced(ofRepository, "needs:", "uses:"), repositoryCases},
		{"not-of-absent", "r/x.rego:12:2", replaced(replaced(ofRepository, "needs:", "uses:"), `input.repository.tags.a == "b"`, "not is_object(input.repository.tags)"), repositoryCases},
		{"not-of-absent", "r/x.rego:13:2", replaced(good, "image.size_bytes > 1", "not image.pushed_at > 1"), cases},
		{"input-replaced", "r/x.rego:12:33", replaced(ofRepository, `input.repository.tags.a == "b"`, `input.repository.tags.a == "b" with input as input`), repositoryCases},
		{"nested-images", "r/x.rego:13:2", replaced(good, "image.size_bytes > 1", "some other in input.images\n\tother.size_bytes > image.size_bytes"), cases},
		{"nested-images", "r/x.rego:13:15", replaced(good, "image.size_bytes > 1", "count([i | i := input.images[_]]) > image.size_bytes"), cases},
		{"nested-images", "r/x.rego:16:1", good + "\nf(x) if {\n\tevery i in input.images { i.size_bytes < x }\n}\n", cases},
		{"ambiguous-finding", "r/x.rego:11:1", replaced(good, ", \"digest\": image.digest", ", \"digest\": \"sha256:\", \"tag\": \"t\"") + "\ndeny contains {\"message\": \"also\", \"digest\": \"sha256:\", \"tag\": \"t\"} if input.images\n", cases},
		{"malformed-finding", "r/x.rego:11:1", replaced(ofRepository, `{"message": "found"}`, `{"message": "found", "fix": {"action": "delete"}}`), repositoryCases},
		{"missing-digest", "r/x.rego:11:1", replaced(good, ", \"digest\": image.digest", ""), cases},
		{"format", "r/x.rego:13:1", replaced(good, "\timage.size_bytes > 1", "    image.size_bytes > 1"), cases},
		{"print", "r/x.rego:13:2", replaced(good, "image.size_bytes > 1", "print(image)\n\timage.size_bytes > 1"), cases},
		{"stale-page", "r/x.rego:9:1", good, cases},
		{"unused-ignore", "r/x.rego:16:1", good + "\n# ecraudit-lint ignore=print\nf := 1\n", cases},
	} {
		t.Run(c.lint, func(t *testing.T) {
			w := demoWorld(t)
			w.write("r/x.rego", c.rule)
			if c.lint == "stale-page" {
				w.write("r/x.md", "# x\n\n"+workbench.PageMark+"What it was.\n")
			}
			if c.cases != "" {
				w.write("r/x_test.rego", c.cases)
			}
			find := func() (found []workbench.Problem) {
				var all []workbench.Problem
				r := w.run("rules lint r --format json")
				if err := json.Unmarshal([]byte(r.out), &all); err != nil {
					t.Fatalf("%v\n%s%s", err, r.out, r.err)
				}
				for _, p := range all {
					if p.Severity == workbench.IsError && r.code != 2 {
						t.Errorf("exit code %d with an error", r.code)
					}
					if p.Lint == c.lint {
						found = append(found, p)
					}
				}
				return found
			}
			found := find()
			if len(found) == 0 {
				t.Fatalf("it is not found\n%s", w.run("rules lint r").out)
			}
			if p := found[0]; p.Place() != c.at && !(c.lint == "nested-images" && strings.HasPrefix(p.Place(), "r/x.rego:1")) || p.Message == "" || p.Remedy == "" {
				t.Errorf("%+v, not at %s", p, c.at)
			}
			if c.lint == "load" || c.lint == "unused-ignore" {
				return
			}
			w.write("r/x.rego", "# ecraudit-lint ignore="+c.lint+"\n\n"+c.rule)
			if found := find(); len(found) > 0 {
				t.Errorf("it is not ignored: %+v", found)
			}
		})
	}
}

// Every lint is in the documentation.
func TestDocumentedLints(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "workbench.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, lint := range workbench.Lints() {
		if row := "| `" + lint.ID + "` | " + lint.Severity + " | " + lint.Meaning + " |"; !strings.Contains(string(text), row) {
			t.Errorf("docs/workbench.md has no row %s", row)
		}
	}
}

// The rule of CONTRIBUTING passes what it is put through there.
func TestTutorialPasses(t *testing.T) {
	w := demoWorld(t)
	w.works("rules new enhanced-scanning --scope registry")
	w.write(tutorialRule, titled(t, "CONTRIBUTING.md", tutorialRule).text)
	if r := w.run("rules test my-rules"); r.code != 2 {
		t.Errorf("the cases of the template do not fail: %s", r.out)
	}
	cases := strings.TrimSuffix(tutorialRule, ".rego") + "_test.rego"
	w.write(cases, titled(t, "CONTRIBUTING.md", cases).text)
	if r := w.run("rules lint my-rules --strict"); r.code != 2 || !strings.Contains(r.out, "(stale-page)") {
		t.Errorf("the page of the template is not stale: exit code %d\n%s", r.code, r.out)
	}
	for _, line := range []string{"rules test my-rules --min-coverage 100", "rules docs --rules my-rules -o my-rules", "rules lint my-rules --strict"} {
		if r := w.run(line); r.code != 0 {
			t.Errorf("%s: exit code %d\n%s%s", line, r.code, r.out, r.err)
		}
	}
}
