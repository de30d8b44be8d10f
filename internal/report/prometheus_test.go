package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// samplesOf reads a report as the node exporter does, and returns the samples
// by name and labels.
func samplesOf(t *testing.T, s script) map[string]float64 {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(written(t, "prometheus", s, Options{})))
	if err != nil {
		t.Fatal(err)
	}
	samples := make(map[string]float64)
	for name, family := range families {
		if family.GetType() != dto.MetricType_GAUGE || family.GetHelp() == "" {
			t.Errorf("%s has the type %s and the help %q", name, family.GetType(), family.GetHelp())
		}
		for _, metric := range family.GetMetric() {
			if metric.TimestampMs != nil {
				t.Errorf("%s has a timestamp, for which the node exporter refuses the file", name)
			}
			id := name
			for _, label := range metric.GetLabel() {
				id += "|" + label.GetValue()
			}
			if _, ok := samples[id]; ok {
				t.Errorf("two samples are %s", id)
			}
			samples[id] = metric.GetGauge().GetValue()
		}
	}
	return samples
}

// What is waived counts again at the end of the last day of its waiver: one can
// alert before it does, and on waivers that excuse nothing.
func TestPrometheusWaivers(t *testing.T) {
	samples := samplesOf(t, waivers())
	for id, want := range map[string]float64{
		"ecraudit_waivers|file|in_force": 3, "ecraudit_waivers|file|ended": 1, "ecraudit_waivers|tag|in_force": 2, "ecraudit_waivers|tag|ended": 1,
		"ecraudit_waivers_unmatched|file": 2, "ecraudit_waivers_unmatched|tag": 1,
		"ecraudit_waived_until_timestamp_seconds|encryption":        float64(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC).Unix()),
		"ecraudit_waived_until_timestamp_seconds|lifecycle-missing": float64(time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC).Unix()),
	} {
		if got, there := samples[id]; !there || got != want {
			t.Errorf("%s is %v, %v, and not %v", id, got, there, want)
		}
	}
	for id := range samplesOf(t, typical()) {
		if strings.Contains(id, "_waive") {
			t.Errorf("without waivers there is %s", id)
		}
	}
}

