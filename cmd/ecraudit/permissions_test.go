package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/collect"
	"github.com/ecraudit/ecraudit/internal/doctor"
	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/permissions"
	"github.com/ecraudit/ecraudit/internal/remediate"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

const (
	hubARN      = "arn:aws:iam::" + awssim.DemoManagement + ":role/team/hub"
	asHub       = " --hub-role-arn " + hubARN + " --external-id 0f3a --rules everything.rego "
	everyRegion = " --org --regions all "
)

// granted are documents of ecraudit permissions by name.
type granted map[string]json.RawMessage

// enforced is the demonstration's organization in which IAM allows what
// ecraudit permissions says, and nothing else; the caller is a role too. All
// rules are on, and scopes ask for all that they can.
type enforced struct {
	*world
	documents granted
}

func newEnforced(t *testing.T, flags string) *enforced {
	t.Helper()
	w := demoWorld(t)
	w.needing("everything.rego", snapshot.AllNeeds()...)
	w.write("ecraudit.yaml", "organization: {id: "+awssim.DemoOrganizationID+"}\n"+strings.Replace(string(demoConfig), "scopes:\n", "scopes:\n  - match: {ous: [workloads], account_tags: {stage: prod}}\n    settings: {immutable: all}\n", 1))
	for _, account := range []string{awssim.DemoManagement, awssim.DemoProduction} {
		registry := w.org.Account(account).Registry("us-east-1")
		registry.SetScanning(awssim.Scanning{ScanType: "ENHANCED", Rules: []awssim.ScanningRule{{ScanFrequency: "CONTINUOUS_SCAN", RepositoryFilters: []awssim.Filter{{Filter: "*"}}}}})
		image := awssim.BuildImage(awssim.ImageOptions{Seed: account})
		image.Scan = &awssim.Scan{CompletedAt: w.org.Now()}
		registry.AddRepository(awssim.Repository{Name: "inspected", Images: []awssim.Image{image, awssim.BuildIndex(image)}})
	}
	e := &enforced{world: w}
	w.decodeJSON("permissions --enhanced-scanning"+flags, &e.documents)
	e.attach(e.documents)
	return e
}

// onlyNeeding turns off every rule but the one that needs everything, which
// changes nothing of the permissions and saves judging.
func (e *enforced) onlyNeeding() {
	e.t.Helper()
	var off strings.Builder
	rules, err := evaluate.LoadRules(nil)
	if err != nil {
		e.t.Fatal(err)
	}
	for _, id := range rules.IDs() {
		fmt.Fprintf(&off, "  %s: off\n", id)
	}
	e.write("ecraudit.yaml", "rules:\n"+off.String()+"scopes: [{match: {ous: [workloads], account_tags: {stage: prod}}, settings: {immutable: all}}]\n")
}

// attach makes roles of documents, and the caller one of them.
func (e *enforced) attach(documents granted) {
	e.t.Helper()
	text := func(name string) string {
		if documents[name] == nil {
			e.t.Fatalf("there is no document %s", name)
		}
		return string(documents[name])
	}
	for _, account := range e.org.Accounts() {
		account.AddRole(awssim.Role{Name: "ecraudit-reader", Policies: []string{text("reader")}, Trust: text("reader-trust")})
		if documents["fixer"] != nil {
			account.AddRole(awssim.Role{Name: "ecraudit-fixer", Policies: []string{text("fixer")}, Trust: text("fixer-trust")})
		}
	}
	management := e.org.ManagementAccount()
	if documents["hub"] != nil {
		management.AddRole(awssim.Role{Name: "team/hub", Policies: []string{text("hub")}, Trust: text("hub-trust")})
	}
	management.AddRole(awssim.Role{Name: "auditor", Policies: []string{text("caller")}})
	for _, setting := range e.server.RoleEnvironment(awssim.DemoManagement, "auditor", "eu-west-1") {
		name, value, _ := strings.Cut(setting, "=")
		e.t.Setenv(name, value)
	}
}

// without are the documents without an action in one of them.
func (e *enforced) without(document, action string) granted {
	e.t.Helper()
	var policy struct {
		Version   string
		Statement []map[string]any
	}
	if err := json.Unmarshal(e.documents[document], &policy); err != nil {
		e.t.Fatal(err)
	}
	for i, s := range policy.Statement {
		actions := slices.DeleteFunc(s["Action"].([]any), func(a any) bool { return a == action })
		if s["Action"] = actions; len(actions) == 0 {
			policy.Statement[i] = map[string]any{"Effect": "Allow", "Action": "ecr:ListImages", "Resource": "*"}
		}
	}
	text, err := json.Marshal(policy)
	if err != nil {
		e.t.Fatal(err)
	}
	documents := maps.Clone(e.documents)
	documents[document] = text
	return documents
}

