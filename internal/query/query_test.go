package query

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ecraudit/ecraudit/internal/finding"
)

func sample() finding.Finding {
	return finding.Finding{
		Fingerprint: "3215f1df04fcdb3f7cdfa080e1547910", Rule: "repository-public", Severity: finding.High, Status: finding.Fail,
		Account: "222233334444", Region: "eu-west-1", Repository: "team/API", Digest: "sha256:abc", Tag: "v1.*",
		Message: `Everyone can pull (statement "Extra")`, Remediation: "Name the accounts", Change: finding.New,
		Fix: json.RawMessage(`{"action": "remove_policy_statement", "statement": "Extra"}`),
	}
}

func sampleRun() Context {
	return Context{
		Accounts: map[string]string{"111122223333": "management", "222233334444": "Prod-Web", "333344445555": ""},
		Regions:  []string{"eu-west-1", "us-east-1"},
		Rules: []finding.Rule{
			{ID: "repository-public", Scope: finding.ScopeRepository, Frameworks: map[string][]string{"nist-800-53": {"AC-3", "AC-6"}, "security-hub": {"ECR.5"}}},
			{ID: "scan-on-push", Scope: finding.ScopeRegistry},
		},
	}
}

func parsed(t testing.TB, text string) *Query {
	t.Helper()
	q, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestMatch(t *testing.T) {
	for text, want := range map[string]bool{
		"rule=repository-public":                  true,
		"rule=repository":                         false,
		"RULE = Repository-*":                     true,
		"rule=scan-*,*-public":                    true,
		"rule!=scan-*,*-public":                   false,
		"rule!=scan-*":                            true,
		"severity=high":                           true,
		"severity>=high":                          true,
		"severity>high":                           false,
		"severity<=HIGH":                          true,
		"severity<high":                           false,
		"severity>=info":                          true,
		"severity=h*,low":                         true,
		"severity!=low":                           true,
		"status=fail":                             true,
		"status=unknown,waived":                   false,
		"change=new":                              true,
		`change=""`:                               false,
		"account=222233334444":                    true,
		"account=prod-*":                          true,
		"account!=prod-*":                         false,
		"account=management":                      false,
		`account=""`:                              false,
		"region=eu-*":                             true,
		"repository=team/*":                       true,
		"repository=TEAM/api":                     true,
		"repository=team":                         false,
		`repository=""`:                           false,
		"repository=????/???":                     true,
		"digest=sha256:*":                         true,
		"tag=v?.*":                                true,
		`tag=v1.\*`:                               true,
		`tag="v1.\*"`:                             true,
		`tag=*\?`:                                 false,
		`message="*can pull*"`:                    true,
		`message='*"extra")'`:                     true,
		`message="*\"extra\")"`:                   true,
		"message=everyone*":                       true,
		"message=*EVERYONE*STATEMENT*":            true,
		"message=*statement*everyone*":            false,
		"remediation=*accounts":                   true,
		"fix=remove_policy_statement":             true,
		"fix=*policy*":                            true,
		`fix=""`:                                  false,
		`fix!=""`:                                 true,
		"fingerprint=3215F1*":                     true,
		"scope=repository":                        true,
		"scope=image":                             false,
		"control=ac-3":                            true,
		"control=AC-*":                            true,
		"control=ECR.5":                           true,
		"control=AC-2":                            false,
		"control!=AC-2":                           true,
		"control!=AC-3":                           false,
		`control=""`:                              false,
		"not rule=scan-*":                         true,
		"not (not rule=scan-*)":                   false,
		"rule=x or severity=high":                 true,
		"rule=x and severity=high":                false,
		"severity=high or rule=x and rule=y":      true,
		"(severity=high or rule=x) and rule=y":    false,
		"not(severity=low)and(region=eu-west-1)":  true,
		"not severity=low and region=us-east-1":   false,
		"not (severity=low and region=us-east-1)": true,
		"severity=high\n and\trule=repository-public": true,
	} {
		f := sample()
		if got := parsed(t, text).In(sampleRun()).Match(&f); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

// Without a run, what only it knows is unknown: a name is none of an account,
// and a rule has no scope.
func TestMatchWithoutARun(t *testing.T) {
	f := sample()
	for text, want := range map[string]bool{"account=prod-*": false, "account=222233334444": true, "scope=repository": false, "control=AC-3": false} {
		if got := parsed(t, text).Match(&f); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "at character 1: the query is empty; write a condition such as severity>=high\n  \n  ^",
		"  ":                                     "at character 3: the query is empty",
		"sevrity=high":                           "at character 1: there is no field \"sevrity\"; did you mean severity?\n  sevrity=high\n  ^",
		"rule=x and xyz=high":                    "at character 12: there is no field \"xyz\"; use one of rule, severity, status, change, account, region, repository, digest, tag, message, remediation, fix, fingerprint, scope, control\n  rule=x and xyz=high\n             ^",
		"severity=hgih":                          "at character 10: no severity is hgih; use one of critical, high, medium, low, info; did you mean high?\n  severity=hgih\n           ^",
		"severity=high,hgih":                     "at character 15: no severity is hgih",
		"status=open":                            "at character 8: no status is open; use one of fail, unknown, waived",
		"change=old":                             `use one of new, worsened, known, ""`,
		"scope=repo":                             "use one of organization, registry, repository, image; did you mean repository?",
		"fix=remove":                             `no fix is remove; use one of "", set_policy_statement,`,
		"severity>=high,low":                     "at character 11: after >= comes one severity: critical, high, medium, low, info",
		"severity>=*":                            "after >= comes one severity",
		"rule>=x":                                "at character 5: only severities have an order: compare rule by = or !=",
		"rule":                                   "at character 5: after the field rule comes an operator: = and !=, for severity also <, <=, > and >=",
		"rule x":                                 "after the field rule comes an operator",
		"rule~x":                                 "there is no field \"rule~x\"",
		"rule=":                                  "at character 6: a value for rule is missing; write \"\" in quotes if it is meant",
		"rule= and severity=high":                `a value for rule is missing; write "and" in quotes if it is meant`,
		"rule=a,":                                "at character 8: a value for rule is missing",
		"rule==a":                                "at character 6: the operators are = and !=, for severity also <, <=, > and >=; put a value that begins with = in quotes",
		"severity=>high":                         "the operators are",
		"rule=a rule=b":                          "at character 8: after a condition comes and, or, or the end; put a value that has spaces in quotes\n  rule=a rule=b\n         ^",
		"message=*can pull*":                     "put a value that has spaces in quotes",
		"rule=a && rule=b":                       "conditions are joined by the word and",
		"rule=a || rule=b":                       "conditions are joined by the word or",
		"!rule=a":                                "a negation is written not, as in not rule=scan-*",
		"(rule=a":                                "at character 1: this parenthesis is not closed",
		"(rule=a rule=b)":                        "after a condition comes and, or, or a closing parenthesis",
		"rule=a)":                                "at character 7: there is no parenthesis that this one closes",
		"rule=a and":                             "at character 11: a condition is missing, such as severity>=high",
		"and rule=a":                             "at character 1: a condition is missing",
		"()":                                     "at character 2: a condition is missing",
		"not":                                    "at character 4: a condition is missing",
		`rule="a`:                                "at character 6: this quote is not closed",
		`rule=a"b"`:                              `at character 7: quotes stand around a whole value; write \" for the character`,
		`rule="a"b`:                              `at character 9: the value ends with its quote; write \" for the character`,
		`rule=a\`:                                `at character 7: after a backslash comes the character that is meant as it is; write \\ for a backslash`,
		"rule=a\xff":                             "at character 7: the query is not valid UTF-8",
		"漢字=a":                                   "at character 1: there is no field",
		"rule=漢字 x":                              "at character 9: after a condition comes and, or, or the end; put a value that has spaces in quotes\n  rule=漢字 x\n            ^",
		"rule=a\x1b[31m b":                       "rule=a·[31m b",
		strings.Repeat("(", 200):                 "at character 101: more than 100 parentheses and negations within each other",
		strings.Repeat("not ", 200):              "more than 100 parentheses",
		strings.Repeat("x", 200) + "=1":          strings.Repeat("x", 60) + "…\n  ^",
		"rule=" + strings.Repeat("x", 200) + ")": "  …" + strings.Repeat("x", 60) + ")\n  " + strings.Repeat(" ", 61) + "^",
	} {
		_, err := Parse(text)
		var at *Error
		if !errors.As(err, &at) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v\nwant %s", text, err, want)
		}
	}
}

const twice = "not " + "not "

func TestString(t *testing.T) {
	for text, want := range map[string]string{
		"RULE = a , b":                   "rule=a,b",
		"((rule=a))":                     "rule=a",
		"(rule=a and rule=b) and rule=c": "rule=a and rule=b and rule=c",
		"rule=a or (rule=b and rule=c)":  "rule=a or rule=b and rule=c",
		"(rule=a or rule=b) and rule=c":  "(rule=a or rule=b) and rule=c",
		"not (rule=a or rule=b)":         "not (rule=a or rule=b)",
		"not(not(rule=a))":               twice + "rule=a",
		`message="a b"`:                  `message="a b"`,
		`message='say "hi"'`:             `message="say \"hi\""`,
		`rule="AND"`:                     `rule="AND"`,
		`rule="=a"`:                      `rule="=a"`,
		`repository=""`:                  `repository=""`,
		`rule=a**b?\*\?\\`:               `rule=a*b?\*\?\\`,
		"severity >= High":               "severity>=High",
	} {
		if got := parsed(t, text).String(); got != want {
			t.Errorf("%s is written %s, want %s", text, got, want)
		}
	}
}

func TestAnd(t *testing.T) {
	q := And(parsed(t, "rule=a or rule=b"), parsed(t, "severity=high and region=x"), parsed(t, "not status=fail"))
	if want := "(rule=a or rule=b) and severity=high and region=x and not status=fail"; q.String() != want {
		t.Errorf("%s, want %s", q, want)
	}
}

func TestIdle(t *testing.T) {
	for text, want := range map[string][]string{
		"rule=scan-on-psuh":                        {"no rule of this run is scan-on-psuh; did you mean scan-on-push?"},
		"rule!=none-such or account=prod-wbe":      {"no rule of this run is none-such", "no account of this run is prod-wbe; did you mean Prod-Web?"},
		"region=eu-wets-1 and control=XY-1":        {"no region of this run is eu-wets-1; did you mean eu-west-1?", "no control of this run is XY-1"},
		`rule=scan-* and account="" and region=*`:  nil,
		`change=new or change=""`:                  {"no change of this run is new: only an audit with a baseline says how findings changed"},
		"account=333344445555 and repository=none": nil,
	} {
		if diff := cmp.Diff(want, parsed(t, text).Idle(sampleRun())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

// genQuery draws queries of every shape.
func genQuery() *rapid.Generator[string] {
	word := rapid.StringMatching(`[a-zA-Z0-9/*?.é漢-]{1,6}`).Filter(func(s string) bool { return !isKeyword(s) })
	quoted := rapid.Custom(func(t *rapid.T) string {
		text := rapid.StringMatching(`[a-z *?=(),'é]{0,6}`).Draw(t, "text")
		return `"` + text + `"`
	})
	free := rapid.OneOf(word, quoted, rapid.SampledFrom([]string{`\*`, `a\"b`, `"\\"`, "*", `""`, "repository-public", "team/*", "222233334444"}))
	value := func(t *rapid.T, f *field) string {
		if f.words != nil {
			return rapid.SampledFrom(quotedIfEmpty(f.words)).Draw(t, "word")
		}
		return free.Draw(t, "value")
	}
	condition := rapid.Custom(func(t *rapid.T) string {
		f := rapid.SampledFrom(fields).Draw(t, "field")
		operators := []operator{equal, different}
		if f.kind == severityField {
			operators = append(operators, above, atLeast, below, atMost)
		}
		o := rapid.SampledFrom(operators).Draw(t, "operator")
		text := f.name + string(o) + value(t, f)
		if o == equal || o == different {
			for range rapid.IntRange(0, 2).Draw(t, "more") {
				text += "," + value(t, f)
			}
		}
		return text
	})
	var query func(depth int) *rapid.Generator[string]
	query = func(depth int) *rapid.Generator[string] {
		if depth == 0 {
			return condition
		}
		inner := query(depth - 1)
		return rapid.Custom(func(t *rapid.T) string {
			switch rapid.IntRange(0, 4).Draw(t, "shape") {
			case 0:
				return "not (" + inner.Draw(t, "inner") + ")"
			case 1:
				return inner.Draw(t, "left") + " and " + inner.Draw(t, "right")
			case 2:
				return inner.Draw(t, "left") + " or " + inner.Draw(t, "right")
			case 3:
				return "(" + inner.Draw(t, "inner") + ")"
			}
			return condition.Draw(t, "condition")
		})
	}
	return query(3)
}

func genFinding() *rapid.Generator[finding.Finding] {
	return rapid.Custom(func(t *rapid.T) finding.Finding {
		f := sample()
		f.Rule = rapid.SampledFrom([]string{"repository-public", "scan-on-push", "other"}).Draw(t, "rule")
		f.Severity = rapid.SampledFrom(finding.Severities()).Draw(t, "severity")
		f.Status = rapid.SampledFrom(finding.Statuses()).Draw(t, "status")
		f.Account = rapid.SampledFrom([]string{"", "222233334444", "111122223333"}).Draw(t, "account")
		f.Repository = rapid.StringMatching(`[a-z/é]{0,4}`).Draw(t, "repository")
		if rapid.Bool().Draw(t, "no fix") {
			f.Fix = nil
		}
		return f
	})
}

// What holds of all queries and all findings.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		textA, textB := genQuery().Draw(t, "a"), genQuery().Draw(t, "b")
		f := genFinding().Draw(t, "finding")
		run := sampleRun()
		match := func(text string) bool {
			q, err := Parse(text)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			return q.In(run).Match(&f)
		}
		a, b := "("+textA+")", "("+textB+")"
		same := func(x, y string) {
			if match(x) != match(y) {
				t.Fatalf("%s\nand\n%s\nare not the same", x, y)
			}
		}
		same("not ("+a+" and "+b+")", "not "+a+" or not "+b)
		same("not ("+a+" or "+b+")", "not "+a+" and not "+b)
		same(twice+a, a)
		same(a+" and "+a, a)
		same(a+" or "+a, a)
		same(a+" and "+b, b+" and "+a)
		same(a+" or "+a+" and "+b, a)
		if match(a) == match("not "+a) {
			t.Fatalf("%s is as its negation", a)
		}
		if got, want := And(parse(t, textA), parse(t, textB)).In(run).Match(&f), match(a+" and "+b); got != want {
			t.Fatalf("And of %s and %s: %v, want %v", a, b, got, want)
		}
	})
}

func parse(t *rapid.T, text string) *Query {
	q, err := Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return q
}

func TestStringIsReadAsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := parse(t, genQuery().Draw(t, "query"))
		again, err := Parse(q.String())
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		if !reflect.DeepEqual(q, again) {
			t.Fatalf("%s is read as %s", q, again)
		}
	})
}

// Whatever is parsed is written as what is parsed to the same, and an error has
// a place in the query.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"severity>=high and not repository=sandbox/*", `message="a \"b\"",'c' or (not change="")`, "rule=a**b,\\*", "((", "rule=\xff", "rule=K or tag=ſ", "account=\u0130",
	} {
		f.Add(text)
	}
	some := sample()
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Parse(text)
		if err != nil {
			var at *Error
			if !errors.As(err, &at) || at.Offset < 0 || at.Offset > len(text) || strings.Count(err.Error(), "\n") != 2 {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		again, err := Parse(q.String())
		if err != nil {
			t.Fatalf("%q is written %q: %v", text, q, err)
		}
		if !reflect.DeepEqual(q, again) {
			t.Fatalf("%q is read as %q", text, again)
		}
		if q.Match(&some) != again.Match(&some) {
			t.Fatalf("%q and %q match differently", text, q)
		}
	})
}

// A pattern of wildcards takes no longer than the text times the pattern.
func TestPatternsDoNotExplode(t *testing.T) {
	f := sample()
	f.Message = strings.Repeat("a", 20_000)
	if parsed(t, "message="+strings.Repeat("*a", 200)+"*b").Match(&f) {
		t.Error("there is no b")
	}
}

func BenchmarkMatch(b *testing.B) {
	f := sample()
	for name, text := range map[string]string{
		"severity": "severity>=high",
		"team":     "severity>=high and repository=team/* and not status=waived",
		"account":  "account=prod-* and rule=scan-*,repository-*",
		"message":  `message="*can pull*extra*"`,
	} {
		q := parsed(b, text).In(sampleRun())
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !q.Match(&f) {
					b.Fatal("no match")
				}
			}
		})
	}
}

// Matching leaves no garbage, but for a fix, which has to be decoded.
func TestMatchAllocatesNothing(t *testing.T) {
	f := sample()
	q := parsed(t, `severity>=high and account=prod-* and message="*can pull*" and control=AC-3 and not tag=x`).In(sampleRun())
	if n := testing.AllocsPerRun(100, func() { q.Match(&f) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
