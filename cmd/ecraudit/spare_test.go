package main

import (
	"strings"
	"testing"
)

// What a command reads is never what it writes over.
func TestOutputsAreNoInputs(t *testing.T) {
	w := fewRules(t, "scan-on-push")
	for _, line := range []string{"snapshot -o org.snapshot" + orgFlags, "audit --snapshot org.snapshot --fail-on none --allow-incomplete -o report.json", "baseline report.json -o known"} {
		if r := w.run(line); r.code == exitError {
			t.Fatalf("ecraudit %s: exit code %d: %s", line, r.code, r.err)
		}
	}
	for line, file := range map[string]string{
		"report report.json -o report.json":                                      "report.json",
		"report report.json --query severity=low -o ndjson=./report.json":        "report.json",
		"diff known report.json -o report.json":                                  "report.json",
		"audit --snapshot org.snapshot -o json=org.snapshot":                     "org.snapshot",
		"audit --snapshot org.snapshot --baseline known -o x.json -o json=known": "known",
		"audit --snapshot org.snapshot -o table=ecraudit.yaml":                   "ecraudit.yaml",
	} {
		before := fileText(t, file)
		r := w.run(line)
		if r.code != exitError || !strings.Contains(r.err, "reads this file") || before != fileText(t, file) {
			t.Errorf("ecraudit %s: exit code %d: %s", line, r.code, r.err)
		}
	}
}
