package lifecycle

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ecraudit/ecraudit/internal/tagpattern"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func ago(days float64) time.Time { return now.Add(-time.Duration(days * float64(day))) }

// image makes an active image of 100 bytes whose digest is its name.
func image(name string, pushedDaysAgo float64, tags ...string) Image {
	return Image{Digest: name, Tags: tags, PushedAt: ago(pushedDaysAgo), SizeBytes: 100, Status: "ACTIVE"}
}

func (i Image) with(change func(*Image)) Image {
	change(&i)
	return i
}

func (i Image) index(children ...string) Image {
	i.Index, i.Children = true, children
	return i
}

func (i Image) archived(daysAgo float64) Image {
	i.Status, i.LastArchivedAt = "ARCHIVED", ago(daysAgo)
	return i
}

func TestSimulate(t *testing.T) {
	type counts = RuleResult
	tests := []struct {
		name     string
		rules    []string
		images   []Image
		want     []counts // Priority and Bytes are not compared
		expired  []string
		archived []string
	}{
		{
			name:    "older than seven days, and not exactly seven",
			rules:   []string{ruleText(1, anyTag+","+pushed7, expire)},
			images:  []Image{image("a", 6.9), image("b", 7), image("c", 7.0001, "v1"), image("d", 400, "v2"), image("e", -1)},
			want:    []counts{{Selected: 5, Acted: 2, Young: 3}},
			expired: []string{"c", "d"},
		},
		{
			name:    "the newest five stay",
			rules:   []string{ruleText(1, untagged+","+newest5, expire)},
			images:  []Image{image("a", 1), image("b", 2), image("c", 3), image("d", 4), image("e", 5), image("f", 6), image("g", 7), image("h", 9, "v1")},
			want:    []counts{{Selected: 7, Acted: 2, Young: 5}},
			expired: []string{"f", "g"},
		},
		{
			name:  "entries of a prefix list are ANDed",
			rules: []string{ruleText(1, prefixes("gitsha_", "gitbranch_")+","+pushed7, expire)},
			images: []Image{
				image("one", 30, "gitsha_1"), image("other", 30, "gitbranch_x"),
				image("both", 30, "gitbranch_y", "gitsha_2"), image("both and more", 30, "gitsha_3", "v1", "gitbranch_z"), image("none", 30),
			},
			want:    []counts{{Selected: 2, Acted: 2}},
			expired: []string{"both", "both and more"},
		},
		{
			name:    "one tag can match every entry",
			rules:   []string{ruleText(1, patterns("*-dev", "x-*")+","+pushed7, expire)},
			images:  []Image{image("a", 30, "x-dev"), image("b", 30, "y-dev")},
			want:    []counts{{Selected: 1, Acted: 1}},
			expired: []string{"a"},
		},
		{
			name:    "a prefix is no pattern, and a pattern is anchored",
			rules:   []string{ruleText(1, prefixes("v1.*")+","+pushed7, expire), ruleText(2, patterns("v1")+","+pushed7, expire)},
			images:  []Image{image("a", 30, "v1.2"), image("b", 30, "v1"), image("c", 30, "xv1")},
			want:    []counts{{}, {Selected: 1, Acted: 1}},
			expired: []string{"b"},
		},
		{
			name:    "a higher rule governs what it keeps",
			rules:   []string{ruleText(1, prefixes("v")+`,"countType":"imageCountMoreThan","countNumber":9999`, expire), ruleText(2, anyTag+","+pushed7, expire)},
			images:  []Image{image("release", 400, "v1"), image("old", 8, "dev"), image("both", 8, "dev2", "v2")},
			want:    []counts{{Selected: 2, Young: 2}, {Selected: 3, Acted: 1, KeptByHigherRule: 2}},
			expired: []string{"old"},
		},
		{
			name:  "images that higher rules expire count towards a number",
			rules: []string{ruleText(1, prefixes("dev")+","+pushed7, expire), ruleText(2, anyTag+`,"countType":"imageCountMoreThan","countNumber":2`, expire)},
			images: []Image{
				image("a", 8, "dev1"), image("b", 9, "dev2"), image("c", 10, "x"), image("d", 11),
			},
			want:    []counts{{Selected: 2, Acted: 2}, {Selected: 4, Acted: 2, KeptByHigherRule: 2}},
			expired: []string{"a", "b", "c", "d"},
		},
		{
			name:     "never pulled counts from the push",
			rules:    []string{ruleText(1, anyTag+","+pulled30, archive)},
			images:   []Image{image("pulled", 400).with(func(i *Image) { i.LastPulledAt = ago(3) }), image("forgotten", 400).with(func(i *Image) { i.LastPulledAt = ago(31) }), image("new", 3), image("never", 31)},
			want:     []counts{{Selected: 4, Acted: 2, Young: 2}},
			archived: []string{"forgotten", "never"},
		},
		{
			name:  "restored and not pulled since counts from the restoration",
			rules: []string{ruleText(1, anyTag+","+pulled30, archive)},
			images: []Image{
				image("restored", 400).with(func(i *Image) { i.LastPulledAt, i.LastActivatedAt = ago(200), ago(10) }),
				image("restored, never pulled", 400).with(func(i *Image) { i.LastActivatedAt = ago(31) }),
				image("restored and pulled", 400).with(func(i *Image) { i.LastPulledAt, i.LastActivatedAt = ago(40), ago(90) }),
			},
			want:     []counts{{Selected: 3, Acted: 2, Young: 1}},
			archived: []string{"restored and pulled", "restored, never pulled"},
		},
		{
			name:    "a restored image is as old as its restoration",
			rules:   []string{ruleText(1, anyTag+","+pushed7, expire)},
			images:  []Image{image("a", 400).with(func(i *Image) { i.LastActivatedAt = ago(5) }), image("b", 400).with(func(i *Image) { i.LastActivatedAt = ago(8) })},
			want:    []counts{{Selected: 2, Acted: 1, Young: 1}},
			expired: []string{"b"},
		},
		{
			name:    "restored images count as young under a number",
			rules:   []string{ruleText(1, anyTag+`,"countType":"imageCountMoreThan","countNumber":1`, expire)},
			images:  []Image{image("a", 400).with(func(i *Image) { i.LastActivatedAt = ago(1) }), image("b", 2)},
			want:    []counts{{Selected: 2, Acted: 1, Young: 1}},
			expired: []string{"b"},
		},
		{
			name:   "an image that is being restored is the youngest",
			rules:  []string{ruleText(1, anyTag+","+pushed7, expire)},
			images: []Image{image("a", 400).archived(300).with(func(i *Image) { i.Status = "ACTIVATING" })},
			want:   []counts{{Selected: 1, Young: 1}},
		},
		{
			name: "storage classes do not meet",
			rules: []string{
				ruleText(1, anyTag+","+pulled30, archive),
				ruleText(2, anyTag+","+shelved, expire),
			},
			images:   []Image{image("active", 500), image("shelf", 500).archived(30), image("dust", 500, "v1").archived(91)},
			want:     []counts{{Selected: 1, Acted: 1}, {Selected: 2, Acted: 1, Young: 1}},
			expired:  []string{"dust"},
			archived: []string{"active"},
		},
		{
			name:    "archived images do not count for standard storage",
			rules:   []string{ruleText(1, anyTag+`,"countType":"imageCountMoreThan","countNumber":1`, expire)},
			images:  []Image{image("a", 1).archived(0.5), image("b", 2), image("c", 3)},
			want:    []counts{{Selected: 2, Acted: 1, Young: 1}},
			expired: []string{"c"},
		},
		{
			name:   "children of an index stay",
			rules:  []string{ruleText(1, untagged+","+pushed7, expire)},
			images: []Image{image("index", 30, "v1").index("amd", "arm"), image("amd", 30), image("arm", 30), image("waste", 30)},
			want:   []counts{{Selected: 3, Acted: 1, KeptByIndex: 2}}, expired: []string{"waste"},
		},
		{
			name:    "children outlive an index that expires with them",
			rules:   []string{ruleText(1, anyTag+","+pushed7, expire)},
			images:  []Image{image("index", 30, "v1").index("amd"), image("amd", 30)},
			want:    []counts{{Selected: 2, Acted: 1, KeptByIndex: 1}},
			expired: []string{"index"},
		},
		{
			name:    "indexes of indexes",
			rules:   []string{ruleText(1, anyTag+","+pushed7, expire)},
			images:  []Image{image("outer", 30, "v1").index("inner"), image("inner", 30).index("leaf"), image("leaf", 30)},
			want:    []counts{{Selected: 3, Acted: 1, KeptByIndex: 2}},
			expired: []string{"outer"},
		},
		{
			name: "children of an archived index can be archived, not expired",
			rules: []string{
				ruleText(1, prefixes("a")+","+pushed7, archive), ruleText(2, untagged+","+pushed7, expire),
			},
			images:   []Image{image("index", 30, "v1").index("x", "y").archived(10), image("x", 30, "a1"), image("y", 30)},
			want:     []counts{{Selected: 1, Acted: 1}, {Selected: 1, KeptByIndex: 1}},
			archived: []string{"x"},
		},
		{
			name:    "children count towards a number",
			rules:   []string{ruleText(1, untagged+`,"countType":"imageCountMoreThan","countNumber":1`, expire)},
			images:  []Image{image("index", 30, "v1").index("amd"), image("amd", 1), image("waste", 2)},
			want:    []counts{{Selected: 2, Acted: 1, Young: 1}},
			expired: []string{"waste"},
		},
		{
			name:    "untagged images may be children of an index that was not read",
			rules:   []string{ruleText(1, anyTag+","+pushed7, expire)},
			images:  []Image{image("index", 1, "v1").with(func(i *Image) { i.Index = true }), image("perhaps", 30), image("young", 3), image("tagged", 30, "dev")},
			want:    []counts{{Selected: 4, Acted: 1, Young: 2, Undecided: 1}},
			expired: []string{"tagged"},
		},
		{
			name:    "an index is not its own child",
			rules:   []string{ruleText(1, anyTag+","+pushed7, expire)},
			images:  []Image{image("index", 30).with(func(i *Image) { i.Index = true })},
			want:    []counts{{Selected: 1, Acted: 1}},
			expired: []string{"index"},
		},
		{
			name:   "two unread indexes may refer to one another",
			rules:  []string{ruleText(1, anyTag+","+pushed7, expire)},
			images: []Image{image("a", 30).with(func(i *Image) { i.Index = true }), image("b", 30).with(func(i *Image) { i.Index = true })},
			want:   []counts{{Selected: 2, Undecided: 2}},
		},
		{
			name:    "an empty index holds nothing",
			rules:   []string{ruleText(1, anyTag+","+pushed7, expire)},
			images:  []Image{image("index", 30, "v1").with(func(i *Image) { i.Index, i.Children = true, []string{} }), image("a", 30)},
			want:    []counts{{Selected: 2, Acted: 2}},
			expired: []string{"a", "index"},
		},
		{
			name:   "no push time",
			rules:  []string{ruleText(1, anyTag+","+pushed7, expire)},
			images: []Image{image("a", 0).with(func(i *Image) { i.PushedAt = time.Time{} })},
			want:   []counts{{Selected: 1, Undecided: 1}},
		},
		{
			name:  "no push time among a number",
			rules: []string{ruleText(1, anyTag+`,"countType":"imageCountMoreThan","countNumber":2`, expire)},
			images: []Image{
				image("a", 1), image("b", 2), image("c", 3), image("d", 4),
				image("?", 0).with(func(i *Image) { i.PushedAt = time.Time{} }),
			},
			want:    []counts{{Selected: 5, Acted: 2, Young: 1, Undecided: 2}},
			expired: []string{"c", "d"},
		},
		{
			name:    "the same moment",
			rules:   []string{ruleText(1, anyTag+`,"countType":"imageCountMoreThan","countNumber":1`, expire)},
			images:  []Image{image("b", 1), image("a", 1), image("c", 1)},
			want:    []counts{{Selected: 3, Acted: 2, Young: 1}},
			expired: []string{"b", "c"},
		},
		{
			name:   "an age beyond all years",
			rules:  []string{ruleText(1, anyTag+`,"countType":"sinceImagePushed","countUnit":"days","countNumber":2147483647`, expire)},
			images: []Image{image("a", 30)},
			want:   []counts{{Selected: 1, Young: 1}},
		},
		{
			name:  "no images",
			rules: []string{ruleText(1, anyTag+","+pushed7, expire)},
			want:  []counts{{}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := mustParse(t, tt.rules...)
			got := p.Simulate(tt.images, now)
			want := Result{
				Expired: append([]string{}, tt.expired...), Archived: append([]string{}, tt.archived...),
			}
			for i, r := range tt.want {
				r.Priority, r.Bytes = p.Rules[i].Priority, got.Rules[i].Bytes
				want.Rules = append(want.Rules, r)
				want.Undecided += r.Undecided
			}
			want.Images, want.UndecidedDigests = got.Images, got.UndecidedDigests   // see TestSimulateLaws
			want.FreedBytes, want.ArchivedBytes = got.FreedBytes, got.ArchivedBytes // see TestBytes
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBytes(t *testing.T) {
	p := mustParse(t, ruleText(1, prefixes("x")+","+pushed7, archive), ruleText(2, anyTag+","+pushed7, expire))
	got := p.Simulate([]Image{image("a", 30), image("b", 30), image("c", 30, "x"), image("d", 1), image("index", 30, "v").index("e"), image("e", 30)}, now)
	if got.FreedBytes != 200 || got.ArchivedBytes != 100 || got.Rules[0].Bytes != 100 || got.Rules[1].Bytes != 200 {
		t.Errorf("got %+v", got)
	}
}

func TestResultJSON(t *testing.T) {
	p := mustParse(t, ruleText(10, anyTag+","+pushed7, expire))
	got, err := json.Marshal(p.Simulate([]Image{image("b", 8), image("a", 9)}, now))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"rules":[{"priority":10,"selected":2,"acted":2,"kept_by_higher_rule":0,"kept_by_index":0,"young":0}],` +
		`"expired":["a","b"],"archived":[],"undecided":[],"bytes":200}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

// drawPolicy draws a valid policy whose rules often meet.
func drawPolicy(t *rapid.T) *Policy {
	var rules []Rule
	for i := range rapid.IntRange(1, 6).Draw(t, "rules") {
		rules = append(rules, drawRule(t, i+1))
	}
	p := &Policy{Rules: rules}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	p, err = Parse(string(text))
	if err != nil {
		t.Skip(err) // two untagged rules, an any rule in the middle
	}
	return p
}

func drawRule(t *rapid.T, priority int) Rule {
	r := Rule{Priority: priority, Action: Action{Type: Expire}}
	s := &r.Selection
	s.StorageClass, s.CountType = Standard, rapid.SampledFrom([]string{ImageCountMoreThan, SinceImagePushed, SinceImagePulled, SinceImageTransitioned}).Draw(t, "countType")
	s.CountNumber = rapid.IntRange(1, 6).Draw(t, "countNumber")
	if s.CountType == SinceImageTransitioned {
		s.StorageClass = Archive
	} else if rapid.Bool().Draw(t, "transition") {
		r.Action.Type = Transition
	}
	switch rapid.IntRange(0, 6).Draw(t, "tagStatus") {
	case 0:
		s.TagStatus = Untagged
	case 1:
		s.TagStatus = AnyTag
	case 2, 3:
		s.TagStatus = Tagged
		s.TagPrefixes = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "ab", "b", "c"}), 1, 2, rapid.ID[string]).Draw(t, "prefixes")
	default:
		s.TagStatus = Tagged
		s.TagPatterns = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a*", "*b", "*a*", "ab", "*", "b*c", "c*"}), 1, 3, rapid.ID[string]).Draw(t, "patterns")
	}
	return r
}

func drawImages(t *rapid.T) []Image {
	images := make([]Image, rapid.IntRange(0, 12).Draw(t, "images"))
	moment := func(label string) time.Time {
		days := rapid.IntRange(-1, 9).Draw(t, label)
		if days < 0 {
			return time.Time{}
		}
		return ago(float64(days))
	}
	for i := range images {
		images[i] = Image{
			Digest: fmt.Sprintf("sha256:%02d", i), PushedAt: moment("pushed"), LastPulledAt: moment("pulled"), SizeBytes: int64(i),
			Tags:   rapid.SliceOfN(rapid.StringMatching(`[abc]{1,3}`), 0, 2).Draw(t, "tags"),
			Status: rapid.SampledFrom([]string{"ACTIVE", "ACTIVE", "ARCHIVED", "ACTIVATING"}).Draw(t, "status"),
			Index:  rapid.IntRange(0, 4).Draw(t, "index") == 0,
		}
		if images[i].Status != "ACTIVE" || rapid.Bool().Draw(t, "restored") {
			images[i].LastArchivedAt, images[i].LastActivatedAt = moment("archived"), moment("activated")
		}
		if images[i].Index && rapid.IntRange(0, 3).Draw(t, "read") > 0 {
			images[i].Children = []string{}
			for j := range rapid.IntRange(0, 3).Draw(t, "children") {
				images[i].Children = append(images[i].Children, fmt.Sprintf("sha256:%02d", (i+j*j+1)%len(images)))
			}
		}
	}
	return images
}

func TestSimulateLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, images := drawPolicy(t), drawImages(t)
		got := p.Simulate(images, now)
		acted := slices.Concat(got.Expired, got.Archived)
		slices.Sort(acted)
		if len(slices.Compact(slices.Clone(acted))) != len(acted) {
			t.Fatalf("an image is acted on twice: %v", acted)
		}
		for _, index := range images {
			for _, child := range index.Children {
				if slices.Contains(got.Expired, child) {
					t.Fatalf("%s expires before its index %s", child, index.Digest)
				}
			}
		}
		total, undecided := 0, 0
		for _, r := range got.Rules {
			if r.Selected != r.Acted+r.KeptByHigherRule+r.KeptByIndex+r.Young+r.Undecided {
				t.Fatalf("the counts do not add up: %+v", r)
			}
			total += r.Acted
			undecided += r.Undecided
		}
		checkImageResults(t, p, images, got)
		if total != len(acted) || undecided != got.Undecided {
			t.Fatalf("%d acted on by rules, %d in the lists; %d undecided by rules, %d in all", total, len(acted), undecided, got.Undecided)
		}
	})
}

