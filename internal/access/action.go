package access

import (
	"math/bits"
	"strings"
)

// ability is a class of actions, weakest first.
type ability int

const (
	noAbility ability = iota - 1
	canRead
	canPull
	canPush
	canDelete
	canAdminister
	abilityCount
)

var abilityNames = [abilityCount]string{"read", "pull", "push", "delete", "administer"}

// level says on what an action acts.
type level int

const (
	onNothing    level = iota // on no resource: no resource policy can grant it
	onRegistry                // on the registry as a whole
	onReplica                 // on a repository, but decided by the registry policy alone
	onRepository              // on one repository
)

type action struct {
	name    string
	ability ability
	level   level
}

// actions are the actions of ECR, sorted: those of the API, and the two that
// exist only as permissions, BatchImportUpstreamImage (pull through cache) and
// ReplicateImage (replication).
// Source: the operations of the ECR API of 2015-09-21, and the Service
// Authorization Reference.
var actions = []action{
	{"BatchCheckLayerAvailability", canPull, onRepository},
	{"BatchDeleteImage", canDelete, onRepository},
	{"BatchGetImage", canPull, onRepository},
	{"BatchGetRepositoryScanningConfiguration", canRead, onRepository},
	{"BatchImportUpstreamImage", canPush, onReplica},
	{"CompleteLayerUpload", canPush, onRepository},
	{"CreatePullThroughCacheRule", canAdminister, onRegistry},
	{"CreateRepository", canAdminister, onReplica},
	{"CreateRepositoryCreationTemplate", canAdminister, onRegistry},
	{"DeleteLifecyclePolicy", canAdminister, onRepository},
	{"DeletePullThroughCacheRule", canAdminister, onRegistry},
	{"DeleteRegistryPolicy", canAdminister, onRegistry},
	{"DeleteRepository", canDelete, onRepository},
	{"DeleteRepositoryCreationTemplate", canAdminister, onRegistry},
	{"DeleteRepositoryPolicy", canAdminister, onRepository},
	{"DeleteSigningConfiguration", canAdminister, onRegistry},
	{"DeregisterPullTimeUpdateExclusion", canAdminister, onRegistry},
	{"DescribeImageReplicationStatus", canRead, onRepository},
	{"DescribeImageScanFindings", canRead, onRepository},
	{"DescribeImageSigningStatus", canRead, onRepository},
	{"DescribeImages", canRead, onRepository},
	{"DescribePullThroughCacheRules", canRead, onRegistry},
	{"DescribeRegistry", canRead, onRegistry},
	{"DescribeReplicationBackfillResults", canRead, onRegistry},
	{"DescribeRepositories", canRead, onRepository},
	{"DescribeRepositoryCreationTemplates", canRead, onRegistry},
	{"GetAccountSetting", canRead, onRegistry},
	{"GetAuthorizationToken", noAbility, onNothing},
	{"GetDownloadUrlForLayer", canPull, onRepository},
	{"GetLifecyclePolicy", canRead, onRepository},
	{"GetLifecyclePolicyPreview", canRead, onRepository},
	{"GetRegistryPolicy", canRead, onRegistry},
	{"GetRegistryScanningConfiguration", canRead, onRegistry},
	{"GetRepositoryPolicy", canRead, onRepository},
	{"GetSigningConfiguration", canRead, onRegistry},
	{"InitiateLayerUpload", canPush, onRepository},
	{"ListImageReferrers", canRead, onRepository},
	{"ListImages", canRead, onRepository},
	{"ListPullTimeUpdateExclusions", canRead, onRegistry},
	{"ListReplicationBackfills", canRead, onRegistry},
	{"ListTagsForResource", canRead, onRepository},
	{"PutAccountSetting", canAdminister, onRegistry},
	{"PutImage", canPush, onRepository},
	{"PutImageScanningConfiguration", canAdminister, onRepository},
	{"PutImageTagMutability", canAdminister, onRepository},
	{"PutLifecyclePolicy", canAdminister, onRepository},
	{"PutRegistryPolicy", canAdminister, onRegistry},
	{"PutRegistryScanningConfiguration", canAdminister, onRegistry},
	{"PutReplicationConfiguration", canAdminister, onRegistry},
	{"PutSigningConfiguration", canAdminister, onRegistry},
	{"RegisterPullTimeUpdateExclusion", canAdminister, onRegistry},
	{"ReplicateImage", canPush, onReplica},
	{"SetRepositoryPolicy", canAdminister, onRepository},
	{"StartImageScan", canAdminister, onRepository},
	{"StartLifecyclePolicyPreview", canAdminister, onRepository},
	{"StartReplicationBackfill", canAdminister, onRegistry},
	{"StopReplicationBackfill", canAdminister, onRegistry},
	{"TagResource", canAdminister, onRepository},
	{"UntagResource", canAdminister, onRepository},
	{"UpdateImageStorageClass", canAdminister, onRepository},
	{"UpdatePullThroughCacheRule", canAdminister, onRegistry},
	{"UpdateRepositoryCreationTemplate", canAdminister, onRegistry},
	{"UploadLayerPart", canPush, onRepository},
	{"ValidatePullThroughCacheRule", canRead, onRegistry},
}

