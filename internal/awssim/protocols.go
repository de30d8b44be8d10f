package awssim

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"strconv"
)

// protocol writes answers as a family of services does.
type protocol interface {
	contentType() string
	appendResult(b []byte, c *call, result any) ([]byte, error)
	appendError(b []byte, c *call, e *apiError) []byte
}

// rendered is the result of an operation that has written its answer to call.out by itself.
type rendered struct{}

// awsJSON is awsJson1.1, of ECR and Organizations.
type awsJSON struct{}

func (awsJSON) contentType() string { return "application/x-amz-json-1.1" }

func (awsJSON) appendResult(b []byte, c *call, result any) ([]byte, error) {
	if _, ok := result.(rendered); ok {
		return c.out, nil
	}
	return appendJSON(b, result)
}

func (awsJSON) appendError(b []byte, _ *call, e *apiError) []byte {
	b = append(b, `{"__type":`...)
	b = appendString(b, e.code)
	return appendErrorRest(b, e)
}

func appendErrorRest(b []byte, e *apiError) []byte {
	b = append(b, `,"message":`...)
	b = appendString(b, e.message)
	if e.reason != "" {
		b = append(b, `,"Reason":`...)
		b = appendString(b, e.reason)
	}
	return append(b, '}')
}

// restJSON is restJson1, of Account. The error's code stands in a header as well.
type restJSON struct{}

func (restJSON) contentType() string { return "application/json" }

func (restJSON) appendResult(b []byte, _ *call, result any) ([]byte, error) {
	return appendJSON(b, result)
}

func (restJSON) appendError(b []byte, _ *call, e *apiError) []byte {
	b = append(b, `{"__type":`...)
	b = appendString(b, e.code)
	return appendErrorRest(b, e)
}

func appendJSON(b []byte, result any) ([]byte, error) {
	text, err := json.Marshal(result)
	if err != nil {
		return nil, err
	}
	return append(b, text...), nil
}

// stsQuery is the query protocol as STS speaks it.
type stsQuery struct{}

const stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"

func (stsQuery) contentType() string { return "text/xml" }

func (stsQuery) appendResult(b []byte, c *call, result any) ([]byte, error) {
	inner, err := xml.Marshal(result)
	if err != nil {
		return nil, err
	}
	b = append(b, "<"+c.operation+`Response xmlns="`+stsNamespace+`">`...)
	b = append(b, inner...)
	b = append(b, "<ResponseMetadata><RequestId>"+c.requestID+"</RequestId></ResponseMetadata></"+c.operation+"Response>"...)
	return b, nil
}

func (stsQuery) appendError(b []byte, c *call, e *apiError) []byte {
	kind := "Sender"
	if e.httpStatus() >= 500 {
		kind = "Receiver"
	}
	b = append(b, `<ErrorResponse xmlns="`+stsNamespace+`"><Error><Type>`+kind+"</Type><Code>"+e.code+"</Code><Message>"...)
	b = appendEscapedXML(b, e.message)
	return append(b, "</Message></Error><RequestId>"+c.requestID+"</RequestId></ErrorResponse>"...)
}

// ec2Query is the query protocol as EC2 speaks it.
type ec2Query struct{}

const ec2Namespace = "http://ec2.amazonaws.com/doc/2016-11-15/"

func (ec2Query) contentType() string { return "text/xml;charset=UTF-8" }

func (ec2Query) appendResult(b []byte, c *call, result any) ([]byte, error) {
	inner, err := xml.Marshal(result)
	if err != nil {
		return nil, err
	}
	b = append(b, xml.Header+"<"+c.operation+`Response xmlns="`+ec2Namespace+`"><requestId>`+c.requestID+"</requestId>"...)
	b = append(b, inner...)
	return append(b, "</"+c.operation+"Response>"...), nil
}

func (ec2Query) appendError(b []byte, c *call, e *apiError) []byte {
	b = append(b, xml.Header+"<Response><Errors><Error><Code>"+e.code+"</Code><Message>"...)
	b = appendEscapedXML(b, e.message)
	return append(b, "</Message></Error></Errors><RequestID>"+c.requestID+"</RequestID></Response>"...)
}

func appendEscapedXML(b []byte, text string) []byte {
	w := sliceWriter{b}
	_ = xml.EscapeText(&w, []byte(text)) // the writer does not fail
	return w.b
}

type sliceWriter struct{ b []byte }

func (w *sliceWriter) Write(p []byte) (int, error) {
	w.b = append(w.b, p...)
	return len(p), nil
}

// jsonOperation is an operation of a JSON protocol, whose input is decoded into In, and authorized on the resource that In names.
func jsonOperation[In any](writes bool, run func(*call, *In) (any, error)) operation {
	return operation{writes, func(c *call) (any, error) {
		in := new(In)
		if len(c.body) > 0 {
			if err := json.Unmarshal(c.body, in); err != nil {
				return nil, decodeError(err)
			}
		}
		if err := c.allow(resourcesOf(c, in)...); err != nil {
			return nil, err
		}
		return run(c, in)
	}}
}

// resourcesOf are the resources on which IAM authorizes an operation with an input.
func resourcesOf(c *call, in any) []string {
	switch named := in.(type) {
	case interface{ resources(*call) []string }:
		return named.resources(c)
	case interface{ resource(*call) string }:
		return []string{named.resource(c)}
	}
	return []string{"*"}
}

func reading[In any](run func(*call, *In) (any, error)) operation { return jsonOperation(false, run) }

func writing[In any](run func(*call, *In) (any, error)) operation { return jsonOperation(true, run) }

func decodeError(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return failure("SerializationException", "%s cannot be converted to %s (at %s)", wrong.Value, wrong.Type, wrong.Field)
	}
	return serialization(err)
}

func appendInt(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }

// appendString appends a JSON string; it is quick for what needs no escape.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == '"' || s[i] == '\\' || s[i] >= 0x7f {
			quoted, _ := json.Marshal(s) // a string always marshals
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
