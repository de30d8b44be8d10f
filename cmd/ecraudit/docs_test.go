package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/remediate"
	"github.com/ecraudit/ecraudit/internal/snapshot"
	"github.com/ecraudit/ecraudit/policies"
)

// The documentation is tested against the program. In a code block the word
// after the language says what it is:
//
//	sh            lines that begin with ecraudit are run, and must not end with 1
//	sh fails      they must end with 1
//	text title=…  lines that the command in the title shows; … stands for others
//	rego title=…  a file, written before the lines that follow are run
//	yaml title=…  the same; every yaml block must be a valid configuration
//	json title=…  see the tests that name the title

// root is the folder of the repository, absolute because tests change the
// working directory.
var root = filepath.Dir(filepath.Dir(filepath.Dir(testdata)))

// page is one file of the documentation.
type page struct {
	name   string // relative to root
	text   string
	blocks []block
}

// block is a fenced code block.
type block struct {
	line     int
	language string
	title    string
	fails    bool
	text     string
}

func (b block) lines() []string {
	joined := strings.ReplaceAll(b.text, "\\\n", " ")
	return strings.Split(strings.TrimSuffix(joined, "\n"), "\n")
}

var (
	fence = regexp.MustCompile("(?m)^```(\\w+)( fails)?(?: title=\"([^\"]*)\")?\n((?:[^\n]*\n)*?)```$")
	link  = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	span  = regexp.MustCompile("`([^`\n]+)`")
)

func pages(t *testing.T) []page {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	ofRules, err := filepath.Glob(filepath.Join(root, "docs", "rules", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	names = append(append(names, ofRules...), filepath.Join(root, "README.md"), filepath.Join(root, "CONTRIBUTING.md"))
	all := make([]page, len(names))
	for i, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = page{name: filepath.ToSlash(relative), text: string(text)}
		for _, at := range fence.FindAllStringSubmatchIndex(all[i].text, -1) {
			group := func(n int) string {
				if at[2*n] < 0 {
					return ""
				}
				return all[i].text[at[2*n]:at[2*n+1]]
			}
			all[i].blocks = append(all[i].blocks, block{
				line: 1 + strings.Count(all[i].text[:at[0]], "\n"), language: group(1), fails: group(2) != "", title: group(3), text: group(4),
			})
		}
		if opened := strings.Count("\n"+all[i].text, "\n```"); opened != 2*len(all[i].blocks) {
			t.Errorf("%s has %d fences, of which %d are understood: give every block a language", relative, opened, 2*len(all[i].blocks))
		}
	}
	return all
}

// titled returns the block of a page with this title.
func titled(t *testing.T, of, title string) block {
	t.Helper()
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			if p.name == of && b.title == title {
				return b
			}
		}
	}
	t.Fatalf("%s has no block with the title %q", of, title)
	return block{}
}

const tutorialRule = "my-rules/enhanced_scanning.rego"

// reader is the demonstration with what the examples take for granted.
func reader(t *testing.T) *world {
	t.Helper()
	w := demoWorld(t)
	rule := titled(t, "CONTRIBUTING.md", tutorialRule).text
	w.write(tutorialRule, rule)
	w.write("more-rules/one.rego", strings.NewReplacer("enhanced-scanning", "one", "enhanced_scanning", "one").Replace(rule))
	lifecycle := titled(t, "docs/lifecycle.md", "policy.json").text
	w.write("policy.json", lifecycle)
	w.write("repaired.json", lifecycle)
	w.write("statement.json", titled(t, "docs/access.md", "statement.json").text)
	w.write("images.json", titled(t, "docs/lifecycle.md", "images.json").text)
	w.snapshot("org.snapshot")
	return w
}

