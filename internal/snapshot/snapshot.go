// Package snapshot is the vocabulary of ecraudit: what an organization's ECR
// registries look like at one moment, and the file that holds it.
//
// The unit of work is a [Target], an account in a region; the unit of
// streaming is a [Repository] with all of its images. A document that could
// not be read is never an empty document: it is a [Gap], kept beside the
// documents that could be read, and [Repository.Gap] tells the two apart.
//
// Everything here is data as AWS gave it, normalized in form only. Times are
// UTC, sizes are bytes, digests are "sha256:<64 hex>", and a policy is kept as
// the text AWS returned.
package snapshot

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Target is an account in a region: one ECR registry.
type Target struct {
	Partition string `json:"partition"`
	Account   string `json:"account"`
	Region    string `json:"region"`
}

func (t Target) String() string { return t.Account + "/" + t.Region }

// Compare orders targets by account, then region.
func (t Target) Compare(o Target) int {
	return cmp.Or(cmp.Compare(t.Account, o.Account), cmp.Compare(t.Region, o.Region))
}

// RepositoryARN is the ARN of a repository of this target's registry.
func (t Target) RepositoryARN(name string) string {
	return "arn:" + t.Partition + ":ecr:" + t.Region + ":" + t.Account + ":repository/" + name
}

// Organization is what AWS Organizations says of the accounts.
type Organization struct {
	ID                string `json:"id,omitempty"` // "o-…"; empty when unknown, or when there is none
	ManagementAccount string `json:"management_account,omitempty"`
	// None says that the accounts surely belong to no organization.
	None     bool      `json:"none,omitempty"`
	Accounts []Account `json:"accounts,omitempty"` // sorted by ID; nil when unknown
	// Unread is why the ID or the accounts are unknown.
	Unread string `json:"unread,omitempty"`
}

// Account is one member of an organization.
type Account struct {
	ID    string `json:"id"`
	Name  string `json:"name,omitempty"`
	State string `json:"state,omitempty"` // ACTIVE, SUSPENDED, PENDING_CLOSURE, …
	// Path is the account's place below the root as aws:PrincipalOrgPaths
	// writes it: "o-…/r-…/ou-…/". Empty when unknown.
	Path string `json:"path,omitempty"`
	// Units are the names of the organizational units on the path, the highest
	// first, without the root. Nil when they were not read.
	Units []string `json:"units,omitzero"`
	// Tags are the account's tags in AWS Organizations. Nil when they were not
	// read, empty when it has none.
	Tags map[string]string `json:"tags,omitzero"`
	// Gaps are what of the account was asked for and could not be read.
	Gaps []Gap `json:"gaps,omitempty"`
}

// Gap returns why something about the account could not be read, or nil if it
// was read or not asked for.
func (a *Account) Gap(n Need) *Gap { return findGap(a.Gaps, n) }

// UnitIDs are the root and the organizational units on the account's path, the
// root first; nil when the path is unknown.
func (a *Account) UnitIDs() []string {
	if a.Path == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(a.Path, "/"), "/")[1:]
}

// Status says how far the collection of a target came.
type Status string

// The statuses of a target.
const (
	StatusComplete Status = "complete"
	StatusPartial  Status = "partial" // read, with gaps
	StatusFailed   Status = "failed"  // nothing of it could be read
	StatusSkipped  Status = "skipped" // on purpose: suspended, excluded, …
)

// TargetResult is how the collection of a target ended. The region is empty
// where an account was skipped or failed as a whole.
type TargetResult struct {
	Target
	AccountName  string `json:"account_name,omitempty"`
	Status       Status `json:"status"`
	Reason       string `json:"reason,omitempty"`
	Repositories int    `json:"repositories"`
	Images       int    `json:"images"`
	// Gaps are those of the target as a whole. Those of its registry and its
	// repositories are kept there.
	Gaps []Gap `json:"gaps,omitempty"`
}

// Need names a document that a rule reads and that must be collected for it.
type Need string

// What can be needed. The descriptions of registries and repositories
// themselves (name, ARN, mutability, encryption) are always there.
const (
	NeedRegistryPolicy    Need = "registry-policy"
	NeedRegistryScanning  Need = "registry-scanning"
	NeedReplication       Need = "replication"
	NeedPullThroughCache  Need = "pull-through-cache"
	NeedCreationTemplates Need = "creation-templates"
	NeedAccountSettings   Need = "account-settings"

	NeedPolicy    Need = "policy"
	NeedLifecycle Need = "lifecycle"
	NeedTags      Need = "tags"
	NeedScanning  Need = "scanning" // the effective scan frequency

	NeedImages              Need = "images"
	NeedImageGraph          Need = "image-graph"           // the children of every image index
	NeedReleaseScanFindings Need = "release-scan-findings" // of release-tagged images and their children
	NeedScanFindings        Need = "scan-findings"         // of every container image
)

// NeedRepositories stands for the listing of repositories itself, without
// which nothing else of a target is known. Rules do not declare it.
const NeedRepositories Need = "repositories"

