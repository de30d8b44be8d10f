package awsapi

import "regexp"

// Denial is what AWS says about why a call was denied:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
// Of several policies that would deny it AWS names one. Not every service says
// it, and to callers from another organization none does.
type Denial struct {
	// Policy is the type of the policy, such as "permissions boundary"; empty where
	// AWS does not say.
	Policy string
	// Explicit says that a statement denies the call, which nothing outweighs.
	// Otherwise none allows it.
	Explicit bool
}

// The types of policies that a denial may name.
const (
	IdentityPolicy        = "identity-based policy"
	PermissionsBoundary   = "permissions boundary"
	SessionPolicy         = "session policy"
	ServiceControlPolicy  = "service control policy"
	ResourceControlPolicy = "resource control policy"
	ResourcePolicy        = "resource-based policy"
	TrustPolicy           = "role trust policy"
	EndpointPolicy        = "VPC endpoint policy"
)

var (
	explicitDeny = regexp.MustCompile(`with an explicit deny in (?:an?|the) ([A-Za-z][A-Za-z -]*(?:policy|boundary))`)
	implicitDeny = regexp.MustCompile(`because no ([A-Za-z][A-Za-z -]*(?:policy|boundary)) allows`)
)

// DenialIn is what the message of a refusal says.
func DenialIn(message string) Denial {
	if named := explicitDeny.FindStringSubmatch(message); named != nil {
		return Denial{named[1], true}
	}
	if named := implicitDeny.FindStringSubmatch(message); named != nil {
		return Denial{named[1], false}
	}
	return Denial{}
}

// Grantable reports whether another statement in the caller's own policies may be
// all that is missing.
func (d Denial) Grantable() bool {
	return !d.Explicit && (d.Policy == "" || d.Policy == IdentityPolicy)
}

// String is empty where AWS does not say.
func (d Denial) String() string {
	switch {
	case d.Policy == "":
		return ""
	case d.Explicit:
		if d.Policy == IdentityPolicy {
			return "an explicit deny in an " + d.Policy
		}
		return "an explicit deny in a " + d.Policy
	}
	return "no " + d.Policy + " allows it"
}
