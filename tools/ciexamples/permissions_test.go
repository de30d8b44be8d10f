package ciexamples

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	"go.yaml.in/yaml/v3"
)

// The account that examples/permissions/policies.json is written for.
const example = "222233334444"

// documents are the policies of the example by name.
func documents(t *testing.T) (of map[string]any) {
	t.Helper()
	if err := json.Unmarshal(read(t, "examples/permissions/policies.json"), &of); err != nil {
		t.Fatal(err)
	}
	return of
}

// madeRole is a role that a template makes: its name, its policy and who it trusts.
type madeRole struct {
	name          string
	policy, trust any
}

// checkRoles compares the roles of a template with the documents.
func checkRoles(t *testing.T, roles map[string]madeRole, want ...string) {
	t.Helper()
	names := map[string]string{"reader": "/ecraudit-reader", "fixer": "/ecraudit-fixer", "hub": "/team/hub"}
	of := documents(t)
	if len(roles) != len(want) {
		t.Errorf("there are %d roles, not %d", len(roles), len(want))
	}
	for _, kind := range want {
		role := roles[kind]
		if role.name != names[kind] {
			t.Errorf("the role %s is called %q", kind, role.name)
		}
		if diff := cmp.Diff(of[kind], role.policy); diff != "" {
			t.Errorf("the policy of %s (-iam +template):\n%s", kind, diff)
		}
		if diff := cmp.Diff(of[kind+"-trust"], role.trust); diff != "" {
			t.Errorf("the trust policy of %s (-iam +template):\n%s", kind, diff)
		}
	}
}

