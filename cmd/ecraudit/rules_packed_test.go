package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ecraudit/ecraudit/internal/workbench"
)

const packedCases = `package ecraudit.rules.packed_test

import data.ecraudit.rules.packed as rule

test_as_the_data_says if count(rule.deny) == 1 with input as {"repository": {"name": "forbidden"}}

test_else if count(rule.deny) == 0 with input as {"repository": {"name": "team/api"}}
`

// packedRule refers to data of its bundle.
func packedRule() string {
	return goodRule("packed", "[]", `input.repository.name in data.names.forbidden`)
}

func (w *world) tests(line string) workbench.TestReport {
	w.t.Helper()
	var report workbench.TestReport
	r := w.run("rules test --format json " + line)
	if err := json.Unmarshal([]byte(r.out), &report); err != nil {
		w.t.Fatalf("%s: %v\n%s\n%s", line, err, r.out, r.err)
	}
	return report
}

func tested(r workbench.TestReport, id string) int {
	at := slices.IndexFunc(r.Rules, func(t workbench.RuleTests) bool { return t.Rule == id })
	if at < 0 {
		return 0
	}
	return len(r.Rules[at].Cases) - r.Rules[at].Failed()
}

// Cases in bundles and artifacts are run with the data of the bundle, whether the bundle
// is named or one of those that are used. Where it holds none, that is said.
func TestRulesTestOfBundlesAndArtifacts(t *testing.T) {
	w := demoWorld(t)
	files := map[string]string{"rules/packed.rego": packedRule(), "rules/packed_test.rego": packedCases, "names/data.json": `{"forbidden": ["forbidden"]}`}
	w.opaBuild("with.tar.gz", files, nil)
	registry := newRegistry(t)
	pinned, _ := registry.push("platform/rules", "v1", layer{"with.tar.gz", "application/gzip", tarOf(t, files)})
	delete(files, "rules/packed_test.rego")
	w.opaBuild("without.tar.gz", files, nil)

	for _, line := range []string{"with.tar.gz", "with.tar.gz//rules", "with.tar.gz//rules/packed.rego", pinned, "--rules with.tar.gz", "--rules " + pinned} {
		if got := tested(w.tests(line), "packed"); got != 2 {
			t.Errorf("%s: %d cases passed", line, got)
		}
	}
	report := w.tests("--rules without.tar.gz")
	if !slices.Equal(report.WithoutCases, []string{"without.tar.gz"}) || slices.ContainsFunc(report.Rules, func(r workbench.RuleTests) bool { return r.Rule == "packed" }) {
		t.Errorf("%v", report.WithoutCases)
	}
	if r := w.run("rules test --rules without.tar.gz"); r.code != 0 || !strings.Contains(r.out, "Not tested, for it holds no cases: without.tar.gz.") {
		t.Errorf("exit code %d\n%s", r.code, r.out)
	}
	if r := w.run("rules test without.tar.gz"); r.code != 2 || !strings.Contains(r.out, "FAILED: no case tests packed") {
		t.Errorf("exit code %d\n%s", r.code, r.out)
	}
	if r := w.works("rules docs --rules with.tar.gz"); !strings.Contains(r.out, "Its source: with.tar.gz//rules/packed.rego") {
		t.Error(r.out)
	}
	if r := w.works("rules lint with.tar.gz"); strings.Contains(r.out, "missing-page") {
		t.Error(r.out)
	}
}

// What the data of a bundle says is there when a rule is explained, too.
func TestRulesRunExplainsWithData(t *testing.T) {
	w := demoSnapshot(t)
	w.write("packed.tar.gz", tarOf(t, map[string]string{"packed.rego": packedRule(), "names/data.json": `{"forbidden": ["tools/flag-says-scanned"]}`}))
	failing := 0
	for _, run := range w.runRule("packed --rules packed.tar.gz --explain") {
		if run.Verdict == "fail" {
			failing++
		}
		for _, clause := range run.Trace {
			if held := clause.Held > 0; held != (run.Verdict == "fail") {
				t.Errorf("%s is %s, and its explanation holds %d times", run.Repository, run.Verdict, clause.Held)
			}
		}
	}
	if failing != 1 {
		t.Errorf("%d repositories fail", failing)
	}
}

