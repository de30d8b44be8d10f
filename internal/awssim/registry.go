package awssim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Scanning is the scanning configuration of a registry.
type Scanning struct {
	ScanType string         `json:"scanType"` // BASIC or ENHANCED
	Rules    []ScanningRule `json:"rules"`
}

// ScanningRule sets how often the repositories that match one of its filters are scanned.
type ScanningRule struct {
	ScanFrequency     string   `json:"scanFrequency"` // SCAN_ON_PUSH, CONTINUOUS_SCAN or MANUAL
	RepositoryFilters []Filter `json:"repositoryFilters"`
}

// Filter selects repositories, or tags, by a pattern. An empty FilterType is filled in with the only one that its place allows.
type Filter struct {
	Filter     string `json:"filter"`
	FilterType string `json:"filterType"` // WILDCARD, PREFIX_MATCH or WILDCARD_MATCH
}

// ReplicationRule copies what is pushed to repositories of some prefixes to other registries.
type ReplicationRule struct {
	Destinations      []ReplicationDestination `json:"destinations"`
	RepositoryFilters []Filter                 `json:"repositoryFilters,omitempty"`
}

// ReplicationDestination is the registry of an account in a region.
type ReplicationDestination struct {
	Region     string `json:"region"`
	RegistryID string `json:"registryId"`
}

// SigningRule signs what is pushed to matching repositories with a profile.
type SigningRule struct {
	SigningProfileARN string   `json:"signingProfileArn"`
	RepositoryFilters []Filter `json:"repositoryFilters,omitempty"`
}

// PullThroughCacheRule caches an upstream registry under a prefix.
type PullThroughCacheRule struct {
	ECRRepositoryPrefix      string `json:"ecrRepositoryPrefix"`
	UpstreamRegistryURL      string `json:"upstreamRegistryUrl"`
	UpstreamRegistry         string `json:"upstreamRegistry,omitempty"`
	UpstreamRepositoryPrefix string `json:"upstreamRepositoryPrefix,omitempty"`
	CredentialARN            string `json:"credentialArn,omitempty"`
	CustomRoleARN            string `json:"customRoleArn,omitempty"`
	CreatedAt, UpdatedAt     time.Time
}

// CreationTemplate says what a repository looks like that a pull, a replication or a first push creates.
type CreationTemplate struct {
	Prefix           string // or ROOT
	Description      string
	AppliedFor       []string // PULL_THROUGH_CACHE, REPLICATION, CREATE_ON_PUSH
	TagMutability    string
	TagExclusions    []Filter
	Encryption       Encryption
	RepositoryPolicy string
	LifecyclePolicy  string
	ResourceTags     map[string]string
	CustomRoleARN    string
	CreatedAt        time.Time
	UpdatedAt        time.Time
}

// RegistryState is all that one registry holds apart from its synthetic repositories.
type RegistryState struct {
	Account, Region       string
	Policy                string `json:",omitempty"`
	Scanning              Scanning
	Replication           []ReplicationRule      `json:",omitempty"`
	Signing               []SigningRule          `json:",omitempty"`
	PullThroughCacheRules []PullThroughCacheRule `json:",omitempty"`
	CreationTemplates     []CreationTemplate     `json:",omitempty"`
	PullTimeExclusions    []string               `json:",omitempty"`
	Settings              map[string]string
	Repositories          []Repository `json:",omitempty"`
}

// Registry is the private registry of an account in a region.
type Registry struct {
	account *LiveAccount
	region  string

	mu           sync.RWMutex
	policy       string
	scanning     Scanning
	replication  []ReplicationRule
	signing      []SigningRule // nil when there is no configuration
	cacheRules   map[string]PullThroughCacheRule
	templates    map[string]CreationTemplate
	exclusions   map[string]time.Time
	settings     map[string]string
	repositories map[string]*LiveRepository
	names        []string // of repositories, sorted
	synthetic    []syntheticRepositories
}

func newRegistry(a *LiveAccount, region string) *Registry {
	return &Registry{
		account:      a,
		region:       region,
		scanning:     Scanning{ScanType: "BASIC"},
		cacheRules:   map[string]PullThroughCacheRule{},
		templates:    map[string]CreationTemplate{},
		exclusions:   map[string]time.Time{},
		settings:     map[string]string{"BASIC_SCAN_TYPE_VERSION": "AWS_NATIVE", "REGISTRY_POLICY_SCOPE": "V2", "BLOB_MOUNTING": "DISABLED"},
		repositories: map[string]*LiveRepository{},
	}
}

// Account is the account that owns the registry.
func (r *Registry) Account() *LiveAccount { return r.account }

// Region is the registry's region.
func (r *Registry) Region() string { return r.region }

// SetPolicy sets the registry's permissions policy without validating it; "" removes it.
func (r *Registry) SetPolicy(text string) *Registry {
	return r.change(func() { r.policy = text })
}

// SetScanning sets the scanning configuration.
func (r *Registry) SetScanning(s Scanning) *Registry {
	s.Rules = slices.Clone(s.Rules)
	for i := range s.Rules {
		s.Rules[i].RepositoryFilters = typed(s.Rules[i].RepositoryFilters, "WILDCARD")
	}
	s.ScanType = cmp.Or(s.ScanType, "BASIC")
	return r.change(func() { r.scanning = s })
}

// SetReplication sets the replication rules.
func (r *Registry) SetReplication(rules ...ReplicationRule) *Registry {
	rules = slices.Clone(rules)
	for i := range rules {
		rules[i].RepositoryFilters = typed(rules[i].RepositoryFilters, "PREFIX_MATCH")
	}
	return r.change(func() { r.replication = rules })
}

