package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecraudit/ecraudit/internal/awssim"
)

// A rule whose file is reached in two ways is one rule.
func TestRuleReachedTwice(t *testing.T) {
	w := demoWorld(t)
	w.write("my-rules/x.rego", goodRule("x", "[tags]", `input.repository.tags.a == "b"`))
	for _, line := range []string{"rules --rules my-rules --rules my-rules/x.rego", "rules --rules my-rules/x.rego,./my-rules/../my-rules", "rules lint my-rules/x.rego --rules my-rules"} {
		if r := w.run(line); r.code == exitError {
			t.Errorf("%s: %s", line, r.err)
		}
	}
}

// The cases of a default rule are not those of the rule that replaces it.
func TestCasesOfAReplacedRule(t *testing.T) {
	w := demoWorld(t)
	rule := strings.Replace(goodRule("scan-on-push", "[tags]", `input.repository.tags.a == "b"`), "#   id:", "#   replaces: true\n#   id:", 1)
	w.write("r/scan_on_push.rego", rule)
	w.write("r/scan_on_push_test.rego", "package ecraudit.rules.scan_on_push_test\n\nimport data.ecraudit.rules.scan_on_push as rule\n\ntest_tagged if rule.deny with input as {\"repository\": {\"name\": \"a\", \"tags\": {\"a\": \"b\"}}}\n")
	if r := w.run("rules test r"); r.code != 0 || !strings.Contains(r.out, "1 case of 1 rule passed") {
		t.Errorf("exit code %d: %s%s", r.code, r.out, r.err)
	}
}

// An id that is taken is refused before anything is written.
func TestNewRuleOfAnIDThatIsTaken(t *testing.T) {
	w := demoWorld(t)
	for _, id := range []string{"scan-on-push", "waiver-expired"} {
		r := w.run("rules new " + id + " --scope repository")
		if _, err := os.Stat(filepath.Join(w.dir, "my-rules")); r.code != exitError || !os.IsNotExist(err) || !strings.Contains(r.err, "choose another one") {
			t.Errorf("%s: exit code %d, %v: %s", id, r.code, err, r.err)
		}
	}
}

// What a rule is not about cannot choose what it looks at.
func TestRepositoriesOfARuleOfRegistries(t *testing.T) {
	w := demoSnapshot(t)
	if r := w.run("rules run registry-scanning-basic --snapshot org.snapshot --repository foo"); r.code != exitError || !strings.Contains(r.err, "--repository means nothing") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
}

// A file of waivers without a configuration is validated as it is read.
func TestValidateOfWaiversAlone(t *testing.T) {
	w := newWorld(t, awssim.Demo())
	w.write("waivers.yaml", "waivers:\n  - rule: scan-on-psuh\n    match: {accounts: '*'}\n    reason: r\n    owner: o\n    until: 2027-01-31\n")
	if r := w.run("config validate"); r.code != exitError || !strings.Contains(r.err, "scan-on-psuh") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
}

// What is wrong with flags is not said to be a matter of credentials.
func TestDoctorOfTheOrganizationWithoutARole(t *testing.T) {
	w := demoWorld(t)
	r := w.run("doctor --org")
	if r.code != 2 || !strings.Contains(r.out, "--role-name") || strings.Contains(r.out, "delegated administrator") {
		t.Errorf("exit code %d: %s", r.code, r.out)
	}
}

// A repository that is not where the flags say is said to be elsewhere, or not to
// be there, and nobody else is blamed.
func TestRepositoryIsElsewhere(t *testing.T) {
	w := demoSnapshot(t)
	for line, want := range map[string]string{
		"config explain tools/flag-says-scanned --region eu-west-1 --snapshot org.snapshot":     "is in 222233334444/us-east-1, not where --account and --region say",
		"config explain tools/flag-says-scanned --account 999999999999 --snapshot org.snapshot": "is in 222233334444/us-east-1",
		"config explain nope/repo --account 222233334444 --snapshot org.snapshot":               "there is no repository nope/repo in org.snapshot",
		"config explain nope/repo --snapshot org.snapshot":                                      "check its name; what could not be read may have it: 555566667777",
	} {
		if r := w.run(line); r.code != exitError || !strings.Contains(r.err, want) {
			t.Errorf("%s: exit code %d: %s", line, r.code, r.err)
		}
	}
}
