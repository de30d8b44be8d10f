package evaluate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/rulesource"
	"github.com/ecraudit/ecraudit/internal/snapshot"
	"github.com/ecraudit/ecraudit/policies"
)

// Rule is a rule that can run: what its METADATA says, and its module.
type Rule struct {
	finding.Rule
	// Needs must have been read for the rule to run; Uses it copes without.
	Needs, Uses []snapshot.Need

	// Images are those that an image rule is about.
	Images Selection

	module   *ast.Module
	text     string
	name     string // the last part of its package
	deny     bool   // it defines deny, or unknown, or both
	unknown  bool
	builtin  bool // part of ecraudit, so type-checked by its tests
	engine   bool // judged by the engine itself: it has no module
	filename string
}

// Fixes are the actions of fixes that stand in the rule's source.
func (rule *Rule) Fixes() []string {
	found := map[string]bool{}
	ast.WalkTerms(rule.module, func(t *ast.Term) bool {
		if text, ok := t.Value.(ast.String); ok && slices.Contains(finding.Actions(), finding.Action(text)) {
			found[string(text)] = true
		}
		return false
	})
	fixes := slices.AppendSeq(make([]string, 0, len(found)), maps.Keys(found))
	slices.Sort(fixes)
	return fixes
}

// rulePackage is where rules live: data.ecraudit.rules.<id with underscores>.
const rulePackage = "ecraudit.rules"

// Rules are rule modules and the libraries that they import.
type Rules struct {
	All     []*Rule // by id
	library []*ast.Module
	data    dataDocuments
	digest  string
	// Sources are where the rules come from that are not part of ecraudit.
	Sources []finding.RuleSource
	// Framework is the catalogue of controls to which all of them answer, empty
	// where they were not chosen by one.
	Framework string
	known     []string // ids of all rules, where these were chosen among them
}

// Frameworks are the catalogues that rules map to, sorted.
func (r *Rules) Frameworks() []string {
	names := map[string]bool{}
	for _, rule := range r.All {
		for name := range rule.Frameworks {
			names[name] = true
		}
	}
	return slices.Sorted(keys(names))
}

// OfFramework returns the rules that answer to a control of the catalogue. Those
// that are off by default are on then: who asks for the catalogue asks for them.
func (r *Rules) OfFramework(name string) *Rules {
	chosen := &Rules{library: r.library, data: r.data, digest: r.digest, Sources: r.Sources, Framework: name, known: r.IDs()}
	for _, rule := range r.All {
		if len(rule.Frameworks[name]) == 0 {
			continue
		}
		on := *rule
		on.Optional = false
		chosen.All = append(chosen.All, &on)
	}
	return chosen
}

// LoadRules reads the default rules and those in the given files, folders and
// bundles. All that is wrong with them is reported at once, with file and line.
func LoadRules(paths []string) (*Rules, error) {
	var opener rulesource.Opener // without network
	from, err := opener.OpenAll(context.Background(), paths)
	if err != nil {
		return nil, err
	}
	return LoadRulesFrom(from)
}

// LoadRulesFrom is [LoadRules] for what has been read.
func LoadRulesFrom(from []rulesource.Source) (*Rules, error) {
	sources, err := defaultSources()
	if err != nil {
		return nil, err
	}
	data := dataDocuments{}
	seen := map[string]bool{} // files that are reached again are the same rules
	for _, source := range from {
		if err := checkContract(source.Contract, source.Record.Reference); err != nil {
			return nil, err
		}
		if err := data.add(source); err != nil {
			return nil, err
		}
		for _, module := range source.Modules {
			file := rulesource.Identity(module.Name)
			if seen[file] {
				continue
			}
			seen[file] = true
			sources = append(sources, sourceText{filename: module.Name, text: module.Text, reference: source.Record.Reference})
		}
	}
	rules, err := parseRules(sources, data)
	if err != nil {
		return nil, err
	}
	for _, source := range from {
		rules.Sources = append(rules.Sources, rules.recordOf(source))
	}
	return rules, nil
}

// recordOf completes what is recorded of a source with the rules that came from it.
func (r *Rules) recordOf(source rulesource.Source) finding.RuleSource {
	record := finding.RuleSource{Source: source.Record, Rules: []string{}}
	for _, rule := range r.All {
		if rule.Source == record.Reference {
			record.Rules = append(record.Rules, rule.ID)
		}
	}
	return record
}

// sourceText is the text of a module.
type sourceText struct {
	filename  string
	text      string
	reference string // of the source; empty for what is part of ecraudit
}

