package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

func compiledSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	return compiled(t, SchemaID, Schema(nil))
}

func compiled(t testing.TB, id string, text []byte) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(id, document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile(id)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// asEditorsSee is a file as a program sees it that checks it with the schema.
func asEditorsSee(text string) (any, error) {
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(jsonValue(value))
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
}

// jsonValue has the keys of mappings as text, as editors do, and dates as they were written.
func jsonValue(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key := range v {
			v[key] = jsonValue(v[key])
		}
	case map[any]any:
		all := map[string]any{}
		for key := range v {
			all[fmt.Sprint(key)] = jsonValue(v[key])
		}
		return all
	case []any:
		for i := range v {
			v[i] = jsonValue(v[i])
		}
	case time.Time:
		if v.Equal(v.Truncate(24 * time.Hour)) {
			return v.Format(time.DateOnly)
		}
		return v.Format(time.RFC3339)
	}
	return value
}

// refuses reports what the schema has against a file.
func refuses(t testing.TB, schema *jsonschema.Schema, text string) error {
	t.Helper()
	value, err := asEditorsSee(text)
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// The schema accepts what Parse accepts.
func TestSchemaAcceptsConfigurations(t *testing.T) {
	schema := compiledSchema(t)
	for name, text := range map[string]string{
		"everything": everything, "empty": "{}", "null": "~", "sections left out": "organization:\nrules:\nrule_paths:\nrule_keys:\nlifecycle:\nencryption:\nscopes:\nextends:\n",
		"lists":           "{trusted_accounts: [777788889999], required_tags: [owner], vulnerabilities: {}, retention: [], extends: [a, b], fixes: deny}",
		"switches":        "{rules: {a: on, b: Off, c: true, d: {enabled: oN}}, scan_on_push: 'False'}",
		"numbers as text": "{lifecycle: {max_days: '7'}, limits: {image_bytes: 5, monthly_cost: '2.5'}, tag_pattern: 7}",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse("e.yaml", []byte(text)); err != nil {
				t.Fatalf("Parse refuses it: %v", err)
			}
			if err := refuses(t, schema, text); err != nil {
				t.Errorf("%v", err)
			}
		})
	}
	for _, key := range Reference() {
		if !key.Scopable {
			continue
		}
		text := nested(key.Name, key.Default)
		for _, text := range []string{text, "scopes: [{match: {regions: x}, settings: {" + text + "}}]"} {
			if err := refuses(t, schema, text); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
}

// nested writes a key with its section on one line.
func nested(name, value string) string {
	section, key, dotted := strings.Cut(name, ".")
	if !dotted {
		return name + ": " + flowText(value)
	}
	return section + ": {" + key + ": " + flowText(value) + "}"
}

// flowText quotes what would end a flow mapping.
func flowText(value string) string {
	if strings.HasPrefix(value, "^") {
		return "'" + value + "'"
	}
	return value
}

// Whatever Parse accepts the schema accepts, and what is wrong in structure both
// refuse: an unknown key anywhere, a mapping or a list where there is none.
func TestSchemaAndParseAgree(t *testing.T) {
	schema := compiledSchema(t)
	values := []string{"x", "7", "-1", "1.5", "true", "off", "[]", "{}", "[x]", "[7]", "[[x]]", "{x: y}", "{x: {y: z}}", "~", "''", "AES256", "all", "2GiB", "2026-01-31",
		"[111122223333]", "{111122223333: a}", "{high: 3}", "deny", "[start_scan]", "[{name: a, tags: b, keep_days: 1}]", "[{name: a}]", "{eu-west-1: 1}", "[{}]"}
	for _, key := range Reference() {
		name, _ := strings.CutPrefix(key.Name, "scopes.")
		for _, value := range values {
			text := nested(name, value)
			switch {
			case strings.HasPrefix(name, "waivers.match."):
				text = "waivers: [{" + nested(strings.TrimPrefix(name, "waivers."), value) + ", rule: a, reason: b, owner: c, until: 2027-01-31}]"
			case strings.HasPrefix(name, "waivers."):
				text = "waivers: [{" + nested(strings.TrimPrefix(name, "waivers."), value) + "}]"
			case strings.HasPrefix(name, "match."):
				text = "scopes: [{" + text + ", rules: {a: off}}]"
			case name != key.Name:
				text = "scopes: [{match: {regions: x}, " + text + "}]"
			}
			t.Run(text, func(t *testing.T) {
				_, parseErr := Parse("e.yaml", []byte(text))
				schemaErr := refuses(t, schema, text)
				if parseErr == nil && schemaErr != nil {
					t.Errorf("only the schema refuses it: %v", schemaErr)
				}
				structural := parseErr != nil && (strings.Contains(parseErr.Error(), "unknown key") || strings.Contains(parseErr.Error(), ": found a "))
				if structural && schemaErr == nil {
					t.Errorf("only Parse refuses it: %v", parseErr)
				}
			})
		}
	}
}

func TestSchemaRefusesMistakesOfStructure(t *testing.T) {
	schema := compiledSchema(t)
	tried := 0
	for _, m := range mistakes {
		structural := strings.Contains(m.want, "unknown key") || strings.Contains(m.want, ": found ") || strings.Contains(m.want, "is not a number") ||
			strings.Contains(m.want, "has no match")
		if !structural || m.name == "octal" { // which a program sees as another number
			continue
		}
		if _, err := asEditorsSee(m.text); err != nil {
			continue
		}
		tried++
		if refuses(t, schema, m.text) == nil {
			t.Errorf("%s: %s: the schema accepts it", m.name, m.text)
		}
	}
	if tried < 20 {
		t.Errorf("only %d mistakes were tried", tried)
	}
}

func TestSchemaAcceptsAnyScopes(t *testing.T) {
	schema := compiledSchema(t)
	rapid.Check(t, func(t *rapid.T) {
		file := drawSettings(t)
		file["rules"], file["scopes"] = drawRules(t), []plain{{"match": drawMatch(t), "settings": drawSettings(t)}}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(jsonText(t, file)))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Fatalf("%v\n%s", err, jsonText(t, file))
		}
	})
}

func jsonText(t *rapid.T, value any) string {
	encoded, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}
