package artifact

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/content/memory"
	"oras.land/oras-go/v2/registry/remote"

	"github.com/ecraudit/ecraudit/internal/awssim"
)

const ecrRegistry = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"

// rerouted sends what is for a registry of ECR to a server on this machine.
type rerouted struct{ to *url.URL }

func (r rerouted) RoundTrip(request *http.Request) (*http.Response, error) {
	sent := request.Clone(request.Context())
	sent.URL.Scheme, sent.URL.Host = r.to.Scheme, r.to.Host
	response, err := http.DefaultTransport.RoundTrip(sent)
	if err == nil {
		response.Request = request
	}
	return response, err
}

// ecrWith is a registry that wants a user and password as those of ECR do, with
// an artifact in it. It notes the users that ask.
func ecrWith(t *testing.T, users *[]string) (puller Puller, digest string) {
	t.Helper()
	stored := registry.New(registry.Logger(slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)))
	open := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, given := r.BasicAuth()
		if given {
			*users = append(*users, user)
		}
		if open || password != "" {
			stored.ServeHTTP(w, r)
			return
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="https://`+ecrRegistry+`/",service="ecr.amazonaws.com"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(server.Close)
	to, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	local := memory.New()
	text := "package a\n"
	layer := content.NewDescriptorFromBytes("text/plain", []byte(text))
	layer.Annotations = map[string]string{ocispec.AnnotationTitle: "a.rego"}
	if err := local.Push(t.Context(), layer, strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	manifest, err := oras.PackManifest(t.Context(), local, oras.PackManifestVersion1_1, "application/x-rules", oras.PackManifestOptions{Layers: []ocispec.Descriptor{layer}})
	if err != nil {
		t.Fatal(err)
	}
	repository, err := remote.NewRepository(to.Host + "/rules")
	if err != nil {
		t.Fatal(err)
	}
	repository.PlainHTTP = true
	if err := oras.CopyGraph(t.Context(), local, repository, manifest, oras.DefaultCopyGraphOptions); err != nil {
		t.Fatal(err)
	}
	open = false
	return Puller{Transport: rerouted{to}}, manifest.Digest.String()
}

// A registry of ECR gets a token of the ambient credentials; that of Docker's
// configuration counts only where there is none.
func TestECR(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	var users []string
	puller, digest := ecrWith(t, &users)
	server := awssim.Start(awssim.Demo(), awssim.Options{})
	t.Cleanup(server.Close)
	for _, setting := range server.Environment(awssim.DemoManagement, "us-east-1") {
		name, value, _ := strings.Cut(setting, "=")
		t.Setenv(name, value)
	}
	reference := "oci://" + ecrRegistry + "/rules@" + digest
	pulled, err := puller.Pull(t.Context(), reference)
	if err != nil {
		t.Fatal(err)
	}
	if pulled.Digest != digest || len(pulled.Layers) != 1 || pulled.Layers[0].Title != "a.rego" || string(pulled.Layers[0].Content) != "package a\n" {
		t.Errorf("%+v", pulled)
	}
	if len(users) == 0 || users[0] != "AWS" {
		t.Errorf("asked as %q", users)
	}
	if calls := server.Calls().For(awssim.DemoManagement, "eu-west-1", "ecr:GetAuthorizationToken"); calls.Calls != 1 {
		t.Errorf("%d tokens in the registry's region", calls.Calls)
	}

	t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong")
	_, err = puller.Pull(t.Context(), reference)
	if err == nil || !strings.Contains(err.Error(), "set credentials of AWS that may call ecr:GetAuthorizationToken; with those of the environment: ecr:GetAuthorizationToken: ") {
		t.Errorf("%v", err)
	}
	config := `{"auths": {"` + ecrRegistry + `": {"username": "docker", "password": "p"}}}`
	if err := os.WriteFile(filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	users = nil
	if _, err := puller.Pull(t.Context(), reference); err != nil || users[0] != "docker" {
		t.Errorf("asked as %q: %v", users, err)
	}
}

// silent is a network on which nobody answers.
type silent struct{}

func (silent) RoundTrip(*http.Request) (*http.Response, error) { return nil, os.ErrDeadlineExceeded }

func TestTimeout(t *testing.T) {
	_, err := Puller{Transport: silent{}}.Pull(t.Context(), "oci://registry.example/rules@sha256:"+strings.Repeat("a", 64))
	if err == nil || err.Error() != "no answer of registry.example in time: check the network, and HTTPS_PROXY where there is a proxy" {
		t.Errorf("%v", err)
	}
}

// Which hosts get a token of ECR, and which are asked without TLS.
func TestHosts(t *testing.T) {
	for host, region := range map[string]string{
		ecrRegistry: "eu-west-1",
		"111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn":            "cn-north-1",
		"111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com":       "us-gov-west-1",
		"111122223333.dkr-ecr.us-east-1.on.aws":                       "us-east-1",
		"111122223333.dkr-ecr-fips.us-east-1.on.aws":                  "us-east-1",
		"111122223333.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn": "cn-north-1",
		"111122223333.dkr.ecr.eu-west-1.amazonaws.com.evil.example":   "",
		"111122223333.dkr.ecr.eu-west-1.amazonaws.com:8443":           "",
		"evil.example.111122223333.dkr.ecr.eu-west-1.amazonaws.com":   "",
		"111122223333.dkr.ecr.eu-west-1.evil.example.x.amazonaws.com": "",
		"public.ecr.aws": "",
	} {
		got := ""
		if match := ecrHost.FindStringSubmatch(host); match != nil {
			got = match[1]
		}
		if got != region {
			t.Errorf("%s is in %q, want %q", host, got, region)
		}
	}
	for host, want := range map[string]bool{
		"localhost:5000": true, "127.0.0.1:5000": true, "127.8.0.1": true, "[::1]:5000": true, "[::1]": true,
		"localhost.example": false, "10.0.0.1:5000": false, "registry.example": false,
	} {
		if got := isLoopback(host); got != want {
			t.Errorf("%s is on this machine: %t", host, got)
		}
	}
}

// Which repositories of ECR artifacts stand in.
func TestRepositoryARN(t *testing.T) {
	const digest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for reference, want := range map[string]string{
		"oci://" + ecrRegistry + "/platform/rules" + digest:                          "arn:aws:ecr:eu-west-1:111122223333:repository/platform/rules",
		"oci://111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/rules:v1" + digest:   "arn:aws-cn:ecr:cn-north-1:111122223333:repository/rules",
		"oci://111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com/rules" + digest: "arn:aws-us-gov:ecr:us-gov-west-1:111122223333:repository/rules",
		"oci://registry.example/rules" + digest:                                      "",
		"my-rules":                                                                   "",
		"platform.tar.gz//rules":                                                     "",
	} {
		if got := RepositoryARN(reference); got != want {
			t.Errorf("%s stands in %q, want %q", reference, got, want)
		}
	}
}
