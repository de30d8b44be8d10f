package awssim

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// apiError is an error as AWS answers it. Status is 400 when zero.
type apiError struct {
	code, message string
	status        int
	reason        string // of InvalidInputException and its like
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func (e *apiError) httpStatus() int {
	if e.status == 0 {
		return http.StatusBadRequest
	}
	return e.status
}

// asAPIError is nil for nil; anything that is no API error is a defect of the simulation and says so.
func asAPIError(err error) *apiError {
	var e *apiError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return e
	}
	return &apiError{code: "ServerException", message: err.Error(), status: http.StatusInternalServerError}
}

func failure(code, format string, args ...any) *apiError {
	return &apiError{code: code, message: fmt.Sprintf(format, args...)}
}

// invalid is what ECR answers to a parameter that breaks a constraint.
func invalid(parameter, constraint string) *apiError {
	return failure("InvalidParameterException", "Invalid parameter at '%s' failed to satisfy constraint: '%s'", parameter, constraint)
}

func serialization(err error) *apiError {
	return failure("SerializationException", "%v", err)
}

// codes are the names that the services give to errors which all of them have.
type codes struct {
	invalidToken, expiredToken, badSignature, denied, throttled, server    string
	authStatus, deniedStatus, throttledStatus, expiredStatus, badSigStatus int
}

var errorCodes = map[string]codes{
	"ecr": {"UnrecognizedClientException", "ExpiredTokenException", "InvalidSignatureException", "AccessDeniedException",
		"ThrottlingException", "ServerException", 400, 400, 400, 400, 400},
	"organizations": {"UnrecognizedClientException", "ExpiredTokenException", "InvalidSignatureException", "AccessDeniedException",
		"TooManyRequestsException", "ServiceException", 400, 400, 400, 400, 400},
	"account": {"UnrecognizedClientException", "ExpiredTokenException", "InvalidSignatureException", "AccessDeniedException",
		"TooManyRequestsException", "InternalServerException", 403, 403, 429, 403, 403},
	"sts": {"InvalidClientTokenId", "ExpiredToken", "SignatureDoesNotMatch", "AccessDenied", "Throttling", "InternalFailure", 403, 403, 400, 403, 403},
	"ec2": {"AuthFailure", "RequestExpired", "SignatureDoesNotMatch", "UnauthorizedOperation", "RequestLimitExceeded", "InternalError", 401, 403, 503, 400, 403},
}

func (c *call) codes() codes {
	if known, ok := errorCodes[c.service]; ok {
		return known
	}
	return errorCodes["ecr"]
}

func (c *call) invalidToken() error {
	k := c.codes()
	message := "The security token included in the request is invalid."
	if c.service == "ec2" {
		message = "AWS was not able to validate the provided access credentials"
	}
	return &apiError{code: k.invalidToken, message: message, status: k.authStatus}
}

func (c *call) expiredToken() error {
	k := c.codes()
	return &apiError{code: k.expiredToken, message: "The security token included in the request is expired", status: k.expiredStatus}
}

func (c *call) badSignature() error {
	k := c.codes()
	return &apiError{code: k.badSignature, status: k.badSigStatus, message: "The request signature we calculated does not match the " +
		"signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."}
}

// signatureExpired is the answer to a signature of another time than AWS's.
func (c *call) signatureExpired(skew time.Duration) error {
	k := c.codes()
	is := map[bool]string{true: "Signature expired", false: "Signature not yet current"}[skew > 0]
	return &apiError{code: k.badSignature, status: k.badSigStatus, message: is + ": the signature is " + skew.Abs().String() + " off"}
}

func (c *call) throttled() error {
	k := c.codes()
	message := "Rate exceeded"
	if c.service == "ec2" {
		message = "Request limit exceeded."
	}
	return &apiError{code: k.throttled, message: message, status: k.throttledStatus}
}

func (c *call) serverError() error {
	return &apiError{code: c.codes().server, message: "An internal error occurred. Retry your request.", status: http.StatusInternalServerError}
}

// denied says who was not allowed to call the operation on which resource, and why.
func (c *call) denied(resource, because string) error {
	return c.deniedAction(c.name(), resource, because)
}

// deniedAction is denied for an action that need not be called as the operation.
func (c *call) deniedAction(action, resource, because string) error {
	k := c.codes()
	return &apiError{code: k.denied, status: k.deniedStatus,
		message: fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s %s", c.caller.arn, action, resource, because)}
}

// notAllowed is denied for want of a permission.
func (c *call) notAllowed(resource string) error { return c.lacks(c.name(), resource) }

// lacks is deniedAction for want of a permission.
func (c *call) lacks(action, resource string) error {
	return c.deniedAction(action, resource, fmt.Sprintf("because no identity-based policy allows the %s action", action))
}
