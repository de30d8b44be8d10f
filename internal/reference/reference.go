// Package reference is the syntax of names for rules and configurations: paths,
// OPA bundles, OCI artifacts, and what is in them.
//
//	my-rules/                              a folder
//	my-rules/one.rego                      a file
//	platform.tar.gz                        an OPA bundle
//	oci://HOST/REPOSITORY@sha256:DIGEST    an OCI artifact
//
// What is in a bundle or an artifact, together a pack, is named after two
// slashes: platform.tar.gz//rules, platform.tar.gz//base.yaml.
package reference

import (
	"fmt"
	"path"
	"path/filepath"
	"strings"
)

const ociScheme = "oci://"

// IsArtifact reports whether a reference names an OCI artifact, or something in
// one.
func IsArtifact(reference string) bool { return strings.HasPrefix(reference, ociScheme) }

// IsPacked reports whether a reference names a pack, or something in one.
func IsPacked(reference string) bool {
	pack, _ := Split(reference)
	return IsArtifact(pack) || isBundle(pack)
}

func isBundle(name string) bool {
	return strings.HasSuffix(name, ".tar.gz") || strings.HasSuffix(name, ".tgz")
}

// Split parts a pack from what is named in it. Inside is empty where all of
// the pack is meant, or where the reference names no pack.
func Split(reference string) (pack, inside string) {
	scheme := ""
	rest := reference
	if IsArtifact(reference) {
		scheme, rest = ociScheme, strings.TrimPrefix(reference, ociScheme)
	}
	for at := 0; ; {
		i := strings.Index(rest[at:], "//")
		if i < 0 {
			return reference, ""
		}
		before, after := rest[:at+i], rest[at+i+2:]
		if scheme != "" || isBundle(before) {
			return scheme + before, strings.TrimPrefix(path.Clean("/"+after), "/")
		}
		at += i + 1
	}
}

// Forms are the references that there are, for messages.
const Forms = "give a .rego file, a folder of them, a bundle (.tar.gz or .tgz) on this machine, or an artifact of a registry (oci://HOST/REPOSITORY@sha256:…)"

// CheckForm refuses what looks like a reference of another kind than there is,
// such as a URL.
func CheckForm(reference string) error {
	scheme, rest, hasScheme := strings.Cut(reference, "://")
	switch {
	case IsArtifact(reference):
		return nil
	case hasScheme && strings.EqualFold(scheme+"://", ociScheme):
		return fmt.Errorf("%q: write %s in small letters", reference, ociScheme)
	case hasScheme && (scheme == "http" || scheme == "https"):
		return fmt.Errorf("%q: nothing is downloaded from web addresses, as what is there may change: %s", reference, Forms)
	case hasScheme && scheme == "file":
		return fmt.Errorf("%q: write the path alone, %s", reference, rest)
	case hasScheme && !strings.ContainsAny(scheme, `/\`):
		return fmt.Errorf("%q: %s:// is not known: %s", reference, scheme, Forms)
	}
	return nil
}

// In names something in a pack.
func In(pack, inside string) string {
	if inside == "" {
		return pack
	}
	return pack + "//" + inside
}

// Resolve is what a text in the file from means: a path is relative to the
// folder of the file, and in a pack it stays in the pack.
func Resolve(from, text string) (string, error) {
	if IsPacked(from) {
		return resolveInPack(from, text)
	}
	if IsArtifact(text) {
		return text, nil
	}
	if err := CheckForm(text); err != nil {
		return "", err
	}
	pack, inside := Split(text)
	if !filepath.IsAbs(pack) {
		pack = filepath.Join(filepath.Dir(from), pack)
	}
	return In(filepath.Clean(pack), inside), nil
}

func resolveInPack(from, text string) (string, error) {
	pack, file := Split(from)
	switch {
	case IsPacked(text):
		return "", fmt.Errorf("%q names another bundle: a file in a bundle names only what is in the same bundle", text)
	case filepath.IsAbs(text) || path.IsAbs(text):
		return "", fmt.Errorf("%q is no path in the bundle: write it relative to the folder of this file", text)
	}
	inside := path.Join(path.Dir(file), text)
	if inside == ".." || strings.HasPrefix(inside, "../") {
		return "", fmt.Errorf("%q leads out of the bundle: a file in a bundle names only what is in the same bundle", text)
	}
	if inside == "." {
		inside = ""
	}
	return In(pack, inside), nil
}
