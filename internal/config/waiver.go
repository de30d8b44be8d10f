package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Waiver excuses findings of some rules, with a reason, until a day.
type Waiver struct {
	// Rules are the ids of the rules whose findings are excused.
	Rules []string
	// Match says where: as for a scope. It is empty where Fingerprint, Digests or
	// ImageTags alone say which findings are meant.
	Match Match
	// Digests and ImageTags are globs over the image that a finding is on, and
	// over its tags. A finding on no image matches none.
	Digests, ImageTags []string
	// Fingerprint is that of the only finding that is excused; empty for all that
	// match.
	Fingerprint string
	// Reason, Owner, Ticket and ApprovedBy are text on one line.
	Reason, Owner, Ticket, ApprovedBy string
	// Until is the last day that counts, ApprovedOn the day of the approval, both
	// at midnight UTC. ApprovedOn is zero without one.
	Until, ApprovedOn time.Time

	at                         Place
	rulesAt, until, approvedOn column
}

// column is where in a file a value begins.
type column struct{ line, column int }

// Waiving says which waivers there may be.
type Waiving struct {
	// MaxDays is how many days from now a waiver may hold at most; 0 is no limit.
	MaxDays int
	// Approval is the severity from which on a waiver must be approved; nil is
	// none.
	Approval *finding.Severity
}

// WaiverFile is a file that waivers were read from.
type WaiverFile struct {
	Path    string
	SHA256  string // 64 hex digits, of the file's bytes
	Waivers int
}

// Place is where the waiver begins.
func (w *Waiver) Place() Place { return w.at }

// Expired reports whether a waiver does not hold any more at a moment. It holds
// until the end of its last day in UTC.
func (w *Waiver) Expired(at time.Time) bool { return DayOf(at).After(w.Until) }

// Approved reports whether somebody took responsibility.
func (w *Waiver) Approved() bool { return w.ApprovedBy != "" && !w.ApprovedOn.IsZero() }

// DaysLeft is how many days a waiver still holds after the day of a moment: 0 on
// its last day, negative once it has ended.
func (w *Waiver) DaysLeft(at time.Time) int {
	return daysFrom(DayOf(at), w.Until)
}

// daysFrom counts the days from one day to another, however far they are apart.
func daysFrom(from, to time.Time) int {
	const day = 24 * 60 * 60 // seconds
	return int((to.Unix() - from.Unix()) / day)
}

