package access

import (
	"slices"
	"strings"
)

// rank orders the exposures that can be decided.
type rank int

const (
	own rank = iota
	inside
	trusted
	outside
	public
)

var exposures = [...]Exposure{ExposureOwn, ExposureInside, ExposureTrusted, ExposureOutside, ExposurePublic}

// reading is a value that a request has for a key, or that it has none.
type reading struct {
	value   string
	present bool
}

var absent = []reading{{}}

func value(text string) []reading { return []reading{{text, true}} }

// scopeKind says for whom a scope stands.
type scopeKind int

const (
	ownScope        scopeKind = iota // the repository's own account
	namedScope                       // an account that a document names
	memberScope                      // any other account of the organization
	strangerScope                    // any account at all that nothing is known of
	orgScope                         // any account of another organization that a document names
	patternScope                     // any account whose id a pattern of a document matches
	sourcelessScope                  // a service that does not say for whom it acts
)

// scope is a class of accounts that no statement can tell apart, as far as a
// caller's account goes. A named account of which the organization is not
// known has one scope for each organization that it might belong to.
type scope struct {
	kind      scopeKind
	account   string    // for a class an id that stands for it
	label     string    // of an organization, path or pattern
	home      string    // organization
	id        []reading // of the account, as requests carry it
	org       []reading
	paths     []reading
	low, high rank     // how far a grant to it reaches
	wholeOrg  bool     // it stands for the accounts of an organization in no named path
	within    glob     // the named path that its accounts are in, where it stands for one
	at        int      // its place in world.scopes
	callers   []caller // nil before anybody asked
}

// holds says whether the accounts of an organization or path, which the scope
// stands for, surely include the other's.
func (s *scope) holds(other *scope) bool {
	if s.home != other.home || s.wholeOrg {
		return s.home == other.home
	}
	outside := func(r reading) bool { return !r.present || !s.within.match(r.value, false) }
	return len(other.paths) > 0 && !slices.ContainsFunc(other.paths, outside)
}

// identity is a class of principals within an account.
type identity struct {
	account  string // the account that has it, "" for every account
	resource string // "role/path/name", "user/path/name", "root", "federated-user/name"
	session  string // the ARN, for one session of the role
	path     bool   // the role's path is not known
	generic  bool   // it stands for whatever no document names
	label    string // the pattern that it stands for
}

func (i *identity) kind() string {
	kind, _, _ := strings.Cut(i.resource, "/")
	return kind
}

func (i *identity) name() string { return i.resource[strings.LastIndex(i.resource, "/")+1:] }

// isResource compares with the role or user that a principal entry names. A
// session does not tell its role's path, but an account has only one role of a
// name, and AWS replaces the ARN of a role that is gone.
func (i *identity) isResource(resource string) truth {
	if i.path {
		return truthOf(strings.HasPrefix(resource, "role/") && strings.HasSuffix(resource, "/"+i.name()))
	}
	return truthOf(i.resource == resource)
}

// isSession compares with the principal of one session.
func (i *identity) isSession(p *principal) truth {
	switch {
	case i.session != "":
		return truthOf(i.session == p.text)
	case i.kind() == "role" && i.name() == p.name:
		return maybe // some of the role's sessions
	default:
		return no
	}
}

// caller is one caller that stands for all that no statement can tell from it.
type caller struct {
	scope   *scope
	who     *identity
	service string // the service's host name; then the scope is whom it acts for
	world   *world
	arn     []reading
	refused []refusal // by the Deny statements, nil before anybody asked
}

// What the keys of the principal hold for a service that calls on its own is
// not documented, but for aws:PrincipalAccount that it is in every request.
var (
	internalAccount = value("an account of AWS")
	internal        = []reading{{}, {"something of AWS", true}}
	isTrue, isFalse = value("true"), value("false")
	principalTypes  = map[string][]reading{
		"role": value("AssumedRole"), "user": value("User"), "root": value("Account"), "federated-user": value("FederatedUser"),
	}
)

