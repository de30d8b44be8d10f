package awssim

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// restoring is how long an archived image takes to become active again (user guide: within 20 minutes).
const restoring = 20 * time.Minute

// imageID names an image by digest, by tag, or by both.
type imageID struct {
	Digest string `json:"imageDigest,omitempty"`
	Tag    string `json:"imageTag,omitempty"`
}

func (id imageID) String() string {
	return "{imageDigest:'" + cmp.Or(id.Digest, "null") + "', imageTag:'" + cmp.Or(id.Tag, "null") + "'}"
}

// imageFailure is why a batch operation could not serve an image.
type imageFailure struct {
	ImageID imageID `json:"imageId"`
	Code    string  `json:"failureCode"`
	Reason  string  `json:"failureReason"`
}

// resolve finds the image that an id names. The lock must be held.
func (r *LiveRepository) resolve(id imageID) (*Image, *imageFailure) {
	fail := func(code, reason string) (*Image, *imageFailure) { return nil, &imageFailure{id, code, reason} }
	switch {
	case id.Digest == "" && id.Tag == "":
		return fail("MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null")
	case id.Digest != "" && !imageDigest.MatchString(id.Digest):
		return fail("InvalidImageDigest", "Invalid request parameters: image digest should satisfy the regex '"+digestPattern+"'")
	case id.Tag != "" && !imageTag.MatchString(id.Tag):
		return fail("InvalidImageTag", "Invalid request parameters: image tag should satisfy the regex '"+tagPattern+"'")
	}
	var image *Image
	if id.Digest != "" {
		image = r.byDigest(id.Digest)
	} else {
		image = r.byTag(id.Tag)
	}
	switch {
	case image == nil:
		return fail("ImageNotFound", "Requested image not found")
	case id.Tag != "" && !slices.Contains(image.Tags, id.Tag):
		return fail("ImageTagDoesNotMatchDigest", "Tag '"+id.Tag+"' does not match digest '"+id.Digest+"'")
	}
	return image, nil
}

// single resolves an id for an operation on one image, where what is a failure in a batch is an error.
func (r *LiveRepository) single(id imageID) (*Image, error) {
	image, failed := r.resolve(id)
	switch {
	case failed == nil:
		return image, nil
	case failed.Code == "ImageNotFound" || failed.Code == "ImageTagDoesNotMatchDigest":
		return nil, failure("ImageNotFoundException",
			"The image with imageId %s does not exist within the repository with name '%s' in the registry with id '%s'", id, r.name, r.registry.account.id)
	}
	return nil, invalid("imageId", failed.Reason)
}

// status is the image's status now: a restore ends by itself.
func (i *Image) status(now time.Time) string {
	if i.Status == "ACTIVATING" && !now.Before(i.LastActivatedAt) {
		return "ACTIVE"
	}
	return i.Status
}

type imageFilter struct {
	TagStatus   string `json:"tagStatus"`
	ImageStatus string `json:"imageStatus"`
}

func (f imageFilter) validate() error {
	return firstError(oneOf("filter.tagStatus", f.TagStatus, true, "TAGGED", "UNTAGGED", "ANY"),
		oneOf("filter.imageStatus", f.ImageStatus, true, "ACTIVE", "ARCHIVED", "ACTIVATING", "ANY"))
}

func (f imageFilter) selects(image *Image, now time.Time) bool {
	return (f.TagStatus == "" || f.TagStatus == "ANY" || (f.TagStatus == "TAGGED") == (len(image.Tags) > 0)) &&
		(f.ImageStatus == "ANY" || image.status(now) == cmp.Or(f.ImageStatus, "ACTIVE"))
}

func (f imageFilter) String() string { return f.TagStatus + "/" + f.ImageStatus }

type describeImagesInput struct {
	inRepository
	paging
	ImageIDs []imageID   `json:"imageIds"`
	Filter   imageFilter `json:"filter"`
}

