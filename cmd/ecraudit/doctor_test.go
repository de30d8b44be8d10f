package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/doctor"
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

var suggested = regexp.MustCompile(`or add to its policy:\n(\{.*\})$`)

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
			statement := suggested.FindStringSubmatch(failed[0].Next)
			if statement == nil {
				t.Fatal(failed[0].Next)
			}
			documents["reader"] = json.RawMessage(strings.Replace(string(documents["reader"]), `"Statement":[`, `"Statement":[`+statement[1]+`,`, 1))
			e.attach(documents)
			if d := e.diagnose(flags); len(d.in(doctor.Permissions, doctor.Failed)) > 0 {
				t.Errorf("with what was to be added: %+v", d.in(doctor.Permissions, doctor.Failed))
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
		if statement := suggested.FindStringSubmatch(failed[0].Next); (statement == nil) != (area == doctor.Organization) {
			t.Errorf("%s: %s", action, failed[0].Next)
		}
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
