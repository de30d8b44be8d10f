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
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/reference"
	"github.com/ecraudit/ecraudit/internal/snapshot"
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
	rules, err := evaluate.LoadRules(paths)
	if err != nil {
		return nil, err
	}
	return NewLibrary(rules, paths, chosen)
}

// NewLibrary adds their cases to rules that were loaded from paths.
func NewLibrary(rules *evaluate.Rules, paths []string, chosen func(*evaluate.Rule) bool) (*Library, error) {
	texts, err := readTexts(paths)
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

// readTexts reads the sources of the default rules and of those in paths.
func readTexts(paths []string) (map[string][]byte, error) {
	texts := map[string][]byte{}
	if err := readFolder(policies.Files, ".", builtinPrefix, texts); err != nil {
		return nil, err
	}
	for _, path := range paths {
		if reference.IsPacked(path) {
			continue // bundles and artifacts hold no cases
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("rules: %s: %w", path, snapshot.Cause(err))
		}
		folder, root, prefix := path, ".", path+string(filepath.Separator)
		if !info.IsDir() {
			folder, root, prefix = filepath.Dir(path), filepath.Base(path), strings.TrimSuffix(path, filepath.Base(path))
		}
		if err := readFolder(os.DirFS(folder), root, prefix, texts); err != nil {
			return nil, err
		}
		if beside := strings.TrimSuffix(root, ".rego") + "_test.rego"; !info.IsDir() && isFile(filepath.Join(folder, beside)) {
			if err := readFolder(os.DirFS(folder), beside, prefix, texts); err != nil {
				return nil, err
			}
		}
	}
	return texts, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
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
	compiler := newCompiler().WithStrict(true)
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
