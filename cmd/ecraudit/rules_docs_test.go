package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/loader"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/workbench"
	"github.com/ecraudit/ecraudit/policies"
)

// Pages of rules are written, and written anew, but never over what another hand
// wrote.
func TestRulesDocs(t *testing.T) {
	w := demoWorld(t)
	w.works("rules new owner-tag --scope repository --needs tags")
	first, err := os.ReadFile("my-rules/owner-tag.md")
	if err != nil {
		t.Fatal(err)
	}
	if r := w.works("rules docs --rules my-rules"); !strings.Contains(r.out, "# owner-tag") {
		t.Error(r.out)
	}
	w.works("rules docs --rules my-rules -o my-rules")
	if again := w.read("my-rules/owner-tag.md"); again != string(first) {
		t.Errorf("rules new wrote\n%s\nand rules docs\n%s", first, again)
	}
	for range 2 {
		w.works("rules docs --rules my-rules -o pages/rules")
	}
	golden(t, "rules_docs_index.md", w.read("pages/rules/README.md"))
	if page := w.read("pages/rules/owner-tag.md"); !strings.Contains(page, "(../../my-rules/owner_tag.rego)") {
		t.Error(page)
	}
	w.write("pages/rules/README.md", "mine")
	if r := w.run("rules docs --rules my-rules -o pages/rules"); r.code != exitError || !strings.Contains(r.err, "README.md was not written by ecraudit rules docs") || w.read("pages/rules/README.md") != "mine" {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	if r := w.run("rules docs"); r.code != exitError || !strings.Contains(r.err, "--all") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	w.works("rules docs --all -o all")
	pages, err := filepath.Glob("all/*.md")
	if err != nil || len(pages) != len(plantings)+1 {
		t.Errorf("%d pages: %v", len(pages), err)
	}
}

// What is written for editors: schemas with which OPA finds a field of another
// scope, an example with every field, and settings that Regal can read.
func TestRulesSchema(t *testing.T) {
	w := demoWorld(t)
	if r := w.works("rules schema"); r.out != string(policies.InputSchema) {
		t.Error("rules schema does not print the schema")
	}
	out := w.works("rules schema -o my-rules --scope repository").out
	for _, name := range []string{"input", "organization", "registry", "repository", "image"} {
		if !strings.Contains(out, "Written: my-rules/schemas/"+name+".jsonschema") {
			t.Errorf("no word of %s:\n%s", name, out)
		}
	}
	compiler := jsonschema.NewCompiler()
	for _, scope := range finding.Scopes() {
		text := w.works("rules schema --scope " + string(scope)).out
		if text != w.read("my-rules/schemas/"+string(scope)+".jsonschema") {
			t.Errorf("what is printed for %s is not what is written", scope)
		}
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiler.AddResource(string(scope)+".json", document); err != nil {
			t.Fatal(err)
		}
		schema, err := compiler.Compile(string(scope) + ".json")
		if err != nil {
			t.Fatal(err)
		}
		example, err := workbench.ExampleInput(scope)
		if err != nil {
			t.Fatal(err)
		}
		input, err := jsonschema.UnmarshalJSON(bytes.NewReader(example))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(input); err != nil {
			t.Errorf("the example of %s: %v", scope, err)
		}
	}
	var example map[string]any
	if err := json.Unmarshal([]byte(w.read("my-rules/input.json")), &example); err != nil || example["repository"] == nil || example["images"] != nil {
		t.Errorf("%v: %v", err, example)
	}
	var regal struct{ Rules map[string]map[string]any }
	if err := yaml.Unmarshal([]byte(w.read("my-rules/.regal/config.yaml")), &regal); err != nil || regal.Rules["idiomatic"]["directory-package-mismatch"] == nil {
		t.Errorf("%v: %v", err, regal)
	}
	w.works("rules new owner-tag --scope repository --needs tags")
	w.opaTest("my-rules") // which takes all that lies there
	w.write("my-rules/input.json", "{}")
	w.write("my-rules/schemas/image.jsonschema", "{}")
	out = w.works("rules schema -o my-rules").out
	if !strings.Contains(out, "Left as it is: my-rules/input.json") || !strings.Contains(out, "Written: my-rules/schemas/image.jsonschema") || w.read("my-rules/input.json") != "{}" {
		t.Error(out)
	}
	for line, want := range map[string]string{"rules schema --scope imgae": `did you mean "image"`, "rules schema -o ecraudit.yaml": "ecraudit.yaml", "rules schema x": "takes no arguments"} {
		if r := w.run(line); r.code != exitError || !strings.Contains(r.err, want) {
			t.Errorf("%s: exit code %d: %s", line, r.code, r.err)
		}
	}
}

// A rule that names the schema of its scope is checked against it by opa check
// --schema, and loads here as well.
func TestSchemaAnnotation(t *testing.T) {
	w := demoWorld(t)
	w.works("rules schema -o my-rules")
	text := strings.Replace(goodRule("x", "[]", "input.images[0].digest"), "# custom:", "# schemas:\n#   - input: schema.repository\n# custom:", 1)
	w.write("r/x.rego", strings.Replace(text, "input.images[0].digest", "input.repository.name", 1))
	w.works("rules --rules r")
	schemas, err := loader.Schemas("my-rules/schemas")
	if err != nil {
		t.Fatal(err)
	}
	for body, valid := range map[string]bool{w.read("r/x.rego"): true, text: false} {
		module, err := ast.ParseModuleWithOpts("x.rego", body, ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1})
		if err != nil {
			t.Fatal(err)
		}
		compiler := ast.NewCompiler().WithSchemas(schemas).WithUseTypeCheckAnnotations(true)
		compiler.Compile(map[string]*ast.Module{"x.rego": module})
		if valid == compiler.Failed() {
			t.Errorf("valid %t: %v", valid, compiler.Errors)
		}
	}
}