func describeImages(c *call, in *describeImagesInput) (any, error) {
	repo, err := in.toRead(c)
	if err != nil {
		return nil, err
	}
	if err := in.Filter.validate(); err != nil {
		return nil, err
	}
	view := newImageView(repo)
	repo.mu.RLock()
	defer repo.mu.RUnlock()
	if in.ImageIDs != nil {
		return describeNamedImages(c, in, repo, view)
	}
	n, err := in.size(c, 100, 1000)
	if err != nil {
		return nil, err
	}
	listing := repo.name + " " + in.Filter.String()
	position, err := in.continuation(c, listing)
	if err != nil {
		return nil, err
	}
	c.out = append(c.out, `{"imageDetails":[`...)
	now := c.org.Now()
	next, more := repo.page(position, n, func(image *Image) bool {
		if !in.Filter.selects(image, now) {
			return false
		}
		c.comma()
		c.out = view.append(c.out, image, now)
		return true
	})
	c.out = append(c.out, ']')
	c.closeListing(listing, next, more, n)
	return rendered{}, nil
}

func describeNamedImages(c *call, in *describeImagesInput, repo *LiveRepository, view imageView) (any, error) {
	if in.MaxResults != nil || in.NextToken != "" {
		return nil, invalid("imageIds", "must not be specified together with maxResults or nextToken")
	}
	if err := batch("imageIds", len(in.ImageIDs), 100); err != nil {
		return nil, err
	}
	var images []*Image
	for _, id := range in.ImageIDs {
		image, err := repo.single(id)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(images, func(i *Image) bool { return i.Digest == image.Digest }) {
			images = append(images, image)
		}
	}
	c.out = append(c.out, `{"imageDetails":[`...)
	for _, image := range images {
		c.comma()
		c.out = view.append(c.out, image, c.org.Now())
	}
	c.out = append(c.out, "]}"...)
	return rendered{}, nil
}

// page visits the images after a position until n of them have been taken, and returns the position after these and whether there
// may be more. A position is "d" and a digest, or "s" and the number of a synthetic image. The lock must be held.
func (r *LiveRepository) page(position string, n int, take func(*Image) bool) (next string, more bool) {
	at, synthetic := 0, strings.HasPrefix(position, "s")
	next = position
	if synthetic {
		at, _ = strconv.Atoi(position[1:])
	} else {
		start := 0
		if position != "" {
			found := false
			if start, found = slices.BinarySearch(r.digests, position[1:]); found {
				start++
			}
		}
		for _, digest := range r.digests[start:] {
			if n == 0 {
				return next, true
			}
			if take(r.images[digest]) {
				n--
			}
			next = "d" + digest
		}
	}
	s := r.about.Synthetic
	if s == nil {
		return "", false
	}
	for ; at < s.N; at++ {
		if r.overlay[at] {
			continue
		}
		if n == 0 {
			return "s" + strconv.Itoa(at), true
		}
		if image := s.image(at); take(&image) {
			n--
		}
	}
	return "", false
}

// imageView renders images of one repository as DescribeImages does.
type imageView struct {
	prefix  []byte // `{"registryId":"…","repositoryName":"…","imageDigest":"`
	summary bool   // the legacy basic scanner shows its results here, the others do not
}

func newImageView(repo *LiveRepository) imageView {
	b := append([]byte(`{"registryId":"`), repo.registry.account.id...)
	b = append(b, `","repositoryName":`...)
	b = appendString(b, repo.name)
	b = append(b, `,"imageDigest":"`...)
	repo.registry.mu.RLock()
	defer repo.registry.mu.RUnlock()
	legacy := repo.registry.scanning.ScanType == "BASIC" && repo.registry.settings["BASIC_SCAN_TYPE_VERSION"] == "CLAIR"
	return imageView{b, legacy}
}

