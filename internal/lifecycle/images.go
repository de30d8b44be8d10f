package lifecycle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"time"

	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// The media types of image indexes.
const (
	dockerIndex = "application/vnd.docker.distribution.manifest.list.v2+json"
	ociIndex    = "application/vnd.oci.image.index.v1+json"
)

// imageDocument is an image as DescribeImages prints it. The fields that say
// nothing to a lifecycle policy are left out.
type imageDocument struct {
	Repository    string          `json:"repositoryName"`
	Digest        string          `json:"imageDigest"`
	Tags          []string        `json:"imageTags"`
	Size          int64           `json:"imageSizeInBytes"`
	MediaType     string          `json:"imageManifestMediaType"`
	Status        string          `json:"imageStatus"`
	PushedAt      json.RawMessage `json:"imagePushedAt"`
	LastPulled    json.RawMessage `json:"lastRecordedPullTime"`
	LastActivated json.RawMessage `json:"lastActivatedAt"`
	LastArchived  json.RawMessage `json:"lastArchivedAt"`
}

// ReadImages reads what `aws ecr describe-images` prints of one repository: a
// document {"imageDetails": […]}, or several of them, one for each page; bare
// lists of images do as well. Times are ISO 8601 with a zone, as version 2 of
// the AWS CLI prints them, or seconds since 1970, as version 1 does. Fields
// that are not known are passed over.
//
// The children of indexes are not among what is printed, so that of untagged
// images beside an index it is unknown whether they are children. An error names
// the document and the image, both counted from 1.
func ReadImages(r io.Reader) ([]Image, error) {
	in := imageReader{decoder: json.NewDecoder(r), seen: map[string]string{}}
	for number := 1; ; number++ {
		var document json.RawMessage
		switch err := in.decoder.Decode(&document); {
		case errors.Is(err, io.EOF) && number == 1:
			return nil, errors.New("the file is empty: write what aws ecr describe-images prints into it")
		case errors.Is(err, io.EOF):
			return in.images, nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return nil, fmt.Errorf("document %d ends too early", number)
		case err != nil:
			return nil, unreadable(number, err)
		}
		if err := in.document(fmt.Sprintf("document %d", number), document); err != nil {
			return nil, err
		}
	}
}

func unreadable(number int, err error) error {
	if _, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("document %d is no JSON: %w", number, err)
	}
	return fmt.Errorf("reading the images: %w", err)
}

type imageReader struct {
	decoder    *json.Decoder
	images     []Image
	seen       map[string]string // digest → place
	repository string
}

func (in *imageReader) document(place string, document json.RawMessage) error {
	list := document
	if kindOf(document) == "an object" {
		var page struct {
			Details json.RawMessage `json:"imageDetails"`
		}
		if err := json.Unmarshal(document, &page); err != nil {
			return fmt.Errorf("%s: %w", place, err)
		}
		if page.Details == nil {
			return fmt.Errorf("%s has no imageDetails: give what aws ecr describe-images prints", place)
		}
		list = page.Details
	}
	if kindOf(list) != "an array" {
		return fmt.Errorf("%s: imageDetails must be an array, not %s", place, kindOf(list))
	}
	var items []json.RawMessage
	if err := json.Unmarshal(list, &items); err != nil {
		return fmt.Errorf("%s: %w", place, err)
	}
	for i, item := range items {
		if err := in.image(fmt.Sprintf("%s, image %d", place, i+1), item); err != nil {
			return err
		}
	}
	return nil
}

