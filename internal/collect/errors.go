package collect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// class says what to do after an attempt.
type class int

const (
	classFinal     class = iota // an answer, good or bad, that another attempt would not change
	classThrottled              // slow down and try again
	classTransient              // try again
	classExpired                // the credentials have expired: fetch new ones, once
)

var (
	connectionErrors = retry.RetryableConnectionError{}
	faultStatuses    = retry.RetryableHTTPStatusCode{Codes: retry.DefaultRetryableHTTPStatusCodes}
)

func classify(err error) class {
	if err == nil {
		return classFinal
	}
	code := apiCode(err)
	if _, throttled := retry.DefaultThrottleErrorCodes[code]; throttled {
		return classThrottled
	}
	if isExpired(code) {
		return classExpired
	}
	if response, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && response.HTTPStatusCode() == http.StatusNotImplemented {
		return classFinal // a stand-in for AWS that does not have this operation
	}
	if _, transient := retry.DefaultRetryableErrorCodes[code]; transient {
		return classTransient
	}
	switch code {
	case "ServerException", "InternalError", "InternalFailure", "ServiceException", "ServiceUnavailable", "ServiceUnavailableException":
		return classTransient
	}
	if noSuchHost(err) {
		return classFinal
	}
	if faultStatuses.IsErrorRetryable(err) == aws.TrueTernary || connectionErrors.IsErrorRetryable(err) == aws.TrueTernary || brokenAnswer(err) {
		return classTransient
	}
	return classFinal
}

func isExpired(code string) bool {
	return code == "ExpiredToken" || code == "ExpiredTokenException" || code == "RequestExpired"
}

// brokenAnswer reports an answer that ended early, took too long, or was not
// what the protocol says.
func brokenAnswer(err error) bool {
	var deserialization *smithy.DeserializationError
	var network net.Error
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, errCallTimeout) ||
		errors.As(err, &network) || (errors.As(err, &deserialization) && apiCode(err) == "")
}

func noSuchHost(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}

// apiCode is AWS's error code, or "" when AWS did not answer.
func apiCode(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

// codeInterrupted is the code of gaps that are there because the run was
// stopped.
const codeInterrupted = "Interrupted"

// errorCode is the code that a gap carries: AWS's, or one of ours.
func errorCode(err error) string {
	switch code := apiCode(err); {
	case code != "":
		return code
	case errors.Is(err, context.Canceled):
		return codeInterrupted
	case errors.Is(err, errCallTimeout), errors.Is(err, context.DeadlineExceeded):
		return "Timeout"
	case noSuchHost(err):
		return "NoSuchHost"
	case isNetwork(err):
		return "Unreachable"
	default:
		return "Failed"
	}
}

func isNetwork(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// isDenied reports that AWS understood the caller and said no.
func isDenied(code string) bool {
	switch code {
	case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "AuthorizationErrorException", "NotAuthorized":
		return true
	}
	return false
}

// isUnrecognized reports that AWS does not know the credentials in this
// region, as it says of regions that the account has not enabled.
func isUnrecognized(code string) bool {
	return code == "UnrecognizedClientException" || code == "InvalidClientTokenId" || code == "AuthFailure"
}

var deniedAction = regexp.MustCompile(`not authorized to perform: ([a-z0-9-]+:[A-Za-z0-9]+)`)

// gap describes an error as something that could not be read. operation is
// the IAM action of the call that failed.
func gap(target snapshot.Target, repository string, need snapshot.Need, operation string, err error) snapshot.Gap {
	g := snapshot.Gap{Target: target, Repository: repository, Need: need, Operation: operation, Code: errorCode(err), Message: reason(err)}
	if isDenied(g.Code) {
		g.Permission = operation
		if named := deniedAction.FindStringSubmatch(err.Error()); named != nil {
			g.Permission = named[1]
		}
	}
	return g
}

// reason is what a person should read of an error, without the layers that
// the SDK wraps around it.
func reason(err error) string {
	var api smithy.APIError
	code := errorCode(err)
	switch {
	case code == codeInterrupted:
		return "the run was interrupted before this was read"
	case isUnrecognized(code):
		return "AWS does not know these credentials here: the region is probably not enabled for this account"
	case isExpired(code):
		return "the credentials expired during the run: " + err.Error()
	case errors.As(err, &api):
		if api.ErrorMessage() == "" {
			return api.ErrorCode()
		}
		return api.ErrorMessage()
	case code == "NoSuchHost":
		return fmt.Sprintf("no such host: the region may not exist, or not have this service (%v)", rootCause(err))
	default:
		return rootCause(err).Error()
	}
}

// rootCause is the innermost error that still says something.
func rootCause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil || strings.TrimSpace(inner.Error()) == "" {
			return err
		}
		if operation := (*net.OpError)(nil); errors.As(err, &operation) {
			return operation
		}
		err = inner
	}
}
