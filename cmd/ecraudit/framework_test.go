package main

import (
	"cmp"
	"encoding/json"
	"strconv"
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

// Names of controls and rules are broken, and never shortened.
func TestFrameworkFitsTheWidth(t *testing.T) {
	w := demoWorld(t)
	w.snapshot("org.snapshot")
	for _, framework := range []string{"prowler", "aws-config", "security-hub"} {
		for _, columns := range []string{"", "80", "60", "200"} {
			t.Setenv("COLUMNS", columns)
			width, _ := strconv.Atoi(cmp.Or(columns, "80"))
			table := w.run("audit --snapshot org.snapshot --framework " + framework).out
			_, controls, _ := strings.Cut(table, "\n\n")
			controls, _, _ = strings.Cut(controls, "\n\n")
			if widest := widestLine(strings.ReplaceAll(controls, "─", "-")); widest > width+1 {
				t.Errorf("%s with %q columns: a line has %d\n%s", framework, columns, widest, controls)
			}
			if strings.Contains(controls, "…") {
				t.Errorf("%s with %q columns: something is cut\n%s", framework, columns, controls)
			}
		}
	}
}
