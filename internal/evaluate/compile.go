package evaluate

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
	"github.com/ecraudit/ecraudit/policies"
)

func keys[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }

// capabilities are OPA's without everything that reaches outside or gives
// another answer the next time: no network, environment, clock or randomness.
func capabilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	c.AllowNet = []string{}
	c.Builtins = slices.DeleteFunc(c.Builtins, func(b *ast.Builtin) bool {
		return b.Nondeterministic || b.Name == "trace" || b.Name == "http.send" || b.Name == "opa.runtime" || strings.HasPrefix(b.Name, "net.lookup")
	})
	return c
}

// typeCheck compiles a rule against the schema of what it declared to need.
func (r *Rules) typeCheck(rule *Rule) error {
	schema, err := inputSchema(rule)
	if err != nil {
		return err
	}
	schemas := ast.NewSchemaSet()
	schemas.Put(ast.SchemaRootRef, schema)
	compiler := ast.NewCompiler().WithCapabilities(capabilities()).WithStrict(true).WithSchemas(schemas)
	modules := map[string]*ast.Module{rule.filename: rule.module.Copy()}
	for _, library := range r.library {
		modules[library.Package.Location.File] = library.Copy()
	}
	if compiler.Compile(modules); compiler.Failed() {
		return compileError(rule.explainUndeclared(compiler.Errors))
	}
	return nil
}

// compile builds the program of all rules.
func (r *Rules) compile(active []*Rule) (*ast.Compiler, error) {
	compiler := ast.NewCompiler().WithCapabilities(capabilities()).WithStrict(true)
	modules := map[string]*ast.Module{}
	for _, library := range r.library {
		modules[library.Package.Location.File] = library
	}
	for _, rule := range active {
		if rule.engine {
			continue
		}
		modules[rule.filename] = rule.module
	}
	if compiler.Compile(modules); compiler.Failed() {
		return nil, compileError(compiler.Errors)
	}
	return compiler, nil
}

// explainUndeclared tells a misspelt field from one that only lacks its need,
// and names the nearest right name or the need.
func (rule *Rule) explainUndeclared(problems ast.Errors) error {
	var whole map[string]any
	if err := json.Unmarshal(policies.InputSchema, &whole); err != nil {
		return err
	}
	explained := make([]error, len(problems))
	for i, problem := range problems {
		explained[i] = problem
		detail, ok := problem.Details.(*ast.RefErrInvalidDetail)
		if !ok || detail.Pos >= len(detail.Ref) {
			continue
		}
		field := strings.Trim(detail.Ref[detail.Pos].String(), `"`)
		var names []string
		for _, name := range detail.OneOf {
			names = append(names, strings.Trim(name.String(), `"`))
		}
		at := fmt.Sprintf("%s: %s", problem.Location, detail.Ref)
		switch declared := schemaField(whole, detail.Ref[:detail.Pos+1]); {
		case declared == nil:
			explained[i] = fmt.Errorf("%s: there is no field %q here%s; there are %s", at, field, didYouMean(field, names), strings.Join(names, ", "))
		case !available(textList(declared["x-needs"]), rule.declared()):
			explained[i] = fmt.Errorf("%s: %q takes a need that the rule does not declare: add %s to needs in its METADATA", at, field, strings.Join(textList(declared["x-needs"]), " or "))
		default:
			explained[i] = fmt.Errorf("%s: %q is not there for rules of scope %s, only %s", at, field, rule.Scope, strings.Join(textList(declared["x-scopes"]), ", "))
		}
	}
	return errors.Join(explained...)
}

// compileError puts OPA's errors as file:line: message, one a line.
func compileError(err error) error {
	var problems ast.Errors
	if !errors.As(err, &problems) {
		return err
	}
	lines := make([]error, len(problems))
	for i, p := range problems {
		where := "rules"
		if p.Location != nil {
			where = fmt.Sprintf("%s:%d", p.Location.File, p.Location.Row)
		}
		message := p.Message
		if wrong, ok := strings.CutPrefix(message, "yaml: "); ok {
			message = "METADATA is no valid YAML: " + lineOfBlock.ReplaceAllString(wrong, "")
		}
		lines[i] = fmt.Errorf("%s: %s", where, message)
	}
	return errors.Join(lines...)
}

