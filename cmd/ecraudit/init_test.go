package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecraudit/ecraudit/internal/awssim"
)

// What init writes is a configuration that an audit takes, from AWS and from a
// snapshot alike.
func TestInit(t *testing.T) {
	w := newWorld(t, awssim.Demo())
	end := w.server.ReadOnly()
	r := w.run("init" + orgFlags)
	end()
	if r.code != 0 || r.out != "" || !strings.Contains(r.err, "in force") {
		t.Fatalf("exit code %d: %s%s", r.code, r.out, r.err)
	}
	text, err := os.ReadFile(filepath.Join(w.dir, "ecraudit.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "init.yaml", string(text))
	golden(t, "init.stderr", r.err)
	if again := w.run("config validate"); again.code != 0 || !strings.Contains(again.out, "0 warnings") {
		t.Errorf("exit code %d: %s%s", again.code, again.out, again.err)
	}
	w.audit(orgFlags)

	w.works("snapshot -o s.snapshot --allow-incomplete" + orgFlags)
	if r := w.run("init --snapshot s.snapshot -o -"); r.code != 0 || r.out != string(text) {
		t.Errorf("from a snapshot it differs: %s%s", r.err, r.out)
	}
}

func TestInitDoesNotOverwrite(t *testing.T) {
	w := demoWorld(t)
	w.server.ResetCalls()
	r := w.run("init")
	if r.code != exitError || !strings.Contains(r.err, "ecraudit.yaml is there already and is not overwritten") || w.server.Calls().Total().Calls > 0 {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	if text, err := os.ReadFile(filepath.Join(w.dir, "ecraudit.yaml")); err != nil || !bytes.Equal(text, demoConfig) {
		t.Errorf("it was overwritten: %v", err)
	}
	for line, want := range map[string]string{
		"init -o none/x.yaml":          "writing none/x.yaml: no such file or directory",
		"init -o - --snapshot none":    "no such file",
		"init --snapshot x --org -o -": "--org means nothing with --snapshot",
		"init something":               "takes no arguments",
	} {
		if r := w.run(line); r.code != exitError || !strings.Contains(r.err, want) {
			t.Errorf("%s: exit code %d: %s", line, r.code, r.err)
		}
	}
}

// Of two files only one would hold, whichever name it has.
func TestTwoConfigurationFiles(t *testing.T) {
	w := newWorld(t, awssim.Demo())
	w.write("ecraudit.yml", "immutable: all\n")
	w.refuses("init", "ecraudit.yml is there already, and ecraudit.yaml would be found beside it: choose another file with -o")
	if _, err := os.Stat(filepath.Join(w.dir, "ecraudit.yaml")); err == nil {
		t.Error("ecraudit.yaml was written")
	}
	w.write("ecraudit.yaml", "immutable: none\n")
	for _, line := range []string{"audit", "rules", "config validate", "config explain a/b", "lifecycle explain access/public"} {
		w.refuses(line, "ecraudit.yaml: ecraudit.yml is beside it, and only one of the two can hold: merge them into one file, or move one away")
	}
	w.works("rules --config ./ecraudit.yml")
	if err := os.Remove(filepath.Join(w.dir, "ecraudit.yml")); err != nil {
		t.Fatal(err)
	}
	w.write("waivers.yaml", "")
	w.write("waivers.yml", "")
	w.write("named.yaml", "waiver_files: [waivers.yml]\n")
	w.works("config validate named.yaml")
	for _, line := range []string{"audit", "waivers", "config validate"} {
		w.refuses(line, "waivers.yaml: waivers.yml is beside it, and only one of the two can hold: merge them into one file, or move one away")
	}
}
