// Package permissions turns lists of IAM actions into the policies that allow
// just these: for the roles with which accounts are read and mended, and for
// whoever assumes them. It knows on which resources an action is allowed, as the
// Service Authorization Reference of AWS says, and how a policy is written for
// IAM, CloudFormation and Terraform. Which actions a run takes it is told.
//
// Actions on repositories are allowed on the repositories of the account, and
// "*" stands only where AWS has nothing narrower.
package permissions

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Policy is a policy document of IAM.
type Policy struct {
	Version   string
	Statement []Statement
}

// Statement is a statement of a policy.
type Statement struct {
	Sid       string
	Effect    string
	Principal *Principal `json:",omitempty"` // of a trust policy
	Action    []string
	Resource  []string   `json:",omitempty"` // of an identity-based policy
	Condition Conditions `json:",omitempty"`
}

// Principal is who is trusted: an ARN.
type Principal struct{ AWS string }

// Conditions are values by operator and condition key.
type Conditions map[string]map[string]string

// JSON is the policy as IAM takes it, indented.
func (p Policy) JSON() []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(p); err != nil {
		panic(err) // it is made of strings
	}
	return b.Bytes()
}

// The limits of IAM, in characters without white space:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const (
	managedPolicyLimit = 6144
	inlinePolicyLimit  = 10240 // of all that a role has, as templates give it
	trustPolicyLimit   = 2048
)

// size is the number of characters that IAM counts, at most, after a template has
// filled in what it is to.
func (p Policy) size() int {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // as above
	}
	const partition, account = "aws-us-gov", "111122223333" // none is longer
	filled := strings.NewReplacer(
		CloudFormationPlace().Partition, partition, CloudFormationPlace().Account, account,
		TerraformPlace().Partition, partition, TerraformPlace().Account, account,
	).Replace(string(text))
	return len([]rune(filled))
}

// Place is where the policies are attached, as it is written into ARNs.
type Place struct{ Partition, Account string }

// AnyAccount stands for the account in policies that fit every account.
const AnyAccount = "*"

// Role is a role, and who may assume it.
type Role struct {
	Kind   Kind
	Name   string // with its path, if it has one
	About  string // in a sentence
	Policy Policy
	Trust  *Policy // nil where it is not known who assumes it
}

// Kind is what a role is for.
type Kind string

// The kinds of roles.
const (
	Reader Kind = "reader" // reads an account
	Fixer  Kind = "fixer"  // mends what is found in an account
	Hub    Kind = "hub"    // assumes the others
)

// Title is the kind as resources of templates are named after it.
func (k Kind) Title() string { return strings.ToUpper(string(k)[:1]) + string(k)[1:] }

// split is the role's path and its name without it.
func (r Role) split() (path, name string) {
	full := "/" + strings.TrimPrefix(r.Name, "/")
	at := strings.LastIndex(full, "/")
	return full[:at+1], full[at+1:]
}

// Request says what is to be allowed to whom.
type Request struct {
	Place      Place
	ReaderName string   // of the role with which accounts are read
	FixerName  string   // of the role with which they are mended
	Reading    []string // IAM actions that reading an account takes
	Fixing     []string // IAM actions that mending takes; none is no fixer
	Calling    []string // IAM actions of whoever assumes the roles

	// Hub is the ARN of the role that assumes the others; HubAccount the account
	// whose principals do. With neither, nobody is known to be trusted.
	Hub, HubAccount string
	ExternalID      string // that the roles demand
	Organization    string // id of the organization that who assumes them must belong to; empty is not asked
	// Accounts are those that are entered, or with WholeOrganization all, but for
	// those in Exclude.
	Accounts          []string
	WholeOrganization bool
	Exclude           []string
	// Own says that the account of whoever assumes the roles is read, and mended,
	// with that one's own credentials.
	Own bool
	// RuleRepositories are the ARNs of repositories of ECR that rules are pulled
	// from, by who starts ecraudit.
	RuleRepositories []string
}

// Answer is what is to be allowed: roles, and what the caller needs beside them.
type Answer struct {
	Roles  []Role
	Caller Policy
}

