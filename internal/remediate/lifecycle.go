package remediate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/lifecycle"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// lifecyclePolicy is the lifecycle policy of a repository.
type lifecyclePolicy struct{}

func (lifecyclePolicy) permissions() permissions {
	return permissions{[]string{"ecr:GetLifecyclePolicy"}, []string{"ecr:DeleteLifecyclePolicy", "ecr:PutLifecyclePolicy"}}
}

func (lifecyclePolicy) same(a, b State) bool { return sameLifecycle(a.Document, b.Document) }

// sameLifecycle compares meaning where both are understood, and text otherwise.
func sameLifecycle(a, b string) bool {
	if a == b {
		return true
	}
	if a == "" || b == "" {
		return false
	}
	first, firstErr := lifecycle.Parse(a)
	second, secondErr := lifecycle.Parse(b)
	return firstErr == nil && secondErr == nil && lifecycle.Equal(first, second)
}

func (lifecyclePolicy) read(ctx context.Context, at *place, _ Step) (State, error) {
	out, err := ask(ctx, at, "ecr:GetLifecyclePolicy", func(ctx context.Context) (*ecr.GetLifecyclePolicyOutput, error) {
		return at.ecr.GetLifecyclePolicy(ctx, &ecr.GetLifecyclePolicyInput{RepositoryName: at.name()})
	})
	if none := (*ecrtypes.LifecyclePolicyNotFoundException)(nil); errors.As(err, &none) {
		return State{}, nil
	}
	if err != nil {
		return State{}, err
	}
	return State{Document: aws.ToString(out.LifecyclePolicyText)}, nil
}

func (lifecyclePolicy) write(ctx context.Context, at *place, s Step) error {
	if s.To.Document == "" {
		return tell(ctx, at, "ecr:DeleteLifecyclePolicy", func(ctx context.Context) (*ecr.DeleteLifecyclePolicyOutput, error) {
			return at.ecr.DeleteLifecyclePolicy(ctx, &ecr.DeleteLifecyclePolicyInput{RepositoryName: at.name()})
		})
	}
	return tell(ctx, at, "ecr:PutLifecyclePolicy", func(ctx context.Context) (*ecr.PutLifecyclePolicyOutput, error) {
		return at.ecr.PutLifecyclePolicy(ctx, &ecr.PutLifecyclePolicyInput{RepositoryName: at.name(), LifecyclePolicyText: &s.To.Document})
	})
}

// Allowance is something that a lifecycle policy may expire although it should
// not.
type Allowance string

// The allowances.
const (
	AllowMore     Allowance = "expire-more"     // images that the plan does not list
	AllowReleases Allowance = "expire-releases" // images with a protected tag
	AllowRecent   Allowance = "expire-recent"   // images that were pulled recently
)

// Allowances returns all allowances.
func Allowances() []Allowance { return []Allowance{AllowMore, AllowReleases, AllowRecent} }

// guardLifecycle has AWS preview the policy, and refuses it where AWS would
// expire more than the plan says, or what should be kept.
func (o Options) guardLifecycle(ctx context.Context, at *place, j *job) error {
	s := j.steps[0]
	if !sameLifecycle(s.To.Document, j.expected.Policy) {
		return nil // the policy that was there before
	}
	current, err := lifecyclePolicy{}.read(ctx, at, s)
	if err != nil || (lifecyclePolicy{}).same(current, s.To) {
		return err
	}
	policy, err := lifecycle.Parse(s.To.Document)
	if err != nil {
		return err
	}
	timeout := cmp.Or(o.PreviewTimeout, DefaultPreviewTimeout)
	deeds, err := at.preview(ctx, s.To.Document, policy, timeout)
	if errors.Is(err, ErrPreviewTimeout) {
		return refuse("give it longer with --preview-timeout", "AWS's preview of the policy was not ready after %s", timeout)
	}
	if err != nil {
		return err
	}
	var expiring []string
	for digest, deed := range deeds {
		if deed.Action == lifecycle.Expire {
			expiring = append(expiring, digest)
		}
	}
	return o.mayExpire(ctx, at, j.expected.Expiry, sorted(expiring))
}

// mayExpire holds what AWS would expire against what the plan says and what
// should be kept, as the images are now.
func (o Options) mayExpire(ctx context.Context, at *place, expected *Expiry, expiring []string) error {
	if len(expiring) == 0 {
		return nil
	}
	var more, releases, recent []string
	images, err := at.images(ctx)
	if err != nil {
		return err
	}
	protected, err := at.protects(expected.Protected)
	if err != nil {
		return err
	}
	since := o.Now.AddDate(0, 0, -expected.RecentDays)
	for _, digest := range expiring {
		image, there := images[digest]
		if _, planned := slices.BinarySearch(expected.Images, digest); !planned {
			more = append(more, digest)
		}
		if there && slices.ContainsFunc(image.ImageTags, protected) {
			releases = append(releases, digest)
		}
		if there && aws.ToTime(image.LastRecordedPullTime).After(since) {
			recent = append(recent, digest)
		}
	}
	for _, objection := range []struct {
		images []string
		to     Allowance
		what   string
	}{
		{more, AllowMore, "that the plan does not list"},
		{releases, AllowReleases, "with a protected tag"},
		{recent, AllowRecent, fmt.Sprintf("that were pulled within %d days", expected.RecentDays)},
	} {
		if len(objection.images) > 0 && !slices.Contains(o.Allow, objection.to) {
			return refuse(fmt.Sprintf("look at them, and allow it with --allow %s", objection.to),
				"AWS would expire %s %s, such as %s", counted(len(objection.images), "image", "images"), objection.what, objection.images[0])
		}
	}
	return nil
}

