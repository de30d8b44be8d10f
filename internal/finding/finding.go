// Package finding is the vocabulary of verdicts: what a rule is, what it found
// where, and how bad that is.
//
// A rule answers for a resource with nothing (it passes), with a finding whose
// status is [Fail], or with one whose status is [Unknown]: the rule cannot
// tell. Unknown is not compliant.
package finding

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Severity orders findings from Info to Critical.
type Severity int

// The severities.
const (
	Info Severity = iota
	Low
	Medium
	High
	Critical
)

var severityNames = [...]string{"info", "low", "medium", "high", "critical"}

// Severities returns all severities, worst first.
func Severities() []Severity { return []Severity{Critical, High, Medium, Low, Info} }

// SeverityNames returns the names of the severities, worst first.
func SeverityNames() []string {
	names := make([]string, 0, len(severityNames))
	for _, s := range Severities() {
		names = append(names, s.String())
	}
	return names
}

func (s Severity) String() string { return severityNames[s] }

// ParseSeverity reads a severity's name. The error lists the valid ones.
func ParseSeverity(name string) (Severity, error) {
	for i, n := range severityNames {
		if n == name {
			return Severity(i), nil
		}
	}
	return 0, fmt.Errorf("unknown severity %q: use one of %s", name, strings.Join(SeverityNames(), ", "))
}

// MarshalText writes the severity's name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the severity's name.
func (s *Severity) UnmarshalText(text []byte) error {
	parsed, err := ParseSeverity(string(text))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}

// Status says what a rule found.
type Status string

// The statuses of a finding.
const (
	Fail    Status = "fail"
	Unknown Status = "unknown"
	Waived  Status = "waived" // it would be one of the others, but somebody is excused; Waiver says which, and why
)

// Statuses returns all statuses, the one that weighs most first.
func Statuses() []Status { return []Status{Fail, Unknown, Waived} }

// Waiver is why a finding is excused, and until when.
type Waiver struct {
	Verdict Status `json:"verdict"` // what the finding would be: Fail or Unknown
	Reason  string `json:"reason"`
	Owner   string `json:"owner,omitempty"` // empty for a resource tag that names none
	Ticket  string `json:"ticket,omitempty"`
	Until   string `json:"until,omitempty"`  // the last day, as in 2027-01-31
	Source  string `json:"source,omitempty"` // where the waiver stands: file and line, or the key of a resource tag
}

// fromTag begins the source of a waiver that is a resource tag; its key follows.
const fromTag = "tag "

// SourceTag is the source of a waiver that is the resource tag of a key.
func SourceTag(key string) string { return fromTag + key }

// ByTag reports whether the waiver is a resource tag, which need not name an owner.
func (w *Waiver) ByTag() bool { return strings.HasPrefix(w.Source, fromTag) }

// The rules of the engine itself, which judge waivers.
const (
	WaiverExpired = "waiver-expired" // it has ended, and what it excused is still there
	WaiverInvalid = "waiver-invalid" // it cannot excuse what it is for
)

// Change says how a finding compares with the one of the same fingerprint in
// a baseline.
type Change string

// The changes. Without a baseline a finding has none of them.
const (
	New      Change = "new"      // the baseline does not have it
	Worsened Change = "worsened" // the baseline has it less severe, or unknown where it is now certain
	Known    Change = "known"    // the baseline has it
)

// Scope is the kind of resource that a rule judges.
type Scope string

// The scopes of rules.
const (
	ScopeOrganization Scope = "organization"
	ScopeRegistry     Scope = "registry"
	ScopeRepository   Scope = "repository"
	ScopeImage        Scope = "image"
)

// Scopes are all scopes, the widest first.
func Scopes() []Scope {
	return []Scope{ScopeOrganization, ScopeRegistry, ScopeRepository, ScopeImage}
}

// Finding is one verdict on one resource.
type Finding struct {
	// Fingerprint identifies the finding across runs: 32 hex digits of a hash
	// over rule, resource and the rule's own key, never over the message.
	Fingerprint   string   `json:"fingerprint"`
	Rule          string   `json:"rule"`
	Severity      Severity `json:"severity"`
	Status        Status   `json:"status"`
	Account       string   `json:"account"`
	Region        string   `json:"region"`
	Repository    string   `json:"repository,omitempty"` // empty for findings on a registry
	RepositoryARN string   `json:"repository_arn,omitempty"`
	Digest        string   `json:"digest,omitempty"`
	Tag           string   `json:"tag,omitempty"`
	Message       string   `json:"message"`
	Remediation   string   `json:"remediation,omitempty"`
	// Fix is the desired state that would mend the finding, as the rule wrote
	// it; nil when nothing can be mended in place.
	Fix json.RawMessage `json:"fix,omitempty"`
	// Waiver is there where the status is Waived.
	Waiver *Waiver `json:"waiver,omitempty"`
	// Change is there where the audit had a baseline.
	Change Change `json:"change,omitempty"`
}

// Rule describes a rule to people: what its METADATA says, with the
// configuration's severity applied.
type Rule struct {
	ID          string              `json:"id"`
	Title       string              `json:"title"`
	Description string              `json:"description"`
	Why         string              `json:"why,omitempty"`
	Remediation string              `json:"remediation,omitempty"`
	Severity    Severity            `json:"severity"`
	Scope       Scope               `json:"scope"`
	Optional    bool                `json:"optional,omitempty"` // off unless the configuration turns it on
	Needs       []string            `json:"needs,omitempty"`    // must have been read for the rule to run
	Uses        []string            `json:"uses,omitempty"`     // are read too, but the rule copes without
	Frameworks  map[string][]string `json:"frameworks,omitempty"`
	Links       []string            `json:"links,omitempty"`
	// Source is the reference of the rule's source; empty for a default rule.
	Source string `json:"source,omitempty"`
	// Replaces says that the rule stands in the place of the default rule of this id.
	Replaces bool `json:"replaces,omitempty"`
}

// Source is a place from which a run took rules or settings, with the digest of what
// it held then.
type Source struct {
	Reference string     `json:"reference"` // as flags and configurations name it
	Kind      SourceKind `json:"kind"`
	Digest    string     `json:"digest"` // "sha256:<64 hex>"
	Signature Signature  `json:"signature"`
	Key       string     `json:"key,omitempty"` // that verified the signature
}

// RuleSource is a place from which rules came that are not part of ecraudit.
type RuleSource struct {
	Source
	Rules []string `json:"rules"` // ids of those that came from there
}

// SourceKind is what kind of place it is, and so of what the digest is.
type SourceKind string

// The kinds of sources.
const (
	FromFolder   SourceKind = "folder"   // digest of the names and contents of its Rego files
	FromFile     SourceKind = "file"     // digest of its content
	FromBundle   SourceKind = "bundle"   // digest of the gzipped tar
	FromArtifact SourceKind = "artifact" // digest of the manifest in the registry
)

// Signature is what is known of who made a source.
type Signature string

// What can be known of a signature.
const (
	Verified    Signature = "verified"     // by one of the configured keys
	NotVerified Signature = "not_verified" // there is one, but no key was configured
	Unsigned    Signature = "unsigned"
)
