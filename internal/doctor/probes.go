package doctor

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// probing is where permissions are tried, and what the first calls found there.
type probing struct {
	ecr                        *ecr.Client
	partition, account, region string
	repository                 string // one that there is; empty when there is none
	image                      string // digest of one in it; empty when there is none
	enhanced                   bool   // its scanning
	read                       bool   // findings were
	// surelyAbsent says that no pull through cache could bring the absent
	// repository into being when it is pulled from.
	surelyAbsent bool
}

// absent is a repository that nobody has, of which AWS says so to whoever may ask.
const absent = absentPrefix + "/doctor/there-is-no-such-repository"

const absentPrefix = "ecraudit"

// name is the repository that is asked about.
func (p *probing) name() *string {
	if p.repository == "" {
		return aws.String(absent)
	}
	return &p.repository
}

func (p *probing) arn() *string {
	return aws.String("arn:" + p.partition + ":ecr:" + p.region + ":" + p.account + ":repository/" + *p.name())
}

// digest is that of an image that there is, or of one that there is not.
func (p *probing) digest() *string {
	if p.image == "" {
		return aws.String("sha256:0000000000000000000000000000000000000000000000000000000000000000")
	}
	return &p.image
}

// isFirst picks the actions whose answers others need: is there an image, is
// scanning enhanced, and which caches are there?
func isFirst(action string) bool {
	return action == "ecr:DescribeImages" || action == "ecr:GetRegistryScanningConfiguration" || action == "ecr:DescribePullThroughCacheRules"
}

// cannot is why an action cannot be tried here; empty when it can.
func (p *probing) cannot(action string) string {
	switch {
	case action == "ecr:BatchGetImage" && p.repository == "" && !p.surelyAbsent:
		// Where there is a pull through cache, pulling may create a repository.
		return "there is no repository to ask about in " + p.region
	case action == "ecr:DescribeImageScanFindings" && p.enhanced && p.image == "":
		return "there is no image to ask about in " + p.region
	}
	return ""
}

// probes are the cheapest calls by which actions are tried, by action. All of
// them read, and none reads much.
func probes() map[string]func(context.Context, *probing) error {
	return map[string]func(context.Context, *probing) error{
		"ecr:GetRegistryPolicy": func(ctx context.Context, p *probing) error {
			_, err := p.ecr.GetRegistryPolicy(ctx, &ecr.GetRegistryPolicyInput{})
			return err
		},
		"ecr:GetRegistryScanningConfiguration": func(ctx context.Context, p *probing) error {
			out, err := p.ecr.GetRegistryScanningConfiguration(ctx, &ecr.GetRegistryScanningConfigurationInput{})
			if err == nil && out.ScanningConfiguration != nil {
				p.enhanced = out.ScanningConfiguration.ScanType == ecrtypes.ScanTypeEnhanced
			}
			return err
		},
		"ecr:DescribeRegistry": func(ctx context.Context, p *probing) error {
			_, err := p.ecr.DescribeRegistry(ctx, &ecr.DescribeRegistryInput{})
			return err
		},
		"ecr:DescribePullThroughCacheRules": func(ctx context.Context, p *probing) error {
			out, err := p.ecr.DescribePullThroughCacheRules(ctx, &ecr.DescribePullThroughCacheRulesInput{MaxResults: aws.Int32(1000)})
			p.surelyAbsent = err == nil && aws.ToString(out.NextToken) == "" && !slices.ContainsFunc(out.PullThroughCacheRules, func(r ecrtypes.PullThroughCacheRule) bool {
				prefix := aws.ToString(r.EcrRepositoryPrefix)
				return prefix == "ROOT" || prefix == absentPrefix || strings.HasPrefix(prefix, absentPrefix+"/")
			})
			return err
		},
		"ecr:DescribeRepositoryCreationTemplates": func(ctx context.Context, p *probing) error {
			_, err := p.ecr.DescribeRepositoryCreationTemplates(ctx, &ecr.DescribeRepositoryCreationTemplatesInput{MaxResults: aws.Int32(1)})
			return err
		},
		"ecr:GetAccountSetting": func(ctx context.Context, p *probing) error {
			_, err := p.ecr.GetAccountSetting(ctx, &ecr.GetAccountSettingInput{Name: aws.String("BASIC_SCAN_TYPE_VERSION")})
			return err
		},
		"ecr:GetRepositoryPolicy": func(ctx context.Context, p *probing) error {
			_, err := p.ecr.GetRepositoryPolicy(ctx, &ecr.GetRepositoryPolicyInput{RepositoryName: p.name()})
			return err
		},
		"ecr:GetLifecyclePolicy": func(ctx context.Context, p *probing) error {
			_, err := p.ecr.GetLifecyclePolicy(ctx, &ecr.GetLifecyclePolicyInput{RepositoryName: p.name()})
			return err
		},
		"ecr:GetLifecyclePolicyPreview": func(ctx context.Context, p *probing) error {
			_, err := p.ecr.GetLifecyclePolicyPreview(ctx, &ecr.GetLifecyclePolicyPreviewInput{RepositoryName: p.name(), MaxResults: aws.Int32(1)})
			return err
		},
		"ecr:ListTagsForResource": func(ctx context.Context, p *probing) error {
			_, err := p.ecr.ListTagsForResource(ctx, &ecr.ListTagsForResourceInput{ResourceArn: p.arn()})
			return err
		},
		"ecr:BatchGetRepositoryScanningConfiguration": func(ctx context.Context, p *probing) error {
			_, err := p.ecr.BatchGetRepositoryScanningConfiguration(ctx, &ecr.BatchGetRepositoryScanningConfigurationInput{RepositoryNames: []string{*p.name()}})
			return err
		},
		"ecr:DescribeImages": func(ctx context.Context, p *probing) error {
			out, err := p.ecr.DescribeImages(ctx, &ecr.DescribeImagesInput{RepositoryName: p.name(), MaxResults: aws.Int32(20)})
			if err != nil {
				return err
			}
			for _, image := range out.ImageDetails {
				if media := aws.ToString(image.ImageManifestMediaType); !strings.Contains(media, "index") && !strings.Contains(media, "list") {
					p.image = aws.ToString(image.ImageDigest) // of an index there are no findings
				}
			}
			return nil
		},
		"ecr:BatchGetImage": func(ctx context.Context, p *probing) error {
			_, err := p.ecr.BatchGetImage(ctx, &ecr.BatchGetImageInput{RepositoryName: p.name(), ImageIds: []ecrtypes.ImageIdentifier{{
				ImageDigest: aws.String("sha256:0000000000000000000000000000000000000000000000000000000000000000"), // so that no pull is recorded
			}}})
			return err
		},
		"ecr:DescribeImageScanFindings": func(ctx context.Context, p *probing) error {
			_, err := p.ecr.DescribeImageScanFindings(ctx, &ecr.DescribeImageScanFindingsInput{
				RepositoryName: p.name(), ImageId: &ecrtypes.ImageIdentifier{ImageDigest: p.digest()}, MaxResults: aws.Int32(1),
			})
			p.read = err == nil
			return err
		},
	}
}
