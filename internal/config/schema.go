package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// SchemaID names the schema of the configuration file and its version.
const SchemaID = "ecraudit.config/v1"

// WaiversSchemaID names the schema of a file of waivers and its version.
const WaiversSchemaID = "ecraudit.waivers/v1"

// node is a part of a JSON Schema.
type node = map[string]any

// KnownRule is a rule that editors offer.
type KnownRule struct{ ID, Title string }

// Schema returns the JSON Schema (draft 2020-12) of the configuration file, for
// editors. It accepts whatever [Parse] accepts, as YAML gives it to programs; what
// it takes more than structure to see (a pattern that does not compile, a scope
// without effect) only Parse refuses.
func Schema(rules []KnownRule) []byte {
	known := node{}
	for _, rule := range rules {
		known[rule.ID] = node{"$ref": "#/$defs/rule", "description": rule.Title}
	}
	properties, settings := rootSchema(), settingsSchema()
	for key, value := range settings {
		if properties[key] == nil {
			properties[key] = value
			continue
		}
		maps.Copy(properties[key].(node)["properties"].(node), value.(node)["properties"].(node))
	}
	text, err := json.MarshalIndent(node{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SchemaID, "title": "ecraudit.yaml",
		"type": []string{"object", "null"}, "additionalProperties": false, "properties": properties,
		"$defs": node{
			"rule":     node{"anyOf": []any{boolean(), with(section(node{"enabled": boolean(), "severity": enum(finding.SeverityNames())}), node{"minProperties": 1, "type": "object"})}},
			"rules":    node{"type": []string{"object", "null"}, "properties": known, "additionalProperties": node{"$ref": "#/$defs/rule"}},
			"settings": section(settings),
			"match":    with(section(matchSchema()), node{"type": "object", "minProperties": 1}),
			"scope":    scopeSchema(),
			"waiver":   waiverSchema(rules),
		},
	}, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("the schema of the configuration: %v", err)) // basic types only
	}
	return append(text, '\n')
}

// WaiversSchema returns the JSON Schema of a file of waivers, as [Schema] does
// that of the configuration file.
func WaiversSchema(rules []KnownRule) []byte {
	text, err := json.MarshalIndent(node{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": WaiversSchemaID, "title": WaiversName,
		"type": []string{"object", "null"}, "additionalProperties": false, "properties": node{"waivers": waiversSchema()},
		"$defs": node{"waiver": waiverSchema(rules)},
	}, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("the schema of waivers: %v", err)) // basic types only
	}
	return append(text, '\n')
}

func waiversSchema() node {
	return node{"type": []string{"array", "null"}, "items": node{"$ref": "#/$defs/waiver"}, "description": "Findings that are excused, each until a day."}
}

func waiverSchema(rules []KnownRule) node {
	id := text(".")
	if known := waivable(rules); len(known) > 0 {
		id = anyOf(enum(known), text("."))
	}
	match := matchSchema()
	for key, value := range match {
		match[key] = with(value.(node), node{"description": describedKeys()["waivers.match"].Meaning})
	}
	match["digests"], match["image_tags"] = globs(text(digestGlob.String())), globs(text(imageTagGlob.String()))
	fields := node{
		"rule": anyOf(id, with(list(id), node{"minItems": 1})), "match": with(section(match), node{"type": "object", "minProperties": 1}),
		"fingerprint": text(fingerprint.String()), "reason": text("."), "owner": text("."), "ticket": text("."), "until": day(),
		"approved_by": text("."), "approved_on": day(),
	}
	described := describedKeys()
	for key, value := range fields {
		fields[key] = with(value.(node), node{"description": described["waivers."+key].Meaning})
	}
	for _, key := range []string{"digests", "image_tags"} {
		match[key] = with(match[key].(node), node{"description": described["waivers.match."+key].Meaning})
	}
	return node{
		"type": "object", "additionalProperties": false, "required": []string{"rule", "reason", "owner", "until"},
		"anyOf":             []any{node{"required": []string{"match"}}, node{"required": []string{"fingerprint"}}},
		"dependentRequired": node{"approved_by": []string{"approved_on"}, "approved_on": []string{"approved_by"}},
		"properties":        fields,
	}
}

