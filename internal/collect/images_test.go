package collect

import (
	"testing"

	"github.com/ecraudit/ecraudit/internal/snapshot"
)

func TestKind(t *testing.T) {
	const oci = "application/vnd.oci.image.manifest.v1+json"
	for _, c := range []struct {
		name  string
		image snapshot.Image
		want  snapshot.Kind
	}{
		{"Docker image", snapshot.Image{MediaType: "application/vnd.docker.distribution.manifest.v2+json", ArtifactType: "application/vnd.docker.container.image.v1+json"}, snapshot.KindImage},
		{"OCI image", snapshot.Image{MediaType: oci, ArtifactType: "application/vnd.oci.image.config.v1+json"}, snapshot.KindImage},
		{"image of which nothing is said", snapshot.Image{MediaType: oci}, snapshot.KindImage},
		{"OCI index", snapshot.Image{MediaType: "application/vnd.oci.image.index.v1+json"}, snapshot.KindIndex},
		{"Docker manifest list", snapshot.Image{MediaType: "application/vnd.docker.distribution.manifest.list.v2+json"}, snapshot.KindIndex},
		{"cosign signature by its tag", snapshot.Image{MediaType: oci, Tags: []string{"sha256-" + hex64 + ".sig"}}, snapshot.KindSignature},
		{"cosign attestation by its tag", snapshot.Image{MediaType: oci, Tags: []string{"sha256-" + hex64 + ".att"}}, snapshot.KindAttestation},
		{"Notation signature", snapshot.Image{MediaType: oci, ArtifactType: "application/vnd.cncf.notary.signature", Subject: "sha256:" + hex64}, snapshot.KindSignature},
		{"SBOM", snapshot.Image{MediaType: oci, ArtifactType: "application/spdx+json", Subject: "sha256:" + hex64}, snapshot.KindSBOM},
		{"in-toto", snapshot.Image{MediaType: oci, ArtifactType: "application/vnd.in-toto+json"}, snapshot.KindAttestation},
		{"Helm chart", snapshot.Image{MediaType: oci, ArtifactType: "application/vnd.cncf.helm.config.v1+json"}, snapshot.KindArtifact},
		{"referrer of no known type", snapshot.Image{MediaType: oci, Subject: "sha256:" + hex64}, snapshot.KindArtifact},
		{"a tag that only looks like cosign's", snapshot.Image{MediaType: oci, Tags: []string{"sha256-abc.sig"}}, snapshot.KindImage},
	} {
		if got := kind(&c.image); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

const hex64 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
