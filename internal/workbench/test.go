package workbench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/finding"
)

// TestReport is how the cases of rules went.
type TestReport struct {
	Rules     []RuleTests `json:"rules"`
	Passed    int         `json:"passed"`
	Failed    int         `json:"failed"`
	Coverage  float64     `json:"coverage"` // of the rules' expressions, in percent
	LeastRule string      `json:"least_covered,omitempty"`
	Seconds   float64     `json:"seconds"`
	// WithoutCases are bundles and artifacts that were not tested, because they
	// hold no cases.
	WithoutCases []string `json:"without_cases,omitempty"`
}

// RuleTests is how the cases of one rule went.
type RuleTests struct {
	Rule     string        `json:"rule"`
	File     string        `json:"file"`
	Scope    finding.Scope `json:"scope"`
	Cases    []Case        `json:"cases"`
	Coverage float64       `json:"coverage"`
	// NotCovered are lines of the rule that no case evaluates.
	NotCovered []Lines `json:"not_covered"`
	// Pages is how often images were judged page by page and all at once.
	Pages   int     `json:"pages"`
	Seconds float64 `json:"seconds"`

	inputs []ast.Value
}

// Lines are from a line to another, both included.
type Lines struct {
	From int `json:"from"`
	To   int `json:"to"`
}

func (l Lines) String() string {
	if l.From == l.To {
		return fmt.Sprint(l.From)
	}
	return fmt.Sprintf("%d-%d", l.From, l.To)
}

// Case is how one case went.
type Case struct {
	Name   string `json:"name"`
	At     string `json:"at"` // file:line
	Passed bool   `json:"passed"`
	Why    string `json:"why,omitempty"`    // it failed, in words
	Output string `json:"output,omitempty"` // what it printed
}

// Failed counts the cases that did not pass.
func (r *RuleTests) Failed() (n int) {
	for _, c := range r.Cases {
		if !c.Passed {
			n++
		}
	}
	return n
}

// Test runs the cases whose names match a pattern of package.name, RE2 and empty
// for all, and looks at what they cover. A rule without cases has none in the
// report. Limit is how long one test may take.
func (l *Library) Test(ctx context.Context, pattern string, limit time.Duration) (*TestReport, error) {
	began := time.Now()
	run, err := l.runTests(ctx, pattern, limit)
	if err != nil {
		return nil, err
	}
	report := &TestReport{Rules: []RuleTests{}}
	judge, err := l.newJudge(limit)
	if err != nil {
		return nil, err
	}
	coverage := run.coverage.cover.Report(l.modules())
	covered, all := 0, 0
	for _, rule := range l.Chosen() {
		tests := run.of(ctx, rule)
		if pattern != "" && len(tests.Cases) == 0 {
			continue
		}
		pages, err := judge.pageCases(ctx, rule, tests.inputs)
		if err != nil {
			return nil, err
		}
		tests.Pages = len(tests.imagePages(rule))
		tests.Cases = append(tests.Cases, pages...)
		if file := coverage.Files[rule.Filename()]; file != nil {
			tests.Coverage = file.Coverage
			for _, lines := range file.NotCovered {
				tests.NotCovered = append(tests.NotCovered, Lines{lines.Start.Row, lines.End.Row})
			}
			covered, all = covered+file.CoveredLines, all+file.CoveredLines+file.NotCoveredLines
		}
		report.add(tests)
	}
	if all > 0 {
		report.Coverage = 100 * float64(covered) / float64(all)
	}
	report.Seconds = time.Since(began).Seconds()
	return report, nil
}

func (r *TestReport) add(tests *RuleTests) {
	failed := tests.Failed()
	r.Failed += failed
	r.Passed += len(tests.Cases) - failed
	if least := r.rule(r.LeastRule); least == nil || tests.Coverage < least.Coverage {
		r.LeastRule = tests.Rule
	}
	r.Rules = append(r.Rules, *tests)
}

