package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// Explanation is what holds for a resource, and why.
type Explanation struct {
	Scopes   []ScopeVerdict     `json:"scopes"` // in the order in which they are applied
	Settings []ExplainedSetting `json:"settings"`
	Rules    []ExplainedRule    `json:"rules"`
}

// ScopeVerdict is whether a scope holds: "holds", "does not hold" or "depends",
// and why.
type ScopeVerdict struct {
	At      Place  `json:"at"`
	Verdict string `json:"verdict"`
	Why     string `json:"why"`
}

// ExplainedSetting is the value of a setting, written as in the file.
type ExplainedSetting struct {
	Key     string  `json:"key"`
	Value   string  `json:"value"`
	At      Place   `json:"at"`
	Depends []Other `json:"depends"`
}

// Other is what holds instead where a scope holds of which that is not known.
type Other struct {
	Scope Place  `json:"scope"`
	Value string `json:"value"`
	At    Place  `json:"at"`
}

// ExplainedRule is what holds of a rule for what it judges: the repository, its
// registry, or the organization. Its severity is said although it is off.
type ExplainedRule struct {
	ID         string           `json:"id"`
	Judges     finding.Scope    `json:"judges"`
	Enabled    bool             `json:"enabled"`
	EnabledAt  Place            `json:"enabled_at"`
	Severity   finding.Severity `json:"severity"`
	SeverityAt Place            `json:"severity_at"`
	Depends    []Other          `json:"depends"`
	// NotBy are the scopes that say something of the rule and may hold for the
	// repository, but not for what the rule judges.
	NotBy []Place `json:"not_by"`
}

// MarshalJSON writes a place as "path:line", or as "default".
func (p Place) MarshalJSON() ([]byte, error) { return json.Marshal(p.String()) }

// RuleDefault is what holds of a rule where the configuration does not say.
type RuleDefault struct {
	ID       string
	Judges   finding.Scope
	Enabled  bool
	Severity finding.Severity
}

// Explain says what holds for a resource, and where that stands.
func (c *Config) Explain(r Resource, rules []RuleDefault) Explanation {
	e := Explanation{Scopes: c.scopeVerdicts(r), Settings: []ExplainedSetting{}, Rules: []ExplainedRule{}}
	effective := c.For(r)
	for _, s := range c.table {
		e.Settings = append(e.Settings, ExplainedSetting{
			Key: s.Name, Value: s.show(&effective.Settings), At: effective.origins.settings[s.Name], Depends: c.othersOf(r, s),
		})
	}
	for _, rule := range rules {
		e.Rules = append(e.Rules, c.explainRule(r, rule))
	}
	return e
}

func (c *Config) explainRule(r Resource, rule RuleDefault) ExplainedRule {
	judged := r.judgedBy(rule.Judges)
	effective := c.For(judged)
	origin := effective.origins.rules[rule.ID]
	return ExplainedRule{
		ID: rule.ID, Judges: rule.Judges, Enabled: effective.Enabled(rule.ID, rule.Enabled), EnabledAt: origin.enabled,
		Severity: effective.Severity(rule.ID, rule.Severity), SeverityAt: origin.severity,
		Depends: c.othersOfRule(judged, rule.ID), NotBy: c.idleFor(r, judged, rule.ID),
	}
}

// judgedBy is what a rule judges that is met at a repository.
func (r Resource) judgedBy(scope finding.Scope) Resource {
	switch scope {
	case finding.ScopeOrganization:
		return Resource{}
	case finding.ScopeRegistry:
		registry := Resource{Account: r.Account, Region: r.Region, Owner: r.Owner, Unknown: maps.Clone(r.Unknown)}
		maps.DeleteFunc(registry.Unknown, func(by Criterion, _ string) bool { return by.ofRepository() })
		return registry
	}
	return r
}

