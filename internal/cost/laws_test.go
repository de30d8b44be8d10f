package cost_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/cost"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

func drawRepositories(t *rapid.T) (all []*snapshot.Repository) {
	for i := range rapid.IntRange(0, 8).Draw(t, "repositories") {
		r := repository(fmt.Sprint("r", i))
		r.Account = rapid.SampledFrom([]string{"111122223333", "444455556666"}).Draw(t, "account")
		r.Region = rapid.SampledFrom([]string{"eu-west-1", "us-east-1"}).Draw(t, "region")
		r.Lifecycle = rapid.SampledFrom([]string{"", expireUntagged, "{"}).Draw(t, "lifecycle")
		if team := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "team"); team != "" {
			r.Tags = map[string]string{"team": team}
		}
		for _, need := range []snapshot.Need{snapshot.NeedTags, snapshot.NeedImages} {
			if rapid.IntRange(0, 5).Draw(t, "unread") == 0 {
				gap(r, need)
			}
		}
		if r.Gap(snapshot.NeedImages) == nil {
			r.Images = drawImages(t)
		}
		all = append(all, r)
	}
	return all
}

func drawImages(t *rapid.T) (images []snapshot.Image) {
	for i := range rapid.IntRange(0, 6).Draw(t, "images") {
		image := stored(fmt.Sprint("sha256:", i), 0, rapid.IntRange(0, 500).Draw(t, "days"))
		image.SizeBytes = rapid.Int64Range(0, 5*gb).Draw(t, "bytes")
		image.Kind = rapid.SampledFrom([]snapshot.Kind{snapshot.KindImage, snapshot.KindImage, snapshot.KindIndex, snapshot.KindSBOM}).Draw(t, "kind")
		image.Status = rapid.SampledFrom([]string{"ACTIVE", "ARCHIVED", "ACTIVATING"}).Draw(t, "status")
		image.Tags = rapid.SampledFrom([][]string{nil, {"dev"}, {"1.2.3"}}).Draw(t, "tags")
		if image.Kind == snapshot.KindIndex && rapid.Bool().Draw(t, "read") {
			image.Children = []snapshot.Child{{Digest: fmt.Sprint("sha256:", rapid.IntRange(0, 6).Draw(t, "child"))}}
		}
		images = append(images, image)
	}
	return images
}

var groupings = []cost.By{cost.ByRepository, cost.ByAccount, cost.ByRegion, cost.ByAge, cost.ByTagClass, cost.ByTag("team")}

func regionalPrices() *config.Config {
	c := config.Default()
	c.Settings.Prices.Archive = 0.07
	c.Settings.Prices.Regions = map[string]float64{"us-east-1": 0.11}
	return c
}

func sumUp(t *rapid.T, by cost.By, limit int, repositories []*snapshot.Repository) *cost.Result {
	c := regionalPrices()
	sum := cost.NewTally(cost.Options{By: by, At: now, Limit: limit})
	for _, r := range repositories {
		if err := sum.Add(r, c.For(config.Resource{})); (err != nil) != (r.Lifecycle == "{") {
			t.Errorf("%s: %v", r.Name, err)
		}
	}
	result, err := sum.Result()
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// figures are the numbers of a row.
func figures(r *cost.Row) [9]float64 {
	return [9]float64{
		float64(r.Images), float64(r.Unread), float64(r.All.Bytes()), r.All.Monthly(),
		float64(r.Frees.Bytes()), float64(r.Unused.Bytes()), float64(r.UnknownFrees.Bytes()), float64(r.UnknownUnused.Bytes()), r.Frees.Monthly(),
	}
}

// However it is cut, the whole is the same; rows and others add up to it.
func TestRowsAddUpToTheTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		repositories := drawRepositories(t)
		whole := figures(&sumUp(t, cost.ByRepository, 0, repositories).Total)
		for _, by := range groupings {
			result := sumUp(t, by, rapid.IntRange(0, 3).Draw(t, "limit"), repositories)
			if diff := cmp.Diff(whole, figures(&result.Total)); diff != "" {
				t.Errorf("the total by %s is another: %s", by, diff)
			}
			rows := result.Rows
			if result.Others != nil {
				rows = append(rows, result.Others)
			}
			var sum [9]float64
			for _, row := range rows {
				for i, n := range figures(row) {
					sum[i] += n
				}
			}
			for i := range sum {
				if difference := sum[i] - whole[i]; difference > 1e-9 || difference < -1e-9 {
					t.Errorf("by %s: the rows add up to %v, the total is %v", by, sum, whole)
					break
				}
			}
		}
	})
}

// Neither the order in which repositories come nor how often rows are cut
// makes a difference, to the last bit.
func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		repositories := drawRepositories(t)
		by, limit := rapid.SampledFrom(groupings).Draw(t, "by"), rapid.IntRange(0, 3).Draw(t, "limit")
		want := sumUp(t, by, limit, repositories)
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		random.Shuffle(len(repositories), func(i, j int) { repositories[i], repositories[j] = repositories[j], repositories[i] })
		got := sumUp(t, by, limit, repositories)
		if diff := cmp.Diff(shape(want), shape(got)); diff != "" {
			t.Error(diff)
		}
	})
}

func shape(r *cost.Result) (lines []string) {
	for _, row := range r.Rows {
		lines = append(lines, fmt.Sprint(row, row.Repositories, figures(row)))
	}
	if r.Others != nil {
		lines = append(lines, fmt.Sprint("others", r.OtherRows, r.Others.Repositories, figures(r.Others)))
	}
	return append(lines, fmt.Sprint("total", r.Total.Repositories, figures(&r.Total)))
}

func TestPartsAreNoMoreThanTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, row := range sumUp(t, rapid.SampledFrom(groupings).Draw(t, "by"), 0, drawRepositories(t)).Rows {
			all := row.All.Bytes()
			if row.Frees.Bytes()+row.UnknownFrees.Bytes() > all || row.Unused.Bytes()+row.UnknownUnused.Bytes() > all || row.All.Monthly() < 0 {
				t.Errorf("%s: %v", row, figures(row))
			}
		}
	})
}

// The total is what the images cost one by one.
func TestTotalIsTheSumOfImages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		repositories := drawRepositories(t)
		want := 0.0
		for _, r := range repositories {
			for _, i := range r.Images {
				if i.Kind != snapshot.KindIndex {
					want += regionalPrices().Settings.Prices.Monthly(r.Region, i.SizeBytes, i.Status == "ARCHIVED")
				}
			}
		}
		if got := sumUp(t, cost.ByAge, 0, repositories).Total.All.Monthly(); math.Abs(got-want) > 1e-9 {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}