// An endless rule does not keep the workbench from its end.
func TestRulesTestOfEndlessRules(t *testing.T) {
	w := demoWorld(t)
	endless := "some i in numbers.range(1, 100000)\n\tsome j in numbers.range(1, 100000)\n\ti * j == -1"
	w.write("r/x.rego", strings.Replace(goodRule("x", "[images]", "some image in input.images\n\timage.tags[0] == \"slow\"\n\t"+endless), "scope: repository", "scope: image", 1))
	w.write("r/x_test.rego", `package ecraudit.rules.x_test

import data.ecraudit.rules.x as rule

test_slow if count(rule.deny) == 1 with input as {"images": [{"tags": ["slow"]}]}

test_quick if count(rule.deny) == 0 with input as {"images": [{"tags": ["quick"]}]}
`)
	r := w.run("rules test r --rule-timeout 200ms")
	words := strings.Join(strings.Fields(r.out), " ")
	for _, want := range []string{
		"FAIL x: test_slow (r/x_test.rego:5) it took longer than 200ms, after which a rule is unknown in an audit: --rule-timeout",
		"FAIL x: page independence", "asking x: took longer than 200ms", "FAILED: 2 cases failed",
	} {
		if !strings.Contains(words, want) {
			t.Errorf("there is no %q:\n%s", want, r.out)
		}
	}
	if r.code != 2 || strings.Contains(words, "FAIL x: test_quick") {
		t.Errorf("exit code %d\n%s", r.code, r.out)
	}
	if r := w.run("rules test r --rule-timeout 0s"); r.code != exitError || !strings.Contains(r.err, "--rule-timeout 0s") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
}

// Nor is an endless rule waited for over and over where it is run and explained.
func TestRulesRunOfEndlessRules(t *testing.T) {
	w := demoSnapshot(t)
	w.write("r/x.rego", goodRule("x", "[]", "some i in numbers.range(1, 100000)\n\tsome j in numbers.range(1, 100000)\n\ti * j == -1"))
	runs := w.runRule("x --rules r --explain --rule-timeout 100ms")
	explained, skipped := 0, 0
	for _, run := range runs {
		if run.Verdict != "unknown" {
			t.Errorf("%s is %s", run.Repository, run.Verdict)
		}
		switch run.Why {
		case "explaining x: took longer than 100ms":
			explained++
		case "not explained: one before took longer than 100ms":
			skipped++
		}
	}
	if explained != 1 || skipped != len(runs)-1 || skipped == 0 {
		t.Errorf("%d explained, %d not, of %d", explained, skipped, len(runs))
	}
}

// Nor where it is measured.
func TestRulesBenchOfEndlessRules(t *testing.T) {
	w := demoSnapshot(t)
	w.write("r/x.rego", goodRule("x", "[]", "some i in numbers.range(1, 100000)\n\tsome j in numbers.range(1, 100000)\n\ti * j == -1"))
	r := w.works("rules bench --rules r --snapshot org.snapshot --rule-timeout 100ms")
	if words := strings.Join(strings.Fields(r.out), " "); !strings.Contains(words, "x took longer than 100ms 3 times: --rule-timeout.") {
		t.Error(r.out)
	}
}

// What is wrong with one case is not said of another.
func TestRulesTestSaysWhoseMistakeItIs(t *testing.T) {
	w := demoWorld(t)
	w.write("r/x.rego", goodRule("x", "[]", `input.repository.name == "bad"`))
	w.write("r/x_test.rego", `package ecraudit.rules.x_test

import data.ecraudit.rules.x as rule

test_fails if count(rule.deny) == 7 with input as {"repository": {"name": "bad"}}

test_is_careless if {
	unused := 1
	count(rule.deny) == 1 with input as {"repository": {"name": "bad"}}
}

test_errs if to_number("x") == 1

test_errs_twice[case] if {
	some case in {"a", "b"}
	to_number(case) == 1
}
`)
	said := map[string]string{}
	for _, c := range w.tests("r").Rules[0].Cases {
		said[c.Name] = fmt.Sprint(c.Passed, " ", c.Why)
	}
	for name, want := range map[string]string{"test_fails": "false line 5: count(rule.deny) == 7", "test_is_careless": "true ", "test_errs": "false it ended with an error: r/x_test.rego:12:",
		"test_errs_twice": "false it ended with an error: r/x_test.rego:16: eval_builtin_error: to_number: strconv.ParseFloat: parsing"} {
		if !strings.HasPrefix(said[name], want) || strings.Contains(said[name], "unused") || strings.Contains(said[name], "0x") {
			t.Errorf("%s: %s", name, said[name])
		}
	}
}
