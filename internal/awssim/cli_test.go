package awssim_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/ecraudit/ecraudit/internal/awssim"
)

// cli runs the AWS CLI against the server, in nothing but the environment that the server gives, and returns its output as JSON.
func (w *world) cli(args ...string) (answer map[string]any, stderr string) {
	w.Helper()
	cmd := exec.CommandContext(w.Context(), "aws", append(args, "--output", "json")...)
	cmd.Env = append(w.srv.Environment(member, region), "PATH="+os.Getenv("PATH"), "HOME="+w.TempDir(), "AWS_MAX_ATTEMPTS=1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, errs.String()
	}
	if out.Len() > 0 {
		if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
			w.Fatalf("aws %s: %v\n%s", strings.Join(args, " "), err, out.String())
		}
	}
	return answer, errs.String()
}

func requireCLI(t *testing.T) {
	t.Helper()
	if err := exec.Command("aws", "--version").Run(); err != nil {
		t.Skip("the AWS CLI is not installed (no working aws on the PATH), so the simulation is not tried with it here")
	}
}

func TestCommandLineInterface(t *testing.T) {
	requireCLI(t)
	w := newWorld(t)
	w.registry().AddRepository(awssim.Repository{Name: "team/api", Images: []awssim.Image{{Tags: []string{"v1", "latest"}}, {}}})
	w.org.Account(other).AddRole(awssim.Role{Name: "audit"})
	role := w.org.Account(other).RoleARN("audit")
	const policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage"}]}`
	for _, test := range []struct {
		name, command string
		want          string // in the answer, or in the error
	}{
		{"identity", "sts get-caller-identity", `"Arn":"arn:aws:iam::222222222222:user/admin"`},
		{"role", "sts assume-role --role-session-name cli --role-arn " + role, `assumed-role/audit/cli`},
		{"regions", "ec2 describe-regions", `"RegionName":"eu-west-1"`},
		{"account regions", "account list-regions", `"RegionOptStatus":"ENABLED_BY_DEFAULT"`},
		{"organization", "organizations describe-organization", `"MasterAccountId":"111111111111"`},
		{"not the management account", "organizations list-accounts", "AccessDeniedException"},
		{"repositories", "ecr describe-repositories", `"repositoryUri":"222222222222.dkr.ecr.eu-west-1.amazonaws.com/team/api"`},
		{"images", "ecr describe-images --repository-name team/api --page-size 1", `"imageTags":["latest","v1"]`},
		{"no such repository", "ecr describe-images --repository-name nope", "RepositoryNotFoundException"},
		{"bad name", "ecr describe-images --repository-name UPPER", "InvalidParameterException"},
		{"no policy", "ecr get-repository-policy --repository-name team/api", "RepositoryPolicyNotFoundException"},
		{"set policy", "ecr set-repository-policy --repository-name team/api --policy-text " + policy, `"repositoryName":"team/api"`},
		{"policy", "ecr get-repository-policy --repository-name team/api", `BatchGetImage`},
		{"scanning", "ecr get-registry-scanning-configuration", `"scanType":"BASIC"`},
		{"tag", "ecr tag-resource --resource-arn arn:aws:ecr:eu-west-1:222222222222:repository/team/api --tags Key=owner,Value=me", ""},
		{"tags", "ecr list-tags-for-resource --resource-arn arn:aws:ecr:eu-west-1:222222222222:repository/team/api", `"Key":"owner"`},
		{"login", "ecr get-authorization-token", `"expiresAt"`},
		{"delete", "ecr delete-repository --repository-name team/api", "RepositoryNotEmptyException"},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer, stderr := w.cli(strings.Fields(test.command)...)
			got, err := json.Marshal(answer)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(got)+stderr, test.want) || (answer == nil) != (stderr != "" || test.want == "") {
				t.Errorf("aws %s\n got %s %s\nwant %s", test.command, got, stderr, test.want)
			}
		})
	}
}
