package config

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// files writes files to a folder and returns it.
func files(t *testing.T, texts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range texts {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), text)
	}
	return dir
}

// Later files win over earlier ones, and the file itself over all of them and
// over their scopes.
func TestExtends(t *testing.T) {
	dir := files(t, map[string]string{
		"ecraudit.yaml": `extends: [company/base.yaml, team.yaml]
scan_on_push: false
rule_paths: [own]
rules: {a: {severity: low}}
scopes:
  - match: {regions: eu-west-2}
    settings: {immutable: release}
`,
		"company/base.yaml": `extends: ../lists.yaml
scan_on_push: true
immutable: all
tag_pattern: ^company
rule_paths: [rules]
rules: {a: off}
scopes:
  - match: {regions: "*"}
    settings: {scan_on_push: true, immutable: none}
`,
		"team.yaml":  "tag_pattern: ^team\n",
		"lists.yaml": "reader_accounts: [111122223333]\ntag_pattern: ^list\n",
	})
	path := filepath.Join(dir, "ecraudit.yaml")
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, c.RulePaths, []string{filepath.Join(dir, "company", "rules"), filepath.Join(dir, "own")})
	names := []string{"lists.yaml", "company/base.yaml", "team.yaml", "ecraudit.yaml"}
	for i, name := range names {
		equal(t, c.Files[i], filepath.Join(dir, name))
	}
	s := c.For(Resource{Region: "eu-west-1"})
	equal(t, s.Settings.ReaderAccounts, []string{"111122223333"})
	equal(t, s.Settings.TagPattern, "^team")
	equal(t, s.Settings.ScanOnPush, false) // the file itself, over a scope of what it extends
	equal(t, s.Settings.Immutable, "none")
	equal(t, c.For(Resource{Region: "eu-west-2"}).Settings.Immutable, "release")
	equal(t, s.Enabled("a", true), false)
	equal(t, s.Severity("a", 0).String(), "low")
	for key, want := range map[string]string{
		"reader_accounts": "lists.yaml:1", "tag_pattern": "team.yaml:1", "scan_on_push": "ecraudit.yaml:2", "immutable": "company/base.yaml:9", "protect": "default",
	} {
		equal(t, key+" "+strings.TrimPrefix(s.Origin(key).String(), dir+"/"), key+" "+want)
	}
	err = c.ValidateRules(nil)
	equal(t, strings.ReplaceAll(err.Error(), dir, "DIR"),
		"DIR/company/base.yaml:6:9: unknown rule \"a\": ecraudit rules lists them\nDIR/ecraudit.yaml:4:9: unknown rule \"a\": ecraudit rules lists them")
}

