package remediate

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed" // for the schema
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Schema names the plan document and its version.
const Schema = "ecraudit.plan/v1"

//go:embed schema/plan.v1.json
var schemaJSON []byte

// SchemaJSON returns the JSON Schema (draft 2020-12) of the plan document.
func SchemaJSON() []byte { return slices.Clone(schemaJSON) }

// Plan is what is to be changed, and what cannot be. The same snapshot, rules
// and configuration give the same plan, byte for byte.
type Plan struct {
	Schema string `json:"schema"`
	// Digest is "sha256:<64 hex>" over the plan with this field empty. It shows
	// that a plan was altered; it does not say by whom one was made.
	Digest       string    `json:"digest"`
	Version      string    `json:"version"` // of ecraudit
	Clock        time.Time `json:"clock"`   // when what it is made from was collected, UTC
	Organization string    `json:"organization"`
	Partition    string    `json:"partition"`
	RulesDigest  string    `json:"rules_digest"`
	Complete     bool      `json:"complete"` // false when something could not be read
	Changes      []Change  `json:"changes"`
	Left         []Left    `json:"left"`
	// NotChosen is how many more changes there would be of a higher risk than was
	// asked for.
	NotChosen int `json:"not_chosen"`
}

// Change is what happens to one document, setting or image.
type Change struct {
	ID   string `json:"id"` // the same for the same change of any plan
	Kind Kind   `json:"kind"`
	snapshot.Target
	AccountName string   `json:"account_name,omitempty"`
	Repository  string   `json:"repository,omitempty"` // empty for changes of the registry
	Image       *Image   `json:"image,omitempty"`
	Summary     []string `json:"summary"` // what changes, in words
	Risk        Risk     `json:"risk"`
	Why         []Why    `json:"why"`
	Steps       []Step   `json:"steps"`
	Loses       []string `json:"loses,omitempty"` // who can do less than before, in words
	Gains       []string `json:"gains,omitempty"`
	Expiry      *Expiry  `json:"expiry,omitempty"`
	After       []string `json:"after,omitempty"` // changes that come first
	Notes       []string `json:"notes,omitempty"`
}

// Image is the image that a change is about, as the plan saw it.
type Image struct {
	Digest    string    `json:"digest"`
	Tags      []string  `json:"tags"`
	SizeBytes int64     `json:"size_bytes"`
	PushedAt  time.Time `json:"pushed_at,omitzero"`
	// LastPulledAt is the last pull that AWS has recorded; zero for none.
	LastPulledAt time.Time `json:"last_pulled_at,omitzero"`
	// Protected is the RE2 pattern of tags that are never taken away.
	Protected string `json:"protected,omitempty"`
}

// Why is a finding that a change mends.
type Why struct {
	Fingerprint string           `json:"fingerprint"`
	Rule        string           `json:"rule"`
	Severity    finding.Severity `json:"severity"`
	Message     string           `json:"message"`
}

// Left is a finding that no change mends, and why.
type Left struct {
	Why
	snapshot.Target
	Repository string   `json:"repository,omitempty"`
	Digest     string   `json:"digest,omitempty"`
	Tag        string   `json:"tag,omitempty"`
	Reason     string   `json:"reason"`
	Steps      []string `json:"steps,omitempty"` // what a person would do
}

// Kind is a kind of change.
type Kind string

// The kinds of change, in the order in which those of one repository are
// carried out: what expires images comes last, so that it is compared with
// AWS's preview of the images as they then are.
const (
	KindPolicy     Kind = "policy"
	KindScanning   Kind = "scanning"
	KindMutability Kind = "mutability"
	KindTags       Kind = "tags"
	KindTemplate   Kind = "template"
	KindUntag      Kind = "untag"
	KindArchive    Kind = "archive"
	KindScan       Kind = "scan"
	KindLifecycle  Kind = "lifecycle"
	KindRestore    Kind = "restore"
	KindPurge      Kind = "purge"
)

// Kinds returns the kinds of changes that fix findings.
func Kinds() []Kind {
	return []Kind{KindPolicy, KindScanning, KindMutability, KindTags, KindTemplate, KindUntag, KindArchive, KindScan, KindLifecycle}
}

// AllKinds returns those and the kinds of quarantine commands.
func AllKinds() []Kind { return append(Kinds(), KindRestore, KindPurge) }