func (v imageView) append(b []byte, image *Image, now time.Time) []byte {
	b = append(b, v.prefix...)
	b = append(b, image.Digest...)
	b = append(b, '"')
	if len(image.Tags) > 0 {
		b = append(b, `,"imageTags":`...)
		b = appendStrings(b, image.Tags)
	}
	b = append(b, `,"imageSizeInBytes":`...)
	b = appendInt(b, image.Size)
	b = append(b, `,"imagePushedAt":`...)
	b = appendStamp(b, image.PushedAt)
	if v.summary && image.Scan != nil {
		b = appendScanSummary(b, image.Scan)
	}
	b = append(b, `,"imageManifestMediaType":`...)
	b = appendString(b, image.MediaType)
	if image.ArtifactType != "" {
		b = append(b, `,"artifactMediaType":`...)
		b = appendString(b, image.ArtifactType)
	}
	if image.Subject != "" {
		b = append(b, `,"subjectManifestDigest":`...)
		b = appendString(b, image.Subject)
	}
	b = appendTime(b, `,"lastRecordedPullTime":`, image.LastPulledAt)
	b = append(b, `,"imageStatus":"`...)
	b = append(b, image.status(now)...)
	b = append(b, '"')
	b = appendTime(b, `,"lastArchivedAt":`, image.LastArchivedAt)
	if image.status(now) != "ACTIVATING" {
		b = appendTime(b, `,"lastActivatedAt":`, image.LastActivatedAt)
	}
	return append(b, '}')
}

func appendTime(b []byte, name string, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return appendStamp(append(b, name...), t)
}

func appendStrings(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, s)
	}
	return append(b, ']')
}

func appendScanSummary(b []byte, s *Scan) []byte {
	b = append(b, `,"imageScanStatus":{"status":"`...)
	b = append(b, s.Status...)
	b = append(b, '"')
	if s.Description != "" {
		b = appendString(append(b, `,"description":`...), s.Description)
	}
	b = append(b, '}')
	if s.Status != "COMPLETE" {
		return b
	}
	b = append(b, `,"imageScanFindingsSummary":{"imageScanCompletedAt":`...)
	b = appendStamp(b, s.CompletedAt)
	b = append(b, `,"vulnerabilitySourceUpdatedAt":`...)
	b = appendStamp(b, s.CompletedAt.Truncate(24*time.Hour))
	b = append(b, `,"findingSeverityCounts":{`...)
	for i, severity := range sortedKeys(s.Counts) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, severity), ':')
		b = appendInt(b, int64(s.Counts[severity]))
	}
	return append(b, "}}"...)
}

type listImagesInput struct {
	inRepository
	paging
	Filter imageFilter `json:"filter"`
}

// listImages gives a row for each tag, and one for an image without. Pages end between images, unless one has more tags than fit.
func listImages(c *call, in *listImagesInput) (any, error) {
	repo, err := in.toRead(c)
	if err != nil {
		return nil, err
	}
	if err := in.Filter.validate(); err != nil {
		return nil, err
	}
	n, err := in.size(c, 100, 1000)
	if err != nil {
		return nil, err
	}
	listing := repo.name + " " + in.Filter.String()
	position, err := in.continuation(c, listing)
	if err != nil {
		return nil, err
	}
	position, skip := cutRow(position)
	repo.mu.RLock()
	defer repo.mu.RUnlock()
	now := c.org.Now()
	c.out = append(c.out, `{"imageIds":[`...)
	rows := rowPage{repo: repo, left: n, skip: skip, last: position}
	repo.page(position, 1, func(image *Image) bool { // the one that it takes is the one that does not fit
		return in.Filter.selects(image, now) && rows.add(c, image)
	})
	c.out = append(c.out, ']')
	c.closeListing(listing, rows.position, rows.stopped, n)
	return rendered{}, nil
}

// rowPage collects rows of images, and remembers where it stopped when the page was full.
type rowPage struct {
	repo       *LiveRepository
	left, skip int
	stopped    bool
	position   string // before the image that did not fit, and how many of its rows did
	last       string // position after the last image that did
}

// cutRow splits a position of ListImages into one of images and the number of rows to skip of the next image.
func cutRow(position string) (string, int) {
	images, row, _ := strings.Cut(position, "+")
	skip, _ := strconv.Atoi(row)
	return images, skip
}

