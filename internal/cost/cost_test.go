package cost_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/cost"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

var now = time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)

func ago(days int) time.Time { return now.Add(-time.Duration(days) * 24 * time.Hour) }

const gb = cost.Gigabyte

// stored is an image of some gigabytes, pushed some days ago.
func stored(digest string, gigabytes int64, days int, tags ...string) snapshot.Image {
	return snapshot.Image{Digest: digest, Kind: snapshot.KindImage, Status: "ACTIVE", SizeBytes: gigabytes * gb, PushedAt: ago(days), Tags: tags}
}

func repository(name string, images ...snapshot.Image) *snapshot.Repository {
	target := snapshot.Target{Partition: "aws", Account: "111122223333", Region: "eu-west-1"}
	return &snapshot.Repository{Target: target, Name: name, ARN: target.RepositoryARN(name), Images: images}
}

func gap(r *snapshot.Repository, need snapshot.Need) *snapshot.Repository {
	r.Gaps = append(r.Gaps, snapshot.Gap{Target: r.Target, Repository: r.Name, Need: need, Code: "AccessDenied"})
	return r
}

func settings(t *testing.T, text string) *config.Effective {
	t.Helper()
	c, err := config.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c.For(config.Resource{})
}

// tally adds repositories up and shows the rows, as
// "name: images, bytes in GB = cost, frees ±unknown, unused ±unknown".
func tally(t *testing.T, by cost.By, repositories ...*snapshot.Repository) []string {
	t.Helper()
	sum := cost.NewTally(cost.Options{By: by, At: now, UnusedDays: 90})
	for _, r := range repositories {
		if err := sum.Add(r, settings(t, "prices: {standard: 0.1, archive: 0.04, regions: {us-east-1: 0.2}}")); err != nil {
			t.Error(err)
		}
	}
	result, err := sum.Result()
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	for _, row := range append(result.Rows, &result.Total) {
		text := fmt.Sprintf("%s: %d repositories, %d images, %s", row, row.Repositories, row.Images, priced(row.All))
		text += part("frees", row.Frees, row.UnknownFrees) + part("unused", row.Unused, row.UnknownUnused)
		if row.Unread > 0 {
			text += fmt.Sprintf(", %d unread", row.Unread)
		}
		shown = append(shown, strings.TrimPrefix(text, ": "))
	}
	return shown
}

func part(name string, known, unknown cost.Amount) string {
	if known.Bytes()+unknown.Bytes() == 0 {
		return ""
	}
	return fmt.Sprintf(", %s %s ± %s", name, priced(known), priced(unknown))
}

func priced(a cost.Amount) string {
	return fmt.Sprintf("%gGB=%g", float64(a.Bytes())/gb, math.Round(a.Monthly()*1000)/1000)
}

const expireUntagged = `{"rules":[{"rulePriority":1,"selection":{"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":7},"action":{"type":"expire"}}]}`

