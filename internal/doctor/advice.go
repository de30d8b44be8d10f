package doctor

import (
	"slices"
	"strings"

	"github.com/ecraudit/ecraudit/internal/awsapi"
	"github.com/ecraudit/ecraudit/internal/permissions"
)

// PermissionsFor is the command that writes the policies of which the run that is
// examined has need, with what it takes beside the flags of that run.
type PermissionsFor func(more ...string) string

// command is the one for a session, whose partition the flags do not tell.
func (e *examination) command(session *awsapi.Session, more ...string) string {
	if session.Partition != "aws" {
		more = append([]string{"--partition", session.Partition}, more...)
	}
	return e.Permissions(more...)
}

// callersDocument is the name of the document for whose credentials the session
// has.
func (e *examination) callersDocument() string {
	if e.Roles.HubARN != "" {
		return string(permissions.Hub)
	}
	return "caller"
}

// callersPolicies is the command that writes what the session's credentials need.
func (e *examination) callersPolicies(session *awsapi.Session) string {
	return e.command(session, "--document", e.callersDocument())
}

// whoIsTrusted are the flags that say who assumes the roles.
func (e *examination) whoIsTrusted(session *awsapi.Session) []string {
	if e.Roles.HubARN != "" {
		return nil // the run has it among its flags
	}
	return []string{"--hub-account", session.Account}
}

// nextForRole is what to do where AWS refused the session to assume a role.
func (e *examination) nextForRole(s *awsapi.Session, err error) string {
	if denial := awsapi.DenialIn(awsapi.Reason(err)); denial.Explicit {
		return beyond(denial, s.Caller, s.Account, "sts:AssumeRole")
	}
	return s.Advice() + "; this writes the role, its trust policy, and what the caller needs:\n" + e.command(s, e.whoIsTrusted(s)...)
}

// refusals are IAM actions that were denied, and what AWS said about it.
type refusals map[string]awsapi.Denial

// actions are sorted.
func (r refusals) actions(which func(awsapi.Denial) bool) (actions []string) {
	for action, denial := range r {
		if which(denial) {
			actions = append(actions, action)
		}
	}
	slices.Sort(actions)
	return actions
}

func (r refusals) all() []string { return r.actions(func(awsapi.Denial) bool { return true }) }

// reasons are what AWS said by action, where it said something.
func (r refusals) reasons() map[string]string {
	said := map[string]string{}
	for action, denial := range r {
		if text := denial.String(); text != "" {
			said[action] = text
		}
	}
	return said
}

// text lists the actions, with the reason where a statement in the own policies
// is not what lacks.
func (r refusals) text() string {
	var texts []string
	for _, action := range r.all() {
		if denial := r[action]; !denial.Grantable() {
			action += " (" + denial.String() + ")"
		}
		texts = append(texts, action)
	}
	return strings.Join(texts, ", ")
}

// advice is what to do about refusals of who has a policy that command writes, in
// an account. What is to be pasted stands on lines of its own, the last.
func (r refusals) advice(who, command string, place permissions.Place) string {
	var steps []string
	var seen []awsapi.Denial
	for _, action := range r.all() {
		if denial := r[action]; !denial.Grantable() && !slices.Contains(seen, denial) {
			seen = append(seen, denial)
			same := r.actions(func(d awsapi.Denial) bool { return d == denial })
			steps = append(steps, beyond(denial, who, place.Account, strings.Join(same, ", ")))
		}
	}
	if missing := r.actions(awsapi.Denial.Grantable); len(missing) > 0 {
		steps = append(steps, "the first line below writes all that it needs; or add the second to its policy:\n"+command+"\n"+permissions.Allowing(place, missing))
	}
	return strings.Join(steps, "; ")
}

// beyond is what to do where no statement in the policies of who asks would help.
func beyond(d awsapi.Denial, who, account, actions string) string {
	where := "the " + d.Policy
	switch d.Policy {
	case awsapi.IdentityPolicy:
		where = "the policies of " + who
	case awsapi.PermissionsBoundary:
		where = "the permissions boundary of " + who
	case awsapi.ServiceControlPolicy, awsapi.ResourceControlPolicy:
		kind := strings.Replace(d.Policy, "policy", "policies", 1)
		where = "the " + kind + " of account " + account + ", which the management account sets in AWS Organizations,"
	case awsapi.ResourcePolicy:
		where = "the policy of the repository or the registry"
	case awsapi.SessionPolicy:
		where = "the session policy with which the credentials were made"
	case awsapi.EndpointPolicy:
		where = "the policy of the VPC endpoint through which ecraudit asks"
	}
	if d.Explicit {
		return "a statement in " + where + " denies " + actions + ": narrow it or take it out; no statement that allows outweighs it"
	}
	return "let " + where + " allow " + actions + ", too: that the role is allowed it is not enough"
}
