package workbench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/finding"
)

// judge asks rules about inputs that are not from an engine: those of cases.
type judge struct {
	compiler *ast.Compiler
	data     storage.Store
	limit    time.Duration // of one answer
	queries  map[string]rego.PreparedEvalQuery
}

func (l *Library) newJudge(limit time.Duration) (*judge, error) {
	compiler, err := l.compile()
	if err != nil {
		return nil, err
	}
	return &judge{compiler, l.Rules.Data(), limit, map[string]rego.PreparedEvalQuery{}}, nil
}

// TooSlowError is the error of what takes longer than a limit.
type TooSlowError struct{ Limit time.Duration }

func (e *TooSlowError) Error() string { return fmt.Sprintf("took longer than %s", e.Limit) }

// said is what a rule says of one input.
type said struct{ deny, unknown []any }

func (s said) silent() bool { return len(s.deny)+len(s.unknown) == 0 }

// ask returns what a rule says of an input.
func (j *judge) ask(ctx context.Context, rule *evaluate.Rule, input ast.Value) (said, error) {
	query, ready := j.queries[rule.ID]
	if !ready {
		text := "deny := data." + rule.Package() + ".deny"
		if rule.TellsUnknown() {
			text += "; unknown := data." + rule.Package() + ".unknown"
		}
		var err error
		query, err = rego.New(rego.Query(text), rego.Compiler(j.compiler), rego.Store(j.data), rego.StrictBuiltinErrors(true)).PrepareForEval(ctx)
		if err != nil {
			return said{}, fmt.Errorf("asking %s: %w", rule.ID, err)
		}
		j.queries[rule.ID] = query
	}
	limited, cancel := context.WithTimeoutCause(ctx, j.limit, &TooSlowError{j.limit})
	defer cancel()
	results, err := query.Eval(limited, rego.EvalParsedInput(input))
	if err != nil {
		return said{}, fmt.Errorf("asking %s: %w", rule.ID, cmp.Or(context.Cause(limited), err))
	}
	var s said
	for _, result := range results {
		s.deny, _ = result.Bindings["deny"].([]any)
		s.unknown, _ = result.Bindings["unknown"].([]any)
	}
	return s, nil
}

// texts are what is said as a set.
func (s said) texts() (map[string]bool, error) {
	texts := map[string]bool{}
	for status, of := range map[string][]any{"deny": s.deny, "unknown": s.unknown} {
		for _, f := range of {
			value, err := ast.InterfaceToValue(f)
			if err != nil {
				return nil, fmt.Errorf("reading what the rule says: %w", err)
			}
			texts[status+" "+value.String()] = true
		}
	}
	return texts, nil
}

// imagePages are the inputs of cases that have images, of an image rule.
func (r *RuleTests) imagePages(rule *evaluate.Rule) (inputs []ast.Value) {
	if rule.Scope != finding.ScopeImage {
		return nil
	}
	for _, input := range r.inputs {
		if imagesOf(input) != nil {
			inputs = append(inputs, input)
		}
	}
	return inputs
}

// imagesOf are the images of an input, nil where there are none.
func imagesOf(input ast.Value) *ast.Array {
	object, ok := input.(ast.Object)
	if !ok {
		return nil
	}
	images := object.Get(ast.InternedTerm("images"))
	if images == nil {
		return nil
	}
	list, ok := images.Value.(*ast.Array)
	if !ok || list.Len() == 0 {
		return nil
	}
	return list
}

func withImages(input ast.Value, images []*ast.Term) ast.Value {
	page := ast.NewObject([2]*ast.Term{ast.InternedTerm("images"), ast.ArrayTerm(images...)})
	input.(ast.Object).Foreach(func(k, v *ast.Term) {
		if !k.Equal(ast.InternedTerm("images")) {
			page.Insert(k, v)
		}
	})
	return page
}

