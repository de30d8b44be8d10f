package remediate

import (
	"regexp"
	"slices"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// image finds an image of the draft, as it now is.
func (d *draft) image(digest string) (int, *snapshot.Image) {
	i, found := slices.BinarySearchFunc(d.after.Images, digest, func(i snapshot.Image, digest string) int { return strings.Compare(i.Digest, digest) })
	if !found {
		return 0, nil
	}
	return i, &d.after.Images[i]
}

// toolTag is a tag by which tools find what describes an image.
var toolTag = regexp.MustCompile(`^sha256-[0-9a-f]{64}(\.(sig|att|sbom))?$`)

// mendTag takes a tag off an image of the draft.
func (d *draft) mendTag(f finding.Finding, fix finding.Fix) error {
	if err := d.needs("the image cannot be untagged", snapshot.NeedImages); err != nil {
		return err
	}
	i, image := d.image(fix.Digest)
	switch {
	case image == nil:
		return errImageGone
	case d.settings.ProtectedTagsRegexp().MatchString(fix.Tag):
		return refuse("", "the tag %s is protected", fix.Tag)
	case toolTag.MatchString(fix.Tag):
		return refuse("", "tools find what describes an image by the tag %s", fix.Tag)
	case isQuarantineTag(fix.Tag):
		return refuse("put the tag back with ecraudit quarantine restore, or delete the image with ecraudit quarantine purge", "the image is parked under the tag %s", fix.Tag)
	case image.Status != classActive:
		return refuse("restore it first", "the image is %s, so it cannot be given back its tags", strings.ToLower(image.Status))
	case !slices.Contains(image.Tags, fix.Tag) && slices.Contains(d.original(fix.Digest).Tags, fix.Tag):
		d.note(f, KindUntag, fix.Digest) // another finding asked for the same
		return nil
	case !slices.Contains(image.Tags, fix.Tag):
		return refuse("", "the image does not have the tag %s", fix.Tag)
	}
	rest := slices.DeleteFunc(slices.Clone(image.Tags), func(tag string) bool { return tag == fix.Tag })
	if len(rest) == 0 {
		rest = []string{quarantineTag(d.Clock, image.Digest)}
	}
	d.after.Images[i].Tags = rest
	d.note(f, KindUntag, fix.Digest, "take the tag "+fix.Tag+" away")
	return nil
}

// unparkable takes back what would lose an image: one that a lifecycle policy,
// the present or the drafted one, would expire under its quarantine tag.
func (d *draft) unparkable() {
	for i := range d.after.Images {
		image := &d.after.Images[i]
		if d.notes[topic{KindUntag, image.Digest}] == nil {
			continue
		}
		before := d.original(image.Digest)
		tag := quarantineTag(d.Clock, image.Digest)
		if !slices.Contains(image.Tags, tag) || slices.Contains(before.Tags, tag) {
			continue
		}
		err := d.needs("it cannot be told whether the image would stay when it is parked", snapshot.NeedLifecycle)
		for _, policy := range []string{d.before.Lifecycle, d.after.Lifecycle} {
			if err == nil {
				err = keepsParked(policy, tag)
			}
		}
		if err == nil {
			continue
		}
		image.Tags = before.Tags
		d.takeBack(KindUntag, image.Digest, err)
	}
}

// original is an image as it was collected.
func (d *draft) original(digest string) *snapshot.Image {
	i, _ := slices.BinarySearchFunc(d.before.Images, digest, func(i snapshot.Image, digest string) int { return strings.Compare(i.Digest, digest) })
	return &d.before.Images[i]
}

// takeBack leaves the findings of a change that cannot be made after all.
func (d *draft) takeBack(kind Kind, digest string, why error) {
	at := topic{kind, digest}
	for _, f := range d.notes[at].by {
		if err := d.leaveRefused(f, d.before.Target, why); err != nil {
			d.leave(f, d.before.Target, err.Error())
		}
	}
	delete(d.notes, at)
}

// imageChanges are the changes of one image.
func (d *draft) imageChanges(i int) (changes []Change) {
	after := &d.after.Images[i]
	before := d.original(after.Digest)
	digest := before.Digest
	if c := d.change(KindUntag, digest); c != nil && !slices.Equal(before.Tags, after.Tags) {
		c.Image, c.Risk, c.Steps = d.seenImage(before), RiskReview, untagSteps(before, after)
		if tag := c.Steps[0].Name; c.Steps[0].To.Image != nil {
			c.Summary = append([]string{"park the image as " + tag}, c.Summary...)
		}
		for _, s := range c.Steps {
			if s.To.Image == nil {
				c.Loses = append(c.Loses, "whoever pulls "+s.Name)
			}
		}
		changes = append(changes, *c)
	}
	if c := d.change(KindArchive, digest); c != nil {
		c.Image, c.Risk = d.seenImage(before), RiskReview
		c.Steps = []Step{{Aspect: StorageClass, Name: digest, From: State{Class: classActive}, To: State{Class: classArchived}}}
		c.Loses = []string{"whoever pulls the image: it must be restored first, which takes up to 20 minutes"}
		changes = append(changes, *c)
	}
	if c := d.change(KindScan, digest); c != nil && after.Status == classActive {
		c.Image = d.seenImage(before)
		from, to := scanState(before.Scan), &Scan{Status: scanStarted}
		if from != nil {
			to.CompletedAt = from.CompletedAt
		}
		c.Steps = []Step{{Aspect: ImageScan, Name: digest, From: State{Scan: from}, To: State{Scan: to}}}
		changes = append(changes, *c)
	}
	return changes
}

// seenImage is what a plan says of an image.
func (d *draft) seenImage(i *snapshot.Image) *Image {
	return &Image{
		Digest: i.Digest, Tags: append([]string{}, i.Tags...), SizeBytes: i.SizeBytes, PushedAt: i.PushedAt,
		LastPulledAt: i.LastPulledAt, Protected: d.settings.ProtectedTagsRegexp().String(),
	}
}

// untagSteps park the image first where it would lose its last tag.
func untagSteps(before, after *snapshot.Image) (list []Step) {
	there := &Manifest{Digest: before.Digest}
	for _, tag := range after.Tags {
		if !slices.Contains(before.Tags, tag) {
			list = append(list, Step{Aspect: ImageTag, Name: tag, To: State{Image: there}})
		}
	}
	for _, tag := range before.Tags {
		if !slices.Contains(after.Tags, tag) {
			list = append(list, Step{Aspect: ImageTag, Name: tag, From: State{Image: there}})
		}
	}
	return list
}