// Role is the role of a kind, or nil.
func (a *Answer) Role(k Kind) *Role {
	for i := range a.Roles {
		if a.Roles[i].Kind == k {
			return &a.Roles[i]
		}
	}
	return nil
}

// Documents are the policies by name, in order: that of each role, the trust
// policy of each that has one, and the caller's.
func (a *Answer) Documents() (names []string, of map[string]Policy) {
	of = map[string]Policy{}
	add := func(name string, p Policy) { names, of[name] = append(names, name), p }
	for _, r := range a.Roles {
		add(string(r.Kind), r.Policy)
		if r.Trust != nil {
			add(string(r.Kind)+"-trust", *r.Trust)
		}
	}
	if len(a.Caller.Statement) > 0 {
		add("caller", a.Caller)
	}
	return names, of
}

// Make writes the policies.
func Make(r Request) *Answer {
	a := &Answer{Roles: []Role{{
		Kind: Reader, Name: r.ReaderName, About: "Lets ecraudit read the ECR registries of this account.",
		Policy: policy(r.statements("Read", r.Reading)...), Trust: r.trust(r.principal()),
	}}}
	if len(r.Fixing) > 0 {
		a.Roles = append(a.Roles, Role{
			Kind: Fixer, Name: r.FixerName, About: "Lets ecraudit mend what it finds in the ECR registries of this account.",
			Policy: policy(r.statements("Fix", r.Fixing)...), Trust: r.trust(r.principal()),
		})
	}
	a.Caller = policy(r.calling()...)
	if r.Hub != "" {
		_, rest, _ := strings.Cut(r.Hub, ":role/")
		a.Roles = append(a.Roles, Role{
			Kind: Hub, Name: rest, About: "Lets ecraudit list the organization and assume its roles in every account.",
			Policy: a.Caller, Trust: r.trust(rootOf(r.Place.Partition, AccountOf(r.Hub))),
		})
		a.Caller = policy(allow("EnterHub", []string{assumeRole}, []string{r.Hub}))
	}
	if len(r.RuleRepositories) > 0 {
		a.Caller.Statement = append(a.Caller.Statement,
			allow("LogInForRules", []string{"ecr:GetAuthorizationToken"}, []string{"*"}),
			allow("PullRules", []string{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}, r.RuleRepositories))
	}
	return a
}

// AccountOf is the account in an ARN.
func AccountOf(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	return ""
}

// PartitionOf is the partition in an ARN.
func PartitionOf(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return parts[1]
	}
	return ""
}

func rootOf(partition, account string) string {
	return "arn:" + partition + ":iam::" + account + ":root"
}

// principal is who assumes the roles of accounts; empty when that is not known.
func (r Request) principal() string {
	switch {
	case r.Hub != "":
		return r.Hub
	case r.HubAccount != "":
		return rootOf(r.Place.Partition, r.HubAccount)
	}
	return ""
}

const assumeRole = "sts:AssumeRole"

func policy(statements ...Statement) Policy {
	return Policy{Version: "2012-10-17", Statement: slices.DeleteFunc(statements, func(s Statement) bool { return len(s.Action) == 0 })}
}

func allow(sid string, actions, resources []string) Statement {
	return Statement{Sid: sid, Effect: "Allow", Action: actions, Resource: resources}
}

// trust lets a principal assume a role, if it gives the external id and belongs
// to the organization.
func (r Request) trust(principal string) *Policy {
	if principal == "" {
		return nil
	}
	demands := map[string]string{}
	if r.ExternalID != "" {
		demands["sts:ExternalId"] = r.ExternalID
	}
	if r.Organization != "" {
		demands["aws:PrincipalOrgID"] = r.Organization
	}
	s := Statement{Sid: "LetAssume", Effect: "Allow", Principal: &Principal{principal}, Action: []string{assumeRole}}
	if len(demands) > 0 {
		s.Condition = Conditions{"StringEquals": demands}
	}
	p := policy(s)
	return &p
}

