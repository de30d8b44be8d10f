package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/report"
)

// runAt executes a command line at the moment of the simulation, so that what is
// told of the days to come stays the same.
func (w *world) runAt(line string) result {
	w.t.Helper()
	var out, err bytes.Buffer
	now := func() time.Time { return w.org.Now() }
	code := run(w.t.Context(), strings.Fields(line), streams{out: &out, err: &err, now: now})
	return result{code, out.String(), err.String()}
}

func (w *world) details(line string) map[string]report.Detail {
	w.t.Helper()
	r := w.runAt("audit --details --format json " + line)
	var d struct {
		Details []report.Detail `json:"details"`
	}
	if err := json.Unmarshal([]byte(r.out), &d); err != nil {
		w.t.Fatalf("audit --details %s: %v\n%s", line, err, r.err)
	}
	details := map[string]report.Detail{}
	for _, detail := range d.Details {
		details[detail.Repository] = detail
	}
	return details
}

func TestDetails(t *testing.T) {
	w := demoWorld(t)
	for file, repository := range map[string]string{
		"detail-access.json":    "access/partner",
		"detail-images.json":    "payments/multi-arch-vulnerable",
		"detail-lifecycle.json": "lifecycle/expires-releases",
		"detail-invalid.json":   "lifecycle/invalid",
		"detail-none.json":      "lifecycle/none",
	} {
		text, err := json.MarshalIndent(w.details(orgFlags)[repository], "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, file, string(text)+"\n")
	}
}

// Details come beside findings: they change none, nor how the audit ends, and
// nothing is asked of AWS for them.
func TestDetailsChangeNothingElse(t *testing.T) {
	w := demoWorld(t)
	minimal := "rules:\n"
	for id := range plantings {
		if id != "required-tags" {
			minimal += "  " + id + ": off\n"
		}
	}
	w.write("minimal.yaml", minimal+"required_tags: [team]\n")
	for _, flags := range []string{orgFlags, orgFlags + "--config minimal.yaml"} {
		calls := func(line string) (result, map[string]int) {
			w.server.ResetCalls()
			r := w.runAt(line + flags)
			made := map[string]int{}
			for operation, count := range w.server.Calls().ByOperation() {
				made[operation] = count.Calls
			}
			return r, made
		}
		plain, plainCalls := calls("audit --format ndjson")
		detailed, detailedCalls := calls("audit --format ndjson --details")
		if diff := cmp.Diff(plainCalls, detailedCalls); diff != "" {
			t.Errorf("%s: other calls with details:\n%s", flags, diff)
		}
		if plain.code != detailed.code {
			t.Errorf("%s: exit codes %d and %d", flags, plain.code, detailed.code)
		}
		var rest strings.Builder
		count := 0
		for line := range strings.Lines(detailed.out) {
			if strings.HasPrefix(line, `{"type":"detail",`) {
				count++
				continue
			}
			rest.WriteString(line)
		}
		if diff := cmp.Diff(plain.out, rest.String()); diff != "" {
			t.Errorf("%s: the rest of the report differs:\n%s", flags, diff)
		}
		if count < 60 {
			t.Errorf("%s: %d details", flags, count)
		}
	}
	for name, d := range w.details(orgFlags + "--config minimal.yaml") {
		if d.Access != nil || d.Lifecycle != nil || d.Images != nil || d.Cost != nil || d.Scanning != nil || d.Tags == nil {
			t.Errorf("%s tells what no rule needed: %+v", name, d)
		}
	}
}

func TestDetailsOfASnapshotAndOfASavedReport(t *testing.T) {
	w := demoWorld(t)
	if r := w.runAt("snapshot -o org.snapshot" + orgFlags); r.code != 3 {
		t.Fatalf("exit code %d: %s", r.code, r.err)
	}
	w.runAt("audit --details -o live.json -o live.ndjson" + orgFlags)
	w.runAt("audit --details -o saved.json -o saved.ndjson --snapshot org.snapshot")
	for _, format := range []string{"json", "ndjson"} {
		live := fileText(t, "live."+format)
		if diff := cmp.Diff(live, fileText(t, "saved."+format)); diff != "" {
			t.Errorf("%s of AWS and of its snapshot differ:\n%s", format, diff)
		}
		for _, from := range []string{"json", "ndjson"} {
			r := w.run("report live." + from + " --format " + format)
			if diff := cmp.Diff(live, r.out); diff != "" {
				t.Errorf("%s made of a saved %s differs: %s\n%s", format, from, r.err, diff)
			}
		}
	}
}

func TestDetailsAreToldWhereTheyAreWanted(t *testing.T) {
	w := demoWorld(t)
	r := w.run("audit --details -o report.csv -o -" + orgFlags)
	if r.code != 1 || !strings.Contains(r.err, "--details") || !strings.Contains(r.err, "json or ndjson") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	if calls := w.server.Calls().Total().Calls; calls > 0 {
		t.Errorf("%d calls were made", calls)
	}
	w.run("audit -o without.json" + orgFlags)
	w.run("audit --details -o with.json -o with.csv" + orgFlags)
	w.run("audit --fix --yes --only required-tags --details -o fixed.json" + orgFlags)
	for file, want := range map[string]bool{"without.json": false, "with.json": true, "with.csv": false, "fixed.json": true} {
		if got := strings.Contains(fileText(t, file), `"details": [`); got != want {
			t.Errorf("%s has details: %v", file, got)
		}
	}
}

// A format that is not whole without details has them, and no other for its sake.
func TestFormatsThatAskForDetails(t *testing.T) {
	for _, c := range []struct {
		formats string
		all     bool
		want    string
	}{
		{"table json csv", false, ""},
		{"table json csv", true, "json"},
		{"html json ndjson", false, "html"},
		{"html json ndjson csv", true, "html json ndjson"},
	} {
		var to destinations
		for format := range strings.FieldsSeq(c.formats) {
			to = append(to, &destination{format: format})
		}
		asked := to.askForDetails(c.all)
		var got []string
		for _, one := range to {
			if one.details {
				got = append(got, one.format)
			}
		}
		if strings.Join(got, " ") != c.want || asked != (c.want != "") {
			t.Errorf("%s, all: %v: details are told to %q, asked: %v", c.formats, c.all, got, asked)
		}
	}
}

// What could not be read is absent, and nothing that rests on it is told.
func TestDetailsOfWhatWasNotRead(t *testing.T) {
	for operation, c := range map[string]struct {
		config string
		absent func(report.Detail) bool
	}{
		"ecr:GetRepositoryPolicy": {absent: func(d report.Detail) bool { return d.Access == nil && d.Images != nil }},
		"ecr:GetLifecyclePolicy":  {absent: func(d report.Detail) bool { return d.Lifecycle == nil && d.Cost != nil && d.Cost.Freed == nil }},
		"ecr:DescribeImages": {absent: func(d report.Detail) bool {
			return d.Images == nil && d.Cost == nil && d.Lifecycle != nil && d.Lifecycle.Rules != nil && d.Lifecycle.Horizon.IsZero()
		}},
		"ecr:BatchGetImage": {absent: func(d report.Detail) bool { // no index is known from inside
			return !slices.ContainsFunc(d.Images.Shown, func(i report.DetailImage) bool { return len(i.Children) > 0 }) &&
				slices.ContainsFunc(d.Images.Shown, func(i report.DetailImage) bool { return strings.Contains(i.Scan, "manifest") })
		}},
		"ecr:ListTagsForResource": {
			config: "scopes:\n  - match: {tags: {team: payments}}\n    settings: {trusted_accounts: {\"999988887777\": partner}}\n",
			absent: func(d report.Detail) bool {
				return d.Tags == nil && d.Access == nil && d.Images == nil && d.Cost == nil && d.Lifecycle != nil && d.Lifecycle.Timeline != nil
			},
		},
		"organizations:ListTagsForResource": {
			config: "scopes:\n  - match: {account_tags: {stage: prod}}\n    settings: {trusted_accounts: {\"999988887777\": partner}}\n",
			absent: func(d report.Detail) bool {
				return d.Access == nil && d.Images == nil && d.Cost == nil && d.Lifecycle != nil && d.Lifecycle.Timeline != nil
			},
		},
	} {
		t.Run(operation, func(t *testing.T) {
			w := demoWorld(t)
			w.write("ecraudit.yaml", c.config)
			fault := awssim.Fault{Kind: awssim.Denied, Account: awssim.DemoPayments, Operation: operation}
			if strings.HasPrefix(operation, "organizations:") {
				fault.Account = "" // it is asked of the organization
			}
			w.server.Faults().Add(fault)
			d, there := w.details("--accounts " + awssim.DemoPayments + " --role-name ecraudit-reader")["payments/multi-arch-vulnerable"]
			if !there || !c.absent(d) {
				t.Errorf("the details are %+v", d)
			}
		})
	}
}

// A policy that acts for weeks is told day by day, together with what an index
// frees when it goes, and what is no longer told of many images is counted.
func TestDetailsOfALargeRepository(t *testing.T) {
	const day = 24 * time.Hour
	w := newWorld(t, awssim.NewOrganization(awssim.OrganizationOptions{ManagementAccount: "111122223333"}))
	rule := `{"rulePriority":%d,"selection":{"tagStatus":%s,"countType":"sinceImagePushed","countUnit":"days","countNumber":%d},"action":{"type":"expire"}}`
	about := awssim.Repository{Name: "team/large", Lifecycle: `{"rules":[` + fmt.Sprintf(rule, 1, `"untagged"`, 7) + "," + fmt.Sprintf(rule, 2, `"any"`, 30) + `]}`}
	for i := range 300 {
		image := awssim.BuildImage(awssim.ImageOptions{Seed: fmt.Sprint(i)})
		image.Tags, image.PushedAt = []string{fmt.Sprintf("main-%03d", i)}, w.org.Now().Add(-time.Duration(i)*6*time.Hour)
		about.Images = append(about.Images, image)
	}
	amd, arm := awssim.BuildImage(awssim.ImageOptions{Seed: "amd"}), awssim.BuildImage(awssim.ImageOptions{Seed: "arm"})
	index := awssim.BuildIndex(amd, arm)
	index.Tags, index.PushedAt = []string{"2.0.0"}, w.org.Now().Add(-25*day)
	amd.PushedAt, arm.PushedAt = index.PushedAt, index.PushedAt
	about.Images = append(about.Images, amd, arm, index)
	w.org.Account("111122223333").Registry("eu-west-1").AddRepository(about)
	d := w.details("")["team/large"]
	if d.Images.Total != 303 || len(d.Images.Shown) != 200 || d.Images.Omitted != 103 {
		t.Errorf("of %d images %d are shown and %d omitted", d.Images.Total, len(d.Images.Shown), d.Images.Omitted)
	}
	for i, want := range []report.DetailImage{{Tags: []string{"2.0.0"}}, {Platform: "linux/amd64"}, {Platform: "linux/arm64"}} {
		if got := d.Images.Shown[i]; got.Platform != want.Platform || !slices.Equal(got.Tags, want.Tags) {
			t.Errorf("image %d is %+v, not that of %+v, on which there are findings", i, got, want)
		}
	}
	total := 0
	for _, due := range d.Lifecycle.Timeline {
		total += due.Images
	}
	first, last := d.Lifecycle.Timeline[0], d.Lifecycle.Timeline[len(d.Lifecycle.Timeline)-1]
	if first.Images != 179 || !first.At.Equal(w.org.Now()) || len(first.Tags) != 5 {
		t.Errorf("due now are %+v", first)
	}
	if total != 303 || d.Lifecycle.Stay != 0 || !last.At.Equal(w.org.Now().Add(31*day)) {
		t.Errorf("%d go and %d stay, the last at %s", total, d.Lifecycle.Stay, last.At)
	}
	after := w.org.Now().Add(6 * day)
	freed := slices.ContainsFunc(d.Lifecycle.Timeline, func(due report.DetailDue) bool {
		return due.Rule == 1 && due.Images == 2 && due.At.Equal(after.Add(day))
	})
	if !freed {
		t.Errorf("the images of the index that goes at %s are not told to go a day later: %+v", after, d.Lifecycle.Timeline)
	}
}