// add appends the rows of an image and reports whether some did not fit.
func (p *rowPage) add(c *call, image *Image) bool {
	tags := image.Tags
	if len(tags) == 0 {
		tags = []string{""}
	}
	skipped := min(p.skip, len(tags))
	p.skip = 0
	for i, tag := range tags[skipped:] {
		if p.left == 0 {
			p.stopped = true
			p.position = p.last + "+" + strconv.Itoa(skipped+i)
			return true
		}
		p.left--
		c.comma()
		c.out = append(append(append(c.out, `{"imageDigest":"`...), image.Digest...), '"')
		if tag != "" {
			c.out = appendString(append(c.out, `,"imageTag":`...), tag)
		}
		c.out = append(c.out, '}')
	}
	p.last = p.repo.positionAfter(image.Digest)
	return false
}

// positionAfter is where a listing goes on after an image.
func (r *LiveRepository) positionAfter(digest string) string {
	if i, ok := r.syntheticIndex(digest); ok {
		return "s" + strconv.Itoa(i+1)
	}
	return "d" + digest
}

type imageIDsInput struct {
	inRepository
	ImageIDs           []imageID `json:"imageIds"`
	AcceptedMediaTypes []string  `json:"acceptedMediaTypes"`
}

// imageWithManifest is an image as BatchGetImage and PutImage return it.
type imageWithManifest struct {
	RegistryID     string  `json:"registryId"`
	RepositoryName string  `json:"repositoryName"`
	ImageID        imageID `json:"imageId"`
	Manifest       string  `json:"imageManifest"`
	MediaType      string  `json:"imageManifestMediaType"`
}

func (r *LiveRepository) withManifest(id imageID, image *Image) imageWithManifest {
	return imageWithManifest{r.registry.account.id, r.name, imageID{image.Digest, id.Tag}, image.manifestText(), image.MediaType}
}

// manifestText is the manifest, or a stand-in for images that were described without.
func (i *Image) manifestText() string {
	if i.Manifest != "" {
		return i.Manifest
	}
	m := manifest{SchemaVersion: 2, MediaType: i.MediaType, ArtifactType: i.ArtifactType, Annotations: map[string]string{"stand-in-for": i.Digest}}
	return m.image().Manifest
}

func batchGetImage(c *call, in *imageIDsInput) (any, error) {
	repo, err := in.toRead(c)
	if err != nil {
		return nil, err
	}
	if err := batch("imageIds", len(in.ImageIDs), 100); err != nil {
		return nil, err
	}
	out := struct {
		Images   []imageWithManifest `json:"images"`
		Failures []imageFailure      `json:"failures"`
	}{[]imageWithManifest{}, []imageFailure{}}
	excluded := c.org.options.IgnorePulls || repo.registry.pullsExcluded(c.caller)
	now := c.org.Now()
	repo.mu.Lock()
	defer repo.mu.Unlock()
	for _, id := range in.ImageIDs {
		image, failed := repo.resolve(id)
		if failed == nil && image.status(now) != "ACTIVE" {
			failed = &imageFailure{id, "ImageInaccessible", "Requested image is archived"}
		}
		if failed == nil && !accepts(in.AcceptedMediaTypes, image.MediaType) {
			failed = &imageFailure{id, "ImageNotFound", "Requested image not found: no manifest of an accepted media type"}
		}
		if failed != nil {
			out.Failures = append(out.Failures, *failed)
			continue
		}
		if !excluded && now.Sub(image.LastPulledAt) >= 24*time.Hour {
			image.LastPulledAt = now // lost on a synthetic image, which stays as described
		}
		out.Images = append(out.Images, repo.withManifest(id, image))
	}
	return out, nil
}

// accepts reports whether a client takes a media type. Without a list it takes all.
func accepts(list []string, mediaType string) bool {
	return len(list) == 0 || slices.Contains(list, mediaType)
}

// batchDeleteImage deletes tags, and the image with its last tag; or an image by digest, with all its tags.
func batchDeleteImage(c *call, in *imageIDsInput) (any, error) {
	repo, err := in.toWrite(c)
	if err != nil {
		return nil, err
	}
	if err := batch("imageIds", len(in.ImageIDs), 100); err != nil {
		return nil, err
	}
	out := struct {
		ImageIDs []imageID      `json:"imageIds"`
		Failures []imageFailure `json:"failures"`
	}{[]imageID{}, []imageFailure{}}
	repo.mu.Lock()
	defer repo.mu.Unlock()
	for _, id := range in.ImageIDs {
		deleted, failed := repo.delete(id)
		if failed != nil {
			out.Failures = append(out.Failures, *failed)
			continue
		}
		out.ImageIDs = append(out.ImageIDs, deleted...)
	}
	return out, nil
}

