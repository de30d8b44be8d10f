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
)

const (
	benchAccount = "111111111111"
	benchRegion  = "eu-west-1"
)

// benchWorld is one registry of repositories of a hundred images, in which
// every rule that can finds something.
func benchWorld(b *testing.B, repositories int) (environment []string) {
	b.Helper()
	org := awssim.NewOrganization(awssim.OrganizationOptions{ManagementAccount: benchAccount})
	newest := org.Now()
	org.Account(benchAccount).Registry(benchRegion).AddSyntheticRepositories(repositories, func(i int) awssim.Repository {
		return awssim.Repository{
			Name: fmt.Sprintf("team-%02d/service-%05d", i%20, i), CreatedAt: newest, TagMutability: "MUTABLE",
			Policy: `{"Version":"2012-10-17","Statement":[{"Sid":"Open","Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage"}]}`,
			Synthetic: &awssim.SyntheticImages{Seed: uint64(i), N: 100, Image: func(k int) awssim.Image {
				return awssim.Image{Size: 50 << 20, PushedAt: newest.Add(-time.Duration(k) * time.Hour), Tags: []string{fmt.Sprintf("gitsha_%07x", k)}}
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
		environment := benchWorld(b, repositories)
		for _, format := range []string{"json", "details", "ndjson", "table", "snapshot"} {
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
	dir := b.TempDir()
	line := "audit --format " + format + " -o report"
	switch format {
	case "snapshot":
		line = "snapshot -o report"
	case "details":
		line = "audit --details --format json -o report"
	}
	command := exec.CommandContext(b.Context(), binary, strings.Fields(line)...)
	command.Dir, command.Env = dir, environment
	out, err := command.CombinedOutput()
	if code := command.ProcessState.ExitCode(); code != 2 && code != 0 {
		b.Fatalf("%v: %s", err, out)
	}
	return peakMiB(command.ProcessState)
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
