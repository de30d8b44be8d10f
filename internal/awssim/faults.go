package awssim

import (
	"hash/fnv"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// FaultKind is what a fault does to a call.
type FaultKind string

// The kinds of faults. Latency and Slow join with others; of the rest the first that fires decides.
const (
	// Latency delays the call by Fault.Delay before it takes effect.
	Latency FaultKind = "latency"
	// RateLimit throttles calls beyond PerSecond and Burst, counted for each account, region and operation on the real clock.
	RateLimit FaultKind = "rate limit"
	// Throttle answers "Rate exceeded".
	Throttle FaultKind = "throttle"
	// ServerError answers 500; the call has no effect.
	ServerError FaultKind = "server error"
	// Reset closes the connection without an answer; the call has no effect.
	Reset FaultKind = "reset"
	// ResetAfter closes the connection without an answer after the call has taken effect.
	ResetAfter FaultKind = "reset after"
	// Slow sends the answer at BytesPerSecond.
	Slow FaultKind = "slow"
	// Truncate closes the connection after the first Bytes of the answer's body; the call has taken effect.
	Truncate FaultKind = "truncate"
	// Denied answers that the caller is not authorized.
	Denied FaultKind = "denied"
	// ExpiredToken answers that the session has expired.
	ExpiredToken FaultKind = "expired token"
	// ClockSkew answers as if the clock of AWS were Fault.Delay ahead of that of the machine, or behind where it is negative. Signatures that are
	// more than five minutes off are refused.
	ClockSkew FaultKind = "clock skew"
	// CrashAfter lets the first After matching calls take effect, loses the answer of the last of these, runs Do, and from then on closes every
	// connection, whoever calls what, until [Faults.Clear]: as if the client had died there. With After 0 nothing takes effect.
	CrashAfter FaultKind = "crash after"
)

// Fault is a rule: calls that it matches, how many of these, and what happens to them.
type Fault struct {
	Kind FaultKind

	// Account, Region and Operation ("ecr:Describe*") are globs; empty ones match everything. Repository is a glob of the repository
	// that the call names; calls that name none do not match it.
	Account, Region, Operation, Repository string
	// Writes restricts the rule to operations that change state.
	Writes bool

	// After lets the first calls that match pass, First bounds how many are hit then, and Every hits only each Nth of them. Zero means no such condition.
	After, First, Every int
	// Probability, when not zero, hits a call with that chance. The draws depend on Seed, the account, the region, the operation
	// and how many calls these had before, and so not on how concurrent calls interleave.
	Probability float64
	Seed        uint64
	// PerTarget counts After, First and Every for each account, region and operation, instead of over all.
	PerTarget bool

	Delay          time.Duration // of Latency and ClockSkew
	PerSecond      float64       // of RateLimit
	Burst          int           // of RateLimit; 1 when zero
	BytesPerSecond int           // of Slow
	Bytes          int           // of Truncate

	// Do, when not nil, runs when the fault hits a call: after the call's effect and before its answer for ResetAfter and
	// CrashAfter, before the effect for the other kinds. It may change the organization, as a concurrent writer would. It runs on
	// a goroutine of the server.
	Do func()
}

// Faults are the rules by which a server misbehaves.
type Faults struct {
	mu      sync.Mutex
	rules   []*faultRule
	crashed bool
	next    int
}

type faultRule struct {
	Fault
	id    int
	seen  map[CallKey]int
	pails map[CallKey]*pail
}

// pail is the token bucket of one account, region and operation.
type pail struct {
	tokens float64
	filled time.Time
}

// Faults returns the server's rules, to add to and to remove from while it runs.
func (s *Server) Faults() *Faults { return &s.faults }

// Add adds a rule and returns a function that removes it.
func (f *Faults) Add(fault Fault) (remove func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next++
	id := f.next
	f.rules = append(f.rules, &faultRule{Fault: fault, id: id, seen: map[CallKey]int{}, pails: map[CallKey]*pail{}})
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.rules = slices.DeleteFunc(f.rules, func(r *faultRule) bool { return r.id == id })
	}
}

// Clear removes all rules and ends a crash.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules, f.crashed = nil, false
}

// Crashed reports whether a CrashAfter rule has struck.
func (f *Faults) Crashed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.crashed
}

// outcome is what the rules together do to one call.
type outcome struct {
	delay    time.Duration
	err      error
	drop     bool // without effect and answer
	lost     bool // with effect, without answer
	slow     int
	truncate int // bytes of the answer, -1 for all
	skew     time.Duration
	do       []func()
}

// before decides a call's fate, and runs what must run before the call takes effect.
func (f *Faults) before(c *call) *outcome {
	o := &outcome{truncate: -1}
	var now []func()
	f.mu.Lock()
	if f.crashed {
		o.drop = true
	}
	for _, rule := range f.rules {
		if !o.drop && rule.matches(c) && rule.hits(c) {
			now = append(now, f.strike(rule, c, o)...)
		}
	}
	f.mu.Unlock()
	for _, do := range now {
		do()
	}
	return o
}