func (r *LiveRepository) delete(id imageID) ([]imageID, *imageFailure) {
	image, failed := r.resolve(id)
	if failed != nil {
		return nil, failed
	}
	image = r.writable(image.Digest)
	if id.Tag != "" && len(image.Tags) > 1 {
		delete(r.tags, id.Tag)
		image.Tags = slices.DeleteFunc(slices.Clone(image.Tags), func(t string) bool { return t == id.Tag })
		return []imageID{{image.Digest, id.Tag}}, nil
	}
	if r.parents[image.Digest] > 0 {
		return nil, &imageFailure{id, "ImageReferencedByManifestList", "Requested image referenced by manifest list: [" + strings.Join(r.indexesOf(image.Digest), ", ") + "]"}
	}
	var deleted []imageID
	for _, tag := range image.Tags {
		deleted = append(deleted, imageID{image.Digest, tag})
	}
	if deleted == nil {
		deleted = []imageID{{Digest: image.Digest}}
	}
	r.drop(image.Digest)
	return deleted, nil
}

// indexesOf are the digests of the indexes that refer to an image.
func (r *LiveRepository) indexesOf(child string) []string {
	var parents []string
	for _, digest := range r.digests {
		if slices.Contains(r.images[digest].Children, child) {
			parents = append(parents, digest)
		}
	}
	return parents
}

type putImageInput struct {
	inRepository
	Manifest  string `json:"imageManifest"`
	MediaType string `json:"imageManifestMediaType"`
	Digest    string `json:"imageDigest"`
	Tag       string `json:"imageTag"`
}

// putImage takes the layers that a manifest names as uploaded.
func putImage(c *call, in *putImageInput) (any, error) {
	repo, err := in.toWrite(c)
	if err != nil {
		if repo, err = c.createOnPush(in.inRepository, err); err != nil {
			return nil, err
		}
	}
	image, err := in.image()
	if err != nil {
		return nil, err
	}
	scan := repo.registry.scanOnPush(repo.name)
	repo.mu.Lock()
	defer repo.mu.Unlock()
	if err := repo.push(image, in.Tag, c.org.Now(), scan); err != nil {
		return nil, err
	}
	return struct {
		Image imageWithManifest `json:"image"`
	}{repo.withManifest(imageID{Tag: in.Tag}, image)}, nil
}

// image validates what is to be pushed.
func (in *putImageInput) image() (*Image, error) {
	var m manifest
	switch {
	case in.Manifest == "":
		return nil, invalid("imageManifest", "must not be null")
	case len(in.Manifest) > 4194304:
		return nil, invalid("imageManifest", "must have length less than or equal to 4194304")
	case in.Tag != "" && !imageTag.MatchString(in.Tag):
		return nil, invalid("imageTag", "must satisfy regular expression '"+tagPattern+"'")
	case in.Digest != "" && !imageDigest.MatchString(in.Digest):
		return nil, invalid("imageDigest", "must satisfy regular expression '"+digestPattern+"'")
	case json.Unmarshal([]byte(in.Manifest), &m) != nil || m.SchemaVersion == 0:
		return nil, invalid("ImageManifest", "Invalid JSON syntax")
	}
	mediaType := cmp.Or(m.MediaType, in.MediaType)
	switch {
	case mediaType == "":
		return nil, invalid("imageManifestMediaType", "must be specified for a manifest without mediaType")
	case in.MediaType != "" && in.MediaType != mediaType:
		return nil, invalid("imageManifestMediaType", "does not match the mediaType of the manifest")
	case !isIndex(mediaType) && mediaType != MediaTypeImage && mediaType != MediaTypeDocker:
		return nil, invalid("imageManifestMediaType", "Unsupported media type "+mediaType)
	case !isIndex(mediaType) && m.Config == nil, isIndex(mediaType) && m.Manifests == nil:
		return nil, invalid("ImageManifest", "Invalid image manifest provided")
	}
	digest := digestOf(in.Manifest)
	if in.Digest != "" && in.Digest != digest {
		return nil, failure("ImageDigestDoesNotMatchException", "The image digest '%s' does not match the digest '%s' calculated for the image manifest", in.Digest, digest)
	}
	image := Image{
		Digest: digest, Manifest: in.Manifest, MediaType: mediaType, ArtifactType: m.artifactType(),
		Subject: m.subject(), Children: m.children(), Size: m.size(), Status: "ACTIVE",
	}
	return &image, nil
}