// read returns what the caller's requests have for a key: one reading, or
// several of which it is not known which. It is false when the key does not
// depend on the caller.
func (c *caller) read(class keyClass) ([]reading, bool) {
	switch class {
	case resourceAccountKey:
		return c.world.ownAccount, c.world.ownAccount != nil
	case resourceOrgIDKey:
		return c.world.ownOrg, true
	case resourceOrgPathsKey:
		return c.world.ownPath, c.world.ownPath != nil
	case regionKey:
		return c.world.region, c.world.region != nil
	}
	if c.service != "" {
		return c.readService(class)
	}
	return c.readPrincipal(class)
}

func (c *caller) readPrincipal(class keyClass) ([]reading, bool) {
	switch class {
	case orgIDKey:
		return c.scope.org, true
	case orgPathsKey:
		return c.scope.paths, true
	case accountKey:
		return c.scope.id, true
	case arnKey:
		return c.arn, true
	case typeKey:
		return principalTypes[c.who.kind()], true
	case userIDKey:
		return c.scope.id, c.who.resource == "root"
	case userNameKey:
		if c.who.kind() == "user" {
			return value(c.who.name()), true
		}
		return absent, true
	case isServiceKey:
		return isFalse, true
	case serviceNameKey, sourceAccountKey, sourceOrgIDKey, sourceOrgPathsKey, sourceARNKey:
		return absent, true
	default:
		return nil, false
	}
}

func (c *caller) readService(class keyClass) ([]reading, bool) {
	switch class {
	case orgIDKey, orgPathsKey, userNameKey, openKey, openFlagKey, tagsKey, ownARNKey:
		return absent, true
	case accountKey:
		return internalAccount, true
	case arnKey, typeKey, userIDKey:
		return internal, true
	case isServiceKey:
		return isTrue, true
	case serviceNameKey:
		return value(c.service), true
	case sourceAccountKey:
		if c.scope.kind == sourcelessScope {
			return absent, true
		}
		return c.scope.id, true
	case sourceOrgIDKey:
		return c.scope.org, true
	case sourceOrgPathsKey:
		return c.scope.paths, true
	default:
		return nil, false
	}
}

// on evaluates the test for the caller. It is free when the caller can have
// any value that the test wants, or none.
func (t *test) on(c *caller) (result truth, free bool) {
	readings, known := c.read(t.class)
	if !known && t.class == sourceARNKey && c.scope.kind != sourcelessScope && t.pinsOthers(c.scope.account) {
		return no, false
	}
	if !known {
		return maybe, true
	}
	for i, r := range readings {
		var one truth
		if r.present {
			one = t.holds([]string{r.value}, c)
		} else {
			one = t.holds(nil, c)
		}
		if i > 0 && one != result {
			return maybe, false
		}
		result = one
	}
	return result, false
}

// caller makes a caller of a principal in the scope.
func (w *world) caller(s *scope, who *identity) caller {
	c := caller{scope: s, who: who, world: w}
	if !w.arns {
		return c
	}
	prefix := "arn:" + w.partition + ":iam::" + s.account + ":"
	if who.kind() == "federated-user" {
		prefix = "arn:" + w.partition + ":sts::" + s.account + ":"
	}
	c.arn = value(prefix + who.resource)
	if who.path {
		c.arn = append(c.arn, reading{prefix + "role/" + filler + "/" + who.name(), true})
	}
	return c
}

// identityOf is the identity that a principal entry names.
func identityOf(p *principal) *identity {
	switch p.kind {
	case session:
		return &identity{account: p.account, resource: "role/" + p.name, session: p.text, path: true, label: p.text}
	default:
		return &identity{account: p.account, resource: p.name, label: p.name}
	}
}

// addIdentities adds those that are not there yet.
func (w *world) addIdentities(list ...*identity) {
	type key struct{ account, resource, session string }
	seen := make(map[key]bool, len(w.identities)+len(list))
	for _, i := range w.identities {
		seen[key{i.account, i.resource, i.session}] = true
	}
	for _, i := range list {
		if k := (key{i.account, i.resource, i.session}); !seen[k] {
			seen[k] = true
			w.identities = append(w.identities, i)
		}
	}
}
