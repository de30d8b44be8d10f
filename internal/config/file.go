package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

var (
	accountGlob    = regexp.MustCompile(`^[0-9*?]+$`)
	regionGlob     = regexp.MustCompile(`^[a-z0-9*?-]+$`)
	repositoryGlob = regexp.MustCompile(`^[a-z0-9._/*?-]+$`)
)

// matchesAccounts reports whether a glob can match account ids.
func matchesAccounts(glob string) bool {
	stars := strings.Count(glob, "*")
	characters := len(glob) - stars
	return accountGlob.MatchString(glob) && (characters == 12 || stars > 0 && characters < 12)
}

// config reads the root of a file over what c holds: the defaults, or the files
// that it extends.
func (r *reader) config(root *yaml.Node, c *Config) {
	top := Scope{Everywhere: true, Rules: map[string]RuleSetting{}, origins: newOrigins(r.place(root))}
	var scopes []Scope
	fields := []field{
		{"extends", func(string, *yaml.Node) {}}, // was read before
		{"organization", func(at string, n *yaml.Node) { r.organization(at, n, &c.Organization) }},
		{"rules", func(at string, n *yaml.Node) { r.rules(at, n, &top) }},
		{"rule_paths", func(at string, n *yaml.Node) { c.addRulePaths(r, at, n) }},
		{"rule_keys", func(string, *yaml.Node) {}}, // were read before
		{"scopes", func(at string, n *yaml.Node) { scopes = r.scopes(at, n) }},
		{"waiver_files", func(string, *yaml.Node) {}}, // are read after it
		{"waivers", func(at string, n *yaml.Node) { c.Waivers = append(c.Waivers, r.waivers(at, n)...) }},
	}
	r.section("", root, append(fields, r.settingFields(&top, map[string][]field{"waiving": r.waivingFields(&c.Waiving)})...), func(key string) string {
		if key == "settings" {
			return "settings stand at the top of the file, without it"
		}
		return ""
	})
	top.lay(settingTable(), &c.Settings, c.Rules)
	c.origins.lay(top.origins)
	if len(c.Scopes) > 0 && len(top.Named)+len(top.Rules) > 0 {
		c.Scopes = append(c.Scopes, top)
	}
	c.Scopes = append(c.Scopes, scopes...)
	c.ruleUses = append(c.ruleUses, r.uses...)
}

// addRulePaths adds the rules of a file to those of the files that it extends.
func (c *Config) addRulePaths(r *reader, at string, n *yaml.Node) {
	if isNull(r.resolve(n)) {
		return
	}
	r.list(at, n, func(r *reader, at string, n *yaml.Node) (string, bool) {
		path, ok := r.pathOf(at, n, "the path of a file or folder of rules")
		if ok && !slices.Contains(c.RulePaths, path) {
			c.RulePaths = append(c.RulePaths, path)
			c.noteRulePath(path, namedAt{at, Error{Path: r.path, Line: n.Line, Column: n.Column}})
		}
		return path, ok
	})
}

// namedAt is where something stands in a file: at a key, and the place of a mistake
// in it.
type namedAt struct {
	key   string
	place Error
}

func (c *Config) noteRulePath(path string, at namedAt) {
	if c.rulePathsAt == nil {
		c.rulePathsAt = map[string]namedAt{}
	}
	c.rulePathsAt[path] = at
}

// RulePathError is why a rule path cannot be used, with where it stands in the
// files: an [Error], or nil where it stands in none.
func (c *Config) RulePathError(path string, why error) error {
	at, named := c.rulePathsAt[path]
	if !named {
		return nil
	}
	mistake := at.place
	mistake.Message = at.key + ": " + quoteless(why.Error())
	return &mistake
}

// isRoot refuses what is no mapping of keys.
func (r *reader) isRoot(root *yaml.Node) bool {
	if root.Kind == yaml.MappingNode || isNull(root) {
		return true
	}
	r.fail("", root, "found %s: a configuration file is a mapping of keys, such as \"rules:\" or \"scopes:\"", describe(root))
	return false
}

func (r *reader) organization(at string, n *yaml.Node, o *Organization) {
	r.section(at, n, []field{
		{"id", func(at string, n *yaml.Node) { o.ID, _ = r.organizationID(at, n) }},
		{"accounts", func(at string, n *yaml.Node) { o.Accounts, _ = r.accounts(at, n) }},
	}, nil)
}

// rules reads rule settings and remembers where they stand.
func (r *reader) rules(at string, n *yaml.Node, to *Scope) {
	if isNull(r.resolve(n)) {
		return
	}
	entries, _ := r.mapping(at, n, "rule ids with on or off")
	for _, e := range entries {
		r.uses = append(r.uses, ruleUse{id: e.key, path: r.path, line: e.at.Line, column: e.at.Column})
		r.key = e.at
		to.Rules[e.key], to.rules[e.key] = r.rule(below(at, e.key), e.value)
	}
}

