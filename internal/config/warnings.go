package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Warning is something in a configuration that is allowed but hardly meant.
type Warning struct {
	At      Place
	Message string
}

func (w Warning) String() string { return w.At.String() + ": " + w.Message }

// Overridden are the settings and rules of scopes that never take effect, because
// a later scope, which holds wherever that one does, says them again.
func (c *Config) Overridden() []Warning {
	var warnings []Warning
	for i := range c.Scopes {
		early := &c.Scopes[i]
		var found []Warning
		for _, key := range early.Named {
			if late := c.overridesSetting(i, key); late != nil {
				found = append(found, Warning{early.settings[key], fmt.Sprintf("%s has no effect: %s sets it again wherever this scope holds", key, late.settings[key])})
			}
		}
		for _, id := range slices.Sorted(maps.Keys(early.Rules)) {
			if late := c.overridesRule(i, id); late != nil {
				origin := early.rules[id]
				found = append(found, Warning{firstPlace(origin.enabled, origin.severity), fmt.Sprintf("rules.%s has no effect: the scope %s says it again wherever this scope holds", quoteRule(id), late.at)})
			}
		}
		if len(found) > 0 && len(found) == len(early.Named)+len(early.Rules) && !early.Everywhere {
			found = []Warning{{early.at, "the scope has no effect: later scopes say everything again wherever it holds; put it after them, or remove it"}}
		}
		warnings = append(warnings, found...)
	}
	return warnings
}

func firstPlace(places ...Place) Place {
	for _, p := range places {
		if p != (Place{}) {
			return p
		}
	}
	return Place{}
}

func quoteRule(id string) string {
	if quoted := quote(id); quoted != `"`+id+`"` {
		return quoted
	}
	return id
}

func (c *Config) overridesSetting(i int, key string) *Scope {
	for j := i + 1; j < len(c.Scopes); j++ {
		if late := &c.Scopes[j]; slices.Contains(late.Named, key) && late.covers(&c.Scopes[i]) {
			return late
		}
	}
	return nil
}

func (c *Config) overridesRule(i int, id string) *Scope {
	early := c.Scopes[i].Rules[id]
	for j := i + 1; j < len(c.Scopes); j++ {
		late := &c.Scopes[j]
		says, covered := late.Rules[id], late.covers(&c.Scopes[i])
		if covered && (early.Enabled == nil || says.Enabled != nil) && (early.Severity == nil || says.Severity != nil) {
			return late
		}
	}
	return nil
}

// covers reports whether the scope surely holds wherever another does.
func (s *Scope) covers(o *Scope) bool {
	for _, c := range Criteria() {
		if s.Match.given(c) && !s.Match.holdsAnyway(c, &o.Match) && !s.Match.coversBy(c, &o.Match) {
			return false
		}
	}
	return true
}

// holdsAnyway reports whether a criterion is met by whatever another match can hold for
// that asks anything at all. That is no match of the organization itself, and all else
// has an account and a region.
func (m *Match) holdsAnyway(c Criterion, o *Match) bool {
	if !slices.ContainsFunc(m.globs(c), func(glob string) bool { return strings.Trim(glob, "*") == "" }) {
		return false
	}
	switch c {
	case ByAccount, ByRegion:
		return !o.empty()
	case ByRepository:
		return slices.ContainsFunc(Criteria(), func(by Criterion) bool { return by.ofRepository() && o.given(by) })
	}
	return false
}

func (m *Match) coversBy(c Criterion, o *Match) bool {
	switch {
	case !o.given(c):
		return false
	case c == ByAge:
		return !o.CreatedAfter.Before(m.CreatedAfter) && (m.CreatedBefore.IsZero() || !o.CreatedBefore.IsZero() && !o.CreatedBefore.After(m.CreatedBefore))
	case m.tagGlobs(c) != nil:
		wanted := o.tagGlobs(c)
		for key, globs := range m.tagGlobs(c) {
			if len(wanted[key]) == 0 || !coverAll(globs, wanted[key]) {
				return false
			}
		}
		return true
	}
	return coverAll(m.globs(c), o.globs(c))
}

