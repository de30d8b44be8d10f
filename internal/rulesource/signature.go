package rulesource

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/bundle"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Key is a public key that verifies signatures.
type Key struct {
	Name       string // of its file, with the beginning of its digest
	pem        string
	algorithms []string // that a signature with this key can have
}

// ReadKey reads a public key in PEM.
func ReadKey(name string) (Key, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return Key{}, fmt.Errorf("key %s: %w; give a file with a public key in PEM", name, snapshot.Cause(err))
	}
	key, err := parseKey(text)
	if err != nil {
		return Key{}, fmt.Errorf("key %s: %w", name, err)
	}
	key.Name = fmt.Sprintf("%s (%s)", filepath.Base(name), key.Name)
	return key, nil
}

func parseKey(text []byte) (Key, error) {
	block, _ := pem.Decode(text)
	switch {
	case block == nil:
		return Key{}, errors.New("not a key in PEM: a public key begins with -----BEGIN PUBLIC KEY-----; shared secrets are not taken, because who can verify with one can sign with it")
	case strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return Key{}, errors.New("that is a private key: keep it where bundles are signed, and give the public one: openssl pkey -in PRIVATE.pem -pubout")
	}
	var public any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		public, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		public, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		var certificate *x509.Certificate
		if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
			public = certificate.PublicKey
		}
	default:
		return Key{}, fmt.Errorf("PEM of type %q: give a public key", block.Type)
	}
	if err != nil {
		return Key{}, err
	}
	algorithms, err := algorithmsOf(public)
	if err != nil {
		return Key{}, err
	}
	encoded, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return Key{}, err
	}
	// OPA reads every key in this one shape.
	whole := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: encoded})
	return Key{Name: digestOf(encoded)[:len("sha256:")+16], pem: string(whole), algorithms: algorithms}, nil
}

// algorithmsOf are those that a key can have signed with. A signature says itself
// which one it has; it is not believed if the key is not for it.
func algorithmsOf(public any) ([]string, error) {
	switch key := public.(type) {
	case *rsa.PublicKey:
		return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, nil
	case *ecdsa.PublicKey:
		switch key.Curve.Params().BitSize {
		case 256:
			return []string{"ES256"}, nil
		case 384:
			return []string{"ES384"}, nil
		case 521:
			return []string{"ES512"}, nil
		}
	case ed25519.PublicKey:
		return []string{"EdDSA"}, nil
	}
	return nil, fmt.Errorf("keys of type %T are not supported: use RSA, ECDSA (P-256, P-384, P-521) or Ed25519", public)
}

// verification finds the key that signed the archive. It is nil where none is
// configured.
func (a *archive) verification(keys []Key) (*bundle.VerificationConfig, error) {
	text, signed := a.files[signaturesFile]
	a.signature = finding.Unsigned
	if signed {
		a.signature = finding.NotVerified
	}
	switch {
	case len(keys) == 0:
		return nil, nil
	case !signed:
		return nil, fmt.Errorf("it is not signed, and rules must be signed with %s: build it with opa build --bundle --signing-key, or take the key out where unsigned bundles are fine", keyNames(keys))
	}
	var problems []error
	for _, key := range keys {
		config, err := key.verifies(text)
		if errors.Is(err, errSharedSecret) {
			return nil, fmt.Errorf("%w; have it signed with a private key: opa build --bundle --signing-key with --signing-alg RS256 or ES256", err)
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		a.signature, a.key = finding.Verified, key.Name
		return config, nil
	}
	return nil, fmt.Errorf("its signature is not valid: %w; get the bundle from who signs it, or the key that it is signed with", errors.Join(problems...))
}

var errSharedSecret = errors.New("a shared secret, which no key in PEM verifies and which is not taken: who can verify with one can sign with it")

func keyNames(keys []Key) string {
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = key.Name
	}
	return strings.Join(names, " or ")
}

// verifies is how OPA verifies a bundle with these signatures by the key. It is
// an error where the key did not sign them.
func (key Key) verifies(signatures []byte) (*bundle.VerificationConfig, error) {
	var config bundle.SignaturesConfig
	if err := json.Unmarshal(signatures, &config); err != nil {
		return nil, fmt.Errorf("%s: %w", signaturesFile, err)
	}
	algorithm, scope, err := claims(config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", signaturesFile, err)
	}
	if strings.HasPrefix(algorithm, "HS") {
		return nil, fmt.Errorf("it is signed with %s, %w", algorithm, errSharedSecret)
	}
	if !slices.Contains(key.algorithms, algorithm) {
		return nil, fmt.Errorf("it is signed with %s, and %s is a key for %s", algorithm, key.Name, strings.Join(key.algorithms, ", "))
	}
	const id = "key"
	verification := bundle.NewVerificationConfig(map[string]*bundle.KeyConfig{id: {Key: key.pem, Algorithm: algorithm}}, id, scope, nil)
	if _, err := bundle.VerifyBundleSignature(config, verification); err != nil {
		return nil, fmt.Errorf("%s did not sign it: %w", key.Name, err)
	}
	return verification, nil
}

// claims are the algorithm that a signature says to have, and the scope that it
// is for: any will do.
func claims(config bundle.SignaturesConfig) (algorithm, scope string, err error) {
	if len(config.Signatures) != 1 {
		return "", "", fmt.Errorf("there are %d signatures: one is expected", len(config.Signatures))
	}
	parts := strings.Split(config.Signatures[0], ".")
	if len(parts) != 3 {
		return "", "", errors.New("the signature is no JWT")
	}
	var header struct {
		Algorithm string `json:"alg"`
	}
	var payload bundle.DecodedSignature
	for i, to := range []any{&header, &payload} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return "", "", err
		}
		if err := json.Unmarshal(text, to); err != nil {
			return "", "", err
		}
	}
	return header.Algorithm, payload.Scope, nil
}