func (r *reader) rule(at string, n *yaml.Node) (setting RuleSetting, origin ruleOrigin) {
	resolved := r.resolve(n)
	if resolved.Kind != yaml.MappingNode {
		if on, ok := r.ruleSwitch(at, resolved); ok {
			setting.Enabled, origin.enabled = &on, r.place(r.key)
		}
		return setting, origin
	}
	if len(resolved.Content) == 0 {
		r.fail(at, resolved, "says nothing: write on, off or {enabled: on, severity: high}")
	}
	r.section(at, n, []field{
		{"enabled", func(at string, n *yaml.Node) {
			if on, ok := r.boolean(at, n); ok {
				setting.Enabled, origin.enabled = &on, r.place(r.key)
			}
		}},
		{"severity", func(at string, n *yaml.Node) {
			if severity, ok := r.severity(at, n); ok {
				setting.Severity, origin.severity = &severity, r.place(r.key)
			}
		}},
	}, nil)
	return setting, origin
}

// ruleSwitch reads the short form of a rule setting.
func (r *reader) ruleSwitch(at string, n *yaml.Node) (on, ok bool) {
	if n.Kind == yaml.ScalarNode {
		switch strings.ToLower(n.Value) {
		case "on", "true":
			return true, true
		case "off", "false":
			return false, true
		}
	}
	r.fail(at, n, "found %s: write on, off or {enabled: on, severity: high}", describe(n))
	return false, false
}

// settingFields returns the fields that read settings into a scope. more are what
// their sections have beside them.
func (r *reader) settingFields(to *Scope, more map[string][]field) []field {
	var fields []field
	sections := map[string][]field{}
	for _, s := range settingTable() {
		section, key, dotted := strings.Cut(s.Name, ".")
		read := func(at string, n *yaml.Node) {
			place := r.place(r.key)
			if s.read(r, at, n, &to.Settings) {
				to.Named = append(to.Named, s.Name)
				to.settings[s.Name] = place
			}
		}
		if !dotted {
			fields = append(fields, field{s.Name, read})
			continue
		}
		if sections[section] == nil {
			sections[section] = more[section]
			fields = append(fields, field{section, func(at string, n *yaml.Node) { r.section(at, n, sections[section], wholeHint(section)) }})
		}
		sections[section] = append(sections[section], field{key, read})
	}
	return fields
}

func (r *reader) scopes(at string, n *yaml.Node) []Scope {
	if isNull(r.resolve(n)) {
		return []Scope{}
	}
	n = r.resolve(n)
	if n.Kind != yaml.SequenceNode {
		r.fail(at, n, "found %s: write a list, each scope after a dash", describe(n))
		return nil
	}
	scopes := make([]Scope, len(n.Content))
	for i, item := range n.Content {
		scopes[i] = r.scope(fmt.Sprintf("%s[%d]", at, i), item)
	}
	return scopes
}

func (r *reader) scope(at string, n *yaml.Node) Scope {
	scope := Scope{Rules: map[string]RuleSetting{}, origins: newOrigins(r.place(n))}
	mistakes := len(r.errs)
	matched := false
	r.section(at, n, []field{
		{"match", func(at string, n *yaml.Node) {
			matched = true
			scope.Match = r.match(at, n)
		}},
		{"settings", func(at string, n *yaml.Node) {
			r.section(at, n, r.settingFields(&scope, nil), nil)
		}},
		{"rules", func(at string, n *yaml.Node) { r.rules(at, n, &scope) }},
	}, scopeHint)
	if len(r.errs) > mistakes {
		return scope // more would only follow from these
	}
	switch n := r.resolve(n); {
	case !matched:
		r.fail(at, n, "has no match: write which resources it is for, or move its settings to the top of the file")
	case scope.Match.empty():
		r.fail(at, n, "match is empty: name what it is for, such as accounts or repositories, or move its settings to the top of the file")
	case len(scope.Named) == 0 && len(scope.Rules) == 0:
		r.fail(at, n, "has no effect: give it settings or rules, or remove it")
	}
	return scope
}

// wholeHint helps who wrote into a scope what holds everywhere.
func wholeHint(section string) func(key string) string {
	return func(key string) string {
		if section == "waiving" && (key == "max_days" || key == "approval") {
			return "it holds everywhere, and stands at the top of the file; a scope can only have tags"
		}
		return ""
	}
}

// scopeHint helps who wrote settings or criteria straight into a scope.
func scopeHint(key string) string {
	switch {
	case key == "encryption":
		return "it belongs below settings, or below match"
	case slices.Contains(matchKeys(), key):
		return "it belongs below match"
	case slices.ContainsFunc(settingTable(), func(s setting) bool {
		section, _, _ := strings.Cut(s.Name, ".")
		return section == key
	}):
		return "it belongs below settings"
	}
	return ""
}

