package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

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

// config reads the root of a file over the defaults that c holds.
func (r *reader) config(root *yaml.Node, c *Config) {
	fields := []field{
		{"organization", func(at string, n *yaml.Node) { r.organization(at, n, &c.Organization) }},
		{"rules", func(at string, n *yaml.Node) { r.rules(at, n, c.Rules) }},
		{"rule_paths", func(at string, n *yaml.Node) {
			if !isNull(r.resolve(n)) {
				c.RulePaths, _ = r.rulePaths(at, n)
			}
		}},
		{"scopes", func(at string, n *yaml.Node) { c.Scopes = r.scopes(at, n) }},
	}
	if root.Kind != yaml.MappingNode && !isNull(root) {
		r.fail("", root, "found %s: a configuration file is a mapping of keys, such as \"rules:\" or \"scopes:\"", describe(root))
		return
	}
	var named []string
	r.section("", root, append(fields, r.settingFields(&c.Settings, &named)...), func(key string) string {
		if key == "settings" {
			return "settings stand at the top of the file, without it"
		}
		return ""
	})
	c.ruleUses = r.uses
}

func (r *reader) organization(at string, n *yaml.Node, o *Organization) {
	r.section(at, n, []field{
		{"id", func(at string, n *yaml.Node) { o.ID, _ = r.organizationID(at, n) }},
		{"accounts", func(at string, n *yaml.Node) { o.Accounts, _ = r.accounts(at, n) }},
	}, nil)
}

// rules reads rule settings into rules and remembers where they stand.
func (r *reader) rules(at string, n *yaml.Node, rules map[string]RuleSetting) {
	if isNull(r.resolve(n)) {
		return
	}
	entries, _ := r.mapping(at, n, "rule ids with on or off")
	for _, e := range entries {
		r.uses = append(r.uses, ruleUse{id: e.key, line: e.at.Line, column: e.at.Column})
		rules[e.key] = r.rule(below(at, e.key), e.value)
	}
}

func (r *reader) rule(at string, n *yaml.Node) RuleSetting {
	var setting RuleSetting
	resolved := r.resolve(n)
	if resolved.Kind != yaml.MappingNode {
		if on, ok := r.ruleSwitch(at, resolved); ok {
			setting.Enabled = &on
		}
		return setting
	}
	if len(resolved.Content) == 0 {
		r.fail(at, resolved, "says nothing: write on, off or {enabled: on, severity: high}")
	}
	r.section(at, n, []field{
		{"enabled", func(at string, n *yaml.Node) {
			if on, ok := r.boolean(at, n); ok {
				setting.Enabled = &on
			}
		}},
		{"severity", func(at string, n *yaml.Node) {
			if severity, ok := r.severity(at, n); ok {
				setting.Severity = &severity
			}
		}},
	}, nil)
	return setting
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

// settingFields returns the fields that read settings. The names of those that
// were read are added to named.
func (r *reader) settingFields(to *Settings, named *[]string) []field {
	var fields []field
	sections := map[string][]field{}
	for _, s := range settings() {
		section, key, dotted := strings.Cut(s.Name, ".")
		read := func(at string, n *yaml.Node) {
			if s.read(r, at, n, to) {
				*named = append(*named, s.Name)
			}
		}
		if !dotted {
			fields = append(fields, field{s.Name, read})
			continue
		}
		if sections[section] == nil {
			fields = append(fields, field{section, func(at string, n *yaml.Node) { r.section(at, n, sections[section], nil) }})
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
	scope := Scope{Rules: map[string]RuleSetting{}}
	mistakes := len(r.errs)
	matched := false
	r.section(at, n, []field{
		{"match", func(at string, n *yaml.Node) {
			matched = true
			scope.Match = r.match(at, n)
		}},
		{"settings", func(at string, n *yaml.Node) {
			r.section(at, n, r.settingFields(&scope.Settings, &scope.Named), nil)
		}},
		{"rules", func(at string, n *yaml.Node) { r.rules(at, n, scope.Rules) }},
	}, scopeHint)
	if len(r.errs) > mistakes {
		return scope // more would only follow from these
	}
	switch n := r.resolve(n); {
	case !matched:
		r.fail(at, n, "has no match: write which resources it is for, or move its settings to the top of the file")
	case scope.Match.empty():
		r.fail(at, n, "match is empty: name accounts, regions, repositories or tags, or move its settings to the top of the file")
	case len(scope.Named) == 0 && len(scope.Rules) == 0:
		r.fail(at, n, "has no effect: give it settings or rules, or remove it")
	}
	return scope
}

// scopeHint helps who wrote settings or criteria straight into a scope.
func scopeHint(key string) string {
	switch {
	case slices.Contains(criteria(), key):
		return "it belongs below match"
	case slices.ContainsFunc(settings(), func(s setting) bool {
		section, _, _ := strings.Cut(s.Name, ".")
		return section == key
	}):
		return "it belongs below settings"
	}
	return ""
}

func criteria() []string { return []string{"accounts", "regions", "repositories", "tags"} }

func (r *reader) match(at string, n *yaml.Node) Match {
	var m Match
	globs := func(to *[]string, what string, valid func(string) bool) func(string, *yaml.Node) {
		return func(at string, n *yaml.Node) { *to = r.globs(at, n, what, valid) }
	}
	r.section(at, n, []field{
		{"accounts", globs(&m.Accounts, "an account id: write its 12 digits, with * and ? for those left out", matchesAccounts)},
		{"regions", globs(&m.Regions, "a region: write small letters, digits, dashes, * and ?", regionGlob.MatchString)},
		{"repositories", globs(&m.Repositories, "a repository name: write small letters, digits, ._-/, * and ?", repositoryGlob.MatchString)},
		{"tags", func(at string, n *yaml.Node) { m.Tags = r.tagGlobs(at, n) }},
	}, nil)
	return m
}

func (r *reader) tagGlobs(at string, n *yaml.Node) map[string][]string {
	tags := map[string][]string{}
	entries, ok := r.mapping(at, n, "tag keys with globs")
	if ok && len(entries) == 0 {
		r.fail(at, r.resolve(n), "empty: add a tag key with a glob or remove the key")
	}
	for _, e := range entries {
		if key, ok := r.tagKey(at, e.at); ok {
			tags[key] = r.globs(below(at, key), e.value, "a tag value", func(string) bool { return true })
		}
	}
	return tags
}

// globs reads one glob or a list of them, which must not be empty.
func (r *reader) globs(at string, n *yaml.Node, what string, valid func(string) bool) []string {
	read := func(r *reader, at string, n *yaml.Node) (string, bool) {
		text, ok := r.text(at, n)
		if ok && !valid(text) {
			r.fail(at, r.resolve(n), "%s cannot match %s", quote(text), what)
			return "", false
		}
		return text, ok
	}
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