func TestMistakesInExtends(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"itself", map[string]string{"e.yaml": "extends: e.yaml"}, `DIR/e.yaml:1:10: extends: "DIR/e.yaml" is extended in a circle: take it out here, or where it extends this file`},
		{"a circle", map[string]string{"e.yaml": "extends: a.yaml", "a.yaml": "\nextends: [./e.yaml]"},
			`DIR/a.yaml:2:11: extends[0]: "DIR/e.yaml" is extended in a circle: take it out here, or where it extends this file`},
		{"a file in two ways", map[string]string{"e.yaml": "extends: [a.yaml, b.yaml]", "a.yaml": "extends: x/base.yaml", "b.yaml": "extends: ./x/base.yaml", "x/base.yaml": ""},
			`DIR/b.yaml:1:10: extends: "DIR/x/base.yaml" is already extended by DIR/a.yaml:1: extend it in one place`},
		{"no such file", map[string]string{"e.yaml": "extends: none.yaml"},
			"DIR/e.yaml:1:10: extends: there is no configuration file \"DIR/none.yaml\": correct the path, which begins in the folder of this file, DIR, write the file, or take it out of the list"},
		{"a folder", map[string]string{"e.yaml": "extends: x", "x/a.yaml": ""}, "DIR/e.yaml:1:10: extends: \"DIR/x\" is a folder: name the configuration file in it"},
		{"no file of waivers", map[string]string{"e.yaml": "waiver_files: [none.yaml]"},
			"DIR/e.yaml:1:16: waiver_files[0]: there is no file of waivers \"DIR/none.yaml\": correct the path, which begins in the folder of this file, DIR, write the file, or take it out of the list"},
		{"a folder of waivers", map[string]string{"e.yaml": "waiver_files: x", "x/a.yaml": ""}, "DIR/e.yaml:1:15: waiver_files: \"DIR/x\" is a folder: name the file of waivers in it"},
		{"wildcards", map[string]string{"e.yaml": "waiver_files: ['x/*.yaml']", "x/a.yaml": ""}, "DIR/e.yaml:1:16: waiver_files[0]: there is no file of waivers \"DIR/x/*.yaml\": name each file, as wildcards are not resolved here"},
		{"an address", map[string]string{"e.yaml": "extends: https://example.com/e.yaml"}, `DIR/e.yaml:1:10: extends: "https://example.com/e.yaml" is no file: fetch it first, and name the file`},
		{"nothing", map[string]string{"e.yaml": "extends: ''"}, "DIR/e.yaml:1:10: extends: empty: write the path of a configuration file"},
		{"a mapping", map[string]string{"e.yaml": "extends: {a: b}"}, "DIR/e.yaml:1:10: extends: found a mapping: write a list in [], or [] for none"},
		{"mistakes of all files", map[string]string{"e.yaml": "extends: [a.yaml, b.yaml]\nimmutable: x", "a.yaml": "scan_on_push: 7", "b.yaml": "\tx"},
			"DIR/a.yaml:1:15: scan_on_push: \"7\" is neither true nor false: write one of them\nDIR/b.yaml:1: not valid YAML: found character that cannot start any token: indent with spaces, not with tabs\n" +
				`DIR/e.yaml:2:12: immutable: unknown choice "x": use one of release, all, none`},
		{"in a scope", map[string]string{"e.yaml": "scopes: [{extends: a.yaml}]"}, `DIR/e.yaml:1:11: scopes[0]: unknown key "extends": use one of match, settings, rules`},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := files(t, c.files)
			config, err := Load(filepath.Join(dir, "e.yaml"))
			if err == nil || config != nil {
				t.Fatalf("Load = %v, %v; want an error only", config, err)
			}
			equal(t, strings.ReplaceAll(err.Error(), dir, "DIR"), c.want)
		})
	}
}

func TestExtendsThroughALink(t *testing.T) {
	dir := files(t, map[string]string{"e.yaml": "extends: link/e.yaml\n"})
	if err := os.Symlink(".", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(filepath.Join(dir, "e.yaml")); err == nil || !strings.Contains(err.Error(), "in a circle") {
		t.Errorf("Load: %v", err)
	}
}

func TestTooManyFiles(t *testing.T) {
	texts := map[string]string{}
	for i := range maxFiles + 1 {
		texts[fmt.Sprintf("%d.yaml", i)] = fmt.Sprintf("extends: %d.yaml\n", i+1)
	}
	dir := files(t, texts)
	if _, err := Load(filepath.Join(dir, "0.yaml")); err == nil || !strings.Contains(err.Error(), "more than 64 files") {
		t.Errorf("Load: %v", err)
	}
}

// FuzzExtends reads three files that may extend each other in any way.
func FuzzExtends(f *testing.F) {
	f.Add("extends: b.yaml", "extends: [c.yaml]", "extends: a.yaml")
	f.Add("extends: [b.yaml, c.yaml]", "extends: c.yaml", "scopes: [{match: {regions: '*'}, settings: {immutable: all}}]")
	f.Add("extends: b.yaml\nimmutable: none", "scopes: [{match: {ous: ['*']}, rules: {a: off}}]", "extends: [[]]")
	f.Add("extends: &a b.yaml\nx: *a", "<<: {extends: c.yaml}", "extends: \"\\x1b[2J\"")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		texts := map[string]string{"a.yaml": a, "b.yaml": b, "c.yaml": c}
		read := func(path string) ([]byte, error) {
			if text, there := texts[path]; there {
				return []byte(text), nil
			}
			return nil, os.ErrNotExist
		}
		config, err := newLoader("a.yaml", Packs{}, read, filepath.Clean).load("a.yaml", []byte(a))
		if err == nil {
			config.For(Resource{Account: "111122223333", Region: "eu-west-1", Repository: "team/api"})
			if len(config.Files) != len(slices.Compact(slices.Sorted(slices.Values(config.Files)))) {
				t.Errorf("a file counts twice: %v", config.Files)
			}
			return
		}
		for line := range strings.SplitSeq(err.Error(), "\n") {
			known := slices.ContainsFunc(slices.Collect(maps.Keys(texts)), func(name string) bool { return strings.HasPrefix(line, name) })
			if !known || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("message without a place, or not to be printed: %q", line)
			}
		}
	})
}
