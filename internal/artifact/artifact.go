// Package artifact pulls rules that are kept in registries as OCI artifacts, by
// their digest.
//
// A reference without a digest is not pulled: what rules demand would change
// with nobody deciding it. The error says which digest the tag has now.
//
// Credentials for a registry of ECR are the ambient ones of AWS; those for
// others are what the Docker client uses, with its credential helpers. Where there
// are none the registry is asked anonymously. Without TLS only this machine is
// asked.
package artifact

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"
	"oras.land/oras-go/v2/registry/remote/retry"

	"github.com/ecraudit/ecraudit/internal/rulesource"
)

const (
	maxManifest = 1 << 20  // bytes
	maxLayers   = 32 << 20 // bytes of all layers
	// Each answer, and all of a pull, must come within these.
	answerTimeout = 30 * time.Second
	pullTimeout   = 2 * time.Minute
	dialTimeout   = 5 * time.Second
	retries       = 2 // of a request to a registry that is busy or does not answer
)

// Puller pulls artifacts. The zero value uses the network of this machine.
type Puller struct {
	// Transport reaches registries; nil is that of this machine.
	Transport http.RoundTripper
}

// Pull gets the artifact of a reference such as
// oci://registry.example/rules:v1@sha256:…. Its errors are for the user.
func (p Puller) Pull(ctx context.Context, reference string) (rulesource.Artifact, error) {
	named, err := registry.ParseReference(strings.TrimPrefix(reference, "oci://"))
	if err != nil {
		return rulesource.Artifact{}, fmt.Errorf("%s is no reference of an artifact: write it as oci://HOST/REPOSITORY@sha256:DIGEST", reference)
	}
	ctx, cancel := context.WithTimeout(ctx, pullTimeout)
	defer cancel()
	pull := pull{Reference: named, credentials: &credentials{host: named.Registry}}
	repository := &remote.Repository{
		Reference: named, PlainHTTP: isLoopback(named.Registry),
		Client:             &auth.Client{Client: p.client(), Credential: pull.credentials.get, Cache: auth.NewCache()},
		ManifestMediaTypes: []string{ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex},
	}
	if named.ValidateReferenceAsDigest() != nil {
		return rulesource.Artifact{}, pull.unpinned(ctx, repository)
	}
	artifact, err := pull.get(ctx, repository)
	if err != nil {
		return rulesource.Artifact{}, pull.explain(ctx, err)
	}
	return artifact, nil
}

func (p Puller) client() *http.Client {
	base := p.Transport
	if base == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.DialContext = (&net.Dialer{Timeout: dialTimeout}).DialContext
		own.TLSHandshakeTimeout = dialTimeout
		own.ResponseHeaderTimeout = answerTimeout
		base = own
	}
	patient := retry.NewTransport(base)
	patient.Policy = func() retry.Policy {
		return &retry.GenericPolicy{
			Retryable: retry.DefaultPredicate, Backoff: retry.DefaultBackoff, MinWait: 200 * time.Millisecond, MaxWait: 3 * time.Second, MaxRetry: retries,
		}
	}
	return &http.Client{Transport: patient}
}

// isLoopback reports whether a registry is on this machine.
func isLoopback(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	}
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

// pull is an artifact under way.
type pull struct {
	registry.Reference
	credentials *credentials
}

// unpinned says which digest a tag has.
func (p pull) unpinned(ctx context.Context, from *remote.Repository) error {
	tag := p.Reference.Reference
	if tag == "" {
		tag = "latest"
	}
	const why = "it names no digest, so that the rules could change without you"
	now, err := from.Resolve(ctx, tag)
	if err != nil {
		return fmt.Errorf("%s: add @sha256:…; the digest that %s has now could not be looked up: %w", why, tag, p.explain(ctx, err))
	}
	return fmt.Errorf("%s: write oci://%s/%s:%s@%s, which is what %s is now", why, p.Registry, p.Repository, tag, now.Digest, tag)
}

