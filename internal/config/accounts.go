package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Accounts knows what scopes can ask of accounts, and makes resources of what
// was collected. A nil one knows nothing. It is not changed and can be used by
// several goroutines at once.
type Accounts struct {
	owners map[string]*Owner
	others *Owner // of accounts that are not listed
}

// NewAccounts takes what is known of the organization.
func NewAccounts(o snapshot.Organization) *Accounts {
	a := &Accounts{owners: make(map[string]*Owner, len(o.Accounts)), others: ownerOutside(o)}
	for i := range o.Accounts {
		a.owners[o.Accounts[i].ID] = ownerOf(&o.Accounts[i], o.Unread)
	}
	return a
}

// listed reports whether AWS listed the accounts, so that one that is missing is
// none of the organization's. Those of the configuration have ids only.
func listed(o snapshot.Organization) bool {
	for i := range o.Accounts {
		if o.Accounts[i].State != "" {
			return true
		}
	}
	return false
}

// Everyone are the ids of the accounts of an organization in which there can be
// registries, or nil where AWS did not list them.
func Everyone(o snapshot.Organization) (ids []string) {
	if !listed(o) {
		return nil
	}
	for i := range o.Accounts {
		if o.Accounts[i].State == "ACTIVE" {
			ids = append(ids, o.Accounts[i].ID)
		}
	}
	return ids
}

// ownerOutside is what is known of an account that is not listed.
func ownerOutside(o snapshot.Organization) *Owner {
	switch {
	case o.None:
		return &Owner{Unknown: map[Criterion]string{ByAccountName: "the account belongs to no organization that would know its name"}}
	case listed(o):
		return &Owner{Unknown: map[Criterion]string{ByAccountName: "AWS Organizations does not list the account"}}
	}
	why := "AWS Organizations was not asked"
	if o.Unread != "" {
		why = notListed(o.Unread)
	}
	return &Owner{Unknown: map[Criterion]string{ByAccountName: why, ByUnit: why, ByAccountTag: why}}
}

func ownerOf(a *snapshot.Account, unread string) *Owner {
	owner := &Owner{Name: a.Name, Units: a.UnitIDs(), Tags: a.Tags}
	missing := func(c Criterion, n snapshot.Need) {
		if owner.Unknown == nil {
			owner.Unknown = map[Criterion]string{}
		}
		owner.Unknown[c] = why(a.Gap(n), unread)
	}
	if a.Name == "" {
		missing(ByAccountName, snapshot.NeedAccounts)
	}
	if a.Path == "" {
		missing(ByUnit, snapshot.NeedAccounts)
	}
	if a.Tags == nil {
		missing(ByAccountTag, snapshot.NeedAccountTags)
	}
	switch units := len(owner.Units) - 1; { // without the root
	case units > 0 && len(a.Units) != units:
		owner.UnitPathsUnknown = why(a.Gap(snapshot.NeedUnitNames), unread)
	default:
		for i := range a.Units {
			owner.UnitPaths = append(owner.UnitPaths, strings.Join(a.Units[:i+1], "/"))
		}
	}
	return owner
}

func why(gap *snapshot.Gap, unread string) string {
	switch {
	case gap != nil:
		return whyGap(gap, "the caller")
	case unread != "":
		return notListed(unread)
	}
	return "it was not collected"
}

// whyGap says it as verdicts do.
func whyGap(gap *snapshot.Gap, who string) string {
	text := fmt.Sprintf("%s could not be read (%s: %s)", strings.ReplaceAll(string(gap.Need), "-", " "), gap.Code, gap.Message)
	if gap.Permission != "" {
		text += "; " + who + " needs " + gap.Permission
	}
	return text
}

func notListed(unread string) string { return "the accounts could not be listed (" + unread + ")" }

// Target is the resource of a registry.
func (a *Accounts) Target(t snapshot.Target) Resource {
	r := Resource{Account: t.Account, Region: t.Region}
	if a == nil {
		return r
	}
	r.Owner = a.owners[t.Account]
	if r.Owner == nil {
		r.Owner = a.others
	}
	return r
}

// Repository is the resource of a repository.
func (a *Accounts) Repository(r *snapshot.Repository) Resource {
	of := a.Target(r.Target)
	of.Repository, of.Tags, of.Encryption, of.CreatedAt = r.Name, r.Tags, r.Encryption.Type, r.CreatedAt
	if gap := r.Gap(snapshot.NeedTags); gap != nil {
		of.Unknown = map[Criterion]string{ByTag: whyGap(gap, "the role")}
	}
	return of
}

// Needs are what must be collected so that it is known which scopes and waivers
// hold.
func (c *Config) Needs() []snapshot.Need {
	var needs []snapshot.Need
	add := func(n snapshot.Need, asked func(*Match) bool) {
		if slices.ContainsFunc(c.matches(), asked) {
			needs = append(needs, n)
		}
	}
	add(snapshot.NeedTags, func(m *Match) bool { return len(m.Tags) > 0 })
	if c.MayWaiveByTags() && !slices.Contains(needs, snapshot.NeedTags) {
		needs = append(needs, snapshot.NeedTags)
	}
	add(snapshot.NeedAccounts, func(m *Match) bool { return len(m.AccountNames) > 0 || len(m.Units) > 0 })
	add(snapshot.NeedUnitNames, (*Match).namesUnits)
	add(snapshot.NeedAccountTags, func(m *Match) bool { return len(m.AccountTags) > 0 })
	return needs
}

// matches are those of scopes and waivers.
func (c *Config) matches() (all []*Match) {
	for i := range c.Scopes {
		all = append(all, &c.Scopes[i].Match)
	}
	for i := range c.Waivers {
		all = append(all, &c.Waivers[i].Match)
	}
	return all
}
