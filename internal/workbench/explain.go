package workbench

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/ecraudit/ecraudit/internal/evaluate"
)

// Clause is one body of a rule, or of what a rule refers to, with what became
// of its expressions in an evaluation.
type Clause struct {
	Name  string `json:"name"` // deny, unknown or that of a helper
	File  string `json:"file"`
	Line  int    `json:"line"`
	Tried int    `json:"tried"` // how often it was looked at
	Held  int    `json:"held"`  // how often all of its expressions held
	Steps []Step `json:"steps"`
}

// Step is one expression of a body.
type Step struct {
	Line int    `json:"line"`
	Text string `json:"text"` // as it stands in the source, on one line
	// Held and Failed count how often the expression held and did not: an
	// expression that iterates may hold many times.
	Held   int `json:"held"`
	Failed int `json:"failed"`
	// Why says by example why it did not hold.
	Why string `json:"why,omitempty"`
}

// Reached reports whether the expression was looked at.
func (s Step) Reached() bool { return s.Held+s.Failed > 0 }

// Explain evaluates a rule on an input that an engine built, and says what
// became of each expression of deny and unknown and of what they refer to in
// the rule's own file, in the order of the file.
func Explain(ctx context.Context, engine *evaluate.Engine, rule *evaluate.Rule, input ast.Value) ([]Clause, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, engine.TimeLimit(), &TooSlowError{engine.TimeLimit()})
	defer cancel()
	t := newTrail(engine.Compiler(), engine.Data(), rule.Module())
	query := "data." + rule.Package() + ".deny"
	if rule.TellsUnknown() { // in one query, so that what both refer to is evaluated once, as in an audit
		query += "; data." + rule.Package() + ".unknown"
	}
	if err := t.follow(ctx, query, rego.EvalParsedInput(input)); err != nil {
		return nil, fmt.Errorf("explaining %s: %w", rule.ID, cmp.Or(context.Cause(ctx), err))
	}
	return t.clauses(ctx), nil
}

// trail follows the trace of an evaluation and sums it up by expression.
type trail struct {
	compiler *ast.Compiler
	data     storage.Store
	sources  map[string]map[[2]int]*ast.Rule // by file and place, as they were written
	running  map[uint64]*course              // by query
	courses  map[*ast.Rule]*course           // by rule as it was written
	note     string                          // of the only case of a table whose failures count
}

// course is what became of one body.
type course struct {
	written     *ast.Rule
	tried, held int
	passes      map[int]*pass // by index of the compiled expression
}

type pass struct {
	expr         *ast.Expr
	tried, fails int
	failure      *failure // the first
}

// failure is what is needed to say why an expression did not hold.
type failure struct {
	expr     *ast.Expr
	siblings ast.Body
	input    *ast.Term
	plugged  map[ast.Var]*ast.Term
}

func newTrail(compiler *ast.Compiler, data storage.Store, modules ...*ast.Module) *trail {
	t := &trail{compiler: compiler, data: data, sources: map[string]map[[2]int]*ast.Rule{}, running: map[uint64]*course{}, courses: map[*ast.Rule]*course{}}
	for _, module := range modules {
		places := map[[2]int]*ast.Rule{}
		ast.WalkRules(module, func(r *ast.Rule) bool {
			if !r.Default {
				places[[2]int{r.Location.Row, r.Location.Col}] = r
			}
			return false
		})
		t.sources[module.Package.Location.File] = places
	}
	return t
}

// follow evaluates a query. Rules are not left out for what an index knows of
// them, because what is left out cannot be explained.
func (t *trail) follow(ctx context.Context, query string, options ...rego.EvalOption) error {
	prepared, err := rego.New(rego.Query(query), rego.Compiler(t.compiler), rego.Store(t.data)).PrepareForEval(ctx)
	if err != nil {
		return err
	}
	_, err = prepared.Eval(ctx, append(options, rego.EvalQueryTracer(t), rego.EvalRuleIndexing(false))...)
	return err
}

func (*trail) Enabled() bool               { return true }
func (*trail) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

// TraceEvent is called by OPA for every step of an evaluation.
func (t *trail) TraceEvent(e topdown.Event) {
	switch node := e.Node.(type) {
	case *ast.Rule:
		t.ruleEvent(&e, node)
	case *ast.Expr:
		if c := t.running[e.QueryID]; c != nil {
			c.exprEvent(&e, node, t.note)
		}
	}
}

