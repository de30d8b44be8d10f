package awssim

import (
	"encoding/xml"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

func stsOperations() map[string]operation {
	return map[string]operation{
		"GetCallerIdentity": {false, getCallerIdentity},
		"AssumeRole":        {false, assumeRole},
		"GetSessionToken":   {false, getSessionToken},
	}
}

func getCallerIdentity(c *call) (any, error) { // needs no permission, and cannot be denied
	return struct {
		XMLName xml.Name `xml:"GetCallerIdentityResult"`
		Arn     string
		UserID  string `xml:"UserId"`
		Account string
	}{Arn: c.caller.arn, UserID: c.caller.userID, Account: c.caller.account.id}, nil
}

var (
	sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	roleARN     = regexp.MustCompile(`^arn:(aws[\w-]*):iam::([0-9]{12}):role/([\w+=,.@/-]+)$`)
)

type stsCredentials struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      string
}

func (o *Organization) stsCredentials(c *credential, duration time.Duration) stsCredentials {
	told := c.expires
	if onRealClock := time.Now().Add(duration); !o.options.SimulatedExpiry && onRealClock.After(told) {
		told = onRealClock
	}
	return stsCredentials{c.AccessKeyID, c.SecretAccessKey, c.SessionToken, told.UTC().Format(time.RFC3339)}
}

type assumeRoleResult struct {
	XMLName         xml.Name `xml:"AssumeRoleResult"`
	AssumedRoleUser struct {
		AssumedRoleID string `xml:"AssumedRoleId"`
		Arn           string
	}
	Credentials stsCredentials
}

func assumeRole(c *call) (any, error) {
	arn, session := c.form.Get("RoleArn"), c.form.Get("RoleSessionName")
	parts := roleARN.FindStringSubmatch(arn)
	switch {
	case parts == nil:
		return nil, failure("ValidationError", "%s is invalid", arn)
	case !sessionName.MatchString(session):
		return nil, failure("ValidationError",
			"1 validation error detected: Value '%s' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*", session)
	}
	role, err := c.trusted(parts, arn)
	if err != nil {
		return nil, err
	}
	duration, err := c.sessionDuration(role)
	if err != nil {
		return nil, err
	}
	target := c.org.Account(parts[2])
	p := target.sessionPrincipal(role.Name, session)
	credentials := c.org.newSession(p, duration)
	var out assumeRoleResult
	out.AssumedRoleUser.Arn, out.AssumedRoleUser.AssumedRoleID = p.arn, p.userID
	out.Credentials = c.org.stsCredentials(credentials, duration)
	return out, nil
}

// trusted finds the role and checks who may assume it. AWS does not tell whether it was the role, the trust or the external id that failed.
func (c *call) trusted(parts []string, arn string) (Role, error) {
	refused := &apiError{code: "AccessDenied", status: 403,
		message: fmt.Sprintf("User: %s is not authorized to perform: sts:AssumeRole on resource: %s", c.caller.arn, arn)}
	target := c.org.Account(parts[2])
	if parts[1] != c.org.Partition() || target == nil || target.state() != "ACTIVE" {
		return Role{}, refused
	}
	role, policies, ok := target.roleWithPolicies(parts[3])
	if !ok {
		return Role{}, refused
	}
	trusted, itself := c.trustedBy(role, policies, arn)
	switch verdict, _ := c.permission(c.name(), arn, c.externalID()); {
	case !trusted, verdict == forbidden:
		return Role{}, refused
	case verdict == silent && (!itself || target != c.caller.account):
		return Role{}, refused // a trust policy is enough only within an account, and where it does not stand for the whole of it
	}
	return role, nil
}

// trustedBy reports whether a role lets the caller assume it, and whether it names the caller itself and not only its account.
func (c *call) trustedBy(role Role, policies rolePolicies, arn string) (trusted, itself bool) {
	if policies.trust != nil {
		r := c.request(c.name(), arn, c.externalID())
		return policies.trust.decide(r) == allowed, policies.trust.decideDirectly(r) == allowed
	}
	if role.ExternalID != "" && role.ExternalID != c.form.Get("ExternalId") {
		return false, false
	}
	return len(role.TrustedPrincipals) == 0 || slices.ContainsFunc(role.TrustedPrincipals, c.caller.isNamed),
		slices.ContainsFunc(role.TrustedPrincipals, c.caller.isNamedItself)
}

// externalID is the condition key that a call with an external id has.
func (c *call) externalID() map[string]string {
	if !c.form.Has("ExternalId") {
		return nil
	}
	return map[string]string{"sts:externalid": c.form.Get("ExternalId")}
}

// sessionDuration is how long a session may last: as asked for, but a chained one no longer than an hour.
func (c *call) sessionDuration(role Role) (time.Duration, error) {
	seconds := 3600
	if text := c.form.Get("DurationSeconds"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 900 || n > 43200 {
			bound := "greater than or equal to 900"
			if n > 43200 {
				bound = "less than or equal to 43200"
			}
			return 0, failure("ValidationError",
				"1 validation error detected: Value '%s' at 'durationSeconds' failed to satisfy constraint: Member must have value %s", text, bound)
		}
		seconds = n
	}
	most := role.MaxSession
	if most == 0 {
		most = 3600
	}
	switch {
	case c.caller.role != "" && seconds > 3600:
		return 0, failure("ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	case seconds > most:
		return 0, failure("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return time.Duration(seconds) * time.Second, nil
}

func getSessionToken(c *call) (any, error) {
	if c.caller.role != "" || strings.HasPrefix(c.caller.userID, "AROA") {
		return nil, &apiError{code: "AccessDenied", status: 403, message: "Cannot call GetSessionToken with session credentials"}
	}
	const duration = 12 * time.Hour
	credentials := c.org.newSession(c.caller, duration)
	return struct {
		XMLName     xml.Name `xml:"GetSessionTokenResult"`
		Credentials stsCredentials
	}{Credentials: c.org.stsCredentials(credentials, duration)}, nil
}