// coverAll reports whether each glob is covered by one of others.
func coverAll(by, globs []string) bool {
	for _, glob := range globs {
		if !slices.ContainsFunc(by, func(wide string) bool { return coversGlob(wide, glob) }) {
			return false
		}
	}
	return true
}

// coversGlob reports whether a glob surely matches whatever another does. Taken
// as text, a * of the other can only be met by one of its own.
func coversGlob(wide, glob string) bool {
	return wide == glob || !strings.Contains(wide, "?") && matchGlob(wide, glob)
}

// Unmatched are the criteria of scopes and waivers that hold for no account of an
// organization, and those of which that cannot be told.
func (c *Config) Unmatched(o snapshot.Organization) []Warning {
	accounts := NewAccounts(o)
	if !listed(o) {
		return c.notLookedUp(accounts)
	}
	var warnings []Warning
	for i, match := range c.matches() {
		for _, criterion := range []Criterion{ByAccount, ByAccountName, ByUnit, ByAccountTag} {
			for _, part := range match.parts(criterion) {
				quoted := quote(part.describe(criterion))
				switch found, why := accounts.some(part); found {
				case no:
					warnings = append(warnings, Warning{c.placeOfMatch(i), fmt.Sprintf("match.%s: no account of the organization has %s", criterion, quoted)})
				case unsure:
					warnings = append(warnings, Warning{c.placeOfMatch(i), fmt.Sprintf("match.%s: not checked whether an account has %s, which depends on %s", criterion, quoted, why)})
				}
			}
		}
	}
	return warnings
}

// notLookedUp are the criteria on accounts where AWS Organizations did not list them.
func (c *Config) notLookedUp(accounts *Accounts) []Warning {
	var warnings []Warning
	for i, match := range c.matches() {
		for _, criterion := range []Criterion{ByAccountName, ByUnit, ByAccountTag} {
			if why, unknown := accounts.others.Unknown[criterion]; unknown && match.given(criterion) {
				warnings = append(warnings, Warning{c.placeOfMatch(i), fmt.Sprintf("match.%s: not checked: %s", criterion, why)})
			}
		}
	}
	return warnings
}

// UnknownRegions are the regions of scopes and waivers that no region of a list is,
// which is how misspelt ones look, and those that are newer than the list.
func (c *Config) UnknownRegions(known []string) []Warning {
	var warnings []Warning
	for i, match := range c.matches() {
		for _, glob := range match.Regions {
			if slices.ContainsFunc(known, func(region string) bool { return matchGlob(glob, region) }) {
				continue
			}
			hint := "if it is no newer one, nothing matches"
			if nearest, ok := Nearest(glob, known); ok {
				hint = "did you mean " + quote(nearest) + "?"
			}
			warnings = append(warnings, Warning{c.placeOfMatch(i), fmt.Sprintf("match.regions: this version knows no region %s: %s", quote(glob), hint)})
		}
	}
	return warnings
}

// placeOfMatch is where the scope or waiver of a match begins.
func (c *Config) placeOfMatch(i int) Place {
	if i < len(c.Scopes) {
		return c.Scopes[i].at
	}
	return c.Waivers[i-len(c.Scopes)].at
}

// EndedWaivers are the waivers that do not hold any more on the day of a moment.
func (c *Config) EndedWaivers(at time.Time) []Warning {
	var warnings []Warning
	for i := range c.Waivers {
		if w := &c.Waivers[i]; w.Expired(at) {
			warnings = append(warnings, Warning{w.at, fmt.Sprintf("the waiver ended on %s and excuses nothing any more: remove it, or set until to a day to come", Day(w.Until))})
		}
	}
	return warnings
}

// WaiveNothing are the waivers of rules that are off everywhere. running reports
// whether a rule runs somewhere.
func (c *Config) WaiveNothing(running func(id string) bool) []Warning {
	var warnings []Warning
	for i := range c.Waivers {
		if w := &c.Waivers[i]; !slices.ContainsFunc(w.Rules, running) {
			warnings = append(warnings, Warning{w.at, "the waiver has nothing to excuse: " + strings.Join(w.Rules, ", ") + " is off everywhere"})
		}
	}
	return warnings
}

