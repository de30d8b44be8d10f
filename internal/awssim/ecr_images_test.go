package awssim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/google/go-cmp/cmp"

	"github.com/ecraudit/ecraudit/internal/awssim"
)

var repoName = aws.String("repo")

func byTag(tag string) types.ImageIdentifier { return types.ImageIdentifier{ImageTag: &tag} }

func byDigest(digest string) types.ImageIdentifier {
	return types.ImageIdentifier{ImageDigest: &digest}
}

func (w *world) describeImage(id types.ImageIdentifier) types.ImageDetail {
	w.Helper()
	out := must(w.ecr().DescribeImages(w.Context(), &ecr.DescribeImagesInput{RepositoryName: repoName, ImageIds: []types.ImageIdentifier{id}}))(w)
	return out.ImageDetails[0]
}

func (w *world) put(image awssim.Image, tag string) error {
	in := &ecr.PutImageInput{RepositoryName: repoName, ImageManifest: &image.Manifest, ImageManifestMediaType: &image.MediaType, ImageDigest: &image.Digest}
	if tag != "" {
		in.ImageTag = &tag
	}
	_, err := w.ecr().PutImage(w.Context(), in)
	return err
}

func (w *world) deleteImages(ids ...types.ImageIdentifier) *ecr.BatchDeleteImageOutput {
	w.Helper()
	return must(w.ecr().BatchDeleteImage(w.Context(), &ecr.BatchDeleteImageInput{RepositoryName: repoName, ImageIds: ids}))(w)
}

func TestDescribeImages(t *testing.T) {
	w := newWorld(t)
	pushed := time.Date(2026, 3, 1, 10, 0, 0, 500e6, time.UTC)
	image := awssim.BuildImage(awssim.ImageOptions{Seed: "x", Size: 5_000_000, Docker: true})
	image.Tags, image.PushedAt, image.LastPulledAt = []string{"v1", `odd`}, pushed, pushed.Add(time.Hour)
	signature := awssim.BuildReferrer(image, awssim.MediaTypeNotation, "s", nil)
	w.registry().AddRepository(awssim.Repository{Name: "repo", Images: []awssim.Image{image, signature}})

	got := w.describeImage(byTag("v1"))
	want := types.ImageDetail{
		RegistryId: aws.String(member), RepositoryName: repoName, ImageDigest: &image.Digest, ImageTags: []string{"odd", "v1"},
		ImageSizeInBytes: aws.Int64(5_000_000), ImagePushedAt: &pushed, LastRecordedPullTime: aws.Time(pushed.Add(time.Hour)),
		ImageManifestMediaType: aws.String(awssim.MediaTypeDocker), ArtifactMediaType: aws.String(awssim.MediaTypeDockerImage), ImageStatus: "ACTIVE",
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(types.ImageDetail{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	got = w.describeImage(byDigest(signature.Digest))
	wantSame(t, *got.SubjectManifestDigest, image.Digest)
	wantSame(t, *got.ArtifactMediaType, awssim.MediaTypeNotation)
	wantSame(t, got.ImageTags == nil, true)

	_, err := w.ecr().DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: repoName, ImageIds: []types.ImageIdentifier{byTag("nope")}})
	wantError[*types.ImageNotFoundException](t, err)
	_, err = w.ecr().DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: repoName, ImageIds: []types.ImageIdentifier{byTag("v1")}, MaxResults: aws.Int32(5)})
	wantError[*types.InvalidParameterException](t, err)
}

func TestDescribeImagesFilters(t *testing.T) {
	w := newWorld(t)
	w.registry().AddRepository(awssim.Repository{Name: "repo", Images: []awssim.Image{
		{Tags: []string{"a"}}, {}, {}, {Tags: []string{"old"}, Status: "ARCHIVED"}, {Status: "ARCHIVED"},
	}})
	count := func(filter *types.DescribeImagesFilter) int {
		n := 0
		pages := ecr.NewDescribeImagesPaginator(w.ecr(), &ecr.DescribeImagesInput{RepositoryName: repoName, Filter: filter, MaxResults: aws.Int32(1)})
		for pages.HasMorePages() {
			n += len(must(pages.NextPage(t.Context()))(t).ImageDetails)
		}
		return n
	}
	wantSame(t, count(nil), 3)
	wantSame(t, count(&types.DescribeImagesFilter{ImageStatus: "ANY"}), 5)
	wantSame(t, count(&types.DescribeImagesFilter{ImageStatus: "ARCHIVED"}), 2)
	wantSame(t, count(&types.DescribeImagesFilter{TagStatus: "TAGGED"}), 1)
	wantSame(t, count(&types.DescribeImagesFilter{TagStatus: "UNTAGGED", ImageStatus: "ANY"}), 3)
	_, err := w.ecr().DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: repoName, Filter: &types.DescribeImagesFilter{TagStatus: "BOTH"}})
	wantError[*types.InvalidParameterException](t, err)
}

