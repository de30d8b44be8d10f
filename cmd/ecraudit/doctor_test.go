package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/doctor"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// diagnose runs the doctor and reads its answer.
func (w *world) diagnose(flags string) diagnosis {
	w.t.Helper()
	r := w.run("doctor --format json --retry-for 100ms " + flags)
	var d diagnosis
	if err := json.Unmarshal([]byte(r.out), &d); err != nil {
		w.t.Fatalf("ecraudit doctor %s: exit code %d: %s%s", flags, r.code, r.out, r.err)
	}
	if d.Summary.ExitCode != r.code {
		w.t.Errorf("the answer says exit code %d, the command ended with %d", d.Summary.ExitCode, r.code)
	}
	return d
}

// in are the checks of an area with a status.
func (d diagnosis) in(area doctor.Area, status doctor.Status) (found []doctor.Check) {
	for _, c := range d.Checks {
		if c.Area == area && c.Status == status {
			found = append(found, c)
		}
	}
	return found
}

// wrong are the areas that are not ok.
func (d diagnosis) wrong() (found []doctor.Area) {
	for _, c := range d.Checks {
		if c.Status != doctor.OK && !slices.Contains(found, c.Area) {
			found = append(found, c.Area)
		}
	}
	return found
}

const twoRegions = " --org --role-name ecraudit-reader --regions eu-west-1,us-east-1 "

// With what ecraudit permissions says everything is in place, and nothing is
// written to find that out.
func TestDoctorOfASoundOrganization(t *testing.T) {
	e := newEnforced(t, everyRegion+asHub)
	e.server.ResetCalls()
	defer e.server.ReadOnly()()
	d := e.diagnose("--enhanced-scanning --role-name ecraudit-reader --org --regions eu-west-1,us-east-1" + asHub)
	for _, c := range d.Checks {
		// The two accounts with basic scanning in the region that is looked at have no findings of Inspector.
		if c.Status == doctor.Failed || c.Status == doctor.NotChecked && !strings.Contains(c.Detail, "is not enhanced") {
			t.Errorf("%+v", c)
		}
	}
	if n := e.server.Calls().Writes(); n.Calls > 0 {
		t.Errorf("%d calls write", n.Calls)
	}
	d = e.diagnose("--role-name ecraudit-reader --org --regions eu-west-1,us-east-1" + asHub)
	if d.Summary.ExitCode != 0 || d.Summary.MostCalls == 0 || d.Summary.MostCalls > 18 {
		t.Errorf("%+v: %v", d.Summary, d.wrong())
	}
	if got, want := len(d.in(doctor.Permissions, doctor.OK)), len(e.org.Accounts())+1; got != want {
		t.Errorf("of %d accounts, or of the caller, permissions are in place, not of %d", got, want)
	}
}

// suggested are the command that writes all that is needed, and the statement to
// add instead.
var suggested = regexp.MustCompile(`\n(ecraudit permissions .*)\n(\{.*\})$`)

// advised runs the command that the doctor suggests, which must write a policy that
// allows the action, and returns that policy and the statement to add.
func (e *enforced) advised(c doctor.Check, action string) (policy json.RawMessage, statement string) {
	e.t.Helper()
	found := suggested.FindStringSubmatch(c.Next)
	if found == nil {
		e.t.Fatalf("nothing is suggested: %s", c.Next)
	}
	r := e.run(strings.TrimPrefix(found[1], "ecraudit "))
	if r.code != 0 {
		e.t.Fatalf("%s: %s", found[1], r.err)
	}
	policy = json.RawMessage(r.out)
	if actions := (granted{"": policy}).actionsOf(e.t, ""); !slices.Contains(actions, action) {
		e.t.Errorf("%s does not allow %s: %v", found[1], action, actions)
	}
	return policy, found[2]
}

