package workbench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/reference"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// TableCase is one case of a table: what a rule says of an input.
type TableCase struct {
	Note     string            `json:"note"`
	Input    map[string]any    `json:"input"`
	Deny     []string          `json:"deny"`
	Unknown  []string          `json:"unknown"`
	Findings []json.RawMessage `json:"findings"`
}

// Passes reports whether the rule finds nothing wrong in the case.
func (c TableCase) Passes() bool { return len(c.Deny)+len(c.Unknown) == 0 }

// Tables are the cases of the chosen rules by id, of those whose cases stand in
// a table named cases, each with note, input and what is expected.
func (l *Library) Tables() (map[string][]TableCase, error) {
	var files []string
	for _, rule := range l.Chosen() {
		files = append(files, l.testFiles(rule)...)
	}
	compiler, err := l.compile(files...)
	if err != nil {
		return nil, err
	}
	tables, data := map[string][]TableCase{}, l.Rules.Data()
	for _, rule := range l.Chosen() {
		results, err := rego.New(rego.Query(testPackage(rule)+".cases"), rego.Compiler(compiler), rego.Store(data)).Eval(context.Background())
		if err != nil {
			return nil, fmt.Errorf("reading the cases of %s: %w", rule.ID, err)
		}
		if len(results) == 0 {
			continue
		}
		if cases, ok := readTable(results[0].Expressions[0].Value); ok {
			tables[rule.ID] = cases
		}
	}
	return tables, nil
}

func readTable(value any) (cases []TableCase, ok bool) {
	encoded, err := json.Marshal(value)
	if err != nil {
		return nil, false
	}
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.DisallowUnknownFields()
	decoder.UseNumber()
	return cases, decoder.Decode(&cases) == nil
}

var scopeTitles = []struct {
	scope finding.Scope
	title string
}{
	{finding.ScopeRepository, "Repositories"},
	{finding.ScopeImage, "Images"},
	{finding.ScopeRegistry, "Registries"},
	{finding.ScopeOrganization, "The organization"},
}

// IndexTable lists rules by scope, with links to their pages in a folder.
func IndexTable(rules []*evaluate.Rule, folder string) string {
	var b strings.Builder
	for _, s := range scopeTitles {
		of := slices.DeleteFunc(slices.Clone(rules), func(r *evaluate.Rule) bool { return r.Scope != s.scope })
		if len(of) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n| Rule | Severity | What should hold |\n| --- | --- | --- |\n", s.title)
		for _, rule := range of {
			fmt.Fprintf(&b, "| [%s](%s%s.md) | %s | %s |\n", rule.ID, folder, rule.ID, severityWords(rule), rule.Title)
		}
	}
	return b.String()
}

func severityWords(rule *evaluate.Rule) string {
	if rule.Optional {
		return rule.Severity.String() + ", off by default"
	}
	return rule.Severity.String()
}

// SourceLinks lead from a rule's page to its files.
type SourceLinks struct {
	Mark        string // a comment at the top, with an empty line after it
	Rule, Cases string
	Packed      string // its file in a bundle or an artifact, to which no link leads
}

// PageMark says that a page was written by a command, which may write it anew.
const PageMark = "<!-- Generated: ecraudit rules docs -->\n\n"

// Sources are the links from a page in a folder.
func Sources(rule *evaluate.Rule, l *Library, folder string) SourceLinks {
	if reference.IsPacked(rule.Filename()) {
		return SourceLinks{Mark: PageMark, Packed: rule.Filename()}
	}
	links := SourceLinks{Mark: PageMark, Rule: relative(folder, rule.Filename())}
	if files := l.testFiles(rule); len(files) > 0 {
		links.Cases = relative(folder, files[0])
	}
	return links
}

// BuiltinSources are links to a default rule where it is published.
func BuiltinSources(rule *evaluate.Rule) SourceLinks {
	source := "https://github.com/ecraudit/ecraudit/blob/main/" + rule.Filename()
	return SourceLinks{Mark: PageMark, Rule: source, Cases: strings.TrimSuffix(source, ".rego") + "_test.rego"}
}