// pageCases judges the images of every input that the cases asked an image rule
// about page by page and all at once: the answer for one image must not depend
// on the others, which nobody chose.
func (j *judge) pageCases(ctx context.Context, rule *evaluate.Rule, inputs []ast.Value) ([]Case, error) {
	tests := RuleTests{inputs: inputs}
	var failed []Case
	pages := tests.imagePages(rule)
	for _, input := range pages {
		differs, err := j.pagesDiffer(ctx, rule, input)
		if err != nil && (ctx.Err() != nil || !isOfRule(err)) {
			return nil, err
		}
		if err != nil {
			differs = strings.Join(strings.Fields(err.Error()), " ")
		}
		c := Case{Name: "page independence", At: fmt.Sprintf("%s:%d", rule.Filename(), rule.Module().Package.Location.Row), Why: differs}
		if differs != "" && !slices.Contains(failed, c) {
			failed = append(failed, c)
		}
	}
	if len(pages) > 0 && len(failed) == 0 {
		failed = []Case{{Name: "page independence", At: fmt.Sprintf("%s:%d", rule.Filename(), rule.Module().Package.Location.Row), Passed: true}}
	}
	return failed, nil
}

// isOfRule reports whether an error is what a rule did: it took too long, or a
// function of OPA's refused what it was given.
func isOfRule(err error) bool {
	_, slow := errors.AsType[*TooSlowError](err)
	_, refused := errors.AsType[*topdown.Error](err)
	return slow || refused
}

// pagesDiffer says how what is said of images one by one differs from what is
// said of all of them, and of those that the rule is about.
func (j *judge) pagesDiffer(ctx context.Context, rule *evaluate.Rule, input ast.Value) (string, error) {
	whole, err := j.textsOf(ctx, rule, input)
	if err != nil {
		return "", err
	}
	apart := map[string]bool{}
	var selected []*ast.Term
	images := imagesOf(input)
	for i := range images.Len() {
		image := images.Elem(i)
		one, err := j.textsOf(ctx, rule, withImages(input, []*ast.Term{image}))
		if err != nil {
			return "", err
		}
		maps.Copy(apart, one)
		if selects(rule.Images, image) {
			selected = append(selected, image)
		}
	}
	if words := differ(whole, apart); words != "" {
		return fmt.Sprintf("the answer depends on which images share a page: of %d images at once and one by one, %s. Which images share a page is not fixed: look at each image for itself, or at input.repository.stats", images.Len(), words), nil
	}
	part := map[string]bool{}
	if len(selected) > 0 {
		if part, err = j.textsOf(ctx, rule, withImages(input, selected)); err != nil {
			return "", err
		}
	}
	if words := differ(whole, part); words != "" {
		return fmt.Sprintf("custom.images is %s, but the rule speaks of others: with all images and with those alone, %s", rule.Images, words), nil
	}
	return "", nil
}

func (j *judge) textsOf(ctx context.Context, rule *evaluate.Rule, input ast.Value) (map[string]bool, error) {
	answer, err := j.ask(ctx, rule, input)
	if err != nil {
		return nil, err
	}
	return answer.texts()
}

// differ says what only one of two answers has.
func differ(first, second map[string]bool) string {
	var words []string
	only := func(which string, of, other map[string]bool) {
		for _, text := range slices.Sorted(maps.Keys(of)) {
			if !other[text] {
				words = append(words, fmt.Sprintf("only the %s has %s", which, text))
			}
		}
	}
	only("first", first, second)
	only("second", second, first)
	return strings.Join(words, ", ")
}

// selects reports whether a rule with the selection is shown an image of a case,
// by the fields that the case gives.
func selects(s evaluate.Selection, image *ast.Term) bool {
	object, ok := image.Value.(ast.Object)
	if !ok {
		return true
	}
	filled := func(field string) bool {
		value := object.Get(ast.StringTerm(field))
		if value == nil {
			return false
		}
		list, ok := value.Value.(*ast.Array)
		return ok && list.Len() > 0
	}
	switch s {
	case evaluate.Tagged:
		return filled("tags")
	case evaluate.Releases:
		return filled("release_tags")
	case evaluate.Indexes:
		kind := object.Get(ast.StringTerm("kind"))
		return kind != nil && kind.Equal(ast.StringTerm("index"))
	case evaluate.Scanned:
		return object.Get(ast.StringTerm("vulnerabilities")) != nil
	}
	return true
}
