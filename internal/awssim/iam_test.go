package awssim_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/ecraudit/ecraudit/internal/awssim"
)

func allowing(action, resource string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"One","Effect":"Allow","Action":%q,"Resource":%q}]}`, action, resource)
}

// Each operation is authorized on the resource that the Service Authorization Reference names for it.
func TestOperationsAreAuthorizedOnTheirResource(t *testing.T) {
	w := newWorld(t)
	w.registry().AddRepository(awssim.Repository{Name: "team/api", Images: []awssim.Image{awssim.BuildImage(awssim.ImageOptions{Seed: "one"})}})
	name, arn := aws.String("team/api"), w.registry().Repository("team/api").ARN()
	ctx := t.Context()
	for operation, of := range map[string]struct {
		call func(*ecr.Client) error
		on   string
	}{
		"DescribeRepositories": {func(c *ecr.Client) error {
			_, err := c.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{})
			return err
		}, "arn:aws:ecr:eu-west-1:222222222222:repository/*"},
		"DescribeImages": {func(c *ecr.Client) error {
			_, err := c.DescribeImages(ctx, &ecr.DescribeImagesInput{RepositoryName: name})
			return err
		}, arn},
		"ListTagsForResource": {func(c *ecr.Client) error {
			_, err := c.ListTagsForResource(ctx, &ecr.ListTagsForResourceInput{ResourceArn: &arn})
			return err
		}, arn},
		"BatchGetRepositoryScanningConfiguration": {func(c *ecr.Client) error {
			_, err := c.BatchGetRepositoryScanningConfiguration(ctx, &ecr.BatchGetRepositoryScanningConfigurationInput{RepositoryNames: []string{"team/api"}})
			return err
		}, arn},
		"CreateRepository": {func(c *ecr.Client) error {
			_, err := c.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("team/new")})
			return err
		}, "arn:aws:ecr:eu-west-1:222222222222:repository/team/new"},
		"DescribeRegistry": {func(c *ecr.Client) error {
			_, err := c.DescribeRegistry(ctx, &ecr.DescribeRegistryInput{})
			return err
		}, "*"},
		"GetAccountSetting": {func(c *ecr.Client) error {
			_, err := c.GetAccountSetting(ctx, &ecr.GetAccountSettingInput{Name: aws.String("BLOB_MOUNTING")})
			return err
		}, "*"},
	} {
		t.Run(operation, func(t *testing.T) {
			try := func(resource string) error {
				w.org.Account(member).AddRole(awssim.Role{Name: "one", Policies: []string{allowing("ecr:"+operation, resource)}})
				return of.call(w.ecrAs("one"))
			}
			if err := try(of.on); err != nil {
				t.Error(err)
			}
			elsewhere := "arn:aws:ecr:eu-west-1:222222222222:repository/elsewhere"
			err := try(elsewhere)
			wantCode(t, err, "AccessDeniedException")
			if err == nil || !strings.Contains(err.Error(), "not authorized to perform: ecr:"+operation+" on resource: "+of.on+" ") {
				t.Errorf("the error names another resource: %v", err)
			}
		})
	}
}

func TestIdentityPolicies(t *testing.T) {
	w := newWorld(t)
	w.registry().AddRepository(awssim.Repository{Name: "team/api"})
	for name, test := range map[string]struct {
		statements string
		allowed    bool
	}{
		"wildcard in an action":         {`{"Effect":"Allow","Action":"ecr:Describe*","Resource":"*"}`, true},
		"another action":                {`{"Effect":"Allow","Action":"ecr:Get*","Resource":"*"}`, false},
		"a deny beats an allow":         {`{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"ecr:DescribeImages","Resource":"*"}`, false},
		"a deny of another repository":  {`{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"ecr:*","Resource":"arn:aws:ecr:*:*:repository/other"}`, true},
		"the account of the resource":   {`{"Effect":"Allow","Action":"ecr:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceAccount":"${aws:PrincipalAccount}"}}}`, true},
		"another account":               {`{"Effect":"Allow","Action":"ecr:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceAccount":"333333333333"}}}`, false},
		"the organization":              {`{"Effect":"Allow","Action":"ecr:*","Resource":"*","Condition":{"StringLike":{"aws:PrincipalOrgID":["o-x*","o-example*"]}}}`, true},
		"a key that is not there":       {`{"Effect":"Allow","Action":"ecr:*","Resource":"*","Condition":{"StringEquals":{"sts:ExternalId":"x"}}}`, false},
		"such a key with IfExists":      {`{"Effect":"Allow","Action":"ecr:*","Resource":"*","Condition":{"StringEqualsIfExists":{"sts:ExternalId":"x"}}}`, true},
		"such a key, negated":           {`{"Effect":"Allow","Action":"ecr:*","Resource":"*","Condition":{"StringNotEquals":{"sts:ExternalId":"x"}}}`, true},
		"negated and the same":          {`{"Effect":"Allow","Action":"ecr:*","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalAccount":"222222222222"}}}`, false},
		"one of two conditions":         {`{"Effect":"Allow","Action":"ecr:*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalAccount":"222222222222","aws:RequestedRegion":"us-east-1"}}}`, false},
		"everything but what is listed": {`{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			w.org.Account(member).AddRole(awssim.Role{Name: "one", Policies: []string{`{"Version":"2012-10-17","Statement":[` + test.statements + `]}`}})
			_, err := w.ecrAs("one").DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("team/api")})
			if test.allowed != (err == nil) {
				t.Errorf("allowed %v: %v", err == nil, err)
			}
		})
	}
}