func (t *trail) ruleEvent(e *topdown.Event, rule *ast.Rule) {
	if e.Op == topdown.ExitOp {
		if c := t.running[e.QueryID]; c != nil {
			c.held++
		}
		return
	}
	if e.Op != topdown.EnterOp || rule.Location == nil {
		return
	}
	written := t.sources[rule.Location.File][[2]int{rule.Location.Row, rule.Location.Col}]
	if written == nil {
		return
	}
	c := t.courses[written]
	if c == nil {
		c = &course{written: written, passes: map[int]*pass{}}
		t.courses[written] = c
		for _, expr := range rule.Body {
			c.passes[expr.Index] = &pass{expr: expr}
		}
	}
	c.tried++
	t.running[e.QueryID] = c
}

func (c *course) exprEvent(e *topdown.Event, expr *ast.Expr, note string) {
	p := c.passes[expr.Index]
	if p == nil {
		return
	}
	switch e.Op {
	case topdown.EvalOp:
		p.tried++
	case topdown.FailOp:
		if note != "" && !c.isAbout(e, note) {
			return
		}
		p.fails++
		if p.failure == nil {
			p.failure = c.failureAt(e, expr)
		}
	}
}

// isAbout reports whether a variable of the body is the case with the note, or
// the note itself.
func (c *course) isAbout(e *topdown.Event, note string) bool {
	about := false
	for _, p := range c.passes {
		eachValue(e, p.expr, func(_ ast.Var, value *ast.Term) {
			if object, ok := value.Value.(ast.Object); ok {
				value = object.Get(ast.InternedTerm("note"))
			}
			about = about || value != nil && value.Value.Compare(ast.String(note)) == 0
		})
	}
	return about
}

func eachValue(e *topdown.Event, expr *ast.Expr, tell func(ast.Var, *ast.Term)) {
	ast.WalkVars(expr, func(v ast.Var) bool {
		if value := e.Plug(ast.NewTerm(v)); value != nil && ast.IsConstant(value.Value) {
			tell(v, value)
		}
		return false
	})
}

// failureAt keeps the values of variables as they are now.
func (c *course) failureAt(e *topdown.Event, expr *ast.Expr) *failure {
	f := &failure{expr: expr, input: e.Input(), plugged: map[ast.Var]*ast.Term{}}
	for _, p := range c.passes {
		f.siblings = append(f.siblings, p.expr)
	}
	eachValue(e, expr, func(v ast.Var, value *ast.Term) { f.plugged[v] = value })
	return f
}

// clauses sums up what became of the bodies.
func (t *trail) clauses(ctx context.Context) []Clause {
	var all []Clause
	for _, c := range t.courses {
		clause := Clause{
			Name: c.written.Head.Ref().String(), File: c.written.Location.File, Line: c.written.Location.Row,
			Tried: c.tried, Held: c.held, Steps: c.steps(func(f *failure) string { return t.why(ctx, f) }),
		}
		all = append(all, clause)
	}
	slices.SortFunc(all, func(a, b Clause) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line)) })
	return all
}

// steps puts the compiled expressions, of which one that was written may have
// several, back together.
func (c *course) steps(why func(*failure) string) []Step {
	steps := make([]Step, 0, len(c.written.Body))
	for _, expr := range c.written.Body {
		if boolean, isTrue := expr.Terms.(*ast.Term); isTrue && boolean.Equal(ast.InternedTerm(true)) {
			continue // a rule without a body has this one
		}
		step := Step{Line: expr.Location.Row, Text: onOneLine(expr.Location.Text)}
		last := -1
		for _, index := range c.indexes() {
			p := c.passes[index]
			if !within(p.expr.Location, expr.Location) {
				continue
			}
			step.Failed += p.fails
			if step.Why == "" && p.failure != nil {
				step.Why = why(p.failure)
			}
			last = index
		}
		step.Held = c.after(last)
		steps = append(steps, step)
	}
	return steps
}

func (c *course) indexes() []int {
	indexes := make([]int, 0, len(c.passes))
	for index := range c.passes {
		indexes = append(indexes, index)
	}
	slices.Sort(indexes)
	return indexes
}

// after is how often the expression at an index held: how often the next one was
// looked at, or the whole body held.
func (c *course) after(index int) int {
	if index < 0 {
		return 0
	}
	if next := c.passes[index+1]; next != nil {
		return next.tried
	}
	return c.held
}

