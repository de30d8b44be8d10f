// Package config is ecraudit.yaml: what an organization demands of its ECR
// registries, which rules hold, and where.
//
// A configuration is a base and a list of scopes. The base is [Default] with
// what the files say at their top; a [Scope] changes some settings and rules for
// the resources that it matches, and later scopes win. [Config.For] answers which
// settings hold for one resource; rules see them as input.config under the
// same names as in the file. Where something that a scope asks about is not
// known, [Config.Undecided] says so, and nothing is guessed.
//
// A file can extend others, which are read before it: what comes later wins.
// [Config.Explain] says of every setting in which line of which file it stands.
//
// Loading is strict. A key that is not known, a value that cannot be meant and
// a key given twice are errors that name file, line and column, and all of
// them are reported at once: an auditor that overlooks a misspelt demand would
// report compliance that nobody checked. Only files are read, never the
// environment; what is in bundles is read by who has [Packs].
package config

import (
	"sync"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// DefaultReleaseTags is the pattern of release tags where none is configured:
// version numbers such as v1.2.3.
const DefaultReleaseTags = `^v?[0-9]+\.[0-9]+\.[0-9]+$`

// Config is one configuration. It must not be changed once [Config.For] has
// been called; from then on it can be used by several goroutines at once.
type Config struct {
	Organization Organization
	// Rules turns rules on and off and sets severities, by rule id.
	Rules map[string]RuleSetting
	// RulePaths are references to additional rules: files, folders, bundles and
	// artifacts. A relative path of the file has been resolved against the file's
	// own folder.
	RulePaths []string
	// RuleKeys are the files with public keys that verify bundles and artifacts.
	RuleKeys []string
	// Settings hold where no scope says otherwise.
	Settings Settings
	Scopes   []Scope
	// Waivers are those of all files, in their order.
	Waivers []Waiver
	// WaiverFiles are the files that waivers were read from, in their order, a
	// configuration file among them only where it has some.
	WaiverFiles []WaiverFile
	Waiving     Waiving
	// Path is where the configuration came from; empty for [Default].
	Path string

	// Files are the paths of all files that were read, in the order in which they
	// are laid over each other.
	Files []string
	// Sources are the same files as they are recorded in reports: each with its
	// digest, or that of the bundle or artifact that it is in.
	Sources []finding.Source

	origins  origins   // of what stands at the top of the files
	ruleUses []ruleUse // where rule ids stand in the files, in their order

	rulePathsAt map[string]namedAt

	compiled sync.Once
	table    []setting
	asks     [][]ask // of each scope

	mu        sync.RWMutex
	effective map[string]*Effective // by the set of scopes that hold
}

// Organization is what the file says of the AWS organization: used where AWS
// Organizations cannot be read, checked against it where it can.
type Organization struct {
	ID       string   // "o-…"; empty when the file does not say
	Accounts []string // account ids, 12 digits each
}

// RuleSetting is what a configuration says of a rule. Nil means that it says
// nothing: the rule is as its metadata has it.
type RuleSetting struct {
	Enabled  *bool
	Severity *finding.Severity
}

// over returns the setting with what s says on top of base.
func (s RuleSetting) over(base RuleSetting) RuleSetting {
	if s.Enabled != nil {
		base.Enabled = s.Enabled
	}
	if s.Severity != nil {
		base.Severity = s.Severity
	}
	return base
}

// ruleUse is one mention of a rule in the file.
type ruleUse struct {
	id           string
	path         string
	line, column int
}

// Settings are the demands that rules check, as rules see them in
// input.config. In JSON every field is present and no list or map is null.
// Lists and maps are shared between resources and must not be changed.
type Settings struct {
	// TrustedAccounts are accounts outside the organization that may have
	// access: account id to name, which may be empty.
	TrustedAccounts map[string]string `json:"trusted_accounts"`
	// VendorAccounts are accounts of vendors that may have access: account id to
	// the vendor's name, which may be empty.
	VendorAccounts map[string]string `json:"vendor_accounts"`
	// ReaderAccounts must be able to pull.
	ReaderAccounts []string `json:"reader_accounts"`
	// ReleaseTags is the RE2 pattern of the tags that mark a release.
	ReleaseTags string `json:"release_tags"`
	// ProtectedTags is the RE2 pattern of tags that no fix touches and whose
	// images are kept; empty stands for ReleaseTags. See
	// [Effective.ProtectedTagsRegexp].
	ProtectedTags string `json:"protected_tags"`
	// Protect are ECR wildcards of more such tags.
	Protect []string `json:"protect"`
	// ForbiddenTags are ECR wildcards of tags that no image may carry.
	ForbiddenTags []string `json:"forbidden_tags"`
	// TagPattern is the RE2 pattern that every tag must match; empty demands
	// nothing.
	TagPattern string `json:"tag_pattern"`
	// Vulnerabilities is how many scan findings of a severity (critical, high,
	// medium, low, informational, undefined, untriaged) a release may have. A
	// severity that is absent is not limited.
	Vulnerabilities map[string]int `json:"vulnerabilities"`
	Lifecycle       Lifecycle      `json:"lifecycle"`
	// RequiredTags are the keys of the resource tags that a repository must
	// carry, each with its allowed values; no values means any.
	RequiredTags map[string][]string `json:"required_tags"`
	Encryption   Encryption          `json:"encryption"`
	// Immutable says which tags must be immutable: release, all or none.
	Immutable string `json:"immutable"`
	// ScanOnPush demands that pushed images are scanned.
	ScanOnPush bool `json:"scan_on_push"`
	// RepositoryNames is the RE2 pattern that every repository name must match;
	// empty demands nothing.
	RepositoryNames  string           `json:"repository_names"`
	Ages             Ages             `json:"ages"`
	Limits           Limits           `json:"limits"`
	PullThroughCache PullThroughCache `json:"pull_through_cache"`
	// Retention are the classes of tags that do not stay for ever. The first
	// that matches a tag counts.
	Retention []RetentionClass `json:"retention"`
	Prices    Prices           `json:"prices"`
	// Fixes are the actions of fixes that may be carried out.
	Fixes []string `json:"fixes"`
	// WaivedByTags says that a repository can be excused by its own resource tags. No
	// rule sees it: what is waived is none of their business.
	WaivedByTags bool `json:"-"`
}

// Ages are in days.
type Ages struct {
	InUseDays  int `json:"in_use_days"` // what was pulled within these days is in use
	UnusedDays int `json:"unused_days"` // what was neither pushed nor pulled for these days is not used
	EmptyDays  int `json:"empty_days"`  // how long a repository may be empty
	ScanDays   int `json:"scan_days"`   // how old a scan result may be
}

// Limits are sizes and numbers; 0 limits nothing.
type Limits struct {
	Images         int     `json:"images"`         // the quota of images in a repository
	ImagesPercent  int     `json:"images_percent"` // the part of the quota that may be used
	UntaggedImages int     `json:"untagged_images"`
	ImageBytes     int64   `json:"image_bytes"`  // compressed, of one image
	MonthlyCost    float64 `json:"monthly_cost"` // of a repository, in the currency of Prices
}

// PullThroughCache says what may be cached.
type PullThroughCache struct {
	Upstreams []string `json:"upstreams"` // wildcards over upstream addresses; empty allows any
}

// RetentionClass is a class of tags and how long they stay. A tag whose image is
// among the newest, or pushed within the days, stays.
type RetentionClass struct {
	Name       string `json:"name"`
	Tags       string `json:"tags"`    // RE2; what its groups capture makes classes of their own
	Exclude    string `json:"exclude"` // RE2 of tags that are not in the class; empty for none
	KeepNewest int    `json:"keep_newest"`
	KeepDays   int    `json:"keep_days"`
}

// Prices are storage prices per GB (2^30 bytes) and month.
type Prices struct {
	Currency string             `json:"currency"`
	Standard float64            `json:"standard"`
	Archive  float64            `json:"archive"`
	Regions  map[string]float64 `json:"regions"` // of standard storage, where they differ
}

// Lifecycle is the least that lifecycle policies must do.
type Lifecycle struct {
	Required bool     `json:"required"` // a repository needs a policy at all
	Untagged bool     `json:"untagged"` // untagged images must expire
	DevTags  []string `json:"dev_tags"` // ECR wildcards of tags whose images must expire
	// MaxDays is the longest time in days until they expire; 0 means that any
	// limit will do.
	MaxDays int `json:"max_days"`
}

// Encryption is the least encryption that is accepted.
type Encryption struct {
	Type string `json:"type"` // AES256, KMS or KMS_DSSE, weakest first
	// KMSKeys are the ARNs of the accepted keys; empty accepts any key.
	KMSKeys []string `json:"kms_keys"`
}

// gigabyte is what AWS bills storage by: 2^30 bytes.
const gigabyte = 1 << 30

// Monthly is what it costs to store so many bytes for a month in a region.
func (p Prices) Monthly(region string, bytes int64, archived bool) float64 {
	price := p.Standard
	if regional, ok := p.Regions[region]; ok {
		price = regional
	}
	if archived {
		price = p.Archive
	}
	return price * float64(bytes) / gigabyte
}

// Default returns the configuration that holds without a file.
func Default() *Config {
	return &Config{
		Organization: Organization{Accounts: []string{}},
		Rules:        map[string]RuleSetting{},
		RulePaths:    []string{},
		RuleKeys:     []string{},
		Settings: Settings{
			TrustedAccounts: map[string]string{},
			VendorAccounts:  map[string]string{},
			ReaderAccounts:  []string{},
			Protect:         []string{},
			ForbiddenTags:   []string{"latest"},
			ReleaseTags:     DefaultReleaseTags,
			Vulnerabilities: map[string]int{"critical": 0, "high": 0},
			Lifecycle:       Lifecycle{Required: true, Untagged: true, DevTags: []string{}},
			RequiredTags:    map[string][]string{},
			Encryption:      Encryption{Type: "AES256", KMSKeys: []string{}},
			Immutable:       "release",
			ScanOnPush:      true,
			Ages:            Ages{InUseDays: 30, UnusedDays: 180, EmptyDays: 30, ScanDays: 30},
			Limits:          Limits{Images: 20000, ImagesPercent: 80, UntaggedImages: 100},

			PullThroughCache: PullThroughCache{Upstreams: []string{}},
			Retention:        []RetentionClass{},
			Prices:           Prices{Currency: "USD", Standard: 0.10, Archive: 0.10, Regions: map[string]float64{}},
			Fixes:            fixActions(),
		},
		Scopes:  []Scope{},
		Waiving: Waiving{MaxDays: 365},
		Files:   []string{},
		origins: newOrigins(Place{}),
	}
}