// idleFor are the scopes that say something of a rule and may hold for a
// repository, but not for what the rule judges.
func (c *Config) idleFor(r, judged Resource, id string) []Place {
	idle := []Place{}
	for i := range c.Scopes {
		if _, says := c.Scopes[i].Rules[id]; says && holds(c.asks[i], &r) != no && holds(c.asks[i], &judged) == no {
			idle = append(idle, c.Scopes[i].at)
		}
	}
	return idle
}

func (c *Config) scopeVerdicts(r Resource) []ScopeVerdict {
	c.compile()
	verdicts := []ScopeVerdict{}
	for i := range c.Scopes {
		scope := &c.Scopes[i]
		v := ScopeVerdict{At: scope.at}
		switch holds(c.asks[i], &r) {
		case yes:
			v.Verdict, v.Why = "holds", scope.whyItHolds(c.asks[i])
		case no:
			v.Verdict, v.Why = "does not hold", scope.whyNot(c.asks[i], &r)
		case unsure:
			v.Verdict, v.Why = "depends", "on "+doubt(c.asks[i], &r)
		}
		verdicts = append(verdicts, v)
	}
	return verdicts
}

func (s *Scope) whyItHolds(asks []ask) string {
	if s.Everywhere {
		return "the top of a file that extends others"
	}
	names := make([]string, len(asks))
	for i := range asks {
		names[i] = string(asks[i].criterion)
	}
	return strings.Join(names, ", ")
}

// whyNot names the first criterion that does not hold.
func (s *Scope) whyNot(asks []ask, r *Resource) string {
	for i := range asks {
		if criterion := asks[i].criterion; asks[i].of(r) == no {
			return fmt.Sprintf("%s: %s does not match %s", criterion, r.describe(criterion), s.Match.describe(criterion))
		}
	}
	return ""
}

// othersOf are the values that a setting has where scopes hold of which that is
// not known, and no later one surely says otherwise.
func (c *Config) othersOf(r Resource, s setting) []Other {
	others := []Other{}
	c.unsettled(r, func(scope *Scope) bool { return slices.Contains(scope.Named, s.Name) }, func(scope *Scope) {
		others = append(others, Other{Scope: scope.at, Value: s.show(&scope.Settings), At: scope.settings[s.Name]})
	})
	return others
}

func (c *Config) othersOfRule(r Resource, id string) []Other {
	others := []Other{}
	for _, part := range []struct {
		value func(RuleSetting) string
		place func(ruleOrigin) Place
	}{
		{RuleSetting.showEnabled, func(o ruleOrigin) Place { return o.enabled }},
		{RuleSetting.showSeverity, func(o ruleOrigin) Place { return o.severity }},
	} {
		c.unsettled(r, func(scope *Scope) bool { return part.value(scope.Rules[id]) != "" }, func(scope *Scope) {
			others = append(others, Other{Scope: scope.at, Value: part.value(scope.Rules[id]), At: part.place(scope.rules[id])})
		})
	}
	return others
}

// unsettled tells the scopes that say something and of which it is not known
// whether they hold, unless a later one surely has the last word.
func (c *Config) unsettled(r Resource, says func(*Scope) bool, tell func(*Scope)) {
	var open []*Scope
	for i := range c.Scopes {
		if scope := &c.Scopes[i]; says(scope) {
			switch holds(c.asks[i], &r) {
			case yes:
				open = nil
			case unsure:
				open = append(open, scope)
			}
		}
	}
	for _, scope := range open {
		tell(scope)
	}
}

func (s RuleSetting) showEnabled() string {
	switch {
	case s.Enabled == nil:
		return ""
	case *s.Enabled:
		return "on"
	}
	return "off"
}

func (s RuleSetting) showSeverity() string {
	if s.Severity == nil {
		return ""
	}
	return s.Severity.String()
}

// showFixes writes allowed actions as the file would.
func showFixes(s *Settings) string {
	switch {
	case len(s.Fixes) == 0:
		return "deny"
	case len(s.Fixes) == len(fixActions()):
		return "allow"
	}
	return flow(s.Fixes)
}
