package awssim_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/ecraudit/ecraudit/internal/awssim"
)

// An account of no organization.
const outsider = "444444444444"

func letting(principal, condition string) string {
	return `{"Version":"2012-10-17","Statement":[{"Sid":"Let","Effect":"Allow","Principal":{"AWS":"` + principal + `"},"Action":"ecr:*","Condition":{` + condition + `}}]}`
}

// Conditions of a repository's policy hold as they hold in every other policy.
func TestConditionsOfRepositoryPolicies(t *testing.T) {
	w := newWorld(t)
	w.org.AddAccount(awssim.Account{ID: outsider, Standalone: true})
	for name, test := range map[string]struct {
		condition      string
		other, outside bool // whether the other member, and the outsider, may read
	}{
		"none":                                 {``, true, true},
		"the organization":                     {`"StringEquals":{"aws:PrincipalOrgID":"o-exampleorg1"}`, true, false},
		"another organization":                 {`"StringEquals":{"aws:PrincipalOrgID":"o-another"}`, false, false},
		"not another, where there is none":     {`"StringNotEquals":{"aws:PrincipalOrgID":"o-another"}`, true, true},
		"not this organization":                {`"StringNotEquals":{"aws:PrincipalOrgID":"o-exampleorg1"}`, false, true},
		"not like this organization":           {`"StringNotLike":{"aws:PrincipalOrgID":"o-example*"}`, false, true},
		"a wildcard is none in equality":       {`"StringEquals":{"aws:PrincipalOrgID":"o-example*"}`, false, false},
		"nor where it is negated":              {`"StringNotEquals":{"aws:PrincipalOrgID":"o-example*"}`, true, true},
		"if there is one, it is this":          {`"StringEqualsIfExists":{"aws:PrincipalOrgID":"o-exampleorg1"}`, true, true},
		"if there is one, it is another":       {`"StringEqualsIfExists":{"aws:PrincipalOrgID":"o-another"}`, false, true},
		"in another case":                      {`"StringEqualsIgnoreCase":{"AWS:principalorgid":"O-EXAMPLEORG1"}`, true, false},
		"some organization":                    {`"Null":{"aws:PrincipalOrgID":"false"}`, true, false},
		"no organization":                      {`"Null":{"aws:PrincipalOrgID":"true"}`, false, true},
		"any of several is another":            {`"ForAnyValue:StringNotEquals":{"aws:PrincipalOrgID":"o-another"}`, true, false},
		"all of none":                          {`"ForAllValues:StringEquals":{"aws:PrincipalOrgID":"o-another"}`, false, true},
		"encrypted":                            {`"Bool":{"aws:SecureTransport":"true"}`, true, true},
		"encrypted, as a boolean":              {`"Bool":{"aws:SecureTransport":true}`, true, true},
		"not encrypted":                        {`"Bool":{"aws:SecureTransport":"false"}`, false, false},
		"a principal by its account":           {`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::333333333333:*"}`, true, false},
		"a part of an ARN is not two":          {`"ArnLike":{"aws:PrincipalArn":"arn:*333333333333:user/admin"}`, false, false},
		"an account by number":                 {`"NumericLessThan":{"aws:PrincipalAccount":"400000000000"}`, true, false},
		"until a day that is over":             {`"DateLessThan":{"aws:CurrentTime":"2026-09-30T00:00:00Z"}`, false, false},
		"until a day to come":                  {`"DateLessThan":{"aws:CurrentTime":"2026-10-02"}`, true, true},
		"an address, of which nothing is said": {`"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}`, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.ecr().CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("shared")})
			if err != nil && !strings.Contains(err.Error(), "already exists") {
				t.Fatal(err)
			}
			must(w.ecr().SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("shared"), PolicyText: aws.String(letting("*", test.condition))}))(t)
			for account, allowed := range map[string]bool{other: test.other, outsider: test.outside} {
				client := ecr.NewFromConfig(w.configFor(w.org.Account(account).Credentials()))
				_, err := client.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RegistryId: aws.String(member), RepositoryName: aws.String("shared")})
				if allowed != (err == nil) {
					t.Errorf("%s: allowed %v: %v", account, err == nil, err)
				}
			}
		})
	}
}

// What IAM does not know it does not take.
func TestUnknownConditionOperators(t *testing.T) {
	w := newWorld(t)
	w.registry().AddRepository(awssim.Repository{Name: "team/api"})
	for _, operator := range []string{"StringEqual", "BoolNot", "NotBool", "DateNotLessThan", "IfExists", "ForAnyValues:StringLike"} {
		_, err := w.ecr().SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{
			RepositoryName: aws.String("team/api"), PolicyText: aws.String(letting("*", `"`+operator+`":{"aws:PrincipalArn":"x"}`)),
		})
		wantCode(t, err, "InvalidParameterException")
	}
}

