package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/content/memory"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// A registryServer is a registry on this machine.
type registryServer struct {
	t    *testing.T
	host string
	// answer, where it is there, answers instead of the registry, or says that it
	// does not.
	answer func(http.ResponseWriter, *http.Request) bool
}

func newRegistry(t *testing.T) *registryServer {
	t.Helper()
	r := &registryServer{t: t}
	stored := registry.New(registry.Logger(slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if r.answer == nil || !r.answer(w, request) {
			stored.ServeHTTP(w, request)
		}
	}))
	t.Cleanup(server.Close)
	r.host = strings.TrimPrefix(server.URL, "http://")
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	return r
}

// layer is a file of an artifact, of the media type that the tool which pushes it
// gives it.
type layer struct{ title, mediaType, text string }

// push stores an artifact, as oras push, conftest push and opa do, and returns
// its reference with and without the digest.
func (r *registryServer) push(repository, tag string, layers ...layer) (pinned, tagged string) {
	r.t.Helper()
	ctx, local := r.t.Context(), memory.New()
	var pushed []ocispec.Descriptor
	for _, l := range layers {
		described := content.NewDescriptorFromBytes(l.mediaType, []byte(l.text))
		if l.title != "" {
			described.Annotations = map[string]string{ocispec.AnnotationTitle: l.title}
		}
		if err := local.Push(ctx, described, strings.NewReader(l.text)); err != nil {
			r.t.Fatal(err)
		}
		pushed = append(pushed, described)
	}
	manifest, err := oras.PackManifest(ctx, local, oras.PackManifestVersion1_1, policyConfig, oras.PackManifestOptions{Layers: pushed})
	if err != nil {
		r.t.Fatal(err)
	}
	return r.store(ctx, local, manifest, repository, tag)
}

func (r *registryServer) remote(repository string) *remote.Repository {
	r.t.Helper()
	to, err := remote.NewRepository(r.host + "/" + repository)
	if err != nil {
		r.t.Fatal(err)
	}
	to.PlainHTTP = true
	to.Client = &auth.Client{Client: http.DefaultClient}
	return to
}

const (
	tarGzip       = "application/vnd.oci.image.layer.v1.tar+gzip"
	policyLayer   = "application/vnd.cncf.openpolicyagent.policy.layer.v1+rego"
	dataLayer     = "application/vnd.cncf.openpolicyagent.data.layer.v1+json"
	policyConfig  = "application/vnd.cncf.openpolicyagent.config.v1+json"
	orasFile      = "application/vnd.oci.image.layer.v1.tar"
	anyRepository = "platform/rules"
)

// Rules come from artifacts as the usual tools push them.
func TestRulesOfArtifacts(t *testing.T) {
	w, r := demoWorld(t), newRegistry(t)
	w.opaBuild("platform.tar.gz", map[string]string{"rules/own.rego": ownRule("own")}, nil)
	packed := w.repacked("platform.tar.gz", nil)
	for name, layers := range map[string][]layer{
		"opa or policy":           {{"", tarGzip, packed}},
		"oras, a bundle":          {{"platform.tar.gz", orasFile, packed}},
		"oras, a folder":          {{"rules", tarGzip, tarOf(t, map[string]string{"rules/own.rego": ownRule("own")})}},
		"oras, a file":            {{"own.rego", orasFile, ownRule("own")}},
		"conftest":                {{"policy/own.rego", policyLayer, ownRule("own")}, {"data.json", dataLayer, `{"acme": {}}`}},
		"oras, with other things": {{"own.rego", orasFile, ownRule("own")}, {"README.md", "text/markdown", "# Rules"}},
	} {
		t.Run(name, func(t *testing.T) {
			pinned, _ := r.push(anyRepository, "v1", layers...)
			d := w.audit("--rules " + pinned + orgFlags)
			if got := d.findings("own", "access/public"); len(got) != 1 {
				t.Errorf("%q", got)
			}
			_, digest, _ := strings.Cut(pinned, "@")
			if source := d.Run.RuleSources[0]; source.Reference != pinned || source.Kind != finding.FromArtifact || source.Digest != digest {
				t.Errorf("%+v", source)
			}
		})
	}
}

