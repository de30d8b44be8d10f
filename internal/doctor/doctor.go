// Package doctor finds out, before a run, what would keep it from reading
// everything: credentials, the clock, endpoints, the organization, roles, regions
// and permissions. It asks the real AWS by calls that change nothing, a few for
// each account, and says of each thing that it is all right, that it is not and
// what to do, or that it could not be checked. What was not checked is never said
// to be all right.
package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/collect"
	"github.com/ecraudit/ecraudit/internal/permissions"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Status is how a check ended.
type Status string

// The statuses.
const (
	OK         Status = "ok"
	Failed     Status = "failed"
	NotChecked Status = "not checked"
)

// Area is what a check is about.
type Area string

// The areas, in the order in which checks are listed.
const (
	Versions      Area = "versions"
	Configuration Area = "configuration"
	Endpoints     Area = "endpoints"
	Clock         Area = "clock"
	Credentials   Area = "credentials"
	Organization  Area = "organization"
	Roles         Area = "roles"
	Regions       Area = "regions"
	Permissions   Area = "permissions"
)

func areas() []Area {
	return []Area{Versions, Configuration, Endpoints, Clock, Credentials, Organization, Roles, Regions, Permissions}
}

// Check is one thing that was looked at.
type Check struct {
	Area    Area   `json:"area"`
	Subject string `json:"subject"` // what of it: an account, a host, a role
	Status  Status `json:"status"`
	Detail  string `json:"detail"`         // what was found, in a sentence
	Next    string `json:"next,omitempty"` // what to do now
	// Missing are IAM actions that are denied, Unchecked those that were not tried.
	Missing   []string `json:"missing,omitempty"`
	Unchecked []string `json:"unchecked,omitempty"`
	// DeniedBy is why actions are missing, where AWS says it.
	DeniedBy map[string]string `json:"denied_by,omitempty"`
}

// Options say what is meant to be done, so that it can be checked.
type Options struct {
	collect.Options
	Extent  collect.Extent
	FixRole string   // the role that makes changes; empty when there are none
	Looking []string // IAM actions that changes look with
	Writing []string // IAM actions that changes write with
	// Permissions is how a user gets the policies that this run takes.
	Permissions PermissionsFor
	// RulesUnknown says that what the rules need is not known.
	RulesUnknown bool
}

// Report is what was found.
type Report struct {
	Checks []Check
	// MostCalls is the largest number of calls that were made in one account.
	MostCalls int
}

// examination is one under way.
type examination struct {
	Options
	budget *awsapi.Budget

	mu        sync.Mutex
	checks    []Check
	mostCalls int
}

// accountsAtOnce bounds the accounts that are open at once. The budget of calls
// bounds them further.
const accountsAtOnce = 16

// Examine looks at everything that AWS can be asked about. When ctx ends, what
// was not looked at is said not to be checked.
func Examine(ctx context.Context, o Options) Report {
	e := &examination{Options: o, budget: awsapi.NewBudget(awsapi.Pace{
		Concurrency: o.Concurrency, Patience: o.Patience, CallTimeout: o.CallTimeout, Log: o.Log, Stats: &o.Stats.Stats,
	})}
	e.examine(ctx)
	slices.SortStableFunc(e.checks, func(a, b Check) int {
		return cmp.Or(cmp.Compare(slices.Index(areas(), a.Area), slices.Index(areas(), b.Area)), cmp.Compare(a.Subject, b.Subject))
	})
	return Report{e.checks, e.mostCalls}
}

func (e *examination) note(c Check) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.checks = append(e.checks, c)
}

func (e *examination) ok(area Area, subject, format string, args ...any) {
	e.note(Check{Area: area, Subject: subject, Status: OK, Detail: fmt.Sprintf(format, args...)})
}

func (e *examination) failed(area Area, subject, next, format string, args ...any) {
	e.note(Check{Area: area, Subject: subject, Status: Failed, Detail: fmt.Sprintf(format, args...), Next: next})
}

