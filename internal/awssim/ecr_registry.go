package awssim

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"
)

// list is a copy that is never null in JSON.
func list[T any](items []T) []T { return append([]T{}, items...) }

type replicationConfiguration struct {
	Rules []ReplicationRule `json:"rules"`
}

func describeRegistry(c *call, _ *none) (any, error) {
	r := c.registry()
	r.mu.RLock()
	defer r.mu.RUnlock()
	return struct {
		RegistryID  string                   `json:"registryId"`
		Replication replicationConfiguration `json:"replicationConfiguration"`
	}{r.account.id, replicationConfiguration{list(r.replication)}}, nil
}

type replicationInput struct {
	Configuration *replicationConfiguration `json:"replicationConfiguration"`
}

func putReplicationConfiguration(c *call, in *replicationInput) (any, error) {
	if in.Configuration == nil || in.Configuration.Rules == nil {
		return nil, invalid("replicationConfiguration.rules", "must not be null")
	}
	rules := in.Configuration.Rules
	if len(rules) > 10 {
		return nil, invalid("replicationConfiguration.rules", "Member must have length less than or equal to 10")
	}
	distinct := map[ReplicationDestination]bool{}
	for _, rule := range rules {
		if err := rule.validate(c); err != nil {
			return nil, err
		}
		for _, d := range rule.Destinations {
			distinct[d] = true
		}
	}
	if len(distinct) > 25 {
		return nil, invalid("replicationConfiguration.rules", "A configuration may have at most 25 unique destinations")
	}
	r := c.registry()
	r.change(func() { r.replication = rules })
	return struct {
		Replication replicationConfiguration `json:"replicationConfiguration"`
	}{replicationConfiguration{list(rules)}}, nil
}

func (rule ReplicationRule) validate(c *call) error {
	for _, d := range rule.Destinations {
		known, _ := lookupRegion(c.org.Partition(), d.Region)
		switch {
		case !regionName.MatchString(d.Region) || !known:
			return invalid("replicationConfiguration.rules.destinations.region", "Invalid region "+d.Region)
		case !accountID.MatchString(d.RegistryID):
			return invalid("replicationConfiguration.rules.destinations.registryId", "must satisfy regular expression '[0-9]{12}'")
		case d.Region == c.region && d.RegistryID == c.caller.account.id:
			return invalid("replicationConfiguration.rules.destinations", "The destination must not be the registry itself")
		}
	}
	if len(rule.Destinations) > 100 || len(rule.RepositoryFilters) > 100 {
		return invalid("replicationConfiguration.rules", "Members must have length less than or equal to 100")
	}
	for _, f := range rule.RepositoryFilters {
		if f.FilterType != "PREFIX_MATCH" || len(f.Filter) < 2 || len(f.Filter) > 256 || !replicaFilter.MatchString(f.Filter) {
			return invalid("replicationConfiguration.rules.repositoryFilters", "must be of type PREFIX_MATCH and a prefix of a repository name")
		}
	}
	return nil
}

func describeImageReplicationStatus(c *call, in *imageInput) (any, error) {
	repo, _, head, err := in.one(c)
	if err != nil {
		return nil, err
	}
	type status struct {
		Region     string `json:"region"`
		RegistryID string `json:"registryId"`
		Status     string `json:"status"`
	}
	out := struct {
		RepositoryName string   `json:"repositoryName"`
		ImageID        imageID  `json:"imageId"`
		Statuses       []status `json:"replicationStatuses"`
	}{head.RepositoryName, head.ImageID, []status{}}
	repo.registry.mu.RLock()
	defer repo.registry.mu.RUnlock()
	for _, rule := range repo.registry.replication {
		matches := func(f Filter) bool { return strings.HasPrefix(repo.name, f.Filter) }
		if len(rule.RepositoryFilters) > 0 && !slices.ContainsFunc(rule.RepositoryFilters, matches) {
			continue
		}
		for _, d := range rule.Destinations {
			out.Statuses = append(out.Statuses, status{d.Region, d.RegistryID, "COMPLETE"})
		}
	}
	return out, nil
}

func (r *Registry) policyOutput() (any, error) {
	if r.policy == "" {
		return nil, failure("RegistryPolicyNotFoundException", "Registry policy does not exist in the registry with id '%s'", r.account.id)
	}
	return policyOutput{RegistryID: r.account.id, PolicyText: r.account.org.reformatted(r.policy)}, nil
}

