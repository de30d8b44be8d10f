package awssim_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecraudit/ecraudit/internal/awssim"
)

func TestRegistryPolicy(t *testing.T) {
	w := newWorld(t)
	get := func() (*ecr.GetRegistryPolicyOutput, error) {
		return w.ecr().GetRegistryPolicy(t.Context(), &ecr.GetRegistryPolicyInput{})
	}
	_, err := get()
	wantError[*types.RegistryPolicyNotFoundException](t, err)
	text := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"333333333333"},"Action":"ecr:ReplicateImage","Resource":"*"}]}`
	_, err = w.ecr().PutRegistryPolicy(t.Context(), &ecr.PutRegistryPolicyInput{PolicyText: aws.String(pullPolicy)}) // no Resource
	wantError[*types.InvalidParameterException](t, err)
	must(w.ecr().PutRegistryPolicy(t.Context(), &ecr.PutRegistryPolicyInput{PolicyText: &text}))(t)
	wantSame(t, *must(get())(t).PolicyText, text)
	must(w.ecr().DeleteRegistryPolicy(t.Context(), &ecr.DeleteRegistryPolicyInput{}))(t)
	_, err = get()
	wantError[*types.RegistryPolicyNotFoundException](t, err)
}

func TestReplication(t *testing.T) {
	w := newWorld(t)
	put := func(destinations ...types.ReplicationDestination) error {
		_, err := w.ecr().PutReplicationConfiguration(t.Context(), &ecr.PutReplicationConfigurationInput{ReplicationConfiguration: &types.ReplicationConfiguration{
			Rules: []types.ReplicationRule{{Destinations: destinations, RepositoryFilters: []types.RepositoryFilter{{Filter: aws.String("prod/"), FilterType: "PREFIX_MATCH"}}}},
		}})
		return err
	}
	to := func(region, account string) types.ReplicationDestination {
		return types.ReplicationDestination{Region: &region, RegistryId: &account}
	}
	wantError[*types.InvalidParameterException](t, put(to("moon-1", member)))
	wantError[*types.InvalidParameterException](t, put(to(region, member)))
	wantError[*types.InvalidParameterException](t, put(to("us-east-1", "12")))
	if err := put(to("us-east-1", member), to(region, other)); err != nil {
		t.Fatal(err)
	}
	got := must(w.ecr().DescribeRegistry(t.Context(), &ecr.DescribeRegistryInput{}))(t)
	wantSame(t, len(got.ReplicationConfiguration.Rules[0].Destinations), 2)
	w.registry().AddRepository(awssim.Repository{Name: "prod/a", Images: []awssim.Image{{Tags: []string{"v1"}}}})
	w.registry().AddRepository(awssim.Repository{Name: "dev", Images: []awssim.Image{{Tags: []string{"v1"}}}})
	for name, want := range map[string]int{"prod/a": 2, "dev": 0} {
		id := byTag("v1")
		out := must(w.ecr().DescribeImageReplicationStatus(t.Context(), &ecr.DescribeImageReplicationStatusInput{RepositoryName: &name, ImageId: &id}))(t)
		wantSame(t, len(out.ReplicationStatuses), want)
	}
}

func TestSigning(t *testing.T) {
	w := newWorld(t)
	_, err := w.ecr().GetSigningConfiguration(t.Context(), &ecr.GetSigningConfigurationInput{})
	wantError[*types.SigningConfigurationNotFoundException](t, err)
	put := func(profile, filter string) error {
		_, err := w.ecr().PutSigningConfiguration(t.Context(), &ecr.PutSigningConfigurationInput{SigningConfiguration: &types.SigningConfiguration{Rules: []types.SigningRule{{
			SigningProfileArn: &profile, RepositoryFilters: []types.SigningRepositoryFilter{{Filter: &filter, FilterType: "WILDCARD_MATCH"}},
		}}}})
		return err
	}
	wantError[*types.InvalidParameterException](t, put("arn:aws:s3:::x", "*"))
	if err := put("arn:aws:signer:eu-west-1:222222222222:/signing-profiles/team", "prod/*"); err != nil {
		t.Fatal(err)
	}
	got := must(w.ecr().GetSigningConfiguration(t.Context(), &ecr.GetSigningConfigurationInput{}))(t)
	wantSame(t, *got.SigningConfiguration.Rules[0].RepositoryFilters[0].Filter, "prod/*")
	w.registry().AddRepository(awssim.Repository{Name: "prod/a", Images: []awssim.Image{{Tags: []string{"v1"}}}})
	id := byTag("v1")
	status := must(w.ecr().DescribeImageSigningStatus(t.Context(), &ecr.DescribeImageSigningStatusInput{RepositoryName: aws.String("prod/a"), ImageId: &id}))(t)
	wantSame(t, status.SigningStatuses[0].Status, types.SigningStatusComplete)
	must(w.ecr().DeleteSigningConfiguration(t.Context(), &ecr.DeleteSigningConfigurationInput{}))(t)
	_, err = w.ecr().DeleteSigningConfiguration(t.Context(), &ecr.DeleteSigningConfigurationInput{})
	wantError[*types.SigningConfigurationNotFoundException](t, err)
}

func TestPullThroughCacheRules(t *testing.T) {
	w := newWorld(t)
	create := func(prefix, url string, credential *string) error {
		_, err := w.ecr().CreatePullThroughCacheRule(t.Context(), &ecr.CreatePullThroughCacheRuleInput{EcrRepositoryPrefix: &prefix, UpstreamRegistryUrl: &url, CredentialArn: credential})
		return err
	}
	secret := "arn:aws:secretsmanager:eu-west-1:222222222222:secret:ecr-pullthroughcache/hub-AbCdEf"
	for _, err := range []error{create("public", "public.ecr.aws", nil), create("hub", "registry-1.docker.io", &secret)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	wantError[*types.PullThroughCacheRuleAlreadyExistsException](t, create("public", "quay.io", nil))
	wantError[*types.UnsupportedUpstreamRegistryException](t, create("moon", "registry.moon", nil))
	wantError[*types.InvalidParameterException](t, create("hub2", "registry-1.docker.io", nil))
	wantError[*types.InvalidParameterException](t, create("UPPER", "quay.io", nil))

	var prefixes []string
	pages := ecr.NewDescribePullThroughCacheRulesPaginator(w.ecr(), &ecr.DescribePullThroughCacheRulesInput{MaxResults: aws.Int32(1)})
	for pages.HasMorePages() {
		for _, r := range must(pages.NextPage(t.Context()))(t).PullThroughCacheRules {
			prefixes = append(prefixes, *r.EcrRepositoryPrefix+" "+string(r.UpstreamRegistry))
		}
	}
	wantSame(t, prefixes, []string{"hub docker-hub", "public ecr-public"})
	valid := must(w.ecr().ValidatePullThroughCacheRule(t.Context(), &ecr.ValidatePullThroughCacheRuleInput{EcrRepositoryPrefix: aws.String("hub")}))(t)
	wantSame(t, valid.IsValid, true)
	secret2 := secret + "2"
	updated := must(w.ecr().UpdatePullThroughCacheRule(t.Context(), &ecr.UpdatePullThroughCacheRuleInput{EcrRepositoryPrefix: aws.String("hub"), CredentialArn: &secret2}))(t)
	wantSame(t, *updated.CredentialArn, secret2)
	must(w.ecr().DeletePullThroughCacheRule(t.Context(), &ecr.DeletePullThroughCacheRuleInput{EcrRepositoryPrefix: aws.String("hub")}))(t)
	_, err := w.ecr().DescribePullThroughCacheRules(t.Context(), &ecr.DescribePullThroughCacheRulesInput{EcrRepositoryPrefixes: []string{"hub"}})
	wantError[*types.PullThroughCacheRuleNotFoundException](t, err)
}

func TestRepositoryCreationTemplates(t *testing.T) {
	w := newWorld(t)
	create := func(prefix string, mutability types.ImageTagMutability, scenarios ...types.RCTAppliedFor) error {
		_, err := w.ecr().CreateRepositoryCreationTemplate(t.Context(), &ecr.CreateRepositoryCreationTemplateInput{
			Prefix: &prefix, AppliedFor: scenarios, ImageTagMutability: mutability, ResourceTags: []types.Tag{{Key: aws.String("from"), Value: &prefix}},
			RepositoryPolicy: aws.String(pullPolicy), LifecyclePolicy: aws.String(keepThree), Description: aws.String("a template"),
		})
		return err
	}
	for _, err := range []error{create("ROOT", "MUTABLE", "CREATE_ON_PUSH"), create("prod", "IMMUTABLE", "CREATE_ON_PUSH", "REPLICATION"), create("prod/x", "MUTABLE", "REPLICATION")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	wantError[*types.TemplateAlreadyExistsException](t, create("prod", "MUTABLE", "REPLICATION"))
	wantError[*types.InvalidParameterException](t, create("bad!", "MUTABLE", "REPLICATION"))
	wantError[*types.InvalidParameterException](t, create("none", "MUTABLE", []types.RCTAppliedFor{}...))
	wantError[*types.InvalidParameterException](t, create("when", "MUTABLE", "SOMETIMES"))

	image := awssim.BuildImage(awssim.ImageOptions{Seed: "x"})
	for name, want := range map[string]string{"prod/x/api": "prod", "team": "ROOT"} {
		must(w.ecr().PutImage(t.Context(), &ecr.PutImageInput{RepositoryName: &name, ImageManifest: &image.Manifest}))(t)
		made := w.registry().Repository(name).Describe()
		wantSame(t, made.Tags, map[string]string{"from": want})
		wantSame(t, made.Policy, pullPolicy)
	}
	must(w.ecr().UpdateRepositoryCreationTemplate(t.Context(), &ecr.UpdateRepositoryCreationTemplateInput{Prefix: aws.String("prod"), ImageTagMutability: "MUTABLE"}))(t)
	got := must(w.ecr().DescribeRepositoryCreationTemplates(t.Context(), &ecr.DescribeRepositoryCreationTemplatesInput{Prefixes: []string{"prod"}}))(t).RepositoryCreationTemplates[0]
	wantSame(t, got.ImageTagMutability, types.ImageTagMutabilityMutable)
	wantSame(t, *got.Description, "a template")
	wantSame(t, fmt.Sprint(got.AppliedFor), "[CREATE_ON_PUSH REPLICATION]")
	must(w.ecr().DeleteRepositoryCreationTemplate(t.Context(), &ecr.DeleteRepositoryCreationTemplateInput{Prefix: aws.String("prod")}))(t)
	_, err := w.ecr().UpdateRepositoryCreationTemplate(t.Context(), &ecr.UpdateRepositoryCreationTemplateInput{Prefix: aws.String("prod")})
	wantError[*types.TemplateNotFoundException](t, err)
}

func TestAuthorizationToken(t *testing.T) {
	w := newWorld(t)
	got := must(w.ecr().GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{}))(t).AuthorizationData[0]
	token := must(base64.StdEncoding.DecodeString(*got.AuthorizationToken))(t)
	wantSame(t, strings.HasPrefix(string(token), "AWS:"), true)
	wantSame(t, *got.ProxyEndpoint, "https://222222222222.dkr.ecr.eu-west-1.amazonaws.com")
	wantSame(t, got.ExpiresAt.Sub(awssim.Epoch).Hours(), 12.0)
}

func TestUnsimulatedOperationsSaySo(t *testing.T) {
	w := newWorld(t)
	_, err := w.ecr().InitiateLayerUpload(t.Context(), &ecr.InitiateLayerUploadInput{RepositoryName: repoName})
	wantCode(t, err, "UnknownOperationException")
	wantSame(t, strings.Contains(err.Error(), "ecr:InitiateLayerUpload"), true)
}
