package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/lifecycle"
)

// keepTwo keeps two releases, archives builds, and expires what is untagged.
const keepTwo = `{"rules":[
 {"rulePriority":10,"description":"releases\u001b[31m","selection":{"tagStatus":"tagged","tagPrefixList":["v"],"countType":"imageCountMoreThan","countNumber":2},"action":{"type":"expire"}},
 {"rulePriority":20,"selection":{"tagStatus":"tagged","tagPatternList":["build-*"],"countType":"sinceImagePushed","countUnit":"days","countNumber":7},"action":{"type":"transition","targetStorageClass":"archive"}},
 {"rulePriority":30,"selection":{"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":7},"action":{"type":"expire"}}]}`

const articlePolicy = `{"rules":[
 {"rulePriority":1,"description":"age out git dev tags","selection":{"tagStatus":"tagged","tagPrefixList":["gitsha_","gitbranch_","gitpr_"],"countType":"sinceImagePushed","countUnit":"days","countNumber":7},"action":{"type":"expire"}},
 {"rulePriority":2,"description":"age out untagged images","selection":{"tagStatus":"untagged","countType":"imageCountMoreThan","countNumber":5},"action":{"type":"expire"}}]}`

const expireAll = `{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any","countType":"sinceImagePushed","countUnit":"days","countNumber":1},"action":{"type":"expire"}}]}`

// agedWorld has a repository with four releases, a new build and an old one, a
// multi-architecture image, and waste, under the policy keepTwo.
func agedWorld(t *testing.T, options awssim.OrganizationOptions) (*world, *awssim.LiveRepository) {
	t.Helper()
	if options.Clock == nil {
		options.Clock = time.Now
	}
	options.IgnorePulls = true
	w := newWorld(t, awssim.NewOrganization(options))
	repo := w.org.ManagementAccount().Registry("eu-west-1").AddRepository(awssim.Repository{Name: "team/api", Lifecycle: keepTwo})
	now := w.org.Now().Truncate(time.Second)
	add := func(daysAgo int, seed string, tags ...string) awssim.Image {
		image := awssim.BuildImage(awssim.ImageOptions{Seed: seed, Size: 10 << 20})
		image.Tags, image.PushedAt = tags, now.AddDate(0, 0, -daysAgo)
		repo.AddImage(image)
		return image
	}
	for i := range 4 {
		add(10+i, fmt.Sprint("release", i), fmt.Sprint("v", i), fmt.Sprint("build-r", i))
	}
	add(1, "new", "build-new")
	add(30, "old", "build-old")
	add(30, "waste")
	child := add(30, "child")
	index := awssim.BuildIndex(child)
	index.Tags, index.PushedAt = []string{"v-multi"}, now.AddDate(0, 0, -1)
	repo.AddImage(index)
	return w, repo
}

var clockInText = regexp.MustCompile(`20\d\d-\d\d-\d\d[ \n]+\d\d:\d\d[ \n]+UTC`)

// timeless replaces what depends on the day of the test.
func timeless(text string) string {
	text = clockInText.ReplaceAllString(text, "DATE TIME UTC")
	return regexp.MustCompile(`(?m)^  20\d\d-\d\d-\d\d  `).ReplaceAllString(text, "  DATE  ")
}

func TestLifecycleText(t *testing.T) {
	for name, line := range map[string]string{
		"lifecycle-explain.text":          "lifecycle explain team/api",
		"lifecycle-explain-article.text":  "lifecycle explain team/api --policy article.json",
		"lifecycle-simulate.text":         "lifecycle simulate team/api",
		"lifecycle-simulate-other.text":   "lifecycle simulate team/api --policy all.json",
		"lifecycle-verify.text":           "lifecycle verify team/api",
		"lifecycle-verify-different.text": "lifecycle verify team/api --at 1999-12-31",
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := agedWorld(t, awssim.OrganizationOptions{})
			w.write("article.json", articlePolicy)
			w.write("all.json", expireAll)
			r := w.run(line)
			if want := map[bool]int{true: exitDifferent}[strings.Contains(name, "different")]; r.code != want {
				t.Errorf("exit code %d: %s", r.code, r.err)
			}
			golden(t, name, timeless(r.out))
			for text := range strings.Lines(r.out) {
				if len([]rune(text)) > 81 {
					t.Errorf("longer than 80: %s", text)
				}
				if strings.ContainsRune(text, '\x1b') {
					t.Errorf("an escape sequence: %q", text)
				}
			}
		})
	}
}

