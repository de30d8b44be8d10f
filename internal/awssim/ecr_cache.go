package awssim

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// upstreams maps the registries that can be cached to their names. Those that need credentials are in needCredentials.
var upstreams = []struct {
	host *regexp.Regexp
	name string
}{
	{regexp.MustCompile(`^public\.ecr\.aws$`), "ecr-public"},
	{regexp.MustCompile(`^registry-1\.docker\.io$`), "docker-hub"},
	{regexp.MustCompile(`^quay\.io$`), "quay"},
	{regexp.MustCompile(`^registry\.k8s\.io$`), "k8s"},
	{regexp.MustCompile(`^ghcr\.io$`), "github-container-registry"},
	{regexp.MustCompile(`^registry\.gitlab\.com$`), "gitlab-container-registry"},
	{regexp.MustCompile(`^cgr\.dev$`), "chainguard"},
	{regexp.MustCompile(`^[a-zA-Z0-9]+\.azurecr\.io$`), "azure-container-registry"},
	{regexp.MustCompile(`^[0-9]{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$`), "ecr"},
}

var needCredentials = map[string]bool{
	"docker-hub": true, "github-container-registry": true, "gitlab-container-registry": true, "azure-container-registry": true, "chainguard": true,
}

type cacheRuleOutput struct {
	RegistryID string `json:"registryId"`
	cacheRuleFields
}

// cacheRuleFields is how a rule is written on the wire.
type cacheRuleFields struct {
	ECRRepositoryPrefix      string `json:"ecrRepositoryPrefix"`
	UpstreamRegistryURL      string `json:"upstreamRegistryUrl,omitempty"`
	UpstreamRegistry         string `json:"upstreamRegistry,omitempty"`
	UpstreamRepositoryPrefix string `json:"upstreamRepositoryPrefix,omitempty"`
	CredentialARN            string `json:"credentialArn,omitempty"`
	CustomRoleARN            string `json:"customRoleArn,omitempty"`
	CreatedAt                *stamp `json:"createdAt,omitempty"`
	UpdatedAt                *stamp `json:"updatedAt,omitempty"`
}

func (r *Registry) cacheRule(rule PullThroughCacheRule) cacheRuleOutput {
	return cacheRuleOutput{r.account.id, cacheRuleFields{
		rule.ECRRepositoryPrefix, rule.UpstreamRegistryURL, rule.UpstreamRegistry, rule.UpstreamRepositoryPrefix,
		rule.CredentialARN, rule.CustomRoleARN, stampOf(rule.CreatedAt), stampOf(rule.UpdatedAt),
	}}
}

func noCacheRule(prefix, id string) error {
	return failure("PullThroughCacheRuleNotFoundException",
		"The pull through cache rule with ECR repository prefix '%s' does not exist in the registry with id '%s'", prefix, id)
}

type cacheRulesInput struct {
	inRegistry
	paging
	Prefixes []string `json:"ecrRepositoryPrefixes"`
}