// push adds an image, or a tag to an image that is there. The lock must be held.
func (r *LiveRepository) push(image *Image, tag string, now time.Time, scan bool) error {
	held := r.byDigest(image.Digest)
	id := r.registry.account.id
	if held != nil && (tag == "" || slices.Contains(held.Tags, tag)) {
		return failure("ImageAlreadyExistsException", "Image with digest '%s' and tag '%s' already exists in the repository with name '%s' in registry with id '%s'",
			image.Digest, cmp.Or(tag, "null"), r.name, id)
	}
	var other *Image
	if tag != "" {
		other = r.byTag(tag)
	}
	if other != nil && r.about.immutable(tag) {
		return failure("ImageTagAlreadyExistsException",
			"The image tag '%s' already exists in the '%s' repository and cannot be overwritten because the tag is immutable.", tag, r.name)
	}
	if held == nil {
		if err := r.adopt(image); err != nil {
			return err
		}
		image.PushedAt = now
		if scan {
			image.Scan = image.pushScan(now)
		}
	}
	if other != nil {
		r.writable(other.Digest)
	}
	if held != nil {
		held = r.writable(image.Digest)
		*image = held.clone() // a new tag leaves the time of the push as it was
	}
	if tag != "" {
		image.Tags = append(image.Tags, tag)
	}
	stored := image.clone()
	r.put(&stored)
	return nil
}

// adopt checks the children of an index, and gives it the size of the largest.
func (r *LiveRepository) adopt(index *Image) error {
	var missing []string
	for _, digest := range index.Children {
		child := r.byDigest(digest)
		if child == nil {
			missing = append(missing, digest)
			continue
		}
		index.Size = max(index.Size, child.Size)
	}
	if missing != nil {
		return failure("ReferencedImagesNotFoundException",
			"Images with digests '%s' required for pushing image into repository with name '%s' in the registry with id '%s' do not exist",
			strings.Join(missing, ", "), r.name, r.registry.account.id)
	}
	return nil
}

// immutable reports whether a tag that exists cannot be moved.
func (r *Repository) immutable(tag string) bool {
	excluded := slices.ContainsFunc(r.TagExclusions, func(f Filter) bool { return globMatch(f.Filter, tag) })
	switch r.TagMutability {
	case "IMMUTABLE":
		return true
	case "IMMUTABLE_WITH_EXCLUSION":
		return !excluded
	case "MUTABLE_WITH_EXCLUSION":
		return excluded
	}
	return false
}

type listImageReferrersInput struct {
	inRepository
	paging
	Subject imageID `json:"subjectId"`
	Filter  struct {
		Types  []string `json:"artifactTypes"`
		Status string   `json:"artifactStatus"`
	} `json:"filter"`
}

