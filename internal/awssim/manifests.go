package awssim

import (
	"cmp"
	"encoding/json"
	"maps"
	"strings"
)

// The media types of manifests and of what they point to.
const (
	MediaTypeImage       = "application/vnd.oci.image.manifest.v1+json"
	MediaTypeIndex       = "application/vnd.oci.image.index.v1+json"
	MediaTypeDocker      = "application/vnd.docker.distribution.manifest.v2+json"
	MediaTypeDockerList  = "application/vnd.docker.distribution.manifest.list.v2+json"
	MediaTypeOCIConfig   = "application/vnd.oci.image.config.v1+json"
	MediaTypeDockerImage = "application/vnd.docker.container.image.v1+json"
	MediaTypeHelm        = "application/vnd.cncf.helm.config.v1+json"
	MediaTypeSPDX        = "application/spdx+json"
	MediaTypeCosign      = "application/vnd.dev.cosign.simplesigning.v1+json"
	MediaTypeNotation    = "application/vnd.cncf.notary.signature"
	MediaTypeInToto      = "application/vnd.in-toto+json"
)

const (
	ociLayer    = "application/vnd.oci.image.layer.v1.tar+gzip"
	dockerLayer = "application/vnd.docker.image.rootfs.diff.tar.gzip"
	emptyConfig = "application/vnd.oci.empty.v1+json"
	dsse        = "application/vnd.dsse.envelope.v1+json"
)