// words splits a shell line, and takes its redirection and comment off.
func words(line string) (args []string, file string) {
	for _, word := range regexp.MustCompile(`'[^']*'|"[^"]*"|\S+`).FindAllString(line, -1) {
		if strings.HasPrefix(word, "#") {
			break
		}
		if quote := word[:1]; quote == "'" || quote == `"` {
			word = word[1 : len(word)-1]
		}
		args = append(args, word)
	}
	if at := slices.Index(args, ">"); at >= 0 {
		return args[:at], args[at+1]
	}
	return args, ""
}

// follow does what a line of an example says, and reports whether it is a
// command of ecraudit.
func (w *world) follow(line string) (r result, ours bool) {
	w.t.Helper()
	args, file := words(line)
	var variables []string
	for len(args) > 0 && regexp.MustCompile(`^[A-Z_]+=`).MatchString(args[0]) {
		variables, args = append(variables, args[0]), args[1:]
	}
	if len(args) > 2 && args[0] == "go" && args[1] == "run" && args[2] == "./cmd/ecraudit" {
		args = append([]string{"ecraudit"}, args[3:]...)
	}
	if len(args) == 0 || args[0] != "ecraudit" {
		return result{}, false
	}
	args = w.inRegistry(w.prepared(args))
	unit := w.org.Account(awssim.DemoPlatform).Describe().OU
	for i, arg := range args {
		args[i] = strings.ReplaceAll(arg, "ou-ab12-11111111", unit)
		if i > 0 && args[i-1] == "--listen" {
			args[i] = "127.0.0.1:0"
		}
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	if slices.Contains(args, "--serve") {
		time.AfterFunc(200*time.Millisecond, cancel)
	}
	var out, err bytes.Buffer
	s := streams{in: strings.NewReader("yes\n"), out: &out, err: &err, asks: true, environ: variables}
	if len(args) > 1 && strings.HasPrefix(args[1], "waive") { // of waivers it counts how far days are away
		s.now = func() time.Time { return time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC) }
	}
	code := run(ctx, args[1:], s)
	if file != "" {
		w.write(file, out.String())
	}
	return result{code, out.String(), err.String()}, true
}

// What examples take for a run of the journal and for a parked image.
const (
	someRun   = "20261125T131502Z-k3x9qp"
	someImage = "team/api:ecraudit-quarantine-20261125-0123456789ab"
	someAgain = "team/api@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

// findingsOf are what examples take for the fingerprints of findings of a rule.
var findingsOf = map[string]string{"4c1f0b2a": "repository-public", "9e2d71c4": "encryption"}

// prepared does what an example takes for done, and names what there really is.
func (w *world) prepared(args []string) []string {
	w.t.Helper()
	line := strings.Join(args, " ")
	if w.takes(line, "plan.json") {
		w.works("plan -o plan.json" + orgFlags)
	}
	if w.takes(line, "report.json") {
		w.works("audit -o report.json" + orgFlags)
	}
	for _, report := range []string{"before.json", "after.json"} {
		if w.takes(line, report) {
			w.works("audit -o " + report + orgFlags)
		}
	}
	if w.takes(line, "reports") && args[1] == "history" {
		if err := os.Mkdir(filepath.Join(w.dir, "reports"), 0o755); err != nil {
			w.t.Fatal(err)
		}
		w.works("audit -o reports/one.json -o reports/one.txt" + orgFlags)
	}
	if w.takes(line, "ecraudit.baseline") {
		w.works("audit -o known.json" + orgFlags)
		w.works("baseline known.json -o ecraudit.baseline")
	}
	if strings.Contains(line, someRun) || strings.HasSuffix(line, "undo --last") || strings.Contains(line, "quarantine restore") {
		w.works("audit --fix --yes --only tag-retention --regions us-east-1")
	}
	var run, parked string
	if strings.Contains(line, someRun) {
		var runs []struct{ ID string }
		w.decodeJSON("journal --format json", &runs)
		run = runs[0].ID
	}
	var images []remediate.Parked
	if strings.Contains(line, "quarantine restore") {
		w.decodeJSON("quarantine list --regions us-east-1 --format json", &images)
		parked = images[0].RepositoryARN(images[0].Repository)
		args = replaced(args, someImage, parked+":"+images[0].Tags[0])
		args = replaced(args, someAgain, parked+"@"+images[0].Digest)
	}
	if slices.Contains(args, "waive") {
		for from, rule := range findingsOf {
			args = replaced(args, from, w.fingerprintOf(rule))
		}
	}
	return replaced(args, someRun, run)
}

// fingerprintOf is that of some finding of a rule.
func (w *world) fingerprintOf(rule string) string {
	w.t.Helper()
	var audit struct{ Findings []finding.Finding }
	w.decodeJSON("audit --snapshot org.snapshot --format json", &audit)
	at := slices.IndexFunc(audit.Findings, func(f finding.Finding) bool { return f.Rule == rule })
	if at < 0 {
		w.t.Fatalf("there is no finding of %s", rule)
	}
	return audit.Findings[at].Fingerprint
}

// takes reports whether a line reads a file that is not there.
func (w *world) takes(line, file string) bool {
	_, missing := os.Stat(filepath.Join(w.dir, file))
	return missing != nil && strings.Contains(line, " "+file) && !strings.Contains(line, "-o "+file)
}

func replaced(args []string, from, to string) []string {
	args = slices.Clone(args)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], from, to)
	}
	return args
}

