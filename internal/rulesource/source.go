// Package rulesource knows where rules come from: folders, files, OPA bundles
// and OCI artifacts.
//
// A source is named by a reference, as in --rules and rule_paths; see package
// reference. The same names stand in messages about what is in it.
//
// Nothing here uses the network: artifacts are pulled by who opens them.
package rulesource

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/reference"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Source is a place with rules, read.
type Source struct {
	Record  finding.Source
	Modules []Module
	// Cases are the tests that stand beside the modules (_test.rego). They are no
	// part of what is recorded: they change no verdict.
	Cases []Module
	// Data is what rules and libraries of the source find below data, beside
	// modules; nil where there is none.
	Data map[string]any
	// Contract is the version of the contract for rules that a bundle's manifest
	// names; 0 where it names none.
	Contract int
}

// Module is the text of a Rego file.
type Module struct {
	Name string // for messages
	Text string
}

// Artifact is what a registry holds under a reference.
type Artifact struct {
	Digest string // of its manifest
	Layers []Layer
}

// Layer is a file of an artifact.
type Layer struct {
	Title     string // the file's name; may be empty
	MediaType string
	Content   []byte
}

// Opener opens references. It may not be used by several goroutines.
type Opener struct {
	// Pull gets an artifact by its reference, which names a digest; nil where
	// there is no network.
	Pull func(ctx context.Context, reference string) (Artifact, error)

	keys   []Key
	opened map[string]*archive // by reference
}

// Trust has the public keys in these files verify the signatures of bundles and
// artifacts. From then on none is opened that none of the keys verifies.
func (o *Opener) Trust(names []string) error {
	for _, name := range names {
		key, err := ReadKey(name)
		if err != nil {
			return err
		}
		o.keys = append(o.keys, key)
		o.opened = nil // what was opened without it
	}
	return nil
}

