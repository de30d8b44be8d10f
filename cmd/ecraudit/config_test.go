package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/ecraudit/ecraudit/internal/awssim"
)

const layeredConfig = `extends: company/base.yaml
immutable: release
rules:
  tag-convention: {severity: low}
scopes:
  - match: {repositories: "payments/*"}
    settings: {immutable: all}
  - match: {tags: {env: "prod*"}}
    settings: {fixes: deny, lifecycle: {max_days: 7}}
    rules: {encryption: {severity: critical}}
  - match: {ous: [workloads], account_tags: {stage: prod}}
    settings: {encryption: {type: KMS}}
  - match: {created_before: 2020-01-01, encryption: AES256}
    rules: {kms-key: on}
`

const baseConfig = `immutable: none
reader_accounts: ["444455556666"]
scopes:
  - match: {regions: ["us-*"]}
    rules: {required-tags: off}
`

// layered is the demonstration with a configuration in two files.
func layered(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, awssim.Demo())
	w.write("ecraudit.yaml", layeredConfig)
	w.write("company/base.yaml", baseConfig)
	return w
}

func TestConfigExplain(t *testing.T) {
	w := layered(t)
	for name, line := range map[string]string{
		"offline": "config explain payments/patched --account 333344445555 --region us-east-1 --assume tags.env=production --assume account_name=x",
		"live":    "config explain payments/patched --account 333344445555 --region eu-west-1 --live --role-name ecraudit-reader",
	} {
		w.server.ResetCalls()
		r := w.run(line)
		if r.code != 0 || r.err != "" {
			t.Errorf("%s: exit code %d: %s", line, r.code, r.err)
		}
		golden(t, "config-explain-"+name+".text", r.out)
		if calls := w.server.Calls().Total().Calls; (calls > 0) != (name == "live") {
			t.Errorf("%s: %d calls", name, calls)
		}
	}
}

// The document for programs says the same as what an audit would use.
func TestConfigExplainJSON(t *testing.T) {
	w := layered(t)
	w.works("snapshot -o s.snapshot --allow-incomplete" + orgFlags)
	var e struct {
		Repository, Account, Region string
		Files                       []string
		Scopes                      []struct{ At, Verdict, Why string }
		Settings                    []struct {
			Key, Value, At string
			Depends        []struct{ Scope, Value, At string }
		}
		Rules []struct {
			ID         string
			Enabled    bool
			EnabledAt  string `json:"enabled_at"`
			Severity   string
			SeverityAt string `json:"severity_at"`
			Depends    []any
		}
	}
	w.decodeJSON("config explain payments/patched --snapshot s.snapshot --format json", &e)
	if e.Account != awssim.DemoPayments || e.Region != "eu-west-1" || !slices.Equal(e.Files, []string{"company/base.yaml", "ecraudit.yaml"}) {
		t.Errorf("%+v", e)
	}
	var verdicts []string
	for _, scope := range e.Scopes {
		verdicts = append(verdicts, scope.At+" "+scope.Verdict)
	}
	want := []string{
		"company/base.yaml:4 does not hold", "ecraudit.yaml:1 holds", "ecraudit.yaml:6 holds", "ecraudit.yaml:8 does not hold", "ecraudit.yaml:11 holds",
		"ecraudit.yaml:13 does not hold",
	}
	if !slices.Equal(verdicts, want) {
		t.Errorf("%q", verdicts)
	}
	for _, s := range e.Settings {
		if len(s.Depends) > 0 {
			t.Errorf("%s depends on %v, but everything is known", s.Key, s.Depends)
		}
		if s.Key == "immutable" && (s.Value != "all" || s.At != "ecraudit.yaml:7") || s.Key == "fixes" && (s.Value != "allow" || s.At != "default") {
			t.Errorf("%+v", s)
		}
	}
	for _, r := range e.Rules {
		if r.ID == "tag-convention" && (r.Severity != "low" || r.SeverityAt != "ecraudit.yaml:4" || r.EnabledAt != "default") {
			t.Errorf("%+v", r)
		}
	}
}

