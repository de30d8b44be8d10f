package lifecycle

import (
	"cmp"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func on(day int) time.Time { return now.AddDate(0, 0, day) }

func TestTimeline(t *testing.T) {
	const transitioned90 = `"storageClass":"archive","countType":"sinceImageTransitioned","countUnit":"days","countNumber":90`
	for _, test := range []struct {
		name            string
		rules           []string
		images          []Image
		days            int
		want            []Due
		stay, undecided int
	}{
		{
			name: "each image on the day after which it is older than the limit", rules: []string{ruleText(1, anyTag+","+pushed7, expire)}, days: 90,
			images: []Image{image("a", 8, "old"), image("b", 7, "exact"), image("c", 6.5, "c"), image("d", 0, "d"), image("e", -1), image("f", -0.5)},
			want: []Due{
				{At: on(0), Rule: 1, Action: Expire, Images: 1, Bytes: 100, Tags: []string{"old"}},
				{At: on(1), Rule: 1, Action: Expire, Images: 2, Bytes: 200, Tags: []string{"c", "exact"}},
				{At: on(8), Rule: 1, Action: Expire, Images: 2, Bytes: 200, Tags: []string{"d"}},
				{At: on(9), Rule: 1, Action: Expire, Images: 1, Bytes: 100},
			},
		},
		{
			name: "beyond the horizon", rules: []string{ruleText(1, anyTag+","+pushed7, expire)}, days: 3,
			images: []Image{image("a", 2), image("b", 5)},
			want:   []Due{{At: on(3), Rule: 1, Action: Expire, Images: 1, Bytes: 100}}, stay: 1,
		},
		{
			name: "a number is exceeded now only", rules: []string{ruleText(1, anyTag+","+newest5, expire)}, days: 90,
			images: []Image{image("a", 1), image("b", 2), image("c", 3), image("d", 4), image("e", 5), image("f", 6, "x"), image("g", 7)},
			want:   []Due{{At: on(0), Rule: 1, Action: Expire, Images: 2, Bytes: 200, Tags: []string{"x"}}}, stay: 5,
		},
		{
			name: "an index frees its children for the next day", rules: []string{ruleText(1, anyTag+","+pushed7, expire)}, days: 90,
			images: []Image{image("index", 6, "v1").index("child", "absent"), image("child", 30)},
			want: []Due{
				{At: on(2), Rule: 1, Action: Expire, Images: 1, Tags: []string{"v1"}},
				{At: on(3), Rule: 1, Action: Expire, Images: 1, Bytes: 100},
			},
		},
		{
			name: "archived, and expired from the archive when that is due", days: 120,
			rules:  []string{ruleText(1, anyTag+","+pushed7, archive), ruleText(2, anyTag+","+transitioned90, expire)},
			images: []Image{image("a", 8, "v1"), image("b", 30).archived(80)},
			want: []Due{
				{At: on(0), Rule: 1, Action: Transition, Images: 1, Bytes: 100, Tags: []string{"v1"}},
				{At: on(11), Rule: 2, Action: Expire, Images: 1, Bytes: 100},
				{At: on(91), Rule: 2, Action: Expire, Images: 1, Bytes: 100, Tags: []string{"v1"}},
			},
		},
		{
			name: "an index that was not read goes, and what may be its child is free", rules: []string{ruleText(1, anyTag+","+pushed7, expire)}, days: 90,
			images: []Image{image("index", 6, "v1").with(func(i *Image) { i.Index = true }), image("child", 30)},
			want: []Due{
				{At: on(2), Rule: 1, Action: Expire, Images: 1, Tags: []string{"v1"}},
				{At: on(3), Rule: 1, Action: Expire, Images: 1, Bytes: 100},
			},
		},
		{
			name: "without a time nothing can be said", rules: []string{ruleText(1, anyTag+","+pushed7, expire)}, days: 90,
			images: []Image{image("a", 1).with(func(i *Image) { i.PushedAt = time.Time{} }), image("b", 1)},
			want:   []Due{{At: on(7), Rule: 1, Action: Expire, Images: 1, Bytes: 100}}, undecided: 1,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := mustParse(t, test.rules...).Timeline(test.images, now, test.days)
			want := Timeline{Due: test.want, Until: on(test.days), Stay: test.stay, Undecided: test.undecided}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A timeline is a simulation each day of what is left of the images.
func TestTimelineIsASimulationEachDay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, images, days := drawPolicy(t), drawImages(t), rapid.IntRange(0, 12).Draw(t, "days")
		before := slices.Clone(images)
		got := p.Timeline(images, now, days)
		if diff := gocmp.Diff(before, images); diff != "" {
			t.Fatalf("the images were changed:\n%s", diff)
		}
		if diff := gocmp.Diff(dayByDay(p, images, days), got); diff != "" {
			t.Fatal(diff)
		}
		backwards := slices.Clone(images)
		slices.Reverse(backwards)
		if diff := gocmp.Diff(got, p.Timeline(backwards, now, days)); diff != "" {
			t.Fatalf("the order of the images matters:\n%s", diff)
		}
	})
}

func dayByDay(p *Policy, images []Image, days int) Timeline {
	left, touched := slices.Clone(images), map[string]bool{}
	timeline := Timeline{Until: on(days)}
	for day := range days + 1 {
		result := p.Simulate(left, on(day))
		dues := map[int]*Due{}
		for i, r := range result.Images {
			if r.Effect != Expires && r.Effect != Archives {
				continue
			}
			due := cmp.Or(dues[r.Rule], &Due{At: on(day), Rule: r.Rule, Action: map[Effect]string{Expires: Expire, Archives: Transition}[r.Effect]})
			due.Images++
			due.Tags = append(due.Tags, left[i].Tags...)
			dues[r.Rule], touched[left[i].Digest] = due, true
		}
		for i, r := range p.Rules {
			if due := dues[r.Priority]; due != nil {
				due.Bytes = result.Rules[i].Bytes
				slices.Sort(due.Tags)
				due.Tags = due.Tags[:min(len(due.Tags), maxDueTags)]
				timeline.Due = append(timeline.Due, *due)
			}
		}
		if day == days {
			timeline.Undecided = result.Undecided
			for _, digest := range result.UndecidedDigests {
				touched[digest] = true
			}
		}
		left = leftBy(result, left, on(day))
	}
	timeline.Stay = len(images) - len(touched)
	return timeline
}

// leftBy are the images after an evaluation. What was being restored at the
// first is restored then.
func leftBy(result Result, images []Image, at time.Time) (left []Image) {
	for i, image := range images {
		switch effect := result.Images[i].Effect; {
		case effect == Expires:
			continue
		case effect == Archives:
			image.Status, image.LastArchivedAt = statusArchived, at
		case image.Status == statusActivating:
			image.Status, image.LastActivatedAt = "ACTIVE", at
		}
		left = append(left, image)
	}
	return left
}

// BenchmarkTimeline looks 90 days ahead, where something is due each day.
func BenchmarkTimeline(b *testing.B) {
	p, images := benchmarkPolicy(b), benchmarkImages(100_000)
	b.ReportAllocs()
	for b.Loop() {
		p.Timeline(images, now, 90)
	}
}