// actionsOf are the actions of a document, sorted.
func (p granted) actionsOf(t *testing.T, document string) (actions []string) {
	t.Helper()
	var policy struct{ Statement []struct{ Action []string } }
	if err := json.Unmarshal(p[document], &policy); err != nil {
		t.Fatal(err)
	}
	for _, s := range policy.Statement {
		actions = append(actions, s.Action...)
	}
	slices.Sort(actions)
	return actions
}

// With what ecraudit permissions says an audit of the whole organization reads
// everything.
func TestPermissionsAreEnough(t *testing.T) {
	for name, flags := range map[string]struct{ permissions, audit string }{
		"with a hub role":    {everyRegion + asHub, everyRegion + asHub},
		"without a hub role": {everyRegion + "--rules everything.rego --external-id 0f3a --hub-account " + awssim.DemoManagement, everyRegion + "--rules everything.rego --external-id 0f3a"},
		"of two accounts": {
			"--rules everything.rego --hub-role-arn " + hubARN + " --accounts " + awssim.DemoPayments + "," + awssim.DemoPlatform,
			"--rules everything.rego --hub-role-arn " + hubARN + " --accounts " + awssim.DemoPayments + "," + awssim.DemoPlatform,
		},
		"of the caller's account": {" --rules everything.rego --regions all --hub-account " + awssim.DemoManagement, "--rules everything.rego --regions all"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnforced(t, " "+flags.permissions)
			d := e.audit("--role-name ecraudit-reader " + flags.audit)
			if len(d.Gaps) > 0 || d.Run.OrganizationUnread != "" || !d.Summary.Complete {
				t.Errorf("%d gaps, of which the first: %+v; unread: %s", len(d.Gaps), d.Gaps[:min(1, len(d.Gaps))], d.Run.OrganizationUnread)
			}
		})
	}
}

// A caller in another account than the hub role needs nothing but to assume it,
// and is told so, whoever reads or mends that account.
func TestPermissionsOfACallerElsewhere(t *testing.T) {
	e := newEnforced(t, everyRegion+asHub+" --fix all")
	e.attach(e.documents)
	trust := strings.ReplaceAll(string(e.documents["hub-trust"]), awssim.DemoManagement, awssim.DemoPlatform)
	e.org.ManagementAccount().AddRole(awssim.Role{Name: "team/hub", Policies: []string{string(e.documents["hub"])}, Trust: trust})
	elsewhere := e.org.Account(awssim.DemoPlatform)
	elsewhere.AddRole(awssim.Role{Name: "ci", Policies: []string{string(e.documents["caller"])}})
	for _, setting := range e.server.RoleEnvironment(awssim.DemoPlatform, "ci", "eu-west-1") {
		name, value, _ := strings.Cut(setting, "=")
		t.Setenv(name, value)
	}
	const who = "--role-name ecraudit-reader " + asHub
	if d := e.audit(everyRegion + who); len(d.Gaps) > 0 || !d.Summary.Complete {
		t.Errorf("%d gaps, of which the first: %+v", len(d.Gaps), d.Gaps[:min(1, len(d.Gaps))])
	}
	d := e.diagnose("--org --regions eu-west-1,us-east-1 " + who)
	if d.Summary.ExitCode != 0 {
		t.Errorf("%+v: %v", d.Summary, d.wrong())
	}
	asked := "arn:aws:iam::" + awssim.DemoPlatform + ":role/ecraudit-reader: "
	if !slices.ContainsFunc(d.in(doctor.Permissions, doctor.OK), func(c doctor.Check) bool { return strings.HasPrefix(c.Detail, asked) }) {
		t.Errorf("nobody says that %s was asked: %+v", asked, d.in(doctor.Permissions, doctor.OK))
	}
	e.expect("plan -o plan.json --regions eu-west-1,us-east-1 --accounts "+awssim.DemoPlatform+" "+who, exitChanges)
	applied := e.run("apply plan.json --max-age 9999h --fix-role-name ecraudit-fixer --yes --hub-role-arn " + hubARN + " --external-id 0f3a")
	writes := e.server.Calls().Writes().Calls
	_, undo, found := strings.Cut(applied.out, "To take it back:\n  ecraudit ")
	if applied.code == exitError || writes == 0 || !found {
		t.Fatalf("exit code %d, %d calls write: %s%s", applied.code, writes, applied.out, applied.err)
	}
	if r := e.run(strings.TrimSpace(undo) + " --yes"); r.code == exitError || e.server.Calls().Writes().Calls == writes {
		t.Errorf("exit code %d, %d calls write: %s%s", r.code, e.server.Calls().Writes().Calls, r.out, r.err)
	}
}

