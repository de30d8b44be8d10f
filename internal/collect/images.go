package collect

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// imagePage is how many images are described in one call, the most that AWS gives.
const imagePage = 1000

// readImages reads all images of a repository, whatever their status, and then
// what is asked about single ones. A listing that fails part of the way leaves
// no images, only a gap: a part would look like the whole.
func (t *repositoryReader) readImages(ctx context.Context) error {
	images, err := t.listImages(ctx)
	if err != nil {
		return t.missing("", snapshot.NeedImages, opDescribeImages, err)
	}
	slices.SortFunc(images, func(a, b snapshot.Image) int { return cmp.Compare(a.Digest, b.Digest) })
	t.repository.Images = images
	wanted := t.wantedDetails()
	if err := t.readChildren(ctx, wanted.indexes); err != nil {
		return err
	}
	return t.readScans(ctx, wanted)
}

func (t *repositoryReader) listImages(ctx context.Context) ([]snapshot.Image, error) {
	var images []snapshot.Image
	err := eachPage(ctx, t.caller, opDescribeImages, func(ctx context.Context, token *string) (*string, error) {
		page, err := t.ecr.DescribeImages(ctx, &ecr.DescribeImagesInput{
			RepositoryName: &t.repository.Name,
			MaxResults:     aws.Int32(imagePage),
			Filter:         &ecrtypes.DescribeImagesFilter{ImageStatus: ecrtypes.ImageStatusFilterAny},
			NextToken:      token,
		})
		if err != nil {
			return nil, err
		}
		images = slices.Grow(images, len(page.ImageDetails))
		for i := range page.ImageDetails {
			images = append(images, image(&page.ImageDetails[i]))
		}
		return page.NextToken, nil
	})
	return images, err
}

func image(d *ecrtypes.ImageDetail) snapshot.Image {
	slices.Sort(d.ImageTags)
	i := snapshot.Image{
		Digest:          aws.ToString(d.ImageDigest),
		Tags:            d.ImageTags,
		MediaType:       aws.ToString(d.ImageManifestMediaType),
		ArtifactType:    aws.ToString(d.ArtifactMediaType),
		Status:          cmp.Or(string(d.ImageStatus), string(ecrtypes.ImageStatusActive)),
		SizeBytes:       aws.ToInt64(d.ImageSizeInBytes),
		PushedAt:        moment(d.ImagePushedAt),
		LastPulledAt:    moment(d.LastRecordedPullTime),
		LastActivatedAt: moment(d.LastActivatedAt),
		LastArchivedAt:  moment(d.LastArchivedAt),
		Subject:         aws.ToString(d.SubjectManifestDigest),
	}
	i.Kind = kind(&i)
	if d.ImageScanStatus != nil && d.ImageScanFindingsSummary != nil {
		i.Scan = scan("ecr:DescribeImages", d.ImageScanStatus, d.ImageScanFindingsSummary.FindingSeverityCounts, d.ImageScanFindingsSummary.ImageScanCompletedAt)
	}
	return i
}

func moment(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

var cosignTag = regexp.MustCompile(`^sha256-[0-9a-f]{64}\.(sig|att|sbom)$`)

var cosignKinds = map[string]snapshot.Kind{"sig": snapshot.KindSignature, "att": snapshot.KindAttestation, "sbom": snapshot.KindSBOM}

// artifactKinds tells kinds by a part of the artifact media type. The first
// that fits counts.
var artifactKinds = []struct {
	part string
	kind snapshot.Kind
}{
	{"dev.cosign.artifact.sig", snapshot.KindSignature},
	{"cncf.notary", snapshot.KindSignature},
	{"sigstore.bundle", snapshot.KindSignature},
	{"simplesigning", snapshot.KindSignature},
	{"spdx", snapshot.KindSBOM},
	{"cyclonedx", snapshot.KindSBOM},
	{"syft", snapshot.KindSBOM},
	{"cosign.artifact.sbom", snapshot.KindSBOM},
	{"in-toto", snapshot.KindAttestation},
	{"slsa", snapshot.KindAttestation},
	{"dsse.envelope", snapshot.KindAttestation},
	{"dev.cosign.artifact.att", snapshot.KindAttestation},
}

// kind tells what an image is. A container image's artifact type is that of
// its configuration: "….container.image.v1+json" (Docker) or
// "….image.config.v1+json" (OCI).
func kind(i *snapshot.Image) snapshot.Kind {
	for _, tag := range i.Tags {
		if m := cosignTag.FindStringSubmatch(tag); m != nil {
			return cosignKinds[m[1]]
		}
	}
	artifact := strings.ToLower(i.ArtifactType)
	for _, k := range artifactKinds {
		if strings.Contains(artifact, k.part) {
			return k.kind
		}
	}
	switch {
	case strings.Contains(i.MediaType, "manifest.list.") || strings.Contains(i.MediaType, "image.index."):
		return snapshot.KindIndex
	case i.Subject != "", artifact != "" && !strings.Contains(artifact, "container.image.") && !strings.Contains(artifact, "oci.image.config."):
		return snapshot.KindArtifact
	}
	return snapshot.KindImage
}

// details are the images about which more is asked than the listing says.
type details struct {
	release func(tag string) bool
	indexes []*snapshot.Image
}

// wantedDetails picks the indexes whose children are needed: all of them, or
// those whose scan results are asked for.
func (t *repositoryReader) wantedDetails() details {
	d := details{release: func(string) bool { return false }}
	if t.Needs[snapshot.NeedReleaseScanFindings] {
		d.release = t.ReleaseTag(t.repository)
	}
	everyIndex := t.Needs[snapshot.NeedImageGraph] || t.Needs[snapshot.NeedScanFindings]
	for i := range t.repository.Images {
		image := &t.repository.Images[i]
		if image.Kind == snapshot.KindIndex && (everyIndex || slices.ContainsFunc(image.Tags, d.release)) {
			d.indexes = append(d.indexes, image)
		}
	}
	return d
}
