package awsapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
)

// Roles says how the accounts of an organization are entered.
type Roles struct {
	Name        string // the role to assume in every account but the caller's
	ExternalID  string // that the role demands, if it does
	SessionName string // "ecraudit" when empty
	HubARN      string // a role to assume first, from which the others are assumed
}

var (
	roleForm    = regexp.MustCompile(`^[\w+=,.@/-]{1,512}$`)
	sessionForm = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	hubForm     = regexp.MustCompile(`^arn:([a-z-]+):iam::[0-9]{12}:role/(?:[\w+=,.@:/-]{0,510}/)?[\w+=,.@-]{1,64}$`)
)

// Check refuses names that cannot be meant, in the words of the flags that set
// them.
func (r Roles) Check() error {
	if r.Name != "" && !roleForm.MatchString(r.Name) {
		return fmt.Errorf("--role-name: %q is not a role name: give the name, with its path if it has one, not an ARN", r.Name)
	}
	if r.SessionName != "" && !sessionForm.MatchString(r.SessionName) {
		return fmt.Errorf("--session-name: %q: use 2 to 64 letters, digits and any of +=,.@_-", r.SessionName)
	}
	if r.HubARN == "" {
		return nil
	}
	hub := hubForm.FindStringSubmatch(r.HubARN)
	if hub == nil {
		return fmt.Errorf("--hub-role-arn: %q is not a role's ARN: it looks like arn:aws:iam::111122223333:role/hub", r.HubARN)
	}
	if !slices.Contains(Partitions(), hub[1]) {
		return fmt.Errorf("--hub-role-arn: %q: there is no partition %q: they are %s", r.HubARN, hub[1], strings.Join(Partitions(), ", "))
	}
	return nil
}

// Session is who is asking: the ambient credentials, and the hub role if
// there is one.
type Session struct {
	Config    aws.Config // of the hub role, or of the ambient credentials
	Partition string
	Account   string // of Config's credentials: the one account that is not entered by a role
	Caller    string // ARN of who has them
	roles     Roles
}

// Identity says whose credentials to use.
type Identity struct {
	Profile string // of the shared AWS configuration; "" is the default
	Roles   Roles
	// Regions are those that will be asked about. The first stands in where the
	// environment names no region.
	Regions []string
}

const (
	roleSession      = time.Hour       // the longest that a chained role may last
	roleExpiryMargin = 5 * time.Minute // before which a session is renewed
	dialTimeout      = 5 * time.Second
)

// HTTPClient keeps as many connections to a host as calls are made at once.
func HTTPClient(concurrency int) *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns = 0 // no limit over all hosts
		t.MaxIdleConnsPerHost = concurrency
		t.TLSHandshakeTimeout = dialTimeout
	}).WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTimeout })
}

// Ambient is the configuration that the environment gives, with a region. Its
// errors are for the user: they name what to do. Nothing is asked of AWS.
func Ambient(ctx context.Context, b *Budget, o Identity) (aws.Config, error) {
	ambient, err := config.LoadDefaultConfig(ctx,
		config.WithHTTPClient(HTTPClient(b.concurrency)),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
		config.WithSharedConfigProfile(o.Profile),
		config.WithLogger(sdkLog{b.log}),
		config.WithAPIOptions([]func(*middleware.Stack) error{refuseEmptyAnswers}),
	)
	if err != nil {
		return aws.Config{}, fmt.Errorf("reading the AWS configuration: %w; check --profile, AWS_PROFILE and the files in ~/.aws", err)
	}
	switch {
	case ambient.Region != "":
	case len(o.Regions) == 0:
		return aws.Config{}, errors.New("no region: set AWS_REGION, or name regions with --regions")
	default:
		ambient.Region = homeRegion(o.Regions)
	}
	return ambient, nil
}

// Open finds out whose credentials the environment gives. Its errors
// are for the user: they name what to do. That the hub role could not be assumed
// is a [HubError].
func Open(ctx context.Context, b *Budget, o Identity) (*Session, error) {
	ambient, err := Ambient(ctx, b, o)
	if err != nil {
		return nil, err
	}
	s := &Session{Config: ambient, roles: o.Roles}
	if s.roles.SessionName == "" {
		s.roles.SessionName = "ecraudit"
	}
	if err := s.identify(ctx, b); err != nil {
		return nil, err
	}
	if s.roles.HubARN == "" {
		return s, nil
	}
	hub := s.assume(s.roles.HubARN)
	if _, err := Call(ctx, b.Caller("hub", nil), "sts:AssumeRole", hub.Retrieve); err != nil {
		return nil, &HubError{Caller: s, ARN: s.roles.HubARN, Err: err}
	}
	s.Config.Credentials = hub
	return s, s.identify(ctx, b)
}

// HubError is that the caller, whom AWS knows, could not assume the hub role.
type HubError struct {
	Caller *Session // with the credentials that the environment gives
	ARN    string
	Err    error // what AWS answered
}

func (e *HubError) Error() string {
	return fmt.Sprintf("--hub-role-arn: assuming %s: %s: %s; check that the role exists and trusts %s", e.ARN, Code(e.Err), Reason(e.Err), e.Caller.Account)
}