func getRegistryPolicy(c *call, _ *none) (any, error) {
	r := c.registry()
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.policyOutput()
}

type policyInput struct {
	PolicyText string `json:"policyText"`
}

func putRegistryPolicy(c *call, in *policyInput) (any, error) {
	if err := firstError(required("policyText", in.PolicyText), registryPolicyError(in.PolicyText)); err != nil {
		return nil, err
	}
	r := c.registry()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.policy = in.PolicyText
	return r.policyOutput()
}

func deleteRegistryPolicy(c *call, _ *none) (any, error) {
	r := c.registry()
	r.mu.Lock()
	defer r.mu.Unlock()
	out, err := r.policyOutput()
	r.policy = ""
	return out, err
}

type setting struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
}

// settingValues are what each account setting can be set to. The older values CLAIR and V1 can be read but not set any more.
var settingValues = map[string][]string{
	"BASIC_SCAN_TYPE_VERSION": {"AWS_NATIVE"},
	"REGISTRY_POLICY_SCOPE":   {"V2"},
	"BLOB_MOUNTING":           {"ENABLED", "DISABLED"},
}

func getAccountSetting(c *call, in *setting) (any, error) {
	if err := oneOf("name", in.Name, false, sortedKeys(settingValues)...); err != nil {
		return nil, err
	}
	r := c.registry()
	r.mu.RLock()
	defer r.mu.RUnlock()
	return setting{in.Name, r.settings[in.Name]}, nil
}

func putAccountSetting(c *call, in *setting) (any, error) {
	err := firstError(oneOf("name", in.Name, false, sortedKeys(settingValues)...), oneOf("value", in.Value, false, settingValues[in.Name]...))
	if err != nil {
		return nil, err
	}
	c.registry().SetSetting(in.Name, in.Value)
	return *in, nil
}

type signingConfiguration struct {
	Rules []SigningRule `json:"rules"`
}

type signingInput struct {
	Configuration *signingConfiguration `json:"signingConfiguration"`
}

type signingOutput struct {
	RegistryID    string               `json:"registryId,omitempty"`
	Configuration signingConfiguration `json:"signingConfiguration"`
}

func (r *Registry) signingOutput() (any, error) {
	if r.signing == nil {
		return nil, failure("SigningConfigurationNotFoundException", "Signing configuration does not exist in the registry with id '%s'", r.account.id)
	}
	return signingOutput{r.account.id, signingConfiguration{r.signing}}, nil
}

func getSigningConfiguration(c *call, _ *none) (any, error) {
	r := c.registry()
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.signingOutput()
}

func deleteSigningConfiguration(c *call, _ *none) (any, error) {
	r := c.registry()
	r.mu.Lock()
	defer r.mu.Unlock()
	out, err := r.signingOutput()
	r.signing = nil
	return out, err
}

func putSigningConfiguration(c *call, in *signingInput) (any, error) {
	if in.Configuration == nil || in.Configuration.Rules == nil {
		return nil, invalid("signingConfiguration.rules", "must not be null")
	}
	if len(in.Configuration.Rules) > 10 {
		return nil, invalid("signingConfiguration.rules", "Member must have length less than or equal to 10")
	}
	for _, rule := range in.Configuration.Rules {
		if len(rule.SigningProfileARN) > 200 || !signingProfile.MatchString(rule.SigningProfileARN) {
			return nil, invalid("signingConfiguration.rules.signingProfileArn", "must be the ARN of a signing profile")
		}
		if rule.RepositoryFilters != nil && len(rule.RepositoryFilters) == 0 || len(rule.RepositoryFilters) > 100 {
			return nil, invalid("signingConfiguration.rules.repositoryFilters", "Member must have length between 1 and 100")
		}
		for _, f := range rule.RepositoryFilters {
			if f.FilterType != "WILDCARD_MATCH" || len(f.Filter) > 256 || !signingFilter.MatchString(f.Filter) {
				return nil, invalid("signingConfiguration.rules.repositoryFilters", "must be of type WILDCARD_MATCH and a pattern of repository names")
			}
		}
	}
	r := c.registry()
	r.change(func() { r.signing = list(in.Configuration.Rules) })
	return signingOutput{Configuration: *in.Configuration}, nil
}

