package evaluate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
	"github.com/ecraudit/ecraudit/policies"
)

// What the workbench of rule authors needs to know of rules and of the engine
// stands in this file: nothing here judges otherwise than the engine does.

// Filename is where the rule was read from.
func (rule *Rule) Filename() string { return rule.filename }

// Package is that of the rule, without "data.".
func (rule *Rule) Package() string { return rulePackage + "." + rule.name }

// Module is the parsed rule. It is not to be changed.
func (rule *Rule) Module() *ast.Module { return rule.module }

// Text is the rule, as its file has it.
func (rule *Rule) Text() string { return rule.text }

// Builtin reports whether the rule is a default one.
func (rule *Rule) Builtin() bool { return rule.builtin }

// TellsUnknown reports whether the rule itself says where it cannot tell.
func (rule *Rule) TellsUnknown() bool { return rule.unknown }

// Library are the modules that rules import. They are not to be changed.
func (r *Rules) Library() []*ast.Module { return r.library }

// Data is what rules find below data beside modules.
func (r *Rules) Data() storage.Store { return inmem.NewFromObject(r.data) }

// Data is what rules find below data beside modules.
func (e *Engine) Data() storage.Store { return e.data }

// Capabilities are what OPA offers to rules.
func Capabilities() *ast.Capabilities { return capabilities() }

// InputSchema is the schema of what a rule of this scope with these needs may
// read.
func InputSchema(scope finding.Scope, needs ...snapshot.Need) (map[string]any, error) {
	return inputSchema(&Rule{Rule: finding.Rule{Scope: scope}, Needs: needs})
}

// CompilesWithout reports whether the rule could be loaded without one of its
// needs or uses.
func (r *Rules) CompilesWithout(rule *Rule, need snapshot.Need) bool {
	less := *rule
	other := func(n snapshot.Need) bool { return n == need }
	less.Needs = slices.DeleteFunc(slices.Clone(rule.Needs), other)
	less.Uses = slices.DeleteFunc(slices.Clone(rule.Uses), other)
	return r.typeCheck(&less) == nil
}

// FieldsOf are the names of the input's fields that a rule of this scope sees
// only with the need.
func FieldsOf(scope finding.Scope, need snapshot.Need) (map[string]bool, error) {
	var schema map[string]any
	if err := json.Unmarshal(policies.InputSchema, &schema); err != nil {
		return nil, fmt.Errorf("the schema of the input: %w", err)
	}
	names := map[string]bool{}
	eachField(schema, string(scope), func(name string, field map[string]any) bool {
		takes := slices.ContainsFunc(textList(field["x-needs"]), func(alternative string) bool {
			return slices.Contains(strings.Split(alternative, "+"), string(need))
		})
		if takes {
			names[name] = true
		}
		return !takes
	})
	return names, nil
}

// eachField visits the fields of a scope; into says whether those below as well.
func eachField(schema map[string]any, scope string, into func(name string, field map[string]any) bool) {
	properties, _ := schema["properties"].(map[string]any)
	for name, property := range properties {
		field := property.(map[string]any)
		if scopes := textList(field["x-scopes"]); len(scopes) > 0 && !slices.Contains(scopes, scope) {
			continue
		}
		if into(name, field) {
			eachField(field, scope, into)
		}
	}
	if items, ok := schema["items"].(map[string]any); ok {
		eachField(items, scope, into)
	}
}

// Without is an input of the rule as it would be if a document could not be
// read.
func Without(rule *Rule, input any, need snapshot.Need) (any, error) {
	var schema map[string]any
	if err := json.Unmarshal(policies.InputSchema, &schema); err != nil {
		return nil, fmt.Errorf("the schema of the input: %w", err)
	}
	declared := rule.declared()
	delete(declared, need)
	return withoutFields(input, schema, declared), nil
}

func withoutFields(value any, schema map[string]any, declared snapshot.Needs) any {
	switch value := value.(type) {
	case map[string]any:
		properties, _ := schema["properties"].(map[string]any)
		less := map[string]any{}
		for name, v := range value {
			field, known := properties[name].(map[string]any)
			if known && !available(textList(field["x-needs"]), declared) {
				continue
			}
			less[name] = withoutFields(v, field, declared)
		}
		return less
	case []any:
		items, _ := schema["items"].(map[string]any)
		less := make([]any, len(value))
		for i, v := range value {
			less[i] = withoutFields(v, items, declared)
		}
		return less
	}
	return value
}

