package config

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// Resource is what a scope can match on. Repository is empty for a registry
// itself, and everything is empty for the organization.
type Resource struct {
	Account    string
	Region     string
	Repository string
	Tags       map[string]string // the repository's resource tags
}

// Scope changes settings and rules for the resources that it matches.
type Scope struct {
	Match Match
	// Settings holds the values of the keys in Named; the rest of it is zero.
	Settings Settings
	// Named are the keys of the settings that the scope replaces, with those
	// of sections dotted: "lifecycle.max_days".
	Named []string
	Rules map[string]RuleSetting
}

// Match says for which resources a scope holds: those for which every
// criterion holds that is given. A criterion holds if one of its globs matches
// the whole value; * stands for any characters, / among them, and ? for one.
// No glob matches a value that the resource does not have, so that a criterion
// on repositories or tags never holds for a registry itself.
type Match struct {
	Accounts     []string
	Regions      []string
	Repositories []string
	Tags         map[string][]string // globs of values by tag key
}

func (m *Match) empty() bool {
	return len(m.Accounts) == 0 && len(m.Regions) == 0 && len(m.Repositories) == 0 && len(m.Tags) == 0
}

func (m *Match) holds(r Resource) bool {
	return m.holdsButTags(r) && m.tagsHold(r)
}

func (m *Match) holdsButTags(r Resource) bool {
	return criterion(m.Accounts, r.Account) && criterion(m.Regions, r.Region) && criterion(m.Repositories, r.Repository)
}

func (m *Match) tagsHold(r Resource) bool {
	if len(m.Tags) > 0 && r.Repository == "" {
		return false
	}
	for key, globs := range m.Tags {
		value, tagged := r.Tags[key]
		if !tagged || !matchesAny(globs, value) {
			return false
		}
	}
	return true
}

func criterion(globs []string, value string) bool {
	return len(globs) == 0 || value != "" && matchesAny(globs, value)
}

func matchesAny(globs []string, value string) bool {
	return slices.ContainsFunc(globs, func(g string) bool { return matchGlob(g, value) })
}

// Glob returns the test for names that a glob of repositories matches: * stands
// for any characters, / among them, and ? for one. The error says why it could
// match none.
func Glob(glob string) (func(name string) bool, error) {
	if !repositoryGlob.MatchString(glob) {
		return nil, fmt.Errorf("%q cannot match a repository name: write small letters, digits, ._-/, * and ?", glob)
	}
	return func(name string) bool { return matchGlob(glob, name) }, nil
}

// matchGlob compares bytes: * stands for any number of them, ? for one
// character of UTF-8. It takes at most len(glob) × len(text) steps.
func matchGlob(glob, text string) bool {
	g, t := 0, 0
	star, resume := -1, 0 // the last * seen, and where to take up text after it
	for t < len(text) {
		switch {
		case g < len(glob) && glob[g] == '*':
			star, resume = g, t
			g++
		case g < len(glob) && glob[g] == '?':
			g++
			t += characterLength(text[t:])
		case g < len(glob) && glob[g] == text[t]:
			g++
			t++
		case star >= 0:
			resume += characterLength(text[resume:])
			g, t = star+1, resume
		default:
			return false
		}
	}
	for g < len(glob) && glob[g] == '*' {
		g++
	}
	return g == len(glob)
}

func characterLength(text string) int {
	for i := range text {
		if i > 0 {
			return i
		}
	}
	return len(text)
}

// Effective is what holds for a resource. It is shared by all resources for
// which the same scopes hold and must not be changed.
type Effective struct {
	Settings Settings

	rules       map[string]RuleSetting
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

// For returns what holds for a resource. It is cheap, and for the same set of
// scopes always the same pointer, so that callers can keep derived values by
// pointer.
func (c *Config) For(r Resource) *Effective {
	var room [32]byte
	held := room[:0] // a bit for every scope
	for i := range c.Scopes {
		if i%8 == 0 {
			held = append(held, 0)
		}
		if c.Scopes[i].Match.holds(r) {
			held[i/8] |= 1 << (i % 8)
		}
	}
	c.mu.RLock()
	e := c.effective[string(held)]
	c.mu.RUnlock()
	if e != nil {
		return e
	}
	return c.remember(string(held))
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
	e := &Effective{Settings: c.Settings, rules: maps.Clone(c.Rules)}
	if e.rules == nil {
		e.rules = map[string]RuleSetting{}
	}
	for i := range c.Scopes {
		if held[i/8]&(1<<(i%8)) == 0 {
			continue
		}
		scope := &c.Scopes[i]
		for _, s := range settings() {
			if slices.Contains(scope.Named, s.Name) {
				s.copy(&e.Settings, &scope.Settings)
			}
		}
		for id, setting := range scope.Rules {
			e.rules[id] = setting.over(e.rules[id])
		}
	}
	e.protected = regexp.MustCompile(protectedTags(&e.Settings))
	e.releaseTags = regexp.MustCompile(e.Settings.ReleaseTags)
	if e.Settings.TagPattern != "" {
		e.tagPattern = regexp.MustCompile(e.Settings.TagPattern)
	}
	return e
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

// NeedsTags reports whether some scope matches on repository tags, so that
// tags must be collected whatever the rules need.
func (c *Config) NeedsTags() bool {
	return slices.ContainsFunc(c.Scopes, func(s Scope) bool { return len(s.Match.Tags) > 0 })
}

// TagsDecide reports whether the resource's tags decide which scopes hold for
// it. Where they do and could not be read, what [Config.For] returns is a
// guess, and no verdict that rests on it is known.
func (c *Config) TagsDecide(r Resource) bool {
	return r.Repository != "" && slices.ContainsFunc(c.Scopes, func(s Scope) bool {
		return len(s.Match.Tags) > 0 && s.Match.holdsButTags(r)
	})
}

// MayRun reports whether a rule is on for some resource: in the base, or
// because a scope turns it on. Where it is not, nothing need be collected for
// it. byDefault is whether it is on where the configuration does not say.
func (c *Config) MayRun(id string, byDefault bool) bool {
	if on := c.Rules[id].Enabled; on != nil && *on || on == nil && byDefault {
		return true
	}
	return slices.ContainsFunc(c.Scopes, func(s Scope) bool {
		on := s.Rules[id].Enabled
		return on != nil && *on
	})
}
