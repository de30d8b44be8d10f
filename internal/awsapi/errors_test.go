package awsapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Nothing says as much as any answer that has no fields, and is none otherwise.
func TestEmptyAnswers(t *testing.T) {
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(silent.Close)
	client := ecr.New(ecr.Options{
		Region: "eu-west-1", BaseEndpoint: &silent.URL, Credentials: aws.AnonymousCredentials{}, Retryer: aws.NopRetryer{},
		APIOptions: []func(*middleware.Stack) error{refuseEmptyAnswers},
	})
	arn := aws.String("arn:aws:ecr:eu-west-1:111122223333:repository/team/api")
	if _, err := client.UntagResource(t.Context(), &ecr.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"team"}}); err != nil {
		t.Error(err)
	}
	if _, err := client.ListTagsForResource(t.Context(), &ecr.ListTagsForResourceInput{ResourceArn: arn}); Code(err) != "ForeignAnswer" {
		t.Errorf("%v", err)
	}
}

func TestReasonOfForeignAnswers(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{answered(500, &smithy.DeserializationError{Err: errors.New("invalid character '<'")}), "what came has the HTTP status 500 and is no answer of AWS (invalid character '<'): "},
		{answered(403, api("UnknownError")), "what came has the HTTP status 403 and is no answer of AWS: "},
	} {
		if got := Reason(c.err); !strings.HasPrefix(got, c.want) {
			t.Errorf("%v: %s", c.err, got)
		}
	}
}

func answered(status int, err error) error {
	return fmt.Errorf("operation error ECR: %w", &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: err})
}

func api(code string) error { return &smithy.GenericAPIError{Code: code, Message: "why"} }

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want Class
	}{
		{"no error", nil, Final},
		{"throttled", answered(400, api("ThrottlingException")), Throttled},
		{"too many requests", answered(429, api("TooManyRequestsException")), Throttled},
		{"denied", answered(400, api("AccessDeniedException")), Final},
		{"none", answered(400, api("LifecyclePolicyNotFoundException")), Final},
		{"expired", answered(400, api("ExpiredTokenException")), Expired},
		{"fault", answered(500, api("ServerException")), Transient},
		{"fault without a code", answered(503, errors.New("<html>")), Transient},
		{"a page that blocks", answered(403, &smithy.DeserializationError{Err: errors.New("invalid character '<'")}), Final},
		{"the same of another service", answered(403, api("UnknownError")), Final},
		{"a page of a gateway", answered(502, api("UnknownError")), Transient},
		{"a page in place of an answer", answered(200, &smithy.DeserializationError{Err: errors.New("invalid character '<'")}), Transient},
		{"not implemented by a stand-in", answered(501, api("InternalFailure")), Final},
		{"connection reset", &net.OpError{Op: "read", Err: syscall.ECONNRESET}, Transient},
		{"connection refused", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, Transient},
		{"answer cut off", fmt.Errorf("reading: %w", io.ErrUnexpectedEOF), Transient},
		{"no answer in time", ErrCallTimeout, Transient},
		{"no such host", &net.DNSError{Err: "no such host", Name: "api.ecr.nowhere.amazonaws.com", IsNotFound: true}, Final},
		{"names cannot be resolved now", &net.DNSError{Err: "server misbehaving", IsTemporary: true}, Transient},
		{"stopped", context.Canceled, Final},
	} {
		if got := Classify(c.err); got != c.want {
			t.Errorf("%s: class %d, want %d", c.name, got, c.want)
		}
	}
}

func TestPermission(t *testing.T) {
	other := &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "User: x is not authorized to perform: inspector2:ListFindings on resource: y"}
	for _, c := range []struct {
		name             string
		err              error
		code, permission string
	}{
		{"denied", answered(400, api("AccessDeniedException")), "AccessDeniedException", "ecr:DescribeImageScanFindings"},
		{"denied by another service", answered(400, other), "AccessDeniedException", "inspector2:ListFindings"},
		{"network", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, "Unreachable", ""},
		{"no answer", ErrCallTimeout, "Timeout", ""},
		{"stopped", context.Canceled, "Interrupted", ""},
		{"malformed", errors.New("what is this"), "Failed", ""},
		{"a page", answered(500, &smithy.DeserializationError{Err: errors.New("invalid character '<'")}), "ForeignAnswer", ""},
		{"an answer that was cut off", answered(200, &smithy.DeserializationError{Err: io.ErrUnexpectedEOF}), "Unreachable", ""},
	} {
		if got := Permission("ecr:DescribeImageScanFindings", c.err); got != c.permission || Code(c.err) != c.code || Reason(c.err) == "" {
			t.Errorf("%s: permission %q, code %s, reason %q", c.name, got, Code(c.err), Reason(c.err))
		}
	}
}