// What scopes of a configuration can need of the accounts. Rules do not declare
// them. NeedAccounts stands for the names and places of accounts, which are
// always asked for; the others take calls of their own.
const (
	NeedAccounts    Need = "accounts"
	NeedUnitNames   Need = "unit-names"   // of the organizational units of the selected accounts
	NeedAccountTags Need = "account-tags" // in AWS Organizations, of the selected accounts
)

// RegistryNeeds are read once for a target; RepositoryNeeds once for each
// repository; ImageNeeds once or more for the images of a repository.
func RegistryNeeds() []Need {
	return []Need{NeedRegistryPolicy, NeedRegistryScanning, NeedReplication, NeedPullThroughCache, NeedCreationTemplates, NeedAccountSettings}
}

// RepositoryNeeds are the documents of a repository, without its images.
func RepositoryNeeds() []Need {
	return []Need{NeedPolicy, NeedLifecycle, NeedTags, NeedScanning}
}

// ImageNeeds are the documents that concern images. Each implies NeedImages.
func ImageNeeds() []Need {
	return []Need{NeedImages, NeedImageGraph, NeedReleaseScanFindings, NeedScanFindings}
}

// AllNeeds are the documents that rules can declare.
func AllNeeds() []Need { return slices.Concat(RegistryNeeds(), RepositoryNeeds(), ImageNeeds()) }

// Needs is a set of needs.
type Needs map[Need]bool

// Gap is something that could not be read: where, what, and why. A gap makes
// every verdict that depends on it unknown.
type Gap struct {
	Target
	Repository string `json:"repository,omitempty"`
	Digest     string `json:"digest,omitempty"`    // when one image is concerned
	Need       Need   `json:"need"`                // which document is missing
	Operation  string `json:"operation,omitempty"` // "ecr:GetRepositoryPolicy"
	Code       string `json:"code"`                // AWS's error code, or ours: Interrupted, Timeout, …
	Message    string `json:"message"`
	// Permission is the IAM action that the role lacks, when that is the
	// reason; empty otherwise.
	Permission string `json:"permission,omitempty"`
}

// Registry is the private registry of one target.
type Registry struct {
	Target
	AccountName       string                 `json:"account_name,omitempty"`
	Policy            string                 `json:"policy,omitempty"` // "" when there is none
	Scanning          *RegistryScanning      `json:"scanning,omitempty"`
	Replication       []ReplicationRule      `json:"replication,omitempty"`
	PullThroughCache  []PullThroughCacheRule `json:"pull_through_cache,omitempty"`
	CreationTemplates []CreationTemplate     `json:"creation_templates,omitempty"`
	// Settings are the account settings by name, for example
	// REGISTRY_POLICY_SCOPE: V2.
	Settings map[string]string `json:"settings,omitempty"`
	Gaps     []Gap             `json:"gaps,omitempty"`
}

// Gap returns why a registry document could not be read, or nil if it was read.
func (r *Registry) Gap(n Need) *Gap { return findGap(r.Gaps, n) }

// RegistryScanning is a registry's scanning configuration.
type RegistryScanning struct {
	Type  string         `json:"type"` // BASIC or ENHANCED
	Rules []ScanningRule `json:"rules,omitempty"`
}

// ScanningRule applies a frequency to the repositories whose names match one
// of the wildcard filters.
type ScanningRule struct {
	Frequency string   `json:"frequency"` // SCAN_ON_PUSH, CONTINUOUS_SCAN or MANUAL
	Filters   []string `json:"filters"`
}

// ReplicationRule copies the repositories that match one of the filters, or
// all of them when there is no filter, to other registries.
type ReplicationRule struct {
	Destinations []ReplicationDestination `json:"destinations"`
	Prefixes     []string                 `json:"prefixes,omitempty"`
}

// ReplicationDestination is the registry of an account in a region.
type ReplicationDestination struct {
	Account string `json:"account"`
	Region  string `json:"region"`
}

// PullThroughCacheRule fills repositories below a prefix from another registry.
type PullThroughCacheRule struct {
	Prefix         string `json:"prefix"` // "ROOT" for the whole registry
	Upstream       string `json:"upstream"`
	UpstreamURL    string `json:"upstream_url"`
	UpstreamPrefix string `json:"upstream_prefix,omitempty"`
	CredentialARN  string `json:"credential_arn,omitempty"`
	CustomRoleARN  string `json:"custom_role_arn,omitempty"`
}

// CreationTemplate decides how repositories look that a pull-through cache, a
// replication or a first push creates.
type CreationTemplate struct {
	Prefix        string            `json:"prefix"` // "ROOT" for the default
	AppliedFor    []string          `json:"applied_for"`
	Mutability    Mutability        `json:"mutability"`
	Encryption    Encryption        `json:"encryption"`
	Policy        string            `json:"policy,omitempty"`
	Lifecycle     string            `json:"lifecycle,omitempty"`
	Tags          map[string]string `json:"tags,omitempty"`
	CustomRoleARN string            `json:"custom_role_arn,omitempty"`
	Description   string            `json:"description,omitempty"`
}

