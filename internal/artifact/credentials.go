package artifact

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote/auth"
	docker "oras.land/oras-go/v2/registry/remote/credentials"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// ecrHost are the registries of ECR, and their regions. A token is sent to no
// other host.
var ecrHost = regexp.MustCompile(`^[0-9]{12}\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws|on\.amazonwebservices\.com\.cn|c2s\.ic\.gov|sc2s\.sgov\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov|amazonaws\.eu)$`)

// RepositoryARN is the repository of ECR in which the artifact of a reference
// stands; empty where it stands in another registry, or is no artifact.
func RepositoryARN(reference string) string {
	named, err := registry.ParseReference(strings.TrimPrefix(reference, "oci://"))
	if err != nil || !strings.HasPrefix(reference, "oci://") {
		return ""
	}
	match := ecrHost.FindStringSubmatch(named.Registry)
	if match == nil {
		return ""
	}
	region, account := match[1], named.Registry[:len("111122223333")]
	target := snapshot.Target{Partition: awsapi.PartitionOf(region), Account: account, Region: region}
	return target.RepositoryARN(named.Repository)
}

// errNoCredentials is that those that are configured cannot be read.
var errNoCredentials = errors.New("reading credentials")

// credentials are those for one registry.
type credentials struct {
	host    string
	found   string // whose they are, or empty
	problem error  // why ECR gave none
}

func (c *credentials) ofECR() bool { return ecrHost.MatchString(c.host) }

// whose is whom the registry was asked as.
func (c *credentials) whose() string {
	if c.found == "" {
		return "a request without credentials"
	}
	return c.found
}

// get finds the credentials when the registry asks for some. The registry may
// ask for others than its own, which it does not get.
func (c *credentials) get(ctx context.Context, host string) (auth.Credential, error) {
	if host != c.host {
		return auth.EmptyCredential, nil
	}
	if match := ecrHost.FindStringSubmatch(host); match != nil {
		credential, err := ecrToken(ctx, match[1])
		if err == nil {
			c.found = "the credentials of AWS in the environment"
			return credential, nil
		}
		c.problem = err
	}
	store, err := docker.NewStoreFromDocker(docker.StoreOptions{})
	if err != nil {
		return auth.EmptyCredential, fmt.Errorf("%w for %s from the configuration of Docker: %w", errNoCredentials, host, err)
	}
	credential, err := docker.Credential(store)(ctx, host)
	if err != nil {
		return auth.EmptyCredential, fmt.Errorf("%w for %s from the configuration of Docker: %w", errNoCredentials, host, err)
	}
	if credential != auth.EmptyCredential {
		c.found = "the credentials in the configuration of Docker"
	}
	return credential, nil
}

// ecrToken has ECR make a password for its registries of a region.
func ecrToken(ctx context.Context, region string) (auth.Credential, error) {
	ambient, err := config.LoadDefaultConfig(ctx, config.WithRegion(region), config.WithHTTPClient(awsapi.HTTPClient(1)))
	if err != nil {
		return auth.EmptyCredential, err
	}
	answer, err := ecr.NewFromConfig(ambient).GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		return auth.EmptyCredential, fmt.Errorf("ecr:GetAuthorizationToken: %s: %s", awsapi.Code(err), awsapi.Reason(err))
	}
	if len(answer.AuthorizationData) == 0 {
		return auth.EmptyCredential, errors.New("ecr:GetAuthorizationToken gave no token")
	}
	token, err := base64.StdEncoding.DecodeString(aws.ToString(answer.AuthorizationData[0].AuthorizationToken))
	if err != nil {
		return auth.EmptyCredential, fmt.Errorf("ecr:GetAuthorizationToken: %w", err)
	}
	user, password, _ := strings.Cut(string(token), ":")
	return auth.Credential{Username: user, Password: password}, nil
}
