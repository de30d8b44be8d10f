package ciexamples

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/buildkite/go-pipeline"
	"github.com/buildkite/go-pipeline/warning"
)

// parsed reads a pipeline as Buildkite's agent does on upload: warnings are
// mistakes, and the variables of the job are left alone.
func parsed(text []byte) (*pipeline.Pipeline, error) {
	p, err := pipeline.Parse(bytes.NewReader(text))
	if w := warning.As(err); w != nil {
		return nil, w
	}
	if err != nil {
		return nil, err
	}
	return p, p.Interpolate(environment{}, false)
}

// environment is that of the agent.
type environment map[string]string

func (e environment) Get(name string) (string, bool) { value, ok := e[name]; return value, ok }
func (e environment) Set(name, value string)         { e[name] = value }

// serviceKeys are those of a command that the service reads and the agent does not.
var serviceKeys = []string{
	"agents", "artifact_paths", "allow_dependency_failure", "concurrency", "concurrency_group", "depends_on", "soft_fail", "timeout_in_minutes",
}

func TestBuildkite(t *testing.T) {
	text := read(t, "examples/ci/buildkite.yml")
	p, err := parsed(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range p.Steps {
		command, ok := step.(*pipeline.CommandStep)
		if !ok {
			t.Fatalf("%T is no command", step)
		}
		for key := range command.RemainingFields {
			if !slices.Contains(serviceKeys, key) {
				t.Errorf("%s has the key %s, which Buildkite does not document", command.Label, key)
			}
		}
	}
	first := p.Steps[0].(*pipeline.CommandStep)
	if got, want := strings.Split(first.Command, "\n")[0], `curl -fsSLO "$RELEASE/$ARCHIVE"`; got != want {
		t.Errorf("the first command becomes %s, not %s", got, want)
	}
}

func TestBuildkiteFindsMistakes(t *testing.T) {
	for _, broken := range []string{"steps: [{commands: {a: b}}]", "steps:\n  - label: nothing to do\n    plugins: 7\n", "steps: [\n"} {
		if _, err := parsed([]byte(broken)); err == nil {
			t.Errorf("%q is fine", broken)
		}
	}
}
