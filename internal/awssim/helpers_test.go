package awssim_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/ecraudit/ecraudit/internal/awssim"
)

const (
	management = "111111111111"
	member     = "222222222222"
	other      = "333333333333"
	region     = "eu-west-1"
)

// world is a server over an organization of a management account and two members.
type world struct {
	*testing.T
	org *awssim.Organization
	srv *awssim.Server
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldWith(t, awssim.OrganizationOptions{}, awssim.Options{})
}

func newWorldWith(t *testing.T, oo awssim.OrganizationOptions, so awssim.Options) *world {
	t.Helper()
	org := awssim.NewOrganization(oo)
	team := org.AddOU("teams", "")
	org.AddAccount(awssim.Account{ID: member, Name: "member", OU: team})
	org.AddAccount(awssim.Account{ID: other, Name: "other"})
	srv := awssim.Start(org, so)
	t.Cleanup(srv.Close)
	return &world{t, org, srv}
}

// registry is the member's registry.
func (w *world) registry() *awssim.Registry { return w.org.Account(member).Registry(region) }

func (w *world) config() aws.Config { return w.configFor(w.org.Account(member).Credentials()) }

// configFor tries once, and is strict about answers.
func (w *world) configFor(credentials aws.Credentials) aws.Config {
	c := w.srv.ConfigFor(credentials, region)
	c.RetryMaxAttempts = 1
	c.HTTPClient = &http.Client{Transport: newStrictTransport(w)}
	return c
}

func (w *world) ecr() *ecr.Client { return ecr.NewFromConfig(w.config()) }

func (w *world) ecrAs(role string) *ecr.Client {
	w.Helper()
	credentials, ok := w.org.Account(member).RoleCredentials(role)
	if !ok {
		w.Fatalf("no role %s", role)
	}
	return ecr.NewFromConfig(w.configFor(credentials))
}

func (w *world) sts() *sts.Client { return sts.NewFromConfig(w.config()) }

func (w *world) ec2() *ec2.Client { return ec2.NewFromConfig(w.config()) }

func (w *world) account() *account.Client { return account.NewFromConfig(w.config()) }

func (w *world) organizations(id string) *organizations.Client {
	c := w.configFor(w.org.Account(id).Credentials())
	c.Region = "us-east-1"
	return organizations.NewFromConfig(c)
}

// must fails the test on an error.
func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// wantCode fails the test unless an error is an API error of a code.
func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code {
		t.Errorf("got error %v, want %s", err, code)
	}
}

// wantError fails the test unless an error is the SDK's type for it.
func wantError[E error](t testing.TB, err error) {
	t.Helper()
	if e, ok := errors.AsType[E](err); !ok {
		t.Errorf("got error %v (%T), want a %T", err, err, e)
	}
}

func wantSame(t testing.TB, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
