package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/remediate"
)

const fixFlagsOfDemo = " --fix-role-name ecraudit-fixer"

// answer runs a command line with somebody at the terminal, on the simulated
// clock.
func (w *world) answer(line, text string) result {
	w.t.Helper()
	return w.with(line, streams{in: strings.NewReader(text), asks: text != ""})
}

func (w *world) with(line string, s streams) result {
	w.t.Helper()
	var out, err bytes.Buffer
	s.out, s.err, s.now = &out, &err, w.org.Now
	args, _ := words(line)
	code := run(w.t.Context(), args, s)
	return result{code, out.String(), err.String()}
}

// expect runs a command line without a terminal, which must end with a code.
func (w *world) expect(line string, code int) result {
	w.t.Helper()
	r := w.answer(line, "")
	if r.code != code {
		w.t.Fatalf("ecraudit %s: exit code %d, want %d\n%s\n%s", line, r.code, code, r.out, r.err)
	}
	return r
}

// held is what AWS holds, less the results of scans and when images were moved
// to the archive and back.
func (w *world) held() string {
	w.t.Helper()
	for _, registry := range w.org.State().Registries {
		for _, r := range registry.Repositories {
			live := w.org.Account(registry.Account).Registry(registry.Region).Repository(r.Name)
			for _, image := range r.Images {
				live.ChangeImage(image.Digest, func(i *awssim.Image) {
					if i.LastArchivedAt, i.LastActivatedAt = (time.Time{}), (time.Time{}); i.Status == "ACTIVATING" {
						i.Status = "ACTIVE"
					}
				})
			}
		}
	}
	scans := regexp.MustCompile(`(?s)"(Scan|NextScan)": \{.*?\n {10}\},?\n`)
	updated := regexp.MustCompile(`"UpdatedAt": "[^"]*"`)
	return updated.ReplaceAllString(scans.ReplaceAllString(string(w.org.Dump()), ""), "")
}

// What a user does: plan, look, apply, see that nothing is left, undo.
func TestPlanApplyUndo(t *testing.T) {
	w := demoWorld(t)
	before := w.held()
	end := w.server.ReadOnly()
	plan := w.expect("plan -o plan.json"+orgFlags, exitChanges)
	shown := w.expect("show plan.json", 0)
	end()
	if plan.out != shown.out {
		t.Errorf("what plan shows and what show shows differ:\n%s", cmp.Diff(plan.out, shown.out))
	}
	for _, want := range []string{"to review", "NOT MENDED", "repository-public", "loses", "expires"} {
		if !strings.Contains(strings.Join(strings.Fields(plan.out), " "), want) {
			t.Errorf("the plan does not show %q", want)
		}
	}

	refused := w.expect("apply plan.json"+fixFlagsOfDemo, exitError)
	if !strings.Contains(refused.err, "nothing was changed") || !strings.Contains(refused.err, "--yes") {
		t.Errorf("without a terminal: %s", refused.err)
	}
	declined := w.answer("apply plan.json"+fixFlagsOfDemo, "y\n")
	if declined.code != exitChanges || !strings.Contains(declined.err, "Nothing was changed.") {
		t.Errorf("declined: exit code %d: %s", declined.code, declined.err)
	}
	if diff := cmp.Diff(before, w.held()); diff != "" {
		t.Fatalf("something was changed without consent: %s", diff)
	}

	applied := w.answer("apply plan.json"+fixFlagsOfDemo, "yes\n")
	if applied.code != exitChanges { // what cannot be mended is left
		t.Fatalf("apply: exit code %d\n%s\n%s", applied.code, applied.out, applied.err)
	}
	if strings.Contains(applied.out, "\nfailed") || strings.Contains(applied.out, "\nskipped") || strings.Contains(applied.out, "\nrefused") {
		t.Errorf("not everything was applied:\n%s", applied.out)
	}
	again := w.expect("plan --allow-incomplete"+orgFlags, 0)
	if !strings.Contains(again.out, "0 changes; ") {
		t.Errorf("a plan after the apply has changes:\n%s", again.out)
	}
	if r := w.expect("quarantine list"+orgFlags, 3); !strings.Contains(r.out, "had latest") || !strings.Contains(r.err, demoLegacyAccount) {
		t.Errorf("quarantine list:\n%s\n%s", r.out, r.err)
	}

	w.expect("undo --last --yes"+fixFlagsOfDemo, 0)
	if diff := cmp.Diff(strings.Split(before, "\n"), strings.Split(w.held(), "\n")); diff != "" {
		t.Errorf("undone, but not as before: %s", diff)
	}
	if r := w.expect("undo --last --yes"+fixFlagsOfDemo, exitError); !strings.Contains(r.err, "no run that could be undone") {
		t.Errorf("undo --last twice: %s", r.err)
	}
	journal := w.expect("journal", 0)
	if !strings.Contains(journal.out, "undone by") || !strings.Contains(journal.out, "apply") {
		t.Errorf("journal:\n%s", journal.out)
	}
	run := strings.Fields(journal.out)[0]
	if r := w.expect("journal "+run, 0); !strings.Contains(r.out, "applied") || !strings.Contains(r.out, "undid") {
		t.Errorf("journal %s:\n%s", run, r.out)
	}
}