func (p pull) get(ctx context.Context, from *remote.Repository) (rulesource.Artifact, error) {
	described, text, err := p.manifest(ctx, from)
	if err != nil {
		return rulesource.Artifact{}, err
	}
	var manifest ocispec.Manifest
	if err := json.Unmarshal(text, &manifest); err != nil {
		return rulesource.Artifact{}, fmt.Errorf("its manifest is not JSON: %w", err)
	}
	switch {
	case described.MediaType != ocispec.MediaTypeImageManifest:
		return rulesource.Artifact{}, fmt.Errorf("it is %q, not the manifest of one artifact: name the digest of the artifact itself", described.MediaType)
	case len(manifest.Layers) == 0:
		return rulesource.Artifact{}, errors.New("it has no layers: push rules with opa, oras, conftest or policy")
	}
	artifact := rulesource.Artifact{Digest: described.Digest.String()}
	left := int64(maxLayers)
	for _, layer := range manifest.Layers {
		if left -= layer.Size; layer.Size < 0 || left < 0 {
			return artifact, fmt.Errorf("its layers are larger than %d MiB: no rules need as much", maxLayers>>20)
		}
		stored, err := content.FetchAll(ctx, from.Blobs(), layer)
		if err != nil {
			return artifact, err
		}
		artifact.Layers = append(artifact.Layers, rulesource.Layer{
			Title: layer.Annotations[ocispec.AnnotationTitle], MediaType: layer.MediaType, Content: stored,
		})
	}
	return artifact, nil
}

// manifest gets the manifest and checks that it has the digest.
func (p pull) manifest(ctx context.Context, from *remote.Repository) (ocispec.Descriptor, []byte, error) {
	described, body, err := from.Manifests().FetchReference(ctx, p.Reference.Reference)
	if err != nil {
		return described, nil, err
	}
	defer func() { _ = body.Close() }() // only read
	if described.Size > maxManifest {
		return described, nil, fmt.Errorf("its manifest is larger than %d MiB: that is no artifact of rules", maxManifest>>20)
	}
	text, err := content.ReadAll(body, described)
	return described, text, err
}

// explain says what failed, and what to do.
func (p pull) explain(ctx context.Context, err error) error {
	var answer *errcode.ErrorResponse
	var timeout net.Error
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case errors.Is(err, auth.ErrBasicCredentialNotFound):
		return p.unauthorized("it wants a user and password, and there are none")
	case errors.As(err, &answer):
		return p.explainAnswer(answer)
	case errors.Is(err, errdef.ErrNotFound):
		return p.missing()
	case errors.Is(err, content.ErrMismatchedDigest), errors.Is(err, content.ErrTrailingData), errors.Is(err, content.ErrInvalidDescriptorSize), strings.Contains(err.Error(), "mismatch"):
		return fmt.Errorf("%s sent something else than what has this digest: do not use it; ask who runs the registry, or check what answers in its place", p.Registry)
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no answer of %s in time: check the network, and HTTPS_PROXY where there is a proxy", p.Registry)
	case errors.Is(err, errNoCredentials):
		return err
	}
	return fmt.Errorf("pulling from %s: %w", p.Registry, err)
}

func (p pull) explainAnswer(answer *errcode.ErrorResponse) error {
	said := answer.Errors.Error()
	if len(answer.Errors) == 0 {
		said = http.StatusText(answer.StatusCode)
	}
	switch answer.StatusCode {
	case http.StatusUnauthorized:
		return p.unauthorized(said)
	case http.StatusForbidden:
		remedy := "use credentials that may pull it"
		if p.credentials.ofECR() {
			remedy = "the caller needs ecr:BatchGetImage and ecr:GetDownloadUrlForLayer on the repository, from its own policies and from the repository's"
		}
		return fmt.Errorf("%s answers 403, %s, to %s: %s", p.Registry, said, p.credentials.whose(), remedy)
	case http.StatusNotFound:
		return p.missing()
	}
	return fmt.Errorf("%s answers %d, %s", p.Registry, answer.StatusCode, said)
}

func (p pull) missing() error {
	return fmt.Errorf("%s has no %s of %s: check the repository, and that the artifact was not deleted or expired by a lifecycle policy", p.Registry, p.Reference.Reference, p.Repository)
}

func (p pull) unauthorized(said string) error {
	remedy := fmt.Sprintf("log in with: docker login %s", p.Registry)
	if p.credentials.ofECR() {
		remedy = "set credentials of AWS that may call ecr:GetAuthorizationToken"
		if p.credentials.problem != nil {
			remedy += fmt.Sprintf("; with those of the environment: %v", p.credentials.problem)
		}
	}
	return fmt.Errorf("%s answers 401, %s, to %s: %s", p.Registry, said, p.credentials.whose(), remedy)
}