func (in *imageReader) image(place string, item json.RawMessage) error {
	var d imageDocument
	if kindOf(item) != "an object" {
		return fmt.Errorf("%s must be an object, not %s", place, kindOf(item))
	}
	if err := json.Unmarshal(item, &d); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return fmt.Errorf("%s: %s cannot be a %s", place, wrong.Field, wrong.Value)
		}
		return fmt.Errorf("%s: %w", place, err)
	}
	if err := in.identify(place, d); err != nil {
		return err
	}
	image := Image{
		Digest: d.Digest, Tags: d.Tags, SizeBytes: d.Size, Status: d.Status,
		Index: d.MediaType == dockerIndex || d.MediaType == ociIndex,
	}
	for _, t := range []struct {
		field string
		raw   json.RawMessage
		into  *time.Time
	}{
		{"imagePushedAt", d.PushedAt, &image.PushedAt},
		{"lastRecordedPullTime", d.LastPulled, &image.LastPulledAt},
		{"lastActivatedAt", d.LastActivated, &image.LastActivatedAt},
		{"lastArchivedAt", d.LastArchived, &image.LastArchivedAt},
	} {
		moment, err := readTime(t.raw)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", place, t.field, err)
		}
		*t.into = moment
	}
	in.images = append(in.images, image)
	return nil
}

// identify checks that an image has a digest of its own, and is of the same
// repository as the others.
func (in *imageReader) identify(place string, d imageDocument) error {
	if d.Digest == "" {
		return fmt.Errorf("%s: imageDigest is missing", place)
	}
	if d.Repository != "" && in.repository != "" && d.Repository != in.repository {
		return fmt.Errorf("%s is of the repository %q, the ones before are of %q: a policy is for one repository", place, d.Repository, in.repository)
	}
	if in.repository == "" {
		in.repository = d.Repository
	}
	if earlier, twice := in.seen[d.Digest]; twice {
		return fmt.Errorf("%s has the digest of %s: give each image once", place, earlier)
	}
	in.seen[d.Digest] = place
	return nil
}

// readTime reads a time in one of the two forms. Absent and null are the zero
// time.
func readTime(raw json.RawMessage) (time.Time, error) {
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return time.Time{}, nil
	}
	if kindOf(raw) == "a number" {
		return readEpoch(string(raw))
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return time.Time{}, fmt.Errorf("a time cannot be %s: write it as 2026-03-01T12:00:00Z or in seconds since 1970", kindOf(raw))
	}
	moment, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%.60q is no time with a zone: write it as 2026-03-01T12:00:00Z or in seconds since 1970", text)
	}
	if year := moment.UTC().Year(); year < 1970 || year > 2255 {
		return time.Time{}, fmt.Errorf("%.60q is not between the years 1970 and 2255", text)
	}
	return moment.UTC(), nil
}

// epoch is a number of seconds since 1970 before the year 2255, the last that
// can be told in nanoseconds.
var epoch = regexp.MustCompile(`^([0-8]?[0-9]{1,9})(?:\.([0-9]{1,20}))?$`)

func readEpoch(text string) (time.Time, error) {
	m := epoch.FindStringSubmatch(text)
	if m == nil {
		return time.Time{}, fmt.Errorf("%.40s is no time in seconds since 1970", text)
	}
	fraction := (m[2] + "000000000")[:9]
	seconds, _ := strconv.ParseInt(m[1], 10, 64)         // only digits, and few
	nanoseconds, _ := strconv.ParseInt(fraction, 10, 64) // only digits
	return time.Unix(seconds, nanoseconds).UTC(), nil
}

// FromSnapshot takes what a policy looks at from the images of a snapshot.
func FromSnapshot(images []snapshot.Image) []Image {
	views := make([]Image, len(images))
	for i := range images {
		image := &images[i]
		views[i] = Image{
			Digest: image.Digest, Tags: image.Tags, PushedAt: image.PushedAt, LastPulledAt: image.LastPulledAt,
			LastActivatedAt: image.LastActivatedAt, LastArchivedAt: image.LastArchivedAt,
			SizeBytes: image.SizeBytes, Status: image.Status, Index: image.Kind == snapshot.KindIndex,
		}
		if image.Children == nil {
			continue
		}
		views[i].Children = make([]string, len(image.Children))
		for j, child := range image.Children {
			views[i].Children[j] = child.Digest
		}
	}
	return views
}
