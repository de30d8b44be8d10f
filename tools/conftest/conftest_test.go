package conftest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// adapter is the file of docs/workbench.md by which conftest asks a rule.
var adapter = regexp.MustCompile("(?s)```rego title=\"conftest/main.rego\"\n(.*?)```")

// What `ecraudit rules run --input` prints, conftest tests with the default rules
// as they are and the adapter that the documentation has.
func TestConftest(t *testing.T) {
	page, err := os.ReadFile(filepath.FromSlash("../../docs/workbench.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := adapter.FindStringSubmatch(string(page))
	if found == nil {
		t.Fatal("docs/workbench.md has no conftest/main.rego")
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "main.rego"), []byte(found[1]), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		code int
		says string
	}{
		"conftest_fail.json": {1, "pushed images are not scanned, only on demand; the registry's scanning is BASIC"},
		"conftest_pass.json": {0, "0 failures"},
	} {
		input := filepath.Join("..", "..", "cmd", "ecraudit", "testdata", name)
		command := exec.CommandContext(t.Context(), "go", "tool", "conftest", "test", "--no-color", "--policy", filepath.FromSlash("../../policies"), "--policy", folder, input)
		out, err := command.CombinedOutput()
		if command.ProcessState == nil {
			t.Fatal(err)
		}
		if code := command.ProcessState.ExitCode(); code != want.code || !strings.Contains(string(out), want.says) {
			t.Errorf("%s: exit code %d\n%s", name, code, out)
		}
	}
}
