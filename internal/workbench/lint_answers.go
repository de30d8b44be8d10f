package workbench

import (
	"context"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/finding"
)

// answers looks at what the rule says of the inputs of its cases.
func (c *linter) answers(ctx context.Context, rule *evaluate.Rule, j *judge, inputs []ast.Value) error {
	at := rule.Module().Package.Location
	if len(inputs) == 0 {
		c.report("missing-cases", rule, at, "write "+strings.TrimSuffix(rule.Filename(), ".rego")+"_test.rego, as rules new does", "no test asks the rule anything")
		return nil
	}
	var passes, fails, unknown bool
	for _, input := range inputs {
		answer, err := j.ask(ctx, rule, input)
		if err != nil {
			continue // the case is about that, or rules test says so
		}
		passes = passes || answer.silent()
		fails = fails || len(answer.deny) > 0
		unknown = unknown || len(answer.unknown) > 0
		c.findings(rule, answer)
		if err := c.silence(ctx, rule, j, input, answer); err != nil {
			return err
		}
	}
	for what, there := range map[string]bool{"passes": passes, "fails": fails, "is unknown": unknown || !rule.TellsUnknown()} {
		if !there {
			c.report("missing-case", rule, at, "add such a case beside the rule", "no case %s", what)
		}
	}
	return nil
}

// silence finds documents that the rule uses without saying that it cannot tell
// where they are not there.
func (c *linter) silence(ctx context.Context, rule *evaluate.Rule, j *judge, input ast.Value, answer said) error {
	if len(answer.deny) == 0 {
		return nil
	}
	for _, need := range rule.Uses {
		plain, err := ast.JSON(input)
		if err != nil {
			return fmt.Errorf("reading a case of %s: %w", rule.ID, err)
		}
		less, err := evaluate.Without(rule, plain, need)
		if err != nil {
			return err
		}
		value, err := ast.InterfaceToValue(less)
		if err != nil {
			return fmt.Errorf("reading a case of %s: %w", rule.ID, err)
		}
		if value.Compare(input) == 0 {
			continue
		}
		without, err := j.ask(ctx, rule, value)
		if err == nil && without.silent() {
			c.report("silent-without", rule, c.metadataLine(rule, "uses:"), "say unknown where it is absent, or move it to needs",
				"without %s the rule says nothing of what it fails otherwise: %s", need, messageOf(answer.deny[0]))
			return nil
		}
	}
	return nil
}

func messageOf(f any) string {
	object, _ := f.(map[string]any)
	return fmt.Sprint(object["message"])
}

// findings looks at findings as such.
func (c *linter) findings(rule *evaluate.Rule, answer said) {
	at := rule.Module().Package.Location
	for _, r := range rule.Module().Rules {
		if r.Head.Ref().String() == "deny" {
			at = r.Location
			break
		}
	}
	if err := evaluate.CheckAnswer(rule.ID, answer.deny, answer.unknown); err != nil {
		c.report("malformed-finding", rule, at, "docs/rules.md has the fields of a finding, and the shapes of fixes", "%v", err)
		return
	}
	seen := map[string]string{}
	for _, f := range append(append([]any{}, answer.deny...), answer.unknown...) {
		object, _ := f.(map[string]any)
		identity := fmt.Sprintf("%v\x00%v\x00%v", object["digest"], object["tag"], object["key"])
		if other, again := seen[identity]; again {
			c.report("ambiguous-finding", rule, at, "give each a key", "two findings are in one place, and nothing tells them apart: %q and %q", other, messageOf(f))
			return
		}
		seen[identity] = messageOf(f)
	}
	for _, f := range answer.deny {
		if object, _ := f.(map[string]any); rule.Scope == finding.ScopeImage && object["digest"] == nil {
			c.report("missing-digest", rule, at, `add "digest": image.digest to the finding`, "a finding does not say which image it is: %s", messageOf(f))
			return
		}
	}
}
