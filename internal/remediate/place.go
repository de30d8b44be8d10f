package remediate

import (
	"context"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// place is where steps are carried out: a registry, and the repository in it if
// they are about one.
type place struct {
	snapshot.Target
	repository  string
	caller      *awsapi.Caller
	ecr         *ecr.Client
	forcePolicy bool // a policy may lock the caller out
	today       time.Time
	protected   *regexp.Regexp // tags that are protected now, beside those of the plan; may be nil
	manifests   map[string]*Manifest
}

// ask makes a reading call, and repeats it until there is an answer.
func ask[T any](ctx context.Context, at *place, operation string, call func(context.Context) (T, error)) (T, error) {
	answer, err := awsapi.Call(ctx, at.caller, operation, call)
	return answer, explained(operation, err)
}

// tell makes a writing call once.
func tell[T any](ctx context.Context, at *place, operation string, call func(context.Context) (T, error)) error {
	_, err := onceFor(ctx, at, operation, call)
	return err
}

// onceFor is tell for calls whose answer tells something.
func onceFor[T any](ctx context.Context, at *place, operation string, call func(context.Context) (T, error)) (T, error) {
	answer, err := awsapi.Once(ctx, at.caller, operation, call)
	return answer, explained(operation, err)
}

// explained adds to a denied call which permission is missing.
func explained(operation string, err error) error {
	if permission := awsapi.Missing(operation, err); permission != "" {
		return fmt.Errorf("access denied; the role needs %s: %w", permission, err)
	}
	return err
}

// protects returns the test for tags that are protected: by the pattern of the
// plan, or by the configuration as it is now.
func (p *place) protects(pattern string) (func(tag string) bool, error) {
	planned, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("the pattern of protected tags: %w", err)
	}
	return func(tag string) bool {
		return pattern != "" && planned.MatchString(tag) || p.protected != nil && p.protected.MatchString(tag)
	}, nil
}

// name is the repository as the SDK wants it.
func (p *place) name() *string { return aws.String(p.repository) }

// connections are the clients of registries, made when they are first asked for.
type connections struct {
	session *awsapi.Session
	budget  *awsapi.Budget

	mu      sync.Mutex
	clients map[snapshot.Target]*connection
}

type connection struct {
	once   sync.Once
	caller *awsapi.Caller
	ecr    *ecr.Client
	err    error
}

func newConnections(session *awsapi.Session, budget *awsapi.Budget) *connections {
	return &connections{session: session, budget: budget, clients: map[snapshot.Target]*connection{}}
}

// enter returns the place of a repository, with the credentials of its account.
func (c *connections) enter(ctx context.Context, target snapshot.Target, repository string) (*place, error) {
	c.mu.Lock()
	found := c.clients[target]
	if found == nil {
		found = &connection{}
		c.clients[target] = found
	}
	c.mu.Unlock()
	found.once.Do(func() { found.open(ctx, c, target) })
	if found.err != nil {
		return nil, found.err
	}
	return &place{Target: target, repository: repository, caller: found.caller, ecr: found.ecr, manifests: map[string]*Manifest{}}, nil
}

func (f *connection) open(ctx context.Context, c *connections, target snapshot.Target) {
	if !c.session.Owns(target.Account) && !c.session.HasRole() {
		f.err = fmt.Errorf("account %s is not the caller's own (%s): --fix-role-name says which role to assume in it", target.Account, c.session.Account)
		return
	}
	provider := c.session.CredentialsOf(target.Account)
	f.caller = c.budget.Caller(target.String(), awsapi.Refresher(provider))
	if err := c.session.Enter(ctx, f.caller, target.Account, provider); err != nil {
		f.err = fmt.Errorf("assuming %s: %s: %s; %s", c.session.RoleARN(target.Account), awsapi.Code(err), awsapi.Reason(err), c.session.Advice())
		return
	}
	f.ecr = ecr.NewFromConfig(c.session.Config, func(o *ecr.Options) {
		o.Region = target.Region
		o.Credentials = provider
	})
}
