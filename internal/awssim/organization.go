package awssim

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Epoch is the instant at which the clock of an organization stands when no clock is given. It is past the retirement of Account.Status.
var Epoch = time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)

// OrganizationOptions say what holds for a whole organization.
type OrganizationOptions struct {
	// ID is the organization's id; "o-exampleorg1" when empty.
	ID string
	// ManagementAccount is the id of the account that may list the others, which NewOrganization adds; "111111111111" when empty.
	ManagementAccount string
	// Partition is aws, aws-us-gov or aws-cn; aws when empty.
	Partition string
	// Clock tells the simulated time; it stands still at Epoch when nil. See also [Organization.Advance].
	Clock func() time.Time
	// SimulatedExpiry makes AssumeRole tell the expiry of a session on the simulated clock. Otherwise it tells the later of the
	// simulated and the real one, because clients compare it with the real clock and would renew a session at every call. When a
	// session really ends is always decided on the simulated clock.
	SimulatedExpiry bool
	// Reformat returns stored policies as AWS may: account ids as root ARNs, lists of one as scalars, other whitespace.
	Reformat bool
	// IgnorePulls keeps BatchGetImage from recording a pull time on the image, as it otherwise does once in 24 simulated hours.
	IgnorePulls bool
	// PreviewPolls is how often GetLifecyclePolicyPreview and DescribeImageScanFindings answer IN_PROGRESS after a start; 1 when zero, none when negative.
	PreviewPolls int
}

// Organization is the state of a simulated AWS organization: its units, accounts, credentials, and all their registries.
type Organization struct {
	options OrganizationOptions

	mu         sync.RWMutex
	offset     time.Duration
	accounts   map[string]*LiveAccount
	units      map[string]*unit
	delegates  map[string][]string // account id → service principals
	keys       map[string]*credential
	sessions   int
	standalone map[string]bool

	removed sync.Map // ARN of a deleted role → its unique id
}

// unit is a root or an organizational unit.
type unit struct {
	id, name, parent string
}

// NewOrganization returns an organization that has a root and a management account.
func NewOrganization(options OrganizationOptions) *Organization {
	options.ID = cmp.Or(options.ID, "o-exampleorg1")
	options.ManagementAccount = cmp.Or(options.ManagementAccount, "111111111111")
	options.Partition = cmp.Or(options.Partition, "aws")
	options.PreviewPolls = max(0, cmp.Or(options.PreviewPolls, 1))
	if options.Clock == nil {
		options.Clock = func() time.Time { return Epoch }
	}
	o := &Organization{
		options:    options,
		accounts:   map[string]*LiveAccount{},
		units:      map[string]*unit{},
		delegates:  map[string][]string{},
		keys:       map[string]*credential{},
		standalone: map[string]bool{},
	}
	o.units[o.RootID()] = &unit{id: o.RootID(), name: "Root"}
	o.AddAccount(Account{ID: options.ManagementAccount, Name: "management"})
	return o
}

// Now is the simulated time, in UTC.
func (o *Organization) Now() time.Time {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.options.Clock().Add(o.offset).UTC()
}

// Advance moves the simulated clock forward: sessions expire, archived images finish their restore, the daily scan limit resets.
func (o *Organization) Advance(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.offset += d
}

// ID is the organization's id, "o-…".
func (o *Organization) ID() string { return o.options.ID }

// Partition is the ARN partition of everything in the organization.
func (o *Organization) Partition() string { return o.options.Partition }

// RootID is the id of the organization's root, "r-…".
func (o *Organization) RootID() string { return "r-" + shortHash("root", o.options.ID)[:4] }

// ManagementAccount is the account that may list the others.
func (o *Organization) ManagementAccount() *LiveAccount {
	return o.Account(o.options.ManagementAccount)
}

// AddOU adds an organizational unit and returns its id. The parent is the id of a unit; the root when empty.
func (o *Organization) AddOU(name, parent string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	parent = cmp.Or(parent, o.RootID())
	if o.units[parent] == nil {
		panic(fmt.Sprintf("awssim: no organizational unit %s", parent))
	}
	id := "ou-" + o.RootID()[2:] + "-" + shortHash("ou", parent, name)[:8]
	o.units[id] = &unit{id: id, name: name, parent: parent}
	return id
}

// AddAccount adds an account, with one administrator's credentials, and returns it. It panics when the id is taken or is not 12 digits.
func (o *Organization) AddAccount(a Account) *LiveAccount {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !accountID.MatchString(a.ID) || o.accounts[a.ID] != nil {
		panic(fmt.Sprintf("awssim: account id %q is taken or invalid", a.ID))
	}
	a.Name = cmp.Or(a.Name, "account-"+a.ID)
	a.Email = cmp.Or(a.Email, "aws+"+a.ID+"@example.com")
	a.State = cmp.Or(a.State, "ACTIVE")
	a.OU = cmp.Or(a.OU, o.RootID())
	if a.JoinedAt.IsZero() {
		a.JoinedAt = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if o.units[a.OU] == nil {
		panic(fmt.Sprintf("awssim: no organizational unit %s for account %s", a.OU, a.ID))
	}
	account := newAccount(o, a)
	o.accounts[a.ID] = account
	o.standalone[a.ID] = a.Standalone
	o.keys[account.admin.AccessKeyID] = account.admin
	for _, role := range a.Roles {
		account.addRole(role)
	}
	for _, region := range a.EnabledRegions {
		account.regions[region] = true
	}
	return account
}

// Account returns the account with an id, or nil.
func (o *Organization) Account(id string) *LiveAccount {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.accounts[id]
}

// isStandalone reports whether an account does not belong to the organization.
func (o *Organization) isStandalone(id string) bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.standalone[id]
}

// Accounts returns all accounts, by id.
func (o *Organization) Accounts() []*LiveAccount {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.sortedAccounts()
}

func (o *Organization) sortedAccounts() []*LiveAccount {
	all := make([]*LiveAccount, 0, len(o.accounts))
	for _, a := range o.accounts {
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b *LiveAccount) int { return cmp.Compare(a.id, b.id) })
	return all
}

// AddDelegatedAdministrator registers an account as delegated administrator of a service, such as "inspector2.amazonaws.com".
func (o *Organization) AddDelegatedAdministrator(account, service string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.delegates[account] = append(o.delegates[account], service)
}

// arn builds an ARN of the organization's partition.
func (o *Organization) arn(service, region, account, resource string) string {
	return "arn:" + o.options.Partition + ":" + service + ":" + region + ":" + account + ":" + resource
}

// dnsSuffix is the suffix of the partition's endpoints, which the host names of its registries end in.
func (o *Organization) dnsSuffix() string {
	if o.options.Partition == "aws-cn" {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}
