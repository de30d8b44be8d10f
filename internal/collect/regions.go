package collect

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/account"
	accounttypes "github.com/aws/aws-sdk-go-v2/service/account/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/ecraudit/ecraudit/internal/config"
)

// AllRegions stands for the regions that each account has enabled.
const AllRegions = "all"

// knownRegions are the regions of the partitions aws, aws-cn and aws-us-gov
// when this was written. It finds spelling mistakes; a newer region is asked
// for instead.
var knownRegions = strings.Fields(`
	af-south-1
	ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3
	ap-south-1 ap-south-2
	ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7
	ca-central-1 ca-west-1
	eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3
	il-central-1 me-central-1 me-south-1 mx-central-1 sa-east-1
	us-east-1 us-east-2 us-west-1 us-west-2
	cn-north-1 cn-northwest-1
	us-gov-east-1 us-gov-west-1`)

var regionForm = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]+$`)

// homeRegion is where to ask for identities and organizations when the
// environment names no region: in the partition of the first region asked for.
func homeRegion(regions []string) string {
	first := "us-east-1"
	if len(regions) > 0 && regions[0] != AllRegions {
		first = regions[0]
	}
	switch {
	case strings.HasPrefix(first, "cn-"):
		return "cn-north-1"
	case strings.HasPrefix(first, "us-gov-"):
		return "us-gov-west-1"
	case strings.Contains(first, "-iso") || !slices.Contains(knownRegions, first):
		return first
	}
	return "us-east-1"
}

// checkRegions refuses names that are no region. Names that are not known
// here are looked up in AWS.
func (s *session) checkRegions(ctx context.Context, b *budget, regions []string) error {
	var everywhere []string
	for _, region := range regions {
		if region == AllRegions || slices.Contains(knownRegions, region) {
			continue
		}
		if everywhere == nil && regionForm.MatchString(region) {
			everywhere, _ = s.describeRegions(ctx, b.caller("caller", nil), s.config.Credentials, true)
		}
		if slices.Contains(everywhere, region) {
			continue
		}
		hint := "use names such as eu-west-1, or all"
		if nearest, ok := config.Nearest(region, append([]string{AllRegions}, knownRegions...)); ok {
			hint = fmt.Sprintf("did you mean %q?", nearest)
		}
		return fmt.Errorf("--regions: there is no region %q: %s", region, hint)
	}
	return nil
}

// enabledRegions are the regions that an account has enabled, sorted. EC2 is
// asked first, which any read-only role may do, then the account itself.
func (s *session) enabledRegions(ctx context.Context, c *caller, provider aws.CredentialsProvider) ([]string, error) {
	regions, err := s.describeRegions(ctx, c, provider, false)
	if err == nil {
		return regions, nil
	}
	if listed, listErr := s.listRegions(ctx, c, provider); listErr == nil {
		return listed, nil
	}
	return nil, err
}

func (s *session) describeRegions(ctx context.Context, c *caller, provider aws.CredentialsProvider, all bool) ([]string, error) {
	client := ec2.NewFromConfig(s.config, func(o *ec2.Options) { o.Credentials = provider })
	out, err := call(ctx, c, "ec2:DescribeRegions", func(ctx context.Context) (*ec2.DescribeRegionsOutput, error) {
		return client.DescribeRegions(ctx, &ec2.DescribeRegionsInput{AllRegions: aws.Bool(all)})
	})
	if err != nil {
		return nil, err
	}
	var regions []string
	for _, r := range out.Regions {
		if all || aws.ToString(r.OptInStatus) != "not-opted-in" {
			regions = append(regions, aws.ToString(r.RegionName))
		}
	}
	slices.Sort(regions)
	return regions, nil
}

func (s *session) listRegions(ctx context.Context, c *caller, provider aws.CredentialsProvider) ([]string, error) {
	client := account.NewFromConfig(s.config, func(o *account.Options) { o.Credentials = provider })
	var regions []string
	err := eachPage(ctx, c, "account:ListRegions", func(ctx context.Context, token *string) (*string, error) {
		page, err := client.ListRegions(ctx, &account.ListRegionsInput{
			MaxResults:              aws.Int32(50),
			RegionOptStatusContains: []accounttypes.RegionOptStatus{accounttypes.RegionOptStatusEnabled, accounttypes.RegionOptStatusEnabledByDefault},
			NextToken:               token,
		})
		if err != nil {
			return nil, err
		}
		for _, r := range page.Regions {
			regions = append(regions, aws.ToString(r.RegionName))
		}
		return page.NextToken, nil
	})
	slices.Sort(regions)
	return regions, err
}
