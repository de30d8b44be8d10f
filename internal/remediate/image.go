package remediate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

var errImageGone = &Refusal{Reason: "the image is no longer there"}

// manifestTypes are all the kinds of manifests that ECR stores. A kind that is
// not accepted may come back converted, or not at all.
var manifestTypes = []string{
	"application/vnd.oci.image.manifest.v1+json",
	"application/vnd.oci.image.index.v1+json",
	"application/vnd.docker.distribution.manifest.v2+json",
	"application/vnd.docker.distribution.manifest.list.v2+json",
	"application/vnd.docker.distribution.manifest.v1+json",
	"application/vnd.docker.distribution.manifest.v1+prettyjws",
	"application/vnd.oci.artifact.manifest.v1+json",
}

// image describes the image of a digest; nil when there is none.
func (p *place) image(ctx context.Context, digest string) (*ecrtypes.ImageDetail, error) {
	return p.imageOf(ctx, ecrtypes.ImageIdentifier{ImageDigest: &digest})
}

// tagged describes the image that a tag points to; nil when there is none.
func (p *place) tagged(ctx context.Context, tag string) (*ecrtypes.ImageDetail, error) {
	return p.imageOf(ctx, ecrtypes.ImageIdentifier{ImageTag: &tag})
}

func (p *place) imageOf(ctx context.Context, id ecrtypes.ImageIdentifier) (*ecrtypes.ImageDetail, error) {
	out, err := ask(ctx, p, "ecr:DescribeImages", func(ctx context.Context) (*ecr.DescribeImagesOutput, error) {
		return p.ecr.DescribeImages(ctx, &ecr.DescribeImagesInput{
			RepositoryName: p.name(), ImageIds: []ecrtypes.ImageIdentifier{id}, Filter: &ecrtypes.DescribeImagesFilter{ImageStatus: ecrtypes.ImageStatusFilterAny},
		})
	})
	if none := (*ecrtypes.ImageNotFoundException)(nil); errors.As(err, &none) {
		return nil, nil
	}
	if err != nil || len(out.ImageDetails) == 0 {
		return nil, err
	}
	return &out.ImageDetails[0], nil
}

// manifest reads the manifest of an image, once, and holds it against the
// digest: what is put back must be the same image.
func (p *place) manifest(ctx context.Context, digest string) (*Manifest, error) {
	if known := p.manifests[digest]; known != nil {
		return known, nil
	}
	out, err := ask(ctx, p, "ecr:BatchGetImage", func(ctx context.Context) (*ecr.BatchGetImageOutput, error) {
		return p.ecr.BatchGetImage(ctx, &ecr.BatchGetImageInput{
			RepositoryName: p.name(), ImageIds: []ecrtypes.ImageIdentifier{{ImageDigest: &digest}}, AcceptedMediaTypes: manifestTypes,
		})
	})
	if err != nil {
		return nil, err
	}
	if len(out.Images) == 0 {
		for _, failure := range out.Failures {
			return nil, refuse("", "AWS does not give the manifest of the image (%s: %s)", failure.FailureCode, aws.ToString(failure.FailureReason))
		}
		return nil, refuse("", "AWS does not give the manifest of the image")
	}
	m := &Manifest{Digest: digest, Text: aws.ToString(out.Images[0].ImageManifest), MediaType: aws.ToString(out.Images[0].ImageManifestMediaType)}
	if digestOf(m.Text) != digest {
		return nil, refuse("", "the manifest that AWS gives for the image does not have its digest, so it could not be put back")
	}
	p.manifests[digest] = m
	return m, nil
}

func digestOf(manifest string) string {
	sum := sha256.Sum256([]byte(manifest))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// put gives an image a tag.
func (p *place) put(ctx context.Context, m *Manifest, tag string) error {
	input := p.putting(m, tag)
	err := tell(ctx, p, "ecr:PutImage", func(ctx context.Context) (*ecr.PutImageOutput, error) { return p.ecr.PutImage(ctx, input) })
	if taken := (*ecrtypes.ImageTagAlreadyExistsException)(nil); errors.As(err, &taken) {
		return refuse("", "the tag %s is on another image, and cannot be moved", tag)
	}
	return err
}

// putBack gives an image a tag, and repeats it until there is an answer: what it
// mends must not stay as it is.
func (p *place) putBack(ctx context.Context, m *Manifest, tag string) error {
	input := p.putting(m, tag)
	_, err := ask(ctx, p, "ecr:PutImage", func(ctx context.Context) (*ecr.PutImageOutput, error) { return p.ecr.PutImage(ctx, input) })
	if there := (*ecrtypes.ImageAlreadyExistsException)(nil); errors.As(err, &there) {
		return nil // by an attempt whose answer was lost
	}
	return err
}

func (p *place) putting(m *Manifest, tag string) *ecr.PutImageInput {
	input := &ecr.PutImageInput{RepositoryName: p.name(), ImageManifest: &m.Text, ImageTag: &tag, ImageDigest: &m.Digest}
	if m.MediaType != "" {
		input.ImageManifestMediaType = &m.MediaType
	}
	return input
}

// take takes a tag away, and returns the digest that it was taken from.
func (p *place) take(ctx context.Context, tag string) (digest string, err error) {
	// Named by its tag alone: AWS documents that a digest deletes the image.
	out, err := onceFor(ctx, p, "ecr:BatchDeleteImage", func(ctx context.Context) (*ecr.BatchDeleteImageOutput, error) {
		return p.ecr.BatchDeleteImage(ctx, &ecr.BatchDeleteImageInput{RepositoryName: p.name(), ImageIds: []ecrtypes.ImageIdentifier{{ImageTag: &tag}}})
	})
	if err != nil {
		return "", err
	}
	for _, failure := range out.Failures {
		return "", refuse("", "AWS does not take the tag %s away (%s: %s)", tag, failure.FailureCode, aws.ToString(failure.FailureReason))
	}
	for _, id := range out.ImageIds {
		digest = aws.ToString(id.ImageDigest)
	}
	return digest, nil
}

// wholeImage is an image as such. Only quarantine purge touches it.
type wholeImage struct{}

func (wholeImage) permissions() permissions {
	return permissions{[]string{"ecr:DescribeImages"}, []string{"ecr:BatchDeleteImage"}}
}

func (wholeImage) same(a, b State) bool { return (a.Image == nil) == (b.Image == nil) }

func (wholeImage) read(ctx context.Context, at *place, s Step) (State, error) {
	image, err := at.image(ctx, s.Name)
	if err != nil || image == nil {
		return State{}, err
	}
	return State{Image: &Manifest{Digest: s.Name, Tags: sorted(image.ImageTags)}}, nil
}

// write deletes an image by its quarantine tags, one after the other, so that a
// tag which somebody gives it meanwhile keeps it.
func (wholeImage) write(ctx context.Context, at *place, s Step) error {
	if s.To.Image != nil {
		return refuse("", "an image that was purged cannot be brought back")
	}
	for _, tag := range s.From.Image.Tags {
		if !isQuarantineTag(tag) {
			return refuse("", "the image has the tag %s", tag)
		}
	}
	for _, tag := range s.From.Image.Tags {
		taken, err := at.take(ctx, tag)
		if err != nil {
			return err
		}
		if taken != "" && taken != s.Name {
			return mishap(Failed, "the quarantine tag %s was moved to %s meanwhile, and was taken away there", tag, taken)
		}
	}
	return nil
}
