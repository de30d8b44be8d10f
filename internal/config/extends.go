package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"go.yaml.in/yaml/v3"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/reference"
)

// maxFiles is how many files a configuration may consist of.
const maxFiles = 64

// loader reads a file and, before it, those that it extends. Each file stands
// once in a configuration: one that is reached in two ways would be laid over
// what came between, which nobody means.
type loader struct {
	read     func(path string) ([]byte, error) // nil where what is extended is left out
	packs    Packs
	identity func(path string) string // the same for the same file
	c        *Config
	errs     []*Error
	met      map[string]Place // files by identity → where they are extended
	open     []string         // identities of the files that extend what is being read
	waivers  map[string]bool  // identities of the files of waivers that were read
}

func newLoader(path string, packs Packs, read func(string) ([]byte, error), identity func(string) string) *loader {
	l := &loader{read: read, packs: packs, identity: identity, c: Default(), met: map[string]Place{}, waivers: map[string]bool{}}
	l.c.Path = path
	return l
}

// identityOf is the absolute path of a file without symbolic links.
func identityOf(path string) string {
	if pack, inside := reference.Split(path); inside != "" && !reference.IsArtifact(pack) {
		return reference.In(identityOf(pack), inside)
	}
	if reference.IsArtifact(path) {
		return path
	}
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	if linkless, err := filepath.EvalSymlinks(path); err == nil {
		return linkless
	}
	return path
}

// load reads the file itself.
func (l *loader) load(path string, text []byte) (*Config, error) {
	if l.read != nil {
		own := l.identity(path)
		l.met[own] = Place{Path: path}
		l.open = append(l.open, own)
	}
	l.file(path, text, fileSource(path, text))
	return l.c, joinErrors(path, l.errs)
}

// file reads a file over what it extends.
func (l *loader) file(path string, text []byte, source finding.Source) {
	root, err := parseText(path, text)
	if err != nil {
		l.errs = append(l.errs, asMistake(path, err))
		return
	}
	if root != nil {
		l.root(path, text, root)
	}
	l.c.Files = append(l.c.Files, path)
	if l.read != nil { // or there is no file
		l.c.Sources = append(l.c.Sources, source)
	}
	l.waiversBeside(path)
}

// root reads the root of a file over what it extends.
func (l *loader) root(path string, text []byte, root *yaml.Node) {
	r := &reader{path: path}
	if r.isRoot(root) {
		l.trust(r, root)
		for _, e := range r.named(root, "extends") {
			l.extend(r, e)
		}
		before := len(l.c.Waivers)
		r.config(root, l.c)
		if len(l.c.Waivers) > before {
			l.noteWaivers(path, text, before)
		}
		for _, e := range r.named(root, "waiver_files") {
			l.waiverFile(r, e)
		}
	}
	l.errs = append(l.errs, inOrder(r.errs)...)
}

func asMistake(path string, err error) *Error {
	if mistake, ok := errors.AsType[*Error](err); ok {
		return mistake
	}
	return &Error{Path: path, Message: err.Error()}
}

// trust takes the keys of the file that is loaded before anything is read from a
// bundle. What is extended has no say in which keys are good: it would vouch for
// itself.
func (l *loader) trust(r *reader, root *yaml.Node) {
	look := &reader{path: r.path}
	entries, _ := look.mapping("", root, "keys")
	for _, e := range entries {
		if e.key != "rule_keys" || isNull(r.resolve(e.value)) {
			continue
		}
		if len(l.c.Files) > 0 || len(l.open) > 1 {
			r.fail(e.key, e.at, "keys stand in the file that is loaded, not in one that it extends: move them to %s", quote(l.c.Path))
			return
		}
		keys, ok := r.paths(e.key, e.value, "the path of a file with a public key")
		l.c.RuleKeys = keys
		if l.packs.Trust == nil || !ok {
			return
		}
		if err := l.packs.Trust(keys); err != nil {
			r.fail(e.key, e.value, "%s", quoteless(err.Error()))
		}
	}
}

// extension is one entry of extends.
type extension struct {
	path string // from the working directory
	at   string
	node *yaml.Node
}

