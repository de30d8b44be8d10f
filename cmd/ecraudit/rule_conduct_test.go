package main

import (
	"strings"
	"testing"

	"github.com/ecraudit/ecraudit/internal/finding"
)

const endlessBody = `{"message": "m"} if {
	some a in numbers.range(1, 3000)
	some b in numbers.range(1, 3000)
	some c in numbers.range(1, 3000)
	a * b * c == -1
}`

// A rule that takes too long is unknown everywhere, is told at the end, and keeps
// no other rule from its verdict.
func TestSlowRule(t *testing.T) {
	w := demoWorld(t)
	w.write("my-rules/own.rego", ownRule("own"))
	rule, _, _ := strings.Cut(ownRule("endless"), "deny contains")
	w.write("my-rules/endless.rego", rule+"deny contains "+endlessBody+"\n")
	w.works("snapshot -o org.snapshot" + orgFlags)
	for _, line := range []string{"audit --format json --snapshot org.snapshot", "plan --format json --snapshot org.snapshot"} {
		r := w.run(line + " --rules my-rules --rule-timeout 300ms")
		if !strings.Contains(r.err, "the rule endless was not run to the end, and is unknown from then on: it took longer than 300ms 3 times (for ") {
			t.Errorf("%s: %s", line, r.err)
		}
		if !strings.HasPrefix(line, "audit") {
			continue
		}
		d := w.decode(r)
		found := map[string]map[finding.Status]int{"own": {}, "endless": {}}
		for _, f := range d.Findings {
			if found[f.Rule] != nil {
				found[f.Rule][f.Status]++
			}
		}
		if found["own"][finding.Fail] != d.Summary.Repositories || found["endless"][finding.Unknown] != d.Summary.Repositories || len(found["endless"]) != 1 {
			t.Errorf("of %d repositories: %v", d.Summary.Repositories, found)
		}
		if d.Summary.Undecided < d.Summary.Repositories {
			t.Errorf("%d undecided", d.Summary.Undecided)
		}
	}
	w.refuses("audit --rule-timeout 0s", "--rule-timeout 0s: use a duration such as 10s, from 1ms to 1h")
}
