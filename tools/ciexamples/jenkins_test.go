package ciexamples

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	sitter "github.com/smacker/go-tree-sitter"
	"github.com/smacker/go-tree-sitter/groovy"
)

// There is no parser of declarative pipelines but Jenkins's own, so a Jenkinsfile
// is read by a grammar of Groovy, and its sections are held against those that
// Jenkins documents.
var (
	pipelineSections = []string{"agent", "environment", "libraries", "options", "parameters", "post", "stages", "tools", "triggers"}
	stageSections    = []string{"agent", "environment", "failFast", "input", "matrix", "options", "parallel", "post", "stages", "steps", "tools", "when"}
	postConditions   = []string{"always", "aborted", "changed", "cleanup", "failure", "fixed", "regression", "success", "unstable", "unsuccessful"}
)

// section is a word with a block.
type section struct {
	name  string
	block *sitter.Node
}

type jenkinsfile []byte

func (j jenkinsfile) check(t *testing.T) error {
	t.Helper()
	parser := sitter.NewParser()
	parser.SetLanguage(groovy.GetLanguage())
	tree, err := parser.ParseCtx(t.Context(), nil, j)
	if err != nil {
		return err
	}
	if tree.RootNode().HasError() {
		return fmt.Errorf("this is not Groovy: %s", tree.RootNode())
	}
	for i := range int(tree.RootNode().NamedChildCount()) {
		switch child := tree.RootNode().NamedChild(i); child.Type() {
		case "comment":
		case "pipeline":
			return j.pipeline(child.NamedChild(0))
		default:
			return fmt.Errorf("%s is before the pipeline", child.Content(j))
		}
	}
	return fmt.Errorf("there is no pipeline")
}

func (j jenkinsfile) pipeline(block *sitter.Node) error {
	sections := j.sections(block)
	if err := known(sections, pipelineSections, "agent", "stages"); err != nil {
		return err
	}
	for _, s := range sections {
		switch s.name {
		case "post":
			if err := known(j.sections(s.block), postConditions); err != nil {
				return fmt.Errorf("post: %w", err)
			}
		case "stages":
			for _, stage := range j.sections(s.block) {
				if stage.name != "stage" {
					return fmt.Errorf("%s is among the stages", stage.name)
				}
				if err := known(j.sections(stage.block), stageSections, "steps"); err != nil {
					return fmt.Errorf("stage: %w", err)
				}
			}
		}
	}
	return nil
}

// known reports sections that Jenkins does not know, that are there twice, and
// that are missing.
func known(sections []section, names []string, needed ...string) error {
	var seen []string
	for _, s := range sections {
		if !slices.Contains(names, s.name) {
			return fmt.Errorf("there is no section %s", s.name)
		}
		if slices.Contains(seen, s.name) {
			return fmt.Errorf("the section %s is there twice", s.name)
		}
		seen = append(seen, s.name)
	}
	for _, name := range needed {
		if !slices.Contains(seen, name) {
			return fmt.Errorf("the section %s is missing", name)
		}
	}
	return nil
}

// sections are the words with a block, as `agent { … }` and `stage('name') { … }`.
func (j jenkinsfile) sections(block *sitter.Node) (found []section) {
	for i := range int(block.NamedChildCount()) {
		child := block.NamedChild(i)
		switch child.Type() {
		case "juxt_function_call":
			found = append(found, section{j.function(child), child.ChildByFieldName("args").NamedChild(0)})
		case "function_call": // its block is the next child
			found = append(found, section{name: j.function(child)})
		case "closure":
			found[len(found)-1].block = child
		case "comment":
		default:
			found = append(found, section{name: child.Content(j)})
		}
	}
	return found
}

func (j jenkinsfile) function(call *sitter.Node) string {
	return call.ChildByFieldName("function").Content(j)
}

func TestJenkins(t *testing.T) {
	if err := jenkinsfile(read(t, "examples/ci/Jenkinsfile")).check(t); err != nil {
		t.Error(err)
	}
}

func TestJenkinsFindsMistakes(t *testing.T) {
	example := string(read(t, "examples/ci/Jenkinsfile"))
	for _, c := range []struct{ from, to, want string }{
		{"agent { label 'linux' }", "", "the section agent is missing"},
		{"triggers {", "trigger {", "there is no section trigger"},
		{"steps {", "step {", "there is no section step"},
		{"always {", "allways {", "there is no section allways"},
		{"environment {", "options {", "the section options is there twice"},
		{"'linux' }", "'linux'", "this is not Groovy"},
		{"'''", "''", "this is not Groovy"},
	} {
		broken := strings.Replace(example, c.from, c.to, 1)
		if err := jenkinsfile(broken).check(t); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.to, err, c.want)
		}
	}
}