func (e *HubError) Unwrap() error { return e.Err }

// identify asks AWS who the session's credentials belong to.
func (s *Session) identify(ctx context.Context, b *Budget) error {
	if _, err := s.Config.Credentials.Retrieve(ctx); err != nil {
		return noCredentials(ctx, err)
	}
	client := sts.NewFromConfig(s.Config)
	caller := b.Caller("caller", nil)
	identity, err := Call(ctx, caller, "sts:GetCallerIdentity", func(ctx context.Context) (*sts.GetCallerIdentityOutput, error) {
		return client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	})
	if err != nil {
		return badCredentials(ctx, s.Config.Region, err)
	}
	who, err := arn.Parse(aws.ToString(identity.Arn))
	if err != nil {
		return fmt.Errorf("asking AWS for the caller's identity: the answer has no ARN: %q", aws.ToString(identity.Arn))
	}
	s.Partition, s.Account, s.Caller = who.Partition, aws.ToString(identity.Account), who.String()
	return nil
}

func noCredentials(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if code := APICode(err); code != "" {
		return fmt.Errorf("getting credentials: %s: %s", code, Reason(err))
	}
	return fmt.Errorf("no AWS credentials: set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, run aws sso login, or start ecraudit where a role is attached (%w)", err)
}

func badCredentials(ctx context.Context, region string, err error) error {
	code := Code(err)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case isExpired(code):
		return errors.New("the AWS credentials have expired: renew them (aws sso login, or new keys) and start again")
	case IsUnrecognized(code) || code == "SignatureDoesNotMatch" || code == "IncompleteSignature":
		return fmt.Errorf("AWS does not accept the credentials in %s (%s): check the access key, and that the region is enabled for the account", region, code)
	case code == "NoSuchHost":
		return fmt.Errorf("AWS cannot be reached: %s; check that the region %q exists (AWS_REGION, --regions) and that this machine has a network", Reason(err), region)
	}
	return fmt.Errorf("asking AWS for the caller's identity in %s: %s: %s", region, code, Reason(err))
}

// CredentialsOf are those with which an account is read: the session's own, or
// those of the role in it.
func (s *Session) CredentialsOf(account string) aws.CredentialsProvider {
	if s.Owns(account) {
		return s.Config.Credentials
	}
	return s.assume(s.RoleARN(account))
}

// WithRole is the same session for which another role is assumed in accounts.
func (s *Session) WithRole(name string) *Session {
	other := *s
	other.roles.Name = name
	return &other
}

// RoleARN is the ARN of the role in an account.
func (s *Session) RoleARN(account string) string {
	return "arn:" + s.Partition + ":iam::" + account + ":role/" + strings.TrimPrefix(s.roles.Name, "/")
}

// Advice is what to look at where a role cannot be assumed. AWS does not tell
// which of these it is.
func (s *Session) Advice() string {
	if s.roles.ExternalID == "" {
		return "check that the role exists, and that it trusts the caller"
	}
	return "check that the role exists, that it trusts the caller, and that --external-id is the one that it demands"
}

// Owns reports whether an account is entered with the session's own credentials.
// With a hub role that is only the account of this role: the ambient credentials
// are then there to assume it, and need no other permission.
func (s *Session) Owns(account string) bool { return account == s.Account }

// HasRole reports whether there is a role to assume in other accounts.
func (s *Session) HasRole() bool { return s.roles.Name != "" }

// assume returns credentials of a role that renew themselves.
func (s *Session) assume(role string) *aws.CredentialsCache {
	client := sts.NewFromConfig(s.Config, func(o *sts.Options) {
		o.Retryer = aws.NopRetryer{}
	})
	provider := stscreds.NewAssumeRoleProvider(client, role, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = s.roles.SessionName
		o.Duration = roleSession
		if s.roles.ExternalID != "" {
			o.ExternalID = aws.String(s.roles.ExternalID)
		}
	})
	return aws.NewCredentialsCache(provider, func(o *aws.CredentialsCacheOptions) {
		o.ExpiryWindow = roleExpiryMargin
	})
}

// Refresher forgets cached credentials, so that the next call fetches new ones.
func Refresher(provider aws.CredentialsProvider) func() {
	if cache, ok := provider.(*aws.CredentialsCache); ok {
		return cache.Invalidate
	}
	return nil
}

// Enter fetches an account's credentials, so that a role that cannot be
// assumed is found once and not by every call.
func (s *Session) Enter(ctx context.Context, c *Caller, account string, provider aws.CredentialsProvider) error {
	if s.Owns(account) {
		return nil
	}
	_, err := Call(ctx, c, "sts:AssumeRole", provider.Retrieve)
	return err
}

// sdkLog passes on what the SDK would otherwise print on standard error.
type sdkLog struct{ log *slog.Logger }

func (l sdkLog) Logf(_ logging.Classification, format string, values ...any) {
	l.log.Info("AWS SDK", "message", fmt.Sprintf(format, values...))
}
