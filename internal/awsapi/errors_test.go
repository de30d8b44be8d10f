package awsapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

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
	} {
		if got := Permission("ecr:DescribeImageScanFindings", c.err); got != c.permission || Code(c.err) != c.code || Reason(c.err) == "" {
			t.Errorf("%s: permission %q, code %s, reason %q", c.name, got, Code(c.err), Reason(c.err))
		}
	}
}