func (s sourceText) builtin() bool { return s.reference == "" }

func defaultSources() (sources []sourceText, err error) {
	err = fs.WalkDir(policies.Files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".rego") || strings.HasSuffix(path, "_test.rego") {
			return err
		}
		text, err := fs.ReadFile(policies.Files, path)
		sources = append(sources, sourceText{filename: "policies/" + path, text: string(text)})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the default rules: %w", err)
	}
	return sources, nil
}

func parseRules(sources []sourceText, data dataDocuments) (*Rules, error) {
	if err := copies(sources); err != nil {
		return nil, err
	}
	rules := &Rules{data: data}
	sum := sha256.New()
	var problems []error
	for _, s := range sources {
		fmt.Fprintf(sum, "%s\x00%d\x00%s", filepath.Base(s.filename), len(s.text), s.text)
		module, err := ast.ParseModuleWithOpts(s.filename, s.text, ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1})
		if err != nil {
			problems = append(problems, compileError(err))
			continue
		}
		name, isRule := strings.CutPrefix(packageName(module), rulePackage+".")
		if !isRule {
			err := misplaced(module, s.filename)
			if err == nil {
				err = trespassing(module, s)
			}
			if err != nil {
				problems = append(problems, err)
			}
			rules.library = append(rules.library, module)
			continue
		}
		rule, err := newRule(name, module, s)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		rules.All = append(rules.All, rule)
	}
	problems = append(problems, rules.settleIDs()...)
	for _, rule := range rules.All {
		if slices.Contains(waiverRuleIDs(), rule.ID) {
			problems = append(problems, fmt.Errorf("%s: the rule id %q is that of a rule of ecraudit itself: choose another id and package", rule.filename, rule.ID))
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	for _, rule := range rules.All {
		if rule.builtin {
			continue
		}
		if err := rules.typeCheck(rule); err != nil {
			problems = append(problems, err)
		}
	}
	if err := data.writeTo(sum); err != nil {
		problems = append(problems, err)
	}
	rules.digest = "sha256:" + hex.EncodeToString(sum.Sum(nil))
	return rules, errors.Join(problems...)
}

// misplaced is an error for a module that was meant as a rule, but stands in a
// package that makes it a library.
func misplaced(module *ast.Module, filename string) error {
	annotations := packageAnnotations(module)
	meant := annotations != nil && annotations.Custom["id"] != nil
	for _, r := range module.Rules {
		meant = meant || definesSet(r, "deny")
	}
	if !meant {
		return nil
	}
	name := "<its id with underscores>"
	if annotations != nil {
		if id, ok := annotations.Custom["id"].(string); ok && IsID(id) {
			name = strings.ReplaceAll(id, "-", "_")
		}
	}
	return fmt.Errorf("%s:%d: a rule must be in package %s.%s, not %s", filename, module.Package.Location.Row, rulePackage, name, packageName(module))
}

// trespassing is an error for a library that stands where the default rules and
// their libraries are: OPA would take what it says for a part of them.
func trespassing(module *ast.Module, s sourceText) error {
	ours, _, _ := strings.Cut(rulePackage, ".")
	if s.builtin() || len(module.Package.Path) < 2 || !module.Package.Path[1].Equal(ast.StringTerm(ours)) {
		return nil
	}
	return fmt.Errorf("%s:%d: package %s is a part of ecraudit's own: a rule stands in package %s.<its id with underscores>, and a library in a package that does not begin with %s", s.filename, module.Package.Location.Row, packageName(module), rulePackage, ours)
}

func packageName(module *ast.Module) string {
	return strings.TrimPrefix(module.Package.Path.String(), "data.")
}

// Listed are all rules by id: those in Rego, and those that the engine itself
// judges by.
func (r *Rules) Listed() []*Rule {
	all := append(waiverRules(), r.All...)
	slices.SortStableFunc(all, func(a, b *Rule) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// OfEngine reports whether the engine itself judges by the rule: there is no
// module of it.
func (rule *Rule) OfEngine() bool { return rule.engine }

// IDs are the ids of all rules.
func (r *Rules) IDs() []string {
	listed := r.Listed()
	ids := make([]string, len(listed))
	for i, rule := range listed {
		ids[i] = rule.ID
	}
	return ids
}

// newRule reads a rule's METADATA.
func newRule(name string, module *ast.Module, s sourceText) (*Rule, error) {
	rule := &Rule{module: module, text: s.text, name: name, builtin: s.builtin(), filename: s.filename}
	annotations := packageAnnotations(module)
	if annotations == nil {
		return nil, fmt.Errorf("%s:%d: the rule has no METADATA: write a comment block that starts with \"# METADATA\" right above its package, with title, description and custom: {id, severity, scope, needs}", s.filename, module.Package.Location.Row)
	}
	rule.Source = s.reference
	if err := contractOf(annotations, s.filename); err != nil {
		return nil, err
	}
	m := metadata{where: fmt.Sprintf("%s:%d: METADATA", s.filename, annotations.Location.Row), custom: annotations.Custom}
	m.keys(s.text, annotations.Location.Row)
	if annotations.Custom == nil {
		m.require(false, "custom is missing: write # custom: with id, severity and scope below it, indented by two spaces")
		return nil, errors.Join(m.problems...)
	}
	rule.Title, rule.Description = annotations.Title, strings.Join(strings.Fields(annotations.Description), " ")
	for _, link := range annotations.RelatedResources {
		rule.Links = append(rule.Links, link.Ref.String())
	}
	m.fill(rule)
	m.require(rule.Title != "", "title is missing")
	want := strings.ReplaceAll(rule.ID, "-", "_")
	m.require(rule.ID == "" || want == name, fmt.Sprintf("custom.id %q does not belong to package %s.%s: call the package %s.%s", rule.ID, rulePackage, name, rulePackage, want))
	for _, r := range module.Rules {
		rule.deny = rule.deny || definesSet(r, "deny")
		rule.unknown = rule.unknown || definesSet(r, "unknown")
	}
	m.require(rule.deny, "the rule has no deny: write deny contains finding if { … }")
	return rule, errors.Join(m.problems...)
}

// definesSet reports whether a Rego rule is "name contains …".
func definesSet(r *ast.Rule, name string) bool {
	return r.Head.RuleKind() == ast.MultiValue && r.Head.Ref().String() == name
}

func packageAnnotations(module *ast.Module) *ast.Annotations {
	for _, a := range module.Annotations {
		if a.Scope == "package" || a.Scope == "subpackages" {
			return a
		}
	}
	return nil
}

// IsID reports whether a rule can be called so.
func IsID(id string) bool { return idForm.MatchString(id) }

var idForm = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// metadata reads the custom part of a rule's METADATA and gathers problems.
type metadata struct {
	where    string
	custom   map[string]any
	problems []error
}

func (m *metadata) require(holds bool, problem string) {
	if !holds {
		m.problems = append(m.problems, fmt.Errorf("%s: %s", m.where, problem))
	}
}

// annotationKeys are what OPA knows in METADATA beside custom. It passes over any
// other, and so over one that is misspelt.
var annotationKeys = []string{"title", "description", "scope", "entrypoint", "related_resources", "authors", "organizations", "schemas", "compile", "custom"}

var annotationKey = regexp.MustCompile(`^#\s?([A-Za-z_-]+)\s*:(\s|$)`)

// keys looks at the keys of the block that begins on a line of the file.
func (m *metadata) keys(text string, row int) {
	for i, line := range strings.Split(text, "\n") {
		switch {
		case i+1 < row:
			continue
		case !strings.HasPrefix(line, "#"):
			return
		}
		if key := annotationKey.FindStringSubmatch(line); key != nil {
			m.require(slices.Contains(annotationKeys, key[1]), fmt.Sprintf("%s is not known%s", key[1], didYouMean(key[1], annotationKeys)))
		}
	}
}

var metadataKeys = []string{"id", "severity", "scope", "needs", "uses", "images", "why", "remediation", "enabled", "frameworks", "replaces", "contract"}

func (m *metadata) fill(rule *Rule) {
	for _, key := range slices.Sorted(keys(m.custom)) {
		m.require(slices.Contains(metadataKeys, key), fmt.Sprintf("custom.%s is not known%s", key, didYouMean(key, metadataKeys)))
	}
	rule.ID = m.text("id", true)
	m.require(rule.ID == "" || IsID(rule.ID), fmt.Sprintf("custom.id %q is not an id: use small letters, digits and hyphens, as in scan-on-push", rule.ID))
	rule.Why = strings.Join(strings.Fields(m.text("why", false)), " ")
	rule.Optional = !m.flag("enabled", true)
	rule.Remediation = strings.Join(strings.Fields(m.text("remediation", false)), " ")
	if severity := m.text("severity", true); severity != "" {
		parsed, err := finding.ParseSeverity(severity)
		m.require(err == nil, fmt.Sprintf("custom.severity: %v%s", err, didYouMean(severity, finding.SeverityNames())))
		rule.Severity = parsed
	}
	var scopes []string
	for _, scope := range finding.Scopes() {
		scopes = append(scopes, string(scope))
	}
	if scope := m.text("scope", true); scope != "" {
		m.require(slices.Contains(scopes, scope), fmt.Sprintf("custom.scope %q is not known: use one of %s%s", scope, strings.Join(scopes, ", "), didYouMean(scope, scopes)))
		rule.Scope = finding.Scope(scope)
	}
	rule.Images = m.selection(rule.Scope)
	rule.Needs, rule.Uses = m.needs("needs", rule.Scope), m.needs("uses", rule.Scope)
	if rule.Scope == finding.ScopeImage && !slices.Contains(rule.Needs, snapshot.NeedImages) {
		rule.Needs = append(rule.Needs, snapshot.NeedImages)
	}
	for _, n := range rule.Needs {
		rule.Rule.Needs = append(rule.Rule.Needs, string(n))
	}
	for _, n := range rule.Uses {
		rule.Rule.Uses = append(rule.Rule.Uses, string(n))
	}
	rule.Frameworks = m.frameworks()
	rule.Replaces = m.replaces(rule.ID)
}

func (m *metadata) text(key string, required bool) string {
	value, given := m.custom[key]
	if !given {
		m.require(!required, "custom."+key+" is missing")
		return ""
	}
	text, ok := value.(string)
	m.require(ok && text != "", fmt.Sprintf("custom.%s must be a text, not %v", key, value))
	return text
}

func (m *metadata) flag(key string, otherwise bool) bool {
	value, given := m.custom[key]
	if !given {
		return otherwise
	}
	on, ok := value.(bool)
	m.require(ok, fmt.Sprintf("custom.%s must be true or false, not %v", key, value))
	return on
}

// replaces is whether the rule stands in for the default rule of its id.
func (m *metadata) replaces(id string) bool {
	switch value := m.custom["replaces"].(type) {
	case nil:
		return false
	case bool:
		return value
	case string:
		m.require(value == id, fmt.Sprintf("custom.replaces %q is not the id of this rule, %q: a rule replaces the default rule that has its id", value, id))
		return true
	}
	m.require(false, fmt.Sprintf("custom.replaces must be true, or the id of the rule, not %v", m.custom["replaces"]))
	return false
}

// needs are documents. One of which rules of the scope see nothing is collected for
// nothing, which the linter warns of.
func (m *metadata) needs(key string, scope finding.Scope) (needs []snapshot.Need) {
	for _, name := range m.list(key, m.custom[key]) {
		need := snapshot.Need(name)
		if all := snapshot.AllNeeds(); !slices.Contains(all, need) {
			m.require(false, fmt.Sprintf("custom.%s: %q is not known%s; use any of %s", key, name, didYouMean(name, namesOf(all)), strings.Join(namesOf(neededIn(scope)), ", ")))
		}
		needs = append(needs, need)
	}
	return needs
}

// neededIn are the documents that a rule of the scope is told of: those of which it
// sees something, or all where the scope is not known either.
func neededIn(scope finding.Scope) []snapshot.Need {
	byScope, err := NeedsByScope()
	if err != nil || len(byScope[scope]) == 0 {
		return snapshot.AllNeeds()
	}
	return byScope[scope]
}

func namesOf(needs []snapshot.Need) []string {
	names := make([]string, len(needs))
	for i, need := range needs {
		names[i] = string(need)
	}
	return names
}

func (m *metadata) list(key string, value any) (list []string) {
	if value == nil {
		return nil
	}
	items, ok := value.([]any)
	m.require(ok, fmt.Sprintf("custom.%s must be a list, as in [one, another], not %v", key, value))
	for _, item := range items {
		list = append(list, fmt.Sprint(item))
	}
	return list
}

func (m *metadata) frameworks() map[string][]string {
	value, given := m.custom["frameworks"]
	if !given {
		return nil
	}
	frameworks, ok := value.(map[string]any)
	m.require(ok, "custom.frameworks must map names to lists")
	result := map[string][]string{}
	for name, controls := range frameworks {
		result[name] = m.list("frameworks."+name, controls)
	}
	return result
}

func didYouMean(name string, known []string) string {
	if nearest, ok := config.Nearest(name, known); ok {
		return fmt.Sprintf(": did you mean %q?", nearest)
	}
	return ""
}