func (k Kind) order() int { return slices.Index(AllKinds(), k) }

// Risk says how closely a change should be looked at.
type Risk string

// The risks. A safe change takes nothing away from anybody. One to review takes
// away access, a tag or the freedom to change something, and can be undone. A
// destructive one lets AWS delete images, which cannot.
const (
	RiskSafe        Risk = "safe"
	RiskReview      Risk = "review"
	RiskDestructive Risk = "destructive"
)

// Risks returns all risks, smallest first.
func Risks() []Risk { return []Risk{RiskSafe, RiskReview, RiskDestructive} }

// Within reports whether the risk is at most the other.
func (r Risk) Within(most Risk) bool {
	return slices.Index(Risks(), r) <= slices.Index(Risks(), most)
}

// Expiry is what a lifecycle policy would expire at once, by the simulation.
type Expiry struct {
	Images []string `json:"images"` // digests, sorted
	Bytes  int64    `json:"bytes"`
	// Already is how many of these the present policy would expire as well.
	Already int `json:"already"`
	// Protected is the RE2 pattern of tags whose images should not expire, and
	// RecentDays the days within which a pull says that an image is in use.
	Protected  string   `json:"protected"`
	RecentDays int      `json:"recent_days"`
	Releases   []string `json:"releases,omitempty"` // digests of Images that carry a protected tag
	Recent     []string `json:"recent,omitempty"`   // digests of Images that were pulled recently
	Undecided  int      `json:"undecided,omitempty"`
}

// finish orders the plan and seals it.
func (p *Plan) finish() {
	slices.SortFunc(p.Changes, func(a, b Change) int {
		return cmp.Or(a.Target.Compare(b.Target), cmp.Compare(a.Repository, b.Repository), cmp.Compare(a.Kind.order(), b.Kind.order()), cmp.Compare(a.ID, b.ID))
	})
	p.relate()
	slices.SortFunc(p.Left, func(a, b Left) int {
		return cmp.Or(a.Target.Compare(b.Target), cmp.Compare(a.Repository, b.Repository), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	p.Changes = append([]Change{}, p.Changes...)
	p.Left = append([]Left{}, p.Left...)
	p.Digest = p.digest()
}

// relate says what was seen of each step, and which changes come before a
// lifecycle policy: it is compared with AWS's preview of the images as those
// leave them.
func (p *Plan) relate() {
	for i := range p.Changes {
		c := &p.Changes[i]
		for j := range c.Steps {
			c.Steps[j].Seen = c.Steps[j].From.digest()
		}
		if c.Kind != KindLifecycle {
			continue
		}
		c.After = nil
		for _, other := range p.Changes[:i] {
			if other.Target == c.Target && other.Repository == c.Repository && (other.Kind == KindUntag || other.Kind == KindArchive) {
				c.After = append(c.After, other.ID)
			}
		}
	}
}

func (s State) digest() string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // as in encode
	}
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func (p *Plan) digest() string {
	unsealed := *p
	unsealed.Digest = ""
	sum := sha256.Sum256(unsealed.encode())
	return "sha256:" + hex.EncodeToString(sum[:])
}

func (p *Plan) encode() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(p); err != nil {
		panic(err) // strings, numbers and times can always be encoded
	}
	return b.Bytes()
}

// WriteTo writes the plan as indented JSON.
func (p *Plan) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(p.encode())
	return int64(n), err
}

// maxPlan is the largest plan that is read, in bytes.
const maxPlan = 1 << 30

// ReadPlan reads a plan back. It refuses one that was altered, damaged or
// written by another version of the schema; name is for the error.
func ReadPlan(r io.Reader, name string) (*Plan, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxPlan))
	if err != nil {
		return nil, fmt.Errorf("reading the plan %s: %w", name, snapshot.Cause(err))
	}
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, fmt.Errorf("%s is not a plan, but something else or a part of one; make one with: ecraudit plan -o FILE", name)
	}
	if head.Schema != Schema {
		return nil, fmt.Errorf("%s is not a plan of this version: its schema is %q, not %q; make one with: ecraudit plan -o FILE", name, head.Schema, Schema)
	}
	var p Plan
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil {
		return nil, fmt.Errorf("%s: %w: %w; make it again with: ecraudit plan -o FILE", name, errAltered, err)
	}
	if key, twice := repeatedKey(json.NewDecoder(bytes.NewReader(text))); twice {
		return nil, fmt.Errorf("%s: %w: it has %q twice in one place; make it again with: ecraudit plan -o FILE", name, errAltered, key)
	}
	if p.digest() != p.Digest {
		return nil, fmt.Errorf("%s: %w: its content does not have the digest that it names; make it again with: ecraudit plan -o FILE", name, errAltered)
	}
	return &p, nil
}

