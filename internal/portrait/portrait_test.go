package portrait

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ecraudit/ecraudit/internal/access"
	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/imagegraph"
	"github.com/ecraudit/ecraudit/internal/lifecycle"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

var now = time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)

func settings() *config.Effective { return config.Default().For(config.Resource{}) }

func drawn(images []snapshot.Image, findings ...finding.Finding) *report.DetailImages {
	return drawImages(&snapshot.Repository{Images: images}, &evaluate.ImageEvidence{Graph: imagegraph.New(images), Settings: settings()}, findings)
}

func TestGrantsWidestFirst(t *testing.T) {
	exposures := []access.Exposure{
		access.ExposureOwn, access.ExposureInside, access.ExposureTrusted, access.ExposureOutside, access.ExposurePublic, access.ExposureUnknown,
	}
	var analysis access.Analysis
	for i := range 60 {
		analysis.Grants = append(analysis.Grants, access.Grant{Exposure: exposures[i%len(exposures)], Statement: fmt.Sprint(i)})
	}
	before := slices.Clone(analysis.Grants)
	d := drawAccess("{}", &analysis)
	if len(d.Grants) != 50 || d.Omitted != 10 {
		t.Errorf("%d grants and %d omitted", len(d.Grants), d.Omitted)
	}
	var order []access.Exposure
	for _, g := range d.Grants {
		order = append(order, g.Exposure)
	}
	if diff := cmp.Diff(widestFirst()[:5], slices.Compact(order)); diff != "" {
		t.Error(diff)
	}
	if d.Grants[0].Statement != "4" || d.Grants[1].Statement != "10" {
		t.Errorf("grants of one exposure change places: %+v", d.Grants[:2])
	}
	if diff := cmp.Diff(before, analysis.Grants); diff != "" {
		t.Errorf("the grants that rules see were changed:\n%s", diff)
	}
}

func TestDuesAreJoined(t *testing.T) {
	var dues []lifecycle.Due
	for day := range 91 {
		for rule := range 4 {
			dues = append(dues, lifecycle.Due{
				At: now.AddDate(0, 0, day), Rule: rule + 1, Action: lifecycle.Transition, Images: 1, Bytes: 10, Tags: []string{fmt.Sprint(day)},
			})
		}
	}
	var d report.DetailLifecycle
	drawTimeline(&d, lifecycle.Timeline{Due: dues, Stay: 1, Undecided: 2, Until: now.AddDate(0, 0, 90)}, now)
	if n := len(d.Timeline); n > 120 || n < 60 {
		t.Errorf("%d entries", n)
	}
	images := 0
	for i, due := range d.Timeline {
		images += due.Images
		if i < 4 && (due.Images != 1 || !due.At.Equal(now)) {
			t.Errorf("what is due now is put together with what is not: %+v", due)
		}
		if due.Bytes != 10*int64(due.Images) || due.Action != "archive" || len(due.Tags) != 1 {
			t.Errorf("entry %+v", due)
		}
	}
	if images != len(dues) || d.Stay != 1 || d.Undecided != 2 || !d.Horizon.Equal(now.AddDate(0, 0, 90)) {
		t.Errorf("%d images in all, %+v", images, d)
	}
	if !slices.IsSortedFunc(d.Timeline, func(a, b report.DetailDue) int { return a.At.Compare(b.At) }) {
		t.Error("the entries are not in order")
	}
	few := joinDues(dues[:8], now, 1)
	if len(few) != 8 {
		t.Errorf("%d entries of 8", len(few))
	}
}

func TestImagesOfAnIndex(t *testing.T) {
	children := make([]snapshot.Child, 150)
	for i := range children {
		children[i] = snapshot.Child{Digest: fmt.Sprintf("sha256:child%03d", i), Platform: "linux/amd64"}
	}
	tags := make([]string, 30)
	for i := range tags {
		tags[i] = fmt.Sprint("tag", i)
	}
	d := drawn([]snapshot.Image{{Digest: "sha256:index", Kind: snapshot.KindIndex, Tags: tags, Children: children}, {Digest: "sha256:child000", Kind: snapshot.KindImage}})
	if len(d.Shown) != 2 || len(d.Shown[0].Children) != 100 || len(d.Shown[0].Tags) != 20 || d.Shown[1].Platform != "linux/amd64" {
		t.Errorf("shown are %+v", d.Shown)
	}
}