// What is in an artifact is addressed as what is in a bundle is, and its signature
// counts in the same way.
func TestSignedArtifacts(t *testing.T) {
	w, r := demoWorld(t), newRegistry(t)
	platform, _ := w.signer("platform"), w.signer("other")
	files := w.signed(map[string]string{"rules/own.rego": ownRule("own"), "base.yaml": "rule_paths: [rules]\nrequired_tags: [owner]\n"}, platform)
	pinned, _ := r.push(anyRepository, "v1", layer{"", tarGzip, tarOf(t, files)})
	w.write("ecraudit.yaml", "extends: "+pinned+"//base.yaml\nrule_keys: [platform.pem]\n")
	d := w.audit(strings.TrimSpace(orgFlags))
	if source := d.Run.RuleSources[0]; source.Reference != pinned+"//rules" || source.Signature != finding.Verified {
		t.Errorf("%+v", source)
	}
	if explained := w.run("config explain team/api --account 111122223333 --region eu-west-1"); !strings.Contains(explained.out, pinned+"//base.yaml:2") {
		t.Error(explained.out, explained.err)
	}
	w.write("ecraudit.yaml", "extends: "+pinned+"//base.yaml\nrule_keys: [other.pem]\n")
	w.refuses("audit"+orgFlags, "ecraudit.yaml:1:10: extends: "+pinned+": its signature is not valid: other.pem (sha256:")
	unsigned, _ := r.push(anyRepository, "v2", layer{"own.rego", policyLayer, ownRule("own")})
	w.write("ecraudit.yaml", "")
	w.refuses("rules --rules-key platform.pem --rules "+unsigned, unsigned+": it is not signed, and rules must be signed with platform.pem")
}

// A reference must have a digest; the error has the one to paste.
func TestUnpinnedArtifacts(t *testing.T) {
	w, r := demoWorld(t), newRegistry(t)
	pinned, tagged := r.push(anyRepository, "v1", layer{"own.rego", policyLayer, ownRule("own")})
	_, digest, _ := strings.Cut(pinned, "@")
	said := w.run("rules --rules " + tagged).err
	paste := tagged + "@" + digest
	if !strings.Contains(said, "it names no digest, so that the rules could change without you: write "+paste+", which is what v1 is now") {
		t.Fatal(said)
	}
	if ids, _ := w.rulesOf(paste, ""); len(ids) != 1 {
		t.Errorf("%q", ids)
	}
	w.write("ecraudit.yaml", "extends: "+tagged+"//base.yaml\n")
	w.refuses("config validate", "ecraudit.yaml:1:10: extends: "+tagged+": it names no digest, so that the rules could change without you: write "+paste)
	w.write("ecraudit.yaml", "")
	w.refuses("rules --rules "+strings.TrimSuffix(tagged, "v1")+"v2", "add @sha256:…; the digest that v2 has now could not be looked up: "+r.host+" has no v2 of platform/rules")
	w.refuses("rules --rules oci://"+r.host, "is no reference of an artifact: write it as oci://HOST/REPOSITORY@sha256:DIGEST")
}

