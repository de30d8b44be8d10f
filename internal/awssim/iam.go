package awssim

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// IAM as far as it decides about calls: the identity-based policies, the permissions boundary and the trust policy of a role, the service
// control policies of its account, and the policies of repositories, all evaluated alike as AWS documents it. A deny beats every allow;
// nothing is allowed that no statement allows; all conditions of a statement must hold.

// managedPolicySize is how many characters IAM takes of a managed policy, white space not counted.
const managedPolicySize = 6144

// serviceControlPolicySize is how many characters AWS Organizations takes of a service control policy.
const serviceControlPolicySize = 5120

// trustPolicySize is how many characters IAM takes of a trust policy, unless the quota was raised.
const trustPolicySize = 2048

// rolePolicies are the policies of a role, compiled. Those that a role does not have are nil.
type rolePolicies struct {
	identity        []*compiledPolicy
	trust, boundary *compiledPolicy
}

// compileRole panics where IAM would refuse a policy: a simulated role with such a policy could not exist.
func compileRole(r Role) rolePolicies {
	var p rolePolicies
	for _, text := range r.Policies {
		p.identity = append(p.identity, mustCompile("role "+r.Name, "identity-based policy", text, managedPolicySize, (*statement).identityError))
	}
	if r.Boundary != "" {
		p.boundary = mustCompile("role "+r.Name, "permissions boundary", r.Boundary, managedPolicySize, (*statement).identityError)
	}
	if r.Trust != "" {
		p.trust = mustCompile("role "+r.Name, "trust policy", r.Trust, trustPolicySize, (*statement).trustError)
	}
	return p
}

func mustCompile(whose, what, text string, limit int, check func(*statement) error) *compiledPolicy {
	size := 0
	for _, r := range text {
		if !unicode.IsSpace(r) {
			size++
		}
	}
	if size > limit {
		panic(fmt.Sprintf("awssim: the %s of %s has %d characters: IAM takes %d", what, whose, size, limit))
	}
	if err := wellFormed(text); err != nil {
		panic(fmt.Sprintf("awssim: the %s of %s is malformed: %v", what, whose, err))
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
			panic(fmt.Sprintf("awssim: the %s of %s: %v", what, whose, err))
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
	if unknown := s.unknownOperator(); unknown != "" {
		return fmt.Errorf("IAM has no condition operator %s", unknown)
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
	case s.unknownOperator() != "":
		return fmt.Errorf("IAM has no condition operator %s", s.unknownOperator())
	}
	return nil
}

// unknownOperator is a condition operator of a statement that IAM does not know, or "".
func (s *statement) unknownOperator() string {
	for operator := range s.Conditions {
		if !knownOperator(operator) {
			return operator
		}
	}
	return ""
}

// request is a call as policies see it.
type request struct {
	*call
	action   string
	resource string
	more     map[string]string // condition keys that the action adds, in lower case
}

// request is what policies see of an action on a resource that the call takes.
func (c *call) request(action, resource string, more map[string]string) request {
	return request{c, action, resource, more}
}

// value is the value of a condition key, if the request has it.
func (r request) value(key string) (string, bool) {
	key = strings.ToLower(key)
	if has, there := r.more[key]; there {
		return has, true
	}
	who := r.caller
	switch key {
	case "aws:principalarn":
		return who.roleARN(), true
	case "aws:principalaccount":
		return who.account.id, true
	case "aws:principalorgid":
		return r.org.ID(), !r.org.isStandalone(who.account.id)
	case "aws:principaltype":
		return map[bool]string{true: "AssumedRole", false: "User"}[who.role != ""], true
	case "aws:principalisawsservice", "aws:viaawsservice":
		return "false", true
	case "aws:userid":
		return who.userID, true
	case "aws:requestedregion":
		return r.region, true
	case "aws:securetransport":
		return "true", true // AWS takes nothing else
	case "aws:currenttime":
		return r.org.Now().UTC().Format(time.RFC3339), true
	case "aws:epochtime":
		return strconv.FormatInt(r.org.Now().Unix(), 10), true
	case "aws:resourceaccount":
		owner := r.owner()
		return owner, owner != ""
	case "aws:resourceorgid":
		owner := r.owner()
		return r.org.ID(), owner != "" && !r.org.isStandalone(owner)
	}
	return "", false
}

// owner is the account of the resource; empty where the simulation has none.
func (r request) owner() string {
	if parts := strings.SplitN(r.resource, ":", 6); len(parts) == 6 && r.org.Account(parts[4]) != nil {
		return parts[4]
	}
	return ""
}

// decide evaluates a policy of any kind. A deny beats every allow.
func (p *compiledPolicy) decide(r request) decision {
	return p.decideBy(func(s *statement) bool { return s.covers(r) })
}

// decideDirectly evaluates a policy without the allows that only let the account give its principals what it wants.
func (p *compiledPolicy) decideDirectly(r request) decision {
	return p.decideBy(func(s *statement) bool {
		return s.covers(r) && (s.Effect == "Deny" || slices.ContainsFunc(s.Principals["AWS"], r.caller.isNamedItself))
	})
}

func (p *compiledPolicy) decideBy(covers func(*statement) bool) decision {
	verdict := silent
	if p == nil {
		return verdict
	}
	for i := range p.Statement {
		s := &p.Statement[i]
		switch {
		case !covers(s):
		case s.Effect == "Deny":
			return forbidden
		default:
			verdict = allowed
		}
	}
	return verdict
}

// covers reports whether a statement is about a request. One without resources is about that which it is attached to, one without
// principals about who has it.
func (s *statement) covers(r request) bool {
	return s.onAction(r.action) && s.onResource(r.resource) && s.onPrincipal(r.caller) && s.holds(r)
}

func (s *statement) onAction(action string) bool {
	match := func(patterns []string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { return globFold(p, action) })
	}
	return s.Actions != nil && match(s.Actions) || s.NotActions != nil && !match(s.NotActions)
}

