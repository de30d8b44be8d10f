package awssim

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/ecraudit/ecraudit/internal/lifecycle"
)

// lifecycleError is what PutLifecyclePolicy objects to in a text, if anything.
func lifecycleError(text string) error {
	if len(text) > 30720 {
		return invalid("LifecyclePolicyText", "Member must have length less than or equal to 30720")
	}
	_, err := lifecycle.Parse(text)
	var wrong *lifecycle.InvalidError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong):
		return invalid("LifecyclePolicyText", "Lifecycle policy validation failure: "+strings.Join(wrong.Violations, "; "))
	}
	return invalid("LifecyclePolicyText", err.Error())
}

// simulate is what a lifecycle policy would do to the images now. The lock must be held.
func (r *LiveRepository) simulate(text string, now time.Time) []previewResult {
	policy, err := lifecycle.Parse(text)
	if err != nil {
		return nil
	}
	images := map[string]lifecycle.Image{}
	var all []lifecycle.Image
	r.page("", -1, func(image *Image) bool {
		view := image.lifecycle(now)
		images[image.Digest] = view
		all = append(all, view)
		return false
	})
	outcome := policy.Simulate(all, now)
	var results []previewResult
	for _, digest := range outcome.Expired {
		results = append(results, previewOf(policy, images[digest], previewAction{Type: "EXPIRE"}))
	}
	for _, digest := range outcome.Archived {
		results = append(results, previewOf(policy, images[digest], previewAction{"TRANSITION", "ARCHIVE"}))
	}
	return results
}

// lifecycle is the image as policies see it.
func (i *Image) lifecycle(now time.Time) lifecycle.Image {
	view := lifecycle.Image{
		Digest: i.Digest, Tags: slices.Clone(i.Tags), PushedAt: i.PushedAt, LastPulledAt: i.LastPulledAt, LastArchivedAt: i.LastArchivedAt,
		LastActivatedAt: i.LastActivatedAt, SizeBytes: i.Size, Status: i.status(now), Index: isIndex(i.MediaType),
		Children: slices.Clone(i.Children),
	}
	if view.Index && view.Children == nil {
		view.Children = []string{}
	}
	return view
}

// previewOf is one line of a preview. The rule that acts on an image is the first that selects it.
func previewOf(p *lifecycle.Policy, image lifecycle.Image, action previewAction) previewResult {
	out := previewResult{Tags: image.Tags, Digest: image.Digest, PushedAt: stampOf(image.PushedAt), Action: action, StorageClass: "STANDARD"}
	if image.Status == "ARCHIVED" {
		out.StorageClass = "ARCHIVE"
	}
	for _, rule := range p.Rules {
		if selects(rule.Selection, image) {
			out.Priority = rule.Priority
			break
		}
	}
	return out
}

func selects(s lifecycle.Selection, image lifecycle.Image) bool {
	if (s.StorageClass == lifecycle.Archive) != (image.Status == "ARCHIVED") {
		return false
	}
	switch s.TagStatus {
	case lifecycle.AnyTag:
		return true
	case lifecycle.Untagged:
		return len(image.Tags) == 0
	}
	for _, entry := range slices.Concat(s.TagPatterns, starred(s.TagPrefixes)) {
		if !slices.ContainsFunc(image.Tags, func(tag string) bool { return starMatch(entry, tag) }) {
			return false
		}
	}
	return true
}

func starred(prefixes []string) []string {
	var patterns []string
	for _, prefix := range prefixes {
		patterns = append(patterns, prefix+"*")
	}
	return patterns
}

// RunLifecycle does what AWS does within a day of PutLifecyclePolicy: it expires and archives what the repository's policy says, and
// returns the digests. Nothing happens when there is no policy, or none that is valid.
func (r *LiveRepository) RunLifecycle() (expired, archived []string) {
	now := r.registry.account.org.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.about.Lifecycle == "" {
		return nil, nil
	}
	r.lastEval = now
	for _, result := range r.simulate(r.about.Lifecycle, now) {
		image := r.writable(result.Digest)
		if result.Action.Type == "EXPIRE" {
			r.drop(image.Digest)
			expired = append(expired, result.Digest)
		} else {
			image.Status, image.LastArchivedAt = "ARCHIVED", now
			archived = append(archived, result.Digest)
		}
	}
	return expired, archived
}