// DayOf is the day of a moment, in UTC.
func DayOf(at time.Time) time.Time {
	year, month, day := at.UTC().Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// Day writes a day as in 2027-01-31.
func Day(at time.Time) string { return at.Format(time.DateOnly) }

// Where says in a few words which findings the waiver is for.
func (w *Waiver) Where() string {
	var parts []string
	for _, c := range Criteria() {
		if w.Match.given(c) {
			parts = append(parts, string(c)+" "+w.Match.describe(c))
		}
	}
	for _, image := range []struct {
		name  string
		globs []string
	}{{"digests", w.Digests}, {"image_tags", w.ImageTags}} {
		if len(image.globs) > 0 {
			parts = append(parts, image.name+" "+strings.Join(image.globs, ", "))
		}
	}
	if w.Fingerprint != "" {
		parts = append(parts, "fingerprint "+w.Fingerprint)
	}
	return strings.Join(parts, "; ")
}

// Identity is the same for a waiver whatever its place in the file, its reason and
// its dates: it says what is excused.
func (w *Waiver) Identity() string {
	rules := slices.Clone(w.Rules)
	slices.Sort(rules)
	sum := sha256.Sum256([]byte(strings.Join(rules, ",") + "\x00" + w.Where()))
	return hex.EncodeToString(sum[:8])
}

// Holds says of a waiver whether it is for a resource, as far as the resource
// decides that.
type Holds int8

// The answers of [Waivers.Of].
const (
	HoldsNot Holds = iota
	HoldsUnsure
	HoldsSurely
)

// Waivers are the waivers of a configuration, compiled.
type Waivers struct {
	Waiving       Waiving
	ByTags        bool // somewhere, resource tags can excuse
	all           []compiledWaiver
	byRule        map[string][]int // those without a fingerprint
	byFingerprint map[string][]int
}

type compiledWaiver struct {
	*Waiver
	asks               []ask
	digests, imageTags func(string) bool // nil where it is not asked for
}

// CompileWaivers makes the waivers ready to be asked. What it returns can be used
// by several goroutines at once.
func (c *Config) CompileWaivers() *Waivers {
	compiled := &Waivers{
		Waiving: c.Waiving, ByTags: c.MayWaiveByTags(), all: make([]compiledWaiver, len(c.Waivers)),
		byRule: map[string][]int{}, byFingerprint: map[string][]int{},
	}
	for i := range c.Waivers {
		w := &c.Waivers[i]
		one := compiledWaiver{Waiver: w, asks: w.Match.asks()}
		if len(w.Digests) > 0 {
			one.digests = anyGlob(w.Digests)
		}
		if len(w.ImageTags) > 0 {
			one.imageTags = anyGlob(w.ImageTags)
		}
		compiled.all[i] = one
		if w.Fingerprint != "" {
			compiled.byFingerprint[w.Fingerprint] = append(compiled.byFingerprint[w.Fingerprint], i)
			continue
		}
		for _, rule := range w.Rules {
			compiled.byRule[rule] = append(compiled.byRule[rule], i)
		}
	}
	return compiled
}

// Len is how many there are.
func (w *Waivers) Len() int { return len(w.all) }

// At is one of them, by its number in the order of the files.
func (w *Waivers) At(i int) *Waiver { return w.all[i].Waiver }

// For calls ask with the number of each waiver that may be for a finding of its
// rule and fingerprint, those by fingerprint first.
func (w *Waivers) For(f *finding.Finding, ask func(i int)) {
	for _, i := range w.byFingerprint[f.Fingerprint] {
		if slices.Contains(w.all[i].Rules, f.Rule) {
			ask(i)
		}
	}
	for _, i := range w.byRule[f.Rule] {
		ask(i)
	}
}

// Of says whether a waiver is for a resource.
func (w *Waivers) Of(i int, r *Resource) Holds { return Holds(holds(w.all[i].asks, r)) }

// In reports for every waiver whether it may be for a resource.
func (w *Waivers) In(r Resource) []bool {
	may := make([]bool, len(w.all))
	for i := range may {
		may[i] = w.Of(i, &r) != HoldsNot
	}
	return may
}

// Doubt says why it is not known whether a waiver is for a resource.
func (w *Waivers) Doubt(i int, r *Resource) string { return doubt(w.all[i].asks, r) }

// OfImage says whether a waiver is for the image that a finding is on. A finding
// that names no tag is on all tags of its image, which tags returns.
func (w *Waivers) OfImage(i int, f *finding.Finding, tags func(digest string) []string) bool {
	one := &w.all[i]
	if one.digests != nil && (f.Digest == "" || !one.digests(f.Digest)) {
		return false
	}
	switch {
	case one.imageTags == nil:
		return true
	case f.Tag != "":
		return one.imageTags(f.Tag)
	case f.Digest == "":
		return false
	}
	return slices.ContainsFunc(tags(f.Digest), one.imageTags)
}

// CheckWaivers refuses waivers that were not allowed to be written: that end
// further from today than waiving.max_days, or lack an approval although the
// severity of a rule surely demands one. rules are all rules that there are.
func (c *Config) CheckWaivers(today time.Time, rules []RuleDefault) error {
	var found []*Error
	for i := range c.Waivers {
		w := &c.Waivers[i]
		fail := func(at column, format string, args ...any) {
			found = append(found, &Error{Path: w.at.Path, Line: at.line, Column: at.column, Message: "waivers: " + fmt.Sprintf(format, args...)})
		}
		if why := c.Waiving.TooFar(w.Until, today); why != "" {
			fail(w.until, "until %s", why)
		}
		if w.ApprovedOn.After(DayOf(today)) {
			fail(w.approvedOn, "approved_on %s is still to come: write the day on which it was approved", Day(w.ApprovedOn))
		}
		half := w.ApprovedBy != "" || !w.ApprovedOn.IsZero() // which is a mistake of its own
		if half {
			continue
		}
		for _, rule := range rules {
			if c.Waiving.TakesApproval(rule.Severity) && slices.Contains(w.Rules, rule.ID) && !c.setsSeverity(rule.ID) {
				fail(w.rulesAt, "findings of %s are %s, which nobody may excuse without approval (waiving.approval): add approved_by and approved_on", rule.ID, rule.Severity)
			}
		}
	}
	return joinErrors(c.Path, found)
}

// TakesApproval reports whether findings of a severity are only excused by a waiver that
// is approved.
func (w Waiving) TakesApproval(s finding.Severity) bool {
	return w.Approval != nil && s >= *w.Approval
}

// TooFar says why a waiver may not hold until a day, or "".
func (w Waiving) TooFar(until, today time.Time) string {
	latest := DayOf(today).AddDate(0, 0, w.MaxDays)
	if w.MaxDays == 0 || !until.After(latest) {
		return ""
	}
	return fmt.Sprintf("%s is %d days away, and waiving.max_days allows %d: write %s or earlier", Day(until), daysFrom(DayOf(today), until), w.MaxDays, Day(latest))
}

// setsSeverity reports whether the configuration says how severe a rule is
// anywhere.
func (c *Config) setsSeverity(id string) bool {
	says := func(rules map[string]RuleSetting) bool { return rules[id].Severity != nil }
	return says(c.Rules) || slices.ContainsFunc(c.Scopes, func(s Scope) bool { return says(s.Rules) })
}

// HoldingWaiver is a waiver that is, or may be, for a repository.
type HoldingWaiver struct {
	At      string `json:"at"` // file and line, or the key of a resource tag
	Rules   string `json:"rules"`
	Where   string `json:"where"`
	Until   string `json:"until"`
	State   string `json:"state"`   // in force, expired
	Verdict string `json:"verdict"` // holds, depends
	Why     string `json:"why,omitempty"`
	Owner   string `json:"owner"` // empty for a tag that names none
	Reason  string `json:"reason"`
}

// WaiversFor are the waivers that are, or may be, for a resource. Those that are
// for one finding only are left out: which resource it is on is not known here.
func (c *Config) WaiversFor(r Resource, today time.Time) []HoldingWaiver {
	compiled := c.CompileWaivers()
	all := []HoldingWaiver{}
	prevailing := c.prevailingFor(compiled, r, today)
	for i := range c.Waivers {
		w := &c.Waivers[i]
		verdict := compiled.Of(i, &r)
		if verdict == HoldsNot || w.Fingerprint != "" && w.Match.empty() {
			continue
		}
		h := HoldingWaiver{
			At: w.at.String(), Rules: strings.Join(w.Rules, ", "), Where: w.Where(), Until: Day(w.Until), State: "in force", Verdict: "holds",
			Owner: w.Owner, Reason: w.Reason,
		}
		if w.Expired(today) {
			h.State = "expired"
		}
		if verdict == HoldsUnsure {
			h.Verdict, h.Why = "depends", "on "+compiled.Doubt(i, &r)
		} else if h.State == "in force" {
			h.Why = c.yields(i, prevailing)
		}
		all = append(all, h)
	}
	return append(all, c.tagWaiversFor(r, today)...)
}

// tagWaiversFor are the waivers among the tags of a repository, those left out
// that cannot be read.
func (c *Config) tagWaiversFor(r Resource, today time.Time) (all []HoldingWaiver) {
	on, doubt := c.WaivedByTags(r)
	if !on && doubt == "" {
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(r.Tags)) {
		rule, ours := strings.CutPrefix(key, TagWaiverPrefix)
		w, err := ParseTagWaiver(r.Tags[key])
		if !ours || err != nil || c.Waiving.TooFar(w.Until, today) != "" {
			continue
		}
		h := HoldingWaiver{
			At: "tag " + key, Rules: rule, Where: "this repository", Until: Day(w.Until), State: "in force", Verdict: "holds", Owner: w.Owner, Reason: w.Reason,
		}
		if DayOf(today).After(w.Until) {
			h.State = "expired"
		}
		if doubt != "" {
			h.Verdict, h.Why = "depends", "on "+doubt
		}
		all = append(all, h)
	}
	return all
}

// settingWaivedByTags is the key of [Settings.WaivedByTags].
const settingWaivedByTags = "waiving.tags"

// MayWaiveByTags reports whether resource tags can excuse somewhere: at the top of the
// files, or because a scope says so.
func (c *Config) MayWaiveByTags() bool {
	return c.Settings.WaivedByTags || slices.ContainsFunc(c.Scopes, func(s Scope) bool { return s.Settings.WaivedByTags })
}

// WaivedByTags reports whether the tags of a repository can excuse it. doubt says why
// that is not known, and is empty where it is; tags excuse nothing then.
func (c *Config) WaivedByTags(r Resource) (on bool, doubt string) {
	on = c.For(r).Settings.WaivedByTags
	c.unsettled(r, func(scope *Scope) bool { return slices.Contains(scope.Named, settingWaivedByTags) }, func(scope *Scope) {
		if scope.Settings.WaivedByTags != on && doubt == "" {
			doubt = scope.doubt(&r)
		}
	})
	return on && doubt == "", doubt
}

// doubt says why it is not known whether the scope holds for a resource.
func (s *Scope) doubt(r *Resource) string { return doubt(s.Match.asks(), r) }

// Reach is what a run looked at, as far as it decides whether a waiver that
// excused nothing could excuse something elsewhere.
type Reach struct {
	Accounts *Accounts
	// Everyone are the ids of all accounts in which there can be something; nil
	// where they are not known.
	Everyone []string
	// Read are the regions of each account that were read whole, Unread those of
	// which something was not. "" stands for the account as a whole.
	Read, Unread map[string][]string
	// AllRegions says that these are all regions in which there can be something.
	AllRegions bool
}

// Within reports whether everything was looked at that a waiver can be for.
func (reach *Reach) Within(w *Waiver) bool {
	accounts := reach.Everyone
	if accounts == nil {
		accounts = w.Match.Accounts
		if len(accounts) == 0 || slices.ContainsFunc(accounts, isWild) {
			return false
		}
	}
	asks := (&Match{Accounts: w.Match.Accounts, AccountNames: w.Match.AccountNames, Units: w.Match.Units, AccountTags: w.Match.AccountTags}).asks()
	for _, id := range accounts {
		r := reach.Accounts.Target(snapshot.Target{Account: id})
		if holds(asks, &r) != no && !reach.read(id, w.Match.Regions) {
			return false
		}
	}
	return true
}

// read reports whether those regions of an account were read whole that a waiver
// can be for.
func (reach *Reach) read(account string, regions []string) bool {
	meant := anyGlob(regions)
	for _, region := range reach.Unread[account] {
		if region == "" || len(regions) == 0 || meant(region) {
			return false
		}
	}
	read := reach.Read[account]
	if reach.AllRegions {
		return len(read) > 0
	}
	return len(regions) > 0 && !slices.ContainsFunc(regions, func(region string) bool { return isWild(region) || !slices.Contains(read, region) })
}

func isWild(glob string) bool { return strings.ContainsAny(glob, "*?") }

// TagWaiverPrefix begins the key of a resource tag that excuses a repository from
// the rule whose id follows.
const TagWaiverPrefix = "ecraudit:waive/"

// TagWaiver is what the value of such a tag says.
type TagWaiver struct {
	Until                 time.Time
	Reason, Owner, Ticket string // Owner and Ticket are empty where it names none
}

var tagWord = regexp.MustCompile(`^(owner|ticket)=(.*)$`)

// ParseTagWaiver reads the value of a tag that excuses: a day, then the reason, in
// which words such as owner=NAME and ticket=ID can stand anywhere. The error says
// what is missing.
func ParseTagWaiver(value string) (TagWaiver, error) {
	words := strings.Fields(value)
	if len(words) == 0 {
		return TagWaiver{}, fmt.Errorf("it is empty: write a day and a reason, as in \"2027-01-31 replaced in March owner=team-a\"")
	}
	until, err := parseDay(words[0])
	if err != nil {
		return TagWaiver{}, fmt.Errorf("%s is not a day: begin with one such as 2027-01-31", quote(words[0]))
	}
	w := TagWaiver{Until: until}
	var reason []string
	for _, word := range words[1:] {
		m := tagWord.FindStringSubmatch(word)
		switch {
		case m == nil:
			reason = append(reason, word)
		case m[2] == "":
			return TagWaiver{}, fmt.Errorf("%s= names nobody: write %s=NAME, or leave it out", m[1], m[1])
		case m[1] == "owner" && w.Owner == "":
			w.Owner = m[2]
		case m[1] == "ticket" && w.Ticket == "":
			w.Ticket = m[2]
		default:
			return TagWaiver{}, fmt.Errorf("%s= stands in it twice: leave one of the two out", m[1])
		}
	}
	w.Reason = strings.Join(reason, " ")
	if w.Reason == "" {
		return TagWaiver{}, fmt.Errorf("it has no reason: write one after the day, as in \"2027-01-31 replaced in March\"")
	}
	return w, nil
}

// parseDay reads a day such as 2027-01-31.
func parseDay(text string) (time.Time, error) {
	day, err := time.Parse(time.DateOnly, text)
	if err == nil && day.Year() < 2000 {
		err = fmt.Errorf("%s is long past", text)
	}
	return day, err
}