func TestListImagesHasARowForEachTag(t *testing.T) {
	for _, short := range []bool{false, true} {
		for _, size := range []int32{1, 2, 3, 100} {
			t.Run(fmt.Sprintf("pages of %d, short %t", size, short), func(t *testing.T) {
				w := newWorldWith(t, awssim.OrganizationOptions{}, awssim.Options{ShortPages: short})
				synthetic := &awssim.SyntheticImages{N: 5, Image: func(i int) awssim.Image {
					return awssim.Image{Tags: []string{fmt.Sprint("s", i), fmt.Sprint("t", i)}[:i%3]}
				}}
				w.registry().AddRepository(awssim.Repository{Name: "repo", Synthetic: synthetic, Images: []awssim.Image{
					{Tags: []string{"a", "b", "c", "d", "e"}}, {}, {Tags: []string{"z"}}, {}, {Tags: []string{"y", "x"}},
				}})
				seen := map[string]bool{}
				pages := ecr.NewListImagesPaginator(w.ecr(), &ecr.ListImagesInput{RepositoryName: repoName, MaxResults: &size})
				for pages.HasMorePages() {
					page := must(pages.NextPage(t.Context()))(t)
					if len(page.ImageIds) > int(size) {
						t.Fatalf("a page of %d", len(page.ImageIds))
					}
					for _, id := range page.ImageIds {
						key := *id.ImageDigest + aws.ToString(id.ImageTag)
						if seen[key] {
							t.Errorf("%s twice", key)
						}
						seen[key] = true
					}
				}
				wantSame(t, len(seen), 5+1+1+1+2+(1+1+2+1+1))
			})
		}
	}
}