func within(inner, outer *ast.Location) bool {
	return inner != nil && inner.Offset >= outer.Offset && inner.Offset < outer.Offset+max(len(outer.Text), 1)
}

// why says why an expression did not hold.
func (t *trail) why(ctx context.Context, f *failure) string {
	if f.expr.Negated {
		if words := t.operands(ctx, f, true); words != "" {
			return words
		}
		return "what must not hold does"
	}
	return t.operands(ctx, f, false)
}

// operands gives the values of what an expression looks at.
func (t *trail) operands(ctx context.Context, f *failure, negated bool) string {
	var terms []*ast.Term
	switch of := f.expr.Terms.(type) {
	case *ast.Term:
		terms = []*ast.Term{of}
	case []*ast.Term:
		terms = of[1:]
	case *ast.Every:
		return t.describe(ctx, f, of.Domain)
	}
	var words []string
	for _, term := range terms {
		if ast.IsConstant(term.Value) || t.isOutput(f, term) {
			continue
		}
		if text := t.describe(ctx, f, term); text != "" && !slices.Contains(words, text) {
			words = append(words, text)
		}
	}
	if len(words) == 0 && negated {
		return ""
	}
	return strings.Join(words, ", ")
}

// isOutput reports whether a term is a variable that the expression was to set.
func (*trail) isOutput(f *failure, term *ast.Term) bool {
	v, isVar := term.Value.(ast.Var)
	return isVar && f.plugged[v] == nil
}

// longestValue is how much of a value is shown.
const longestValue = 160

func (t *trail) describe(ctx context.Context, f *failure, term *ast.Term) string {
	text := t.text(f, term)
	value := t.value(ctx, f, term)
	if value == nil {
		if missing := t.missing(ctx, f, term); missing != "" {
			return missing
		}
		if _, isRef := term.Value.(ast.Ref); !isRef {
			return ""
		}
		return text + " is not defined"
	}
	return text + " is " + shortValue(value)
}

// shortValue shows a value on one line. Of a large object what tells it apart is
// shown: rules run --input has it in full.
func shortValue(value ast.Value) string {
	if object, ok := value.(ast.Object); ok && object.Len() > 4 {
		for _, name := range []string{"digest", "name", "arn", "principal", "prefix", "id"} {
			if field := object.Get(ast.StringTerm(name)); field != nil {
				return fmt.Sprintf("{%q: %s, …}", name, shortValue(field.Value))
			}
		}
	}
	shown := value.String()
	if runes := []rune(shown); len(runes) > longestValue {
		shown = string(runes[:longestValue]) + "…"
	}
	return shown
}

// text is how a term was written.
func (t *trail) text(f *failure, term *ast.Term) string {
	switch value := term.Value.(type) {
	case ast.Var:
		if name, known := t.compiler.RewrittenVars[value]; known && !strings.HasPrefix(string(name), ast.LocalVarPrefix) {
			return string(name)
		}
		for _, sibling := range f.siblings { // what was put into a variable of its own
			if sibling == f.expr {
				continue
			}
			if same := equated(sibling, value); same != nil {
				return t.text(f, same)
			}
			if sets(sibling, value) && sibling.Location != nil {
				return onOneLine(sibling.Location.Text)
			}
		}
		if strings.HasPrefix(string(value), ast.LocalVarPrefix) {
			return "_"
		}
	case ast.Ref:
		shown := slices.Clone(value)
		shown[0] = ast.VarTerm(t.text(f, value[0]))
		for i := 1; i < len(shown); i++ {
			if v, isVar := shown[i].Value.(ast.Var); isVar {
				if bound := f.plugged[v]; bound != nil {
					shown[i] = bound
				} else {
					shown[i] = ast.VarTerm(t.text(f, shown[i]))
				}
			}
		}
		return shortRef(shown)
	case *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension, ast.Call:
		if term.Location != nil && len(term.Location.Text) > 0 {
			return onOneLine(term.Location.Text)
		}
	}
	return term.String()
}

func onOneLine(text []byte) string { return strings.Join(strings.Fields(string(text)), " ") }

// shortRef leaves out the package of rules, as sources do.
func shortRef(ref ast.Ref) string {
	text := ref.String()
	rest, inPackage := strings.CutPrefix(text, "data.ecraudit.rules.")
	if !inPackage {
		return text
	}
	_, name, found := strings.Cut(rest, ".")
	if !found {
		return text
	}
	return name
}