// checkImageResults counts again what is said of single images.
func checkImageResults(t *rapid.T, p *Policy, images []Image, got Result) {
	t.Helper()
	again := Result{Rules: make([]RuleResult, len(p.Rules)), Expired: []string{}, Archived: []string{}, UndecidedDigests: []string{}}
	selector := newSelector(p)
	for i, result := range got.Images {
		governing := selector.rules(images[i].Tags, images[i].Status == "ARCHIVED").first()
		if (governing < 0) != (result.Effect == Ungoverned) || governing >= 0 && p.Rules[governing].Priority != result.Rule {
			t.Fatalf("%s is governed by rule %d, not %+v", images[i].Digest, governing, result)
		}
		if governing < 0 {
			continue
		}
		r := &again.Rules[governing]
		switch result.Effect {
		case Young:
			r.Young++
		case KeptByIndex:
			r.KeptByIndex++
		case Undecided:
			r.Undecided++
			again.UndecidedDigests = append(again.UndecidedDigests, images[i].Digest)
		case Expires:
			r.Acted++
			again.Expired = append(again.Expired, images[i].Digest)
		case Archives:
			r.Acted++
			again.Archived = append(again.Archived, images[i].Digest)
		}
	}
	for i, r := range got.Rules {
		again.Rules[i].Priority, again.Rules[i].Selected, again.Rules[i].KeptByHigherRule, again.Rules[i].Bytes = r.Priority, r.Selected, r.KeptByHigherRule, r.Bytes
	}
	again.FreedBytes, again.ArchivedBytes, again.Undecided, again.Images = got.FreedBytes, got.ArchivedBytes, len(again.UndecidedDigests), got.Images
	if diff := cmp.Diff(again, got); diff != "" {
		t.Fatalf("the images and the rules tell different stories: %s", diff)
	}
}

func TestOrderOfImagesDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, images := drawPolicy(t), drawImages(t)
		shuffled := rapid.Permutation(images).Draw(t, "shuffled")
		one, other := p.Simulate(images, now), p.Simulate(shuffled, now)
		if diff := cmp.Diff(byDigest(images, one), byDigest(shuffled, other)); diff != "" {
			t.Fatal(diff)
		}
		one.Images, other.Images = nil, nil
		if diff := cmp.Diff(one, other); diff != "" {
			t.Fatal(diff)
		}
	})
}

func byDigest(images []Image, r Result) map[string]ImageResult {
	results := map[string]ImageResult{}
	for i, image := range images {
		results[image.Digest] = r.Images[i]
	}
	return results
}

// TestManyImages has so many images that they are looked at by several
// goroutines.
func TestManyImages(t *testing.T) {
	p, images := benchmarkPolicy(t), benchmarkImages(3*imagesAtOnce+7)
	one := p.Simulate(images, now)
	reversed := slices.Clone(images)
	slices.Reverse(reversed)
	other := p.Simulate(reversed, now)
	slices.Reverse(other.Images)
	if diff := cmp.Diff(one, other); diff != "" {
		t.Fatal(diff)
	}
	selector := newSelector(p)
	for i, image := range images {
		governing := selector.rules(image.Tags, false).first()
		if governing < 0 && one.Images[i].Rule != 0 || governing >= 0 && one.Images[i].Rule != p.Rules[governing].Priority {
			t.Fatalf("%v is governed by the rule at %d, not %+v", image.Tags, governing, one.Images[i])
		}
	}
}

