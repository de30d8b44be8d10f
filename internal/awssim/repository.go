package awssim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Encryption is how a repository is encrypted at rest.
type Encryption struct {
	Type   string `json:"encryptionType"`   // AES256 (when empty), KMS or KMS_DSSE
	KMSKey string `json:"kmsKey,omitempty"` // ARN
}

// Repository describes a repository.
type Repository struct {
	Name          string
	CreatedAt     time.Time // now when zero
	TagMutability string    // MUTABLE (when empty), IMMUTABLE, IMMUTABLE_WITH_EXCLUSION or MUTABLE_WITH_EXCLUSION
	TagExclusions []Filter  `json:",omitempty"`
	ScanOnPush    bool      // the deprecated flag of the repository itself
	Encryption    Encryption
	Policy        string            `json:",omitempty"` // the text, which is not validated
	Lifecycle     string            `json:",omitempty"` // the text, which is not validated
	Tags          map[string]string `json:",omitempty"` // of the resource
	Images        []Image           `json:",omitempty"`
	// Synthetic describes images that are not held; they come after Images.
	Synthetic *SyntheticImages `json:"-"`
}

// LiveRepository is a repository of a running simulation.
type LiveRepository struct {
	registry  *Registry
	name      string
	transient bool // synthetic, and not kept by the registry; guarded by the registry's lock

	mu       sync.RWMutex
	about    Repository // without Images, which are below
	policy   *compiledPolicy
	images   map[string]*Image // by digest
	digests  []string          // of images, sorted: the order of pages
	tags     map[string]string // tag → digest
	parents  map[string]int    // digest → number of indexes that name it
	pushed   int               // images added so far; seeds made-up manifests
	preview  *preview
	scans    map[string]*scanRun
	lastEval time.Time
	overlay  map[int]bool // synthetic images that were deleted or have become real
}

func newRepository(r *Registry, about Repository) *LiveRepository {
	about.TagMutability = cmp.Or(about.TagMutability, "MUTABLE")
	about.TagExclusions = typed(about.TagExclusions, "WILDCARD")
	about.Encryption.Type = cmp.Or(about.Encryption.Type, "AES256")
	if about.CreatedAt.IsZero() {
		about.CreatedAt = r.account.org.Now()
	}
	images := about.Images
	about.Images = nil
	repo := &LiveRepository{
		registry: r,
		name:     about.Name,
		about:    about,
		policy:   compilePolicy(about.Policy),
		images:   map[string]*Image{},
		tags:     map[string]string{},
		parents:  map[string]int{},
	}
	for _, image := range images {
		repo.AddImage(image)
	}
	return repo
}

// Name is the repository's name.
func (r *LiveRepository) Name() string { return r.name }

// Registry is the registry that holds the repository.
func (r *LiveRepository) Registry() *Registry { return r.registry }

// ARN is the repository's ARN.
func (r *LiveRepository) ARN() string { return r.registry.arn(r.name) }

// Describe returns a copy of what the repository now is, with its images by digest, except those that are still synthetic.
func (r *LiveRepository) Describe() Repository {
	r.mu.RLock()
	defer r.mu.RUnlock()
	about := r.about
	about.TagExclusions = slices.Clone(about.TagExclusions)
	about.Tags = maps.Clone(about.Tags)
	for _, digest := range r.digests {
		about.Images = append(about.Images, r.images[digest].clone())
	}
	return about
}

// SetPolicy sets the repository policy without validating it; "" removes it.
func (r *LiveRepository) SetPolicy(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.about.Policy, r.policy = text, compilePolicy(text)
}

// SetLifecycle sets the lifecycle policy without validating it; "" removes it.
func (r *LiveRepository) SetLifecycle(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.about.Lifecycle = text
}

// Change changes the description in place, as another client would between two calls. Images and the name are not changed so.
func (r *LiveRepository) Change(f func(*Repository)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(&r.about)
	r.about.Name, r.about.Images = r.name, nil
	r.policy = compilePolicy(r.about.Policy)
}

// AddImage adds an image, makes up what it leaves out, moves its tags off other images, and returns it with its digest.
// An image that states neither a manifest nor a digest gets a manifest of its own.
func (r *LiveRepository) AddImage(image Image) Image {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pushed++
	if image.Manifest == "" && image.Digest == "" {
		made := BuildImage(ImageOptions{Seed: r.registry.account.id + r.registry.region + r.name + strconv.Itoa(r.pushed), Size: image.Size})
		image.Manifest, image.MediaType = made.Manifest, made.MediaType
		image.ArtifactType, image.Size = cmp.Or(image.ArtifactType, made.ArtifactType), made.Size
	}
	image = image.completed(r.registry.account.org.Now())
	r.put(&image)
	return image.clone()
}

