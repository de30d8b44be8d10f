package main

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ecraudit/ecraudit/internal/workbench"
)

// Every active rule that judged something is measured, the dearest first.
func TestRulesBench(t *testing.T) {
	w := demoSnapshot(t)
	w.write("r/x.rego", goodRule("x", "[]", `count([1 | some i in numbers.range(1, 20000); i > 0]) < 0`))
	for _, line := range []string{"rules bench --rules r --format json --snapshot org.snapshot"} {
		var costs workbench.Costs
		w.decodeJSON(line, &costs)
		if !slices.IsSortedFunc(costs.Rules, func(a, b workbench.RuleCosts) int {
			if a.Micros > b.Micros {
				return -1
			}
			return 1
		}) {
			t.Error("the rules are not in order")
		}
		share := 0.0
		for _, rule := range costs.Rules {
			share += rule.Share
			if rule.Micros <= 0 || rule.Each <= 0 {
				t.Errorf("%+v", rule)
			}
		}
		if math.Abs(share-100) > 0.01 || len(costs.Rules) < 40 || costs.Images == 0 || costs.AuditMicros <= 0 || costs.InputsMicros <= 0 {
			t.Errorf("%s: %d rules have %v%%, %d images", line, len(costs.Rules), share, costs.Images)
		}
		if costs.Rules[0].Rule != "x" {
			t.Errorf("the dearest rule is %s", costs.Rules[0].Rule)
		}
	}
	if r := w.works("rules bench"); !strings.HasPrefix(r.out, "RULE ") || !strings.Contains(r.out, "10 repositories, 10,000 images") {
		t.Error(r.out)
	}
	if r := w.run("rules bench --snapshot nowhere"); r.code != exitError || !strings.Contains(r.err, "nowhere") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
}

// BenchmarkRulesTest is `rules test` of all default rules, which is to take less
// than ten seconds.
func BenchmarkRulesTest(b *testing.B) {
	for b.Loop() {
		code := run(b.Context(), []string{"rules", "test", "--config", "/dev/null"}, streams{out: &strings.Builder{}, err: &strings.Builder{}})
		if code != 0 {
			b.Fatal(code)
		}
	}
}