// images describes all images of the repository, by digest.
func (p *place) images(ctx context.Context) (map[string]ecrtypes.ImageDetail, error) {
	const pageSize = 1000 // the most that AWS gives
	images := map[string]ecrtypes.ImageDetail{}
	err := awsapi.EachPage(ctx, p.caller, "ecr:DescribeImages", func(ctx context.Context, token *string) (*string, error) {
		out, err := p.ecr.DescribeImages(ctx, &ecr.DescribeImagesInput{
			RepositoryName: p.name(), MaxResults: aws.Int32(pageSize), NextToken: token, Filter: &ecrtypes.DescribeImagesFilter{ImageStatus: ecrtypes.ImageStatusFilterAny},
		})
		if err != nil {
			return nil, err
		}
		for _, image := range out.ImageDetails {
			images[aws.ToString(image.ImageDigest)] = image
		}
		return out.NextToken, nil
	})
	return images, explained("ecr:DescribeImages", err)
}

// mendLifecycle drafts the lifecycle policy: one that meets the baseline, beside
// what it does already, or one that does what was evidently meant.
func (d *draft) mendLifecycle(f finding.Finding, fix finding.Fix) error {
	if err := d.needs("what the policy would expire cannot be told", snapshot.NeedLifecycle, snapshot.NeedImages, snapshot.NeedImageGraph); err != nil {
		return err
	}
	text, words, err := mendedLifecycle(d.after.Lifecycle, fix, d.settings)
	if err != nil {
		return err
	}
	d.after.Lifecycle = text
	d.note(f, KindLifecycle, "", words...)
	return nil
}

// mendedLifecycle is the text of a policy as a fix wants it.
func mendedLifecycle(text string, fix finding.Fix, settings *config.Effective) (mended string, words []string, err error) {
	var policy *lifecycle.Policy
	if text != "" {
		if policy, err = lifecycle.Parse(text); err != nil {
			return "", nil, refuse("write it anew", "the lifecycle policy is invalid, so it cannot be told what of it should stay")
		}
	}
	if fix.Repair {
		if policy == nil {
			return text, nil, nil
		}
		repaired, words := policy.Repair()
		if repaired == nil {
			return "", nil, refuse("", "%s", strings.Join(append(words, "there is nothing to repair"), "; "))
		}
		return repaired.Text(), words, nil
	}
	demands := settings.Settings.Lifecycle
	met, words, err := lifecycle.Meet(policy, lifecycle.Demand{
		Untagged: demands.Untagged, DevTags: demands.DevTags, MaxDays: demands.MaxDays, Releases: settings.ProtectedTagsRegexp().String(),
	})
	if conflict := (*lifecycle.ConflictError)(nil); errors.As(err, &conflict) {
		return "", nil, refuse("", "the policy cannot meet the baseline without changing what it does already: %s", conflict.Reason)
	}
	if err != nil || met == nil || met == policy {
		return text, nil, err
	}
	return met.Text(), words, nil
}

func (d *draft) lifecycleChange() (*Change, error) {
	c := d.change(KindLifecycle, "")
	if c == nil || sameLifecycle(d.before.Lifecycle, d.after.Lifecycle) {
		return nil, nil
	}
	policy, err := lifecycle.Parse(d.after.Lifecycle)
	if err != nil {
		return nil, fmt.Errorf("the lifecycle policy drafted for %s: %w", d.before.ARN, err)
	}
	c.Steps = []Step{{Aspect: LifecyclePolicy, From: State{Document: d.before.Lifecycle}, To: State{Document: d.after.Lifecycle}}}
	c.Expiry = d.expiry(policy)
	c.Risk = RiskReview
	if len(c.Expiry.Images) > c.Expiry.Already || c.Expiry.Undecided > 0 {
		c.Risk = RiskDestructive
	}
	if len(c.Expiry.Releases) > 0 {
		c.Notes = append(c.Notes, fmt.Sprintf("%s with a protected tag would expire: apply refuses this without --allow %s", counted(len(c.Expiry.Releases), "image", "images"), AllowReleases))
	}
	if len(c.Expiry.Recent) > 0 {
		c.Notes = append(c.Notes, fmt.Sprintf("%s pulled within %d days would expire: apply refuses this without --allow %s", counted(len(c.Expiry.Recent), "image", "images"), c.Expiry.RecentDays, AllowRecent))
	}
	return c, nil
}

// expiry simulates a policy on the images as the draft has them.
func (d *draft) expiry(policy *lifecycle.Policy) *Expiry {
	images := lifecycle.FromSnapshot(d.after.Images)
	result := policy.Simulate(images, d.Clock)
	e := &Expiry{
		Images: append([]string{}, result.Expired...), Bytes: result.FreedBytes, Undecided: result.Undecided,
		Protected: d.settings.ProtectedTagsRegexp().String(), RecentDays: d.settings.Settings.Ages.InUseDays,
	}
	slices.Sort(e.Images)
	if present, err := lifecycle.Parse(d.before.Lifecycle); err == nil {
		for _, digest := range present.Simulate(images, d.Clock).Expired {
			if _, both := slices.BinarySearch(e.Images, digest); both {
				e.Already++
			}
		}
	}
	protected, since := d.settings.ProtectedTagsRegexp(), d.Clock.AddDate(0, 0, -e.RecentDays)
	for _, digest := range e.Images {
		_, image := d.image(digest)
		if slices.ContainsFunc(image.Tags, protected.MatchString) {
			e.Releases = append(e.Releases, digest)
		}
		if image.LastPulledAt.After(since) {
			e.Recent = append(e.Recent, digest)
		}
	}
	return e
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
