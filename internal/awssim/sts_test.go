package awssim_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/ecraudit/ecraudit/internal/awssim"
)

// assume assumes a role with credentials, or with the member's own when there are none.
func (w *world) assume(from *types.Credentials, in sts.AssumeRoleInput) (*types.Credentials, error) {
	config := w.config()
	if from != nil {
		config = w.configFor(sdk(from))
	}
	if in.RoleSessionName == nil {
		in.RoleSessionName = aws.String("test")
	}
	out, err := sts.NewFromConfig(config).AssumeRole(w.Context(), &in)
	if err != nil {
		return nil, err
	}
	return out.Credentials, nil
}

func sdk(c *types.Credentials) aws.Credentials {
	return aws.Credentials{AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: *c.SessionToken}
}

func (w *world) whoami(c *types.Credentials) string {
	w.Helper()
	out := must(sts.NewFromConfig(w.configFor(sdk(c))).GetCallerIdentity(w.Context(), &sts.GetCallerIdentityInput{}))(w)
	return *out.Arn
}

func TestAssumeRole(t *testing.T) {
	w := newWorld(t)
	target := w.org.Account(other)
	target.AddRole(awssim.Role{Name: "open"})
	target.AddRole(awssim.Role{Name: "secret", ExternalID: "xyz"})
	target.AddRole(awssim.Role{Name: "trusting", TrustedPrincipals: []string{management}})
	target.AddRole(awssim.Role{Name: "long", MaxSession: 43200})
	target.AddRole(awssim.Role{Name: "chained", MaxSession: 43200, TrustedPrincipals: []string{target.RoleARN("open")}})
	arn := func(name string) *string { return aws.String(target.RoleARN(name)) }

	open := must(w.assume(nil, sts.AssumeRoleInput{RoleArn: arn("open"), RoleSessionName: aws.String("me@x")}))(t)
	wantSame(t, w.whoami(open), "arn:aws:sts::333333333333:assumed-role/open/me@x")
	wantSame(t, time.Until(*open.Expiration) > 50*time.Minute, true)
	must(w.assume(nil, sts.AssumeRoleInput{RoleArn: arn("secret"), ExternalId: aws.String("xyz")}))(t)
	must(w.assume(nil, sts.AssumeRoleInput{RoleArn: arn("long"), DurationSeconds: aws.Int32(43200)}))(t)
	must(w.assume(open, sts.AssumeRoleInput{RoleArn: arn("chained")}))(t)

	for name, test := range map[string]struct {
		from *types.Credentials
		in   sts.AssumeRoleInput
		code string
	}{
		"no such role":    {nil, sts.AssumeRoleInput{RoleArn: arn("absent")}, "AccessDenied"},
		"no such account": {nil, sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::999999999999:role/open")}, "AccessDenied"},
		"partition":       {nil, sts.AssumeRoleInput{RoleArn: aws.String("arn:aws-cn:iam::333333333333:role/open")}, "AccessDenied"},
		"no external id":  {nil, sts.AssumeRoleInput{RoleArn: arn("secret")}, "AccessDenied"},
		"not trusted":     {nil, sts.AssumeRoleInput{RoleArn: arn("trusting")}, "AccessDenied"},
		"session name":    {nil, sts.AssumeRoleInput{RoleArn: arn("open"), RoleSessionName: aws.String("no spaces")}, "ValidationError"},
		"no ARN":          {nil, sts.AssumeRoleInput{RoleArn: aws.String("role/open-not-an-arn-x")}, "ValidationError"},
		"too short":       {nil, sts.AssumeRoleInput{RoleArn: arn("open"), DurationSeconds: aws.Int32(899)}, "ValidationError"},
		"too long":        {nil, sts.AssumeRoleInput{RoleArn: arn("long"), DurationSeconds: aws.Int32(43201)}, "ValidationError"},
		"over the role's": {nil, sts.AssumeRoleInput{RoleArn: arn("open"), DurationSeconds: aws.Int32(7200)}, "ValidationError"},
		"a long chain":    {open, sts.AssumeRoleInput{RoleArn: arn("chained"), DurationSeconds: aws.Int32(7200)}, "ValidationError"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.assume(test.from, test.in)
			wantCode(t, err, test.code)
		})
	}
}

func TestSessionsExpire(t *testing.T) {
	w := newWorldWith(t, awssim.OrganizationOptions{SimulatedExpiry: true}, awssim.Options{})
	w.org.Account(member).AddRole(awssim.Role{Name: "audit"})
	c := must(w.assume(nil, sts.AssumeRoleInput{RoleArn: aws.String(w.org.Account(member).RoleARN("audit")), DurationSeconds: aws.Int32(900)}))(t)
	wantSame(t, *c.Expiration, awssim.Epoch.Add(15*time.Minute))
	client := ecr.NewFromConfig(w.configFor(sdk(c)))
	must(client.DescribeRegistry(t.Context(), &ecr.DescribeRegistryInput{}))(t)
	w.org.Advance(15 * time.Minute)
	_, err := client.DescribeRegistry(t.Context(), &ecr.DescribeRegistryInput{})
	wantCode(t, err, "ExpiredTokenException")
	_, err = sts.NewFromConfig(w.configFor(sdk(c))).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	wantCode(t, err, "ExpiredToken")
}