// waivable are the ids of the rules that can be waived.
func waivable(rules []KnownRule) (ids []string) {
	for _, rule := range rules {
		if !slices.Contains(engineRules, rule.ID) {
			ids = append(ids, rule.ID)
		}
	}
	return ids
}

func day() node { return node{"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"} }

func rootSchema() node {
	described := describedKeys()
	describe := func(key string) node { return node{"description": described[key].Meaning} }
	return node{
		"extends":      with(anyOf(text(""), list(text("")), node{"type": "null"}), describe("extends")),
		"organization": section(node{"id": with(text(organizationID.String()), describe("organization.id")), "accounts": with(list(account()), describe("organization.accounts"))}),
		"rules":        node{"$ref": "#/$defs/rules", "description": described["rules"].Meaning},
		"rule_paths":   with(anyOf(list(text("")), node{"type": "null"}), describe("rule_paths")),
		"rule_keys":    with(anyOf(list(text("")), node{"type": "null"}), describe("rule_keys")),
		"scopes":       node{"type": []string{"array", "null"}, "items": node{"$ref": "#/$defs/scope"}, "description": "Changes of settings and rules for a part of the organization. Later ones win."},
		"waiving": section(node{
			"max_days": with(number(), describe("waiving.max_days")), "approval": with(enum(append(finding.SeverityNames(), "none")), describe("waiving.approval")),
		}),
		"waiver_files": with(anyOf(text(""), list(text("")), node{"type": "null"}), describe("waiver_files")),
		"waivers":      waiversSchema(),
	}
}

func scopeSchema() node {
	described := describedKeys()
	return node{
		"type": "object", "additionalProperties": false, "required": []string{"match"},
		"anyOf": []any{node{"required": []string{"settings"}}, node{"required": []string{"rules"}}},
		"properties": node{
			"match":    node{"$ref": "#/$defs/match", "description": "What the scope is for: every criterion must hold."},
			"settings": node{"$ref": "#/$defs/settings", "description": described["scopes.settings"].Meaning},
			"rules":    node{"$ref": "#/$defs/rules", "description": described["scopes.rules"].Meaning},
		},
	}
}

func matchSchema() node {
	tags := mapping(globs(text("")), 1)
	match := node{
		"accounts": globs(text(accountGlob.String())), "account_names": globs(text(".")), "ous": globs(text(".")), "account_tags": tags,
		"regions": globs(text(regionGlob.String())), "repositories": globs(text(repositoryGlob.String())), "tags": tags,
		"encryption": globs(enum(encryptionTypes())), "created_after": date(), "created_before": date(),
	}
	described := describedKeys()
	for key, value := range match {
		match[key] = with(value.(node), node{"description": described["scopes.match."+key].Meaning})
	}
	return match
}

// settingsSchema are all settings, those of sections below theirs.
func settingsSchema() node {
	all := node{}
	for _, s := range settingTable() {
		value := with(settingSchema(s.Name), node{"description": s.Meaning, "default": plainDefault(s.Default)})
		name, key, dotted := strings.Cut(s.Name, ".")
		if !dotted {
			all[name] = value
			continue
		}
		if all[name] == nil {
			all[name] = section(node{})
		}
		all[name].(node)["properties"].(node)[key] = value
	}
	return all
}