type referrer struct {
	Digest      string            `json:"digest"`
	MediaType   string            `json:"mediaType"`
	Size        int64             `json:"size"`
	Type        string            `json:"artifactType,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Status      string            `json:"artifactStatus"`
}

func listImageReferrers(c *call, in *listImageReferrersInput) (any, error) {
	repo, err := in.toRead(c)
	if err != nil {
		return nil, err
	}
	if !imageDigest.MatchString(in.Subject.Digest) {
		return nil, invalid("subjectId.imageDigest", "must satisfy regular expression '"+digestPattern+"'")
	}
	status := oneOf("filter.artifactStatus", in.Filter.Status, true, "ACTIVE", "ARCHIVED", "ACTIVATING", "ANY")
	if status != nil || len(in.Filter.Types) > 5 {
		return nil, cmp.Or(status, error(invalid("filter.artifactTypes", "Member must have length less than or equal to 5")))
	}
	repo.mu.RLock()
	defer repo.mu.RUnlock()
	now := c.org.Now()
	filter := imageFilter{ImageStatus: in.Filter.Status}
	found := map[string]*Image{}
	repo.page("", -1, func(image *Image) bool {
		if image.Subject == in.Subject.Digest && filter.selects(image, now) && accepts(in.Filter.Types, image.ArtifactType) {
			found[image.Digest] = image
		}
		return false
	})
	page, next, err := pageOf(c, in.paging, repo.name+in.Subject.Digest, sortedKeys(found), 20, 50)
	if err != nil {
		return nil, err
	}
	out := struct {
		Referrers []referrer `json:"referrers"`
		NextToken string     `json:"nextToken,omitempty"`
	}{[]referrer{}, next}
	for _, digest := range page {
		out.Referrers = append(out.Referrers, found[digest].referrer(now))
	}
	return out, nil
}

func (i *Image) referrer(now time.Time) referrer {
	text := i.manifestText()
	var m manifest
	_ = json.Unmarshal([]byte(text), &m) // what does not parse has no annotations
	return referrer{i.Digest, i.MediaType, int64(len(text)), i.ArtifactType, m.Annotations, i.status(now)}
}

type storageClassInput struct {
	inRepository
	ImageID     imageID `json:"imageId"`
	TargetClass string  `json:"targetStorageClass"`
}

func updateImageStorageClass(c *call, in *storageClassInput) (any, error) {
	repo, err := in.toWrite(c)
	if err != nil {
		return nil, err
	}
	if err := oneOf("targetStorageClass", in.TargetClass, false, "STANDARD", "ARCHIVE"); err != nil {
		return nil, err
	}
	repo.mu.Lock()
	defer repo.mu.Unlock()
	image, err := repo.single(in.ImageID)
	if err != nil {
		return nil, err
	}
	image = repo.writable(image.Digest)
	now := c.org.Now()
	if err := image.transition(in.TargetClass, now); err != nil {
		return nil, err
	}
	return struct {
		RegistryID     string  `json:"registryId"`
		RepositoryName string  `json:"repositoryName"`
		ImageID        imageID `json:"imageId"`
		Status         string  `json:"imageStatus"`
	}{repo.registry.account.id, repo.name, imageID{image.Digest, in.ImageID.Tag}, image.status(now)}, nil
}

// transition archives an image, or starts to restore it, which ends by itself.
func (i *Image) transition(class string, now time.Time) error {
	switch status := i.status(now); {
	case class == "ARCHIVE" && status == "ACTIVE":
		i.Status, i.LastArchivedAt = "ARCHIVED", now
	case class == "STANDARD" && status == "ARCHIVED":
		i.Status, i.LastActivatedAt = "ACTIVATING", now.Add(restoring)
	default:
		return failure("ImageStorageClassUpdateNotSupportedException",
			"The image with status %s cannot be updated to the storage class %s", status, class)
	}
	return nil
}

type imageInput struct {
	inRepository
	ImageID imageID `json:"imageId"`
}

// imageOutput is how the operations on one image begin their answers.
type imageOutput struct {
	RegistryID     string  `json:"registryId"`
	RepositoryName string  `json:"repositoryName"`
	ImageID        imageID `json:"imageId"`
}

// one finds the image of an operation that reads one image, and makes a copy of it.
func (in imageInput) one(c *call) (*LiveRepository, *Image, imageOutput, error) {
	repo, err := in.toRead(c)
	if err != nil {
		return nil, nil, imageOutput{}, err
	}
	repo.mu.RLock()
	defer repo.mu.RUnlock()
	image, err := repo.single(in.ImageID)
	if err != nil {
		return nil, nil, imageOutput{}, err
	}
	copied := image.clone()
	return repo, &copied, imageOutput{repo.registry.account.id, repo.name, imageID{image.Digest, in.ImageID.Tag}}, nil
}
