package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mattn/go-runewidth"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

var imagesNeeds = []snapshot.Need{
	snapshot.NeedImages, snapshot.NeedImageGraph, snapshot.NeedReleaseScanFindings,
	snapshot.NeedScanning, snapshot.NeedRegistryScanning, snapshot.NeedAccountSettings,
}

// imagesWorld has a repository with every kind of reference between images, and
// some that can hardly be.
func imagesWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, awssim.NewOrganization(awssim.OrganizationOptions{}))
	scanned := func(i snapshot.Image, status string, counts map[string]int) snapshot.Image {
		i.Scan = &snapshot.Scan{Status: status, Counts: counts, CompletedAt: i.PushedAt, Source: "ecr:DescribeImageScanFindings"}
		return i
	}
	index := func(digest string, days int, tag string, children ...snapshot.Child) snapshot.Image {
		i := savedImage(digest, 90, days, tag)
		i.Kind, i.Children = snapshot.KindIndex, children
		return i
	}
	child := func(digest, platform string) snapshot.Child {
		return snapshot.Child{Digest: savedImage(digest, 0, 0).Digest, Platform: platform}
	}
	artifact := func(kind snapshot.Kind, digest string, of snapshot.Image) snapshot.Image {
		i := savedImage(digest, 0, 3)
		i.Kind, i.SizeBytes, i.Subject = kind, 812, of.Digest
		return i
	}
	sound := index("1", 3, "2.0.0", child("2", "linux/amd64"), child("3", "linux/arm64/v8"))
	sound.LastPulledAt = priceClock.AddDate(0, 0, -1)
	amd := scanned(savedImage("2", 90, 3), "COMPLETE", map[string]int{})
	arm := scanned(savedImage("3", 80, 3), "COMPLETE", map[string]int{"CRITICAL": 1, "LOW": 12, "UNTRIAGED": 3})
	signature, bom := artifact(snapshot.KindSignature, "4", sound), artifact(snapshot.KindSBOM, "5", sound)
	signature.Tags = []string{strings.Replace(sound.Digest, ":", "-", 1) + ".sig"}
	onSignature := artifact(snapshot.KindAttestation, "6", signature)
	broken := index("7", 10, "1.9.0", child("2", "linux/amd64"), child("8", "windows/\x1b[31mamd64"))
	nested := index("9", 20, "1.8.0", child("1", ""), child("9", "linux/itself"))
	unread := index("a", 30, "1.7.0")
	unread.Children = nil
	orphan := artifact(snapshot.KindSignature, "b", savedImage("0", 0, 0))
	archived := scanned(savedImage("c", 3000, 400, "1.0.0", "a-tag-that-is-longer-than-what-fits-on-one-line", "\u202eevil"), "IMAGE_ARCHIVED", nil)
	archived.Status = "ARCHIVED"
	failed := scanned(savedImage("d", 1, 40, "1.6.0"), "FAILED", nil)
	undated := savedImage("e", 1, 0, "dev")
	undated.PushedAt = time.Time{}
	api := savedRepository("111122223333", "eu-west-1", "team/api",
		sound, amd, arm, signature, bom, onSignature, broken, nested, unread, orphan, archived, failed, undated)
	api.Scanning = &snapshot.EffectiveScanning{Frequency: "SCAN_ON_PUSH", ScanOnPush: true, Filters: []string{"team/*", "*"}}
	api.Gaps = []snapshot.Gap{{
		Target: api.Target, Repository: api.Name, Digest: unread.Digest, Need: snapshot.NeedImageGraph,
		Operation: "ecr:BatchGetImage", Code: "AccessDeniedException", Message: "no", Permission: "ecr:BatchGetImage",
	}}
	bare := savedRepository("111122223333", "eu-west-1", "team/bare")
	bare.Gaps = []snapshot.Gap{
		{Target: bare.Target, Repository: bare.Name, Need: snapshot.NeedScanning, Operation: "ecr:BatchGetRepositoryScanningConfiguration", Code: "Timeout", Message: "no answer"},
		{Target: bare.Target, Repository: bare.Name, Need: snapshot.NeedPolicy, Operation: "ecr:GetRepositoryPolicy", Code: "Timeout", Message: "nobody asked for it"},
	}
	unlisted := savedRepository("111122223333", "eu-west-1", "team/unlisted")
	unlisted.Scanning = &snapshot.EffectiveScanning{Frequency: "CONTINUOUS_SCAN", Filters: []string{"*"}}
	unlisted.Gaps = []snapshot.Gap{{Target: bare.Target, Repository: bare.Name, Need: snapshot.NeedImages, Operation: "ecr:DescribeImages", Code: "Timeout", Message: "no answer"}}
	empty := savedRepository("111122223333", "eu-west-1", "team/empty")
	empty.Scanning = &snapshot.EffectiveScanning{Frequency: "MANUAL"}
	empty.ScanOnPush = true
	registry := snapshot.Registry{
		Scanning: &snapshot.RegistryScanning{Type: "BASIC", Rules: []snapshot.ScanningRule{{Frequency: "SCAN_ON_PUSH", Filters: []string{"team/*", "*"}}}},
		Settings: map[string]string{"BASIC_SCAN_TYPE_VERSION": "AWS_NATIVE"},
	}
	w.saved("s", imagesNeeds, registry, api, bare, empty, unlisted)
	return w
}

