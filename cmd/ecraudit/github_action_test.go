package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// githubAction is what is needed of action.yml to run its scripts.
type githubAction struct {
	Inputs  map[string]struct{ Default, Description string }
	Outputs map[string]struct{ Value, Description string }
	Runs    struct {
		Steps []struct {
			ID, Run, Uses string
			Env           map[string]string
		}
	}
}

// workflowRun is one use of the action.
type workflowRun struct {
	*job
	code    int
	outputs map[string]string
	summary string
}

var expression = regexp.MustCompile(`\$\{\{ ([\w.-]+) \}\}`)

// runAction runs the scripts of action.yml, step by step until one fails.
func runAction(t *testing.T, in *world, ref string, with map[string]string) workflowRun {
	t.Helper()
	var action githubAction
	readYAML(t, "action.yml", &action)
	values := map[string]string{"github.action_ref": ref, "github.action_path": root}
	for name, input := range action.Inputs {
		values["inputs."+name] = input.Default
	}
	for name, value := range with {
		if _, ok := action.Inputs[name]; !ok {
			t.Fatalf("the action has no input %s", name)
		}
		values["inputs."+name] = value
	}
	evaluate := func(text string) string {
		return expression.ReplaceAllStringFunc(text, func(e string) string { return values[expression.FindStringSubmatch(e)[1]] })
	}
	w := workflowRun{job: newJob(t, in, nil), outputs: map[string]string{}}
	for _, step := range action.Runs.Steps {
		if step.Run == "" {
			continue
		}
		w.environment = map[string]string{"PATH": os.Getenv("PATH"), "GITHUB_ACTION_PATH": root, "RUNNER_TEMP": "/runner"}
		for name, value := range step.Env {
			w.environment[name] = evaluate(value)
		}
		files := t.TempDir()
		for _, name := range []string{"GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY"} {
			w.environment[name] = filepath.Join(files, name)
		}
		w.code = w.shell(step.Run)
		for line := range strings.Lines(contents(files, "GITHUB_OUTPUT")) {
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
			values["steps."+step.ID+".outputs."+name] = value
		}
		w.summary += contents(files, "GITHUB_STEP_SUMMARY")
		if w.code != 0 {
			break
		}
	}
	for name, output := range action.Outputs {
		w.outputs[name] = evaluate(output.Value)
	}
	return w
}

func contents(folder, name string) string {
	text, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		return ""
	}
	return string(text)
}

func TestGitHubWorkflows(t *testing.T) {
	in := reader(t)
	for file, want := range map[string]struct {
		code    int
		outputs map[string]string
	}{
		"github-audit.yml":        {2, map[string]string{"exit-code": "2", "failing": "4", "undecided": "1", "complete": "false"}},
		"github-pull-request.yml": {0, map[string]string{"exit-code": "0", "failing": "0", "undecided": "0", "complete": "false"}},
	} {
		t.Run(file, func(t *testing.T) {
			var workflow struct {
				Jobs map[string]struct {
					Steps []struct {
						Uses string
						With map[string]string
					}
				}
			}
			readYAML(t, "examples/ci/"+file, &workflow)
			ran := 0
			for _, job := range workflow.Jobs {
				for _, step := range job.Steps {
					name, ref, _ := strings.Cut(step.Uses, "@")
					if name != "ecraudit/ecraudit" {
						continue
					}
					ran++
					w := runAction(t, in, ref, step.With)
					if w.code != want.code {
						t.Errorf("exit code %d, not %d\n%s", w.code, want.code, w.output.String())
					}
					for output, value := range want.outputs {
						if w.outputs[output] != value {
							t.Errorf("the output %s is %q, not %q", output, w.outputs[output], value)
						}
					}
					w.wrote("ecraudit-reports/ecraudit.json", "ecraudit-reports/ecraudit.sarif", "ecraudit-reports/ecraudit.xml", "ecraudit-reports/ecraudit.md")
					if install := "sh " + root + "/scripts/install.sh v" + version + " /runner/ecraudit-bin "; strings.Join(w.ran, "\n") != install {
						t.Errorf("%q was installed by %q", ref, w.ran)
					}
				}
			}
			if ran != 1 {
				t.Errorf("the action is used %d times", ran)
			}
		})
	}
}

