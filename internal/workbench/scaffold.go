package workbench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"

	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// NewRule is what to write a new rule from.
type NewRule struct {
	ID       string
	Scope    finding.Scope
	Severity finding.Severity
	Title    string   // empty for that of what the rule looks at
	Needs    []string // empty for what a first rule of the scope looks at
	Folder   string
}

// Files are what was written, relative to where the command runs.
type Files struct{ Rule, Cases, Page string }

// Write writes a rule, its cases and its page. Nothing is overwritten, and known
// are the rules whose ids are taken.
func (n *NewRule) Write(known *evaluate.Rules) (Files, error) {
	if err := n.checkID(known); err != nil {
		return Files{}, err
	}
	chosen, err := n.probes()
	if err != nil {
		return Files{}, err
	}
	base := filepath.Join(n.Folder, strings.ReplaceAll(n.ID, "-", "_"))
	files := Files{Rule: base + ".rego", Cases: base + "_test.rego", Page: filepath.Join(n.Folder, n.ID+".md")}
	for _, path := range []string{files.Rule, files.Cases, files.Page} {
		if _, err := os.Lstat(path); err == nil {
			return Files{}, fmt.Errorf("%s is there already, and nothing is overwritten: choose another id, or another folder with --dir", path)
		}
	}
	rule, err := formatted(files.Rule, n.ruleText(chosen))
	if err != nil {
		return Files{}, err
	}
	cases, err := formatted(files.Cases, n.casesText(chosen))
	if err != nil {
		return Files{}, err
	}
	if err := os.MkdirAll(n.Folder, 0o755); err != nil { //nolint:gosec // sources and pages are read by others
		return Files{}, fmt.Errorf("--dir: %s: %w", n.Folder, snapshot.Cause(err))
	}
	if err := errors.Join(writeNew(files.Rule, rule), writeNew(files.Cases, cases)); err != nil {
		return Files{}, err
	}
	page, err := n.page(files)
	if err != nil {
		return Files{}, err
	}
	return files, writeNew(files.Page, page)
}

// page is made from the files as `rules docs` makes it.
func (n *NewRule) page(files Files) ([]byte, error) {
	l, err := Load([]string{files.Rule}, func(r *evaluate.Rule) bool { return r.ID == n.ID })
	if err != nil {
		return nil, err
	}
	rule := l.Rules.Rule(n.ID)
	cases, err := l.Tables()
	if err != nil {
		return nil, err
	}
	return []byte(RulePage(rule, cases[n.ID], Sources(rule, l, n.Folder))), nil
}

func writeNew(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // sources and pages are read by others
	if err != nil {
		return fmt.Errorf("%s: %w", path, snapshot.Cause(err))
	}
	_, err = file.Write(text)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("%s: %w", path, snapshot.Cause(err))
	}
	return nil
}

func formatted(path, text string) ([]byte, error) {
	source, err := format.SourceWithOpts(path, []byte(text), format.Opts{RegoVersion: ast.RegoV1})
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", path, err)
	}
	return source, nil
}

func (n *NewRule) checkID(known *evaluate.Rules) error {
	switch name := strings.ReplaceAll(n.ID, "-", "_"); {
	case !evaluate.IsID(n.ID):
		return fmt.Errorf("%q cannot be the id of a rule: use lower case letters, digits and single hyphens, and begin with a letter, as in release-unsigned", n.ID)
	case strings.HasSuffix(n.ID, "-test") || n.ID == "test":
		return fmt.Errorf("%q cannot be the id of a rule: files that end in _test.rego are cases, so choose an id that does not end in -test", n.ID)
	case ast.IsKeyword(name):
		return fmt.Errorf("%q cannot be the id of a rule: it is a word of Rego itself, which cannot name a package", n.ID)
	}
	if rule := known.Rule(n.ID); rule != nil {
		return fmt.Errorf("the rule id %q is already that of %s: choose another one", n.ID, rule.Filename())
	}
	if slices.Contains(known.IDs(), n.ID) {
		return fmt.Errorf("the rule id %q is that of a rule of ecraudit itself: choose another one", n.ID)
	}
	return nil
}

// probes are what the rule looks at: whatever rules of its scope can see.
func (n *NewRule) probes() ([]probe, error) {
	all := probesOf(n.Scope)
	if len(n.Needs) == 0 {
		return all[:1], nil
	}
	visible, err := evaluate.NeedsByScope()
	if err != nil {
		return nil, err
	}
	var chosen []probe
	for _, need := range n.Needs {
		if !slices.Contains(visible[n.Scope], snapshot.Need(need)) {
			return nil, n.unseen(need, visible[n.Scope])
		}
		p := all[slices.IndexFunc(all, func(p probe) bool { return string(p.need) == need })] // there is one for each
		if !slices.ContainsFunc(chosen, func(other probe) bool { return other.need == p.need }) {
			chosen = append(chosen, p)
		}
	}
	asks := func(need snapshot.Need) bool {
		return slices.ContainsFunc(chosen, func(p probe) bool { return p.need == need })
	}
	if asks(snapshot.NeedScanFindings) && asks(snapshot.NeedReleaseScanFindings) {
		return nil, fmt.Errorf("--needs: %s has all that %s has: give one of them", snapshot.NeedScanFindings, snapshot.NeedReleaseScanFindings)
	}
	return chosen, nil
}

