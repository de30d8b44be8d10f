package awssim_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"pgregory.net/rapid"

	"github.com/ecraudit/ecraudit/internal/awssim"
)

// listAll lists the digests of a repository in pages of a size.
func listAll(t testing.TB, c *ecr.Client, repository string, size int32) []string {
	t.Helper()
	var digests []string
	pages := ecr.NewDescribeImagesPaginator(c, &ecr.DescribeImagesInput{
		RepositoryName: &repository, MaxResults: &size, Filter: &types.DescribeImagesFilter{ImageStatus: "ANY"},
	})
	for pages.HasMorePages() {
		for _, image := range must(pages.NextPage(t.Context()))(t).ImageDetails {
			digests = append(digests, *image.ImageDigest)
		}
	}
	return digests
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// An organization of two million images costs little more than the names of its repositories.
func TestTwoMillionImagesAreNotHeld(t *testing.T) {
	before := heap()
	w := newWorld(t)
	w.registry().AddSyntheticRepositories(20_000, func(i int) awssim.Repository {
		return awssim.Repository{Name: fmt.Sprintf("team/service-%05d", i), Synthetic: awssim.Synthesize(uint64(i), 100, awssim.Epoch)}
	})
	w.org.Account(other).Registry(region).AddRepository(awssim.Repository{Name: "big", Synthetic: awssim.Synthesize(9, 1_000_000, awssim.Epoch)})
	c := ecr.NewFromConfig(w.srv.Config(member, region))
	count := 0
	pages := ecr.NewDescribeRepositoriesPaginator(c, &ecr.DescribeRepositoriesInput{MaxResults: aws.Int32(1000)})
	for pages.HasMorePages() {
		count += len(must(pages.NextPage(t.Context()))(t).Repositories)
	}
	wantSame(t, count, 20_000)
	wantSame(t, len(listAll(t, c, "team/service-19999", 1000)), 100)
	big := ecr.NewFromConfig(w.srv.Config(other, region))
	last := awssim.Synthesize(9, 1_000_000, awssim.Epoch).Digest(999_999)
	got := must(big.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("big"), ImageIds: []types.ImageIdentifier{byDigest(last)}}))(t)
	wantSame(t, *got.ImageDetails[0].ImageDigest, last)
	if used := heap() - before; used > 16<<20 {
		t.Errorf("%d MB are held", used>>20)
	}
	runtime.KeepAlive(w)
}

func TestSyntheticDigests(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := awssim.Synthesize(rapid.Uint64().Draw(t, "seed"), 1<<31-1, awssim.Epoch)
		i, j := rapid.IntRange(0, s.N-1).Draw(t, "i"), rapid.IntRange(0, s.N-1).Draw(t, "j")
		if (s.Digest(i) == s.Digest(j)) != (i == j) {
			t.Fatalf("digests of %d and %d", i, j)
		}
	})
}

// Synthetic images can be written to: they are tagged, untagged, archived and deleted like others, and the rest stays as it is.
func TestWritingToSyntheticImages(t *testing.T) {
	w := newWorld(t)
	synthetic := awssim.Synthesize(3, 50, awssim.Epoch)
	w.registry().AddSyntheticRepositories(2, func(i int) awssim.Repository {
		return awssim.Repository{Name: []string{"repo", "sibling"}[i], Synthetic: synthetic}
	})
	first, second, third := synthetic.Digest(0), synthetic.Digest(5), synthetic.Digest(7)
	wantSame(t, len(w.deleteImages(byTag("v1.50"), byTag("gitsha_45"), byDigest(third)).ImageIds), 3)
	id := byDigest(synthetic.Digest(1))
	must(w.ecr().UpdateImageStorageClass(t.Context(), &ecr.UpdateImageStorageClassInput{RepositoryName: repoName, ImageId: &id, TargetStorageClass: "ARCHIVE"}))(t)
	image := awssim.BuildImage(awssim.ImageOptions{Seed: "x"})
	if err := w.put(image, "v1.48"); err != nil { // the tag of the third one
		t.Fatal(err)
	}
	repo := w.registry().Repository("repo")
	if _, ok := repo.Image(first); ok {
		t.Error("an image outlived its last tag")
	}
	kept, _ := repo.Image(second)
	wantSame(t, kept.Tags, []string{"v1.45"})
	robbed, _ := repo.Image(synthetic.Digest(2))
	wantSame(t, len(robbed.Tags), 0)
	wantSame(t, w.describeImage(id).ImageStatus, types.ImageStatusArchived)
	wantSame(t, len(listAll(t, w.ecr(), "repo", 7)), 50-2+1)
	wantSame(t, len(listAll(t, w.ecr(), "sibling", 7)), 50)
	names := must(w.ecr().DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{}))(t)
	wantSame(t, len(names.Repositories), 2)
	must(w.ecr().DeleteRepository(t.Context(), &ecr.DeleteRepositoryInput{RepositoryName: repoName, Force: true}))(t)
	names = must(w.ecr().DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{}))(t)
	wantSame(t, len(names.Repositories), 1)
}

