package access

import "strings"

// keyClass says what is known of a condition key's value when the caller is
// known.
type keyClass int

const (
	// Undecided: the key is not known, or speaks of something that is not in
	// the input, such as the tags of the repository.
	undecidedKey keyClass = iota

	// Keys whose value follows from who calls.
	orgIDKey
	orgPathsKey
	accountKey
	arnKey
	typeKey
	userIDKey
	userNameKey
	isServiceKey
	serviceNameKey
	sourceAccountKey
	sourceOrgIDKey
	sourceOrgPathsKey
	resourceAccountKey
	resourceOrgIDKey
	resourceOrgPathsKey
	regionKey

	// Keys that are absent for a service, and free for everybody else: a
	// caller of any account can bring whatever the policy demands.
	openKey
	openFlagKey // one that is true or false, or absent
	tagsKey     // several values

	// Keys that hold an ARN of the caller's own account when they are there.
	ownARNKey
	sourceARNKey // the same, for services alone

	// Keys free for everybody that every request has.
	clockKey
	flagKey

	// Keys that tie the caller to a network, or to one unnamed principal: a
	// fixed value leaves not everyone, but nobody can tell whom.
	networkKey
	addressKey
)

// conditionKey is a key as AWS spells it; policies may spell it in any case.
type conditionKey struct {
	name  string
	class keyClass
}

// keyOf finds a key by its name in any case.
func keyOf(name string) conditionKey {
	id := strings.ToLower(name)
	if key, ok := conditionKeys[id]; ok {
		return key
	}
	for _, prefix := range []string{"aws:PrincipalTag/", "aws:RequestTag/"} {
		if strings.HasPrefix(id, strings.ToLower(prefix)) {
			return conditionKey{prefix + id[len(prefix):], openKey}
		}
	}
	return conditionKey{name: id}
}

// conditionKeys is the part of AWS's global condition keys that matters to a
// request to ECR. Source: the page "AWS global condition context keys" of the
// IAM User Guide, its notes on availability above all.
var conditionKeys = func() map[string]conditionKey {
	keys := []conditionKey{
		{"aws:PrincipalOrgID", orgIDKey},
		{"aws:PrincipalOrgPaths", orgPathsKey},
		{"aws:PrincipalAccount", accountKey},
		{"aws:PrincipalArn", arnKey},
		{"aws:PrincipalType", typeKey},
		{"aws:userid", userIDKey},
		{"aws:username", userNameKey},
		{"aws:PrincipalIsAWSService", isServiceKey},
		{"aws:PrincipalServiceName", serviceNameKey},
		{"aws:SourceAccount", sourceAccountKey},
		{"aws:SourceOrgID", sourceOrgIDKey},
		{"aws:SourceOrgPaths", sourceOrgPathsKey},
		{"aws:SourceArn", sourceARNKey},
		{"aws:ResourceAccount", resourceAccountKey},
		{"aws:ResourceOrgID", resourceOrgIDKey},
		{"aws:ResourceOrgPaths", resourceOrgPathsKey},
		{"aws:RequestedRegion", regionKey},
		{"aws:FederatedProvider", ownARNKey},
		{"lambda:SourceFunctionArn", ownARNKey},
		{"ec2:SourceInstanceARN", ownARNKey},
		{"aws:MultiFactorAuthAge", openKey},
		{"aws:TokenIssueTime", openKey},
		{"aws:UserAgent", openKey},
		{"aws:referer", openKey},
		{"aws:SourceIdentity", openKey},
		{"aws:MultiFactorAuthPresent", openFlagKey},
		{"aws:AssumedRoot", openFlagKey},
		{"aws:TagKeys", tagsKey},
		{"aws:CalledVia", tagsKey},
		{"aws:CalledViaFirst", openKey},
		{"aws:CalledViaLast", openKey},
		{"aws:CurrentTime", clockKey},
		{"aws:EpochTime", clockKey},
		{"aws:SecureTransport", flagKey},
		{"aws:ViaAWSService", flagKey},
		{"aws:SourceIp", addressKey},
		{"aws:VpcSourceIp", networkKey},
		{"aws:SourceVpc", networkKey},
		{"aws:SourceVpce", networkKey},
		{"aws:SourceVpcArn", networkKey},
		{"aws:VpceAccount", networkKey},
		{"aws:VpceOrgID", networkKey},
		{"aws:VpceOrgPaths", networkKey},
		{"aws:Ec2InstanceSourceVpc", networkKey},
		{"aws:Ec2InstanceSourcePrivateIPv4", networkKey},
	}
	index := make(map[string]conditionKey, len(keys))
	for _, key := range keys {
		index[strings.ToLower(key.name)] = key
	}
	return index
}()
