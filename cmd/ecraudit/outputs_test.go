package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecraudit/ecraudit/internal/report"
)

func fileText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Each output of a run that writes several is what a run that writes it alone
// gives, and so is what a saved report is turned into.
func TestSeveralOutputs(t *testing.T) {
	w := demoWorld(t)
	if r := w.run("snapshot -o org.snapshot" + orgFlags); r.code != 3 {
		t.Fatalf("exit code %d: %s", r.code, r.err)
	}
	const audit = "audit --snapshot org.snapshot"
	line := audit + " --details -o report.json -o report.ndjson -o -"
	for _, format := range report.Formats() {
		line += " -o " + format + "=of." + format
	}
	r := w.run(line)
	if r.code != 2 {
		t.Fatalf("exit code %d: %s", r.code, r.err)
	}
	for _, format := range report.Formats() {
		of := audit + " --format " + format
		if report.CarriesDetails(format) {
			of += " --details"
		}
		alone := w.run(of)
		if diff := cmp.Diff(alone.out, fileText(t, "of."+format)); diff != "" {
			t.Errorf("%s differs from that of a run of its own:\n%s", format, diff)
		}
		for _, saved := range []string{"report.json", "report.ndjson"} {
			turned := w.run("report " + saved + " --format " + format)
			if turned.code != 0 {
				t.Errorf("report %s: exit code %d: %s", saved, turned.code, turned.err)
			}
			if diff := cmp.Diff(alone.out, turned.out); diff != "" {
				t.Errorf("%s made of %s differs from that of the run:\n%s", format, saved, diff)
			}
		}
	}
	if r.out != fileText(t, "of.table") {
		t.Error("the table on standard output is another than that of the file")
	}
}

// The format of an output is the one that it names, or else the one that its
// extension tells.
func TestFormatOfAnOutput(t *testing.T) {
	w := demoWorld(t)
	if r := w.run("audit -o report.json" + orgFlags); r.code != 2 {
		t.Fatalf("exit code %d: %s", r.code, r.err)
	}
	for args, begins := range map[string]string{
		"-o x.json":                   `{`,
		"-o X.NDJSON":                 `{"type":"run"`,
		"-o x.txt":                    "ecraudit",
		"-o table=unnamed":            "ecraudit",
		"-o json=x.txt":               `{`,
		"-o ./a=b.json":               `{`,
		"-o x.txt --format ndjson":    `{"type":"run"`,
		"-o ndjson=y --format ndjson": `{"type":"run"`,
	} {
		r := w.run("report report.json " + args)
		if r.code != 0 || r.out != "" {
			t.Errorf("%s: exit code %d, output %q, %s", args, r.code, r.out, r.err)
			continue
		}
		path := strings.Fields(args)[1]
		if name, rest, named := strings.Cut(path, "="); named && !strings.HasPrefix(name, ".") {
			path = rest
		}
		if got := fileText(t, path); !strings.HasPrefix(got, begins) {
			t.Errorf("%s begins with %.40q, not with %q", args, got, begins)
		}
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

// A table in a file whose name promises something else would be found out by the
// program that reads it.
func TestOutputOfNoFormat(t *testing.T) {
	w := demoWorld(t)
	w.works("audit -o report.json" + orgFlags)
	for line, endings := range map[string]string{
		"report report.json -o x.foo":                 ".txt, .json, .ndjson, .jsonl, .sarif, gl-code-quality-report.json, gl-sast-report.json, .md, .csv, .xml, .html, .htm, .prom",
		"report report.json -o unnamed":               ".txt, .json, ",
		"report report.json -o y.json -o x.foo":       ".txt, .json, ",
		"diff report.json other.json -o x.foo":        ".json, .md, .txt",
		"diff report.json other.json -o differences.": ".json, .md, .txt",
	} {
		r := w.run(line)
		if r.code != exitError || !strings.Contains(r.err, "the name does not tell the format: end it with "+endings) || !strings.Contains(r.err, "or write FORMAT=") {
			t.Errorf("%s: exit code %d: %s", line, r.code, r.err)
		}
	}
	if left, _ := filepath.Glob("[xyu]*"); len(left) > 0 {
		t.Errorf("files are left: %v", left)
	}
}

// An output that cannot be written is told before anything is asked of AWS, and
// leaves nothing of the others.
func TestOutputThatCannotBeWritten(t *testing.T) {
	w := demoWorld(t)
	r := w.run("audit -o report.json -o nowhere/report.ndjson" + orgFlags)
	if r.code != 1 || !strings.Contains(r.err, "nowhere") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	if calls := w.server.Calls().Total().Calls; calls > 0 {
		t.Errorf("%d calls were made", calls)
	}
	if left, _ := filepath.Glob("*report*"); len(left) > 0 {
		t.Errorf("files are left: %v", left)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// An output that fails late does not take the others with it.
func TestOutputThatFailsLate(t *testing.T) {
	w := demoWorld(t)
	var messages bytes.Buffer
	code := run(t.Context(), strings.Fields("audit -o report.json -o ndjson=-"+orgFlags), streams{out: fullDisk{}, err: &messages})
	if code != 1 || !strings.Contains(messages.String(), "no space left") {
		t.Errorf("exit code %d: %s", code, messages.String())
	}
	if again := w.run("report report.json"); again.code != 0 {
		t.Errorf("report.json is not whole: %s", again.err)
	}
}

// A damaged report is told from a whole one.
func TestReportThatIsDamaged(t *testing.T) {
	w := demoWorld(t)
	if r := w.run("audit -o report.json" + orgFlags); r.code != 2 {
		t.Fatalf("exit code %d: %s", r.code, r.err)
	}
	whole := fileText(t, "report.json")
	w.write("cut.json", whole[:len(whole)/2])
	r := w.run("report cut.json -o again.json")
	if r.code != 1 || !strings.Contains(r.err, "cut.json") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	if _, err := os.Stat("again.json"); err == nil {
		t.Error("half a report was written")
	}
}