// repeatedKey finds a key that an object has twice, of which a reader may see
// another one than the program.
func repeatedKey(d *json.Decoder) (key string, found bool) {
	token, err := d.Token()
	if err != nil {
		return "", false
	}
	switch token {
	case json.Delim('{'):
		seen := map[string]bool{}
		for d.More() {
			token, err := d.Token()
			key, isKey := token.(string)
			if err != nil || !isKey || seen[key] {
				return key, err == nil
			}
			seen[key] = true
			if key, found := repeatedKey(d); found {
				return key, true
			}
		}
		_, _ = d.Token() // the text was decoded before
	case json.Delim('['):
		for d.More() {
			if key, found := repeatedKey(d); found {
				return key, true
			}
		}
		_, _ = d.Token()
	}
	return "", false
}

var errAltered = errors.New("the plan was altered after it was made")

// CheckAge refuses a plan that is too old.
func (p *Plan) CheckAge(now time.Time, most time.Duration) error {
	if age := now.Sub(p.Clock); age > most {
		return fmt.Errorf("the plan is from %s, %s ago, and --max-age is %s: make it again", p.Clock.Format(time.RFC3339), age.Round(time.Minute), most)
	}
	return nil
}

// CheckOrganization refuses a plan that was made for another organization than
// the one of the credentials; id is empty when that one is not known.
func (p *Plan) CheckOrganization(id, partition string) error {
	switch {
	case p.Partition != "" && p.Partition != partition:
		return fmt.Errorf("the plan is for the partition %s, and the credentials are of %s: use credentials of %s", p.Partition, partition, p.Partition)
	case p.Organization == id:
		return nil
	case id == "":
		return fmt.Errorf("the plan is for the organization %s, and which one the credentials belong to could not be read: allow organizations:DescribeOrganization, or say organization.id in ecraudit.yaml", p.Organization)
	case p.Organization == "":
		return fmt.Errorf("the plan was made without knowing its organization, and the credentials belong to %s: make it again", id)
	}
	return fmt.Errorf("the plan is for the organization %s, and the credentials belong to %s: use credentials of %s", p.Organization, id, p.Organization)
}

// Filter is a choice among the changes of a plan; its zero value is all.
type Filter struct {
	Rules      []string // of which every finding of a change must be; none is all
	Repository func(name string) bool
	MaxRisk    Risk
}

// Choose splits the changes of a plan into those that the filter lets through
// and the others.
func (p *Plan) Choose(f Filter) (chosen, others []Change) {
	for _, c := range p.Changes {
		if f.lets(&c) {
			chosen = append(chosen, c)
		} else {
			others = append(others, c)
		}
	}
	return chosen, others
}

func (f Filter) lets(c *Change) bool {
	if f.Repository != nil && (c.Repository == "" || !f.Repository(c.Repository)) {
		return false
	}
	if f.MaxRisk != "" && !c.Risk.Within(f.MaxRisk) {
		return false
	}
	return len(f.Rules) == 0 || !slices.ContainsFunc(c.Why, func(w Why) bool { return !slices.Contains(f.Rules, w.Rule) })
}

// identify gives a change its id: a hash over what it is about, so that it is
// the same in every plan.
func (c *Change) identify() {
	var digest string
	if c.Image != nil {
		digest = c.Image.Digest
	}
	names := make([]string, 0, len(c.Steps))
	for _, s := range c.Steps {
		names = append(names, string(s.Aspect)+" "+s.Name)
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{string(c.Kind), c.Account, c.Region, c.Repository, digest, strings.Join(names, "\n")}, "\x00")))
	c.ID = hex.EncodeToString(sum[:])[:12]
}

// Where is the place of a change: "111122223333/eu-west-1/team/api".
func (c *Change) Where() string {
	if c.Repository == "" {
		return c.Target.String()
	}
	return c.Target.String() + "/" + c.Repository
}
