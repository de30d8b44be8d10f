package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/report"
)

const (
	benchAccount = "111111111111"
	benchRegion  = "eu-west-1"
)

// benchWorld is one registry of repositories of a hundred images, in which
// every rule that can finds something. So many of the images are releases, each
// of which has a finding.
func benchWorld(b *testing.B, repositories, releases int) (environment []string) {
	b.Helper()
	org := awssim.NewOrganization(awssim.OrganizationOptions{ManagementAccount: benchAccount})
	newest := org.Now()
	org.Account(benchAccount).Registry(benchRegion).AddSyntheticRepositories(repositories, func(i int) awssim.Repository {
		return awssim.Repository{
			Name: fmt.Sprintf("team-%02d/service-%05d", i%20, i), CreatedAt: newest, TagMutability: "MUTABLE",
			Policy: `{"Version":"2012-10-17","Statement":[{"Sid":"Open","Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage"}]}`,
			Synthetic: &awssim.SyntheticImages{Seed: uint64(i), N: 100, Image: func(k int) awssim.Image {
				tag := fmt.Sprintf("gitsha_%07x", k)
				if k < releases {
					tag = fmt.Sprintf("1.%d.0", k)
				}
				return awssim.Image{Size: 50 << 20, PushedAt: newest.Add(-time.Duration(k) * time.Hour), Tags: []string{tag}}
			}},
		}
	})
	server := awssim.Start(org, awssim.Options{AnySignature: true})
	b.Cleanup(server.Close)
	return append(os.Environ(), server.Environment(benchAccount, benchRegion)...)
}

func buildBinary(b *testing.B) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "ecraudit")
	if out, err := exec.CommandContext(b.Context(), "go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return path
}

// BenchmarkPeakMemory audits 2,000 and 20,000 repositories of a hundred images
// in a process of its own and reports that process's peak memory.
func BenchmarkPeakMemory(b *testing.B) {
	if runtime.GOOS != "linux" {
		b.Skip("the unit of peak memory is known on Linux")
	}
	binary := buildBinary(b)
	for _, repositories := range []int{2_000, 20_000} {
		environment := benchWorld(b, repositories, 0)
		for _, format := range []string{"json", "details", "ndjson", "table", "all", "snapshot"} {
			b.Run(fmt.Sprintf("repositories=%d/format=%s", repositories, format), func(b *testing.B) {
				for b.Loop() {
					b.ReportMetric(peakMemory(b, binary, environment, format), "MiB-peak")
				}
			})
		}
	}
}

func peakMemory(b *testing.B, binary string, environment []string, format string) float64 {
	b.Helper()
	line := "audit " + outputsOf(format)
	switch format {
	case "snapshot":
		line = "snapshot -o report"
	case "details":
		line = "audit --details --format json -o report"
	case "all":
		line = "audit " + outputsOf(report.Formats()...)
	}
	return peakMiB(ran(b, binary, environment, line))
}

// outputsOf are the flags for a file in each of the formats.
func outputsOf(formats ...string) string {
	var flags []string
	for _, format := range formats {
		flags = append(flags, fmt.Sprintf("-o %s=report.%s", format, format))
	}
	return strings.Join(flags, " ")
}

// ran runs a command line in a folder of its own.
func ran(b *testing.B, binary string, environment []string, line string) *os.ProcessState {
	b.Helper()
	command := exec.CommandContext(b.Context(), binary, strings.Fields(line)...)
	command.Dir, command.Env = b.TempDir(), environment
	out, err := command.CombinedOutput()
	if code := command.ProcessState.ExitCode(); code != 2 && code != 0 {
		b.Fatalf("%v: %s", err, out)
	}
	return command.ProcessState
}

// BenchmarkOutputs audits a snapshot of 2,000 repositories with a hundred images
// each, in which 108,000 findings are, and reports how much longer that takes,
// and how much more of the processors, with all formats at once than with the
// one that writes least. The two take turns, so that what else the machine does
// touches both.
func BenchmarkOutputs(b *testing.B) {
	const repositories, releases = 2_000, 50
	binary := buildBinary(b)
	environment := benchWorld(b, repositories, releases)
	snapshot := filepath.Join(b.TempDir(), "org.snapshot")
	ran(b, binary, environment, "snapshot -o "+snapshot)
	var elapsed, processor [2]time.Duration
	peak := 0.0
	for b.Loop() {
		for i, formats := range [][]string{{"prometheus"}, report.Formats()} {
			begin := time.Now()
			state := ran(b, binary, environment, "audit --snapshot "+snapshot+" "+outputsOf(formats...))
			elapsed[i] += time.Since(begin)
			processor[i] += state.UserTime() + state.SystemTime()
			if i == 1 && runtime.GOOS == "linux" {
				peak = max(peak, peakMiB(state))
			}
		}
	}
	b.ReportMetric(elapsed[1].Seconds()/elapsed[0].Seconds(), "times-as-long")
	b.ReportMetric(processor[1].Seconds()/processor[0].Seconds(), "times-the-processor")
	b.ReportMetric(processor[0].Seconds()/float64(b.N), "cpu-s/least")
	b.ReportMetric(peak, "MiB-peak")
}

// BenchmarkVersion is how long the program takes to start and end.
func BenchmarkVersion(b *testing.B) {
	binary := buildBinary(b)
	for b.Loop() {
		if err := exec.CommandContext(b.Context(), binary, "--version").Run(); err != nil {
			b.Fatal(err)
		}
	}
}