// What is missing is named, and what the doctor says to add mends it.
func TestDoctorNamesEachPermission(t *testing.T) {
	e := newEnforced(t, everyRegion+asHub)
	e.onlyNeeding()
	// An account whose registry that is looked at has what every call can ask about.
	registry := e.org.Account(awssim.DemoProduction).Registry("eu-west-1")
	registry.SetScanning(awssim.Scanning{ScanType: "ENHANCED"})
	flags := "--enhanced-scanning --role-name ecraudit-reader --regions eu-west-1 --accounts " + awssim.DemoProduction + asHub
	for _, action := range e.documents.actionsOf(t, "reader") {
		t.Run(action, func(t *testing.T) {
			flags := flags
			if action == "ec2:DescribeRegions" {
				flags = strings.Replace(flags, "--regions eu-west-1", "--regions all", 1)
			}
			documents := e.without("reader", action)
			e.attach(documents)
			d := e.diagnose(flags)
			failed := d.in(doctor.Permissions, doctor.Failed)
			if len(failed) != 1 || !slices.Equal(failed[0].Missing, []string{action}) || d.Summary.ExitCode != 2 {
				t.Fatalf("%+v", d.Checks)
			}
			policy, statement := e.advised(failed[0], action)
			added := json.RawMessage(strings.Replace(string(documents["reader"]), `"Statement":[`, `"Statement":[`+statement+`,`, 1))
			for what, reader := range map[string]json.RawMessage{"what was to be added": added, "the policy of the command": policy} {
				documents["reader"] = reader
				e.attach(documents)
				if d := e.diagnose(flags); len(d.in(doctor.Permissions, doctor.Failed)) > 0 {
					t.Errorf("with %s: %+v", what, d.in(doctor.Permissions, doctor.Failed))
				}
			}
		})
	}
}

// What scopes ask of AWS Organizations is asked too, of one account.
func TestDoctorNamesPermissionsOfTheHub(t *testing.T) {
	e := newEnforced(t, everyRegion+asHub)
	flags := "--role-name ecraudit-reader --org --regions eu-west-1 " + asHub
	for action, area := range map[string]doctor.Area{
		"organizations:ListTagsForResource": doctor.Permissions, "organizations:ListOrganizationalUnitsForParent": doctor.Permissions,
		"organizations:ListAccounts": doctor.Organization,
	} {
		e.attach(e.without("hub", action))
		d := e.diagnose(flags)
		failed := d.in(area, doctor.Failed)
		if len(failed) != 1 || !strings.Contains(failed[0].Detail, action) {
			t.Errorf("without %s: %+v", action, failed)
			continue
		}
		if area == doctor.Organization {
			if _, command, found := strings.Cut(failed[0].Next, "\necraudit "); !found || !strings.Contains(e.works(command).out, action) {
				t.Errorf("%s: %s", action, failed[0].Next)
			}
			continue
		}
		e.advised(failed[0], action)
	}
}

// What is suggested has the flags of the run: without them other policies would
// come of it, or none.
func TestDoctorSuggestsTheRunsPermissions(t *testing.T) {
	for name, test := range map[string]struct {
		permissions, flags string
		document, action   string
		account            string // whose check is meant
	}{
		"of the regions":          {everyRegion + asHub, everyRegion + asHub, "reader", "ec2:DescribeRegions", awssim.DemoPlatform},
		"of the fixing role":      {everyRegion + asHub + " --fix lifecycle", " --org --regions eu-west-1 --fix lifecycle" + asHub, "fixer", "ecr:GetLifecyclePolicyPreview", awssim.DemoPlatform},
		"of the hub":              {everyRegion + asHub, everyRegion + asHub, "hub", "ec2:DescribeRegions", awssim.DemoManagement},
		"of the hub, which fixes": {everyRegion + asHub + " --fix lifecycle", " --org --regions eu-west-1 --fix lifecycle" + asHub, "hub", "ecr:GetLifecyclePolicyPreview", awssim.DemoManagement},
		"of the caller": {
			everyRegion + "--rules everything.rego --hub-account " + awssim.DemoManagement, everyRegion + "--rules everything.rego ",
			"caller", "ec2:DescribeRegions", awssim.DemoManagement,
		},
		"of rules in a file with a strange name": {
			everyRegion + asHub, strings.Replace(everyRegion+asHub, "everything.rego", "every'thing.rego", 1), "reader", "ecr:GetAccountSetting", awssim.DemoPlatform,
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnforced(t, test.permissions)
			e.needing("every'thing.rego", slices.Concat(snapshot.RegistryNeeds(), snapshot.RepositoryNeeds(), snapshot.ImageNeeds())...)
			e.attach(e.without(test.document, test.action))
			d := e.diagnose("--enhanced-scanning --role-name ecraudit-reader " + test.flags)
			i := slices.IndexFunc(d.Checks, func(c doctor.Check) bool {
				return strings.HasPrefix(c.Subject, test.account) && slices.Contains(c.Missing, test.action)
			})
			if i < 0 {
				t.Fatalf("nobody misses %s: %+v", test.action, d.in(doctor.Permissions, doctor.Failed))
			}
			c := d.Checks[i]
			c.Next = strings.ReplaceAll(c.Next, `'every'\''thing.rego'`, "every'thing.rego") // as a shell takes it
			policy, _ := e.advised(c, test.action)
			documents := maps.Clone(e.documents)
			documents[test.document] = policy
			e.attach(documents)
			if d := e.diagnose("--allow-incomplete --enhanced-scanning --role-name ecraudit-reader " + test.flags); d.Summary.ExitCode != 0 {
				t.Errorf("with it: %+v", d.in(doctor.Permissions, doctor.Failed))
			}
		})
	}
}

