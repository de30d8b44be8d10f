package remediate

import (
	"context"
	"slices"
	"strings"

	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/lifecycle"
	"github.com/ecraudit/ecraudit/internal/tagpattern"
)

// imageTag is the image that a tag of a repository points to.
type imageTag struct{}

func (imageTag) permissions() permissions {
	return permissions{[]string{"ecr:DescribeImages"}, []string{"ecr:BatchDeleteImage", "ecr:PutImage"}}
}

func (imageTag) same(a, b State) bool {
	if a.Image == nil || b.Image == nil {
		return a.Image == b.Image
	}
	return a.Image.Digest == b.Image.Digest
}

func (imageTag) read(ctx context.Context, at *place, s Step) (State, error) {
	image, err := at.tagged(ctx, s.Name)
	if err != nil || image == nil {
		return State{}, err
	}
	return State{Image: &Manifest{Digest: *image.ImageDigest}}, nil
}

func (t imageTag) write(ctx context.Context, at *place, s Step) error {
	if s.To.Image == nil {
		return t.remove(ctx, at, s)
	}
	return t.set(ctx, at, s)
}

// set gives the image the tag. An image that is gone is not made anew.
func (imageTag) set(ctx context.Context, at *place, s Step) error {
	image, err := at.image(ctx, s.To.Image.Digest)
	if err != nil {
		return err
	}
	if image == nil {
		return errImageGone
	}
	m := s.To.Image
	if m.Text == "" {
		if m, err = at.manifest(ctx, m.Digest); err != nil {
			return err
		}
	}
	return at.put(ctx, m, s.Name)
}

// remove takes the tag away, but never the last one of an image: with that ECR
// deletes the image.
func (t imageTag) remove(ctx context.Context, at *place, s Step) error {
	image, err := at.image(ctx, s.From.Image.Digest)
	if err != nil {
		return err
	}
	if image == nil {
		return errImageGone
	}
	if slices.Contains(image.ImageTags, s.Name) && len(image.ImageTags) == 1 {
		return refuse("", "%s is the last tag of the image, and ECR deletes an image with its last tag", s.Name)
	}
	taken, err := at.take(ctx, s.Name)
	if isRefusal(err) {
		return err
	}
	if looked := t.look(ctx, at, s, taken); looked != nil && (err == nil || isMishap(looked)) {
		return looked
	}
	return err
}

// look makes sure that nothing went with the tag: between the last look and the
// call somebody may have moved it, or taken the other tags away. It looks after a
// call without an answer, too. Without one, that the tag was moved does not show.
func (imageTag) look(ctx context.Context, at *place, s Step, taken string) error {
	if taken != "" && taken != s.From.Image.Digest {
		return giveBack(ctx, at, taken, s.Name)
	}
	image, err := at.image(ctx, s.From.Image.Digest)
	if err != nil || image != nil {
		return err
	}
	m := s.From.Image
	tag := quarantineTag(at.today, m.Digest)
	if err := at.putBack(ctx, m, tag); err != nil {
		return mishap(Failed, "the image went with the tag, because its other tags were taken away meanwhile, and could not be put back as %s: %s; its manifest is in the journal", tag, awsapi.Reason(err))
	}
	return mishap(Refused, "the other tags of the image were taken away meanwhile; it is parked as %s", tag)
}

// giveBack puts a tag back on an image to which somebody moved it just before it
// was taken away.
func giveBack(ctx context.Context, at *place, digest, tag string) error {
	m, err := at.manifest(ctx, digest)
	if err == nil {
		err = at.putBack(ctx, m, tag)
	}
	if err != nil {
		return mishap(Failed, "the tag %s was moved to %s at the moment in which it was taken away, and could not be put back there: %s; where it was the only tag of that image, AWS has deleted the image: push it again", tag, digest, awsapi.Reason(err))
	}
	return mishap(Refused, "the tag %s was moved to %s meanwhile, and is there again", tag, digest)
}

