package ciexamples

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rhysd/actionlint"
	"go.yaml.in/yaml/v3"
)

// lint checks a workflow in a project that has the action at its root.
func lint(t *testing.T, workflow string) []*actionlint.Error {
	t.Helper()
	folder := t.TempDir()
	path := filepath.Join(folder, ".github", "workflows", "workflow.yml")
	for _, f := range []struct {
		path string
		text []byte
	}{
		{filepath.Join(folder, "action.yml"), read(t, "action.yml")},
		{filepath.Join(folder, ".git", "HEAD"), nil}, // actionlint takes a folder with .git for a project
		{path, []byte(workflow)},
	} {
		if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.path, f.text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{Shellcheck: "shellcheck", WorkingDir: folder})
	if err != nil {
		t.Fatal(err)
	}
	found, err := linter.LintFile(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var (
	ours   = regexp.MustCompile(`uses: ecraudit/ecraudit@v[0-9.]+`)
	pinned = regexp.MustCompile(`^\s*(?:- )?uses: [\w./-]+@[0-9a-f]{40} # (v[0-9]+)\.[0-9]+\.[0-9]+$`)
	commit = regexp.MustCompile(`(uses: [\w./-]+)@[0-9a-f]{40} # (v[0-9]+)\.[0-9]+\.[0-9]+`)
)

// actionlint knows the inputs of popular actions by their tags, and those of
// this action where it is used from its own checkout.
func asActionlintKnowsIt(workflow []byte) string {
	local := ours.ReplaceAll(workflow, []byte("uses: ./"))
	return string(commit.ReplaceAll(local, []byte("$1@$2")))
}

func workflows(t *testing.T) []string {
	t.Helper()
	return append(matching(t, ".github/workflows/*.yml"), matching(t, "examples/ci/github-*.yml")...)
}

func TestActionlint(t *testing.T) {
	for _, path := range workflows(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, workflow := range []string{string(text), asActionlintKnowsIt(text)} {
			for _, found := range lint(t, workflow) {
				t.Errorf("%s: %v", path, found)
			}
		}
	}
}

// The check can fail: an input that the action lacks, and one of a wrong action.
func TestActionlintFindsMistakes(t *testing.T) {
	example := asActionlintKnowsIt(read(t, "examples/ci/github-audit.yml"))
	for _, c := range []struct{ from, to, want string }{
		{"fail-on: critical", "fail-at: critical", `input "fail-at" is not defined in action "ecraudit"`},
		{"steps.ecraudit.outputs.json", "steps.ecraudit.outputs.jason", `property "jason" is not defined`},
		{"id-token: write", "id-token: wirte", `"wirte" is invalid`},
	} {
		broken := strings.Replace(example, c.from, c.to, 1)
		if found := lint(t, broken); len(found) == 0 || !strings.Contains(found[0].Message, c.want) {
			t.Errorf("%s: %v, want %s", c.to, found, c.want)
		}
	}
}

// A tag can be moved to other code; a commit cannot.
func TestActionsArePinned(t *testing.T) {
	for _, path := range append(workflows(t), filepath.Join(root, "action.yml")) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			line = strings.TrimRight(line, "\n")
			if !strings.Contains(line, "uses: ") || strings.HasSuffix(line, "uses: ./") || ours.MatchString(line) {
				continue
			}
			if !pinned.MatchString(line) {
				t.Errorf("%s: %s: write the commit, and its version behind it", path, strings.TrimSpace(line))
			}
		}
	}
}

// action is the metadata of a composite action, complete as GitHub documents it.
type action struct {
	Name, Description, Author string
	Branding                  struct{ Icon, Color string }
	Inputs                    map[string]struct {
		Description, Default string
		Required             bool
		DeprecationMessage   string `yaml:"deprecationMessage"`
	}
	Outputs map[string]struct{ Description, Value string }
	Runs    struct {
		Using string
		Steps []struct {
			ID, If, Name, Shell, Run, Uses string
			Env, With                      map[string]string
			WorkingDirectory               string `yaml:"working-directory"`
			ContinueOnError                bool   `yaml:"continue-on-error"`
		}
	}
}

func TestActionMetadata(t *testing.T) {
	text := read(t, "action.yml")
	var a action
	decodeStrictly(t, text, &a)
	if a.Runs.Using != "composite" || a.Name == "" || a.Description == "" {
		t.Errorf("%+v", a)
	}
	names := regexp.MustCompile(`\binputs\.([\w-]+)`)
	used := map[string]bool{}
	for _, found := range names.FindAllSubmatch(text, -1) {
		used[string(found[1])] = true
		if _, declared := a.Inputs[string(found[1])]; !declared {
			t.Errorf("there is no input %s", found[1])
		}
	}
	for name, input := range a.Inputs {
		if !used[name] || input.Description == "" {
			t.Errorf("the input %s is not used, or not described", name)
		}
	}
	for name, output := range a.Outputs {
		if want := "${{ steps.audit.outputs." + name + " }}"; output.Value != want || output.Description == "" {
			t.Errorf("the output %s is %s", name, output.Value)
		}
	}
	for i, step := range a.Runs.Steps {
		if (step.Run == "") == (step.Uses == "") || step.Run != "" && step.Shell != "bash" {
			t.Errorf("step %d: %+v", i, step)
		}
	}
}

// What a user or a pull request says must not become part of a script.
func TestNoExpressionInAScript(t *testing.T) {
	for _, path := range append(workflows(t), filepath.Join(root, "action.yml")) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var document yaml.Node
		if err := yaml.Unmarshal(text, &document); err != nil {
			t.Fatal(err)
		}
		for _, script := range scripts(&document) {
			if strings.Contains(script.Value, "${{") {
				t.Errorf("%s:%d: an expression in a script; hand it over by env", path, script.Line)
			}
		}
	}
}

// scripts are all values of the key run.
func scripts(n *yaml.Node) (found []*yaml.Node) {
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 && n.Content[i-1].Value == "run" && child.Kind == yaml.ScalarNode {
			found = append(found, child)
		}
		found = append(found, scripts(child)...)
	}
	return found
}