// A variable of a whole environment is as good as a flag, and what means something
// else to other commands is left out.
func TestDoctorSuggestsWhatVariablesSay(t *testing.T) {
	e := newEnforced(t, everyRegion+asHub)
	e.attach(e.without("reader", "ec2:DescribeRegions"))
	r := e.under("doctor --format json --org --role-name ecraudit-reader"+asHub, "ECRAUDIT_REGIONS=all", "ECRAUDIT_FIX=true", "ECRAUDIT_FORMAT=json")
	var d diagnosis
	if err := json.Unmarshal([]byte(r.out), &d); err != nil {
		t.Fatalf("%v: %s", err, r.err)
	}
	if failed := d.in(doctor.Permissions, doctor.Failed); len(failed) == 0 {
		t.Errorf("%+v", d.Checks)
	} else {
		e.advised(failed[0], "ec2:DescribeRegions")
	}
}

// Where a policy denies, no statement that allows would help.
func TestDoctorTellsDenials(t *testing.T) {
	const deny = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"ecr:GetRegistryPolicy","Resource":"*"}]}`
	const other = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotAction":"ecr:GetRegistryPolicy","Resource":"*"}]}`
	e := newEnforced(t, everyRegion+asHub)
	account := e.org.Account(awssim.DemoPlatform)
	reader := awssim.Role{Name: "ecraudit-reader", Policies: []string{string(e.documents["reader"])}, Trust: string(e.documents["reader-trust"])}
	const role = "arn:aws:iam::" + awssim.DemoPlatform + ":role/ecraudit-reader"
	for name, test := range map[string]struct {
		policy, boundary, control string
		reason, message, next     string
	}{
		"the role's own policy": {deny, "", "", "an explicit deny in an identity-based policy", "with an explicit deny in an identity-based policy", "a statement in the policies of " + role + " denies ecr:GetRegistryPolicy"},
		"the boundary":          {"", deny, "", "an explicit deny in a permissions boundary", "with an explicit deny in a permissions boundary", "a statement in the permissions boundary of " + role + " denies ecr:GetRegistryPolicy"},
		"a control":             {"", "", deny, "an explicit deny in a service control policy", "with an explicit deny in a service control policy", "a statement in the service control policies of account " + awssim.DemoPlatform},
		"a boundary without it": {"", other, "", "no permissions boundary allows it", "because no permissions boundary allows the ecr:GetRegistryPolicy action", "let the permissions boundary of " + role + " allow ecr:GetRegistryPolicy, too"},
		"a control without it":  {"", "", other, "no service control policy allows it", "because no service control policy allows the ecr:GetRegistryPolicy action", "let the service control policies of account " + awssim.DemoPlatform},
	} {
		t.Run(name, func(t *testing.T) {
			role := reader
			if role.Boundary = test.boundary; test.policy != "" {
				role.Policies = []string{test.policy}
			}
			account.AddRole(role)
			account.SetServiceControlPolicies()
			if test.control != "" {
				account.SetServiceControlPolicies(test.control)
			}
			d := e.diagnose("--role-name ecraudit-reader --regions eu-west-1 --accounts " + awssim.DemoPlatform + asHub)
			failed := d.in(doctor.Permissions, doctor.Failed)
			if len(failed) != 1 || !slices.Equal(failed[0].Missing, []string{"ecr:GetRegistryPolicy"}) || failed[0].DeniedBy["ecr:GetRegistryPolicy"] != test.reason {
				t.Fatalf("%+v", failed)
			}
			if c := failed[0]; !strings.Contains(c.Detail, "("+test.reason+")") || !strings.Contains(c.Next, test.next) || suggested.MatchString(c.Next) || strings.Contains(c.Next, `"Allow"`) {
				t.Errorf("%s → %s", c.Detail, c.Next)
			}
			run := "audit --role-name ecraudit-reader --regions eu-west-1 --accounts " + awssim.DemoPlatform + asHub
			for _, g := range e.decode(e.run(run + "--format json")).Gaps {
				if g.Permission != "" {
					t.Errorf("a permission that would not help: %+v", g)
				}
			}
			if r := e.run(run); !strings.Contains(flat(r.out), test.message) || strings.Contains(r.out, "the role needs") {
				t.Errorf("the report does not say %q", test.message)
			}
		})
	}
}

