package collect_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"golang.org/x/sync/errgroup"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/collect"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

const (
	benchAccount      = "111111111111"
	benchRegion       = "eu-west-1"
	benchRepositories = 200
	benchImages       = 100
	benchLatency      = 20 * time.Millisecond
)

// benchServer serves one registry, and points the AWS client at it.
func benchServer(b *testing.B, repositories, images int) *awssim.Server {
	b.Helper()
	org := awssim.NewOrganization(awssim.OrganizationOptions{ManagementAccount: benchAccount})
	newest := org.Now()
	org.Account(benchAccount).Registry(benchRegion).AddSyntheticRepositories(repositories, func(i int) awssim.Repository {
		return awssim.Repository{
			Name: fmt.Sprintf("team-%02d/service-%05d", i%20, i), CreatedAt: newest, Tags: map[string]string{"team": "a"},
			Policy:    `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"222222222222"},"Action":"ecr:BatchGetImage"}]}`,
			Synthetic: &awssim.SyntheticImages{Seed: uint64(i), N: images, Image: func(k int) awssim.Image { return benchImage(k, newest) }},
		}
	})
	server := awssim.Start(org, awssim.Options{AnySignature: true})
	b.Cleanup(server.Close)
	for _, setting := range server.Environment(benchAccount, benchRegion) {
		name, value, _ := strings.Cut(setting, "=")
		b.Setenv(name, value)
	}
	return server
}

// benchImage is one of a hundred; the first carries a release tag.
func benchImage(k int, newest time.Time) awssim.Image {
	image := awssim.Image{Size: 50 << 20, PushedAt: newest.Add(-time.Duration(k) * time.Hour), Tags: []string{fmt.Sprintf("gitsha_%07x", k)}}
	if k == 0 {
		image.Tags = append(image.Tags, "1.0.0")
		image.Scan = &awssim.Scan{CompletedAt: newest, Counts: map[string]int32{"LOW": 3}}
	}
	return image
}

func benchOptions() collect.Options {
	needs := snapshot.Needs{}
	for _, group := range [][]snapshot.Need{snapshot.RegistryNeeds(), snapshot.RepositoryNeeds(), {snapshot.NeedImages, snapshot.NeedImageGraph, snapshot.NeedReleaseScanFindings}} {
		for _, need := range group {
			needs[need] = true
		}
	}
	return collect.Options{
		Needs: needs, Concurrency: awsapi.DefaultConcurrency, Patience: awsapi.DefaultPatience, CallTimeout: awsapi.DefaultCallTimeout,
		ReleaseTag: func(*snapshot.Repository) func(string) bool { return func(tag string) bool { return tag == "1.0.0" } },
		Log:        slog.New(slog.DiscardHandler), Stats: &collect.Stats{},
	}
}

// discard is a sink that throws everything away.
type discard struct{}

func (discard) Begin(snapshot.Organization) error                  { return nil }
func (discard) Registry(context.Context, *snapshot.Registry) error { return nil }
func (discard) Repository(context.Context, *snapshot.Registry, *snapshot.Repository) error {
	return nil
}
func (discard) Done(snapshot.TargetResult) error { return nil }

// BenchmarkCollect collects 200 repositories of 100 images at 20 ms a call.
// The limit is calls × latency ÷ concurrency; x-limit is the ratio to it.
func BenchmarkCollect(b *testing.B) {
	server := benchServer(b, benchRepositories, benchImages)
	server.Faults().Add(awssim.Fault{Kind: awssim.Latency, Delay: benchLatency})
	server.ResetCalls()
	for b.Loop() {
		options := benchOptions()
		if err := collect.Run(b.Context(), options, discard{}); err != nil {
			b.Fatal(err)
		}
		if got := options.Stats.Images.Load(); got != benchRepositories*benchImages {
			b.Fatalf("%d images", got)
		}
	}
	reportLimit(b, server)
}