// By organizational units too.
func TestPermissionsByUnit(t *testing.T) {
	probe := awssim.Demo()
	unit := " --ou " + probe.Account(awssim.DemoPlatform).Describe().OU
	e := newEnforced(t, unit+asHub)
	if d := e.audit("--role-name ecraudit-reader" + unit + asHub); len(d.Gaps) > 0 || len(d.Findings) == 0 {
		t.Errorf("gaps: %+v", d.Gaps)
	}
	for _, action := range []string{"organizations:ListAccountsForParent", "organizations:ListOrganizationalUnitsForParent"} {
		e.attach(e.without("hub", action))
		if r := e.run("audit --role-name ecraudit-reader" + unit + asHub); r.code != exitError || !strings.Contains(r.err, "not authorized to perform: "+action) {
			t.Errorf("without %s: exit code %d: %s", action, r.code, r.err)
		}
	}
}

// Of the reading role no action can be left out, and what is left out is named.
func TestEachReadingPermission(t *testing.T) {
	e := newEnforced(t, everyRegion+asHub)
	e.onlyNeeding()
	reading := e.documents.actionsOf(t, "reader")
	if len(reading) < 17 {
		t.Fatalf("there are only %d", len(reading))
	}
	for _, action := range reading {
		t.Run(action, func(t *testing.T) {
			e.attach(e.without("reader", action))
			regions := " --org --regions eu-west-1,us-east-1 "
			if action == "ec2:DescribeRegions" {
				regions = everyRegion
			}
			d := e.audit("--role-name ecraudit-reader" + regions + asHub)
			if len(d.Gaps) == 0 {
				t.Error("it is not needed: there is no gap")
			}
			for _, g := range d.Gaps {
				if g.Permission != action || g.Account == awssim.DemoManagement {
					t.Errorf("another gap: %+v", g)
				}
			}
		})
	}
}

// Nor of the hub role, of which the first part is what it needs as such.
func TestEachPermissionOfTheHub(t *testing.T) {
	e := newEnforced(t, everyRegion+asHub)
	e.onlyNeeding()
	inOwn := e.documents.actionsOf(t, "reader")
	audit := "audit --format json --role-name ecraudit-reader --org --regions eu-west-1,us-east-1 " + asHub
	for _, action := range e.documents.actionsOf(t, "hub") {
		t.Run(action, func(t *testing.T) {
			e.attach(e.without("hub", action))
			switch action {
			case "organizations:ListAccounts":
				if r := e.run(audit); r.code != exitError || !strings.Contains(r.err, "not authorized to perform: "+action) {
					t.Errorf("exit code %d: %s", r.code, r.err)
				}
			case "organizations:DescribeOrganization":
				d := e.decode(e.run(audit))
				if !strings.Contains(d.Run.OrganizationUnread, "not authorized to perform: "+action) || len(d.Gaps) > 0 {
					t.Errorf("%q; %+v", d.Run.OrganizationUnread, d.Gaps)
				}
			case "ec2:DescribeRegions":
				e.gapsOnly(e.decode(e.run(strings.Replace(audit, "eu-west-1,us-east-1", "all", 1))), action, awssim.DemoManagement)
			case "sts:AssumeRole":
				d := e.decode(e.run(audit))
				for _, g := range d.Gaps {
					if g.Operation != action {
						t.Errorf("another gap: %+v", g)
					}
				}
				if len(d.Gaps) != len(e.org.Accounts())-1 {
					t.Errorf("%d gaps", len(d.Gaps))
				}
			default:
				account := ""
				if slices.Contains(inOwn, action) {
					account = awssim.DemoManagement
				}
				e.gapsOnly(e.decode(e.run(audit)), action, account)
			}
		})
	}
	e.attach(e.without("caller", "sts:AssumeRole"))
	if r := e.run(audit); r.code != exitError || !strings.Contains(r.err, "--hub-role-arn: assuming "+hubARN) {
		t.Errorf("without the permission to assume the hub role: exit code %d: %s", r.code, r.err)
	}
}

// gapsOnly checks that there are gaps, all for want of one permission, and in
// one account if it is named.
func (e *enforced) gapsOnly(d document, action, account string) {
	e.t.Helper()
	if len(d.Gaps) == 0 {
		e.t.Errorf("%s is not needed: there is no gap", action)
	}
	for _, g := range d.Gaps {
		if g.Permission != action || account != "" && g.Account != account {
			e.t.Errorf("without %s there is another gap: %+v", action, g)
		}
	}
}