func TestDoctorOfWhatIsWrong(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(*world)
		flags   string
		area    doctor.Area
		status  doctor.Status
		detail  string // a part of it
		next    string
		code    int
	}{
		"an account that cannot be entered": {nil, twoRegions, doctor.Roles, doctor.Failed, "cannot be assumed", "check that the role exists, and that it trusts the caller", 2},
		"a wrong external id": {func(w *world) {
			w.org.Account(awssim.DemoPayments).AddRole(awssim.Role{Name: "ecraudit-reader", ExternalID: "0f3a"})
		}, "--role-name ecraudit-reader --external-id 0f3b --accounts " + awssim.DemoPayments, doctor.Roles, doctor.Failed, "cannot be assumed", "--external-id is the one that it demands", 2},
		"a clock that is behind": {func(w *world) {
			w.server.Faults().Add(awssim.Fault{Kind: awssim.ClockSkew, Delay: 7 * time.Minute})
		}, "", doctor.Clock, doctor.Failed, "behind", "set the clock", 2},
		"a clock that is ahead": {func(w *world) {
			w.server.Faults().Add(awssim.Fault{Kind: awssim.ClockSkew, Delay: -7 * time.Minute})
		}, "", doctor.Clock, doctor.Failed, "ahead", "set the clock", 2},
		"a clock that is a little behind": {func(w *world) {
			w.server.Faults().Add(awssim.Fault{Kind: awssim.ClockSkew, Delay: time.Minute})
		}, "", doctor.Clock, doctor.OK, "behind, of which AWS takes 5 minutes", "", 0},
		"ECR that cannot be reached": {func(w *world) { w.t.Setenv("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:1") },
			"", doctor.Endpoints, doctor.Failed, "no connection", "check firewalls", 2},
		"STS of no known name": {func(w *world) { w.t.Setenv("AWS_ENDPOINT_URL_STS", "http://no-such-host.invalid") },
			"", doctor.Endpoints, doctor.Failed, "the name is not known", "check the name of the region", 2},
		"a certificate that is not trusted": {func(w *world) {
			behind := httptest.NewTLSServer(http.NotFoundHandler())
			behind.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
			w.t.Cleanup(behind.Close)
			w.t.Setenv("AWS_ENDPOINT_URL_ECR", behind.URL)
		}, "", doctor.Endpoints, doctor.Failed, "the certificate is not trusted", "AWS_CA_BUNDLE", 2},
		"a page of a proxy": {func(w *world) {
			page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusForbidden)
				_, _ = io.WriteString(w, "<html>blocked</html>")
			}))
			w.t.Cleanup(page.Close)
			w.t.Setenv("AWS_ENDPOINT_URL_ECR", page.URL)
		}, "", doctor.Endpoints, doctor.Failed, "it answers with status 403", "this is no answer of AWS", 2},
		"an endpoint that does not answer": {func(w *world) {
			w.server.Faults().Add(awssim.Fault{Kind: awssim.Latency, Operation: "ecr:*", Delay: time.Second})
		}, "--call-timeout 100ms", doctor.Endpoints, doctor.Failed, "no answer in time", "--call-timeout waits longer", 2},
		"no credentials": {func(w *world) {
			w.t.Setenv("AWS_ACCESS_KEY_ID", "")
			w.t.Setenv("AWS_SECRET_ACCESS_KEY", "")
		}, "", doctor.Credentials, doctor.Failed, "no AWS credentials", "get-caller-identity", 2},
		"credentials that have expired": {func(w *world) {
			w.server.Faults().Add(awssim.Fault{Kind: awssim.ExpiredToken})
		}, "", doctor.Credentials, doctor.Failed, "have expired", "", 2},
		"a member account that lists nobody": {func(w *world) { w.as(awssim.DemoPayments, "eu-west-1") },
			twoRegions, doctor.Organization, doctor.Failed, "cannot list the organization's accounts", "management account", 2},
		"who is inside is not known": {func(w *world) { w.as(awssim.DemoPayments, "eu-west-1") },
			"", doctor.Organization, doctor.Failed, "who is inside is not known", "organization.id", 2},
		"a region that is not enabled": {nil, "--regions eu-west-1,af-south-1", doctor.Regions, doctor.Failed, "has not enabled it", "--regions all", 2},
		"a misspelt region":            {nil, "--regions eu-wset-1", doctor.Regions, doctor.Failed, `did you mean "eu-west-1"`, "", 2},
		"a region that a policy denies": {func(w *world) {
			w.server.Faults().Add(awssim.Fault{Kind: awssim.Denied, Region: "us-east-1", Operation: "ecr:*"})
		}, "--regions eu-west-1,us-east-1", doctor.Regions, doctor.Failed, "not authorized", "service control policy", 2},
		"calls that are throttled": {func(w *world) {
			w.server.Faults().Add(awssim.Fault{Kind: awssim.Throttle, Operation: "ecr:GetRegistryPolicy"})
		}, "", doctor.Permissions, doctor.NotChecked, "not tried: ecr:GetRegistryPolicy (ThrottlingException", "", 3},
		"a configuration that is wrong": {func(w *world) { w.write("ecraudit.yaml", "immutible: all\n") },
			"", doctor.Configuration, doctor.Failed, `unknown key "immutible"`, "config validate", 2},
		"what cannot be tried": {nil, "--fix tags --allow-incomplete", doctor.Permissions, doctor.NotChecked, "not tried: ecr:TagResource, ecr:UntagResource (it cannot be tried without writing)", "", 0},
		"the same, counted":    {nil, "--fix tags", doctor.Permissions, doctor.NotChecked, "it cannot be tried without writing", "", 3},
		"no time": {func(w *world) {
			w.server.Faults().Add(awssim.Fault{Kind: awssim.Latency, Operation: "organizations:*", Delay: 3 * time.Second})
		}, "--timeout 200ms", doctor.Endpoints, doctor.NotChecked, "no time left", "", 3},
	} {
		t.Run(name, func(t *testing.T) {
			w := demoWorld(t)
			if test.prepare != nil {
				test.prepare(w)
			}
			d := w.diagnose(test.flags)
			found := d.in(test.area, test.status)
			there := slices.ContainsFunc(found, func(c doctor.Check) bool {
				return strings.Contains(c.Detail, test.detail) && strings.Contains(c.Next, test.next)
			})
			if !there || d.Summary.ExitCode != test.code {
				t.Errorf("exit code %d; %s, %s: %+v\nof %+v", d.Summary.ExitCode, test.area, test.status, found, d.Checks)
			}
		})
	}
}