func TestConfigExplainMistakes(t *testing.T) {
	w := layered(t)
	for line, want := range map[string]string{
		"config explain":                                                          "takes one repository",
		"config explain a/b --assume env=prod":                                    `--assume: "env" is not one of`,
		"config explain a/b --assume env":                                         "write it as WHAT=VALUE",
		"config explain a/b --assume tags=prod":                                   "write the key too",
		"config explain a/b --assume encryption=kms":                              `did you mean "KMS"?`,
		"config explain a/b --region mars":                                        `there is no region "mars"`,
		"config explain a/b --assume created=soon":                                "write a date such as",
		"config explain a/b --live --snapshot x":                                  "give one of --live and --snapshot",
		"config explain a/b --live --assume tags.a=b":                             "--assume means nothing with --live",
		"config explain a/b --role-name r":                                        "--role-name means nothing without --live",
		"config explain a/b --assume tags.team=x --assume tags=none":              "--assume tags=none contradicts --assume tags.team=x: leave one of them out",
		"config explain a/b --assume account_tags=none --assume account_tags.a=b": "--assume account_tags=none contradicts --assume account_tags.a=b",
		"config explain a/b --assume account_name=x --assume account_name=y":      "--assume account_name=y contradicts --assume account_name=x",
		"config explain a/b --assume tags.team=x --assume tags.team=y":            "--assume tags.team=y contradicts --assume tags.team=x",
		"config explain a/b --assume ou=Workloads --assume ou=Sandbox":            "--assume ou=Sandbox contradicts --assume ou=Workloads",
		"config explain a/b --assume ou=ou-ab12-1":                                "--assume ou=ou-ab12-1: write the id of an organizational unit, such as ou-ab12-11111111, or the path",
		"config explain a/b --assume ou=":                                         "write the id of an organizational unit",
		"config explain a/b --assume ou=Work*":                                    "write the id of an organizational unit",
		"config explain access/*":                                                 `"access/*" is not the name of a repository: give one name`,
		"config explain a/b --region eu-wst-1":                                    `--region: this version knows no region "eu-wst-1": did you mean "eu-west-1"? Look a newer one up with --live or --snapshot`,
		"config explain arn:aws:ecr:eu-wst-1:111122223333:repository/a":           `this version knows no region "eu-wst-1"`,
		"config explain a/b --format yaml":                                        `"yaml" is not one of text, json`,
		"config explain a/b --account 12":                                         "12 digits",
		"config explan":                                                           "explain",
	} {
		if r := w.run(line); r.code != exitError || !strings.Contains(r.err, want) {
			t.Errorf("%s: exit code %d: %s", line, r.code, r.err)
		}
	}
}

// Of ids of units all are given, and with them one path.
func TestConfigExplainTakesUnitsAndThoseAbove(t *testing.T) {
	w := layered(t)
	w.works("config explain a/b --assume ou=r-ab12 --assume ou=ou-ab12-11111111 --assume ou=Workloads/Prod --assume tags.a=b --assume tags.c=d")
}

