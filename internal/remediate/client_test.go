package remediate_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// client is somebody else, an administrator of the team's account.
type client struct {
	t   testing.TB
	ecr *ecr.Client
}

func (w *world) client() client {
	return client{w.t, ecr.NewFromConfig(w.server.Config(team, region))}
}

func (c client) ok(err error) {
	if err != nil {
		c.t.Errorf("somebody else: %v", err)
	}
}

func (c client) startPreview(repository, text string) {
	_, err := c.ecr.StartLifecyclePolicyPreview(context.Background(), &ecr.StartLifecyclePolicyPreviewInput{RepositoryName: &repository, LifecyclePolicyText: &text})
	c.ok(err)
}

func (c client) getPreview(repository string) {
	_, err := c.ecr.GetLifecyclePolicyPreview(context.Background(), &ecr.GetLifecyclePolicyPreviewInput{RepositoryName: &repository})
	c.ok(err)
}

func (c client) startScan(repository, digest string) {
	_, err := c.ecr.StartImageScan(context.Background(), &ecr.StartImageScanInput{RepositoryName: &repository, ImageId: &ecrtypes.ImageIdentifier{ImageDigest: &digest}})
	c.ok(err)
}

func (c client) setPolicy(repository, text string) {
	_, err := c.ecr.SetRepositoryPolicy(context.Background(), &ecr.SetRepositoryPolicyInput{RepositoryName: &repository, PolicyText: &text})
	c.ok(err)
}

func (c client) putLifecycle(repository, text string) {
	_, err := c.ecr.PutLifecyclePolicy(context.Background(), &ecr.PutLifecyclePolicyInput{RepositoryName: &repository, LifecyclePolicyText: &text})
	c.ok(err)
}

func (c client) push(repository, manifest, tag string) {
	_, err := c.ecr.PutImage(context.Background(), &ecr.PutImageInput{RepositoryName: &repository, ImageManifest: &manifest, ImageTag: aws.String(tag)})
	c.ok(err)
}

func (c client) tagResource(arn, key, value string) {
	_, err := c.ecr.TagResource(context.Background(), &ecr.TagResourceInput{ResourceArn: &arn, Tags: []ecrtypes.Tag{{Key: &key, Value: &value}}})
	c.ok(err)
}
