package awssim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecraudit/ecraudit/internal/awssim"
)

func TestCreateRepository(t *testing.T) {
	w := newWorld(t)
	created := must(w.ecr().CreateRepository(t.Context(), &ecr.CreateRepositoryInput{
		RepositoryName:                     aws.String("team/api"),
		ImageTagMutability:                 types.ImageTagMutabilityImmutableWithExclusion,
		ImageTagMutabilityExclusionFilters: []types.ImageTagMutabilityExclusionFilter{{Filter: aws.String("dev-*"), FilterType: "WILDCARD"}},
		ImageScanningConfiguration:         &types.ImageScanningConfiguration{ScanOnPush: true},
		EncryptionConfiguration:            &types.EncryptionConfiguration{EncryptionType: types.EncryptionTypeKms},
		Tags:                               []types.Tag{{Key: aws.String("owner"), Value: aws.String("me")}},
	}))(t).Repository
	wantSame(t, *created.RepositoryArn, "arn:aws:ecr:eu-west-1:222222222222:repository/team/api")
	wantSame(t, *created.RepositoryUri, "222222222222.dkr.ecr.eu-west-1.amazonaws.com/team/api")
	wantSame(t, created.CreatedAt.Equal(awssim.Epoch), true)
	wantSame(t, strings.HasPrefix(*created.EncryptionConfiguration.KmsKey, "arn:aws:kms:eu-west-1:222222222222:key/"), true)
	state := w.registry().Repository("team/api").Describe()
	wantSame(t, state.TagMutability, "IMMUTABLE_WITH_EXCLUSION")
	wantSame(t, state.TagExclusions, []awssim.Filter{{Filter: "dev-*", FilterType: "WILDCARD"}})
	wantSame(t, state.Tags, map[string]string{"owner": "me"})
	_, err := w.ecr().CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("team/api")})
	wantError[*types.RepositoryAlreadyExistsException](t, err)
}

func TestCreateRepositoryValidates(t *testing.T) {
	w := newWorld(t)
	filter := func(f string) []types.ImageTagMutabilityExclusionFilter {
		return []types.ImageTagMutabilityExclusionFilter{{Filter: aws.String(f), FilterType: "WILDCARD"}}
	}
	for name, in := range map[string]ecr.CreateRepositoryInput{
		"short name":               {RepositoryName: aws.String("a")},
		"long name":                {RepositoryName: aws.String(strings.Repeat("a", 257))},
		"upper case":               {RepositoryName: aws.String("Team")},
		"double slash":             {RepositoryName: aws.String("team//api")},
		"mutability":               {RepositoryName: aws.String("ok"), ImageTagMutability: "SOMETIMES"},
		"filters without need":     {RepositoryName: aws.String("ok"), ImageTagMutability: "MUTABLE", ImageTagMutabilityExclusionFilters: filter("x*")},
		"filters missing":          {RepositoryName: aws.String("ok"), ImageTagMutability: "MUTABLE_WITH_EXCLUSION"},
		"filter with a bad sign":   {RepositoryName: aws.String("ok"), ImageTagMutability: "MUTABLE_WITH_EXCLUSION", ImageTagMutabilityExclusionFilters: filter("a/b")},
		"encryption":               {RepositoryName: aws.String("ok"), EncryptionConfiguration: &types.EncryptionConfiguration{EncryptionType: "ROT13"}},
		"another account's":        {RepositoryName: aws.String("ok"), RegistryId: aws.String("12")},
		"a key with S3 encryption": {RepositoryName: aws.String("ok"), EncryptionConfiguration: &types.EncryptionConfiguration{EncryptionType: "AES256", KmsKey: aws.String("k")}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.ecr().CreateRepository(t.Context(), &in)
			wantError[*types.InvalidParameterException](t, err)
		})
	}
	wantSame(t, len(w.registry().State().Repositories), 0)
}