// unseen is the error of a need of which rules of the scope see nothing.
func (n *NewRule) unseen(need string, visible []snapshot.Need) error {
	names := make([]string, len(visible))
	for i, v := range visible {
		names[i] = string(v)
	}
	if slices.Contains(snapshot.AllNeeds(), snapshot.Need(need)) {
		return fmt.Errorf("--needs: rules of scope %s see nothing of %q: use any of %s", n.Scope, need, strings.Join(names, ", "))
	}
	hint := ""
	if nearest, ok := config.Nearest(need, names); ok {
		hint = fmt.Sprintf("; did you mean %q?", nearest)
	}
	return fmt.Errorf("--needs: %q is not one of %s%s", need, strings.Join(names, ", "), hint)
}

// declared are the needs of the probes; images go without saying for images.
func (n *NewRule) declared(chosen []probe) []string {
	var needs []string
	for _, p := range chosen {
		for _, need := range append([]snapshot.Need{p.need}, p.also...) {
			if need != "" && !slices.Contains(needs, string(need)) {
				needs = append(needs, string(need))
			}
		}
	}
	if n.Scope == finding.ScopeImage && !slices.Contains(needs, string(snapshot.NeedImages)) {
		needs = append([]string{string(snapshot.NeedImages)}, needs...)
	}
	return needs
}

func (n *NewRule) ruleText(chosen []probe) string {
	title := n.Title
	if title == "" {
		title = chosen[0].title
	}
	var b strings.Builder
	fmt.Fprintf(&b, `# METADATA
# title: %s
# description: >-
#   Say here what the rule looks at, what it finds, and what it leaves out. It
#   is read in reports and in the documentation, by those who have to mend it.
# custom:
#   id: %s
#   severity: %s
#   scope: %s
`, yamlText(title), n.ID, n.Severity, n.Scope)
	if needs := n.declared(chosen); len(needs) > 0 {
		fmt.Fprintf(&b, "#   needs: [%s]\n", strings.Join(needs, ", "))
	}
	b.WriteString(`#   why: >-
#     Say here what goes wrong where this does not hold.
#   remediation: >-
#     Say here what to do about a finding.
`)
	fmt.Fprintf(&b, "package %s\n", n.pkg())
	for _, p := range chosen {
		fmt.Fprintf(&b, "\ndeny contains finding if {\n%s\t%s\n\tfinding := %s\n}\n", n.each(p), p.fails, n.finding(p, p.message, len(chosen) > 1))
	}
	b.WriteString("\n# What cannot be told is not passed over.\n")
	for i, p := range chosen {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "unknown contains finding if {\n%s\t%s\n\tfinding := %s\n}\n", n.each(p), p.doubt, n.finding(p, fmt.Sprintf("%q", p.why), len(chosen) > 1))
	}
	return b.String()
}

func (n *NewRule) pkg() string { return "ecraudit.rules." + strings.ReplaceAll(n.ID, "-", "_") }

// each is the line that goes over what the scope has many of.
func (n *NewRule) each(p probe) string {
	switch {
	case n.Scope == finding.ScopeImage:
		return "\tsome image in input.images\n"
	case n.Scope == finding.ScopeOrganization && p.scope == finding.ScopeRegistry:
		return "\tsome registry in input.registries\n"
	case n.Scope == finding.ScopeOrganization:
		return "\tsome repository in input.repositories\n"
	}
	return ""
}

// finding says where in the resource it is, so that each finding keeps its
// fingerprint when another is mended.
func (n *NewRule) finding(p probe, message string, several bool) string {
	var key string
	switch {
	case n.Scope == finding.ScopeOrganization && p.scope == finding.ScopeRegistry:
		key = keyOf(p, several, "%s/%s", "registry.account, registry.region")
	case n.Scope == finding.ScopeOrganization:
		key = `, "key": repository.arn`
		if several {
			key = keyOf(p, several, "%s", "repository.arn")
		}
	case n.Scope == finding.ScopeImage && several:
		key = fmt.Sprintf(`, "digest": image.digest, "key": %q`, string(p.need))
	case n.Scope == finding.ScopeImage:
		key = `, "digest": image.digest`
	case several:
		key = fmt.Sprintf(`, "key": %q`, string(p.need))
	}
	return fmt.Sprintf(`{"message": %s%s}`, message, key)
}

// keyOf is a key that is made of values.
func keyOf(p probe, several bool, form, values string) string {
	if several {
		form = string(p.need) + " " + form
	}
	return fmt.Sprintf(`, "key": sprintf(%q, [%s])`, form, values)
}

