package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/query"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// kept is a handler that keeps what it is told.
type kept struct {
	run      Run
	findings []finding.Finding
	gaps     []snapshot.Gap
	details  []Detail
	summary  Summary
}

func (k *kept) Begin(r Run) error {
	k.run = r
	return nil
}

func (k *kept) Finding(f finding.Finding) error {
	k.findings = append(k.findings, f)
	return nil
}

func (k *kept) Gap(g snapshot.Gap) error {
	k.gaps = append(k.gaps, g)
	return nil
}

func (k *kept) Detail(d Detail) error {
	k.details = append(k.details, d)
	return nil
}

func (k *kept) End(s Summary) error {
	k.summary = s
	return nil
}

// The counts of a filtered report are those of what is in it; all that decides
// how the run ended stays.
func TestOnlyRecounts(t *testing.T) {
	s := partial()
	s.details = []Detail{{Account: "1"}, {Account: "2"}}
	s.findings = append(s.findings, typical().findings...)
	whole := s.summary()
	f := queried(s, "severity>=high and account=prod-*")
	got := *f.summarized
	want := f.summary()
	if got.Findings != len(f.findings) || got.Findings == 0 || got.Findings == whole.Findings {
		t.Errorf("%d findings, of %d there are %d", got.Findings, whole.Findings, len(f.findings))
	}
	recount := script{run: f.run, findings: f.findings, gaps: f.gaps, failOn: f.failOn}.summary()
	want.Findings, want.BySeverity, want.ByRule = recount.Findings, recount.BySeverity, recount.ByRule
	want.Failing, want.Undecided, want.ExitCode = whole.Failing, whole.Undecided, whole.ExitCode
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	k := &kept{}
	q, _ := query.Parse("rule=none")
	if err := s.play(Only(q, k, func(string) {})); err != nil {
		t.Fatal(err)
	}
	if len(k.gaps) != len(s.gaps) || len(k.details) != len(s.details) || len(k.findings) > 0 {
		t.Errorf("%d gaps, %d details, %d findings", len(k.gaps), len(k.details), len(k.findings))
	}
}

// A filtered report is whole, and can be filtered again: by both.
func TestOnlyTwice(t *testing.T) {
	first := written(t, "json", queried(typical(), "severity>=high or rule=encryption"), Options{})
	q, _ := query.Parse("region=us-* or region=none")
	k := &kept{}
	var idle []string
	if err := Replay(bytes.NewReader(first), Only(q, k, func(text string) { idle = append(idle, text) })); err != nil {
		t.Fatal(err)
	}
	if want := "(severity>=high or rule=encryption) and (region=us-* or region=none)"; k.run.Query != want {
		t.Errorf("the query is %s, want %s", k.run.Query, want)
	}
	both := queried(typical(), k.run.Query)
	if diff := cmp.Diff(both.findings, k.findings); diff != "" || len(k.findings) == 0 {
		t.Errorf("(-both at once +one after the other):\n%s", diff)
	}
	if len(idle) != 1 || !strings.Contains(idle[0], "no region of this run is none") {
		t.Errorf("warnings %q", idle)
	}
	if got := andQuery("size>3", q); got != "(size>3) and (region=us-* or region=none)" {
		t.Errorf("the query of a newer version becomes %s", got)
	}
}