func TestDescribeRepositoriesPages(t *testing.T) {
	for _, short := range []bool{false, true} {
		t.Run(fmt.Sprintf("short pages %t", short), func(t *testing.T) {
			w := newWorldWith(t, awssim.OrganizationOptions{}, awssim.Options{ShortPages: short})
			var want []string
			for i := range 25 {
				want = append(want, fmt.Sprintf("real/%03d", i))
				w.registry().AddRepository(awssim.Repository{Name: want[i]})
			}
			w.registry().AddSyntheticRepositories(230, func(i int) awssim.Repository {
				return awssim.Repository{Name: fmt.Sprintf("synthetic/%03d", i)}
			})
			for i := range 230 {
				want = append(want, fmt.Sprintf("synthetic/%03d", i))
			}
			var got []string
			pages := ecr.NewDescribeRepositoriesPaginator(w.ecr(), &ecr.DescribeRepositoriesInput{MaxResults: aws.Int32(7)})
			for pages.HasMorePages() {
				page := must(pages.NextPage(t.Context()))(t)
				if len(page.Repositories) > 7 {
					t.Fatalf("a page of %d", len(page.Repositories))
				}
				for _, r := range page.Repositories {
					got = append(got, *r.RepositoryName)
				}
			}
			wantSame(t, got, want)
		})
	}
}

func TestDescribeRepositoriesLimits(t *testing.T) {
	w := newWorld(t)
	for i := range 1001 {
		w.registry().AddRepository(awssim.Repository{Name: fmt.Sprintf("r%04d", i)})
	}
	page := must(w.ecr().DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{}))(t)
	wantSame(t, len(page.Repositories), 100)
	page = must(w.ecr().DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{MaxResults: aws.Int32(1000)}))(t)
	wantSame(t, len(page.Repositories), 1000)
	token := page.NextToken
	page = must(w.ecr().DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{MaxResults: aws.Int32(1000), NextToken: token}))(t)
	wantSame(t, len(page.Repositories), 1)
	wantSame(t, page.NextToken == nil, true)

	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprintf("r%04d", i)
	}
	for name, in := range map[string]ecr.DescribeRepositoriesInput{
		"too many":          {MaxResults: aws.Int32(1001)},
		"none":              {MaxResults: aws.Int32(0)},
		"token":             {NextToken: aws.String("bm9uc2Vuc2U=")},
		"names and size":    {RepositoryNames: []string{"r0000"}, MaxResults: aws.Int32(1)},
		"names and token":   {RepositoryNames: []string{"r0000"}, NextToken: token},
		"more than a batch": {RepositoryNames: many},
		"no names":          {RepositoryNames: []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.ecr().DescribeRepositories(t.Context(), &in)
			wantError[*types.InvalidParameterException](t, err)
		})
	}
	_, err := w.ecr().ListImages(t.Context(), &ecr.ListImagesInput{RepositoryName: aws.String("r0001"), NextToken: token})
	wantError[*types.InvalidParameterException](t, err) // a token of another operation
	_, err = w.ecr().DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"r0000", "nope"}})
	wantError[*types.RepositoryNotFoundException](t, err)
}

// A listing that goes on while repositories come and go loses none of those that stay, and repeats none.
func TestPagingSurvivesChanges(t *testing.T) {
	w := newWorld(t)
	for i := range 20 {
		w.registry().AddRepository(awssim.Repository{Name: fmt.Sprintf("r%02d", i)})
	}
	var got []string
	pages := ecr.NewDescribeRepositoriesPaginator(w.ecr(), &ecr.DescribeRepositoriesInput{MaxResults: aws.Int32(5)})
	for i := 0; pages.HasMorePages(); i++ {
		for _, r := range must(pages.NextPage(t.Context()))(t).Repositories {
			got = append(got, *r.RepositoryName)
		}
		if i == 0 {
			w.registry().RemoveRepository("r04") // the last of the first page
			w.registry().RemoveRepository("r07")
			w.registry().AddRepository(awssim.Repository{Name: "r01b"})
		}
	}
	want := []string{}
	for i := range 20 {
		if i != 7 {
			want = append(want, fmt.Sprintf("r%02d", i))
		}
	}
	wantSame(t, got, want)
}