// The SDK's own provider assumes a role once, however many calls are made with it.
func TestAssumeRoleProvider(t *testing.T) {
	w := newWorld(t)
	w.org.Account(other).AddRole(awssim.Role{Name: "audit"})
	config := w.config()
	config.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(w.sts(), w.org.Account(other).RoleARN("audit")))
	for range 5 {
		got := must(ecr.NewFromConfig(config).DescribeRegistry(t.Context(), &ecr.DescribeRegistryInput{}))(t)
		wantSame(t, *got.RegistryId, other)
	}
	wantSame(t, w.srv.Calls().Of("sts:AssumeRole").Calls, 1)
}

func TestRolesAreAuthorized(t *testing.T) {
	w := newWorld(t)
	account := w.org.Account(member)
	account.AddRole(awssim.Role{Name: "reader", Allowed: []string{"ecr:Describe*", "ecr:GetRepositoryPolicy"}, Denied: []string{"ecr:DescribeImages"}})
	w.registry().AddRepository(awssim.Repository{Name: "team/api", Policy: pullPolicy})
	c := w.ecrAs("reader")
	name := aws.String("team/api")
	must(c.DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{}))(t)
	must(c.GetRepositoryPolicy(t.Context(), &ecr.GetRepositoryPolicyInput{RepositoryName: name}))(t)
	_, err := c.GetLifecyclePolicy(t.Context(), &ecr.GetLifecyclePolicyInput{RepositoryName: name})
	wantCode(t, err, "AccessDeniedException")
	want := "User: arn:aws:sts::222222222222:assumed-role/reader/simulated is not authorized to perform: ecr:GetLifecyclePolicy on resource: " +
		"arn:aws:ecr:eu-west-1:222222222222:repository/team/api because no identity-based policy allows the ecr:GetLifecyclePolicy action"
	if !strings.Contains(err.Error(), want) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	_, err = c.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: name})
	wantCode(t, err, "AccessDeniedException")
	account.RemoveRole("reader")
	_, err = c.DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{})
	wantCode(t, err, "AccessDeniedException")
}

func TestBadCredentials(t *testing.T) {
	w := newWorld(t)
	good := w.org.Account(member).Credentials()
	try := func(c aws.Credentials, region string) (ecrError, stsError error) {
		config := w.configFor(c)
		config.Region = region
		config.Credentials = credentials.StaticCredentialsProvider{Value: c}
		_, ecrError = ecr.NewFromConfig(config).DescribeRegistry(t.Context(), &ecr.DescribeRegistryInput{})
		_, stsError = sts.NewFromConfig(config).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		return ecrError, stsError
	}
	for name, test := range map[string]struct {
		key, secret, token, region string
		ecr, sts                   string
	}{
		"unknown key":     {"AKIAIOSFODNN7EXAMPLE", "x", "", region, "UnrecognizedClientException", "InvalidClientTokenId"},
		"wrong secret":    {good.AccessKeyID, "x", "", region, "InvalidSignatureException", "SignatureDoesNotMatch"},
		"foreign token":   {good.AccessKeyID, good.SecretAccessKey, "x", region, "UnrecognizedClientException", "InvalidClientTokenId"},
		"disabled region": {good.AccessKeyID, good.SecretAccessKey, "", "af-south-1", "UnrecognizedClientException", "InvalidClientTokenId"},
		"unknown region":  {good.AccessKeyID, good.SecretAccessKey, "", "moon-west-1", "UnrecognizedClientException", "InvalidClientTokenId"},
	} {
		t.Run(name, func(t *testing.T) {
			ecrError, stsError := try(aws.Credentials{AccessKeyID: test.key, SecretAccessKey: test.secret, SessionToken: test.token}, test.region)
			wantCode(t, ecrError, test.ecr)
			wantCode(t, stsError, test.sts)
		})
	}
	w.org.Account(member).EnableRegion("af-south-1")
	ecrError, _ := try(good, "af-south-1")
	if ecrError != nil {
		t.Error(ecrError)
	}
	w.org.Account(member).SetState("SUSPENDED")
	ecrError, _ = try(good, region)
	wantCode(t, ecrError, "UnrecognizedClientException")
}

func TestPartitions(t *testing.T) {
	for partition, want := range map[string]struct{ region, host string }{
		"aws-us-gov": {"us-gov-west-1", "222222222222.dkr.ecr.us-gov-west-1.amazonaws.com/r1"},
		"aws-cn":     {"cn-north-1", "222222222222.dkr.ecr.cn-north-1.amazonaws.com.cn/r1"},
	} {
		w := newWorldWith(t, awssim.OrganizationOptions{Partition: partition}, awssim.Options{})
		w.org.Account(member).Registry(want.region).AddRepository(awssim.Repository{Name: "r1"})
		config := w.config()
		config.Region = want.region
		got := must(ecr.NewFromConfig(config).DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{}))(t).Repositories[0]
		wantSame(t, *got.RepositoryUri, want.host)
		wantSame(t, *got.RepositoryArn, "arn:"+partition+":ecr:"+want.region+":222222222222:repository/r1")
		arn := must(sts.NewFromConfig(config).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}))(t).Arn
		wantSame(t, *arn, "arn:"+partition+":iam::222222222222:user/admin")
	}
}
