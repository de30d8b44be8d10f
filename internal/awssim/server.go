package awssim

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// maxBody bounds a request; the largest that AWS takes here is a manifest of 4 MiB.
const maxBody = 8 << 20

// Options say how a server behaves; the zero value is what tests want.
type Options struct {
	// AnySignature accepts requests whose signature is not the one that the secret key gives. Unknown keys are refused all the same.
	AnySignature bool
	// ShortPages cuts listings into pages smaller than asked for, some of them empty, as AWS may where a listing is filtered: clients
	// must go on until there is no token.
	ShortPages bool
}

// Server serves an organization over HTTP.
type Server struct {
	org      *Organization
	options  Options
	listener net.Listener
	http     *http.Server
	done     chan struct{}
	calls    callCounter
	faults   Faults
	readOnly atomic.Bool
	requests atomic.Uint64
}

// Start serves an organization on a free port of the loopback interface until Close. It panics when there is no such port.
func Start(org *Organization, options Options) *Server {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(fmt.Sprintf("awssim: %v", err))
	}
	return serve(org, listener, options)
}

// Serve serves an organization on a listener until the context ends, and then returns nil.
func Serve(ctx context.Context, org *Organization, listener net.Listener, options Options) error {
	s := serve(org, listener, options)
	select {
	case <-ctx.Done():
		s.Close()
		return nil
	case <-s.done:
		return errors.New("the listener was closed")
	}
}

func serve(org *Organization, listener net.Listener, options Options) *Server {
	s := &Server{org: org, options: options, listener: listener, done: make(chan struct{})}
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	go func() {
		defer close(s.done)
		_ = s.http.Serve(listener) // ends with ErrServerClosed, or with the listener
	}()
	return s
}

// Close stops the server, also in the middle of answers.
func (s *Server) Close() {
	_ = s.http.Close()
	<-s.done
}

// URL is the endpoint of every service.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// Organization is the state that the server serves.
func (s *Server) Organization() *Organization { return s.org }

// ReadOnly refuses from now on, with AccessDenied, every operation that writes. It returns a function that ends this.
func (s *Server) ReadOnly() (end func()) {
	s.readOnly.Store(true)
	return func() { s.readOnly.Store(false) }
}

// Environment returns, as NAME=value, everything that an AWS client needs to reach the server as the administrator of an account
// in a region, and nothing of the machine's own AWS configuration. It is meant to replace such variables, not to be added to them.
func (s *Server) Environment(account, region string) []string {
	return s.environment(s.org.Account(account).Credentials(), region)
}

// RoleEnvironment is Environment for a session of a role.
func (s *Server) RoleEnvironment(account, role, region string) []string {
	credentials, ok := s.org.Account(account).RoleCredentials(role)
	if !ok {
		panic(fmt.Sprintf("awssim: no role %s in account %s", role, account))
	}
	return s.environment(credentials, region)
}

func (s *Server) environment(c aws.Credentials, region string) []string {
	env := []string{
		"AWS_ENDPOINT_URL=" + s.URL(),
		"AWS_ACCESS_KEY_ID=" + c.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY=" + c.SecretAccessKey,
		"AWS_REGION=" + region,
		"AWS_DEFAULT_REGION=" + region,
		"AWS_CONFIG_FILE=" + os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_PAGER=",
	}
	if c.SessionToken != "" {
		env = append(env, "AWS_SESSION_TOKEN="+c.SessionToken)
	}
	return env
}

// Config returns an SDK configuration for the administrator of an account in a region.
func (s *Server) Config(account, region string) aws.Config {
	return s.ConfigFor(s.org.Account(account).Credentials(), region)
}

// ConfigFor returns an SDK configuration for credentials in a region.
func (s *Server) ConfigFor(c aws.Credentials, region string) aws.Config {
	return aws.Config{
		Region:       region,
		BaseEndpoint: aws.String(s.URL()),
		Credentials:  aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return c, nil }),
	}
}

// call is one request on its way through the server.
type call struct {
	server    *Server
	org       *Organization
	caller    principal
	region    string
	service   string // as IAM names it: ecr, sts, organizations, account, ec2
	operation string
	requestID string
	body      []byte
	form      url.Values // of the query protocol
	out       []byte     // where hot operations render their answer
}

// name is the operation as IAM names it, "ecr:DescribeImages".
func (c *call) name() string { return c.service + ":" + c.operation }

// operation is one thing that a service can do.
type operation struct {
	writes bool
	run    func(*call) (any, error)
}

// serviceTable is what a service can do and how it says so.
type serviceTable struct {
	protocol   protocol
	operations map[string]operation
}

// services holds the table of each service, by the name that signatures give it. It never changes.
var services = sync.OnceValue(func() map[string]serviceTable {
	return map[string]serviceTable{
		"ecr":           {awsJSON{}, ecrOperations()},
		"organizations": {awsJSON{}, organizationsOperations()},
		"account":       {restJSON{}, accountOperations()},
		"sts":           {stsQuery{}, stsOperations()},
		"ec2":           {ec2Query{}, ec2Operations()},
	}
})

// buffers and answers are reused from call to call: a page of images is hundreds of kilobytes.
var (
	buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}
	answers = sync.Pool{New: func() any { return new([]byte) }}
)

