package main

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/buildinfo"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// pushed builds the image of this machine's platform from this checkout and
// pushes it to a registry on the loopback interface.
func pushed(t *testing.T) (digest string, image v1.Image) {
	t.Helper()
	server := httptest.NewServer(registry.New())
	t.Cleanup(server.Close)
	repository := strings.TrimPrefix(server.URL, "http://") + "/ecraudit"
	platform := "linux/" + runtime.GOARCH
	digest = built(t, "--version", "9.8.7", "--platforms", platform, "--push", repository)

	ref, err := name.ParseReference(repository + ":9.8.7")
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Index(ref, remote.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	if got, err := index.Digest(); err != nil || got.String() != digest {
		t.Errorf("the registry has %s, %v; printed was %s", got, err, digest)
	}
	image, err = remote.Image(ref, remote.WithPlatform(v1.Platform{OS: "linux", Architecture: runtime.GOARCH}), remote.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	return digest, image
}

func built(t *testing.T, args ...string) (digest string) {
	t.Helper()
	var out bytes.Buffer
	if err := run(t.Context(), args, &out); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out.String())
}

func TestImageThatIsPulled(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	digest, image := pushed(t)
	if again, _ := pushed(t); again != digest {
		t.Errorf("built twice: %s and %s", digest, again)
	}

	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	revision, err := exec.CommandContext(t.Context(), "git", "rev-parse", "HEAD").Output()
	if err != nil {
		t.Fatal(err)
	}
	want := v1.Config{
		User:       "65532:65532",
		Entrypoint: []string{"/usr/bin/ecraudit"},
		WorkingDir: "/home/nonroot",
		Env:        []string{"PATH=/usr/bin", "HOME=/home/nonroot"},
		Volumes:    map[string]struct{}{"/tmp": {}},
		Labels: map[string]string{
			"org.opencontainers.image.title":       "ecraudit",
			"org.opencontainers.image.description": "Audits the Amazon ECR registries of an AWS organization",
			"org.opencontainers.image.source":      "https://github.com/ecraudit/ecraudit",
			"org.opencontainers.image.licenses":    "Apache-2.0",
			"org.opencontainers.image.version":     "9.8.7",
			"org.opencontainers.image.revision":    strings.TrimSpace(string(revision)),
			"org.opencontainers.image.created":     "2023-11-14T22:13:20Z",
		},
	}
	if diff := cmp.Diff(want, config.Config); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := config.Platform().String(); got != "linux/"+runtime.GOARCH {
		t.Errorf("the image is for %s", got)
	}

	files, binary := unpacked(t, image)
	wantFiles := []string{
		"drwxr-xr-x 0 etc/",
		"-rw-r--r-- 0 etc/passwd",
		"-rw-r--r-- 0 etc/group",
		"drwxr-xr-x 0 home/",
		"drwx------ 65532 home/nonroot/",
		"dtrwxrwxrwx 0 tmp/",
		"-rw-r--r-- 0 tmp/.volume",
		"drwxr-xr-x 0 usr/",
		"drwxr-xr-x 0 usr/bin/",
		"-rwxr-xr-x 0 usr/bin/ecraudit",
	}
	if diff := cmp.Diff(wantFiles, files); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	works(t, binary)
}

// unpacked lists what is in an image, and takes the program out of it.
func unpacked(t *testing.T, image v1.Image) (files []string, binary string) {
	t.Helper()
	layers, err := image.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers, %v", len(layers), err)
	}
	if kind, err := layers[0].MediaType(); err != nil || kind != types.OCILayer {
		t.Errorf("the layer is %s, %v", kind, err)
	}
	archive, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	for r := tar.NewReader(archive); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, binary
		}
		if err != nil {
			t.Fatal(err)
		}
		if !header.ModTime.Equal(time.Unix(1700000000, 0)) {
			t.Errorf("%s is of %s", header.Name, header.ModTime)
		}
		files = append(files, strings.Join([]string{header.FileInfo().Mode().String(), owner(header), header.Name}, " "))
		if header.Name != "usr/bin/ecraudit" {
			continue
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		binary = filepath.Join(t.TempDir(), "ecraudit")
		if err := os.WriteFile(binary, data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func owner(h *tar.Header) string {
	switch {
	case h.Uid == 0 && h.Gid == 0:
		return "0"
	case h.Uid == nobody && h.Gid == nobody:
		return "65532"
	}
	return "somebody"
}

// works runs the program as the image does: with nothing in the environment and
// none of the machine's certificates.
func works(t *testing.T, binary string) {
	t.Helper()
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	certificates := false
	for _, dep := range info.Deps {
		certificates = certificates || dep.Path == "golang.org/x/crypto/x509roots/fallback"
	}
	if !certificates {
		t.Error("no certificates of authorities are in the binary, and none are in the image")
	}
	if data, err := os.ReadFile(binary); err != nil || bytes.Contains(data, []byte("ld-linux")) || bytes.Contains(data, []byte("ld-musl")) {
		t.Error("the binary needs a dynamic loader, and none is in the image")
	}
	if runtime.GOOS != "linux" {
		t.Logf("not run, for this is %s", runtime.GOOS)
		return
	}
	for _, args := range [][]string{{"--version"}, {"demo", "--format", "json", "-o", "report.json"}} {
		command := exec.CommandContext(t.Context(), binary, args...)
		command.Dir = t.TempDir()
		command.Env = []string{"PATH=/usr/bin", "HOME=/home/nonroot", "TMPDIR=" + t.TempDir()}
		out, err := command.CombinedOutput()
		if err != nil || args[0] == "--version" && !strings.HasPrefix(string(out), "ecraudit 9.8.7 ") {
			t.Errorf("ecraudit %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// An index has an image for each platform, each with the binary for it.
func TestIndexOfPlatforms(t *testing.T) {
	r := release{version: "1.2.3", revision: "0123abc", created: time.Unix(1700000000, 0).UTC()}
	var digests []string
	for range 2 {
		var images []v1.Image
		for _, platform := range []string{"linux/amd64", "linux/arm64"} {
			p, err := v1.ParsePlatform(platform)
			if err != nil {
				t.Fatal(err)
			}
			binary := filepath.Join(t.TempDir(), "hello")
			if err := compile(t.Context(), "testdata/hello", ".", binary, p, r.version); err != nil {
				t.Fatal(err)
			}
			info, err := buildinfo.ReadFile(binary)
			if err != nil {
				t.Fatal(err)
			}
			for _, setting := range info.Settings {
				if setting.Key == "GOARCH" && setting.Value != p.Architecture {
					t.Errorf("%s: the binary is for %s", platform, setting.Value)
				}
			}
			image, err := newImage(binary, p, r)
			if err != nil {
				t.Fatal(err)
			}
			images = append(images, image)
		}
		index, err := newIndex(images, r)
		if err != nil {
			t.Fatal(err)
		}
		folder := filepath.Join(t.TempDir(), "layout")
		if err := writeLayout(folder, index); err != nil {
			t.Fatal(err)
		}
		digests = append(digests, checkedLayout(t, folder))
	}
	if digests[0] != digests[1] {
		t.Errorf("built twice: %v", digests)
	}
}

// checkedLayout reads a layout as others do and returns the digest of its index.
func checkedLayout(t *testing.T, folder string) string {
	t.Helper()
	top, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := top.IndexManifest()
	if err != nil || len(manifest.Manifests) != 1 {
		t.Fatalf("%+v, %v", manifest, err)
	}
	index, err := top.ImageIndex(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	manifest, err = index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var platforms []string
	for _, m := range manifest.Manifests {
		platforms = append(platforms, m.Platform.String())
	}
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, platforms); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if manifest.MediaType != types.OCIImageIndex || manifest.Annotations["org.opencontainers.image.version"] != "1.2.3" {
		t.Errorf("%s with %v", manifest.MediaType, manifest.Annotations)
	}
	return manifest.Manifests[0].Digest.String() + manifest.Manifests[1].Digest.String()
}

func TestMistakes(t *testing.T) {
	there := t.TempDir()
	for _, c := range []struct{ args, want string }{
		{"--layout x", "--version is missing"},
		{"--version 1", "nowhere to put the image: give --layout or --push"},
		{"--version 1 --push x y", `"y" is one argument too many`},
		{"--version 1 --source " + there + " --layout x", "git rev-parse HEAD in " + there},
	} {
		err := run(context.WithoutCancel(t.Context()), strings.Fields(c.args), io.Discard)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.args, err, c.want)
		}
	}
	if err := writeLayout(there, nil); err == nil || !strings.Contains(err.Error(), "it is there already") {
		t.Errorf("a folder that exists: %v", err)
	}
	t.Setenv("SOURCE_DATE_EPOCH", "yesterday")
	if err := run(t.Context(), []string{"--version", "1", "--layout", "x"}, io.Discard); err == nil || !strings.Contains(err.Error(), "seconds since 1970") {
		t.Errorf("SOURCE_DATE_EPOCH: %v", err)
	}
}