// actionSet holds indexes into actions.
type actionSet uint64

var (
	actionIndex = func() map[string]int {
		index := make(map[string]int, len(actions))
		for i, a := range actions {
			index["ecr:"+strings.ToLower(a.name)] = i
		}
		return index
	}()
	actionKeys = func() []string {
		keys := make([]string, len(actions))
		for i, a := range actions {
			keys[i] = "ecr:" + strings.ToLower(a.name)
		}
		return keys
	}()
	actionNames = func() []string {
		names := make([]string, len(actions))
		for i, a := range actions {
			names[i] = "ecr:" + a.name
		}
		return names
	}()
	allActions         = actionsWhere(func(action) bool { return true })
	repositoryActions  = actionsWhere(func(a action) bool { return a.level == onRepository })
	registryWide       = actionsWhere(func(a action) bool { return a.level == onRegistry })
	replicaActions     = actionsWhere(func(a action) bool { return a.level == onReplica }) // all that a registry policy of scope V1 decides
	registryActions    = repositoryActions | registryWide | replicaActions
	batchGetImage      = actionSet(1) << actionIndex["ecr:batchgetimage"]
	getDownloadURL     = actionSet(1) << actionIndex["ecr:getdownloadurlforlayer"]
	actionsOfAbilities = func() (sets [abilityCount]actionSet) {
		for a := range abilityCount {
			sets[a] = actionsWhere(func(x action) bool { return x.ability == a })
		}
		return sets
	}()
)

func actionsWhere(has func(action) bool) actionSet {
	var set actionSet
	for i, a := range actions {
		if has(a) {
			set |= 1 << i
		}
	}
	return set
}

// matchActions returns the actions of ECR that a pattern of an Action element
// names. The service is part of the pattern: "PutImage" and "s3:*" name none.
func matchActions(pattern string) actionSet {
	if pattern == "*" {
		return allActions
	}
	if !strings.ContainsAny(pattern, "*?") {
		if i, ok := actionIndex[strings.ToLower(pattern)]; ok {
			return 1 << i
		}
		return 0
	}
	var set actionSet
	pattern = strings.ToLower(pattern)
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok && !strings.ContainsAny(prefix, "*?") {
		for i, key := range actionKeys {
			if strings.HasPrefix(key, prefix) {
				set |= 1 << i
			}
		}
		return set
	}
	g := wildcards(pattern)
	for i, key := range actionKeys {
		if g.match(key, false) {
			set |= 1 << i
		}
	}
	return set
}

func (s actionSet) abilities() []string {
	names := make([]string, 0, abilityCount)
	for a, set := range actionsOfAbilities {
		if s&set != 0 {
			names = append(names, abilityNames[a])
		}
	}
	return names
}

// names lists the actions in full, or "ecr:*" where they are all there are.
func (s actionSet) names(all actionSet) []string {
	if s&all == all {
		return []string{"ecr:*"}
	}
	names := make([]string, 0, bits.OnesCount64(uint64(s)))
	for left := s; left != 0; left &= left - 1 {
		names = append(names, actionNames[bits.TrailingZeros64(uint64(left))])
	}
	return names
}
