package imagegraph

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ecraudit/ecraudit/internal/snapshot"
)

var (
	early = time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	late  = time.Date(2026, 9, 5, 0, 0, 0, 0, time.UTC)
)

func hex(c string) string { return "sha256:" + strings.Repeat(c, 64) }

// release is an index of two images with an attestation by BuildKit, signed by
// cosign; one of the images has an SBOM of its own.
func release() []snapshot.Image {
	scanned := func(at time.Time, counts map[string]int) *snapshot.Scan {
		return &snapshot.Scan{Status: "COMPLETE", CompletedAt: at, Counts: counts, Source: "ecr:DescribeImageScanFindings"}
	}
	return []snapshot.Image{
		{Digest: hex("1"), Tags: []string{"1.0.0"}, Kind: snapshot.KindIndex, LastPulledAt: late, Children: []snapshot.Child{
			{Digest: hex("a"), Platform: "linux/amd64"}, {Digest: hex("b"), Platform: "linux/arm64"}, {Digest: hex("c"), Platform: "unknown/unknown", Attestation: true},
		}},
		{Digest: hex("a"), Kind: snapshot.KindImage, LastPulledAt: early, Scan: scanned(late, map[string]int{"HIGH": 2, "LOW": 1})},
		{Digest: hex("b"), Kind: snapshot.KindImage, Scan: scanned(early, map[string]int{"HIGH": 1, "LOW": 5})},
		{Digest: hex("c"), Kind: snapshot.KindAttestation},
		{Digest: hex("d"), Tags: []string{"sha256-" + strings.Repeat("1", 64) + ".sig"}, Kind: snapshot.KindSignature},
		{Digest: hex("e"), Subject: hex("a"), Kind: snapshot.KindSBOM},
		{Digest: hex("f"), Kind: snapshot.KindImage},
	}
}

