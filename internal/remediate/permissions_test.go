package remediate_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ecraudit/ecraudit/internal/awssim"
	"github.com/ecraudit/ecraudit/internal/permissions"
	"github.com/ecraudit/ecraudit/internal/remediate"
)

// everyForm is everyKind with what takes the permissions that are seldom needed:
// a registry policy that goes, and a template with a role.
func everyForm() *awssim.Organization {
	org := everyKind(notPolled)
	org.Account(team).Registry(region).SetPolicy(`{"Version":"2012-10-17","Statement":[` +
		`{"Sid":"Unknown","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + stranger + `:root"},"Action":["ecr:ReplicateImage"],"Resource":"arn:aws:ecr:` + region + `:` + team + `:repository/*"}]}`)
	org.Account(production).Registry(region).AddCreationTemplate(awssim.CreationTemplate{
		Prefix: "roles", AppliedFor: []string{"CREATE_ON_PUSH"}, TagMutability: "MUTABLE", LifecyclePolicy: soundLifecycle,
		RepositoryPolicy: policy(statement("Readers", readers, pull)), CustomRoleARN: "arn:aws:iam::" + production + ":role/ecr-templates",
	})
	return org
}

// enforce gives the fixing role the policy that the actions make, and nothing else.
func (w *world) enforce(actions []string) {
	w.t.Helper()
	for _, account := range []string{team, production} {
		answer := permissions.Make(permissions.Request{
			Place: permissions.Place{Partition: "aws", Account: account}, ReaderName: readRole, FixerName: fixRole, Fixing: actions, HubAccount: management,
		})
		role := awssim.Role{Name: fixRole}
		if fixer := answer.Role(permissions.Fixer); fixer != nil {
			role.Policies, role.Trust = []string{string(fixer.Policy.JSON())}, string(fixer.Trust.JSON())
		}
		w.org.Account(account).AddRole(role)
	}
}

func actionsOf(k remediate.Kind) (actions []string) {
	for _, p := range remediate.Permissions(k) {
		actions = append(actions, p.Action)
	}
	return actions
}

// mend applies the changes of a kind as the fixing role, and takes them back if
// that was all applied.
func (w *world) mend(kind remediate.Kind) (results []remediate.Result) {
	w.t.Helper()
	j := newJournal(w.t)
	var plan *remediate.Plan
	switch kind {
	case remediate.KindRestore, remediate.KindPurge:
		plan = w.planOfParked(j, kind)
	default:
		plan = w.plan(remediate.Filter{})
		plan.Changes = slices.DeleteFunc(plan.Changes, func(c remediate.Change) bool { return c.Kind != kind })
	}
	if len(plan.Changes) == 0 {
		w.t.Fatalf("there is no change of the kind %s", kind)
	}
	applied := w.apply(j, plan)
	if kind == remediate.KindPurge || slices.ContainsFunc(applied.Results, failed) {
		return applied.Results // what is deleted does not come back
	}
	return append(applied.Results, w.undo(j, applied.Run).Results...)
}

// planOfParked parks images, as one who may, and plans to restore or to delete
// them.
func (w *world) planOfParked(j *remediate.Journal, kind remediate.Kind) *remediate.Plan {
	w.t.Helper()
	enforced := w.org.Account(team).Describe().Roles
	w.org.Account(team).AddRole(awssim.Role{Name: fixRole, Allowed: fixerActions()})
	parking := w.plan(remediate.Filter{})
	parking.Changes = slices.DeleteFunc(parking.Changes, func(c remediate.Change) bool { return c.Kind != remediate.KindUntag || c.Repository != "untag/last" })
	clean(w.t, w.apply(j, parking))
	var plan *remediate.Plan
	var err error
	if kind == remediate.KindPurge {
		w.pass(40 * day)
		plan = w.purge(j)
	} else {
		parked := w.parked(j)[0]
		plan, err = remediate.RestorePlan(parked, parked.Had, remediate.Plan{Version: "test", Clock: w.now, Organization: w.org.ID()})
	}
	if err != nil {
		w.t.Fatal(err)
	}
	for _, role := range enforced {
		w.org.Account(team).AddRole(role)
	}
	return plan
}

func failed(r remediate.Result) bool {
	return r.Outcome != remediate.Applied && r.Outcome != remediate.Already
}

// With the permissions of a kind its changes are applied and taken back; without
// any one of them something fails, and says which.
func TestEachFixingPermission(t *testing.T) {
	for _, kind := range remediate.AllKinds() {
		t.Run(string(kind), func(t *testing.T) {
			w := serve(t, everyForm(), awssim.Options{AnySignature: true})
			w.enforce(actionsOf(kind))
			for _, r := range w.mend(kind) {
				if failed(r) {
					t.Errorf("%s: %s: %s: %s", r.Where(), r.Summary, r.Outcome, r.Reason)
				}
			}
			for _, action := range actionsOf(kind) {
				t.Run(action, func(t *testing.T) {
					w := serve(t, everyForm(), awssim.Options{AnySignature: true})
					w.enforce(slices.DeleteFunc(actionsOf(kind), func(a string) bool { return a == action }))
					named := regexp.MustCompile("not authorized to perform: " + action + " ")
					lacking := 0
					for _, r := range w.mend(kind) {
						switch {
						case !failed(r):
						case named.MatchString(r.Reason) && strings.Contains(r.Reason, "the role needs "+action):
							lacking++
						default:
							t.Errorf("%s: %s: %s: %s", r.Where(), r.Summary, r.Outcome, r.Reason)
						}
					}
					if lacking == 0 {
						t.Error("it is not needed: nothing fails without it")
					}
				})
			}
		})
	}
}