// NotVerified are the bundles and artifacts that were opened with a signature
// that nothing verified, because there is no key.
func (o *Opener) NotVerified() (names []string) {
	for name, a := range o.opened {
		if a.signature == finding.NotVerified {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Error is why a reference cannot be opened.
type Error struct {
	Reference string
	Err       error
}

func (e *Error) Error() string { return "rules: " + e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// Open reads the rules that a reference names. An error is an [Error].
func (o *Opener) Open(ctx context.Context, name string) (Source, error) {
	source, err := o.open(ctx, name)
	if err != nil {
		return Source{}, &Error{name, err}
	}
	if len(source.Modules) == 0 {
		return Source{}, &Error{name, fmt.Errorf("there is no rule in %s: %s", name, reference.Forms)}
	}
	return source, nil
}

// OpenAll opens references, each place once.
func (o *Opener) OpenAll(ctx context.Context, references []string) ([]Source, error) {
	var all []Source
	for _, name := range Distinct(references) {
		source, err := o.Open(ctx, name)
		if err != nil {
			return nil, err
		}
		all = append(all, source)
	}
	return all, nil
}

func (o *Opener) open(ctx context.Context, name string) (Source, error) {
	if err := reference.CheckForm(name); err != nil {
		return Source{}, err
	}
	if isCases(name) {
		return Source{}, fmt.Errorf("%s holds the cases of a rule: name the rule, %s, or their folder", name, strings.TrimSuffix(name, casesEnding)+rulesEnding)
	}
	if reference.IsPacked(name) {
		pack, inside := reference.Split(name)
		a, err := o.unpack(ctx, pack)
		if err != nil {
			return Source{}, err
		}
		return a.source(name, pack, inside)
	}
	info, err := os.Stat(name)
	if err != nil {
		return Source{}, fmt.Errorf("%s: %w: %s", name, snapshot.Cause(err), remedyFor(name))
	}
	if info.IsDir() {
		return readFolder(name)
	}
	return readFile(name)
}

// remedyFor says what to do about a path that is not there.
func remedyFor(name string) string {
	if strings.Contains(name, "@sha256:") {
		return "if an artifact of a registry is meant, write oci://" + name
	}
	return reference.Forms
}

// ReadFile reads a file in a bundle or artifact, and returns what is to be recorded of
// where it was.
func (o *Opener) ReadFile(ctx context.Context, name string) ([]byte, finding.Source, error) {
	pack, inside := reference.Split(name)
	if inside == "" {
		return nil, finding.Source{}, fmt.Errorf("%s is a bundle: name the file in it, as in %s//base.yaml", name, name)
	}
	a, err := o.unpack(ctx, pack)
	if err != nil {
		return nil, finding.Source{}, err
	}
	text, ok := a.files[inside]
	if !ok {
		return nil, finding.Source{}, missingFileError(fmt.Sprintf("there is no file %s in %s: %s", inside, pack, a.files.others()))
	}
	return text, a.record(name), nil
}

// missingFileError is the error of a file that a pack does not have.
type missingFileError string

func (m missingFileError) Error() string      { return string(m) }
func (missingFileError) Is(target error) bool { return target == fs.ErrNotExist }

// unpack opens a bundle or artifact, each once.
func (o *Opener) unpack(ctx context.Context, pack string) (*archive, error) {
	if known := o.opened[pack]; known != nil {
		return known, nil
	}
	a := &archive{kind: finding.FromBundle}
	var err error
	if reference.IsArtifact(pack) {
		a.kind = finding.FromArtifact
		a.files, a.digest, err = o.pull(ctx, pack)
	} else {
		a.files, a.digest, err = readBundle(pack)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", pack, err)
	}
	if err := a.read(pack, o.keys); err != nil {
		return nil, fmt.Errorf("%s: %w", pack, err)
	}
	if o.opened == nil {
		o.opened = map[string]*archive{}
	}
	o.opened[pack] = a
	return a, nil
}

func (o *Opener) pull(ctx context.Context, name string) (files, string, error) {
	if o.Pull == nil {
		return nil, "", errors.New("artifacts of registries cannot be read here: give a file")
	}
	artifact, err := o.Pull(ctx, name)
	if err != nil {
		return nil, "", err
	}
	found, err := artifact.files()
	return found, artifact.Digest, err
}

// readBundle reads the files of a bundle on disk.
func readBundle(name string) (files, string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, "", fmt.Errorf("%w; give the path of a bundle, as opa build makes it", snapshot.Cause(err))
	}
	defer func() { _ = f.Close() }() // only read
	packed, err := readAtMost(f, maxPacked, "the bundle")
	if err != nil {
		return nil, "", err
	}
	found := files{}
	return found, digestOf(packed), found.addTar(packed)
}

func readFolder(folder string) (Source, error) {
	source := Source{Record: finding.Source{Reference: folder, Kind: finding.FromFolder, Signature: finding.Unsigned}}
	sum := sha256.New()
	tree := os.DirFS(folder)
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !isRules(name) && !isCases(name) {
			return err
		}
		text, err := fs.ReadFile(tree, name)
		module := Module{Name: folder + string(filepath.Separator) + name, Text: string(text)}
		if isCases(name) {
			source.Cases = append(source.Cases, module)
			return err
		}
		source.Modules = append(source.Modules, module)
		fmt.Fprintf(sum, "%s\x00%d\x00%s", name, len(text), text)
		return err
	})
	if err != nil {
		return Source{}, fmt.Errorf("reading %s: %w", folder, err)
	}
	source.Record.Digest = "sha256:" + hex.EncodeToString(sum.Sum(nil))
	return source, nil
}

func readFile(name string) (Source, error) {
	source := Source{Record: finding.Source{Reference: name, Kind: finding.FromFile, Signature: finding.Unsigned}}
	if !isRules(name) {
		return source, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return Source{}, fmt.Errorf("%s: %w", name, snapshot.Cause(err))
	}
	source.Record.Digest = digestOf(text)
	source.Modules = []Module{{Name: name, Text: string(text)}}
	beside, err := os.ReadFile(casesBeside(name))
	switch {
	case err == nil:
		source.Cases = []Module{{Name: casesBeside(name), Text: string(beside)}}
	case !errors.Is(err, fs.ErrNotExist):
		return Source{}, fmt.Errorf("%s: %w", casesBeside(name), snapshot.Cause(err))
	}
	return source, nil
}

const (
	rulesEnding = ".rego"
	casesEnding = "_test.rego"
)

// isRules reports whether a file holds rules or libraries, not their cases.
func isRules(name string) bool { return strings.HasSuffix(name, rulesEnding) && !isCases(name) }

func isCases(name string) bool { return strings.HasSuffix(name, casesEnding) }

// casesBeside is the file in which the cases of a rule stand.
func casesBeside(name string) string { return strings.TrimSuffix(name, rulesEnding) + casesEnding }

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Distinct drops references that name the same place again.
func Distinct(references []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(references), func(name string) bool {
		name = Identity(name)
		again := seen[name]
		seen[name] = true
		return again
	})
}

// Identity is the same for the same place, however it is named.
func Identity(name string) string {
	if absolute, err := filepath.Abs(name); err == nil && !reference.IsPacked(name) {
		return absolute
	}
	return name
}
