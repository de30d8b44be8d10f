package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"golang.org/x/sync/errgroup"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/collect"
	"github.com/ecraudit/ecraudit/internal/permissions"
)

// visit is a look at one account.
type visit struct {
	*examination
	session *awsapi.Session
	account collect.Selected
	calls   atomic.Int64
}

func (v *visit) subject() string {
	if v.account.Name == "" {
		return v.account.ID
	}
	return v.account.ID + " (" + v.account.Name + ")"
}

func (v *visit) look(ctx context.Context) {
	if provider := v.enter(ctx, v.session); provider != nil {
		v.reading(ctx, provider)
	} else {
		why := unless(ctx, "the account could not be entered")
		v.notChecked(Permissions, v.subject(), "%s", why)
		v.notChecked(Regions, v.subject(), "%s", why)
	}
	if v.FixRole == "" {
		return
	}
	fixing := v.session.WithRole(v.FixRole)
	if provider := v.enter(ctx, fixing); provider != nil {
		v.fixing(ctx, provider)
	} else {
		v.notChecked(Permissions, v.subject()+" "+v.FixRole, "%s", unless(ctx, "the role could not be assumed"))
	}
}

// roleOf is who reads or mends the account.
func (v *visit) roleOf(s *awsapi.Session) string {
	if s.Owns(v.account.ID) {
		return s.Caller
	}
	return s.RoleARN(v.account.ID)
}

// enter assumes the role of the account. It returns nil where that fails.
func (v *visit) enter(ctx context.Context, s *awsapi.Session) aws.CredentialsProvider {
	provider := s.CredentialsOf(v.account.ID)
	if s.Owns(v.account.ID) {
		if s == v.session {
			v.ok(Roles, v.subject(), "it is the caller's own account")
		}
		return provider
	}
	v.calls.Add(1)
	err := s.Enter(ctx, v.budget.Caller(v.account.ID, nil), v.account.ID, provider)
	switch {
	case err == nil:
		v.ok(Roles, v.subject(), "%s can be assumed", s.RoleARN(v.account.ID))
		return provider
	case stopped(ctx, err):
		v.notChecked(Roles, v.subject(), "%s", interrupted)
	case awsapi.IsDenied(awsapi.Code(err)):
		v.failed(Roles, v.subject(), v.nextForRole(s, err), "%s cannot be assumed: %s", s.RoleARN(v.account.ID), awsapi.Reason(err))
	default:
		v.failed(Roles, v.subject(), "see the message", "%s cannot be assumed: %s: %s", s.RoleARN(v.account.ID), awsapi.Code(err), awsapi.Reason(err))
	}
	return nil
}

// reading looks at the regions of the account and tries what reading takes.
func (v *visit) reading(ctx context.Context, provider aws.CredentialsProvider) {
	regions := slices.Compact(slices.Sorted(slices.Values(v.Regions)))
	if len(regions) == 0 {
		regions = []string{v.session.Config.Region}
	}
	tried := &attempt{visit: v, outcomes: map[string]outcome{}}
	if v.Extent.AllRegions {
		v.calls.Add(1)
		enabled, err := collect.EnabledRegions(ctx, v.session, v.budget.Caller(v.account.ID, awsapi.Refresher(provider)), provider)
		tried.note(ctx, "ec2:DescribeRegions", err)
		if err != nil {
			v.notChecked(Regions, v.subject(), "%s", unless(ctx, "the regions that the account has enabled could not be listed"))
			v.conclude(tried, "reader", v.roleOf(v.session), v.Extent.Permissions(collect.ByRole), unless(ctx, "the regions are not known"))
			return
		}
		regions = enabled
	}
	at := v.regions(ctx, provider, regions)
	if v.RulesUnknown {
		v.notChecked(Permissions, v.subject(), "what the rules need is not known: see configuration")
		return
	}
	tried.at(ctx, at, provider, v.Extent.Permissions(collect.ByRole))
	v.conclude(tried, "reader", v.roleOf(v.session), v.Extent.Permissions(collect.ByRole), "")
}

// fixing tries what changes look with. What they write with cannot be tried
// without writing.
func (v *visit) fixing(ctx context.Context, provider aws.CredentialsProvider) {
	region := v.session.Config.Region
	if named := slices.DeleteFunc(slices.Clone(v.Regions), func(r string) bool { return r == awsapi.AllRegions }); len(named) > 0 {
		region = named[0]
	}
	tried := &attempt{visit: v, outcomes: map[string]outcome{}}
	first := v.list(ctx, provider, region)
	untried := "it cannot be tried without writing"
	if first.err == nil || awsapi.IsDenied(awsapi.Code(first.err)) {
		tried.at(ctx, first, provider, v.Looking)
	} else {
		untried = awsapi.Code(first.err) + ": " + awsapi.Reason(first.err)
	}
	v.conclude(tried, "fixer", v.roleOf(v.session.WithRole(v.FixRole)), slices.Concat(v.Looking, v.Writing), untried)
}