// What IAM would not take cannot be simulated.
func TestPoliciesThatIAMRefuses(t *testing.T) {
	w := newWorld(t)
	for name, role := range map[string]awssim.Role{
		"no JSON":                 {Policies: []string{"{"}},
		"no statement":            {Policies: []string{`{"Version":"2012-10-17","Statement":[]}`}},
		"a principal":             {Policies: []string{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`}},
		"no resource":             {Policies: []string{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*"}]}`}},
		"an effect":               {Policies: []string{`{"Version":"2012-10-17","Statement":[{"Effect":"allow","Action":"*","Resource":"*"}]}`}},
		"an action":               {Policies: []string{allowing("ecr", "*")}},
		"a resource":              {Policies: []string{allowing("ecr:*", "repository/*")}},
		"a variable in an ARN":    {Policies: []string{allowing("ecr:*", "arn:aws:ecr:*:${aws:PrincipalAccount}:repository/*")}},
		"a Sid":                   {Policies: []string{strings.Replace(allowing("ecr:*", "*"), "One", "One of them", 1)}},
		"the same Sid twice":      {Policies: []string{`{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"A","Effect":"Allow","Action":"*","Resource":"*"}]}`}},
		"too large":               {Policies: []string{allowing("ecr:*", "arn:aws:ecr:*:*:repository/"+strings.Repeat("x", 6144))}},
		"a resource in a trust":   {Trust: allowing("sts:AssumeRole", "*")},
		"nobody is trusted":       {Trust: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole"}]}`},
		"an unknown key of those": {Trust: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principals":"*","Action":"sts:AssumeRole"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("the role was made")
				}
			}()
			role.Name = "one"
			w.org.Account(member).AddRole(role)
		})
	}
}

func TestTrustPolicies(t *testing.T) {
	w := newWorld(t)
	w.org.Account(member).AddRole(awssim.Role{Name: "hub", Policies: []string{allowing("sts:AssumeRole", "arn:aws:iam::*:role/reader")}})
	w.org.Account(member).AddRole(awssim.Role{Name: "idle", Policies: []string{allowing("ecr:*", "*")}})
	trusting := func(principal, condition string) string {
		return `{"Version":"2012-10-17","Statement":[{"Sid":"One","Effect":"Allow","Principal":{"AWS":"` + principal + `"},"Action":"sts:AssumeRole","Condition":{` + condition + `}}]}`
	}
	const hub, root = "arn:aws:iam::222222222222:role/hub", "arn:aws:iam::222222222222:root"
	for name, test := range map[string]struct {
		as, trust, externalID string
		assumed               bool
	}{
		"the role that is trusted":      {"hub", trusting(hub, ""), "", true},
		"its account":                   {"hub", trusting(root, ""), "", true},
		"another role":                  {"hub", trusting("arn:aws:iam::222222222222:role/idle", ""), "", false},
		"trusted, but not allowed":      {"idle", trusting(root, ""), "", false},
		"the external id":               {"hub", trusting(hub, `"StringEquals":{"sts:ExternalId":"0f3a"}`), "0f3a", true},
		"another external id":           {"hub", trusting(hub, `"StringEquals":{"sts:ExternalId":"0f3a"}`), "0f3b", false},
		"no external id":                {"hub", trusting(hub, `"StringEquals":{"sts:ExternalId":"0f3a"}`), "", false},
		"the organization":              {"hub", trusting(hub, `"StringEquals":{"aws:PrincipalOrgID":"o-exampleorg1"}`), "", true},
		"another organization":          {"hub", trusting(hub, `"StringEquals":{"aws:PrincipalOrgID":"o-another"}`), "", false},
		"one that is not asked for one": {"hub", trusting(hub, ""), "0f3a", true},
	} {
		t.Run(name, func(t *testing.T) {
			w.org.Account(other).AddRole(awssim.Role{Name: "reader", Trust: test.trust})
			credentials, _ := w.org.Account(member).RoleCredentials(test.as)
			in := &sts.AssumeRoleInput{RoleArn: aws.String(w.org.Account(other).RoleARN("reader")), RoleSessionName: aws.String("test")}
			if test.externalID != "" {
				in.ExternalId = &test.externalID
			}
			_, err := sts.NewFromConfig(w.configFor(credentials)).AssumeRole(t.Context(), in)
			if test.assumed != (err == nil) {
				t.Errorf("assumed %v: %v", err == nil, err)
			}
		})
	}
}

