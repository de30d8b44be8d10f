package collect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/ecraudit/ecraudit/internal/snapshot"
)

func answered(status int, err error) error {
	return fmt.Errorf("operation error ECR: %w", &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: err})
}

func api(code string) error { return &smithy.GenericAPIError{Code: code, Message: "why"} }

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want class
	}{
		{"no error", nil, classFinal},
		{"throttled", answered(400, api("ThrottlingException")), classThrottled},
		{"too many requests", answered(429, api("TooManyRequestsException")), classThrottled},
		{"denied", answered(400, api("AccessDeniedException")), classFinal},
		{"none", answered(400, api("LifecyclePolicyNotFoundException")), classFinal},
		{"expired", answered(400, api("ExpiredTokenException")), classExpired},
		{"fault", answered(500, api("ServerException")), classTransient},
		{"fault without a code", answered(503, errors.New("<html>")), classTransient},
		{"not implemented by a stand-in", answered(501, api("InternalFailure")), classFinal},
		{"connection reset", &net.OpError{Op: "read", Err: syscall.ECONNRESET}, classTransient},
		{"connection refused", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, classTransient},
		{"answer cut off", fmt.Errorf("reading: %w", io.ErrUnexpectedEOF), classTransient},
		{"no answer in time", errCallTimeout, classTransient},
		{"no such host", &net.DNSError{Err: "no such host", Name: "api.ecr.nowhere.amazonaws.com", IsNotFound: true}, classFinal},
		{"names cannot be resolved now", &net.DNSError{Err: "server misbehaving", IsTemporary: true}, classTransient},
		{"stopped", context.Canceled, classFinal},
	} {
		if got := classify(c.err); got != c.want {
			t.Errorf("%s: class %d, want %d", c.name, got, c.want)
		}
	}
}

func TestGap(t *testing.T) {
	target := snapshot.Target{Partition: "aws", Account: "111122223333", Region: "eu-west-1"}
	denied := &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "User: x is not authorized to perform: inspector2:ListFindings on resource: y"}
	for _, c := range []struct {
		name       string
		err        error
		code, perm string
	}{
		{"denied", answered(400, api("AccessDeniedException")), "AccessDeniedException", "ecr:DescribeImageScanFindings"},
		{"denied by another service", answered(400, denied), "AccessDeniedException", "inspector2:ListFindings"},
		{"network", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, "Unreachable", ""},
		{"no answer", errCallTimeout, "Timeout", ""},
		{"stopped", context.Canceled, "Interrupted", ""},
		{"malformed", errors.New("what is this"), "Failed", ""},
	} {
		got := gap(target, "team/api", snapshot.NeedScanFindings, "ecr:DescribeImageScanFindings", c.err)
		if got.Code != c.code || got.Permission != c.perm || got.Message == "" || got.Repository != "team/api" {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

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
