package access

// Context is where the repository stands, and what is known of the world
// around it.
type Context struct {
	Partition, Account, Region string

	Repository     string // name, without the registry
	OrganizationID string // "" when unknown or none
	NoOrganization bool   // it is known that the account belongs to no organization

	// Members maps each account of the organization to its OU path
	// "o-…/r-…/ou-…/" ("" when the path is unknown). It is nil when the
	// members are unknown.
	Members map[string]string

	// Trusted maps accounts to the name that the configuration gives them.
	Trusted map[string]string
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
	Trusted             string   `json:"trusted,omitempty"`    // the name that the configuration gives the account
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