// Who cannot assume the hub role has credentials that AWS accepts. The command that
// is suggested writes what lets them.
func TestDoctorWithoutTheHubRole(t *testing.T) {
	w := demoWorld(t)
	const hub = "arn:aws:iam::" + awssim.DemoManagement + ":role/hub"
	d := w.diagnose("--org --role-name ecraudit-reader --regions eu-west-1 --hub-role-arn " + hub)
	if callers := d.in(doctor.Credentials, doctor.OK); len(callers) != 1 || callers[0].Subject != "caller" {
		t.Errorf("of the caller: %+v", callers)
	}
	failed := d.in(doctor.Credentials, doctor.Failed)
	if len(failed) != 1 || failed[0].Subject != "hub role" || !strings.Contains(failed[0].Detail, hub+" cannot be assumed: AccessDenied") {
		t.Fatalf("of the hub role: %+v", d.Checks)
	}
	for _, area := range []doctor.Area{doctor.Organization, doctor.Roles, doctor.Regions, doctor.Permissions} {
		if late := d.in(area, doctor.NotChecked); len(late) != 1 || late[0].Detail != "the hub role could not be assumed" {
			t.Errorf("%s: %+v", area, late)
		}
	}
	says, command, found := strings.Cut(failed[0].Next, "\necraudit ")
	if !found || !strings.HasPrefix(command, "permissions ") || !strings.Contains(command, " --hub-role-arn "+hub+" ") || strings.Contains(says, "get-caller-identity") {
		t.Fatalf("next: %s", failed[0].Next)
	}
	var documents map[string]json.RawMessage
	if err := json.Unmarshal([]byte(w.works(command).out), &documents); err != nil {
		t.Fatal(err)
	}
	for _, document := range []string{"hub", "hub-trust", "caller"} {
		if documents[document] == nil {
			t.Errorf("%s writes no document %s", command, document)
		}
	}
}