// parts are matches by one glob of a criterion each.
func (m *Match) parts(c Criterion) (parts []*Match) {
	for _, glob := range m.globs(c) {
		only := []string{glob}
		switch c {
		case ByAccount:
			parts = append(parts, &Match{Accounts: only})
		case ByAccountName:
			parts = append(parts, &Match{AccountNames: only})
		case ByUnit:
			parts = append(parts, &Match{Units: only})
		}
	}
	if c == ByAccountTag {
		for key, globs := range m.AccountTags {
			parts = append(parts, &Match{AccountTags: map[string][]string{key: globs}})
		}
		slices.SortFunc(parts, func(a, b *Match) int { return strings.Compare(a.describe(c), b.describe(c)) })
	}
	return parts
}

// some says whether some account matches; where that is not known, what it
// depends on for one of them.
func (a *Accounts) some(m *Match) (found verdict, why string) {
	asks := m.asks()
	for _, id := range slices.Sorted(maps.Keys(a.owners)) {
		r := Resource{Account: id, Owner: a.owners[id]}
		switch holds(asks, &r) {
		case yes:
			return yes, ""
		case unsure:
			if found == no {
				found, why = unsure, doubt(asks, &r)
			}
		}
	}
	return found, why
}

// HoldsIn reports for every scope whether it may hold for a resource: it is not
// known that it does not.
func (c *Config) HoldsIn(r Resource) []bool {
	c.compile()
	may := make([]bool, len(c.asks))
	for i := range c.asks {
		may[i] = holds(c.asks[i], &r) != no
	}
	return may
}

// OutOfPlace are the rules in scopes and waivers that hold for less than the rules
// judge: for repositories only where it is registries or the organization, or for
// images only where it is repositories. judges are rule ids with what each judges.
func (c *Config) OutOfPlace(judges map[string]string) []Warning {
	var warnings []Warning
	for i := range c.Scopes {
		scope := &c.Scopes[i]
		for _, id := range slices.Sorted(maps.Keys(scope.Rules)) {
			what := judges[id]
			narrow := what == "registry" && slices.ContainsFunc(Criteria(), func(by Criterion) bool { return by.ofRepository() && scope.Match.given(by) })
			if narrow || what == "organization" && !scope.Everywhere {
				origin := scope.rules[id]
				warnings = append(warnings, Warning{firstPlace(origin.enabled, origin.severity),
					fmt.Sprintf("rules.%s has no effect: the rule judges %s as a whole, which the scope does not hold for", quoteRule(id), plainly(what))})
			}
		}
	}
	return append(warnings, c.waiversOutOfPlace(judges)...)
}

// waiversOutOfPlace are the rules of waivers that judge something for which the match
// of the waiver never holds.
func (c *Config) waiversOutOfPlace(judges map[string]string) []Warning {
	var warnings []Warning
	for i := range c.Waivers {
		w := &c.Waivers[i]
		ofImages := len(w.Digests) > 0 || len(w.ImageTags) > 0
		narrow := ofImages || slices.ContainsFunc(Criteria(), func(by Criterion) bool { return by.ofRepository() && w.Match.given(by) })
		for _, id := range w.Rules {
			what := judges[id]
			if what == "registry" && narrow || what == "organization" && !w.everywhere() || what == "repository" && ofImages {
				warnings = append(warnings, Warning{w.at,
					fmt.Sprintf("the waiver excuses no finding of %s: the rule judges %s as a whole, which its match does not hold for%s", quoteRule(id), plainly(what), remedyFor(what))})
			}
		}
	}
	return warnings
}

func remedyFor(judged string) string {
	if judged == "organization" {
		return "; name the finding by its fingerprint alone"
	}
	if judged == "repository" {
		return "; match by repositories, without digests and image_tags"
	}
	return "; match by accounts and regions"
}

func plainly(what string) string {
	if what == "organization" {
		return "the organization"
	}
	return "a " + what
}
