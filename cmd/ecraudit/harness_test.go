package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestMain lets garbage lie longer: the tests run the program a thousand times in
// one process, and collecting what each run leaves takes a fifth of their time.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	m.Run()
}

// world is a simulated organization that the AWS client of this process talks
// to, and a working directory.
type world struct {
	t      *testing.T
	org    *awssim.Organization
	server *awssim.Server
	dir    string

	registry       *registryServer // that examples push to; nil before
	artifactDigest string          // of what they pushed last
}

// newWorld serves an organization as its management account sees it.
func newWorld(t *testing.T, org *awssim.Organization) *world {
	t.Helper()
	w := &world{t: t, org: org, server: awssim.Start(org, awssim.Options{}), dir: t.TempDir()}
	t.Cleanup(w.server.Close)
	w.as(org.ManagementAccount().ID(), "eu-west-1")
	t.Setenv("TMPDIR", t.TempDir())
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	t.Setenv("COLUMNS", "80")
	t.Setenv("NO_COLOR", "1")
	t.Chdir(w.dir)
	return w
}

// demoWorld is the demonstration's organization with its configuration.
func demoWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, awssim.Demo())
	w.write("ecraudit.yaml", string(demoConfig))
	return w
}

// demonstrated is the snapshot of the demonstration, once some test collected it.
var demonstrated []byte

// snapshot writes the snapshot of the demonstration that nobody changed.
func (w *world) snapshot(name string) {
	w.t.Helper()
	if demonstrated == nil {
		if r := w.run("snapshot -o " + name + orgFlags); r.code != 3 { // of one account nothing can be read
			w.t.Fatalf("exit code %d: %s", r.code, r.err)
		}
		demonstrated = []byte(w.read(name))
		return
	}
	w.write(name, string(demonstrated))
}

// as makes an account's administrator the caller.
func (w *world) as(account, region string) {
	for _, setting := range w.server.Environment(account, region) {
		name, value, _ := strings.Cut(setting, "=")
		w.t.Setenv(name, value)
	}
}

func (w *world) write(name, text string) {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// untilQuiet waits until AWS has been called, and then not for a while: what
// can be finished is.
func (w *world) untilQuiet() {
	const while = 2 * time.Second
	for before := -1; ; {
		calls := w.server.Calls().Total().Calls
		if calls == before && calls > 50 {
			return
		}
		before = calls
		time.Sleep(while)
	}
}

// result is how a command ended.
type result struct {
	code     int
	out, err string
}

// run executes a command line, its words separated by spaces.
func (w *world) run(line string) result {
	w.t.Helper()
	return w.runContext(w.t.Context(), line)
}

func (w *world) runContext(ctx context.Context, line string) result {
	w.t.Helper()
	var out, err bytes.Buffer
	code := run(ctx, strings.Fields(line), streams{out: &out, err: &err})
	return result{code, out.String(), err.String()}
}

// org audits the demonstration as its documentation does.
const orgFlags = " --org --role-name ecraudit-reader --regions eu-west-1,us-east-1 "

// document is a JSON report.
type document struct {
	Run      report.Run        `json:"run"`
	Findings []finding.Finding `json:"findings"`
	Gaps     []snapshot.Gap    `json:"gaps"`
	Summary  report.Summary    `json:"summary"`
}

// audit runs an audit and reads its JSON report.
func (w *world) audit(flags string) document {
	w.t.Helper()
	r := w.run("audit --format json " + flags)
	if r.code == exitError {
		w.t.Fatalf("audit %s: %s", flags, r.err)
	}
	return w.decode(r)
}

func (w *world) decode(r result) document {
	w.t.Helper()
	var d document
	if err := json.Unmarshal([]byte(r.out), &d); err != nil {
		w.t.Fatalf("the report is no JSON: %v\n%s\n%s", err, r.out, r.err)
	}
	if d.Summary.ExitCode != r.code {
		w.t.Errorf("the report says exit code %d, the command ended with %d", d.Summary.ExitCode, r.code)
	}
	return d
}

// findings of a rule on a repository, as "status: message".
func (d document) findings(rule, repository string) (found []string) {
	for _, f := range d.Findings {
		if f.Rule == rule && f.Repository == repository {
			found = append(found, string(f.Status)+": "+f.Message)
		}
	}
	return found
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	path = filepath.Join(testdata, path)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update rewrites it):\n%s", path, diff)
	}
}

// testdata is absolute, because tests change the working directory.
var testdata = func() string {
	path, err := filepath.Abs("testdata")
	if err != nil {
		panic(err)
	}
	return path
}()
