package rulesource

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/loader/filter"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// What a bundle may hold. Rules are text that somebody wrote: what is larger is
// a mistake, or an attack.
const (
	maxPacked   = 32 << 20 // bytes of a bundle, or of an artifact's layers, as they are stored
	maxUnpacked = 64 << 20 // bytes of all files
	maxFiles    = 10_000
)

// files are the files of a bundle, by path: "rules/one.rego".
type files map[string][]byte

func (f files) others() string {
	var names []string
	for name := range f {
		if !strings.HasPrefix(path.Base(name), ".") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	const shown = 8
	switch {
	case len(names) == 0:
		return "it is empty"
	case len(names) > shown:
		return fmt.Sprintf("it has %s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
	}
	return "it has " + strings.Join(names, ", ")
}

// add puts a file in its place, and refuses names that lead out of it.
func (f files) add(name string, content []byte) error {
	clean := path.Clean(strings.TrimPrefix(name, "/"))
	switch {
	case clean == "." || clean == ".." || strings.HasPrefix(clean, "../") || strings.ContainsAny(name, "\\\x00"):
		return fmt.Errorf("the name %q leads out of the bundle: build it again", name)
	case f[clean] != nil:
		return fmt.Errorf("it has %q twice: build it again", clean)
	case len(f) >= maxFiles:
		return fmt.Errorf("it has more than %d files: no rules need as many", maxFiles)
	}
	if content == nil {
		content = []byte{}
	}
	f[clean] = content
	return nil
}

// addTar adds the files of a gzipped or plain tar.
func (f files) addTar(packed []byte) error {
	var unpacked io.Reader = bytes.NewReader(packed)
	if isGzip(packed) {
		decompressed, err := gzip.NewReader(unpacked)
		if err != nil {
			return fmt.Errorf("not a gzipped tar: %w", err)
		}
		unpacked = decompressed
	}
	limited := &io.LimitedReader{R: unpacked, N: maxUnpacked + 1}
	tape := tar.NewReader(limited)
	left := int64(maxUnpacked) // a sparse file has holes, which are not in what is read
	for {
		header, err := tape.Next()
		switch {
		case limited.N <= 0:
			return errTooLarge("what it unpacks to", maxUnpacked)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("not a gzipped tar, as opa build makes it: %w", err)
		}
		switch header.Typeflag {
		case tar.TypeDir, tar.TypeXGlobalHeader:
			continue
		case tar.TypeReg:
		default:
			return fmt.Errorf("%q is a link or a device: a bundle has files only", header.Name)
		}
		if left -= header.Size; header.Size < 0 || left < 0 {
			return errTooLarge("what it unpacks to", maxUnpacked)
		}
		content, err := io.ReadAll(io.LimitReader(tape, header.Size))
		switch {
		case limited.N <= 0:
			return errTooLarge("what it unpacks to", maxUnpacked)
		case err != nil:
			return fmt.Errorf("reading %q: %w", header.Name, err)
		}
		if err := f.add(header.Name, content); err != nil {
			return err
		}
	}
}

func isGzip(content []byte) bool { return bytes.HasPrefix(content, []byte{0x1f, 0x8b}) }

func isTar(content []byte) bool {
	return len(content) > 262 && bytes.Equal(content[257:262], []byte("ustar"))
}

func errTooLarge(what string, limit int) error {
	return fmt.Errorf("%s is larger than %d MiB: no rules need as much", what, limit>>20)
}

func readAtMost(r io.Reader, limit int, what string) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err == nil && len(content) > limit {
		err = errTooLarge(what, limit)
	}
	return content, err
}

// files are those of all layers: archives are unpacked, and single files have
// the name in their title.
func (a Artifact) files() (files, error) {
	found := files{}
	for _, layer := range a.Layers {
		var err error
		switch {
		case isGzip(layer.Content) || isTar(layer.Content):
			err = found.addTar(layer.Content)
		case layer.Title != "":
			err = found.add(layer.Title, layer.Content)
		default:
			err = fmt.Errorf("a layer of type %q is neither an archive nor a named file: push rules with opa, oras, conftest or policy", layer.MediaType)
		}
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// archive is a bundle or artifact, read and verified.
type archive struct {
	kind      finding.SourceKind
	digest    string
	files     files
	bundle    bundle.Bundle
	contract  int
	signature finding.Signature
	key       string
}

const (
	signaturesFile = ".signatures.json"
	patchFile      = "patch.json"
)

// read has OPA read and verify the bundle.
func (a *archive) read(pack string, keys []Key) error {
	if a.files[patchFile] != nil {
		return errors.New("a delta bundle changes another one: give a whole bundle")
	}
	verification, err := a.verification(keys)
	if err != nil {
		return err
	}
	reader := bundle.NewCustomReader(a.files.loader(pack)).WithRegoVersion(ast.RegoV1).WithSizeLimitBytes(maxUnpacked)
	if verification == nil {
		reader = reader.WithSkipBundleVerification(true)
	} else {
		reader = reader.WithBundleVerificationConfig(verification)
	}
	a.bundle, err = reader.Read()
	if err != nil {
		return inPack(pack, a.key, err)
	}
	if len(a.bundle.WasmModules)+len(a.bundle.PlanModules) > 0 {
		return errors.New("it is compiled to WebAssembly or a plan: build it without --target, so that it has the rules themselves")
	}
	return a.readContract()
}

// inPack puts OPA's errors in a file as place and message. What else can be wrong
// with a signed bundle is mostly that it was changed afterwards.
func inPack(pack, key string, err error) error {
	var problems ast.Errors
	switch {
	case errors.As(err, &problems):
	case key != "":
		return fmt.Errorf("it is not as it was when %s signed it, or cannot be read: %w", key, err)
	default:
		return err
	}
	lines := make([]error, len(problems))
	for i, p := range problems {
		lines[i] = errors.New(p.Message)
		if p.Location != nil {
			lines[i] = fmt.Errorf("%s//%s:%d: %s", pack, strings.TrimPrefix(p.Location.File, "/"), p.Location.Row, p.Message)
		}
	}
	return errors.Join(lines...)
}

// manifestOfOurs is what the metadata of a bundle's manifest may say to us.
type manifestOfOurs struct {
	Contract int `json:"contract"`
}

func (a *archive) readContract() error {
	said, ok := a.bundle.Manifest.Metadata["ecraudit"]
	if !ok {
		return nil
	}
	text, err := json.Marshal(said)
	if err != nil {
		return err
	}
	var ours manifestOfOurs
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&ours); err != nil {
		return fmt.Errorf(".manifest: metadata.ecraudit: %w; it has contract, a number", err)
	}
	a.contract = ours.Contract
	return nil
}

// source are the modules below a folder of the archive, or the one named.
func (a *archive) source(reference, pack, inside string) (Source, error) {
	source := Source{
		Record:   a.record(reference),
		Contract: a.contract,
	}
	if inside != "" && !a.files.has(inside) {
		return source, fmt.Errorf("there is no %s in %s: %s", inside, pack, a.files.others())
	}
	if len(a.bundle.Data) > 0 {
		source.Data = a.bundle.Data
	}
	for _, name := range slices.Sorted(maps.Keys(a.files)) {
		module := Module{Name: pack + "//" + name, Text: string(a.files[name])}
		switch {
		case isRules(name) && isBelow(name, inside):
			source.Modules = append(source.Modules, module)
		case isCases(name) && (isBelow(name, inside) || isRules(inside) && name == casesBeside(inside)):
			source.Cases = append(source.Cases, module)
		}
	}
	return source, nil
}

// record is what is recorded of something in the archive.
func (a *archive) record(reference string) finding.Source {
	return finding.Source{Reference: reference, Kind: a.kind, Digest: a.digest, Signature: a.signature, Key: a.key}
}

func (f files) has(name string) bool {
	for file := range f {
		if isBelow(file, name) {
			return true
		}
	}
	return false
}

func isBelow(name, folder string) bool {
	return folder == "" || folder == "." || name == folder || strings.HasPrefix(name, folder+"/")
}

// loader hands files to OPA's reader.
func (f files) loader(pack string) bundle.DirectoryLoader {
	return &loader{pack: pack, files: f, names: slices.Sorted(maps.Keys(f))}
}

type loader struct {
	pack  string
	files files
	names []string // that are still to be read
}

func (l *loader) NextFile() (*bundle.Descriptor, error) {
	if len(l.names) == 0 {
		return nil, io.EOF
	}
	name := l.names[0]
	l.names = l.names[1:]
	return bundle.NewDescriptor(l.pack+"//"+name, "/"+name, bytes.NewBuffer(slices.Clone(l.files[name]))), nil
}

// Limits and names were checked when the files were unpacked.
func (l *loader) WithFilter(filter.LoaderFilter) bundle.DirectoryLoader   { return l }
func (l *loader) WithPathFormat(bundle.PathFormat) bundle.DirectoryLoader { return l }
func (l *loader) WithSizeLimitBytes(int64) bundle.DirectoryLoader         { return l }
func (l *loader) WithFollowSymlinks(bool) bundle.DirectoryLoader          { return l }
