// Package report turns the stream of an audit's results into what people and
// programs read, one file per format.
//
// A run is a stream: what ran ([Run]), every finding in order, every gap in
// order, and the totals ([Summary]). Each format is a [Handler] of that
// stream, and none holds more of it than it must. Text that came from AWS is
// hostile: a handler lets none of it become markup or a terminal's command.
package report

import (
	"time"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Schema names the report document and its version.
const Schema = "ecraudit.report/v1"

// Handler receives one run: Begin once, Finding for each finding ordered by
// account, region, repository and rule, then Gap for each gap in the same
// order, End once. A handler that is a [DetailHandler] too is told details
// between the gaps and End. An error from any of them ends the run. A run that
// ends before End is cleaned up after by [Close].
type Handler interface {
	Begin(Run) error
	Finding(finding.Finding) error
	Gap(snapshot.Gap) error
	End(Summary) error
}

// Run says what was audited, with what. It holds nothing that differs between
// two audits of the same snapshot.
type Run struct {
	Schema      string `json:"schema"`
	Version     string `json:"version"`      // of ecraudit
	RulesDigest string `json:"rules_digest"` // sha256 over the active rules
	// RuleSources are where rules come from that are not part of ecraudit.
	RuleSources []finding.RuleSource `json:"rule_sources,omitempty"`
	// ConfigSources are the files of the configuration, the one that was loaded last.
	ConfigSources  []finding.Source `json:"config_sources,omitempty"`
	Clock          time.Time        `json:"clock"`           // the moment that rules judged by
	OrganizationID string           `json:"organization_id"` // empty when unknown
	// OrganizationUnread is why the organization's id or its accounts are
	// unknown; verdicts that depend on them are unknown, too.
	OrganizationUnread string         `json:"organization_unread,omitempty"`
	Framework          string         `json:"framework,omitempty"` // the catalogue that rules were chosen by
	Query              string         `json:"query,omitempty"`     // what findings had to match to be in the report; empty where all are
	Baseline           *Baseline      `json:"baseline,omitempty"`  // what the findings are compared with
	Complete           bool           `json:"complete"`            // false when there is a gap
	Interrupted        bool           `json:"interrupted,omitempty"`
	Targets            []Target       `json:"targets"`
	Rules              []finding.Rule `json:"rules"` // the active rules, by id
}

// Baseline is a list of findings that were known before the audit.
type Baseline struct {
	Name     string `json:"name"` // of the file, without its folder
	Findings int    `json:"findings"`
}

// Target is one account and region of the run. Region is empty for an account
// that was skipped or failed as a whole.
type Target struct {
	Account      string          `json:"account"`
	AccountName  string          `json:"account_name,omitempty"`
	Region       string          `json:"region,omitempty"`
	Status       snapshot.Status `json:"status"`
	Reason       string          `json:"reason,omitempty"`
	Repositories int             `json:"repositories"`
	Images       int             `json:"images"`
}

// Summary is the totals of a run. Where a report has only the findings that match
// a query, Findings, BySeverity and ByRule count these, and all else is that of
// the whole run.
type Summary struct {
	Targets      int               `json:"targets"` // skipped ones not counted
	Repositories int               `json:"repositories"`
	Images       int               `json:"images"`
	Findings     int               `json:"findings"`
	Gaps         int               `json:"gaps"`
	BySeverity   map[string]Counts `json:"by_severity"`       // every severity is present
	ByRule       map[string]Counts `json:"by_rule"`           // every active rule is present
	FailOn       string            `json:"fail_on"`           // a severity, or "none"
	Failing      int               `json:"failing"`           // findings with status fail at or above FailOn that are not known
	Undecided    int               `json:"undecided"`         // findings with status unknown at or above FailOn that are not known, and rules that failed
	Changes      *Changes          `json:"changes,omitempty"` // since the baseline; nil without one
	Waivers      *Waivers          `json:"waivers,omitempty"` // those that were applied; nil where there are none
	Complete     bool              `json:"complete"`
	ExitCode     int               `json:"exit_code"`
}

// Waivers says which waivers a run applied, and what became of them.
type Waivers struct {
	Files     []WaiverFile      `json:"files"`    // in the order in which they were read
	InForce   int               `json:"in_force"` // waivers of the files that held
	Expired   int               `json:"expired"`  // waivers of the files that had ended
	Unmatched []UnmatchedWaiver `json:"unmatched"`
	Tags      *TagWaivers       `json:"tags,omitempty"` // nil where tags excuse nothing
}

// WaiverFile is a file with waivers.
type WaiverFile struct {
	Path    string `json:"path"`
	SHA256  string `json:"sha256"` // 64 hex digits, of the file's bytes
	Waivers int    `json:"waivers"`
}

// UnmatchedWaiver is one that excused nothing in a run that saw everything that it
// could excuse.
type UnmatchedWaiver struct {
	Source  string   `json:"source"` // file and line
	Rules   []string `json:"rules"`
	Where   string   `json:"where"`
	Expired bool     `json:"expired,omitempty"`
}

// TagWaivers are numbers of waivers that are resource tags.
type TagWaivers struct {
	InForce   int `json:"in_force"`
	Expired   int `json:"expired"`
	Unmatched int `json:"unmatched"` // of either, those that excused nothing
	Invalid   int `json:"invalid"`   // those that cannot excuse, each of which is a finding of waiver-invalid where that rule is on
}

// Counts is how many findings of each status there are.
type Counts struct {
	Fail    int `json:"fail"`
	Unknown int `json:"unknown"`
	Waived  int `json:"waived"`
}

// Add counts n findings of a status.
func (c *Counts) Add(status finding.Status, n int) {
	switch status {
	case finding.Fail:
		c.Fail += n
	case finding.Waived:
		c.Waived += n
	default:
		c.Unknown += n
	}
}

// Changes compares the findings of a run, and those of its baseline that it
// did not find again.
type Changes struct {
	New      int `json:"new"`
	Worsened int `json:"worsened"`
	Known    int `json:"known"`
	Fixed    int `json:"fixed"`    // judged again, and not found
	NotSeen  int `json:"not_seen"` // not found, but not judged again either: not read, or the rule was not active
}