// The three ways to read a repository say the same.
func TestLifecycleSources(t *testing.T) {
	w, repo := agedWorld(t, awssim.OrganizationOptions{})
	w.write("policy.json", keepTwo)
	w.write("graph.rego", "# METADATA\n# title: Graph\n# custom:\n#   id: graph\n#   severity: info\n#   scope: image\n#   needs: [lifecycle, image-graph]\npackage ecraudit.rules.graph\n\ndeny contains {\"message\": \"never\"} if input.now < 0\n")
	if r := w.run("snapshot -o s --rules graph.rego"); r.code == exitError {
		t.Fatal(r.err)
	}
	want := w.simulated("team/api")
	if len(want.Expired) != 4 || len(want.Archived) != 1 || len(want.UndecidedDigests) != 0 || want.FreedBytes == 0 {
		t.Errorf("got %+v", want)
	}
	for _, source := range []string{"team/api --snapshot s", "team/api --policy policy.json", repo.ARN(), "--policy policy.json team/api --snapshot s"} {
		if diff := gocmp.Diff(want, w.simulated(source)); diff != "" {
			t.Errorf("%s: %s", source, diff)
		}
	}
}

// simulated is the result for programs.
func (w *world) simulated(flags string) (result lifecycle.Result) {
	w.t.Helper()
	r := w.run("lifecycle simulate --format json " + flags)
	if r.code != 0 {
		w.t.Fatalf("%s: %s", flags, r.err)
	}
	decoder := json.NewDecoder(strings.NewReader(r.out))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&result); err != nil {
		w.t.Fatal(err)
	}
	return result
}

const someImages = `{"imageDetails":[
 {"imageDigest":"sha256:b","imageTags":["build-1"],"imageSizeInBytes":10,"imagePushedAt":"2026-01-01T00:00:00+00:00"},
 {"imageDigest":"sha256:a","imageSizeInBytes":20,"imagePushedAt":1767225600.0}]}
{"imageDetails":[{"imageDigest":"sha256:c","imageSizeInBytes":30,"imagePushedAt":"2026-01-09T12:00:00+00:00"}]}`

