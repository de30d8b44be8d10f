package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ecraudit/ecraudit/internal/evaluate"
)

// Of the tools from which people come, every check that a rule answers to stands
// in docs/migrating.md, with that rule beside it; and the page names no rule that
// does not exist.
func TestMigratingIsComplete(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "migrating.md"))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := evaluate.LoadRules(nil)
	if err != nil {
		t.Fatal(err)
	}
	rowOf := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `?([\\w.-]+)`? \\| (.*?) \\|").FindAllStringSubmatch(string(text), -1) {
		rowOf[row[1]] = row[2]
	}
	for _, rule := range rules.All {
		for _, framework := range []string{"prowler", "security-hub", "aws-config"} {
			for _, check := range rule.Frameworks[framework] {
				if !strings.Contains(rowOf[check], "`"+rule.ID+"`") {
					t.Errorf("%s does not have %s beside %s", framework, rule.ID, check)
				}
			}
		}
	}
	for check, here := range rowOf {
		for _, id := range regexp.MustCompile("`([a-z]+(?:-[a-z]+)+)`").FindAllStringSubmatch(here, -1) {
			if !slices.Contains(rules.IDs(), id[1]) {
				t.Errorf("%s: there is no rule %s", check, id[1])
			}
		}
	}
}