// What there was no time for is no failure of what should have been looked at.
func TestDoctorOutOfTime(t *testing.T) {
	for _, slow := range []string{"sts:*", "organizations:*", "ec2:*", "ecr:*", "ecr:Get*"} {
		t.Run(slow, func(t *testing.T) {
			w := demoWorld(t)
			w.server.Faults().Add(awssim.Fault{Kind: awssim.Latency, Operation: slow, Delay: time.Minute})
			d := w.diagnose("--timeout 500ms --accounts " + awssim.DemoPlatform + " --role-name ecraudit-reader --regions all ")
			late := 0
			for _, c := range d.Checks {
				switch {
				case c.Status == doctor.Failed:
					t.Errorf("failed: %+v", c)
				case c.Status == doctor.OK:
				case strings.Contains(c.Detail, "no time left"):
					late++
				default:
					t.Errorf("not for want of time: %+v", c)
				}
			}
			if late == 0 || d.Summary.ExitCode != 3 {
				t.Errorf("exit code %d: %+v", d.Summary.ExitCode, d.Checks)
			}
		})
	}
}

// Where nothing can be asked, nothing is said to be in place.
func TestDoctorWithoutAWS(t *testing.T) {
	w := demoWorld(t)
	for _, service := range []string{"", "_STS", "_ECR", "_ORGANIZATIONS", "_EC2"} {
		t.Setenv("AWS_ENDPOINT_URL"+service, "http://127.0.0.1:1")
	}
	d := w.diagnose(twoRegions)
	for _, area := range []doctor.Area{doctor.Endpoints, doctor.Clock, doctor.Credentials, doctor.Organization, doctor.Roles, doctor.Regions, doctor.Permissions} {
		if ok := d.in(area, doctor.OK); len(ok) > 0 || len(d.in(area, doctor.Failed))+len(d.in(area, doctor.NotChecked)) == 0 {
			t.Errorf("%s: %+v", area, ok)
		}
	}
}

// What people read has what programs read.
func TestDoctorForPeople(t *testing.T) {
	w := demoWorld(t)
	r := w.run("doctor" + twoRegions + "-o doctor.txt")
	if r.code != 2 || r.out != "" {
		t.Errorf("exit code %d: %s", r.code, r.out)
	}
	r = w.run("doctor" + twoRegions)
	for _, want := range []string{
		"ok           credentials    caller: arn:aws:iam::111122223333:user/admin\n",
		"failed       roles          555566667777 (legacy):\n",
		"                            cannot be assumed: ",
		"                            → check that the role exists, and that it trusts the\n",
		"not checked  permissions    555566667777 (legacy): the account could not be\n",
		" calls, at most 16 in one account\n", // as the documentation says
	} {
		if !strings.Contains(r.out, want) {
			t.Errorf("it does not say %q:\n%s", want, r.out)
		}
	}
	for _, wrong := range []string{"--timeout 0s", "--format xml", "--fix everything", "--accounts 12"} {
		if r := w.run("doctor " + wrong); r.code != exitError || !strings.Contains(r.err, strings.Fields(wrong)[0]) {
			t.Errorf("%s: exit code %d: %s", wrong, r.code, r.err)
		}
	}
}