func (e *examination) notChecked(area Area, subject, format string, args ...any) {
	e.note(Check{Area: area, Subject: subject, Status: NotChecked, Detail: fmt.Sprintf(format, args...)})
}

// without notes areas that could not be looked at.
func (e *examination) without(why string, areas ...Area) {
	for _, area := range areas {
		e.notChecked(area, "all", "%s", why)
	}
}

func (e *examination) examine(ctx context.Context) {
	identity := awsapi.Identity{Profile: e.Profile, Roles: e.Roles, Regions: e.Regions}
	ambient, err := awsapi.Ambient(ctx, e.budget, identity)
	if stopped(ctx, err) {
		e.without(interrupted, Credentials, Endpoints, Clock, Organization, Roles, Regions, Permissions)
		return
	}
	if err != nil {
		e.failed(Credentials, "environment", "see the message", "%v", err)
		e.without("there is no configuration of AWS to ask with", Endpoints, Clock, Organization, Roles, Regions, Permissions)
		return
	}
	reached := e.endpoints(ctx, ambient)
	session, err := awsapi.Open(ctx, e.budget, identity)
	if hub, without := errors.AsType[*awsapi.HubError](err); without && !stopped(ctx, err) {
		e.withoutHub(ctx, hub)
		return
	}
	if err != nil {
		e.unusable(ctx, err, reached)
		return
	}
	e.credentials(ctx, session)
	if err := collect.CheckRegions(ctx, session, e.budget, e.Regions); ctx.Err() != nil {
		e.without(interrupted, Regions, Organization, Roles, Permissions)
		return
	} else if err != nil {
		e.failed(Regions, "--regions", "correct it", "%s", strings.TrimPrefix(err.Error(), "--regions: "))
		e.without("it is not known which regions are meant", Organization, Roles, Permissions)
		return
	}
	asked := e.Options.Options
	asked.Needs = e.Extent.Needs
	organization, selected, err := collect.Accounts(ctx, session, e.budget, asked)
	if stopped(ctx, err) {
		e.without(interrupted, Organization, Roles, Regions, Permissions)
		return
	}
	if err != nil {
		next := "correct that, and look again"
		if refused := organization.Unread != "" || awsapi.APICode(err) != ""; refused {
			next = e.nextForOrganization(session, "")
		}
		e.failed(Organization, cmp.Or(organization.ID, "organization"), next, "%v", err)
		e.without("the accounts are not known", Roles, Regions, Permissions)
		return
	}
	e.organization(session, organization)
	e.directory(session, organization)
	e.accounts(ctx, session, selected)
}

// unusable notes that nothing can be asked with the credentials, and why.
func (e *examination) unusable(ctx context.Context, err error, reached bool) {
	why := "there are no credentials that AWS accepts"
	switch {
	case stopped(ctx, err):
		why = interrupted
		e.notChecked(Credentials, "caller", "%s", why)
	case !reached:
		why = "AWS STS, which knows whose credentials they are, was not reached"
		e.notChecked(Credentials, "caller", "%s", why)
	default:
		e.failed(Credentials, "caller", "correct what the message names, and ask again: aws sts get-caller-identity shows the same without ecraudit", "%v", err)
	}
	e.without(why, Organization, Roles, Regions, Permissions)
}

// withoutHub notes that AWS knows the caller, who cannot assume the hub role.
func (e *examination) withoutHub(ctx context.Context, hub *awsapi.HubError) {
	e.credentials(ctx, hub.Caller)
	next := "see the message"
	if awsapi.IsDenied(awsapi.Code(hub.Err)) {
		next = e.nextForRole(hub.Caller, hub.Err)
	}
	e.failed(Credentials, "hub role", next, "%s cannot be assumed: %s: %s", hub.ARN, awsapi.Code(hub.Err), awsapi.Reason(hub.Err))
	e.without("the hub role could not be assumed", Organization, Roles, Regions, Permissions)
}

const interrupted = "there was no time left, or it was interrupted"

