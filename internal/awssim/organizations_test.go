package awssim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/account"
	accounttypes "github.com/aws/aws-sdk-go-v2/service/account/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/ecraudit/ecraudit/internal/awssim"
)

func TestListAccounts(t *testing.T) {
	for _, short := range []bool{false, true} {
		t.Run(fmt.Sprintf("short pages %t", short), func(t *testing.T) {
			w := newWorldWith(t, awssim.OrganizationOptions{}, awssim.Options{ShortPages: short})
			for i := range 45 {
				w.org.AddAccount(awssim.Account{ID: fmt.Sprintf("4%011d", i), State: "SUSPENDED"})
			}
			pages := organizations.NewListAccountsPaginator(w.organizations(management), &organizations.ListAccountsInput{})
			seen := map[string]types.Account{}
			for pages.HasMorePages() {
				page := must(pages.NextPage(t.Context()))(t)
				if len(page.Accounts) > 20 {
					t.Fatalf("a page of %d", len(page.Accounts))
				}
				for _, a := range page.Accounts {
					seen[*a.Id] = a
				}
			}
			wantSame(t, len(seen), 48)
			wantSame(t, seen["400000000000"].State, types.AccountStateSuspended)
			wantSame(t, seen["400000000000"].Status, types.AccountStatus("")) // retired
			unit := must(w.organizations(management).ListParents(t.Context(), &organizations.ListParentsInput{ChildId: aws.String(member)}))(t).Parents[0]
			wantSame(t, seen[member].Paths, []string{w.org.ID() + "/" + w.org.RootID() + "/" + *unit.Id + "/" + member + "/"})
			wantSame(t, *seen[member].Arn, "arn:aws:organizations::111111111111:account/o-exampleorg1/222222222222")
		})
	}
}

func TestAccountStatusBeforeItsRetirement(t *testing.T) {
	w := newWorldWith(t, awssim.OrganizationOptions{Clock: func() time.Time { return time.Date(2026, 9, 8, 0, 0, 0, 0, time.UTC) }}, awssim.Options{})
	got := must(w.organizations(management).DescribeAccount(t.Context(), &organizations.DescribeAccountInput{AccountId: aws.String(member)}))(t)
	wantSame(t, got.Account.Status, types.AccountStatusActive)
}

func TestWhoMayListAccounts(t *testing.T) {
	w := newWorld(t)
	w.org.AddAccount(awssim.Account{ID: "555555555555", Standalone: true})
	list := func(id string) error {
		_, err := w.organizations(id).ListAccounts(t.Context(), &organizations.ListAccountsInput{})
		return err
	}
	wantError[*types.AccessDeniedException](t, list(member))
	wantError[*types.AWSOrganizationsNotInUseException](t, list("555555555555"))
	w.org.AddDelegatedAdministrator(member, "inspector2.amazonaws.com")
	if err := list(member); err != nil {
		t.Error(err)
	}
	got := must(w.organizations(other).DescribeOrganization(t.Context(), &organizations.DescribeOrganizationInput{}))(t)
	wantSame(t, *got.Organization.MasterAccountId, management)
	delegates := must(w.organizations(management).ListDelegatedAdministrators(t.Context(), &organizations.ListDelegatedAdministratorsInput{}))(t)
	wantSame(t, *delegates.DelegatedAdministrators[0].Id, member)
}

func TestOrganizationTree(t *testing.T) {
	w := newWorld(t)
	c := w.organizations(management)
	outer := w.org.AddOU("outer", "")
	inner := w.org.AddOU("inner", outer)
	w.org.AddAccount(awssim.Account{ID: "444444444444", OU: inner})
	root := *must(c.ListRoots(t.Context(), &organizations.ListRootsInput{}))(t).Roots[0].Id
	wantSame(t, root, w.org.RootID())
	units := must(c.ListOrganizationalUnitsForParent(t.Context(), &organizations.ListOrganizationalUnitsForParentInput{ParentId: &root}))(t)
	wantSame(t, len(units.OrganizationalUnits), 2)
	units = must(c.ListOrganizationalUnitsForParent(t.Context(), &organizations.ListOrganizationalUnitsForParentInput{ParentId: &outer}))(t)
	wantSame(t, *units.OrganizationalUnits[0].Name, "inner")
	accounts := must(c.ListAccountsForParent(t.Context(), &organizations.ListAccountsForParentInput{ParentId: &inner}))(t)
	wantSame(t, *accounts.Accounts[0].Id, "444444444444")
	children := must(c.ListChildren(t.Context(), &organizations.ListChildrenInput{ParentId: &outer, ChildType: types.ChildTypeOrganizationalUnit}))(t)
	wantSame(t, *children.Children[0].Id, inner)
	unit := must(c.DescribeOrganizationalUnit(t.Context(), &organizations.DescribeOrganizationalUnitInput{OrganizationalUnitId: &inner}))(t)
	wantSame(t, *unit.OrganizationalUnit.Arn, "arn:aws:organizations::111111111111:ou/o-exampleorg1/"+inner)

	_, err := c.ListAccountsForParent(t.Context(), &organizations.ListAccountsForParentInput{ParentId: aws.String("ou-" + root[2:] + "-00000000")})
	wantError[*types.ParentNotFoundException](t, err)
	_, err = c.ListAccountsForParent(t.Context(), &organizations.ListAccountsForParentInput{ParentId: aws.String("nonsense")})
	wantError[*types.InvalidInputException](t, err)
	_, err = c.DescribeOrganizationalUnit(t.Context(), &organizations.DescribeOrganizationalUnitInput{OrganizationalUnitId: aws.String("ou-" + root[2:] + "-00000000")})
	wantError[*types.OrganizationalUnitNotFoundException](t, err)
	_, err = c.DescribeAccount(t.Context(), &organizations.DescribeAccountInput{AccountId: aws.String("999999999999")})
	wantError[*types.AccountNotFoundException](t, err)
	_, err = c.ListParents(t.Context(), &organizations.ListParentsInput{ChildId: aws.String("999999999999")})
	wantError[*types.ChildNotFoundException](t, err)
	_, err = c.ListAccounts(t.Context(), &organizations.ListAccountsInput{MaxResults: aws.Int32(21)})
	wantError[*types.InvalidInputException](t, err)
	_, err = c.ListAccounts(t.Context(), &organizations.ListAccountsInput{NextToken: aws.String("x")})
	wantError[*types.InvalidInputException](t, err)
}

