package remediate

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// The states of an image in storage.
const (
	classActive   = "ACTIVE"
	classArchived = "ARCHIVED"
)

// storageClass says whether an image is in the archive.
type storageClass struct{}

func (storageClass) permissions() permissions {
	return permissions{[]string{"ecr:DescribeImages"}, []string{"ecr:UpdateImageStorageClass"}}
}

func (storageClass) same(a, b State) bool { return a.Class == b.Class }

// read takes an image that is being restored for restored: that ends by itself.
func (storageClass) read(ctx context.Context, at *place, s Step) (State, error) {
	image, err := at.image(ctx, s.Name)
	switch {
	case err != nil:
		return State{}, err
	case image == nil:
		return State{}, nil
	case image.ImageStatus == ecrtypes.ImageStatusArchived:
		return State{Class: classArchived}, nil
	}
	return State{Class: classActive}, nil
}

func (storageClass) write(ctx context.Context, at *place, s Step) error {
	if s.To.Class == "" {
		return errImageGone
	}
	target := ecrtypes.TargetStorageClassStandard
	if s.To.Class == classArchived {
		target = ecrtypes.TargetStorageClassArchive
	}
	err := tell(ctx, at, "ecr:UpdateImageStorageClass", func(ctx context.Context) (*ecr.UpdateImageStorageClassOutput, error) {
		return at.ecr.UpdateImageStorageClass(ctx, &ecr.UpdateImageStorageClassInput{
			RepositoryName: at.name(), ImageId: &ecrtypes.ImageIdentifier{ImageDigest: &s.Name}, TargetStorageClass: target,
		})
	})
	if busy := (*ecrtypes.ImageStorageClassUpdateNotSupportedException)(nil); errors.As(err, &busy) {
		return refuse("where it is being restored, try again in 20 minutes", "AWS does not move the image now (%s)", busy.ErrorMessage())
	}
	return err
}

// guardArchive looks whether the image was pulled since the plan was made, or got
// a tag. That it lost some, to a change of the same plan or to somebody else, does
// not make it more used.
func guardArchive(ctx context.Context, at *place, c *Change) error {
	image, err := at.image(ctx, c.Image.Digest)
	if err != nil {
		return err
	}
	if image == nil {
		return errImageGone
	}
	protected, err := at.protects(c.Image.Protected)
	if err != nil {
		return err
	}
	for _, tag := range withoutOurs(image.ImageTags) {
		if protected(tag) {
			return refuse("", "the tag %s is protected", tag)
		}
		if !slices.Contains(c.Image.Tags, tag) {
			return drifted("the image has the tag %s now: somebody gave it since", tag)
		}
	}
	if pulled := aws.ToTime(image.LastRecordedPullTime); pulled.After(c.Image.LastPulledAt) {
		return drifted("the image was pulled since, on %s", pulled.UTC().Format("2006-01-02"))
	}
	return nil
}

// mendUse archives an image that nobody uses. An image of an index is left: what
// its index would be without it is not documented.
func (d *draft) mendUse(f finding.Finding, fix finding.Fix) error {
	i, image := d.image(fix.Digest)
	protected := d.settings.ProtectedTagsRegexp()
	switch {
	case image == nil:
		return errImageGone
	case d.notes[topic{KindArchive, fix.Digest}] != nil: // another finding asked for the same
	case image.Status != classActive:
		return refuse("", "the image is %s", strings.ToLower(image.Status))
	case image.Kind != snapshot.KindImage:
		return refuse("archive it by hand", "it is no single container image but %s, and what archiving it does to others is not documented", image.Kind)
	case slices.ContainsFunc(image.Tags, protected.MatchString):
		return refuse("", "it carries a protected tag")
	case len(d.graph().Parents(image)) > 0:
		return refuse("", "an index refers to it")
	}
	d.after.Images[i].Status = classArchived
	d.note(f, KindArchive, fix.Digest, "archive the image")
	return nil
}
