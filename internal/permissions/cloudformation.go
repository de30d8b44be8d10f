package permissions

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// CloudFormationPlace is the place that a template is deployed to.
func CloudFormationPlace() Place { return Place{"${AWS::Partition}", "${AWS::AccountId}"} }

// CloudFormation is a template that makes roles in one account. The roles must be
// made for [CloudFormationPlace]; comment stands at its head.
func CloudFormation(roles []Role, comment string) []byte {
	resources, outputs := mapping(), mapping()
	for _, r := range roles {
		put(resources, r.Kind.Title()+"Role", roleResource(r))
		put(outputs, r.Kind.Title()+"RoleArn", mapping("Value", mapping("Fn::GetAtt", list(r.Kind.Title()+"Role", "Arn"))))
	}
	return write(mapping("AWSTemplateFormatVersion", "2010-09-09", "Description", "Roles for ecraudit", "Resources", resources, "Outputs", outputs), comment)
}

func roleResource(r Role) *yaml.Node {
	path, name := r.split()
	return mapping("Type", "AWS::IAM::Role", "Properties", mapping(
		"RoleName", name, "Path", path, "Description", r.About,
		"AssumeRolePolicyDocument", substituted(*r.Trust),
		"Policies", list(mapping("PolicyName", "ecraudit", "PolicyDocument", substituted(r.Policy))),
	))
}

// Targets are the accounts of an organization in which a StackSet makes roles.
type Targets struct {
	Units   []string // organizational units or roots; none leaves them to a parameter
	Only    []string // accounts among those
	Exclude []string // accounts that are not
}

// JoinLater reports whether accounts that join the organization later get the
// roles too: StackSets would give them to those that are not meant as well, as
// automatic deployment does not ask which accounts are.
func (t Targets) JoinLater() bool { return len(t.Only) == 0 && len(t.Exclude) == 0 }

// StackSet is a template for the management account, or for a delegated
// administrator of StackSets. It makes roles in accounts of organizational units,
// and the hub role beside it, if there is one.
func StackSet(roles []Role, to Targets, comment string) []byte {
	var members []Role
	resources := mapping()
	for _, r := range roles {
		if r.Kind == Hub {
			put(resources, "HubRole", roleResource(r))
		} else {
			members = append(members, r)
		}
	}
	set := stackSetResource(members, to)
	if len(members) < len(roles) {
		put(set, "DependsOn", scalar("HubRole")) // IAM refuses to trust a role that does not exist
	}
	put(resources, "Members", set)
	units := mapping("Type", "CommaDelimitedList", "Description", "Ids of the organizational units, or of the root, below which accounts get the roles")
	if len(to.Units) > 0 {
		put(units, "Default", scalar(strings.Join(to.Units, ",")))
	}
	parameters := mapping("OrganizationalUnits", units, "CallAs", mapping(
		"Type", "String", "Default", "SELF", "AllowedValues", list("SELF", "DELEGATED_ADMIN"),
		"Description", "SELF in the management account, DELEGATED_ADMIN in the account of a delegated administrator",
	))
	return write(mapping("AWSTemplateFormatVersion", "2010-09-09", "Description", "Roles for ecraudit in the accounts of an organization",
		"Parameters", parameters, "Resources", resources), comment)
}

func stackSetResource(members []Role, to Targets) *yaml.Node {
	targets := mapping("OrganizationalUnitIds", mapping("Ref", "OrganizationalUnits"))
	switch {
	case len(to.Only) > 0:
		put(targets, "AccountFilterType", scalar("INTERSECTION"))
		put(targets, "Accounts", list(to.Only...))
	case len(to.Exclude) > 0:
		put(targets, "AccountFilterType", scalar("DIFFERENCE"))
		put(targets, "Accounts", list(to.Exclude...))
	}
	deployment := mapping("Enabled", boolean(to.JoinLater()))
	if to.JoinLater() {
		put(deployment, "RetainStacksOnAccountRemoval", boolean(false))
	}
	body := scalar(string(CloudFormation(members, "")))
	body.Style = yaml.LiteralStyle
	return mapping("Type", "AWS::CloudFormation::StackSet", "Properties", mapping(
		"StackSetName", "ecraudit", "Description", "Roles for ecraudit",
		"PermissionModel", "SERVICE_MANAGED", "CallAs", mapping("Ref", "CallAs"),
		"Capabilities", list("CAPABILITY_NAMED_IAM"),
		"AutoDeployment", deployment,
		"ManagedExecution", mapping("Active", boolean(true)),
		"OperationPreferences", mapping("FailureTolerancePercentage", number(100), "MaxConcurrentPercentage", number(100)),
		"StackInstancesGroup", list(mapping("DeploymentTargets", targets, "Regions", list(mapping("Ref", "AWS::Region")))),
		"TemplateBody", body,
	))
}

// substituted is a policy as a part of a template, in which what the place names
// is filled in.
func substituted(p Policy) *yaml.Node {
	var document yaml.Node
	if err := yaml.Unmarshal(p.JSON(), &document); err != nil {
		panic(err) // JSON is YAML
	}
	return inBlocks(document.Content[0])
}

// inBlocks has a node written in blocks, and not as JSON.
func inBlocks(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.ScalarNode {
		if strings.Contains(n.Value, "${AWS::") {
			return mapping("Fn::Sub", n.Value)
		}
		return scalar(n.Value)
	}
	n.Style = 0
	for i := range n.Content {
		n.Content[i] = inBlocks(n.Content[i])
	}
	return n
}

func write(document *yaml.Node, comment string) []byte {
	var b bytes.Buffer
	for line := range strings.Lines(comment) {
		b.WriteString(strings.TrimRight("# "+line, " \n") + "\n")
	}
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(document); err != nil {
		panic(err) // the nodes are ours
	}
	return b.Bytes()
}

// otherInYAML11 is text that YAML 1.1, which CloudFormation reads, takes for a
// truth value, a number or a time, and YAML 1.2 for a string.
var otherInYAML11 = regexp.MustCompile(`^(?i:y|yes|n|no|on|off)$|^[-+]?[0-9][0-9_,:.]*$`)

func scalar(text string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(text)
	if otherInYAML11.MatchString(text) {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

func boolean(v bool) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(v)}
}

func number(v int) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: fmt.Sprint(v)}
}

func node(v any) *yaml.Node {
	switch v := v.(type) {
	case *yaml.Node:
		return v
	case string:
		return scalar(v)
	}
	panic(fmt.Sprintf("permissions: %T is no node", v))
}

func mapping(pairs ...any) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for pair := range slices.Chunk(pairs, 2) {
		put(n, pair[0].(string), node(pair[1]))
	}
	return n
}

func put(n *yaml.Node, key string, value *yaml.Node) {
	n.Content = append(n.Content, scalar(key), value)
}

func list[T any](values ...T) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode}
	for _, v := range values {
		n.Content = append(n.Content, node(any(v)))
	}
	return n
}

// AsJSON are policies by name as one object, in the order of the names.
func AsJSON(names []string, of map[string]Policy) []byte {
	var b bytes.Buffer
	b.WriteString("{")
	for i, name := range names {
		if i > 0 {
			b.WriteString(",")
		}
		key, err := json.Marshal(name)
		if err != nil {
			panic(err) // it is a string
		}
		b.Write(key)
		b.WriteString(":")
		b.Write(of[name].JSON())
	}
	b.WriteString("}")
	var indented bytes.Buffer
	if err := json.Indent(&indented, b.Bytes(), "", "  "); err != nil {
		panic(err) // as above
	}
	indented.WriteByte('\n')
	return indented.Bytes()
}