// works runs a command that must work.
func (w *world) works(line string) result {
	w.t.Helper()
	r := w.run(line)
	if r.code == exitError {
		w.t.Fatalf("ecraudit %s: %s", line, r.err)
	}
	return r
}

func (w *world) decodeJSON(line string, into any) {
	w.t.Helper()
	if err := json.Unmarshal([]byte(w.works(line).out), into); err != nil {
		w.t.Fatalf("ecraudit %s: %v", line, err)
	}
}

func TestDocumentedCommands(t *testing.T) {
	for _, p := range pages(t) {
		if !slices.ContainsFunc(p.blocks, func(b block) bool { return b.language == "sh" }) {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			w := reader(t)
			if p.name == "CONTRIBUTING.md" { // whose first step has the rule written
				if err := os.Remove(tutorialRule); err != nil {
					t.Fatal(err)
				}
			}
			for _, b := range p.blocks {
				switch {
				case b.title != "" && (b.language == "rego" || b.language == "yaml" || b.language == "json"):
					w.write(b.title, b.text)
				case b.language == "sh":
					w.followBlock(p, b)
				case b.language == "text" && strings.HasPrefix(b.title, "ecraudit "):
					r, _ := w.follow(b.title)
					for _, line := range b.lines() {
						if line != "…" && !strings.Contains("\n"+r.out, "\n"+line+"\n") {
							t.Errorf("%s:%d: %s does not show %q", p.name, b.line, b.title, line)
						}
					}
				}
			}
		})
	}
}

func (w *world) followBlock(p page, b block) {
	w.t.Helper()
	for _, line := range b.lines() {
		switch r, ours := w.follow(line); {
		case ours && b.fails != (r.code == exitError):
			w.t.Errorf("%s:%d: %s\nexit code %d: %s", p.name, b.line, line, r.code, r.err)
		case strings.HasPrefix(line, "opa test "):
			w.opaTest(strings.TrimPrefix(line, "opa test "))
		case strings.HasPrefix(line, "conftest test "):
			w.conftest(strings.TrimPrefix(line, "conftest test "))
		case strings.HasPrefix(line, "jq "):
			w.jq(line)
		case !ours:
			w.useTool(line)
		}
	}
}

