package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecraudit/ecraudit/internal/evaluate"
)

// under runs a command line, without a terminal, with variables.
func (w *world) under(line string, variables ...string) result {
	w.t.Helper()
	return w.with(line, streams{environ: variables})
}

// fewRules is the demonstration, judged by these rules alone, which is quick.
func fewRules(t *testing.T, ids ...string) *world {
	t.Helper()
	w := demoWorld(t)
	rules, err := evaluate.LoadRules(nil)
	if err != nil {
		t.Fatal(err)
	}
	settings := "required_tags: [team]\nrules:\n"
	for _, id := range rules.IDs() {
		if !slices.Contains(ids, id) {
			settings += "  " + id + ": off\n"
		}
	}
	w.write("ecraudit.yaml", settings)
	return w
}

// visibleFlags are the flags of a command that have variables.
func visibleFlags(command *cobra.Command) (flags []*pflag.Flag) {
	command.InheritedFlags() // has cobra merge them
	command.Flags().VisitAll(func(flag *pflag.Flag) {
		if hasVariable(flag) {
			flags = append(flags, flag)
		}
	})
	return flags
}

// Every flag of every command can be set by either of its variables, and no
// variable stands for two flags.
func TestEveryFlagHasVariables(t *testing.T) {
	stands := map[string]string{}
	for _, command := range allCommands() {
		for _, flag := range visibleFlags(command) {
			of := commandName(command) + " --" + flag.Name
			own := ownVariableOf(command, flag.Name)
			if other, taken := stands[own]; taken && other != of {
				t.Errorf("%s stands for %s and %s", own, other, of)
			}
			stands[own] = of
			stands[variableOf(flag.Name)] = "--" + flag.Name
		}
	}
	sample := map[string]string{"bool": "true", "int": "7", "duration": "7m", "string": "seven", "stringSlice": "a,b", "stringArray": "a\nb", "stringToString": "a=b"}
	for i, command := range allCommands() {
		for _, flag := range visibleFlags(command) {
			for _, variable := range []string{variableOf(flag.Name), ownVariableOf(command, flag.Name)} {
				fresh := allCommands()[i]
				flag := visibleFlags(fresh)[slices.Index(visibleFlags(command), flag)]
				e := environmentOf([]string{variable + "=" + sample[flag.Value.Type()]})
				err := e.take(fresh, messagesOf(nil))
				owned := flag.Annotations[ownVariableOnly] != nil && variable == variableOf(flag.Name)
				if set := flag.Value.String() != flag.DefValue; err != nil || set == owned {
					t.Errorf("%s sets --%s of %s to %s: %v", variable, flag.Name, commandName(command), flag.Value, err)
				}
				if flag.Changed {
					t.Errorf("%s: --%s passes for one that was given on the command line", variable, flag.Name)
				}
				if err := e.unknown(fresh.Root()); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

// Whoever asks whether a flag was changed forgets the variables. Only env.go asks
// that, and says whether it is about what a flag is or about who wrote it.
func TestVariablesAreNotForgotten(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || !slices.Contains(files, "env.go") {
		t.Fatalf("%q: %v", files, err)
	}
	for _, name := range files {
		if name == "env.go" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), ".Changed") {
			t.Errorf("%s asks whether a flag was changed: ask given, or onCommandLine", name)
		}
	}
}

// A flag that is taken from a variable does what it does on the command line.
func TestVariablesDoWhatFlagsDo(t *testing.T) {
	w := fewRules(t, "external-push")
	w.write("waivers.yaml", demoWaivers)
	w.runAt("audit -o report.json" + platformFlags)
	prefix := w.auditAt(platformFlags).Findings[0].Fingerprint[:8]
	kept := w.read("waivers.yaml")
	w.write("waivers.yaml", strings.Replace(kept, "access/*", "elsewhere/*", 2))
	kept = w.read("waivers.yaml")
	for _, c := range []struct {
		name, line string
		flags      map[string]string
	}{
		{"a waiver", "waive " + prefix, map[string]string{"report": "report.json", "until": "2027-03-31", "owner": "team-a", "reason": "moves", "ticket": "OPS-1", "approved-by": "Jane", "approved-on": "2026-09-30"}},
		{"a waiver without words", "waive " + prefix, map[string]string{"report": "report.json", "until": "2027-03-31", "owner": "team-a", "reason": "\u202e"}},
		{"waivers that end", "waivers", map[string]string{"expiring": "91"}},
		{"waivers that have ended", "waivers", map[string]string{"expiring": "0"}},
		{"waivers that end before", "waivers", map[string]string{"expiring": "-1"}},
		{"columns", "report report.json", map[string]string{"columns": "rule,severity", "sort": "-rule"}},
		{"a query", "report report.json", map[string]string{"query": "rule=external-push"}},
	} {
		said := func(r result) string {
			text := fmt.Sprintf("exit code %d\n%s\n%s\n%s", r.code, r.out, r.err, w.read("waivers.yaml"))
			w.write("waivers.yaml", kept)
			return text
		}
		line := c.line
		var shared, own []string
		for name, value := range c.flags {
			line += " --" + name + " '" + value + "'"
			shared = append(shared, variableOf(name)+"="+value)
			own = append(own, variablePrefix+strings.ToUpper(strings.Fields(c.line)[0])+strings.TrimPrefix(variableOf(name), "ECRAUDIT")+"="+value)
		}
		want := said(w.answer(line, ""))
		for _, variables := range [][]string{shared, own} {
			got := said(w.under(c.line, variables...))
			for name := range c.flags {
				prefix := variablePrefix + strings.ToUpper(strings.Fields(c.line)[0])
				got = strings.ReplaceAll(strings.ReplaceAll(got, prefix+strings.TrimPrefix(variableOf(name), "ECRAUDIT"), "--"+name), variableOf(name), "--"+name)
			}
			if got != want {
				t.Errorf("%s, by %q:\n%s", c.name, variables, cmp.Diff(want, got))
			}
		}
	}
}

// A variable changes the default, a flag goes before it, and so does the
// variable for one command.
func TestVariables(t *testing.T) {
	w := fewRules(t, "repository-public", "encryption", "lifecycle-missing", "release-vulnerabilities")
	if r := w.run("snapshot -o org.snapshot" + orgFlags); r.code != 3 {
		t.Fatalf("exit code %d: %s", r.code, r.err)
	}
	const audit = "audit --snapshot org.snapshot"
	for _, c := range []struct {
		name, line string
		variables  []string
		code       int
		files      string // that are then there, and were not
		out, err   string // that standard output begins with, and that standard error has
	}{
		{name: "nothing set", line: audit, code: 2, out: "ecraudit"},
		{name: "a severity", line: audit, variables: []string{"ECRAUDIT_FAIL_ON=none"}, code: 3},
		{name: "a flag goes before it", line: audit + " --fail-on high", variables: []string{"ECRAUDIT_FAIL_ON=none"}, code: 2},
		{name: "the variable of the command goes before it", line: audit, variables: []string{"ECRAUDIT_FAIL_ON=none", "ECRAUDIT_AUDIT_FAIL_ON=high"}, code: 2},
		{name: "the variable of another command", line: audit, variables: []string{"ECRAUDIT_DEMO_FAIL_ON=none"}, code: 2},
		{name: "the program itself is an audit", line: "--snapshot org.snapshot", variables: []string{"ECRAUDIT_AUDIT_FAIL_ON=none"}, code: 3},
		{name: "booleans", line: audit, variables: []string{"ECRAUDIT_FAIL_ON=none", "ECRAUDIT_ALLOW_INCOMPLETE=1"}, code: 0},
		{name: "a boolean that is false", line: audit, variables: []string{"ECRAUDIT_FAIL_ON=none", "ECRAUDIT_ALLOW_INCOMPLETE=false"}, code: 3},
		{name: "a boolean and a flag that says no", line: audit + " --allow-incomplete=false", variables: []string{"ECRAUDIT_FAIL_ON=none", "ECRAUDIT_ALLOW_INCOMPLETE=1"}, code: 3},
		{name: "an empty one is not set", line: audit, variables: []string{"ECRAUDIT_FAIL_ON=", "ECRAUDIT_FAIL_NO="}, code: 2},
		{name: "space around a value", line: audit, variables: []string{"ECRAUDIT_FAIL_ON= none\n"}, code: 3},
		{name: "the snapshot", line: "audit", variables: []string{"ECRAUDIT_SNAPSHOT=org.snapshot"}, code: 2},
		{name: "the format", line: audit, variables: []string{"ECRAUDIT_FORMAT=ndjson"}, code: 2, out: `{"type":"run"`},

		{name: "outputs, separated by commas", line: audit, variables: []string{"ECRAUDIT_OUTPUT=a.json, ndjson=b"}, code: 2, files: "a.json b", err: "outputs=a.json,b"},
		{name: "outputs, on lines of their own", line: audit, variables: []string{"ECRAUDIT_OUTPUT=a.json\nndjson=b\n"}, code: 2, files: "a.json b"},
		{name: "an output with a comma in its name", line: audit, variables: []string{`ECRAUDIT_OUTPUT="a,b.json"`}, code: 2, files: "a,b.json"},
		{name: "a comma that was forgotten to be quoted", line: audit, variables: []string{"ECRAUDIT_OUTPUT=a,b.json"}, code: 1, err: "ECRAUDIT_OUTPUT a: the name does not tell the format"},
		{name: "outputs are replaced, not added to", line: audit + " -o b.json", variables: []string{"ECRAUDIT_OUTPUT=a.json"}, code: 2, files: "b.json"},
		{name: "a format means nothing with several outputs", line: audit + " -o a.json -o b.txt", variables: []string{"ECRAUDIT_FORMAT=sarif"}, code: 2, files: "a.json b.txt"},
		{name: "a name tells the format before the variable does", line: audit, variables: []string{"ECRAUDIT_FORMAT=sarif", "ECRAUDIT_OUTPUT=a.json"}, code: 2, files: "a.json"},
		{name: "a format that is given and outputs that are not", line: audit + " --format table", variables: []string{"ECRAUDIT_OUTPUT=a.json"}, code: 1, err: "--format table and ECRAUDIT_OUTPUT a.json do not agree"},
		{name: "outputs of a plan", line: "plan --snapshot org.snapshot", variables: []string{"ECRAUDIT_OUTPUT=a.json,b.sarif"}, code: 1, err: "ECRAUDIT_PLAN_OUTPUT"},
		{name: "one environment for two commands", line: "plan --snapshot org.snapshot", variables: []string{"ECRAUDIT_OUTPUT=a.json,b.sarif", "ECRAUDIT_PLAN_OUTPUT=p.json"}, code: 2, files: "p.json"},

		{name: "what AWS flags say means nothing with a snapshot", line: audit, code: 2,
			variables: []string{"ECRAUDIT_ROLE_NAME=r", "ECRAUDIT_ORG=1", "ECRAUDIT_REGIONS=all", "ECRAUDIT_CONCURRENCY=0", "ECRAUDIT_PROFILE=p"}},
		{name: "what fixing needs means nothing without it", line: audit, code: 2,
			variables: []string{"ECRAUDIT_MAX_RISK=safe", "ECRAUDIT_YES=1", "ECRAUDIT_FIX_ROLE_NAME=f", "ECRAUDIT_ONLY=encryption", "ECRAUDIT_ALLOW=expire-more"}},
		{name: "a snapshot is not mended", line: audit, variables: []string{"ECRAUDIT_FIX=1", "ECRAUDIT_YES=1"}, code: 2, err: "ECRAUDIT_FIX is left aside"},
		{name: "a flag is refused as ever", line: "audit --org", variables: []string{"ECRAUDIT_SNAPSHOT=org.snapshot"}, code: 1, err: "--org means nothing with ECRAUDIT_SNAPSHOT"},
		{name: "no columns", line: audit, variables: []string{"ECRAUDIT_COLUMNS=,"}, code: 1, err: "--columns: name at least one of severity"},
		{name: "of other commands", line: audit, variables: []string{"ECRAUDIT_OLDER_THAN=30d", "ECRAUDIT_PRINCIPAL=arn:x", "ECRAUDIT_LISTEN=:1", "ECRAUDIT_LAST=1"}, code: 2},
		{name: "a selection displaces another", line: "audit --accounts 111122223333", variables: []string{"ECRAUDIT_ORG=1"}, code: 0},
		{name: "two selections", line: "audit", variables: []string{"ECRAUDIT_ORG=1", "ECRAUDIT_ACCOUNTS=111122223333"}, code: 1, err: "one of ECRAUDIT_ORG, --ou and ECRAUDIT_ACCOUNTS"},
		{name: "accounts on lines", line: "audit --role-name ecraudit-reader", variables: []string{"ECRAUDIT_ACCOUNTS=111122223333\n222233334444\n"}, code: 2},
		{name: "of what is served", line: "demo --print-config", variables: []string{"ECRAUDIT_FORMAT=json"}, code: 0},
		{name: "a question of its own", line: "access access/stringlike-star --snapshot org.snapshot", code: 0,
			variables: []string{"ECRAUDIT_POLICY=p.json", "ECRAUDIT_PRINCIPAL=111122223333", "ECRAUDIT_ACTION=push", "ECRAUDIT_REGIONS=all", "ECRAUDIT_TRUSTED=999999999999=x"}},
		{name: "a repository says where it is", line: "images arn:aws:ecr:eu-west-1:333344445555:repository/payments/patched --role-name ecraudit-reader", variables: []string{"ECRAUDIT_ACCOUNT=111122223333"}, code: 0},

		{name: "a number", line: "audit", variables: []string{"ECRAUDIT_CONCURRENCY=ten"}, code: 1, err: `ECRAUDIT_CONCURRENCY is "ten": write a whole number`},
		{name: "a number out of range", line: "audit", variables: []string{"ECRAUDIT_CONCURRENCY=0"}, code: 1, err: "ECRAUDIT_CONCURRENCY 0: use a number from 1 to 1000"},
		{name: "a boolean that is none", line: "audit", variables: []string{"ECRAUDIT_ORG=yes"}, code: 1, err: `ECRAUDIT_ORG is "yes": write true or false`},
		{name: "a duration", line: "audit", variables: []string{"ECRAUDIT_RETRY_FOR=5"}, code: 1, err: `ECRAUDIT_RETRY_FOR is "5": write a duration with its unit`},
		{name: "a severity that is none", line: audit, variables: []string{"ECRAUDIT_FAIL_ON=hihg"}, code: 1, err: `ECRAUDIT_FAIL_ON: "hihg" is not one of`},
		{name: "a format of another command", line: "plan --snapshot org.snapshot", variables: []string{"ECRAUDIT_FORMAT=sarif"}, code: 1, err: `ECRAUDIT_FORMAT: "sarif" is not one of text, json; ECRAUDIT_PLAN_FORMAT holds for ecraudit plan alone`},
		{name: "quotes that do not close", line: audit, variables: []string{`ECRAUDIT_OUTPUT="a.json`}, code: 1, err: "ECRAUDIT_OUTPUT is"},
		{name: "two lines for one value", line: audit, variables: []string{"ECRAUDIT_FAIL_ON=high\nlow"}, code: 1, err: `ECRAUDIT_FAIL_ON is "high\nlow": write one line`},
		{name: "pairs", line: "access --policy x --own-account 111122223333", variables: []string{"ECRAUDIT_TRUSTED=a"}, code: 1, err: "ECRAUDIT_TRUSTED is \"a\": write KEY=VALUE"},
		{name: "a misspelt one", line: audit, variables: []string{"ECRAUDIT_FAILON=low"}, code: 1, err: "did you mean ECRAUDIT_FAIL_ON?"},
		{name: "one in small letters", line: audit, variables: []string{"ECRAUDIT_fail_on=low"}, code: 1, err: "did you mean ECRAUDIT_FAIL_ON?"},
		{name: "a misspelt one of a command", line: audit, variables: []string{"ECRAUDIT_PLAN_FROMAT=json"}, code: 1, err: "did you mean ECRAUDIT_PLAN_FORMAT?"},
		{name: "one that is nothing", line: "version", variables: []string{"ECRAUDIT_SHOE_SIZE=44"}, code: 1, err: "ECRAUDIT_SHOE_SIZE is not a variable of ecraudit: no command has such a flag"},
		{name: "several that are wrong", line: audit, variables: []string{"ECRAUDIT_FAILON=low", "ECRAUDIT_ALL=maybe"}, code: 1, err: "ECRAUDIT_ALL is \"maybe\""},
		{name: "one for a flag that is only there to be refused", line: audit, variables: []string{"ECRAUDIT_QUARANTINE_PURGE_FORCE_POLICY=1"}, code: 1, err: "ECRAUDIT_QUARANTINE_PURGE_FORCE_POLICY"},
		{name: "those of Kubernetes and of installers", line: audit, code: 2,
			variables: []string{"ECRAUDIT_PORT=tcp://10.0.0.1:80", "ECRAUDIT_PORT_80_TCP_ADDR=10.0.0.1", "ECRAUDIT_SERVICE_HOST=10.0.0.1", "ECRAUDIT_SERVICE_PORT_HTTP=80", "ECRAUDIT_VERSION=v1.0.0"}},
		{name: "help is never in the way", line: "audit --help", variables: []string{"ECRAUDIT_FAILON=low", "ECRAUDIT_CONCURRENCY=ten"}, code: 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := filesOf(t)
			w.t = t
			r := w.under(c.line, c.variables...)
			if r.code != c.code || !strings.HasPrefix(r.out, c.out) || !strings.Contains(r.err, c.err) {
				t.Errorf("exit code %d, not %d\n%.200s\n%s", r.code, c.code, r.out, r.err)
			}
			var made []string
			for _, name := range filesOf(t) {
				if !slices.Contains(before, name) {
					made = append(made, name)
					if err := os.Remove(name); err != nil {
						t.Error(err)
					}
				}
			}
			if got := strings.Join(made, " "); got != c.files {
				t.Errorf("it made the files %q, not %q", got, c.files)
			}
		})
	}
}

// filesOf are those of the working directory.
func filesOf(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// Variables can have AWS written to, but not unnoticed.
func TestVariablesThatWrite(t *testing.T) {
	w := fewRules(t, "encryption", "required-tags", "repository-public")
	before := w.held()
	line := "audit --only encryption,required-tags,repository-public" + orgFlags + fixFlagsOfDemo
	if r := w.under(line, "ECRAUDIT_FIX=1"); r.code != exitError || w.held() != before || !strings.Contains(r.err, "ECRAUDIT_FIX: nothing was changed: there is no terminal to ask at; --yes goes on") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	if r := w.under("audit"+orgFlags, "ECRAUDIT_YES=1", "ECRAUDIT_ONLY=required-tags", "ECRAUDIT_FIX_ROLE_NAME=ecraudit-fixer"); r.code != 2 || w.held() != before {
		t.Errorf("without --fix: exit code %d: %s", r.code, r.err)
	}
	if r := w.under(line, "ECRAUDIT_FIX=1", "ECRAUDIT_YES=1", "ECRAUDIT_MAX_CHANGES=1"); r.code != exitError || w.held() != before || !strings.Contains(r.err, "and ECRAUDIT_MAX_CHANGES is 1") {
		t.Errorf("too many changes: exit code %d: %s", r.code, r.err)
	}
	r := w.under(line, "ECRAUDIT_FIX=1", "ECRAUDIT_YES=true", "ECRAUDIT_JOURNAL=j")
	if r.code != 2 || w.held() == before { // of the tag that is missing no value is known
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	for _, want := range []string{"ecraudit: fix=true from ECRAUDIT_FIX\n", "ecraudit: yes=true from ECRAUDIT_YES\n"} {
		if !strings.Contains(r.err, want) {
			t.Errorf("it does not say %q:\n%s", want, r.err)
		}
	}
	if r := w.under("undo"+fixFlagsOfDemo, "ECRAUDIT_LAST=1", "ECRAUDIT_YES=1", "ECRAUDIT_JOURNAL=j"); r.code != 0 || !strings.Contains(r.err, "last=true from ECRAUDIT_LAST") {
		t.Errorf("undo: exit code %d: %s", r.code, r.err)
	}
	if r := w.under("undo 20261125T131502Z-k3x9qp", "ECRAUDIT_LAST=1", "ECRAUDIT_JOURNAL=j"); !strings.Contains(r.err, "20261125T131502Z-k3x9qp") {
		t.Errorf("undo of a run that is named: %s", r.err)
	}
}

// What deletes images does not take the consent that was given to something
// else.
func TestVariableThatDeletes(t *testing.T) {
	w := demoWorld(t)
	w.org.Advance(40 * 24 * time.Hour)
	w.expect("audit --fix --yes --only tag-retention --regions us-east-1", 0)
	w.org.Advance(31 * 24 * time.Hour)
	parked := func() int { return strings.Count(w.expect("quarantine list --regions us-east-1", 0).out, "parked on") }
	purge := "quarantine purge --older-than 30d --regions us-east-1"
	r := w.under(purge, "ECRAUDIT_YES=1", "ECRAUDIT_SNAPSHOT=x", "ECRAUDIT_ALLOW=expire-more")
	if r.code != exitError || parked() != 1 || !strings.Contains(r.err, "ECRAUDIT_YES is left aside") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	if r := w.under(purge, "ECRAUDIT_QUARANTINE_PURGE_YES=1"); r.code != 0 || parked() != 0 {
		t.Errorf("exit code %d: %s%s", r.code, r.out, r.err)
	}
}

// The process's own environment is heeded, and only that of the process.
func TestEnvironmentOfTheProcess(t *testing.T) {
	const inside = "RUN_AS"
	if line := os.Getenv(inside); line != "" {
		os.Args = strings.Fields(line)
		main()
	}
	process := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestEnvironmentOfTheProcess$")
	process.Env = append(os.Environ(), inside+"=ecraudit rules", "ECRAUDIT_FORMAT=jsno")
	text, err := process.CombinedOutput()
	if err == nil || !strings.Contains(string(text), `ECRAUDIT_FORMAT: "jsno" is not one of table, json`) {
		t.Errorf("%v: %s", err, text)
	}
	t.Setenv("ECRAUDIT_FORMAT", "jsno")
	if r := demoWorld(t).run("rules"); r.code != 0 {
		t.Errorf("the environment of tests leaks into a command: %s", r.err)
	}
}

// A limit from a variable is not taken for none.
func TestVariableOfALimit(t *testing.T) {
	w := demoWorld(t)
	const images = "images landing-zone/customizations --region us-east-1"
	all, one := w.run(images), w.under(images, "ECRAUDIT_LIMIT=1")
	if one.code != 0 || one.out == all.out || one.out != w.run(images+" --limit 1").out {
		t.Errorf("exit code %d: %s%s", one.code, one.out, one.err)
	}
	if none := w.under(images, "ECRAUDIT_LIMIT=0"); none.out != w.run(images+" --limit 0").out {
		t.Error("ECRAUDIT_LIMIT=0 does not show all images")
	}
}