// calling is what whoever assumes the roles needs: to enter the accounts, to
// know the organization, and what is done in the own account.
func (r Request) calling() []Statement {
	var rest []string
	var statements []Statement
	for _, action := range r.Calling {
		if action == assumeRole {
			statements = append(statements, r.enter()...)
		} else {
			rest = append(rest, action)
		}
	}
	statements = append(statements, r.statements("", rest)...)
	if r.Own {
		r.Place.Account = r.ownAccount()
		statements = append(statements, r.statements("Read", r.Reading)...)
		statements = append(statements, r.statements("Fix", r.Fixing)...)
	}
	return statements
}

// ownAccount is the account of whoever assumes the roles, where it is known.
func (r Request) ownAccount() string {
	switch {
	case r.Hub != "":
		return AccountOf(r.Hub)
	case r.HubAccount != "":
		return r.HubAccount
	}
	return r.Place.Account
}

// enter allows to assume the roles in the accounts that are named, or in every
// account of the caller's organization but those that are excluded.
func (r Request) enter() []Statement {
	if !r.WholeOrganization {
		if len(r.Accounts) == 0 {
			return nil
		}
		return []Statement{allow("EnterAccounts", []string{assumeRole}, r.rolesIn(r.Accounts))}
	}
	all := allow("EnterAccounts", []string{assumeRole}, r.rolesIn([]string{AnyAccount}))
	all.Condition = Conditions{"StringEquals": {"aws:ResourceOrgID": "${aws:PrincipalOrgID}"}}
	if len(r.Exclude) == 0 {
		return []Statement{all}
	}
	return []Statement{all, {Sid: "StayOut", Effect: "Deny", Action: []string{assumeRole}, Resource: r.rolesIn(r.Exclude)}}
}

// rolesIn are the ARNs of the roles in accounts.
func (r Request) rolesIn(accounts []string) (roles []string) {
	names := []string{r.ReaderName}
	if len(r.Fixing) > 0 {
		names = append(names, r.FixerName)
	}
	for _, account := range accounts {
		for _, name := range names {
			roles = append(roles, "arn:"+r.Place.Partition+":iam::"+account+":role/"+strings.TrimPrefix(name, "/"))
		}
	}
	return roles
}

// statements allow actions, those on the same kind of resource together.
func (r Request) statements(verb string, actions []string) []Statement {
	var statements []Statement
	for _, group := range groups {
		var of []string
		for _, action := range actions {
			if scopeOf(action) == group.scope && !slices.Contains(of, action) {
				of = append(of, action)
			}
		}
		slices.Sort(of)
		s := allow(verb+group.sid, of, group.resources(r.Place))
		if group.scope == toPass {
			s.Condition = Conditions{"StringEquals": {"iam:PassedToService": "ecr.amazonaws.com"}} //nolint:gosec // it holds no credentials
		}
		if len(of) > 0 {
			statements = append(statements, s)
		}
	}
	return statements
}

// Fits reports which of these documents are larger than IAM takes, of templates
// as inline policies.
func (a *Answer) Fits(documents []string, template bool) error {
	var errs []error
	_, of := a.Documents()
	for _, name := range documents {
		limit := managedPolicyLimit
		switch {
		case strings.HasSuffix(name, "-trust"):
			limit = trustPolicyLimit
		case template:
			limit = inlinePolicyLimit
		}
		if n := of[name].size(); n > limit {
			errs = append(errs, fmt.Errorf("the policy %s would have %d characters, of which IAM takes %d: name fewer accounts, or all with --org", name, n, limit))
		}
	}
	return errors.Join(errs...)
}

// Allowing are statements that allow actions, as JSON in one line, to be added to
// a policy.
func Allowing(place Place, actions []string) string {
	var known []string
	for _, action := range actions {
		if scopes[action] != "" {
			known = append(known, action)
		}
	}
	texts := make([]string, 0, 1)
	for _, s := range (Request{Place: place}).statements("Add", known) {
		var b bytes.Buffer
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(s); err != nil {
			panic(err) // it is made of strings
		}
		texts = append(texts, strings.TrimSpace(b.String()))
	}
	return strings.Join(texts, ", ")
}
