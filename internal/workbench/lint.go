package workbench

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"

	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/reference"
)

// Problem is something that a rule loads with, but that is a mistake.
type Problem struct {
	Lint     string `json:"lint"`
	Severity string `json:"severity"` // error or warning
	Rule     string `json:"rule"`     // empty where it is in none
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Message  string `json:"message"`
	Remedy   string `json:"remedy"`
}

// Severities of problems.
const (
	IsError   = "error"
	IsWarning = "warning"
)

// Place is file:line:column.
func (p Problem) Place() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// Lint is a kind of problem.
type Lint struct{ ID, Severity, Meaning string }

// Lints are all kinds of problems.
func Lints() []Lint {
	return []Lint{
		{"load", IsError, "The rule does not load: its METADATA or its types are wrong."},
		{"missing-description", IsWarning, "METADATA has no description, or that of a new rule."},
		{"missing-remediation", IsWarning, "METADATA has no custom.remediation, or that of a new rule."},
		{"title-full-stop", IsWarning, "The title ends with a full stop: it is a line of a list."},
		{"missing-cases", IsError, "No test asks the rule anything."},
		{"missing-case", IsWarning, "No case passes, none fails, or none is unknown although the rule has an unknown."},
		{"missing-page", IsWarning, "There is no page ID.md for the rule beside it, or in docs or docs/rules above."},
		{"stale-page", IsWarning, "The page that rules new or rules docs wrote says something else than the rule and its cases do by now."},
		{"unused-need", IsWarning, "A need or use is declared, and nothing of it is looked at: it is collected for nothing."},
		{"silent-without", IsError, "Without a document that it uses, the rule passes over what it fails otherwise, and says no unknown."},
		{"not-of-absent", IsError, "A call under not on a field that may be absent: then OPA evaluates neither, and the body is silent."},
		{"input-replaced", IsError, "The rule replaces its input (with input …): over images that is quadratic."},
		{"nested-images", IsError, "The images of a page are gone over again for each image: that is quadratic, and depends on the page."},
		{"ambiguous-finding", IsError, "The rule finds two things in one place without a key that tells them apart: their fingerprints change places."},
		{"malformed-finding", IsError, "A finding has fields that no finding has, no message, or a fix of an unknown shape."},
		{"missing-digest", IsWarning, "An image rule fails an image without saying which: \"digest\": image.digest."},
		{"format", IsWarning, "The file is not as opa fmt writes it."},
		{"print", IsWarning, "A print is left in the rule."},
		{"unused-ignore", IsWarning, "A comment ignores a problem that is not there."},
	}
}

// linter gathers the problems of rules.
type linter struct {
	library  *Library
	problems []Problem
}

// Lint looks for mistakes in the chosen rules.
func (l *Library) Lint(ctx context.Context) ([]Problem, error) {
	run, err := l.runTests(ctx, "", evaluate.DefaultTimeLimit)
	if err != nil {
		return nil, err
	}
	judge, err := l.newJudge(evaluate.DefaultTimeLimit)
	if err != nil {
		return nil, err
	}
	tables, err := l.Tables()
	if err != nil {
		return nil, err
	}
	c := &linter{library: l}
	for _, rule := range l.Chosen() {
		c.metadata(rule)
		c.page(rule, tables[rule.ID])
		c.text(rule.Filename())
		c.replacedInput(rule)
		c.nestedImages(rule)
		c.negations(rule)
		if err := c.needs(rule); err != nil {
			return nil, err
		}
		if err := c.answers(ctx, rule, judge, run.coverage.inputs(rule)); err != nil {
			return nil, err
		}
		for _, file := range l.testFiles(rule) {
			c.text(file)
		}
	}
	return c.heeded(), nil
}

// LoadProblems are the problems of rules that do not load.
func LoadProblems(err error) []Problem {
	var problems []Problem
	for line := range strings.SplitSeq(err.Error(), "\n") {
		p := Problem{Lint: "load", Severity: IsError, Message: line, Remedy: "see docs/rules.md for what a rule consists of"}
		if m := placed.FindStringSubmatch(line); m != nil {
			p.File, p.Message = m[1], m[4]
			p.Line, _ = strconv.Atoi(m[2]) // digits
			p.Column, _ = strconv.Atoi(cmp.Or(m[3], "1"))
		}
		problems = append(problems, p)
	}
	return problems
}

var placed = regexp.MustCompile(`^([^:]+\.rego):([0-9]+)(?::([0-9]+))?: (.*)$`)

// report adds a problem of a rule.
func (c *linter) report(id string, rule *evaluate.Rule, at *ast.Location, remedy, message string, args ...any) {
	p := Problem{Lint: id, Severity: severityOf(id), Message: fmt.Sprintf(message, args...), Remedy: remedy, File: at.File, Line: at.Row, Column: max(at.Col, 1)}
	if rule != nil {
		p.Rule = rule.ID
	}
	c.problems = append(c.problems, p)
}

func severityOf(id string) string {
	lints := Lints()
	return lints[slices.IndexFunc(lints, func(l Lint) bool { return l.ID == id })].Severity
}

// metadataLine is where a word of the METADATA stands, or where its block
// begins.
func (c *linter) metadataLine(rule *evaluate.Rule, word string) *ast.Location {
	at := *rule.Module().Package.Location
	for i, line := range strings.Split(string(c.library.Text(rule.Filename())), "\n") {
		if i+1 >= at.Row {
			break
		}
		if found := strings.Index(line, word); found >= 0 && strings.HasPrefix(line, "#") {
			return &ast.Location{File: at.File, Row: i + 1, Col: found + 1}
		}
	}
	return &at
}

