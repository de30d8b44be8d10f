package access

import (
	"errors"
	"strings"
)

// principalKind is what an entry of a Principal element names.
type principalKind int

const (
	everyone  principalKind = iota
	account                 // an account, and whatever in it the account lets in
	role                    // a role, whatever session has it
	user                    // an IAM user
	session                 // one session of a role
	federated               // the sessions of a federated user, or of an identity provider
	service                 // an AWS service acting for itself
	canonical               // an account by its S3 id
	deleted                 // the unique id of something that is gone
	invalid                 // nothing that AWS accepts
)

var principalKindNames = [...]string{"everyone", "account", "role", "user", "session", "federated", "service", "canonical", "deleted", "everyone"}

// principal is one entry of a Principal or NotPrincipal element.
type principal struct {
	kind    principalKind
	element string // what it stands under, "AWS" or "Service"; "*" where it stands under nothing
	text    string // as written
	account string // 12 digits, "" where the entry names none
	name    string // "role/path/name", "user/path/name", "federated-user/name"; for a session its role's name; for a service its host
	doubt   string // why it cannot be told whom the entry names
}

const (
	doubtWildcard  = "AWS accepts no wildcard inside a principal"
	doubtPrincipal = "AWS accepts no such principal"
	doubtPartition = "the principal belongs to another partition than the repository"
	doubtFederated = "AWS documents federated principals for the trust policies of roles only"
	doubtCanonical = "the account cannot be told from a canonical user id"
)

// principals reads a Principal or NotPrincipal element.
func (r *reader) principals(n node) ([]principal, error) {
	if n.kind != '{' {
		list, err := n.texts()
		if err != nil || len(list) == 0 {
			return []principal{{kind: invalid, doubt: doubtPrincipal}}, errors.New("it names no principal")
		}
		entries := make([]principal, 0, len(list))
		for _, text := range list {
			p := principal{kind: everyone, text: text}
			if text != "*" {
				p = principal{kind: invalid, text: text, doubt: doubtPrincipal}
			}
			p.element = "*"
			entries = append(entries, p)
		}
		return entries, nil
	}
	var entries []principal
	for _, item := range n.items {
		list, err := item.texts()
		if err != nil {
			return append(entries, principal{kind: invalid, doubt: doubtPrincipal}), err
		}
		for _, text := range list {
			p := r.principal(item.name, text)
			p.element = item.name
			entries = append(entries, p)
		}
	}
	if len(entries) == 0 {
		return []principal{{kind: invalid, doubt: doubtPrincipal}}, errors.New("it names no principal")
	}
	return entries, nil
}

func (r *reader) principal(kind, text string) principal {
	switch kind {
	case "AWS":
		return r.awsPrincipal(text)
	case "Service":
		if strings.ContainsAny(text, "*?") && text != "*" {
			return principal{kind: invalid, text: text, doubt: doubtWildcard}
		}
		return principal{kind: service, text: text, name: strings.ToLower(text)}
	case "Federated":
		p := principal{kind: federated, text: text, doubt: doubtFederated}
		if arn, ok := parseARN(text); ok && isAccount(arn.account) && strings.Contains(arn.resource, "-provider/") {
			p.account = arn.account
		}
		return p
	case "CanonicalUser":
		return principal{kind: canonical, text: text, doubt: doubtCanonical}
	default:
		return principal{kind: invalid, text: text, doubt: doubtPrincipal}
	}
}

func (r *reader) awsPrincipal(text string) principal {
	switch {
	case text == "*":
		return principal{kind: everyone, text: text}
	case isAccount(text):
		return principal{kind: account, text: text, account: text}
	case isUniqueID(text):
		return principal{kind: deleted, text: text}
	case strings.ContainsAny(text, "*?"):
		return principal{kind: invalid, text: text, doubt: doubtWildcard}
	}
	arn, ok := parseARN(text)
	if !ok || !isAccount(arn.account) || arn.region != "" {
		return principal{kind: invalid, text: text, doubt: doubtPrincipal}
	}
	if r.ctx.Partition != "" && arn.partition != r.ctx.Partition {
		return principal{kind: invalid, text: text, doubt: doubtPartition}
	}
	p := principal{text: text, account: arn.account, name: arn.resource}
	kind, rest, _ := strings.Cut(arn.resource, "/")
	switch {
	case arn.service == "iam" && arn.resource == "root":
		p.kind = account
	case arn.service == "iam" && kind == "role" && rest != "":
		p.kind = role
	case arn.service == "iam" && kind == "user" && rest != "":
		p.kind = user
	case arn.service == "sts" && kind == "federated-user" && rest != "":
		p.kind = federated
	case arn.service == "sts" && kind == "assumed-role" && strings.Count(rest, "/") == 1:
		p.kind = session
		p.name, _, _ = strings.Cut(rest, "/")
	default:
		return principal{kind: invalid, text: text, doubt: doubtPrincipal}
	}
	return p
}

type arn struct{ partition, service, region, account, resource string }

func parseARN(text string) (arn, bool) {
	parts := strings.SplitN(text, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		return arn{}, false
	}
	return arn{parts[1], parts[2], parts[3], parts[4], parts[5]}, true
}

func isAccount(text string) bool {
	if len(text) != 12 {
		return false
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

// isUniqueID recognizes the ids that IAM gives to its entities. AWS writes one
// into a policy in place of the ARN once the entity is deleted, and never
// gives it to another one.
func isUniqueID(text string) bool {
	if len(text) < 16 || len(text) > 128 {
		return false
	}
	switch text[:4] {
	case "AIDA", "AROA", "AGPA", "AIPA", "ANPA", "ANVA", "APKA", "ASCA", "ABIA", "ACCA":
	default:
		return false
	}
	for _, c := range text {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// covers says whether the entry names the caller.
func (p *principal) covers(c *caller) truth {
	switch p.kind {
	case everyone:
		return yes
	case service:
		return truthOf(c.service != "" && (p.name == c.service || p.name == "*"))
	case deleted:
		return no
	}
	if c.service != "" {
		return no
	}
	switch p.kind {
	case account:
		return truthOf(c.scope.account == p.account)
	case role, user:
		return truthOf(c.scope.account == p.account).and(c.who.isResource(p.name))
	case session:
		if c.scope.account != p.account {
			return no
		}
		return c.who.isSession(p)
	case federated:
		return p.coversFederated(c)
	default:
		return maybe
	}
}

func (p *principal) coversFederated(c *caller) truth {
	switch {
	case p.doubt == "":
		return truthOf(c.scope.account == p.account).and(c.who.isResource(p.name))
	case p.account != "" && c.scope.account != p.account:
		return no
	default:
		return maybe
	}
}

// covers says whether the principal element of a Deny holds for the caller.
// With NotPrincipal, whoever an entry may name is in doubt; AWS checks the
// account of a named role as well, which this does not take for granted.
func (s *statement) covers(c *caller) truth {
	result := no
	for i := range s.principals {
		p := &s.principals[i]
		covers := p.covers(c)
		if s.notPrincipal && p.kind == invalid {
			covers = max(covers, maybe)
		}
		if result = result.or(covers); result == yes {
			break
		}
	}
	if s.notPrincipal {
		return result.not()
	}
	return result
}

// excepts says whether an Allow with NotPrincipal surely leaves the caller out.
func (s *statement) excepts(c *caller) bool {
	if !s.notPrincipal {
		return false
	}
	for i := range s.principals {
		if s.principals[i].covers(c) == yes {
			return true
		}
	}
	return false
}