func describePullThroughCacheRules(c *call, in *cacheRulesInput) (any, error) {
	r, err := in.own(c)
	if err != nil {
		return nil, err
	}
	if in.Prefixes != nil {
		if err := batch("ecrRepositoryPrefixes", len(in.Prefixes), 100); err != nil {
			return nil, err
		}
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	keys := sortedKeys(r.cacheRules)
	if in.Prefixes != nil {
		keys = in.Prefixes
	}
	page, next, err := pageOf(c, in.paging, "", keys, 100, 1000)
	if err != nil {
		return nil, err
	}
	rules := []cacheRuleOutput{}
	for _, prefix := range page {
		rule, ok := r.cacheRules[prefix]
		if !ok {
			return nil, noCacheRule(prefix, r.account.id)
		}
		rules = append(rules, r.cacheRule(rule))
	}
	return struct {
		Rules     []cacheRuleOutput `json:"pullThroughCacheRules"`
		NextToken string            `json:"nextToken,omitempty"`
	}{rules, next}, nil
}

type cacheRuleInput struct {
	inRegistry
	cacheRuleFields
}

func (in *cacheRuleInput) validate() error {
	prefix := in.ECRRepositoryPrefix
	switch {
	case len(prefix) < 2 || len(prefix) > 30 || !repositoryPref.MatchString(prefix):
		return invalid("ecrRepositoryPrefix", "must have length between 2 and 30 and satisfy regular expression '"+prefixPattern+"'")
	case in.CredentialARN != "" && !credentialARN.MatchString(in.CredentialARN):
		return invalid("credentialArn", "must be the ARN of a secret whose name begins with ecr-pullthroughcache/")
	}
	return nil
}

func createPullThroughCacheRule(c *call, in *cacheRuleInput) (any, error) {
	r, err := in.own(c)
	if err != nil {
		return nil, err
	}
	if err := in.validate(); err != nil {
		return nil, err
	}
	name := ""
	for _, u := range upstreams {
		if u.host.MatchString(in.UpstreamRegistryURL) {
			name = u.name
		}
	}
	if name == "" || in.UpstreamRegistry != "" && in.UpstreamRegistry != name {
		return nil, failure("UnsupportedUpstreamRegistryException", "The upstream registry '%s' is not supported", in.UpstreamRegistryURL)
	}
	if needCredentials[name] && in.CredentialARN == "" {
		return nil, invalid("credentialArn", "must be specified for the upstream registry "+name)
	}
	rule := PullThroughCacheRule{
		ECRRepositoryPrefix: in.ECRRepositoryPrefix, UpstreamRegistryURL: in.UpstreamRegistryURL, UpstreamRegistry: name,
		UpstreamRepositoryPrefix: cmp.Or(in.UpstreamRepositoryPrefix, "ROOT"), CredentialARN: in.CredentialARN, CustomRoleARN: in.CustomRoleARN,
	}
	rule.CreatedAt, rule.UpdatedAt = r.dated(rule.CreatedAt, rule.UpdatedAt)
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.cacheRules[rule.ECRRepositoryPrefix]; ok {
		return nil, failure("PullThroughCacheRuleAlreadyExistsException",
			"A pull through cache rule with ECR repository prefix '%s' already exists in the registry with id '%s'", rule.ECRRepositoryPrefix, r.account.id)
	}
	r.cacheRules[rule.ECRRepositoryPrefix] = rule
	out := r.cacheRule(rule)
	out.UpdatedAt = nil
	return out, nil
}

func updatePullThroughCacheRule(c *call, in *cacheRuleInput) (any, error) {
	return in.withRule(c, func(r *Registry, rule PullThroughCacheRule) (any, error) {
		if err := in.validate(); err != nil {
			return nil, err
		}
		rule.CredentialARN = cmp.Or(in.CredentialARN, rule.CredentialARN)
		rule.CustomRoleARN = cmp.Or(in.CustomRoleARN, rule.CustomRoleARN)
		rule.UpdatedAt = c.org.Now()
		r.cacheRules[rule.ECRRepositoryPrefix] = rule
		out := r.cacheRule(rule)
		out.CreatedAt, out.UpstreamRegistryURL, out.UpstreamRegistry = nil, "", ""
		return out, nil
	})
}

func deletePullThroughCacheRule(c *call, in *cacheRuleInput) (any, error) {
	return in.withRule(c, func(r *Registry, rule PullThroughCacheRule) (any, error) {
		delete(r.cacheRules, rule.ECRRepositoryPrefix)
		out := r.cacheRule(rule)
		out.UpdatedAt, out.UpstreamRegistry = nil, ""
		return out, nil
	})
}

// validatePullThroughCacheRule finds every rule valid that needs no credentials, or has some.
func validatePullThroughCacheRule(c *call, in *cacheRuleInput) (any, error) {
	return in.withRule(c, func(r *Registry, rule PullThroughCacheRule) (any, error) {
		out := struct {
			cacheRuleOutput
			IsValid bool   `json:"isValid"`
			Failure string `json:"failure,omitempty"`
		}{r.cacheRule(rule), !needCredentials[rule.UpstreamRegistry] || rule.CredentialARN != "", ""}
		out.CreatedAt, out.UpdatedAt, out.UpstreamRegistry = nil, nil, ""
		if !out.IsValid {
			out.Failure = "The upstream registry requires credentials"
		}
		return out, nil
	})
}

// withRule runs a function on the rule that an input names, with the registry locked.
func (in *cacheRuleInput) withRule(c *call, f func(*Registry, PullThroughCacheRule) (any, error)) (any, error) {
	r, err := in.own(c)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	rule, ok := r.cacheRules[in.ECRRepositoryPrefix]
	if !ok {
		return nil, noCacheRule(in.ECRRepositoryPrefix, r.account.id)
	}
	return f(r, rule)
}

// templateFields is how a repository creation template is written on the wire. Pointers and nil lists tell an update what to leave alone.
type templateFields struct {
	Prefix           string        `json:"prefix"`
	Description      *string       `json:"description,omitempty"`
	Encryption       *Encryption   `json:"encryptionConfiguration,omitempty"`
	ResourceTags     []resourceTag `json:"resourceTags,omitempty"`
	TagMutability    string        `json:"imageTagMutability,omitempty"`
	TagExclusions    []Filter      `json:"imageTagMutabilityExclusionFilters,omitempty"`
	RepositoryPolicy *string       `json:"repositoryPolicy,omitempty"`
	LifecyclePolicy  *string       `json:"lifecyclePolicy,omitempty"`
	AppliedFor       []string      `json:"appliedFor,omitempty"`
	CustomRoleARN    *string       `json:"customRoleArn,omitempty"`
	CreatedAt        *stamp        `json:"createdAt,omitempty"`
	UpdatedAt        *stamp        `json:"updatedAt,omitempty"`
}

// optional is nil for "".
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (t CreationTemplate) fields() templateFields {
	var tags []resourceTag
	for _, key := range sortedKeys(t.ResourceTags) {
		tags = append(tags, resourceTag{key, t.ResourceTags[key]})
	}
	return templateFields{
		t.Prefix, optional(t.Description), &t.Encryption, tags, t.TagMutability, t.TagExclusions, optional(t.RepositoryPolicy),
		optional(t.LifecyclePolicy), t.AppliedFor, optional(t.CustomRoleARN), stampOf(t.CreatedAt), stampOf(t.UpdatedAt),
	}
}

func (in *templateFields) validate(create bool) error {
	if len(in.Prefix) > 256 || !repositoryPref.MatchString(in.Prefix) {
		return invalid("prefix", "must satisfy regular expression '"+prefixPattern+"'")
	}
	if create && len(in.AppliedFor) == 0 {
		return invalid("appliedFor", "must not be null")
	}
	for _, scenario := range in.AppliedFor {
		if err := oneOf("appliedFor", scenario, false, "REPLICATION", "PULL_THROUGH_CACHE", "CREATE_ON_PUSH"); err != nil {
			return err
		}
	}
	if in.RepositoryPolicy != nil && *in.RepositoryPolicy != "" {
		if err := repositoryPolicyError(*in.RepositoryPolicy); err != nil {
			return err
		}
	}
	if in.LifecyclePolicy != nil && *in.LifecyclePolicy != "" {
		if err := lifecycleError(*in.LifecyclePolicy); err != nil {
			return err
		}
	}
	return firstError(validateMutability(in.TagMutability, true, in.TagExclusions), validateEncryption(in.Encryption), validateTags(in.ResourceTags))
}

// onto writes what an input gives over a template.
func (in *templateFields) onto(t CreationTemplate) CreationTemplate {
	set := func(to *string, from *string) {
		if from != nil {
			*to = *from
		}
	}
	set(&t.Description, in.Description)
	set(&t.RepositoryPolicy, in.RepositoryPolicy)
	set(&t.LifecyclePolicy, in.LifecyclePolicy)
	set(&t.CustomRoleARN, in.CustomRoleARN)
	if in.Encryption != nil {
		t.Encryption = *in.Encryption
	}
	if in.TagMutability != "" {
		t.TagMutability, t.TagExclusions = in.TagMutability, in.TagExclusions
	}
	if in.ResourceTags != nil {
		t.ResourceTags = mergedTags(nil, in.ResourceTags)
	}
	if in.AppliedFor != nil {
		t.AppliedFor = in.AppliedFor
	}
	t.Prefix = in.Prefix
	t.TagMutability = cmp.Or(t.TagMutability, "MUTABLE")
	t.Encryption.Type = cmp.Or(t.Encryption.Type, "AES256")
	return t
}

type templateOutput struct {
	RegistryID string         `json:"registryId"`
	Template   templateFields `json:"repositoryCreationTemplate"`
}

func noTemplate(prefix, id string) error {
	return failure("TemplateNotFoundException", "The repository creation template with prefix '%s' does not exist in the registry with id '%s'", prefix, id)
}

type templatesInput struct {
	paging
	Prefixes []string `json:"prefixes"`
}

func describeCreationTemplates(c *call, in *templatesInput) (any, error) {
	if in.Prefixes != nil {
		if err := batch("prefixes", len(in.Prefixes), 100); err != nil {
			return nil, err
		}
	}
	r := c.registry()
	r.mu.RLock()
	defer r.mu.RUnlock()
	keys := sortedKeys(r.templates)
	if in.Prefixes != nil {
		keys = in.Prefixes
	}
	page, next, err := pageOf(c, in.paging, "", keys, 100, 1000)
	if err != nil {
		return nil, err
	}
	templates := []templateFields{}
	for _, prefix := range page {
		t, ok := r.templates[prefix]
		if !ok {
			return nil, noTemplate(prefix, r.account.id)
		}
		templates = append(templates, t.fields())
	}
	return struct {
		RegistryID string           `json:"registryId"`
		Templates  []templateFields `json:"repositoryCreationTemplates"`
		NextToken  string           `json:"nextToken,omitempty"`
	}{r.account.id, templates, next}, nil
}

// admit checks the actions that putting a template takes beside the operation's own, as the Service Authorization Reference lists
// them: what the template makes ECR do, the caller must be allowed to do.
func (in *templateFields) admit(c *call) error {
	prefix := in.Prefix + "/*"
	if in.Prefix == "ROOT" {
		prefix = "*"
	}
	future := c.org.arn("ecr", c.region, c.caller.account.id, "repository/"+prefix)
	given := func(text *string) bool { return text != nil && *text != "" }
	err := c.allowAction("ecr:CreateRepository", future, nil)
	if err == nil && given(in.RepositoryPolicy) {
		err = c.allowAction("ecr:SetRepositoryPolicy", future, nil)
	}
	if err == nil && given(in.LifecyclePolicy) {
		err = c.allowAction("ecr:PutLifecyclePolicy", future, nil)
	}
	if err == nil && given(in.CustomRoleARN) {
		err = c.allowAction("iam:PassRole", *in.CustomRoleARN, map[string]string{"iam:passedtoservice": "ecr.amazonaws.com"}) //nolint:gosec // it holds no credentials
	}
	return err
}

func createCreationTemplate(c *call, in *templateFields) (any, error) {
	if err := firstError(in.validate(true), in.admit(c)); err != nil {
		return nil, err
	}
	r := c.registry()
	t := in.onto(CreationTemplate{})
	t.CreatedAt, t.UpdatedAt = r.dated(t.CreatedAt, t.UpdatedAt)
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.templates[t.Prefix]; ok {
		return nil, failure("TemplateAlreadyExistsException",
			"The repository creation template with prefix '%s' already exists in the registry with id '%s'", t.Prefix, r.account.id)
	}
	r.templates[t.Prefix] = t
	return templateOutput{r.account.id, t.fields()}, nil
}

func updateCreationTemplate(c *call, in *templateFields) (any, error) {
	if err := firstError(in.validate(false), in.admit(c)); err != nil {
		return nil, err
	}
	r := c.registry()
	now := c.org.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	t, ok := r.templates[in.Prefix]
	if !ok {
		return nil, noTemplate(in.Prefix, r.account.id)
	}
	t = in.onto(t)
	t.UpdatedAt = now
	r.templates[t.Prefix] = t
	return templateOutput{r.account.id, t.fields()}, nil
}

func deleteCreationTemplate(c *call, in *templateFields) (any, error) {
	r := c.registry()
	r.mu.Lock()
	defer r.mu.Unlock()
	t, ok := r.templates[in.Prefix]
	if !ok {
		return nil, noTemplate(in.Prefix, r.account.id)
	}
	delete(r.templates, in.Prefix)
	return templateOutput{r.account.id, t.fields()}, nil
}

// createOnPush makes the repository that a push names, when a template says so; otherwise the error stands.
func (c *call) createOnPush(in inRepository, notFound error) (*LiveRepository, error) {
	if e := asAPIError(notFound); e.code != "RepositoryNotFoundException" {
		return nil, notFound
	}
	r := c.registry()
	r.mu.Lock()
	defer r.mu.Unlock()
	t, ok := r.template(in.RepositoryName, "CREATE_ON_PUSH")
	if !ok {
		return nil, notFound
	}
	if repo := r.find(in.RepositoryName); repo != nil { // another push was quicker
		return repo, nil
	}
	return r.insert(newRepository(r, Repository{
		Name: in.RepositoryName, TagMutability: t.TagMutability, TagExclusions: t.TagExclusions, Encryption: t.Encryption,
		Policy: t.RepositoryPolicy, Lifecycle: t.LifecyclePolicy, Tags: t.ResourceTags,
	})), nil
}

// template is the one with the longest prefix of a repository's name that applies to a scenario; ROOT is the shortest.
func (r *Registry) template(name, scenario string) (CreationTemplate, bool) {
	best, found := CreationTemplate{}, false
	for _, t := range r.templates {
		prefix := strings.TrimSuffix(t.Prefix, "/") + "/"
		if t.Prefix == "ROOT" {
			prefix = ""
		}
		if strings.HasPrefix(name, prefix) && slices.Contains(t.AppliedFor, scenario) && (!found || best.Prefix == "ROOT" || len(t.Prefix) > len(best.Prefix) && t.Prefix != "ROOT") {
			best, found = t, true
		}
	}
	return best, found
}
