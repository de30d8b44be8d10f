package collect

import (
	"context"
	"fmt"
	"regexp"
	"slices"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Selection says which accounts to collect. The zero value is the caller's
// own account.
type Selection struct {
	Organization bool     // every active account
	Units        []string // every active account in these organizational units and below
	Accounts     []string // these accounts
	Exclude      []string // never these
	// Repository is the only repository that is read; empty for all of them. A
	// target that has none of this name has no repositories.
	Repository string
}

// accountPlan is an account that was selected, or why it is skipped.
type accountPlan struct {
	snapshot.Account
	Skip string
}

var (
	accountForm = regexp.MustCompile(`^[0-9]{12}$`)
	unitForm    = regexp.MustCompile(`^(r-[0-9a-z]{4,32}|ou-[0-9a-z]{4,32}-[0-9a-z]{8,32})$`)
)

// CheckSelection refuses what cannot be meant, in the words of the flags that set it,
// before anything is asked of AWS.
func CheckSelection(s Selection, roles awsapi.Roles) error { return s.check(roles) }

// check is CheckSelection.
func (s Selection) check(roles awsapi.Roles) error {
	for _, flag := range []struct {
		name string
		ids  []string
	}{{"--accounts", s.Accounts}, {"--exclude-accounts", s.Exclude}} {
		for _, id := range flag.ids {
			if !accountForm.MatchString(id) {
				return fmt.Errorf("%s: %q is not an account id: it has 12 digits, this has %d characters", flag.name, id, len([]rune(id)))
			}
		}
	}
	for _, unit := range s.Units {
		if !unitForm.MatchString(unit) {
			return fmt.Errorf("--ou: %q is not the id of an organizational unit or root: it looks like ou-ab12-11111111 or r-ab12", unit)
		}
	}
	if s.ways() > 1 {
		return fmt.Errorf("give one of --org, --ou and --accounts")
	}
	return roles.Check()
}

func (s Selection) ways() (n int) {
	for _, given := range []bool{s.Organization, len(s.Units) > 0, len(s.Accounts) > 0} {
		if given {
			n++
		}
	}
	return n
}

// resolve turns the selection into accounts, sorted by id.
func (s Selection) resolve(ctx context.Context, session *awsapi.Session, d *directory, o snapshot.Organization) ([]accountPlan, error) {
	selected, err := s.ids(ctx, session, d, o)
	if err != nil {
		return nil, err
	}
	slices.Sort(selected)
	selected = slices.Compact(selected)
	plan := make([]accountPlan, 0, len(selected))
	active := 0
	for _, id := range selected {
		account := accountPlan{Account: findAccount(o, id)}
		switch {
		case slices.Contains(s.Exclude, id):
			account.Skip = "excluded by --exclude-accounts"
		case account.State != "" && account.State != "ACTIVE":
			account.Skip = "the account is " + account.State
		case !session.Owns(id) && !session.HasRole():
			return nil, fmt.Errorf("account %s is not the caller's own (%s): --role-name says which role to assume in it", id, session.Account)
		default:
			active++
		}
		plan = append(plan, account)
	}
	if active == 0 {
		return nil, fmt.Errorf("no account is left to audit: of %d selected, every one is excluded or not active", len(selected))
	}
	return plan, nil
}

// active are the ids of the accounts that are entered.
func active(plan []accountPlan) (ids []string) {
	for _, account := range plan {
		if account.Skip == "" {
			ids = append(ids, account.ID)
		}
	}
	return ids
}

func (s Selection) ids(ctx context.Context, session *awsapi.Session, d *directory, o snapshot.Organization) ([]string, error) {
	switch {
	case s.Organization:
		if o.None {
			return nil, fmt.Errorf("--org: account %s belongs to no organization: leave --org out, or use credentials of one that does", session.Account)
		}
		if o.Accounts == nil {
			return nil, fmt.Errorf("--org: account %s cannot list the organization's accounts: %s; use the management account or a delegated administrator (--profile, --hub-role-arn), or name the accounts with --accounts", session.Account, o.Unread)
		}
		ids := make([]string, len(o.Accounts))
		for i, account := range o.Accounts {
			ids[i] = account.ID
		}
		return ids, nil
	case len(s.Units) > 0:
		var ids []string
		for _, unit := range s.Units {
			below, err := d.below(ctx, unit)
			if err != nil {
				return nil, err
			}
			if len(below) == 0 {
				return nil, fmt.Errorf("--ou %s: there is no account in it or below it", unit)
			}
			ids = append(ids, below...)
		}
		return ids, nil
	case len(s.Accounts) > 0:
		return slices.Clone(s.Accounts), nil
	default:
		return []string{session.Account}, nil
	}
}

func findAccount(o snapshot.Organization, id string) snapshot.Account {
	for _, account := range o.Accounts {
		if account.ID == id {
			return account
		}
	}
	return snapshot.Account{ID: id}
}