func describeImageSigningStatus(c *call, in *imageInput) (any, error) {
	repo, _, head, err := in.one(c)
	if err != nil {
		return nil, err
	}
	type status struct {
		Profile string `json:"signingProfileArn"`
		Status  string `json:"status"`
	}
	out := struct {
		imageOutput
		Statuses []status `json:"signingStatuses"`
	}{head, []status{}}
	repo.registry.mu.RLock()
	defer repo.registry.mu.RUnlock()
	for _, rule := range repo.registry.signing {
		matches := func(f Filter) bool { return globMatch(f.Filter, repo.name) }
		if len(rule.RepositoryFilters) == 0 || slices.ContainsFunc(rule.RepositoryFilters, matches) {
			out.Statuses = append(out.Statuses, status{rule.SigningProfileARN, "COMPLETE"})
		}
	}
	return out, nil
}

type tokenInput struct {
	RegistryIDs []string `json:"registryIds"`
}

func getAuthorizationToken(c *call, in *tokenInput) (any, error) {
	if in.RegistryIDs != nil {
		if err := batch("registryIds", len(in.RegistryIDs), 10); err != nil {
			return nil, err
		}
	} else {
		in.RegistryIDs = []string{c.caller.account.id}
	}
	type authorization struct {
		Token     string `json:"authorizationToken"`
		ExpiresAt stamp  `json:"expiresAt"`
		Endpoint  string `json:"proxyEndpoint"`
	}
	expires := c.org.Now().Add(12 * time.Hour)
	var data []authorization
	for _, id := range in.RegistryIDs {
		if !accountID.MatchString(id) {
			return nil, invalid("registryIds", "must satisfy regular expression '[0-9]{12}'")
		}
		token := base64.StdEncoding.EncodeToString([]byte("AWS:" + shortHash("docker", c.caller.arn, id)))
		data = append(data, authorization{token, stamp{expires}, fmt.Sprintf("https://%s.dkr.ecr.%s.%s", id, c.region, c.org.dnsSuffix())})
	}
	return struct {
		Data []authorization `json:"authorizationData"`
	}{data}, nil
}

// pullsExcluded reports whether pulls by a principal are not recorded.
func (r *Registry) pullsExcluded(p principal) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, excluded := r.exclusions[p.roleARN()]
	return excluded
}

func listPullTimeUpdateExclusions(c *call, in *paging) (any, error) {
	r := c.registry()
	r.mu.RLock()
	defer r.mu.RUnlock()
	page, next, err := pageOf(c, *in, "", sortedKeys(r.exclusions), 100, 1000)
	if err != nil {
		return nil, err
	}
	return struct {
		Exclusions []string `json:"pullTimeUpdateExclusions"`
		NextToken  string   `json:"nextToken,omitempty"`
	}{list(page), next}, nil
}

type exclusionInput struct {
	PrincipalARN string `json:"principalArn"`
}

type exclusionOutput struct {
	PrincipalARN string `json:"principalArn"`
	CreatedAt    *stamp `json:"createdAt,omitempty"`
}

func (in exclusionInput) validate() error {
	if len(in.PrincipalARN) > 200 || !pullerARN.MatchString(in.PrincipalARN) {
		return invalid("principalArn", "must be the ARN of a role or a user")
	}
	return nil
}

func registerPullTimeUpdateExclusion(c *call, in *exclusionInput) (any, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	r := c.registry()
	now := c.org.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.exclusions[in.PrincipalARN]; ok {
		return nil, failure("ExclusionAlreadyExistsException", "The pull time update exclusion for '%s' already exists", in.PrincipalARN)
	}
	if len(r.exclusions) >= 100 {
		return nil, failure("LimitExceededException", "A registry can have at most 100 pull time update exclusions")
	}
	r.exclusions[in.PrincipalARN] = now
	return exclusionOutput{in.PrincipalARN, stampOf(now)}, nil
}

func deregisterPullTimeUpdateExclusion(c *call, in *exclusionInput) (any, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	r := c.registry()
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.exclusions[in.PrincipalARN]; !ok {
		return nil, failure("ExclusionNotFoundException", "The pull time update exclusion for '%s' was not found", in.PrincipalARN)
	}
	delete(r.exclusions, in.PrincipalARN)
	return exclusionOutput{PrincipalARN: in.PrincipalARN}, nil
}