// SetSigning sets the signing rules; none removes the configuration.
func (r *Registry) SetSigning(rules ...SigningRule) *Registry {
	rules = slices.Clone(rules)
	for i := range rules {
		rules[i].RepositoryFilters = typed(rules[i].RepositoryFilters, "WILDCARD_MATCH")
	}
	return r.change(func() { r.signing = rules })
}

// AddPullThroughCacheRule adds a rule, or replaces the one of its prefix.
func (r *Registry) AddPullThroughCacheRule(rule PullThroughCacheRule) *Registry {
	rule.CreatedAt, rule.UpdatedAt = r.dated(rule.CreatedAt, rule.UpdatedAt)
	return r.change(func() { r.cacheRules[rule.ECRRepositoryPrefix] = rule })
}

// AddCreationTemplate adds a template, or replaces the one of its prefix.
func (r *Registry) AddCreationTemplate(t CreationTemplate) *Registry {
	t.CreatedAt, t.UpdatedAt = r.dated(t.CreatedAt, t.UpdatedAt)
	t.TagMutability = cmp.Or(t.TagMutability, "MUTABLE")
	t.TagExclusions = typed(t.TagExclusions, "WILDCARD")
	t.Encryption.Type = cmp.Or(t.Encryption.Type, "AES256")
	return r.change(func() { r.templates[t.Prefix] = t })
}

// SetSetting sets an account setting: BASIC_SCAN_TYPE_VERSION (CLAIR or AWS_NATIVE), REGISTRY_POLICY_SCOPE (V1 or V2) or
// BLOB_MOUNTING (ENABLED or DISABLED).
func (r *Registry) SetSetting(name, value string) *Registry {
	return r.change(func() { r.settings[name] = value })
}

func (r *Registry) change(f func()) *Registry {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	return r
}

// dated fills in missing times of creation and update.
func (r *Registry) dated(created, updated time.Time) (time.Time, time.Time) {
	if created.IsZero() {
		created = r.account.org.Now()
	}
	if updated.IsZero() {
		updated = created
	}
	return created, updated
}

// typed is a copy of filters in which no type is missing.
func typed(filters []Filter, kind string) []Filter {
	filters = slices.Clone(filters)
	for i := range filters {
		filters[i].FilterType = cmp.Or(filters[i].FilterType, kind)
	}
	return filters
}

// AddRepository adds a repository with its images and returns it. It panics when the name is taken.
func (r *Registry) AddRepository(about Repository) *LiveRepository {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.find(about.Name) != nil {
		panic(fmt.Sprintf("awssim: repository %s/%s/%s exists", r.account.id, r.region, about.Name))
	}
	return r.insert(newRepository(r, about))
}

// insert adds a repository; the lock must be held.
func (r *Registry) insert(repo *LiveRepository) *LiveRepository {
	at, _ := slices.BinarySearch(r.names, repo.name)
	r.names = slices.Insert(r.names, at, repo.name)
	r.repositories[repo.name] = repo
	return repo
}

// RemoveRepository deletes a repository as another client would, between two calls.
func (r *Registry) RemoveRepository(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remove(name)
}

func (r *Registry) remove(name string) {
	for i := range r.synthetic {
		if n, ok := r.synthetic[i].index[name]; ok {
			r.synthetic[i].taken[n] = true
		}
	}
	if at, ok := slices.BinarySearch(r.names, name); ok {
		r.names = slices.Delete(r.names, at, at+1)
		delete(r.repositories, name)
	}
}

// Repository returns the repository with a name, or nil.
func (r *Registry) Repository(name string) *LiveRepository { return r.repository(name, true) }

// repository finds a repository. One that is synthetic is made for the occasion, and kept only when it is to be written to.
func (r *Registry) repository(name string, keep bool) *LiveRepository {
	r.mu.RLock()
	repo := r.find(name)
	r.mu.RUnlock()
	if repo == nil || !keep || !repo.transient {
		return repo
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if repo = r.find(name); repo != nil && repo.transient {
		r.remove(name)
		repo.transient = false
		r.insert(repo)
	}
	return repo
}

func (r *Registry) find(name string) *LiveRepository {
	if repo := r.repositories[name]; repo != nil {
		return repo
	}
	for i := range r.synthetic {
		if n, ok := r.synthetic[i].index[name]; ok && !r.synthetic[i].taken[n] {
			return r.synthetic[i].repository(r, n)
		}
	}
	return nil
}

// State returns a copy of everything that the registry holds, except the repositories that are still synthetic.
func (r *Registry) State() RegistryState {
	r.mu.RLock()
	defer r.mu.RUnlock()
	s := RegistryState{
		Account: r.account.id, Region: r.region, Policy: r.policy,
		Scanning:           Scanning{r.scanning.ScanType, slices.Clone(r.scanning.Rules)},
		Replication:        slices.Clone(r.replication),
		Signing:            slices.Clone(r.signing),
		Settings:           maps.Clone(r.settings),
		PullTimeExclusions: sortedKeys(r.exclusions),
	}
	for _, prefix := range sortedKeys(r.cacheRules) {
		s.PullThroughCacheRules = append(s.PullThroughCacheRules, r.cacheRules[prefix])
	}
	for _, prefix := range sortedKeys(r.templates) {
		s.CreationTemplates = append(s.CreationTemplates, r.templates[prefix])
	}
	for _, name := range r.names {
		s.Repositories = append(s.Repositories, r.repositories[name].Describe())
	}
	return s
}

func (r *Registry) arn(name string) string {
	return r.account.org.arn("ecr", r.region, r.account.id, "repository/"+name)
}

func (r *Registry) uri(name string) string {
	return r.account.id + ".dkr.ecr." + r.region + "." + r.account.org.dnsSuffix() + "/" + name
}