// A policy of the same account that names a principal itself is enough; one that names its account is not.
func TestResourcePoliciesWithinAnAccount(t *testing.T) {
	w := newWorld(t)
	const role, root = "arn:aws:iam::222222222222:role/one", "arn:aws:iam::222222222222:root"
	deny := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`
	for name, test := range map[string]struct {
		principal, identity string
		allowed             bool
	}{
		"the role":              {role, allowing("ecr:GetAuthorizationToken", "*"), true},
		"everybody":             {"*", allowing("ecr:GetAuthorizationToken", "*"), true},
		"its account":           {root, allowing("ecr:GetAuthorizationToken", "*"), false},
		"the account and IAM":   {root, allowing("*", "*"), true},
		"another role":          {role + "s", allowing("ecr:GetAuthorizationToken", "*"), false},
		"the role, but IAM not": {role, deny, false},
	} {
		t.Run(name, func(t *testing.T) {
			account := w.org.Account(member)
			account.AddRole(awssim.Role{Name: "one", Policies: []string{test.identity}})
			account.AddRole(awssim.Role{Name: "two", Trust: strings.ReplaceAll(letting(test.principal, ""), "ecr:*", "sts:AssumeRole")})
			repository := "team/" + strings.ReplaceAll(strings.ReplaceAll(strings.ToLower(name), " ", "-"), ",", "")
			w.registry().AddRepository(awssim.Repository{Name: repository, Policy: letting(test.principal, "")})
			_, err := w.ecrAs("one").DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: &repository})
			if test.allowed != (err == nil) {
				t.Errorf("the repository: allowed %v: %v", err == nil, err)
			}
			credentials, _ := account.RoleCredentials("one")
			_, err = sts.NewFromConfig(w.configFor(credentials)).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String(account.RoleARN("two")), RoleSessionName: aws.String("test")})
			if test.allowed != (err == nil) {
				t.Errorf("the role: assumed %v: %v", err == nil, err)
			}
		})
	}
}

// What stands above a role's own policies takes away from them, and the refusal says which did.
func TestBoundariesAndServiceControlPolicies(t *testing.T) {
	w := newWorld(t)
	w.registry().AddRepository(awssim.Repository{Name: "team/api"})
	all := allowing("*", "*")
	deny := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"ecr:DescribeImages","Resource":"*"}]}`
	for name, test := range map[string]struct {
		identity, boundary string
		controls           []string
		refusal            string
	}{
		"nothing":                          {all, "", nil, ""},
		"all of them allow":                {all, all, []string{all, all}, ""},
		"an identity-based policy denies":  {strings.Replace(all, "]", `,{"Effect":"Deny","Action":"ecr:DescribeImages","Resource":"*"}]`, 1), "", nil, "with an explicit deny in an identity-based policy"},
		"a boundary denies":                {all, deny, nil, "with an explicit deny in a permissions boundary"},
		"a boundary does not allow":        {all, allowing("ecr:Get*", "*"), nil, "because no permissions boundary allows the ecr:DescribeImages action"},
		"a control denies":                 {all, "", []string{all, deny}, "with an explicit deny in a service control policy"},
		"a control does not allow":         {all, "", []string{all, allowing("s3:*", "*")}, "because no service control policy allows the ecr:DescribeImages action"},
		"only the role's own does not":     {allowing("ecr:Get*", "*"), all, []string{all}, "because no identity-based policy allows the ecr:DescribeImages action"},
		"what a control allows is no gift": {allowing("ecr:Get*", "*"), "", []string{all}, "because no identity-based policy allows the ecr:DescribeImages action"},
	} {
		t.Run(name, func(t *testing.T) {
			w.org.Account(member).AddRole(awssim.Role{Name: "one", Policies: []string{test.identity}, Boundary: test.boundary})
			w.org.Account(member).SetServiceControlPolicies(test.controls...)
			_, err := w.ecrAs("one").DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("team/api")})
			if (test.refusal == "") != (err == nil) || err != nil && !strings.HasSuffix(err.Error(), test.refusal) {
				t.Errorf("%v", err)
			}
		})
	}
	w.org.ManagementAccount().SetServiceControlPolicies(deny)
	if _, err := ecr.NewFromConfig(w.configFor(w.org.ManagementAccount().Credentials())).DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{}); err != nil {
		t.Errorf("of the management account: %v", err)
	}
}
