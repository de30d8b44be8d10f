package awssim

import (
	"fmt"
	"strings"
)

// ecrOperations are the operations of ECR that are simulated. Which of them write is what IAM's service reference says.
func ecrOperations() map[string]operation {
	return map[string]operation{
		"CreateRepository":     writing(createRepository),
		"DeleteRepository":     writing(deleteRepository),
		"DescribeRepositories": reading(describeRepositories),
		"ListTagsForResource":  reading(listTagsForResource),
		"TagResource":          writing(tagResource),
		"UntagResource":        writing(untagResource),
		"GetRepositoryPolicy":  reading(getRepositoryPolicy),
		"SetRepositoryPolicy":  writing(setRepositoryPolicy),

		"DeleteRepositoryPolicy":        writing(deleteRepositoryPolicy),
		"PutImageTagMutability":         writing(putImageTagMutability),
		"PutImageScanningConfiguration": writing(putImageScanningConfiguration),

		"DescribeImages":                 reading(describeImages),
		"ListImages":                     reading(listImages),
		"BatchGetImage":                  reading(batchGetImage),
		"BatchDeleteImage":               writing(batchDeleteImage),
		"PutImage":                       writing(putImage),
		"ListImageReferrers":             reading(listImageReferrers),
		"UpdateImageStorageClass":        writing(updateImageStorageClass),
		"DescribeImageReplicationStatus": reading(describeImageReplicationStatus),
		"DescribeImageSigningStatus":     reading(describeImageSigningStatus),

		"GetLifecyclePolicy":          reading(getLifecyclePolicy),
		"PutLifecyclePolicy":          writing(putLifecyclePolicy),
		"DeleteLifecyclePolicy":       writing(deleteLifecyclePolicy),
		"StartLifecyclePolicyPreview": writing(startLifecyclePolicyPreview),
		"GetLifecyclePolicyPreview":   reading(getLifecyclePolicyPreview),

		"DescribeImageScanFindings":               reading(describeImageScanFindings),
		"StartImageScan":                          writing(startImageScan),
		"GetRegistryScanningConfiguration":        reading(getRegistryScanningConfiguration),
		"PutRegistryScanningConfiguration":        writing(putRegistryScanningConfiguration),
		"BatchGetRepositoryScanningConfiguration": reading(batchGetRepositoryScanningConfiguration),

		"DescribeRegistry":            reading(describeRegistry),
		"PutReplicationConfiguration": writing(putReplicationConfiguration),
		"GetRegistryPolicy":           reading(getRegistryPolicy),
		"PutRegistryPolicy":           writing(putRegistryPolicy),
		"DeleteRegistryPolicy":        writing(deleteRegistryPolicy),
		"GetAccountSetting":           reading(getAccountSetting),
		"PutAccountSetting":           writing(putAccountSetting),
		"GetSigningConfiguration":     reading(getSigningConfiguration),
		"PutSigningConfiguration":     writing(putSigningConfiguration),
		"DeleteSigningConfiguration":  writing(deleteSigningConfiguration),
		"GetAuthorizationToken":       reading(getAuthorizationToken),

		"ListPullTimeUpdateExclusions":      reading(listPullTimeUpdateExclusions),
		"RegisterPullTimeUpdateExclusion":   writing(registerPullTimeUpdateExclusion),
		"DeregisterPullTimeUpdateExclusion": writing(deregisterPullTimeUpdateExclusion),

		"DescribePullThroughCacheRules": reading(describePullThroughCacheRules),
		"CreatePullThroughCacheRule":    writing(createPullThroughCacheRule),
		"UpdatePullThroughCacheRule":    writing(updatePullThroughCacheRule),
		"DeletePullThroughCacheRule":    writing(deletePullThroughCacheRule),
		"ValidatePullThroughCacheRule":  reading(validatePullThroughCacheRule),

		"DescribeRepositoryCreationTemplates": reading(describeCreationTemplates),
		"CreateRepositoryCreationTemplate":    writing(createCreationTemplate),
		"UpdateRepositoryCreationTemplate":    writing(updateCreationTemplate),
		"DeleteRepositoryCreationTemplate":    writing(deleteCreationTemplate),
	}
}

