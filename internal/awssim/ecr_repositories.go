package awssim

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// resourceTag is a tag of a resource, as opposed to one of an image.
type resourceTag struct {
	Key   string `json:"Key"`
	Value string `json:"Value"`
}

type scanningFlag struct {
	ScanOnPush bool `json:"scanOnPush"`
}

type createRepositoryInput struct {
	inRepository
	Tags          []resourceTag `json:"tags"`
	TagMutability string        `json:"imageTagMutability"`
	TagExclusions []Filter      `json:"imageTagMutabilityExclusionFilters"`
	Scanning      scanningFlag  `json:"imageScanningConfiguration"`
	Encryption    *Encryption   `json:"encryptionConfiguration"`
}

func createRepository(c *call, in *createRepositoryInput) (any, error) {
	err := firstError(validateRepositoryName(in.RepositoryName), validateMutability(in.TagMutability, true, in.TagExclusions),
		validateEncryption(in.Encryption), validateTags(in.Tags))
	if err != nil {
		return nil, err
	}
	registry, err := in.own(c)
	if err != nil {
		return nil, err
	}
	about := Repository{
		Name: in.RepositoryName, TagMutability: in.TagMutability, TagExclusions: in.TagExclusions,
		ScanOnPush: in.Scanning.ScanOnPush, Tags: mergedTags(nil, in.Tags),
	}
	if in.Encryption != nil {
		about.Encryption = *in.Encryption
	}
	if strings.HasPrefix(about.Encryption.Type, "KMS") {
		about.Encryption.KMSKey = c.kmsKey(about.Encryption.KMSKey)
	}
	registry.mu.Lock()
	defer registry.mu.Unlock()
	if registry.find(in.RepositoryName) != nil {
		return nil, failure("RepositoryAlreadyExistsException", "The repository with name '%s' already exists in the registry with id '%s'",
			in.RepositoryName, registry.account.id)
	}
	return outRepository(registry.insert(newRepository(registry, about))), nil
}

// kmsKey is the full ARN of a key that was given by id, or the key that AWS manages for ECR when none was.
func (c *call) kmsKey(key string) string {
	if strings.HasPrefix(key, "arn:") {
		return key
	}
	id := shortHash("kms", c.caller.account.id, c.region, key)
	id = id[:8] + "-" + id[8:12] + "-4" + id[13:16] + "-8" + id[17:20] + "-" + id[20:32]
	if key != "" && !strings.HasPrefix(key, "alias/") {
		id = key
	}
	return c.org.arn("kms", c.region, c.caller.account.id, "key/"+id)
}

func validateEncryption(e *Encryption) error {
	if e == nil {
		return nil
	}
	if err := oneOf("encryptionConfiguration.encryptionType", e.Type, false, "AES256", "KMS", "KMS_DSSE"); err != nil {
		return err
	}
	if e.Type == "AES256" && e.KMSKey != "" {
		return invalid("encryptionConfiguration.kmsKey", "KMS key must not be specified for encryption type AES256")
	}
	return nil
}

// validateMutability checks that exclusion filters come with the settings that have exclusions, and with no others.
func validateMutability(setting string, optional bool, filters []Filter) error {
	err := oneOf("imageTagMutability", setting, optional, "MUTABLE", "IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION", "MUTABLE_WITH_EXCLUSION")
	if err != nil {
		return err
	}
	const parameter = "imageTagMutabilityExclusionFilters"
	if excluding := strings.HasSuffix(setting, "_WITH_EXCLUSION"); excluding != (len(filters) > 0) {
		if excluding {
			return invalid(parameter, "must be specified when imageTagMutability is "+setting)
		}
		return invalid(parameter, "must not be specified when imageTagMutability is "+cmp.Or(setting, "MUTABLE"))
	}
	if len(filters) > 5 {
		return invalid(parameter, "Member must have length less than or equal to 5")
	}
	for _, f := range filters {
		if f.FilterType != "WILDCARD" || !exclusionFilter.MatchString(f.Filter) || strings.Count(f.Filter, "*") > 2 {
			return invalid(parameter, "must be of type WILDCARD, satisfy regular expression '^[0-9a-zA-Z._*-]{1,128}$' and have at most 2 wildcards")
		}
	}
	return nil
}

type repositoryOutput struct {
	Repository rawJSON `json:"repository"`
}

// rawJSON is JSON that has been rendered already.
type rawJSON []byte

func (r rawJSON) MarshalJSON() ([]byte, error) { return r, nil }

func outRepository(repo *LiveRepository) repositoryOutput {
	repo.mu.RLock()
	defer repo.mu.RUnlock()
	return repositoryOutput{appendRepository(nil, repo.registry, &repo.about)}
}

