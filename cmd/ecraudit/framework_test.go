package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// A framework chooses its rules, those that are off by default too, and its
// controls group the report.
func TestFramework(t *testing.T) {
	w := reader(t)
	r := w.run("audit --snapshot org.snapshot --framework security-hub")
	golden(t, "framework.table", timelessReport(r.out))
	if r.code != 2 {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	var report struct {
		Run struct {
			Framework string `json:"framework"`
			Rules     []struct {
				ID string `json:"id"`
			} `json:"rules"`
		} `json:"run"`
	}
	r = w.run("audit --snapshot org.snapshot --framework security-hub --format json")
	if err := json.Unmarshal([]byte(r.out), &report); err != nil {
		t.Fatal(err)
	}
	if report.Run.Framework != "security-hub" || len(report.Run.Rules) != 4 {
		t.Errorf("%+v", report.Run)
	}
	if r := w.run("audit --snapshot org.snapshot --framework securityhub"); r.code != exitError || !strings.Contains(r.err, `did you mean "security-hub"?`) {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
}

// timelessReport replaces the clock of a report's first line.
func timelessReport(text string) string {
	first, rest, _ := strings.Cut(text, "\n")
	at := strings.LastIndex(first, ", ")
	return first[:at] + ", CLOCK\n" + rest
}
