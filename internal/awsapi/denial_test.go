package awsapi

import "testing"

// The examples of https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html,
// shortened, and what services say that do not tell.
func TestDenialIn(t *testing.T) {
	const who = "User: arn:aws:iam::777788889999:user/JohnDoe is not authorized to perform: "
	for message, want := range map[string]struct {
		text      string
		grantable bool
	}{
		who + "codecommit:ListRepositories because no service control policy allows the codecommit:ListRepositories action":                                   {"no service control policy allows it", false},
		who + "codecommit:ListRepositories with an explicit deny in a service control policy":                                                                 {"an explicit deny in a service control policy", false},
		who + "codecommit:ListRepositories with an explicit deny in a service control policy: arn:aws:organizations::1:policy/o-1/service_control_policy/p-1": {"an explicit deny in a service control policy", false},
		who + "secretsmanager:GetSecretValue with an explicit deny in a resource control policy":                                                              {"an explicit deny in a resource control policy", false},
		who + "codecommit:ListRepositories because no VPC endpoint policy allows the codecommit:ListRepositories action":                                      {"no VPC endpoint policy allows it", false},
		who + "codedeploy:ListDeployments with an explicit deny in a VPC endpoint policy":                                                                     {"an explicit deny in a VPC endpoint policy", false},
		who + "codedeploy:ListDeployments on resource: arn:aws:x because no permissions boundary allows the codedeploy:ListDeployments action":                {"no permissions boundary allows it", false},
		who + "sns:Publish on resource: arn:aws:sns:us-east-1:777788889999:role/HR with an explicit deny in a session policy":                                 {"an explicit deny in a session policy", false},
		who + "secretsmanager:GetSecretValue because no resource-based policy allows the secretsmanager:GetSecretValue action":                                {"no resource-based policy allows it", false},
		who + "sts:AssumeRole because no role trust policy allows the sts:AssumeRole action":                                                                  {"no role trust policy allows it", false},
		who + "sts:AssumeRole with an explicit deny in the role trust policy":                                                                                 {"an explicit deny in a role trust policy", false},
		who + "codecommit:ListRepositories because no identity-based policy allows the codecommit:ListRepositories action":                                    {"no identity-based policy allows it", true},
		who + "codedeploy:ListDeployments with an explicit deny in an identity-based policy":                                                                  {"an explicit deny in an identity-based policy", false},
		"You are not authorized to perform this operation.":                                                                                                   {"", true},
		"": {"", true},
	} {
		if got := DenialIn(message); got.String() != want.text || got.Grantable() != want.grantable {
			t.Errorf("%s: %q, grantable %v", message, got, got.Grantable())
		}
	}
}
