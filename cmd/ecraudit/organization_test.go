package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecraudit/ecraudit/internal/awssim"
)

// Who is outside depends on the organization, so that the configuration of another
// judges nothing, whether AWS or a snapshot is asked.
func TestConfigurationOfAnotherOrganization(t *testing.T) {
	w := demoWorld(t)
	w.snapshot("org.snapshot")
	w.works("audit --snapshot org.snapshot -o report.json")
	w.write("other.yaml", "organization: {id: o-zzzzzzzzzz}\n")
	const ofSnapshot = "ecraudit: other.yaml says that the organization is o-zzzzzzzzzz (organization.id), but the snapshot org.snapshot is of o-a1b2c3d4e5: correct organization.id"
	const ofAWS = "ecraudit: the configuration says that the organization is o-zzzzzzzzzz, but AWS Organizations says o-a1b2c3d4e5: correct organization.id"
	for line, want := range map[string]string{
		"audit --snapshot org.snapshot":                                                                             ofSnapshot,
		"plan --snapshot org.snapshot -o plan.json":                                                                 ofSnapshot,
		"waive 3215f1df --snapshot org.snapshot --until 2027-01-31 --reason x --owner y":                            ofSnapshot,
		"access access/public --snapshot org.snapshot":                                                              ofSnapshot,
		"images images/graph --snapshot org.snapshot":                                                               ofSnapshot,
		"cost --snapshot org.snapshot":                                                                              ofSnapshot,
		"rules run encryption --snapshot org.snapshot":                                                              ofSnapshot,
		"rules bench --snapshot org.snapshot":                                                                       ofSnapshot,
		"config explain access/public --snapshot org.snapshot":                                                      ofSnapshot,
		"config validate other.yaml --snapshot org.snapshot":                                                        ofSnapshot,
		"audit" + orgFlags:                                                                                          ofAWS,
		"config validate other.yaml --org":                                                                          ofAWS,
		"access access/public --account 222233334444 --region eu-west-1 --role-name ecraudit-reader":                ofAWS,
		"config explain access/public --live --account 222233334444 --role-name ecraudit-reader --region eu-west-1": ofAWS,
	} {
		if !strings.Contains(line, "validate") {
			line += " --config other.yaml"
		}
		if r := w.runAt(line); r.code != exitError || !strings.Contains(r.err, want) || r.out != "" {
			t.Errorf("%s: exit code %d: %s%.300s", line, r.code, r.err, r.out)
		}
	}
	w.write("same.yaml", "organization: {id: o-a1b2c3d4e5}\n")
	if r := w.runAt("audit --snapshot org.snapshot --config same.yaml"); r.code != 2 {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
}

// What AWS did not tell when a snapshot was made, the configuration says later.
func TestConfigurationCompletesTheOrganization(t *testing.T) {
	w := demoWorld(t)
	w.write("told.yaml", "organization: {id: o-a1b2c3d4e5, accounts: ['111122223333', '222233334444', '333344445555', '444455556666', '555566667777']}\n"+string(demoConfig))
	w.server.Faults().Add(awssim.Fault{Kind: awssim.Denied, Operation: "organizations:*"})
	w.works("snapshot -o s.snapshot" + platformFlags)
	unknown := w.auditAt("--snapshot s.snapshot")
	if !strings.Contains(unknown.Run.OrganizationUnread, "organizations:DescribeOrganization: ") || !strings.Contains(unknown.Run.OrganizationUnread, "organizations:ListAccounts: ") {
		t.Errorf("unread: %q", unknown.Run.OrganizationUnread)
	}
	later, live := w.auditAt("--snapshot s.snapshot --config told.yaml"), w.auditAt("--config told.yaml"+platformFlags)
	if later.Run.OrganizationID != "o-a1b2c3d4e5" || later.Run.OrganizationUnread != "" {
		t.Errorf("%q, unread: %q", later.Run.OrganizationID, later.Run.OrganizationUnread)
	}
	if diff := cmp.Diff(live.verdictsOf("access-outside-organization", "readers-missing"), later.verdictsOf("access-outside-organization", "readers-missing")); diff != "" || len(later.verdictsOf("access-outside-organization")) == 0 {
		t.Errorf("judged by AWS and by the snapshot (-AWS +snapshot): %s", diff)
	}
	w.write("half.yaml", "organization: {id: o-a1b2c3d4e5}\n"+string(demoConfig))
	if half := w.auditAt("--snapshot s.snapshot --config half.yaml"); !strings.HasPrefix(half.Run.OrganizationUnread, "organizations:ListAccounts: ") {
		t.Errorf("unread: %q", half.Run.OrganizationUnread)
	}
}