const demoLegacyAccount = awssim.DemoLegacy

// A plan of the same snapshot is the same file, and as its schema says.
func TestPlanOfASnapshot(t *testing.T) {
	w := demoWorld(t)
	w.expect("snapshot -o org.snapshot --allow-incomplete --config plan.yaml"+orgFlags, exitError) // there is no plan.yaml
	w.expect("snapshot -o org.snapshot --allow-incomplete"+orgFlags, 0)
	w.expect("plan --snapshot org.snapshot -o one.json", exitChanges)
	w.expect("plan --snapshot org.snapshot -o two.json", exitChanges)
	one, two := w.read("one.json"), w.read("two.json")
	if one != two {
		t.Error("two plans of one snapshot differ")
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(remediate.SchemaJSON()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("urn:ecraudit:plan:v1", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("urn:ecraudit:plan:v1")
	if err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(strings.NewReader(one))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(instance); err != nil {
		t.Errorf("the plan is not as its schema says: %v", err)
	}
}

func (w *world) read(name string) string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// A rule that has fixes for some findings only does not make others look mended.
func TestPlanLeavesWhatHasNoFix(t *testing.T) {
	w := demoWorld(t)
	w.snapshot("org.snapshot")
	w.write("ecraudit.yaml", "required_tags: [team, cost-center]\n")
	r := w.run("plan --snapshot org.snapshot --only required-tags")
	for _, want := range []string{
		"0 changes; 69 findings cannot be mended", "68 findings: required-tags: no single value is allowed for cost-center",
		"no single value is allowed for team", "and 63 more", "required_tags: {cost-center: [VALUE]}",
	} {
		if !strings.Contains(flat(r.out), want) {
			t.Errorf("%q is not in\n%s", want, r.out)
		}
	}
	if strings.Contains(r.out, "Nothing is to be changed") || !strings.Contains(r.err, " not_mended=69 ") {
		t.Error(r.out, r.err)
	}
	w.write("ecraudit.yaml", "required_tags: {team: [], cost-center: ['4711']}\n")
	if r := w.run("plan --snapshot org.snapshot --only required-tags"); !strings.Contains(r.out, "68 changes in") || !strings.Contains(r.err, " not_mended=1 ") {
		t.Errorf("with one value: %s%s", r.out, r.err)
	}
	w.write("ecraudit.yaml", "")
	const deny = "\ndeny contains {\"message\": \"seen\"} if input.repository.name == \"settings/mutable\"\n"
	const mended = "\ndeny contains {\"message\": \"to be tagged\", \"key\": \"tag\", \"fix\": {\"action\": \"tag_resource\", \"tags\": {\"a\": \"b\"}}} if {\n\tinput.repository.name == \"settings/mutable\"\n\tnot input.repository.tags.a\n}\n"
	head, _, _ := strings.Cut(ownRule("own", "needs: [tags]"), "\ndeny ")
	for rule, want := range map[string]string{head + deny + mended: " not_mended=1 ", head + deny: " not_mended=0 "} {
		w.write("own.rego", rule)
		if r := w.run("plan --snapshot org.snapshot --rules own.rego --only own"); !strings.Contains(r.err, want) || strings.Contains(flat(r.out), "the rule has no fix for this finding") != strings.Contains(want, "1") {
			t.Errorf("%s: %s%s", want, r.out, r.err)
		}
	}
}

// What a plan looks like, at the widths at which people look at it.
func TestShowGolden(t *testing.T) {
	w := demoWorld(t)
	w.expect("plan -o plan.json --max-risk review --only repository-public,scan-on-push,required-tags,tag-immutability,lifecycle-missing,tag-latest,creation-template-weak,encryption"+orgFlags, exitChanges)
	plan := w.expect("show plan.json", 0)
	golden(t, "plan.text", plan.out)
	for line := range strings.Lines(plan.out) {
		if strings.ContainsRune(line, '\x1b') {
			t.Errorf("an escape in %q", line)
		}
	}
}

// Fixing in one go: audit, plan, show, ask, apply.
func TestFix(t *testing.T) {
	w := demoWorld(t)
	before := w.held()
	flags := orgFlags + fixFlagsOfDemo + " --fix --only required-tags,scan-on-push"
	if r := w.expect("audit"+flags, exitError); !strings.Contains(r.err, "--yes") || r.out != "" {
		t.Errorf("without a terminal: %s\n%s", r.err, r.out)
	}
	if r := w.answer("audit"+flags, "no\n"); r.code != exitChanges || w.held() != before {
		t.Errorf("declined: exit code %d: %s", r.code, r.err)
	}
	fixed := w.answer("--fix"+orgFlags+fixFlagsOfDemo+" --only required-tags,scan-on-push", "yes\n")
	if fixed.code != exitChanges || !strings.Contains(fixed.out, "required-tags") || !strings.Contains(fixed.out, "1 applied") {
		t.Errorf("fixed: exit code %d\n%s\n%s", fixed.code, fixed.out, fixed.err)
	}
	report := w.expect("audit --format json --fix --yes --only scan-on-push"+orgFlags+fixFlagsOfDemo, exitChanges)
	var document map[string]any
	if err := json.Unmarshal([]byte(report.out), &document); err != nil {
		t.Errorf("the report on standard output is not only JSON: %v", err)
	}
	if !strings.Contains(report.err, "findings cannot be mended") && !strings.Contains(report.err, "Nothing is to be changed.") {
		t.Errorf("the plan is not shown: %s", report.err)
	}
}

// The exit code of a fix that mends all there is.
func TestFixEndsWithZero(t *testing.T) {
	org := awssim.NewOrganization(awssim.OrganizationOptions{ManagementAccount: "111122223333", IgnorePulls: true})
	org.Account("111122223333").Registry("eu-west-1").AddRepository(awssim.Repository{Name: "team/api", ScanOnPush: false, TagMutability: "IMMUTABLE", Lifecycle: `{"rules":[{"rulePriority":1,"selection":{"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":14},"action":{"type":"expire"}}]}`, CreatedAt: awssim.Epoch})
	w := newWorld(t, org)
	w.expect("audit --fail-on low", 2)
	r := w.expect("audit --fail-on low --fix --yes", 0)
	if !strings.Contains(r.out, "1 change: 1 applied") {
		t.Errorf("%s", r.out)
	}
	w.expect("audit --fail-on low --fix --yes", 0)
	w.expect("plan", 0)
}

// Mending all that was found does not make a run clean in which not everything
// was read.
func TestFixOfAnIncompleteAudit(t *testing.T) {
	w := fewRules(t, "scan-on-push")
	line := "audit --fix --yes --fail-on low" + orgFlags + fixFlagsOfDemo
	if r := w.expect(line, 3); !strings.Contains(r.out, "1 change: 1 applied") {
		t.Errorf("%s", r.out)
	}
	w.expect("undo --last --yes"+fixFlagsOfDemo, 0)
	w.expect(line+" --allow-incomplete", 0)
}

func TestQuarantine(t *testing.T) {
	w := demoWorld(t)
	w.org.Advance(40 * 24 * time.Hour)
	w.expect("audit --fix --yes --only tag-retention --regions us-east-1", 0)
	var parked []remediate.Parked
	list := func() []remediate.Parked {
		parked = nil
		if err := json.Unmarshal([]byte(w.expect("quarantine list --regions us-east-1 --format json", 0).out), &parked); err != nil {
			t.Fatal(err)
		}
		return parked
	}
	if len(list()) != 1 || !slices.Equal(parked[0].Had, []string{"gitpr_17"}) {
		t.Fatalf("parked: %+v", parked)
	}
	image := parked[0].RepositoryARN(parked[0].Repository) + ":" + parked[0].Tags[0]
	w.expect("quarantine restore "+image, exitError) // nobody to ask
	w.expect("quarantine restore "+image+" --yes", 0)
	live := w.org.Account(awssim.DemoManagement).Registry("us-east-1").Repository(parked[0].Repository)
	if got, ok := live.Image("gitpr_17"); !ok || !slices.Equal(got.Tags, []string{"gitpr_17"}) {
		t.Errorf("restored: %v", got.Tags)
	}
	if len(list()) != 0 {
		t.Errorf("still parked: %+v", parked)
	}

	w.expect("audit --fix --yes --only tag-retention --regions us-east-1", 0)
	w.expect("quarantine purge --older-than 30d --regions us-east-1 --yes", 0)
	if len(list()) != 1 {
		t.Fatal("purged too early")
	}
	w.org.Advance(31 * 24 * time.Hour)
	w.expect("quarantine purge --older-than 30d --regions us-east-1", exitError) // nobody to ask
	live.ChangeImage(parked[0].Digest, func(i *awssim.Image) { i.LastPulledAt = w.org.Now() })
	if r := w.expect("quarantine purge --older-than 30d --regions us-east-1 --yes", exitChanges); !strings.Contains(r.out, "was pulled on") {
		t.Errorf("pulled since: %s", r.out)
	}
	live.ChangeImage(parked[0].Digest, func(i *awssim.Image) { i.LastPulledAt = time.Time{} })
	w.expect("quarantine purge --older-than 30d --regions us-east-1 --yes", 0)
	if _, there := live.Image(parked[0].Digest); there || len(list()) != 0 {
		t.Error("not purged")
	}
	run := strings.Fields(w.expect("journal", 0).out)[0]
	if r := w.expect("undo "+run+" --yes", exitError); !strings.Contains(r.err, "cannot be brought back") {
		t.Errorf("undo of a purge: %s", r.err)
	}
}

// Every mistake is refused with what to do about it, and changes nothing.
func TestMistakesOfFixing(t *testing.T) {
	w := demoWorld(t)
	before := w.held()
	w.expect("plan -o plan.json"+orgFlags, exitChanges)
	plan := w.read("plan.json")
	w.write("altered.json", strings.Replace(plan, "gitpr_17", "gitpr_18", 1))
	w.write("other.json", strings.Replace(plan, `"schema": "ecraudit.plan/v1"`, `"schema": "ecraudit.plan/v9"`, 1))
	w.write("cut.json", plan[:len(plan)/2])
	w.write("none.json", "hello")
	for _, c := range []struct{ line, want string }{
		{"apply", "takes one plan"},
		{"apply missing.json --yes", "no such file"},
		{"apply altered.json --yes", "altered after it was made"},
		{"apply other.json --yes", `its schema is "ecraudit.plan/v9"`},
		{"apply cut.json --yes", "not a plan"},
		{"show none.json", "not a plan"},
		{"apply plan.json --yes --max-changes 3" + fixFlagsOfDemo, "--max-changes is 3"},
		{"apply plan.json --yes --max-changes 0", "at least 1"},
		{"apply plan.json --yes --only no-such-rule", "no-such-rule"},
		{"apply plan.json --yes --max-risk saef", `did you mean "safe"?`},
		{"apply plan.json --yes --repository 'Team'", "cannot match a repository name"},
		{"apply plan.json --yes --allow everything", "expire-more"},
		{"apply plan.json --yes --fix-role-name arn:aws:iam::111122223333:role/x", "not a role name"},
		{"plan --snapshot x --org", "means nothing with --snapshot"},
		{"plan --format yaml", "text, json"},
		{"plan -o no/such/folder/plan.json", "no/such/folder"},
		{"audit --only required-tags", "--only means nothing without --fix"},
		{"audit --yes", "--yes means nothing without --fix"},
		{"audit --fix --yes --snapshot x", "ecraudit plan --snapshot"},
		{"undo", "--last"},
		{"undo --last a", "--last"},
		{"undo nonsense --yes", "is not the id of a run"},
		{"undo 20261125T131502Z-k3x9qp --yes", "has no run"},
		{"undo --last --yes", "no run that could be undone"},
		{"journal nonsense", "is not the id of a run"},
		{"quarantine purge --yes", "--older-than 30d"},
		{"quarantine purge --yes --older-than 3w", "how many days"},
		{"quarantine restore team/api:latest --yes", "is no parked image"},
	} {
		r := w.answer(c.line, "")
		if r.code != exitError || !strings.Contains(r.err, c.want) {
			t.Errorf("ecraudit %s: exit code %d, want 1 and %q:\n%s", c.line, r.code, c.want, r.err)
		}
	}
	w.org.Advance(25 * time.Hour)
	if r := w.expect("apply plan.json --yes"+fixFlagsOfDemo, exitError); !strings.Contains(r.err, "--max-age is 24h") {
		t.Errorf("an old plan: %s", r.err)
	}
	if diff := cmp.Diff(before, w.held()); diff != "" {
		t.Errorf("a mistake changed something: %s", diff)
	}
}

// Without credentials of the plan's organization nothing is changed.
func TestApplyRefusesAnotherOrganization(t *testing.T) {
	w := demoWorld(t)
	w.expect("plan -o plan.json"+orgFlags, exitChanges)
	other := newWorld(t, awssim.NewOrganization(awssim.OrganizationOptions{ID: "o-another001", ManagementAccount: "111122223333"}))
	text := w.read("plan.json")
	other.write("plan.json", text)
	if r := other.answer("apply plan.json --yes", ""); r.code != exitError || !strings.Contains(r.err, "o-another001") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	if n := other.server.Calls().Writes().Calls; n > 0 {
		t.Errorf("%d writes", n)
	}
}