func TestGitHubAction(t *testing.T) {
	const snapshot = "org.snapshot"
	in := reader(t)
	for name, c := range map[string]struct {
		ref   string
		with  map[string]string
		code  int
		shows []string // of the log
		ran   string
	}{
		"a commit is built from source": {
			ref: "0123456789abcdef", with: map[string]string{"snapshot": snapshot}, code: 2,
			shows: []string{"::error title=", "There are findings at or above high."},
			ran:   "go build -C " + root + " -trimpath -o /runner/ecraudit-bin/ecraudit ./cmd/ecraudit",
		},
		"a version wins over the tag": {
			ref: "v0.0.9", with: map[string]string{"snapshot": snapshot, "version": "1.2.3", "sha256": strings.Repeat("a", 64)}, code: 2,
			ran: "sh " + root + "/scripts/install.sh 1.2.3 /runner/ecraudit-bin " + strings.Repeat("a", 64),
		},
		"an incomplete audit": {
			with: map[string]string{"snapshot": snapshot, "fail-on": "none"}, code: 3,
			shows: []string{"::error title=ecraudit::The audit is not complete, so it is not known to be clean."},
		},
		"no annotations": {
			with: map[string]string{"snapshot": snapshot, "annotations": "false", "fail-on": "none", "allow-incomplete": "true"}, code: 0,
		},
		"an argument is not a script": {
			with: map[string]string{"snapshot": snapshot, "args": "  --framework=$(touch injected)\n\n"}, code: 1,
			shows: []string{`"$(touch injected)" is not one of`, "there is no report"},
		},
		"no boolean":   {with: map[string]string{"summary": "maybe", "snapshot": snapshot}, code: 1, shows: []string{`::error title=ecraudit::summary is "maybe": write true or false`}},
		"no two lines": {with: map[string]string{"reports": "a\n::warning::b", "snapshot": snapshot}, code: 1, shows: []string{"reports must be one line"}},
		"sum of source": {
			with: map[string]string{"sha256": "abc"}, code: 1, shows: []string{"sha256 is of a released archive: name its version, too"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := runAction(t, in, c.ref, c.with)
			if w.code != c.code {
				t.Errorf("exit code %d, not %d\n%s", w.code, c.code, w.output.String())
			}
			for _, text := range c.shows {
				if !strings.Contains(w.output.String(), text) {
					t.Errorf("the log lacks %q:\n%s", text, w.output.String())
				}
			}
			if c.ran != "" && strings.TrimSpace(strings.Join(w.ran, "\n")) != c.ran {
				t.Errorf("installed by %q", w.ran)
			}
			if annotated := strings.Contains(w.output.String(), "::warning "); annotated != (c.code > 1) {
				t.Errorf("annotations: %v", annotated)
			}
			if summarized := strings.HasPrefix(w.summary, "<!-- ecraudit -->"); summarized != (c.code != 1) {
				t.Errorf("the summary is %q", w.summary)
			}
			if _, err := os.Stat("injected"); err == nil {
				t.Error("an argument was run")
			}
		})
	}
}

// The documentation has each input and output, as action.yml describes it.
func TestDocumentedGitHubAction(t *testing.T) {
	var action githubAction
	readYAML(t, "action.yml", &action)
	inputs, outputs := map[string]string{}, map[string]string{}
	for name, input := range action.Inputs {
		shown := "-"
		if input.Default != "" {
			shown = "`" + input.Default + "`"
		}
		inputs["`"+name+"`"] = shown + " " + input.Description
	}
	for name, output := range action.Outputs {
		outputs["`"+name+"`"] = output.Description
	}
	for table, want := range map[string]map[string]string{"action inputs": inputs, "action outputs": outputs} {
		got := map[string]string{}
		for _, row := range tableBetween(t, "docs/ci.md", table) {
			got[row[0]] = strings.Join(row[1:], " ")
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("docs/ci.md, %s (-action.yml +documented):\n%s", table, diff)
		}
	}
}
