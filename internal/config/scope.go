package config

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// Scope changes settings and rules for the resources that it matches.
type Scope struct {
	Match Match
	// Settings holds the values of the keys in Named; the rest of it is zero.
	Settings Settings
	// Named are the keys of the settings that the scope replaces, with those
	// of sections dotted: "lifecycle.max_days".
	Named []string
	Rules map[string]RuleSetting
	// Everywhere says that this is the top of a file that extends others, laid
	// over their scopes: it has no match and holds for everything.
	Everywhere bool

	origins
}

// Place is where something stands in a file. The zero place is that of what
// holds by default.
type Place struct {
	Path string
	Line int // from 1
}

func (p Place) String() string {
	if p.Path == "" {
		return "default"
	}
	return p.Path + ":" + strconv.Itoa(p.Line)
}

// origins are the places of what the top of a file or a scope says.
type origins struct {
	at       Place            // where it begins
	settings map[string]Place // by key
	rules    map[string]ruleOrigin
}

type ruleOrigin struct{ enabled, severity Place }

func (o ruleOrigin) over(base ruleOrigin) ruleOrigin {
	if o.enabled != (Place{}) {
		base.enabled = o.enabled
	}
	if o.severity != (Place{}) {
		base.severity = o.severity
	}
	return base
}

func newOrigins(at Place) origins {
	return origins{at: at, settings: map[string]Place{}, rules: map[string]ruleOrigin{}}
}

// lay puts origins over those that are there.
func (o *origins) lay(over origins) {
	maps.Copy(o.settings, over.settings)
	for id, rule := range over.rules {
		o.rules[id] = rule.over(o.rules[id])
	}
}

// Place is where the scope begins.
func (s *Scope) Place() Place { return s.at }

// Effective is what holds for a resource. It is shared by all resources for
// which the same scopes hold and must not be changed.
type Effective struct {
	Settings Settings

	rules       map[string]RuleSetting
	origins     origins
	releaseTags *regexp.Regexp
	tagPattern  *regexp.Regexp
	protected   *regexp.Regexp
}

// Rule returns what the configuration says of a rule.
func (e *Effective) Rule(id string) RuleSetting { return e.rules[id] }

// Enabled reports whether a rule is on, given whether it is on where the
// configuration does not say.
func (e *Effective) Enabled(id string, byDefault bool) bool {
	if on := e.rules[id].Enabled; on != nil {
		return *on
	}
	return byDefault
}

// Severity returns the severity of a rule whose metadata says metadata.
func (e *Effective) Severity(id string, metadata finding.Severity) finding.Severity {
	if s := e.rules[id].Severity; s != nil {
		return *s
	}
	return metadata
}

// ReleaseTagsRegexp returns Settings.ReleaseTags compiled.
func (e *Effective) ReleaseTagsRegexp() *regexp.Regexp { return e.releaseTags }

// ProtectedTagsRegexp returns Settings.ProtectedTags compiled, or the pattern
// of release tags where it is empty, with the wildcards of Settings.Protect.
func (e *Effective) ProtectedTagsRegexp() *regexp.Regexp { return e.protected }

// TagPatternRegexp returns Settings.TagPattern compiled, or nil when no
// convention is demanded.
func (e *Effective) TagPatternRegexp() *regexp.Regexp { return e.tagPattern }

// Origin is where a setting stands that holds, by its key.
func (e *Effective) Origin(key string) Place { return e.origins.settings[key] }

// AllowsFix reports whether a finding may be mended in this way.
func (e *Effective) AllowsFix(action finding.Action) bool {
	return slices.Contains(e.Settings.Fixes, string(action))
}

// For returns what holds for a resource: what the file says at its top, with
// the settings and rules of every scope that holds laid over it, in the order of
// the file. It is cheap, and for the same set of scopes always the same pointer,
// so that callers can keep derived values by pointer. A scope of which it is not
// known whether it holds does not count; see [Config.Undecided].
func (c *Config) For(r Resource) *Effective {
	e, _ := c.Decide(r)
	return e
}

// Undecided says why it is not known which scopes hold for a resource; empty
// when it is known. Where it is not, what [Config.For] returns is a guess, and
// no verdict that rests on it is known.
func (c *Config) Undecided(r Resource) string {
	_, why := c.Decide(r)
	return why
}

// Decide is [Config.For] and [Config.Undecided] at once.
func (c *Config) Decide(r Resource) (e *Effective, undecided string) {
	c.compile()
	var room [32]byte
	held := room[:0] // a bit for every scope
	for i := range c.asks {
		if i%8 == 0 {
			held = append(held, 0)
		}
		switch holds(c.asks[i], &r) {
		case yes:
			held[i/8] |= 1 << (i % 8)
		case unsure:
			if undecided == "" && c.Scopes[i].judges() {
				undecided = "which settings hold depends on " + doubt(c.asks[i], &r)
			}
		}
	}
	c.mu.RLock()
	e = c.effective[string(held)]
	c.mu.RUnlock()
	if e == nil {
		e = c.remember(string(held))
	}
	return e, undecided
}

// judges reports whether the scope changes what rules say. Whether tags may excuse
// does not.
func (s *Scope) judges() bool {
	return len(s.Rules) > 0 || len(s.Named) > 1 || len(s.Named) == 1 && s.Named[0] != settingWaivedByTags
}

