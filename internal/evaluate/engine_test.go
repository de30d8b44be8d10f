package evaluate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// engineWith compiles rules of the test's own beside the default ones, and
// leaves only those on.
func engineWith(t *testing.T, rules map[string]string) *Engine {
	t.Helper()
	dir := t.TempDir()
	for name, text := range rules {
		if err := os.WriteFile(filepath.Join(dir, name+".rego"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	loaded, err := LoadRules([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	off := strings.Builder{}
	off.WriteString("rules:\n")
	for _, rule := range loaded.All {
		if rule.builtin {
			off.WriteString("  " + rule.ID + ": off\n")
		}
	}
	c, err := config.Parse("ecraudit.yaml", []byte(off.String()))
	if err != nil {
		t.Fatal(err)
	}
	engine, err := New(loaded, c, Options{Clock: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), TimeLimit: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	engine.Begin(snapshot.Organization{None: true})
	return engine
}

func ruleText(id, scope, needs, body string) string {
	return "# METADATA\n# title: T\n# description: D\n# custom:\n#   id: " + id + "\n#   severity: low\n#   scope: " + scope + "\n#   needs: " + needs +
		"\npackage ecraudit.rules." + strings.ReplaceAll(id, "-", "_") + "\n\n" + body + "\n"
}

func judge(t *testing.T, e *Engine, r *snapshot.Repository) (messages []string) {
	t.Helper()
	findings, err := e.Repository(t.Context(), &snapshot.Registry{Target: r.Target}, r)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		messages = append(messages, f.Rule+" "+string(f.Status)+": "+f.Message)
	}
	return messages
}

// A rule that fails says nothing about the others, and is itself unknown.
func TestFailingRule(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{"runs for ever", "deny contains {\"message\": \"m\"} if {\n\tsome a in numbers.range(1, 3000)\n\tsome b in numbers.range(1, 3000)\n\tsome c in numbers.range(1, 3000)\n\ta * b * c == -1\n}", "no answer within 500ms"},
		{"contradicts itself", "deny contains {\"message\": f(1)}\n\nf(x) := \"a\" if x > 0\n\nf(x) := \"b\" if x < 2", "eval_conflict_error"},
		{"divides by zero", "deny contains {\"message\": \"m\"} if 1 / (count(input.repository.name) - 8) > 0", "divide by zero"},
		{"no message", `deny contains {"mesage": "m"} if true`, `unknown field "mesage"`},
		{"empty message", `deny contains {"message": ""} if true`, "no message"},
		{"unknown fix", `deny contains {"message": "m", "fix": {"action": "delete_image"}} if true`, `fix.action "delete_image" is not known`},
		{"malformed fix", `deny contains {"message": "m", "fix": {"action": "archive_image", "digest": "sha256:a"}} if true`, `fix.digest "sha256:a" is wrong`},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := engineWith(t, map[string]string{
				"broken": ruleText("broken", "repository", "[]", c.body),
				"sound":  ruleText("sound", "repository", "[]", `deny contains {"message": input.repository.name} if true`),
			})
			got := judge(t, e, &snapshot.Repository{Name: "team/api"})
			if len(got) != 2 || !strings.HasPrefix(got[0], "broken unknown: the rule failed: ") || !strings.Contains(got[0], c.want) || got[1] != "sound fail: team/api" {
				t.Errorf("%q", got)
			}
			if e.Failures() != 1 {
				t.Errorf("%d failures", e.Failures())
			}
		})
	}
}

// A rule whose document was not read does not run; one that only uses it does.
func TestGaps(t *testing.T) {
	e := engineWith(t, map[string]string{
		"needs": ruleText("needs-tags", "repository", "[tags]", `deny contains {"message": "ran"} if true`),
		"uses":  ruleText("uses-tags", "repository", "[]\n#   uses: [tags]", `deny contains {"message": "ran without tags"} if not input.repository.tags`),
	})
	got := judge(t, e, &snapshot.Repository{Name: "a", Gaps: []snapshot.Gap{{Need: snapshot.NeedTags, Code: "AccessDenied", Message: "no", Permission: "ecr:ListTagsForResource"}}})
	want := []string{
		"needs-tags unknown: cannot tell: tags could not be read (AccessDenied: no); the role needs ecr:ListTagsForResource",
		"uses-tags fail: ran without tags",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Findings are the same whatever the size of a page, with fingerprints of
// their own.
func TestPages(t *testing.T) {
	e := engineWith(t, map[string]string{"all": ruleText("all-images", "image", "[images]", "deny contains {\"message\": \"m\", \"digest\": image.digest, \"tag\": image.tags[0]} if some image in input.images")})
	reg, r := benchRepository(2*pageSize + 1)
	findings, err := e.Repository(t.Context(), reg, r)
	if err != nil {
		t.Fatal(err)
	}
	fingerprints := map[string]bool{}
	for i, f := range findings {
		fingerprints[f.Fingerprint] = true
		if f.Digest != r.Images[i].Digest || f.Status != finding.Fail {
			t.Fatalf("finding %d is %+v", i, f)
		}
	}
	if len(fingerprints) != len(r.Images) {
		t.Errorf("%d fingerprints for %d images", len(fingerprints), len(r.Images))
	}
}

// A rule of the whole organization sees all repositories, in order.
func TestOrganizationScope(t *testing.T) {
	e := engineWith(t, map[string]string{"names": ruleText("names", "organization", "[]", `deny contains {"message": concat(" ", [r.name | some r in input.repositories])} if true`)})
	for _, name := range []string{"b", "a"} {
		judge(t, e, &snapshot.Repository{Name: name})
	}
	findings, err := e.Organization(t.Context(), nil)
	if err != nil || len(findings) != 1 || findings[0].Message != "a b" {
		t.Errorf("%+v, %v", findings, err)
	}
	findings, err = e.Organization(t.Context(), &snapshot.Gap{Need: snapshot.NeedRepositories, Code: "AccessDenied", Message: "no"})
	if err != nil || len(findings) != 1 || findings[0].Status != finding.Unknown {
		t.Log(findings, err) // a rule that needs nothing that was not read still runs
	}
}

// A library of others cannot stand where the default rules do, and become a part
// of them: it would silence them, or speak for them.
func TestOwnLibrariesStayOutOfOurs(t *testing.T) {
	for _, text := range []string{
		"package ecraudit.rules\n\nexternal_push.only_replicates(_) := true\n",
		"package ecraudit.rules\n\nrepository_public.deny contains {\"message\": \"m\"}\n",
		"package ecraudit\n\nlib.tags.named_by_tools(_) := true\n",
		"package ecraudit.lib.tags\n\nnamed_by_tools(_) := true\n",
		"package ecraudit.lib.mine\n\nx := 1\n",
		"package ecraudit[\"rules\"][\"x-y\"]\n\nx := 1\n",
		ruleText("x.y", "registry", "[]", "deny contains {\"message\": \"m\"}"),
	} {
		path := filepath.Join(t.TempDir(), "x.rego")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadRules([]string{path}); err == nil || !strings.Contains(err.Error(), "is a part of ecraudit's own") && !strings.Contains(err.Error(), "is not an id") {
			t.Errorf("%s\n%v", text, err)
		}
	}
}