// relative is a path as a link in a folder has it, however both are named.
func relative(folder, path string) string {
	from, err := filepath.Abs(folder)
	to, err2 := filepath.Abs(path)
	if rel, err3 := filepath.Rel(from, to); errors.Join(err, err2, err3) == nil {
		path = rel
	}
	return filepath.ToSlash(path)
}

// RulePage is the page of a rule in Markdown.
func RulePage(rule *evaluate.Rule, cases []TableCase, links SourceLinks) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s**%s.** %s\n\n", rule.ID, links.Mark, rule.Title, rule.Description)
	if rule.Why != "" {
		fmt.Fprintf(&b, "**Why it matters.** %s\n\n", rule.Why)
	}
	if rule.Remediation != "" {
		fmt.Fprintf(&b, "**How to mend it.** %s\n\n", rule.Remediation)
	}
	if rule.OfEngine() {
		fmt.Fprintf(&b, "| | |\n| --- | --- |\n| Severity | %s |\n| Scope | whatever the waived rule judges |\n| Needs | nothing |\n\n%s\n"+
			"## Links\n\n- [Waivers](../waivers.md). ecraudit itself judges them; there is no rule in Rego.\n", severityWords(rule), toggle(rule))
		return b.String()
	}
	fmt.Fprintf(&b, "| | |\n| --- | --- |\n| Severity | %s |\n| Scope | %s |\n| Needs | %s |\n", severityWords(rule), rule.Scope, listNeeds(rule.Needs))
	if len(rule.Uses) > 0 {
		fmt.Fprintf(&b, "| Uses, where they could be read | %s |\n", listNeeds(rule.Uses))
	}
	for _, framework := range slices.Sorted(maps.Keys(rule.Frameworks)) {
		fmt.Fprintf(&b, "| %s | %s |\n", framework, strings.Join(rule.Frameworks[framework], ", "))
	}
	b.WriteString("\n" + toggle(rule))
	if len(cases) > 0 {
		b.WriteString("\n## What it says of what\n\n| Case | Verdict |\n| --- | --- |\n")
	}
	for _, c := range cases {
		fmt.Fprintf(&b, "| %s | %s |\n", Cell(c.Note), verdicts(c))
	}
	b.WriteString("\n## Links\n\n" + links.line())
	for _, link := range rule.Links {
		fmt.Fprintf(&b, "- <%s>\n", link)
	}
	return b.String()
}

func (s SourceLinks) line() string {
	switch {
	case s.Packed != "":
		return fmt.Sprintf("- Its source: %s\n", Cell(s.Packed))
	case s.Cases == "":
		return fmt.Sprintf("- [Its source](%s)\n", s.Rule)
	}
	return fmt.Sprintf("- [Its source](%s) and [its cases](%s)\n", s.Rule, s.Cases)
}

// toggle shows how a rule is turned the other way.
func toggle(rule *evaluate.Rule) string {
	way, state := "off", "on"
	if rule.Optional {
		way, state = "on", "off"
	}
	return fmt.Sprintf("It is %s by default. In `ecraudit.yaml`:\n\n```yaml\nrules:\n  %s: %s\n```\n", state, rule.ID, way)
}

func verdicts(c TableCase) string {
	if c.Passes() {
		return "passes"
	}
	var said []string
	for _, message := range c.Deny {
		said = append(said, "fails: "+Cell(message))
	}
	for _, message := range c.Unknown {
		said = append(said, "unknown: "+Cell(message))
	}
	return strings.Join(said, "<br>")
}

// Cell is text as it can stand in a table of Markdown.
func Cell(text string) string {
	return strings.NewReplacer("|", `\|`, "*", `\*`, "_", `\_`, "<", "&lt;", ">", "&gt;", "`", "\\`", "\n", " ").Replace(text)
}

func listNeeds(needs []snapshot.Need) string {
	if len(needs) == 0 {
		return "nothing beyond the list of repositories"
	}
	names := make([]string, len(needs))
	for i, need := range needs {
		names[i] = "`" + string(need) + "`"
	}
	return strings.Join(names, ", ")
}