// placeholder begins what a new rule says for its author to replace.
const placeholder = "Say here "

func (c *linter) metadata(rule *evaluate.Rule) {
	described := func(lint, text, word, nothing, remedy string) {
		switch {
		case text == "":
			c.report(lint, rule, c.metadataLine(rule, "custom:"), remedy, "%s", nothing)
		case strings.HasPrefix(text, placeholder):
			c.report(lint, rule, c.metadataLine(rule, word), remedy, "%s still says what rules new wrote", strings.TrimSuffix(word, ":"))
		}
	}
	described("missing-description", rule.Description, "description:", "the rule is not described", "say in description what the rule looks at and what it leaves out")
	described("missing-remediation", rule.Remediation, "remediation:", "nobody is told how to mend what it finds", "say in custom.remediation what to do about a finding: every finding carries it")
	if strings.HasSuffix(rule.Title, ".") {
		c.report("title-full-stop", rule, c.metadataLine(rule, "title:"), "remove the full stop", "the title ends with a full stop")
	}
}

// pagePlaces are where the page of a rule may stand, from its folder.
func pagePlaces(id string) []string {
	return []string{id + ".md", "docs/" + id + ".md", "../docs/" + id + ".md", "../docs/rules/" + id + ".md"}
}

func (c *linter) page(rule *evaluate.Rule, cases []TableCase) {
	if rule.Builtin() || reference.IsPacked(rule.Filename()) {
		return // the pages of default rules are in docs/rules, and those of packed ones where they were packed
	}
	folder := filepath.Dir(rule.Filename())
	for _, place := range pagePlaces(rule.ID) {
		path := filepath.Join(folder, filepath.FromSlash(place))
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		there := filepath.Dir(path)
		if strings.Contains(string(text), PageMark) && string(text) != RulePage(rule, cases, Sources(rule, c.library, there)) {
			c.report("stale-page", rule, rule.Module().Package.Location, writePages(folder, there), "%s says something else than the rule and its cases", path)
		}
		return
	}
	c.report("missing-page", rule, rule.Module().Package.Location, writePages(folder, folder), "there is no page %s.md", rule.ID)
}

func writePages(rules, folder string) string {
	return "write it with: ecraudit rules docs --rules " + rules + " -o " + folder
}

// text checks a file as such.
func (c *linter) text(file string) {
	text := c.library.Text(file)
	first := &ast.Location{File: file, Row: 1, Col: 1}
	if formatted, err := format.SourceWithOpts(file, text, format.Opts{RegoVersion: ast.RegoV1}); err == nil && !bytes.Equal(text, formatted) {
		first.Row = firstDifference(text, formatted)
		c.report("format", nil, first, "run opa fmt -w on it", "the file is not formatted")
	}
}

func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return 1 + bytes.Count(a[:i], []byte("\n"))
		}
	}
	return 1 + bytes.Count(a, []byte("\n"))
}

var ignoring = regexp.MustCompile(`^\s*(ecraudit-lint ignore=|regal ignore:\s*)([a-z0-9, -]+)`)

// heeded are the problems that no comment ignores, by place.
func (c *linter) heeded() []Problem {
	used := map[*ast.Comment]bool{}
	kept := slices.DeleteFunc(slices.Clone(c.problems), func(p Problem) bool {
		for _, comment := range c.comments(p.File) {
			if c.ignores(comment, p) {
				used[comment] = true
				return true
			}
		}
		return false
	})
	for _, rule := range c.library.Chosen() {
		for _, comment := range c.comments(rule.Filename()) {
			m := ignoring.FindStringSubmatch(string(comment.Text))
			if len(m) > 0 && strings.HasPrefix(m[1], "ecraudit") && !used[comment] {
				kept = append(kept, Problem{
					Lint: "unused-ignore", Severity: IsWarning, Rule: rule.ID, File: rule.Filename(), Line: comment.Location.Row, Column: comment.Location.Col,
					Message: fmt.Sprintf("the comment ignores %s, which is not there", strings.TrimSpace(m[2])), Remedy: "remove it",
				})
			}
		}
	}
	slices.SortStableFunc(kept, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Lint, b.Lint))
	})
	return slices.CompactFunc(kept, func(a, b Problem) bool { return a == b })
}

func (c *linter) comments(file string) []*ast.Comment {
	if module := c.library.tests[file]; module != nil {
		return module.Comments
	}
	for _, rule := range c.library.Rules.All {
		if rule.Filename() == file {
			return rule.Module().Comments
		}
	}
	return nil
}

// ignores reports whether a comment is about a problem: on its line or the line
// above, or, where it stands above or beside the package, anywhere in the file.
func (c *linter) ignores(comment *ast.Comment, p Problem) bool {
	m := ignoring.FindStringSubmatch(string(comment.Text))
	if m == nil {
		return false
	}
	names := strings.FieldsFunc(m[2], func(r rune) bool { return r == ',' || r == ' ' })
	row := comment.Location.Row
	return slices.Contains(names, p.Lint) && (row == p.Line || row+1 == p.Line || row <= c.packageLine(p.File))
}

func (c *linter) packageLine(file string) int {
	if module := c.library.tests[file]; module != nil {
		return module.Package.Location.Row
	}
	for _, rule := range c.library.Rules.All {
		if rule.Filename() == file {
			return rule.Module().Package.Location.Row
		}
	}
	return 0
}