func TestLowestRuleChangesNothingForTaken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, images := drawPolicy(t), drawImages(t)
		more := &Policy{Rules: append(slices.Clone(p.Rules), drawRule(t, 99))}
		before, after := p.Simulate(images, now), more.Simulate(images, now)
		if diff := cmp.Diff(before.Rules, after.Rules[:len(p.Rules)]); diff != "" {
			t.Fatal(diff)
		}
		for _, digest := range before.Expired {
			if !slices.Contains(after.Expired, digest) {
				t.Fatalf("%s no longer expires", digest)
			}
		}
		for _, digest := range before.Archived {
			if !slices.Contains(after.Archived, digest) {
				t.Fatalf("%s is no longer archived", digest)
			}
		}
	})
}

// TestUndecidedIsNoGuess fills in what was not known: whatever it is, what was
// said to be acted on is, and no more than the undecided comes on top.
func TestUndecidedIsNoGuess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, images := drawPolicy(t), drawImages(t)
		before := p.Simulate(images, now)
		for i := range images {
			if images[i].PushedAt.IsZero() {
				images[i].PushedAt = ago(rapid.Float64Range(0, 10).Draw(t, "pushed"))
			}
			if images[i].Status == "ARCHIVED" && images[i].LastArchivedAt.IsZero() {
				images[i].LastArchivedAt = ago(rapid.Float64Range(0, 10).Draw(t, "archived"))
			}
			if images[i].Index && images[i].Children == nil {
				images[i].Children = drawUntagged(t, images, i)
			}
		}
		after := p.Simulate(images, now)
		if after.Undecided != 0 {
			t.Fatalf("%d undecided although all is known", after.Undecided)
		}
		acted := slices.Concat(after.Expired, after.Archived)
		for _, digest := range slices.Concat(before.Expired, before.Archived) {
			if !slices.Contains(acted, digest) {
				t.Fatalf("%s was said to be acted on", digest)
			}
		}
		if more := len(acted) - len(before.Expired) - len(before.Archived); more > before.Undecided {
			t.Fatalf("%d more are acted on, %d were undecided", more, before.Undecided)
		}
	})
}

