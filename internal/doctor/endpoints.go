package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"golang.org/x/sync/errgroup"

	"github.com/ecraudit/ecraudit/internal/awsapi"
)

// endpoint is a service in a region, and how to get any answer of it: one that
// refuses the signature is an answer, too. told is the time that it told.
type endpoint struct {
	name string
	call func(context.Context, aws.Config) (told time.Time, err error)
}

// answering is a call of which only matters that an answer comes.
func answering(call func(context.Context, aws.Config) error) func(context.Context, aws.Config) (time.Time, error) {
	return func(ctx context.Context, c aws.Config) (time.Time, error) { return time.Time{}, call(ctx, c) }
}

func (e *examination) endpointsOf(region string) []endpoint {
	all := []endpoint{{"sts " + region, func(ctx context.Context, c aws.Config) (time.Time, error) {
		out, err := sts.NewFromConfig(c).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			return dateOf(err), err
		}
		told, _ := awsmiddleware.GetServerTime(out.ResultMetadata)
		return told, nil
	}}, {"organizations", answering(func(ctx context.Context, c aws.Config) error {
		_, err := organizations.NewFromConfig(c).DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{})
		return err
	})}}
	if e.Extent.AllRegions {
		return append(all, endpoint{"ec2 " + region, answering(func(ctx context.Context, c aws.Config) error {
			_, err := ec2.NewFromConfig(c).DescribeRegions(ctx, &ec2.DescribeRegionsInput{})
			return err
		})})
	}
	regions := slices.Compact(slices.Sorted(slices.Values(e.Regions)))
	if len(regions) == 0 {
		regions = []string{region}
	}
	for _, region := range regions {
		all = append(all, registryEndpoint(region))
	}
	return all
}

func registryEndpoint(region string) endpoint {
	return endpoint{"ecr " + region, answering(func(ctx context.Context, c aws.Config) error {
		_, err := ecr.NewFromConfig(c, func(o *ecr.Options) { o.Region = region }).DescribeRegistry(ctx, &ecr.DescribeRegistryInput{})
		return err
	})}
}

// knocking is the configuration to ask for any answer with. It signs, because what
// stands in for AWS may find the service by the signature; without credentials it
// asks without, which AWS answers as well.
func (e *examination) knocking(ctx context.Context, ambient aws.Config) aws.Config {
	bounded, cancel := context.WithTimeout(ctx, e.CallTimeout)
	defer cancel()
	if ambient.Credentials != nil {
		if _, err := ambient.Credentials.Retrieve(bounded); err == nil {
			return ambient
		}
	}
	c := ambient.Copy()
	c.Credentials = aws.AnonymousCredentials{}
	return c
}

// endpoints looks whether services answer, and by the answer of STS what time it
// is there. It reports whether STS answered.
func (e *examination) endpoints(ctx context.Context, ambient aws.Config) (reached bool) {
	all := e.endpointsOf(ambient.Region)
	answers := make([]error, len(all))
	var told, asked, answered time.Time
	with := e.knocking(ctx, ambient)
	var group errgroup.Group
	group.SetLimit(accountsAtOnce)
	for i, one := range all {
		group.Go(func() error {
			began := time.Now()
			var at time.Time
			_, answers[i] = awsapi.Call(ctx, e.budget.Caller(one.name, nil), one.name, func(ctx context.Context) (struct{}, error) {
				began = time.Now()
				var err error
				at, err = one.call(ctx, with)
				return struct{}{}, err
			})
			if i == 0 {
				asked, answered, told = began, time.Now(), at
			}
			return nil
		})
	}
	_ = group.Wait() // its functions return no errors
	for i, one := range all {
		e.noteEndpoint(ctx, one.name, answers[i])
	}
	e.clock(ctx, told, asked, answered)
	return hasAnswered(answers[0])
}

// hasAnswered reports whether an answer of AWS came, be it a refusal. What else
// stands in between, such as a proxy with a page of its own, has no code of AWS.
func hasAnswered(err error) bool {
	return err == nil || awsapi.APICode(err) != ""
}

func (e *examination) noteEndpoint(ctx context.Context, name string, err error) {
	switch {
	case hasAnswered(err):
		e.ok(Endpoints, name, "it answers")
	case stopped(ctx, err):
		e.notChecked(Endpoints, name, "%s", interrupted)
	default:
		what, next := unreachable(err)
		e.failed(Endpoints, name, next, "%s", what)
	}
}

// unreachable says what kept an answer of AWS from coming, and what to look at.
func unreachable(err error) (what, next string) {
	if status := awsapi.ForeignStatus(err); status != 0 {
		return fmt.Sprintf("it answers with status %d", status), "check AWS_ENDPOINT_URL and proxies: this is no answer of AWS"
	}
	what, next = brokenLayer(err)
	return what + ": " + awsapi.Reason(err), next
}

// brokenLayer says in which layer a connection failed.
func brokenLayer(err error) (what, next string) {
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var operation *net.OpError
	switch {
	case errors.As(err, &operation) && operation.Op == "proxyconnect":
		return "the proxy does not let through", "check HTTPS_PROXY and NO_PROXY"
	case errors.As(err, &dns):
		return "the name is not known", "check the name of the region, AWS_ENDPOINT_URL, and the DNS of this machine or VPC"
	case errors.As(err, &certificate), errors.As(err, &authority):
		return "the certificate is not trusted", "a proxy may stand in between: AWS_CA_BUNDLE names the certificates to trust"
	case errors.Is(err, awsapi.ErrCallTimeout):
		return "no answer in time", "check firewalls, routes and VPC endpoints; --call-timeout waits longer"
	}
	return "no connection", "check firewalls, routes, VPC endpoints, AWS_ENDPOINT_URL and HTTPS_PROXY"
}

// dateOf is the time that an answer tells, in seconds; zero when it tells none.
func dateOf(err error) time.Time {
	response, ok := errors.AsType[*smithyhttp.ResponseError](err)
	if !ok || response.Response == nil {
		return time.Time{}
	}
	told, err := http.ParseTime(response.Response.Header.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return told
}

// maximumSkew is how far the clock may be off until AWS takes no signature.
const maximumSkew = 5 * time.Minute

// clock compares the time that STS told with that between question and answer.
func (e *examination) clock(ctx context.Context, told, asked, answered time.Time) {
	if told.IsZero() {
		e.notChecked(Clock, "this machine", "%s", unless(ctx, "AWS STS told no time"))
		return
	}
	var off time.Duration
	switch {
	case told.After(answered):
		off = told.Sub(answered)
	case told.Before(asked.Truncate(time.Second)): // it is told in whole seconds
		off = -asked.Truncate(time.Second).Sub(told)
	}
	by := strings.TrimPrefix(off.Round(time.Second).String(), "-")
	which := "behind"
	if off < 0 {
		which = "ahead"
	}
	switch {
	case off.Abs() > maximumSkew:
		e.failed(Clock, "this machine", "set the clock (NTP): AWS takes no signature that is more than 5 minutes off", "it is %s %s", by, which)
	case off.Abs() > time.Second:
		e.ok(Clock, "this machine", "it is %s %s, of which AWS takes 5 minutes", by, which)
	default:
		e.ok(Clock, "this machine", "it agrees with AWS")
	}
}