// Whatever the page size, and however many images are real or synthetic, every image is listed exactly once.
func TestPagingIsComplete(t *testing.T) {
	w := newWorldWith(t, awssim.OrganizationOptions{}, awssim.Options{ShortPages: true})
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		name := fmt.Sprintf("repo%d", n)
		held, synthetic := rapid.IntRange(0, 20).Draw(rt, "real"), rapid.IntRange(0, 20).Draw(rt, "synthetic")
		repo := w.registry().AddRepository(awssim.Repository{Name: name, Synthetic: awssim.Synthesize(1, synthetic, awssim.Epoch)})
		for range held {
			repo.AddImage(awssim.Image{})
		}
		seen := map[string]bool{}
		for _, digest := range listAll(t, w.ecr(), name, int32(rapid.IntRange(1, 25).Draw(rt, "size"))) {
			if seen[digest] {
				rt.Fatalf("%s is listed twice", digest)
			}
			seen[digest] = true
		}
		if len(seen) != held+synthetic {
			rt.Fatalf("%d of %d images are listed", len(seen), held+synthetic)
		}
	})
}

// The same organization, built twice, is the same to the byte.
func TestStateIsDeterministic(t *testing.T) {
	build := func() string {
		w := newWorld(t)
		w.org.Account(member).AddRole(awssim.Role{Name: "audit", Allowed: []string{"ecr:*"}})
		w.registry().SetPolicy("{}").AddPullThroughCacheRule(awssim.PullThroughCacheRule{ECRRepositoryPrefix: "hub"})
		for i := range 5 {
			repo := w.registry().AddRepository(awssim.Repository{Name: fmt.Sprint("repo", i), Tags: map[string]string{"a": "1", "b": "2"}})
			repo.AddImage(awssim.Image{Tags: []string{"v1", "v2"}})
		}
		return string(w.org.Dump())
	}
	wantSame(t, build(), build())
}

// A description that is read back and added again gives the same repository.
func TestDescriptionsRoundTrip(t *testing.T) {
	w := newWorld(t)
	base := awssim.BuildImage(awssim.ImageOptions{Seed: "x"})
	sig := awssim.CosignSignature(base)
	w.registry().AddRepository(awssim.Repository{
		Name: "repo", TagMutability: "IMMUTABLE_WITH_EXCLUSION", TagExclusions: []awssim.Filter{{Filter: "dev*"}}, Policy: pullPolicy,
		Images: []awssim.Image{base, sig, awssim.BuildIndex(base), {Tags: []string{"v1"}, Scan: &awssim.Scan{Counts: map[string]int32{"LOW": 1}}}},
	})
	about := w.registry().Repository("repo").Describe()
	copied := w.org.Account(other).Registry(region).AddRepository(about).Describe()
	wantSame(t, copied, about)
}

func BenchmarkDescribeImages(b *testing.B) {
	for _, size := range []int{100, 1000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			org := awssim.NewOrganization(awssim.OrganizationOptions{})
			org.ManagementAccount().Registry(region).AddRepository(awssim.Repository{Name: "repo", Synthetic: awssim.Synthesize(1, size, awssim.Epoch)})
			benchmarkPage(b, awssim.Start(org, awssim.Options{}), "DescribeImages", `{"repositoryName":"repo","maxResults":1000}`)
		})
	}
}

func BenchmarkDescribeRepositories(b *testing.B) {
	org := awssim.NewOrganization(awssim.OrganizationOptions{})
	org.ManagementAccount().Registry(region).AddSyntheticRepositories(1000, func(i int) awssim.Repository {
		return awssim.Repository{Name: fmt.Sprintf("team/service-%05d", i), Synthetic: awssim.Synthesize(uint64(i), 100, awssim.Epoch)}
	})
	benchmarkPage(b, awssim.Start(org, awssim.Options{}), "DescribeRepositories", `{"maxResults":1000}`)
}
