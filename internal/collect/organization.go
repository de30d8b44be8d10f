package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"golang.org/x/sync/errgroup"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// directory asks AWS Organizations.
type directory struct {
	client *organizations.Client
	caller *awsapi.Caller
	units  sync.Map // id of a unit or root → func() ([]childUnit, error), asked once
}

// childUnit is an organizational unit right below another.
type childUnit struct{ id, name string }

func newDirectory(s *awsapi.Session, b *awsapi.Budget) *directory {
	return &directory{client: organizations.NewFromConfig(s.Config), caller: b.Caller("organization", nil)}
}

// OrganizationID is the id of the organization that the caller belongs to, read
// from AWS or else taken from what the configuration says; empty when it is not
// known, or when there is none. Its error is that the two contradict each other.
func OrganizationID(ctx context.Context, s *awsapi.Session, b *awsapi.Budget, known snapshot.Organization) (string, error) {
	id, _, err := newDirectory(s, b).describe(ctx)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	organization := snapshot.Organization{ID: id}
	if _, none := errors.AsType[*orgtypes.AWSOrganizationsNotInUseException](err); none {
		organization = snapshot.Organization{None: true}
	}
	return cmp.Or(id, known.ID), reconcile(&organization, known)
}

// organization reads the organization's id and accounts. What cannot be read
// is said in Unread; known is what the configuration says in its place.
func (d *directory) organization(ctx context.Context, known snapshot.Organization) (snapshot.Organization, error) {
	var organization snapshot.Organization
	var describeErr, listErr error
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error {
		organization.ID, organization.ManagementAccount, describeErr = d.describe(groupCtx)
		return nil
	})
	group.Go(func() error {
		organization.Accounts, listErr = d.accounts(groupCtx)
		return nil
	})
	if err := errors.Join(group.Wait(), ctx.Err()); err != nil {
		return organization, err
	}
	if _, ok := errors.AsType[*orgtypes.AWSOrganizationsNotInUseException](describeErr); ok {
		organization = snapshot.Organization{None: true}
	}
	if err := reconcile(&organization, known); err != nil || organization.None {
		return organization, err
	}
	organization.Unread = unread(organization, describeErr, listErr)
	return organization, nil
}

// reconcile completes what AWS Organizations says with the configuration,
// which must not contradict it.
func reconcile(organization *snapshot.Organization, known snapshot.Organization) error {
	if known.ID != "" && (organization.None || organization.ID != "" && organization.ID != known.ID) {
		is := "AWS Organizations says " + organization.ID
		if organization.None {
			is = "the caller's account belongs to none"
		}
		return fmt.Errorf("the configuration says that the organization is %s, but %s: correct organization.id, or use other credentials", known.ID, is)
	}
	organization.ID = cmp.Or(organization.ID, known.ID)
	for _, account := range known.Accounts {
		if !slices.ContainsFunc(organization.Accounts, func(a snapshot.Account) bool { return a.ID == account.ID }) {
			organization.Accounts = append(organization.Accounts, account)
		}
	}
	slices.SortFunc(organization.Accounts, func(a, b snapshot.Account) int { return cmp.Compare(a.ID, b.ID) })
	return nil
}

// How the parts of [snapshot.Organization.Unread] begin.
const (
	describeRefused = "organizations:DescribeOrganization: "
	listRefused     = "organizations:ListAccounts: "
)

// Completed is what a snapshot knows of the organization, with what the configuration
// says in place of what could not be read, as if it had said so when the snapshot was
// made. Its error is that the two contradict each other.
func Completed(o, known snapshot.Organization) (snapshot.Organization, error) {
	o.Accounts = slices.Clone(o.Accounts)
	if err := reconcile(&o, known); err != nil {
		return o, err
	}
	describe, list := o.Unread, ""
	if i := strings.Index(o.Unread, listRefused); i >= 0 {
		describe, list = strings.TrimSuffix(o.Unread[:i], "; "), o.Unread[i:]
	}
	if o.ID != "" {
		describe = ""
	}
	if o.Accounts != nil {
		list = ""
	}
	o.Unread = strings.Join(slices.DeleteFunc([]string{describe, list}, func(s string) bool { return s == "" }), "; ")
	return o, nil
}

// unread says what of the organization stays unknown, and why.
func unread(o snapshot.Organization, describeErr, listErr error) string {
	var reasons []string
	if o.ID == "" {
		reasons = append(reasons, describeRefused+awsapi.Reason(describeErr))
	}
	if o.Accounts == nil {
		reasons = append(reasons, listRefused+awsapi.Reason(listErr))
	}
	return strings.Join(reasons, "; ")
}