// What is planned is applied and taken back with exactly the permissions of all
// kinds as it is by one who may everything. Each kind alone, and each action left
// out, is tried in package remediate.
func TestPermissionsOfFixes(t *testing.T) {
	const who = asHub + " --role-name ecraudit-reader "
	mended := func(t *testing.T, all bool) (outcome string, code int) {
		e := newEnforced(t, everyRegion+asHub+" --fix all")
		if all {
			for _, account := range e.org.Accounts() {
				account.AddRole(awssim.Role{Name: "ecraudit-fixer", Trust: string(e.documents["fixer-trust"])})
			}
			e.org.ManagementAccount().AddRole(awssim.Role{Name: "team/hub", Trust: string(e.documents["hub-trust"])})
		}
		e.works("plan -o plan.json --org --regions eu-west-1,us-east-1" + who)
		const as = "--fix-role-name ecraudit-fixer --yes --hub-role-arn " + hubARN + " --external-id 0f3a"
		applied := e.run("apply plan.json --max-changes 1000 " + as)
		undone := e.run("undo --last " + as)
		for _, r := range []result{applied, undone} {
			if r.code == exitError || strings.Contains(r.out+r.err, "denied") {
				t.Errorf("exit code %d: %s%s", r.code, r.out, r.err)
			}
		}
		if n := e.server.Calls().Writes(); n.Calls < 100 {
			t.Errorf("only %d calls write", n.Calls)
		}
		return string(e.org.Dump()), applied.code
	}
	exact, exactCode := mended(t, false)
	free, freeCode := mended(t, true)
	withoutRoles := func(dump string) string {
		_, registries, _ := strings.Cut(dump, `"Registries"`)
		return registries
	}
	if exactCode != freeCode || withoutRoles(exact) != withoutRoles(free) {
		t.Errorf("exit code %d with exactly the permissions, %d with all: %s", exactCode, freeCode, gocmp.Diff(withoutRoles(free), withoutRoles(exact)))
	}
}

// A wrong external id, and none, are told in words that help.
func TestWrongExternalID(t *testing.T) {
	e := newEnforced(t, " --org --rules everything.rego --external-id 0f3a --hub-account "+awssim.DemoManagement)
	for _, id := range []string{"", " --external-id 0f3b"} {
		d := e.audit("--org --role-name ecraudit-reader --rules everything.rego" + id)
		if len(d.Gaps) != len(e.org.Accounts())-1 {
			t.Errorf("%q: %d gaps", id, len(d.Gaps))
		}
		for _, g := range d.Gaps {
			if g.Operation != "sts:AssumeRole" || !strings.Contains(g.Message, "that it trusts the caller") || id != "" && !strings.Contains(g.Message, "--external-id is the one that it demands") {
				t.Errorf("%q: %+v", id, g)
			}
		}
	}
}

// The table of calls has what runs that need everything call, and nothing else.
func TestTableOfCalls(t *testing.T) {
	e := newEnforced(t, everyRegion+asHub)
	w := e.world
	w.as(awssim.DemoManagement, "eu-west-1") // who may everything
	t.Setenv("AWS_SESSION_TOKEN", "")
	w.server.ResetCalls()
	w.run("audit --org --regions all --role-name ecraudit-reader --external-id 0f3a --hub-role-arn " + hubARN + " --rules everything.rego")
	w.run("audit --hub-role-arn " + hubARN + " --external-id 0f3a --role-name ecraudit-reader --ou " + w.org.Account(awssim.DemoPlatform).Describe().OU)
	w.server.Faults().Add(awssim.Fault{Kind: awssim.Denied, Operation: "ec2:DescribeRegions"})
	w.run("audit --hub-role-arn " + hubARN + " --external-id 0f3a --regions all --role-name ecraudit-reader --accounts " + awssim.DemoProduction)
	called := map[string]bool{}
	for operation := range w.server.Calls().ByOperation() {
		called[operation] = true
	}
	delete(called, "sts:GetCallerIdentity") // needs no permission
	listed := map[string]bool{}
	for _, c := range collect.Calls() {
		if listed[c.Operation] {
			t.Errorf("%s stands in the table twice", c.Operation)
		}
		listed[c.Operation] = true
	}
	if diff := gocmp.Diff(called, listed); diff != "" {
		t.Errorf("the table of calls (-called +listed):\n%s", diff)
	}
}