// equated is what a variable is put equal to, nil where the expression does not.
func equated(expr *ast.Expr, v ast.Var) *ast.Term {
	if !expr.IsEquality() {
		return nil
	}
	for i, term := range expr.Operands() {
		if term.Value.Compare(v) == 0 {
			return expr.Operand(1 - i)
		}
	}
	return nil
}

// sets reports whether an expression gives a variable its value.
func sets(expr *ast.Expr, v ast.Var) bool {
	terms, ok := expr.Terms.([]*ast.Term)
	return ok && len(terms) > 1 && terms[len(terms)-1].Value.Compare(v) == 0
}

// value evaluates a term as it stands, nil where it is undefined.
func (t *trail) value(ctx context.Context, f *failure, term *ast.Term) ast.Value {
	switch value := term.Value.(type) {
	case ast.Var:
		if bound := f.plugged[value]; bound != nil {
			return bound.Value
		}
		return nil
	case ast.Ref:
		return t.refValue(ctx, f, value)
	}
	return t.query(ctx, f, term)
}

func (t *trail) refValue(ctx context.Context, f *failure, ref ast.Ref) ast.Value {
	plugged := ref.Copy()
	for i, part := range plugged {
		if v, isVar := part.Value.(ast.Var); isVar && f.plugged[v] != nil {
			plugged[i] = f.plugged[v]
		}
	}
	if plugged[0].Equal(ast.InputRootDocument) && f.input != nil && len(f.expr.With) == 0 {
		return find(f.input.Value, plugged[1:])
	}
	if ast.IsConstant(plugged[0].Value) {
		return find(plugged[0].Value, plugged[1:])
	}
	return t.query(ctx, f, ast.NewTerm(plugged))
}

func find(value ast.Value, path ast.Ref) ast.Value {
	if !path.IsGround() {
		return nil
	}
	if len(path) == 0 {
		return value
	}
	found, err := value.Find(path)
	if err != nil {
		return nil
	}
	return found
}

// query evaluates a term with what the expression puts in the place of other
// values.
func (t *trail) query(ctx context.Context, f *failure, term *ast.Term) ast.Value {
	expr := ast.Equality.Expr(ast.VarTerm("value"), term)
	for _, with := range f.expr.With {
		w := with.Copy()
		if v, isVar := w.Value.Value.(ast.Var); isVar && f.plugged[v] != nil {
			w.Value = f.plugged[v]
		}
		expr.With = append(expr.With, w)
	}
	options := []func(*rego.Rego){rego.ParsedQuery(ast.NewBody(expr)), rego.Compiler(t.compiler), rego.Store(t.data)}
	if f.input != nil {
		options = append(options, rego.ParsedInput(f.input.Value))
	}
	results, err := rego.New(options...).Eval(ctx)
	if err != nil || len(results) == 0 {
		return nil
	}
	value, err := ast.InterfaceToValue(results[0].Bindings["value"])
	if err != nil {
		return nil
	}
	return value
}

// missing names the first part of a reference that is not there.
func (t *trail) missing(ctx context.Context, f *failure, term *ast.Term) string {
	ref, isRef := term.Value.(ast.Ref)
	if !isRef {
		return ""
	}
	for n := 2; n <= len(ref); n++ {
		if n < 3 && ref[0].Equal(ast.DefaultRootDocument) {
			continue
		}
		if !ref[:n].IsGround() && f.plugged[lastVar(ref[:n])] == nil && n > 1 && isFreeVar(f, ref[n-1]) {
			return t.text(f, ast.NewTerm(ref[:n-1])) + " has no element for which it holds"
		}
		if t.refValue(ctx, f, ref[:n]) == nil && !ref[0].Equal(ast.DefaultRootDocument) {
			return t.text(f, ast.NewTerm(ref[:n])) + " is not there"
		}
	}
	switch {
	case !ref[0].Equal(ast.DefaultRootDocument):
		return ""
	case len(t.compiler.GetRules(ref.GroundPrefix())) == 0:
		return "there is no " + ref.GroundPrefix().String()
	}
	return t.text(f, term) + " does not hold"
}

func lastVar(ref ast.Ref) ast.Var {
	for i := len(ref) - 1; i > 0; i-- {
		if v, isVar := ref[i].Value.(ast.Var); isVar {
			return v
		}
	}
	return ""
}

func isFreeVar(f *failure, term *ast.Term) bool {
	v, isVar := term.Value.(ast.Var)
	return isVar && f.plugged[v] == nil
}
