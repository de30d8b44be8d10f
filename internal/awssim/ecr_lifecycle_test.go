package awssim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecraudit/ecraudit/internal/awssim"
)

const keepThree = `{"rules":[
 {"rulePriority":7,"selection":{"tagStatus":"tagged","tagPrefixList":["v"],"countType":"imageCountMoreThan","countNumber":3},"action":{"type":"expire"}},
 {"rulePriority":9,"selection":{"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":14},"action":{"type":"transition","targetStorageClass":"archive"}}]}`

// aged is a repository with six images of a day each, tagged v0 (the newest) to v5, and two untagged ones of 0 and 30 days.
func aged(w *world) *awssim.LiveRepository {
	repo := w.registry().AddRepository(awssim.Repository{Name: "repo"})
	for i := range 6 {
		repo.AddImage(awssim.Image{Tags: []string{fmt.Sprint("v", i)}, PushedAt: awssim.Epoch.AddDate(0, 0, -i)})
	}
	repo.AddImage(awssim.Image{})
	repo.AddImage(awssim.Image{PushedAt: awssim.Epoch.AddDate(0, 0, -30)})
	return repo
}

func TestLifecyclePolicy(t *testing.T) {
	w := newWorldWith(t, awssim.OrganizationOptions{Reformat: true}, awssim.Options{})
	aged(w)
	_, err := w.ecr().GetLifecyclePolicy(t.Context(), &ecr.GetLifecyclePolicyInput{RepositoryName: repoName})
	wantError[*types.LifecyclePolicyNotFoundException](t, err)
	_, err = w.ecr().DeleteLifecyclePolicy(t.Context(), &ecr.DeleteLifecyclePolicyInput{RepositoryName: repoName})
	wantError[*types.LifecyclePolicyNotFoundException](t, err)
	must(w.ecr().PutLifecyclePolicy(t.Context(), &ecr.PutLifecyclePolicyInput{RepositoryName: repoName, LifecyclePolicyText: aws.String(keepThree)}))(t)
	got := must(w.ecr().GetLifecyclePolicy(t.Context(), &ecr.GetLifecyclePolicyInput{RepositoryName: repoName}))(t)
	wantSame(t, strings.ContainsAny(*got.LifecyclePolicyText, " \n"), false)
	must(w.ecr().DeleteLifecyclePolicy(t.Context(), &ecr.DeleteLifecyclePolicyInput{RepositoryName: repoName}))(t)
	wantSame(t, w.registry().Repository("repo").Describe().Lifecycle, "")
	for name, text := range map[string]string{
		"no JSON":       `{"rules":`,
		"no rules":      `{"rules":[]}`,
		"too long":      keepThree + strings.Repeat(" ", 30720),
		"same priority": strings.Replace(keepThree, "9", "7", 1),
		"no unit":       strings.Replace(keepThree, `"countUnit":"days",`, "", 1),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.ecr().PutLifecyclePolicy(t.Context(), &ecr.PutLifecyclePolicyInput{RepositoryName: repoName, LifecyclePolicyText: &text})
			wantError[*types.InvalidParameterException](t, err)
		})
	}
}

func TestLifecyclePolicyPreview(t *testing.T) {
	w := newWorld(t)
	repo := aged(w)
	before := string(w.org.Dump())
	get := func(in ecr.GetLifecyclePolicyPreviewInput) *ecr.GetLifecyclePolicyPreviewOutput {
		in.RepositoryName = repoName
		return must(w.ecr().GetLifecyclePolicyPreview(t.Context(), &in))(t)
	}
	start := func(text *string) error {
		_, err := w.ecr().StartLifecyclePolicyPreview(t.Context(), &ecr.StartLifecyclePolicyPreviewInput{RepositoryName: repoName, LifecyclePolicyText: text})
		return err
	}
	_, err := w.ecr().GetLifecyclePolicyPreview(t.Context(), &ecr.GetLifecyclePolicyPreviewInput{RepositoryName: repoName})
	wantError[*types.LifecyclePolicyPreviewNotFoundException](t, err)
	wantError[*types.LifecyclePolicyNotFoundException](t, start(nil))
	if err := start(aws.String(keepThree)); err != nil {
		t.Fatal(err)
	}
	wantError[*types.LifecyclePolicyPreviewInProgressException](t, start(aws.String(keepThree)))
	wantSame(t, get(ecr.GetLifecyclePolicyPreviewInput{}).Status, types.LifecyclePolicyPreviewStatusInProgress)

	page := get(ecr.GetLifecyclePolicyPreviewInput{MaxResults: aws.Int32(3)})
	wantSame(t, page.Status, types.LifecyclePolicyPreviewStatusComplete)
	wantSame(t, *page.Summary.ExpiringImageTotalCount, int32(3))
	wantSame(t, *page.Summary.TransitioningImageTotalCounts[0].ImageTotalCount, int32(1))
	rest := get(ecr.GetLifecyclePolicyPreviewInput{MaxResults: aws.Int32(3), NextToken: page.NextToken})
	wantSame(t, len(page.PreviewResults)+len(rest.PreviewResults), 4)
	for _, r := range append(page.PreviewResults, rest.PreviewResults...) {
		want := int32(7)
		if r.Action.Type == types.ImageActionTypeTransition {
			want = 9
		}
		wantSame(t, *r.AppliedRulePriority, want)
	}
	wantSame(t, len(get(ecr.GetLifecyclePolicyPreviewInput{Filter: &types.LifecyclePolicyPreviewFilter{TagStatus: "UNTAGGED"}}).PreviewResults), 1)
	wantSame(t, len(get(ecr.GetLifecyclePolicyPreviewInput{ImageIds: []types.ImageIdentifier{byTag("v5"), byTag("v0")}}).PreviewResults), 1)
	_, err = w.ecr().GetLifecyclePolicyPreview(t.Context(), &ecr.GetLifecyclePolicyPreviewInput{RepositoryName: repoName, MaxResults: aws.Int32(101)})
	wantError[*types.InvalidParameterException](t, err)
	wantSame(t, string(w.org.Dump()), before) // a preview changes nothing

	repo.SetLifecycle(keepThree)
	expired, archived := repo.RunLifecycle()
	wantSame(t, len(expired), 3)
	wantSame(t, len(archived), 1)
	wantSame(t, len(repo.Describe().Images), 5)
	policy := must(w.ecr().GetLifecyclePolicy(t.Context(), &ecr.GetLifecyclePolicyInput{RepositoryName: repoName}))(t)
	wantSame(t, policy.LastEvaluatedAt.Equal(awssim.Epoch), true)
}

func TestLifecycleOfSyntheticImages(t *testing.T) {
	w := newWorld(t)
	repo := w.registry().AddRepository(awssim.Repository{
		Name: "repo", Lifecycle: keepThree, Synthetic: awssim.Synthesize(1, 1000, awssim.Epoch.Add(-time.Hour)),
	})
	expired, archived := repo.RunLifecycle()
	if len(expired) == 0 || len(archived) == 0 {
		t.Fatalf("expired %d, archived %d", len(expired), len(archived))
	}
	out := must(w.ecr().DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: repoName, MaxResults: aws.Int32(1000), Filter: &types.DescribeImagesFilter{ImageStatus: "ANY"}}))(t)
	wantSame(t, len(out.ImageDetails), 1000-len(expired))
}