// ServeHTTP answers one call. It is exported so that a server can be mounted elsewhere.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	in, out := buffers.Get().(*bytes.Buffer), answers.Get().(*[]byte)
	defer buffers.Put(in)
	defer answers.Put(out)
	in.Reset()
	c := &call{server: s, org: s.org, out: (*out)[:0]}
	c.requestID = s.nextRequestID()
	sig, signed := parseSignature(r)
	err := readBody(in, r)
	raw := in.Bytes()
	if err == nil {
		c.body, err = inflate(r, raw)
	}
	c.route(r, sig)
	key := s.org.key(sig.accessKey)
	if key != nil {
		c.caller = key.principal
	}
	if err == nil {
		err = s.authenticate(c, r, sig, signed, key, raw)
	}
	s.answer(w, c, err)
	*out = c.out
}

// answer lets the faults act and the operation run, counts the call, and writes what came of it.
func (s *Server) answer(w http.ResponseWriter, c *call, err error) {
	table := services()[c.service]
	f := s.faults.before(c)
	if f.delay > 0 {
		time.Sleep(f.delay)
	}
	if f.drop {
		s.calls.add(c, nil, true)
		hangUp(w)
		return
	}
	var result any
	if err == nil {
		err = f.err
	}
	if err == nil {
		result, err = s.run(c, table)
	}
	s.calls.add(c, err, f.lost)
	f.after()
	if f.lost {
		hangUp(w)
		return
	}
	status, contentType, body := table.render(c, result, err)
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("X-Amzn-Requestid", c.requestID)
	if e := asAPIError(err); e != nil && c.service == "account" {
		header.Set("X-Amzn-Errortype", e.code)
	}
	f.write(w, status, body)
}

// run authorizes and runs the operation of a call.
func (s *Server) run(c *call, table serviceTable) (any, error) {
	op, ok := table.operations[c.operation]
	if !ok {
		return nil, &apiError{code: "UnknownOperationException", message: "awssim does not simulate " + c.name()}
	}
	if s.readOnly.Load() && op.writes {
		return nil, c.denied("*", "because the simulation is read-only")
	}
	return op.run(c)
}

func (t serviceTable) render(c *call, result any, err error) (status int, contentType string, body []byte) {
	p := t.protocol
	if p == nil {
		p = awsJSON{}
	}
	if err != nil {
		e := asAPIError(err)
		return e.httpStatus(), p.contentType(), p.appendError(c.out[:0], c, e)
	}
	body, err = p.appendResult(c.out, c, result)
	if err != nil {
		e := &apiError{code: "ServerException", message: err.Error(), status: http.StatusInternalServerError}
		return e.status, p.contentType(), p.appendError(nil, c, e)
	}
	c.out = body
	return http.StatusOK, p.contentType(), body
}

// nextRequestID counts; its form is that of a UUID.
func (s *Server) nextRequestID() string {
	n := s.requests.Add(1)
	return fmt.Sprintf("00000000-0000-4000-8000-%012x", n)
}

func readBody(into *bytes.Buffer, r *http.Request) error {
	n, err := into.ReadFrom(io.LimitReader(r.Body, maxBody+1))
	if err != nil || n > maxBody {
		return &apiError{code: "RequestEntityTooLarge", message: "the request could not be read, or is too large", status: 413}
	}
	return nil
}

func inflate(r *http.Request, raw []byte) ([]byte, error) {
	if r.Header.Get("Content-Encoding") != "gzip" {
		return raw, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, serialization(err)
	}
	body, err := io.ReadAll(io.LimitReader(z, maxBody))
	if err != nil {
		return nil, serialization(err)
	}
	return body, nil
}

// targets maps the prefix of X-Amz-Target to a service.
var targets = map[string]string{
	"AmazonEC2ContainerRegistry_V20150921": "ecr",
	"AWSOrganizationsV20161128":            "organizations",
}

// queryVersions maps the version that a call of the query protocol names to a service.
var queryVersions = map[string]string{"2011-06-15": "sts", "2016-11-15": "ec2"}

// route finds the service and the operation, from the target, the form, or the path.
func (c *call) route(r *http.Request, sig signature) {
	c.region, c.service = sig.region, sig.service
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		prefix, name, _ := strings.Cut(target, ".")
		c.operation = name
		c.service = targets[prefix]
		return
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		c.form, _ = url.ParseQuery(string(c.body))
		c.operation = c.form.Get("Action")
		if c.service == "" { // without a signature only the version tells it
			c.service = queryVersions[c.form.Get("Version")]
		}
		return
	}
	if path := strings.Trim(r.URL.Path, "/"); path != "" {
		c.operation = strings.ToUpper(path[:1]) + path[1:]
	}
}

// authenticate checks who calls, whether the credentials are still good, and whether the account can use the region.
func (s *Server) authenticate(c *call, r *http.Request, sig signature, signed bool, key *credential, raw []byte) error {
	switch {
	case !signed:
		return &apiError{code: "MissingAuthenticationTokenException", message: "Missing Authentication Token", status: http.StatusForbidden}
	case key == nil || key.account.state() != "ACTIVE":
		return c.invalidToken()
	case key.SessionToken != r.Header.Get("X-Amz-Security-Token"):
		return c.invalidToken()
	case !s.options.AnySignature && !sig.verify(key, r, raw):
		return c.badSignature()
	case !key.expires.IsZero() && !s.org.Now().Before(key.expires):
		return c.expiredToken()
	case c.service == "organizations": // global, signed for us-east-1 or its peer in the partition
		return nil
	case !key.account.regionEnabled(c.region):
		return c.invalidToken()
	}
	return nil
}

func (o *Organization) key(id string) *credential {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.keys[id]
}

// hangUp closes the connection without an answer, so that the client sees it reset.
func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