// extend reads what a file extends.
func (l *loader) extend(r *reader, e extension) {
	if l.read == nil {
		return
	}
	own := l.identity(e.path)
	if slices.Contains(l.open, own) {
		r.fail(e.at, e.node, "%s is extended in a circle: take it out here, or where it extends this file", quote(e.path))
		return
	}
	if first, twice := l.met[own]; twice {
		r.fail(e.at, e.node, "%s is already extended by %s: extend it in one place", quote(e.path), quoteless(first.String()))
		return
	}
	if len(l.met) >= maxFiles {
		r.fail(e.at, e.node, "the configuration has more than %d files: extend fewer", maxFiles)
		return
	}
	text, source, err := l.readExtended(e.path)
	if err != nil {
		r.unreadable(e, err, "configuration file")
		return
	}
	l.met[own] = r.place(e.node)
	l.open = append(l.open, own)
	l.file(e.path, text, source)
	l.open = l.open[:len(l.open)-1]
}

func (l *loader) readExtended(path string) ([]byte, finding.Source, error) {
	switch {
	case !reference.IsPacked(path):
		text, err := l.read(path)
		return text, fileSource(path, text), err
	case l.packs.ReadFile == nil:
		return nil, finding.Source{}, fmt.Errorf("%s is in a bundle, which cannot be read here: unpack it, and name the file", path)
	}
	return l.packs.ReadFile(path)
}

// unreadable says that a file that this one names cannot be read.
func (r *reader) unreadable(e extension, err error, what string) {
	switch {
	case errors.Is(err, syscall.EISDIR):
		r.fail(e.at, e.node, "%s is a folder: name the %s in it", quote(e.path), what)
		return
	case !errors.Is(err, fs.ErrNotExist) || reference.IsPacked(e.path):
		r.fail(e.at, e.node, "%s", quoteless(err.Error()))
		return
	}
	folder := filepath.Dir(r.path)
	if folder == "." {
		folder = "the working directory"
	}
	hint := "correct the path, which begins in the folder of this file, " + quoteless(folder) + ", write the file, or take it out of the list"
	if strings.ContainsAny(e.path, "*?[") {
		hint = "name each file, as wildcards are not resolved here"
	}
	r.fail(e.at, e.node, "there is no %s %s: %s", what, quote(e.path), hint)
}

// fileSource is what is recorded of a file that is in no bundle or artifact.
func fileSource(path string, text []byte) finding.Source {
	return finding.Source{Reference: path, Kind: finding.FromFile, Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(text)), Signature: finding.Unsigned}
}

// named reads which files a file names below a key.
func (r *reader) named(root *yaml.Node, key string) (all []extension) {
	// Whatever else is wrong with the root is said when all of it is read.
	look := &reader{path: r.path}
	entries, _ := look.mapping("", root, "keys")
	for _, e := range entries {
		if e.key != key || isNull(r.resolve(e.value)) {
			continue
		}
		add := func(r *reader, at string, n *yaml.Node) (string, bool) {
			path, ok := r.extended(at, n)
			if ok {
				all = append(all, extension{path, at, n})
			}
			return path, ok
		}
		if r.resolve(e.value).Kind == yaml.ScalarNode {
			add(r, e.key, e.value)
			continue
		}
		r.list(e.key, e.value, add)
	}
	return all
}

// extended reads the path of a file and resolves it against the folder of this one.
func (r *reader) extended(at string, n *yaml.Node) (string, bool) {
	text, ok := r.text(at, n)
	switch {
	case !ok:
		return "", false
	case text == "":
		what := "configuration file"
		if strings.HasPrefix(at, "waiver_files") {
			what = "file of waivers"
		}
		r.fail(at, r.resolve(n), "empty: write the path of a %s", what)
		return "", false
	case strings.Contains(text, "://") && !reference.IsArtifact(text):
		r.fail(at, r.resolve(n), "%s is no file: fetch it first, and name the file", quote(text))
		return "", false
	}
	path, ok := r.resolvePath(at, n, text)
	if pack, inside := reference.Split(path); ok && reference.IsPacked(pack) && inside == "" {
		r.fail(at, r.resolve(n), "%s is a bundle: name the file in it, as in %s", quote(text), quote(text+"//base.yaml"))
		return "", false
	}
	return path, ok
}

// resolvePath resolves a path against the folder of this file.
func (r *reader) resolvePath(at string, n *yaml.Node, text string) (string, bool) {
	path, err := reference.Resolve(r.path, text)
	if err != nil {
		r.fail(at, r.resolve(n), "%s", quoteless(err.Error()))
		return "", false
	}
	return path, true
}

// quoteless makes a text with the names of files fit for a message.
func quoteless(text string) string {
	quoted := fmt.Sprintf("%q", text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
