package awssim

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// IAM as far as it decides about calls: the identity-based policies and the trust policy of a role, evaluated as AWS documents it. A
// deny beats every allow; nothing is allowed that no statement allows; all conditions of a statement must hold.

// managedPolicySize is how many characters IAM takes of a managed policy, white space not counted.
const managedPolicySize = 6144

// trustPolicySize is how many characters IAM takes of a trust policy, unless the quota was raised.
const trustPolicySize = 2048

// rolePolicies are the policies of a role, compiled. Those that a role does not have are nil.
type rolePolicies struct {
	identity []*compiledPolicy
	trust    *compiledPolicy
}

// compileRole panics where IAM would refuse a policy: a simulated role with such a policy could not exist.
func compileRole(r Role) rolePolicies {
	var p rolePolicies
	for _, text := range r.Policies {
		p.identity = append(p.identity, mustCompile(r.Name, "identity-based policy", text, managedPolicySize, (*statement).identityError))
	}
	if r.Trust != "" {
		p.trust = mustCompile(r.Name, "trust policy", r.Trust, trustPolicySize, (*statement).trustError)
	}
	return p
}

func mustCompile(role, what, text string, limit int, check func(*statement) error) *compiledPolicy {
	size := 0
	for _, r := range text {
		if !unicode.IsSpace(r) {
			size++
		}
	}
	if size > limit {
		panic(fmt.Sprintf("awssim: the %s of role %s has %d characters: IAM takes %d", what, role, size, limit))
	}
	if err := wellFormed(text); err != nil {
		panic(fmt.Sprintf("awssim: the %s of role %s is malformed: %v", what, role, err))
	}
	p, _ := parsePolicy(text)
	sids := map[string]bool{}
	for i := range p.Statement {
		s := &p.Statement[i]
		err := check(s)
		if err == nil && s.SID != "" && sids[s.SID] {
			err = fmt.Errorf("two statements have the Sid %s", s.SID)
		}
		if err != nil {
			panic(fmt.Sprintf("awssim: the %s of role %s: %v", what, role, err))
		}
		sids[s.SID] = true
	}
	return p
}

// wellFormed is what IAM would object to in the form of a policy. NotResource is not simulated.
func wellFormed(text string) error {
	var form struct {
		Version, ID string
		Statement   []struct {
			Sid, Effect                                                     string
			Principal, NotPrincipal, Action, NotAction, Resource, Condition json.RawMessage
		}
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&form); err != nil {
		return err
	}
	if form.Version != "2012-10-17" || len(form.Statement) == 0 {
		return errors.New("it has no statements, or is not of the version 2012-10-17")
	}
	return nil
}

var (
	sidForm    = regexp.MustCompile(`^[A-Za-z0-9]*$`)
	actionForm = regexp.MustCompile(`^([a-z0-9-]+:[A-Za-z*?]+|\*)$`)
	// resourceForm leaves the parts before the fifth colon without policy variables, as IAM does.
	resourceForm = regexp.MustCompile(`^(\*|arn:[a-z*-]+:[a-z0-9-]+:[a-z0-9*-]*:[0-9*]*:.+)$`)
)

// identityError is what IAM would object to in a statement of an identity-based policy.
func (s *statement) identityError() error {
	switch {
	case s.Effect != "Allow" && s.Effect != "Deny":
		return fmt.Errorf("the effect %q is neither Allow nor Deny", s.Effect)
	case s.Principals != nil || s.NotPrincipals != nil:
		return fmt.Errorf("statement %s names a principal", s.SID)
	case len(s.Actions)+len(s.NotActions) == 0 || len(s.Resources) == 0:
		return fmt.Errorf("statement %s lacks its actions or its resources", s.SID)
	case !sidForm.MatchString(s.SID):
		return fmt.Errorf("the Sid %q has other characters than letters and digits", s.SID)
	}
	for _, action := range slices.Concat(s.Actions, s.NotActions) {
		if !actionForm.MatchString(action) {
			return fmt.Errorf("%q is no action", action)
		}
	}
	for _, resource := range s.Resources {
		if !resourceForm.MatchString(resource) {
			return fmt.Errorf("%q is no resource", resource)
		}
	}
	return nil
}

// trustError is what IAM would object to in a statement of a trust policy.
func (s *statement) trustError() error {
	switch {
	case s.Resources != nil:
		return fmt.Errorf("statement %s of a trust policy names a resource", s.SID)
	case s.Principals == nil:
		return fmt.Errorf("statement %s of a trust policy names no principal", s.SID)
	case !sidForm.MatchString(s.SID):
		return fmt.Errorf("the Sid %q has other characters than letters and digits", s.SID)
	}
	return nil
}

// request is a call as policies see it.
type request struct {
	who      principal
	action   string
	resource string
	context  map[string]string // condition keys, in lower case
}