// A rule that is off takes its permission with it.
func TestPermissionsFollowTheRules(t *testing.T) {
	w := newWorld(t, awssim.Demo())
	var before, after granted
	w.decodeJSON("permissions", &before)
	var off strings.Builder
	for _, rule := range strings.Split(strings.TrimSpace(w.works("rules").out), "\n")[1:] {
		if id := strings.Fields(rule)[0]; id != "tag-immutability" {
			fmt.Fprintf(&off, "  %s: off\n", id)
		}
	}
	w.write("ecraudit.yaml", "rules:\n"+off.String()+"  tag-immutability: on\n")
	w.decodeJSON("permissions", &after)
	if got := after.actionsOf(t, "reader"); slices.Contains(got, "ecr:GetRepositoryPolicy") || !slices.Contains(got, "ecr:DescribeRepositories") {
		t.Errorf("%v", got)
	}
	if !slices.Contains(before.actionsOf(t, "reader"), "ecr:GetRepositoryPolicy") {
		t.Error("it is not there without the configuration either")
	}
}

// documentedPolicies are the policies in docs/permissions.md by the title of their
// block, and the command that writes them.
var documentedPolicies = map[string]string{
	"what the reading role may do":    "permissions --regions all --document reader",
	"who may assume the reading role": "permissions --hub-role-arn arn:aws:iam::111122223333:role/hub --external-id 0f3a --document reader-trust",
	"what the hub role may do":        "permissions --org --regions all --hub-role-arn arn:aws:iam::111122223333:role/hub --document hub",
}