func (e *examination) credentials(ctx context.Context, session *awsapi.Session) {
	held, err := session.Config.Credentials.Retrieve(ctx)
	switch {
	case stopped(ctx, err):
		e.notChecked(Credentials, "caller", "%s", interrupted)
	case err != nil:
		e.failed(Credentials, "caller", "renew them", "%s: %s", awsapi.Code(err), awsapi.Reason(err))
	case held.CanExpire:
		e.ok(Credentials, "caller", "%s, until %s", session.Caller, held.Expires.UTC().Format("2006-01-02 15:04 UTC"))
	default:
		e.ok(Credentials, "caller", "%s", session.Caller)
	}
}

func (e *examination) nextForOrganization(session *awsapi.Session, alternative string) string {
	return "use credentials of the management account, or of a delegated administrator, or a hub role there (--hub-role-arn)" + alternative + "; this writes what it needs:\n" + e.callersPolicies(session)
}

func (e *examination) organization(session *awsapi.Session, o snapshot.Organization) {
	subject := cmp.Or(o.ID, "organization")
	switch {
	case o.None:
		e.ok(Organization, subject, "account %s belongs to no organization", session.Account)
	case o.Unread != "":
		e.failed(Organization, subject, e.nextForOrganization(session, "; or name organization.id and organization.accounts in ecraudit.yaml"), "who is inside is not known: %s", o.Unread)
	case o.ManagementAccount == session.Account:
		e.ok(Organization, subject, "%d accounts; the caller is in the management account", len(o.Accounts))
	default:
		e.ok(Organization, subject, "%d accounts; the caller, in account %s, may list them", len(o.Accounts), session.Account)
	}
}

// directory looks at what scopes of the configuration ask of accounts.
func (e *examination) directory(session *awsapi.Session, o snapshot.Organization) {
	if !e.Extent.Needs[snapshot.NeedUnitNames] && !e.Extent.Needs[snapshot.NeedAccountTags] {
		return
	}
	denied, unread := refusals{}, ""
	for _, a := range o.Accounts {
		for _, g := range a.Gaps {
			if awsapi.IsDenied(g.Code) {
				denied[cmp.Or(g.Permission, g.Operation)] = awsapi.DenialIn(g.Message)
			} else {
				unread = g.Operation + ": " + g.Code + ": " + g.Message
			}
		}
	}
	const what = "the names of organizational units and the tags of accounts, which scopes ask for"
	subject := session.Caller
	c := Check{Area: Permissions, Subject: subject, Status: OK, Detail: what + ", can be read"}
	switch {
	case len(denied) > 0:
		c.Status, c.Detail, c.Missing, c.DeniedBy = Failed, what+": denied: "+denied.text(), denied.all(), denied.reasons()
		c.Next = denied.advice(session.Caller, e.callersPolicies(session), permissions.Place{Partition: session.Partition, Account: session.Account})
	case o.None || o.Unread != "":
		c.Status, c.Detail = NotChecked, "the accounts of the organization are not known"
	case unread != "":
		c.Status, c.Detail = NotChecked, unread
	}
	e.note(c)
}

// accounts looks at each account that is selected.
func (e *examination) accounts(ctx context.Context, session *awsapi.Session, selected []collect.Selected) {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(accountsAtOnce)
	for _, account := range selected {
		if account.Skip != "" {
			continue
		}
		group.Go(func() error {
			v := &visit{examination: e, session: session, account: account}
			v.look(groupCtx)
			e.mu.Lock()
			defer e.mu.Unlock()
			e.mostCalls = max(e.mostCalls, int(v.calls.Load()))
			return nil
		})
	}
	_ = group.Wait() // its functions return no errors
}

// stopped reports whether an error only says that there was no time left.
func stopped(ctx context.Context, err error) bool {
	return err != nil && (ctx.Err() != nil || errors.Is(err, context.Canceled))
}

// unless is why something was not looked at: what follows from what was seen, unless
// there was no time to see it.
func unless(ctx context.Context, why string) string {
	if ctx.Err() != nil {
		return interrupted
	}
	return why
}