func TestInheritance(t *testing.T) {
	images := release()
	g := New(images)
	index, amd, arm, leftover := &images[0], &images[1], &images[2], &images[6]
	for name, c := range map[string]struct{ got, want any }{
		"the parent of a child":                   {g.Parents(amd)[0].Digest, index.Digest},
		"use goes down":                           {g.LastPull(arm), late},
		"and up":                                  {New([]snapshot.Image{{Digest: "i", Children: []snapshot.Child{{Digest: "c"}}}, {Digest: "c", LastPulledAt: late}}).LastPull(&snapshot.Image{Children: []snapshot.Child{{Digest: "c"}}}), late},
		"nobody refers to the leftover":           {len(g.Parents(leftover)), 0},
		"a leftover is waste":                     {g.Waste(leftover), true},
		"a child is none":                         {g.Waste(amd), false},
		"an SBOM is none":                         {g.Waste(&images[5]), false},
		"the signature of the index":              {g.Describing(index, snapshot.KindSignature), []string{hex("d")}},
		"is that of its images":                   {g.Describing(arm, snapshot.KindSignature), []string{hex("d")}},
		"not of others":                           {g.Describing(leftover, snapshot.KindSignature), []string(nil)},
		"an SBOM of one image is not the index's": {g.Describing(index, snapshot.KindSBOM), []string(nil)},
		"an attestation in the index":             {g.Describing(index, snapshot.KindAttestation), []string{hex("c")}},
		"platforms leave out the attestation":     {Platforms(index), []string{"linux/amd64", "linux/arm64"}},
		"usual platforms":                         {g.UsualPlatforms(func(*snapshot.Image) bool { return true }), []string{"linux/amd64", "linux/arm64"}},
		"referrers":                               {len(g.Referrers(amd)), 1},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
	images[2].Subject = "" // the other image gets an SBOM too
	images = append(images, snapshot.Image{Digest: hex("9"), Subject: hex("b"), Kind: snapshot.KindSBOM})
	if got := New(images).Describing(&images[0], snapshot.KindSBOM); !slices.Equal(got, []string{hex("9"), hex("e")}) {
		t.Errorf("an index of which each image has an SBOM has %v", got)
	}
}

func TestScanOfAnIndex(t *testing.T) {
	images := release()
	index := &images[0]
	scan := New(images).Scan(index)
	if scan.State != Findings || scan.Counts["HIGH"] != 2 || scan.Counts["LOW"] != 5 || !scan.ScannedAt.Equal(early) || scan.Source == "" {
		t.Errorf("both scanned: %+v", scan)
	}
	images[2].Scan = &snapshot.Scan{Status: "PENDING"}
	if scan := New(images).Scan(index); scan.State != Pending || !strings.Contains(scan.Reason, "linux/arm64") || scan.Counts["HIGH"] != 2 {
		t.Errorf("one pending: %+v", scan)
	}
	index.Children = append(index.Children, snapshot.Child{Digest: "gone"})
	if scan := New(images).Scan(index); scan.Known() || !strings.Contains(scan.Reason, "gone") {
		t.Errorf("one missing: %+v", scan)
	}
	index.Children = []snapshot.Child{}
	if scan := New(images).Scan(index); scan.Known() || !strings.Contains(scan.Reason, "no container image") {
		t.Errorf("none: %+v", scan)
	}
	index.Children = nil
	if scan := New(images).Scan(index); scan.Known() || !strings.Contains(scan.Reason, "manifest of this index was not read") {
		t.Errorf("unread: %+v", scan)
	}
	index.Children = []snapshot.Child{{Digest: index.Digest}}
	if scan := New(images).Scan(index); scan.Known() || !strings.Contains(scan.Reason, "without end") {
		t.Errorf("an index of itself: %+v", scan)
	}
}

func TestScanStates(t *testing.T) {
	none := map[string]int{}
	for _, c := range []struct {
		scan *snapshot.Scan
		want State
	}{
		{nil, Unknown},
		{&snapshot.Scan{Status: "COMPLETE", Counts: none}, Clean},
		{&snapshot.Scan{Status: "ACTIVE", Counts: map[string]int{"LOW": 0}}, Clean},
		{&snapshot.Scan{Status: "ACTIVE", Counts: map[string]int{"LOW": 1}}, Findings},
		{&snapshot.Scan{Status: "COMPLETE"}, Unknown}, // absent is never zero
		{&snapshot.Scan{Status: "FAILED", Counts: none}, Failed},
		{&snapshot.Scan{Status: "IN_PROGRESS"}, Pending},
		{&snapshot.Scan{Status: "UNSUPPORTED_IMAGE"}, Unsupported},
		{&snapshot.Scan{Status: "SCAN_ELIGIBILITY_EXPIRED", Counts: none}, Expired},
		{&snapshot.Scan{Status: "FINDINGS_UNAVAILABLE"}, Unknown},
		{&snapshot.Scan{Status: snapshot.ScanNotScanned}, NotScanned},
		{&snapshot.Scan{Status: snapshot.ScanUnread}, Unknown},
		{&snapshot.Scan{Status: "SOMETHING_NEW", Counts: none}, Unknown},
	} {
		image := snapshot.Image{Digest: hex("a"), Kind: snapshot.KindImage, Scan: c.scan}
		got := New([]snapshot.Image{image}).Scan(&image)
		if got.State != c.want || got.Known() == (got.Reason != "") {
			t.Errorf("%+v is %q because %q, want %q", c.scan, got.State, got.Reason, c.want)
		}
	}
}

// Whatever is not known of one image, an index has no fewer vulnerabilities
// than each of its images that is.
func TestLawVulnerabilitiesGoUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		index := snapshot.Image{Digest: "index", Kind: snapshot.KindIndex, Children: []snapshot.Child{}}
		images := []snapshot.Image{}
		for i := range rapid.IntRange(0, 4).Draw(t, "children") {
			digest := string(rune('a' + i))
			index.Children = append(index.Children, snapshot.Child{Digest: digest})
			if rapid.Bool().Draw(t, "present") {
				images = append(images, snapshot.Image{Digest: digest, Kind: snapshot.KindImage, Scan: &snapshot.Scan{
					Status: rapid.SampledFrom([]string{"COMPLETE", "PENDING", "FAILED"}).Draw(t, "status"),
					Counts: map[string]int{"HIGH": rapid.IntRange(0, 3).Draw(t, "high")},
				}})
			}
		}
		images = append(images, index)
		g := New(images)
		whole := g.Scan(&index)
		for i := range images[:len(images)-1] {
			child := g.Scan(&images[i])
			if !child.Known() && whole.Known() {
				t.Fatalf("%+v is known, although %+v is not", whole, child)
			}
			if child.Known() && whole.Counts["HIGH"] < child.Counts["HIGH"] {
				t.Fatalf("%+v has fewer than %+v", whole, child)
			}
		}
	})
}

// Indexes of indexes that share their images are not followed for ever.
func TestScanOfCraftedIndexes(t *testing.T) {
	var images []snapshot.Image
	for level := range nesting {
		index := snapshot.Image{Digest: string(rune('a' + level)), Kind: snapshot.KindIndex}
		for range 50 {
			index.Children = append(index.Children, snapshot.Child{Digest: string(rune('a' + level + 1))})
		}
		images = append(images, index)
	}
	if scan := New(images).Scan(&images[0]); scan.Known() {
		t.Errorf("%+v", scan)
	}
}
