package rulesource

import (
	"archive/tar"
	"bytes"
	"path"
	"strings"
	"testing"

	"github.com/ecraudit/ecraudit/internal/finding"
)

func packed(f *testing.F, name, text string) []byte {
	f.Helper()
	var out bytes.Buffer
	tape := tar.NewWriter(&out)
	if err := tape.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
		f.Fatal(err)
	}
	if _, err := tape.Write([]byte(text)); err != nil {
		f.Fatal(err)
	}
	if err := tape.Close(); err != nil {
		f.Fatal(err)
	}
	return out.Bytes()
}

// Whatever a registry sends is read or refused, and nothing gets a name outside
// of the bundle.
func FuzzBundle(f *testing.F) {
	f.Add(packed(f, "rules/a.rego", "package a\n"))
	f.Add(packed(f, "../a.rego", "package a\n"))
	f.Add(packed(f, ".manifest", `{"roots": ["a"], "metadata": {"ecraudit": {"contract": 1}}}`))
	f.Add(packed(f, ".signatures.json", `{"signatures": ["a.b.c"]}`))
	f.Add(packed(f, "data.json", `{"a": 1}`))
	f.Add([]byte("\x1f\x8b"))
	f.Fuzz(func(t *testing.T, content []byte) {
		found := files{}
		if err := found.addTar(content); err != nil {
			return
		}
		for name := range found {
			if path.IsAbs(name) || name != path.Clean(name) || strings.HasPrefix(name, "..") && !strings.HasPrefix(name, "...") && (name == ".." || name[2] == '/') {
				t.Errorf("a file is called %q", name)
			}
		}
		a := &archive{kind: finding.FromBundle, files: found}
		if err := a.read("a.tar.gz", nil); err == nil {
			_, _ = a.source("a.tar.gz", "a.tar.gz", "")
		}
	})
}

// Keys are public ones, and a signature cannot choose an algorithm that its key is
// not for.
func FuzzKey(f *testing.F) {
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n"), `{"signatures": ["e30.e30.e30"]}`)
	f.Add([]byte("secret"), `{}`)
	f.Fuzz(func(t *testing.T, text []byte, signatures string) {
		key, err := parseKey(text)
		if err != nil {
			return
		}
		if len(key.algorithms) == 0 || strings.Contains(strings.Join(key.algorithms, " "), "HS") {
			t.Errorf("a key for %q", key.algorithms)
		}
		if _, err := key.verifies([]byte(signatures)); err == nil {
			t.Errorf("%s is signed", signatures)
		}
	})
}

// A file with holes is small where it is stored, and unpacks to 200 GiB: as made by
// tar --format=posix --sparse.
func TestSparseBundle(t *testing.T) {
	if _, _, err := readBundle("testdata/sparse.tar.gz"); err == nil || !strings.Contains(err.Error(), "what it unpacks to is larger than 64 MiB") {
		t.Errorf("%v", err)
	}
}