// appendRepository renders a repository as DescribeRepositories does.
func appendRepository(b []byte, r *Registry, about *Repository) []byte {
	b = append(b, `{"repositoryArn":`...)
	b = appendString(b, r.arn(about.Name))
	b = append(b, `,"registryId":"`...)
	b = append(b, r.account.id...)
	b = append(b, `","repositoryName":`...)
	b = appendString(b, about.Name)
	b = append(b, `,"repositoryUri":`...)
	b = appendString(b, r.uri(about.Name))
	b = append(b, `,"createdAt":`...)
	b = appendStamp(b, about.CreatedAt)
	b = append(b, `,"imageTagMutability":"`...)
	b = append(b, about.TagMutability...)
	b = append(b, '"')
	if len(about.TagExclusions) > 0 {
		b = append(b, `,"imageTagMutabilityExclusionFilters":`...)
		b = appendFilters(b, about.TagExclusions)
	}
	b = append(b, `,"imageScanningConfiguration":{"scanOnPush":`...)
	b = strconv.AppendBool(b, about.ScanOnPush)
	b = append(b, `},"encryptionConfiguration":{"encryptionType":"`...)
	b = append(b, about.Encryption.Type...)
	b = append(b, '"')
	if about.Encryption.KMSKey != "" {
		b = append(b, `,"kmsKey":`...)
		b = appendString(b, about.Encryption.KMSKey)
	}
	return append(b, "}}"...)
}

func appendFilters(b []byte, filters []Filter) []byte {
	b = append(b, '[')
	for i, f := range filters {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"filterType":"`...)
		b = append(b, f.FilterType...)
		b = append(b, `","filter":`...)
		b = appendString(b, f.Filter)
		b = append(b, '}')
	}
	return append(b, ']')
}

type describeRepositoriesInput struct {
	inRegistry
	paging
	RepositoryNames []string `json:"repositoryNames"`
}

func (in describeRepositoriesInput) resources(c *call) []string {
	if len(in.RepositoryNames) == 0 {
		return []string{inRepository{in.inRegistry, "*"}.resource(c)}
	}
	return in.named(c, in.RepositoryNames)
}

// named are the ARNs of repositories of a registry.
func (in inRegistry) named(c *call, names []string) []string {
	arns := make([]string, len(names))
	for i, name := range names {
		arns[i] = inRepository{in, name}.resource(c)
	}
	return arns
}

func describeRepositories(c *call, in *describeRepositoriesInput) (any, error) {
	if in.RepositoryNames != nil {
		return describeNamedRepositories(c, in)
	}
	registry, err := in.own(c)
	if err != nil {
		return nil, err
	}
	n, err := in.size(c, 100, 1000)
	if err != nil {
		return nil, err
	}
	position, err := in.continuation(c, registry.account.id)
	if err != nil {
		return nil, err
	}
	registry.mu.RLock()
	defer registry.mu.RUnlock()
	c.out = append(c.out, `{"repositories":[`...)
	next, more := registry.page(position, n, func(about *Repository) {
		c.comma()
		c.out = appendRepository(c.out, registry, about)
	})
	c.out = append(c.out, ']')
	c.closeListing(registry.account.id, next, more, n)
	return rendered{}, nil
}

// comma separates the elements of a list that is being rendered.
func (c *call) comma() {
	if c.out[len(c.out)-1] != '[' {
		c.out = append(c.out, ',')
	}
}

// closeListing ends a rendered answer, with the token of the next page if there is one.
func (c *call) closeListing(listing, position string, more bool, n int) {
	if more {
		c.out = append(c.out, `,"nextToken":`...)
		c.out = appendString(c.out, c.token(listing, position, n))
	}
	c.out = append(c.out, '}')
}

// page visits at most n repositories after a position, and returns the position after these and whether there are more. A position
// is "r" and a name, or "s", the number of a set of synthetic repositories, and a number in it. The lock must be held.
func (r *Registry) page(position string, n int, visit func(*Repository)) (next string, more bool) {
	set, at := -1, 0
	if rest, ok := strings.CutPrefix(position, "s"); ok {
		first, second, _ := strings.Cut(rest, ":")
		set, _ = strconv.Atoi(first)
		at, _ = strconv.Atoi(second)
	}
	if set < 0 {
		start := 0
		if position != "" {
			found := false
			if start, found = slices.BinarySearch(r.names, position[1:]); found {
				start++
			}
		}
		for _, name := range r.names[start:] {
			if n == 0 {
				return cmp.Or(next, position), true
			}
			repo := r.repositories[name]
			repo.mu.RLock()
			visit(&repo.about)
			repo.mu.RUnlock()
			next = "r" + name
			n--
		}
		set = 0
	}
	return r.syntheticPage(set, at, n, visit)
}