// opaTest runs the tests in a folder as opa test does.
func (w *world) opaTest(folder string) {
	w.t.Helper()
	modules, store, err := tester.Load([]string{folder}, nil)
	if err != nil {
		w.t.Error(err)
		return
	}
	results, err := tester.NewRunner().SetStore(store).SetModules(modules).RunTests(w.t.Context(), nil)
	if err != nil {
		w.t.Error(err)
		return
	}
	ran := 0
	for result := range results {
		if ran++; !result.Pass() {
			w.t.Errorf("opa test %s: %s", folder, result)
		}
	}
	if ran == 0 {
		w.t.Errorf("opa test %s: there is no test", folder)
	}
}

// jq runs a line with jq, where it is installed.
func (w *world) jq(line string) {
	w.t.Helper()
	if _, err := exec.LookPath("jq"); err != nil {
		w.t.Logf("not tried, for jq is not installed: %s", line)
		return
	}
	command := exec.CommandContext(w.t.Context(), "sh", "-c", line)
	command.Dir = w.dir
	if out, err := command.CombinedOutput(); err != nil {
		w.t.Errorf("%s: %v\n%s", line, err, out)
	}
}

func allCommands() []*cobra.Command {
	var all []*cobra.Command
	var add func(*cobra.Command)
	add = func(c *cobra.Command) {
		all = append(all, c)
		for _, sub := range c.Commands() {
			add(sub)
		}
	}
	add(newRoot(streams{}))
	return all
}

// Every example of --help works, and every command has one.
func TestExamplesOfHelp(t *testing.T) {
	for _, command := range allCommands() {
		if command.Example == "" {
			t.Errorf("%s has no example", command.CommandPath())
			continue
		}
		t.Run(command.CommandPath(), func(t *testing.T) {
			w := reader(t)
			for line := range strings.Lines(command.Example) {
				if r, ours := w.follow(strings.TrimSpace(line)); !ours || r.code == exitError {
					t.Errorf("%s\nexit code %d: %s", line, r.code, r.err)
				}
			}
		})
	}
}

// Every flag that the documentation names exists, and every flag is named.
func TestDocumentedFlags(t *testing.T) {
	exists := map[string]bool{"help": true, "version": true}
	short := map[string]string{}
	for _, command := range allCommands() {
		command.InheritedFlags() // has cobra merge them
		command.Flags().VisitAll(func(f *pflag.Flag) { exists[f.Name], short[f.Name] = true, f.Shorthand })
	}
	named := map[string]bool{}
	flag := regexp.MustCompile(`(?:^|[ (\[])--([a-z][a-z-]*)|(?:^| )-([a-z])\b`)
	for _, p := range pages(t) {
		var commands []string
		for _, b := range p.blocks {
			if b.language == "sh" {
				commands = append(commands, b.lines()...)
			}
		}
		for _, code := range span.FindAllStringSubmatch(p.text, -1) {
			commands = append(commands, code[1])
		}
		for _, command := range commands {
			command, _, _ = strings.Cut(command, " #")
			if !strings.HasPrefix(command, "-") && !strings.HasPrefix(command, "ecraudit ") {
				continue
			}
			for _, found := range flag.FindAllStringSubmatch(command, -1) {
				if found[1] != "" && !exists[found[1]] {
					t.Errorf("%s: there is no flag --%s", p.name, found[1])
				}
				named[cmp.Or(found[1], found[2])] = true
			}
		}
	}
	for name := range exists {
		if !named[name] && !named[short[name]] && name != "help" && name != "version" {
			t.Errorf("the documentation does not mention --%s", name)
		}
	}
}