// drawUntagged draws children for an index: other images without a tag.
func drawUntagged(t *rapid.T, images []Image, index int) []string {
	children := []string{}
	for i, image := range images {
		if i != index && len(image.Tags) == 0 && rapid.Bool().Draw(t, "child") {
			children = append(children, image.Digest)
		}
	}
	return children
}

// TestSimulateAgreesWithNaive compares with a second evaluation, written from
// the user guide rule by rule, without any thought of speed.
func TestSimulateAgreesWithNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, images := drawPolicy(t), drawImages(t)
		for i := range images { // the naive one knows no doubt
			if images[i].PushedAt.IsZero() {
				images[i].PushedAt = ago(3)
			}
			if images[i].LastArchivedAt.IsZero() {
				images[i].LastArchivedAt = ago(4)
			}
			if images[i].Index && images[i].Children == nil {
				images[i].Children = []string{}
			}
		}
		expired, archived, results := naive(p, images)
		got := p.Simulate(images, now)
		if diff := cmp.Diff([][]string{expired, archived}, [][]string{got.Expired, got.Archived}); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff(results, byDigest(images, got)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func naive(p *Policy, images []Image) (expired, archived []string, results map[string]ImageResult) {
	expired, archived, results = []string{}, []string{}, map[string]ImageResult{}
	for _, i := range images {
		results[i.Digest] = ImageResult{InIndex: naiveHeld(Expire, i, images)}
	}
	marked := map[string]bool{} // by a rule already applied
	for _, r := range p.Rules {
		var identified []Image
		for _, i := range images {
			if naiveSelects(r.Selection, i) {
				identified = append(identified, i)
			}
		}
		for _, i := range identified {
			take := naiveBeyond(r.Selection, i, identified) && !naiveHeld(r.Action.Type, i, images)
			if take && !marked[i.Digest] && r.Action.Type == Expire {
				expired = append(expired, i.Digest)
			}
			if take && !marked[i.Digest] && r.Action.Type == Transition {
				archived = append(archived, i.Digest)
			}
			if !marked[i.Digest] {
				results[i.Digest] = ImageResult{Rule: r.Priority, InIndex: results[i.Digest].InIndex, Effect: naiveEffect(r, i, identified, images)}
			}
			marked[i.Digest] = true
		}
	}
	slices.Sort(expired)
	slices.Sort(archived)
	return expired, archived, results
}

func naiveEffect(r Rule, i Image, identified, images []Image) Effect {
	switch {
	case !naiveBeyond(r.Selection, i, identified):
		return Young
	case naiveHeld(r.Action.Type, i, images):
		return KeptByIndex
	case r.Action.Type == Transition:
		return Archives
	}
	return Expires
}

func naiveSelects(s Selection, i Image) bool {
	if (i.Status == "ARCHIVED") != (s.StorageClass == Archive) {
		return false
	}
	switch s.TagStatus {
	case AnyTag:
		return true
	case Untagged:
		return len(i.Tags) == 0
	}
	for _, prefix := range s.TagPrefixes {
		if !slices.ContainsFunc(i.Tags, func(tag string) bool { return strings.HasPrefix(tag, prefix) }) {
			return false
		}
	}
	for _, pattern := range s.TagPatterns {
		if !slices.ContainsFunc(i.Tags, tagpattern.Wildcard(pattern).Match) {
			return false
		}
	}
	return true
}

func naiveSince(i Image) time.Time {
	if i.Status == "ACTIVATING" {
		return now
	}
	if !i.LastActivatedAt.IsZero() {
		return i.LastActivatedAt
	}
	return i.PushedAt
}

func naiveBeyond(s Selection, i Image, identified []Image) bool {
	limit := now.Add(-time.Duration(s.CountNumber) * day)
	switch s.CountType {
	case SinceImagePushed:
		return naiveSince(i).Before(limit)
	case SinceImageTransitioned:
		return i.LastArchivedAt.Before(limit)
	case SinceImagePulled:
		since := naiveSince(i)
		restored := i.Status == "ACTIVATING" || !i.LastActivatedAt.IsZero()
		if !i.LastPulledAt.IsZero() && (!restored || i.LastPulledAt.After(since)) {
			since = i.LastPulledAt
		}
		return since.Before(limit)
	}
	younger := 0
	for _, other := range identified {
		a, b := naiveSince(other), naiveSince(i)
		if a.After(b) || a.Equal(b) && other.Digest < i.Digest {
			younger++
		}
	}
	return younger >= s.CountNumber
}

func naiveHeld(action string, i Image, images []Image) bool {
	for _, index := range images {
		if slices.Contains(index.Children, i.Digest) && (index.Status != "ARCHIVED" || action == Expire) {
			return true
		}
	}
	return false
}

// benchmarkPolicy has fifty rules: prefixes, patterns of all shapes, lists,
// both kinds of limit.
func benchmarkPolicy(tb testing.TB) *Policy {
	tb.Helper()
	var rules []string
	for i := range 48 {
		selection := [...]string{
			prefixes(fmt.Sprintf("team%02d-", i)), patterns(fmt.Sprintf("*-env%02d", i)), patterns(fmt.Sprintf("rel-%02d*-rc*", i)),
			patterns(fmt.Sprintf("*-sha%02d*", i)), prefixes(fmt.Sprintf("git%02d", i), "v"), prefixes(fmt.Sprint("v", i)),
		}[i%6]
		limit := [...]string{newest5, pushed7, pulled30}[i%3]
		rules = append(rules, ruleText(i+1, selection+","+limit, expire))
	}
	rules = append(rules, ruleText(49, untagged+","+pushed7, expire), ruleText(50, anyTag+`,"countType":"imageCountMoreThan","countNumber":5000`, expire))
	return mustParse(tb, rules...)
}

func benchmarkImages(n int) []Image {
	random := rand.New(rand.NewPCG(1, 2))
	images := make([]Image, n)
	for i := range images {
		images[i] = Image{
			Digest: fmt.Sprintf("sha256:%016x%048x", random.Uint64(), i), PushedAt: ago(random.Float64() * 1000), SizeBytes: 1 << 27, Status: "ACTIVE",
		}
		switch i % 5 {
		case 0: // untagged
		case 1:
			images[i].Tags = []string{fmt.Sprintf("team%02d-%d", i%60, i), fmt.Sprintf("v%d.%d", i%50, i)}
		case 2:
			images[i].Tags = []string{fmt.Sprintf("feature-%d-env%02d", i, i%60)}
		case 3:
			images[i].Tags = []string{fmt.Sprintf("main-%d-sha%02d-%x", i, i%60, random.Uint64())}
		default:
			images[i].Tags = []string{fmt.Sprintf("rel-%02d.%d-rc1", i%60, i)}
		}
		if i%50 == 0 && i > 0 {
			images[i].Index, images[i].Children = true, []string{images[i-5].Digest}
		}
	}
	return images
}

// BenchmarkSimulate is the promise of 100,000 images under 50 rules in less
// than 100 ms.
func BenchmarkSimulate(b *testing.B) {
	p, images := benchmarkPolicy(b), benchmarkImages(100_000)
	run := func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.Simulate(images, now)
		}
	}
	b.Run("in any order", run)
	slices.SortFunc(images, func(a, b Image) int { return strings.Compare(a.Digest, b.Digest) })
	b.Run("sorted by digest", run) // as a snapshot holds them
}