func TestPrometheusCounts(t *testing.T) {
	for name, s := range scripts() {
		samples := samplesOf(t, s)
		findings, gaps := 0.0, 0.0
		for id, value := range samples {
			switch {
			case strings.HasPrefix(id, "ecraudit_findings|"):
				findings += value
			case strings.HasPrefix(id, "ecraudit_gaps|"):
				gaps += value
			}
		}
		sum := s.summary()
		got := map[string]float64{"findings": findings, "gaps": gaps}
		want := map[string]float64{"findings": float64(sum.Findings), "gaps": float64(sum.Gaps)}
		for id, value := range map[string]int{
			"ecraudit_repositories": sum.Repositories, "ecraudit_images": sum.Images, "ecraudit_exit_code": sum.ExitCode,
			"ecraudit_run_timestamp_seconds": int(s.run.Clock.Unix()),
		} {
			got[id], want[id] = samples[id], float64(value)
		}
		for _, status := range []snapshot.Status{snapshot.StatusComplete, snapshot.StatusPartial, snapshot.StatusFailed, snapshot.StatusSkipped} {
			id := "ecraudit_targets|" + string(status)
			value, ok := samples[id]
			if !ok {
				t.Errorf("%s lacks %s", name, id)
			}
			got[id] = value
			for _, target := range s.run.Targets {
				if target.Status == status {
					want[id]++
				}
			}
			want[id] += 0 // so that it is there
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestPrometheusSeries(t *testing.T) {
	samples := samplesOf(t, typical())
	for id, want := range map[string]float64{
		"ecraudit_findings|tag-convention|low|fail|222233334444|us-east-1":              57,
		"ecraudit_findings|release-vulnerabilities|high|unknown|444455556666|eu-west-1": 4,
		"ecraudit_findings|release-vulnerabilities|high|unknown|222233334444|us-east-1": 2,
		"ecraudit_findings|tag-immutability|high|fail|444455556666|us-east-1":           1, // above the rule's severity
		"ecraudit_gaps|444455556666|us-east-1":                                          0,
		"ecraudit_complete":                                                             1,
		"ecraudit_interrupted":                                                          0,
	} {
		if got, ok := samples[id]; !ok || got != want {
			t.Errorf("%s is %v (there: %v), want %v", id, got, ok, want)
		}
	}
	for _, s := range scripts() {
		samples := samplesOf(t, s)
		for _, rule := range s.run.Rules {
			for _, status := range finding.Statuses() {
				id := "ecraudit_findings|" + Printable(rule.ID) + "|" + rule.Severity.String() + "|" + string(status) + "||"
				value, ok := samples[id]
				switch {
				case s.run.Query != "" && ok:
					t.Errorf("%s is there, though a query may have left findings out", id)
				case s.run.Query == "" && (!ok || value != 0):
					t.Errorf("%s is %v (there: %v), want 0", id, value, ok)
				}
			}
		}
	}
}

// A finding on the organization counts in the series that the rule has anyway.
func TestPrometheusOrganization(t *testing.T) {
	s := clean()
	f := s.found("/", "required-tags", "no organization trail")
	f.Account, f.Region = "", ""
	if got := samplesOf(t, s)["ecraudit_findings|required-tags|info|fail||"]; got != 1 {
		t.Errorf("the finding on the organization counts as %v", got)
	}
}

func TestPrometheusIncomplete(t *testing.T) {
	for name, s := range incompletes() {
		samples := samplesOf(t, s)
		if value, ok := samples["ecraudit_complete"]; !ok || value != 0 {
			t.Errorf("%s: ecraudit_complete is %v (there: %v)", name, value, ok)
		}
		if got := samples["ecraudit_interrupted"]; (got == 1) != s.run.Interrupted {
			t.Errorf("%s: ecraudit_interrupted is %v", name, got)
		}
	}
	if got := samplesOf(t, clean())["ecraudit_complete"]; got != 1 {
		t.Errorf("a clean run: ecraudit_complete is %v", got)
	}
}

// How many series there are does not depend on how many repositories are bad.
func TestPrometheusCardinality(t *testing.T) {
	few, many := long(1_000), long(20_000)
	if a, b := len(samplesOf(t, few)), len(samplesOf(t, many)); a != b {
		t.Errorf("%d series for %d findings, %d for %d", a, len(few.findings), b, len(many.findings))
	}
}

// OpenMetrics wants each family in one piece, its end marked, and the file to
// end there.
func TestPrometheusIsOpenMetrics(t *testing.T) {
	for name, s := range scripts() {
		out := string(written(t, "prometheus", s, Options{}))
		if strings.Count(out, "# EOF") != 1 || !strings.HasSuffix(out, "\n# EOF\n") {
			t.Errorf("%s does not end in # EOF", name)
		}
		var families []string
		for line := range strings.Lines(out) {
			if family, ok := strings.CutPrefix(line, "# HELP "); ok {
				family, _, _ = strings.Cut(family, " ")
				families = append(families, family)
			} else if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, families[len(families)-1]) {
				t.Errorf("%s: %q stands under %s", name, line, families[len(families)-1])
			}
		}
		seen := make(map[string]bool)
		for i, family := range families {
			if seen[family] || i > 0 && families[i-1] > family {
				t.Errorf("%s: %s comes twice or out of order", name, family)
			}
			seen[family] = true
		}
	}
}

func TestPrometheusWithoutClock(t *testing.T) {
	if _, ok := samplesOf(t, script{})["ecraudit_run_timestamp_seconds"]; ok {
		t.Error("a run without a clock has a timestamp")
	}
}
