package remediate_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecraudit/ecraudit/internal/remediate"
)

// A plan survives being written and read, and any change of any of its fields
// shows.
func TestAlteredPlan(t *testing.T) {
	plan := newWorld(t).plan(remediate.Filter{Repository: func(name string) bool {
		return slices.Contains([]string{"untag/last", "policy/public", "lifecycle/none", "mutability/excluded", "scanning/off", "tags/other", "archive/unused"}, name)
	}})
	text := string(written(t, plan))
	back, err := remediate.ReadPlan(strings.NewReader(text), "plan.json")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "read back", text, string(written(t, back)))

	var document any
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	altered := 0
	alter(document, "", func(at string) {
		out, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		altered++
		if _, err := remediate.ReadPlan(strings.NewReader(string(out)), "plan.json"); err == nil {
			t.Errorf("a plan in which %s was altered is taken", at)
		}
	})
	if altered < 200 {
		t.Errorf("only %d fields were altered", altered)
	}
}

// alter changes each value of a document in turn, has it looked at, and puts it
// back.
func alter(v any, at string, look func(at string)) {
	each := func(at string, value any, set func(any)) {
		for _, other := range others(value) {
			set(other)
			look(fmt.Sprintf("%s to %v", at, other))
		}
		set(value)
		alter(value, at, look)
	}
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			each(at+"."+key, value, func(other any) { v[key] = other })
			delete(v, key)
			if !isZero(value) {
				look(at + "." + key + ": gone")
			}
			v[key] = value
		}
		v["surplus"] = "yes"
		look(at + ".surplus")
		delete(v, "surplus")
	case []any:
		for i, value := range v {
			each(fmt.Sprintf("%s[%d]", at, i), value, func(other any) { v[i] = other })
		}
	}
}

// isZero is a value whose absence means the same.
func isZero(v any) bool {
	if fields, ok := v.(map[string]any); ok {
		return !slices.ContainsFunc(mapValues(fields), func(one any) bool { return !isZero(one) })
	}
	return slices.Contains([]any{"", "info", false, 0.0, nil}, v)
}

func mapValues(m map[string]any) (list []any) {
	for _, v := range m {
		list = append(list, v)
	}
	return list
}

func others(v any) []any {
	switch v := v.(type) {
	case string:
		return []any{v + "x"}
	case bool:
		return []any{!v}
	case float64:
		return []any{v + 1}
	case []any:
		return []any{append(slices.Clone(v), nil)}
	}
	return nil
}

func TestReadPlanRefuses(t *testing.T) {
	text := string(written(t, newWorld(t).plan(remediate.Filter{})))
	for name, c := range map[string]struct{ text, words string }{
		"another schema":   {strings.Replace(text, remediate.Schema, "ecraudit.plan/v9", 1), `its schema is "ecraudit.plan/v9"`},
		"a report":         {`{"schema":"ecraudit.report/v1"}`, "is not a plan of this version"},
		"cut off":          {text[:len(text)/2], "is not a plan"},
		"not JSON":         {"plan: yes", "is not a plan"},
		"nothing":          {"", "is not a plan"},
		"an unknown field": {strings.Replace(text, `"complete"`, `"new_field": 1, "complete"`, 1), "altered"},
		"something after":  {text + text, "is not a plan"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := remediate.ReadPlan(strings.NewReader(c.text), "plan.json")
			if err == nil || !strings.Contains(err.Error(), c.words) || !strings.Contains(err.Error(), "plan.json") {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestPlanChecks(t *testing.T) {
	plan := &remediate.Plan{Clock: time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC), Organization: "o-a1b2c3d4e5", Partition: "aws"}
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		err   error
		words string // none is no error
	}{
		"in time":                {plan.CheckAge(plan.Clock.Add(day), day), ""},
		"too old":                {plan.CheckAge(plan.Clock.Add(day+time.Minute), day), "--max-age"},
		"same organization":      {plan.CheckOrganization("o-a1b2c3d4e5", "aws"), ""},
		"other organization":     {plan.CheckOrganization("o-zzzzzzzzzz", "aws"), "o-a1b2c3d4e5"},
		"unknown organization":   {plan.CheckOrganization("", "aws"), "organizations:DescribeOrganization"},
		"other partition":        {plan.CheckOrganization("o-a1b2c3d4e5", "aws-cn"), "partition"},
		"a plan that knows none": {(&remediate.Plan{Partition: "aws"}).CheckOrganization("o-a1b2c3d4e5", "aws"), "without knowing its organization"},
		"neither knows one":      {(&remediate.Plan{Partition: "aws"}).CheckOrganization("", "aws"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if (c.err == nil) != (c.words == "") || c.err != nil && !strings.Contains(c.err.Error(), c.words) {
				t.Errorf("%v", c.err)
			}
		})
	}
}

// A filter of the plan does what the filter of an apply does.
func TestFilter(t *testing.T) {
	w := newWorld(t)
	plan := w.plan(remediate.Filter{})
	ids := func(changes []remediate.Change) (list []string) {
		for _, c := range changes {
			list = append(list, c.ID)
		}
		return list
	}
	for name, c := range map[string]struct {
		filter remediate.Filter
		fits   func(*remediate.Change) bool
	}{
		"repository": {remediate.Filter{Repository: func(name string) bool { return strings.HasPrefix(name, "untag/") }}, func(c *remediate.Change) bool { return strings.HasPrefix(c.Repository, "untag/") }},
		"safe":       {remediate.Filter{MaxRisk: remediate.RiskSafe}, func(c *remediate.Change) bool { return c.Risk == remediate.RiskSafe }},
		"to review":  {remediate.Filter{MaxRisk: remediate.RiskReview}, func(c *remediate.Change) bool { return c.Risk != remediate.RiskDestructive }},
		"rule":       {remediate.Filter{Rules: []string{"required-tags"}}, func(c *remediate.Change) bool { return c.Kind == remediate.KindTags }},
	} {
		t.Run(name, func(t *testing.T) {
			chosen, rest := plan.Choose(c.filter)
			if len(chosen) == 0 || len(rest) == 0 || len(chosen)+len(rest) != len(plan.Changes) {
				t.Fatalf("%d chosen, %d others of %d", len(chosen), len(rest), len(plan.Changes))
			}
			for i := range chosen {
				if !c.fits(&chosen[i]) {
					t.Errorf("%+v does not fit", chosen[i])
				}
			}
			for i := range rest {
				if c.fits(&rest[i]) {
					t.Errorf("%+v was not chosen", rest[i])
				}
			}
			if got := w.plan(c.filter); !slices.Equal(ids(got.Changes), ids(chosen)) {
				t.Errorf("a plan with the filter has %v, not %v", ids(got.Changes), ids(chosen))
			}
		})
	}
}

// A change keeps its id when the plan is made again, and no two share one.
func TestChangeIDs(t *testing.T) {
	w := newWorld(t)
	seen := map[string]bool{}
	plan := w.plan(remediate.Filter{})
	for _, c := range plan.Changes {
		if seen[c.ID] {
			t.Errorf("two changes have the id %s", c.ID)
		}
		seen[c.ID] = true
	}
	for _, c := range w.plan(remediate.Filter{}).Changes {
		if !seen[c.ID] {
			t.Errorf("%s: %s has another id", c.Where(), c.Kind)
		}
	}
}