// manifest is an OCI or Docker manifest, or an index.
type manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType,omitempty"`
	ArtifactType  string            `json:"artifactType,omitempty"`
	Config        *descriptor       `json:"config,omitempty"`
	Layers        []descriptor      `json:"layers,omitempty"`
	Manifests     []descriptor      `json:"manifests,omitempty"`
	Subject       *descriptor       `json:"subject,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

type descriptor struct {
	MediaType    string            `json:"mediaType,omitempty"`
	Digest       string            `json:"digest"`
	Size         int64             `json:"size"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Platform     *platform         `json:"platform,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

func isIndex(mediaType string) bool {
	return mediaType == MediaTypeIndex || mediaType == MediaTypeDockerList
}

// artifactType is what ECR tells as artifactMediaType: the manifest's own artifactType, or else its config's media type.
func (m manifest) artifactType() string {
	if m.ArtifactType == "" && m.Config != nil {
		return m.Config.MediaType
	}
	return m.ArtifactType
}

func (m manifest) subject() string {
	if m.Subject == nil {
		return ""
	}
	return m.Subject.Digest
}

func (m manifest) children() []string {
	var digests []string
	for _, child := range m.Manifests {
		digests = append(digests, child.Digest)
	}
	return digests
}

// size is that of what a manifest points to. Of an index, whose children's manifests tell nothing about their layers, it is 0.
func (m manifest) size() int64 {
	var sum int64
	if m.Config != nil {
		sum += m.Config.Size
	}
	for _, layer := range m.Layers {
		sum += layer.Size
	}
	return sum
}

// ImageOptions say what BuildImage builds.
type ImageOptions struct {
	Seed        string // what makes the image differ from others
	Size        int64  // bytes of config and layers together; 10 MB when zero
	Docker      bool   // a Docker manifest instead of an OCI one
	Annotations map[string]string
}

// BuildImage builds a container image of three layers.
func BuildImage(o ImageOptions) Image {
	const config = 1500
	size := max(cmp.Or(o.Size, 10_000_000), config+3)
	m := manifest{SchemaVersion: 2, MediaType: MediaTypeImage, Annotations: o.Annotations}
	layerType := ociLayer
	m.Config = &descriptor{MediaType: MediaTypeOCIConfig, Digest: digestOf("config" + o.Seed), Size: config}
	if o.Docker {
		m.MediaType, layerType = MediaTypeDocker, dockerLayer
		m.Config.MediaType = MediaTypeDockerImage
	}
	rest := size - config
	for _, share := range []int64{rest - rest/4 - rest/8, rest / 4, rest / 8} {
		m.Layers = append(m.Layers, descriptor{MediaType: layerType, Digest: digestOf("layer" + o.Seed + string(appendInt(nil, share))), Size: share})
	}
	return m.image()
}

// architectures name the children of an index in the order in which they are given.
var architectures = []string{"amd64", "arm64", "s390x", "ppc64le", "riscv64", "386"}

// BuildIndex builds an OCI image index over images, which must be added before it.
func BuildIndex(children ...Image) Image { return buildIndex(MediaTypeIndex, children) }

// BuildDockerList builds a Docker manifest list over images, which must be added before it.
func BuildDockerList(children ...Image) Image { return buildIndex(MediaTypeDockerList, children) }

func buildIndex(mediaType string, children []Image) Image {
	m := manifest{SchemaVersion: 2, MediaType: mediaType}
	var largest int64
	for i, child := range children {
		d := child.descriptor()
		d.Platform = &platform{architectures[i%len(architectures)], "linux"}
		if child.Subject != "" || child.ArtifactType == MediaTypeInToto {
			d.Platform = &platform{"unknown", "unknown"}
		}
		m.Manifests = append(m.Manifests, d)
		largest = max(largest, child.Size)
	}
	image := m.image()
	image.Size = largest
	return image
}

// BuildArtifact builds something that is no container image, such as a Helm chart: its config's media type says what.
func BuildArtifact(configType, seed string) Image {
	m := manifest{SchemaVersion: 2, MediaType: MediaTypeImage}
	m.Config = &descriptor{MediaType: configType, Digest: digestOf("config" + seed), Size: 300}
	m.Layers = []descriptor{{MediaType: "application/octet-stream", Digest: digestOf("content" + seed), Size: 4000}}
	return m.image()
}

// BuildReferrer builds an OCI 1.1 artifact, such as a signature, an SBOM or an attestation, that refers to an image as its subject.
func BuildReferrer(subject Image, artifactType, seed string, annotations map[string]string) Image {
	to := subject.descriptor()
	m := manifest{SchemaVersion: 2, MediaType: MediaTypeImage, ArtifactType: artifactType, Subject: &to, Annotations: maps.Clone(annotations)}
	m.Config = &descriptor{MediaType: emptyConfig, Digest: digestOf("{}"), Size: 2}
	m.Layers = []descriptor{{MediaType: artifactType, Digest: digestOf("content" + seed + subject.Digest), Size: 2000}}
	return m.image()
}

// CosignSignature builds the signature of an image that cosign pushes under the tag "sha256-<hex>.sig".
func CosignSignature(subject Image) Image { return cosign(subject, "sig", MediaTypeCosign) }

// CosignAttestation builds an attestation under the tag "sha256-<hex>.att".
func CosignAttestation(subject Image) Image { return cosign(subject, "att", dsse) }

// CosignSBOM builds an SBOM under the tag "sha256-<hex>.sbom".
func CosignSBOM(subject Image) Image { return cosign(subject, "sbom", "text/spdx+json") }

func cosign(subject Image, suffix, layerType string) Image {
	m := manifest{SchemaVersion: 2, MediaType: MediaTypeImage}
	m.Config = &descriptor{MediaType: MediaTypeOCIConfig, Digest: digestOf("config" + suffix + subject.Digest), Size: 233}
	m.Layers = []descriptor{{MediaType: layerType, Digest: digestOf("content" + suffix + subject.Digest), Size: 240}}
	image := m.image()
	image.Tags = []string{strings.Replace(subject.Digest, ":", "-", 1) + "." + suffix}
	return image
}

// image is the image of a manifest. Its text is what clients get, byte for byte, so the digest is real.
func (m manifest) image() Image {
	text, err := json.MarshalIndent(m, "", "   ")
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return Image{
		Digest: digestOf(string(text)), Manifest: string(text), MediaType: m.MediaType, ArtifactType: m.artifactType(),
		Subject: m.subject(), Children: m.children(), Size: m.size(),
	}
}

func (i Image) descriptor() descriptor {
	return descriptor{MediaType: i.MediaType, Digest: i.Digest, Size: int64(len(i.Manifest)), ArtifactType: ""}
}
