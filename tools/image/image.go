package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// nobody runs the program. It is the user that distroless images have, and a
// number, because Kubernetes cannot tell of a name that it is not root.
const nobody = 65532

// release is what an image says of itself.
type release struct {
	version  string
	revision string // commit
	created  time.Time
}

func (r release) labels() map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":       "ecraudit",
		"org.opencontainers.image.description": "Audits the Amazon ECR registries of an AWS organization",
		"org.opencontainers.image.source":      "https://github.com/ecraudit/ecraudit",
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.version":     r.version,
		"org.opencontainers.image.revision":    r.revision,
		"org.opencontainers.image.created":     r.created.Format(time.RFC3339),
	}
}

// newImage is an image with one layer for one platform.
func newImage(binary string, p *v1.Platform, r release) (v1.Image, error) {
	files, err := rootFilesystem(binary, r.created)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(
		func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files)), nil },
		tarball.WithMediaType(types.OCILayer), tarball.WithCompressionLevel(gzip.BestCompression))
	if err != nil {
		return nil, err
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.Append(base, mutate.Addendum{
		Layer:   layer,
		History: v1.History{Created: v1.Time{Time: r.created}, CreatedBy: "tools/image"},
	})
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Variant = p.OS, p.Architecture, p.Variant
	config.Created = v1.Time{Time: r.created}
	config.Config = v1.Config{
		User:       "65532:65532",
		Entrypoint: []string{"/usr/bin/ecraudit"},
		WorkingDir: "/home/nonroot",
		Env:        []string{"PATH=/usr/bin", "HOME=/home/nonroot"},
		// Where results wait; a volume can be written below a root that cannot.
		Volumes: map[string]struct{}{"/tmp": {}},
		Labels:  r.labels(),
	}
	return mutate.ConfigFile(image, config)
}

func newIndex(images []v1.Image, r release) (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, image := range images {
		config, err := image.ConfigFile()
		if err != nil {
			return nil, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        image,
			Descriptor: v1.Descriptor{Platform: config.Platform()},
		})
	}
	return mutate.Annotations(index, r.labels()).(v1.ImageIndex), nil
}

// rootFilesystem is an archive of all that is in the image.
func rootFilesystem(binary string, modified time.Time) ([]byte, error) {
	program, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range []struct {
		name  string
		mode  int64
		owner int
		data  []byte
	}{
		{name: "etc/", mode: 0o755},
		{name: "etc/passwd", mode: 0o644, data: []byte("root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n")},
		{name: "etc/group", mode: 0o644, data: []byte("root:x:0:\nnonroot:x:65532:\n")},
		{name: "home/", mode: 0o755},
		{name: "home/nonroot/", mode: 0o700, owner: nobody},
		{name: "tmp/", mode: 0o1777},
		// A volume takes the folder's mode over where there is a file to copy.
		{name: "tmp/.volume", mode: 0o644, data: []byte{}},
		{name: "usr/", mode: 0o755},
		{name: "usr/bin/", mode: 0o755},
		{name: "usr/bin/ecraudit", mode: 0o755, data: program},
	} {
		header := &tar.Header{Name: f.name, Mode: f.mode, Uid: f.owner, Gid: f.owner, Size: int64(len(f.data)), ModTime: modified, Format: tar.FormatPAX}
		header.Typeflag = tar.TypeReg
		if f.data == nil {
			header.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