// Repository is one repository with its images.
type Repository struct {
	Target
	Name       string             `json:"name"`
	ARN        string             `json:"arn"`
	URI        string             `json:"uri"`
	CreatedAt  time.Time          `json:"created_at"`
	Mutability Mutability         `json:"mutability"`
	Encryption Encryption         `json:"encryption"`
	ScanOnPush bool               `json:"scan_on_push"`        // the repository's own flag, which may decide nothing
	Policy     string             `json:"policy,omitempty"`    // "" when there is none
	Lifecycle  string             `json:"lifecycle,omitempty"` // "" when there is none
	Tags       map[string]string  `json:"tags,omitempty"`
	Scanning   *EffectiveScanning `json:"scanning,omitempty"`
	Gaps       []Gap              `json:"gaps,omitempty"`
	Images     []Image            `json:"-"` // sorted by digest; a stream of their own in the file
}

// Gap returns why a document of the repository could not be read, or nil if
// it was read. Gaps of single images do not count here.
func (r *Repository) Gap(n Need) *Gap { return findGap(r.Gaps, n) }

// Mutability is a repository's tag mutability with its exclusions.
type Mutability struct {
	// Setting is MUTABLE, IMMUTABLE, IMMUTABLE_WITH_EXCLUSION or
	// MUTABLE_WITH_EXCLUSION.
	Setting string `json:"setting"`
	// Exclusions are wildcard patterns of tags for which the setting is inverted.
	Exclusions []string `json:"exclusions,omitempty"`
}

// Encryption is how a repository is encrypted, fixed when it was created.
type Encryption struct {
	Type   string `json:"type"` // AES256, KMS or KMS_DSSE
	KMSKey string `json:"kms_key,omitempty"`
}

// EffectiveScanning is what AWS says it does for a repository.
type EffectiveScanning struct {
	Frequency  string   `json:"frequency"` // SCAN_ON_PUSH, CONTINUOUS_SCAN or MANUAL
	ScanOnPush bool     `json:"scan_on_push"`
	Filters    []string `json:"filters,omitempty"` // the registry filters that apply
}

// Kind is what an image of a repository is; not every one is a container image.
type Kind string

// The kinds of image.
const (
	KindImage       Kind = "image"       // one container image
	KindIndex       Kind = "index"       // an image index (manifest list)
	KindSignature   Kind = "signature"   // cosign, Notation or AWS Signer
	KindSBOM        Kind = "sbom"        // SPDX, CycloneDX or Syft
	KindAttestation Kind = "attestation" // in-toto, cosign .att, BuildKit provenance
	KindArtifact    Kind = "artifact"    // anything else: Helm charts, WebAssembly, …
)

// Image is one manifest of a repository.
type Image struct {
	Digest       string   `json:"digest"`
	Tags         []string `json:"tags,omitempty"` // sorted
	Kind         Kind     `json:"kind"`
	MediaType    string   `json:"media_type,omitempty"`
	ArtifactType string   `json:"artifact_type,omitempty"`
	Status       string   `json:"status"` // ACTIVE, ARCHIVED or ACTIVATING
	// SizeBytes is the compressed size; of an index, that of its largest child.
	SizeBytes       int64     `json:"size_bytes"`
	PushedAt        time.Time `json:"pushed_at,omitzero"`
	LastPulledAt    time.Time `json:"last_pulled_at,omitzero"`
	LastActivatedAt time.Time `json:"last_activated_at,omitzero"`
	LastArchivedAt  time.Time `json:"last_archived_at,omitzero"`
	Subject         string    `json:"subject,omitempty"` // digest of the image that this one describes
	// Children are the digests that an index refers to. Nil when the manifest
	// was not read.
	Children []Child `json:"children,omitzero"`
	// Scan is nil when no scan result was asked for.
	Scan *Scan `json:"scan,omitempty"`
}

// Child is a manifest that an index refers to.
type Child struct {
	Digest   string `json:"digest"`
	Platform string `json:"platform,omitempty"` // "linux/arm64/v8"
	// Attestation says that the child is no container image but describes one,
	// as BuildKit's provenance does.
	Attestation bool `json:"attestation,omitempty"`
}

// Scan is what is known of the vulnerabilities of one image.
type Scan struct {
	// Status is AWS's scan status (COMPLETE, ACTIVE, FAILED, …), or
	// NOT_SCANNED when AWS has no scan of this image, or UNREAD when the
	// answer could not be read.
	Status      string    `json:"status"`
	Description string    `json:"description,omitempty"`
	CompletedAt time.Time `json:"completed_at,omitzero"`
	Source      string    `json:"source,omitempty"` // the operation that told it: "ecr:DescribeImages"
	// Counts is the number of findings of each severity (CRITICAL, HIGH,
	// MEDIUM, LOW, INFORMATIONAL, UNDEFINED, UNTRIAGED). Nil is unknown;
	// empty is none.
	Counts map[string]int `json:"counts"`
}

// Scan statuses of ours, beside those of AWS.
const (
	ScanNotScanned = "NOT_SCANNED"
	ScanUnread     = "UNREAD"
)

func findGap(gaps []Gap, n Need) *Gap {
	for i := range gaps {
		if gaps[i].Need == n && gaps[i].Digest == "" {
			return &gaps[i]
		}
	}
	return nil
}
