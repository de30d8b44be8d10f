package ciexamples

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"mvdan.cc/sh/v3/syntax"
)

func TestScriptsParse(t *testing.T) {
	for name, language := range map[string]syntax.LangVariant{
		"scripts/install.sh": syntax.LangPOSIX, "scripts/github-action.sh": syntax.LangBash, ".ci/run": syntax.LangBash,
	} {
		if _, err := syntax.NewParser(syntax.Variant(language)).Parse(bytes.NewReader(read(t, name)), name); err != nil {
			t.Error(err)
		}
		if _, err := exec.LookPath("shellcheck"); err != nil {
			t.Logf("%s is not checked with shellcheck, which is not installed", name)
			continue
		}
		if out, err := exec.CommandContext(t.Context(), "shellcheck", filepath.Join(root, name)).CombinedOutput(); err != nil {
			t.Errorf("shellcheck: %v\n%s", err, out)
		}
	}
}

// releases serves a release on the loopback interface.
type releases struct {
	*httptest.Server
	files map[string][]byte
}

func released(t *testing.T) *releases {
	t.Helper()
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	w := tar.NewWriter(zipped)
	const program = "#!/bin/sh\necho released\n"
	if err := w.WriteHeader(&tar.Header{Name: "ecraudit", Mode: 0o755, Size: int64(len(program))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(program)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	name := "/v1.2.3/ecraudit_1.2.3_" + runtime.GOOS + "_" + runtime.GOARCH + ".tar.gz"
	r := &releases{files: map[string][]byte{name: b.Bytes()}}
	r.files["/v1.2.3/checksums.txt"] = fmt.Appendf(nil, "%064x  other.tar.gz\n%x  %s\n", 0, r.sum(), filepath.Base(name))
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		text, ok := r.files[request.URL.Path]
		if !ok {
			http.NotFound(w, request)
			return
		}
		_, _ = w.Write(text)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *releases) archive() string {
	for name := range r.files {
		if strings.HasSuffix(name, ".tar.gz") {
			return name
		}
	}
	return ""
}

func (r *releases) sum() [32]byte { return sha256.Sum256(r.files[r.archive()]) }

func (r *releases) install(t *testing.T, folder string, args ...string) (string, error) {
	t.Helper()
	line := append([]string{filepath.Join(root, "scripts", "install.sh")}, args...)
	if len(args) > 0 {
		line = append([]string{line[0], args[0], folder}, args[1:]...)
	}
	command := exec.CommandContext(t.Context(), "sh", line...)
	command.Env = append(os.Environ(), "RELEASES="+r.URL)
	out, err := command.CombinedOutput()
	return string(out), err
}

func TestInstall(t *testing.T) {
	r := released(t)
	for _, args := range [][]string{{"1.2.3"}, {"v1.2.3"}, {"1.2.3", fmt.Sprintf("%x", r.sum())}} {
		folder := filepath.Join(t.TempDir(), "with space", "bin")
		if out, err := r.install(t, folder, args...); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		out, err := exec.CommandContext(t.Context(), filepath.Join(folder, "ecraudit")).Output()
		if err != nil || string(out) != "released\n" {
			t.Errorf("%v: %s, %v", args, out, err)
		}
	}
}

func TestInstallRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		args   []string
		tamper func(*releases)
		want   string
	}{
		"another archive":      {[]string{"1.2.3"}, func(r *releases) { r.files[r.archive()] = append(r.files[r.archive()], 0) }, "is not what was released"},
		"another pinned sum":   {[]string{"1.2.3", strings.Repeat("0", 64)}, nil, "is not what was released"},
		"not in checksums.txt": {[]string{"1.2.3"}, func(r *releases) { r.files["/v1.2.3/checksums.txt"] = []byte("\n") }, "does not list"},
		"twice in checksums.txt": {[]string{"1.2.3"}, func(r *releases) {
			r.files["/v1.2.3/checksums.txt"] = bytes.Repeat(r.files["/v1.2.3/checksums.txt"], 2)
		}, "does not list"},
		"no checksums.txt":     {[]string{"1.2.3"}, func(r *releases) { delete(r.files, "/v1.2.3/checksums.txt") }, "cannot fetch"},
		"no such release":      {[]string{"4.5.6"}, nil, "cannot fetch"},
		"a path for a version": {[]string{"../1.2.3"}, nil, "is no version"},
		"a short sum":          {[]string{"1.2.3", "abc"}, nil, "it has 3 digits, not 64"},
		"no sum":               {[]string{"1.2.3", "$(id)"}, nil, "is no SHA-256"},
		"nothing":              {nil, nil, "usage: sh install.sh VERSION FOLDER"},
	} {
		t.Run(name, func(t *testing.T) {
			r := released(t)
			if c.tamper != nil {
				c.tamper(r)
			}
			folder := t.TempDir()
			out, err := r.install(t, folder, c.args...)
			if err == nil || !strings.Contains(out, c.want) {
				t.Errorf("%v\n%s\nwant %s", err, out, c.want)
			}
			if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
				t.Errorf("it left %v, %v", left, err)
			}
		})
	}
}