// listed is what the first page of a region's repositories says.
type listed struct {
	region     string
	repository string // one that there is; empty when there is none
	err        error
}

func (v *visit) client(provider aws.CredentialsProvider, region string) *ecr.Client {
	return ecr.NewFromConfig(v.session.Config, func(o *ecr.Options) { o.Region, o.Credentials = region, provider })
}

// list asks a region for one repository, which tells whether the account can use
// the region at all.
func (v *visit) list(ctx context.Context, provider aws.CredentialsProvider, region string) listed {
	v.calls.Add(1)
	client := v.client(provider, region)
	out, err := awsapi.Call(ctx, v.budget.Caller(v.account.ID+"/"+region, awsapi.Refresher(provider)), "ecr:DescribeRepositories", func(ctx context.Context) (*ecr.DescribeRepositoriesOutput, error) {
		return client.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{MaxResults: aws.Int32(1)})
	})
	found := listed{region: region, err: err}
	if err == nil && len(out.Repositories) > 0 {
		found.repository = aws.ToString(out.Repositories[0].RepositoryName)
	}
	return found
}

// regions looks at each region, and returns the one in which permissions are
// tried: one that has a repository, if there is any.
func (v *visit) regions(ctx context.Context, provider aws.CredentialsProvider, regions []string) listed {
	all := make([]listed, len(regions))
	var group errgroup.Group
	group.SetLimit(accountsAtOnce)
	for i, region := range regions {
		group.Go(func() error {
			all[i] = v.list(ctx, provider, region)
			return nil
		})
	}
	_ = group.Wait() // its functions return no errors
	v.noteRegions(ctx, all)
	best := all[0]
	for _, one := range all {
		if best.err != nil && one.err == nil || best.err == nil && best.repository == "" && one.repository != "" {
			best = one
		}
	}
	return best
}

func (v *visit) noteRegions(ctx context.Context, all []listed) {
	var usable []string
	for _, one := range all {
		subject := v.account.ID + "/" + one.region
		switch {
		case one.err == nil, awsapi.IsDenied(awsapi.Code(one.err)) && len(all) == 1:
			usable = append(usable, one.region)
		case stopped(ctx, one.err):
			v.notChecked(Regions, subject, "%s", interrupted)
		case awsapi.IsUnrecognized(awsapi.Code(one.err)):
			v.failed(Regions, subject, "enable it for the account, leave it out of --regions, or use --regions all, which takes those that are enabled", "the account has not enabled it")
		case awsapi.IsDenied(awsapi.Code(one.err)):
			if everyDenied(all) {
				usable = append(usable, one.region) // it is the permission, not the region
				continue
			}
			v.failed(Regions, subject, "a service control policy may deny the region: leave it out of --regions, or have it allowed", "%s", awsapi.Reason(one.err))
		case !hasAnswered(one.err):
			what, next := unreachable(one.err)
			v.failed(Regions, subject, next, "%s", what)
		default:
			v.notChecked(Regions, subject, "%s: %s", awsapi.Code(one.err), awsapi.Reason(one.err))
		}
	}
	if len(usable) > 0 {
		v.ok(Regions, v.subject(), "%s", strings.Join(usable, ", "))
	}
}

func everyDenied(all []listed) bool {
	return !slices.ContainsFunc(all, func(one listed) bool { return !awsapi.IsDenied(awsapi.Code(one.err)) })
}

// outcome is what came of trying an action.
type outcome struct {
	missing string        // the IAM action that is denied; empty when none is
	denial  awsapi.Denial // what AWS says about that
	reason  string        // why nothing is known; empty when something is
}

// attempt is what was tried in an account.
type attempt struct {
	*visit
	mu       sync.Mutex
	outcomes map[string]outcome
}

// note remembers what an answer says about an action.
func (a *attempt) note(ctx context.Context, action string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	code := awsapi.Code(err)
	switch {
	case err == nil || isAbsence(err):
		a.outcomes[action] = outcome{}
	case stopped(ctx, err):
		a.outcomes[action] = outcome{reason: interrupted}
	case awsapi.IsDenied(code):
		a.outcomes[action] = outcome{missing: awsapi.Permission(action, err), denial: awsapi.DenialIn(awsapi.Reason(err))}
	default:
		a.outcomes[action] = outcome{reason: code + ": " + awsapi.Reason(err)}
	}
}

