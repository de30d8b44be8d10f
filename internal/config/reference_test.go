package config

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// leaves returns the names of all settings as they are in JSON, dotted.
func leaves(t *testing.T, typ reflect.Type, prefix string) []string {
	t.Helper()
	var names []string
	for field := range typ.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" || options != "" {
			t.Errorf("%s.%s: want a plain json tag", typ, field.Name)
		}
		if name == "-" { // rules do not see it
			name = map[string]string{"WaivedByTags": settingWaivedByTags}[field.Name]
		}
		if field.Type.Kind() == reflect.Struct {
			names = append(names, leaves(t, field.Type, prefix+name+".")...)
			continue
		}
		names = append(names, prefix+name)
	}
	return names
}

func TestReferenceHasEverySetting(t *testing.T) {
	var described []string
	for _, key := range Reference() {
		if key.Scopable {
			described = append(described, key.Name)
		}
		if key.Type == "" || key.Default == "" || !strings.HasSuffix(key.Meaning, ".") {
			t.Errorf("%s is not fully described: %+v", key.Name, key)
		}
	}
	equal(t, described, leaves(t, reflect.TypeFor[Settings](), ""))
}

// Each default must be what it says, written as the file would have it.
func TestReferenceDefaultsCanBeWritten(t *testing.T) {
	sections := map[string][]string{}
	var text strings.Builder
	for _, key := range Reference() {
		if !key.Scopable {
			continue
		}
		if section, name, dotted := strings.Cut(key.Name, "."); dotted {
			sections[section] = append(sections[section], name+": "+key.Default)
			continue
		}
		fmt.Fprintf(&text, "%s: %s\n", key.Name, key.Default)
	}
	for section, keys := range sections {
		fmt.Fprintf(&text, "%s:\n  %s\n", section, strings.Join(keys, "\n  "))
	}
	equal(t, parse(t, text.String()).Settings, Default().Settings)
}

// A scope can replace every setting, and replaces only what it names.
func TestScopesReplaceEverySetting(t *testing.T) {
	others := map[string]string{
		"trusted_accounts": "[111122223333]", "reader_accounts": "[111122223333]", "release_tags": "^r", "tag_pattern": "^t",
		"vulnerabilities": "{low: 1}", "lifecycle.required": "false", "lifecycle.untagged": "false", "lifecycle.dev_tags": "[d]",
		"lifecycle.max_days": "1", "required_tags": "[k]", "encryption.type": "KMS",
		"encryption.kms_keys": "['arn:aws:kms:eu-west-1:111122223333:key/1']", "immutable": "all", "scan_on_push": "false",
		"vendor_accounts": "[111122223333]", "protected_tags": "^p", "protect": "[prod]", "forbidden_tags": "[dev]", "repository_names": "^n",
		"ages.in_use_days": "1", "ages.unused_days": "1", "ages.empty_days": "1", "ages.scan_days": "1",
		"limits.images": "1", "limits.images_percent": "1", "limits.untagged_images": "1", "limits.image_bytes": "1KiB", "limits.monthly_cost": "1.5",
		"pull_through_cache.upstreams": "['*.io']", "retention": "[{name: a, tags: b, keep_days: 1}]",
		"prices.currency": "EUR", "prices.standard": "1", "prices.archive": "1", "prices.regions": "{eu-west-1: 1}",
		"fixes": "[start_scan]", settingWaivedByTags: "true",
	}
	for _, s := range settingTable() {
		t.Run(s.Name, func(t *testing.T) {
			value := others[s.Name]
			if value == "" {
				t.Fatal("no value to replace the default with")
			}
			if section, key, dotted := strings.Cut(s.Name, "."); dotted {
				value = section + ": {" + key + ": " + value + "}"
			} else {
				value = s.Name + ": " + value
			}
			inFile := parse(t, value)
			inScope := parse(t, "scopes: [{match: {regions: '*'}, settings: {"+value+"}}]")
			equal(t, inScope.Scopes[0].Named, []string{s.Name})
			equal(t, inScope.For(Resource{}).Settings, Default().Settings)
			got := inScope.For(Resource{Region: "eu-west-1"}).Settings
			equal(t, got, inFile.Settings)
			equal(t, cmp.Equal(got, Default().Settings), false)
		})
	}
}

const document = "../../docs/configuration.md"

var generated = regexp.MustCompile(`(?s)(<!-- keys: go test \./internal/config -update -->\n).*(<!-- end of keys -->\n)`)

func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if !generated.Match(text) {
		t.Fatalf("%s has no place for the table of keys", document)
	}
	want := generated.ReplaceAll(text, []byte("${1}"+strings.ReplaceAll(table(), "$", "$$")+"${2}"))
	if *update {
		if err := os.WriteFile(document, want, 0o644); err != nil {
			t.Fatal(err)
		}
	} else if !bytes.Equal(text, want) {
		t.Errorf("%s is not up to date: go test ./internal/config -update", document)
	}
}

func table() string {
	var b strings.Builder
	b.WriteString("| Key | Value | Default | Meaning |\n| --- | --- | --- | --- |\n")
	cell := strings.NewReplacer("|", `\|`, "\n", " ")
	for _, key := range Reference() {
		fmt.Fprintf(&b, "| `%s` | %s | `%s` | %s |\n", cell.Replace(key.Name), cell.Replace(key.Type), cell.Replace(key.Default), cell.Replace(key.Meaning))
	}
	return b.String()
}

// The examples of the documentation are configurations, and one of them has
// every key.
func TestDocumentedExamples(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(text, -1)
	if len(examples) == 0 {
		t.Fatal("no examples")
	}
	var keys []string
	for _, example := range examples {
		parse(t, string(example[1]))
		var root yaml.Node
		if err := yaml.Unmarshal(example[1], &root); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, written(root.Content[0], "")...)
	}
	for _, key := range Reference() {
		if !slices.Contains(keys, key.Name) {
			t.Errorf("no example has %s", key.Name)
		}
	}
}

// written returns the dotted keys of a document, without the indexes of lists.
func written(n *yaml.Node, prefix string) []string {
	var keys []string
	switch n.Kind {
	case yaml.SequenceNode:
		for _, item := range n.Content {
			keys = append(keys, written(item, prefix)...)
		}
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			key := prefix + n.Content[i].Value
			keys = append(append(keys, key), written(n.Content[i+1], key+".")...)
		}
	}
	return keys
}
