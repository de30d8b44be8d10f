package remediate

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// imageScan is the newest scan of an image. A scan cannot be taken back, and does
// no harm.
type imageScan struct{}

// The statuses of scans that matter here.
const (
	scanStarted    = "STARTED" // ours: any that was begun after the one before
	scanInProgress = "IN_PROGRESS"
	scanPending    = "PENDING"
)

func (imageScan) permissions() permissions {
	return permissions{[]string{"ecr:DescribeImageScanFindings"}, []string{"ecr:StartImageScan"}}
}

func (imageScan) same(a, b State) bool {
	switch {
	case a.Scan == nil || b.Scan == nil:
		return a.Scan == b.Scan
	case b.Scan.Status == scanStarted:
		return a.Scan.Status == scanInProgress || a.Scan.Status == scanPending || a.Scan.CompletedAt.After(b.Scan.CompletedAt)
	}
	return a.Scan.Status == b.Scan.Status && a.Scan.CompletedAt.Equal(b.Scan.CompletedAt)
}

func (imageScan) read(ctx context.Context, at *place, s Step) (State, error) {
	out, err := ask(ctx, at, "ecr:DescribeImageScanFindings", func(ctx context.Context) (*ecr.DescribeImageScanFindingsOutput, error) {
		return at.ecr.DescribeImageScanFindings(ctx, &ecr.DescribeImageScanFindingsInput{
			RepositoryName: at.name(), ImageId: &ecrtypes.ImageIdentifier{ImageDigest: &s.Name}, MaxResults: aws.Int32(1),
		})
	})
	if never := (*ecrtypes.ScanNotFoundException)(nil); errors.As(err, &never) {
		return State{}, nil
	}
	if gone := (*ecrtypes.ImageNotFoundException)(nil); errors.As(err, &gone) {
		return State{}, errImageGone
	}
	if err != nil {
		return State{}, err
	}
	scan := &Scan{}
	if out.ImageScanStatus != nil {
		scan.Status = string(out.ImageScanStatus.Status)
	}
	if out.ImageScanFindings != nil {
		scan.CompletedAt = aws.ToTime(out.ImageScanFindings.ImageScanCompletedAt).UTC()
	}
	return State{Scan: scan}, nil
}

func (imageScan) write(ctx context.Context, at *place, s Step) error {
	if s.To.Scan == nil || s.To.Scan.Status != scanStarted {
		return refuse("", "a scan that was started cannot be taken back, and does no harm")
	}
	err := tell(ctx, at, "ecr:StartImageScan", func(ctx context.Context) (*ecr.StartImageScanOutput, error) {
		return at.ecr.StartImageScan(ctx, &ecr.StartImageScanInput{RepositoryName: at.name(), ImageId: &ecrtypes.ImageIdentifier{ImageDigest: &s.Name}})
	})
	if limited := (*ecrtypes.LimitExceededException)(nil); errors.As(err, &limited) {
		return refuse("try again tomorrow", "AWS scans an image once in 24 hours, and 100,000 images a day in a registry")
	}
	return err
}

// mendScan has an image scanned; of an index, its images.
func (d *draft) mendScan(f finding.Finding, fix finding.Fix) error {
	if err := d.needs("which scanning is in effect cannot be told", snapshot.NeedRegistryScanning); err != nil {
		return err
	}
	if d.registry.Scanning == nil || d.registry.Scanning.Type != "BASIC" {
		return refuse("", "only basic scanning can be started; enhanced scanning decides itself when it scans")
	}
	_, image := d.image(fix.Digest)
	if image == nil {
		return errImageGone
	}
	wanted := []string{fix.Digest}
	if image.Kind == snapshot.KindIndex {
		wanted = nil
		for _, child := range image.Children {
			if !child.Attestation {
				wanted = append(wanted, child.Digest)
			}
		}
	}
	var reasons []error
	for _, digest := range wanted {
		if reason := d.scan(f, digest); reason != nil {
			reasons = append(reasons, reason)
		}
	}
	if len(reasons) == len(wanted) {
		return cmp.Or(errors.Join(reasons...), refuse("", "there is no image in it that can be scanned"))
	}
	return nil
}

// scan drafts a scan of one image, or says why it cannot be started.
func (d *draft) scan(f finding.Finding, digest string) error {
	i, image := d.image(digest)
	const limit = 24 * time.Hour
	switch {
	case image == nil:
		return errImageGone
	case image.Kind != snapshot.KindImage:
		return refuse("", "it is no container image but %s", image.Kind)
	case image.Status != classActive:
		return refuse("", "the image is %s", strings.ToLower(image.Status))
	case d.notes[topic{KindScan, digest}] != nil: // another finding asked for the same
	case image.Scan == nil:
		return refuse("", "it is not known whether the image was scanned")
	case image.Scan.Status == scanInProgress || image.Scan.Status == scanPending:
		return refuse("", "a scan is under way")
	case d.Clock.Sub(image.Scan.CompletedAt) < limit:
		return refuse("try again tomorrow", "AWS scans an image once in 24 hours, and it was scanned at %s", image.Scan.CompletedAt.Format(time.RFC3339))
	}
	d.after.Images[i].Scan = &snapshot.Scan{Status: scanInProgress}
	d.note(f, KindScan, digest, "start a scan of the image")
	return nil
}

// scanState is a scan that was collected, as it is read here.
func scanState(s *snapshot.Scan) *Scan {
	if s == nil || s.Status == snapshot.ScanNotScanned {
		return nil
	}
	return &Scan{Status: s.Status, CompletedAt: s.CompletedAt}
}
