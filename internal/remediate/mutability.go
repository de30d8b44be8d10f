package remediate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
	"github.com/ecraudit/ecraudit/internal/tagpattern"
)

// tagMutability says which tags of a repository can be moved.
type tagMutability struct{}

func (tagMutability) permissions() permissions {
	return permissions{[]string{"ecr:DescribeRepositories"}, []string{"ecr:PutImageTagMutability"}}
}

func (tagMutability) same(a, b State) bool {
	return a.Mutability != nil && b.Mutability != nil && sameMutability(*a.Mutability, *b.Mutability)
}

func sameMutability(a, b snapshot.Mutability) bool {
	return a.Setting == b.Setting && slices.Equal(sorted(slices.Clone(a.Exclusions)), sorted(slices.Clone(b.Exclusions)))
}

func (tagMutability) read(ctx context.Context, at *place, _ Step) (State, error) {
	repository, err := at.describe(ctx)
	if err != nil {
		return State{}, err
	}
	m := awsapi.Mutability(repository.ImageTagMutability, repository.ImageTagMutabilityExclusionFilters)
	return State{Mutability: &m}, nil
}

func (tagMutability) write(ctx context.Context, at *place, s Step) error {
	input := &ecr.PutImageTagMutabilityInput{
		RepositoryName: at.name(), ImageTagMutability: ecrtypes.ImageTagMutability(s.To.Mutability.Setting),
		ImageTagMutabilityExclusionFilters: exclusionFilters(*s.To.Mutability),
	}
	return tell(ctx, at, "ecr:PutImageTagMutability", func(ctx context.Context) (*ecr.PutImageTagMutabilityOutput, error) {
		return at.ecr.PutImageTagMutability(ctx, input)
	})
}

func exclusionFilters(m snapshot.Mutability) []ecrtypes.ImageTagMutabilityExclusionFilter {
	var filters []ecrtypes.ImageTagMutabilityExclusionFilter
	for _, f := range m.Exclusions {
		filters = append(filters, ecrtypes.ImageTagMutabilityExclusionFilter{Filter: aws.String(f), FilterType: ecrtypes.ImageTagMutabilityExclusionFilterTypeWildcard})
	}
	return filters
}

// mendMutability makes tags immutable. Exclusion filters stay as far as they let
// no tag be moved that must not.
func (d *draft) mendMutability(f finding.Finding, fix finding.Fix) error {
	pattern, err := immutableTags(fix.ImmutableTags, d.settings)
	if err != nil {
		return err
	}
	after, words, err := immutable(d.after.Mutability, pattern)
	if err != nil {
		return err
	}
	d.after.Mutability = after
	d.note(f, KindMutability, "", words)
	return nil
}

// immutableTags are the tags that a fix names: release or all.
func immutableTags(which string, settings *config.Effective) (tagpattern.Pattern, error) {
	if which == "all" {
		return tagpattern.Any(), nil
	}
	return tagpattern.Regexp(settings.Settings.ReleaseTags)
}

// immutable is the setting under which no tag of the pattern can be moved, and
// the change in words.
func immutable(m snapshot.Mutability, pattern tagpattern.Pattern) (after snapshot.Mutability, words string, err error) {
	if m.Setting != "IMMUTABLE_WITH_EXCLUSION" {
		return snapshot.Mutability{Setting: "IMMUTABLE"}, "make tags immutable", nil
	}
	var kept, dropped []string
	for _, filter := range m.Exclusions {
		_, overlap, err := tagpattern.Overlap(pattern, tagpattern.Wildcard(filter))
		if err != nil {
			return m, "", refuse("", "the exclusion filter %q: %s", filter, err)
		}
		if overlap {
			dropped = append(dropped, filter)
		} else {
			kept = append(kept, filter)
		}
	}
	words = "drop exclusion filters of tag immutability: " + strings.Join(dropped, ", ")
	if len(kept) == 0 {
		return snapshot.Mutability{Setting: "IMMUTABLE"}, words, nil
	}
	return snapshot.Mutability{Setting: m.Setting, Exclusions: kept}, words, nil
}

func (d *draft) mutabilityChange() (*Change, error) {
	c := d.change(KindMutability, "")
	if c == nil || sameMutability(d.before.Mutability, d.after.Mutability) {
		return nil, nil
	}
	c.Risk = RiskReview
	from, to := d.before.Mutability, d.after.Mutability // a plan must not hold on to the repository
	c.Steps = []Step{{Aspect: TagMutability, From: State{Mutability: &from}, To: State{Mutability: &to}}}
	release := d.settings.ReleaseTagsRegexp()
	seen := map[string]bool{}
	for i := range d.before.Images {
		for _, tag := range d.before.Images[i].Tags {
			seen[tag] = !release.MatchString(tag)
		}
	}
	maps.DeleteFunc(seen, func(_ string, other bool) bool { return !other })
	if len(seen) > 0 {
		tags := slices.Sorted(maps.Keys(seen))
		c.Loses = []string{fmt.Sprintf("whoever pushes can no longer move tags such as %s", tags[0])}
	}
	return c, nil
}
