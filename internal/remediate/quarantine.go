package remediate

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// quarantinePrefix begins the tags under which images are parked.
const quarantinePrefix = "ecraudit-quarantine-"

var quarantineForm = regexp.MustCompile(`^` + quarantinePrefix + `([0-9]{8})-[0-9a-f]{12}$`)

// quarantineTag is the tag under which an image is parked on a day.
func quarantineTag(day time.Time, digest string) string {
	return quarantinePrefix + day.UTC().Format("20060102") + "-" + strings.TrimPrefix(digest, "sha256:")[:12]
}

func isQuarantineTag(tag string) bool { return quarantineForm.MatchString(tag) }

// parkedOn is the day that a quarantine tag tells.
func parkedOn(tag string) (day time.Time, ok bool) {
	m := quarantineForm.FindStringSubmatch(tag)
	if m == nil {
		return time.Time{}, false
	}
	day, err := time.Parse("20060102", m[1])
	return day, err == nil
}

// guardPurge looks whether the image is still only parked, and nobody pulled it
// since.
func guardPurge(ctx context.Context, at *place, c *Change, j *job) error {
	image, err := at.image(ctx, c.Image.Digest)
	if err != nil {
		return err
	}
	if image == nil {
		return errImageGone
	}
	if reason := inUse(image.ImageTags, aws.ToTime(image.LastRecordedPullTime)); reason != "" {
		return drifted("%s", reason)
	}
	j.steps[0].From.Image = &Manifest{Digest: c.Image.Digest, Tags: sorted(image.ImageTags)}
	m, err := at.manifest(ctx, c.Image.Digest)
	switch {
	case err == nil:
		j.steps[0].From.Image.Text, j.steps[0].From.Image.MediaType = m.Text, m.MediaType
	case awsapi.IsDenied(awsapi.Code(err)):
		return err
	} // an archived image gives none
	return nil
}

// inUse says why an image is not just parked; empty when it is.
func inUse(tags []string, pulled time.Time) string {
	if len(tags) == 0 {
		return "the image is not parked"
	}
	var parked time.Time
	for _, tag := range tags {
		day, ok := parkedOn(tag)
		if !ok {
			return "the image has the tag " + tag
		}
		if day.After(parked) {
			parked = day
		}
	}
	if pulled.After(parked.AddDate(0, 0, 2)) { // parking itself reads the image
		return "the image was pulled on " + pulled.UTC().Format("2006-01-02") + ", after it was parked"
	}
	return ""
}

// Parked is an image that is parked under a quarantine tag.
type Parked struct {
	snapshot.Target
	AccountName  string    `json:"account_name,omitempty"`
	Repository   string    `json:"repository"`
	URI          string    `json:"uri"` // of the repository
	Digest       string    `json:"digest"`
	Tags         []string  `json:"tags"`  // quarantine tags
	Other        []string  `json:"other"` // other tags, which somebody gave it since
	Had          []string  `json:"had"`   // tags that the journal says were taken away
	ParkedOn     time.Time `json:"parked_on"`
	SizeBytes    int64     `json:"size_bytes"`
	LastPulledAt time.Time `json:"last_pulled_at,omitzero"`
	PushedAt     time.Time `json:"pushed_at,omitzero"`
}

// ParkedIn finds the images of a repository that are parked.
func ParkedIn(reg *snapshot.Registry, r *snapshot.Repository) (found []Parked) {
	for i := range r.Images {
		image := &r.Images[i]
		p := Parked{
			Target: r.Target, Repository: r.Name, URI: r.URI, Digest: image.Digest, Tags: []string{}, Other: []string{}, Had: []string{},
			SizeBytes: image.SizeBytes, LastPulledAt: image.LastPulledAt, PushedAt: image.PushedAt,
		}
		if reg != nil {
			p.AccountName = reg.AccountName
		}
		for _, tag := range image.Tags {
			day, parked := parkedOn(tag)
			if !parked {
				p.Other = append(p.Other, tag)
				continue
			}
			p.Tags = append(p.Tags, tag)
			if day.After(p.ParkedOn) {
				p.ParkedOn = day
			}
		}
		if len(p.Tags) > 0 {
			found = append(found, p)
		}
	}
	return found
}