func TestLifecycleSimulateFiles(t *testing.T) {
	w := newWorld(t, awssim.NewOrganization(awssim.OrganizationOptions{}))
	w.write("policy.json", keepTwo)
	w.write("images.json", someImages)
	r := w.run("lifecycle simulate --policy policy.json --images images.json --at 2026-01-10 --format json")
	golden(t, "lifecycle-simulate-files.json", r.out)
	if r.code != 0 || r.err != "" {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	w.write("index.json", `[{"imageDigest":"i","imageTags":["x"],"imagePushedAt":1767225600,"imageManifestMediaType":"application/vnd.oci.image.index.v1+json"}]`+someImages)
	r = w.run("lifecycle simulate --policy policy.json --images index.json --at 2026-02-10T00:00:00+01:00")
	golden(t, "lifecycle-simulate-undecided.text", r.out)
	if calls := w.server.Calls().Total().Calls; calls != 0 {
		t.Errorf("%d calls of AWS", calls)
	}
}

func TestLifecycleStandardInput(t *testing.T) {
	w := newWorld(t, awssim.NewOrganization(awssim.OrganizationOptions{}))
	w.write("policy.json", keepTwo)
	w.write("images.json", someImages)
	for line, stdin := range map[string]string{
		"simulate --policy - --images images.json --at 2026-01-10": keepTwo,
		"simulate --policy policy.json --images - --at 2026-01-10": someImages,
		"lint -": keepTwo,
	} {
		var out, errors bytes.Buffer
		command := newLifecycle(streams{out: &out, err: &errors})
		command.SetArgs(strings.Fields(line))
		command.SetIn(strings.NewReader(stdin))
		if err := command.ExecuteContext(t.Context()); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if out.Len() == 0 {
			t.Errorf("%s shows nothing", line)
		}
	}
}

// Whatever is simulated for now is what AWS previews, and a preview changes
// nothing.
func TestLifecycleVerify(t *testing.T) {
	w, repo := agedWorld(t, awssim.OrganizationOptions{PreviewPolls: 2})
	for i := range 250 { // three pages of a preview
		repo.AddImage(awssim.Image{PushedAt: w.org.Now().AddDate(0, 0, -8-i)})
	}
	before := string(w.org.Dump())
	r := w.run("lifecycle verify team/api")
	if r.code != 0 || !strings.Contains(r.out, "agree on 255 images") {
		t.Errorf("exit code %d: %s%s", r.code, r.out, r.err)
	}
	w.write("article.json", articlePolicy)
	r = w.run("lifecycle verify team/api --policy article.json")
	if r.code != 0 || !strings.Contains(r.out, "agree on 246 images") {
		t.Errorf("exit code %d: %s%s", r.code, r.out, r.err)
	}
	if diff := gocmp.Diff(before, string(w.org.Dump())); diff != "" {
		t.Errorf("something was changed: %s", diff)
	}
}

// A preview that somebody else has started is waited for, but not for ever.
func TestLifecycleVerifyWaits(t *testing.T) {
	w, _ := agedWorld(t, awssim.OrganizationOptions{PreviewPolls: 1})
	c, err := awsconfig.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client, name := ecr.NewFromConfig(c), aws.String("team/api")
	if _, err := client.StartLifecyclePolicyPreview(t.Context(), &ecr.StartLifecyclePolicyPreviewInput{RepositoryName: name}); err != nil {
		t.Fatal(err)
	}
	if r := w.run("lifecycle verify team/api --timeout 300ms"); r.code != exitError || !strings.Contains(r.err, "not ready after 300ms: give it longer with --timeout") {
		t.Errorf("exit code %d: %s%s", r.code, r.out, r.err)
	}
	finished := make(chan error)
	time.AfterFunc(300*time.Millisecond, func() {
		_, err := client.GetLifecyclePolicyPreview(t.Context(), &ecr.GetLifecyclePolicyPreviewInput{RepositoryName: name})
		finished <- err
	})
	if r := w.run("lifecycle verify team/api"); r.code != 0 {
		t.Errorf("exit code %d: %s%s", r.code, r.out, r.err)
	}
	if err := <-finished; err != nil {
		t.Error(err)
	}
}

func TestLifecycleVerifyMistakes(t *testing.T) {
	for _, c := range []struct {
		name, flags string
		fault       awssim.Fault
		want        string
	}{
		{"start denied", "", awssim.Fault{Kind: awssim.Denied, Operation: "ecr:StartLifecyclePolicyPreview"}, "access denied; the role needs ecr:StartLifecyclePolicyPreview, which changes nothing in AWS"},
		{"get denied", "", awssim.Fault{Kind: awssim.Denied, Operation: "ecr:GetLifecyclePolicyPreview"}, "access denied; the role needs ecr:GetLifecyclePolicyPreview, which changes nothing in AWS"},
		{"snapshot", "--snapshot s", awssim.Fault{}, "--snapshot means nothing with lifecycle verify"},
		{"no time", "--timeout 0s", awssim.Fault{}, "--timeout 0s: use a duration such as 5m"},
		{"no date", "--at soon", awssim.Fault{}, `--at: "soon" is not a date between 1970 and 2255: write it as 2027-01-31 or 2027-01-31T12:00:00Z`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, _ := agedWorld(t, awssim.OrganizationOptions{})
			if c.fault.Kind != "" {
				w.server.Faults().Add(c.fault)
			}
			if r := w.run("lifecycle verify team/api " + c.flags); r.code != exitError || !strings.Contains(r.err, c.want) {
				t.Errorf("exit code %d\n got %s\nwant %s", r.code, r.err, c.want)
			}
		})
	}
}

// A throttled preview is tried again.
func TestLifecycleVerifyThrottled(t *testing.T) {
	w, _ := agedWorld(t, awssim.OrganizationOptions{})
	w.server.Faults().Add(awssim.Fault{Kind: awssim.Throttle, Operation: "ecr:*LifecyclePolicyPreview", First: 2})
	if r := w.run("lifecycle verify team/api"); r.code != 0 {
		t.Errorf("exit code %d: %s%s", r.code, r.out, r.err)
	}
}