func (r *TestReport) rule(id string) *RuleTests {
	for i := range r.Rules {
		if r.Rules[i].Rule == id {
			return &r.Rules[i]
		}
	}
	return nil
}

// Untested are the rules without any case.
func (r *TestReport) Untested() (ids []string) {
	for _, rule := range r.Rules {
		if len(rule.Cases) == 0 {
			ids = append(ids, rule.Rule)
		}
	}
	return ids
}

// testRun is what OPA's runner said, by file of tests.
type testRun struct {
	library  *Library
	limit    time.Duration
	results  []*tester.Result
	coverage *witness
}

func (l *Library) runTests(ctx context.Context, pattern string, limit time.Duration) (*testRun, error) {
	run := &testRun{library: l, limit: limit, coverage: newWitness(l)}
	runner := tester.NewRunner().SetTimeout(limit).SetStore(l.Rules.Data()).CapturePrintOutput(true).RaiseBuiltinErrors(true).
		SetCompiler(newCompiler()).SetModules(l.modules()).SetCoverageQueryTracer(run.coverage).Filter(pattern).SetParallel(runtime.GOMAXPROCS(0))
	results, err := runner.RunTests(ctx, nil)
	if err != nil {
		return nil, inLines(err)
	}
	for result := range results {
		if l.isChosen(result.Location.File) {
			run.results = append(run.results, result)
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	slices.SortFunc(run.results, func(a, b *tester.Result) int {
		return cmp.Or(cmp.Compare(a.Location.File, b.Location.File), cmp.Compare(a.Location.Row, b.Location.Row), cmp.Compare(a.Name, b.Name))
	})
	return run, nil
}

// inLines puts errors of OPA's compiler as file:line: message, one a line.
func inLines(err error) error {
	var problems ast.Errors
	if !errors.As(err, &problems) {
		return fmt.Errorf("running the cases: %w", err)
	}
	lines := make([]error, len(problems))
	for i, p := range problems {
		lines[i] = fmt.Errorf("%s: %s", p.Location, p.Message)
	}
	return errors.Join(lines...)
}

func (l *Library) isChosen(testFile string) bool {
	return slices.ContainsFunc(l.Chosen(), func(r *evaluate.Rule) bool { return l.testsRule(testFile, r) })
}

// of is what the run says of a rule.
func (r *testRun) of(ctx context.Context, rule *evaluate.Rule) *RuleTests {
	tests := &RuleTests{Rule: rule.ID, File: rule.Filename(), Scope: rule.Scope, Cases: []Case{}, NotCovered: []Lines{}, inputs: r.coverage.inputs(rule)}
	files := r.library.testFiles(rule)
	for _, result := range r.results {
		if !slices.Contains(files, result.Location.File) {
			continue
		}
		tests.Seconds += result.Duration.Seconds()
		tests.Cases = append(tests.Cases, r.cases(ctx, result)...)
	}
	return tests
}

// cases are those of one test: its own, or those of its table.
func (r *testRun) cases(ctx context.Context, result *tester.Result) []Case {
	at := fmt.Sprintf("%s:%d", result.Location.File, result.Location.Row)
	whole := Case{Name: result.Name, At: at, Passed: result.Pass(), Output: strings.TrimSpace(string(result.Output))}
	switch {
	case topdown.IsCancel(result.Error):
		whole.Why = fmt.Sprintf("it took longer than %s, after which a rule is unknown in an audit: --rule-timeout", r.limit)
		return []Case{whole}
	case result.Error != nil:
		whole.Why = "it ended with an error: " + errorWords(result.Error)
		return []Case{whole}
	case result.Skip:
		whole.Passed, whole.Why = false, "it is skipped: remove todo_ from its name"
		return []Case{whole}
	case len(result.SubResults) == 0:
		if !whole.Passed {
			whole.Why = r.library.whyFailed(ctx, result, "")
		}
		return []Case{whole}
	}
	var cases []Case
	for path, sub := range result.SubResults.Iter {
		if len(sub.SubResults) > 0 {
			continue
		}
		c := Case{Name: result.Name + ": " + strings.Join(path, "/"), At: at, Passed: !sub.Fail}
		if sub.Fail {
			c.Why, c.Output = r.library.whyFailed(ctx, result, path[0]), whole.Output
			if place := r.library.noteAt(result.Location.File, path[0]); place != "" {
				c.At = place
			}
		}
		cases = append(cases, c)
	}
	slices.SortStableFunc(cases, func(a, b Case) int { return cmp.Compare(a.Name, b.Name) })
	return cases
}

// builtinErrors are several errors of OPA's functions in the words of its runner:
// code, message, place, and where they lie in memory.
var builtinErrors = regexp.MustCompile(`\{([a-z_]+) ([^{}]*?) (\S+\.rego:[0-9]+) [^{}]*\}`)

// errorWords is an error on a line. Of several, each is said once.
func errorWords(err error) string {
	var words []string
	for _, part := range builtinErrors.FindAllStringSubmatch(err.Error(), -1) {
		if word := fmt.Sprintf("%s: %s: %s", part[3], part[1], part[2]); !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	if len(words) == 0 {
		words = []string{err.Error()}
	}
	return strings.Join(strings.Fields(strings.Join(words, "; ")), " ")
}

// noteAt finds the line of a table that has the note of a case.
func (l *Library) noteAt(file, note string) string {
	place := ""
	ast.WalkTerms(l.tests[file], func(t *ast.Term) bool {
		if text, ok := t.Value.(ast.String); ok && string(text) == note && place == "" && t.Location != nil {
			place = fmt.Sprintf("%s:%d", file, t.Location.Row)
		}
		return false
	})
	return place
}

// witness sees the cases run: it measures coverage, and remembers every input
// that a rule was asked about.
type witness struct {
	cover *cover.Cover
	rules map[string]*evaluate.Rule // by file

	mu    sync.Mutex // of what follows: tests run at the same time
	terms map[string]map[*ast.Term]bool
	seen  map[string][]ast.Value
}

func newWitness(l *Library) *witness {
	w := &witness{cover: cover.New(), rules: map[string]*evaluate.Rule{}, terms: map[string]map[*ast.Term]bool{}, seen: map[string][]ast.Value{}}
	for _, rule := range l.Chosen() {
		w.rules[rule.Filename()] = rule
		w.terms[rule.ID] = map[*ast.Term]bool{}
	}
	return w
}

func (*witness) Enabled() bool               { return true }
func (*witness) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

// TraceEvent is called by OPA for every step of an evaluation.
func (w *witness) TraceEvent(e topdown.Event) {
	w.cover.TraceEvent(e)
	input := e.Input()
	if input == nil || e.Location == nil {
		return
	}
	rule := w.asked(e)
	if rule == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.terms[rule.ID][input] {
		return
	}
	w.terms[rule.ID][input] = true
	known := func(v ast.Value) bool { return v.Compare(input.Value) == 0 }
	if !slices.ContainsFunc(w.seen[rule.ID], known) {
		w.seen[rule.ID] = append(w.seen[rule.ID], input.Value)
	}
}

// asked is the rule that an event is about: one of its expressions is evaluated, or
// OPA's index knows without it that no body holds.
func (w *witness) asked(e topdown.Event) *evaluate.Rule {
	if rule := w.rules[e.Location.File]; rule != nil || e.Op != topdown.IndexOp || e.Ref == nil {
		return rule
	}
	for _, rule := range w.rules {
		if e.Ref.HasPrefix(rule.Module().Package.Path) {
			return rule
		}
	}
	return nil
}

// inputs are those that a rule was asked about, in an order that does not depend
// on which test came first.
func (w *witness) inputs(rule *evaluate.Rule) []ast.Value {
	return slices.SortedFunc(slices.Values(w.seen[rule.ID]), ast.Value.Compare)
}