func TestDeleteRepository(t *testing.T) {
	w := newWorld(t)
	w.registry().AddRepository(awssim.Repository{Name: "full", Images: []awssim.Image{{}}})
	w.registry().AddRepository(awssim.Repository{Name: "void"})
	_, err := w.ecr().DeleteRepository(t.Context(), &ecr.DeleteRepositoryInput{RepositoryName: aws.String("full")})
	wantError[*types.RepositoryNotEmptyException](t, err)
	must(w.ecr().DeleteRepository(t.Context(), &ecr.DeleteRepositoryInput{RepositoryName: aws.String("full"), Force: true}))(t)
	must(w.ecr().DeleteRepository(t.Context(), &ecr.DeleteRepositoryInput{RepositoryName: aws.String("void")}))(t)
	_, err = w.ecr().DeleteRepository(t.Context(), &ecr.DeleteRepositoryInput{RepositoryName: aws.String("void")})
	wantError[*types.RepositoryNotFoundException](t, err)
}

func TestResourceTags(t *testing.T) {
	w := newWorld(t)
	repo := w.registry().AddRepository(awssim.Repository{Name: "tagged", Tags: map[string]string{"a": "1", "b": "2"}})
	arn := aws.String(repo.ARN())
	tag := func(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} }
	must(w.ecr().TagResource(t.Context(), &ecr.TagResourceInput{ResourceArn: arn, Tags: []types.Tag{tag("b", "3"), tag("c", "")}}))(t)
	must(w.ecr().UntagResource(t.Context(), &ecr.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"a", "absent"}}))(t)
	got := must(w.ecr().ListTagsForResource(t.Context(), &ecr.ListTagsForResourceInput{ResourceArn: arn}))(t)
	var pairs []string
	for _, tag := range got.Tags {
		pairs = append(pairs, *tag.Key+"="+*tag.Value)
	}
	wantSame(t, pairs, []string{"b=3", "c="})

	_, err := w.ecr().TagResource(t.Context(), &ecr.TagResourceInput{ResourceArn: arn, Tags: []types.Tag{tag("aws:x", "1")}})
	wantError[*types.InvalidTagParameterException](t, err)
	var many []types.Tag
	for i := range 49 {
		many = append(many, tag(fmt.Sprintf("k%d", i), ""))
	}
	_, err = w.ecr().TagResource(t.Context(), &ecr.TagResourceInput{ResourceArn: arn, Tags: many})
	wantError[*types.TooManyTagsException](t, err)
	_, err = w.ecr().ListTagsForResource(t.Context(), &ecr.ListTagsForResourceInput{ResourceArn: aws.String("arn:aws:s3:::bucket")})
	wantError[*types.InvalidParameterException](t, err)
}

func TestRepositorySettings(t *testing.T) {
	w := newWorld(t)
	w.registry().AddRepository(awssim.Repository{Name: "repo"})
	must(w.ecr().PutImageTagMutability(t.Context(), &ecr.PutImageTagMutabilityInput{RepositoryName: aws.String("repo"), ImageTagMutability: "IMMUTABLE"}))(t)
	must(w.ecr().PutImageScanningConfiguration(t.Context(), &ecr.PutImageScanningConfigurationInput{
		RepositoryName: aws.String("repo"), ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: true},
	}))(t)
	got := must(w.ecr().DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"repo"}}))(t).Repositories[0]
	wantSame(t, got.ImageTagMutability, types.ImageTagMutabilityImmutable)
	wantSame(t, got.ImageScanningConfiguration.ScanOnPush, true)
	_, err := w.ecr().PutImageTagMutability(t.Context(), &ecr.PutImageTagMutabilityInput{RepositoryName: aws.String("repo"), ImageTagMutability: "IMMUTABLE_WITH_EXCLUSION"})
	wantError[*types.InvalidParameterException](t, err)
}