// matchKeys are the keys that a match can have.
func matchKeys() (keys []string) {
	for _, f := range (&reader{}).matchFields(&Match{}) {
		keys = append(keys, f.key)
	}
	return keys
}

func (r *reader) match(at string, n *yaml.Node) Match {
	var m Match
	mistakes := len(r.errs)
	r.section(at, n, r.matchFields(&m), nil)
	if len(r.errs) == mistakes {
		r.checkAge(at, n, &m)
	}
	return m
}

// checkAge refuses limits between which nothing can lie.
func (r *reader) checkAge(at string, n *yaml.Node, m *Match) {
	if !m.CreatedBefore.IsZero() && !m.CreatedAfter.Before(m.CreatedBefore) {
		r.fail(at, r.resolve(n), "matches nothing: created_after is not before created_before: exchange the two, or remove one")
	}
}

func (r *reader) matchFields(m *Match) []field {
	globs := func(to *[]string, what string, valid func(string) bool) func(string, *yaml.Node) {
		return func(at string, n *yaml.Node) { *to = r.globs(at, n, globOf(what, valid)) }
	}
	tags := func(to *map[string][]string) func(string, *yaml.Node) {
		return func(at string, n *yaml.Node) { *to = r.tagGlobs(at, n) }
	}
	moment := func(to *time.Time) func(string, *yaml.Node) {
		return func(at string, n *yaml.Node) { *to = r.moment(at, n) }
	}
	return []field{
		{"accounts", globs(&m.Accounts, "an account id: write its 12 digits, with * and ? for those left out", matchesAccounts)},
		{"account_names", globs(&m.AccountNames, "the name of an account: write 1 to 50 characters, * and ?", matchesName)},
		{"ous", globs(&m.Units, "an organizational unit: write its id, such as ou-ab12-11111111, or the path of its name below the root, such as Workloads/Prod", matchesUnit)},
		{"account_tags", tags(&m.AccountTags)},
		{"regions", globs(&m.Regions, "a region: write small letters, digits, dashes, * and ?", regionGlob.MatchString)},
		{"repositories", globs(&m.Repositories, "a repository name: write small letters, digits, ._-/, * and ?", repositoryGlob.MatchString)},
		{"tags", tags(&m.Tags)},
		{"encryption", func(at string, n *yaml.Node) {
			m.Encryption = r.globs(at, n, oneOf("encryption type", encryptionTypes()))
		}},
		{"created_after", moment(&m.CreatedAfter)},
		{"created_before", moment(&m.CreatedBefore)},
	}
}

// matchesName reports whether a glob can match the name of an account.
func matchesName(glob string) bool {
	return glob != "" && utf8.RuneCountInString(strings.ReplaceAll(glob, "*", "")) <= 50
}

// matchesUnit reports whether a text can mean an organizational unit. A path has
// no empty names, which is how mistakes in it look.
func matchesUnit(text string) bool {
	mistakenID := strings.HasPrefix(text, "ou-") && !unitID.MatchString(text) && !strings.ContainsAny(text, "*?/ ")
	return !mistakenID && !slices.Contains(strings.Split(text, "/"), "")
}

func (r *reader) tagGlobs(at string, n *yaml.Node) map[string][]string {
	tags := map[string][]string{}
	entries, ok := r.mapping(at, n, "tag keys with globs")
	if ok && len(entries) == 0 {
		r.fail(at, r.resolve(n), "empty: add a tag key with a glob or remove the key")
	}
	for _, e := range entries {
		if key, ok := r.tagKey(at, e.at); ok {
			tags[key] = r.globs(below(at, key), e.value, (*reader).text)
		}
	}
	return tags
}

// globOf returns what reads a glob that can match something.
func globOf(what string, valid func(string) bool) func(*reader, string, *yaml.Node) (string, bool) {
	return func(r *reader, at string, n *yaml.Node) (string, bool) {
		text, ok := r.text(at, n)
		if ok && !valid(text) {
			r.fail(at, r.resolve(n), "%s cannot match %s", quote(text), what)
			return "", false
		}
		return text, ok
	}
}

// globs reads one glob or a list of them, which must not be empty.
func (r *reader) globs(at string, n *yaml.Node, read func(*reader, string, *yaml.Node) (string, bool)) []string {
	resolved := r.resolve(n)
	if resolved.Kind == yaml.ScalarNode && !isNull(resolved) {
		glob, _ := read(r, at, n)
		return []string{glob}
	}
	globs, ok := r.list(at, n, read)
	if ok && len(globs) == 0 {
		r.fail(at, resolved, "empty, so the scope would match nothing: add a glob or remove the key")
	}
	return globs
}
