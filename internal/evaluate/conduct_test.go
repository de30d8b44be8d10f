package evaluate

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/types"

	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// misbehave gives rules functions that no rule has: one that panics, and one that
// goes on until the test is over, whatever it is told.
var misbehave = sync.OnceFunc(func() {
	decl := types.NewFunction(types.Args(types.S), types.B)
	rego.RegisterBuiltin1(&rego.Function{Name: "test.panic", Decl: decl}, func(_ rego.BuiltinContext, of *ast.Term) (*ast.Term, error) {
		panic("a bug in a function of " + of.String())
	})
	rego.RegisterBuiltin1(&rego.Function{Name: "test.hang", Decl: decl}, func(rego.BuiltinContext, *ast.Term) (*ast.Term, error) {
		select {}
	})
})

const (
	endless  = "deny contains {\"message\": \"m\"} if {\n\tsome a in numbers.range(1, 3000)\n\tsome b in numbers.range(1, 3000)\n\tsome c in numbers.range(1, 3000)\n\ta * b * c == -1\n}"
	sound    = `deny contains {"message": input.repository.name} if true`
	panicky  = `deny contains {"message": "m"} if test.panic(input.repository.name)`
	deaf     = `deny contains {"message": "m"} if test.hang(input.repository.name)`
	greedy   = `deny contains {"message": "m"} if count([i | some i in numbers.range(1, 100000000)]) == 7`
	fails    = `deny contains {"message": "m"} if 1 / (count(input.repository.name) - 6) > 5` // where the name has six letters
	sometime = "deny contains {\"message\": \"m\"} if {\n\tinput.repository.name != \"b\"\n\tsome a in numbers.range(1, 3000)\n\tsome b in numbers.range(1, 3000)\n\tsome c in numbers.range(1, 3000)\n\ta * b * c == -1\n}"
)

// misbehaving is an engine with a rule of each body and a sound one beside them.
func misbehaving(t *testing.T, limit time.Duration, bodies map[string]string) *Engine {
	t.Helper()
	misbehave()
	rules := map[string]string{"zz-sound": ruleText("zz-sound", "repository", "[]", sound)}
	for id, body := range bodies {
		rules[id] = ruleText(id, "repository", "[]", body)
	}
	e := engineWith(t, rules)
	e.options.TimeLimit = limit
	return e
}

// A rule that misbehaves is named and becomes unknown for what it judged; the
// others are not stopped, and in the end it is not run any more.
func TestMisbehavingRules(t *testing.T) {
	const limit = 200 * time.Millisecond
	late := "the rule failed: it took too long: no answer within 200ms"
	for _, c := range []struct {
		name, body string
		want       []string // for repositories a, b, c, d, e
		ended      string
	}{
		{"slow", endless, []string{late, late, late, "not run any more: it took longer than 200ms 3 times", "not run any more: it took longer than 200ms 3 times"}, "it took longer than 200ms 3 times"},
		{"slow but for b", sometime, []string{late, "", late, late, late}, "it took longer than 200ms 4 times"},
		{"panics", panicky, []string{
			`the rule failed: it panicked: a bug in a function of "a"`, `the rule failed: it panicked: a bug in a function of "b"`,
			`the rule failed: it panicked: a bug in a function of "c"`, `the rule failed: it panicked: a bug in a function of "d"`, `the rule failed: it panicked: a bug in a function of "e"`,
		}, ""},
		{"does not stop", deaf, []string{
			"the rule failed: it did not stop when it was told to: it took too long: no answer within 200ms",
			"not run any more: it took longer than 200ms, and did not stop when it was told to", "not run any more: it took longer than 200ms, and did not stop when it was told to",
			"not run any more: it took longer than 200ms, and did not stop when it was told to", "not run any more: it took longer than 200ms, and did not stop when it was told to",
		}, "it took longer than 200ms, and did not stop when it was told to"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := misbehaving(t, limit, map[string]string{"bad": c.body})
			unknown := 0
			for i, name := range strings.Split("abcde", "") {
				var want []string
				if c.want[i] != "" {
					want = append(want, "bad unknown: "+c.want[i])
					unknown++
				}
				want = append(want, "zz-sound fail: "+name)
				if diff := cmp.Diff(want, judge(t, e, &snapshot.Repository{Name: name})); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
			}
			if e.Failures() != unknown {
				t.Errorf("%d failures, want %d", e.Failures(), unknown)
			}
			ended := ""
			for _, trouble := range e.Troubles() {
				if trouble.Rule == "bad" {
					ended = trouble.Ended
				}
			}
			if ended != c.ended {
				t.Errorf("ended: %q, want %q", ended, c.ended)
			}
		})
	}
}

// What a rule takes in memory is limited.
func TestGreedyRule(t *testing.T) {
	e := misbehaving(t, time.Minute, map[string]string{"bad": greedy})
	e.options.MemoryLimit = 64 << 20
	want := []string{"bad unknown: the rule failed: it took too much memory: more than 64 MiB in one evaluation", "zz-sound fail: a"}
	if diff := cmp.Diff(want, judge(t, e, &snapshot.Repository{Name: "a"})); diff != "" {
		t.Error(diff)
	}
	want = []string{"bad unknown: not run any more: it took too much memory: more than 64 MiB in one evaluation", "zz-sound fail: b"}
	if diff := cmp.Diff(want, judge(t, e, &snapshot.Repository{Name: "b"})); diff != "" {
		t.Error(diff)
	}
}

// Many repositories at once, with rules that are slow and one that fails on some,
// are judged to the end, and every verdict of the others is there.
func TestManyRepositories(t *testing.T) {
	e := misbehaving(t, 100*time.Millisecond, map[string]string{"slow-1": endless, "slow-2": endless, "fails": fails})
	const repositories = 500
	verdicts := make([][]string, repositories)
	var all sync.WaitGroup
	places := make(chan int)
	for range 8 {
		all.Go(func() {
			for i := range places {
				verdicts[i] = judge(t, e, &snapshot.Repository{Name: fmt.Sprintf("team/%d", i)})
			}
		})
	}
	for i := range repositories {
		places <- i
	}
	close(places)
	all.Wait()
	for i, got := range verdicts {
		if i < 10 {
			if !strings.HasPrefix(got[0], "fails unknown: the rule failed: ") {
				t.Fatalf("%d: %q", i, got)
			}
			got = got[1:]
		}
		if len(got) != 3 || got[2] != fmt.Sprintf("zz-sound fail: team/%d", i) || !strings.HasPrefix(got[0], "slow-1 unknown: ") || !strings.HasPrefix(got[1], "slow-2 unknown: ") {
			t.Fatalf("%d: %q", i, got)
		}
	}
	if e.Failures() != 2*repositories+10 {
		t.Errorf("%d failures", e.Failures())
	}
	for _, trouble := range e.Troubles() {
		if trouble.Rule != "slow-1" && trouble.Rule != "slow-2" {
			continue
		}
		if trouble.Ended == "" || trouble.Timeouts > timeoutsInAll {
			t.Errorf("%+v", trouble)
		}
	}
}

// A rule cannot be written that calls itself.
func TestRecursiveRule(t *testing.T) {
	_, err := parseRules([]sourceText{{
		filename: "a.rego", reference: "a", text: ruleText("a", "repository", "[]", "deny contains f(1)\n\nf(x) := {\"message\": g(x)}\n\ng(x) := f(x).message"),
	}}, nil)
	if err == nil || !strings.Contains(err.Error(), "a.rego:13: ") || !strings.Contains(err.Error(), "recursive") {
		t.Errorf("%v", err)
	}
}