const pullPolicy = `{"Version":"2012-10-17","Statement":[{"Sid":"pull","Effect":"Allow","Principal":{"AWS":["333333333333"]},"Action":["ecr:BatchGetImage","ecr:DescribeImages"]}]}`

func TestRepositoryPolicy(t *testing.T) {
	w := newWorld(t)
	w.registry().AddRepository(awssim.Repository{Name: "repo"})
	name := aws.String("repo")
	_, err := w.ecr().GetRepositoryPolicy(t.Context(), &ecr.GetRepositoryPolicyInput{RepositoryName: name})
	wantError[*types.RepositoryPolicyNotFoundException](t, err)
	_, err = w.ecr().DeleteRepositoryPolicy(t.Context(), &ecr.DeleteRepositoryPolicyInput{RepositoryName: name})
	wantError[*types.RepositoryPolicyNotFoundException](t, err)
	must(w.ecr().SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{RepositoryName: name, PolicyText: aws.String(pullPolicy)}))(t)
	got := must(w.ecr().GetRepositoryPolicy(t.Context(), &ecr.GetRepositoryPolicyInput{RepositoryName: name}))(t)
	wantSame(t, *got.PolicyText, pullPolicy)
	deleted := must(w.ecr().DeleteRepositoryPolicy(t.Context(), &ecr.DeleteRepositoryPolicyInput{RepositoryName: name}))(t)
	wantSame(t, *deleted.PolicyText, pullPolicy)
	wantSame(t, w.registry().Repository("repo").Describe().Policy, "")
}

func TestRepositoryPolicyAcrossAccounts(t *testing.T) {
	w := newWorld(t)
	w.registry().AddRepository(awssim.Repository{Name: "open", Policy: pullPolicy, Images: []awssim.Image{{Tags: []string{"v1"}}}})
	w.registry().AddRepository(awssim.Repository{Name: "closed", Images: []awssim.Image{{Tags: []string{"v1"}}}})
	stranger := ecr.NewFromConfig(w.configFor(w.org.Account(other).Credentials()))
	get := func(name string) error {
		_, err := stranger.BatchGetImage(t.Context(), &ecr.BatchGetImageInput{
			RegistryId: aws.String(member), RepositoryName: aws.String(name), ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("v1")}},
		})
		return err
	}
	if err := get("open"); err != nil {
		t.Error(err)
	}
	wantCode(t, get("closed"), "AccessDeniedException")
	wantCode(t, get("absent"), "AccessDeniedException")
	_, err := stranger.GetRepositoryPolicy(t.Context(), &ecr.GetRepositoryPolicyInput{RegistryId: aws.String(member), RepositoryName: aws.String("open")})
	wantCode(t, err, "AccessDeniedException")
}

func TestSetRepositoryPolicyValidates(t *testing.T) {
	w := newWorld(t)
	w.registry().AddRepository(awssim.Repository{Name: "repo"})
	statement := func(fields string) string { return `{"Version":"2012-10-17","Statement":[{` + fields + `}]}` }
	for name, text := range map[string]string{
		"no JSON":               `{`,
		"no statement":          `{"Version":"2012-10-17"}`,
		"version":               `{"Version":"2020-01-01","Statement":{"Effect":"Allow","Principal":"*","Action":"ecr:*"}}`,
		"a resource":            statement(`"Effect":"Allow","Principal":"*","Action":"ecr:*","Resource":"*"`),
		"effect":                statement(`"Effect":"Maybe","Principal":"*","Action":"ecr:*"`),
		"no principal":          statement(`"Effect":"Allow","Action":"ecr:*"`),
		"two principals":        statement(`"Effect":"Allow","Principal":"*","NotPrincipal":"*","Action":"ecr:*"`),
		"no action":             statement(`"Effect":"Allow","Principal":"*"`),
		"another service":       statement(`"Effect":"Allow","Principal":"*","Action":"s3:GetObject"`),
		"a wildcard account":    statement(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:*"},"Action":"ecr:*"`),
		"an unknown field":      statement(`"Effect":"Allow","Principal":"*","Action":"ecr:*","Colour":"red"`),
		"the same Sid":          `{"Statement":[{"Sid":"a","Effect":"Allow","Principal":"*","Action":"ecr:*"},{"Sid":"a","Effect":"Allow","Principal":"*","Action":"ecr:*"}]}`,
		"a lockout":             statement(`"Effect":"Deny","Principal":"*","Action":"ecr:*"`),
		"an unknown principal":  statement(`"Effect":"Allow","Principal":{"Robot":"x"},"Action":"ecr:*"`),
		"too long":              statement(`"Effect":"Allow","Principal":"*","Action":"ecr:*","Sid":"` + strings.Repeat("x", 10240) + `"`),
		"an empty list of them": statement(`"Effect":"Allow","Principal":{"AWS":[]},"Action":"ecr:*"`),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.ecr().SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("repo"), PolicyText: &text})
			wantError[*types.InvalidParameterException](t, err)
		})
	}
}