func TestScansInWords(t *testing.T) {
	scan := func(image snapshot.Image, more ...snapshot.Image) (string, map[string]int) {
		images := append([]snapshot.Image{image}, more...)
		d := drawImage(node{image: &images[0]}, &evaluate.ImageEvidence{Graph: imagegraph.New(images), Settings: settings(), Scans: true})
		return d.Scan, d.Vulnerabilities
	}
	complete := &snapshot.Scan{Status: "COMPLETE", Counts: map[string]int{"HIGH": 2, "LOW": 0}}
	for name, c := range map[string]struct {
		image           snapshot.Image
		scan            string
		vulnerabilities map[string]int
	}{
		"findings":  {snapshot.Image{Kind: snapshot.KindImage, Scan: complete}, "findings", map[string]int{"HIGH": 2}},
		"clean":     {snapshot.Image{Kind: snapshot.KindImage, Scan: &snapshot.Scan{Status: "COMPLETE", Counts: map[string]int{}}}, "clean", nil},
		"not asked": {snapshot.Image{Kind: snapshot.KindImage}, "nothing was asked about its vulnerabilities", nil},
		"signature": {snapshot.Image{Kind: snapshot.KindSignature}, "", nil},
	} {
		if got, counts := scan(c.image); got != c.scan || !maps.Equal(counts, c.vulnerabilities) {
			t.Errorf("%s: %q %v", name, got, counts)
		}
	}
	got, counts := scan(snapshot.Image{Kind: snapshot.KindIndex, Children: []snapshot.Child{{Digest: "a", Platform: "linux/amd64"}, {Digest: "b", Platform: "linux/arm64"}}},
		snapshot.Image{Digest: "a", Kind: snapshot.KindImage, Scan: complete}, snapshot.Image{Digest: "b", Kind: snapshot.KindImage})
	if got != "its image for linux/arm64: nothing was asked about its vulnerabilities" || !maps.Equal(counts, map[string]int{"HIGH": 2}) {
		t.Errorf("half known: %q %v", got, counts)
	}
}

// As many images are shown as there is room for, none twice. One with a finding
// is left out only where all that is shown belongs together with such images.
func TestLawShownImages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		images := drawImagesOf(t)
		var findings []finding.Finding
		for i := range images {
			if rapid.IntRange(0, 5).Draw(t, "found") == 0 {
				severity := rapid.SampledFrom(finding.Severities()).Draw(t, "severity")
				findings = append(findings, finding.Finding{Digest: images[i].Digest, Severity: severity, Status: finding.Fail})
			}
		}
		d := drawn(images, findings...)
		if want := min(len(images), mostImages); len(d.Shown) != want || d.Total != len(images) || d.Omitted != len(images)-want {
			t.Fatalf("of %d images %d are shown and %d omitted", len(images), len(d.Shown), d.Omitted)
		}
		shown := map[string]bool{}
		for _, image := range d.Shown {
			if shown[image.Digest] {
				t.Fatalf("%s is shown twice", image.Digest)
			}
			shown[image.Digest] = true
		}
		if !slices.ContainsFunc(findings, func(f finding.Finding) bool { return !shown[f.Digest] }) {
			return
		}
		together, graph := map[string]bool{}, imagegraph.New(images)
		for i := range images {
			if slices.ContainsFunc(findings, func(f finding.Finding) bool { return f.Digest == images[i].Digest }) {
				graph.Reach(graph.Root(&images[i]).Digest, together)
				graph.Reach(images[i].Digest, together)
				together[images[i].Digest] = true
			}
		}
		for digest := range shown {
			if !together[digest] {
				t.Fatalf("%s is shown, and one with a finding is left out", digest)
			}
		}
	})
}

func drawImagesOf(t *rapid.T) []snapshot.Image {
	images := make([]snapshot.Image, rapid.SampledFrom([]int{0, 1, 5, 199, 200, 201, 260}).Draw(t, "images"))
	for i := range images {
		images[i] = snapshot.Image{Digest: fmt.Sprintf("sha256:%03d", i), Kind: snapshot.KindImage, PushedAt: now.Add(-time.Duration(i%17) * time.Hour)}
		switch rapid.IntRange(0, 9).Draw(t, "what") {
		case 0:
			images[i].Kind, images[i].Children = snapshot.KindIndex, []snapshot.Child{}
			for range rapid.IntRange(0, 40).Draw(t, "children") {
				images[i].Children = append(images[i].Children, snapshot.Child{Digest: fmt.Sprintf("sha256:%03d", rapid.IntRange(0, len(images)+3).Draw(t, "child"))})
			}
		case 1:
			images[i].Kind, images[i].Subject = snapshot.KindSignature, fmt.Sprintf("sha256:%03d", rapid.IntRange(0, len(images)+3).Draw(t, "subject"))
		}
	}
	return images
}
