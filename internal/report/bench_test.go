package report

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// long is a run of n findings as an audit of thousands of repositories has
// them: five for each repository, spread over the rules, most on images.
func long(n int) script {
	s := script{run: newRun(), failOn: finding.High}
	for i := range n {
		repository := i / 5
		target := s.run.Targets[repository*len(s.run.Targets)/max(1, n/5)%len(s.run.Targets)]
		f := s.found(fmt.Sprintf("%s/%s/team-%02d/service-%05d", target.Account, target.Region, repository%37, repository),
			s.run.Rules[i%len(s.run.Rules)].ID, "")
		f.Message = fmt.Sprintf("finding %d: statement \"partner\" lets arn:aws:iam::999988887777:root pull", i)
		if i%3 == 0 {
			f.Digest, f.Tag = digest(i), fmt.Sprintf("1.%d.0", i)
		}
		if i%4 == 0 {
			f.Fix = []byte(`{"action":"remove_policy_statement","statement":"partner"}`)
		}
	}
	return s
}

// BenchmarkFormat writes 100,000 findings in each format. The yardstick is
// encoding/json, which writes them and nothing else.
func BenchmarkFormat(b *testing.B) {
	const findings = 100_000
	s := long(findings)
	b.Run("encoding-json", func(b *testing.B) {
		begin := processorTime()
		for b.Loop() {
			encoder := json.NewEncoder(io.Discard)
			for i := range s.findings {
				if err := encoder.Encode(&s.findings[i]); err != nil {
					b.Fatal(err)
				}
			}
		}
		perFinding(b, findings, processorTime()-begin)
	})
	for _, format := range Formats() {
		b.Run(format, func(b *testing.B) { benchmark(b, s, format, Options{}) })
	}
	b.Run("table-all", func(b *testing.B) { benchmark(b, s, "table", Options{All: true}) })
}

func benchmark(b *testing.B, s script, format string, o Options) {
	b.ReportAllocs()
	begin := processorTime()
	for b.Loop() {
		h, err := New(format, io.Discard, o)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.play(h); err != nil {
			b.Fatal(err)
		}
	}
	perFinding(b, len(s.findings), processorTime()-begin)
	b.ReportMetric(float64(held(b, s, format, o))/1024, "KiB-held")
}

// perFinding reports time and, where the system tells it, processor time, which
// what else the machine does changes less.
func perFinding(b *testing.B, findings int, processor time.Duration) {
	b.Helper()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*findings), "ns/finding")
	b.ReportMetric(float64(processor.Nanoseconds())/float64(b.N*findings), "cpu-ns/finding")
}

// held is the memory that a handler holds after all findings of s, in bytes.
func held(t testing.TB, s script, format string, o Options) int64 {
	t.Helper()
	h, err := New(format, io.Discard, o)
	if err != nil {
		t.Fatal(err)
	}
	defer Close(h)
	if err := h.Begin(s.run); err != nil {
		t.Fatal(err)
	}
	before := liveHeap()
	for _, f := range s.findings {
		if err := h.Finding(f); err != nil {
			t.Fatal(err)
		}
	}
	after := liveHeap()
	runtime.KeepAlive(h)
	runtime.KeepAlive(s)
	return after - before
}

func liveHeap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// What is held does not grow with the number of findings.
func TestMemoryIsFlat(t *testing.T) {
	const slack = 64 << 10 // bytes
	few, many := long(10_000), long(60_000)
	for _, format := range Formats() {
		for _, all := range []bool{false, true} {
			o := Options{All: all}
			small, large := held(t, few, format, o), held(t, many, format, o)
			if large > small+slack {
				t.Errorf("%s (all: %v) holds %d KiB after %d findings and %d KiB after %d",
					format, all, small>>10, len(few.findings), large>>10, len(many.findings))
			}
		}
	}
}