func (s *statement) onResource(resource string) bool {
	return s.Resources == nil || slices.ContainsFunc(s.Resources, func(pattern string) bool { return globMatch(pattern, resource) })
}

func (s *statement) onPrincipal(who principal) bool {
	named := func(list []string) bool { return slices.ContainsFunc(list, who.isNamed) }
	return (s.Principals == nil || named(s.Principals["AWS"])) && (s.NotPrincipals == nil || !named(s.NotPrincipals["AWS"]))
}

// isNamed reports whether a policy's principal covers this one.
func (p principal) isNamed(name string) bool {
	id := p.account.id
	return name == id || name == p.account.org.arn("iam", "", id, "root") || p.isNamedItself(name)
}

// isNamedItself reports whether a policy's principal covers this one, and does not only stand for its account.
func (p principal) isNamedItself(name string) bool {
	return name == "*" || name == p.arn || name == p.roleARN()
}

// judge evaluates identity-based policies.
func (p rolePolicies) judge(r request) decision {
	verdict := silent
	for _, policy := range p.identity {
		switch policy.decide(r) {
		case forbidden:
			return forbidden
		case allowed:
			verdict = allowed
		}
	}
	return verdict
}

var policyVariable = regexp.MustCompile(`\$\{([A-Za-z:]+)\}`)

// expand replaces policy variables. One that the request lacks matches nothing.
func (r request) expand(value string) string {
	return policyVariable.ReplaceAllStringFunc(value, func(variable string) string {
		if has, there := r.value(variable[2 : len(variable)-1]); there {
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

// allowAction checks that the caller may take an action, which need not be called as the operation, on a resource.
func (c *call) allowAction(action, resource string, more map[string]string) error {
	verdict, because := c.permission(action, resource, more)
	if verdict == allowed || verdict == silent && c.allowedByRepository(c.request(action, resource, more)) {
		return nil
	}
	return c.deniedAction(action, resource, because)
}

// allowedByRepository reports whether the policy of a repository in the caller's own account names the caller itself, for which it needs no
// identity-based policy: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
func (c *call) allowedByRepository(r request) bool {
	name, ok := strings.CutPrefix(r.resource, c.org.arn("ecr", c.region, c.caller.account.id, "repository/"))
	if !ok {
		return false
	}
	repo := c.registry().repository(name, false)
	return repo != nil && repo.resourcePolicy().decideDirectly(r) == allowed
}

// permission decides, in the order in which AWS does, whether the caller may take an action by what is attached to it and to its account,
// and says why not. Where it is silent, a policy of the resource may still allow. Administrators may everything that their account may; of a role its policies decide, or the lists that stand for them.
func (c *call) permission(action, resource string, more map[string]string) (verdict decision, because string) {
	if verdict, because = c.serviceControl(action, resource, more); verdict != allowed || c.caller.role == "" {
		return verdict, because
	}
	unallowed := "because no identity-based policy allows the " + action + " action"
	role, policies, ok := c.caller.account.roleWithPolicies(c.caller.role)
	if !ok {
		return forbidden, unallowed
	}
	r := c.request(action, resource, more)
	verdict = role.judge(action)
	if policies.identity != nil {
		verdict = policies.judge(r)
	}
	within := allowed
	if policies.boundary != nil {
		within = policies.boundary.decide(r)
	}
	switch {
	case within == forbidden:
		return forbidden, "with an explicit deny in a permissions boundary"
	case verdict == forbidden:
		return forbidden, "with an explicit deny in an identity-based policy"
	case within == silent:
		return forbidden, "because no permissions boundary allows the " + action + " action"
	case verdict == silent:
		return silent, unallowed
	}
	return allowed, ""
}

// serviceControl evaluates the service control policies of the caller's account, each of which must allow the action.
func (c *call) serviceControl(action, resource string, more map[string]string) (decision, string) {
	r := c.request(action, resource, more)
	verdict, because := allowed, ""
	for _, policy := range c.caller.account.controls() {
		switch policy.decide(r) {
		case forbidden:
			return forbidden, "with an explicit deny in a service control policy"
		case silent:
			verdict, because = forbidden, "because no service control policy allows the "+action+" action"
		}
	}
	return verdict, because
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
