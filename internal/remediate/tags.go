package remediate

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// resourceTag is one tag of a repository as a resource.
type resourceTag struct{}

func (resourceTag) permissions() permissions {
	return permissions{[]string{"ecr:ListTagsForResource"}, []string{"ecr:TagResource", "ecr:UntagResource"}}
}

func (resourceTag) same(a, b State) bool {
	if a.Value == nil || b.Value == nil {
		return a.Value == b.Value
	}
	return *a.Value == *b.Value
}

func (resourceTag) read(ctx context.Context, at *place, s Step) (State, error) {
	out, err := ask(ctx, at, "ecr:ListTagsForResource", func(ctx context.Context) (*ecr.ListTagsForResourceOutput, error) {
		return at.ecr.ListTagsForResource(ctx, &ecr.ListTagsForResourceInput{ResourceArn: at.arn()})
	})
	if err != nil {
		return State{}, err
	}
	for _, tag := range out.Tags {
		if aws.ToString(tag.Key) == s.Name {
			return State{Value: aws.String(aws.ToString(tag.Value))}, nil
		}
	}
	return State{}, nil
}

func (resourceTag) write(ctx context.Context, at *place, s Step) error {
	if s.To.Value == nil {
		return tell(ctx, at, "ecr:UntagResource", func(ctx context.Context) (*ecr.UntagResourceOutput, error) {
			return at.ecr.UntagResource(ctx, &ecr.UntagResourceInput{ResourceArn: at.arn(), TagKeys: []string{s.Name}})
		})
	}
	return tell(ctx, at, "ecr:TagResource", func(ctx context.Context) (*ecr.TagResourceOutput, error) {
		return at.ecr.TagResource(ctx, &ecr.TagResourceInput{ResourceArn: at.arn(), Tags: []ecrtypes.Tag{{Key: &s.Name, Value: s.To.Value}}})
	})
}

func (p *place) arn() *string { return aws.String(p.RepositoryARN(p.repository)) }

func (d *draft) mendTags(f finding.Finding, fix finding.Fix) error {
	tags := maps.Clone(d.after.Tags)
	if tags == nil {
		tags = map[string]string{}
	}
	var words []string
	for _, key := range slices.Sorted(maps.Keys(fix.ResourceTags)) {
		tags[key] = fix.ResourceTags[key]
		words = append(words, "set the resource tag "+key+" to "+fix.ResourceTags[key])
	}
	d.after.Tags = tags
	d.note(f, KindTags, "", words...)
	return nil
}

func (d *draft) tagsChange() (*Change, error) {
	c := d.change(KindTags, "")
	if c == nil {
		return nil, nil
	}
	for _, key := range slices.Sorted(maps.Keys(d.after.Tags)) {
		value, old := d.after.Tags[key], State{}
		before, there := d.before.Tags[key]
		if there && before == value {
			continue
		}
		if there {
			old.Value = &before
		}
		c.Steps = append(c.Steps, Step{Aspect: ResourceTag, Name: key, From: old, To: State{Value: &value}})
	}
	if len(c.Steps) == 0 {
		return nil, nil
	}
	return c, nil
}