func (n *NewRule) casesText(chosen []probe) string {
	var b strings.Builder
	fmt.Fprintf(&b, `package %s_test

import data.%s as rule

test_cases[case.note] if {
	some case in cases
	messages(rule.deny) == expected(case, "deny") with input as case.input
	messages(rule.unknown) == expected(case, "unknown") with input as case.input
}

messages(findings) := {finding.message | some finding in findings}

expected(case, kind) := {message | some message in object.get(case, kind, [])}

cases := [
	{
		"note": "as it should be",
		"input": %s,
	},
`, n.pkg(), n.pkg(), n.input(chosen, -1, ""))
	for i, p := range chosen {
		suffix := ""
		if len(chosen) > 1 {
			suffix = ": " + string(p.need)
		}
		fmt.Fprintf(&b, "\t{\n\t\t\"note\": %q,\n\t\t\"input\": %s,\n\t\t\"deny\": [%q],\n\t},\n", "as it should not be"+suffix, n.input(chosen, i, p.wrong), p.failText)
		fmt.Fprintf(&b, "\t{\n\t\t\"note\": %q,\n\t\t\"input\": %s,\n\t\t\"unknown\": [%q],\n\t},\n", "nobody can tell"+suffix, n.unclear(chosen, i), p.why)
	}
	b.WriteString("]\n" + n.fixture(chosen))
	return b.String()
}

// input is that of a case in which one of the probes sees something else.
func (n *NewRule) input(chosen []probe, which int, other string) string {
	parts := make([]string, len(chosen))
	for i, p := range chosen {
		if parts[i] = p.sound; i == which {
			parts[i] = other
		}
	}
	return n.place(chosen, parts, "0")
}

// unclear is the input of a case that cannot tell.
func (n *NewRule) unclear(chosen []probe, which int) string {
	if chosen[which].unclear == "" { // it stands beside the images
		parts := make([]string, len(chosen))
		for i, p := range chosen {
			parts[i] = p.sound
		}
		return n.place(chosen, parts, "1")
	}
	return n.input(chosen, which, chosen[which].unclear)
}

// merged puts parts of an input together, a field of which each has another.
func merged(parts []string) string {
	text := parts[0]
	for _, part := range parts[1:] {
		if part != "{}" {
			text = fmt.Sprintf("object.union(%s, %s)", text, part)
		}
	}
	return text
}

// place puts the parts of an input where they belong.
func (n *NewRule) place(chosen []probe, parts []string, unread string) string {
	inside := map[finding.Scope][]string{}
	for i, p := range chosen {
		inside[p.scope] = append(inside[p.scope], parts[i])
	}
	switch n.Scope {
	case finding.ScopeImage:
		image := fmt.Sprintf("image(%s, %s)", merged(append(inside[finding.ScopeImage], "{}")), unread)
		return merged(slices.Concat([]string{image}, inside[finding.ScopeRepository], inside[finding.ScopeRegistry]))
	case finding.ScopeOrganization:
		var rows []string
		if of := inside[finding.ScopeOrganization]; len(of) > 0 {
			rows = append(rows, fmt.Sprintf("repository(%s)", merged(of)))
		}
		if of := inside[finding.ScopeRegistry]; len(of) > 0 {
			rows = append(rows, fmt.Sprintf("registry(%s)", merged(of)))
		}
		return merged(rows)
	}
	return merged(parts)
}

// fixture is what surrounds what a case is about.
func (n *NewRule) fixture(chosen []probe) string {
	sees := func(scope finding.Scope) bool {
		return slices.ContainsFunc(chosen, func(p probe) bool { return p.scope == scope })
	}
	if n.Scope == finding.ScopeImage {
		return `
image(fields, unread_indexes) := {
	"now": 1800000000000000000,
	"repository": {"stats": {"unread_indexes": unread_indexes}},
	"images": [object.union({"digest": digest, "kind": "image"}, fields)],
}

digest := "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
`
	}
	text := ""
	if sees(finding.ScopeOrganization) {
		text += fmt.Sprintf("\nrepository(fields) := {\"repositories\": [object.union({\"arn\": arn}, fields)]}\n\narn := %q\n", caseARN)
	}
	if n.Scope == finding.ScopeOrganization && sees(finding.ScopeRegistry) {
		account, region, _ := strings.Cut(caseRegistry, "/")
		text += fmt.Sprintf("\nregistry(fields) := {\"registries\": [object.union({\"account\": %q, \"region\": %q}, fields)]}\n", account, region)
	}
	return text
}

// yamlText writes a title so that YAML reads it back as it is.
func yamlText(text string) string {
	if regexp.MustCompile(`^[A-Za-z][A-Za-z0-9 ,;()/'.-]*$`).MatchString(text) && !slices.Contains([]string{"true", "false", "yes", "no", "on", "off", "null"}, strings.ToLower(text)) {
		return text
	}
	return fmt.Sprintf("%q", text)
}