// settingSchema is what a setting can be. One that is not listed is text.
func settingSchema(name string) node {
	switch name {
	case "trusted_accounts", "vendor_accounts":
		names := node{"type": "object", "patternProperties": node{accountID.String(): anyOf(text(""), node{"type": "null"})}, "additionalProperties": false}
		return anyOf(list(account()), names)
	case "reader_accounts":
		return list(account())
	case "release_tags":
		return text(".")
	case "protect", "forbidden_tags", "lifecycle.dev_tags":
		return list(text(tagWildcard.String()))
	case "vulnerabilities":
		limits := node{}
		for _, severity := range scanSeverities() {
			limits[severity] = number()
		}
		return with(section(limits), node{"type": "object"})
	case "lifecycle.required", "lifecycle.untagged", "scan_on_push", settingWaivedByTags:
		return boolean()
	case "required_tags":
		return anyOf(list(text("")), mapping(anyOf(text(""), list(text("")), node{"type": "null"}), 0))
	case "encryption.type":
		return enum(encryptionTypes())
	case "encryption.kms_keys":
		return list(text(kmsKeyARN.String()))
	case "immutable":
		return enum(immutables())
	case "limits.image_bytes":
		return anyOf(node{"type": "integer", "minimum": 0}, stringOf(size.String()))
	case "limits.monthly_cost", "prices.standard", "prices.archive":
		return amount()
	case "pull_through_cache.upstreams":
		return list(text(upstreamGlob.String()))
	case "retention":
		return retentionSchema()
	case "prices.regions":
		return node{"type": "object", "patternProperties": node{regionName.String(): amount()}, "additionalProperties": false}
	case "fixes":
		return anyOf(enum([]string{"allow", "deny"}), list(enum(fixActions())))
	}
	if strings.HasPrefix(name, "ages.") || strings.HasPrefix(name, "limits.") || name == "lifecycle.max_days" {
		return number()
	}
	return text("")
}

func retentionSchema() node {
	class := section(node{"name": text("."), "tags": text("."), "exclude": text(""), "keep_newest": number(), "keep_days": number()})
	class = with(class, node{"type": "object", "required": []string{"name", "tags"},
		"anyOf": []any{node{"required": []string{"keep_newest"}}, node{"required": []string{"keep_days"}}}})
	return node{"type": "array", "items": class}
}

// plainDefault is a default as a value.
func plainDefault(text string) (value any) {
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		panic(fmt.Sprintf("default %s: %v", text, err)) // the table writes YAML
	}
	return value
}

func describedKeys() map[string]Key {
	keys := map[string]Key{}
	for _, key := range Reference() {
		keys[key.Name] = key
	}
	return keys
}

// with returns a node with more keys.
func with(n, more node) node {
	all := maps.Clone(n)
	maps.Copy(all, more)
	return all
}

func anyOf(nodes ...node) node { return node{"anyOf": nodes} }

// section is a mapping with these keys only, which may be left empty.
func section(properties node) node {
	return node{"type": []string{"object", "null"}, "additionalProperties": false, "properties": properties}
}

// mapping has any keys.
func mapping(values node, least int) node {
	return node{"type": "object", "additionalProperties": values, "minProperties": least}
}

// text is a scalar, which is read as it was written.
func text(pattern string) node {
	n := node{"type": []string{"string", "number", "boolean"}}
	if pattern != "" {
		n["pattern"] = pattern
	}
	return n
}

func stringOf(pattern string) node { return node{"type": "string", "pattern": pattern} }

func account() node {
	return anyOf(stringOf(accountID.String()), node{"type": "integer", "minimum": 0, "maximum": 999_999_999_999})
}

func boolean() node {
	return anyOf(node{"type": "boolean"}, stringOf("^([Oo][Nn]|[Oo][Ff][Ff]|[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$"))
}

func number() node {
	return anyOf(node{"type": "integer", "minimum": 0, "maximum": 999_999_999}, stringOf(wholeNumber.String()))
}

func amount() node { return anyOf(node{"type": "number", "minimum": 0}, stringOf(money.String())) }

func date() node { return node{"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].*)?$"} }

func enum(words []string) node { return node{"enum": words} }

func list(items node) node { return node{"type": "array", "items": items} }

// globs is one or several.
func globs(glob node) node { return anyOf(glob, with(list(glob), node{"minItems": 1})) }
