// Package workbench is what authors of rules work with: it runs the cases of
// rules and measures what they cover, looks for mistakes in rules that compile,
// says in words why a rule answered as it did, measures what rules cost, and
// writes new rules and their pages.
//
// Rules are plain Rego, so everything here takes OPA's own packages: its test
// runner, its coverage, its trace. What rules see comes from the engine that
// judges (internal/evaluate), never from a copy of it.
package workbench

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/reference"
	"github.com/ecraudit/ecraudit/internal/rulesource"
	"github.com/ecraudit/ecraudit/policies"
)

// Library is rules with their cases: all that stands in the folders of rules.
type Library struct {
	Rules  *evaluate.Rules
	texts  map[string][]byte // by file, tests included
	tests  map[string]*ast.Module
	chosen func(*evaluate.Rule) bool
}

// builtinPrefix is what the names of the default rules' files begin with.
const builtinPrefix = "policies/"

// Load reads the default rules and those in paths, with their cases. Only rules
// that chosen accepts are worked on; the others are there for them to refer to.
func Load(paths []string, chosen func(*evaluate.Rule) bool) (*Library, error) {
	var opener rulesource.Opener // without network
	sources, err := opener.OpenAll(context.Background(), paths)
	if err != nil {
		return nil, err
	}
	rules, err := evaluate.LoadRulesFrom(sources)
	if err != nil {
		return nil, err
	}
	return NewLibrary(rules, sources, chosen)
}

// NewLibrary adds their cases to rules that were loaded from sources.
func NewLibrary(rules *evaluate.Rules, sources []rulesource.Source, chosen func(*evaluate.Rule) bool) (*Library, error) {
	texts, err := textsOf(sources)
	if err != nil {
		return nil, err
	}
	l := &Library{Rules: rules, texts: texts, tests: map[string]*ast.Module{}, chosen: chosen}
	for _, file := range slices.Sorted(maps.Keys(texts)) {
		if !strings.HasSuffix(file, "_test.rego") {
			continue
		}
		module, err := ast.ParseModuleWithOpts(file, string(texts[file]), parserOptions)
		if err != nil {
			return nil, inLines(err)
		}
		l.tests[file] = module
	}
	return l, nil
}

var parserOptions = ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1}

// textsOf are the sources of the default rules and of others, by file. Files that
// are reached again are the same.
func textsOf(sources []rulesource.Source) (map[string][]byte, error) {
	texts := map[string][]byte{}
	if err := readFolder(policies.Files, ".", builtinPrefix, texts); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, source := range sources {
		for _, module := range slices.Concat(source.Modules, source.Cases) {
			if file := rulesource.Identity(module.Name); !seen[file] {
				seen[file] = true
				texts[module.Name] = []byte(module.Text)
			}
		}
	}
	return texts, nil
}

func readFolder(files fs.FS, root, prefix string, texts map[string][]byte) error {
	err := fs.WalkDir(files, root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".rego") {
			return err
		}
		text, err := fs.ReadFile(files, path)
		texts[prefix+path] = text
		return err
	})
	if err != nil {
		return fmt.Errorf("reading rules: %w", err)
	}
	return nil
}

// Chosen are the rules that are worked on, by id.
func (l *Library) Chosen() []*evaluate.Rule {
	return slices.DeleteFunc(slices.Clone(l.Rules.All), func(r *evaluate.Rule) bool { return !l.chosen(r) })
}

// Unpacked is the library of those chosen rules that are not in a bundle or an
// artifact.
func (l *Library) Unpacked() *Library {
	part := *l
	part.chosen = func(r *evaluate.Rule) bool { return l.chosen(r) && !reference.IsPacked(r.Filename()) }
	return &part
}

// Text is the source of a file.
func (l *Library) Text(file string) []byte { return l.texts[file] }

// modules are all that is needed for the chosen rules and their cases. Compiling
// changes modules, so that each compiler gets its own.
func (l *Library) modules() map[string]*ast.Module {
	all := map[string]*ast.Module{}
	for _, rule := range l.Chosen() {
		all[rule.Filename()] = rule.Module().Copy()
		for _, file := range l.testFiles(rule) {
			all[file] = l.tests[file].Copy()
		}
	}
	for _, module := range l.Rules.Library() {
		all[module.Package.Location.File] = module.Copy()
	}
	for file, module := range l.tests {
		if l.isShared(file) {
			all[file] = module.Copy()
		}
	}
	return all
}

// compile compiles rules, and cases of the given files.
func (l *Library) compile(tests ...string) (*ast.Compiler, error) {
	modules := l.modules()
	for file := range l.tests {
		if !slices.Contains(tests, file) && !l.isShared(file) {
			delete(modules, file)
		}
	}
	compiler := newCompiler() // not strict, as opa test is not: rules were checked when they were loaded
	if compiler.Compile(modules); compiler.Failed() {
		return nil, inLines(compiler.Errors)
	}
	return compiler, nil
}

// newCompiler compiles for the sandbox that rules run in: cases reach nothing
// outside either.
func newCompiler() *ast.Compiler {
	return ast.NewCompiler().WithCapabilities(evaluate.Capabilities()).WithEnablePrintStatements(true)
}

// isShared reports whether a file of tests is a library for others.
func (l *Library) isShared(file string) bool {
	return !slices.ContainsFunc(l.tests[file].Rules, func(r *ast.Rule) bool { return strings.HasPrefix(r.Head.Ref().String(), "test_") })
}

// testPackage is where the cases of a rule stand.
func testPackage(rule *evaluate.Rule) string { return "data." + rule.Package() + "_test" }

// testFiles are the files with the cases of a rule.
func (l *Library) testFiles(rule *evaluate.Rule) (files []string) {
	for _, file := range slices.Sorted(maps.Keys(l.tests)) {
		if l.testsRule(file, rule) {
			files = append(files, file)
		}
	}
	return files
}

// testsRule reports whether a file of cases is about a rule: by its package, or
// because it refers to that of the rule.
func (l *Library) testsRule(file string, rule *evaluate.Rule) bool {
	if strings.HasPrefix(file, builtinPrefix) && !rule.Builtin() {
		return false // those of the default rule that this one replaces
	}
	module := l.tests[file]
	name := module.Package.Path.String()
	if name == testPackage(rule) || name == "data."+rule.Package() {
		return true
	}
	wanted := ast.MustParseRef("data." + rule.Package())
	for _, i := range module.Imports {
		if ref, ok := i.Path.Value.(ast.Ref); ok && ref.HasPrefix(wanted) {
			return true
		}
	}
	return false
}