// put stores an image; the lock must be held.
func (r *LiveRepository) put(image *Image) {
	if old := r.images[image.Digest]; old != nil {
		for _, tag := range old.Tags {
			if !slices.Contains(image.Tags, tag) {
				image.Tags = append(image.Tags, tag)
			}
		}
	} else {
		at, _ := slices.BinarySearch(r.digests, image.Digest)
		r.digests = slices.Insert(r.digests, at, image.Digest)
		for _, child := range image.Children {
			r.parents[child]++
		}
	}
	r.images[image.Digest] = image
	for _, tag := range image.Tags {
		r.moveTag(tag, image.Digest)
	}
	slices.Sort(image.Tags)
}

// moveTag points a tag to an image, and takes it off the one that had it.
func (r *LiveRepository) moveTag(tag, digest string) {
	if old, ok := r.tags[tag]; ok && old != digest {
		r.images[old].Tags = slices.DeleteFunc(r.images[old].Tags, func(t string) bool { return t == tag })
	}
	r.tags[tag] = digest
}

// RemoveImage deletes an image by digest, as another client would between two calls.
func (r *LiveRepository) RemoveImage(digest string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop(digest)
}

// drop deletes an image and its tags; the lock must be held.
func (r *LiveRepository) drop(digest string) {
	image := r.images[digest]
	if image == nil {
		return
	}
	for _, tag := range image.Tags {
		delete(r.tags, tag)
	}
	for _, child := range image.Children {
		if r.parents[child]--; r.parents[child] <= 0 {
			delete(r.parents, child)
		}
	}
	at, _ := slices.BinarySearch(r.digests, digest)
	r.digests = slices.Delete(r.digests, at, at+1)
	delete(r.images, digest)
	delete(r.scans, digest)
}

// Tag points a tag to the image of a digest, as another client would between two calls. It panics when there is no such image.
func (r *LiveRepository) Tag(digest, tag string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	image := r.writable(digest)
	if image == nil {
		panic(fmt.Sprintf("awssim: no image %s in %s", digest, r.name))
	}
	if !slices.Contains(image.Tags, tag) {
		image.Tags = append(image.Tags, tag)
		slices.Sort(image.Tags)
	}
	r.moveTag(tag, digest)
}

// Image returns the image that has a digest or a tag.
func (r *LiveRepository) Image(digestOrTag string) (Image, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if image := r.byDigest(digestOrTag); image != nil {
		return image.clone(), true
	}
	if image := r.byTag(digestOrTag); image != nil {
		return image.clone(), true
	}
	return Image{}, false
}

// ChangeImage changes an image in place, for example its scan. The digest, the tags and the manifest are not changed so.
func (r *LiveRepository) ChangeImage(digest string, f func(*Image)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	image := r.writable(digest)
	if image == nil {
		panic(fmt.Sprintf("awssim: no image %s in %s", digest, r.name))
	}
	changed := image.clone()
	f(&changed)
	changed.Digest, changed.Tags, changed.Manifest = image.Digest, image.Tags, image.Manifest
	*image = changed
}

// byDigest finds an image; the lock must be held. A synthetic one is made for the occasion.
func (r *LiveRepository) byDigest(digest string) *Image {
	if image := r.images[digest]; image != nil {
		return image
	}
	if i, ok := r.syntheticIndex(digest); ok {
		image := r.about.Synthetic.image(i)
		return &image
	}
	return nil
}

// byTag finds an image; the lock must be held. In synthetic images it has to search.
func (r *LiveRepository) byTag(tag string) *Image {
	if digest, ok := r.tags[tag]; ok {
		return r.images[digest]
	}
	s := r.about.Synthetic
	if s == nil {
		return nil
	}
	for i := range s.N {
		if r.overlay[i] {
			continue
		}
		if image := s.image(i); slices.Contains(image.Tags, tag) {
			return &image
		}
	}
	return nil
}

// syntheticIndex finds which synthetic image has a digest.
func (r *LiveRepository) syntheticIndex(digest string) (int, bool) {
	if r.about.Synthetic == nil {
		return 0, false
	}
	i, ok := r.about.Synthetic.indexOf(digest)
	return i, ok && !r.overlay[i]
}

// writable finds an image to change; a synthetic one becomes real. The lock must be held.
func (r *LiveRepository) writable(digest string) *Image {
	if image := r.images[digest]; image != nil {
		return image
	}
	i, ok := r.syntheticIndex(digest)
	if !ok {
		return nil
	}
	if r.overlay == nil {
		r.overlay = map[int]bool{}
	}
	r.overlay[i] = true
	image := r.about.Synthetic.image(i)
	r.put(&image)
	return &image
}

// empty reports whether no image is left; the lock must be held.
func (r *LiveRepository) empty() bool {
	return len(r.images) == 0 && (r.about.Synthetic == nil || len(r.overlay) == r.about.Synthetic.N)
}
