package collect

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// operation is a call of AWS, named as its IAM action. Each stands in the table
// of [Calls], without which it is not made.
type operation string

// The operations that collecting calls.
const (
	opAssumeRole                              operation = "sts:AssumeRole" //nolint:gosec // it holds no credentials
	opDescribeOrganization                    operation = "organizations:DescribeOrganization"
	opListAccounts                            operation = "organizations:ListAccounts"
	opListAccountsForParent                   operation = "organizations:ListAccountsForParent"
	opListOrganizationalUnitsForParent        operation = "organizations:ListOrganizationalUnitsForParent"
	opAccountListTagsForResource              operation = "organizations:ListTagsForResource"
	opDescribeRegions                         operation = "ec2:DescribeRegions"
	opListRegions                             operation = "account:ListRegions"
	opDescribeRepositories                    operation = "ecr:DescribeRepositories"
	opGetRegistryPolicy                       operation = "ecr:GetRegistryPolicy"
	opGetRegistryScanningConfiguration        operation = "ecr:GetRegistryScanningConfiguration"
	opDescribeRegistry                        operation = "ecr:DescribeRegistry"
	opDescribePullThroughCacheRules           operation = "ecr:DescribePullThroughCacheRules"
	opDescribeRepositoryCreationTemplates     operation = "ecr:DescribeRepositoryCreationTemplates"
	opGetAccountSetting                       operation = "ecr:GetAccountSetting"
	opGetRepositoryPolicy                     operation = "ecr:GetRepositoryPolicy"
	opGetLifecyclePolicy                      operation = "ecr:GetLifecyclePolicy"
	opListTagsForResource                     operation = "ecr:ListTagsForResource"
	opBatchGetRepositoryScanningConfiguration operation = "ecr:BatchGetRepositoryScanningConfiguration"
	opDescribeImages                          operation = "ecr:DescribeImages"
	opBatchGetImage                           operation = "ecr:BatchGetImage"
	opDescribeImageScanFindings               operation = "ecr:DescribeImageScanFindings"
)

// Party is whose credentials a call is made with.
type Party string

// The parties.
const (
	ByRole   Party = "role"   // those with which an account is read
	ByCaller Party = "caller" // the ambient ones, or those of the hub role
)

// Occasion is what, beside needs, decides whether a call is made.
type Occasion string

// The occasions.
const (
	Always       Occasion = "always"
	ForOthers    Occasion = "accounts other than the caller's"
	ForUnits     Occasion = "--ou"
	ForRegions   Occasion = "--regions all"
	AfterADenial Occasion = "where ec2:DescribeRegions is denied"
)

// Call is a row of the table: an operation, who makes it, and for what.
type Call struct {
	Operation string // as its IAM action is named
	By        Party
	Needs     []snapshot.Need // any of which takes it
	Occasions []Occasion      // any of which takes it
	// Enhanced are the IAM actions that AWS asks for beside Operation where the
	// registry's scanning is enhanced.
	Enhanced []string
}