func TestLifecycleVerifyInMemberAccount(t *testing.T) {
	w := demoWorld(t)
	line := "lifecycle verify lifecycle/sound --account " + awssim.DemoPlatform + " --role-name ecraudit-reader --at 2026-10-01T12:00:00Z"
	if r := w.run(line); r.code != exitError || !strings.Contains(r.err, "the role needs ecr:StartLifecyclePolicyPreview") {
		t.Errorf("exit code %d: %s%s", r.code, r.out, r.err)
	}
	w.as(awssim.DemoPlatform, "eu-west-1")
	if r := w.run("lifecycle verify lifecycle/sound --at 2026-10-01T12:00:00Z"); r.code != 0 {
		t.Errorf("exit code %d: %s%s", r.code, r.out, r.err)
	}
}

func TestLifecycleLint(t *testing.T) {
	w := newWorld(t, awssim.NewOrganization(awssim.OrganizationOptions{}))
	w.write("fine.json", keepTwo)
	w.write("article.json", articlePolicy)
	w.write("invalid.json", strings.Replace(strings.Replace(keepTwo, `"days"`, `"weeks"`, 1), `:20`, `:10`, 1))
	w.write("text.json", "rules: []")
	for _, c := range []struct {
		files string
		code  int
	}{
		{"fine.json", 0}, {"article.json", exitDifferent}, {"invalid.json", exitDifferent}, {"text.json", exitDifferent},
		{"fine.json nowhere.json", exitError}, {"article.json nowhere.json", exitError},
	} {
		if r := w.run("lifecycle lint " + c.files); r.code != c.code {
			t.Errorf("%s: exit code %d\n%s%s", c.files, r.code, r.out, r.err)
		}
	}
	golden(t, "lifecycle-lint.text", w.run("lifecycle lint fine.json article.json invalid.json text.json").out)
}

// The repaired policy is one that AWS takes, and that lint finds nothing wrong with.
func TestLifecycleLintOfRepaired(t *testing.T) {
	w := newWorld(t, awssim.NewOrganization(awssim.OrganizationOptions{}))
	w.write("article.json", articlePolicy)
	out := w.run("lifecycle lint article.json").out
	w.write("repaired.json", out[strings.Index(out, "\n{\n"):strings.LastIndex(out, "\n}\n")+3])
	if r := w.run("lifecycle lint repaired.json"); r.code != 0 {
		t.Errorf("exit code %d: %s%s", r.code, r.out, r.err)
	}
}

func TestLifecycleMistakes(t *testing.T) {
	for _, c := range []struct{ name, line, want string }{
		{"no command", "lifecycle explian", `lifecycle: "explian" is not one of explain, lint, simulate, verify; did you mean "explain"?`},
		{"no repository", "lifecycle explain", "ecraudit lifecycle explain takes one repository (name, ARN or URI), not 0; see ecraudit lifecycle explain --help"},
		{"two repositories", "lifecycle explain a b", "ecraudit lifecycle explain takes one repository (name, ARN or URI), not 2"},
		{"repository that does not exist", "lifecycle explain team/apo", "there is no repository team/apo"},
		{"no policy", "lifecycle explain bare", "bare in 111111111111/eu-west-1 has no lifecycle policy, so nothing ever expires: give one to look at with --policy FILE"},
		{"policy file is missing", "lifecycle explain team/api --policy nowhere", "--policy: nowhere: no such file"},
		{"policy is invalid", "lifecycle simulate team/api --policy invalid", "the fields here are rulePriority, description, selection, action\necraudit: invalid: rule 1 (priority 1): countNumber must be a positive integer, not 0"},
		{"days below zero", "lifecycle explain team/api --active-days -1", "--active-days -1: use a number of days from 1"},
		{"nothing to simulate", "lifecycle simulate", "there is nothing to simulate: give a repository (name, ARN or URI), or --policy FILE with --images FILE"},
		{"images without a policy", "lifecycle simulate --images images", "--policy is missing: with --images it names the policy to simulate"},
		{"images and a repository", "lifecycle simulate team/api --policy policy --images images", `"team/api" is one too many`},
		{"images and a region", "lifecycle simulate --region us-east-1 --policy policy --images images", "--region means nothing with --images"},
		{"both are standard input", "lifecycle simulate --policy - --images -", "cannot both be standard input"},
		{"images are missing", "lifecycle simulate --policy policy --images nowhere", "--images: nowhere: no such file"},
		{"images are something else", "lifecycle simulate --policy policy --images policy", "--images: policy: document 1 has no imageDetails"},
		{"bad time in the images", "lifecycle simulate --policy policy --images images", `--images: images: document 1, image 2: imagePushedAt: "yesterday" is no time with a zone`},
		{"no date", "lifecycle simulate team/api --at 31.1.2027", `--at: "31.1.2027" is not a date`},
		{"date of another age", "lifecycle simulate team/api --at 3027-01-31", `--at: "3027-01-31" is not a date between 1970 and 2255`},
		{"no format", "lifecycle simulate team/api --format jsno", `did you mean "json"?`},
		{"no file", "lifecycle lint", "ecraudit lifecycle lint: name the files to check, or - for standard input"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, _ := agedWorld(t, awssim.OrganizationOptions{})
			w.org.ManagementAccount().Registry("eu-west-1").AddRepository(awssim.Repository{Name: "bare"})
			w.write("policy", keepTwo)
			w.write("invalid", `{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":0},"action":{"type":"expire"},"\u001b[2Jx":1}]}`)
			w.write("images", `[{"imageDigest":"a"},{"imageDigest":"b","imagePushedAt":"yesterday"}]`)
			r := w.run(c.line)
			if r.code != exitError || !strings.Contains(r.err, c.want) {
				t.Errorf("exit code %d\n got %s\nwant %s", r.code, r.err, c.want)
			}
			if strings.ContainsRune(r.err, '\x1b') {
				t.Errorf("an escape sequence: %q", r.err)
			}
		})
	}
}