// inRegistry is the part of an input that names a registry; the caller's own when it does not.
type inRegistry struct {
	RegistryID string `json:"registryId"`
}

// registry is the registry that an input names, in the call's region.
func (in inRegistry) registry(c *call) (*Registry, error) {
	if in.RegistryID == "" || in.RegistryID == c.caller.account.id {
		return c.registry(), nil
	}
	if !accountID.MatchString(in.RegistryID) {
		return nil, invalid("registryId", "must satisfy regular expression '[0-9]{12}'")
	}
	other := c.org.Account(in.RegistryID)
	if other == nil || !other.regionEnabled(c.region) {
		return nil, c.notAllowed(c.org.arn("ecr", c.region, in.RegistryID, "repository/*"))
	}
	return other.Registry(c.region), nil
}

// own is the named registry, which must be the caller's: there is no resource policy that could open it to others.
func (in inRegistry) own(c *call) (*Registry, error) {
	r, err := in.registry(c)
	if err == nil && r.account != c.caller.account {
		return nil, c.notAllowed(c.org.arn("ecr", c.region, in.RegistryID, "*"))
	}
	return r, err
}

// inRepository is the part of an input that names a repository.
type inRepository struct {
	inRegistry
	RepositoryName string `json:"repositoryName"`
}

func (in inRepository) resource(c *call) string {
	owner := in.RegistryID
	if owner == "" {
		owner = c.caller.account.id
	}
	return c.org.arn("ecr", c.region, owner, "repository/"+in.RepositoryName)
}

// toRead finds the repository for an operation that only looks.
func (in inRepository) toRead(c *call) (*LiveRepository, error) { return in.find(c, false) }

// toWrite finds the repository for an operation that changes it.
func (in inRepository) toWrite(c *call) (*LiveRepository, error) { return in.find(c, true) }

func (in inRepository) find(c *call, keep bool) (*LiveRepository, error) {
	if err := validateRepositoryName(in.RepositoryName); err != nil {
		return nil, err
	}
	registry, err := in.registry(c)
	if err != nil {
		return nil, err
	}
	repo := registry.repository(in.RepositoryName, keep)
	switch {
	case repo == nil && registry.account != c.caller.account:
		return nil, c.notAllowed(in.resource(c))
	case repo == nil:
		return nil, noRepository(registry, in.RepositoryName)
	}
	return repo, repo.admit(c)
}

// resourcePolicy is the repository's policy; nil when it has none.
func (r *LiveRepository) resourcePolicy() *compiledPolicy {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.policy
}

// admit applies the repository's policy: across accounts it must allow the call, within the account it must not deny it.
func (r *LiveRepository) admit(c *call) error {
	verdict := r.resourcePolicy().decide(c.request(c.name(), r.ARN(), nil))
	switch {
	case verdict == forbidden:
		return c.denied(r.ARN(), "with an explicit deny in a resource-based policy")
	case verdict == silent && r.registry.account != c.caller.account:
		return c.denied(r.ARN(), fmt.Sprintf("because no resource-based policy allows the %s action", c.name()))
	}
	return nil
}

func noRepository(r *Registry, name string) error {
	return failure("RepositoryNotFoundException", "The repository with name '%s' does not exist in the registry with id '%s'", name, r.account.id)
}

// registry is the caller's own registry in the call's region.
func (c *call) registry() *Registry { return c.caller.account.Registry(c.region) }

// inResource is the input of the tagging operations.
type inResource struct {
	ResourceARN string `json:"resourceArn"`
}

func (in inResource) resource(*call) string { return in.ResourceARN }

func (in inResource) find(c *call, keep bool) (*LiveRepository, error) {
	parts := strings.SplitN(in.ResourceARN, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "ecr" || !strings.HasPrefix(parts[5], "repository/") {
		return nil, invalid("resourceArn", "Invalid ARN")
	}
	if parts[1] != c.org.Partition() || parts[3] != c.region {
		return nil, invalid("resourceArn", "Invalid ARN: the resource is not in this region")
	}
	named := inRepository{inRegistry{parts[4]}, strings.TrimPrefix(parts[5], "repository/")}
	return named.find(c, keep)
}

// none is the input, and the output, of operations that have none.
type none struct{}