// What variables say of asking AWS and of snapshots is for other commands where
// something is assumed.
func TestConfigExplainLeavesVariablesAside(t *testing.T) {
	w := layered(t)
	w.server.ResetCalls()
	r := w.under("config explain payments/patched --assume tags.env=prod", "ECRAUDIT_SNAPSHOT=none", "ECRAUDIT_LIVE=1", "ECRAUDIT_ROLE_NAME=r")
	if r.code != 0 || r.err != "" || w.server.Calls().Total().Calls > 0 {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
}

// Tags of AWS and names of files never become commands of the terminal.
func TestConfigExplainIsSafe(t *testing.T) {
	w := newWorld(t, awssim.Demo())
	w.write("ecraudit.yaml", "release_tags: \"\\e]0;x\\a|v.*\"\nscopes: [{match: {account_names: \"\\e[2J\"}, settings: {immutable: all}}]\n")
	r := w.run("config explain a/b --assume account_name=\x1b[31mred --account 111122223333")
	if r.code != 0 || strings.ContainsAny(r.out, "\x1b\a") || !strings.Contains(r.out, "account_names") {
		t.Errorf("exit code %d: %q", r.code, r.out)
	}
	r = w.run("config explain a/b --format json --assume account_name=\x1b[31mred --account 111122223333")
	if strings.ContainsAny(r.out, "\x1b\a") || !json.Valid([]byte(r.out)) {
		t.Errorf("%q", r.out)
	}
}

// The file is named as to every other command.
func TestConfigValidateByFlag(t *testing.T) {
	w := demoWorld(t)
	w.write("ecraudit.yaml", "immutable: release\n")
	w.write("bad.yaml", "immutible: release\n")
	const bad, good = `bad.yaml:1:1: unknown key "immutible"`, "ecraudit.yaml is valid"
	for _, c := range []struct {
		line, variable, want string
		code                 int
	}{
		{"config validate", "", good, 0},
		{"config validate --config bad.yaml", "", bad, exitError},
		{"config validate", "ECRAUDIT_CONFIG=bad.yaml", bad, exitError},
		{"config validate", "ECRAUDIT_CONFIG_VALIDATE_CONFIG=bad.yaml", bad, exitError},
		{"config validate ecraudit.yaml", "ECRAUDIT_CONFIG=bad.yaml", good, 0},
		{"config validate --config ecraudit.yaml", "ECRAUDIT_CONFIG=bad.yaml", good, 0},
		{"config validate --config ./ecraudit.yaml ecraudit.yaml", "", good, 0},
		{"config validate --config bad.yaml ecraudit.yaml", "", "--config bad.yaml and ecraudit.yaml are two files: give one of them", exitError},
		{"config validate none.yaml --config none.yaml", "", "no such file", exitError},
		{"config validate", "ECRAUDIT_CONFIG=none.yaml", "no such file", exitError},
	} {
		if r := w.under(c.line, c.variable); r.code != c.code || !strings.Contains(r.out+r.err, c.want) {
			t.Errorf("%s %s: exit code %d: %s%s", c.variable, c.line, r.code, r.out, r.err)
		}
	}
}

func TestConfigValidate(t *testing.T) {
	w := layered(t)
	if r := w.run("config validate"); r.code != 0 || r.out != "ecraudit.yaml is valid: 2 files, 6 scopes, 0 warnings\n" || w.server.Calls().Total().Calls > 0 {
		t.Errorf("exit code %d: %s%s", r.code, r.out, r.err)
	}
	w.write("bad.yaml", "extends: worse.yaml\nimmutable: some\nrules: {encription: off}\n")
	w.write("worse.yaml", "rules: {kms: off}\n")
	r := w.run("config validate bad.yaml")
	want := `ecraudit: bad.yaml:2:12: immutable: unknown choice "some": use one of release, all, none
ecraudit: worse.yaml:1:9: unknown rule "kms": did you mean "kms-key"?
ecraudit: bad.yaml:3:9: unknown rule "encription": did you mean "encryption"?
`
	if r.code != exitError || r.err != want {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	w.write("warned.yaml", `scopes:
  - {match: {repositories: "team/*"}, settings: {immutable: all}, rules: {registry-scanning-basic: on}}
  - {match: {repositories: "*"}, settings: {immutable: none}}
  - {match: {account_names: [payments, paymnets], ous: [workloads], account_tags: {stge: x}}, rules: {encryption: off}}
  - {match: {regions: eu-*}, rules: {replica-parity: off}}
`)
	common := `warning: warned.yaml:2: immutable has no effect: warned.yaml:3 sets it again wherever this scope holds
warning: warned.yaml:2: rules.registry-scanning-basic has no effect: the rule judges a registry as a whole, which the scope does not hold for
warning: warned.yaml:5: rules.replica-parity has no effect: the rule judges the organization as a whole, which the scope does not hold for
`
	organization := common + `warning: warned.yaml:4: match.account_names: no account of the organization has "paymnets"
warning: warned.yaml:4: match.account_tags: no account of the organization has "stge=x"
`
	w.works("snapshot --config warned.yaml -o s.snapshot --allow-incomplete" + orgFlags)
	for line, want := range map[string]string{
		"config validate warned.yaml":                       common + "warned.yaml is valid: 1 file, 4 scopes, 3 warnings\n",
		"config validate warned.yaml --org":                 organization + "warned.yaml is valid: 1 file, 4 scopes, 5 warnings\n",
		"config validate warned.yaml --snapshot s.snapshot": organization + "warning: warned.yaml:2: the scope holds for nothing in the snapshot\nwarning: warned.yaml:4: the scope holds for nothing in the snapshot\nwarned.yaml is valid: 1 file, 4 scopes, 7 warnings\n",
	} {
		if r := w.run(line); r.code != 0 || r.out != want {
			t.Errorf("%s: exit code %d: %s\n%s", line, r.code, r.err, cmp.Diff(want, r.out))
		}
	}
	for line, want := range map[string]string{
		"config validate a b":                         `"b" is one too many`,
		"config validate none.yaml":                   "no such file",
		"config validate --snapshot none":             "no such file",
		"config validate --org --snapshot s.snapshot": "--org means nothing with --snapshot",
	} {
		if r := w.run(line); r.code != exitError || !strings.Contains(r.err, want) {
			t.Errorf("%s: exit code %d: %s", line, r.code, r.err)
		}
	}
}

// published checks the published schema of a file.
func published(t *testing.T, name, printed string) {
	t.Helper()
	path := filepath.Join(root, "internal", "config", "schema", name)
	if *update {
		if err := os.WriteFile(path, []byte(printed), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if current, err := os.ReadFile(path); err != nil || string(current) != printed {
		t.Errorf("the published schema %s is not current: go test ./cmd/ecraudit -run TestConfigSchema -update (%v)", name, err)
	}
}

// The published schema is what the command prints, and accepts the demonstration.
func TestConfigSchema(t *testing.T) {
	w := layered(t)
	printed := w.works("config schema").out
	published(t, "ecraudit.v1.json", printed)
	published(t, "waivers.v1.json", w.works("config schema --waivers").out)
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(printed))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("ecraudit.v1.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("ecraudit.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(demoConfig), layeredConfig, baseConfig} {
		var value any
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			t.Fatal(err)
		}
		encoded, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		instance, err := jsonschema.UnmarshalJSON(strings.NewReader(string(encoded)))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(instance); err != nil {
			t.Error(err)
		}
	}
}