// at tries actions in a region.
func (a *attempt) at(ctx context.Context, place listed, provider aws.CredentialsProvider, actions []string) {
	a.note(ctx, "ecr:DescribeRepositories", place.err)
	p := &probing{ecr: a.client(provider, place.region), repository: place.repository, account: a.account.ID, region: place.region, partition: a.session.Partition}
	caller := a.budget.Caller(a.account.ID+"/"+place.region, awsapi.Refresher(provider))
	var group errgroup.Group
	for _, step := range []func(string) bool{isFirst, func(s string) bool { return !isFirst(s) }} {
		for _, action := range actions {
			probe, known := probes()[action]
			if !known || !step(action) {
				continue
			}
			if why := p.cannot(action); why != "" {
				a.mu.Lock()
				a.outcomes[action] = outcome{reason: why}
				a.mu.Unlock()
				continue
			}
			group.Go(func() error {
				a.calls.Add(1)
				_, err := awsapi.Call(ctx, caller, action, func(ctx context.Context) (struct{}, error) { return struct{}{}, probe(ctx, p) })
				a.note(ctx, action, err)
				return nil
			})
		}
		_ = group.Wait() // its functions return no errors
	}
	a.inspector(p, actions)
}

// inspector says of the actions of Amazon Inspector what the call says that takes
// them, where it takes them.
func (a *attempt) inspector(p *probing, actions []string) {
	findings := a.outcomes["ecr:DescribeImageScanFindings"]
	for _, action := range actions {
		switch {
		case !strings.HasPrefix(action, "inspector2:"):
		case !p.enhanced:
			a.outcomes[action] = outcome{reason: "scanning in " + p.region + " is not enhanced"}
		case findings.missing == action || p.read:
			a.outcomes[action] = outcome{missing: findings.missing, denial: findings.denial}
		default:
			a.outcomes[action] = outcome{reason: "no findings were read in " + p.region}
		}
	}
}

// conclude notes what was found out about the permissions of a role. untried is
// why an action was not even tried.
func (v *visit) conclude(tried *attempt, document, role string, actions []string, untried string) {
	subject := v.subject()
	if document == "fixer" {
		subject += " " + v.FixRole
	}
	c := Check{Area: Permissions, Subject: subject}
	why, denied := map[string]bool{}, refusals{}
	allowed := 0
	for _, action := range actions {
		out, known := tried.outcomes[action]
		switch {
		case !known:
			c.Unchecked = append(c.Unchecked, action)
			why[untried] = true
		case out.missing != "":
			denied[out.missing] = out.denial
		case out.reason != "":
			c.Unchecked = append(c.Unchecked, action)
			why[out.reason] = true
		default:
			allowed++
		}
	}
	c.Missing, c.DeniedBy = denied.all(), denied.reasons()
	var reasons []string
	for reason := range why {
		reasons = append(reasons, reason)
	}
	slices.Sort(reasons)
	c.Detail = fmt.Sprintf("%s: %d of %d allowed", role, allowed, len(actions))
	if len(c.Missing) > 0 {
		c.Detail += "; denied: " + denied.text()
	}
	if len(c.Unchecked) > 0 {
		c.Detail += "; not tried: " + strings.Join(c.Unchecked, ", ") + " (" + strings.Join(reasons, "; ") + ")"
	}
	switch {
	case len(c.Missing) > 0:
		c.Status, c.Next = Failed, denied.advice(role, v.documentFor(document, c.Missing), permissions.Place{Partition: v.session.Partition, Account: v.account.ID})
	case len(c.Unchecked) > 0:
		c.Status = NotChecked
	default:
		c.Status = OK
	}
	v.note(c)
}

// documentFor is the command that writes the policy of who reads or mends the
// account.
func (v *visit) documentFor(document string, missing []string) string {
	if v.session.Owns(v.account.ID) {
		document = v.callersDocument()
	}
	more := []string{"--document", document}
	if !v.Extent.EnhancedScanning && slices.ContainsFunc(missing, func(a string) bool { return strings.HasPrefix(a, "inspector2:") }) {
		more = append(more, "--enhanced-scanning")
	}
	return v.command(v.session, more...)
}

// isAbsence reports an answer that there is no such thing: the caller was allowed
// to ask.
func isAbsence(err error) bool {
	code := awsapi.APICode(err)
	return strings.HasSuffix(code, "NotFoundException") || code == "UnsupportedImageTypeException" || code == "ValidationException" || code == "InvalidParameterException"
}