func TestLockout(t *testing.T) {
	w := newWorld(t)
	w.registry().AddRepository(awssim.Repository{Name: "repo"})
	deny := `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"ecr:SetRepositoryPolicy"}}`
	set := func(text string, force bool) error {
		_, err := w.ecr().SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("repo"), PolicyText: &text, Force: force})
		return err
	}
	wantError[*types.InvalidParameterException](t, set(deny, false))
	if err := set(deny, true); err != nil {
		t.Fatal(err)
	}
	err := set(pullPolicy, true)
	wantCode(t, err, "AccessDeniedException")
	wantSame(t, strings.Contains(err.Error(), "with an explicit deny in a resource-based policy"), true)
}

func TestReformat(t *testing.T) {
	w := newWorldWith(t, awssim.OrganizationOptions{Reformat: true}, awssim.Options{})
	w.registry().AddRepository(awssim.Repository{Name: "repo", Policy: pullPolicy})
	got := must(w.ecr().GetRepositoryPolicy(t.Context(), &ecr.GetRepositoryPolicyInput{RepositoryName: aws.String("repo")}))(t)
	for _, part := range []string{`"AWS" : "arn:aws:iam::333333333333:root"`, `"Statement" : [`, `"ecr:BatchGetImage",`} {
		if !strings.Contains(*got.PolicyText, part) {
			t.Errorf("no %s in %s", part, *got.PolicyText)
		}
	}
	wantSame(t, w.registry().Repository("repo").Describe().Policy, pullPolicy)
}

func TestDescribeReturnsCopies(t *testing.T) {
	w := newWorld(t)
	repo := w.registry().AddRepository(awssim.Repository{Name: "repo", Tags: map[string]string{"a": "1"}, Images: []awssim.Image{{Tags: []string{"v1"}}}})
	before := w.org.Dump()
	about := repo.Describe()
	about.Tags["a"] = "2"
	about.Images[0].Tags[0] = "v2"
	wantSame(t, string(w.org.Dump()), string(before))
	wantSame(t, slices.Contains(repo.Describe().Images[0].Tags, "v1"), true)
}

// A policy that names a role which was deleted shows the role's unique id.
func TestDeletedPrincipals(t *testing.T) {
	w := newWorld(t)
	account := w.org.Account(other)
	account.AddRole(awssim.Role{Name: "puller"})
	w.registry().AddRepository(awssim.Repository{Name: "repo", Policy: strings.Replace(pullPolicy, other, account.RoleARN("puller"), 1)})
	get := func() string {
		return *must(w.ecr().GetRepositoryPolicy(t.Context(), &ecr.GetRepositoryPolicyInput{RepositoryName: aws.String("repo")}))(t).PolicyText
	}
	wantSame(t, strings.Contains(get(), "role/puller"), true)
	account.RemoveRole("puller")
	wantSame(t, strings.Contains(get(), `"AROA`) && !strings.Contains(get(), "role/puller"), true)
}