// What a registry answers is explained, with what to do.
func TestRegistryAnswers(t *testing.T) {
	w, r := demoWorld(t), newRegistry(t)
	pinned, _ := r.push(anyRepository, "v1", layer{"own.rego", policyLayer, ownRule("own")})
	config := func(text string) {
		if err := os.WriteFile(filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	login := func(password string) {
		config(`{"auths": {"` + r.host + `": {"auth": "` + base64.StdEncoding.EncodeToString([]byte("me:"+password)) + `"}}}`)
	}
	r.answer = func(w http.ResponseWriter, request *http.Request) bool {
		if _, password, _ := request.BasicAuth(); password == "right" {
			return false
		} else if password == "foreign" {
			answerError(w, http.StatusForbidden, "DENIED", "not yours")
			return true
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="here"`)
		answerError(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
		return true
	}
	w.refuses("audit --rules "+pinned+orgFlags, pinned+": "+r.host+" answers 401, it wants a user and password, and there are none, to a request without credentials: log in with: docker login "+r.host)
	login("wrong")
	w.write("named.yaml", "rule_paths: [\""+pinned+"\"]\n")
	w.refuses("rules --config named.yaml", "named.yaml:1:14: rule_paths[0]: "+pinned+": "+r.host+" answers 401")
	w.refuses("rules --rules "+pinned, " answers 401, unauthorized: authentication required, to the credentials in the configuration of Docker: log in with: docker login "+r.host)
	login("foreign")
	w.refuses("rules --rules "+pinned, " answers 403, denied: not yours, to the credentials in the configuration of Docker: use credentials that may pull it")
	hostile := r.answer
	r.answer = func(w http.ResponseWriter, _ *http.Request) bool {
		answerError(w, http.StatusForbidden, "DENIED", `\u001b[2J<b>`)
		return true
	}
	if said := w.run("rules --rules " + pinned).err; strings.Contains(said, "\x1b") || !strings.Contains(said, "403") {
		t.Errorf("%q", said)
	}
	r.answer = hostile
	login("right")
	if ids, _ := w.rulesOf(pinned, ""); len(ids) != 1 {
		t.Errorf("%q", ids)
	}
	config("{")
	w.refuses("rules --rules "+pinned, "reading credentials for "+r.host+" from the configuration of Docker: ")
	config(`{"credHelpers": {"` + r.host + `": "that-is-not-there"}}`)
	w.refuses("rules --rules "+pinned, "reading credentials for "+r.host+" from the configuration of Docker: ", "docker-credential-that-is-not-there")

	r.answer = nil
	missing := strings.Replace(pinned, anyRepository, "platform/none", 1)
	w.refuses("rules --rules "+missing, " of platform/none: check the repository, and that the artifact was not deleted or expired by a lifecycle policy")
	r.answer = func(w http.ResponseWriter, request *http.Request) bool {
		if strings.Contains(request.URL.Path, "/blobs/") {
			_, _ = io.WriteString(w, strings.Replace(ownRule("own"), "low", "med", 1))
		}
		return strings.Contains(request.URL.Path, "/blobs/")
	}
	w.refuses("rules --rules "+pinned, r.host+" sent something else than what has this digest: do not use it")
	r.answer = nil
	empty, _ := r.push(anyRepository, "v3")
	w.refuses("rules --rules "+empty, `a layer of type "application/vnd.oci.empty.v1+json" is neither an archive nor a named file`)
	nameless, _ := r.push(anyRepository, "v4", layer{"", "application/x-other", "text"})
	w.refuses("rules --rules "+nameless, `a layer of type "application/x-other" is neither an archive nor a named file`)
	w.refuses("rules --rules "+r.pushIndex(), `it is "application/vnd.oci.image.index.v1+json", not the manifest of one artifact`)
	gone := httptest.NewServer(nil)
	gone.Close()
	w.refuses("rules --rules oci://"+strings.TrimPrefix(gone.URL, "http://")+"/a@"+strings.Split(pinned, "@")[1], "connection refused")
}

func answerError(w http.ResponseWriter, status int, code, message string) {
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"errors": [{"code": "`+code+`", "message": "`+message+`"}]}`)
}

func (r *registryServer) store(ctx context.Context, local oras.ReadOnlyTarget, manifest ocispec.Descriptor, repository, tag string) (pinned, tagged string) {
	r.t.Helper()
	to := r.remote(repository)
	if err := oras.CopyGraph(ctx, local, to, manifest, oras.DefaultCopyGraphOptions); err != nil {
		r.t.Fatal(err)
	}
	if err := to.Tag(ctx, manifest, tag); err != nil {
		r.t.Fatal(err)
	}
	repository = "oci://" + r.host + "/" + repository
	return repository + "@" + manifest.Digest.String(), repository + ":" + tag
}

// pushIndex stores what is no artifact, and returns its reference.
func (r *registryServer) pushIndex() string {
	r.t.Helper()
	index, err := json.Marshal(ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{}})
	if err != nil {
		r.t.Fatal(err)
	}
	local := memory.New()
	described := content.NewDescriptorFromBytes(ocispec.MediaTypeImageIndex, index)
	if err := local.Push(r.t.Context(), described, bytes.NewReader(index)); err != nil {
		r.t.Fatal(err)
	}
	pinned, _ := r.store(r.t.Context(), local, described, anyRepository, "index")
	return pinned
}