// ImageKey names an image of a repository.
type ImageKey struct {
	snapshot.Target
	Repository, Digest string
}

// Key names the image.
func (p *Parked) Key() ImageKey { return ImageKey{p.Target, p.Repository, p.Digest} }

// TakenTags are the tags that runs took off images and did not give back.
func (j *Journal) TakenTags() (map[ImageKey][]string, error) {
	runs, _, err := j.Runs()
	if err != nil {
		return nil, err
	}
	taken := map[ImageKey][]string{}
	for _, run := range slices.Backward(runs) {
		applied := map[string]bool{}
		for _, r := range run.Results {
			applied[r.Change] = r.Outcome == Applied
		}
		for _, i := range run.intents {
			if i.Step.Aspect != ImageTag || isQuarantineTag(i.Step.Name) {
				continue
			}
			if from := i.Step.From.Image; from != nil {
				key := ImageKey{i.Target, i.Repository, from.Digest}
				taken[key] = sorted(append(taken[key], i.Step.Name))
			}
			if to := i.Step.To.Image; to != nil && applied[i.Change] {
				key := ImageKey{i.Target, i.Repository, to.Digest}
				taken[key] = slices.DeleteFunc(taken[key], func(tag string) bool { return tag == i.Step.Name })
			}
		}
	}
	return taken, nil
}

// image is what a change says of a parked image.
func (p *Parked) image() *Image {
	return &Image{Digest: p.Digest, Tags: sorted(slices.Concat(p.Tags, p.Other)), SizeBytes: p.SizeBytes, PushedAt: p.PushedAt, LastPulledAt: p.LastPulledAt}
}

// RestorePlan gives an image its tags back and takes the quarantine tags away.
func RestorePlan(p Parked, tags []string, head Plan) (*Plan, error) {
	if len(tags) == 0 {
		return nil, fmt.Errorf("the journal does not say which tags the image %s had: name them with --tag", p.Digest)
	}
	c := Change{
		Kind: KindRestore, Target: p.Target, AccountName: p.AccountName, Repository: p.Repository, Image: p.image(), Risk: RiskSafe,
		Summary: []string{"give the image back the tags " + strings.Join(tags, ", ")},
	}
	there := &Manifest{Digest: p.Digest}
	for _, tag := range tags {
		c.Steps = append(c.Steps, Step{Aspect: ImageTag, Name: tag, To: State{Image: there}})
	}
	for _, tag := range p.Tags {
		c.Steps = append(c.Steps, Step{Aspect: ImageTag, Name: tag, From: State{Image: there}})
	}
	return planOf(head, []Change{c}, nil), nil
}

// PurgePlan deletes the images that have been parked since before a moment, and
// leaves those that are in use again.
func PurgePlan(parked []Parked, before time.Time, head Plan) *Plan {
	var changes []Change
	var left []Left
	for i := range parked {
		p := &parked[i]
		if !p.ParkedOn.Before(before) {
			continue
		}
		if reason := inUse(slices.Concat(p.Tags, p.Other), p.LastPulledAt); reason != "" {
			left = append(left, Left{Why: Why{Rule: "quarantine"}, Target: p.Target, Repository: p.Repository, Digest: p.Digest, Reason: reason})
			continue
		}
		changes = append(changes, Change{
			Kind: KindPurge, Target: p.Target, AccountName: p.AccountName, Repository: p.Repository, Image: p.image(), Risk: RiskDestructive,
			Summary: []string{"delete the image, which has been parked since " + p.ParkedOn.Format("2006-01-02")},
			Steps:   []Step{{Aspect: ImageItself, Name: p.Digest, From: State{Image: &Manifest{Digest: p.Digest, Tags: p.Tags}}}},
			Notes:   []string{"AWS deletes the image for good: undo cannot bring it back"},
		})
	}
	return planOf(head, changes, left)
}

// planOf is a plan that does not come from findings.
func planOf(head Plan, changes []Change, left []Left) *Plan {
	plan := head
	plan.Schema, plan.Complete, plan.Changes, plan.Left = Schema, true, changes, left
	for i := range plan.Changes {
		plan.Changes[i].identify()
		plan.Changes[i].Why = []Why{}
		plan.Partition = plan.Changes[i].Partition
	}
	plan.finish()
	return &plan
}