// syntheticPage goes on with the synthetic repositories.
func (r *Registry) syntheticPage(set, at, n int, visit func(*Repository)) (next string, more bool) {
	for ; set < len(r.synthetic); set, at = set+1, 0 {
		s := &r.synthetic[set]
		for ; at < len(s.names); at++ {
			if s.taken[int32(at)] {
				continue
			}
			if n == 0 {
				return "s" + strconv.Itoa(set) + ":" + strconv.Itoa(at), true
			}
			visit(&s.repository(r, int32(at)).about)
			n--
		}
	}
	return "", false
}

func describeNamedRepositories(c *call, in *describeRepositoriesInput) (any, error) {
	if in.MaxResults != nil || in.NextToken != "" {
		return nil, invalid("repositoryNames", "must not be specified together with maxResults or nextToken")
	}
	if err := batch("repositoryNames", len(in.RepositoryNames), 100); err != nil {
		return nil, err
	}
	c.out = append(c.out, `{"repositories":[`...)
	for _, name := range in.RepositoryNames {
		repo, err := inRepository{in.inRegistry, name}.toRead(c)
		if err != nil {
			c.out = c.out[:0]
			return nil, err
		}
		c.comma()
		repo.mu.RLock()
		c.out = appendRepository(c.out, repo.registry, &repo.about)
		repo.mu.RUnlock()
	}
	c.out = append(c.out, "]}"...)
	return rendered{}, nil
}

type deleteRepositoryInput struct {
	inRepository
	Force bool `json:"force"`
}

func deleteRepository(c *call, in *deleteRepositoryInput) (any, error) {
	repo, err := in.toWrite(c)
	if err != nil {
		return nil, err
	}
	out := outRepository(repo)
	repo.registry.mu.Lock()
	defer repo.registry.mu.Unlock()
	repo.mu.RLock()
	defer repo.mu.RUnlock()
	if repo.registry.repositories[repo.name] != repo {
		return nil, noRepository(repo.registry, repo.name)
	}
	if !in.Force && !repo.empty() {
		return nil, failure("RepositoryNotEmptyException",
			"The repository with name '%s' in registry with id '%s' cannot be deleted because it still contains images", repo.name, repo.registry.account.id)
	}
	repo.registry.remove(repo.name)
	return out, nil
}

func listTagsForResource(c *call, in *inResource) (any, error) {
	repo, err := in.find(c, false)
	if err != nil {
		return nil, err
	}
	repo.mu.RLock()
	defer repo.mu.RUnlock()
	tags := make([]resourceTag, 0, len(repo.about.Tags))
	for _, key := range sortedKeys(repo.about.Tags) {
		tags = append(tags, resourceTag{key, repo.about.Tags[key]})
	}
	return struct {
		Tags []resourceTag `json:"tags"`
	}{tags}, nil
}

type tagResourceInput struct {
	inResource
	Tags []resourceTag `json:"tags"`
}

func tagResource(c *call, in *tagResourceInput) (any, error) {
	repo, err := in.find(c, true)
	if err != nil {
		return nil, err
	}
	if err := validateTags(in.Tags); err != nil {
		return nil, err
	}
	repo.mu.Lock()
	defer repo.mu.Unlock()
	tags := mergedTags(repo.about.Tags, in.Tags)
	if len(tags) > 50 {
		return nil, failure("TooManyTagsException", "The list of tags on the repository is over the limit. The maximum number of tags that can be applied to a repository is 50.")
	}
	repo.about.Tags = tags
	return none{}, nil
}

type untagResourceInput struct {
	inResource
	TagKeys []string `json:"tagKeys"`
}

func untagResource(c *call, in *untagResourceInput) (any, error) {
	repo, err := in.find(c, true)
	if err != nil {
		return nil, err
	}
	repo.mu.Lock()
	defer repo.mu.Unlock()
	repo.about.Tags = maps.Clone(repo.about.Tags)
	for _, key := range in.TagKeys {
		delete(repo.about.Tags, key)
	}
	return none{}, nil
}

func mergedTags(old map[string]string, more []resourceTag) map[string]string {
	tags := maps.Clone(old)
	if tags == nil && len(more) > 0 {
		tags = map[string]string{}
	}
	for _, tag := range more {
		tags[tag.Key] = tag.Value
	}
	return tags
}

