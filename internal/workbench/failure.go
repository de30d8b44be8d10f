package workbench

import (
	"context"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/tester"
)

// whyFailed says in words which expressions of a test did not hold. note is the
// case of a table, empty for a test of its own.
func (l *Library) whyFailed(ctx context.Context, result *tester.Result, note string) string {
	compiler, err := l.compile(result.Location.File)
	if err != nil {
		return err.Error()
	}
	t := newTrail(compiler, l.Rules.Data(), l.tests[result.Location.File])
	t.note = note
	if err := t.follow(ctx, result.Package+"."+result.Name); err != nil {
		return strings.Join(strings.Fields(err.Error()), " ")
	}
	var words []string
	for _, clause := range t.clauses(ctx) {
		if !strings.HasPrefix(clause.Name, result.Name) {
			continue
		}
		for _, step := range clause.Steps {
			if step.Failed > 0 {
				line := fmt.Sprintf("line %d: %s does not hold", step.Line, step.Text)
				if step.Why != "" {
					line += ": " + step.Why
				}
				words = append(words, line)
			}
		}
	}
	return strings.Join(words, "\n")
}
