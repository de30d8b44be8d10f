package awssim_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// strictTransport fails a test when a JSON answer has a member that the SDK's type of the answer has not: the SDK drops such members, so
// that a misspelt name would look like an absent value.
type strictTransport struct {
	testing.TB
	clients map[string]reflect.Type // by the prefix of X-Amz-Target, or "" for restJson
}

func newStrictTransport(tb testing.TB) strictTransport {
	tb.Helper()
	return strictTransport{tb, map[string]reflect.Type{
		"AmazonEC2ContainerRegistry_V20150921": reflect.TypeFor[*ecr.Client](),
		"AWSOrganizationsV20161128":            reflect.TypeFor[*organizations.Client](),
		"":                                     reflect.TypeFor[*account.Client](),
	}}
}

func (s strictTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	// The SDK closes the body of a request as soon as there is an answer, and a
	// connection that is still looking for the body's end breaks then. Clients
	// try again; these tests give the connection a body of its own.
	if r.Body != nil {
		sent, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(resp.Header.Get("Content-Type"), "json") {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failing{err}))
	if err != nil {
		return resp, nil
	}
	prefix, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if prefix == "" {
		name = strings.ToUpper(r.URL.Path[1:2]) + r.URL.Path[2:]
	}
	method, ok := s.clients[prefix].MethodByName(name)
	if !ok {
		s.Errorf("the SDK has no operation %s", name)
		return resp, nil
	}
	var answer any
	if err := json.Unmarshal(body, &answer); err != nil {
		s.Errorf("%s: %v in %s", name, err, body)
	}
	s.check(name, answer, method.Type.Out(0))
	return resp, nil
}

// failing is a reader that fails with an error, or ends when it has none.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err == nil {
		return 0, io.EOF
	}
	return 0, f.err
}

func (s strictTransport) check(path string, value any, t reflect.Type) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch v := value.(type) {
	case map[string]any:
		for key, member := range v {
			if t.Kind() == reflect.Map {
				s.check(path+"."+key, member, t.Elem())
				continue
			}
			field, ok := t.FieldByName(strings.ToUpper(key[:1]) + key[1:])
			if !ok {
				s.Errorf("%s has no member %s", path, key)
				continue
			}
			s.check(path+"."+key, member, field.Type)
		}
	case []any:
		for i, member := range v {
			s.check(fmt.Sprintf("%s[%d]", path, i), member, t.Elem())
		}
	case nil:
		s.Errorf("%s is null; AWS leaves absent members out", path)
	case float64:
		if t == reflect.TypeFor[time.Time]() && v < 1e9 {
			s.Errorf("%s = %v is no time in seconds", path, v)
		}
	}
}