// MayBeAbsent reports whether a field of the input, as input.images[_].pushed_at,
// may not be there although everything that the rule needs was read. Of an
// element of a list only what is in the element counts.
func MayBeAbsent(rule *Rule, ref ast.Ref) bool {
	var schema map[string]any
	if json.Unmarshal(policies.InputSchema, &schema) != nil {
		return false // the schema's own tests say so
	}
	needed := (&Rule{Needs: rule.Needs}).declared()
	absent := false
	for n := 2; n <= len(ref); n++ {
		field := schemaField(schema, ref[:n])
		if field == nil {
			return false
		}
		if !ref[n-1].IsGround() {
			absent = false
			continue
		}
		description, _ := field["description"].(string)
		absent = absent || sometimesAbsent.MatchString(description) || !available(textList(field["x-needs"]), needed)
	}
	return absent
}

// sometimesAbsent is how the schema says of a field that it may not be there.
// What was not read is another matter: without its needs a rule is not run.
var sometimesAbsent = regexp.MustCompile(`[Aa]bsent (for|where|when (never|it|unknown|there))`)

// CheckAnswer returns what is wrong with what a rule says of one resource: data
// is the value of its package.
func CheckAnswer(id string, deny, unknown []any) error {
	encoded, err := json.Marshal(map[string]any{id: map[string]any{"deny": deny, "unknown": unknown}})
	if err != nil {
		return fmt.Errorf("reading what the rule says: %w", err)
	}
	var value any
	if err := json.Unmarshal(encoded, &value); err != nil {
		return fmt.Errorf("reading what the rule says: %w", err)
	}
	_, err = decodeAnswers(value)
	return err
}

// Sight is what one rule saw of one resource, and what it said.
type Sight struct {
	Target     snapshot.Target // empty for rules of scope organization
	Repository string          // empty for registries and the organization
	Images     int             // on the page, of an image rule
	// Input is nil where the rule was not run: it is off there, or a document
	// that it needs could not be read, or which settings hold is not known.
	Input    ast.Value
	Off      bool
	Place    config.Place // of the setting that turns it off
	Findings []finding.Finding
}

// Watch has one rule look at a registry or, where r is not nil, at a repository,
// and returns what it saw: of an image rule one sight for each page.
//
// The inputs are those of an audit with all rules of the engine, and what is
// said of them is said by the code that judges.
func (e *Engine) Watch(ctx context.Context, id string, reg *snapshot.Registry, r *snapshot.Repository) ([]Sight, error) {
	rule := e.rule(id)
	if rule == nil {
		return nil, nil
	}
	if rule.Scope == finding.ScopeOrganization {
		e.noteForOrganization(reg, r)
		return nil, nil
	}
	if (rule.Scope == finding.ScopeRegistry) != (r == nil) {
		return nil, nil
	}
	if r == nil {
		return e.watchRegistry(ctx, rule, reg)
	}
	return e.watchRepository(ctx, rule, e.view(reg, r))
}

func (e *Engine) rule(id string) *Rule {
	if at := slices.IndexFunc(e.rules, func(r *Rule) bool { return r.ID == id }); at >= 0 {
		return e.rules[at]
	}
	return nil
}

func (e *Engine) noteForOrganization(reg *snapshot.Registry, r *snapshot.Repository) {
	if r == nil {
		e.table.addRegistry(e, reg)
		return
	}
	v := e.view(reg, r)
	if v.undecided != "" {
		e.doubted.CompareAndSwap(nil, &v.undecided)
	}
	e.table.addRepository(e, v)
}

func (e *Engine) watchRegistry(ctx context.Context, rule *Rule, reg *snapshot.Registry) ([]Sight, error) {
	resource := e.accounts.Target(reg.Target)
	settings, undecided := e.config.Decide(resource)
	j := &judgement{engine: e, target: reg.Target, settings: settings, gap: reg.Gap}
	if undecided != "" {
		return []Sight{j.doubt(rule, undecided, resource)}, nil
	}
	base, err := j.base(e.registryValue(reg))
	if err != nil {
		return nil, err
	}
	sight, err := j.watch(ctx, rule, base)
	return []Sight{sight}, err
}