// What could not be read is an error that names the permission.
func TestLifecycleDenied(t *testing.T) {
	for operation, want := range map[string]string{
		"ecr:GetLifecyclePolicy": "reading the lifecycle policy of team/api in 111111111111/eu-west-1: AccessDeniedException", "ecr:DescribeImages": "reading the images of team/api",
	} {
		w, _ := agedWorld(t, awssim.OrganizationOptions{})
		w.server.Faults().Add(awssim.Fault{Kind: awssim.Denied, Operation: operation})
		if r := w.run("lifecycle explain team/api"); r.code != exitError || !strings.Contains(r.err, want) || !strings.Contains(r.err, "the role needs "+operation) {
			t.Errorf("%s: exit code %d: %s", operation, r.code, r.err)
		}
	}
	w, _ := agedWorld(t, awssim.OrganizationOptions{})
	w.server.Faults().Add(awssim.Fault{Kind: awssim.Denied, Operation: "ecr:BatchGetImage"})
	r := w.run("lifecycle explain team/api")
	if r.code != 0 || !strings.Contains(strings.Join(strings.Fields(r.out), " "), "The children of 1 index are not known (AccessDeniedException") {
		t.Errorf("exit code %d: %s%s", r.code, r.out, r.err)
	}
}

// What is in use is said by the flag, or else by the configuration.
func TestLifecycleActiveDays(t *testing.T) {
	w, repo := agedWorld(t, awssim.OrganizationOptions{})
	pulled := awssim.BuildImage(awssim.ImageOptions{Seed: "pulled"})
	pulled.PushedAt, pulled.LastPulledAt = w.org.Now().AddDate(0, 0, -90), w.org.Now().AddDate(0, 0, -20)
	repo.AddImage(pulled)
	for _, c := range []struct {
		config, flags string
		active        bool
	}{
		{"", "", true}, {"", "--active-days 19", false}, {"ages: {in_use_days: 19}", "", false}, {"ages: {in_use_days: 19}", "--active-days 21", true},
		{"scopes: [{match: {tags: {team: nobody}}, settings: {ages: {in_use_days: 1}}}]", "", true},
	} {
		w.write("ecraudit.yaml", c.config+"\n")
		if r := w.run("lifecycle explain team/api " + c.flags); r.code != 0 || strings.Contains(r.out, lifecycle.ExpiresActive) != c.active {
			t.Errorf("%s %s: exit code %d: %s%s", c.config, c.flags, r.code, r.out, r.err)
		}
	}
}

func TestLifecycleOutputs(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testdata, "lifecycle-*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(strings.Split(string(text), "\n"), func(line string) bool { return strings.TrimRight(line, " ") != line }) {
			t.Errorf("%s has spaces at the end of a line", file)
		}
	}
}