func TestDocumentedLinks(t *testing.T) {
	anchors := map[string]map[string]bool{}
	for _, p := range pages(t) {
		anchors[p.name] = map[string]bool{}
		for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(fence.ReplaceAllString(p.text, ""), -1) {
			anchors[p.name][slug(heading[1])] = true
		}
	}
	for _, p := range pages(t) {
		for _, found := range link.FindAllStringSubmatch(fence.ReplaceAllString(p.text, ""), -1) {
			target, anchor, _ := strings.Cut(found[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			name := p.name
			if target != "" {
				name = filepath.ToSlash(filepath.Join(filepath.Dir(p.name), target))
			}
			if _, err := os.Stat(filepath.Join(root, name)); err != nil {
				t.Errorf("%s: the link %s leads nowhere", p.name, found[1])
			}
			if anchor != "" && !anchors[name][anchor] {
				t.Errorf("%s: the link %s leads to no heading", p.name, found[1])
			}
		}
	}
}

// slug is the anchor that a heading gets.
func slug(heading string) string {
	plain := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(heading), "")
	return strings.ReplaceAll(plain, " ", "-")
}

func TestDocumentedData(t *testing.T) {
	w := demoWorld(t)
	demo := w.decode(w.run("audit --format json" + orgFlags))
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			switch b.language {
			case "yaml":
				if _, err := config.Parse(p.name, []byte(b.text)); err != nil {
					t.Errorf("%s:%d: %v", p.name, b.line, err)
				}
			case "json":
				if !json.Valid([]byte(b.text)) {
					t.Errorf("%s:%d is no JSON", p.name, b.line)
				}
			}
		}
	}
	text := titled(t, "docs/reports.md", "a finding of ecraudit demo").text
	for _, f := range demo.Findings {
		encoded, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		if reflect.DeepEqual(decoded(t, string(encoded)), decoded(t, text)) {
			return
		}
	}
	t.Error("docs/reports.md: the demonstration has no such finding")
}