// cloudFormationRoles are the roles of a template, its functions evaluated.
func cloudFormationRoles(t *testing.T, text []byte) map[string]madeRole {
	t.Helper()
	var template struct {
		Resources map[string]struct {
			Type       string    `yaml:"Type"`
			Properties yaml.Node `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(text, &template); err != nil {
		t.Fatal(err)
	}
	roles := map[string]madeRole{}
	for name, resource := range template.Resources {
		if resource.Type != "AWS::IAM::Role" {
			continue
		}
		var role struct {
			RoleName                 string `yaml:"RoleName"`
			Path                     string `yaml:"Path"`
			AssumeRolePolicyDocument any    `yaml:"AssumeRolePolicyDocument"`
			Policies                 []struct {
				PolicyDocument any `yaml:"PolicyDocument"`
			} `yaml:"Policies"`
		}
		if err := resource.Properties.Decode(&role); err != nil {
			t.Fatal(err)
		}
		if len(role.Policies) != 1 {
			t.Fatalf("%s has %d policies", name, len(role.Policies))
		}
		roles[strings.ToLower(strings.TrimSuffix(name, "Role"))] = madeRole{role.Path + role.RoleName, substituted(role.Policies[0].PolicyDocument), substituted(role.AssumeRolePolicyDocument)}
	}
	return roles
}

// substituted evaluates Fn::Sub as CloudFormation does in the example's account.
func substituted(value any) any {
	switch v := value.(type) {
	case map[string]any:
		if text, ok := v["Fn::Sub"].(string); ok && len(v) == 1 {
			return strings.NewReplacer("${AWS::Partition}", "aws", "${AWS::AccountId}", example).Replace(text)
		}
		for key := range v {
			v[key] = substituted(v[key])
		}
	case []any:
		for i := range v {
			v[i] = substituted(v[i])
		}
	}
	return value
}

// stackSetBody is the template that a StackSet deploys.
func stackSetBody(t *testing.T, text []byte) []byte {
	t.Helper()
	var template struct {
		Resources map[string]struct {
			DependsOn  string `yaml:"DependsOn"`
			Properties struct {
				TemplateBody string `yaml:"TemplateBody"`
			} `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(text, &template); err != nil {
		t.Fatal(err)
	}
	if template.Resources["Members"].DependsOn != "HubRole" {
		t.Error("roles may be made before the hub role that they trust, which IAM refuses")
	}
	return []byte(template.Resources["Members"].Properties.TemplateBody)
}

// The templates make roles with the policies that are written for IAM.
func TestPermissionsOfCloudFormation(t *testing.T) {
	checkRoles(t, cloudFormationRoles(t, read(t, "examples/permissions/cloudformation.yaml")), "reader", "fixer")
	hub := cloudFormationRoles(t, read(t, "examples/permissions/hub.yaml"))
	checkRoles(t, hub, "hub")
	set := read(t, "examples/permissions/stackset.yaml")
	checkRoles(t, cloudFormationRoles(t, stackSetBody(t, set)), "reader", "fixer")
	checkRoles(t, cloudFormationRoles(t, set), "hub")
}

// What CloudFormation would refuse is found by its own specification.
func TestPermissionsBySpecification(t *testing.T) {
	schemas := resourceSchemas(t, "IAM", "CloudFormation")
	set := read(t, "examples/permissions/stackset.yaml")
	for name, text := range map[string][]byte{
		"cloudformation": read(t, "examples/permissions/cloudformation.yaml"), "hub": read(t, "examples/permissions/hub.yaml"),
		"stackset": set, "body of the stackset": stackSetBody(t, set),
	} {
		if err := checkedWith(schemas, text, map[string]any{"OrganizationalUnits": []string{"r-ab12"}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(string(text), ": *") || strings.Contains(string(text), ": &") {
			t.Errorf("%s: CloudFormation does not support YAML aliases", name)
		}
	}
	broken := strings.Replace(string(set), "PermissionModel:", "PermissionsModel:", 1)
	if err := checkedWith(schemas, []byte(broken), map[string]any{"OrganizationalUnits": []string{"r-ab12"}}); err == nil {
		t.Error("a wrong property is not found")
	}
}

// terraformRoles are the roles of a configuration, evaluated as Terraform does in
// the example's account.
func terraformRoles(t *testing.T, name string) map[string]madeRole {
	t.Helper()
	text := read(t, filepath.Join("examples", "permissions", name))
	if formatted := hclwrite.Format(text); !bytes.Equal(formatted, text) {
		t.Errorf("%s is not as terraform fmt formats it:\n%s", name, cmp.Diff(string(formatted), string(text)))
	}
	file, diagnostics := hclsyntax.ParseConfig(text, name, hcl.InitialPos)
	if diagnostics.HasErrors() {
		t.Fatal(diagnostics)
	}
	data := cty.ObjectVal(map[string]cty.Value{
		"aws_partition":       cty.ObjectVal(map[string]cty.Value{"current": cty.ObjectVal(map[string]cty.Value{"partition": cty.StringVal("aws")})}),
		"aws_caller_identity": cty.ObjectVal(map[string]cty.Value{"current": cty.ObjectVal(map[string]cty.Value{"account_id": cty.StringVal(example)})}),
	})
	roles := map[string]madeRole{}
	context := &hcl.EvalContext{Variables: map[string]cty.Value{"data": data}, Functions: map[string]function.Function{"jsonencode": stdlib.JSONEncodeFunc}}
	attribute := func(b *hclsyntax.Block, key string) string {
		t.Helper()
		of, there := b.Body.Attributes[key]
		if !there {
			t.Fatalf("%v has no %s", b.Labels, key)
		}
		value, diagnostics := of.Expr.Value(context)
		if diagnostics.HasErrors() {
			t.Fatal(diagnostics)
		}
		return value.AsString()
	}
	for _, block := range file.Body.(*hclsyntax.Body).Blocks {
		if block.Type != "resource" {
			continue
		}
		kind := strings.TrimPrefix(block.Labels[1], "ecraudit_")
		role := roles[kind]
		switch block.Labels[0] {
		case "aws_iam_role":
			role.name = attribute(block, "path") + attribute(block, "name")
			role.trust = unmarshalled(t, attribute(block, "assume_role_policy"))
		case "aws_iam_role_policy":
			role.policy = unmarshalled(t, attribute(block, "policy"))
			if to := block.Body.Attributes["role"].Expr.Variables()[0].RootName(); to != "aws_iam_role" {
				t.Errorf("the policy %v is attached to %s", block.Labels, to)
			}
		default:
			t.Errorf("there is a %s", block.Labels[0])
		}
		roles[kind] = role
	}
	return roles
}

func unmarshalled(t *testing.T, text string) (value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestPermissionsOfTerraform(t *testing.T) {
	checkRoles(t, terraformRoles(t, "terraform.tf"), "reader", "fixer")
	checkRoles(t, terraformRoles(t, "hub.tf"), "hub")
}