// guardUntag looks at the image before it loses tags: that it is the one that
// the plan saw, that no tag is protected, and that it stays where it is parked.
func guardUntag(ctx context.Context, at *place, c *Change, j *job) error {
	image, err := at.image(ctx, c.Image.Digest)
	if err != nil {
		return err
	}
	if image == nil {
		return errImageGone
	}
	if image.ImageStatus != "" && image.ImageStatus != ecrtypes.ImageStatusActive {
		return refuse("restore it first", "the image is %s, so it cannot be given back its tags", strings.ToLower(string(image.ImageStatus)))
	}
	var removed []string
	parked := false
	for _, s := range c.Steps {
		if s.To.Image == nil {
			removed = append(removed, s.Name)
		} else {
			parked = true
		}
	}
	protected, err := at.protects(c.Image.Protected)
	if err != nil {
		return err
	}
	for _, tag := range removed {
		if protected(tag) {
			return refuse("", "the tag %s is protected", tag)
		}
	}
	if now := withoutOurs(slices.Concat(image.ImageTags, removed)); !slices.Equal(now, withoutOurs(c.Image.Tags)) {
		return drifted("the tags of the image are not those that were seen: somebody changed them since")
	}
	if err := sameHolders(ctx, at, c, image, removed, parked); err != nil {
		return err
	}
	if parked {
		if err := staysParked(ctx, at, c.Image.Digest, j.steps[0].Name); err != nil {
			return err
		}
	}
	return completeManifests(ctx, at, j)
}

// sameHolders looks where the tags are that the image does not have any more,
// before anything is written: one that was moved to another image is left there,
// and an image that lost its tags to somebody else is not parked.
func sameHolders(ctx context.Context, at *place, c *Change, image *ecrtypes.ImageDetail, removed []string, parked bool) error {
	gone := 0
	for _, tag := range removed {
		if slices.Contains(image.ImageTags, tag) {
			continue
		}
		gone++
		other, err := at.tagged(ctx, tag)
		if err != nil {
			return err
		}
		if other != nil && *other.ImageDigest != c.Image.Digest {
			return drifted("the tag %s is on another image now: somebody moved it since", tag)
		}
	}
	if parked && gone == len(removed) && !slices.ContainsFunc(image.ImageTags, isQuarantineTag) {
		return drifted("the image has lost its tags: somebody took them away since")
	}
	return nil
}

// withoutOurs is a set of tags without those that park an image: what an
// earlier attempt has already done is no drift.
func withoutOurs(tags []string) []string {
	return sorted(slices.DeleteFunc(slices.Clone(tags), isQuarantineTag))
}

// staysParked makes sure that the quarantine tag is free, and that no lifecycle
// rule expires what is parked under it.
func staysParked(ctx context.Context, at *place, digest, tag string) error {
	other, err := at.tagged(ctx, tag)
	if err != nil {
		return err
	}
	if other != nil && *other.ImageDigest != digest {
		return refuse("", "another image is parked as %s", tag)
	}
	policy, err := lifecyclePolicy{}.read(ctx, at, Step{})
	if err != nil {
		return err
	}
	return keepsParked(policy.Document, tag)
}

// keepsParked refuses a lifecycle policy that would expire an image which has
// only a quarantine tag, or of which that cannot be told.
func keepsParked(policy, tag string) error {
	if policy == "" {
		return nil
	}
	const remedy = "put a rule before it that keeps tags which begin with " + quarantinePrefix + ""
	parsed, err := lifecycle.Parse(policy)
	if err != nil {
		return refuse("repair the policy first", "the lifecycle policy is not understood, so it cannot be told whether the image would stay when it is parked")
	}
	switch coverage := parsed.CoversTag(tagpattern.Literal(tag)); coverage.Answer {
	case lifecycle.No:
		return nil
	case lifecycle.Yes:
		return refuse(remedy, "the tag is the last of the image, and the lifecycle rule with priority %d would expire the image when it is parked", coverage.Rule)
	default:
		return refuse(remedy, "the tag is the last of the image, and it cannot be told whether the lifecycle policy would expire the image when it is parked (%s)", coverage.Reason)
	}
}

// completeManifests reads the manifests of the images that steps tag or untag,
// so that the journal has what it takes to give tags back.
func completeManifests(ctx context.Context, at *place, j *job) error {
	for i := range j.steps {
		s := &j.steps[i]
		for _, m := range []**Manifest{&s.From.Image, &s.To.Image} {
			if *m == nil {
				continue
			}
			known, err := at.manifest(ctx, (*m).Digest)
			if err != nil {
				return err
			}
			*m = known
		}
	}
	return nil
}
