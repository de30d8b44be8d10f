package awssim

import (
	"fmt"
	"slices"
	"strconv"
)

func accountOperations() map[string]operation {
	return map[string]operation{
		"ListRegions":        reading(listRegions),
		"GetRegionOptStatus": reading(getRegionOptStatus),
	}
}

// optStatus is the status of a region for an account, as Account tells it.
func (a *LiveAccount) optStatus(r region) string {
	switch {
	case !r.optIn && a.regionEnabled(r.name):
		return "ENABLED_BY_DEFAULT"
	case a.regionEnabled(r.name):
		return "ENABLED"
	}
	return "DISABLED"
}

// inAccount is the part of an input that names an account, which only the management account may do for others.
type inAccount struct {
	AccountID string `json:"AccountId"`
}

func (in inAccount) account(c *call) (*LiveAccount, error) {
	if in.AccountID == "" {
		return c.caller.account, nil
	}
	if !accountID.MatchString(in.AccountID) {
		return nil, failure("ValidationException", `AccountId must satisfy regular expression pattern: \d{12}`)
	}
	target := c.org.Account(in.AccountID)
	arn := c.org.arn("account", "", c.caller.account.id, "account/"+c.org.ID()+"/"+in.AccountID)
	if target == nil || c.caller.account.id != c.org.options.ManagementAccount {
		return nil, c.notAllowed(arn)
	}
	if in.AccountID == c.caller.account.id { // AWS takes the parameter only for member accounts
		return nil, failure("ValidationException", "The management account can't specify its own AccountId")
	}
	return target, nil
}

type listRegionsInput struct {
	inAccount
	MaxResults *int     `json:"MaxResults"`
	NextToken  string   `json:"NextToken"`
	Statuses   []string `json:"RegionOptStatusContains"`
}

type regionOutput struct {
	Name   string `json:"RegionName"`
	Status string `json:"RegionOptStatus"`
}

func listRegions(c *call, in *listRegionsInput) (any, error) {
	account, err := in.account(c)
	if err != nil {
		return nil, err
	}
	for _, status := range in.Statuses {
		if !slices.Contains([]string{"ENABLED", "ENABLING", "DISABLING", "DISABLED", "ENABLED_BY_DEFAULT"}, status) {
			return nil, failure("ValidationException", "RegionOptStatusContains: %q is no status", status)
		}
	}
	n := 50
	if in.MaxResults != nil {
		n = *in.MaxResults
	}
	if n < 1 || n > 50 {
		return nil, failure("ValidationException", "MaxResults must be between 1 and 50")
	}
	statuses := map[string]string{}
	for _, r := range regionsOf[c.org.Partition()] {
		if status := account.optStatus(r); len(in.Statuses) == 0 || slices.Contains(in.Statuses, status) {
			statuses[r.name] = status
		}
	}
	listing := account.id + fmt.Sprint(in.Statuses)
	page, next, err := pageOf(c, paging{&n, in.NextToken}, listing, sortedKeys(statuses), n, 50)
	if err != nil {
		return nil, failure("ValidationException", "NextToken is invalid")
	}
	out := struct {
		Regions   []regionOutput `json:"Regions"`
		NextToken string         `json:"NextToken,omitempty"`
	}{[]regionOutput{}, next}
	for _, name := range page {
		out.Regions = append(out.Regions, regionOutput{name, statuses[name]})
	}
	return out, nil
}

type regionInput struct {
	inAccount
	RegionName string `json:"RegionName"`
}

func getRegionOptStatus(c *call, in *regionInput) (any, error) {
	account, err := in.account(c)
	if err != nil {
		return nil, err
	}
	known, optIn := lookupRegion(c.org.Partition(), in.RegionName)
	if !known {
		return nil, failure("ValidationException", "Invalid region %s", strconv.Quote(in.RegionName))
	}
	return regionOutput{in.RegionName, account.optStatus(region{in.RegionName, optIn})}, nil
}