func TestPutImage(t *testing.T) {
	w := newWorld(t)
	repo := w.registry().AddRepository(awssim.Repository{Name: "repo"})
	first, second := awssim.BuildImage(awssim.ImageOptions{Seed: "1"}), awssim.BuildImage(awssim.ImageOptions{Seed: "2"})
	for _, err := range []error{w.put(first, "v1"), w.put(first, "v2"), w.put(second, "v2"), w.put(second, "v3")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	one, _ := repo.Image(first.Digest)
	two, _ := repo.Image(second.Digest)
	wantSame(t, one.Tags, []string{"v1"})
	wantSame(t, two.Tags, []string{"v2", "v3"})
	wantError[*types.ImageAlreadyExistsException](t, w.put(first, "v1"))
	wantError[*types.ImageAlreadyExistsException](t, w.put(first, ""))
	wrong := first
	wrong.Digest = second.Digest
	wantError[*types.ImageDigestDoesNotMatchException](t, w.put(wrong, "v9"))
	for name, broken := range map[string]awssim.Image{
		"no JSON":        {Manifest: "{", MediaType: awssim.MediaTypeImage},
		"another type":   {Manifest: first.Manifest, MediaType: awssim.MediaTypeDocker},
		"no config":      {Manifest: `{"schemaVersion":2,"mediaType":"` + awssim.MediaTypeImage + `"}`, MediaType: awssim.MediaTypeImage},
		"unknown type":   {Manifest: `{"schemaVersion":2}`, MediaType: "text/plain"},
		"no schema":      {Manifest: `{}`, MediaType: awssim.MediaTypeImage},
		"no type at all": {Manifest: `{"schemaVersion":2,"config":{}}`},
	} {
		t.Run(name, func(t *testing.T) {
			in := &ecr.PutImageInput{RepositoryName: repoName, ImageManifest: &broken.Manifest}
			if broken.MediaType != "" {
				in.ImageManifestMediaType = &broken.MediaType
			}
			_, err := w.ecr().PutImage(t.Context(), in)
			wantError[*types.InvalidParameterException](t, err)
		})
	}
	wantError[*types.InvalidParameterException](t, w.put(first, "-bad"))
	wantError[*types.InvalidParameterException](t, w.put(first, strings.Repeat("x", 129)))
}

// Giving an image another tag keeps what is known of it: its push, its pulls, its scan.
func TestRetaggingKeepsTheImage(t *testing.T) {
	w := newWorld(t)
	repo := w.registry().AddRepository(awssim.Repository{Name: "repo"})
	built := awssim.BuildImage(awssim.ImageOptions{Seed: "1"})
	built.Tags, built.PushedAt, built.Scan = []string{"v1"}, awssim.Epoch.Add(-1000*time.Hour), &awssim.Scan{Counts: map[string]int32{"HIGH": 2}}
	repo.AddImage(built)
	got := must(w.ecr().BatchGetImage(t.Context(), &ecr.BatchGetImageInput{RepositoryName: repoName, ImageIds: []types.ImageIdentifier{byTag("v1")}}))(t).Images[0]
	wantSame(t, *got.ImageManifest, built.Manifest)
	must(w.ecr().PutImage(t.Context(), &ecr.PutImageInput{
		RepositoryName: repoName, ImageManifest: got.ImageManifest, ImageManifestMediaType: got.ImageManifestMediaType,
		ImageDigest: got.ImageId.ImageDigest, ImageTag: aws.String("parked"),
	}))(t)
	w.deleteImages(byTag("v1"))
	after, _ := repo.Image(built.Digest)
	want, _ := repo.Image("parked")
	wantSame(t, after, want)
	wantSame(t, after.Tags, []string{"parked"})
	wantSame(t, after.PushedAt, built.PushedAt)
	wantSame(t, after.Scan.Counts, built.Scan.Counts)
	wantSame(t, after.LastPulledAt, awssim.Epoch) // BatchGetImage is a pull
}

func TestImmutableTags(t *testing.T) {
	first, second := awssim.BuildImage(awssim.ImageOptions{Seed: "1"}), awssim.BuildImage(awssim.ImageOptions{Seed: "2"})
	for _, test := range []struct {
		mutability, filter string
		blocked            bool
	}{
		{"MUTABLE", "", false},
		{"IMMUTABLE", "", true},
		{"IMMUTABLE_WITH_EXCLUSION", "v*", false},
		{"IMMUTABLE_WITH_EXCLUSION", "dev*", true},
		{"MUTABLE_WITH_EXCLUSION", "v*", true},
		{"MUTABLE_WITH_EXCLUSION", "dev*", false},
	} {
		t.Run(test.mutability+" "+test.filter, func(t *testing.T) {
			w := newWorld(t)
			about := awssim.Repository{Name: "repo", TagMutability: test.mutability}
			if test.filter != "" {
				about.TagExclusions = []awssim.Filter{{Filter: test.filter}}
			}
			w.registry().AddRepository(about)
			if err := w.put(first, "v1"); err != nil {
				t.Fatal(err)
			}
			err := w.put(second, "v1")
			if test.blocked {
				wantError[*types.ImageTagAlreadyExistsException](t, err)
			} else if err != nil {
				t.Error(err)
			}
			wantSame(t, len(w.deleteImages(byTag("v1")).Failures), 0) // immutability does not stop a deletion
		})
	}
}

func TestDeletingTheLastTagDeletesTheImage(t *testing.T) {
	w := newWorld(t)
	repo := w.registry().AddRepository(awssim.Repository{Name: "repo"})
	image := repo.AddImage(awssim.Image{Tags: []string{"a", "b"}})
	out := w.deleteImages(byTag("a"))
	wantSame(t, len(out.ImageIds), 1)
	if _, ok := repo.Image(image.Digest); !ok {
		t.Fatal("the image went with its first tag")
	}
	w.deleteImages(byTag("b"))
	if _, ok := repo.Image(image.Digest); ok {
		t.Fatal("the image outlived its last tag")
	}
	image = repo.AddImage(awssim.Image{Tags: []string{"c", "d"}})
	out = w.deleteImages(byDigest(image.Digest))
	wantSame(t, len(out.ImageIds), 2)
	wantSame(t, len(repo.Describe().Images), 0)
}

func TestBatchFailures(t *testing.T) {
	w := newWorld(t)
	repo := w.registry().AddRepository(awssim.Repository{Name: "repo"})
	a, b := repo.AddImage(awssim.Image{Tags: []string{"a", "a2"}}), repo.AddImage(awssim.Image{Tags: []string{"b"}})
	archived := repo.AddImage(awssim.Image{Tags: []string{"old"}, Status: "ARCHIVED"})
	ids := []types.ImageIdentifier{
		byTag("a"), {}, byTag("nope"), byTag("-x"), byDigest("nonsense"), byDigest("sha256:" + strings.Repeat("0", 64)),
		{ImageDigest: &a.Digest, ImageTag: aws.String("b")}, {ImageDigest: &b.Digest, ImageTag: aws.String("b")},
	}
	want := []types.ImageFailureCode{"MissingDigestAndTag", "ImageNotFound", "InvalidImageTag", "InvalidImageDigest", "ImageNotFound", "ImageTagDoesNotMatchDigest"}
	codes := func(failures []types.ImageFailure) (codes []types.ImageFailureCode) {
		for _, f := range failures {
			codes = append(codes, f.FailureCode)
		}
		return codes
	}
	get := must(w.ecr().BatchGetImage(t.Context(), &ecr.BatchGetImageInput{RepositoryName: repoName, ImageIds: append(ids, byDigest(archived.Digest))}))(t)
	wantSame(t, codes(get.Failures), append(want, "ImageInaccessible"))
	wantSame(t, len(get.Images), 2)
	deleted := w.deleteImages(ids...)
	wantSame(t, codes(deleted.Failures), want)
	wantSame(t, len(deleted.ImageIds), 2)

	_, err := w.ecr().BatchDeleteImage(t.Context(), &ecr.BatchDeleteImageInput{RepositoryName: repoName, ImageIds: make([]types.ImageIdentifier, 101)})
	wantError[*types.InvalidParameterException](t, err)
	_, err = w.ecr().BatchGetImage(t.Context(), &ecr.BatchGetImageInput{RepositoryName: repoName, ImageIds: []types.ImageIdentifier{}})
	wantError[*types.InvalidParameterException](t, err)
}

func TestIndexes(t *testing.T) {
	w := newWorld(t)
	repo := w.registry().AddRepository(awssim.Repository{Name: "repo"})
	amd := awssim.BuildImage(awssim.ImageOptions{Seed: "amd", Size: 7_000_000})
	arm := awssim.BuildImage(awssim.ImageOptions{Seed: "arm", Size: 9_000_000})
	index := awssim.BuildIndex(amd, arm)
	wantError[*types.ReferencedImagesNotFoundException](t, w.put(index, "v1"))
	for _, err := range []error{w.put(amd, ""), w.put(arm, "arm"), w.put(index, "v1")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	wantSame(t, *w.describeImage(byTag("v1")).ImageSizeInBytes, int64(9_000_000))
	for _, id := range []types.ImageIdentifier{byDigest(amd.Digest), byTag("arm")} {
		out := w.deleteImages(id)
		wantSame(t, len(out.Failures), 1)
		wantSame(t, out.Failures[0].FailureCode, types.ImageFailureCodeImageReferencedByManifestList)
	}
	if err := w.put(arm, "arm2"); err != nil {
		t.Fatal(err)
	}
	wantSame(t, len(w.deleteImages(byTag("arm")).Failures), 0) // with a second tag, one can go
	wantSame(t, len(w.deleteImages(byTag("v1"), byDigest(amd.Digest), byTag("arm2")).Failures), 0)
	wantSame(t, len(repo.Describe().Images), 0)
}

func TestReferrers(t *testing.T) {
	w := newWorld(t)
	repo := w.registry().AddRepository(awssim.Repository{Name: "repo"})
	image := repo.AddImage(awssim.BuildImage(awssim.ImageOptions{Seed: "x"}))
	for i := range 30 {
		kind := awssim.MediaTypeSPDX
		if i%3 == 0 {
			kind = awssim.MediaTypeNotation
		}
		repo.AddImage(awssim.BuildReferrer(image, kind, fmt.Sprint(i), map[string]string{"n": fmt.Sprint(i)}))
	}
	list := func(in ecr.ListImageReferrersInput) *ecr.ListImageReferrersOutput {
		in.RepositoryName, in.SubjectId = repoName, &types.SubjectIdentifier{ImageDigest: &image.Digest}
		return must(w.ecr().ListImageReferrers(t.Context(), &in))(t)
	}
	page := list(ecr.ListImageReferrersInput{})
	wantSame(t, len(page.Referrers), 20)
	wantSame(t, len(list(ecr.ListImageReferrersInput{NextToken: page.NextToken}).Referrers), 10)
	signatures := list(ecr.ListImageReferrersInput{Filter: &types.ListImageReferrersFilter{ArtifactTypes: []string{awssim.MediaTypeNotation}}})
	wantSame(t, len(signatures.Referrers), 10)
	wantSame(t, len(signatures.Referrers[0].Annotations), 1)
	_, err := w.ecr().ListImageReferrers(t.Context(), &ecr.ListImageReferrersInput{
		RepositoryName: repoName, SubjectId: &types.SubjectIdentifier{ImageDigest: &image.Digest}, MaxResults: aws.Int32(51),
	})
	wantError[*types.InvalidParameterException](t, err)
	if tag := awssim.CosignSignature(image).Tags[0]; tag != "sha256-"+image.Digest[7:]+".sig" {
		t.Errorf("cosign's tag is %s", tag)
	}
}

func TestStorageClass(t *testing.T) {
	w := newWorld(t)
	repo := w.registry().AddRepository(awssim.Repository{Name: "repo"})
	image := repo.AddImage(awssim.Image{Tags: []string{"v1"}})
	id := byTag("v1")
	update := func(class types.TargetStorageClass) (types.ImageStatus, error) {
		out, err := w.ecr().UpdateImageStorageClass(t.Context(), &ecr.UpdateImageStorageClassInput{RepositoryName: repoName, ImageId: &id, TargetStorageClass: class})
		if err != nil {
			return "", err
		}
		return out.ImageStatus, nil
	}
	wantSame(t, must(update("ARCHIVE"))(t), types.ImageStatusArchived)
	_, err := update("ARCHIVE")
	wantError[*types.ImageStorageClassUpdateNotSupportedException](t, err)
	_, err = w.ecr().StartImageScan(t.Context(), &ecr.StartImageScanInput{RepositoryName: repoName, ImageId: &id})
	wantError[*types.ImageArchivedException](t, err)
	wantSame(t, must(update("STANDARD"))(t), types.ImageStatusActivating)
	wantSame(t, w.describeImage(byDigest(image.Digest)).ImageStatus, types.ImageStatusActivating)
	w.org.Advance(time.Hour)
	detail := w.describeImage(byDigest(image.Digest))
	wantSame(t, detail.ImageStatus, types.ImageStatusActive)
	wantSame(t, detail.LastArchivedAt.Equal(awssim.Epoch), true)
	wantSame(t, detail.LastActivatedAt.After(awssim.Epoch), true)
}

func TestPullTimes(t *testing.T) {
	w := newWorld(t)
	repo := w.registry().AddRepository(awssim.Repository{Name: "repo", Images: []awssim.Image{{Tags: []string{"v1"}}}})
	w.org.Account(member).AddRole(awssim.Role{Name: "scanner"})
	pull := func(c *ecr.Client) time.Time {
		must(c.BatchGetImage(t.Context(), &ecr.BatchGetImageInput{RepositoryName: repoName, ImageIds: []types.ImageIdentifier{byTag("v1")}}))(t)
		image, _ := repo.Image("v1")
		return image.LastPulledAt
	}
	arn := aws.String(w.org.Account(member).RoleARN("scanner"))
	must(w.ecr().RegisterPullTimeUpdateExclusion(t.Context(), &ecr.RegisterPullTimeUpdateExclusionInput{PrincipalArn: arn}))(t)
	_, err := w.ecr().RegisterPullTimeUpdateExclusion(t.Context(), &ecr.RegisterPullTimeUpdateExclusionInput{PrincipalArn: arn})
	wantError[*types.ExclusionAlreadyExistsException](t, err)
	wantSame(t, pull(w.ecrAs("scanner")).IsZero(), true)
	wantSame(t, pull(w.ecr()), awssim.Epoch)
	w.org.Advance(time.Hour)
	wantSame(t, pull(w.ecr()), awssim.Epoch)
	w.org.Advance(24 * time.Hour)
	wantSame(t, pull(w.ecr()), awssim.Epoch.Add(25*time.Hour))
	listed := must(w.ecr().ListPullTimeUpdateExclusions(t.Context(), &ecr.ListPullTimeUpdateExclusionsInput{}))(t)
	wantSame(t, listed.PullTimeUpdateExclusions, []string{*arn})
	must(w.ecr().DeregisterPullTimeUpdateExclusion(t.Context(), &ecr.DeregisterPullTimeUpdateExclusionInput{PrincipalArn: arn}))(t)
}