// strike adds a rule's effect to an outcome, and returns what to run at once.
func (f *Faults) strike(r *faultRule, c *call, o *outcome) (now []func()) {
	decided := o.err != nil || o.lost || o.truncate >= 0
	if decided && r.Kind != Latency && r.Kind != Slow {
		return nil
	}
	late := r.Kind == ResetAfter
	switch r.Kind {
	case Latency:
		o.delay += r.Delay
	case RateLimit, Throttle:
		o.err = c.throttled()
	case ServerError:
		o.err = c.serverError()
	case Reset:
		o.drop = true
	case ResetAfter:
		o.lost = true
	case Slow:
		o.slow = max(1, r.BytesPerSecond)
	case Truncate:
		o.truncate = r.Bytes
	case Denied:
		o.err = c.notAllowed(c.faultResource())
	case ExpiredToken:
		o.err = c.expiredToken()
	case ClockSkew:
		o.skew = r.Delay
		if o.skew.Abs() > 5*time.Minute {
			o.err = c.signatureExpired(o.skew)
		}
	case CrashAfter:
		f.crashed = true
		late = r.After > 0
		o.lost, o.drop = late, !late
	}
	if r.Do == nil {
		return nil
	}
	if late {
		o.do = append(o.do, r.Do)
		return nil
	}
	return []func(){r.Do}
}

func (r *faultRule) matches(c *call) bool {
	account := ""
	if c.caller.account != nil {
		account = c.caller.account.id
	}
	if r.Writes && !services()[c.service].operations[c.operation].writes {
		return false
	}
	return matchesAny(r.Account, account) && matchesAny(r.Region, c.region) && matchesAny(r.Operation, c.name()) &&
		(r.Repository == "" || c.repositoryName() != "" && globMatch(r.Repository, c.repositoryName()))
}

func matchesAny(pattern, name string) bool { return pattern == "" || globFold(pattern, name) }

// hits counts a matching call and reports whether the rule strikes it.
func (r *faultRule) hits(c *call) bool {
	target := CallKey{Region: c.region, Operation: c.name()}
	if c.caller.account != nil {
		target.Account = c.caller.account.id
	}
	counted := target
	if !r.PerTarget && r.Probability == 0 {
		counted = CallKey{}
	}
	r.seen[counted]++
	n := r.seen[counted]
	if r.Kind == CrashAfter {
		return n >= r.After
	}
	n -= r.After
	switch {
	case n <= 0:
		return false
	case r.Every > 0 && n%r.Every != 0:
		return false
	case r.First > 0 && r.Every > 0 && n/r.Every > r.First:
		return false
	case r.First > 0 && r.Every == 0 && n > r.First:
		return false
	case r.Probability > 0 && !r.drawn(target, n):
		return false
	case r.Kind == RateLimit:
		return !r.take(target)
	}
	return true
}

// drawn reports whether the nth call of a target is one of those that chance hits.
func (r *faultRule) drawn(target CallKey, n int) bool {
	h := fnv.New64a()
	seed := appendInt(nil, int64(r.Seed))
	_, _ = h.Write(appendInt(append(append(seed, target.Account+target.Region+target.Operation...), '#'), int64(n)))
	x := h.Sum64() // FNV's high bits mix badly over short inputs; finish as splitmix64 does
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	x ^= x >> 31
	return float64(x>>11)/(1<<53) < r.Probability
}

// take takes a token out of a target's bucket, if there is one.
func (r *faultRule) take(target CallKey) bool {
	now := time.Now()
	burst := float64(max(1, r.Burst))
	p := r.pails[target]
	if p == nil {
		p = &pail{tokens: burst, filled: now}
		r.pails[target] = p
	}
	p.tokens = min(burst, p.tokens+now.Sub(p.filled).Seconds()*r.PerSecond)
	p.filled = now
	if p.tokens < 1 {
		return false
	}
	p.tokens--
	return true
}

// after runs what must run between a call's effect and its answer.
func (o *outcome) after() {
	for _, do := range o.do {
		do()
	}
}

// write sends an answer, or as much of it and as fast as the outcome allows.
func (o *outcome) write(w http.ResponseWriter, status int, body []byte) {
	if o.skew != 0 {
		w.Header().Set("Date", time.Now().Add(o.skew).UTC().Format(http.TimeFormat))
	}
	w.Header().Set("Content-Length", string(appendInt(nil, int64(len(body)))))
	w.WriteHeader(status)
	cut := o.truncate >= 0 && o.truncate < len(body)
	if cut {
		body = body[:o.truncate]
	}
	if o.slow == 0 {
		_, _ = w.Write(body) // a client that is gone is its own affair
	} else {
		o.trickle(w, body)
	}
	if cut {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// trickle writes in portions of a twentieth of a second.
func (o *outcome) trickle(w http.ResponseWriter, body []byte) {
	portion := max(1, o.slow/20)
	pause := time.Second * time.Duration(portion) / time.Duration(o.slow)
	for len(body) > 0 {
		n := min(portion, len(body))
		if _, err := w.Write(body[:n]); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
		body = body[n:]
		time.Sleep(pause)
	}
}

// repositoryName finds the repository that a call names, without decoding it; "" when it names none.
func (c *call) repositoryName() string {
	_, rest, ok := strings.Cut(string(c.body), `"repositoryName"`)
	if !ok {
		return ""
	}
	_, rest, _ = strings.Cut(rest, `"`)
	name, _, _ := strings.Cut(rest, `"`)
	return name
}

func (c *call) faultResource() string {
	if name := c.repositoryName(); name != "" && c.caller.account != nil {
		return c.org.arn("ecr", c.region, c.caller.account.id, "repository/"+name)
	}
	return "*"
}
