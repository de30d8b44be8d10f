package ciexamples

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/awslabs/goformation/v7/intrinsics"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// resourceSchemas has a definition for each type of resource of these services,
// made by goformation from AWS's own specification. The module has them as a file.
func resourceSchemas(t *testing.T, services ...string) *jsonschema.Compiler {
	t.Helper()
	folder, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/awslabs/goformation/v7").Output()
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(filepath.Join(strings.TrimSpace(string(folder)), "schema", "cloudformation.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	document, err := jsonschema.UnmarshalJSON(file)
	if err != nil {
		t.Fatal(err)
	}
	all := document.(map[string]any)["definitions"].(map[string]any)
	maps.DeleteFunc(all, func(name string, _ any) bool {
		return name != "Tag" && !slices.ContainsFunc(services, func(s string) bool { return strings.HasPrefix(name, "AWS::"+s+"::") })
	})
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft4)
	if err := c.AddResource("cloudformation.json", map[string]any{"definitions": all}); err != nil {
		t.Fatal(err)
	}
	return c
}

type template struct {
	Version     string `json:"AWSTemplateFormatVersion"`
	Description string
	Parameters  map[string]any
	Resources   map[string]struct {
		Type string
	}
	Outputs map[string]any
}

// checked validates each resource of a template, its functions evaluated.
func checked(schemas *jsonschema.Compiler, text []byte) error {
	return checkedWith(schemas, text, map[string]any{
		"Subnets": []string{"subnet-1", "subnet-2"}, "SecurityGroups": []string{"sg-1"},
		"ClusterArn": "arn:aws:ecs:eu-west-1:111122223333:cluster/audits", "OrganizationId": "o-a1b2c3d4e5",
	})
}

// checkedWith is checked for a template with these parameters.
func checkedWith(schemas *jsonschema.Compiler, text []byte, parameters map[string]any) error {
	evaluated, err := intrinsics.ProcessYAML(text, &intrinsics.ProcessorOptions{ParameterOverrides: parameters})
	if err != nil {
		return err
	}
	var typed template
	if err := json.Unmarshal(evaluated, &typed); err != nil {
		return err
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(evaluated)))
	if err != nil {
		return err
	}
	resources := document.(map[string]any)["Resources"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(resources)) {
		schema, err := schemas.Compile("cloudformation.json#/definitions/" + typed.Resources[name].Type)
		if err != nil {
			return err
		}
		if err := schema.Validate(resolved(resources[name])); err != nil {
			return err
		}
	}
	return nil
}

// resolved has a name for each resource that is referred to, which goformation
// leaves out.
func resolved(value any) any {
	switch v := value.(type) {
	case nil:
		return "a-resource"
	case map[string]any:
		for key := range v {
			v[key] = resolved(v[key])
		}
	case []any:
		for i := range v {
			v[i] = resolved(v[i])
		}
	}
	return value
}

func TestCloudFormation(t *testing.T) {
	schemas := resourceSchemas(t, "ECS", "Events", "IAM", "Logs", "SNS", "Scheduler")
	text := read(t, "examples/ci/ecs-scheduled-task.yaml")
	if err := checked(schemas, text); err != nil {
		t.Error(err)
	}
	findsMistakes(t, schemas, string(text))
	if strings.Contains(string(text), ": *") || strings.Contains(string(text), ": &") {
		t.Error("CloudFormation does not support YAML aliases")
	}
}

// cfn-lint knows AWS's rules beyond the schemas, but is a Python program.
func TestCloudFormationWithItsLinter(t *testing.T) {
	path, err := exec.LookPath("cfn-lint")
	if err != nil {
		t.Skip("cfn-lint is not installed")
	}
	out, err := exec.CommandContext(t.Context(), path, "--template", filepath.Join(root, "examples", "ci", "ecs-scheduled-task.yaml"), "--include-checks", "I").CombinedOutput()
	if err != nil {
		t.Errorf("cfn-lint: %v\n%s", err, out)
	}
}

// findsMistakes breaks an example, for a check that cannot fail says nothing.
func findsMistakes(t *testing.T, schemas *jsonschema.Compiler, example string) {
	t.Helper()
	for _, c := range []struct{ from, to, want string }{
		{"ReadonlyRootFilesystem: true", "ReadOnlyRootFilesystem: true", "ReadOnlyRootFilesystem"},
		{"Mode: FLEXIBLE", "Modus: FLEXIBLE", "Modus"},
		{"Type: AWS::SNS::Topic\n", "Type: AWS::SNS::Subject\n", "AWS::SNS::Subject"},
		{"TaskCount: 1", "TaskCount: one", "TaskCount"},
	} {
		broken := strings.Replace(example, c.from, c.to, 1)
		if err := checked(schemas, []byte(broken)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.to, err)
		}
	}
}