func TestImagesTable(t *testing.T) {
	w := imagesWorld(t)
	var all strings.Builder
	for flags, code := range map[string]int{"team/api": 3, "team/api --limit 1 --allow-incomplete": 0, "team/bare": 3, "team/unlisted": 3, "team/empty": 0} {
		if r := w.run("images --snapshot s " + flags); r.code != code || r.err != "" {
			t.Errorf("%s: exit code %d: %s", flags, r.code, r.err)
		}
	}
	for _, flags := range []string{"team/api", "team/api --limit 1", "team/bare", "team/empty", "team/unlisted"} {
		r := w.run("images --snapshot s " + flags)
		fmt.Fprintf(&all, "$ ecraudit images --snapshot s %s\n%s\n", flags, r.out)
		for line := range strings.Lines(r.out) {
			if width := runewidth.StringWidth(strings.TrimSuffix(line, "\n")); width > 80 {
				t.Errorf("%s: a line of %d: %s", flags, width, line)
			}
		}
		if strings.ContainsAny(r.out, "\x1b\r\t\u202e") {
			t.Errorf("%s: control characters: %q", flags, r.out)
		}
	}
	golden(t, "images.table", all.String())
}

func TestImagesJSON(t *testing.T) {
	w := imagesWorld(t)
	r := w.run("images --snapshot s team/api --format json")
	if r.code != 3 {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	golden(t, "images.json", r.out)
	var few imagesDocument
	w.must(json.Unmarshal([]byte(w.run("images --snapshot s team/api --format json --limit 2").out), &few))
	if len(few.Images) != 7 { // an index with two images, its signature, its SBOM and what attests the signature; a signature of nothing
		t.Errorf("%d images belong to the newest two", len(few.Images))
	}
}

// Nothing is asked in vain, and every image's scan only on demand.
func TestImagesOfAWS(t *testing.T) {
	for _, flags := range []string{"", "--scan"} {
		w := demoWorld(t)
		w.server.ResetCalls()
		r := w.run("images payments/multi-arch-vulnerable --format json --role-name ecraudit-reader --account " + awssim.DemoPayments + " " + flags)
		if r.code != 0 {
			t.Fatalf("exit code %d: %s", r.code, r.err)
		}
		calls := map[string]int{}
		for key, n := range w.server.Calls() {
			if operation, ours := strings.CutPrefix(key.Operation, "ecr:"); ours {
				calls[operation] += n.Calls
			}
		}
		var document imagesDocument
		w.must(json.Unmarshal([]byte(r.out), &document))
		scanned, all := 0, 0
		for _, image := range document.Images {
			if image.Kind == snapshot.KindImage {
				all++
				if image.Scan.Status != "" {
					scanned++
				}
			}
		}
		if scanned == 0 || (scanned == all) != (flags == "--scan") {
			t.Errorf("%s: %d of %d images have a scan", flags, scanned, all)
		}
		want := map[string]int{
			"DescribeRepositories": 1, "DescribeImages": 1, "BatchGetImage": 1, "DescribeImageScanFindings": scanned,
			"BatchGetRepositoryScanningConfiguration": 1, "GetRegistryScanningConfiguration": 1,
		}
		delete(calls, "GetAccountSetting") // one for each setting
		if diff := cmp.Diff(want, calls); diff != "" {
			t.Errorf("%s: calls (-want +got):\n%s", flags, diff)
		}
		if s := document.Scanning; s.Frequency != "SCAN_ON_PUSH" || !slices.Equal(s.Filters, []string{"*"}) || !document.Complete {
			t.Errorf("%s: %+v", flags, s)
		}
	}
}

func TestImagesMistakes(t *testing.T) {
	cases := map[string][]string{
		"images":     {"ecraudit images takes one repository, not 0", "ecraudit images team/api"},
		"images a b": {"takes one repository, not 2"},
		"images team/api --snapshot s --format csv":   {`"csv" is not one of table, json`},
		"images team/api --snapshot s --limit -2":     {"--limit -2", "0 for all"},
		"images team/ap --snapshot s":                 {"there is no repository team/ap in s"},
		"images team/api:1.0.0 --snapshot s":          {"without tag and digest"},
		"images team/api --snapshot s --scan":         {"s was collected without scan-findings"},
		"images team/api --snapshot nowhere":          {"nowhere", "ecraudit snapshot -o FILE"},
		"images team/api --snapshot s --acount 1":     {"--acount", "did you mean --account?"},
		"images team/api --snapshot s --account 1111": {"12 digits"},
		"images team/api --config nowhere.yaml":       {"nowhere.yaml"},
	}
	for _, line := range slices.Sorted(maps.Keys(cases)) {
		t.Run(line, func(t *testing.T) {
			w := imagesWorld(t)
			r := w.run(line)
			if r.code != exitError || r.out != "" || strings.Count(r.err, "\n") != 1 {
				t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
			}
			for _, want := range cases[line] {
				if !strings.Contains(r.err, want) {
					t.Errorf("the message has no %q:\n%s", want, r.err)
				}
			}
			t.Log(r.err)
		})
	}
}
