package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// What examples take for a registry, and for the digest of an artifact in it.
const (
	someRegistry       = "registry.example"
	someArtifactDigest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

// documentedTools do what a line of an example has a tool do that need not be
// installed.
func documentedTools() map[*regexp.Regexp]func(w *world, words []string) {
	return map[*regexp.Regexp]func(w *world, words []string){
		regexp.MustCompile(`^openssl genpkey .* -out (\S+)\.key$`): func(w *world, of []string) { w.signer(of[0]) },
		regexp.MustCompile(`^opa build --bundle (\S+) --signing-key (\S+) --signing-alg (\S+) -o (\S+)$`): func(w *world, of []string) {
			w.opaBuild(of[3], w.filesIn(of[0]), &signer{private: filepath.Join(w.dir, of[1]), algorithm: of[2]})
		},
		regexp.MustCompile(`^opa build --bundle (\S+) -o (\S+)$`): func(w *world, of []string) { w.opaBuild(of[1], w.filesIn(of[0]), nil) },
		regexp.MustCompile(`^\(cd (\S+) && opa sign --bundle \. --signing-key \.\./(\S+) --signing-alg (\S+)\)$`): func(w *world, of []string) {
			signed := w.signed(w.filesIn(of[0]), signer{private: filepath.Join(w.dir, of[1]), algorithm: of[2]})
			w.write(path.Join(of[0], ".signatures.json"), signed[".signatures.json"])
		},
		regexp.MustCompile(`^tar -czf (\S+) -C (\S+) \.$`): func(w *world, of []string) { w.write(of[0], tarOf(w.t, w.filesIn(of[1]))) },
		regexp.MustCompile(`^cp -r (\S+) (\S+)$`): func(w *world, of []string) {
			for name, text := range w.filesIn(of[0]) {
				w.write(path.Join(of[1], name), text)
			}
		},
		regexp.MustCompile(`^oras push ` + regexp.QuoteMeta(someRegistry) + `/(\S+):(\S+) (\S+)$`): func(w *world, of []string) {
			text, err := os.ReadFile(filepath.Join(w.dir, of[2]))
			if err != nil {
				w.t.Fatal(err)
			}
			w.registry = newRegistry(w.t)
			pinned, _ := w.registry.push(of[0], of[1], layer{of[2], orasFile, string(text)})
			_, w.artifactDigest, _ = strings.Cut(pinned, "@")
		},
	}
}

// useTool does what a line has a tool do, with the tool itself where that is
// openssl and it is there.
func (w *world) useTool(line string) {
	w.t.Helper()
	if strings.HasPrefix(line, "openssl ") {
		if _, err := exec.LookPath("openssl"); err == nil {
			command := exec.CommandContext(w.t.Context(), "sh", "-c", line)
			command.Dir = w.dir
			if out, err := command.CombinedOutput(); err != nil {
				w.t.Errorf("%s: %v\n%s", line, err, out)
			}
			return
		}
	}
	for pattern, do := range documentedTools() {
		if match := pattern.FindStringSubmatch(line); match != nil {
			do(w, match[1:])
		}
	}
}

// filesIn are the texts of the files in a folder, by their paths in it.
func (w *world) filesIn(folder string) map[string]string {
	w.t.Helper()
	files := map[string]string{}
	tree := os.DirFS(filepath.Join(w.dir, folder))
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(tree, name)
		files[name] = string(text)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return files
}

// inRegistry puts the registry of the test for that of an example.
func (w *world) inRegistry(args []string) []string {
	if w.registry == nil {
		return args
	}
	args = slices.Clone(args)
	for i := range args {
		args[i] = strings.NewReplacer(someRegistry, w.registry.host, someArtifactDigest, w.artifactDigest).Replace(args[i])
	}
	return args
}
