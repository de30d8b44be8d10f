package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/ecraudit/ecraudit/internal/awssim"
)

// Wrong input is answered with its place and the remedy.
func TestMistakes(t *testing.T) {
	for _, c := range []struct {
		name, line string
		prepare    func(*world)
		want       []string // parts of the message
	}{
		{name: "no credentials", line: "audit", prepare: noCredentials, want: []string{"no AWS credentials", "AWS_PROFILE"}},
		{name: "unknown access key", line: "audit", prepare: func(w *world) { w.t.Setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE") }, want: []string{"does not accept the credentials", "check the access key"}},
		{name: "expired credentials", line: "audit", prepare: func(w *world) {
			w.server.Faults().Add(awssim.Fault{Kind: awssim.ExpiredToken, Operation: "sts:*"})
		}, want: []string{"have expired", "renew them"}},
		{name: "unknown profile", line: "audit --profile nobody", want: []string{"nobody"}},
		{name: "hub role cannot be assumed", line: "audit --hub-role-arn arn:aws:iam::555566667777:role/ecraudit-reader", want: []string{"--hub-role-arn", "AccessDenied", "trusts 111122223333"}},
		{name: "hub role is no ARN", line: "audit --hub-role-arn hub", want: []string{"--hub-role-arn", "arn:aws:iam::111122223333:role/hub"}},
		{name: "no region", line: "audit", prepare: func(w *world) { w.t.Setenv("AWS_REGION", ""); w.t.Setenv("AWS_DEFAULT_REGION", "") }, want: []string{"no region", "AWS_REGION", "--regions"}},
		{name: "region does not exist", line: "audit --regions eu-wset-1", want: []string{`there is no region "eu-wset-1"`, `did you mean "eu-west-1"`}},
		{name: "region of no form", line: "audit --regions Ireland", want: []string{`there is no region "Ireland"`}},
		{name: "account of 11 digits", line: "audit --accounts 11112222333", want: []string{"--accounts", "12 digits", "11"}},
		{name: "unit of no form", line: "audit --ou production", want: []string{"--ou", "ou-ab12-11111111"}},
		{name: "unit that does not exist", line: "audit --role-name r --ou ou-ab12-99999999", want: []string{"--ou ou-ab12-99999999", "OrganizationalUnitNotFound|ParentNotFound"}},
		{name: "two selections", line: "audit --org --accounts 222233334444", want: []string{"one of --org, --ou and --accounts"}},
		{name: "no role", line: "audit --org", want: []string{"--role-name"}},
		{name: "role is an ARN", line: "audit --org --role-name arn:aws:iam::1:role/x", want: []string{"--role-name", "not an ARN"}},
		{name: "org from a member account", line: "audit --org --role-name ecraudit-reader", prepare: func(w *world) { w.as(awssim.DemoPlatform, "eu-west-1") }, want: []string{"--org", awssim.DemoPlatform, "management account or a delegated administrator"}},
		{name: "org from a standalone account", line: "audit --org --role-name r", prepare: func(w *world) {
			w.org.AddAccount(awssim.Account{ID: "999900001111", Standalone: true})
			w.as("999900001111", "eu-west-1")
		}, want: []string{"--org", "belongs to no organization"}},
		{name: "everything excluded", line: "audit --exclude-accounts 111122223333", want: []string{"no account is left"}},
		{name: "organization contradicts", line: "audit", prepare: func(w *world) { w.write("ecraudit.yaml", "organization: {id: o-zzzzzzzzzz}\n") }, want: []string{"o-zzzzzzzzzz", "o-a1b2c3d4e5", "organization.id"}},

		{name: "unknown command", line: "audti", want: []string{`"audti" is not one of`, `did you mean "audit"?`}},
		{name: "unknown flag", line: "audit --role-nam x", want: []string{"--role-nam", "did you mean --role-name?"}},
		{name: "argument", line: "audit everything", want: []string{"ecraudit audit takes no arguments", "everything"}},
		{name: "unknown format", line: "audit --format jsno", want: []string{`"jsno"`, `did you mean "json"`, "table, json, ndjson"}},
		{name: "unknown format of an output", line: "audit -o jsno=x", want: []string{`"jsno"`, `did you mean "json"`, "./jsno=x"}},
		{name: "output without a file", line: "audit -o json=", want: []string{"the file is missing", "json=FILE"}},
		{name: "outputs of no known format", line: "audit -o a -o b.json", want: []string{"--output a", "FORMAT=a"}},
		{name: "one output twice", line: "audit -o a.json -o ndjson=./a.json", want: []string{"a.json", "twice"}},
		{name: "one format, several outputs", line: "audit --format json -o a.json -o b.json", want: []string{"--format means nothing with several outputs", "json=FILE"}},
		{name: "formats that contradict", line: "audit --format json -o table=x", want: []string{"--format json", "table=x", "leave one of them out"}},
		{name: "report of no file", line: "report", want: []string{"takes one report", "--format json"}},
		{name: "report that is missing", line: "report nowhere.json", want: []string{"nowhere.json", "ecraudit audit"}},
		{name: "report that is none", line: "report ecraudit.yaml", prepare: func(w *world) { w.write("ecraudit.yaml", "rules: {}\n") }, want: []string{"ecraudit.yaml", "no report"}},
		{name: "one report to compare", line: "diff report.json", want: []string{"takes two reports", "older one first"}},
		{name: "two reports of one input", line: "diff - -", want: []string{"standard input", "name the file"}},
		{name: "report to compare that is missing", line: "diff nowhere.json ecraudit.yaml", want: []string{"nowhere.json", "ecraudit audit"}},
		{name: "report to compare that is none", line: "diff ecraudit.yaml ./ecraudit.yaml", want: []string{"ecraudit.yaml", "no report"}},
		{name: "format that a diff has not", line: "diff a b --format csv", want: []string{`"csv"`, "table, json, markdown"}},
		{name: "output of a diff of no format", line: "diff a b -o x.json -o y", want: []string{"--output y", "FORMAT=y"}},
		{name: "output of a diff twice", line: "diff a b -o x.json -o json=x.json", want: []string{"x.json", "twice"}},
		{name: "severity of a diff", line: "diff a b --fail-on hihg", want: []string{`"hihg"`, `did you mean "high"`}},
		{name: "baseline of no report", line: "baseline", want: []string{"takes one report"}},
		{name: "baseline of no report file", line: "baseline ecraudit.yaml", want: []string{"ecraudit.yaml", "no report"}},
		{name: "shrink and update", line: "baseline x --shrink a --update b", want: []string{"--shrink", "--update", "contradict"}},
		{name: "shrink what is missing", line: "baseline x --shrink nowhere", want: []string{"nowhere", "ecraudit baseline REPORT"}},
		{name: "history of no folder", line: "history", want: []string{"takes one folder"}},
		{name: "history of a folder that is missing", line: "history nowhere", want: []string{"nowhere", "folder of reports"}},
		{name: "history of no reports", line: "history .", want: []string{"no report that can be used", "ecraudit.yaml", "ecraudit audit"}},
		{name: "history with a negative limit", line: "history . --limit -1", want: []string{"--limit -1"}},
		{name: "unknown severity", line: "audit --fail-on hihg", want: []string{`"hihg"`, `did you mean "high"`}},
		{name: "duration without unit", line: "audit --retry-for 5", want: []string{"--retry-for", "5s"}},
		{name: "serve with a format", line: "demo --serve --format json", want: []string{"--format means nothing with --serve"}},
		{name: "days that are no number", line: "waivers --expiring 30d", want: []string{`--expiring: "30d" is not a whole number: write one such as 30`}},
		{name: "no concurrency", line: "audit --concurrency 0", want: []string{"--concurrency 0", "1 to 1000"}},
		{name: "snapshot with AWS flags", line: "audit --snapshot x --org", want: []string{"--org means nothing with --snapshot"}},
		{name: "snapshot without output", line: "snapshot", want: []string{"-o is missing"}},

		{name: "configuration is missing", line: "audit --config nowhere.yaml", want: []string{"nowhere.yaml"}},
		{name: "unknown key", line: "audit", prepare: withConfig("required_tag: [team]\n"), want: []string{"ecraudit.yaml:1:1", `did you mean "required_tags"`}},
		{name: "unknown rule", line: "audit", prepare: withConfig("rules:\n  repository-pubic: off\n"), want: []string{"ecraudit.yaml:2", `did you mean "repository-public"`}},
		{name: "unknown severity in the configuration", line: "audit", prepare: withConfig("rules: {encryption: {severity: hihg}}\n"), want: []string{"ecraudit.yaml:1", "hihg", "high"}},

		{name: "rules are missing", line: "audit --rules nowhere", want: []string{"nowhere"}},
		{name: "the default rules again", line: "rules test policies", prepare: func(w *world) {
			text, err := os.ReadFile(filepath.Join(root, "policies", "encryption.rego"))
			if err != nil {
				w.t.Fatal(err)
			}
			w.write("policies/encryption.rego", string(text))
		}, want: []string{"policies/encryption.rego is one of the default rules as it is", "leave policies out"}},
		{name: "rules of a web address", line: "rules --rules https://rules.example/platform.tar.gz", want: []string{"https://rules.example/platform.tar.gz", "nothing is downloaded from web addresses", ".tar.gz", "oci://HOST/REPOSITORY@sha256:"}},
		{name: "rules of a file address", line: "rules --rules file:///platform.tar.gz", want: []string{"write the path alone, /platform.tar.gz"}},
		{name: "rules of an unknown address", line: "rules --rules s3://bucket/platform.tar.gz", want: []string{"s3:// is not known", "oci://"}},
		{name: "rules of a registry without its scheme", line: "rules --rules registry.example/rules@sha256:00", want: []string{"write oci://registry.example/rules@sha256:00"}},
		{name: "rule does not compile", line: "rules --rules r", prepare: withRule("package ecraudit.rules.x\n\ndeny contains finding if {\n"), want: []string{"r/x.rego:"}},
		{name: "misspelt key of METADATA", line: "rules --rules r", prepare: withRule(strings.Replace(goodRule("x", "[]", "true"), "# title:", "# titel:", 1)), want: []string{"r/x.rego:1: METADATA: titel is not known", `did you mean "title"`}},
		{name: "misspelt custom", line: "rules --rules r", prepare: withRule(strings.Replace(goodRule("x", "[]", "true"), "# custom:", "# costum:", 1)), want: []string{"costum is not known", `did you mean "custom"`, "custom is missing"}},
		{name: "METADATA is no YAML", line: "rules --rules r", prepare: withRule(strings.Replace(goodRule("x", "[]", "true"), "# custom:", "# custom: [", 1)), want: []string{"r/x.rego:4: METADATA is no valid YAML: did not find"}},
		{name: "scope in capitals", line: "rules --rules r", prepare: withRule(strings.Replace(goodRule("x", "[]", "true"), "scope: repository", "scope: Repository", 1)), want: []string{`did you mean "repository"`}},
		{name: "needs are no list", line: "rules --rules r", prepare: withRule(goodRule("x", "tags", "true")), want: []string{"custom.needs must be a list, as in [one, another], not tags"}},
		{name: "rule in nearly the right package", line: "rules --rules r", prepare: withRule(strings.Replace(goodRule("x", "[]", "true"), "package ecraudit.rules.x", "package ecraudit.rule.x", 1)), want: []string{"a rule must be in package ecraudit.rules.x, not ecraudit.rule.x"}},
		{name: "cases named for their rule", line: "rules test r/x_test.rego", prepare: withRule(goodRule("x", "[]", "true")), want: []string{"r/x_test.rego holds the cases of a rule: name the rule, r/x.rego"}},
		{name: "rule without metadata", line: "rules --rules r", prepare: withRule("package ecraudit.rules.x\n\ndeny contains {\"message\": \"m\"} if true\n"), want: []string{"r/x.rego:1", "no METADATA"}},
		{name: "duplicate id", line: "rules --rules r", prepare: withRule(goodRule("encryption", "[]", "true")), want: []string{"encryption", "policies/encryption.rego"}},
		{name: "undeclared need", line: "rules --rules r", prepare: withRule(goodRule("x", "[]", "input.repository.tags.team")), want: []string{"r/x.rego:12", `"tags" takes a need`, "add tags to needs"}},
		{name: "misspelt field", line: "rules --rules r", prepare: withRule(goodRule("x", "[tags]", "input.repository.tgas.team")), want: []string{"r/x.rego:12", `no field "tgas"`, `did you mean "tags"`}},
		{name: "field of another scope", line: "rules --rules r", prepare: withRule(goodRule("x", "[images]", "input.images[0].digest")), want: []string{"r/x.rego:12", `"images"`, "scope"}},
		{name: "rule in another package", line: "rules --rules r", prepare: withRule(strings.Replace(goodRule("x", "[]", "true"), "package ecraudit.rules.x", "package my.rules", 1)), want: []string{"r/x.rego:9", "package ecraudit.rules.", "my.rules"}},
		{name: "unknown need", line: "rules --rules r", prepare: withRule(goodRule("x", "[tag]", "true")), want: []string{"r/x.rego:", `did you mean "tags"`}},
		{name: "network in a rule", line: "rules --rules r", prepare: withRule(goodRule("x", "[]", `http.send({"method": "get", "url": "http://127.0.0.1"})`)), want: []string{"r/x.rego:12", "http.send"}},
		{name: "clock in a rule", line: "rules --rules r", prepare: withRule(goodRule("x", "[]", "time.now_ns() > 0")), want: []string{"r/x.rego:12", "time.now_ns"}},

		{name: "no snapshot", line: "audit --snapshot nowhere", want: []string{"nowhere"}},
		{name: "snapshot is something else", line: "audit --snapshot ecraudit.yaml", want: []string{"ecraudit.yaml", "is not a snapshot"}},
		{name: "truncated snapshot", line: "audit --snapshot s", prepare: damaged(func(b []byte) []byte { return b[:len(b)*2/3] }), want: []string{"s ends too early", "collect it again"}},
		{name: "snapshot without its end", line: "audit --snapshot s", prepare: changed(func(lines []string) []string { return lines[:len(lines)-1] }), want: []string{"s ends too early"}},
		{name: "altered snapshot", line: "audit --snapshot s", prepare: changed(func(lines []string) []string {
			for i := range lines {
				lines[i] = strings.ReplaceAll(lines[i], `"AES256"`, `"KMS"`)
			}
			return lines
		}), want: []string{"s was altered"}},
		{name: "snapshot with a line missing", line: "audit --snapshot s", prepare: changed(func(lines []string) []string { return append(lines[:2], lines[3:]...) }), want: []string{"s was altered"}},
		{name: "newer snapshot", line: "audit --snapshot s", prepare: changed(func(lines []string) []string {
			lines[0] = strings.Replace(strings.Replace(lines[0], `"version":1`, `"version":2`, 1), "snapshot/v1", "snapshot/v2", 1)
			return lines
		}), want: []string{"newer ecraudit", "version 2"}},

		{name: "folder that is missing", line: "audit -o nowhere/report.json", want: []string{"nowhere"}},
		{name: "full disk", line: "audit -o /dev/full --format json", want: []string{"/dev/full", "no space left"}},
		{name: "full disk for a snapshot", line: "snapshot -o /dev/full", want: []string{"/dev/full", "no space left"}},
		{name: "temporary folder that is missing", line: "audit", prepare: func(w *world) { w.t.Setenv("TMPDIR", "/nowhere") }, want: []string{"/nowhere", "TMPDIR"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := demoWorld(t)
			if c.prepare != nil {
				c.prepare(w)
			}
			r := w.run(c.line)
			if r.code != exitError {
				t.Errorf("exit code %d\n%s", r.code, r.out)
			}
			for _, want := range c.want {
				if !containsAny(r.err, strings.Split(want, "|")) {
					t.Errorf("the message has no %q:\n%s", want, r.err)
				}
			}
			t.Log(r.err)
		})
	}
}

func containsAny(text string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

func noCredentials(w *world) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
		w.t.Setenv(name, "")
		if err := os.Unsetenv(name); err != nil {
			w.t.Fatal(err)
		}
	}
	w.t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

func withConfig(text string) func(*world) {
	return func(w *world) { w.write("ecraudit.yaml", text) }
}

func withRule(text string) func(*world) {
	return func(w *world) { w.write("r/x.rego", text) }
}

// goodRule is a rule of scope repository; its condition stands in line 12.
func goodRule(id, needs, condition string) string {
	return `# METADATA
# title: A rule
# description: It is here to be loaded.
# custom:
#   id: ` + id + `
#   severity: low
#   scope: repository
#   needs: ` + needs + `
package ecraudit.rules.` + strings.ReplaceAll(id, "-", "_") + `

deny contains {"message": "found"} if {
	` + condition + `
}
`
}

// damaged makes a snapshot and changes its bytes.
func damaged(change func([]byte) []byte) func(*world) {
	return func(w *world) {
		w.t.Helper()
		if r := w.run("snapshot -o s --allow-incomplete" + orgFlags); r.code != 0 {
			w.t.Fatalf("exit code %d: %s", r.code, r.err)
		}
		file, err := os.ReadFile("s")
		if err != nil {
			w.t.Fatal(err)
		}
		w.write("s", string(change(file)))
	}
}

// changed makes a snapshot and changes its lines.
func changed(change func([]string) []string) func(*world) {
	return func(w *world) {
		damaged(func(file []byte) []byte {
			decoder, err := zstd.NewReader(nil)
			if err != nil {
				w.t.Fatal(err)
			}
			defer decoder.Close()
			text, err := decoder.DecodeAll(file, nil)
			if err != nil {
				w.t.Fatal(err)
			}
			lines := change(slices.Collect(strings.Lines(string(text))))
			encoder, err := zstd.NewWriter(nil)
			if err != nil {
				w.t.Fatal(err)
			}
			return encoder.EncodeAll([]byte(strings.Join(lines, "")), nil)
		})(w)
	}
}

func TestRules(t *testing.T) {
	w := demoWorld(t)
	const ofEngine = 2 // which judge waivers
	if r := w.run("rules"); r.code != 0 || strings.Count(r.out, "\n") != 1+len(plantings)+ofEngine {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	var listed []map[string]any
	r := w.run("rules --format json")
	if err := json.Unmarshal([]byte(r.out), &listed); err != nil || len(listed) != len(plantings)+ofEngine {
		t.Errorf("%d rules: %v", len(listed), err)
	}
}

func TestVersion(t *testing.T) {
	w := demoWorld(t)
	for _, line := range []string{"version", "--version"} {
		if r := w.run(line); r.code != 0 || !strings.HasPrefix(r.out, "ecraudit "+version) {
			t.Errorf("%s: exit code %d, %q", line, r.code, r.out)
		}
	}
}

// Every command has a help with examples.
func TestHelp(t *testing.T) {
	root := newRoot(streams{out: &bytes.Buffer{}, err: &bytes.Buffer{}})
	for _, command := range root.Commands() {
		if command.Example == "" || command.Short == "" {
			t.Errorf("%s has no example", command.Name())
		}
	}
	w := demoWorld(t)
	if r := w.run("--help"); r.code != 0 || !strings.Contains(r.out, "Exit codes:") || !strings.Contains(r.out, "--fail-on") {
		t.Errorf("exit code %d\n%s", r.code, r.out)
	}
}