func decoded(t *testing.T, text string) (value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// needing writes a rule that only has needs.
func (w *world) needing(file string, needs ...snapshot.Need) {
	w.t.Helper()
	names := make([]string, len(needs))
	for i, need := range needs {
		names[i] = string(need)
	}
	visible, err := evaluate.NeedsByScope()
	if err != nil {
		w.t.Fatal(err)
	}
	scope := finding.ScopeRepository
	if slices.ContainsFunc(needs, func(n snapshot.Need) bool { return !slices.Contains(visible[scope], n) }) {
		scope = finding.ScopeImage
	}
	w.write(file, "# METADATA\n# title: Needs\n# custom:\n#   id: needs\n#   severity: info\n#   scope: "+string(scope)+"\n"+
		"#   needs: ["+strings.Join(names, ", ")+"]\npackage ecraudit.rules.needs\n\ndeny contains {\"message\": \"never\"} if input.now < 0\n")
}

// The table of needs is what each need alone makes the collection call.
func TestDocumentedNeeds(t *testing.T) {
	w := demoWorld(t)
	rules, err := evaluate.LoadRules(nil)
	if err != nil {
		t.Fatal(err)
	}
	var off strings.Builder
	byDefault := map[string]string{"always": "yes"}
	for _, rule := range rules.All {
		fmt.Fprintf(&off, "  %s: off\n", rule.ID)
		for _, need := range slices.Concat(rule.Needs, rule.Uses) {
			if rule.Optional {
				continue
			}
			byDefault[string(need)] = "yes"
		}
	}
	w.write("ecraudit.yaml", "rules:\n"+off.String())
	documented := map[string]bool{}
	for _, row := range tableBetween(t, "docs/collecting.md", "needs") {
		need := strings.Trim(row[0], "`")
		documented[need] = true
		if want := cmp.Or(byDefault[need], "no"); row[1] != want {
			t.Errorf("%s: of the default rules the table says %s, not %s", need, row[1], want)
		}
		if need == "always" {
			w.needing("need.rego")
		} else {
			w.needing("need.rego", snapshot.Need(need))
		}
		w.server.ResetCalls()
		w.run("audit --role-name ecraudit-reader --rules need.rego --accounts " + awssim.DemoPayments)
		called := map[string]bool{}
		for operation := range w.server.Calls().ByOperation() {
			if strings.HasPrefix(operation, "ecr:") && (need == "always" || operation != "ecr:DescribeRepositories") {
				called[operation] = true
			}
		}
		listed := map[string]bool{}
		for _, code := range span.FindAllStringSubmatch(row[3], -1) {
			listed[code[1]] = true
		}
		if diff := gocmp.Diff(called, listed); diff != "" {
			t.Errorf("%s (-called +documented):\n%s", need, diff)
		}
	}
	for _, need := range snapshot.AllNeeds() {
		if !documented[string(need)] {
			t.Errorf("the table of needs lacks %s", need)
		}
	}
}

// tableBetween are the cells of a page's table between two comments.
func tableBetween(t *testing.T, of, name string) (rows [][]string) {
	t.Helper()
	for _, p := range pages(t) {
		if p.name != of {
			continue
		}
		_, rest, _ := strings.Cut(p.text, "<!-- "+name+" -->\n")
		table, _, _ := strings.Cut(rest, "<!-- end of "+name+" -->")
		lines := strings.Split(strings.TrimSpace(table), "\n")
		for _, line := range lines[min(2, len(lines)):] {
			rows = append(rows, strings.Split(strings.Trim(line, "| "), " | "))
		}
	}
	if len(rows) == 0 {
		t.Fatalf("%s has no table %s", of, name)
	}
	return rows
}

// The documented messages are what the mistakes in the tutorial's rule give.
func TestDocumentedMistakes(t *testing.T) {
	w := reader(t)
	rule := titled(t, "CONTRIBUTING.md", tutorialRule).text
	const condition = `input.registry.scanning.type != "ENHANCED"`
	mistakes := map[string][2]string{
		"input.registry.scaning":     {condition, `input.registry.scaning.type != "ENHANCED"`},
		"needs: []":                  {"needs: [registry-scanning]", "needs: []"},
		"input.repository.name":      {condition, `input.repository.name != "x"`},
		"time.now_ns() > 0":          {condition, "time.now_ns() > 0"},
		"severity: hgih":             {"severity: medium", "severity: hgih"},
		"scope: repo":                {"scope: registry", "scope: repo"},
		"need: [registry-scanning]":  {"needs:", "need:"},
		"id: enhanced":               {"id: enhanced-scanning", "id: enhanced"},
		"denied contains finding if": {"deny contains", "denied contains"},
	}
	rows := tableBetween(t, "docs/rules.md", "mistakes")
	if len(rows) != len(mistakes) {
		t.Errorf("%d mistakes are documented, %d tried", len(rows), len(mistakes))
	}
	for _, row := range rows {
		edit, known := mistakes[strings.Trim(row[0], "`")]
		if !known || !strings.Contains(rule, edit[0]) {
			t.Errorf("the mistake %s is not tried", row[0])
			continue
		}
		w.write(tutorialRule, strings.Replace(rule, edit[0], edit[1], 1))
		r := w.run("rules --rules my-rules")
		if want := strings.Trim(row[1], "`"); r.code != exitError || !slices.Contains(strings.Split(r.err, "\n"), want) {
			t.Errorf("%s: exit code %d\n got %s\nwant %s", row[0], r.code, r.err, want)
		}
	}
}

// TestGeneratedDocs checks that generated pages are current; -update writes them.
func TestGeneratedDocs(t *testing.T) {
	for name, text := range map[string]string{"input.md": inputPage(t), "permissions.md": permissionsPage(t)} {
		path := filepath.Join(root, "docs", name)
		if *update {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		current, err := os.ReadFile(path)
		if err != nil || string(current) != text {
			t.Errorf("docs/%s is not current: go test ./cmd/ecraudit -run TestGeneratedDocs -update\n%s", name, gocmp.Diff(string(current), text))
		}
	}
}

const generated = "<!-- Generated: go test ./cmd/ecraudit -run TestGeneratedDocs -update -->\n\n"

// inputPage renders the schema of the input, a section for each top-level field.
func inputPage(t *testing.T) string {
	t.Helper()
	var whole node
	if err := json.Unmarshal(policies.InputSchema, &whole); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("# The input of rules\n\n" + generated +
		"What a rule sees as `input`. The same is said for programs by [input.v1.json](../policies/schema/input.v1.json).\n\n" +
		"- **Needs** are those that a rule must declare, as needs or uses, to see the field: all that are joined with *and*, one of those joined with *or*.\n" +
		"- **Absent** is a field whose document could not be read, and one whose meaning says so. A reference to it is undefined.\n" +
		"- `[]` stands for each element of a list.\n" +
		"- Times are nanoseconds since 1970, sizes are bytes, digests are `sha256:` and 64 hexadecimal digits.\n\n" +
		"| Field | Scopes | Meaning |\n| --- | --- | --- |\n")
	order := []string{"now", "config", "organization", "registry", "repository", "images", "registries", "repositories"}
	for _, name := range slices.Sorted(maps.Keys(whole.Properties)) {
		if !slices.Contains(order, name) {
			order = append(order, name)
		}
	}
	for _, name := range order {
		field := whole.Properties[name]
		if field == nil {
			t.Fatalf("the schema has no field %s", name)
		}
		scopes := "all"
		if len(field.Scopes) > 0 {
			scopes = strings.Join(field.Scopes, ", ")
		}
		title := "`" + name + "`"
		if name != "now" {
			title = "[" + title + "](#" + name + ")"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", title, scopes, field.Description)
	}
	for _, name := range order[1:] {
		field := whole.Properties[name]
		fmt.Fprintf(&b, "\n## %s\n\n%s", name, field.Description)
		if len(field.Needs) > 0 {
			fmt.Fprintf(&b, " Needs %s.", field.needs())
		}
		if name == "registries" && reflect.DeepEqual(field.Items.Properties, whole.Properties["registry"].Properties) {
			b.WriteString(" Each has the fields of [registry](#registry).\n")
			continue
		}
		b.WriteString("\n\n| Field | Type | Needs | Meaning |\n| --- | --- | --- | --- |\n")
		field.rows(&b, name, "")
	}
	return b.String()
}

// node is a part of the schema.
type node struct {
	Type        string           `json:"type"`
	Description string           `json:"description"`
	Enum        []string         `json:"enum"`
	Properties  map[string]*node `json:"properties"`
	Items       *node            `json:"items"`
	Additional  json.RawMessage  `json:"additionalProperties"`
	Needs       []string         `json:"x-needs"`
	Scopes      []string         `json:"x-scopes"`
}

func (n *node) needs() string {
	alternatives := make([]string, len(n.Needs))
	for i, alternative := range n.Needs {
		alternatives[i] = "`" + strings.ReplaceAll(alternative, "+", "` and `") + "`"
	}
	return strings.Join(alternatives, " or ")
}

// rows writes a line for each field below n.
func (n *node) rows(b *strings.Builder, path, needs string) {
	if n.Items != nil {
		n, path = n.Items, path+"[]"
	}
	for _, name := range slices.Sorted(maps.Keys(n.Properties)) {
		field := n.Properties[name]
		of := cmp.Or(field.needs(), needs)
		meaning := field.Description
		if len(field.Enum) > 0 {
			meaning += " One of `" + strings.Join(field.Enum, "`, `") + "`."
		} else if field.Items != nil && len(field.Items.Enum) > 0 {
			meaning += " Of `" + strings.Join(field.Items.Enum, "`, `") + "`."
		}
		fmt.Fprintf(b, "| `%s.%s` | %s | %s | %s |\n", path, name, field.kind(), of, meaning)
		field.rows(b, path+"."+name, of)
	}
}

// kind is the type of a field in words.
func (n *node) kind() string {
	var values node
	switch {
	case n.Type == "array" && n.Items != nil:
		return "list of " + n.Items.kind()
	case n.Type == "object" && json.Unmarshal(n.Additional, &values) == nil && values.Type != "":
		return "map to " + values.kind()
	}
	return n.Type
}