// compile makes the criteria of all scopes ready, once.
func (c *Config) compile() {
	c.compiled.Do(func() {
		c.table = settingTable()
		c.asks = make([][]ask, len(c.Scopes))
		for i := range c.Scopes {
			c.asks[i] = c.Scopes[i].Match.asks()
		}
	})
}

// holds judges the criteria of a scope. One that surely does not hold decides,
// whatever is not known of the others.
func holds(asks []ask, r *Resource) verdict {
	all := yes
	for i := range asks {
		switch asks[i].of(r) {
		case no:
			return no
		case unsure:
			all = unsure
		}
	}
	return all
}

// doubt names the first criterion of which it is not known whether it holds.
func doubt(asks []ask, r *Resource) string {
	for i := range asks {
		if asks[i].of(r) == unsure {
			why, unknown := r.unknown(asks[i].criterion)
			if !unknown {
				why = r.owner().UnitPathsUnknown
			}
			return asks[i].criterion.words() + "; cannot tell: " + why
		}
	}
	return ""
}

func (c Criterion) words() string {
	switch c {
	case ByAccount:
		return "the account"
	case ByRegion:
		return "the region"
	case ByRepository:
		return "the repository"
	case ByTag:
		return "resource tags"
	case ByUnit:
		return "organizational units"
	case ByAge:
		return "the creation date"
	}
	return strings.ReplaceAll(string(c), "_", " ")
}

func (c *Config) remember(held string) *Effective {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.effective[held]; e != nil {
		return e
	}
	if c.effective == nil {
		c.effective = map[string]*Effective{}
	}
	e := c.combine(held)
	c.effective[held] = e
	return e
}

// combine applies the scopes whose bits are set, in order, to the base.
func (c *Config) combine(held string) *Effective {
	e := &Effective{Settings: c.Settings, rules: maps.Clone(c.Rules), origins: newOrigins(Place{})}
	if e.rules == nil {
		e.rules = map[string]RuleSetting{}
	}
	e.origins.lay(c.origins)
	for i := range c.Scopes {
		if held[i/8]&(1<<(i%8)) != 0 {
			c.Scopes[i].lay(c.table, &e.Settings, e.rules)
			e.origins.lay(c.Scopes[i].origins)
		}
	}
	e.protected = regexp.MustCompile(protectedTags(&e.Settings))
	e.releaseTags = regexp.MustCompile(e.Settings.ReleaseTags)
	if e.Settings.TagPattern != "" {
		e.tagPattern = regexp.MustCompile(e.Settings.TagPattern)
	}
	return e
}

// lay puts what the scope says over settings and rules.
func (s *Scope) lay(table []setting, settings *Settings, rules map[string]RuleSetting) {
	for _, of := range table {
		if slices.Contains(s.Named, of.Name) {
			of.copy(settings, &s.Settings)
		}
	}
	for id, setting := range s.Rules {
		rules[id] = setting.over(rules[id])
	}
}

// protectedTags is one pattern of all tags that are protected.
func protectedTags(s *Settings) string {
	pattern := cmp.Or(s.ProtectedTags, s.ReleaseTags)
	if len(s.Protect) == 0 {
		return pattern
	}
	alternatives := []string{"(?:" + pattern + ")"}
	for _, wildcard := range s.Protect {
		alternatives = append(alternatives, "^"+strings.ReplaceAll(regexp.QuoteMeta(wildcard), `\*`, ".*")+"$")
	}
	return strings.Join(alternatives, "|")
}

// ProtectedWherever is the pattern of the tags that are protected in a resource,
// whichever of the scopes hold of which that is not known.
func (c *Config) ProtectedWherever(r Resource) *regexp.Regexp {
	if c.Undecided(r) == "" {
		return c.For(r).ProtectedTagsRegexp()
	}
	all := []string{}
	add := func(s *Settings) { all = append(all, "(?:"+protectedTags(s)+")") }
	add(&c.For(r).Settings)
	for i := range c.Scopes {
		if holds(c.asks[i], &r) != unsure {
			continue
		}
		// Alone, and over what surely holds: scopes can meet in either way.
		alone, over := Default().Settings, c.For(r).Settings
		alone.ReleaseTags = over.ReleaseTags
		for _, s := range []*Settings{&alone, &over} {
			c.Scopes[i].lay(c.table, s, map[string]RuleSetting{})
			add(s)
		}
	}
	return regexp.MustCompile(strings.Join(all, "|"))
}

// MayRun reports whether a rule is on for some resource: in the base, or
// because a scope turns it on. Where it is not, nothing need be collected for
// it. byDefault is whether it is on where the configuration does not say.
func (c *Config) MayRun(id string, byDefault bool) bool {
	if on := c.Rules[id].Enabled; on != nil && *on || on == nil && byDefault {
		return true
	}
	return slices.ContainsFunc(c.Scopes, func(s Scope) bool { return turnsOn(&s, id) })
}

// MayRunFor reports whether a rule is on for a resource, or may be because of a
// scope of which it is not known whether it holds.
func (c *Config) MayRunFor(r Resource, id string, byDefault bool) bool {
	if c.For(r).Enabled(id, byDefault) {
		return true
	}
	for i := range c.Scopes {
		if turnsOn(&c.Scopes[i], id) && holds(c.asks[i], &r) != no {
			return true
		}
	}
	return false
}

func turnsOn(s *Scope, id string) bool {
	on := s.Rules[id].Enabled
	return on != nil && *on
}
