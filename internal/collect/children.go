package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// manifestBatch is how many manifests are read in one call, the most that AWS gives.
const manifestBatch = 100

// indexMediaTypes are what a manifest may be for an index to be returned as it
// was pushed.
var indexMediaTypes = []string{
	"application/vnd.oci.image.index.v1+json",
	"application/vnd.docker.distribution.manifest.list.v2+json",
}

// readChildren reads the manifests of indexes and notes what they refer to.
func (t *repositoryReader) readChildren(ctx context.Context, indexes []*snapshot.Image) error {
	for batch := range slices.Chunk(indexes, manifestBatch) {
		if err := t.readManifests(ctx, batch); err != nil {
			return err
		}
	}
	t.noteAttestations(indexes)
	return nil
}

// noteAttestations corrects the kind of the images that an index gives as
// attestations: BuildKit's look like container images otherwise.
func (t *repositoryReader) noteAttestations(indexes []*snapshot.Image) {
	attestations := map[string]bool{}
	for _, index := range indexes {
		for _, child := range index.Children {
			attestations[child.Digest] = attestations[child.Digest] || child.Attestation
		}
	}
	for i := range t.repository.Images {
		image := &t.repository.Images[i]
		if image.Kind == snapshot.KindImage && attestations[image.Digest] {
			image.Kind = snapshot.KindAttestation
		}
	}
}

func (t *repositoryReader) readManifests(ctx context.Context, batch []*snapshot.Image) error {
	input := &ecr.BatchGetImageInput{RepositoryName: &t.repository.Name, AcceptedMediaTypes: indexMediaTypes}
	unread := map[string]error{} // by digest
	for _, image := range batch {
		input.ImageIds = append(input.ImageIds, ecrtypes.ImageIdentifier{ImageDigest: &image.Digest})
		unread[image.Digest] = errors.New("AWS returned no manifest of this index")
	}
	out, err := ask(ctx, t.caller, opBatchGetImage, func(ctx context.Context) (*ecr.BatchGetImageOutput, error) {
		return t.ecr.BatchGetImage(ctx, input)
	})
	if err != nil {
		return t.missingChildren(batch, err)
	}
	for _, failure := range out.Failures {
		if failure.ImageId != nil {
			unread[aws.ToString(failure.ImageId.ImageDigest)] = fmt.Errorf("%s: %s", failure.FailureCode, aws.ToString(failure.FailureReason))
		}
	}
	manifests := map[string]string{}
	for _, got := range out.Images {
		if got.ImageId != nil {
			manifests[aws.ToString(got.ImageId.ImageDigest)] = aws.ToString(got.ImageManifest)
		}
	}
	for _, image := range batch {
		err := unread[image.Digest]
		if manifest, ok := manifests[image.Digest]; ok {
			image.Children, err = children(manifest)
		}
		if err != nil {
			if err := t.missingChildren([]*snapshot.Image{image}, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// missingChildren notes a gap for each index whose children stay unknown.
func (t *repositoryReader) missingChildren(indexes []*snapshot.Image, why error) error {
	for _, image := range indexes {
		if err := t.missing(image.Digest, snapshot.NeedImageGraph, opBatchGetImage, why); err != nil {
			return err
		}
	}
	return nil
}

// children are what an index refers to: never nil, unless the manifest is
// malformed.
func children(manifest string) ([]snapshot.Child, error) {
	var index struct {
		Manifests []struct {
			Digest       string            `json:"digest"`
			ArtifactType string            `json:"artifactType"`
			Annotations  map[string]string `json:"annotations"`
			Platform     *struct {
				OS           string `json:"os"`
				Architecture string `json:"architecture"`
				Variant      string `json:"variant"`
			} `json:"platform"`
		} `json:"manifests"`
	}
	if err := json.Unmarshal([]byte(manifest), &index); err != nil {
		return nil, fmt.Errorf("reading the manifest of an index: %w", err)
	}
	found := []snapshot.Child{}
	for _, m := range index.Manifests {
		child := snapshot.Child{Digest: m.Digest}
		if p := m.Platform; p != nil {
			child.Platform = strings.TrimSuffix(p.OS+"/"+p.Architecture+"/"+p.Variant, "/")
		}
		child.Attestation = m.ArtifactType != "" || m.Annotations["vnd.docker.reference.type"] != ""
		found = append(found, child)
	}
	return found, nil
}
