package ciexamples

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// expanded has gitlab-ci-local read a project's configuration as GitLab does: it
// includes the component, puts inputs in, and validates the result with GitLab's
// own schema. The program is an npm package, which .ci/run installs.
func expanded(t *testing.T, configuration, component string) (text string, err error) {
	t.Helper()
	program := os.Getenv("GITLAB_CI_LOCAL")
	if program == "" {
		t.Skip("GITLAB_CI_LOCAL does not name the program gitlab-ci-local; see tools/gitlab-ci-local")
	}
	folder := t.TempDir()
	for name, text := range map[string]string{".gitlab-ci.yml": configuration, "templates/ecraudit.yml": component} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=main"},
		{"remote", "add", "origin", "git@gitlab.example.com:team/project.git"},
		{"add", "."},
		{"-c", "user.name=nobody", "-c", "user.email=nobody@example.com", "commit", "--quiet", "--message=all"},
	} {
		command := exec.CommandContext(t.Context(), "git", args...)
		command.Dir = folder
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	command := exec.CommandContext(t.Context(), program, "--preview", "--variable", "CI_PIPELINE_SOURCE=schedule")
	command.Dir = folder
	var out, messages strings.Builder
	command.Stdout, command.Stderr = &out, &messages
	if err := command.Run(); err != nil {
		return out.String() + messages.String(), err
	}
	return out.String(), nil
}

var component = regexp.MustCompile(`component: \$CI_SERVER_FQDN/ecraudit/ecraudit/ecraudit@[0-9.]+`)

// fromCheckout has the example include the component of this checkout.
func fromCheckout(t *testing.T, example string) string {
	t.Helper()
	if len(component.FindAllString(example, -1)) == 0 {
		t.Fatal("the example includes no component")
	}
	return component.ReplaceAllString(example, "local: templates/ecraudit.yml")
}

func TestGitLab(t *testing.T) {
	example := fromCheckout(t, string(read(t, "examples/ci/gitlab-ci.yml")))
	text, err := expanded(t, example, string(read(t, "templates/ecraudit.yml")))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	_, text, _ = strings.Cut("\n"+text, "\n---\n") // notices come before
	var pipeline map[string]any
	if err := yaml.Unmarshal([]byte(text), &pipeline); err != nil {
		t.Fatal(err)
	}
	job, ok := pipeline["audit"].(map[string]any)
	if !ok {
		t.Fatalf("there is no job audit:\n%s", text)
	}
	if variables := job["variables"].(map[string]any); variables["AUDIT_FAIL_ON"] != "critical" || variables["AUDIT_ARGS"] != "--org --role-name ecraudit-reader --regions all" {
		t.Errorf("%v", variables)
	}
	if strings.Contains(text, "$[[") {
		t.Errorf("not every input is put in:\n%s", text)
	}
}

func TestGitLabFindsMistakes(t *testing.T) {
	example := fromCheckout(t, string(read(t, "examples/ci/gitlab-ci.yml")))
	template := string(read(t, "templates/ecraudit.yml"))
	for _, c := range []struct{ name, example, template, want string }{
		{"no severity", strings.Replace(example, "fail-on: critical", "fail-on: dreadful", 1), template, "fail-on"},
		{"no job key", example, strings.Replace(template, "  artifacts:\n", "  artefacts:\n", 1), "artefacts"},
		{"no report", example, strings.Replace(template, "      junit:", "      jnuit:", 1), "jnuit"},
	} {
		if text, err := expanded(t, c.example, c.template); err == nil || !strings.Contains(text, c.want) {
			t.Errorf("%s: %v\n%s", c.name, err, text)
		}
	}
}

// Every input is described and used, and none is used that there is not.
func TestGitLabInputs(t *testing.T) {
	header, job, found := strings.Cut(string(read(t, "templates/ecraudit.yml")), "\n---\n")
	if !found {
		t.Fatal("the component has no header")
	}
	var spec struct {
		Spec struct {
			Inputs map[string]struct {
				Description, Default, Regex, Type string
				Options                           []string
			}
		}
	}
	decodeStrictly(t, []byte(header), &spec)
	used := map[string]bool{}
	for _, found := range regexp.MustCompile(`\$\[\[ inputs\.([\w-]+) \]\]`).FindAllStringSubmatch(job, -1) {
		used[found[1]] = true
		if _, declared := spec.Spec.Inputs[found[1]]; !declared {
			t.Errorf("there is no input %s", found[1])
		}
	}
	for name, input := range spec.Spec.Inputs {
		if !used[name] || input.Description == "" {
			t.Errorf("the input %s is not used, or not described", name)
		}
	}
}