func TestTally(t *testing.T) {
	index := stored("sha256:i", 3, 100, "1.0.0")
	index.Kind, index.Children = snapshot.KindIndex, []snapshot.Child{{Digest: "sha256:c1"}, {Digest: "sha256:c2"}}
	pulledIndex := index
	pulledIndex.LastPulledAt = ago(3)
	unreadIndex := index
	unreadIndex.Children = nil
	archived := stored("sha256:a", 10, 400, "old")
	archived.Status = "ARCHIVED"
	restoring := archived
	restoring.Status, restoring.LastActivatedAt = "ACTIVATING", ago(1)
	signature := stored("sha256:s", 1, 100, "sha256-"+strings.Repeat("0", 64)+".sig")
	signature.Kind, signature.Subject = snapshot.KindSignature, "sha256:i"
	undated := stored("sha256:u", 1, 0, "dev")
	undated.PushedAt = time.Time{}
	c1, c2 := stored("sha256:c1", 2, 100), stored("sha256:c2", 3, 100)
	american := repository("team/b", stored("sha256:1", 1, 1, "x"))
	american.Region = "us-east-1"
	team := repository("team/a", stored("sha256:1", 1, 1, "x"))
	team.Tags = map[string]string{"team": "a"}
	policed := repository("policed", index, c1, c2, stored("sha256:x", 4, 100), stored("sha256:y", 8, 2))
	policed.Lifecycle = expireUntagged
	undecided := repository("undecided", unreadIndex, stored("sha256:x", 4, 100), stored("sha256:y", 8, 2))
	undecided.Lifecycle = expireUntagged
	for _, c := range []struct {
		name string
		by   cost.By
		of   []*snapshot.Repository
		want []string
	}{
		{"nothing", cost.ByRepository, nil, []string{"0 repositories, 0 images, 0GB=0"}},
		{"an empty repository", cost.ByRepository, []*snapshot.Repository{repository("team/a")}, []string{
			"111122223333/eu-west-1/team/a: 1 repositories, 0 images, 0GB=0",
			"1 repositories, 0 images, 0GB=0",
		}},
		{"an index costs what its children do", cost.ByTagClass, []*snapshot.Repository{repository("r", pulledIndex, c1, c2)}, []string{
			"child of an index: 1 repositories, 2 images, 5GB=0.5",
			"release: 1 repositories, 1 images, 0GB=0",
			"1 repositories, 3 images, 5GB=0.5",
		}},
		{"children and signatures of an index that is pulled are used", cost.ByAge, []*snapshot.Repository{repository("r", pulledIndex, c1, c2, signature)}, []string{
			"90 to 180 days: 1 repositories, 4 images, 6GB=0.6",
			"1 repositories, 4 images, 6GB=0.6",
		}},
		{"those of one that is not pulled are unused", cost.ByTagClass, []*snapshot.Repository{repository("r", index, c1, c2, signature)}, []string{
			"child of an index: 1 repositories, 2 images, 5GB=0.5, unused 5GB=0.5 ± 0GB=0",
			"artifact: 1 repositories, 1 images, 1GB=0.1, unused 1GB=0.1 ± 0GB=0",
			"release: 1 repositories, 1 images, 0GB=0",
			"1 repositories, 4 images, 6GB=0.6, unused 6GB=0.6 ± 0GB=0",
		}},
		{"an index that was not read", cost.ByTagClass, []*snapshot.Repository{repository("r", unreadIndex, c1, stored("sha256:x", 1, 100, "dev"))}, []string{
			"untagged or child of an index: 1 repositories, 1 images, 2GB=0.2, unused 0GB=0 ± 2GB=0.2",
			"other tags: 1 repositories, 1 images, 1GB=0.1, unused 1GB=0.1 ± 0GB=0",
			"release: 1 repositories, 1 images, 0GB=0",
			"1 repositories, 3 images, 3GB=0.3, unused 1GB=0.1 ± 2GB=0.2",
		}},
		{"archive and restoration", cost.ByAge, []*snapshot.Repository{repository("r", archived), repository("s", restoring)}, []string{
			"365 days and more: 2 repositories, 2 images, 20GB=1.4, unused 10GB=0.4 ± 0GB=0",
			"2 repositories, 2 images, 20GB=1.4, unused 10GB=0.4 ± 0GB=0",
		}},
		{"an unknown time of push", cost.ByAge, []*snapshot.Repository{repository("r", undated)}, []string{
			"(unknown): 1 repositories, 1 images, 1GB=0.1, unused 0GB=0 ± 1GB=0.1",
			"1 repositories, 1 images, 1GB=0.1, unused 0GB=0 ± 1GB=0.1",
		}},
		{"ages at their limits", cost.ByAge, []*snapshot.Repository{repository("r",
			stored("sha256:1", 1, 29), stored("sha256:2", 1, 30), stored("sha256:3", 2, 89), stored("sha256:4", 1, -1), stored("sha256:5", 7, 365))}, []string{
			"365 days and more: 1 repositories, 1 images, 7GB=0.7, unused 7GB=0.7 ± 0GB=0",
			"30 to 90 days: 1 repositories, 2 images, 3GB=0.3",
			"under 30 days: 1 repositories, 2 images, 2GB=0.2",
			"1 repositories, 5 images, 12GB=1.2, unused 7GB=0.7 ± 0GB=0",
		}},
		{"prices of regions", cost.ByRegion, []*snapshot.Repository{american, repository("team/a", stored("sha256:1", 1, 1, "x"))}, []string{
			"us-east-1: 1 repositories, 1 images, 1GB=0.2",
			"eu-west-1: 1 repositories, 1 images, 1GB=0.1",
			"2 repositories, 2 images, 2GB=0.3",
		}},
		{"tags of repositories", cost.ByTag("team"), []*snapshot.Repository{team, repository("b"), gap(repository("c", stored("sha256:1", 2, 1)), snapshot.NeedTags)}, []string{
			"(unknown): 1 repositories, 1 images, 2GB=0.2",
			"a: 1 repositories, 1 images, 1GB=0.1",
			"(none): 1 repositories, 0 images, 0GB=0",
			"3 repositories, 2 images, 3GB=0.3",
		}},
		{"what a policy frees, and what it spares", cost.ByRepository, []*snapshot.Repository{policed}, []string{
			"111122223333/eu-west-1/policed: 1 repositories, 5 images, 17GB=1.7, frees 4GB=0.4 ± 0GB=0, unused 9GB=0.9 ± 0GB=0",
			"1 repositories, 5 images, 17GB=1.7, frees 4GB=0.4 ± 0GB=0, unused 9GB=0.9 ± 0GB=0",
		}},
		{"what it may free", cost.ByAccount, []*snapshot.Repository{undecided}, []string{
			"111122223333: 1 repositories, 3 images, 12GB=1.2, frees 0GB=0 ± 4GB=0.4, unused 0GB=0 ± 4GB=0.4",
			"1 repositories, 3 images, 12GB=1.2, frees 0GB=0 ± 4GB=0.4, unused 0GB=0 ± 4GB=0.4",
		}},
		{"a policy that was not read", cost.ByAccount, []*snapshot.Repository{gap(repository("r", stored("sha256:1", 1, 1)), snapshot.NeedLifecycle)}, []string{
			"111122223333: 1 repositories, 1 images, 1GB=0.1, frees 0GB=0 ± 1GB=0.1",
			"1 repositories, 1 images, 1GB=0.1, frees 0GB=0 ± 1GB=0.1",
		}},
		{"images that were not read", cost.ByTagClass, []*snapshot.Repository{gap(repository("r"), snapshot.NeedImages)}, []string{
			"(unknown): 1 repositories, 0 images, 0GB=0, 1 unread",
			"1 repositories, 0 images, 0GB=0, 1 unread",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, tally(t, c.by, c.of...)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestInvalidPolicyIsToldAndUnknown(t *testing.T) {
	r := repository("r", stored("sha256:1", 1, 1))
	r.Lifecycle = `{"rules":[]}`
	sum := cost.NewTally(cost.Options{By: cost.ByRepository, At: now})
	if err := sum.Add(r, settings(t, "{}")); err == nil {
		t.Error("no error")
	}
	result, err := sum.Result()
	if err != nil || result.Total.UnknownFrees.Bytes() != gb || result.Total.All.Bytes() != gb {
		t.Errorf("%v %+v", err, result)
	}
}

func TestOneCurrency(t *testing.T) {
	sum := cost.NewTally(cost.Options{By: cost.ByRepository, At: now})
	for name, currency := range map[string]string{"a": "USD", "b": "EUR", "c": "USD"} {
		if err := sum.Add(repository(name), settings(t, "prices: {currency: "+currency+"}")); err != nil {
			t.Error(err)
		}
	}
	_, err := sum.Result()
	want := "prices are in EUR (for arn:aws:ecr:eu-west-1:111122223333:repository/b) and in USD (for arn:aws:ecr:eu-west-1:111122223333:repository/a), and cannot be added up: " +
		"give prices.currency one value, or look at fewer repositories"
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestRatesIn(t *testing.T) {
	prices := settings(t, "prices: {currency: EUR, standard: 0.1, archive: 0.07, regions: {eu-north-1: 0.095}}").Settings.Prices
	for region, want := range map[string]cost.Rates{
		"eu-north-1": {Currency: "EUR", Standard: 0.095, Archive: 0.07},
		"eu-west-1":  {Currency: "EUR", Standard: 0.1, Archive: 0.07},
	} {
		if diff := cmp.Diff(want, cost.RatesIn(region, prices)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", region, diff)
		}
	}
}

func BenchmarkTally(b *testing.B) {
	c := config.Default()
	images := make([]snapshot.Image, 1000)
	for i := range images {
		images[i] = stored(fmt.Sprintf("sha256:%064x", i), 1, i%400, fmt.Sprintf("gitsha_%040x", i))
	}
	r := repository("team/api", images...)
	r.Lifecycle = expireUntagged
	sum := cost.NewTally(cost.Options{By: cost.ByRepository, At: now, Limit: 30})
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		r.Name = fmt.Sprint("team/", n)
		if err := sum.Add(r, c.For(config.Resource{})); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n*len(images)), "ns/image")
}