func (e *Engine) watchRepository(ctx context.Context, rule *Rule, v *view) ([]Sight, error) {
	if v.undecided != "" {
		return []Sight{e.judgementOf(v).doubt(rule, v.undecided, v.resource)}, nil
	}
	base, err := e.judgementOf(v).repositoryInput(v)
	if err != nil {
		return nil, err
	}
	if rule.Scope == finding.ScopeRepository {
		sight, err := e.judgementOf(v).watch(ctx, rule, base)
		return []Sight{sight}, err
	}
	var sights []Sight
	for rules, input := range e.imageInputs(base, v) {
		if !slices.Contains(rules, rule) {
			continue
		}
		sight, err := e.judgementOf(v).watch(ctx, rule, input)
		if err != nil {
			return nil, err
		}
		sights = append(sights, sight)
	}
	if len(sights) == 0 { // no image is of those that the rule is about
		sights = []Sight{{Target: v.repository.Target, Repository: v.repository.Name}}
	}
	return sights, nil
}

// doubt is the sight of a rule where it is not known which settings hold.
func (j *judgement) doubt(rule *Rule, why string, resource config.Resource) Sight {
	sight := j.sight()
	if !j.engine.config.MayRunFor(resource, rule.ID, !rule.Optional) {
		sight.Off = true
		return sight
	}
	j.add(rule, finding.Unknown, answer{Message: why})
	sight.Findings = j.finish()
	return sight
}

func (j *judgement) sight() Sight {
	s := Sight{Target: j.target}
	if j.repository != nil {
		s.Repository = j.repository.Name
	}
	return s
}

// watch has the rule judge the input as an audit does.
func (j *judgement) watch(ctx context.Context, rule *Rule, input object) (Sight, error) {
	sight := j.sight()
	if !j.settings.Enabled(rule.ID, !rule.Optional) {
		sight.Off, sight.Place = true, j.settings.RuleOrigin(rule.ID)
		return sight, nil
	}
	if j.missing(rule) == nil {
		value := ast.NewObject(input...)
		sight.Input = value
		if rule.Scope == finding.ScopeImage {
			sight.Images = value.Get(ast.InternedTerm("images")).Value.(*ast.Array).Len()
		}
	}
	if err := j.run(ctx, []*Rule{rule}, input); err != nil {
		return Sight{}, err
	}
	sight.Findings = j.finish()
	return sight, nil
}

// WatchOrganization has a rule of scope organization look at everything that
// Watch was told before. gap is whether anything was not read.
func (e *Engine) WatchOrganization(ctx context.Context, id string, gap *snapshot.Gap) ([]Sight, error) {
	rule := e.rule(id)
	if rule == nil || rule.Scope != finding.ScopeOrganization {
		return nil, nil
	}
	j := &judgement{engine: e, settings: e.config.For(config.Resource{}), gap: func(snapshot.Need) *snapshot.Gap { return gap }}
	if why := e.doubted.Load(); why != nil {
		return []Sight{j.doubt(rule, "for some repositories "+*why, config.Resource{})}, nil
	}
	base, err := j.organizationInput()
	if err != nil {
		return nil, err
	}
	sight, err := j.watch(ctx, rule, base)
	return []Sight{sight}, err
}

// Compiler is that of the active rules, for those who trace them.
func (e *Engine) Compiler() *ast.Compiler { return e.compiler }

// JSON writes an input as what opa eval --input and the Rego playground take.
func JSON(input ast.Value) ([]byte, error) {
	plain, err := ast.JSON(input)
	if err != nil {
		return nil, fmt.Errorf("writing the input: %w", err)
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(plain); err != nil {
		return nil, fmt.Errorf("writing the input: %w", err)
	}
	return text.Bytes(), nil
}

// On returns the rules with one of them on unless the configuration turns it
// off: who asks for a rule by name asks for it.
func (r *Rules) On(id string) *Rules {
	with := *r
	with.All = slices.Clone(r.All)
	for i, rule := range with.All {
		if rule.ID == id {
			on := *rule
			on.Optional = false
			with.All[i] = &on
		}
	}
	return &with
}

// Rule returns the rule of this id, or nil.
func (r *Rules) Rule(id string) *Rule {
	for _, rule := range r.All {
		if rule.ID == id {
			return rule
		}
	}
	return nil
}
