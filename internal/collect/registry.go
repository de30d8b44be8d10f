package collect

import (
	"context"
	"errors"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"golang.org/x/sync/errgroup"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// readRegistry reads the documents of the registry that are needed, all at
// once, and hands the registry on.
func (t *reader) readRegistry(ctx context.Context) error {
	var mu sync.Mutex
	group, groupCtx := errgroup.WithContext(ctx)
	for _, document := range t.registryDocuments() {
		if !t.Needs[document.need] {
			continue
		}
		group.Go(func() error {
			err := document.read(groupCtx)
			if err == nil {
				return nil
			}
			missed, err := t.missed("", document.need, document.operation, err)
			mu.Lock()
			defer mu.Unlock()
			t.registry.Gaps = append(t.registry.Gaps, missed)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.unfinished.Store(true)
		return err
	}
	sortGaps(t.registry.Gaps)
	return t.sink.Registry(ctx, t.registry)
}

// document is something to read: what needs it, with which call, and how.
type document struct {
	need      snapshot.Need
	operation operation
	read      func(context.Context) error
}

func (t *reader) registryDocuments() []document {
	return []document{
		{snapshot.NeedRegistryPolicy, opGetRegistryPolicy, t.registryPolicy},
		{snapshot.NeedRegistryScanning, opGetRegistryScanningConfiguration, t.registryScanning},
		{snapshot.NeedReplication, opDescribeRegistry, t.replication},
		{snapshot.NeedPullThroughCache, opDescribePullThroughCacheRules, t.pullThroughCache},
		{snapshot.NeedCreationTemplates, opDescribeRepositoryCreationTemplates, t.creationTemplates},
		{snapshot.NeedAccountSettings, opGetAccountSetting, t.accountSettings},
	}
}

func (t *reader) registryPolicy(ctx context.Context) error {
	out, err := ask(ctx, t.caller, opGetRegistryPolicy, func(ctx context.Context) (*ecr.GetRegistryPolicyOutput, error) {
		return t.ecr.GetRegistryPolicy(ctx, &ecr.GetRegistryPolicyInput{})
	})
	if none := (*ecrtypes.RegistryPolicyNotFoundException)(nil); errors.As(err, &none) {
		return nil
	}
	if err != nil {
		return err
	}
	t.registry.Policy = aws.ToString(out.PolicyText)
	return nil
}

func (t *reader) registryScanning(ctx context.Context) error {
	out, err := ask(ctx, t.caller, opGetRegistryScanningConfiguration, func(ctx context.Context) (*ecr.GetRegistryScanningConfigurationOutput, error) {
		return t.ecr.GetRegistryScanningConfiguration(ctx, &ecr.GetRegistryScanningConfigurationInput{})
	})
	if err != nil {
		return err
	}
	t.registry.Scanning = awsapi.RegistryScanning(out.ScanningConfiguration)
	return nil
}

func (t *reader) replication(ctx context.Context) error {
	out, err := ask(ctx, t.caller, opDescribeRegistry, func(ctx context.Context) (*ecr.DescribeRegistryOutput, error) {
		return t.ecr.DescribeRegistry(ctx, &ecr.DescribeRegistryInput{})
	})
	if err != nil || out.ReplicationConfiguration == nil {
		return err
	}
	for _, rule := range out.ReplicationConfiguration.Rules {
		var r snapshot.ReplicationRule
		for _, d := range rule.Destinations {
			r.Destinations = append(r.Destinations, snapshot.ReplicationDestination{Account: aws.ToString(d.RegistryId), Region: aws.ToString(d.Region)})
		}
		for _, f := range rule.RepositoryFilters {
			r.Prefixes = append(r.Prefixes, aws.ToString(f.Filter))
		}
		t.registry.Replication = append(t.registry.Replication, r)
	}
	return nil
}

func (t *reader) pullThroughCache(ctx context.Context) error {
	return eachPage(ctx, t.caller, opDescribePullThroughCacheRules, func(ctx context.Context, token *string) (*string, error) {
		page, err := t.ecr.DescribePullThroughCacheRules(ctx, &ecr.DescribePullThroughCacheRulesInput{MaxResults: aws.Int32(listPage), NextToken: token})
		if err != nil {
			return nil, err
		}
		for _, rule := range page.PullThroughCacheRules {
			t.registry.PullThroughCache = append(t.registry.PullThroughCache, snapshot.PullThroughCacheRule{
				Prefix:         aws.ToString(rule.EcrRepositoryPrefix),
				Upstream:       string(rule.UpstreamRegistry),
				UpstreamURL:    aws.ToString(rule.UpstreamRegistryUrl),
				UpstreamPrefix: aws.ToString(rule.UpstreamRepositoryPrefix),
				CredentialARN:  aws.ToString(rule.CredentialArn),
				CustomRoleARN:  aws.ToString(rule.CustomRoleArn),
			})
		}
		return page.NextToken, nil
	})
}

func (t *reader) creationTemplates(ctx context.Context) error {
	return eachPage(ctx, t.caller, opDescribeRepositoryCreationTemplates, func(ctx context.Context, token *string) (*string, error) {
		page, err := t.ecr.DescribeRepositoryCreationTemplates(ctx, &ecr.DescribeRepositoryCreationTemplatesInput{MaxResults: aws.Int32(listPage), NextToken: token})
		if err != nil {
			return nil, err
		}
		for _, template := range page.RepositoryCreationTemplates {
			t.registry.CreationTemplates = append(t.registry.CreationTemplates, awsapi.CreationTemplate(template))
		}
		return page.NextToken, nil
	})
}

// settingNames are the account settings that AWS knows.
var settingNames = []string{"BASIC_SCAN_TYPE_VERSION", "BLOB_MOUNTING", "REGISTRY_POLICY_SCOPE"}

// accountSettings reads each setting. One that this region does not know yet
// is left out.
func (t *reader) accountSettings(ctx context.Context) error {
	var mu sync.Mutex
	settings := map[string]string{}
	group, ctx := errgroup.WithContext(ctx)
	for _, name := range settingNames {
		group.Go(func() error {
			out, err := ask(ctx, t.caller, opGetAccountSetting, func(ctx context.Context) (*ecr.GetAccountSettingOutput, error) {
				return t.ecr.GetAccountSetting(ctx, &ecr.GetAccountSettingInput{Name: aws.String(name)})
			})
			if code := awsapi.APICode(err); code == "ValidationException" || code == "InvalidParameterException" {
				return nil
			}
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			settings[name] = aws.ToString(out.Value)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	t.registry.Settings = settings
	return nil
}