// What an operation takes beside its own permission.
func TestSidePermissions(t *testing.T) {
	w := newWorld(t)
	w.registry().SetScanning(awssim.Scanning{ScanType: "ENHANCED"})
	image := awssim.BuildImage(awssim.ImageOptions{Seed: "one"})
	image.Scan = &awssim.Scan{}
	w.registry().AddRepository(awssim.Repository{Name: "team/api", Images: []awssim.Image{image}})
	w.registry().AddCreationTemplate(awssim.CreationTemplate{Prefix: "team", AppliedFor: []string{"REPLICATION"}})
	findings := func(c *ecr.Client) error {
		_, err := c.DescribeImageScanFindings(t.Context(), &ecr.DescribeImageScanFindingsInput{
			RepositoryName: aws.String("team/api"), ImageId: &types.ImageIdentifier{ImageDigest: &image.Digest},
		})
		return err
	}
	template := func(c *ecr.Client) error {
		_, err := c.UpdateRepositoryCreationTemplate(t.Context(), &ecr.UpdateRepositoryCreationTemplateInput{
			Prefix: aws.String("team"), RepositoryPolicy: aws.String(pullPolicy), CustomRoleArn: aws.String("arn:aws:iam::222222222222:role/ecr"),
			LifecyclePolicy: aws.String(`{"rules":[{"rulePriority":1,"selection":{"tagStatus":"untagged","countType":"imageCountMoreThan","countNumber":3},"action":{"type":"expire"}}]}`),
		})
		return err
	}
	for _, test := range []struct {
		call  func(*ecr.Client) error
		takes []string
	}{
		{findings, []string{"ecr:DescribeImageScanFindings", "inspector2:ListCoverage", "inspector2:ListFindings"}},
		{template, []string{"ecr:UpdateRepositoryCreationTemplate", "ecr:CreateRepository", "ecr:SetRepositoryPolicy", "ecr:PutLifecyclePolicy", "iam:PassRole"}},
	} {
		for without := -1; without < len(test.takes); without++ {
			actions := append([]string{}, test.takes...)
			if without >= 0 {
				actions[without] = "ecr:ListImages"
			}
			text, err := json.Marshal(actions)
			if err != nil {
				t.Fatal(err)
			}
			w.org.Account(member).AddRole(awssim.Role{Name: "one", Policies: []string{strings.Replace(allowing("ACTION", "*"), `"ACTION"`, string(text), 1)}})
			switch err := test.call(w.ecrAs("one")); {
			case without < 0 && err != nil:
				t.Error(err)
			case without >= 0 && (err == nil || !strings.Contains(err.Error(), "not authorized to perform: "+test.takes[without]+" ")):
				t.Errorf("without %s: %v", test.takes[without], err)
			}
		}
	}
}

// Operations of AWS Organizations are authorized on units and accounts.
func TestOrganizationsAreAuthorizedOnTheirResource(t *testing.T) {
	w := newWorld(t)
	try := func(resource string, call func(*organizations.Client) error) error {
		w.org.ManagementAccount().AddRole(awssim.Role{Name: "one", Policies: []string{allowing("organizations:*", resource)}})
		credentials, _ := w.org.ManagementAccount().RoleCredentials("one")
		c := w.configFor(credentials)
		c.Region = "us-east-1"
		return call(organizations.NewFromConfig(c))
	}
	tags := func(c *organizations.Client) error {
		_, err := c.ListTagsForResource(t.Context(), &organizations.ListTagsForResourceInput{ResourceId: aws.String(member)})
		return err
	}
	below := func(c *organizations.Client) error {
		_, err := c.ListAccountsForParent(t.Context(), &organizations.ListAccountsForParentInput{ParentId: aws.String(w.org.RootID())})
		return err
	}
	if err := try("arn:aws:organizations::*:account/*", tags); err != nil {
		t.Error(err)
	}
	if err := try("arn:aws:organizations::*:root/*", below); err != nil {
		t.Error(err)
	}
	wantCode(t, try("arn:aws:organizations::*:ou/*", tags), "AccessDeniedException")
	wantCode(t, try("arn:aws:organizations::*:ou/*", below), "AccessDeniedException")
}