// permissionsPage is docs/permissions.md with its tables and policies as they
// should be.
func permissionsPage(t *testing.T) string {
	t.Helper()
	current, err := os.ReadFile(filepath.Join(root, "docs", "permissions.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := between(t, string(current), "<!-- reading -->\n", "<!-- end of reading -->", readingTable())
	text = between(t, text, "<!-- fixing -->\n", "<!-- end of fixing -->", fixingTable())
	for title, command := range documentedPolicies {
		var out, failure bytes.Buffer
		if code := run(t.Context(), strings.Fields(command), streams{out: &out, err: &failure}); code != 0 {
			t.Fatalf("ecraudit %s: %s", command, failure.String())
		}
		text = between(t, text, "```json title=\""+title+"\"\n", "```\n", out.String())
	}
	return text
}

// between replaces what stands between two marks.
func between(t *testing.T, text, begin, end, with string) string {
	t.Helper()
	before, rest, ok := strings.Cut(text, begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("docs/permissions.md lacks %q or %q", begin, end)
	}
	return before + begin + with + end + after
}

func readingTable() string {
	var b strings.Builder
	b.WriteString("| Action | On | Of whom | For |\n| --- | --- | --- | --- |\n")
	for _, c := range collect.Calls() {
		for _, action := range append([]string{c.Operation}, c.Enhanced...) {
			var why []string
			for _, occasion := range c.Occasions {
				why = append(why, string(occasion))
			}
			for _, need := range c.Needs {
				why = append(why, "`"+string(need)+"`")
			}
			if action != c.Operation {
				why = []string{"enhanced scanning"}
			}
			of := map[collect.Party]string{collect.ByRole: "reading role", collect.ByCaller: "caller or hub role"}[c.By]
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", action, permissions.On(action), of, strings.ReplaceAll(strings.Join(why, ", "), "--ou", "`--ou`"))
		}
	}
	return strings.ReplaceAll(b.String(), "--regions all", "`--regions all`")
}

func fixingTable() string {
	var b strings.Builder
	b.WriteString("| Kind | Looks with | Writes with |\n| --- | --- | --- |\n")
	for _, kind := range remediate.AllKinds() {
		var looks, writes []string
		for _, p := range remediate.Permissions(kind) {
			if p.Writes {
				writes = append(writes, "`"+p.Action+"`")
			} else {
				looks = append(looks, "`"+p.Action+"`")
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", kind, strings.Join(looks, ", "), strings.Join(writes, ", "))
	}
	return b.String()
}

// What needs a permission has a scope: no action would be written as "*" for want
// of one.
func TestEveryActionHasItsScope(t *testing.T) {
	actions := fixing(remediate.AllKinds())
	for _, c := range collect.Calls() {
		actions = append(append(actions, c.Operation), c.Enhanced...)
	}
	for _, action := range actions {
		if permissions.On(action) == "" {
			t.Errorf("%s has no scope", action)
		}
	}
}

// examplesOfPermissions are the files in examples/permissions and what writes
// them. Tests of tools/ciexamples read them as IAM's, CloudFormation's and
// Terraform's own programs do, and compare the policies in them.
var examplesOfPermissions = map[string]string{
	"policies.json":       "--account 222233334444",
	"cloudformation.yaml": "--format cloudformation",
	"terraform.tf":        "--format terraform",
	"stackset.yaml":       "--format stackset",
	"hub.yaml":            "--format cloudformation --document hub",
	"hub.tf":              "--format terraform --document hub",
}

func TestExamplesOfPermissions(t *testing.T) {
	folder := filepath.Join(root, "examples", "permissions")
	files, err := os.ReadDir(folder)
	if err != nil && !*update {
		t.Fatal(err)
	}
	for _, file := range files {
		if examplesOfPermissions[file.Name()] == "" {
			t.Errorf("%s is written by nothing", file.Name())
		}
	}
	w := newWorld(t, awssim.Demo())
	w.write("ecraudit.yaml", "organization: {id: o-a1b2c3d4e5}\nscopes: [{match: {ous: [workloads], account_tags: {stage: prod}}, settings: {immutable: all}}]\n")
	for name, flags := range examplesOfPermissions {
		r := w.works("permissions --org --regions all --fix all,restore,purge --enhanced-scanning --external-id 0f3a --hub-role-arn arn:aws:iam::111122223333:role/team/hub " + flags)
		path := filepath.Join(folder, name)
		if *update {
			if err := os.WriteFile(path, []byte(r.out), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		current, err := os.ReadFile(path)
		if err != nil || string(current) != r.out {
			t.Errorf("examples/permissions/%s is not current: go test ./cmd/ecraudit -run TestExamplesOfPermissions -update\n%s", name, gocmp.Diff(string(current), r.out))
		}
	}
}

// No region is read here, so that none is the default.
func TestPermissionsHelpOfRegions(t *testing.T) {
	w := newWorld(t, awssim.Demo())
	help := strings.Join(strings.Fields(w.works("permissions --help").out), " ")
	if strings.Contains(help, "ambient") || !strings.Contains(help, " NAMES of the regions that will be read, which tell the partition") {
		t.Error(help)
	}
	if r := w.under("permissions --document reader", "ECRAUDIT_EXTERNAL_ID=0f3a"); r.code != 0 { // that of runs, which means nothing here
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
}

// What cannot be meant is refused, with the remedy.
func TestPermissionsThatCannotBeMeant(t *testing.T) {
	w := newWorld(t, awssim.Demo())
	for flags, want := range map[string]string{
		"--format xml":       "--format: \"xml\" is not one of iam, cloudformation",
		"--fix everything":   "--fix: \"everything\" is not one of all, policy",
		"--account 12":       "--account: \"12\" is not an account id",
		"--hub-account x":    "--hub-account: \"x\" is not an account id",
		"--hub-role-arn hub": "--hub-role-arn: \"hub\" is not a role's ARN",
		"--external-id a":    "--external-id: \"a\": use 2 to 1224",
		"--external-id 0f3a": "--external-id: it is demanded of whoever assumes the roles, which is not known: give --hub-role-arn, or --hub-account",
		"--org --external-id 0f3a --document reader":                           "--external-id: it is demanded of whoever assumes the roles, which is not known: give --hub-role-arn, or --hub-account",
		"--role-name arn:aws:iam::1:role/x":                                    "--role-name: ",
		"--fix-role-name a:b":                                                  "--fix-role-name: ",
		"--fix-role-name ecraudit-reader":                                      "give the role that makes changes another name",
		"--org --accounts 111122223333":                                        "give one of --org, --ou and --accounts",
		"--format terraform":                                                   "give --hub-role-arn, or --hub-account",
		"--format stackset --hub-account 111122223333":                         "give --org, --ou or --accounts",
		"--document fixer":                                                     "say with --fix what is",
		"--document hub":                                                       "name it with --hub-role-arn",
		"--document reader-trust":                                              "give --hub-role-arn, or --hub-account",
		"--document raeder":                                                    "did you mean \"reader\"?",
		"--partition gov":                                                      "--partition: \"gov\" is not one of",
		"--regions mars-1":                                                     "--regions: there is no region \"mars-1\": use names such as eu-west-1, or all",
		"--regions eu-wset-1":                                                  "did you mean \"eu-west-1\"? (AWS is not asked here: for a region that is newer than this version leave --regions out",
		"--regions cn-north-1,eu-west-1":                                       "the partitions differ: --regions is in aws, --regions is in aws-cn",
		"--partition aws-cn --hub-role-arn " + hubARN:                          "the partitions differ: --hub-role-arn is in aws, --partition is in aws-cn",
		"--hub-account 111122223333 --hub-role-arn " + hubARN:                  "give one of them",
		"--format terraform --document caller --hub-account 111122223333":      "a template makes whole roles",
		"--format terraform --account 111122223333 --hub-account 111122223333": "leave it out",
		"--rules-repository rules":                                             "--rules-repository: \"rules\" is not a repository's ARN",
		"--role-name team/":                                                    "--role-name: \"team/\": IAM takes names of 1 to 64",
		"-o no-such-folder/x":                                                  "no-such-folder",
		"--config no-such-file":                                                "no-such-file",
		"--accounts " + manyAccounts(200) + " --hub-account 111122223333":      "name fewer accounts, or all with --org",
		"--format terraform --document hub --hub-role-arn " + hubARN + " --accounts " + manyAccounts(200): "of which IAM takes 10240",
		"--accounts 222233334444 --exclude-accounts 222233334444":                                         "--exclude-accounts: it leaves no account of --accounts",
		"--format stackset --hub-role-arn " + hubARN + " --accounts " + awssim.DemoManagement:             "name the others",
		"--hub-role-arn arn:aws:iam::111122223333:role/*":                                                 "is not a role's ARN",
		"--hub-role-arn arn:aws:iam::111122223333:role/${aws:username}":                                   "is not a role's ARN",
		"--hub-role-arn arn:aws:iam::111122223333:role/%{x}":                                              "is not a role's ARN",
		"--hub-role-arn arn:aws-fake:iam::111122223333:role/hub":                                          "there is no partition \"aws-fake\"",
		"--fix-role-name team/Ecraudit-Reader":                                                            "give the role that makes changes another name",
		"--org --format stackset --hub-role-arn arn:aws:iam::111122223333:role/ecraudit-reader":           "give it another",
		"--regions us-gov-west-1 --rules-repository arn:aws:ecr:eu-west-1:111122223333:repository/rules":  "--rules-repository is in aws",
	} {
		if r := w.run("permissions " + flags); r.code != exitError || !strings.Contains(r.err, want) || r.out != "" {
			t.Errorf("%.60s: exit code %d: %s\nwant %s", flags, r.code, r.err, want)
		}
	}
}

func manyAccounts(n int) string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%012d", i+1)
	}
	return strings.Join(ids, ",")
}

// Rules are pulled by who starts ecraudit, also where a hub role does the rest.
func TestPermissionsToPullRules(t *testing.T) {
	w := newWorld(t, awssim.Demo())
	var of granted
	w.decodeJSON("permissions --org --rules-repository arn:aws:ecr:eu-west-1:111122223333:repository/rules --hub-role-arn "+hubARN, &of)
	if got := of.actionsOf(t, "caller"); !slices.Equal(got, []string{"ecr:BatchGetImage", "ecr:GetAuthorizationToken", "ecr:GetDownloadUrlForLayer", "sts:AssumeRole"}) {
		t.Errorf("%v", got)
	}
	e := &enforced{world: w, documents: of}
	e.attach(of) // IAM takes it
}

// Only what is written has to fit, as large as IAM takes it where it is put.
func TestPermissionsOfManyAccounts(t *testing.T) {
	w := newWorld(t, awssim.Demo())
	for _, flags := range []string{
		"--document reader --hub-account 111122223333 --accounts " + manyAccounts(200),
		"--format terraform --hub-account 111122223333 --accounts " + manyAccounts(200),
		"--format terraform --document hub --fix all --hub-role-arn " + hubARN + " --accounts " + manyAccounts(60),
	} {
		w.works("permissions " + flags)
	}
}

// Who is not meant is not entered, and gets no roles.
func TestPermissionsWithoutAccounts(t *testing.T) {
	const excluded = " --exclude-accounts " + awssim.DemoPayments + " "
	e := newEnforced(t, " --org"+excluded+asHub)
	if d := e.audit("--org --role-name ecraudit-reader" + excluded + asHub); len(d.Gaps) > 0 {
		t.Errorf("gaps: %+v", d.Gaps)
	}
	d := e.audit("--org --role-name ecraudit-reader" + asHub)
	if len(d.Gaps) != 1 || d.Gaps[0].Account != awssim.DemoPayments || d.Gaps[0].Operation != "sts:AssumeRole" {
		t.Errorf("gaps: %+v", d.Gaps)
	}
	for flags, want := range map[string]string{
		"--org": "those that join later too.\n|AutoDeployment:\n        Enabled: true\n        RetainStacksOnAccountRemoval: false\n",
		"--org" + excluded: "but not in those that join later|AutoDeployment:\n        Enabled: false\n      Man|" +
			"AccountFilterType: DIFFERENCE\n            Accounts:\n              - \"" + awssim.DemoPayments + "\"\n          Regions",
		"--accounts " + awssim.DemoPlatform + "," + awssim.DemoPayments + "," + awssim.DemoManagement + "," + awssim.DemoPlatform + excluded: "but not in those that join later|Enabled: false|" +
			"AccountFilterType: INTERSECTION\n            Accounts:\n              - \"" + awssim.DemoPlatform + "\"\n          Regions",
	} {
		got := e.works("permissions --format stackset --hub-role-arn " + hubARN + " " + flags).out
		for part := range strings.SplitSeq(want, "|") {
			if !strings.Contains(got, part) {
				t.Errorf("%s: there is no %q in\n%s", flags, part, got)
			}
		}
	}
}

// Who assumes roles and is let assume none is told so.
func TestPermissionsThatEnterNothing(t *testing.T) {
	w := newWorld(t, awssim.Demo())
	for flags, warned := range map[string]bool{
		"--hub-role-arn " + hubARN:                                             true,
		"--format terraform --document hub --hub-role-arn " + hubARN:           true,
		"--document caller --hub-account " + awssim.DemoManagement:             true,
		"--document reader --hub-role-arn " + hubARN:                           false,
		"--format cloudformation --hub-role-arn " + hubARN:                     false,
		"--org --document caller --hub-account " + awssim.DemoManagement:       false,
		"--hub-account " + awssim.DemoManagement + " --format terraform --org": false,
	} {
		if r := w.works("permissions " + flags); strings.Contains(r.err, "--org, --ou or --accounts say which accounts are meant") != warned {
			t.Errorf("%s: %s", flags, r.err)
		}
	}
}

// CloudFormation reads YAML 1.1, in which these are no strings.
func TestPermissionsInYAML(t *testing.T) {
	w := newWorld(t, awssim.Demo())
	for _, id := range []string{"yes", "on", "1:30:45", "0777", "1_000", "NO"} {
		r := w.works("permissions --format cloudformation --hub-account 111122223333 --external-id " + id)
		if !strings.Contains(r.out, "sts:ExternalId: \""+id+"\"\n") {
			t.Errorf("%s is not in quotes:\n%s", id, r.out)
		}
	}
}

// The first steps work with what they write.
func TestFirstStepsOfPermissions(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "permissions.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```sh\necraudit ")
	block, _, _ := strings.Cut(rest, "```")
	steps := strings.Split(strings.TrimSpace(block), "\necraudit ")
	if len(steps) != 3 {
		t.Fatalf("%q", steps)
	}
	e := &enforced{world: demoWorld(t)}
	e.decodeJSON(steps[0], &e.documents)
	e.attach(e.documents)
	if r := e.run(steps[1]); r.code != 0 {
		t.Errorf("%s: exit code %d: %s", steps[1], r.code, r.out+r.err)
	}
	if r := e.run(steps[2]); r.code != 2 || strings.Contains(r.out, "NOT complete") {
		t.Errorf("%s: exit code %d: %s", steps[2], r.code, r.out+r.err)
	}
}

// Elsewhere ARNs begin otherwise.
func TestPermissionsByPartition(t *testing.T) {
	w := newWorld(t, awssim.Demo())
	for flags, want := range map[string]string{
		"":                                 "arn:aws:ecr:*:*:repository/*",
		"--regions cn-north-1":             "arn:aws-cn:ecr:*:*:repository/*",
		"--regions us-gov-west-1":          "arn:aws-us-gov:ecr:*:*:repository/*",
		"--partition aws-cn --regions all": "arn:aws-cn:ecr:*:*:repository/*",
		"--hub-role-arn arn:aws-us-gov:iam::111122223333:role/hub --account 222233334444": "arn:aws-us-gov:ecr:*:222233334444:repository/*",
		"--regions eusc-de-east-1 --hub-role-arn arn:aws-eusc:iam::111122223333:role/hub": "arn:aws-eusc:ecr:*:*:repository/*",
		"--regions us-isob-east-1": "arn:aws-iso-b:ecr:*:*:repository/*",
	} {
		if r := w.works("permissions " + flags); !strings.Contains(r.out, want) {
			t.Errorf("%s: no %s in %s", flags, want, r.out)
		}
	}

	r := w.runIn("permissions", []string{"ECRAUDIT_FIX=true"})
	if r.code != 0 || !strings.Contains(r.err, "ECRAUDIT_FIX is left aside") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
}

// runIn runs a command line with variables.
func (w *world) runIn(line string, variables []string) result {
	w.t.Helper()
	var out, failure bytes.Buffer
	code := run(w.t.Context(), strings.Fields(line), streams{out: &out, err: &failure, environ: variables})
	return result{code, out.String(), failure.String()}
}
