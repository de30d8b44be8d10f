package collect

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"golang.org/x/sync/errgroup"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// readScans asks for the scan results of the images that rules ask about:
// every container image, or those that carry a release tag or are children of
// an index that does. What the listing already said is not asked again, and
// dropped where it cannot be trusted.
func (t *repositoryReader) readScans(ctx context.Context, wanted details) error {
	if !t.Needs[snapshot.NeedReleaseScanFindings] && !t.Needs[snapshot.NeedScanFindings] {
		for i := range t.repository.Images {
			t.repository.Images[i].Scan = nil
		}
		return nil
	}
	listed, err := t.listingKnowsScans(ctx)
	if err != nil {
		return err
	}
	asked := t.askedAbout(wanted.release)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(scansAtOnce)
	for i := range t.repository.Images {
		image := &t.repository.Images[i]
		if !listed || !asked(image) {
			image.Scan = nil
		}
		if asked(image) && image.Scan == nil {
			group.Go(func() error { return t.readScan(groupCtx, image) })
		}
	}
	return group.Wait()
}

// scansAtOnce bounds the goroutines of one repository that wait for a place in
// the budget.
const scansAtOnce = 16

// listingKnowsScans reports whether DescribeImages tells scan results: with
// the first generation of basic scanning only, and that is long gone where
// this cannot be made sure of.
func (t *reader) listingKnowsScans(ctx context.Context) (bool, error) {
	select {
	case <-t.registryReady:
		return t.registry.Settings["BASIC_SCAN_TYPE_VERSION"] == "CLAIR" &&
			t.registry.Scanning != nil && t.registry.Scanning.Type == string(ecrtypes.ScanTypeBasic), nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// askedAbout returns the test for images whose scan results are asked for.
// Only container images are scanned; an index stands for its children.
func (t *repositoryReader) askedAbout(release func(string) bool) func(*snapshot.Image) bool {
	inRelease := map[string]bool{}
	for i := range t.repository.Images {
		image := &t.repository.Images[i]
		if !slices.ContainsFunc(image.Tags, release) {
			continue
		}
		inRelease[image.Digest] = true
		for _, child := range image.Children {
			inRelease[child.Digest] = inRelease[child.Digest] || !child.Attestation
		}
	}
	return func(image *snapshot.Image) bool {
		return image.Kind == snapshot.KindImage && (t.Needs[snapshot.NeedScanFindings] || inRelease[image.Digest])
	}
}

func (t *repositoryReader) readScan(ctx context.Context, image *snapshot.Image) error {
	out, err := ask(ctx, t.caller, opDescribeImageScanFindings, func(ctx context.Context) (*ecr.DescribeImageScanFindingsOutput, error) {
		return t.ecr.DescribeImageScanFindings(ctx, &ecr.DescribeImageScanFindingsInput{
			RepositoryName: &t.repository.Name, ImageId: &ecrtypes.ImageIdentifier{ImageDigest: &image.Digest}, MaxResults: aws.Int32(1),
		})
	})
	var never *ecrtypes.ScanNotFoundException
	var gone *ecrtypes.ImageNotFoundException
	switch {
	case errors.As(err, &never), errors.As(err, &gone):
		image.Scan = &snapshot.Scan{Status: snapshot.ScanNotScanned, Source: "ecr:DescribeImageScanFindings"}
		return nil
	case err != nil:
		image.Scan = &snapshot.Scan{Status: snapshot.ScanUnread, Description: awsapi.Code(err) + ": " + awsapi.Reason(err)}
		return t.missing(image.Digest, snapshot.NeedScanFindings, opDescribeImageScanFindings, err)
	}
	var counts map[string]int32
	var completed *time.Time
	if f := out.ImageScanFindings; f != nil {
		completed = f.ImageScanCompletedAt
		counts = f.FindingSeverityCounts
		if counts == nil && len(f.Findings) == 0 && len(f.EnhancedFindings) == 0 {
			counts = map[string]int32{}
		}
	}
	image.Scan = scan("ecr:DescribeImageScanFindings", out.ImageScanStatus, counts, completed)
	return nil
}

// scan puts a scan result in our terms. counts is nil when AWS gave none.
func scan(source string, status *ecrtypes.ImageScanStatus, counts map[string]int32, completed *time.Time) *snapshot.Scan {
	s := &snapshot.Scan{Status: "UNKNOWN", CompletedAt: moment(completed), Source: source}
	if status != nil && status.Status != "" {
		s.Status, s.Description = string(status.Status), aws.ToString(status.Description)
	}
	if counts == nil {
		return s
	}
	s.Counts = make(map[string]int, len(counts))
	for severity, n := range counts {
		s.Counts[severity] = int(n)
	}
	return s
}
