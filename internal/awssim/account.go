package awssim

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Account describes an account of an organization.
type Account struct {
	ID    string // 12 digits
	Name  string
	Email string
	// State is PENDING_ACTIVATION, ACTIVE (when empty), SUSPENDED, PENDING_CLOSURE or CLOSED. Credentials work only in an active account.
	State string
	// OU is the id of the organizational unit that holds the account, as [Organization.AddOU] returned it; the root when empty.
	OU       string
	JoinedAt time.Time
	Tags     map[string]string // in AWS Organizations
	// Standalone takes the account out of the organization, so that Organizations answers AWSOrganizationsNotInUseException.
	Standalone bool
	// EnabledRegions are opt-in regions that the account has enabled.
	EnabledRegions []string
	Roles          []Role
}

// Role describes an IAM role.
type Role struct {
	Name string
	// ExternalID, when not empty, must be given to assume the role.
	ExternalID string
	// TrustedPrincipals may assume the role: account ids, ARNs of roles or users, or "*". When empty, every account of the organization may.
	TrustedPrincipals []string
	// MaxSession is the longest session in seconds; 3600 when zero. A chained session never lasts longer than an hour.
	MaxSession int
	// Allowed and Denied are the actions that the role may and may not call, as globs of "service:Operation"; all are allowed when Allowed is empty.
	Allowed, Denied []string
	// Policies are the role's identity-based policies as JSON. Where there are any, they decide in place of Allowed and Denied.
	Policies []string
	// Boundary is the role's permissions boundary as JSON: the role may do only what both it and its policies allow.
	Boundary string
	// Trust is the role's trust policy as JSON. Where there is one, it decides in place of ExternalID and TrustedPrincipals.
	Trust string
}

// LiveAccount is an account of a running simulation.
type LiveAccount struct {
	org   *Organization
	id    string
	admin *credential

	mu         sync.RWMutex
	about      Account
	controlled []*compiledPolicy // its service control policies
	roles      map[string]*Role
	policies   map[string]rolePolicies // of those roles
	roleKeys   map[string]*credential
	regions    map[string]bool
	registries map[string]*Registry
}

func newAccount(o *Organization, a Account) *LiveAccount {
	account := &LiveAccount{
		org:        o,
		id:         a.ID,
		about:      a,
		roles:      map[string]*Role{},
		policies:   map[string]rolePolicies{},
		roleKeys:   map[string]*credential{},
		regions:    map[string]bool{},
		registries: map[string]*Registry{},
	}
	account.admin = newCredential("AKIA", principal{
		account: account,
		arn:     o.arn("iam", "", a.ID, "user/admin"),
		userID:  "AIDA" + keyHash("user", a.ID)[:17],
	}, "admin", a.ID)
	return account
}

// ID is the account's 12 digits.
func (a *LiveAccount) ID() string { return a.id }

// Describe returns what the account now is; its registries are read with [LiveAccount.Registries].
func (a *LiveAccount) Describe() Account {
	a.mu.RLock()
	defer a.mu.RUnlock()
	about := a.about
	about.EnabledRegions = sortedKeys(a.regions)
	about.Roles = nil
	for _, name := range sortedKeys(a.roles) {
		role := *a.roles[name]
		role.TrustedPrincipals = slices.Clone(role.TrustedPrincipals)
		role.Allowed, role.Denied = slices.Clone(role.Allowed), slices.Clone(role.Denied)
		role.Policies = slices.Clone(role.Policies)
		about.Roles = append(about.Roles, role)
	}
	return about
}

// SetState changes the account's state, for example to SUSPENDED.
func (a *LiveAccount) SetState(state string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.about.State = state
}

func (a *LiveAccount) state() string {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.about.State
}

// SetServiceControlPolicies attaches policies of AWS Organizations, as JSON, in place of those that were attached. An action must be allowed
// by each. None is as if everything were allowed. AWS does not apply them to the management account. It panics where AWS would refuse one.
func (a *LiveAccount) SetServiceControlPolicies(texts ...string) {
	var compiled []*compiledPolicy
	for _, text := range texts {
		compiled = append(compiled, mustCompile("account "+a.id, "service control policy", text, serviceControlPolicySize, (*statement).identityError))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.controlled = compiled
}

// controls are the service control policies that apply to the account.
func (a *LiveAccount) controls() []*compiledPolicy {
	if a.id == a.org.options.ManagementAccount || a.org.isStandalone(a.id) {
		return nil
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.controlled
}

// AddRole adds a role, or replaces the one of that name. It panics where IAM would refuse its policies.
func (a *LiveAccount) AddRole(r Role) {
	a.org.mu.Lock()
	defer a.org.mu.Unlock()
	a.addRole(r)
}

// addRole expects the organization's lock, which guards its keys.
func (a *LiveAccount) addRole(r Role) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.roles[r.Name], a.policies[r.Name] = &r, compileRole(r)
	a.org.removed.Delete(a.RoleARN(r.Name)) // a new role of the name is not the old one to AWS, but near enough
	key := newCredential("ASIA", a.sessionPrincipal(r.Name, "simulated"), "role", a.id, r.Name)
	key.SessionToken = "role/" + shortHash("token", a.id, r.Name)
	a.roleKeys[r.Name] = key
	a.org.keys[key.AccessKeyID] = key
}

// RemoveRole deletes a role; its sessions are denied everything from then on, and policies that name it show its unique id instead.
func (a *LiveAccount) RemoveRole(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.roles, name)
	a.org.removed.Store(a.RoleARN(name), a.roleID(name))
}

func (a *LiveAccount) roleWithPolicies(name string) (Role, rolePolicies, bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	r := a.roles[name]
	if r == nil {
		return Role{}, rolePolicies{}, false
	}
	return *r, a.policies[name], true
}

// RoleARN is the ARN of a role of the account.
func (a *LiveAccount) RoleARN(name string) string {
	return a.org.arn("iam", "", a.id, "role/"+name)
}

// EnableRegion enables opt-in regions for the account.
func (a *LiveAccount) EnableRegion(regions ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, region := range regions {
		a.regions[region] = true
	}
}

// DisableRegion disables a region for the account; credentials are not valid there any more.
func (a *LiveAccount) DisableRegion(regions ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, region := range regions {
		a.regions[region] = false
	}
}

// regionEnabled reports whether calls to a region are accepted from the account.
func (a *LiveAccount) regionEnabled(region string) bool {
	known, optIn := lookupRegion(a.org.options.Partition, region)
	if !known {
		return false
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	set, ok := a.regions[region]
	if ok {
		return set
	}
	return !optIn
}

// Registry returns the account's registry in a region, which always exists.
func (a *LiveAccount) Registry(region string) *Registry {
	a.mu.RLock()
	r := a.registries[region]
	a.mu.RUnlock()
	if r != nil {
		return r
	}
	if known, _ := lookupRegion(a.org.options.Partition, region); !known {
		panic(fmt.Sprintf("awssim: no region %s in partition %s", region, a.org.options.Partition))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.registries[region] == nil {
		a.registries[region] = newRegistry(a, region)
	}
	return a.registries[region]
}

// Registries returns those registries of the account that have been touched, by region.
func (a *LiveAccount) Registries() []*Registry {
	a.mu.RLock()
	defer a.mu.RUnlock()
	var all []*Registry
	for _, r := range a.registries {
		all = append(all, r)
	}
	slices.SortFunc(all, func(x, y *Registry) int { return cmp.Compare(x.region, y.region) })
	return all
}
