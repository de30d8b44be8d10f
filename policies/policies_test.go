package policies_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/workbench"
	"github.com/ecraudit/ecraudit/policies"
)

// sources are the texts of all rules, their tests and their library by path.
func sources(t *testing.T) map[string][]byte {
	t.Helper()
	texts := map[string][]byte{}
	err := fs.WalkDir(policies.Files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		texts[path], err = fs.ReadFile(policies.Files, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

func modules(t *testing.T) map[string]*ast.Module {
	t.Helper()
	parsed := map[string]*ast.Module{}
	for path, text := range sources(t) {
		module, err := ast.ParseModuleWithOpts(path, string(text), ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1})
		if err != nil {
			t.Fatal(err)
		}
		parsed[path] = module
	}
	return parsed
}

func compiled(t *testing.T) *ast.Compiler {
	t.Helper()
	compiler := ast.NewCompiler().WithStrict(true)
	if compiler.Compile(modules(t)); compiler.Failed() {
		t.Fatal(compiler.Errors)
	}
	return compiler
}

func rules(t *testing.T) *evaluate.Rules {
	t.Helper()
	loaded, err := evaluate.LoadRules(nil)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// library is the default rules with their cases.
func library(t *testing.T) *workbench.Library {
	t.Helper()
	loaded, err := workbench.Load(nil, func(*evaluate.Rule) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// TestRego runs the cases beside the rules as opa test does, and judges images
// page by page and all at once, as `ecraudit rules test` does.
func TestRego(t *testing.T) {
	report, err := library(t).Test(t.Context(), "", evaluate.DefaultTimeLimit)
	if err != nil {
		t.Fatal(err)
	}
	ran, pages := 0, 0
	for _, rule := range report.Rules {
		t.Run(rule.Rule, func(t *testing.T) {
			pages += rule.Pages
			for _, c := range rule.Cases {
				if c.Name != "page independence" {
					ran++
				}
				if !c.Passed {
					t.Errorf("%s: %s\n%s\n%s", c.At, c.Name, c.Why, c.Output)
				}
			}
			if len(rule.Cases) == 0 {
				t.Error("no case ran")
			}
		})
	}
	if want := len(allCases(t)); ran != want {
		t.Errorf("%d cases ran, of %d; does a note stand twice?", ran, want)
	}
	if pages == 0 {
		t.Error("no case has images")
	}
}

// TestLint checks that the default rules are as `ecraudit rules lint` wants them.
func TestLint(t *testing.T) {
	problems, err := library(t).Lint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s: %s; %s", p.Place(), p.Lint, p.Message, p.Remedy)
	}
}

// TestStyle checks what opa fmt and a linter would.
func TestStyle(t *testing.T) {
	const longest = 120
	for path, text := range sources(t) {
		formatted, err := format.SourceWithOpts(path, text, format.Opts{RegoVersion: ast.RegoV1})
		if err != nil {
			t.Error(err)
			continue
		}
		if !bytes.Equal(text, formatted) {
			t.Errorf("%s is not formatted: run opa fmt\n%s", path, cmp.Diff(string(text), string(formatted)))
		}
		for i, line := range strings.Split(string(text), "\n") {
			if n := utf8.RuneCountInString(line); n > longest {
				t.Errorf("%s:%d has %d characters, more than %d", path, i+1, n, longest)
			}
		}
	}
}

// TestTypes checks that rules read only fields that exist and that they
// declared, and that they compile strictly.
func TestTypes(t *testing.T) {
	compiled(t)
	if err := rules(t).Check(); err != nil {
		t.Error(err)
	}
}

func TestMetadata(t *testing.T) {
	for _, rule := range rules(t).All {
		t.Run(rule.ID, func(t *testing.T) {
			if rule.Title == "" || strings.HasSuffix(rule.Title, ".") {
				t.Errorf("the title %q must be there, without a full stop", rule.Title)
			}
			if len(rule.Description) < 60 {
				t.Errorf("the description %q says too little", rule.Description)
			}
			if len(rule.Why) < 40 {
				t.Errorf("why it matters, %q, says too little", rule.Why)
			}
			if rule.Remediation == "" {
				t.Error("there is no remediation")
			}
			if len(rule.Links) == 0 {
				t.Error("there are no related_resources")
			}
			for _, link := range rule.Links {
				if !strings.HasPrefix(link, "https://docs.aws.amazon.com/") {
					t.Errorf("%s is no page of AWS's documentation", link)
				}
			}
			for framework, controls := range rule.Frameworks {
				if len(controls) == 0 {
					t.Errorf("the framework %s has no controls", framework)
				}
			}
		})
	}
}

// testCase is one case of a rule's table.
type testCase struct {
	rule string // the last part of its package
	workbench.TableCase
}

func packageOf(id string) string { return strings.ReplaceAll(id, "-", "_") }

// query evaluates a query over all modules to its only value.
func query(t *testing.T, compiler *ast.Compiler, text string, input any) any {
	t.Helper()
	results, err := rego.New(rego.Query(text), rego.Compiler(compiler), rego.Input(input), rego.StrictBuiltinErrors(true)).Eval(context.Background())
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if len(results) != 1 {
		t.Fatalf("%s has no value", text)
	}
	return results[0].Expressions[0].Value
}

func allCases(t *testing.T) []testCase {
	t.Helper()
	tables, err := library(t).Tables()
	if err != nil {
		t.Fatal(err)
	}
	var all []testCase
	for _, rule := range rules(t).All {
		if len(tables[rule.ID]) == 0 {
			t.Errorf("%s has no table of cases", rule.ID)
		}
		for _, c := range tables[rule.ID] {
			all = append(all, testCase{packageOf(rule.ID), c})
		}
	}
	return all
}

func decodeStrictly(t *testing.T, value, into any) {
	t.Helper()
	encoded, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.DisallowUnknownFields()
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		t.Fatal(err)
	}
}

// TestTables checks that each rule has cases for all that it can say, and one
// in full, with digest, tag, key and fix, for each.
func TestTables(t *testing.T) {
	compiler, cases := compiled(t), allCases(t)
	for _, rule := range rules(t).All {
		t.Run(rule.ID, func(t *testing.T) {
			var passing, failing, undecided, full bool
			for _, c := range cases {
				if c.rule != packageOf(rule.ID) {
					continue
				}
				passing = passing || c.Passes()
				failing = failing || len(c.Deny) > 0
				undecided = undecided || len(c.Unknown) > 0
				full = full || len(c.Findings) > 0
			}
			answers := query(t, compiler, "data.ecraudit.rules."+packageOf(rule.ID), map[string]any{}).(map[string]any)
			if _, tells := answers["unknown"]; tells && !undecided {
				t.Error("no case is unknown")
			}
			if !passing || !failing || !full {
				t.Errorf("there must be a case that passes (%t), one that fails (%t) and one with findings in full (%t)", passing, failing, full)
			}
		})
	}
}

// schema compiles a JSON Schema.
func schema(t *testing.T, text []byte) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("schema.json", document); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// TestCasesAreInputs checks that cases use only fields that rules can see.
func TestCasesAreInputs(t *testing.T) {
	input := schema(t, policies.InputSchema)
	for _, c := range allCases(t) {
		if err := input.Validate(any(c.Input)); err != nil {
			t.Errorf("%s, %q: %v", c.rule, c.Note, err)
		}
	}
}

type said struct {
	Deny    []map[string]any `json:"deny"`
	Unknown []map[string]any `json:"unknown"`
}

func ask(t *testing.T, compiler *ast.Compiler, c testCase, input any) said {
	t.Helper()
	var answer said
	value := query(t, compiler, "data.ecraudit.rules."+c.rule, input).(map[string]any)
	decodeStrictly(t, map[string]any{"deny": value["deny"], "unknown": value["unknown"]}, &answer)
	return answer
}

// TestFindings checks findings as such: fixes are of the published shapes, and
// what a rule says twice about one resource has keys that tell it apart.
func TestFindings(t *testing.T) {
	text, err := os.ReadFile("schema/fix/fix.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	fixes, compiler := schema(t, text), compiled(t)
	for _, c := range allCases(t) {
		answer := ask(t, compiler, c, c.Input)
		seen := map[string]bool{}
		for _, f := range append(answer.Deny, answer.Unknown...) {
			if fix, ok := f["fix"]; ok {
				if err := fixes.Validate(fix); err != nil {
					t.Errorf("%s, %q: %v", c.rule, c.Note, err)
				}
			}
			identity := fmt.Sprint(f["digest"], f["tag"], f["key"])
			if seen[identity] {
				t.Errorf("%s, %q: two findings have the same digest, tag and key %q", c.rule, c.Note, identity)
			}
			seen[identity] = true
		}
	}
}
