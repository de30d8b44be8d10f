package collect

import (
	"context"
	"errors"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"golang.org/x/sync/errgroup"

	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// acquaint reads of the accounts with these ids what is needed to know which
// settings hold in them. What cannot be read becomes a gap of the account; the
// error is that ctx ended.
func (d *directory) acquaint(ctx context.Context, o *snapshot.Organization, ids []string, needs snapshot.Needs) error {
	var accounts []*snapshot.Account
	for _, id := range ids {
		for i := range o.Accounts {
			if o.Accounts[i].ID == id {
				accounts = append(accounts, &o.Accounts[i])
			}
		}
	}
	if needs[snapshot.NeedUnitNames] {
		if err := d.nameUnits(ctx, accounts); err != nil {
			return err
		}
	}
	if needs[snapshot.NeedAccountTags] {
		return d.tagAccounts(ctx, accounts)
	}
	return nil
}

// errMoved is that an account's unit is not where the account's path has it.
var errMoved = errors.New("the organizational unit was moved during the run: collect again")

// accountsAtOnce is how many questions about accounts are open at once. The
// budget of calls bounds them further.
const accountsAtOnce = 64

// nameUnits reads the names of the organizational units of accounts. Each
// listing tells those of all units right below another, so that only what has
// such units on the way to an account is asked.
func (d *directory) nameUnits(ctx context.Context, accounts []*snapshot.Account) error {
	var mu sync.Mutex
	names, failed := map[string]string{}, map[string]error{}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(accountsAtOnce)
	asked := map[string]bool{}
	for _, a := range accounts {
		ids := a.UnitIDs()
		for i := 0; i+1 < len(ids); i++ { // what is below the last one matters to nobody
			parent := ids[i]
			if asked[parent] {
				continue
			}
			asked[parent] = true
			group.Go(func() error {
				found, err := d.childrenOf(groupCtx, parent)
				mu.Lock()
				defer mu.Unlock()
				for _, unit := range found {
					names[unit.id] = unit.name
				}
				if err != nil {
					failed[parent] = err
				}
				return nil
			})
		}
	}
	if err := group.Wait(); err != nil || ctx.Err() != nil {
		return ctx.Err()
	}
	for _, a := range accounts {
		nameAccountUnits(a, names, failed)
	}
	return nil
}

// nameAccountUnits says what the organizational units of an account are called.
func nameAccountUnits(a *snapshot.Account, names map[string]string, failed map[string]error) {
	ids := a.UnitIDs()
	if len(ids) == 0 {
		return // its place is not known
	}
	units := []string{}
	for i, id := range ids[1:] {
		name, known := names[id]
		if !known {
			err := failed[ids[i]]
			if err == nil {
				err = errMoved
			}
			a.Gaps = append(a.Gaps, accountGap(a.ID, snapshot.NeedUnitNames, opListOrganizationalUnitsForParent, err))
			return
		}
		units = append(units, name)
	}
	a.Units = units
}

// tagAccounts reads the tags of accounts.
func (d *directory) tagAccounts(ctx context.Context, accounts []*snapshot.Account) error {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(accountsAtOnce)
	for _, a := range accounts {
		group.Go(func() error {
			tags, err := d.tagsOf(groupCtx, a.ID)
			if err == nil {
				a.Tags = tags
			} else if !stopped(err) {
				a.Gaps = append(a.Gaps, accountGap(a.ID, snapshot.NeedAccountTags, opAccountListTagsForResource, err))
			}
			return nil
		})
	}
	_ = group.Wait() // what failed is a gap
	return ctx.Err()
}

func (d *directory) tagsOf(ctx context.Context, account string) (map[string]string, error) {
	tags := map[string]string{}
	err := eachPage(ctx, d.caller, opAccountListTagsForResource, func(ctx context.Context, token *string) (*string, error) {
		page, err := d.client.ListTagsForResource(ctx, &organizations.ListTagsForResourceInput{ResourceId: &account, NextToken: token})
		if err != nil {
			return nil, err
		}
		for _, tag := range page.Tags {
			tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
		}
		return page.NextToken, nil
	})
	return tags, err
}

func accountGap(account string, need snapshot.Need, o operation, err error) snapshot.Gap {
	return gap(snapshot.Target{Account: account}, "", need, o, err)
}

// acquainted is the plan with what is now known of its accounts. An account
// whose name or place is needed and not known has a gap that says so.
func acquainted(plan []accountPlan, o snapshot.Organization, needs snapshot.Needs) {
	for i := range plan {
		a := findAccount(o, plan[i].ID)
		if needs[snapshot.NeedAccounts] && (a.Name == "" || a.Path == "") && o.Unread != "" && a.State == "" {
			a.Gaps = append(a.Gaps, snapshot.Gap{
				Target: snapshot.Target{Account: a.ID}, Need: snapshot.NeedAccounts, Operation: string(opListAccounts), Code: codeUnlisted, Message: o.Unread,
			})
		}
		plan[i].Account = a
	}
}

// codeUnlisted is the code of gaps that follow from what stands in Unread of the organization.
const codeUnlisted = "AccountsNotListed"

// gapsIn are the gaps of an account as those of one of its targets.
func (p accountPlan) gapsIn(target snapshot.Target) []snapshot.Gap {
	var gaps []snapshot.Gap
	for _, g := range p.Gaps {
		g.Target = target
		gaps = append(gaps, g)
	}
	return gaps
}
