package access

import "cmp"

// Context is where the repository stands, and what is known of the world
// around it.
type Context struct {
	Partition, Account, Region string

	Repository     string // name, without the registry; "" where the registry itself is asked about
	OrganizationID string // "" when unknown or none
	NoOrganization bool   // it is known that the account belongs to no organization

	// Members maps each account of the organization to its OU path
	// "o-…/r-…/ou-…/" ("" when the path is unknown). It is nil when the
	// members are unknown.
	Members map[string]string

	// Trusted and Vendors map accounts outside the organization that the
	// configuration trusts to the names that it gives them.
	Trusted, Vendors map[string]string
}

// trust returns the name of a trusted account, its id where it has none.
func (c *Context) trust(account string) (name string, trusted bool) {
	if name, ok := c.Vendors[account]; ok {
		return "vendor " + cmp.Or(name, account), true
	}
	name, ok := c.Trusted[account]
	if ok {
		return cmp.Or(name, account), true
	}
	return "", false
}

// Documents are the resource policies that decide about one repository.
type Documents struct {
	RepositoryPolicy string // "" when there is none
	RegistryPolicy   string // "" when there is none

	// RegistryScope is "V1", "V2" or "" when unknown. V1 enforces only
	// ecr:ReplicateImage, ecr:BatchImportUpstreamImage and
	// ecr:CreateRepository of the registry policy, V2 every ECR action.
	RegistryScope string

	// RegistryUnread is the reason why the registry policy could not be
	// read; whatever it might grant is then unknown.
	RegistryUnread string
}

// Exposure says how far a grant reaches.
type Exposure string

// The exposures, narrowest first; ExposureUnknown stands outside the order.
const (
	ExposureOwn     Exposure = "own"     // nobody but the account that owns the repository
	ExposureInside  Exposure = "inside"  // other accounts of the organization
	ExposureTrusted Exposure = "trusted" // accounts outside the organization that the configuration trusts
	ExposureOutside Exposure = "outside" // somebody outside the organization, but not everyone
	ExposurePublic  Exposure = "public"  // everyone
	ExposureUnknown Exposure = "unknown" // cannot be decided
)

// Analysis is the answer of Analyze.
type Analysis struct {
	// Exposure is the widest of the grants, or unknown when something that
	// cannot be decided could be wider than everything that can.
	Exposure Exposure `json:"exposure"`

	Grants   []Grant  `json:"grants"`             // in a stable order, never nil
	Problems []string `json:"problems,omitempty"` // why a document is no valid policy; Exposure is unknown then
}

// Statement is a statement of a policy as it is written, in one form and not
// judged. What it lets in is only known together with all others: ask Analyze.
type Statement struct {
	ID           string               `json:"id"`         // Sid, or "#2" for the second statement
	Effect       string               `json:"effect"`     // Allow or Deny; Allow where the document says neither
	Actions      []string             `json:"actions"`    // as written
	NotAction    bool                 `json:"not_action"` // it speaks of all actions but these
	Inert        []string             `json:"inert"`      // those of Actions that grant nothing in a repository policy; none with NotAction
	Wildcards    []string             `json:"wildcards"`  // those of Actions that match actions of ECR with * or ?
	Principals   []StatementPrincipal `json:"principals"`
	NotPrincipal bool                 `json:"not_principal"` // it speaks of all principals but these
	Resources    []string             `json:"resources"`     // as written, also those of NotResource
	NotResource  bool                 `json:"not_resource"`
	Conditions   []string             `json:"conditions"` // in words
}

// StatementPrincipal is an entry of a Principal or NotPrincipal element.
type StatementPrincipal struct {
	Type    string `json:"type"`    // AWS, Service, Federated or CanonicalUser, "*" for an entry without a type
	Value   string `json:"value"`   // as written
	Kind    string `json:"kind"`    // as of a Grant; everyone for what AWS accepts as no principal
	Account string `json:"account"` // "" if it is not one account
}

// Grant is what one statement lets one set of principals do, after every Deny
// that surely covers it.
type Grant struct {
	Principal           string   `json:"principal"`            // who, in words or as an ARN
	Kind                string   `json:"kind"`                 // everyone, organization, account, role, user, session, service, federated, canonical or deleted
	Account             string   `json:"account"`              // "" if it is not one account
	Exposure            Exposure `json:"exposure"`             // unknown when it cannot be decided
	Widest              Exposure `json:"widest"`               // the widest it may be; equals Exposure when that is certain
	Reason              string   `json:"reason"`               // why it cannot be decided, "" when it can
	Abilities           []string `json:"abilities"`            // of read, pull, push, delete, administer, in this order
	Level               string   `json:"level"`                // the strongest ability
	Actions             []string `json:"actions"`              // full names, sorted, or "ecr:*" alone
	Conditions          []string `json:"conditions"`           // the conditions that remain, in words
	Statement           string   `json:"statement"`            // Sid, or "#2" for the second statement
	Source              string   `json:"source"`               // repository-policy or registry-policy
	OutsideOrganization bool     `json:"outside_organization"` // surely reaches somebody outside the organization who is not trusted
	OutsideAccount      bool     `json:"outside_account"`      // surely reaches somebody outside the own account
	Trusted             string   `json:"trusted"`              // the name that the configuration gives the account, after "vendor " for a vendor's
}

// Verdict answers a question with yes, no or unknown, and says why.
type Verdict struct {
	Answer string `json:"answer"`
	Reason string `json:"reason"`
}

// InertAction is an action that a repository policy names although it grants
// nothing there.
type InertAction struct {
	Statement string `json:"statement"` // Sid, or "#2" for the second statement
	Action    string `json:"action"`    // as the policy writes it
	Reason    string `json:"reason"`
}
