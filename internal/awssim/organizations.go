package awssim

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"
)

// organizationsOperations are the operations of Organizations. All but the first are for the management account and delegated administrators.
func organizationsOperations() map[string]operation {
	return map[string]operation{
		"DescribeOrganization":             organizationsOperation(false, describeOrganization),
		"ListAccounts":                     organizationsOperation(true, listAccounts),
		"ListRoots":                        organizationsOperation(true, listRoots),
		"ListOrganizationalUnitsForParent": organizationsOperation(true, listOrganizationalUnitsForParent),
		"ListAccountsForParent":            organizationsOperation(true, listAccountsForParent),
		"ListChildren":                     organizationsOperation(true, listChildren),
		"ListParents":                      organizationsOperation(true, listParents),
		"DescribeAccount":                  organizationsOperation(true, describeAccount),
		"DescribeOrganizationalUnit":       organizationsOperation(true, describeOrganizationalUnit),
		"ListDelegatedAdministrators":      organizationsOperation(true, listDelegatedAdministrators),
		"ListTagsForResource":              organizationsOperation(true, listAccountTags),
	}
}

// organizationsOperation checks that the caller is in an organization and, where only administrators may call, is one.
func organizationsOperation[In any](administrators bool, run func(*call, *In) (any, error)) operation {
	return reading(func(c *call, in *In) (any, error) {
		o := c.org
		o.mu.RLock()
		defer o.mu.RUnlock()
		id := c.caller.account.id
		if o.standalone[id] {
			return nil, failure("AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
		}
		if administrators && id != o.options.ManagementAccount && len(o.delegates[id]) == 0 {
			return nil, failure("AccessDeniedException", "You don't have permissions to access this resource.")
		}
		return run(c, in)
	})
}

var (
	unitID   = regexp.MustCompile(`^ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}$`)
	parentID = regexp.MustCompile(`^(r-[0-9a-z]{4,32}|ou-[0-9a-z]{4,32}-[a-z0-9]{8,32})$`)
	childID  = regexp.MustCompile(`^(\d{12}|ou-[0-9a-z]{4,32}-[a-z0-9]{8,32})$`)
)

func invalidInput(reason, message string) error {
	return &apiError{code: "InvalidInputException", message: message, reason: reason}
}

func matches(pattern *regexp.Regexp, name, value string) error {
	if pattern.MatchString(value) {
		return nil
	}
	return invalidInput("INVALID_PATTERN", "You provided a value for "+name+" that does not match the required pattern.")
}

// pageInput is how Organizations asks for pages of at most 20.
type pageInput struct {
	MaxResults *int   `json:"MaxResults"`
	NextToken  string `json:"NextToken"`
}

// orgPage cuts a page out of keys, with the errors of Organizations.
func (in pageInput) orgPage(c *call, listing string, keys []string) ([]string, string, error) {
	n := 20
	if in.MaxResults != nil {
		n = *in.MaxResults
	}
	if n < 1 {
		return nil, "", invalidInput("MIN_VALUE_EXCEEDED", "You specified a value for MaxResults that is lower than the minimum.")
	}
	if n > 20 {
		return nil, "", invalidInput("MAX_VALUE_EXCEEDED", "You specified a value for MaxResults that is greater than the maximum of 20.")
	}
	page, next, err := pageOf(c, paging{&n, in.NextToken}, listing, keys, 20, 20)
	if err != nil {
		return nil, "", invalidInput("INVALID_NEXT_TOKEN", "You provided an invalid NextToken.")
	}
	return page, next, nil
}

func describeOrganization(c *call, _ *none) (any, error) {
	o := c.org
	master := o.options.ManagementAccount
	type organization struct {
		ID                   string     `json:"Id"`
		Arn                  string     `json:"Arn"`
		FeatureSet           string     `json:"FeatureSet"`
		MasterAccountArn     string     `json:"MasterAccountArn"`
		MasterAccountID      string     `json:"MasterAccountId"`
		MasterAccountEmail   string     `json:"MasterAccountEmail"`
		AvailablePolicyTypes []struct{} `json:"AvailablePolicyTypes"`
	}
	return struct {
		Organization organization `json:"Organization"`
	}{organization{
		o.ID(), o.orgARN("organization/" + o.ID()), "ALL", o.orgARN("account/" + o.ID() + "/" + master), master, o.accounts[master].about.Email, []struct{}{},
	}}, nil
}

// orgARN is an ARN of Organizations, which all belong to the management account.
func (o *Organization) orgARN(resource string) string {
	return o.arn("organizations", "", o.options.ManagementAccount, resource)
}

type accountOutput struct {
	ID       string   `json:"Id"`
	Arn      string   `json:"Arn"`
	Email    string   `json:"Email"`
	Name     string   `json:"Name"`
	State    string   `json:"State"`
	Status   string   `json:"Status,omitempty"`
	Joined   string   `json:"JoinedMethod"`
	JoinedAt *stamp   `json:"JoinedTimestamp,omitempty"`
	Paths    []string `json:"Paths,omitempty"`
}

// retired is when Account.Status disappeared in favour of Account.State.
var retired = time.Date(2026, 9, 9, 0, 0, 0, 0, time.UTC)

func (o *Organization) accountOutput(a *LiveAccount) accountOutput {
	a.mu.RLock()
	defer a.mu.RUnlock()
	out := accountOutput{
		a.id, o.orgARN("account/" + o.ID() + "/" + a.id), a.about.Email, a.about.Name, a.about.State, "", "CREATED", stampOf(a.about.JoinedAt),
		[]string{o.path(a.about.OU) + a.id + "/"},
	}
	if a.id == o.options.ManagementAccount {
		out.Joined = "INVITED"
	}
	if o.options.Clock().Add(o.offset).Before(retired) {
		switch a.about.State {
		case "ACTIVE", "SUSPENDED", "PENDING_CLOSURE":
			out.Status = a.about.State
		case "CLOSED":
			out.Status = "SUSPENDED"
		}
	}
	return out
}

// path is the path of a unit, "o-…/r-…/ou-…/".
func (o *Organization) path(unit string) string {
	if unit == o.RootID() {
		return o.ID() + "/" + unit + "/"
	}
	return o.path(o.units[unit].parent) + unit + "/"
}

// members are the ids of the accounts of the organization, in the units that are selected.
func (o *Organization) members(selected func(unit string) bool) []string {
	var ids []string
	for _, a := range o.sortedAccounts() {
		if !o.standalone[a.id] && selected(a.about.OU) {
			ids = append(ids, a.id)
		}
	}
	return ids
}

type accountsOutput struct {
	Accounts  []accountOutput `json:"Accounts"`
	NextToken string          `json:"NextToken,omitempty"`
}

func (o *Organization) accountsOutput(ids []string, next string) accountsOutput {
	out := accountsOutput{[]accountOutput{}, next}
	for _, id := range ids {
		out.Accounts = append(out.Accounts, o.accountOutput(o.accounts[id]))
	}
	return out
}

func listAccounts(c *call, in *pageInput) (any, error) {
	page, next, err := in.orgPage(c, "", c.org.members(func(string) bool { return true }))
	if err != nil {
		return nil, err
	}
	return c.org.accountsOutput(page, next), nil
}

type rootOutput struct {
	ID          string     `json:"Id"`
	Arn         string     `json:"Arn"`
	Name        string     `json:"Name"`
	PolicyTypes []struct{} `json:"PolicyTypes"`
}

func listRoots(c *call, _ *pageInput) (any, error) {
	id := c.org.RootID()
	return struct {
		Roots []rootOutput `json:"Roots"`
	}{[]rootOutput{{id, c.org.orgARN("root/" + c.org.ID() + "/" + id), "Root", []struct{}{}}}}, nil
}

type parentInput struct {
	pageInput
	ParentID  string `json:"ParentId"`
	ChildType string `json:"ChildType"`
}

func (in parentInput) resource(c *call) string {
	kind := "ou/"
	if strings.HasPrefix(in.ParentID, "r-") {
		kind = "root/"
	}
	return c.org.orgARN(kind + c.org.ID() + "/" + in.ParentID)
}

func (in parentInput) validate(o *Organization) error {
	if err := matches(parentID, "ParentId", in.ParentID); err != nil {
		return err
	}
	if o.units[in.ParentID] == nil {
		return failure("ParentNotFoundException", "You specified a parent that doesn't exist.")
	}
	return nil
}

// unitsUnder are the ids of the units right under a parent.
func (o *Organization) unitsUnder(parent string) []string {
	var ids []string
	for _, id := range sortedKeys(o.units) {
		if o.units[id].parent == parent {
			ids = append(ids, id)
		}
	}
	return ids
}

type unitOutput struct {
	ID   string `json:"Id"`
	Arn  string `json:"Arn"`
	Name string `json:"Name"`
	Path string `json:"Path"`
}

func (o *Organization) unitOutput(id string) unitOutput {
	return unitOutput{id, o.orgARN("ou/" + o.ID() + "/" + id), o.units[id].name, o.path(id)}
}

func listOrganizationalUnitsForParent(c *call, in *parentInput) (any, error) {
	if err := in.validate(c.org); err != nil {
		return nil, err
	}
	page, next, err := in.orgPage(c, in.ParentID, c.org.unitsUnder(in.ParentID))
	if err != nil {
		return nil, err
	}
	out := struct {
		Units     []unitOutput `json:"OrganizationalUnits"`
		NextToken string       `json:"NextToken,omitempty"`
	}{[]unitOutput{}, next}
	for _, id := range page {
		out.Units = append(out.Units, c.org.unitOutput(id))
	}
	return out, nil
}

func listAccountsForParent(c *call, in *parentInput) (any, error) {
	if err := in.validate(c.org); err != nil {
		return nil, err
	}
	page, next, err := in.orgPage(c, in.ParentID, c.org.members(func(unit string) bool { return unit == in.ParentID }))
	if err != nil {
		return nil, err
	}
	return c.org.accountsOutput(page, next), nil
}

type relative struct {
	ID   string `json:"Id"`
	Type string `json:"Type"`
}

func listChildren(c *call, in *parentInput) (any, error) {
	if err := in.validate(c.org); err != nil {
		return nil, err
	}
	var ids []string
	switch in.ChildType {
	case "ACCOUNT":
		ids = c.org.members(func(unit string) bool { return unit == in.ParentID })
	case "ORGANIZATIONAL_UNIT":
		ids = c.org.unitsUnder(in.ParentID)
	default:
		return nil, invalidInput("INVALID_ENUM", "You specified a ChildType that is invalid.")
	}
	page, next, err := in.orgPage(c, in.ParentID+in.ChildType, ids)
	if err != nil {
		return nil, err
	}
	out := struct {
		Children  []relative `json:"Children"`
		NextToken string     `json:"NextToken,omitempty"`
	}{[]relative{}, next}
	for _, id := range page {
		out.Children = append(out.Children, relative{id, in.ChildType})
	}
	return out, nil
}

type childInput struct {
	pageInput
	ChildID string `json:"ChildId"`
}

func listParents(c *call, in *childInput) (any, error) {
	if err := matches(childID, "ChildId", in.ChildID); err != nil {
		return nil, err
	}
	parent := ""
	if account := c.org.accounts[in.ChildID]; account != nil && !c.org.standalone[in.ChildID] {
		parent = account.about.OU
	} else if unit := c.org.units[in.ChildID]; unit != nil {
		parent = unit.parent
	} else {
		return nil, failure("ChildNotFoundException", "You specified a child that doesn't exist.")
	}
	kind := "ORGANIZATIONAL_UNIT"
	if parent == c.org.RootID() {
		kind = "ROOT"
	}
	return struct {
		Parents []relative `json:"Parents"`
	}{[]relative{{parent, kind}}}, nil
}

type accountInput struct {
	AccountID string `json:"AccountId"`
}

func describeAccount(c *call, in *accountInput) (any, error) {
	if err := matches(accountID, "AccountId", in.AccountID); err != nil {
		return nil, err
	}
	account := c.org.accounts[in.AccountID]
	if account == nil || c.org.standalone[in.AccountID] {
		return nil, failure("AccountNotFoundException", "You specified an account that doesn't exist.")
	}
	return struct {
		Account accountOutput `json:"Account"`
	}{c.org.accountOutput(account)}, nil
}

type unitInput struct {
	ID string `json:"OrganizationalUnitId"`
}

func describeOrganizationalUnit(c *call, in *unitInput) (any, error) {
	if err := matches(unitID, "OrganizationalUnitId", in.ID); err != nil {
		return nil, err
	}
	if c.org.units[in.ID] == nil {
		return nil, failure("OrganizationalUnitNotFoundException", "You specified an organizational unit that doesn't exist.")
	}
	return struct {
		Unit unitOutput `json:"OrganizationalUnit"`
	}{c.org.unitOutput(in.ID)}, nil
}

type delegatesInput struct {
	pageInput
	Service string `json:"ServicePrincipal"`
}

func listDelegatedAdministrators(c *call, in *delegatesInput) (any, error) {
	var ids []string
	for _, id := range sortedKeys(c.org.delegates) {
		if in.Service == "" || slices.Contains(c.org.delegates[id], in.Service) {
			ids = append(ids, id)
		}
	}
	page, next, err := in.orgPage(c, in.Service, ids)
	if err != nil {
		return nil, err
	}
	type delegate struct {
		accountOutput
		DelegationEnabledDate *stamp `json:"DelegationEnabledDate,omitempty"`
	}
	out := struct {
		Administrators []delegate `json:"DelegatedAdministrators"`
		NextToken      string     `json:"NextToken,omitempty"`
	}{[]delegate{}, next}
	for _, id := range page {
		d := delegate{c.org.accountOutput(c.org.accounts[id]), nil}
		d.DelegationEnabledDate, d.Paths = d.JoinedAt, nil
		d.Status = cmp.Or(d.Status, d.State)
		out.Administrators = append(out.Administrators, d)
	}
	return out, nil
}

type taggedInput struct {
	ResourceID string `json:"ResourceId"`
	NextToken  string `json:"NextToken"`
}

func (in taggedInput) resource(c *call) string {
	return c.org.orgARN("account/" + c.org.ID() + "/" + in.ResourceID)
}

// listAccountTags knows accounts only; Organizations also has tags of roots, units and policies.
func listAccountTags(c *call, in *taggedInput) (any, error) {
	if err := matches(accountID, "ResourceId", in.ResourceID); err != nil {
		return nil, err
	}
	account := c.org.accounts[in.ResourceID]
	if account == nil || c.org.standalone[in.ResourceID] {
		return nil, failure("TargetNotFoundException", "We can't find a root, OU, account, or policy with the TargetId that you specified.")
	}
	account.mu.RLock()
	defer account.mu.RUnlock()
	page, next, err := pageInput{NextToken: in.NextToken}.orgPage(c, in.ResourceID, sortedKeys(account.about.Tags))
	if err != nil {
		return nil, err
	}
	type tag struct {
		Key   string `json:"Key"`
		Value string `json:"Value"`
	}
	out := struct {
		Tags      []tag  `json:"Tags"`
		NextToken string `json:"NextToken,omitempty"`
	}{[]tag{}, next}
	for _, key := range page {
		out.Tags = append(out.Tags, tag{key, account.about.Tags[key]})
	}
	return out, nil
}
