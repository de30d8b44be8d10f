package awsapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Class says what to do after an attempt.
type Class int

// The classes.
const (
	Final     Class = iota // an answer, good or bad, that another attempt would not change
	Throttled              // slow down and try again
	Transient              // try again
	Expired                // the credentials have expired: fetch new ones, once
)

var (
	connectionErrors = retry.RetryableConnectionError{}
	faultStatuses    = retry.RetryableHTTPStatusCode{Codes: retry.DefaultRetryableHTTPStatusCodes}
)

// Classify says what to do after an attempt that ended with an error.
func Classify(err error) Class {
	if err == nil {
		return Final
	}
	code := APICode(err)
	if _, throttled := retry.DefaultThrottleErrorCodes[code]; throttled {
		return Throttled
	}
	if isExpired(code) {
		return Expired
	}
	if response, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && response.HTTPStatusCode() == http.StatusNotImplemented {
		return Final // a stand-in for AWS that does not have this operation
	}
	if _, transient := retry.DefaultRetryableErrorCodes[code]; transient {
		return Transient
	}
	switch code {
	case "ServerException", "InternalError", "InternalFailure", "ServiceException", "ServiceUnavailable", "ServiceUnavailableException":
		return Transient
	}
	if noSuchHost(err) {
		return Final
	}
	if status := ForeignStatus(err); status != 0 {
		return foreignClass(status)
	}
	if faultStatuses.IsErrorRetryable(err) == aws.TrueTernary || connectionErrors.IsErrorRetryable(err) == aws.TrueTernary || brokenAnswer(err) {
		return Transient
	}
	return Final
}

// foreignClass is what to do about an answer that is not AWS's: a page that blocks
// goes on blocking, one of a balancer that is overloaded may be gone.
func foreignClass(status int) Class {
	if status >= 300 && status < 500 && status != http.StatusRequestTimeout && status != http.StatusTooManyRequests {
		return Final
	}
	return Transient
}

// ForeignStatus is the HTTP status of an answer that is not AWS's, such as the
// page of a proxy; 0 where it is AWS's, or where there is no whole answer.
func ForeignStatus(err error) int {
	response, ok := errors.AsType[*smithyhttp.ResponseError](err)
	if !ok || APICode(err) != "" || isNetwork(err) {
		return 0
	}
	return response.HTTPStatusCode()
}

// isFault reports an answer that says no more than that something is wrong on the
// other side.
func isFault(err error) bool {
	response, ok := errors.AsType[*smithyhttp.ResponseError](err)
	return ok && response.HTTPStatusCode() >= http.StatusInternalServerError || ForeignStatus(err) != 0
}

func isExpired(code string) bool {
	return code == "ExpiredToken" || code == "ExpiredTokenException" || code == "RequestExpired"
}

// brokenAnswer reports an answer that ended early, took too long, or was not
// what the protocol says.
func brokenAnswer(err error) bool {
	var deserialization *smithy.DeserializationError
	var network net.Error
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, ErrCallTimeout) ||
		errors.As(err, &network) || (errors.As(err, &deserialization) && APICode(err) == "")
}

func noSuchHost(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}

// noCode is what the SDK calls an error in whose answer it found no code.
const noCode = "UnknownError"

// APICode is AWS's error code, or "" when AWS did not answer.
func APICode(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() != noCode {
		return api.ErrorCode()
	}
	return ""
}

// CodeInterrupted is the code of gaps that are there because the run was
// stopped.
const CodeInterrupted = "Interrupted"

// Code is the code that a gap carries: AWS's, or one of ours.
func Code(err error) string {
	switch code := APICode(err); {
	case code != "":
		return code
	case errors.Is(err, context.Canceled):
		return CodeInterrupted
	case errors.Is(err, ErrCallTimeout), errors.Is(err, context.DeadlineExceeded):
		return "Timeout"
	case noSuchHost(err):
		return "NoSuchHost"
	case isNetwork(err):
		return "Unreachable"
	case ForeignStatus(err) != 0:
		return "ForeignAnswer"
	default:
		return "Failed"
	}
}

func isNetwork(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// IsDenied reports that AWS understood the caller and said no.
func IsDenied(code string) bool {
	switch code {
	case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "AuthorizationErrorException", "NotAuthorized":
		return true
	}
	return false
}

// IsUnrecognized reports that AWS does not know the credentials in this
// region, as it says of regions that the account has not enabled.
func IsUnrecognized(code string) bool {
	return code == "UnrecognizedClientException" || code == "InvalidClientTokenId" || code == "AuthFailure"
}

var deniedAction = regexp.MustCompile(`not authorized to perform: ([a-z0-9-]+:[A-Za-z0-9]+)`)

// Permission is the IAM action that was denied, when that is what the error of an
// operation says; otherwise it is empty.
func Permission(operation string, err error) string {
	if !IsDenied(Code(err)) {
		return ""
	}
	if named := deniedAction.FindStringSubmatch(err.Error()); named != nil {
		return named[1]
	}
	return operation
}

// Missing is Permission where to be given it may be all that the caller lacks:
// where a policy denies it, or another one would have to allow it too, it would
// not help, and the reason says what does.
func Missing(operation string, err error) string {
	if permission := Permission(operation, err); permission != "" && DenialIn(Reason(err)).Grantable() {
		return permission
	}
	return ""
}

// Reason is what a person should read of an error, without the layers that
// the SDK wraps around it.
func Reason(err error) string {
	var api smithy.APIError
	code := Code(err)
	switch {
	case code == CodeInterrupted:
		return "the run was interrupted before this was read"
	case IsUnrecognized(code):
		return "AWS does not know these credentials here: the region is probably not enabled for this account"
	case isExpired(code):
		return "the credentials expired during the run: " + err.Error()
	case code == "ForeignAnswer":
		return foreignReason(err)
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

// withoutAnswer are the operations whose answers have no fields, so that an empty
// one says as much as any.
var withoutAnswer = []string{"TagResource", "UntagResource"}

// refuseEmptyAnswers has calls fail that are answered by nothing, which the SDK
// would take for an answer in which there is nothing: no policy, no image. AWS's
// services answer with a document at least.
func refuseEmptyAnswers(stack *middleware.Stack) error {
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("RefuseEmptyAnswers", func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
		out, metadata, err := next.HandleDeserialize(ctx, in)
		if response, ok := out.RawResponse.(*smithyhttp.Response); err == nil && ok && response.StatusCode < http.StatusMultipleChoices && response.ContentLength == 0 && !slices.Contains(withoutAnswer, middleware.GetOperationName(ctx)) {
			err = &smithy.DeserializationError{Err: errors.New("it is empty")}
		}
		return out, metadata, err
	}), middleware.After)
}

// Plain is an error in whose text the SDK's part is put into the words of Reason
// where something other than AWS answered. What was wrapped around it stays.
func Plain(err error) string {
	operation, ok := errors.AsType[*smithy.OperationError](err)
	if !ok || ForeignStatus(err) == 0 {
		return err.Error()
	}
	return strings.Replace(err.Error(), operation.Error(), operation.Operation()+": "+Reason(err), 1)
}

// foreignReason says what came in place of AWS's answer.
func foreignReason(err error) string {
	text := fmt.Sprintf("what came has the HTTP status %d and is no answer of AWS", ForeignStatus(err))
	if cause := rootCause(err).Error(); !strings.Contains(cause, noCode) {
		text += " (" + cause + ")"
	}
	return text + ": check AWS_ENDPOINT_URL and proxies"
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
