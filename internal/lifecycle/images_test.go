package lifecycle

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReadImages(t *testing.T) {
	a := Image{Digest: "sha256:a", Tags: []string{"v1", "dev"}, SizeBytes: 123, Status: "ACTIVE", PushedAt: now, LastPulledAt: now.Add(1500 * time.Millisecond)}
	b := Image{Digest: "sha256:b", PushedAt: now, Index: true}
	const second = `{"imageDigest":"sha256:b","imagePushedAt":"2026-03-01T12:00:00Z","imageManifestMediaType":"application/vnd.oci.image.index.v1+json"}`
	tests := []struct {
		name, text string
		want       []Image
	}{
		{"version 2 of the AWS CLI", `{"imageDetails":[{"registryId":"111122223333","repositoryName":"team/api","imageDigest":"sha256:a","imageTags":["v1","dev"],"imageSizeInBytes":123,
			"imagePushedAt":"2026-03-01T13:00:00+01:00","imageScanStatus":{"status":"COMPLETE"},"imageManifestMediaType":"application/vnd.oci.image.manifest.v1+json",
			"lastRecordedPullTime":"2026-03-01T12:00:01.500000+00:00","imageStatus":"ACTIVE"}],"nextToken":"more"}`, []Image{a}},
		{"version 1 of the AWS CLI", `{"imageDetails":[{"imageDigest":"sha256:a","imageTags":["v1","dev"],"imageSizeInBytes":123,"imagePushedAt":1772366400.0,"lastRecordedPullTime":1772366401.5,"imageStatus":"ACTIVE"}]}`, []Image{a}},
		{"whole seconds", `[{"imageDigest":"sha256:b","imagePushedAt":1772366400,"imageManifestMediaType":"application/vnd.docker.distribution.manifest.list.v2+json"}]`, []Image{b}},
		{"a bare list", `[` + second + `]`, []Image{b}},
		{"pages", `{"imageDetails":[]}` + "\n" + `{"imageDetails":[` + second + `]}` + ` [{"imageDigest":"sha256:c","imageStatus":"ARCHIVED","lastArchivedAt":"2026-03-01T12:00:00Z","lastActivatedAt":null}]`,
			[]Image{b, {Digest: "sha256:c", Status: "ARCHIVED", LastArchivedAt: now}}},
		{"no images", `{"imageDetails":[]}`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ReadImages(strings.NewReader(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReadImagesRefuses(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"nothing", " \n", "the file is empty: write what aws ecr describe-images prints into it"},
		{"cut off", `{"imageDetails":[{"imageDigest":"a"}`, "document 1 ends too early"},
		{"no JSON", `{"imageDetails":[]} imageDetails`, "document 2 is no JSON: invalid character 'i' looking for beginning of value"},
		{"something else", `{"repositories":[]}`, "document 1 has no imageDetails: give what aws ecr describe-images prints"},
		{"a number", `[] 7`, "document 2: imageDetails must be an array, not a number"},
		{"null", `{"imageDetails":null}`, "document 1: imageDetails must be an array, not null"},
		{"an image that is none", `["sha256:a"]`, "document 1, image 1 must be an object, not a string"},
		{"no digest", `[{"imageDigest":"a"},{"imageTags":["b"]}]`, "document 1, image 2: imageDigest is missing"},
		{"digest is a number", `[{"imageDigest":7}]`, "document 1, image 1: imageDigest cannot be a number"},
		{"the same digest twice", `[{"imageDigest":"a"}] [{"imageDigest":"b"},{"imageDigest":"a"}]`, "document 2, image 2 has the digest of document 1, image 1: give each image once"},
		{"two repositories", `[{"imageDigest":"a","repositoryName":"x"},{"imageDigest":"b","repositoryName":"y"}]`, `document 1, image 2 is of the repository "y", the ones before are of "x": a policy is for one repository`},
		{"no zone", `[{"imageDigest":"a","imagePushedAt":"2026-03-01T12:00:00"}]`, `document 1, image 1: imagePushedAt: "2026-03-01T12:00:00" is no time with a zone: write it as 2026-03-01T12:00:00Z or in seconds since 1970`},
		{"year of another age", `[{"imageDigest":"a","imagePushedAt":"0001-01-01T00:00:00Z"}]`, `document 1, image 1: imagePushedAt: "0001-01-01T00:00:00Z" is not between the years 1970 and 2255`},
		{"milliseconds", `[{"imageDigest":"a","lastRecordedPullTime":1772366400000}]`, "document 1, image 1: lastRecordedPullTime: 1772366400000 is no time in seconds since 1970"},
		{"negative", `[{"imageDigest":"a","lastArchivedAt":-5}]`, "document 1, image 1: lastArchivedAt: -5 is no time in seconds since 1970"},
		{"huge exponent", `[{"imageDigest":"a","lastActivatedAt":1e999999}]`, "document 1, image 1: lastActivatedAt: 1e999999 is no time in seconds since 1970"},
		{"time is a list", `[{"imageDigest":"a","imagePushedAt":[]}]`, "document 1, image 1: imagePushedAt: a time cannot be an array: write it as 2026-03-01T12:00:00Z or in seconds since 1970"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			images, err := ReadImages(strings.NewReader(tt.text))
			if err == nil || err.Error() != tt.want || images != nil {
				t.Errorf("got %v\nwant %s", err, tt.want)
			}
		})
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("the disk is on fire") }

func TestReadImagesFromBrokenReader(t *testing.T) {
	if _, err := ReadImages(brokenReader{}); err == nil || err.Error() != "reading the images: the disk is on fire" {
		t.Errorf("got %v", err)
	}
}

func FuzzReadImages(f *testing.F) {
	for _, text := range []string{
		`{"imageDetails":[{"imageDigest":"sha256:a","imageTags":["v1"],"imagePushedAt":1772366400.25,"imageSizeInBytes":9}]}`,
		`[{"imageDigest":"a","imagePushedAt":"2026-03-01T12:00:00.5+01:00"}] []`, `{"imageDetails":[null]}`, `[{"imageDigest":"a","imagePushedAt":1e99}]`, `{}`, `[`, ``,
	} {
		f.Add(text)
	}
	p := mustParse(f, ruleText(1, prefixes("v")+","+newest5, expire), ruleText(2, anyTag+","+pushed7, expire))
	f.Fuzz(func(t *testing.T, text string) {
		images, err := ReadImages(strings.NewReader(text))
		if err != nil {
			return
		}
		digests := map[string]bool{}
		for _, image := range images {
			if image.Digest == "" || digests[image.Digest] {
				t.Errorf("the digest %q is missing or not unique", image.Digest)
			}
			digests[image.Digest] = true
			for _, moment := range []time.Time{image.PushedAt, image.LastPulledAt, image.LastActivatedAt, image.LastArchivedAt} {
				if !moment.IsZero() && (moment.Year() < 1970 || moment.Year() > 2255) {
					t.Errorf("%s is no time of an image", moment)
				}
			}
		}
		p.Simulate(images, now)
	})
}