func validateTags(tags []resourceTag) error {
	seen := map[string]bool{}
	for _, tag := range tags {
		switch {
		case tag.Key == "" || len(tag.Key) > 128 || len(tag.Value) > 256:
			return failure("InvalidTagParameterException", "Tag keys must have 1 to 128 characters, and tag values at most 256")
		case strings.HasPrefix(strings.ToLower(tag.Key), "aws:"):
			return failure("InvalidTagParameterException", "Tag keys beginning with 'aws:' are reserved for system use")
		case seen[tag.Key]:
			return failure("InvalidTagParameterException", "Tag keys must be unique")
		}
		seen[tag.Key] = true
	}
	if len(tags) > 50 {
		return failure("TooManyTagsException", "The maximum number of tags that can be applied to a repository is 50.")
	}
	return nil
}

// policyOutput answers the operations on policies of repositories and registries.
type policyOutput struct {
	RegistryID     string `json:"registryId"`
	RepositoryName string `json:"repositoryName,omitempty"`
	PolicyText     string `json:"policyText"`
}

func getRepositoryPolicy(c *call, in *inRepository) (any, error) {
	repo, err := in.toRead(c)
	if err != nil {
		return nil, err
	}
	repo.mu.RLock()
	defer repo.mu.RUnlock()
	return repo.policyOutput()
}

func (r *LiveRepository) policyOutput() (any, error) {
	id := r.registry.account.id
	if r.about.Policy == "" {
		return nil, failure("RepositoryPolicyNotFoundException",
			"Repository policy does not exist for the repository with name '%s' in the registry with id '%s'", r.name, id)
	}
	return policyOutput{id, r.name, r.registry.account.org.reformatted(r.about.Policy)}, nil
}

type setRepositoryPolicyInput struct {
	inRepository
	PolicyText string `json:"policyText"`
	Force      bool   `json:"force"`
}

func setRepositoryPolicy(c *call, in *setRepositoryPolicyInput) (any, error) {
	repo, err := in.toWrite(c)
	if err != nil {
		return nil, err
	}
	if err := firstError(required("policyText", in.PolicyText), repositoryPolicyError(in.PolicyText)); err != nil {
		return nil, err
	}
	if !in.Force && compilePolicy(in.PolicyText).decide(c.request("ecr:SetRepositoryPolicy", repo.ARN(), nil)) == forbidden {
		return nil, invalid("PolicyText", "The policy would prevent the caller from setting another policy in the future; use force to apply it")
	}
	repo.mu.Lock()
	defer repo.mu.Unlock()
	repo.about.Policy, repo.policy = in.PolicyText, compilePolicy(in.PolicyText)
	return repo.policyOutput()
}

func deleteRepositoryPolicy(c *call, in *inRepository) (any, error) {
	repo, err := in.toWrite(c)
	if err != nil {
		return nil, err
	}
	repo.mu.Lock()
	defer repo.mu.Unlock()
	out, err := repo.policyOutput()
	repo.about.Policy, repo.policy = "", nil
	return out, err
}

type mutabilityInput struct {
	inRepository
	TagMutability string   `json:"imageTagMutability"`
	TagExclusions []Filter `json:"imageTagMutabilityExclusionFilters"`
}

type mutabilityOutput struct {
	RegistryID     string   `json:"registryId"`
	RepositoryName string   `json:"repositoryName"`
	TagMutability  string   `json:"imageTagMutability"`
	TagExclusions  []Filter `json:"imageTagMutabilityExclusionFilters,omitempty"`
}

func putImageTagMutability(c *call, in *mutabilityInput) (any, error) {
	repo, err := in.toWrite(c)
	if err != nil {
		return nil, err
	}
	if err := validateMutability(in.TagMutability, false, in.TagExclusions); err != nil {
		return nil, err
	}
	repo.mu.Lock()
	defer repo.mu.Unlock()
	repo.about.TagMutability, repo.about.TagExclusions = in.TagMutability, in.TagExclusions
	return mutabilityOutput{repo.registry.account.id, repo.name, in.TagMutability, in.TagExclusions}, nil
}

type scanningFlagInput struct {
	inRepository
	Scanning *scanningFlag `json:"imageScanningConfiguration"`
}

func putImageScanningConfiguration(c *call, in *scanningFlagInput) (any, error) {
	repo, err := in.toWrite(c)
	if err != nil {
		return nil, err
	}
	if in.Scanning == nil {
		return nil, invalid("imageScanningConfiguration", "must not be null")
	}
	repo.mu.Lock()
	defer repo.mu.Unlock()
	repo.about.ScanOnPush = in.Scanning.ScanOnPush
	return struct {
		RegistryID     string       `json:"registryId"`
		RepositoryName string       `json:"repositoryName"`
		Scanning       scanningFlag `json:"imageScanningConfiguration"`
	}{repo.registry.account.id, repo.name, *in.Scanning}, nil
}