// BenchmarkIdealClient is the yardstick: the same calls with the same SDK and
// concurrency, in any order, with the answers thrown away.
func BenchmarkIdealClient(b *testing.B) {
	server := benchServer(b, benchRepositories, benchImages)
	server.Faults().Add(awssim.Fault{Kind: awssim.Latency, Delay: benchLatency})
	server.ResetCalls()
	for b.Loop() {
		if err := idealClient(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	reportLimit(b, server)
}

func reportLimit(b *testing.B, server *awssim.Server) {
	b.Helper()
	calls := float64(server.Calls().Total().Calls) / float64(b.N)
	limit := calls * float64(benchLatency) / awsapi.DefaultConcurrency
	b.ReportMetric(calls, "calls/op")
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/limit, "x-limit")
}

func idealClient(ctx context.Context) error {
	c, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(awsapi.HTTPClient(awsapi.DefaultConcurrency)))
	if err != nil {
		return err
	}
	client := ecr.NewFromConfig(c)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(awsapi.DefaultConcurrency)
	listed, err := client.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{MaxResults: aws.Int32(1000)})
	if err != nil {
		return err
	}
	for _, ask := range []func() error{
		func() error { _, _ = client.GetRegistryPolicy(ctx, &ecr.GetRegistryPolicyInput{}); return nil },
		func() error {
			_, err := client.GetRegistryScanningConfiguration(ctx, &ecr.GetRegistryScanningConfigurationInput{})
			return err
		},
		func() error { _, err := client.DescribeRegistry(ctx, &ecr.DescribeRegistryInput{}); return err },
		func() error {
			_, err := client.DescribePullThroughCacheRules(ctx, &ecr.DescribePullThroughCacheRulesInput{})
			return err
		},
		func() error {
			_, err := client.DescribeRepositoryCreationTemplates(ctx, &ecr.DescribeRepositoryCreationTemplatesInput{})
			return err
		},
	} {
		group.Go(ask)
	}
	for i, r := range listed.Repositories {
		if i%25 == 0 {
			var names []string
			for _, other := range listed.Repositories[i:min(i+25, len(listed.Repositories))] {
				names = append(names, *other.RepositoryName)
			}
			group.Go(func() error {
				_, err := client.BatchGetRepositoryScanningConfiguration(ctx, &ecr.BatchGetRepositoryScanningConfigurationInput{RepositoryNames: names})
				return err
			})
		}
		group.Go(func() error {
			_, err := client.GetRepositoryPolicy(ctx, &ecr.GetRepositoryPolicyInput{RepositoryName: r.RepositoryName})
			return err
		})
		group.Go(func() error {
			_, _ = client.GetLifecyclePolicy(ctx, &ecr.GetLifecyclePolicyInput{RepositoryName: r.RepositoryName})
			return nil
		})
		group.Go(func() error {
			_, err := client.ListTagsForResource(ctx, &ecr.ListTagsForResourceInput{ResourceArn: r.RepositoryArn})
			return err
		})
		group.Go(func() error {
			_, err := client.DescribeImages(ctx, &ecr.DescribeImagesInput{RepositoryName: r.RepositoryName, MaxResults: aws.Int32(1000), Filter: &ecrtypes.DescribeImagesFilter{ImageStatus: ecrtypes.ImageStatusFilterAny}})
			return err
		})
		group.Go(func() error {
			_, err := client.DescribeImageScanFindings(ctx, &ecr.DescribeImageScanFindingsInput{RepositoryName: r.RepositoryName, ImageId: &ecrtypes.ImageIdentifier{ImageTag: aws.String("1.0.0")}, MaxResults: aws.Int32(1)})
			return err
		})
	}
	return group.Wait()
}

// BenchmarkThrottled collects under a limit of 20 calls a second for each
// operation, with a burst of 40. x-limit is the ratio to what that allows:
// (calls of the busiest operation − burst) ÷ 20 per second.
func BenchmarkThrottled(b *testing.B) {
	server := benchServer(b, benchRepositories, benchImages)
	const perSecond, burst = 20, 40
	for b.Loop() {
		server.Faults().Clear()
		server.Faults().Add(awssim.Fault{Kind: awssim.RateLimit, PerSecond: perSecond, Burst: burst})
		server.Faults().Add(awssim.Fault{Kind: awssim.Latency, Delay: benchLatency})
		options := benchOptions()
		if err := collect.Run(b.Context(), options, discard{}); err != nil {
			b.Fatal(err)
		}
		if gaps := options.Stats.Gaps.Load(); gaps > 0 {
			b.Fatalf("%d gaps", gaps)
		}
	}
	limit := float64(benchRepositories-burst) / perSecond
	total := server.Calls().Total()
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/limit, "x-limit")
	b.ReportMetric(100*float64(total.Throttled)/float64(total.Calls), "%throttled")
}