func TestRegions(t *testing.T) {
	w := newWorld(t)
	w.org.Account(member).EnableRegion("af-south-1")
	var names []string
	pages := account.NewListRegionsPaginator(w.account(), &account.ListRegionsInput{
		MaxResults: aws.Int32(5), RegionOptStatusContains: []accounttypes.RegionOptStatus{"ENABLED", "ENABLED_BY_DEFAULT"},
	})
	for pages.HasMorePages() {
		for _, r := range must(pages.NextPage(t.Context()))(t).Regions {
			names = append(names, *r.RegionName)
		}
	}
	wantSame(t, len(names), 18)
	wantSame(t, names[0], "af-south-1")
	status := must(w.account().GetRegionOptStatus(t.Context(), &account.GetRegionOptStatusInput{RegionName: aws.String("eu-south-1")}))(t)
	wantSame(t, status.RegionOptStatus, accounttypes.RegionOptStatusDisabled)
	_, err := w.account().GetRegionOptStatus(t.Context(), &account.GetRegionOptStatusInput{RegionName: aws.String("moon-1")})
	wantError[*accounttypes.ValidationException](t, err)
	_, err = w.account().ListRegions(t.Context(), &account.ListRegionsInput{AccountId: aws.String(other)})
	wantError[*accounttypes.AccessDeniedException](t, err)
}

func TestDescribeRegions(t *testing.T) {
	w := newWorld(t)
	w.org.Account(member).EnableRegion("af-south-1")
	describe := func(in ec2.DescribeRegionsInput) ([]ec2types.Region, error) {
		out, err := w.ec2().DescribeRegions(t.Context(), &in)
		if err != nil {
			return nil, err
		}
		return out.Regions, nil
	}
	wantSame(t, len(must(describe(ec2.DescribeRegionsInput{}))(t)), 18)
	wantSame(t, len(must(describe(ec2.DescribeRegionsInput{AllRegions: aws.Bool(true)}))(t)), 34)
	named := must(describe(ec2.DescribeRegionsInput{RegionNames: []string{"af-south-1", "eu-west-1"}}))(t)
	wantSame(t, *named[0].OptInStatus+" "+*named[1].OptInStatus, "opted-in opt-in-not-required")
	wantSame(t, *named[0].Endpoint, "ec2.af-south-1.amazonaws.com")
	filtered := must(describe(ec2.DescribeRegionsInput{AllRegions: aws.Bool(true), Filters: []ec2types.Filter{{Name: aws.String("opt-in-status"), Values: []string{"not-opted-in"}}}}))(t)
	wantSame(t, len(filtered), 16)
	_, err := describe(ec2.DescribeRegionsInput{RegionNames: []string{"moon-1"}})
	wantCode(t, err, "InvalidParameterValue")
	_, err = describe(ec2.DescribeRegionsInput{Filters: []ec2types.Filter{{Name: aws.String("colour"), Values: []string{"red"}}}})
	wantCode(t, err, "InvalidParameterValue")

	w.org.Account(member).AddRole(awssim.Role{Name: "none", Denied: []string{"*"}})
	c, _ := w.org.Account(member).RoleCredentials("none")
	_, err = ec2.NewFromConfig(w.configFor(c)).DescribeRegions(t.Context(), &ec2.DescribeRegionsInput{})
	wantCode(t, err, "UnauthorizedOperation")
	_, err = account.NewFromConfig(w.configFor(c)).ListRegions(t.Context(), &account.ListRegionsInput{})
	wantError[*accounttypes.AccessDeniedException](t, err)
}
