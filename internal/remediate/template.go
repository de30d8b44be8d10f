package remediate

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecraudit/ecraudit/internal/access"
	"github.com/ecraudit/ecraudit/internal/awsapi"
)

// creationTemplate decides how repositories look that ECR creates.
type creationTemplate struct{}

func (creationTemplate) permissions() permissions {
	return permissions{[]string{"ecr:DescribeRepositoryCreationTemplates"}, []string{
		"ecr:UpdateRepositoryCreationTemplate",
		// What the template makes ECR do, the caller must be allowed to do: see the API operations in
		// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
		"ecr:CreateRepository", "ecr:PutLifecyclePolicy", "ecr:SetRepositoryPolicy", "iam:PassRole",
	}}
}

func (creationTemplate) same(a, b State) bool {
	x, y := a.Template, b.Template
	if x == nil || y == nil {
		return x == y
	}
	return slices.Equal(sorted(slices.Clone(x.AppliedFor)), sorted(slices.Clone(y.AppliedFor))) && sameMutability(x.Mutability, y.Mutability) &&
		x.Encryption == y.Encryption && access.EqualPolicy(x.Policy, y.Policy) && sameLifecycle(x.Lifecycle, y.Lifecycle) &&
		maps.Equal(x.Tags, y.Tags) && x.CustomRoleARN == y.CustomRoleARN && x.Description == y.Description
}

func (creationTemplate) read(ctx context.Context, at *place, s Step) (State, error) {
	const operation = "ecr:DescribeRepositoryCreationTemplates"
	var found State
	// A page may be empty although another one follows.
	err := awsapi.EachPage(ctx, at.caller, operation, func(ctx context.Context, token *string) (*string, error) {
		out, err := at.ecr.DescribeRepositoryCreationTemplates(ctx, &ecr.DescribeRepositoryCreationTemplatesInput{Prefixes: []string{s.Name}, NextToken: token})
		if err != nil {
			return nil, err
		}
		for _, template := range out.RepositoryCreationTemplates {
			if aws.ToString(template.Prefix) == s.Name {
				described := awsapi.CreationTemplate(template)
				found.Template = &described
			}
		}
		return out.NextToken, nil
	})
	if none := (*ecrtypes.TemplateNotFoundException)(nil); errors.As(err, &none) {
		return State{}, nil
	}
	return found, explained(operation, err)
}

// write gives all that the template says: what an update leaves out may fall
// back to a default, as AWS documents of mutability.
func (creationTemplate) write(ctx context.Context, at *place, s Step) error {
	from, to := s.From.Template, s.To.Template
	if from == nil || to == nil {
		return refuse("create or delete it by hand", "the template %s came or went", s.Name)
	}
	input := &ecr.UpdateRepositoryCreationTemplateInput{
		Prefix: &to.Prefix, ImageTagMutability: ecrtypes.ImageTagMutability(to.Mutability.Setting),
		ImageTagMutabilityExclusionFilters: exclusionFilters(to.Mutability),
		EncryptionConfiguration:            &ecrtypes.EncryptionConfigurationForRepositoryCreationTemplate{EncryptionType: ecrtypes.EncryptionType(to.Encryption.Type)},
		RepositoryPolicy:                   changedText(from.Policy, to.Policy), LifecyclePolicy: changedText(from.Lifecycle, to.Lifecycle),
		CustomRoleArn: changedText(from.CustomRoleARN, to.CustomRoleARN), Description: changedText(from.Description, to.Description),
	}
	if to.Encryption.KMSKey != "" {
		input.EncryptionConfiguration.KmsKey = &to.Encryption.KMSKey
	}
	for _, use := range to.AppliedFor {
		input.AppliedFor = append(input.AppliedFor, ecrtypes.RCTAppliedFor(use))
	}
	if len(from.Tags)+len(to.Tags) > 0 {
		input.ResourceTags = []ecrtypes.Tag{}
	}
	for _, key := range slices.Sorted(maps.Keys(to.Tags)) {
		input.ResourceTags = append(input.ResourceTags, ecrtypes.Tag{Key: aws.String(key), Value: aws.String(to.Tags[key])})
	}
	return tell(ctx, at, "ecr:UpdateRepositoryCreationTemplate", func(ctx context.Context) (*ecr.UpdateRepositoryCreationTemplateOutput, error) {
		return at.ecr.UpdateRepositoryCreationTemplate(ctx, input)
	})
}

// changedText is a text as an update takes it: nil where there was none and is
// none, empty where it goes.
func changedText(from, to string) *string {
	if from == "" && to == "" {
		return nil
	}
	return &to
}
