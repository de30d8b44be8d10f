package collect

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/account"
	accounttypes "github.com/aws/aws-sdk-go-v2/service/account/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/config"
)

// CheckRegions refuses names that are no region. Names that are not known
// here are looked up in AWS.
func CheckRegions(ctx context.Context, s *awsapi.Session, b *awsapi.Budget, regions []string) error {
	var everywhere []string
	for _, region := range regions {
		if region == awsapi.AllRegions || slices.Contains(awsapi.KnownRegions(), region) {
			continue
		}
		if everywhere == nil && awsapi.MayBeRegion(region) {
			everywhere, _ = describeRegions(ctx, s, b.Caller("caller", nil), s.Config.Credentials, true)
		}
		if slices.Contains(everywhere, region) {
			continue
		}
		return noRegion(region)
	}
	return nil
}

// CheckKnownRegions refuses names that are not known to be regions, without asking
// AWS.
func CheckKnownRegions(regions []string) error {
	for _, region := range regions {
		switch {
		case region == awsapi.AllRegions || slices.Contains(awsapi.KnownRegions(), region):
		case awsapi.MayBeRegion(region):
			return fmt.Errorf("%w (AWS is not asked here: for a region that is newer than this version leave --regions out, and name its --partition)", noRegion(region))
		default:
			return noRegion(region)
		}
	}
	return nil
}

func noRegion(region string) error {
	hint := "use names such as eu-west-1, or all"
	if nearest, ok := config.Nearest(region, append([]string{awsapi.AllRegions}, awsapi.KnownRegions()...)); ok {
		hint = fmt.Sprintf("did you mean %q?", nearest)
	}
	return fmt.Errorf("--regions: there is no region %q: %s", region, hint)
}

// enabledRegions are the regions that an account has enabled, sorted. EC2 is
// asked first, which any read-only role may do, then the account itself.
func enabledRegions(ctx context.Context, s *awsapi.Session, c *awsapi.Caller, provider aws.CredentialsProvider) ([]string, error) {
	regions, err := describeRegions(ctx, s, c, provider, false)
	if err == nil {
		return regions, nil
	}
	if listed, listErr := listRegions(ctx, s, c, provider); listErr == nil {
		return listed, nil
	}
	return nil, err
}

func describeRegions(ctx context.Context, s *awsapi.Session, c *awsapi.Caller, provider aws.CredentialsProvider, all bool) ([]string, error) {
	client := ec2.NewFromConfig(s.Config, func(o *ec2.Options) { o.Credentials = provider })
	out, err := ask(ctx, c, opDescribeRegions, func(ctx context.Context) (*ec2.DescribeRegionsOutput, error) {
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
	if len(regions) == 0 {
		return nil, errNoRegions
	}
	slices.Sort(regions)
	return regions, nil
}

// errNoRegions is an answer that AWS never gives: some regions cannot be disabled.
var errNoRegions = errors.New("the answer names no region: check AWS_ENDPOINT_URL and proxies")

func listRegions(ctx context.Context, s *awsapi.Session, c *awsapi.Caller, provider aws.CredentialsProvider) ([]string, error) {
	client := account.NewFromConfig(s.Config, func(o *account.Options) { o.Credentials = provider })
	var regions []string
	err := eachPage(ctx, c, opListRegions, func(ctx context.Context, token *string) (*string, error) {
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
	if err == nil && len(regions) == 0 {
		err = errNoRegions
	}
	slices.Sort(regions)
	return regions, err
}