// Calls is the table by which AWS is read: every operation that collecting may
// call. An operation without a row is not called.
func Calls() []Call {
	row := func(o operation, by Party, needs ...snapshot.Need) Call {
		return Call{Operation: string(o), By: by, Needs: needs}
	}
	on := func(o operation, by Party, needs []snapshot.Need, occasions ...Occasion) Call {
		return Call{Operation: string(o), By: by, Needs: needs, Occasions: occasions}
	}
	findings := row(opDescribeImageScanFindings, ByRole, snapshot.NeedReleaseScanFindings, snapshot.NeedScanFindings)
	findings.Enhanced = []string{"inspector2:ListCoverage", "inspector2:ListFindings"}
	return []Call{
		on(opAssumeRole, ByCaller, nil, ForOthers),
		on(opDescribeOrganization, ByCaller, nil, Always),
		on(opListAccounts, ByCaller, nil, Always),
		on(opListAccountsForParent, ByCaller, nil, ForUnits),
		on(opListOrganizationalUnitsForParent, ByCaller, []snapshot.Need{snapshot.NeedUnitNames}, ForUnits),
		row(opAccountListTagsForResource, ByCaller, snapshot.NeedAccountTags),
		on(opDescribeRegions, ByRole, nil, ForRegions),
		on(opListRegions, ByRole, nil, AfterADenial),
		on(opDescribeRepositories, ByRole, nil, Always),
		row(opGetRegistryPolicy, ByRole, snapshot.NeedRegistryPolicy),
		row(opGetRegistryScanningConfiguration, ByRole, snapshot.NeedRegistryScanning),
		row(opDescribeRegistry, ByRole, snapshot.NeedReplication),
		row(opDescribePullThroughCacheRules, ByRole, snapshot.NeedPullThroughCache),
		row(opDescribeRepositoryCreationTemplates, ByRole, snapshot.NeedCreationTemplates),
		row(opGetAccountSetting, ByRole, snapshot.NeedAccountSettings),
		row(opGetRepositoryPolicy, ByRole, snapshot.NeedPolicy),
		row(opGetLifecyclePolicy, ByRole, snapshot.NeedLifecycle),
		row(opListTagsForResource, ByRole, snapshot.NeedTags),
		row(opBatchGetRepositoryScanningConfiguration, ByRole, snapshot.NeedScanning),
		row(opDescribeImages, ByRole, snapshot.ImageNeeds()...),
		row(opBatchGetImage, ByRole, snapshot.NeedImageGraph, snapshot.NeedReleaseScanFindings, snapshot.NeedScanFindings),
		findings,
	}
}

// Extent is what of a run decides which calls it makes.
type Extent struct {
	Needs            snapshot.Needs
	Others           bool // accounts other than the caller's are read
	Units            bool // they are selected by organizational units
	AllRegions       bool // each account is asked for its regions
	EnhancedScanning bool // some registries have enhanced scanning
}

// Permissions are the IAM actions that a run takes of a party, sorted: those,
// and no others. account:ListRegions is not among them, because it is only tried
// where ec2:DescribeRegions is denied.
func (e Extent) Permissions(by Party) []string {
	var actions []string
	for _, call := range Calls() {
		if call.By != by || !e.makes(call) {
			continue
		}
		actions = append(actions, call.Operation)
		if e.EnhancedScanning {
			actions = append(actions, call.Enhanced...)
		}
	}
	slices.Sort(actions)
	return actions
}

func (e Extent) makes(c Call) bool {
	holds := map[Occasion]bool{Always: true, ForOthers: e.Others, ForUnits: e.Units, ForRegions: e.AllRegions}
	return slices.ContainsFunc(c.Occasions, func(o Occasion) bool { return holds[o] }) ||
		slices.ContainsFunc(c.Needs, func(n snapshot.Need) bool { return e.Needs[n] })
}

// rows are the operations that have a row in the table.
var rows = sync.OnceValue(func() map[operation]bool {
	all := map[operation]bool{}
	for _, call := range Calls() {
		all[operation(call.Operation)] = true
	}
	return all
})

// listed is the error of an operation that has no row in the table.
func (o operation) listed() error {
	if rows()[o] {
		return nil
	}
	return fmt.Errorf("%s is not in the table of calls, so that nobody would know which permission it takes", o)
}

// ask makes a call, and repeats it until there is an answer.
func ask[T any](ctx context.Context, c *awsapi.Caller, o operation, call func(context.Context) (T, error)) (answer T, err error) {
	if err := o.listed(); err != nil {
		return answer, err
	}
	return awsapi.Call(ctx, c, string(o), call)
}

// eachPage makes a call for one page after the other.
func eachPage(ctx context.Context, c *awsapi.Caller, o operation, fetch func(ctx context.Context, token *string) (next *string, err error)) error {
	if err := o.listed(); err != nil {
		return err
	}
	return awsapi.EachPage(ctx, c, string(o), fetch)
}