func (d *directory) describe(ctx context.Context) (id, management string, err error) {
	out, err := ask(ctx, d.caller, opDescribeOrganization, func(ctx context.Context) (*organizations.DescribeOrganizationOutput, error) {
		return d.client.DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{})
	})
	if err != nil {
		return "", "", err
	}
	if out.Organization == nil {
		return "", "", errors.New("the answer holds no organization")
	}
	return aws.ToString(out.Organization.Id), aws.ToString(out.Organization.MasterAccountId), nil
}

// accounts lists every account of the organization, sorted by id.
func (d *directory) accounts(ctx context.Context) ([]snapshot.Account, error) {
	accounts := []snapshot.Account{}
	err := eachPage(ctx, d.caller, opListAccounts, func(ctx context.Context, token *string) (*string, error) {
		page, err := d.client.ListAccounts(ctx, &organizations.ListAccountsInput{NextToken: token})
		if err != nil {
			return nil, err
		}
		for _, a := range page.Accounts {
			accounts = append(accounts, member(a))
		}
		return page.NextToken, nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(accounts, func(a, b snapshot.Account) int { return cmp.Compare(a.ID, b.ID) })
	return accounts, nil
}

// member reads the account's State; Status, which State replaced in September
// 2026, only where there is no State.
func member(a orgtypes.Account) snapshot.Account {
	id := aws.ToString(a.Id)
	account := snapshot.Account{ID: id, Name: aws.ToString(a.Name), State: cmp.Or(string(a.State), string(a.Status))}
	if len(a.Paths) > 0 {
		path := strings.TrimSuffix(strings.TrimSuffix(a.Paths[0], "/"), "/"+id)
		account.Path = path + "/"
	}
	return account
}

// below are the ids of the accounts in an organizational unit or root and in
// everything below it.
func (d *directory) below(ctx context.Context, parent string) ([]string, error) {
	var mu sync.Mutex
	var ids []string
	group, ctx := errgroup.WithContext(ctx)
	var walk func(parent string)
	walk = func(parent string) {
		group.Go(func() error {
			found, err := d.accountsOf(ctx, parent)
			mu.Lock()
			ids = append(ids, found...)
			mu.Unlock()
			return err
		})
		group.Go(func() error {
			units, err := d.childrenOf(ctx, parent)
			for _, unit := range units {
				walk(unit.id)
			}
			return err
		})
	}
	walk(parent)
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("--ou %s: %s: %s; check the id, that it belongs to this organization, and that the caller may list it", parent, awsapi.Code(err), awsapi.Reason(err))
	}
	slices.Sort(ids)
	return ids, nil
}

func (d *directory) accountsOf(ctx context.Context, parent string) (ids []string, err error) {
	err = eachPage(ctx, d.caller, opListAccountsForParent, func(ctx context.Context, token *string) (*string, error) {
		page, err := d.client.ListAccountsForParent(ctx, &organizations.ListAccountsForParentInput{ParentId: &parent, NextToken: token})
		if err != nil {
			return nil, err
		}
		for _, a := range page.Accounts {
			ids = append(ids, aws.ToString(a.Id))
		}
		return page.NextToken, nil
	})
	return ids, err
}

// childrenOf are the units right below another or a root. Each is asked once.
func (d *directory) childrenOf(ctx context.Context, parent string) ([]childUnit, error) {
	ask := sync.OnceValues(func() ([]childUnit, error) { return d.listUnits(ctx, parent) })
	known, _ := d.units.LoadOrStore(parent, ask)
	return known.(func() ([]childUnit, error))()
}

func (d *directory) listUnits(ctx context.Context, parent string) (units []childUnit, err error) {
	err = eachPage(ctx, d.caller, opListOrganizationalUnitsForParent, func(ctx context.Context, token *string) (*string, error) {
		page, err := d.client.ListOrganizationalUnitsForParent(ctx, &organizations.ListOrganizationalUnitsForParentInput{ParentId: &parent, NextToken: token})
		if err != nil {
			return nil, err
		}
		for _, unit := range page.OrganizationalUnits {
			units = append(units, childUnit{aws.ToString(unit.Id), aws.ToString(unit.Name)})
		}
		return page.NextToken, nil
	})
	return units, err
}
