package query

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/finding"
)

// fieldKind is where the text of a field comes from.
type fieldKind int

const (
	textField     fieldKind = iota // the finding has it
	severityField                  // has an order
	accountField                   // also goes by its name
	ruleField                      // the finding's rule has it
)

// field is what a condition can be about.
type field struct {
	name   string
	kind   fieldKind
	of     func(*finding.Finding) string // nil for a ruleField
	ofRule func(*finding.Rule) []string  // only of a ruleField
	words  []string                      // all that it can be, nil where it is free text
	run    func(Context) []string        // all that it can be in a run, nil where nobody knows

	otherwise string // why a run may have none of it
}

// fields are all there are, in the order in which messages name them.
var fields = []*field{
	{name: "rule", of: func(f *finding.Finding) string { return f.Rule }, run: ruleIDs},
	{name: "severity", kind: severityField, of: func(f *finding.Finding) string { return f.Severity.String() }, words: finding.SeverityNames()},
	{name: "status", of: func(f *finding.Finding) string { return string(f.Status) }, words: statusNames()},
	{name: "change", of: func(f *finding.Finding) string { return string(f.Change) }, words: changeNames(), run: changes, otherwise: "only an audit with a baseline says how findings changed"},
	{name: "account", kind: accountField, of: func(f *finding.Finding) string { return f.Account }, run: accounts},
	{name: "region", of: func(f *finding.Finding) string { return f.Region }, run: func(c Context) []string { return c.Regions }},
	{name: "repository", of: func(f *finding.Finding) string { return f.Repository }},
	{name: "digest", of: func(f *finding.Finding) string { return f.Digest }},
	{name: "tag", of: func(f *finding.Finding) string { return f.Tag }},
	{name: "message", of: func(f *finding.Finding) string { return f.Message }},
	{name: "remediation", of: func(f *finding.Finding) string { return f.Remediation }},
	{name: "fix", of: fixAction, words: actionNames()},
	{name: "fingerprint", of: func(f *finding.Finding) string { return f.Fingerprint }},
	{name: "scope", kind: ruleField, ofRule: ruleScope, words: scopeNames()},
	{name: "control", kind: ruleField, ofRule: ruleControls, run: controls},
}

// FieldNames are the fields that a condition can be about.
func FieldNames() []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}

func fieldNamed(name string) *field {
	for _, f := range fields {
		if strings.EqualFold(f.name, name) {
			return f
		}
	}
	return nil
}

func changeNames() []string {
	return []string{string(finding.New), string(finding.Worsened), string(finding.Known), ""}
}

func changes(c Context) []string {
	if c.Baseline {
		return changeNames()
	}
	return nil
}

func statusNames() []string {
	var names []string
	for _, status := range finding.Statuses() {
		names = append(names, string(status))
	}
	return names
}

func actionNames() []string {
	names := []string{""}
	for _, action := range finding.Actions() {
		names = append(names, string(action))
	}
	return names
}

func scopeNames() []string {
	return []string{string(finding.ScopeOrganization), string(finding.ScopeRegistry), string(finding.ScopeRepository), string(finding.ScopeImage)}
}

// fixAction is the kind of change that would mend the finding, empty where
// there is none.
func fixAction(f *finding.Finding) string {
	if len(f.Fix) == 0 {
		return ""
	}
	var fix struct {
		Action string `json:"action"`
	}
	if json.Unmarshal(f.Fix, &fix) != nil {
		return ""
	}
	return fix.Action
}

func ruleScope(r *finding.Rule) []string { return []string{string(r.Scope)} }

func ruleControls(r *finding.Rule) []string {
	return slices.Concat(slices.Collect(maps.Values(r.Frameworks))...)
}

func ruleIDs(c Context) []string {
	ids := make([]string, len(c.Rules))
	for i := range c.Rules {
		ids[i] = c.Rules[i].ID
	}
	return ids
}

func accounts(c Context) []string {
	return slices.Concat(slices.Sorted(maps.Keys(c.Accounts)), slices.Sorted(maps.Values(c.Accounts)))
}

func controls(c Context) []string {
	var all []string
	for i := range c.Rules {
		all = append(all, ruleControls(&c.Rules[i])...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Idle says of each value that nothing in a run can have so: a misspelt rule
// would otherwise look like one that found nothing.
func (q *Query) Idle(run Context) []string {
	var idle []string
	q.root.walk(func(c *condition) {
		if c.field.run == nil {
			return
		}
		there := c.field.run(run)
		for i := range c.values {
			value := &c.values[i]
			if value.isEmpty() || slices.ContainsFunc(there, value.match) {
				continue
			}
			text := fmt.Sprintf("no %s of this run is %s", c.field.name, value.append(nil))
			if nearest, ok := config.Nearest(value.plain(), there); ok && nearest != "" {
				text += fmt.Sprintf("; did you mean %s?", nearest)
			} else if c.field.otherwise != "" {
				text += ": " + c.field.otherwise
			}
			idle = append(idle, text)
		}
	})
	return idle
}