// lineOfBlock is where YAML places a mistake; the line of the file is known.
var lineOfBlock = regexp.MustCompile(`^line [0-9]+: `)

// inputSchema is the schema of the input with only those fields that are
// there for a rule of this scope with these needs.
func inputSchema(rule *Rule) (map[string]any, error) {
	var schema map[string]any
	if err := json.Unmarshal(policies.InputSchema, &schema); err != nil {
		return nil, fmt.Errorf("the schema of the input: %w", err)
	}
	prune(schema, string(rule.Scope), rule.declared())
	return schema, nil
}

// declared are the documents that a rule may read.
func (rule *Rule) declared() snapshot.Needs {
	declared := snapshot.Needs{}
	for _, n := range slices.Concat(rule.Needs, rule.Uses) {
		declared[n] = true
	}
	return declared
}

func prune(schema map[string]any, scope string, declared snapshot.Needs) {
	properties, _ := schema["properties"].(map[string]any)
	for name, property := range properties {
		field := property.(map[string]any)
		scopes := textList(field["x-scopes"])
		if !available(textList(field["x-needs"]), declared) || len(scopes) > 0 && !slices.Contains(scopes, scope) {
			delete(properties, name)
			continue
		}
		prune(field, scope, declared)
	}
	if items, ok := schema["items"].(map[string]any); ok {
		prune(items, scope, declared)
	}
}

// available reports whether one of the alternatives is declared in full.
func available(alternatives []string, declared snapshot.Needs) bool {
	if len(alternatives) == 0 {
		return true
	}
	return slices.ContainsFunc(alternatives, func(alternative string) bool {
		for need := range strings.SplitSeq(alternative, "+") {
			if !declared[snapshot.Need(need)] {
				return false
			}
		}
		return true
	})
}

// schemaField finds what a reference such as input.images[_].tags means in the
// whole schema, or nil.
func schemaField(schema map[string]any, ref ast.Ref) map[string]any {
	for _, term := range ref[1:] {
		if items, ok := schema["items"].(map[string]any); ok {
			schema = items
			continue
		}
		properties, _ := schema["properties"].(map[string]any)
		next, ok := properties[strings.Trim(term.String(), `"`)].(map[string]any)
		if !ok {
			return nil
		}
		schema = next
	}
	return schema
}

// NeedsByScope are the documents of which rules of each scope see something, as the
// schema of the input has it. Others are collected for nothing.
func NeedsByScope() (map[finding.Scope][]snapshot.Need, error) {
	var schema map[string]any
	if err := json.Unmarshal(policies.InputSchema, &schema); err != nil {
		return nil, fmt.Errorf("the schema of the input: %w", err)
	}
	byScope := map[finding.Scope][]snapshot.Need{}
	for _, scope := range finding.Scopes() {
		seen := snapshot.Needs{}
		gatherNeeds(schema, string(scope), seen)
		for _, need := range snapshot.AllNeeds() {
			if seen[need] {
				byScope[scope] = append(byScope[scope], need)
			}
		}
	}
	return byScope, nil
}

// gatherNeeds adds the needs of the fields that are there in a scope.
func gatherNeeds(schema map[string]any, scope string, seen snapshot.Needs) {
	properties, _ := schema["properties"].(map[string]any)
	for _, property := range properties {
		field := property.(map[string]any)
		if scopes := textList(field["x-scopes"]); len(scopes) > 0 && !slices.Contains(scopes, scope) {
			continue
		}
		for _, alternative := range textList(field["x-needs"]) {
			for need := range strings.SplitSeq(alternative, "+") {
				seen[snapshot.Need(need)] = true
			}
		}
		gatherNeeds(field, scope, seen)
	}
	if items, ok := schema["items"].(map[string]any); ok {
		gatherNeeds(items, scope, seen)
	}
}

func textList(value any) (list []string) {
	items, _ := value.([]any)
	for _, item := range items {
		list = append(list, fmt.Sprint(item))
	}
	return list
}