// request is what policies see of an action on a resource that the call takes. more are condition keys that the action adds.
func (c *call) request(action, resource string, more map[string]string) request {
	context := map[string]string{
		"aws:principalarn": c.caller.roleARN(), "aws:principalaccount": c.caller.account.id, "aws:requestedregion": c.region,
	}
	if !c.org.standalone[c.caller.account.id] {
		context["aws:principalorgid"] = c.org.ID()
	}
	if parts := strings.SplitN(resource, ":", 6); len(parts) == 6 && c.org.Account(parts[4]) != nil {
		context["aws:resourceaccount"] = parts[4]
		if !c.org.standalone[parts[4]] {
			context["aws:resourceorgid"] = c.org.ID()
		}
	}
	maps.Copy(context, more)
	return request{c.caller, action, resource, context}
}

// judge evaluates identity-based policies.
func (p rolePolicies) judge(r request) decision {
	verdict := silent
	for _, policy := range p.identity {
		for i := range policy.Statement {
			s := &policy.Statement[i]
			switch {
			case !s.covering(r.action) || !slices.ContainsFunc(s.Resources, func(pattern string) bool { return globMatch(pattern, r.resource) || pattern == "*" }) || !s.holds(r):
			case s.Effect == "Deny":
				return forbidden
			default:
				verdict = allowed
			}
		}
	}
	return verdict
}

// trusts evaluates a trust policy.
func (p *compiledPolicy) trusts(r request) bool {
	trusted := false
	for i := range p.Statement {
		s := &p.Statement[i]
		if !s.covering(r.action) || !slices.ContainsFunc(s.Principals["AWS"], r.who.isNamed) || !s.holds(r) {
			continue
		}
		if s.Effect == "Deny" {
			return false
		}
		trusted = true
	}
	return trusted
}

func (s *statement) covering(action string) bool {
	match := func(patterns []string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { return globFold(p, action) })
	}
	return s.Actions != nil && match(s.Actions) || s.NotActions != nil && !match(s.NotActions)
}

// holds reports whether all conditions of a statement hold.
func (s *statement) holds(r request) bool {
	for operator, keys := range s.Conditions {
		for key, values := range keys {
			if !r.satisfies(operator, key, values) {
				return false
			}
		}
	}
	return true
}

// satisfies evaluates one condition. A key that the request lacks satisfies only what is negated or ends in IfExists.
func (r request) satisfies(operator, key string, values []string) bool {
	operator, ifExists := strings.CutSuffix(operator, "IfExists")
	has, there := r.context[strings.ToLower(key)]
	positive := strings.Replace(operator, "Not", "", 1)
	negated := positive != operator
	if !there {
		return ifExists || negated
	}
	found := slices.ContainsFunc(values, func(v string) bool {
		v = r.expand(v)
		switch positive {
		case "StringEquals":
			return v == has
		case "StringLike", "ArnLike", "ArnEquals":
			return globMatch(v, has)
		}
		panic("awssim: the condition operator " + operator + " is not simulated")
	})
	return found != negated
}

var policyVariable = regexp.MustCompile(`\$\{([A-Za-z:]+)\}`)

// expand replaces policy variables. One that the request lacks matches nothing.
func (r request) expand(value string) string {
	return policyVariable.ReplaceAllStringFunc(value, func(variable string) string {
		if has, there := r.context[strings.ToLower(variable[2:len(variable)-1])]; there {
			return has
		}
		return "\x00"
	})
}

// allow checks that the caller may call the operation on each of the resources.
func (c *call) allow(resources ...string) error {
	for _, resource := range resources {
		if err := c.allowAction(c.name(), resource, nil); err != nil {
			return err
		}
	}
	return nil
}

// allowAction checks that the caller may take an action, which need not be called as the operation, on a resource. Administrators may
// everything; of a role its policies decide, or the lists that stand for them.
func (c *call) allowAction(action, resource string, more map[string]string) error {
	if c.caller.role == "" {
		return nil
	}
	role, policies, ok := c.caller.account.roleWithPolicies(c.caller.role)
	if !ok {
		return c.lacks(action, resource)
	}
	verdict := role.judge(action)
	if policies.identity != nil {
		verdict = policies.judge(c.request(action, resource, more))
	}
	switch verdict {
	case forbidden:
		return c.deniedAction(action, resource, "with an explicit deny in an identity-based policy")
	case silent:
		return c.lacks(action, resource)
	}
	return nil
}

// judge evaluates the lists of a role.
func (r Role) judge(action string) decision {
	named := func(pattern string) bool { return globFold(pattern, action) }
	switch {
	case slices.ContainsFunc(r.Denied, named):
		return forbidden
	case len(r.Allowed) == 0 || slices.ContainsFunc(r.Allowed, named):
		return allowed
	}
	return silent
}
